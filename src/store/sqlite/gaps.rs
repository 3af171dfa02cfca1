//! The ledger of the stream: ranges that were not seen and what became of them, items without a seq, seqs in doubt.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{
    Reader, Store,
    codes::{seq_in, seq_out},
    lease,
};
use crate::{
    ids::{CompanyId, Millis, RecordId, RunId, Seq},
    store::{
        Result, StoreError,
        contract::{Aside, DoubtfulSeq, Gap, GapKind, GapState, Lease, NewGap, SeqRange, Stray},
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

/// Takes the seqs of `covers` out of open gaps: a gap that is covered whole is closed, one that is covered in part shrinks
/// from below or splits.
pub(super) fn cover(tx: &Transaction<'_>, company: CompanyId, covers: SeqRange, now: Millis) -> Result<()> {
    for gap in list(tx, "company = ?1 AND state = 0", params![company.0])? {
        let SeqRange { first, last } = gap.range;
        // A hole closes when its record comes, not when the stream goes on behind it.
        if gap.kind == GapKind::Unpullable || covers.last < first || covers.first > last {
            continue;
        }
        if covers.first > first {
            // What lies below stays open under the old row; the rest gets a row of its own if anything of it is left.
            set_last(tx, gap.id, Seq(covers.first.0 - 1))?;
            if covers.last < last {
                copy_rest(tx, gap.id, Seq(covers.last.0 + 1), last)?;
            }
        } else if covers.last < last {
            tx.prepare_cached("UPDATE gap SET first = ? WHERE id = ?")?
                .execute([seq_in(Seq(covers.last.0 + 1)), gap.id])?;
        } else {
            // WeCom tells nothing of what it has deleted: then the range was asked for and cannot be had.
            let came: bool = tx
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM record WHERE company = ?1 AND seq BETWEEN ?2 AND ?3)",
                )?
                .query_row(params![company.0, seq_in(first), seq_in(last)], |row| row.get(0))?;
            end(tx, gap.id, if came { CLOSED } else { LOST }, now)?;
        }
    }
    Ok(())
}

fn set_last(tx: &Transaction<'_>, id: i64, last: Seq) -> Result<()> {
    tx.prepare_cached("UPDATE gap SET last = ? WHERE id = ?")?
        .execute([seq_in(last), id])?;
    Ok(())
}

fn copy_rest(tx: &Transaction<'_>, id: i64, first: Seq, last: Seq) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO gap (company, run, kind, first, last, cause, found, tries, next_try)
         SELECT company, run, kind, ?2, ?3, cause, found, tries, next_try FROM gap WHERE id = ?1",
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

    /// Gaps of a company that are open, or were found or ended since then, in the order they were found.
    pub fn gaps_since(&self, company: CompanyId, since: Millis) -> Result<Vec<Gap>> {
        list(
            &self.conn,
            "company = ?1 AND (state = 0 OR found >= ?2 OR ended >= ?2)",
            params![company.0, since.0],
        )
    }

    /// Strays of which nobody knows what they are, oldest first.
    pub fn strays(&self, company: Option<CompanyId>, limit: usize) -> Result<Vec<Stray>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, company, raw, asked, at FROM stray
             WHERE record IS NULL AND (?1 IS NULL OR company = ?1) ORDER BY id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![company.map(|company| company.0), limit as i64], |row| {
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

    /// The last `n` records of the stream up to the cursor, greatest seq first; records in doubt left out.
    pub fn tail(&self, company: CompanyId, n: usize) -> Result<Vec<Seq>> {
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

    /// True when every record of this company and msgid is known to the archive, whatever its state.
    pub fn is_known(&self, company: CompanyId, seq: Seq, msgid: &str) -> Result<bool> {
        let mut statement = self.conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record WHERE company = ?1 AND seq = ?2 AND msgid = ?3)",
        )?;
        Ok(statement.query_row(params![company.0, seq_in(seq), msgid], |row| row.get(0))?)
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

    /// A gap was asked for again, in vain: the next try is due then.
    pub fn gap_tried(&mut self, id: i64, cause: &str, next_try: Millis) -> Result<()> {
        self.reader.conn.execute(
            "UPDATE gap SET tries = tries + 1, next_try = ?2, cause = ?3 WHERE id = ?1",
            params![id, next_try.0, cause],
        )?;
        Ok(())
    }

    /// A gap begins later now: what was before came.
    pub fn gap_shrinks(&mut self, id: i64, first: Seq) -> Result<()> {
        self.reader
            .conn
            .execute("UPDATE gap SET first = ? WHERE id = ?", [seq_in(first), id])?;
        Ok(())
    }

    /// A gap came to an end.
    pub fn gap_ended(&mut self, id: i64, state: GapState, now: Millis) -> Result<()> {
        let tx = self.begin()?;
        let column = match state {
            GapState::Open => OPEN,
            GapState::Closed => CLOSED,
            GapState::Lost => LOST,
        };
        end(
            &tx,
            id,
            column,
            if state == GapState::Open { Millis(0) } else { now },
        )?;
        tx.commit()?;
        Ok(())
    }

    /// The records above `keep` are in doubt: the cursor followed a seq that was not right.
    pub fn doubt_above(&mut self, company: CompanyId, keep: Seq, now: Millis) -> Result<u64> {
        let tx = self.begin()?;
        let above: Vec<i64> = tx
            .prepare_cached(
                "SELECT id FROM record WHERE company = ?1
                   AND ((seq < 0) > (?2 < 0) OR ((seq < 0) = (?2 < 0) AND seq > ?2))",
            )?
            .query_map(params![company.0, seq_in(keep)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for record in &above {
            doubt(&tx, RecordId(*record), keep, now)?;
        }
        tx.commit()?;
        Ok(above.len() as u64)
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
