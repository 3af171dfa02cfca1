//! Where the archive stands: what the conveyor asks before it begins, and what reports ask by name.

use rusqlite::OptionalExtension;

use super::Reader;
use crate::{
    ids::{CompanyId, Millis, RecordId},
    store::Result,
};

impl Reader {
    /// The company of that name, if the archive has heard of it.
    pub fn company_id(&self, name: &str) -> Result<Option<CompanyId>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT id FROM company WHERE name = ?")?;
        Ok(statement
            .query_row([name], |row| row.get(0))
            .optional()?
            .map(CompanyId))
    }

    /// The name behind a row.
    pub fn company_name(&self, company: CompanyId) -> Result<Option<String>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT name FROM company WHERE id = ?")?;
        Ok(statement.query_row([company.0], |row| row.get(0)).optional()?)
    }

    /// The last row there is: everything landed from now on comes behind it.
    pub fn last_row(&self, company: CompanyId) -> Result<Option<RecordId>> {
        let mut statement = self.conn.prepare_cached(
            // Rows of sealed records only: the question is where the backlog ends.
            "SELECT max(id) FROM record WHERE company = ? AND state = 0",
        )?;
        Ok(statement
            .query_row([company.0], |row| row.get::<_, Option<i64>>(0))?
            .map(RecordId))
    }

    /// Records that are landed and not tried yet.
    pub fn sealed(&self, company: CompanyId) -> Result<u64> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT count FROM tally WHERE company = ? AND state = 0")?;
        let count: Option<i64> = statement.query_row([company.0], |row| row.get(0)).optional()?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// The moment up to which nothing can be missing: the later of the newest record's time and the last time a
    /// pull reached the end of the stream. `None` before the first pull.
    pub fn covered_until(&self, company: CompanyId) -> Result<Option<Millis>> {
        let newest = self
            .newest(company)?
            .map(|newest| newest.msgtime.unwrap_or(newest.landed_at));
        let drained: Option<i64> = self
            .conn
            .prepare_cached("SELECT max(at) FROM pull_call WHERE company = ? AND outcome = 'empty'")?
            .query_row([company.0], |row| row.get(0))?;
        Ok(newest.max(drained.map(Millis)))
    }

    /// How many different people sent or received anything.
    pub fn people(&self) -> Result<u64> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT count(*) FROM person WHERE id <> 0")?;
        Ok(statement
            .query_row([], |row| row.get::<_, i64>(0))?
            .unsigned_abs())
    }
}
