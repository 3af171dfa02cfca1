//! Which seqs of a page are believed. A seq moves the cursor only if it follows in order and not too far behind the one
//! before, or if WeCom confirmed the jump when asked (promise 11).
//!
//! Enters: where the page was asked for and what it holds. Leaves: how far the cursor may go, and which records are in doubt.
//! Must not know: children, the store.

use crate::{ids::Seq, record::Sealed};

/// What one page says about the position in the stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// The greatest believed seq; the asked one when none is believed.
    pub(super) reached: Seq,
    /// Records, by index, too far above `reached`, smallest seq first.
    pub(super) held: Vec<usize>,
    /// Those of `held` that are followed on the page by a believed record: they stand in the wrong place.
    pub(super) misplaced: Vec<usize>,
    /// Records, by index, at or below the asked seq.
    pub(super) below: Vec<usize>,
}

/// What WeCom said when asked about single seqs.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// These may be jumped to.
    pub(super) confirmed: Vec<Seq>,
    /// These are not believed, however near they lie.
    pub(super) refuted: Vec<Seq>,
}

impl Course {
    /// Reads a page asked for behind `after`.
    pub(super) fn read(after: Seq, records: &[Sealed], max_jump: u64, said: &Said) -> Self {
        // A stream may begin at any number, so the smallest one of the first page is where it begins.
        let smallest = records
            .iter()
            .map(|record| record.seq)
            .filter(|seq| !said.refuted.contains(seq))
            .min();
        let mut reached = match (after, smallest.map(|seq| seq.0)) {
            (Seq(0), Some(first)) => first.saturating_sub(1),
            _ => after.0,
        };
        let (mut held, mut below, mut last) = (Vec::new(), Vec::new(), 0);
        for (index, record) in records.iter().enumerate() {
            let seq = record.seq.0;
            if seq <= after.0 {
                below.push(index);
            } else if seq > reached {
                let near = seq - reached <= max_jump || said.confirmed.contains(&record.seq);
                if near && !said.refuted.contains(&record.seq) {
                    reached = seq;
                    last = index;
                } else {
                    held.push(index);
                }
            }
        }
        held.retain(|index| records[*index].seq.0 > reached || said.refuted.contains(&records[*index].seq));
        held.sort_by_key(|index| records[*index].seq);
        let misplaced = held.iter().copied().filter(|index| *index < last).collect();
        // Of a page without any believed record nothing is reached.
        let reached = if reached < after.0 || records.iter().all(|record| record.seq.0 != reached) {
            after
        } else {
            Seq(reached)
        };
        Self {
            reached,
            held,
            misplaced,
            below,
        }
    }

    /// The smallest seq that is held and may still turn out right.
    pub(super) fn candidate(&self, records: &[Sealed], said: &Said) -> Option<Seq> {
        let open = self.held.iter().filter(|index| !self.misplaced.contains(index));
        let mut seqs = open.map(|index| records[*index].seq);
        seqs.find(|seq| !said.refuted.contains(seq))
    }

    /// The last believed seq, if nothing else on the page stands for it: numbers are missing in front of it, or it does not
    /// stand at the end.
    pub(super) fn loose_end(&self, after: Seq, records: &[Sealed]) -> Option<Seq> {
        if self.reached <= after {
            return None;
        }
        let inside = |record: &&Sealed| record.seq > after && record.seq < self.reached;
        let below = records.iter().filter(inside).map(|record| record.seq).max();
        // A stream may begin at any number.
        let before = below.or((after.0 > 0).then_some(after))?;
        let mut later = records.iter().skip_while(|record| record.seq != self.reached);
        let misplaced = later.any(|record| inside(&record));
        (self.reached.0 - before.0 > 1 || misplaced).then_some(self.reached)
    }

