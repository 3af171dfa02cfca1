//! `shiguan mock`: corpora for the mock library.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use sdk_mock::{
    generate::{self, Plan},
    seal::{SealOptions, seal_folder},
};

use super::{
    outcome::{Exit, Failure},
    progress,
};

/// Arguments of `mock`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a corpus of realistic Chinese business chat, sealed to key pairs of its own
    ///
    /// The corpus folder holds its private keys as PEM files under keys/. The mock library finds the folder
    /// through the environment variable SHIGUAN_MOCK_CORPUS; `shiguan init --mock` sets it for a company.
    Generate(Generate),
    /// Seal plaintext messages of your own: every *.json file of a folder, in name order, bytes as they are
    ///
    /// The corpus folder holds its private keys as PEM files under keys/. The mock library finds the folder
    /// through the environment variable SHIGUAN_MOCK_CORPUS; `shiguan init --mock` sets it for a company.
    Seal(Seal),
}

/// Arguments of `mock generate`.
#[derive(Debug, clap::Args)]
struct Generate {
    /// Folder to make; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    messages: u64,
    /// Same seed, same corpus
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many versions of the public key, taking turns along the stream
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    key_versions: u32,
    /// Length of texts: short (about 20 Chinese characters in the middle) or long (132 on average)
    #[arg(long, value_enum, default_value_t = Length::Short)]
    length: Length,
    /// Every message a text of exactly so many characters, in place of `--length`
    #[arg(long, value_name = "N", conflicts_with = "length")]
    characters: Option<u32>,
    /// Faults the library is to make, as a JSON file (format: sdk-ffi/mock/README.md)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Leave out truth.jsonl, the plaintexts beside the corpus
    #[arg(long)]
    no_truth: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Length {
    Short,
    Long,
}

/// Arguments of `mock seal`.
#[derive(Debug, clap::Args)]
struct Seal {
    /// Folder with the plaintexts
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Folder to make; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many versions of the public key, taking turns along the stream
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    key_versions: u32,
    /// Seed of the key pairs and made-up ids
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Generate(args) => generate(args),
        Verb::Seal(args) => seal(args),
    }
}

fn generate(args: &Generate) -> Result<Exit, Failure> {
    let plan = Plan {
        messages: args.messages,
        seed: args.seed,
        key_versions: args.key_versions,
        length: match (args.characters, args.length) {
            (Some(characters), _) => generate::Length::Exactly(characters),
            (None, Length::Short) => generate::Length::Short,
            (None, Length::Long) => generate::Length::Long,
        },
        faults: args.faults.clone(),
        truth: !args.no_truth,
        ..Plan::default()
    };
    let bar = bar(args.messages, "sealing");
    let made = generate::generate(&plan, &args.out, &|done| bar.set_position(done));
    bar.finish_and_clear();
    tell(made, &args.out)
}

fn seal(args: &Seal) -> Result<Exit, Failure> {
    let options = SealOptions {
        key_versions: args.key_versions,
        seed: args.seed,
        ..SealOptions::default()
    };
    tell(seal_folder(&args.from, &args.out, &options), &args.out)
}

fn tell(made: Result<generate::Summary, sdk_mock::Error>, out: &Path) -> Result<Exit, Failure> {
    let made = made.map_err(Failure::run)?;
    outln!("{}", out.display());
    errln!(
        "{} records sealed; private keys in {}",
        made.records,
        out.join("keys").display(),
    );
    errln!("next: shiguan init --dir DIR --mock {}", out.display());
    errln!(
        "      or, for a program of your own: {}={} and libsdk_mock.so in place of the official library",
        sdk_mock::CORPUS_VARIABLE,
        out.display()
    );
    Ok(Exit::Well)
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(total: u64, what: &'static str) -> ProgressBar {
    if !progress::wanted(false) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} [{bar:32.cyan/blue}] {pos}/{len} {per_sec}");
    ProgressBar::new(total)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(what)
}
