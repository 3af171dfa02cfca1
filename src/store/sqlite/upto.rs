//! Digests over what landed and what is open up to a seq. They rest on what is fixed when a record lands or is opened, so
//! re-indexing, repair, restoring and letting sealed originals go change nothing. docs/digest.md describes the format.

use rusqlite::{Connection, Row, types::ValueRef};
use sha2::{Digest, Sha256};

use super::{
    Reader,
    codes::{OPENED, seq_in, seq_out},
    guard::Checked,
    land,
    pack::{Unpacker, kept},
};
use crate::{
    ids::{CompanyId, KeyVersion, Seq},
    record::Sealed,
    store::{
        Result, StoreError,
        contract::{
            Damage,
            digest::{DigestUpTo, SetDigest},
            verify::{About, Fault, Finding, Repair},
        },
    },
};

/// First field of each digest, so that neither can be taken for the other or for anything else.
const LANDED: &str = "shiguan digest 1 landed";
const OPEN: &str = "shiguan digest 1 open";

impl Reader {
    /// The digests of a company's records up to a seq. `tell` hears of every damaged record as it is met. Reads the records,
    /// their originals and bodies as of one moment, and holds one record in memory at a time.
    pub fn digest_upto(
        &self,
        company: CompanyId,
        upto: Seq,
        tell: &mut dyn FnMut(&Finding),
    ) -> Result<DigestUpTo> {
        let view = self.view()?;
        let (name, corpid, cursor): (String, String, i64) = view.query_row(
            "SELECT name, corpid, cursor FROM company WHERE id = ?",
            [company.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let mut found = Found {
            company,
            landed: Set::begin(LANDED, &name, &corpid, upto),
            open: Set::begin(OPEN, &name, &corpid, upto),
            other_copies: 0,
            damaged: 0,
            tell,
        };
        match found.read(&view, &self.unpacker, upto) {
            Ok(()) => {}
            // Behind a damaged page nobody knows what else there was.
            Err(StoreError::Damaged(what)) => {
                found.tell(
                    About::Table("record".to_owned()),
                    Fault::Engine(what),
                    Repair::Backup,
                );
                found.landed.is_damaged = true;
                found.open.is_damaged = true;
            }
            Err(error) => return Err(error),
        }
        Ok(DigestUpTo {
            company: name,
            corpid,
            upto,
            landed: found.landed.end(),
            other_copies: found.other_copies,
            open: found.open.end(),
            cursor: seq_out(cursor),
            gaps: open_gaps(&view, company, upto)?,
            damaged: found.damaged,
        })
    }
}

/// What has been hashed so far.
struct Found<'a> {
    company: CompanyId,
    landed: Set,
    open: Set,
    other_copies: u64,
    damaged: u64,
    tell: &'a mut dyn FnMut(&Finding),
}

impl Found<'_> {
    fn tell(&mut self, about: About, fault: Fault, repair: Repair) {
        self.damaged += 1;
        (self.tell)(&Finding { about, fault, repair });
    }

