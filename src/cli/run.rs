//! `shiguan run`: stay and pull until told to stop; answer WeCom's callbacks meanwhile, when that is configured.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    sync::{Notify, mpsc, watch},
    time,
};

use super::{
    Global,
    alert::{Duty, Extra},
    consent,
    context::{Context, Quiet},
    directory as asking, media,
    outcome::{Exit, Failure},
    signals,
};
use crate::{
    archive::{self, Desk, Error, Hearing, Job, Progress, Report},
    callback::{self, Listener, Pending},
    config::{Pull, Schedule},
    directory, events,
    ids::Millis,
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
    // Refuse a wrong configuration now, not at the first pull in the night.
    let setups = context.setups(args.company.as_deref())?;
    let wakes: Wakes = setups
        .into_iter()
        .map(|setup| (setup.name, Arc::default()))
        .collect();
    let listener = listener(&context, &wakes)?;
    let desk = context.desk()?;
    let clients = clients(&context, &wakes);
    let extra = Extra::new(clients.clone());
    let ended = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut tasks = tokio::task::JoinSet::new();
        for (_, client) in clients {
            tasks.spawn(stay_fresh(client, stop.clone()));
        }
        let companies = wakes.keys().cloned().collect();
        Duty::new(Arc::clone(&context), desk.clone(), companies, extra.clone()).keep(&mut tasks, &stop);
        let mut askers = BTreeMap::new();
        for (company, wake) in wakes {
            if context.fetches_files() {
                tasks.spawn(media::stay(
                    Arc::clone(&context),
                    company.clone(),
                    desk.clone(),
                    stop.clone(),
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
            tasks.spawn(consent::task::stay(
                Arc::clone(&context),
                company.clone(),
                desk.clone(),
                consents,
                stop.clone(),
            ));
            tasks.spawn(asking::stay(
                Arc::clone(&context),
                company.clone(),
                desk.clone(),
                names,
                stop.clone(),
            ));
            tasks.spawn(stay(
                Arc::clone(&context),
                company,
                desk.clone(),
                wake,
                extra.clone(),
                stop.clone(),
            ));
        }
        if let Some((listener, events)) = listener {
            let listening = stop.clone();
            tasks.spawn_blocking(move || listen(listener, listening));
            let companies = context.config.companies.iter();
            let companies = companies.map(|company| (company.name.clone(), company.corpid.clone()));
            let hearing = Hearing::new(desk.clone(), companies, context.config.callback.keep_days);
            tasks.spawn(follow(desk.clone(), hearing.bell(), askers, stop.clone()));
            tasks.spawn(async {
                callback::drain(events, hearing).await;
                Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|error| Failure::run(format!("a part of it ended unexpectedly: {error}")))??;
        }
        Ok(Exit::Well)
    });
    desk.close();
    ended
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
) -> Result<Option<(Listener, mpsc::Receiver<Pending>)>, Failure> {
    let Some(address) = context.config.callback.listen else {
        return Ok(None);
    };
    let mut doors = Vec::new();
    for (name, wake) in wakes {
        if let Some(company) = context.config.company(name) {
            doors.extend(context.door(company, Arc::clone(wake))?);
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
const SOON: Duration = Duration::from_secs(2);
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
                        pause = SOON;
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
    extra: Extra,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let pull = context.companies(Some(&company))?[0].pull.clone();
    while !*stop.borrow() {
        let at = Millis::now();
        match once(&context, &company, &desk, &stop).await {
            Ok(_) => extra.began(&company, at, None),
            Err(error) => {
                tracing::error!(event = "run.skipped", company, cause = %error, "no run this time");
                // Another process that pulls is no failure.
                let failed = !matches!(error, Error::Busy { .. });
                extra.began(&company, at, failed.then(|| error.to_string()));
            }
        }
        if *stop.borrow() {
            break;
        }
        let wait = wait(&pull, Millis::now(), rand::rng().random_range(0.0..1.0));
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
    stop: &watch::Receiver<bool>,
) -> Result<Report, Error> {
    let mut setups = context
        .setups(Some(company))
        .map_err(|failure| Error::Worker(failure.to_string()))?;
    let Some(setup) = setups.pop() else {
        return Err(Error::Worker(format!("company {company} is not configured")));
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
