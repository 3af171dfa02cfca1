//! `shiguan pull`: drain once, for every company or one.

use std::{io::IsTerminal, sync::Arc};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{
    Global,
    alert::{Duty, UnrecordedTrouble},
    consent,
    context::{Context, Quiet},
    each::CompanyFailures,
    keys, out,
    outcome::{Exit, Failure},
    progress, render, signals,
};
use crate::{
    alert::Part,
    archive::{self, Desk, Error, Job, Progress, Report, Setup},
    ids::{Millis, Seq},
    record::Reason,
    store::{StoreError, contract::GapKind},
};

/// Arguments of `pull`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Begin behind this seq instead of where the last pull ended; what is there already stays as it is. Above the place
    /// where the last pull ended this skips records, which asks first
    #[arg(long, value_name = "SEQ")]
    from_seq: Option<u64>,
    /// Answer yes to the question that --from-seq asks
    #[arg(long, requires = "from_seq")]
    yes: bool,
    /// Go back for the ranges that the ledger lists as not seen, as far as WeCom still has them
    #[arg(long, conflicts_with = "from_seq")]
    gaps: bool,
    /// Print the books as one JSON line at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let screen = progress::wanted(args.json);
    let context = Arc::new(Context::begin(global, Quiet::under_bar(screen))?);
    let job = Job::Pull {
        from: args.from_seq.map(Seq),
    };
    let (unrecorded, mut failures) = (UnrecordedTrouble::default(), CompanyFailures::default());
    let (mut names, mut setups) = (Vec::new(), Vec::new());
    for (company, setup) in context.attempts(args.company.as_deref())? {
        names.push(company.to_owned());
        let failure = setup.as_ref().err().map(ToString::to_string);
        unrecorded.set_up(company, Part::Pull, failure);
        match setup {
            Ok(mut setup) => {
                setup.pulling.gaps = args.gaps;
                if let Some(from) = args.from_seq {
                    may_skip(&context, &setup.name, Seq(from), args.yes)?;
                }
                setups.push(setup);
            }
            failed => drop(failures.note(company, failed)),
        }
    }
    // An archive is made for records, not for what is wrong with the configuration.
    let wanted = !setups.is_empty() || context.database().exists();
    let desk = wanted.then(|| context.desk()).transpose();
    let writable = match &desk {
        Ok(Some(desk)) => Ok(desk.clone()),
        Ok(None) => Err(None),
        Err(failure) => Err(Some(failure.to_string())),
    };
    let duty = Arc::new(Duty::new(
        Arc::clone(&context),
        writable,
        names,
        unrecorded.clone(),
    ));
    let reports = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        // Before as well: whatever becomes of this pull, what is wrong now is told.
        let telling = duty.look_and_tell().await;
        let mut reports = Vec::with_capacity(setups.len());
        if let Ok(Some(desk)) = &desk {
            for setup in &setups {
                let job = match args.gaps {
                    true => Job::Pull {
                        from: lowest_gap(desk, &setup.name).await?,
                    },
                    false => job.clone(),
                };
                let report = pull(&context, desk, setup, &job, screen, &stop).await;
                // Another process that pulls is no failure.
                let failure = report
                    .as_ref()
                    .err()
                    .filter(|error| !matches!(error, Error::Busy { .. }));
                unrecorded.began(&setup.name, Millis::now(), failure.map(ToString::to_string));
                let Some(report) = failures.note(&setup.name, report.map_err(Failure::from)) else {
                    continue;
                };
                let ended = report.failure.is_some() || report.stopped;
                reports.push(report);
                if ended && *stop.borrow() {
                    break;
                }
            }
        }
        // Whoever pulls by cron is told like whoever runs: of what the books say now, failed pulls above all.
        let mut stopped = stop.clone();
        tokio::select! {
            _ended = telling => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        if !*stop.borrow() {
            duty.once().await;
        }
        Ok::<_, Failure>(reports)
    })?;
    drop(duty);
    if let Some(desk) = desk? {
        desk.close();
    }
    let ended = conclude(reports, failures, args.json);
    keys::tell_misplaced(&context, args.company.as_deref());
    ended
}

/// Beginning above the cursor skips records, which nobody should do without knowing.
fn may_skip(context: &Context, company: &str, from: Seq, yes: bool) -> Result<(), Failure> {
    let cursor = match context.database().exists() {
        false => Seq(0),
        true => {
            let reader = context.reader()?;
            match reader.company_id(company)? {
                Some(id) => reader.cursor(id)?,
                None => Seq(0),
            }
        }
    };
    if from <= cursor || yes {
        return Ok(());
    }
    let what = format!(
        "company {company}: --from-seq {from} skips the seqs {} to {from}, which the archive has not seen; WeCom deletes \
         them after five days",
        cursor.0.saturating_add(1)
    );
    let hint = format!(
        "leave --from-seq away to go on from {cursor}, or add --yes; the range then stays on the ledger (`shiguan runs`), \
         and `shiguan pull --gaps` goes back for it"
    );
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(what).hint(hint));
    }
    errln!("{what}.");
    errln!(" hint: {hint}");
    errln!("Skip them? Type yes:");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(Failure::usage("nothing was skipped and nothing was pulled"))
    }
}

