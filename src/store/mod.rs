//! The archive on disk: what was received, what it says, and the index that finds it.
//!
//! Enters: sealed records with the cursor that moves past them, verdicts about them, questions as a
//! [`contract::Filter`]. Leaves: pending records, books, rows. Every public write is one transaction; a process
//! killed at any instant leaves the state before or after it, never between (promise 1).
//!
//! Must not know: child processes, private keys, HTTP, clocks (time arrives as a value), query syntax. The
//! rooms above see [`contract`] and [`StoreError`], not the engine.

pub mod contract;
mod error;
mod sqlite;
mod tokens;

#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use sqlite::{
    Contents, Epoch, Packer, Prepared, Reader, ReindexBatch, Snapshot, Store, Watcher, archive_id, prepare,
};
pub use tokens::{TokenFile, TokenRow};

/// What every function of the room returns.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
