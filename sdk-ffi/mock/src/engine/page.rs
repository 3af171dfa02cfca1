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
        Fault::SetSeq { seq } => item.seq = *seq,
        Fault::ShiftSeq { by } => item.seq = item.seq.saturating_add_signed(*by),
        Fault::NoSeq => {
            let mut value = serde_json::to_value(&item).map_err(|_| Error::Crypto(RENDER))?;
            value.as_object_mut().and_then(|members| members.remove("seq"));
            return serde_json::to_vec(&value).map_err(|_| Error::Crypto(RENDER));
        }
        Fault::BrokenText => {
            item.msgid.insert(0, BROKEN);
            let mut bytes = serde_json::to_vec(&item).map_err(|_| Error::Crypto(RENDER))?;
            let mut coded = [0; 4];
            let coded = BROKEN.encode_utf8(&mut coded).as_bytes();
            if let Some(at) = bytes.windows(coded.len()).position(|window| window == coded) {
                bytes.splice(at..at + coded.len(), [0xFF]);
            }
            return Ok(bytes);
        }
        _ => {}
    }
    serde_json::to_vec(&item).map_err(|_| Error::Crypto(RENDER))
}

const RENDER: &str = "render a record as JSON";
/// Stands for a byte that is no UTF-8 until the text is written.
const BROKEN: char = '\u{e003}';

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
