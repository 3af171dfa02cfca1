//! `bench ingest`: the whole way of a record, through the real children into a fresh archive, every page durable.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
    time::Instant,
};

use sdk_mock::faults::FAULTS_FILE;
use serde_json::{Value, json};

use super::{
    disturbed::{self, Disturbance},
    known::Known,
    machine, picture,
    watch::{STEP, Seen, Watch},
};
use crate::{
    archive::{self, Job, Progress},
    cli::{
        Global,
        context::{Context, Quiet},
        init,
        outcome::Failure,
        render,
    },
    store::contract::DiskUsage,
    unseal::{Implementation, KeyRing},
};

/// What the program and its children may have in memory together, whatever the records weigh.
const CEILING_MIB: u64 = 400;
/// Pulls that find nothing new; the median counts.
const IDLE_PULLS: usize = 5;

/// Arguments of `bench ingest`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Records of the corpus that is made
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(super) records: u64,
    /// Seed of the corpus
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Texts of 132 characters on average instead of about 20 in the middle
    #[arg(long)]
    pub(super) long: bool,
    /// Every message a text of exactly so many characters: what memory has to stand, e.g. 1000 records of 50000
    #[arg(long, value_name = "N", conflicts_with = "long")]
    pub(super) characters: Option<u32>,
    /// Take this corpus (`shiguan mock generate`) instead of making one
    #[arg(long, value_name = "DIR")]
    pub(super) corpus: Option<PathBuf>,
    /// RSA implementation, or `known`: the mock's message keys without RSA, so that the rest can be seen alone
    #[arg(long, value_name = "WORD", default_value_t = default_rsa())]
    pub(super) rsa: String,
    /// Threads of the RSA step and children for `DecryptData` (default: all cores)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) threads: usize,
    /// Folder for corpus and archive, which are deleted afterwards; its file system decides what a commit costs
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,
    /// Let the library misbehave in every way that is a record's or a page's own: crashes, refusals, cut-off bodies and
    /// keys, unknown versions, pages that come twice, too short or not at all
    #[arg(long)]
    pub(super) faults: bool,
    /// `kill -9` the pull or one of its children so many times on the way, and pull again
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) kills: u32,
    /// Leave corpus and archive where they are
    #[arg(long)]
    pub(super) keep: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Also draw records per second and memory over the archive's size into this file
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

fn default_rsa() -> String {
    Implementation::default().as_str().to_owned()
}

impl Default for Args {
    fn default() -> Self {
        Self {
            records: 200_000,
            seed: 1,
            long: false,
            characters: None,
            corpus: None,
            rsa: default_rsa(),
            threads: 0,
            faults: false,
            kills: 0,
            dir: PathBuf::from("."),
            keep: false,
            json: false,
            svg: None,
        }
    }
}

impl Args {
    /// Which texts, in a word.
    fn length(&self) -> String {
        match self.characters {
            Some(characters) => format!("{characters} characters"),
            None if self.long => "long".to_owned(),
            None => "short".to_owned(),
        }
    }

    /// The implementation asked for; `None` for the one that needs no RSA.
    fn implementation(&self) -> Result<Option<Implementation>, Failure> {
        match self.rsa.as_str() {
            "known" => Ok(None),
            word => word.parse().map(Some).map_err(Failure::usage),
        }
    }
}

/// A folder that vanishes with the value, and the corpus to pull.
pub(super) struct Scratch {
    folder: PathBuf,
    corpus: PathBuf,
    _guard: Option<tempfile::TempDir>,
}

impl Scratch {
    /// Makes the corpus in a process of its own, so that its memory is not taken for the conveyor's.
    pub(super) fn make(args: &Args) -> Result<Self, Failure> {
        args.implementation()?;
        fs::create_dir_all(&args.dir)?;
        let guard = tempfile::Builder::new()
            .prefix("shiguan-bench-")
            .tempdir_in(&args.dir)?;
        let (folder, guard) = if args.keep {
            (guard.keep(), None)
        } else {
            (guard.path().to_owned(), Some(guard))
        };
        let corpus = match &args.corpus {
            Some(corpus) => corpus.clone(),
            None => {
                let corpus = folder.join("corpus");
                generate(args, &corpus)?;
                if args.faults {
                    disturbed::faults()
                        .save(&corpus.join(FAULTS_FILE))
                        .map_err(Failure::run)?;
                }
                corpus
            }
        };
        Ok(Self {
            folder,
            corpus,
            _guard: guard,
        })
    }
}

