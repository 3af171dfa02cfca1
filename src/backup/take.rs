//! Takes a generation: the database as of one moment, then the files it names.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{
    Error, Folder, Result,
    error::io,
    manifest::{Company, Database, FORMAT, Files, Manifest},
    map::{LIST_ENTRIES, Listed, MAP_PAGES, MARK, Map, OBJECT_PAGES, Object, Page, encode_list},
};
use crate::{
    ids::Millis,
    media::vault::hex,
    store::{Contents, Snapshot},
};

/// How often the database is read anew when others wrote too much meanwhile. What one try wrote, the next one finds.
const TRIES: u32 = 3;
/// Bytes of a map or a list at most, decompressed.
pub(super) const MAP_BYTES: usize = 12 + MAP_PAGES * 58;
/// An object of which less than one page in so many is still needed is not referred to any more: its pages are written
/// anew, so that old objects can be removed with their generations.
const LIVE: usize = 4;

/// Copies a file out of the vault, by its SHA-256, and checks it; damage when the vault does not have it whole.
pub type CopyFile<'c> = dyn FnMut(&[u8; 32], &mut (dyn Write + Send)) -> Result<u64> + 'c;

/// What a backup is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Version of the program.
    pub program: String,
    /// Name of the zone in which the archive shows its times.
    pub zone: String,
    /// The configuration, as text for whoever restores; without secrets.
    pub configuration: Option<String>,
    /// The present time.
    pub now: Millis,
    /// Bytes by which the write-ahead log may grow while the database is read.
    pub most_log: u64,
}

/// What a backup did.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The number of the generation.
    pub number: u64,
    /// The generation.
    pub manifest: Manifest,
    /// The generation whose pages it goes on from.
    pub base: Option<u64>,
    /// How long the moment was pinned.
    pub held: Duration,
    /// By how many bytes the write-ahead log grew meanwhile.
    pub log_grew: u64,
    /// Files of messages copied now.
    pub new_files: u64,
}

/// Takes a generation of the archive at `database` into `folder`.
pub fn take(database: &Path, folder: &Folder, options: &Options, copy: &mut CopyFile<'_>) -> Result<Taken> {
    let mut generations = folder.generations()?;
    let number = generations.last().map_or(0, |last| last.number) + 1;
    // The names and marks of another key recognise nothing.
    let key = folder.seal().map(|seal| seal.key.id());
    let of_this_key =
        |manifest: &Manifest| manifest.encryption.as_ref().map(|encryption| &encryption.key) == key.as_ref();
    let latest = std::iter::from_fn(|| generations.pop())
        .find_map(|generation| Some((generation.number, generation.manifest.ok()?)));
    let base = latest.as_ref().filter(|(_, manifest)| of_this_key(manifest));
    let mut tries = 1;
    let held = loop {
        match hold(
            database,
            folder,
            latest.as_ref().map(|(_, manifest)| &manifest.archive_id),
            base.map(|(_, manifest)| manifest),
            options,
        ) {
            Err(Error::LogGrew { .. }) if tries < TRIES => tries += 1,
            Err(Error::LogGrew { written, bound, .. }) => {
                return Err(Error::LogGrew {
                    written,
                    bound,
                    tries,
                });
            }
            ended => break ended?,
        }
    };
    // Files never change, so they need no pinned moment.
    let (files, new_files) = files(folder, &held, copy)?;
    let contents = held.contents;
    let time = jiff::Timestamp::from_millisecond(options.now.0).unwrap_or_default();
    let mut manifest = Manifest {
        format: FORMAT,
        archive_id: contents.archive_id,
        epoch: contents.epoch,
        ancestors: contents.ancestors,
        taken_at: options.now,
        time: time.to_string(),
        zone: options.zone.clone(),
        configuration: options.configuration.clone(),
        program: options.program.clone(),
        migration: contents.migration,
        records: contents.records,
        opened: contents.opened,
        companies: contents
            .companies
            .into_iter()
            .map(|(name, cursor)| Company {
                name,
                cursor: cursor.0,
            })
            .collect(),
        database: held.database,
        files,
        encryption: None,
    };
    if let Some(seal) = folder.seal() {
        manifest.encrypt(seal).map_err(io("encrypt", folder.path()))?;
    }
    folder.conclude(number, &manifest)?;
    Ok(Taken {
        number,
        manifest,
        base: base.map(|(number, _)| *number),
        held: held.took,
        log_grew: held.log_grew,
        new_files,
    })
}

