//! One file, chunk by chunk: into a beginning on disk, seen whole as it passes by.
//!
//! At any moment one chunk is in memory to be written and one is asked for. What was reached is told ([`Download::reach`])
//! only after it is safe on disk, so whoever goes on from there, in whichever process, goes on from bytes that are there.

use std::{
    fs::{self, File, OpenOptions},
    future::Future,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use md5::Md5;
use sha2::{Digest as _, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    Fault,
    sniff::{HEAD, Sniffed, sniff},
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
    /// Why these bytes are not what was announced; `None` when they are, as far as anything was announced.
    pub fn differs(&self, whole: &Whole) -> Option<String> {
        let announced = self.md5.as_deref().map(str::trim).filter(|md5| !md5.is_empty());
        if announced.is_some_and(|md5| !md5.eq_ignore_ascii_case(&whole.digest.md5_hex())) {
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
    desk: Desk,
    /// Taken over from the port, written or being written.
    have: u64,
    cursor: String,
    /// As `have`, before the last chunk of a whole file.
    last: u64,
    told: u64,
    bound: u64,
    most: u64,
}

/// Who has the pen: nobody, or the thread that writes the last chunk.
#[derive(Debug)]
enum Desk {
    Free(Box<Sink>),
    Writing(JoinHandle<io::Result<Box<Sink>>>),
    /// A write failed, or the caller went away in the middle.
    Lost,
}

/// The beginning on disk and what is known of it.
#[derive(Debug)]
struct Sink {
    file: File,
    sha256: Sha256,
    md5: Md5,
    head: Vec<u8>,
}

impl Download {
    /// Takes a file up at `have` bytes, or at its beginning when so much is not there (any more).
    pub async fn take_up(
        path: &Path,
        have: u64,
        cursor: &Secret,
        announced: &Announced,
        limits: Limits,
    ) -> Result<Self, Fault> {
        if let Some(size) = announced.size.filter(|size| *size > limits.most) {
            return Err(Fault::TooLarge(size));
        }
        let opened = {
            let path = path.to_owned();
            spawn_blocking(move || Sink::open(&path, have))
        };
        let (sink, have) = joined(opened.await).map_err(|cause| disk(path, cause))?;
        let expected = announced.size.filter(|size| *size > 0);
        Ok(Self {
            path: path.to_owned(),
            desk: Desk::Free(Box::new(sink)),
            have,
            cursor: if have == 0 {
                String::new()
            } else {
                cursor.expose().to_owned()
            },
            last: 0,
            told: have,
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
        if have > self.most {
            return Err(Fault::TooLarge(have));
        }
        if have > self.bound {
            return Err(Fault::Nonsense("it goes on far beyond the announced size"));
        }
        let mut sink = self.pen().await?;
        if chunk.finished {
            let writing = spawn_blocking(move || {
                sink.take(&chunk.data)?;
                sink.file.sync_all()?;
                Ok(sink)
            });
            let sink = joined(writing.await).map_err(|cause| disk(&self.path, cause))?;
            self.last = self.have;
            self.have = have;
            return Ok(Step::Whole(sink.whole(have)));
        }
        self.desk = Desk::Writing(spawn_blocking(move || {
            sink.take(&chunk.data)?;
            Ok(sink)
        }));
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

    /// Makes what has come safe on disk, and says where to go on from.
    pub async fn reach(&mut self) -> Result<(u64, Secret), Fault> {
        let sink = self.pen().await?;
        let syncing = spawn_blocking(move || {
            sink.file.sync_data()?;
            Ok(sink)
        });
        let sink = joined(syncing.await).map_err(|cause| disk(&self.path, cause))?;
        self.desk = Desk::Free(sink);
        self.told = self.have;
        Ok((self.have, Secret::new(self.cursor.clone())))
    }

    async fn pen(&mut self) -> Result<Box<Sink>, Fault> {
        match std::mem::replace(&mut self.desk, Desk::Lost) {
            Desk::Free(sink) => Ok(sink),
            Desk::Writing(writing) => joined(writing.await).map_err(|cause| disk(&self.path, cause)),
            Desk::Lost => Err(disk(&self.path, io::Error::other("an earlier write failed"))),
        }
    }
}

impl Sink {
    /// Opens the beginning and reads again what it holds; more than `have` is cut off, less is no beginning.
    fn open(path: &Path, have: u64) -> io::Result<(Self, u64)> {
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let there = file.metadata()?.len();
        let have = if there < have { 0 } else { have };
        file.set_len(have)?;
        let mut sink = Self {
            file: file.try_clone()?,
            sha256: Sha256::new(),
            md5: Md5::new(),
            head: Vec::new(),
        };
        let mut buffer = vec![0; if have == 0 { 0 } else { 512 * 1024 }];
        let mut left = have;
        file.rewind()?;
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            file.read_exact(&mut buffer[..wanted])?;
            sink.see(&buffer[..wanted]);
            left -= wanted as u64;
        }
        Ok((sink, have))
    }

    fn see(&mut self, data: &[u8]) {
        let head = HEAD.saturating_sub(self.head.len()).min(data.len());
        self.head.extend_from_slice(&data[..head]);
        // Side by side: MD5 cannot be made faster by the processor, and on one thread would set the pace.
        rayon::join(|| self.sha256.update(data), || self.md5.update(data));
    }

    fn take(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)?;
        self.see(data);
        Ok(())
    }

    fn whole(self, bytes: u64) -> Whole {
        Whole {
            digest: Digest {
                sha256: self.sha256.finalize().into(),
                md5: self.md5.finalize().into(),
            },
            bytes,
            sniffed: sniff(&self.head),
        }
    }
}

/// Sees a file that lies on disk as one that came.
pub fn look(path: &Path) -> io::Result<Whole> {
    let bytes = fs::metadata(path)?.len();
    let (sink, have) = Sink::open(path, bytes)?;
    Ok(sink.whole(have))
}

/// Makes a folder, and those above it, for its owner only.
pub(super) fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn disk(path: &Path, cause: io::Error) -> Fault {
    Fault::Disk {
        what: path.display().to_string(),
        cause,
    }
}

fn joined<T>(done: Result<io::Result<T>, tokio::task::JoinError>) -> io::Result<T> {
    done.unwrap_or_else(|_| Err(io::Error::other("the thread that writes ended unexpectedly")))
}

#[cfg(test)]
mod tests;
