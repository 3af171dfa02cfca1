//! `shiguan stats`: how much there is, by day, type, person and chat; what waits; what is covered.
//!
//! Counts are of ids; beside them stands what the directory calls people and rooms now, because counts are of all times.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    names::{NAMES, Names},
    out,
    outcome::{Exit, Failure},
    render::{self, Table},
    search::coverage_json,
    words::Words,
};
use crate::{
    ids::CompanyId,
    line,
    people::Class,
    sanitize::{Line, value},
    store::{
        Reader,
        contract::{ChatKey, Filter, Group, Tally},
    },
};

/// Between the names that several companies have for one id.
const BOTH: &str = " / ";

/// Arguments of `stats`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Count by this; all four when left out
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Lines per table (JSON has all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
}

/// What to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Day,
    Type,
    Person,
    Chat,
}

impl By {
    const ALL: [Self; 4] = [Self::Day, Self::Type, Self::Person, Self::Chat];

    fn group(self) -> Group {
        match self {
            Self::Day => Group::Day,
            Self::Type => Group::Type,
            Self::Person => Group::Person,
            Self::Chat => Group::Chat,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Day => "by_day",
            Self::Type => "by_type",
            Self::Person => "by_person",
            Self::Chat => "by_chat",
        }
    }

    fn heading(self, words: Words) -> &'static str {
        match self {
            Self::Day => words.say("日期", "day"),
            Self::Type => words.say("类型", "type"),
            Self::Person => words.say("发送人", "sender"),
            Self::Chat => words.say("会话", "conversation"),
        }
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let wanted: Vec<By> = args.by.map_or(By::ALL.to_vec(), |by| vec![by]);
    if args.json {
        out::json(&as_json(&context, &reader, &wanted)?);
    } else {
        tables(&context, &reader, &wanted, args.limit)?;
    }
    Ok(Exit::Well)
}

fn as_json(context: &Context, reader: &Reader, wanted: &[By]) -> Result<Value, Failure> {
    let coverage = reader.coverage()?;
    let mut stats = coverage_json(&coverage);
    stats["people"] = json!(reader.people()?);
    stats["chats"] = json!(reader.chats()?.len());
    stats["archive_id"] = json!(reader.archive_id()?);
    stats["recalled"] = json!(reader.count(&Filter::Recalled { within_ms: None })?);
    stats["coverage"] = coverage_json(&coverage);
    for by in wanted {
        let tallies = reader.stats(by.group(), &context.zone)?;
        let known = names(reader, *by, &tallies)?;
        let (mut counts, mut names) = (Map::new(), Map::new());
        for (Tally { key, count, .. }, known) in tallies.into_iter().zip(known) {
            if let Some(known) = known {
                // Two companies may have a conversation of the same key; the names are then both.
                let name = match names.get(&key).and_then(Value::as_str) {
                    Some(other) if other != known.name => format!("{other}{BOTH}{}", known.name),
                    _ => known.name,
                };
                names.insert(key.clone(), json!(name));
            }
            let before = counts.get(&key).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(key, json!(before + count));
        }
        stats[by.key()] = Value::Object(counts);
        if matches!(by, By::Person | By::Chat) {
            stats["names"][by.key()] = Value::Object(names);
        }
    }
    Ok(stats)
}

/// A line's name beside its id.
pub(super) struct Named {
    /// For programs, which have the id already.
    pub(super) name: String,
    /// For people: the id stays visible.
    pub(super) label: Line,
}

/// What the directory calls these people and conversations now; nothing for days and types, and where no name is known.
fn names(reader: &Reader, by: By, tallies: &[Tally]) -> Result<Vec<Option<Named>>, Failure> {
    match by {
        By::Day | By::Type => Ok(tallies.iter().map(|_| None).collect()),
        By::Person => people(reader, tallies),
        By::Chat => chats(reader, tallies),
    }
}

