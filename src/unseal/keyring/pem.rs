//! PEM text to a checked key.
//!
//! The block splitter is our own, because key files arrive with Windows line ends, a text before the
//! block, other line widths, and `Proc-Type` headers, all of which a strict RFC 7468 reader refuses.
//!
//! Must not know: files, versions.

use ::rsa::{RsaPrivateKey, pkcs1::DecodeRsaPrivateKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};
use zeroize::Zeroizing;

use crate::{secret::Secret, unseal::error::KeyFault};

use super::{key::PrivateKey, legacy};

/// One `-----BEGIN X-----` … `-----END X-----`.
struct Block<'a> {
    label: &'a str,
    /// The value of `DEK-Info`, which OpenSSL writes when the block is under a passphrase.
    dek_info: Option<&'a str>,
    der: Zeroizing<Vec<u8>>,
}

/// The one private key in the text.
pub(super) fn private_key(text: &[u8], passphrase: Option<&Secret>) -> Result<PrivateKey, KeyFault> {
    let text = std::str::from_utf8(text).map_err(|_| {
        KeyFault::NotPem(
            "the file is not text: a DER file is converted by: openssl pkey -inform DER -in OLD -out NEW",
        )
    })?;
    let blocks = blocks(text)?;
    let private: Vec<_> = blocks
        .iter()
        .filter(|block| block.label.ends_with("PRIVATE KEY"))
        .collect();
    match private[..] {
        [one] => read(one, passphrase),
        [] => Err(match blocks.iter().find(|block| is_public(block.label)) {
            Some(block) => KeyFault::PublicOnly(block.label.to_owned()),
            None if blocks.is_empty() => KeyFault::NotPem("the file has no PEM block"),
            None => KeyFault::NotRsa(blocks[0].label.to_owned()),
        }),
        _ => Err(KeyFault::Several(private.len())),
    }
}

/// True when the text has a private key in it, readable or not: such a file must not be passed over.
pub(super) fn mentions_private_key(text: &[u8]) -> bool {
    let wanted = b"PRIVATE KEY-----";
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// An unprotected PKCS#8 document.
pub(super) fn pkcs8(der: &[u8]) -> Result<PrivateKey, KeyFault> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| KeyFault::Broken("it does not read as PKCS#8"))?;
    if info.algorithm.oid != ::rsa::pkcs1::ALGORITHM_OID {
        return Err(KeyFault::NotRsa(match info.algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.10" => "RSA-PSS, which is for signatures only".to_owned(),
            "1.2.840.10045.2.1" => "an elliptic curve key".to_owned(),
            "1.3.101.112" => "an Ed25519 key".to_owned(),
            oid => format!("algorithm {oid}"),
        }));
    }
    pkcs1(info.private_key)
}

/// An unprotected PKCS#1 document.
fn pkcs1(der: &[u8]) -> Result<PrivateKey, KeyFault> {
    let broken = |_| KeyFault::Broken("it does not read as PKCS#1");
    let parts = pkcs1::RsaPrivateKey::try_from(der).map_err(broken)?;
    if parts.version() != pkcs1::Version::TwoPrime {
        return Err(KeyFault::NotRsa(
            "more than two primes, which no RSA implementation here reads".to_owned(),
        ));
    }
    // Before the numbers are checked: an outsized modulus would be refused there with a vaguer reason.
    let bits = significant_bits(parts.modulus.as_bytes());
    if bits > 4096 {
        return Err(KeyFault::Bits(bits));
    }
    let key = RsaPrivateKey::from_pkcs1_der(der)
        .map_err(|_| KeyFault::Broken("its numbers do not belong together"))?;
    PrivateKey::from_rsa(&key)
}

fn read(block: &Block<'_>, passphrase: Option<&Secret>) -> Result<PrivateKey, KeyFault> {
    match block.label {
        "RSA PRIVATE KEY" => match block.dek_info {
            None => pkcs1(&block.der),
            Some(info) => {
                let plain = legacy::open(info, &block.der, passphrase.ok_or(KeyFault::NeedsPassphrase)?)?;
                // Padding alone accepts one wrong passphrase in 256; the structure does not.
                match pkcs1::RsaPrivateKey::try_from(&plain[..]) {
                    Ok(_) => pkcs1(&plain),
                    Err(_) => Err(KeyFault::WrongPassphrase),
                }
            }
        },
        "PRIVATE KEY" => pkcs8(&block.der),
        "ENCRYPTED PRIVATE KEY" => {
            let passphrase = passphrase.ok_or(KeyFault::NeedsPassphrase)?;
            pkcs8(protected(&block.der, passphrase)?.as_bytes())
        }
        "OPENSSH PRIVATE KEY" => Err(KeyFault::NotRsa(
            "in OpenSSH's own format; if it is RSA, convert a copy: ssh-keygen -p -m PEM -f COPY".to_owned(),
        )),
        other => Err(KeyFault::NotRsa(other.to_owned())),
    }
}

/// Opens PBES2; the `pkcs8` crate reads PBES1 parameters but does not decrypt them.
fn protected(der: &[u8], passphrase: &Secret) -> Result<pkcs8::SecretDocument, KeyFault> {
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(|_| {
        KeyFault::Cipher("a scheme that does not read as PBES2 (or it is damaged)".to_owned())
    })?;
    info.decrypt(passphrase.expose()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::NoPbes1CryptSupport) => {
            KeyFault::Cipher("PBES1, a scheme of the 1990s".to_owned())
        }
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid }) => {
            KeyFault::Cipher(format!("algorithm {oid}"))
        }
        _ => KeyFault::WrongPassphrase,
    })
}

fn blocks(text: &str) -> Result<Vec<Block<'_>>, KeyFault> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        rest = &rest[start + "-----BEGIN ".len()..];
        let (label, after) = rest
            .split_once("-----")
            .ok_or(KeyFault::NotPem("a BEGIN line is cut off"))?;
        if label.contains('\n') {
            return Err(KeyFault::NotPem("a BEGIN line is cut off"));
        }
        let (body, after) = after
            .split_once(&format!("-----END {label}-----"))
            .ok_or(KeyFault::NotPem("a BEGIN line has no END line"))?;
        found.push(block(label, body)?);
        rest = after;
    }
    Ok(found)
}

fn block<'a>(label: &'a str, body: &'a str) -> Result<Block<'a>, KeyFault> {
    let mut dek_info = None;
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    for line in body.lines() {
        // RFC 1421 headers hold a colon, which base64 never does.
        match line.split_once(':') {
            Some(("DEK-Info", value)) => dek_info = Some(value.trim()),
            Some(_) => {}
            None => base64.extend(line.bytes().filter(|byte| !byte.is_ascii_whitespace())),
        }
    }
    let mut der = Zeroizing::new(vec![0; base64.len()]);
    let length = STANDARD
        .decode_slice(&base64[..], &mut der[..])
        .map_err(|_| KeyFault::NotPem("the text between BEGIN and END is not base64"))?;
    der.truncate(length);
    Ok(Block { label, dek_info, der })
}

fn is_public(label: &str) -> bool {
    label.ends_with("PUBLIC KEY") || label.ends_with("CERTIFICATE")
}

fn significant_bits(big_endian: &[u8]) -> usize {
    let digits: &[u8] = match big_endian.iter().position(|byte| *byte != 0) {
        Some(first) => &big_endian[first..],
        None => return 0,
    };
    digits.len() * 8 - digits[0].leading_zeros() as usize
}
