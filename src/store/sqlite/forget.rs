//! Letting sealed originals go some time after they were opened. Their hashes stay for ever (promise 1 speaks of
//! what is needed to open a record; an opened one has its bytes).

use rusqlite::params;

use super::{Store, codes::OPENED};
use crate::{
    ids::{CompanyId, Millis},
    store::Result,
};

/// Rows let go in one transaction, so that other writers need not wait long.
const BATCH: usize = 5_000;

impl Store {
    /// Removes the sealed originals of the company's records that were opened before `older_than`; returns how many.
    /// Records that are not open keep theirs whatever their age, and so do other copies of an opened record.
    pub fn forget_sealed(&mut self, company: CompanyId, older_than: Millis) -> Result<u64> {
        let (mut forgotten, mut after) = (0, 0);
        loop {
            let tx = self.begin()?;
            let old = tx
                .prepare_cached(
                    "SELECT s.record FROM sealed s JOIN record r ON r.id = s.record
                     WHERE s.record > ?1 AND r.company = ?2 AND r.state = ?3 AND r.settled_at < ?4
                     ORDER BY s.record LIMIT ?5",
                )?
                .query_map(
                    params![after, company.0, OPENED, older_than.0, BATCH as i64],
                    |row| row.get(0),
                )?
                .collect::<Result<Vec<i64>, _>>()?;
            let Some(last) = old.last() else {
                return Ok(forgotten);
            };
            after = *last;
            for record in &old {
                tx.prepare_cached("DELETE FROM sealed WHERE record = ?")?
                    .execute([record])?;
            }
            tx.commit()?;
            forgotten += old.len() as u64;
        }
    }
}
