//! The ledger: what a page takes off it, what stays, and which records are believed.

use super::{Scratch, sealed};
use crate::{
    ids::{Millis, RETENTION_MS, Seq},
    record::Sealed,
    store::contract::{
        Concluded, CursorMove, Gap, GapKind, GapState, HoleTried, Landing, NewGap, PullCall, SeqRange,
    },
};

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange {
        first: Seq(first),
        last: Seq(last),
    }
}

impl Scratch {
    fn conclude(&mut self, records: &[Sealed], at: i64, concluded: &Concluded) {
        let lease = self.lease.clone();
        self.store
            .land_page(
                &lease,
                &Landing {
                    run: self.run,
                    at: Millis(at),
                    call: None,
                    records,
                    strays: &[],
                    concluded,
                },
            )
            .expect("landed");
    }

    fn gap(&mut self, kind: GapKind, of: SeqRange) {
        let concluded = Concluded {
            gaps: vec![NewGap {
                kind,
                range: of,
                cause: "so".into(),
            }],
            ..Concluded::default()
        };
        self.conclude(&[], 0, &concluded);
    }

    /// A page that accounts for a range and brings these seqs.
    fn covers(&mut self, of: SeqRange, seqs: &[u64], at: i64) {
        let records: Vec<Sealed> = seqs.iter().map(|seq| sealed(*seq, "body")).collect();
        let concluded = Concluded {
            cursor: CursorMove::UpTo(of.last),
            covers: Some(of),
            clock_agrees: true,
            ..Concluded::default()
        };
        self.conclude(&records, at, &concluded);
    }

    /// A page asked for behind a seq brings these; those of `doubtful` are not believed.
    fn page(&mut self, asked: u64, seqs: &[u64], doubtful: &[usize]) {
        let records: Vec<Sealed> = seqs.iter().map(|seq| sealed(*seq, "body")).collect();
        let call = PullCall {
            asked: Seq(asked),
            ..self.call()
        };
        let lease = self.lease.clone();
        let landing = Landing {
            run: self.run,
            at: Millis(1),
            call: Some(&call),
            records: &records,
            strays: &[],
            concluded: &Concluded {
                doubtful: doubtful.iter().map(|index| (*index, Seq(0))).collect(),
                ..Concluded::default()
            },
        };
        self.store.land_page(&lease, &landing).expect("landed");
    }

    fn ledger(&self) -> Vec<(u64, u64, GapState)> {
        let gaps = self.store.gaps(None, false).expect("gaps");
        let row = |gap: Gap| (gap.range.first.0, gap.range.last.0, gap.state);
        gaps.into_iter().map(row).collect()
    }

    fn hole(&self) -> Gap {
        self.store.gaps(None, false).expect("gaps").remove(0)
    }
}

#[test]
fn a_skipped_range_leaves_the_ledger_page_by_page() {
    let mut scratch = Scratch::new();
    scratch.gap(GapKind::Skipped, range(1, 100));
    scratch.covers(range(1, 40), &[7, 40], 1);
    assert_eq!(scratch.ledger(), [(41, 100, GapState::Open)]);
    scratch.covers(range(60, 70), &[70], 1);
    assert_eq!(
        scratch.ledger(),
        [(41, 59, GapState::Open), (71, 100, GapState::Open)]
    );
    // Numbers without records are no loss, however late they are asked for: the beginning was seen.
    scratch.covers(range(41, 110), &[110], 2 * RETENTION_MS);
    assert_eq!(
        scratch.ledger(),
        [(41, 59, GapState::Closed), (71, 100, GapState::Closed)]
    );
}

#[test]
fn what_wecom_had_deleted_before_somebody_went_back_is_lost_and_only_that() {
    for (late, came, expected) in [
        (false, vec![50, 120], vec![(1, 100, GapState::Closed)]),
        (
            true,
            vec![50, 120],
            vec![(1, 100, GapState::Closed), (1, 49, GapState::Lost)],
        ),
        (
            true,
            vec![120],
            vec![(1, 100, GapState::Closed), (1, 100, GapState::Lost)],
        ),
        (true, vec![1, 120], vec![(1, 100, GapState::Closed)]),
    ] {
        let mut scratch = Scratch::new();
        scratch.gap(GapKind::Skipped, range(1, 100));
        let at = if late { RETENTION_MS + 1 } else { RETENTION_MS };
        scratch.covers(range(1, 120), &came, at);
        assert_eq!(scratch.ledger(), expected, "{late} {came:?}");
    }
}

