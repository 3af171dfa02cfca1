//! Verifying: everything is read again and compared, in parts that each see one moment and hold little in memory.
//!
//! Reads only, beside whoever writes. A part reads for a second or so, because meanwhile the write-ahead log grows.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params, types::ValueRef};
use sha2::{Digest, Sha256};

use super::{
    Reader, Store,
    again::Kept,
    codes::{OPENED, UNREADABLE, seq_in, seq_out},
    derive::{self, Derived},
    guard::{self, Checked},
    hash::RULES,
    index::{self, Asker},
    intern::{Interner, Names, audience_hash},
    land, migrate,
    pack::{Unpacker, kept},
    reopened,
    settle::SaltedDigest,
};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId, Seq},
    message,
    record::Sealed,
    store::{
        Result, StoreError,
        contract::{
            Content, Damage,
            verify::{About, DigestsWritten, Fault, Finding, Part, Repair, Repaired, Slice},
        },
    },
    words,
};

/// Lines of the engine's own check that are told; a badly damaged file has thousands.
const LINES: usize = 100;
/// Name of the fact that is how far verifying has come.
const STATE: &str = "verify";

impl Reader {
    /// Greatest row of a record; 0 when there is none.
    pub fn last_record(&self) -> Result<RecordId> {
        let last: Option<i64> = self
            .conn
            .query_row("SELECT max(id) FROM record", [], |row| row.get(0))?;
        Ok(RecordId(last.unwrap_or(0)))
    }

    /// Greatest row of a content of the vault; 0 when there is none.
    pub fn last_content(&self) -> Result<i64> {
        Ok(self
            .conn
            .query_row("SELECT ifnull(max(id), 0) FROM media_content", [], |row| {
                row.get(0)
            })?)
    }

