//! Expressions over terms, and the docs of one segment they are true for.

use std::collections::HashMap;

use rusqlite::Connection;

use super::{
    segment::{DOCS, Segment, postings},
    term::{pair_in, places, text_range},
};
use crate::{
    store::Result,
    words::{
        AlikeAsks, Ask, Asks,
        alike::Set,
        cut::{self, pair},
    },
};

/// Beyond so many terms of one kind, reading all of the kind is cheaper than looking each up.
const LOOKUPS: usize = 48;

/// Beyond so many second characters, reading all pairs of the first is cheaper than looking each up.
const LOOKUPS_OF_PAIRS: usize = 8;

/// A question about docs.
#[derive(Debug, Clone)]
pub(in crate::store::sqlite) enum Expr {
    /// True for every doc.
    All,
    /// A text that counts for one of these places (a set of bits; 0: anywhere).
    Text(Asks, u8),
    /// A text that is alike and counts for one of these places.
    Alike(AlikeAsks, u8),
    /// One of these terms of one kind, ascending; none: false for every doc.
    Any(Vec<u64>),
    /// These docs of these segments, ascending.
    Docs(HashMap<i64, Vec<u32>>),
    /// The time is not 0 and in this range; both ends are inside.
    Time(i64, i64),
    /// The seq, as in its column, is in one of the ranges; ends are inside.
    Seq(Vec<(i64, i64)>),
    /// All of them.
    And(Vec<Expr>),
    /// One of them.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
}

impl Expr {
    /// False for every doc.
    pub(in crate::store::sqlite) fn none() -> Self {
        Self::Any(Vec::new())
    }

    /// The docs of the segment that count, ascending, each once.
    pub(super) fn docs(&self, conn: &Connection, segment: &Segment) -> Result<Vec<u32>> {
        let mut docs = self.all_docs(conn, segment)?;
        if segment.moved > 0 {
            docs.drain(..docs.partition_point(|doc| *doc < segment.moved));
        }
        Ok(docs)
    }

    /// Those that have moved included.
    fn all_docs(&self, conn: &Connection, segment: &Segment) -> Result<Vec<u32>> {
        if self.excludes(segment) {
            return Ok(Vec::new());
        }
        match self {
            Self::All => Ok((0..segment.docs).collect()),
            Self::Text(asks, wanted) => match asks.by(segment.words) {
                Some(Ask::Begins(range)) => {
                    begins(conn, segment, text_range(*range.start(), *range.end()), *wanted)
                }
                Some(Ask::Row(row)) => in_a_row(conn, segment, row, *wanted),
                None => Ok(Vec::new()),
            },
            Self::Alike(asks, wanted) => {
                let mut bits = Bits::new(segment.docs);
                for row in asks.by(segment.words).rows() {
                    for doc in sets_in_a_row(conn, segment, row, *wanted)? {
                        bits.set(doc);
                    }
                }
                Ok(bits.list())
            }
            Self::Any(terms) => any(conn, segment, terms),
            Self::Docs(by_segment) => Ok(by_segment.get(&segment.id).cloned().unwrap_or_default()),
            Self::Time(..) | Self::Seq(_) => self.sift(conn, segment, (0..segment.docs).collect()),
            Self::Not(inner) => Ok(complement(segment.docs, &inner.all_docs(conn, segment)?)),
            Self::Or(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.all_docs(conn, segment)?);
                }
                // Ascending runs one behind the other, which the stable sort merges.
                all.sort();
                all.dedup();
                Ok(all)
            }
            Self::And(parts) => all_of(conn, segment, parts),
        }
    }

    /// True when the segment's bounds alone say that there is nothing in it.
    fn excludes(&self, segment: &Segment) -> bool {
        match self {
            Self::Time(from, to) => segment.last < *from || segment.first > *to,
            Self::And(parts) => parts.iter().any(|part| part.excludes(segment)),
            Self::Any(terms) => terms.is_empty(),
            _ => false,
        }
    }

    /// Those of `docs` for which a question about entries is true.
    fn sift(&self, conn: &Connection, segment: &Segment, docs: Vec<u32>) -> Result<Vec<u32>> {
        let mut kept = Vec::with_capacity(docs.len());
        for group in docs.chunk_by(|a, b| a / DOCS == b / DOCS) {
            if let Self::Time(from, to) = self {
                let bounds = segment.bounds(conn, group[0])?;
                if bounds.high < *from || bounds.low > *to {
                    continue;
                }
                if bounds.low >= *from && bounds.high <= *to && !(bounds.low..=bounds.high).contains(&0) {
                    kept.extend_from_slice(group);
                    continue;
                }
            }
            segment.entries(conn, group, |doc, entry| {
                let holds = match self {
                    Self::Time(from, to) => entry.time != 0 && (*from..=*to).contains(&entry.time),
                    Self::Seq(ranges) => ranges.iter().any(|(a, b)| (*a..=*b).contains(&entry.seq)),
                    _ => true,
                };
                if holds {
                    kept.push(doc);
                }
            })?;
        }
        Ok(kept)
    }

    /// Cheap and narrow parts first.
    fn rank(&self) -> u8 {
        match self {
            Self::Docs(_) => 0,
            Self::Any(_) => 1,
            Self::Text(asks, _) if asks.is_long() => 2,
            Self::Text(..) => 3,
            Self::Alike(..) => 3,
            Self::And(_) => 4,
            Self::Or(_) => 5,
            Self::Time(..) | Self::Seq(_) => 6,
            Self::Not(_) => 7,
            Self::All => 8,
        }
    }
}

