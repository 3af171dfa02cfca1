//! Backups: taken beside writers, killed, filled up, altered; and what is restored from them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use kit::{Archive, Corpus, Finished, Program};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde_json::Value;

use super::daemon::until;

/// Bytes of one record in the corpus's index.
const ENTRY: usize = 24;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

/// A corpus of which the server shows a part at first.
struct Stream {
    corpus: Corpus,
    index: Vec<u8>,
}

impl Stream {
    fn new(folder: &Path, messages: u64, seed: u64) -> Self {
        let corpus = Corpus::generate(folder, messages, seed);
        let index = fs::read(corpus.path.join("chatdata.idx")).expect("an index");
        Self { corpus, index }
    }

    fn show(&self, records: usize) {
        let shown = &self.index[..self.index.len().min(records * ENTRY)];
        fs::write(self.corpus.path.join("chatdata.idx"), shown).expect("written");
    }
}

/// A scratch folder with an archive, a stream it pulls from, and a folder for backups.
struct Bench {
    folder: tempfile::TempDir,
    stream: Stream,
    archive: Archive,
    backups: PathBuf,
}

impl Bench {
    fn new(messages: u64, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let stream = Stream::new(folder.path(), messages, seed);
        let archive = program().archive(&folder.path().join("a"), &stream.corpus);
        let backups = folder.path().join("backups");
        Self {
            folder,
            stream,
            archive,
            backups,
        }
    }

    /// The first records, pulled.
    fn with(messages: u64, seed: u64, records: usize) -> Self {
        let bench = Self::new(messages, seed);
        bench.pull(records);
        bench
    }

    fn pull(&self, records: usize) {
        self.stream.show(records);
        self.archive.pull(&[0]);
    }

    fn backup(&self, more: &[&str]) -> Finished {
        let dir = self.backups.to_str().expect("UTF-8");
        self.archive
            .run([&["backup", dir, "--json", "--max-log-mib", "100"], more].concat())
    }

    fn taken(&self) -> Value {
        self.backup(&[]).exits(0).json()
    }

    fn verify(&self) -> Finished {
        let dir = self.backups.to_str().expect("UTF-8");
        self.archive.run(["backup", "verify", dir, "--json"])
    }

    fn list(&self) -> Vec<Value> {
        let dir = self.backups.to_str().expect("UTF-8");
        program()
            .run(["backup", "list", dir, "--json"])
            .exits(0)
            .json_lines()
    }

    /// A new archive folder elsewhere, with a backup put into it; what the command said.
    fn restore(&self, name: &str, more: &[&str]) -> (Archive, Finished) {
        let archive = program().archive(&self.folder.path().join(name), &self.stream.corpus);
        let data = archive.dir.join("data");
        let said = program().run(
            [
                &[
                    "restore",
                    "--json",
                    "--from",
                    self.backups.to_str().expect("UTF-8"),
                    "--dir",
                    data.to_str().expect("UTF-8"),
                ],
                more,
            ]
            .concat(),
        );
        (archive, said)
    }

    /// Every file of the backups, by its path.
    fn files(&self) -> BTreeMap<PathBuf, u64> {
        files_under(&self.backups)
    }
}

fn files_under(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let entry = entry.expect("an entry");
            let found = entry.metadata().expect("metadata");
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                all.insert(entry.path(), found.len());
            }
        }
    }
    all
}

