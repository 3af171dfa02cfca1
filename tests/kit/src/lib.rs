//! What tests share: scratch folders, corpora, and the program as a black box.
//!
//! Must not know `src`: it may not check code with itself. It sees the program as a script would: arguments in,
//! text, JSON and exit codes out.

pub mod callback;
mod corpus;
mod program;

pub use corpus::{Corpus, Truth};
pub use program::{Archive, Finished, PULL, Program};
