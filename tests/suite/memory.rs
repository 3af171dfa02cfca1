//! Memory is bounded whatever the records weigh: pulled, opened and indexed, by the program and its children together.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use kit::{Archive, Corpus, PULL, Program};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::Value;

/// What the program and all its children may have in memory together.
const RESIDENT: u64 = 400 << 20;
/// Address space of each of the processes, in KiB: 600 MB.
const ADDRESSES: u64 = 600_000_000 / 1024;
/// How many texts of how many characters. Memory does not grow with the number of records once pages are under way;
/// `SHIGUAN_MEMORY_RECORDS=1000` takes as many as `docs/performance.md` does.
const EXTREMES: [(u64, u32); 2] = [(300, 50_000), (60, 330_000)];

fn extremes() -> [(u64, u32); 2] {
    let asked = std::env::var("SHIGUAN_MEMORY_RECORDS").ok();
    match asked.and_then(|text| text.parse::<u64>().ok()) {
        Some(records) => [(records, 50_000), (records * 26 / 100, 330_000)],
        None => EXTREMES,
    }
}

/// Bytes that a process and everything below it have in memory.
fn resident(process: u32) -> u64 {
    let own = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages: u64 = own
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    let tasks = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten();
    let children = tasks
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let below: u64 = children
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<u32>>()
        })
        .map(resident)
        .sum();
    pages * rustix::param::page_size() as u64 + below
}

/// Waits for the end; the most that was in memory meanwhile, looked at every few milliseconds.
fn watched(mut child: Child) -> (Option<i32>, u64) {
    let mut most = 0;
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            return (status.code(), most);
        }
        most = most.max(resident(child.id()));
        thread::sleep(Duration::from_millis(5));
    }
}

fn all_there(archive: &Archive, records: u64) {
    let stats = archive.stats();
    assert_eq!(
        (&stats["records"], &stats["opened"]),
        (&Value::from(records), &Value::from(records)),
        "{stats}"
    );
}

/// It ended well, all records are open, and its processes together never had more than [`RESIDENT`].
fn opened_within(archive: &Archive, records: u64, characters: u32, code: Option<i32>, most: u64) {
    assert_eq!(code, Some(0));
    all_there(archive, records);
    assert!(
        most < RESIDENT,
        "{records} texts of {characters} characters took {} MiB",
        most >> 20
    );
}

#[test]
fn long_texts_are_pulled_opened_and_indexed_within_400_mib() {
    for (records, characters) in extremes() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::texts(scratch.path(), records, characters);
        let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
        let archive = program.archive(&scratch.path().join("archive"), &corpus);
        let (code, most) = watched(archive.start(PULL));
        opened_within(&archive, records, characters, code, most);
    }
}

/// What an earlier run has landed and not opened is read back from the archive, not from a page.
#[test]
fn a_backlog_of_long_texts_is_opened_within_400_mib() {
    let (records, characters) = extremes()[0];
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::texts(scratch.path(), records, characters);
    let refused = Fault::Return {
        code: 10006,
        slice: String::new(),
    };
    corpus.misbehave(&Faults::new().with(Rule::decrypt(refused)));
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let archive = program.archive(&scratch.path().join("archive"), &corpus);
    let books = archive.pull(&[3]);
    assert_eq!(books["waiting"]["refused"], records);
    corpus.behave();
    let (code, most) = watched(archive.start(["retry"]));
    opened_within(&archive, records, characters, code, most);
}

#[test]
fn long_texts_are_opened_within_an_address_space_of_600_mb() {
    for (records, characters) in extremes() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::texts(scratch.path(), records, characters);
        let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
        let archive = program.archive(&scratch.path().join("archive"), &corpus);
        let unbound = archive.command(PULL);
        let mut bound = Command::new("sh");
        bound
            .args(["-c", &format!("ulimit -v {ADDRESSES} && exec \"$0\" \"$@\"")])
            .arg(unbound.get_program())
            .args(unbound.get_args())
            .stdin(Stdio::null());
        let finished = bound.output().expect("the shell starts");
        assert_eq!(
            finished.status.code(),
            Some(0),
            "{records} texts of {characters} characters: {}",
            String::from_utf8_lossy(&finished.stderr)
        );
        all_there(&archive, records);
    }
}