fn get(archive: &Archive) {
    for _ in 0..50 {
        let said = archive.run(["media", "get", "--json", "--set", "media.retry_backoff_ms=5"]);
        if said.code == Some(0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("files wait for ever");
}

fn ended(child: &mut Child) -> bool {
    child.try_wait().expect("a status").is_some()
}

#[test]
fn beside_a_pull_and_a_fetch_in_other_processes_each_backup_is_of_one_moment() {
    let bench = Bench::with(4_000, 71, 1_000);
    bench.stream.show(4_000);
    let mut pull = bench.archive.start(kit::PULL);
    let mut fetch = bench.archive.start(["media", "get", "--json"]);
    let mut beside = 0;
    loop {
        let over = ended(&mut pull) && ended(&mut fetch);
        let taken = bench.taken();
        assert_eq!(taken["files"]["missing"], serde_json::json!([]));
        bench.verify().exits(0);
        if over {
            break;
        }
        beside += 1;
        if !ended(&mut pull) && ended(&mut fetch) {
            fetch = bench.archive.start(["media", "get", "--json"]);
        }
    }
    assert!(beside > 0, "nothing was written meanwhile, so nothing was shown");
    let listed = bench.list();
    let counts: Vec<u64> = listed
        .iter()
        .map(|one| one["records"].as_u64().expect("a count"))
        .collect();
    assert!(counts.is_sorted() && counts.first() < counts.last(), "{counts:?}");
    let (restored, said) = bench.restore("b", &[]);
    assert_eq!(said.exits(0).json()["records"], 4_000);
    restored.pull(&[0]);
    bench.archive.pull(&[0]);
    assert_eq!(restored.digest(), bench.archive.digest());
}

#[test]
fn what_a_backup_adds_is_what_changed() {
    let bench = Bench::with(3_000, 72, 2_970);
    let first = bench.taken();
    let size = first["database"]["bytes"].as_u64().expect("a size");
    // Nothing changed, nothing but the list of the generation is new.
    let before = bench.files();
    let idle = bench.taken();
    assert_eq!(idle["database"]["written"], 0);
    assert_eq!(bench.files().len(), before.len() + 1);
    // A hundredth more.
    bench.pull(3_000);
    let before: u64 = bench.files().values().sum();
    let second = bench.taken();
    let added = bench.files().values().sum::<u64>() - before;
    assert_eq!(second["records"], 3_000);
    assert!(
        added * 20 <= size,
        "{added} bytes for a hundredth more of {size}: {second}"
    );
    let written = second["database"]["written"].as_u64().expect("a count");
    assert!(written > 0 && written <= added, "{written} of {added}");
}

#[test]
fn files_are_copied_once_and_fetched_again_where_the_backup_lost_them() {
    let bench = Bench::with(400, 73, 400);
    get(&bench.archive);
    let first = bench.taken();
    let copied = first["files"]["new"].as_u64().expect("a count");
    assert!(copied > 10 && first["files"]["contents"] == copied);
    assert_eq!(bench.taken()["files"]["new"], 0);
    // One of them is altered, one is lost.
    let mut files = files_under(&bench.backups.join("files")).into_keys();
    let (altered, lost) = (files.next().expect("a file"), files.next().expect("another"));
    flip(&altered);
    fs::remove_file(&lost).expect("removed");
    let damage = bench.verify().exits(3).json();
    let named = damage["damage"].to_string();
    for path in [&altered, &lost] {
        assert!(named.contains(path.file_name().expect("a name").to_str().expect("hex")));
    }
    let (restored, said) = bench.restore("b", &[]);
    let said = said.exits(3).json();
    assert_eq!(said["damage"].as_array().map(Vec::len), Some(2), "{said}");
    assert!(said["files_to_fetch_again"].as_u64() >= Some(2), "{said}");
    assert_eq!(
        restored.search("media:kept").len() + restored.search("media:missing").len(),
        bench.archive.search("media:kept").len()
    );
    assert_ne!(restored.search("media:missing").len(), 0);
    get(&restored);
    assert_eq!(restored.search("media:missing").len(), 0);
    assert_eq!(restored.digest(), bench.archive.digest());
    // The next backup mends the folder.
    assert_eq!(bench.taken()["files"]["new"], 2);
    bench.verify().exits(0);
}

#[test]
fn a_file_that_the_vault_lost_is_named_by_the_backup() {
    let bench = Bench::with(200, 74, 200);
    get(&bench.archive);
    let media = bench.archive.dir.join("data/media");
    let lost = files_under(&media).into_keys().next().expect("a file");
    fs::remove_file(&lost).expect("removed");
    let said = bench.backup(&["--verify"]).exits(3).json();
    let name = lost.file_name().expect("a name").to_str().expect("hex");
    assert_eq!(said["files"]["missing"], serde_json::json!([name]));
    assert_eq!(said["verified"], true, "the rest is as it was written");
    let (restored, said) = bench.restore("b", &[]);
    assert!(said.exits(3).json()["files_to_fetch_again"].as_u64() >= Some(1));
    get(&restored);
    assert!(
        restored
            .dir
            .join("data/media")
            .join(&name[..2])
            .join(name)
            .exists()
    );
}

#[test]
fn a_killed_backup_leaves_the_others_whole_and_the_next_one_goes_on() {
    let bench = Bench::with(1_500, 75, 1_000);
    get(&bench.archive);
    bench.taken();
    bench.pull(1_500);
    get(&bench.archive);
    let mut chance = ChaCha8Rng::seed_from_u64(75);
    let dir = bench.backups.to_str().expect("UTF-8").to_owned();
    let mut kills = 0;
    for round in 0..14 {
        let mut child = bench.archive.start(["backup", &dir]);
        std::thread::sleep(Duration::from_millis(u64::from(chance.next_u32() % 400)));
        kills += u32::from(!ended(&mut child));
        let _ended = child.kill();
        child.wait().expect("an end");
        for one in bench.list() {
            assert_eq!(one["whole"], true, "after {round}: {one}");
        }
    }
    assert!(kills > 3, "{kills} backups were killed");
    bench.backup(&["--verify"]).exits(0);
    assert!(
        files_under(&bench.backups.join("unfinished")).is_empty(),
        "nothing unfinished is left"
    );
    let (restored, said) = bench.restore("b", &[]);
    said.exits(0);
    assert_eq!(restored.digest(), bench.archive.digest());
}

#[test]
fn a_full_disk_is_named_and_costs_no_earlier_backup() {
    let bench = Bench::with(900, 76, 600);
    bench.taken();
    bench.pull(900);
    let command = bench
        .archive
        .command(["backup", bench.backups.to_str().expect("UTF-8")]);
    // No file grows beyond 64 KiB, which is less than an object of pages: what a full disk is to it. The engine's own
    // shared memory is a file of 32 KiB.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=65536 \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    let said: Finished = limited.stdin(Stdio::null()).output().expect("it starts").into();
    let said = said.exits(1);
    assert!(said.stderr.contains("no room for"), "{}", said.stderr);
    let listed = bench.list();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["whole"], true);
    bench.verify().exits(0);
    // With room it goes on.
    assert_eq!(bench.taken()["generation"], 2);
    bench.verify().exits(0);
}

#[test]
fn one_backup_at_a_time_writes_into_a_folder_and_nobody_removes_what_is_read() {
    let bench = Bench::with(300, 77, 300);
    bench.taken();
    let other = File::open(bench.backups.join("backup.lock")).expect("the lock");
    other.lock().expect("free");
    let said = bench.backup(&[]).exits(1);
    assert!(
        said.stderr.contains("another process is working"),
        "{}",
        said.stderr
    );
    // Readers are not kept waiting.
    bench.verify().exits(0);
    drop(other);
    let reader = File::open(bench.backups.join("readers.lock")).expect("the lock");
    reader.lock_shared().expect("free");
    bench.taken();
    let dir = bench.backups.to_str().expect("UTF-8");
    program().run(["backup", "prune", dir, "--keep", "1"]).exits(1);
    assert_eq!(bench.list().len(), 2);
    let said = bench.backup(&["--keep", "1"]).exits(0);
    assert!(said.stderr.contains("were not removed"), "{}", said.stderr);
    drop(reader);
    program().run(["backup", "prune", dir, "--keep", "1"]).exits(0);
    assert_eq!(bench.list().len(), 1);
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

#[test]
fn an_altered_or_missing_part_is_found_and_nothing_is_restored_from_it() {
    let bench = Bench::with(600, 78, 600);
    bench.taken();
    let parts = files_under(&bench.backups.join("objects"));
    assert!(parts.len() > 3, "{parts:?}");
    let mut round = 0;
    for part in parts.into_keys() {
        // A backup that had to write missing pages anew may have left the older parts without use.
        let Ok(original) = fs::read(&part) else { continue };
        if round % 2 == 0 {
            flip(&part);
        } else {
            fs::remove_file(&part).expect("removed");
        }
        let name = part.file_name().expect("a name").to_str().expect("hex");
        let (restored, said) = bench.restore(&format!("r{round}"), &[]);
        let said = said.exits(3);
        assert!(said.stderr.contains(name), "{}", said.stderr);
        assert_eq!(
            files_under(&restored.dir.join("data")).len(),
            0,
            "nothing is left behind"
        );
        let found = bench.verify().exits(3).json();
        assert_eq!(found["sound"], false);
        assert!(found["damage"].to_string().contains(name), "{found}");
        if round % 2 == 0 {
            fs::write(&part, original).expect("written");
        } else {
            // The next backup writes what is not there.
            bench.backup(&["--keep", "1"]).exits(0);
        }
        bench.verify().exits(0);
        round += 1;
    }
    assert!(round > 3, "{round} parts were tried");
}

#[test]
fn what_verify_found_altered_is_written_anew_by_the_next_backup() {
    let bench = Bench::with(600, 79, 600);
    bench.taken();
    let part = files_under(&bench.backups.join("objects"))
        .into_keys()
        .next()
        .expect("a part");
    flip(&part);
    bench.verify().exits(3);
    bench.backup(&["--verify"]).exits(0);
    let manifest = bench.backups.join("generations/00000002.json");
    flip(&manifest);
    let said = bench.verify().exits(3);
    assert!(said.stderr.contains("00000002.json"), "{}", said.stderr);
    let (_, said) = bench.restore("b", &[]);
    said.exits(3);
    let (_, said) = bench.restore("c", &["--generation", "1"]);
    said.exits(0);
    // A damaged one is no base and takes no other's number.
    assert_eq!(bench.taken()["generation"], 3);
    bench.verify().exits(0);
}

#[test]
fn any_generation_comes_back_and_pulls_on_to_the_same_archive() {
    let bench = Bench::with(900, 80, 500);
    let mut times = vec![bench.taken()["taken_at"].as_str().expect("a time").to_owned()];
    for records in [700, 900] {
        std::thread::sleep(Duration::from_millis(1_100));
        bench.pull(records);
        times.push(bench.taken()["taken_at"].as_str().expect("a time").to_owned());
    }
    let end = bench.archive.digest();
    let (second, said) = bench.restore("by-number", &["--generation", "2"]);
    let said = said.exits(0).json();
    assert_eq!(said["records"], 700);
    assert_eq!(second.stats()["records"], 700);
    let (first, said) = bench.restore("by-time", &["--at", &times[0]]);
    said.exits(0);
    assert_eq!(first.stats()["records"], 500);
    let (newest, said) = bench.restore("newest", &[]);
    said.exits(0);
    assert_eq!(newest.digest(), end);
    // The configuration came as well, and means the archive beside it.
    let config = newest.dir.join("data/shiguan.toml");
    let config = config.to_str().expect("UTF-8");
    let said = program().run(["--config", config, "stats", "--json"]).exits(0);
    assert_eq!(said.json()["archive_id"], newest.stats()["archive_id"]);
    program().run(["--config", config, "pull"]).exits(0);
    for archive in [&first, &second, &newest] {
        archive.pull(&[0]);
        assert_eq!(archive.digest(), end);
    }
    let (_, said) = bench.restore("too-early", &["--at", "2020-01-01"]);
    said.exits(2);
    let (_, said) = bench.restore("unknown", &["--generation", "9"]);
    said.exits(2);
    // An archive of its own: it remembers where it came from, and both may run.
    let id = |archive: &Archive| archive.stats()["archive_id"].as_str().expect("an id").to_owned();
    assert_ne!(id(&second), id(&bench.archive));
    assert_eq!(said_of(&second)["archive_id"], id(&bench.archive));
    assert_eq!(said_of(&second)["generation"], 2);
    assert_eq!(said_of(&second)["epoch"], 1);
    // It may go on with the backups of the one it came from; that one then may not.
    let dir = bench.backups.to_str().expect("UTF-8");
    second.run(["backup", dir]).exits(0);
    let said = bench.backup(&[]).exits(1);
    assert!(said.stderr.contains("another folder"), "{}", said.stderr);
}

/// What a restored archive remembers.
fn said_of(archive: &Archive) -> Value {
    let conn = rusqlite::Connection::open(archive.dir.join("data/archive.db")).expect("an archive");
    let text: String = conn
        .query_row("SELECT value FROM fact WHERE name = 'epoch:000001'", [], |row| {
            row.get(0)
        })
        .expect("a fact");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn what_is_written_is_for_its_owner_only_and_never_over_something_else() {
    let bench = Bench::with(200, 81, 200);
    get(&bench.archive);
    bench.taken();
    let (restored, said) = bench.restore("b", &[]);
    said.exits(0);
    for folder in [&bench.backups, &restored.dir.join("data")] {
        for path in files_under(folder).keys().chain([folder]) {
            let mode = fs::metadata(path).expect("metadata").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
            let above = path.parent().expect("a folder");
            let mode = fs::metadata(above).expect("metadata").permissions().mode();
            assert!(
                mode & 0o077 == 0 || !above.starts_with(folder),
                "{}",
                above.display()
            );
        }
    }
    let names = ["archive.db", "media", "shiguan.toml"];
    for entry in fs::read_dir(restored.dir.join("data")).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        assert!(names.contains(&name.to_str().expect("UTF-8")), "{name:?}");
    }
    let data = restored.dir.join("data");
    let before = files_under(&data);
    let from = bench.backups.to_str().expect("UTF-8");
    program()
        .run(["restore", "--from", from, "--dir", data.to_str().expect("UTF-8")])
        .exits(2);
    assert_eq!(files_under(&data), before);
    // A folder with something else in it is no folder for backups.
    let home = bench.folder.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join("letter"), "mine").expect("written");
    let home = home.to_str().expect("UTF-8");
    bench.archive.run(["backup", home]).exits(2);
    assert_eq!(fs::read_dir(home).expect("a folder").count(), 1);
    program().run(["backup", "list", home]).exits(2);
    program().run(["restore", "--from", home, "--dir", "x"]).exits(2);
    // Another archive's backups are not mixed in.
    let other = program().archive(&bench.folder.path().join("other"), &bench.stream.corpus);
    other.pull(&[0]);
    other.run(["backup", from]).exits(1);
}

#[test]
fn old_backups_go_with_what_only_they_need() {
    let bench = Bench::with(800, 82, 500);
    for records in [500, 600, 700, 800] {
        bench.pull(records);
        bench.taken();
    }
    // The newest is damaged, so it is not one of the two that are to stay.
    let before = bench.files();
    let newest = bench.backups.join("generations/00000004.json");
    let text = fs::read(&newest).expect("a manifest");
    flip(&newest);
    let dir = bench.backups.to_str().expect("UTF-8");
    program().run(["backup", "prune", dir, "--keep", "2"]).exits(0);
    fs::write(&newest, text).expect("written");
    let numbers = |bench: &Bench| -> Vec<u64> {
        let listed = bench.list();
        listed
            .iter()
            .map(|one| one["generation"].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!(numbers(&bench), [2, 3, 4]);
    let said = program()
        .run(["backup", "prune", dir, "--keep", "1", "--json"])
        .exits(0)
        .json();
    assert_eq!(said["removed"], serde_json::json!([2, 3]));
    assert!(said["freed"].as_u64() > Some(0));
    assert_eq!(numbers(&bench), [4]);
    assert!(bench.files().values().sum::<u64>() < before.values().sum::<u64>());
    bench.verify().exits(0);
    let (restored, said) = bench.restore("b", &[]);
    said.exits(0);
    assert_eq!(restored.digest(), bench.archive.digest());
    program().run(["backup", "prune", dir, "--keep", "0"]).exits(2);
}

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-r").arg(from).arg(to).status();
    assert!(done.expect("cp starts").success());
}

#[test]
fn a_copy_is_refused_while_its_original_is_in_use_and_may_be_adopted() {
    let bench = Bench::with(600, 83, 300);
    let copy = program().archive(&bench.folder.path().join("copy"), &bench.stream.corpus);
    fs::remove_dir(copy.dir.join("data")).expect("empty");
    copy_folder(&bench.archive.dir.join("data"), &copy.dir.join("data"));
    bench.stream.show(600);
    // As a file like any other it may be used alone.
    copy.run(["retry"]).exits(0);
    let home = bench.folder.path().join("home");
    let with_home = |archive: &Archive, args: &[&str]| {
        let mut command = archive.command(args);
        command.env("HOME", &home).env_remove("XDG_STATE_HOME");
        command
    };
    let mut run = Running(
        with_home(&bench.archive, &["run"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts"),
    );
    until("the daemon pulls", || {
        (bench.archive.stats()["records"] == 600).then_some(())
    });
    let said: Finished = with_home(&copy, &["pull"]).output().expect("it starts").into();
    let said = said.exits(1);
    let original = bench.archive.dir.join("data/archive.db");
    assert!(
        said.stderr.contains(original.to_str().expect("UTF-8")) && said.stderr.contains("backup adopt"),
        "{}",
        said.stderr
    );
    assert_eq!(copy.stats()["records"], 300, "it may be read");
    // The original itself may be opened by several processes; which of them pulls is the lease's business.
    let said: Finished = with_home(&bench.archive, &["retry"])
        .output()
        .expect("it starts")
        .into();
    assert!(!said.stderr.contains("is a copy of it"), "{}", said.stderr);
    let said: Finished = with_home(&copy, &["backup", "adopt", "--json"])
        .output()
        .expect("it starts")
        .into();
    let said = said.exits(0).json();
    assert_eq!(said["archive_id"], copy.stats()["archive_id"]);
    assert_eq!(said["old_archive_id"], bench.archive.stats()["archive_id"]);
    let said: Finished = with_home(&copy, &["pull"]).output().expect("it starts").into();
    said.exits(0);
    assert_eq!(kit::terminate(&mut run.0).code(), Some(0));
    assert_eq!(copy.digest(), bench.archive.digest());
    let left = files_under(&home);
    assert!(left.is_empty(), "locks go with the last process: {left:?}");
}

#[test]
fn an_archive_that_is_required_and_missing_is_never_begun_anew() {
    let bench = Bench::with(200, 84, 200);
    let id = bench.archive.stats()["archive_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(id.len(), 32);
    let required = format!("store.archive_id={id}");
    let with = |args: &[&str]| bench.archive.run([args, &["--set", &required]].concat());
    with(&["pull"]).exits(0);
    with(&["stats", "--json"]).exits(0);
    // The disk is not mounted: its folder is empty.
    let (data, away) = (bench.archive.dir.join("data"), bench.archive.dir.join("away"));
    fs::rename(&data, &away).expect("moved");
    fs::create_dir(&data).expect("made");
    for verb in [
        &["pull"][..],
        &["run"],
        &["media", "get"],
        &["retry"],
        &["stats"],
        &["doctor"],
    ] {
        // The doctor has looked and says that records are in danger.
        let said = with(verb).exits(if *verb == ["doctor"] { 3 } else { 1 });
        let told = said.stdout + &said.stderr;
        assert!(told.contains(&id) && told.contains("mount"), "{verb:?}: {told}");
        assert!(!data.join("archive.db").exists(), "{verb:?}");
    }
    // Another archive in its place is not taken for it, neither for reading nor for writing.
    bench.archive.pull(&[0]);
    let other = bench.archive.stats()["archive_id"].clone();
    assert_ne!(other, id.as_str());
    for verb in [&["pull"][..], &["stats"], &["search", "a"]] {
        let said = with(verb).exits(1);
        assert!(said.stderr.contains(&id), "{verb:?}: {}", said.stderr);
    }
    fs::remove_dir_all(&data).expect("removed");
    fs::rename(&away, &data).expect("moved");
    with(&["pull"]).exits(0);
    let doctor = with(&["doctor", "--json"]).stdout;
    assert!(doctor.contains("as store.archive_id requires"), "{doctor}");
}

/// Keys of somebody who may read backups: the public half, and the file with the private one.
struct Reader {
    recipient: String,
    identity: PathBuf,
}

impl Reader {
    fn new(folder: &Path, name: &str) -> Self {
        use age::secrecy::ExposeSecret;
        let key = age::x25519::Identity::generate();
        let identity = folder.join(name);
        let text = format!("# made by a test\n{}\n", key.to_string().expose_secret());
        fs::write(&identity, text).expect("written");
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).expect("private");
        Self {
            recipient: key.to_public().to_string(),
            identity,
        }
    }

    fn to(&self) -> [&str; 2] {
        ["--recipient", &self.recipient]
    }

    fn with(&self) -> [&str; 2] {
        ["--identity", self.identity.to_str().expect("UTF-8")]
    }
}

impl Bench {
    fn encrypted(&self, reader: &Reader) -> Value {
        self.backup(&reader.to()).exits(0).json()
    }

    fn verify_with(&self, more: &[&str]) -> Finished {
        let dir = self.backups.to_str().expect("UTF-8");
        program().run([&["backup", "verify", dir, "--json"], more].concat())
    }
}

#[test]
fn encrypted_backups_come_back_to_whoever_has_the_key() {
    let bench = Bench::with(900, 91, 880);
    get(&bench.archive);
    let (reader, stranger) = (
        Reader::new(bench.folder.path(), "reader"),
        Reader::new(bench.folder.path(), "stranger"),
    );
    let first = bench.encrypted(&reader);
    assert_eq!(first["recipients"], serde_json::json!([reader.recipient]));
    let end_of_first = bench.archive.digest();
    // What has not changed is recognised without any private key.
    let before = bench.files();
    let idle = bench.encrypted(&reader);
    assert_eq!(
        (&idle["database"]["written"], &idle["files"]["new"], &idle["base"]),
        (&0.into(), &0.into(), &1.into())
    );
    assert_eq!(bench.files().len(), before.len() + 1);
    bench.pull(900);
    get(&bench.archive);
    let before: u64 = bench.files().values().sum();
    let recipients = format!("backup.recipients={}", reader.recipient);
    let third = bench.backup(&["--verify", "--set", &recipients]).exits(0).json();
    assert_eq!(
        (&third["verified"], &third["depth"]),
        (&true.into(), &"stored".into())
    );
    let added = bench.files().values().sum::<u64>() - before;
    let files = third["files"]["written"].as_u64().expect("a count");
    assert!(
        (added - files) * 2 < before,
        "{added} bytes after {before}, {files} of them files"
    );
    // Everybody can list them and compare the stored bytes; the content takes the key.
    let listed = bench.list();
    assert!(
        listed
            .iter()
            .all(|one| one["whole"] == true && one["companies"].is_null())
    );
    assert_eq!(bench.verify_with(&[]).exits(0).json()["depth"], "stored");
    assert_eq!(
        bench.verify_with(&reader.with()).exits(0).json()["depth"],
        "content"
    );
    bench.verify_with(&stranger.with()).exits(1);
    // Without a key, or with another one, nothing comes back and nothing is left behind.
    let (refused, said) = bench.restore("none", &[]);
    let said = said.exits(2);
    assert!(
        said.stderr.contains("--identity") && said.stderr.contains(&reader.recipient),
        "{}",
        said.stderr
    );
    let (other, said) = bench.restore("other", &stranger.with());
    let said = said.exits(1);
    assert!(said.stderr.contains(&reader.recipient), "{}", said.stderr);
    for archive in [&refused, &other] {
        assert_eq!(files_under(&archive.dir.join("data")).len(), 0);
    }
    fs::set_permissions(&stranger.identity, fs::Permissions::from_mode(0o644)).expect("opened");
    let (_, said) = bench.restore("open", &stranger.with());
    assert!(said.exits(2).stderr.contains("chmod 600"));
    let (old, said) = bench.restore("old", &[&["--generation", "1"], &reader.with()[..]].concat());
    let said = said.exits(0).json();
    assert!(!said["companies"].as_object().expect("companies").is_empty());
    assert_eq!(old.digest(), end_of_first);
    let (restored, said) = bench.restore("b", &reader.with());
    let said = said.exits(0).json();
    assert_eq!(said["restored_files"], third["files"]["contents"]);
    assert_eq!(restored.digest(), bench.archive.digest());
    assert!(said["configuration"].is_string(), "{said}");
    // The restored one goes on with them without writing everything again.
    let dir = bench.backups.to_str().expect("UTF-8");
    let args = [&["backup", dir, "--json"], &reader.to()[..]].concat();
    let on = restored.run(args).exits(0).json();
    assert_eq!((&on["base"], &on["files"]["new"]), (&3.into(), &0.into()));
    // Old ones go with what only they need.
    program().run(["backup", "prune", dir, "--keep", "1"]).exits(0);
    let (last, said) = bench.restore("last", &reader.with());
    said.exits(0);
    assert_eq!(last.digest(), bench.archive.digest());
}

#[test]
fn a_folder_holds_one_kind_of_backups_for_the_same_recipients() {
    let bench = Bench::with(150, 92, 150);
    let (reader, other) = (
        Reader::new(bench.folder.path(), "reader"),
        Reader::new(bench.folder.path(), "other"),
    );
    bench.encrypted(&reader);
    let before = bench.files();
    let said = bench.backup(&[]).exits(2);
    assert!(said.stderr.contains("backup.recipients"), "{}", said.stderr);
    let said = bench.backup(&[reader.to(), other.to()].concat()).exits(2);
    assert!(
        said.stderr.contains(&other.recipient) && said.stderr.contains("new folder"),
        "{}",
        said.stderr
    );
    let said = bench.backup(&other.to()).exits(2);
    assert!(said.stderr.contains("would go on reading"), "{}", said.stderr);
    assert_eq!(bench.files(), before);
    // The other way round, and what is there stays restorable.
    let clear = bench.folder.path().join("clear");
    let clear = clear.to_str().expect("UTF-8");
    bench.archive.run(["backup", clear]).exits(0);
    let args = [&["backup", clear], &reader.to()[..]].concat();
    let said = bench.archive.run(args).exits(2);
    assert!(said.stderr.contains("not encrypted"), "{}", said.stderr);
    bench.archive.run(["backup", clear, "--verify"]).exits(0);
    // A private key has no place among the recipients, and is not repeated.
    let secret = fs::read_to_string(&reader.identity).expect("a key");
    let secret = secret.lines().last().expect("a line");
    let configured = format!("backup.recipients={secret}");
    for args in [["--recipient", secret], ["--set", &configured]] {
        let said = bench.backup(&args).exits(2);
        assert!(said.stderr.contains("private key"), "{}", said.stderr);
        assert!(!said.stderr.contains(&secret[20..30]), "a secret was printed");
    }
    let said = bench.backup(&["--recipient", "ssh-ed25519"]).exits(2);
    assert!(said.stderr.contains("SSH"), "{}", said.stderr);
    // The example of the configuration is a key that nobody here has.
    let said = bench
        .backup(&["--recipient", shiguan::config::keys::EXAMPLE_RECIPIENT])
        .exits(2);
    assert!(said.stderr.contains("example"), "{}", said.stderr);
    let list = bench.folder.path().join("list");
    fs::write(&list, format!("# both\n{}\n\n", reader.recipient)).expect("written");
    bench
        .backup(&["--recipients-file", list.to_str().expect("UTF-8")])
        .exits(0);
    // The doctor knows where they lie.
    let doctor = bench.archive.run(["doctor", "--json"]).json();
    let findings = doctor["findings"].as_array().expect("a list");
    let told: Vec<&str> = findings
        .iter()
        .filter(|one| one["check"] == "backups")
        .filter_map(|one| one["value"].as_str())
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let of = |dir: &str| {
        told.iter()
            .find(|one| one.contains(dir))
            .copied()
            .unwrap_or_default()
    };
    assert!(of(clear).contains("not encrypted"), "{told:?}");
    let backups = bench.backups.to_str().expect("UTF-8");
    assert!(of(backups).contains(", encrypted"), "{told:?}");
    // Without the archive's key of the names everything is written again, and both are restorable.
    fs::remove_dir_all(bench.archive.dir.join("data/backup-state")).expect("removed");
    let said = bench.backup(&reader.to()).exits(0);
    assert!(said.stderr.contains("written again"), "{}", said.stderr);
    assert_eq!(said.json()["base"], Value::Null);
    for generation in ["1", "3"] {
        let wanted = [&["--generation", generation], &reader.with()[..]].concat();
        let (restored, said) = bench.restore(generation, &wanted);
        said.exits(0);
        assert_eq!(restored.digest(), bench.archive.digest());
    }
}

/// Every stretch of bytes that can be read out of a file: as it is, and out of whatever looks compressed in it.
fn readable(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("a file");
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let inside = (0..bytes.len().saturating_sub(4))
        .filter(|&at| bytes[at..at + 4] == magic)
        .filter_map(|at| zstd::stream::decode_all(&bytes[at..]).ok())
        .collect::<Vec<_>>();
    [vec![bytes], inside].concat()
}

#[test]
fn nothing_of_an_archive_can_be_read_in_its_encrypted_backups() {
    let bench = Bench::with(400, 93, 400);
    get(&bench.archive);
    let reader = Reader::new(bench.folder.path(), "reader");
    bench.encrypted(&reader);
    let clear = bench.folder.path().join("clear");
    bench
        .archive
        .run(["backup", clear.to_str().expect("UTF-8")])
        .exits(0);
    // What the database, the configuration and the vault hold: names of columns, ids, bodies, names and bytes of files.
    let mut known: Vec<Vec<u8>> = ["SQLite format 3", "CREATE TABLE", "corpid", "[company."]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
    let conn = rusqlite::Connection::open(bench.archive.dir.join("data/archive.db")).expect("an archive");
    let mut texts = |sql: &str| {
        let mut statement = conn.prepare(sql).expect("a statement");
        let rows = statement
            .query_map([], |row| row.get::<_, rusqlite::types::Value>(0))
            .expect("rows");
        for value in rows {
            match value.expect("a value") {
                rusqlite::types::Value::Text(text) => known.push(text.into_bytes()),
                rusqlite::types::Value::Blob(bytes) => known.push(bytes),
                _ => {}
            }
        }
    };
    texts("SELECT corpid FROM company");
    texts("SELECT msgid FROM record LIMIT 50");
    texts("SELECT sha256 FROM media_content");
    texts("SELECT lower(hex(sha256)) FROM media_content");
    for file in files_under(&bench.archive.dir.join("data/media"))
        .into_keys()
        .take(20)
    {
        let bytes = fs::read(file).expect("a file");
        known.push(bytes[..bytes.len().min(32)].to_vec());
    }
    known.retain(|text| text.len() >= 6);
    assert!(known.len() > 60, "{}", known.len());
    let found = |folder: &Path| -> usize {
        let readable: Vec<Vec<u8>> = files_under(folder)
            .keys()
            .flat_map(|path| {
                let name = path.to_str().expect("UTF-8").as_bytes().to_vec();
                [vec![name], readable(path)].concat()
            })
            .collect();
        known
            .iter()
            .filter(|text| {
                readable
                    .iter()
                    .any(|bytes| memchr::memmem::find(bytes, text).is_some())
            })
            .count()
    };
    // The search finds them where they are, so that it can fail.
    let open = found(&clear);
    assert!(open * 10 >= known.len() * 9, "{open} of {}", known.len());
    assert_eq!(found(&bench.backups), 0);
}

#[test]
fn a_killed_encrypted_backup_leaves_the_others_whole_and_the_next_one_goes_on() {
    let bench = Bench::with(1_200, 94, 900);
    get(&bench.archive);
    let reader = Reader::new(bench.folder.path(), "reader");
    let mut chance = ChaCha8Rng::seed_from_u64(94);
    let dir = bench.backups.to_str().expect("UTF-8").to_owned();
    let args = [&["backup", dir.as_str()], &reader.to()[..]].concat();
    let mut kills = 0;
    for round in 0..14 {
        if round == 7 {
            bench.pull(1_200);
            get(&bench.archive);
        }
        let mut child = bench.archive.start(&args);
        // Later ones live longer, so that some reach the files on a slow machine as well.
        let most = 200 * (round % 7 + 1);
        std::thread::sleep(Duration::from_millis(u64::from(chance.next_u32() % most)));
        kills += u32::from(!ended(&mut child));
        let _ended = child.kill();
        child.wait().expect("an end");
        if bench.backups.join("generations").exists() {
            for one in bench.list() {
                assert_eq!(one["whole"], true, "after {round}: {one}");
            }
        }
    }
    assert!(kills > 3, "{kills} backups were killed");
    let there = files_under(&bench.backups.join("files")).len() as u64;
    let said = bench.encrypted(&reader);
    assert!(files_under(&bench.backups.join("unfinished")).is_empty());
    let files = |what: &str| said["files"][what].as_u64().expect("a count");
    assert_eq!(
        files("new"),
        files("contents") - there,
        "what killed backups wrote is used: {said}"
    );
    let (restored, said) = bench.restore("b", &reader.with());
    said.exits(0);
    assert_eq!(restored.digest(), bench.archive.digest());
}

#[test]
fn whatever_bit_of_an_encrypted_backup_is_altered_is_found_without_its_key() {
    let bench = Bench::with(300, 95, 300);
    get(&bench.archive);
    let reader = Reader::new(bench.folder.path(), "reader");
    bench.encrypted(&reader);
    let mut chance = ChaCha8Rng::seed_from_u64(95);
    let paths: Vec<PathBuf> = bench
        .files()
        .into_iter()
        .filter_map(|(path, bytes)| (bytes > 0).then_some(path))
        .collect();
    let of = |part: &str| -> Vec<PathBuf> {
        let part = bench.backups.join(part);
        paths
            .iter()
            .filter(|path| path.starts_with(&part))
            .cloned()
            .collect()
    };
    let (objects, files) = (of("objects"), of("files"));
    assert!(objects.len() > 4 && files.len() > 4);
    let few = files.iter().step_by(files.len() / 4);
    let root = ["encryption.json", "generations/00000001.json"].map(|name| bench.backups.join(name));
    for path in objects.iter().chain(few).chain(&root).chain(&root) {
        let whole = fs::read(path).expect("a file");
        let mut altered = whole.clone();
        let at = chance.next_u32() as usize % altered.len();
        altered[at] ^= 1 << (chance.next_u32() % 8);
        fs::write(path, altered).expect("written");
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        let said = bench.verify_with(&[]).exits(3);
        let told = said.stdout + &said.stderr;
        assert!(told.contains(name), "byte {at} of {name}: {told}");
        fs::write(path, whole).expect("written");
    }
    bench.verify_with(&[]).exits(0);
    // Whole parts in each other's place are found with the key, and nothing comes back.
    let pages: Vec<&PathBuf> = objects
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "age"))
        .collect();
    let (one, two) = (
        fs::read(pages[0]).expect("a part"),
        fs::read(pages[1]).expect("a part"),
    );
    fs::write(pages[0], &two).expect("written");
    fs::write(pages[1], &one).expect("written");
    let (restored, said) = bench.restore("swapped", &reader.with());
    said.exits(3);
    assert_eq!(files_under(&restored.dir.join("data")).len(), 0);
    bench.verify_with(&reader.with()).exits(3);
    fs::write(pages[0], one).expect("written");
    fs::write(pages[1], two).expect("written");
    // So is a generation that somebody wrote who lacks the key of the names.
    let manifest = &root[1];
    let text = fs::read_to_string(manifest).expect("a manifest");
    let forged = text
        .lines()
        .next()
        .expect("a line")
        .replace("\"records\":300", "\"records\":301");
    let sha256: String = {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(forged.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let tag = text.lines().nth(2).expect("a tag");
    fs::write(
        manifest,
        format!("{forged}\n{{\"sha256\":\"{sha256}\"}}\n{tag}\n"),
    )
    .expect("written");
    let (_, said) = bench.restore("forged", &reader.with());
    assert!(said.exits(3).stderr.contains("00000001.json"));
}
