//! Two questions about the archive as a whole: is it sound, and is it the same as another one.

use std::collections::HashMap;

use rusqlite::{Connection, Row, types::ValueRef};
use sha2::{Digest, Sha256};

use super::{
    Reader,
    codes::{seq_out, state_out},
    index::{Asker, is_logical},
    land,
    migrate::hex,
    pack::{Unpacker, kept},
};
use crate::{
    ids::KeyVersion,
    record::Sealed,
    store::{Result, StoreError},
};

/// What must hold between tables, each as a count of the rows for which it does not.
pub(super) const RULES: [(&str, &str); 6] = [
    (
        "opened records without their bytes",
        "SELECT count(*) FROM record WHERE state = 1 AND id NOT IN (SELECT record FROM plaintext)",
    ),
    (
        "opened records without their columns",
        "SELECT count(*) FROM record WHERE state = 1 AND id NOT IN (SELECT record FROM message)",
    ),
    (
        "unopened records with a message",
        "SELECT count(*) FROM message JOIN record ON id = record WHERE state <> 1",
    ),
    (
        "unopened records without what was landed",
        "SELECT count(*) FROM record WHERE state <> 1 AND id NOT IN (SELECT record FROM sealed)",
    ),
    (
        "states whose tally is wrong",
        "SELECT count(*) FROM (SELECT company, state, count(*) AS n FROM record GROUP BY company, state) c
         FULL JOIN (SELECT * FROM tally WHERE count <> 0) t ON t.company = c.company AND t.state = c.state
         WHERE c.n IS NOT t.count",
    ),
    (
        "records that the cursor of their company never reached and that are not in doubt",
        "SELECT count(*) FROM record r JOIN company c ON c.id = r.company
         WHERE ((r.seq < 0) > (c.reached < 0) OR ((r.seq < 0) = (c.reached < 0) AND r.seq > c.reached))
           AND r.id NOT IN (SELECT record FROM seq_doubt)",
    ),
];

impl Reader {
    /// What is wrong with the file, one finding per line; empty when it is sound. Reads all of it.
    pub fn integrity(&self) -> Result<Vec<String>> {
        let view = self.view()?;
        let mut findings = Vec::new();
        let mut statement = view.prepare("PRAGMA integrity_check")?;
        for line in statement.query_map([], |row| row.get::<_, String>(0))? {
            let line = line?;
            if line != "ok" {
                findings.push(line);
            }
        }
        let mut statement = view.prepare("PRAGMA foreign_key_check")?;
        for table in statement.query_map([], |row| row.get::<_, String>(0))? {
            findings.push(format!("a row of {} points to a row that is not there", table?));
        }
        for (rule, sql) in RULES {
            let count: i64 = view.query_row(sql, [], |row| row.get(0))?;
            if count != 0 {
                findings.push(format!("{rule}: {count}"));
            }
        }
        match index_findings(&view) {
            Ok(found) => findings.extend(found),
            Err(StoreError::Damaged(what)) => findings.push(what),
            Err(error) => return Err(error),
        }
        Ok(findings)
    }

    /// SHA-256, hex, over everything logical: by company (name) and seq, every copy landed, the state and reason,
    /// the bytes, all derived columns, people, files, recalls and index terms; the strays; the cursors. Left out is
    /// what differs between two ways to the same archive: row numbers, times of runs, attempts, library
    /// builds, details for people. Reads all of the archive and holds 24 bytes per message meanwhile.
    pub fn content_hash(&self) -> Result<String> {
        let view = self.view()?;
        let terms = index_digests(&view)?;
        let mut hash = Sha256::new();
        let mut statement = view.prepare("SELECT id, name, corpid, cursor FROM company ORDER BY name")?;
        let mut companies = statement.query([])?;
        while let Some(row) = companies.next()? {
            let company: i64 = row.get(0)?;
            feed(&mut hash, row, 1..4)?;
            hash_strays(&view, company, &mut hash)?;
            // First the seqs below 2^63, then the ones that are negative in the column.
            for sign in ["seq >= 0", "seq < 0"] {
                let mut statement = view.prepare(&format!(
                    "SELECT id, seq, state FROM record WHERE company = ? AND {sign} ORDER BY seq, msgid"
                ))?;
                let mut records = statement.query([company])?;
                while let Some(row) = records.next()? {
                    let id: i64 = row.get(0)?;
                    hash.update(row.get::<_, i64>(1)?.to_le_bytes());
                    hash.update(state_out(row.get(2)?)?.as_str());
                    hash_copies(&view, id, &mut hash)?;
                    hash_message(&view, &self.unpacker, id, &mut hash)?;
                    hash.update(terms.get(&id).copied().unwrap_or_default().to_le_bytes());
                }
            }
        }
        Ok(hex(&hash.finalize()))
    }
}

