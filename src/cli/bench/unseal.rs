//! `bench unseal`: each stage by itself, and every RSA implementation over 1…n threads in the same run.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use sdk_mock::generate::{self, Plan};
use serde_json::{Value, json};

use super::{machine, picture};
use crate::cli::{context::mock_library, out, outcome::Failure, render::Table};
use crate::{
    ids::{Millis, Seq},
    line, message,
    record::Sealed,
    sanitize::Line,
    secret::Secret,
    source::{self, Decryptors, Envelope, Puller},
    store::{
        Store,
        contract::{self, PullCall, Verdict},
    },
    unseal::{Implementation, KeyRing, OpenRing, SealedKey, open_keys},
};

/// Arguments of `bench unseal`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Records per measurement
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    pub(super) records: u64,
    /// Most threads to try (default: all cores)
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Seed of the corpus
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Runs of each measurement; the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(super) repeat: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Also draw records per second over threads into this file
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

/// What was measured.
pub(super) struct Outcome {
    entries: Vec<Figure>,
    stages: Vec<Figure>,
}

/// One figure.
struct Figure {
    stage: &'static str,
    implementation: &'static str,
    bits: Option<usize>,
    threads: usize,
    records: u64,
    seconds: f64,
}

impl Figure {
    fn per_second(&self) -> f64 {
        (self.records as f64 / self.seconds.max(1e-9)).round()
    }

    fn json(&self) -> Value {
        json!({"stage": self.stage, "implementation": self.implementation, "bits": self.bits,
               "threads": self.threads, "records": self.records, "seconds": self.seconds,
               "per_second": self.per_second()})
    }
}

pub(super) fn measure(args: &Args) -> Result<Outcome, Failure> {
    let most = args.threads.unwrap_or_else(machine::cores).max(1);
    let scratch = tempfile::tempdir()?;
    let corpus = scratch.path().join("corpus");
    let plan = Plan {
        messages: args.records,
        seed: args.seed,
        key_versions: 1,
        ..Plan::default()
    };
    generate::generate(&plan, &corpus, &|_| {}).map_err(Failure::run)?;
    let ring = KeyRing::load_dir(&corpus.join("keys"), None)?;
    let bits = ring.versions().first().map_or(0, |info| info.bits);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let options = source_options(&corpus)?;
    let (sealed, pulled) = runtime.block_on(pull(&options, args.records))?;
    let mut stages = vec![Figure {
        stage: "pull",
        ..figure("mock", None, 1, &sealed, pulled)
    }];

    // Every implementation in the same run, so that their ratio holds whatever the machine does meanwhile.
    let mut entries = Vec::new();
    let mut keys = Vec::new();
    for threads in 1..=most {
        for implementation in Implementation::ALL {
            let open = ring.prepare(implementation, threads)?;
            let (seconds, opened) = median(args.repeat, || rsa(&open, &sealed))?;
            entries.push(Figure {
                stage: "rsa",
                ..figure(implementation.as_str(), Some(bits), threads, &sealed, seconds)
            });
            keys = opened;
        }
    }
    for children in 1..=most {
        let (seconds, plaintexts) =
            runtime.block_on(decrypt(&options, children, &sealed, &keys, args.repeat))?;
        stages.push(Figure {
            stage: "decrypt",
            ..figure("mock", None, children, &sealed, seconds)
        });
        if children == most {
            let (seconds, _) = median(args.repeat, || {
                Ok(plaintexts
                    .iter()
                    .map(|body| message::read(body).segments.len())
                    .sum::<usize>())
            })?;
            stages.push(Figure {
                stage: "read",
                ..figure("shiguan", None, 1, &sealed, seconds)
            });
            stages.extend(store(scratch.path(), &sealed, &plaintexts)?);
        }
    }
    Ok(Outcome { entries, stages })
}

fn figure(
    implementation: &'static str,
    bits: Option<usize>,
    threads: usize,
    sealed: &[Sealed],
    seconds: f64,
) -> Figure {
    Figure {
        stage: "",
        implementation,
        bits,
        threads,
        records: sealed.len() as u64,
        seconds,
    }
}

fn source_options(corpus: &Path) -> Result<source::Options, Failure> {
    let library = mock_library()?;
    let options = source::Options::new(std::env::current_exe()?, library, "ww", Secret::new("bench"));
    Ok(source::Options {
        mock_corpus: Some(corpus.to_owned()),
        ..options
    })
}

/// Seconds of the median run, and what the last run made.
fn median<R>(repeat: usize, mut work: impl FnMut() -> Result<R, Failure>) -> Result<(f64, R), Failure> {
    let mut times = Vec::with_capacity(repeat);
    loop {
        let began = Instant::now();
        let made = work()?;
        times.push(began.elapsed().as_secs_f64());
        if times.len() >= repeat.max(1) {
            times.sort_by(f64::total_cmp);
            return Ok((times[times.len() / 2], made));
        }
    }
}

async fn pull(options: &source::Options, records: u64) -> Result<(Vec<Sealed>, f64), Failure> {
    let mut puller = Puller::start(options).await?;
    let began = Instant::now();
    let mut sealed: Vec<Sealed> = Vec::with_capacity(records as usize);
    let mut after = Seq(0);
    loop {
        let page = puller.page(after, 1000).await?;
        let Some(last) = page.records.last().map(|record| record.seq) else {
            break;
        };
        after = last;
        sealed.extend(page.records);
    }
    let seconds = began.elapsed().as_secs_f64();
    puller.close().await;
    Ok((sealed, seconds))
}

