//! A company's key folder: `v<N>.pem`, one file per version, owner-only. The room's only I/O.
//!
//! Must not know: how a key is read or used.

use std::{
    collections::BTreeMap,
    fmt,
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

/// A file that holds a private key, or may hold one, and is not used because of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The file.
    pub file: PathBuf,
    /// The version that its name seems to mean.
    pub version: Option<KeyVersion>,
    /// The file that is used for that version.
    pub instead: Option<PathBuf>,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match (self.version, &self.instead) {
            (Some(version), Some(instead)) => write!(
                f,
                "{file} is not looked at: version {version} is in {}; keep one of them here",
                instead.display()
            ),
            (Some(version), None) => write!(
                f,
                "{file} is not looked at because of its name; if it is the key of version {version}, rename it to {}",
                file_name(version)
            ),
            (None, _) => write!(
                f,
                "{file} is not looked at because its name does not say which version; rename it to v<N>.pem, N being the \
                 version shown beside the key in the admin console (from 1)"
            ),
        }
    }
}

/// Which file is which version's, by names.
#[derive(Debug, Default)]
struct Plan {
    used: BTreeMap<KeyVersion, PathBuf>,
    strays: Vec<Stray>,
}

impl KeyRing {
    /// Loads the key of every version, N being `publickey_ver`: `v<N>.pem`, also in capitals, and with the `.txt` that
    /// Windows adds and hides, where no file of the proper name is there.
    ///
    /// A private key in a file of any other name is left where it is, and is one of [`KeyRing::strays`].
    pub fn load_dir(folder: &Path, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        let plan = plan(folder)?;
        let mut ring = Self::new();
        for (version, file) in plan.used {
            ring.insert(version, load(&file, passphrase)?)?;
            ring.files.insert(version, file);
        }
        ring.strays = plan.strays;
        Ok(ring)
    }
}

/// The files of a key folder that are not looked at though they seem to be keys. No key is opened for that.
pub fn strays(folder: &Path) -> Result<Vec<Stray>, KeyError> {
    Ok(plan(folder)?.strays)
}

/// The key in a file, whatever the file is called.
pub fn read_file(file: &Path, passphrase: Option<&Secret>) -> Result<PrivateKey, KeyError> {
    load(file, passphrase)
}

fn plan(folder: &Path) -> Result<Plan, KeyError> {
    let failed = |source| KeyError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        // A link that leads nowhere is reported when it is read.
        if !fs::metadata(&file).is_ok_and(|about| !about.is_file()) {
            files.push(file);
        }
    }
    files.sort();
    let mut plan = Plan::default();
    let (mut loose, mut others) = (BTreeMap::<KeyVersion, Vec<PathBuf>>::new(), Vec::new());
    for file in files {
        match (version_of(&file), loose_version_of(&file)) {
            (Some(version), _) => {
                if let Some(first) = plan.used.get(&version) {
                    return Err(KeyError::Duplicate {
                        version,
                        first: first.clone(),
                        second: file,
                    });
                }
                plan.used.insert(version, file);
            }
            (None, Some(version)) => loose.entry(version).or_default().push(file),
            (None, None) => others.push(file),
        }
    }
    for (version, files) in loose {
        match (&files[..], plan.used.get(&version)) {
            ([only], None) => drop(plan.used.insert(version, only.clone())),
            // Which of several was meant is for a person to say.
            (_, instead) => {
                let instead = instead.cloned();
                plan.strays.extend(files.into_iter().map(|file| Stray {
                    file,
                    version: Some(version),
                    instead: instead.clone(),
                }));
            }
        }
    }
    for file in others.into_iter().filter(|file| may_be_a_key(file)) {
        let version = guessed_version_of(&file);
        plan.strays.push(Stray {
            instead: version.and_then(|version| plan.used.get(&version).cloned()),
            file,
            version,
        });
    }
    plan.strays.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(plan)
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
    Ok(plan(folder)?.used.remove(&version))
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

/// A private key by its content. What cannot be read is one when it is called so.
fn may_be_a_key(file: &Path) -> bool {
    match read(file, false) {
        Ok(content) => pem::holds_private_key(&content),
        Err(_) => file
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("pem")),
    }
}

/// `v3.pem`, `v03.pem`
fn version_of(file: &Path) -> Option<KeyVersion> {
    numbered(file.file_name()?.to_str()?)
}

/// As [`version_of`], in capitals or with another ending behind it: there is only one thing that this can mean.
fn loose_version_of(file: &Path) -> Option<KeyVersion> {
    let name = file.file_name()?.to_str()?.to_ascii_lowercase();
    numbered(name.strip_suffix(".txt").unwrap_or(&name))
}

/// What a name such as `v3 (1).pem` or `v3.key` seems to mean.
fn guessed_version_of(file: &Path) -> Option<KeyVersion> {
    let name = file.file_name()?.to_str()?.to_ascii_lowercase();
    let rest = name.strip_prefix('v')?;
    let digits = rest.len() - rest.trim_start_matches(|one: char| one.is_ascii_digit()).len();
    let version = rest[..digits].parse().ok()?;
    (version != 0).then_some(KeyVersion(version))
}

fn numbered(name: &str) -> Option<KeyVersion> {
    let digits = name.strip_prefix('v')?.strip_suffix(".pem")?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(KeyVersion)
}
