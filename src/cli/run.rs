//! `shiguan run`: stay and pull until told to stop; answer WeCom's callbacks meanwhile, when that is configured.

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    sync::{Mutex, Notify, mpsc, watch},
    task::JoinSet,
    time,
};

use super::{
    Global,
    alert::{Duty, UnrecordedTrouble},
    consent,
    context::{Context, Quiet},
    directory as asking,
    each::CompanyFailures,
    media,
    outcome::{Exit, Failure},
    part::{PAUSES, keep_going},
    signals, verify,
};
use crate::{
    alert::Part,
    archive::{self, Desk, Error, Hearing, Job, Progress, Report},
    callback::{self, EventSink, Listener, Pending},
    config::{Pull, Schedule},
    directory, events,
    ids::Millis,
    store::StoreError,
};

/// Events between the listener and the archive; what comes faster is answered 503. Each holds a connection open.
const EVENTS: usize = 256;

/// Wakes a company's puller before its time; one wake-up waits at most.
type Wakes = BTreeMap<String, Arc<Notify>>;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Arc::new(Context::begin(global, Quiet::No)?);
    let mut wakes = Wakes::new();
    let mut failures = CompanyFailures::default();
    let mut unusable = Vec::new();
    for (company, setup) in context.attempts(args.company.as_deref())? {
        wakes.insert(company.to_owned(), Arc::default());
        let failure = setup.as_ref().err().map(ToString::to_string);
        drop(failures.note(company, setup));
        unusable.push((company.to_owned(), failure));
    }
    if failures.all() {
        // Refuse a wrong configuration now, not at the first pull in the night.
        return failures.end(Exit::Well);
    }
    let clients = clients(&context, &wakes);
    let unrecorded = UnrecordedTrouble::new(clients.clone());
    for (company, failure) in unusable {
        if let Some(cause) = &failure {
            events::company_unusable(&company, Part::Pull.as_str(), cause);
        }
        unrecorded.set_up(&company, Part::Pull, failure);
    }
    let listener = listener(&context, &wakes, &unrecorded)?;
    let desk = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let companies = wakes.keys().cloned().collect();
        let Some((duty, desk)) = archive_in_time(&context, companies, &unrecorded, &stop).await? else {
            return Ok(None);
        };
        let tasks = begin(
            &context,
            clients,
            wakes,
            duty,
            &desk,
            &unrecorded,
            listener,
            &stop,
        );
        stay_until_stopped(tasks).await;
        Ok::<_, Failure>(Some(desk))
    })?;
    if let Some(desk) = desk {
        desk.close();
    }
    Ok(Exit::Well)
}

/// Pauses between attempts to begin: with the archive, or with a company that could not begin.
const SOON: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// The `nth` pause, from 0.
fn soon(nth: u32) -> Duration {
    SOON.0.saturating_mul(2_u32.saturating_pow(nth)).min(SOON.1)
}

/// Opens the archive for writing. While a full disk or another process is in the way, that is told from memory and tried
/// again until a stop; anything else is told and ends it.
async fn archive_in_time(
    context: &Arc<Context>,
    companies: Vec<String>,
    unrecorded: &UnrecordedTrouble,
    stop: &watch::Receiver<bool>,
) -> Result<Option<(Duty, Desk)>, Failure> {
    let mut without: Option<Arc<Duty>> = None;
    for nth in 0.. {
        let failure = match context.store()? {
            Ok(store) => {
                let desk = Desk::open(store)?;
                let duty = match without {
                    Some(duty) => duty.resumed(desk.clone()),
                    None => Duty::new(
                        Arc::clone(context),
                        Ok(desk.clone()),
                        companies,
                        unrecorded.clone(),
                    ),
                };
                return Ok(Some((duty, desk)));
            }
            Err(failure) => failure,
        };
        let duty = without.get_or_insert_with(|| {
            let cause = Some(failure.to_string());
            Arc::new(Duty::new(
                Arc::clone(context),
                Err(cause),
                companies.clone(),
                unrecorded.clone(),
            ))
        });
        duty.once().await;
        if !matches!(
            failure,
            StoreError::Full | StoreError::Busy | StoreError::Engine(_)
        ) {
            return Err(failure.into());
        }
        events::archive_closed(&failure, soon(nth));
        let mut stopped = stop.clone();
        tokio::select! {
            () = time::sleep(soon(nth)) => {}
            _ = stopped.wait_for(|stop| *stop) => return Ok(None),
        }
    }
    Ok(None)
}

/// How a part begins, and begins anew.
type Begin = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> + Send>;

