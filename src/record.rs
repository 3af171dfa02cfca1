//! The words for a record on its way: sealed, opened, or waiting with a named reason.
//!
//! Leaf vocabulary shared by `source`, `unseal`, `archive` and `store`. Must not know any of them.

use std::fmt;

use crate::ids::{KeyVersion, Seq};

/// One `chatdata` item as the SDK returned it (finance-sdk §5.2), every text verbatim.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sealed {
    /// `seq`.
    pub seq: Seq,
    /// `msgid`; empty when the item had none.
    pub msgid: String,
    /// `publickey_ver`; 0 when the item had none.
    pub key_version: KeyVersion,
    /// `encrypt_random_key`: base64 of the RSA block.
    pub random_key: String,
    /// `encrypt_chat_msg`: what only the vendor's `DecryptData` can read.
    pub body: String,
    /// The whole item as JSON text, kept only when it is not of the documented shape
    /// (a field missing, of another type, or unknown), so that nothing received is lost.
    pub odd: Option<String>,
}

impl Sealed {
    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        let odd = self.odd.as_ref().map_or(0, String::len);
        self.body.len() + self.random_key.len() + self.msgid.len() + odd + size_of::<Self>()
    }
}

/// Prints what may be printed: never the key, never the body.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("seq", &self.seq.0)
            .field("msgid", &self.msgid)
            .field("key_version", &self.key_version.0)
            .field("random_key_len", &self.random_key.len())
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// Why a landed record is not open yet (design, "States of a record").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No private key of its version is configured.
    NoKey,
    /// A key of its version is there and does not open it.
    KeyMismatch,
    /// It cannot be handed to the SDK: base64 or length is broken.
    Malformed,
    /// The SDK said no.
    Refused,
    /// It took the SDK's process down, twice.
    Poison,
    /// The SDK said yes and gave no message of this record.
    Unreadable,
}

impl Reason {
    /// All of them, in the order reports print them.
    pub const ALL: [Self; 6] = [
        Self::NoKey,
        Self::KeyMismatch,
        Self::Malformed,
        Self::Refused,
        Self::Poison,
        Self::Unreadable,
    ];

    /// The word used in the store, in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::KeyMismatch => "key_mismatch",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::Poison => "poison",
            Self::Unreadable => "unreadable",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that waits, and for what. `detail` is for people: a cause without any secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The named reason.
    pub reason: Reason,
    /// What exactly was seen, e.g. `encrypt_random_key is 200 bytes, the key takes 256`.
    pub detail: String,
}

impl Waiting {
    /// Shorthand used wherever a record is set aside.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}
