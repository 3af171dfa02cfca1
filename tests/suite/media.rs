//! The files that hang on messages: from a message's handle to bytes in the vault, whatever the server does on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kit::{Archive, Corpus, Finished, Program};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use sdk_mock::{
    corpus::store_media,
    faults::{Fault, Faults, Rule},
    media::{CHUNK, FileId},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shiguan::{
    archive::{Desk, Fetches, Fetching},
    ids::RecordId,
    media::{Limits, Pace, Place, Probe, Room, Vault},
    secret::Secret,
    source,
    store::Store,
};

mod bucket;

/// `media get` with waits that do not make a test wait.
const GET: [&str; 5] = ["media", "get", "--json", "--set", "media.retry_backoff_ms=5"];

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every handle in the corpus, by the message's seq, in reading order: seen by eyes other than the program's.
fn handles(corpus: &Corpus) -> BTreeMap<u64, Vec<FileId>> {
    let mut all = BTreeMap::new();
    for truth in corpus.truth() {
        let mut found = Vec::new();
        // Nested documents escape their quotes; handles are base64 and have none.
        let mut rest = truth.plaintext.as_str();
        while let Some(at) = rest.find("sdkfileid") {
            rest = &rest[at + "sdkfileid".len()..];
            let value = rest.trim_start_matches(['\\', '"', ':', ' ']);
            let end = value.find(['\\', '"']).unwrap_or(value.len());
            found.extend(FileId::parse(&value.as_bytes()[..end]));
        }
        if !found.is_empty() {
            all.insert(truth.seq, found);
        }
    }
    all
}

fn bytes_of(id: &FileId) -> Vec<u8> {
    id.content.range(0, id.content.size)
}

/// `media list --json`, all of it.
fn list(archive: &Archive) -> Vec<Value> {
    let finished = archive.run(["media", "list", "--json", "--limit", "1000000"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.json_lines()
}

/// Fetches until nothing waits. Exit code 3 goes with files that are missing, and only with them.
fn get(archive: &Archive, more: &[&str]) -> Finished {
    for _ in 0..50 {
        let finished = once(archive, more);
        let files = &finished.json()["files"];
        let count = |state: &str| files[state].as_u64().expect("a count");
        let waiting = count("pending") + count("partial");
        let missing = waiting + count("expired") + count("refused") + count("gone");
        assert_eq!(finished.code, Some(if missing > 0 { 3 } else { 0 }), "{files}");
        if waiting == 0 {
            return finished;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("files wait for ever");
}

/// One `media get`, which ends and tells.
fn once(archive: &Archive, more: &[&str]) -> Finished {
    let finished = archive.run([&GET[..], more].concat());
    assert!(
        matches!(finished.code, Some(0 | 3)),
        "exit {:?}\n{}\n{}",
        finished.code,
        finished.stdout,
        finished.stderr
    );
    finished
}

/// Every file under a folder, by its path inside.
fn files_under(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(folder).expect("inside").to_owned();
                all.insert(inside, fs::read(&path).expect("a file"));
            }
        }
    }
    all
}

fn vault(archive: &Archive) -> BTreeMap<PathBuf, Vec<u8>> {
    files_under(&media_folder(archive))
}

fn media_folder(archive: &Archive) -> PathBuf {
    archive.dir.join("data").join("media")
}

/// The vault holds exactly what the list says, under the right names, and nothing that was being fetched.
fn sound(archive: &Archive, listed: &[Value]) {
    let held = vault(archive);
    for (path, bytes) in &held {
        let name = hex(&Sha256::digest(bytes));
        assert_eq!(
            path,
            &PathBuf::from(&name[..2]).join(&name),
            "named by its content, no beginnings"
        );
    }
    let named: BTreeSet<&str> = listed
        .iter()
        .flat_map(|file| [file["sha256"].as_str(), file["playable_sha256"].as_str()])
        .flatten()
        .collect();
    let there: BTreeSet<&str> = held
        .keys()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    assert_eq!(there, named);
}

fn with_state<'a>(listed: &'a [Value], state: &str) -> Vec<&'a Value> {
    listed.iter().filter(|file| file["state"] == state).collect()
}

#[test]
fn every_file_is_fetched_checked_and_kept_once_by_its_content() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 400, 11);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    archive.pull(&[0]);

    let carriers = archive.search("has:media").len();
    assert!(carriers > 40, "{carriers}");
    assert_eq!(archive.search("media:missing").len(), carriers);
    assert_eq!(archive.search("media:pending").len(), carriers);
    assert_eq!(archive.search("has:media -media:pending").len(), 0);

    let done = get(&archive, &[]).json();
    let truth = handles(&corpus);
    let expected: usize = truth.values().map(Vec::len).sum();
    let listed = list(&archive);
    assert_eq!(listed.len(), expected);
    assert_eq!(done["files"]["kept"], expected);
    let mut contents = BTreeSet::new();
    for file in &listed {
        let (seq, ord) = (
            file["seq"].as_u64().expect("a seq"),
            file["ord"].as_u64().expect("a place"),
        );
        let bytes = bytes_of(&truth[&seq][ord as usize]);
        assert_eq!(file["state"], "kept");
        assert_eq!(file["sha256"], hex(&Sha256::digest(&bytes)), "{file}");
        assert_eq!(file["bytes"], bytes.len());
        contents.insert(file["sha256"].as_str().expect("a digest").to_owned());
        let voice = file["type"] == "audio/amr";
        assert_eq!(file["playable_sha256"].is_string(), voice, "{file}");
        assert_eq!(file["kind"] == "voice", voice, "{file}");
    }
    assert!(
        contents.len() < expected,
        "the corpus sends some contents more than once"
    );
    for kind in [
        "image/jpeg",
        "image/png",
        "image/gif",
        "audio/amr",
        "video/mp4",
        "application/pdf",
    ] {
        assert!(listed.iter().any(|file| file["type"] == kind), "no {kind}");
    }
    sound(&archive, &listed);
    let heard = listed
        .iter()
        .find_map(|file| file["playable_sha256"].as_str())
        .expect("a voice");
    assert!(vault(&archive)[&PathBuf::from(&heard[..2]).join(heard)].starts_with(b"RIFF"));
    assert_eq!(archive.search("media:kept").len(), carriers);
    assert_eq!(archive.search("media:missing").len(), 0);

    // Again changes nothing.
    let (before, digest) = (vault(&archive), archive.digest());
    assert_eq!(get(&archive, &[]).json()["bytes"], 0);
    assert_eq!(
        (vault(&archive), list(&archive), archive.digest()),
        (before, listed, digest)
    );
}

