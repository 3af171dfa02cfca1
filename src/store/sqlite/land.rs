//! Landing: a page, the cursor that moves past it and the call that brought it, in one transaction (promise 1).
//!
//! A seq that comes again with the same bytes changes nothing (promise 5), unless what was kept of it is damaged: then it is
//! what the archive needs. With another msgid it is another message and
//! becomes a record of its own, a twin. With the same msgid and other bytes, the new copy is kept beside the first. Which
//! copy is *current*, the one to open, does not depend on when a process was killed: the first one stays current until it
//! was tried; when it fails, the next copy that was never tried takes its place; when one opened, it stays.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::{
    Store,
    books::insert_call,
    codes::{OPENED, SEALED, seq_in, seq_out},
    gaps,
    guard::Checked,
    lease,
    pack::{Unpacker, keep},
    verify::{self, Original},
};
use crate::{
    ids::{CompanyId, Millis, RecordId, Seq},
    record::Sealed,
    store::{
        Result, StoreError,
        contract::{Concluded, CursorMove, Landed, Landing, Lease, PullCall, Stray},
    },
};

/// What became of one item.
enum Fate {
    /// A row of its own.
    Fresh(RecordId),
    /// This row has these bytes already.
    Duplicate(RecordId),
    /// Another copy of this row, kept beside it.
    Changed { of: RecordId, is_to_open: bool },
}

impl Store {
    /// Lands one page of which every seq is believed: the cursor becomes the greatest seq among itself and `records`.
    pub fn land(
        &mut self,
        lease: &Lease,
        call: &PullCall,
        records: &[Sealed],
        strays: &[Vec<u8>],
    ) -> Result<Landed> {
        let reached = records.iter().map(|sealed| sealed.seq).max();
        self.land_page(
            lease,
            &Landing {
                run: call.run,
                at: call.at,
                call: Some(call),
                records,
                strays,
                concluded: &Concluded {
                    cursor: reached.map_or(CursorMove::Stay, CursorMove::UpTo),
                    ..Concluded::default()
                },
            },
        )
    }

    /// Lands one page with what was concluded from it. Refused with [`crate::store::StoreError::LeaseLost`] when the lease
    /// changed hands; then nothing is written.
    pub fn land_page(&mut self, lease: &Lease, page: &Landing<'_>) -> Result<Landed> {
        let Landing {
            run,
            at,
            call,
            records,
            strays,
            concluded,
        } = *page;
        let company = lease.company;
        let tx = self.begin()?;
        lease::check(&tx, lease)?;
        let mut landed = Landed {
            stray: strays.len() as u64,
            ..Landed::default()
        };
        // Rows that were there and are counted where they move.
        let mut to_open = 0;
        for (index, sealed) in records.iter().enumerate() {
            let doubted = concluded.doubtful.iter().find(|(doubted, _)| *doubted == index);
            match land_one(&tx, &self.reader.unpacker, company, sealed, at)? {
                Fate::Fresh(id) => {
                    if let Some((_, cursor)) = doubted {
                        gaps::doubt(&tx, id, *cursor, at)?;
                    }
                    landed.fresh.push((id, index));
                }
                // A record that was believed once stays so, and one that comes in its place now is believed from now on.
                Fate::Duplicate(id) => {
                    if doubted.is_none() {
                        gaps::believe(&tx, id)?;
                    }
                    landed.duplicate += 1;
                }
                Fate::Changed { of, is_to_open } => {
                    if doubted.is_none() {
                        gaps::believe(&tx, of)?;
                    }
                    landed.changed += 1;
                    if is_to_open {
                        to_open += 1;
                        landed.fresh.push((of, index));
                    }
                }
            }
        }
        let fresh = landed.fresh.len() as i64 - to_open;
        tally(&tx, company, SEALED, fresh)?;
        let asked = call.map_or(Seq(0), |call| call.asked);
        for raw in strays {
            tx.prepare_cached(
                "INSERT OR IGNORE INTO stray (company, sha256, raw, asked, at) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![
                company.0,
                Sha256::digest(raw).as_slice(),
                raw,
                seq_in(asked),
                at.0
            ])?;
        }
        gaps::insert(&tx, company, run, &concluded.gaps, at)?;
        if let Some(call) = call {
            let is_believed = |index: &usize| concluded.doubtful.iter().all(|(doubted, _)| doubted != index);
            let fresh = landed.fresh.iter().map(|(_, index)| *index);
            let came: Vec<Seq> = fresh
                .filter(is_believed)
                .map(|index| records[index].seq)
                .collect();
            gaps::fill(&tx, company, call.asked, &came, at)?;
        }
        if let Some(covers) = concluded.covers {
            let first = records.iter().map(|sealed| sealed.seq);
            let first = first.filter(|seq| *seq >= covers.first).min();
            gaps::cover(&tx, company, covers, first, at, concluded.clock_agrees)?;
        }
        if let Some(keep) = concluded.doubt_above {
            gaps::doubt_above(&tx, company, keep, at)?;
        }
        move_cursor(&tx, company, concluded.cursor)?;
        if let Some(call) = call {
            insert_call(&tx, company, call)?;
        }
        tx.commit()?;
        Ok(landed)
    }
}

