//! What to ask WeCom next: what was never asked first, then what was answered longest ago; what failed, when its time
//! comes.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{ROOM, SINGLE, learn, talk_in, talk_out};
use crate::{
    consent::{Subject, Talk},
    ids::{CompanyId, Millis},
    message::is_robot,
    store::{
        Result,
        contract::{Asked, AskingState, Due, Learnt, Question},
        sqlite::{Reader, Store},
    },
};

impl Store {
    /// Keeps answers together with what became of the questions; returns how much of the answers was new.
    pub fn consent_answered(
        &mut self,
        company: CompanyId,
        learnt: &[Learnt],
        asked: &[Asked],
        now: Millis,
    ) -> Result<u64> {
        let tx = self.begin()?;
        let mut fresh = 0;
        for one in learnt {
            fresh += u64::from(learn::keep(&tx, company, one)?);
        }
        for one in asked {
            let (kind, who, external) = columns(&one.question);
            match &one.fault {
                None => tx
                    .prepare_cached(
                        "UPDATE consent_ask SET asked = ?5, due = ?6, failures = 0, fault = ''
                     WHERE company = ?1 AND kind = ?2 AND who = ?3 AND external = ?4",
                    )?
                    .execute(params![company.0, kind, who, external, now.0, one.due.0])?,
                Some(fault) => tx
                    .prepare_cached(
                        "UPDATE consent_ask SET due = ?5, failures = failures + 1, fault = ?6
                     WHERE company = ?1 AND kind = ?2 AND who = ?3 AND external = ?4",
                    )?
                    .execute(params![company.0, kind, who, external, one.due.0, fault])?,
            };
        }
        tx.commit()?;
        Ok(fresh)
    }

    /// Makes questions due now, because an event said that the answer may be another. Those that nobody asks are left out:
    /// a message puts them on the agenda. Returns how many are due.
    pub fn consent_ask_again(
        &mut self,
        company: CompanyId,
        questions: &[Question],
        now: Millis,
    ) -> Result<u64> {
        let tx = self.begin()?;
        let mut count = 0;
        for question in questions {
            let (kind, who, external) = columns(question);
            count += tx
                .prepare_cached(
                    "UPDATE consent_ask SET due = min(due, ?5)
                     WHERE company = ?1 AND kind = ?2 AND who = ?3 AND external = ?4",
                )?
                .execute(params![company.0, kind, who, external, now.0])? as u64;
        }
        tx.commit()?;
        Ok(count)
    }
}

impl Reader {
    /// Up to so many pairs and rooms whose time has come, the most urgent first. Pairs that failed stand behind all others,
    /// so that they do not share a call with them.
    pub fn consent_due(
        &self,
        company: CompanyId,
        now: Millis,
        pairs: usize,
        rooms: usize,
    ) -> Result<Vec<Due>> {
        let mut due = Vec::new();
        // In the order of the index, which is that of urgency; sorting would look at all of them each time.
        for (kind, limit) in [(SINGLE, pairs), (ROOM, rooms)] {
            let mut left = limit;
            for failed in ["failures = 0", "failures > 0"] {
                let mut statement = self.conn.prepare_cached(&format!(
                    "SELECT kind, who, external, failures FROM consent_ask INDEXED BY consent_ask_due
                     WHERE company = ? AND kind = ? AND due <= ? AND {failed} ORDER BY due LIMIT ?"
                ))?;
                let mut rows = statement.query(params![company.0, kind, now.0, left as i64])?;
                while let Some(row) = rows.next()? {
                    let question = match talk_out(row.get(0)?, row.get(1)?)? {
                        Talk::Room(room) => Question::Room(room),
                        talk @ Talk::With(_) => Question::Pair(Subject {
                            talk,
                            external: row.get(2)?,
                        }),
                    };
                    due.push(Due {
                        question,
                        failures: row.get(3)?,
                    });
                    left -= 1;
                }
            }
        }
        Ok(due)
    }

    /// How the asking stands.
    pub fn consent_asking(&self, company: CompanyId, now: Millis) -> Result<AskingState> {
        let (questions, never, due) = self
            .conn
            .prepare_cached(
                "SELECT count(*), coalesce(sum(asked = 0), 0), coalesce(sum(due <= ?2), 0) FROM consent_ask
                 WHERE company = ?1",
            )?
            .query_row([company.0, now.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?;
        let scope_asked: Option<i64> = self
            .conn
            .prepare_cached("SELECT scope_asked FROM consent_mark WHERE company = ? AND scope_asked > 0")?
            .query_row([company.0], |row| row.get(0))
            .optional()?;
        Ok(AskingState {
            unlooked: super::mark::unlooked(&self.conn, company)?,
            questions: questions as u64,
            never: never as u64,
            due: due as u64,
            scope_asked: scope_asked.map(Millis),
        })
    }
}

/// Puts a subject on the agenda, or the room it is in. True when it was not there.
pub(super) fn put(tx: &Transaction<'_>, company: CompanyId, subject: &Subject) -> Result<bool> {
    let (kind, who) = talk_in(&subject.talk);
    let external = match &subject.talk {
        Talk::Room(_) => "",
        // Nobody agrees towards a robot.
        Talk::With(member) if is_robot(member) => return Ok(false),
        Talk::With(_) => &subject.external,
    };
    let made = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO consent_ask (company, kind, who, external) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![company.0, kind, who, external])?;
    Ok(made > 0)
}

/// Asks about a room again soon, unless that was done since `earliest`.
pub(super) fn hurry(tx: &Transaction<'_>, company: CompanyId, room: &str, earliest: Millis) -> Result<()> {
    tx.prepare_cached(
        "UPDATE consent_ask SET due = 0 WHERE company = ? AND kind = 1 AND who = ? AND external = '' AND failures = 0
           AND asked > 0 AND asked < ?",
    )?
    .execute(params![company.0, room, earliest.0])?;
    Ok(())
}

/// When a question was last answered, and why not since.
pub(super) fn standing(
    conn: &Connection,
    company: CompanyId,
    subject: &Subject,
) -> Result<(Option<Millis>, Option<String>)> {
    let (kind, who) = talk_in(&subject.talk);
    let external = match &subject.talk {
        Talk::Room(_) => "",
        Talk::With(_) => &subject.external,
    };
    let found = conn
        .prepare_cached(
            "SELECT asked, fault FROM consent_ask WHERE company = ? AND kind = ? AND who = ? AND external = ?",
        )?
        .query_row(params![company.0, kind, who, external], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    Ok(match found {
        None => (None, None),
        Some((asked, fault)) => (
            Some(Millis(asked)).filter(|asked| asked.0 > 0),
            Some(fault).filter(|fault| !fault.is_empty()),
        ),
    })
}

fn columns(question: &Question) -> (i64, &str, &str) {
    match question {
        Question::Room(room) => (ROOM, room, ""),
        Question::Pair(subject) => {
            let (kind, who) = talk_in(&subject.talk);
            (kind, who, &subject.external)
        }
    }
}