#[test]
fn each_fault_ends_in_the_state_that_names_it_and_a_second_chance_mends_it() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 600, 12);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    archive.pull(&[0]);
    // Messages with one file whose digest and size are announced, some of them of several chunks.
    let announced: BTreeSet<u64> = corpus
        .truth()
        .iter()
        .filter(|truth| {
            truth.plaintext.contains("\"md5sum\":\"") && !truth.plaintext.contains("\"md5sum\":\"\"")
        })
        .map(|truth| truth.seq)
        .collect();
    let handles = handles(&corpus);
    let mut single = handles
        .iter()
        .filter(|(seq, files)| files.len() == 1 && announced.contains(seq) && files[0].content.size > 10);
    let mut next = |large: bool| {
        let found = single
            .find(|(_, files)| !large || files[0].content.size > CHUNK)
            .expect("enough messages");
        *found.0
    };
    let code = |code| Fault::Return {
        code,
        slice: String::new(),
    };
    let odd = |data_len, is_finish| Fault::OddMembers { data_len, is_finish };
    let cursor = |text: &str, repeat| Fault::NextCursor {
        text: text.to_owned(),
        repeat,
    };
    let large = next(true);
    let for_ever = [
        (next(false), Fault::DigestMismatch, "differs"),
        (next(false), Fault::NeverFinish, "refused"),
        (next(false), Fault::EmptyChunk, "refused"),
        (next(false), Fault::StuckCursor, "refused"),
        (next(false), code(10010), "expired"),
        (next(false), code(10005), "refused"),
        (next(false), code(10002), "gone"),
        (next(false), code(424_242), "gone"),
        (next(false), Fault::EmptyFile, "gone"),
        (next(false), odd(Some(-5), None), "refused"),
        (next(false), odd(None, Some(-1)), "refused"),
        (next(false), odd(None, Some(2)), "refused"),
        (next(false), cursor("a\0b", 1), "refused"),
        (next(false), cursor("long", 10_000), "refused"),
        (next(false), Fault::HugeChunk { bytes: 40 << 20 }, "refused"),
        (next(false), Fault::Segfault, "refused"),
    ];
    let passing = [
        (next(false), Fault::DigestMismatch),
        (next(false), Fault::NeverFinish),
        (next(false), Fault::EmptyChunk),
        (next(false), Fault::StuckCursor),
        (next(false), code(10001)),
        (next(false), code(10003)),
        (next(false), code(10006)),
        (next(false), code(10008)),
        (next(false), code(-7)),
        (next(false), Fault::EmptyFile),
        (next(false), odd(Some(i32::MIN), Some(1))),
        (next(false), cursor("\0", 1)),
        (next(false), Fault::HugeChunk { bytes: 300 << 20 }),
        (next(false), Fault::Abort),
        (next(false), Fault::Terminate),
        (next(false), Fault::Exit { status: 3 }),
        (next(false), Fault::Silent),
        (next(false), Fault::Hang),
        (next(false), Fault::Latency { ms: 300 }),
        (next(false), Fault::Garbage { bytes: 5000 }),
        (large, code(10001)),
    ];
    let mut faults = Faults::new();
    for (seq, fault, _) in &for_ever {
        faults = faults.with(Rule::media(fault.clone()).at_seq(*seq));
    }
    for (seq, fault) in &passing {
        faults = faults.with(Rule::media(fault.clone()).at_seq(*seq).times(1));
    }
    corpus.misbehave(&faults);
    let hurry = [
        "--set",
        "media.retry_limit=2",
        "--set",
        "pull.timeout_seconds=1",
        "--set",
        "sdk.deadline_grace_seconds=1",
    ];
    get(&archive, &hurry);

    let listed = list(&archive);
    let state = |seq: u64| {
        let file = listed.iter().find(|file| file["seq"] == seq).expect("a file");
        (file["state"].as_str().expect("a state"), file)
    };
    for (seq, fault, expected) in &for_ever {
        assert_eq!(state(*seq).0, *expected, "{fault:?}: {}", state(*seq).1);
        assert!(
            !state(*seq).1["detail"].as_str().expect("a text").is_empty(),
            "{fault:?} is not explained"
        );
    }
    for (seq, fault) in &passing {
        assert_eq!(state(*seq).0, "kept", "{fault:?}: {}", state(*seq).1);
    }
    assert_eq!(with_state(&listed, "kept").len(), listed.len() - for_ever.len());
    sound(&archive, &listed);

    // Search says the same, message by message.
    for asked in [
        "kept", "differs", "refused", "expired", "gone", "pending", "partial",
    ] {
        let expected: BTreeSet<u64> = with_state(&listed, asked)
            .iter()
            .filter_map(|file| file["seq"].as_u64())
            .collect();
        let found: BTreeSet<u64> = archive
            .search(&format!("media:{asked}"))
            .iter()
            .filter_map(|hit| hit["seq"].as_u64())
            .collect();
        assert_eq!(found, expected, "media:{asked}");
    }
    assert_eq!(archive.search("media:missing").len(), for_ever.len() - 1);

    // The server behaves again: whatever was concluded, a person may ask again.
    corpus.behave();
    for (seq, ..) in &for_ever {
        let finished = archive.run([&GET[..], &[&seq.to_string()]].concat());
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    }
    let mended = list(&archive);
    assert_eq!(with_state(&mended, "kept").len(), mended.len());
    assert_eq!(archive.search("media:missing").len(), 0);
}

