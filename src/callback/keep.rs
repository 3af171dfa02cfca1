//! An event as it may be kept: by name, with a mark that tells repetitions, its text with secrets covered.
//!
//! Welcome codes, tokens and tickets open doors and are of no use to an archive, so they end here. Everything else stays
//! as received, byte for byte, also of events that nobody here knows.
//!
//! Must not know: where it is kept.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    event::{Event, Notice},
    tree::Element,
};

/// What stands where a secret stood.
pub const COVERED: &str = "***";
/// Notifications say nothing but "there is more", up to four times a minute: those of one hour are one event.
const HOUR_S: i64 = 3_600;

/// An event ready to be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// `change_external_chat`
    pub name: String,
    /// `update`; empty when the event has none.
    pub change: String,
    /// Equal for repetitions, different for everything else.
    pub mark: [u8; 32],
    /// As received, secrets covered.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Kept({}.{}, {} bytes)",
            self.name,
            self.change,
            self.body.len()
        )
    }
}

impl Notice {
    /// What of it may be kept.
    pub fn kept(&self) -> Kept {
        let full = self.name();
        let (name, change) = full.split_once('.').unwrap_or((&full, ""));
        let body = covered(self.raw.expose());
        let mut digest = Sha256::new();
        match (&self.event, self.created) {
            (Event::RecordsWaiting, Some(created)) if says_nothing(self.raw.expose()) => {
                digest.update(format!("hour {} of {}", created.div_euclid(HOUR_S), self.to));
            }
            // Not `MsgId` alone, though the platform suggests it: were a number given twice, the second text would be
            // acknowledged and lost.
            _ => digest.update(&body),
        }
        Kept {
            name: name.to_owned(),
            change: change.to_owned(),
            mark: digest.finalize().into(),
            body,
        }
    }
}

/// Has the event no fields but those that every event has?
fn says_nothing(raw: &[u8]) -> bool {
    const COMMON: [&str; 6] = [
        "ToUserName",
        "FromUserName",
        "CreateTime",
        "MsgType",
        "Event",
        "AgentID",
    ];
    Element::read(raw).is_ok_and(|root| {
        root.children
            .iter()
            .all(|field| COMMON.iter().any(|name| field.name.eq_ignore_ascii_case(name)))
    })
}

/// Is a field of this name a secret? Unknown events are judged by the same words.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "ticket", "password", "aeskey"]
        .iter()
        .any(|word| name.contains(word))
        || [
            "welcomecode",
            "authcode",
            "permanentcode",
            "welcome_code",
            "auth_code",
            "permanent_code",
        ]
        .contains(&name.as_str())
}

/// The text with every secret covered; the very same bytes when it holds none. What is no tree at all is kept whole: it
/// cannot be told what is in it, and it is never shown either.
fn covered(raw: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(raw) else {
        return raw.to_vec();
    };
    if Element::read(raw).is_err() {
        return raw.to_vec();
    }
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        let Ok(mut value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
            return raw.to_vec();
        };
        return match cover_json(&mut value) {
            true => value.to_string().into_bytes(),
            false => raw.to_vec(),
        };
    }
    cover_xml(text).into_bytes()
}

/// True when something was covered. The depth was bounded when the tree was read.
fn cover_json(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter_mut().fold(false, |covered, (name, value)| {
            let secret = is_secret(name) && !value.is_null() && value.as_str() != Some("");
            if secret {
                *value = Value::from(COVERED);
            }
            covered | secret | cover_json(value)
        }),
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |covered, item| covered | cover_json(item)),
        _ => false,
    }
}

/// Goes through well-formed XML mark by mark and leaves out what stands inside elements that are secret.
fn cover_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Elements open inside the secret one, itself included; 0 outside.
    let mut inside = 0_usize;
    let mut hidden = false;
    while let Some(at) = rest.find('<') {
        let (before, mark) = rest.split_at(at);
        let end = |close: &str| mark.find(close).map_or(mark.len(), |at| at + close.len());
        let (kind, length) = match mark {
            _ if mark.starts_with("<!--") => (Mark::Other, end("-->")),
            _ if mark.starts_with("<![CDATA[") => (Mark::Data, end("]]>")),
            _ if mark.starts_with("</") => (Mark::Close, end(">")),
            _ if mark.starts_with(['?', '!']) || mark.starts_with("<?") => (Mark::Other, end("?>")),
            _ => (Mark::Open, end(">")),
        };
        let (mark, after) = mark.split_at(length);
        hidden |= inside > 0 && (kind == Mark::Data && mark != "<![CDATA[]]>" || !before.is_empty());
        if inside == 0 {
            out.push_str(before);
        }
        let alone = mark.ends_with("/>");
        match kind {
            Mark::Open if inside > 0 => {
                hidden = true;
                inside += usize::from(!alone);
            }
            Mark::Open => {
                out.push_str(mark);
                let name = mark.trim_start_matches('<').trim_end_matches('>').trim_end();
                inside = usize::from(!alone && is_secret(name));
            }
            Mark::Close => {
                inside = inside.saturating_sub(1);
                if inside == 0 {
                    if std::mem::take(&mut hidden) {
                        out.push_str(COVERED);
                    }
                    out.push_str(mark);
                }
            }
            Mark::Data | Mark::Other if inside == 0 => out.push_str(mark),
            Mark::Data | Mark::Other => {}
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Close,
    Data,
    Other,
}
