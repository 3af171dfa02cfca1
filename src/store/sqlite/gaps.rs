//! The ledger of the stream: ranges that were not seen and what became of them, items without a seq, seqs in doubt.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{
    Reader, Store,
    codes::{seq_in, seq_out},
    land::same_record,
    lease,
};
use crate::{
    ids::{CompanyId, Millis, RETENTION_MS, RecordId, RunId, Seq},
    store::{
        Result, StoreError,
        contract::{Aside, DoubtfulSeq, Gap, GapKind, GapState, HoleTried, Lease, NewGap, SeqRange, Stray},
    },
};

const OPEN: i64 = 0;
const CLOSED: i64 = 1;
const LOST: i64 = 2;

fn kind_in(kind: GapKind) -> i64 {
    match kind {
        GapKind::Skipped => 1,
        GapKind::Unpullable => 2,
        GapKind::Expired => 3,
        GapKind::Jump => 4,
        GapKind::Rewound => 5,
    }
}

fn kind_out(column: i64) -> Result<GapKind> {
    GapKind::ALL
        .into_iter()
        .find(|kind| kind_in(*kind) == column)
        .ok_or_else(|| StoreError::Damaged(format!("a gap has the unknown kind {column}")))
}

/// Writes gaps inside the transaction of the page that revealed them. A gap of the same kind and range is not written twice.
pub(super) fn insert(
    tx: &Transaction<'_>,
    company: CompanyId,
    run: RunId,
    gaps: &[NewGap],
    now: Millis,
) -> Result<()> {
    for gap in gaps {
        let state = match gap.kind {
            // What WeCom has deleted cannot be had, however often it is asked for.
            GapKind::Expired => LOST,
            kind if kind.may_miss_records() => OPEN,
            _ => CLOSED,
        };
        tx.prepare_cached(
            "INSERT INTO gap (company, run, kind, first, last, cause, found, state, ended)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE NOT EXISTS (SELECT 1 FROM gap WHERE company = ?1 AND kind = ?3 AND first = ?4 AND last = ?5
               AND state = ?8)",
        )?
        .execute(params![
            company.0,
            run.0,
            kind_in(gap.kind),
            seq_in(gap.range.first),
            seq_in(gap.range.last),
            gap.cause,
            now.0,
            state,
            if state == OPEN { 0 } else { now.0 },
        ])?;
    }
    Ok(())
}

/// Takes the seqs of `covers` out of the open ranges that somebody skipped. `first` is the first record that came. What
/// lies in front of it, when the range is asked for the first time and after WeCom's five days, is lost: WeCom deletes
/// from the front. While the clock is in doubt nobody knows, and it stays open.
pub(super) fn cover(
    tx: &Transaction<'_>,
    company: CompanyId,
    covers: SeqRange,
    first: Option<Seq>,
    now: Millis,
    clock_agrees: bool,
) -> Result<()> {
    // A hole closes when its record comes, not when the stream goes on behind it.
    for gap in list(
        tx,
        "company = ?1 AND state = 0 AND kind = ?2",
        params![company.0, kind_in(GapKind::Skipped)],
    )? {
        let range = gap.range;
        if covers.last < range.first || covers.first > range.last {
            continue;
        }
        let is_late = now.0.saturating_sub(gap.found.0) > RETENTION_MS;
        if covers.first <= range.first && gap.tries == 0 && (is_late || !clock_agrees) {
            let gone = first.map_or(range.last, |first| Seq(first.0.saturating_sub(1)).min(range.last));
            if gone >= range.first {
                copy(tx, gap.id, range.first, gone)?;
                if clock_agrees {
                    end(tx, tx.last_insert_rowid(), LOST, now)?;
                }
            }
        }
        match (covers.first > range.first, covers.last < range.last) {
            (false, false) => end(tx, gap.id, CLOSED, now)?,
            (false, true) => {
                tx.prepare_cached("UPDATE gap SET first = ?, tries = tries + 1 WHERE id = ?")?
                    .execute([seq_in(Seq(covers.last.0 + 1)), gap.id])?;
            }
            (true, goes_on) => {
                if goes_on {
                    copy(tx, gap.id, Seq(covers.last.0 + 1), range.last)?;
                }
                tx.prepare_cached("UPDATE gap SET last = ? WHERE id = ?")?
                    .execute([seq_in(Seq(covers.first.0 - 1)), gap.id])?;
            }
        }
    }
    Ok(())
}

