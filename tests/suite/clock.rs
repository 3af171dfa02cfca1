//! A wrong clock deletes nothing, silences no alarm and is told: pulls, the daemon and expiry with the program's clock
//! moved, and messages that say absurd times of themselves.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use kit::{Archive, Corpus, Finished, PULL, Program};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::{Value, json};

use super::{
    daemon::{Daemon, until},
    people::House,
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const YEARS: i64 = 3 * 365 * DAY;
const MESSAGES: i64 = 12;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the end of time")
}

/// An archive, a corpus of messages that were just sent, and a clock that can be moved.
struct Bench {
    scratch: tempfile::TempDir,
    corpus: Corpus,
    archive: Archive,
    clock: PathBuf,
}

impl Bench {
    /// Message `n` (from 1) was sent `sent(n)` milliseconds ago.
    fn new(sent: impl Fn(i64) -> i64) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let folder = scratch.path().join("messages");
        fs::create_dir(&folder).expect("a folder");
        let now = now();
        for n in 1..=MESSAGES {
            let message = json!({
                "msgid": format!("m{n}"), "action": "send", "from": "lihua", "tolist": ["zhaomin"], "roomid": "",
                "msgtime": now - sent(n), "msgtype": "text", "text": {"content": format!("消息{n}")},
            });
            fs::write(folder.join(format!("{n:03}.json")), message.to_string()).expect("a message");
        }
        let corpus = Corpus::seal(&folder, scratch.path());
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        let clock = scratch.path().join("clock");
        let bench = Self {
            scratch,
            corpus,
            archive,
            clock,
        };
        bench.set_clock(0);
        bench
    }

    fn fresh() -> Self {
        Self::new(|n| (MESSAGES + 1 - n) * MINUTE)
    }

    fn set_clock(&self, ms: i64) {
        // At once, because a daemon may be reading it.
        let next = self.scratch.path().join("clock.next");
        fs::write(&next, ms.to_string()).expect("a clock");
        fs::rename(next, &self.clock).expect("a clock");
    }

    fn run(&self, args: &[&str]) -> Finished {
        let output = self
            .archive
            .command(args)
            .env("SHIGUAN_TEST_CLOCK", &self.clock)
            .output();
        output.expect("the program starts").into()
    }

    fn pull(&self) -> Finished {
        let finished = self.run(&PULL).exits(0);
        assert!(
            finished.stderr.contains("SHIGUAN_TEST_CLOCK"),
            "{}",
            finished.stderr
        );
        finished
    }

    fn hours_left(&self, pulled: &Finished) -> Option<f64> {
        pulled.json()["companies"]["mock"]["hours_left_in_window"].as_f64()
    }

    /// The findings of `doctor` by name, and its exit code.
    fn doctor(&self) -> (Vec<Value>, Option<i32>) {
        let finished = self.run(&["doctor", "--json"]);
        let findings = finished.json()["findings"].as_array().expect("findings").clone();
        (findings, finished.code)
    }

    fn finding(&self, check: &str) -> Value {
        let (findings, _) = self.doctor();
        let found = findings.iter().find(|finding| finding["check"] == check);
        found
            .unwrap_or_else(|| panic!("no {check} in {findings:?}"))
            .clone()
    }

    fn conn(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.archive.dir.join("data/archive.db")).expect("the archive")
    }

    /// Sealed originals that are still there.
    fn originals(&self) -> i64 {
        let conn = self.conn();
        conn.query_row("SELECT count(*) FROM sealed", [], |row| row.get(0))
            .expect("counted")
    }

    fn clock_is(&self, status: &str) {
        let finding = self.finding("clock (mock)");
        assert_eq!(finding["status"], status, "{finding}");
    }
}

/// As if everything had been landed and opened so long ago; the books as well.
fn age(bench: &Bench, ms: i64) {
    bench
        .conn()
        .execute_batch(&format!(
            "UPDATE record SET landed_at = landed_at - {ms}, settled_at = settled_at - {ms};
             UPDATE pull_call SET at = at - {ms}; UPDATE run SET began = began - {ms}, ended = ended - {ms};"
        ))
        .expect("aged");
}

