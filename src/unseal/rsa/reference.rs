//! The `rsa` crate: plain Rust, the reference that the other implementation is tested against.
//!
//! Blinded. Its big numbers are not constant-time (RUSTSEC-2023-0071); the attack needs somebody who
//! submits blocks of his choice and times the answers, and ours come from WeCom and are timed by nobody.
//! Blinding is kept all the same since an operator may choose this implementation for daily use, and it
//! does not change a single answer, so the oracle stays an oracle. It costs about a tenth of the speed.

use ::rsa::{Pkcs1v15Encrypt, RsaPrivateKey, rand_core::OsRng, traits::PublicKeyParts};
use pkcs8::DecodePrivateKey;
use zeroize::Zeroizing;

use crate::unseal::{error::KeyFault, keyring::PrivateKey};

use super::{OpenFault, Plain, RsaEngine, RsaOpener};

/// The engine.
pub(super) struct Reference;

struct Opener(RsaPrivateKey);

impl RsaEngine for Reference {
    fn name(&self) -> &'static str {
        super::Implementation::Rsa.as_str()
    }

    fn prepare(&self, key: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault> {
        // Reading checks the key and precomputes its CRT values.
        let key = RsaPrivateKey::from_pkcs8_der(key.pkcs8_der()).map_err(|_| KeyFault::Refused("rsa"))?;
        Ok(Box::new(Opener(key)))
    }
}

impl RsaOpener for Opener {
    fn sealed_len(&self) -> usize {
        self.0.size()
    }

    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>> {
        let wanted = self.sealed_len();
        let one = |block: &&[u8]| {
            if block.len() != wanted {
                return Err(OpenFault::Length {
                    given: block.len(),
                    wanted,
                });
            }
            match self.0.decrypt_blinded(&mut OsRng, Pkcs1v15Encrypt, block) {
                Ok(plain) => Ok(Zeroizing::new(plain)),
                Err(_) => Err(OpenFault::Rejected),
            }
        };
        sealed.iter().map(one).collect()
    }
}
