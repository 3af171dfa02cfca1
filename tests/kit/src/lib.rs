//! What tests share: scratch folders, corpora, the program as a black box, and a fake WeCom.
//!
//! Must not know `src`: it may not check code with itself. It sees the program as a script would: arguments in,
//! text, JSON and exit codes out.

pub mod callback;
mod corpus;
mod program;
mod terminal;

pub use corpus::{Corpus, Truth};
pub use program::{Archive, Finished, PULL, Program, ask_to_end, on_full_disk, terminate};
pub use terminal::{Seen, on_terminal};
pub use wecom_mock as wecom;
pub use wecom_mock::WeCom;