/// Begins every part.
#[allow(
    clippy::too_many_arguments,
    reason = "one call site; a struct would only rename the arguments"
)]
fn begin(
    context: &Arc<Context>,
    clients: Vec<(String, directory::Client)>,
    wakes: Wakes,
    duty: Duty,
    desk: &Desk,
    unrecorded: &UnrecordedTrouble,
    listener: Option<(Listener, mpsc::Receiver<Pending>)>,
    stop: &watch::Receiver<bool>,
) -> JoinSet<Result<(), Failure>> {
    let mut tasks = JoinSet::new();
    for (company, client) in clients {
        let ending = stop.clone();
        tasks.spawn(keep_going("tokens", company, PAUSES, stop.clone(), move || {
            stay_fresh(client.clone(), ending.clone())
        }));
    }
    duty.keep(&mut tasks, stop);
    let (store, ending) = (desk.clone(), stop.clone());
    tasks.spawn(keep_going(
        "reindex",
        String::new(),
        PAUSES,
        stop.clone(),
        move || {
            let (store, ending) = (store.clone(), ending.clone());
            async move { Ok(archive::reindex(&store, true, ending, |_| ()).await.map(drop)?) }
        },
    ));
    if context.config.store.verify_days > 0 {
        let (context, desk, ending) = (Arc::clone(context), desk.clone(), stop.clone());
        tasks.spawn(keep_going(
            "verify",
            String::new(),
            PAUSES,
            stop.clone(),
            move || verify::stay(Arc::clone(&context), desk.clone(), ending.clone()),
        ));
    }
    let mut askers = BTreeMap::new();
    let called = |name: &&String| {
        let company = context.config.company(name);
        company.is_some_and(|company| company.callback.is_some())
    };
    let callers: Vec<String> = wakes.keys().filter(called).cloned().collect();
    let served: Vec<String> = wakes.keys().cloned().collect();
    for (company, wake) in wakes {
        let part = |what, begin: Begin| keep_going(what, company.clone(), PAUSES, stop.clone(), begin);
        let shared = || (Arc::clone(context), company.clone(), desk.clone(), stop.clone());
        if context.fetches_files() {
            let shared = shared();
            tasks.spawn(part(
                "media",
                Box::new(move || {
                    let (context, company, desk, stop) = shared.clone();
                    Box::pin(media::stay(context, company, desk, stop))
                }),
            ));
        }
        let (names, consents) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        if context
            .config
            .company(&company)
            .is_some_and(|company| asking::wanted(company) || consent::task::is_enabled(company))
        {
            askers.insert(company.clone(), [Arc::clone(&names), Arc::clone(&consents)]);
        }
        let asked = shared();
        tasks.spawn(part(
            "consent",
            Box::new(move || {
                let (context, company, desk, stop) = asked.clone();
                Box::pin(consent::task::stay(
                    context,
                    company,
                    desk,
                    Arc::clone(&consents),
                    stop,
                ))
            }),
        ));
        let asked = shared();
        tasks.spawn(part(
            "directory",
            Box::new(move || {
                let (context, company, desk, stop) = asked.clone();
                Box::pin(asking::stay(context, company, desk, Arc::clone(&names), stop))
            }),
        ));
        let (pulled, unrecorded) = (shared(), unrecorded.clone());
        tasks.spawn(part(
            "pull",
            Box::new(move || {
                let (context, company, desk, stop) = pulled.clone();
                Box::pin(stay(
                    context,
                    company,
                    desk,
                    Arc::clone(&wake),
                    unrecorded.clone(),
                    stop,
                ))
            }),
        ));
    }
    if let Some((listener, events)) = listener {
        let listening = stop.clone();
        let deaf = unrecorded.clone();
        tasks.spawn(async move {
            let cause = match tokio::task::spawn_blocking(move || listen(listener, listening)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(failure)) => failure.to_string(),
                Err(error) => error.to_string(),
            };
            for company in callers {
                events::company_unusable(&company, Part::Callback.as_str(), &cause);
                deaf.set_up(&company, Part::Callback, Some(cause.clone()));
            }
            Ok(())
        });
        // Those that this process pulls: of others nothing is heard.
        let companies = served.iter().filter_map(|name| context.config.company(name));
        let companies = companies.map(|company| (company.name.clone(), company.corpid.clone()));
        let hearing = Hearing::new(desk.clone(), companies, context.config.callback.keep_days);
        let (bell, following, ending) = (hearing.bell(), desk.clone(), stop.clone());
        tasks.spawn(keep_going(
            "events",
            String::new(),
            PAUSES,
            stop.clone(),
            move || {
                follow(
                    following.clone(),
                    Arc::clone(&bell),
                    askers.clone(),
                    ending.clone(),
                )
            },
        ));
        tasks.spawn(keep_going(
            "callbacks",
            String::new(),
            PAUSES,
            stop.clone(),
            draining(events, hearing),
        ));
    }
    tasks
}

