//! Whether they agreed, and whether the archive is complete: the whole program against the mock library and a fake WeCom.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kit::{Archive, Corpus, Finished, Program, Truth, WeCom, wecom::Reaction};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::{Value, json};
use shiguan::{
    archive::{Desk, Hearing},
    callback::{Arrived, EventSink, Notice},
    ids::Millis,
    store::Store,
};

use super::pipes::unread;

const CORP: &str = "ww0000000000000000";
const ARCHIVE: &str = "CANARYconsentArchive";
const APP: &str = "CANARYconsentApp";
const ANNA: &str = "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const BERT: &str = "wmBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
const ROOM: &str = "wrRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR";
const SINGLE: &str = "/cgi-bin/msgaudit/check_single_agree";
const GROUP: &str = "/cgi-bin/msgaudit/check_room_agree";
const SCOPE: &str = "/cgi-bin/msgaudit/get_permit_user_list";
const DAY_MS: i64 = 86_400_000;
const EAST_MS: i64 = 8 * 3_600_000;
/// A Tuesday noon in Beijing.
const BEGIN: i64 = 1_762_228_800_000;

struct House {
    server: WeCom,
    archive: Archive,
    flags: Vec<String>,
    _folder: tempfile::TempDir,
}

impl House {
    /// An archive over these messages, not pulled yet, and a WeCom that knows its secrets.
    fn of(messages: &[Value]) -> Self {
        Self::with_faults(messages, |_| Faults::new())
    }

    /// The same, with a library that misbehaves.
    fn with_faults(messages: &[Value], faults: impl Fn(&[Truth]) -> Faults) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = folder.path().join("plain");
        fs::create_dir(&plain).expect("a folder");
        for (n, message) in messages.iter().enumerate() {
            fs::write(plain.join(format!("{n:05}.json")), message.to_string()).expect("a file");
        }
        let corpus = Corpus::seal(&plain, folder.path());
        corpus.misbehave(&faults(&corpus.truth()));
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&folder.path().join("archive"), &corpus);
        let server = WeCom::of(CORP, ARCHIVE, APP);
        let flags = [
            format!("api.host={}", server.url()),
            format!(
                "company.mock.secret_file={}",
                private(folder.path(), "archive.secret", ARCHIVE)
            ),
            format!(
                "company.mock.app_secret_file={}",
                private(folder.path(), "app.secret", APP)
            ),
            "api.timeout_seconds=30".to_owned(),
        ];
        let flags = flags
            .into_iter()
            .flat_map(|set| ["--set".to_owned(), set])
            .collect();
        Self {
            server,
            archive,
            flags,
            _folder: folder,
        }
    }

    fn args(&self, args: &[&str]) -> Vec<String> {
        let own = args.iter().map(|arg| (*arg).to_owned());
        own.chain(self.flags.iter().cloned()).collect()
    }

    /// Runs a command that knows the fake WeCom; nothing it says may hold a secret.
    fn run(&self, args: &[&str]) -> Finished {
        let finished = self.archive.run(self.args(args));
        for text in [&finished.stdout, &finished.stderr] {
            assert!(!text.contains("CANARY"), "{args:?} tells a secret: {text}");
        }
        finished
    }

    fn well(&self, args: &[&str]) -> Finished {
        let finished = self.run(args);
        assert_eq!(
            finished.code,
            Some(0),
            "{args:?}\n{}\n{}",
            finished.stdout,
            finished.stderr
        );
        finished
    }

    fn lines(&self, args: &[&str]) -> Vec<Value> {
        self.well(args).json_lines()
    }

    fn check(&self) -> Value {
        self.well(&["consent", "check", "--json"]).json()
    }

    /// An event as the listener hands it on.
    fn event(&self, userid: &str, external: &str, at: i64) {
        let store = Store::open(&self.archive.dir.join("data/archive.db")).expect("an archive");
        let desk = Desk::open(store).expect("a desk");
        let text = format!(
            "<xml><MsgType>event</MsgType><CreateTime>{}</CreateTime><Event>change_external_contact</Event>\
             <ChangeType>msg_audit_approved</ChangeType><UserID>{userid}</UserID>\
             <ExternalUserID>{external}</ExternalUserID></xml>",
            at / 1000
        );
        let arrived = Arrived {
            company: "mock".to_owned(),
            received: Millis::now(),
            notice: Notice::read(text.into_bytes().into()),
        };
        block_on(async {
            let mut hearing = Hearing::new(desk.clone(), [("mock".to_owned(), CORP.to_owned())], 90);
            assert_eq!(hearing.keep(vec![arrived]).await, [true]);
        });
        desk.close();
    }

    /// State by msgid, as search tells it.
    fn states(&self) -> Vec<(String, Option<String>)> {
        self.archive
            .search("type:text")
            .iter()
            .map(|hit| {
                let state = hit["consent"]["state"].as_str().map(str::to_owned);
                (hit["msgid"].as_str().expect("a msgid").to_owned(), state)
            })
            .collect()
    }
}