/// One id is one person here, whatever companies know it.
pub(super) fn people(reader: &Reader, tallies: &[Tally]) -> Result<Vec<Option<Named>>, Failure> {
    let keys: Vec<&str> = tallies.iter().map(|tally| tally.key.as_str()).collect();
    let mut known: HashMap<String, Vec<String>> = HashMap::new();
    for dossier in reader.dossiers(None, Class::Person, &keys, &NAMES)? {
        let Some(now) = dossier.history.name_now() else {
            continue;
        };
        let called = known.entry(dossier.subject.key.clone()).or_default();
        if !called.contains(&now.value) {
            called.push(now.value.clone());
        }
    }
    let named = keys.into_iter().map(|key| {
        let names = known.get(key)?;
        let label = Line::join(names.iter().map(|name| value(name)), BOTH);
        Some(Named {
            name: names.join(BOTH),
            label: line!("{}({})", label, value(key)),
        })
    });
    Ok(named.collect())
}

pub(super) fn chats(reader: &Reader, tallies: &[Tally]) -> Result<Vec<Option<Named>>, Failure> {
    let parts = |key: &ChatKey| match key {
        ChatKey::Room(id) => (Class::Room, vec![id.clone()]),
        ChatKey::People(ids) => (Class::Person, ids.clone()),
    };
    let mut wanted: HashMap<(CompanyId, Class), HashSet<String>> = HashMap::new();
    for (company, key) in tallies.iter().filter_map(|tally| tally.chat.as_ref()) {
        let (class, ids) = parts(key);
        wanted.entry((*company, class)).or_default().extend(ids);
    }
    let names = Names::default();
    for (place, ids) in wanted {
        names.fetch(reader, place, ids)?;
    }
    let named = tallies.iter().map(|tally| {
        let (company, key) = tally.chat.as_ref()?;
        let (class, ids) = parts(key);
        let known: Vec<_> = ids.iter().map(|id| names.now(*company, class, id)).collect();
        known.iter().any(Option::is_some).then(|| {
            let each = || ids.iter().zip(&known);
            let name = each().map(|(id, name)| name.clone().unwrap_or_else(|| id.clone()));
            let label = each().map(|(id, name)| match name {
                Some(name) => line!("{}({})", value(name), value(id)),
                None => value(id),
            });
            Named {
                name: name.collect::<Vec<_>>().join(","),
                label: Line::join(label, ","),
            }
        })
    });
    Ok(named.collect())
}

fn tables(context: &Context, reader: &Reader, wanted: &[By], limit: usize) -> Result<(), Failure> {
    let words = Words(context.language);
    for by in wanted {
        let mut tallies = reader.stats(by.group(), &context.zone)?;
        if *by != By::Day {
            tallies.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        } else {
            tallies.reverse();
        }
        let all = tallies.len();
        let mut table = Table::new([by.heading(words), words.say("消息数", "messages")]);
        tallies.truncate(limit);
        let known = names(reader, *by, &tallies)?;
        for (Tally { key, count, chat }, known) in tallies.into_iter().zip(known) {
            let shown = match (known, chat) {
                (Some(known), _) => known.label,
                (None, Some((_, ChatKey::People(ids)))) => Line::join(ids.iter().map(|id| value(id)), ","),
                (None, _) if key.is_empty() => words.say("(无)", "(none)").into(),
                (None, _) => value(&key),
            };
            table.row([shown, render::number(count)]);
        }
        out::table(&table);
        if all > limit {
            let rest = render::number((all - limit) as u64);
            outln!(words.say(line!("… 另有 {} 行", rest), line!("… {} more lines", rest)));
        }
        outln!();
    }
    let recalled = render::number(reader.count(&Filter::Recalled { within_ms: None })?);
    outln!(
        "{}",
        words.say(
            format!("已撤回的消息：{recalled}"),
            format!("recalled messages: {recalled}")
        )
    );
    outln!("{}", words.coverage(&reader.coverage()?));
    if let Some(id) = reader.archive_id()? {
        outln!(
            "{}",
            words.say(format!("存档编号：{id}"), format!("archive id: {id}"))
        );
    }
    outln!(render::zone_line(words, &context.zone));
    Ok(())
}
