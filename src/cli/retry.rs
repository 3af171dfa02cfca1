//! `shiguan retry`: waiting records go back to be opened, now.

use std::sync::Arc;

use super::{
    Global, consent,
    context::{Context, Quiet},
    each::CompanyFailures,
    outcome::{Exit, Failure},
    progress, pull, signals,
};
use crate::{
    archive::{self, Job, Progress},
    ids::Seq,
    record::Reason,
    store::contract::Release,
};

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Only records that wait for this reason: no_key, key_mismatch, malformed, refused, poison or unreadable
    #[arg(long, value_parser = reason, conflicts_with = "seq")]
    reason: Option<Reason>,
    /// Only the record at this position
    #[arg(long)]
    seq: Option<u64>,
    /// Print the books as one JSON line at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let release = match (args.reason, args.seq) {
        (Some(reason), _) => Release::Reason(reason),
        (None, Some(seq)) => Release::Seq(Seq(seq)),
        (None, None) => Release::All,
    };
    let screen = progress::wanted(args.json);
    let context = Context::begin(global, Quiet::under_bar(screen))?;
    reopen(&context, args.company.as_deref(), vec![release], args.json)
}

/// Opens what is sealed, after putting back what `releases` names; also what a new key brings in.
pub(super) fn reopen(
    context: &Context,
    company: Option<&str>,
    releases: Vec<Release>,
    json: bool,
) -> Result<Exit, Failure> {
    let mut failures = CompanyFailures::default();
    let mut setups = Vec::new();
    for (company, setup) in context.attempts(company)? {
        match setup {
            Ok(setup) => setups.push(setup),
            failed => drop(failures.note(company, failed)),
        }
    }
    if setups.is_empty() {
        return failures.end(Exit::Well);
    }
    let desk = context.desk()?;
    let job = Job::Open(releases);
    let reports = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut reports = Vec::with_capacity(setups.len());
        for setup in &setups {
            let counters = Arc::new(Progress::default());
            let bar = progress::wanted(json)
                .then(|| progress::Bar::start(&setup.name, Arc::clone(&counters), None));
            let report = archive::execute(&desk, setup, &job, &counters, stop.clone()).await;
            drop(bar);
            let Some(report) = failures.note(&setup.name, report.map_err(Failure::from)) else {
                continue;
            };
            reports.push(report);
            consent::task::after_pull(&desk, &setup.name, &setup.corpid).await;
            if *stop.borrow() {
                break;
            }
        }
        Ok::<_, Failure>(reports)
    })?;
    desk.close();
    pull::conclude(reports, failures, json)
}

pub(super) fn reason(word: &str) -> Result<Reason, String> {
    Reason::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("the reasons are {}", known.join(", "))
    })
}
