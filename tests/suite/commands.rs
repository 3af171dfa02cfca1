//! The words that scripts rely on, exit codes, and what a new user meets first.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use kit::{Corpus, Program};
use serde_json::Value;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

#[test]
fn the_demo_shows_the_whole_way_and_questions_that_work() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let dir = scratch.path().join("demo");
    let dir_text = dir.to_str().expect("UTF-8");
    let finished = program().run(["demo", "--dir", dir_text, "--no-serve", "--messages", "2500"]);
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
    for word in [
        "received 2,500",
        "types",
        "chats",
        "people",
        "recalled messages",
        "waiting",
    ] {
        assert!(
            finished.stdout.contains(word),
            "`{word}` is missing:\n{}",
            finished.stdout
        );
    }
    let questions: Vec<&str> = finished
        .stdout
        .lines()
        .filter(|line| line.contains(" search '"))
        .map(str::trim)
        .collect();
    assert_eq!(questions.len(), 5, "{}", finished.stdout);
    for question in questions {
        let query = question.split('\'').nth(1).expect("quoted");
        let config = dir.join("shiguan.toml");
        let found = program().run(["--config", config.to_str().expect("UTF-8"), "search", query]);
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert!(!found.stdout.is_empty(), "{question} finds something");
    }
    // Made anew in the same folder, but never over somebody else's files.
    assert_eq!(
        program()
            .run(["demo", "--dir", dir_text, "--messages", "100"])
            .code,
        Some(0)
    );
    fs::write(scratch.path().join("precious"), "mine").expect("a file");
    let refused = program().run(["demo", "--dir", scratch.path().to_str().expect("UTF-8")]);
    assert_eq!(refused.code, Some(2));
    assert!(scratch.path().join("precious").exists());
}

#[test]
fn a_corpus_an_archive_and_a_pull_by_hand() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let at = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let corpus = at("corpus");
    let made = program().run([
        "mock",
        "generate",
        "--out",
        &corpus,
        "--messages",
        "400",
        "--seed",
        "9",
        "--key-versions",
        "3",
    ]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    for version in 1..=3 {
        let key = scratch.path().join(format!("corpus/keys/v{version}.pem"));
        assert!(fs::read_to_string(key).expect("a key").contains("PRIVATE KEY"));
    }
    let dir = at("archive");
    assert_eq!(
        program().run(["init", "--dir", &dir, "--mock", &corpus]).code,
        Some(0)
    );
    assert_eq!(
        program().run(["init", "--dir", &dir, "--mock", &corpus]).code,
        Some(2),
        "never overwritten"
    );
    let config = format!("{dir}/shiguan.toml");
    let pulled = program().run(["--config", &config, "pull", "--json"]);
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    let books = pulled.json();
    assert_eq!(
        (&books["received"], &books["opened"]),
        (&Value::from(400), &Value::from(400))
    );
    for key in [
        "received",
        "stored",
        "opened",
        "duplicate",
        "waiting",
        "runs",
        "seconds",
        "per_second",
    ] {
        assert!(!books[key].is_null(), "{key} is missing: {books}");
    }
    let again = program().run(["pull", "--json", "--config", &config]).json();
    assert_eq!(
        (&again["received"], &again["stored"]),
        (&Value::from(0), &Value::from(0))
    );
}

