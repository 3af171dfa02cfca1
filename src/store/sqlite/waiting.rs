//! Records on their way: what is still to be opened, what waits and for what, and letting them go again.

use std::collections::BTreeMap;

use rusqlite::{params, params_from_iter, types::Value};

use super::{
    Reader, Store,
    codes::reason_in,
    codes::seq_in,
    codes::seq_out,
    codes::{SEALED, state_out},
    land,
    pack::kept,
};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId},
    record::{Reason, Sealed},
    store::{
        Result,
        contract::{KeyUsage, Newest, Pending, Release, State, WaitingRow},
    },
};

/// Bytes of a sample to check a key against.
const SAMPLE_BYTES: usize = 8 << 20;

const PENDING: &str = "SELECT r.id, r.seq, r.msgid, r.version, s.random_key, s.body, s.odd
                       FROM record r JOIN sealed s ON s.record = r.id";

impl Store {
    /// Sends waiting records back to `sealed` and returns how many. Their other copies count as untried again.
    pub fn release(&mut self, company: CompanyId, release: &Release) -> Result<u64> {
        let (which, mut values): (&str, Vec<Value>) = match release {
            Release::All => ("1", vec![]),
            Release::Reason(reason) => ("state = ?2", vec![reason_in(*reason).into()]),
            Release::Seq(seq) => ("seq = ?2", vec![seq_in(*seq).into()]),
            Release::KeyArrived { version, fingerprint } => (
                "state IN (2, 3) AND ((version = ?2 AND tried_key IS NOT ?3) OR EXISTS (
                   SELECT 1 FROM variant v WHERE v.record = record.id AND v.version = ?2 AND v.tried_key IS NOT ?3))",
                vec![i64::from(version.0).into(), fingerprint.clone().into()],
            ),
            Release::OtherBuild(build) => (
                "state IN (3, 5, 6, 7) AND sdk_build IS NOT ifnull((SELECT id FROM word WHERE text = ?2), 0)",
                vec![build.clone().into()],
            ),
            // A try that lies in the future was made under another clock.
            Release::PauseOver { now } => (
                "state = 7 AND attempts > 1
                   AND NOT (settled_at <= ?2 AND settled_at + min(86400000, 600000 << min(attempts - 2, 8)) > ?2)
                 OR state = 7 AND attempts <= 1",
                vec![now.0.into()],
            ),
        };
        values.insert(0, company.0.into());
        let tx = self.begin()?;
        // By the index that answers alone: the planner takes the company's own, and then reads every record of it.
        let rows = tx
            .prepare(&format!(
                "SELECT id, state FROM record INDEXED BY record_asked
                 WHERE state >= 2 AND company = ?1 AND ({which}) ORDER BY id"
            ))?
            .query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<Vec<(i64, i64)>, _>>()?;
        let mut left: BTreeMap<i64, i64> = BTreeMap::new();
        for (id, state) in &rows {
            *left.entry(*state).or_default() += 1;
            tx.prepare_cached("UPDATE record SET state = 0, detail = '' WHERE id = ?")?
                .execute([id])?;
            tx.prepare_cached("UPDATE variant SET tried = 0 WHERE record = ?")?
                .execute([id])?;
        }
        for (state, count) in left {
            land::tally(&tx, company, state, -count)?;
        }
        land::tally(&tx, company, SEALED, rows.len() as i64)?;
        tx.commit()?;
        Ok(rows.len() as u64)
    }
}

