//! Sample files: the valid ones and what they mean, the invalid ones and what they are told.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use shiguan::config::{Config, Layer};

use super::same_as_file;

fn samples(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/config")
        .join(kind);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn each_mistake_is_told_with_its_place_and_its_remedy() {
    let samples = samples("invalid");
    assert!(samples.len() >= 30);
    for file in samples {
        let error = match Config::load(&file, &BTreeMap::new(), &[]) {
            Ok(_) => panic!("{} was accepted", file.display()),
            Err(error) => error.to_string(),
        };
        assert!(!error.contains("canary"), "a secret was repeated: {error}");
        let name = format!("{}:", file.file_name().unwrap().to_string_lossy());
        assert!(error.lines().all(|line| line.starts_with(&name)), "{error}");
        same_as_file(&file.with_extension("txt"), &format!("{error}\n"));
    }
}

#[test]
fn each_valid_sample_means_what_stands_beside_it() {
    let samples = samples("valid");
    assert!(samples.len() >= 4);
    for file in samples {
        let config = Config::load(&file, &BTreeMap::new(), &[]).unwrap_or_else(|error| panic!("{error}"));
        let mut meaning = String::new();
        for value in config
            .explain()
            .iter()
            .filter(|value| value.layer != Layer::Default)
        {
            writeln!(meaning, "{} = {} ({})", value.key, value.value, value.source).unwrap();
        }
        let base = file.parent().unwrap().to_string_lossy().into_owned();
        for company in &config.companies {
            writeln!(meaning, "{company:#?}").unwrap();
        }
        same_as_file(&file.with_extension("txt"), &meaning.replace(&base, "BASE"));
    }
}
