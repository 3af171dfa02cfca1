//! Signature and encryption of callbacks (msgaudit-api §4.2 and §4.3).
//!
//! The signature is SHA-1 over token, timestamp, nonce and the encrypted text, sorted and joined. The text is
//! AES-256-CBC under the EncodingAESKey, whose first 16 bytes are the IV, padded as PKCS#7 but to blocks of 32.
//!
//! Must not know: HTTP, XML, clocks.

use std::fmt;

use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit, block_padding::NoPadding};
use aws_lc_rs::{constant_time, digest};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Characters of an EncodingAESKey.
const KEY_CHARACTERS: usize = 43;
/// The padding's block; the cipher's own is 16.
const BLOCK: usize = 32;
/// Random bytes and the length in front of the message.
const HEAD: usize = 16 + 4;

/// 43 × 6 = 258 bits for 256: real keys have non-zero spare bits in their last character.
const KEY: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Why a request or a setting is not accepted. Holds no part of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The token of the configuration is empty or no plain text.
    #[error("the callback token is not letters and digits; copy Token from the admin console again")]
    Token,
    /// The EncodingAESKey of the configuration is none.
    #[error(
        "the callback key is not an EncodingAESKey of 43 letters and digits; copy it from the admin console again"
    )]
    Key,
    /// The signature is not the one that the token makes.
    #[error("the signature is wrong; somebody else called, or the Token differs from the admin console's")]
    Signature,
    /// Signed, but the key does not open it.
    #[error("the text does not decrypt; the EncodingAESKey differs from the admin console's")]
    Sealed,
    /// Decrypted, but meant for another company.
    #[error("the text is meant for another receiver; the corpid differs from the one that was called for")]
    Receiver,
}

/// Token, key and receiver of one company.
pub struct Codec {
    token: Secret,
    key: Zeroizing<[u8; 32]>,
    receiver: String,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// `receiver` is the receive id to insist on: the corpid for a company's own callbacks.
    pub fn new(token: Secret, aes_key: &Secret, receiver: impl Into<String>) -> Result<Self, CryptoError> {
        let plain = |byte: u8| byte.is_ascii_graphic();
        if token.is_empty() || token.expose().len() > 256 || !token.expose().bytes().all(plain) {
            return Err(CryptoError::Token);
        }
        let text = aes_key.expose().as_bytes();
        if text.len() != KEY_CHARACTERS {
            return Err(CryptoError::Key);
        }
        let mut key = Zeroizing::new([0; 32]);
        match KEY.decode_slice_unchecked(text, key.as_mut_slice()) {
            Ok(32) => Ok(Self {
                token,
                key,
                receiver: receiver.into(),
            }),
            _ => Err(CryptoError::Key),
        }
    }

    /// `msg_signature`: 40 lower-case hex digits.
    pub fn sign(&self, timestamp: &str, nonce: &str, encrypted: &str) -> String {
        let mut parts = [self.token.expose(), timestamp, nonce, encrypted];
        parts.sort_unstable();
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        for part in parts {
            hash.update(part.as_bytes());
        }
        hash.finish()
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Compares in constant time, so that answers do not tell how much of a guess was right.
    pub fn verify(
        &self,
        signature: &str,
        timestamp: &str,
        nonce: &str,
        encrypted: &str,
    ) -> Result<(), CryptoError> {
        let own = self.sign(timestamp, nonce, encrypted);
        constant_time::verify_slices_are_equal(own.as_bytes(), signature.as_bytes())
            .map_err(|_| CryptoError::Signature)
    }

    /// The message inside `encrypted`. Call [`verify`](Self::verify) first: without it this is a padding oracle.
    pub fn decrypt(&self, encrypted: &str) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let sealed = base64::engine::general_purpose::STANDARD
            .decode(encrypted)
            .map_err(|_| CryptoError::Sealed)?;
        let mut plain = Zeroizing::new(sealed);
        if plain.is_empty() || !plain.len().is_multiple_of(16) {
            return Err(CryptoError::Sealed);
        }
        cbc::Decryptor::<aes::Aes256>::new_from_slices(&self.key[..], &self.key[..16])
            .map_err(|_| CryptoError::Sealed)?
            .decrypt_padded_mut::<NoPadding>(&mut plain)
            .map_err(|_| CryptoError::Sealed)?;
        let padding = usize::from(plain.last().copied().unwrap_or(0));
        if !(1..=BLOCK).contains(&padding) || padding > plain.len() {
            return Err(CryptoError::Sealed);
        }
        let end = plain.len() - padding;
        if plain[end..].iter().any(|byte| usize::from(*byte) != padding) {
            return Err(CryptoError::Sealed);
        }
        let length = plain[..end]
            .get(16..HEAD)
            .and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?) as usize))
            .ok_or(CryptoError::Sealed)?;
        let split = HEAD
            .checked_add(length)
            .filter(|split| *split <= end)
            .ok_or(CryptoError::Sealed)?;
        if &plain[split..end] != self.receiver.as_bytes() {
            return Err(CryptoError::Receiver);
        }
        Ok(Zeroizing::new(plain[HEAD..split].to_vec()))
    }

    /// The way back, for passive replies: base64 of the encrypted text. `random` must be fresh each time.
    /// Gives nothing for a message longer than the format can say (4 GiB).
    pub fn encrypt(&self, message: &[u8], random: [u8; 16]) -> Option<String> {
        let length = u32::try_from(message.len()).ok()?;
        let mut plain = Zeroizing::new(Vec::with_capacity(
            HEAD + message.len() + self.receiver.len() + BLOCK,
        ));
        plain.extend(random);
        plain.extend(length.to_be_bytes());
        plain.extend(message);
        plain.extend(self.receiver.as_bytes());
        // Never zero: a full block of padding when the text already fills its last one.
        let padding = BLOCK - plain.len() % BLOCK;
        plain.extend(std::iter::repeat_n(padding as u8, padding));
        let sealed = cbc::Encryptor::<aes::Aes256>::new_from_slices(&self.key[..], &self.key[..16])
            .ok()?
            .encrypt_padded_vec_mut::<NoPadding>(&plain);
        Some(base64::engine::general_purpose::STANDARD.encode(sealed))
    }
}
