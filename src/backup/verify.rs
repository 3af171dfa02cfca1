//! Checks a generation: whether everything is there, or whether every byte is what was written.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Write},
    path::Path,
};

use super::{
    Damage, Error, Folder, Manifest, Result,
    error::io,
    folder::Kind,
    map::{LIST_ENTRIES, Listed, Map, decode_list},
    seal::Opened,
    take::{MAP_BYTES, mark},
};
use crate::store::{Reader, Store, StoreError};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Parts looked at: maps, objects, lists and files.
    pub parts: u64,
    /// Their bytes, as they are stored.
    pub bytes: u64,
    /// What is missing or altered.
    pub damage: Vec<Damage>,
    /// What the restored database's own check found.
    pub findings: Vec<String>,
    /// How far it could look.
    pub depth: Depth,
}

/// How far a check could look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// Every byte, and the archive's own check of the database.
    #[default]
    Database,
    /// Every byte, decrypted.
    Content,
    /// Every byte as it is stored, encrypted.
    Stored,
}

impl Depth {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Content => "content",
            Self::Stored => "stored",
        }
    }
}

impl Checked {
    /// True when nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.findings.is_empty()
    }
}

/// Looks whether everything a generation needs is there and as large as it was written; reads its maps and lists only.
pub fn check(folder: &Folder, manifest: &Manifest) -> Result<Checked> {
    let mut checked = Checked::default();
    let (pages, files) = (Kind::of_pages(manifest), Kind::of_files(manifest));
    each_map(folder, manifest, &mut checked, |checked, map| {
        for object in &map.objects {
            checked.look(folder, pages, &object.sha256, u64::from(object.stored));
        }
        Ok(())
    })?;
    for file in listed(folder, manifest, &mut checked) {
        checked.look(folder, files, &file.sha256, file.bytes);
    }
    checked.settle();
    Ok(checked)
}

/// Reads every byte a generation needs. What is altered is put out of the way, so that the next backup writes it anew.
///
/// What is not encrypted is put together beside the backups, and the archive's own check runs on it. What is encrypted is
/// never written down: with an identity every page and file is compared with what was backed up, in memory; without one
/// the stored bytes are compared with their digests.
pub fn verify(folder: &Folder, manifest: &Manifest, opened: Option<&Opened>) -> Result<Checked> {
    let mut checked = Checked::default();
    let mut together = None;
    if manifest.is_encrypted() {
        checked.depth = match opened {
            Some(_) => Depth::Content,
            None => Depth::Stored,
        };
        if let Err(damage) = folder.check_marker() {
            checked.damage.push(damage);
        }
        sealed_pages(folder, manifest, opened, &mut checked)?;
    } else {
        let scratch = folder.scratch()?;
        let path = scratch.path().join("archive.db");
        database(folder, manifest, None, &path, &mut checked)?;
        together = Some((scratch, path));
    }
    let kind = Kind::of_files(manifest);
    for file in listed(folder, manifest, &mut checked) {
        checked.parts += 1;
        checked.bytes += file.bytes;
        let read = folder
            .read_file(kind, &file.sha256, opened, &mut io::sink())
            .map_err(io("read", folder.path()))?;
        if let Err(damage) = read {
            checked.damage.push(damage);
        }
    }
    checked.settle();
    checked.damage.iter().for_each(|damage| folder.set_aside(damage));
    if let (true, Some((_scratch, path))) = (checked.damage.is_empty(), &together) {
        checked.findings = integrity(path, manifest)?;
    }
    Ok(checked)
}

/// Reads the encrypted pages of a generation.
fn sealed_pages(
    folder: &Folder,
    manifest: &Manifest,
    opened: Option<&Opened>,
    checked: &mut Checked,
) -> Result<()> {
    let page_size = manifest.database.page_size as usize;
    each_map(folder, manifest, checked, |checked, map| {
        if opened.is_some() {
            let _not_kept = pages_of(folder, manifest, opened, map, page_size, checked);
            return Ok(());
        }
        for object in &map.objects {
            checked.parts += 1;
            checked.bytes += u64::from(object.stored);
            if let Err(damage) = folder.check_sealed(Kind::SealedObject, &object.sha256) {
                checked.damage.push(damage);
            }
        }
        Ok(())
    })
}

