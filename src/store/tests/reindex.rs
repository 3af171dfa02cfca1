//! Deriving again in the background: exact at every step, by the rules of each part; the same archive at the end,
//! wherever it was broken off.

use proptest::prelude::*;

use super::{Scratch, sealed};
use crate::{
    ids::{Millis, RecordId},
    message::{self, Message},
    record::Sealed,
    store::{
        Store, StoreError,
        contract::{
            Damage, Filter, Group, Order, Outcome, Reindex, Verdict,
            verify::{Fault, Finding, Repaired, Verified},
        },
    },
    words::{fold, fold_by_version_2},
};

const TEXTS: [&str; 8] = [
    "❤\u{fe0f} 收到",
    "@王静\u{2005}报价 ＡＢＣ",
    "⽂件⽅便",
    "ｶﾞソリン ㈱",
    "退\u{200b}款 abc",
    "cafe\u{301} 第\u{a0}3\u{a0}版",
    "普通文件",
    "",
];
const NEEDLES: [&str; 14] = [
    "❤",
    "❤\u{fe0f}",
    "王静 报价",
    "文件",
    "方便",
    "ガ",
    "株",
    "退款",
    "caf",
    "café",
    "abc",
    "第 3 版",
    "件",
    " ",
];

fn body(seq: u64, text: &str) -> Vec<u8> {
    let text = serde_json::to_string(text).expect("a string");
    format!(
        r#"{{"msgid":"m{seq}","action":"send","from":"a","tolist":["b"],"roomid":"","msgtime":{},"msgtype":"text","text":{{"content":{text}}}}}"#,
        1_756_886_400_000 + seq * 1_000
    )
    .into_bytes()
}

/// Lands and opens one message per text.
fn keep(scratch: &mut Scratch, first: u64, texts: &[&str]) -> Vec<Message> {
    let records: Vec<Sealed> = (first..).zip(texts).map(|(seq, _)| sealed(seq, "body")).collect();
    let landed = scratch.land(&records);
    let mut messages = Vec::new();
    let outcomes: Vec<Outcome> = landed
        .fresh
        .iter()
        .map(|(id, at)| {
            let plaintext = body(records[*at].seq.0, texts[*at]);
            let message = message::read(&plaintext);
            messages.push(message.clone());
            Outcome {
                id: *id,
                verdict: Verdict::Opened {
                    plaintext,
                    message: Box::new(message),
                    msgid_differs: false,
                },
            }
        })
        .collect();
    assert_eq!(scratch.settle(&outcomes).opened, texts.len() as u64);
    messages
}

/// Rows that a needle is found in, ascending.
fn found(store: &Store, needle: &str) -> Vec<i64> {
    let filter = Filter::Text {
        needle: needle.into(),
        places: Vec::new(),
    };
    let hits = store.find(&filter, Order::OldestFirst, None, 999).expect("found");
    assert_eq!(store.count(&filter).expect("counted"), hits.len() as u64);
    let mut ids: Vec<i64> = hits.iter().map(|hit| hit.id.0).collect();
    ids.sort_unstable();
    ids
}

fn holds(message: &Message, needle: &str, fold: fn(&str) -> String) -> bool {
    let texts = &message.segments;
    texts
        .iter()
        .any(|segment| fold(&segment.text).contains(&fold(needle)))
}

/// What must be found when the first rows of one old segment have moved and all behind it were written by the present rules.
fn expected(messages: &[Message], needle: &str, moved: usize, old: usize) -> Vec<i64> {
    let by_its_rules = |at: usize| match at {
        at if at < moved || at >= old => fold,
        _ => fold_by_version_2,
    };
    let hits = messages
        .iter()
        .enumerate()
        .filter(|(at, message)| holds(message, needle, by_its_rules(*at)));
    hits.map(|(at, _)| at as i64 + 1).collect()
}

