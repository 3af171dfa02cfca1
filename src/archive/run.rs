//! One run for one company: lease, children, conveyor, books.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::sync::watch;

use super::{
    Desk, Error, Progress, Pulling, Report, Window, books::Held, clock, conveyor::Conveyor, lease::Keeper,
    load::Room, pulling::End, strays,
};
use crate::{
    events,
    ids::{CompanyId, KeyVersion, Millis, RecordId, RunId, Seq},
    source::{self, Deaths, Decryptors, Puller},
    store::contract::{Books, Forgotten, GapKind, NewGap, Release, SeqRange},
    unseal::OpenRing,
};

/// Everything a run needs to know about its company.
pub struct Setup {
    /// The company's name in the configuration.
    pub name: String,
    /// `ww…`, kept beside the name in the store.
    pub corpid: String,
    /// Its private keys, prepared.
    pub ring: Arc<OpenRing>,
    /// SHA-256 of each public key, so that the store knows which key was tried on what.
    pub fingerprints: Vec<(KeyVersion, String)>,
    /// Library, credentials and limits of the children.
    pub source: source::Options,
    /// How many children call `DecryptData`.
    pub children: usize,
    /// How to pull.
    pub pulling: Pulling,
    /// Warn when the archive is this many hours behind.
    pub warn_after_hours: u32,
    /// Let sealed originals of opened records go so many milliseconds after opening; `None`: keep them.
    pub forget_sealed_after_ms: Option<i64>,
    /// The records are made up (a corpus of the mock library) and may be of any age: they say nothing of the time.
    pub made_up: bool,
}

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Pull to the end of the stream and open everything, the backlog included.
    Pull {
        /// Begin behind this seq instead of the cursor: a range may be read again at any time (promise 5).
        from: Option<Seq>,
    },
    /// Only open: put these back to `sealed` first.
    Open(Vec<Release>),
}

impl Job {
    fn word(&self) -> &'static str {
        match self {
            Self::Pull { .. } => "pull",
            Self::Open(_) => "retry",
        }
    }
}

/// Does the job and closes the books. An `Err` means that nothing was begun; once begun, what went wrong
/// stands in the report beside what was done.
pub async fn execute(
    desk: &Desk,
    setup: &Setup,
    job: &Job,
    progress: &Progress,
    stop: watch::Receiver<bool>,
) -> Result<Report, Error> {
    let began = Instant::now();
    let (name, corpid) = (setup.name.clone(), setup.corpid.clone());
    let company = desk.ask(move |store| store.company(&name, &corpid)).await??;
    let keeper = Keeper::acquire(desk, company, &setup.name, &stop).await?;
    let word = job.word();
    let run = desk
        .ask(move |store| store.begin_run(company, word, Millis::now()))
        .await??;

    let window = window(desk, company, setup).await?;
    let books = Mutex::new(Books::default());
    let mut deaths = Deaths::default();
    let ended = work(
        desk,
        setup,
        job,
        company,
        run,
        &keeper,
        &books,
        &mut deaths,
        progress,
        stop,
    )
    .await;

    let ended = match ended {
        Ok(end) => forget(desk, setup, company).await.map(|()| end),
        broken => broken,
    };

    let books = books.into_inner().unwrap_or_else(|broken| broken.into_inner());
    let held = match ended {
        Ok(End::Held { seq }) => Some(seq),
        _ => None,
    };
    let (stopped, failure) = match ended {
        Ok(End::Drained | End::Held { .. }) => (false, None),
        Ok(End::Stopped) => (true, None),
        Err(error) => (false, Some(error)),
    };
    let outcome = match (&failure, stopped) {
        (Some(error), _) => error.to_string(),
        (None, true) => "stopped".to_owned(),
        (None, false) => "done".to_owned(),
    };
    let kept = books.clone();
    let (waiting_now, sealed_now, aside, cursor) = desk
        .ask(move |store| {
            strays::resolve(store, company)?;
            store.end_run(run, &kept, &outcome, Millis::now())?;
            Ok::<_, crate::store::StoreError>((
                store.waiting(Some(company))?,
                store.sealed(company)?,
                store.aside(Some(company))?,
                store.cursor(company)?,
            ))
        })
        .await??;
    keeper.release().await?;
    let report = Report {
        company: setup.name.clone(),
        books,
        waiting_now,
        sealed_now,
        aside,
        held: held.map(|seq| Held { seq, cursor }),
        took: began.elapsed(),
        deaths,
        window,
        stopped,
        failure,
    };
    match &report.failure {
        None => events::run_ended(&setup.name, &report.books, report.waiting(), stopped, report.took),
        Some(failure) => events::run_failed(&setup.name, &report.books, failure),
    }
    Ok(report)
}

