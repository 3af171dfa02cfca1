//! People are told: once per incident, again after a while, and when it is over; over every kind of target; across
//! restarts; and never a secret.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use kit::{Archive, Corpus, Finished, Program, WeCom, wecom::Reaction};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shiguan::{
    ids::{KeyVersion, Millis, Seq},
    record::{Reason, Sealed, Waiting},
    store::{
        Store,
        contract::{Outcome, PullCall, Verdict},
    },
};

use super::daemon::{Daemon, corpid, private, until};

const HOOK: &str = "CANARYhookZq71";
const ROBOT: &str = "CANARYrobotZq72";
const APP: &str = "CANARYappZq73";
/// More free space than any disk here has.
pub(crate) const FULL: &str = "store.disk_headroom_mib=1048576";

/// A request to the server of the tests.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    headers: HashMap<String, String>,
    body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A server for webhooks: takes everything with one status.
pub(crate) struct Server {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            status: Arc::new(AtomicU16::new(204)),
            got: Arc::default(),
        };
        let (status, got) = (Arc::clone(&server.status), Arc::clone(&server.got));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (status, got) = (status.load(Ordering::SeqCst), Arc::clone(&got));
                thread::spawn(move || serve(&stream, status, &got));
            }
        });
        server
    }

    /// Notices that were taken with success, in order: what and kind.
    pub(crate) fn notices(&self) -> Vec<(String, String)> {
        let got = self.got.lock().expect("not poisoned");
        got.iter()
            .flat_map(|one| one.json()["notices"].as_array().expect("a list").clone())
            .map(|one| {
                let word = |name: &str| one[name].as_str().expect("a text").to_owned();
                (word("what"), word("kind"))
            })
            .collect()
    }

    pub(crate) fn messages(&self) -> Vec<Got> {
        self.got.lock().expect("not poisoned").clone()
    }
}

/// A status of no HTTP: the server takes the request and never answers.
const SILENT: u16 = 0;

fn serve(stream: &TcpStream, status: u16, got: &Mutex<Vec<Got>>) {
    let mut reader = BufReader::new(stream);
    let mut headers = HashMap::new();
    let mut line = String::new();
    let _head = reader.read_line(&mut line);
    loop {
        line.clear();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers["content-length"].parse().expect("a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    if (200..300).contains(&status) {
        got.lock().expect("not poisoned").push(Got {
            headers,
            body: String::from_utf8(body).expect("UTF-8"),
        });
    }
    if status == SILENT {
        thread::sleep(Duration::from_secs(30));
        return;
    }
    let mut stream = stream;
    let _gone = stream.write_all(
        format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
    );
}

/// By the definition of HMAC, not by a library the program might use too.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) archive: Archive,
    pub(crate) corpus: Corpus,
    pub(crate) hook: Server,
}