    /// How far verifying by daily shares has come, and what the last whole round found.
    pub fn verify_state(&self) -> Result<Slice> {
        let text: Option<String> = self
            .conn
            .prepare_cached("SELECT value FROM fact WHERE name = ?")?
            .query_row([STATE], |row| row.get(0))
            .optional()?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// The next record at or behind a row, to draw samples with.
    pub fn record_from(&self, row: RecordId) -> Result<Option<RecordId>> {
        let found = self
            .conn
            .prepare_cached("SELECT id FROM record WHERE id >= ? ORDER BY id LIMIT 1")?
            .query_row([row.0], |row| row.get(0).map(RecordId))
            .optional()?;
        Ok(found)
    }

    /// The rows of a company's records with this seq.
    pub fn records_at(&self, company: Option<CompanyId>, seq: Seq) -> Result<Vec<RecordId>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id FROM record WHERE seq = ?1 AND (?2 IS NULL OR company = ?2) ORDER BY id",
        )?;
        let rows = statement.query_map(params![seq_in(seq), company.map(|company| company.0)], |row| {
            row.get(0).map(RecordId)
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What the engine itself finds, and what must hold between tables. Reads all of the file in one go.
    pub fn verify_structure(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for pragma in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
            let lines = || -> Result<Vec<String>> {
                let mut statement = self.conn.prepare(pragma)?;
                let lines = statement
                    .query_map([], |row| row.get::<_, String>(0))?
                    .take(LINES)
                    .collect::<rusqlite::Result<Vec<String>>>()?;
                Ok(lines)
            };
            match lines() {
                Ok(lines) if pragma.ends_with("foreign_key_check") => findings.extend(
                    lines
                        .into_iter()
                        .map(|table| format!("a row of {table} points to a row that is not there"))
                        .collect::<BTreeSet<_>>()
                        .into_iter()
                        .map(engine_fault),
                ),
                Ok(lines) => {
                    for line in lines.into_iter().filter(|line| line != "ok") {
                        findings.push(engine_finding(&self.conn, line)?);
                    }
                }
                Err(StoreError::Damaged(what)) => findings.push(engine_fault(what)),
                Err(error) => return Err(error),
            }
        }
        let altered = match migrate::altered_definitions(&self.conn) {
            Err(StoreError::Damaged(_)) => vec!["sqlite_master".to_owned()],
            altered => altered?,
        };
        for name in altered {
            findings.push(engine_fault(format!(
                "the definition of `{name}` is not what was written"
            )));
        }
        for (rule, sql) in RULES {
            match self.conn.query_row(sql, [], |row| row.get::<_, i64>(0)) {
                Ok(0) => {}
                Ok(count) => findings.push(Finding {
                    about: About::Table("record".to_owned()),
                    fault: Fault::Rule(format!("{rule}: {count}")),
                    repair: Repair::Backup,
                }),
                Err(error) => match StoreError::from(error) {
                    StoreError::Damaged(what) => findings.push(engine_fault(what)),
                    error => return Err(error),
                },
            }
        }
        findings.extend(shared_rows(&self.conn)?);
        findings.extend(strays(&self.conn)?);
        Ok(findings)
    }

    /// The next records behind a row, up to `most` of them: rows, bodies, columns, originals, copies, answers.
    pub fn verify_records(
        &self,
        company: Option<CompanyId>,
        after: RecordId,
        most: usize,
    ) -> Result<Part<RecordId>> {
        let view = self.view()?;
        let ids = view
            .prepare_cached(
                "SELECT id FROM record NOT INDEXED WHERE id > ?1 AND (?2 IS NULL OR company = ?2) ORDER BY id LIMIT ?3",
            )?
            .query_map(params![after.0, company.map(|company| company.0), most as i64], |row| {
                row.get(0)
            })?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut part = Part {
            next: ids.last().copied().filter(|_| ids.len() == most).map(RecordId),
            ..Part::default()
        };
        for id in ids {
            record(&view, &self.unpacker, id, &mut part)?;
        }
        Ok(part)
    }

    /// One record.
    pub fn verify_record(&self, id: RecordId) -> Result<Part<RecordId>> {
        let view = self.view()?;
        let mut part = Part::default();
        record(&view, &self.unpacker, id.0, &mut part)?;
        Ok(part)
    }

    /// The next segment of the index behind one: its sums, and its terms beside those of the bodies. Segments that hold only
    /// records behind `last` are passed over, because a running pull makes new ones all the time.
    pub fn verify_segment(&self, after: i64, last: RecordId) -> Result<Part<i64>> {
        let view = self.view()?;
        segment(&view, &self.unpacker, after, last)
    }

    /// Every opened record is in the index once, and nothing else. Holds a bit or two per record.
    pub fn verify_index_coverage(&self) -> Result<Vec<Finding>> {
        let view = self.view()?;
        let last: i64 = view.query_row("SELECT ifnull(max(id), 0) FROM record", [], |row| row.get(0))?;
        let mut seen = vec![0_u8; usize::try_from(last).unwrap_or(0) + 1];
        let mut strange = 0_u64;
        let entries = Asker::new(&view).and_then(|asker| {
            asker.entries(
                |entry| match usize::try_from(entry.record).ok().and_then(|at| seen.get_mut(at)) {
                    Some(count) => *count = count.saturating_add(1),
                    None => strange += 1,
                },
            )
        });
        let mut findings = Vec::new();
        match entries {
            Ok(()) => {}
            // Told by segment already.
            Err(StoreError::Damaged(_)) => return Ok(findings),
            Err(error) => return Err(error),
        }
        let mut statement = view.prepare(
            "SELECT r.id, r.company, r.seq, r.state = 1 OR EXISTS (SELECT 1 FROM reopened o
               WHERE o.record = r.id AND o.is_indexed) FROM record r",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, company, seq, is_open): (i64, i64, i64, bool) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let count = usize::try_from(id)
                .ok()
                .and_then(|at| seen.get_mut(at))
                .map_or(0, std::mem::take);
            if u64::from(count) != u64::from(is_open) {
                findings.push(Finding {
                    about: About::Record(CompanyId(company), seq_out(seq)),
                    fault: Fault::Indexed(count.into()),
                    repair: Repair::Index,
                });
            }
        }
        strange += seen.iter().filter(|count| **count > 0).count() as u64;
        if strange > 0 {
            findings.push(index_fault(format!(
                "records in the search index that are not there: {strange}"
            )));
        }
        Ok(findings)
    }

