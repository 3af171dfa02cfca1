//! The company's private keys, several versions side by side.
//!
//! A rotation needs both keys for as long as sealed records of the old version exist (finance-sdk §6),
//! so a ring maps `publickey_ver` to a key and is never "the" key. Enters: PEM text (`pem`, `legacy`),
//! folders (`folder`, the room's only I/O). Leaves: [`KeyRing`], prepared for opening in `batch`.
//!
//! Must not know: which RSA implementation will use a key.

mod folder;
mod key;
mod legacy;
mod pem;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::{ids::KeyVersion, secret::Secret};

use super::error::{KeyError, KeyFault};

pub use self::{
    folder::{Stray, Written, file_name, read_file, strays, write},
    key::{Fingerprint, PrivateKey},
};

/// Makes a new key pair of 2048, 3072 or 4096 bits. WeCom asks for 2048 (finance-sdk §10).
pub fn generate(bits: usize) -> Result<PrivateKey, KeyFault> {
    PrivateKey::generate(bits)
}

/// Reads one private key: PKCS#1, PKCS#8, and both under a passphrase; as PEM, whatever its label says, as bare base64,
/// or as DER.
pub fn import(pem: &[u8], passphrase: Option<&Secret>) -> Result<PrivateKey, KeyFault> {
    pem::private_key(pem, passphrase)
}

/// What may be shown about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// `publickey_ver`.
    pub version: KeyVersion,
    /// SHA-256 of the public half.
    pub fingerprint: Fingerprint,
    /// Length of the modulus in bits.
    pub bits: usize,
}

/// Private keys by version. Prints versions and fingerprints only; zeroed on drop.
#[derive(Default)]
pub struct KeyRing {
    keys: BTreeMap<KeyVersion, PrivateKey>,
    files: BTreeMap<KeyVersion, PathBuf>,
    strays: Vec<Stray>,
}

impl KeyRing {
    /// A ring without keys: everything waits as `no_key`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a key in. A version that is taken is refused, even by the same key.
    pub fn insert(&mut self, version: KeyVersion, key: PrivateKey) -> Result<(), KeyError> {
        if version.0 == 0 {
            return Err(KeyError::VersionZero);
        }
        if self.keys.contains_key(&version) {
            return Err(KeyError::InRing(version));
        }
        self.keys.insert(version, key);
        Ok(())
    }

    /// The key of a version.
    pub fn key(&self, version: KeyVersion) -> Option<&PrivateKey> {
        self.keys.get(&version)
    }

    /// The file that the key of a version was loaded from.
    pub fn file(&self, version: KeyVersion) -> Option<&Path> {
        self.files.get(&version).map(PathBuf::as_path)
    }

    /// Files of the folder that seem to be keys and were not loaded because of their names.
    pub fn strays(&self) -> &[Stray] {
        &self.strays
    }

    /// All keys, ascending by version.
    pub fn iter(&self) -> impl Iterator<Item = (KeyVersion, &PrivateKey)> {
        self.keys.iter().map(|(version, key)| (*version, key))
    }

    /// What may be shown about every key, ascending by version.
    pub fn versions(&self) -> Vec<KeyInfo> {
        self.iter()
            .map(|(version, key)| KeyInfo {
                version,
                fingerprint: key.fingerprint(),
                bits: key.bits(),
            })
            .collect()
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.versions()).finish()
    }
}
