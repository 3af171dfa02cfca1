//! Key pairs of a corpus: made from a seed, so that the same seed gives the same pairs; stored as PKCS#8 PEM files
//! that only their owner may read.
//!
//! These keys guard made-up messages. They are as good as published and must never be uploaded to a real console.

use std::{
    collections::HashMap,
    fs::{DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use rsa::{
    RsaPrivateKey, RsaPublicKey,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Bits of every key (finance-sdk §6).
pub const BITS: usize = 2048;

/// A private key with its version.
pub struct KeyPair {
    /// `publickey_ver`.
    pub version: u32,
    private: RsaPrivateKey,
}

/// The public half, ready to seal many records from many threads.
pub struct Sealer {
    /// `publickey_ver`.
    pub version: u32,
    key: Pkcs1PublicEncryptingKey,
}

impl KeyPair {
    /// The pair of this seed and version; made once per process, since finding primes takes a moment.
    pub fn seeded(seed: u64, version: u32) -> Result<Arc<Self>, Error> {
        type Made = Mutex<HashMap<(u64, u32), Arc<OnceLock<Arc<KeyPair>>>>>;
        static MADE: OnceLock<Made> = OnceLock::new();
        let slot = {
            let mut made = MADE
                .get_or_init(Default::default)
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            made.entry((seed, version)).or_default().clone()
        };
        if let Some(pair) = slot.get() {
            return Ok(pair.clone());
        }
        let private = RsaPrivateKey::new(&mut stream(b"pair", seed, u64::from(version)), BITS)
            .map_err(|_| Error::Crypto("make an RSA key pair"))?;
        Ok(slot.get_or_init(|| Arc::new(Self { version, private })).clone())
    }

    /// Where the private key of a version lies in a corpus folder.
    pub fn path(folder: &Path, version: u32) -> PathBuf {
        folder.join("keys").join(format!("v{version}.pem"))
    }

    /// Writes the private key as PKCS#8 PEM, readable by its owner only.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        let keys = folder.join("keys");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&keys)
            .map_err(Error::io("create", &keys))?;
        let path = Self::path(folder, self.version);
        let pem = self
            .private
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| Error::Crypto("encode a private key"))?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(pem.as_bytes()))
            .map_err(Error::io("write", &path))?;
        Ok(path)
    }

    /// SHA-256 over the DER form of the public half, lower-case hex: what tells keys apart.
    pub fn fingerprint(&self) -> Result<String, Error> {
        let der = self
            .private
            .to_public_key()
            .to_public_key_der()
            .map_err(|_| Error::Crypto("encode a public key"))?;
        Ok(Sha256::digest(der.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }

    /// The public half for sealing.
    pub fn sealer(&self) -> Result<Sealer, Error> {
        const WHAT: Error = Error::Crypto("load a public key");
        let der = self
            .private
            .to_public_key()
            .to_public_key_der()
            .map_err(|_| WHAT)?;
        let key = PublicEncryptingKey::from_der(der.as_bytes()).map_err(|_| WHAT)?;
        Ok(Sealer {
            version: self.version,
            key: Pkcs1PublicEncryptingKey::new(key).map_err(|_| WHAT)?,
        })
    }

    /// Undoes [`Sealer::encrypt`]; for tests of corpora.
    pub fn decrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        self.private.decrypt(rsa::Pkcs1v15Encrypt, block).ok()
    }
}

impl Sealer {
    /// PKCS#1 v1.5 encryption of a key text: 256 bytes.
    pub fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>, Error> {
        const WHAT: Error = Error::Crypto("seal a message key");
        let mut block = vec![0; self.key.ciphertext_size()];
        let len = self.key.encrypt(text, &mut block).map_err(|_| WHAT)?.len();
        block.truncate(len);
        Ok(block)
    }
}

/// A key block sealed to a pair nobody of this corpus holds. Always the same for the same seq, so that a record
/// read twice is the same record.
pub(crate) fn foreign_block(seq: u64) -> Result<Vec<u8>, Error> {
    const WHAT: Error = Error::Crypto("seal to a foreign key");
    static FOREIGN: OnceLock<Option<RsaPublicKey>> = OnceLock::new();
    let key = FOREIGN.get_or_init(|| {
        let modulus = rsa::BigUint::parse_bytes(FOREIGN_MODULUS.as_bytes(), 16)?;
        RsaPublicKey::new(modulus, rsa::BigUint::from(65_537u32)).ok()
    });
    let text = super::message_key(u64::MAX, seq).text();
    key.as_ref()
        .ok_or(WHAT)?
        .encrypt(
            &mut stream(b"foreign", 0, seq),
            rsa::Pkcs1v15Encrypt,
            text.as_bytes(),
        )
        .map_err(|_| WHAT)
}

/// Modulus of a public key whose private half was thrown away when it was made.
const FOREIGN_MODULUS: &str = "\
    be31e728908b24a51a4bea773b34f759cd49c6588396ba2bc452e3e45c6b01ad2bc5364e7aa352848d475482359919c8\
    c9a2c3c402c4f97abc18484b4e1be60883ffa5af9cc6e5775002c48a35f8f8bcfc91cd792b6be78448e84ff208fb070e\
    f8757260b5da4ed49bdc0b4fa20d40517280e5b0b203de11a3f3ba02a8e752b567baa1f5b7b230b7f392a3347c500ca0\
    941a82667a3392fbe6d2cfa385d98ca26759a6cdf3585e71640c45627b5d06c5fbf94018f573f55e37d82161e2e22353\
    5bf199f33d566fd722fca94b5044d8fdedc7a3d474eff0518df8ddb26335bd9563114c5df05751a3b62d0654c5478230\
    8111a16be226f3e8ec0e0b497a1b19f1";

fn stream(purpose: &[u8], seed: u64, number: u64) -> Stream {
    let mut hash = Sha256::new();
    hash.update(b"shiguan mock ");
    hash.update(purpose);
    hash.update(seed.to_le_bytes());
    hash.update(number.to_le_bytes());
    Stream(ChaCha20Rng::from_seed(hash.finalize().into()))
}

/// The stream of `rand_chacha` 0.9 in the clothes that the `rsa` crate of its generation asks for.
struct Stream(ChaCha20Rng);

impl rsa::rand_core::RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill_bytes(dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

impl rsa::rand_core::CryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_sealed_text_is_256_bytes_and_opens_with_its_pair() {
        let pair = KeyPair::seeded(1, 1).unwrap();
        let block = pair.sealer().unwrap().encrypt(b"text of a key").unwrap();
        assert_eq!(block.len(), 256);
        assert_eq!(pair.decrypt(&block).as_deref(), Some(&b"text of a key"[..]));
    }

    #[test]
    fn versions_of_one_seed_are_different_pairs_and_the_same_each_time() {
        let (one, two) = (KeyPair::seeded(1, 1).unwrap(), KeyPair::seeded(1, 2).unwrap());
        assert_ne!(one.fingerprint().unwrap(), two.fingerprint().unwrap());
        assert_eq!(
            one.fingerprint().unwrap(),
            KeyPair::seeded(1, 1).unwrap().fingerprint().unwrap()
        );
    }

    #[test]
    fn a_foreign_block_is_stable_and_opens_with_no_pair_of_ours() {
        let block = foreign_block(7).unwrap();
        assert_eq!(block.len(), 256);
        assert_eq!(block, foreign_block(7).unwrap());
        assert_ne!(block, foreign_block(8).unwrap());
        let opened = KeyPair::seeded(1, 1).unwrap().decrypt(&block);
        assert!(opened.is_none_or(|text| crate::seal::envelope::MessageKey::parse(&text).is_none()));
    }

    #[test]
    fn key_files_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = KeyPair::seeded(1, 1).unwrap().write(folder.path()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(
            std::fs::read_to_string(path)
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----")
        );
    }
}