impl Bench {
    /// With one webhook that is told, and nothing that makes a test wait.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::generate(folder.path(), 5, 7);
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&folder.path().join("archive"), &corpus);
        let hook = Server::start();
        private(&folder.path().join("hook.secret"), HOOK);
        let bench = Self {
            folder,
            archive,
            corpus,
            hook,
        };
        bench.configure(&format!(
            "[alert.to.duty]\nkind = \"webhook\"\nurl = \"http://{}/in\"\nsecret_file = \"{}\"\n",
            bench.hook.address,
            bench.path("hook.secret")
        ));
        bench
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Adds to the end of the configuration.
    pub(crate) fn configure(&self, text: &str) {
        let mut config = fs::read_to_string(&self.archive.config).expect("the configuration");
        config += text;
        fs::write(&self.archive.config, config).expect("a file");
    }

    pub(crate) fn pull(&self, set: &[&str]) -> Finished {
        let mut command = self
            .archive
            .command(["-vv", "pull", "--json", "--set", "alert.calm_seconds=0"]);
        // Made-up messages are a year old, and their files long expired: that is a test of its own.
        for value in [
            "pull.retry_attempts=0",
            "store.disk_headroom_mib=0",
            "media.enabled=false",
        ]
        .iter()
        .chain(set)
        {
            command.args(["--set", value]);
        }
        let finished: Finished = command.output().expect("the program starts").into();
        for canary in [HOOK, ROBOT, APP, "CANARY"] {
            assert!(!finished.stderr.contains(canary), "{canary}: {}", finished.stderr);
        }
        finished
    }

    pub(crate) fn daemon(&self, log: &str, set: &[&str]) -> Daemon {
        let mut all: Vec<String> = [
            "pull.interval_seconds=3600",
            "alert.look_every_seconds=1",
            "alert.calm_seconds=0",
            "store.disk_headroom_mib=0",
            "media.enabled=false",
        ]
        .map(str::to_owned)
        .to_vec();
        all.extend(set.iter().map(|value| (*value).to_owned()));
        Daemon::start(&self.archive, self.folder.path().join(log), &all)
    }

    pub(crate) fn listed(&self) -> Vec<Value> {
        let finished = self.archive.run(["alert", "list", "--json"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.json_lines()
    }
}

pub(crate) fn pair(what: &str, kind: &str) -> (String, String) {
    (what.to_owned(), kind.to_owned())
}

#[test]
fn one_incident_is_one_message_over_many_pulls_and_one_all_clear() {
    let bench = Bench::new();
    for _ in 0..3 {
        assert_eq!(bench.pull(&[FULL]).code, Some(0));
    }
    let raised = pair("raised", "disk_below_headroom");
    assert_eq!(bench.hook.notices(), std::slice::from_ref(&raised));
    let [one] = &bench.listed()[..] else {
        panic!("one incident")
    };
    assert_eq!(
        (&one["open"], &one["kind"]),
        (&json!(true), &json!("disk_below_headroom"))
    );
    assert_eq!(one["facts"]["disk_below_headroom"]["wanted_mib"], 1_048_576);
    assert_eq!(one["told"]["duty"]["reminders"], 0);

    for _ in 0..3 {
        assert_eq!(bench.pull(&[]).code, Some(0));
    }
    assert_eq!(
        bench.hook.notices(),
        [raised.clone(), pair("all_clear", "disk_below_headroom")]
    );
    assert_eq!(bench.listed()[0]["open"], false);

    // It comes back: that is another incident.
    assert_eq!(bench.pull(&[FULL]).code, Some(0));
    assert_eq!(bench.hook.notices().len(), 3);
    assert_eq!(bench.hook.notices()[2], raised);
    let screen = bench.archive.run(["alert", "list"]).stdout;
    assert!(
        screen.contains("未恢复") && screen.contains("已恢复") && screen.contains("磁盘空间不足"),
        "{screen}"
    );
}

#[test]
fn files_that_nobody_fetches_and_refused_consent_are_told() {
    let bench = Bench::new();
    let pull = |messages: &[Value]| -> Vec<String> {
        let folder = tempfile::tempdir_in(bench.folder.path())
            .expect("a folder")
            .keep();
        let from = folder.join("messages");
        fs::create_dir(&from).expect("a folder");
        for (nth, message) in messages.iter().enumerate() {
            fs::write(from.join(format!("{nth}.json")), message.to_string()).expect("a message");
        }
        let corpus = Corpus::seal(&from, &folder);
        let mut lines = String::new();
        for key in ["mock_corpus", "keys"] {
            let path = match key {
                "keys" => corpus.path.join("keys"),
                _ => corpus.path.clone(),
            };
            lines += &format!("company.mock.{key}={}\n", path.display());
        }
        lines += "media.enabled=true\n";
        let set: Vec<&str> = lines.lines().collect();
        assert_eq!(bench.pull(&set).code, Some(0));
        let open = bench.listed().into_iter().filter(|one| one["open"] == true);
        open.map(|one| one["kind"].as_str().expect("a kind").to_owned())
            .collect()
    };
    let guest = "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let message = |kind: &str, content: Value| {
        json!({"msgid": format!("{kind}_external"), "action": "send", "from": guest, "tolist": ["lisi"], "roomid": "",
               "msgtime": 1_750_000_000_000_i64, "msgtype": kind, kind: content})
    };
    let said = message("text", json!({"content": "在吗"}));
    let picture = message("image", json!({"md5sum": "", "filesize": 9, "sdkfileid": "abc"}));
    let refused = message(
        "disagree",
        json!({"userid": guest, "disagree_time": 1_750_000_000_000_i64}),
    );
    // The window is over as well: messages of last year came only now.
    assert_eq!(pull(std::slice::from_ref(&said)), Vec::<String>::new());
    let told = pull(&[said.clone(), picture.clone()]);
    assert_eq!(told, ["media_expiring"]);
    assert_eq!(
        pull(&[said, picture, refused]),
        ["media_expiring", "consent_refused"]
    );
}

