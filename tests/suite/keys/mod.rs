//! Keys and opening: the folder, the forms of PEM, two RSA implementations, the batch.

mod agree;
mod batch;
mod folder;
mod forms;

use std::{fs, path::PathBuf};

use ::rsa::{Pkcs1v15Encrypt, RsaPublicKey, pkcs8::DecodePublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use shiguan::{
    secret::Secret,
    unseal::{PrivateKey, keyring},
};

/// A file of `tests/golden/keys`.
fn golden(name: &str) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/keys")
        .join(name);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn key(bits: usize) -> PrivateKey {
    keyring::import(&golden(&format!("rsa{bits}.pkcs8.pem")), None).unwrap()
}

/// The 2048 bit key that is not `key(2048)`.
fn stranger() -> PrivateKey {
    keyring::import(&golden("rsa2048.e3.pem"), None).unwrap()
}

fn public(key: &PrivateKey) -> RsaPublicKey {
    RsaPublicKey::from_public_key_der(key.public_der()).unwrap()
}

fn passphrase() -> Secret {
    Secret::new("correct-horse")
}

fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Seals as WeCom does. Randomness comes from the system: `rsa` 0.9 wants an older generation of `rand`.
fn seal(key: &PrivateKey, plain: &[u8]) -> Vec<u8> {
    public(key)
        .encrypt(&mut ::rsa::rand_core::OsRng, Pkcs1v15Encrypt, plain)
        .unwrap()
}

fn seal_base64(key: &PrivateKey, plain: &[u8]) -> String {
    STANDARD.encode(seal(key, plain))
}
