//! The books: companies, cursors, runs and calls (promise 6).

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Reader, Store, codes::seq_in, codes::seq_out};
use crate::{
    clock::SLACK_MS,
    ids::{CompanyId, Millis, RETENTION_MS, RunId, Seq},
    record::Reason,
    store::{
        Result, StoreError,
        contract::{Books, PullCall, RunRow, SeqRange},
    },
};

/// Calls that are looked through for a library that was replaced.
const BUILDS: usize = 1000;

impl Store {
    /// Finds the company by its name in the configuration, or makes it.
    pub fn company(&mut self, name: &str, corpid: &str) -> Result<CompanyId> {
        let tx = self.begin()?;
        let row = tx
            .query_row("SELECT id, corpid FROM company WHERE name = ?", [name], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let id = match row {
            Some((id, known)) if known == corpid => id,
            Some(_) => {
                return Err(StoreError::OtherCorp {
                    name: name.to_owned(),
                });
            }
            None => {
                tx.execute("INSERT INTO company (name, corpid) VALUES (?, ?)", [name, corpid])?;
                tx.last_insert_rowid()
            }
        };
        tx.commit()?;
        Ok(CompanyId(id))
    }

    /// Opens a run in the books. One that is never ended shows that its process died.
    pub fn begin_run(&mut self, company: CompanyId, command: &str, now: Millis) -> Result<RunId> {
        let conn = &self.reader.conn;
        conn.execute(
            "INSERT INTO run (company, command, began) VALUES (?, ?, ?)",
            params![company.0, command, now.0],
        )?;
        Ok(RunId(conn.last_insert_rowid()))
    }

    /// Closes a run with its books.
    pub fn end_run(&mut self, run: RunId, books: &Books, outcome: &str, now: Millis) -> Result<()> {
        let waiting: serde_json::Map<_, _> = books
            .waiting
            .iter()
            .map(|(reason, count)| (reason.to_string(), (*count).into()))
            .collect();
        self.reader.conn.execute(
            "UPDATE run SET ended = ?, outcome = ?, received = ?, stored = ?, opened = ?, duplicate = ?,
               changed = ?, stray = ?, calls = ?, waiting = ? WHERE id = ?",
            params![
                now.0,
                outcome,
                books.received as i64,
                books.stored as i64,
                books.opened as i64,
                books.duplicate as i64,
                books.changed as i64,
                books.stray as i64,
                books.calls as i64,
                serde_json::Value::Object(waiting).to_string(),
                run.0
            ],
        )?;
        Ok(())
    }

    /// Keeps a call that brought nothing to land: an empty page, or a failure.
    pub fn note_call(&mut self, company: CompanyId, call: &PullCall) -> Result<()> {
        let tx = self.begin()?;
        insert_call(&tx, company, call)?;
        tx.commit()?;
        Ok(())
    }
}

impl Reader {
    /// The companies of the archive, by name.
    pub fn companies(&self) -> Result<Vec<(CompanyId, String)>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT id, name FROM company ORDER BY name")?;
        let rows = statement.query_map([], |row| Ok((CompanyId(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The greatest seq landed; the next `GetChatData` asks behind it.
    pub fn cursor(&self, company: CompanyId) -> Result<Seq> {
        let cursor = self
            .conn
            .prepare_cached("SELECT cursor FROM company WHERE id = ?")?
            .query_row([company.0], |row| row.get(0))?;
        Ok(seq_out(cursor))
    }

    /// The latest runs of one company or all, latest first.
    pub fn runs(&self, company: Option<CompanyId>, limit: usize) -> Result<Vec<RunRow>> {
        // Seqs from 2^63 on are negative in the column and greater than all others.
        let mut statement = self.conn.prepare_cached(
            "SELECT id, company, command, began, ended, outcome, received, stored, opened, duplicate, changed, stray, calls,
               waiting,
               (SELECT first FROM pull_call WHERE run = r.id AND outcome = 'ok' AND first IS NOT NULL
                ORDER BY first < 0, first LIMIT 1),
               (SELECT last FROM pull_call WHERE run = r.id AND outcome = 'ok' AND last IS NOT NULL
                ORDER BY last >= 0, last DESC LIMIT 1)
             FROM run r WHERE ?1 IS NULL OR company = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![company.map(|company| company.0), limit as i64], |row| {
            let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
            let waiting: String = row.get(13)?;
            let waiting: BTreeMap<String, u64> = serde_json::from_str(&waiting).unwrap_or_default();
            let range = row.get::<_, Option<i64>>(14)?.zip(row.get::<_, Option<i64>>(15)?);
            Ok(RunRow {
                id: RunId(row.get(0)?),
                company: CompanyId(row.get(1)?),
                command: row.get(2)?,
                began: Millis(row.get(3)?),
                ended: row.get::<_, Option<i64>>(4)?.map(Millis),
                outcome: row.get(5)?,
                books: Books {
                    received: number(6)?,
                    stored: number(7)?,
                    opened: number(8)?,
                    duplicate: number(9)?,
                    changed: number(10)?,
                    stray: number(11)?,
                    calls: number(12)?,
                    waiting: waiting
                        .into_iter()
                        .filter_map(|(word, count)| Some((Reason::from_word(&word)?, count)))
                        .collect(),
                },
                range: range.map(|(first, last)| SeqRange {
                    first: seq_out(first),
                    last: seq_out(last),
                }),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The calls of a run, in order.
    pub fn calls_of(&self, run: RunId) -> Result<Vec<PullCall>> {
        self.calls_where("run = ?1 ORDER BY id LIMIT ?2", run.0, usize::MAX >> 1)
    }

    /// The last `limit` windows that were missed, oldest first: from when to when records may be lost.
    pub fn missed_windows(&self, company: CompanyId, limit: usize) -> Result<Vec<(Millis, Millis)>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT since, until FROM missed_window WHERE company = ? ORDER BY id DESC LIMIT ?",
        )?;
        let rows = statement.query_map(params![company.0, limit as i64], |row| {
            Ok((Millis(row.get(0)?), Millis(row.get(1)?)))
        })?;
        let mut windows = rows.collect::<Result<Vec<_>, _>>()?;
        windows.reverse();
        Ok(windows)
    }

    /// Where, among the latest calls, another library file answered than at the call before: the call's id, when it was, and
    /// the SHA-256 before and then; oldest first.
    pub fn library_changes(&self, company: CompanyId) -> Result<Vec<(i64, Millis, String, String)>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, at, sdk_build FROM pull_call WHERE company = ? AND sdk_build <> '' ORDER BY id DESC LIMIT ?",
        )?;
        let mut rows = statement.query(params![company.0, BUILDS as i64])?;
        let mut changes = Vec::new();
        let mut later: Option<(i64, Millis, String)> = None;
        while let Some(row) = rows.next()? {
            let call = (row.get(0)?, Millis(row.get(1)?), row.get::<_, String>(2)?);
            if let Some((id, at, now)) = later.filter(|(_, _, now)| *now != call.2) {
                changes.push((id, at, call.2.clone(), now));
            }
            later = Some(call);
        }
        changes.reverse();
        Ok(changes)
    }

    /// The latest calls of `GetChatData`, latest first.
    pub fn calls(&self, company: CompanyId, limit: usize) -> Result<Vec<PullCall>> {
        self.calls_where("company = ?1 ORDER BY id DESC LIMIT ?2", company.0, limit)
    }

    fn calls_where(&self, which: &str, value: i64, limit: usize) -> Result<Vec<PullCall>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT run, asked, max_items, first, last, count, code, errcode, outcome, sdk_build, at, took_ms
             FROM pull_call WHERE {which}"
        ))?;
        let rows = statement.query_map(params![value, limit as i64], |row| {
            Ok(PullCall {
                run: RunId(row.get(0)?),
                asked: seq_out(row.get(1)?),
                limit: row.get(2)?,
                first: row.get::<_, Option<i64>>(3)?.map(seq_out),
                last: row.get::<_, Option<i64>>(4)?.map(seq_out),
                count: row.get(5)?,
                code: row.get(6)?,
                errcode: row.get(7)?,
                outcome: row.get(8)?,
                sdk_build: row.get(9)?,
                at: Millis(row.get(10)?),
                took_ms: row.get::<_, i64>(11)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The condition on a call that it brought a page into the archive.
pub(super) fn brought_sql() -> String {
    format!(
        "count > 0 AND outcome NOT IN ('{}')",
        PullCall::CHECKS.join("', '")
    )
}

/// The condition on a call that it was answered, and brought a page or the end.
fn answered_sql() -> String {
    format!(
        "code = 0 AND errcode = 0 AND (outcome = 'empty' OR {})",
        brought_sql()
    )
}

/// Notes that too much time lies between this call, if it was answered, and the one before: once this call is on
/// record, nothing else shows it.
fn note_missed_window(tx: &Transaction<'_>, company: CompanyId, call: &PullCall) -> Result<()> {
    // A call that only checked something brought nothing on.
    let is_check = PullCall::CHECKS.contains(&&*call.outcome);
    let answered =
        call.code == 0 && call.errcode == 0 && (call.outcome == "empty" || call.count > 0 && !is_check);
    if !answered {
        return Ok(());
    }
    // The last one in the order of calls, not of times: a clock that was ahead once must not hide every later gap.
    let last: Option<i64> = tx
        .prepare_cached(&format!(
            "SELECT at FROM pull_call WHERE company = ? AND {} ORDER BY id DESC LIMIT 1",
            answered_sql()
        ))?
        .query_row([company.0], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(()) };
    let (last, passed_ms) = if last > call.at.0.saturating_add(SLACK_MS) {
        match before_the_clock_was_ahead(tx, company, call.at)? {
            Some((last, counted_ms)) => (last, call.at.0.saturating_sub(last).saturating_sub(counted_ms)),
            None => return Ok(()),
        }
    } else {
        (last, call.at.0.saturating_sub(last))
    };
    if passed_ms > RETENTION_MS {
        tx.prepare_cached(
            "INSERT INTO missed_window (company, since, until, noticed) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET until = max(until, excluded.until), noticed = excluded.noticed",
        )?
        .execute([company.0, last, call.at.0 - RETENTION_MS, call.at.0])?;
    }
    Ok(())
}

/// The last answered calls were dated after `now`, by a clock that was ahead: nobody knows when they were. What is known is
/// the last one before them, and how long they themselves lasted. Returns a moment just behind the former, which tells the
/// gap from the one that ended with the first of those calls, and that duration.
fn before_the_clock_was_ahead(
    tx: &Transaction<'_>,
    company: CompanyId,
    now: Millis,
) -> Result<Option<(i64, i64)>> {
    let before: Option<(i64, i64)> = tx
        .prepare_cached(&format!(
            "SELECT id, at FROM pull_call WHERE company = ?1 AND at <= ?2 AND {} ORDER BY id DESC LIMIT 1",
            answered_sql()
        ))?
        .query_row([company.0, now.0.saturating_add(SLACK_MS)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((id, at)) = before else { return Ok(None) };
    let lasted: i64 = tx
        .prepare_cached(&format!(
            "SELECT max(at) - min(at) FROM pull_call WHERE company = ?1 AND id > ?2 AND {}",
            answered_sql()
        ))?
        .query_row([company.0, id], |row| row.get(0))?;
    Ok(Some((at.saturating_add(1), lasted)))
}

/// Writes the call inside the transaction of what it brought.
pub(super) fn insert_call(tx: &Transaction<'_>, company: CompanyId, call: &PullCall) -> Result<()> {
    note_missed_window(tx, company, call)?;
    tx.prepare_cached(
        "INSERT INTO pull_call (company, run, asked, max_items, first, last, count, code, errcode, outcome,
           sdk_build, at, took_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        company.0,
        call.run.0,
        seq_in(call.asked),
        call.limit,
        call.first.map(seq_in),
        call.last.map(seq_in),
        call.count,
        call.code,
        call.errcode,
        call.outcome,
        call.sdk_build,
        call.at.0,
        call.took_ms as i64
    ])?;
    Ok(())
}
