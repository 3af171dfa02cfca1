//! What is done with the bytes of a file as they come: written, on a thread of its own, and digested, by those who digest
//! all files ([`Digesters`]).
//!
//! Enters: chunks in their order. Leaves: the digests, and word that what came is safe on disk. Nothing here waits for
//! anything else: not the digests for the write, not the write for the sync, not the next chunk for any of them.
//!
//! Must not know: where chunks come from, what was announced, what was told to whom.

use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::{self, Read, Seek},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use rustix::io::Errno;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
};

use super::{
    append::Append,
    digesters::{Digesters, Digesting, Digests},
    private,
    sniff::{HEAD, Sniffed, sniff},
    vault::Digest,
};

/// Chunks that may wait to be written; with the one being written and the one being fetched, memory for a file stays at four.
const QUEUE: usize = 2;
/// Bytes read at a time of what lies on disk already.
const AGAIN: usize = 512 * 1024;

/// A beginning on disk and what is known of it.
#[derive(Debug)]
pub(super) struct Sink {
    path: PathBuf,
    file: Arc<File>,
    /// Bytes handed over, on disk or on their way there.
    have: u64,
    head: Vec<u8>,
    hands: Hands,
}

#[derive(Debug)]
enum Hands {
    /// Nothing came yet.
    Idle(Box<Digests>),
    Busy(Busy),
    /// A thread ended early, or the caller went away in the middle.
    Lost,
}

#[derive(Debug)]
struct Busy {
    writer: Writer,
    digesting: Digesting,
}

/// A thread that writes, and the chunks on their way to it.
#[derive(Debug)]
struct Writer {
    chunks: mpsc::Sender<Bytes>,
    done: JoinHandle<io::Result<()>>,
    /// How far it is.
    written: watch::Receiver<Progress>,
}

/// What a writer has done.
#[derive(Debug, Clone, Copy)]
struct Progress {
    bytes: u64,
    /// What the system said when it ended early.
    failed: Option<i32>,
}

impl Sink {
    /// Opens the beginning and reads again what it holds; more than `have` is cut off, less is no beginning.
    /// Returns what is there.
    pub(super) fn open(path: &Path, have: u64) -> io::Result<(Self, u64)> {
        if let Some(folder) = path.parent() {
            private::folder(folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(private::FILE)
            .open(path)?;
        let there = file.metadata()?.len();
        let have = if there < have { 0 } else { have };
        if there != have {
            file.set_len(have)?;
        }
        file.rewind()?;
        let (mut head, mut digests) = (Vec::new(), Digests::default());
        let mut buffer = vec![0; if have == 0 { 0 } else { AGAIN }];
        let mut left = have;
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            file.read_exact(&mut buffer[..wanted])?;
            keep_head(&mut head, &buffer[..wanted]);
            digests.take(&buffer[..wanted]);
            left -= wanted as u64;
        }
        let sink = Self {
            path: path.to_owned(),
            file: Arc::new(file),
            have,
            head,
            hands: Hands::Idle(Box::new(digests)),
        };
        Ok((sink, have))
    }

    /// Hands a chunk over; waits only while too many are on their way.
    pub(super) async fn take(&mut self, chunk: Bytes, digesters: &Digesters) -> io::Result<()> {
        keep_head(&mut self.head, &chunk);
        let mut busy = match std::mem::replace(&mut self.hands, Hands::Lost) {
            Hands::Idle(digests) => Busy {
                writer: Writer::start(Append::new(Arc::clone(&self.file), &self.path, self.have)),
                digesting: digesters.open(*digests)?,
            },
            Hands::Busy(busy) => busy,
            Hands::Lost => return Err(lost()),
        };
        self.have += chunk.len() as u64;
        busy.take(chunk).await?;
        self.hands = Hands::Busy(busy);
        Ok(())
    }

    /// Hands the last chunk over, and returns once the whole file is safe on disk.
    pub(super) async fn finish(
        mut self,
        chunk: Bytes,
        digesters: &Digesters,
    ) -> io::Result<(Digest, Sniffed)> {
        self.take(chunk, digesters).await?;
        let Hands::Busy(Busy { writer, digesting }) = self.hands else {
            return Err(lost());
        };
        let file = self.file;
        let synced = async move {
            writer.end().await?;
            joined(spawn_blocking(move || file.sync_all())).await
        };
        let ((), digest) = tokio::try_join!(synced, digesting.end())?;
        Ok((digest, sniff(&self.head)))
    }

    /// Resolves when all that was handed over until now is safe on disk; more may be handed over meanwhile.
    pub(super) fn safe(&self) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (file, have) = (Arc::clone(&self.file), self.have);
        let written = match &self.hands {
            Hands::Idle(_) => Ok(None),
            Hands::Busy(busy) => Ok(Some(busy.writer.written.clone())),
            Hands::Lost => Err(lost()),
        };
        async move {
            if let Some(mut written) = written? {
                let progress = written
                    .wait_for(|written| written.bytes >= have || written.failed.is_some())
                    .await
                    .map_err(|_| lost())?;
                if let Some(errno) = progress.failed {
                    return Err(io::Error::from_raw_os_error(errno));
                }
            }
            joined(spawn_blocking(move || file.sync_data())).await
        }
    }

    /// What lies on disk, without anything more to come.
    pub(super) fn whole(self) -> io::Result<(Digest, Sniffed)> {
        match self.hands {
            Hands::Idle(digests) => Ok((digests.end(), sniff(&self.head))),
            _ => Err(lost()),
        }
    }
}

