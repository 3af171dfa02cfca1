//! Landing: once, twice, late, overlapping, changed, interrupted.

use proptest::prelude::*;
use rusqlite::Connection;

use super::{Scratch, opened, sealed, text, waiting};
use crate::{
    ids::{KeyVersion, Millis, RecordId, Seq},
    record::{Reason, Sealed},
    store::contract::{Books, Outcome, State},
};

/// Opens or sets aside by seq, so that every way to the archive meets the same verdicts: a body that says
/// `bad` does not open.
fn settle_all(scratch: &mut Scratch) {
    loop {
        let pending = scratch
            .store
            .backlog(scratch.company, RecordId(0), 3, usize::MAX)
            .expect("a backlog");
        if pending.is_empty() {
            return;
        }
        let outcomes: Vec<Outcome> = pending
            .iter()
            .map(|pending| match pending.sealed.body.starts_with("bad") {
                true => waiting(pending.id, Reason::Refused),
                false => {
                    let seq = pending.sealed.seq.0;
                    opened(
                        pending.id,
                        text(
                            &pending.sealed.msgid,
                            &format!("p{}", seq % 3),
                            "q",
                            1_000,
                            "退款",
                        ),
                    )
                }
            })
            .collect();
        scratch.settle(&outcomes);
    }
}

#[test]
fn a_page_lands_with_its_cursor_and_its_call() {
    let mut scratch = Scratch::new();
    let odd = Sealed {
        odd: Some("{\"seq\":2,\"x\":1}".into()),
        ..sealed(2, "b\0dy\u{1}")
    };
    let landed = scratch.land(&[sealed(1, "body"), odd.clone()]);
    assert_eq!(
        landed.fresh.iter().map(|(_, index)| *index).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(scratch.store.cursor(scratch.company).expect("a cursor"), Seq(2));
    let backlog = scratch
        .store
        .backlog(scratch.company, landed.fresh[0].0, 10, usize::MAX)
        .expect("a backlog");
    assert_eq!(backlog.len(), 1, "behind the first row");
    assert_eq!(backlog[0].sealed, odd, "every text verbatim");
    assert_eq!(
        scratch.store.calls(scratch.company, 10).expect("listed"),
        [scratch.call()]
    );
}

#[test]
fn landing_again_changes_nothing() {
    let mut scratch = Scratch::new();
    let page = [sealed(1, "a"), sealed(3, "b")];
    scratch.land(&page);
    let before = scratch.hash();
    let again = scratch.land(&[sealed(1, "a"), sealed(3, "b"), sealed(3, "b")]);
    assert_eq!((again.fresh.len(), again.duplicate, again.changed), (0, 3, 0));
    assert_eq!(scratch.hash(), before);
}

#[test]
fn the_cursor_never_goes_back_and_knows_seqs_beyond_i64() {
    let mut scratch = Scratch::new();
    let great = (1u64 << 63) + 5;
    scratch.land(&[sealed(great, "a")]);
    scratch.land(&[sealed(9, "b"), sealed(u64::MAX, "c"), sealed(10, "d")]);
    scratch.land(&[sealed(7, "e")]);
    assert_eq!(
        scratch.store.cursor(scratch.company).expect("a cursor"),
        Seq(u64::MAX)
    );
    let usage = scratch.store.key_usage(scratch.company).expect("listed");
    assert_eq!(
        (usage.len(), usage[0].first_seq, usage[0].last_seq),
        (1, Seq(7), Seq(u64::MAX))
    );
    assert_eq!((usage[0].records, usage[0].waiting), (5, 0));
    let newest = scratch
        .store
        .newest(scratch.company)
        .expect("asked")
        .expect("there is one");
    assert_eq!(
        (newest.seq, newest.landed_at, newest.msgtime),
        (Seq(u64::MAX), Millis(7), None)
    );
    scratch.hash();
}

#[test]
fn strays_are_kept_once_and_counted_each_time() {
    let mut scratch = Scratch::new();
    let (lease, call) = (scratch.lease.clone(), scratch.call());
    let strays = [b"{\"seq\":null}".to_vec(), b"{}".to_vec()];
    assert_eq!(
        scratch
            .store
            .land(&lease, &call, &[], &strays)
            .expect("landed")
            .stray,
        2
    );
    let before = scratch.hash();
    assert_eq!(
        scratch
            .store
            .land(&lease, &call, &[], &strays)
            .expect("landed")
            .stray,
        2
    );
    assert_eq!(scratch.hash(), before);
    scratch
        .store
        .land(&lease, &call, &[], &[b"{\"seq\":\"x\"}".to_vec()])
        .expect("landed");
    assert_ne!(scratch.hash(), before, "a stray is content");
}

#[test]
fn other_bytes_beside_an_opened_record_are_kept_and_not_tried() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "good")]);
    settle_all(&mut scratch);
    let landed = scratch.land(&[sealed(1, "other"), sealed(1, "other")]);
    assert_eq!((landed.fresh.len(), landed.duplicate, landed.changed), (0, 1, 1));
    let stored = scratch.store.message(RecordId(1)).expect("asked").expect("there");
    assert_eq!((stored.state, stored.variants), (State::Opened, 1));
}