fn private(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    path.display().to_string()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn said(msgid: &str, from: &str, to: &[&str], room: &str, time: i64) -> Value {
    json!({"msgid": msgid, "action": "send", "from": from, "tolist": to, "roomid": room, "msgtime": time,
           "msgtype": "text", "text": {"content": format!("words of {msgid}")}})
}

fn answered(msgid: &str, from: &str, to: &[&str], room: &str, time: i64, agreed: bool) -> Value {
    let (word, date) = if agreed {
        ("agree", "agree_time")
    } else {
        ("disagree", "disagree_time")
    };
    json!({"msgid": msgid, "action": "send", "from": from, "tolist": to, "roomid": room, "msgtime": time + 7,
           "msgtype": word, word: {"userid": from, date: time}})
}

fn agreement(member: &str, external: &str, status: &str, since: i64) -> Value {
    json!({"userid": member, "exteranalopenid": external, "agree_status": status, "status_change_time": since / 1000})
}

fn infos(info: Vec<Value>) -> Reaction {
    Reaction::Json(json!({"errcode": 0, "errmsg": "ok", "agreeinfo": info}))
}

/// The pairs of a question.
fn pairs(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    body["info"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pair| (text(&pair["userid"]), text(&pair["exteranalopenid"])))
        .collect()
}

#[test]
fn agree_disagree_agree_gives_three_spans_and_each_message_shows_the_right_one() {
    let at = |seconds: i64| BEGIN + seconds * 1_000;
    let messages = [
        said("m1_external", "KenShin", &[ANNA], "", at(5)),
        said("m2_external", ANNA, &["KenShin"], "", at(10)),
        said("m3_external", "KenShin", &[ANNA], "", at(15)),
        answered("m4_external", ANNA, &["KenShin"], "", at(20) + 250, false),
        said("m5_external", "KenShin", &[ANNA], "", at(20) + 249),
        said("m6_external", "KenShin", &[ANNA], "", at(20) + 250),
        said("m7_external", ANNA, &["KenShin"], "", at(29)),
        said("m8_external", ANNA, &["KenShin"], "", at(31)),
        said("m9", "KenShin", &["IceFog"], "", at(31)),
        said("m10_external", "KenShin", &[ANNA], "", 0),
    ];
    let expected: Vec<(&str, Option<&str>)> = vec![
        ("m1_external", Some("unknown")),
        ("m2_external", Some("agreed")),
        ("m3_external", Some("agreed")),
        ("m5_external", Some("agreed")),
        ("m6_external", Some("refused")),
        ("m7_external", Some("refused")),
        ("m8_external", Some("agreed")),
        ("m9", None),
        ("m10_external", Some("unknown")),
    ];
    for order in [
        "event pull check",
        "event check pull",
        "pull event check",
        "pull check event",
    ] {
        let house = House::of(&messages);
        house.server.on(SINGLE, move |asked| {
            assert_eq!(pairs(&asked.json()).len(), 1);
            infos(vec![agreement("KenShin", ANNA, "Agree", at(10))])
        });
        for step in order.split(' ') {
            match step {
                "event" => house.event("KenShin", ANNA, at(30)),
                "pull" => {
                    house.archive.pull(&[0]);
                }
                _ => {
                    let checked = house.check();
                    assert_eq!(
                        (&checked["answered"], &checked["due"]),
                        (&json!(1), &json!(0)),
                        "{order}"
                    );
                }
            }
        }
        let spans = |house: &House| -> Vec<(String, i64, Option<i64>, String)> {
            let lines = house.lines(&["consent", "show", ANNA, "--json"]);
            lines
                .iter()
                .map(|span| {
                    assert_eq!(
                        (&span["member"], &span["room"]),
                        (&json!("kenshin"), &Value::Null)
                    );
                    let how: Vec<&str> = span["told"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|told| told["how"].as_str().unwrap())
                        .collect();
                    (
                        span["state"].as_str().unwrap().to_owned(),
                        span["from_ms"].as_i64().unwrap(),
                        span["to_ms"].as_i64(),
                        how.join(" "),
                    )
                })
                .collect()
        };
        let three = vec![
            (
                "agreed".to_owned(),
                at(10),
                Some(at(20) + 250),
                "asked".to_owned(),
            ),
            (
                "refused".to_owned(),
                at(20) + 250,
                Some(at(30)),
                "message".to_owned(),
            ),
            ("agreed".to_owned(), at(30), None, "event".to_owned()),
        ];
        assert_eq!(spans(&house), three, "{order}");
        let mut states = house.states();
        states.sort();
        let mut wanted: Vec<(String, Option<String>)> = expected
            .iter()
            .map(|(id, state)| ((*id).to_owned(), state.map(str::to_owned)))
            .collect();
        wanted.sort();
        assert_eq!(states, wanted, "{order}");
        // Once more, all of it: nothing changes.
        house.event("KENSHIN", ANNA, at(30));
        house.archive.pull(&[0]);
        house.check();
        assert_eq!(spans(&house), three);
    }
}

#[test]
fn states_are_shown_and_found_in_the_words_of_auditors() {
    let house = House::of(&[
        said("m1_external", "KenShin", &[ANNA], "", BEGIN),
        answered("m2_external", ANNA, &["KenShin"], "", BEGIN + 1_000, true),
        said("m3_external", ANNA, &["KenShin"], "", BEGIN + 2_000),
        answered("m4_external", ANNA, &["KenShin"], "", BEGIN + 3_000, false),
        said("m5_external", "KenShin", &[ANNA], "", BEGIN + 4_000),
        said("m6", "KenShin", &["icefog"], "", BEGIN + 5_000),
    ]);
    // A pull alone is enough for what messages say.
    house.archive.pull(&[0]);
    let found = |query: &str| -> Vec<String> {
        let mut ids: Vec<String> = house
            .archive
            .search(query)
            .iter()
            .map(|hit| hit["msgid"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(found("consent:agreed type:text"), ["m3_external"]);
    assert_eq!(found("consent:refused type:text"), ["m5_external"]);
    assert_eq!(found("consent:unknown"), ["m1_external"]);
    assert!(found("consent:default").is_empty());
    assert_eq!(
        found("-consent:refused type:text"),
        ["m1_external", "m3_external", "m6"]
    );
    // Nobody was asked, and the answer says so; another question does not.
    let told = house.well(&["search", "--json", "consent:refused"]).stderr;
    let told: Value = serde_json::from_str(told.trim().lines().last().expect("a line")).expect("JSON");
    assert_eq!(
        told,
        json!({"consent": {"never_answered": 1, "not_looked_through": 0}})
    );
    assert!(
        house
            .well(&["search", "consent:refused"])
            .stderr
            .contains("1 个会话从未得到")
    );
    assert!(!house.well(&["search", "words"]).stderr.contains("存档同意"));
    let wrong = house.run(&["search", "consent:agree"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("consent:agree"), "{}", wrong.stderr);

    let chat = house.well(&["chat", &format!("kenshin,{ANNA}")]).stdout;
    let heading = |msgid: &str| {
        chat.lines()
            .find(|line| line.contains(msgid))
            .expect("a line")
            .to_owned()
    };
    assert!(heading("m1_").contains("未知"), "{chat}");
    assert!(heading("m3_").contains("已同意"), "{chat}");
    assert!(heading("m5_").contains("不同意"), "{chat}");
    let inside = house.well(&["search", "msgid:m6"]).stdout;
    assert!(
        ["未知", "同意"].iter().all(|word| !inside.contains(word)),
        "{inside}"
    );
    let shown = house.well(&["show", "m5_external"]).stdout;
    assert!(
        shown.contains("存档同意") && shown.contains("不同意") && shown.contains("(消息)"),
        "{shown}"
    );
    let english = house.well(&["--language", "en", "show", "m5_external"]).stdout;
    assert!(
        english.contains("refused") && english.contains("(message)"),
        "{english}"
    );
    let spans = house.well(&["consent", "show", "KENSHIN"]).stdout;
    assert_eq!(spans.lines().count(), 4, "{spans}");
    let nobody = house.run(&["consent", "show", "wmNobody"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("consent check"), "{}", nobody.stderr);
}

fn external(n: usize) -> String {
    format!("wm{n:030}")
}

/// Ken writes to so many people, one message each.
fn strangers(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| {
            said(
                &format!("m{n}_external"),
                "ken",
                &[&external(n)],
                "",
                BEGIN + n as i64,
            )
        })
        .collect()
}

#[test]
fn one_unknown_pair_of_many_costs_nobody_else_an_answer_and_unknown_words_are_kept() {
    let house = House::of(&strangers(150));
    house.archive.pull(&[0]);
    let (bad, silent, odd, default) = (external(77), external(78), external(79), external(80));
    let odd_one = odd.clone();
    house.server.on(SINGLE, move |asked| {
        let pairs = pairs(&asked.json());
        if pairs.len() > 100 {
            return Reaction::Code(301_060);
        }
        if pairs.iter().any(|(_, external)| *external == bad) {
            return Reaction::Code(301_061);
        }
        let answer = |(member, external): &(String, String)| {
            let (status, since) = match external {
                one if *one == silent => return None,
                one if *one == odd_one => ("Paused", BEGIN - 9_000),
                // No date: it counts from when it was asked.
                one if *one == default => ("Default_Agree", 0),
                _ => ("Agree", BEGIN - 9_000),
            };
            // In another order and spelling, as the platform may.
            Some(agreement(&member.to_uppercase(), external, status, since))
        };
        infos(pairs.iter().rev().filter_map(answer).collect())
    });
    let checked = house.check();
    assert_eq!(
        (&checked["answered"], &checked["failed"], &checked["due"]),
        (&json!(148), &json!(2), &json!(0))
    );
    let first = house.server.count(SINGLE);
    assert!(
        first <= 2 + 2 * 8,
        "{first} calls for 150 pairs and one that is unknown"
    );
    assert_eq!(house.archive.search("consent:agreed").len(), 146);
    assert_eq!(house.archive.search("consent:unknown").len(), 4);
    let hit = &house.archive.search(&format!("with:{odd}"))[0]["consent"];
    assert_eq!(
        (&hit["state"], &hit["status"]),
        (&json!("unknown"), &json!("Paused"))
    );
    let shown = house.well(&["consent", "show", &odd]).stdout;
    assert!(shown.contains("未知 (Paused)"), "{shown}");

    let open = house.lines(&["consent", "report", "--json"]);
    let why = |external: &str| -> Option<&Value> {
        open.iter()
            .find(|line| line["report"] == "no_agreement" && line["external"] == external)
            .map(|line| &line["fault"])
    };
    assert_eq!(
        open.iter()
            .filter(|line| line["report"] == "no_agreement")
            .count(),
        3
    );
    assert!(
        why(&external(77))
            .and_then(Value::as_str)
            .is_some_and(|fault| fault.contains("301061"))
    );
    assert!(
        why(&external(78))
            .and_then(Value::as_str)
            .is_some_and(|fault| fault.contains("nothing about"))
    );
    assert_eq!(why(&odd), Some(&Value::Null));
    // What is answered or failed is left alone until its time.
    house.check();
    assert_eq!(house.server.count(SINGLE), first);
}

/// An answer that cannot be read is about one question among others; it is named, and asked for again later.
#[test]
fn an_answer_that_cannot_be_read_costs_its_own_pair_and_room_only() {
    let mut messages = strangers(150);
    messages.push(said("r_external", "ken", &["lisi", ANNA], ROOM, BEGIN + 500));
    let house = House::of(&messages);
    house.archive.pull(&[0]);
    let no_answer = || Reaction::Status(404, "<html>".to_owned());
    let bad = external(77);
    house.server.on(SINGLE, move |asked| {
        let pairs = pairs(&asked.json());
        if pairs.iter().any(|(_, external)| *external == bad) {
            return no_answer();
        }
        infos(
            pairs
                .iter()
                .map(|(member, external)| agreement(member, external, "Agree", BEGIN - 9_000))
                .collect(),
        )
    });
    house.server.on(GROUP, |_| {
        Reaction::Torn("{\"errcode\":0,\"agreeinfo\":[{".to_owned())
    });
    house.server.on(SCOPE, move |_| no_answer());
    let checked = house.check();
    assert_eq!(
        [&checked["answered"], &checked["failed"], &checked["due"]],
        [149, 2, 0],
        "{checked}"
    );
    assert!(checked["stopped"].is_null(), "{checked}");
    let first = house.server.count(SINGLE);
    assert!(first <= 2 + 2 * 8, "{first} calls");
    assert_eq!(house.archive.search("consent:agreed").len(), 149);
    let open = house.lines(&["consent", "report", "--json"]);
    let why = open
        .iter()
        .find(|line| line["report"] == "no_agreement" && line["external"] == external(77))
        .map(|line| line["fault"].to_string());
    assert!(why.is_some_and(|why| why.contains("404")), "{open:?}");
    // It has a pause.
    house.check();
    assert_eq!(house.server.count(SINGLE), first);
}

#[test]
fn a_platform_that_answers_nothing_readable_is_not_asked_pair_by_pair() {
    let mut messages = strangers(250);
    messages.push(said("r_external", "ken", &["lisi", ANNA], ROOM, BEGIN + 500));
    let house = House::of(&messages);
    house.archive.pull(&[0]);
    for path in [SINGLE, GROUP, SCOPE] {
        house
            .server
            .on(path, |_| Reaction::Status(404, "<html>".to_owned()));
    }
    let checked = house.run(&["consent", "check", "--json"]);
    assert_eq!(checked.code, Some(1), "{}", checked.stderr);
    assert!(house.server.count(SINGLE) <= 27, "{}", house.server.count(SINGLE));
}

#[test]
fn rooms_are_asked_and_the_reports_name_who_refused_and_who_is_silent() {
    let people = ["ken", ANNA, BERT];
    let house = House::of(&[
        said("m1_external", ANNA, &["ken", BERT], ROOM, BEGIN),
        said("m2_external", BERT, &["ken", ANNA], ROOM, BEGIN + 1_000),
        said("m3_external", "ken", &people[1..], ROOM, BEGIN + 2_000),
        said(
            "m4",
            "ken",
            &["liu"],
            "wrInternalInternalInternalIntern",
            BEGIN + 3_000,
        ),
    ]);
    house.archive.pull(&[0]);
    house.server.on(GROUP, |asked| {
        assert_eq!(asked.json(), json!({"roomid": ROOM}), "internal rooms are not asked about");
        let info = |external: &str, status: &str| {
            json!({"exteranalopenid": external, "agree_status": status, "status_change_time": BEGIN / 1000 - 60})
        };
        infos(vec![info(ANNA, "Agree"), info(BERT, "Disagree")])
    });
    house.server.answer(
        SCOPE,
        json!({"errcode": 0, "errmsg": "ok", "ids": ["Ken", "Quiet", "Quiet"]}),
    );
    let unread = house.well(&["consent", "report"]);
    assert!(
        unread.stdout.contains("成员列表尚未读取") && unread.stderr.contains("consent check"),
        "{}",
        unread.stdout
    );
    house.check();
    let states: Vec<(String, Option<String>)> = {
        let mut states = house.states();
        states.sort();
        states
    };
    let state = |word: &str| Some(word.to_owned());
    assert_eq!(
        states,
        [
            ("m1_external".to_owned(), state("agreed")),
            ("m2_external".to_owned(), state("refused")),
            ("m3_external".to_owned(), state("refused")),
            ("m4".to_owned(), None)
        ]
    );
    let by = &house.archive.search("msgid:m3_external")[0]["consent"];
    assert_eq!((&by["external"], &by["room"]), (&json!(BERT), &json!(ROOM)));

    let report = house.lines(&["consent", "report", "--json", "--days", "36000"]);
    let of = |name: &str| -> Vec<&Value> { report.iter().filter(|line| line["report"] == name).collect() };
    let refused = of("room_refused");
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (
            &refused[0]["room"],
            &refused[0]["external"],
            &refused[0]["messages"]
        ),
        (&json!(ROOM), &json!(BERT), &json!(2))
    );
    assert_eq!(refused[0]["messages_at_sending"]["refused"], 2);
    let open = of("no_agreement");
    assert_eq!(
        (open.len(), &open[0]["external"], &open[0]["state"]),
        (1, &json!(BERT), &json!("refused"))
    );
    let silent: Vec<&Value> = of("silent").iter().map(|line| &line["member"]).collect();
    assert_eq!(silent, ["quiet"]);
    let text = house.well(&["consent", "report", "--days", "36000"]).stdout;
    for word in [BERT, ROOM, "quiet", "不同意"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn completeness_finds_what_was_planted_and_says_why_where_it_can() {
    let now = i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock")
            .as_millis(),
    )
    .expect("fits");
    let today = (now + EAST_MS).div_euclid(DAY_MS);
    let noon = |day: i64| day * DAY_MS - EAST_MS + DAY_MS / 2;
    let (first, last) = (today - 6, today - 4);
    let mut messages = Vec::new();
    let mut say = |from: &str, to: &[&str], room: &str, day: i64, count: i64| {
        for n in 0..count {
            let number = messages.len();
            messages.push(said(
                &format!("m{number}_external"),
                from,
                to,
                room,
                noon(day) + n,
            ));
        }
    };
    say("ken", &[ANNA], "", first, 3);
    say("ken", &[BERT], "", first, 1);
    say("liu", &[ANNA], "", first, 2);
    say("ken", &[ANNA], "", first + 1, 5);
    say(ANNA, &["ken"], ROOM, first + 1, 4);
    say("ken", &[ANNA], "", last, 1);
    // Something of today, so that the stream is known to reach beyond the days in question.
    say("ken", &[ANNA], "", today, 1);
    let house = House::of(&messages);
    house.archive.pull(&[0]);
    house.server.answer(
        SCOPE,
        json!({"errcode": 0, "errmsg": "ok", "ids": ["ken", "liu", "ida"]}),
    );
    house.server.on(SINGLE, |_| infos(vec![]));
    house.check();

    let missing = Arc::new(AtomicBool::new(false));
    let planted = Arc::clone(&missing);
    house
        .server
        .on("/cgi-bin/externalcontact/get_user_behavior_data", move |asked| {
            let body = asked.json();
            let who = body["userid"][0].as_str().expect("one member").to_owned();
            if who == "ida" {
                return Reaction::Code(60111);
            }
            let from = body["start_time"].as_i64().expect("a time");
            let to = body["end_time"].as_i64().expect("a time");
            assert_eq!((from * 1000 + EAST_MS) % DAY_MS, 0, "midnight in Beijing");
            let mut days = Vec::new();
            let mut at = from;
            while at <= to {
                let day = (at * 1000 + EAST_MS).div_euclid(DAY_MS);
                let lost = i64::from(planted.load(Ordering::SeqCst));
                let (chats, sent) = match (who.as_str(), day) {
                    ("ken", day) if day == first => (2, 4),
                    // One more than the archive holds, once it is planted.
                    ("ken", day) if day == first + 1 => (1, 5 + lost),
                    ("ken", day) if day == last => (1, 1),
                    ("liu", day) if day == first => (1, 2),
                    _ => (0, 0),
                };
                days.push(json!({"stat_time": at, "chat_cnt": chats, "message_cnt": sent}));
                at += DAY_MS / 1000;
            }
            Reaction::Json(json!({"errcode": 0, "errmsg": "ok", "behavior_data": days}))
        });
    let groups = Arc::new(Mutex::new(0));
    let extra = Arc::clone(&groups);
    house.server.on(
        "/cgi-bin/externalcontact/groupchat/statistic_group_by_day",
        move |asked| {
            let body = asked.json();
            let ken = body["owner_filter"]["userid_list"][0] == "ken";
            let from = body["day_begin_time"].as_i64().expect("a time");
            let to = body["day_end_time"].as_i64().expect("a time");
            let mut items = Vec::new();
            let mut at = from;
            while at <= to {
                let day = (at * 1000 + EAST_MS).div_euclid(DAY_MS);
                let grown = if day > first {
                    4 + *extra.lock().expect("a lock")
                } else {
                    0
                };
                let total = if ken { 100 + grown } else { 0 };
                items.push(
                    json!({"stat_time": at, "data": {"chat_total": i64::from(ken), "msg_total": total}}),
                );
                at += DAY_MS / 1000;
            }
            Reaction::Json(json!({"errcode": 0, "errmsg": "ok", "items": items}))
        },
    );
    house.server.answer(
        "/cgi-bin/externalcontact/groupchat/list",
        json!({"errcode": 0, "errmsg": "ok", "group_chat_list": [{"chat_id": ROOM, "status": 0}]}),
    );
    let date = |day: i64| {
        let epoch = jiff::civil::date(1970, 1, 1);
        epoch
            .checked_add(jiff::Span::new().days(day))
            .expect("a date")
            .to_string()
    };
    let (from, to) = (date(first), date(last));
    let ask = |house: &House, more: &[&str], code: i32| {
        let args = [&["completeness", "--json", "--from", &from, "--to", &to], more].concat();
        let finished = house.run(&args);
        assert_eq!(
            finished.code,
            Some(code),
            "{}\n{}",
            finished.stdout,
            finished.stderr
        );
        finished
    };

    let calm = ask(&house, &["--all"], 0);
    let lines = calm.json_lines();
    assert!(
        lines.iter().all(|line| line["verdict"] == "equal"),
        "{}",
        calm.stdout
    );
    // ken on three days and liu on one in single chats, ken's group on one.
    assert_eq!(lines.len(), 5, "{}", calm.stdout);
    let summary: Value = serde_json::from_str(calm.stderr.trim()).expect("one line");
    assert_eq!(
        (&summary["equal"], &summary["not_told"][0]["member"]),
        (&json!(5), &json!("ida"))
    );
    assert!(ask(&house, &[], 0).stdout.is_empty(), "nothing differs");
    // ida alone, whom WeCom gives no counts of: then nothing was compared at all.
    let nothing = ask(&house, &["--member", "ida"], 3);
    assert!(nothing.stdout.is_empty(), "{}", nothing.stdout);

    missing.store(true, Ordering::SeqCst);
    *groups.lock().expect("a lock") = 3;
    let differs = |house: &House| ask(house, &[], 3).json_lines();
    let lines = differs(&house);
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!(
            (&line["verdict"], &line["day"]),
            (&json!("unexplained"), &json!(date(first + 1)))
        );
    }
    assert_eq!(
        (&lines[0]["wecom"]["messages"], &lines[0]["archive"]["messages"]),
        (&json!(6), &json!(5))
    );
    assert_eq!(
        (&lines[1]["wecom"]["messages"], &lines[1]["archive"]["messages"]),
        (&json!(7), &json!(4))
    );
    let asked = ["completeness", "--from", &from, "--to", &to];
    let text = house.run(&asked);
    assert_eq!(text.code, Some(3), "{}", text.stderr);
    // `… | head -1` in a cron job hides nothing.
    let unread = unread(house.archive.command(house.args(&asked)));
    assert_eq!(unread.code, Some(3), "{}", unread.stderr);
    // liu's day is whole.
    ask(&house, &["--member", "liu"], 0);
    assert!(
        text.stdout.contains("原因不明") && text.stdout.contains("ken"),
        "{}",
        text.stdout
    );

    // ANNA refuses that day: then WeCom kept nothing of what was said with her, which may be the one message.
    refuse(&house, noon(first + 1));
    let lines = differs(&house);
    assert_eq!(
        lines[0]["causes"],
        json!([{"cause": "refused", "count": 1}]),
        "{lines:?}"
    );
    assert_eq!(
        (&lines[0]["verdict"], &lines[1]["verdict"]),
        (&json!("explained"), &json!("unexplained"))
    );

    // What is explained waits for nobody.
    *groups.lock().expect("a lock") = 0;
    let lines = ask(&house, &[], 0).json_lines();
    assert_eq!((lines.len(), &lines[0]["verdict"]), (1, &json!("explained")));

    // A company that was never pulled is no company of which all is well.
    let config = fs::read_to_string(&house.archive.config).expect("the configuration");
    let other = "\n[company.other]\ncorpid = \"ww2\"\nmock_corpus = \"nowhere\"\n";
    fs::write(&house.archive.config, config.clone() + other).expect("written");
    let two = ask(&house, &[], 3);
    assert!(two.stderr.contains("nothing was pulled yet"), "{}", two.stderr);
    fs::write(&house.archive.config, config).expect("written");

    let late = house.run(&["completeness", "--to", &date(today)]);
    assert_eq!(late.code, Some(2));
    assert!(late.stderr.contains(&date(today - 1)), "{}", late.stderr);
}

/// ANNA refuses towards ken, and it is known.
fn refuse(house: &House, at: i64) {
    let store = Store::open(&house.archive.dir.join("data/archive.db")).expect("an archive");
    let desk = Desk::open(store).expect("a desk");
    let subject = shiguan::consent::Subject {
        talk: shiguan::consent::Talk::With("ken".to_owned()),
        external: ANNA.to_owned(),
    };
    let learnt = shiguan::store::contract::Learnt {
        subject,
        state: shiguan::consent::State::Refused,
        since: Some(Millis(at)),
        how: shiguan::consent::How::Asked,
        at: Millis(at + 1),
        record: None,
    };
    block_on(async {
        desk.ask(move |store| {
            let company = store.company("mock", CORP).expect("a company");
            store.consent_learn(company, &[learnt]).expect("kept")
        })
        .await
        .expect("asked")
    });
    desk.close();
}

#[test]
fn a_directory_that_hangs_costs_the_archive_nothing_and_its_end_no_time() {
    let messages: Vec<Value> = (0..300)
        .map(|n| said(&format!("m{n}_external"), "ken", &[ANNA], "", BEGIN + n))
        .collect();
    let house = House::of(&messages);
    for path in [SCOPE, SINGLE, GROUP] {
        house.server.on(path, |_| {
            Reaction::Slow(Duration::from_secs(25), Box::new(Reaction::HangUp))
        });
    }
    let mut running = house.archive.start(house.args(&["run"]));
    let deadline = Instant::now() + Duration::from_secs(20);
    while house.archive.run(["stats", "--json"]).code != Some(0) || house.archive.stats()["opened"] != 300 {
        assert!(Instant::now() < deadline, "the records wait for the directory");
        std::thread::sleep(Duration::from_millis(100));
    }
    while house.server.count(SCOPE) == 0 {
        assert!(Instant::now() < deadline, "nobody asked");
        std::thread::sleep(Duration::from_millis(50));
    }
    let stopped = Instant::now();
    assert_eq!(kit::terminate(&mut running).code(), Some(0));
    assert!(
        stopped.elapsed() < Duration::from_secs(15),
        "the end waited for the directory"
    );
    // An answer that never comes is an error of the command that asked for it, with what to do.
    house.server.on(SCOPE, |_| Reaction::Code(60020));
    let refused = house.run(&["consent", "check"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("60020") && refused.stderr.contains("hint"),
        "{}",
        refused.stderr
    );
    assert_eq!(house.archive.search("consent:unknown").len(), 300);
}

#[test]
fn run_asks_by_itself() {
    let house = House::of(&[said("m1_external", "ken", &[ANNA], "", BEGIN)]);
    house.archive.pull(&[0]);
    house.server.on(SINGLE, |_| {
        infos(vec![agreement("ken", ANNA, "Agree", BEGIN - 5_000)])
    });
    let mut running = house.archive.start(house.args(&["run"]));
    let deadline = Instant::now() + Duration::from_secs(20);
    while house.archive.search("consent:agreed").is_empty() {
        assert!(Instant::now() < deadline, "nobody asked");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(kit::terminate(&mut running).code(), Some(0));
    assert_eq!(house.server.count(SINGLE), 1);
}

#[test]
fn a_thousand_strangers_cost_few_calls_and_a_killed_check_loses_nothing() {
    let mut messages = strangers(1_000);
    // Some say so themselves as well.
    messages.extend((0..50).map(|n| {
        let time = BEGIN - 9_000 + n as i64;
        answered(&format!("a{n}_external"), &external(n), &["ken"], "", time, true)
    }));
    let answers = |asked: &kit::wecom::Asked| {
        let pairs = pairs(&asked.json());
        let agreed = pairs
            .iter()
            .map(|(member, external)| agreement(member, external, "Agree", BEGIN - 9_000));
        infos(agreed.collect())
    };
    let told = |house: &House| -> Vec<Value> {
        let mut lines = house.lines(&["consent", "show", "ken", "--json"]);
        for line in &mut lines {
            for one in line["told"].as_array_mut().expect("a list") {
                // When it was learnt is the one thing that differs.
                one["learnt"].take();
                one["seen"].take();
            }
        }
        lines
    };
    let calm = House::of(&messages);
    calm.archive.pull(&[0]);
    calm.server.on(SINGLE, answers);
    assert_eq!(calm.check()["answered"], 1_000);
    assert_eq!(calm.server.count(SINGLE), 10, "a hundred in each call");
    assert_eq!(calm.server.count(SCOPE), 1);
    let expected = told(&calm);
    assert_eq!(expected.len(), 1_000);

    let disturbed = House::of(&messages);
    disturbed.archive.pull(&[0]);
    disturbed.server.on(SINGLE, move |asked| {
        Reaction::Slow(Duration::from_millis(25), Box::new(answers(asked)))
    });
    let mut kills = 0;
    for round in 0..12_u64 {
        let mut running = disturbed.archive.start(disturbed.args(&["consent", "check"]));
        std::thread::sleep(Duration::from_millis(60 + 23 * round));
        if running.try_wait().expect("a status").is_none() {
            running.kill().expect("a living process");
            kills += 1;
        }
        running.wait().expect("an end");
    }
    assert!(kills > 0, "nothing was killed, so nothing was shown");
    disturbed.check();
    assert_eq!(told(&disturbed), expected, "after {kills} kills");
    assert_eq!(disturbed.archive.search("consent:agreed type:text").len(), 1_000);
}

#[test]
fn what_is_missing_is_explained_by_what_is_closed_or_not_recorded() {
    let now = i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock")
            .as_millis(),
    )
    .expect("fits");
    let today = (now + EAST_MS).div_euclid(DAY_MS);
    let noon = |day: i64| day * DAY_MS - EAST_MS + DAY_MS / 2;
    let day = today - 5;
    let mut messages: Vec<Value> = (0..3)
        .map(|n| said(&format!("m{n}_external"), "ken", &[ANNA], "", noon(day) + n))
        .collect();
    messages.push(said("m3_external", "liu", &[BERT], "", noon(day) + 4));
    messages.push(said("m4_external", "ken", &[ANNA], "", noon(day + 1)));
    let house = House::with_faults(&messages, |truth| {
        Faults::new().with(Rule::chatdata(Fault::WrongVersion { version: 77 }).at_seq(truth[1].seq))
    });
    house.archive.pull(&[3]);
    house
        .server
        .answer(SCOPE, json!({"errcode": 0, "errmsg": "ok", "ids": ["ken"]}));
    house.server.on(SINGLE, |_| infos(vec![]));
    house.check();
    house
        .server
        .on("/cgi-bin/externalcontact/get_user_behavior_data", move |asked| {
            let ken = asked.json()["userid"][0] == "ken";
            let sent = if ken { 3 } else { 2 };
            let stat_time = (day * DAY_MS - EAST_MS) / 1000;
            Reaction::Json(json!({"errcode": 0, "errmsg": "ok",
                "behavior_data": [{"stat_time": stat_time, "chat_cnt": 1, "message_cnt": sent}]}))
        });
    house.server.answer(
        "/cgi-bin/externalcontact/groupchat/list",
        json!({"errcode": 0, "errmsg": "ok", "group_chat_list": []}),
    );
    let date = {
        let epoch = jiff::civil::date(1970, 1, 1);
        epoch
            .checked_add(jiff::Span::new().days(day))
            .expect("a date")
            .to_string()
    };
    let lines = house.lines(&["completeness", "--json", "--from", &date, "--to", &date]);
    let causes = |member: &str| -> Vec<&str> {
        let line = lines
            .iter()
            .find(|line| line["member"] == member)
            .expect("a line");
        assert_eq!(line["verdict"], "explained");
        let causes = line["causes"].as_array().expect("a list");
        causes
            .iter()
            .map(|cause| cause["cause"].as_str().expect("a word"))
            .collect()
    };
    assert_eq!(causes("ken"), ["not_opened"]);
    assert_eq!(causes("liu"), ["not_opened", "out_of_scope"]);
    let text = house
        .well(&["completeness", "--from", &date, "--to", &date])
        .stdout;
    assert!(
        text.contains("1 条记录尚未解密") && text.contains("不在存档范围内"),
        "{text}"
    );

    // An answer that cannot be read is about one member; the others are compared.
    house
        .server
        .on("/cgi-bin/externalcontact/get_user_behavior_data", move |asked| {
            if asked.json()["userid"][0] == "ken" {
                return Reaction::Status(404, "<html>".to_owned());
            }
            let stat_time = (day * DAY_MS - EAST_MS) / 1000;
            Reaction::Json(json!({"errcode": 0, "errmsg": "ok",
                "behavior_data": [{"stat_time": stat_time, "chat_cnt": 1, "message_cnt": 2}]}))
        });
    let finished = house.run(&["completeness", "--json", "--from", &date, "--to", &date]);
    let lines = finished.json_lines();
    assert!(
        lines.iter().any(|line| line["member"] == "liu"),
        "{}",
        finished.stderr
    );
    let summary = finished
        .stderr
        .lines()
        .find(|line| line.contains("not_told"))
        .expect("a summary");
    let not_told: Value = serde_json::from_str(summary).expect("JSON");
    assert!(not_told["not_told"].to_string().contains("ken"), "{not_told}");
    assert_eq!(not_told["left"], 0, "{not_told}");
}