    /// The next files of the vault behind a row, with what they must be. Files for browsers are among them.
    pub fn file_contents(&self, after: i64, most: usize) -> Result<Vec<(i64, Content)>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, sha256, md5, bytes, mime, ending FROM media_content WHERE id > ? ORDER BY id LIMIT ?",
        )?;
        let rows = statement.query_map(params![after, most as i64], content)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What the vault must hold for a company's files that were sent since then.
    pub fn contents_since(&self, company: CompanyId, since: Millis) -> Result<Vec<Content>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT DISTINCT c.id, c.sha256, c.md5, c.bytes, c.mime, c.ending FROM media_file f
               JOIN media_content o ON o.id = f.content JOIN media_content c ON c.id IN (o.id, o.playable)
             WHERE f.company = ? AND f.since >= ? ORDER BY c.id",
        )?;
        let rows = statement.query_map(params![company.0, since.0], content)?;
        Ok(rows
            .map(|row| row.map(|(_, content)| content))
            .collect::<rusqlite::Result<_>>()?)
    }

    /// True when a file of this content was sent since then, so that WeCom may still have it.
    pub fn content_has_source(&self, sha256: &[u8; 32], since: Millis) -> Result<bool> {
        let found = self
            .conn
            .prepare_cached(
                "SELECT 1 FROM media_file f JOIN media_content c ON c.id = f.content
                   LEFT JOIN media_content p ON p.id = c.playable
                 WHERE (c.sha256 = ?1 OR p.sha256 = ?1) AND f.since >= ?2 LIMIT 1",
            )?
            .query_row(params![sha256.as_slice(), since.0], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }
}

/// A row of `media_content`.
fn content(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Content)> {
    Ok((
        row.get(0)?,
        Content {
            sha256: row.get(1)?,
            md5: row.get(2)?,
            bytes: row.get::<_, i64>(3)?.unsigned_abs(),
            mime: row.get(4)?,
            ending: row.get(5)?,
        },
    ))
}

fn engine_fault(what: String) -> Finding {
    Finding {
        about: About::Table("database".to_owned()),
        fault: Fault::Engine(what),
        repair: Repair::Backup,
    }
}

/// A line of `integrity_check`, with the row it names where it does: one that is not what an index has of it.
fn engine_finding(conn: &Connection, line: String) -> Result<Finding> {
    let named = line
        .strip_prefix("row ")
        .and_then(|rest| rest.split_once(" missing from index "));
    let Some((row, index)) = named else {
        return Ok(engine_fault(line));
    };
    let table: Option<String> = conn
        .prepare_cached("SELECT tbl_name FROM sqlite_master WHERE type = 'index' AND name = ?")?
        .query_row([index], |row| row.get(0))
        .optional()?;
    let Some(table) = table else {
        return Ok(engine_fault(line));
    };
    let mut finding = engine_fault(format!(
        "row {row} is not what was written: the index `{index}` has it otherwise"
    ));
    finding.about = About::Table(table.clone());
    // Without a rowid, the engine counts the rows.
    if table == "record"
        && let Ok(id) = row.parse()
        && let Some((company, seq, _)) = damaged_none(place(conn, id))?
    {
        finding.about = About::Record(CompanyId(company), seq_out(seq));
    }
    Ok(finding)
}

fn index_fault(what: String) -> Finding {
    Finding {
        about: About::Table("index".to_owned()),
        fault: Fault::Index(what),
        repair: Repair::Index,
    }
}

