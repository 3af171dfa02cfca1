//! Verifying, repairing, deriving again and restoring while others write, on a full disk, and killed anywhere: what stood before
//! stands afterwards, and the next run ends as an undisturbed one.

use std::{fs, time::Duration};

use kit::{Archive, Corpus, Finished, PULL, Program, on_full_disk};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use rusqlite::Connection;
use serde_json::Value;

const ALREADY: &str = "UPDATE fact SET value = '2' WHERE name IN ('words', 'names');
    UPDATE index_segment SET words = 2, sum = NULL";
/// What a part of the bodies, of the columns and of the index suffers.
const ROT: &str = "UPDATE plaintext SET sha256 = zeroblob(32) WHERE record % 7 = 3;
    UPDATE message SET time = time + 1 WHERE record % 11 = 5";

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

struct House {
    scratch: tempfile::TempDir,
    corpus: Corpus,
    archive: Archive,
    digest: String,
}

impl House {
    fn new(messages: u64, seed: u64) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::generate(scratch.path(), messages, seed);
        let archive = program().archive(&scratch.path().join("archive"), &corpus);
        archive.pull(&[0, 3]);
        let digest = archive.digest();
        Self {
            scratch,
            corpus,
            archive,
            digest,
        }
    }

    fn spoil(&self, sql: &str) {
        let path = self.archive.dir.join("data/archive.db");
        Connection::open(path)
            .and_then(|conn| conn.execute_batch(sql))
            .expect("spoilt");
    }

    /// Findings, each as text; the exit code must fit them.
    fn findings(&self) -> Vec<String> {
        let finished = self.archive.run(["verify", "--json"]);
        findings(&finished)
    }

    fn on_full_disk(&self, args: &[&str], bytes: u64) -> Finished {
        on_full_disk(&self.archive.command(args), bytes)
            .output()
            .expect("it starts")
            .into()
    }
}

fn findings(finished: &Finished) -> Vec<String> {
    let mut lines = finished.json_lines();
    assert!(
        lines.pop().expect("a summary")["summary"].is_object(),
        "{}",
        finished.stderr
    );
    let code = if lines.is_empty() { 0 } else { 3 };
    assert_eq!(
        finished.code,
        Some(code),
        "{}{}",
        finished.stdout,
        finished.stderr
    );
    lines.iter().map(Value::to_string).collect()
}

/// Starts a command and kills it, again and again; `between` looks at what is left. Returns how many were killed.
fn killed(archive: &Archive, args: &[&str], seed: u64, mut between: impl FnMut()) -> u32 {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut kills = 0;
    for _ in 0..10 {
        let mut child = archive.start(args);
        std::thread::sleep(Duration::from_millis(5 + u64::from(chance.next_u32() % 300)));
        kills += u32::from(child.try_wait().expect("a status").is_none());
        let _ended = child.kill();
        child.wait().expect("an end");
        between();
    }
    kills
}

#[test]
fn verifying_beside_a_pull_and_a_fetch_finds_nothing_wrong() {
    let house = House::new(300, 41);
    let more = Corpus::generate(&house.scratch.path().join("more"), 3_000, 42);
    let archive = program().archive(&house.scratch.path().join("second"), &more);
    let mut pull = archive.start(PULL);
    let mut rounds = 0;
    while pull.try_wait().expect("a status").is_none() {
        let mut get = archive.start(["media", "get", "--set", "media.deadline_days=30"]);
        let finished = archive.run(["verify", "--json"]);
        // Before the first page there is no archive yet.
        if finished.code != Some(2) && !finished.stdout.is_empty() {
            assert_eq!(findings(&finished), [] as [String; 0]);
            rounds += 1;
        }
        get.wait().expect("an end");
    }
    assert!(rounds > 0, "nothing was verified beside the pull");
    assert_eq!(findings(&archive.run(["verify", "--json"])), [] as [String; 0]);
    let undisturbed = program().archive(&house.scratch.path().join("third"), &more);
    undisturbed.pull(&[0, 3]);
    assert_eq!(archive.digest(), undisturbed.digest());
}

#[test]
fn repairs_killed_anywhere_end_as_undisturbed_ones() {
    let house = House::new(1_200, 43);
    house.spoil(ROT);
    let all = house.findings().len();
    assert!(all > 200, "{all}");
    let mut before = all;
    let kills = killed(&house.archive, &["repair"], 44, || {
        let left = house.archive.run(["verify", "--json"]);
        // A record that is being opened again waits, and is sound.
        let now = findings(&left).len();
        assert!(now <= before, "{now} after {before}");
        before = now;
    });
    assert!(kills > 0, "{kills}");
    house.archive.run(["repair"]).exits(0);
    house.archive.run(["retry", "--all"]);
    house.archive.pull(&[0, 3]);
    assert_eq!(house.findings(), [] as [String; 0]);
    assert_eq!(house.archive.digest(), house.digest);

    let kills = killed(&house.archive, &["repair", "--index"], 45, || {
        assert_eq!(house.findings(), [] as [String; 0]);
    });
    assert!(kills > 0, "{kills}");
    house.archive.run(["repair", "--index"]).exits(0);
    assert_eq!(
        (house.findings(), house.archive.digest()),
        (Vec::new(), house.digest.clone())
    );
}

