//! Incidents and who was told of them. Survives restarts; and since each write reads first, inside one transaction, two
//! processes that look at the same time keep one incident, and one of them tells it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Reader, Store, codes::time_out};
use crate::{
    alert::{Incident, Kind, Notice, TargetState, Telling},
    ids::Millis,
    store::Result,
};

/// Ended incidents that stay listed: this many, and this long.
const HISTORY: i64 = 10_000;
const HISTORY_MS: i64 = 400 * 24 * 60 * 60 * 1000;

const COLUMNS: &str = "i.id, i.company, i.kind, i.subject, i.began, i.seen, i.ended, i.facts";

/// `None` for a row that only a later version can read.
fn incident(row: &Row<'_>) -> rusqlite::Result<Option<Incident>> {
    let kind: String = row.get(2)?;
    let facts: String = row.get(7)?;
    let (Some(kind), Ok(alert)) = (Kind::from_word(&kind), serde_json::from_str(&facts)) else {
        return Ok(None);
    };
    Ok(Some(Incident {
        id: Some(row.get(0)?),
        company: row.get(1)?,
        kind,
        subject: row.get(3)?,
        began: Millis(row.get(4)?),
        seen: Millis(row.get(5)?),
        ended: time_out(row.get(6)?),
        alert,
    }))
}

fn open_incidents(conn: &Connection) -> Result<Vec<Incident>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM incident i WHERE i.ended = 0 ORDER BY i.id"
    ))?;
    let rows = statement.query_map([], incident)?;
    Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

fn target_state(conn: &Connection, target: &str) -> Result<(i64, TargetState)> {
    let row: Option<(i64, String)> = conn
        .prepare_cached("SELECT busy, state FROM target WHERE name = ?")?
        .query_row([target], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // A state that does not read is as good as none: at worst something is told once more.
    Ok(row.map_or((0, TargetState::default()), |(busy, state)| {
        (busy, serde_json::from_str(&state).unwrap_or_default())
    }))
}

fn keep_state(conn: &Connection, target: &str, state: &TargetState) -> Result<()> {
    let state = serde_json::to_string(state).unwrap_or_else(|_| "{}".to_owned());
    conn.prepare_cached(
        "INSERT INTO target (name, busy, state) VALUES (?1, 0, ?2)
         ON CONFLICT DO UPDATE SET busy = 0, state = excluded.state",
    )?
    .execute([target, &state])?;
    Ok(())
}

impl Store {
    /// Gives the open incidents to `tend` and keeps what it changed; returns that, new ones with their number.
    pub fn tend_incidents(
        &mut self,
        tend: impl FnOnce(&[Incident]) -> Vec<Incident>,
    ) -> Result<Vec<Incident>> {
        let tx = self.begin()?;
        let mut changed = tend(&open_incidents(&tx)?);
        for incident in &mut changed {
            let facts = serde_json::to_string(&incident.alert).unwrap_or_default();
            let ended = incident.ended.map_or(0, |at| at.0);
            match incident.id {
                Some(id) => {
                    tx.prepare_cached("UPDATE incident SET seen = ?, ended = ?, facts = ? WHERE id = ?")?
                        .execute(params![incident.seen.0, ended, facts, id])?;
                }
                None => {
                    tx.prepare_cached(
                        "INSERT INTO incident (company, kind, subject, began, seen, ended, facts)
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        incident.company,
                        incident.kind.as_str(),
                        incident.subject,
                        incident.began.0,
                        incident.seen.0,
                        ended,
                        facts
                    ])?;
                    let id = tx.last_insert_rowid();
                    incident.id = Some(id);
                    for sql in [
                        "DELETE FROM telling WHERE incident IN
                           (SELECT id FROM incident WHERE ended <> 0 AND (id <= ?1 OR ended < ?2))",
                        "DELETE FROM incident WHERE ended <> 0 AND (id <= ?1 OR ended < ?2)",
                    ] {
                        tx.prepare_cached(sql)?
                            .execute([id - HISTORY, incident.began.0 - HISTORY_MS])?;
                    }
                }
            }
        }
        if changed.is_empty() {
            return Ok(changed);
        }
        tx.commit()?;
        Ok(changed)
    }

    /// Asks `due` what the target is to be told and, when that is anything, keeps other processes from telling it for
    /// `hold_ms`. Nothing when another process is telling it now. A holder that dies tells it again: twice is better
    /// than never.
    pub fn claim_target(
        &mut self,
        target: &str,
        now: Millis,
        hold_ms: i64,
        due: impl FnOnce(&[Incident], &BTreeMap<i64, Telling>, &TargetState) -> Vec<Notice>,
    ) -> Result<Vec<Notice>> {
        let tx = self.begin()?;
        let (busy, state) = target_state(&tx, target)?;
        // A time far ahead was written by a clock that was wrong.
        if busy > now.0 && busy <= now.0 + hold_ms {
            return Ok(Vec::new());
        }
        let mut incidents = open_incidents(&tx)?;
        {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM telling t JOIN incident i ON i.id = t.incident
                 WHERE t.target = ? AND t.cleared = 0 AND i.ended <> 0 ORDER BY i.id"
            ))?;
            let over = statement.query_map([target], incident)?;
            incidents.extend(
                over.filter_map(Result::transpose)
                    .collect::<Result<Vec<_>, _>>()?,
            );
        }
        let notices = due(&incidents, &tellings(&tx, target)?, &state);
        if notices.is_empty() {
            return Ok(notices);
        }
        tx.prepare_cached(
            "INSERT INTO target (name, busy) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET busy = excluded.busy",
        )?
        .execute(params![target, now.0 + hold_ms])?;
        tx.commit()?;
        Ok(notices)
    }

    /// The target has these notices now.
    pub fn target_told(&mut self, target: &str, notices: &[Notice], now: Millis) -> Result<()> {
        let tx = self.begin()?;
        let known = tellings(&tx, target)?;
        for notice in notices {
            let Some(id) = notice.incident.id else { continue };
            let telling = Telling::after(known.get(&id).copied(), notice.what, now);
            tx.prepare_cached(
                "INSERT OR REPLACE INTO telling (incident, target, told, last, reminders, cleared)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                id,
                target,
                telling.told.0,
                telling.last.0,
                telling.reminders,
                telling.cleared.map_or(0, |at| at.0)
            ])?;
        }
        let (_, state) = target_state(&tx, target)?;
        keep_state(&tx, target, &state.told(now))?;
        tx.commit()?;
        Ok(())
    }

    /// The target could not be told. `cause` holds nothing secret.
    pub fn target_failed(
        &mut self,
        target: &str,
        now: Millis,
        fatal: bool,
        cause: &str,
    ) -> Result<TargetState> {
        let tx = self.begin()?;
        let (_, state) = target_state(&tx, target)?;
        let state = state.failed(now, fatal, cause.to_owned());
        keep_state(&tx, target, &state)?;
        tx.commit()?;
        Ok(state)
    }
}

