//! Odd messages, one by one, and properties over all of them.

mod leftover;
mod nested;
mod odd;
mod properties;

use serde_json::{Value, json};

use super::{Message, Place, read};

/// A message of that type with that payload, from a member to a member.
fn message(msgtype: &str, key: &str, payload: Value) -> Message {
    read(envelope(msgtype, key, payload).to_string().as_bytes())
}

fn envelope(msgtype: &str, key: &str, payload: Value) -> Value {
    let mut whole = json!({
        "msgid": "1_2", "action": "send", "from": "ken", "tolist": ["icef"], "roomid": "",
        "msgtime": 1_603_875_626_823_i64, "msgtype": msgtype,
    });
    whole[key] = payload;
    whole
}

fn raw_of(whole: &Value) -> Message {
    read(whole.to_string().as_bytes())
}

/// Texts with their places, as `filename+forwarded:资料.docx`.
fn segments(message: &Message) -> Vec<String> {
    let shown = |places: super::Places| places.iter().map(Place::as_str).collect::<Vec<_>>().join("+");
    message
        .segments
        .iter()
        .map(|segment| format!("{}:{}", shown(segment.places), segment.text))
        .collect()
}

fn handles(message: &Message) -> Vec<&str> {
    message.media.iter().map(|file| file.sdkfileid.expose()).collect()
}
