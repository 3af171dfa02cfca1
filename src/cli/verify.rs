//! `shiguan verify`: is everything that is stored what was written.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{sync::watch, time};

use super::{
    Global,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
    render, signals,
    words::Words,
};
use crate::{
    archive::{
        Desk,
        verify::{Verdict, Verify},
    },
    ids::{Millis, RecordId},
    media::vault::hex,
    sanitize::value,
    store::{
        Reader, Store, StoreError,
        contract::verify::{About, DigestsWritten, Fault, Finding, Repair, Slice, Verified},
    },
};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON line per finding, and a summary as the last one
    #[arg(long)]
    json: bool,
    /// Only so many records and so many files, at random; the index and the database's structure are left out
    #[arg(long, value_name = "N", conflicts_with = "write_digests")]
    sample: Option<u64>,
    /// Only the records of this company; index, files and structure are shared and read in any case
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Write digests, guards and sums for what older programs wrote without them; may be stopped and run again
    #[arg(long)]
    write_digests: bool,
}

/// Records whose digests are written in one transaction.
const BATCH: usize = 500;

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    if args.write_digests {
        return write_digests(&context, args.json);
    }
    let words = Words(context.language);
    let reader = context.reader()?;
    let company = match &args.company {
        None => None,
        Some(name) => Some(
            reader
                .company_id(name)?
                .ok_or_else(|| Failure::usage(format!("the archive has no company `{}`", value(name))))?,
        ),
    };
    let (began, clock) = (Millis::now(), Instant::now());
    let vault = context.vault()?;
    let mut told_at = Instant::now();
    let verdict = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut verify = Verify {
            reader: &reader,
            vault: Some(&vault),
            company,
            fetchable_since: context.fetchable_since(began),
            tell: &mut |finding: &Finding| tell(&reader, words, finding, args.json),
            progress: &mut |verified: &Verified| {
                if told_at.elapsed() >= Duration::from_secs(5) {
                    told_at = Instant::now();
                    errln!("{}", looked_at(words, verified));
                }
            },
            stopped: &|| *stop.borrow(),
        };
        Ok::<_, Failure>(match args.sample {
            Some(count) => verify.sample(count).await?,
            None => verify.whole().await?,
        })
    })?;
    let is_whole = args.sample.is_none() && company.is_none() && !verdict.stopped && verdict.unreachable == 0;
    if is_whole {
        note(&context, &Slice::is_over(began, Millis::now(), verdict.found));
    }
    conclude(&context, args, &verdict, clock.elapsed(), is_whole)
}

impl Context {
    /// Files of messages sent before this are not to be had from WeCom any more.
    pub(super) fn fetchable_since(&self, now: Millis) -> Millis {
        Millis(now.0 - i64::from(self.config.media.deadline_days) * 24 * 60 * 60 * 1000)
    }
}

/// Keeps that all of it was verified. A disk that is full is no reason not to say what was found.
fn note(context: &Context, state: &Slice) {
    let kept = Store::open(&context.database()).and_then(|mut store| store.set_verify_state(state));
    if let Err(error) = kept {
        errln!("{error}");
    }
}