/// Lets sealed originals go whose time is over: the opened bytes and the originals' hashes stay. Nothing goes by time
/// unless the clock agrees with others.
async fn forget(desk: &Desk, setup: &Setup, company: CompanyId) -> Result<(), Error> {
    let made_up = setup.made_up;
    let verdict = desk
        .ask(move |store| clock::confirm(store, company, Millis::now(), made_up))
        .await??;
    clock::tell(&setup.name, &verdict);
    let is_agreed = verdict.is_agreed();
    let after = setup.forget_sealed_after_ms;
    let now = Millis::now();
    let older_than = match after {
        // Not kept at all: no clock is asked.
        Some(0) => Millis(i64::MAX),
        Some(after)
            if is_agreed
                && desk
                    .ask(move |store| store.is_forgetting_due(company, now))
                    .await?? =>
        {
            Millis(now.0 - after)
        }
        _ => return Ok(()),
    };
    let (mut forgotten, mut behind) = (Forgotten::default(), Some(RecordId(0)));
    // Batch by batch, so that leases are renewed and events are kept in between.
    while let Some(from) = behind {
        let (batch, next) = desk
            .ask(move |store| store.forget_sealed_batch(company, older_than, from))
            .await??;
        forgotten.gone += batch.gone;
        forgotten.kept += batch.kept;
        behind = next;
    }
    desk.ask(move |store| store.forgetting_done(company, now))
        .await??;
    if forgotten.gone > 0 {
        events::sealed_forgotten(&setup.name, forgotten.gone);
    }
    if forgotten.kept > 0 {
        events::sealed_unverified(&setup.name, forgotten.kept);
    }
    Ok(())
}

/// How much of the 5 days the archive has used up; warns in the log when too much.
async fn window(desk: &Desk, company: CompanyId, setup: &Setup) -> Result<Option<Window>, Error> {
    let now = Millis::now();
    let covered = desk.ask(move |store| store.covered_until(company, now)).await??;
    let window = covered.map(|covered| Window::at(covered, now));
    if let Some(window) = window.filter(|window| window.in_danger(setup.warn_after_hours)) {
        events::window_in_danger(&setup.name, window.left_ms, &window.left_in_words());
    }
    Ok(window)
}

#[allow(
    clippy::too_many_arguments,
    reason = "one call site; a struct would only rename the arguments"
)]
async fn work(
    desk: &Desk,
    setup: &Setup,
    job: &Job,
    company: CompanyId,
    run: RunId,
    keeper: &Keeper,
    books: &Mutex<Books>,
    deaths: &mut Deaths,
    progress: &Progress,
    stop: watch::Receiver<bool>,
) -> Result<End, Error> {
    // Side by side: each child loads and hashes the library, which is most of what an idle pull does.
    // Landing can go on without decryption, so a library that only fails there does not cost the pull.
    let (decryptors, puller) = tokio::join!(Decryptors::start(&setup.source, setup.children), async {
        match job {
            Job::Pull { .. } => Some(Puller::start(&setup.source).await),
            Job::Open(_) => None,
        }
    });
    let build = decryptors
        .as_ref()
        .ok()
        .map(|decryptors| decryptors.build().sha256.clone());
    release(desk, setup, job, company, keeper, build).await?;

    let lost = keeper.lost();
    let conveyor = Conveyor {
        company,
        name: &setup.name,
        run,
        lease: keeper.lease(),
        desk,
        decryptors: decryptors.as_ref().ok(),
        ring: Arc::clone(&setup.ring),
        fingerprints: setup.fingerprints.clone(),
        settings: &setup.pulling,
        progress,
        books,
        stop,
        again: AtomicU64::new(0),
        room: Room::new(),
    };
    let ended = tokio::select! {
        ended = drive_to_the_end(&conveyor, job, puller) => ended,
        () = lost.notified() => Err(Error::LeaseLost { company: setup.name.clone() }),
    };
    match decryptors {
        Ok(decryptors) => {
            *deaths = decryptors.deaths();
            decryptors.close().await;
            ended
        }
        // A failed pull is the nearer cause; otherwise say why nothing was opened.
        Err(error) => ended.and(Err(error.into())),
    }
}

