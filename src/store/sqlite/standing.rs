//! Where the archive stands: what the conveyor asks before it begins, and what reports ask by name.

use rusqlite::OptionalExtension;

use super::{Reader, books};
use crate::{
    clock::SLACK_MS,
    ids::{CompanyId, Millis, RecordId},
    store::{Result, contract::Covered},
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

    /// The moment up to which nothing can be missing: when a pull last reached the end of the stream, or, where pulls
    /// have landed more since, the time of the newest messages if that is later. `None` before the first pull.
    ///
    /// Our own calls say it, in the order in which they were made. What a message says of its time may hold it back and
    /// never moves it beyond our own landing. A call that is dated after `now`, or after a call or run behind it, was
    /// dated by a clock that was ahead, or `now` is behind: then nothing is certain until the next pull ends.
    pub fn covered_until(&self, company: CompanyId, now: Millis) -> Result<Option<Covered>> {
        let drained = self.last_call(
            "SELECT id, run, at FROM pull_call WHERE company = ?1 AND id > ?2 AND outcome = 'empty'
             ORDER BY id DESC LIMIT 1",
            company,
            0,
            now,
        )?;
        let landed = self.last_call(
            &format!(
                "SELECT id, run, at FROM pull_call WHERE company = ?1 AND id > ?2 AND {} ORDER BY id DESC LIMIT 1",
                books::brought_sql()
            ),
            company,
            drained.map_or(0, |(id, _)| id),
            now,
        )?;
        let (drained, landed) = (
            drained.map(|(_, covered)| covered),
            landed.map(|(_, covered)| covered),
        );
        let Some(landed) = landed.filter(|landed| landed.is_certain || drained.is_none()) else {
            return Ok(drained);
        };
        let mut said: Vec<i64> = self
            .newest_times(company)?
            .into_iter()
            .map(|(_, said)| said.0)
            .filter(|said| *said <= landed.until.0.saturating_add(SLACK_MS))
            .collect();
        said.sort_unstable();
        let landed = match said.get(said.len() / 2) {
            Some(said) => Some(Covered {
                until: landed.until.min(Millis(*said)),
                ..landed
            }),
            // Nothing is open yet: the landing is all there is to go by.
            None if drained.is_none() => Some(landed),
            None => None,
        };
        Ok(match (drained, landed) {
            (Some(drained), Some(landed)) if drained.is_certain => Some(Covered {
                until: drained.until.max(landed.until),
                is_certain: true,
            }),
            (_, Some(landed)) => Some(landed),
            (drained, None) => drained,
        })
    }

    /// Row and date of a call, the date held against `now` and against everything behind it.
    fn last_call(
        &self,
        sql: &str,
        company: CompanyId,
        after: i64,
        now: Millis,
    ) -> Result<Option<(i64, Covered)>> {
        let found: Option<(i64, i64, i64)> = self
            .conn
            .prepare_cached(sql)?
            .query_row([company.0, after], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((id, run, at)) = found else {
            return Ok(None);
        };
        let behind: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT min(at) FROM (
                   SELECT min(at) AS at FROM pull_call WHERE company = ?1 AND id > ?2
                   UNION ALL SELECT min(began) FROM run WHERE company = ?1 AND id > ?3)",
            )?
            .query_row([company.0, id, run], |row| row.get(0))?;
        let latest = behind.map_or(now.0, |behind| behind.min(now.0));
        Ok(Some((
            id,
            Covered {
                until: Millis(at.min(latest)),
                is_certain: at <= latest.saturating_add(SLACK_MS),
            },
        )))
    }

    /// When the last records up to the cursor were landed, and their own times, for those that are open and have one.
    pub fn newest_times(&self, company: CompanyId) -> Result<Vec<(Millis, Millis)>> {
        self.times_of_newest(company, "TRUE LIMIT 9")
    }

    /// The same of those that the company's latest run landed.
    pub fn times_of_latest_run(&self, company: CompanyId) -> Result<Vec<(Millis, Millis)>> {
        // The order of runs says which is the latest, whatever their dates; a record bears the time of its call.
        let of_latest_run = "r.landed_at IN (SELECT at FROM pull_call WHERE count > 0
             AND run = (SELECT id FROM run WHERE company = ?1 ORDER BY id DESC LIMIT 1))";
        self.times_of_newest(company, of_latest_run)
    }

    fn times_of_newest(&self, company: CompanyId, which: &str) -> Result<Vec<(Millis, Millis)>> {
        // Seqs beyond the cursor are those of a stream that began again, or in doubt.
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT r.landed_at, m.time FROM
               (SELECT id, landed_at FROM record
                WHERE company = ?1 AND seq >= 0 AND seq <= ?2 AND id NOT IN (SELECT record FROM seq_doubt)
                ORDER BY seq DESC LIMIT 200) r
             CROSS JOIN message m ON m.record = r.id WHERE m.time <> 0 AND {which}"
        ))?;
        let upto = i64::try_from(self.cursor(company)?.0).unwrap_or(i64::MAX);
        let rows = statement.query_map([company.0, upto], |row| {
            Ok((Millis(row.get(0)?), Millis(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
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
