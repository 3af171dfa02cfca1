//! What is kept is for its owner only: files, memory, and nothing left behind.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use kit::{Archive, Corpus, Program};
use tempfile::TempDir;

const GET: [&str; 5] = ["media", "get", "--json", "--set", "media.retry_backoff_ms=5"];

fn archive(scratch: &Path) -> (Archive, Corpus) {
    let corpus = Corpus::generate(scratch, 60, 11);
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    (program.archive(&scratch.join("archive"), &corpus), corpus)
}

/// Everything under a folder, and whether others have permissions on it.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let about = entry.metadata().expect("there");
        if about.mode() & 0o077 != 0 {
            found.push(entry.path());
        }
        if about.is_dir() {
            found.extend(open_to_others(&entry.path()));
        }
    }
    found
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

fn finding(archive: &Archive, check: &str) -> Option<serde_json::Value> {
    let report = archive.run(["doctor", "--json"]).json();
    let findings = report["findings"].as_array().expect("a list").clone();
    findings.into_iter().find(|finding| finding["check"] == check)
}

#[test]
fn files_are_their_owners_and_those_of_earlier_versions_become_so() {
    let scratch = TempDir::new().unwrap();
    let (archive, _corpus) = archive(scratch.path());
    archive.pull(&[0]);
    archive.run(GET);
    let data = archive.dir.join("data");
    let media = data.join("media");
    let objects = fs::read_dir(&media).unwrap().count();
    assert!(objects > 3, "{objects}");
    assert_eq!(open_to_others(&data), [] as [PathBuf; 0]);
    assert_eq!(finding(&archive, "media files"), None);

    // As an earlier version left them.
    for folder in fs::read_dir(&media).unwrap().flatten() {
        for file in fs::read_dir(folder.path()).unwrap().flatten() {
            chmod(
                &file.path(),
                if file.metadata().unwrap().is_dir() {
                    0o755
                } else {
                    0o644
                },
            );
        }
        chmod(&folder.path(), 0o755);
    }
    chmod(&data.join("archive.db"), 0o644);
    let told = finding(&archive, "media files").expect("told");
    assert_eq!(told["status"], "warning", "{told}");
    let told = finding(&archive, "archive files").expect("told");
    assert!(told["fix"].as_str().unwrap().contains("archive.db"), "{told}");
    archive.run(GET);
    chmod(&data.join("archive.db"), 0o600);
    assert_eq!(open_to_others(&data), [] as [PathBuf; 0]);
}

#[test]
fn a_process_that_reads_keys_leaves_no_core_and_no_marks() {
    let scratch = TempDir::new().unwrap();
    let (archive, _corpus) = archive(scratch.path());
    // What a start that was killed leaves; nobody has this process id any more.
    let mut ended = Command::new("true").spawn().expect("a process");
    ended.wait().expect("its end");
    let left = PathBuf::from(format!("/dev/shm/shiguan-mark-{}-private", ended.id()));
    fs::write(&left, b"MARK").expect("written");

    let mut running = archive.start(["run", "--set", "pull.interval_seconds=60"]);
    let limits = format!("/proc/{}/limits", running.id());
    let began = Instant::now();
    let line = loop {
        let text = fs::read_to_string(&limits).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        if words.get(4..6) == Some(&["0", "0"]) && !left.exists() {
            break line.map(str::to_owned);
        }
        if began.elapsed() > Duration::from_secs(60) {
            break None;
        }
        thread::sleep(Duration::from_millis(50));
    };
    running.kill().expect("ended");
    running.wait().expect("its end");
    assert!(line.is_some(), "a core limit of 0, and no mark of a dead process");
}
