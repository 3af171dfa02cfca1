//! Events as the store keeps them, and what is to be read again because of them.
//!
//! Marks are handed on to the rooms that ask WeCom, safe against a kill at any instant (`archive::follow_marks`):
//!
//! ```text
//! let due = store.take_stale(company, SubjectKind::Room, now, 100)?;    takes nothing away
//! … make due what they ask for, in the tables of names and of consent …
//! store.stale_done(company, &due, now)?;                                what came meanwhile stays
//! ```

use crate::ids::{CompanyId, Millis};

/// An event's row in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub i64);

/// An event that came, and whom it makes stale.
#[derive(Clone, PartialEq, Eq)]
pub struct Heard {
    /// `change_external_chat`
    pub name: String,
    /// `ChangeType`; empty when it has none.
    pub change: String,
    /// False when this version does not know it.
    pub known: bool,
    /// `CreateTime`.
    pub at: Option<Millis>,
    /// When it came.
    pub received: Millis,
    /// Equal for repetitions.
    pub mark: [u8; 32],
    /// As received, secrets covered.
    pub body: Vec<u8>,
    /// What is to be read again.
    pub stale: Vec<(Subject, Millis)>,
}

impl std::fmt::Debug for Heard {
    /// Bodies may be what somebody wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heard")
            .field("name", &self.name)
            .field("change", &self.change)
            .field("body_len", &self.body.len())
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

/// Kinds of things that can be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A member or a customer; the form of the id tells which.
    Person,
    /// A group chat.
    Room,
    /// A member and a customer: whether the customer agrees.
    Pair,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Person, Self::Room, Self::Pair];

    /// The word in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Room => "room",
            Self::Pair => "pair",
        }
    }
}

/// What is to be read again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// By `userid` or `external_userid`.
    Person(String),
    /// By `chat_id`, which is the `roomid` of records.
    Room(String),
    /// By `userid` and `external_userid`.
    Pair {
        /// The member.
        member: String,
        /// The customer.
        external: String,
    },
}

impl Subject {
    /// Its kind.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Person(_) => SubjectKind::Person,
            Self::Room(_) => SubjectKind::Room,
            Self::Pair { .. } => SubjectKind::Pair,
        }
    }
}

/// A subject to be read again, once for all events that ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Whom.
    pub subject: Subject,
    /// The latest event's name, `change_external_chat.dismiss`.
    pub why: String,
    /// When the first of the events came.
    pub since: Millis,
    /// Events that ask for it.
    pub events: u64,
    /// The latest of them.
    pub event: EventId,
    /// Everything up to here is settled by reading it now.
    pub upto: i64,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Nothing follows from it, or it was done at once (waking the puller).
    Kept,
    /// Something is still to be read again because of it.
    Waiting,
    /// Everything that follows from it is done, or due.
    Done,
}

impl Handled {
    /// The word in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }
}

/// An event as it is listed.
#[derive(Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its row.
    pub id: EventId,
    /// Whose it is.
    pub company: CompanyId,
    /// `change_external_chat`
    pub name: String,
    /// `ChangeType`; empty when it has none.
    pub change: String,
    /// False when the version that received it did not know it.
    pub known: bool,
    /// `CreateTime`.
    pub at: Option<Millis>,
    /// When it came first.
    pub received: Millis,
    /// When it came last.
    pub last: Millis,
    /// How often it came.
    pub times: u64,
    /// What became of it.
    pub handled: Handled,
    /// As received, secrets covered.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for EventRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventRow")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("change", &self.change)
            .field("times", &self.times)
            .field("handled", &self.handled)
            .finish_non_exhaustive()
    }
}
