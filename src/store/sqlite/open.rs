//! Opening: is it ours, is it of our time, and the settings every connection runs with.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};

use super::{Packer, Reader, Store, identity, intern::Names, migrate, pack::Unpacker};
use crate::store::{Result, StoreError};

/// `SHGN`: how a file says that it is ours.
pub(super) const APPLICATION_ID: i32 = 0x5348_474E;
/// How long a write waits for the write of another process.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pages in the log before they are copied into the file, 32 MiB: a page that several transactions touch, the last of
/// each table, is copied once, and the file is synced once for thousands of records.
const CHECKPOINT: i64 = 8_192;
/// Kibibytes (negative by the engine's convention) of pages a reader keeps: those of a few hundred hits. Mapping the
/// file instead was measured and costs five times as much cold, because each fault reads far around itself.
const READER_CACHE: i64 = -65_536;

impl Store {
    /// Opens the archive for writing, makes it when there is none (readable by its owner only), and brings an
    /// older one up to date.
    pub fn open(path: &Path) -> Result<Self> {
        make_private(path)?;
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if !is_ours(&conn, path)? && !is_blank(&conn, path)? {
            return Err(StoreError::Foreign { path: path.into() });
        }
        write_ahead(&conn)?;
        conn.pragma_update(None, "synchronous", "full")?;
        conn.pragma_update(None, "cache_size", -32_768)?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
        // Every row is written together with what it points to; `integrity` looks. Asking the engine as well
        // costs six look-ups per message.
        conn.pragma_update(None, "foreign_keys", false)?;
        migrate::bring_up(&conn, path, migrate::ALL)?;
        identity::ensure(&conn)?;
        Ok(Self {
            packer: Packer::load(&conn)?,
            names: Names::default(),
            reader: Reader {
                conn,
                path: path.into(),
                unpacker: Unpacker::default(),
            },
        })
    }

    /// A reading half of its own on the same file.
    pub fn reader(&self) -> Result<Reader> {
        Reader::open(&self.path)
    }

    /// Begins the one transaction that each public write is.
    pub(in crate::store) fn begin(&self) -> Result<Transaction<'_>> {
        Ok(Transaction::new_unchecked(
            &self.reader.conn,
            TransactionBehavior::Immediate,
        )?)
    }
}

impl Reader {
    /// Opens the archive for reading. Writes nothing, not even a migration.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.into() });
        }
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if !is_ours(&conn, path)? {
            let blank = is_blank(&conn, path)?;
            let path = PathBuf::from(path);
            return Err(if blank {
                StoreError::Missing { path }
            } else {
                StoreError::Foreign { path }
            });
        }
        conn.pragma_update(None, "cache_size", READER_CACHE)?;
        let known = migrate::last(migrate::ALL);
        let found = migrate::check(&conn, path, migrate::ALL)?;
        if found < known {
            return Err(StoreError::Outdated {
                path: path.into(),
                found,
                known,
            });
        }
        Ok(Self {
            conn,
            path: path.into(),
            unpacker: Unpacker::default(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a view of one moment for answers that need several questions.
    pub(super) fn view(&self) -> Result<Transaction<'_>> {
        Ok(Transaction::new_unchecked(
            &self.conn,
            TransactionBehavior::Deferred,
        )?)
    }
}

/// Makes an empty file that only its owner can read, before the engine would make one that others can.
fn make_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unusable {
            path: path.into(),
            cause: error.to_string(),
        }),
    }
}

/// A further connection to a file that is known to be ours.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// A further connection to a file that is known to be ours, in this mode.
pub(super) fn connect_to(path: &Path, mode: OpenFlags) -> Result<Connection> {
    connect(path, mode)
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection> {
    let unusable = |error: rusqlite::Error| StoreError::Unusable {
        path: path.into(),
        cause: error.to_string(),
    };
    let conn = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(unusable)?;
    conn.busy_timeout(PATIENCE)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Otherwise a plan may look at bound values, and every statement whose plan did is prepared anew each time it is taken from
    // the cache. Conditions of partial indexes are therefore written out and never bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(conn)
}

/// Switches to the write-ahead log. While another process does the same to a new file the engine answers "busy" at once,
/// whatever patience it was given.
fn write_ahead(conn: &Connection) -> Result<()> {
    let began = Instant::now();
    loop {
        match conn.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && began.elapsed() < PATIENCE =>
            {
                thread::sleep(Duration::from_millis(20));
            }
            result => return Ok(result?),
        }
    }
}

fn is_ours(conn: &Connection, path: &Path) -> Result<bool> {
    let id: i32 = conn
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| foreign_or(error, path))?;
    Ok(id == APPLICATION_ID)
}

fn is_blank(conn: &Connection, path: &Path) -> Result<bool> {
    let id: i32 = conn
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| foreign_or(error, path))?;
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(|error| foreign_or(error, path))?;
    Ok(id == 0 && tables == 0)
}

fn foreign_or(error: rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.into() },
        _ => error.into(),
    }
}
