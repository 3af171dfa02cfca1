//! Deriving all of it again in one transaction: for archives of old programs, when they are converted. A change of rules is
//! caught up with in the background (`reindex`).

use rusqlite::{Transaction, params};

use super::{
    Store,
    codes::MSGID_DIFFERS,
    derive::{self, Derived},
    index,
    intern::{Interner, Names},
    pack::Unpacker,
    reindex,
};
use crate::{
    ids::{CompanyId, RecordId},
    message,
    store::Result,
};

/// Rows held in memory at once, unless they are heavy.
const BATCH: usize = 1_000;
/// Bytes of bodies held in memory at once; a single body may be larger.
const BATCH_BYTES: usize = 4 << 20;

impl Store {
    /// Throws away everything that follows from the opened bytes and derives it from them again, in one
    /// transaction; returns how many messages there are. `progress` is told the count after each batch.
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
    tx.execute_batch("DELETE FROM recall")?;
    let (mut done, mut after) = (0, 0);
    loop {
        let batch = next_batch(tx, unpacker, after, BATCH_BYTES)?;
        let Some(last) = batch.last() else { break };
        after = last.record;
        let mut interner = Interner::new(tx, Names::default());
        let mut index = index::Builder::new(tx);
        for row in &batch {
            tx.prepare_cached("DELETE FROM message WHERE record = ?")?
                .execute([row.record])?;
            let told = derive::Told {
                record: RecordId(row.record),
                company: CompanyId(row.company),
                seq: row.seq,
                outer_msgid: &row.msgid,
                landed_at: row.landed_at,
            };
            let mut derived = Derived::new(&message::read(&row.body), row.msgid_differs);
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

struct Kept {
    record: i64,
    company: i64,
    seq: i64,
    msgid: String,
    msgid_differs: bool,
    landed_at: i64,
    body: Vec<u8>,
}

/// The next rows: at least one if there is one, no more once they have `bytes` together.
fn next_batch(tx: &Transaction<'_>, unpacker: &Unpacker, after: i64, bytes: usize) -> Result<Vec<Kept>> {
    let mut statement = tx.prepare_cached(
        "SELECT r.id, r.company, r.seq, r.msgid, m.flags & ?3, p.body, p.dictionary, r.landed_at
         FROM plaintext p JOIN record r ON r.id = p.record JOIN message m ON m.record = p.record
         WHERE p.record > ?1 ORDER BY p.record LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, BATCH as i64, MSGID_DIFFERS])?;
    let (mut batch, mut held) = (Vec::new(), 0);
    while held < bytes
        && let Some(row) = rows.next()?
    {
        let body = unpacker.body(tx, row, 6, 5)?;
        held += body.len();
        batch.push(Kept {
            record: row.get(0)?,
            company: row.get(1)?,
            seq: row.get(2)?,
            msgid: row.get(3)?,
            msgid_differs: row.get::<_, i64>(4)? != 0,
            landed_at: row.get(7)?,
            body,
        });
    }
    Ok(batch)
}
