//! Corpora of the mock library, with the plaintexts beside them to compare with.

use std::path::{Path, PathBuf};

use sdk_mock::{
    faults::{FAULTS_FILE, Faults},
    generate::{Length, Plan, generate},
    seal::{SealOptions, seal_folder},
};
use serde_json::Value;

/// A corpus folder.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The folder.
    pub path: PathBuf,
}

/// What one record says, from `truth.jsonl`.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Its position.
    pub seq: u64,
    /// Its outer msgid.
    pub msgid: String,
    /// `publickey_ver`.
    pub version: u64,
    /// The plaintext, lossily when it is no UTF-8.
    pub plaintext: String,
}

impl Corpus {
    /// Generates `messages` records with two key versions.
    pub fn generate(folder: &Path, messages: u64, seed: u64) -> Self {
        let path = folder.join("corpus");
        let plan = Plan {
            messages,
            seed,
            ..Plan::default()
        };
        generate(&plan, &path, &|_| {}).expect("a corpus");
        Self { path }
    }

    /// Generates `messages` texts of exactly `characters` characters, without their truth.
    pub fn texts(folder: &Path, messages: u64, characters: u32) -> Self {
        let path = folder.join("corpus");
        let plan = Plan {
            messages,
            length: Length::Exactly(characters),
            truth: false,
            ..Plan::default()
        };
        generate(&plan, &path, &|_| {}).expect("a corpus");
        Self { path }
    }

    /// Seals the `*.json` files of `from`.
    pub fn seal(from: &Path, folder: &Path) -> Self {
        let path = folder.join("corpus");
        seal_folder(from, &path, &SealOptions::default()).expect("a corpus");
        Self { path }
    }

    /// Makes the library misbehave from now on.
    pub fn misbehave(&self, faults: &Faults) {
        faults.save(&self.path.join(FAULTS_FILE)).expect("a faults file");
    }

    /// Makes the library behave again.
    pub fn behave(&self) {
        let _absent = std::fs::remove_file(self.path.join(FAULTS_FILE));
    }

    /// What was sealed, in seq order.
    pub fn truth(&self) -> Vec<Truth> {
        let text = std::fs::read_to_string(self.path.join("truth.jsonl")).expect("the truth");
        text.lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).expect("a JSON line");
                let plaintext = match line["plaintext"].as_str() {
                    Some(text) => text.to_owned(),
                    None => {
                        use base64::Engine;
                        let coded = line["plaintext_base64"].as_str().expect("one of the two");
                        let bytes = base64::engine::general_purpose::STANDARD
                            .decode(coded)
                            .expect("base64");
                        String::from_utf8_lossy(&bytes).into_owned()
                    }
                };
                Truth {
                    seq: line["seq"].as_u64().expect("a seq"),
                    msgid: line["msgid"].as_str().expect("a msgid").to_owned(),
                    version: line["publickey_ver"].as_u64().expect("a version"),
                    plaintext,
                }
            })
            .collect()
    }
}