/// A handle with a zero byte cannot be asked for: C would see a shorter one, which is another file. Sixty others come.
#[test]
fn a_handle_with_a_zero_byte_costs_its_own_file_only() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let handles: Vec<String> = (0..61).map(|nth| format!("aGFuZGxl{nth:04}ICAgICAg")).collect();
    let mut letters: Vec<Letter<'_>> = handles
        .iter()
        .map(|handle| Letter::new(handle, b"bytes"))
        .collect();
    letters[7].handle = "aGFuZGxl\0ICAgICAg";
    letters[8].handle = "aGFuZGxl\u{1}\n ICAgICAg";
    let corpus = seal(scratch.path(), &letters);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    for _ in 0..2 {
        let finished = once(&archive, &["--set", "media.children=1"]);
        assert_eq!(finished.code, Some(3), "a file is missing: {}", finished.stdout);
        assert!(finished.json()["failure"].is_null(), "{}", finished.stdout);
        let listed = list(&archive);
        assert_eq!(with_state(&listed, "kept").len(), 60);
        let bad = with_state(&listed, "refused");
        assert_eq!((bad.len(), &bad[0]["seq"]), (1, &Value::from(8)), "{bad:?}");
        assert!(
            bad[0]["detail"].as_str().expect("why").contains("zero byte"),
            "{}",
            bad[0]
        );
    }
}

/// One file of which the library says what would be about everybody: the others show that it is not.
#[test]
fn what_is_said_of_one_file_stops_no_other() {
    for code in [10009, 10011] {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::generate(scratch.path(), 200, 13);
        let archive = program().archive(&scratch.path().join("a"), &corpus);
        archive.pull(&[0]);
        let (seq, _) = handles(&corpus).pop_first().expect("a file");
        let refusal = Fault::Return {
            code,
            slice: String::new(),
        };
        corpus.misbehave(&Faults::new().with(Rule::media(refusal).at_seq(seq)));
        assert_eq!(once(&archive, &[]).code, Some(3));
        for file in list(&archive) {
            let expected = if file["seq"] == seq { "pending" } else { "kept" };
            assert_eq!(file["state"], expected, "{file}");
        }
        let bad = archive.search("media:pending");
        assert_eq!((bad.len(), bad[0]["seq"].as_u64()), (1, Some(seq)));
        corpus.behave();
        get(&archive, &[]);
        assert_eq!(archive.search("media:missing").len(), 0);
    }
}

/// A folder where a file's beginning should lie is one file's trouble.
#[test]
fn a_place_that_cannot_be_written_costs_one_file() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 13);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    archive.pull(&[0]);
    let blocked = media_folder(&archive).join(".begun/mock/3/in the way");
    fs::create_dir_all(&blocked).expect("a folder");
    assert_eq!(once(&archive, &[]).code, Some(3));
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "kept").len(), listed.len() - 1);
    let bad = with_state(&listed, "pending");
    assert_eq!(bad[0]["file"], 3);
    assert!(
        bad[0]["detail"].as_str().expect("why").contains("cannot write"),
        "{}",
        bad[0]
    );
    fs::remove_dir_all(blocked.parent().expect("a folder")).expect("removed");
    get(&archive, &[]);
    sound(&archive, &list(&archive));
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock").as_millis() as i64
}

/// A code that no document names, and an empty success, are tried for as long as the file has days left, however often that
/// is; and end when they are over.
#[test]
fn what_nobody_can_explain_is_tried_until_the_files_days_are_over() {
    let code = Fault::Return {
        code: 424_242,
        slice: String::new(),
    };
    for fault in [code, Fault::EmptyFile] {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let letters = [
            Letter {
                time: now(),
                ..Letter::new("aGFuZGxlIG5ldyAgICAgICAg", b"new")
            },
            Letter::new("aGFuZGxlIG9sZCAgICAgICAg", b"old"),
        ];
        let corpus = seal(scratch.path(), &letters);
        let archive = program().archive(&scratch.path().join("archive"), &corpus);
        archive.pull(&[0]);
        corpus.misbehave(&Faults::new().with(Rule::media(fault.clone())));
        for round in 1_u64..=4 {
            assert_eq!(once(&archive, &["--set", "media.retry_limit=2"]).code, Some(3));
            let listed = list(&archive);
            assert_eq!(listed[0]["state"], "pending", "{fault:?}");
            assert!(
                listed[0]["attempts"].as_u64() >= Some(round),
                "{fault:?}: {}",
                listed[0]
            );
            assert!(!listed[0]["detail"].as_str().expect("why").is_empty());
        }
        assert_eq!(list(&archive)[1]["state"], "gone", "{fault:?}");
        assert!(vault(&archive).is_empty(), "{fault:?}: nothing was kept");
        corpus.behave();
        get(&archive, &[]);
        assert_eq!(list(&archive)[0]["state"], "kept", "{fault:?}");
        assert_eq!(archive.run([&GET[..], &["2"]].concat()).code, Some(0));
        assert_eq!(list(&archive)[1]["state"], "kept", "{fault:?}");
    }
}