/// Behind which seq the lowest range begins that the ledger lists as not seen; the cursor when there is none.
async fn lowest_gap(desk: &Desk, company: &str) -> Result<Option<Seq>, Failure> {
    let name = company.to_owned();
    let (gaps, cursor) = desk
        .ask(move |store| match store.company_id(&name)? {
            Some(id) => Ok::<_, StoreError>((store.gaps(Some(id), true)?, store.cursor(id)?)),
            None => Ok((Vec::new(), Seq(0))),
        })
        .await?
        .map_err(archive::Error::from)?;
    let skipped = gaps.iter().filter(|gap| gap.kind == GapKind::Skipped);
    let lowest = skipped.map(|gap| Seq(gap.range.first.0.saturating_sub(1))).min();
    // The cursor may have gone back below it since; from above the cursor, the pull would skip once more.
    Ok(lowest.map(|lowest| lowest.min(cursor)))
}

/// One company's pull, and what is looked through at its end.
async fn pull(
    context: &Context,
    desk: &Desk,
    setup: &Setup,
    job: &Job,
    screen: bool,
    stop: &watch::Receiver<bool>,
) -> Result<Report, Error> {
    let counters = Arc::new(Progress::default());
    let bar = screen.then(|| progress::Bar::start(&setup.name, Arc::clone(&counters), None));
    let report = archive::execute(desk, setup, job, &counters, stop.clone()).await;
    drop(bar);
    let report = report?;
    consent::task::after_pull(desk, &setup.name, &setup.corpid).await;
    if context.fetches_files() {
        // So that `media:` and the alerts know of them; fetching is for `run` and `media get`.
        if let Err(error) = archive::discover(desk, stop).await {
            tracing::warn!(event = "media.skipped", company = setup.name, cause = %error, "files not looked for this time");
        }
    }
    Ok(report)
}

/// Prints the books of the runs and turns them into an exit code: from the books, not from "no exception". Companies
/// that were not served have no books, only a cause.
pub(super) fn conclude(
    reports: Vec<Report>,
    mut failures: CompanyFailures,
    json: bool,
) -> Result<Exit, Failure> {
    // Nothing was begun, and the error says it all.
    let nothing = failures.all() && failures.count() == 1;
    if json && !nothing {
        out::json(&books_json(&reports, &failures));
    } else {
        for report in &reports {
            render::books(report).iter().for_each(out::print);
        }
    }
    let incomplete = reports.iter().any(Report::is_incomplete);
    for report in reports {
        if let Some(failure) = report.failure {
            let failure = Failure::from(failure).about(&report.company);
            failures.note::<()>(&report.company, Err(failure));
        }
    }
    failures.end(if incomplete { Exit::Waiting } else { Exit::Well })
}

/// All reasons with their counts, so that a reader need not know which ones happened.
pub(super) fn waiting_json(waiting: &[(Reason, u64)], strays: u64) -> Value {
    let mut all = reasons_json(waiting);
    all["stray"] = json!(strays);
    all
}

/// The reasons alone.
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

fn books_json(reports: &[Report], failures: &CompanyFailures) -> Value {
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
        .chain(
            failures
                .causes()
                .map(|(company, cause)| (company.to_owned(), json!({"failure": cause}))),
        )
        .collect();
    json!({
        "received": sum(|report| report.books.received),
        "stored": sum(|report| report.books.stored),
        "opened": opened,
        "duplicate": sum(|report| report.books.duplicate),
        "changed": sum(|report| report.books.changed),
        "stray": sum(|report| report.books.stray),
        "waiting": waiting_json(&waiting, sum(|report| report.aside.strays)),
        "unpullable": sum(|report| report.aside.unpullable),
        "unseen_ranges": sum(|report| report.aside.unseen),
        "lost_ranges": sum(|report| report.aside.lost),
        "doubtful_seqs": sum(|report| report.aside.doubtful_seqs),
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
        "waiting": waiting_json(&report.waiting_now, report.aside.strays),
        "unpullable": report.aside.unpullable,
        "unseen_ranges": report.aside.unseen,
        "lost_ranges": report.aside.lost,
        "cursor_held": report.held.map(|held| json!({"cursor": held.cursor.0, "seq": held.seq.0})),
        "waiting_new": reasons_json(&report.books.waiting),
        "stopped": report.stopped,
        "failure": report.failure.as_ref().map(ToString::to_string),
        "hours_left_in_window": report.window.map(|window| (window.hours_left() * 10.0).round() / 10.0),
    })
}
