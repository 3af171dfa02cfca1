//! `shiguan pull`: drain once, for every company or one.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Global,
    alert::{Duty, Extra},
    consent,
    context::{Context, Quiet},
    outcome::{Exit, Failure},
    progress, render, signals,
};
use crate::{
    archive::{self, Job, Progress, Report},
    ids::Seq,
    record::Reason,
};

/// Arguments of `pull`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Begin behind this seq instead of where the last pull ended; what is there already stays as it is
    #[arg(long, value_name = "SEQ")]
    from_seq: Option<u64>,
    /// Print the books as one JSON line at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let screen = progress::wanted(args.json);
    let context = Arc::new(Context::begin(global, Quiet::under_bar(screen))?);
    let setups = context.setups(args.company.as_deref())?;
    let desk = context.desk()?;
    let job = Job::Pull {
        from: args.from_seq.map(Seq),
    };
    let reports = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut reports = Vec::with_capacity(setups.len());
        let mut broken = None;
        for setup in &setups {
            let counters = Arc::new(Progress::default());
            let bar = screen.then(|| progress::Bar::start(&setup.name, Arc::clone(&counters), None));
            let report = archive::execute(&desk, setup, &job, &counters, stop.clone()).await;
            drop(bar);
            let report = match report {
                Ok(report) => report,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            };
            consent::task::after_pull(&desk, &setup.name, &setup.corpid).await;
            if context.fetches_files() {
                // So that `media:` and the alerts know of them; fetching is for `run` and `media get`.
                if let Err(error) = archive::discover(&desk, &stop).await {
                    tracing::warn!(event = "media.skipped", company = setup.name, cause = %error, "files not looked for this time");
                }
            }
            let ended = report.failure.is_some() || report.stopped;
            reports.push(report);
            if ended && *stop.borrow() {
                break;
            }
        }
        // Whoever pulls by cron is told like whoever runs: of what the books say now, failed pulls above all.
        let names = setups.iter().map(|setup| setup.name.clone()).collect();
        if !*stop.borrow() {
            let duty = Duty::new(Arc::clone(&context), desk.clone(), names, Extra::default());
            duty.once().await;
        }
        match broken {
            Some(error) => Err(Failure::from(error)),
            None => Ok(reports),
        }
    })?;
    desk.close();
    conclude(reports, args.json)
}

/// Prints the books of the runs and turns them into an exit code: from the books, not from "no exception".
pub(super) fn conclude(reports: Vec<Report>, json: bool) -> Result<Exit, Failure> {
    if json {
        outln!("{}", books_json(&reports));
    } else {
        for report in &reports {
            out!("{}", render::books(report));
        }
    }
    let waiting: u64 = reports.iter().map(Report::waiting).sum();
    let mut failures = reports
        .into_iter()
        .filter_map(|report| Some((report.company, report.failure?)));
    if let Some((company, failure)) = failures.next() {
        let hint = failure.hint();
        let told = Failure::run(format!("{company}: {failure}"));
        return Err(match hint {
            Some(hint) => told.hint(hint),
            None => told,
        });
    }
    Ok(if waiting > 0 { Exit::Waiting } else { Exit::Well })
}

/// All reasons with their counts, so that a reader need not know which ones happened.
pub(super) fn reasons_json(waiting: &[(Reason, u64)]) -> Value {
    let count = |reason| {
        waiting
            .iter()
            .find(|(known, _)| *known == reason)
            .map_or(0, |(_, count)| *count)
    };
    Value::Object(
        Reason::ALL
            .iter()
            .map(|&reason| (reason.as_str().to_owned(), json!(count(reason))))
            .collect(),
    )
}

fn books_json(reports: &[Report]) -> Value {
    let sum = |pick: fn(&Report) -> u64| reports.iter().map(pick).sum::<u64>();
    let mut waiting: Vec<(Reason, u64)> = Vec::new();
    for &(reason, count) in reports.iter().flat_map(|report| &report.waiting_now) {
        match waiting.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, total)) => *total += count,
            None => waiting.push((reason, count)),
        }
    }
    let seconds: f64 = reports.iter().map(|report| report.took.as_secs_f64()).sum();
    let opened = sum(|report| report.books.opened);
    let companies: Map<String, Value> = reports
        .iter()
        .map(|report| (report.company.clone(), company_json(report)))
        .collect();
    json!({
        "received": sum(|report| report.books.received),
        "stored": sum(|report| report.books.stored),
        "opened": opened,
        "duplicate": sum(|report| report.books.duplicate),
        "changed": sum(|report| report.books.changed),
        "stray": sum(|report| report.books.stray),
        "waiting": reasons_json(&waiting),
        "sealed": sum(|report| report.sealed_now),
        "runs": reports.len(),
        "calls": sum(|report| report.books.calls),
        "child_deaths": sum(|report| report.deaths.total()),
        "child_recycled": sum(|report| report.deaths.recycled),
        "seconds": (seconds * 1000.0).round() / 1000.0,
        "per_second": if seconds > 0.0 { (opened as f64 / seconds).round() } else { 0.0 },
        "companies": companies,
    })
}

fn company_json(report: &Report) -> Value {
    json!({
        "received": report.books.received,
        "stored": report.books.stored,
        "opened": report.books.opened,
        "duplicate": report.books.duplicate,
        "waiting": reasons_json(&report.waiting_now),
        "waiting_new": reasons_json(&report.books.waiting),
        "stopped": report.stopped,
        "failure": report.failure.as_ref().map(ToString::to_string),
        "hours_left_in_window": report.window.map(|window| (window.hours_left() * 10.0).round() / 10.0),
    })
}