/// Nothing can be what was sent; then it must be announced as nothing, or stay marked as unproven.
#[test]
fn an_empty_file_is_kept_where_it_was_announced_and_marked_where_nothing_was() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let nothing = "D41D8CD98F00B204E9800998ECF8427E";
    let letter = |handle, size, md5| Letter {
        size,
        md5,
        ..Letter::new(handle, b"")
    };
    let corpus = seal(
        scratch.path(),
        &[
            letter("aGFuZGxlIDAgICAgICAgICAg", Some(0), ""),
            letter("aGFuZGxlIDEgICAgICAgICAg", None, nothing),
            letter("aGFuZGxlIDIgICAgICAgICAg", None, ""),
            letter(
                "aGFuZGxlIDMgICAgICAgICAg",
                Some(0),
                "9dd4e461268c8034f5c8564e155c67a6",
            ),
            letter("aGFuZGxlIDQgICAgICAgICAg", Some(7), ""),
            // The same handle once more, of which nothing was said.
            letter("aGFuZGxlIDQgICAgICAgICAg", None, ""),
        ],
    );
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    get(&archive, &["--set", "media.retry_limit=2"]);
    let listed = list(&archive);
    let states: Vec<&str> = listed
        .iter()
        .map(|file| file["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(
        states,
        ["kept", "kept", "differs", "gone", "gone", "gone"],
        "{listed:?}"
    );
    assert!(
        listed[2]["detail"].as_str().expect("why").contains("empty"),
        "{}",
        listed[2]
    );
    sound(&archive, &listed);
}

/// More than any disk has.
const FULL: [&str; 2] = ["--set", "store.disk_headroom_mib=1073741824"];

/// Files leave the headroom alone: they wait, which everybody can see, and records go on.
#[test]
fn files_wait_for_room_and_records_do_not() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 13);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    let pulled = archive.run([&kit::PULL[..], &FULL].concat());
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(pulled.json()["opened"], 200);
    for _ in 0..2 {
        let finished = once(&archive, &FULL);
        let done = finished.json();
        assert_eq!((finished.code, &done["bytes"]), (Some(3), &Value::from(0)));
        assert!(done["failure"].is_null(), "{done}");
        let why = done["no_room"].as_str().expect("why");
        assert!(why.contains("store.disk_headroom_mib"), "{why}");
    }
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "pending").len(), listed.len());
    assert!(listed.iter().all(|file| file["attempts"] == 0));
    assert!(
        listed
            .iter()
            .any(|file| file["detail"].as_str().is_some_and(|why| why.contains("room")))
    );
    assert!(vault(&archive).is_empty());
    let told = archive.run([&["media", "list"], &FULL[..]].concat());
    assert!(told.stderr.contains("waits for room"), "{}", told.stderr);
    let told = archive.run([&["media", "get"], &FULL[..]].concat());
    assert!(told.stdout.contains("waits for room"), "{}", told.stdout);

    get(&archive, &[]);
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "kept").len(), listed.len());
    sound(&archive, &listed);
}

/// A real disk without room (`/dev/full` in place of what came of a file): the file waits, none has failed, and what it had is
/// given back.
#[test]
fn a_disk_that_fills_up_makes_files_wait_and_fails_none() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (archive, corpus, bytes) = one_file(scratch.path(), "film.mp4", 20 * CHUNK as usize + 7);
    archive.pull(&[0]);
    corpus.misbehave(&Faults::new().with(Rule::media(Fault::Latency { ms: 150 })));
    let mut first = archive.start(GET);
    let begun = media_folder(&archive).join(".begun");
    let until = Instant::now() + Duration::from_secs(60);
    while files_under(&begun)
        .values()
        .all(|bytes| bytes.len() < 2 * CHUNK as usize)
        && Instant::now() < until
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    kit::terminate(&mut first);
    corpus.behave();
    assert_eq!(list(&archive)[0]["state"], "partial");
    let (beginning, _) = files_under(&begun).pop_first().expect("a beginning");
    let beginning = begun.join(beginning);
    fs::remove_file(&beginning).expect("removed");
    std::os::unix::fs::symlink("/dev/full", &beginning).expect("a link");

    let finished = once(&archive, &[]);
    let done = finished.json();
    assert!(done["failure"].is_null(), "{done}");
    assert!(done["no_room"].as_str().expect("why").contains("full"), "{done}");
    let waits = list(&archive)[0].clone();
    assert_eq!(
        (finished.code, &waits["state"], &waits["attempts"]),
        (Some(3), &"pending".into(), &0.into()),
        "{waits}"
    );
    assert!(waits["detail"].as_str().expect("why").contains("full"), "{waits}");
    get(&archive, &[]);
    let kept = list(&archive)[0].clone();
    assert_eq!(kept["sha256"], hex(&Sha256::digest(&bytes)));
    sound(&archive, &[kept]);
}

/// A disk of 20 MiB, of which 8 are to stay free: what fits comes, also a file of unknown size as far as there is room, and the
/// headroom is never touched by more than what is on its way to the disk.
#[test]
fn on_a_small_disk_what_fits_comes_and_the_headroom_stays() {
    const MIB: u64 = 1 << 20;
    const DISK: u64 = 20 * MIB;
    const HEADROOM: u64 = 8 * MIB;
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mib = |count: usize| vec![count as u8; count << 20];
    let (large, middle, unknown) = (mib(16), [mib(3), mib(2), mib(1)], mib(9));
    let mut letters = vec![
        Letter::new("aGFuZGxlIGxhcmdlICAgICAg", &large),
        Letter::new("aGFuZGxlIG1pZGRsZSAxICAg", &middle[0]),
        Letter::new("aGFuZGxlIG1pZGRsZSAyICAg", &middle[1]),
        Letter::new("aGFuZGxlIG1pZGRsZSAzICAg", &middle[2]),
        Letter::new("aGFuZGxlIHNtYWxsICAgICAg", b"small"),
        Letter::new("aGFuZGxlIHVua25vd24gICAg", &unknown),
    ];
    letters[5].size = None;
    let corpus = seal(scratch.path(), &letters);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);

    let folder = media_folder(&archive);
    let least = Arc::new(AtomicU64::new(u64::MAX));
    let (seen, measured) = (Arc::clone(&least), folder.clone());
    let probe: Probe = Arc::new(move |_: &Path| {
        let used: u64 = files_under(&measured)
            .values()
            .map(|bytes| bytes.len() as u64)
            .sum();
        let free = DISK.saturating_sub(used);
        seen.fetch_min(free, Ordering::Relaxed);
        Some(free)
    });
    let room = Room::new(vec![folder.clone()], HEADROOM, probe);
    let done = pass(&archive, &fetching(&archive, &corpus, room), None);
    assert!(done.failure.is_none(), "{:?}", done.failure);
    let listed = list(&archive);
    let states: Vec<&str> = listed
        .iter()
        .map(|file| file["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(
        states,
        ["pending", "kept", "kept", "kept", "kept", "partial"],
        "{listed:?}"
    );
    for waiting in [&listed[0], &listed[5]] {
        assert!(
            waiting["detail"]
                .as_str()
                .expect("why")
                .contains("waits for room"),
            "{waiting}"
        );
        assert_eq!(waiting["attempts"], 0, "{waiting}");
    }
    // Four chunks are on their way at most.
    let least = least.load(Ordering::Relaxed);
    assert!(least + 4 * CHUNK >= HEADROOM, "only {least} bytes were left free");
    get(&archive, &[]);
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "kept").len(), 6, "{listed:?}");
    sound(&archive, &listed);
}