/// A record and everything that hangs on it alone.
fn record(conn: &Connection, unpacker: &Unpacker, id: i64, part: &mut Part<RecordId>) -> Result<()> {
    part.verified.records += 1;
    let (company, seq, state) = match place(conn, id) {
        Ok(Some(place)) => place,
        Ok(None) => return Ok(()),
        Err(StoreError::Damaged(what)) => {
            part.findings.push(Finding {
                about: About::Table(format!("record {id}")),
                fault: Fault::Damage(Damage::RowUnreadable(what)),
                repair: Repair::Backup,
            });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let about = About::Record(CompanyId(company), seq_out(seq));
    let mut add = |fault: Fault, repair: Repair| {
        part.findings.push(Finding {
            about: about.clone(),
            fault,
            repair,
        });
    };
    let original = original(conn, id)?;
    if state == OPENED {
        let checked = Checked::thoroughly(conn, unpacker, id)?;
        let verified = &mut part.verified;
        verified.bytes += checked.body.as_ref().map_or(0, |body| body.len() as u64);
        verified.without_original += u64::from(original == Original::Gone);
        if checked.is_readable() {
            verified.without_digest += u64::from(!checked.has_digest);
            verified.without_guard += u64::from(!checked.has_guard);
        }
        match (&checked.damage, &checked.body) {
            (Some(damage), _) => {
                let repair = match damage {
                    // No body tells them, and what was landed tells them only where it is whole, and then they are right.
                    Damage::Columns(names) if names.contains(&"record") => Repair::Backup,
                    Damage::Columns(_) => Repair::Record,
                    _ if original == Original::Whole => Repair::Record,
                    _ => Repair::Backup,
                };
                add(Fault::Damage(damage.clone()), repair);
            }
            (None, Some(body)) => {
                let derived = Derived::new(&message::read(body), false);
                if !audience_fits(conn, id, &derived)? {
                    add(Fault::Audience, Repair::Index);
                }
                part.verified.derived_otherwise += u64::from(!checked.differing.is_empty());
            }
            (None, None) => {}
        }
        if original == Original::Changed {
            // The message was opened from it before it changed.
            add(Fault::Original, Repair::Nothing);
        }
    } else {
        let waits = conn
            .prepare_cached("SELECT 1 FROM message WHERE record = ?")?
            .query_row([id], |_| Ok(()))
            .optional()?;
        if waits.is_some() {
            add(Fault::Damage(Damage::Columns(vec!["state"])), Repair::Backup);
        }
        match original {
            Original::Whole => {}
            Original::Changed => add(Fault::Original, Repair::Backup),
            Original::Gone => add(Fault::NoOriginal, Repair::Backup),
        }
    }
    if !copies_fit(conn, id)? {
        add(Fault::Copy, Repair::Backup);
    }
    if !answer_unpacks(conn, unpacker, id, state)? {
        add(Fault::Answer, Repair::Backup);
    }
    Ok(())
}

fn place(conn: &Connection, id: i64) -> Result<Option<(i64, i64, i64)>> {
    let place = conn
        .prepare_cached("SELECT company, seq, state FROM record WHERE id = ?")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(place)
}

/// What became of what was landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    Whole,
    Changed,
    Gone,
}

/// An original that cannot be read is changed.
fn damaged_or(original: Result<Original>) -> Result<Original> {
    match original {
        Err(StoreError::Damaged(_)) => Ok(Original::Changed),
        original => original,
    }
}

/// Is what was landed of a record still what its digest says?
pub(super) fn original(conn: &Connection, id: i64) -> Result<Original> {
    damaged_or(read_original(conn, id))
}

fn read_original(conn: &Connection, id: i64) -> Result<Original> {
    let mut statement = conn.prepare_cached(
        "SELECT r.seq, r.msgid, r.version, r.sha256, s.random_key, s.body, s.odd
         FROM record r LEFT JOIN sealed s ON s.record = r.id WHERE r.id = ?",
    )?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(Original::Gone);
    };
    if row.get_ref(5)? == ValueRef::Null {
        return Ok(Original::Gone);
    }
    let sealed = Sealed {
        seq: seq_out(row.get(0)?),
        msgid: row.get(1)?,
        key_version: KeyVersion(row.get(2)?),
        random_key: kept(row, 4)?,
        body: kept(row, 5)?,
        odd: row.get(6)?,
    };
    Ok(match land::digest(&sealed) == row.get::<_, Vec<u8>>(3)? {
        true => Original::Whole,
        false => Original::Changed,
    })
}

