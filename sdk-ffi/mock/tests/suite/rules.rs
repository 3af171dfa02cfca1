//! The faults file: what it accepts, what it refuses, how often a rule fires.

use proptest::prelude::*;
use sdk_mock::{
    engine::Engine,
    faults::{Draw, FAULTS_FILE, Fault, Faults, Numbers, Rule, Span},
};

use crate::scene::{ask, corpus, decrypt, engine, page, seqs};

fn read(text: &str) -> Result<Faults, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Faults::load(file.path()).map_err(|error| error.to_string())
}

#[test]
fn the_documented_example_is_read() {
    let faults = read(
        r#"[
            {"on": "chatdata", "when": {"call": 3}, "do": {"return": {"code": 10001}}},
            {"on": "decrypt",  "when": {"seq": [57, {"from": 100, "to": 120}]}, "times": 1, "do": "segfault"},
            {"on": "chatdata", "when": {"probability": 0.01, "seed": 7}, "do": {"truncate_body": {"keep": 40}}}
        ]"#,
    )
    .unwrap();
    let spans = Numbers(vec![Span { from: 57, to: 57 }, Span { from: 100, to: 120 }]);
    let expected = Faults::new()
        .with(
            Rule::chatdata(Fault::Return {
                code: 10001,
                slice: String::new(),
            })
            .at_call(3),
        )
        .with(Rule::decrypt(Fault::Segfault).at_seq(spans).times(1))
        .with(Rule::chatdata(Fault::TruncateBody { keep: Some(40) }).with_probability(0.01, 7));
    assert_eq!(faults, expected);
}

#[test]
fn the_example_in_the_readme_is_read() {
    let readme = include_str!("../../README.md");
    let (_, example) = readme
        .split_once("```json\n[")
        .expect("the README shows a faults file");
    let example = format!("[{}", example.split_once("```").unwrap().0);
    assert!(read(&example).unwrap().rules.len() >= 3);
}

#[test]
fn every_fault_in_the_readme_table_exists_and_none_is_missing() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme
        .split_once("| `do` | on |")
        .expect("the README has a table of faults");
    let table = table.split_once("\n\n").map_or(table, |(table, _)| table);
    let words: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter(|(_, rest)| {
            ["`any`", "`chatdata`", "`decrypt`", "`media`"]
                .iter()
                .any(|on| rest.contains(on))
        })
        .map(|(word, _)| word.to_owned())
        .collect();
    let mut variants = std::collections::HashSet::new();
    for word in &words {
        let fault: Fault = serde_json::from_str(word).unwrap_or_else(|error| panic!("{word}: {error}"));
        variants.insert(std::mem::discriminant(&fault));
    }
    // One row per variant of `Fault`; a new one belongs into the table.
    assert_eq!((words.len(), variants.len()), (41, 41), "{words:?}");
}