/// What was read while the moment was pinned.
struct Held {
    contents: Contents,
    database: Database,
    listed: Vec<Listed>,
    took: Duration,
    log_grew: u64,
}

fn hold(
    database: &Path,
    folder: &Folder,
    owner: Option<&String>,
    base: Option<&Manifest>,
    options: &Options,
) -> Result<Held> {
    let began = Instant::now();
    let snapshot = Snapshot::begin(database)?;
    let contents = snapshot.contents()?;
    if let Some(owner) = owner {
        // A restored archive goes on with the backups of the one it came from.
        let ours = *owner == contents.archive_id || contents.ancestors.contains(owner);
        if !ours {
            return Err(Error::OtherArchive {
                path: folder.path().into(),
                found: owner.clone(),
                ours: contents.archive_id,
            });
        }
    }
    let page_size = snapshot.page_size();
    let log = snapshot.log_bytes();
    let grew = |snapshot: &Snapshot| snapshot.log_bytes().saturating_sub(log);
    let mut pages = Pages {
        folder,
        base: base.filter(|base| base.database.page_size == page_size),
        page_size: page_size as usize,
        buffer: Vec::with_capacity(MAP_PAGES * page_size as usize),
        database: Database {
            page_size,
            pages: snapshot.page_count(),
            objects: 0,
            maps: Vec::new(),
            written: 0,
        },
    };
    let whole = MAP_PAGES * page_size as usize;
    snapshot.each_page(|_, page| {
        pages.buffer.extend_from_slice(page);
        if pages.buffer.len() < whole {
            return Ok(());
        }
        pages.flush()?;
        let grown = grew(&snapshot);
        if grown > options.most_log {
            return Err(Error::LogGrew {
                written: grown >> 20,
                bound: options.most_log >> 20,
                tries: 1,
            });
        }
        Ok(())
    })?;
    pages.flush()?;
    let mut listed = Vec::new();
    snapshot.each_content(|sha256, bytes| {
        listed.push(Listed { sha256, bytes });
        Ok::<_, Error>(())
    })?;
    let log_grew = grew(&snapshot);
    let database = pages.database;
    drop(snapshot);
    Ok(Held {
        contents,
        database,
        listed,
        took: began.elapsed(),
        log_grew,
    })
}

/// Pages on their way into objects, a map at a time.
struct Pages<'f> {
    folder: &'f Folder,
    base: Option<&'f Manifest>,
    page_size: usize,
    buffer: Vec<u8>,
    database: Database,
}

