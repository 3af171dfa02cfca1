//! What an inquiry is asked for, and what stood in its way.
//!
//! Must not know: calls.

use super::known::{List, Subject};

/// Ids of one sort that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Want {
    /// Members.
    pub members: Vec<Subject>,
    /// Outsiders.
    pub outsiders: Vec<Subject>,
    /// Robots.
    pub robots: Vec<Subject>,
    /// Rooms; the kind says which call is tried first.
    pub rooms: Vec<Subject>,
}

/// What an inquiry is to find out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Ids nobody has asked about yet; they come first.
    pub unknown: Want,
    /// Ids whose answer has grown old.
    pub old: Want,
    /// Lists that have grown old.
    pub lists: Vec<List>,
}

impl Want {
    fn count(&self) -> usize {
        self.members.len() + self.outsiders.len() + self.robots.len() + self.rooms.len()
    }
}

impl Needs {
    /// Ids and lists.
    pub fn count(&self) -> u64 {
        (self.unknown.count() + self.old.count() + self.lists.len()) as u64
    }
}

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// From so many members or customers on, the whole list is read instead of one call each.
    pub sweep_from: usize,
    /// Calls that the caller will make at most. Reading a list takes at most half of them, so that a list too long for one
    /// round never keeps those from being asked about who stand at its end.
    pub calls: u32,
}

/// A call that was refused to everybody, or an id's refusal worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The call.
    pub api: &'static str,
    /// Why, with what to do.
    pub why: String,
}