impl Store {
    /// A stray turned out to be a record: it is landed as one, and the cursor does not follow it.
    pub fn land_stray(&mut self, lease: &Lease, stray: &Stray, sealed: &Sealed, now: Millis) -> Result<()> {
        let tx = self.begin()?;
        lease::check(&tx, lease)?;
        let record = match land_one(&tx, &self.reader.unpacker, lease.company, sealed, now)? {
            Fate::Fresh(id) => {
                tally(&tx, lease.company, SEALED, 1)?;
                gaps::doubt(&tx, id, stray.asked, now)?;
                Some(id.0)
            }
            Fate::Changed { of, .. } | Fate::Duplicate(of) => Some(of.0),
        };
        tx.prepare_cached("UPDATE stray SET record = ? WHERE id = ?")?
            .execute(params![record, stray.id])?;
        tx.commit()?;
        Ok(())
    }
}

/// Moves the cursor inside the transaction of what moves it.
pub(super) fn move_cursor(tx: &Transaction<'_>, company: CompanyId, to: CursorMove) -> Result<()> {
    let (cursor, reached): (i64, i64) = tx
        .prepare_cached("SELECT cursor, reached FROM company WHERE id = ?")?
        .query_row([company.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Compared here and not in SQL, where seqs from 2^63 on are negative.
    let cursor = match to {
        CursorMove::Stay => return Ok(()),
        CursorMove::UpTo(seq) => seq.max(seq_out(cursor)),
        CursorMove::BackTo(seq) => seq,
    };
    let reached = cursor.max(seq_out(reached));
    tx.prepare_cached("UPDATE company SET cursor = ?, reached = ? WHERE id = ?")?
        .execute([seq_in(cursor), seq_in(reached), company.0])?;
    Ok(())
}

fn land_one(
    tx: &Transaction<'_>,
    unpacker: &Unpacker,
    company: CompanyId,
    sealed: &Sealed,
    at: Millis,
) -> Result<Fate> {
    let sha256 = digest(sealed);
    if let Some(id) = insert(tx, company, sealed, &sha256, 0, at)? {
        return Ok(Fate::Fresh(id));
    }
    let Some((id, current, state)) = same_record(tx, company, sealed.seq, &sealed.msgid)? else {
        // Another message under the same seq: a record of its own.
        let twins: i64 = tx
            .prepare_cached("SELECT max(twin) FROM record WHERE company = ? AND seq = ?")?
            .query_row([company.0, seq_in(sealed.seq)], |row| row.get(0))?;
        return match insert(tx, company, sealed, &sha256, twins + 1, at)? {
            Some(id) => Ok(Fate::Fresh(id)),
            None => Err(StoreError::Damaged(format!(
                "seq {} has a twin beyond its last one",
                sealed.seq
            ))),
        };
    };
    if current == sha256 {
        mend_original(tx, unpacker, id, state, sealed)?;
        return Ok(Fate::Duplicate(RecordId(id)));
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
        return Ok(Fate::Duplicate(RecordId(id)));
    }
    let waits = state != SEALED && state != OPENED;
    let is_to_open = waits && promote(tx, RecordId(id))?;
    if is_to_open {
        tally(tx, company, state, -1)?;
        tally(tx, company, SEALED, 1)?;
    }
    Ok(Fate::Changed {
        of: RecordId(id),
        is_to_open,
    })
}

/// What came again is, by its digest, what was landed: it replaces an original that is damaged here, or that a damaged body needs.
/// An original that was let go because its message is open and whole stays away.
fn mend_original(
    tx: &Transaction<'_>,
    unpacker: &Unpacker,
    record: i64,
    state: i64,
    sealed: &Sealed,
) -> Result<()> {
    let is_needed = match verify::original(tx, record)? {
        Original::Whole => false,
        Original::Changed => true,
        Original::Gone => state != OPENED || Checked::of(tx, unpacker, record)?.body.is_none(),
    };
    if is_needed {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO sealed (record, random_key, body, odd) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            record,
            keep(&sealed.random_key),
            keep(&sealed.body),
            sealed.odd
        ])?;
        tracing::info!(
            event = "store.original_mended",
            seq = sealed.seq.0,
            "a damaged sealed original came again"
        );
    }
    Ok(())
}

/// Inserts a record with what was landed of it, unless the place is taken.
fn insert(
    tx: &Transaction<'_>,
    company: CompanyId,
    sealed: &Sealed,
    sha256: &[u8],
    twin: i64,
    at: Millis,
) -> Result<Option<RecordId>> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO record (company, seq, twin, msgid, version, state, sha256, landed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (company, seq, twin) DO NOTHING",
        )?
        .execute(params![
            company.0,
            seq_in(sealed.seq),
            twin,
            sealed.msgid,
            sealed.key_version.0,
            SEALED,
            sha256,
            at.0
        ])?;
    if inserted == 0 {
        return Ok(None);
    }
    let id = tx.last_insert_rowid();
    tx.prepare_cached("INSERT INTO sealed (record, random_key, body, odd) VALUES (?, ?, ?, ?)")?
        .execute(params![
            id,
            keep(&sealed.random_key),
            keep(&sealed.body),
            sealed.odd
        ])?;
    Ok(Some(RecordId(id)))
}

/// Row, hash and state of the record of this seq that an item is a copy of: the one with its msgid. An item or a record
/// without a msgid says nothing about which message it is, and counts as a copy.
pub(super) fn same_record(
    conn: &Connection,
    company: CompanyId,
    seq: Seq,
    msgid: &str,
) -> Result<Option<(i64, Vec<u8>, i64)>> {
    let found = conn
        .prepare_cached(
            "SELECT id, sha256, state FROM record
             WHERE company = ?1 AND seq = ?2 AND (msgid = ?3 OR msgid = '' OR ?3 = '')
             ORDER BY msgid = ?3 DESC, twin LIMIT 1",
        )?
        .query_row(params![company.0, seq_in(seq), msgid], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(found)
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
