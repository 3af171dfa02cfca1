//! `shiguan run`: stay and pull until told to stop; answer WeCom's callbacks meanwhile, when that is configured.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    sync::{Notify, mpsc, watch},
    time,
};

use super::{
    Global,
    context::{Context, Quiet},
    media,
    outcome::{Exit, Failure},
    signals,
};
use crate::{
    archive::{self, Desk, Error, Job, Progress, Report},
    callback::{self, Arrived, Counting, Listener},
    config::{Pull, Schedule},
    events,
    ids::Millis,
};

/// Events between the listener and their consumer; what comes faster is acknowledged and counted.
const EVENTS: usize = 1024;

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
    let context = Arc::new(Context::load(global)?);
    context.start_logging(global, Quiet::No)?;
    // Refuse a wrong configuration now, not at the first pull in the night.
    let setups = context.setups(args.company.as_deref())?;
    let wakes: Wakes = setups
        .into_iter()
        .map(|setup| (setup.name, Arc::default()))
        .collect();
    let listener = listener(&context, &wakes)?;
    let desk = context.desk()?;
    let ended = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut tasks = tokio::task::JoinSet::new();
        for (company, wake) in wakes {
            if context.config.media.enabled {
                tasks.spawn(media::stay(
                    Arc::clone(&context),
                    company.clone(),
                    desk.clone(),
                    stop.clone(),
                ));
            }
            tasks.spawn(stay(
                Arc::clone(&context),
                company,
                desk.clone(),
                wake,
                stop.clone(),
            ));
        }
        if let Some((listener, events)) = listener {
            let stop = stop.clone();
            tasks.spawn_blocking(move || listen(listener, stop));
            tasks.spawn(async {
                callback::drain(events, Counting::default()).await;
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

/// The listener and what comes out of it, when one is configured and one of these companies may be called.
fn listener(
    context: &Context,
    wakes: &Wakes,
) -> Result<Option<(Listener, mpsc::Receiver<Arrived>)>, Failure> {
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
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let pull = context.companies(Some(&company))?[0].pull.clone();
    while !*stop.borrow() {
        if let Err(error) = once(&context, &company, &desk, &stop).await {
            tracing::error!(event = "run.skipped", company, cause = %error, "no run this time");
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
