//! Records that were open and whose body was damaged: they wait to be opened again from what was landed.
//!
//! The search index is not written anew for that. Mostly it has the right terms already; a record that was entered while its
//! body was damaged has none of its text there, and is entered anew once it is open.

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use super::{
    codes::{OPENED, SEALED},
    consent, index, land, media,
};
use crate::{
    ids::{CompanyId, Millis},
    store::{Result, StoreError},
};

/// The damaged body is kept aside, and the record waits to be opened again.
pub(super) fn seal_again(tx: &Transaction<'_>, id: i64, now: Millis) -> Result<()> {
    let company: i64 = tx.query_row("SELECT company FROM record WHERE id = ?1", [id], |row| row.get(0))?;
    tx.execute(
        "INSERT OR REPLACE INTO reopened (record, dictionary, body, salt, sha256, at, is_indexed)
         VALUES (?1, (SELECT dictionary FROM plaintext WHERE record = ?1),
           ifnull((SELECT body FROM plaintext WHERE record = ?1), x''), (SELECT salt FROM plaintext WHERE record = ?1),
           (SELECT sha256 FROM plaintext WHERE record = ?1), ?2, 1)",
        params![id, now.0],
    )?;
    for table in ["plaintext", "message", "recall"] {
        tx.execute(&format!("DELETE FROM {table} WHERE record = ?"), [id])?;
    }
    tx.execute(
        "UPDATE record SET state = ?, detail = '' WHERE id = ?",
        params![SEALED, id],
    )?;
    land::tally(tx, CompanyId(company), OPENED, -1)?;
    land::tally(tx, CompanyId(company), SEALED, 1)?;
    tx.execute("DELETE FROM fact WHERE name = ?", [media::OPEN_THEN])?;
    look_again(tx, company, id)?;
    Ok(())
}

/// Once it is open, a record is looked at for files and for consent, although others behind it were already.
pub(super) fn look_again(tx: &Transaction<'_>, company: i64, id: i64) -> Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO media_unread (record) VALUES (?)")?
        .execute([id])?;
    consent::look_again(tx, company, id)
}

/// The index has this record without its text, because its body is damaged.
pub(super) fn is_without_text(tx: &Transaction<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO indexed_without_text (record) VALUES (?)")?
        .execute([id])?;
    Ok(())
}

/// The index has this record with its text.
pub(super) fn has_text(tx: &Transaction<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("DELETE FROM indexed_without_text WHERE record = ?")?
        .execute([id])?;
    Ok(())
}

/// The index was cleared.
pub(super) fn none_is_indexed(tx: &Transaction<'_>) -> Result<()> {
    tx.execute_batch("UPDATE reopened SET is_indexed = 0; DELETE FROM indexed_without_text")?;
    Ok(())
}

/// True when the index has this record, which is open again or is moved by deriving again; from now on it counts as any other.
pub(super) fn take_indexed(tx: &Transaction<'_>, id: i64) -> Result<bool> {
    let changed = tx
        .prepare_cached("UPDATE reopened SET is_indexed = 0 WHERE record = ? AND is_indexed")?
        .execute([id])?;
    Ok(changed > 0)
}

/// Makes room in the index for those of some records, about to be open again, that it has without their text. False when no
/// record at all waits to be opened again, so that nobody need ask about each.
pub(super) fn make_room(tx: &Transaction<'_>, opening: impl Iterator<Item = i64>) -> Result<bool> {
    let some: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM reopened WHERE is_indexed)")?
        .query_row([], |row| row.get(0))?;
    if !some {
        return Ok(false);
    }
    let mut without_text = HashSet::new();
    for id in opening {
        let is_one: bool = tx
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM indexed_without_text w JOIN reopened o ON o.record = w.record
                   WHERE w.record = ? AND o.is_indexed)",
            )?
            .query_row([id], |row| row.get(0))?;
        if is_one {
            without_text.insert(id);
        }
    }
    if without_text.is_empty() {
        return Ok(true);
    }
    tx.execute_batch("SAVEPOINT taking_out")?;
    match index::take_out(tx, &without_text) {
        Ok(taken) => {
            tx.execute_batch("RELEASE taking_out")?;
            for id in taken {
                take_indexed(tx, id)?;
                has_text(tx, id)?;
            }
        }
        // They are opened all the same; `verify` names what the index lacks, and `repair --index` writes it.
        Err(StoreError::Damaged(cause)) => {
            tx.execute_batch("ROLLBACK TO taking_out; RELEASE taking_out")?;
            tracing::error!(
                event = "index.damaged",
                cause,
                "a part of the search index is damaged"
            );
        }
        Err(error) => return Err(error),
    }
    Ok(true)
}
