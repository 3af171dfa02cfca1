//! Promises 2, 3, 5 and 6: every fault the mock can make in `GetChatData` and `DecryptData`, one test each.
//!
//! Each asserts the books, the reason, and that the healthy records are all there. The list at the end fails to
//! compile when the mock learns a new fault, so that none is forgotten. Faults of `GetMediaData` are tested with the
//! files they spoil (`media.rs`).

use std::collections::BTreeSet;

use kit::{Archive, Corpus, Finished, PULL, Program, Truth};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::Value;

const MESSAGES: u64 = 300;

/// An archive and its corpus, in a scratch folder.
struct Case {
    _scratch: tempfile::TempDir,
    corpus: Corpus,
    archive: Archive,
    truth: Vec<Truth>,
}

impl Case {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::generate(scratch.path(), MESSAGES, 7);
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        let truth = corpus.truth();
        Self {
            _scratch: scratch,
            corpus,
            archive,
            truth,
        }
    }

    fn seq(&self, index: usize) -> u64 {
        self.truth[index].seq
    }

    /// A small page, short patience: several calls, and no test waits.
    fn pull(&self) -> Finished {
        self.archive.run(PULL.into_iter().chain([
            "--set",
            "pull.limit=100",
            "--set",
            "pull.timeout_seconds=1",
            "--set",
            "sdk.deadline_grace_seconds=1",
            "--set",
            "sdk.decrypt_deadline_seconds=1",
        ]))
    }

    /// All opened records' seqs, by search.
    fn opened(&self) -> BTreeSet<u64> {
        let seqs = self.archive.search("seq:0-18446744073709551615").into_iter();
        seqs.map(|hit| hit["seq"].as_u64().expect("a seq")).collect()
    }

    /// Pulls with these faults; every record must be there, open except for `bad`, which wait for `reason`.
    fn costs(&self, faults: &Faults, bad: &[u64], reason: &str) -> Value {
        self.corpus.misbehave(faults);
        let finished = self.pull();
        let expected_exit = if bad.is_empty() { 0 } else { 3 };
        assert_eq!(
            finished.code,
            Some(expected_exit),
            "{}\n{}",
            finished.stdout,
            finished.stderr
        );
        let books = finished.json();
        self.balance(&books);
        assert_eq!(books["stored"], MESSAGES, "{books}");
        assert_eq!(books["opened"], MESSAGES - bad.len() as u64, "{books}");
        for (name, count) in books["waiting"].as_object().expect("an object") {
            let expected = if name == reason { bad.len() } else { 0 };
            assert_eq!(count.as_u64(), Some(expected as u64), "{name} in {books}");
        }
        let listed: BTreeSet<u64> = self
            .archive
            .waiting()
            .iter()
            .map(|row| row["seq"].as_u64().expect("a seq"))
            .collect();
        assert_eq!(
            listed,
            bad.iter().copied().collect(),
            "the waiting list names them"
        );
        let healthy: BTreeSet<u64> = self
            .truth
            .iter()
            .map(|truth| truth.seq)
            .filter(|seq| !bad.contains(seq))
            .collect();
        assert_eq!(self.opened(), healthy, "the healthy ones are all there");
        books
    }

    /// received = stored + already there, and stored = opened + waiting.
    fn balance(&self, books: &Value) {
        let count = |name: &str| books[name].as_u64().expect("a count");
        let waiting: u64 = books["waiting"]
            .as_object()
            .expect("an object")
            .iter()
            // Items without a seq are no stored records.
            .filter(|(reason, _)| *reason != "stray")
            .filter_map(|(_, count)| count.as_u64())
            .sum();
        assert_eq!(
            count("received"),
            count("stored") + count("duplicate") + count("changed") + count("stray")
        );
        assert_eq!(
            count("stored"),
            count("opened") + waiting + count("sealed"),
            "{books}"
        );
    }

    /// The pull fails at once or after retries; afterwards, with the fault gone, everything comes.
    fn stops(&self, faults: &Faults, words: &str) {
        self.corpus.misbehave(faults);
        let finished = self.pull();
        assert_eq!(finished.code, Some(1), "{}\n{}", finished.stdout, finished.stderr);
        assert!(
            finished.stderr.contains(words),
            "`{words}` is not in:\n{}",
            finished.stderr
        );
        self.balance(&finished.json());
        self.corpus.behave();
        let finished = self.pull();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert_eq!(self.opened().len() as u64, MESSAGES);
    }
}

