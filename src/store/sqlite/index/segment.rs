//! One segment on disk: blocks of terms, blocks of docs, and the way to them.

use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::{
    super::guard::Sum,
    codec::{damaged, put, put_signed, take, take_signed},
    term::has_places,
};
use crate::{
    store::{Result, StoreError},
    words,
};

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
    /// How many blocks of terms it has, and its greatest term; `None` where an older program wrote it.
    pub checked: Option<(i64, u64)>,
    /// A merge found it damaged: it is not merged any more.
    pub damaged: bool,
}

/// A segment's row as its sum covers it.
struct SegmentRow {
    id: i64,
    docs: i64,
    postings: i64,
    first: i64,
    last: i64,
    words: i64,
    moved: i64,
    blocks: i64,
    top: i64,
}

impl SegmentRow {
    fn sum(&self) -> i64 {
        let mut sum = Sum::new();
        for number in [
            self.id,
            self.docs,
            self.postings,
            self.first,
            self.last,
            self.blocks,
            self.top,
            self.words,
            self.moved,
        ] {
            sum.number(number);
        }
        sum.value()
    }
}

/// The sum over a block of terms; `before` is the last term of the block before it.
fn block_sum(id: i64, before: u64, data: &[u8]) -> i64 {
    Sum::new().number(id).number(before as i64).bytes(data).value()
}

fn key_sum(segment: i64, term: i64, block: i64) -> i64 {
    Sum::new().number(segment).number(term).number(block).value()
}

fn doc_sum(id: i64, bounds: &Bounds, data: &[u8]) -> i64 {
    Sum::new()
        .number(id)
        .number(bounds.until)
        .number(bounds.since)
        .number(bounds.low)
        .number(bounds.high)
        .bytes(data)
        .value()
}

