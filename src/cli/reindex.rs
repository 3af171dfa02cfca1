//! `shiguan reindex`: derive again what an older program wrote by older rules. `shiguan run` does the same in the background.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
    signals,
    words::Words,
};
use crate::{archive, store::contract::Reindex};

/// Between two lines of progress on a terminal.
const PACE: Duration = Duration::from_millis(500);

/// Arguments of `reindex`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::No)?;
    let words = Words(context.language);
    if !context.database().exists() {
        // Says what to do; opening it for writing would make one.
        drop(context.reader()?);
    }
    let desk = context.desk()?;
    let draws = !args.json && std::io::stderr().is_terminal();
    let mut shown: Option<Instant> = None;
    let progress = |state: Reindex| {
        if draws && shown.is_none_or(|at| at.elapsed() >= PACE) {
            shown = Some(Instant::now());
            errln!("{}", words.reindexing(state));
        }
    };
    let done = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        Ok::<_, Failure>(archive::reindex(&desk, false, stop, progress).await?)
    })?;
    desk.close();
    let each_us = (done.moved > 0).then(|| done.took.as_micros() as u64 / done.moved);
    if args.json {
        out::json(&json!({
            "derived_again": done.moved,
            "left": done.state.left,
            "messages": done.state.messages,
            "took_ms": done.took.as_millis() as u64,
            "us_per_record": each_us,
        }));
    } else {
        outln!("{}", words.reindexed(done.moved, done.state, done.took, each_us));
    }
    // Stopped before the end: whoever waits for a complete index must not take this for one.
    Ok(if done.state.left == 0 {
        Exit::Well
    } else {
        Exit::Waiting
    })
}
