//! Finds values in JSON that a strict parser refuses: cut off, with raw control characters, with lone surrogates.
//!
//! It knows where values begin and end, nothing more, and never recurses. Enters: bytes. Leaves: slices of them.
//! Must not know: which keys matter.

/// What comes next in an object or array.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'j> {
    /// A member of an object: raw key with its quotes, and where its value begins.
    Key(&'j [u8], usize),
    /// A whole value of an array, raw.
    Item(&'j [u8]),
    /// The closing bracket; position after it.
    End(usize),
    /// The text ends or makes no sense before the next value is whole.
    Torn,
}

/// Position of the first byte at or after `at` that is no blank.
pub(super) fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + text[at.min(text.len())..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

/// The next key of an object; `at` is after `{` or after a value.
pub(super) fn next_key(text: &[u8], at: usize) -> Step<'_> {
    let at = skip_separator(text, at);
    match text.get(at) {
        Some(b'}') => Step::End(at + 1),
        Some(b'"') => {
            let Some(end) = value_end(text, at) else {
                return Step::Torn;
            };
            let colon = skip_blanks(text, end);
            if text.get(colon) != Some(&b':') {
                return Step::Torn;
            }
            Step::Key(&text[at..end], skip_blanks(text, colon + 1))
        }
        _ => Step::Torn,
    }
}

/// The next value of an array; `at` is after `[` or after a value. The value's end is `at` for the next call.
pub(super) fn next_item(text: &[u8], at: usize) -> (Step<'_>, usize) {
    let at = skip_separator(text, at);
    if text.get(at) == Some(&b']') {
        return (Step::End(at + 1), at + 1);
    }
    match value_end(text, at) {
        Some(end) => (Step::Item(&text[at..end]), end),
        None => (Step::Torn, at),
    }
}

/// Where the value that begins at `at` ends; `None` when the text ends first or no value begins there.
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0usize, at);
            loop {
                match text.get(at)? {
                    b'"' => {
                        at = string_end(text, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let stops = |byte: &u8| byte.is_ascii_whitespace() || b",]}:{[\"".contains(byte);
            // A scalar at the very end of the text may be half of one.
            let len = text[at..].iter().position(stops)?;
            (len > 0).then_some(at + len)
        }
    }
}

fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn skip_separator(text: &[u8], at: usize) -> usize {
    let at = skip_blanks(text, at);
    if text.get(at) == Some(&b',') {
        skip_blanks(text, at + 1)
    } else {
        at
    }
}

/// The text of a raw string with its quotes; what cannot be decoded becomes U+FFFD.
pub(super) fn decode(raw: &[u8]) -> String {
    if let Ok(text) = serde_json::from_slice(raw) {
        return text;
    }
    let inner = raw.strip_prefix(b"\"").unwrap_or(raw);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let (mut units, mut at) = (String::new(), 0);
    while at < inner.len() {
        let plain = inner[at..]
            .iter()
            .position(|byte| *byte == b'\\')
            .map_or(inner.len(), |n| at + n);
        units.push_str(&String::from_utf8_lossy(&inner[at..plain]));
        at = plain;
        if at == inner.len() {
            break;
        }
        let (c, used) = escape(&inner[at..]);
        units.push(c);
        at += used;
    }
    units
}

/// The escape at the start of `text` and its length in bytes.
fn escape(text: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let hex = text
            .get(at..at + 4)
            .and_then(|hex| std::str::from_utf8(hex).ok())?;
        u16::from_str_radix(hex, 16).ok()
    };
    match text.get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => match unit(2) {
            None => (char::REPLACEMENT_CHARACTER, 2),
            Some(first) => {
                let second = (text.get(6..8) == Some(b"\\u")).then(|| unit(8)).flatten();
                if let Some(second) = second
                    && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
                    && c > '\u{ffff}'
                {
                    return (c, 12);
                }
                (
                    char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
                    6,
                )
            }
        },
        Some(other) if other.is_ascii() => (char::from(*other), 2),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// A whole number, written as a number or as a string.
pub(super) fn whole<T: std::str::FromStr>(raw: &[u8]) -> Option<T> {
    let text = if raw.first() == Some(&b'"') {
        decode(raw)
    } else {
        String::from_utf8_lossy(raw).into_owned()
    };
    let text = text.trim();
    // `196.0` is what some JSON writers make of 196.
    let digits = text.split_once('.').map_or(text, |(digits, rest)| {
        if !rest.is_empty() && rest.bytes().all(|byte| byte == b'0') {
            digits
        } else {
            text
        }
    });
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_decoded_also_where_a_strict_parser_gives_up() {
        for (raw, text) in [
            (&br#""a\nb\/c""#[..], "a\nb/c"),
            (b"\"raw \x01 control\"", "raw \u{1} control"),
            (br#""lone \ud83d end""#, "lone \u{fffd} end"),
            (b"\"\x01\\ud83d\\ude00\\u4e2d\"", "\u{1}\u{1f600}\u{4e2d}"),
            (br#""\ud83d\u0041""#, "\u{fffd}A"),
            (br#""\uZZ""#, "\u{fffd}ZZ"),
        ] {
            assert_eq!(decode(raw), text, "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn numbers_are_read_in_every_dress_and_nothing_else_is() {
        assert_eq!(whole(b"196"), Some(196u64));
        assert_eq!(whole(b"\"196\""), Some(196u64));
        assert_eq!(whole(b"\" 196 \""), Some(196u64));
        assert_eq!(whole(b"196.0"), Some(196u64));
        assert_eq!(whole(b"18446744073709551615"), Some(u64::MAX));
        for raw in [
            "18446744073709551616",
            "-1",
            "1.5",
            "1e3",
            "null",
            "\"\"",
            "\"x\"",
            "{}",
            "196.",
        ] {
            assert_eq!(whole::<u64>(raw.as_bytes()), None, "{raw}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "\\PC{0,12}[\"\\\\]{0,2}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec(("[a-z\"\\\\]{0,4}", inner), 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_ends_where_a_strict_parser_says(value in json(), tail in "[,\\]} ]") {
            let whole = value.to_string();
            let text = format!("{whole}{tail}");
            prop_assert_eq!(value_end(text.as_bytes(), 0), Some(whole.len()));
        }

        #[test]
        fn a_beginning_of_a_container_or_string_has_no_end(value in json(), cut in any::<prop::sample::Index>()) {
            let whole = value.to_string();
            if matches!(whole.as_bytes()[0], b'{' | b'[' | b'"') {
                prop_assert_eq!(value_end(&whole.as_bytes()[..cut.index(whole.len())], 0), None);
            }
        }

        #[test]
        fn strings_decode_as_strictly_as_possible(text in any::<String>()) {
            let raw = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(decode(raw.as_bytes()), text);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(text in prop::collection::vec(any::<u8>(), 0..120)) {
            decode(&text);
            for at in 0..=text.len() {
                if let Some(end) = value_end(&text, at) { prop_assert!(end > at && end <= text.len()); }
                next_key(&text, at);
                let (_, after) = next_item(&text, at);
                prop_assert!(after >= at);
            }
        }
    }
}
