//! Parses, runs the verb, tells the failure once, returns the exit code.

use std::{ffi::OsString, panic, process::ExitCode};

use clap::Parser;

use super::{
    Cli, Verb, alert, api, backup, bench, chat, completeness, completions, config, consent, count, demo,
    digest, directory, doctor,
    gathered::gathered,
    heard, init, keys, media, mock, out,
    outcome::{Exit, Failure},
    pull, reindex, repair, restore, retry, run, runs, search, show, stats, verify, waiting,
};
use crate::sanitize::Line;

/// The program, behind `main`.
pub fn main() -> ExitCode {
    keep_cores_private();
    panic::set_hook(Box::new(out::panicked));
    let typed = gathered(std::env::args_os());
    let cli = match Cli::try_parse_from(&typed) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&typed, &error),
    };
    let ended = dispatch(&cli);
    let printed = out::finish();
    match ended.and_then(|exit| printed.map(|()| exit).map_err(Failure::unprinted)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell(),
    }
}

/// Help, the version, or what is wrong with the arguments. clap repeats them inside text of its own, so its answer is made
/// from arguments in which nothing can act; every style in it is then clap's.
fn not_parsed(typed: &[OsString], error: &clap::Error) -> ExitCode {
    let shown = typed
        .iter()
        .map(|argument| Line::sentence(argument.to_string_lossy()).to_string());
    match Cli::try_parse_from(shown) {
        Err(again) if again.kind() == error.kind() => out::parser(&again),
        // The signs have made another fault of it, or none.
        _ => error
            .to_string()
            .lines()
            .for_each(|line| out::tell(&Line::sentence(line))),
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn dispatch(cli: &Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    match &cli.verb {
        Verb::Demo(args) => demo::run(global, args),
        Verb::Init(args) => init::run(args),
        Verb::Doctor(args) => doctor::run(global, args),
        Verb::Pull(args) => pull::run(global, args),
        Verb::Run(args) => run::run(global, args),
        Verb::Search(args) => search::run(global, args),
        Verb::Count(args) => count::run(global, args),
        Verb::Show(args) => show::run(global, args),
        Verb::Chat(args) => chat::run(global, args),
        Verb::Stats(args) => stats::run(global, args),
        Verb::Runs(args) => runs::run(global, args),
        Verb::Waiting(args) => waiting::run(global, args),
        Verb::Retry(args) => retry::run(global, args),
        Verb::Consent(args) => consent::run(global, args),
        Verb::Completeness(args) => completeness::run(global, args),
        Verb::Events(args) => heard::run(global, args),
        Verb::Alert(args) => alert::run(global, args),
        Verb::Media(args) => media::run(global, args),
        Verb::Keys(args) => keys::run(global, args),
        Verb::Config(args) => config::run(global, args),
        Verb::Directory(args) => directory::run(global, args),
        Verb::Api(args) => api::run(global, args),
        Verb::Reindex(args) => reindex::run(global, args),
        Verb::Backup(args) => backup::run(global, args),
        Verb::Restore(args) => restore::run(global, args),
        Verb::Verify(args) => verify::run(global, args),
        Verb::Repair(args) => repair::run(global, args),
        Verb::Digest(args) => digest::run(global, args),
        Verb::Bench(args) => bench::run(global, args),
        Verb::Mock(args) => mock::run(args),
        Verb::Completions(args) => completions::run(args),
    }
}

/// This process holds private keys: its memory must not end in a core file (promise 9).
fn keep_cores_private() {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Core, none) {
        errln!("warning: cannot switch core files off ({error}); a crash could leave keys on disk");
    }
}