/// Closes the holes through which a page went that was asked for behind `asked` and brought these believed records.
pub(super) fn fill(
    tx: &Transaction<'_>,
    company: CompanyId,
    asked: Seq,
    came: &[Seq],
    now: Millis,
) -> Result<()> {
    for hole in list(
        tx,
        "company = ?1 AND kind = ?2 AND state <> 1",
        params![company.0, kind_in(GapKind::Unpullable)],
    )? {
        // The last number of a hole is a record. A page that was asked for inside the hole says nothing of what is in front.
        if asked < hole.range.first && came.contains(&hole.range.last) {
            end(tx, hole.id, CLOSED, now)?;
        }
    }
    Ok(())
}

/// A row like this one over another range.
fn copy(tx: &Transaction<'_>, id: i64, first: Seq, last: Seq) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO gap (company, run, kind, first, last, cause, found, tries, next_try, state, ended)
         SELECT company, run, kind, ?2, ?3, cause, found, tries, next_try, state, ended FROM gap WHERE id = ?1",
    )?
    .execute([id, seq_in(first), seq_in(last)])?;
    Ok(())
}

fn end(tx: &Transaction<'_>, id: i64, state: i64, now: Millis) -> Result<()> {
    tx.prepare_cached("UPDATE gap SET state = ?, ended = ? WHERE id = ?")?
        .execute([state, now.0, id])?;
    Ok(())
}

/// Remembers that a record's seq cannot be right.
pub(super) fn doubt(tx: &Transaction<'_>, record: RecordId, cursor: Seq, at: Millis) -> Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO seq_doubt (record, cursor, at) VALUES (?, ?, ?)")?
        .execute(params![record.0, seq_in(cursor), at.0])?;
    Ok(())
}

/// The record came in its place after all.
pub(super) fn believe(tx: &Transaction<'_>, record: RecordId) -> Result<()> {
    tx.prepare_cached("DELETE FROM seq_doubt WHERE record = ?")?
        .execute([record.0])?;
    Ok(())
}

/// The records above `keep` are in doubt: the cursor followed a seq that was not right.
pub(super) fn doubt_above(tx: &Transaction<'_>, company: CompanyId, keep: Seq, at: Millis) -> Result<()> {
    // Seqs from 2^63 on are negative in the column and greater than all others.
    tx.prepare_cached(
        "INSERT OR IGNORE INTO seq_doubt (record, cursor, at)
         SELECT id, ?2, ?3 FROM record WHERE company = ?1
           AND ((seq < 0) > (?2 < 0) OR ((seq < 0) = (?2 < 0) AND seq > ?2))",
    )?
    .execute(params![company.0, seq_in(keep), at.0])?;
    Ok(())
}

/// Is there a record of this seq, and did it come in its place?
fn has_believed(conn: &Connection, company: CompanyId, seq: Seq) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record WHERE company = ?1 AND seq = ?2
               AND id NOT IN (SELECT record FROM seq_doubt))",
        )?
        .query_row(params![company.0, seq_in(seq)], |row| row.get(0))?)
}

fn list(conn: &Connection, which: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Gap>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT id, company, run, kind, first, last, cause, found, tries, next_try, state, ended FROM gap
         WHERE {which} ORDER BY id"
    ))?;
    let mut rows = statement.query(values)?;
    let mut gaps = Vec::new();
    while let Some(row) = rows.next()? {
        gaps.push(gap(row)?);
    }
    Ok(gaps)
}

fn gap(row: &Row<'_>) -> Result<Gap> {
    let ended: i64 = row.get(11)?;
    Ok(Gap {
        id: row.get(0)?,
        company: CompanyId(row.get(1)?),
        run: RunId(row.get(2)?),
        kind: kind_out(row.get(3)?)?,
        range: SeqRange {
            first: seq_out(row.get(4)?),
            last: seq_out(row.get(5)?),
        },
        cause: row.get(6)?,
        found: Millis(row.get(7)?),
        tries: row.get(8)?,
        next_try: Millis(row.get(9)?),
        state: match row.get(10)? {
            OPEN => GapState::Open,
            CLOSED => GapState::Closed,
            LOST => GapState::Lost,
            other => {
                return Err(StoreError::Damaged(format!(
                    "a gap has the unknown state {other}"
                )));
            }
        },
        ended: (ended != 0).then_some(Millis(ended)),
    })
}

