//! `shiguan media`: the files that hang on messages — what became of each, fetching them, taking them out.

mod export;
mod get;
mod list;
mod stay;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

pub(super) use get::everything;
pub(super) use stay::stay;

use super::{
    Global,
    context::Context,
    outcome::{Exit, Failure},
    render,
    words::Words,
};
use crate::{
    archive::{Fetches, Fetching},
    config::Company,
    line,
    media::{Bucket, Limits, Pace, Place, Vault, vault::hex},
    sanitize::{Line, value},
    secret::Secret,
    source::Filter,
    store::contract::{MediaFile, MediaState},
};

/// Arguments of `media`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List files with what became of each
    List(list::Args),
    /// Fetch what is due now, or the files of one message whatever was found out about them
    Get(get::Args),
    /// Copy the files of messages into a folder, with a manifest of their digests
    Export(export::Args),
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::List(args) => list::run(global, args),
        Verb::Get(args) => get::run(global, args),
        Verb::Export(args) => export::run(global, args),
    }
}

impl Context {
    /// The vault as configured.
    pub(super) fn vault(&self) -> Result<Vault, Failure> {
        Vault::open(&self.config.media.folder, &self.place()?).map_err(Failure::run)
    }

    /// Where the vault is.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        Ok(match &self.config.media.bucket {
            None => Place::Folder,
            Some(bucket) => Place::Bucket(Box::new(Bucket {
                endpoint: bucket.endpoint.clone(),
                name: bucket.name.clone(),
                region: bucket.region.clone(),
                prefix: bucket.prefix.clone(),
                path_style: bucket.path_style,
                access_key: Secret::new(bucket.access_key.clone()),
                secret_key: self.read(&bucket.secret_key)?,
            })),
        })
    }

    /// True when files are fetched without being asked for. They can be had wherever records can, so `auto` is `true`.
    pub(super) fn fetches_files(&self) -> bool {
        self.config.media.enabled.or(true)
    }

    /// The pace of a company; one for all who fetch for it in this process.
    pub(super) fn pace(&self) -> Arc<Pace> {
        Arc::new(Pace::new(self.config.media.chunks_per_minute))
    }

    /// What a pass over a company's files needs.
    pub(super) fn fetching(&self, company: &Company, pace: Arc<Pace>) -> Result<Fetching, Failure> {
        let media = &self.config.media;
        Ok(Fetching {
            name: company.name.clone(),
            corpid: company.corpid.clone(),
            source: self.source(company)?,
            vault: self.vault()?,
            children: media.children,
            deadline: Duration::from_secs(u64::from(media.deadline_days) * 24 * 60 * 60),
            attempts: media.retry_limit,
            backoff: Duration::from_millis(media.retry_backoff_ms),
            limits: Limits {
                most: media.max_file_mib << 20,
            },
            pace,
            room: Arc::clone(&self.room),
            silk: media.silk_decoder.as_deref().and_then(Filter::parse),
        })
    }
}

/// A state in the reader's language, with the word that queries and JSON use.
pub(super) fn state(words: Words, state: MediaState) -> &'static str {
    match state {
        MediaState::Pending => words.say("待下载 pending", "pending"),
        MediaState::Partial => words.say("未下完 partial", "partial"),
        MediaState::Kept => words.say("已保存 kept", "kept"),
        MediaState::Differs => words.say(
            "已保存、与消息所述不符 differs",
            "differs from what the message announced",
        ),
        MediaState::Expired => words.say("企业微信已过期 expired", "expired at WeCom"),
        MediaState::Refused => words.say("无法下载 refused", "refused"),
        MediaState::Gone => words.say("逾期未能下载 gone", "gone"),
    }
}

/// `kept 120  refused 1`: counts on one line.
pub(super) fn counts(words: Words, counts: &[(MediaState, u64)]) -> Line {
    let parts = counts
        .iter()
        .map(|(one, count)| line!("{} {}", state(words, *one), render::number(*count)));
    match counts.is_empty() {
        true => words.say("没有文件", "no files").into(),
        false => Line::join(parts, "  "),
    }
}

