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
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "shiguan", &mut script);
    // A script of the program's own; nothing in it is from outside.
    out::bytes(&script)?;
    Ok(Exit::Well)
}