#[test]
fn every_step_is_exact_in_each_part_and_says_what_is_left() {
    let mut scratch = Scratch::new();
    let texts: Vec<&str> = TEXTS.iter().copied().cycle().take(40).collect();
    let mut messages = keep(&mut scratch, 1, &texts);
    let fresh = scratch.hash();
    scratch.store.write_by_version_2(100).expect("aged");
    assert_ne!(scratch.store.content_hash().expect("hashed"), fresh);
    assert!(!scratch.store.index_is_current().expect("asked"));
    // What arrives meanwhile is written by the present rules.
    messages.extend(keep(&mut scratch, 100, &TEXTS));
    let all = messages.len() as u64;
    for step in 0..=8 {
        let moved = step * 5;
        let state = Reindex {
            messages: all,
            left: 40 - moved as u64,
        };
        assert_eq!(scratch.store.coverage().expect("counted").reindex, state);
        assert_eq!(scratch.store.integrity().expect("checked"), Vec::<String>::new());
        assert_eq!(scratch.store.count(&Filter::All).expect("counted"), all);
        let days = scratch
            .store
            .stats(Group::Day, &jiff::tz::TimeZone::UTC)
            .expect("counted");
        assert_eq!(days.iter().map(|day| day.count).sum::<u64>(), all);
        let types = scratch
            .store
            .stats(Group::Type, &jiff::tz::TimeZone::UTC)
            .expect("counted");
        assert_eq!(types.iter().map(|tally| tally.count).sum::<u64>(), all);
        for needle in NEEDLES {
            assert_eq!(
                found(&scratch.store, needle),
                expected(&messages, needle, moved, 40),
                "{needle} at {moved}"
            );
        }
        match scratch.store.reindex_next(5).expect("read") {
            Some(batch) => assert_eq!(scratch.store.reindex(batch).expect("written"), 5),
            None => assert_eq!(moved, 40),
        }
    }
    assert!(
        !scratch.store.index_is_current().expect("asked"),
        "names and the note are left"
    );
    assert!(!scratch.store.reindex_done().expect("asked"), "names first");
    scratch.store.refold_names().expect("folded");
    assert!(scratch.store.reindex_done().expect("noted"));
    assert!(scratch.store.index_is_current().expect("asked"));
    let mut whole = Scratch::new();
    keep(&mut whole, 1, &texts);
    keep(&mut whole, 100, &TEXTS);
    assert_eq!(scratch.hash(), whole.hash());
}

#[test]
fn a_batch_that_another_process_wrote_meanwhile_is_put_aside() {
    let mut scratch = Scratch::new();
    keep(&mut scratch, 1, &TEXTS);
    let fresh = scratch.hash();
    scratch.store.write_by_version_2(100).expect("aged");
    let mut other = Store::open(scratch.store.path()).expect("opened");
    let late = scratch.store.reindex_next(3).expect("read").expect("a batch");
    let first = other.reindex_next(5).expect("read").expect("a batch");
    assert_eq!(other.reindex(first).expect("written"), 5);
    assert_eq!(scratch.store.reindex(late).expect("put aside"), 0);
    let last = scratch.store.reindex_next(99).expect("read").expect("a batch");
    // The segment is gone when this one comes.
    let too_late = other.reindex_next(99).expect("read").expect("a batch");
    assert_eq!(scratch.store.reindex(last).expect("written"), 3);
    assert_eq!(other.reindex(too_late).expect("put aside"), 0);
    assert!(scratch.store.reindex_next(99).expect("read").is_none());
    assert_eq!(scratch.hash(), fresh);
}

#[test]
fn a_body_that_cannot_be_read_any_more_keeps_its_place_and_is_told() {
    let mut scratch = Scratch::new();
    keep(&mut scratch, 1, &TEXTS);
    scratch.store.write_by_version_2(100).expect("aged");
    scratch
        .store
        .conn_for_tests()
        .execute("UPDATE plaintext SET dictionary = 77 WHERE record = 3", [])
        .expect("spoilt");
    while let Some(batch) = scratch.store.reindex_next(3).expect("read") {
        scratch.store.reindex(batch).expect("written");
    }
    assert_eq!(found(&scratch.store, "件"), [7], "its text is lost");
    let from = Filter::And(vec![Filter::From("a".into()), Filter::Msgid("m3".into())]);
    assert_eq!(
        scratch.store.count(&from).expect("counted"),
        1,
        "and nothing else"
    );
    let hit = scratch.store.message(RecordId(3)).expect("asked").expect("there");
    assert!(
        matches!(hit.damage, Some(Damage::BodyUnreadable(_))),
        "{:?}",
        hit.damage
    );
}

