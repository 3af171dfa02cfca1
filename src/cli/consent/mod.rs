//! `shiguan consent`: ask WeCom who agreed to being archived, show what is known, report what is missing.

mod check;
mod report;
mod show;
mod shown;
pub(super) mod task;
mod words;

use clap::Subcommand;

use super::{
    Global,
    outcome::{Exit, Failure},
};

pub(super) use shown::{Shown, tell_coverage};

/// Arguments of `consent`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ask WeCom about every single chat and group with somebody outside whose answer is missing or old
    Check(check::Args),
    /// Show who agreed or refused from when to when, and how that was learnt
    Show(show::Args),
    /// List who wrote without any agreement, who is recorded and says nothing, and groups with somebody who refused
    Report(report::Args),
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Check(args) => check::run(global, args),
        Verb::Show(args) => show::run(global, args),
        Verb::Report(args) => report::run(global, args),
    }
}