/// What is kept aside, of one company or of all; inside a view of one moment.
pub(super) fn aside(conn: &Connection, company: Option<CompanyId>) -> Result<Aside> {
    let company = company.map(|company| company.0);
    let mut aside = Aside {
        strays: count(
            conn,
            "SELECT count(*) FROM stray WHERE record IS NULL AND (?1 IS NULL OR company = ?1)",
            company,
        )?,
        lost: count(
            conn,
            "SELECT count(*) FROM gap WHERE state = 2 AND (?1 IS NULL OR company = ?1)",
            company,
        )?,
        lost_unacknowledged: count(
            conn,
            "SELECT count(*) FROM gap g JOIN company c ON c.id = g.company
             WHERE g.state = 2 AND g.kind <> 3 AND (?1 IS NULL OR g.company = ?1)
               AND NOT EXISTS (SELECT 1 FROM incident WHERE company = c.name AND kind = 'records_lost'
                 AND subject = CAST(g.id AS TEXT) AND acked_at <> 0)",
            company,
        )?,
        doubtful_seqs: count(
            conn,
            "SELECT count(*) FROM seq_doubt d JOIN record r ON r.id = d.record WHERE ?1 IS NULL OR r.company = ?1",
            company,
        )?,
        ..Aside::default()
    };
    for gap in list(
        conn,
        "state = 0 AND (?1 IS NULL OR company = ?1)",
        params![company],
    )? {
        match gap.kind {
            GapKind::Unpullable => aside.unpullable += 1,
            kind if kind.may_miss_records() => aside.unseen += 1,
            _ => {}
        }
    }
    Ok(aside)
}

