//! What holds for every text, over texts that try.

use anstyle::Style;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What `<U+202E>` stands for, read back; everything else stands for itself.
fn read_back(printed: &str) -> String {
    let mut text = String::new();
    let mut rest = printed;
    while let Some(at) = rest.find("<U+") {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("signs are closed");
        let code = u32::from_str_radix(&rest[at + 3..end], 16).expect("signs are numbers");
        text.push(char::from_u32(code).expect("signs are characters"));
        rest = &rest[end + 1..];
    }
    text + rest
}

/// Characters that make a terminal act, or a line end, for some program.
fn acts(ch: char) -> bool {
    ch.is_control()
        || matches!(ch, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{10ffff}')
}

/// Texts made of what is dangerous, of the program's own signs, and of anything.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("    │ ".to_owned()),
        Just("│ ┊ « » ｜".to_owned()),
        Just("  seq 99  tx0099".to_owned()),
        Just("已撤回：李四，2026-01-01 00:00:00".to_owned()),
        Just("<U+202E> <U+".to_owned()),
        Just("<+4000>".to_owned()),
        Just("\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m".to_owned()),
        Just("\u{202e}\u{2066}\u{2028}\u{2029}\u{85}\u{b}\u{c}".to_owned()),
        Just("👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3} a\u{200d}b".to_owned()),
        Just("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{338}".to_owned()),
        any::<char>().prop_map(String::from),
        "[a-z张三 ]{0,8}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_quotation_gives_its_text_back_and_nothing_acts(text in hostile()) {
        let lines = quote(&text, Style::new());
        let mut back = Vec::new();
        for line in &lines {
            let behind = line.as_str().strip_prefix(QUOTE);
            prop_assert!(behind.is_some(), "{line}");
            let behind = behind.unwrap_or_default();
            prop_assert!(!behind.chars().any(|ch| acts(ch) && ch != '\t' && ch != '\u{200d}'), "{line:?}");
            back.push(read_back(behind));
        }
        prop_assert_eq!(back.join("\n"), text);
    }

    #[test]
    fn a_marked_quotation_is_the_same_text(text in hostile()) {
        let middle = (0..text.len()).filter(|at| text.is_char_boundary(*at)).nth(text.chars().count() / 2).unwrap_or(0);
        let mark = Style::new().bold();
        let ranges = std::slice::from_ref(&(middle..text.len())).to_vec();
        let marked = quote_marked(&text, &ranges, Style::new(), mark);
        let bare: Vec<String> = marked
            .iter()
            .map(|line| line.as_str().replace(&format!("{mark}"), "").replace(&format!("{mark:#}"), ""))
            .collect();
        let plain: Vec<String> = quote(&text, Style::new()).iter().map(ToString::to_string).collect();
        prop_assert_eq!(bare, plain);
    }

    #[test]
    fn a_value_is_one_word_or_stands_between_marks(text in hostile()) {
        let shown = value(&text);
        let shown = shown.as_str();
        prop_assert!(!shown.chars().any(|ch| (acts(ch) && ch != '\u{200d}') || matches!(ch, '│' | '┊')), "{shown:?}");
        match shown.strip_prefix('«').and_then(|rest| rest.strip_suffix('»')) {
            Some(inside) => {
                prop_assert!(!inside.contains(['«', '»']), "{shown:?}");
                if !inside.contains("…<+") {
                    prop_assert_eq!(read_back(inside), text);
                }
            }
            None => {
                prop_assert_eq!(shown, text.as_str());
                prop_assert!(!shown.chars().any(|ch| ch.is_whitespace() || ":：()（）[],，;；→、|".contains(ch)), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_sentence_is_one_line_without_the_mark_of_texts(text in hostile()) {
        let line = Line::sentence(&text);
        prop_assert!(!line.as_str().chars().any(|ch| (acts(ch) && ch != '\u{200d}') || matches!(ch, '│' | '┊')), "{line:?}");
    }

    #[test]
    fn json_means_the_same_and_nothing_in_it_acts(key in hostile(), text in hostile()) {
        let value = json!({ key: [text.clone(), {"a": text}] });
        for written in [json::to_string(&value).unwrap(), json::to_string_pretty(&value).unwrap()] {
            prop_assert!(!written.chars().any(|ch| acts(ch) && ch != '\n' && ch != '\u{200d}'), "{written:?}");
            prop_assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), &value);
        }
    }

    #[test]
    fn a_folded_quotation_has_a_mark_in_front_of_every_row(text in hostile(), repeat in 1_usize..30, width in 24_usize..90) {
        for line in quote(&text.repeat(repeat), Style::new()) {
            let line = crate::line!("    {}", line);
            for row in fold(line.as_str(), width).split('\n') {
                prop_assert!(row.starts_with("    │ ") || row.starts_with("    ┊ "), "{row:?}");
            }
            let unfolded = fold(line.as_str(), width).replace("\n    ┊ ", "");
            prop_assert_eq!(unfolded, line.to_string());
        }
    }
}

#[test]
fn honest_text_stays_as_it_is() {
    for text in [
        "退款金额 ￥3,000.00（含税）",
        "王小明\u{2005}你好",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 ❤\u{fe0f} 👍🏽 1\u{fe0f}\u{20e3} 🇨🇳 🧑🏽\u{200d}🚀",
        "é \u{65}\u{301} ñ กำ สวัสดี",
        "𠮷野家 ㍿ ﾊﾛｰ",
        "a < b, <b>x</b>, <3",
    ] {
        let lines = quote(text, Style::new());
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].as_str(), format!("│ {text}"));
    }
}

