//! What the books say about trouble: pulls that fail, refusals, versions without a key.

use rusqlite::{OptionalExtension, params};

use super::{Reader, codes::reason_in};
use crate::{
    ids::{CompanyId, KeyVersion, Millis},
    record::Reason,
    store::Result,
};

impl Reader {
    /// Since when pulls have been failing, and what the last of them ended with; `None` when the last pull that reached
    /// an end went well. A pull that a stop ended counts as neither; one that never ended died, when another began after
    /// it.
    pub fn pulls_failing(&self, company: CompanyId) -> Result<Option<(Millis, String)>> {
        let well: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT id FROM run WHERE company = ? AND command = 'pull' AND outcome = 'done' ORDER BY id DESC LIMIT 1",
            )?
            .query_row([company.0], |row| row.get(0))
            .optional()?;
        let mut statement = self.conn.prepare_cached(
            "SELECT began, outcome FROM run WHERE company = ?1 AND id > ?2 AND command = 'pull'
               AND (outcome NOT IN ('done', 'stopped')
                 OR ended IS NULL AND id < (SELECT max(id) FROM run WHERE company = ?1 AND id > ?2))
             ORDER BY id",
        )?;
        let failed = statement
            .query_map(params![company.0, well.unwrap_or(0)], |row| {
                Ok((Millis(row.get(0)?), row.get::<_, Option<String>>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        // Each of these times was said by the clock of its day, and one may have been ahead: the earliest of them is
        // the first one, or else sooner than it was.
        let Some(since) = failed.iter().map(|(began, _)| began).min() else {
            return Ok(None);
        };
        let cause = failed.iter().rev().find_map(|(_, outcome)| outcome.clone());
        Ok(Some((
            *since,
            cause.unwrap_or_else(|| "its process ended unexpectedly".to_owned()),
        )))
    }

    /// When WeCom last answered a call of the company, if that was from `since` to `now`. A date beyond that is of a clock
    /// that was ahead, and says nothing.
    pub fn answered_since(&self, company: CompanyId, since: Millis, now: Millis) -> Result<Option<Millis>> {
        let last: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT at FROM pull_call
                 WHERE company = ? AND code = 0 AND errcode = 0 AND (outcome = 'empty' OR count > 0)
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([company.0], |row| row.get(0))
            .optional()?;
        Ok(last.filter(|at| (since.0..=now.0).contains(at)).map(Millis))
    }

    /// Versions that lack their key, and how many records wait for each.
    pub fn versions_without_key(&self, company: CompanyId) -> Result<Vec<(KeyVersion, u64)>> {
        let reason = reason_in(Reason::NoKey);
        let any: Option<i64> = self
            .conn
            .prepare_cached("SELECT count FROM tally WHERE company = ? AND state = ?")?
            .query_row([company.0, reason], |row| row.get(0))
            .optional()?;
        if any.unwrap_or(0) == 0 {
            return Ok(Vec::new());
        }
        // By the index over waiting records, whose condition is the first, and which answers alone.
        let mut statement = self.conn.prepare_cached(
            "SELECT version, count(*) FROM record INDEXED BY record_asked
             WHERE state >= 2 AND state = ? AND company = ?
             GROUP BY version ORDER BY version DESC",
        )?;
        let rows = statement.query_map([reason, company.0], |row| {
            Ok((KeyVersion(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
