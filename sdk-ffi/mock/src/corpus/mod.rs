//! The corpus folder: what the server would hold.
//!
//! ```text
//! manifest.json    what this is (written last: a folder without it is not a corpus)
//! chatdata.jsonl   one finished `chatdata` item per line, ascending by seq
//! chatdata.idx     24 bytes per record, little endian: seq u64, offset u64, length u32, key version u32
//! keys/vN.pem      private keys (PKCS#8), owner only
//! media/           files given by hand: named by the SHA-256 of their sdkfileid; all others are derived from the id
//! truth.jsonl      the plaintexts, for tests that compare
//! faults.json      optional rules, see `faults`
//! fired/           markers of rules with `times`
//! ```
//!
//! Enters: items and plaintexts. Leaves: pages by seq, read in place, so that three million records need no more
//! memory than one page.
//! Must not know: what is in a record.

mod reader;
mod writer;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use reader::{Corpus, Entry};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
pub use writer::{Prepared, Truth, Writer};

use crate::Error;

/// File names inside a corpus folder.
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const LINES: &str = "chatdata.jsonl";
pub(crate) const INDEX: &str = "chatdata.idx";
/// The plaintexts, one [`Truth`] per line.
pub const TRUTH: &str = "truth.jsonl";

/// The format written and read by this version.
pub const FORMAT: u32 = 1;

/// What a corpus is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// `generate` or `seal`.
    pub made_by: String,
    /// Seed of everything that was made up.
    pub seed: u64,
    /// Tells file ids of this corpus from those of others.
    pub corpus_id: u64,
    /// A corpid to initialise with; the mock, like the real `Init`, takes any.
    pub corpid: String,
    /// Records written (a corpus may have grown since).
    pub records: u64,
    /// Seq of the first record; 0 when there is none.
    pub first_seq: u64,
    /// Seq of the last record; 0 when there is none.
    pub last_seq: u64,
    /// Records before this seq are past the server's retention.
    #[serde(default)]
    pub retained_from: u64,
    /// The key pairs, by version.
    pub keys: Vec<KeyEntry>,
    /// True when `truth.jsonl` is there.
    pub truth: bool,
}

/// One key pair of a corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// `publickey_ver`.
    pub version: u32,
    /// The private key's file, relative to the folder.
    pub file: PathBuf,
    /// SHA-256 of the public key's DER form, lower-case hex.
    pub public_sha256: String,
}

impl Manifest {
    /// Reads the manifest of a folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(Error::io("read", &path))?;
        let wrong = |reason: String| Error::Manifest {
            path: path.clone(),
            reason,
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(wrong(format!("format {} is not {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }

    /// Writes the manifest beside itself first, so that readers see all of it or none.
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        let (path, fresh) = (folder.join(MANIFEST), folder.join("manifest.json.new"));
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::Manifest {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        fs::write(&fresh, text).map_err(Error::io("write", &fresh))?;
        fs::rename(&fresh, &path).map_err(Error::io("write", &path))
    }
}

/// Where a file given by hand lies: what `GetMediaData` serves for this `sdkfileid` before anything else.
pub fn stored_media_path(folder: &Path, sdkfileid: &[u8]) -> PathBuf {
    let name: String = Sha256::digest(sdkfileid)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    folder.join("media").join(name)
}

/// Puts a file into a corpus, to be served for this `sdkfileid` (any text).
pub fn store_media(folder: &Path, sdkfileid: &str, content: &[u8]) -> Result<(), Error> {
    let path = stored_media_path(folder, sdkfileid.as_bytes());
    let media = folder.join("media");
    fs::create_dir_all(&media).map_err(Error::io("create", &media))?;
    fs::write(&path, content).map_err(Error::io("write", &path))
}
