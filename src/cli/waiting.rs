//! `shiguan waiting`: what is kept and not open yet, and why.

use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    outcome::{Exit, Failure},
    render::{self, Table},
};
use crate::{ids::RecordId, record::Reason};

/// Arguments of `waiting`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this reason: no_key, key_mismatch, malformed, refused or poison
    #[arg(long, value_parser = super::retry::reason)]
    reason: Option<Reason>,
    /// One JSON object per record
    #[arg(long)]
    json: bool,
    /// Records to list at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let rows = reader.waiting_list(None, args.reason, RecordId(0), args.limit)?;
    let mut table = Table::new(["seq", "reason", "key version", "tried", "msgid", "cause"]);
    for row in rows {
        if args.json {
            outln!(
                "{}",
                json!({"company": reader.company_name(row.company)?, "seq": row.seq.0, "msgid": row.msgid,
                       "publickey_ver": row.key_version.0, "reason": row.reason.as_str(), "detail": row.detail,
                       "attempts": row.attempts})
            );
        } else {
            table.row([
                row.seq.to_string(),
                row.reason.to_string(),
                row.key_version.to_string(),
                row.attempts.to_string(),
                row.msgid,
                row.detail,
            ]);
        }
    }
    if !args.json {
        if !table.is_empty() {
            out!("{table}");
        }
        for (reason, count) in reader.waiting(None)? {
            errln!("{reason}: {} ({})", render::number(count), cure(reason));
        }
    }
    Ok(Exit::Well)
}

/// What could change the outcome.
fn cure(reason: Reason) -> &'static str {
    match reason {
        Reason::NoKey => "add the private key of that version: shiguan keys add FILE --version N",
        Reason::KeyMismatch => "the key of that version is not the right one: shiguan keys check",
        Reason::Malformed => "kept as received; pull the range again within five days, it may come whole",
        Reason::Refused => "the SDK refused it; tried again with another SDK build, or by shiguan retry",
        Reason::Poison => {
            "it took the SDK's process down twice; tried again with another SDK build, or by shiguan retry"
        }
    }
}
