//! Writing: docs become segments; segments of one size become a greater one.

use std::collections::HashSet;

use rusqlite::Connection;

use super::{
    codec::damaged,
    segment::{Cursor, Entry, Segment, Writer, mix, postings},
    term::text,
};
use crate::{
    store::{Result, StoreError},
    words,
};

/// So many segments of one size become one.
const FAN: usize = 8;
/// Segments beyond this many postings (about half a million short messages) stay as they are: a merge must not
/// hold up the writer for long.
const GREAT: u64 = 1 << 24;
/// The most postings that are sorted in memory at once: 16 MiB. Four pages of ordinary messages have a fifth of it.
const RUN: usize = 1 << 20;

/// A record on its way into the index.
pub(in crate::store::sqlite) struct Doc {
    pub entry: Entry,
    /// Terms that have no place, each once.
    pub facts: Vec<u64>,
    pub texts: Texts,
}

/// The texts of one record, folded. They stay texts until their terms are sorted, since a term with its place takes 16 bytes
/// for each character.
#[derive(Default)]
pub(in crate::store::sqlite) struct Texts {
    text: String,
    /// Where each text ends, and the places it counts for.
    parts: Vec<(u32, u8)>,
    /// How many terms they have.
    terms: usize,
    /// The numbers in them, as [`words::patterns`] tells them.
    pub patterns: u8,
}

impl Texts {
    /// Folds texts, each with the places it counts for.
    pub(in crate::store::sqlite) fn of<'t>(texts: impl Iterator<Item = (&'t str, u8)> + Clone) -> Self {
        let mut all = Self {
            text: String::with_capacity(texts.clone().map(|(text, _)| text.len()).sum()),
            parts: Vec::with_capacity(texts.clone().count()),
            terms: 0,
            patterns: 0,
        };
        for (text, places) in texts {
            let begin = all.text.len();
            words::fold_into(&mut all.text, text);
            all.parts.push((all.text.len() as u32, places)); // an answer is never larger than 256 MiB
            all.terms += all.text[begin..].chars().count();
            all.patterns |= words::patterns(&all.text[begin..]);
        }
        all
    }

    /// Texts that are folded already, by whatever rules.
    #[cfg(test)]
    pub(in crate::store::sqlite) fn folded(texts: impl Iterator<Item = (String, u8)>) -> Self {
        let mut all = Self::default();
        for (text, places) in texts {
            all.text.push_str(&text);
            all.parts.push((all.text.len() as u32, places));
            all.terms += text.chars().count();
        }
        all
    }

    /// Hands out each term with its place. The characters of all texts are numbered through; one number between two
    /// texts stands for nothing.
    #[inline]
    fn each(&self, mut each: impl FnMut(u64, u32)) {
        let (mut place, mut begin) = (0, 0);
        for &(end, places) in &self.parts {
            let end = end as usize;
            for pair in words::pairs(&self.text[begin..end]) {
                each(text(pair, places), place);
                place += 1;
            }
            place += 1;
            begin = end;
        }
    }
}

impl Doc {
    /// The sum of a digest of each posting: compared with what the index has, see [`Segment::digests`].
    pub(in crate::store::sqlite) fn digest(&self) -> u64 {
        let facts = self.facts.iter().map(|term| mix(*term, 0));
        let mut sum = facts.fold(0, u64::wrapping_add);
        self.texts
            .each(|term, place| sum = sum.wrapping_add(mix(term, place)));
        sum
    }

    fn postings(&self) -> usize {
        self.facts.len() + self.texts.terms
    }

    /// Hands out its postings as numbers whose order is the order of the index.
    #[inline]
    fn each(&self, number: usize, mut each: impl FnMut(u128)) {
        let number = (number as u128) << 32;
        for term in &self.facts {
            each(u128::from(*term) << 64 | number);
        }
        self.texts
            .each(|term, place| each(u128::from(term) << 64 | number | u128::from(place)));
    }
}

/// Writes docs as they come, inside the transaction of their records. Docs become one segment, or several when they
/// have more than [`RUN`] postings together.
pub(in crate::store::sqlite) struct Builder<'c> {
    conn: &'c Connection,
    docs: Vec<Doc>,
    postings: usize,
    run: usize,
}

