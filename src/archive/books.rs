//! The books of a run and what can be concluded from them.

use std::time::Duration;

use crate::{
    ids::Seq,
    record::Reason,
    source::Deaths,
    store::contract::{Aside, Books, Landed, Settled},
};

use super::{Error, Window};

/// What a run did, whatever it ended with.
#[derive(Debug)]
pub struct Report {
    /// The company's name.
    pub company: String,
    /// The run's own counts.
    pub books: Books,
    /// What waits in the archive now, for this company, by reason.
    pub waiting_now: Vec<(Reason, u64)>,
    /// Landed and not yet opened or set aside (only after an interrupted or failed run).
    pub sealed_now: u64,
    /// What the archive keeps aside for this company: strays, gaps, seqs in doubt.
    pub aside: Aside,
    /// The cursor waits in front of a record whose seq cannot be right.
    pub held: Option<Held>,
    /// Wall time.
    pub took: Duration,
    /// Deaths and recyclings of the children.
    pub deaths: Deaths,
    /// How near what the archive lacks was to WeCom's deletion when the run began.
    pub window: Option<Window>,
    /// A stop was asked for and obeyed.
    pub stopped: bool,
    /// What ended the run early, if anything.
    pub failure: Option<Error>,
}

/// A cursor that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The seq that cannot be right.
    pub seq: Seq,
    /// Where the cursor stays.
    pub cursor: Seq,
}

impl Report {
    /// True when something waits for a person or is missing.
    pub fn is_incomplete(&self) -> bool {
        self.waiting() > 0 || self.aside.is_incomplete() || self.held.is_some()
    }

    /// Records that wait now, over all reasons.
    pub fn waiting(&self) -> u64 {
        waiting_total(&self.waiting_now)
    }
}

/// Sum over the reasons.
pub fn waiting_total(waiting: &[(Reason, u64)]) -> u64 {
    waiting.iter().map(|(_, count)| count).sum()
}

pub(super) fn add_landed(books: &mut Books, received: u64, landed: &Landed) {
    books.received += received;
    // A changed copy that replaces a waiting one is listed in `fresh` too, but is no new row.
    books.stored += received.saturating_sub(landed.duplicate + landed.changed + landed.stray);
    books.duplicate += landed.duplicate;
    books.changed += landed.changed;
    books.stray += landed.stray;
}

pub(super) fn add_settled(books: &mut Books, settled: &Settled) {
    books.opened += settled.opened;
    for &(reason, count) in &settled.waiting {
        match books.waiting.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, total)) => *total += count,
            None => books.waiting.push((reason, count)),
        }
    }
}
