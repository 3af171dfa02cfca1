//! `shiguan run` with a listener: who is answered, what wakes a pull, and who is turned away.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use kit::{
    Archive, Corpus, Program,
    callback::{Caller, event, seconds},
};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::Value;

const TOKEN: &str = "CANARYtokenZq91";
/// Its last character has spare bits that are not zero, as real ones do.
const KEY: &str = "CANARYkeyZq92xvVtzqrmh3Dm3QFCXe6f8SlHoMtMhP";
const WELCOME: &str = "CANARYwelcomeZq93";
const SAID: &str = "CANARYsaidZq94";

/// Longer than anything here takes, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running `shiguan run`, ended when dropped.
struct Running {
    child: Child,
    log: PathBuf,
    caller: Caller,
    archive: Archive,
    corpus: Corpus,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Running {
    /// Starts with an hour between pulls; the first one fails, so that whatever is stored later came by a wake-up.
    fn start(scratch: &Path) -> Self {
        let corpus = Corpus::generate(scratch, 50, 7);
        let archive = Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.join("archive"), &corpus);
        corpus.misbehave(&Faults::new().with(Rule::chatdata(Fault::Return {
            code: 10001,
            slice: String::new(),
        })));
        for (name, secret) in [("token", TOKEN), ("key", KEY)] {
            let file = scratch.join(name);
            fs::write(&file, format!("{secret}\n")).expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("permissions");
        }
        let log = scratch.join("log");
        let child = archive
            .command(["-vv", "run"])
            .args(["--set", "callback.listen=127.0.0.1:0", "--set", "log.format=json"])
            .args([
                "--set",
                "pull.interval_seconds=3600",
                "--set",
                "pull.retry_attempts=0",
            ])
            .arg("--set")
            .arg(format!(
                "company.mock.callback_token_file={}/token",
                scratch.display()
            ))
            .arg("--set")
            .arg(format!(
                "company.mock.callback_aes_key_file={}/key",
                scratch.display()
            ))
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the program starts");
        let mut running = Self {
            child,
            log,
            caller: Caller {
                token: TOKEN.into(),
                aes_key: KEY.into(),
                receiver: corpid(&archive),
                path: "/callback/mock".into(),
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
            },
            archive,
            corpus,
        };
        let listening = running.wait_for("callback.listening", 1);
        assert_eq!(listening["paths"], "/callback/mock");
        running.caller.address = listening["address"]
            .as_str()
            .expect("an address")
            .parse()
            .expect("one");
        running.wait_for("run.failed", 1);
        running
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// Log lines of that event so far.
    fn lines(&self, event: &str) -> Vec<Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["event"] == event)
            .collect()
    }

    /// Waits for the `count`-th line of that event.
    fn wait_for(&self, event: &str, count: usize) -> Value {
        let began = Instant::now();
        loop {
            if let Some(line) = self.lines(event).into_iter().nth(count - 1) {
                return line;
            }
            assert!(began.elapsed() < PATIENCE, "no {event}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn told(&self, what: &str) -> usize {
        self.lines("callback.event")
            .iter()
            .filter(|line| line["what"] == what)
            .count()
    }

    fn terminate(&mut self) -> Option<i32> {
        kit::terminate(&mut self.child).code()
    }
}

fn corpid(archive: &Archive) -> String {
    let text = fs::read_to_string(&archive.config).expect("the configuration");
    let line = text
        .lines()
        .find(|line| line.starts_with("corpid = "))
        .expect("a corpid");
    line.split('"').nth(1).expect("a text").to_owned()
}

#[test]
fn a_notification_pulls_long_before_the_interval_and_events_are_counted_by_name() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut running = Running::start(scratch.path());
    let caller = running.caller.clone();

    let verified = caller.verify("94966531020182955848408", "v1");
    assert_eq!(
        (verified.status, verified.body.as_str()),
        (200, "94966531020182955848408")
    );

    assert_eq!(running.lines("run.ended").len(), 0);
    running.corpus.behave();
    let answer = caller.tell(&event("msgaudit_notify", ""), seconds(), "n1");
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let ended = running.wait_for("run.ended", 1);
    assert_eq!(ended["received"], 50);

    // A second one finds nothing new, and is a run all the same.
    assert_eq!(
        caller.tell(&event("msgaudit_notify", ""), seconds(), "n2").status,
        200
    );
    assert_eq!(running.wait_for("run.ended", 2)["received"], 0);

    let approved = event(
        "change_external_contact",
        &format!(
            "<ChangeType>msg_audit_approved</ChangeType><UserID>a</UserID><ExternalUserID>b</ExternalUserID>\
             <WelcomeCode>{WELCOME}</WelcomeCode>"
        ),
    );
    assert_eq!(caller.tell(&approved, seconds(), "n3").status, 200);
    let unknown = event("of_tomorrow", &format!("<Said>{SAID}</Said>"));
    assert_eq!(caller.tell(&unknown, seconds(), "n4").status, 200);
    running.wait_for("callback.event", 4);
    assert_eq!(running.told("msgaudit_notify"), 2);
    assert_eq!(running.told("change_external_contact.msg_audit_approved"), 1);
    let last = running.wait_for("callback.event", 4);
    assert_eq!(
        (&last["what"], &last["known"]),
        (&"of_tomorrow".into(), &false.into())
    );
    assert_eq!(running.lines("run.ended").len(), 2, "only notifications wake");

    assert_eq!(running.terminate(), Some(0));
    assert_eq!(running.archive.stats()["records"], 50);
    no_canary(&running, &caller);
}

