//! Deriving again in the background, when the rules of reading, folding or indexing changed ([`words::VERSION`]).
//!
//! ```text
//! segment of old rules: [ moved │ not yet moved ]        segments of the present rules: [ … ][ … ][ moved + new ]
//! ```
//!
//! Every segment of the index carries the number of the rules it was written by. A batch takes the next records of an old
//! segment (from where `moved` stands), reads their kept bytes anew, and in **one transaction** writes what follows from them (their
//! columns, recalls, a segment of the present rules) and moves the mark. A record is always in exactly one visible place:
//! before the mark in the new segment, behind it in the old one. So
//!
//! * a process that is killed anywhere has done whole batches, and whoever comes next goes on;
//! * several processes may work at once: a batch that another one did meanwhile is put aside and prepared anew;
//! * bytes are unpacked, read and folded outside the transaction: the writer is held for the writing alone, and a pull
//!   beside it goes on;
//! * an answer is exact in each part by the rules of that part ([`words::Asks`]), and its coverage says how many
//!   messages are still under the old ones.
//!
//! Old segments are never merged; one whose records have all moved is removed. Newest segments go first, because recent
//! messages are asked for most. Names in the directory are folded anew first, all of them in one transaction.
//!
//! A body that can no longer be read does not stop the others: its message stays findable by everything but its text, and
//! counts as one whose payload could not be read.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    Reader, Store,
    codes::{MSGID_DIFFERS, PAYLOAD_UNREAD},
    derive::{self, Derived},
    index::{self, Segment},
    intern::Interner,
};
use crate::{
    ids::{CompanyId, RecordId},
    message,
    store::{Result, StoreError, contract::Reindex},
    words,
};

/// Bytes of bodies in a batch; a single body may be larger.
const BATCH_BYTES: usize = 4 << 20;
/// The fact that says by which rules the names of the directory are folded.
const NAMES: &str = "names";
/// The fact that says by which rules all of the index is written.
const WORDS: &str = "words";

/// The next records of an old segment, read and derived anew, to be written with [`Store::reindex`].
pub struct ReindexBatch {
    segment: i64,
    /// The mark it began at, and the one it ends at.
    from: u32,
    to: u32,
    rows: Vec<Fresh>,
}

struct Fresh {
    record: i64,
    company: i64,
    seq: i64,
    msgid: String,
    landed_at: i64,
    /// `None` when the body cannot be read.
    derived: Option<Derived>,
    consents: bool,
}

impl Reader {
    /// How far the index is written by this program's rules.
    pub fn reindex_state(&self) -> Result<Reindex> {
        let view = self.view()?;
        state(&view)
    }

    /// False when the text index or the names were written by other rules than this program asks by. Searches are exact
    /// all the same, each part by its own rules.
    pub fn index_is_current(&self) -> Result<bool> {
        let view = self.view()?;
        Ok(is_current(&view, WORDS)? && is_current(&view, NAMES)? && state(&view)?.left == 0)
    }

    /// Prepares the next batch, of so many records at most; `None` when no record is left.
    pub fn reindex_next(&self, most: usize) -> Result<Option<ReindexBatch>> {
        let view = self.view()?;
        let Some(segment) = next_segment(&view)? else {
            return Ok(None);
        };
        let entries = segment.all_entries(&view)?;
        let (mut rows, mut held, mut to) = (Vec::new(), 0, segment.moved);
        for entry in entries.iter().skip(segment.moved as usize).take(most.max(1)) {
            if held >= BATCH_BYTES {
                break;
            }
            to += 1;
            // A record that is gone has nothing to move.
            if let Some((row, bytes)) = self.fresh(&view, entry.record)? {
                held += bytes;
                rows.push(row);
            }
        }
        Ok(Some(ReindexBatch {
            segment: segment.id,
            from: segment.moved,
            to,
            rows,
        }))
    }

