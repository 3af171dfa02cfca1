//! `shiguan alert`: who is told when something needs attention, and what there was to tell.

mod ack;
mod duty;
mod sender;

use serde_json::{Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    out::{self, Page},
    outcome::{Exit, Failure},
    render::{self, Table},
    words::Words,
};
use crate::{
    alert::{Incident, Telling, test_message},
    archive::watch::{self, Listed},
    config::Target,
    ids::Millis,
    line,
    sanitize::{Line, value},
};

pub(super) use duty::{Duty, UnrecordedTrouble};

/// Arguments of `alert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Send a test message to every target, or to one, and tell how each went
    Test(Test),
    /// List what needs attention now, and what did before
    List(List),
    /// Take note of an incident that does not end by itself, such as a missed five-day window
    Ack(ack::Args),
}

#[derive(Debug, clap::Args)]
struct Test {
    /// Only this target, a NAME of `[alert.to.NAME]`
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// One JSON object per target
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// How many of those that are over, latest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    over: usize,
    /// One JSON object per incident
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    match &args.action {
        Action::Test(args) => test(&context, args),
        Action::List(args) => list(&context, args),
        Action::Ack(args) => ack::run(&context, args),
    }
}

/// What `doctor` asks: can this target be sent to, as far as can be told without sending?
pub(super) fn check(context: &Context, target: &Target) -> Result<(), Failure> {
    sender::sender(context, target, &[]).map(drop)
}

/// What `doctor` shows: the open incidents that only a person ends, as texts with their number and company.
pub(super) fn unacknowledged(context: &Context) -> Result<Vec<(i64, String, String)>, Failure> {
    let listed = watch::list(&context.reader()?, 0)?;
    let waiting = listed.into_iter().map(|(incident, _)| incident);
    Ok(waiting
        .filter(|incident| incident.kind.needs_acknowledgement())
        .filter_map(|incident| {
            let title = duty::title(context, incident.kind);
            let seen = duty::speech(context).seen(&incident);
            Some((incident.id?, incident.company, format!("{title}: {seen}")))
        })
        .collect())
}

fn test(context: &Context, args: &Test) -> Result<Exit, Failure> {
    let all = &context.config.alert.targets;
    let chosen: Vec<&Target> = all
        .iter()
        .filter(|target| args.to.as_ref().is_none_or(|name| *name == target.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        return Err(match &args.to {
            Some(name) if !names.is_empty() => Failure::usage(format!(
                "no target `{name}` in the configuration; it has: {}",
                names.join(", ")
            )),
            _ => Failure::usage("nobody is configured to be told")
                .hint("add a section [alert.to.NAME]; `shiguan config reference` tells its keys"),
        });
    }
    let words = Words(context.language);
    let mut all_well = true;
    context.runtime()?.block_on(async {
        for target in chosen {
            let now = Millis::now();
            let message = test_message(&target.name, &duty::speech(context), now);
            let sent = match sender::sender(context, target, &[]) {
                // Each test is a message of its own.
                Ok(sender) => {
                    sender
                        .send(&target.name, &format!("test-{}", now.0), &message, now)
                        .await
                }
                Err(failure) => Err(failure.into()),
            };
            let cause = sent.err().map(|trouble| trouble.cause);
            all_well &= cause.is_none();
            if args.json {
                out::json(&json!({"target": target.name, "ok": cause.is_none(), "cause": cause}));
            } else {
                match cause {
                    None => outln!(
                        "{}",
                        words.say(
                            format!("{}：已送达", target.name),
                            format!("{}: told", target.name)
                        )
                    ),
                    Some(cause) => outln!(
                        "{}",
                        words.say(
                            format!("{}：未送达：{cause}", target.name),
                            format!("{}: not told: {cause}", target.name)
                        )
                    ),
                }
            }
        }
    });
    if all_well {
        Ok(Exit::Well)
    } else {
        Err(Failure::told())
    }
}

fn list(context: &Context, args: &List) -> Result<Exit, Failure> {
    let mut out = Page::begin();
    let reader = context.reader()?;
    let words = Words(context.language);
    let listed = watch::list(&reader, args.over)?;
    if args.json {
        for one in &listed {
            out.json(&incident_json(one, context))?;
        }
        return Ok(Exit::Well);
    }
    let mut table = Table::new(words.say(
        ["编号", "状态", "起始", "结束", "企业", "事项", "情况", "已通知"],
        ["id", "state", "since", "ended", "company", "what", "seen", "told"],
    ));
    for (incident, told) in &listed {
        table.row(row(context, words, incident, told.keys()));
    }
    if table.is_empty() {
        errln!("{}", words.say("没有需要关注的事项", "nothing needs attention"));
    } else {
        out.table(&table)?;
        out.line(render::zone_line(words, &context.zone))?;
    }
    for target in &context.config.alert.targets {
        let state = reader.target_state(&target.name)?;
        if state.failures > 0 {
            let (name, cause) = (&target.name, Line::sentence(&state.cause));
            let times = state.failures;
            errln!(
                "{}",
                words.say(
                    format!("目标 {name} 连续 {times} 次未送达：{cause}"),
                    format!("target {name} could not be told {times} times in a row: {cause}")
                )
            );
        }
    }
    Ok(Exit::Well)
}

fn row<'a>(
    context: &Context,
    words: Words,
    incident: &Incident,
    told: impl Iterator<Item = &'a String>,
) -> [Line; 8] {
    let told = told.map(|target| value(target));
    [
        incident.id.map_or("-".into(), |id| line!("{}", id)),
        match (incident.ended, &incident.acknowledged) {
            (None, _) if incident.kind.needs_acknowledgement() => {
                words.say("待确认", "to be acknowledged").into()
            }
            (None, _) => words.say("未恢复", "open").into(),
            (Some(_), Some(one)) => {
                let by = value(&one.by);
                words.say(line!("已由 {} 确认", by), line!("acknowledged by {}", by))
            }
            (Some(_), None) => words.say("已恢复", "over").into(),
        },
        render::time(Some(incident.since()), &context.zone),
        render::time(incident.ended, &context.zone),
        match incident.company.as_str() {
            "" => "-".into(),
            company => value(company),
        },
        duty::title(context, incident.kind).into(),
        duty::speech(context).seen(incident),
        Line::join(told, ", "),
    ]
}

fn incident_json((incident, told): &Listed, context: &Context) -> Value {
    let at = |at| render::time_json(at, &context.zone);
    let told: serde_json::Map<String, Value> = told
        .iter()
        .map(|(target, telling): (&String, &Telling)| {
            let about = json!({
                "told": at(Some(telling.told)),
                "last": at(Some(telling.last)),
                "reminders": telling.reminders,
                "cleared": at(telling.cleared),
            });
            (target.clone(), about)
        })
        .collect();
    json!({
        "id": incident.id,
        "open": incident.ended.is_none(),
        "company": incident.company,
        "kind": incident.kind.as_str(),
        "subject": incident.subject,
        "since": at(Some(incident.since())),
        "seen": at(Some(incident.seen)),
        "ended": at(incident.ended),
        "needs_acknowledgement": incident.ended.is_none() && incident.kind.needs_acknowledgement(),
        "acknowledged": ack::acknowledged_json(incident, context),
        "facts": incident.alert,
        "told": told,
    })
}