fn copies_fit(conn: &Connection, id: i64) -> Result<bool> {
    let read = || -> Result<bool> {
        let mut statement = conn.prepare_cached(
            "SELECT r.seq, v.msgid, v.version, v.sha256, v.random_key, v.body, v.odd
             FROM variant v JOIN record r ON r.id = v.record WHERE v.record = ?",
        )?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let sealed = Sealed {
                seq: seq_out(row.get(0)?),
                msgid: row.get(1)?,
                key_version: KeyVersion(row.get(2)?),
                random_key: kept(row, 4)?,
                body: kept(row, 5)?,
                odd: row.get(6)?,
            };
            if land::digest(&sealed) != row.get::<_, Vec<u8>>(3)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    match read() {
        Err(StoreError::Damaged(_)) => Ok(false),
        fits => fits,
    }
}

fn answer_unpacks(conn: &Connection, unpacker: &Unpacker, id: i64, state: i64) -> Result<bool> {
    let mut statement = conn.prepare_cached("SELECT dictionary, body FROM answer WHERE record = ?")?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => match unpacker.body(conn, row, 0, 1) {
            Ok(_) => Ok(true),
            Err(StoreError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        },
        None => Ok(state != UNREADABLE),
    }
}

fn audience_fits(conn: &Connection, id: i64, derived: &Derived) -> Result<bool> {
    let hash: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT a.hash FROM message m JOIN audience a ON a.id = m.audience WHERE m.record = ?",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(hash.is_some_and(|hash| hash == derived.audience()))
}

/// Rows that many messages share: the people of an audience are those of its hash.
fn shared_rows(conn: &Connection) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut statement = conn.prepare(
        "SELECT a.id, a.hash, p.key FROM audience a JOIN audience_member am ON am.audience = a.id
           JOIN person p ON p.id = am.person ORDER BY a.id, p.key",
    )?;
    let mut rows = statement.query([])?;
    let (mut current, mut people): (Option<(i64, Vec<u8>)>, Vec<String>) = (None, Vec::new());
    let (mut wrong, mut read) = (0_u64, 0_u64);
    let mut close = |audience: &Option<(i64, Vec<u8>)>, people: &mut Vec<String>| {
        // Sorted by bytes, as they were hashed; the engine sorts the same way.
        if let Some((_, hash)) = audience {
            read += 1;
            wrong += u64::from(audience_hash(people) != *hash);
        }
        people.clear();
    };
    loop {
        let row = match rows.next().map_err(StoreError::from) {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(StoreError::Damaged(what)) => {
                findings.push(Finding {
                    about: About::Table("audience".to_owned()),
                    fault: Fault::Engine(what),
                    repair: Repair::Index,
                });
                return Ok(findings);
            }
            Err(error) => return Err(error),
        };
        let id: i64 = row.get(0)?;
        if current.as_ref().is_none_or(|(known, _)| *known != id) {
            close(&current, &mut people);
            current = Some((id, row.get(1)?));
        }
        people.push(row.get(2)?);
    }
    close(&current, &mut people);
    let all: i64 = conn.query_row("SELECT count(*) FROM audience WHERE id <> 0", [], |row| {
        row.get(0)
    })?;
    wrong += all.unsigned_abs().saturating_sub(read);
    if wrong > 0 {
        findings.push(Finding {
            about: About::Table("audience".to_owned()),
            fault: Fault::Rule(format!(
                "sets of people that are not what their hash says: {wrong}"
            )),
            repair: Repair::Index,
        });
    }
    Ok(findings)
}

fn strays(conn: &Connection) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut statement = conn.prepare("SELECT id, raw, sha256 FROM stray")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, raw, sha256): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if Sha256::digest(&raw).as_slice() != sha256 {
            findings.push(Finding {
                about: About::Table(format!("stray {id}")),
                fault: Fault::Stray,
                repair: Repair::Backup,
            });
        }
    }
    Ok(findings)
}

