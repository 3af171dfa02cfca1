//! What crosses the store's door about people: whom to ask about, and what is known of somebody.

use crate::{
    ids::{CompanyId, Millis},
    people::{History, Subject},
};

/// When answers are old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Milliseconds until a person is asked about again.
    pub people_ms: i64,
    /// The same for a room.
    pub rooms_ms: i64,
    /// The same for lists: departments, tags, members in scope.
    pub lists_ms: i64,
}

/// Ids met in messages since the last look, about which nobody was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    /// People, folded.
    pub people: Vec<String>,
    /// Rooms, and whether somebody outside was seen in them.
    pub rooms: Vec<(String, bool)>,
    /// How far the look went: the last row, and messages up to there. Without it, this is not all that was met.
    pub mark: Option<(i64, u64)>,
}

impl Met {
    /// The same in pieces of at most so many ids, so that no write takes long; the mark comes last.
    pub fn pieces(mut self, most: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mark = self.mark.take();
        for people in self.people.chunks(most.max(1)) {
            pieces.push(Self {
                people: people.to_vec(),
                ..Self::default()
            });
        }
        for rooms in self.rooms.chunks(most.max(1)) {
            pieces.push(Self {
                rooms: rooms.to_vec(),
                ..Self::default()
            });
        }
        match pieces.last_mut() {
            Some(last) => last.mark = mark,
            None => pieces.push(Self {
                mark,
                ..Self::default()
            }),
        }
        pieces
    }
}

/// Where asking about a subject stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody answered yet.
    Unknown,
    /// Answered.
    Known,
    /// Not to be had, or not any more.
    NotAvailable,
}

impl Standing {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::NotAvailable => "not_available",
        }
    }
}

/// Everything the archive knows of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// Its row; lists go on behind it.
    pub row: i64,
    /// Whose directory says so.
    pub company: CompanyId,
    /// Whom it is about.
    pub subject: Subject,
    /// Where asking stands.
    pub standing: Standing,
    /// Why nothing is to be had.
    pub why: String,
    /// When it was last asked about.
    pub asked: Option<Millis>,
    /// When that was last answered.
    pub answered: Option<Millis>,
    /// What was said, in the order it was learnt.
    pub history: History,
}

/// Ids by where asking about them stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headcount {
    /// Answered.
    pub known: u64,
    /// Met and not answered yet.
    pub unknown: u64,
    /// Not to be had.
    pub not_available: u64,
}
