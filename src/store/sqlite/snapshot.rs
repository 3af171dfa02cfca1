//! The archive as of one moment, page by page, for a backup that runs beside writers.
//!
//! A read transaction pins the moment, and the engine itself hands out the pages as of it (`sqlite_dbpage`). So nothing
//! here depends on the form of the write-ahead log, no file of the engine is opened behind its back (closing one would
//! drop its locks), and writes of other processes never make the reading begin again. What it costs: while the
//! transaction lasts, the log cannot be emptied, so it grows by what others write; `log_bytes` says how far it got.

use std::{fs, path::PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{Reader, identity, open, stats};
use crate::{
    ids::Seq,
    store::{Result, StoreError},
};

/// What a snapshot holds, in numbers that a restored archive is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The archive's id.
    pub archive_id: String,
    /// How many restores it came out of.
    pub epoch: u32,
    /// The ids it had before those.
    pub ancestors: Vec<String>,
    /// Its last migration.
    pub migration: u32,
    /// Landed records.
    pub records: u64,
    /// Opened ones among them.
    pub opened: u64,
    /// Files of messages.
    pub files: u64,
    /// Each company with its cursor.
    pub companies: Vec<(String, Seq)>,
}

/// A pinned moment. It ends when this is dropped; be quick.
pub struct Snapshot {
    conn: Connection,
    log: PathBuf,
    page_size: u32,
    pages: u32,
}

impl Snapshot {
    /// Pins the present moment of an archive that is up to date.
    pub fn begin(path: &std::path::Path) -> Result<Self> {
        let reader = Reader::open(path)?;
        drop(reader);
        // Empties the log as far as others let it, so that it begins short; and an archive without an id gets one now.
        let writer = open::connect_to(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        identity::ensure(&writer)?;
        let _as_far_as_it_goes = writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        drop(writer);
        let conn = open::connect_to_read(path)?;
        conn.execute_batch("BEGIN")?;
        // A transaction begins with its first question.
        let _tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        let has_pages: bool = conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'sqlite_dbpage')",
            [],
            |row| row.get(0),
        )?;
        if !has_pages {
            return Err(StoreError::Engine(
                "this build of the program lacks SQLite's page table, which backups read; build it from a checkout with \
                 its .cargo/config.toml, or with LIBSQLITE3_FLAGS=-DSQLITE_ENABLE_DBPAGE_VTAB"
                    .to_owned(),
            ));
        }
        let page_size = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self {
            conn,
            log: log.into(),
            page_size,
            pages,
        })
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    /// How many pages there are.
    pub fn page_count(&self) -> u32 {
        self.pages
    }

    /// Bytes of the write-ahead log now, which grows as long as the moment is pinned and others write.
    pub fn log_bytes(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |found| found.len())
    }

    /// Hands out every page in order, the first one numbered 1.
    pub fn each_page<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let engine = |error: rusqlite::Error| E::from(StoreError::from(error));
        let mut statement = self
            .conn
            .prepare("SELECT pgno, data FROM sqlite_dbpage")
            .map_err(engine)?;
        let mut rows = statement.query([]).map_err(engine)?;
        let mut last = 0;
        while let Some(row) = rows.next().map_err(engine)? {
            let number: u32 = row.get(0).map_err(engine)?;
            let data = row.get_ref(1).map_err(engine)?;
            let data = data
                .as_blob()
                .map_err(|error| E::from(StoreError::Engine(error.to_string())))?;
            if number != last + 1 || data.len() != self.page_size as usize {
                return Err(
                    StoreError::Damaged(format!("page {number} does not follow page {last} whole")).into(),
                );
            }
            last = number;
            each(number, data)?;
        }
        if last != self.pages {
            return Err(StoreError::Damaged(format!("{} pages announced, {last} there", self.pages)).into());
        }
        Ok(())
    }

    /// Hands out the SHA-256 and the size of every content of the vault, in the order they came.
    pub fn each_content<E: From<StoreError>>(
        &self,
        mut each: impl FnMut([u8; 32], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let engine = |error: rusqlite::Error| E::from(StoreError::from(error));
        let mut statement = self
            .conn
            .prepare("SELECT sha256, bytes FROM media_content ORDER BY id")
            .map_err(engine)?;
        let mut rows = statement.query([]).map_err(engine)?;
        while let Some(row) = rows.next().map_err(engine)? {
            let bytes: i64 = row.get(1).map_err(engine)?;
            each(row.get(0).map_err(engine)?, bytes.unsigned_abs())?;
        }
        Ok(())
    }

    /// What it holds.
    pub fn contents(&self) -> Result<Contents> {
        contents(&self.conn)
    }
}

