//! Events and what they make stale: one transaction each, so that no kill leaves one without the other.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Reader, Store, codes::time_out, consent};
use crate::{
    ids::{CompanyId, Millis},
    store::{
        Result,
        contract::{
            Learnt,
            heard::{EventId, EventRow, Handled, Heard, Stale, Subject, SubjectKind},
        },
    },
};

const KEPT: i64 = 0;
const WAITING: i64 = 1;
const DONE: i64 = 2;

/// Rows let go in one transaction, so that other writers need not wait long.
const BATCH: i64 = 2_000;

fn kind_in(kind: SubjectKind) -> i64 {
    match kind {
        SubjectKind::Person => 1,
        SubjectKind::Room => 2,
        SubjectKind::Pair => 3,
    }
}

fn columns(subject: &Subject) -> (i64, &str, &str) {
    let kind = kind_in(subject.kind());
    match subject {
        Subject::Person(who) | Subject::Room(who) => (kind, who, ""),
        Subject::Pair { member, external } => (kind, member, external),
    }
}

impl Store {
    /// Keeps an event and marks what it makes stale. `None` when it was there already: then it is only counted, since
    /// whatever follows from it followed the first time.
    pub fn keep_event(&mut self, company: CompanyId, heard: &Heard) -> Result<Option<EventId>> {
        let mut kept = self.keep_events(&[(company, heard, None)])?;
        Ok(kept.pop().flatten())
    }

    /// As [`keep_event`](Self::keep_event), for several in one transaction: either all are kept or none is, each with what
    /// it says about consent. One answer for each, in their order.
    pub fn keep_events(
        &mut self,
        events: &[(CompanyId, &Heard, Option<&Learnt>)],
    ) -> Result<Vec<Option<EventId>>> {
        let tx = self.begin()?;
        let mut kept = Vec::with_capacity(events.len());
        for (company, heard, agreed) in events {
            if let Some(agreed) = agreed {
                consent::learn(&tx, *company, agreed)?;
            }
            kept.push(keep(&tx, *company, heard)?);
        }
        tx.commit()?;
        Ok(kept)
    }

    /// These were read again and the answers are written: their marks go, as far as they had come when they were taken,
    /// and events with no mark left are done.
    pub fn stale_done(&mut self, company: CompanyId, read: &[Stale], now: Millis) -> Result<()> {
        let tx = self.begin()?;
        for stale in read {
            let (kind, who, whom) = columns(&stale.subject);
            let events = tx
                .prepare_cached(
                    "DELETE FROM stale WHERE company = ? AND kind = ? AND who = ? AND whom = ? AND id <= ?
                     RETURNING event",
                )?
                .query_map(params![company.0, kind, who, whom, stale.upto], |row| row.get(0))?
                .collect::<Result<Vec<i64>, _>>()?;
            for event in events {
                tx.prepare_cached(
                    "UPDATE event SET state = ?, handled = ?
                     WHERE id = ? AND NOT EXISTS (SELECT 1 FROM stale WHERE event = event.id)",
                )?
                .execute([DONE, now.0, event])?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    /// Lets events go that came last before then, with marks that nobody took in all that time: the sweeps have long
    /// read those again. Returns how many went.
    pub fn forget_events(&mut self, before: Millis) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            let tx = self.begin()?;
            let old = tx
                .prepare_cached("SELECT id FROM event WHERE last < ? LIMIT ?")?
                .query_map([before.0, BATCH], |row| row.get(0))?
                .collect::<Result<Vec<i64>, _>>()?;
            for id in &old {
                tx.prepare_cached("DELETE FROM stale WHERE event = ?")?
                    .execute([id])?;
                tx.prepare_cached("DELETE FROM event WHERE id = ?")?
                    .execute([id])?;
            }
            tx.commit()?;
            forgotten += old.len() as u64;
            if old.len() < BATCH as usize {
                return Ok(forgotten);
            }
        }
    }
}

fn keep(tx: &Transaction<'_>, company: CompanyId, heard: &Heard) -> Result<Option<EventId>> {
    let known: Option<i64> = tx
        .prepare_cached("SELECT id FROM event WHERE company = ? AND mark = ?")?
        .query_row(params![company.0, heard.mark], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        tx.prepare_cached("UPDATE event SET times = times + 1, last = max(last, ?) WHERE id = ?")?
            .execute([heard.received.0, id])?;
        return Ok(None);
    }
    tx.prepare_cached(
        "INSERT INTO event (company, mark, name, change, known, at, received, last, state, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)",
    )?
    .execute(params![
        company.0,
        heard.mark,
        heard.name,
        heard.change,
        heard.known,
        heard.at.map_or(0, |at| at.0),
        heard.received.0,
        if heard.stale.is_empty() { KEPT } else { WAITING },
        heard.body,
    ])?;
    let id = tx.last_insert_rowid();
    let why = match heard.change.as_str() {
        "" => heard.name.clone(),
        change => format!("{}.{change}", heard.name),
    };
    for (subject, due) in &heard.stale {
        let (kind, who, whom) = columns(subject);
        tx.prepare_cached(
            "INSERT OR IGNORE INTO stale (company, kind, who, whom, why, since, due, event)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            company.0,
            kind,
            who,
            whom,
            why,
            heard.received.0,
            due.0,
            id
        ])?;
    }
    Ok(Some(EventId(id)))
}

