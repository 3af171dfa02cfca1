//! `shiguan consent report`: three lists that an auditor asks for.

use serde_json::{Value, json};

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
    consent::{Standing, State, Talk},
    ids::Millis,
    line,
    message::Language,
    sanitize::{Line, value},
    store::{
        Reader,
        contract::{Silent, SubjectRow},
    },
};

const DAY_MS: i64 = 86_400_000;

/// Arguments of `consent report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object per line; `report` says which list it is of: no_agreement, silent, room_refused
    #[arg(long)]
    json: bool,
    /// List members who sent nothing for so many days
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Lines per list (JSON has all)
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let now = Millis::now();
    let subjects = reader.consent_subjects(now)?;
    let open: Vec<&SubjectRow> = subjects
        .iter()
        .filter(|row| row.messages > 0 && !row.ever_agreed)
        .collect();
    let refused: Vec<&SubjectRow> = subjects
        .iter()
        .filter(|row| row.now == Some(State::Refused) && matches!(row.subject.talk, Talk::Room(_)))
        .collect();
    let mut silent = Vec::new();
    let mut unread = Vec::new();
    for (company, name) in reader.companies()? {
        silent.extend(reader.silent(company, Millis(now.0 - i64::from(args.days) * DAY_MS))?);
        if reader.consent_asking(company, now)?.scope_asked.is_none() {
            unread.push(name);
        }
    }
    let report = Lists {
        context: &context,
        reader: &reader,
        limit: args.limit,
    };
    let mut out = Page::begin();
    if args.json {
        report.json(&mut out, &open, &silent, &refused)?;
    } else {
        report.no_agreement(&mut out, &open)?;
        report.silent(&mut out, &silent, args.days, unread.is_empty())?;
        report.room_refused(&mut out, &refused)?;
        out.line(render::zone_line(report.words(), &context.zone))?;
    }
    out.flush()?;
    for name in unread {
        errln!(
            "{}",
            report.words().say(
                format!("{name}: 尚未读取会话内容存档开启成员列表，无法判断谁没有产生会话；请运行 shiguan consent check"),
                format!(
                    "{name}: WeCom's list of recorded members was not read yet, so nobody can be called silent; run \
                     `shiguan consent check`"
                ),
            )
        );
    }
    Ok(Exit::Well)
}

struct Lists<'a> {
    context: &'a Context,
    reader: &'a Reader,
    limit: usize,
}

