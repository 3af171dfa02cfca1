//! Answers over all segments: how many, the newest or oldest few, tallies by term.

use std::{cmp::Reverse, collections::BinaryHeap, collections::HashMap};

use rusqlite::Connection;

use super::{
    Expr, Kind,
    segment::{DOCS, Entry, Segment, postings},
    term::{term, value},
};
use crate::store::{Result, contract::Order};

/// The index as of one moment: inside one transaction.
pub(in crate::store::sqlite) struct Asker<'c> {
    conn: &'c Connection,
    segments: Vec<Segment>,
}

/// Time, seq, row; turned round for the oldest, so that the greatest are always wanted.
type Key = (i64, i64, i64);

fn key(order: Order, entry: &Entry) -> Key {
    match order {
        Order::NewestFirst => (entry.time, entry.seq, entry.record),
        Order::OldestFirst => (!entry.time, !entry.seq, !entry.record),
    }
}

impl<'c> Asker<'c> {
    pub(in crate::store::sqlite) fn new(conn: &'c Connection) -> Result<Self> {
        let segments = Segment::all(conn)?;
        Ok(Self { conn, segments })
    }

    /// What the answers of other files of the index are made from.
    pub(super) fn parts(&self) -> (&'c Connection, &[Segment]) {
        (self.conn, &self.segments)
    }

    /// How many docs it is true for.
    pub(in crate::store::sqlite) fn count(&self, expr: &Expr) -> Result<u64> {
        let mut count = 0;
        for segment in &self.segments {
            count += expr.docs(self.conn, segment)?.len() as u64;
        }
        Ok(count)
    }

    /// The first of those it is true for, in order, behind a given one. Looks no further than it has to: at the
    /// segments that reach furthest in time first, and in each from its end.
    pub(in crate::store::sqlite) fn page(
        &self,
        expr: &Expr,
        order: Order,
        behind: Option<Entry>,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let behind = behind.map(|entry| key(order, &entry));
        let reach = |segment: &Segment| match order {
            Order::NewestFirst => segment.last,
            Order::OldestFirst => !segment.first,
        };
        let mut segments: Vec<&Segment> = self.segments.iter().collect();
        segments.sort_by_key(|segment| Reverse(reach(segment)));
        let mut best: BinaryHeap<Reverse<(Key, [i64; 3])>> = BinaryHeap::new();
        for segment in segments {
            let enough = limit == 0 || (best.len() == limit && worst(&best) > Some(reach(segment)));
            if enough {
                break;
            }
            let docs = expr.docs(self.conn, segment)?;
            let groups = docs.chunk_by(|a, b| a / DOCS == b / DOCS);
            let groups: Vec<&[u32]> = match order {
                Order::NewestFirst => groups.rev().collect(),
                Order::OldestFirst => groups.collect(),
            };
            for group in groups {
                let bounds = segment.bounds(self.conn, group[0])?;
                // (the best here and further on, the best here, the worst here, the worst here and before)
                let (ahead, high, low) = match order {
                    Order::NewestFirst => (bounds.until, bounds.high, bounds.low),
                    Order::OldestFirst => (!bounds.since, !bounds.low, !bounds.high),
                };
                if best.len() == limit && worst(&best) > Some(ahead) {
                    break;
                }
                let beaten = best.len() == limit && worst(&best) > Some(high);
                let shown = behind.is_some_and(|(time, ..)| low > time);
                if beaten || shown {
                    continue;
                }
                segment.entries(self.conn, group, |_, entry| {
                    let key = key(order, &entry);
                    if behind.is_none_or(|behind| key < behind) {
                        best.push(Reverse((key, [entry.record, entry.seq, entry.time])));
                        if best.len() > limit {
                            best.pop();
                        }
                    }
                })?;
            }
        }
        let sorted = best.into_sorted_vec().into_iter();
        Ok(sorted
            .map(|Reverse((_, [record, seq, time]))| Entry { record, seq, time })
            .collect())
    }

