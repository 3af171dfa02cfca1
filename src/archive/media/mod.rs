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
//! One bad file costs one file. What is said of it and would be about all of them is believed only when others say it,
//! too ([`suspects`]); a disk without room makes files wait and ends none.
//!
//! Here is the pass; how the bytes of one file come is in [`attempt`], what then becomes of it in [`outcome`].

mod attempt;
mod outcome;
mod suspects;

use suspects::Suspect;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{self, watch},
    task::JoinSet,
};

use super::{Desk, Error};
use crate::{
    events,
    ids::{CompanyId, Millis, RecordId},
    media::{Digesters, Fault, Limits, Pace, Room, Vault, vault::Turn},
    source::{self, Filter},
    store::contract::{Again, FileId, MediaState, MediaTask},
};

/// Records looked at for files in one transaction.
const LOOK: u32 = 500;
/// Due files read at once.
const DUE: usize = 64;

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
    /// What may be written; shared by everybody who fetches in this process.
    pub room: Arc<Room>,
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
    /// Why files wait that could be had: the disk has no room for them.
    pub no_room: Option<String>,
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

    let digesters = Digesters::start()
        .map_err(|cause| Error::Worker(format!("no thread to digest files with: {cause}")))?;
    let pass = Arc::new(Pass {
        desk: desk.clone(),
        fetching: fetching.clone(),
        company,
        only,
        turn,
        digesters,
        queue: sync::Mutex::default(),
        suspects: sync::Mutex::default(),
        heard: AtomicBool::new(false),
        heard_lately: AtomicBool::new(false),
        done: Mutex::new(Fetches {
            found,
            ..Fetches::default()
        }),
        stop,
    });
    if let Some(record) = only
        && let Err(error) = pass.voices_again(record).await
    {
        pass.done().failure.get_or_insert(error);
    }
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
    if let Err(error) = pass.conclude().await {
        pass.done().failure.get_or_insert(error);
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
    if let Some(why) = &done.no_room {
        events::media_waits(&fetching.name, why);
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

struct Pass {
    desk: Desk,
    fetching: Fetching,
    company: CompanyId,
    only: Option<RecordId>,
    turn: Turn,
    digesters: Digesters,
    queue: sync::Mutex<Queue>,
    /// Files put aside until it is known whether what was said of them is about everybody.
    suspects: sync::Mutex<Vec<Suspect>>,
    /// A chunk has come in this pass, so the network and WeCom are there.
    heard: AtomicBool,
    /// The same, since the last time that they seemed not to be.
    heard_lately: AtomicBool,
    done: Mutex<Fetches>,
    stop: watch::Receiver<bool>,
}

impl Pass {
    fn done(&self) -> std::sync::MutexGuard<'_, Fetches> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when no further file is to be begun.
    fn over(&self) -> bool {
        let done = self.done();
        *self.stop.borrow() || done.failure.is_some() || done.no_room.is_some()
    }

    /// The disk has no room for any file: none is begun or gone on with in this pass.
    fn wait_for_room(&self, why: String) {
        self.done().no_room.get_or_insert(why);
    }

    fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
        self.heard_lately.store(true, Ordering::Relaxed);
    }

    fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// When the network goes down in the middle of a pass, this is true of the first file that fails only.
    fn heard_since_the_last_failure(&self) -> bool {
        self.heard_lately.swap(false, Ordering::Relaxed)
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
            let (company, only) = (self.company, self.only);
            let mut busy = queue.busy.clone();
            busy.extend(self.suspects.lock().await.iter().map(Suspect::file));
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
}

fn fault(fault: Fault) -> Error {
    match fault {
        Fault::Stop(error) => Error::Source(error),
        Fault::Vault(error) => Error::Vault(error),
        other => Error::Media(other.to_string()),
    }
}
