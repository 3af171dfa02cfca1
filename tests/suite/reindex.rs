//! An archive whose index an older program wrote: told in every answer, caught up with by command and by `run`, killed
//! anywhere, with a pull beside it.

use std::{thread, time::Duration};

use kit::{Archive, Corpus, Program};
use serde_json::Value;

struct Old {
    _scratch: tempfile::TempDir,
    archive: Archive,
    /// Of the archive before it was made old.
    digest: String,
    opened: u64,
}

fn database(archive: &Archive) -> rusqlite::Connection {
    rusqlite::Connection::open(archive.dir.join("data/archive.db")).expect("the archive")
}

/// Marks the index as written by version 2. Its terms stay those of the present rules, so only what is *said* is old. Nor
/// had segments sums then.
fn make_old(archive: &Archive) {
    database(archive)
        .execute_batch(
            "UPDATE index_segment SET words = 2, sum = NULL; UPDATE fact SET value = '2' WHERE name IN ('words', 'names')",
        )
        .expect("marked");
}

fn old(messages: u64) -> Old {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), messages, 5);
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0, 3]);
    let digest = archive.digest();
    let opened = archive.stats()["opened"].as_u64().expect("a count");
    make_old(&archive);
    Old {
        _scratch: scratch,
        archive,
        digest,
        opened,
    }
}

fn left(archive: &Archive) -> u64 {
    archive.stats()["coverage"]["indexed_by_older_rules"]
        .as_u64()
        .expect("a count")
}

fn reindex(archive: &Archive) -> Value {
    archive.run(["reindex", "--json"]).exits(0).json()
}

#[test]
fn an_old_index_is_told_in_every_answer_and_caught_up_with() {
    let old = old(200);
    let archive = &old.archive;
    assert_eq!(left(archive), old.opened);
    let told = archive
        .run(["search", "退款", "--language", "zh"])
        .exits(0)
        .stderr;
    assert!(told.contains("索引更新中"), "{told}");
    let told = archive
        .run(["search", "退款", "--language", "en"])
        .exits(0)
        .stderr;
    assert!(
        told.contains(&format!(
            "0 of {} messages are indexed by the new rules",
            old.opened
        )),
        "{told}"
    );
    let done = reindex(archive);
    assert_eq!(done["derived_again"], old.opened);
    assert_eq!(done["left"], 0);
    assert_eq!(done["messages"], old.opened);
    assert!(
        done["us_per_record"].as_u64().is_some_and(|each| each > 0),
        "{done}"
    );
    assert_eq!(left(archive), 0);
    assert_eq!(archive.digest(), old.digest);
    let told = archive
        .run(["search", "退款", "--language", "zh"])
        .exits(0)
        .stderr;
    assert!(!told.contains("索引更新中"), "{told}");
    assert_eq!(reindex(archive)["derived_again"], 0, "nothing is left");
}

#[test]
fn killed_anywhere_it_goes_on_and_ends_with_the_same_archive() {
    let old = old(1_200);
    let archive = &old.archive;
    let mut before = left(archive);
    for wait in [60, 150, 250, 400, 600] {
        let mut child = archive.start(["reindex"]);
        thread::sleep(Duration::from_millis(wait));
        child.kill().expect("killed");
        child.wait().expect("gone");
        let now = left(archive);
        assert!(now <= before, "{now} after {before}");
        let doctor = archive.run(["doctor"]).stdout;
        assert!(doctor.contains("database and text index are sound"), "{doctor}");
        before = now;
    }
    reindex(archive);
    assert_eq!((left(archive), archive.digest()), (0, old.digest));
}

#[test]
fn a_pull_and_two_at_once_get_along() {
    let old = old(600);
    let archive = &old.archive;
    let mut both = [archive.start(["reindex"]), archive.start(["reindex"])];
    archive.pull(&[0, 3]);
    for child in &mut both {
        assert!(child.wait().expect("ended").success());
    }
    assert_eq!((left(archive), archive.digest()), (0, old.digest));
}

#[test]
fn a_run_catches_up_by_itself() {
    let old = old(200);
    let archive = &old.archive;
    let mut run = archive.start(["run"]);
    let mut waited = 0;
    while left(archive) > 0 {
        assert!(waited < 600, "it does not catch up");
        waited += 1;
        thread::sleep(Duration::from_millis(100));
    }
    kit::terminate(&mut run);
    assert_eq!(archive.digest(), old.digest);
}
