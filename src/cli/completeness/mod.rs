//! `shiguan completeness`: WeCom's own counts beside the archive's, and customer groups of which it holds nothing.
//!
//! Ends with 3 when somebody has to look: a difference or a missing group that nothing explains, or a company of which
//! nothing could be compared. By default and not by a flag, because that is what the command is run for: a cron job whose owner forgot a
//! flag would be told for years that all is well, while a person at a terminal loses nothing by a number. Explained
//! differences do not count (what they wait for, `pull` and `waiting` tell), nor do single members whom WeCom has no counts
//! of: they stay so, and a code that is always 3 says nothing.

mod groups;
mod wording;

use jiff::civil::Date;
use serde_json::{Value, json};

use self::groups::Telling;
use super::{
    Global,
    context::{Context, Quiet},
    each::CompanyFailures,
    out,
    outcome::{Exit, Failure},
    render::{self, Table},
    words::Words,
};
use crate::{
    archive::{self, Completeness, CompletenessJob},
    completeness::{Cause, Counts, KEPT_DAYS, Line as Compared, Verdict, day_of},
    ids::Millis,
    message::Language,
    sanitize::{Line, value},
};

/// Arguments of `completeness`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// First day, in Beijing's time (default: seven days before the last)
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Last day, in Beijing's time (default: yesterday, the last that WeCom has counted)
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
    /// Only this member (several times for several)
    #[arg(long, value_name = "ID")]
    member: Vec<String>,
    /// Ask about at most so many of the customer groups of which the archive holds nothing (0: only list them); with
    /// --member they are not looked for
    #[arg(long, value_name = "N", default_value_t = 200)]
    groups: usize,
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Also list what is equal
    #[arg(long)]
    all: bool,
    /// One JSON object per person and day, and one per group; what was compared on stderr
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let now = Millis::now();
    let (first, last) = days(args, day_of(now.0))?;
    let job = CompletenessJob {
        first,
        last,
        members: args.member.clone(),
        groups: args.member.is_empty().then_some(args.groups),
        now,
    };
    let reader = context.reader()?;
    let runtime = context.runtime()?;
    let (mut failures, mut suspicious) = (CompanyFailures::default(), false);
    for company in context.companies(args.company.as_deref())? {
        let Some(id) = reader.company_id(&company.name)? else {
            not_pulled(&context, &company.name, args.json);
            suspicious = true;
            continue;
        };
        let compared = context
            .directory(company)
            .and_then(|client| Ok(runtime.block_on(archive::completeness(&reader, &client, id, &job))?));
        let Some(mut result) = failures.note(&company.name, compared) else {
            continue;
        };
        if let Some(error) = result.stopped.take() {
            failures.note::<()>(&company.name, Err(error.into()));
        }
        let report = Report {
            context: &context,
            company: &company.name,
            result: &result,
        };
        // Not stdout itself: who stops reading is to hear the truth of the exit code all the same.
        report.print(args);
        report.summary(args.json);
        suspicious |= report.suspicious();
    }
    failures.end(if suspicious { Exit::Waiting } else { Exit::Well })
}

/// WeCom may have counted much for a company that was never pulled.
fn not_pulled(context: &Context, company: &str, as_json: bool) {
    if as_json {
        out::tell_json(&json!({"company": company, "members": 0, "not_compared": "nothing was pulled yet"}));
        return;
    }
    errln!(
        "{}",
        Words(context.language).say(
            format!("{company}：尚未拉取，无从比对；请运行 shiguan pull"),
            format!("{company}: nothing was pulled yet, so nothing was compared; run `shiguan pull`"),
        )
    );
}

fn days(args: &Args, today: i64) -> Result<(i64, i64), Failure> {
    let last = args.to.map_or(today - 1, number);
    let first = args.from.map_or((last - 6).max(today - KEPT_DAYS), number);
    if first > last {
        return Err(Failure::usage("--from is behind --to"));
    }
    if last >= today || first < today - KEPT_DAYS {
        return Err(Failure::usage(format!(
            "WeCom has counts from {} to {}",
            date(today - KEPT_DAYS),
            date(today - 1)
        ))
        .hint("choose --from and --to between them"));
    }
    Ok((first, last))
}

const EPOCH: Date = Date::constant(1970, 1, 1);

fn number(date: Date) -> i64 {
    date.since(EPOCH).map_or(0, |span| i64::from(span.get_days()))
}

fn date(day: i64) -> String {
    let shown = EPOCH.checked_add(jiff::Span::new().days(day));
    shown.map_or_else(|_| day.to_string(), |date| date.to_string())
}

struct Report<'a> {
    context: &'a Context,
    company: &'a str,
    result: &'a Completeness,
}