fn code(code: i32) -> Fault {
    Fault::Return {
        code,
        slice: String::new(),
    }
}

#[test]
fn a_retryable_code_is_retried() {
    for retryable in [10001, 10002, 10003] {
        let faults = Faults::new().with(Rule::chatdata(code(retryable)).at_call(2).times(1));
        let books = Case::new().costs(&faults, &[], "");
        assert!(
            books["calls"].as_u64() > Some(4),
            "the failed call is on record too: {books}"
        );
    }
}

#[test]
fn a_code_that_no_retry_helps_stops_the_pull() {
    for (permanent, words) in [(10000, "10000"), (10009, "10009"), (10011, "10011")] {
        Case::new().stops(
            &Faults::new().with(Rule::chatdata(code(permanent)).at_call(2..=u64::MAX)),
            words,
        );
    }
}

#[test]
fn error_json_behind_a_failing_code_is_read() {
    let slice = r#"{"errcode":301042,"errmsg":"ip not allow"}"#.to_owned();
    let faults = Faults::new().with(Rule::chatdata(Fault::Return { code: 10002, slice }));
    Case::new().stops(&faults, "301042");
}

#[test]
fn an_error_behind_a_zero_return_is_seen() {
    let error = |errcode| Fault::Errcode {
        errcode,
        errmsg: String::new(),
    };
    Case::new().stops(
        &Faults::new().with(Rule::chatdata(error(301_052)).at_call(2..=u64::MAX)),
        "301052",
    );
    Case::new().stops(&Faults::new().with(Rule::chatdata(error(48_002))), "48002");
}

#[test]
fn a_rate_limit_is_waited_out() {
    let limit = Fault::Errcode {
        errcode: 45_009,
        errmsg: String::new(),
    };
    Case::new().costs(
        &Faults::new().with(Rule::chatdata(limit).at_call(2).times(1)),
        &[],
        "",
    );
}

#[test]
fn an_answer_too_large_is_asked_for_in_smaller_pieces() {
    let large = Fault::Errcode {
        errcode: 301_058,
        errmsg: String::new(),
    };
    let books = Case::new().costs(
        &Faults::new().with(Rule::chatdata(large).at_call(1).times(1)),
        &[],
        "",
    );
    assert!(books["calls"].as_u64() > Some(4), "{books}");
}

#[test]
fn latency_is_only_time() {
    let faults = Faults::new()
        .with(Rule::chatdata(Fault::Latency { ms: 50 }))
        .with(Rule::decrypt(Fault::Latency { ms: 1 }).with_probability(0.1, 1));
    Case::new().costs(&faults, &[], "");
}

#[test]
fn a_pull_that_hangs_past_its_deadline_is_killed_and_repeated() {
    Case::new().costs(
        &Faults::new().with(Rule::chatdata(Fault::Hang).at_call(2).times(1)),
        &[],
        "",
    );
}

#[test]
fn a_silent_peer_is_a_network_error() {
    Case::new().costs(
        &Faults::new().with(Rule::chatdata(Fault::Silent).at_call(2).times(1)),
        &[],
        "",
    );
}

#[test]
fn a_child_that_dies_while_pulling_is_replaced() {
    for death in [
        Fault::Segfault,
        Fault::Abort,
        Fault::Terminate,
        Fault::Exit { status: 0 },
    ] {
        let faults = Faults::new().with(Rule::chatdata(death).at_call(2).times(1));
        Case::new().costs(&faults, &[], "");
    }
}

#[test]
fn a_child_that_always_dies_while_pulling_stops_the_pull() {
    Case::new().stops(&Faults::new().with(Rule::chatdata(Fault::Segfault)), "SIGSEGV");
}

#[test]
fn a_body_that_kills_the_child_every_time_is_poison() {
    for death in [
        Fault::Segfault,
        Fault::Abort,
        Fault::Terminate,
        Fault::Exit { status: 0 },
    ] {
        let case = Case::new();
        let seq = case.seq(150);
        let books = case.costs(
            &Faults::new().with(Rule::decrypt(death).at_seq(seq)),
            &[seq],
            "poison",
        );
        assert!(books["child_deaths"].as_u64() >= Some(2), "{books}");
    }
}

