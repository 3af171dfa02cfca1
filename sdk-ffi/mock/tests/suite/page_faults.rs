//! `GetChatData` without and with faults that concern a page.

use sdk_mock::{
    engine::{Effect, code},
    faults::{Fault, Rule},
};
use serde_json::Value;

use crate::scene::{ask, drain, ends_in, engine, page, seqs};

#[test]
fn seq_is_exclusive_pages_ascend_and_the_end_is_an_empty_page() {
    let (_folder, engine) = engine([]);
    assert_eq!(seqs(&page(&engine, 0, 5)), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&page(&engine, 57, 5)), [58, 59, 60]);
    assert_eq!(page(&engine, 60, 5), []);
    assert_eq!(page(&engine, u64::MAX, 5), []);
    assert_eq!(seqs(&drain(&engine, 7)), (1..=60).collect::<Vec<_>>());
}

#[test]
fn limits_of_0_and_above_1000_are_refused_before_anything_else() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::Hang).at_call(1)]);
    assert_eq!(ask(&engine, 0, 0).reply.code, code::ARGUMENT);
    let turn = ask(&engine, 0, 1001);
    assert_eq!((turn.reply.code, turn.effects.len()), (code::ARGUMENT, 0));
    // Neither counted as a call: this is the first.
    assert!(ends_in(&ask(&engine, 0, 1000), &Effect::Hang));
}

#[test]
fn the_same_range_gives_the_same_bytes_again() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::ForeignKey).at_seq(3),
        Rule::chatdata(Fault::TruncateBody { keep: None }).at_seq(4),
    ]);
    assert_eq!(ask(&engine, 0, 10), ask(&engine, 0, 10));
}

#[test]
fn an_errcode_comes_with_return_0_and_without_chatdata() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Errcode {
            errcode: 301_052,
            errmsg: String::new(),
        })
        .at_call(1),
        Rule::chatdata(Fault::Errcode {
            errcode: 45009,
            errmsg: "slow down".into(),
        })
        .at_call(2),
    ]);
    let read = |turn: sdk_mock::engine::Turn<sdk_mock::engine::Reply>| -> Value {
        assert_eq!(turn.reply.code, 0);
        serde_json::from_slice(&turn.reply.content).unwrap()
    };
    let (first, second) = (read(ask(&engine, 0, 10)), read(ask(&engine, 0, 10)));
    assert_eq!(first["errcode"].as_i64(), Some(301_052));
    assert!(first["errmsg"].as_str().unwrap().contains("e=301052"));
    assert!(first.get("chatdata").is_none());
    assert_eq!(second["errmsg"], "slow down");
    assert_eq!(page(&engine, 0, 10).len(), 10);
}

#[test]
fn a_duplicate_page_holds_every_record_twice() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::DuplicatePage).at_call(1)]);
    assert_eq!(seqs(&page(&engine, 10, 3)), [11, 12, 13, 11, 12, 13]);
    assert_eq!(seqs(&page(&engine, 10, 3)), [11, 12, 13]);
}

#[test]
fn an_overlapping_page_starts_early_and_still_brings_something_new() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::Overlap { records: 4 })]);
    assert_eq!(seqs(&page(&engine, 10, 6)), [7, 8, 9, 10, 11, 12]);
    assert_eq!(seqs(&page(&engine, 10, 3)), [9, 10, 11]);
    assert_eq!(seqs(&page(&engine, 0, 3)), [1, 2, 3]);
    assert_eq!(page(&engine, 60, 6), []);
    let mut all = seqs(&drain(&engine, 6));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (1..=60).collect::<Vec<_>>());
}

#[test]
fn a_short_page_is_not_the_end() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::ShortPage { records: 2 }).at_call(1),
        Rule::chatdata(Fault::ShortPage { records: 0 }).at_call(2),
    ]);
    assert_eq!(seqs(&page(&engine, 0, 10)), [1, 2]);
    assert_eq!(page(&engine, 2, 10), []);
    assert_eq!(page(&engine, 2, 10).len(), 10);
}

#[test]
fn records_in_a_gap_are_not_served_and_the_page_is_filled_up() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::Gap).at_seq(3..=58)]);
    assert_eq!(seqs(&page(&engine, 0, 3)), [1, 2, 59]);
    assert_eq!(seqs(&drain(&engine, 2)), [1, 2, 59, 60]);
}

#[test]
fn a_torn_page_is_no_json() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Torn { keep: None }).at_call(1),
        Rule::chatdata(Fault::Torn { keep: Some(9) }),
    ]);
    for _ in 0..2 {
        let turn = ask(&engine, 0, 10);
        assert_eq!(turn.reply.code, 0);
        assert!(serde_json::from_slice::<Value>(&turn.reply.content).is_err());
    }
    assert_eq!(ask(&engine, 0, 10).reply.content, br#"{"errcode"#[..9]);
}

#[test]
fn a_stream_begins_with_the_first_record_still_held() {
    let (folder, engine) = engine([Rule::chatdata(Fault::RetainedFrom { seq: 40 }).at_call(1)]);
    assert_eq!(seqs(&page(&engine, 5, 2)), [40, 41]);
    assert_eq!(seqs(&page(&engine, 5, 2)), [6, 7]);
    let mut manifest = sdk_mock::corpus::Manifest::load(folder.path()).unwrap();
    manifest.retained_from = 50;
    manifest.save(folder.path()).unwrap();
    let engine = sdk_mock::engine::Engine::open(folder.path()).unwrap();
    assert_eq!(seqs(&page(&engine, 0, 2)), [50, 51]);
}

#[test]
fn a_fault_of_a_page_can_be_addressed_by_a_record_in_it() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::Segfault).at_seq(25)]);
    assert_eq!(page(&engine, 0, 24).len(), 24);
    let dies = Effect::Die(sdk_mock::engine::Death::Segfault);
    assert!(ends_in(&ask(&engine, 0, 25), &dies));
    assert!(ends_in(&ask(&engine, 24, 1), &dies));
    assert_eq!(page(&engine, 25, 24).len(), 24);
}