#[test]
fn what_comes_and_goes_within_the_calm_is_one_incident() {
    let bench = Bench::new();
    for set in [
        [FULL, "alert.calm_seconds=600"],
        ["log.level=info", "alert.calm_seconds=600"],
    ]
    .iter()
    .cycle()
    .take(6)
    {
        assert_eq!(bench.pull(set).code, Some(0));
    }
    assert_eq!(bench.hook.notices(), [pair("raised", "disk_below_headroom")]);
}

#[test]
fn the_signature_is_right_and_the_message_says_what_to_do() {
    let bench = Bench::new();
    bench.pull(&[FULL]);
    let got = &bench.hook.messages()[0];
    let signed = format!("{}.{}", got.headers["x-shiguan-timestamp"], got.body);
    assert_eq!(
        got.headers["x-shiguan-signature"],
        format!("v1={}", hmac(HOOK.as_bytes(), signed.as_bytes()))
    );
    let age = kit::callback::seconds()
        - got.headers["x-shiguan-timestamp"]
            .parse::<i64>()
            .expect("seconds");
    assert!((0..60).contains(&age), "{age}");
    assert_eq!(got.headers["x-shiguan-id"].len(), 64);
    let message = got.json();
    assert_eq!(message["type"], "alert");
    let text = message["notices"][0]["text"].as_str().expect("a text");
    for part in ["【史官告警】", "磁盘空间不足", "起始：", "处理：清理磁盘"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_restart_repeats_nothing_and_reminders_come_in_time() {
    let bench = Bench::new();
    let daemon = bench.daemon("first", &[FULL]);
    until("an alert", || (!bench.hook.notices().is_empty()).then_some(()));
    // The message may have arrived before it was noted that it did; a kill between repeats it, as it must.
    daemon.wait_for("alert.told", 1);
    daemon.kill();

    let daemon = bench.daemon("second", &[FULL]);
    daemon.wait_for("run.ended", 1);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(bench.hook.notices(), [pair("raised", "disk_below_headroom")]);
    daemon.kill();

    let daemon = bench.daemon("third", &[FULL, "alert.remind_after_seconds=3"]);
    until("a reminder", || (bench.hook.notices().len() >= 2).then_some(()));
    assert_eq!(bench.hook.notices()[1], pair("reminder", "disk_below_headroom"));
    daemon.wait_for("alert.told", 1);
    assert_eq!(daemon.terminate(), Some(0));
    let ids: Vec<String> = bench
        .hook
        .messages()
        .iter()
        .map(|got| got.headers["x-shiguan-id"].clone())
        .collect();
    assert_ne!(ids[0], ids[1]);

    let daemon = bench.daemon("fourth", &[]);
    until("an all-clear", || {
        let notices = bench.hook.notices();
        (notices.last()?.0 == "all_clear").then_some(())
    });
    thread::sleep(Duration::from_secs(3));
    let clear = bench
        .hook
        .notices()
        .iter()
        .filter(|(what, _)| what == "all_clear")
        .count();
    assert_eq!(clear, 1);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_thousand_poison_records_are_one_message() {
    let bench = Bench::new();
    assert_eq!(bench.pull(&[]).code, Some(0));
    let database = bench.archive.dir.join("data/archive.db");
    // The same library has crashed on them, so they are not tried again.
    let conn = rusqlite::Connection::open(&database).expect("the archive");
    let build: String = conn
        .query_row("SELECT sdk_build FROM pull_call LIMIT 1", [], |row| row.get(0))
        .expect("a call");
    drop(conn);
    let mut store = Store::open(&database).expect("opened");
    let company = store.company("mock", &corpid(&bench.archive)).expect("known");
    let lease = store
        .acquire_lease(company, "test", Millis::now(), 60_000, &|_| false)
        .expect("free");
    let run = store.begin_run(company, "pull", Millis::now()).expect("a run");
    let records: Vec<Sealed> = (1..=1000)
        .map(|number| Sealed {
            seq: Seq(1_000_000 + number),
            key_version: KeyVersion(1),
            ..Sealed::default()
        })
        .collect();
    let call = PullCall {
        run,
        asked: Seq(0),
        limit: 1000,
        first: None,
        last: None,
        count: 1000,
        code: 0,
        errcode: 0,
        outcome: "ok".into(),
        sdk_build: build.clone(),
        at: Millis::now(),
        took_ms: 1,
    };
    let landed = store.land(&lease, &call, &records, &[]).expect("landed");
    let outcomes: Vec<Outcome> = landed
        .fresh
        .iter()
        .map(|(id, _)| Outcome {
            id: *id,
            verdict: Verdict::Waiting(Waiting::new(Reason::Poison, "took it down")),
        })
        .collect();
    store
        .settle(company, &outcomes, &build, &[], Millis::now())
        .expect("settled");
    store
        .end_run(run, &Default::default(), "done", Millis::now())
        .expect("ended");
    store.release_lease(lease).expect("released");
    drop(store);

    for _ in 0..3 {
        bench.pull(&["alert.waiting_above=5000"]);
    }
    assert_eq!(bench.hook.notices(), [pair("raised", "poison_record")]);
    let message = bench.hook.messages()[0].json();
    assert_eq!(message["notices"][0]["facts"]["records"], 1000);
    assert_eq!(message["notices"][0]["company"], "mock");

    // The same records are many as well: told apart, in one message each time.
    bench.pull(&["alert.waiting_above=999"]);
    assert_eq!(bench.hook.notices()[1..], [pair("raised", "records_waiting")]);
}

#[test]
fn failing_pulls_an_untrusted_address_and_their_end_are_told() {
    let bench = Bench::new();
    let refused = r#"{"errcode":301042,"errmsg":"not allow to access from your ip, hint: [1], from ip: 203.0.113.7, more info"}"#;
    bench
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Return {
            code: 0,
            slice: refused.into(),
        })));
    for _ in 0..2 {
        let finished = bench.pull(&["alert.pull_failing_minutes=0"]);
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    }
    let mut first = bench.hook.notices();
    first.sort();
    assert_eq!(
        first,
        [
            pair("raised", "address_not_trusted"),
            pair("raised", "pull_failing")
        ]
    );
    assert_eq!(bench.hook.messages().len(), 1, "told together");
    let notices = bench.hook.messages()[0].json()["notices"].clone();
    let address = notices
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["kind"] == "address_not_trusted");
    assert_eq!(address.expect("there")["facts"]["code"], 301_042);

    bench.corpus.behave();
    assert_eq!(bench.pull(&["alert.pull_failing_minutes=0"]).code, Some(0));
    let mut last = bench.hook.notices()[2..].to_vec();
    last.sort();
    assert_eq!(
        last,
        [
            pair("all_clear", "address_not_trusted"),
            pair("all_clear", "pull_failing")
        ]
    );

    // A short failure is not worth a message.
    bench
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::Return {
            code: 10_001,
            slice: String::new(),
        })));
    assert_eq!(bench.pull(&["alert.pull_failing_minutes=30"]).code, Some(1));
    assert_eq!(bench.hook.notices().len(), 4);
}

