//! Nobody has to read to the end: `shiguan stats | head -1` is no crash, and what a command answers to scripts does not
//! depend on whether somebody read what it said.

use std::{
    fs::File,
    io::pipe,
    process::{Command, Stdio},
};

use kit::{Archive, Corpus, Finished, PULL, Program};
use sdk_mock::faults::{Fault, Faults, Rule};

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

/// A pipe whose reader has gone.
fn nobody_reads() -> Stdio {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Runs it with nobody reading stdout, and stderr kept.
pub(super) fn unread(mut command: Command) -> Finished {
    command.stdout(nobody_reads()).stderr(Stdio::piped());
    finish(command)
}

fn finish(mut command: Command) -> Finished {
    let child = command.spawn().expect("the program starts");
    child.wait_with_output().expect("the program ends").into()
}

/// The exit code, and no word of a panic.
fn ends(what: &str, finished: &Finished, code: i32) {
    assert!(
        !finished.stderr.contains("panicked"),
        "{what}: {}",
        finished.stderr
    );
    assert_eq!(finished.code, Some(code), "{what}: {}", finished.stderr);
}

/// Some records of it cannot be opened.
fn corpus(scratch: &std::path::Path) -> Corpus {
    let corpus = Corpus::generate(scratch, 300, 5);
    corpus.misbehave(
        &Faults::new().with(Rule::chatdata(Fault::WrongVersion { version: 77 }).with_probability(0.05, 4)),
    );
    corpus
}

fn archive(scratch: &std::path::Path, name: &str, corpus: &Corpus) -> Archive {
    program().archive(&scratch.join(name), corpus)
}

#[test]
fn a_reader_who_goes_away_changes_no_exit_code() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = corpus(scratch.path());
    let archive = archive(scratch.path(), "archive", &corpus);
    archive.pull(&[3]);
    let chat = archive.run(["chat", "--json"]).json_lines();
    let chat = chat[0]["chat"].as_str().expect("an id").to_owned();
    let msgid = archive.search("is:group")[0]["msgid"]
        .as_str()
        .expect("an id")
        .to_owned();
    let verbs: [(&[&str], i32); 28] = [
        (&["waiting"], 0),
        (&["waiting", "--json"], 0),
        (&["stats"], 0),
        (&["stats", "--json"], 0),
        (&["chat"], 0),
        (&["chat", &chat], 0),
        (&["chat", &chat, "--json"], 0),
        (&["show", &msgid], 0),
        (&["search", "is:group"], 0),
        (&["search", "is:group", "--json", "--all"], 0),
        (&["search", "is:group", "--count"], 0),
        (&["keys", "list"], 0),
        (&["keys", "list", "--json"], 0),
        (&["keys", "check"], 3),
        (&["config", "show"], 0),
        (&["config", "reference"], 0),
        (&["media", "list"], 0),
        (&["consent", "report"], 0),
        (&["directory", "list", "people"], 0),
        (&["alert", "list"], 0),
        (&["events", "list"], 0),
        (&["api", "--list"], 0),
        (&["reindex"], 0),
        (&["digest"], 0),
        (&["digest", "--upto", "1000"], 0),
        (&["retry", "--json"], 3),
        (&["doctor"], 3),
        (&["completions", "bash"], 0),
    ];
    for (verb, code) in verbs {
        let what = verb.join(" ");
        // What it answers to somebody who reads; otherwise the next line would prove nothing.
        ends(&what, &archive.run(verb), code);
        ends(&what, &unread(archive.command(verb)), code);
        // `2>&1 | head`: then the code is all there is.
        let mut deaf = archive.command(verb);
        deaf.stdout(nobody_reads()).stderr(nobody_reads());
        ends(&what, &finish(deaf), code);
    }
}

#[test]
fn what_changes_something_does_it_and_ends_as_it_would_have() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = corpus(scratch.path());
    let read = archive(scratch.path(), "read", &corpus);
    read.pull(&[3]);
    // With a log on stderr, which nobody reads either.
    let pulled = archive(scratch.path(), "pulled", &corpus);
    let mut command = pulled.command(PULL);
    command.args(["-v"]).stdout(nobody_reads()).stderr(nobody_reads());
    ends("pull", &finish(command), 3);
    assert_eq!(pulled.digest(), read.digest(), "the same archive");
    let told = archive(scratch.path(), "told", &corpus);
    ends(
        "pull",
        &unread(told.command(PULL.into_iter().filter(|arg| *arg != "--json"))),
        3,
    );
    assert_eq!(told.digest(), read.digest(), "the same archive");

    let at = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let made = at("made");
    ends(
        "mock generate",
        &unread(program().command(["mock", "generate", "--out", &made, "--messages", "30"])),
        0,
    );
    ends(
        "init",
        &unread(program().command(["init", "--dir", &at("init"), "--mock", &made])),
        0,
    );
    let mut demo = program().command(["demo", "--dir", &at("demo"), "--messages", "200"]);
    demo.stdout(nobody_reads()).stderr(nobody_reads());
    ends("demo", &finish(demo), 0);
    assert!(scratch.path().join("demo/shiguan.toml").exists());
}

#[test]
fn a_full_disk_is_not_a_reader_who_went_away() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 50, 5);
    let archive = archive(scratch.path(), "archive", &corpus);
    for verb in [&["pull"][..], &["stats"], &["search", "is:group", "--json"]] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let mut command = archive.command(verb);
        command.stdout(full).stderr(Stdio::piped());
        let finished = finish(command);
        ends(&verb.join(" "), &finished, 1);
        assert!(finished.stderr.contains("error:"), "{}", finished.stderr);
        assert!(finished.stderr.contains("No space left"), "{}", finished.stderr);
    }
    assert_eq!(archive.stats()["opened"], 50, "pulled all the same");
}
