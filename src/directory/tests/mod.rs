//! The room's own tests; those through a server are in `tests/suite`.

mod codes;
mod limits;
mod surface;
mod wire;

use std::{fs, path::PathBuf};

use serde_json::Value;

/// A file below `tests/golden/api`.
fn golden(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/api")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}