#[test]
fn three_years_ahead_deletes_nothing_and_the_alarm_rings() {
    let bench = Bench::fresh();
    bench.pull();
    bench.clock_is("ok");
    bench.set_clock(YEARS);
    // Before any pull the alarm rings: so much of the window seems to be over.
    let window = bench.finding("window (mock)");
    assert_eq!(window["status"], "warning", "{window}");
    let pulled = bench.pull();
    assert_eq!(
        bench.originals(),
        MESSAGES,
        "an original was deleted on the word of one clock"
    );
    assert!(pulled.stderr.contains("clock.doubtful"), "{}", pulled.stderr);
    assert_eq!(bench.hours_left(&pulled), Some(0.0));
    bench.clock_is("bad");
    assert_eq!(bench.doctor().1, Some(1));
    // And again, however often.
    bench.pull();
    assert_eq!(bench.originals(), MESSAGES);

    // The clock is right again, and the last pull is dated in three years: nobody knows, so the alarm rings.
    bench.set_clock(0);
    let window = bench.finding("window (mock)");
    assert_eq!(window["status"], "warning", "the alarm is disarmed: {window}");
    let pulled = bench.pull();
    assert_eq!(bench.hours_left(&pulled), Some(0.0));
    let pulled = bench.pull();
    assert!(bench.hours_left(&pulled) > Some(119.0), "{}", pulled.stdout);
    bench.clock_is("ok");
    assert_eq!(bench.finding("window (mock)")["status"], "ok");
}

#[test]
fn three_years_behind_deletes_nothing_and_is_told() {
    let bench = Bench::fresh();
    bench.pull();
    bench.set_clock(-YEARS);
    assert_eq!(bench.finding("window (mock)")["status"], "warning");
    bench.clock_is("bad");
    let pulled = bench.pull();
    assert!(pulled.stderr.contains("clock.doubtful"), "{}", pulled.stderr);
    assert_eq!(bench.originals(), MESSAGES);
    let left = bench.hours_left(&pulled).expect("a window");
    assert!((0.0..=120.0).contains(&left), "{left}");
    bench.set_clock(0);
    bench.pull();
    bench.clock_is("ok");
    assert_eq!(bench.originals(), MESSAGES);
}

#[test]
fn records_that_land_under_a_wrong_clock_do_not_confirm_it() {
    let bench = Bench::fresh();
    // The first half comes in time, so this archive's records are known to be of their time.
    bench
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Gap).at_seq(7..=12)));
    bench.pull();
    bench.corpus.behave();
    bench.set_clock(YEARS);
    let pulled = bench.run(&PULL);
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(pulled.json()["stored"], 6, "{}", pulled.stdout);
    assert!(pulled.stderr.contains("clock.doubtful"), "{}", pulled.stderr);
    bench.set_clock(YEARS + 40 * DAY);
    bench.pull();
    assert_eq!(bench.originals(), MESSAGES);
    bench.clock_is("bad");
}

#[test]
fn a_jump_while_the_daemon_runs_deletes_nothing() {
    let bench = Bench::fresh();
    let daemon = Daemon::start_in(
        &bench.archive,
        bench.scratch.path().join("log"),
        &[
            "pull.interval_seconds=1".to_owned(),
            "pull.jitter_seconds=0".to_owned(),
        ],
        &[("SHIGUAN_TEST_CLOCK", &bench.clock)],
    );
    daemon.wait_for("run.ended", 1);
    assert_eq!(daemon.lines("clock.doubtful").len(), 0, "{}", daemon.log());
    bench.set_clock(YEARS);
    let told = daemon.wait_for("clock.doubtful", 1);
    assert_eq!(told["company"], "mock");
    let runs = daemon.lines("run.ended").len();
    daemon.wait_for("run.ended", runs + 2);
    assert_eq!(bench.originals(), MESSAGES);
    bench.set_clock(-YEARS);
    let doubts = daemon.lines("clock.doubtful").len();
    daemon.wait_for("clock.doubtful", doubts + 2);
    assert_eq!(bench.originals(), MESSAGES);
    bench.set_clock(0);
    until("runs without doubt", || {
        let lines = daemon.log();
        let last_doubt = lines.rfind("clock.doubtful")?;
        (lines[last_doubt..].matches("run.ended").count() > 2).then_some(())
    });
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(bench.originals(), MESSAGES);
}

