//! `shiguan directory show ID`: a dossier with its whole history, or as it was on a day.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::{
    Global,
    context::{Context, Quiet},
    names::Names,
    out::Page,
    outcome::{Exit, Failure},
    render::{self, Table},
    words::Words,
};
use crate::{
    ids::Millis,
    line,
    message::fold_id,
    people::{Aspect, Class, Doubt, Was},
    sanitize::{Line, value},
    search,
    store::{
        Reader,
        contract::{
            Filter,
            people::{Dossier, Standing},
        },
    },
};

/// Arguments of `directory show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An id: of a member, an external contact, a robot, a room, a department or a tag
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// As it was then: a day, month or moment, as in `on:`; who sat in a room at any time of that day
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
    /// One JSON object per subject of that id
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let at = args.at.as_deref().map(|date| span(&context, date)).transpose()?;
    let folded = fold_id(&args.id);
    let mut found = Vec::new();
    for class in Class::ALL {
        let key = if *class == Class::Person {
            &*folded
        } else {
            args.id.as_str()
        };
        found.extend(reader.dossiers(None, *class, &[key], &[])?);
    }
    if found.is_empty() {
        return Err(
            Failure::run(line!("nothing is known of {}", value(&args.id)))
                .hint("`shiguan directory list people` lists who is; `shiguan directory refresh` asks WeCom about new ids"),
        );
    }
    let mut out = Page::begin();
    for dossier in &found {
        if args.json {
            out.json(&dossier_json(&context, &reader, dossier, at)?)?;
        } else {
            print(&mut out, &context, &reader, dossier, at)?;
        }
    }
    if !args.json {
        out.line(render::zone_line(Words(context.language), &context.zone))?;
    }
    Ok(Exit::Well)
}

/// A date as searches understand it: from, and up to.
fn span(context: &Context, date: &str) -> Result<(Millis, Millis), Failure> {
    let read = |key: &str| {
        search::parse(
            &format!("{key}:{}", search::quote(date)),
            &context.zone,
            Millis::now(),
        )
    };
    // A moment has no length; it stands for itself.
    let filter = read("on").or_else(|_| read("after"))?;
    Ok(match filter {
        Filter::Time { from: Some(from), to } => (from, to.unwrap_or(Millis(from.0 + 1))),
        _ => return Err(Failure::usage(format!("`{date}` is no date"))),
    })
}

/// What held at some time of the span.
fn held(dossier: &Dossier, (from, to): (Millis, Millis)) -> Vec<Was<'_>> {
    Aspect::ALL
        .iter()
        .flat_map(|aspect| dossier.history.during(*aspect, from, to))
        .collect()
}

fn dossier_json(
    context: &Context,
    reader: &Reader,
    dossier: &Dossier,
    at: Option<(Millis, Millis)>,
) -> Result<Value, Failure> {
    let zone = &context.zone;
    let mut shown = super::head_json(dossier, reader)?;
    match at {
        None => {
            let history: Vec<Value> = dossier
                .history
                .0
                .iter()
                .map(|span| super::span_json(span, zone))
                .collect();
            shown.insert("now".to_owned(), super::now_json(dossier));
            shown.insert("history".to_owned(), json!(history));
        }
        Some(at) => {
            let held: Vec<Value> = held(dossier, at)
                .into_iter()
                .map(|was| {
                    let mut one = super::span_json(was.span, zone);
                    one["doubt"] = json!(doubt_word(was.doubt));
                    one
                })
                .collect();
            shown.insert("at".to_owned(), json!(held));
        }
    }
    Ok(Value::Object(shown))
}

fn doubt_word(doubt: Doubt) -> Option<&'static str> {
    match doubt {
        Doubt::None => None,
        Doubt::LearntLater => Some("learnt_later"),
        Doubt::Changing => Some("may_have_ended"),
    }
}

