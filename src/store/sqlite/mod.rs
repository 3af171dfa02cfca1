//! The SQLite engine: one file, one writing connection, any number of readers.
//!
//! One file per concern, named as in every engine of the store: `open`, `migrate`, `lease`, `land`, `settle`,
//! `again`, `reindex`, `media`, `books`, `clock`, `waiting`, `read`, `search`, `count`, `stats`, `hash`, `forget`, `disk`,
//! `heard`, `incidents`, `signs`, `gaps`, `identity`, `reopened`, `snapshot`, `upto`, `verify`; `codes`, `intern`, `derive`,
//! `pack`, `guard`, `index` and `row` are what they share.

mod again;
mod books;
mod clock;
mod codes;
mod consent;
mod count;
mod derive;
mod disk;
mod doubt;
mod forget;
mod gaps;
mod guard;
mod hash;
mod heard;
mod identity;
mod incidents;
mod index;
mod intern;
mod land;
mod lease;
mod media;
pub(super) mod migrate;
mod open;
mod pack;
mod people;
mod read;
mod reindex;
mod reopened;
mod row;
mod search;
mod settle;
mod signs;
mod snapshot;
mod standing;
mod stats;
mod upto;
mod verify;
mod waiting;

use std::{ops::Deref, path::PathBuf};

use rusqlite::Connection;

use super::contract::CursorMove;

pub use identity::{Epoch, archive_id};
pub use lease::Watcher;
pub use pack::Packer;
pub use reindex::ReindexBatch;
pub use settle::{Prepared, prepare};
pub use snapshot::{Contents, Snapshot};

/// The reading half. Several may be open at once, in this process and in others, while one [`Store`] writes;
/// each answer is of one moment.
pub struct Reader {
    conn: Connection,
    path: PathBuf,
    unpacker: pack::Unpacker,
}

/// The writing half; it can read as well. Only one write happens at a time, across all processes.
pub struct Store {
    reader: Reader,
    packer: Packer,
    /// Of committed transactions only.
    names: intern::Names,
}

/// Whoever may write may read.
impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

#[cfg(test)]
impl Store {
    /// For tests that spoil what is kept.
    pub(in crate::store) fn conn_for_tests(&self) -> &Connection {
        &self.reader.conn
    }
}
