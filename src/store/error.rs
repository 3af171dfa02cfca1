//! What can go wrong with the archive itself. A bad record is never one of these.

use std::path::PathBuf;

use thiserror::Error;

use crate::ids::Millis;

/// Sorted by who must act: the operator, then the other process, then us.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file or its folder cannot be used.
    #[error("cannot use the archive {path}: {cause}; check that the folder exists and belongs to this user")]
    Unusable {
        /// The archive.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// There is nothing to read yet.
    #[error("there is no archive at {path} yet; `shiguan pull` makes one")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not an archive of this program; it was left untouched, name another file")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of the program.
    #[error(
        "{path} is at migration {found}, this program knows {known}; use the newer program that wrote it"
    )]
    Newer {
        /// The archive.
        path: PathBuf,
        /// Its last migration.
        found: u32,
        /// The last one compiled in.
        known: u32,
    },
    /// The file has to be brought up to date before it can be read.
    #[error(
        "{path} is at migration {found}, this program needs {known}; any command that writes, such as `shiguan pull`, brings it up to date"
    )]
    Outdated {
        /// The archive.
        path: PathBuf,
        /// Its last migration.
        found: u32,
        /// The last one compiled in.
        known: u32,
    },
    /// A migration that was applied is not the one compiled in.
    #[error(
        "migration {number} ({name}) of {path} differs from the one in this program; the file or the program was altered"
    )]
    Edited {
        /// The archive.
        path: PathBuf,
        /// Which one.
        number: u32,
        /// Its name.
        name: String,
    },
    /// The company is there under another corpid.
    #[error(
        "company `{name}` is in the archive with another corpid; give the new corpid a company name of its own"
    )]
    OtherCorp {
        /// Name from the configuration.
        name: String,
    },
    /// Somebody else pulls for this company.
    #[error("another puller holds the lease: {holder}, until {until} ms; wait for it or stop it")]
    HeldBy {
        /// Host, process and start time.
        holder: String,
        /// When it runs out unless renewed.
        until: Millis,
    },
    /// The lease changed hands; what this process wanted to land was not landed.
    #[error(
        "the lease of this puller (term {term}) was taken over by another; nothing of this page was written"
    )]
    LeaseLost {
        /// The term this process held.
        term: i64,
    },
    /// A question the engine cannot be asked.
    #[error("the question cannot be answered: {0}")]
    Question(String),
    /// Another process is writing for longer than this one waited.
    #[error("the archive is busy: another process has been writing for too long; try again")]
    Busy,
    /// The disk is full.
    #[error("the disk is full; nothing of this step was written, free space and run again")]
    Full,
    /// A row says something no version of the program writes.
    #[error(
        "the archive is damaged: {0}; `shiguan verify` says where, `shiguan repair` mends what has a source"
    )]
    Damaged(String),
    /// The engine said no.
    #[error("the archive's engine failed: {0}")]
    Engine(String),
}

impl StoreError {
    /// True when the same call may succeed a moment later.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

/// Keeps the engine's message, which names tables and codes and never a bound value.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => match error {
                // What the program wrote it can read: such a column has changed.
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..) => Self::Damaged(error.to_string()),
                _ => Self::Engine(error.to_string()),
            },
        }
    }
}
