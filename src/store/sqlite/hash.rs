//! Two questions about the archive as a whole: is it sound, and is it the same as another one.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::{
    Reader,
    codes::{seq_out, state_out},
    land,
    migrate::hex,
};
use crate::{
    ids::KeyVersion,
    record::Sealed,
    store::{Result, StoreError},
};

/// What must hold between tables, each as a count of the rows for which it does not.
const RULES: [(&str, &str); 6] = [
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
        "records without what was landed",
        "SELECT count(*) FROM record WHERE id NOT IN (SELECT record FROM sealed)",
    ),
    (
        "states whose tally is wrong",
        "SELECT count(*) FROM (SELECT company, state, count(*) AS n FROM record GROUP BY company, state) c
         FULL JOIN (SELECT * FROM tally WHERE count <> 0) t ON t.company = c.company AND t.state = c.state
         WHERE c.n IS NOT t.count",
    ),
    (
        "records beyond the cursor of their company",
        "SELECT count(*) FROM record r JOIN company c ON c.id = r.company
         WHERE (r.seq < 0) > (c.cursor < 0) OR ((r.seq < 0) = (c.cursor < 0) AND r.seq > c.cursor)",
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
                    "SELECT id, seq, state FROM record WHERE company = ? AND {sign} ORDER BY seq"
                ))?;
                let mut records = statement.query([company])?;
                while let Some(row) = records.next()? {
                    let id: i64 = row.get(0)?;
                    hash.update(row.get::<_, i64>(1)?.to_le_bytes());
                    hash.update(state_out(row.get(2)?)?.as_str());
                    hash_copies(&view, id, &mut hash)?;
                    hash_message(&view, id, &mut hash)?;
                    hash.update(terms.get(&id).copied().unwrap_or_default().to_le_bytes());
                }
            }
        }
        Ok(hex(&hash.finalize()))
    }
}

/// One number per document, whatever the order of its terms: the sum of a digest of each term and its place.
fn index_digests(conn: &Connection) -> Result<HashMap<i64, u128>> {
    conn.execute_batch(
        "DROP TABLE IF EXISTS temp.index_terms;
         CREATE VIRTUAL TABLE temp.index_terms USING fts5vocab(main, text_index, instance)",
    )?;
    let mut digests: HashMap<i64, u128> = HashMap::new();
    let mut statement = conn.prepare("SELECT doc, term, col, offset FROM temp.index_terms")?;
    let mut rows = statement.query([])?;
    // Terms come in order, so each is digested once.
    let (mut term, mut term_digest) = (String::new(), 0u128);
    while let Some(row) = rows.next()? {
        let found = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if found != term {
            term = found.to_owned();
            let digest = Sha256::digest(found.as_bytes());
            term_digest = digest
                .iter()
                .take(16)
                .fold(0, |number, byte| number << 8 | u128::from(*byte));
        }
        let column = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        let place = column.bytes().fold(row.get::<_, i64>(3)? as u128, |sum, byte| {
            sum.wrapping_mul(257).wrapping_add(u128::from(byte) << 40)
        });
        let sum = digests.entry(row.get(0)?).or_default();
        *sum = sum.wrapping_add(mix(term_digest ^ mix(place)));
    }
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
/// from what is kept, and must still have the digest it was landed with.
fn hash_copies(conn: &Connection, record: i64, hash: &mut Sha256) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT r.seq, r.sha256, r.msgid, r.version, s.random_key, s.body, s.odd
           FROM record r JOIN sealed s ON s.record = r.id WHERE r.id = ?1
         UNION ALL
         SELECT r.seq, v.sha256, v.msgid, v.version, v.random_key, v.body, v.odd
           FROM variant v JOIN record r ON r.id = v.record WHERE v.record = ?1
         ORDER BY 2",
    )?;
    let mut rows = statement.query([record])?;
    while let Some(row) = rows.next()? {
        let sealed = Sealed {
            seq: seq_out(row.get(0)?),
            msgid: row.get(2)?,
            key_version: KeyVersion(row.get(3)?),
            random_key: row.get(4)?,
            body: row.get(5)?,
            odd: row.get(6)?,
        };
        let digest = land::digest(&sealed);
        if digest != row.get::<_, Vec<u8>>(1)? {
            return Err(StoreError::Damaged(format!(
                "what was landed for seq {} has changed",
                sealed.seq
            )));
        }
        hash.update(digest);
    }
    Ok(())
}

fn hash_message(conn: &Connection, record: i64, hash: &mut Sha256) -> Result<()> {
    let sections: [(&str, usize); 3] = [
        (
            "SELECT b.body, m.time, p.key, c.kind, c.key, a.hash, t.text, n.text, m.scope, m.direction, m.flags,
               m.flaws, m.msgid, (SELECT pre_msgid FROM recall WHERE recall.record = m.record)
             FROM message m JOIN plaintext b ON b.record = m.record JOIN person p ON p.id = m.sender
               JOIN chat c ON c.id = m.chat JOIN audience a ON a.id = m.audience JOIN word t ON t.id = m.type
               JOIN word n ON n.id = m.action WHERE m.record = ?",
            14,
        ),
        (
            "SELECT p.key FROM message m JOIN audience_member am ON am.audience = m.audience
               JOIN person p ON p.id = am.person WHERE m.record = ? ORDER BY p.key",
            1,
        ),
        (
            "SELECT kind, sdkfileid, md5, size, filename, seconds, depth FROM media WHERE record = ? ORDER BY ord",
            7,
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
    use rusqlite::types::ValueRef;
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
