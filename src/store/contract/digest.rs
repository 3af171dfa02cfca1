//! The digests of what an archive holds up to a seq: values that can be written down, compared later, or signed.

use crate::ids::Seq;

/// Number of the rules by which these digests are computed (docs/digest.md). Other rules get another number.
pub const FORMAT: u32 = 1;

/// What one company's part of the archive holds up to a seq, inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestUpTo {
    /// The company's name in the configuration.
    pub company: String,
    /// Its corpid.
    pub corpid: String,
    /// Records with greater seqs are left out.
    pub upto: Seq,
    /// Everything that landed, opened or not.
    pub landed: SetDigest,
    /// Copies of these records with other bytes under the same msgid; they are part of `landed`.
    pub other_copies: u64,
    /// What is open of it.
    pub open: SetDigest,
    /// The company's cursor. Below `upto`, records that are still to be pulled will change both digests.
    pub cursor: Seq,
    /// Ranges of the stream at or below `upto` that were not seen and may still be filled.
    pub gaps: u64,
    /// How many times something was found that is not what was written.
    pub damaged: u64,
}

/// A number of records and the digest over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDigest {
    /// How many records.
    pub records: u64,
    /// `None` when one of them is damaged in what the digest rests on: a value over damage compares with nothing.
    pub sha256: Option<[u8; 32]>,
}
