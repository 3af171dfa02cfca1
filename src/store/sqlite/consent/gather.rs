//! Looking through records that were opened since the last time: who must be asked about, and what agree and disagree
//! messages say.
//!
//! A mark stands behind the last row looked at. What was not open when the mark passed is noted by row, so that it is
//! looked at when it opens, however late. Mark, notes, subjects and changes are one transaction: a killed process leaves
//! all of a step or none of it, and a step done twice changes nothing.

use std::collections::{HashMap, HashSet};

use rusqlite::{Row, Transaction, params};

use super::{
    agenda, learn,
    mark::{self, opened},
};
use crate::{
    consent::{How, Sending, State, Subject, Talk},
    ids::{CompanyId, Millis, RecordId},
    message::{self, fold_id, is_external},
    store::{
        Result, StoreError,
        contract::{ChatKey, Gathered, Learnt},
        sqlite::{
            Store,
            codes::{OPENED, time_out},
            guard,
            pack::Unpacker,
            row::chat_key,
        },
    },
};

/// A room is asked about again because of somebody new no sooner than this after the last time.
const PAUSE_MS: i64 = 3_600_000;

impl Store {
    /// Looks at up to so many records of the company that were opened meanwhile.
    pub fn consent_gather(&mut self, company: CompanyId, limit: usize, now: Millis) -> Result<Gathered> {
        let opened = opened(&self.reader.conn, company)?;
        let before = mark::mark(&self.reader.conn, company)?;
        if before.opened == opened {
            return Ok(Gathered::default());
        }
        let tx = self.begin()?;
        let mut step = Step {
            tx: &tx,
            unpacker: &self.reader.unpacker,
            company,
            now,
            audiences: HashMap::new(),
            rooms: HashSet::new(),
            gathered: Gathered::default(),
        };
        let passed = step.new_rows(before.record, limit)?;
        let rest = limit.saturating_sub(passed.rows);
        // What waits can be much, so it is only gone through when something of it must have opened.
        let expects_late = passed.end && before.opened + (step.gathered.records as i64) < opened;
        let late = if expects_late { step.late_rows(rest)? } else { 0 };
        let mut gathered = step.gathered;
        gathered.more = !passed.end || (late == rest && rest > 0);
        tx.prepare_cached(
            "INSERT INTO consent_mark (company, record, opened) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET record = ?2, opened = opened + ?3",
        )?
        .execute(params![company.0, passed.mark, gathered.records as i64])?;
        tx.commit()?;
        Ok(gathered)
    }
}

struct Passed {
    mark: i64,
    rows: usize,
    end: bool,
}

/// The columns that [`Opened::of`] reads; scope 0 and other types than the two say nothing about consent, unless somebody
/// external is named in them, which only upstream and downstream messages do, whose scope is 2.
const OPENED_COLUMNS: &str = "m.record, m.scope, m.time, p.key, c.kind, c.key, m.audience, w.text
    FROM message m JOIN person p ON p.id = m.sender JOIN chat c ON c.id = m.chat JOIN word w ON w.id = m.type";

struct Opened {
    record: i64,
    scope: i64,
    time: i64,
    from: String,
    chat: Option<ChatKey>,
    audience: i64,
    msgtype: String,
}

impl Opened {
    fn of(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            record: row.get(0)?,
            scope: row.get(1)?,
            time: row.get(2)?,
            from: row.get(3)?,
            chat: chat_key(row.get(4)?, row.get(5)?)?,
            audience: row.get(6)?,
            msgtype: row.get(7)?,
        })
    }

    fn answers(&self) -> bool {
        matches!(
            message::Kind::from_word(&self.msgtype),
            Some(message::Kind::Agree | message::Kind::Disagree)
        )
    }
}

struct Step<'t> {
    tx: &'t Transaction<'t>,
    unpacker: &'t Unpacker,
    company: CompanyId,
    now: Millis,
    audiences: HashMap<i64, Vec<String>>,
    /// Rooms and audiences that were seen to in this step.
    rooms: HashSet<(String, i64)>,
    gathered: Gathered,
}