/// What `run` fetches with, one file at a time.
fn fetching(archive: &Archive, corpus: &Corpus, room: Room) -> Fetching {
    let mut source = source::Options::new(
        env!("CARGO_BIN_EXE_shiguan").into(),
        sdk_mock::find_library(Path::new(env!("CARGO_BIN_EXE_shiguan"))).expect("the mock library"),
        "ww0000000000000000",
        Secret::new("secret"),
    );
    source.mock_corpus = Some(corpus.path.clone());
    Fetching {
        name: "mock".to_owned(),
        corpid: "ww0000000000000000".to_owned(),
        source,
        vault: Vault::open(&media_folder(archive), &Place::Folder).expect("a vault"),
        children: 1,
        deadline: Duration::from_secs(3 * 24 * 3600),
        attempts: 8,
        backoff: Duration::from_millis(5),
        limits: Limits { most: 1 << 32 },
        pace: Arc::new(Pace::new(0)),
        room: Arc::new(room),
        silk: None,
    }
}

/// One pass as `run` makes it: what waits for its next try waits. `only`: over the files of this record.
fn pass(archive: &Archive, fetching: &Fetching, only: Option<RecordId>) -> Fetches {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let store = Store::open(&archive.dir.join("data/archive.db")).expect("an archive");
        let desk = Desk::open(store).expect("a desk");
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let done = shiguan::archive::fetch(&desk, fetching, only, stopped).await;
        desk.close();
        done.expect("a pass")
    })
}

/// A file that is asked for alone, after others were kept, ends no pass: what is said of it is about it.
#[test]
fn a_bad_file_in_a_pass_of_its_own_fails_once_as_a_pass() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let letters = [
        Letter::new("aGFuZGxlIGJhZCAgICAgICAg", b"bad"),
        Letter::new("aGFuZGxlIGdvb2QgICAgICAg", b"good"),
    ];
    let corpus = seal(scratch.path(), &letters);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    let refusal = Fault::Return {
        code: 10009,
        slice: String::new(),
    };
    let refuses = Faults::new().with(Rule::media(refusal));
    corpus.misbehave(&refuses);
    let room = Room::new(Vec::new(), 0, Arc::new(|_: &Path| None));
    let mut fetching = fetching(&archive, &corpus, room);
    let (bad, good) = (Some(RecordId(1)), Some(RecordId(2)));
    let first = pass(&archive, &fetching, bad);
    assert!(first.failure.is_some(), "nobody can know yet");
    assert_eq!(list(&archive)[0]["attempts"], 0);
    std::thread::sleep(Duration::from_millis(20));
    corpus.behave();
    assert!(pass(&archive, &fetching, good).failure.is_none());
    corpus.misbehave(&refuses);
    // It is not due again before the pass is over.
    fetching.backoff = Duration::from_secs(10);
    let last = pass(&archive, &fetching, bad);
    assert!(last.failure.is_none(), "{:?}", last.failure);
    assert_eq!(list(&archive)[0]["attempts"], 1);
}

/// A company that WeCom refuses as a whole loses no file and no time on each.
#[test]
fn what_an_operator_must_mend_ends_the_pass_and_no_file() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 100, 13);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    archive.pull(&[0]);
    let code = Fault::Return {
        code: 10009,
        slice: String::new(),
    };
    corpus.misbehave(&Faults::new().with(Rule::media(code)));
    let finished = archive.run(GET);
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    assert!(
        finished.stderr.contains("10009") && finished.stderr.contains("hint"),
        "{}",
        finished.stderr
    );
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "pending").len(), listed.len());
    assert!(listed.iter().all(|file| file["attempts"] == 0));
    corpus.behave();
    get(&archive, &[]);
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "kept").len(), listed.len());
}

/// Three bad files that are asked for first end one pass, not every pass.
#[test]
fn bad_files_in_front_end_one_pass_and_hold_up_no_other_file() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 13);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    archive.pull(&[0]);
    let bad: Vec<u64> = handles(&corpus).into_keys().take(5).collect();
    let refusal = Fault::Return {
        code: 10009,
        slice: String::new(),
    };
    let rules = bad.iter().map(|seq| Rule::media(refusal.clone()).at_seq(*seq));
    corpus.misbehave(&Faults::from(rules.collect::<Vec<_>>()));
    let one_at_a_time = [&GET[..], &["--set", "media.children=1"]].concat();
    let codes: Vec<_> = (0..2)
        .map(|_| archive.run(&one_at_a_time).code.expect("an end"))
        .collect();
    assert_eq!(codes, [1, 3], "the first pass cannot know; the next one can");
    for file in list(&archive) {
        let is_bad = file["seq"].as_u64().is_some_and(|seq| bad.contains(&seq));
        assert_eq!(file["state"], if is_bad { "pending" } else { "kept" }, "{file}");
        if is_bad {
            assert!(file["detail"].as_str().expect("why").contains("10009"), "{file}");
            assert!(
                file["attempts"].as_u64() >= Some(1),
                "its own trouble by now: {file}"
            );
        }
    }
    corpus.behave();
    get(&archive, &[]);
    assert_eq!(archive.search("media:missing").len(), 0);
}