impl Reader {
    /// Sealed records behind row `after`, in the order of their rows; begin with row 0. At most `limit`, and no more
    /// once they have `bytes` together; never none if there is one.
    pub fn backlog(
        &self,
        company: CompanyId,
        after: RecordId,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Pending>> {
        self.pending(
            "WHERE r.company = ?1 AND r.state = 0 AND r.id > ?2 ORDER BY r.id LIMIT ?3",
            params![company.0, after.0, limit as i64],
            bytes,
        )
    }

    /// The latest records of a key version, in any state, to check a key against: at most `n`, fewer when they are heavy.
    pub fn sample_sealed(&self, company: CompanyId, version: KeyVersion, n: usize) -> Result<Vec<Pending>> {
        self.pending(
            "WHERE r.company = ?1 AND r.version = ?2 ORDER BY r.id DESC LIMIT ?3",
            params![company.0, version.0, n as i64],
            SAMPLE_BYTES,
        )
    }

    fn pending(&self, which: &str, values: &[&dyn rusqlite::ToSql], bytes: usize) -> Result<Vec<Pending>> {
        let mut statement = self.conn.prepare_cached(&format!("{PENDING} {which}"))?;
        let mut rows = statement.query(values)?;
        let (mut all, mut held) = (Vec::new(), 0);
        while held < bytes
            && let Some(row) = rows.next()?
        {
            let sealed = Sealed {
                seq: seq_out(row.get(1)?),
                msgid: row.get(2)?,
                key_version: KeyVersion(row.get(3)?),
                random_key: kept(row, 4)?,
                body: kept(row, 5)?,
                odd: row.get(6)?,
            };
            held += sealed.bytes();
            all.push(Pending {
                id: RecordId(row.get(0)?),
                sealed,
            });
        }
        Ok(all)
    }

    /// How many records wait, by reason, of one company or of all; reasons without records are left out.
    pub fn waiting(&self, company: Option<CompanyId>) -> Result<Vec<(Reason, u64)>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT state, sum(count) FROM tally WHERE (?1 IS NULL OR company = ?1) AND state >= 2
             GROUP BY state HAVING sum(count) > 0 ORDER BY state",
        )?;
        let rows = statement
            .query_map([company.map(|company| company.0)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<Vec<(i64, i64)>, _>>()?;
        let mut waiting = Vec::new();
        for (state, count) in rows {
            if let State::Waiting(reason) = state_out(state)? {
                waiting.push((reason, count as u64));
            }
        }
        Ok(waiting)
    }

    /// Waiting records behind row `after`, in the order of their rows, of one company or all, for one reason or any.
    pub fn waiting_list(
        &self,
        company: Option<CompanyId>,
        reason: Option<Reason>,
        after: RecordId,
        limit: usize,
    ) -> Result<Vec<WaitingRow>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, company, seq, msgid, version, state, detail, attempts FROM record INDEXED BY record_waiting
             WHERE state >= 2 AND id > ?1 AND (?2 IS NULL OR company = ?2) AND (?3 IS NULL OR state = ?3)
             ORDER BY id LIMIT ?4",
        )?;
        let mut rows = statement.query(params![
            after.0,
            company.map(|company| company.0),
            reason.map(reason_in),
            limit as i64
        ])?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let State::Waiting(reason) = state_out(row.get(5)?)? else {
                continue;
            };
            list.push(WaitingRow {
                id: RecordId(row.get(0)?),
                company: CompanyId(row.get(1)?),
                seq: seq_out(row.get(2)?),
                msgid: row.get(3)?,
                key_version: KeyVersion(row.get(4)?),
                reason,
                detail: row.get(6)?,
                attempts: row.get(7)?,
            });
        }
        Ok(list)
    }

    /// Which key versions sealed the company's records, ascending.
    pub fn key_usage(&self, company: CompanyId) -> Result<Vec<KeyUsage>> {
        // Grouped by sign as well: within one sign the order of the column is the order of the seqs.
        let mut statement = self.conn.prepare_cached(
            "SELECT version, min(seq), max(seq), count(*), sum(state >= 2) FROM record
             WHERE company = ? GROUP BY version, seq < 0 ORDER BY version, seq < 0",
        )?;
        let rows = statement.query_map([company.0], |row| {
            Ok(KeyUsage {
                version: KeyVersion(row.get(0)?),
                first_seq: seq_out(row.get(1)?),
                last_seq: seq_out(row.get(2)?),
                records: row.get::<_, i64>(3)? as u64,
                waiting: row.get::<_, i64>(4)? as u64,
            })
        })?;
        let mut usage: Vec<KeyUsage> = Vec::new();
        for row in rows {
            let row = row?;
            match usage.last_mut() {
                Some(last) if last.version == row.version => {
                    last.last_seq = row.last_seq;
                    last.records += row.records;
                    last.waiting += row.waiting;
                }
                _ => usage.push(row),
            }
        }
        Ok(usage)
    }

    /// The record with the company's greatest seq.
    pub fn newest(&self, company: CompanyId) -> Result<Option<Newest>> {
        let view = self.view()?;
        let mut found = None;
        // Negative seqs are the great ones.
        for sign in ["seq < 0", "seq >= 0"] {
            let mut statement = view.prepare_cached(&format!(
                "SELECT seq, landed_at FROM record WHERE company = ? AND {sign} ORDER BY seq DESC LIMIT 1"
            ))?;
            let mut rows = statement.query([company.0])?;
            if let Some(row) = rows.next()? {
                found = Some((seq_out(row.get(0)?), Millis(row.get(1)?)));
                break;
            }
        }
        let Some((seq, landed_at)) = found else {
            return Ok(None);
        };
        let mut msgtime = None;
        for sign in ["r.seq < 0", "r.seq >= 0"] {
            let mut statement = view.prepare_cached(&format!(
                "SELECT m.time FROM record r JOIN message m ON m.record = r.id
                 WHERE r.company = ? AND {sign} AND m.time <> 0 ORDER BY r.seq DESC LIMIT 1"
            ))?;
            let mut rows = statement.query([company.0])?;
            if let Some(row) = rows.next()? {
                msgtime = Some(Millis(row.get(0)?));
                break;
            }
        }
        Ok(Some(Newest {
            seq,
            landed_at,
            msgtime,
        }))
    }
}
