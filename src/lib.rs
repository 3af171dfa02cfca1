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
//! people      who somebody was, as history: what to ask the directory, what its answers say
//! consent     who agreed, since when, and what that means for a message
//! completeness   WeCom's own counts and groups beside the archive's
//! alert       when people are told, what, and how often; `archive` keeps it, `cli` sends it
//! clock       whether this machine's time can be believed
//! sanitize    what a reader sees of text from outside: it can neither act nor be taken for the program's words
//! media       the files they sent: fetched in chunks, checked, kept by SHA-256
//! backup      generations of an archive beside its writers, and archives restored from them
//! ```

// They panic when the reader has gone; `cli::out` has what prints instead.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod alert;
pub mod archive;
pub mod backup;
pub mod callback;
pub mod cli;
pub mod clock;
pub mod completeness;
pub mod config;
pub mod consent;
pub mod directory;
pub mod events;
pub mod ids;
pub mod media;
pub mod message;
pub mod people;
pub mod record;
pub mod sanitize;
pub mod search;
pub mod secret;
pub mod source;
pub mod store;
pub mod unseal;
pub mod words;