impl Busy {
    async fn take(&mut self, chunk: Bytes) -> io::Result<()> {
        self.digesting.take(&chunk).await?;
        self.writer.take(chunk).await
    }
}

impl Writer {
    fn start(mut end: Append) -> Self {
        let (chunks, mut coming) = mpsc::channel::<Bytes>(QUEUE);
        let (tell, written) = watch::channel(Progress {
            bytes: end.at(),
            failed: None,
        });
        let done = spawn_blocking(move || {
            while let Some(chunk) = coming.blocking_recv() {
                if let Err(cause) = end.write(&chunk) {
                    // First, so that whoever is told finds nobody taking chunks any more.
                    drop(coming);
                    let errno = cause.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
                    tell.send_modify(|progress| progress.failed = Some(errno));
                    return Err(cause);
                }
                tell.send_modify(|progress| progress.bytes = end.at());
            }
            Ok(())
        });
        Self {
            chunks,
            done,
            written,
        }
    }

    async fn take(&mut self, chunk: Bytes) -> io::Result<()> {
        if self.chunks.send(chunk).await.is_ok() {
            return Ok(());
        }
        // It only stops before the end for a reason.
        joined(&mut self.done).await.and(Err(lost()))
    }

    async fn end(self) -> io::Result<()> {
        drop(self.chunks);
        joined(self.done).await
    }
}

fn keep_head(head: &mut Vec<u8>, data: &[u8]) {
    let wanted = HEAD.saturating_sub(head.len()).min(data.len());
    head.extend_from_slice(&data[..wanted]);
}

/// What a thread came to; one that fell counts as a failed write.
pub(super) async fn joined<T>(
    done: impl Future<Output = Result<io::Result<T>, tokio::task::JoinError>>,
) -> io::Result<T> {
    done.await
        .unwrap_or_else(|_| Err(io::Error::other("the thread that writes ended unexpectedly")))
}

fn lost() -> io::Error {
    io::Error::other("an earlier write failed")
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// A disk that takes nothing: whoever hands chunks over, waits for them or ends the file gets to know it.
    #[tokio::test]
    async fn a_write_that_fails_is_told_and_nothing_is_called_safe() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("1");
        std::fs::write(&path, b"").expect("written");
        let unwritable = || Sink {
            path: scratch.path().join("nowhere"),
            file: Arc::new(File::open(&path).expect("opened to read")),
            have: 0,
            head: Vec::new(),
            hands: Hands::Idle(Box::default()),
        };
        let digesters = Digesters::start().expect("two threads");
        assert!(
            unwritable()
                .finish(Bytes::from(vec![1; 10]), &digesters)
                .await
                .is_err()
        );

        let mut sink = unwritable();
        sink.take(Bytes::from(vec![1; 10]), &digesters)
            .await
            .expect("only handed over");
        assert!(sink.safe().await.is_err());

        let mut sink = unwritable();
        let mut taken = Ok(());
        for _ in 0..2 * QUEUE + 4 {
            taken = taken.and(sink.take(Bytes::from(vec![1; 10]), &digesters).await);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert!(taken.is_err());
        assert!(sink.take(Bytes::from(vec![1; 10]), &digesters).await.is_err());
        assert!(sink.finish(Bytes::from(vec![1; 10]), &digesters).await.is_err());
    }

    /// `/dev/full` is a disk without room, everywhere. Whoever looks, at whatever moment, sees that and not just a failure.
    #[tokio::test]
    async fn a_full_disk_is_told_as_one() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("1");
        std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
        let digesters = Digesters::start().expect("two threads");
        for len in [10, 600_000] {
            let chunk = || Bytes::from(vec![1; len]);
            let (sink, have) = Sink::open(&path, 0).expect("opened");
            assert_eq!(have, 0);
            let failed = sink.finish(chunk(), &digesters).await.expect_err("no room");
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull, "{failed}");

            let (mut sink, _) = Sink::open(&path, 0).expect("opened");
            sink.take(chunk(), &digesters).await.expect("only handed over");
            let failed = sink.safe().await.expect_err("no room");
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull, "{failed}");
            let failed = sink.take(chunk(), &digesters).await.expect_err("no room");
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull, "{failed}");
        }
    }

    #[tokio::test]
    async fn what_is_called_safe_is_there_while_more_comes() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("1");
        let (mut sink, _) = Sink::open(&path, 0).expect("opened");
        let digesters = Digesters::start().expect("two threads");
        let chunk = |nth: u8| vec![nth; 70_000];
        let mut all = Vec::new();
        for nth in 0..20 {
            sink.take(chunk(nth).into(), &digesters).await.expect("taken");
            all.extend(chunk(nth));
            let (safe, there) = (sink.safe(), all.len());
            if nth % 3 == 0 {
                safe.await.expect("safe");
                assert_eq!(std::fs::read(&path).expect("read")[..there], all);
            }
        }
        let (digest, _) = sink
            .finish(Bytes::from_static(b"end"), &digesters)
            .await
            .expect("whole");
        all.extend(b"end");
        assert_eq!(std::fs::read(&path).expect("read"), all);
        let (seen, bytes) = Sink::open(&path, all.len() as u64).expect("opened");
        assert_eq!(bytes, all.len() as u64);
        assert_eq!(seen.whole().expect("seen").0, digest);
        assert_eq!(digest.sha256, <[u8; 32]>::from(Sha256::digest(&all)));
    }
}
