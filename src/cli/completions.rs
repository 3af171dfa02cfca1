//! `shiguan completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{
    Cli, out,
    outcome::{Exit, Failure},
};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete for
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "shiguan",
        // It panics where a write fails, so it gets a writer that does not.
        &mut out::Stdout,
    );
    Ok(Exit::Well)
}
