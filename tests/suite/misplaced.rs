//! Keys under names and numbers that are not theirs are found out, by every command that an operator looks at.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use kit::{Archive, Corpus, Program};
use serde_json::Value;
use tempfile::TempDir;

struct Bench {
    archive: Archive,
    keys: std::path::PathBuf,
    _scratch: TempDir,
}

impl Bench {
    /// An archive whose only key lies under `name`.
    fn new(name: &str) -> Self {
        let scratch = TempDir::new().unwrap();
        let plain = scratch.path().join("plain");
        fs::create_dir(&plain).unwrap();
        for number in 0..30 {
            let text = format!(
                r#"{{"msgid":"{number}_1700000000000","action":"send","from":"a","tolist":["b"],"roomid":"","msgtime":1700000000000,"msgtype":"text","text":{{"content":"text {number}"}}}}"#
            );
            fs::write(plain.join(format!("{number:03}.json")), text).unwrap();
        }
        let corpus = Corpus::seal(&plain, scratch.path());
        let keys = corpus.path.join("keys");
        fs::rename(keys.join("v1.pem"), keys.join(name)).unwrap();
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        Self {
            archive,
            keys,
            _scratch: scratch,
        }
    }

    fn findings(&self) -> Vec<Value> {
        let report = self.archive.run(["doctor", "--json"]).json();
        report["findings"].as_array().expect("a list").clone()
    }
}

fn versions(keys: &Path) -> usize {
    fs::read_dir(keys).unwrap().count()
}

#[test]
fn a_name_that_can_only_mean_one_version_opens_records() {
    for name in ["V1.PEM", "v01.pem", "v1.pem.txt"] {
        let bench = Bench::new(name);
        assert_eq!(versions(&bench.keys), 1, "one version in this corpus");
        assert_eq!(bench.archive.pull(&[0])["opened"], 30, "{name}");
    }
}

#[test]
fn a_key_that_is_not_looked_at_is_named_everywhere() {
    for (name, wanted) in [("private_key.pem", "v<N>.pem"), ("v1 (1).pem", "v1.pem")] {
        let bench = Bench::new(name);
        let pulled = bench.archive.run(["pull"]).exits(3);
        assert!(
            pulled.stderr.contains(name) && pulled.stderr.contains("rename it to"),
            "{}",
            pulled.stderr
        );
        // The key itself was tried: whatever its name, it is the one.
        assert!(
            pulled.stderr.contains("opens them: rename it to v1.pem"),
            "{}",
            pulled.stderr
        );
        let listed = bench.archive.run(["keys", "list"]).exits(0);
        assert!(
            listed.stdout.contains(name) && listed.stdout.contains(wanted),
            "{}",
            listed.stdout
        );
        let waiting = bench.archive.run(["waiting"]).exits(0);
        assert!(waiting.stderr.contains(name), "{}", waiting.stderr);
        let checked = bench.archive.run(["keys", "check"]).exits(3);
        assert!(
            checked.stdout.contains("opens them: rename it to v1.pem"),
            "{}",
            checked.stdout
        );
        let doctor = bench.archive.run(["doctor"]).exits(3);
        assert!(doctor.stdout.contains(name), "{}", doctor.stdout);
        assert!(!doctor.stdout.contains("keys generate"), "{}", doctor.stdout);

        fs::rename(bench.keys.join(name), bench.keys.join("v1.pem")).unwrap();
        assert_eq!(bench.archive.pull(&[0])["opened"], 30);
        assert!(
            !bench
                .archive
                .run(["keys", "list"])
                .stdout
                .contains("not looked at")
        );
    }
}

#[test]
fn a_right_key_under_a_wrong_number_is_found_out() {
    let bench = Bench::new("v2.pem");
    let pulled = bench.archive.run(["pull"]).exits(3);
    let expected = "version 1: the key in v2.pem opens them: rename it to v1.pem";
    assert!(pulled.stderr.contains(expected), "{}", pulled.stderr);
    let checked = bench.archive.run(["keys", "check"]).exits(3);
    assert!(checked.stdout.contains(expected), "{}", checked.stdout);
    let line = bench.archive.run(["keys", "check", "--json"]).json();
    assert!(line["opened_by"].as_str().unwrap().ends_with("v2.pem"), "{line}");
    let findings = bench.findings();
    let told = findings
        .iter()
        .find(|one| one["check"] == "key version 1 (mock)")
        .expect("told");
    assert!(
        told["fix"].as_str().unwrap().starts_with("rename it to v1.pem"),
        "{told}"
    );
    assert_eq!(told["endangers_records"], true);

    // A wrong key lies under the number, too: it is named as being in the way.
    fs::write(
        bench.keys.join("v1.pem"),
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/keys/rsa2048.e3.pem")).unwrap(),
    )
    .unwrap();
    fs::set_permissions(bench.keys.join("v1.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let checked = bench.archive.run(["keys", "check"]).exits(3);
    assert!(
        checked.stdout.contains("moving the present v1.pem"),
        "{}",
        checked.stdout
    );
}

#[test]
fn the_doctor_speaks_of_the_key_that_is_there() {
    let bench = Bench::new("v1.pem");
    bench.archive.pull(&[0]);
    let key = bench.keys.join("v1.pem");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/keys");
    let right = fs::read(&key).unwrap();
    for (content, mode, expected) in [
        (right, 0o644, "chmod 600"),
        (
            fs::read(golden.join("rsa2048.public.pem")).unwrap(),
            0o600,
            "private half",
        ),
    ] {
        fs::write(&key, content).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let doctor = bench.archive.run(["doctor"]).exits(3);
        assert!(doctor.stdout.contains(expected), "{}", doctor.stdout);
        assert!(!doctor.stdout.contains("generate"), "{}", doctor.stdout);
    }
}

#[test]
fn what_the_template_left_and_what_may_not_be_read_is_said() {
    let scratch = TempDir::new().unwrap();
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let dir = scratch.path().join("new");
    program.run(["init", "--dir", dir.to_str().unwrap()]).exits(0);
    let config = dir.join("shiguan.toml");
    let doctor = program
        .run(["--config", config.to_str().unwrap(), "doctor"])
        .exits(3);
    assert!(
        doctor.stdout.contains("still the placeholder \"ww…\""),
        "{}",
        doctor.stdout
    );
    // A path that nobody can look at is not a path where nothing is.
    let behind = config.join("shiguan.toml");
    let doctor = program
        .run(["--config", behind.to_str().unwrap(), "doctor"])
        .exits(2);
    assert!(
        doctor.stderr.contains("cannot read the configuration") && !doctor.stderr.contains("init"),
        "{}",
        doctor.stderr
    );
}
