//! Promise 9: nothing secret is ever printed, whatever goes wrong and however talkative the log.
//!
//! Canaries are planted where secrets live: the archive's secret, proxy credentials, message bodies, sdkfileids, the
//! private keys. Every command that is not asked to show a message runs at the most talkative level, with faults;
//! then everything it printed, its command lines and its environment are searched.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::Duration};

use kit::{Archive, Corpus, PULL, Program};
use sdk_mock::faults::{Fault, Faults, Rule};

const SECRET: &str = "CANARYsecretZq81";
const PROXY: &str = "canaryuser:CANARYproxyZq82";
const BODY: &str = "CANARY正文Zq83";
const FILE: &str = "CANARYfileidZq84AAAABBBBCCCCDDDDEEEE";

fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

fn plant(scratch: &Path) -> (Archive, Corpus, Vec<String>) {
    let plain = scratch.join("plain");
    fs::create_dir(&plain).expect("a folder");
    for number in 0..40 {
        let text = format!(
            r#"{{"msgid":"{number}_1700000000000","action":"send","from":"a","tolist":["b"],"roomid":"","msgtime":1700000000000,"msgtype":"{}","{}":{{"content":"{BODY} {number}","sdkfileid":"{FILE}","filename":"{BODY}.pdf"}}}}"#,
            ["text", "file", "neverheardof"][number % 3],
            ["text", "file", "neverheardof"][number % 3],
        );
        // Broken ones too: errors about them are where bodies leak.
        let text = if number % 7 == 6 {
            text.replace("}}", "")
        } else {
            text
        };
        fs::write(plain.join(format!("{number:03}.json")), text).expect("a file");
    }
    let corpus = Corpus::seal(&plain, scratch);
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let archive = program.archive(&scratch.join("archive"), &corpus);
    private(&scratch.join("secret"), SECRET);
    private(&scratch.join("proxy"), PROXY);
    let mut config = fs::read_to_string(&archive.config).expect("the configuration");
    config = config.replacen(
        "[company.mock]",
        &format!(
            "[company.mock]\nsecret_file = \"{0}/secret\"\nproxy = \"http://127.0.0.1:9\"\nproxy_credentials_file = \"{0}/proxy\"",
            scratch.display()
        ),
        1,
    );
    fs::write(&archive.config, config).expect("a file");
    let mut canaries: Vec<String> = [SECRET, "CANARYproxyZq82", "CANARY正文", FILE, "Q0FOQVJZ"]
        .map(str::to_owned)
        .to_vec();
    for key in fs::read_dir(corpus.path.join("keys")).expect("keys") {
        let pem = fs::read_to_string(key.expect("an entry").path()).expect("a key");
        canaries.extend(pem.lines().filter(|line| line.len() >= 60).map(str::to_owned));
    }
    (archive, corpus, canaries)
}

#[test]
fn no_canary_is_printed_at_the_most_talkative_level() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (archive, corpus, canaries) = plant(scratch.path());
    corpus.misbehave(
        &Faults::new()
            .with(
                Rule::chatdata(Fault::Return {
                    code: 10001,
                    slice: String::new(),
                })
                .at_call(1)
                .times(1),
            )
            .with(Rule::chatdata(Fault::Garbage { bytes: 4_000 }))
            .with(Rule::decrypt(Fault::Terminate).at_seq(5))
            .with(
                Rule::decrypt(Fault::Return {
                    code: 10006,
                    slice: String::new(),
                })
                .at_seq(9),
            )
            .with(Rule::chatdata(Fault::TruncateBody { keep: Some(50) }).at_seq(11))
            .with(Rule::chatdata(Fault::ForeignKey).at_seq(12))
            .with(Rule::chatdata(Fault::WrongVersion { version: 5 }).at_seq(13)),
    );
    let mut printed = String::new();
    let mut commands: Vec<Vec<&str>> = vec![
        [&["-vv"], &PULL[..]].concat(),
        vec!["-vv", "pull", "--set", "log.format=json", "--from-seq", "0"],
        vec!["-vv", "retry"],
        vec!["-vv", "waiting"],
        vec!["-vv", "waiting", "--json"],
        vec!["-vv", "doctor"],
        vec!["-vv", "doctor", "--json"],
        vec!["-vv", "keys", "list"],
        vec!["-vv", "keys", "check"],
        vec!["-vv", "config", "show"],
        vec!["-vv", "stats"],
        vec!["-vv", "reindex"],
        vec!["-vv", "digest"],
        vec!["-vv", "digest", "--upto", "1000"],
        vec!["-vv", "search", "--count", "text"],
        vec!["-vv", "media", "get", "--json", "--set", "pull.timeout_seconds=1"],
        vec!["-vv", "media", "get", "--set", "media.retry_backoff_ms=1"],
        // Errors quote what was typed, not what is stored.
        vec!["-vv", "show", "no-such-msgid"],
        vec!["-vv", "--set", "company.mock.secret=oops", "config", "show"],
    ];
    commands.push(vec![
        "-vv",
        "--set",
        "company.mock.secret_file=/nonexistent",
        "pull",
    ]);
    for args in commands {
        let finished = archive.run(&args);
        printed += &format!("\n$ {}\n{}\n{}", args.join(" "), finished.stdout, finished.stderr);
    }
    assert!(
        printed.contains("TRACE") || printed.contains("DEBUG"),
        "the log was not talkative:\n{printed}"
    );
    for canary in &canaries {
        let found = printed.lines().find(|line| line.contains(canary.as_str()));
        assert!(
            found.is_none(),
            "`{canary}` was printed: {}",
            found.unwrap_or_default()
        );
    }
    // The proof that the net has no hole: what was planted is really in the archive.
    assert!(archive.search("CANARY正文Zq83").len() > 20);
}

#[test]
fn no_canary_is_on_a_command_line_or_in_an_environment() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (archive, corpus, canaries) = plant(scratch.path());
    corpus.misbehave(&Faults::new().with(Rule::chatdata(Fault::Latency { ms: 1500 })));
    let mut pull = archive
        .command(["pull", "--set", "pull.timeout_seconds=5"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut seen = 0;
    while pull.try_wait().expect("a status").is_none() {
        for process in fs::read_dir("/proc").expect("proc").filter_map(Result::ok) {
            let path = process.path();
            let Ok(command) = fs::read(path.join("cmdline")) else {
                continue;
            };
            let command = String::from_utf8_lossy(&command).into_owned();
            // A test next door may look for a canary: what a person types is theirs to show.
            if !command.contains("shiguan") || command.contains("suite") || command.contains("search") {
                continue;
            }
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            let shown = command.clone() + &String::from_utf8_lossy(&environment);
            seen += usize::from(command.contains("sdk-child"));
            for canary in &canaries {
                assert!(
                    !shown.contains(canary.as_str()),
                    "`{canary}` is visible to every process: {command}"
                );
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(seen > 0, "no child was looked at");
}
