//! The plan polices itself: which room may use which, module docs, and where `unsafe` may stand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What each room of `src` may use of the others; drawn as a picture in `src/lib.rs`. A room may always use itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("secret", &[]),
    ("sanitize", &[]),
    ("record", &["ids"]),
    ("words", &[]),
    ("clock", &["ids"]),
    ("message", &["ids", "secret"]),
    ("unseal", &["ids", "secret", "record"]),
    ("source", &["ids", "secret", "record"]),
    ("directory", &["ids", "secret", "clock"]),
    ("people", &["ids", "message", "directory"]),
    ("media", &["secret", "source"]),
    ("config", &["ids", "secret", "message", "unseal"]),
    ("consent", &["ids", "message", "directory"]),
    ("completeness", &["ids", "message", "directory"]),
    (
        "store",
        &[
            "ids", "words", "record", "message", "secret", "people", "consent", "alert", "clock",
        ],
    ),
    (
        "archive",
        &[
            "ids",
            "secret",
            "record",
            "message",
            "unseal",
            "source",
            "store",
            "events",
            "directory",
            "people",
            "consent",
            "completeness",
            "callback",
            "alert",
            "media",
            "clock",
        ],
    ),
    ("backup", &["ids", "media", "store"]),
    ("callback", &["ids", "secret", "events"]),
    ("alert", &["ids", "message", "clock", "sanitize"]),
    ("search", &["ids", "words", "message", "store", "consent"]),
    ("events", &["ids", "record", "store", "clock"]),
    (
        "cli",
        &[
            "ids",
            "secret",
            "record",
            "words",
            "message",
            "unseal",
            "source",
            "config",
            "store",
            "archive",
            "backup",
            "search",
            "sanitize",
            "events",
            "callback",
            "directory",
            "people",
            "consent",
            "completeness",
            "alert",
            "media",
            "clock",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// `src/store/sqlite/read.rs` belongs to `store`, `src/ids.rs` to `ids`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("under src");
    let first = inside
        .components()
        .next()
        .expect("a part")
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Names behind `crate::`, both as a path and in a braced list, comments left out.
fn uses(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut first_of_item = true;
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => first_of_item = true,
                    c if depth == 0 && first_of_item && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ if depth == 0 && !word.is_empty() => {
                        names.push(std::mem::take(&mut word));
                        first_of_item = false;
                    }
                    _ => {}
                }
            }
            if !word.is_empty() {
                names.push(word);
            }
        } else {
            names.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    names
}

#[test]
fn rooms_use_only_what_their_row_allows() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in rust_files(&root().join("src")) {
        let room = room(&path);
        // A room's tests may call its neighbours.
        if room == "main" || room == "lib" || path.iter().any(|part| part == "tests") {
            continue;
        }
        let allowed = arrows
            .get(room.as_str())
            .unwrap_or_else(|| panic!("room {room} has no row in ARROWS"));
        let text = fs::read_to_string(&path).expect("a source file");
        for name in uses(&text) {
            let is_room = arrows.contains_key(name.as_str());
            if is_room && name != room && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: {room} may not use {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_says_why_it_exists() {
    let folders = [
        "src",
        "sdk-ffi/src",
        "sdk-ffi/mock/src",
        "bench",
        "tests/kit/src",
        "tests/wecom/src",
        "tests/suite",
    ];
    let silent: Vec<String> = folders
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .filter(|path| {
            !fs::read_to_string(path)
                .expect("a source file")
                .starts_with("//!")
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no module doc: {}", silent.join("\n"));
}

/// Effects have addresses: only `source` and `cli::doctor` start processes, only `cli` prints, only `directory` calls
/// out over HTTP.
#[test]
fn effects_stay_at_their_address() {
    let mut wrong = Vec::new();
    for path in rust_files(&root().join("src")) {
        let room = room(&path);
        let text = fs::read_to_string(&path).expect("a source file");
        // Tests at the end of a file may do as they like.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let prints = ["println!(", "eprintln!(", "print!("]
            .iter()
            .any(|word| code.contains(word));
        if prints && room != "cli" {
            wrong.push(format!("{}: only cli prints", path.display()));
        }
        if code.contains("Command::new") && room != "source" && room != "cli" {
            wrong.push(format!("{}: only source starts processes", path.display()));
        }
        if code.contains("reqwest::") && room != "directory" {
            wrong.push(format!("{}: only directory calls out over HTTP", path.display()));
        }
        // `source` only hands the environment on to its children, less what they must not see.
        if code.contains("env::var") && room != "cli" && room != "source" {
            wrong.push(format!("{}: only cli reads the environment", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A clock is believed only by those who can be tested with a wrong one: everybody asks `Millis::now`.
#[test]
fn the_wall_clock_has_one_door() {
    let door = root().join("src/ids/wall.rs");
    let mut wrong = Vec::new();
    let mut at_the_door = 0;
    for folder in ["src", "sdk-ffi/src"] {
        for path in rust_files(&root().join(folder)) {
            if path.iter().any(|part| part == "tests") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in [
                "Timestamp::now",
                "Zoned::now",
                "SystemTime",
                "UNIX_EPOCH",
                "CURRENT_TIMESTAMP",
                "'now'",
                "clock_gettime",
            ] {
                if code.contains(word) {
                    if path == door {
                        at_the_door += 1;
                    } else {
                        wrong.push(format!("{}: {word} instead of Millis::now", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(at_the_door, 1, "the door reads the clock once");
}

#[test]
fn unsafe_stands_behind_the_fence_and_says_why() {
    let mut wrong = Vec::new();
    for folder in ["src", "bench", "tests"] {
        for path in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&path).expect("a source file");
            let word = concat!("uns", "afe");
            for opening in [" {", " fn", " impl", " extern"] {
                if text.contains(&format!("{word}{opening}")) {
                    wrong.push(path.display().to_string());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "outside sdk-ffi: {}", wrong.join("\n"));
}