impl Reader {
    /// The same numbers of an open archive.
    pub fn contents(&self) -> Result<Contents> {
        contents(&*self.view()?)
    }
}

fn contents(conn: &Connection) -> Result<Contents> {
    let archive_id: String =
        conn.query_row("SELECT value FROM fact WHERE name = 'archive_id'", [], |row| {
            row.get(0)
        })?;
    let coverage = stats::coverage(conn)?;
    let epochs = identity::epochs(conn)?;
    let mut statement = conn.prepare("SELECT name, cursor FROM company ORDER BY name")?;
    let companies = statement
        .query_map([], |row| Ok((row.get(0)?, Seq(row.get::<_, i64>(1)? as u64))))?
        .collect::<Result<Vec<_>, _>>()?;
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok(Contents {
        archive_id,
        epoch: epochs.last().map_or(0, |last| last.epoch),
        ancestors: epochs.into_iter().map(|epoch| epoch.archive_id).collect(),
        migration: number("SELECT max(number) FROM migration")? as u32,
        records: coverage.records,
        opened: coverage.opened,
        files: number("SELECT count(*) FROM media_file")?.unsigned_abs(),
        companies,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Millis, store::Store};

    #[test]
    fn pages_are_of_the_pinned_moment_whatever_is_written_and_checkpointed_meanwhile() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("archive.db");
        let mut store = Store::open(&path).expect("an archive");
        store.company("first", "ww1").expect("kept");
        for backfilled in [true, false] {
            if !backfilled {
                // A log that was begun before.
                store.company("second", "ww2").expect("kept");
            }
            let before = store.contents().expect("read");
            let snapshot = Snapshot::begin(&path).expect("pinned");
            for number in 0..300 {
                let name = format!("later-{backfilled}-{number}");
                store.company(&name, "ww3").expect("kept");
            }
            let _as_far_as_it_goes =
                store
                    .conn_for_tests()
                    .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            let mut pages = Vec::new();
            let each = snapshot.each_page(|number, page| {
                assert_eq!(pages.len(), (number as usize - 1) * snapshot.page_size() as usize);
                pages.extend_from_slice(page);
                Ok::<_, StoreError>(())
            });
            each.expect("read");
            assert_eq!(snapshot.contents().expect("read"), before);
            assert!(snapshot.log_bytes() > 0);
            drop(snapshot);
            let copy = dir.path().join(format!("copy-{backfilled}.db"));
            fs::write(&copy, pages).expect("written");
            let copy = Store::open(&copy).expect("an archive");
            assert_eq!(copy.contents().expect("read"), before);
            assert_eq!(copy.integrity().expect("checked"), Vec::<String>::new());
            assert_ne!(store.contents().expect("read"), before);
        }
    }

    #[test]
    fn a_restored_archive_has_an_id_of_its_own_and_remembers_the_old_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("archive.db");
        let mut store = Store::open(&path).expect("an archive");
        let first = store.archive_id().expect("read").expect("an id");
        assert_eq!(identity::archive_id(&path).expect("read"), Some(first.clone()));
        let second = store
            .begin_epoch(Some(7), Some(Millis(5)), Millis(9))
            .expect("begun");
        let third = store.begin_epoch(None, None, Millis(10)).expect("begun");
        drop(store);
        let store = Store::open(&path).expect("an archive");
        assert_eq!(store.archive_id().expect("read"), Some(third));
        let epochs = store.epochs().expect("read");
        assert_eq!(
            (epochs[0].epoch, epochs[0].generation, epochs[0].restored_at),
            (1, Some(7), Millis(9))
        );
        let contents = store.contents().expect("read");
        assert_eq!((contents.epoch, contents.ancestors), (2, vec![first, second]));
    }
}
