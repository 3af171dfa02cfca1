//! From messages to ids that somebody should be asked about, and from those to what is due.
//!
//! Messages are looked through by row, each once. A record that waited and was opened late has a small row: then fewer
//! messages were seen than there are, and all are looked through again.

use rusqlite::{Connection, OptionalExtension, params};

use super::NEVER;
use crate::{
    ids::{CompanyId, Millis},
    people::{Class, Kind, List, Needs, Subject, Want},
    store::{
        Reader, Result, Store,
        contract::people::{Ages, Met},
    },
};

impl Reader {
    /// Looks for ids in messages that came since the last look. `None`: there is nothing to write.
    pub fn met(&self, company: CompanyId) -> Result<Option<Met>> {
        let view = self.view()?;
        let (row, counted) = view
            .prepare_cached("SELECT record, counted FROM meeting WHERE company = ?")?
            .query_row([company.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .unwrap_or((0_i64, 0_i64));
        let all: i64 = view
            .prepare_cached("SELECT count FROM tally WHERE company = ? AND state = 1")?
            .query_row([company.0], |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        if all == counted {
            return Ok(None);
        }
        let fresh = |after: i64| -> Result<(i64, i64)> {
            Ok(view
                .prepare_cached("SELECT count(*), coalesce(max(record), ?1) FROM message WHERE record > ?1 AND company = ?2")?
                .query_row([after, company.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
        };
        let (more, mut last) = fresh(row)?;
        let after = if counted + more == all {
            row
        } else {
            last = fresh(0)?.1;
            0
        };
        Ok(Some(Met {
            people: new_people(&view, company, after)?,
            rooms: new_rooms(&view, company, after)?,
            mark: Some((last, all.unsigned_abs())),
        }))
    }

    /// What is due: ids nobody answered for, ids whose answer is old, lists that are old. `limit` bounds each sort.
    pub fn due(&self, company: CompanyId, now: Millis, ages: &Ages, limit: usize) -> Result<Needs> {
        let view = self.view()?;
        let want = |unknown: bool| -> Result<Want> {
            let of = |class, kind| due(&view, company, now, unknown, (class, kind), limit);
            let mut rooms = of(Class::Room, Kind::Outside)?;
            rooms.extend(of(Class::Room, Kind::Inside)?);
            Ok(Want {
                members: of(Class::Person, Kind::Inside)?,
                outsiders: of(Class::Person, Kind::Outside)?,
                robots: of(Class::Person, Kind::Robot)?,
                rooms,
            })
        };
        let mut lists = Vec::new();
        for list in List::ALL {
            let read: Option<i64> = view
                .prepare_cached("SELECT read_at FROM reading WHERE company = ? AND list = ?")?
                .query_row(params![company.0, list.as_str()], |row| row.get(0))
                .optional()?;
            if read.is_none_or(|read| read.saturating_add(ages.lists_ms) <= now.0) {
                lists.push(list);
            }
        }
        Ok(Needs {
            unknown: want(true)?,
            old: want(false)?,
            lists,
        })
    }

    /// How many ids and lists are due; all of them.
    pub fn due_count(&self, company: CompanyId, now: Millis, ages: &Ages) -> Result<u64> {
        let ids: i64 = self
            .view()?
            .prepare_cached(
                "SELECT count(*) FROM subject WHERE company = ? AND class IN (0, 1) AND due <= ?",
            )?
            .query_row(params![company.0, now.0], |row| row.get(0))?;
        let lists = self.due(company, now, ages, 0)?.lists.len() as u64;
        Ok(ids.unsigned_abs() + lists)
    }

    /// How many of a class were answered for at any time.
    pub fn told_count(&self, company: CompanyId, class: Class, kind: Kind) -> Result<u64> {
        let count: i64 = self
            .view()?
            .prepare_cached(
                "SELECT count(*) FROM subject WHERE company = ? AND class = ? AND kind = ? AND answered > 0",
            )?
            .query_row(params![company.0, class.number(), kind.number()], |row| {
                row.get(0)
            })?;
        Ok(count.unsigned_abs())
    }
}

impl Store {
    /// Notes ids to be asked about, in one transaction; those that are known already keep what is known. A process
    /// killed before the mark is written looks through the same messages again.
    pub fn meet(&mut self, company: CompanyId, met: &Met, ages: &Ages) -> Result<()> {
        let people = met.people.iter().map(|id| (Subject::person(id), ages.people_ms));
        let rooms = met.rooms.iter().map(|(id, outside)| {
            let kind = if *outside { Kind::Outside } else { Kind::Inside };
            (Subject::room(id, kind), ages.rooms_ms)
        });
        self.begin_and(|tx| {
            for (subject, age) in people.chain(rooms) {
                tx.prepare_cached(
                    "INSERT INTO subject (company, class, kind, key, spelt) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (company, class, key) DO UPDATE
                       SET due = iif(answered = 0, 0, answered + ?6) WHERE due = ?7",
                )?
                .execute(params![
                    company.0,
                    subject.class.number(),
                    subject.kind.number(),
                    subject.key,
                    subject.spelt,
                    age,
                    NEVER
                ])?;
            }
            if let Some((row, counted)) = met.mark {
                tx.prepare_cached(
                    "INSERT INTO meeting (company, record, counted) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET record = ?2, counted = ?3",
                )?
                .execute(params![company.0, row, counted as i64])?;
            }
            Ok(())
        })
    }
}

impl Store {
    /// Makes ids due now, because an event said that they changed. Ids nobody knows and nobody met are left out: they
    /// are asked about when a message names them. Returns how many are due.
    pub fn ask_again(&mut self, company: CompanyId, subjects: &[Subject], now: Millis) -> Result<u64> {
        let mut count = 0;
        self.begin_and(|tx| {
            for subject in subjects {
                count += tx
                    .prepare_cached(
                        "UPDATE subject SET due = min(due, ?4)
                         WHERE company = ?1 AND class = ?2 AND key = ?3 AND due < ?5",
                    )?
                    .execute(params![
                        company.0,
                        subject.class.number(),
                        subject.key,
                        now.0,
                        NEVER
                    ])? as u64;
            }
            Ok(())
        })?;
        Ok(count)
    }
}

fn new_people(conn: &Connection, company: CompanyId, after: i64) -> Result<Vec<String>> {
    let mut statement = conn.prepare_cached(
        "WITH fresh AS MATERIALIZED (SELECT DISTINCT audience FROM message WHERE record > ?1 AND company = ?2)
         SELECT DISTINCT p.key FROM fresh f
           JOIN audience_member m ON m.audience = f.audience JOIN person p ON p.id = m.person
         WHERE p.key <> '' AND NOT EXISTS (SELECT 1 FROM subject s
           WHERE s.company = ?2 AND s.class = 0 AND s.key = p.key AND s.due < ?3)
         ORDER BY p.id",
    )?;
    let keys = statement.query_map(params![after, company.0, NEVER], |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

fn new_rooms(conn: &Connection, company: CompanyId, after: i64) -> Result<Vec<(String, bool)>> {
    let mut statement = conn.prepare_cached(
        "WITH fresh AS MATERIALIZED (
           SELECT DISTINCT chat, audience FROM message WHERE record > ?1 AND company = ?2)
         SELECT c.key, max(length(p.key) = 32 AND p.key GLOB 'w[mo]*') FROM fresh f
           JOIN chat c ON c.id = f.chat AND c.kind = 1
           JOIN audience_member m ON m.audience = f.audience JOIN person p ON p.id = m.person
         WHERE NOT EXISTS (SELECT 1 FROM subject s
           WHERE s.company = ?2 AND s.class = 1 AND s.key = c.key AND s.due < ?3)
         GROUP BY c.id ORDER BY c.id",
    )?;
    let rooms = statement.query_map(params![after, company.0, NEVER], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rooms.collect::<Result<_, _>>()?)
}

fn due(
    conn: &Connection,
    company: CompanyId,
    now: Millis,
    unknown: bool,
    (class, kind): (Class, Kind),
    limit: usize,
) -> Result<Vec<Subject>> {
    let mut statement = conn.prepare_cached(
        "SELECT key, spelt FROM subject
         WHERE company = ?1 AND class = ?2 AND kind = ?3 AND due <= ?4 AND (state = 0) = ?5 ORDER BY due, id LIMIT ?6",
    )?;
    let rows = statement.query_map(
        params![
            company.0,
            class.number(),
            kind.number(),
            now.0,
            unknown,
            limit as i64
        ],
        |row| {
            Ok(Subject {
                class,
                kind,
                key: row.get(0)?,
                spelt: row.get(1)?,
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}
