//! `shiguan demo`: the whole way of a record, on made-up conversations, through the real C interface.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use sdk_mock::{
    faults::{FAULTS_FILE, Fault, Faults, Rule},
    generate::{self, Length, Plan},
};

mod people;
mod story;

use super::{
    Global,
    context::{Context, Quiet},
    each::CompanyFailures,
    init, media, out,
    outcome::{Exit, Failure},
    progress, render, signals,
};
use crate::{
    archive::{self, Job, Progress, Report},
    ids::Millis,
    search,
    store::{
        Reader,
        contract::{Filter, Group, Order},
    },
};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for corpus, configuration and archive; made anew each time
    #[arg(long, value_name = "DIR", default_value = "shiguan-demo")]
    dir: PathBuf,
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    messages: u64,
    /// Same seed, same conversations
    #[arg(long, value_name = "S", default_value_t = 2026)]
    seed: u64,
    /// End after the report (there is no web console yet, so this changes nothing today)
    #[arg(long)]
    no_serve: bool,
}

/// How long the demo fetches files: thousands of them take longer than anybody wants to watch.
const FILES_TIME: Duration = Duration::from_secs(10);

/// Only a folder with this file in it is ever emptied.
const MARK: &str = ".made-by-shiguan-demo";

/// Questions an auditor might ask, behind those about a person; the first few that find something are shown.
const QUESTIONS: [&str; 9] = [
    "退款 is:outbound is:recalled",
    "said-by:external consent:refused",
    "has:phone is:outbound",
    "退款",
    "is:recalled",
    "type:file 合同",
    "in:forwarded 报价",
    "报价 -退款",
    "has:media is:external",
];
/// How many are shown.
const SHOWN: u64 = 5;

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let began = Instant::now();
    prepare(&args.dir)?;
    let corpus = args.dir.join("corpus");
    errln!(
        "1. {} messages, sealed by the mock library's own cipher, in {}",
        args.messages,
        corpus.display()
    );
    let plan = plan(args);
    make_corpus(&plan, &corpus)?;
    let file = init::write(&args.dir, Some(&corpus), "mock")?;

    errln!("2. pulled through the child process, opened, read, stored and indexed");
    let global = Global {
        config: file,
        ..global.clone()
    };
    let screen = progress::wanted(false);
    // What the demo's own faults make the library do is in the report; the log stays quiet unless asked.
    let context = Context::begin(&global, Quiet::Errors)?;
    let report = pull(&context, screen, args.messages)?;

    let reader = context.reader()?;
    outln!();
    render::books(&report).iter().for_each(out::print);
    if let Some(failure) = report.failure {
        return Err(failure.into());
    }
    drop(reader);
    let pass = people::ask(&context, &plan)?;
    files(&context)?;
    let reader = context.reader()?;
    summary(&reader, &context)?;
    people::summary(&reader, &context, &pass)?;
    questions(&reader, &context, &global)?;
    outln!();
    outln!(
        "{:.1} s in all. Archive: {}. Measured on the mock library's cipher (AES-256-CBC), not on Tencent's.",
        began.elapsed().as_secs_f64(),
        context.database().display()
    );
    Ok(Exit::Well)
}

/// An empty folder, or one that an earlier demo made and that may be emptied.
fn prepare(dir: &Path) -> Result<(), Failure> {
    let taken = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if taken && !dir.join(MARK).exists() {
        return Err(Failure::usage(format!(
            "{} is not empty and was not made by a demo",
            dir.display()
        ))
        .hint("choose another folder with --dir DIR"));
    }
    if taken {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    fs::write(dir.join(MARK), "`shiguan demo` may delete this folder\n")?;
    Ok(())
}

fn plan(args: &Args) -> Plan {
    let plan = Plan {
        messages: args.messages,
        seed: args.seed,
        length: Length::Short,
        ..Plan::default()
    };
    Plan {
        last: story::of(&plan),
        ..plan
    }
}

fn make_corpus(plan: &Plan, corpus: &Path) -> Result<(), Failure> {
    let bar = super::mock::bar(plan.messages, "sealing");
    let made = generate::generate(plan, corpus, &|done| bar.set_position(done));
    bar.finish_and_clear();
    made.map_err(Failure::run)?;
    demo_faults(corpus, plan.messages)
        .map_err(Failure::run)?
        .save(&corpus.join(FAULTS_FILE))
        .map_err(Failure::run)
}

/// A little of what goes wrong in life, so that the report has something to say about it: a page that needs a
/// second try, a body that kills the vendor library every time, a cut-off one, and a key version nobody has.
fn demo_faults(corpus: &Path, messages: u64) -> Result<Faults, sdk_mock::Error> {
    let made = sdk_mock::corpus::Corpus::open(corpus)?;
    let seqs = |share: u64, count| {
        let entries = made.entries(
            (messages * share / 100).min(messages.saturating_sub(count)),
            count,
        )?;
        Ok::<Vec<u64>, sdk_mock::Error>(entries.iter().map(|entry| entry.seq).collect())
    };
    Ok(Faults::new()
        .with(
            Rule::chatdata(Fault::Return {
                code: 10001,
                slice: String::new(),
            })
            .at_call(2)
            .times(1),
        )
        .with(Rule::decrypt(Fault::Segfault).at_seq(seqs(30, 1)?))
        .with(Rule::chatdata(Fault::TruncateBody { keep: Some(60) }).at_seq(seqs(50, 1)?))
        .with(Rule::chatdata(Fault::WrongVersion { version: 9 }).at_seq(seqs(70, 3)?)))
}

fn pull(context: &Context, screen: bool, messages: u64) -> Result<Report, Failure> {
    let setup = context.setups(None)?.remove(0);
    let desk = context.desk()?;
    let counters = Arc::new(Progress::default());
    let bar = screen.then(|| progress::Bar::start("pull", Arc::clone(&counters), Some(messages)));
    let report = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        Ok::<_, Failure>(archive::execute(&desk, &setup, &Job::Pull { from: None }, &counters, stop).await?)
    });
    drop(bar);
    desk.close();
    report
}

