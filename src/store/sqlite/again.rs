//! Deriving again: a newer program reads the kept bytes anew (promise 4), or rules of the index changed.

use rusqlite::{Transaction, params};

use super::{
    Reader, Store,
    codes::MSGID_DIFFERS,
    derive::{self, Derived},
    index,
    intern::{Interner, Names},
    pack::Unpacker,
};
use crate::{
    ids::{CompanyId, RecordId},
    message,
    store::Result,
    words,
};

/// Rows held in memory at once.
const BATCH: i64 = 1_000;

impl Reader {
    /// False when the text index was written under other rules than this program asks by; then
    /// [`Store::derive_again`] has to run before searches are exact.
    pub fn index_is_current(&self) -> Result<bool> {
        let written: String =
            self.conn
                .query_row("SELECT value FROM fact WHERE name = 'words'", [], |row| {
                    row.get(0)
                })?;
        Ok(written == words::VERSION.to_string())
    }
}

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
        let mut batch = next_batch(tx, unpacker, after)?;
        let Some(last) = batch.last() else { break };
        after = last.record;
        let mut interner = Interner::new(tx, Names::default());
        let mut docs = Vec::with_capacity(batch.len());
        for row in &mut batch {
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
            docs.push(derive::write(tx, &mut interner, &told, &mut derived)?);
        }
        index::add(tx, &docs)?;
        done += batch.len() as u64;
        progress(done);
    }
    super::people::fold_again(tx)?;
    tx.execute(
        "UPDATE fact SET value = ? WHERE name = 'words'",
        [words::VERSION.to_string()],
    )?;
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

fn next_batch(tx: &Transaction<'_>, unpacker: &Unpacker, after: i64) -> Result<Vec<Kept>> {
    let mut statement = tx.prepare_cached(
        "SELECT r.id, r.company, r.seq, r.msgid, m.flags & ?3, p.body, p.dictionary, r.landed_at
         FROM plaintext p JOIN record r ON r.id = p.record JOIN message m ON m.record = p.record
         WHERE p.record > ?1 ORDER BY p.record LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, BATCH, MSGID_DIFFERS])?;
    let mut batch = Vec::new();
    while let Some(row) = rows.next()? {
        batch.push(Kept {
            record: row.get(0)?,
            company: row.get(1)?,
            seq: row.get(2)?,
            msgid: row.get(3)?,
            msgid_differs: row.get::<_, i64>(4)? != 0,
            landed_at: row.get(7)?,
            body: unpacker.body(tx, row, 6, 5)?,
        });
    }
    Ok(batch)
}
