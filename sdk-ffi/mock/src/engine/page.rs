//! The text of a page, and what can be done to single items of it.

use crate::{
    Error,
    faults::Fault,
    seal::{Item, keys::foreign_block},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Joins items into the JSON a server would send.
pub(super) fn render(items: &[Vec<u8>], twice: bool, torn: Option<Option<usize>>) -> Vec<u8> {
    const BEGIN: &[u8] = br#"{"errcode":0,"errmsg":"ok","chatdata":["#;
    let content: usize = items.iter().map(|item| item.len() + 1).sum();
    // With room for the zero that a slice has behind its end.
    let mut text = Vec::with_capacity(BEGIN.len() + (content << u8::from(twice)) + 3);
    text.extend_from_slice(BEGIN);
    let start = text.len();
    for _ in 0..=u8::from(twice) {
        for item in items {
            if text.len() > start {
                text.push(b',');
            }
            text.extend_from_slice(item);
        }
    }
    text.extend_from_slice(b"]}");
    if let Some(keep) = torn {
        text.truncate(keep.unwrap_or(text.len() / 2));
    }
    text
}

/// Applies a record-level fault to one item.
pub(super) fn spoil(
    item: &[u8],
    fault: &Fault,
    neighbour: impl FnOnce() -> Result<Option<Vec<u8>>, Error>,
) -> Result<Vec<u8>, Error> {
    let mut item = parse(item)?;
    match fault {
        Fault::TruncateBody { keep } => cut(&mut item.encrypt_chat_msg, *keep),
        Fault::ShortBody => cut(&mut item.encrypt_chat_msg, Some(12)),
        Fault::TruncateKey { keep } => cut(&mut item.encrypt_random_key, *keep),
        Fault::GarbleKey => {
            item.encrypt_random_key = item.encrypt_random_key.replace(['A', 'b', '+', '='], "*");
            item.encrypt_random_key.insert_str(0, "%%");
        }
        Fault::WrongVersion { version } => item.publickey_ver = *version,
        Fault::ForeignKey => item.encrypt_random_key = STANDARD.encode(foreign_block(item.seq)?),
        Fault::SwappedKey => {
            if let Some(other) = neighbour()? {
                let other = parse(&other)?;
                item.encrypt_random_key = other.encrypt_random_key;
                item.publickey_ver = other.publickey_ver;
            }
        }
        _ => {}
    }
    serde_json::to_vec(&item).map_err(|_| Error::Crypto("render a record as JSON"))
}

fn parse(item: &[u8]) -> Result<Item, Error> {
    serde_json::from_slice(item).map_err(|error| Error::Manifest {
        path: crate::corpus::LINES.into(),
        reason: format!("a line is no chatdata item ({error})"),
    })
}

fn cut(text: &mut String, keep: Option<usize>) {
    // Base64 is ASCII, so every place is a character boundary.
    text.truncate(keep.unwrap_or(text.len() / 2));
}