/// While nothing comes, no file has used up a try; and one refusal is not believed for ever.
#[test]
fn a_network_that_is_down_uses_up_no_try_and_one_refusal_ends_no_file() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let letters = [
        Letter {
            time: now(),
            ..Letter::new("aGFuZGxlIG5ldyAgICAgICAg", b"new")
        },
        Letter {
            time: now() - 4 * 24 * 3_600_000,
            ..Letter::new("aGFuZGxlIG9sZCAgICAgICAg", b"old")
        },
    ];
    let corpus = seal(scratch.path(), &letters);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    let answer = |code| {
        let slice = String::new();
        corpus.misbehave(&Faults::new().with(Rule::media(Fault::Return { code, slice })));
    };
    let limit = ["--set", "media.retry_limit=3"];
    answer(10001);
    for _ in 0..3 {
        assert_eq!(once(&archive, &limit).code, Some(3));
    }
    for file in list(&archive) {
        assert_eq!(
            (&file["state"], &file["attempts"]),
            (&"pending".into(), &0.into()),
            "{file}"
        );
        assert!(file["detail"].as_str().expect("why").contains("10001"), "{file}");
    }
    // The second file's days are over.
    for code in [10010, 10005, 10000] {
        answer(code);
        once(&archive, &limit);
        let states: Vec<_> = list(&archive).iter().map(|file| file["state"].clone()).collect();
        let expected = if code == 10000 { "refused" } else { "pending" };
        assert_eq!(
            states,
            [expected, expected],
            "{code}: the third answer is believed"
        );
    }
    corpus.behave();
    for seq in ["1", "2"] {
        assert_eq!(archive.run([&GET[..], &[seq]].concat()).code, Some(0));
    }
    assert_eq!(archive.search("media:missing").len(), 0);
}

/// `kill -9` of the whole program while it fetches, again and again; what is left in the end is what an undisturbed run
/// leaves, byte for byte, and nothing else.
#[test]
fn killed_at_random_moments_it_ends_with_the_same_vault() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 600, 14);
    let calm = program().archive(&scratch.path().join("calm"), &corpus);
    calm.pull(&[0]);
    get(&calm, &[]);
    let (expected, states) = (vault(&calm), list(&calm));

    let rounds: u32 = std::env::var("SHIGUAN_KILL_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .map_or(24, |seeds: u32| seeds * 24);
    let fresh = |number: usize| {
        corpus.behave();
        let archive = program().archive(&scratch.path().join(format!("disturbed-{number}")), &corpus);
        archive.pull(&[0]);
        // Slow enough to be in the middle of something, and a little of what goes wrong besides.
        let busy = Fault::Return {
            code: 10001,
            slice: String::new(),
        };
        corpus.misbehave(
            &Faults::new()
                .with(Rule::media(Fault::Latency { ms: 60 }))
                .with(Rule::media(busy).at_call(5).times(20))
                .with(Rule::media(Fault::Segfault).at_call(9).times(10)),
        );
        archive
    };
    let mut chance = ChaCha8Rng::seed_from_u64(14);
    let (mut kills, mut left_begun) = (0, 0);
    let mut disturbed = vec![fresh(0)];
    while kills < rounds {
        let archive = disturbed.last().expect("one");
        let begun = || !files_under(&media_folder(archive).join(".begun")).is_empty();
        let was_begun = begun();
        let more = ["--set", "media.retry_limit=1000", "--set", "media.children=2"];
        let mut fetching = archive.start([&GET[..], &more].concat());
        // However busy the machine: it has got to its files, and the kill comes at any moment from there.
        let until = Instant::now() + Duration::from_secs(20);
        while (was_begun || !begun())
            && fetching.try_wait().expect("a status").is_none()
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(2));
            if was_begun && Instant::now() + Duration::from_millis(19_800) > until {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(u64::from(chance.next_u32() % 120)));
        if fetching.try_wait().expect("a status").is_none() {
            fetching.kill().expect("a living program");
            kills += 1;
        }
        fetching.wait().expect("an end");
        left_begun += u32::from(begun());
        let listed = list(archive);
        if !listed.is_empty() && with_state(&listed, "kept").len() == listed.len() {
            // This one got to its end in spite of everything; the next kills are another's.
            assert!(disturbed.len() < 20, "{kills} kills only");
            disturbed.push(fresh(disturbed.len()));
        }
    }
    assert!(left_begun > 0, "never killed while something lay begun");
    corpus.behave();
    let content = |files: &[Value]| -> Vec<Value> {
        files
            .iter()
            .map(|file| serde_json::json!([file["seq"], file["ord"], file["state"], file["sha256"]]))
            .collect()
    };
    for archive in &disturbed {
        get(archive, &[]);
        assert_eq!(vault(archive), expected, "after {kills} kills");
        assert_eq!(content(&list(archive)), content(&states));
    }
}

/// Goes on from the place another process reached, and does not ask for what is there.
#[test]
fn a_large_file_is_gone_on_with_by_the_next_process() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (archive, corpus, bytes) = one_file(scratch.path(), "film.mp4", 40 * CHUNK as usize + 7);
    archive.pull(&[0]);
    // Each chunk takes a while; the program is asked to stop in the middle.
    corpus.misbehave(&Faults::new().with(Rule::media(Fault::Latency { ms: 150 })));
    let mut first = archive.start(GET);
    let begun = || {
        files_under(&media_folder(&archive).join(".begun"))
            .values()
            .map(Vec::len)
            .max()
            .unwrap_or(0)
    };
    let until = Instant::now() + Duration::from_secs(60);
    while begun() < 8 * CHUNK as usize && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    kit::terminate(&mut first);
    let reached = list(&archive)[0].clone();
    assert_eq!(reached["state"], "partial", "{reached}");
    let offset = reached["offset"].as_u64().expect("an offset");
    assert!(offset >= 8 * CHUNK && offset < bytes.len() as u64, "{offset}");
    assert_eq!(archive.search("media:partial").len(), 1);

    // The beginning of the file is not given out any more: whoever asks for it gets nothing.
    let left = (bytes.len() as u64 - offset).div_ceil(CHUNK);
    corpus.misbehave(
        &Faults::new().with(
            Rule::media(Fault::Return {
                code: 10005,
                slice: String::new(),
            })
            .at_call(left + 1..=left + 1000),
        ),
    );
    assert_eq!(once(&archive, &[]).code, Some(0), "in one go");
    let kept = list(&archive)[0].clone();
    assert_eq!(
        (&kept["state"], &kept["sha256"]),
        (&"kept".into(), &hex(&Sha256::digest(&bytes)).into())
    );
    sound(&archive, &[kept]);
}

