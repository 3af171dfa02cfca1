//! Quotes and replies, which WeCom keeps as a prefix of the text and nothing else (messages §4.1).
//!
//! Two clients, two styles; anyone can type the same characters, so this is a heuristic that only ever adds:
//! the whole text stays searchable whatever is recognised here.

use serde::Serialize;

/// The recognised parts of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The quoted sender's name as the client wrote it; there is no id.
    pub author: Option<String>,
    /// What stood between the quotation marks, verbatim, author included.
    pub quoted: String,
    /// What was written below the line.
    pub reply: String,
}

const HEADS: [&str; 2] = ["这是一条引用/回复消息", "This is a quote/reply"];
const MARKS: [char; 3] = ['"', '“', '”'];

/// Takes a reply apart; nothing when the text is not one.
pub(super) fn split(content: &str) -> Option<Quote> {
    let content = content.trim_start();
    if let Some(inner) = content.strip_prefix('「') {
        return wechat(inner);
    }
    let behind = HEADS.iter().find_map(|head| content.strip_prefix(head))?;
    wecom(behind.trim_start().strip_prefix([':', '：'])?.trim_start())
}

/// `"NAME:⏎QUOTED"`, a line of dashes, the reply. Straight or curly marks, the opening one may be missing.
fn wecom(text: &str) -> Option<Quote> {
    let (above, reply) = rules(text).find(|(above, _)| above.ends_with(MARKS))?;
    let quoted = above.strip_suffix(MARKS)?;
    let quoted = quoted.strip_prefix(MARKS).unwrap_or(quoted);
    let first = quoted.lines().next().unwrap_or_default().trim_end();
    let author = first.strip_suffix([':', '：']);
    Some(quote(author, quoted, reply))
}

/// `「NAME：QUOTED」`, a line of dashes, the reply. A quoted reply brings its own brackets, so the closing one
/// that balances is preferred over the first.
fn wechat(text: &str) -> Option<Quote> {
    let (mut first, mut balanced) = (None, None);
    let (mut counted, mut open) = (0, 0);
    for (above, reply) in rules(text) {
        let Some(quoted) = above.strip_suffix('」') else {
            continue;
        };
        open += brackets(&quoted[counted..]);
        counted = quoted.len();
        first.get_or_insert((quoted, reply));
        if open == 0 {
            balanced = Some((quoted, reply));
            break;
        }
    }
    let (quoted, reply) = balanced.or(first)?;
    let line = quoted.lines().next().unwrap_or_default();
    let author = line.split_once([':', '：']).map(|(author, _)| author);
    Some(quote(author, quoted, reply))
}

fn quote(author: Option<&str>, quoted: &str, reply: &str) -> Quote {
    let author = author.map(str::trim).filter(|author| !author.is_empty());
    Quote {
        author: author.map(str::to_owned),
        quoted: quoted.to_owned(),
        reply: reply.to_owned(),
    }
}

/// Every line of dashes: what stands above it (without the line break) and below it.
fn rules(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        is_rule(line).then(|| (text[..start].trim_end(), &text[at..]))
    })
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.bytes().all(|byte| byte == b'-' || byte == b' ')
        && line.bytes().filter(|byte| *byte == b'-').count() >= 5
}

/// Opening brackets less closing ones.
fn brackets(text: &str) -> i64 {
    text.chars()
        .map(|ch| i64::from(ch == '「') - i64::from(ch == '」'))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(content: &str) -> Option<(Option<String>, String, String)> {
        split(content).map(|quote| (quote.author, quote.quoted, quote.reply))
    }

    fn some(author: &str, quoted: &str, reply: &str) -> Option<(Option<String>, String, String)> {
        Some((
            Some(author).filter(|a| !a.is_empty()).map(str::to_owned),
            quoted.into(),
            reply.into(),
        ))
    }

    #[test]
    fn both_wecom_clients_with_straight_and_curly_marks() {
        let told = some("王芳", "王芳:\n合同好了吗", "好了");
        assert_eq!(
            parts("这是一条引用/回复消息：\n\"王芳:\n合同好了吗\"\n------\n好了"),
            told
        );
        assert_eq!(
            parts("这是一条引用/回复消息：“王芳:\n合同好了吗”\n------\n好了"),
            told
        );
        assert_eq!(
            parts("This is a quote/reply:\n\"Ann：\nready?\"\r\n------\r\nyes\nsure"),
            some("Ann", "Ann：\nready?", "yes\nsure")
        );
    }

    #[test]
    fn the_official_sample_quotes_nothing() {
        assert_eq!(
            parts("这是一条引用/回复消息：\"\n------\n@nick777"),
            some("", "", "@nick777")
        );
    }

    #[test]
    fn a_quoted_text_may_hold_a_line_of_dashes() {
        let content = "这是一条引用/回复消息：\n\"甲:\n上\n------\n下\"\n------\n新";
        assert_eq!(parts(content), some("甲", "甲:\n上\n------\n下", "新"));
    }

    #[test]
    fn wechat_style_over_several_lines_and_levels() {
        let line = "- - - - - - - - - - - - - - -";
        assert_eq!(
            parts(&format!("「张三：明天\n几点？」\n{line}\n九点")),
            some("张三", "张三：明天\n几点？", "九点")
        );
        let twice = format!("「李四：「张三：几点？」\n{line}\n九点」\n{line}\n收到");
        assert_eq!(
            parts(&twice),
            some("李四", &format!("李四：「张三：几点？」\n{line}\n九点"), "收到")
        );
        let crooked = format!("「王五：「半个」\n{line}\n好");
        assert_eq!(parts(&crooked), some("王五", "王五：「半个", "好"));
    }

    #[test]
    fn what_only_looks_alike_is_no_quote() {
        for content in [
            "",
            "「书名」很好",
            "这是一条引用/回复消息",
            "这是一条引用/回复消息：好",
            "他说「好」\n-----\n",
        ] {
            assert_eq!(parts(content), None, "{content}");
        }
    }
}
