//! Writing: docs become a segment; segments of one size become a greater one.

use rusqlite::Connection;

use super::segment::{Cursor, Entry, Segment, Writer, postings};
use crate::store::Result;

/// So many segments of one size become one.
const FAN: usize = 8;
/// Segments beyond this many postings (about half a million short messages) stay as they are: a merge must not
/// hold up the writer for long.
const GREAT: u64 = 1 << 24;

/// A record on its way into the index.
pub(in crate::store::sqlite) struct Doc {
    pub entry: Entry,
    /// Term and place, in any order; each pair once.
    pub terms: Vec<(u64, u32)>,
}

/// Writes docs as a segment of their own, then merges what has become due. Inside the transaction of the records.
pub(in crate::store::sqlite) fn add(conn: &Connection, docs: &[Doc]) -> Result<()> {
    if docs.is_empty() {
        return Ok(());
    }
    let count = docs.iter().map(|doc| doc.terms.len()).sum();
    let mut all: Vec<u128> = Vec::with_capacity(count);
    for (number, doc) in docs.iter().enumerate() {
        let number = (number as u128) << 32;
        all.extend(
            doc.terms
                .iter()
                .map(|(term, place)| u128::from(*term) << 64 | number | u128::from(*place)),
        );
    }
    all.sort_unstable();
    let mut writer = Writer::new(conn)?;
    for posting in all {
        writer.push((posting >> 64) as u64, (posting >> 32) as u32, posting as u32)?;
    }
    let entries: Vec<Entry> = docs.iter().map(|doc| doc.entry).collect();
    writer.finish(conn, &entries)?;
    merge(conn)
}

/// Throws the whole index away.
pub(in crate::store::sqlite) fn clear(conn: &Connection) -> Result<()> {
    conn.execute_batch(
        "DELETE FROM index_segment; DELETE FROM index_block; DELETE FROM index_doc; DELETE FROM index_key;",
    )?;
    Ok(())
}

/// Sizes grow by the factor that segments are merged by.
fn size(segment: &Segment) -> u32 {
    segment.postings.max(1).ilog(FAN as u64)
}

fn merge(conn: &Connection) -> Result<()> {
    loop {
        let mut small: Vec<Segment> = Segment::all(conn)?;
        small.retain(|segment| segment.postings < GREAT);
        let least = (0..64).find(|wanted| small.iter().filter(|one| size(one) == *wanted).count() >= FAN);
        let Some(wanted) = least else { return Ok(()) };
        small.retain(|segment| size(segment) == wanted);
        merge_these(conn, &small)?;
    }
}

fn merge_these(conn: &Connection, segments: &[Segment]) -> Result<()> {
    let mut entries = Vec::new();
    let mut bases = Vec::with_capacity(segments.len());
    let mut cursors = Vec::with_capacity(segments.len());
    for segment in segments {
        bases.push(entries.len() as u32);
        entries.extend(segment.all_entries(conn)?);
        cursors.push(Cursor::new(conn, segment)?);
    }
    let mut writer = Writer::new(conn)?;
    let mut trouble = Ok(());
    while let Some(term) = cursors.iter().filter(|one| !one.done).map(|one| one.term).min() {
        for (cursor, base) in cursors.iter_mut().zip(&bases) {
            while !cursor.done && cursor.term == term {
                postings(term, cursor.list(), |doc, place| {
                    if trouble.is_ok() {
                        trouble = writer.push(term, base + doc, place);
                    }
                })?;
                cursor.advance(conn)?;
            }
        }
    }
    trouble?;
    writer.finish(conn, &entries)?;
    segments.iter().try_for_each(|segment| segment.remove(conn))
}