#[test]
fn a_body_that_kills_the_child_once_is_opened() {
    let case = Case::new();
    let faults = Faults::new().with(Rule::decrypt(Fault::Segfault).at_seq(case.seq(10)).times(1));
    let books = case.costs(&faults, &[], "");
    assert!(books["child_deaths"].as_u64() >= Some(1), "{books}");
}

#[test]
fn a_body_that_hangs_is_poison() {
    let case = Case::new();
    let seq = case.seq(20);
    case.costs(
        &Faults::new().with(Rule::decrypt(Fault::Hang).at_seq(seq)),
        &[seq],
        "poison",
    );
}

#[test]
fn rubbish_on_stdout_disturbs_nothing() {
    let faults = Faults::new()
        .with(Rule::chatdata(Fault::Garbage { bytes: 5_000 }))
        .with(Rule::decrypt(Fault::Garbage { bytes: 300 }).with_probability(0.2, 1));
    Case::new().costs(&faults, &[], "");
}

#[test]
fn a_leaking_child_is_recycled() {
    let case = Case::new();
    let faults = Faults::new().with(Rule::decrypt(Fault::Leak { bytes: 20 << 20 }).with_probability(0.2, 1));
    case.corpus.misbehave(&faults);
    let finished = case.archive.run(PULL.into_iter().chain([
        "--set",
        "sdk.max_resident_mib=64",
        "--set",
        "pull.limit=30",
    ]));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let books = finished.json();
    assert!(books["child_recycled"].as_u64() >= Some(1), "{books}");
    assert_eq!(case.opened().len() as u64, MESSAGES);
}

#[test]
fn a_page_with_every_record_twice_stores_each_once() {
    let books = Case::new().costs(&Faults::new().with(Rule::chatdata(Fault::DuplicatePage)), &[], "");
    assert_eq!(books["duplicate"], MESSAGES, "{books}");
}

#[test]
fn pages_that_overlap_store_each_record_once() {
    let books = Case::new().costs(
        &Faults::new().with(Rule::chatdata(Fault::Overlap { records: 30 })),
        &[],
        "",
    );
    assert!(books["duplicate"].as_u64() > Some(0), "{books}");
}

#[test]
fn short_pages_are_not_the_end() {
    let books = Case::new().costs(
        &Faults::new().with(Rule::chatdata(Fault::ShortPage { records: 7 })),
        &[],
        "",
    );
    assert!(books["calls"].as_u64() > Some(40), "{books}");
}

#[test]
fn a_gap_in_seq_is_no_loss() {
    let case = Case::new();
    let (from, to) = (case.seq(100), case.seq(119));
    case.corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Gap).at_seq(from..=to)));
    let finished = case.pull();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.json()["opened"], MESSAGES - 20);
    assert_eq!(case.opened().len() as u64, MESSAGES - 20);
}

#[test]
fn a_torn_page_keeps_its_whole_records_and_the_rest_is_asked_for_again() {
    let faults = Faults::new()
        .with(Rule::chatdata(Fault::Torn { keep: None }).at_call(1).times(1))
        .with(Rule::chatdata(Fault::Torn { keep: Some(30) }).at_call(3).times(1));
    Case::new().costs(&faults, &[], "");
}

#[test]
fn pages_that_are_always_torn_before_the_first_record_stop_the_pull() {
    Case::new().stops(
        &Faults::new().with(Rule::chatdata(Fault::Torn { keep: Some(30) })),
        "torn",
    );
}

#[test]
fn records_the_server_no_longer_has_are_skipped_over() {
    let case = Case::new();
    let seq = case.seq(50);
    case.corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::RetainedFrom { seq })));
    let finished = case.pull();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.json()["opened"], MESSAGES - 50);
}