#[test]
fn values_of_one_word_stand_bare() {
    for bare in [
        "张三",
        "zhangsan",
        "wmAbc_-1",
        "CAQQluDa4QUY0On2rYSAgAMgzPrShAE=",
        "小红🌸",
        "买买提·艾力",
        "报价单.pdf",
        "2025-09-03",
    ] {
        assert_eq!(value(bare).as_str(), bare);
    }
    for (text, shown) in [
        ("", "«»"),
        ("-", "«-»"),
        ("John Smith", "«John Smith»"),
        ("张三\n  已撤回：李四", "«张三<U+000A>  已撤回：李四»"),
        ("x (外部)  2026-01-01", "«x (外部)  2026-01-01»"),
        ("a\tb.pdf", "«a<U+0009>b.pdf»"),
        ("a»  b", "«a<U+00BB>  b»"),
        ("│ x", "«<U+2502> x»"),
        ("a<U+000A>", "«a<U+003C>U+000A>»"),
        ("a\u{200d}b", "«a<U+200D>b»"),
    ] {
        assert_eq!(value(text).as_str(), shown);
    }
    let long = value(&"长".repeat(4_000)).to_string();
    assert!(
        long.starts_with("«长") && long.contains("…<+3820>…") && long.chars().count() < 200,
        "{long}"
    );
}

#[test]
fn marks_cannot_change_what_stands_before_them() {
    // A stroke over the mark of texts would make it another character.
    assert_eq!(quote("\u{338}x", Style::new())[0].as_str(), "│ <U+0338>x");
    assert_eq!(
        quote("\u{202e}\u{301}x", Style::new())[0].as_str(),
        "│ <U+202E><U+0301>x"
    );
    let piled = quote(&format!("a{}", "\u{301}".repeat(9)), Style::new())[0].to_string();
    assert_eq!(piled.matches("<U+0301>").count(), 5, "{piled}");
}

#[test]
fn a_log_entry_is_one_line() {
    assert_eq!(log("a\nb\u{1b}[2J\n", false), "a<U+000A>b<U+001B>[2J\n");
    assert_eq!(
        log("{\"a\":\"\u{9b}\u{2028}\"}\n", true),
        "{\"a\":\"\\u009b\\u2028\"}\n"
    );
}

#[test]
fn a_sentence_is_folded_at_a_blank() {
    let folded = fold("error: send it to a file or a pipe, or add --raw-to-terminal", 50);
    assert_eq!(
        folded,
        "error: send it to a file or a pipe, or add\n          --raw-to-terminal"
    );
    assert_eq!(fold("short", 50), "short");
    let style = Style::new().bold();
    let long = crate::line!("{}{}{:#} y", style, value(&"x".repeat(60)), style);
    assert!(
        fold(long.as_str(), 50)
            .split('\n')
            .all(|row| row.chars().filter(|ch| *ch == 'x').count() < 50)
    );
}
