//! `doctor --online`: what only WeCom can tell, each obstacle by its name, and nothing changed by asking.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    thread,
};

use kit::{
    Archive, Corpus, Finished, Program, WeCom,
    wecom::{Reaction, refusal},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const CORP: &str = "ww0000000000000000";
const SECRET: &str = "CANARYarchive";
const MEMBERS: &str = "/cgi-bin/msgaudit/get_permit_user_list";

struct Bench {
    archive: Archive,
    server: WeCom,
    secret: std::path::PathBuf,
    _scratch: TempDir,
}

impl Bench {
    fn new() -> Self {
        let scratch = TempDir::new().unwrap();
        let corpus = Corpus::generate(scratch.path(), 20, 7);
        let server = WeCom::of(CORP, SECRET, "CANARYapp");
        server.answer(
            MEMBERS,
            json!({"errcode": 0, "errmsg": "ok", "ids": ["a", "b", "c"]}),
        );
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        let secret = scratch.path().join("secret");
        fs::write(&secret, SECRET).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let config = fs::read_to_string(&archive.config).unwrap().replacen(
            "[company.mock]",
            &format!("[company.mock]\nsecret_file = \"{}\"", secret.display()),
            1,
        );
        fs::write(&archive.config, config).unwrap();
        Self {
            archive,
            server,
            secret,
            _scratch: scratch,
        }
    }

    fn doctor(&self, set: &[&str]) -> Finished {
        let mut command = self.archive.command(["doctor", "--online", "--json"]);
        command.args(["--set", &format!("api.host={}", self.server.url())]);
        for value in set {
            command.args(["--set", value]);
        }
        let finished: Finished = command.output().expect("the program starts").into();
        assert!(!format!("{finished:?}").contains("CANARY"), "{finished:?}");
        finished
    }

    fn finding(&self, set: &[&str], check: &str) -> Value {
        find(&self.doctor(set), check)
    }
}

fn find(finished: &Finished, check: &str) -> Value {
    let report = finished.json();
    let findings = report["findings"].as_array().expect("a list");
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {report}")).clone()
}

#[test]
fn all_is_well_and_nothing_was_changed() {
    let bench = Bench::new();
    let first = bench.doctor(&[]);
    let value =
        |finished: &Finished, check: &str| find(finished, check)["value"].as_str().unwrap().to_owned();
    assert_eq!(value(&first, "permitted members (mock)"), "3");
    assert!(value(&first, "one pull (mock)").contains("1 record(s) behind seq 0"));
    for check in ["route (mock)", "token (mock)", "WeCom's clock (mock)"] {
        assert_eq!(find(&first, check)["status"], "ok", "{check}");
    }
    assert!(
        !bench.archive.dir.join("data/archive.db").exists(),
        "no archive was made"
    );
    assert!(
        !bench.archive.dir.join("data/tokens.db").exists(),
        "no token was kept"
    );

    bench.archive.pull(&[0]);
    let before = (
        bench.archive.run(["digest"]).stdout,
        bench.archive.run(["runs", "--json"]).stdout,
    );
    let again = bench.doctor(&[]).exits(0);
    let told = value(&again, "one pull (mock)");
    assert!(told.contains("0 record(s) behind seq 20"), "{told}");
    let after = (
        bench.archive.run(["digest"]).stdout,
        bench.archive.run(["runs", "--json"]).stdout,
    );
    assert_eq!(before, after);
    assert!(!before.0.is_empty());
}

#[test]
fn refusals_are_told_apart_with_what_to_do() {
    let bench = Bench::new();
    fs::write(&bench.secret, "CANARYwrong").unwrap();
    let refused = bench.doctor(&[]).exits(3);
    let token = find(&refused, "token (mock)");
    assert!(token["cause"].as_str().unwrap().contains("40001"), "{token}");
    assert!(
        token["fix"].as_str().unwrap().contains("copy the Secret again"),
        "{token}"
    );
    fs::write(&bench.secret, SECRET).unwrap();

    for (code, check, fix) in [
        (40013, "token (mock)", "企业ID"),
        (40091, "token (mock)", "a pair"),
        (60020, "permitted members (mock)", "可信IP"),
        (301_042, "permitted members (mock)", "可信IP"),
        (48002, "permitted members (mock)", "会话内容存档"),
    ] {
        bench.server.answer(MEMBERS, refusal(code, "no"));
        let told = bench.finding(&[], check);
        assert_eq!(told["status"], "bad", "{told}");
        assert!(
            told["cause"].as_str().unwrap().contains(&code.to_string()),
            "{told}"
        );
        assert!(told["fix"].as_str().unwrap().contains(fix), "{code}: {told}");
    }
    bench
        .server
        .answer(MEMBERS, json!({"errcode": 0, "errmsg": "ok", "ids": []}));
    assert_eq!(
        bench.finding(&[], "permitted members (mock)")["status"],
        "warning"
    );
    bench.server.on(MEMBERS, |_| {
        Reaction::Status(502, "<html>Bad Gateway</html>".to_owned())
    });
    let told = bench.finding(&[], "route (mock)");
    assert!(
        told["value"]
            .as_str()
            .unwrap()
            .contains("answers instead of WeCom"),
        "{told}"
    );
}

#[test]
fn the_way_is_told_from_what_is_at_its_end() {
    let bench = Bench::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let picky = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _read = stream.read(&mut [0; 512]);
            let _written =
                stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let plain = bench.server.url().replace("http://", "https://");
    for (set, cause) in [
        (
            vec!["api.host=https://no-such-name.invalid".to_owned()],
            "DNS: WeCom's name",
        ),
        (
            vec![format!("api.host=https://{closed}")],
            "no connection to WeCom",
        ),
        (vec![format!("api.host={plain}")], "TLS"),
        (
            vec![format!("api.proxy=http://{closed}")],
            "the proxy takes no connection",
        ),
        (
            vec!["api.proxy=http://no-such-proxy.invalid:3128".to_owned()],
            "DNS: the proxy's name",
        ),
        (
            vec![
                format!("api.proxy=http://{picky}"),
                "api.host=https://qyapi.example".to_owned(),
            ],
            "407",
        ),
    ] {
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let told = bench.finding(&set, "route (mock)");
        assert_eq!(
            (&told["status"], &told["endangers_records"]),
            (&json!("bad"), &json!(true)),
            "{told}"
        );
        let said = format!("{} {}", told["value"], told["cause"]);
        assert!(said.contains(cause), "{set:?}: {told}");
        assert!(!told["fix"].as_str().unwrap().is_empty());
    }
    assert_eq!(
        bench.server.count(MEMBERS),
        0,
        "nobody was asked through a way that is closed"
    );
}

#[test]
fn without_a_secret_only_the_sdk_is_asked() {
    let scratch = TempDir::new().unwrap();
    let corpus = Corpus::generate(scratch.path(), 5, 7);
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    let finished = archive.run(["doctor", "--online", "--json"]).exits(0);
    assert!(
        find(&finished, "one pull (mock)")["value"]
            .as_str()
            .unwrap()
            .contains("1 record(s)")
    );
    assert_eq!(find(&finished, "token (mock)")["status"], "ok");
}
