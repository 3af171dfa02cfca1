//! The duty that `run` keeps all the time and `pull` at its end: look, keep incidents, tell the targets.
//!
//! Looking and each target are tasks of their own: a target that hangs holds up neither the others nor the pull.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet, time};

use super::sender::{self, Trouble};
use crate::{
    alert::{Disk, Failing, Kind, Pace, Refused, Rules, Sign, Signs, Speech, compose, judge},
    archive::{Desk, Error, watch as archived},
    cli::{context::Context, outcome::Failure},
    config::Target,
    directory, events,
    ids::Millis,
    media,
};

/// How long `pull` waits for a target at its end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long `run` does; shorter than a target stays claimed.
const LONG_PATIENCE: Duration = Duration::from_secs(150);
/// How long a message under way may go on when a stop is asked for.
const LEAVE: Duration = Duration::from_secs(5);
/// Targets look this often for something to tell, or as often as conditions are looked at.
const TICK: Duration = Duration::from_secs(5);

/// What does not reach the books: pulls that could not begin, and clients whose tokens fail.
#[derive(Clone, Default)]
pub(in crate::cli) struct Extra {
    skipped: Arc<Mutex<BTreeMap<String, Failing>>>,
    clients: Vec<(String, directory::Client)>,
}

impl Extra {
    /// With these clients, by company.
    pub(in crate::cli) fn new(clients: Vec<(String, directory::Client)>) -> Self {
        Self {
            clients,
            ..Self::default()
        }
    }

    /// Notes how the attempt to begin a pull ended.
    pub(in crate::cli) fn began(&self, company: &str, now: Millis, failure: Option<String>) {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            None => drop(skipped.remove(company)),
            Some(cause) => {
                let since = skipped.get(company).map_or(now, |known| known.since);
                skipped.insert(company.to_owned(), Failing { since, cause });
            }
        }
    }

    /// Adds to what the books say.
    fn complete(&self, signs: &mut Signs) {
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(skip) = skipped.get(&signs.company) {
            let since = match &signs.pulling {
                Sign::Seen(failing) => failing.since.min(skip.since),
                _ => skip.since,
            };
            signs.pulling = Sign::Seen(Failing {
                since,
                cause: skip.cause.clone(),
            });
        }
        for (_, client) in self.clients.iter().filter(|(name, _)| *name == signs.company) {
            let tokens = client.kinds().into_iter().filter_map(|kind| {
                match client.health(kind).and_then(|health| health.failed) {
                    Some((_, directory::Error::Refused(refusal))) => Some(refusal),
                    Some((_, directory::Error::Credential { refusal, .. })) => Some(*refusal),
                    _ => None,
                }
            });
            for refusal in tokens.chain(client.trouble()) {
                let code = refusal.code;
                if archived::is_about_address(code) && !matches!(signs.address, Sign::Seen(_)) {
                    let address = refusal.ip.map(|ip| ip.to_string());
                    signs.address = Sign::Seen(Refused { code, address });
                }
                if archived::is_about_service(code) {
                    signs.service = Sign::Seen(code);
                }
            }
        }
    }
}

/// Everything the duty needs.
pub(in crate::cli) struct Duty {
    context: Arc<Context>,
    desk: Desk,
    /// Whom this process looks at.
    companies: Vec<String>,
    extra: Extra,
}

impl Duty {
    pub(in crate::cli) fn new(
        context: Arc<Context>,
        desk: Desk,
        companies: Vec<String>,
        extra: Extra,
    ) -> Self {
        Self {
            context,
            desk,
            companies,
            extra,
        }
    }

    /// Looks, and tells, until a stop.
    pub(in crate::cli) fn keep(self, tasks: &mut JoinSet<Result<(), Failure>>, stop: &watch::Receiver<bool>) {
        let duty = Arc::new(self);
        let every = Duration::from_secs(u64::from(duty.context.config.alert.look_every_seconds));
        for target in &duty.context.config.alert.targets {
            if let Err(failure) = sender::sender(&duty.context, target, &duty.extra.clients) {
                // Records go before alerts: this stops no pull, and it is tried again when there is something to tell.
                events::alert_not_told(&target.name, &failure.to_string(), 0);
            }
            tasks.spawn(stay_ready(
                Arc::clone(&duty),
                target.clone(),
                every.min(TICK),
                stop.clone(),
            ));
        }
        tasks.spawn(stay_awake(duty, every, stop.clone()));
    }

