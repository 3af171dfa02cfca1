//! The state of messages at their sending: of a page of them, with two questions to the database, and of all of them, in
//! one sweep over the index. Both ask the same rule ([`Sending`]); that they agree is a property test.

use std::collections::{BTreeSet, HashMap, HashSet, hash_map::Entry as Slot};

use rusqlite::Connection;
use serde_json::json;

use super::{COLUMNS, known, talk_in};
use crate::{
    consent::{AtSending, Change, Sending, Span, Standing, Subject, gravest_over_time, spans},
    ids::{CompanyId, Millis, RecordId},
    store::{
        Result,
        contract::ChatKey,
        sqlite::{
            Reader,
            codes::time_out,
            index::{Asker, Entry, Who},
            row::chat_key,
        },
    },
};

/// The scope of external messages, as in its column.
const EXTERNAL: i64 = 1;
const INTERNAL: i64 = 0;

impl Reader {
    /// The state of each of these messages; those that need no consent, and records that are not open, are left out.
    pub fn consents(&self, records: &[RecordId]) -> Result<HashMap<RecordId, AtSending>> {
        let view = self.view()?;
        let messages = messages(&view, records)?;
        let mut wanted: HashSet<(CompanyId, Subject)> = HashSet::new();
        for message in &messages {
            let subjects = message.sending().subjects().unwrap_or_default();
            wanted.extend(subjects.into_iter().map(|subject| (message.company, subject)));
        }
        let ledger = Ledger::of(&view, &wanted)?;
        Ok(messages
            .iter()
            .filter_map(|message| {
                let state = message.sending().at(time_out(message.time), |subject| {
                    ledger.spans(message.company, subject)
                })?;
                Some((message.record, state))
            })
            .collect())
    }
}

/// What the rule needs of a message, read from its columns.
struct Message {
    record: RecordId,
    company: CompanyId,
    external: bool,
    time: i64,
    from: String,
    chat: Option<ChatKey>,
    people: Vec<String>,
}

impl Message {
    fn sending(&self) -> Sending<'_> {
        sending(self.external, &self.from, self.chat.as_ref(), &self.people)
    }
}

fn sending<'m>(
    external: bool,
    from: &'m str,
    chat: Option<&'m ChatKey>,
    people: &'m [String],
) -> Sending<'m> {
    Sending {
        external,
        from,
        room: match chat {
            Some(ChatKey::Room(room)) => Some(room),
            _ => None,
        },
        people,
    }
}

fn messages(conn: &Connection, records: &[RecordId]) -> Result<Vec<Message>> {
    let ids = json!(records.iter().map(|record| record.0).collect::<Vec<_>>()).to_string();
    // Those outside only, and whoever is in a talk without a room: a group may have hundreds of members.
    let mut statement = conn.prepare_cached(
        "SELECT m.record, m.company, m.scope, m.time, s.key, c.kind, c.key,
           (SELECT json_group_array(p.key) FROM audience_member a JOIN person p ON p.id = a.person
            WHERE a.audience = m.audience AND (c.kind <> 1 OR p.key GLOB 'w[mo]*'))
         FROM json_each(?) j JOIN message m ON m.record = j.value
           JOIN person s ON s.id = m.sender JOIN chat c ON c.id = m.chat
         WHERE m.scope <> 0",
    )?;
    let mut rows = statement.query([ids])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(Message {
            record: RecordId(row.get(0)?),
            company: CompanyId(row.get(1)?),
            external: row.get::<_, i64>(2)? == EXTERNAL,
            time: row.get(3)?,
            from: row.get(4)?,
            chat: chat_key(row.get(5)?, row.get(6)?)?,
            people: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default(),
        });
    }
    Ok(messages)
}

/// Spans by subject.
#[derive(Default)]
pub(super) struct Ledger(HashMap<(CompanyId, Subject), Vec<Span>>);

impl Ledger {
    /// Of these subjects.
    fn of(conn: &Connection, wanted: &HashSet<(CompanyId, Subject)>) -> Result<Self> {
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        // Conversations, not people: a group is read as a whole.
        let talks: BTreeSet<(i64, i64, &str)> = wanted
            .iter()
            .map(|(company, subject)| {
                let (kind, who) = talk_in(&subject.talk);
                (company.0, kind, who)
            })
            .collect();
        Self::read(
            conn,
            &format!(
                "SELECT {COLUMNS} FROM json_each(?) j CROSS JOIN consent_change c
                 ON c.company = j.value ->> 0 AND c.kind = j.value ->> 1 AND c.who = j.value ->> 2"
            ),
            &[&json!(talks).to_string()],
        )
    }

    /// Of everybody.
    pub(super) fn all(conn: &Connection) -> Result<Self> {
        Self::read(conn, &format!("SELECT {COLUMNS} FROM consent_change"), &[])
    }