impl<'c> Builder<'c> {
    pub(in crate::store::sqlite) fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            docs: Vec::new(),
            postings: 0,
            run: RUN,
        }
    }

    pub(in crate::store::sqlite) fn add(&mut self, doc: Doc) -> Result<()> {
        let postings = doc.postings();
        if self.postings + postings > self.run {
            self.write()?;
        }
        self.postings += postings;
        self.docs.push(doc);
        Ok(())
    }

    /// Writes what is left, then merges what has become due.
    pub(in crate::store::sqlite) fn finish(mut self) -> Result<()> {
        if self.write()? { merge(self.conn) } else { Ok(()) }
    }

    /// Docs so far become a segment; false when there are none.
    fn write(&mut self) -> Result<bool> {
        if self.docs.is_empty() {
            return Ok(false);
        }
        let (docs, count) = (std::mem::take(&mut self.docs), std::mem::take(&mut self.postings));
        let mut writer = Writer::new(self.conn)?;
        let push =
            |posting: u128| writer.push((posting >> 64) as u64, (posting >> 32) as u32, posting as u32);
        if count <= self.run {
            let mut all: Vec<u128> = Vec::with_capacity(count);
            for (number, doc) in docs.iter().enumerate() {
                doc.each(number, |posting| all.push(posting));
            }
            all.sort_unstable();
            all.into_iter().try_for_each(push)?;
        } else {
            // One doc alone: whoever brings a second one has the first written.
            in_order(
                self.run,
                |each| {
                    docs.iter()
                        .enumerate()
                        .for_each(|(number, doc)| doc.each(number, &mut *each))
                },
                push,
            )?;
        }
        let entries: Vec<Entry> = docs.iter().map(|doc| doc.entry).collect();
        writer.finish(self.conn, &entries)?;
        Ok(true)
    }
}

