//! What a generation consists of: one line of JSON, and a line with its SHA-256.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Damage, Error, Result,
    folder::unhex,
    map::{LIST_ENTRIES, MAP_PAGES},
};
use crate::{ids::Millis, media::vault::hex, store::Contents};

/// The format this program writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `FORMAT`.
    pub format: u32,
    /// Which archive it is of.
    pub archive_id: String,
    /// How many restores that archive came out of.
    pub epoch: u32,
    /// The ids it had before those.
    #[serde(default)]
    pub ancestors: Vec<String>,
    /// When the moment was pinned, UTC milliseconds.
    pub taken_at: Millis,
    /// The same for people, in UTC.
    pub time: String,
    /// The zone the archive shows its times in.
    pub zone: String,
    /// The archive's configuration as text, with absolute paths and without secrets.
    #[serde(default)]
    pub configuration: Option<String>,
    /// Version of the program that took it.
    pub program: String,
    /// Last migration of the database.
    pub migration: u32,
    /// Landed records.
    pub records: u64,
    /// Opened records.
    pub opened: u64,
    /// Each company and its cursor.
    pub companies: Vec<Company>,
    /// The database.
    pub database: Database,
    /// The files of messages.
    pub files: Files,
}

/// A company of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// The greatest seq landed.
    pub cursor: u64,
}

/// The database of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Bytes of a page.
    pub page_size: u32,
    /// How many pages.
    pub pages: u32,
    /// How many objects hold them.
    pub objects: u64,
    /// The maps, in order, by their SHA-256.
    pub maps: Vec<String>,
    /// Bytes that this generation added to the folder for it.
    pub written: u64,
}

/// The files of a generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Files of messages the archive knows, whatever became of them.
    pub known: u64,
    /// Different contents in the backup.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The lists of them, by their SHA-256.
    pub lists: Vec<String>,
    /// Contents that the archive says are kept and its vault did not have whole, by their SHA-256.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Bytes that this generation added to the folder for them.
    pub written: u64,
}

/// A generation in a folder.
#[derive(Debug)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// What it consists of, or what is wrong with it.
    pub manifest: Result<Manifest>,
}

impl Manifest {
    /// Bytes of the database as it was.
    pub fn database_bytes(&self) -> u64 {
        u64::from(self.database.pages) * u64::from(self.database.page_size)
    }

    /// How many pages the map at this place has.
    pub(super) fn pages_of_map(&self, index: usize) -> usize {
        (self.database.pages as usize - index * MAP_PAGES).min(MAP_PAGES)
    }

    pub(super) fn maps(&self) -> Vec<[u8; 32]> {
        self.database.maps.iter().filter_map(|name| unhex(name)).collect()
    }

    pub(super) fn lists(&self) -> Vec<[u8; 32]> {
        self.files.lists.iter().filter_map(|name| unhex(name)).collect()
    }

