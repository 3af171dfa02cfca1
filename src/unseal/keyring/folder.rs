//! A company's key folder: `v<N>.pem`, one file per version, owner-only. The room's only I/O.
//!
//! Must not know: how a key is read or used.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{ids::KeyVersion, secret::Secret, unseal::error::KeyError};

use super::{KeyRing, key::PrivateKey, pem};

/// Larger than any key file; what is larger is not one.
const LARGEST: u64 = 64 * 1024;

/// Where a key went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub file: PathBuf,
    /// False when the same key was there already and nothing was changed.
    pub fresh: bool,
}

/// The name of a version's file.
pub fn file_name(version: KeyVersion) -> String {
    format!("v{version}.pem")
}

impl KeyRing {
    /// Loads every `v<N>.pem`, N being `publickey_ver`.
    ///
    /// Other `*.pem` files are passed over when they hold only public material; one with a private key is
    /// an error, since an operator who put it there expects it to be used. Everything else is not ours.
    pub fn load_dir(folder: &Path, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Folder {
            folder: folder.to_owned(),
            source,
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "pem") {
                files.push(file);
            }
        }
        files.sort();

        let mut ring = Self::new();
        let mut seen: BTreeMap<KeyVersion, PathBuf> = BTreeMap::new();
        for file in files {
            let Some(version) = version_of(&file) else {
                if pem::mentions_private_key(&read(&file, false)?) {
                    return Err(KeyError::Name { file });
                }
                continue;
            };
            if let Some(first) = seen.get(&version) {
                return Err(KeyError::Duplicate {
                    version,
                    first: first.clone(),
                    second: file,
                });
            }
            ring.insert(version, load(&file, passphrase)?)?;
            seen.insert(version, file);
        }
        Ok(ring)
    }
}

/// Puts a key into the folder as `v<N>.pem`, mode 0600, under the passphrase if one is given.
///
/// The file appears whole or not at all and never replaces another key: a key that is lost makes every
/// record sealed to it unreadable for ever.
pub fn write(
    folder: &Path,
    version: KeyVersion,
    key: &PrivateKey,
    passphrase: Option<&Secret>,
) -> Result<Written, KeyError> {
    if version.0 == 0 {
        return Err(KeyError::VersionZero);
    }
    let file = folder.join(file_name(version));
    let failed = |source| KeyError::Write {
        file: file.clone(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    if let Some(there) = occupant(folder, version)? {
        return same_or_taken(there, version, key, passphrase);
    }
    let text = match passphrase {
        Some(passphrase) => key.protected_pem(passphrase).map_err(|fault| KeyError::Key {
            file: file.clone(),
            fault,
        })?,
        None => key.private_pem(),
    };
    // Created with O_EXCL and mode 0600, removed again when anything below fails.
    let mut draft = tempfile::Builder::new()
        .prefix(".new-key-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(failed)?;
    draft.write_all(text.expose().as_bytes()).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    match draft.persist_noclobber(&file) {
        Ok(_) => {}
        // Somebody else was quicker.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            return same_or_taken(file, version, key, passphrase);
        }
        Err(error) => return Err(failed(error.error)),
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(Written { file, fresh: true })
}

fn same_or_taken(
    file: PathBuf,
    version: KeyVersion,
    key: &PrivateKey,
    passphrase: Option<&Secret>,
) -> Result<Written, KeyError> {
    let there = load(&file, passphrase)?.fingerprint();
    if there == key.fingerprint() {
        return Ok(Written { file, fresh: false });
    }
    Err(KeyError::Taken {
        version,
        file,
        there,
        given: key.fingerprint(),
    })
}

/// The file that holds a version, also under a spelling like `v03.pem`.
fn occupant(folder: &Path, version: KeyVersion) -> Result<Option<PathBuf>, KeyError> {
    let failed = |source| KeyError::Folder {
        folder: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if version_of(&file) == Some(version) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn load(file: &Path, passphrase: Option<&Secret>) -> Result<PrivateKey, KeyError> {
    let text = read(file, true)?;
    pem::private_key(&text, passphrase).map_err(|fault| KeyError::Key {
        file: file.to_owned(),
        fault,
    })
}

/// Reads a file, and looks at the permissions of the very file it opened.
fn read(file: &Path, owner_only: bool) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |source| KeyError::Read {
        file: file.to_owned(),
        source,
    };
    let open = File::open(file).map_err(failed)?;
    let about = open.metadata().map_err(failed)?;
    let mode = about.mode() & 0o7777;
    if owner_only && mode & 0o077 != 0 {
        return Err(KeyError::Permissions {
            file: file.to_owned(),
            mode,
        });
    }
    // The full size at once: a growing buffer would leave copies of the key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(about.len().min(LARGEST) as usize + 1));
    open.take(LARGEST).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

fn version_of(file: &Path) -> Option<KeyVersion> {
    let digits = file
        .file_name()?
        .to_str()?
        .strip_prefix('v')?
        .strip_suffix(".pem")?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(KeyVersion)
}