fn print(
    out: &mut Page,
    context: &Context,
    reader: &Reader,
    dossier: &Dossier,
    at: Option<(Millis, Millis)>,
) -> Result<(), Failure> {
    let (words, zone) = (Words(context.language), &context.zone);
    let names = named(reader, dossier)?;
    let now = dossier.history.name_now();
    let company = reader.company_name(dossier.company)?;
    out.line(line!(
        "{}({})  {}  {}",
        now.map_or("-".into(), |span| value(&span.value)),
        value(&dossier.subject.spelt),
        words.subject(super::kind_word(dossier)),
        company.as_deref().map_or_else(Line::default, value),
    ))?;
    let asked = render::time(dossier.answered.or(dossier.asked), zone);
    let standing = match dossier.standing {
        Standing::Unknown => words.say("尚未查询", "not asked about yet").into(),
        Standing::Known => words.say(line!("最近核对 {}", asked), line!("last confirmed {}", asked)),
        Standing::NotAvailable => words.say(
            line!("无法获取：{}", Line::sentence(&dossier.why)),
            line!("not available: {}", Line::sentence(&dossier.why)),
        ),
    };
    out.line(line!("  {}", standing))?;
    let mut table = Table::new(words.say(
        ["  事项", "值", "起", "止", "获知于", "来源"],
        ["  what", "value", "from", "to", "learnt", "source"],
    ));
    let all: Vec<Was<'_>> = match at {
        Some(at) => held(dossier, at),
        None => dossier
            .history
            .0
            .iter()
            .map(|span| Was {
                span,
                doubt: Doubt::None,
            })
            .collect(),
    };
    for was in all {
        let span = was.span;
        let item = span
            .item
            .split('/')
            .map(|part| label(&names, dossier, span.aspect, part, words));
        let item = Line::join(item, " / ");
        let shown = match (span.item.is_empty(), span.value.is_empty()) {
            (true, _) => shown(&names, dossier, span.aspect, &span.value, context),
            (false, true) => item,
            (false, false) => line!("{} ({})", value(&span.value), item),
        };
        let doubt = match was.doubt {
            Doubt::None => "",
            Doubt::LearntLater => words.say(" (此后才获知)", " (learnt later)"),
            Doubt::Changing => words.say(" (可能已变更)", " (may have ended by then)"),
        };
        let end = match span.until {
            None => words.say("至今", "now").into(),
            Some(until) => {
                let (seen, until) = (
                    render::time(Some(span.seen), zone),
                    render::time(Some(until), zone),
                );
                words.say(
                    line!("{} 与 {} 之间", seen, until),
                    line!("between {} and {}", seen, until),
                )
            }
        };
        let from = match span.since {
            Some(since) => render::time(Some(since), zone),
            None => words.say("不详", "not told").into(),
        };
        table.row([
            line!("  {}", words.aspect(span.aspect)),
            line!("{}{}", shown, doubt),
            from,
            end,
            render::time(Some(span.learnt), zone),
            value(&span.how),
        ]);
    }
    if !table.is_empty() {
        out.table(&table)?;
    }
    Ok(())
}

/// The class that items of an aspect are of: of `tag/follower` the first part.
fn class_of(aspect: Aspect, part: usize) -> Option<Class> {
    match (aspect, part) {
        (Aspect::Department | Aspect::Parent, _) => Some(Class::Department),
        (Aspect::MemberTag, _) => Some(Class::MemberTag),
        (Aspect::CustomerTag, 0) => Some(Class::CustomerTag),
        (Aspect::NameInRoom, _) => Some(Class::Room),
        (Aspect::CustomerTag | Aspect::Follower | Aspect::Remark | Aspect::Owner | Aspect::Member, _) => {
            Some(Class::Person)
        }
        (Aspect::OwnTag, 1) => Some(Class::Person),
        _ => None,
    }
}

/// Names of everybody and everything that the dossier speaks of.
fn named(reader: &Reader, dossier: &Dossier) -> Result<Names, Failure> {
    let names = Names::default();
    for class in Class::ALL {
        let mut keys = HashSet::new();
        for span in &dossier.history.0 {
            for (part, id) in span.item.split('/').enumerate() {
                if class_of(span.aspect, part) == Some(*class) {
                    keys.insert(id.to_owned());
                }
            }
            if matches!(span.aspect, Aspect::Owner | Aspect::Parent)
                && class_of(span.aspect, 0) == Some(*class)
            {
                keys.insert(span.value.clone());
            }
        }
        names.fetch(reader, (dossier.company, *class), keys)?;
    }
    Ok(names)
}

fn label(names: &Names, dossier: &Dossier, aspect: Aspect, part: &str, words: Words) -> Line {
    let class = [0, 1].into_iter().find_map(|nth| {
        let class = class_of(aspect, nth)?;
        names.now(dossier.company, class, part)?;
        Some(names.label(dossier.company, class, part, None, words))
    });
    class.unwrap_or_else(|| value(part))
}

/// A value of its own: an id gets its name, a time its date.
fn shown(names: &Names, dossier: &Dossier, aspect: Aspect, text: &str, context: &Context) -> Line {
    let words = Words(context.language);
    match aspect {
        Aspect::Owner | Aspect::Parent => label(names, dossier, aspect, text, words),
        Aspect::Created => render::time(text.parse().ok().map(Millis), &context.zone),
        Aspect::Sort => words.subject(text).into(),
        Aspect::Status => words.account(text),
        _ => value(text),
    }
}
