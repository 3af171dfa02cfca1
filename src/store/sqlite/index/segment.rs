//! One segment on disk: blocks of terms, blocks of docs, and the way to them.

use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::{
    codec::{damaged, put, put_signed, take, take_signed},
    term::has_places,
};
use crate::{store::Result, words};

/// Docs in a block.
pub(super) const DOCS: u32 = 256;
/// Room for a block's number below that of its segment.
const NUMBER: u32 = 24;
/// With the row's own header, the greatest block of terms still fits one page of 4096 bytes.
const FULL: usize = 3_960;

/// What the index keeps of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Entry {
    /// Its row.
    pub record: i64,
    /// As in the column.
    pub seq: i64,
    /// UTC milliseconds; 0 for none.
    pub time: i64,
}

/// A segment's row.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::sqlite) struct Segment {
    pub id: i64,
    /// How many.
    pub docs: u32,
    /// A measure of its size.
    pub postings: u64,
    /// Least time.
    pub first: i64,
    /// Greatest time.
    pub last: i64,
    /// The number of the rules it was written by.
    pub words: u32,
    /// Docs before this one have moved to a segment of newer rules and count no more.
    pub moved: u32,
}

/// A block of docs without its data.
pub(super) struct Bounds {
    pub until: i64,
    pub since: i64,
    pub low: i64,
    pub high: i64,
}