/// A file for programs; never its handle.
pub(super) fn file_json(context: &Context, company: Option<String>, file: &MediaFile) -> Value {
    let kept = file.fetched.as_ref();
    let content = kept.map(|kept| &kept.content);
    json!({
        "file": file.id.0,
        "company": company,
        "seq": file.seq.0,
        "msgid": file.msgid,
        "ord": file.ord,
        "kind": file.kind,
        "filename": file.filename,
        "state": file.state.as_str(),
        "detail": file.detail,
        "announced_md5": file.md5,
        "announced_bytes": file.size,
        "sha256": content.map(|content| hex(&content.sha256)),
        "md5": content.map(|content| hex(&content.md5)),
        "bytes": content.map(|content| content.bytes),
        "offset": file.have,
        "type": content.map(|content| content.mime.as_str()),
        "playable_sha256": kept.and_then(|kept| kept.playable.as_ref()).map(|playable| hex(&playable.sha256)),
        "not_playable": kept.map(|kept| kept.silent.as_str()).filter(|why| !why.is_empty()),
        "attempts": file.attempts,
        "next_try": render::time_json(Some(file.next_try).filter(|at| at.0 > 0), &context.zone),
        "sent": render::time_json(Some(file.since), &context.zone),
    })
}

/// A file on a line of `show`.
pub(super) fn file_line(words: Words, file: &MediaFile) -> Line {
    let mut parts = vec![
        value(&file.kind),
        file.filename.as_deref().map_or("-".into(), value),
    ];
    match &file.fetched {
        Some(kept) => {
            let content = &kept.content;
            parts.push(line!("{} B", render::number(content.bytes)));
            parts.push(value(&content.mime));
            parts.push(state(words, file.state).into());
            parts.push(line!("sha256 {}", value(&hex(&content.sha256))));
            if let Some(playable) = &kept.playable {
                parts.push(line!(
                    "{} {}",
                    words.say("可播放", "playable"),
                    value(&hex(&playable.sha256))
                ));
            } else if !kept.silent.is_empty() {
                parts.push(line!(
                    "{}: {}",
                    words.say("无可播放形式", "no playable form"),
                    Line::sentence(&kept.silent)
                ));
            }
        }
        None => {
            parts.push(
                file.size
                    .map_or("-".into(), |size| line!("{} B", render::number(size))),
            );
            parts.push(state(words, file.state).into());
            parts.push(line!("md5 {}", file.md5.as_deref().map_or("-".into(), value)));
        }
    }
    if !file.detail.is_empty() {
        parts.push(line!("({})", Line::sentence(&file.detail)));
    }
    Line::join(parts, " ")
}

/// What a pass did, for people.
pub(super) fn told(words: Words, name: &str, done: &Fetches) -> Vec<Line> {
    let mut lines = vec![line!(
        "{}: {} {}  {} {}  {:.1} s",
        value(name),
        words.say("新发现文件", "files found"),
        render::number(done.found),
        words.say("下载", "fetched"),
        render::bytes(done.bytes),
        done.took.as_secs_f64(),
    )];
    lines.push(line!(
        "  {}: {}",
        words.say("本次", "this time"),
        counts(words, &done.ended)
    ));
    lines.push(line!(
        "  {}: {}",
        words.say("全部", "in all"),
        counts(words, &done.now)
    ));
    if let Some(why) = &done.no_room {
        let label = words.say("磁盘空间不足，文件等待", "files wait");
        lines.push(line!("  {}: {}", label, Line::sentence(why)));
    }
    lines
}

fn fetches_json(name: &str, done: &Fetches) -> Value {
    let by_state = |counts: &[(MediaState, u64)]| -> Value {
        let count = |state| {
            counts
                .iter()
                .find(|(known, _)| *known == state)
                .map_or(0, |(_, count)| *count)
        };
        Value::Object(
            MediaState::ALL
                .iter()
                .map(|state| (state.as_str().to_owned(), json!(count(*state))))
                .collect(),
        )
    };
    json!({
        "company": name,
        "found": done.found,
        "ended": by_state(&done.ended),
        "later": done.later,
        "bytes": done.bytes,
        "files": by_state(&done.now),
        "seconds": (done.took.as_secs_f64() * 1000.0).round() / 1000.0,
        "stopped": done.stopped,
        "no_room": done.no_room,
        "failure": done.failure.as_ref().map(ToString::to_string),
    })
}
