//! `bench search`: how long answers take, with questions that have answers.
//!
//! Terms are cut out of messages drawn at random, so that common ones come up as often as they stand there. "Warm"
//! repeats a question on an open connection, "fresh" asks on a new connection whose own cache is empty, as each command
//! does, "cold" on a new connection after the system was asked to forget the file's pages, as after a restart.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{ingest, machine};
use crate::{
    cli::{Global, out, outcome::Failure, render::Table},
    ids::{CompanyId, Millis, Seq},
    line,
    message::{self, Message, Place},
    sanitize::Line,
    search,
    store::{
        Reader,
        contract::{Filter, Order},
    },
};

/// Rows of a first page.
const PAGE: usize = 20;
/// Questions of each kind.
const QUESTIONS: usize = 200;

/// Arguments of `bench search`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Ask this archive (its archive.db) instead of making one
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    /// Records of the archive that is made
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    records: u64,
    /// Seed of the questions, and of the corpus that is made
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Folder for the archive that is made, which is deleted afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let scratch;
    let database = match &args.archive {
        Some(archive) => archive.clone(),
        None => {
            let making = ingest::Args {
                records: args.records,
                seed: args.seed,
                dir: args.dir.clone(),
                rsa: "known".to_owned(),
                ..ingest::Args::default()
            };
            scratch = ingest::Scratch::make(&making)?;
            ingest::pull(global, &making, &scratch, "archive")?.database
        }
    };
    let answers = Questions::new(&database, args.seed)?.measure()?;
    if args.json {
        out::json(&answers.json());
    } else {
        answers.print();
    }
    Ok(())
}

/// The kinds of questions, in the order of the report.
const KINDS: [&str; 6] = [
    "2 characters",
    "3 characters",
    "4 characters",
    "two terms",
    "person, date and term",
    "1 character",
];

/// What was read before, in the order of the report.
const STATES: [&str; 3] = ["warm", "fresh", "cold"];

/// Questions with answers, by kind.
pub(super) struct Questions {
    database: PathBuf,
    seed: u64,
    records: u64,
    filters: Vec<(&'static str, Vec<Filter>)>,
}

/// How long they took.
pub(super) struct Answers {
    seed: u64,
    records: u64,
    figures: Vec<Figure>,
}

struct Figure {
    kind: &'static str,
    what: &'static str,
    state: &'static str,
    /// Milliseconds, ascending.
    times: Vec<f64>,
    /// Messages found by the median question.
    found: u64,
}

impl Questions {
    /// Draws messages and cuts questions out of them.
    pub(super) fn new(database: &Path, seed: u64) -> Result<Self, Failure> {
        let reader = Reader::open(database)?;
        let (company, _) = *reader
            .companies()?
            .first()
            .ok_or_else(|| Failure::run("the archive is empty, so there is nothing to ask for"))?;
        let last = reader.cursor(company)?.0;
        let mut chance = Chance(seed);
        let mut filters: Vec<(&'static str, Vec<Filter>)> =
            KINDS.into_iter().map(|kind| (kind, Vec::new())).collect();
        // Many a drawn message holds no Chinese text; the bound ends the search on an archive without any.
        for _ in 0..QUESTIONS * 100 {
            if filters.iter().all(|(_, list)| list.len() >= QUESTIONS) {
                break;
            }
            let Some(message) = drawn(&reader, company, chance.below(last.max(1)))? else {
                continue;
            };
            for (kind, list) in &mut filters {
                if list.len() < QUESTIONS
                    && let Some(question) = ask(kind, &message, &mut chance)
                {
                    list.push(search::parse(&question, &zone(), Millis::now()).map_err(Failure::run)?);
                }
            }
        }
        Ok(Self {
            database: database.to_owned(),
            seed,
            records: reader.coverage()?.opened,
            filters,
        })
    }

    /// Asks all of them.
    pub(super) fn measure(&self) -> Result<Answers, Failure> {
        let mut figures = Vec::new();
        for (kind, filters) in &self.filters {
            if filters.is_empty() {
                continue;
            }
            let mut pages: [Vec<f64>; STATES.len()] = Default::default();
            let mut counts: [Vec<f64>; STATES.len()] = Default::default();
            let mut found = Vec::new();
            for filter in filters {
                let page = |reader: &Reader| {
                    timed(|| reader.find(filter, Order::NewestFirst, None, PAGE)).map(|(ms, _)| ms)
                };
                let count = |reader: &Reader| timed(|| reader.count(filter));
                machine::forget(&self.database)?;
                pages[2].push(page(&Reader::open(&self.database)?)?);
                machine::forget(&self.database)?;
                counts[2].push(count(&Reader::open(&self.database)?)?.0);
                // The pages are in the system's cache now, as far as the answers need them.
                page(&Reader::open(&self.database)?)?;
                pages[1].push(page(&Reader::open(&self.database)?)?);
                let reader = Reader::open(&self.database)?;
                let (ms, total) = count(&reader)?;
                counts[1].push(ms);
                found.push(total);
                page(&reader)?;
                pages[0].push(page(&reader)?);
                counts[0].push(count(&reader)?.0);
            }
            found.sort_unstable();
            for (what, states) in [("first page", pages), ("exact count", counts)] {
                for (state, mut times) in STATES.into_iter().zip(states) {
                    times.sort_by(f64::total_cmp);
                    figures.push(Figure {
                        kind,
                        what,
                        state,
                        times,
                        found: found[found.len() / 2],
                    });
                }
            }
        }
        Ok(Answers {
            seed: self.seed,
            records: self.records,
            figures,
        })
    }
}

impl Figure {
    fn percentile(&self, percent: usize) -> f64 {
        let place = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        (self.times.get(place).unwrap_or(&0.0) * 1000.0).round() / 1000.0
    }
}

impl Answers {
    pub(super) fn json(&self) -> Value {
        let entries: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                json!({"query": figure.kind, "what": figure.what, "state": figure.state,
                       "queries": figure.times.len(), "found_median": figure.found,
                       "p50_ms": figure.percentile(50), "p95_ms": figure.percentile(95)})
            })
            .collect();
        json!({"bench": "search", "machine": machine::describe(), "seed": self.seed, "records": self.records,
               "page": PAGE, "fresh": "new connection", "cold": "new connection, the file's pages dropped from the system's cache", "entries": entries})
    }