#[test]
fn words_that_mean_nothing_are_refused() {
    for (text, hint) in [
        (r#"[{"on":"chatdata","do":"hagn"}]"#, "hagn"),
        (r#"[{"on":"chatdata","do":"hang","tims":1}]"#, "tims"),
        (r#"[{"on":"chatdata","when":{"sek":1},"do":"hang"}]"#, "sek"),
        (
            r#"[{"on":"chatdata","when":{"seq":"1"},"do":"hang"}]"#,
            "neither a number",
        ),
        (
            r#"[{"on":"chatdata","when":{"seq":{"from":5,"to":4}},"do":"hang"}]"#,
            "empty",
        ),
        (r#"[{"on":"chatdata","when":{"call":0},"do":"hang"}]"#, "from 1"),
        (
            r#"[{"on":"chatdata","when":{"probability":1.5},"do":"hang"}]"#,
            "between 0 and 1",
        ),
        (
            r#"[{"on":"chatdata","when":{"seed":3},"do":"hang"}]"#,
            "without a probability",
        ),
        (r#"[{"on":"decrypt","do":"duplicate_page"}]"#, "cannot happen"),
        (r#"[{"on":"decrypt","do":"silent"}]"#, "cannot happen"),
        (r#"[{"on":"media","do":"short_body"}]"#, "cannot happen"),
        (r#"[{"on":"chatdata","do":"never_finish"}]"#, "cannot happen"),
        (
            r#"[{"on":"chatdata","do":{"return":{"code":1,"kode":2}}}]"#,
            "kode",
        ),
        (r#"{"rules":[]}"#, "sequence"),
        ("", "EOF"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(hint), "{text}: {error}");
    }
}

#[test]
fn an_unusable_faults_file_stops_the_engine_instead_of_being_skipped() {
    let folder = corpus([]);
    std::fs::write(
        folder.path().join(FAULTS_FILE),
        r#"[{"on":"chatdata","do":"hagn"}]"#,
    )
    .unwrap();
    assert!(Engine::open(folder.path()).is_err());
}

#[test]
fn conditions_must_all_hold() {
    let fault = Fault::Return {
        code: 10002,
        slice: String::new(),
    };
    let (_folder, engine) = engine([Rule::chatdata(fault).at_call([2, 3]).at_seq(15)]);
    let codes: Vec<_> = [(10, 10), (0, 10), (10, 10), (10, 10)]
        .map(|(seq, limit)| ask(&engine, seq, limit).reply.code)
        .into();
    // The first call is not 2 or 3, the second page does not hold record 15, the third one does.
    assert_eq!(codes, [0, 0, 10002, 0]);
}

#[test]
fn a_rule_fires_so_often_and_no_more_also_in_a_new_process() {
    let folder = corpus([Rule::chatdata(Fault::Return {
        code: 10003,
        slice: String::new(),
    })
    .times(3)]);
    let codes = |calls: usize| -> Vec<i32> {
        // A new engine knows nothing of the old one but the folder, as a new process would.
        let engine = Engine::open(folder.path()).unwrap();
        (0..calls).map(|_| ask(&engine, 0, 1).reply.code).collect()
    };
    assert_eq!(codes(2), [10003, 10003]);
    assert_eq!(codes(3), [10003, 0, 0]);
}

#[test]
fn the_first_rule_that_settles_a_call_ends_it() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Return {
            code: 10001,
            slice: String::new(),
        })
        .at_call(1),
        Rule::chatdata(Fault::Return {
            code: 10002,
            slice: String::new(),
        })
        .times(1),
    ]);
    // The second rule was not used up by the first call.
    assert_eq!(
        [ask(&engine, 0, 1).reply.code, ask(&engine, 0, 1).reply.code],
        [10001, 10002]
    );
}

#[test]
fn a_draw_by_record_hits_the_same_records_every_time_and_about_the_share_asked_for() {
    let rule = |seed| {
        Rule::decrypt(Fault::Return {
            code: 10006,
            slice: String::new(),
        })
        .with_probability(0.3, seed)
    };
    let hits = |seed| {
        let (_folder, engine) = engine([rule(seed)]);
        let items = page(&engine, 0, 60);
        let hit = |reverse: bool| {
            let mut all: Vec<_> = items.iter().collect();
            if reverse {
                all.reverse();
            }
            let mut hit: Vec<_> = all
                .into_iter()
                .filter(|item| decrypt(&engine, item).reply.code == 10006)
                .map(|i| i.seq)
                .collect();
            hit.sort_unstable();
            hit
        };
        let first = hit(false);
        assert_eq!(first, hit(true));
        first
    };
    let (one, two) = (hits(1), hits(2));
    assert_ne!(one, two);
    assert!(
        (6..=32).contains(&one.len()),
        "{} of 60 at a share of 0.3",
        one.len()
    );
}

#[test]
fn a_draw_by_call_lets_a_second_attempt_pass() {
    let fault = Fault::Return {
        code: 10006,
        slice: String::new(),
    };
    let (_folder, engine) = engine([Rule::decrypt(fault).with_probability(0.5, 4).drawn_by(Draw::Call)]);
    let item = &page(&engine, 0, 1)[0];
    let codes: Vec<_> = (0..40).map(|_| decrypt(&engine, item).reply.code).collect();
    assert!(codes.contains(&0) && codes.contains(&10006), "{codes:?}");
}

#[test]
fn shares_of_0_and_1_mean_never_and_always() {
    let rule = |share| Rule::chatdata(Fault::Gap).with_probability(share, 1);
    let (_one, never) = engine([rule(0.0)]);
    let (_two, always) = engine([rule(1.0)]);
    assert_eq!(seqs(&page(&never, 0, 60)).len(), 60);
    assert_eq!(page(&always, 0, 60), []);
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let span = (1u64..1000, 0u64..50).prop_map(|(from, more)| Span {
        from,
        to: from + more,
    });
    proptest::collection::vec(span, 0..5).prop_map(Numbers)
}

proptest! {
    #[test]
    fn rules_survive_their_file(
        calls in proptest::option::of(numbers()), seqs in numbers(), times in proptest::option::of(0u32..5),
        thousandths in 0u32..=1000, seed: u64, code: i32, slice in ".{0,12}",
    ) {
        let mut rule = Rule::decrypt(Fault::Return { code, slice }).at_seq(seqs).with_probability(f64::from(thousandths) / 1000.0, seed);
        rule.when.call = calls;
        rule.times = times;
        let faults = Faults::new().with(rule).with(Rule::media(Fault::EmptyChunk));
        let file = tempfile::NamedTempFile::new().unwrap();
        faults.save(file.path()).unwrap();
        prop_assert_eq!(Faults::load(file.path()).unwrap(), faults);
    }
}
