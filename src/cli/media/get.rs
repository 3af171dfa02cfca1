//! `shiguan media get`: fetch now.

use tokio::sync::watch;

use super::{
    super::{context::Quiet, each::CompanyFailures, out, signals},
    Context, Exit, Failure, Global, Words, fetches_json, told,
};
use crate::{
    archive::{self, Desk, Error, Fetches, Fetching, verify},
    ids::{Millis, RecordId, Seq},
    line,
    sanitize::value,
    store::contract::{Again, Filter, Order, Stored},
};

/// Arguments of `media get`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the files of this message, by seq or msgid: fetched again unless they are kept as announced and whole
    #[arg(value_name = "SEQ|MSGID", allow_hyphen_values = true)]
    message: Option<String>,
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// One JSON line per company at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let words = Words(context.language);
    let mut wanted = Vec::new();
    if let Some(message) = &args.message {
        wanted = named(&context, message)?;
        if wanted.is_empty() {
            return Err(Failure::run(line!(
                "no opened message with the seq or msgid {}",
                value(message)
            ))
            .hint("`shiguan search has:media` lists messages with files"));
        }
    }
    let desk = context.desk()?;
    let mut failures = CompanyFailures::default();
    let done = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        match args.message {
            None => everything(&context, &desk, args.company.as_deref(), &mut failures, stop).await,
            Some(_) => {
                these(
                    &context,
                    &desk,
                    args.company.as_deref(),
                    &wanted,
                    &mut failures,
                    stop,
                )
                .await
            }
        }
    })?;
    desk.close();
    // Of the files that were asked for.
    let mut missing = false;
    if args.message.is_some() {
        let reader = context.reader()?;
        for stored in &wanted {
            missing |= reader
                .media_files(stored.id)?
                .iter()
                .any(|file| !file.state.is_kept());
        }
    }
    for (name, done) in &done {
        if args.json {
            out::json(&fetches_json(name, done));
        } else {
            told(words, name, done).iter().for_each(out::print);
        }
        missing |= args.message.is_none() && done.missing() > 0;
    }
    for (name, done) in done {
        if let Some(error) = done.failure {
            failures.note::<()>(&name, Err(error.into()));
        }
    }
    failures.end(if missing { Exit::Waiting } else { Exit::Well })
}

/// One pass for each company; what waits for its next try need not wait. A company whose pass cannot begin holds up no
/// other: its failure is in the answer.
pub(in crate::cli) async fn everything(
    context: &Context,
    desk: &Desk,
    company: Option<&str>,
    failures: &mut CompanyFailures,
    stop: watch::Receiver<bool>,
) -> Result<Vec<(String, Fetches)>, Failure> {
    let mut all = Vec::new();
    for company in context.companies(company)? {
        let fetched = async {
            let fetching = context.fetching(company, context.pace())?;
            let (name, since) = (company.name.clone(), context.fetchable_since(Millis::now()));
            let kept = desk
                .ask(move |store| match store.company_id(&name)? {
                    Some(id) => store.contents_since(id, since),
                    None => Ok(Vec::new()),
                })
                .await?
                .map_err(Error::from)?;
            verify::refetch_lost(desk, &fetching.vault, kept, since, false).await?;
            Ok(pass(desk, &fetching, stop.clone()).await?)
        };
        let fetched = failures.note(&company.name, fetched.await);
        all.extend(fetched.map(|done| (company.name.clone(), done)));
        if *stop.borrow() {
            break;
        }
    }
    Ok(all)
}

async fn pass(desk: &Desk, fetching: &Fetching, stop: watch::Receiver<bool>) -> Result<Fetches, Error> {
    archive::fetch_again(desk, fetching, Again::Waiting).await?;
    archive::fetch(desk, fetching, None, stop).await
}

async fn these(
    context: &Context,
    desk: &Desk,
    company: Option<&str>,
    wanted: &[Stored],
    failures: &mut CompanyFailures,
    stop: watch::Receiver<bool>,
) -> Result<Vec<(String, Fetches)>, Failure> {
    let mut all = Vec::new();
    for company in context.companies(company)? {
        let name = company.name.clone();
        let id = desk.ask(move |store| store.company_id(&name)).await??;
        let records: Vec<RecordId> = wanted
            .iter()
            .filter(|stored| Some(stored.company) == id)
            .map(|stored| stored.id)
            .collect();
        if records.is_empty() {
            continue;
        }
        let Some(fetching) = failures.note(&company.name, context.fetching(company, context.pace())) else {
            continue;
        };
        archive::discover(desk, &stop).await?;
        for record in records {
            let files = desk.ask(move |store| store.media_files(record)).await??;
            let kept = files.into_iter().filter_map(|file| file.fetched);
            let kept = kept
                .flat_map(|kept| [Some(kept.content), kept.playable])
                .flatten();
            // Whoever asks for these files wants them, however old they are.
            let back =
                verify::refetch_lost(desk, &fetching.vault, kept.collect(), Millis(i64::MIN), true).await?;
            if back > 0 {
                let words = Words(context.language);
                errln!(
                    "{}",
                    words.say(
                        "保存的文件已丢失或改变，重新下载",
                        "kept files are lost or have changed, and are fetched again"
                    )
                );
            }
            archive::fetch_again(desk, &fetching, Again::Record(record)).await?;
            let done = archive::fetch(desk, &fetching, Some(record), stop.clone()).await?;
            all.push((company.name.clone(), done));
        }
    }
    Ok(all)
}

/// Digits are a seq; if none has it, or for anything else, a msgid.
fn named(context: &Context, message: &str) -> Result<Vec<Stored>, Failure> {
    let reader = context.reader()?;
    let mut found = Vec::new();
    if let Ok(seq) = message.parse() {
        found = reader.find(&Filter::Seq(Seq(seq), Seq(seq)), Order::OldestFirst, None, 1000)?;
    }
    if found.is_empty() {
        found = reader.by_msgid(message)?;
    }
    Ok(found)
}