impl Segment {
    /// All of them, oldest first.
    pub(in crate::store::sqlite) fn all(conn: &Connection) -> Result<Vec<Self>> {
        let mut statement = conn.prepare_cached(
            "SELECT id, docs, postings, first, last, words, moved FROM index_segment ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Self {
                id: row.get(0)?,
                docs: row.get(1)?,
                postings: row.get::<_, i64>(2)? as u64,
                first: row.get(3)?,
                last: row.get(4)?,
                words: row.get(5)?,
                moved: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Hands out every list of the terms from `low` to `high`, ascending; a long list comes in several parts.
    pub(in crate::store::sqlite) fn lists(
        &self,
        conn: &Connection,
        (low, high): (u64, u64),
        mut each: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let first: Option<i64> = conn
            .prepare_cached(
                "SELECT block FROM index_key WHERE segment = ?1 AND term >= ?2 ORDER BY term, block LIMIT 1",
            )?
            .query_row([self.id, low as i64], |row| row.get(0))
            .optional()?;
        let Some(first) = first else { return Ok(()) };
        let mut statement =
            conn.prepare_cached("SELECT data FROM index_block WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let mut rows = statement.query([self.id << NUMBER | first, ((self.id + 1) << NUMBER) - 1])?;
        while let Some(row) = rows.next()? {
            let mut block = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            let mut term = 0;
            while !block.is_empty() {
                let (now, list) = take_list(&mut block, term)?;
                term = now;
                if term > high {
                    return Ok(());
                }
                if term >= low {
                    each(term, list)?;
                }
            }
        }
        Ok(())
    }

    /// The entries of some docs of one block, by their places in the segment.
    pub(super) fn entries(
        &self,
        conn: &Connection,
        docs: &[u32],
        mut each: impl FnMut(u32, Entry),
    ) -> Result<()> {
        let Some(&any) = docs.first() else { return Ok(()) };
        let number = any / DOCS;
        let mut statement = conn.prepare_cached("SELECT data FROM index_doc WHERE id = ?")?;
        let mut rows = statement.query([self.id << NUMBER | i64::from(number)])?;
        let row = rows.next()?.ok_or_else(damaged)?;
        let mut data = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let mut entry = Entry {
            record: 0,
            seq: 0,
            time: 0,
        };
        let mut at = number * DOCS;
        for &doc in docs {
            while at <= doc {
                take_entry(&mut data, &mut entry)?;
                at += 1;
            }
            each(doc, entry);
        }
        Ok(())
    }

    /// Between which times a block of docs lies.
    pub(super) fn bounds(&self, conn: &Connection, doc: u32) -> Result<Bounds> {
        conn.prepare_cached("SELECT until, since, low, high FROM index_doc WHERE id = ?")?
            .query_row([self.id << NUMBER | i64::from(doc / DOCS)], |row| {
                Ok(Bounds {
                    until: row.get(0)?,
                    since: row.get(1)?,
                    low: row.get(2)?,
                    high: row.get(3)?,
                })
            })
            .optional()?
            .ok_or_else(damaged)
    }

    /// Every entry, in order.
    pub(in crate::store::sqlite) fn all_entries(&self, conn: &Connection) -> Result<Vec<Entry>> {
        let mut statement =
            conn.prepare_cached("SELECT data FROM index_doc WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let mut rows = statement.query([self.id << NUMBER, ((self.id + 1) << NUMBER) - 1])?;
        let mut entries = Vec::with_capacity(self.docs as usize);
        while let Some(row) = rows.next()? {
            let mut data = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            let mut entry = Entry {
                record: 0,
                seq: 0,
                time: 0,
            };
            while !data.is_empty() {
                take_entry(&mut data, &mut entry)?;
                entries.push(entry);
            }
        }
        if entries.len() == self.docs as usize {
            Ok(entries)
        } else {
            Err(damaged())
        }
    }

    pub(in crate::store::sqlite) fn remove(&self, conn: &Connection) -> Result<()> {
        let blocks = [self.id << NUMBER, ((self.id + 1) << NUMBER) - 1];
        conn.prepare_cached("DELETE FROM index_block WHERE id BETWEEN ?1 AND ?2")?
            .execute(blocks)?;
        conn.prepare_cached("DELETE FROM index_doc WHERE id BETWEEN ?1 AND ?2")?
            .execute(blocks)?;
        conn.prepare_cached("DELETE FROM index_key WHERE segment = ?")?
            .execute([self.id])?;
        conn.prepare_cached("DELETE FROM index_segment WHERE id = ?")?
            .execute([self.id])?;
        Ok(())
    }
}

/// Reads one list of a block, behind the list of `before`.
fn take_list<'b>(block: &mut &'b [u8], before: u64) -> Result<(u64, &'b [u8])> {
    let term = before.checked_add(take(block)?).ok_or_else(damaged)?;
    let length = usize::try_from(take(block)?).map_err(|_| damaged())?;
    let (list, rest) = block.split_at_checked(length).ok_or_else(damaged)?;
    *block = rest;
    Ok((term, list))
}

fn take_entry(data: &mut &[u8], entry: &mut Entry) -> Result<()> {
    entry.record = entry.record.wrapping_add(take_signed(data)?);
    entry.seq = entry.seq.wrapping_add(take_signed(data)?);
    entry.time = entry.time.wrapping_add(take_signed(data)?);
    Ok(())
}

/// Reads a list: each doc and place in it (0 where the kind has none).
#[inline]
pub(in crate::store::sqlite) fn postings(
    term: u64,
    mut list: &[u8],
    mut each: impl FnMut(u32, u32),
) -> Result<()> {
    let (mut doc, mut place) = (0u64, 0u64);
    if has_places(term) {
        while !list.is_empty() {
            let ahead = take(&mut list)?;
            let next = take(&mut list)?;
            place = if ahead == 0 { place + next } else { next };
            doc += ahead;
            // Docs are written one higher, so that the first of a list is always ahead of nothing.
            each((doc - 1) as u32, place as u32);
        }
    } else {
        while !list.is_empty() {
            doc += take(&mut list)?;
            each((doc - 1) as u32, 0);
        }
    }
    Ok(())
}

/// Walks the lists of a segment one by one, for merging.
pub(super) struct Cursor {
    block: Vec<u8>,
    at: usize,
    next: i64,
    end: i64,
    pub(super) term: u64,
    pub(super) list: std::ops::Range<usize>,
    pub(super) done: bool,
}

impl Cursor {
    pub(super) fn new(conn: &Connection, segment: &Segment) -> Result<Self> {
        let mut cursor = Self {
            block: Vec::new(),
            at: 0,
            next: segment.id << NUMBER,
            end: (segment.id + 1) << NUMBER,
            term: 0,
            list: 0..0,
            done: false,
        };
        cursor.advance(conn)?;
        Ok(cursor)
    }

    pub(super) fn list(&self) -> &[u8] {
        &self.block[self.list.clone()]
    }

    pub(super) fn advance(&mut self, conn: &Connection) -> Result<()> {
        if self.at == self.block.len() {
            let mut statement = conn.prepare_cached("SELECT data FROM index_block WHERE id = ?")?;
            let found = if self.next < self.end {
                statement.query_row([self.next], |row| row.get(0)).optional()?
            } else {
                None
            };
            let Some(block) = found else {
                self.done = true;
                return Ok(());
            };
            self.block = block;
            (self.at, self.term) = (0, 0);
            self.next += 1;
        }
        let mut left = &self.block[self.at..];
        let (term, list) = take_list(&mut left, self.term)?;
        let (length, end) = (list.len(), self.block.len() - left.len());
        self.term = term;
        self.list = end - length..end;
        self.at = end;
        Ok(())
    }
}

/// Writes a segment: terms ascending, docs and places of each ascending, the docs themselves in order.
pub(super) struct Writer<'c> {
    id: i64,
    insert_block: CachedStatement<'c>,
    insert_key: CachedStatement<'c>,
    block: Vec<u8>,
    /// Of the last list in the block.
    written: u64,
    blocks: i64,
    term: u64,
    list: Vec<u8>,
    /// Of the last posting in the list; docs one higher.
    doc: u64,
    place: u32,
    postings: u64,
}

impl<'c> Writer<'c> {
    pub(super) fn new(conn: &'c Connection) -> Result<Self> {
        let id = conn
            .prepare_cached(
                "INSERT INTO index_segment (docs, postings, first, last, words) VALUES (0, 0, 0, 0, ?)",
            )?
            .insert([words::VERSION])?;
        Ok(Self {
            id,
            insert_block: conn.prepare_cached("INSERT INTO index_block (id, data) VALUES (?, ?)")?,
            insert_key: conn
                .prepare_cached("INSERT INTO index_key (segment, term, block) VALUES (?, ?, ?)")?,
            block: Vec::with_capacity(FULL + 100),
            written: 0,
            blocks: 0,
            term: 0,
            list: Vec::with_capacity(FULL + 100),
            doc: 0,
            place: 0,
            postings: 0,
        })
    }

    #[inline]
    pub(super) fn push(&mut self, term: u64, doc: u32, place: u32) -> Result<()> {
        if term != self.term {
            self.close_list();
            self.term = term;
        }
        if self.block.len() + self.list.len() > FULL {
            self.close_list();
            self.close_block()?;
        }
        let ahead = u64::from(doc) + 1 - self.doc;
        put(&mut self.list, ahead);
        if has_places(term) {
            let place_from = if ahead == 0 { self.place } else { 0 };
            put(&mut self.list, u64::from(place - place_from));
        }
        self.doc += ahead;
        self.place = place;
        self.postings += 1;
        Ok(())
    }

    fn close_list(&mut self) {
        if !self.list.is_empty() {
            put(&mut self.block, self.term - self.written);
            put(&mut self.block, self.list.len() as u64);
            self.block.extend_from_slice(&self.list);
            self.list.clear();
            self.written = self.term;
        }
        (self.doc, self.place) = (0, 0);
    }

    fn close_block(&mut self) -> Result<()> {
        if !self.block.is_empty() {
            self.insert_block
                .execute((self.id << NUMBER | self.blocks, &self.block))?;
            self.insert_key
                .execute([self.id, self.written as i64, self.blocks])?;
            self.blocks += 1;
            self.block.clear();
            self.written = 0;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, conn: &Connection, entries: &[Entry]) -> Result<()> {
        self.close_list();
        self.close_block()?;
        let groups: Vec<&[Entry]> = entries.chunks(DOCS as usize).collect();
        let bounds: Vec<(i64, i64)> = groups
            .iter()
            .map(|group| {
                let times = group.iter().map(|entry| entry.time);
                (times.clone().min().unwrap_or(0), times.max().unwrap_or(0))
            })
            .collect();
        let mut sinces: Vec<i64> = bounds
            .iter()
            .rev()
            .scan(i64::MAX, |least, (low, _)| {
                *least = (*least).min(*low);
                Some(*least)
            })
            .collect();
        sinces.reverse();
        let mut insert = conn.prepare_cached(
            "INSERT INTO index_doc (id, until, since, low, high, data) VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        let mut until = i64::MIN;
        for (number, (group, (low, high))) in groups.iter().zip(&bounds).enumerate() {
            until = until.max(*high);
            let id = self.id << NUMBER | number as i64;
            insert.execute((id, until, sinces[number], low, high, pack(group)))?;
        }
        conn.prepare_cached(
            "UPDATE index_segment SET docs = ?, postings = ?, first = ?, last = ? WHERE id = ?",
        )?
        .execute([
            entries.len() as i64,
            self.postings as i64,
            sinces.first().copied().unwrap_or(0),
            until,
            self.id,
        ])?;
        Ok(())
    }
}

fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut data = Vec::with_capacity(entries.len() * 6);
    let mut before = Entry {
        record: 0,
        seq: 0,
        time: 0,
    };
    for entry in entries {
        put_signed(&mut data, entry.record.wrapping_sub(before.record));
        put_signed(&mut data, entry.seq.wrapping_sub(before.seq));
        put_signed(&mut data, entry.time.wrapping_sub(before.time));
        before = *entry;
    }
    data
}