impl Step<'_> {
    fn new_rows(&mut self, after: i64, limit: usize) -> Result<Passed> {
        let mut statement = self.tx.prepare_cached(
            "SELECT id, state FROM record NOT INDEXED WHERE id > ? AND company = ? ORDER BY id LIMIT ?",
        )?;
        let rows = statement
            .query_map(params![after, self.company.0, limit as i64], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<Vec<(i64, i64)>, _>>()?;
        let end = rows.len() < limit;
        let mark = rows.last().map_or(after, |(id, _)| *id);
        for (id, state) in &rows {
            if *state != OPENED {
                self.tx
                    .prepare_cached("INSERT OR IGNORE INTO consent_late (company, record) VALUES (?, ?)")?
                    .execute([self.company.0, *id])?;
            }
        }
        self.look(
            "WHERE m.record > ?1 AND m.record <= ?2 AND m.company = ?3",
            [after, mark, self.company.0],
        )?;
        Ok(Passed {
            mark,
            rows: rows.len(),
            end,
        })
    }

    fn late_rows(&mut self, limit: usize) -> Result<usize> {
        let ids = self
            .tx
            .prepare_cached(
                "SELECT l.record FROM consent_late l CROSS JOIN record r ON r.id = l.record
                 WHERE l.company = ? AND r.state = ? LIMIT ?",
            )?
            .query_map([self.company.0, OPENED, limit as i64], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        for id in &ids {
            self.look(
                "WHERE m.record > ?1 AND m.record <= ?2 AND m.company = ?3",
                [*id - 1, *id, self.company.0],
            )?;
            self.tx
                .prepare_cached("DELETE FROM consent_late WHERE company = ? AND record = ?")?
                .execute([self.company.0, *id])?;
        }
        Ok(ids.len())
    }

    fn look(&mut self, which: &str, values: [i64; 3]) -> Result<()> {
        let tx = self.tx;
        let mut statement = tx.prepare_cached(&format!("SELECT {OPENED_COLUMNS} {which}"))?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let one = Opened::of(row)?;
            self.gathered.records += 1;
            if one.scope != 0 {
                self.subjects(&one)?;
            }
            if one.answers() {
                self.answer(&one)?;
            }
        }
        Ok(())
    }

    /// Whoever's consent this message needs goes on the agenda.
    fn subjects(&mut self, one: &Opened) -> Result<()> {
        let room = match &one.chat {
            Some(ChatKey::Room(room)) => Some(room.clone()),
            _ => None,
        };
        if let Some(room) = &room
            && !self.rooms.insert((room.clone(), one.audience))
        {
            return Ok(());
        }
        let people = self.people(one.audience)?;
        // Everybody external in it, whoever sent it: the next message may come from another.
        let sending = Sending {
            external: one.scope == 1,
            from: "",
            room: room.as_deref(),
            people: &people,
        };
        let Some(mut subjects) = sending.subjects() else {
            return Ok(());
        };
        if let Some(room) = room.clone().filter(|_| subjects.is_empty()) {
            // An external group in which nobody external is named: WeCom may know who they are.
            subjects.push(Subject {
                talk: Talk::Room(room),
                external: String::new(),
            });
        }
        let mut missing = false;
        for subject in subjects {
            self.gathered.subjects += u64::from(agenda::put(self.tx, self.company, &subject)?);
            let named = room.is_some() && !subject.external.is_empty();
            missing |= named && !learn::is_known(self.tx, self.company, &subject)?;
        }
        if let Some(room) = room.filter(|_| missing) {
            agenda::hurry(self.tx, self.company, &room, Millis(self.now.0 - PAUSE_MS))?;
        }
        Ok(())
    }

    /// What an agree or disagree message says, about every conversation it was said in.
    fn answer(&mut self, one: &Opened) -> Result<()> {
        let message = message::read(&self.body(one.record)?);
        let Some(consent) = message.consent else {
            return Ok(());
        };
        let mut external = consent.userid;
        if external.is_empty() && is_external(&one.from) {
            external.clone_from(&one.from);
        }
        if external.is_empty() {
            return Ok(());
        }
        let external = fold_id(&external).into_owned();
        let talks = match &one.chat {
            Some(ChatKey::Room(room)) => vec![Talk::Room(room.clone())],
            Some(ChatKey::People(people)) => people
                .iter()
                .filter(|id| **id != external && !is_external(id))
                .map(|member| Talk::With(member.clone()))
                .collect(),
            None => Vec::new(),
        };
        for talk in talks {
            let learnt = Learnt {
                subject: Subject {
                    talk,
                    external: external.clone(),
                },
                state: if consent.agreed {
                    State::Agreed
                } else {
                    State::Refused
                },
                since: Some(match consent.at.or(time_out(one.time)) {
                    Some(at) => at,
                    None => self.landed(one.record)?,
                }),
                how: How::Message,
                at: self.now,
                record: Some(RecordId(one.record)),
            };
            self.gathered.subjects += u64::from(agenda::put(self.tx, self.company, &learnt.subject)?);
            self.gathered.changes += u64::from(learn::keep(self.tx, self.company, &learnt)?);
        }
        Ok(())
    }

    fn people(&mut self, audience: i64) -> Result<Vec<String>> {
        if let Some(people) = self.audiences.get(&audience) {
            return Ok(people.clone());
        }
        let people = self
            .tx
            .prepare_cached(
                "SELECT p.key FROM audience_member a JOIN person p ON p.id = a.person WHERE a.audience = ?
                 ORDER BY p.key",
            )?
            .query_map([audience], |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        self.audiences.insert(audience, people.clone());
        Ok(people)
    }

    fn body(&self, record: i64) -> Result<Vec<u8>> {
        match guard::genuine_body(self.tx, self.unpacker, record) {
            // One damaged body is one message's loss, which `verify` tells; a repaired one is looked at again.
            Err(StoreError::Damaged(cause)) => {
                tracing::warn!(
                    event = "consent.unreadable",
                    record,
                    cause,
                    "an answer to being archived cannot be read"
                );
                Ok(Vec::new())
            }
            body => body,
        }
    }

    /// The one time that a message without any has, the same whenever it is looked at.
    fn landed(&self, record: i64) -> Result<Millis> {
        Ok(self
            .tx
            .prepare_cached("SELECT landed_at FROM record WHERE id = ?")?
            .query_row([record], |row| row.get(0).map(Millis))?)
    }
}
