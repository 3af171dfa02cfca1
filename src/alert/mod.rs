//! When people are to be told, what, and how often.
//!
//! Why a room of its own: an alert that repeats itself is switched off by the second night, and one that stays silent
//! costs records. So the rules of telling stand apart from what sends, and can be tested for a year in a second:
//!
//! ```text
//! signs ──judge──► alerts ──tend──► incidents ──due──► notices ──compose──► one message per target
//! (what was seen)  (a fixed list)   (from first to     (raised, reminder,
//!                                    last sight)        all-clear)
//! ```
//!
//! An incident is told once, again after a while, and when it is over. What is due for a target at a moment is one
//! message however much it is; messages are capped per hour, and what is capped waits and is not lost. A target that
//! fails is tried with growing pauses and holds up no other.
//!
//! Enters: [`Signs`] and the time as values. Leaves: changed [`Incident`]s, [`Notice`]s, texts.
//!
//! Must not know: SQL, HTTP, configuration, clocks, where signs come from.

mod incident;
mod kind;
mod memory;
mod signs;
mod target;
mod words;

#[cfg(test)]
mod tests;

pub use self::{
    incident::{Acknowledgement, Incident, Look, tend},
    kind::{Alert, Held, Kind, Part},
    memory::Memory,
    signs::{
        ClockDoubt, Disk, Expiring, Failing, HeldCursor, Holes, LibraryChange, LostRange, MissedWindow,
        Refused, Rules, Sign, Signs, StuckLease, WindowSign, judge,
    },
    target::{Notice, Pace, TargetState, Telling, What, due},
    words::{Composed, Speech, compose, test_message},
};
