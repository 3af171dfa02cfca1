//! The duty that `run` keeps all the time and `pull` before and after: look, keep incidents, tell the targets.
//!
//! Looking and each target are tasks of their own: a target that hangs holds up neither the others nor the pull.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    task::{JoinHandle, JoinSet},
    time,
};

use super::sender::{self, Trouble};
use crate::{
    alert::{
        Disk, Failing, Kind, Memory, Notice, Pace, Part, Refused, Rules, Sign, Signs, Speech, compose, judge,
    },
    archive::{Desk, Error, watch as archived},
    cli::{
        context::Context,
        outcome::Failure,
        part::{PAUSES, keep_going},
    },
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

/// Parts of companies' configurations, and why each cannot be used; no reason when it can.
type Setups = BTreeMap<(String, Part), Option<String>>;

/// Trouble that this process sees and the archive's books do not: companies that cannot be set up, pulls that could not
/// begin, and clients whose tokens WeCom refuses.
#[derive(Clone, Default)]
pub(in crate::cli) struct UnrecordedTrouble {
    skipped: Arc<Mutex<BTreeMap<String, Failing>>>,
    /// Parts of companies that were tried, with what is wrong with them.
    setups: Arc<Mutex<Setups>>,
    clients: Vec<(String, directory::Client)>,
}

impl UnrecordedTrouble {
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

    /// Notes whether a part of a company's configuration can be used, or why not; without anything secret.
    pub(in crate::cli) fn set_up(&self, company: &str, part: Part, failure: Option<String>) {
        let mut setups = self.setups.lock().unwrap_or_else(PoisonError::into_inner);
        setups.insert((company.to_owned(), part), failure);
    }

    fn setup_sign(&self, company: &str) -> Sign<Vec<(Part, String)>> {
        let setups = self.setups.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tried = setups.iter().filter(|((name, _), _)| name == company).peekable();
        if tried.peek().is_none() {
            return Sign::Unknown;
        }
        let broken = tried.filter_map(|((_, part), failure)| Some((*part, failure.clone()?)));
        Sign::Seen(broken.collect())
    }

    /// Adds to what the books say.
    fn complete(&self, signs: &mut Signs) {
        signs.setup = self.setup_sign(&signs.company);
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
    /// How the archive is written, or why it cannot be; no cause where there is no archive yet.
    desk: Result<Desk, Option<String>>,
    /// Whom this process looks at.
    companies: Vec<String>,
    unrecorded: UnrecordedTrouble,
    /// While the archive takes no writes: what is found and told meanwhile.
    memory: Mutex<Option<Memory>>,
    /// Held while the memory is handed over, and while it is noted how a telling ended: one of the two is first.
    handing_over: AsyncMutex<()>,
}

impl Duty {
    pub(in crate::cli) fn new(
        context: Arc<Context>,
        desk: Result<Desk, Option<String>>,
        companies: Vec<String>,
        unrecorded: UnrecordedTrouble,
    ) -> Self {
        Self {
            context,
            desk,
            companies,
            unrecorded,
            memory: Mutex::default(),
            handing_over: AsyncMutex::default(),
        }
    }

    /// The same with an archive that can be written now; what was remembered without it is handed over at the next look.
    pub(in crate::cli) fn resumed(&self, desk: Desk) -> Self {
        Self {
            context: Arc::clone(&self.context),
            desk: Ok(desk),
            companies: self.companies.clone(),
            unrecorded: self.unrecorded.clone(),
            memory: Mutex::new(self.memory().take()),
            handing_over: AsyncMutex::default(),
        }
    }

    /// Looks, and tells, until a stop.
    pub(in crate::cli) fn keep(self, tasks: &mut JoinSet<Result<(), Failure>>, stop: &watch::Receiver<bool>) {
        let duty = Arc::new(self);
        let every = Duration::from_secs(u64::from(duty.context.config.alert.look_every_seconds));
        for target in &duty.context.config.alert.targets {
            if let Err(failure) = sender::sender(&duty.context, target, &duty.unrecorded.clients) {
                // Records go before alerts: this stops no pull, and it is tried again when there is something to tell.
                events::alert_not_told(&target.name, &failure.to_string(), 0);
            }
            let (duty, target, ending) = (Arc::clone(&duty), target.clone(), stop.clone());
            tasks.spawn(keep_going(
                "alerts",
                String::new(),
                PAUSES,
                stop.clone(),
                move || stay_ready(Arc::clone(&duty), target.clone(), every.min(TICK), ending.clone()),
            ));
        }
        let ending = stop.clone();
        tasks.spawn(keep_going(
            "alerts",
            String::new(),
            PAUSES,
            stop.clone(),
            move || stay_awake(Arc::clone(&duty), every, ending.clone()),
        ));
    }

    /// Looks once, and tells whoever can be told soon.
    pub(in crate::cli) async fn once(self: &Arc<Self>) {
        let told = self.look_and_tell().await;
        let _ended = told.await;
    }

    /// Looks once; telling goes on beside what comes next.
    pub(in crate::cli) async fn look_and_tell(self: &Arc<Self>) -> JoinHandle<()> {
        self.look().await;
        let duty = Arc::clone(self);
        tokio::spawn(async move {
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
        })
    }

    /// Looks at everything and keeps what was found: in the archive or, when that takes no writes, in memory.
    async fn look(&self) {
        let now = Millis::now();
        let desk = match &self.desk {
            Ok(desk) => desk,
            Err(cause) => return self.look_without(None, cause.clone(), now).await,
        };
        match self.look_with(desk, now).await {
            Ok(()) => {}
            Err(error) => {
                events::alert_not_looked(&error);
                self.look_without(Some(desk), Some(error.to_string()), now).await;
            }
        }
    }

    async fn look_with(&self, desk: &Desk, now: Millis) -> Result<(), Error> {
        if self.memory().is_some() {
            // Targets that are being told out of the memory meanwhile are settled in the archive.
            let _settled_later = self.handing_over.lock().await;
            let memory = self.memory().clone().unwrap_or_default();
            archived::take_memory(desk, memory).await?;
            // From here on the archive knows it all.
            *self.memory() = None;
        }
        let rules = self.rules();
        let whole = Signs {
            store: Sign::Fine,
            damage: archived::damage(desk).await?,
            ..self.whole()
        };
        let mut looks = vec![judge(&whole, &rules, now)];
        for company in &self.companies {
            // What cannot be read of one company is no reason to say that nothing can be written.
            match self.signs(desk, company, now).await {
                Ok(signs) => looks.push(judge(&signs, &rules, now)),
                Err(error) => events::alert_not_looked(&error),
            }
        }
        archived::keep(desk, looks, self.names(), now, self.calm_ms()).await
    }

    /// The same in memory. What the books say counts as far as they can be read.
    async fn look_without(&self, desk: Option<&Desk>, cause: Option<String>, now: Millis) {
        let rules = self.rules();
        let whole = Signs {
            store: cause.map_or(Sign::Unknown, Sign::Seen),
            ..self.whole()
        };
        let mut looks = vec![judge(&whole, &rules, now)];
        for company in &self.companies {
            let known = match desk {
                Some(desk) => self.signs(desk, company, now).await.ok(),
                None => None,
            };
            let signs = known.unwrap_or_else(|| {
                let mut signs = Signs {
                    company: company.clone(),
                    ..Signs::default()
                };
                self.unrecorded.complete(&mut signs);
                signs
            });
            looks.push(judge(&signs, &rules, now));
        }
        self.remember(desk).await;
        if let Some(memory) = self.memory().as_mut() {
            archived::tell_log(&memory.look(&looks, &self.names(), now, self.calm_ms()));
        }
    }

    /// Goes on in memory, from what the archive holds as far as it can be read.
    async fn remember(&self, desk: Option<&Desk>) {
        if self.memory().is_some() {
            return;
        }
        let targets = &self.context.config.alert.targets;
        let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
        let known = match desk {
            Some(desk) => archived::to_memory(desk, names).await.ok(),
            // It could not be opened for writing; reading may do.
            None => self
                .context
                .reader()
                .ok()
                .and_then(|reader| reader.to_memory(&names).ok()),
        };
        self.memory().get_or_insert_with(|| known.unwrap_or_default());
    }

    fn memory(&self) -> MutexGuard<'_, Option<Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules(&self) -> Rules {
        let alert = &self.context.config.alert;
        Rules {
            pull_failing_ms: i64::from(alert.pull_failing_minutes) * 60_000,
            window_left_ms: i64::from(alert.window_hours_left) * 3_600_000,
            waiting_above: alert.waiting_above,
            lease_held_ms: i64::from(alert.pull_failing_minutes) * 60_000,
        }
    }

    fn calm_ms(&self) -> i64 {
        i64::from(self.context.config.alert.calm_seconds) * 1000
    }

    /// The companies whose incidents may stay open.
    fn names(&self) -> Vec<String> {
        let enabled = self
            .context
            .config
            .companies
            .iter()
            .filter(|company| company.enabled);
        let names = enabled.map(|company| company.name.clone());
        names.chain(self.companies.iter().cloned()).collect()
    }

    /// Of the archive as a whole, without whether it can be written.
    fn whole(&self) -> Signs {
        let config = &self.context.config;
        Signs {
            disk: disk(
                &[&config.archive.folder, &config.media.folder],
                config.store.disk_headroom_mib,
            ),
            ..Signs::default()
        }
    }

    async fn signs(&self, desk: &Desk, company: &str, now: Millis) -> Result<Signs, Error> {
        let config = &self.context.config;
        let files = self.context.fetches_files().then(|| archived::Files {
            deadline_ms: i64::from(config.media.deadline_days) * 24 * 3_600_000,
            left_ms: i64::from(config.alert.media_hours_left) * 3_600_000,
        });
        let mut signs = archived::look(desk, company, files, now).await?;
        self.unrecorded.complete(&mut signs);
        Ok(signs)
    }

    /// Who has not answered in time counts as not told, and is tried again later.
    async fn tell(&self, target: &Target, patience: Duration) -> Result<(), Error> {
        let (alert, now) = (&self.context.config.alert, Millis::now());
        let pace = Pace {
            remind_after_ms: i64::from(alert.remind_after_seconds) * 1000,
            most_per_hour: alert.most_per_hour as usize,
            first_reminder_ms: None,
        };
        let remembered = self
            .memory()
            .as_ref()
            .map(|memory| memory.due(&target.name, &pace, now));
        let notices = match (&remembered, &self.desk) {
            (Some(notices), _) => notices.clone(),
            (None, Ok(desk)) => archived::claim(desk, &target.name, pace, now).await?,
            (None, Err(_)) => return Ok(()),
        };
        if notices.is_empty() {
            return Ok(());
        }
        let message = compose(&notices, &speech(&self.context), now);
        let id = sender::message_id(&target.name, &notices);
        // Secrets of robots and webhooks are read afresh, so that a new one is used without a restart.
        let sent: Result<(), Trouble> = match sender::sender(&self.context, target, &self.unrecorded.clients)
        {
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
        self.settle(target, notices, sent, remembered.is_some()).await
    }

    /// Notes how telling went where the notices came from.
    async fn settle(
        &self,
        target: &Target,
        notices: Vec<Notice>,
        sent: Result<(), Trouble>,
        from_memory: bool,
    ) -> Result<(), Error> {
        let (name, now) = (&target.name, Millis::now());
        let _after_handing_over = self.handing_over.lock().await;
        let in_archive = !from_memory || self.memory().is_none();
        if let (true, Ok(desk)) = (in_archive, &self.desk) {
            let kept = match &sent {
                Ok(()) => archived::told(desk, name, notices.clone(), now).await,
                Err(Trouble { cause, fatal }) => archived::failed(desk, name, now, *fatal, cause.clone())
                    .await
                    .map(drop),
            };
            let Err(error) = kept else { return Ok(()) };
            // It is told and cannot be noted: then at least this process remembers.
            events::alert_not_looked(&error);
            self.remember(Some(desk)).await;
        }
        let mut remembered = self.memory();
        let Some(memory) = remembered.as_mut() else {
            return Ok(());
        };
        match sent {
            Ok(()) => {
                events::alert_told(name, notices.len());
                memory.told(name, &notices, now);
            }
            Err(Trouble { cause, fatal }) => {
                let state = memory.failed(name, now, fatal, cause.clone());
                events::alert_not_told(name, &cause, (state.next_try.0 - now.0) / 1000);
            }
        }
        Ok(())
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
        duty.look().await;
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
