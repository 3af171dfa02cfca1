//! Trouble is told whatever else fails: one company of several, a lease that nobody renews, a window that was missed, an
//! archive that takes no writes.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use kit::Finished;
use rusqlite::Connection;
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::{Value, json};

use super::{
    alerts::{Bench, FULL, pair},
    daemon::{private, until},
};

const DAY_MS: i64 = 24 * 3_600_000;

fn database(bench: &Bench) -> Connection {
    Connection::open(bench.archive.dir.join("data/archive.db")).expect("the archive")
}

/// Notices of one kind so far, and whether each is the first or the last of its incident.
fn told(bench: &Bench, kind: &str) -> Vec<String> {
    let notices = bench.hook.notices().into_iter();
    notices
        .filter(|(_, told)| told == kind)
        .map(|(what, _)| what)
        .collect()
}

fn doctor(bench: &Bench) -> Finished {
    bench.archive.run(["doctor", "--json"])
}

#[test]
fn a_missed_window_stays_an_incident_until_a_person_acknowledges_it() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    let before = doctor(&bench).code;
    // As if nothing had been pulled for six days.
    let conn = database(&bench);
    conn.execute("UPDATE pull_call SET at = at - ?", [6 * DAY_MS])
        .expect("moved");
    drop(conn);
    assert_eq!(bench.pull(&[]).code, Some(0));
    for _ in 0..2 {
        // It is not over because pulls go well again.
        assert_eq!(bench.pull(&[]).code, Some(0));
    }
    assert_eq!(told(&bench, "window_missed"), ["raised"]);
    let open: Vec<Value> = bench
        .listed()
        .into_iter()
        .filter(|one| one["kind"] == "window_missed")
        .collect();
    let [one] = &open[..] else { panic!("{open:?}") };
    assert_eq!(
        (&one["open"], &one["needs_acknowledgement"], &one["acknowledged"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    assert_eq!(one["facts"]["window_missed"]["hours_beyond"], 24);
    assert_eq!(before, Some(0));
    let looked = doctor(&bench);
    assert_eq!(looked.code, Some(3), "{}", looked.stdout);
    assert!(looked.stdout.contains("shiguan alert ack"), "{}", looked.stdout);

    let id = one["id"].to_string();
    for wrong in [
        &["alert", "ack", &id][..],
        &["alert", "ack", "--by", "zhangsan"],
        &["alert", "ack", "999", "--by", "zhangsan"],
    ] {
        assert_eq!(bench.archive.run(wrong).code, Some(2), "{wrong:?}");
    }
    let done = bench
        .archive
        .run(["alert", "ack", &id, "--by", "张三", "--note", "已核对", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.json()["acknowledged"]["by"], "张三");
    assert_eq!(
        bench.archive.run(["alert", "ack", &id, "--by", "x"]).code,
        Some(2)
    );
    assert_eq!(doctor(&bench).code, Some(0));

    // It is known for ever, and not raised again.
    assert_eq!(bench.pull(&[]).code, Some(0));
    assert_eq!(told(&bench, "window_missed"), ["raised", "all_clear"]);
    let last = bench.hook.messages().pop().expect("told").json();
    let text = last["notices"][0]["text"].as_str().expect("a text").to_owned();
    assert!(text.contains("已由 张三 确认"), "{text}");
    let screen = bench.archive.run(["alert", "list"]).stdout;
    assert!(screen.contains("已由 张三 确认"), "{screen}");
}

/// Adds a company that pulls the same stream; `lines` go to its section.
fn twin(bench: &Bench, name: &str, keys: &Path, lines: &str) {
    bench.configure(&format!(
        "\n[company.{name}]\ncorpid = \"ww-{name}\"\nmock_corpus = \"{}\"\nkeys = \"{}\"\n{lines}\n",
        bench.corpus.path.display(),
        keys.display()
    ));
}

/// Makes the key folder that a company lacked.
fn bring_keys(bench: &Bench, keys: &Path) {
    // Under its name only when it is whole.
    let new = keys.with_extension("new");
    fs::create_dir(&new).expect("a folder");
    for entry in fs::read_dir(bench.corpus.path.join("keys")).expect("keys") {
        let from = entry.expect("an entry").path();
        let to = new.join(from.file_name().expect("a name"));
        fs::copy(&from, &to).expect("copied");
    }
    fs::rename(&new, keys).expect("renamed");
}

/// What was told of companies that cannot be used: what and company.
fn unusable(bench: &Bench) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for got in bench.hook.messages() {
        for notice in got.json()["notices"].as_array().expect("a list") {
            if notice["kind"] == "company_unusable" {
                let word = |name: &str| notice[name].as_str().expect("a text").to_owned();
                all.push((word("what"), word("company")));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn companies_that_cannot_begin_cost_the_others_nothing() {
    let bench = Bench::new();
    let (missing, there) = (
        bench.folder.path().join("missing"),
        bench.corpus.path.join("keys"),
    );
    let secret = bench.folder.path().join("no.secret");
    twin(&bench, "akeys", &missing, "");
    twin(
        &bench,
        "asecret",
        &there,
        &format!("secret_file = \"{}\"", secret.display()),
    );
    twin(&bench, "alibrary", &there, "sdk.library = \"/nowhere/lib.so\"");
    twin(&bench, "zlast", &there, "");
    let finished = bench.pull(&[]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let books = finished.json();
    assert_eq!(books["received"], 10, "the first and the last");
    for name in ["akeys", "asecret", "alibrary"] {
        let failure = books["companies"][name]["failure"].as_str();
        assert!(failure.is_some_and(|cause| !cause.is_empty()), "{name}: {books}");
        assert!(
            finished.stderr.contains(&format!("error: {name}: ")),
            "{name}: {}",
            finished.stderr
        );
    }
    for name in ["mock", "zlast"] {
        assert_eq!(books["companies"][name]["failure"], Value::Null, "{name}");
        assert_eq!(books["companies"][name]["opened"], 5, "{name}");
    }
    assert_eq!(
        unusable(&bench),
        [pair("raised", "akeys"), pair("raised", "asecret")],
        "once each"
    );
    let listed = doctor(&bench);
    assert_eq!(listed.code, Some(3));
    assert!(listed.stdout.contains("keys (akeys)") && listed.stdout.contains("secret (asecret)"));

    // Opening again is for the others as well, and who asks for one alone hears of that one.
    assert_eq!(bench.archive.run(["retry"]).code, Some(1));
    assert_eq!(bench.archive.run(["pull", "--company", "akeys"]).code, Some(2));
    assert_eq!(bench.archive.run(["pull", "--company", "zlast"]).code, Some(0));

    bring_keys(&bench, &missing);
    private(&secret, "CANARYsecret");
    let finished = bench.pull(&["company.alibrary.enabled=false"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(
        unusable(&bench)[..2],
        [pair("all_clear", "akeys"), pair("all_clear", "asecret")]
    );
}

#[test]
fn a_lease_in_the_way_of_one_company_lets_the_others_pull() {
    let bench = Bench::new();
    let there = bench.corpus.path.join("keys");
    twin(&bench, "zlast", &there, "");
    assert_eq!(bench.pull(&[]).code, Some(0));
    hold_for_years(&bench);
    let finished = bench.pull(&[]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let books = finished.json();
    assert_eq!(books["companies"]["zlast"]["failure"], Value::Null, "{books}");
    assert!(books["companies"]["mock"]["failure"].is_string(), "{books}");
}

#[test]
fn a_running_program_picks_up_a_company_when_its_keys_appear() {
    let bench = Bench::new();
    let missing = bench.folder.path().join("missing");
    twin(&bench, "twin", &missing, "");
    let daemon = bench.daemon("log", &[]);
    until("the other is pulled and the one is told of", || {
        let pulled = daemon
            .lines("run.ended")
            .iter()
            .any(|line| line["company"] == "mock");
        (pulled && unusable(&bench) == [pair("raised", "twin")]).then_some(())
    });
    bring_keys(&bench, &missing);
    until("it is pulled without a restart", || {
        let pulled = daemon
            .lines("run.ended")
            .iter()
            .any(|line| line["company"] == "twin");
        let clear = unusable(&bench).contains(&pair("all_clear", "twin"));
        (pulled && clear).then_some(())
    });
    assert_eq!(daemon.terminate(), Some(0));
}

/// The lease of a process on a host that is gone, under a clock that was three years ahead.
fn hold_for_years(bench: &Bench) {
    let until = kit::callback::seconds() * 1000 + 3 * 365 * DAY_MS;
    let held = database(bench)
        .execute(
            "UPDATE lease SET holder = 'gone/boot/7/1/1', until = ? WHERE company = 1",
            [until],
        )
        .expect("held");
    assert_eq!(held, 1);
}

/// As if the lease had been watched for a term, which takes a minute.
fn watch_for_a_term(bench: &Bench) {
    let moved = database(bench)
        .execute("UPDATE lease_sighting SET since = since - 60000", [])
        .expect("moved");
    assert_eq!(moved, 1);
}

#[test]
fn a_lease_for_years_is_told_and_taken_over_when_nobody_renews_it() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    hold_for_years(&bench);
    let finished = bench.pull(&[]);
    assert_eq!(finished.code, Some(1), "it may live: {}", finished.stderr);
    assert!(finished.stderr.contains("already pulling"), "{}", finished.stderr);
    assert_eq!(told(&bench, "lease_stuck"), ["raised"]);
    watch_for_a_term(&bench);
    assert_eq!(bench.pull(&[]).code, Some(0));
    assert_eq!(told(&bench, "lease_stuck"), ["raised", "all_clear"]);

    // The same while the program stays.
    hold_for_years(&bench);
    let daemon = bench.daemon("log", &["pull.interval_seconds=1"]);
    daemon.wait_for("run.skipped", 1);
    until("it is told", || {
        (told(&bench, "lease_stuck").len() == 3).then_some(())
    });
    watch_for_a_term(&bench);
    daemon.wait_for("run.ended", 1);
    until("it is over", || {
        (told(&bench, "lease_stuck").len() == 4).then_some(())
    });
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn trouble_is_told_before_a_pull_whatever_becomes_of_it() {
    let bench = Bench::new();
    bench
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Hang)));
    let mut command = bench.archive.command(["pull", "--set", FULL]);
    let mut pull = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    until("it is told", || {
        let ended = pull.try_wait().expect("asked");
        assert!(ended.is_none(), "it ended: {ended:?}");
        (!bench.hook.notices().is_empty()).then_some(())
    });
    pull.kill().expect("killed");
    pull.wait().expect("ended");
    assert_eq!(bench.hook.notices(), [pair("raised", "disk_below_headroom")]);
}

/// Room for the index of the write-ahead log and for a few pages in it, and then for none.
const FEW: u64 = 32 << 10;

fn set(command: &mut Command, values: &[&str]) {
    for value in values {
        command.args(["--set", value]);
    }
}

const QUIET: [&str; 5] = [
    "alert.look_every_seconds=1",
    "alert.calm_seconds=0",
    "store.disk_headroom_mib=0",
    "media.enabled=false",
    "pull.interval_seconds=1",
];

#[test]
fn an_archive_that_takes_no_writes_is_told_from_memory_once_and_handed_over() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    let size = fs::metadata(bench.archive.dir.join("data/archive.db"))
        .expect("a file")
        .len();
    assert!(size > FEW, "no page of it can be written");
    let mut command = bench.archive.command(["run"]);
    set(&mut command, &QUIET);
    let mut run = Running::confined(&command);
    until("it is told", || {
        (told(&bench, "store_unwritable") == ["raised"]).then_some(())
    });
    // Looks go on and repeat nothing.
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(told(&bench, "store_unwritable"), ["raised"]);

    let lifted = Command::new("prlimit")
        .args(["--pid", &run.0.id().to_string(), "--fsize=unlimited:"])
        .status()
        .expect("prlimit starts");
    assert!(lifted.success());
    until("it is over", || {
        (told(&bench, "store_unwritable") == ["raised", "all_clear"]).then_some(())
    });
    // The archive knows it as if it had been told out of it.
    let one = until("it is handed over", || {
        let listed = bench.listed();
        let one = listed
            .iter()
            .find(|one| one["kind"] == "store_unwritable")?
            .clone();
        one["told"]["duty"]["cleared"].is_string().then_some(one)
    });
    assert_eq!(one["open"], false);
    assert_eq!(kit::terminate(&mut run.0).code(), Some(0));
    assert_eq!(bench.pull(&[]).code, Some(0));
    assert_eq!(told(&bench, "store_unwritable"), ["raised", "all_clear"]);
}

#[test]
fn a_target_that_hangs_does_not_hold_up_the_handing_over() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    // The system takes its connections, and nobody reads them.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let secret = bench.folder.path().join("hook.secret");
    bench.configure(&format!(
        "[alert.to.hanging]\nkind = \"webhook\"\nurl = \"http://{}/in\"\nsecret_file = \"{}\"\n",
        hanging.local_addr().expect("an address"),
        secret.display()
    ));
    let mut command = bench.archive.command(["run"]);
    set(&mut command, &QUIET);
    set(&mut command, &["api.timeout_seconds=300"]);
    let run = Running::confined(&command);
    until("it is told", || {
        (told(&bench, "store_unwritable") == ["raised"]).then_some(())
    });
    let (mut open, _) = hanging.accept().expect("a message under way");
    let lifted = Command::new("prlimit")
        .args(["--pid", &run.0.id().to_string(), "--fsize=unlimited:"])
        .status()
        .expect("prlimit starts");
    assert!(lifted.success());
    until("the other one is told that it is over", || {
        (told(&bench, "store_unwritable") == ["raised", "all_clear"]).then_some(())
    });
    let mut request = vec![0; 1 << 16];
    open.set_nonblocking(true).expect("set");
    let ended = loop {
        match open.read(&mut request) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
        }
    };
    assert!(!ended, "the message under way was waited for");
    // It is answered now, and that stands in the archive although the message was written in memory.
    open.write_all(b"HTTP/1.1 204 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect("answered");
    until("it is noted", || {
        let listed = bench.listed();
        let one = listed.iter().find(|one| one["kind"] == "store_unwritable")?;
        one["told"]["hanging"]["told"].is_string().then_some(())
    });
}

/// Ended when dropped.
struct Running(std::process::Child);

impl Running {
    /// Starts a command that may write few bytes of a file.
    fn confined(command: &Command) -> Self {
        let quiet = kit::on_full_disk(command, FEW)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(quiet.expect("the program starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

#[test]
fn a_pull_into_an_archive_that_takes_no_writes_tells_it() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    for room in [FEW, 512] {
        let before = bench.hook.messages().len();
        let mut command = bench.archive.command(["pull"]);
        set(&mut command, &QUIET);
        let finished: Finished = kit::on_full_disk(&command, room)
            .output()
            .expect("the program starts")
            .into();
        assert_eq!(finished.code, Some(1), "{room}: {}", finished.stderr);
        let told: Vec<Value> = bench.hook.messages()[before..]
            .iter()
            .flat_map(|got| got.json()["notices"].as_array().expect("a list").clone())
            .collect();
        assert!(
            told.iter().any(|one| one["kind"] == "store_unwritable"),
            "{room}: {told:?} {}",
            finished.stderr
        );
    }
    assert_eq!(bench.pull(&[]).code, Some(0));
}

#[test]
fn a_program_that_cannot_open_its_archive_tells_it_and_goes_on_when_it_can() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    let mut command = bench.archive.command(["run"]);
    set(&mut command, &QUIET);
    let mut run = Running(
        kit::on_full_disk(&command, 512)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts"),
    );
    until("it is told", || {
        let ended = run.0.try_wait().expect("asked");
        assert!(ended.is_none(), "{ended:?}");
        (told(&bench, "store_unwritable") == ["raised"]).then_some(())
    });
    let lifted = Command::new("prlimit")
        .args(["--pid", &run.0.id().to_string(), "--fsize=unlimited:"])
        .status()
        .expect("prlimit starts");
    assert!(lifted.success());
    until("it is over", || {
        (told(&bench, "store_unwritable") == ["raised", "all_clear"]).then_some(())
    });
    assert_eq!(kit::terminate(&mut run.0).code(), Some(0));
}
