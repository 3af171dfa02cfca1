//! Reads pages by position; nothing is held in memory but the page.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{INDEX, LINES, Manifest};
use crate::Error;

/// Bytes of one index entry.
pub(super) const ENTRY: usize = 24;

/// An opened corpus folder.
pub struct Corpus {
    folder: PathBuf,
    manifest: Manifest,
    index: File,
    lines: File,
}

/// Where one record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its seq.
    pub seq: u64,
    /// First byte of its line.
    pub offset: u64,
    /// Length of the line without its newline.
    pub len: u32,
    /// `publickey_ver`.
    pub version: u32,
}

impl Corpus {
    /// Opens a folder that has a manifest.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = Manifest::load(folder)?;
        let open = |name: &str| {
            let path = folder.join(name);
            File::open(&path).map_err(Error::io("open", path))
        };
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
            index: open(INDEX)?,
            lines: open(LINES)?,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Number of records at this moment.
    pub fn len(&self) -> Result<u64, Error> {
        let bytes = self
            .index
            .metadata()
            .map_err(Error::io("read", self.folder.join(INDEX)))?
            .len();
        Ok(bytes / ENTRY as u64)
    }

    /// True when there is no record.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// The entries from a position on, at most `count`.
    pub fn entries(&self, from: u64, count: u64) -> Result<Vec<Entry>, Error> {
        let count = self.len()?.saturating_sub(from).min(count);
        let mut bytes = vec![0; count as usize * ENTRY];
        self.index
            .read_exact_at(&mut bytes, from * ENTRY as u64)
            .map_err(Error::io("read", self.folder.join(INDEX)))?;
        Ok(bytes.chunks_exact(ENTRY).map(Entry::from_bytes).collect())
    }

    /// Position of the first record whose seq is greater than `seq`; the number of records when there is none.
    pub fn position_after(&self, seq: u64) -> Result<u64, Error> {
        let (mut low, mut high) = (0, self.len()?);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.entries(middle, 1)?;
            if found.first().is_some_and(|entry| entry.seq <= seq) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The items of some records, one text each. Neighbours are read in one go.
    pub fn items(&self, entries: &[Entry]) -> Result<Vec<Vec<u8>>, Error> {
        let mut items = Vec::with_capacity(entries.len());
        for run in entries.chunk_by(|a, b| a.offset + u64::from(a.len) + 1 == b.offset) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let mut bytes = vec![0; (last.offset + u64::from(last.len) - first.offset) as usize];
            self.lines
                .read_exact_at(&mut bytes, first.offset)
                .map_err(Error::io("read", self.folder.join(LINES)))?;
            items.extend(run.iter().map(|entry| {
                let start = (entry.offset - first.offset) as usize;
                bytes[start..start + entry.len as usize].to_vec()
            }));
        }
        Ok(items)
    }
}

impl Entry {
    pub(super) fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.len.to_le_bytes());
        bytes[20..].copy_from_slice(&self.version.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            bytes[at..at + 4]
                .iter()
                .rev()
                .fold(0u32, |value, byte| value << 8 | u32::from(*byte))
        };
        let wide = |at: usize| u64::from(word(at + 4)) << 32 | u64::from(word(at));
        Self {
            seq: wide(0),
            offset: wide(8),
            len: word(16),
            version: word(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_entry_survives_its_24_bytes(seq: u64, offset: u64, len: u32, version: u32) {
            let entry = Entry { seq, offset, len, version };
            prop_assert_eq!(Entry::from_bytes(&entry.to_bytes()), entry);
        }
    }
}
