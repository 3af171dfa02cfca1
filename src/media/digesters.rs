//! The digests of all files that come at the same time: one thread for MD5 and one for SHA-256, each for every file.
//!
//! Enters: files' chunks, in the order of each file. Leaves: digests. A digest is a chain, but several go side by side for
//! the price of one (`digest_batch`), so a thread waits until chunks of all open files lie there, or of as many as it can
//! do at once. It waits only while nobody else does: when a file has handed over as much as may lie here, a chunk of every
//! file that has one is done, and a moment after a file's end, too. So a file that stands still delays no other.
//!
//! Must not know: where chunks come from and where they go.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use digest_batch::{
    Stream,
    kernel::{Kernel, Md5, Sha256},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::vault::Digest;

/// Chunks of a file that may lie here.
const DEPTH: usize = 2;
/// How long a file that has ended may wait for others; less than its sync takes, which goes on meanwhile.
const PATIENCE: Duration = Duration::from_micros(500);

/// What was digested of a file so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Digests {
    md5: Stream<Md5>,
    sha256: Stream<Sha256>,
}

/// Both threads. They end when nobody holds this or one of its files any more.
#[derive(Debug, Clone)]
pub struct Digesters {
    md5: Sender<Order<Md5>>,
    sha256: Sender<Order<Sha256>>,
    next: Arc<AtomicU64>,
}

/// A file with both of them.
#[derive(Debug)]
pub(super) struct Digesting {
    md5: Seat<Md5>,
    sha256: Seat<Sha256>,
}

/// A file with one of them.
#[derive(Debug)]
struct Seat<K: Kernel> {
    number: u64,
    orders: Sender<Order<K>>,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
enum Order<K: Kernel> {
    Open(u64, Stream<K>),
    Take(u64, Lying),
    End(u64, oneshot::Sender<K::Output>),
    /// Nobody wants to know any more.
    Leave(u64),
}

/// A chunk, and its place until it is digested.
#[derive(Debug)]
struct Lying {
    chunk: Bytes,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Open<K: Kernel> {
    number: u64,
    stream: Stream<K>,
    lying: VecDeque<Lying>,
    ended: Option<oneshot::Sender<K::Output>>,
}

impl Digests {
    /// Bytes that are here already, without the others' threads.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        rayon::join(|| self.sha256.update(bytes), || self.md5.update(bytes));
    }

    pub(super) fn end(self) -> Digest {
        Digest {
            sha256: self.sha256.finish(),
            md5: self.md5.finish(),
        }
    }
}

impl Digesters {
    /// Starts the threads.
    pub fn start() -> io::Result<Self> {
        Ok(Self {
            md5: serve("md5")?,
            sha256: serve("sha256")?,
            next: Arc::default(),
        })
    }

    /// A file that goes on from here.
    pub(super) fn open(&self, digests: Digests) -> io::Result<Digesting> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(Digesting {
            md5: Seat::new(number, digests.md5, &self.md5)?,
            sha256: Seat::new(number, digests.sha256, &self.sha256)?,
        })
    }
}

impl Digesting {
    /// Hands a chunk over; waits while as many as may lie there do.
    pub(super) async fn take(&self, chunk: &Bytes) -> io::Result<()> {
        self.md5.take(chunk).await?;
        self.sha256.take(chunk).await
    }

    /// What it all came to.
    pub(super) async fn end(self) -> io::Result<Digest> {
        let (md5, sha256) = tokio::try_join!(self.md5.end(), self.sha256.end())?;
        Ok(Digest { sha256, md5 })
    }
}

impl<K: Kernel> Seat<K> {
    fn new(number: u64, stream: Stream<K>, orders: &Sender<Order<K>>) -> io::Result<Self> {
        orders.send(Order::Open(number, stream)).map_err(|_| gone())?;
        Ok(Self {
            number,
            orders: orders.clone(),
            room: Arc::new(Semaphore::new(DEPTH)),
        })
    }

    async fn take(&self, chunk: &Bytes) -> io::Result<()> {
        let place = Arc::clone(&self.room).acquire_owned().await.map_err(|_| gone())?;
        let lying = Lying {
            chunk: chunk.clone(),
            _place: place,
        };
        self.orders
            .send(Order::Take(self.number, lying))
            .map_err(|_| gone())
    }

    async fn end(self) -> io::Result<K::Output> {
        let (tell, told) = oneshot::channel();
        self.orders
            .send(Order::End(self.number, tell))
            .map_err(|_| gone())?;
        told.await.map_err(|_| gone())
    }
}

impl<K: Kernel> Drop for Seat<K> {
    fn drop(&mut self) {
        // Without effect after the end, and when the thread is gone.
        self.orders.send(Order::Leave(self.number)).ok();
    }
}

fn serve<K: Kernel + 'static>(name: &str) -> io::Result<Sender<Order<K>>>
where
    K::Output: Send,
{
    let (orders, coming) = channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(&coming))?;
    Ok(orders)
}

/// Whether to go on with what lies here.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// Nothing is gained by waiting, or a file can hand nothing more over.
    Now,
    /// A file has ended; others would fit in beside it.
    Soon,
    /// Nobody waits.
    Later,
}