/// Says which part of the index is not what was written, and what to do.
fn changed(segment: i64, what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!(
        "segment {segment} of the search index has changed ({what}), so an answer could lack hits; type `shiguan repair \
         --index`, which builds the index anew from the messages"
    ))
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
        let mut segments = Vec::new();
        Self::each(conn, |segment| {
            segments.push(segment?);
            Ok(())
        })?;
        Ok(segments)
    }

    /// Those whose rows are sound and that no merge found damaged.
    pub(super) fn sound(conn: &Connection) -> Result<Vec<Self>> {
        let mut segments = Self::readable(conn)?;
        segments.retain(|segment| !segment.damaged);
        Ok(segments)
    }

    /// Those whose rows are sound.
    pub(in crate::store::sqlite) fn readable(conn: &Connection) -> Result<Vec<Self>> {
        let mut segments = Vec::new();
        Self::each(conn, |segment| {
            match segment {
                Ok(segment) => segments.push(segment),
                Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        Ok(segments)
    }

    fn each(conn: &Connection, mut each: impl FnMut(Result<Self>) -> Result<()>) -> Result<()> {
        let mut statement = conn.prepare_cached(
            "SELECT id, docs, postings, first, last, words, moved, blocks, top, sum, damaged
             FROM index_segment ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(Self::of(row))?;
        }
        Ok(())
    }

    fn of(row: &rusqlite::Row<'_>) -> Result<Self> {
        let (blocks, top): (Option<i64>, Option<i64>) = (row.get(7)?, row.get(8)?);
        let found = SegmentRow {
            id: row.get(0)?,
            docs: row.get(1)?,
            postings: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
            words: row.get(5)?,
            moved: row.get(6)?,
            blocks: blocks.unwrap_or(0),
            top: top.unwrap_or(0),
        };
        let sum: Option<i64> = row.get(9)?;
        let checked = blocks.zip(top).filter(|_| sum.is_some());
        if sum.is_some_and(|sum| checked.is_none() || sum != found.sum()) {
            return Err(changed(found.id, "its row"));
        }
        let number = |number: i64, what: &str| u32::try_from(number).map_err(|_| changed(found.id, what));
        Ok(Self {
            id: found.id,
            docs: number(found.docs, "its number of records")?,
            postings: found.postings as u64,
            first: found.first,
            last: found.last,
            words: number(found.words, "the number of its rules")?,
            moved: number(found.moved, "its mark")?,
            checked: checked.map(|(blocks, top)| (blocks, top as u64)),
            damaged: row.get::<_, i64>(10)? != 0,
        })
    }

    /// What its sum covers, with these blocks of terms.
    fn row(&self, (blocks, top): (i64, u64)) -> SegmentRow {
        SegmentRow {
            id: self.id,
            docs: self.docs.into(),
            postings: self.postings as i64,
            first: self.first,
            last: self.last,
            words: self.words.into(),
            moved: self.moved.into(),
            blocks,
            top: top as i64,
        }
    }

    /// Moves the mark before which docs count no more. A segment without a sum gets none.
    pub(in crate::store::sqlite) fn set_moved(&mut self, conn: &Connection, moved: u32) -> Result<()> {
        self.moved = moved;
        let sum = self.checked.map(|end| self.row(end).sum());
        conn.prepare_cached("UPDATE index_segment SET moved = ?, sum = ? WHERE id = ?")?
            .execute((moved, sum, self.id))?;
        Ok(())
    }

    /// Hands out every list of the terms from `low` to `high`, ascending; a long list comes in several parts.
    pub(in crate::store::sqlite) fn lists(
        &self,
        conn: &Connection,
        (low, high): (u64, u64),
        mut each: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let found = conn
            .prepare_cached(
                "SELECT term, block, sum FROM index_key WHERE segment = ?1 AND term >= ?2 ORDER BY term, block LIMIT 1",
            )?
            .query_row([self.id, low as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((term, first, sum)): Option<(i64, i64, Option<i64>)> = found else {
            return match self.checked {
                Some((blocks, top)) if blocks > 0 && low <= top => Err(changed(self.id, "its keys")),
                _ => Ok(()),
            };
        };
        if sum.is_some_and(|sum| sum != key_sum(self.id, term, first)) {
            return Err(changed(self.id, format_args!("the key of block {first}")));
        }
        let mut statement = conn.prepare_cached(
            "SELECT id, data, before, sum FROM index_block WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let mut rows = statement.query([self.id << NUMBER | first, ((self.id + 1) << NUMBER) - 1])?;
        let mut next = first;
        while let Some(row) = rows.next()? {
            let mut block = self.block(row, next)?;
            // A key that went astray would have led to a block behind the right one.
            if next == first
                && first > 0
                && let Some(before) = row.get::<_, Option<i64>>(2)?
                && before as u64 >= low
            {
                return Err(changed(self.id, format_args!("the key of block {}", first - 1)));
            }
            next += 1;
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
        self.ends_at(next)
    }

    /// The data in a row of `id, data, before, sum`, which must be that of block `number`.
    fn block<'r>(&self, row: &'r rusqlite::Row<'_>, number: i64) -> Result<&'r [u8]> {
        let id: i64 = row.get(0)?;
        let data = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let sum: Option<i64> = row.get(3)?;
        if self.checked.is_some() && id != self.id << NUMBER | number {
            return Err(changed(self.id, format_args!("block {number} is missing")));
        }
        if let Some(sum) = sum {
            let before = row.get::<_, Option<i64>>(2)?.unwrap_or(0) as u64;
            if sum != block_sum(id, before, data) {
                return Err(changed(self.id, format_args!("block {number}")));
            }
        }
        Ok(data)
    }

    /// All blocks of terms were read; `number` is behind the last of them.
    fn ends_at(&self, number: i64) -> Result<()> {
        match self.checked {
            Some((blocks, _)) if blocks != number => {
                Err(changed(self.id, format_args!("block {number} is missing")))
            }
            _ => Ok(()),
        }
    }

    /// The data and the bounds in a row of `data, until, since, low, high, sum`.
    fn doc_block<'r>(&self, row: &'r rusqlite::Row<'_>, number: i64) -> Result<(&'r [u8], Bounds)> {
        let data = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let bounds = Bounds {
            until: row.get(1)?,
            since: row.get(2)?,
            low: row.get(3)?,
            high: row.get(4)?,
        };
        let sum: Option<i64> = row.get(5)?;
        if sum.is_some_and(|sum| sum != doc_sum(self.id << NUMBER | number, &bounds, data)) {
            return Err(changed(self.id, format_args!("block {number} of its records")));
        }
        Ok((data, bounds))
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
        let mut statement =
            conn.prepare_cached("SELECT data, until, since, low, high, sum FROM index_doc WHERE id = ?")?;
        let mut rows = statement.query([self.id << NUMBER | i64::from(number)])?;
        let missing = || changed(self.id, format_args!("block {number} of its records is missing"));
        let row = rows.next()?.ok_or_else(missing)?;
        let (mut data, _) = self.doc_block(row, number.into())?;
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
        let number = i64::from(doc / DOCS);
        let mut statement =
            conn.prepare_cached("SELECT data, until, since, low, high, sum FROM index_doc WHERE id = ?")?;
        let mut rows = statement.query([self.id << NUMBER | number])?;
        let missing = || changed(self.id, format_args!("block {number} of its records is missing"));
        let row = rows.next()?.ok_or_else(missing)?;
        Ok(self.doc_block(row, number)?.1)
    }

    /// Every entry, in order.
    pub(in crate::store::sqlite) fn all_entries(&self, conn: &Connection) -> Result<Vec<Entry>> {
        let mut statement = conn.prepare_cached(
            "SELECT data, until, since, low, high, sum, id FROM index_doc WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let mut rows = statement.query([self.id << NUMBER, ((self.id + 1) << NUMBER) - 1])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(6)?;
            let (mut data, _) = self.doc_block(row, id & ((1 << NUMBER) - 1))?;
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
            Err(changed(self.id, "its number of records"))
        }
    }

    /// Its entries, and for each of them the sum of a digest of each posting, whatever their order.
    pub(in crate::store::sqlite) fn digests(&self, conn: &Connection) -> Result<(Vec<Entry>, Vec<u64>)> {
        let entries = self.all_entries(conn)?;
        let mut digests = vec![0_u64; entries.len()];
        let mut strange = false;
        self.lists(conn, (0, i64::MAX as u64), |term, list| {
            postings(term, list, |doc, place| match digests.get_mut(doc as usize) {
                Some(sum) => *sum = sum.wrapping_add(mix(term, place)),
                None => strange = true,
            })
        })?;
        if strange {
            return Err(changed(self.id, "it names records that it does not have"));
        }
        Ok((entries, digests))
    }

    /// Writes the sums of all its rows; the caller has compared them with the bodies.
    pub(in crate::store::sqlite) fn write_sums(&self, conn: &Connection) -> Result<()> {
        let range = [self.id << NUMBER, ((self.id + 1) << NUMBER) - 1];
        let ids = |table: &str| -> Result<Vec<i64>> {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT id FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
            ))?;
            let ids = statement.query_map(range, |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        };
        let (mut before, mut blocks) = (0_u64, 0_i64);
        for id in ids("index_block")? {
            let data: Vec<u8> = conn
                .prepare_cached("SELECT data FROM index_block WHERE id = ?")?
                .query_row([id], |row| row.get(0))?;
            if id != self.id << NUMBER | blocks {
                return Err(changed(self.id, format_args!("block {blocks} is missing")));
            }
            conn.prepare_cached("UPDATE index_block SET before = ?, sum = ? WHERE id = ?")?
                .execute([before as i64, block_sum(id, before, &data), id])?;
            let (mut rest, mut term) = (data.as_slice(), 0);
            while !rest.is_empty() {
                term = take_list(&mut rest, term)?.0;
            }
            conn.prepare_cached("UPDATE index_key SET sum = ? WHERE segment = ? AND term = ? AND block = ?")?
                .execute([
                    key_sum(self.id, term as i64, blocks),
                    self.id,
                    term as i64,
                    blocks,
                ])?;
            (before, blocks) = (term, blocks + 1);
        }
        for id in ids("index_doc")? {
            let (data, bounds) = conn
                .prepare_cached("SELECT data, until, since, low, high FROM index_doc WHERE id = ?")?
                .query_row([id], |row| {
                    let bounds = Bounds {
                        until: row.get(1)?,
                        since: row.get(2)?,
                        low: row.get(3)?,
                        high: row.get(4)?,
                    };
                    Ok((row.get::<_, Vec<u8>>(0)?, bounds))
                })?;
            conn.prepare_cached("UPDATE index_doc SET sum = ? WHERE id = ?")?
                .execute([doc_sum(id, &bounds, &data), id])?;
        }
        conn.prepare_cached("UPDATE index_segment SET blocks = ?, top = ?, sum = ? WHERE id = ?")?
            .execute([blocks, before as i64, self.row((blocks, before)).sum(), self.id])?;
        Ok(())
    }

    /// Reads all of it, with all sums.
    pub(in crate::store::sqlite) fn read_through(&self, conn: &Connection) -> Result<()> {
        self.all_entries(conn)?;
        self.lists(conn, (0, i64::MAX as u64), |_, _| Ok(()))?;
        let mut statement = conn.prepare_cached(
            "SELECT term, block, sum FROM index_key WHERE segment = ? ORDER BY term, block",
        )?;
        let mut rows = statement.query([self.id])?;
        let mut next = 0;
        while let Some(row) = rows.next()? {
            let (term, block, sum): (i64, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if block != next || sum.is_some_and(|sum| sum != key_sum(self.id, term, block)) {
                return Err(changed(self.id, format_args!("the key of block {next}")));
            }
            next += 1;
        }
        self.ends_at(next)
    }

    /// True when all of its rows have sums.
    pub(in crate::store::sqlite) fn has_sums(&self) -> bool {
        self.checked.is_some()
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

/// Spreads a posting over all bits, so that sums of them tell sets of them apart.
pub(super) fn mix(term: u64, place: u32) -> u64 {
    let mut number = term
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(u64::from(place));
    for _ in 0..2 {
        number ^= number >> 31;
        number = number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
    number ^ (number >> 32)
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
    segment: Segment,
    block: Vec<u8>,
    at: usize,
    /// Number of the next block.
    next: i64,
    pub(super) term: u64,
    pub(super) list: std::ops::Range<usize>,
    pub(super) done: bool,
}

impl Cursor {
    pub(super) fn new(conn: &Connection, segment: &Segment) -> Result<Self> {
        let mut cursor = Self {
            segment: *segment,
            block: Vec::new(),
            at: 0,
            next: 0,
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
            let mut statement =
                conn.prepare_cached("SELECT id, data, before, sum FROM index_block WHERE id = ?")?;
            let mut rows = statement.query([self.segment.id << NUMBER | self.next])?;
            let Some(row) = rows.next()? else {
                self.done = true;
                return self.segment.ends_at(self.next);
            };
            self.block = self.segment.block(row, self.next)?.to_vec();
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
    /// The last term of the block before.
    before: u64,
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
            insert_block: conn
                .prepare_cached("INSERT INTO index_block (id, data, before, sum) VALUES (?, ?, ?, ?)")?,
            insert_key: conn
                .prepare_cached("INSERT INTO index_key (segment, term, block, sum) VALUES (?, ?, ?, ?)")?,
            block: Vec::with_capacity(FULL + 100),
            written: 0,
            before: 0,
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
            let (id, term) = (self.id << NUMBER | self.blocks, self.written as i64);
            let sum = block_sum(id, self.before, &self.block);
            self.insert_block
                .execute((id, &self.block, self.before as i64, sum))?;
            self.insert_key
                .execute([self.id, term, self.blocks, key_sum(self.id, term, self.blocks)])?;
            self.blocks += 1;
            self.before = self.written;
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
            "INSERT INTO index_doc (id, until, since, low, high, data, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?;
        let mut until = i64::MIN;
        for (number, (group, (low, high))) in groups.iter().zip(&bounds).enumerate() {
            until = until.max(*high);
            let id = self.id << NUMBER | number as i64;
            let bounds = Bounds {
                until,
                since: sinces[number],
                low: *low,
                high: *high,
            };
            let data = pack(group);
            let sum = doc_sum(id, &bounds, &data);
            insert.execute((id, until, bounds.since, low, high, data, sum))?;
        }
        let row = SegmentRow {
            id: self.id,
            docs: entries.len() as i64,
            postings: self.postings as i64,
            first: sinces.first().copied().unwrap_or(0),
            last: until,
            words: words::VERSION.into(),
            moved: 0,
            blocks: self.blocks,
            top: self.before as i64,
        };
        conn.prepare_cached(
            "UPDATE index_segment SET docs = ?, postings = ?, first = ?, last = ?, blocks = ?, top = ?, sum = ? WHERE id = ?",
        )?
        .execute([
            row.docs, row.postings, row.first, row.last, row.blocks, row.top, row.sum(), row.id,
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
