//! Files of conversations are for their owner only: folders 0700, files 0600.
//!
//! What earlier versions left open to others is tightened when files are fetched next. A folder is tightened after its
//! files, so that a private folder needs no second look. What belongs to somebody else stays as it is; `doctor` names it.
//! Only the vault's own folders are touched (`00` to `ff`, and the beginnings): `media.folder` may hold other things.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// The mode of a file.
pub(super) const FILE: u32 = 0o600;

/// What others than the owner can reach in a vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// Folders with permissions for others.
    pub folders: u64,
    /// Files with permissions for others, in those folders.
    pub files: u64,
    /// One of them.
    pub first: Option<PathBuf>,
}

impl Open {
    fn note(&mut self, path: &Path) {
        self.first.get_or_insert_with(|| path.to_owned());
    }
}

/// Makes a folder, and those above it, for its owner only. One that is there stays as it is.
pub(super) fn folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes or empties a file, for its owner only also when it was there.
pub(crate) fn create(path: &Path) -> io::Result<fs::File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE)
        .open(path)?;
    if file.metadata()?.mode() & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(FILE))?;
    }
    Ok(file)
}

/// Takes the permissions of others off a file of ours.
pub(super) fn own(path: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.mode() & OTHERS != 0 {
        close(path, &about);
    }
    Ok(())
}

/// Takes the permissions of others off the folders of a vault and the files in them. Returns how many things changed;
/// what cannot be changed stays.
pub(super) fn tighten(vault: &Path) -> u64 {
    let mut changed = 0;
    for folder in folders(vault) {
        let open = fs::symlink_metadata(&folder).is_ok_and(|about| about.mode() & OTHERS != 0);
        if !open {
            continue;
        }
        for (file, about) in files(&folder) {
            changed += u64::from(about.mode() & OTHERS != 0 && close(&file, &about));
        }
        if let Ok(about) = fs::symlink_metadata(&folder) {
            changed += u64::from(close(&folder, &about));
        }
    }
    changed
}

/// What others can reach in a vault.
pub fn open_to_others(vault: &Path) -> Open {
    let mut open = Open::default();
    for folder in folders(vault) {
        if fs::symlink_metadata(&folder).map_or(true, |about| about.mode() & OTHERS == 0) {
            continue;
        }
        open.folders += 1;
        open.note(&folder);
        for (file, about) in files(&folder) {
            if about.mode() & OTHERS != 0 {
                open.files += 1;
                open.note(&file);
            }
        }
    }
    open
}

/// Through the opened file itself, so that what is changed is what was looked at; links are never followed.
fn close(path: &Path, about: &fs::Metadata) -> bool {
    let mine = rustix::process::geteuid().as_raw();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let closed = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .and_then(|file| {
            let now = file.metadata()?;
            if now.uid() != mine || now.ino() != about.ino() {
                return Ok(false);
            }
            file.set_permissions(Permissions::from_mode(now.mode() & 0o7777 & !OTHERS))?;
            Ok(true)
        });
    closed.unwrap_or_else(|error| {
        tracing::debug!(path = %path.display(), %error, "its permissions stay as they are");
        false
    })
}

/// The folders of a vault: of objects, of beginnings, and the beginnings of each company, which come before the one they
/// lie in.
fn folders(vault: &Path) -> Vec<PathBuf> {
    let is_object_folder =
        |name: &str| name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let begun = super::vault::staging(vault);
    let mut found: Vec<PathBuf> = entries(&begun)
        .filter(|(_, about)| about.is_dir())
        .map(|(path, _)| path)
        .collect();
    if fs::symlink_metadata(&begun).is_ok_and(|about| about.is_dir()) {
        found.push(begun);
    }
    found.extend(entries(vault).filter_map(|(path, about)| {
        let name = path.file_name()?.to_str()?;
        (about.is_dir() && is_object_folder(name)).then_some(path)
    }));
    found
}

fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
    entries(folder).filter(|(_, about)| about.is_file())
}

fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("there").mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
    }

    #[test]
    fn what_was_left_open_is_closed_and_nothing_else_is_touched() {
        let scratch = tempfile::tempdir().expect("a folder");
        let vault = scratch.path();
        let (object, begun) = (vault.join("ab"), vault.join(".begun/acme"));
        let (other, outside) = (vault.join("notes"), vault.join("outside"));
        for folder in [&object, &begun, &other] {
            fs::create_dir_all(folder).expect("made");
            fs::write(folder.join("x"), b"x").expect("written");
            set(&folder.join("x"), 0o644);
            set(folder, 0o755);
        }
        set(&vault.join(".begun"), 0o755);
        fs::write(&outside, b"x").expect("written");
        set(&outside, 0o644);
        std::os::unix::fs::symlink(&outside, object.join("link")).expect("a link");

        let open = open_to_others(vault);
        assert_eq!((open.folders, open.files), (3, 2));
        assert_eq!(tighten(vault), 5);
        assert_eq!(open_to_others(vault), Open::default());
        for folder in [&object, &begun] {
            assert_eq!((mode(folder), mode(&folder.join("x"))), (0o700, 0o600));
        }
        assert_eq!(
            (mode(&other), mode(&other.join("x")), mode(&outside)),
            (0o755, 0o644, 0o644)
        );
        assert_eq!(tighten(vault), 0);
    }

    #[test]
    fn a_file_is_made_for_its_owner_also_over_an_open_one() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("x");
        drop(create(&path).expect("made"));
        assert_eq!(mode(&path), 0o600);
        set(&path, 0o644);
        drop(create(&path).expect("made"));
        assert_eq!(mode(&path), 0o600);
    }
}
