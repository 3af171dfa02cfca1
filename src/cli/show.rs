//! `shiguan show MSGID`: one message, whole, and the conversation around it.

use std::io::Write;

use anstyle::Style;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json, value::RawValue};

use super::{
    Global,
    context::{Context, Quiet},
    names,
    outcome::{Exit, Failure},
    portrait::Portrait,
    render,
    search::View,
    words::Words,
};
use crate::{
    message::{self, Message},
    people::Class,
    store::contract::Stored,
};

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The message's msgid, as search shows it
    #[arg(allow_hyphen_values = true)]
    msgid: String,
    /// Messages of the conversation to show before and after it
    #[arg(long, value_name = "N", default_value_t = 0)]
    context: usize,
    /// Also print the message as it was opened, byte for byte; it may hold file handles that are as good as the files
    #[arg(long)]
    raw: bool,
    /// One JSON object per record of that msgid, the message as it was opened included
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let found = reader.by_msgid(&args.msgid)?;
    if found.is_empty() {
        return Err(
            Failure::run(format!("no record with msgid {}", render::tame(&args.msgid)))
                .hint("msgids are case-sensitive; `shiguan search msgid:…` and `shiguan waiting` list them"),
        );
    }
    let view = View::new(&context, &reader, Vec::new());
    let mut out = anstream::AutoStream::auto(std::io::stdout().lock());
    for stored in &found {
        let around = match args.context {
            0 => vec![stored.clone()],
            wide => reader.context(stored.id, wide, wide)?,
        };
        view.look(&around, true)?;
        if args.json {
            let mut shown = record_json(&view, stored)?;
            if args.context > 0 {
                shown["context"] = around.iter().map(|near| view.hit_json(near)).collect();
            }
            serde_json::to_writer(&mut out, &shown)?;
            writeln!(out)?;
        } else {
            for near in &around {
                match near.id == stored.id {
                    true => whole(&mut out, &view, stored, args.raw)?,
                    false => view.hit(&mut out, near)?,
                }
            }
        }
    }
    out.flush()?;
    if let (false, Some(legend)) = (args.json, view.names.legend(view.words())) {
        errln!("{legend}");
    }
    Ok(Exit::Well)
}

/// The message between two rules, with everything an auditor may be asked about it.
fn whole(out: &mut dyn Write, view: &View<'_>, stored: &Stored, raw: bool) -> Result<(), Failure> {
    let rule = Style::new().dimmed();
    let words = Words(view.context.language);
    writeln!(out, "{rule}{}{rule:#}", "─".repeat(60))?;
    let Some(opened) = &stored.opened else {
        let waits = words.say("尚未解密", "not opened yet");
        writeln!(
            out,
            "seq {}  {}  {waits}: {} {}",
            stored.seq,
            stored.msgid,
            stored.state.as_str(),
            stored.detail
        )?;
        if let Some(answer) = view.reader.answer(stored.id)?.filter(|_| raw) {
            let label = words.say(
                "DecryptData 返回的内容 (不是该记录的消息，未改动)",
                "what DecryptData returned, unaltered",
            );
            writeln!(out, "    {rule}{label}{rule:#}")?;
            view.line(out, &String::from_utf8_lossy(&answer), false)?;
        }
        return Ok(());
    };
    let message = message::read(&opened.plaintext);
    view.heading(out, stored, &message)?;
    if message.segments.is_empty() {
        view.line(
            out,
            &message.summary(view.context.language),
            opened.recalled.is_some(),
        )?;
    }
    for segment in &message.segments {
        let places: Vec<&str> = segment.places.iter().map(|place| words.place(place)).collect();
        writeln!(out, "    {rule}[{}]{rule:#}", places.join("、"))?;
        view.line(out, &segment.text, opened.recalled.is_some())?;
    }
    view.recall(out, stored)?;
    let consent = view.consents.detail(view.context, view.reader, stored.id);
    let consent = consent.map(|value| ("存档同意", "consent", value));
    for (chinese, english, value) in details(view, stored, &message)?.into_iter().chain(consent) {
        let label = words.say(chinese, english);
        writeln!(out, "    {rule}{label}{rule:#} {}", render::tame(&value))?;
    }
    let portrait = Portrait::of(view.reader, &view.names, stored.company, &message)?;
    for (label, text) in portrait.lines(words) {
        writeln!(
            out,
            "    {rule}{}{rule:#} {}",
            names::tame(&label),
            names::tame(&text)
        )?;
    }
    if raw {
        let label = words.say("原文 (解密所得，未改动)", "as opened, unaltered");
        writeln!(out, "    {rule}{label}{rule:#}")?;
        view.line(out, &String::from_utf8_lossy(&opened.plaintext), false)?;
    }
    writeln!(out, "{rule}{}{rule:#}", "─".repeat(60))?;
    Ok(())
}