/// An archive of one message with one file of so many bytes.
fn one_file(scratch: &Path, name: &str, size: usize) -> (Archive, Corpus, Vec<u8>) {
    let mut bytes = vec![0; size];
    ChaCha8Rng::seed_from_u64(size as u64).fill_bytes(&mut bytes);
    let handle = "aGFuZGxlIG9mIGEgZmlsZSB0aGF0IGEgdGVzdCBtYWRl";
    let corpus = letters(scratch, &[(name, handle, &bytes)]);
    (
        program().archive(&scratch.join("archive"), &corpus),
        corpus,
        bytes,
    )
}

/// A corpus with a message for each of these files.
fn letters(scratch: &Path, files: &[(&str, &str, &[u8])]) -> Corpus {
    let letters = files
        .iter()
        .enumerate()
        .map(|(number, (name, handle, bytes))| Letter {
            name,
            time: 1_700_000_000_000 + number as i64,
            ..Letter::new(handle, bytes)
        });
    seal(scratch, &letters.collect::<Vec<_>>())
}

/// A message with a file, long over unless another time is given.
struct Letter<'a> {
    handle: &'a str,
    bytes: &'a [u8],
    name: &'a str,
    time: i64,
    /// As announced.
    size: Option<u64>,
    md5: &'a str,
}

impl<'a> Letter<'a> {
    fn new(handle: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            handle,
            bytes,
            name: "name",
            time: 1_700_000_000_000,
            size: Some(bytes.len() as u64),
            md5: "",
        }
    }
}

fn seal(scratch: &Path, letters: &[Letter<'_>]) -> Corpus {
    let plain = scratch.join("plain");
    fs::create_dir(&plain).expect("a folder");
    for (number, letter) in letters.iter().enumerate() {
        let mut file = serde_json::json!({
            "sdkfileid": letter.handle, "md5sum": letter.md5, "filename": letter.name, "fileext": "",
        });
        if let Some(size) = letter.size {
            file["filesize"] = size.into();
        }
        let message = serde_json::json!({
            "msgid": format!("{number}_1700000000000"), "action": "send", "from": "a", "tolist": ["b"], "roomid": "",
            "msgtime": letter.time, "msgtype": "file", "file": file,
        });
        fs::write(plain.join(format!("{number:03}.json")), message.to_string()).expect("a file");
    }
    let corpus = Corpus::seal(&plain, scratch);
    for letter in letters {
        store_media(&corpus.path, letter.handle, letter.bytes).expect("a file");
    }
    corpus
}

/// SILK is decoded by a program that the operator names, or not at all; the voice itself is kept in any case.
#[test]
fn voices_in_silk_are_heard_through_a_program_of_the_operators() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    // WeChat's form has a byte in front of the mark, others have not.
    let voice = |nth: u8| {
        let mark = if nth == 2 {
            &b"#!SILK_V3"[..]
        } else {
            b"\x02#!SILK_V3"
        };
        [mark, &[nth; 100]].concat()
    };
    let voices: Vec<Vec<u8>> = (0..4).map(voice).collect();
    let corpus = letters(
        scratch.path(),
        &[
            ("0.silk", "aGFuZGxlIDAgICAgICAgICAg", &voices[0]),
            ("1.silk", "aGFuZGxlIDEgICAgICAgICAg", &voices[1]),
            ("2.silk", "aGFuZGxlIDIgICAgICAgICAg", &voices[2]),
            ("3.silk", "aGFuZGxlIDMgICAgICAgICAg", &voices[3]),
        ],
    );
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    // In place of a real decoder: says how much it was given, behind the beginning of a WAV.
    let decoder = scratch.path().join("decoder");
    fs::write(
        &decoder,
        "#!/bin/sh\nprintf 'RIFF\\044\\000\\000\\000WAVEfmt '; wc -c\n",
    )
    .expect("a program");
    fs::set_permissions(&decoder, fs::Permissions::from_mode(0o700)).expect("permissions");
    let of_message = |seq: u64, decoder: &str| {
        let chosen = format!("media.silk_decoder={decoder}");
        let finished = archive.run([&GET[..], &[&seq.to_string(), "--set", &chosen]].concat());
        // The others wait for their turn.
        assert!(matches!(finished.code, Some(0 | 3)), "{}", finished.stderr);
        let file = list(&archive).into_iter().find(|file| file["seq"] == seq);
        let file = file.expect("a file");
        assert_eq!(file["state"], "kept", "{file}");
        file
    };
    let heard = of_message(1, decoder.to_str().expect("a path"));
    let name = heard["playable_sha256"].as_str().expect("a digest");
    let wav = &vault(&archive)[&Path::new(&name[..2]).join(name)];
    assert!(wav.starts_with(b"RIFF") && wav.ends_with(b"110\n"), "{wav:?}");
    assert!(heard["not_playable"].is_null(), "{heard}");

    for (seq, program, why) in [
        (2, "printf odd", "failed"),
        (3, "no-such-program-anywhere", "no-such-program-anywhere"),
        (4, "", "media.silk_decoder"),
    ] {
        let silent = of_message(seq, program);
        assert!(silent["playable_sha256"].is_null(), "{silent}");
        assert!(
            silent["not_playable"].as_str().expect("why").contains(why),
            "{silent}"
        );
    }
    assert_eq!(vault(&archive).len(), 5, "four voices and one that can be heard");
    let told = archive.run(["media", "list"]).exits(0).stdout;
    assert!(
        told.contains("media.silk_decoder"),
        "the list for people says why: {told}"
    );

    // The program came later: the form is made of what is kept, and WeCom, which has it no more, is not asked.
    fs::remove_dir_all(corpus.path.join("media")).expect("removed");
    for seq in [2, 3, 4] {
        let heard = of_message(seq, decoder.to_str().expect("a path"));
        assert!(
            heard["playable_sha256"].is_string() && heard["not_playable"].is_null(),
            "{heard}"
        );
    }
    // The stand-in says the same of all voices of one length.
    assert_eq!(vault(&archive).len(), 6, "no copy is left");
    assert!(!archive.run(["media", "list"]).stdout.contains("SILK"));
}