fn rsa(ring: &OpenRing, sealed: &[Sealed]) -> Result<Vec<Secret>, Failure> {
    let items: Vec<SealedKey<'_>> = sealed
        .iter()
        .map(|record| SealedKey {
            version: record.key_version,
            random_key: &record.random_key,
        })
        .collect();
    open_keys(ring, &items)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|waiting| {
            Failure::run(format!(
                "the corpus does not open with its own keys: {}",
                waiting.detail
            ))
        })
}

async fn decrypt(
    options: &source::Options,
    children: usize,
    sealed: &[Sealed],
    keys: &[Secret],
    repeat: usize,
) -> Result<(f64, Vec<Vec<u8>>), Failure> {
    let decryptors = Decryptors::start(options, children).await?;
    let mut times = Vec::new();
    let mut plaintexts = Vec::new();
    for _ in 0..repeat.max(1) {
        let mut pages = Vec::new();
        for (records, keys) in sealed.chunks(1000).zip(keys.chunks(1000)) {
            let envelope = |(record, key): (&Sealed, &Secret)| Envelope {
                key: key.clone(),
                body: record.body.clone(),
            };
            pages.push(records.iter().zip(keys).map(envelope).collect::<Vec<_>>());
        }
        plaintexts.clear();
        let began = Instant::now();
        for page in pages {
            for opened in decryptors.open(page).await? {
                plaintexts.push(opened.map_err(|waiting| Failure::run(waiting.detail))?);
            }
        }
        times.push(began.elapsed().as_secs_f64());
    }
    decryptors.close().await;
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], plaintexts))
}

/// Landing and settling into a fresh store, page by page, every page durable.
fn store(folder: &Path, sealed: &[Sealed], plaintexts: &[Vec<u8>]) -> Result<Vec<Figure>, Failure> {
    let mut store = Store::open(&folder.join("bench.db"))?;
    let company = store.company("bench", "ww")?;
    let lease = store.acquire_lease(company, "bench", Millis::now(), 600_000, &|_| true)?;
    let run = store.begin_run(company, "bench", Millis::now())?;
    let (mut landing, mut settling) = (0.0, 0.0);
    for (records, bodies) in sealed.chunks(1000).zip(plaintexts.chunks(1000)) {
        let call = PullCall {
            run,
            asked: Seq(0),
            limit: 1000,
            first: records.first().map(|record| record.seq),
            last: records.last().map(|record| record.seq),
            count: records.len() as u32,
            code: 0,
            errcode: 0,
            outcome: "ok".to_owned(),
            sdk_build: String::new(),
            at: Millis::now(),
            took_ms: 0,
        };
        let began = Instant::now();
        let landed = store.land(&lease, &call, records, &[])?;
        landing += began.elapsed().as_secs_f64();
        let outcomes: Vec<contract::Outcome> = landed
            .fresh
            .iter()
            .map(|&(id, index)| contract::Outcome {
                id,
                verdict: Verdict::Opened {
                    plaintext: bodies[index].clone(),
                    message: Box::new(message::read(&bodies[index])),
                    msgid_differs: false,
                },
            })
            .collect();
        let began = Instant::now();
        store.settle(company, &outcomes, "", &[], Millis::now())?;
        settling += began.elapsed().as_secs_f64();
    }
    Ok(vec![
        Figure {
            stage: "land",
            ..figure("sqlite", None, 1, sealed, landing)
        },
        Figure {
            stage: "settle and index",
            ..figure("sqlite", None, 1, sealed, settling)
        },
    ])
}

impl Outcome {
    pub(super) fn json(&self, args: &Args) -> Value {
        let list = |figures: &[Figure]| figures.iter().map(Figure::json).collect::<Vec<_>>();
        json!({"bench": "unseal", "seed": args.seed, "records": args.records, "repeat": args.repeat,
               "cipher": "mock (AES-256-CBC)", "machine": machine::describe(), "entries": list(&self.entries),
               "stages": list(&self.stages)})
    }

    pub(super) fn print(&self, args: &Args) {
        outln!("{}", machine::headline());
        outln!(
            "{} records, seed {}, median of {}",
            args.records,
            args.seed,
            args.repeat
        );
        let mut table = Table::new(["stage", "implementation", "bits", "threads", "records/s"]);
        for figure in self.entries.iter().chain(&self.stages) {
            table.row([
                figure.stage.into(),
                Line::sentence(figure.implementation),
                figure.bits.map_or("-".into(), |bits| line!("{}", bits)),
                line!("{}", figure.threads),
                line!("{:.0}", figure.per_second()),
            ]);
        }
        out::table(&table);
        outln!();
        picture::bars(&self.series())
            .lines()
            .for_each(|line| outln!("{line}"));
    }

    /// Records per second over threads: RSA by implementation, and the children that call `DecryptData`.
    pub(super) fn series(&self) -> Vec<picture::Series> {
        let mut series: Vec<picture::Series> = Vec::new();
        let decrypt = self.stages.iter().filter(|figure| figure.stage == "decrypt");
        for figure in self.entries.iter().chain(decrypt) {
            let name = format!("{} {}", figure.stage, figure.implementation);
            let point = (figure.threads as f64, figure.per_second());
            match series.iter_mut().find(|one| one.name == name) {
                Some(one) => one.points.push(point),
                None => series.push(picture::Series {
                    name,
                    points: vec![point],
                }),
            }
        }
        series
    }
}
