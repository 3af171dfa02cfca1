//! One file, as far as it comes: chunk by chunk, at the pace that is allowed, repeated where that helps at once.
//!
//! Enters: a task that is due, a child. Leaves: how the chunks ended, handed to `outcome`.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use rand::Rng;
use tokio::{task::JoinHandle, time};

use super::{Error, Pass};
use crate::{
    archive::Desk,
    media::{Announced, Download, Fault, Short, Step, download::Whole},
    secret::Secret,
    source,
    store::contract::{FileId, MediaState, MediaTask},
};

/// Repetitions of a chunk within an attempt.
const QUICK: u32 = 2;
/// The longest wait for a further attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How the chunks of an attempt ended.
enum Came {
    Whole(Whole),
    /// Somebody asked for it; nothing is wrong.
    Stopped,
    /// The disk has no room for more of it.
    Short(Short),
    Fault(Fault),
}

/// How noting what was reached went: an outer error is the store's, an inner one this file's.
type Told = Result<Result<(), Fault>, Error>;

impl Pass {
    /// One file, as far as it comes. An `Err` ends the pass: it is about more than this file.
    pub(super) async fn attempt(&self, port: &mut source::Media, task: MediaTask) -> Result<(), Error> {
        let file = task.id.0;
        let ended = self.one(port, task).await;
        self.fetching.room.end(file);
        ended
    }

    async fn one(&self, port: &mut source::Media, task: MediaTask) -> Result<(), Error> {
        if let Some(why) = &task.unreadable {
            return self.failed_alone(&task, None, Fault::Own(why.clone())).await;
        }
        if task.handle.is_empty() {
            return self
                .ended(
                    &task,
                    MediaState::Refused,
                    "the message, read again, names no such file".to_owned(),
                )
                .await;
        }
        let announced = Announced {
            md5: task.md5.clone(),
            size: task.size,
        };
        let coming = announced
            .expected()
            .and_then(|size| size.checked_sub(task.have))
            .filter(|left| *left > 0);
        // One that is too large for the limit is not asked for anyway, and needs no room to be told so.
        if announced
            .expected()
            .is_none_or(|size| size <= self.fetching.limits.most)
            && let Err(short) = self.fetching.room.begin(task.id.0, coming)
        {
            return self.short(&task, None, short).await;
        }
        let path = self.turn.beginning(task.id.0);
        let taken = Download::take_up(
            &path,
            task.have,
            &task.cursor,
            &announced,
            self.fetching.limits,
            &self.digesters,
        )
        .await;
        let mut download = match taken {
            Ok(download) => download,
            Err(fault) => return self.failed(&task, None, fault).await,
        };
        match self.chunks(port, &task, &mut download).await? {
            Came::Whole(whole) => self.whole(&task, &download, whole, &announced).await,
            Came::Stopped => self.leave(&task, &mut download).await,
            Came::Short(short) => self.short(&task, Some(download), short).await,
            Came::Fault(fault) => self.failed(&task, Some(download), fault).await,
        }
    }

    /// Chunk after chunk. How far it is, is told on the way and beside it; when this returns, nothing is being told.
    async fn chunks(
        &self,
        port: &mut source::Media,
        task: &MediaTask,
        download: &mut Download,
    ) -> Result<Came, Error> {
        let mut tries = 0;
        let mut telling: Option<JoinHandle<Told>> = None;
        let came = loop {
            if self.over() {
                break Came::Stopped;
            }
            if let Err(short) = self.fetching.room.go_on(task.id.0, download.coming()) {
                break Came::Short(short);
            }
            self.keep_pace().await;
            let step = download.step(port, &task.handle).await;
            if step.is_ok() {
                self.hear();
            }
            match step {
                Ok(Step::More) => {
                    tries = 0;
                    if download.worth_telling() && telling.as_ref().is_none_or(JoinHandle::is_finished) {
                        if let Err(fault) = told(telling.take()).await? {
                            break Came::Fault(fault);
                        }
                        let reached = download.reach();
                        telling = Some(tokio::spawn(tell(self.desk.clone(), task.id, reached)));
                    }
                }
                Ok(Step::Whole(whole)) => break Came::Whole(whole),
                Err(fault) if tries < QUICK && (fault.is_passing() || matches!(fault, Fault::Deadly(_))) => {
                    self.pause(tries).await;
                    tries += 1;
                }
                Err(fault) => break Came::Fault(fault),
            }
        };
        match told(telling).await? {
            // The file is whole and synced; that something about noting its middle failed no longer matters.
            Err(fault) if !matches!(came, Came::Whole(_) | Came::Fault(_)) => Ok(Came::Fault(fault)),
            _ => Ok(came),
        }
    }

    /// Notes what was reached. What cannot be noted is fetched again.
    pub(super) async fn leave(&self, task: &MediaTask, download: &mut Download) -> Result<(), Error> {
        if download.have() == 0 {
            self.forget(task.id);
            return Ok(());
        }
        if let Err(fault) = tell(self.desk.clone(), task.id, download.reach()).await? {
            tracing::warn!(event = "media.not_noted", file = task.id.0, cause = %fault, "it is fetched from further back");
        }
        Ok(())
    }

    /// Doubling, with jitter in the upper half.
    pub(super) fn wait(&self, attempts: u32) -> Duration {
        let least = self.least_wait(attempts);
        (least * 2).mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// The shortest that [`Pass::wait`] gives.
    pub(super) fn least_wait(&self, attempts: u32) -> Duration {
        let full = self
            .fetching
            .backoff
            .saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)))
            .min(LONGEST_WAIT);
        full / 2
    }

    async fn pause(&self, tries: u32) {
        self.sleep(self.wait(tries + 1).min(Duration::from_secs(10)))
            .await;
    }

    async fn keep_pace(&self) {
        while let Some(wait) = self.fetching.pace.wait(Instant::now()) {
            if *self.stop.borrow() {
                return;
            }
            self.sleep(wait).await;
        }
    }

    async fn sleep(&self, wait: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = time::sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Notes how far a file is, once that much is safe on disk.
async fn tell(
    desk: Desk,
    file: FileId,
    reached: impl Future<Output = Result<(u64, Secret), Fault>> + Send,
) -> Told {
    let (have, cursor) = match reached.await {
        Ok(reached) => reached,
        Err(fault) => return Ok(Err(fault)),
    };
    desk.ask(move |store| store.media_reached(file, have, &cursor))
        .await??;
    Ok(Ok(()))
}

async fn told(telling: Option<JoinHandle<Told>>) -> Told {
    match telling {
        None => Ok(Ok(())),
        Some(telling) => telling.await.unwrap_or_else(|_| {
            Err(Error::Worker(
                "noting how far a file is ended unexpectedly".to_owned(),
            ))
        }),
    }
}
