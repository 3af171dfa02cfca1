//! `shiguan search QUERY`: exact, with the place of the match for people and one JSON object per hit for programs.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::{
    Global,
    consent::{Shown, tell_coverage},
    context::{Context, Quiet},
    damage,
    names::Names,
    out::{self, Page},
    outcome::{Exit, Failure},
    pull::waiting_json,
    render,
    understood::{self, Notes},
    words::Words,
};
use crate::{
    ids::RecordId,
    line,
    message::{self, Message},
    people::Class,
    sanitize::{Line, quote, quote_marked, value},
    search::{self, Results, Snippet},
    store::{
        Reader,
        contract::{Coverage, Damage, Filter, Hit, Needle, Order, PageKey},
    },
};

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = search::reference())]
pub struct Args {
    /// What to look for, e.g. 退款 · "exact phrase" · a b · a OR b · -word · from:ID · room:ID · name:张 · tag:重点客户 ·
    /// department:销售部 · is:recalled · after:2026-03-01 · in:filename · has:media (all of it: docs/search.md)
    #[arg(allow_hyphen_values = true)]
    query: String,
    /// More of it, when the shell has split it
    #[arg(hide = true)]
    more: Vec<String>,
    /// Texts and names also in their simplified or traditional form, as if each stood behind variants:
    #[arg(long)]
    variants: bool,
    /// One JSON object per hit on stdout; what was covered on stderr
    #[arg(long)]
    json: bool,
    /// Every page, not only the first
    #[arg(long, conflicts_with = "after")]
    all: bool,
    /// Hits on a page
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The earliest message first (default: the latest)
    #[arg(long)]
    oldest_first: bool,
    /// By time, the earliest first (`time`) or the latest first (`-time`, the default)
    #[arg(
        long,
        value_enum,
        value_name = "ORDER",
        allow_hyphen_values = true,
        conflicts_with = "oldest_first"
    )]
    sort: Option<Sort>,
    /// Continue behind a page: the value that page named
    #[arg(long, value_name = "KEY", value_parser = page_key)]
    after: Option<PageKey>,
    /// Only how many
    #[arg(long, conflicts_with_all = ["all", "after", "limit"])]
    count: bool,
    /// Only how the query was understood, and what each condition finds and removes
    #[arg(long, conflicts_with_all = ["all", "after", "limit", "count"])]
    explain: bool,
}

/// Orders that the index has; of one moment, by position in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    #[value(name = "time")]
    Time,
    #[value(name = "-time")]
    TimeDown,
}

/// Rows asked for at once when everything is wanted.
const BIG_PAGE: u32 = 1000;

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let query = [std::slice::from_ref(&args.query), &args.more].concat().join(" ");
    let understood = understood::read(&context, &query, args.variants)?;
    let filter = &understood.filter;
    let reader = context.reader()?;
    let view = View::new(&context, &reader, filter.needles());
    let total = reader.count(filter)?;
    let notes = Notes::gather(&context, &reader, &understood, total, args.explain)?;
    if !args.json {
        notes.tell(view.words())?;
    }
    if args.count || args.explain {
        let counted = view.count(filter, args.json.then_some(&notes))?;
        tell_coverage(&context, &reader, filter, args.json)?;
        return Ok(counted);
    }
    let order = if args.oldest_first || args.sort == Some(Sort::Time) {
        Order::OldestFirst
    } else {
        Order::NewestFirst
    };
    let limit = if args.all { BIG_PAGE } else { args.limit };
    let mut out = Page::begin();
    let mut after = args.after;
    let mut shown = 0;
    loop {
        let page = search::run(&reader, filter, order, after, limit as usize)?;
        view.look(&page.hits, args.json)?;
        view.only_alike.replace(page.only_alike.clone());
        for hit in &page.hits {
            if args.json {
                out.json(&view.hit_json(hit))?;
            } else {
                view.hit(&mut out, hit)?;
            }
        }
        shown += page.hits.len() as u64;
        after = page.next;
        if args.all && page.next.is_some() {
            continue;
        }
        view.zone(&mut out, args.json)?;
        out.flush()?;
        view.end(&page, shown, args.json.then_some(&notes))?;
        tell_coverage(&context, &reader, filter, args.json)?;
        return Ok(view.exit(args.json));
    }
}

/// How hits are shown; `show` and `chat` use it too.
pub(super) struct View<'a> {
    pub(super) context: &'a Context,
    pub(super) reader: &'a Reader,
    pub(super) needles: Vec<Needle>,
    pub(super) names: Names,
    pub(super) consents: Shown,
    /// Hits to mark as such that are none as texts and names are written.
    only_alike: RefCell<Option<HashSet<RecordId>>>,
    /// Damaged records that were shown.
    damaged: Cell<u64>,
}