fn count(conn: &Connection, sql: &str, company: Option<i64>) -> Result<u64> {
    let count: i64 = conn.prepare_cached(sql)?.query_row([company], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

impl Reader {
    /// What is kept aside and is no record's state, of one company or of all.
    pub fn aside(&self, company: Option<CompanyId>) -> Result<Aside> {
        let view = self.view()?;
        aside(&view, company)
    }

    /// Gaps of one company or all, in the order they were found; only open ones if so asked.
    pub fn gaps(&self, company: Option<CompanyId>, only_open: bool) -> Result<Vec<Gap>> {
        list(
            &self.conn,
            "(?1 IS NULL OR company = ?1) AND (state = 0 OR NOT ?2)",
            params![company.map(|company| company.0), only_open],
        )
    }

    /// The last `limit` ranges of a company with records that were given up, oldest first. What a missed window may have
    /// cost is not among them.
    pub fn lost_ranges(&self, company: CompanyId, limit: usize) -> Result<Vec<Gap>> {
        list(
            &self.conn,
            "id IN (SELECT id FROM gap WHERE company = ?1 AND state = ?3 AND kind <> ?4 ORDER BY id DESC LIMIT ?2)",
            params![company.0, limit as i64, LOST, kind_in(GapKind::Expired)],
        )
    }

    /// Gaps of a company that are open, or were found or ended since then, in the order they were found.
    pub fn gaps_since(&self, company: CompanyId, since: Millis) -> Result<Vec<Gap>> {
        list(
            &self.conn,
            "company = ?1 AND (state = 0 OR found >= ?2 OR ended >= ?2)",
            params![company.0, since.0],
        )
    }

    /// Strays of which nobody knows what they are, oldest first, behind row `after`.
    pub fn strays(&self, company: Option<CompanyId>, after: i64, limit: usize) -> Result<Vec<Stray>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, company, raw, asked, at FROM stray
             WHERE record IS NULL AND id > ?2 AND (?1 IS NULL OR company = ?1) ORDER BY id LIMIT ?3",
        )?;
        let company = company.map(|company| company.0);
        let rows = statement.query_map(params![company, after, limit as i64], |row| {
            Ok(Stray {
                id: row.get(0)?,
                company: CompanyId(row.get(1)?),
                raw: row.get(2)?,
                asked: seq_out(row.get(3)?),
                at: Millis(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records whose seq cannot be right, in the order they came.
    pub fn doubtful_seqs(&self, company: Option<CompanyId>, limit: usize) -> Result<Vec<DoubtfulSeq>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT r.company, r.seq, r.msgid, d.cursor, d.at FROM seq_doubt d JOIN record r ON r.id = d.record
             WHERE ?1 IS NULL OR r.company = ?1 ORDER BY r.id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![company.map(|company| company.0), limit as i64], |row| {
            Ok(DoubtfulSeq {
                company: CompanyId(row.get(0)?),
                seq: seq_out(row.get(1)?),
                msgid: row.get(2)?,
                cursor: seq_out(row.get(3)?),
                at: Millis(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last `n` seqs of the stream up to the cursor that lie behind every range that was not seen, greatest first;
    /// records in doubt left out.
    pub fn tail(&self, company: CompanyId, n: usize) -> Result<Vec<Seq>> {
        let cursor = self.cursor(company)?;
        let unseen = list(&self.conn, "company = ?1 AND state = 0", params![company.0])?;
        let unseen = unseen.iter().map(|gap| gap.range.last);
        let above = unseen.filter(|last| *last <= cursor).max();
        let mut tail = self.last_believed(company, n)?;
        tail.retain(|seq| above.is_none_or(|above| *seq > above));
        Ok(tail)
    }

    /// True when the archive has a record of this seq that came in its place.
    pub fn has_believed(&self, company: CompanyId, seq: Seq) -> Result<bool> {
        has_believed(&self.conn, company, seq)
    }

    /// The last `n` seqs of the stream up to the cursor, greatest first; records in doubt left out.
    pub fn last_believed(&self, company: CompanyId, n: usize) -> Result<Vec<Seq>> {
        let cursor = seq_in(self.cursor(company)?);
        let mut tail = Vec::with_capacity(n);
        // Seqs from 2^63 on are negative in the column and greater than all others.
        let (great, small) = if cursor < 0 {
            (Some(cursor), i64::MAX)
        } else {
            (None, cursor)
        };
        for (sign, upto) in great
            .map(|cursor| ("seq < 0", cursor))
            .into_iter()
            .chain([("seq >= 0", small)])
        {
            let mut statement = self.conn.prepare_cached(&format!(
                "SELECT DISTINCT seq FROM record WHERE company = ?1 AND {sign} AND seq <= ?2
                   AND id NOT IN (SELECT record FROM seq_doubt) ORDER BY seq DESC LIMIT ?3"
            ))?;
            let rows = statement.query_map(params![company.0, upto, (n - tail.len()) as i64], |row| {
                Ok(seq_out(row.get(0)?))
            })?;
            for seq in rows {
                tail.push(seq?);
            }
        }
        Ok(tail)
    }

    /// A record whose seq cannot be right and in front of which the cursor waits: its seq, and the cursor.
    pub fn held_cursor(&self, company: CompanyId) -> Result<Option<(Seq, Seq)>> {
        let cursor = seq_in(self.cursor(company)?);
        let mut statement = self.conn.prepare_cached(
            "SELECT r.seq FROM seq_doubt d JOIN record r ON r.id = d.record
             WHERE r.company = ?1 AND d.cursor = ?2
               AND ((r.seq < 0) > (?2 < 0) OR ((r.seq < 0) = (?2 < 0) AND r.seq > ?2)) LIMIT 1",
        )?;
        let seq = statement
            .query_row([company.0, cursor], |row| row.get(0))
            .optional()?;
        Ok(seq.map(|seq| (seq_out(seq), seq_out(cursor))))
    }

    /// The smallest seq among these items that the archive does not have as that message, ranges on the ledger as not
    /// seen left out.
    pub fn first_unknown(&self, company: CompanyId, items: &[(Seq, String)]) -> Result<Option<Seq>> {
        let unseen = list(&self.conn, "company = ?1 AND state = 0", params![company.0])?;
        let mut first: Option<Seq> = None;
        for (seq, msgid) in items {
            let is_expected = unseen
                .iter()
                .any(|gap| (gap.range.first..=gap.range.last).contains(seq));
            if !is_expected && same_record(&self.conn, company, *seq, msgid)?.is_none() {
                first = Some(first.map_or(*seq, |known| known.min(*seq)));
            }
        }
        Ok(first)
    }

    /// The earliest time at which the last record that is believed may have been sent: its own time if that is plausible,
    /// otherwise when a pull before its landing last reached the end; `None`: nobody knows.
    pub fn earliest_time_of_tail(&self, company: CompanyId) -> Result<Option<Millis>> {
        let Some(last) = self.tail(company, 1)?.first().copied() else {
            return Ok(None);
        };
        let (landed, sent): (i64, Option<i64>) = self
            .conn
            .prepare_cached(
                "SELECT min(r.landed_at), min(m.time) FROM record r LEFT JOIN message m ON m.record = r.id
                 WHERE r.company = ?1 AND r.seq = ?2",
            )?
            .query_row([company.0, seq_in(last)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(sent) = sent.filter(|sent| (0..=RETENTION_MS).contains(&landed.saturating_sub(*sent))) {
            return Ok(Some(Millis(sent)));
        }
        // The order of calls says which came before: two of them may bear the same millisecond. A record bears its call's.
        let end = self
            .conn
            .prepare_cached(
                "SELECT at FROM pull_call WHERE company = ?1 AND outcome = 'empty' AND id < (
                   SELECT min(id) FROM pull_call WHERE company = ?1 AND at = ?2 AND outcome <> 'empty')
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([company.0, landed], |row| row.get(0))
            .optional()?;
        Ok(end.map(Millis))
    }

    /// When a pull of the company last reached the end of the stream before `run`; `None`: never.
    pub fn last_end_before(&self, company: CompanyId, run: RunId) -> Result<Option<Millis>> {
        let at = self
            .conn
            .prepare_cached(
                "SELECT at FROM pull_call WHERE company = ?1 AND outcome = 'empty' AND run < ?2 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(params![company.0, run.0], |row| row.get(0))
            .optional()?;
        Ok(at.map(Millis))
    }
}

impl Store {
    /// Moves the cursor forward over a range nobody has seen, at somebody's wish, and writes that down.
    pub fn skip(&mut self, lease: &Lease, run: RunId, gap: &NewGap, now: Millis) -> Result<()> {
        let tx = self.begin()?;
        lease::check(&tx, lease)?;
        insert(&tx, lease.company, run, std::slice::from_ref(gap), now)?;
        super::land::move_cursor(&tx, lease.company, super::CursorMove::UpTo(gap.range.last))?;
        tx.commit()?;
        Ok(())
    }

    /// A hole was asked for again: these parts of it still fail, each with its cause. Without any the hole is closed; a
    /// part whose last number came in the meantime is closed, too.
    pub fn hole_tried(&mut self, lease: &Lease, hole: &Gap, tried: &HoleTried, now: Millis) -> Result<()> {
        let tx = self.begin()?;
        lease::check(&tx, lease)?;
        let mut missing = Vec::new();
        for (range, cause) in &tried.still_failing {
            // Of several numbers nobody knows which are records.
            if range.first != range.last || !has_believed(&tx, hole.company, range.last)? {
                missing.push((range, cause));
            }
        }
        let (state, ended) = match (missing.is_empty(), tried.is_given_up) {
            (true, _) => (CLOSED, now.0),
            (false, true) => (LOST, now.0),
            (false, false) => (OPEN, 0),
        };
        tx.prepare_cached(
            "UPDATE gap SET tries = tries + (?2 IS NOT NULL), next_try = ifnull(?2, next_try), state = ?3, ended = ?4
             WHERE id = ?1",
        )?
        .execute(params![hole.id, tried.next_try.map(|at| at.0), state, ended])?;
        for (index, (range, cause)) in missing.into_iter().enumerate() {
            let id = match index {
                0 => hole.id,
                _ => {
                    copy(&tx, hole.id, range.first, range.last)?;
                    tx.last_insert_rowid()
                }
            };
            tx.prepare_cached("UPDATE gap SET first = ?2, last = ?3, cause = ?4 WHERE id = ?1")?
                .execute(params![id, seq_in(range.first), seq_in(range.last), cause])?;
        }
        tx.commit()?;
        Ok(())
    }

    /// A stray turned out to be a record that is there.
    pub fn stray_is(&mut self, stray: i64, record: RecordId) -> Result<()> {
        self.reader.conn.execute(
            "UPDATE stray SET record = ?2 WHERE id = ?1",
            params![stray, record.0],
        )?;
        Ok(())
    }
}