type Lines = Vec<(&'static str, &'static str, String)>;

fn details(view: &View<'_>, stored: &Stored, message: &Message) -> Result<Lines, Failure> {
    let mut lines = vec![
        ("类型", "type", message.msgtype.clone()),
        ("公钥版本", "key version", stored.key_version.to_string()),
    ];
    if !message.to.is_empty() {
        let names = message.to.iter().map(|id| {
            view.names
                .label(stored.company, Class::Person, id, message.time, view.words())
        });
        lines.push(("接收人", "to", names.collect::<Vec<_>>().join("、")));
    }
    let files = view.reader.media_files(stored.id)?;
    for file in &files {
        lines.push((
            "附件",
            "file",
            super::media::file_line(Words(view.context.language), file),
        ));
    }
    for file in message.media.iter().filter(|_| files.is_empty()) {
        let name = file.filename.as_deref().unwrap_or("-");
        let size = file
            .size
            .map_or_else(|| "-".to_owned(), |size| format!("{} B", render::number(size)));
        let digest = file.md5.as_deref().unwrap_or("-");
        lines.push((
            "附件",
            "file",
            format!("{} {name} {size} md5 {digest}", file.kind),
        ));
    }
    if stored.opened.as_ref().is_some_and(|opened| opened.msgid_differs) {
        lines.push((
            "注意",
            "note",
            format!("msgid: {} ≠ {}", stored.msgid, message.msgid),
        ));
    }
    if stored.variants > 0 {
        lines.push((
            "注意",
            "note",
            format!("seq {}: {} × other bytes", stored.seq, stored.variants),
        ));
    }
    if let Some(sent) = &message.time_as_sent {
        lines.push(("原始时间", "msgtime as sent", sent.clone()));
    }
    let stored_flaws = stored
        .opened
        .as_ref()
        .map(|opened| opened.flaws)
        .unwrap_or_default();
    let flaws = super::search::flaws(message, stored_flaws);
    if !flaws.is_empty() {
        lines.push(("注意", "note", flaws.join(", ")));
    }
    Ok(lines)
}

/// The whole record: what a hit says, the typed view, and the bytes as they were opened.
fn record_json(view: &View<'_>, stored: &Stored) -> Result<Value, Failure> {
    let mut shown = view.hit_json(stored);
    shown["state"] = json!(stored.state.as_str());
    shown["detail"] = json!(stored.detail);
    shown["publickey_ver"] = json!(stored.key_version.0);
    shown["attempts"] = json!(stored.attempts);
    shown["variants"] = json!(stored.variants);
    if let Some(opened) = &stored.opened {
        let message = message::read(&opened.plaintext);
        let portrait = Portrait::of(view.reader, &view.names, stored.company, &message)?;
        (shown["people"], shown["room_members"]) = portrait.json(view.words());
        shown["payload"] = serde_json::to_value(&message.payload).unwrap_or(Value::Null);
        // Numbers beyond i64 and the order of keys survive, because the text is passed on, not read and written.
        match std::str::from_utf8(&opened.plaintext) {
            Ok(text) => {
                shown["plaintext"] = json!(text);
                if let Ok(raw) = serde_json::from_str::<&RawValue>(text) {
                    shown["message"] = serde_json::to_value(raw).unwrap_or(Value::Null);
                }
            }
            Err(_) => shown["plaintext_base64"] = json!(STANDARD.encode(&opened.plaintext)),
        }
    }
    if let (None, Some(answer)) = (&stored.opened, view.reader.answer(stored.id)?) {
        match String::from_utf8(answer) {
            Ok(text) => shown["answer"] = json!(text),
            Err(broken) => shown["answer_base64"] = json!(STANDARD.encode(broken.as_bytes())),
        }
    }
    let files = view.reader.media_files(stored.id)?;
    if !files.is_empty() {
        let company = view.reader.company_name(stored.company)?;
        let file = |file| super::media::file_json(view.context, company.clone(), file);
        shown["files"] = files.iter().map(file).collect();
    }
    Ok(shown)
}