impl<'a> View<'a> {
    pub(super) fn new(context: &'a Context, reader: &'a Reader, needles: Vec<Needle>) -> Self {
        Self {
            context,
            reader,
            needles,
            names: Names::default(),
            consents: Shown::default(),
            only_alike: RefCell::default(),
            damaged: Cell::new(0),
        }
    }

    /// Looks up names and consent of a page before it is shown.
    pub(super) fn look(&self, hits: &[Hit], everybody: bool) -> Result<(), Failure> {
        let read: Vec<_> = hits
            .iter()
            .filter(|hit| !withheld(hit))
            .filter_map(|hit| Some((hit.company, message::read(&hit.opened.as_ref()?.plaintext))))
            .collect();
        let messages = read.iter().map(|(company, message)| (*company, message));
        self.names.look(self.reader, messages, everybody)?;
        self.consents.prime(self.reader, hits)
    }

    /// 3 when something damaged was shown; people are told once more, programs have it in the records.
    pub(super) fn exit(&self, as_json: bool) -> Exit {
        let damaged = self.damaged.get();
        if damaged > 0 && !as_json {
            errln!("{}", damage::total(self.words(), damaged));
        }
        if damaged > 0 { Exit::Waiting } else { Exit::Well }
    }

    /// What is wrong with a record that is being shown, if anything is.
    pub(super) fn damage(&self, out: &mut Page, hit: &Hit) -> std::io::Result<()> {
        let Some(damage) = &hit.damage else { return Ok(()) };
        self.damaged.set(self.damaged.get() + 1);
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        for line in damage::lines(self.words(), hit, damage) {
            out.line(line!("    {}{}{:#}", red, line, red))?;
        }
        Ok(())
    }

    /// For programs when there are notes for them.
    fn count(&self, filter: &Filter, notes: Option<&Notes<'_>>) -> Result<Exit, Failure> {
        let (total, coverage) = (self.reader.count(filter)?, self.reader.coverage()?);
        if let Some(notes) = notes {
            out::json(
                &json!({"total": total, "coverage": coverage_json(&coverage), "understood": notes.json()?}),
            );
        } else {
            outln!("{total}");
            errln!("{}", self.words().coverage(&coverage));
        }
        Ok(Exit::Well)
    }

    pub(super) fn words(&self) -> Words {
        Words(self.context.language)
    }

    /// Names the zone of the times on the page, below them; nothing for programs and where nothing was found.
    pub(super) fn zone(&self, out: &mut Page, as_json: bool) -> std::io::Result<()> {
        if as_json || out.is_empty() {
            return Ok(());
        }
        out.line(render::zone_line(self.words(), &self.context.zone))
    }

    /// Two or three lines: when, who, where; what, with the place of the match; whether it was recalled.
    pub(super) fn hit(&self, out: &mut Page, hit: &Hit) -> std::io::Result<()> {
        if withheld(hit) {
            out.line(damage::heading(hit, &self.context.zone))?;
            return self.damage(out, hit);
        }
        let Some(opened) = &hit.opened else {
            return self.damage(out, hit);
        };
        let message = message::read(&opened.plaintext);
        self.heading(out, hit, &message)?;
        self.damage(out, hit)?;
        if self.is_only_alike(hit) == Some(true) {
            let dim = Style::new().dimmed();
            out.line(line!("    {}≈ {}{:#}", dim, self.words().only_alike(), dim))?;
        }
        let struck = opened.recalled.is_some();
        let mut snippets = search::snippet(&message, &self.needles, 60);
        // A question about people or dates matches no text: say what the message is instead.
        snippets.retain(|snippet| !snippet.highlights.is_empty());
        if snippets.is_empty() {
            self.what(out, &message, struck)?;
        }
        for snippet in &snippets {
            self.snippet(out, snippet, struck)?;
        }
        self.recall(out, hit)
    }

    /// Whether a hit is one only because something is alike; `None` when nothing of it was asked.
    fn is_only_alike(&self, hit: &Hit) -> Option<bool> {
        let only_alike = self.only_alike.borrow();
        only_alike.as_ref().map(|only_alike| only_alike.contains(&hit.id))
    }

