//! Bytes as opened become a typed [`Message`]: who, where, when, what can be searched, which files hang on it.
//!
//! Enters: the plaintext of one record. Leaves: a [`Message`], always; bytes that are not JSON become a message
//! with [`Flaws::not_json`] set and nothing else known. The bytes themselves stay the truth (promise 4): this
//! view is derived and can be derived again by a newer version.
//!
//! ```text
//! bytes ─► json (flat tape, strict, else lenient) ─┬─► envelope ─► people: chat, scope, direction
//!                                                  ├─► kind: typed payload ─► place: segments
//!                                                  └─► media: every sdkfileid, at any depth
//! ```
//!
//! Must not know: where bytes come from or go, keys, SQL, clocks.

mod envelope;
mod json;
pub mod kind;
mod leftover;
mod media;
mod people;
mod phrase;
mod place;
mod quote;
mod time;

use std::borrow::Cow;

pub use {
    kind::{Kind, Payload},
    media::Media,
    people::{Chat, Direction, Scope, fold_id, is_external, is_robot, is_room},
    phrase::Language,
    place::{Place, Places, Segment},
    quote::Quote,
};

use self::{
    envelope::Envelope,
    json::{Tape, View},
    kind::Nest,
    place::Texts,
};
use crate::ids::Millis;

/// What was not as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flaws {
    /// The bytes are no JSON object, even read leniently.
    pub not_json: bool,
    /// Strict reading failed, lenient reading succeeded (raw control bytes, lone surrogates, invalid UTF-8).
    pub lenient: bool,
    /// `msgtype` is none of the known ones.
    pub unknown_type: bool,
    /// A nested document did not parse and was kept as a string, or nesting was deeper than the bound.
    pub nested: bool,
    /// The time is not in whole milliseconds; that it is in seconds was inferred from its size.
    pub time_inferred: bool,
    /// The type is known and its payload is not of its form (another shape, or under a key nobody told of): what strings there
    /// are can be searched, and what the type would tell is not known.
    pub payload_unread: bool,
    /// There is a time, and it cannot be so: no number, or of no unit that puts it near the days of WeCom. The message
    /// then counts as without a time. The store sets it also for a time later than the landing, which stays as it came.
    pub time_implausible: bool,
}

/// An external contact's answer to being archived, as an `agree` or `disagree` message reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The external contact.
    pub userid: String,
    /// True for `agree`.
    pub agreed: bool,
    /// `agree_time` or `disagree_time`, whatever its unit was; `None` when absent, 0 or implausible.
    pub at: Option<Millis>,
}

/// Everything derived from one plaintext.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Inner `msgid`.
    pub msgid: String,
    /// `action` as received: `send`, `recall`, `switch`, or empty.
    pub action: String,
    /// `msgtype` as received; `switch` for the switch action, empty when unknown.
    pub msgtype: String,
    /// Sender's id (`from`, or `user` of a switch); empty when there is none.
    pub from: String,
    /// `tolist`, in order.
    pub to: Vec<String>,
    /// `msgtime` (or `time` of a switch), in milliseconds whatever its unit was; `None` when absent, 0 or implausible.
    pub time: Option<Millis>,
    /// `msgtime` as it came, where `time` is not just that: its unit was inferred, or it is implausible.
    pub time_as_sent: Option<String>,
    /// The conversation; `None` for switch records and bytes that are no message.
    pub chat: Option<Chat>,
    /// Internal, external or upstream/downstream.
    pub scope: Scope,
    /// Inbound, outbound or within.
    pub direction: Direction,
    /// What was said or done, typed.
    pub payload: Payload,
    /// Everything that can be searched.
    pub segments: Vec<Segment>,
    /// Every file at any depth.
    pub media: Vec<Media>,
    /// `pre_msgid` of a recall.
    pub recalls: Option<String>,
    /// The answer an `agree` or `disagree` carries.
    pub consent: Option<Consent>,
    /// A link, an online document or an article, also inside containers.
    pub has_link: bool,
    /// What was not as documented.
    pub flaws: Flaws,
}

impl Default for Message {
    /// A message of which nothing is known.
    fn default() -> Self {
        Self {
            msgid: String::new(),
            action: String::new(),
            msgtype: String::new(),
            from: String::new(),
            to: Vec::new(),
            time: None,
            time_as_sent: None,
            chat: None,
            scope: Scope::default(),
            direction: Direction::default(),
            payload: Payload::Unknown(kind::Unknown::default()),
            segments: Vec::new(),
            media: Vec::new(),
            recalls: None,
            consent: None,
            has_link: false,
            flaws: Flaws::default(),
        }
    }
}

/// Reads a plaintext. Never fails: what is odd is told in [`Message::flaws`], what is missing is empty.
pub fn read(body: &[u8]) -> Message {
    // The strict check has a fast way over ASCII, the lossy one has none.
    let text = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    match Tape::parse(&text).filter(|tape| tape.root().is_object()) {
        Some(tape) => derive(&tape, matches!(text, Cow::Owned(_))),
        None => Message {
            flaws: Flaws {
                not_json: true,
                ..Flaws::default()
            },
            ..Message::default()
        },
    }
}

