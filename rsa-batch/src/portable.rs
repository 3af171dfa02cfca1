//! The twin: one record after the other through `aws-lc-rs`.

use crate::OpenError;
use crate::key::PrivateKey;
use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use zeroize::Zeroizing;

/// A key prepared for `aws-lc-rs`, which blinds, checks its result and unpads in constant time itself.
pub struct Portable(Pkcs1PrivateDecryptingKey);

impl Portable {
    /// `None` when the library refuses the key (for instance below 2048 bits).
    pub fn new(key: &PrivateKey) -> Option<Self> {
        let der = key.to_pkcs8_der().ok()?;
        let key = PrivateDecryptingKey::from_pkcs8(&der).ok()?;
        Pkcs1PrivateDecryptingKey::new(key).ok().map(Self)
    }

    /// Opens one ciphertext of the right length and range, through `block` of the modulus' length.
    pub fn open(&self, ciphertext: &[u8], block: &mut [u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let message = self
            .0
            .decrypt(ciphertext, block)
            .map_err(|_| OpenError::Padding)?;
        let mut out = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
        out.extend_from_slice(message);
        Ok(out)
    }
}