impl Lists<'_> {
    fn words(&self) -> Words {
        Words(self.context.language)
    }

    fn json(
        &self,
        out: &mut Page,
        open: &[&SubjectRow],
        silent: &[Silent],
        refused: &[&SubjectRow],
    ) -> Result<(), Failure> {
        for row in open {
            out.json(&self.subject_json("no_agreement", row)?)?;
        }
        let zone = &self.context.zone;
        for row in silent {
            out.json(
                &json!({"report": "silent", "company": self.reader.company_name(row.company)?, "member": row.member,
                        "in_scope_since": render::time_json(Some(row.since), zone), "sent": row.sent,
                        "last": render::time_json(row.last, zone)}),
            )?;
        }
        for row in refused {
            out.json(&self.subject_json("room_refused", row)?)?;
        }
        Ok(())
    }

    fn subject_json(&self, report: &str, row: &SubjectRow) -> Result<Value, Failure> {
        let zone = &self.context.zone;
        let (room, member) = match &row.subject.talk {
            Talk::Room(id) => (Some(id), None),
            Talk::With(id) => (None, Some(id)),
        };
        let at_sending: serde_json::Map<String, Value> = Standing::ALL
            .into_iter()
            .map(|standing| (standing.as_str().to_owned(), json!(row.with_standing(standing))))
            .collect();
        Ok(json!({
            "report": report,
            "company": self.reader.company_name(row.company)?,
            "external": row.subject.external,
            "room": room,
            "member": member,
            "messages": row.messages,
            "messages_at_sending": at_sending,
            "last": render::time_json(row.last, zone),
            "state": row.now.as_ref().map_or(Standing::Unknown, State::standing).as_str(),
            "status": row.now.as_ref().map(State::as_word),
            "since": render::time_json(row.since, zone),
            "asked": render::time_json(row.asked, zone),
            "fault": row.fault,
        }))
    }

    fn no_agreement(&self, out: &mut Page, rows: &[&SubjectRow]) -> std::io::Result<()> {
        let words = self.words();
        out.line(words.say(
            "一、有消息而没有同意记录的外部联系人",
            "1. External people with messages and no recorded agreement",
        ))?;
        let mut table = Table::new(match self.context.language {
            Language::Chinese => [
                "外部联系人",
                "会话",
                "消息数",
                "最近",
                "现状态",
                "上次询问",
                "原因",
            ],
            Language::English => [
                "external",
                "conversation",
                "messages",
                "last",
                "state now",
                "asked",
                "why not",
            ],
        });
        for row in rows.iter().take(self.limit) {
            table.row([
                value(&row.subject.external),
                words::talk(words, &row.subject),
                render::number(row.messages),
                render::time(row.last, &self.context.zone),
                self.now(row),
                render::time(row.asked, &self.context.zone),
                row.fault.as_deref().map_or_else(Line::default, Line::sentence),
            ]);
        }
        self.end(out, &table, rows.len())
    }

    fn silent(&self, out: &mut Page, rows: &[Silent], days: u32, complete: bool) -> std::io::Result<()> {
        let words = self.words();
        out.line(words.say(
            line!("二、在存档范围内、{} 天内没有发出消息的成员", days),
            line!("2. Members who are recorded and sent nothing for {} days", days),
        ))?;
        if rows.is_empty() && !complete {
            // "None" would say that everybody writes.
            let unknown = words.say(
                "不详：成员列表尚未读取",
                "not known: the list of members was not read yet",
            );
            out.line(line!("  {}", unknown))?;
            return out.line("");
        }
        let mut table = Table::new(match self.context.language {
            Language::Chinese => ["成员", "在范围内自", "共发出", "最近一条"],
            Language::English => ["member", "in scope since", "sent ever", "latest"],
        });
        for row in rows.iter().take(self.limit) {
            table.row([
                value(&row.member),
                render::time(Some(row.since), &self.context.zone),
                render::number(row.sent),
                render::time(row.last, &self.context.zone),
            ]);
        }
        self.end(out, &table, rows.len())
    }

    fn room_refused(&self, out: &mut Page, rows: &[&SubjectRow]) -> std::io::Result<()> {
        let words = self.words();
        out.line(words.say("三、有人不同意的群", "3. Groups with somebody who refused"))?;
        let mut table = Table::new(match self.context.language {
            Language::Chinese => ["群", "外部联系人", "不同意自", "不同意期间的消息", "消息数"],
            Language::English => [
                "group",
                "external",
                "refused since",
                "messages while refused",
                "messages",
            ],
        });
        for row in rows.iter().take(self.limit) {
            table.row([
                value(row.subject.talk.id()),
                value(&row.subject.external),
                render::time(row.since, &self.context.zone),
                render::number(row.with_standing(Standing::Refused)),
                render::number(row.messages),
            ]);
        }
        self.end(out, &table, rows.len())
    }

    fn now(&self, row: &SubjectRow) -> Line {
        match &row.now {
            Some(state) => words::state(self.words(), state),
            None => words::standing(self.words(), Standing::Unknown).into(),
        }
    }

    fn end<const N: usize>(&self, out: &mut Page, table: &Table<N>, all: usize) -> std::io::Result<()> {
        let words = self.words();
        if table.is_empty() {
            out.line(line!("  {}", words.say("无", "none")))?;
        } else {
            out.table(table)?;
        }
        if all > self.limit {
            let rest = all - self.limit;
            out.line(words.say(line!("… 另有 {} 行", rest), line!("… {} more lines", rest)))?;
        }
        out.line("")
    }
}
