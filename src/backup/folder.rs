//! The folder of backups: its locks, and how something gets into it for good.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest as _, Sha256};

use super::{
    Damage, Error, Result,
    error::io,
    manifest::{Generation, Manifest},
    take::Remembering,
};
use crate::media::vault::hex;

const WRITERS: &str = "backup.lock";
const READERS: &str = "readers.lock";
const OBJECTS: &str = "objects";
const FILES: &str = "files";
const GENERATIONS: &str = "generations";
const UNFINISHED: &str = "unfinished";
const DAMAGED: &str = "damaged";
/// How the folder of a check begins.
const CHECK: &str = "check-";
const OTHER_BYTES: &str = "it is altered: its SHA-256 is another one";
/// What a file system puts into its own root.
const FOUND: &str = "lost+found";
/// Bytes of a file that are in memory at once.
const STEP: usize = 1 << 20;
/// As zstd counts; higher ones cost more time than they save room.
const LEVEL: i32 = 3;

/// A folder of backups, in use by this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held until the end; a lock of the system ends with its process.
    _locks: Vec<File>,
    names: AtomicU64,
    /// Folders that got new names since they were synced last.
    changed: Mutex<BTreeSet<PathBuf>>,
}

/// What is kept in a folder of its own, named by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Pages, maps and lists, compressed.
    Object,
    /// A file of messages.
    File,
}

impl Folder {
    /// Opens the folder to write into it, makes it when there is none, and removes what a killed process left unfinished.
    /// One process at a time may.
    pub fn to_write(path: &Path) -> Result<Self> {
        private(path)?;
        let known = [
            WRITERS,
            READERS,
            OBJECTS,
            FILES,
            GENERATIONS,
            UNFINISHED,
            DAMAGED,
            FOUND,
        ];
        let mut names = entries(path)?.into_iter();
        if !path.join(WRITERS).exists() && names.any(|name| !known.contains(&name.as_str())) {
            return Err(Error::NotBackups { path: path.into() });
        }
        let lock = lock(path, WRITERS)?;
        lock.try_lock().map_err(|error| refused(path, error))?;
        for part in [OBJECTS, FILES, GENERATIONS, UNFINISHED] {
            private(&path.join(part))?;
        }
        let folder = Self::new(path, vec![lock]);
        // A check that is going on has its database there.
        let nobody_checks = folder.without_readers().is_ok();
        let unfinished = path.join(UNFINISHED);
        for name in entries(&unfinished)? {
            if nobody_checks || !name.starts_with(CHECK) {
                remove(&unfinished.join(name))?;
            }
        }
        Ok(folder)
    }

    /// Opens the folder to read its generations. Nothing is removed from it meanwhile; backups may go on.
    pub fn to_read(path: &Path) -> Result<Self> {
        if !path.join(GENERATIONS).is_dir() {
            return Err(Error::NoGeneration {
                path: path.into(),
                what: "holds no backups".to_owned(),
            });
        }
        // A medium that cannot be written is not pruned either.
        let mut locks = Vec::new();
        if let Ok(lock) = lock(path, READERS) {
            lock.try_lock_shared().map_err(|error| refused(path, error))?;
            locks.push(lock);
        }
        Ok(Self::new(path, locks))
    }

    fn new(path: &Path, locks: Vec<File>) -> Self {
        Self {
            path: path.to_owned(),
            _locks: locks,
            names: AtomicU64::new(0),
            changed: Mutex::default(),
        }
    }

