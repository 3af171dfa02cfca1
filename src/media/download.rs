//! One file, chunk by chunk: into a beginning on disk, seen whole as it passes by.
//!
//! The next chunk is asked for while those before it are written and digested (`sink`). What was reached is told
//! ([`Download::reach`]) only after it is safe on disk, so whoever goes on from there, in whichever process, goes on from
//! bytes that are there.

use std::{
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use super::{
    Digesters, Fault,
    sink::{Sink, joined},
    sniff::Sniffed,
    vault::Digest,
};
use crate::{
    secret::Secret,
    source::{self, Chunk},
};

/// Bytes after which what was reached is worth telling.
const REACH: u64 = 8 << 20;
/// What may come beyond the announced size, for announcements that are wrong and files that are whole.
const MARGIN: u64 = 4 << 20;

/// Nobody sends so much: an announcement above it says nothing about what comes.
const PLAUSIBLE: u64 = 1 << 40;
/// The MD5 of no bytes.
const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Where chunks come from; [`source::Media`], or a made-up one.
pub trait ChunkPort {
    /// The chunk at `cursor`, which is empty for the first.
    fn chunk(
        &mut self,
        handle: &Secret,
        cursor: &str,
    ) -> impl Future<Output = Result<Chunk, source::Error>> + Send;
}

impl ChunkPort for source::Media {
    async fn chunk(&mut self, handle: &Secret, cursor: &str) -> Result<Chunk, source::Error> {
        source::Media::chunk(self, handle, cursor).await
    }
}

/// What a message says about its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// `md5sum`.
    pub md5: Option<String>,
    /// Its size; 0 and none mean that nobody knows.
    pub size: Option<u64>,
}

/// How much is too much.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub most: u64,
}

/// What a step came to.
#[derive(Debug)]
pub enum Step {
    /// A chunk, and more to come.
    More,
    /// The last chunk: the file lies whole and synced at [`Download::path`].
    Whole(Whole),
}

/// A file that came whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its digests.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// What it is.
    pub sniffed: Sniffed,
}

impl Announced {
    /// The size to reckon with; `None` when nothing is announced, or nothing that can be.
    pub fn expected(&self) -> Option<u64> {
        self.size.filter(|size| (1..=PLAUSIBLE).contains(size))
    }

    /// The MD5, when one is announced.
    fn digest(&self) -> Option<&str> {
        self.md5.as_deref().map(str::trim).filter(|md5| !md5.is_empty())
    }

    /// True when no bytes cannot be what was sent. The MD5 says more than a size, which may be 0 for "nobody knew".
    fn excludes_nothing(&self) -> bool {
        match self.digest() {
            Some(md5) => !md5.eq_ignore_ascii_case(MD5_OF_NOTHING),
            None => self.size.is_some_and(|size| size > 0),
        }
    }

    /// Why these bytes are not what was announced; `None` when they are, as far as anything was announced.
    pub fn differs(&self, whole: &Whole) -> Option<String> {
        if whole.bytes == 0 && self.size.is_none() && self.digest().is_none() {
            return Some(
                "it came empty, and the message announces neither size nor MD5 to check it by".to_owned(),
            );
        }
        if self
            .digest()
            .is_some_and(|md5| !md5.eq_ignore_ascii_case(&whole.digest.md5_hex()))
        {
            return Some("the message announced another MD5".to_owned());
        }
        match self.size {
            Some(size) if size != 0 && size != whole.bytes => Some(format!(
                "the message announced {size} bytes, {} came",
                whole.bytes
            )),
            _ => None,
        }
    }
}

/// A file under way.
#[derive(Debug)]
pub struct Download {
    path: PathBuf,
    /// Absent once a write failed, or the caller went away in the middle.
    sink: Option<Sink>,
    digesters: Digesters,
    /// Taken over from the port, written or being written.
    have: u64,
    cursor: String,
    /// As `have`, before the last chunk of a whole file.
    last: u64,
    told: u64,
    expected: Option<u64>,
    excludes_nothing: bool,
    bound: u64,
    most: u64,
}

