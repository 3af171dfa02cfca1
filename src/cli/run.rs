//! `shiguan run`: stay and pull until told to stop.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use tokio::{sync::watch, time};

use super::{
    Global,
    context::{Context, Quiet},
    outcome::{Exit, Failure},
    signals,
};
use crate::{
    archive::{self, Desk, Error, Job, Progress, Report},
    config::{Pull, Schedule},
    ids::Millis,
};

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
    let desk = context.desk()?;
    context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut pullers = tokio::task::JoinSet::new();
        for setup in setups {
            pullers.spawn(stay(Arc::clone(&context), setup.name, desk.clone(), stop.clone()));
        }
        while let Some(ended) = pullers.join_next().await {
            ended.map_err(|error| Failure::run(format!("a puller ended unexpectedly: {error}")))??;
        }
        Ok(Exit::Well)
    })
}

/// One company's loop. A failed run is in the books and the log and does not end the loop: the next may succeed.
async fn stay(
    context: Arc<Context>,
    company: String,
    desk: Desk,
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