#[test]
fn seqs_beyond_the_signed_numbers_are_covered_like_others() {
    let mut scratch = Scratch::new();
    let great = 1 << 63;
    scratch.gap(GapKind::Skipped, range(great - 5, great + 5));
    scratch.covers(range(great - 5, great), &[great], 1);
    assert_eq!(scratch.ledger(), [(great + 1, great + 5, GapState::Open)]);
    scratch.covers(range(great + 1, great + 9), &[great + 9], 1);
    assert_eq!(scratch.ledger(), [(great + 1, great + 5, GapState::Closed)]);
}

#[test]
fn a_hole_keeps_what_still_fails_of_it() {
    let tried = |parts: &[SeqRange], is_given_up| HoleTried {
        still_failing: parts.iter().map(|part| (*part, "again".into())).collect(),
        next_try: Some(Millis(99)),
        is_given_up,
    };
    let mut scratch = Scratch::new();
    scratch.gap(GapKind::Unpullable, range(10, 19));
    let lease = scratch.lease.clone();
    let hole = scratch.hole();
    let parts = [range(10, 12), range(15, 15)];
    scratch
        .store
        .hole_tried(&lease, &hole, &tried(&parts, false), Millis(5))
        .unwrap();
    assert_eq!(
        scratch.ledger(),
        [(10, 12, GapState::Open), (15, 15, GapState::Open)]
    );
    let all = scratch.store.gaps(None, true).unwrap();
    assert!(all.iter().all(|gap| gap.tries == 1 && gap.next_try == Millis(99)));
    // Asked through in part only: no try, and no new pause.
    let part = HoleTried {
        still_failing: vec![(range(11, 12), "again".into())],
        ..HoleTried::default()
    };
    scratch
        .store
        .hole_tried(&lease, &all[0], &part, Millis(6))
        .unwrap();
    let first = scratch.store.gaps(None, true).unwrap().remove(0);
    assert_eq!((first.tries, first.next_try), (1, Millis(99)));
    for gap in scratch.store.gaps(None, true).unwrap() {
        let part = [gap.range];
        scratch
            .store
            .hole_tried(&lease, &gap, &tried(&part, true), Millis(6))
            .unwrap();
    }
    assert_eq!(
        scratch.ledger(),
        [(11, 12, GapState::Lost), (15, 15, GapState::Lost)]
    );
    // By hand it is asked for even then, and may come.
    let lost = scratch.store.gaps(None, false).unwrap().remove(1);
    scratch
        .store
        .hole_tried(&lease, &lost, &tried(&[], true), Millis(7))
        .unwrap();
    assert_eq!(scratch.ledger()[1], (15, 15, GapState::Closed));
}

#[test]
fn a_hole_closes_by_a_page_that_went_through_it_and_by_no_other() {
    for (asked, came, doubtful, expected) in [
        (9, vec![11, 12], vec![], GapState::Closed),
        (9, vec![12, 13], vec![], GapState::Closed),
        (9, vec![11], vec![], GapState::Open),
        // What is in front of the page was not seen.
        (10, vec![11, 12], vec![], GapState::Open),
        (11, vec![12], vec![], GapState::Open),
        // A seq that cannot be right is not the hole's record.
        (9, vec![12], vec![0], GapState::Open),
    ] {
        let mut scratch = Scratch::new();
        scratch.gap(GapKind::Unpullable, range(10, 12));
        scratch.page(asked, &came, &doubtful);
        assert_eq!(
            scratch.ledger(),
            [(10, 12, expected)],
            "behind {asked}: {came:?} {doubtful:?}"
        );
    }
}

#[test]
fn a_hole_of_one_number_whose_record_is_there_is_no_hole() {
    for (doubtful, expected) in [(vec![], GapState::Closed), (vec![0], GapState::Open)] {
        let mut scratch = Scratch::new();
        scratch.page(11, &[12], &doubtful);
        scratch.gap(GapKind::Unpullable, range(12, 12));
        let (lease, hole) = (scratch.lease.clone(), scratch.hole());
        let tried = HoleTried {
            still_failing: vec![(hole.range, "again".into())],
            next_try: Some(Millis(9)),
            is_given_up: false,
        };
        scratch
            .store
            .hole_tried(&lease, &hole, &tried, Millis(5))
            .unwrap();
        assert_eq!(scratch.ledger(), [(12, 12, expected)]);
    }
}

#[test]
fn while_the_clock_is_in_doubt_nothing_in_front_is_called_lost() {
    let mut scratch = Scratch::new();
    scratch.gap(GapKind::Skipped, range(1, 100));
    let doubted = Concluded {
        covers: Some(range(1, 120)),
        ..Concluded::default()
    };
    scratch.conclude(&[sealed(50, "body")], 2 * RETENTION_MS, &doubted);
    assert_eq!(
        scratch.ledger(),
        [(1, 100, GapState::Closed), (1, 49, GapState::Open)]
    );
    scratch.covers(range(1, 120), &[50], 2 * RETENTION_MS);
    assert_eq!(
        scratch.ledger()[1..],
        [(1, 49, GapState::Closed), (1, 49, GapState::Lost)]
    );
}