fn derive(tape: &Tape<'_>, lossy: bool) -> Message {
    let root = tape.root();
    let envelope = Envelope::of(root);
    let mut nest = Nest::default();
    let payload = Payload::of_message(envelope.msgtype, root, &mut nest);
    let mut texts = Texts::default();
    payload.texts(&mut texts);
    if payload.kind().is_some() {
        let mut strings = Vec::new();
        let fields = root.fields().filter(|(key, _)| !Envelope::owns(key));
        fields.for_each(|(key, value)| leftover::strings(key, value, &mut strings));
        leftover::add(&strings, &mut texts, false);
    }
    for (text, forwarded) in &nest.left {
        leftover::add(&[text], &mut texts, *forwarded);
    }
    let flaws = Flaws {
        not_json: false,
        lenient: lossy || tape.lenient || nest.lenient,
        unknown_type: Kind::from_word(envelope.msgtype).is_none(),
        nested: nest.unread,
        payload_unread: nest.misshapen,
        time_inferred: envelope.time.is_inferred,
        time_implausible: envelope.time.is_implausible,
    };
    let Envelope {
        msgid, from, ref to, ..
    } = envelope;
    let scope = people::scope(msgid, from, to);
    let (chat, direction) = match envelope.switch {
        true => (None, Direction::None),
        false => (
            people::chat(envelope.roomid, from, to),
            people::direction(scope, from, to),
        ),
    };
    Message {
        msgid: msgid.to_owned(),
        action: envelope.action.to_owned(),
        msgtype: envelope.msgtype.to_owned(),
        from: from.to_owned(),
        time: envelope.time.at,
        time_as_sent: envelope.time.as_sent,
        chat,
        scope,
        direction,
        segments: texts.segments,
        media: files(root, envelope.msgtype, &payload),
        recalls: recalls(&payload),
        consent: consent(&payload),
        has_link: payload.has_link(),
        payload,
        flaws,
        to: envelope.to,
    }
}

fn files(root: View<'_>, msgtype: &str, payload: &Payload) -> Vec<Media> {
    let mut files = Vec::new();
    let kind = match Kind::from_word(msgtype) {
        Some(kind) => kind.word(),
        None => msgtype,
    };
    media::collect(root, kind, 0, &mut files);
    if let Payload::MeetingVoiceCall(call) = payload {
        let recording = files.iter_mut().find(|file| file.sdkfileid == call.sdkfileid);
        recording
            .into_iter()
            .for_each(|file| file.seconds = file.seconds.or(call.seconds));
    }
    files
}

fn recalls(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Revoke(revoke) if !revoke.pre_msgid.is_empty() => Some(revoke.pre_msgid.clone()),
        _ => None,
    }
}

fn consent(payload: &Payload) -> Option<Consent> {
    let (userid, agreed, at) = match payload {
        Payload::Agree(agree) => (&agree.userid, true, agree.agree_time),
        Payload::Disagree(disagree) => (&disagree.userid, false, disagree.disagree_time),
        _ => return None,
    };
    Some(Consent {
        userid: userid.clone(),
        agreed,
        at: at.and_then(time::moment),
    })
}

/// Why bytes that were opened for a record are not that record's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// No JSON object, even read leniently.
    NoObject,
    /// An object that names no msgid and has none of a message's other parts.
    NoMessage,
    /// A message with another msgid.
    OtherMessage,
}

impl Misfit {
    /// What was seen, for people; `bytes` is the length of the answer.
    pub fn detail(self, bytes: usize) -> String {
        let seen = match self {
            Self::NoObject => "that are no JSON object",
            Self::NoMessage => "of JSON that are no message",
            Self::OtherMessage => "of a message with another msgid",
        };
        format!("DecryptData returned 0 and {bytes} bytes {seen}")
    }
}

impl Message {
    /// Is this what the record with that msgid says? A success of the SDK is believed only if so (promise 11).
    ///
    /// A message without a msgid is an odd form of one when it has a type or an action, and a sender. A record without
    /// a msgid has nothing to compare with.
    pub fn answers(&self, msgid: &str) -> Result<(), Misfit> {
        if self.flaws.not_json {
            return Err(Misfit::NoObject);
        }
        if self.msgid == msgid && !msgid.is_empty() {
            return Ok(());
        }
        if !self.msgid.is_empty() && !msgid.is_empty() {
            return Err(Misfit::OtherMessage);
        }
        let typed = !self.msgtype.is_empty() || !self.action.is_empty();
        if typed && !self.from.is_empty() {
            Ok(())
        } else {
            Err(Misfit::NoMessage)
        }
    }

    /// Sender and receivers in the form of [`fold_id`], each once, the sender first.
    pub fn people(&self) -> Vec<Cow<'_, str>> {
        people::people(&self.from, &self.to)
    }

    /// One line: what was said, or what kind of thing it was. It has the invisible characters of its sender, so what prints it must
    /// escape them (`sanitize`).
    pub fn summary(&self, language: Language) -> String {
        let line = match &self.payload {
            _ if self.flaws.not_json => language.tag("无法解析的内容", "unreadable content", ""),
            Payload::Unknown(unknown) if !self.msgtype.is_empty() => {
                let label = language.say("未知类型", "unknown type");
                format!("[{label} {}] {}", self.msgtype, unknown.texts.join(" "))
            }
            payload => payload.line(language),
        };
        phrase::one_line(&line)
    }
}

#[cfg(test)]
mod tests;