    /// Looks once, and tells whoever can be told soon.
    pub(in crate::cli) async fn once(self) {
        let duty = Arc::new(self);
        if let Err(error) = duty.look().await {
            events::alert_not_looked(&error);
            return;
        }
        let mut tasks = JoinSet::new();
        for target in duty.context.config.alert.targets.clone() {
            let duty = Arc::clone(&duty);
            tasks.spawn(async move { duty.tell(&target, PATIENCE).await });
        }
        while let Some(ended) = tasks.join_next().await {
            if let Ok(Err(error)) = ended {
                events::alert_not_looked(&error);
            }
        }
    }

    async fn look(&self) -> Result<(), Error> {
        let config = &self.context.config;
        let now = Millis::now();
        let rules = Rules {
            pull_failing_ms: i64::from(config.alert.pull_failing_minutes) * 60_000,
            window_left_ms: i64::from(config.alert.window_hours_left) * 3_600_000,
            waiting_above: config.alert.waiting_above,
        };
        let mut looks = vec![judge(
            &Signs {
                disk: disk(
                    &[&config.archive.folder, &config.media.folder],
                    config.store.disk_headroom_mib,
                ),
                ..Signs::default()
            },
            &rules,
            now,
        )];
        let files = self.context.fetches_files().then(|| archived::Files {
            deadline_ms: i64::from(config.media.deadline_days) * 24 * 3_600_000,
            left_ms: i64::from(config.alert.media_hours_left) * 3_600_000,
        });
        for company in &self.companies {
            let mut signs = archived::look(&self.desk, company, files, now).await?;
            self.extra.complete(&mut signs);
            looks.push(judge(&signs, &rules, now));
        }
        let enabled = config.companies.iter().filter(|company| company.enabled);
        let names = enabled.map(|company| company.name.clone()).collect();
        let calm_ms = i64::from(config.alert.calm_seconds) * 1000;
        archived::keep(&self.desk, looks, names, now, calm_ms).await
    }

    /// Who has not answered in time counts as not told, and is tried again later.
    async fn tell(&self, target: &Target, patience: Duration) -> Result<(), Error> {
        let (alert, now) = (&self.context.config.alert, Millis::now());
        let pace = Pace {
            remind_after_ms: i64::from(alert.remind_after_seconds) * 1000,
            most_per_hour: alert.most_per_hour as usize,
        };
        let notices = archived::claim(&self.desk, &target.name, pace, now).await?;
        if notices.is_empty() {
            return Ok(());
        }
        let message = compose(&notices, &speech(&self.context), now);
        let id = sender::message_id(&target.name, &notices);
        // Secrets of robots and webhooks are read afresh, so that a new one is used without a restart.
        let sent: Result<(), Trouble> = match sender::sender(&self.context, target, &self.extra.clients) {
            Ok(sender) => {
                let sending = sender.send(&target.name, &id, &message, now);
                time::timeout(patience, sending).await.unwrap_or_else(|_| {
                    Err(Trouble {
                        cause: format!("no answer within {} s", patience.as_secs()),
                        fatal: false,
                    })
                })
            }
            Err(failure) => Err(failure.into()),
        };
        match sent {
            Ok(()) => archived::told(&self.desk, &target.name, notices, Millis::now()).await,
            Err(Trouble { cause, fatal }) => {
                archived::failed(&self.desk, &target.name, Millis::now(), fatal, cause).await?;
                Ok(())
            }
        }
    }
}

/// How alerts speak.
pub(super) fn speech(context: &Context) -> Speech {
    Speech {
        language: context.language,
        zone: context.zone.clone(),
    }
}

/// Free space where the archive and its files are, or will be; the least of it.
fn disk(folders: &[&Path], wanted_mib: u64) -> Sign<Disk> {
    match folders.iter().filter_map(|folder| media::free(folder)).min() {
        Some(free) => Sign::Seen(Disk {
            free_mib: free / (1024 * 1024),
            wanted_mib,
        }),
        None => Sign::Unknown,
    }
}

/// Sleeps; false when a stop came instead.
async fn pause(duration: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = time::sleep(duration) => true,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}

async fn stay_awake(
    duty: Arc<Duty>,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    // Not at once: the first pull may mend what the last days have left.
    while pause(every, &mut stop).await {
        if let Err(error) = duty.look().await {
            events::alert_not_looked(&error);
        }
    }
    Ok(())
}

async fn stay_ready(
    duty: Arc<Duty>,
    target: Target,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    while pause(every, &mut stop).await {
        let mut stopped = stop.clone();
        let leave = async {
            drop(stopped.wait_for(|stop| *stop).await);
            time::sleep(LEAVE).await;
        };
        tokio::select! {
            told = duty.tell(&target, LONG_PATIENCE) => if let Err(error) = told {
                events::alert_not_looked(&error);
            },
            () = leave => {}
        }
    }
    Ok(())
}

/// The title of a kind, for lists.
pub(super) fn title(context: &Context, kind: Kind) -> &'static str {
    speech(context).title(kind)
}