/// The archive's own check of a restored database, and its numbers beside those of the backup.
pub(super) fn integrity(path: &Path, manifest: &Manifest) -> Result<Vec<String>> {
    let reader = match Reader::open(path) {
        // Taken by an earlier version of the program: this is a copy, so it may be brought up to date.
        Err(StoreError::Outdated { .. }) => {
            drop(Store::open(path)?);
            Reader::open(path)
        }
        opened => opened,
    };
    let found = reader.and_then(|reader| {
        let mut findings = reader.integrity()?;
        findings.extend(manifest.differences(&reader.contents()?));
        Ok(findings)
    });
    match found {
        Err(StoreError::Damaged(what)) => Ok(vec![what]),
        found => Ok(found?),
    }
}

impl Checked {
    fn look(&mut self, folder: &Folder, kind: Kind, sha256: &[u8; 32], bytes: u64) {
        self.parts += 1;
        self.bytes += bytes;
        if folder.whole(kind, sha256, bytes).is_none() {
            let path = Folder::name(kind, sha256);
            self.damage.push(match folder.size(kind, sha256) {
                None => Damage::new(path, "it is missing"),
                Some(found) => {
                    Damage::altered(path, format!("it has {found} bytes and was written with {bytes}"))
                }
            });
        }
    }

    /// Each damage once.
    fn settle(&mut self) {
        let all: BTreeSet<Damage> = std::mem::take(&mut self.damage).into_iter().collect();
        self.damage = all.into_iter().collect();
    }
}

/// Reads every map in order; one that is damaged is noted and left out.
fn each_map(
    folder: &Folder,
    manifest: &Manifest,
    checked: &mut Checked,
    mut each: impl FnMut(&mut Checked, &Map) -> Result<()>,
) -> Result<()> {
    for (index, sha256) in manifest.maps().iter().enumerate() {
        checked.parts += 1;
        checked.bytes += folder.size(Kind::Object, sha256).unwrap_or(0);
        match read_map(folder, manifest, index, sha256) {
            Ok(map) => each(checked, &map)?,
            Err(damage) => checked.damage.push(damage),
        }
    }
    Ok(())
}

fn read_map(folder: &Folder, manifest: &Manifest, index: usize, sha256: &[u8; 32]) -> Result<Map, Damage> {
    let damage = |what: &str| Damage::new(Folder::name(Kind::Object, sha256), what);
    let bytes = folder.get(sha256, MAP_BYTES)?;
    let map = Map::decode(&bytes).map_err(damage)?;
    match map.pages.len() == manifest.pages_of_map(index) {
        true => Ok(map),
        false => Err(damage("it is of another number of pages")),
    }
}

/// Every file of a generation; a list that is damaged is noted and left out.
pub(super) fn listed(folder: &Folder, manifest: &Manifest, checked: &mut Checked) -> Vec<Listed> {
    let mut files = Vec::new();
    for sha256 in manifest.lists() {
        checked.parts += 1;
        checked.bytes += folder.size(Kind::Object, &sha256).unwrap_or(0);
        let list = folder.get(&sha256, 10 + LIST_ENTRIES * 40).and_then(|bytes| {
            decode_list(&bytes).map_err(|what| Damage::new(Folder::name(Kind::Object, &sha256), what))
        });
        match list {
            Ok(list) => files.extend(list),
            Err(damage) => checked.damage.push(damage),
        }
    }
    files
}

