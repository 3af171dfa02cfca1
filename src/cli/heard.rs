//! `shiguan events`: what WeCom told by itself, and what is still to be read again because of it.

use serde_json::{Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    out::Page,
    outcome::{Exit, Failure},
    render::{self, Table},
    words::Words,
};
use crate::{
    ids::{CompanyId, Millis},
    line,
    sanitize::{Line, value},
    store::{
        Reader,
        contract::heard::{EventId, EventRow, Handled, Stale, Subject, SubjectKind},
    },
};

/// Arguments of `events`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the events that are kept, latest first
    List(List),
    /// List who and which rooms are still to be read again because of events
    Stale(StaleArgs),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Only events of this name, e.g. change_external_chat
    #[arg(long, value_name = "EVENT")]
    name: Option<String>,
    /// Events to list at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// The next page: events before this number
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// One JSON object per event, with its text as received (secrets covered; what members wrote to an app left out)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct StaleArgs {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Subjects to list at most, of each kind
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// One JSON object per subject
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    match &args.action {
        Action::List(args) => list(&context, args),
        Action::Stale(args) => stale(&context, args),
    }
}

/// The company's row; a name that the archive has not heard of is a mistake, not an empty list.
fn company(reader: &Reader, name: Option<&str>) -> Result<Option<CompanyId>, Failure> {
    let Some(name) = name else { return Ok(None) };
    match reader.company_id(name)? {
        Some(id) => Ok(Some(id)),
        None => Err(Failure::usage(format!("the archive has no company `{name}`"))),
    }
}

fn list(context: &Context, args: &List) -> Result<Exit, Failure> {
    let mut out = Page::begin();
    let reader = context.reader()?;
    let words = Words(context.language);
    let only = company(&reader, args.company.as_deref())?;
    let rows = reader.events(only, args.name.as_deref(), args.before.map(EventId), args.limit)?;
    let mut table = Table::new(words.say(
        ["编号", "收到时间", "企业", "事件", "次数", "处理"],
        ["id", "received", "company", "event", "times", "handled"],
    ));
    let last = rows.last().map(|row| row.id).filter(|_| rows.len() == args.limit);
    for row in rows {
        let company = reader.company_name(row.company)?.unwrap_or_default();
        if args.json {
            out.json(&event_json(&row, &company, context))?;
        } else {
            table.row([
                line!("{}", row.id.0),
                render::time(Some(row.last), &context.zone),
                value(&company),
                line!(
                    "{}{}",
                    full_name(&row),
                    match row.known {
                        true => "",
                        false => words.say("（未知）", " (unknown)"),
                    }
                ),
                line!("{}", row.times),
                handled(words, row.handled).into(),
            ]);
        }
    }
    if !args.json {
        if table.is_empty() {
            errln!("{}", words.say("尚无事件", "no events yet"));
        } else {
            out.table(&table)?;
            out.line(render::zone_line(words, &context.zone))?;
        }
        if let Some(last) = last {
            errln!(
                "{}",
                words.say(
                    format!("下一页：--before {}", last.0),
                    format!("next page: --before {}", last.0)
                )
            );
        }
    }
    Ok(Exit::Well)
}

fn full_name(row: &EventRow) -> Line {
    match row.change.as_str() {
        "" => value(&row.name),
        change => line!("{}.{}", value(&row.name), value(change)),
    }
}

fn handled(words: Words, handled: Handled) -> &'static str {
    match handled {
        Handled::Kept => words.say("已保存", "kept"),
        Handled::Waiting => words.say("待重新读取", "to be read again"),
        Handled::Done => words.say("已处理", "done"),
    }
}

fn event_json(row: &EventRow, company: &str, context: &Context) -> Value {
    // What a member wrote to an app is nobody's business here, and what could not be read was not covered either.
    let shown = row.name != "message" && row.name != "unreadable";
    json!({
        "id": row.id.0,
        "company": company,
        "event": row.name,
        "change": row.change,
        "known": row.known,
        "at": render::time_json(row.at, &context.zone),
        "received": render::time_json(Some(row.received), &context.zone),
        "last": render::time_json(Some(row.last), &context.zone),
        "times": row.times,
        "handled": row.handled.as_str(),
        "body": shown.then(|| String::from_utf8_lossy(&row.body)),
        "body_bytes": row.body.len(),
    })
}

fn stale(context: &Context, args: &StaleArgs) -> Result<Exit, Failure> {
    let mut out = Page::begin();
    let reader = context.reader()?;
    let words = Words(context.language);
    let only = company(&reader, args.company.as_deref())?;
    let mut table = Table::new(words.say(
        ["企业", "类别", "对象", "自", "事件数", "最近事件"],
        ["company", "kind", "who", "since", "events", "latest event"],
    ));
    for (id, name) in reader.companies()? {
        if only.is_some_and(|only| only != id) {
            continue;
        }
        for kind in SubjectKind::ALL {
            // Also those that are not due yet.
            for one in reader.take_stale(id, kind, Millis(i64::MAX), args.limit)? {
                if args.json {
                    out.json(&stale_json(&one, &name, context))?;
                    continue;
                }
                let who = match &one.subject {
                    Subject::Person(who) | Subject::Room(who) => value(who),
                    Subject::Pair { member, external } => line!("{} / {}", value(member), value(external)),
                };
                table.row([
                    value(&name),
                    match kind {
                        SubjectKind::Person => words.say("人员", "person"),
                        SubjectKind::Room => words.say("群", "room"),
                        SubjectKind::Pair => words.say("同意情况", "pair"),
                    }
                    .into(),
                    who,
                    render::time(Some(one.since), &context.zone),
                    line!("{}", one.events),
                    Line::sentence(&one.why),
                ]);
            }
        }
    }
    if !args.json {
        if table.is_empty() {
            errln!(
                "{}",
                words.say("没有待重新读取的对象", "nothing is to be read again")
            );
        } else {
            out.table(&table)?;
            out.line(render::zone_line(words, &context.zone))?;
        }
    }
    Ok(Exit::Well)
}

fn stale_json(stale: &Stale, company: &str, context: &Context) -> Value {
    let (who, external) = match &stale.subject {
        Subject::Person(who) | Subject::Room(who) => (who, None),
        Subject::Pair { member, external } => (member, Some(external)),
    };
    json!({
        "company": company,
        "kind": stale.subject.kind().as_str(),
        "id": who,
        "external_userid": external,
        "since": render::time_json(Some(stale.since), &context.zone),
        "events": stale.events,
        "event": stale.event.0,
        "why": stale.why,
    })
}
