//! The door: one key prepared once, any number of records opened, in order.

use crate::key::PrivateKey;
use crate::padding;
use crate::portable::Portable;
use crate::{KeyError, OpenError};
use zeroize::Zeroizing;

#[cfg(target_arch = "x86_64")]
use crate::ifma::Engine;

/// One opened record, or why not.
pub type Opened = Result<Zeroizing<Vec<u8>>, OpenError>;

/// What does the arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Eight records at a time on AVX-512 IFMA; small remainders by the twin.
    Ifma,
    /// One record at a time through `aws-lc-rs`.
    Portable,
}

/// A private key prepared for opening. Share it among threads; each call works in memory of its own.
pub struct Opener {
    size: usize,
    modulus: Vec<u8>,
    #[cfg(target_arch = "x86_64")]
    ifma: Option<Engine>,
    portable: Option<Portable>,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener")
            .field("size", &self.size)
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

impl Opener {
    /// Prepares `key` for the fastest implementation this processor has.
    pub fn new(key: &PrivateKey) -> Result<Self, KeyError> {
        let opener = Self::prepared(key, true, true);
        opener.usable(key)
    }

    /// Prepares `key` for one implementation alone, for tests and comparisons: with [`Backend::Ifma`] every record
    /// goes through the lanes, however few.
    pub fn with_backend(key: &PrivateKey, backend: Backend) -> Result<Self, KeyError> {
        let opener = Self::prepared(key, backend == Backend::Ifma, backend == Backend::Portable);
        opener.usable(key)
    }

    fn prepared(key: &PrivateKey, ifma: bool, portable: bool) -> Self {
        let large_enough = key.bits() >= 2048;
        let _ = ifma; // elsewhere than on x86-64 there is only the twin
        Self {
            size: key.size(),
            modulus: key.n().to_vec(),
            #[cfg(target_arch = "x86_64")]
            ifma: (ifma && large_enough).then(|| Engine::new(key)).flatten(),
            portable: (portable && large_enough).then(|| Portable::new(key)).flatten(),
        }
    }

    fn usable(self, key: &PrivateKey) -> Result<Self, KeyError> {
        let usable = self.portable.is_some();
        #[cfg(target_arch = "x86_64")]
        let usable = usable || self.ifma.is_some();
        if usable {
            Ok(self)
        } else {
            Err(KeyError::Unsupported { bits: key.bits() })
        }
    }

    /// What opens a full batch.
    pub fn backend(&self) -> Backend {
        #[cfg(target_arch = "x86_64")]
        if self.ifma.is_some() {
            return Backend::Ifma;
        }
        Backend::Portable
    }

    /// How many records to hand over at once, or a multiple of it, to keep all lanes busy.
    pub fn preferred_batch(&self) -> usize {
        match self.backend() {
            Backend::Ifma => 8,
            Backend::Portable => 1,
        }
    }

    /// Opens every ciphertext; the answers are in the same order. One that is wrong disturbs no other.
    pub fn open(&self, ciphertexts: &[&[u8]]) -> Vec<Opened> {
        // Until its turn every record has the verdict it keeps if it never reaches the arithmetic.
        let mut out: Vec<Opened> = ciphertexts.iter().map(|bytes| Err(self.verdict(bytes))).collect();
        let mut block = Zeroizing::new(vec![0; self.size]);
        let mut waiting = (0..out.len())
            .filter(|i| out[*i] == Err(OpenError::Fault))
            .collect::<Vec<_>>()
            .into_iter();
        #[cfg(target_arch = "x86_64")]
        if let Some(engine) = &self.ifma {
            let mut scratch = None;
            let singles = if self.portable.is_some() {
                engine.better_one_by_one()
            } else {
                0
            };
            while waiting.len() > singles {
                let taken = waiting.len().min(crate::ifma::LANES);
                let mut lanes = [[].as_slice(); crate::ifma::LANES];
                let indices = waiting.as_slice();
                for (lane, i) in lanes.iter_mut().zip(&indices[..taken]) {
                    *lane = ciphertexts[*i];
                }
                let scratch = scratch.get_or_insert_with(|| engine.scratch());
                engine.open(scratch, &lanes[..taken], &mut block, |lane, block, passed| {
                    out[indices[lane]] = if passed {
                        padding::remove(block)
                    } else {
                        Err(OpenError::Fault)
                    };
                });
                waiting.nth(taken - 1);
            }
        }
        if let Some(portable) = &self.portable {
            for i in waiting {
                out[i] = portable.open(ciphertexts[i], &mut block);
            }
        }
        out
    }

    /// `Fault` for a ciphertext fit for the arithmetic: nothing has vouched for a result yet.
    fn verdict(&self, ciphertext: &[u8]) -> OpenError {
        if ciphertext.len() != self.size {
            return OpenError::Length {
                expected: self.size,
                found: ciphertext.len(),
            };
        }
        let below = ciphertext < self.modulus.as_slice(); // both are public
        if below { OpenError::Fault } else { OpenError::Range }
    }
}
