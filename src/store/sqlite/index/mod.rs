//! The index: which opened records have a term, where in them, and in which order they stand in time.
//!
//! ```text
//! opened records ─► terms ─► segment (sorted, written once) ─► merged with others of its size
//!                                    ▲
//!                     expression ────┘─► records, newest or oldest first · how many
//! ```
//!
//! A *segment* is written with the records it is about, in their transaction, and never changed; eight of one size
//! become one of the next inside a later write. So a write appends a few dozen pages whatever the size of the
//! archive, a question looks into a few dozen segments, and a killed process leaves whole ones only.
//! Every opened record is a *doc* in exactly one segment, so "not" is exact as well. A segment written by older rules is asked
//! by them, and its docs move to newer segments from its beginning on: those before its mark count no more (`reindex`).
//!
//! Enters: [`Doc`]s with their texts, an [`Expr`]. Leaves: [`Entry`]s. Must not know: messages, filters, what a term
//! without a place stands for.

mod ask;
mod build;
mod codec;
mod expr;
mod segment;
mod term;
mod who;

pub(super) use ask::Asker;
pub(super) use build::{Builder, Doc, Texts, clear, take_out};
pub(super) use expr::Expr;
pub(super) use segment::{Entry, Segment};
pub(super) use term::{Kind, Trait, hash, is_logical, term, trait_term};
pub(super) use who::Who;
