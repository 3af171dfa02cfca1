//! Puts a generation into a new folder: an archive of its own, which goes on where the backup ends.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{
    Damage, Error, Folder, Manifest, Result,
    error::io,
    folder::{Kind, entries, private, sync_folder, unhex},
    memory::Memory,
    seal::Opened,
    verify::{self, Checked},
};
use crate::{
    ids::Millis,
    media::vault::hex,
    store::{Contents, Snapshot, Store},
};

/// Name of the database in the folder of an archive.
const DATABASE: &str = "archive.db";
/// Its name until everything is there.
const PART: &str = "archive.db.part";
/// The folder of the files.
const MEDIA: &str = "media";
/// Says that what lies beside it is not finished and may be removed by another restore.
const MARK: &str = ".restore-unfinished";

/// What came back.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The new archive's database.
    pub database: PathBuf,
    /// The new archive's id.
    pub archive_id: String,
    /// What it holds.
    pub contents: Contents,
    /// Files of messages that came, by content.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Files that were in the backup and are missing or altered.
    pub damage: Vec<Damage>,
    /// Files of messages that the backup called kept and that wait again.
    pub waiting_again: u64,
}

/// Restores a generation into `dir`, which is new or empty. Each part is checked while it is read. When something of the
/// database is damaged, nothing is left behind; files that are missing are to be fetched again.
pub fn restore(
    folder: &Folder,
    number: u64,
    manifest: &Manifest,
    opened: Option<&Opened>,
    dir: &Path,
    now: Millis,
) -> Result<Restored> {
    if let (Some(encryption), None) = (&manifest.encryption, opened) {
        return Err(Error::NoIdentity {
            number,
            recipients: encryption.recipients.clone(),
        });
    }
    let made = !dir.exists();
    private(dir)?;
    if entries(dir)?.iter().any(|name| name == MARK) {
        clear(dir)?;
    }
    if !entries(dir)?.is_empty() {
        return Err(Error::NotEmpty { path: dir.into() });
    }
    let mark = dir.join(MARK);
    let begun = (|| {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io("protect", dir))?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&mark)
            .map_err(io("write", &mark))?;
        fill(folder, number, manifest, opened, dir, now)
    })();
    let ended = begun.and_then(|restored| {
        fs::remove_file(&mark).map_err(io("remove", &mark))?;
        sync_folder(dir)?;
        Ok(restored)
    });
    if ended.is_err() {
        let _stays = clear(dir);
        if made {
            let _stays = fs::remove_dir(dir);
        }
    }
    // So that the new archive goes on with these backups and does not write everything again.
    if let (Ok(_), Some(opened), Some(id)) = (&ended, opened, folder.id()) {
        let _is_written_again_otherwise = Memory::of(dir).keep_key(id, &opened.key);
    }
    ended
}

fn fill(
    folder: &Folder,
    number: u64,
    manifest: &Manifest,
    opened: Option<&Opened>,
    dir: &Path,
    now: Millis,
) -> Result<Restored> {
    let part = dir.join(PART);
    let mut checked = Checked::default();
    verify::database(folder, manifest, opened, &part, &mut checked)?;
    if !checked.damage.is_empty() {
        return Err(Error::of(&checked));
    }
    let mut store = Store::open(&part)?;
    let known = match opened {
        Some(opened) => Some(names(&part, opened)?),
        None => None,
    };
    let files = files(folder, manifest, opened, known.as_ref(), dir)?;
    let waiting_again = store.files_missing(&files.missing)?;
    let archive_id = store.begin_epoch(Some(number), Some(manifest.taken_at), now)?;
    let contents = store.contents()?;
    checked.findings = store.integrity()?;
    checked.findings.extend(manifest.differences(&contents));
    if !checked.findings.is_empty() {
        return Err(Error::of(&checked));
    }
    // Closing folds the write-ahead log into the file.
    drop(store);
    let database = dir.join(DATABASE);
    // Never over an archive that somebody made meanwhile.
    fs::hard_link(&part, &database).map_err(io("write", &database))?;
    fs::remove_file(&part).map_err(io("remove", &part))?;
    Ok(Restored {
        database,
        archive_id,
        contents,
        files: files.count,
        file_bytes: files.bytes,
        damage: files.damage,
        waiting_again,
    })
}

#[derive(Default)]
struct Came {
    count: u64,
    bytes: u64,
    /// Contents that did not come.
    missing: Vec<[u8; 32]>,
    damage: Vec<Damage>,
}

/// Names of encrypted files, and the SHA-256 that each stands for.
type Names = HashMap<[u8; 32], [u8; 32]>;

/// The names of the files that the archive knows.
fn names(database: &Path, opened: &Opened) -> Result<Names> {
    let mut names = Names::new();
    Snapshot::begin(database)?.each_content(|sha256, _| {
        names.insert(opened.key.file(&sha256), sha256);
        Ok::<_, Error>(())
    })?;
    Ok(names)
}

fn files(
    folder: &Folder,
    manifest: &Manifest,
    opened: Option<&Opened>,
    known: Option<&Names>,
    dir: &Path,
) -> Result<Came> {
    let media = dir.join(MEDIA);
    private(&media)?;
    let mut checked = Checked::default();
    let listed = verify::listed(folder, manifest, &mut checked);
    // Without its list nobody knows which files came: none of the rest is guessed.
    if !checked.damage.is_empty() {
        return Err(Error::of(&checked));
    }
    let kind = Kind::of_files(manifest);
    let mut came = Came {
        missing: manifest
            .files
            .missing
            .iter()
            .filter_map(|name| unhex(name))
            .collect(),
        ..Came::default()
    };
    for file in listed {
        let sha256 = match known {
            None => file.sha256,
            Some(known) => match known.get(&file.sha256) {
                Some(sha256) => *sha256,
                None => {
                    let name = Folder::name(kind, &file.sha256);
                    came.damage.push(Damage::new(
                        name,
                        "no message of the archive has a file of this name",
                    ));
                    continue;
                }
            },
        };
        let name = hex(&sha256);
        let shard = media.join(&name[..2]);
        private(&shard)?;
        let target = shard.join(name);
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&target)
            .map_err(io("write", &target))?;
        match folder
            .read_file(kind, &file.sha256, opened, &mut out)
            .map_err(io("write", &target))?
        {
            Ok(bytes) => {
                out.sync_all().map_err(io("write", &target))?;
                came.count += 1;
                came.bytes += bytes;
            }
            Err(damage) => {
                fs::remove_file(&target).map_err(io("remove", &target))?;
                came.missing.push(sha256);
                came.damage.push(damage);
            }
        }
    }
    for shard in entries(&media)? {
        sync_folder(&media.join(shard))?;
    }
    sync_folder(&media)?;
    Ok(came)
}

/// Removes what a restore wrote into its folder.
fn clear(dir: &Path) -> Result<()> {
    for name in entries(dir)? {
        let path = dir.join(&name);
        let removed = match name.as_str() {
            MEDIA => fs::remove_dir_all(&path),
            _ if name == MARK || name.starts_with(PART) => fs::remove_file(&path),
            _ => continue,
        };
        removed.map_err(io("remove", &path))?;
    }
    Ok(())
}
