//! Landing: a page, the cursor that moves past it and the call that brought it, in one transaction (promise 1).
//!
//! A seq that comes again with the same bytes changes nothing (promise 5). With other bytes, the new copy is kept
//! beside the first. Which copy is *current*, the one to open, does not depend on when a process was killed:
//! the first one stays current until it was tried; when it fails, the next copy that was never tried takes
//! its place; when one opened, it stays.

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::{
    Store,
    books::insert_call,
    codes::{OPENED, SEALED, seq_in, seq_out},
    lease,
    pack::keep,
};
use crate::{
    ids::{CompanyId, Millis, RecordId, Seq},
    record::Sealed,
    store::{
        Result,
        contract::{Landed, Lease, PullCall},
    },
};

enum Fate {
    Fresh(RecordId),
    Duplicate,
    Changed { to_open: Option<RecordId> },
}

impl Store {
    /// Lands one page. The cursor becomes the greatest seq among itself and `records`. Refused with
    /// [`crate::store::StoreError::LeaseLost`] when the lease changed hands; then nothing is written.
    pub fn land(
        &mut self,
        lease: &Lease,
        call: &PullCall,
        records: &[Sealed],
        strays: &[String],
    ) -> Result<Landed> {
        let tx = self.begin()?;
        lease::check(&tx, lease)?;
        let mut landed = Landed {
            stray: strays.len() as u64,
            ..Landed::default()
        };
        // Rows that were there and are counted where they move.
        let mut to_open = 0;
        for (index, sealed) in records.iter().enumerate() {
            match land_one(&tx, lease.company, sealed, call.at)? {
                Fate::Fresh(id) => landed.fresh.push((id, index)),
                Fate::Duplicate => landed.duplicate += 1,
                Fate::Changed { to_open: again } => {
                    landed.changed += 1;
                    to_open += i64::from(again.is_some());
                    landed.fresh.extend(again.map(|id| (id, index)));
                }
            }
        }
        let fresh = landed.fresh.len() as i64 - to_open;
        tally(&tx, lease.company, SEALED, fresh)?;
        for raw in strays {
            tx.prepare_cached("INSERT OR IGNORE INTO stray (company, sha256, raw, at) VALUES (?, ?, ?, ?)")?
                .execute(params![
                    lease.company.0,
                    Sha256::digest(raw.as_bytes()).as_slice(),
                    raw,
                    call.at.0
                ])?;
        }
        move_cursor(&tx, lease.company, records)?;
        insert_call(&tx, lease.company, call)?;
        tx.commit()?;
        Ok(landed)
    }
}

fn move_cursor(tx: &Transaction<'_>, company: CompanyId, records: &[Sealed]) -> Result<()> {
    let cursor: i64 = tx.query_row("SELECT cursor FROM company WHERE id = ?", [company.0], |row| {
        row.get(0)
    })?;
    // Compared here and not in SQL, where seqs from 2^63 on are negative.
    let reached = records
        .iter()
        .map(|sealed| sealed.seq)
        .fold(seq_out(cursor), Seq::max);
    tx.execute(
        "UPDATE company SET cursor = ? WHERE id = ?",
        [seq_in(reached), company.0],
    )?;
    Ok(())
}