#[test]
fn notifications_during_a_pull_are_one_further_pull() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let running = Running::start(scratch.path());
    running
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Latency { ms: 1_500 })));
    let tell = |nonce: &str| {
        let answer = running
            .caller
            .tell(&event("msgaudit_notify", ""), seconds(), nonce);
        assert_eq!(answer.status, 200);
    };
    tell("first");
    running.wait_for("run.woken", 1);
    for number in 0..5 {
        tell(&format!("during-{number}"));
    }
    running.wait_for("run.ended", 2);
    // Long enough for a third one to begin, if there were one.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(running.lines("run.woken").len(), 2);
    assert_eq!(running.told("msgaudit_notify"), 6);
}

#[test]
fn strangers_forgers_and_repeaters_are_turned_away_and_change_nothing() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let running = Running::start(scratch.path());
    let caller = running.caller.clone();
    let notify = event("msgaudit_notify", "");
    let now = seconds();

    let forger = Caller {
        token: "another".into(),
        ..caller.clone()
    };
    let stranger = Caller {
        receiver: "wwsomebodyelse".into(),
        ..caller.clone()
    };
    let lost = Caller {
        path: "/callback/nobody".into(),
        ..caller.clone()
    };
    let other_key = Caller {
        aes_key: KEY.replace("Zq92", "Zq29"),
        ..caller.clone()
    };
    let head = |length: &str| {
        let query = caller.query(now, "big", "x");
        format!(
            "POST {}?{query} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n",
            caller.path
        )
    };
    for (what, answer, expected) in [
        ("a wrong signature", forger.tell(&notify, now, "r1"), 403),
        ("a wrong signature when verifying", forger.verify("1", "r2"), 403),
        ("another receiver", stranger.tell(&notify, now, "r3"), 403),
        ("another receiver when verifying", stranger.verify("1", "r4"), 403),
        ("a stale timestamp", caller.tell(&notify, now - 1_000, "r5"), 403),
        (
            "a timestamp to come",
            caller.tell(&notify, now + 1_000, "r6"),
            403,
        ),
        ("an unknown company", lost.tell(&notify, now, "r7"), 404),
        ("another key", other_key.tell(&notify, now, "r8"), 400),
        ("an oversized body", caller.ask(head("2000000").as_bytes()), 413),
        ("a length that is none", caller.ask(head("many").as_bytes()), 400),
        (
            "garbage in the body",
            caller.post(&caller.query(now, "r9", "x"), b"\x00\xff<xml>"),
            400,
        ),
        ("no query", caller.post("", b"<xml></xml>"), 400),
        (
            "no HTTP",
            caller.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"),
            400,
        ),
        (
            "an endless head",
            caller.ask(format!("GET /{} HTTP/1.1\r\n", "x".repeat(200_000)).as_bytes()),
            0,
        ),
    ] {
        if expected == 0 {
            // 414 or 431, or cut off before it could be read.
            assert_ne!(answer.status, 200, "{what}");
        } else {
            assert_eq!(answer.status, expected, "{what}");
        }
        assert_eq!(answer.body, "", "{what}");
    }

    // What was captured on the way is worth nothing: neither again nor read out.
    let event_text = event("of_tomorrow", &format!("<Said>{SAID}</Said>"));
    let sealed = caller.seal(&event_text);
    let query = caller.query(now, "captured", &sealed);
    let body = caller.envelope(&sealed);
    assert_eq!(caller.post(&query, body.as_bytes()).status, 200);
    assert_eq!(caller.post(&query, body.as_bytes()).status, 409);
    let echo = sealed.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let read_out = caller.ask(
        format!(
            "GET {}?{query}&echostr={echo} HTTP/1.1\r\nHost: test\r\n\r\n",
            caller.path
        )
        .as_bytes(),
    );
    assert_eq!((read_out.status, read_out.body.as_str()), (403, ""));

    running.wait_for("callback.event", 1);
    assert_eq!(running.told("of_tomorrow"), 1);
    assert_eq!(running.told("msgaudit_notify"), 0);
    assert_eq!(
        running.lines("run.woken").len(),
        0,
        "a refused request woke a pull"
    );
    assert!(running.lines("callback.refused").len() >= 6, "{}", running.log());
    no_canary(&running, &caller);
}