#[test]
fn messages_of_ones_own_go_the_whole_way_byte_for_byte() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let plain = scratch.path().join("plain");
    fs::create_dir(&plain).expect("a folder");
    let cases: [(&str, &[u8]); 5] = [
        ("1.json", br#"{"msgid":"m1","action":"send","from":"a","tolist":["b"],"roomid":"","msgtime":1,"msgtype":"text","text":{"content":"hello"}}"#),
        ("2.json", b"not json at all \xff\x00\x01"),
        ("3.json", b""),
        ("4.json", br#"{"msgid":"m4","action":"send","from":"a","tolist":["b"],"msgtype":"wholly_new","wholly_new":{"n":123456789012345678901234567890}}"#),
        ("5.json", b"{\"msgid\":\"m5\",\"action\":\"send\",\"from\":\"a\",\"tolist\":[\"b\"],\"msgtype\":\"text\",\"text\":{\"content\":\"raw \x01 control \\ud800\"}}"),
    ];
    for (name, bytes) in cases {
        fs::write(plain.join(name), bytes).expect("a file");
    }
    let corpus = Corpus::seal(&plain, scratch.path());
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let books = archive.pull(&[3]);
    assert_eq!(books["opened"], 3, "{books}");
    assert_eq!(
        books["waiting"]["unreadable"], 2,
        "what is no message is not opened: {books}"
    );
    let stats = archive.stats();
    assert_eq!(stats["unreadable"], 2, "{stats}");
    assert_eq!(stats["by_type"]["wholly_new"], 1, "{stats}");
    let shown = archive.run(["show", "m4", "--json"]).stdout;
    assert!(shown.contains("123456789012345678901234567890"), "{shown}");
    let control = archive.run(["show", "m5", "--json"]).json();
    assert_eq!(
        control["plaintext"].as_str().map(str::as_bytes),
        Some(cases[4].1),
        "verbatim"
    );
}

#[test]
fn every_sample_message_is_archived_and_found() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/messages");
    let plain = scratch.path().join("plain");
    fs::create_dir(&plain).expect("a folder");
    let mut count = 0;
    for entry in fs::read_dir(samples).expect("samples").filter_map(Result::ok) {
        if entry.path().extension().is_some_and(|ending| ending == "json") {
            fs::copy(entry.path(), plain.join(entry.file_name())).expect("a copy");
            count += 1;
        }
    }
    assert!(count >= 45, "{count} samples");
    let corpus = Corpus::seal(&plain, scratch.path());
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    assert_eq!(archive.pull(&[0])["opened"], count);
    assert_eq!(archive.stats()["unreadable"], 0);
    for (query, file) in [
        ("报价单.xlsx", "chatrecord"),
        ("in:forwarded 内层", "chatrecord"),
        ("恭喜发财", "redpacket"),
        ("瑞士", "sphfeed"),
        ("拜访记录", "note"),
        ("欢迎使用微盘", "voip_doc_share"),
        ("露营", "vote"),
    ] {
        let hits = archive.search(query);
        assert!(
            hits.iter()
                .any(|hit| hit["type"].as_str().is_some_and(|kind| kind.contains(file))),
            "{query}: {hits:?}"
        );
    }
}

#[test]
fn a_key_that_comes_later_opens_what_waited_for_it_without_being_asked() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 400, 3);
    let truth = corpus.truth();
    let later = truth.iter().filter(|record| record.version == 2).count() as u64;
    assert!(later > 0, "the corpus has two versions");
    let key = corpus.path.join("keys/v2.pem");
    let aside = scratch.path().join("aside.pem");
    fs::rename(&key, &aside).expect("moved");
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let books = archive.pull(&[3]);
    assert_eq!(books["waiting"]["no_key"], later, "{books}");

    let listed = archive.run(["keys", "list", "--json"]).json_lines();
    let second = listed
        .iter()
        .find(|line| line["version"] == 2)
        .expect("version 2 was seen");
    assert_eq!(
        (&second["waiting"], second["fingerprint"].is_null()),
        (&Value::from(later), true)
    );

    let added = archive.run(["keys", "add", aside.to_str().expect("UTF-8"), "--version", "2"]);
    assert_eq!(added.code, Some(0), "{}\n{}", added.stdout, added.stderr);
    assert_eq!(archive.stats()["opened"], 400);
}

