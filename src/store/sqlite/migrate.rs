//! Migrations: numbered files, compiled in, applied once each in order, recorded with their hash, never edited.
//! A database of any released version opens for ever.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Packer, again, doubt,
    guard::Sum,
    open::APPLICATION_ID,
    pack::{self, Unpacker, keep},
    reindex,
};
use crate::store::{Result, StoreError};

/// One step, as compiled in.
#[derive(Clone, Copy)]
pub(in crate::store) struct Migration {
    /// Its place in the order; the first is 1 and none is left out.
    pub number: u32,
    /// The name of its file without number and ending.
    pub name: &'static str,
    /// What it does.
    pub sql: &'static str,
}

macro_rules! step {
    ($number:literal, $name:literal, $file:literal) => {
        Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../../../migrations/sqlite/", $file)),
        }
    };
}

/// Every migration ever released.
pub(in crate::store) const ALL: &[Migration] = &[
    step!(1, "first", "0001_first.sql"),
    step!(2, "index", "0002_index.sql"),
    step!(3, "calls", "0003_calls.sql"),
    step!(4, "people", "0004_people.sql"),
    step!(5, "consent", "0005_consent.sql"),
    step!(6, "media", "0006_media.sql"),
    step!(7, "events", "0007_events.sql"),
    step!(8, "waiting", "0008_waiting.sql"),
    step!(9, "doubt", "0009_doubt.sql"),
    step!(10, "clock", "0010_clock.sql"),
    step!(11, "trouble", "0011_trouble.sql"),
    step!(12, "empty", "0012_empty.sql"),
    step!(13, "setbacks", "0013_setbacks.sql"),
    step!(14, "checked", "0014_checked.sql"),
    step!(15, "reindex", "0015_reindex.sql"),
    step!(16, "copies", "0016_copies.sql"),
];

/// Bytes of rows held in memory at once while an old archive is converted.
const BATCH_BYTES: usize = 4 << 20;
/// The first migration after which bodies are packed and the index is built by the program.
const PACKED: u32 = 2;

/// The migration with which an answer that is no message stopped counting as opened.
const DOUBTED: u32 = 9;

/// The migration from which on all rows are proved by sums, digests or copies.
const COPIES: u32 = 16;

/// The fact that proves the definitions of the tables.
const SCHEMA: &str = "schema";

/// The migration from which on parts of the index know the rules they were written by.
const REINDEXED: u32 = 15;

/// The number a database is at after all of `list`.
pub(in crate::store) fn last(list: &[Migration]) -> u32 {
    list.last().map_or(0, |migration| migration.number)
}

/// Compares what was applied with what is compiled in; returns the last number applied.
pub(in crate::store) fn check(conn: &Connection, path: &Path, list: &[Migration]) -> Result<u32> {
    let mut statement = conn.prepare("SELECT number, name, sha256 FROM migration ORDER BY number")?;
    let applied = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(u32, String, String)>, _>>()?;
    let found = applied.last().map_or(0, |(number, ..)| *number);
    if found > last(list) {
        return Err(StoreError::Newer {
            path: path.into(),
            found,
            known: last(list),
        });
    }
    for (number, name, sha256) in applied {
        let same = list
            .iter()
            .any(|m| m.number == number && m.name == name && digest(m.sql) == sha256);
        if !same {
            return Err(StoreError::Edited {
                path: path.into(),
                number,
                name,
            });
        }
    }
    Ok(found)
}

/// Applies what is missing, all of it in one transaction: a process killed half-way leaves the old version.
pub(in crate::store) fn bring_up(conn: &Connection, path: &Path, list: &[Migration]) -> Result<()> {
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
           number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT",
    )?;
    let found = check(&tx, path, list)?;
    if found == last(list) {
        return Ok(());
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    for migration in list.iter().filter(|migration| migration.number > found) {
        tx.execute_batch(migration.sql)?;
        tx.execute(
            "INSERT INTO migration (number, name, sha256) VALUES (?, ?, ?)",
            params![migration.number, migration.name, digest(migration.sql)],
        )?;
    }
    if found == 0 {
        reindex::set_all_current(&tx)?;
    } else if found < PACKED && last(list) >= PACKED {
        // After all files, so that it always meets the tables it was written for.
        convert(&tx)?;
    }
    if (1..DOUBTED).contains(&found) && last(list) >= DOUBTED {
        doubt::take_back(&tx, &Unpacker::default())?;
    }
    if (1..REINDEXED).contains(&found) && last(list) >= REINDEXED {
        // Few and quickly done; the messages follow in the background.
        super::people::fold_again(&tx)?;
        reindex::set_names_current(&tx)?;
    }
    if last(list) >= COPIES {
        tx.execute(
            "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            params![SCHEMA, json!(definitions(&tx)?).to_string()],
        )?;
    }
    tx.commit()?;
    Ok(())
}

