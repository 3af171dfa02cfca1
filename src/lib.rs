//! Shiguan (史官): pulls a company's WeCom conversations, opens them, keeps them, finds them.
//!
//! ```text
//! source ──► unseal ──► message ──► store ──► search ──► cli
//!   │  (child: vendor .so)            ▲
//!   └──────────── archive ────────────┘   the conveyor
//!                    ▲
//!        callback ───┘   wakes it when WeCom calls
//!
//! directory   WeCom's server API: names, rooms, consent
//! media       the files they sent: fetched in chunks, checked, kept by SHA-256
//! ```

pub mod archive;
pub mod callback;
pub mod cli;
pub mod config;
pub mod directory;
pub mod events;
pub mod ids;
pub mod media;
pub mod message;
pub mod record;
pub mod search;
pub mod secret;
pub mod source;
pub mod store;
pub mod unseal;
pub mod words;
