//! The vendor's library is code from elsewhere: it is known by its hash, and another file in its place is told or refused.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
};

use kit::{Archive, Corpus, Program};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

struct Bench {
    archive: Archive,
    library: PathBuf,
    _scratch: TempDir,
}

impl Bench {
    fn new() -> Self {
        let scratch = TempDir::new().unwrap();
        let corpus = Corpus::generate(scratch.path(), 20, 3);
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        let report = archive.run(["doctor", "--json"]).json();
        let findings = report["findings"].as_array().expect("a list");
        let mock = findings
            .iter()
            .find(|one| one["check"] == "library file")
            .expect("the mock");
        let library = scratch.path().join("lib.so");
        fs::copy(mock["value"].as_str().unwrap(), &library).unwrap();
        Self {
            archive,
            library,
            _scratch: scratch,
        }
    }

    fn run(&self, args: &[&str], pin: Option<&str>) -> kit::Finished {
        let mut command = self.archive.command(args);
        command.args([
            "--set",
            &format!("company.mock.sdk.library={}", self.library.display()),
        ]);
        if let Some(pin) = pin {
            command.args(["--set", &format!("company.mock.sdk.sha256={pin}")]);
        }
        command.output().expect("the program starts").into()
    }

    fn hash(&self) -> String {
        let digest = Sha256::digest(fs::read(&self.library).unwrap());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Another file in its place, which loads all the same.
    fn replace(&self) {
        let copy = self.library.with_extension("new");
        fs::copy(&self.library, &copy).unwrap();
        OpenOptions::new()
            .append(true)
            .open(&copy)
            .unwrap()
            .write_all(b"changed")
            .unwrap();
        fs::rename(copy, &self.library).unwrap();
    }

    fn incidents(&self) -> Vec<Value> {
        let listed = self.archive.run(["alert", "list", "--json"]).exits(0);
        let lines = listed.json_lines();
        lines
            .into_iter()
            .filter(|one| one["kind"] == "library_changed")
            .collect()
    }
}

#[test]
fn a_library_that_was_replaced_is_an_incident_with_both_hashes() {
    let bench = Bench::new();
    bench.run(&["pull"], None).exits(0);
    bench.run(&["pull"], None).exits(0);
    assert_eq!(bench.incidents().len(), 0);
    let was = bench.hash();
    bench.replace();
    bench.run(&["pull"], None).exits(0);
    let [incident] = &bench.incidents()[..] else {
        panic!("one incident: {:?}", bench.incidents());
    };
    let facts = &incident["facts"]["library_changed"];
    assert_eq!(
        (facts["was"].as_str(), facts["now"].as_str()),
        (Some(&*was), Some(&*bench.hash()))
    );
    // It stays until a person has taken note, and comes back for no other reason.
    bench.run(&["pull"], None).exits(0);
    assert_eq!(bench.incidents().len(), 1);
}

#[test]
fn only_the_pinned_library_is_loaded() {
    let bench = Bench::new();
    let pinned = bench.hash();
    bench.run(&["pull"], Some(&pinned)).exits(0);
    bench.run(&["pull"], Some(&pinned.to_uppercase())).exits(0);
    bench.replace();
    let refused = bench.run(&["pull"], Some(&pinned)).exits(1);
    assert!(
        refused.stderr.contains(&pinned)
            && refused.stderr.contains(&bench.hash())
            && refused.stderr.contains("sdk.sha256"),
        "{}",
        refused.stderr
    );
    let doctor = bench.run(&["doctor", "--json"], Some(&pinned)).exits(3).json();
    let findings = doctor["findings"].as_array().expect("a list");
    let told = findings
        .iter()
        .find(|one| one["check"] == "library pin")
        .expect("told");
    assert_eq!(told["status"], "bad", "{told}");
    assert!(
        findings.iter().all(|one| one["check"] != "library loads"),
        "it was not loaded: {doctor}"
    );
    let odd = bench.run(&["pull"], Some("abc")).exits(2);
    assert!(odd.stderr.contains("64 hexadecimal digits"), "{}", odd.stderr);
}