/// Drives, and drives the backlog again as long as a record that did not open has another copy to try.
async fn drive_to_the_end(
    conveyor: &Conveyor<'_>,
    job: &Job,
    puller: Option<Result<Puller, source::Error>>,
) -> Result<End, Error> {
    let mut ended = drive(conveyor, job, puller).await?;
    while conveyor.again.swap(0, Ordering::Relaxed) > 0 && ended != End::Stopped {
        ended = conveyor.work(None, Seq(0)).await?;
    }
    Ok(ended)
}

async fn drive(
    conveyor: &Conveyor<'_>,
    job: &Job,
    puller: Option<Result<Puller, source::Error>>,
) -> Result<End, Error> {
    let company = conveyor.company;
    let cursor = conveyor.desk.ask(move |store| store.cursor(company)).await??;
    let from = match job {
        Job::Open(_) => cursor,
        Job::Pull { from } => from.unwrap_or(cursor),
    };
    if from > cursor {
        skip(conveyor, cursor, from).await?;
    }
    match puller {
        None => conveyor.work(None, from).await,
        Some(Ok(mut puller)) => {
            let ended = conveyor.work(Some(&mut puller), from).await;
            puller.close().await;
            ended
        }
        Some(Err(error)) => {
            // The backlog needs no network: open it before reporting the failure.
            conveyor.work(None, from).await?;
            Err(error.into())
        }
    }
}

/// Somebody wants to begin above the cursor: what lies between is on the ledger as not seen before anything is read.
async fn skip(conveyor: &Conveyor<'_>, cursor: Seq, from: Seq) -> Result<(), Error> {
    let (lease, run) = (conveyor.lease.clone(), conveyor.run);
    let gap = NewGap {
        kind: GapKind::Skipped,
        range: SeqRange {
            first: Seq(cursor.0 + 1),
            last: from,
        },
        cause: format!("skipped by `pull --from-seq {from}`; `shiguan pull --gaps` goes back for it"),
    };
    events::range_skipped(conveyor.name, gap.range.first, gap.range.last);
    Ok(conveyor
        .desk
        .ask(move |store| store.skip(&lease, run, &gap, Millis::now()))
        .await??)
}

/// Puts back to `sealed` what may open now: by request, by a key that came, by another library build.
async fn release(
    desk: &Desk,
    setup: &Setup,
    job: &Job,
    company: CompanyId,
    keeper: &Keeper,
    build: Option<String>,
) -> Result<(), Error> {
    let mut releases: Vec<Release> = setup
        .fingerprints
        .iter()
        .map(|(version, fingerprint)| Release::KeyArrived {
            version: *version,
            fingerprint: fingerprint.clone(),
        })
        .collect();
    releases.extend(build.map(Release::OtherBuild));
    releases.push(Release::PauseOver { now: Millis::now() });
    if let Job::Open(asked) = job {
        releases.extend(asked.iter().cloned());
    }
    let lease = keeper.lease().clone();
    let released = desk
        .ask(move |store| {
            let mut released = strays::land(store, &lease)?;
            for release in &releases {
                released += store.release(company, release)?;
            }
            Ok::<_, crate::store::StoreError>(released)
        })
        .await??;
    if released > 0 {
        events::released(&setup.name, released);
    }
    Ok(())
}
