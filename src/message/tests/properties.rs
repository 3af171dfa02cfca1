//! What holds for any bytes at all.

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample};
use serde_json::{Map, Value};

use super::{super::*, envelope, handles};

/// Field names a reader looks for, so that generated trees reach its branches.
const NAMES: [&str; 26] = [
    "msgid",
    "action",
    "from",
    "tolist",
    "roomid",
    "msgtime",
    "msgtype",
    "user",
    "time",
    "info",
    "doc",
    "text",
    "content",
    "title",
    "item",
    "items",
    "type",
    "msg_type",
    "filename",
    "filesize",
    "md5sum",
    "sdkfileid",
    "details",
    "voteitem",
    "pre_msgid",
    "x",
];

fn words() -> impl Strategy<Value = String> {
    let kinds: Vec<String> = Kind::ALL.iter().map(|kind| kind.word().to_owned()).collect();
    prop_oneof![
        4 => sample::select(kinds),
        2 => "(?i)chatrecord(text|image|file|mixed|news)?".prop_map(|word| word),
        2 => "[「\"：:\n\\- 这是一条引用/回复消息a-c]{0,30}".prop_map(|text| text),
        1 => any::<String>(),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 80, 5, |inner| {
        let nested = inner.clone().prop_map(|value| Value::from(value.to_string()));
        prop_oneof![
            2 => vec(inner.clone(), 0..5).prop_map(Value::from),
            5 => vec((sample::select(&NAMES[..]), inner), 0..7).prop_map(object),
            1 => nested,
        ]
    })
}

fn object(fields: Vec<(&str, Value)>) -> Value {
    fields
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

/// A message whose type and payload key are known, and whose payload is anything.
fn body() -> impl Strategy<Value = Value> {
    let keyed = sample::select(Kind::ALL).prop_flat_map(|kind| {
        let keys = vec![kind.word(), "info", "doc", "redpacket", "other"];
        (Just(kind), sample::select(keys), tree())
    });
    prop_oneof![
        keyed.prop_map(|(kind, key, payload)| envelope(kind.word(), key, payload)),
        vec((sample::select(&NAMES[..]), tree()), 0..8).prop_map(object),
    ]
}

/// Handles in reading order, found the simple way.
fn expected<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| expected(item, out)),
        Value::Object(fields) => {
            for (key, inner) in fields {
                match inner {
                    Value::String(handle) if key == "sdkfileid" && !handle.is_empty() => out.push(handle),
                    _ => expected(inner, out),
                }
            }
        }
        _ => {}
    }
}

fn is_subsequence(short: &[&str], long: &[&str]) -> bool {
    let mut rest = long.iter();
    short.iter().all(|wanted| rest.any(|found| found == wanted))
}

fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/messages");
    let paths = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let samples: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == "json"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(samples.len() > 40);
    samples
}

fn whole(message: &Message) -> String {
    let lines = [Language::Chinese, Language::English].map(|language| message.summary(language));
    let breaks = |ch: char| matches!(ch, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    assert!(lines.iter().all(|line| !line.contains(breaks)));
    assert!(
        message
            .segments
            .iter()
            .all(|segment| !segment.text.is_empty() && !segment.places.is_empty())
    );
    format!(
        "{message:?} {lines:?} {}",
        serde_json::to_string(&message.payload).unwrap()
    )
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_twice_the_same(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(whole(&read(&bytes)), whole(&read(&bytes)));
    }

    #[test]
    fn any_tree_is_read_and_twice_the_same(body in body()) {
        let bytes = body.to_string();
        let message = read(bytes.as_bytes());
        prop_assert_eq!(message.flaws.not_json, false);
        prop_assert_eq!(whole(&message), whole(&read(bytes.as_bytes())));
    }

    #[test]
    fn damaged_samples_are_read(
        sample in any::<sample::Index>(),
        hits in vec((any::<sample::Index>(), any::<u8>(), 0..3), 1..8),
    ) {
        let samples = samples();
        let mut bytes = samples[sample.index(samples.len())].clone();
        for (place, byte, what) in hits {
            let at = place.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => { bytes.remove(at); }
                _ => {}
            }
        }
        whole(&read(&bytes));
    }

    /// A byte order mark forces the lenient way; nothing else may change by it.
    #[test]
    fn lenient_reading_agrees_with_strict_reading(body in body()) {
        let body = body.to_string();
        let strict = read(body.as_bytes());
        let mut lenient = read(format!("\u{feff}{body}").as_bytes());
        prop_assert!(lenient.flaws.lenient);
        lenient.flaws.lenient = strict.flaws.lenient;
        prop_assert_eq!(strict, lenient);
    }

    /// Strings that nest may add more; none of the tree's own is ever missed.
    #[test]
    fn every_handle_of_a_tree_is_found(body in body()) {
        let mut wanted = Vec::new();
        expected(&body, &mut wanted);
        let message = read(body.to_string().as_bytes());
        prop_assert!(is_subsequence(&wanted, &handles(&message)), "{:?} in {:?}", wanted, handles(&message));
    }

    #[test]
    fn the_text_of_a_text_message_is_a_segment_verbatim(content in "\\PC{1,20}|[\n\"「」：:\\- a]{1,40}") {
        let message = super::message("text", "text", serde_json::json!({ "content": content }));
        prop_assert!(message.segments.iter().any(|segment| segment.text == content));
    }

    #[test]
    fn every_string_of_an_unknown_type_is_a_segment(texts in vec("[^\u{0}]{1,12}", 0..6)) {
        let message = super::message("nobody_knows", "x", serde_json::json!({"a": [{"b": texts}]}));
        let found: Vec<&str> = message.segments.iter().map(|segment| segment.text.as_str()).collect();
        prop_assert_eq!(found, texts.iter().map(String::as_str).collect::<Vec<_>>());
        let other = Places::of(&[Place::Other]);
        prop_assert!(message.segments.iter().all(|segment| segment.places == other));
    }
}