fn generate(args: &Args, corpus: &Path) -> Result<(), Failure> {
    let length = match args.characters {
        Some(characters) => ["--characters".to_owned(), characters.to_string()],
        None => ["--length".to_owned(), args.length()],
    };
    let made = Command::new(std::env::current_exe()?)
        .args(["mock", "generate", "--no-truth"])
        .arg("--out")
        .arg(corpus)
        .args(["--messages", &args.records.to_string()])
        .args(["--seed", &args.seed.to_string()])
        .args(length)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if made.success() {
        Ok(())
    } else {
        Err(Failure::run(
            "the corpus could not be made; try `shiguan mock generate` by hand",
        ))
    }
}

/// What was measured.
pub(super) struct Outcome {
    /// The archive.
    pub(super) database: PathBuf,
    args: Args,
    tally: Tally,
    seen: Seen,
    file_system: String,
    corpus_bytes: u64,
    files: Vec<(String, u64)>,
    disk: DiskUsage,
    plaintext_bytes: u64,
    idle_seconds: Vec<f64>,
}

/// What came of it.
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) opened: u64,
    pub(super) waiting: u64,
    pub(super) seconds: f64,
    /// How it was disturbed, if it was.
    pub(super) disturbance: Option<Disturbance>,
}

pub(super) fn measure(global: &Global, args: &Args) -> Result<Outcome, Failure> {
    let scratch = Scratch::make(args)?;
    let outcome = pull(global, args, &scratch, "archive")?;
    if args.keep {
        errln!("kept: {}", scratch.folder.display());
    }
    Ok(outcome)
}

/// Pulls the scratch corpus into a fresh archive.
pub(super) fn pull(global: &Global, args: &Args, scratch: &Scratch, name: &str) -> Result<Outcome, Failure> {
    let home = scratch.folder.join(name);
    let global = Global {
        config: init::write(&home, Some(&scratch.corpus), "mock")?,
        ..global.clone()
    };
    let context = Context::load(&global)?;
    // The conveyor warns of what a corpus of last year looks like; here that is no news.
    context.start_logging(&global, Quiet::Errors).ok();
    let (tally, seen) = if args.kills > 0 {
        disturbed::pull(&context, &global.config, args, &scratch.corpus)?
    } else {
        undisturbed(&context, args, &scratch.corpus)?
    };
    let database = context.database();
    let reader = context.reader()?;
    Ok(Outcome {
        // Before the whole commands, which also look for files and for whom to ask.
        files: files(&database)?,
        disk: reader.disk_usage()?,
        plaintext_bytes: reader.plaintext_bytes()?,
        idle_seconds: idle(&global)?,
        file_system: machine::file_system(&home),
        corpus_bytes: fs::metadata(scratch.corpus.join("chatdata.jsonl")).map_or(0, |file| file.len()),
        database,
        args: args.clone(),
        tally,
        seen,
    })
}

/// One run in this process.
fn undisturbed(context: &Context, args: &Args, corpus: &Path) -> Result<(Tally, Seen), Failure> {
    let mut setup = context.setups(None)?.remove(0);
    if args.threads > 0 {
        setup.children = args.threads;
    }
    let ring = KeyRing::load_dir(&corpus.join("keys"), None)?;
    setup.ring = Arc::new(match args.implementation()? {
        None => ring.prepare_with(&Known::of(corpus)?, args.threads)?,
        Some(implementation) => ring.prepare(implementation, args.threads)?,
    });
    let desk = context.desk()?;
    let counters = Arc::new(Progress::default());
    let counted = Arc::clone(&counters);
    let runtime = context.runtime()?;
    let (_never, stop) = tokio::sync::watch::channel(false);
    let watch = Watch::begin(move || counted.counts().opened + counted.counts().waiting);
    let report = runtime.block_on(archive::execute(
        &desk,
        &setup,
        &Job::Pull { from: None },
        &counters,
        stop,
    ));
    let seen = watch.end();
    let report = report?;
    drop(runtime);
    desk.close();
    if let Some(failure) = report.failure {
        return Err(failure.into());
    }
    let tally = Tally {
        records: report.books.received,
        opened: report.books.opened,
        waiting: report.waiting(),
        seconds: report.took.as_secs_f64(),
        disturbance: None,
    };
    Ok((tally, seen))
}