#[test]
fn callers_that_dawdle_hold_up_nobody() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut running = Running::start(scratch.path());
    let caller = running.caller.clone();
    // More than there are places: half say nothing, half begin a request and stop in its body.
    let query = caller.query(seconds(), "slow", "x");
    let begun = format!(
        "POST {}?{query} HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n<xml>",
        caller.path
    );
    let mut dawdlers: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(caller.address).expect("a listener");
            if number % 2 == 0 {
                // Those that were pushed out already do not matter.
                let _pushed_out = stream.write_all(begun.as_bytes());
            }
            stream
        })
        .collect();
    for number in 0..10 {
        let began = Instant::now();
        let answer = caller.tell(&event("of_tomorrow", ""), seconds(), &format!("d{number}"));
        assert_eq!(answer.status, 200);
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "WeCom would have given up after {took:?}"
        );
    }

    // Each of them is ended by the listener, not by its own will.
    for stream in &mut dawdlers {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut rest = Vec::new();
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "still open");
        }
    }
    // And a stop waits for none.
    let _dawdler = TcpStream::connect(caller.address).expect("a listener");
    assert_eq!(running.terminate(), Some(0));
}

#[test]
fn a_callback_that_cannot_work_is_told_before_anything_begins() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 5, 7);
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let run = |key: &str, address: &str| {
        let finished = archive
            .command(["run", "--set", &format!("callback.listen={address}")])
            .args(["--set", "company.mock.callback_token_env=CB_TOKEN"])
            .args(["--set", "company.mock.callback_aes_key_env=CB_KEY"])
            .env("CB_TOKEN", TOKEN)
            .env("CB_KEY", key)
            .output()
            .expect("the program starts");
        (
            finished.status.code(),
            String::from_utf8_lossy(&finished.stderr).into_owned(),
        )
    };
    let (code, told) = run("CANARYtooshort", "127.0.0.1:0");
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("EncodingAESKey") && !told.contains("CANARY"),
        "{told}"
    );
    let (code, told) = run(KEY, &taken.local_addr().expect("an address").to_string());
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("callback.listen") && !told.contains("CANARY"),
        "{told}"
    );
}

/// Nothing secret of the configuration and nothing of what events said is in the log, at the most talkative level.
fn no_canary(running: &Running, caller: &Caller) {
    let log = running.log();
    assert!(
        log.contains("\"DEBUG\"") || log.contains("\"TRACE\""),
        "the log was not talkative"
    );
    for canary in [TOKEN, KEY, WELCOME, SAID, "CANARY", &caller.seal("x")[..20]] {
        let found = log.lines().find(|line| line.contains(canary));
        assert!(
            found.is_none(),
            "`{canary}` was printed: {}",
            found.unwrap_or_default()
        );
    }
}