#[test]
fn other_bytes_beside_a_waiting_record_are_opened_instead() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "bad")]);
    settle_all(&mut scratch);
    let landed = scratch.land(&[Sealed {
        key_version: KeyVersion(2),
        ..sealed(1, "good")
    }]);
    assert_eq!(
        (landed.fresh.as_slice(), landed.changed),
        (&[(RecordId(1), 0)][..], 1)
    );
    let pending = scratch
        .store
        .backlog(scratch.company, RecordId(0), 9, usize::MAX)
        .expect("a backlog");
    assert_eq!(
        (pending[0].sealed.body.as_str(), pending[0].sealed.key_version),
        ("good", KeyVersion(2))
    );
    settle_all(&mut scratch);
    assert!(
        scratch
            .store
            .message(RecordId(1))
            .expect("asked")
            .expect("there")
            .opened
            .is_some()
    );
    assert_eq!(
        scratch.land(&[sealed(1, "bad")]).duplicate,
        1,
        "the first copy is still known"
    );
}

#[test]
fn a_good_copy_opens_whichever_comes_first_and_whenever_the_process_was_killed() {
    let mut hashes = Vec::new();
    for (first, second, settle_between) in [
        ("good", "bad", true),
        ("good", "bad", false),
        ("bad", "good", true),
        ("bad", "good", false),
    ] {
        let mut scratch = Scratch::new();
        scratch.land(&[sealed(1, first)]);
        if settle_between {
            settle_all(&mut scratch);
        }
        scratch.land(&[sealed(1, second)]);
        settle_all(&mut scratch);
        let stored = scratch.store.message(RecordId(1)).expect("asked").expect("there");
        assert_eq!(stored.state, State::Opened, "{first} {second} {settle_between}");
        hashes.push(scratch.hash());
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
}

#[test]
fn a_second_untried_copy_is_announced_by_settle() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "bad"), sealed(1, "bad too"), sealed(1, "good")]);
    let settled = scratch.settle(&[waiting(RecordId(1), Reason::Refused)]);
    assert_eq!(
        (settled.again.as_slice(), settled.waiting.len()),
        (&[RecordId(1)][..], 0)
    );
    assert_eq!(
        scratch
            .settle(&[waiting(RecordId(1), Reason::Refused)])
            .again
            .len(),
        1
    );
    assert_eq!(
        scratch.settle(&[waiting(RecordId(1), Reason::Poison)]).waiting,
        [(Reason::Poison, 1)]
    );
}

#[test]
fn a_write_that_breaks_off_leaves_the_state_before_it() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "a"), sealed(2, "b"), sealed(3, "c")]);
    let before = scratch.hash();
    let path = scratch.store.path().to_owned();
    // Breaks both writes off behind their first rows, as a kill would.
    Connection::open(&path)
        .and_then(|conn| {
            conn.execute_batch(
                "CREATE TRIGGER breaks_landing BEFORE INSERT ON record WHEN new.seq = 6 BEGIN
                   SELECT RAISE(FAIL, 'broken off'); END;
                 CREATE TRIGGER breaks_settling BEFORE INSERT ON message WHEN new.seq = 3 BEGIN
                   SELECT RAISE(FAIL, 'broken off'); END;",
            )
        })
        .expect("a saboteur");
    let (lease, call) = (scratch.lease.clone(), scratch.call());
    let page = [sealed(5, "a"), sealed(6, "b")];
    assert!(
        scratch
            .store
            .land(&lease, &call, &page, &[b"stray".to_vec()])
            .is_err()
    );
    let outcomes: Vec<Outcome> = (1..=3)
        .map(|id| opened(RecordId(id), text(&format!("m{id}"), "new", "people", 5, "退款")))
        .collect();
    let company = scratch.company;
    assert!(
        scratch
            .store
            .settle(company, &outcomes, "b", &[], Millis(1))
            .is_err()
    );
    assert_eq!(scratch.hash(), before);
    assert_eq!(scratch.store.coverage().expect("counted").sealed, 3);
    // And a transaction that is simply dropped, with its connection.
    let tx = scratch.store.begin().expect("begun");
    tx.execute_batch(
        "DELETE FROM sealed; DELETE FROM index_block; INSERT INTO index_doc VALUES (1, 1, 1, 1, 1, x'', 1)",
    )
    .expect("written");
    drop(tx);
    drop(scratch.store);
    scratch.store = crate::store::Store::open(&path).expect("opens again");
    assert_eq!(scratch.hash(), before);
}

