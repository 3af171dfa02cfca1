//! Which archive this is: a random id, and the restores that it came out of.
//!
//! The id is written when an archive is made, or when one without it is next opened for writing. A restored archive
//! gets an id of its own and remembers the one it was restored from, so that it may run beside it.

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Reader, Store, media::pending_again, migrate::hex, open};
use crate::{
    ids::Millis,
    store::{Result, StoreError},
};

/// The name of the fact that holds the id.
const ID: &str = "archive_id";

/// How an archive came to be from another one. Kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number: 1 is the first restore, 0 the archive that was never restored.
    pub epoch: u32,
    /// The id of the archive that was backed up, or that was copied.
    pub archive_id: String,
    /// Which generation was restored; none for a copy that was given an id of its own.
    pub generation: Option<u64>,
    /// When that generation was taken.
    pub taken_at: Option<Millis>,
    /// When it was restored.
    pub restored_at: Millis,
}

impl Reader {
    /// The archive's id: 32 hexadecimal digits. None before an old archive is opened for writing.
    pub fn archive_id(&self) -> Result<Option<String>> {
        id(&self.conn)
    }

    /// The restores this archive came out of, the first one first.
    pub fn epochs(&self) -> Result<Vec<Epoch>> {
        epochs(&self.conn)
    }
}

impl Store {
    /// Gives the archive a new id and notes which one it came from; returns the new id. Leases of the old archive end,
    /// because nobody can hold them here.
    pub fn begin_epoch(
        &mut self,
        generation: Option<u64>,
        taken_at: Option<Millis>,
        now: Millis,
    ) -> Result<String> {
        let tx = self.begin()?;
        let old = id(&tx)?.ok_or_else(|| StoreError::Damaged("the archive has no id".to_owned()))?;
        let number = epochs(&tx)?.last().map_or(0, |last| last.epoch) + 1;
        let epoch = Epoch {
            epoch: number,
            archive_id: old,
            generation,
            taken_at,
            restored_at: now,
        };
        let new = fresh();
        let noted = serde_json::to_string(&epoch).map_err(|error| StoreError::Engine(error.to_string()))?;
        tx.execute(
            "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            params![ID, new],
        )?;
        tx.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?)",
            params![format!("epoch:{number:06}"), noted],
        )?;
        tx.execute("UPDATE lease SET holder = NULL, term = term + 1", [])?;
        tx.commit()?;
        Ok(new)
    }

    /// Files whose bytes are not in the vault are to be fetched again: those with one of these contents, and those whose
    /// beginnings stayed where the archive was backed up. Returns how many files of messages wait again because of a
    /// missing content.
    pub fn files_missing(&mut self, contents: &[[u8; 32]]) -> Result<u64> {
        let tx = self.begin()?;
        let waiting = pending_again(&tx, contents)?;
        tx.commit()?;
        Ok(waiting)
    }
}

/// The id of the archive in a file that may be of any version of the program; none when it has no id yet. Writes nothing.
pub fn archive_id(path: &std::path::Path) -> Result<Option<String>> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.into() });
    }
    let conn = open::connect_to_read(path)?;
    let tables: i64 = conn.query_row(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'fact'",
        [],
        |row| row.get(0),
    )?;
    if tables == 0 {
        return Ok(None);
    }
    id(&conn)
}

/// Writes an id where there is none. A disk that takes no write is no reason to refuse the archive: the next opening
/// writes it.
pub(super) fn ensure(conn: &Connection) -> Result<()> {
    if id(conn)?.is_some() {
        return Ok(());
    }
    let written = conn.execute(
        "INSERT OR IGNORE INTO fact (name, value) VALUES (?, ?)",
        params![ID, fresh()],
    );
    match written {
        Err(error)
            if !matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::SystemIoFailure
                )
            ) =>
        {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

fn id(conn: &Connection) -> Result<Option<String>> {
    Ok(conn
        .query_row("SELECT value FROM fact WHERE name = ?", [ID], |row| row.get(0))
        .optional()?)
}

pub(super) fn epochs(conn: &Connection) -> Result<Vec<Epoch>> {
    let mut statement =
        conn.prepare("SELECT value FROM fact WHERE name > 'epoch:' AND name < 'epoch;' ORDER BY name")?;
    let mut rows = statement.query([])?;
    let mut epochs = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        epochs.push(serde_json::from_str(&text).map_err(|error| {
            StoreError::Damaged(format!("the note of an earlier restore cannot be read: {error}"))
        })?);
    }
    Ok(epochs)
}

fn fresh() -> String {
    hex(&rand::random::<[u8; 16]>())
}