fn segment(conn: &Connection, unpacker: &Unpacker, after: i64, last: RecordId) -> Result<Part<i64>> {
    let mut part = Part::default();
    let segments = match index::Segment::all(conn) {
        Ok(segments) => segments,
        Err(StoreError::Damaged(what)) => {
            part.findings.push(index_fault(what));
            return Ok(part);
        }
        Err(error) => return Err(error),
    };
    for segment in segments.into_iter().filter(|segment| segment.id > after) {
        let read = segment.all_entries(conn).map(|entries| {
            let mut here = entries.iter().skip(segment.moved as usize);
            here.any(|entry| entry.record <= last.0)
        });
        match read {
            Ok(false) => continue,
            Ok(true) => return segment_part(conn, unpacker, &segment),
            Err(StoreError::Damaged(what)) => {
                part.findings.push(index_fault(what));
                part.next = Some(segment.id);
                return Ok(part);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(part)
}

/// One segment: its sums, and its terms beside those of the bodies. A segment of other rules has terms that this program does
/// not derive, so its sums alone are compared.
fn segment_part(conn: &Connection, unpacker: &Unpacker, segment: &index::Segment) -> Result<Part<i64>> {
    let mut part = Part {
        next: Some(segment.id),
        ..Part::default()
    };
    part.verified.without_sums = u64::from(!segment.has_sums());
    let read = segment.read_through(conn).and_then(|()| segment.digests(conn));
    let (entries, digests) = match read {
        Ok(read) => read,
        Err(StoreError::Damaged(what)) => {
            part.findings.push(index_fault(what));
            return Ok(part);
        }
        Err(error) => return Err(error),
    };
    // Those before the mark count in a newer segment.
    let here = entries.iter().zip(digests).skip(segment.moved as usize);
    if segment.words != words::VERSION {
        part.verified.by_older_rules = here.len() as u64;
        return Ok(part);
    }
    for (entry, digest) in here {
        part.verified.indexed += 1;
        let Some(mut doc) = damaged_none(derive::without_text(conn, entry.record))? else {
            // Told of the record, or of the count of records.
            continue;
        };
        let checked = Checked::of(conn, unpacker, entry.record)?;
        let Some(body) = checked.body.filter(|_| checked.damage.is_none()) else {
            // Told of the record.
            continue;
        };
        doc.texts = Derived::new(&message::read(&body), false).into_texts();
        if doc.entry != *entry || doc.digest() != digest {
            let (company, seq, _) = place(conn, entry.record)?.unwrap_or((0, entry.seq, 0));
            part.findings.push(Finding {
                about: About::Record(CompanyId(company), seq_out(seq)),
                fault: Fault::Terms,
                repair: Repair::Index,
            });
        }
    }
    Ok(part)
}

fn damaged_none<T>(read: Result<Option<T>>) -> Result<Option<T>> {
    match read {
        Err(StoreError::Damaged(_)) => Ok(None),
        read => read,
    }
}

impl Store {
    /// Repairs a record as far as there is something to repair it from: columns from its genuine body, everything else from
    /// what was landed, if that is whole; then it is `sealed` and the next run opens it. The damaged body is kept aside.
    pub fn repair_record(&mut self, id: RecordId, now: Millis) -> Result<Repaired> {
        let tx = self.begin()?;
        let unpacker = &self.reader.unpacker;
        if place(&tx, id.0)?.is_none_or(|(_, _, state)| state != OPENED) {
            return Ok(Repaired::Sound);
        }
        let checked = Checked::of(&tx, unpacker, id.0)?;
        let Some(damage) = checked.damage else {
            return Ok(Repaired::Sound);
        };
        if let Some(body) = &checked.body
            && rederive(&tx, unpacker, id.0, body)?
            && Checked::of(&tx, unpacker, id.0)?.damage.is_none()
        {
            tx.commit()?;
            return Ok(Repaired::Derived);
        }
        drop(tx);
        let tx = self.begin()?;
        // With a genuine body nothing would become better: what no body tells would only be believed from then on.
        if !damage.withholds_text() || original(&tx, id.0)? != Original::Whole {
            return Ok(Repaired::NoSource(damage));
        }
        reopened::seal_again(&tx, id.0, now)?;
        tx.commit()?;
        Ok(Repaired::Sealed)
    }

    /// Keeps how far verifying has come.
    pub fn set_verify_state(&mut self, state: &Slice) -> Result<()> {
        let text = serde_json::to_string(state).map_err(|error| StoreError::Engine(error.to_string()))?;
        self.reader
            .conn
            .prepare_cached(
                "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            )?
            .execute([STATE, &text])?;
        Ok(())
    }

    /// Writes salted digests of bodies and guards of rows that older programs wrote, for up to `most` opened records behind a
    /// row; each only after its body was read as the record's message and its columns agreed with it. Returns as well behind
    /// which row the next ones begin, `None` at the end.
    pub fn write_digests(
        &mut self,
        after: RecordId,
        most: usize,
    ) -> Result<(DigestsWritten, Option<RecordId>)> {
        let tx = self.begin()?;
        let unpacker = &self.reader.unpacker;
        let ids = tx
            .prepare_cached(
                "SELECT m.record, p.sha256 IS NULL, r.msgid FROM message m JOIN plaintext p ON p.record = m.record
                   JOIN record r ON r.id = m.record
                 WHERE m.record > ?1 AND m.guard IS NULL ORDER BY m.record LIMIT ?2",
            )?
            .query_map(params![after.0, most as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<Vec<(i64, bool, String)>>>()?;
        let mut done = DigestsWritten::default();
        for (id, lacks_digest, msgid) in &ids {
            let checked = Checked::thoroughly(&tx, unpacker, *id)?;
            let sound = checked.damage.is_none()
                && checked.differing.is_empty()
                && original(&tx, *id)? != Original::Changed;
            let Some(body) = checked
                .body
                .filter(|body| sound && message::read(body).answers(msgid).is_ok())
            else {
                done.left += 1;
                continue;
            };
            if *lacks_digest {
                let digest = SaltedDigest::of(&body);
                tx.prepare_cached("UPDATE plaintext SET salt = ?, sha256 = ? WHERE record = ?")?
                    .execute(params![digest.salt, digest.sha256, id])?;
            }
            done.written += u64::from(guard::write_guard(&tx, *id)?);
        }
        tx.commit()?;
        let next = ids
            .last()
            .filter(|_| ids.len() == most)
            .map(|(id, ..)| RecordId(*id));
        Ok((done, next))
    }

    /// Writes the sums of the next segment behind one that has none, after its terms were compared with the bodies. Returns
    /// the segment and whether it was sound; `None` when no segment is left. Segments of older rules cannot be compared; they
    /// are replaced by others, which have sums, once everything is derived again.
    pub fn write_sums(&mut self, after: i64) -> Result<Option<(i64, bool)>> {
        let tx = self.begin()?;
        let Some(segment) = index::Segment::all(&tx)?
            .into_iter()
            .find(|segment| segment.id > after && !segment.has_sums() && segment.words == words::VERSION)
        else {
            return Ok(None);
        };
        let part = segment_part(&tx, &self.reader.unpacker, &segment)?;
        let sound = part.findings.is_empty();
        if sound {
            segment.write_sums(&tx)?;
            tx.commit()?;
        }
        Ok(Some((segment.id, sound)))
    }

    /// The files of these bytes go back to be fetched, those sent before `since` excepted, which WeCom no longer has.
    /// Returns how many.
    pub fn media_lost(&mut self, sha256: &[u8; 32], since: Millis) -> Result<u64> {
        let changed = self.reader.conn.execute(
            "UPDATE media_file SET state = 0, detail = 'the kept file was lost or had changed', attempts = 0, setbacks = 0,
               differed = 0, next_try = 0, have = 0, cursor = '', content = NULL, settled_at = NULL
             WHERE since >= ?2 AND content IN (SELECT c.id FROM media_content c
               LEFT JOIN media_content p ON p.id = c.playable WHERE c.sha256 = ?1 OR p.sha256 = ?1)",
            params![sha256.as_slice(), since.0],
        )?;
        Ok(changed as u64)
    }
}

/// Writes the columns of one message again. False when they are still not what they were.
fn rederive(tx: &Transaction<'_>, unpacker: &Unpacker, id: i64, body: &[u8]) -> Result<bool> {
    let Some(kept) = Kept::of(tx, unpacker, id)? else {
        return Ok(false);
    };
    // Its flags say whether the msgids differ, and may be what has changed.
    let message = message::read(body);
    let mut derived = Derived::new(&message, message.msgid != kept.msgid);
    for table in ["message", "recall"] {
        tx.execute(&format!("DELETE FROM {table} WHERE record = ?"), [id])?;
    }
    let mut interner = Interner::new(tx, Names::default());
    // The index has its terms already.
    derive::write(tx, &mut interner, &kept.told(kept.guard), &mut derived)?;
    Ok(true)
}
