//! `shiguan chat`: read a conversation from its beginning or end, or list all conversations.

use std::io::Write;

use serde_json::json;

use super::{
    Global,
    consent::Shown,
    context::{Context, Quiet},
    outcome::{Exit, Failure},
    render::{self, Table},
    search::View,
    words::Words,
};
use crate::{
    message,
    store::contract::{ChatKey, ChatRow, Order},
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
    let context = Context::load(global)?;
    context.start_logging(global, Quiet::Warnings)?;
    match &args.id {
        Some(id) => one(&context, args, id),
        None => list(&context, args),
    }
}

fn one(context: &Context, args: &Args, id: &str) -> Result<Exit, Failure> {
    let reader = context.reader()?;
    let chats = reader.chats_named(id)?;
    if chats.is_empty() {
        return Err(
            Failure::run(format!("no conversation {}", render::tame(id))).hint(
                "`shiguan chat` lists all; a single chat is named by its two people, e.g. zhangsan,wmAbc…",
            ),
        );
    }
    let view = View {
        context,
        reader: &reader,
        needles: Vec::new(),
        consents: Shown::default(),
    };
    let mut out = anstream::AutoStream::auto(std::io::stdout().lock());
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
            view.consents.prime(&reader, &page)?;
            // The end of a conversation is fetched backwards and read forwards.
            if order == Order::NewestFirst {
                page.reverse();
            }
            for message in &page {
                if args.json {
                    serde_json::to_writer(&mut out, &view.hit_json(message))?;
                    writeln!(out)?;
                } else {
                    view.hit(&mut out, message)?;
                }
            }
        }
        out.flush()?;
        if !args.json {
            eprintln!("{}", heading(context, &chat));
        }
    }
    Ok(Exit::Well)
}

fn heading(context: &Context, chat: &ChatRow) -> String {
    let zone = &context.zone;
    let (first, last) = (render::time(chat.first, zone), render::time(chat.last, zone));
    let (key, count) = (render::tame(&chat.key.to_string()), render::number(chat.messages));
    Words(context.language).say(
        format!("{key}：共 {count} 条，{first} 至 {last}"),
        format!("{key}: {count} messages, {first} to {last}"),
    )
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
    for chat in chats.into_iter().take(limit) {
        if args.json {
            println!(
                "{}",
                json!({"chat": chat.key.to_string(), "room": matches!(chat.key, ChatKey::Room(_)),
                       "company": reader.company_name(chat.company)?, "messages": chat.messages,
                       "first": render::time_json(chat.first, &context.zone),
                       "last": render::time_json(chat.last, &context.zone)})
            );
        } else {
            table.row([
                chat.key.to_string(),
                chat.messages.to_string(),
                render::time(chat.first, &context.zone),
                render::time(chat.last, &context.zone),
            ]);
        }
    }
    if !args.json {
        print!("{table}");
        let total = render::number(total as u64);
        eprintln!(
            "{}",
            words.say(format!("共 {total} 个会话"), format!("{total} conversations"))
        );
    }
    Ok(Exit::Well)
}
