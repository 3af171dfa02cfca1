//! `shiguan bench`: what this machine does, said with everything a doubter needs to repeat it.
//!
//! Every figure is made on the mock library's cipher and comes with seed, machine and versions. `unseal` looks at
//! the stages one by one, `ingest` at the whole way through real children into a fresh archive, `search` at answers.

mod disturbed;
mod ingest;
mod known;
mod machine;
mod media;
mod picture;
mod search;
mod unseal;
mod watch;

use std::{fs, path::PathBuf, process::Command};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Global, out,
    outcome::{Exit, Failure},
};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Records per second of each stage, and of each RSA implementation over 1…n threads
    ///
    /// The corpus is the mock library's (AES-256-CBC in place of Tencent's unpublished cipher), so the figure of
    /// the decrypt stage is the mock's; the others are this program's own.
    Unseal(unseal::Args),
    /// The whole way: a corpus pulled through the real children into a fresh archive, every page durable
    Ingest(ingest::Args),
    /// Answers of the archive: 2 to 4 characters, two terms, person with date and term, one character
    Search(search::Args),
    /// Files through real children into a fresh vault, beside plain copies of the same files
    Media(media::Args),
    /// unseal, ingest (with RSA and without), search and media in one run
    All(All),
}

/// Records and characters of each that memory has to stand.
const EXTREMES: [(u64, u32); 2] = [(1_000, 50_000), (260, 330_000)];

/// Arguments of `bench all`.
#[derive(Debug, clap::Args)]
struct All {
    /// Records of the archive
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    records: u64,
    /// MiB of files, 32 each
    #[arg(long, value_name = "N", default_value_t = 512)]
    files_mib: u64,
    /// Seed of the corpus and of the questions
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Folder for the scratch archives; its file system decides what a commit costs
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Also draw records per second over threads into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Unseal(args) => {
            let outcome = unseal::measure(args)?;
            draw(args.svg.as_ref(), &outcome)?;
            if args.json {
                out::json(&outcome.json(args));
            } else {
                outcome.print(args);
            }
        }
        Verb::Ingest(args) => {
            let outcome = ingest::measure(global, args)?;
            if let Some(file) = &args.svg {
                fs::write(file, outcome.svg())?;
            }
            if args.json {
                out::json(&outcome.json());
            } else {
                outcome.print();
            }
        }
        Verb::Search(args) => search::run(global, args)?,
        Verb::Media(args) => {
            let outcome = media::measure(global, args)?;
            if args.json {
                out::json(&outcome.json());
            } else {
                outcome.print();
            }
        }
        Verb::All(args) => all(global, args)?,
    }
    Ok(Exit::Well)
}

fn draw(file: Option<&PathBuf>, outcome: &unseal::Outcome) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let picture = picture::svg(
        "Records per second over threads",
        &machine::headline(),
        "threads",
        &outcome.series(),
    );
    Ok(fs::write(file, picture)?)
}

fn all(global: &Global, args: &All) -> Result<(), Failure> {
    let stages = unseal::Args {
        records: args.records.clamp(1, 4_000),
        threads: None,
        seed: args.seed,
        repeat: 3,
        json: args.json,
        svg: None,
    };
    let unseal = unseal::measure(&stages)?;
    draw(args.svg.as_ref(), &unseal)?;
    let whole = ingest::Args {
        records: args.records,
        seed: args.seed,
        dir: args.dir.clone(),
        json: args.json,
        ..ingest::Args::default()
    };
    // One corpus for both; the second archive is the one that is searched.
    let scratch = ingest::Scratch::make(&whole)?;
    let with = ingest::pull(global, &whole, &scratch, "with-rsa")?;
    let bare = ingest::Args {
        rsa: "known".to_owned(),
        ..whole
    };
    let without = ingest::pull(global, &bare, &scratch, "without-rsa")?;
    let questions = search::Questions::new(&without.database, args.seed)?;
    let search = questions.measure()?;
    let files = media::Args {
        total_mib: args.files_mib,
        file_mib: args.files_mib.min(32),
        seed: args.seed,
        dir: args.dir.clone(),
        json: args.json,
    };
    let media = media::measure(global, &files)?;
    let extremes = EXTREMES
        .iter()
        // A small bench is not held up by what memory has to stand.
        .map(|&(records, characters)| (records.min((args.records / 100).max(4)), characters))
        .map(|extreme| at_extreme(global, args, extreme))
        .collect::<Result<Vec<_>, _>>()?;
    if args.json {
        out::json(
            &json!({"bench": "all", "machine": machine::describe(), "seed": args.seed, "records": args.records,
                   "unseal": unseal.json(&stages), "ingest": with.json(), "ingest_without_rsa": without.json(),
                   "search": search.json(), "media": media.json(),
                   "ingest_extremes": extremes}),
        );
    } else {
        unseal.print(&stages);
        outln!();
        with.print();
        outln!();
        without.print();
        outln!();
        search.print();
        outln!();
        media.print();
        outln!();
        for extreme in &extremes {
            outln!(
                "{} texts of {}: {} MiB at most with the children (ceiling {} MiB), {} s",
                extreme["records"],
                extreme["length"].as_str().unwrap_or_default(),
                extreme["peak_together_mib"],
                extreme["ceiling_mib"],
                extreme["seconds"]
            );
        }
    }
    if extremes.iter().any(|extreme| extreme["within_ceiling"] != true) {
        return Err(Failure::run(
            "long texts took more memory than the ceiling of `shiguan bench ingest`",
        ));
    }
    Ok(())
}

/// `bench ingest` on long texts, in a process of its own: this one's memory holds what the benches before have left.
fn at_extreme(global: &Global, args: &All, (records, characters): (u64, u32)) -> Result<Value, Failure> {
    let done = Command::new(std::env::current_exe()?)
        .arg("--config")
        .arg(&global.config)
        .args(["bench", "ingest", "--json", "--rsa", "known"])
        .args(["--records", &records.to_string()])
        .args(["--characters", &characters.to_string()])
        .args(["--seed", &args.seed.to_string()])
        .arg("--dir")
        .arg(&args.dir)
        .output()?;
    if !done.status.success() {
        return Err(Failure::run(format!(
            "`bench ingest` on long texts failed: {}",
            String::from_utf8_lossy(&done.stderr)
        )));
    }
    serde_json::from_slice(&done.stdout).map_err(Failure::run)
}
