//! What `verify` finds, and how much it looked at.

use std::{fmt, ops::AddAssign};

use serde::{Deserialize, Serialize};

use super::Damage;
use crate::ids::{CompanyId, Millis, Seq};

/// Findings whose kind is kept of a round by daily shares.
const KEPT: usize = 20;

/// Something that is not as it was written, or two things that do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// What is wrong.
    pub fault: Fault,
    /// What can be done.
    pub repair: Repair,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A record.
    Record(CompanyId, Seq),
    /// A file in the vault, by its SHA-256.
    File([u8; 32]),
    /// A table, or several; as the engine names it.
    Table(String),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An opened record is not what was written.
    Damage(Damage),
    /// What was landed is not what its digest says.
    Original,
    /// What was landed is missing although the record is not open.
    NoOriginal,
    /// Another copy of the record is not what its digest says.
    Copy,
    /// What `DecryptData` answered instead of a message cannot be unpacked.
    Answer,
    /// The people in the message are not those of its row.
    Audience,
    /// The search index has other terms than the body.
    Terms,
    /// The search index has the record never, or more than once.
    Indexed(u64),
    /// The file is not there.
    FileMissing,
    /// The file has other bytes.
    FileChanged,
    /// An item without a usable seq is not what its digest says.
    Stray,
    /// Something that holds for a table as a whole does not.
    Rule(String),
    /// The engine says so.
    Engine(String),
    /// A part of the search index has changed.
    Index(String),
}

impl Fault {
    /// The word in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Damage(damage) => damage.as_str(),
            Self::Original => "original_changed",
            Self::NoOriginal => "original_missing",
            Self::Copy => "copy_changed",
            Self::Answer => "answer_unreadable",
            Self::Audience => "audience",
            Self::Terms => "index_terms",
            Self::Indexed(_) => "index_count",
            Self::FileMissing => "file_missing",
            Self::FileChanged => "file_changed",
            Self::Stray => "stray_changed",
            Self::Rule(_) => "rule",
            Self::Engine(_) => "engine",
            Self::Index(_) => "index",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damage(damage) => damage.fmt(f),
            Self::Original => f.write_str("what was landed is not what its SHA-256 says"),
            Self::NoOriginal => f.write_str("the record is not open, and what was landed is missing"),
            Self::Copy => f.write_str("another copy of the record is not what its SHA-256 says"),
            Self::Answer => f.write_str("what DecryptData answered cannot be unpacked"),
            Self::Audience => f.write_str("the people of the message are not those of its row"),
            Self::Terms => f.write_str("the search index has other terms than the body"),
            Self::Indexed(times) => write!(f, "the search index has the record {times} times"),
            Self::FileMissing => f.write_str("the file is not there"),
            Self::FileChanged => f.write_str("the file has other bytes than were kept"),
            Self::Stray => f.write_str("an item without a usable seq is not what its SHA-256 says"),
            Self::Rule(text) | Self::Engine(text) | Self::Index(text) => f.write_str(text),
        }
    }
}

/// What can be done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// `shiguan repair --seq N`: it can be opened again from what was landed, or its columns follow from its body.
    Record,
    /// `shiguan repair --index`: what follows from the bodies is derived anew.
    Index,
    /// `shiguan repair --files`: WeCom may still have it.
    File,
    /// Nothing is left here to repair it from: a backup may have it. It stays as it is.
    Backup,
    /// The message itself is whole; nothing has to be done.
    Nothing,
}

impl Repair {
    /// What to type, or an empty text.
    pub fn command(self, about: &About) -> String {
        match (self, about) {
            (Self::Record, About::Record(_, seq)) => format!("shiguan repair --seq {seq}"),
            (Self::Index, _) => "shiguan repair --index".to_owned(),
            (Self::File, _) => "shiguan repair --files".to_owned(),
            _ => String::new(),
        }
    }
}

