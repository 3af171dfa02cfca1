//! Everything the store keeps about an opened record besides its bytes. All of it follows from the message, so
//! it can be thrown away and written again by a later version (promise 4).
//!
//! In two halves: [`Derived::new`] needs nothing but the message and runs on any thread; [`write()`] gives the names
//! their rows and belongs to the writer.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    codes::{
        FLAGS, MSGID_DIFFERS, SENDER_RECEIVES, TIME_IMPLAUSIBLE, carries, direction_in, flaws_in,
        patterns_in, scope_in,
    },
    guard::{Guarded, Handling},
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
    /// As in its column, as the next two.
    pub twin: i64,
    pub version: i64,
    pub landed_sha256: &'a [u8],
    /// Of the salted body; `None`: an older program opened it, and the row gets no guard.
    pub body_sha256: Option<&'a [u8]>,
    /// As in its columns once it is opened.
    pub handling: Handling<'a>,
    /// A guard that did not fit the row, to be kept: it fits again if all that had changed is what follows from the body.
    pub doubted_guard: Option<i64>,
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

impl Derived {
    /// The columns that are not what the body says. Flaws are left out, which another version of the program may find
    /// differently.
    pub(super) fn differing(&self, columns: &Guarded<'_>) -> Vec<&'static str> {
        let inner = columns.inner_msgid.unwrap_or(columns.msgid);
        let (kind, key) = self.chat.as_ref().map_or((0, ""), |(kind, key)| (*kind, key));
        [
            ("time", self.time == columns.time),
            ("sender", self.from == columns.sender.1),
            ("type", self.msgtype == columns.msgtype.1),
            ("action", self.action == columns.action.1),
            ("msgid", self.msgid == inner),
            ("chat", (kind, key) == (columns.chat.1, columns.chat.2)),
            ("scope", self.scope == columns.scope),
            ("direction", self.direction == columns.direction),
            ("flags", self.flags == columns.flags),
            ("recalls", self.recalls.as_deref() == columns.recalls),
        ]
        .into_iter()
        .filter_map(|(name, same)| (!same).then_some(name))
        .collect()
    }

    /// What the index has of its texts.
    pub(super) fn into_texts(self) -> Texts {
        self.texts
    }

    /// The digest of everybody in it, as in `audience.hash`.
    pub(super) fn audience(&self) -> &[u8] {
        match self.people.is_empty() {
            true => &[],
            false => &self.audience,
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

    /// The guard of the row, see `guard`; `None` when the body has no digest.
    fn guard(&self, told: &Told<'_>, derived: &Derived) -> Option<i64> {
        let (kind, key) = derived.chat.as_ref().map_or((0, ""), |(kind, key)| (*kind, key));
        let guarded = Guarded {
            record: told.record.0,
            company: told.company.0,
            seq: told.seq,
            twin: told.twin,
            msgid: told.outer_msgid,
            version: told.version,
            landed_at: told.landed_at,
            landed_sha256: told.landed_sha256,
            body_sha256: told.body_sha256?,
            time: self.time,
            sender: (self.sender, &derived.from),
            chat: (self.chat, kind, key),
            audience: self.audience,
            msgtype: (self.msgtype, &derived.msgtype),
            action: (self.action, &derived.action),
            scope: self.scope,
            direction: self.direction,
            flags: self.flags,
            flaws: self.flaws,
            inner_msgid: self.msgid,
            recalls: derived.recalls.as_deref(),
            handling: told.handling,
        };
        Some(guarded.guard())
    }

    /// What the index holds of it besides its texts.
    fn facts(&self, company: CompanyId, outer_msgid: &str) -> Vec<u64> {
        let mut facts = Vec::with_capacity(12);
        let mut add = |term| facts.push(term);
        add(term(Kind::Sender, self.sender));
        add(term(Kind::Audience, self.audience));
        add(term(Kind::Chat, self.chat));
        let outer = hash(outer_msgid);
        add(term(Kind::Msgid, outer));
        if let Some(inner) = self.msgid.map(hash).filter(|inner| *inner != outer) {
            add(term(Kind::Msgid, inner));
        }
        add(trait_term(Trait::Type, self.msgtype));
        add(trait_term(Trait::Company, company.0));
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
            facts: self.facts(told.company, told.outer_msgid),
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
    let guard = told.doubted_guard.or_else(|| row.guard(told, derived));
    tx.prepare_cached(
        "INSERT INTO message (record, company, seq, time, sender, chat, audience, type, action, scope, direction,
           flags, flaws, msgid, guard) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        row.msgid,
        guard
    ])?;
    if let Some(target) = &derived.recalls {
        tx.prepare_cached("INSERT INTO recall (record, company, pre_msgid) VALUES (?, ?, ?)")?
            .execute(params![told.record.0, told.company.0, target])?;
    }
    Ok(row.doc(told, texts))
}

/// Writes the rows of a message that was written before, as far as they changed, and their guard. A row whose guard did not
/// fit, or that is missing, stays as it is: whoever reads it is told so, `repair` mends it, and the index has what its body says.
pub(super) fn write_again(
    tx: &Transaction<'_>,
    interner: &mut Interner<'_>,
    told: &Told<'_>,
    derived: &mut Derived,
) -> Result<Doc> {
    let texts = std::mem::take(&mut derived.texts);
    let row = Columns::of(interner, told, derived)?;
    if told.doubted_guard.is_some() {
        return Ok(row.doc(told, texts));
    }
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
            "SELECT time, sender, chat, audience, type, action, scope, direction, flags, flaws, msgid, guard
             FROM message WHERE record = ?",
        )?
        .query_row([told.record.0], |known| {
            let mut columns = [0; 10];
            for (at, column) in columns.iter_mut().enumerate() {
                *column = known.get(at)?;
            }
            Ok((
                columns,
                known.get::<_, Option<String>>(10)?,
                known.get::<_, Option<i64>>(11)?,
            ))
        })
        .optional()?;
    let Some((known, msgid, known_guard)) = known else {
        return Ok(row.doc(told, texts));
    };
    let guard = row.guard(told, derived);
    // Most stay as they are; seven tables follow a row that is written.
    if known != values || msgid.as_deref() != row.msgid {
        tx.prepare_cached(
            "UPDATE message SET time = ?2, sender = ?3, chat = ?4, audience = ?5, type = ?6, action = ?7, scope = ?8,
               direction = ?9, flags = ?10, flaws = ?11, msgid = ?12, guard = ?13 WHERE record = ?1",
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
            row.msgid,
            guard
        ])?;
    } else if known_guard != guard {
        tx.prepare_cached("UPDATE message SET guard = ? WHERE record = ?")?
            .execute(params![guard, told.record.0])?;
    }
    match &derived.recalls {
        Some(target) => tx
            .prepare_cached("INSERT OR REPLACE INTO recall (record, company, pre_msgid) VALUES (?, ?, ?)")?
            .execute(params![told.record.0, told.company.0, target])?,
        None => tx
            .prepare_cached("DELETE FROM recall WHERE record = ?")?
            .execute([told.record.0])?,
    };
    Ok(row.doc(told, texts))
}

