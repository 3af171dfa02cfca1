//! Incidents and who was told of them. Survives restarts; and since each write reads first, inside one transaction, two
//! processes that look at the same time keep one incident, and one of them tells it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Reader, Store, codes::time_out};
use crate::{
    alert::{Acknowledgement, Incident, Kind, Memory, Notice, TargetState, Telling},
    ids::Millis,
    store::Result,
};

/// Ended incidents that stay listed.
const HISTORY: i64 = 10_000;

const COLUMNS: &str = "i.id, i.company, i.kind, i.subject, i.began, i.seen, i.ended, i.facts,
    i.acked_by, i.acked_at, i.acked_note";

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
        acknowledged: match time_out(row.get(9)?) {
            Some(at) => Some(Acknowledgement {
                by: row.get(8)?,
                at,
                note: row.get(10)?,
            }),
            None => None,
        },
    }))
}

fn open_incidents(conn: &Connection) -> Result<Vec<Incident>> {
    incidents_where(conn, "i.ended = 0")
}

/// What a look has to know: the open incidents, and those acknowledged, which are not raised again.
fn known_incidents(conn: &Connection) -> Result<Vec<Incident>> {
    incidents_where(conn, "(i.ended = 0 OR i.acked_at <> 0)")
}

fn incidents_where(conn: &Connection, condition: &str) -> Result<Vec<Incident>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM incident i WHERE {condition} ORDER BY i.id"
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
    /// Gives the open and the acknowledged incidents to `tend` and keeps what it changed; returns that, new ones with
    /// their number. Writes something each time, so that an archive that takes no writes is noticed when nothing else
    /// is wrong.
    pub fn tend_incidents(
        &mut self,
        now: Millis,
        tend: impl FnOnce(&[Incident]) -> Vec<Incident>,
    ) -> Result<Vec<Incident>> {
        let tx = self.begin()?;
        let mut changed = tend(&known_incidents(&tx)?);
        for incident in &mut changed {
            match incident.id {
                Some(id) => update(&tx, id, incident)?,
                None => incident.id = Some(insert(&tx, incident)?),
            }
        }
        tx.prepare_cached(
            "INSERT INTO fact (name, value) VALUES ('looked', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?
        .execute([now.0.to_string()])?;
        tx.commit()?;
        Ok(changed)
    }

    /// Takes over what was found and told while the archive could not be written. What it knows already is brought up
    /// to date and not doubled.
    pub fn take_memory(&mut self, memory: &Memory) -> Result<()> {
        let tx = self.begin()?;
        let known = known_incidents(&tx)?;
        for (incident, told) in memory.incidents() {
            let same = known.iter().find(|one| {
                one.id == incident.id
                    || (one.company.as_str(), one.kind, one.subject.as_str())
                        == (
                            incident.company.as_str(),
                            incident.kind,
                            incident.subject.as_str(),
                        )
                        && (one.ended.is_none() && incident.ended.is_none() || one.acknowledged.is_some())
            });
            let id = match same.and_then(|one| Some((one, one.id?))) {
                Some((one, id)) => {
                    if one.ended.is_none() {
                        update(&tx, id, incident)?;
                    }
                    id
                }
                None => match incident.id.filter(|id| *id > 0) {
                    // It was over before; only what was told of that is new.
                    Some(id) if exists(&tx, id)? => id,
                    Some(_) => continue,
                    None => insert(&tx, incident)?,
                },
            };
            for (target, telling) in told {
                tx.prepare_cached(
                    "INSERT INTO telling (incident, target, told, last, reminders, cleared) VALUES (?, ?, ?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET last = max(last, excluded.last),
                       reminders = max(reminders, excluded.reminders), cleared = max(cleared, excluded.cleared)",
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
        }
        for (target, state) in memory.states() {
            keep_state(&tx, target, state)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// A person takes note of an open incident whose kind needs that, which ends it; `None` when there is no such
    /// incident with this number.
    pub fn acknowledge(&mut self, id: i64, by: &str, note: &str, now: Millis) -> Result<Option<Incident>> {
        let tx = self.begin()?;
        let known = open_incidents(&tx)?;
        let Some(incident) = known
            .into_iter()
            .find(|one| one.id == Some(id) && one.kind.needs_acknowledgement())
        else {
            return Ok(None);
        };
        let ended = now.max(incident.seen);
        tx.prepare_cached(
            "UPDATE incident SET ended = ?, acked_by = ?, acked_at = ?, acked_note = ? WHERE id = ?",
        )?
        .execute(params![ended.0, by, ended.0, note, id])?;
        tx.commit()?;
        Ok(Some(Incident {
            ended: Some(ended),
            acknowledged: Some(Acknowledgement {
                by: by.to_owned(),
                at: ended,
                note: note.to_owned(),
            }),
            ..incident
        }))
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

    /// The target has these notices now. Some may be of incidents that were found while the archive could not be written,
    /// and taken over since.
    pub fn target_told(&mut self, target: &str, notices: &[Notice], now: Millis) -> Result<()> {
        let tx = self.begin()?;
        let known = tellings(&tx, target)?;
        for notice in notices {
            let Some(id) = number(&tx, &notice.incident)? else {
                continue;
            };
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

/// The incident's number here. One that was found in memory has a number of that, and is known by when it began.
fn number(conn: &Connection, incident: &Incident) -> Result<Option<i64>> {
    match incident.id {
        Some(id) if id < 0 => Ok(conn
            .prepare_cached(
                "SELECT id FROM incident WHERE company = ? AND kind = ? AND subject = ? AND began = ?
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(
                params![
                    incident.company,
                    incident.kind.as_str(),
                    incident.subject,
                    incident.began.0
                ],
                |row| row.get(0),
            )
            .optional()?),
        known => Ok(known),
    }
}

fn exists(conn: &Connection, id: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM incident WHERE id = ?)")?
        .query_row([id], |row| row.get(0))?)
}

fn update(conn: &Connection, id: i64, incident: &Incident) -> Result<()> {
    conn.prepare_cached("UPDATE incident SET seen = ?, ended = ?, facts = ? WHERE id = ?")?
        .execute(params![
            incident.seen.0,
            incident.ended.map_or(0, |at| at.0),
            serde_json::to_string(&incident.alert).unwrap_or_default(),
            id
        ])?;
    Ok(())
}

/// Keeps a new incident and lets old ones go, by their number and not by a clock. What a person acknowledged stays, so
/// that it is not raised again.
fn insert(conn: &Connection, incident: &Incident) -> Result<i64> {
    conn.prepare_cached(
        "INSERT INTO incident (company, kind, subject, began, seen, ended, facts) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        incident.company,
        incident.kind.as_str(),
        incident.subject,
        incident.began.0,
        incident.seen.0,
        incident.ended.map_or(0, |at| at.0),
        serde_json::to_string(&incident.alert).unwrap_or_default()
    ])?;
    let id = conn.last_insert_rowid();
    for sql in [
        "DELETE FROM telling WHERE incident IN
           (SELECT id FROM incident WHERE ended <> 0 AND acked_at = 0 AND id <= ?1)",
        "DELETE FROM incident WHERE ended <> 0 AND acked_at = 0 AND id <= ?1",
    ] {
        conn.prepare_cached(sql)?.execute([id - HISTORY])?;
    }
    Ok(id)
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

    /// What these targets have to hear of, to go on in memory: open and acknowledged incidents, and those over of which
    /// one of them was told and not yet that they are over.
    pub fn to_memory(&self, targets: &[String]) -> Result<Memory> {
        let incidents = incidents_where(
            &self.conn,
            "(i.ended = 0 OR i.acked_at <> 0
               OR EXISTS (SELECT 1 FROM telling t WHERE t.incident = i.id AND t.cleared = 0))",
        )?;
        let (mut told, mut states) = (BTreeMap::new(), BTreeMap::new());
        for target in targets {
            told.insert(target.clone(), tellings(&self.conn, target)?);
            states.insert(target.clone(), self.target_state(target)?);
        }
        Ok(Memory::new(incidents, told, states))
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