/// What is wrong between the index and the records it is about: every opened record is in it once, with its time.
fn index_findings(conn: &Connection) -> Result<Vec<String>> {
    let mut found: HashMap<i64, (i64, i64)> = HashMap::new();
    let (mut twice, mut wrong) = (0, 0);
    Asker::new(conn)?.entries(|entry| {
        twice += u64::from(found.insert(entry.record, (entry.seq, entry.time)).is_some());
    })?;
    let mut missing = 0;
    let mut statement = conn.prepare("SELECT record, seq, time FROM message")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match found.remove(&row.get(0)?) {
            None => missing += 1,
            Some(entry) => wrong += u64::from(entry != (row.get(1)?, row.get(2)?)),
        }
    }
    let findings = [
        ("records twice in the index", twice),
        ("messages not in the index", missing),
        ("messages with another seq or time in the index", wrong),
        ("records in the index without a message", found.len() as u64),
    ];
    Ok(findings
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|(rule, count)| format!("{rule}: {count}"))
        .collect())
}

/// One number per record, whatever the order of its terms: the sum of a digest of each term and its place. Terms
/// that hold row numbers are left out; what they stand for is hashed as names.
fn index_digests(conn: &Connection) -> Result<HashMap<i64, u128>> {
    let mut digests: HashMap<i64, u128> = HashMap::new();
    Asker::new(conn)?.everything(|entry, term, place| {
        let sum = digests.entry(entry.record).or_default();
        let wide = if is_logical(term) {
            u128::from(term) << 64
        } else {
            0
        };
        *sum = sum.wrapping_add(mix(mix(wide) ^ u128::from(place)));
    })?;
    Ok(digests)
}

/// Spreads every bit over all of them (not a secret's hash: what is summed up here also stands in the bytes).
fn mix(mut number: u128) -> u128 {
    for _ in 0..3 {
        number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        number ^= number >> 61;
    }
    number
}

fn hash_strays(conn: &Connection, company: i64, hash: &mut Sha256) -> Result<()> {
    let mut statement = conn.prepare_cached("SELECT raw FROM stray WHERE company = ? ORDER BY sha256")?;
    let mut rows = statement.query([company])?;
    while let Some(row) = rows.next()? {
        feed(hash, row, 0..1)?;
    }
    Ok(())
}

/// All copies as a set: which of them is the current one may depend on the order of arrival. Each is digested
/// from what is kept, and must still have the digest it was landed with; where the original was let go after
/// opening, the digest stands for it.
fn hash_copies(conn: &Connection, record: i64, hash: &mut Sha256) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT r.seq, r.sha256, r.msgid, r.version, s.random_key, s.body, s.odd
           FROM record r LEFT JOIN sealed s ON s.record = r.id WHERE r.id = ?1
         UNION ALL
         SELECT r.seq, v.sha256, v.msgid, v.version, v.random_key, v.body, v.odd
           FROM variant v JOIN record r ON r.id = v.record WHERE v.record = ?1
         ORDER BY 2",
    )?;
    let mut rows = statement.query([record])?;
    while let Some(row) = rows.next()? {
        let landed: Vec<u8> = row.get(1)?;
        if row.get_ref(5)? != ValueRef::Null {
            let sealed = Sealed {
                seq: seq_out(row.get(0)?),
                msgid: row.get(2)?,
                key_version: KeyVersion(row.get(3)?),
                random_key: kept(row, 4)?,
                body: kept(row, 5)?,
                odd: row.get(6)?,
            };
            if land::digest(&sealed) != landed {
                return Err(StoreError::Damaged(format!(
                    "what was landed for seq {} has changed",
                    sealed.seq
                )));
            }
        }
        hash.update(landed);
    }
    Ok(())
}

fn hash_message(conn: &Connection, unpacker: &Unpacker, record: i64, hash: &mut Sha256) -> Result<()> {
    let mut statement = conn.prepare_cached("SELECT dictionary, body FROM plaintext WHERE record = ?")?;
    let mut rows = statement.query([record])?;
    if let Some(row) = rows.next()? {
        let body = unpacker.body(conn, row, 0, 1)?;
        hash.update((body.len() as u64).to_le_bytes());
        hash.update(&body);
    }
    let sections: [(&str, usize); 2] = [
        (
            "SELECT m.time, p.key, c.kind, c.key, a.hash, t.text, n.text, m.scope, m.direction, m.flags,
               m.flaws, m.msgid, (SELECT pre_msgid FROM recall WHERE recall.record = m.record)
             FROM message m JOIN person p ON p.id = m.sender
               JOIN chat c ON c.id = m.chat JOIN audience a ON a.id = m.audience JOIN word t ON t.id = m.type
               JOIN word n ON n.id = m.action WHERE m.record = ?",
            13,
        ),
        (
            "SELECT p.key FROM message m JOIN audience_member am ON am.audience = m.audience
               JOIN person p ON p.id = am.person WHERE m.record = ? ORDER BY p.key",
            1,
        ),
    ];
    for (sql, columns) in sections {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query([record])?;
        while let Some(row) = rows.next()? {
            feed(hash, row, 0..columns)?;
        }
        hash.update([0xFF]);
    }
    Ok(())
}

/// Columns with their kind and length, so that no two rows read the same.
fn feed(hash: &mut Sha256, row: &Row<'_>, columns: std::ops::Range<usize>) -> Result<()> {
    for column in columns {
        match row.get_ref(column)? {
            ValueRef::Null => hash.update([0]),
            ValueRef::Integer(number) => {
                hash.update([1]);
                hash.update(number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                hash.update([2]);
                hash.update(number.to_le_bytes());
            }
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                hash.update([3]);
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
    }
    Ok(())
}
