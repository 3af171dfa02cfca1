//! `shiguan runs`: what was pulled when, call by call, and which ranges of the stream were not seen.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
    pull::reasons_json,
    render::{self, Table},
    words::Words,
};
use crate::{
    ids::CompanyId,
    line,
    sanitize::{Line, value},
    store::{
        Reader,
        contract::{DoubtfulSeq, Gap, GapKind, GapState, PullCall, RunRow},
    },
};

/// Records in doubt that are listed; there are few, or something is badly wrong.
const DOUBTFUL: usize = 1_000;

/// Arguments of `runs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the archive
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Runs to list at most, latest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// List the calls of each run, too (JSON has them always)
    #[arg(long)]
    calls: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let company = args
        .company
        .as_deref()
        .map(|name| {
            reader
                .company_id(name)?
                .ok_or_else(|| Failure::usage(format!("no company `{name}` in the archive")))
        })
        .transpose()?;
    let names: HashMap<CompanyId, String> = reader.companies()?.into_iter().collect();
    let runs = reader.runs(company, args.limit)?;
    let gaps = reader.gaps(company, false)?;
    let doubtful = reader.doubtful_seqs(company, DOUBTFUL)?;
    let view = View {
        context: &context,
        reader: &reader,
        names,
    };
    if args.json {
        out::json(&view.json(&runs, &gaps, &doubtful, company)?);
    } else {
        view.tables(&runs, &gaps, &doubtful, args.calls)?;
    }
    Ok(Exit::Well)
}

struct View<'a> {
    context: &'a Context,
    reader: &'a Reader,
    names: HashMap<CompanyId, String>,
}

