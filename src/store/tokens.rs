//! Tokens that several processes share, in a small owner-only database of their own beside the archive.
//!
//! Why not in the archive: a token is as good as the secret for two hours and worth nothing after; it belongs into no
//! backup and no migration. Losing the file costs one call.
//!
//! Must not know: what a token is for, how it is fetched.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, params};

use super::Result;
use crate::{ids::Millis, secret::Secret};

/// How long one process waits for another. A token is fetched sooner than that.
const PATIENCE: Duration = Duration::from_secs(2);

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The token.
    pub token: Secret,
    /// From when on another one is wanted.
    pub fresh_until: Millis,
    /// Its end.
    pub ends: Millis,
}

/// The file.
#[derive(Debug)]
pub struct TokenFile(Mutex<Connection>);

impl TokenFile {
    /// Opens it, and makes it, readable by its owner only, when there is none.
    pub fn open(path: &Path) -> Result<Self> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let conn = Connection::open(path)?;
        conn.busy_timeout(PATIENCE)?;
        // A token that is gone is gone from the file too.
        conn.pragma_update(None, "secure_delete", true)?;
        conn.execute_batch(
            "CREATE TABLE IF NOT EXISTS token (
                 key TEXT PRIMARY KEY, token TEXT NOT NULL, fresh_until INTEGER NOT NULL, ends INTEGER NOT NULL
             ) STRICT",
        )?;
        Ok(Self(Mutex::new(conn)))
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token under a key.
    pub fn load(&self, key: &str) -> Result<Option<TokenRow>> {
        Ok(self
            .conn()
            .query_row(
                "SELECT token, fresh_until, ends FROM token WHERE key = ?1",
                [key],
                |row| {
                    Ok(TokenRow {
                        token: Secret::new(row.get::<_, String>(0)?),
                        fresh_until: Millis(row.get(1)?),
                        ends: Millis(row.get(2)?),
                    })
                },
            )
            .optional()?)
    }

    /// Keeps a token in place of any other under that key.
    pub fn keep(&self, key: &str, row: &TokenRow) -> Result<()> {
        self.conn().execute(
            "INSERT OR REPLACE INTO token (key, token, fresh_until, ends) VALUES (?1, ?2, ?3, ?4)",
            params![key, row.token.expose(), row.fresh_until.0, row.ends.0],
        )?;
        Ok(())
    }

    /// Drops a token, if it is still this one.
    pub fn discard(&self, key: &str, token: &Secret) -> Result<()> {
        self.conn().execute(
            "DELETE FROM token WHERE key = ?1 AND token = ?2",
            params![key, token.expose()],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn row(token: &str) -> TokenRow {
        TokenRow {
            token: Secret::new(token),
            fresh_until: Millis(10),
            ends: Millis(20),
        }
    }

    #[test]
    fn two_processes_see_one_token_and_drop_only_the_one_they_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.db");
        let (one, other) = (
            TokenFile::open(&path).expect("open"),
            TokenFile::open(&path).expect("open"),
        );
        assert_eq!(
            fs::metadata(&path).expect("a file").permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(other.load("k").expect("read"), None);
        one.keep("k", &row("first")).expect("kept");
        assert_eq!(other.load("k").expect("read"), Some(row("first")));
        one.keep("k", &row("second")).expect("kept");
        other.discard("k", &Secret::new("first")).expect("nothing to do");
        assert_eq!(other.load("k").expect("read"), Some(row("second")));
        other.discard("k", &Secret::new("second")).expect("dropped");
        assert_eq!(one.load("k").expect("read"), None);
        let bytes = fs::read(&path).expect("a file");
        assert!(
            !bytes.windows(6).any(|window| window == b"second"),
            "gone from the file too"
        );
    }
}