#[test]
fn a_pull_that_cannot_begin_is_told_too_and_a_missing_key_names_its_version() {
    let bench = Bench::new();
    // Its key is gone: records are kept and wait.
    let keys = fs::read_dir(bench.corpus.path.join("keys")).expect("keys");
    let key = keys
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|ending| ending == "pem"))
        .expect("a key");
    let hidden = key.with_extension("hidden");
    fs::rename(&key, &hidden).expect("hidden");
    let finished = bench.pull(&[]);
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    assert_eq!(bench.hook.notices(), [pair("raised", "unknown_key_version")]);
    fs::rename(&hidden, &key).expect("back");
    assert_eq!(bench.pull(&[]).code, Some(0));
    assert_eq!(bench.hook.notices()[1], pair("all_clear", "unknown_key_version"));

    // While it runs, the key becomes readable by others: no pull begins, which no book knows.
    let daemon = bench.daemon(
        "log",
        &["alert.pull_failing_minutes=0", "pull.interval_seconds=1"],
    );
    daemon.wait_for("run.ended", 1);
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("open");
    until("an alert", || {
        bench
            .hook
            .notices()
            .contains(&pair("raised", "pull_failing"))
            .then_some(())
    });
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("closed");
    until("an all-clear", || {
        bench
            .hook
            .notices()
            .contains(&pair("all_clear", "pull_failing"))
            .then_some(())
    });
    assert_eq!(daemon.terminate(), Some(0));
}