#[test]
fn an_honest_clock_lets_old_originals_go_but_only_behind_a_verified_plaintext() {
    // Half of them came forty days ago, the other half comes now, after a long pause.
    let bench = Bench::new(|n| if n <= 6 { 40 * DAY + MINUTE } else { MINUTE });
    bench
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Gap).at_seq(7..=12)));
    bench.set_clock(-40 * DAY);
    bench.pull();
    bench.corpus.behave();
    bench.set_clock(0);
    // A plaintext that is not its record's message any more.
    let conn = bench.conn();
    let spoilt = conn.execute(
        "UPDATE plaintext SET dictionary = NULL, body = CAST('{}' AS BLOB)
         WHERE record = (SELECT id FROM record WHERE seq = 3)",
        [],
    );
    assert_eq!(spoilt.expect("spoilt"), 1);
    drop(conn);
    let pulled = bench.pull();
    assert_eq!(pulled.json()["stored"], 6, "{}", pulled.stdout);
    assert!(!pulled.stderr.contains("clock.doubtful"), "{}", pulled.stderr);
    assert_eq!(
        bench.originals(),
        MESSAGES - 5,
        "five went, the spoilt one and the new ones stay"
    );
    assert!(pulled.stderr.contains("store.unverified"), "{}", pulled.stderr);
    bench.clock_is("ok");
}

#[test]
fn without_any_witness_nothing_goes() {
    // Made-up records of last year say nothing of the time.
    let bench = Bench::new(|_| 365 * DAY);
    bench.pull();
    age(&bench, 100 * DAY);
    bench.pull();
    assert_eq!(bench.originals(), MESSAGES);
    bench.clock_is("ok");
}

#[test]
fn the_server_of_wecom_is_a_witness() {
    let start = now();
    let messages: Vec<Value> = (1..=9)
        .map(|n| {
            json!({"msgid": format!("m{n}"), "action": "send", "from": "lihua", "tolist": ["zhaomin"], "roomid": "",
                   "msgtime": start - n * 60_000, "msgtype": "text", "text": {"content": "证人"}})
        })
        .collect();
    let house = House::new(super::people::small(), &messages);
    let clock = house.archive.dir.join("clock");
    let run = |ms: i64, args: &[&str]| -> Finished {
        fs::write(&clock, ms.to_string()).expect("a clock");
        let mut command = house.archive.command(house.with(args));
        command.env("SHIGUAN_TEST_CLOCK", &clock);
        command.output().expect("the program starts").into()
    };
    // From the first day on the clock is ahead: only the server can say so.
    let refreshed = run(YEARS, &["directory", "refresh", "--json"]);
    assert_eq!(refreshed.code, Some(0), "{}", refreshed.stderr);
    let pulled = run(YEARS, &PULL);
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert!(
        pulled.stderr.contains("behind WeCom's") || pulled.stderr.contains("ahead of WeCom's"),
        "{}",
        pulled.stderr
    );
    // It is put right, and the server confirms it.
    let refreshed = run(0, &["directory", "refresh", "--json"]);
    assert_eq!(refreshed.code, Some(0), "{}", refreshed.stderr);
    let pulled = run(0, &PULL);
    assert!(!pulled.stderr.contains("clock.doubtful"), "{}", pulled.stderr);
}