fn land_one(tx: &Transaction<'_>, company: CompanyId, sealed: &Sealed, at: Millis) -> Result<Fate> {
    let sha256 = digest(sealed);
    let inserted = tx
        .prepare_cached(
            "INSERT INTO record (company, seq, msgid, version, state, sha256, landed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (company, seq) DO NOTHING",
        )?
        .execute(params![
            company.0,
            seq_in(sealed.seq),
            sealed.msgid,
            sealed.key_version.0,
            SEALED,
            sha256,
            at.0
        ])?;
    if inserted == 1 {
        let id = tx.last_insert_rowid();
        tx.prepare_cached("INSERT INTO sealed (record, random_key, body, odd) VALUES (?, ?, ?, ?)")?
            .execute(params![
                id,
                keep(&sealed.random_key),
                keep(&sealed.body),
                sealed.odd
            ])?;
        return Ok(Fate::Fresh(RecordId(id)));
    }
    let (id, current, state): (i64, Vec<u8>, i64) = tx
        .prepare_cached("SELECT id, sha256, state FROM record WHERE company = ? AND seq = ?")?
        .query_row([company.0, seq_in(sealed.seq)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if current == sha256 {
        return Ok(Fate::Duplicate);
    }
    let kept = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO variant (record, sha256, msgid, version, random_key, body, odd, tried)
             VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        )?
        .execute(params![
            id,
            sha256,
            sealed.msgid,
            sealed.key_version.0,
            keep(&sealed.random_key),
            keep(&sealed.body),
            sealed.odd
        ])?;
    if kept == 0 {
        return Ok(Fate::Duplicate);
    }
    let waits = state != SEALED && state != OPENED;
    let to_open = waits && promote(tx, RecordId(id))?;
    if to_open {
        tally(tx, company, state, -1)?;
        tally(tx, company, SEALED, 1)?;
    }
    Ok(Fate::Changed {
        to_open: to_open.then_some(RecordId(id)),
    })
}

/// Makes the oldest copy that was never tried the current one and the record `sealed`; false when there is none.
pub(super) fn promote(tx: &Transaction<'_>, record: RecordId) -> Result<bool> {
    let next: Option<i64> = tx
        .prepare_cached("SELECT id FROM variant WHERE record = ? AND tried = 0 ORDER BY id LIMIT 1")?
        .query_row([record.0], |row| row.get(0))
        .optional()?;
    let Some(next) = next else { return Ok(false) };
    tx.prepare_cached(
        "INSERT INTO variant (record, sha256, msgid, version, random_key, body, odd, tried, tried_key)
         SELECT r.id, r.sha256, r.msgid, r.version, s.random_key, s.body, s.odd, 1, r.tried_key
         FROM record r JOIN sealed s ON s.record = r.id WHERE r.id = ?",
    )?
    .execute([record.0])?;
    tx.prepare_cached(
        "UPDATE record SET (msgid, version, sha256, tried_key) =
           (SELECT msgid, version, sha256, tried_key FROM variant WHERE id = ?2),
           state = 0, detail = '' WHERE id = ?1",
    )?
    .execute([record.0, next])?;
    tx.prepare_cached(
        "UPDATE sealed SET (random_key, body, odd) = (SELECT random_key, body, odd FROM variant WHERE id = ?2)
         WHERE record = ?1",
    )?
    .execute([record.0, next])?;
    tx.prepare_cached("DELETE FROM variant WHERE id = ?")?
        .execute([next])?;
    Ok(true)
}

/// Counts records into a state, or out of it.
pub(super) fn tally(tx: &Transaction<'_>, company: CompanyId, state: i64, count: i64) -> Result<()> {
    if count != 0 {
        tx.prepare_cached(
            "INSERT INTO tally (company, state, count) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET count = count + ?3",
        )?
        .execute([company.0, state, count])?;
    }
    Ok(())
}

/// How many records of all companies are in a state.
pub(super) fn count(tx: &Transaction<'_>, state: i64) -> Result<u64> {
    let count: i64 = tx
        .prepare_cached("SELECT ifnull(sum(count), 0) FROM tally WHERE state = ?")?
        .query_row([state], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// SHA-256 over everything that was landed, each part with its length.
pub(super) fn digest(sealed: &Sealed) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(sealed.seq.0.to_le_bytes());
    hash.update(sealed.key_version.0.to_le_bytes());
    for part in [&sealed.msgid, &sealed.random_key, &sealed.body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    if let Some(odd) = &sealed.odd {
        hash.update(odd.as_bytes());
    }
    hash.finalize().to_vec()
}