/// Adds an app and a robot at a fake WeCom.
fn with_wecom(bench: &Bench) -> WeCom {
    let wecom = WeCom::start();
    wecom.secret(&corpid(&bench.archive), APP);
    private(&bench.folder.path().join("app"), APP);
    private(&bench.folder.path().join("robot"), ROBOT);
    bench.configure(&format!(
        "[alert.to.staff]\nkind = \"app\"\nagentid = 1000002\nto_user = \"zhangsan|lisi\"\nto_party = \"2\"\n\
         [alert.to.group]\nkind = \"robot\"\nkey_file = \"{}\"\n",
        bench.path("robot"),
    ));
    let config = fs::read_to_string(&bench.archive.config).expect("the configuration");
    let config = config
        .replacen("[api]", &format!("[api]\nhost = \"{}\"", wecom.url()), 1)
        .replacen(
            "[company.mock]",
            &format!("[company.mock]\napp_secret_file = \"{}\"", bench.path("app")),
            1,
        );
    fs::write(&bench.archive.config, config).expect("a file");
    wecom
}

#[test]
fn members_and_groups_are_told_through_wecom() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    wecom.answer(
        "/cgi-bin/message/send",
        json!({"errcode": 0, "errmsg": "ok", "invaliduser": "lisi", "msgid": "m"}),
    );
    let finished = bench.pull(&[FULL]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let asked = wecom.asked();
    let of = |path: &str| {
        asked
            .iter()
            .filter(|asked| asked.path == path)
            .collect::<Vec<_>>()
    };
    let [app] = of("/cgi-bin/message/send")[..] else {
        panic!("{asked:?}")
    };
    let body = app.json();
    assert_eq!(
        (
            &body["touser"],
            &body["toparty"],
            &body["agentid"],
            &body["msgtype"]
        ),
        (
            &json!("zhangsan|lisi"),
            &json!("2"),
            &json!(1_000_002),
            &json!("text")
        )
    );
    assert_eq!(body["enable_duplicate_check"], 1);
    let text = body["text"]["content"].as_str().expect("a text");
    assert!(text.starts_with("【史官告警】档案库：磁盘空间不足"), "{text}");
    let [robot] = of("/cgi-bin/webhook/send")[..] else {
        panic!("{asked:?}")
    };
    assert_eq!(robot.query["key"], ROBOT);
    assert_eq!(robot.json()["text"]["content"], json!(text));
    assert!(
        finished.stderr.contains("alert.partly") || finished.stderr.contains("some receivers"),
        "{}",
        finished.stderr
    );

    // Each of the three was told once, and hears of nothing twice.
    bench.pull(&[FULL]);
    assert_eq!(
        wecom.count("/cgi-bin/message/send") + wecom.count("/cgi-bin/webhook/send"),
        2
    );
    let told = bench.listed()[0]["told"].clone();
    assert_eq!(told.as_object().expect("targets").len(), 3, "{told}");
    let all = |set: &[&str]| bench.pull(set);
    all(&[]);
    let last = wecom.asked().pop().expect("asked").json()["text"]["content"].to_string();
    assert!(last.contains("【史官恢复】"), "{last}");
}