/// Until every part has ended, which they do after a stop. A part that cannot go on costs the others nothing.
async fn stay_until_stopped(mut tasks: JoinSet<Result<(), Failure>>) {
    while let Some(ended) = tasks.join_next().await {
        let cause = match ended {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(
            event = "run.part",
            cause,
            "a part ended for good; restart to have it back"
        );
    }
}

/// A client of the server API for each company that uses it. With a made-up corpus the archive's own secret is none.
/// A secret of it that cannot be read stops no pull.
fn clients(context: &Context, wakes: &Wakes) -> Vec<(String, directory::Client)> {
    let mut clients = Vec::new();
    for name in wakes.keys() {
        let Some(company) = context.config.company(name) else {
            continue;
        };
        let archive = company.secret.is_some() && company.mock_corpus.is_none();
        if archive || company.app_secret.is_some() || company.contact_secret.is_some() {
            match context.directory(company) {
                Ok(client) => clients.push((name.clone(), client)),
                Err(failure) => events::api_unusable(name, &failure),
            }
        }
    }
    clients
}

/// Fetches tokens ahead of their end, so that no call waits for one.
async fn stay_fresh(client: directory::Client, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
    tokio::select! {
        () = client.keep_fresh() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    Ok(())
}

/// The listener and what comes out of it, when one is configured and one of these companies may be called.
fn listener(
    context: &Context,
    wakes: &Wakes,
    unrecorded: &UnrecordedTrouble,
) -> Result<Option<(Listener, mpsc::Receiver<Pending>)>, Failure> {
    let Some(address) = context.config.callback.listen else {
        return Ok(None);
    };
    let mut doors = Vec::new();
    for (name, wake) in wakes {
        let Some(company) = context.config.company(name) else {
            continue;
        };
        match context.door(company, Arc::clone(wake)) {
            Ok(door) => doors.extend(door),
            Err(failure) if wakes.len() == 1 => return Err(failure),
            // The others are called, and this one is pulled on its interval.
            Err(failure) => {
                events::company_unusable(name, Part::Callback.as_str(), &failure);
                unrecorded.set_up(name, Part::Callback, Some(failure.to_string()));
            }
        }
    }
    if doors.is_empty() {
        return Ok(None);
    }
    let (sender, events) = mpsc::channel(EVENTS);
    let options = callback::Options {
        address,
        doors,
        events: sender,
        limits: callback::Limits::default(),
    };
    let listener = Listener::bind(options).map_err(|error| {
        Failure::run(format!("cannot listen for callbacks at {address}: {error}"))
            .hint("set `callback.listen` to an address of this machine and a port that nobody has taken")
    })?;
    Ok(Some((listener, events)))
}

/// Once a group's event is there, it takes some seconds until the group can be read in its new state.
const SHORTLY: Duration = Duration::from_secs(2);
/// Marks that another process left.
const SELDOM: Duration = Duration::from_secs(60);

/// What events marked becomes due at once, and who asks about it is woken. Marks of companies about which nobody asks stay.
async fn follow(
    desk: Desk,
    bell: Arc<Notify>,
    askers: BTreeMap<String, [Arc<Notify>; 2]>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = time::sleep(pause) => {}
            () = bell.notified() => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        pause = SELDOM;
        for (company, askers) in &askers {
            match followed(&desk, company).await {
                Ok((some, left)) => {
                    if some {
                        askers.iter().for_each(|asker| asker.notify_one());
                    }
                    if left {
                        pause = SHORTLY;
                    }
                }
                Err(error) => {
                    tracing::warn!(event = "callback.not_followed", company, cause = %error, "what events ask for is not read again yet");
                }
            }
        }
    }
}

/// Whether anything became due, and whether marks are left.
async fn followed(desk: &Desk, company: &str) -> Result<(bool, bool), Error> {
    let name = company.to_owned();
    let Some(id) = desk.ask(move |store| store.company_id(&name)).await?? else {
        return Ok((false, false));
    };
    archive::follow_marks(desk, id, Millis::now()).await
}

/// Hands events to the sink, and goes on with the same queue when it is begun anew. What is being kept when it panics is
/// answered 503, so that WeCom sends it again.
fn draining<S: EventSink + 'static>(events: mpsc::Receiver<Pending>, sink: S) -> Begin {
    let both = Arc::new(Mutex::new((events, sink)));
    Box::new(move || {
        let both = Arc::clone(&both);
        Box::pin(async move {
            let (events, sink) = &mut *both.lock().await;
            callback::drain(events, sink).await;
            Ok(())
        })
    })
}

