//! Containers: forwarded conversations, mixed messages, notes (messages §4.13, §4.25, §4.32, §5).
//!
//! Their items hold a payload as JSON inside a string, each level escaped once more.

use serde::{Serialize, Serializer};

use super::{
    super::{
        json::View,
        phrase::{Language, bracketed, joined, without_handles},
        place::{Place, Texts},
    },
    DEEPEST, Nest, Payload, Shape, Tape, Unknown,
};
use crate::ids::Millis;

/// `chatrecord`: a forwarded conversation. Items name no sender.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ChatRecord {
    /// E.g. `群聊`; empty for the older form that is a bare list.
    pub title: String,
    /// The forwarded messages.
    #[serde(rename = "item")]
    pub items: Vec<Item>,
}

/// `mixed`: texts and pictures in one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mixed {
    /// The parts.
    #[serde(rename = "item")]
    pub items: Vec<Item>,
}

/// `note`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Note {
    /// The parts.
    pub items: Vec<Item>,
}

/// One part of a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// `type` (in notes `msg_type`) as received.
    #[serde(rename = "type")]
    pub word: String,
    /// When it was said, for forwarded messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgtime: Option<Millis>,
    /// Whether it came from a group, for forwarded messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_chatroom: Option<bool>,
    /// What it holds.
    pub content: Content,
}

/// What an item holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A payload that could be read.
    Read(Box<Payload>),
    /// A string that could not, or that lies deeper than is read.
    Raw(String),
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(payload) => payload.serialize(to),
            Self::Raw(text) => to.serialize_str(&without_handles(text)),
        }
    }
}

impl Item {
    fn of(item: View<'_>, nest: &mut Nest) -> Self {
        let word = [item.text("type"), item.text("msg_type")]
            .into_iter()
            .find(|word| !word.is_empty());
        let word = word.unwrap_or_default();
        Self {
            msgtime: item.int("msgtime").and_then(by_magnitude),
            from_chatroom: item
                .field("from_chatroom")
                .and_then(View::as_text)
                .map(|text| text == "true" || text == "1"),
            content: content(&word, item, nest),
            word,
        }
    }

    fn texts(&self, out: &mut Texts) {
        match &self.content {
            Content::Read(payload) => payload.texts(out),
            Content::Raw(text) => out.add(Place::Text, &without_handles(text)),
        }
    }

    fn line(&self, language: Language) -> String {
        match &self.content {
            Content::Read(payload) => payload.line(language),
            Content::Raw(text) => without_handles(text).into_owned(),
        }
    }
}

/// Reads an item's `content`: JSON in a string, or, more liberal than the format, the object itself.
fn content(word: &str, item: View<'_>, nest: &mut Nest) -> Content {
    let Some(content) = item.field("content") else {
        return Content::Raw(String::new());
    };
    let tape = content.as_str().and_then(Tape::parse);
    let document = match &tape {
        Some(tape) => tape.root(),
        None => content,
    };
    nest.depth += 1;
    let read = (nest.depth <= DEEPEST)
        .then(|| Payload::of_item(word, document, nest))
        .flatten();
    nest.depth -= 1;
    match read {
        Some(payload) => {
            nest.lenient |= tape.is_some_and(|tape| tape.lenient);
            Content::Read(Box::new(payload))
        }
        None => {
            nest.unread |= content.as_text() != Some("");
            match content.as_text() {
                Some(raw) => Content::Raw(raw.to_owned()),
                None => Content::Read(Box::new(Payload::Unknown(Unknown::of_payload(content)))),
            }
        }
    }
}

/// Sample data has seconds where the table says milliseconds (messages §4.13); 0 is no date.
fn by_magnitude(time: i64) -> Option<Millis> {
    match time {
        ..=0 => None,
        1..100_000_000_000 => Some(Millis(time * 1000)),
        _ => Some(Millis(time)),
    }
}

fn items(payload: View<'_>, key: &str, nest: &mut Nest) -> Vec<Item> {
    payload
        .list(key)
        .filter(|item| item.is_object())
        .map(|item| Item::of(item, nest))
        .collect()
}

fn lines(items: &[Item], language: Language) -> String {
    let lines: Vec<String> = items
        .iter()
        .map(|item| item.line(language).trim().to_owned())
        .collect();
    joined(" ", &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

impl Shape for ChatRecord {
    fn read(payload: View<'_>, nest: &mut Nest) -> Self {
        let outside = std::mem::replace(&mut nest.forwarded, true);
        let read = Self::of(payload, nest);
        nest.forwarded = outside;
        read
    }

    fn texts(&self, out: &mut Texts) {
        out.forwarded(|out| {
            out.add(Place::Text, &self.title);
            self.items.iter().for_each(|item| item.texts(out));
        });
    }

    fn line(&self, language: Language) -> String {
        let count = language.count(self.items.len(), "条", "message");
        language.tag(
            "聊天记录",
            "forwarded conversation",
            &bracketed(&self.title, &[Some(count)]),
        )
    }
}

impl ChatRecord {
    fn of(payload: View<'_>, nest: &mut Nest) -> Self {
        if payload.is_array() {
            let bare = payload.items().filter(|item| item.is_object());
            return Self {
                title: String::new(),
                items: bare.map(|item| Item::of(item, nest)).collect(),
            };
        }
        Self {
            title: payload.text("title"),
            items: items(payload, "item", nest),
        }
    }
}

impl Shape for Mixed {
    fn read(payload: View<'_>, nest: &mut Nest) -> Self {
        Self {
            items: items(payload, "item", nest),
        }
    }

    fn texts(&self, out: &mut Texts) {
        self.items.iter().for_each(|item| item.texts(out));
    }

    fn line(&self, language: Language) -> String {
        lines(&self.items, language)
    }
}

impl Shape for Note {
    fn read(payload: View<'_>, nest: &mut Nest) -> Self {
        Self {
            items: items(payload, "items", nest),
        }
    }

    fn texts(&self, out: &mut Texts) {
        self.items.iter().for_each(|item| item.texts(out));
    }

    fn line(&self, language: Language) -> String {
        language.tag("笔记", "note", &lines(&self.items, language))
    }
}
