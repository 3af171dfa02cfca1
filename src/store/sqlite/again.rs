//! Deriving all of it again in one transaction: for archives of old programs, when they are converted. A change of rules is
//! caught up with in the background (`reindex`).

use rusqlite::{Connection, Row, Transaction};

use super::{
    Store,
    codes::{MSGID_DIFFERS, OPENED},
    derive::{self, Derived},
    guard::{self, Checked, Handling},
    index,
    intern::{Interner, Names},
    pack::Unpacker,
    reindex, reopened,
    settle::salted,
};
use crate::{
    ids::{CompanyId, RecordId},
    message::{self, Message},
    store::{Result, StoreError},
};

/// Rows held in memory at once, unless they are heavy.
const BATCH: i64 = 1_000;
/// Bytes of bodies held in memory at once; a single body may be larger.
const BATCH_BYTES: usize = 4 << 20;

impl Store {
    /// Throws away everything that follows from the opened bytes and derives it from them again, in one
    /// transaction; returns how many messages there are. A record whose body is damaged keeps its columns and is found by them
    /// alone. `progress` is told the count after each batch.
    pub fn derive_again(&mut self, progress: &mut dyn FnMut(u64)) -> Result<u64> {
        let tx = self.begin()?;
        let done = all(&tx, &self.reader.unpacker, progress)?;
        tx.commit()?;
        Ok(done)
    }
}

/// Inside a transaction. Names that nobody has any more keep their rows, and nothing points to them.
pub(super) fn all(tx: &Transaction<'_>, unpacker: &Unpacker, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    index::clear(tx)?;
    reopened::none_is_indexed(tx)?;
    // Recalls of records that are not open any more would stay.
    tx.execute_batch("DELETE FROM recall WHERE record NOT IN (SELECT record FROM plaintext)")?;
    let (mut done, mut after) = (0, 0);
    loop {
        let batch = next_batch(tx, unpacker, after, BATCH_BYTES)?;
        let Some(last) = batch.last() else { break };
        after = last.record;
        let mut interner = Interner::new(tx, Names::default());
        let mut index = index::Builder::new(tx);
        for row in &batch {
            let Some(mut derived) = row.derived() else {
                // Its columns are all that is left to find it by.
                if let Some(doc) = derive::without_text(tx, row.record)? {
                    index.add(doc)?;
                    reopened::is_without_text(tx, row.record)?;
                }
                continue;
            };
            let doubted_guard = row.doubted_guard(tx, unpacker)?;
            for table in ["message", "recall"] {
                tx.prepare_cached(&format!("DELETE FROM {table} WHERE record = ?"))?
                    .execute([row.record])?;
            }
            let told = row.told(doubted_guard);
            index.add(derive::write(tx, &mut interner, &told, &mut derived)?)?;
        }
        index.finish()?;
        done += batch.len() as u64;
        progress(done);
    }
    super::people::fold_again(tx)?;
    reindex::set_all_current(tx)?;
    Ok(done)
}

/// An opened record, with all that deriving it again takes.
pub(super) struct Kept {
    pub record: i64,
    pub company: i64,
    seq: i64,
    pub msgid: String,
    /// `None` when its columns are missing.
    msgid_differs: Option<bool>,
    landed_at: i64,
    twin: i64,
    version: i64,
    landed_sha256: Vec<u8>,
    pub body_sha256: Option<Vec<u8>>,
    pub guard: Option<i64>,
    attempts: i64,
    tried_key: Option<String>,
    sdk_build: Option<i64>,
    settled_at: Option<i64>,
    detail: String,
    /// Of the body.
    pub bytes: usize,
    /// `None` when the body is damaged, or another record's.
    pub message: Option<Message>,
}

/// The columns that [`Kept::of_row`] reads.
const KEPT: &str = "SELECT r.id, r.company, r.seq, r.msgid, m.flags & ?1, p.body, p.dictionary, r.landed_at, r.twin, r.version,
    r.sha256, p.salt, p.sha256, m.guard, m.msgid, r.attempts, r.tried_key, r.sdk_build, r.settled_at, r.detail
  FROM plaintext p JOIN record r ON r.id = p.record LEFT JOIN message m ON m.record = p.record
  WHERE r.state = ?2";

