//! `shiguan digest`: one hash over everything the archive holds.

use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
};

/// Arguments of `digest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::No)?;
    let reader = context.reader()?;
    let hash = reader.content_hash()?;
    if args.json {
        out::json(&json!({"sha256": hash, "records": reader.coverage()?.records}));
    } else {
        outln!("{hash}");
    }
    Ok(Exit::Well)
}