/// How much was looked at, and what could not be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records.
    pub records: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Opened records whose body has no digest: an older program opened them.
    pub without_digest: u64,
    /// Opened records whose columns have no guard.
    pub without_guard: u64,
    /// Opened records whose sealed original was let go.
    pub without_original: u64,
    /// Opened records whose columns are sound and whose body this version of the program reads differently.
    pub derived_otherwise: u64,
    /// Records in the parts of the index that were compared with the bodies.
    pub indexed: u64,
    /// Records in parts of the index that older rules wrote: their sums were compared, their terms could not be.
    pub by_older_rules: u64,
    /// Parts of the index without sums.
    pub without_sums: u64,
    /// Files.
    pub files: u64,
    /// Bytes of them.
    pub file_bytes: u64,
}

impl AddAssign for Verified {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.without_digest += other.without_digest;
        self.without_guard += other.without_guard;
        self.without_original += other.without_original;
        self.derived_otherwise += other.derived_otherwise;
        self.indexed += other.indexed;
        self.by_older_rules += other.by_older_rules;
        self.without_sums += other.without_sums;
        self.files += other.files;
        self.file_bytes += other.file_bytes;
    }
}

/// A part of the archive that was verified.
#[derive(Debug, Clone)]
pub struct Part<K> {
    /// What is wrong in it.
    pub findings: Vec<Finding>,
    /// How much was looked at.
    pub verified: Verified,
    /// Behind which the next part begins; `None` at the end.
    pub next: Option<K>,
}

impl<K> Default for Part<K> {
    /// Nothing, and nothing behind it.
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            verified: Verified::default(),
            next: None,
        }
    }
}

/// What became of a record that was to be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// Nothing is wrong with it.
    Sound,
    /// Its columns were derived from its body again.
    Derived,
    /// It went back to `sealed`, to be opened again from what was landed.
    Sealed,
    /// There is nothing left to repair it from; it stays as it is.
    NoSource(Damage),
}

/// How far writing digests for what older programs wrote has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DigestsWritten {
    /// Records that have a digest and a guard now.
    pub written: u64,
    /// Records of which that could not be done, because they are damaged or their body is no message of theirs.
    pub left: u64,
}

/// How far verifying by daily shares has come; kept in the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slice {
    /// When this round began; 0: none is under way.
    pub began: i64,
    /// When the last share was done.
    pub at: i64,
    /// The last record there was when this round began; later ones belong to the next.
    pub until: i64,
    /// The last record of this round that was read.
    pub record: i64,
    /// The last segment of the index.
    pub segment: i64,
    /// No segment is left.
    pub segments_done: bool,
    /// The last file.
    pub content: i64,
    /// No file is left.
    pub contents_done: bool,
    /// How much was found in this round.
    pub found: u64,
    /// The first of it, for people.
    pub what: Vec<String>,
    /// The last round that came to its end.
    pub last: Option<Round>,
}

/// A round that went through the whole archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Round {
    /// When it began.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// How much it found.
    pub found: u64,
    /// The first of it, for people.
    pub what: Vec<String>,
}

impl Slice {
    /// What was found lately: in the round under way, or in the last one.
    pub fn found_lately(&self) -> u64 {
        self.found.max(self.last.as_ref().map_or(0, |last| last.found))
    }

    /// A whole round by hand counts as one by shares.
    pub fn is_over(began: Millis, ended: Millis, found: u64) -> Self {
        Self {
            at: ended.0,
            last: Some(Round {
                began: began.0,
                ended: ended.0,
                found,
                what: Vec::new(),
            }),
            ..Self::default()
        }
    }

    /// Adds what was found.
    pub fn note(&mut self, findings: &[Finding]) {
        self.found += findings.len() as u64;
        let room = KEPT.saturating_sub(self.what.len());
        let texts = findings
            .iter()
            .take(room)
            .map(|finding| finding.fault.as_str().to_owned());
        self.what.extend(texts);
    }
}
