//! `shiguan api`: every row by name, and never a secret on the screen.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use kit::{Program, WeCom, wecom::Reaction};
use serde_json::{Value, json};

use super::{APP, ARCHIVE, CORP, wecom};

const CANARIES: [&str; 5] = ["CANARY", "corpsecret=", "access_token=", "Q0FOQVJZ", "%43ANARY"];

fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// A configuration for the fake server; says nothing of `contact`.
fn configured(folder: &Path, host: &str) -> Vec<String> {
    private(&folder.join("archive.secret"), ARCHIVE);
    private(&folder.join("app.secret"), APP);
    let config = folder.join("shiguan.toml");
    fs::write(
        &config,
        format!(
            "[api]\nhost = \"{host}\"\ntimeout_seconds = 10\n[company.acme]\ncorpid = \"{CORP}\"\n\
             secret_file = \"archive.secret\"\napp_secret_file = \"app.secret\"\n"
        ),
    )
    .expect("a file");
    vec!["--config".to_owned(), config.display().to_string()]
}

struct Bench {
    server: WeCom,
    folder: tempfile::TempDir,
    base: Vec<String>,
    program: Program,
}

impl Bench {
    fn new() -> Self {
        let (server, folder) = (wecom(), tempfile::tempdir().expect("a folder"));
        let base = configured(folder.path(), &server.url());
        Self {
            server,
            folder,
            base,
            program: Program::new(env!("CARGO_BIN_EXE_shiguan")),
        }
    }

    /// Runs `shiguan api …` at the most talkative level and looks at everything it said.
    fn api(&self, args: &[&str]) -> kit::Finished {
        let mut all: Vec<&str> = self.base.iter().map(String::as_str).collect();
        all.extend(["-vv", "api"]);
        all.extend(args);
        let finished = self.program.run(all);
        for canary in CANARIES {
            assert!(
                !finished.stdout.contains(canary) && !finished.stderr.contains(canary),
                "{args:?} shows {canary}\n{}\n{}",
                finished.stdout,
                finished.stderr
            );
        }
        finished
    }
}

