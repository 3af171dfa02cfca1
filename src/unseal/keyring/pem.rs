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

/// The one private key in a file. What counts is what the bytes are, not what a label says of them.
pub(super) fn private_key(content: &[u8], passphrase: Option<&Secret>) -> Result<PrivateKey, KeyFault> {
    let Some(text) = text(content) else {
        return by_content(content, passphrase).unwrap_or(Err(KeyFault::NotPem(
            "the file is not text, and no key in DER form either",
        )));
    };
    let blocks = blocks(&text)?;
    let private: Vec<_> = blocks
        .iter()
        .filter(|block| block.label.ends_with("PRIVATE KEY"))
        .collect();
    match private[..] {
        [one] => read(one, passphrase),
        [] => {
            // A private key under another label, or without any.
            let mut keys = blocks
                .iter()
                .map(|block| &block.der)
                .chain(bare(&text).as_ref())
                .filter(|der| is_private(der))
                .filter_map(|der| by_content(der, passphrase))
                .collect::<Vec<_>>();
            match (keys.pop(), keys.len()) {
                (Some(key), 0) => key,
                (Some(_), more) => Err(KeyFault::Several(more + 1)),
                (None, _) => Err(match blocks.iter().find(|block| is_public(block.label)) {
                    Some(block) => KeyFault::PublicOnly(block.label.to_owned()),
                    None if blocks.is_empty() => match bare(&text).map(|der| content_of(&der)) {
                        Some(Content::Public(what)) => KeyFault::PublicOnly(what.to_owned()),
                        _ => KeyFault::NotPem("the file has no PEM block"),
                    },
                    None => KeyFault::NotRsa(blocks[0].label.to_owned()),
                }),
            }
        }
        _ => Err(KeyFault::Several(private.len())),
    }
}

/// True when there is a private key in it, readable or not: such a file must not be passed over in silence.
pub(super) fn holds_private_key(content: &[u8]) -> bool {
    let wanted = b"PRIVATE KEY-----";
    match text(content) {
        Some(text) => {
            text.as_bytes()
                .windows(wanted.len())
                .any(|window| window == wanted)
                || bare(&text).is_some_and(|der| is_private(&der))
        }
        None => is_private(content),
    }
}

/// The text of a file: UTF-8 or, as Windows writes it, UTF-16. Line ends that a program wrote as `\n` in one line are
/// line ends.
fn text(content: &[u8]) -> Option<Zeroizing<String>> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> = Zeroizing::new(
            bytes
                .chunks_exact(2)
                .map(|pair| unit([pair[0], pair[1]]))
                .collect(),
        );
        String::from_utf16(&units).ok().map(Zeroizing::new)
    };
    let text = match content {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes)?,
        _ => Zeroizing::new(std::str::from_utf8(content).ok()?.to_owned()),
    };
    if text.contains("\\n") {
        return Some(Zeroizing::new(text.replace("\\r", "").replace("\\n", "\n")));
    }
    Some(text)
}

/// A file of base64 and nothing else, as programs keep keys in their configuration.
fn bare(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let base64: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.trim_start_matches('\u{feff}')
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    );
    // Shorter than any key; and a word is base64, too.
    if base64.len() < 256 {
        return None;
    }
    let mut der = Zeroizing::new(vec![0; base64.len()]);
    let length = STANDARD.decode_slice(&base64[..], &mut der[..]).ok()?;
    der.truncate(length);
    Some(der)
}

