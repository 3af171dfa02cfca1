//! AWS-LC: audited C and assembly, blinded and constant-time, one block after the other.

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use zeroize::Zeroizing;

use crate::unseal::{error::KeyFault, keyring::PrivateKey};

use super::{OpenFault, Plain, RsaEngine, RsaOpener};

/// The engine.
pub(super) struct AwsLc;

struct Opener(Pkcs1PrivateDecryptingKey);

impl RsaEngine for AwsLc {
    fn name(&self) -> &'static str {
        super::Implementation::AwsLc.as_str()
    }

    fn prepare(&self, key: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault> {
        let refused = || KeyFault::Refused("aws-lc-rs");
        let key = PrivateDecryptingKey::from_pkcs8(key.pkcs8_der()).map_err(|_| refused())?;
        Ok(Box::new(Opener(
            Pkcs1PrivateDecryptingKey::new(key).map_err(|_| refused())?,
        )))
    }
}

impl RsaOpener for Opener {
    fn sealed_len(&self) -> usize {
        self.0.key_size_bytes()
    }

    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>> {
        sealed.iter().map(|block| self.open_one(block)).collect()
    }
}

impl Opener {
    fn open_one(&self, block: &[u8]) -> Result<Plain, OpenFault> {
        let wanted = self.sealed_len();
        if block.len() != wanted {
            return Err(OpenFault::Length {
                given: block.len(),
                wanted,
            });
        }
        let mut plain = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let length = self
            .0
            .decrypt(block, &mut plain)
            .map_err(|_| OpenFault::Rejected)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}
