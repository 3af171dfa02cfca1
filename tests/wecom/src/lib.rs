//! A stand-in for WeCom's server API: what the mock library is for the native SDK, this is for the HTTP side.
//!
//! ```text
//! server ──► sockets, tokens, limits, faults, a record of what was asked
//! town   ──► a company with people, rooms, departments and tags, whose changes show in the answers
//! ```
//!
//! Enters: secrets, handlers, reactions, a town. Leaves: answers as the platform gives them. Tests use it, and
//! `shiguan demo`. Each subject of the API has a file of handlers in `town`; a further subject gets a further one.
//! Must not know `src`: the rules here were written down a second time, from the reference.

mod server;
pub mod town;

pub use server::{Asked, Reaction, WeCom, refusal};
pub use town::Town;