/// A fault of three records, the reason they wait for, and whether they open once the fault is gone.
fn record_fault(fault: Fault, reason: &str) {
    let case = Case::new();
    let bad = [case.seq(3), case.seq(150), case.seq(299)];
    case.costs(
        &Faults::new().with(Rule::chatdata(fault).at_seq(bad.to_vec())),
        &bad,
        reason,
    );
    // The range comes again, whole this time: the bad copies are kept beside the good ones.
    case.corpus.behave();
    let again = case.archive.run(["pull", "--json", "--from-seq", "0"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let books = again.json();
    assert_eq!(
        (&books["changed"], &books["opened"]),
        (&Value::from(3), &Value::from(3)),
        "{books}"
    );
    assert_eq!(books["duplicate"], MESSAGES - 3, "{books}");
    assert_eq!(case.opened().len() as u64, MESSAGES);
}

#[test]
fn a_truncated_body_is_refused_and_kept() {
    record_fault(Fault::TruncateBody { keep: Some(100) }, "refused");
}

#[test]
fn a_body_too_short_for_the_library_is_malformed() {
    record_fault(Fault::ShortBody, "malformed");
}

#[test]
fn a_truncated_key_is_malformed() {
    record_fault(Fault::TruncateKey { keep: Some(200) }, "malformed");
}

#[test]
fn a_key_that_is_no_base64_is_malformed() {
    record_fault(Fault::GarbleKey, "malformed");
}

#[test]
fn a_version_without_a_key_waits_for_it() {
    record_fault(Fault::WrongVersion { version: 99 }, "no_key");
}

#[test]
fn a_record_sealed_to_another_pair_is_a_key_mismatch() {
    record_fault(Fault::ForeignKey, "key_mismatch");
}

#[test]
fn a_key_that_belongs_to_another_record_is_a_key_mismatch() {
    record_fault(Fault::SwappedKey, "key_mismatch");
}

#[test]
fn a_refusal_of_the_library_is_kept_with_its_code() {
    let case = Case::new();
    let seq = case.seq(77);
    case.costs(
        &Faults::new().with(Rule::decrypt(code(10006)).at_seq(seq)),
        &[seq],
        "refused",
    );
    assert!(
        case.archive.waiting()[0]["detail"]
            .as_str()
            .expect("a text")
            .contains("10006")
    );
    case.corpus.behave();
    let retried = case.archive.run(["retry", "--json"]);
    assert_eq!(retried.code, Some(0), "{}", retried.stderr);
    assert_eq!(retried.json()["opened"], 1);
}

/// A success of `DecryptData` that gives no message of the record.
fn false_success(fault: Fault) {
    let case = Case::new();
    let bad = [case.seq(3), case.seq(150), case.seq(299)];
    // With originals that go as soon as a record is open: what is not open must keep its own.
    let config = std::fs::read_to_string(&case.archive.config).expect("a configuration");
    let never = config.replace("keep_sealed = \"days\"", "keep_sealed = \"never\"");
    assert_ne!(never, config);
    std::fs::write(&case.archive.config, never).expect("written");
    case.costs(
        &Faults::new().with(Rule::decrypt(fault).at_seq(bad.to_vec())),
        &bad,
        "unreadable",
    );
    let stats = case.archive.stats();
    assert_eq!(stats["coverage"]["unreadable"], 3, "{stats}");
    // Tried again by the next pull, by every retry, and opened once the library behaves.
    let again = case.archive.run(["retry", "--json"]);
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert_eq!(again.json()["waiting"]["unreadable"], 3);
    case.corpus.behave();
    let again = case.archive.run(["retry", "--json", "--reason", "unreadable"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(again.json()["opened"], 3);
    assert_eq!(case.opened().len() as u64, MESSAGES);
}

#[test]
fn an_empty_success_is_no_message() {
    false_success(code(0));
}

#[test]
fn a_success_with_garbage_is_no_message() {
    false_success(Fault::GarbageAnswer { bytes: 500 });
}

#[test]
fn a_success_with_half_a_message_is_no_message() {
    false_success(Fault::TornAnswer { keep: None });
}

#[test]
fn a_success_with_the_message_of_another_record_is_no_message() {
    false_success(Fault::OtherAnswer);
}

#[test]
fn a_false_success_that_was_one_time_only_is_opened_by_the_next_pull() {
    let case = Case::new();
    let seq = case.seq(40);
    case.costs(
        &Faults::new().with(Rule::decrypt(code(0)).at_seq(seq).times(1)),
        &[seq],
        "unreadable",
    );
    let again = case.pull();
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(again.json()["opened"], 1);
}

#[test]
fn a_text_that_is_no_utf8_is_kept_byte_for_byte() {
    let case = Case::new();
    let seq = case.seq(30);
    case.corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::BrokenText).at_seq(seq)));
    let finished = case.pull();
    // Its msgid is not the message's any more, so the answer of DecryptData cannot be believed to be its own.
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    let books = finished.json();
    case.balance(&books);
    assert_eq!(
        (&books["stored"], &books["waiting"]["unreadable"]),
        (&Value::from(MESSAGES), &Value::from(1))
    );
    let store = shiguan::store::Reader::open(&case.archive.dir.join("data/archive.db")).expect("an archive");
    let company = store.companies().expect("listed")[0].0;
    let kept = store
        .sample_sealed(company, shiguan::ids::KeyVersion(1), 1_000)
        .expect("asked")
        .into_iter()
        .find(|pending| pending.sealed.seq.0 == seq)
        .and_then(|pending| pending.sealed.odd)
        .expect("the whole item");
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(kept.strip_prefix("base64:").expect("bytes"))
        .expect("base64");
    assert!(bytes.contains(&0xFF));
}

/// Not a test: the compiler's reminder to add a test above when the mock learns a new fault.
#[allow(dead_code, reason = "only compiled, so that a new fault cannot be forgotten")]
fn every_fault_has_its_test(fault: &Fault) -> &'static str {
    match fault {
        Fault::Return { .. } => "a_retryable_code_is_retried",
        Fault::Latency { .. } => "latency_is_only_time",
        Fault::Hang => "a_pull_that_hangs_past_its_deadline_is_killed_and_repeated",
        Fault::Silent => "a_silent_peer_is_a_network_error",
        Fault::Segfault | Fault::Abort | Fault::Terminate | Fault::Exit { .. } => {
            "a_body_that_kills_the_child_every_time_is_poison"
        }
        Fault::Garbage { .. } => "rubbish_on_stdout_disturbs_nothing",
        Fault::Leak { .. } => "a_leaking_child_is_recycled",
        Fault::Errcode { .. } => "an_error_behind_a_zero_return_is_seen",
        Fault::DuplicatePage => "a_page_with_every_record_twice_stores_each_once",
        Fault::Overlap { .. } => "pages_that_overlap_store_each_record_once",
        Fault::ShortPage { .. } => "short_pages_are_not_the_end",
        Fault::Gap => "a_gap_in_seq_is_no_loss",
        Fault::Torn { .. } => "a_torn_page_keeps_its_whole_records_and_the_rest_is_asked_for_again",
        Fault::RetainedFrom { .. } => "records_the_server_no_longer_has_are_skipped_over",
        Fault::TruncateBody { .. } => "a_truncated_body_is_refused_and_kept",
        Fault::ShortBody => "a_body_too_short_for_the_library_is_malformed",
        Fault::TruncateKey { .. } => "a_truncated_key_is_malformed",
        Fault::GarbleKey => "a_key_that_is_no_base64_is_malformed",
        Fault::WrongVersion { .. } => "a_version_without_a_key_waits_for_it",
        Fault::ForeignKey => "a_record_sealed_to_another_pair_is_a_key_mismatch",
        Fault::SwappedKey => "a_key_that_belongs_to_another_record_is_a_key_mismatch",
        Fault::SetSeq { .. } => "doubt::a_seq_that_cannot_be_right_moves_no_cursor",
        Fault::ShiftSeq { .. } => "doubt::a_seq_that_falls_is_kept_and_flagged",
        Fault::NoSeq => "doubt::an_item_without_a_seq_is_seen_everywhere",
        Fault::TornItem => "doubt::a_record_that_tears_its_page_costs_one_record",
        Fault::BrokenText => "a_text_that_is_no_utf8_is_kept_byte_for_byte",
        Fault::GarbageAnswer { .. } => "a_success_with_garbage_is_no_message",
        Fault::TornAnswer { .. } => "a_success_with_half_a_message_is_no_message",
        Fault::OtherAnswer => "a_success_with_the_message_of_another_record_is_no_message",
        Fault::Msgtime { .. } => "clock.rs: an_absurd_msgtime_costs_nothing_but_its_own_place",
        // `GetMediaData`, in `media.rs`.
        Fault::DigestMismatch
        | Fault::NeverFinish
        | Fault::EmptyChunk
        | Fault::StuckCursor
        | Fault::EmptyFile
        | Fault::OddMembers { .. }
        | Fault::NextCursor { .. }
        | Fault::HugeChunk { .. } => {
            "each_fault_ends_in_the_state_that_names_it_and_a_second_chance_mends_it"
        }
    }
}
