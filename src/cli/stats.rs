//! `shiguan stats`: how much there is, by day, type, person and chat; what waits; what is covered.

use serde_json::{Map, Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    outcome::{Exit, Failure},
    render::{self, Table},
    search::coverage_json,
    words::Words,
};
use crate::store::{
    Reader,
    contract::{Filter, Group, Tally},
};

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
    let context = Context::load(global)?;
    context.start_logging(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let wanted: Vec<By> = args.by.map_or(By::ALL.to_vec(), |by| vec![by]);
    if args.json {
        outln!("{}", as_json(&context, &reader, &wanted)?);
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
    stats["recalled"] = json!(reader.count(&Filter::Recalled { within_ms: None })?);
    stats["coverage"] = coverage_json(&coverage);
    for by in wanted {
        let tallies = reader.stats(by.group(), &context.zone)?;
        let counts: Map<String, Value> = tallies
            .into_iter()
            .map(|Tally { key, count }| (key, json!(count)))
            .collect();
        stats[by.key()] = Value::Object(counts);
    }
    Ok(stats)
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
        for Tally { key, count } in tallies.into_iter().take(limit) {
            let key = if key.is_empty() {
                words.say("(无)", "(none)").to_owned()
            } else {
                key
            };
            table.row([key, render::number(count)]);
        }
        out!("{table}");
        if all > limit {
            let rest = render::number((all - limit) as u64);
            outln!(
                "{}",
                words.say(format!("… 另有 {rest} 行"), format!("… {rest} more lines"))
            );
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
    Ok(())
}
