//! Which files there are: read from the bodies of opened records, once each.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::super::{
    Reader, Store,
    codes::{HAS_MEDIA, OPENED},
    guard, land,
};
use crate::{
    message,
    store::{Result, StoreError},
};

/// WeCom hands out records for five days; one sent longer before than this does not say the truth about its time.
const OLDEST_MS: i64 = 7 * 24 * 3_600_000;
/// Name of the fact that is the last record looked at.
const WATERMARK: &str = "media_watermark";
/// Name of the fact that is how many records were open when all had been looked at: as long as that is so, there is
/// nothing to look at.
pub(in crate::store::sqlite) const OPEN_THEN: &str = "media_open_then";

fn fact(conn: &Connection, name: &str) -> Result<i64> {
    let text: Option<String> = conn
        .prepare_cached("SELECT value FROM fact WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn note(tx: &Transaction<'_>, name: &str, value: i64) -> Result<()> {
    tx.prepare_cached("INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")?
        .execute(params![name, value.to_string()])?;
    Ok(())
}

/// The last record that was looked at.
pub(super) fn watermark(conn: &Connection) -> Result<i64> {
    fact(conn, WATERMARK)
}

impl Reader {
    /// Messages with files that were not looked at yet.
    pub fn media_unseen(&self) -> Result<u64> {
        let view = self.view()?;
        let count: i64 = view
            .prepare_cached(
                "SELECT (SELECT count(*) FROM message WHERE record > ?1 AND flags & ?2)
                   + (SELECT count(*) FROM media_unread u CROSS JOIN message m ON m.record = u.record WHERE m.flags & ?2)",
            )?
            .query_row(params![watermark(&view)?, HAS_MEDIA], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

impl Store {
    /// Looks at up to `most` further records, and at those that were not open when they were looked at. Returns how
    /// many files were found, and whether there is more to look at.
    pub fn discover_media(&mut self, most: u32) -> Result<(u64, bool)> {
        let tx = self.begin()?;
        let open = land::count(&tx, OPENED)? as i64;
        if fact(&tx, OPEN_THEN)? == open {
            return Ok((0, false));
        }
        let from = watermark(&tx)?;
        let mut found = 0;
        // CROSS: the few unread ones lead; the planner, who knows no numbers, would read all records instead.
        let opened_since = tx
            .prepare_cached(
                "SELECT u.record FROM media_unread u CROSS JOIN record r ON r.id = u.record WHERE r.state = ? LIMIT ?",
            )?
            .query_map(params![OPENED, most], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        for record in &opened_since {
            found += self.note_files(&tx, *record)?;
            tx.prepare_cached("DELETE FROM media_unread WHERE record = ?")?
                .execute([record])?;
        }
        let next = tx
            .prepare_cached(
                "SELECT r.id, r.state, m.flags FROM record r LEFT JOIN message m ON m.record = r.id
                 WHERE r.id > ? ORDER BY r.id LIMIT ?",
            )?
            .query_map(params![from, most], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<Vec<(i64, i64, Option<i64>)>, _>>()?;
        for (record, state, flags) in &next {
            if *state != OPENED {
                tx.prepare_cached("INSERT OR IGNORE INTO media_unread (record) VALUES (?)")?
                    .execute([record])?;
            } else if flags.unwrap_or(0) & HAS_MEDIA != 0 {
                found += self.note_files(&tx, *record)?;
            }
        }
        if let Some((last, ..)) = next.last() {
            note(&tx, WATERMARK, *last)?;
        }
        let more = next.len() == most as usize || opened_since.len() == most as usize;
        if !more {
            note(&tx, OPEN_THEN, open)?;
        }
        tx.commit()?;
        Ok((found, more))
    }

    fn note_files(&self, tx: &Transaction<'_>, record: i64) -> Result<u64> {
        let mut statement = tx.prepare_cached(
            "SELECT m.company, m.time, r.landed_at
             FROM plaintext p JOIN message m ON m.record = p.record JOIN record r ON r.id = p.record
             WHERE p.record = ?",
        )?;
        let mut rows = statement.query([record])?;
        let Some(row) = rows.next()? else { return Ok(0) };
        let body = match guard::genuine_body(tx, &self.reader.unpacker, record) {
            Ok(body) => body,
            // One damaged body is one message's loss, which `verify` tells; the files of all others are found.
            Err(StoreError::Damaged(what)) => {
                tracing::warn!(
                    event = "media.unreadable",
                    record,
                    cause = what,
                    "the files of a message cannot be found out"
                );
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let (company, time, landed): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // A message is not sent after it was landed, whatever it says, and WeCom gives out none that is older than five days.
        let since = if time == 0 {
            landed
        } else {
            time.clamp(landed.saturating_sub(OLDEST_MS), landed)
        };
        let mut found = 0;
        for (ord, file) in message::read(&body).media.iter().enumerate() {
            let handle = Sha256::digest(file.sdkfileid.expose().as_bytes());
            found += tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO media_file (record, ord, company, handle, kind, md5, size, filename, since)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    record,
                    ord as i64,
                    company,
                    handle.as_slice(),
                    file.kind,
                    file.md5,
                    file.size.and_then(|size| i64::try_from(size).ok()),
                    file.filename,
                    since
                ])? as u64;
            // Another message brought the same handle, and it was fetched already.
            let known: Option<i64> = tx
                .prepare_cached(
                    "SELECT content FROM media_file WHERE company = ? AND handle = ? AND content IS NOT NULL LIMIT 1",
                )?
                .query_row(params![company, handle.as_slice()], |row| row.get(0))
                .optional()?;
            if let Some(content) = known {
                super::settle::link(tx, company, handle.as_slice(), content, landed)?;
            }
        }
        Ok(found)
    }
}