#[test]
fn the_list_names_every_row() {
    let finished = Program::new(env!("CARGO_BIN_EXE_shiguan")).run(["api", "--list"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout.lines().count(), 133);
    let line = finished
        .stdout
        .lines()
        .find(|line| line.contains("get_permit_user_list"))
        .expect("a line");
    for word in [
        "MA-1",
        "POST",
        "archive",
        "91614",
        "获取会话内容存档开启成员列表",
        "/cgi-bin/msgaudit/get_permit_user_list",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
}

#[test]
fn any_row_is_called_by_name_or_id_and_answers_as_it_came() {
    let bench = Bench::new();
    bench.server.answer(
        "/cgi-bin/msgaudit/get_permit_user_list",
        json!({"errcode": 0, "errmsg": "ok", "ids": ["zhangsan"], "new_field": 1}),
    );
    for name in ["get_permit_user_list", "MA-1"] {
        let finished = bench.api(&[name]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert_eq!(finished.json()["ids"], json!(["zhangsan"]));
        assert_eq!(finished.json()["new_field"], 1);
    }
    let finished = bench.api(&["user_get", "--json", r#"{"userid":"张三"}"#]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let asked = bench.server.asked();
    assert_eq!(asked.last().expect("asked").query["userid"], "张三");
}

#[test]
fn tokens_are_covered_in_answers_errors_and_logs() {
    let bench = Bench::new();
    let finished = bench.api(&["get_token"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.json()["access_token"], "***");
    assert_eq!(finished.json()["expires_in"], 7200);
    bench.server.answer(
        "/cgi-bin/get_jsapi_ticket",
        json!({"errcode": 0, "ticket": "CANARYticket", "expires_in": 7200}),
    );
    assert_eq!(bench.api(&["get_jsapi_ticket"]).json()["ticket"], "***");
    let signed = bench.api(&["get_jsapi_ticket", "--sign", "https://a/b?c=d#e"]);
    assert_eq!(signed.code, Some(0), "{}", signed.stderr);
    let signed = signed.json();
    let word = |name: &str| signed[name].as_str().expect("a text").to_owned();
    let expected = shiguan::directory::page_signature(
        &shiguan::secret::Secret::new("CANARYticket"),
        &word("noncestr"),
        signed["timestamp"].as_i64().expect("seconds"),
        "https://a/b?c=d",
    );
    assert_eq!(word("signature"), expected);
    let wrong = bench.api(&["get_token", "--sign", "https://a"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    let user = "/cgi-bin/user/get";
    let zhang = r#"{"userid":"zhangsan"}"#;
    let troubles = [
        vec![Reaction::Code(60020)],
        vec![Reaction::Code(42001), Reaction::Code(42001)],
        vec![Reaction::Status(403, "CANARY page of a proxy".into())],
        vec![Reaction::Json(json!({"errcode": 45009, "errmsg": "x"}))],
    ];
    for trouble in troubles {
        bench.server.script(user, trouble);
        let finished = bench.api(&["user_get", "--json", zhang]);
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains("user_get"), "{}", finished.stderr);
    }
    // The server repeats the token it does not know.
    bench.server.on(user, |asked| {
        Reaction::Json(kit::wecom::refusal(
            60011,
            &format!("no right for {}", asked.query["access_token"]),
        ))
    });
    let finished = bench.api(&["user_get", "--json", zhang]);
    assert!(
        finished.stderr.contains("no right for ***"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("可见范围"), "{}", finished.stderr);
    // A reset secret; nobody at home; a robot's key.
    bench.server.reset(ARCHIVE);
    assert_eq!(bench.api(&["get_permit_user_list"]).code, Some(1));
    let body = bench.folder.path().join("robot.json");
    fs::write(
        &body,
        r#"{"key":"CANARYrobot","msgtype":"text","text":{"content":"x"}}"#,
    )
    .expect("a file");
    let body = format!("@{}", body.display());
    bench
        .server
        .script("/cgi-bin/webhook/send", [Reaction::Code(93000)]);
    let finished = bench.api(&["webhook_send", "--json", &body]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let dead = [
        "api",
        "user_get",
        "--json",
        zhang,
        "--set",
        "api.host=http://127.0.0.1:9",
    ];
    let mut all: Vec<&str> = bench.base.iter().map(String::as_str).collect();
    all.push("-vv");
    all.extend(dead);
    let finished = bench.program.run(all);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("127.0.0.1:9"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("CANARY"), "{}", finished.stderr);
}

#[test]
fn processes_share_a_token_through_a_file_that_only_the_owner_reads() {
    let bench = Bench::new();
    let data = bench.folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    for _ in 0..3 {
        assert_eq!(bench.api(&["get_permit_user_list"]).code, Some(0));
    }
    assert_eq!(
        bench.server.count("/cgi-bin/gettoken"),
        1,
        "one for three processes"
    );
    let file = fs::metadata(data.join("tokens.db")).expect("a file");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    // The platform takes it back: the next process fetches another, the one after uses that.
    bench.server.revoke();
    for _ in 0..2 {
        assert_eq!(bench.api(&["get_permit_user_list"]).code, Some(0));
    }
    assert_eq!(bench.server.count("/cgi-bin/gettoken"), 2);
}

#[test]
fn what_is_typed_wrongly_is_told_before_anything_is_sent() {
    let bench = Bench::new();
    for (args, words) in [
        (vec!["user_gett"], vec!["no call `user_gett`", "user_get"]),
        (
            vec!["user_get"],
            vec!["user_get needs userid", "document/path/90196"],
        ),
        (
            vec!["user_get", "--json", r#"{"userid":"a","user_id":"b"}"#],
            vec!["user_id", "no such field"],
        ),
        (vec!["user_get", "--json", "[1]"], vec!["JSON object"]),
        (vec!["user_get", "--json", "{"], vec!["no JSON"]),
        (vec!["user_list_id"], vec!["contact_secret_file"]),
        (
            vec![
                "callback_verify",
                "--json",
                r#"{"msg_signature":"s","timestamp":"1","nonce":"n","echostr":"e"}"#,
            ],
            vec!["listener"],
        ),
        (
            vec!["media_get", "--json", r#"{"media_id":"m"}"#],
            vec!["--output"],
        ),
        (
            vec!["media_upload", "--json", r#"{"type":"file"}"#],
            vec!["--file"],
        ),
        (
            vec!["user_get", "--json", r#"{"userid":"a"}"#, "--all"],
            vec!["no pages"],
        ),
    ] {
        let finished = bench.api(&args);
        assert_eq!(finished.code, Some(2), "{args:?}: {}", finished.stderr);
        for word in words {
            assert!(
                finished.stderr.contains(word),
                "{args:?}: `{word}` is missing:\n{}",
                finished.stderr
            );
        }
    }
    assert!(bench.server.asked().is_empty());
}

#[test]
fn files_pages_other_tokens_and_standard_input_work_from_the_command_line() {
    let bench = Bench::new();
    bench.server.on("/cgi-bin/media/get", |_| {
        Reaction::File("image/png".into(), b"PNG".to_vec())
    });
    let output = bench.folder.path().join("picture");
    let output = output.to_str().expect("UTF-8");
    let get = ["media_get", "--json", r#"{"media_id":"m"}"#, "--output", output];
    assert_eq!(bench.api(&get).json()["bytes"], 3);
    assert_eq!(fs::read(output).expect("a file"), b"PNG");
    assert_eq!(bench.api(&get).code, Some(1), "never over a file that is there");
    bench
        .server
        .answer("/cgi-bin/media/upload", json!({"errcode": 0, "media_id": "m2"}));
    let up = bench.api(&["media_upload", "--json", r#"{"type":"image"}"#, "--file", output]);
    assert_eq!(up.json()["media_id"], "m2");

    let list = "/cgi-bin/externalcontact/groupchat/list";
    bench.server.script(
        list,
        [
            Reaction::Json(
                json!({"errcode": 0, "group_chat_list": [{"chat_id": "wr1"}], "next_cursor": "c"}),
            ),
            Reaction::Json(json!({"errcode": 0, "group_chat_list": [{"chat_id": "wr2"}]})),
        ],
    );
    let pages: Vec<Value> = bench
        .api(&["group_chat_list", "--json", r#"{"limit":1}"#, "--all"])
        .json_lines();
    assert_eq!(
        (pages.len(), &pages[1]["group_chat_list"][0]["chat_id"]),
        (2, &json!("wr2"))
    );

    // The archive's own secret may not ask for customers.
    let finished = bench.api(&["get_follow_user_list", "--token", "archive"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("48002") && finished.stderr.contains("可调用接口的应用"),
        "{}",
        finished.stderr
    );

    let mut child = bench
        .program
        .command(
            bench
                .base
                .iter()
                .map(String::as_str)
                .chain(["api", "user_get", "--json", "-"]),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(br#"{"userid":"typed"}"#)
        .expect("written");
    assert!(child.wait().expect("an end").success());
    assert_eq!(
        bench.server.asked().last().expect("asked").query["userid"],
        "typed"
    );
}