/// What goes into the index of an opened record whose body is damaged: all that its columns say. `None` without columns.
pub(super) fn without_text(conn: &Connection, record: i64) -> Result<Option<Doc>> {
    let mut statement = conn.prepare_cached(
        "SELECT r.company, r.seq, r.msgid, m.time, m.sender, m.chat, ifnull(c.kind = 1, 0), m.audience, m.type,
           m.action, m.scope, m.direction, m.flags, m.flaws, m.msgid
         FROM message m JOIN record r ON r.id = m.record LEFT JOIN chat c ON c.id = m.chat WHERE m.record = ?",
    )?;
    let mut rows = statement.query([record])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (outer, inner): (String, Option<String>) = (row.get(2)?, row.get(14)?);
    let columns = Columns {
        time: row.get(3)?,
        sender: row.get(4)?,
        chat: row.get(5)?,
        is_room: row.get(6)?,
        audience: row.get(7)?,
        msgtype: row.get(8)?,
        action: row.get(9)?,
        scope: row.get(10)?,
        direction: row.get(11)?,
        flags: row.get(12)?,
        flaws: row.get(13)?,
        msgid: inner.as_deref(),
    };
    let entry = Entry {
        record,
        seq: row.get(1)?,
        time: columns.time,
    };
    Ok(Some(Doc {
        entry,
        facts: columns.facts(CompanyId(row.get(0)?), &outer),
        texts: Texts::default(),
    }))
}