#[test]
fn digests_written_by_runs_that_were_killed_are_whole() {
    let house = House::new(1_200, 46);
    house.spoil("UPDATE plaintext SET salt = NULL, sha256 = NULL; UPDATE message SET guard = NULL");
    let kills = killed(&house.archive, &["verify", "--write-digests"], 47, || ());
    assert!(kills > 0, "{kills}");
    // Two at once as well, beside a pull.
    let mut both = [0, 1].map(|_| house.archive.start(["verify", "--write-digests"]));
    house.archive.pull(&[0, 3]);
    for child in &mut both {
        assert!(child.wait().expect("an end").success());
    }
    let finished = house.archive.run(["verify", "--json"]).exits(0);
    let summary = finished.json()["summary"].clone();
    assert_eq!(summary["unchecked"]["records_without_digest"], 0, "{summary}");
    assert_eq!(summary["unchecked"]["records_without_guard"], 0, "{summary}");
    assert_eq!(house.archive.digest(), house.digest);
}

#[test]
fn a_full_disk_is_said_so_and_nothing_is_half_done() {
    let house = House::new(1_200, 48);
    // What verifying finds is told although it cannot be noted.
    let finished = house.on_full_disk(&["verify", "--json"], 32 << 10);
    assert_eq!(findings(&finished), [] as [String; 0]);
    house.spoil(ROT);
    let rotten = house.findings();
    let finished = house.on_full_disk(&["verify", "--json"], 32 << 10);
    assert_eq!(findings(&finished), rotten);
    for args in [&["repair", "--index"][..], &["repair"]] {
        let finished = house.on_full_disk(args, 64 << 10).exits(1);
        assert!(finished.stderr.contains("disk"), "{args:?}: {}", finished.stderr);
        // Columns that one transaction had room for are mended, and nothing else has changed.
        let now = house.findings();
        assert!(now.iter().all(|line| rotten.contains(line)), "{now:?}");
    }
    house.archive.run(["repair"]).exits(0);
    assert_eq!(
        (house.findings(), house.archive.digest()),
        (Vec::new(), house.digest.clone())
    );

    house.spoil(ALREADY);
    let finished = house.on_full_disk(&["reindex"], 64 << 10).exits(1);
    assert!(finished.stderr.contains("disk"), "{}", finished.stderr);
    assert_eq!(house.findings(), [] as [String; 0]);
    house.archive.run(["reindex"]).exits(0);
    assert_eq!(
        (house.findings(), house.archive.digest()),
        (Vec::new(), house.digest.clone())
    );
}

#[test]
fn a_restore_that_is_killed_or_has_no_room_leaves_no_archive_that_looks_whole() {
    let house = House::new(1_200, 49);
    let backups = house.scratch.path().join("backups");
    let backups = backups.to_str().expect("UTF-8");
    house.archive.run(["backup", backups]).exits(0);
    let target = program().archive(&house.scratch.path().join("restored"), &house.corpus);
    let data = target.dir.join("data");
    let restore = [
        "restore",
        "--from",
        backups,
        "--dir",
        data.to_str().expect("UTF-8"),
    ];
    let mut chance = ChaCha8Rng::seed_from_u64(50);
    let mut kills = 0;
    for _ in 0..8 {
        let mut child = program()
            .command(restore)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_millis(5 + u64::from(chance.next_u32() % 250)));
        let is_killed = child.try_wait().expect("a status").is_none();
        let _ended = child.kill();
        child.wait().expect("an end");
        if is_killed {
            kills += 1;
            // Either nothing is there under the archive's name, or all of it.
            if data.join("archive.db").exists() {
                assert_eq!(target.digest(), house.digest);
            }
        }
        let _none = fs::remove_dir_all(&data);
    }
    assert!(kills > 0, "{kills}");
    let full: Finished = on_full_disk(&program().command(restore), 64 << 10)
        .output()
        .expect("it starts")
        .into();
    let full = full.exits(1);
    assert!(
        full.stderr.contains("room") || full.stderr.contains("disk"),
        "{}",
        full.stderr
    );
    assert!(!data.join("archive.db").exists());
    program().run(restore).exits(0);
    assert_eq!(target.digest(), house.digest);
}
