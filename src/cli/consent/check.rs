//! `shiguan consent check`: asks until nothing is due.

use serde_json::json;
use tokio::sync::watch;

use super::{
    super::{
        Global,
        context::{Context, Quiet},
        each::CompanyFailures,
        out,
        outcome::{Exit, Failure},
        render, signals,
        words::Words,
    },
    task,
};
use crate::{
    archive::{self, ConsentPass, Desk},
    config::Company,
    directory::Client,
};

/// Arguments of `consent check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// One JSON object per company
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let companies = context.companies(args.company.as_deref())?;
    let mut failures = CompanyFailures::default();
    let mut clients = Vec::new();
    for company in companies {
        if let Some(client) = failures.note(&company.name, context.directory(company)) {
            clients.push((company, client));
        }
    }
    if clients.is_empty() {
        return failures.end(Exit::Well);
    }
    let desk = context.desk()?;
    context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        for (company, client) in &clients {
            let asked = ask(&desk, company, client, &stop).await;
            if let Some(sum) = failures.note(&company.name, asked) {
                tell(&context, &company.name, &sum, args.json);
                if let Some(error) = sum.stopped {
                    failures.note::<()>(&company.name, Err(error.into()));
                }
            }
            if *stop.borrow() {
                break;
            }
        }
        Ok::<_, Failure>(())
    })?;
    desk.close();
    failures.end(Exit::Well)
}

/// Asks about one company until nothing is due.
async fn ask(
    desk: &Desk,
    company: &Company,
    client: &Client,
    stop: &watch::Receiver<bool>,
) -> Result<ConsentPass, Failure> {
    let id = task::known(desk, company).await?;
    let mut sum = ConsentPass::default();
    loop {
        let pass = archive::consent_pass(desk, client, id, task::options(company), stop).await?;
        add(&mut sum, pass);
        if sum.stopped.is_some() || sum.left.due == 0 || *stop.borrow() {
            return Ok(sum);
        }
    }
}

fn add(sum: &mut ConsentPass, pass: ConsentPass) {
    sum.records += pass.records;
    sum.subjects += pass.subjects;
    sum.calls += pass.calls;
    sum.answered += pass.answered;
    sum.failed += pass.failed;
    sum.changes += pass.changes;
    sum.left = pass.left;
    sum.scope_fault = pass.scope_fault;
    sum.stopped = pass.stopped;
}

fn tell(context: &Context, company: &str, pass: &ConsentPass, as_json: bool) {
    if let Some(error) = &pass.scope_fault {
        errln!("{company}: {error}");
    }
    if as_json {
        out::json(
            &json!({"company": company, "records": pass.records, "subjects": pass.subjects, "calls": pass.calls,
                    "answered": pass.answered, "failed": pass.failed, "changes": pass.changes,
                    "questions": pass.left.questions, "never_answered": pass.left.never, "due": pass.left.due,
                    "stopped": pass.stopped.as_ref().map(ToString::to_string)}),
        );
        return;
    }
    let [answered, failed, changes, never, due] = [
        pass.answered,
        pass.failed,
        pass.changes,
        pass.left.never,
        pass.left.due,
    ]
    .map(render::number);
    let calls = pass.calls;
    outln!(
        "{company}: {}",
        Words(context.language).say(
            format!("调用 {calls} 次，得到答复 {answered} 项，未得答复 {failed} 项，新得知的变化 {changes} 项；从未得到答复 {never} 项，待问 {due} 项"),
            format!(
                "{calls} calls, {answered} answered, {failed} not answered, {changes} changes learnt; never answered \
                 {never}, still to ask {due}"
            ),
        )
    );
}
