//! What became of a file. Whatever is true of one handle is true of every message that carries it.

use rusqlite::{Connection, OptionalExtension, params};

use super::{super::Store, state_in};
use crate::{
    ids::{CompanyId, Millis},
    store::{
        Result,
        contract::{Again, Content, Fetched, FileId, Later, MediaState},
    },
};

impl Store {
    /// So much lies ready, and there is where to go on: what the next process begins with if this one is killed.
    pub fn media_reached(&mut self, file: FileId, have: u64, cursor: &crate::secret::Secret) -> Result<()> {
        self.reader
            .conn
            .prepare_cached(
                "UPDATE media_file SET state = ?, have = ?, cursor = ? WHERE id = ? AND state < 2",
            )?
            .execute(params![
                state_in(MediaState::Partial),
                have as i64,
                cursor.expose(),
                file.0
            ])?;
        Ok(())
    }

    /// Not whole yet; to be tried again.
    pub fn media_later(&mut self, file: FileId, later: &Later) -> Result<()> {
        let state = match later.have {
            0 => MediaState::Pending,
            _ => MediaState::Partial,
        };
        self.reader
            .conn
            .prepare_cached(
                "UPDATE media_file SET state = ?, have = ?, cursor = ?, attempts = ?, setbacks = ?, differed = ?,
                   next_try = ?, detail = ? WHERE id = ? AND state < 2",
            )?
            .execute(params![
                state_in(state),
                later.have as i64,
                later.cursor.expose(),
                later.attempts,
                later.setbacks,
                later.differed,
                later.next_try.0,
                later.detail,
                file.0
            ])?;
        Ok(())
    }

