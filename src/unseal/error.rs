//! What can be wrong with keys. Records that do not open are not errors: they are `Waiting` values.
//!
//! Every text says what to do next; none carries key material or a passphrase.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::ids::KeyVersion;

use super::keyring::Fingerprint;

/// What is wrong with the content of one key, whatever place it came from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// No `-----BEGIN …-----` block that reads as PEM.
    #[error(
        "is not a PEM file: expected `-----BEGIN RSA PRIVATE KEY-----` or `-----BEGIN PRIVATE KEY-----`; {0}"
    )]
    NotPem(&'static str),
    /// Only public material.
    #[error(
        "holds a public key ({0}), but records are opened with the private half; put the private key file here"
    )]
    PublicOnly(String),
    /// A private key of another kind.
    #[error("is not an RSA private key ({0}); WeCom seals records with RSA, so make or find the RSA key")]
    NotRsa(String),
    /// Key material in a container that is not read here.
    #[error("is {what}; convert a copy of it: {how}")]
    Form {
        /// What it is.
        what: &'static str,
        /// The command to type.
        how: &'static str,
    },
    /// More than one private key in a file.
    #[error("holds {0} private keys; put each into a file of its own, named after its version")]
    Several(usize),
    /// Protected, and no passphrase is configured.
    #[error(
        "is protected by a passphrase and none is configured; set `key_passphrase_file` or `key_passphrase_env`"
    )]
    NeedsPassphrase,
    /// The configured passphrase does not open it.
    #[error(
        "does not open with the configured passphrase; check `key_passphrase_file` or `key_passphrase_env`"
    )]
    WrongPassphrase,
    /// Protected in a way this program does not read.
    #[error(
        "is protected with {0}, which is not supported; rewrite it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW"
    )]
    Cipher(String),
    /// RSA, of a size that is not accepted.
    #[error("is an RSA key of {0} bits; 2048, 3072 and 4096 are accepted, and WeCom asks for 2048")]
    Bits(usize),
    /// Cut off, altered, or its numbers do not belong together.
    #[error("is damaged: {0}; restore the file from its backup")]
    Broken(&'static str),
    /// An RSA implementation cannot work with it or could not make it.
    #[error("is refused by the RSA implementation {0}; choose the other one with `unseal.implementation`")]
    Refused(&'static str),
    /// The operating system gave no random numbers, or the like.
    #[error("cannot be made: {0}")]
    NotMade(&'static str),
}

/// What is wrong with a key folder or a file in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The folder cannot be listed.
    #[error("cannot list the key folder {}: {source}; create it, or correct `keys` of this company", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A key file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error(
        "{} can be read by others (mode {mode:04o}); private keys must be owner-only: chmod 600 {}",
        file.display(), file.display()
    )]
    Permissions {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is wrong.
    #[error("{} {fault}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: KeyFault,
    },
    /// Two files claim one version.
    #[error("version {version} is there twice, as {} and {}; keep one", first.display(), second.display())]
    Duplicate {
        /// The version.
        version: KeyVersion,
        /// The file met first.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// A version that is already taken by another key.
    #[error(
        "version {version} already has another key (sha256 {there}) than the one given (sha256 {given}); \
         nothing was changed: choose another version, or move {} away yourself",
        file.display()
    )]
    Taken {
        /// The version.
        version: KeyVersion,
        /// The file that is there.
        file: PathBuf,
        /// The key that is there.
        there: Fingerprint,
        /// The key that was to be written.
        given: Fingerprint,
    },
    /// A ring cannot hold two keys for one version.
    #[error("version {0} is in the key ring already; remove one of the two")]
    InRing(KeyVersion),
    /// Version 0 does not exist.
    #[error("key versions count from 1; 0 is not a version")]
    VersionZero,
    /// A key file cannot be written.
    #[error("cannot write {}: {source}; nothing was changed", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A key of the ring cannot be prepared.
    #[error("version {version} {fault}")]
    Prepare {
        /// The version.
        version: KeyVersion,
        /// What is wrong with it.
        #[source]
        fault: KeyFault,
    },
    /// The worker threads could not be started.
    #[error("cannot start {threads} threads: {reason}; set `unseal.threads` lower")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The system's reason.
        reason: String,
    },
}

impl KeyFault {
    /// What to do about the file with this fault.
    fn advice(&self, name: &str) -> String {
        match self {
            Self::PublicOnly(_) => format!(
                "find the private half of this very pair (the file that was made together with it), and put it in the place \
                 of {name}"
            ),
            Self::NotRsa(_) | Self::Bits(_) => format!(
                "{name} cannot be the key that was entered in the admin console; find the one that was"
            ),
            Self::Form { how, .. } => format!("convert a copy of {name}: {how}"),
            Self::Several(_) => format!("put each key of {name} into a file of its own"),
            Self::NeedsPassphrase | Self::WrongPassphrase => {
                format!("put the passphrase of {name} into the file that `key_passphrase_file` names")
            }
            Self::Cipher(_) => {
                format!("rewrite {name}: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW")
            }
            Self::NotPem(_) | Self::Broken(_) => {
                format!("copy {name} again from where it was made, or from its backup")
            }
            Self::Refused(_) => "set `unseal.implementation` to the other one".to_owned(),
            Self::NotMade(_) => "check the random source of this system".to_owned(),
        }
    }
}

impl KeyError {
    /// What to do about the very file it is about. Never to make another key: records are sealed to this one.
    pub fn advice(&self) -> String {
        let name = |file: &std::path::Path| file.display().to_string();
        match self {
            Self::Folder { folder, source } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    format!("give {} to the user that runs shiguan", folder.display())
                }
                _ => format!(
                    "correct `keys` of this company; for a new company: mkdir -m 700 -p {}, then shiguan keys generate",
                    folder.display()
                ),
            },
            Self::Read { file, .. } => format!("give {} to the user that runs shiguan: chown", name(file)),
            Self::Permissions { file, .. } => format!("chmod 600 {}", name(file)),
            Self::Key { file, fault } => fault.advice(&name(file)),
            Self::Duplicate { first, second, .. } => {
                format!("move {} or {} out of the folder", name(first), name(second))
            }
            Self::VersionZero => {
                "rename v0.pem to the version that the admin console shows beside the key".to_owned()
            }
            Self::Taken { file, .. } | Self::Write { file, .. } => format!("look at {}", name(file)),
            Self::InRing(version) => format!("keep one file of version {version}"),
            Self::Prepare { version, fault } => fault.advice(&format!("the key of version {version}")),
            Self::Threads { .. } => "set `unseal.threads` lower".to_owned(),
        }
    }
}
