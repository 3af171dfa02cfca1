//! `shiguan repair`: what is damaged and has a source left is made from it again; nothing is deleted.

use super::{
    Global,
    context::{Context, Quiet},
    damage,
    outcome::{Exit, Failure},
    render, retry,
    words::Words,
};
use crate::{
    archive::verify::check_file,
    ids::{CompanyId, Millis, RecordId, Seq},
    sanitize::value,
    store::{
        Store,
        contract::verify::{About, Fault, Repaired},
    },
};

/// Arguments of `repair`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Records at these positions: columns from the body, a body from the sealed original, which is opened again. Without any
    /// argument all damaged records are looked for and repaired
    #[arg(long, value_name = "N")]
    seq: Vec<u64>,
    /// Build the search index and the columns of all messages anew from the bodies; takes a while, and nobody else writes
    /// meanwhile
    #[arg(long)]
    index: bool,
    /// Look through all kept files; those that are lost or altered go back to be fetched while WeCom has them
    #[arg(long)]
    files: bool,
    /// Only this company's records
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
}

/// Records looked at in one go.
const PART: usize = 500;
/// Files asked for at once.
const FILES: usize = 100;

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let words = Words(context.language);
    if !context.database().exists() {
        context.reader()?;
    }
    let mut store = context.store()??;
    let company = match &args.company {
        None => None,
        Some(name) => Some(
            store
                .company_id(name)?
                .ok_or_else(|| Failure::usage(format!("the archive has no company `{}`", value(name))))?,
        ),
    };
    let mut left = 0;
    let mut sealed = false;
    if !args.seq.is_empty() || !(args.index || args.files) {
        let wanted = match args.seq.is_empty() {
            true => damaged(&store, company)?,
            false => named(&store, company, &args.seq)?,
        };
        for (seq, record) in wanted {
            let repaired = store.repair_record(record, Millis::now())?;
            sealed |= repaired == Repaired::Sealed;
            left += u64::from(matches!(repaired, Repaired::NoSource(_)));
            outln!("seq {seq}: {}", told(words, &repaired));
        }
    }
    if args.index {
        let mut told = 0;
        let count = store.derive_again(&mut |done| {
            if done - told >= 100_000 {
                told = done;
                errln!("{}", render::number(done));
            }
        })?;
        let count = render::number(count);
        outln!(
            "{}",
            words.say(
                format!("检索索引已由 {count} 条消息重建"),
                format!("the search index was built anew from {count} messages")
            )
        );
    }
    if args.files {
        left += files(&context, &mut store, words)?;
    }
    // The conveyor has a writer of its own.
    drop(store);
    let reopened = match sealed {
        true => retry::reopen(&context, args.company.as_deref(), Vec::new(), false)?,
        false => Exit::Well,
    };
    Ok(if left > 0 { Exit::Waiting } else { reopened })
}

/// All records that `verify` would say can be repaired, or could be if there were a source.
fn damaged(store: &Store, company: Option<CompanyId>) -> Result<Vec<(Seq, RecordId)>, Failure> {
    let (mut found, mut after) = (Vec::new(), Some(RecordId(0)));
    while let Some(from) = after {
        let part = store.verify_records(company, from, PART)?;
        for finding in &part.findings {
            if let (About::Record(of, seq), Fault::Damage(_)) = (&finding.about, &finding.fault) {
                let rows = store.records_at(Some(*of), *seq)?;
                found.extend(rows.into_iter().map(|row| (*seq, row)));
            }
        }
        after = part.next;
    }
    found.dedup();
    Ok(found)
}

fn named(store: &Store, company: Option<CompanyId>, seqs: &[u64]) -> Result<Vec<(Seq, RecordId)>, Failure> {
    let mut found = Vec::new();
    for seq in seqs.iter().map(|seq| Seq(*seq)) {
        let rows = store.records_at(company, seq)?;
        if rows.is_empty() {
            return Err(Failure::run(format!("no record with seq {seq}"))
                .hint("`shiguan verify` lists damaged records"));
        }
        found.extend(rows.into_iter().map(|row| (seq, row)));
    }
    Ok(found)
}

fn told(words: Words, repaired: &Repaired) -> String {
    match repaired {
        Repaired::Sound => words.say("完好", "sound").to_owned(),
        Repaired::Derived => words
            .say(
                "字段已由正文重新得出",
                "its columns were derived from its body again",
            )
            .to_owned(),
        Repaired::Sealed => words
            .say(
                "正文由保留的密文重新解密",
                "its body is opened again from the sealed original that was kept",
            )
            .to_owned(),
        Repaired::NoSource(what) => {
            let what = damage::told(words, what);
            words.say(
                format!(
                    "无法修复，原样保留：没有完好的密文。{what}。五天以内的消息可用 `shiguan pull --from-seq N` \
                     (N 小于该 seq) 重新拉取密文，再修复；更早的从备份恢复"
                ),
                format!(
                    "not repaired, and kept as it is: no whole sealed original is left. {what}. What WeCom took in the last \
                     five days comes again with `shiguan pull --from-seq N` (N below this seq), and can be repaired then; \
                     for older ones restore a backup"
                ),
            )
        }
    }
}

/// Sends lost and altered files back to be fetched; returns how many of the contents have no source any more.
fn files(context: &Context, store: &mut Store, words: Words) -> Result<u64, Failure> {
    let vault = context.vault()?;
    let since = context.fetchable_since(Millis::now());
    let runtime = context.runtime()?;
    let (mut after, mut back, mut left, mut sound) = (0, 0, 0, 0_u64);
    loop {
        let contents = store.file_contents(after, FILES)?;
        let Some((last, _)) = contents.last() else { break };
        after = *last;
        for (_, content) in &contents {
            let Some(fault) = runtime
                .block_on(check_file(&vault, content))
                .map_err(Failure::run)?
            else {
                sound += 1;
                continue;
            };
            let name = crate::media::vault::hex(&content.sha256);
            if !store.content_has_source(&content.sha256, since)? {
                left += 1;
                outln!(
                    "{name}: {}",
                    words.say(
                        format!("无法修复 ({fault})：企业微信已不再保留，原样保留"),
                        format!("not repaired ({fault}): WeCom no longer has it; it stays as it is")
                    )
                );
                continue;
            }
            runtime
                .block_on(vault.set_aside(&content.sha256))
                .map_err(Failure::run)?;
            back += store.media_lost(&content.sha256, since)?;
            outln!(
                "{name}: {}",
                words.say(
                    format!("将重新下载 ({fault})"),
                    format!("goes back to be fetched ({fault})")
                )
            );
        }
    }
    let (back_text, sound) = (render::number(back), render::number(sound));
    errln!(
        "{}",
        words.say(
            format!("完好 {sound} 个，{back_text} 个待重新下载：shiguan media get；{left} 个没有来源"),
            format!("{sound} are sound, {back_text} wait to be fetched again: shiguan media get; {left} have no source")
        )
    );
    Ok(left)
}
