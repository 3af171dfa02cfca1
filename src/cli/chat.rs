//! `shiguan chat`: read a conversation from its beginning or end, or list all conversations.

use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    names::{Called, Names},
    out::{self, Page},
    outcome::{Exit, Failure},
    render::{self, Table},
    search::View,
    words::Words,
};
use crate::{
    line, message,
    people::Class,
    sanitize::{Line, value},
    store::{
        Reader,
        contract::{ChatKey, ChatRow, Order},
    },
};

/// Arguments of `chat`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A roomid, or the two people of a single chat joined by a comma; without it, all conversations are listed
    #[arg(allow_hyphen_values = true)]
    id: Option<String>,
    /// One JSON object per message (or conversation)
    #[arg(long)]
    json: bool,
    /// Messages (or conversations) to show
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// From the beginning of the conversation (default: its end)
    #[arg(long)]
    oldest_first: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    match &args.id {
        Some(id) => one(&context, args, id),
        None => list(&context, args),
    }
}

fn one(context: &Context, args: &Args, id: &str) -> Result<Exit, Failure> {
    let reader = context.reader()?;
    let chats = reader.chats_named(id)?;
    if chats.is_empty() {
        return Err(Failure::run(line!("no conversation {}", value(id))).hint(
            "`shiguan chat` lists all; a single chat is named by its two people, e.g. zhangsan,wmAbc…",
        ));
    }
    let view = View::new(context, &reader, Vec::new());
    let mut out = Page::begin();
    let order = if args.oldest_first || args.all {
        Order::OldestFirst
    } else {
        Order::NewestFirst
    };
    for chat in chats {
        let mut after = None;
        let mut left = if args.all { usize::MAX } else { args.limit };
        while left > 0 {
            let mut page = reader.chat_page(chat.id, order, after, left.min(1000))?;
            left = left.saturating_sub(page.len());
            after = page.last().map(|last| last.page_key());
            if page.is_empty() {
                break;
            }
            // The end of a conversation is fetched backwards and read forwards.
            if order == Order::NewestFirst {
                page.reverse();
            }
            view.look(&page, args.json)?;
            for message in &page {
                if args.json {
                    out.json(&view.hit_json(message))?;
                } else {
                    view.hit(&mut out, message)?;
                }
            }
        }
        view.zone(&mut out, args.json)?;
        out.flush()?;
        if !args.json {
            if let Some(legend) = view.names.legend(view.words()) {
                errln!("{legend}");
            }
            errln!(heading(&view, &chat)?);
        }
    }
    Ok(view.exit(args.json))
}

fn heading(view: &View<'_>, chat: &ChatRow) -> Result<Line, Failure> {
    let context = view.context;
    let zone = &context.zone;
    let (first, last) = (render::time(chat.first, zone), render::time(chat.last, zone));
    let key = label(&view.names, view.reader, view.words(), chat)?;
    let count = render::number(chat.messages);
    Ok(Words(context.language).say(
        line!("{}：共 {} 条，{} 至 {}", key, count, first, last),
        line!("{}: {} messages, {} to {}", key, count, first, last),
    ))
}

/// A conversation by its names and ids.
fn label(names: &Names, reader: &Reader, words: Words, chat: &ChatRow) -> Result<Line, Failure> {
    let called = called(names, reader, chat)?;
    Ok(Line::join(called.iter().map(|one| one.line(words)), ","))
}

/// The same for programs.
fn label_text(names: &Names, reader: &Reader, words: Words, chat: &ChatRow) -> Result<String, Failure> {
    let called = called(names, reader, chat)?;
    let texts: Vec<String> = called.iter().map(|one| one.text(words)).collect();
    Ok(texts.join(","))
}

fn called(names: &Names, reader: &Reader, chat: &ChatRow) -> Result<Vec<Called>, Failure> {
    let (class, ids) = match &chat.key {
        ChatKey::Room(id) => (Class::Room, std::slice::from_ref(id)),
        ChatKey::People(ids) => (Class::Person, ids.as_slice()),
    };
    names.fetch(reader, (chat.company, class), ids.iter().cloned().collect())?;
    Ok(ids
        .iter()
        .map(|id| names.called(chat.company, class, id, chat.last))
        .collect())
}

fn list(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let reader = context.reader()?;
    let words = Words(context.language);
    let limit = if args.all { usize::MAX } else { args.limit };
    let mut table = Table::new(match context.language {
        message::Language::Chinese => ["会话", "消息数", "最早", "最近"],
        message::Language::English => ["conversation", "messages", "first", "last"],
    });
    let chats = reader.chats()?;
    let total = chats.len();
    let names = Names::default();
    for chat in chats.into_iter().take(limit) {
        if args.json {
            out::json(
                &json!({"chat": chat.key.to_string(), "label": label_text(&names, &reader, words, &chat)?,
                        "room": matches!(chat.key, ChatKey::Room(_)),
                        "company": reader.company_name(chat.company)?, "messages": chat.messages,
                        "first": render::time_json(chat.first, &context.zone),
                        "last": render::time_json(chat.last, &context.zone)}),
            );
        } else {
            table.row([
                label(&names, &reader, words, &chat)?,
                render::number(chat.messages),
                render::time(chat.first, &context.zone),
                render::time(chat.last, &context.zone),
            ]);
        }
    }
    if !args.json {
        out::table(&table);
        outln!(render::zone_line(words, &context.zone));
        if let Some(legend) = names.legend(words) {
            errln!("{legend}");
        }
        let total = render::number(total as u64);
        errln!(
            "{}",
            words.say(format!("共 {total} 个会话"), format!("{total} conversations"))
        );
    }
    Ok(Exit::Well)
}