/// Hands out numbers in ascending order with no more than `2 * run` of them in memory: each pass over all of them keeps the
/// `run` least ones that were not handed out yet. `all` gives them in any order, the same ones each time, each once.
fn in_order(
    run: usize,
    all: impl Fn(&mut dyn FnMut(u128)),
    mut each: impl FnMut(u128) -> Result<()>,
) -> Result<()> {
    let mut held: Vec<u128> = Vec::with_capacity(2 * run);
    let mut from = 0;
    loop {
        // What is not below it cannot belong to this pass.
        let mut below = u128::MAX;
        all(&mut |number| {
            if number < from || number >= below {
                return;
            }
            held.push(number);
            if held.len() == 2 * run {
                below = *held.select_nth_unstable(run).1;
                held.truncate(run);
            }
        });
        if held.len() > run {
            held.select_nth_unstable(run);
            held.truncate(run);
        }
        held.sort_unstable();
        let Some(last) = held.last() else { return Ok(()) };
        from = last + 1;
        held.drain(..).try_for_each(&mut each)?;
    }
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
        let mut small: Vec<Segment> = Segment::sound(conn)?;
        // Segments of older rules only shrink.
        small.retain(|segment| segment.postings < GREAT && segment.words == words::VERSION);
        let least = (0..64).find(|wanted| small.iter().filter(|one| size(one) == *wanted).count() >= FAN);
        let Some(wanted) = least else { return Ok(()) };
        small.retain(|segment| size(segment) == wanted);
        conn.execute_batch("SAVEPOINT merging")?;
        match rewrite(conn, &small, |_| true) {
            Ok(()) => conn.execute_batch("RELEASE merging")?,
            // A damaged segment stays as it is, for questions to meet it and `repair` to replace it; records go on landing.
            Err(StoreError::Damaged(cause)) => {
                conn.execute_batch("ROLLBACK TO merging; RELEASE merging")?;
                tracing::error!(
                    event = "index.damaged",
                    cause,
                    "a part of the search index is damaged"
                );
                leave_alone(conn, &small)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Marks those of the segments that are damaged; all of them when none shows it.
fn leave_alone(conn: &Connection, segments: &[Segment]) -> Result<()> {
    let damaged = |segment: &&Segment| segment.read_through(conn).is_err();
    let mut marked: Vec<&Segment> = segments.iter().filter(damaged).collect();
    if marked.is_empty() {
        marked = segments.iter().collect();
    }
    for segment in marked {
        conn.prepare_cached("UPDATE index_segment SET damaged = 1 WHERE id = ?")?
            .execute([segment.id])?;
    }
    Ok(())
}

/// Writes the content of segments as one, without the docs of records that `keeps` refuses, and removes them.
fn rewrite(conn: &Connection, segments: &[Segment], keeps: impl Fn(i64) -> bool) -> Result<()> {
    let mut entries = Vec::new();
    // The number of each doc in the new segment, by segment; `None` for those left out.
    let mut numbers: Vec<Vec<Option<u32>>> = Vec::with_capacity(segments.len());
    let mut cursors = Vec::with_capacity(segments.len());
    for segment in segments {
        let mut own = Vec::with_capacity(segment.docs as usize);
        for entry in segment.all_entries(conn)? {
            let kept = keeps(entry.record);
            own.push(kept.then_some(entries.len() as u32));
            if kept {
                entries.push(entry);
            }
        }
        numbers.push(own);
        cursors.push(Cursor::new(conn, segment)?);
    }
    if !entries.is_empty() {
        let mut writer = Writer::new(conn)?;
        let mut trouble = Ok(());
        while let Some(term) = cursors.iter().filter(|one| !one.done).map(|one| one.term).min() {
            for (cursor, numbers) in cursors.iter_mut().zip(&numbers) {
                while !cursor.done && cursor.term == term {
                    postings(term, cursor.list(), |doc, place| {
                        if trouble.is_err() {
                            return;
                        }
                        trouble = match numbers.get(doc as usize) {
                            Some(Some(doc)) => writer.push(term, *doc, place),
                            Some(None) => Ok(()),
                            None => Err(damaged()),
                        };
                    })?;
                    cursor.advance(conn)?;
                }
            }
        }
        trouble?;
        writer.finish(conn, &entries)?;
    }
    segments.iter().try_for_each(|segment| segment.remove(conn))
}

/// Takes records out of the index, each of the segments that have one written anew; returns those that were there. Segments of
/// older rules keep theirs: deriving again reads the body anew. A damaged segment is an error, and nothing is changed.
pub(in crate::store::sqlite) fn take_out(conn: &Connection, records: &HashSet<i64>) -> Result<HashSet<i64>> {
    let mut taken = HashSet::new();
    for segment in Segment::all(conn)? {
        if segment.words != words::VERSION {
            continue;
        }
        let here: HashSet<i64> = segment
            .all_entries(conn)?
            .into_iter()
            .map(|entry| entry.record)
            .filter(|record| records.contains(record))
            .collect();
        if !here.is_empty() {
            rewrite(conn, &[segment], |record| !here.contains(&record))?;
            taken.extend(here);
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn passes_hand_out_every_number_once_and_in_order(
            numbers in prop::collection::hash_set(0u128..500, 0..200), run in 1usize..40,
        ) {
            let mut got = Vec::new();
            let shuffled: Vec<u128> = numbers.iter().copied().collect();
            in_order(run, |each| shuffled.iter().for_each(|number| each(*number)), |number| {
                got.push(number);
                Ok(())
            }).expect("handed out");
            let mut expected = shuffled;
            expected.sort_unstable();
            prop_assert_eq!(got, expected);
        }
    }

    fn doc(record: i64, text: &str) -> Doc {
        Doc {
            entry: Entry {
                record,
                seq: record,
                time: record,
            },
            facts: vec![super::super::term(super::super::Kind::Sender, record)],
            texts: Texts::of([(text, 1), ("尾", 2)].into_iter()),
        }
    }

    /// Every posting of the index: record, term, place.
    fn content(conn: &Connection) -> Vec<(i64, u64, u32)> {
        let mut all = Vec::new();
        for segment in Segment::all(conn).expect("listed") {
            let entries = segment.all_entries(conn).expect("read");
            segment
                .lists(conn, (0, u64::MAX), |term, list| {
                    postings(term, list, |doc, place| {
                        all.push((entries[doc as usize].record, term, place))
                    })
                })
                .expect("read");
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn docs_beyond_a_run_become_several_segments_with_the_same_content() {
        let texts = [
            "退款退款",
            "a",
            "",
            "一段比一轮还长的文字：没有一个字会丢，也没有一个字会重复",
        ];
        let written = |run: usize| {
            let dir = tempfile::tempdir().expect("a folder");
            let store = crate::store::Store::open(&dir.path().join("archive.db")).expect("an archive");
            let conn = &store.reader.conn;
            let mut builder = Builder {
                run,
                ..Builder::new(conn)
            };
            for (record, text) in (1..).zip(texts) {
                builder.add(doc(record, text)).expect("added");
            }
            builder.finish().expect("written");
            (content(conn), Segment::all(conn).expect("listed").len())
        };
        let (whole, one) = written(RUN);
        let (pieces, several) = written(9);
        assert_eq!((one, several), (1, 3));
        assert_eq!(whole, pieces);
    }
}
