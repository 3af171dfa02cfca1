//! Writes a corpus as a stream, record by record, manifest last.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{INDEX, LINES, MANIFEST, Manifest, TRUTH, reader::Entry};
use crate::{Error, seal::Item};

/// One line of `truth.jsonl`: what a record must open to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The record.
    pub seq: u64,
    /// Its outer msgid.
    pub msgid: String,
    /// The key it was sealed to.
    pub publickey_ver: u32,
    /// The plaintext when it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<String>,
    /// The plaintext when it is not, as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plaintext_base64: Option<String>,
}

impl Truth {
    /// The plaintext's bytes, whichever field carries them.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.plaintext, &self.plaintext_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    fn new(item: &Item, plaintext: &[u8]) -> Self {
        let text = std::str::from_utf8(plaintext).ok();
        Self {
            seq: item.seq,
            msgid: item.msgid.clone(),
            publickey_ver: item.publickey_ver,
            plaintext: text.map(str::to_owned),
            plaintext_base64: text.is_none().then(|| STANDARD.encode(plaintext)),
        }
    }
}

/// A corpus being written.
pub struct Writer {
    folder: PathBuf,
    lines: BufWriter<File>,
    index: BufWriter<File>,
    truth: Option<BufWriter<File>>,
    offset: u64,
    records: u64,
    first_seq: u64,
    last_seq: u64,
}

/// A record as the files take it; made in parallel, written in order.
pub struct Prepared {
    seq: u64,
    version: u32,
    line: Vec<u8>,
    truth: Vec<u8>,
}

impl Prepared {
    /// Renders an item, and its truth if there is to be one.
    pub fn new(item: &Item, plaintext: Option<&[u8]>) -> Result<Self, Error> {
        const WHAT: Error = Error::Crypto("render a record as JSON");
        let truth = plaintext
            .map(|plaintext| serde_json::to_vec(&Truth::new(item, plaintext)))
            .transpose();
        Ok(Self {
            seq: item.seq,
            version: item.publickey_ver,
            line: serde_json::to_vec(item).map_err(|_| WHAT)?,
            truth: truth.map_err(|_| WHAT)?.unwrap_or_default(),
        })
    }
}

impl Writer {
    /// Starts a corpus in a folder that holds none. Left-overs of one that was never finished are replaced.
    pub fn create(folder: &Path, truth: bool) -> Result<Self, Error> {
        if folder.join(MANIFEST).exists() {
            return Err(Error::Occupied {
                path: folder.to_owned(),
            });
        }
        fs::create_dir_all(folder.join("media")).map_err(Error::io("create", folder))?;
        let create = |name: &str| {
            let path = folder.join(name);
            File::create(&path)
                .map(|file| BufWriter::with_capacity(1 << 20, file))
                .map_err(Error::io("create", path))
        };
        Ok(Self {
            folder: folder.to_owned(),
            lines: create(LINES)?,
            index: create(INDEX)?,
            truth: if truth { Some(create(TRUTH)?) } else { None },
            offset: 0,
            records: 0,
            first_seq: 0,
            last_seq: 0,
        })
    }

    /// Adds a record; seqs must ascend.
    pub fn push(&mut self, record: &Prepared) -> Result<(), Error> {
        if self.records > 0 && record.seq <= self.last_seq {
            return Err(Error::Plan(format!(
                "seq {} does not follow {}",
                record.seq, self.last_seq
            )));
        }
        let entry = Entry {
            seq: record.seq,
            offset: self.offset,
            len: u32::try_from(record.line.len())
                .map_err(|_| Error::Plan(format!("the record {} is larger than 4 GiB", record.seq)))?,
            version: record.version,
        };
        let write = |file: &mut BufWriter<File>, parts: [&[u8]; 2], name: &str| {
            parts
                .iter()
                .try_for_each(|part| file.write_all(part))
                .map_err(Error::io("write", self.folder.join(name)))
        };
        write(&mut self.lines, [&record.line, b"\n"], LINES)?;
        write(&mut self.index, [&entry.to_bytes(), b""], INDEX)?;
        if let Some(truth) = &mut self.truth {
            write(truth, [&record.truth, b"\n"], TRUTH)?;
        }
        self.offset += record.line.len() as u64 + 1;
        if self.records == 0 {
            self.first_seq = record.seq;
        }
        self.last_seq = record.seq;
        self.records += 1;
        Ok(())
    }

    /// Finishes: from here on the folder is a corpus. The counts of `manifest` are filled in.
    pub fn finish(mut self, mut manifest: Manifest) -> Result<Manifest, Error> {
        for (file, name) in [(&mut self.lines, LINES), (&mut self.index, INDEX)] {
            file.flush().map_err(Error::io("write", self.folder.join(name)))?;
        }
        if let Some(truth) = &mut self.truth {
            truth
                .flush()
                .map_err(Error::io("write", self.folder.join(TRUTH)))?;
        }
        manifest.records = self.records;
        manifest.first_seq = self.first_seq;
        manifest.last_seq = self.last_seq;
        manifest.truth = self.truth.is_some();
        manifest.save(&self.folder)?;
        Ok(manifest)
    }
}