fn work<K: Kernel>(coming: &Receiver<Order<K>>) {
    let mut files: Vec<Open<K>> = Vec::new();
    let mut since = None;
    loop {
        coming.try_iter().for_each(|order| obey(&mut files, order));
        let order = match due(&files) {
            Due::Now => None,
            Due::Soon => {
                let waited = since.get_or_insert_with(Instant::now).elapsed();
                coming.recv_timeout(PATIENCE.saturating_sub(waited)).ok()
            }
            Due::Later => match coming.recv() {
                Ok(order) => Some(order),
                // Nobody is left who could want anything.
                Err(_) => return,
            },
        };
        match order {
            Some(order) => obey(&mut files, order),
            None => {
                step(&mut files);
                since = None;
            }
        }
    }
}

fn obey<K: Kernel>(files: &mut Vec<Open<K>>, order: Order<K>) {
    let find = |files: &mut Vec<Open<K>>, number| files.iter().position(|file| file.number == number);
    match order {
        Order::Open(number, stream) => files.push(Open {
            number,
            stream,
            lying: VecDeque::with_capacity(DEPTH),
            ended: None,
        }),
        Order::Take(number, chunk) => {
            if let Some(at) = find(files, number) {
                files[at].lying.push_back(chunk);
            }
        }
        Order::End(number, tell) => {
            if let Some(at) = find(files, number) {
                files[at].ended = Some(tell);
                close(files);
            }
        }
        Order::Leave(number) => files.retain(|file| file.number != number || file.ended.is_some()),
    }
}

fn due<K: Kernel>(files: &[Open<K>]) -> Due {
    let lying = files.iter().filter(|file| !file.lying.is_empty());
    let (count, full, ended) = lying.fold((0, false, false), |(count, full, ended), file| {
        (
            count + 1,
            full || file.lying.len() >= DEPTH,
            ended || file.ended.is_some(),
        )
    });
    if full || (count > 0 && count >= files.len().min(K::LANES)) {
        Due::Now
    } else if ended {
        Due::Soon
    } else {
        Due::Later
    }
}

/// The next chunk of every file that has one.
fn step<K: Kernel>(files: &mut Vec<Open<K>>) {
    let chunks: Vec<Option<Lying>> = files.iter_mut().map(|file| file.lying.pop_front()).collect();
    let mut together: Vec<_> = files
        .iter_mut()
        .zip(&chunks)
        .filter_map(|(file, chunk)| Some((&mut file.stream, &*chunk.as_ref()?.chunk)))
        .collect();
    Stream::update_together(&mut together);
    close(files);
}

/// Tells the digests of files that are through.
fn close<K: Kernel>(files: &mut Vec<Open<K>>) {
    files.retain_mut(|file| {
        if !file.lying.is_empty() {
            return true;
        }
        let Some(tell) = file.ended.take() else {
            return true;
        };
        // Whoever asked may have gone.
        tell.send(std::mem::take(&mut file.stream).finish()).ok();
        false
    });
}

fn gone() -> io::Error {
    io::Error::other("the thread that digests files ended unexpectedly")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;
    use tokio::task::JoinSet;

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(work)
    }

    fn open(digesters: &Digesters) -> Digesting {
        digesters.open(Digests::default()).expect("open")
    }

    fn digest(bytes: &[u8]) -> Digest {
        Digest {
            sha256: sha2::Sha256::digest(bytes).into(),
            md5: md5::Md5::digest(bytes).into(),
        }
    }

    /// Waiting for it would be waiting for ever: nobody hands it anything.
    #[test]
    fn a_file_that_stands_still_delays_no_other() {
        run(async {
            let digesters = Digesters::start().expect("two threads");
            let (empty, begun, other) = (open(&digesters), open(&digesters), open(&digesters));
            begun.take(&Bytes::from(vec![1; 100])).await.expect("taken");
            let mut all = Vec::new();
            for nth in 0..3 * DEPTH as u8 {
                let chunk = vec![nth; 1000];
                all.extend_from_slice(&chunk);
                other.take(&Bytes::from(chunk)).await.expect("taken");
            }
            assert_eq!(other.end().await.expect("digests"), digest(&all));
            assert_eq!(begun.end().await.expect("digests"), digest(&[1; 100]));
            assert_eq!(empty.end().await.expect("digests"), digest(&[]));
        });
    }

    #[test]
    fn a_file_given_up_in_the_middle_is_forgotten() {
        run(async {
            let digesters = Digesters::start().expect("two threads");
            let (gone, stays) = (open(&digesters), open(&digesters));
            gone.take(&Bytes::from(vec![1; 100])).await.expect("taken");
            let chunk = Bytes::from(vec![2; 100]);
            stays.take(&chunk).await.expect("taken");
            drop(gone);
            // Now alone, so its chunk need not wait for a second one.
            while !chunk.is_unique() {
                std::thread::yield_now();
            }
            assert_eq!(stays.end().await.expect("digests"), digest(&chunk));
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn files_side_by_side_are_what_they_are_alone(
            files in proptest::collection::vec(proptest::collection::vec(0_usize..400, 0..8), 1..20),
        ) {
            run(async {
                let digesters = Digesters::start().expect("two threads");
                let mut all = JoinSet::new();
                for (number, chunks) in files.into_iter().enumerate() {
                    let file = open(&digesters);
                    all.spawn(async move {
                        let mut whole = Vec::new();
                        for length in chunks {
                            let chunk: Vec<u8> = (0..length).map(|at| (at * 7 + number) as u8).collect();
                            whole.extend_from_slice(&chunk);
                            file.take(&Bytes::from(chunk)).await.expect("taken");
                            tokio::task::yield_now().await;
                        }
                        assert_eq!(file.end().await.expect("digests"), digest(&whole));
                    });
                }
                while let Some(done) = all.join_next().await {
                    done.expect("no file differs");
                }
            });
        }
    }
}
