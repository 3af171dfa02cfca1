//! What an archive remembers of its backups, in a private folder beside its database: where they went, and the keys by
//! which encrypted ones are named.
//!
//! All of it may be lost: then nobody knows where backups lie, and the next encrypted one writes everything again.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Result,
    error::io,
    folder::{private, sync_folder},
    seal::NameKey,
};
use crate::ids::Millis;

const PLACES: &str = "places.json";
/// Folders of backups that are remembered, the last ones.
const MOST: usize = 16;

/// Where an archive remembers its backups.
#[derive(Debug, Clone)]
pub struct Memory(PathBuf);

/// A folder that backups went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The folder.
    pub dir: PathBuf,
    /// When the last one was taken.
    pub taken_at: Millis,
    /// Whether it was encrypted.
    pub encrypted: bool,
}

impl Memory {
    /// That of the archive in this folder.
    pub fn of(archive: &Path) -> Self {
        Self(archive.join("backup-state"))
    }

    /// The folders that backups went to, the latest first.
    pub fn places(&self) -> Vec<Place> {
        fs::read(self.0.join(PLACES))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Remembers where a backup went.
    pub fn remember(&self, place: Place) -> Result<()> {
        let mut places = self.places();
        places.retain(|other| other.dir != place.dir);
        places.insert(0, place);
        places.truncate(MOST);
        let text = serde_json::to_vec(&places).unwrap_or_default();
        self.write(PLACES, &text)
    }

    /// The key of a folder of backups; none when it is not known here.
    pub(super) fn key(&self, folder: &str) -> Option<NameKey> {
        let text = Zeroizing::new(fs::read_to_string(self.0.join(name(folder)?)).ok()?);
        NameKey::from_text(&text)
    }

    /// Keeps the key of a folder of backups.
    pub(super) fn keep_key(&self, folder: &str, key: &NameKey) -> Result<()> {
        match name(folder) {
            Some(name) => self.write(&name, key.to_text().as_bytes()),
            None => Ok(()),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        private(&self.0)?;
        let (target, unfinished) = (
            self.0.join(name),
            self.0.join(format!("{name}.{}", std::process::id())),
        );
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(io("write", &unfinished))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, &target))
            .map_err(io("write", &target))?;
        sync_folder(&self.0)
    }
}

/// The id of a folder comes out of a file: it is a name only if it can be one of ours.
fn name(folder: &str) -> Option<String> {
    let ours = folder.len() == 32 && folder.bytes().all(|byte| byte.is_ascii_hexdigit());
    ours.then(|| format!("{folder}.key"))
}
