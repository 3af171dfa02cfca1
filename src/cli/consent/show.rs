//! `shiguan consent show ID`: the spans of everybody an id is about.

use serde_json::json;

use super::{
    super::{
        Global,
        context::{Context, Quiet},
        out::Page,
        outcome::{Exit, Failure},
        render::{self, Table},
        words::Words,
    },
    words,
};
use crate::{
    consent::{Change, Span, Subject, Talk, spans},
    ids::CompanyId,
    line,
    message::Language,
    sanitize::{Line, value},
};

/// Arguments of `consent show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An external person, a member, or a group (roomid)
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// One JSON object per span
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let speak = Words(context.language);
    let mut subjects: Vec<((CompanyId, Subject), Vec<Change>)> = Vec::new();
    for known in reader.consent_of(&args.id)? {
        let key = (known.company, known.subject);
        match subjects.last_mut() {
            Some((last, changes)) if *last == key => changes.push(known.change),
            _ => subjects.push((key, vec![known.change])),
        }
    }
    if subjects.is_empty() {
        return Err(
            Failure::run(line!("nothing is known about the consent of {}", value(&args.id))).hint(
                "`shiguan consent check` asks WeCom; ids of external people and groups are case-sensitive",
            ),
        );
    }
    let mut out = Page::begin();
    let mut table = Table::new(match context.language {
        Language::Chinese => ["外部联系人", "会话", "状态", "自", "至", "得知方式"],
        Language::English => ["external", "conversation", "state", "from", "to", "learnt"],
    });
    for ((company, subject), changes) in &subjects {
        for span in spans(changes) {
            if args.json {
                out.json(&span_json(
                    &context,
                    reader.company_name(*company)?,
                    subject,
                    &span,
                ))?;
                continue;
            }
            let told = span.told.iter().map(|change| {
                let at = render::time(Some(change.learnt), &context.zone);
                line!("{} {}", words::how(speak, change.how), at)
            });
            table.row([
                value(&subject.external),
                words::talk(speak, subject),
                words::state(speak, &span.state),
                render::time(Some(span.from), &context.zone),
                render::time(span.to, &context.zone),
                Line::join(told, "；"),
            ]);
        }
    }
    if !args.json {
        out.table(&table)?;
        out.line(render::zone_line(speak, &context.zone))?;
    }
    out.flush()?;
    Ok(Exit::Well)
}

fn span_json(
    context: &Context,
    company: Option<String>,
    subject: &Subject,
    span: &Span,
) -> serde_json::Value {
    let zone = &context.zone;
    let (room, member) = match &subject.talk {
        Talk::Room(id) => (Some(id), None),
        Talk::With(id) => (None, Some(id)),
    };
    let told: Vec<_> = span
        .told
        .iter()
        .map(|change| {
            json!({"how": change.how.as_str(), "since": render::time_json(Some(change.since), zone),
                   "dated": change.dated, "learnt": render::time_json(Some(change.learnt), zone),
                   "seen": render::time_json(Some(change.seen), zone)})
        })
        .collect();
    json!({
        "company": company,
        "external": subject.external,
        "room": room,
        "member": member,
        "state": span.state.standing().as_str(),
        "status": span.state.as_word(),
        "from": render::time_json(Some(span.from), zone),
        "from_ms": span.from.0,
        "to": render::time_json(span.to, zone),
        "to_ms": span.to.map(|to| to.0),
        "told": told,
    })
}