    /// Waits for nobody: the right to remove, held as long as the file is.
    pub(super) fn without_readers(&self) -> Result<File> {
        let lock = lock(&self.path, READERS)?;
        lock.try_lock().map_err(|error| refused(&self.path, error))?;
        Ok(lock)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder for work that is not finished, on the same disk and as private.
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir> {
        let unfinished = self.path.join(UNFINISHED);
        private(&unfinished)?;
        tempfile::Builder::new()
            .prefix(CHECK)
            .tempdir_in(&unfinished)
            .map_err(io("use", &unfinished))
    }

    /// Where something is, from the folder on.
    pub(super) fn name(kind: Kind, sha256: &[u8; 32]) -> String {
        let hex = hex(sha256);
        match kind {
            Kind::Object => format!("{OBJECTS}/{}/{hex}.zst", &hex[..2]),
            Kind::File => format!("{FILES}/{}/{hex}", &hex[..2]),
        }
    }

    /// Bytes of something that is there.
    pub(super) fn size(&self, kind: Kind, sha256: &[u8; 32]) -> Option<u64> {
        let found = fs::metadata(self.path.join(Self::name(kind, sha256))).ok()?;
        found.is_file().then_some(found.len())
    }

    /// Keeps an object; returns its digest, the bytes of its file, and how many were written now.
    pub(super) fn put(&self, raw: &[u8]) -> Result<([u8; 32], u64, u64)> {
        let sha256: [u8; 32] = Sha256::digest(raw).into();
        let target = self.path.join(Self::name(Kind::Object, &sha256));
        let stored = zstd::bulk::compress(raw, LEVEL).map_err(io("compress", &target))?;
        let bytes = stored.len() as u64;
        if self.size(Kind::Object, &sha256) == Some(bytes) {
            return Ok((sha256, bytes, 0));
        }
        self.write(&target, &mut |out| {
            out.write_all(&stored).map_err(io("write", &target))
        })?;
        Ok((sha256, bytes, bytes))
    }

    /// Reads an object of at most so many bytes, checked against its name.
    pub(super) fn get(&self, sha256: &[u8; 32], most: usize) -> Result<Vec<u8>, Damage> {
        let name = Self::name(Kind::Object, sha256);
        let stored =
            fs::read(self.path.join(&name)).map_err(|error| Damage::new(name.as_str(), unread(&error)))?;
        let raw = zstd::bulk::decompress(&stored, most)
            .map_err(|_| Damage::altered(name.as_str(), "it is altered: it cannot be decompressed"))?;
        if Sha256::digest(&raw).as_slice() != sha256 {
            return Err(Damage::altered(name, OTHER_BYTES));
        }
        Ok(raw)
    }

    /// Keeps a file of messages, whose bytes `copy` writes out and checks.
    pub(super) fn keep_file(
        &self,
        sha256: &[u8; 32],
        copy: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<u64>,
    ) -> Result<u64> {
        let target = self.path.join(Self::name(Kind::File, sha256));
        let mut bytes = 0;
        self.write(&target, &mut |out| {
            let mut out = Remembering {
                file: out,
                failed: None,
            };
            let copied = copy(&mut out);
            bytes = out.outcome(copied, &target)?;
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Reads a file of messages, writes it to `out`, and compares it with its name.
    pub(super) fn read_file(
        &self,
        sha256: &[u8; 32],
        out: &mut dyn Write,
    ) -> io::Result<Result<u64, Damage>> {
        let name = Self::name(Kind::File, sha256);
        let damage = |what: String| Ok(Err(Damage::new(name.as_str(), what)));
        let mut file = match File::open(self.path.join(&name)) {
            Ok(file) => file,
            Err(error) => return damage(unread(&error)),
        };
        let (mut hash, mut bytes, mut step) = (Sha256::new(), 0, vec![0; STEP]);
        loop {
            let read = match file.read(&mut step) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return damage(unread(&error)),
            };
            hash.update(&step[..read]);
            out.write_all(&step[..read])?;
            bytes += read as u64;
        }
        if hash.finalize().as_slice() != sha256 {
            return Ok(Err(Damage::altered(name, OTHER_BYTES)));
        }
        Ok(Ok(bytes))
    }

    /// Writes a generation, after everything that it names is safe on disk. Returns the bytes written.
    pub(super) fn conclude(&self, number: u64, manifest: &Manifest) -> Result<u64> {
        self.sync()?;
        let text = manifest.to_text();
        let target = self.generation(number);
        self.write(&target, &mut |out| {
            out.write_all(text.as_bytes()).map_err(io("write", &target))
        })?;
        self.sync()?;
        Ok(text.len() as u64)
    }

    /// Every generation, the first one first; each with its manifest, or what is wrong with it.
    pub fn generations(&self) -> Result<Vec<Generation>> {
        let folder = self.path.join(GENERATIONS);
        let mut all = Vec::new();
        for name in entries(&folder)? {
            let digits = name.strip_suffix(".json").filter(|digits| digits.len() >= 8);
            let Some(number) = digits.and_then(|digits| digits.parse::<u64>().ok()) else {
                continue;
            };
            let path = folder.join(&name);
            let manifest = match fs::read_to_string(&path) {
                Ok(text) => Manifest::from_text(&text, &path),
                Err(error) => Err(Error::Damaged(vec![Damage::new(
                    format!("{GENERATIONS}/{name}"),
                    unread(&error),
                )])),
            };
            all.push(Generation { number, manifest });
        }
        all.sort_by_key(|generation| generation.number);
        Ok(all)
    }

    /// Forgets a generation.
    pub(super) fn forget(&self, number: u64) -> Result<()> {
        remove(&self.generation(number))?;
        sync_folder(&self.path.join(GENERATIONS))
    }

    /// Every object and file that is there, whoever needs it: its digest and its size.
    pub(super) fn each(&self, kind: Kind, mut each: impl FnMut([u8; 32], u64) -> Result<()>) -> Result<()> {
        let (part, ending) = match kind {
            Kind::Object => (OBJECTS, ".zst"),
            Kind::File => (FILES, ""),
        };
        let part = self.path.join(part);
        for shard in entries(&part)? {
            let shard = part.join(shard);
            if !shard.is_dir() {
                continue;
            }
            for name in entries(&shard)? {
                let digest = name.strip_suffix(ending).and_then(unhex);
                if let Some(digest) = digest {
                    let size = fs::metadata(shard.join(&name)).map_or(0, |found| found.len());
                    each(digest, size)?;
                }
            }
        }
        Ok(())
    }

    /// Puts what is altered out of the way, so that the next backup writes it anew. On a medium that cannot be written it
    /// stays.
    pub(super) fn set_aside(&self, damage: &Damage) {
        let aside = self.path.join(DAMAGED);
        let from = self.path.join(&damage.path);
        if let (true, Some(name), Ok(())) = (damage.altered, from.file_name(), private(&aside)) {
            let _stays_where_it_is = fs::rename(&from, aside.join(name));
        }
    }

    /// Removes an object or a file that nobody needs.
    pub(super) fn discard(&self, kind: Kind, sha256: &[u8; 32]) -> Result<()> {
        remove(&self.path.join(Self::name(kind, sha256)))
    }

    fn generation(&self, number: u64) -> PathBuf {
        self.path.join(GENERATIONS).join(format!("{number:08}.json"))
    }

    /// Writes a file under a temporary name, syncs it, and gives it its name.
    fn write(&self, target: &Path, fill: &mut dyn FnMut(&mut File) -> Result<()>) -> Result<()> {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let unfinished = self
            .path
            .join(UNFINISHED)
            .join(format!("{}-{number}", std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&unfinished)
                .map_err(io("write", &unfinished))?;
            fill(&mut file)?;
            file.sync_all().map_err(io("write", target))?;
            let parent = target.parent().unwrap_or(&self.path);
            if !parent.is_dir() {
                private(parent)?;
                self.change(parent.parent().unwrap_or(&self.path));
            }
            fs::rename(&unfinished, target).map_err(io("write", target))?;
            self.change(parent);
            Ok(())
        })();
        if written.is_err() {
            let _stays_for_the_next_backup = fs::remove_file(&unfinished);
        }
        written
    }

    fn change(&self, folder: &Path) {
        self.changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(folder.to_owned());
    }

    /// Makes the new names as safe as what they name.
    fn sync(&self) -> Result<()> {
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        changed.iter().try_for_each(|folder| sync_folder(folder))
    }
}

/// The names in a folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<String>> {
    fs::read_dir(folder)
        .map_err(io("read", folder))?
        .map(|entry| {
            let entry = entry.map_err(io("read", folder))?;
            Ok(entry.file_name().to_string_lossy().into_owned())
        })
        .collect()
}

/// Makes a folder for its owner only.
pub(super) fn private(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io("make", folder))
}

pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io("write", folder))
}

fn lock(folder: &Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    // Readers of a medium that cannot be written find the file there, or do without.
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .or_else(|_| File::open(&path))
        .map_err(io("open", &path))
}

fn refused(folder: &Path, error: TryLockError) -> Error {
    match error {
        TryLockError::WouldBlock => Error::InUse { path: folder.into() },
        TryLockError::Error(cause) => Error::Io {
            doing: "lock",
            path: folder.into(),
            cause,
        },
    }
}

/// Removes a file or a folder; one that is not there is removed.
fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io("remove", path)(cause)),
        _ => Ok(()),
    }
}

fn unread(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is missing".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// 64 hexadecimal digits as a digest.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64
        || !text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(digest)
}