    pub(super) fn print(&self) {
        outln!("{}", machine::headline());
        outln!(
            "{} opened records, seed {}, first page of {PAGE}; fresh: new connection, cold: and the file's pages dropped",
            crate::cli::render::number(self.records),
            self.seed
        );
        let mut table = Table::new([
            "question",
            "answer",
            "",
            "asked",
            "found (median)",
            "p50 ms",
            "p95 ms",
        ]);
        for figure in &self.figures {
            table.row([
                figure.kind.into(),
                Line::sentence(figure.what),
                figure.state.into(),
                line!("{}", figure.times.len()),
                line!("{}", figure.found),
                line!("{:.2}", figure.percentile(50)),
                line!("{:.2}", figure.percentile(95)),
            ]);
        }
        out::table(&table);
    }
}

fn timed<R>(work: impl FnOnce() -> crate::store::Result<R>) -> Result<(f64, R), Failure> {
    let began = Instant::now();
    let made = work()?;
    Ok((began.elapsed().as_secs_f64() * 1000.0, made))
}

/// The opened message at or shortly before a seq.
fn drawn(reader: &Reader, company: CompanyId, seq: u64) -> Result<Option<Message>, Failure> {
    let filter = Filter::And(vec![
        Filter::Company(company),
        Filter::Seq(Seq(seq.saturating_sub(8)), Seq(seq)),
    ]);
    let found = reader.find(&filter, Order::NewestFirst, None, 1)?;
    Ok(found
        .into_iter()
        .filter_map(|hit| hit.opened)
        .map(|opened| message::read(&opened.plaintext))
        .next())
}

/// A question of a kind that the message answers; nothing when it cannot.
fn ask(kind: &str, message: &Message, chance: &mut Chance) -> Option<String> {
    match kind {
        "1 character" => window(message, 1, chance),
        "2 characters" => window(message, 2, chance),
        "3 characters" => window(message, 3, chance),
        "4 characters" => window(message, 4, chance),
        "two terms" => Some(format!(
            "{} {}",
            window(message, 2, chance)?,
            window(message, 2, chance)?
        )),
        _ => {
            let day = Timestamp::from_millisecond(message.time?.0)
                .ok()?
                .to_zoned(zone())
                .date();
            let from = (!message.from.is_empty()).then(|| search::quote(&message.from))?;
            Some(format!("from:{from} on:{day} {}", window(message, 2, chance)?))
        }
    }
}

/// That many neighbouring Chinese characters of the message's own text.
fn window(message: &Message, length: usize, chance: &mut Chance) -> Option<String> {
    let text = message
        .segments
        .iter()
        .find(|segment| segment.places.contains(Place::Text))?;
    let characters: Vec<char> = text.text.chars().collect();
    let windows: Vec<&[char]> = characters
        .windows(length)
        .filter(|window| window.iter().all(|c| ('\u{4e00}'..='\u{9fff}').contains(c)))
        .collect();
    let chosen = windows.get(chance.below(windows.len() as u64) as usize)?;
    Some(chosen.iter().collect())
}

/// The zone that days are meant in; questions only have to be the same everywhere.
fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(8))
}

/// SplitMix64: the same questions on every machine and with every version of every crate.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