#[test]
fn an_absurd_msgtime_costs_nothing_but_its_own_place() {
    let bench = Bench::fresh();
    let sent = |seq: u64, value: &str| {
        Rule::decrypt(Fault::Msgtime {
            value: value.to_owned(),
        })
        .at_seq(seq)
    };
    // 2099, seconds of 2025-09-03 in Beijing, nonsense.
    bench.corpus.misbehave(
        &Faults::new()
            .with(sent(12, "4070908800000"))
            .with(sent(2, "1756886400"))
            .with(sent(3, "\"soon\""))
            .with(sent(4, "-5")),
    );
    let pulled = bench.pull();
    assert_eq!(pulled.json()["opened"], MESSAGES);
    let again = bench.pull();
    let left = bench.hours_left(&again).expect("a window");
    assert!((119.0..=120.0).contains(&left), "{left}");
    let window = bench.finding("window (mock)");
    assert!(
        window["value"].as_str().expect("a text").contains("119 h")
            || window["value"].as_str().expect("a text").contains("120 h"),
        "{window}"
    );

    let one = |query: &str| -> Value {
        let hits = bench.archive.search(query);
        assert_eq!(hits.len(), 1, "{query}: {hits:?}");
        hits[0].clone()
    };
    let future = one("seq:12");
    assert_eq!(future["flaws"], json!(["time_implausible"]));
    assert_eq!(future["msgtime"], 4_070_908_800_000_i64, "kept as it came");
    let seconds = one("消息2 on:2025-09-03");
    assert_eq!(seconds["flaws"], json!(["time_inferred"]));
    assert_eq!(
        (&seconds["msgtime"], &seconds["msgtime_as_sent"]),
        (&json!(1_756_886_400_000_i64), &json!("1756886400"))
    );
    for (query, written) in [("消息3", "soon"), ("消息4", "-5")] {
        let hit = one(query);
        assert_eq!(hit["flaws"], json!(["time_implausible"]), "{query}");
        assert_eq!(
            (&hit["msgtime"], &hit["msgtime_as_sent"]),
            (&Value::Null, &json!(written))
        );
    }
    assert_eq!(
        bench.archive.search("on:1970-01-01").len(),
        0,
        "never silently 1970"
    );
    let found = bench.run(&["search", "--json", "消息"]);
    let end: Value = found
        .stderr
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
        .expect("a JSON line");
    assert_eq!(end["coverage"]["time_implausible"], 3, "{end}");
    let shown = bench.run(&["show", "m2", "--language", "en"]);
    assert!(
        shown.stdout.contains("1756886400") && shown.stdout.contains("time_inferred"),
        "{}",
        shown.stdout
    );
    let told = bench.run(&["search", "消息", "--language", "en"]);
    assert!(
        told.stderr.contains("3 messages with an implausible time"),
        "{}\n{}",
        told.stdout,
        told.stderr
    );
}

