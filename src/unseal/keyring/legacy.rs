//! OpenSSL's old passphrase protection of PKCS#1 files: `Proc-Type: 4,ENCRYPTED` and `DEK-Info`.
//!
//! The key comes from one round of MD5 over passphrase and salt (`EVP_BytesToKey`), which protects little;
//! such files are read because operators have them, and never written.
//!
//! Must not know: PEM blocks, what the opened bytes mean.

use aes::cipher::{BlockDecryptMut, KeyInit, KeyIvInit, block_padding::Pkcs7};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::{secret::Secret, unseal::error::KeyFault};

/// Opens `sealed`; `info` is the header's value, e.g. `AES-256-CBC,9F0C…`.
pub(super) fn open(info: &str, sealed: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let (cipher, iv) = info
        .split_once(',')
        .ok_or(KeyFault::Broken("its DEK-Info header has no salt"))?;
    let iv = hex(iv.trim()).ok_or(KeyFault::Broken("the salt in its DEK-Info header is not hex"))?;
    match cipher.trim() {
        "AES-128-CBC" => cbc::<aes::Aes128>(16, &iv, sealed, passphrase),
        "AES-192-CBC" => cbc::<aes::Aes192>(24, &iv, sealed, passphrase),
        "AES-256-CBC" => cbc::<aes::Aes256>(32, &iv, sealed, passphrase),
        "DES-EDE3-CBC" => cbc::<des::TdesEde3>(24, &iv, sealed, passphrase),
        other => Err(KeyFault::Cipher(
            other.chars().filter(char::is_ascii_graphic).take(40).collect(),
        )),
    }
}

fn cbc<C>(
    key_len: usize,
    iv: &[u8],
    sealed: &[u8],
    passphrase: &Secret,
) -> Result<Zeroizing<Vec<u8>>, KeyFault>
where
    C: BlockDecryptMut + aes::cipher::BlockCipher + KeyInit,
    cbc::Decryptor<C>: KeyIvInit + BlockDecryptMut,
{
    // A short salt would make `derive` use fewer bytes than OpenSSL did.
    let salt = iv
        .get(..8)
        .ok_or(KeyFault::Broken("the salt in its DEK-Info header is too short"))?;
    let key = derive(passphrase, salt, key_len);
    let cipher = cbc::Decryptor::<C>::new_from_slices(&key, iv)
        .map_err(|_| KeyFault::Broken("the salt in its DEK-Info header has the wrong length"))?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = cipher
        .decrypt_padded_mut::<Pkcs7>(&mut plain)
        .map_err(|_| KeyFault::WrongPassphrase)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

/// `EVP_BytesToKey` with MD5, one round, the salt being the first eight bytes of the vector.
fn derive(passphrase: &Secret, salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut last: Zeroizing<Vec<u8>> = Zeroizing::default();
    while key.len() < length {
        let digest = Md5::new()
            .chain_update(&last[..])
            .chain_update(passphrase.expose())
            .chain_update(salt);
        last = Zeroizing::new(digest.finalize().to_vec());
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}