impl Reader {
    /// What is to be read again, the longest waiting first, each subject once. Takes nothing away: see
    /// [`Store::stale_done`].
    pub fn take_stale(
        &self,
        company: CompanyId,
        kind: SubjectKind,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<Stale>> {
        // Only what is due counts: a later event of the same subject stays, and has it read once more.
        let mut statement = self.conn.prepare_cached(
            "SELECT s.who, s.whom, s.why, s.event, g.upto, g.since, g.events FROM
               (SELECT max(id) AS upto, min(id) AS first, min(since) AS since, count(*) AS events FROM stale
                WHERE company = ? AND kind = ? AND due <= ? GROUP BY who, whom) AS g
             JOIN stale AS s ON s.id = g.upto ORDER BY g.first LIMIT ?",
        )?;
        let rows = statement.query_map(
            params![company.0, kind_in(kind), now.0, limit.min(1 << 30) as i64],
            |row| {
                let (who, whom): (String, String) = (row.get(0)?, row.get(1)?);
                Ok(Stale {
                    subject: match kind {
                        SubjectKind::Person => Subject::Person(who),
                        SubjectKind::Room => Subject::Room(who),
                        SubjectKind::Pair => Subject::Pair {
                            member: who,
                            external: whom,
                        },
                    },
                    why: row.get(2)?,
                    event: EventId(row.get(3)?),
                    upto: row.get(4)?,
                    since: Millis(row.get(5)?),
                    events: row.get::<_, i64>(6)?.unsigned_abs(),
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Events kept, latest first, below `before` when given; of one company, and of one name when given.
    pub fn events(
        &self,
        company: Option<CompanyId>,
        name: Option<&str>,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, company, name, change, known, at, received, last, times, state, body FROM event
             WHERE id < ?1 AND (?2 IS NULL OR company = ?2) AND (?3 IS NULL OR name = ?3) ORDER BY id DESC LIMIT ?4",
        )?;
        let rows = statement.query_map(
            params![
                before.map_or(i64::MAX, |id| id.0),
                company.map(|company| company.0),
                name,
                limit.min(1 << 30) as i64
            ],
            event_row,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How much later the latest event came here than WeCom says it was sent, in milliseconds. Only genuine ones are
    /// kept, so this tells of the clocks.
    pub fn event_delay(&self, company: CompanyId) -> Result<Option<i64>> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT received - at FROM event WHERE company = ? AND at <> 0 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([company.0], |row| row.get(0))
            .optional()?)
    }
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: EventId(row.get(0)?),
        company: CompanyId(row.get(1)?),
        name: row.get(2)?,
        change: row.get(3)?,
        known: row.get(4)?,
        at: time_out(row.get(5)?),
        received: Millis(row.get(6)?),
        last: Millis(row.get(7)?),
        times: row.get::<_, i64>(8)?.unsigned_abs(),
        handled: match row.get::<_, i64>(9)? {
            DONE => Handled::Done,
            WAITING => Handled::Waiting,
            _ => Handled::Kept,
        },
        body: row.get(10)?,
    })
}
