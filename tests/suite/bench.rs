//! `shiguan bench` from outside: a figure for every stage, implementation and question, and what it was made on.

use std::{fs, path::Path};

use kit::Program;
use serde_json::Value;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

fn bench(folder: &Path, args: &[&str]) -> Value {
    let mut all = vec!["bench"];
    all.extend_from_slice(args);
    all.extend_from_slice(&["--json", "--dir", folder.to_str().expect("a path")]);
    let finished = program().run(&all);
    assert_eq!(finished.code, Some(0), "{all:?}: {}", finished.stderr);
    finished.json()
}

fn positive(value: &Value) -> bool {
    value.as_f64() > Some(0.0)
}

#[test]
fn bench_all_measures_every_stage_over_one_corpus_and_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = scratch.path().join("work");
    let svg = scratch.path().join("threads.svg");
    let svg = svg.to_str().expect("a path");
    let report = bench(
        &folder,
        &[
            "all",
            "--records",
            "400",
            "--files-mib",
            "2",
            "--seed",
            "5",
            "--svg",
            svg,
        ],
    );
    for fact in ["cpu", "cores", "os", "version", "rustc", "sqlite"] {
        assert!(
            !report["machine"][fact].is_null(),
            "{fact}: {}",
            report["machine"]
        );
    }
    for (part, known) in [("ingest", false), ("ingest_without_rsa", true)] {
        let ingest = &report[part];
        assert_eq!(ingest["rsa"] == "known", known);
        assert_eq!(
            (&ingest["records"], &ingest["opened"]),
            (&400.into(), &400.into())
        );
        assert!(
            positive(&ingest["per_second"]) && positive(&ingest["parent"]["peak_mib"]),
            "{ingest}"
        );
        for part in ["sealed", "body", "index", "rest", "plaintext_json"] {
            assert!(
                positive(&ingest["bytes"]["per_record_by_part"][part]),
                "{part}: {ingest}"
            );
        }
        assert_eq!(ingest["idle_pull_ms"].as_array().map(Vec::len), Some(5));
    }
    let answers = report["search"]["entries"].as_array().expect("entries");
    for kind in [
        "2 characters",
        "4 characters",
        "two terms",
        "person, date and term",
        "1 character",
    ] {
        for (what, state) in [
            ("first page", "warm"),
            ("first page", "fresh"),
            ("first page", "cold"),
            ("exact count", "warm"),
        ] {
            let entry = answers
                .iter()
                .find(|entry| entry["query"] == kind && entry["what"] == what && entry["state"] == state)
                .unwrap_or_else(|| panic!("{kind}, {what}, {state}: {answers:?}"));
            assert!(
                positive(&entry["p95_ms"]) && positive(&entry["found_median"]),
                "{entry}"
            );
        }
    }
    assert_eq!(report["media"]["kept"], 1, "{}", report["media"]);
    assert!(
        fs::read_to_string(svg)
            .expect("a picture")
            .contains("rsa aws-lc-rs")
    );
    assert_eq!(
        fs::read_dir(&folder).expect("the folder").count(),
        0,
        "scratch archives stayed"
    );
}

#[test]
fn bench_media_keeps_every_file_and_says_what_it_is_measured_against() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let report = bench(scratch.path(), &["media", "--total-mib", "12", "--file-mib", "3"]);
    assert_eq!(
        (
            &report["files"],
            &report["kept"],
            &report["kept_cached"],
            &report["mib"]
        ),
        (&4.into(), &4.into(), &4.into(), &12.0.into())
    );
    for figure in [
        "mib_per_second",
        "plain_copy_mib_per_second",
        "percent_of_plain_copy",
        "cached_mib_per_second",
        "cached_plain_copy_mib_per_second",
        "cached_percent_of_plain_copy",
        "peak_together_mib",
    ] {
        assert!(positive(&report[figure]), "{figure}: {report}");
    }
    assert_eq!(
        fs::read_dir(scratch.path()).expect("the folder").count(),
        0,
        "scratch files stayed"
    );
}

#[test]
fn an_archive_that_was_kept_can_be_asked_again() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    bench(
        scratch.path(),
        &["ingest", "--records", "300", "--rsa", "known", "--keep"],
    );
    let kept = fs::read_dir(scratch.path())
        .expect("the folder")
        .next()
        .expect("the kept one")
        .expect("an entry");
    let database = kept.path().join("archive/data/archive.db");
    let report = bench(
        scratch.path(),
        &["search", "--archive", database.to_str().expect("a path")],
    );
    assert_eq!(report["records"], 300);
    let wrong = program().run(["bench", "ingest", "--records", "10", "--rsa", "nonsense"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn a_disturbed_ingest_pulls_again_until_the_books_balance() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    // So many that the pull is not through before the last moment to kill it comes.
    let report = bench(
        scratch.path(),
        &["ingest", "--records", "20000", "--faults", "--kills", "4"],
    );
    let disturbed = &report["disturbed"];
    assert_eq!(disturbed["pulls_killed"], 2, "{disturbed}");
    assert!(disturbed["pulls"].as_u64() >= Some(3), "{disturbed}");
    assert_eq!(report["records"], 20_000);
    let waiting: u64 = disturbed["waiting"]
        .as_object()
        .expect("reasons")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert!(waiting > 0, "no fault showed: {disturbed}");
    assert_eq!(report["opened"].as_u64(), Some(20_000 - waiting));
}