/// The files that hang on the messages, fetched through children of their own.
fn files(context: &Context) -> Result<(), Failure> {
    outln!();
    outln!("   files, in chunks of 512 KiB, kept by their SHA-256:");
    let desk = context.desk()?;
    let done = context.runtime()?.block_on(async {
        let (enough, stop) = tokio::sync::watch::channel(false);
        let mut asked = signals::stop()?;
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(FILES_TIME) => {}
                _ = asked.wait_for(|asked| *asked) => {}
            }
            enough.send_replace(true);
        });
        let mut failures = CompanyFailures::default();
        let done = media::everything(context, &desk, None, &mut failures, stop).await?;
        failures.end(Exit::Well)?;
        Ok::<_, Failure>(done)
    })?;
    desk.close();
    for (_, done) in done {
        let counts: Vec<String> = done
            .now
            .iter()
            .map(|(state, count)| format!("{state} {}", render::number(*count)))
            .collect();
        outln!(
            "   media    {}   fetched {} in {:.1} s",
            counts.join("  "),
            render::bytes(done.bytes),
            done.took.as_secs_f64()
        );
        if done.stopped {
            outln!(
                "            that is what {} s bring; `media get` goes on from there",
                FILES_TIME.as_secs()
            );
        }
        if let Some(failure) = done.failure {
            return Err(failure.into());
        }
    }
    Ok(())
}

/// Records by type, chats, people, recalls, waiting by reason.
fn summary(reader: &Reader, context: &Context) -> Result<(), Failure> {
    let mut types = reader.stats(Group::Type, &context.zone)?;
    types.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    let types: Vec<String> = types
        .iter()
        .map(|tally| format!("{} {}", tally.key, render::number(tally.count)))
        .collect();
    outln!();
    outln!("3. what the archive holds");
    for (line, text) in wrap(&types, 92).iter().enumerate() {
        outln!("   {:8} {text}", if line == 0 { "types" } else { "" });
    }
    outln!(
        "   chats    {}   people {}   recalled messages {}",
        render::number(reader.chats()?.len() as u64),
        render::number(reader.people()?),
        render::number(reader.count(&Filter::Recalled { within_ms: None })?),
    );
    for (reason, count) in reader.waiting(None)? {
        outln!("   waiting  {reason} {}", render::number(count));
    }
    Ok(())
}

/// Words in lines of a width.
fn wrap(words: &[String], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 2 + word.len() <= width => {
                line.push_str("  ");
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

/// Some questions with their number of answers, as commands to paste.
fn questions(reader: &Reader, context: &Context, global: &Global) -> Result<(), Failure> {
    let program = std::env::args().next().unwrap_or_else(|| "shiguan".to_owned());
    outln!();
    outln!("4. questions to paste");
    let mut shown = 0;
    let about_somebody = people::questions(reader, context)?;
    let questions = about_somebody.iter().map(String::as_str).chain(QUESTIONS);
    for question in questions {
        let filter = search::parse(question, &context.zone, Millis::now())?;
        let found = search::run(reader, &filter, Order::NewestFirst, None, 1)?.total;
        if found > 0 && shown < SHOWN {
            shown += 1;
            outln!(
                "   {program} --config {} search '{question}'    # {found} found",
                global.config.display()
            );
        }
    }
    Ok(())
}
