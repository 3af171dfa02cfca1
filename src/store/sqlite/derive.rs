//! Everything the store keeps about an opened record besides its bytes. All of it follows from the message, so
//! it can be thrown away and written again by a later version (promise 4).
//!
//! In two halves: [`Derived::new`] needs nothing but the message and runs on any thread; [`write()`] gives the names
//! their rows and belongs to the writer.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    codes::{
        FLAGS, MSGID_DIFFERS, SENDER_RECEIVES, TIME_IMPLAUSIBLE, carries, direction_in, flaws_in,
        patterns_in, scope_in,
    },
    index::{Doc, Entry, Kind, Texts, Trait, hash, term, trait_term},
    intern::{Interner, audience_hash, chat_columns},
};
use crate::{
    ids::{CompanyId, RecordId},
    message::{Message, Place, Places, Segment, fold_id},
    store::Result,
};

/// A message that was sent so long after its landing was not: the clocks of two machines differ by less.
const LATER_MS: i64 = 24 * 60 * 60 * 1000;

/// What is known about the record before its message is read.
pub(super) struct Told<'a> {
    pub record: RecordId,
    pub company: CompanyId,
    /// As in the column.
    pub seq: i64,
    pub outer_msgid: &'a str,
    /// When it was landed; a message is not sent later.
    pub landed_at: i64,
}

/// What follows from a message alone.
pub(super) struct Derived {
    msgid: String,
    msgtype: String,
    action: String,
    time: i64,
    from: String,
    /// Folded, sorted, each once, sender included.
    people: Vec<String>,
    audience: Vec<u8>,
    /// `kind` and `key`.
    chat: Option<(i64, String)>,
    scope: i64,
    direction: i64,
    flags: i64,
    flaws: i64,
    recalls: Option<String>,
    texts: Texts,
}

impl Derived {
    pub(super) fn new(message: &Message, msgid_differs: bool) -> Self {
        let from = fold_id(&message.from).into_owned();
        let to: Vec<String> = message.to.iter().map(|id| fold_id(id).into_owned()).collect();
        let sender_receives = to.contains(&from);
        let mut people: Vec<String> = to
            .into_iter()
            .chain([from.clone()])
            .filter(|id| !id.is_empty())
            .collect();
        people.sort_unstable();
        people.dedup();
        let texts = texts(&message.segments);
        Self {
            msgid: message.msgid.clone(),
            msgtype: message.msgtype.clone(),
            action: message.action.clone(),
            time: message.time.map_or(0, |time| time.0),
            audience: audience_hash(&people),
            from,
            people,
            chat: message.chat.as_ref().map(chat_columns),
            scope: scope_in(message.scope),
            direction: direction_in(message.direction),
            flags: carries(message)
                + patterns_in(texts.patterns)
                + i64::from(sender_receives) * SENDER_RECEIVES
                + i64::from(msgid_differs) * MSGID_DIFFERS,
            flaws: flaws_in(message.flaws),
            recalls: message.recalls.clone().filter(|target| !target.is_empty()),
            texts,
        }
    }
}

fn texts(segments: &[Segment]) -> Texts {
    Texts::of(segments.iter().map(|segment| {
        let places = match segment.places.0 {
            0 => Places::of(&[Place::Other]).0,
            places => places,
        };
        (segment.text.as_str(), places)
    }))
}

/// The row of a message, with names as rows.
struct Columns<'d> {
    time: i64,
    sender: i64,
    chat: i64,
    is_room: bool,
    audience: i64,
    msgtype: i64,
    action: i64,
    scope: i64,
    direction: i64,
    flags: i64,
    flaws: i64,
    /// Where it is not the record's.
    msgid: Option<&'d str>,
}

impl<'d> Columns<'d> {
    fn of(interner: &mut Interner<'_>, told: &Told<'_>, derived: &'d Derived) -> Result<Self> {
        let is_later = derived.time > told.landed_at.saturating_add(LATER_MS);
        Ok(Self {
            time: derived.time,
            sender: interner.person(&derived.from)?,
            chat: match &derived.chat {
                Some((kind, key)) => interner.chat(told.company, *kind, key)?,
                None => 0,
            },
            is_room: derived.chat.as_ref().is_some_and(|(kind, _)| *kind == 1),
            audience: interner.audience(&derived.audience, &derived.people)?,
            msgtype: interner.word(&derived.msgtype)?,
            action: interner.word(&derived.action)?,
            scope: derived.scope,
            direction: derived.direction,
            flags: derived.flags,
            flaws: derived.flaws | if is_later { TIME_IMPLAUSIBLE } else { 0 },
            msgid: (derived.msgid != told.outer_msgid).then_some(derived.msgid.as_str()),
        })
    }

    /// What the index holds of it besides its texts.
    fn facts(&self, told: &Told<'_>) -> Vec<u64> {
        let mut facts = Vec::with_capacity(12);
        let mut add = |term| facts.push(term);
        add(term(Kind::Sender, self.sender));
        add(term(Kind::Audience, self.audience));
        add(term(Kind::Chat, self.chat));
        let outer = hash(told.outer_msgid);
        add(term(Kind::Msgid, outer));
        if let Some(inner) = self.msgid.map(hash).filter(|inner| *inner != outer) {
            add(term(Kind::Msgid, inner));
        }
        add(trait_term(Trait::Type, self.msgtype));
        add(trait_term(Trait::Company, told.company.0));
        for bit in (0..FLAGS).map(|bit| 1 << bit).filter(|bit| self.flags & bit != 0) {
            add(trait_term(Trait::Flag, bit));
        }
        if self.scope != 0 {
            add(trait_term(Trait::Scope, self.scope));
        }
        if self.is_room {
            add(trait_term(Trait::Room, 1));
        }
        facts
    }