/// Everything that generations need, as far as their maps and lists can be read.
pub(super) fn needed(
    folder: &Folder,
    manifest: &Manifest,
    needed: &mut BTreeSet<(Kind, [u8; 32])>,
) -> Result<()> {
    let own = manifest.maps().into_iter().chain(manifest.lists());
    needed.extend(own.map(|id| (Kind::Object, id)));
    let mut checked = Checked::default();
    let (pages, files) = (Kind::of_pages(manifest), Kind::of_files(manifest));
    each_map(folder, manifest, &mut checked, |_, map| {
        needed.extend(map.objects.iter().map(|object| (pages, object.sha256)));
        Ok(())
    })?;
    let listed = listed(folder, manifest, &mut checked);
    needed.extend(listed.iter().map(|file| (files, file.sha256)));
    Ok(())
}

/// Writes the database of a generation to a new file, each page checked. Where something is damaged, that is noted and
/// the rest of the map is left out, so that all of the damage is found.
pub(super) fn database(
    folder: &Folder,
    manifest: &Manifest,
    opened: Option<&Opened>,
    path: &Path,
    checked: &mut Checked,
) -> Result<()> {
    use std::os::unix::fs::{FileExt, OpenOptionsExt};
    let failed = |cause| io("write", path)(cause);
    let file: File = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let page_size = manifest.database.page_size as usize;
    let mut at = 0_u64;
    for (index, sha256) in manifest.maps().into_iter().enumerate() {
        let pages = manifest.pages_of_map(index);
        checked.parts += 1;
        checked.bytes += folder.size(Kind::Object, &sha256).unwrap_or(0);
        match read_map(folder, manifest, index, &sha256) {
            Ok(map) => {
                if let Some(bytes) = pages_of(folder, manifest, opened, &map, page_size, checked) {
                    file.write_all_at(&bytes, at).map_err(failed)?;
                }
            }
            Err(damage) => checked.damage.push(damage),
        }
        at += (pages * page_size) as u64;
    }
    file.sync_all().map_err(failed)
}

/// The pages of a map, when all of them can be had.
fn pages_of(
    folder: &Folder,
    manifest: &Manifest,
    opened: Option<&Opened>,
    map: &Map,
    page_size: usize,
    checked: &mut Checked,
) -> Option<Vec<u8>> {
    let mut whole = true;
    let kind = Kind::of_pages(manifest);
    let objects: Vec<Option<Vec<u8>>> = map
        .objects
        .iter()
        .map(|object| {
            checked.parts += 1;
            checked.bytes += u64::from(object.stored);
            let length = usize::from(object.pages) * page_size;
            match folder.get_pages(kind, &object.sha256, length, opened) {
                Ok(raw) if raw.len() == length => Some(raw),
                Ok(_) => {
                    checked.damage.push(Damage::new(
                        Folder::name(kind, &object.sha256),
                        "it holds another number of pages than its map says",
                    ));
                    None
                }
                Err(damage) => {
                    checked.damage.push(damage);
                    None
                }
            }
        })
        .collect();
    let mut out = Vec::with_capacity(map.pages.len() * page_size);
    for page in &map.pages {
        let Some(raw) = &objects[usize::from(page.object)] else {
            whole = false;
            continue;
        };
        let begin = usize::from(page.place) * page_size;
        let bytes = &raw[begin..begin + page_size];
        let mark = opened.map_or_else(|| mark(bytes), |opened| opened.key.mark(bytes));
        if mark != page.mark {
            checked.damage.push(Damage::new(
                Folder::name(kind, &map.objects[usize::from(page.object)].sha256),
                "a page of it is not the one that its map says",
            ));
            whole = false;
        }
        out.write_all(bytes).ok()?;
    }
    whole.then_some(out)
}

impl Error {
    /// The damage of a check that found some.
    pub fn of(checked: &Checked) -> Self {
        let mut all = checked.damage.clone();
        all.extend(
            checked
                .findings
                .iter()
                .map(|what| Damage::new("the restored database", what)),
        );
        Self::Damaged(all)
    }
}