    /// Its bytes are in the vault. Each message that carries the handle is compared with them by itself: one is kept,
    /// another, which announced something else, differs.
    pub fn media_kept(&mut self, file: FileId, fetched: &Fetched, now: Millis) -> Result<()> {
        let tx = self.begin()?;
        let playable = match &fetched.playable {
            Some(playable) => Some(content(&tx, playable, None, "")?),
            None => None,
        };
        let content = content(&tx, &fetched.content, playable, &fetched.silent)?;
        let (company, handle): (i64, Vec<u8>) = tx
            .prepare_cached("SELECT company, handle FROM media_file WHERE id = ?")?
            .query_row([file.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        link(&tx, company, &handle, content, now.0)?;
        tx.commit()?;
        Ok(())
    }

    /// It is not to be had: expired, refused or gone. The same is then true of every message with its handle.
    pub fn media_ended(&mut self, file: FileId, state: MediaState, detail: &str, now: Millis) -> Result<()> {
        self.reader
            .conn
            .prepare_cached(
                "UPDATE media_file SET state = ?1, detail = ?2, have = 0, cursor = '', settled_at = ?3,
                   attempts = attempts + (id = ?4)
                 FROM (SELECT company AS c, handle AS h FROM media_file WHERE id = ?4)
                 WHERE company = c AND handle = h AND state < 2",
            )?
            .execute(params![state_in(state), detail, now.0, file.0])?;
        Ok(())
    }

    /// Files go back to be fetched; returns how many.
    pub fn media_again(&mut self, company: CompanyId, again: Again) -> Result<u64> {
        let changed = match again {
            Again::Waiting => self.reader.conn.execute(
                "UPDATE media_file SET next_try = 0 WHERE company = ? AND state < 2 AND next_try <> 0",
                [company.0],
            )?,
            Again::Record(record) => self.reader.conn.execute(
                "UPDATE media_file SET state = 0, detail = '', attempts = 0, setbacks = 0, differed = 0, next_try = 0,
                   have = 0, cursor = '', content = NULL, settled_at = NULL WHERE company = ? AND record = ? AND state <> 2",
                [company.0, record.0],
            )?,
        };
        Ok(changed as u64)
    }
}

/// Gives these bytes to every file of this handle that has none yet. No bytes are given to nobody whose message announces
/// some: such a file stays to be fetched.
pub(super) fn link(conn: &Connection, company: i64, handle: &[u8], content: i64, now: i64) -> Result<()> {
    let (md5, bytes): (Vec<u8>, i64) = conn
        .prepare_cached("SELECT md5, bytes FROM media_content WHERE id = ?")?
        .query_row([content], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let md5: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
    // Digests may be announced in capitals, and an announced size of 0 means that nobody knew.
    conn.prepare_cached(
        "UPDATE media_file SET content = ?1, have = 0, cursor = '', next_try = 0, settled_at = ?2,
           state = CASE WHEN (md5 IS NULL OR lower(trim(md5)) = ?3) AND (coalesce(size, 0) IN (0, ?4))
                          AND NOT (?4 = 0 AND md5 IS NULL AND size IS NULL) THEN 2 ELSE 3 END,
           detail = CASE
             WHEN md5 IS NOT NULL AND lower(trim(md5)) <> ?3 THEN 'the message announced another MD5'
             WHEN coalesce(size, 0) NOT IN (0, ?4) THEN 'the message announced ' || size || ' bytes'
             WHEN ?4 = 0 AND md5 IS NULL AND size IS NULL
               THEN 'it came empty, and the message announces neither size nor MD5 to check it by'
             ELSE '' END
         WHERE company = ?5 AND handle = ?6 AND content IS NULL
           AND NOT (?4 = 0 AND CASE WHEN md5 IS NULL THEN coalesce(size, 0) <> 0 ELSE lower(trim(md5)) <> ?3 END)",
    )?
    .execute(params![content, now, md5, bytes, company, handle])?;
    Ok(())
}

/// The row of these bytes, made when there is none.
fn content(conn: &Connection, content: &Content, playable: Option<i64>, silent: &str) -> Result<i64> {
    let known: Option<i64> = conn
        .prepare_cached("SELECT id FROM media_content WHERE sha256 = ?")?
        .query_row([content.sha256.as_slice()], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        if playable.is_some() {
            conn.prepare_cached(
                "UPDATE media_content SET playable = ?, silent = '' WHERE id = ? AND playable IS NULL",
            )?
            .execute(params![playable, id])?;
        } else if !silent.is_empty() {
            conn.prepare_cached("UPDATE media_content SET silent = ? WHERE id = ? AND playable IS NULL")?
                .execute(params![silent, id])?;
        }
        return Ok(id);
    }
    conn.prepare_cached(
        "INSERT INTO media_content (sha256, md5, bytes, mime, ending, playable, silent) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        content.sha256.as_slice(),
        content.md5.as_slice(),
        content.bytes as i64,
        content.mime,
        content.ending,
        playable,
        silent
    ])?;
    Ok(conn.last_insert_rowid())
}

/// Files with these contents, and files that were begun, are to be fetched from their beginning; what is known of the
/// contents goes. Returns how many files of messages had one of them.
pub(in crate::store::sqlite) fn pending_again(conn: &Connection, contents: &[[u8; 32]]) -> Result<u64> {
    const AGAIN: &str =
        "state = 0, detail = '', attempts = 0, setbacks = 0, differed = 0, next_try = 0, have = 0,
        cursor = '', content = NULL, settled_at = NULL";
    conn.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS missing (id INTEGER PRIMARY KEY); DELETE FROM missing",
    )?;
    for sha256 in contents {
        conn.prepare_cached("INSERT INTO missing SELECT id FROM media_content WHERE sha256 = ?")?
            .execute([sha256.as_slice()])?;
    }
    let of_missing = "IN (SELECT id FROM missing)";
    let waiting = conn.execute(
        &format!("UPDATE media_file SET {AGAIN} WHERE content {of_missing}"),
        [],
    )?;
    // The original of a voice stays kept without the form that browsers play.
    conn.execute(
        &format!("UPDATE media_content SET playable = NULL WHERE playable {of_missing}"),
        [],
    )?;
    conn.execute(&format!("DELETE FROM media_content WHERE id {of_missing}"), [])?;
    conn.execute(
        &format!("UPDATE media_file SET {AGAIN} WHERE state = ?"),
        [state_in(MediaState::Partial)],
    )?;
    Ok(waiting as u64)
}
