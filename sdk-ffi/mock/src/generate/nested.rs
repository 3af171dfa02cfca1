//! Documents inside strings: forwarded conversations, mixed messages, notes (messages §5).

use rand::Rng;
use serde_json::{Value, json};

use super::{
    body::{link, location, single_file},
    kinds::Kind,
    payload::Scene,
    text::word,
    words::COMPANIES,
};

/// The payload of a nested kind.
pub(super) fn of(scene: &mut Scene<'_>) -> Value {
    match scene.cue.kind {
        Kind::Mixed => json!({"mixed": mixed(scene)}),
        Kind::Note => note(scene),
        Kind::Record2 => json!({"chatrecord": record(scene, 2)}),
        Kind::Record3 => json!({"chatrecord": record(scene, 3)}),
        _ => json!({"chatrecord": record(scene, 1)}),
    }
}

fn mixed(scene: &mut Scene<'_>) -> Value {
    let content = format!("{}\n", scene.words());
    let mut items = vec![json!({"type": "text", "content": inner(&json!({"content": content}))})];
    for _ in 0..scene.rng.random_range(1..4) {
        items.push(json!({"type": "image", "content": inner(&single_file(scene, "image"))}));
    }
    json!({"item": items})
}

fn note(scene: &mut Scene<'_>) -> Value {
    let content = format!("拜访记录：{}", scene.words());
    let place = location(scene);
    json!({"info": {"items": [
        {"msg_type": "text", "content": inner(&json!({"content": content}))},
        {"msg_type": "image", "content": inner(&single_file(scene, "image"))},
        {"msg_type": "location", "content": inner(&place)}]}})
}

/// A forwarded conversation with so many levels, this one included.
fn record(scene: &mut Scene<'_>, depth: u8) -> Value {
    let title = match scene.rng.random_range(0..3) {
        0 => "群聊".to_owned(),
        1 => format!("{}与客户的聊天记录", scene.other().0),
        _ => format!("{}项目群", word(&mut scene.rng, COMPANIES)),
    };
    let from_room = scene.rng.random_bool(0.5);
    let mut time = scene.cue.time / 1000 - 86_400 * i64::from(depth);
    let count = if depth > 1 {
        2
    } else {
        scene.rng.random_range(1..8)
    };
    let mut items = Vec::new();
    for _ in 0..count {
        time += scene.rng.random_range(1..600);
        let (sort, content) = item(scene);
        // Seconds in all known data, milliseconds in the table (messages §4.13).
        let shown = if scene.rng.random_bool(0.05) {
            time * 1000
        } else {
            time
        };
        items.push(json!({"type": sort, "msgtime": shown, "content": content, "from_chatroom": from_room}));
    }
    if depth > 1 {
        let below = record(scene, depth - 1);
        // Older data has the bare list of items.
        let bare = scene.rng.random_bool(0.1);
        let content = if bare {
            inner(&below["item"])
        } else {
            inner(&below)
        };
        items.push(
            json!({"type": "chatrecord", "msgtime": time, "content": content, "from_chatroom": from_room}),
        );
    }
    json!({"title": title, "item": items})
}

fn item(scene: &mut Scene<'_>) -> (&'static str, String) {
    let (sort, payload) = match scene.rng.random_range(0..20) {
        0 => ("ChatRecordImage", single_file(scene, "image")),
        1 => ("ChatRecordFile", single_file(scene, "file")),
        2 => ("ChatRecordVideo", single_file(scene, "video")),
        3 => ("ChatRecordVoice", single_file(scene, "voice")),
        4 => ("ChatRecordLink", link(scene)),
        5 => ("ChatRecordLocation", location(scene)),
        6 => ("ChatRecordMixed", mixed(scene)),
        7 => (
            "ChatRecordText",
            json!({"content": word(&mut scene.rng, &["[图片]", "[视频]", "[文件]"])}),
        ),
        8 => ("ChatRecordEmotion", single_file(scene, "emotion")),
        _ => ("ChatRecordText", json!({"content": scene.words()})),
    };
    (sort, inner(&payload))
}

/// A document as a string; the writer of the outer one escapes it once more.
fn inner(document: &Value) -> String {
    document.to_string()
}
