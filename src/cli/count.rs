//! `shiguan count QUERY --by person`: exact counts of any question, in groups.

use serde_json::{Value, json};

use super::{
    Global,
    consent::tell_coverage,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
    render::{self, Table},
    search::coverage_json,
    stats,
    understood::{self, Notes},
    words::Words,
};
use crate::{
    sanitize::value,
    store::contract::{Tally, ask::CountBy},
};

/// Arguments of `count`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to count, as for `search` (docs/search.md)
    #[arg(allow_hyphen_values = true)]
    query: String,
    /// More of it, when the shell has split it
    #[arg(hide = true)]
    more: Vec<String>,
    /// One line for each of these; every message is counted once
    #[arg(long, value_enum)]
    by: By,
    /// Texts and names also in their simplified or traditional form
    #[arg(long)]
    variants: bool,
    /// One JSON object per line on stdout, the last one sums up
    #[arg(long)]
    json: bool,
    /// Lines shown (default: 50, with --json all)
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// What to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Sender
    Person,
    /// Day in the archive's zone
    Day,
    /// Conversation
    Chat,
    /// `msgtype`
    Type,
    /// Month in the archive's zone
    Month,
    /// Hour of the day, 00 to 23, in the archive's zone
    Hour,
    /// Company of the archive
    Company,
}

/// Lines that people are shown when they do not say how many.
const LINES: usize = 50;

impl By {
    fn asked(self) -> CountBy {
        match self {
            Self::Person => CountBy::Person,
            Self::Day => CountBy::Day,
            Self::Chat => CountBy::Chat,
            Self::Type => CountBy::Type,
            Self::Month => CountBy::Month,
            Self::Hour => CountBy::Hour,
            Self::Company => CountBy::Company,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Day => "day",
            Self::Chat => "chat",
            Self::Type => "type",
            Self::Month => "month",
            Self::Hour => "hour",
            Self::Company => "company",
        }
    }

    fn heading(self, words: Words) -> &'static str {
        match self {
            Self::Person => words.say("发送人", "sender"),
            Self::Chat => words.say("会话", "conversation"),
            Self::Type => words.say("类型", "type"),
            Self::Company => words.say("企业", "company"),
            Self::Day => words.say("日期", "day"),
            Self::Month => words.say("月份", "month"),
            Self::Hour => words.say("小时", "hour"),
        }
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let words = Words(context.language);
    let query = [std::slice::from_ref(&args.query), &args.more].concat().join(" ");
    let understood = understood::read(&context, &query, args.variants)?;
    let reader = context.reader()?;
    let counted = reader.count_by(&understood.filter, args.by.asked(), &context.zone)?;
    let notes = Notes::gather(&context, &reader, &understood, counted.total, false)?;
    let groups = counted.lines.len();
    let mut lines = counted.lines;
    lines.truncate(args.limit.unwrap_or(if args.json { usize::MAX } else { LINES }));
    let known = match args.by {
        By::Person => stats::people(&reader, &lines)?,
        By::Chat => stats::chats(&reader, &lines)?,
        _ => lines.iter().map(|_| None).collect(),
    };
    if args.json {
        for (Tally { key, count, .. }, known) in lines.iter().zip(known) {
            let name: Option<String> = known.map(|known| known.name);
            let line: Value = json!({"by": args.by.word(), "key": key, "name": name, "count": count});
            out::json(&line);
        }
        out::json(&json!({
            "total": counted.total,
            "groups": groups,
            "shown": lines.len(),
            "zone": context.zone.iana_name(),
            "coverage": coverage_json(&counted.coverage),
            "understood": notes.json()?,
        }));
        tell_coverage(&context, &reader, &understood.filter, true)?;
        return Ok(Exit::Well);
    }
    notes.tell(words)?;
    let mut table = Table::new([args.by.heading(words), words.say("消息数", "messages")]);
    for (Tally { key, count, .. }, known) in lines.iter().zip(known) {
        let shown = match known {
            Some(known) => known.label,
            None if key.is_empty() => words.say("(无)", "(none)").into(),
            None => value(key),
        };
        table.row([shown, render::number(*count)]);
    }
    out::table(&table);
    let (total, rest) = (render::number(counted.total), groups - lines.len());
    if rest > 0 {
        let rest = render::number(rest as u64);
        outln!(
            "{}",
            words.say(format!("… 另有 {rest} 行"), format!("… {rest} more lines"))
        );
    }
    outln!(
        "{}",
        words.say(format!("共 {total} 条"), format!("{total} in all"))
    );
    outln!(render::zone_line(words, &context.zone));
    errln!("{}", words.coverage(&counted.coverage));
    tell_coverage(&context, &reader, &understood.filter, false)?;
    Ok(Exit::Well)
}
