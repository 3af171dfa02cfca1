//! Promise 11: nothing from outside is believed. Seqs that cannot be right, records that take `GetChatData` down, a stream
//! that begins again, ranges that somebody skips: no record is lost in silence, and everything kept aside can be seen.

use std::{collections::BTreeSet, path::Path};

use kit::{Archive, Corpus, Finished, PULL, Program};
use sdk_mock::{
    faults::{Fault, Faults, Rule},
    generate::{Plan, generate},
};
use serde_json::Value;
use shiguan::{
    ids::{KeyVersion, Millis, RunId, Seq},
    record::Sealed,
    store::{Store, contract::PullCall},
};

const MESSAGES: u64 = 300;
/// A seq that no stream reaches.
const ABSURD: u64 = 1_000_000_000_000_000;

struct Case {
    scratch: tempfile::TempDir,
    corpus: Corpus,
    archive: Archive,
    seqs: Vec<u64>,
}

impl Case {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::generate(scratch.path(), MESSAGES, 11);
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        let seqs = corpus.truth().iter().map(|truth| truth.seq).collect();
        Self {
            scratch,
            corpus,
            archive,
            seqs,
        }
    }

    fn pull_with<'a>(&self, further: impl IntoIterator<Item = &'a str>) -> Finished {
        let quick = [
            "--set",
            "pull.timeout_seconds=1",
            "--set",
            "sdk.deadline_grace_seconds=1",
            "--set",
            "pull.retry_attempts=2",
        ];
        self.archive.run(PULL.into_iter().chain(quick).chain(further))
    }

    fn pull(&self) -> Finished {
        self.pull_with(["--set", "pull.limit=100"])
    }

    /// Pulls; the exit code must be this one.
    fn pulls(&self, code: i32) -> Value {
        let finished = self.pull().exits(code);
        finished.json()
    }

    fn misbehave(&self, rule: Rule) {
        self.corpus.misbehave(&Faults::new().with(rule));
    }

    fn found(&self) -> BTreeSet<u64> {
        let hits = self.archive.search("seq:0-18446744073709551615");
        hits.iter()
            .map(|hit| hit["seq"].as_u64().expect("a seq"))
            .collect()
    }

    /// The msgids of all hits: a record under another seq is the same message.
    fn messages(&self) -> BTreeSet<String> {
        let hits = self.archive.search("seq:0-18446744073709551615");
        let msgid = |hit: &Value| hit["msgid"].as_str().expect("a msgid").to_owned();
        hits.iter().map(msgid).collect()
    }

    fn all(&self) -> BTreeSet<u64> {
        self.seqs.iter().copied().collect()
    }

    fn runs(&self) -> Value {
        let finished = self.archive.run(["runs", "--json"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.json()
    }

    fn gaps(&self, kind: &str) -> Vec<Value> {
        let runs = self.runs();
        let gaps = runs["gaps"].as_array().expect("a list").iter();
        gaps.filter(|gap| gap["kind"] == kind).cloned().collect()
    }

    fn cursor(&self) -> u64 {
        self.runs()["cursors"]
            .as_object()
            .and_then(|cursors| cursors.values().next())
            .and_then(Value::as_u64)
            .expect("a cursor")
    }

    fn sound(&self) {
        let doctor = self.archive.run(["doctor", "--json"]).json();
        let findings = doctor["findings"].as_array().expect("a list");
        let integrity = findings.iter().find(|finding| finding["check"] == "integrity");
        assert_eq!(integrity.expect("looked at")["status"], "ok", "{doctor}");
    }
}

#[test]
fn a_seq_that_cannot_be_right_moves_no_cursor() {
    // In the middle of a page, at its end, and first of all.
    for place in [150, 99, 0] {
        let case = Case::new();
        case.misbehave(Rule::chatdata(Fault::SetSeq { seq: ABSURD }).at_seq(case.seqs[place]));
        let books = case.pulls(0);
        assert_eq!(
            (&books["stored"], &books["opened"]),
            (&Value::from(MESSAGES), &Value::from(MESSAGES)),
            "{books}"
        );
        assert_eq!(case.messages().len() as u64, MESSAGES, "searchable all the same");
        assert!(case.found().contains(&ABSURD));
        assert_eq!(case.cursor(), case.seqs[299], "the cursor did not follow");
        assert_eq!(
            case.archive.stats()["coverage"]["doubtful_seqs"],
            1,
            "and it is flagged"
        );
        assert_eq!(case.runs()["doubtful_seqs"][0]["seq"], ABSURD, "by name");
        case.sound();
        // What comes later is not skipped.
        case.corpus.behave();
        case.pulls(0);
        assert_eq!(case.cursor(), case.seqs[299]);
    }
}

#[test]
fn the_cursor_waits_before_a_last_record_with_an_absurd_seq() {
    let case = Case::new();
    case.misbehave(Rule::chatdata(Fault::SetSeq { seq: ABSURD }).at_seq(case.seqs[299]));
    let books = case.pulls(3);
    assert_eq!(books["stored"], MESSAGES, "{books}");
    let held = &books["companies"]
        .as_object()
        .expect("companies")
        .values()
        .next()
        .expect("one")["cursor_held"];
    assert_eq!(
        (&held["seq"], &held["cursor"]),
        (&Value::from(ABSURD), &Value::from(case.seqs[298])),
        "{books}"
    );
    case.corpus.behave();
    assert_eq!(case.pulls(0)["stored"], 1, "it comes again under its own seq");
    assert_eq!(case.cursor(), case.seqs[299]);
    assert_eq!(case.messages().len() as u64, MESSAGES);
}

#[test]
fn a_small_lie_at_the_end_of_a_page_skips_nothing() {
    let case = Case::new();
    // Within what is believed without a question: the numbers in front of it are missing, so it is asked about.
    case.misbehave(Rule::chatdata(Fault::ShiftSeq { by: 500 }).at_seq(case.seqs[63]));
    let books = case.pulls(0);
    assert_eq!(books["opened"], MESSAGES, "{books}");
    assert_eq!(case.messages().len() as u64, MESSAGES);
    assert_eq!(case.archive.stats()["coverage"]["doubtful_seqs"], 1);
    case.sound();
}

#[test]
fn a_seq_that_falls_is_kept_and_flagged() {
    let case = Case::new();
    let by = -(i64::try_from(case.seqs[150]).expect("small") - 3);
    case.misbehave(Rule::chatdata(Fault::ShiftSeq { by }).at_seq(case.seqs[150]));
    let books = case.pulls(0);
    assert_eq!(books["opened"], MESSAGES, "{books}");
    assert!(case.found().contains(&3));
    assert_eq!(case.archive.stats()["coverage"]["doubtful_seqs"], 1);
    case.sound();
}

#[test]
fn two_messages_under_one_seq_are_both_kept_and_found() {
    let case = Case::new();
    case.misbehave(Rule::chatdata(Fault::SetSeq { seq: case.seqs[149] }).at_seq(case.seqs[150]));
    let books = case.pulls(0);
    assert_eq!(books["opened"], MESSAGES, "{books}");
    assert_eq!(case.messages().len() as u64, MESSAGES);
    case.sound();
}

#[test]
fn a_real_jump_is_confirmed_and_followed() {
    let case = Case::new();
    // The stream goes on far behind: these records are not there, so the numbers jump by more than is believed unasked.
    case.misbehave(Rule::chatdata(Fault::Gap).at_seq(case.seqs[50]..=case.seqs[249]));
    let finished = case.pull_with(["--set", "pull.limit=50", "--set", "pull.max_seq_jump=20"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.json()["opened"], 100);
    assert_eq!(case.cursor(), case.seqs[299]);
    let jumps = case.gaps("jump");
    assert!(
        jumps.iter().any(|jump| jump["first_seq"] == case.seqs[49] + 1
            && jump["last_seq"] == case.seqs[250] - 1
            && jump["state"] == "closed"),
        "{jumps:?}"
    );
    // The server has them again: found by the check of the end or by reading again, never lost for good.
    case.corpus.behave();
    let again = case.archive.run(PULL.into_iter().chain(["--from-seq", "0"]));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(case.found(), case.all());
}

#[test]
fn beginning_above_the_cursor_asks_and_stays_on_the_ledger() {
    let case = Case::new();
    let from = case.seqs[199].to_string();
    let refused = case.pull_with(["--from-seq", &from]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("skips the seqs 1 to") && refused.stderr.contains("--yes"),
        "{}",
        refused.stderr
    );
    let skipped = case.pull_with(["--from-seq", &from, "--yes"]);
    assert_eq!(skipped.code, Some(3), "{}", skipped.stderr);
    let books = skipped.json();
    assert_eq!(
        (&books["opened"], &books["unseen_ranges"]),
        (&Value::from(100), &Value::from(1)),
        "{books}"
    );
    let gap = &case.gaps("skipped")[0];
    assert_eq!(
        (&gap["first_seq"], &gap["last_seq"], &gap["state"]),
        (
            &Value::from(1),
            &Value::from(case.seqs[199]),
            &Value::from("open")
        )
    );
    // An ordinary pull keeps saying so.
    assert_eq!(case.pulls(3)["unseen_ranges"], 1);
    let back = case.pull_with(["--gaps"]);
    assert_eq!(back.code, Some(0), "{}", back.stderr);
    assert_eq!(back.json()["stored"], 200);
    assert_eq!(case.gaps("skipped")[0]["state"], "closed");
    assert_eq!(case.found(), case.all());
    case.sound();
}

/// A record on which `GetChatData` fails every time.
fn costs_one_record(fault: Fault, limit: &str) {
    let case = Case::new();
    let bad = case.seqs[120];
    case.misbehave(Rule::chatdata(fault).at_seq(bad));
    let finished = case.pull_with(["--set", limit]).exits(3);
    let books = finished.json();
    assert_eq!(
        (&books["stored"], &books["opened"], &books["unpullable"]),
        (
            &Value::from(MESSAGES - 1),
            &Value::from(MESSAGES - 1),
            &Value::from(1)
        ),
        "{books}"
    );
    let mut others = case.all();
    others.remove(&bad);
    assert_eq!(case.found(), others);
    let gap = &case.gaps("unpullable")[0];
    assert_eq!(
        (&gap["first_seq"], &gap["last_seq"], &gap["state"]),
        (&Value::from(bad), &Value::from(bad), &Value::from("open")),
        "{gap}"
    );
    assert!(!gap["explanation"].as_str().expect("a text").is_empty());
    assert!(
        case.archive
            .waiting()
            .iter()
            .any(|row| row["reason"] == "unpullable" && row["seq"] == bad)
    );
    assert_eq!(case.archive.stats()["coverage"]["unpullable"], 1);
    case.corpus.behave();
    assert_eq!(case.pulls(0)["stored"], 1, "asked for again, it comes");
    assert_eq!(case.gaps("unpullable")[0]["state"], "closed");
    assert_eq!(case.found(), case.all());
    case.sound();
}

#[test]
fn a_record_that_kills_the_pulling_process_costs_one_record() {
    costs_one_record(Fault::Segfault, "pull.limit=100");
    costs_one_record(Fault::Exit { status: 1 }, "pull.limit=7");
}

#[test]
fn a_record_that_hangs_the_pulling_process_costs_one_record() {
    costs_one_record(Fault::Hang, "pull.limit=2");
}

#[test]
fn a_record_that_tears_its_page_costs_one_record() {
    costs_one_record(Fault::TornItem, "pull.limit=100");
}

#[test]
fn a_record_that_the_server_always_refuses_as_too_large_costs_one_record() {
    let large = Fault::Errcode {
        errcode: 301_058,
        errmsg: String::new(),
    };
    costs_one_record(large, "pull.limit=100");
}

#[test]
fn the_last_record_of_the_stream_may_be_the_one_that_kills() {
    let case = Case::new();
    case.misbehave(Rule::chatdata(Fault::Abort).at_seq(case.seqs[299]));
    let books = case.pulls(3);
    assert_eq!(
        (&books["stored"], &books["unpullable"]),
        (&Value::from(MESSAGES - 1), &Value::from(1)),
        "{books}"
    );
    case.corpus.behave();
    case.pulls(0);
    assert_eq!(case.found(), case.all());
}

#[test]
fn two_records_that_kill_cost_two_records() {
    for pair in [[120, 121], [120, 122]] {
        let case = Case::new();
        let bad = pair.map(|place| case.seqs[place]);
        case.misbehave(Rule::chatdata(Fault::Segfault).at_seq(bad.to_vec()));
        let books = case.pulls(3);
        let healthy: BTreeSet<u64> = case.all().into_iter().filter(|seq| !bad.contains(seq)).collect();
        assert_eq!(case.found(), healthy, "{books}");
        case.corpus.behave();
        case.pull();
        case.pull();
        assert_eq!(case.found(), case.all());
    }
}

#[test]
fn an_item_without_a_seq_is_seen_everywhere() {
    let case = Case::new();
    case.misbehave(Rule::chatdata(Fault::NoSeq).at_seq(case.seqs[150]));
    let books = case.pulls(3);
    assert_eq!(
        (&books["stored"], &books["waiting"]["stray"]),
        (&Value::from(MESSAGES - 1), &Value::from(1)),
        "{books}"
    );
    let rows = case.archive.waiting();
    let row = rows.iter().find(|row| row["reason"] == "stray").expect("listed");
    assert_eq!(row["msgid"], case.corpus.truth()[150].msgid.as_str());
    let item: Value = serde_json::from_str(row["raw"].as_str().expect("the bytes")).expect("JSON");
    assert_eq!(item["msgid"], row["msgid"]);
    assert_eq!(case.archive.stats()["coverage"]["strays"], 1);
    let doctor = case.archive.run(["doctor", "--json"]).json();
    let findings = doctor["findings"].as_array().expect("a list");
    assert!(
        findings
            .iter()
            .any(|finding| finding["check"] == "strays" && finding["status"] == "bad"),
        "{doctor}"
    );
    assert_eq!(case.archive.run(["retry", "--json"]).code, Some(3));
    assert_eq!(case.pulls(3)["waiting"]["stray"], 1, "until its record comes");
    case.corpus.behave();
    let again = case.archive.run(PULL.into_iter().chain(["--from-seq", "0"]));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(again.json()["waiting"]["stray"], 0);
    assert_eq!(case.found(), case.all());
}

#[test]
fn an_item_that_lacks_its_seq_once_is_asked_for_again_at_once() {
    let case = Case::new();
    case.misbehave(Rule::chatdata(Fault::NoSeq).at_seq(case.seqs[150]).times(1));
    let books = case.pulls(0);
    assert_eq!(
        (&books["opened"], &books["waiting"]["stray"]),
        (&Value::from(MESSAGES), &Value::from(0)),
        "{books}"
    );
}

#[test]
fn a_stream_that_begins_again_below_the_cursor_is_read() {
    let case = Case::new();
    case.pulls(0);
    let end = case.cursor();
    let again = Plan {
        messages: 60,
        seed: 12,
        first_seq: 1,
        ..Plan::default()
    };
    swap_corpus(&case, &again);
    let books = case.pulls(0);
    assert_eq!(books["stored"], 60, "{books}");
    assert_eq!(case.messages().len() as u64, MESSAGES + 60);
    let rewound = case.gaps("rewound");
    assert_eq!(
        (rewound.len(), &rewound[0]["last_seq"]),
        (1, &Value::from(end)),
        "{rewound:?}"
    );
    assert!(case.cursor() < end);
    assert_eq!(case.pulls(0)["stored"], 0, "and it goes on from there");
    case.sound();
}

#[test]
fn a_stream_that_begins_again_over_the_same_numbers_loses_neither_side() {
    let case = Case::new();
    case.pulls(0);
    let again = Plan {
        messages: 200,
        seed: 13,
        first_seq: case.seqs[0],
        ..Plan::default()
    };
    swap_corpus(&case, &again);
    let books = case.pulls(0);
    assert_eq!(books["opened"], 200, "{books}");
    assert_eq!(case.messages().len() as u64, MESSAGES + 200);
    case.sound();
}

fn swap_corpus(case: &Case, plan: &Plan) {
    let fresh = case.scratch.path().join("fresh");
    generate(plan, &fresh, &|_| {}).expect("a corpus");
    std::fs::remove_dir_all(&case.corpus.path).expect("removed");
    std::fs::rename(&fresh, &case.corpus.path).expect("moved");
}

#[test]
fn a_cursor_that_an_older_program_let_follow_an_absurd_seq_goes_back() {
    let case = Case::new();
    // Half of the stream, then what the older program did with a record of an absurd seq.
    case.misbehave(Rule::chatdata(Fault::Gap).at_seq(case.seqs[150]..=case.seqs[299]));
    case.pulls(0);
    follow(&case.archive.dir, ABSURD);
    assert_eq!(case.cursor(), ABSURD);
    case.corpus.behave();
    let finished = case.pull();
    assert_eq!(
        finished.code,
        Some(3),
        "the made-up record cannot be opened\n{}",
        finished.stderr
    );
    assert_eq!(finished.json()["stored"], 150);
    assert_eq!(case.found(), case.all());
    assert_eq!(case.cursor(), case.seqs[299]);
    case.sound();
}

/// Lands a record as an older program did, cursor and all.
fn follow(folder: &Path, seq: u64) {
    let mut store = Store::open(&folder.join("data/archive.db")).expect("an archive");
    let company = store.companies().expect("listed")[0].0;
    let lease = store
        .acquire_lease(company, "test", Millis::now(), 1_000, &|_| false)
        .expect("a lease");
    let run: RunId = store.begin_run(company, "pull", Millis::now()).expect("a run");
    let call = PullCall {
        run,
        asked: Seq(0),
        limit: 1,
        first: Some(Seq(seq)),
        last: Some(Seq(seq)),
        count: 1,
        code: 0,
        errcode: 0,
        outcome: "ok".into(),
        sdk_build: String::new(),
        at: Millis::now(),
        took_ms: 1,
    };
    let record = Sealed {
        seq: Seq(seq),
        msgid: "absurd".into(),
        key_version: KeyVersion(1),
        random_key: "x".into(),
        body: "y".into(),
        odd: None,
    };
    store.land(&lease, &call, &[record], &[]).expect("landed");
    store
        .end_run(run, &Default::default(), "done", Millis::now())
        .expect("ended");
    store.release_lease(lease).expect("released");
}

#[test]
fn runs_tell_what_was_pulled_call_by_call() {
    let case = Case::new();
    case.pulls(0);
    let runs = case.runs();
    let run = &runs["runs"][0];
    assert_eq!(
        (&run["command"], &run["outcome"], &run["stored"]),
        (&Value::from("pull"), &Value::from("done"), &Value::from(MESSAGES))
    );
    assert_eq!(
        (&run["first_seq"], &run["last_seq"]),
        (&Value::from(case.seqs[0]), &Value::from(case.seqs[299]))
    );
    let calls = run["calls"].as_array().expect("a list");
    let counted: u64 = calls
        .iter()
        .filter(|call| call["outcome"] == "ok")
        .filter_map(|call| call["count"].as_u64())
        .sum();
    assert_eq!(counted, MESSAGES);
    assert!(
        calls.iter().any(|call| call["outcome"] == "empty")
            && calls.iter().any(|call| call["outcome"] == "checked")
    );
    assert_eq!(runs["gaps"], serde_json::json!([]));
    let shown = case.archive.run(["runs", "--calls"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(
        shown.stdout.contains("300") && shown.stdout.contains("pull"),
        "{}",
        shown.stdout
    );
}

/// An empty page that hides a record for good costs that record; the others come.
#[test]
fn an_empty_page_in_the_middle_of_the_stream_is_not_its_end() {
    for place in [64, 150, 298] {
        let case = Case::new();
        let hidden = case.seqs[place];
        case.misbehave(Rule::chatdata(Fault::ShortPage { records: 0 }).at_seq(hidden));
        let books = case.pulls(3);
        assert_eq!(
            (&books["stored"], &books["unpullable"]),
            (&Value::from(MESSAGES - 1), &Value::from(1)),
            "{books}"
        );
        let gap = &case.gaps("unpullable")[0];
        assert_eq!(gap["last_seq"], hidden, "{gap}");
        assert_eq!(gap["first_seq"], hidden, "{gap}");
        case.corpus.behave();
        assert_eq!(case.pulls(0)["stored"], 1);
        assert_eq!(case.found(), case.all());
        assert_eq!(case.gaps("unpullable")[0]["state"], "closed");
    }
}

#[test]
fn an_empty_page_that_comes_once_costs_nothing() {
    let case = Case::new();
    case.misbehave(
        Rule::chatdata(Fault::ShortPage { records: 0 })
            .at_seq(case.seqs[64])
            .times(2),
    );
    assert_eq!(case.pulls(0)["stored"], MESSAGES);
    assert_eq!(case.gaps("unpullable"), Vec::<Value>::new());
}

/// From there on nothing is told although the beginning still is: no end that anybody should believe.
#[test]
fn an_end_that_the_beginning_contradicts_fails_the_pull() {
    let case = Case::new();
    case.pulls(0);
    case.misbehave(Rule::chatdata(Fault::ShortPage { records: 0 }).at_seq(case.seqs[30]..=case.seqs[299]));
    let finished = case.pull().exits(1);
    assert!(
        finished.stderr.contains("nothing comes behind seq"),
        "{}",
        finished.stderr
    );
    assert_eq!(case.cursor(), case.seqs[299]);
    assert_eq!(case.gaps("unpullable"), Vec::<Value>::new());
    case.corpus.behave();
    assert_eq!(case.pulls(0)["stored"], 0);
}

/// The network goes away while a failing range is narrowed down: that makes no hole wider than the record.
#[test]
fn an_outage_while_a_record_is_searched_for_makes_no_hole() {
    for from in [5, 7, 8, 9, 11] {
        let case = Case::new();
        let bad = case.seqs[120];
        let outage = Rule::chatdata(Fault::Return {
            code: 10_001,
            slice: String::new(),
        });
        case.corpus.misbehave(
            &Faults::new()
                .with(outage.at_call(from..=from + 12).times(13))
                .with(Rule::chatdata(Fault::TornItem).at_seq(bad)),
        );
        case.pull();
        for gap in case.gaps("unpullable") {
            assert_eq!(
                (&gap["first_seq"], &gap["last_seq"]),
                (&Value::from(bad), &Value::from(bad)),
                "outage from call {from}: {gap}"
            );
        }
        case.misbehave(Rule::chatdata(Fault::TornItem).at_seq(bad));
        let books = case.pulls(3);
        assert_eq!(books["unpullable"], 1, "{books}");
        let healthy: BTreeSet<u64> = case.all().into_iter().filter(|seq| *seq != bad).collect();
        assert_eq!(case.found(), healthy, "outage from call {from}");
    }
}

/// Of a hole with two records, the one that can be had is had, whichever it is.
#[test]
fn the_healthy_part_of_a_hole_comes() {
    for (still_bad, comes) in [(120, 121), (121, 120)] {
        let case = Case::new();
        case.misbehave(Rule::chatdata(Fault::Segfault).at_seq([120, 121].map(|at| case.seqs[at]).to_vec()));
        case.pulls(3);
        case.misbehave(Rule::chatdata(Fault::Segfault).at_seq(case.seqs[still_bad]));
        let finished = case.pull_with(["--gaps"]).exits(3);
        assert!(case.found().contains(&case.seqs[comes]), "{}", finished.stdout);
        let gaps = case.gaps("unpullable");
        let open: Vec<&Value> = gaps.iter().filter(|gap| gap["state"] == "open").collect();
        assert_eq!(open.len(), 1, "{gaps:?}");
        assert_eq!(open[0]["last_seq"], case.seqs[still_bad], "{gaps:?}");
        case.corpus.behave();
        assert_eq!(case.pull_with(["--gaps"]).code, Some(0));
        assert_eq!(case.found(), case.all());
    }
}

/// A skipped range stays skipped, also when so few records were pulled behind it that the check of the end meets it.
#[test]
fn a_range_that_somebody_skipped_is_not_taken_for_a_cursor_that_was_wrong() {
    let case = Case::new();
    case.misbehave(Rule::chatdata(Fault::Gap).at_seq(case.seqs[10]..=case.seqs[299]));
    case.pulls(0);
    case.corpus.behave();
    let from = case.seqs[296].to_string();
    let skipped = case.pull_with(["--set", "pull.max_seq_jump=10", "--from-seq", &from, "--yes"]);
    assert_eq!(skipped.code, Some(3), "{}", skipped.stderr);
    assert_eq!(skipped.json()["stored"], 3);
    assert_eq!(case.pulls(3)["stored"], 0);
    assert_eq!(case.gaps("rewound"), Vec::<Value>::new());
    assert_eq!(case.runs()["doubtful_seqs"], serde_json::json!([]));
    assert_eq!(case.gaps("skipped")[0]["state"], "open");
    let back = case.pull_with(["--gaps"]);
    assert_eq!(back.code, Some(0), "{}", back.stderr);
    assert_eq!(case.found(), case.all());
    assert_eq!(case.gaps("skipped")[0]["state"], "closed");
}

/// Items without a seq, and seqs that fall, are no holes, wherever they stand.
#[test]
fn what_has_no_place_in_the_stream_is_no_hole() {
    let lies = [
        (299, "pull.limit=100", Fault::NoSeq, 1),
        (150, "pull.limit=1", Fault::NoSeq, 1),
        (299, "pull.limit=1", Fault::NoSeq, 1),
        (299, "pull.limit=100", Fault::SetSeq { seq: 3 }, 0),
        (150, "pull.limit=1", Fault::SetSeq { seq: ABSURD }, 0),
        (150, "pull.limit=1", Fault::SetSeq { seq: 3 }, 0),
    ];
    for (place, limit, fault, strays) in lies {
        let case = Case::new();
        case.misbehave(Rule::chatdata(fault.clone()).at_seq(case.seqs[place]));
        let finished = case.pull_with(["--set", limit]);
        let books = finished.json();
        let what = format!("{fault:?} at {place}, {limit}: {books}\n{}", finished.stderr);
        assert_eq!(books["waiting"]["stray"], strays, "{what}");
        assert_eq!(books["stored"], MESSAGES - strays, "{what}");
        assert_eq!(finished.code, Some(if strays > 0 { 3 } else { 0 }), "{what}");
        assert_eq!(case.gaps("unpullable"), Vec::<Value>::new(), "{what}");
    }
}

#[test]
fn a_record_that_the_library_always_refuses_costs_one_record() {
    for code in [10_000, 10_002, 10_009] {
        let refused = Fault::Return {
            code,
            slice: String::new(),
        };
        costs_one_record(refused, "pull.limit=100");
    }
    let unknown = Fault::Errcode {
        errcode: 999_999,
        errmsg: "no".into(),
    };
    costs_one_record(unknown, "pull.limit=100");
}

/// A build of the library that dies on every page is no fault of all records at once.
#[test]
fn a_library_that_fails_on_every_record_makes_no_hole() {
    for known in [0, 150] {
        let case = Case::new();
        if known > 0 {
            case.misbehave(Rule::chatdata(Fault::Gap).at_seq(case.seqs[known]..=case.seqs[299]));
            case.pulls(0);
        }
        case.misbehave(Rule::chatdata(Fault::Segfault).at_seq(case.seqs[0]..=case.seqs[299]));
        case.pull().exits(1);
        assert_eq!(case.gaps("unpullable"), Vec::<Value>::new(), "{known}");
        case.corpus.behave();
        assert_eq!(case.pulls(0)["stored"], MESSAGES - known as u64);
        assert_eq!(case.found(), case.all());
    }
}

/// While nobody answers whether a seq is right, it is not believed.
#[test]
fn a_question_that_is_not_answered_moves_no_cursor() {
    let case = Case::new();
    let outage = Rule::chatdata(Fault::Return {
        code: 10_001,
        slice: String::new(),
    });
    case.corpus.misbehave(
        &Faults::new().with(outage.at_call(2).times(1)).with(
            Rule::chatdata(Fault::ShiftSeq { by: 100 })
                .at_seq(case.seqs[63])
                .times(1),
        ),
    );
    let books = case.pulls(0);
    assert_eq!(case.messages().len() as u64, MESSAGES, "{books}");
    assert!(case.found().is_superset(&case.all()), "{books}");
}

#[test]
fn one_refusal_of_a_single_record_is_asked_again() {
    let case = Case::new();
    let refused = Rule::chatdata(Fault::Return {
        code: 10_000,
        slice: String::new(),
    });
    case.misbehave(refused.at_seq(case.seqs[3]).times(1));
    case.pull_with(["--set", "pull.limit=1"]).exits(0);
    assert_eq!(case.gaps("unpullable"), Vec::<Value>::new());
    assert_eq!(case.found(), case.all());
}