    /// What differs between a restored archive and what was backed up; empty when nothing does.
    pub(super) fn differences(&self, found: &Contents) -> Vec<String> {
        let mut all = Vec::new();
        let mut compare = |what: &str, meant: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
            let (meant, found) = (meant.to_string(), found.to_string());
            if meant != found {
                all.push(format!("{what}: {meant} were backed up, {found} came back"));
            }
        };
        compare("records", &self.records, &found.records);
        compare("opened records", &self.opened, &found.opened);
        compare("files of messages", &self.files.known, &found.files);
        compare("companies", &self.companies.len(), &found.companies.len());
        for (company, (name, cursor)) in self.companies.iter().zip(&found.companies) {
            compare("company", &company.name, name);
            compare("cursor", &company.cursor, cursor);
        }
        all
    }

    pub(super) fn to_text(&self) -> String {
        let line = serde_json::to_string(self).unwrap_or_default();
        let sha256 = hex(&Sha256::digest(line.as_bytes()));
        format!("{line}\n{{\"sha256\":\"{sha256}\"}}\n")
    }

    pub(super) fn from_text(text: &str, path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let damaged = |what: &str| Error::Damaged(vec![Damage::new(format!("generations/{name}"), what)]);
        let mut lines = text.lines();
        let (line, digest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        #[derive(Deserialize)]
        struct Sum {
            sha256: String,
        }
        let sum: Sum =
            serde_json::from_str(digest).map_err(|_| damaged("its digest is missing: it is cut off"))?;
        if hex(&Sha256::digest(line.as_bytes())) != sum.sha256 {
            return Err(damaged("it is altered: its SHA-256 is another one"));
        }
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(line).map_err(|_| damaged("it cannot be read"))?;
        if head.format > FORMAT {
            return Err(Error::Newer {
                path: path.to_owned(),
                format: head.format,
            });
        }
        let manifest: Self = serde_json::from_str(line).map_err(|_| damaged("it cannot be read"))?;
        manifest.is_possible().map_err(damaged)?;
        Ok(manifest)
    }

    /// Refuses what no backup says, so that nobody allocates or loops by it.
    fn is_possible(&self) -> Result<(), &'static str> {
        let Database {
            page_size,
            pages,
            maps,
            ..
        } = &self.database;
        if !page_size.is_power_of_two() || !(512..=65_536).contains(page_size) || *pages == 0 {
            return Err("it names an impossible database");
        }
        if maps.len() != (*pages as usize).div_ceil(MAP_PAGES) {
            return Err("it names another number of maps than its pages need");
        }
        if self.files.lists.len() as u64 != self.files.contents.div_ceil(LIST_ENTRIES as u64) {
            return Err("it names another number of lists than its files need");
        }
        let mut names = maps.iter().chain(&self.files.lists).chain(&self.files.missing);
        if names.any(|name| unhex(name).is_none()) {
            return Err("it names something that is no SHA-256");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest(pages: u32, contents: u64) -> Manifest {
        let name = "ab".repeat(32);
        Manifest {
            format: FORMAT,
            archive_id: "0f".repeat(16),
            epoch: 0,
            ancestors: Vec::new(),
            taken_at: Millis(1_790_000_000_000),
            time: "2026-09-21T13:33:20Z".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            configuration: None,
            program: "0.1.0".to_owned(),
            migration: 13,
            records: 5,
            opened: 4,
            companies: vec![Company {
                name: "acme".to_owned(),
                cursor: u64::MAX,
            }],
            database: Database {
                page_size: 4096,
                pages,
                objects: 1,
                maps: vec![name.clone(); (pages as usize).div_ceil(MAP_PAGES)],
                written: 1,
            },
            files: Files {
                known: contents,
                contents,
                bytes: 7,
                lists: vec![name; contents.div_ceil(LIST_ENTRIES as u64) as usize],
                ..Files::default()
            },
        }
    }

    proptest! {
        #[test]
        fn a_manifest_comes_back_as_it_was(pages in 1_u32..100_000, contents in 0_u64..100_000) {
            let manifest = manifest(pages, contents);
            let read = Manifest::from_text(&manifest.to_text(), Path::new("00000001.json"));
            prop_assert_eq!(read.ok(), Some(manifest));
        }

        /// Neither a cut nor an altered byte leaves a manifest that is believed.
        #[test]
        fn an_altered_manifest_is_not_believed(at in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let path = Path::new("00000001.json");
            let text = manifest(3_000, 2_000).to_text();
            let at = at.index(text.len() - 2);
            prop_assert!(Manifest::from_text(&text[..at], path).is_err());
            let mut bytes = text.clone().into_bytes();
            bytes[at] = byte;
            let altered = String::from_utf8(bytes).expect("ASCII");
            if let Ok(read) = Manifest::from_text(&altered, path) {
                // Blanks of the second line.
                prop_assert_eq!(read, manifest(3_000, 2_000));
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}") {
            prop_assert!(Manifest::from_text(&text, Path::new("x")).is_err());
        }
    }

    #[test]
    fn what_no_backup_says_is_refused() {
        let path = Path::new("00000001.json");
        let refused = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest = manifest(2_000, 5);
            change(&mut manifest);
            Manifest::from_text(&manifest.to_text(), path).is_err()
        };
        assert!(!refused(&|_| ()));
        assert!(refused(&|manifest| manifest.database.page_size = 5000));
        assert!(refused(&|manifest| manifest.database.pages = u32::MAX));
        assert!(refused(&|manifest| manifest.files.contents = u64::MAX));
        assert!(refused(
            &|manifest| manifest.database.maps[0] = "../../etc".to_owned()
        ));
        assert!(refused(&|manifest| manifest.format = FORMAT + 1));
    }
}
