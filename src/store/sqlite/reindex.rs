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
//! A damaged record does not stop the others, and no damage passes for sound afterwards. When the body is damaged, its
//! columns and their guard stay as they are, and they are all that it is found by. When the guard does not fit the
//! columns, the row stays as it is, for `repair` to mend, and the index has what the body says. Whoever reads one of
//! them is told so, as before. A damaged part of the index ends it with the advice to build the index anew, which writes all
//! of it by the present rules.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{
    Reader, Store,
    again::Kept,
    codes::OPENED,
    consent,
    derive::{self, Derived},
    index::{self, Doc, Entry, Segment, Texts},
    intern::Interner,
    pack::Unpacker,
    reopened,
};
#[cfg(test)]
use crate::ids::RecordId;
use crate::{
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
    /// As the old segment has it.
    entry: Entry,
    /// `None` when it is not open, or its row cannot be read.
    kept: Option<Kept>,
    /// The guard of the row when it does not fit.
    doubted_guard: Option<i64>,
    /// `None` when the body is damaged.
    derived: Option<Derived>,
}

impl Fresh {
    fn of(conn: &Connection, unpacker: &Unpacker, entry: Entry) -> Result<Self> {
        let kept = or_damaged(Kept::of(conn, unpacker, entry.record))?.flatten();
        let (mut doubted_guard, mut derived) = (None, None);
        if let Some(kept) = &kept {
            doubted_guard = kept.doubted_guard(conn, unpacker)?;
            derived = kept.derived();
        }
        Ok(Self {
            entry,
            kept,
            doubted_guard,
            derived,
        })
    }

    /// False when it was opened, repaired or given its digest in between.
    fn is_current(&self, conn: &Connection) -> Result<bool> {
        let Some(kept) = &self.kept else { return Ok(false) };
        let now = conn
            .prepare_cached(
                "SELECT m.guard, p.sha256 FROM plaintext p JOIN record r ON r.id = p.record
                   LEFT JOIN message m ON m.record = p.record WHERE p.record = ? AND r.state = ?",
            )?
            .query_row([self.entry.record, OPENED], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (guard, body_sha256): (Option<i64>, Option<Vec<u8>>) = match now {
            Some(now) => now,
            None => return Ok(false),
        };
        Ok((guard, body_sha256) == (kept.guard, kept.body_sha256.clone()))
    }

    /// Writes what follows from it; what goes into the index is returned. `None` when it went back to be opened again.
    fn write(self, tx: &Transaction<'_>, interner: &mut Interner<'_>) -> Result<Option<Doc>> {
        let record = self.entry.record;
        if let (Some(kept), Some(mut derived)) = (&self.kept, self.derived) {
            let doc = derive::write_again(tx, interner, &kept.told(self.doubted_guard), &mut derived)?;
            if kept
                .message
                .as_ref()
                .is_some_and(|message| message.consent.is_some())
            {
                consent::look_again(tx, kept.company, record)?;
            }
            reopened::has_text(tx, record)?;
            return Ok(Some(doc));
        }
        if reopened::take_indexed(tx, record)? {
            reopened::has_text(tx, record)?;
            return Ok(None);
        }
        reopened::is_without_text(tx, record)?;
        let doc = or_damaged(derive::without_text(tx, record))?.flatten();
        // Without columns it is found among all messages, and whoever reads it is told what is wrong.
        Ok(Some(doc.unwrap_or(Doc {
            entry: self.entry,
            facts: Vec::new(),
            texts: Texts::default(),
        })))
    }
}

/// `None` for a row that cannot be read.
fn or_damaged<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(StoreError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
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
            let row = Fresh::of(&view, &self.unpacker, *entry)?;
            held += row.kept.as_ref().map_or(0, |kept| kept.bytes);
            rows.push(row);
        }
        Ok(Some(ReindexBatch {
            segment: segment.id,
            from: segment.moved,
            to,
            rows,
        }))
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
        let Some(mut segment) = segment_at(&tx, batch.segment, batch.from)? else {
            return Ok(0);
        };
        let mut interner = Interner::new(&tx, names);
        let mut index = index::Builder::new(&tx);
        for row in batch.rows {
            let row = match row.is_current(&tx)? {
                true => row,
                false => Fresh::of(&tx, &self.reader.unpacker, row.entry)?,
            };
            if let Some(doc) = row.write(&tx, &mut interner)? {
                index.add(doc)?;
            }
        }
        if batch.to >= segment.docs {
            segment.remove(&tx)?;
        } else {
            segment.set_moved(&tx, batch.to)?;
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
            let kept = Kept::of(&tx, &self.reader.unpacker, record)?.expect("opened");
            let segments = kept.message.expect("a body").segments;
            let mut doc = derive::without_text(&tx, record)?.expect("there");
            doc.texts = index::Texts::folded(
                segments
                    .iter()
                    .map(|segment| (words::fold_by_version_2(&segment.text), segment.places.0)),
            );
            index.add(doc)?;
        }
        index.finish()?;
        tx.execute_batch(
            "UPDATE index_segment SET words = 2, sum = NULL; DELETE FROM fact WHERE name = 'names';
             UPDATE fact SET value = '2' WHERE name = 'words'",
        )?;
        for segment in Segment::all(&tx)? {
            segment.write_sums(&tx)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Gives a row the guard of what it says now.
    pub(in crate::store) fn guard_as_it_is(&self, record: RecordId) -> Result<bool> {
        super::guard::write_guard(&self.reader.conn, record.0)
    }
}