    /// All records in doubt, by index, each with the seq in front of which the cursor stays because of it: those at the
    /// page's end hold it where it is, the others it went past.
    pub(super) fn doubtful(&self, after: Seq) -> Vec<(usize, Seq)> {
        let held = self
            .held
            .iter()
            .map(|index| match self.misplaced.contains(index) {
                true => (*index, after),
                false => (*index, self.reached),
            });
        held.chain(self.below.iter().map(|index| (*index, after)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(seqs: &[u64]) -> Vec<Sealed> {
        let record = |seq: &u64| Sealed {
            seq: Seq(*seq),
            ..Sealed::default()
        };
        seqs.iter().map(record).collect()
    }

    fn read(after: u64, seqs: &[u64]) -> (u64, Vec<u64>, Vec<u64>) {
        let records = page(seqs);
        let course = Course::read(Seq(after), &records, 100, &Said::default());
        let seqs = |list: &[usize]| list.iter().map(|index| records[*index].seq.0).collect();
        (course.reached.0, seqs(&course.held), seqs(&course.below))
    }

    #[test]
    fn the_cursor_follows_the_order_and_not_a_seq_that_stands_alone() {
        assert_eq!(read(10, &[11, 12, 15]), (15, vec![], vec![]));
        assert_eq!(read(10, &[11, 1 << 50, 12, 13]), (13, vec![1 << 50], vec![]));
        assert_eq!(read(10, &[11, 12, 1 << 50]), (12, vec![1 << 50], vec![]));
        assert_eq!(read(10, &[1 << 50]), (10, vec![1 << 50], vec![]));
        assert_eq!(read(10, &[9, 10, 11, 11, 12, 11]), (12, vec![], vec![9, 10]));
        assert_eq!(read(10, &[3]), (10, vec![], vec![3]));
        assert_eq!(read(10, &[]), (10, vec![], vec![]));
        assert_eq!(read(u64::MAX - 1, &[u64::MAX]), (u64::MAX, vec![], vec![]));
    }

    #[test]
    fn a_stream_begins_at_any_number() {
        assert_eq!(read(0, &[5_000_000, 5_000_001]), (5_000_001, vec![], vec![]));
        assert_eq!(
            read(0, &[1 << 50, 5_000_000, 5_000_001]),
            (5_000_001, vec![1 << 50], vec![])
        );
    }

    #[test]
    fn a_confirmed_jump_is_followed_and_a_misplaced_seq_is_no_candidate() {
        let records = page(&[11, 5_000, 5_001]);
        let course = Course::read(Seq(10), &records, 100, &Said::default());
        assert_eq!(
            (course.reached, course.candidate(&records, &Said::default())),
            (Seq(11), Some(Seq(5_000)))
        );
        let course = Course::read(
            Seq(10),
            &records,
            100,
            &Said {
                confirmed: vec![Seq(5_000)],
                refuted: vec![],
            },
        );
        assert_eq!(
            (course.reached, course.candidate(&records, &Said::default())),
            (Seq(5_001), None)
        );
        let records = page(&[11, 12, 40]);
        let course = Course::read(Seq(10), &records, 100, &Said::default());
        assert_eq!(
            (course.reached, course.loose_end(Seq(10), &records)),
            (Seq(40), Some(Seq(40)))
        );
        let said = Said {
            confirmed: vec![],
            refuted: vec![Seq(40)],
        };
        let course = Course::read(Seq(10), &records, 100, &said);
        assert_eq!(
            (course.reached, course.loose_end(Seq(10), &records)),
            (Seq(12), None)
        );
        assert_eq!((course.held.len(), course.candidate(&records, &said)), (1, None));
        let records = page(&[11, 15, 13, 14]);
        let course = Course::read(Seq(10), &records, 100, &Said::default());
        assert_eq!(
            course.loose_end(Seq(10), &records),
            Some(Seq(15)),
            "in the wrong place"
        );
        let records = page(&[5_000, 11]);
        let course = Course::read(Seq(10), &records, 100, &Said::default());
        assert_eq!(
            (
                course.misplaced.len(),
                course.candidate(&records, &Said::default())
            ),
            (1, None)
        );
    }

    proptest! {
        #[test]
        fn one_wrong_seq_never_moves_the_cursor_past_a_record_that_was_not_on_the_page(
            start in 1u64..1_000_000, steps in prop::collection::vec(1u64..50, 1..40),
            at in any::<prop::sample::Index>(), wrong in any::<u64>(),
        ) {
            let mut seqs: Vec<u64> = steps
                .iter()
                .scan(start, |seq, step| {
                    *seq += step;
                    Some(*seq)
                })
                .collect();
            let last = seqs.len() - 1;
            let (after, end) = (start, seqs[last]);
            let at = at.index(seqs.len());
            seqs[at] = wrong;
            let course = Course::read(Seq(after), &page(&seqs), 100, &Said::default());
            // Near its true place a wrong seq cannot be told from a right one; that is what the re-read is for.
            prop_assert!(course.reached.0 <= end + 100);
            if at != last { prop_assert!(course.reached.0 >= end || wrong > end); }
        }
    }
}
