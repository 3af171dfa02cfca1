//! How the contract's words are written in columns. A number once used keeps its meaning for ever.

use crate::{
    ids::{Millis, Seq},
    message::{self, Direction, Flaws, Message, Scope},
    record::Reason,
    store::{Result, StoreError, contract::State},
};

pub(super) const SEALED: i64 = 0;
pub(super) const OPENED: i64 = 1;
pub(super) const UNREADABLE: i64 = 7;

pub(super) const HAS_MEDIA: i64 = 1;
pub(super) const HAS_FILE: i64 = 2;
pub(super) const HAS_LINK: i64 = 4;
pub(super) const SENDER_RECEIVES: i64 = 8;
pub(super) const MSGID_DIFFERS: i64 = 16;
/// How many flags there are.
pub(super) const FLAGS: u32 = 9;

pub(super) const NOT_JSON: i64 = 1;
pub(super) const TIME_INFERRED: i64 = 16;
pub(super) const TIME_IMPLAUSIBLE: i64 = 32;
pub(super) const PAYLOAD_UNREAD: i64 = 64;

/// Types that carry a file in the sense of `has:file`.
const FILE_KINDS: [&str; 3] = ["file", "qydiskfile", "voip_doc_share"];

/// Keeps the bits; from 2^63 on the number in the column is negative.
pub(super) fn seq_in(seq: Seq) -> i64 {
    seq.0 as i64
}

pub(super) fn seq_out(column: i64) -> Seq {
    Seq(column as u64)
}

pub(super) fn time_out(column: i64) -> Option<Millis> {
    (column != 0).then_some(Millis(column))
}

pub(super) fn reason_in(reason: Reason) -> i64 {
    match reason {
        Reason::NoKey => 2,
        Reason::KeyMismatch => 3,
        Reason::Malformed => 4,
        Reason::Refused => 5,
        Reason::Poison => 6,
        Reason::Unreadable => UNREADABLE,
    }
}

pub(super) fn state_out(column: i64) -> Result<State> {
    match column {
        SEALED => Ok(State::Sealed),
        OPENED => Ok(State::Opened),
        _ => Reason::ALL
            .into_iter()
            .find(|reason| reason_in(*reason) == column)
            .map(State::Waiting)
            .ok_or_else(|| StoreError::Damaged(format!("a record has the unknown state {column}"))),
    }
}

pub(super) fn scope_in(scope: Scope) -> i64 {
    match scope {
        Scope::Internal => 0,
        Scope::External => 1,
        Scope::UpDown => 2,
    }
}

pub(super) fn scope_out(column: i64) -> Result<Scope> {
    match column {
        0 => Ok(Scope::Internal),
        1 => Ok(Scope::External),
        2 => Ok(Scope::UpDown),
        _ => Err(StoreError::Damaged(format!(
            "a message has the unknown scope {column}"
        ))),
    }
}

pub(super) fn direction_in(direction: Direction) -> i64 {
    match direction {
        Direction::In => 0,
        Direction::Out => 1,
        Direction::Within => 2,
        Direction::None => 3,
    }
}

pub(super) fn direction_out(column: i64) -> Result<Direction> {
    match column {
        0 => Ok(Direction::In),
        1 => Ok(Direction::Out),
        2 => Ok(Direction::Within),
        3 => Ok(Direction::None),
        _ => Err(StoreError::Damaged(format!(
            "a message has the unknown direction {column}"
        ))),
    }
}

pub(super) fn flaws_in(flaws: Flaws) -> i64 {
    i64::from(flaws.not_json) * NOT_JSON
        + i64::from(flaws.lenient) * 2
        + i64::from(flaws.unknown_type) * 4
        + i64::from(flaws.nested) * 8
        + i64::from(flaws.time_inferred) * TIME_INFERRED
        + i64::from(flaws.time_implausible) * TIME_IMPLAUSIBLE
        + i64::from(flaws.payload_unread) * PAYLOAD_UNREAD
}

pub(super) fn flaws_out(column: i64) -> Flaws {
    Flaws {
        not_json: column & NOT_JSON != 0,
        lenient: column & 2 != 0,
        unknown_type: column & 4 != 0,
        nested: column & 8 != 0,
        time_inferred: column & TIME_INFERRED != 0,
        time_implausible: column & TIME_IMPLAUSIBLE != 0,
        payload_unread: column & PAYLOAD_UNREAD != 0,
    }
}

/// The flags from 32 to 256: numbers found in the texts, in the order of `words::Pattern`.
pub(super) fn patterns_in(bits: u8) -> i64 {
    i64::from(bits & 0xF) << 5
}

/// What `has:` asks for, decided once when the message is written.
pub(super) fn carries(message: &Message) -> i64 {
    let named =
        message::Kind::from_word(&message.msgtype).is_some_and(|kind| FILE_KINDS.contains(&kind.word()));
    let file = named
        || message
            .media
            .iter()
            .any(|media| FILE_KINDS.contains(&media.kind.as_str()));
    i64::from(!message.media.is_empty()) * HAS_MEDIA
        + i64::from(file) * HAS_FILE
        + i64::from(message.has_link) * HAS_LINK
}