/// How long after a look the next one asks whether the share of a day is due.
const PAUSE: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Verifies a share of the archive every day while `run` stays, beside everything else: on a thread of its own, with a reading
/// half of its own.
pub(super) async fn stay(
    context: Arc<Context>,
    desk: Desk,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    while !*stop.borrow() {
        let state = desk.ask(|store| store.verify_state()).await??;
        let now = Millis::now();
        // A share from the future was dated by a clock that was ahead.
        if !(0..DAY_MS).contains(&(now.0 - state.at)) {
            share(&context, &desk, state, now, stop.clone()).await?;
        }
        tokio::select! {
            () = time::sleep(PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    Ok(())
}

async fn share(
    context: &Arc<Context>,
    desk: &Desk,
    mut state: Slice,
    now: Millis,
    stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let (context, runtime) = (Arc::clone(context), tokio::runtime::Handle::current());
    let done = tokio::task::spawn_blocking(move || {
        let (reader, vault) = (context.reader()?, context.vault()?);
        let verdict = runtime.block_on(async {
            let mut verify = Verify {
                reader: &reader,
                vault: Some(&vault),
                company: None,
                fetchable_since: context.fetchable_since(now),
                tell: &mut |finding: &Finding| {
                    tracing::error!(
                        event = "verify.damaged",
                        finding = %finding_json(&reader, finding),
                        "something stored is not what was written"
                    );
                    Ok(())
                },
                progress: &mut |_: &Verified| (),
                stopped: &|| *stop.borrow(),
            };
            verify
                .slice(&mut state, context.config.store.verify_days, now)
                .await
        })?;
        Ok::<_, Failure>((state, verdict))
    });
    let (state, verdict) = done.await.map_err(Failure::run)??;
    tracing::info!(
        event = "verify.share",
        records = verdict.verified.records,
        files = verdict.verified.files,
        found = verdict.found,
        "a share of the archive was verified"
    );
    desk.ask(move |store| store.set_verify_state(&state)).await??;
    Ok(())
}

/// Prints a finding.
pub(super) fn tell(reader: &Reader, words: Words, finding: &Finding, as_json: bool) -> io::Result<()> {
    if as_json {
        out::json(&finding_json(reader, finding));
    } else {
        let (about, fault) = (about(reader, words, &finding.about), fault(words, &finding.fault));
        outln!("{about}：{fault}");
        outln!("    {}", repair(words, finding));
    }
    Ok(())
}

/// A finding for programs.
pub(super) fn finding_json(reader: &Reader, finding: &Finding) -> Value {
    let mut line = match &finding.about {
        About::Record(company, seq) => json!({
            "seq": seq.0,
            "company": reader.company_name(*company).ok().flatten(),
        }),
        About::File(sha256) => json!({"sha256": hex(sha256)}),
        About::Table(table) => json!({"table": table}),
    };
    line["what"] = json!(finding.fault.as_str());
    line["detail"] = json!(finding.fault.to_string());
    line["repair"] = match finding.repair {
        Repair::Backup => json!("restore a backup"),
        Repair::Nothing => Value::Null,
        repair => json!(repair.command(&finding.about)),
    };
    line
}

fn about(reader: &Reader, words: Words, about: &About) -> String {
    match about {
        About::Record(company, seq) => {
            let company = value(&reader.company_name(*company).ok().flatten().unwrap_or_default());
            words.say(
                format!("记录 {company} seq {seq}"),
                format!("record {company} seq {seq}"),
            )
        }
        About::File(sha256) => words.say(format!("文件 {}", hex(sha256)), format!("file {}", hex(sha256))),
        About::Table(table) => words.say(format!("数据库 {table}"), format!("database, {table}")),
    }
}

fn fault(words: Words, fault: &Fault) -> String {
    let chinese = match fault {
        Fault::Damage(damage) => return super::damage::told(words, damage),
        Fault::Original => "保留的密文与其 SHA-256 不符".to_owned(),
        Fault::NoOriginal => "尚未解密，而密文已不在".to_owned(),
        Fault::Copy => "同一 seq 的另一份密文与其 SHA-256 不符".to_owned(),
        Fault::Answer => "DecryptData 返回的内容无法解压".to_owned(),
        Fault::Audience => "会话成员与所在行不符".to_owned(),
        Fault::Terms => "检索索引与正文不符".to_owned(),
        Fault::Indexed(times) => format!("检索索引中出现 {times} 次"),
        Fault::FileMissing => "文件不存在".to_owned(),
        Fault::FileChanged => "文件内容已改变".to_owned(),
        Fault::Stray => "没有 seq 的数据项与其 SHA-256 不符".to_owned(),
        Fault::Rule(text) => format!("数据行之间不一致 ({text})"),
        Fault::Engine(text) => format!("数据库结构损坏 ({text})"),
        Fault::Index(text) => format!("检索索引损坏 ({text})"),
    };
    words.say(chinese, fault.to_string())
}

fn repair(words: Words, finding: &Finding) -> String {
    match finding.repair {
        Repair::Backup => words
            .say(
                "没有可供修复的来源，原样保留；从备份恢复",
                "nothing is left to repair it from; it stays as it is; restore a backup",
            )
            .to_owned(),
        Repair::Nothing => words
            .say(
                "正文完好，无需处理",
                "the message itself is whole; nothing has to be done",
            )
            .to_owned(),
        repair => {
            let command = repair.command(&finding.about);
            words.say(format!("修复：{command}"), format!("to repair: {command}"))
        }
    }
}

const MIB: f64 = 1024.0 * 1024.0;

fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

/// So much a second; `None` when it was not measured or took no time.
fn rate(count: f64, took: Duration) -> Option<f64> {
    let rate = (count / took.as_secs_f64()).round();
    rate.is_finite().then_some(rate)
}

fn looked_at(words: Words, verified: &Verified) -> String {
    let (records, files) = (render::number(verified.records), render::number(verified.files));
    let (indexed, bytes) = (
        render::number(verified.indexed),
        render::bytes(verified.file_bytes),
    );
    words.say(
        format!("已检查：记录 {records} 条，索引 {indexed} 条，文件 {files} 个 ({bytes})"),
        format!("looked at: {records} records, {indexed} in the index, {files} files ({bytes})"),
    )
}

fn conclude(
    context: &Context,
    args: &Args,
    verdict: &Verdict,
    took: Duration,
    is_whole: bool,
) -> Result<Exit, Failure> {
    let (words, verified) = (Words(context.language), &verdict.verified);
    if args.json {
        out::json(&json!({"summary": {
            "sound": verdict.found == 0,
            "found": verdict.found,
            "whole": is_whole,
            "sample": args.sample,
            "stopped": verdict.stopped,
            "records": verified.records,
            "bytes": verified.bytes,
            "indexed": verified.indexed,
            "files": verified.files,
            "file_bytes": verified.file_bytes,
            "unchecked": {
                "records_without_digest": verified.without_digest,
                "records_without_guard": verified.without_guard,
                "originals_gone": verified.without_original,
                "index_segments_without_sums": verified.without_sums,
                "index_records_by_older_rules": verified.by_older_rules,
                "files_unreachable": verdict.unreachable,
            },
            "derived_otherwise": verified.derived_otherwise,
            "seconds": seconds(took),
            "took": {
                "structure_seconds": seconds(verdict.took.structure),
                "records_seconds": seconds(verdict.took.records),
                "index_seconds": seconds(verdict.took.index),
                "files_seconds": seconds(verdict.took.files),
            },
            "records_per_second": rate(verified.records as f64, verdict.took.records + verdict.took.index),
            "file_mib_per_second": rate(verified.file_bytes as f64 / MIB, verdict.took.files),
        }}));
    } else {
        errln!("{}", looked_at(words, verified));
        for line in unchecked(words, verdict, args.sample.is_some()) {
            errln!("{line}");
        }
        let found = render::number(verdict.found);
        outln!(
            "{}",
            match (verdict.found, verdict.stopped) {
                (0, true) => words.say(
                    "已中断：检查过的部分没有发现损坏".to_owned(),
                    "stopped; what was looked at is sound".to_owned()
                ),
                (0, false) => words.say("没有发现损坏".to_owned(), "sound".to_owned()),
                _ => words.say(format!("发现 {found} 处损坏"), format!("{found} findings")),
            }
        );
    }
    if verdict.found > 0 {
        return Ok(Exit::Waiting);
    }
    if verdict.stopped || verdict.unreachable > 0 {
        return Err(
            Failure::run(words.say("未能检查全部内容", "not everything could be looked at"))
                .hint("run shiguan verify again"),
        );
    }
    Ok(Exit::Well)
}

/// What could not be told, so that nobody takes silence for proof.
fn unchecked(words: Words, verdict: &Verdict, is_sample: bool) -> Vec<String> {
    let verified = &verdict.verified;
    let mut lines = Vec::new();
    let mut add = |count: u64, chinese: &str, english: &str| {
        if count > 0 {
            let count = render::number(count);
            lines.push(words.say(
                format!("未能检查：{count} {chinese}"),
                format!("not checked: {count} {english}"),
            ));
        }
    };
    add(
        verified.without_digest.max(verified.without_guard),
        "条记录由旧版本写入，没有摘要 (shiguan verify --write-digests)",
        "records of an older program without digest or guard (shiguan verify --write-digests)",
    );
    add(
        verified.without_sums,
        "段索引由旧版本写入，没有校验和 (shiguan verify --write-digests)",
        "parts of the index of an older program without sums (shiguan verify --write-digests)",
    );
    add(
        verified.by_older_rules,
        "条消息的索引由旧规则写成，只核对了校验和 (shiguan reindex)",
        "messages are indexed by older rules, of which only sums were compared (shiguan reindex)",
    );
    add(
        verified.without_original,
        "条已解密记录的密文已按设置删除",
        "opened records whose sealed original was let go as configured",
    );
    add(
        verdict.unreachable,
        "个文件，存储没有应答",
        "files, because the store behind the vault did not answer",
    );
    if is_sample {
        lines.push(
            words
                .say(
                    "抽样：未检查检索索引与数据库结构",
                    "a sample: the search index and the database's structure were not looked at",
                )
                .to_owned(),
        );
    }
    if verified.derived_otherwise > 0 {
        let count = render::number(verified.derived_otherwise);
        let command = match verified.by_older_rules {
            0 => "shiguan repair --index",
            _ => "shiguan reindex",
        };
        lines.push(words.say(
            format!("{count} 条完好的记录按本版本的规则会得出不同的字段：{command}"),
            format!("{count} sound records would be read differently by this version: {command}"),
        ));
    }
    lines
}

/// For archives of older programs: once, in batches, beside a running pull.
fn write_digests(context: &Context, as_json: bool) -> Result<Exit, Failure> {
    let words = Words(context.language);
    let mut store = context.store()??;
    if !store.index_is_current()? {
        return Err(Failure::run(words.say(
            "部分消息仍按旧规则解读，其字段还不能与正文核对",
            "some messages are still read by older rules, so their columns cannot be compared with their bodies yet",
        ))
        .hint("run `shiguan reindex` first, then this again"));
    }
    let stop = context.runtime()?;
    let stopped = stop.block_on(async { signals::stop() })?;
    let (mut done, mut after) = (DigestsWritten::default(), Some(RecordId(0)));
    let mut told_at = Instant::now();
    while let Some(from) = after {
        let (batch, next) = again_while_busy(|| store.write_digests(from, BATCH))?;
        done.written += batch.written;
        done.left += batch.left;
        after = next;
        if told_at.elapsed() >= Duration::from_secs(5) {
            told_at = Instant::now();
            errln!(
                "{}",
                words.say(
                    format!("已写入 {}", done.written),
                    format!("{} written", done.written)
                )
            );
        }
        if *stopped.borrow() {
            break;
        }
    }
    let (mut sums, mut unsound, mut segment) = (0_u64, 0_u64, Some(0));
    while let Some(from) = segment.filter(|_| !*stopped.borrow()) {
        segment = again_while_busy(|| store.write_sums(from))?.map(|(id, sound)| {
            sums += u64::from(sound);
            unsound += u64::from(!sound);
            id
        });
    }
    let is_stopped = *stopped.borrow();
    if as_json {
        out::json(
            &json!({"summary": {"written": done.written, "left": done.left, "segments": sums,
                               "segments_left": unsound, "stopped": is_stopped}}),
        );
    } else {
        let (written, left) = (render::number(done.written), render::number(done.left));
        outln!(
            "{}",
            words.say(
                format!("已为 {written} 条记录写入摘要，{sums} 段索引写入校验和；{left} 条记录、{unsound} 段索引未写入"),
                format!(
                    "digests written for {written} records, sums for {sums} parts of the index; left out: {left} records, \
                     {unsound} parts"
                )
            )
        );
    }
    if is_stopped {
        return Err(
            Failure::run("stopped before the end").hint("shiguan verify --write-digests goes on from there")
        );
    }
    Ok(if done.left + unsound > 0 {
        Exit::Waiting
    } else {
        Exit::Well
    })
}

/// A pull beside it may write for longer than one attempt waits.
fn again_while_busy<T>(mut write: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 0..5 {
        match write() {
            Err(error) if error.can_retry() => {}
            result => return result,
        }
    }
    write()
}