#[test]
fn the_clock_of_a_real_archive_cannot_be_moved() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let clock = scratch.path().join("clock");
    fs::write(&clock, "1").expect("a clock");
    let config = scratch.path().join("shiguan.toml");
    fs::write(
        &config,
        "[sdk]\nlibrary = \"x.so\"\n[company.acme]\ncorpid = \"ww1\"\nsecret_file = \"secret\"\nkeys = \"keys\"\n",
    )
    .expect("a configuration");
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let run = |args: &[&str], clock: &Path| -> Finished {
        let mut command = program.command(["--config", config.to_str().expect("UTF-8")]);
        command.args(args).env("SHIGUAN_TEST_CLOCK", clock);
        command.output().expect("the program starts").into()
    };
    let refused = run(&["doctor"], &clock);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("`acme`"), "{}", refused.stderr);
    // A made-up one says that its clock is moved, and refuses what is no number.
    let bench = Bench::fresh();
    let finding = bench.finding("clock");
    assert_eq!(finding["status"], "warning", "{finding}");
    fs::write(&bench.clock, "tomorrow").expect("a clock");
    let refused = bench.run(&["doctor"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

#[test]
fn the_clock_of_an_archive_that_holds_anything_of_wecoms_cannot_be_moved() {
    let bench = Bench::fresh();
    bench.pull();
    let refused = |args: &[&str]| {
        let refused = bench.run(args);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let told = &refused.stderr;
        assert!(
            told.contains("`mock`") && told.contains("archive.folder"),
            "{told}"
        );
    };
    // Another configuration on the same archive, which calls its only company made up.
    let text = fs::read_to_string(&bench.archive.config).expect("a configuration");
    assert!(text.contains("[company.mock]"));
    fs::write(
        &bench.archive.config,
        text.replace("[company.mock]", "[company.other]"),
    )
    .expect("written");
    refused(&["doctor"]);
    // The same one, in an archive that was pulled from WeCom before somebody called the company made up.
    fs::write(&bench.archive.config, text).expect("written");
    bench.pull();
    let changed = bench.conn().execute(
        "UPDATE fact SET value = json_set(value, '$.from_wecom', json('true')) WHERE name = 'clock:1'",
        [],
    );
    assert_eq!(changed.expect("noted"), 1);
    refused(&PULL);
}

/// A hole is given up a day after WeCom has deleted its record, by a clock that agrees with others and by no other. What is
/// lost stays said, and stays an exit code, until a person takes note of it.
#[test]
fn a_hole_is_lost_by_an_agreed_clock_alone_and_missing_until_somebody_acknowledges_it() {
    let bench = Bench::fresh();
    let bad = bench.corpus.truth()[4].seq;
    let kills = Faults::new().with(Rule::chatdata(Fault::Segfault).at_seq(bad));
    bench.corpus.misbehave(&kills);
    let pull = |code: i32| {
        let finished = bench.run(&PULL).exits(code);
        finished.json()
    };
    let state = || bench.run(&["runs", "--json"]).json()["gaps"][0]["state"].clone();
    assert_eq!(pull(3)["unpullable"], 1);
    bench.set_clock(YEARS);
    assert_eq!(pull(3)["unpullable"], 1, "three years ahead");
    assert_eq!(state(), "open");
    bench.set_clock(0);
    bench
        .conn()
        .execute("UPDATE gap SET found = found - ?, next_try = 0", [7 * DAY])
        .expect("aged");
    let books = pull(3);
    assert_eq!(
        (&books["unpullable"], &books["lost_ranges"]),
        (&json!(0), &json!(1)),
        "{books}"
    );
    assert_eq!(state(), "lost");
    pull(3);
    let listed = bench.run(&["alert", "list", "--json"]);
    let lost: Vec<Value> = listed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|one: &Value| one["kind"] == "records_lost")
        .collect();
    let [one] = &lost[..] else {
        panic!("{}", listed.stdout)
    };
    assert_eq!(one["facts"]["records_lost"]["first"], bad, "{one}");
    let id = one["id"].to_string();
    let taken = bench.run(&["alert", "ack", &id, "--by", "张三"]);
    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
    assert_eq!(pull(0)["lost_ranges"], 1, "still said");
    // By hand it is asked for even then.
    bench.corpus.behave();
    let by_hand: Vec<&str> = PULL.into_iter().chain(["--gaps"]).collect();
    assert_eq!(bench.run(&by_hand).json()["stored"], 1);
    assert_eq!(state(), "closed");
}

/// WeCom returns nothing at all: believed when its five days may be over, and not of records that were just sent.
#[test]
fn nothing_at_all_is_an_end_only_when_the_last_record_is_old_enough() {
    for (age, code) in [(6 * DAY, 0), (0, 1)] {
        let bench = Bench::new(|n| age + (MESSAGES + 1 - n) * MINUTE);
        bench.pull();
        let nothing = Rule::chatdata(Fault::ShortPage { records: 0 });
        bench.corpus.misbehave(&Faults::new().with(nothing));
        let impatient: Vec<&str> = PULL
            .into_iter()
            .chain(["--set", "pull.retry_attempts=1"])
            .collect();
        let finished = bench.run(&impatient).exits(code);
        assert_eq!(
            finished.stderr.contains("nothing at all"),
            code == 1,
            "{}",
            finished.stderr
        );
        bench.corpus.behave();
        bench.pull();
    }
}