fn all_of(conn: &Connection, segment: &Segment, parts: &[Expr]) -> Result<Vec<u32>> {
    let mut parts: Vec<&Expr> = parts.iter().collect();
    parts.sort_by_key(|part| part.rank());
    let mut found: Option<Vec<u32>> = None;
    for part in parts {
        found = Some(match (found, part) {
            (found, Expr::All) => found.unwrap_or_else(|| (0..segment.docs).collect()),
            (None, part) => part.all_docs(conn, segment)?,
            (Some(found), Expr::Time(..) | Expr::Seq(_)) => part.sift(conn, segment, found)?,
            (Some(found), Expr::Not(inner)) => without(&found, &inner.all_docs(conn, segment)?),
            (Some(found), part) => both(&found, &part.all_docs(conn, segment)?),
        });
        if found.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
    }
    Ok(found.unwrap_or_else(|| (0..segment.docs).collect()))
}

fn counts(term: u64, wanted: u8) -> bool {
    wanted == 0 || places(term) & wanted != 0
}

/// A union of many lists: one bit per doc.
struct Bits(Vec<u64>);

impl Bits {
    fn new(docs: u32) -> Self {
        Self(vec![0; docs as usize / 64 + 1])
    }

    fn set(&mut self, doc: u32) {
        if let Some(word) = self.0.get_mut(doc as usize / 64) {
            *word |= 1 << (doc % 64);
        }
    }

    fn list(&self) -> Vec<u32> {
        let mut all = Vec::with_capacity(self.0.iter().map(|word| word.count_ones() as usize).sum());
        for (at, word) in self.0.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                all.push(at as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        all
    }
}

fn begins(conn: &Connection, segment: &Segment, range: (u64, u64), wanted: u8) -> Result<Vec<u32>> {
    let mut bits = Bits::new(segment.docs);
    segment.lists(conn, range, |term, list| {
        if counts(term, wanted) {
            postings(term, list, |doc, _| bits.set(doc))?;
        }
        Ok(())
    })?;
    Ok(bits.list())
}

/// Where a pair stands, doc above place.
fn stands(conn: &Connection, segment: &Segment, pair: u64, wanted: u8) -> Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    segment.lists(conn, text_range(pair, pair), |term, list| {
        if counts(term, wanted) {
            found.reserve(list.len() / 2);
            postings(term, list, |doc, place| {
                found.push(u64::from(doc) << 32 | u64::from(place))
            })?;
        }
        Ok(())
    })?;
    // One ascending run per place, which the stable sort merges; mostly there is but one.
    found.sort();
    Ok(found)
}

fn in_a_row(conn: &Connection, segment: &Segment, row: &[(u32, u64)], wanted: u8) -> Result<Vec<u32>> {
    joined(row.iter().map(|(distance, _)| *distance), |at| {
        stands(conn, segment, row[at].1, wanted)
    })
}

/// The docs where something stands at each of these distances, ascending, behind a common place; `stands` says where.
fn joined(
    distances: impl Iterator<Item = u32>,
    mut stands: impl FnMut(usize) -> Result<Vec<u64>>,
) -> Result<Vec<u32>> {
    let mut begin: Vec<u64> = Vec::new();
    for (nth, distance) in distances.enumerate() {
        if nth == 0 {
            begin = stands(nth)?;
            continue;
        }
        if begin.is_empty() {
            break;
        }
        let next = stands(nth)?;
        let mut at = 0;
        begin.retain(|place| {
            let wanted = place + u64::from(distance);
            while at < next.len() && next[at] < wanted {
                at += 1;
            }
            next.get(at) == Some(&wanted)
        });
    }
    let mut docs: Vec<u32> = begin.into_iter().map(|place| (place >> 32) as u32).collect();
    docs.dedup();
    Ok(docs)
}

