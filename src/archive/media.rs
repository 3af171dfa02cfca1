//! One pass over a company's files: what is due, earliest deadline first, several at a time, each to a named state.
//!
//! ```text
//! discover ─► due files ─► N workers, each with a child of its own ─► vault ─► settle
//!  (store)      (store)     (source, media::download, media::voice)           (store)
//! ```
//!
//! Apart from the conveyor on purpose: other children, another task, so that no file ever delays a message. Killed at any
//! instant it loses nothing: a file is under way in a beginning that the store knows, or it is begun anew.
//!
//! Longer than its neighbours because all that can become of a file is decided here, side by side.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rand::Rng;
use tokio::{
    sync::{self, watch},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time,
};

use super::{Desk, Error};
use crate::{
    events,
    ids::{CompanyId, Millis, RecordId},
    media::{
        Announced, Download, Fault, Limits, Pace, Step, Vault,
        download::{self, Whole},
        sniff::SILK,
        vault::{self, Turn},
        voice::{self, Playable},
    },
    secret::Secret,
    source::{self, Filter},
    store::contract::{Again, Content, Fetched, FileId, Later, MediaState, MediaTask},
};

/// Records looked at for files in one transaction.
const LOOK: u32 = 500;
/// Due files read at once.
const DUE: usize = 64;
/// Repetitions of a chunk within an attempt.
const QUICK: u32 = 2;
/// Times a file that comes whole is fetched before it is believed to be other than announced (finance-sdk §9).
const DIFFERENT: u32 = 3;
/// What decoding one voice may take in a program of the operator's.
const DECODING: Duration = Duration::from_secs(60);
/// The longest wait for a further attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a pass needs to know.
#[derive(Debug, Clone)]
pub struct Fetching {
    /// The company's name in the configuration.
    pub name: String,
    /// Kept beside it in the store.
    pub corpid: String,
    /// Library, credentials and limits of the children.
    pub source: source::Options,
    /// Where kept files go.
    pub vault: Vault,
    /// How many files at a time.
    pub children: usize,
    /// How long after its message a file is worth asking for.
    pub deadline: Duration,
    /// Attempts after which a file that cannot be had is given up.
    pub attempts: u32,
    /// Wait before the first repetition; doubles.
    pub backoff: Duration,
    /// What is too large.
    pub limits: Limits,
    /// Shared by everybody who fetches for this company.
    pub pace: Arc<Pace>,
    /// What decodes SILK, which this process does not.
    pub silk: Option<Filter>,
}

/// What a pass did.
#[derive(Debug, Default)]
pub struct Fetches {
    /// Files that messages turned out to have.
    pub found: u64,
    /// Ended in these states during the pass.
    pub ended: Vec<(MediaState, u64)>,
    /// Attempts that are to be repeated later.
    pub later: u64,
    /// Bytes of the files kept.
    pub bytes: u64,
    /// All files of the company, by state.
    pub now: Vec<(MediaState, u64)>,
    /// Wall time.
    pub took: Duration,
    /// A stop was asked for and obeyed.
    pub stopped: bool,
    /// What ended the pass early.
    pub failure: Option<Error>,
}

impl Fetches {
    /// Files not in the vault, for whatever reason.
    pub fn missing(&self) -> u64 {
        let missing = self.now.iter().filter(|(state, _)| !state.is_kept());
        missing.map(|(_, count)| count).sum()
    }

    fn count(&mut self, state: MediaState) {
        match self.ended.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => self.ended.push((state, 1)),
        }
    }
}

