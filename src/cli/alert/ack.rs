//! `shiguan alert ack`: a person takes note of what cannot end by itself.

use serde_json::json;

use super::{
    super::{
        context::Context,
        out,
        outcome::{Exit, Failure},
        words::Words,
    },
    duty,
};
use crate::{alert::Incident, archive::watch, ids::Millis};

/// Characters of a name, and of a note.
const LONGEST: (usize, usize) = (100, 1_000);

/// Arguments of `alert ack`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The incident's number, as `shiguan alert list` shows it
    #[arg(value_name = "ID", required_unless_present = "all")]
    id: Option<i64>,
    /// Every incident that waits for this
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Who takes note; kept with the incident
    #[arg(long, value_name = "NAME", value_parser = name)]
    by: String,
    /// What was found, or done about it; kept with the incident
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = note)]
    note: String,
    /// One JSON object per incident
    #[arg(long)]
    json: bool,
}

fn name(text: &str) -> Result<String, String> {
    match plain(text, LONGEST.0)? {
        empty if empty.is_empty() => Err("a name is needed".to_owned()),
        name => Ok(name),
    }
}

fn note(text: &str) -> Result<String, String> {
    plain(text, LONGEST.1)
}

/// It is shown on terminals and sent in messages.
fn plain(text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("it holds a control character or more than one line".to_owned());
    }
    if text.chars().count() > longest {
        return Err(format!("it is longer than {longest} characters"));
    }
    Ok(text.to_owned())
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let listed = watch::list(&context.reader()?, usize::MAX)?;
    let words = Words(context.language);
    let waits = |one: &Incident| one.ended.is_none() && one.kind.needs_acknowledgement();
    let chosen: Vec<i64> = match args.id {
        None => listed
            .iter()
            .filter(|(one, _)| waits(one))
            .filter_map(|(one, _)| one.id)
            .collect(),
        Some(id) => {
            let found = listed.iter().find(|(one, _)| one.id == Some(id));
            match found {
                Some((one, _)) if waits(one) => vec![id],
                Some((one, _)) if one.acknowledged.is_some() => {
                    return Err(Failure::usage(format!("incident {id} was acknowledged before")));
                }
                Some(_) => {
                    return Err(Failure::usage(format!(
                        "incident {id} is not one that a person ends; it is over when its cause is gone"
                    ))
                    .hint("set its cause right; `shiguan alert list` says what was seen"));
                }
                None => {
                    return Err(Failure::usage(format!("there is no incident {id}"))
                        .hint("`shiguan alert list` shows the numbers"));
                }
            }
        }
    };
    let mut store = context.store()??;
    let mut count = 0;
    for id in chosen {
        // Somebody else may have been quicker.
        let Some(incident) = store.acknowledge(id, &args.by, &args.note, Millis::now())? else {
            continue;
        };
        count += 1;
        if args.json {
            out::json(&super::incident_json(&(incident, Default::default()), context));
            continue;
        }
        let title = duty::title(context, incident.kind);
        let seen = duty::speech(context).seen(&incident);
        outln!(
            "{}",
            words.say(
                format!("已由 {} 确认：{id} {title}：{seen}", args.by),
                format!("acknowledged by {}: {id} {title}: {seen}", args.by)
            )
        );
    }
    if count == 0 && !args.json {
        errln!(
            "{}",
            words.say("没有待确认的事项", "nothing waits to be acknowledged")
        );
    }
    Ok(Exit::Well)
}

/// As JSON: who took note of it.
pub(super) fn acknowledged_json(incident: &Incident, context: &Context) -> serde_json::Value {
    match &incident.acknowledged {
        None => serde_json::Value::Null,
        Some(one) => json!({
            "by": one.by,
            "at": super::render::time_json(Some(one.at), &context.zone),
            "note": one.note,
        }),
    }
}
