//! Callbacks are kept once, in order, without their secrets, and mark what is to be read again; also across a kill.

use std::path::Path;

use kit::{
    Archive, Corpus, Program,
    callback::{event, seconds},
};
use serde_json::{Value, json};

use super::daemon::{Daemon, KEY, TOKEN, until};

const WELCOME: &str = "CANARYwelcomeZq93";

fn archive(scratch: &Path) -> Archive {
    let corpus = Corpus::generate(scratch, 5, 7);
    Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.join("archive"), &corpus)
}

/// Messages that were just sent: they confirm the clock, without which nothing is let go by time.
fn fresh_archive(scratch: &Path) -> Archive {
    let folder = scratch.join("messages");
    std::fs::create_dir(&folder).expect("a folder");
    for n in 1..=3 {
        let message = json!({"msgid": format!("m{n}"), "action": "send", "from": "a", "tolist": ["b"],
                             "msgtime": (seconds() - n) * 1000, "msgtype": "text", "text": {"content": "x"}});
        std::fs::write(folder.join(format!("{n}.json")), message.to_string()).expect("a message");
    }
    let corpus = Corpus::seal(&folder, scratch);
    Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.join("archive"), &corpus)
}

fn start(archive: &Archive, scratch: &Path, log: &str) -> Daemon {
    let mut set = Daemon::callbacks(scratch);
    set.push("pull.interval_seconds=3600".into());
    Daemon::start(archive, scratch.join(log), &set)
}

/// `events … --json`, once it has so many lines.
fn listed(archive: &Archive, verb: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} of events {verb}"), || {
        let finished = archive.run(["events", verb, "--json"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        Some(finished.json_lines()).filter(|lines| lines.len() == count)
    })
}

fn contact(change: &str, user: &str, external: &str) -> String {
    event(
        "change_external_contact",
        &format!(
            "<ChangeType>{change}</ChangeType><UserID>{user}</UserID><ExternalUserID>{external}</ExternalUserID>\
             <WelcomeCode><![CDATA[{WELCOME}]]></WelcomeCode>"
        ),
    )
}

#[test]
fn every_event_is_kept_without_its_secrets_and_marks_whom_it_is_about() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    let daemon = start(&archive, scratch.path(), "log");
    let caller = daemon.caller(&archive);
    let chat = event(
        "change_external_chat",
        "<ChangeType>update</ChangeType><ChatId>wrCHAT</ChatId><UpdateDetail>change_name</UpdateDetail>",
    );
    let tomorrow = event(
        "of_tomorrow",
        "<Said>hello</Said><NewToken>CANARYnewZq95</NewToken>",
    );
    let wrote = "<xml><MsgType>text</MsgType><FromUserName>u</FromUserName><CreateTime>7</CreateTime>\
                 <Content>CANARYsaidZq94</Content><MsgId>77</MsgId></xml>";
    for (number, text) in [
        contact("msg_audit_approved", "zhangsan", "wmA"),
        contact("edit_external_contact", "zhangsan", "wmB"),
        chat,
        tomorrow,
        wrote.to_owned(),
        event("msgaudit_notify", ""),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(caller.tell(text, seconds(), &format!("n{number}")).status, 200);
    }
    let events = listed(&archive, "list", 6);
    let named = |name: &str| {
        events
            .iter()
            .find(|event| event["event"] == name)
            .unwrap_or_else(|| panic!("no {name}: {events:?}"))
    };
    assert_eq!(events[0]["event"], "msgaudit_notify", "latest first");
    assert_eq!(named("of_tomorrow")["known"], false);
    let body = named("of_tomorrow")["body"].as_str().expect("a body");
    assert!(
        body.contains("<Said>hello</Said><NewToken>***</NewToken>"),
        "{body}"
    );
    assert_eq!(named("of_tomorrow")["handled"], "kept");
    assert_eq!(named("change_external_chat")["handled"], "waiting");
    assert_eq!(named("change_external_chat")["change"], "update");
    assert_eq!(named("message")["body"], Value::Null);
    let one = archive.run(["events", "list", "--json", "--name", "change_external_chat"]);
    assert_eq!(one.json_lines().len(), 1);

    let stale: Vec<Value> = listed(&archive, "stale", 3)
        .into_iter()
        .map(|one| json!([one["kind"], one["id"], one["external_userid"], one["why"]]))
        .collect();
    assert_eq!(
        stale,
        [
            json!([
                "person",
                "wmB",
                null,
                "change_external_contact.edit_external_contact"
            ]),
            json!(["room", "wrCHAT", null, "change_external_chat.update"]),
            json!([
                "pair",
                "zhangsan",
                "wmA",
                "change_external_contact.msg_audit_approved"
            ]),
        ]
    );

    // What people read is Chinese first.
    let screen = archive.run(["events", "list"]).stdout;
    assert!(
        screen.contains("待重新读取") && screen.contains("of_tomorrow（未知）"),
        "{screen}"
    );
    let screen = archive.run(["--language", "en", "events", "stale"]).stdout;
    assert!(screen.contains("zhangsan / wmA"), "{screen}");

    daemon.wait_for("callback.event", 6);
    let mut printed = daemon.log();
    printed += &archive.run(["-vv", "events", "list", "--json"]).stdout;
    printed += &archive.run(["-vv", "events", "list"]).stdout;
    for canary in [WELCOME, TOKEN, KEY, "CANARY"] {
        assert!(!printed.contains(canary), "{canary} was printed");
    }
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn repetitions_are_kept_once_also_after_a_kill() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    let daemon = start(&archive, scratch.path(), "first");
    let caller = daemon.caller(&archive);
    let approved = contact("msg_audit_approved", "zhangsan", "wmA");
    // WeCom repeats what it believes lost under a nonce and a signature of their own.
    for nonce in ["a", "b"] {
        assert_eq!(caller.tell(&approved, seconds(), nonce).status, 200);
    }
    // Notifications say nothing of their own: those of an hour are one.
    let notified = event("msgaudit_notify", "");
    for nonce in ["c", "d"] {
        assert_eq!(caller.tell(&notified, seconds(), nonce).status, 200);
    }
    daemon.wait_for("callback.event", 4);
    daemon.kill();

    let daemon = start(&archive, scratch.path(), "second");
    let caller = daemon.caller(&archive);
    assert_eq!(caller.tell(&approved, seconds(), "e").status, 200);
    daemon.wait_for("callback.event", 1);
    let events = listed(&archive, "list", 2);
    let times: Vec<Value> = events
        .iter()
        .map(|event| json!([event["event"], event["times"]]))
        .collect();
    assert_eq!(
        times,
        [
            json!(["msgaudit_notify", 2]),
            json!(["change_external_contact", 3])
        ]
    );
    let stale = listed(&archive, "stale", 1);
    assert_eq!(
        (&stale[0]["kind"], &stale[0]["events"]),
        (&json!("pair"), &json!(1))
    );
}