    /// What a message is: a text as it was written, everything else by its kind and in one line.
    ///
    /// The kind stands outside the quotation, so a text that reads `[文件] …` is no file.
    pub(super) fn what(&self, out: &mut Page, message: &Message, struck: bool) -> std::io::Result<()> {
        let style = style(struck);
        match (message.msgtype.as_str(), message.segments.as_slice()) {
            ("text", [text]) => {
                let label = Line::from(self.words().place(message::Place::Text));
                set_in(out, Some(label), quote(&text.text, style))
            }
            (kind, _) => {
                let summary = message.summary(self.context.language);
                let label = match kind {
                    "" => "-".into(),
                    kind => value(kind),
                };
                set_in(out, Some(label), quote(&summary, style))
            }
        }
    }

    /// When, who to whom, in which conversation, seq and msgid.
    pub(super) fn heading(&self, out: &mut Page, hit: &Hit, message: &Message) -> std::io::Result<()> {
        let (dim, bold) = (Style::new().dimmed(), Style::new().bold());
        let words = self.words();
        out.line(line!(
            "{}{}{:#}  {}  {}{}{}  seq {}  {}{:#}",
            bold,
            render::time(message.time, &self.context.zone),
            bold,
            words.who(message, &|id| {
                self.names
                    .label(hit.company, Class::Person, id, message.time, words)
            }),
            dim,
            words.chat(message, &|id| {
                self.names
                    .label(hit.company, Class::Room, id, message.time, words)
            }),
            self.consents.mark(self.reader, hit.id, words),
            hit.seq.0,
            value(&hit.msgid),
            dim,
        ))
    }

    /// Who recalled it and when, if anybody did.
    pub(super) fn recall(&self, out: &mut Page, hit: &Hit) -> std::io::Result<()> {
        let Some(recalled) = hit.opened.as_ref().and_then(|opened| opened.recalled.as_ref()) else {
            return Ok(());
        };
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        let by = self.names.label(
            hit.company,
            Class::Person,
            &recalled.by,
            recalled.at,
            self.words(),
        );
        let sentence = self.words().recalled(recalled, &by, &self.context.zone);
        out.line(line!("    {}{}{:#}", red, sentence, red))
    }

    /// A text of the message, each line behind its mark, struck through when it was recalled.
    pub(super) fn text(&self, out: &mut Page, text: &str, struck: bool) -> std::io::Result<()> {
        set_in(out, None, quote(text, style(struck)))
    }

    fn snippet(&self, out: &mut Page, snippet: &Snippet, struck: bool) -> std::io::Result<()> {
        let plain = style(struck);
        let mark = plain.bold().fg_color(Some(AnsiColor::Yellow.into()));
        let label = Line::from(self.words().place(snippet.place));
        let lines = quote_marked(&snippet.text, &snippet.highlights, plain, mark);
        set_in(out, Some(label), lines)
    }

    /// Everything a program may want to know of a hit.
    pub(super) fn hit_json(&self, hit: &Hit) -> Value {
        let mut shown = self.genuine_json(hit);
        if let Some(only_alike) = self.is_only_alike(hit) {
            shown["as_written"] = json!(!only_alike);
        }
        if let Some(damage) = &hit.damage {
            self.damaged.set(self.damaged.get() + 1);
            shown["damage"] = damage::value(damage);
            if let (true, Some(opened)) = (damage.withholds_text(), &hit.opened) {
                shown["from"] = json!(opened.from);
                shown["summary"] = json!(damage::told(self.words(), damage));
            }
        }
        shown
    }

    fn genuine_json(&self, hit: &Hit) -> Value {
        let Some(opened) = &hit.opened else {
            return json!({"seq": hit.seq.0, "msgid": hit.msgid, "state": hit.state.as_str()});
        };
        let message = message::read(&opened.plaintext);
        let zone = &self.context.zone;
        let snippets: Vec<Value> = search::snippet(&message, &self.needles, 60)
            .into_iter()
            .map(|snippet| {
                let ranges: Vec<[usize; 2]> = snippet
                    .highlights
                    .iter()
                    .map(|range| [range.start, range.end])
                    .collect();
                json!({"place": snippet.place.as_str(), "text": snippet.text, "highlights": ranges})
            })
            .collect();
        json!({
            "company": self.reader.company_name(hit.company).ok().flatten(),
            "seq": hit.seq.0,
            "msgid": hit.msgid,
            "time": render::time_json(opened.time, zone),
            "msgtime": opened.time.map(|time| time.0),
            "msgtime_as_sent": message.time_as_sent,
            "type": opened.msgtype,
            "action": opened.action,
            "from": message.from,
            "to": message.to,
            "names": self.names.json(hit.company, &message),
            "room": room(&message),
            "room_name": room(&message)
                .and_then(|id| self.names.name_json(hit.company, Class::Room, id, message.time)),
            "chat": opened.chat.as_ref().map(ToString::to_string),
            "scope": Words::scope_word(opened.scope),
            "direction": Words::direction_word(opened.direction),
            "consent": self.consents.json(self.context, self.reader, hit.id),
            "summary": message.summary(self.context.language),
            "texts": texts(&message),
            "snippets": snippets,
            "recalled": opened.recalled.as_ref().map(|recalled| json!({
                "by": recalled.by,
                "at": render::time_json(recalled.at, zone),
                "after_ms": recalled.after_ms,
            })),
            "recalls": opened.recalls,
            "media": message.media.len(),
            "msgid_differs": opened.msgid_differs,
            "flaws": flaws(&message, opened.flaws),
        })
    }

