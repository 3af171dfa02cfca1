//! The whole command-line reference as one golden file, so that help cannot change unnoticed.
//! `SHIGUAN_BLESS=1 cargo test --test suite help` writes it anew.

use std::{fs, path::Path};

use kit::Program;

const VERBS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["init"],
    &["doctor"],
    &["pull"],
    &["run"],
    &["search"],
    &["count"],
    &["show"],
    &["chat"],
    &["stats"],
    &["waiting"],
    &["retry"],
    &["consent"],
    &["consent", "check"],
    &["consent", "show"],
    &["consent", "report"],
    &["completeness"],
    &["verify"],
    &["repair"],
    &["events"],
    &["events", "list"],
    &["events", "stale"],
    &["alert"],
    &["alert", "test"],
    &["alert", "list"],
    &["alert", "ack"],
    &["keys"],
    &["keys", "generate"],
    &["keys", "add"],
    &["keys", "list"],
    &["keys", "check"],
    &["config"],
    &["config", "show"],
    &["config", "reference"],
    &["directory"],
    &["directory", "refresh"],
    &["directory", "show"],
    &["directory", "list"],
    &["api"],
    &["reindex"],
    &["backup"],
    &["backup", "list"],
    &["backup", "verify"],
    &["backup", "prune"],
    &["backup", "adopt"],
    &["restore"],
    &["digest"],
    &["bench"],
    &["bench", "unseal"],
    &["bench", "ingest"],
    &["bench", "search"],
    &["bench", "all"],
    &["mock"],
    &["mock", "generate"],
    &["mock", "seal"],
    &["completions"],
];

#[test]
fn the_reference_of_all_commands_is_as_agreed() {
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let mut reference = String::new();
    for verb in VERBS {
        let mut args = verb.to_vec();
        args.push("--help");
        let finished = program.run(&args);
        assert_eq!(finished.code, Some(0), "{args:?}: {}", finished.stderr);
        reference += &format!("$ shiguan {}\n\n{}\n", args.join(" "), finished.stdout);
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cli/help.txt");
    if std::env::var_os("SHIGUAN_BLESS").is_some() {
        fs::create_dir_all(golden.parent().expect("a folder")).expect("a folder");
        fs::write(&golden, &reference).expect("a golden");
    }
    let agreed = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(
        reference, agreed,
        "if the change is meant: SHIGUAN_BLESS=1 cargo test --test suite help"
    );
}

#[test]
fn mock_help_names_the_corpus_variable() {
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    for verb in ["generate", "seal"] {
        let help = program.run(["mock", verb, "--help"]).stdout;
        assert!(help.contains("SHIGUAN_MOCK_CORPUS"), "{help}");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let finished = program.run(["completions", shell]);
        assert_eq!(finished.code, Some(0));
        assert!(
            finished.stdout.contains("recalled") || finished.stdout.contains("search"),
            "{shell}"
        );
    }
}
