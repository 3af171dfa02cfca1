//! Vectors, samples and properties of everything but the listener.

mod anything;
mod crypto;
mod events;
mod keep;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::secret::Secret;

pub(super) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/callbacks")
        .join(name)
}

pub(super) fn read(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One vector of either sample file, which spell their fields differently.
pub(super) struct Vector(Value);

impl Vector {
    pub(super) fn all() -> Vec<Self> {
        let one: Value = serde_json::from_slice(&read("vectors.json")).unwrap();
        let other: Value = serde_json::from_slice(&read("crypto-vectors.json")).unwrap();
        let all: Vec<Self> = one
            .as_array()
            .unwrap()
            .iter()
            .chain(other["vectors"].as_array().unwrap())
            .cloned()
            .map(Self)
            .collect();
        assert_eq!(all.len(), 9);
        all
    }

    pub(super) fn text(&self, names: &[&str]) -> &str {
        names
            .iter()
            .find_map(|name| self.0[*name].as_str())
            .unwrap_or_else(|| panic!("no {names:?}"))
    }

    pub(super) fn name(&self) -> &str {
        self.text(&["name"])
    }

    pub(super) fn encrypted(&self) -> &str {
        self.text(&["encrypt", "encrypted"])
    }

    pub(super) fn codec(&self) -> Codec {
        Codec::new(
            Secret::new(self.text(&["token"])),
            &Secret::new(self.text(&["encoding_aes_key"])),
            self.text(&["receive_id"]),
        )
        .unwrap()
    }
}