/// A thread and a runtime of its own: answers are in time also while everything else is busy opening records.
fn listen(listener: Listener, stop: watch::Receiver<bool>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(listener.serve(stop))?)
}

/// One company's loop. A failed run is in the books and the log and does not end the loop: the next may succeed.
async fn stay(
    context: Arc<Context>,
    company: String,
    desk: Desk,
    wake: Arc<Notify>,
    unrecorded: UnrecordedTrouble,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let pull = context.companies(Some(&company))?[0].pull.clone();
    let mut in_vain = 0;
    while !*stop.borrow() {
        let at = Millis::now();
        let begun = once(&context, &company, &desk, &unrecorded, &stop).await;
        match &begun {
            Ok(_) => unrecorded.began(&company, at, None),
            Err(error) => {
                tracing::error!(event = "run.skipped", company, cause = %error, "no run this time");
                // Another process that pulls is no failure.
                let failed = !matches!(error, Error::Busy { .. });
                unrecorded.began(&company, at, failed.then(|| error.to_string()));
            }
        }
        if *stop.borrow() {
            break;
        }
        let mut wait = wait(&pull, Millis::now(), rand::rng().random_range(0.0..1.0));
        match begun {
            Ok(_) => in_vain = 0,
            // A key folder that appears, or a lease that nobody renews, need not wait for the next pull's time.
            Err(_) => {
                wait = wait.min(soon(in_vain));
                in_vain += 1;
            }
        }
        tracing::debug!(
            event = "run.wait",
            company,
            seconds = wait.as_secs_f64(),
            "waiting for the next pull"
        );
        tokio::select! {
            () = time::sleep(wait) => {}
            () = wake.notified() => events::run_woken(&company),
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    Ok(())
}

/// How long until the next pull; `chance` in 0..1 picks the jitter, which only adds.
fn wait(pull: &Pull, now: Millis, chance: f64) -> Duration {
    let base = match &pull.schedule {
        Schedule::Every(seconds) => Duration::from_secs(u64::from(*seconds)),
        // A line that never comes again (30 February) was refused when it was read; look again in an hour if ever.
        Schedule::Cron(line) => line.next_after(now).map_or(Duration::from_secs(3600), |next| {
            Duration::from_millis(u64::try_from(next.0 - now.0).unwrap_or(0))
        }),
    };
    base + Duration::from_secs(u64::from(pull.jitter_seconds)).mul_f64(chance)
}

/// Keys and secrets are read afresh each time, so that a new key is used without a restart.
async fn once(
    context: &Context,
    company: &str,
    desk: &Desk,
    unrecorded: &UnrecordedTrouble,
    stop: &watch::Receiver<bool>,
) -> Result<Report, Error> {
    let mut setups = context.setups(Some(company));
    let failure = setups.as_ref().err().map(ToString::to_string);
    unrecorded.set_up(company, Part::Pull, failure.clone());
    let setup = setups.as_mut().ok().and_then(Vec::pop);
    let Some(setup) = setup else {
        let cause = failure.unwrap_or_else(|| format!("company {company} is not configured"));
        return Err(Error::Worker(cause));
    };
    archive::execute(
        desk,
        &setup,
        &Job::Pull { from: None },
        &Progress::default(),
        stop.clone(),
    )
    .await
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::callback::{Arrived, Notice};

    /// Breaks at its first event, and keeps the others.
    struct BreaksOnce(bool);

    impl EventSink for BreaksOnce {
        async fn keep(&mut self, arrived: Vec<Arrived>) -> Vec<bool> {
            assert!(std::mem::replace(&mut self.0, true), "the first one");
            vec![true; arrived.len()]
        }
    }

    #[tokio::test]
    async fn a_panic_while_events_are_kept_costs_those_and_not_the_next() {
        let (_stop, stopped) = watch::channel(false);
        let (sender, queue) = mpsc::channel(1);
        let short = (Duration::from_millis(1), Duration::from_millis(1));
        let part = tokio::spawn(keep_going(
            "callbacks",
            String::new(),
            short,
            stopped,
            draining(queue, BreaksOnce(false)),
        ));
        let mut kept = Vec::new();
        for at in 1..=3 {
            let (pending, outcome) = Pending::new(Arrived {
                company: "acme".into(),
                received: Millis(at),
                notice: Notice::read(Zeroizing::new(Vec::new())),
            });
            sender.send(pending).await.unwrap();
            kept.push(outcome.await.ok());
        }
        assert_eq!(kept, [None, Some(true), Some(true)]);
        drop(sender);
        part.await.unwrap().unwrap();
    }
}
