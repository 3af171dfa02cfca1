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
    each_map(folder, manifest, &mut checked, |checked, map| {
        for object in &map.objects {
            checked.look(folder, Kind::Object, &object.sha256, u64::from(object.stored));
        }
        Ok(())
    })?;
    for file in listed(folder, manifest, &mut checked) {
        checked.look(folder, Kind::File, &file.sha256, file.bytes);
    }
    checked.settle();
    Ok(checked)
}

/// Reads every byte a generation needs, puts the database together beside the backups, and runs the archive's own check
/// on it. What is altered is put out of the way, so that the next backup writes it anew.
pub fn verify(folder: &Folder, manifest: &Manifest) -> Result<Checked> {
    let mut checked = Checked::default();
    let scratch = folder.scratch()?;
    let path = scratch.path().join("archive.db");
    database(folder, manifest, &path, &mut checked)?;
    for file in listed(folder, manifest, &mut checked) {
        checked.parts += 1;
        checked.bytes += file.bytes;
        let read = folder
            .read_file(&file.sha256, &mut io::sink())
            .map_err(io("read", folder.path()))?;
        if let Err(damage) = read {
            checked.damage.push(damage);
        }
    }
    checked.settle();
    checked.damage.iter().for_each(|damage| folder.set_aside(damage));
    if checked.damage.is_empty() {
        checked.findings = integrity(&path, manifest)?;
    }
    Ok(checked)
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
        let found = folder.size(kind, sha256);
        if found != Some(bytes) {
            let path = Folder::name(kind, sha256);
            self.damage.push(match found {
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

/// Every object that generations need, as far as their maps and lists can be read.
pub(super) fn needed(
    folder: &Folder,
    manifest: &Manifest,
    objects: &mut BTreeSet<[u8; 32]>,
    files: &mut BTreeSet<[u8; 32]>,
) -> Result<()> {
    objects.extend(manifest.maps());
    objects.extend(manifest.lists());
    let mut checked = Checked::default();
    each_map(folder, manifest, &mut checked, |_, map| {
        objects.extend(map.objects.iter().map(|object| object.sha256));
        Ok(())
    })?;
    files.extend(
        listed(folder, manifest, &mut checked)
            .iter()
            .map(|file| file.sha256),
    );
    Ok(())
}

/// Writes the database of a generation to a new file, each page checked. Where something is damaged, that is noted and
/// the rest of the map is left out, so that all of the damage is found.
pub(super) fn database(
    folder: &Folder,
    manifest: &Manifest,
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
                if let Some(bytes) = pages_of(folder, &map, page_size, checked) {
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
fn pages_of(folder: &Folder, map: &Map, page_size: usize, checked: &mut Checked) -> Option<Vec<u8>> {
    let mut whole = true;
    let objects: Vec<Option<Vec<u8>>> = map
        .objects
        .iter()
        .map(|object| {
            checked.parts += 1;
            checked.bytes += u64::from(object.stored);
            let length = usize::from(object.pages) * page_size;
            match folder.get(&object.sha256, length) {
                Ok(raw) if raw.len() == length => Some(raw),
                Ok(_) => {
                    checked.damage.push(Damage::new(
                        Folder::name(Kind::Object, &object.sha256),
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
        if mark(bytes) != page.mark {
            checked.damage.push(Damage::new(
                Folder::name(Kind::Object, &map.objects[usize::from(page.object)].sha256),
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