/// What bytes are, told by their structure.
enum Content {
    Pkcs8,
    Pkcs1,
    /// PKCS#8 under a passphrase.
    Protected,
    /// An elliptic curve key in its own form.
    Sec1,
    /// A container of certificates and keys, `.p12` or `.pfx`.
    Pkcs12,
    Public(&'static str),
    Unknown,
}

fn content_of(der: &[u8]) -> Content {
    if PrivateKeyInfo::try_from(der).is_ok() {
        return Content::Pkcs8;
    }
    if pkcs1::RsaPrivateKey::try_from(der).is_ok() {
        return Content::Pkcs1;
    }
    if EncryptedPrivateKeyInfo::try_from(der).is_ok() {
        return Content::Protected;
    }
    if pkcs8::SubjectPublicKeyInfoRef::try_from(der).is_ok() || pkcs1::RsaPublicKey::try_from(der).is_ok() {
        return Content::Public("a public key");
    }
    // A sequence, and what it begins with.
    let inside = match der {
        [0x30, 0x82, _, _, inside @ ..] | [0x30, 0x81, _, inside @ ..] | [0x30, 0..=0x7f, inside @ ..] => {
            inside
        }
        _ => return Content::Unknown,
    };
    match inside {
        [0x02, 0x01, 0x01, 0x04, ..] => Content::Sec1,
        [0x02, 0x01, 0x03, 0x30, ..] => Content::Pkcs12,
        [0x30, 0x82, _, _, 0xa0 | 0x02, ..] if der.len() > 256 => Content::Public("a certificate"),
        _ => Content::Unknown,
    }
}

fn is_private(der: &[u8]) -> bool {
    !matches!(content_of(der), Content::Public(_) | Content::Unknown)
}

/// The key in bytes without a label; `None` when nobody knows what they are.
fn by_content(der: &[u8], passphrase: Option<&Secret>) -> Option<Result<PrivateKey, KeyFault>> {
    Some(match content_of(der) {
        Content::Pkcs8 => pkcs8(der),
        Content::Pkcs1 => pkcs1(der),
        Content::Protected => match passphrase {
            Some(passphrase) => protected(der, passphrase).and_then(|plain| pkcs8(plain.as_bytes())),
            None => Err(KeyFault::NeedsPassphrase),
        },
        Content::Sec1 => Err(KeyFault::NotRsa("an elliptic curve key".to_owned())),
        Content::Pkcs12 => Err(KeyFault::Form {
            what: "a PKCS#12 container (.p12, .pfx)",
            how: "openssl pkcs12 -in COPY -nodes -nocerts -out NEW",
        }),
        Content::Public(what) => Err(KeyFault::PublicOnly(what.to_owned())),
        Content::Unknown => return None,
    })
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
    if let Some(info) = block.dek_info {
        let plain = legacy::open(info, &block.der, passphrase.ok_or(KeyFault::NeedsPassphrase)?)?;
        // Padding alone accepts one wrong passphrase in 256; the structure does not.
        return match content_of(&plain) {
            Content::Pkcs1 => pkcs1(&plain),
            Content::Pkcs8 => pkcs8(&plain),
            Content::Sec1 => Err(KeyFault::NotRsa(block.label.to_owned())),
            _ => Err(KeyFault::WrongPassphrase),
        };
    }
    if block.label == "OPENSSH PRIVATE KEY" || block.der.starts_with(b"openssh-key-v1\0") {
        return Err(KeyFault::Form {
            what: "a key in OpenSSH's own format, which is not read here",
            how: "if it is RSA: ssh-keygen -p -m PEM -f COPY",
        });
    }
    match (block.label, content_of(&block.der)) {
        ("EC PRIVATE KEY", Content::Sec1) => Err(KeyFault::NotRsa(block.label.to_owned())),
        (label, Content::Unknown) => match label {
            "RSA PRIVATE KEY" => pkcs1(&block.der),
            "PRIVATE KEY" => pkcs8(&block.der),
            "ENCRYPTED PRIVATE KEY" => {
                let passphrase = passphrase.ok_or(KeyFault::NeedsPassphrase)?;
                pkcs8(protected(&block.der, passphrase)?.as_bytes())
            }
            other => Err(KeyFault::NotRsa(other.to_owned())),
        },
        _ => by_content(&block.der, passphrase)
            .unwrap_or(Err(KeyFault::Broken("it does not read as a private key"))),
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
        // Whatever the END line says: tools and people relabel one line and forget the other.
        let (body, after) = after
            .split_once("-----END ")
            .filter(|(body, _)| !body.contains("-----BEGIN "))
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