/// The same for characters that may be one of a set each.
fn sets_in_a_row(conn: &Connection, segment: &Segment, row: &[Set], wanted: u8) -> Result<Vec<u32>> {
    match row {
        [] => Ok(Vec::new()),
        [only] => {
            let mut bits = Bits::new(segment.docs);
            for c in only.iter() {
                let (first, last) = cut::beginning(*c).into_inner();
                segment.lists(conn, text_range(first, last), |term, list| {
                    if counts(term, wanted) {
                        postings(term, list, |doc, _| bits.set(doc))?;
                    }
                    Ok(())
                })?;
            }
            Ok(bits.list())
        }
        _ => {
            let places = cut::covering(row.len());
            joined(places.iter().map(|place| *place as u32), |nth| {
                let place = places[nth];
                pairs_of(conn, segment, &row[place], &row[place + 1], wanted)
            })
        }
    }
}

/// Where a pair of these characters stands, doc above place. Few pairs are looked up; of many, every pair that begins with one of
/// the first is looked at, a small part of all pairs there are.
fn pairs_of(
    conn: &Connection,
    segment: &Segment,
    first: &[char],
    second: &[char],
    wanted: u8,
) -> Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    let mut take = |term, list: &[u8]| {
        if counts(term, wanted) {
            postings(term, list, |doc, place| {
                found.push(u64::from(doc) << 32 | u64::from(place))
            })?;
        }
        Ok(())
    };
    // In a small segment one walk over all blocks is less than a look-up for each character.
    let is_small = |(blocks, _): (i64, u64)| blocks <= first.len() as i64;
    if let (Some(least), Some(greatest)) = (first.first(), first.last())
        && segment.checked.is_some_and(is_small)
    {
        let range = text_range(*cut::beginning(*least).start(), *cut::beginning(*greatest).end());
        segment.lists(conn, range, |term, list| {
            let (a, b) = (cut::first(pair_in(term)), cut::second(pair_in(term)));
            let wanted = |c: Option<char>, set: &[char]| c.is_some_and(|c| set.binary_search(&c).is_ok());
            if wanted(a, first) && wanted(b, second) {
                take(term, list)?;
            }
            Ok(())
        })?;
        found.sort();
        return Ok(found);
    }
    for a in first {
        if second.len() <= LOOKUPS_OF_PAIRS {
            for b in second {
                let pair = pair(*a, Some(*b));
                segment.lists(conn, text_range(pair, pair), &mut take)?;
            }
        } else {
            let (from, to) = cut::beginning(*a).into_inner();
            segment.lists(conn, text_range(from, to), |term, list| {
                match cut::second(pair_in(term)) {
                    Some(b) if second.binary_search(&b).is_ok() => take(term, list),
                    _ => Ok(()),
                }
            })?;
        }
    }
    // Ascending runs, one for each pair and set of places.
    found.sort();
    Ok(found)
}

fn any(conn: &Connection, segment: &Segment, terms: &[u64]) -> Result<Vec<u32>> {
    let (Some(first), Some(last)) = (terms.first(), terms.last()) else {
        return Ok(Vec::new());
    };
    if let [only] = terms {
        let mut docs = Vec::new();
        segment.lists(conn, (*only, *only), |term, list| {
            postings(term, list, |doc, _| docs.push(doc))
        })?;
        return Ok(docs);
    }
    let mut bits = Bits::new(segment.docs);
    if terms.len() <= LOOKUPS {
        for term in terms {
            segment.lists(conn, (*term, *term), |term, list| {
                postings(term, list, |doc, _| bits.set(doc))
            })?;
        }
    } else {
        segment.lists(conn, (*first, *last), |term, list| {
            if terms.binary_search(&term).is_ok() {
                postings(term, list, |doc, _| bits.set(doc))?;
            }
            Ok(())
        })?;
    }
    Ok(bits.list())
}

fn both(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (small, great) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut left = great;
    let mut found = Vec::new();
    for doc in small {
        // Gallops: a short list against a long one costs a few steps each.
        let mut step = 1;
        while step < left.len() && left[step] < *doc {
            step *= 2;
        }
        let near = &left[..left.len().min(step + 1)];
        left = &left[near.partition_point(|other| other < doc)..];
        if left.first() == Some(doc) {
            found.push(*doc);
        }
    }
    found
}

fn without(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut left = b.iter().peekable();
    a.iter()
        .filter(|doc| {
            while left.next_if(|other| other < doc).is_some() {}
            left.peek() != Some(doc)
        })
        .copied()
        .collect()
}

fn complement(docs: u32, some: &[u32]) -> Vec<u32> {
    let all: Vec<u32> = (0..docs).collect();
    without(&all, some)
}