/// The tables and indexes whose definition is not the one that the last migration left. What somebody added is none of them.
pub(in crate::store) fn altered_definitions(conn: &Connection) -> Result<Vec<String>> {
    let written: Option<String> = conn
        .prepare_cached("SELECT value FROM fact WHERE name = ?")?
        .query_row([SCHEMA], |row| row.get(0))
        .optional()?;
    let written: Option<BTreeMap<String, String>> =
        written.and_then(|written| serde_json::from_str(&written).ok());
    let Some(written) = written else {
        return Ok(vec![format!("fact {SCHEMA}")]);
    };
    let now = definitions(conn)?;
    let is_altered = |(name, digest): &(String, String)| now.get(name) != Some(digest);
    Ok(written
        .into_iter()
        .filter(is_altered)
        .map(|(name, _)| name)
        .collect())
}

/// Each table and index with a digest of its definition; the engine's own statistics are left out.
fn definitions(conn: &Connection) -> Result<BTreeMap<String, String>> {
    let mut statement = conn.prepare(
        "SELECT name, type, tbl_name, ifnull(sql, '') FROM sqlite_master WHERE name NOT GLOB 'sqlite_stat*'",
    )?;
    let mut rows = statement.query([])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let mut sum = Sum::new();
        for column in 1..4 {
            sum.bytes(row.get_ref(column)?.as_bytes().map_err(rusqlite::Error::from)?);
        }
        all.insert(row.get(0)?, format!("{:016x}", sum.value()));
    }
    Ok(all)
}

/// Packs what an old program kept as it was, and builds the index.
fn convert(tx: &Transaction<'_>) -> Result<()> {
    let unpacker = Unpacker::default();
    pack::train(tx, &unpacker)?;
    let packer = Packer::load(tx)?;
    let mut after = 0;
    loop {
        let batch = some(
            tx,
            "SELECT record, body FROM plaintext WHERE record > ? ORDER BY record",
            after,
            |row| Ok((row.get(0)?, row.get(1)?)),
            |(_, body): &(i64, Vec<u8>)| body.len(),
        )?;
        let Some((last, _)) = batch.last() else { break };
        after = *last;
        for (record, body) in batch {
            let packed = packer.pack(&body);
            tx.prepare_cached("UPDATE plaintext SET dictionary = ?, body = ? WHERE record = ?")?
                .execute(params![packed.dictionary, packed.data, record])?;
        }
    }
    let mut after = 0;
    loop {
        let batch = some(
            tx,
            "SELECT record, random_key, body FROM sealed WHERE record > ? ORDER BY record",
            after,
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            |(_, key, body): &(i64, String, String)| key.len() + body.len(),
        )?;
        let Some((last, ..)) = batch.last() else { break };
        after = *last;
        for (record, key, body) in batch {
            tx.prepare_cached("UPDATE sealed SET random_key = ?, body = ? WHERE record = ?")?
                .execute(params![keep(&key), keep(&body), record])?;
        }
    }
    again::all(tx, &unpacker, &mut |_| ())?;
    Ok(())
}

/// The rows behind `after`, as many as are held in memory at once: by their weight, and at least one.
fn some<R>(
    tx: &Transaction<'_>,
    sql: &str,
    after: i64,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<R>,
    weight: impl Fn(&R) -> usize,
) -> Result<Vec<R>> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([after])?;
    let (mut batch, mut held) = (Vec::new(), 0);
    while held < BATCH_BYTES
        && let Some(row) = rows.next()?
    {
        let row = read(row)?;
        held += weight(&row) + size_of::<R>();
        batch.push(row);
    }
    Ok(batch)
}

fn digest(sql: &str) -> String {
    hex(&Sha256::digest(sql.as_bytes()))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