    fn fresh(&self, view: &Connection, record: i64) -> Result<Option<(Fresh, usize)>> {
        let mut statement = view.prepare_cached(
            "SELECT r.company, r.seq, r.msgid, m.flags & ?2, r.landed_at, p.body, p.dictionary
             FROM record r JOIN message m ON m.record = r.id JOIN plaintext p ON p.record = r.id WHERE r.id = ?1",
        )?;
        let mut rows = statement.query(params![record, MSGID_DIFFERS])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let body = match self.unpacker.body(view, row, 6, 5) {
            Ok(body) => Some(body),
            Err(StoreError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        let bytes = body.as_ref().map_or(0, Vec::len);
        let message = body.map(|body| message::read(&body));
        let msgid_differs = row.get::<_, i64>(3)? != 0;
        let fresh = Fresh {
            record,
            company: row.get(0)?,
            seq: row.get(1)?,
            msgid: row.get(2)?,
            landed_at: row.get(4)?,
            consents: message.as_ref().is_some_and(|message| message.consent.is_some()),
            derived: message.map(|message| Derived::new(&message, msgid_differs)),
        };
        Ok(Some((fresh, bytes)))
    }
}

impl Store {
    /// Folds the names of the directory by the present rules, when they are folded by others. Does nothing otherwise.
    pub fn refold_names(&mut self) -> Result<()> {
        if is_current(&self.reader.conn, NAMES)? {
            return Ok(());
        }
        let tx = self.begin()?;
        super::people::fold_again(&tx)?;
        set_current(&tx, NAMES)?;
        tx.commit()?;
        Ok(())
    }

    /// Writes a batch in one transaction; returns how many records moved, 0 when another process did it meanwhile.
    pub fn reindex(&mut self, batch: ReindexBatch) -> Result<u64> {
        let names = std::mem::take(&mut self.names);
        let tx = self.begin()?;
        let Some(segment) = segment_at(&tx, batch.segment, batch.from)? else {
            return Ok(0);
        };
        let mut interner = Interner::new(&tx, names);
        let mut index = index::Builder::new(&tx);
        for row in batch.rows {
            let told = derive::Told {
                record: RecordId(row.record),
                company: CompanyId(row.company),
                seq: row.seq,
                outer_msgid: &row.msgid,
                landed_at: row.landed_at,
            };
            let doc = match row.derived {
                Some(mut derived) => derive::write_again(&tx, &mut interner, &told, &mut derived)?,
                None => {
                    tx.prepare_cached("UPDATE message SET flaws = flaws | ? WHERE record = ?")?
                        .execute([PAYLOAD_UNREAD, row.record])?;
                    derive::without_text(&tx, &told)?
                }
            };
            // It may have been opened otherwise in between.
            let Some(doc) = doc else { continue };
            index.add(doc)?;
            if row.consents {
                tx.prepare_cached(
                    "INSERT OR IGNORE INTO consent_late (company, record) SELECT company, ?1 FROM consent_mark
                     WHERE company = ?2 AND record >= ?1",
                )?
                .execute([row.record, row.company])?;
            }
        }
        if batch.to >= segment.docs {
            segment.remove(&tx)?;
        } else {
            tx.prepare_cached("UPDATE index_segment SET moved = ? WHERE id = ?")?
                .execute([i64::from(batch.to), segment.id])?;
        }
        index.finish()?;
        let names = interner.into_names();
        tx.commit()?;
        self.names = names;
        Ok(u64::from(batch.to - batch.from))
    }

    /// Notes that nothing is left; false when something is.
    pub fn reindex_done(&mut self) -> Result<bool> {
        if self.index_is_current()? {
            return Ok(true);
        }
        let tx = self.begin()?;
        if next_segment(&tx)?.is_some() || !is_current(&tx, NAMES)? {
            return Ok(false);
        }
        set_current(&tx, WORDS)?;
        tx.commit()?;
        Ok(true)
    }
}

/// Of one moment.
pub(super) fn state(conn: &Connection) -> Result<Reindex> {
    let mut state = Reindex::default();
    for segment in Segment::all(conn)? {
        let docs = u64::from(segment.docs.saturating_sub(segment.moved));
        state.messages += docs;
        if segment.words != words::VERSION {
            state.left += docs;
        }
    }
    Ok(state)
}

/// What a whole derivation in one transaction has made current.
pub(super) fn set_all_current(tx: &Transaction<'_>) -> Result<()> {
    set_current(tx, NAMES)?;
    set_current(tx, WORDS)
}

/// The names were folded by the present rules.
pub(super) fn set_names_current(tx: &Transaction<'_>) -> Result<()> {
    set_current(tx, NAMES)
}

fn is_current(conn: &Connection, fact: &str) -> Result<bool> {
    let version: Option<String> = conn
        .prepare_cached("SELECT value FROM fact WHERE name = ?")?
        .query_row([fact], |row| row.get(0))
        .optional()?;
    Ok(version.is_some_and(|version| version == words::VERSION.to_string()))
}

fn set_current(tx: &Transaction<'_>, fact: &str) -> Result<()> {
    tx.prepare_cached("INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")?
        .execute([fact, &words::VERSION.to_string()])?;
    Ok(())
}

fn next_segment(conn: &Connection) -> Result<Option<Segment>> {
    let old = Segment::all(conn)?.into_iter().rev();
    Ok(old.into_iter().find(|segment| segment.words != words::VERSION))
}

/// The old segment, if its mark still stands there.
fn segment_at(conn: &Connection, id: i64, moved: u32) -> Result<Option<Segment>> {
    let segment = Segment::all(conn)?.into_iter().find(|segment| segment.id == id);
    Ok(segment.filter(|segment| segment.moved == moved && segment.words != words::VERSION))
}

#[cfg(test)]
impl Store {
    /// The index as version 2 wrote it, folded by its rules, in segments of so many records.
    pub(in crate::store) fn write_by_version_2(&mut self, each: usize) -> Result<()> {
        let tx = self.begin()?;
        let records = tx
            .prepare("SELECT record FROM message ORDER BY record")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        index::clear(&tx)?;
        let mut index = index::Builder::new(&tx);
        for (at, record) in records.into_iter().enumerate() {
            if at > 0 && at % each == 0 {
                std::mem::replace(&mut index, index::Builder::new(&tx)).finish()?;
            }
            let (row, _) = self.reader.fresh(&tx, record)?.expect("opened");
            let told = derive::Told {
                record: RecordId(row.record),
                company: CompanyId(row.company),
                seq: row.seq,
                outer_msgid: &row.msgid,
                landed_at: row.landed_at,
            };
            let mut statement = tx.prepare("SELECT body, dictionary FROM plaintext WHERE record = ?")?;
            let mut rows = statement.query([record])?;
            let body = self
                .reader
                .unpacker
                .body(&tx, rows.next()?.expect("a body"), 1, 0)?;
            let segments = message::read(&body).segments;
            let mut doc = derive::without_text(&tx, &told)?.expect("there");
            doc.texts = index::Texts::folded(
                segments
                    .iter()
                    .map(|segment| (words::fold_by_version_2(&segment.text), segment.places.0)),
            );
            index.add(doc)?;
        }
        index.finish()?;
        tx.execute_batch("UPDATE index_segment SET words = 2; DELETE FROM fact WHERE name = 'names'; UPDATE fact SET value = '2' WHERE name = 'words'")?;
        tx.commit()?;
        Ok(())
    }
}