/// Fetches everything that is due (with `only`: of one message). An `Err` means that nothing was begun.
pub async fn fetch(
    desk: &Desk,
    fetching: &Fetching,
    only: Option<RecordId>,
    stop: watch::Receiver<bool>,
) -> Result<Fetches, Error> {
    let began = Instant::now();
    let (name, corpid) = (fetching.name.clone(), fetching.corpid.clone());
    let company = desk.ask(move |store| store.company(&name, &corpid)).await??;
    let turn = fetching.vault.turn(&fetching.name)?;
    let found = discover(desk, &stop).await?;
    let begun = desk.ask(move |store| store.media_begun(company)).await??;
    turn.sweep(&begun.iter().map(|file| file.0).collect::<Vec<_>>())?;

    let pass = Arc::new(Pass {
        desk: desk.clone(),
        fetching: fetching.clone(),
        company,
        only,
        turn,
        queue: sync::Mutex::default(),
        done: Mutex::new(Fetches {
            found,
            ..Fetches::default()
        }),
        stop,
    });
    let mut workers = JoinSet::new();
    for _ in 0..fetching.children.max(1) {
        workers.spawn(Arc::clone(&pass).work());
    }
    while let Some(ended) = workers.join_next().await {
        let ended = ended.unwrap_or_else(|_| {
            Err(Error::Worker(
                "a part that fetches files ended unexpectedly".to_owned(),
            ))
        });
        if let Err(error) = ended {
            pass.done().failure.get_or_insert(error);
        }
    }
    let mut done = std::mem::take(&mut *pass.done());
    done.ended.sort_unstable();
    done.now = desk.ask(move |store| store.media_counts(Some(company))).await??;
    done.stopped = *pass.stop.borrow();
    done.took = began.elapsed();
    let settled = done.ended.iter().map(|(_, count)| count).sum();
    if settled > 0 || done.later > 0 || done.failure.is_some() {
        events::media_fetched(
            &fetching.name,
            settled,
            done.later,
            done.bytes,
            done.missing(),
            done.took,
            &done.failure,
        );
    }
    Ok(done)
}

/// Puts the files of a message, or all that wait, back to be fetched.
pub async fn fetch_again(desk: &Desk, fetching: &Fetching, again: Again) -> Result<u64, Error> {
    let (name, corpid) = (fetching.name.clone(), fetching.corpid.clone());
    Ok(desk
        .ask(move |store| {
            let company = store.company(&name, &corpid)?;
            store.media_again(company, again)
        })
        .await??)
}

/// Looks at everything that was opened since the last time; small transactions, so that landing goes on in between.
pub async fn discover(desk: &Desk, stop: &watch::Receiver<bool>) -> Result<u64, Error> {
    let mut found = 0;
    loop {
        let (files, more) = desk.ask(|store| store.discover_media(LOOK)).await??;
        found += files;
        if !more || *stop.borrow() {
            return Ok(found);
        }
    }
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<MediaTask>,
    busy: Vec<FileId>,
}

/// How the chunks of an attempt ended.
enum Came {
    Whole(Whole),
    /// Somebody asked for it; nothing is wrong.
    Stopped,
    Fault(Fault),
}

struct Pass {
    desk: Desk,
    fetching: Fetching,
    company: CompanyId,
    only: Option<RecordId>,
    turn: Turn,
    queue: sync::Mutex<Queue>,
    done: Mutex<Fetches>,
    stop: watch::Receiver<bool>,
}

impl Pass {
    fn done(&self) -> std::sync::MutexGuard<'_, Fetches> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when no further file is to be begun.
    fn over(&self) -> bool {
        *self.stop.borrow() || self.done().failure.is_some()
    }

    async fn work(self: Arc<Self>) -> Result<(), Error> {
        let mut port = None;
        let mut ended = Ok(());
        while !self.over() {
            let Some(task) = self.next().await? else { break };
            if port.is_none() {
                match source::Media::start(&self.fetching.source).await {
                    Ok(started) => port = Some(started),
                    Err(error) => {
                        ended = Err(error.into());
                        break;
                    }
                }
            }
            if let Some(port) = &mut port {
                let file = task.id;
                ended = self.attempt(port, task).await;
                self.queue.lock().await.busy.retain(|busy| *busy != file);
                if ended.is_err() {
                    break;
                }
            }
        }
        if let Some(port) = port {
            port.close().await;
        }
        if let Err(error) = ended {
            // Seen by the others at once.
            self.done().failure.get_or_insert(error);
        }
        Ok(())
    }

    async fn next(&self) -> Result<Option<MediaTask>, Error> {
        let mut queue = self.queue.lock().await;
        if queue.ready.is_empty() {
            let (company, only, busy) = (self.company, self.only, queue.busy.clone());
            queue.ready = self
                .desk
                .ask(move |store| store.media_due(company, only, Millis::now(), &busy, DUE))
                .await??
                .into();
        }
        let task = queue.ready.pop_front();
        queue.busy.extend(task.as_ref().map(|task| task.id));
        Ok(task)
    }

