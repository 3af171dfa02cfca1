//! Deleting sealed originals some time after their records were opened. The originals' hashes stay for ever.
//!
//! An original is the only copy that can be opened again, so it is deleted only when the plaintext was read back and is the
//! record's message.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    Store,
    codes::OPENED,
    guard::Checked,
    pack::Unpacker,
    settle::{SaltedDigest, salted},
};
use crate::{
    ids::{CompanyId, Millis, RecordId},
    message,
    store::{Result, StoreError, contract::Forgotten},
};

/// Rows looked at in one transaction, so that other writers need not wait long.
const BATCH: usize = 1_000;

/// Looking for old originals reads the list of those still there, so once a day is enough.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Store {
    /// True when old originals were not looked for within the last day.
    pub fn is_forgetting_due(&mut self, company: CompanyId, now: Millis) -> Result<bool> {
        let last: Option<String> = self
            .reader
            .conn
            .query_row("SELECT value FROM fact WHERE name = ?", [fact(company)], |row| {
                row.get(0)
            })
            .optional()?;
        let last = last.and_then(|text| text.parse().ok()).map(Millis);
        Ok(last.is_none_or(|last| now.is_past(last, DAY_MS)))
    }

    /// Notes that all old originals were looked at, at this time.
    pub fn forgetting_done(&mut self, company: CompanyId, now: Millis) -> Result<()> {
        self.reader.conn.execute(
            "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            params![fact(company), now.0.to_string()],
        )?;
        Ok(())
    }

    /// Deletes the sealed originals of the company's records that were landed and opened before `older_than` and whose
    /// message is older as well. An original stays, and is counted, when its record's plaintext cannot be verified. Records
    /// that are not open, and other copies of an opened record, keep their originals whatever their age. The caller has made
    /// sure that the clock is right.
    pub fn forget_sealed(&mut self, company: CompanyId, older_than: Millis) -> Result<Forgotten> {
        let (mut forgotten, mut behind) = (Forgotten::default(), Some(RecordId(0)));
        while let Some(from) = behind {
            let (batch, next) = self.forget_sealed_batch(company, older_than, from)?;
            forgotten.gone += batch.gone;
            forgotten.kept += batch.kept;
            behind = next;
        }
        Ok(forgotten)
    }

    /// Does one batch of [`Store::forget_sealed`], beginning behind row `from`. Returns what became of it and, when more
    /// may follow, the row behind which the next batch begins.
    pub fn forget_sealed_batch(
        &mut self,
        company: CompanyId,
        older_than: Millis,
        from: RecordId,
    ) -> Result<(Forgotten, Option<RecordId>)> {
        let mut forgotten = Forgotten::default();
        let tx = self.begin()?;
        let old = tx
            .prepare_cached(
                "SELECT s.record FROM sealed s JOIN record r ON r.id = s.record JOIN message m ON m.record = s.record
                 WHERE s.record > ?1 AND r.company = ?2 AND r.state = ?3
                   AND r.settled_at < ?4 AND r.landed_at < ?4 AND m.time < ?4
                 ORDER BY s.record LIMIT ?5",
            )?
            .query_map(
                params![from.0, company.0, OPENED, older_than.0, BATCH as i64],
                |row| row.get(0),
            )?
            .collect::<Result<Vec<i64>, _>>()?;
        for record in &old {
            if verified(&tx, &self.reader.unpacker, *record)? {
                tx.prepare_cached("DELETE FROM sealed WHERE record = ?")?
                    .execute([record])?;
                forgotten.gone += 1;
            } else {
                forgotten.kept += 1;
            }
        }
        tx.commit()?;
        let full = old.len() == BATCH;
        Ok((forgotten, old.last().copied().filter(|_| full).map(RecordId)))
    }
}

fn fact(company: CompanyId) -> String {
    format!("sealed_forgotten:{}", company.0)
}

/// Says whether the record's plaintext is there, unpacks, has the digest of what was opened, and is this record's message.
/// Only then is the sealed original not needed. A body that an older program opened has no digest yet and gets one here.
fn verified(tx: &Transaction<'_>, unpacker: &Unpacker, record: i64) -> Result<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT p.dictionary, p.body, r.msgid, p.salt, p.sha256
         FROM record r JOIN plaintext p ON p.record = r.id WHERE r.id = ?",
    )?;
    let mut rows = statement.query([record])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let msgid: String = row.get(2)?;
    let digest = row
        .get::<_, Option<Vec<u8>>>(3)?
        .zip(row.get::<_, Option<Vec<u8>>>(4)?);
    let body = match unpacker.body(tx, row, 0, 1) {
        Ok(body) => body,
        // A body that does not unpack is what the original is kept for.
        Err(StoreError::Damaged(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    if message::read(&body).answers(&msgid).is_err() {
        return Ok(false);
    }
    // Whatever is wrong with the row, the original is what it can be repaired from.
    if Checked::of(tx, unpacker, record)?.damage.is_some() {
        return Ok(false);
    }
    match digest {
        Some((salt, sha256)) => Ok(salted(&salt, &body).as_slice() == sha256),
        None => {
            let digest = SaltedDigest::of(&body);
            tx.prepare_cached("UPDATE plaintext SET salt = ?, sha256 = ? WHERE record = ?")?
                .execute(params![digest.salt, digest.sha256, record])?;
            Ok(true)
        }
    }
}
