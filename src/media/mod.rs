//! The files that hang on messages: fetched chunk by chunk, checked, and kept by what they are.
//!
//! ```text
//! chunk port ─► download ─► a beginning on disk ─► seen whole: digests, size ─► vault: one object per SHA-256
//!  (source)        │  ▲                                   │
//!                  ▼  │ where to go on                    ├─► sniff: what it is, by its first bytes
//!                 whoever writes (archive)                └─► voice: a form that browsers play
//! ```
//!
//! Why a room of its own: what comes through here is of any size, from strangers, and may never end. So nothing is held
//! whole in memory, nothing is believed (size, digest, type, name), and a name that somebody sent is never a path.
//!
//! Enters: handles with what was announced about them, a chunk port, a folder or a bucket. Leaves: digests, types and
//! [`Fault`]s as values; bytes in the vault.
//! Must not know: SQL, messages, clocks, the terminal, what a company is. Only [`vault`] and the beginnings of
//! [`download`] touch files.

mod append;
mod digesters;
pub mod download;
mod fault;
mod names;
mod pace;
pub mod private;
mod probe;
mod room;
mod sink;
pub mod sniff;
pub mod vault;
pub mod voice;

pub use self::{
    digesters::Digesters,
    download::{Announced, ChunkPort, Download, Limits, Step},
    fault::{Fault, Scope},
    names::safe,
    pace::Pace,
    room::{Probe, Room, Short, free},
    sniff::Sniffed,
    vault::{Bucket, Digest, Place, Vault, VaultError},
};
