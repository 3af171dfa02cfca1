//! `shiguan config`: what is configured, and where each value comes from.

use clap::Subcommand;
use serde_json::json;

use super::{
    Global,
    context::Context,
    out,
    outcome::{Exit, Failure},
    render::Table,
};
use crate::{config, sanitize::Line};

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print every value with the layer it comes from (secrets masked)
    Show {
        /// One JSON object per value
        #[arg(long)]
        json: bool,
    },
    /// Print the reference of all keys, as in docs/configuration.md
    Reference,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Reference => config::reference_markdown()
            .lines()
            .for_each(|line| outln!("{line}")),
        Verb::Show { json: as_json } => {
            let context = Context::load(global)?;
            let mut table = Table::new(["key", "value", "from"]);
            for value in context.config.explain() {
                if as_json {
                    out::json(
                        &json!({"key": value.key, "value": value.value, "layer": value.layer.as_str(),
                                "source": value.source}),
                    );
                } else {
                    table.row([
                        Line::sentence(&value.key),
                        Line::sentence(&value.value),
                        Line::sentence(&value.source),
                    ]);
                }
            }
            if !as_json {
                out::table(&table);
            }
        }
    }
    Ok(Exit::Well)
}