/// What is wrong with records, with parts of the index, and with which records it has.
fn verified(store: &Store) -> ([Vec<Finding>; 3], Verified) {
    let records = store.verify_records(None, RecordId(0), 999).expect("read");
    let (mut of_index, mut looked_at, mut after) = (Vec::new(), records.verified, 0);
    loop {
        let part = store.verify_segment(after, RecordId(999)).expect("read");
        of_index.extend(part.findings);
        looked_at += part.verified;
        match part.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let coverage = store.verify_index_coverage().expect("read");
    ([records.findings, of_index, coverage], looked_at)
}

#[test]
fn damage_is_still_damage_afterwards_and_what_was_sound_has_its_guard() {
    for has_sums in [true, false] {
        let mut scratch = Scratch::new();
        keep(&mut scratch, 1, &TEXTS);
        scratch.store.write_by_version_2(100).expect("aged");
        let spoil = |sql: &str| scratch.store.conn_for_tests().execute_batch(sql).expect("spoilt");
        if !has_sums {
            spoil(
                "UPDATE index_segment SET sum = NULL, blocks = NULL, top = NULL; UPDATE index_block SET sum = NULL, before = NULL;
                 UPDATE index_doc SET sum = NULL; UPDATE index_key SET sum = NULL;",
            );
        }
        // What older rules read otherwise, with a guard and from before there were guards.
        spoil("UPDATE message SET flags = flags | 1, flaws = 1 WHERE record IN (1, 2)");
        spoil("UPDATE message SET guard = NULL WHERE record = 1");
        scratch.store.guard_as_it_is(RecordId(2)).expect("written");
        // Damage: of a body, of a column that a body tells, of one that none tells, of a whole row.
        spoil("UPDATE plaintext SET dictionary = NULL, body = x'7b7d' WHERE record = 3");
        spoil(
            "UPDATE message SET sender = (SELECT id FROM person WHERE key = 'b') WHERE record = 4;
             UPDATE record SET landed_at = landed_at + 1 WHERE id = 5;
             DELETE FROM message WHERE record = 6;",
        );
        let (before, looked_at) = verified(&scratch.store);
        assert_eq!(before[0].len(), 4, "{:?}", before[0]);
        assert_eq!(before[1..], [vec![], vec![]]);
        assert_eq!((looked_at.by_older_rules, looked_at.indexed), (8, 0));
        assert_eq!((looked_at.derived_otherwise, looked_at.without_guard), (2, 1));
        let rows = "SELECT group_concat(quote(sender) || quote(flags) || quote(guard)) FROM message WHERE record IN (3, 4, 5)";
        let row = |store: &Store| -> String {
            let conn = store.conn_for_tests();
            conn.query_row(rows, [], |row| row.get(0)).expect("read")
        };
        let kept = row(&scratch.store);

        let batch = scratch.store.reindex_next(5).expect("read").expect("a batch");
        assert_eq!(scratch.store.reindex(batch).expect("written"), 5);
        let (midway, looked_at) = verified(&scratch.store);
        assert_eq!(midway, before);
        assert_eq!(looked_at.by_older_rules, 3);
        assert_eq!(looked_at.without_sums, u64::from(!has_sums));
        assert_eq!(scratch.store.write_sums(0).expect("asked"), None);
        while let Some(batch) = scratch.store.reindex_next(2).expect("read") {
            scratch.store.reindex(batch).expect("written");
        }

        let (after, looked_at) = verified(&scratch.store);
        assert_eq!(after, before);
        assert_eq!((looked_at.by_older_rules, looked_at.indexed), (0, 8));
        assert_eq!((looked_at.derived_otherwise, looked_at.without_guard), (0, 0));
        assert_eq!(looked_at.without_sums, 0);
        assert_eq!(row(&scratch.store), kept, "damaged rows are as they were");
        let count = |filter: &Filter| scratch.store.count(filter).expect("counted");
        assert_eq!(count(&Filter::All), 8);
        assert_eq!(count(&Filter::From("a".into())), 8, "as bodies and columns say");
        assert_eq!(count(&Filter::From("b".into())), 0);
        assert_eq!(count(&Filter::Msgid("m3".into())), 1);
        assert_eq!(found(&scratch.store, "方便"), [0; 0], "its text is not believed");
        assert_eq!(found(&scratch.store, "退款"), [5]);
        assert_eq!(found(&scratch.store, "café"), [6]);

        let repaired = scratch
            .store
            .repair_record(RecordId(4), Millis(9))
            .expect("repaired");
        assert_eq!(repaired, Repaired::Derived);
        let (after, _) = verified(&scratch.store);
        assert_eq!(after[0].len(), 3);
        assert_eq!(after[1..], [vec![], vec![]]);
    }
}

#[test]
fn what_another_process_wrote_after_a_batch_was_read_is_not_lost() {
    let mut scratch = Scratch::new();
    keep(&mut scratch, 1, &TEXTS);
    scratch.store.write_by_version_2(100).expect("aged");
    scratch
        .store
        .conn_for_tests()
        .execute_batch(
            "UPDATE message SET guard = NULL WHERE record = 1;
             UPDATE plaintext SET salt = NULL, sha256 = NULL WHERE record = 1;
             UPDATE plaintext SET dictionary = 77 WHERE record IN (3, 4);",
        )
        .expect("spoilt");
    let early = scratch
        .store
        .repair_record(RecordId(4), Millis(9))
        .expect("repaired");
    assert_eq!(early, Repaired::Sealed);
    let batch = scratch.store.reindex_next(99).expect("read").expect("a batch");
    let (digests, _) = scratch.store.write_digests(RecordId(0), 99).expect("written");
    assert_eq!(digests.written, 1);
    let late = scratch
        .store
        .repair_record(RecordId(3), Millis(9))
        .expect("repaired");
    assert_eq!(late, Repaired::Sealed);
    let open = |scratch: &mut Scratch, row: u64| {
        let plaintext = body(row, TEXTS[row as usize - 1]);
        let outcome = Outcome {
            id: RecordId(row as i64),
            verdict: Verdict::Opened {
                message: Box::new(message::read(&plaintext)),
                plaintext,
                msgid_differs: false,
            },
        };
        assert_eq!(scratch.settle(&[outcome]).opened, 1);
    };
    open(&mut scratch, 4);
    assert_eq!(scratch.store.reindex(batch).expect("written"), 8);
    let sound = |store: &Store, sealed: u64| {
        let (findings, looked_at) = verified(store);
        assert_eq!(findings, [vec![], vec![], vec![]]);
        assert_eq!(looked_at.without_guard, 0);
        assert_eq!(looked_at.indexed, 8 - sealed);
    };
    sound(&scratch.store, 1);
    open(&mut scratch, 3);
    sound(&scratch.store, 0);
    assert_eq!(found(&scratch.store, "方便"), [3]);
}

#[test]
fn a_part_of_the_index_whose_mark_has_changed_is_damaged() {
    for sql in [
        "UPDATE index_segment SET moved = moved + 1",
        "UPDATE index_segment SET words = words + 1",
    ] {
        let mut scratch = Scratch::new();
        keep(&mut scratch, 1, &TEXTS);
        scratch.store.write_by_version_2(100).expect("aged");
        let batch = scratch.store.reindex_next(3).expect("read").expect("a batch");
        scratch.store.reindex(batch).expect("written");
        assert_eq!(scratch.store.count(&Filter::All).expect("counted"), 8);
        scratch.store.conn_for_tests().execute(sql, []).expect("spoilt");
        let asked = scratch.store.count(&Filter::All);
        assert!(matches!(asked, Err(StoreError::Damaged(_))), "{sql}: {asked:?}");
        assert!(scratch.store.reindex_next(3).is_err(), "{sql}");
        let faults = scratch
            .store
            .verify_segment(0, RecordId(999))
            .expect("read")
            .findings;
        assert!(matches!(faults[0].fault, Fault::Index(_)), "{sql}: {faults:?}");
        scratch.store.derive_again(&mut |_| ()).expect("derived");
        assert_eq!(scratch.store.count(&Filter::All).expect("counted"), 8);
        assert!(scratch.store.index_is_current().expect("asked"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Batches of any size by either of two processes, with dropped ones between them: what a kill leaves is what was committed.
    #[test]
    fn broken_off_anywhere_it_ends_with_the_same_archive(steps in prop::collection::vec((1usize..7, any::<bool>(), any::<bool>()), 1..40)) {
        let mut scratch = Scratch::new();
        let texts: Vec<&str> = TEXTS.iter().copied().cycle().take(30).collect();
        keep(&mut scratch, 1, &texts);
        let fresh = scratch.hash();
        scratch.store.write_by_version_2(4).expect("aged");
        let path = scratch.store.path().to_owned();
        let mut other = Store::open(&path).expect("opened");
        for (size, by_other, killed) in steps {
            let store = if by_other { &mut other } else { &mut scratch.store };
            let Some(batch) = store.reindex_next(size).expect("read") else { break };
            if killed {
                drop(batch);
                other = Store::open(&path).expect("opened");
            } else {
                store.reindex(batch).expect("written");
            }
            prop_assert_eq!(scratch.store.count(&Filter::All).expect("counted"), 30);
        }
        while let Some(batch) = scratch.store.reindex_next(7).expect("read") {
            scratch.store.reindex(batch).expect("written");
        }
        scratch.store.refold_names().expect("folded");
        prop_assert!(scratch.store.reindex_done().expect("noted"));
        prop_assert_eq!(scratch.hash(), fresh);
        prop_assert!(scratch.store.message(RecordId(30)).expect("asked").is_some());
    }
}