impl Download {
    /// Takes a file up at `have` bytes, or at its beginning when so much is not there (any more).
    pub async fn take_up(
        path: &Path,
        have: u64,
        cursor: &Secret,
        announced: &Announced,
        limits: Limits,
        digesters: &Digesters,
    ) -> Result<Self, Fault> {
        let expected = announced.expected();
        if let Some(size) = expected.filter(|size| *size > limits.most) {
            return Err(Fault::TooLarge(size));
        }
        let opened = {
            let path = path.to_owned();
            spawn_blocking(move || Sink::open(&path, have))
        };
        let (sink, have) = joined(opened).await.map_err(|cause| disk(path, cause))?;
        Ok(Self {
            path: path.to_owned(),
            sink: Some(sink),
            digesters: digesters.clone(),
            have,
            cursor: if have == 0 {
                String::new()
            } else {
                cursor.expose().to_owned()
            },
            last: 0,
            told: have,
            expected,
            excludes_nothing: announced.excludes_nothing(),
            bound: expected.map_or(u64::MAX, |size| size.saturating_mul(2).saturating_add(MARGIN)),
            most: limits.most,
        })
    }

    /// True when the next chunk is not the first.
    pub fn is_begun(&self) -> bool {
        !self.cursor.is_empty()
    }

    /// Where the beginning lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes taken over so far.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Bytes still to come by what was announced; `None` when that says nothing (any more).
    pub fn coming(&self) -> Option<u64> {
        let left = self.expected?.saturating_sub(self.have);
        (left > 0).then_some(left)
    }

    /// True when more has come than was announced: the place to go on from may be one that the file does not have.
    pub fn is_beyond(&self) -> bool {
        self.expected.is_some_and(|size| self.have > size)
    }

    /// Asks for one chunk and hands it to be written. After a fault the same step may be taken again.
    pub async fn step(&mut self, port: &mut impl ChunkPort, handle: &Secret) -> Result<Step, Fault> {
        let begun = self.is_begun();
        let chunk = port
            .chunk(handle, &self.cursor)
            .await
            .map_err(|error| Fault::sort(error, begun))?;
        if !chunk.finished {
            if chunk.data.is_empty() {
                return Err(Fault::Nonsense("a chunk came empty and was not the last"));
            }
            if chunk.next == self.cursor || chunk.next.is_empty() {
                return Err(Fault::Nonsense(
                    "a chunk came, and the place to go on from stayed where it was",
                ));
            }
        }
        let have = self.have + chunk.data.len() as u64;
        if chunk.finished && have == 0 && self.excludes_nothing {
            return Err(Fault::Empty);
        }
        if have > self.most {
            return Err(Fault::Overlong(have));
        }
        if have > self.bound {
            return Err(Fault::Endless);
        }
        let mut sink = self.sink.take().ok_or_else(|| self.lost())?;
        if chunk.finished {
            let seen = sink.finish(chunk.data, &self.digesters).await;
            let (digest, sniffed) = seen.map_err(|cause| disk(&self.path, cause))?;
            self.last = self.have;
            self.have = have;
            return Ok(Step::Whole(Whole {
                digest,
                bytes: have,
                sniffed,
            }));
        }
        let taken = sink.take(chunk.data, &self.digesters).await;
        taken.map_err(|cause| disk(&self.path, cause))?;
        self.sink = Some(sink);
        self.have = have;
        self.cursor = chunk.next;
        Ok(Step::More)
    }

    /// Where the last chunk of a whole file was asked for.
    pub fn before_last(&self) -> (u64, Secret) {
        (self.last, Secret::new(self.cursor.clone()))
    }

    /// True when enough has come since the last time that telling it saves work.
    pub fn worth_telling(&self) -> bool {
        self.have - self.told >= REACH
    }

    /// Where to go on from, once what has come is safe on disk. It may go on coming meanwhile.
    pub fn reach(&mut self) -> impl Future<Output = Result<(u64, Secret), Fault>> + Send + 'static {
        let safe = self.sink.as_ref().map(Sink::safe).ok_or_else(|| self.lost());
        let reached = (self.have, Secret::new(self.cursor.clone()));
        let path = self.path.clone();
        self.told = self.have;
        async move {
            safe?.await.map_err(|cause| disk(&path, cause))?;
            Ok(reached)
        }
    }

    fn lost(&self) -> Fault {
        disk(&self.path, io::Error::other("an earlier write failed"))
    }
}

/// True when the system had no room for what was to be written.
pub fn is_full(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Sees a file that lies on disk as one that came.
pub fn look(path: &Path) -> io::Result<Whole> {
    let (sink, bytes) = Sink::open(path, fs::metadata(path)?.len())?;
    let (digest, sniffed) = sink.whole()?;
    Ok(Whole {
        digest,
        bytes,
        sniffed,
    })
}

/// A disk that is full passes for every file; anything else may be this file's own.
pub(super) fn disk(path: &Path, cause: io::Error) -> Fault {
    if is_full(&cause) {
        return Fault::NoRoom(format!("{}: {cause}", path.display()));
    }
    Fault::Disk {
        what: path.display().to_string(),
        cause,
    }
}

#[cfg(test)]
mod tests;