    fn doc(&self, told: &Told<'_>, texts: Texts) -> Doc {
        Doc {
            entry: Entry {
                record: told.record.0,
                seq: told.seq,
                time: self.time,
            },
            facts: self.facts(told),
            texts,
        }
    }
}

/// Writes the rows of one message; what goes into the index is returned, to be added with others.
pub(super) fn write(
    tx: &Transaction<'_>,
    interner: &mut Interner<'_>,
    told: &Told<'_>,
    derived: &mut Derived,
) -> Result<Doc> {
    let texts = std::mem::take(&mut derived.texts);
    let row = Columns::of(interner, told, derived)?;
    tx.prepare_cached(
        "INSERT INTO message (record, company, seq, time, sender, chat, audience, type, action, scope, direction,
           flags, flaws, msgid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        told.record.0,
        told.company.0,
        told.seq,
        row.time,
        row.sender,
        row.chat,
        row.audience,
        row.msgtype,
        row.action,
        row.scope,
        row.direction,
        row.flags,
        row.flaws,
        row.msgid
    ])?;
    if let Some(target) = &derived.recalls {
        tx.prepare_cached("INSERT INTO recall (record, company, pre_msgid) VALUES (?, ?, ?)")?
            .execute(params![told.record.0, told.company.0, target])?;
    }
    Ok(row.doc(told, texts))
}

/// Writes the rows of a message that was written before, as far as they changed; `None` when it is not there any more.
pub(super) fn write_again(
    tx: &Transaction<'_>,
    interner: &mut Interner<'_>,
    told: &Told<'_>,
    derived: &mut Derived,
) -> Result<Option<Doc>> {
    let texts = std::mem::take(&mut derived.texts);
    let row = Columns::of(interner, told, derived)?;
    let values = [
        row.time,
        row.sender,
        row.chat,
        row.audience,
        row.msgtype,
        row.action,
        row.scope,
        row.direction,
        row.flags,
        row.flaws,
    ];
    let known = tx
        .prepare_cached(
            "SELECT time, sender, chat, audience, type, action, scope, direction, flags, flaws, msgid
             FROM message WHERE record = ?",
        )?
        .query_row([told.record.0], |known| {
            let mut columns = [0; 10];
            for (at, column) in columns.iter_mut().enumerate() {
                *column = known.get(at)?;
            }
            Ok((columns, known.get::<_, Option<String>>(10)?))
        })
        .optional()?;
    let Some((known, msgid)) = known else {
        return Ok(None);
    };
    // Most stay as they are; seven tables follow a row that is written.
    if known != values || msgid.as_deref() != row.msgid {
        tx.prepare_cached(
            "UPDATE message SET time = ?2, sender = ?3, chat = ?4, audience = ?5, type = ?6, action = ?7, scope = ?8,
               direction = ?9, flags = ?10, flaws = ?11, msgid = ?12 WHERE record = ?1",
        )?
        .execute(params![
            told.record.0,
            row.time,
            row.sender,
            row.chat,
            row.audience,
            row.msgtype,
            row.action,
            row.scope,
            row.direction,
            row.flags,
            row.flaws,
            row.msgid
        ])?;
    }
    match &derived.recalls {
        Some(target) => tx
            .prepare_cached("INSERT OR REPLACE INTO recall (record, company, pre_msgid) VALUES (?, ?, ?)")?
            .execute(params![told.record.0, told.company.0, target])?,
        None => tx
            .prepare_cached("DELETE FROM recall WHERE record = ?")?
            .execute([told.record.0])?,
    };
    Ok(Some(row.doc(told, texts)))
}

/// What goes into the index of a message of which only the row is known; `None` when it is not there.
pub(super) fn without_text(tx: &Transaction<'_>, told: &Told<'_>) -> Result<Option<Doc>> {
    let doc = tx
        .prepare_cached(
            "SELECT m.time, m.sender, m.chat, ifnull(c.kind = 1, 0), m.audience, m.type, m.action, m.scope, m.direction,
               m.flags, m.flaws, m.msgid FROM message m LEFT JOIN chat c ON c.id = m.chat WHERE m.record = ?",
        )?
        .query_row([told.record.0], |row| {
            let msgid: Option<String> = row.get(11)?;
            let columns = Columns {
                time: row.get(0)?,
                sender: row.get(1)?,
                chat: row.get(2)?,
                is_room: row.get(3)?,
                audience: row.get(4)?,
                msgtype: row.get(5)?,
                action: row.get(6)?,
                scope: row.get(7)?,
                direction: row.get(8)?,
                flags: row.get(9)?,
                flaws: row.get(10)?,
                msgid: msgid.as_deref(),
            };
            Ok(columns.doc(told, Texts::default()))
        })
        .optional()?;
    Ok(doc)
}
