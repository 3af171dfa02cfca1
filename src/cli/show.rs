//! `shiguan show MSGID`: one message, whole, and the conversation around it.

use anstyle::Style;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json, value::RawValue};

use super::{
    Global,
    context::{Context, Quiet},
    damage,
    out::{self, Page},
    outcome::{Exit, Failure},
    portrait::Portrait,
    render,
    search::{View, withheld},
    words::Words,
};
use crate::{
    line,
    message::{self, Message},
    people::Class,
    sanitize::{Line, value},
    store::{Reader, contract::Stored},
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
    /// Only the message as it was opened, byte for byte and nothing else, to a file or a pipe; it may hold file handles that
    /// are as good as the files. Of a record that is not opened, what DecryptData returned
    #[arg(long, conflicts_with = "context")]
    raw: bool,
    /// With --raw: to a terminal, too, which obeys whatever control characters the sender put into the message
    #[arg(long, requires = "raw")]
    raw_to_terminal: bool,
    /// One JSON object per record of that msgid, the message as it was opened included
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let found = reader.by_msgid(&args.msgid)?;
    if found.is_empty() {
        return Err(Failure::run(line!("no record with msgid {}", value(&args.msgid)))
            .hint("msgids are case-sensitive; `shiguan search msgid:…` and `shiguan waiting` list them"));
    }
    if args.raw && !args.json {
        return raw(&reader, &found, args.raw_to_terminal, Words(context.language));
    }
    let view = View::new(&context, &reader, Vec::new());
    let mut out = Page::begin();
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
            out.json(&shown)?;
        } else {
            for near in &around {
                match near.id == stored.id {
                    true => whole(&mut out, &view, stored)?,
                    false => view.hit(&mut out, near)?,
                }
            }
        }
    }
    view.zone(&mut out, args.json)?;
    out.flush()?;
    if let (false, Some(legend)) = (args.json, view.names.legend(view.words())) {
        errln!("{legend}");
    }
    Ok(view.exit(args.json))
}

/// The bytes and nothing else. Two records of one msgid follow each other on stdout, and stderr says where each ends.
fn raw(reader: &Reader, found: &[Stored], to_terminal: bool, words: Words) -> Result<Exit, Failure> {
    if out::to_terminal() && !to_terminal {
        return Err(Failure::usage(
            "--raw prints what the sender wrote, and a terminal obeys control characters in it",
        )
        .hint("send it to a file or a pipe (`… --raw > FILE`), or add --raw-to-terminal"));
    }
    let (mut printed, mut damaged) = (0, 0);
    for stored in found {
        if let Some(damage) = stored.damage.as_ref() {
            damage::lines(words, stored, damage).iter().for_each(out::tell);
            damaged += 1;
            if withheld(stored) {
                continue;
            }
        }
        let bytes = match &stored.opened {
            Some(opened) => Some(opened.plaintext.to_vec()),
            None => reader.answer(stored.id)?,
        };
        let Some(bytes) = bytes else {
            errln!(
                "seq {}: not opened yet, and nothing was returned for it: {}",
                stored.seq,
                stored.state.as_str()
            );
            continue;
        };
        out::bytes(&bytes)?;
        if found.len() > 1 {
            errln!(
                "seq {}: bytes {} to {}",
                stored.seq,
                printed,
                printed + bytes.len()
            );
        }
        printed += bytes.len();
    }
    match printed {
        _ if damaged > 0 => Ok(Exit::Waiting),
        0 => Err(Failure::run("there are no bytes to print")
            .hint("`shiguan waiting` says what the record waits for")),
        _ => Ok(Exit::Well),
    }
}