    /// One file, as far as it comes. An `Err` ends the pass: it is about more than this file.
    async fn attempt(&self, port: &mut source::Media, task: MediaTask) -> Result<(), Error> {
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
        let path = self.turn.beginning(task.id.0);
        let taken = Download::take_up(&path, task.have, &task.cursor, &announced, self.fetching.limits).await;
        let mut download = match taken {
            Ok(download) => download,
            Err(fault) => return self.failed(&task, None, fault).await,
        };
        match self.chunks(port, &task, &mut download).await? {
            Came::Whole(whole) => self.whole(&task, &download, whole, &announced).await,
            Came::Stopped => self.leave(&task, &mut download).await,
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
        let mut telling: Option<JoinHandle<Result<(), Error>>> = None;
        let came = loop {
            if self.over() {
                break Came::Stopped;
            }
            self.keep_pace().await;
            match download.step(port, &task.handle).await {
                Ok(Step::More) => {
                    tries = 0;
                    if download.worth_telling() && telling.as_ref().is_none_or(JoinHandle::is_finished) {
                        told(telling.take()).await?;
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
        told(telling).await?;
        Ok(came)
    }

    /// Notes what was reached.
    async fn leave(&self, task: &MediaTask, download: &mut Download) -> Result<(), Error> {
        if download.have() == 0 {
            return Ok(vault::remove(download.path())?);
        }
        tell(self.desk.clone(), task.id, download.reach()).await
    }

    /// Everything came. Compared, converted, kept, noted: in this order, so that what is noted is there.
    async fn whole(
        &self,
        task: &MediaTask,
        download: &Download,
        whole: Whole,
        announced: &Announced,
    ) -> Result<(), Error> {
        let path = download.path().to_owned();
        let differs = announced.differs(&whole);
        if let Some(detail) = differs.clone().filter(|_| task.differed + 1 < DIFFERENT) {
            let later = Later {
                have: 0,
                cursor: Secret::default(),
                attempts: task.attempts,
                differed: task.differed + 1,
                next_try: Millis::now(),
                detail,
            };
            return self.later(task, later, Some(path)).await;
        }
        let heard = self.turn.beginning(-task.id.0);
        let (playable, silent) = self.playable(&whole, &path, &heard).await?;
        let kept = async {
            if let Some(playable) = &playable {
                self.fetching
                    .vault
                    .keep(&heard, &playable.digest.sha256, playable.bytes)
                    .await?;
            }
            self.fetching
                .vault
                .keep(&path, &whole.digest.sha256, whole.bytes)
                .await
        };
        if let Err(error) = kept.await {
            // The vault is not to be had. What came lies ready: only the last chunk is fetched again.
            let ((have, cursor), file) = (download.before_last(), task.id);
            if have > 0 {
                self.desk
                    .ask(move |store| store.media_reached(file, have, &cursor))
                    .await??;
            }
            return Err(error.into());
        }
        let fetched = Fetched {
            content: content(&whole),
            playable: playable.as_ref().map(content),
            silent,
        };
        let file = task.id;
        self.desk
            .ask(move |store| store.media_kept(file, &fetched, Millis::now()))
            .await??;
        let mut done = self.done();
        done.bytes += whole.bytes;
        done.count(match differs {
            None => MediaState::Kept,
            Some(_) => MediaState::Differs,
        });
        Ok(())
    }

    /// A form of it that browsers play, at `to`; where there is none, why.
    async fn playable(
        &self,
        whole: &Whole,
        from: &Path,
        to: &Path,
    ) -> Result<(Option<Whole>, String), Error> {
        let made = to.with_extension("made");
        let foreign = match &self.fetching.silk {
            Some(program) if whole.sniffed == SILK => {
                if let Err(error) = program.run(from, &made, voice::MOST, DECODING).await {
                    return Ok((None, error.to_string()));
                }
                true
            }
            _ => false,
        };
        let (sniffed, from, path) = (whole.sniffed, from.to_owned(), to.to_owned());
        let decoded = spawn_blocking(move || {
            let playable = if foreign {
                let is_sound = voice::wav_of(&made, &path)?;
                fs::remove_file(&made)?;
                if is_sound {
                    Playable::Made
                } else {
                    Playable::None(voice::FAILED)
                }
            } else {
                voice::playable(sniffed, &from, &path)?
            };
            Ok(match playable {
                Playable::AsIs => (None, String::new()),
                Playable::None(why) => (None, why.to_owned()),
                Playable::Made => (Some(download::look(&path)?), String::new()),
            })
        });
        let decoded = decoded
            .await
            .unwrap_or_else(|_| Ok((None, voice::FAILED.to_owned())));
        decoded.map_err(|cause| {
            fault(Fault::Disk {
                what: to.display().to_string(),
                cause,
            })
        })
    }

    /// The attempt is over and the file is not here: tried again where that can help, named where it cannot.
    async fn failed(&self, task: &MediaTask, download: Option<Download>, why: Fault) -> Result<(), Error> {
        let detail = why.to_string();
        let attempts = task.attempts + 1;
        let given_up = attempts >= self.fetching.attempts;
        let deadline = i64::try_from(self.fetching.deadline.as_millis()).unwrap_or(i64::MAX);
        let late = Millis::now().0 > task.since.0.saturating_add(deadline);
        let keep = match why {
            Fault::Stop(_) | Fault::Disk { .. } => {
                if let (Some(mut download), Fault::Stop(_)) = (download, &why) {
                    self.leave(task, &mut download).await?;
                }
                return Err(fault(why));
            }
            Fault::Expired(_) => return self.ended(task, MediaState::Expired, detail).await,
            Fault::Refused(_) | Fault::TooLarge(_) => {
                return self.ended(task, MediaState::Refused, detail).await;
            }
            Fault::Nonsense(_) | Fault::Cursor | Fault::Deadly(_) if given_up => {
                return self
                    .ended(task, MediaState::Refused, format!("{detail}, {attempts} times"))
                    .await;
            }
            Fault::Passing(_) if given_up && late => {
                return self
                    .ended(
                        task,
                        MediaState::Gone,
                        format!("{detail}, {attempts} times, and its time is over"),
                    )
                    .await;
            }
            Fault::Nonsense(_) | Fault::Cursor => false,
            // A place to go on from has no documented lifetime: without progress from it, the beginning is tried.
            Fault::Passing(_) | Fault::Deadly(_) => true,
        };
        let reached = match download {
            Some(mut download) if keep && (download.have() > task.have || task.attempts == 0) => {
                Some(download.reach().await.map_err(fault)?)
            }
            _ => None,
        };
        let (have, cursor) = reached.unwrap_or_default();
        let later = Later {
            have,
            cursor,
            attempts,
            differed: task.differed,
            next_try: Millis(Millis::now().0 + self.wait(attempts).as_millis() as i64),
            detail,
        };
        let beginning = (have == 0).then(|| self.turn.beginning(task.id.0));
        self.later(task, later, beginning).await
    }

    async fn later(&self, task: &MediaTask, later: Later, beginning: Option<PathBuf>) -> Result<(), Error> {
        let file = task.id;
        self.desk
            .ask(move |store| store.media_later(file, &later))
            .await??;
        if let Some(beginning) = beginning {
            vault::remove(&beginning)?;
        }
        self.done().later += 1;
        Ok(())
    }

    async fn ended(&self, task: &MediaTask, state: MediaState, detail: String) -> Result<(), Error> {
        let file = task.id;
        self.desk
            .ask(move |store| store.media_ended(file, state, &detail, Millis::now()))
            .await??;
        vault::remove(&self.turn.beginning(file.0))?;
        self.done().count(state);
        Ok(())
    }

    /// Doubling, with jitter in the upper half.
    fn wait(&self, attempts: u32) -> Duration {
        let full = self
            .fetching
            .backoff
            .saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)))
            .min(LONGEST_WAIT);
        full.mul_f64(rand::rng().random_range(0.5..=1.0))
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
) -> Result<(), Error> {
    let (have, cursor) = reached.await.map_err(fault)?;
    desk.ask(move |store| store.media_reached(file, have, &cursor))
        .await??;
    Ok(())
}

async fn told(telling: Option<JoinHandle<Result<(), Error>>>) -> Result<(), Error> {
    match telling {
        None => Ok(()),
        Some(telling) => telling.await.unwrap_or_else(|_| {
            Err(Error::Worker(
                "noting how far a file is ended unexpectedly".to_owned(),
            ))
        }),
    }
}

fn content(whole: &Whole) -> Content {
    Content {
        sha256: whole.digest.sha256,
        md5: whole.digest.md5,
        bytes: whole.bytes,
        mime: whole.sniffed.mime.to_owned(),
        ending: whole.sniffed.ending.to_owned(),
    }
}

fn fault(fault: Fault) -> Error {
    match fault {
        Fault::Stop(error) => Error::Source(error),
        other => Error::Media(other.to_string()),
    }
}
