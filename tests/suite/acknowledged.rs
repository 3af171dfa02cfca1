//! A callback is answered 200 when its event is on disk, and 503 when it is not: across kills, a full disk and an archive
//! that somebody else is writing.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use kit::{
    Archive, Corpus, Program,
    callback::{Caller, event, seconds},
};

use super::daemon::{Daemon, until};

fn archive(scratch: &Path) -> Archive {
    let corpus = Corpus::generate(scratch, 5, 7);
    Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.join("archive"), &corpus)
}

fn settings(scratch: &Path) -> Vec<String> {
    let mut set = Daemon::callbacks(scratch);
    set.push("pull.interval_seconds=3600".into());
    set
}

fn database(archive: &Archive) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(archive.dir.join("data/archive.db")).expect("the archive");
    conn.busy_timeout(super::daemon::PATIENCE).expect("a timeout");
    conn
}

/// Names of the events in the archive; each must be there once.
fn kept(archive: &Archive) -> HashSet<String> {
    let conn = database(archive);
    let mut statement = conn.prepare("SELECT name FROM event").expect("a table");
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("names");
    let once: HashSet<String> = names.iter().cloned().collect();
    assert_eq!(once.len(), names.len(), "an event is there twice");
    once
}

/// Tells an event as often as asked, always under the same signature, as WeCom repeats it.
struct Telling {
    name: String,
    text: String,
    time: i64,
}

impl Telling {
    fn new(name: String) -> Self {
        Self {
            text: event(&name, ""),
            name,
            time: seconds(),
        }
    }

    fn tell(&self, caller: &Caller) -> u16 {
        caller.tell(&self.text, self.time, &self.name).status
    }

    /// Until it is answered 200; an event that WeCom keeps repeating must be taken in the end.
    fn insist(&self, caller: &Caller) {
        until(&format!("{} is taken", self.name), || {
            let status = self.tell(caller);
            assert!(matches!(status, 200 | 503), "{}: {status}", self.name);
            (status == 200).then_some(())
        });
    }
}

#[test]
fn whatever_was_answered_200_in_a_flood_survives_a_kill() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    let mut all = HashSet::new();
    for (round, enough) in [20, 90, 200].into_iter().enumerate() {
        let daemon = Daemon::start(
            &archive,
            scratch.path().join(format!("log{round}")),
            &settings(scratch.path()),
        );
        let caller = daemon.caller(&archive);
        let acknowledged = Mutex::new(HashSet::new());
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (caller, acknowledged, over) = (&caller, &acknowledged, &over);
                scope.spawn(move || {
                    for number in 0.. {
                        if over.load(Ordering::Relaxed) {
                            return;
                        }
                        let telling = Telling::new(format!("flood_{round}_{thread}_{number}"));
                        if telling.tell(caller) == 200 {
                            acknowledged.lock().expect("a lock").insert(telling.name);
                        }
                    }
                });
            }
            until("enough answers", || {
                (acknowledged.lock().expect("a lock").len() >= enough).then_some(())
            });
            // In the middle of it: others are on their way.
            daemon.kill();
            over.store(true, Ordering::Relaxed);
        });
        all.extend(acknowledged.into_inner().expect("a lock"));
        let kept = kept(&archive);
        let lost: Vec<_> = all.difference(&kept).collect();
        assert!(lost.is_empty(), "answered 200 and lost: {lost:?}");
    }
}

#[test]
fn a_full_disk_is_answered_503_and_what_is_repeated_later_is_kept() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    let daemon = Daemon::start_to_be_filled(&archive, scratch.path().join("log"), &settings(scratch.path()));
    let caller = daemon.caller(&archive);
    daemon.wait_for("run.ended", 1);
    Telling::new("before".into()).insist(&caller);

    daemon.fill_disk(true);
    let tellings: Vec<_> = (0..20)
        .map(|number| Telling::new(format!("full_{number}")))
        .collect();
    for telling in &tellings {
        assert_eq!(telling.tell(&caller), 503, "{}", telling.name);
    }
    // Records are waiting, and that is no reason to say that it was noted.
    let notify = event("msgaudit_notify", "");
    assert_eq!(caller.tell(&notify, seconds(), "notify").status, 503);
    assert!(!daemon.lines("callback.lost").is_empty(), "nobody was told");
    assert_eq!(kept(&archive).len(), 1);

    daemon.fill_disk(false);
    for telling in &tellings {
        telling.insist(&caller);
    }
    assert_eq!(kept(&archive).len(), 21);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn an_archive_that_another_process_holds_is_answered_503_and_nothing_is_lost_or_doubled() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    let daemon = Daemon::start(&archive, scratch.path().join("log"), &settings(scratch.path()));
    let caller = daemon.caller(&archive);
    daemon.wait_for("run.ended", 1);

    let other = database(&archive);
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the writer's place");
    let tellings: Vec<_> = (0..40)
        .map(|number| Telling::new(format!("held_{number}")))
        .collect();
    std::thread::scope(|scope| {
        for telling in &tellings {
            let caller = &caller;
            scope.spawn(move || assert_eq!(telling.tell(caller), 503, "{}", telling.name));
        }
    });
    other.execute_batch("ROLLBACK").expect("an end");
    for telling in &tellings {
        telling.insist(&caller);
    }
    assert_eq!(kept(&archive).len(), 40);
    assert_eq!(daemon.terminate(), Some(0));
}
