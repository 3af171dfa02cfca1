//! Everything the store keeps about an opened record besides its bytes. All of it follows from the message, so
//! it can be thrown away and written again by a later version (promise 4).
//!
//! In two halves: [`Derived::new`] needs nothing but the message and runs on any thread; [`write()`] gives the names
//! their rows and belongs to the writer.

use rusqlite::{Transaction, params};

use super::{
    codes::{MSGID_DIFFERS, SENDER_RECEIVES, TIME_IMPLAUSIBLE, carries, direction_in, flaws_in, scope_in},
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
                + i64::from(sender_receives) * SENDER_RECEIVES
                + i64::from(msgid_differs) * MSGID_DIFFERS,
            flaws: flaws_in(message.flaws),
            recalls: message.recalls.clone().filter(|target| !target.is_empty()),
            texts: texts(&message.segments),
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

/// Writes the rows of one message; what goes into the index is returned, to be added with others.
pub(super) fn write(
    tx: &Transaction<'_>,
    interner: &mut Interner<'_>,
    told: &Told<'_>,
    derived: &mut Derived,
) -> Result<Doc> {
    let sender = interner.person(&derived.from)?;
    let chat = match &derived.chat {
        Some((kind, key)) => interner.chat(told.company, *kind, key)?,
        None => 0,
    };
    let audience = interner.audience(&derived.audience, &derived.people)?;
    let msgtype = interner.word(&derived.msgtype)?;
    let inner_msgid = (derived.msgid != told.outer_msgid).then_some(&derived.msgid);
    let is_later = derived.time > told.landed_at.saturating_add(LATER_MS);
    tx.prepare_cached(
        "INSERT INTO message (record, company, seq, time, sender, chat, audience, type, action, scope, direction,
           flags, flaws, msgid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        told.record.0,
        told.company.0,
        told.seq,
        derived.time,
        sender,
        chat,
        audience,
        msgtype,
        interner.word(&derived.action)?,
        derived.scope,
        derived.direction,
        derived.flags,
        derived.flaws | if is_later { TIME_IMPLAUSIBLE } else { 0 },
        inner_msgid
    ])?;
    if let Some(target) = &derived.recalls {
        tx.prepare_cached("INSERT INTO recall (record, company, pre_msgid) VALUES (?, ?, ?)")?
            .execute(params![told.record.0, told.company.0, target])?;
    }
    let mut facts = Vec::with_capacity(12);
    let mut add = |term| facts.push(term);
    add(term(Kind::Sender, sender));
    add(term(Kind::Audience, audience));
    add(term(Kind::Chat, chat));
    let outer = hash(told.outer_msgid);
    add(term(Kind::Msgid, outer));
    if let Some(inner) = inner_msgid
        .map(|msgid| hash(msgid))
        .filter(|inner| *inner != outer)
    {
        add(term(Kind::Msgid, inner));
    }
    add(trait_term(Trait::Type, msgtype));
    add(trait_term(Trait::Company, told.company.0));
    for bit in (0..5).map(|bit| 1 << bit).filter(|bit| derived.flags & bit != 0) {
        add(trait_term(Trait::Flag, bit));
    }
    if derived.scope != 0 {
        add(trait_term(Trait::Scope, derived.scope));
    }
    if derived.chat.as_ref().is_some_and(|(kind, _)| *kind == 1) {
        add(trait_term(Trait::Room, 1));
    }
    Ok(Doc {
        entry: Entry {
            record: told.record.0,
            seq: told.seq,
            time: derived.time,
        },
        facts,
        texts: std::mem::take(&mut derived.texts),
    })
}