impl Kept {
    /// `None` when it is not open, or its bytes are gone.
    pub(super) fn of(conn: &Connection, unpacker: &Unpacker, record: i64) -> Result<Option<Self>> {
        let mut statement = conn.prepare_cached(&format!("{KEPT} AND p.record = ?3"))?;
        let mut rows = statement.query([MSGID_DIFFERS, OPENED, record])?;
        match rows.next()? {
            Some(row) => Ok(Some(Self::of_row(conn, unpacker, row)?)),
            None => Ok(None),
        }
    }

    fn of_row(conn: &Connection, unpacker: &Unpacker, row: &Row<'_>) -> Result<Self> {
        let (outer, inner): (String, Option<String>) = (row.get(3)?, row.get(14)?);
        let (salt, body_sha256): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(11)?, row.get(12)?);
        let body = match unpacker.body(conn, row, 6, 5) {
            Ok(body) => Some(body),
            Err(StoreError::Damaged(_)) => None,
            Err(error) => return Err(error),
        }
        .filter(|body| {
            let digest = salt.as_ref().zip(body_sha256.as_ref());
            digest.is_none_or(|(salt, sha256)| salted(salt, body).as_slice() == sha256)
        });
        let message = body.as_ref().map(|body| message::read(body));
        Ok(Self {
            record: row.get(0)?,
            company: row.get(1)?,
            seq: row.get(2)?,
            message: message.filter(|message| guard::is_named(message, &outer, inner.as_deref())),
            msgid: outer,
            msgid_differs: row.get::<_, Option<i64>>(4)?.map(|flag| flag != 0),
            landed_at: row.get(7)?,
            twin: row.get(8)?,
            version: row.get(9)?,
            landed_sha256: row.get(10)?,
            body_sha256,
            guard: row.get(13)?,
            attempts: row.get(15)?,
            tried_key: row.get(16)?,
            sdk_build: row.get(17)?,
            settled_at: row.get(18)?,
            detail: row.get(19)?,
            bytes: body.map_or(0, |body| body.len()),
        })
    }

    /// What follows from its body; `None` when that is damaged, or another record's.
    pub(super) fn derived(&self) -> Option<Derived> {
        let message = self.message.as_ref()?;
        let msgid_differs = self.msgid_differs.unwrap_or(message.msgid != self.msgid);
        Some(Derived::new(message, msgid_differs))
    }

    /// The guard of the row when it does not fit: it stays, so that what no body tells and has changed is still reported.
    pub(super) fn doubted_guard(&self, conn: &Connection, unpacker: &Unpacker) -> Result<Option<i64>> {
        if self.guard.is_none() {
            return Ok(None);
        }
        let checked = Checked::of(conn, unpacker, self.record)?;
        Ok(self.guard.filter(|_| checked.damage.is_some()))
    }

    pub(super) fn told(&self, doubted_guard: Option<i64>) -> derive::Told<'_> {
        derive::Told {
            record: RecordId(self.record),
            company: CompanyId(self.company),
            seq: self.seq,
            outer_msgid: &self.msgid,
            landed_at: self.landed_at,
            twin: self.twin,
            version: self.version,
            landed_sha256: &self.landed_sha256,
            body_sha256: self.body_sha256.as_deref(),
            handling: Handling {
                attempts: self.attempts,
                tried_key: self.tried_key.as_deref(),
                sdk_build: self.sdk_build,
                settled_at: self.settled_at,
                detail: &self.detail,
            },
            doubted_guard,
        }
    }
}

/// The next rows: at least one if there is one, no more once their bodies have `bytes` together.
fn next_batch(tx: &Transaction<'_>, unpacker: &Unpacker, after: i64, bytes: usize) -> Result<Vec<Kept>> {
    let mut statement = tx.prepare_cached(&format!("{KEPT} AND p.record > ?3 ORDER BY p.record LIMIT ?4"))?;
    let mut rows = statement.query([MSGID_DIFFERS, OPENED, after, BATCH])?;
    let (mut batch, mut held) = (Vec::new(), 0);
    while held < bytes
        && let Some(row) = rows.next()?
    {
        let kept = Kept::of_row(tx, unpacker, row)?;
        held += kept.bytes;
        batch.push(kept);
    }
    Ok(batch)
}
