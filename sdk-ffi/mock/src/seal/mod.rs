//! Sealing: plaintext in, a `chatdata` item out, the way WeCom's servers would hand it over.
//!
//! Enters: bytes of a message, a seq, a public key. Leaves: the item with its RSA-sealed message key and its sealed
//! body. Must not know: what stands in a message (it only looks for a `msgid` to put on the envelope), or how a
//! client opens it.

pub mod envelope;
mod folder;
pub mod keys;

use base64::{Engine as _, engine::general_purpose::STANDARD};
pub use folder::{SealOptions, seal_folder};
pub(crate) use folder::{finish, pairs};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// One `chatdata` item, fields in the order the real server writes them (finance-sdk §5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Position in the stream.
    pub seq: u64,
    /// The message's id, the same as inside the body.
    pub msgid: String,
    /// Version of the public key that sealed it.
    pub publickey_ver: u32,
    /// Base64 of the 256-byte RSA block.
    pub encrypt_random_key: String,
    /// Base64 of the sealed body.
    pub encrypt_chat_msg: String,
}

/// Seals one message. The message key follows from `seed` and `seq`; the RSA block is padded at random, so it
/// differs from run to run while everything else stays the same.
pub fn seal(
    public: &keys::Sealer,
    seed: u64,
    seq: u64,
    msgid: &str,
    plaintext: &[u8],
) -> Result<Item, Error> {
    let key = message_key(seed, seq);
    Ok(Item {
        seq,
        msgid: msgid.to_owned(),
        publickey_ver: public.version,
        encrypt_random_key: STANDARD.encode(public.encrypt(key.text().as_bytes())?),
        encrypt_chat_msg: envelope::seal(&key, seq, plaintext),
    })
}

/// The message key of a record. Nobody but a mock could know it without the private key; a benchmark that wants
/// everything but RSA asks for it.
pub fn message_key(seed: u64, seq: u64) -> envelope::MessageKey {
    let half = |which: &[u8]| {
        let mut hash = Sha256::new();
        hash.update(b"shiguan mock message key ");
        hash.update(which);
        hash.update(seed.to_le_bytes());
        hash.update(seq.to_le_bytes());
        hash.finalize()
    };
    let mut bytes = [0; 48];
    bytes[..32].copy_from_slice(&half(b"aes"));
    bytes[32..].copy_from_slice(&half(b"iv")[..16]);
    envelope::MessageKey::from_bytes(bytes)
}
