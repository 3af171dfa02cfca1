//! A pull that is not left in peace: the library misbehaves, the pull and its children are killed on the way.
//!
//! For speed and memory under trouble; that such a pull ends byte for byte as a calm one is the suite's kill test. What
//! is checked here is that the books balance at the end: every record of the corpus is there, each one opened or waiting
//! with a reason.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sdk_mock::{
    corpus::Corpus,
    faults::{Draw, Fault, Faults, Rule},
};
use serde_json::{Value, json};

use super::{
    ingest::{Args, Tally},
    watch::{Seen, Watch, children_of},
};
use crate::{
    cli::{context::Context, outcome::Failure},
    store::{Reader, contract::Coverage},
};

/// Pulls in vain after which it is no use: each death costs one, and so does a page that stays refused.
const SPARE: u32 = 20;
/// How often the count is looked at while waiting for the moment to kill.
const LOOK: Duration = Duration::from_millis(5);

/// How a pull was disturbed, and what it came to.
#[derive(Debug, Default)]
pub(super) struct Disturbance {
    /// Pulls that were killed.
    parents: u32,
    /// Children that were killed under their pull.
    children: u32,
    /// Commands that it took.
    pulls: u32,
    waiting: BTreeMap<&'static str, u64>,
}

/// Everything the mock can do to a record or a page, except to hang: that would measure the deadline.
pub(super) fn faults() -> Faults {
    let refused = |code| Fault::Return {
        code,
        slice: String::new(),
    };
    Faults::new()
        .with(Rule::decrypt(Fault::Segfault).with_probability(5e-6, 1))
        .with(Rule::decrypt(Fault::Abort).with_probability(2e-6, 2))
        .with(Rule::decrypt(Fault::Exit { status: 3 }).with_probability(2e-6, 3))
        .with(Rule::decrypt(refused(10006)).with_probability(2e-4, 4))
        .with(Rule::chatdata(Fault::TruncateBody { keep: Some(80) }).with_probability(5e-4, 5))
        .with(Rule::chatdata(Fault::ShortBody).with_probability(2e-4, 6))
        .with(Rule::chatdata(Fault::TruncateKey { keep: Some(100) }).with_probability(2e-4, 7))
        .with(Rule::chatdata(Fault::GarbleKey).with_probability(2e-4, 8))
        .with(Rule::chatdata(Fault::WrongVersion { version: 77 }).with_probability(5e-4, 9))
        .with(Rule::chatdata(Fault::ForeignKey).with_probability(2e-4, 10))
        .with(
            Rule::chatdata(Fault::DuplicatePage)
                .with_probability(0.002, 11)
                .drawn_by(Draw::Call),
        )
        .with(
            Rule::chatdata(Fault::Overlap { records: 300 })
                .with_probability(0.01, 12)
                .drawn_by(Draw::Call),
        )
        .with(
            Rule::chatdata(Fault::ShortPage { records: 37 })
                .with_probability(0.01, 13)
                .drawn_by(Draw::Call),
        )
        .with(
            Rule::chatdata(refused(10001))
                .with_probability(0.005, 14)
                .drawn_by(Draw::Call),
        )
}