#[test]
fn a_key_file_that_simply_appears_is_used_by_the_next_pull() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 3);
    let key = corpus.path.join("keys/v2.pem");
    let aside = scratch.path().join("aside.pem");
    fs::rename(&key, &aside).expect("moved");
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    assert!(archive.pull(&[3])["waiting"]["no_key"].as_u64() > Some(0));
    fs::rename(&aside, &key).expect("moved back");
    let books = archive.pull(&[0]);
    assert_eq!(books["received"], 0);
    assert!(books["opened"].as_u64() > Some(0), "{books}");
    assert_eq!(archive.stats()["opened"], 200);
}

#[test]
fn a_wrong_key_is_named_as_such() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 3);
    let stranger = Corpus::generate(&scratch.path().join("other"), 10, 4);
    fs::copy(stranger.path.join("keys/v1.pem"), corpus.path.join("keys/v2.pem")).expect("a copy");
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let books = archive.pull(&[3]);
    assert!(books["waiting"]["key_mismatch"].as_u64() > Some(0), "{books}");
    let checked = archive.run(["keys", "check"]);
    assert_eq!(checked.code, Some(3));
    assert!(
        checked
            .stdout
            .contains("version 2: this key does not open its records"),
        "{}",
        checked.stdout
    );
}

#[test]
fn doctor_names_what_is_wrong_and_what_to_do() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 50, 3);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    let well = archive.run(["doctor", "--json"]);
    assert_eq!(well.code, Some(0), "{}", well.stdout);
    assert_eq!(well.json()["ok"], true);

    let key = corpus.path.join("keys/v1.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("permissions");
    let open = archive.run(["doctor", "--json"]);
    assert_eq!(open.code, Some(3));
    assert!(open.stdout.contains("chmod 600"), "{}", open.stdout);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("permissions");

    let no_library = scratch.path().join("not-a-library.so");
    fs::write(&no_library, "text").expect("a file");
    let report = archive.run(["doctor", "--json", "--sdk", no_library.to_str().expect("UTF-8")]);
    assert_eq!(report.code, Some(1));
    let report = report.json();
    let findings = report["findings"].as_array().expect("findings");
    let bad = findings
        .iter()
        .find(|finding| finding["status"] == "bad")
        .expect("a bad one");
    assert!(
        bad["check"].as_str().expect("a name").contains("library"),
        "{bad}"
    );
    assert!(bad["cause"].is_string() && bad["fix"].is_string(), "{bad}");
    let missing = archive.run(["doctor", "--sdk", "/nonexistent.so"]);
    assert_eq!(missing.code, Some(1));
}

#[test]
fn bench_unseal_has_an_entry_per_implementation_and_thread_count() {
    let finished = program().run([
        "bench",
        "unseal",
        "--json",
        "--records",
        "60",
        "--threads",
        "2",
        "--repeat",
        "1",
    ]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let report = finished.json();
    let entries = report["entries"].as_array().expect("entries");
    for implementation in ["rsa", "aws-lc-rs", "rsa-batch"] {
        for threads in 1..=2 {
            let entry = entries
                .iter()
                .find(|entry| entry["implementation"] == implementation && entry["threads"] == threads);
            let entry = entry.unwrap_or_else(|| panic!("{implementation} × {threads} in {report}"));
            assert_eq!(entry["bits"], 2048);
            assert!(entry["per_second"].as_f64() > Some(0.0));
        }
    }
}

#[test]
fn usage_errors_exit_with_2_and_say_what_to_type() {
    let nothing = program().run(["pull", "--config", "/nonexistent/shiguan.toml"]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.stderr.contains("hint:"), "{}", nothing.stderr);
    assert_eq!(program().run(["pul"]).code, Some(2));
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 10, 3);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let misspelt = archive.run(["pull", "--set", "pull.limmit=5"]);
    assert_eq!(misspelt.code, Some(2));
    assert!(misspelt.stderr.contains("pull.limit"), "{}", misspelt.stderr);
    let zero = archive.run(["pull", "--set", "pull.timeout_seconds=0"]);
    assert_eq!(zero.code, Some(2), "a timeout of 0 would hang for ever");
}

