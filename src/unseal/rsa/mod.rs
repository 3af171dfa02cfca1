//! The RSA step behind one small trait: a batch in, a batch out, order kept.
//!
//! The trait works on batches because the default opens eight blocks at a time; the other two take one block after
//! another and are there to compare with.
//!
//! Must not know: base64, records, threads.

mod aws_lc;
mod lanes;
mod reference;

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use super::{error::KeyFault, keyring::PrivateKey};

/// What came out of the padding; zeroed on drop.
pub type Plain = Zeroizing<Vec<u8>>;

/// One implementation of RSA.
pub trait RsaEngine: Send + Sync {
    /// The word for it in configuration and reports.
    fn name(&self) -> &'static str;

    /// Does once per key what would be slow per block.
    fn prepare(&self, key: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault>;
}

/// A key made ready.
pub trait RsaOpener: Send + Sync {
    /// Length of a sealed block in bytes: that of the modulus.
    fn sealed_len(&self) -> usize;

    /// Opens PKCS#1 v1.5 encryption blocks (finance-sdk §6); one answer per block, in order.
    ///
    /// An implementation may answer a wrong key with random bytes instead of a fault (implicit
    /// rejection); the caller looks at what came out, see `batch`.
    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>>;
}

/// Why a block did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenFault {
    /// Not as long as the modulus.
    Length {
        /// Bytes in the block.
        given: usize,
        /// Bytes the key takes.
        wanted: usize,
    },
    /// Greater than the modulus, or the padding is wrong: not sealed to this key.
    Rejected,
}

/// The implementations to choose from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Implementation {
    /// Our own `rsa-batch`, the default.
    #[default]
    Batch,
    /// AWS-LC, one block after the other.
    AwsLc,
    /// The `rsa` crate: reference and oracle.
    Rsa,
}

impl Implementation {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Batch, Self::AwsLc, Self::Rsa];

    /// The word in configuration and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "rsa-batch",
            Self::AwsLc => "aws-lc-rs",
            Self::Rsa => "rsa",
        }
    }

    /// The implementation itself.
    pub fn engine(self) -> &'static dyn RsaEngine {
        match self {
            Self::Batch => &lanes::Lanes,
            Self::AwsLc => &aws_lc::AwsLc,
            Self::Rsa => &reference::Reference,
        }
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Implementation {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == word)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
                format!(
                    "no RSA implementation is called `{word}`; there are: {}",
                    known.join(", ")
                )
            })
    }
}
