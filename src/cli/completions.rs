//! `shiguan completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{
    Cli,
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
        &mut std::io::stdout().lock(),
    );
    Ok(Exit::Well)
}
