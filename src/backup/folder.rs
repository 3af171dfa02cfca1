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

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Damage, Error, Result,
    error::io,
    manifest::{Generation, Manifest, summed, with_sum},
    map::MARK,
    memory::Memory,
    seal::{self, Counted, NameKey, Opened, Recipients, Seal, Unread},
    take::{Remembering, mark},
};
use crate::media::vault::hex;

const WRITERS: &str = "backup.lock";
/// The same where backups are encrypted: earlier versions of the program know neither, and keep out.
const ENCRYPTED_WRITERS: &str = "encrypted.lock";
/// Says that the backups are encrypted, and for whom.
const MARKER: &str = "encryption.json";
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
/// What may stand in a folder of backups.
const ROOT: [&str; 10] = [
    WRITERS,
    ENCRYPTED_WRITERS,
    READERS,
    MARKER,
    OBJECTS,
    FILES,
    GENERATIONS,
    UNFINISHED,
    DAMAGED,
    FOUND,
];
/// The newest format of the marker.
const FORMAT: u32 = 1;
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
    /// Its id, where backups are encrypted.
    id: Option<String>,
    /// With what this process encrypts.
    seal: Option<Seal>,
    /// The names of what is there are not known here, so everything is written again.
    anew: bool,
}

/// How backups are to be encrypted.
#[derive(Debug)]
pub struct Encrypting<'e> {
    /// For whom.
    pub recipients: &'e Recipients,
    /// Where the archive keeps the keys of the names.
    pub memory: &'e Memory,
}

/// What stands in [`MARKER`].
#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
    cipher: String,
    /// Tells folders apart.
    folder: String,
    recipients: Vec<String>,
}

/// What is kept in a folder of its own, named by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Maps and lists, and pages that are not encrypted; compressed.
    Object,
    /// A file of messages.
    File,
    /// Pages, compressed and encrypted.
    SealedObject,
    /// A file of messages, encrypted.
    SealedFile,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Object, Self::File, Self::SealedObject, Self::SealedFile];

    /// What the pages of a generation are.
    pub(super) fn of_pages(manifest: &Manifest) -> Self {
        match manifest.is_encrypted() {
            true => Self::SealedObject,
            false => Self::Object,
        }
    }

    /// What the files of a generation are.
    pub(super) fn of_files(manifest: &Manifest) -> Self {
        match manifest.is_encrypted() {
            true => Self::SealedFile,
            false => Self::File,
        }
    }

    fn is_sealed(self) -> bool {
        matches!(self, Self::SealedObject | Self::SealedFile)
    }

    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Object => (OBJECTS, ".zst"),
            Self::File => (FILES, ""),
            Self::SealedObject => (OBJECTS, ".age"),
            Self::SealedFile => (FILES, ".age"),
        }
    }
}

impl Folder {
    /// Opens the folder to write into it, makes it when there is none, and removes what a killed process left unfinished.
    /// One process at a time may. Its backups are all encrypted for the same recipients, or all of them lie as they are.
    pub fn to_write(path: &Path, encrypting: Option<&Encrypting<'_>>) -> Result<Self> {
        private(path)?;
        let marker = read_marker(path)?;
        let names = entries(path)?;
        let is_there = |name: &str| path.join(name).exists();
        let begun = is_there(WRITERS) || is_there(ENCRYPTED_WRITERS) || marker.is_some();
        // A killed process may have left the beginning of a marker.
        let ours = |name: &String| ROOT.contains(&name.as_str()) || name.starts_with(MARKER);
        if !begun && !names.iter().all(ours) {
            return Err(Error::NotBackups { path: path.into() });
        }
        let Some(encrypting) = encrypting else {
            if marker.is_some() || is_there(ENCRYPTED_WRITERS) {
                return Err(Error::Encrypted { path: path.into() });
            }
            let folder = Self::own(path, WRITERS)?;
            // Somebody may have begun to encrypt meanwhile.
            return match is_there(MARKER) {
                true => Err(Error::Encrypted { path: path.into() }),
                false => Ok(folder),
            };
        };
        let in_the_clear = || is_there(WRITERS) || has_generation(path);
        let marker = match marker {
            Some(marker) => marker,
            None if in_the_clear() => return Err(Error::InTheClear { path: path.into() }),
            None => write_marker(path, encrypting.recipients)?,
        };
        let (theirs, ours) = (&marker.recipients, encrypting.recipients.names());
        if *theirs != ours {
            let without = |all: &[String], others: &[String]| -> Vec<String> {
                all.iter().filter(|one| !others.contains(one)).cloned().collect()
            };
            return Err(Error::OtherRecipients {
                path: path.into(),
                added: without(&ours, theirs),
                removed: without(theirs, &ours),
            });
        }
        let mut folder = Self::own(path, ENCRYPTED_WRITERS)?;
        if is_there(WRITERS) {
            return Err(Error::InTheClear { path: path.into() });
        }
        let key = match encrypting.memory.key(&marker.folder) {
            Some(key) => key,
            None => {
                folder.anew = has_generation(path);
                let key = NameKey::fresh().map_err(io("make a key for", path))?;
                // Before anything is named by it, so that a killed backup goes on.
                encrypting.memory.keep_key(&marker.folder, &key)?;
                key
            }
        };
        folder.id = Some(marker.folder);
        folder.seal = Some(Seal {
            recipients: encrypting.recipients.clone(),
            key,
        });
        Ok(folder)
    }