    fn read(conn: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Self> {
        let mut changes: HashMap<(CompanyId, Subject), Vec<Change>> = HashMap::new();
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let known = known(row)?;
            changes
                .entry((known.company, known.subject))
                .or_default()
                .push(known.change);
        }
        let all = changes
            .into_iter()
            .map(|(subject, changes)| (subject, spans(&changes)));
        Ok(Self(all.collect()))
    }

    /// Everybody something is known of.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &(CompanyId, Subject)> {
        self.0.keys()
    }

    pub(super) fn spans(&self, company: CompanyId, subject: &Subject) -> Option<&[Span]> {
        self.0.get(&(company, subject.clone())).map(Vec::as_slice)
    }
}

/// Messages with the same people in the same conversation: their state depends on their time alone.
pub(super) struct Gathering {
    pub company: CompanyId,
    /// Whose states count.
    pub subjects: Vec<Subject>,
    /// What holds from each moment on.
    course: Vec<(Millis, Standing)>,
}

impl Gathering {
    /// The state of a message of that time (0: none).
    pub fn standing(&self, time: i64) -> Standing {
        if time == 0 {
            return Standing::Unknown;
        }
        let behind = self.course.partition_point(|(from, _)| from.0 <= time);
        behind
            .checked_sub(1)
            .map_or(Standing::Unknown, |at| self.course[at].1)
    }
}

/// Goes through every message that needs consent.
pub(super) fn sweep(
    conn: &Connection,
    ledger: &Ledger,
    mut each: impl FnMut(i64, u32, &Entry, &Who, usize, &Gathering) -> Result<()>,
) -> Result<()> {
    let mut names = Names::default();
    let mut gatherings: Vec<Gathering> = Vec::new();
    // `None` for people who need no consent.
    let mut known: HashMap<Who, Option<usize>> = HashMap::new();
    Asker::new(conn)?.everybody(|segment, doc, entry, who| {
        if who.scope == INTERNAL {
            return Ok(());
        }
        let at = match known.get(who) {
            Some(at) => *at,
            None => {
                let subjects = names.subjects(conn, who)?;
                let at = subjects.map(|subjects| {
                    let company = CompanyId(who.company);
                    let all: Vec<&[Span]> = subjects
                        .iter()
                        .map(|subject| ledger.spans(company, subject).unwrap_or_default())
                        .collect();
                    gatherings.push(Gathering {
                        company,
                        course: gravest_over_time(&all),
                        subjects,
                    });
                    gatherings.len() - 1
                });
                known.insert(*who, at);
                at
            }
        };
        match at {
            Some(at) => each(segment, doc, entry, who, at, &gatherings[at]),
            None => Ok(()),
        }
    })
}

/// The docs with that state, by segment and ascending.
pub(in crate::store::sqlite) fn with_standing(
    conn: &Connection,
    wanted: Standing,
) -> Result<HashMap<i64, Vec<u32>>> {
    let ledger = Ledger::all(conn)?;
    let mut docs: HashMap<i64, Vec<u32>> = HashMap::new();
    sweep(conn, &ledger, |segment, doc, entry, _, _, gathering| {
        if gathering.standing(entry.time) == wanted {
            docs.entry(segment).or_default().push(doc);
        }
        Ok(())
    })?;
    Ok(docs)
}

/// Names behind rows, each read once.
#[derive(Default)]
struct Names {
    chats: HashMap<i64, Option<ChatKey>>,
    people: HashMap<i64, String>,
    audiences: HashMap<i64, Vec<String>>,
}

impl Names {
    fn subjects(&mut self, conn: &Connection, who: &Who) -> Result<Option<Vec<Subject>>> {
        if let Slot::Vacant(slot) = self.chats.entry(who.chat) {
            let (kind, key) = conn
                .prepare_cached("SELECT kind, key FROM chat WHERE id = ?")?
                .query_row([who.chat], |row| Ok((row.get(0)?, row.get(1)?)))?;
            slot.insert(chat_key(kind, key)?);
        }
        if let Slot::Vacant(slot) = self.people.entry(who.sender) {
            let key = conn
                .prepare_cached("SELECT key FROM person WHERE id = ?")?
                .query_row([who.sender], |row| row.get(0))?;
            slot.insert(key);
        }
        if let Slot::Vacant(slot) = self.audiences.entry(who.audience) {
            let people = conn
                .prepare_cached(
                    "SELECT p.key FROM audience_member a JOIN person p ON p.id = a.person WHERE a.audience = ?",
                )?
                .query_map([who.audience], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            slot.insert(people);
        }
        let none = Vec::new();
        let external = who.scope == EXTERNAL;
        let from = self.people.get(&who.sender).map_or("", String::as_str);
        let chat = self.chats.get(&who.chat).and_then(Option::as_ref);
        let people = self.audiences.get(&who.audience).unwrap_or(&none);
        Ok(sending(external, from, chat, people).subjects())
    }
}
