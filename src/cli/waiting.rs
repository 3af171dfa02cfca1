//! `shiguan waiting`: what is kept and not open yet, and why.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    keys, out,
    outcome::{Exit, Failure},
    render::{self, Table},
    words::Words,
};
use crate::{
    ids::RecordId,
    line,
    record::Reason,
    sanitize::{Line, value},
    source::page,
};

/// Arguments of `waiting`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this reason: no_key, key_mismatch, malformed, refused, poison or unreadable
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
            out::json(
                &json!({"company": reader.company_name(row.company)?, "seq": row.seq.0, "msgid": row.msgid,
                        "publickey_ver": row.key_version.0, "reason": row.reason.as_str(), "detail": row.detail,
                        "attempts": row.attempts}),
            );
        } else {
            table.row([
                line!("{}", row.seq.0),
                row.reason.as_str().into(),
                line!("{}", row.key_version.0),
                line!("{}", row.attempts),
                value(&row.msgid),
                Line::sentence(&row.detail),
            ]);
        }
    }
    let aside = reader.aside(None)?;
    if args.reason.is_none() {
        for stray in reader.strays(None, 0, args.limit)? {
            let msgid = page::stray_msgid(&stray.raw);
            let company = reader.company_name(stray.company)?;
            let detail = format!(
                "an item of {} bytes without a usable seq, in the answer behind seq {}",
                stray.raw.len(),
                stray.asked
            );
            if args.json {
                // The item holds a sealed key and body, which nobody can open without the company's keys.
                let raw = match std::str::from_utf8(&stray.raw) {
                    Ok(text) => json!({"raw": text}),
                    Err(_) => json!({"raw_base64": STANDARD.encode(&stray.raw)}),
                };
                let mut line = json!({"company": company, "seq": null, "msgid": msgid, "reason": "stray",
                                      "detail": detail, "asked": stray.asked.0});
                merge(&mut line, raw);
                out::json(&line);
            } else {
                table.row([
                    "-".into(),
                    "stray".into(),
                    "-".into(),
                    "-".into(),
                    value(&msgid),
                    Line::sentence(detail),
                ]);
            }
        }
        for gap in reader.gaps(None, true)? {
            let (first, last) = (gap.range.first, gap.range.last);
            if args.json {
                out::json(
                    &json!({"company": reader.company_name(gap.company)?, "seq": last.0, "first_seq": first.0,
                            "reason": gap.kind.as_str(), "detail": gap.cause, "attempts": gap.tries}),
                );
            } else {
                let range = match first == last {
                    true => line!("{}", first.0),
                    false => line!("{}–{}", first.0, last.0),
                };
                let tried = line!("{}", gap.tries);
                table.row([
                    range,
                    gap.kind.as_str().into(),
                    "-".into(),
                    tried,
                    Line::default(),
                    Line::sentence(&gap.cause),
                ]);
            }
        }
    }
    if !args.json {
        if !table.is_empty() {
            out::table(&table);
            outln!(render::zone_line(Words(context.language), &context.zone));
        }
        for (reason, count) in reader.waiting(None)? {
            errln!("{reason}: {} ({})", render::number(count), cure(reason));
        }
        if aside.strays > 0 {
            errln!(
                "stray: {} (kept as received; looked at again by every run, and by another version of shiguan)",
                render::number(aside.strays)
            );
        }
        if aside.unpullable > 0 {
            errln!(
                "unpullable: {} (GetChatData fails on it; asked for again with growing pauses, or now by shiguan pull --gaps)",
                render::number(aside.unpullable)
            );
        }
        if aside.unseen > 0 {
            errln!(
                "skipped: {} ranges (shiguan pull --gaps goes back for them while WeCom has them)",
                render::number(aside.unseen)
            );
        }
        keys::tell_misplaced(&context, None);
    }
    Ok(Exit::Well)
}

/// Adds the members of one object to another.
fn merge(line: &mut Value, more: Value) {
    if let (Value::Object(line), Value::Object(more)) = (line, more) {
        line.extend(more);
    }
}

/// What could change the outcome.
fn cure(reason: Reason) -> &'static str {
    match reason {
        Reason::NoKey => "add the private key of that version: shiguan keys add FILE --version N",
        Reason::KeyMismatch => "the key of that version is not the right one: shiguan keys check",
        Reason::Malformed => "kept as received; pull the range again within five days, it may come whole",
        Reason::Refused => "the SDK refused it; tried again with another SDK build, or by shiguan retry",
        Reason::Unreadable => {
            "the SDK said yes and gave no message; tried again with growing pauses, with another SDK build, or by shiguan retry"
        }
        Reason::Poison => {
            "it took the SDK's process down twice; tried again with another SDK build, or by shiguan retry"
        }
    }
}