    /// Every entry it is true for, with its place in the index.
    pub(in crate::store::sqlite) fn each(
        &self,
        expr: &Expr,
        mut each: impl FnMut(i64, u32, Entry),
    ) -> Result<()> {
        for segment in &self.segments {
            let docs = expr.docs(self.conn, segment)?;
            for group in docs.chunk_by(|a, b| a / DOCS == b / DOCS) {
                segment.entries(self.conn, group, |doc, entry| each(segment.id, doc, entry))?;
            }
        }
        Ok(())
    }

    /// Every entry there is.
    pub(in crate::store::sqlite) fn entries(&self, mut each: impl FnMut(&Entry)) -> Result<()> {
        for segment in &self.segments {
            let entries = segment.all_entries(self.conn)?;
            entries.iter().skip(segment.moved as usize).for_each(&mut each);
        }
        Ok(())
    }

    /// How many docs have each value of a kind.
    pub(in crate::store::sqlite) fn tally(&self, range: (u64, u64)) -> Result<HashMap<i64, u64>> {
        let mut tally: HashMap<i64, u64> = HashMap::new();
        for segment in &self.segments {
            segment.lists(self.conn, range, |term, list| {
                let mut count = 0;
                postings(term, list, |doc, _| count += u64::from(doc >= segment.moved))?;
                if count > 0 {
                    *tally.entry(value(term)).or_default() += count;
                }
                Ok(())
            })?;
        }
        Ok(tally)
    }

    /// How many of the docs an expression is true for have each value of a kind.
    pub(in crate::store::sqlite) fn tally_of(
        &self,
        expr: &Expr,
        range: (u64, u64),
    ) -> Result<HashMap<i64, u64>> {
        let mut tally: HashMap<i64, u64> = HashMap::new();
        for segment in &self.segments {
            let docs = expr.docs(self.conn, segment)?;
            if docs.is_empty() {
                continue;
            }
            let mut wanted = vec![false; segment.docs as usize];
            for doc in docs {
                if let Some(wanted) = wanted.get_mut(doc as usize) {
                    *wanted = true;
                }
            }
            segment.lists(self.conn, range, |term, list| {
                let mut count = 0;
                postings(term, list, |doc, _| {
                    count += u64::from(wanted.get(doc as usize) == Some(&true));
                })?;
                if count > 0 {
                    *tally.entry(value(term)).or_default() += count;
                }
                Ok(())
            })?;
        }
        Ok(tally)
    }

    /// Every value of a kind with the time of each doc that has it.
    pub(in crate::store::sqlite) fn times(&self, kind: Kind, mut each: impl FnMut(i64, i64)) -> Result<()> {
        for segment in &self.segments {
            let entries = segment.all_entries(self.conn)?;
            let range = (term(kind, 0), term(kind, (1 << 52) - 1));
            segment.lists(self.conn, range, |term, list| {
                postings(term, list, |doc, _| {
                    if let Some(entry) = entries.get(doc as usize).filter(|_| doc >= segment.moved) {
                        each(value(term), entry.time);
                    }
                })
            })?;
        }
        Ok(())
    }

    /// Every posting of every term, for the archive's hash.
    pub(in crate::store::sqlite) fn everything(&self, mut each: impl FnMut(&Entry, u64, u32)) -> Result<()> {
        for segment in &self.segments {
            let entries = segment.all_entries(self.conn)?;
            segment.lists(self.conn, (0, i64::MAX as u64), |term, list| {
                postings(term, list, |doc, place| {
                    if let Some(entry) = entries.get(doc as usize).filter(|_| doc >= segment.moved) {
                        each(entry, term, place);
                    }
                })
            })?;
        }
        Ok(())
    }
}

/// The time of the last one of the best so far.
fn worst(best: &BinaryHeap<Reverse<(Key, [i64; 3])>>) -> Option<i64> {
    best.peek().map(|Reverse(((time, ..), _))| *time)
}