fn tellings(conn: &Connection, target: &str) -> Result<BTreeMap<i64, Telling>> {
    let mut statement = conn.prepare_cached(
        "SELECT t.incident, t.told, t.last, t.reminders, t.cleared FROM telling t
         WHERE t.target = ? AND t.cleared = 0",
    )?;
    let rows = statement.query_map([target], |row| Ok((row.get(0)?, telling(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn telling(row: &Row<'_>) -> rusqlite::Result<Telling> {
    Ok(Telling {
        told: Millis(row.get(1)?),
        last: Millis(row.get(2)?),
        reminders: row.get(3)?,
        cleared: time_out(row.get(4)?),
    })
}

impl Reader {
    /// Incidents: the open ones first, then the latest of those that are over; `over` of the latter at most.
    pub fn incidents(&self, over: usize) -> Result<Vec<Incident>> {
        let mut all = open_incidents(&self.conn)?;
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM incident i WHERE i.ended <> 0 ORDER BY i.id DESC LIMIT ?"
        ))?;
        let rows = statement.query_map([over.min(1 << 30) as i64], incident)?;
        all.extend(
            rows.filter_map(Result::transpose)
                .collect::<Result<Vec<_>, _>>()?,
        );
        Ok(all)
    }

    /// Who was told of an incident, by target.
    pub fn told_of(&self, incident: i64) -> Result<BTreeMap<String, Telling>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT target, told, last, reminders, cleared FROM telling WHERE incident = ? ORDER BY target",
        )?;
        let rows = statement.query_map([incident], |row| Ok((row.get(0)?, telling(row)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How a target does.
    pub fn target_state(&self, target: &str) -> Result<TargetState> {
        Ok(target_state(&self.conn, target)?.1)
    }
}
