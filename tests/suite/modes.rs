//! The promises do not depend on who does the arithmetic or on how many: every RSA implementation, one thread and many,
//! one child and several come to the same archive, to the byte, and to the same books.

use kit::{Corpus, PULL, Program};
use sdk_mock::faults::{Fault, Faults, Rule};

/// Everything that an implementation could answer in its own way: keys cut off, garbled, for somebody else, of a version
/// without a key; and what goes wrong behind it.
fn faults() -> Faults {
    Faults::new()
        .with(Rule::chatdata(Fault::TruncateKey { keep: Some(100) }).with_probability(0.02, 1))
        .with(Rule::chatdata(Fault::GarbleKey).with_probability(0.02, 2))
        .with(Rule::chatdata(Fault::ForeignKey).with_probability(0.02, 3))
        .with(Rule::chatdata(Fault::WrongVersion { version: 77 }).with_probability(0.02, 4))
        .with(Rule::chatdata(Fault::TruncateBody { keep: Some(80) }).with_probability(0.01, 5))
        .with(Rule::decrypt(Fault::Abort).with_probability(0.001, 6))
}

#[test]
fn every_implementation_with_one_thread_and_with_many_comes_to_the_same_archive() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let corpus = Corpus::generate(scratch.path(), 2_500, 11);
    corpus.misbehave(&faults());

    let mut first = None;
    for implementation in ["rsa-batch", "aws-lc-rs", "rsa"] {
        for threads in [1, 5] {
            let mode = format!("{implementation} on {threads} threads");
            let archive = program.archive(&scratch.path().join(mode.replace(' ', "-")), &corpus);
            let pulled = archive.run(PULL.into_iter().map(str::to_owned).chain([
                "--set".to_owned(),
                format!("unseal.implementation={implementation}"),
                "--set".to_owned(),
                format!("unseal.threads={threads}"),
                "--set".to_owned(),
                format!("sdk.decrypt_children={threads}"),
            ]));
            // 3: some records wait.
            assert_eq!(pulled.code, Some(3), "{mode}: {}", pulled.stderr);
            let books = pulled.json();
            assert_eq!(books["received"], 2_500, "{mode}");
            let came_to = (archive.digest(), books["waiting"].clone());
            let reasons = came_to.1.as_object().expect("reasons");
            assert!(reasons.len() >= 4, "{mode}: {reasons:?}");
            match &first {
                None => first = Some(came_to),
                Some(first) => assert_eq!(*first, came_to, "{mode}"),
            }
        }
    }
}
