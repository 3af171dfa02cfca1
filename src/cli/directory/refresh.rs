//! `shiguan directory refresh`: ask now, until nothing is due or nothing more can be had.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::watch;

use super::super::{
    Global,
    context::{Context, Quiet},
    each::CompanyFailures,
    out,
    outcome::{Exit, Failure},
    render, signals,
    words::Words,
};
use crate::{
    archive::{self, Desk, Directory, Pass},
    config::Company,
    directory::WallClock,
    people::Round,
    store::contract::people::Ages,
};

const HOUR_MS: i64 = 3_600_000;

/// Arguments of `directory refresh`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Ask about everything again, however young the answers are
    #[arg(long)]
    all: bool,
    /// One JSON object per company
    #[arg(long)]
    json: bool,
}

/// From the sections to what a pass takes.
pub(in crate::cli) fn settings(context: &Context, company: &Company) -> Result<Directory, Failure> {
    let wanted = &company.directory;
    Ok(Directory {
        name: company.name.clone(),
        corpid: company.corpid.clone(),
        client: context.directory(company)?,
        clock: Arc::new(WallClock::default()),
        ages: Ages {
            people_ms: i64::from(wanted.people_hours) * HOUR_MS,
            rooms_ms: i64::from(wanted.rooms_hours) * HOUR_MS,
            lists_ms: i64::from(wanted.lists_hours) * HOUR_MS,
        },
        round: Round {
            sweep_from: wanted.sweep_from as usize,
            calls: wanted.calls_per_pass,
        },
    })
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    // What went wrong is in the report.
    let context = Context::begin(global, Quiet::Errors)?;
    let mut failures = CompanyFailures::default();
    let mut settled = Vec::new();
    for company in context.companies(args.company.as_deref())? {
        settled.extend(failures.note(&company.name, askable(&context, company)));
    }
    if settled.is_empty() {
        return failures.end(Exit::Well);
    }
    let desk = context.desk()?;
    let words = Words(context.language);
    context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        for directory in &settled {
            let Some(whole) = failures.note(&directory.name, ask(&desk, directory, args.all, &stop).await)
            else {
                continue;
            };
            tell(directory, &whole, words, args.json);
            if let Some(why) = whole.failure {
                let failure = Failure::run(why).hint("what was answered before is kept; run it again later");
                failures.note::<()>(&directory.name, Err(failure));
            }
            if whole.stopped {
                break;
            }
        }
        Ok::<_, Failure>(())
    })?;
    desk.close();
    failures.end(Exit::Well)
}

fn askable(context: &Context, company: &Company) -> Result<Directory, Failure> {
    if company.secret.is_none() && company.app_secret.is_none() {
        return Err(Failure::usage(format!(
            "company {} has no secret that WeCom could be asked with",
            company.name
        ))
        .hint("set `app_secret_file` (names, customers, groups) and `secret_file` (rooms, robots)"));
    }
    settings(context, company)
}

/// Asks about one company until nothing is due or nothing more can be had.
async fn ask(
    desk: &Desk,
    directory: &Directory,
    all: bool,
    stop: &watch::Receiver<bool>,
) -> Result<Pass, Failure> {
    let mut whole = Pass::default();
    let mut progress = Progress::default();
    loop {
        let first = whole.calls == 0;
        let pass = archive::refresh(desk, directory, all && first, stop).await?;
        let over = pass.left == 0 || pass.troubled() || pass.stopped;
        let idle = pass.answered + pass.refused == 0;
        let moves = progress.after(pass.left);
        add(&mut whole, pass);
        if over || idle {
            return Ok(whole);
        }
        if !moves {
            whole.failure = Some(format!(
                "{} ids and lists are still due after {PATIENCE} rounds that were answered: the answers are not about what \
                 was asked",
                whole.left
            ));
            return Ok(whole);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Rounds that may pass without fewer ids being due than ever before. The first ones may find new ids to ask about.
const PATIENCE: u32 = 3;

/// Whether asking leads anywhere: answers alone do not say so.
#[derive(Default)]
struct Progress {
    least: Option<u64>,
    rounds: u32,
}

impl Progress {
    fn after(&mut self, left: u64) -> bool {
        if self.least.is_none_or(|least| left < least) {
            self.least = Some(left);
            self.rounds = 0;
        } else {
            self.rounds += 1;
        }
        self.rounds < PATIENCE
    }
}

fn add(whole: &mut Pass, pass: Pass) {
    whole.met += pass.met;
    whole.calls += pass.calls;
    whole.answered += pass.answered;
    whole.refused += pass.refused;
    whole.left = pass.left;
    whole.troubles = pass.troubles;
    whole.failure = pass.failure;
    whole.stopped = pass.stopped;
}

fn tell(directory: &Directory, pass: &Pass, words: Words, as_json: bool) {
    if as_json {
        let troubles: Vec<_> = pass
            .troubles
            .iter()
            .map(|trouble| json!({"api": trouble.api, "why": trouble.why}))
            .collect();
        out::json(
            &json!({"company": directory.name, "met": pass.met, "calls": pass.calls, "answered": pass.answered,
                    "not_available": pass.refused, "left": pass.left, "troubles": troubles, "failure": pass.failure,
                    "stopped": pass.stopped}),
        );
        return;
    }
    let [met, calls, answered, refused, left] = pass.counts().map(render::number);
    outln!(
        "{}",
        words.say(
            format!(
                "{}：新出现 {met} 个 ID；调用 {calls} 次，获知 {answered}，无法获取 {refused}，待查 {left}",
                directory.name
            ),
            format!(
                "{}: {met} new ids; {calls} calls, {answered} answered, {refused} not available, {left} still due",
                directory.name
            ),
        )
    );
    for trouble in &pass.troubles {
        errln!("  {}", trouble.why);
    }
}