    fn read(&mut self, conn: &Connection, unpacker: &Unpacker, upto: Seq) -> Result<()> {
        let last = seq_in(upto);
        // First the seqs below 2^63, then the ones that are negative in the column.
        let ranges = match last {
            0.. => vec![(0, last)],
            _ => vec![(0, i64::MAX), (i64::MIN, last)],
        };
        for (first, last) in ranges {
            let mut statement = conn.prepare(
                "SELECT id, seq, twin FROM record WHERE company = ? AND seq BETWEEN ? AND ? ORDER BY seq, twin",
            )?;
            let mut rows = statement.query([self.company.0, first, last])?;
            while let Some(row) = rows.next()? {
                let (id, seq, twin) = (row.get(0)?, row.get(1)?, row.get(2)?);
                match Landed::read(conn, id, seq, twin) {
                    Ok(landed) => self.add(conn, unpacker, &landed)?,
                    Err(StoreError::Damaged(what)) => {
                        let about = About::Record(self.company, seq_out(seq));
                        let fault = Fault::Damage(Damage::RowUnreadable(what));
                        self.tell(about, fault, Repair::Backup);
                        self.landed.is_damaged = true;
                        self.open.is_damaged = true;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, conn: &Connection, unpacker: &Unpacker, record: &Landed) -> Result<()> {
        self.landed.add_landed(record);
        self.other_copies += record.others.len() as u64;
        let about = About::Record(self.company, record.seq);
        // A row that is its guard's attests its SHA-256 also when the original behind it has changed.
        let is_attested;
        if record.state == OPENED {
            let checked = Checked::of(conn, unpacker, record.id)?;
            is_attested = checked.has_guard && checked.damage.is_none();
            if let Some(damage) = checked.damage {
                let repair = match &damage {
                    Damage::Columns(names) if names.contains(&"record") => Repair::Backup,
                    Damage::Columns(_) => Repair::Record,
                    _ if record.current.is_whole == Some(true) => Repair::Record,
                    _ => Repair::Backup,
                };
                self.landed.is_damaged |= matches!(damage, Damage::Columns(_) | Damage::RowUnreadable(_));
                self.open.is_damaged = true;
                self.tell(about.clone(), Fault::Damage(damage), repair);
            } else if let Some(body) = &checked.body {
                self.open.add_open(record, body);
            }
        } else {
            is_attested = false;
            let has_message: bool = conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM message WHERE record = ?)")?
                .query_row([record.id], |row| row.get(0))?;
            if has_message {
                let fault = Fault::Damage(Damage::Columns(vec!["state"]));
                self.tell(about.clone(), fault, Repair::Backup);
                self.open.is_damaged = true;
            }
        }
        let fault = match record.current.is_whole {
            Some(false) => Some((Fault::Original, is_attested)),
            None if record.state != OPENED => Some((Fault::NoOriginal, false)),
            _ => None,
        };
        if let Some((fault, is_attested)) = fault {
            let repair = match is_attested {
                true => Repair::Nothing,
                false => Repair::Backup,
            };
            self.tell(about.clone(), fault, repair);
            self.landed.is_damaged |= !is_attested;
            self.open.is_damaged |= !is_attested;
        }
        if record.others.iter().any(|copy| copy.is_whole == Some(false)) {
            self.tell(about, Fault::Copy, Repair::Backup);
            self.landed.is_damaged = true;
        }
        Ok(())
    }
}

/// A record as it landed, with all of its copies.
struct Landed {
    id: i64,
    seq: Seq,
    twin: i64,
    state: i64,
    current: Copy,
    others: Vec<Copy>,
}

/// One copy of what was landed.
struct Copy {
    msgid: String,
    version: KeyVersion,
    sha256: [u8; 32],
    /// Does the kept original still have that SHA-256? `None`: it was let go.
    is_whole: Option<bool>,
}

impl Landed {
    fn read(conn: &Connection, id: i64, seq: i64, twin: i64) -> Result<Self> {
        let mut statement = conn.prepare_cached(
            "SELECT r.msgid, r.version, r.sha256, s.random_key, s.body, s.odd, r.seq, r.twin, r.state
             FROM record r LEFT JOIN sealed s ON s.record = r.id WHERE r.id = ?",
        )?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else {
            return Err(StoreError::Damaged("its row is missing".to_owned()));
        };
        if (row.get::<_, i64>(6)?, row.get::<_, i64>(7)?) != (seq, twin) {
            return Err(StoreError::Damaged(
                "its row has another seq than its index".to_owned(),
            ));
        }
        let seq = seq_out(seq);
        let current = Copy::of(seq, row)?;
        let state = row.get(8)?;
        let mut statement = conn.prepare_cached(
            "SELECT msgid, version, sha256, random_key, body, odd FROM variant WHERE record = ? ORDER BY sha256",
        )?;
        let mut rows = statement.query([id])?;
        let mut others = Vec::new();
        while let Some(row) = rows.next()? {
            others.push(Copy::of(seq, row)?);
        }
        Ok(Self {
            id,
            seq,
            twin,
            state,
            current,
            others,
        })
    }
}

impl Copy {
    /// Out of msgid, version, sha256, random_key, body, odd.
    fn of(seq: Seq, row: &Row<'_>) -> Result<Self> {
        let msgid: String = row.get(0)?;
        let version = KeyVersion(row.get(1)?);
        let sha256: [u8; 32] = row.get(2)?;
        let is_whole = match row.get_ref(4)? {
            ValueRef::Null => None,
            _ => {
                let sealed = Sealed {
                    seq,
                    msgid: msgid.clone(),
                    key_version: version,
                    random_key: kept(row, 3)?,
                    body: kept(row, 4)?,
                    odd: row.get(5)?,
                };
                Some(land::digest(&sealed) == sha256)
            }
        };
        Ok(Self {
            msgid,
            version,
            sha256,
            is_whole,
        })
    }
}

/// A digest under way: numbers as 8 bytes, texts and bytes with their length in front.
struct Set {
    hash: Sha256,
    records: u64,
    is_damaged: bool,
}

impl Set {
    fn begin(domain: &str, company: &str, corpid: &str, upto: Seq) -> Self {
        let mut set = Self {
            hash: Sha256::new(),
            records: 0,
            is_damaged: false,
        };
        for text in [domain, company, corpid] {
            set.bytes(text.as_bytes());
        }
        set.number(upto.0);
        set
    }

    fn number(&mut self, number: u64) {
        self.hash.update(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hash.update(bytes);
    }

    fn copy(&mut self, copy: &Copy) {
        self.bytes(copy.msgid.as_bytes());
        self.number(copy.version.0.into());
        self.hash.update(copy.sha256);
    }

    /// All copies as a set: which of them is the current one may change while the record is not open.
    fn add_landed(&mut self, record: &Landed) {
        self.records += 1;
        self.number(record.seq.0);
        self.number(record.twin.unsigned_abs());
        self.number(record.others.len() as u64 + 1);
        let mut copies: Vec<&Copy> = record.others.iter().chain([&record.current]).collect();
        copies.sort_by_key(|copy| copy.sha256);
        for copy in copies {
            self.copy(copy);
        }
    }

    /// The copy that was opened stays the current one.
    fn add_open(&mut self, record: &Landed, body: &[u8]) {
        self.records += 1;
        self.number(record.seq.0);
        self.number(record.twin.unsigned_abs());
        self.copy(&record.current);
        self.hash.update(Sha256::digest(body));
    }

    /// Every record is at least 8 bytes more, so the number behind the last one is no record.
    fn end(mut self) -> SetDigest {
        self.number(self.records);
        SetDigest {
            records: self.records,
            sha256: (!self.is_damaged).then(|| self.hash.finalize().into()),
        }
    }
}

fn open_gaps(conn: &Connection, company: CompanyId, upto: Seq) -> Result<u64> {
    let mut statement = conn.prepare_cached("SELECT first FROM gap WHERE company = ? AND state = 0")?;
    let firsts = statement
        .query_map([company.0], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    Ok(firsts.into_iter().filter(|first| seq_out(*first) <= upto).count() as u64)
}