impl View<'_> {
    fn name(&self, company: CompanyId) -> &str {
        self.names.get(&company).map_or("", String::as_str)
    }

    fn time(&self, at: Option<crate::ids::Millis>) -> Option<String> {
        render::time_json(at, &self.context.zone)
    }

    fn json(
        &self,
        runs: &[RunRow],
        gaps: &[Gap],
        doubtful: &[DoubtfulSeq],
        company: Option<CompanyId>,
    ) -> Result<Value, Failure> {
        let mut list = Vec::with_capacity(runs.len());
        for run in runs {
            let calls = self.reader.calls_of(run.id)?;
            let calls: Vec<Value> = calls.iter().map(|call| self.call_json(call)).collect();
            list.push(json!({
                "run": run.id.0,
                "company": self.name(run.company),
                "command": run.command,
                "began": self.time(Some(run.began)),
                "ended": self.time(run.ended),
                "outcome": run.outcome,
                "received": run.books.received,
                "stored": run.books.stored,
                "opened": run.books.opened,
                "duplicate": run.books.duplicate,
                "changed": run.books.changed,
                "stray": run.books.stray,
                "waiting": reasons_json(&run.books.waiting),
                "first_seq": run.range.map(|range| range.first.0),
                "last_seq": run.range.map(|range| range.last.0),
                "calls": calls,
            }));
        }
        let gaps: Vec<Value> = gaps
            .iter()
            .map(|gap| {
                json!({
                    "gap": gap.id,
                    "company": self.name(gap.company),
                    "kind": gap.kind.as_str(),
                    "first_seq": gap.range.first.0,
                    "last_seq": gap.range.last.0,
                    "state": gap.state.as_str(),
                    "explanation": gap.cause,
                    "found": self.time(Some(gap.found)),
                    "run": gap.run.0,
                    "tries": gap.tries,
                    "next_try": self.time(Some(gap.next_try).filter(|at| gap.state == GapState::Open && at.0 > 0)),
                    "ended": self.time(gap.ended),
                })
            })
            .collect();
        let doubtful: Vec<Value> = doubtful
            .iter()
            .map(|record| {
                json!({
                    "company": self.name(record.company),
                    "seq": record.seq.0,
                    "msgid": record.msgid,
                    "cursor": record.cursor.0,
                    "at": self.time(Some(record.at)),
                })
            })
            .collect();
        let mut cursors = Map::new();
        for (id, name) in &self.names {
            if company.is_none_or(|only| only == *id) {
                cursors.insert(name.clone(), json!(self.reader.cursor(*id)?.0));
            }
        }
        Ok(json!({"runs": list, "gaps": gaps, "doubtful_seqs": doubtful, "cursors": cursors}))
    }

    fn call_json(&self, call: &PullCall) -> Value {
        json!({
            "asked": call.asked.0,
            "limit": call.limit,
            "first_seq": call.first.map(|seq| seq.0),
            "last_seq": call.last.map(|seq| seq.0),
            "count": call.count,
            "code": call.code,
            "errcode": call.errcode,
            "outcome": call.outcome,
            "sdk_build": call.sdk_build,
            "at": self.time(Some(call.at)),
            "took_ms": call.took_ms,
        })
    }

    fn tables(
        &self,
        runs: &[RunRow],
        gaps: &[Gap],
        doubtful: &[DoubtfulSeq],
        calls: bool,
    ) -> Result<(), Failure> {
        let words = Words(self.context.language);
        let say = |chinese, english| words.say(chinese, english);
        let time = |at| render::time(at, &self.context.zone);
        let mut table = Table::new([
            say("运行", "run"),
            say("企业", "company"),
            say("命令", "command"),
            say("开始", "began"),
            say("收到", "received"),
            say("入库", "stored"),
            say("解密", "opened"),
            "seq",
            say("结果", "outcome"),
        ]);
        for run in runs {
            let range = run
                .range
                .map_or("-".into(), |range| line!("{}–{}", range.first.0, range.last.0));
            let outcome = match (&run.outcome, run.ended) {
                (Some(outcome), _) => Line::sentence(outcome),
                (None, _) => say(
                    "未结束 (运行中，或进程已死)",
                    "not ended (going on, or its process died)",
                )
                .into(),
            };
            table.row([
                line!("{}", run.id.0),
                value(self.name(run.company)),
                value(&run.command),
                time(Some(run.began)),
                render::number(run.books.received),
                render::number(run.books.stored),
                render::number(run.books.opened),
                range,
                outcome,
            ]);
        }
        out::table(&table);
        if calls {
            let mut table = Table::new([
                say("运行", "run"),
                say("时间", "at"),
                say("起点", "asked"),
                "limit",
                say("条数", "count"),
                "seq",
                say("结果", "outcome"),
            ]);
            for run in runs {
                for call in self.reader.calls_of(run.id)? {
                    let range = call.first.zip(call.last);
                    table.row([
                        line!("{}", run.id.0),
                        time(Some(call.at)),
                        line!("{}", call.asked.0),
                        line!("{}", call.limit),
                        line!("{}", call.count),
                        range.map_or("-".into(), |(first, last)| line!("{}–{}", first.0, last.0)),
                        Line::sentence(call.outcome),
                    ]);
                }
            }
            outln!();
            out::table(&table);
        }
        if !doubtful.is_empty() {
            let mut table = Table::new([
                say("可疑 seq", "seq in doubt"),
                say("企业", "company"),
                "msgid",
                say("游标停在", "cursor stayed at"),
                say("时间", "at"),
            ]);
            for record in doubtful {
                table.row([
                    line!("{}", record.seq.0),
                    value(self.name(record.company)),
                    value(&record.msgid),
                    line!("{}", record.cursor.0),
                    time(Some(record.at)),
                ]);
            }
            outln!();
            out::table(&table);
        }
        if gaps.is_empty() {
            errln!(
                "{}",
                say(
                    "没有未拉取到的 seq 区段",
                    "no range of the stream is listed as not seen"
                )
            );
            outln!(render::zone_line(words, &self.context.zone));
            return Ok(());
        }
        let mut table = Table::new([
            say("缺口", "gap"),
            say("企业", "company"),
            "seq",
            say("原因", "kind"),
            say("状态", "state"),
            say("发现", "found"),
            say("重试", "tries"),
            say("说明", "explanation"),
        ]);
        for gap in gaps {
            let range = match gap.range.first == gap.range.last {
                true => line!("{}", gap.range.first.0),
                false => line!("{}–{}", gap.range.first.0, gap.range.last.0),
            };
            table.row([
                line!("{}", gap.id),
                value(self.name(gap.company)),
                range,
                kind(words, gap.kind).into(),
                state(words, gap).into(),
                time(Some(gap.found)),
                line!("{}", gap.tries),
                Line::sentence(&gap.cause),
            ]);
        }
        outln!();
        out::table(&table);
        outln!(render::zone_line(words, &self.context.zone));
        Ok(())
    }
}

fn kind(words: Words, kind: GapKind) -> &'static str {
    match kind {
        GapKind::Skipped => words.say("人为跳过 (--from-seq)", "skipped (--from-seq)"),
        GapKind::Unpullable => words.say("SDK 无法拉取", "unpullable"),
        GapKind::Expired => words.say("超过五天保存期", "five days had passed"),
        GapKind::Jump => words.say("seq 跳号", "numbering jumped"),
        GapKind::Rewound => words.say("游标回退重读", "cursor went back"),
    }
}

fn state(words: Words, gap: &Gap) -> &'static str {
    match gap.state {
        GapState::Open => words.say("未拉取到", "not seen"),
        // Nothing was missing there: it only says what happened.
        GapState::Closed if !gap.kind.may_miss_records() => words.say("仅作记录", "noted"),
        GapState::Closed => words.say("已补齐", "closed"),
        GapState::Lost => words.say("已无法取得", "lost"),
    }
}
