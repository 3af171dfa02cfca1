//! The configuration: the file, the layers, the mistakes, and what is made from the declared list.

mod anything;
mod golden;
mod layers;
mod made;
mod secrets;

use std::{collections::BTreeMap, fs, path::Path};

use shiguan::config::{Config, ConfigError};
use tempfile::TempDir;

type Env = BTreeMap<String, String>;

fn env(pairs: &[(&str, &str)]) -> Env {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn flags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Loads `text` as `shiguan.toml`.
fn load(text: &str, variables: &[(&str, &str)], set: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shiguan.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file, &env(variables), &flags(set))
}

fn mistakes(text: &str, variables: &[(&str, &str)], set: &[(&str, &str)]) -> String {
    load(text, variables, set).unwrap_err().to_string()
}

/// Compares a generated file with the one in the repository; with `SHIGUAN_BLESS` set it is written anew.
fn same_as_file(file: &Path, made: &str) {
    if std::env::var_os("SHIGUAN_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, made).unwrap();
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    let name = file.display();
    assert!(
        kept == made,
        "{name} is not what is made now; SHIGUAN_BLESS=1 writes it anew.\nnow:\n{made}"
    );
}
