//! What a generation consists of: one line of JSON, and a line with its SHA-256.

use std::{io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    Damage, Error, Result,
    folder::unhex,
    map::{LIST_ENTRIES, MAP_PAGES},
    seal::{Closed, Identities, NameKey, Opened, Seal},
};
use crate::{ids::Millis, media::vault::hex, store::Contents};

/// The format of a generation that is not encrypted.
pub(super) const FORMAT: u32 = 1;
/// That of an encrypted one, and the newest that this program reads.
const ENCRYPTED: u32 = 2;
/// Bytes of what is hidden in a manifest.
const HIDDEN: u64 = 64 << 20;

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
    /// For whom it is encrypted, and what only they may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

/// How a generation is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// The public keys it is encrypted for.
    pub recipients: Vec<String>,
    /// Tells which key gave the names.
    pub(super) key: String,
    /// An age file in base64: [`Hidden`].
    sealed: String,
    /// The text it was read from, and what shows that a holder of the key wrote it.
    #[serde(skip)]
    written: Option<(String, String)>,
}

/// What a manifest does not say to everybody.
#[derive(Serialize, Deserialize)]
struct Hidden {
    /// The key of the names, in hexadecimal digits.
    key: String,
    configuration: Option<String>,
    companies: Vec<Company>,
    missing: Vec<String>,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.key.zeroize();
    }
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
    /// True when its parts can be read by its recipients only.
    pub fn is_encrypted(&self) -> bool {
        self.encryption.is_some()
    }

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

    /// Hides what only the recipients may read; it stays in memory.
    pub(super) fn encrypt(&mut self, seal: &Seal) -> io::Result<()> {
        let hidden = Hidden {
            key: seal.key.to_text().to_string(),
            configuration: self.configuration.clone(),
            companies: self.companies.clone(),
            missing: self.files.missing.clone(),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&hidden)?);
        self.format = ENCRYPTED;
        self.encryption = Some(Encryption {
            recipients: seal.recipients.names(),
            key: seal.key.id(),
            sealed: STANDARD.encode(seal.recipients.encrypt(&plain)?),
            written: None,
        });
        Ok(())
    }

    /// Opens what is hidden. None when nothing is: the generation lies as it is.
    pub fn open(&mut self, number: u64, identities: Option<Identities>) -> Result<Option<Opened>> {
        let Some(encryption) = &self.encryption else {
            return Ok(None);
        };
        let Some(identities) = identities else {
            return Err(Error::NoIdentity {
                number,
                recipients: encryption.recipients.clone(),
            });
        };
        let damaged =
            |what: &str| Error::Damaged(vec![Damage::new(format!("generations/{number:08}.json"), what)]);
        let sealed = STANDARD
            .decode(&encryption.sealed)
            .map_err(|_| damaged("it is altered: what is encrypted in it is no base64"))?;
        let plain = identities
            .decrypt(&sealed, HIDDEN)
            .map_err(|closed| match closed {
                Closed::OtherRecipients => Error::OtherIdentity {
                    number,
                    recipients: encryption.recipients.clone(),
                },
                Closed::Altered => damaged(closed.why()),
            })?;
        let unread = || damaged("what is encrypted in it cannot be read");
        let mut hidden: Hidden = serde_json::from_slice(&plain).map_err(|_| unread())?;
        let key = NameKey::from_text(&hidden.key).ok_or_else(unread)?;
        if hidden.missing.iter().any(|name| unhex(name).is_none()) {
            return Err(unread());
        }
        // Whoever lacks the key can neither write a generation nor put parts of several together.
        if let Some((line, tag)) = &encryption.written
            && *tag != hex(&key.tag(line.as_bytes()))
        {
            return Err(damaged(
                "it is altered: nobody wrote it who has the key that is encrypted in it",
            ));
        }
        self.configuration = hidden.configuration.take();
        self.companies = std::mem::take(&mut hidden.companies);
        self.files.missing = std::mem::take(&mut hidden.missing);
        Ok(Some(Opened { identities, key }))
    }

    /// The text of a generation; of an encrypted one without what is hidden, with the key's tag.
    pub(super) fn to_text(&self, key: Option<&NameKey>) -> String {
        let mut open = self.clone();
        if open.encryption.is_some() {
            open.configuration = None;
            open.companies.clear();
            open.files.missing.clear();
        }
        let line = serde_json::to_string(&open).unwrap_or_default();
        let tag = key.map(|key| {
            let tag = hex(&key.tag(line.as_bytes()));
            let sha256 = hex(&Sha256::digest(tag.as_bytes()));
            format!("{{\"tag\":\"{tag}\",\"sha256\":\"{sha256}\"}}\n")
        });
        with_sum(line) + &tag.unwrap_or_default()
    }

    pub(super) fn from_text(text: &str, path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let damaged = |what: &str| Error::Damaged(vec![Damage::new(format!("generations/{name}"), what)]);
        let line = summed(text).map_err(damaged)?;
        #[derive(Deserialize)]
        struct Tag {
            tag: String,
            sha256: String,
        }
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(line).map_err(|_| damaged("it cannot be read"))?;
        if head.format > ENCRYPTED {
            return Err(Error::Newer {
                path: path.to_owned(),
                format: head.format,
            });
        }
        let mut manifest: Self = serde_json::from_str(line).map_err(|_| damaged("it cannot be read"))?;
        if manifest.encryption.is_some() != (head.format == ENCRYPTED) {
            return Err(damaged("it does not say whether it is encrypted"));
        }
        if let Some(encryption) = &mut manifest.encryption {
            let tag: Tag = serde_json::from_str(text.lines().nth(2).unwrap_or_default())
                .map_err(|_| damaged("its tag is missing: it is cut off"))?;
            if hex(&Sha256::digest(tag.tag.as_bytes())) != tag.sha256 {
                return Err(damaged("it is altered: the SHA-256 of its tag is another one"));
            }
            encryption.written = Some((line.to_owned(), tag.tag));
        }
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

/// A line, and one with its SHA-256.
pub(super) fn with_sum(line: String) -> String {
    let sha256 = hex(&Sha256::digest(line.as_bytes()));
    format!("{line}\n{{\"sha256\":\"{sha256}\"}}\n")
}

/// The line of [`with_sum`], when it is what was written.
pub(super) fn summed(text: &str) -> Result<&str, &'static str> {
    #[derive(Deserialize)]
    struct Sum {
        sha256: String,
    }
    let mut lines = text.lines();
    let (line, digest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let sum: Sum = serde_json::from_str(digest).map_err(|_| "its digest is missing: it is cut off")?;
    match hex(&Sha256::digest(line.as_bytes())) == sum.sha256 {
        true => Ok(line),
        false => Err("it is altered: its SHA-256 is another one"),
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
            encryption: None,
        }
    }

    proptest! {
        #[test]
        fn a_manifest_comes_back_as_it_was(pages in 1_u32..100_000, contents in 0_u64..100_000) {
            let manifest = manifest(pages, contents);
            let read = Manifest::from_text(&manifest.to_text(None), Path::new("00000001.json"));
            prop_assert_eq!(read.ok(), Some(manifest));
        }

        /// Neither a cut nor an altered byte leaves a manifest that is believed.
        #[test]
        fn an_altered_manifest_is_not_believed(at in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let path = Path::new("00000001.json");
            let text = manifest(3_000, 2_000).to_text(None);
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
            Manifest::from_text(&manifest.to_text(None), path).is_err()
        };
        assert!(!refused(&|_| ()));
        assert!(refused(&|manifest| manifest.database.page_size = 5000));
        assert!(refused(&|manifest| manifest.database.pages = u32::MAX));
        assert!(refused(&|manifest| manifest.files.contents = u64::MAX));
        assert!(refused(
            &|manifest| manifest.database.maps[0] = "../../etc".to_owned()
        ));
        assert!(refused(&|manifest| manifest.format = ENCRYPTED + 1));
    }
}