/// The earliest time at which the last record may have been sent decides whether WeCom may have deleted it.
#[test]
fn the_age_of_the_tail_is_what_can_be_said_for_it() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    assert_eq!(scratch.store.earliest_time_of_tail(company).unwrap(), None);
    scratch.land(&[sealed(5, "body")]);
    assert_eq!(
        scratch.store.earliest_time_of_tail(company).unwrap(),
        None,
        "no end was reached before"
    );
    // The end that this very run reached in the same millisecond says nothing of how old its record is.
    let empty = PullCall {
        outcome: "empty".into(),
        ..scratch.call()
    };
    scratch.store.note_call(company, &empty).unwrap();
    assert_eq!(scratch.store.earliest_time_of_tail(company).unwrap(), None);
    let mut scratch = Scratch::new();
    let empty = PullCall {
        outcome: "empty".into(),
        at: Millis(3),
        ..scratch.call()
    };
    let company = scratch.company;
    scratch.store.note_call(company, &empty).unwrap();
    scratch.land(&[sealed(5, "body")]);
    assert_eq!(
        scratch.store.earliest_time_of_tail(company).unwrap(),
        Some(Millis(3))
    );
}

#[test]
fn a_run_that_lost_its_lease_changes_no_hole() {
    let mut scratch = Scratch::new();
    scratch.gap(GapKind::Unpullable, range(10, 10));
    let (stale, hole) = (scratch.lease.clone(), scratch.hole());
    scratch.store.release_lease(stale.clone()).unwrap();
    assert!(
        scratch
            .store
            .hole_tried(&stale, &hole, &HoleTried::default(), Millis(1))
            .is_err()
    );
    assert_eq!(scratch.ledger(), [(10, 10, GapState::Open)]);
}

#[test]
fn a_record_in_doubt_that_comes_in_its_place_is_believed() {
    let mut scratch = Scratch::new();
    let records = [sealed(5, "body"), sealed(6, "body")];
    let doubted = |indexes: &[usize]| Concluded {
        doubtful: indexes.iter().map(|index| (*index, Seq(4))).collect(),
        ..Concluded::default()
    };
    scratch.conclude(&records, 1, &doubted(&[0, 1]));
    let doubtful = |scratch: &Scratch| -> Vec<u64> {
        let rows = scratch.store.doubtful_seqs(None, 10).unwrap();
        rows.into_iter().map(|row| row.seq.0).collect()
    };
    assert_eq!(doubtful(&scratch), [5, 6]);
    scratch.conclude(&records, 2, &doubted(&[1]));
    assert_eq!(doubtful(&scratch), [6], "5 came in its place");
    // What was believed once stays so.
    scratch.conclude(&records, 3, &doubted(&[0, 1]));
    assert_eq!(doubtful(&scratch), [6]);
    let above = Concluded {
        cursor: CursorMove::BackTo(Seq(4)),
        doubt_above: Some(Seq(4)),
        ..Concluded::default()
    };
    scratch.conclude(&[], 4, &above);
    assert_eq!(doubtful(&scratch), [5, 6]);
    assert_eq!(scratch.store.cursor(scratch.company).unwrap(), Seq(4));
}

#[test]
fn the_tail_lies_behind_what_was_not_seen_and_unseen_records_are_expected() {
    let mut scratch = Scratch::new();
    let records: Vec<Sealed> = [1, 2, 3, 50, 51].map(|seq| sealed(seq, "body")).to_vec();
    scratch.land(&records);
    let company = scratch.company;
    assert_eq!(scratch.store.tail(company, 4).unwrap(), [51, 50, 3, 2].map(Seq));
    scratch.gap(GapKind::Skipped, range(4, 49));
    assert_eq!(scratch.store.tail(company, 4).unwrap(), [51, 50].map(Seq));
    let unknown = |scratch: &Scratch, seqs: &[u64]| {
        let items: Vec<(Seq, String)> = seqs
            .iter()
            .map(|seq| (Seq(*seq), sealed(*seq, "body").msgid))
            .collect();
        scratch.store.first_unknown(company, &items).unwrap()
    };
    assert_eq!(unknown(&scratch, &[3, 30, 50]), None);
    assert_eq!(unknown(&scratch, &[3, 53, 52]), Some(Seq(52)));
    let other = [(Seq(51), "another".to_owned())];
    assert_eq!(
        scratch.store.first_unknown(company, &other).unwrap(),
        Some(Seq(51))
    );
    let nameless = [(Seq(51), String::new())];
    assert_eq!(
        scratch.store.first_unknown(company, &nameless).unwrap(),
        None,
        "an item without a msgid is landed as a copy"
    );
}