#[test]
fn run_pulls_again_and_again_and_stops_cleanly_on_sigterm() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 300, 3);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let mut running = archive.start([
        "run",
        "--set",
        "pull.interval_seconds=1",
        "--set",
        "pull.jitter_seconds=0",
    ]);
    // The file is there a moment before it is an archive.
    let pulled = |archive: &kit::Archive| {
        let stats = archive.run(["stats", "--json"]);
        stats.code == Some(0) && stats.json()["opened"] == 300
    };
    for _ in 0..200 {
        if pulled(&archive) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(pulled(&archive), "run has not pulled");
    assert!(running.try_wait().expect("a status").is_none(), "it stays");
    assert_eq!(kit::terminate(&mut running).code(), Some(0), "a clean stop");
    // Nothing is left locked.
    assert_eq!(archive.pull(&[0])["received"], 0);
}

#[test]
fn two_pullers_of_one_company_exclude_each_other() {
    use sdk_mock::faults::{Fault, Faults, Rule};
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 100, 3);
    corpus.misbehave(&Faults::new().with(Rule::chatdata(Fault::Latency { ms: 2_500 })));
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    // Each call takes seconds, so the one that comes second meets the first at work.
    let together: Vec<_> = (0..2)
        .map(|_| {
            archive
                .command(["pull"])
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("starts")
        })
        .collect();
    let ended: Vec<kit::Finished> = together
        .into_iter()
        .map(|pull| pull.wait_with_output().expect("an end").into())
        .collect();
    let refused: Vec<_> = ended
        .iter()
        .filter(|one| one.stderr.contains("already pulling"))
        .collect();
    assert_eq!(refused.len(), 1, "{ended:?}");
    assert_eq!(refused[0].code, Some(1));
    assert!(ended.iter().any(|one| one.code == Some(0)), "{ended:?}");

    // A killed holder does not lock the company out.
    let mut holder = archive.start(["pull", "--from-seq", "0"]);
    std::thread::sleep(Duration::from_millis(1_000));
    holder.kill().expect("killed");
    holder.wait().expect("an end");
    corpus.behave();
    assert_eq!(archive.pull(&[0])["sealed"], 0);
    assert_eq!(archive.stats()["opened"], 100);
}

#[test]
fn a_stop_in_the_middle_of_a_pull_leaves_balanced_books() {
    use sdk_mock::faults::{Fault, Faults, Rule};
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 400, 3);
    corpus.misbehave(&Faults::new().with(Rule::chatdata(Fault::Latency { ms: 300 })));
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let pull = archive
        .command(["pull", "--json", "--set", "pull.limit=20"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    std::thread::sleep(Duration::from_millis(2_500));
    kit::ask_to_end(&pull);
    let stopped: kit::Finished = pull.wait_with_output().expect("an end").into();
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    let books = stopped.json();
    let received = books["received"].as_u64().expect("a count");
    assert!(received < 400, "it was stopped before the end: {books}");
    assert_eq!(books["companies"]["mock"]["stopped"], true, "{books}");
    assert_eq!(
        (&books["stored"], &books["opened"]),
        (&Value::from(received), &Value::from(received))
    );
    corpus.behave();
    assert_eq!(archive.pull(&[0])["received"], 400 - received);
}

#[test]
fn a_gap_that_eats_into_the_five_days_is_warned_of() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 30, 3);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    let calm = archive.run(["pull"]);
    assert!(!calm.stderr.contains("5-day window"), "{}", calm.stderr);

    // The last pull that reached the end was four days ago.
    let database = rusqlite::Connection::open(archive.dir.join("data/archive.db")).expect("the archive");
    database
        .execute("UPDATE pull_call SET at = at - 4 * 24 * 3600 * 1000", [])
        .expect("moved");
    drop(database);
    let doctor = archive.run(["doctor"]);
    assert!(
        doctor
            .stdout
            .contains("warning  window (mock): WeCom's five days: 23 h"),
        "{}",
        doctor.stdout
    );
    let warned = archive.run(["pull", "--json"]);
    assert!(
        warned.stderr.contains("5-day window is in danger: 23 h"),
        "{}",
        warned.stderr
    );
    let left = warned.json()["companies"]["mock"]["hours_left_in_window"].as_f64();
    assert!(
        left.is_some_and(|hours| (23.0..24.1).contains(&hours)),
        "{left:?}"
    );
    let again = archive.run(["pull"]);
    assert!(
        !again.stderr.contains("5-day window"),
        "the all-clear: {}",
        again.stderr
    );
}

