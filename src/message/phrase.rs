//! Words and numbers for one-line summaries, in the two languages screens speak.

use std::borrow::Cow;

/// The language of [`Message::summary`](super::Message::summary).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// 中文.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// One of two wordings.
    pub(super) fn say(self, chinese: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// `[label]`, and the rest behind it if there is any.
    pub(super) fn tag(self, chinese: &'static str, english: &'static str, rest: &str) -> String {
        let label = self.say(chinese, english);
        if rest.is_empty() {
            format!("[{label}]")
        } else {
            format!("[{label}] {rest}")
        }
    }

    /// `3 条` or `3 items`.
    pub(super) fn count(self, number: usize, chinese: &str, english: &str) -> String {
        match self {
            Self::Chinese => format!("{number} {chinese}"),
            Self::English if number == 1 => format!("1 {english}"),
            Self::English => format!("{number} {english}s"),
        }
    }

    /// `10 秒`, `1 分 48 秒`, `2 小时 5 分`.
    pub(super) fn duration(self, seconds: u64) -> String {
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let [h, m, s] = match self {
            Self::Chinese => ["小时", "分", "秒"],
            Self::English => ["h", "min", "s"],
        };
        match (hours, minutes) {
            (0, 0) => format!("{rest} {s}"),
            (0, _) => format!("{minutes} {m} {rest} {s}"),
            _ => format!("{hours} {h} {minutes} {m}"),
        }
    }

    /// An amount given in fen (messages §4.17).
    pub(super) fn money(self, fen: u64) -> String {
        let (yuan, rest) = (fen / 100, fen % 100);
        match self {
            Self::Chinese => format!("{yuan}.{rest:02} 元"),
            Self::English => format!("CNY {yuan}.{rest:02}"),
        }
    }
}

/// A size as file managers show it: units of 1024, kilobytes rounded up.
pub(super) fn bytes(size: u64) -> String {
    const KB: u64 = 1 << 10;
    const MB: u64 = 1 << 20;
    const GB: u64 = 1 << 30;
    match size {
        0..KB => format!("{size} B"),
        KB..MB => format!("{} KB", size.div_ceil(KB)),
        MB..GB => format!("{:.1} MB", size as f64 / MB as f64),
        _ => format!("{:.1} GB", size as f64 / GB as f64),
    }
}

/// A name followed by what is known about it in brackets.
pub(super) fn bracketed(name: &str, known: &[Option<String>]) -> String {
    let known: Vec<&str> = known.iter().flatten().map(String::as_str).collect();
    match (name.is_empty(), known.is_empty()) {
        (_, true) => name.to_owned(),
        (true, false) => known.join(" "),
        (false, false) => format!("{name} ({})", known.join(", ")),
    }
}

/// The texts that are not empty, joined.
pub(super) fn joined(separator: &str, texts: &[&str]) -> String {
    texts
        .iter()
        .copied()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(separator)
}

/// What a sender wrote, as one line: line breaks and tabs become one blank. Every other character stays, so that whoever prints
/// it can show the invisible ones.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for ch in text.trim().chars() {
        match ch {
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            ch => line.push(ch),
        }
    }
    line.trim().to_owned()
}

/// Takes the bearer handles out of a text that could not be parsed, so that neither index nor screen shows them.
pub(super) fn without_handles(text: &str) -> Cow<'_, str> {
    const KEY: &str = "sdkfileid";
    let folded = text.to_ascii_lowercase();
    if !folded.contains(KEY) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = folded[done..].find(KEY) {
        let after = done + found + KEY.len();
        out.push_str(&text[done..after]);
        let between = text[after..]
            .bytes()
            .take_while(|byte| b"\\\": \t\r\n".contains(byte))
            .count();
        let value = after + between;
        out.push_str(&text[after..value]);
        done = value;
        if text[after..value].contains(':') && text[after..value].ends_with('"') {
            // Backslashes in front of the closing quote belong to the escaping; others to the value (`\/`).
            let to_quote = text[value..].split('"').next().unwrap_or_default();
            out.push_str("***");
            done += to_quote.trim_end_matches('\\').len();
        }
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        assert_eq!(
            [0, 1023, 1024, 18181, 70961].map(bytes),
            ["0 B", "1023 B", "1 KB", "18 KB", "70 KB"]
        );
        assert_eq!(bytes(15_169_724), "14.5 MB");
        assert_eq!(
            [9, 108, 7500].map(|s| Language::Chinese.duration(s)),
            ["9 秒", "1 分 48 秒", "2 小时 5 分"]
        );
        assert_eq!(Language::Chinese.money(3005), "30.05 元");
    }

    #[test]
    fn a_line_has_no_breaks_and_all_other_characters() {
        assert_eq!(
            one_line("\u{1b}[31m红\r\n\t色\u{2028}\u{202e}\n"),
            "\u{1b}[31m红 色 \u{202e}"
        );
    }

    #[test]
    fn handles_are_taken_out_of_broken_text() {
        let torn = r#"{"sdkfileid":"CtYBsecret=","filename":"a.doc","x":{\"SdkFileId\" : \"other\/more\",\"content\":\"见下"#;
        let masked = without_handles(torn);
        assert!(!masked.contains("CtYB") && !masked.contains("other"), "{masked}");
        assert!(masked.contains("a.doc") && masked.contains("见下"));
        assert!(matches!(without_handles("没有"), Cow::Borrowed(_)));
        assert_eq!(without_handles("sdkfileid 是什么"), "sdkfileid 是什么");
        assert_eq!(without_handles(r#""sdkfileid":"cut off"#), r#""sdkfileid":"***"#);
    }
}