#[test]
fn a_target_that_is_down_holds_up_no_other_and_is_told_when_it_is_back() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    bench.hook.status.store(500, Ordering::SeqCst);
    // A robot that was removed needs somebody; a request that hangs needs patience.
    wecom.on("/cgi-bin/webhook/send", |_| Reaction::Code(93_000));
    let daemon = bench.daemon("log", &[FULL, "api.timeout_seconds=5"]);
    until("the app is told", || {
        (wecom.count("/cgi-bin/message/send") == 1).then_some(())
    });
    let down = daemon.wait_for("alert.not_told", 2);
    assert!(
        down["cause"].as_str().is_some_and(|cause| !cause.is_empty()),
        "{down}"
    );
    daemon.wait_for("run.ended", 1);
    assert_eq!(bench.hook.notices(), []);
    let screen = bench.archive.run(["alert", "list"]).stderr;
    assert!(
        screen.contains("duty") && screen.contains("group") && screen.contains("500"),
        "{screen}"
    );

    bench.hook.status.store(204, Ordering::SeqCst);
    until("the hook is told", || {
        (!bench.hook.notices().is_empty()).then_some(())
    });
    thread::sleep(Duration::from_secs(3));
    assert_eq!(bench.hook.notices(), [pair("raised", "disk_below_headroom")]);
    assert_eq!(wecom.count("/cgi-bin/message/send"), 1);
    assert_eq!(
        wecom.count("/cgi-bin/webhook/send"),
        1,
        "a robot that is gone is left alone for a while"
    );
    let log = daemon.log();
    assert_eq!(daemon.terminate(), Some(0));
    for canary in [HOOK, ROBOT, APP, "CANARY"] {
        assert!(!log.contains(canary), "{canary} in the log");
    }
    assert!(log.contains("\"DEBUG\""), "the log was not talkative");
}

#[test]
fn a_target_that_never_answers_holds_up_neither_pulls_nor_others() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    bench.hook.status.store(SILENT, Ordering::SeqCst);
    let daemon = bench.daemon("log", &[FULL, "pull.interval_seconds=1", "pull.jitter_seconds=0"]);
    until("the others are told", || {
        let told = wecom.count("/cgi-bin/message/send") + wecom.count("/cgi-bin/webhook/send");
        (told == 2).then_some(())
    });
    let before = daemon.lines("run.ended").len();
    daemon.wait_for("run.ended", before + 3);
    assert_eq!(
        daemon.lines("alert.not_told").len(),
        0,
        "it still waits for an answer"
    );
    let began = std::time::Instant::now();
    assert_eq!(daemon.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn tokens_are_fetched_ahead_while_it_runs() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    let daemon = bench.daemon("log", &[]);
    until("a token", || (wecom.count("/cgi-bin/gettoken") > 0).then_some(()));
    daemon.wait_for("run.ended", 1);
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(
        wecom.count("/cgi-bin/gettoken"),
        1,
        "nobody asked for one, and one is enough"
    );
}

#[test]
fn a_refused_token_because_of_the_address_is_told() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    wecom.script("/cgi-bin/gettoken", vec![Reaction::Code(60_020); 200]);
    let _daemon = bench.daemon("log", &[]);
    until("an alert", || {
        bench
            .hook
            .notices()
            .contains(&pair("raised", "address_not_trusted"))
            .then_some(())
    });
    let text = bench.hook.messages()[0].body.clone();
    assert!(
        text.contains("203.0.113.7") && text.contains("企业可信IP"),
        "{text}"
    );
}

