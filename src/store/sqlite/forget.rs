//! Letting sealed originals go some time after they were opened. Their hashes stay for ever (promise 1 speaks of
//! what is needed to open a record; an opened one has its bytes).

use rusqlite::{OptionalExtension, params};

use super::{Store, codes::OPENED};
use crate::{
    ids::{CompanyId, Millis},
    store::Result,
};

/// Rows let go in one transaction, so that other writers need not wait long.
const BATCH: usize = 5_000;

/// Looking for old originals reads the list of those still there, so once a day is enough.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Store {
    /// [`Store::forget_sealed`], unless it was done within the last day. Returns how many were let go.
    pub fn forget_sealed_daily(
        &mut self,
        company: CompanyId,
        older_than: Millis,
        now: Millis,
    ) -> Result<u64> {
        let fact = format!("sealed_forgotten:{}", company.0);
        let last: Option<String> = self
            .reader
            .conn
            .query_row("SELECT value FROM fact WHERE name = ?", [&fact], |row| row.get(0))
            .optional()?;
        let last = last.and_then(|text| text.parse::<i64>().ok());
        if last.is_some_and(|last| (0..DAY_MS).contains(&(now.0 - last))) {
            return Ok(0);
        }
        let forgotten = self.forget_sealed(company, older_than)?;
        self.reader.conn.execute(
            "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            params![fact, now.0.to_string()],
        )?;
        Ok(forgotten)
    }

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
