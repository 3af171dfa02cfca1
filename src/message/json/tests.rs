//! The reader against `serde_json`, which is the oracle for everything strict.

use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use super::{Node, Tape, View};

fn value(view: View<'_>) -> Value {
    if view.is_object() {
        return view
            .fields()
            .map(|(key, inner)| (key.to_owned(), value(inner)))
            .collect();
    }
    if view.is_array() {
        return view.items().map(value).collect();
    }
    match view.node() {
        Node::Null => Value::Null,
        Node::Bool(truth) => Value::Bool(*truth),
        Node::Number(written) => Value::Number(written.parse().expect("a number of JSON")),
        Node::Text(text) => Value::String(text.to_string()),
        other => panic!("{other:?} is no value"),
    }
}

fn read(text: &str) -> Option<(Value, bool)> {
    Tape::parse(text).map(|tape| (value(tape.root()), tape.lenient))
}

fn lenient(text: &str) -> Option<Value> {
    let (value, lenient) = read(text)?;
    assert!(lenient, "{text:?} was taken for strict JSON");
    Some(value)
}

/// Any JSON value, keys often the same so that the last one has to win.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\/\u{0}-\u{1f}a\u{7f}你\u{2028}😀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-c]{0,2}|\\PC{0,4}", inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn valid_json_reads_as_serde_json_reads_it(document in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        prop_assert_eq!(read(&text.unwrap()), Some((document, false)));
    }

    /// Strict exactly where `serde_json` is: a damaged document is either refused by both, or taken by both, or
    /// taken only leniently and said so.
    #[test]
    fn damaged_json_is_strict_only_where_serde_json_is(
        document in json(),
        hits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&document).unwrap();
        for (place, byte, what) in hits {
            let at = place.index(bytes.len() + 1);
            let byte = *b"{}[]\",:\\u09+-.eEtfn \n\x00\x1fd".get(usize::from(byte) % 32).unwrap_or(&byte);
            match what {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.truncate(at),
            }
        }
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        match (serde_json::from_str::<Value>(text), read(text)) {
            (Ok(strict), Some((ours, false))) => prop_assert_eq!(ours, strict),
            (Ok(_), ours) => prop_assert!(false, "strict JSON read as {:?}: {}", ours, text),
            (Err(_), Some((_, flagged))) => prop_assert!(flagged, "taken for strict JSON: {}", text),
            (Err(_), None) => {}
        }
    }

    #[test]
    fn any_text_reads_without_a_panic(text in "[\\[\\]{}\",:\\\\u0d8c1-9a-f.+\u{0}\u{1f}\u{feff}你 ]{0,40}") {
        let strict = serde_json::from_str::<Value>(&text).ok();
        prop_assert_eq!(read(&text).filter(|(_, lenient)| !lenient).map(|(value, _)| value), strict);
    }
}

#[test]
fn raw_control_bytes_and_lone_surrogates_survive_leniently() {
    assert_eq!(lenient("[\"a\nb\u{0}c\"]"), Some(Value::from(vec!["a\nb\u{0}c"])));
    assert_eq!(lenient(r#""\ud83d""#), Some("\u{fffd}".into()));
    assert_eq!(lenient(r#""\ude00x""#), Some("\u{fffd}x".into()));
    assert_eq!(lenient(r#""\ud83d\ud83d\ude00""#), Some("\u{fffd}😀".into()));
    assert_eq!(lenient(r#""\ud83d\n\u12""#), Some("\u{fffd}\n\\u12".into()));
    assert_eq!(lenient(r#""\x\'""#), Some("\\x\\'".into()));
    assert_eq!(lenient("\u{feff}1"), Some(1.into()));
    assert_eq!(lenient("1\n\u{0}\u{0}"), Some(1.into()));
}

#[test]
fn strict_escapes_read_strictly() {
    assert_eq!(
        read(r#""\ud83d\ude00\u0000\/\b""#),
        Some(("😀\u{0}/\u{8}".into(), false))
    );
}

#[test]
fn torn_and_trailing_text_is_refused() {
    for text in [
        "", " ", "{", "{\"a\"", "{\"a\":1", "\"a", "\"\\", "\"\\u", "[1,]", "{,}", "1 2", "01", "-", "1.",
        "1e", "nul",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn depth_is_no_limit() {
    let deep = format!("{}{}", "[{\"a\":".repeat(50_000), "1");
    assert!(Tape::parse(&deep).is_none());
    let whole = format!("{deep}{}", "}]".repeat(50_000));
    let tape = Tape::parse(&whole).expect("valid at any depth");
    assert_eq!(tape.root().walk().count(), 100_001);
}

#[test]
fn an_object_named_like_serde_jsons_private_number_stays_an_object() {
    let tape = Tape::parse(r#"{"$serde_json::private::Number":"退款"}"#).unwrap();
    assert!(tape.root().is_object());
    assert_eq!(tape.root().text("$serde_json::private::Number"), "退款");
}

#[test]
fn a_walk_knows_the_key_and_object_around_each_value() {
    let tape = Tape::parse(r#"{"a":["x",{"b":"y"},"z",[["w"]]],"c":"v"}"#).unwrap();
    let seen: Vec<_> = tape
        .root()
        .walk()
        .filter_map(|found| Some((found.key, found.value.as_str()?, found.holder?.fields().count())))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", "x", 2),
            ("b", "y", 1),
            ("a", "z", 2),
            ("a", "w", 2),
            ("c", "v", 2)
        ]
    );
}

#[test]
fn numbers_come_out_of_numbers_and_of_text() {
    let tape = Tape::parse(
        r#"{"a":11101571002822706744,"b":" 12 ","c":1.0,"d":-3,"e":1.5,"f":null,"g":"x","h":1e3}"#,
    );
    let tape = tape.unwrap();
    let root = tape.root();
    let uints: Vec<_> = root.fields().map(|(_, value)| value.as_uint()).collect();
    assert_eq!(
        uints,
        [
            Some(11101571002822706744),
            Some(12),
            Some(1),
            None,
            None,
            None,
            None,
            Some(1000)
        ]
    );
    assert_eq!(
        (root.int("d"), root.int("a"), root.real("e")),
        (Some(-3), None, Some(1.5))
    );
    assert_eq!(
        (root.text("a"), root.text("f")),
        ("11101571002822706744".into(), String::new())
    );
}
