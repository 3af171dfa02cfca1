//! A stand-in for WeCom's server API: what the mock library is for the native SDK, this is for the HTTP side.
//!
//! ```text
//! server ──► sockets, tokens, limits, faults, a record of what was asked
//! ```
//!
//! Enters: secrets, handlers, reactions. Leaves: answers as the platform gives them. Tests use it, and `shiguan demo`.
//! Must not know `src`: the rules here were written down a second time, from the reference.

mod server;

pub use server::{Asked, Reaction, WeCom, refusal};