#[test]
fn a_kill_at_any_instant_leaves_each_event_with_its_marks() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    let database = archive.dir.join("data/archive.db");
    let mut acknowledged = 0;
    let mut kept = 0;
    for round in 0..4 {
        let daemon = start(&archive, scratch.path(), &format!("log{round}"));
        let caller = daemon.caller(&archive);
        for number in 0..30 {
            let id = format!("wm{round}x{number}");
            let answer = caller.tell(&contact("add_external_contact", "zhangsan", &id), seconds(), &id);
            acknowledged += usize::from(answer.status == 200);
            if number == 7 * (round + 1) {
                break;
            }
        }
        // Right behind the last answer: some of them are still on their way into the archive.
        daemon.kill();
        let conn = rusqlite::Connection::open(&database).expect("the archive");
        let count = |sql: &str| -> usize {
            conn.query_row(sql, [], |row| row.get::<_, i64>(0))
                .map(|count| usize::try_from(count).expect("a count"))
                .expect("an answer")
        };
        kept = count("SELECT count(*) FROM event");
        assert_eq!(count("SELECT count(*) FROM event WHERE state <> 1"), 0);
        // A person and a pair for each, and none of nobody's.
        assert_eq!(count("SELECT count(*) FROM stale"), 2 * kept);
        assert_eq!(count("SELECT count(DISTINCT event) FROM stale"), kept);
    }
    assert!(acknowledged >= 60 && kept > 0, "{acknowledged} {kept}");
    let finished = archive.run(["doctor", "--json"]);
    assert!(finished.stdout.contains("\"ok\":true"), "{}", finished.stdout);
}

#[test]
fn old_events_go_as_configured() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = fresh_archive(scratch.path());
    let daemon = start(&archive, scratch.path(), "log");
    daemon.wait_for("run.ended", 1);
    let caller = daemon.caller(&archive);
    assert_eq!(caller.tell(&event("one", ""), seconds(), "a").status, 200);
    daemon.wait_for("callback.event", 1);
    assert_eq!(daemon.terminate(), Some(0));
    // As if it had come three days ago.
    let database = archive.dir.join("data/archive.db");
    let conn = rusqlite::Connection::open(&database).expect("the archive");
    conn.execute_batch("UPDATE event SET last = last - 3 * 86400000")
        .expect("aged");
    drop(conn);

    let mut set = Daemon::callbacks(scratch.path());
    set.extend(["pull.interval_seconds=3600".into(), "callback.keep_days=2".into()]);
    let daemon = Daemon::start(&archive, scratch.path().join("log2"), &set);
    let caller = daemon.caller(&archive);
    assert_eq!(caller.tell(&event("two", ""), seconds(), "b").status, 200);
    daemon.wait_for("callback.forgot", 1);
    assert_eq!(listed(&archive, "list", 1)[0]["event"], "two");
}

#[test]
fn a_company_nobody_knows_is_told_and_an_empty_list_is_one() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path());
    archive.pull(&[0]);
    let finished = archive.run(["events", "list", "--json"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    let finished = archive.run(["events", "list", "--company", "nobody"]);
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("nobody"), "{}", finished.stderr);
}