#[test]
fn logs_are_json_lines_when_asked_for() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 30, 3);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    let pulled = archive.run(["pull", "--json", "--set", "log.format=json"]);
    let events: Vec<Value> = pulled
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    let ended = events
        .iter()
        .find(|event| event["event"] == "run.ended")
        .expect("the end is told");
    assert_eq!(
        (&ended["received"], &ended["company"]),
        (&Value::from(30), &Value::from("mock"))
    );
}

#[test]
fn sealed_originals_go_when_the_configuration_says_so_and_the_content_stays_the_same() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 3);
    let kept = program().archive(&scratch.path().join("kept"), &corpus);
    kept.pull(&[0]);
    let light = program().archive(&scratch.path().join("light"), &corpus);
    let key = corpus.path.join("keys/v2.pem");
    let aside = scratch.path().join("aside.pem");
    fs::rename(&key, &aside).expect("moved");
    let never = [&kit::PULL[..], &["--set", "store.keep_sealed=never"]].concat();
    assert_eq!(light.run(&never).code, Some(3));
    let sealed = |archive: &kit::Archive| -> i64 {
        let database = rusqlite::Connection::open(archive.dir.join("data/archive.db")).expect("the archive");
        database
            .query_row("SELECT count(*) FROM sealed", [], |row| row.get(0))
            .expect("a count")
    };
    let waiting = light.waiting().len() as i64;
    assert!(waiting > 0);
    assert_eq!(sealed(&light), waiting, "what is not open keeps its original");
    // So a key that comes later still opens it.
    fs::rename(&aside, &key).expect("moved back");
    assert_eq!(light.run(&never).code, Some(0));
    assert_eq!((sealed(&light), sealed(&kept)), (0, 200));
    assert_eq!(light.digest(), kept.digest());
    // Read again, nothing changes: the hashes are still there.
    let again = light.run([&never[..], &["--from-seq", "0"]].concat()).json();
    assert_eq!(
        (&again["duplicate"], &again["stored"]),
        (&Value::from(200), &Value::from(0)),
        "{again}"
    );
}

#[test]
fn what_two_companies_say_to_each_other_in_one_conversation_is_counted_together() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 9);
    let archive = program().archive(&scratch.path().join("archive"), &corpus);
    archive.pull(&[0]);
    let one = archive.stats();
    // The same stream, for a company of another name.
    let config = fs::read_to_string(&archive.config).expect("the configuration");
    let (path, keys) = (corpus.path.display(), corpus.path.join("keys"));
    let twin = format!(
        "\n[company.twin]\ncorpid = \"ww2\"\nmock_corpus = \"{path}\"\nkeys = \"{}\"\n",
        keys.display()
    );
    fs::write(&archive.config, config + &twin).expect("written");
    archive.pull(&[0]);
    let both = archive.stats();
    for by in ["by_day", "by_type", "by_person", "by_chat"] {
        let counts = |stats: &Value| -> u64 {
            let counts = stats[by].as_object().expect("counts").values();
            counts.filter_map(Value::as_u64).sum()
        };
        assert_eq!((counts(&one), counts(&both)), (200, 400), "{by}");
        let keys = |stats: &Value| stats[by].as_object().expect("counts").len();
        assert_eq!(keys(&one), keys(&both), "{by}");
    }
}