/// The message between two rules, with everything an auditor may be asked about it.
fn whole(out: &mut Page, view: &View<'_>, stored: &Stored) -> Result<(), Failure> {
    let rule = Style::new().dimmed();
    let words = Words(view.context.language);
    out.line(line!("{}{}{:#}", rule, RULE, rule))?;
    if withheld(stored) {
        out.line(damage::heading(stored, &view.context.zone))?;
        view.damage(out, stored)?;
        out.line(line!("{}{}{:#}", rule, RULE, rule))?;
        return Ok(());
    }
    let Some(opened) = &stored.opened else {
        let waits = words.say("尚未解密", "not opened yet");
        out.line(line!(
            "seq {}  {}  {}: {} {}",
            stored.seq.0,
            value(&stored.msgid),
            waits,
            stored.state.as_str(),
            Line::sentence(&stored.detail)
        ))?;
        if view.reader.answer(stored.id)?.is_some() {
            out.line(line!(
                "    {}{}{:#}",
                rule,
                words.say(
                    "DecryptData 的返回内容已保留：--raw (不是该记录的消息)",
                    "what DecryptData returned is kept: --raw (it is not this record's message)"
                ),
                rule
            ))?;
        }
        return Ok(());
    };
    let message = message::read(&opened.plaintext);
    view.heading(out, stored, &message)?;
    view.damage(out, stored)?;
    if message.segments.is_empty() {
        view.what(out, &message, opened.recalled.is_some())?;
    }
    for segment in &message.segments {
        let places = segment.places.iter().map(|place| Line::from(words.place(place)));
        out.line(line!("    {}[{}]{:#}", rule, Line::join(places, "、"), rule))?;
        view.text(out, &segment.text, opened.recalled.is_some())?;
    }
    view.recall(out, stored)?;
    let consent = view.consents.detail(view.context, view.reader, stored.id);
    let consent = consent.map(|value| ("存档同意", "consent", value));
    for (chinese, english, value) in details(view, stored, &message)?.into_iter().chain(consent) {
        let label = words.say(chinese, english);
        out.line(line!("    {}{}{:#} {}", rule, label, rule, value))?;
    }
    let portrait = Portrait::of(view.reader, &view.names, stored.company, &message)?;
    for (label, text) in portrait.lines(words) {
        out.line(line!("    {}{}{:#} {}", rule, label, rule, text))?;
    }
    out.line(line!("{}{}{:#}", rule, RULE, rule))?;
    Ok(())
}

/// Above and below a message.
const RULE: &str = "────────────────────────────────────────────────────────────";

type Lines = Vec<(&'static str, &'static str, Line)>;

fn details(view: &View<'_>, stored: &Stored, message: &Message) -> Result<Lines, Failure> {
    let mut lines = vec![
        ("类型", "type", value(&message.msgtype)),
        ("公钥版本", "key version", line!("{}", stored.key_version.0)),
    ];
    if !message.to.is_empty() {
        let names = message.to.iter().map(|id| {
            view.names
                .label(stored.company, Class::Person, id, message.time, view.words())
        });
        lines.push(("接收人", "to", Line::join(names, "、")));
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
        let name = file.filename.as_deref().map_or("-".into(), value);
        let size = file
            .size
            .map_or("-".into(), |size| line!("{} B", render::number(size)));
        let digest = file.md5.as_deref().map_or("-".into(), value);
        lines.push((
            "附件",
            "file",
            line!("{} {} {} md5 {}", value(&file.kind), name, size, digest),
        ));
    }
    if stored.opened.as_ref().is_some_and(|opened| opened.msgid_differs) {
        lines.push((
            "注意",
            "note",
            line!("msgid: {} ≠ {}", value(&stored.msgid), value(&message.msgid)),
        ));
    }
    if stored.variants > 0 {
        lines.push((
            "注意",
            "note",
            line!("seq {}: {} × other bytes", stored.seq.0, stored.variants),
        ));
    }
    if let Some(sent) = &message.time_as_sent {
        lines.push(("原始时间", "msgtime as sent", value(sent)));
    }
    let stored_flaws = stored
        .opened
        .as_ref()
        .map(|opened| opened.flaws)
        .unwrap_or_default();
    let flaws = super::search::flaws(message, stored_flaws);
    if !flaws.is_empty() {
        let flaws = flaws.into_iter().map(Line::from);
        lines.push(("注意", "note", Line::join(flaws, ", ")));
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
    if let Some(opened) = stored.opened.as_ref().filter(|_| !withheld(stored)) {
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
