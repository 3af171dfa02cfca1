//! The mock's own envelope. The real one is closed (finance-sdk §13: what the fake puts there is free), so this
//! one only has to fail where the real one fails, with the same codes.
//!
//! ```text
//! key text  base64( AES key 32 ‖ IV 16 ‖ SHA-256(of both)[..16] )                         88 characters
//! body      base64( "SGM1" ‖ seq u64 LE ‖ key tag 8 ‖ AES-256-CBC-PKCS7( digest 16 ‖ plaintext ) )
//! ```
//!
//! The seq stands outside so that a fault in `DecryptData`, which is told no seq, can be addressed to a record.
//! The key tag tells a key of another message (10008) from a damaged body (10006).

use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _, block_padding::Pkcs7};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 4] = b"SGM1";
const HEADER: usize = 4 + 8 + 8;

/// Length of every key text in characters, as observed in the wild (finance-sdk §6).
pub const KEY_TEXT_LEN: usize = 88;

/// The symmetric half of a record. No `Debug`: it is the kind of value that must not print.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageKey([u8; 48]);

/// Why a body was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key text is not of the documented form, or belongs to another message.
    Key,
    /// The key is fine, the body is not.
    Body,
}

impl MessageKey {
    /// 32 bytes of AES key and 16 of IV.
    pub fn from_bytes(bytes: [u8; 48]) -> Self {
        Self(bytes)
    }

    /// The text that the RSA step yields and `DecryptData` takes.
    pub fn text(&self) -> String {
        let mut whole = [0; 64];
        whole[..48].copy_from_slice(&self.0);
        whole[48..].copy_from_slice(&Sha256::digest(self.0)[..16]);
        STANDARD.encode(whole)
    }

    /// Reads a key text back; nothing when it is of another form or its checksum is wrong.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let whole: [u8; 64] = STANDARD.decode(text).ok()?.try_into().ok()?;
        let bytes: [u8; 48] = whole[..48].try_into().ok()?;
        (Sha256::digest(bytes)[..16] == whole[48..]).then_some(Self(bytes))
    }

    fn tag(&self) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update(b"tag");
        hash.update(self.0);
        let mut tag = [0; 8];
        tag.copy_from_slice(&hash.finalize()[..8]);
        tag
    }
}

/// Seals one plaintext.
pub fn seal(key: &MessageKey, seq: u64, plaintext: &[u8]) -> String {
    let mut content = Vec::with_capacity(16 + plaintext.len());
    content.extend_from_slice(&Sha256::digest(plaintext)[..16]);
    content.extend_from_slice(plaintext);
    let (aes_key, iv) = key.0.split_at(32);
    let cipher = cbc::Encryptor::<aes::Aes256>::new(aes_key.into(), iv.into());
    let mut whole = Vec::with_capacity(HEADER + content.len() + 16);
    whole.extend_from_slice(MAGIC);
    whole.extend_from_slice(&seq.to_le_bytes());
    whole.extend_from_slice(&key.tag());
    whole.extend_from_slice(&cipher.encrypt_padded_vec_mut::<Pkcs7>(&content));
    STANDARD.encode(whole)
}

/// Opens one body with the text of its key.
pub fn open(key_text: &[u8], body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let key = MessageKey::parse(key_text).ok_or(Refusal::Key)?;
    let Ok(whole) = STANDARD.decode(body) else {
        // The tag may still be readable: then a foreign key stays a foreign key, however torn the body is.
        return Err(match prefix(body) {
            Some(head) if head[12..20] != key.tag() => Refusal::Key,
            _ => Refusal::Body,
        });
    };
    if whole.len() < HEADER || &whole[..4] != MAGIC {
        return Err(Refusal::Body);
    }
    if whole[12..20] != key.tag() {
        return Err(Refusal::Key);
    }
    let (aes_key, iv) = key.0.split_at(32);
    let mut content = cbc::Decryptor::<aes::Aes256>::new(aes_key.into(), iv.into())
        .decrypt_padded_vec_mut::<Pkcs7>(&whole[HEADER..])
        .map_err(|_| Refusal::Body)?;
    if content.len() < 16 || Sha256::digest(&content[16..])[..16] != content[..16] {
        return Err(Refusal::Body);
    }
    content.drain(..16);
    Ok(content)
}

/// The seq written on a body, also on one that was cut off later on.
pub fn seq_of(body: &[u8]) -> Option<u64> {
    let head = STANDARD.decode(body.get(..16)?).ok()?;
    (&head[..4] == MAGIC).then(|| u64::from_le_bytes(head[4..12].try_into().unwrap_or_default()))
}

fn prefix(body: &[u8]) -> Option<Vec<u8>> {
    let head = STANDARD.decode(body.get(..28)?).ok()?;
    (&head[..4] == MAGIC).then_some(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(fill: u8) -> MessageKey {
        MessageKey::from_bytes([fill; 48])
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_to_the_same_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), seq: u64, fill: u8,
        ) {
            let body = seal(&key(fill), seq, &bytes);
            prop_assert!(body.len() >= 13);
            prop_assert_eq!(seq_of(body.as_bytes()), Some(seq));
            prop_assert_eq!(open(key(fill).text().as_bytes(), body.as_bytes()), Ok(bytes));
        }

        #[test]
        fn a_cut_body_is_refused_as_a_body(cut in 28usize..300) {
            let body = seal(&key(1), 9, &[b'x'; 300]);
            prop_assert_eq!(open(key(1).text().as_bytes(), &body.as_bytes()[..cut]), Err(Refusal::Body));
            prop_assert_eq!(seq_of(&body.as_bytes()[..cut]), Some(9));
        }

        #[test]
        fn a_flipped_byte_never_opens(at in 0usize..300, mask in 1u8..=255) {
            let body = seal(&key(1), 9, &[b'x'; 300]);
            let mut whole = STANDARD.decode(&body).unwrap();
            let at = at % whole.len();
            whole[at] ^= mask;
            let opened = open(key(1).text().as_bytes(), STANDARD.encode(whole).as_bytes());
            // Only the seq may differ unnoticed: it is an address, not content.
            prop_assert_eq!(opened.is_ok(), (4..12).contains(&at));
        }

        #[test]
        fn no_input_makes_it_panic(
            key_text in proptest::collection::vec(any::<u8>(), 0..120),
            body in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            prop_assert!(open(&key_text, &body).is_err());
            let _ = seq_of(&body);
        }
    }

    #[test]
    fn a_key_text_has_88_characters_and_parses_back() {
        let text = key(7).text();
        assert_eq!(text.len(), KEY_TEXT_LEN);
        assert!(MessageKey::parse(text.as_bytes()) == Some(key(7)));
    }

    #[test]
    fn a_key_text_of_another_form_is_refused_as_a_key() {
        let body = seal(&key(1), 1, b"{}");
        let random = STANDARD.encode([5u8; 64]);
        for text in ["", "abc", &key(1).text()[..80], random.as_str()] {
            assert_eq!(
                open(text.as_bytes(), body.as_bytes()),
                Err(Refusal::Key),
                "{}",
                text.len()
            );
        }
    }

    #[test]
    fn a_key_of_another_message_is_refused_as_a_key_even_on_a_torn_body() {
        let body = seal(&key(1), 1, &[b'x'; 100]);
        assert_eq!(open(key(2).text().as_bytes(), body.as_bytes()), Err(Refusal::Key));
        assert_eq!(
            open(key(2).text().as_bytes(), &body.as_bytes()[..41]),
            Err(Refusal::Key)
        );
    }
}