    /// Opens the folder to remove from it, whether or not it is encrypted.
    pub fn to_prune(path: &Path) -> Result<Self> {
        drop(Self::to_read(path)?);
        match path.join(MARKER).exists() || path.join(ENCRYPTED_WRITERS).exists() {
            true => Self::own(path, ENCRYPTED_WRITERS),
            false => Self::own(path, WRITERS),
        }
    }

    /// The only writer, with an empty place for what is unfinished.
    fn own(path: &Path, writers: &str) -> Result<Self> {
        let lock = lock(path, writers)?;
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
        let mut folder = Self::new(path, locks);
        folder.id = read_marker(path).ok().flatten().map(|marker| marker.folder);
        Ok(folder)
    }

    /// True when backups in this folder are encrypted.
    pub fn is_encrypted(path: &Path) -> bool {
        path.join(MARKER).exists()
    }

    /// True when an encrypted folder has backups whose names are not known here, so that everything is written again.
    pub fn begins_anew(&self) -> bool {
        self.anew
    }

    /// What is wrong with what the folder says about its encryption.
    pub(super) fn check_marker(&self) -> Result<(), Damage> {
        match read_marker(&self.path) {
            Err(Error::Damaged(damage)) => damage.into_iter().next().map_or(Ok(()), Err),
            Err(error) => Err(Damage::new(MARKER, error.to_string())),
            Ok(None) => Err(Damage::new(MARKER, "it is missing")),
            Ok(Some(_)) => Ok(()),
        }
    }

    /// Its id, where backups are encrypted.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// With what this process encrypts what it writes.
    pub(super) fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// What pages are written as.
    pub(super) fn pages(&self) -> Kind {
        match self.seal {
            Some(_) => Kind::SealedObject,
            None => Kind::Object,
        }
    }

    /// What files are written as.
    pub(super) fn files(&self) -> Kind {
        match self.seal {
            Some(_) => Kind::SealedFile,
            None => Kind::File,
        }
    }

    /// The name of a file by its SHA-256.
    pub(super) fn file_id(&self, sha256: &[u8; 32]) -> [u8; 32] {
        match &self.seal {
            Some(seal) => seal.key.file(sha256),
            None => *sha256,
        }
    }

    /// By what a page is recognised.
    pub(super) fn mark(&self, page: &[u8]) -> [u8; MARK] {
        match &self.seal {
            Some(seal) => seal.key.mark(page),
            None => mark(page),
        }
    }

