//! `shiguan digest`: one hash over everything the archive holds, or two per company over what it holds up to a seq.

use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
    render, verify,
    words::Words,
};
use crate::{
    ids::Seq,
    media::vault::hex,
    sanitize::value,
    store::contract::{
        digest::{DigestUpTo, FORMAT},
        verify::Finding,
    },
};

/// Arguments of `digest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON: one object; with --upto one line per company, and one before it for each damaged record
    #[arg(long)]
    json: bool,
    /// Of each company, the digests over what landed and over what is open up to this seq, to be compared later
    #[arg(long, value_name = "SEQ")]
    upto: Option<u64>,
    /// Only this company
    #[arg(long, value_name = "NAME", requires = "upto")]
    company: Option<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::No)?;
    if let Some(upto) = args.upto {
        return run_upto(&context, args, Seq(upto));
    }
    let reader = context.reader()?;
    let hash = reader.content_hash()?;
    if args.json {
        out::json(&json!({"sha256": hash, "records": reader.coverage()?.records}));
    } else {
        outln!("{hash}");
    }
    Ok(Exit::Well)
}

fn run_upto(context: &Context, args: &Args, upto: Seq) -> Result<Exit, Failure> {
    let words = Words(context.language);
    let reader = context.reader()?;
    let companies = match &args.company {
        None => reader.companies()?.into_iter().map(|(id, _)| id).collect(),
        Some(name) => vec![
            reader
                .company_id(name)?
                .ok_or_else(|| Failure::usage(format!("the archive has no company `{}`", value(name))))?,
        ],
    };
    let mut is_damaged = false;
    for company in companies {
        let mut printed = Ok(());
        let digest = reader.digest_upto(company, upto, &mut |finding: &Finding| {
            if printed.is_ok() {
                printed = verify::tell(&reader, words, finding, args.json);
            }
        })?;
        printed?;
        is_damaged |= digest.damaged > 0;
        if args.json {
            out::json(&json!({
                "company": digest.company,
                "corpid": digest.corpid,
                "upto": digest.upto,
                "format": FORMAT,
                "landed": {
                    "records": digest.landed.records,
                    "other_copies": digest.other_copies,
                    "sha256": digest.landed.sha256.as_ref().map(|sha256| hex(sha256)),
                },
                "open": {
                    "records": digest.open.records,
                    "sha256": digest.open.sha256.as_ref().map(|sha256| hex(sha256)),
                },
                "cursor": digest.cursor,
                "gaps": digest.gaps,
                "damaged": digest.damaged,
            }));
        } else {
            tell(words, &digest);
        }
    }
    Ok(if is_damaged { Exit::Waiting } else { Exit::Well })
}

fn tell(words: Words, digest: &DigestUpTo) {
    let (name, corpid, upto) = (value(&digest.company), value(&digest.corpid), digest.upto);
    outln!(
        "{}",
        words.say(
            format!("{name} ({corpid})，seq 至 {upto}"),
            format!("{name} ({corpid}), up to seq {upto}"),
        )
    );
    for (set, chinese, english) in [
        (&digest.landed, "已落库", "landed"),
        (&digest.open, "已打开", "open"),
    ] {
        let (what, records) = (words.say(chinese, english), render::number(set.records));
        let sha256 = match &set.sha256 {
            Some(sha256) => hex(sha256),
            None => words
                .say(
                    "有损坏的记录，不给出摘要",
                    "no digest, because of damaged records",
                )
                .to_owned(),
        };
        outln!(
            "{}",
            words.say(
                format!("    {what}  {records} 条  {sha256}"),
                format!("    {what:6}  {records}  {sha256}"),
            )
        );
    }
    if digest.other_copies > 0 {
        let copies = render::number(digest.other_copies);
        outln!(
            "    {}",
            words.say(
                format!("已落库者另有 {copies} 份同 seq、同 msgid 而内容不同的密文，也计入其摘要"),
                format!("landed includes {copies} other copies of these records, of the same msgid with other bytes"),
            )
        );
    }
    if digest.cursor < digest.upto {
        outln!(
            "    {}",
            words.say(
                format!("目前只拉取到 seq {}；其后落库的记录会改变这两个值", digest.cursor),
                format!(
                    "pulled only up to seq {} so far; what lands behind it will change both values",
                    digest.cursor
                ),
            )
        );
    }
    if digest.gaps > 0 {
        let gaps = render::number(digest.gaps);
        outln!(
            "    {}",
            words.say(
                format!("此范围内还有 {gaps} 处未取得的 seq (shiguan runs)；若补到记录，两个值都会改变"),
                format!("{gaps} ranges below it were not seen (shiguan runs); records that fill them will change both values"),
            )
        );
    }
}