#[test]
fn runs_close_with_their_books() {
    let mut scratch = Scratch::new();
    let books = Books {
        received: 3,
        stored: 2,
        waiting: vec![(Reason::NoKey, 1)],
        ..Books::default()
    };
    scratch
        .store
        .end_run(scratch.run, &books, "ok", Millis(9))
        .expect("closed");
    let conn = Connection::open(scratch.store.path()).expect("opened");
    let row: (i64, i64, String) = conn
        .query_row("SELECT ended, received, waiting FROM run", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("a run");
    assert_eq!(row, (9, 3, "{\"no_key\":1}".into()));
    let (company, mut call) = (scratch.company, scratch.call());
    call.outcome = "empty".into();
    scratch.store.note_call(company, &call).expect("noted");
    assert_eq!(scratch.store.calls(company, 1).expect("listed"), [call]);
}

#[test]
fn a_window_that_was_missed_is_kept_in_the_moment_before_nothing_shows_it_any_more() {
    const DAY: i64 = 24 * 3_600_000;
    let mut scratch = Scratch::new();
    let (company, call) = (scratch.company, scratch.call());
    let note = |scratch: &mut Scratch, day: i64, code: i32, outcome: &str| {
        let call = crate::store::contract::PullCall {
            at: Millis(day * DAY),
            code,
            count: 0,
            outcome: outcome.into(),
            ..call.clone()
        };
        scratch.store.note_call(company, &call).expect("noted");
    };
    let missed = |scratch: &Scratch| scratch.store.missed_windows(company, 9).expect("listed");
    note(&mut scratch, 1, 0, "empty");
    note(&mut scratch, 6, 0, "empty");
    // Failures in between close no gap.
    note(&mut scratch, 7, 10_001, "network");
    note(&mut scratch, 10, 0, "torn");
    assert_eq!(missed(&scratch), []);
    let call = crate::store::contract::PullCall {
        at: Millis(14 * DAY),
        count: 1,
        ..call.clone()
    };
    scratch
        .store
        .land(&scratch.lease, &call, &[sealed(1, "body")], &[])
        .expect("landed");
    let first = (Millis(6 * DAY), Millis(9 * DAY));
    assert_eq!(missed(&scratch), [first]);
    note(&mut scratch, 15, 0, "empty");
    assert_eq!(missed(&scratch), [first]);
    // A clock that was years ahead for a moment hides no later gap.
    note(&mut scratch, 1_000, 0, "empty");
    note(&mut scratch, 16, 0, "empty");
    note(&mut scratch, 30, 0, "empty");
    assert_eq!(
        missed(&scratch).last(),
        Some(&(Millis(16 * DAY), Millis(25 * DAY)))
    );
    assert_eq!(missed(&scratch).len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_way_of_pulling_the_same_records_ends_the_same(
        pages in proptest::collection::vec((0usize..12, 1usize..8, any::<bool>()), 0..8)
    ) {
        let all: Vec<Sealed> =
            (1..=12).map(|n| sealed(n * n, if n % 4 == 0 { "bad" } else { "good" })).collect();
        let mut straight = Scratch::new();
        straight.land(&all);
        settle_all(&mut straight);

        let mut crooked = Scratch::new();
        for (start, length, settle) in pages {
            crooked.land(&all[start..(start + length).min(all.len())]);
            if settle {
                settle_all(&mut crooked);
            }
        }
        crooked.land(&all);
        settle_all(&mut crooked);
        prop_assert_eq!(straight.hash(), crooked.hash());
        prop_assert_eq!(straight.store.coverage().expect("counted"), crooked.store.coverage().expect("counted"));
    }
}

#[test]
fn a_backlog_is_read_by_weight_and_never_less_than_one_record() {
    let mut scratch = Scratch::new();
    let body = "x".repeat(1_000_000);
    let records: Vec<_> = (1..=5).map(|seq| sealed(seq, &body)).collect();
    scratch.land(&records);
    let mut read = Vec::new();
    let mut after = RecordId(0);
    for bytes in [1, 2_500_000, 2_500_000] {
        let batch = scratch
            .store
            .backlog(scratch.company, after, 1000, bytes)
            .expect("a backlog");
        after = batch.last().expect("one at least").id;
        read.push(batch.len());
    }
    assert_eq!(read, [1, 3, 1]);
}

#[test]
fn calls_tell_when_another_library_file_began_to_answer() {
    let mut scratch = Scratch::new();
    let (company, call) = (scratch.company, scratch.call());
    // A call whose child did not start has no build.
    for (at, build) in [(1, "a"), (2, "a"), (3, ""), (4, "b"), (5, "b"), (6, "a")] {
        let call = crate::store::contract::PullCall {
            at: Millis(at),
            sdk_build: build.into(),
            ..call.clone()
        };
        scratch.store.note_call(company, &call).expect("noted");
    }
    let changes = scratch.store.library_changes(company).expect("read");
    let changes: Vec<_> = changes
        .iter()
        .map(|(_, at, was, now)| (at.0, was.as_str(), now.as_str()))
        .collect();
    assert_eq!(changes, [(4, "a", "b"), (6, "b", "a")]);
}