    fn new(path: &Path, locks: Vec<File>) -> Self {
        Self {
            path: path.to_owned(),
            _locks: locks,
            names: AtomicU64::new(0),
            changed: Mutex::default(),
            id: None,
            seal: None,
            anew: false,
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
    pub(super) fn name(kind: Kind, id: &[u8; 32]) -> String {
        let (hex, (part, ending)) = (hex(id), kind.place());
        format!("{part}/{}/{hex}{ending}", &hex[..2])
    }

    /// Bytes of something that is there.
    pub(super) fn size(&self, kind: Kind, id: &[u8; 32]) -> Option<u64> {
        let found = fs::metadata(self.path.join(Self::name(kind, id))).ok()?;
        found.is_file().then_some(found.len())
    }

    /// Bytes of something that is there and has as many as it was written with. What is encrypted says itself how many
    /// that are: written again, it may have some more or less.
    pub(super) fn whole(&self, kind: Kind, id: &[u8; 32], stored: u64) -> Option<u64> {
        let size = self.size(kind, id)?;
        if size == stored {
            return Some(size);
        }
        let says_so = || {
            let file = File::open(self.path.join(Self::name(kind, id))).ok()?;
            seal::tail(&file).ok()?
        };
        (kind.is_sealed() && says_so().is_some()).then_some(size)
    }

    /// Keeps a map or a list: nothing in it says what is in the archive, where that is encrypted.
    pub(super) fn put(&self, raw: &[u8]) -> Result<Put> {
        let id: [u8; 32] = Sha256::digest(raw).into();
        self.put_as(Kind::Object, id, raw)
    }

    /// Keeps pages, encrypted where backups are.
    pub(super) fn put_pages(&self, raw: &[u8]) -> Result<Put> {
        match &self.seal {
            Some(seal) => self.put_as(Kind::SealedObject, seal.key.object(raw), raw),
            None => self.put(raw),
        }
    }

    fn put_as(&self, kind: Kind, id: [u8; 32], raw: &[u8]) -> Result<Put> {
        let target = self.path.join(Self::name(kind, &id));
        let put = |stored: u64, written: u64| Put { id, stored, written };
        // Encrypted it is never the same twice, so what is there and whole stays.
        if kind.is_sealed()
            && let Some(size) = self.whole(kind, &id, 0)
        {
            return Ok(put(size, 0));
        }
        let mut stored = zstd::bulk::compress(raw, LEVEL).map_err(io("compress", &target))?;
        if let (true, Some(seal)) = (kind.is_sealed(), &self.seal) {
            let mut sealed = Vec::with_capacity(stored.len() + 1024);
            seal::write(
                &seal.recipients,
                &mut sealed,
                |out| out.write_all(&stored).map_err(io("encrypt", &target)),
                |error| io("encrypt", &target)(error),
            )?;
            stored = sealed;
        }
        let bytes = stored.len() as u64;
        if self.size(kind, &id) == Some(bytes) {
            return Ok(put(bytes, 0));
        }
        self.write(&target, &mut |out| {
            out.write_all(&stored).map_err(io("write", &target))
        })?;
        Ok(put(bytes, bytes))
    }

    /// Reads a map or a list of at most so many bytes, checked against its name.
    pub(super) fn get(&self, id: &[u8; 32], most: usize) -> Result<Vec<u8>, Damage> {
        self.get_pages(Kind::Object, id, most, None)
    }

    /// Reads pages of at most so many bytes, checked against their name.
    pub(super) fn get_pages(
        &self,
        kind: Kind,
        id: &[u8; 32],
        most: usize,
        opened: Option<&Opened>,
    ) -> Result<Vec<u8>, Damage> {
        let name = Self::name(kind, id);
        let stored = match kind.is_sealed() {
            true => {
                let mut plain = Vec::new();
                let read = self.read_sealed(kind, id, opened, &mut plain);
                read.map_err(|error| Damage::new(name.as_str(), unread(&error)))??;
                plain
            }
            false => {
                fs::read(self.path.join(&name)).map_err(|error| Damage::new(name.as_str(), unread(&error)))?
            }
        };
        let raw = zstd::bulk::decompress(&stored, most)
            .map_err(|_| Damage::altered(name.as_str(), "it is altered: it cannot be decompressed"))?;
        let found = match opened {
            Some(opened) if kind.is_sealed() => opened.key.object(&raw),
            _ => Sha256::digest(&raw).into(),
        };
        if found != *id {
            return Err(Damage::altered(name, OTHER_BYTES));
        }
        Ok(raw)
    }

    /// Reads an encrypted part against its own digest; what it holds goes to `out`, when somebody can read it.
    fn read_sealed(
        &self,
        kind: Kind,
        id: &[u8; 32],
        opened: Option<&Opened>,
        out: &mut dyn Write,
    ) -> io::Result<Result<(), Damage>> {
        let name = Self::name(kind, id);
        let file = match File::open(self.path.join(&name)) {
            Ok(file) => file,
            Err(error) => return Ok(Err(Damage::new(name, unread(&error)))),
        };
        match seal::read_part(file, opened.map(|opened| &opened.identities), out) {
            Ok(()) => Ok(Ok(())),
            Err(Unread::Altered(what)) => Ok(Err(Damage::altered(name, what))),
            Err(Unread::Closed(why)) => Ok(Err(Damage::new(name, why))),
            Err(Unread::Part(error)) => Ok(Err(Damage::new(name, unread(&error)))),
            Err(Unread::Out(error)) => Err(error),
        }
    }

    /// Reads what is encrypted without an identity: whether its bytes are those that were written.
    pub(super) fn check_sealed(&self, kind: Kind, id: &[u8; 32]) -> Result<(), Damage> {
        self.read_sealed(kind, id, None, &mut io::sink())
            .unwrap_or_else(|error| Err(Damage::new(Self::name(kind, id), unread(&error))))
    }

    /// Keeps a file of messages, whose bytes `copy` writes out and checks. Returns the bytes of its file.
    pub(super) fn keep_file(
        &self,
        sha256: &[u8; 32],
        copy: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<u64>,
    ) -> Result<u64> {
        let target = self.path.join(Self::name(self.files(), &self.file_id(sha256)));
        let mut stored = 0;
        self.write(&target, &mut |file| {
            let mut out = Remembering { file, failed: None };
            let copied = match &self.seal {
                None => copy(&mut out),
                Some(seal) => seal::write(
                    &seal.recipients,
                    &mut out,
                    |out| copy(out),
                    |error| io("write", &target)(error),
                )
                .map(|(_, stored)| stored),
            };
            stored = out.outcome(copied, &target)?;
            Ok(())
        })?;
        Ok(stored)
    }

    /// Reads a file of messages, writes it to `out`, and compares it with its name. Returns the bytes that it holds; of an
    /// encrypted one that nobody opened those of its file.
    pub(super) fn read_file(
        &self,
        kind: Kind,
        id: &[u8; 32],
        opened: Option<&Opened>,
        out: &mut dyn Write,
    ) -> io::Result<Result<u64, Damage>> {
        let name = Self::name(kind, id);
        let mut content = Counted {
            out,
            hash: Sha256::new(),
            bytes: 0,
        };
        if kind.is_sealed() {
            if let Err(damage) = self.read_sealed(kind, id, opened, &mut content)? {
                return Ok(Err(damage));
            }
            let sha256: [u8; 32] = content.hash.finalize().into();
            return Ok(match opened {
                None => Ok(self.size(kind, id).unwrap_or(0)),
                Some(opened) if opened.key.file(&sha256) == *id => Ok(content.bytes),
                Some(_) => Err(Damage::altered(name, OTHER_BYTES)),
            });
        }
        let damage = |what: String| Ok(Err(Damage::new(name.as_str(), what)));
        let mut file = match File::open(self.path.join(&name)) {
            Ok(file) => file,
            Err(error) => return damage(unread(&error)),
        };
        let mut step = vec![0; STEP];
        loop {
            let read = match file.read(&mut step) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return damage(unread(&error)),
            };
            content.write_all(&step[..read])?;
        }
        if content.hash.finalize().as_slice() != id {
            return Ok(Err(Damage::altered(name, OTHER_BYTES)));
        }
        Ok(Ok(content.bytes))
    }

    /// Writes a generation, after everything that it names is safe on disk. Returns the bytes written.
    pub(super) fn conclude(&self, number: u64, manifest: &Manifest) -> Result<u64> {
        self.sync()?;
        let text = manifest.to_text(self.seal.as_ref().map(|seal| &seal.key));
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
        let (part, ending) = kind.place();
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

/// What was kept.
pub(super) struct Put {
    /// Its name.
    pub(super) id: [u8; 32],
    /// Bytes of its file.
    pub(super) stored: u64,
    /// Those that were written now.
    pub(super) written: u64,
}

/// What the folder says about its encryption; none when its backups lie as they are.
fn read_marker(path: &Path) -> Result<Option<Marker>> {
    let damaged = |what: &str| Error::Damaged(vec![Damage::new(MARKER, what)]);
    match fs::read(path.join(MARKER)) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            let line = summed(&text).map_err(damaged)?;
            let marker: Marker = serde_json::from_str(line).map_err(|_| damaged("it cannot be read"))?;
            if marker.format > FORMAT {
                return Err(Error::Newer {
                    path: path.join(MARKER),
                    format: marker.format,
                });
            }
            Ok(Some(marker))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match path.join(ENCRYPTED_WRITERS).exists() {
                true => Err(damaged("it is missing, and the backups beside it are encrypted")),
                false => Ok(None),
            }
        }
        Err(error) => Err(io("read", &path.join(MARKER))(error)),
    }
}

/// Begins a folder of encrypted backups.
fn write_marker(path: &Path, recipients: &Recipients) -> Result<Marker> {
    let mut folder = [0; 16];
    aws_lc_rs::rand::fill(&mut folder)
        .map_err(|_| io("make a name for", path)(io::Error::other("no random numbers")))?;
    let marker = Marker {
        format: FORMAT,
        cipher: "age".to_owned(),
        folder: hex(&folder),
        recipients: recipients.names(),
    };
    let target = path.join(MARKER);
    let unfinished = path.join(format!("{MARKER}.{}", std::process::id()));
    let text = with_sum(serde_json::to_string(&marker).unwrap_or_default());
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            // Never over the marker of another process that begins now.
            fs::hard_link(&unfinished, &target)
        });
    let _stays_and_means_nothing = fs::remove_file(&unfinished);
    match written {
        Ok(()) => {
            sync_folder(path)?;
            Ok(marker)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_marker(path)?.ok_or_else(|| Error::InUse {
                path: path.to_owned(),
            })
        }
        Err(error) => Err(io("write", &target)(error)),
    }
}

fn has_generation(path: &Path) -> bool {
    entries(&path.join(GENERATIONS)).is_ok_and(|names| !names.is_empty())
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
