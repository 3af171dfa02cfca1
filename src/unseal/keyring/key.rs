//! One private key, checked, in the one form every RSA implementation reads: PKCS#8 DER.
//!
//! Must not know: files, passphrase formats, versions.

use std::fmt;

use ::rsa::{RsaPrivateKey, traits::PublicKeyParts};
use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeySize, PrivateDecryptingKey},
};
use pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding, PrivateKeyInfo, pkcs5::pbes2};
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{secret::Secret, unseal::error::KeyFault};

/// Modulus lengths in bits that are accepted. WeCom asks for 2048; the larger ones cost nothing to allow.
const SIZES: [usize; 3] = [2048, 3072, 4096];

/// PBKDF2-HMAC-SHA256 rounds for files this program writes: OWASP's 2023 figure, a fraction of a second
/// once per start, and read by every OpenSSL since 1.1 (scrypt would need 32 MiB and more per key).
const ROUNDS: u32 = 600_000;

/// SHA-256 of the `SubjectPublicKeyInfo` DER, the name of a key that everybody may know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// A checked RSA private key. No `Debug` of the content, no `Clone`; zeroed on drop.
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    public_der: Vec<u8>,
    bits: usize,
}

impl PrivateKey {
    /// Checks the numbers (they belong together, and the size is accepted) and takes the key over.
    pub(super) fn from_rsa(key: &RsaPrivateKey) -> Result<Self, KeyFault> {
        let bits = key.n().bits();
        if !SIZES.contains(&bits) {
            return Err(KeyFault::Bits(bits));
        }
        key.validate()
            .map_err(|_| KeyFault::Broken("its numbers do not belong together"))?;
        let pkcs8 = key
            .to_pkcs8_der()
            .map_err(|_| KeyFault::Broken("it cannot be written as PKCS#8"))?;
        let public = key
            .to_public_key()
            .to_public_key_der()
            .map_err(|_| KeyFault::Broken("its public half cannot be written"))?;
        Ok(Self {
            pkcs8: pkcs8.to_bytes(),
            public_der: public.into_vec(),
            bits,
        })
    }

    /// Made by aws-lc, which follows FIPS 186-5 and takes a fraction of the time of the `rsa` crate.
    pub(super) fn generate(bits: usize) -> Result<Self, KeyFault> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(KeyFault::Bits(bits)),
        };
        let made = PrivateDecryptingKey::generate(size)
            .and_then(|key| key.as_der())
            .map_err(|_| {
                KeyFault::NotMade("aws-lc could not make a key pair; check the system's random source")
            })?;
        super::pem::pkcs8(made.as_ref())
    }

    /// SHA-256 of the public half.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(&self.public_der).into())
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Length of a sealed message key in bytes.
    pub fn sealed_len(&self) -> usize {
        self.bits / 8
    }

    /// `SubjectPublicKeyInfo` DER.
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// What is pasted into the admin console, 管理工具 > 会话内容存档 (finance-sdk §6).
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der).as_str().to_owned()
    }

    /// The private half as unprotected PKCS#8 PEM.
    pub fn private_pem(&self) -> Secret {
        Secret::new(pem("PRIVATE KEY", &self.pkcs8).as_str())
    }

    /// The private half as PKCS#8 PEM under a passphrase (PBES2, PBKDF2-HMAC-SHA256, AES-256-CBC).
    pub fn protected_pem(&self, passphrase: &Secret) -> Result<Secret, KeyFault> {
        let failed = |_| KeyFault::NotMade("the passphrase protection failed");
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        for bytes in [&mut salt, &mut iv] {
            rand::rngs::OsRng
                .try_fill_bytes(bytes)
                .map_err(|_| KeyFault::NotMade("the system gave no random numbers"))?;
        }
        let how = pbes2::Parameters::pbkdf2_sha256_aes256cbc(ROUNDS, &salt, &iv)
            .map_err(|_| KeyFault::NotMade("the passphrase protection failed"))?;
        let info = PrivateKeyInfo::try_from(&self.pkcs8[..])
            .map_err(|_| KeyFault::NotMade("the passphrase protection failed"))?;
        let sealed = info
            .encrypt_with_params(how, passphrase.expose())
            .map_err(failed)?;
        Ok(Secret::new(
            pem("ENCRYPTED PRIVATE KEY", sealed.as_bytes()).as_str(),
        ))
    }

    /// PKCS#8 DER for the RSA implementations of this room.
    pub(in crate::unseal) fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits, sha256 {})", self.bits, self.fingerprint())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// PEM with 64 columns and LF, as OpenSSL writes it.
fn pem(label: &'static str, der: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(
        pkcs8::der::pem::encode_string(label, LineEnding::LF, der)
            .unwrap_or_else(|_| unreachable!("a key of at most 4096 bits fits a PEM block")),
    )
}