    /// For programs when there are notes for them.
    fn end(&self, page: &Results, shown: u64, notes: Option<&Notes<'_>>) -> Result<(), Failure> {
        let next = page.next.map(page_key_text);
        if let Some(notes) = notes {
            let coverage = coverage_json(&page.coverage);
            out::tell_json(
                &json!({"total": page.total, "shown": shown, "next": next, "damaged": self.damaged.get(),
                        "coverage": coverage, "understood": notes.json()?}),
            );
            return Ok(());
        }
        errln!("{}", self.words().found(page.total, shown));
        if let Some(next) = next {
            errln!("{}", self.words().next_page(&next));
        }
        if let Some(legend) = self.names.legend(self.words()) {
            errln!("{legend}");
        }
        if !self.needles.is_empty() {
            errln!("{}", self.words().folding());
        }
        errln!("{}", self.words().coverage(&page.coverage));
        Ok(())
    }
}

/// How a text looks: struck through when it was recalled.
fn style(struck: bool) -> Style {
    match struck {
        true => Style::new().strikethrough(),
        false => Style::new(),
    }
}

/// A quotation below a heading; what it is of stands in front of its first line.
fn set_in(out: &mut Page, label: Option<Line>, quotation: Vec<Line>) -> std::io::Result<()> {
    let dim = Style::new().dimmed();
    let mut label = label.map(|label| line!("{}[{}]{:#} ", dim, label, dim));
    for line in quotation {
        out.line(line!("    {}{}", label.take().unwrap_or_default(), line))?;
    }
    Ok(())
}

/// True when there is no text that could be shown as this record's.
pub(super) fn withheld(hit: &Hit) -> bool {
    hit.damage.as_ref().is_some_and(Damage::withholds_text)
}

fn room(message: &Message) -> Option<&str> {
    match &message.chat {
        Some(message::Chat::Room(id)) => Some(id),
        _ => None,
    }
}

fn texts(message: &Message) -> Vec<Value> {
    message
        .segments
        .iter()
        .map(|segment| {
            let places: Vec<&str> = segment.places.iter().map(message::Place::as_str).collect();
            json!({"in": places, "text": segment.text})
        })
        .collect()
}

/// Names of what was not as documented. A time later than the landing is known to the store alone.
pub(super) fn flaws(message: &Message, stored: message::Flaws) -> Vec<&'static str> {
    let flaws = message.flaws;
    [
        (flaws.not_json, "not_json"),
        (flaws.lenient, "lenient"),
        (flaws.unknown_type, "unknown_type"),
        (flaws.nested, "nested"),
        (flaws.payload_unread || stored.payload_unread, "payload_unread"),
        (flaws.time_inferred, "time_inferred"),
        (
            flaws.time_implausible || stored.time_implausible,
            "time_implausible",
        ),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

/// Coverage for programs.
pub(super) fn coverage_json(coverage: &Coverage) -> Value {
    json!({
        "records": coverage.records,
        "opened": coverage.opened,
        "sealed": coverage.sealed,
        "waiting": waiting_json(&coverage.waiting, coverage.aside.strays),
        "unreadable": coverage.unreadable,
        "strays": coverage.aside.strays,
        "unpullable": coverage.aside.unpullable,
        "unseen_ranges": coverage.aside.unseen,
        "lost_ranges": coverage.aside.lost,
        "doubtful_seqs": coverage.aside.doubtful_seqs,
        "time_implausible": coverage.untimely,
        "payload_unread": coverage.misshapen,
        "indexed_by_older_rules": coverage.reindex.left,
    })
}

fn page_key_text(key: PageKey) -> String {
    format!("{}.{}", key.time, key.id)
}

fn page_key(text: &str) -> Result<PageKey, String> {
    let (time, id) = text
        .split_once('.')
        .ok_or("a page key looks like 1700000000000.42")?;
    let number = |part: &str| part.parse::<i64>().map_err(|_| format!("`{part}` is no number"));
    Ok(PageKey {
        time: number(time)?,
        id: RecordId(number(id)?),
    })
}