#[test]
fn a_refused_call_because_of_the_address_is_told() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    // Tokens are given to anybody; it is the calls that are refused.
    wecom.on("/cgi-bin/message/send", |_| Reaction::Code(60_020));
    let daemon = bench.daemon("log", &[FULL]);
    until("an alert", || {
        bench
            .hook
            .notices()
            .contains(&pair("raised", "address_not_trusted"))
            .then_some(())
    });
    assert_eq!(
        wecom.count("/cgi-bin/message/send"),
        1,
        "not asked again for a while"
    );
    let listed = bench.listed();
    let one = listed
        .iter()
        .find(|one| one["kind"] == "address_not_trusted")
        .expect("listed");
    assert_eq!(
        one["facts"]["address_not_trusted"],
        json!({"code": 60_020, "address": "203.0.113.7"})
    );
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_test_message_goes_to_everybody_or_to_one_and_failures_are_told() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    let test = |args: &[&str]| {
        let finished = bench.archive.run([&["-vv", "alert", "test"], args].concat());
        for canary in [HOOK, ROBOT, APP, "CANARY"] {
            assert!(
                !finished.stderr.contains(canary) && !finished.stdout.contains(canary),
                "{canary}"
            );
        }
        finished
    };
    let finished = test(&["--json"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let names: Vec<Value> = finished
        .json_lines()
        .iter()
        .map(|line| line["target"].clone())
        .collect();
    assert_eq!(names, [json!("duty"), json!("group"), json!("staff")]);
    assert_eq!(bench.hook.messages()[0].json()["type"], "test");
    assert_eq!(wecom.count("/cgi-bin/message/send"), 1);
    assert_eq!(wecom.count("/cgi-bin/webhook/send"), 1);

    let finished = test(&["--to", "group"]);
    assert!(finished.stdout.contains("group：已送达"), "{}", finished.stdout);
    assert_eq!(wecom.count("/cgi-bin/webhook/send"), 2);

    wecom.on("/cgi-bin/webhook/send", |_| Reaction::Code(93_000));
    bench.hook.status.store(403, Ordering::SeqCst);
    let finished = test(&[]);
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    assert!(finished.stdout.contains("staff：已送达"), "{}", finished.stdout);
    assert!(
        finished.stdout.contains("93000") && finished.stdout.contains("403"),
        "{}",
        finished.stdout
    );

    let finished = test(&["--to", "nobody"]);
    assert_eq!(finished.code, Some(2));
    assert!(
        finished.stderr.contains("duty, group, staff"),
        "{}",
        finished.stderr
    );
    // A test is no incident.
    assert!(!bench.archive.dir.join("data/archive.db").exists());
}

#[test]
fn doctor_looks_at_targets_and_callbacks_and_sends_nothing() {
    let bench = Bench::new();
    let wecom = with_wecom(&bench);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let doctor = |set: &[String]| {
        let mut command = bench.archive.command(["doctor", "--json"]);
        for value in Daemon::callbacks(bench.folder.path()).iter().chain(set) {
            command.args(["--set", value]);
        }
        let finished: Finished = command.output().expect("the program starts").into();
        assert!(!finished.stdout.contains("CANARY"), "{}", finished.stdout);
        let found = finished.json()["findings"].clone();
        let status = |check: &str| -> String {
            let one = found
                .as_array()
                .and_then(|list| list.iter().find(|one| one["check"] == check));
            one.map_or_else(
                || format!("no {check}: {found}"),
                |one| one["status"].as_str().unwrap_or("").to_owned(),
            )
        };
        [
            "callback.listen",
            "callback (mock)",
            "alerts (duty)",
            "alerts (group)",
            "alerts (staff)",
        ]
        .map(status)
        .join(" ")
    };
    assert_eq!(doctor(&[]), "ok ok ok ok ok");
    let listen = format!("callback.listen={}", taken.local_addr().expect("an address"));
    assert_eq!(doctor(&[listen]), "warning ok ok ok ok");
    fs::remove_file(bench.path("robot")).expect("gone");
    private(&bench.folder.path().join("short"), "CANARYshort");
    let short = format!("company.mock.callback_aes_key_file={}", bench.path("short"));
    assert_eq!(doctor(&[short]), "ok bad ok bad ok");
    assert!(wecom.asked().is_empty() && bench.hook.messages().is_empty());
}

#[test]
fn without_targets_incidents_are_kept_and_listed() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(folder.path(), 5, 7);
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&folder.path().join("archive"), &corpus);
    assert_eq!(
        archive
            .run(["pull", "--set", FULL, "--set", "media.enabled=false"])
            .code,
        Some(0)
    );
    let listed = archive.run(["alert", "list", "--json"]).json_lines();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["told"], json!({}));
    let finished = archive.run(["alert", "test"]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("alert.to"), "{}", finished.stderr);
    let _: &Path = folder.path();
}