/// Whole commands that find nothing new: start, children, one call, end. One goes before that does not count: it looks through
/// what the run above, which was no whole command, left to look through.
fn idle(global: &Global) -> Result<Vec<f64>, Failure> {
    let mut times = Vec::new();
    for counts in std::iter::once(false).chain([true; IDLE_PULLS]) {
        let began = Instant::now();
        let ended = pull_by_command(global)?;
        if ended.code().is_none_or(|code| code != 0 && code != 3) {
            return Err(Failure::run(format!(
                "a pull that finds nothing new failed ({ended})"
            )));
        }
        if counts {
            times.push(began.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// A `pull` as anybody types it, in a process of its own.
pub(super) fn pull_by_command(global: &Global) -> Result<ExitStatus, Failure> {
    Ok(Command::new(std::env::current_exe()?)
        .arg("--config")
        .arg(&global.config)
        .args(["pull", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?)
}

/// The files of an archive and their sizes.
fn files(database: &Path) -> Result<Vec<(String, u64)>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(database.parent().unwrap_or(Path::new(".")))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((
                entry.file_name().to_string_lossy().into_owned(),
                entry.metadata()?.len(),
            ));
        }
    }
    files.sort();
    Ok(files)
}

impl Outcome {
    fn records(&self) -> u64 {
        self.tally.records
    }

    fn seconds(&self) -> f64 {
        self.tally.seconds
    }

    fn per_second(&self) -> f64 {
        self.tally.opened as f64 / self.seconds().max(1e-9)
    }

    /// Seconds of each full step of 100,000 records.
    fn steps(&self) -> Vec<f64> {
        let mut before = 0.0;
        self.seen
            .steps
            .iter()
            .map(|at| {
                let took = at - before;
                before = *at;
                took
            })
            .collect()
    }

    fn disk(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Memory is bounded whatever the records weigh.
    pub(super) fn within_ceiling(&self) -> bool {
        self.seen.peak_together_kib <= CEILING_MIB * 1024
    }

    /// Everything that is kept but the sealed originals, against the JSON as opened.
    fn share(&self) -> f64 {
        (self.disk.body + self.disk.index + self.disk.rest) as f64 / self.plaintext_bytes.max(1) as f64
    }

    pub(super) fn json(&self) -> Value {
        let records = self.records().max(1) as f64;
        let micro = |seconds: f64| (seconds * 1e7 / records).round() / 10.0;
        let each = |bytes: u64| (bytes as f64 * 10.0 / records).round() / 10.0;
        let threads: serde_json::Map<_, _> = self
            .seen
            .threads
            .iter()
            .map(|(name, seconds)| (name.clone(), json!(micro(*seconds))))
            .collect();
        let children: Vec<Value> = self
            .seen
            .children
            .values()
            .map(|child| {
                json!({"cpu_seconds": child.cpu_seconds, "microseconds_per_record": micro(child.cpu_seconds),
                                "peak_mib": child.peak_kib / 1024})
            })
            .collect();
        let steps: Vec<Value> = self
            .steps()
            .iter()
            .enumerate()
            .map(|(place, seconds)| {
                json!({"up_to": (place as u64 + 1) * STEP, "seconds": round(*seconds),
                       "per_second": (STEP as f64 / seconds).round()})
            })
            .collect();
        let files: serde_json::Map<_, _> = self
            .files
            .iter()
            .map(|(name, bytes)| (name.clone(), json!(bytes)))
            .collect();
        json!({
            "bench": "ingest",
            "machine": machine::describe(),
            "seed": self.args.seed,
            "length": self.args.length(),
            "cipher": "mock (AES-256-CBC)",
            "rsa": self.args.rsa,
            "threads": if self.args.threads == 0 { machine::cores() } else { self.args.threads },
            "file_system": self.file_system,
            "records": self.records(),
            "opened": self.tally.opened,
            "waiting": self.tally.waiting,
            "disturbed": self.tally.disturbance.as_ref().map(Disturbance::json),
            "seconds": round(self.seconds()),
            "per_second": self.per_second().round(),
            "per_100000": steps,
            "cpu_seconds": round(self.seen.cpu_seconds()),
            "cpu_microseconds_per_record": micro(self.seen.cpu_seconds()),
            "parent": {"cpu_seconds": round(self.seen.parent.cpu_seconds), "peak_mib": self.seen.parent.peak_kib / 1024,
                       "microseconds_per_record": micro(self.seen.parent.cpu_seconds),
                       "microseconds_per_record_by_thread": threads},
            "children": children,
            "peak_together_mib": self.seen.peak_together_kib / 1024,
            "ceiling_mib": CEILING_MIB,
            "within_ceiling": self.within_ceiling(),
            "bytes": {"files": files, "archive": self.disk(), "corpus": self.corpus_bytes,
                      "archive_per_record": (self.disk() as f64 / records).round(),
                      "corpus_per_record": (self.corpus_bytes as f64 / records).round(),
                      "per_record_by_part": {"sealed": each(self.disk.sealed), "body": each(self.disk.body),
                                             "index": each(self.disk.index), "rest": each(self.disk.rest),
                                             "plaintext_json": each(self.plaintext_bytes)},
                      "all_but_sealed_against_plaintext": (self.share() * 1e4).round() / 1e4},
            "idle_pull_ms": self.idle_seconds.iter().map(|seconds| (seconds * 1e4).round() / 10.0).collect::<Vec<_>>(),
            "timeline": {"columns": ["seconds", "records", "parent_mib", "children_mib"], "rows": self.seen.timeline()},
        })
    }

    pub(super) fn print(&self) {
        let records = self.records().max(1) as f64;
        outln!("{}", machine::headline());
        outln!(
            "{} records ({}, seed {}) through the mock library's children into a fresh archive on {}, RSA: {}",
            render::number(self.records()),
            self.args.length(),
            self.args.seed,
            self.file_system,
            self.args.rsa
        );
        outln!(
            "{:.1} s, {} records/s; {:.1} µs of processor per record: {}; children {:.1}",
            self.seconds(),
            render::number(self.per_second().round() as u64),
            self.seen.cpu_seconds() * 1e6 / records,
            self.seen
                .threads
                .iter()
                .filter(|(_, seconds)| **seconds * 1e6 / records >= 0.05)
                .map(|(name, seconds)| format!("{name} {:.1}", seconds * 1e6 / records))
                .collect::<Vec<_>>()
                .join(", "),
            self.seen
                .children
                .values()
                .map(|child| child.cpu_seconds)
                .sum::<f64>()
                * 1e6
                / records
        );
        outln!(
            "memory: {} MiB at most, with the children {} MiB; on disk {:.0} bytes per record (sealed {:.0}, body {:.0}, \
             index {:.0}, rest {:.0}; all but sealed {:.3} × the JSON); pull that finds nothing new: {:.0} ms",
            self.seen.parent.peak_kib / 1024,
            self.seen.peak_together_kib / 1024,
            self.disk() as f64 / records,
            self.disk.sealed as f64 / records,
            self.disk.body as f64 / records,
            self.disk.index as f64 / records,
            self.disk.rest as f64 / records,
            self.share(),
            self.idle_seconds.get(self.idle_seconds.len() / 2).unwrap_or(&0.0) * 1000.0
        );
        outln!(
            "memory with the children is {} the ceiling of {CEILING_MIB} MiB",
            if self.within_ceiling() { "within" } else { "ABOVE" }
        );
        if let Some(disturbance) = &self.tally.disturbance {
            outln!("{}", disturbance.words());
        }
        let series = picture::Series {
            name: "× 100 000, records/s".to_owned(),
            points: (1..)
                .zip(self.steps())
                .map(|(place, seconds)| (f64::from(place), STEP as f64 / seconds))
                .collect(),
        };
        if !series.points.is_empty() {
            picture::bars(&[series]).lines().for_each(|line| outln!("{line}"));
        }
    }

    /// Rate and memory over the archive's size.
    pub(super) fn svg(&self) -> String {
        let rate = (1..)
            .zip(self.steps())
            .map(|(place, seconds)| (f64::from(place), STEP as f64 / seconds))
            .collect();
        let column = |at: usize| {
            self.seen
                .timeline()
                .iter()
                .filter_map(|row| Some((row[1].as_f64()? / STEP as f64, row[at].as_f64()?)))
                .collect()
        };
        let (machine, across) = (machine::headline(), "records, in units of 100 000");
        let rate = [picture::Series {
            name: self.args.rsa.clone(),
            points: rate,
        }];
        let memory = [("the program", 2), ("its children", 3)].map(|(name, at)| picture::Series {
            name: name.to_owned(),
            points: column(at),
        });
        picture::stack(&[
            picture::svg(
                "Records per second over the archive's size",
                &machine,
                across,
                &rate,
            ),
            picture::svg("Resident memory, MiB", &machine, across, &memory),
        ])
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