impl Pages<'_> {
    /// Keeps what of the buffered pages is new, and the map of all of them.
    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let pages: Vec<&[u8]> = self.buffer.chunks_exact(self.page_size).collect();
        let marks: Vec<[u8; MARK]> = pages.par_iter().map(|page| self.folder.mark(page)).collect();
        let mut map = self.reuse(&marks);
        let fresh: Vec<usize> = (0..pages.len())
            .filter(|&page| map.pages[page].object == NOWHERE)
            .collect();
        let put: Vec<_> = fresh
            .par_chunks(OBJECT_PAGES)
            .map(|places| {
                let raw: Vec<u8> = places
                    .iter()
                    .flat_map(|&page| pages[page].iter().copied())
                    .collect();
                self.folder.put_pages(&raw).map(|put| (places, put))
            })
            .collect::<Result<_>>()?;
        for (places, put) in put {
            let object = map.objects.len() as u16;
            map.objects.push(Object {
                sha256: put.id,
                stored: u32::try_from(put.stored).unwrap_or(u32::MAX),
                pages: places.len() as u16,
            });
            for (place, &page) in places.iter().enumerate() {
                map.pages[page].object = object;
                map.pages[page].place = place as u16;
            }
            self.database.written += put.written;
        }
        let put = self.folder.put(&map.encode())?;
        self.database.written += put.written;
        self.database.objects += map.objects.len() as u64;
        self.database.maps.push(hex(&put.id));
        self.buffer.clear();
        Ok(())
    }

    /// The map of these pages as far as the base has them: the others are nowhere yet.
    fn reuse(&self, marks: &[[u8; MARK]]) -> Map {
        let nowhere = |&mark: &[u8; MARK]| Page {
            object: NOWHERE,
            place: 0,
            mark,
        };
        let mut map = Map {
            objects: Vec::new(),
            pages: marks.iter().map(nowhere).collect(),
        };
        let index = self.database.maps.len();
        let Some(old) = self
            .base
            .and_then(|base| base.maps().get(index).copied())
            .and_then(|sha256| self.folder.get(&sha256, MAP_BYTES).ok())
            .and_then(|bytes| Map::decode(&bytes).ok())
        else {
            return map;
        };
        let mut live = vec![0_usize; old.objects.len()];
        let same = || old.pages.iter().zip(marks).enumerate();
        for (_, (page, mark)) in same() {
            live[usize::from(page.object)] += usize::from(page.mark == *mark);
        }
        // An object that is not there as it was written is written anew.
        let kept: Vec<Option<u16>> = old
            .objects
            .iter()
            .zip(&live)
            .map(|(object, &live)| {
                let kept = live > 0
                    && live * LIVE >= usize::from(object.pages)
                    && self
                        .folder
                        .whole(self.folder.pages(), &object.sha256, u64::from(object.stored))
                        .is_some();
                kept.then(|| {
                    map.objects.push(*object);
                    map.objects.len() as u16 - 1
                })
            })
            .collect();
        for (at, (page, mark)) in same() {
            if page.mark == *mark
                && let Some(object) = kept[usize::from(page.object)]
            {
                map.pages[at].object = object;
                map.pages[at].place = page.place;
            }
        }
        map
    }
}

/// A page that is in no object yet; a map never has so many.
const NOWHERE: u16 = u16::MAX;

/// The beginning of a page's SHA-256.
pub(super) fn mark(page: &[u8]) -> [u8; MARK] {
    let digest = Sha256::digest(page);
    std::array::from_fn(|at| digest[at])
}

fn files(folder: &Folder, held: &Held, copy: &mut CopyFile<'_>) -> Result<(Files, u64)> {
    let mut files = Files {
        known: held.contents.files,
        ..Files::default()
    };
    let (mut present, mut new) = (Vec::with_capacity(held.listed.len()), 0);
    for file in &held.listed {
        let id = folder.file_id(&file.sha256);
        // An encrypted one says itself how large it is.
        let expected = if folder.seal().is_some() { 0 } else { file.bytes };
        let there = folder.whole(folder.files(), &id, expected);
        let mut stored = there.unwrap_or(0);
        if there.is_none() {
            let kept = folder.keep_file(&file.sha256, &mut |out| copy(&file.sha256, out));
            match kept {
                Ok(bytes) => {
                    stored = bytes;
                    files.written += bytes;
                    new += 1;
                }
                Err(Error::Damaged(_)) => {
                    files.missing.push(hex(&file.sha256));
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        files.contents += 1;
        files.bytes += file.bytes;
        present.push(Listed {
            sha256: id,
            bytes: stored,
        });
    }
    for list in present.chunks(LIST_ENTRIES) {
        let put = folder.put(&encode_list(list))?;
        files.written += put.written;
        files.lists.push(hex(&put.id));
    }
    Ok((files, new))
}

/// A file that remembers why it took nothing more: whoever copies into it may tell less.
pub(super) struct Remembering<'f> {
    pub(super) file: &'f mut File,
    pub(super) failed: Option<io::Error>,
}

impl Write for Remembering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            let told = error.kind();
            self.failed = Some(error);
            told.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Remembering<'_> {
    /// What came of copying, with the cause that the file knows.
    pub(super) fn outcome(self, copied: Result<u64>, target: &Path) -> Result<u64> {
        match (copied, self.failed) {
            (Err(_), Some(cause)) => Err(io("write", target)(cause)),
            (copied, _) => copied,
        }
    }
}
