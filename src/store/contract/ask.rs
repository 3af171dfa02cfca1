//! What crosses the store's door beside an answer: who was meant, what is called alike, and counts of a question by
//! something.

use super::{Coverage, Tally};
use crate::ids::CompanyId;

/// Somebody that `from:`, `to:` or `with:` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// Whose directory calls them so; none when they are meant by their id, which counts in every company.
    pub company: Option<CompanyId>,
    /// The id, as first seen.
    pub id: String,
}

/// Something that is called nearly so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// What it is or was called; empty when the id itself is similar.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// Where to look for what is called nearly so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// People, by id and by every name.
    People,
    /// Groups.
    Rooms,
    /// Departments.
    Departments,
    /// Tags of members and customers.
    Tags,
}

/// What the hits of a question are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// Sender, folded; empty for none.
    Person,
    /// Conversation: the `roomid`, or the people joined by `,`; empty for none.
    Chat,
    /// `msgtype`.
    Type,
    /// Company of the archive, by its configured name.
    Company,
    /// Day in the zone, `2026-03-01`; empty without a time, as are the next two.
    Day,
    /// Month in the zone, `2026-03`.
    Month,
    /// Hour of the day in the zone, `00` to `23`.
    Hour,
}

/// Hits by something: of one moment, each hit in exactly one line.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Most first; times ascending, with those without one last.
    pub lines: Vec<Tally>,
    /// All hits.
    pub total: u64,
    /// How much of the archive was searched.
    pub coverage: Coverage,
}
