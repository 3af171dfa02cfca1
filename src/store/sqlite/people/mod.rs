//! Who they were: subjects, what was said of them as spans of time, and which of them are due.
//!
//! `meet` finds new ids in messages, `learn` writes what was answered, `tell` reads it again, `ask` answers questions by
//! name, `near` says who was meant and who is called nearly so. Nothing of it is on the way of a record.

pub(super) mod ask;
mod learn;
mod meet;
mod near;
mod tell;

pub(super) use learn::fold_again;

/// `due` of a subject that is not asked about: nobody has met it in a message.
const NEVER: i64 = i64::MAX;