impl Report<'_> {
    fn words(&self) -> Words {
        Words(self.context.language)
    }

    /// True when somebody has to look into it.
    fn suspicious(&self) -> bool {
        let unexplained = |line: &Compared| line.verdict == Verdict::Unexplained;
        let nothing_told = self.result.members == 0 && !self.result.refused.is_empty();
        self.result.lines.iter().any(unexplained)
            || nothing_told
            || self.groups().is_some_and(|groups| groups.suspicious())
    }

    fn groups(&self) -> Option<Telling<'_>> {
        Some(Telling {
            context: self.context,
            company: self.company,
            groups: self.result.groups.as_ref()?,
        })
    }

    fn print(&self, args: &Args) {
        let lines = self
            .result
            .lines
            .iter()
            .filter(|line| args.all || line.verdict != Verdict::Equal);
        if args.json {
            for line in lines {
                out::json(&self.line_json(line));
            }
            if let Some(groups) = self.groups() {
                groups.lines();
            }
            return;
        }
        let mut table = Table::new(match self.context.language {
            Language::Chinese => ["成员", "日期", "统计", "企业微信", "存档", "结论", "可能的原因"],
            Language::English => [
                "member",
                "day",
                "counted",
                "WeCom",
                "archive",
                "verdict",
                "may be because",
            ],
        });
        for line in lines {
            table.row([
                value(&line.who),
                Line::sentence(date(line.day)),
                self.what(line.what).into(),
                line.told.map_or("-".into(), |told| self.counts(told)),
                self.counts(line.held),
                self.verdict(line.verdict).into(),
                Line::join(line.causes.iter().map(|cause| self.cause(*cause)), "；"),
            ]);
        }
        let mut empty = table.is_empty();
        if !empty {
            out::table(&table);
        }
        if let Some(groups) = self.groups() {
            empty &= !groups.table();
        }
        for (member, error) in &self.result.refused {
            errln!("{}: {error}", value(member));
        }
        if empty {
            return;
        }
        // The days are WeCom's, whatever zone the other times are in.
        outln!(render::zone_line(self.words(), &self.context.zone));
        outln!(self.words().say::<Line>(
            "日期按北京时间 (UTC+08:00)，与企业微信的统计一致".into(),
            "days are Beijing's (UTC+08:00), as WeCom counts".into(),
        ));
    }

    fn line_json(&self, line: &Compared) -> Value {
        let counts = |counts: Counts| json!({"chats": counts.chats, "messages": counts.messages});
        let causes: Vec<Value> = line
            .causes
            .iter()
            .map(|cause| match cause {
                Cause::NotOpened(count) | Cause::Refused(count) => {
                    json!({"cause": cause.as_str(), "count": count})
                }
                _ => json!({"cause": cause.as_str()}),
            })
            .collect();
        json!({
            "company": self.company,
            "member": line.who,
            "day": date(line.day),
            "what": line.what.as_str(),
            "wecom": line.told.map(counts),
            "archive": counts(line.held),
            "verdict": line.verdict.as_str(),
            "causes": causes,
        })
    }

    fn summary(&self, as_json: bool) {
        let count = |verdict| {
            self.result
                .lines
                .iter()
                .filter(|line| line.verdict == verdict)
                .count()
        };
        let [equal, explained, unexplained] =
            [Verdict::Equal, Verdict::Explained, Verdict::Unexplained].map(count);
        let result = self.result;
        if as_json {
            let refused: Vec<Value> = result
                .refused
                .iter()
                .map(|(member, error)| json!({"member": member, "why": error.to_string()}))
                .collect();
            out::tell_json(
                &json!({"company": self.company, "members": result.members, "equal": equal, "explained": explained,
                        "unexplained": unexplained, "not_told": refused, "left": result.left,
                        "groups": self.groups().map(|groups| groups.summary_json())}),
            );
            return;
        }
        let (company, members, refused, left) =
            (self.company, result.members, result.refused.len(), result.left);
        errln!(
            "{}",
            self.words().say(
                format!(
                    "{company}：已比对成员 {members} 人；人日相符 {equal}，不符但有可能的原因 {explained}，不符且原因不明 \
                     {unexplained}；企业微信不提供统计 {refused} 人，未及询问 {left} 人。内部会话不在企业微信的统计之内"
                ),
                format!(
                    "{company}: {members} members compared; days equal {equal}, different and perhaps explained \
                     {explained}, different and not explained {unexplained}; WeCom has no counts of {refused} members, \
                     {left} were not reached. Internal conversations are in none of WeCom's counts"
                ),
            )
        );
        if let Some(groups) = self.groups() {
            errln!("{}", groups.summary());
        }
    }
}