/// Pulls until the end of the stream, killing on the way, and looks at the books.
pub(super) fn pull(
    context: &Context,
    config: &Path,
    args: &Args,
    corpus: &Path,
) -> Result<(Tally, Seen), Failure> {
    let records = Corpus::open(corpus)
        .and_then(|corpus| corpus.len())
        .map_err(Failure::run)?;
    // Makes the archive, so that there is something to count in.
    context.desk()?.close();
    let database = context.database();
    let through = Arc::new(AtomicU64::new(0));
    let process = Arc::new(AtomicU32::new(0));
    let watch = {
        let (reader, through) = (Reader::open(&database)?, Arc::clone(&through));
        Watch::of(Arc::clone(&process), move || {
            if let Ok(coverage) = reader.coverage() {
                through.store(settled(&coverage), Ordering::Relaxed);
            }
            through.load(Ordering::Relaxed)
        })
    };
    let began = Instant::now();
    let mut chance = StdRng::seed_from_u64(args.seed);
    let mut disturbance = Disturbance::default();
    let mut done = 0;
    loop {
        if disturbance.pulls > args.kills + SPARE {
            return Err(Failure::run(
                "the pulls do not come to an end; see them with `--keep` and `shiguan pull`",
            ));
        }
        let mut pull = start(config)?;
        disturbance.pulls += 1;
        process.store(pull.id(), Ordering::Relaxed);
        let mut ended = None;
        while ended.is_none() && done < args.kills {
            let moment = records * u64::from(done + 1) / u64::from(args.kills + 1);
            ended = wait_for(&mut pull, || through.load(Ordering::Relaxed) >= moment)?;
            if ended.is_some() {
                break;
            }
            // Anywhere within a page: landing, opening, committing.
            thread::sleep(Duration::from_millis(chance.random_range(0..250)));
            done += 1;
            if done % 2 == 1 {
                disturbance.parents += 1;
                pull.kill()?;
                pull.wait()?;
                break;
            }
            disturbance.children += u32::from(kill_a_child(pull.id(), &mut chance));
        }
        if ended.is_none() && done >= args.kills && pull.try_wait()?.is_none() {
            ended = wait_for(&mut pull, || false)?;
        }
        // 0: everything opened; 3: some records wait. Anything else is tried again, as a scheduler would.
        if matches!(ended, Some(Some(0 | 3))) {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let seen = watch.end();
    let coverage = Reader::open(&database)?.coverage()?;
    if coverage.records != records || settled(&coverage) != records {
        return Err(Failure::run(format!(
            "the books do not balance: the corpus has {records} records, the archive {} of which {} are opened and {} waiting",
            coverage.records,
            coverage.opened,
            settled(&coverage) - coverage.opened
        )));
    }
    disturbance.waiting = coverage
        .waiting
        .iter()
        .map(|(reason, count)| (reason.as_str(), *count))
        .collect();
    let tally = Tally {
        records,
        opened: coverage.opened,
        waiting: records - coverage.opened,
        seconds,
        disturbance: Some(disturbance),
    };
    Ok((tally, seen))
}

fn settled(coverage: &Coverage) -> u64 {
    coverage.opened + coverage.waiting.iter().map(|(_, count)| count).sum::<u64>()
}

fn start(config: &Path) -> Result<Child, Failure> {
    Ok(Command::new(std::env::current_exe()?)
        .arg("--config")
        .arg(config)
        .args(["pull", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

/// Until something is so or the pull has ended; then its exit code.
fn wait_for(pull: &mut Child, so: impl Fn() -> bool) -> Result<Option<Option<i32>>, Failure> {
    loop {
        if let Some(status) = pull.try_wait()? {
            return Ok(Some(status.code()));
        }
        if so() {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

fn kill_a_child(parent: u32, chance: &mut StdRng) -> bool {
    let children = children_of(parent);
    if children.is_empty() {
        return false;
    }
    let unlucky = children[chance.random_range(0..children.len())];
    let pid = i32::try_from(unlucky)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok())
}

impl Disturbance {
    pub(super) fn json(&self) -> Value {
        json!({"pulls": self.pulls, "pulls_killed": self.parents, "children_killed": self.children,
               "waiting": self.waiting, "books": "balance"})
    }

    pub(super) fn words(&self) -> String {
        let waiting: Vec<String> = self
            .waiting
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        format!(
            "disturbed: {} pulls, of them {} killed, and {} children; the books balance; waiting: {}",
            self.pulls,
            self.parents,
            self.children,
            if waiting.is_empty() {
                "none".to_owned()
            } else {
                waiting.join(", ")
            }
        )
    }
}
