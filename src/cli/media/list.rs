//! `shiguan media list`: every file and its state.

use super::{
    super::{context::Quiet, out},
    Context, Exit, Failure, Global, Words, counts, file_json, render, state,
};
use crate::{
    line,
    media::vault::hex,
    sanitize::{Line, value},
    store::contract::{FileId, MediaFile, MediaList, MediaState},
};

/// Arguments of `media list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only files in this state: pending, partial, kept, differs, expired, refused or gone
    #[arg(long, value_name = "STATE", value_parser = one_of)]
    state: Option<MediaState>,
    /// Only this company of the configuration
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// One JSON object per file
    #[arg(long)]
    json: bool,
    /// Files to list at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Continue behind this file: its number, as JSON shows it
    #[arg(long, value_name = "FILE")]
    after: Option<i64>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let company = match &args.company {
        None => None,
        Some(name) => {
            context.companies(Some(name))?;
            match reader.company_id(name)? {
                Some(company) => Some(company),
                None => return Ok(Exit::Well),
            }
        }
    };
    let words = Words(context.language);
    let which = MediaList {
        company,
        state: args.state,
        after: args.after.map(FileId),
    };
    let mut table = render::Table::new(match words.say(true, false) {
        true => ["seq", "类型", "大小", "状态", "SHA-256", "文件名", "说明"],
        false => ["seq", "kind", "bytes", "state", "SHA-256", "name", "why"],
    });
    for file in reader.media_list(&which, args.limit)? {
        if args.json {
            out::json(&file_json(&context, reader.company_name(file.company)?, &file));
            continue;
        }
        let content = file.fetched.as_ref().map(|kept| &kept.content);
        let size = content.map(|content| content.bytes).or(file.size);
        table.row([
            line!("{}", file.seq.0),
            value(&file.kind),
            size.map_or("-".into(), render::number),
            state(words, file.state).into(),
            content.map_or("-".into(), |content| value(&hex(&content.sha256[..6]))),
            file.filename.as_deref().map_or("-".into(), value),
            Line::sentence(why(words, &file)),
        ]);
    }
    if !args.json {
        if !table.is_empty() {
            out::table(&table);
            outln!(render::zone_line(words, &context.zone));
        }
        let counted = reader.media_counts(company)?;
        errln!("{}", counts(words, &counted));
        let waiting = counted.iter().any(|(state, _)| !state.is_settled());
        if let Some(why) = context.room.shortage().filter(|_| waiting) {
            errln!("{}: {why}", words.say("磁盘空间不足，文件等待", "files wait"));
        }
        let unseen = reader.media_unseen()?;
        if unseen > 0 {
            let unseen = render::number(unseen);
            errln!(
                "{}",
                words.say(
                    format!("另有 {unseen} 条带文件的消息尚未登记：shiguan media get"),
                    format!("{unseen} more messages carry files that are not listed yet: shiguan media get")
                )
            );
        }
    }
    Ok(Exit::Well)
}

/// What is to be said about a file besides its state: why it is not here or differs, or why nobody can play it.
fn why(words: Words, file: &MediaFile) -> String {
    let silent = file
        .fetched
        .as_ref()
        .filter(|kept| kept.playable.is_none() && !kept.silent.is_empty())
        .map(|kept| {
            format!(
                "{}: {}",
                words.say("无可播放形式", "no playable form"),
                kept.silent
            )
        });
    [Some(file.detail.clone()), silent]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

fn one_of(word: &str) -> Result<MediaState, String> {
    MediaState::from_word(word).ok_or_else(|| {
        format!(
            "the states are {}",
            MediaState::ALL.map(MediaState::as_str).join(", ")
        )
    })
}
