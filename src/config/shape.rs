//! The shape of what people copy into files: secrets and company ids.
//!
//! What is certainly not meant (blanks, byte order marks and invisible characters at the ends) is taken off. What could be
//! meant otherwise is refused, by name and place. No text here repeats a secret, or a character of one.
//!
//! Must not know: files, which key a text belongs to.

/// Without blanks of any kind, line ends, byte order marks and invisible characters at either end.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|one: char| one.is_whitespace() || is_invisible(one))
}

/// Why a trimmed text is no id or secret of WeCom's, which are all visible ASCII; `None` when it may be one.
pub(super) fn fault(text: &str) -> Option<String> {
    if is_placeholder(text) {
        return Some("is a placeholder; write the value from the admin console in its place".to_owned());
    }
    let ends = (text.chars().next()?, text.chars().next_back()?);
    if text.chars().count() > 1 && QUOTES.contains(&ends) {
        return Some("stands in quotes; write it without them".to_owned());
    }
    text.chars().enumerate().find_map(|(at, one)| {
        let what = match one {
            '\n' | '\r' => return Some("holds more than one line; it is one line".to_owned()),
            '\t' | ' ' => "a blank",
            _ if one.is_whitespace() => "a blank of another width",
            _ if one.is_control() => "a control character",
            _ if is_invisible(one) => "an invisible character",
            '\u{ff01}'..='\u{ff5e}' => "a full-width character, as a Chinese keyboard types it",
            _ if !one.is_ascii() => "a character that is not ASCII",
            _ => return None,
        };
        Some(format!(
            "has {what} at position {}; copy it again from the admin console",
            at + 1
        ))
    })
}

/// What stands in templates and guides in place of a value.
pub(super) fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 6] = [
        "changeme",
        "todo",
        "fixme",
        "yoursecret",
        "yourcorpid",
        "placeholder",
    ];
    let plain: String = text
        .chars()
        .filter(|one| one.is_alphanumeric())
        .map(|one| one.to_ascii_lowercase())
        .collect();
    text.contains('…')
        || text.ends_with("...")
        || (text.starts_with('<') && text.ends_with('>'))
        || WORDS.contains(&plain.as_str())
        || (!plain.is_empty()
            && plain.trim_start_matches("ww").chars().all(|one| one == 'x')
            && plain.len() > 2)
}

/// A byte order mark of UTF-16 or UTF-32, or every second byte zero as UTF-16 without one has it.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return true;
    }
    let start = &bytes[..bytes.len().min(64) & !1];
    let zeroes = |at: usize| start.iter().skip(at).step_by(2).all(|byte| *byte == 0);
    start.len() >= 4 && zeroes(0) != zeroes(1)
}

/// Takes no width, or only says in which direction to write.
fn is_invisible(one: char) -> bool {
    matches!(
        one,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('「', '」'),
    ('『', '』'),
    ('＂', '＂'),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_certain_is_taken_off() {
        for around in [
            " ", "\n", "\r\n", "\n\n", "\t", "\u{a0}", "\u{3000}", "\u{feff}", "\u{200b}", "\u{2060}",
        ] {
            assert_eq!(
                trimmed(&format!("{around}canary{around}")),
                "canary",
                "{around:?}"
            );
        }
    }

    #[test]
    fn the_rest_is_refused_by_name_and_place() {
        for (text, expected) in [
            ("can ary", "a blank at position 4"),
            ("can\u{3000}ary", "a blank of another width at position 4"),
            ("can\u{200b}ary", "an invisible character at position 4"),
            (
                "ｃanary",
                "full-width character, as a Chinese keyboard types it at position 1",
            ),
            ("canarý", "not ASCII at position 6"),
            ("can\nary", "more than one line"),
            ("can\0ary", "control character at position 4"),
            ("\"canary\"", "in quotes"),
            ("“canary”", "in quotes"),
            ("ww…", "placeholder"),
            ("CHANGE_ME", "placeholder"),
            ("<your secret>", "placeholder"),
            ("wwxxxxxxxxxxxxxxxx", "placeholder"),
        ] {
            let fault = fault(text).unwrap_or_default();
            assert!(fault.contains(expected), "{text:?}: {fault}");
            assert!(!fault.contains("canary"), "{fault}");
        }
        for fine in [
            "archive-secret",
            "ww0123456789abcdef",
            "ww1",
            "a=b+c/d_e",
            "x",
            "xx",
        ] {
            assert_eq!(fault(fine), None, "{fine}");
        }
    }

    #[test]
    fn utf_16_is_known_with_and_without_its_mark() {
        let wide = |text: &str, mark: &[u8]| {
            let mut bytes = mark.to_vec();
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            bytes
        };
        assert!(is_utf16(&wide("secret", b"\xff\xfe")) && is_utf16(&wide("secret", b"")));
        assert!(!is_utf16(b"secret") && !is_utf16(b"") && !is_utf16(b"\0\0\0\0"));
    }

    proptest! {
        #[test]
        fn any_text_is_either_plain_or_refused_and_never_repeated(text in "\\PC{0,40}|.{0,40}") {
            let text = trimmed(&text);
            match fault(text) {
                None => prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic())),
                Some(said) => prop_assert!(text.chars().count() < 12 || !said.contains(text)),
            }
            prop_assert_eq!(trimmed(text), text);
        }

        #[test]
        fn visible_ascii_in_blanks_comes_out_as_it_is(text in "[a-zA-Z0-9_-]{12,60}", blanks in "[ \t\r\n\u{3000}\u{a0}]{0,4}") {
            prop_assume!(!is_placeholder(&text));
            let wrapped = format!("\u{feff}{blanks}{text}{blanks}");
            prop_assert_eq!(trimmed(&wrapped), text.as_str());
            prop_assert_eq!(fault(&text), None);
        }
    }
}
