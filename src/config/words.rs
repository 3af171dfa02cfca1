//! The two layers that arrive as words: variables `SHIGUAN_SECTION__KEY` and flags `--set key=value`.
//!
//! Must not know: the process environment; it is handed a map.

use std::collections::BTreeMap;

use super::{
    error::Problem,
    keys::{KEYS, Key, Kind, Section},
    layers::{Found, Given, Layer, Layers, Source, Value},
};

const PREFIX: &str = "SHIGUAN_";

/// Variables of the program that are no configuration keys.
const RESERVED: [&str; 5] = [
    "SHIGUAN_CONFIG",
    "SHIGUAN_LOG",
    "SHIGUAN_MOCK_CORPUS",
    "SHIGUAN_OFFICIAL_SDK",
    "SHIGUAN_TEST_CLOCK",
];

/// The variable of a path: `pull.limit` is `SHIGUAN_PULL__LIMIT`. A `-` becomes `_`, which shells allow.
pub(super) fn variable(path: &str) -> String {
    format!(
        "{PREFIX}{}",
        path.replace('.', "__").replace('-', "_").to_uppercase()
    )
}

/// Lays the environment over what is there; companies of the file are known by then.
pub(super) fn environment(env: &BTreeMap<String, String>, layers: &mut Layers) {
    for (name, word) in env {
        let Some(rest) = name
            .strip_prefix(PREFIX)
            .filter(|_| !RESERVED.contains(&name.as_str()))
        else {
            continue;
        };
        let source = Source::Variable(name.clone());
        if !rest.contains("__") {
            // Others may own such names (Kubernetes makes some for a service of this name), so only a
            // variable that spells a key with a single `_` is taken for a mistake.
            if let Some(meant) = spelt_with_one_underscore(name) {
                let text = format!("is not read; parts are joined by two underscores: {meant}");
                layers.problems.push(Problem::at(&source, text));
            }
            continue;
        }
        let parts: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let known = match parts[..] {
            ["company", company, ..] => layers
                .companies()
                .map(|(name, _)| name)
                .find(|name| name.replace('-', "_") == company)
                .map(str::to_owned),
            _ => None,
        };
        if let Some(known) = &known {
            parts[1] = known;
        }
        let known = match parts[..] {
            ["alert", "to", target, ..] => layers
                .targets()
                .map(|(name, _)| name)
                .find(|name| name.replace('-', "_") == target)
                .map(str::to_owned),
            _ => None,
        };
        if let Some(known) = &known {
            parts[2] = known;
        }
        match layers.find(&parts) {
            Ok(found) => give(&parts.join("."), &found, word, Layer::Environment, source, layers),
            Err(why) => {
                // In the words of the environment, since that is where it must be corrected.
                let text = match why
                    .rsplit_once("did you mean `")
                    .and_then(|(_, near)| near.strip_suffix("`?"))
                {
                    Some(near) => format!("unknown variable; did you mean {}?", variable(near)),
                    None => why,
                };
                layers.unclaimed.push((name.clone(), Problem::at(&source, text)));
            }
        }
    }
}

/// Lays the flags over everything; the last of several for one key wins.
pub(super) fn flags(flags: &[(String, String)], layers: &mut Layers) {
    for (path, word) in flags {
        let source = Source::Flag(path.clone());
        let parts: Vec<&str> = path.split('.').collect();
        match layers.find(&parts) {
            Ok(found) => give(path, &found, word, Layer::Flag, source, layers),
            Err(why) => layers.problems.push(Problem::at(&source, why)),
        }
    }
}

fn give(path: &str, found: &Found, word: &str, layer: Layer, source: Source, layers: &mut Layers) {
    let value = read(found.key, word);
    layers.give(path, found, Given { value, layer, source });
}

/// A word as the kind its key wants; one that does not read stays a text, and the check says so.
fn read(key: &Key, word: &str) -> Value {
    let read = match key.kind {
        Kind::Whole { .. } => word.trim().parse().ok().map(Value::Whole),
        Kind::Switch => word.trim().parse().ok().map(Value::Switch),
        _ => None,
    };
    read.unwrap_or_else(|| Value::Text(word.to_owned()))
}

fn spelt_with_one_underscore(name: &str) -> Option<String> {
    let squeezed = |name: &str| name.replace("__", "_");
    KEYS.iter()
        .filter(|key| !matches!(key.section, Section::Company | Section::Target))
        .map(|key| variable(&key.path("")))
        .find(|known| squeezed(known) == name)
}