#[test]
fn copies_have_harmless_names_and_a_manifest_that_proves_them() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let files: [(&str, &str, &[u8]); 5] = [
        (
            "../../../../tmp/昨天的报价.pdf",
            "aGFuZGxlIDEgICAgICAgICAg",
            b"%PDF-1.7\none",
        ),
        ("..", "aGFuZGxlIDIgICAgICAgICAg", b"%PDF-1.7\ntwo"),
        ("/etc/passwd", "aGFuZGxlIDMgICAgICAgICAg", b"root"),
        ("same.txt", "aGFuZGxlIDQgICAgICAgICAg", b"same"),
        ("same.txt", "aGFuZGxlIDUgICAgICAgICAg", b"same"),
    ];
    let corpus = letters(scratch.path(), &files);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    get(&archive, &[]);
    assert_eq!(vault(&archive).len(), 4, "equal files are kept once");
    let to = scratch.path().join("out");
    let to_text = to.to_str().expect("a path").to_owned();
    let finished = archive.run(["media", "export", "has:media", "--to", &to_text]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);

    let copies = files_under(&to);
    let names: Vec<String> = copies
        .keys()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    assert_eq!(copies.len(), 6, "{names:?}");
    assert!(
        fs::read_dir(&to)
            .expect("a folder")
            .all(|entry| entry.expect("an entry").path().is_file())
    );
    assert!(
        names.iter().any(|name| name.ends_with("_tmp_昨天的报价.pdf")),
        "{names:?}"
    );
    let manifest = String::from_utf8(copies[Path::new("manifest.jsonl")].clone()).expect("text");
    for (line, (_, handle, bytes)) in manifest.lines().zip(&files) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let copy = &copies[Path::new(line["copy"].as_str().expect("a name"))];
        assert_eq!(copy, bytes);
        assert_eq!(line["sha256"], hex(&Sha256::digest(bytes)));
        assert!(line["seq"].is_u64() && line["msgid"].is_string() && line["md5"].is_string());
        assert!(!manifest.contains(handle), "a handle is as good as the file");
    }
    // A folder that holds something is not written into.
    assert_eq!(
        archive.run(["media", "export", "1", "--to", &to_text]).code,
        Some(2)
    );
    // Bytes that changed in the vault are found out and not given out as what they were.
    let damaged = hex(&Sha256::digest(b"root"));
    fs::write(media_folder(&archive).join(&damaged[..2]).join(&damaged), b"ROOT").expect("written");
    let again = scratch.path().join("again");
    let finished = archive.run(["media", "export", "3", "--to", again.to_str().expect("a path")]);
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    assert_eq!(files_under(&again).len(), 1, "only the manifest");
}

/// While files crawl, messages go on as if there were none; and `run` fetches by itself.
#[test]
fn files_are_never_in_the_way_of_messages() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 2_000, 15);
    corpus.misbehave(&Faults::new().with(Rule::media(Fault::Latency { ms: 400 })));
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    let began = Instant::now();
    let mut staying = archive.start(["run"]);
    let limit = Duration::from_secs(60);
    let wait_for = |what: &str, holds: &dyn Fn() -> bool| {
        while !holds() {
            assert!(began.elapsed() < limit, "{what} did not come");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let database = archive.dir.join("data").join("archive.db");
    wait_for("an archive", &|| {
        database.exists() && archive.run(["stats"]).code == Some(0)
    });
    wait_for("the messages", &|| archive.stats()["opened"] == 2_000);
    wait_for("the first files", &|| !archive.search("media:kept").is_empty());
    let listed = list(&archive);
    assert!(
        with_state(&listed, "kept").len() < listed.len(),
        "files were to take far longer than the messages"
    );
    assert!(kit::terminate(&mut staying).success());
    corpus.behave();
    get(&archive, &[]);
    let listed = list(&archive);
    assert_eq!(with_state(&listed, "kept").len(), listed.len());
    sound(&archive, &listed);
}

/// A record that could not be opened when files were looked for brings its files when it opens.
#[test]
fn files_of_messages_that_open_late_are_found() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 300, 16);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    let keys = archive.dir.join("keys").join("mock");
    let keys = if keys.exists() {
        keys
    } else {
        corpus.path.join("keys")
    };
    let (key, aside) = (keys.join("v2.pem"), keys.join("v2.pem.aside"));
    fs::rename(&key, &aside).expect("a second key version");
    archive.pull(&[3]);
    get(&archive, &[]);
    let before = list(&archive).len();
    fs::rename(&aside, &key).expect("back");
    assert_eq!(archive.run(["retry"]).code, Some(0));
    assert!(!archive.search("media:pending").is_empty());
    get(&archive, &[]);
    let listed = list(&archive);
    let expected: usize = handles(&corpus).values().map(Vec::len).sum();
    assert!(before < expected, "both versions carry files");
    assert_eq!(listed.len(), expected);
    assert_eq!(archive.search("media:missing").len(), 0);
    sound(&archive, &listed);
}
