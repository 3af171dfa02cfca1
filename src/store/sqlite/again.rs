//! Deriving again: a newer program reads the kept bytes anew (promise 4), or rules of the index changed.

use rusqlite::{Transaction, params};

use super::{Reader, Store, codes::MSGID_DIFFERS, derive, intern::Interner};
use crate::{
    ids::{CompanyId, RecordId},
    message,
    store::Result,
    words,
};

/// Rows held in memory at once.
const BATCH: i64 = 500;

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
        tx.execute_batch(
            "INSERT INTO text_index (text_index) VALUES ('delete-all'); DELETE FROM recall; DELETE FROM media;",
        )?;
        let (mut done, mut after) = (0, 0);
        loop {
            let batch = next_batch(&tx, after)?;
            let Some(last) = batch.last() else { break };
            after = last.record;
            // Made anew each time, so that it does not grow with the archive.
            let mut interner = Interner::new(&tx);
            for row in &batch {
                tx.prepare_cached("DELETE FROM message WHERE record = ?")?
                    .execute([row.record])?;
                let told = derive::Told {
                    record: RecordId(row.record),
                    company: CompanyId(row.company),
                    seq: row.seq,
                    outer_msgid: &row.msgid,
                };
                derive::write(
                    &tx,
                    &mut interner,
                    &told,
                    &message::read(&row.body),
                    row.msgid_differs,
                )?;
            }
            done += batch.len() as u64;
            progress(done);
        }
        tx.execute_batch(
            "DELETE FROM audience_member WHERE audience NOT IN (SELECT audience FROM message);
             DELETE FROM audience WHERE id <> 0 AND id NOT IN (SELECT audience FROM message);",
        )?;
        tx.execute(
            "UPDATE fact SET value = ? WHERE name = 'words'",
            [words::VERSION.to_string()],
        )?;
        tx.commit()?;
        Ok(done)
    }
}

struct Kept {
    record: i64,
    company: i64,
    seq: i64,
    msgid: String,
    msgid_differs: bool,
    body: Vec<u8>,
}

fn next_batch(tx: &Transaction<'_>, after: i64) -> Result<Vec<Kept>> {
    let mut statement = tx.prepare_cached(
        "SELECT r.id, r.company, r.seq, r.msgid, m.flags & ?3, p.body
         FROM plaintext p JOIN record r ON r.id = p.record JOIN message m ON m.record = p.record
         WHERE p.record > ?1 ORDER BY p.record LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, BATCH, MSGID_DIFFERS], |row| {
        Ok(Kept {
            record: row.get(0)?,
            company: row.get(1)?,
            seq: row.get(2)?,
            msgid: row.get(3)?,
            msgid_differs: row.get::<_, i64>(4)? != 0,
            body: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
