//! Seals plaintexts given as files, so that anyone can push their own cases through the whole way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{keys::KeyPair, seal};
use crate::{
    Error,
    corpus::{KeyEntry, Manifest, Prepared, Writer},
    faults::{FAULTS_FILE, Faults},
    generate::Summary,
};

/// How a folder of plaintexts is sealed.
#[derive(Debug, Clone)]
pub struct SealOptions {
    /// Decides key pairs and message keys.
    pub seed: u64,
    /// Number of key versions; they change at even splits.
    pub key_versions: u32,
    /// Writes `truth.jsonl`.
    pub truth: bool,
    /// A faults file to copy into the corpus.
    pub faults: Option<PathBuf>,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            key_versions: 1,
            truth: true,
            faults: None,
        }
    }
}

/// Seals every `*.json` file of `from`, in name order, bytes verbatim (any bytes), seq from 1. The envelope's msgid
/// is the inner one where one can be found, else a made-up one.
pub fn seal_folder(from: &Path, out: &Path, options: &SealOptions) -> Result<Summary, Error> {
    let files = plaintexts(from)?;
    let faults = options.faults.as_deref().map(Faults::load).transpose()?;
    let mut writer = Writer::create(out, options.truth)?;
    let pairs = pairs(options.seed, options.key_versions)?;
    let sealers = pairs
        .iter()
        .map(|pair| pair.sealer())
        .collect::<Result<Vec<_>, _>>()?;
    let mut summary = Summary {
        key_versions: (1..=options.key_versions).collect(),
        ..Summary::default()
    };
    for (place, path) in files.iter().enumerate() {
        let seq = place as u64 + 1;
        let plaintext = fs::read(path).map_err(Error::io("read", path))?;
        let msgid = inner_text(&plaintext, "msgid").unwrap_or_else(|| made_up_msgid(seq, &plaintext));
        let sealer = &sealers[place * sealers.len() / files.len()];
        let item = seal(sealer, options.seed, seq, &msgid, &plaintext)?;
        writer.push(&Prepared::new(&item, options.truth.then_some(&plaintext))?)?;
        let kind = inner_text(&plaintext, "msgtype").or_else(|| inner_text(&plaintext, "action"));
        summary.count(seq, kind.as_deref().unwrap_or("(none)"));
    }
    finish(writer, out, "seal", options.seed, &pairs, faults)?;
    Ok(summary)
}

/// The key pairs of a corpus.
pub(crate) fn pairs(seed: u64, versions: u32) -> Result<Vec<std::sync::Arc<KeyPair>>, Error> {
    use rayon::prelude::*;
    if !(1..=64).contains(&versions) {
        return Err(Error::Plan(format!("{versions} key versions; ask for 1 to 64")));
    }
    (1..=versions)
        .into_par_iter()
        .map(|version| KeyPair::seeded(seed, version))
        .collect()
}

/// Keys, faults, manifest: what makes a folder of records a corpus.
pub(crate) fn finish(
    writer: Writer,
    out: &Path,
    made_by: &str,
    seed: u64,
    pairs: &[std::sync::Arc<KeyPair>],
    faults: Option<Faults>,
) -> Result<(), Error> {
    let mut keys = Vec::new();
    for pair in pairs {
        let path = pair.write(out)?;
        let file = path.strip_prefix(out).unwrap_or(&path).to_owned();
        keys.push(KeyEntry {
            version: pair.version,
            file,
            public_sha256: pair.fingerprint()?,
        });
    }
    if let Some(faults) = faults {
        faults.save(&out.join(FAULTS_FILE))?;
    }
    writer.finish(Manifest {
        format: crate::corpus::FORMAT,
        made_by: made_by.to_owned(),
        seed,
        corpus_id: crate::media::derived(seed, 0xC0),
        corpid: "wwmock00000000000001".to_owned(),
        records: 0,
        first_seq: 0,
        last_seq: 0,
        retained_from: 0,
        keys,
        truth: false,
    })?;
    Ok(())
}

fn plaintexts(from: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let path = entry.map_err(Error::io("read", from))?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::NothingToSeal {
            path: from.to_owned(),
        });
    }
    files.sort();
    Ok(files)
}

/// A text member of a document: read as JSON, or else looked for in the bytes, since the document may be any.
fn inner_text(plaintext: &[u8], name: &str) -> Option<String> {
    if let Ok(document) = serde_json::from_slice::<serde_json::Value>(plaintext) {
        return document
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
    }
    let marker = format!("\"{name}\"");
    let start = plaintext
        .windows(marker.len())
        .position(|window| window == marker.as_bytes())?
        + marker.len();
    let rest = plaintext[start..]
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    let mut end = 0;
    while *rest.get(end)? != b'"' {
        end += if rest[end] == b'\\' { 2 } else { 1 };
    }
    let quoted = [b"\"".as_slice(), &rest[..end], b"\""].concat();
    serde_json::from_slice::<String>(&quoted)
        .ok()
        .filter(|text| !text.is_empty())
}

fn made_up_msgid(seq: u64, plaintext: &[u8]) -> String {
    let digest = Sha256::digest(plaintext);
    let number = digest[..8]
        .iter()
        .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    format!("{number}_{seq}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_msgid_is_found_in_anything_that_has_one() {
        for (bytes, expected) in [
            (&br#"{"msgid":"a_1","x":1}"#[..], Some("a_1")),
            (b"{\"msgid\" : \"a\\\"b\", \"text\":\"\x01\"}", Some("a\"b")),
            (b"{\"text\":\"\xff\",\"msgid\":\"z\"", Some("z")),
            (br#"{"msgid":""}"#, None),
            (br#"{"msgid":5}"#, None),
            (b"{\"msgid\":\"never closed", None),
            (b"{\"msgid\":\"ends in a backslash\\", None),
            (b"plain words", None),
            (b"", None),
        ] {
            assert_eq!(
                inner_text(bytes, "msgid").as_deref(),
                expected,
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_search_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = inner_text(&[b"{\"msgid\":\"".as_slice(), &bytes].concat(), "msgid");
        }
    }
}
