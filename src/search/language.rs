//! Every word of the language, declared once: the parser reads it, `docs/search.md` is drawn from it.
//!
//! A key has one English word, which is its canonical form, and Chinese ones. A key with a closed set of values lists
//! them in the same way; anything else behind such a key is an error. `type:` is open, because WeCom adds types.

use std::fmt::Write;

use crate::words::Alike;

/// A word with its Chinese forms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// Canonical, lower case.
    pub english: &'static str,
    /// Other spellings, compared without regard to width and case.
    pub other: &'static [&'static str],
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values {
    /// Anything; the text says what.
    Free(&'static str),
    /// One of these and nothing else.
    Closed(&'static [Word]),
    /// Anything, and these have Chinese names.
    Open(&'static [Word]),
}

/// A key, `word:`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub word: Word,
    pub values: Values,
    /// True when several values with commas between mean any of them.
    pub list: bool,
    /// For the docs: what it finds.
    #[cfg_attr(not(test), expect(dead_code, reason = "the docs are drawn by a test"))]
    pub finds: &'static str,
    /// For the docs; each is understood.
    pub examples: &'static [&'static str],
}

const fn word(english: &'static str, other: &'static [&'static str]) -> Word {
    Word { english, other }
}

const IS: &[Word] = &[
    word("recalled", &["已撤回", "撤回", "被撤回"]),
    word("external", &["外部", "外部会话"]),
    word("internal", &["内部", "内部会话"]),
    word("group", &["群聊", "群"]),
    word("single", &["单聊", "私聊"]),
    word("inbound", &["外部发来", "收到"]),
    word("outbound", &["发往外部", "发出"]),
];

const HAS: &[Word] = &[
    word("media", &["媒体", "附件"]),
    word("link", &["链接"]),
    word("file", &["文件", "文档"]),
    word("phone", &["手机号", "电话"]),
    word("id-card", &["身份证", "身份证号"]),
    word("bank-card", &["银行卡", "银行卡号"]),
    word("credit-code", &["统一社会信用代码", "信用代码"]),
];

const MEDIA: &[Word] = &[
    word("missing", &["缺失", "未保存"]),
    word("pending", &["待下载"]),
    word("partial", &["部分下载"]),
    word("kept", &["已保存"]),
    word("differs", &["不符"]),
    word("expired", &["已过期", "过期"]),
    word("refused", &["被拒绝"]),
    word("gone", &["未能下载"]),
];

const CONSENT: &[Word] = &[
    word("agreed", &["同意", "已同意"]),
    word("default", &["默认同意", "默认"]),
    word("refused", &["不同意", "拒绝", "已拒绝"]),
    word("unknown", &["未知"]),
];

const PLACES: &[Word] = &[
    word("text", &["文本", "正文"]),
    word("filename", &["文件名"]),
    word("forwarded", &["转发", "转发记录", "聊天记录"]),
    word("quote", &["引用"]),
    word("card", &["名片", "卡片"]),
    word("link", &["链接"]),
    word("other", &["其他"]),
];

const SAYERS: &[Word] = &[
    word("employee", &["员工", "成员", "同事"]),
    word("external", &["外部", "客户", "外部联系人"]),
    word("robot", &["机器人"]),
];

const TYPES: &[Word] = &[
    word("text", &["文本", "文字"]),
    word("image", &["图片"]),
    word("revoke", &["撤回"]),
    word("agree", &["同意"]),
    word("disagree", &["不同意"]),
    word("voice", &["语音"]),
    word("video", &["视频"]),
    word("card", &["名片"]),
    word("location", &["位置"]),
    word("emotion", &["表情"]),
    word("file", &["文件"]),
    word("link", &["链接"]),
    word("weapp", &["小程序"]),
    word("chatrecord", &["会话记录", "聊天记录", "转发记录"]),
    word("todo", &["待办"]),
    word("vote", &["投票"]),
    word("collect", &["填表", "收集表"]),
    word("redpacket", &["红包"]),
    word("meeting", &["会议", "会议邀请"]),
    word("meeting_notification", &["会议控制"]),
    word("switch", &["切换企业"]),
    word("docmsg", &["在线文档"]),
    word("news", &["图文"]),
    word("calendar", &["日程"]),
    word("mixed", &["混合"]),
    word("meeting_voice_call", &["音频存档"]),
    word("voip_doc_share", &["音频共享文档"]),
    word("external_redpacket", &["互通红包"]),
    word("sphfeed", &["视频号"]),
    word("voiptext", &["音视频通话", "通话"]),
    word("qydiskfile", &["微盘文件", "微盘"]),
    word("note", &["笔记"]),
    word("solitaire", &["接龙"]),
];

const WHO: Values =
    Values::Free("an id, or a whole name, alias or remark; `NAME(ID)` or `=ID` for one of several");
const DATE: Values = Values::Free("a date");

/// Every key, in the order of the docs.
pub(super) const KEYS: &[Key] = &[
    Key {
        word: word("from", &["发送人", "发件人", "发送者", "发言人"]),
        values: WHO,
        list: true,
        finds: "sent by",
        examples: &[
            "from:高杰",
            "发送人：高杰",
            "from:=gaojie",
            "from:高杰(gaojie)",
            "from:高杰,王静",
        ],
    },
    Key {
        word: word("to", &["接收人", "收件人", "接收者", "发给"]),
        values: WHO,
        list: true,
        finds: "received by",
        examples: &["to:lihua", "接收人:李华"],
    },
    Key {
        word: word("with", &["参与人", "相关人"]),
        values: WHO,
        list: true,
        finds: "sent or received by",
        examples: &["with:lihua", "参与人:李华"],
    },
    Key {
        word: word("name", &["姓名", "名字"]),
        values: Values::Free("a part of a name"),
        list: false,
        finds: "sent or received by somebody with this in a name: name, alias, a follower's remark, what a room calls them",
        examples: &["name:张"],
    },
    Key {
        word: word("said-by", &["发言方", "发送方"]),
        values: Values::Closed(SAYERS),
        list: true,
        finds: "sent by a member of the company, by somebody outside, by a robot",
        examples: &["said-by:external", "发言方:员工"],
    },
    Key {
        word: word("room", &["群聊", "群", "群名"]),
        values: Values::Free("a `roomid`, or a part of a name"),
        list: false,
        finds: "in this group",
        examples: &["room:售后", "群：售后"],
    },
    Key {
        word: word("tag", &["标签"]),
        values: Values::Free("a whole name or id"),
        list: false,
        finds: "sent or received by somebody with this tag: company tags and a member's own tags on customers, tags of members (also through their departments)",
        examples: &["tag:重点客户"],
    },
    Key {
        word: word("department", &["部门"]),
        values: Values::Free("a whole name or id"),
        list: false,
        finds: "sent or received by somebody in this department or one below it",
        examples: &["department:销售部", "部门:销售部"],
    },
    Key {
        word: word("company", &["企业", "公司"]),
        values: Values::Free("the name in the configuration, or the corpid"),
        list: false,
        finds: "in the conversations of this company of the archive",
        examples: &["company:acme"],
    },
    Key {
        word: word("type", &["类型", "消息类型"]),
        values: Values::Open(TYPES),
        list: true,
        finds: "of this `msgtype`",
        examples: &["type:file", "类型:文件", "type:image,video"],
    },
    Key {
        word: word("is", &["是", "状态"]),
        values: Values::Closed(IS),
        list: true,
        finds: "recalled; with or without people outside the company (上下游 counts as external); in a group or not; from somebody outside; from the company to somebody outside",
        examples: &["is:recalled", "状态:已撤回", "is:outbound"],
    },
    Key {
        word: word("on", &["时间", "日期"]),
        values: DATE,
        list: false,
        finds: "on this day, in this week, month, quarter, year or range",
        examples: &[
            "on:2025-Q3",
            "时间:9月1日到9月5日",
            "on:上周",
            "on:2025-09-01..2025-09-05",
        ],
    },
    Key {
        word: word("after", &["之后", "晚于"]),
        values: DATE,
        list: false,
        finds: "from the beginning of this date on",
        examples: &["after:2025-09-01", "after:3d", "之后:9月1日"],
    },
    Key {
        word: word("before", &["之前", "早于"]),
        values: DATE,
        list: false,
        finds: "before the beginning of this date",
        examples: &["before:2025-09-01", "之前:本月"],
    },
    Key {
        word: word("has", &["有", "包含"]),
        values: Values::Closed(HAS),
        list: true,
        finds: "carries a file of any kind, a link, a document; contains such a number ([numbers](#numbers))",
        examples: &["has:file", "有:文件", "有:手机号"],
    },
    Key {
        word: word("media", &["附件"]),
        values: Values::Closed(MEDIA),
        list: true,
        finds: "at least one of its files stands so; `missing`: is not kept, for whatever reason ([files](media.md))",
        examples: &["media:missing"],
    },
    Key {
        word: word("consent", &["存档同意", "同意情况"]),
        values: Values::Closed(CONSENT),
        list: true,
        finds: "how the external people of a message stood when it was sent (rule: [consent.md](consent.md)); internal conversations have none",
        examples: &["consent:refused", "同意情况:不同意"],
    },
    Key {
        word: word("in", &["范围", "出处"]),
        values: Values::Closed(PLACES),
        list: true,
        finds: "restricts the texts beside it to that place; several mean any of them",
        examples: &["合同 in:filename", "合同 范围:文件名"],
    },
    Key {
        word: word("variants", &["简繁", "繁简", "异体"]),
        values: Values::Free("a text; also behind from:, to:, with:, name: and room:"),
        list: false,
        finds: "messages whose text contains this, or (behind another key) names that are this, in simplified or traditional characters ([simplified and traditional, pinyin](#simplified-and-traditional-pinyin))",
        examples: &["variants:发票", "简繁:\"开 发票\"", "from:variants:高傑"],
    },
    Key {
        word: word("pinyin", &["拼音"]),
        values: Values::Free(
            "syllables without tones; also behind from:, to:, with:, name: and room:, there also initials",
        ),
        list: false,
        finds: "messages whose text contains characters that are read so, or (behind another key) names that are",
        examples: &[
            "pinyin:tuikuan",
            "拼音:\"xi an\"",
            "发送人:拼音:gaojie",
            "from:pinyin:gj",
        ],
    },
    Key {
        word: word("recalled-within", &["撤回间隔"]),
        values: Values::Free("`90s`, `2m`, `3h`, `1d`, `2分钟`"),
        list: false,
        finds: "recalled no later than so long after sending",
        examples: &["recalled-within:2m", "撤回间隔:2分钟"],
    },
    Key {
        word: word("seq", &["序号"]),
        values: Values::Free("a number, or two with `-` between"),
        list: false,
        finds: "positions in the archive stream",
        examples: &["seq:196", "seq:100-200"],
    },
    Key {
        word: word("msgid", &["消息号", "消息ID"]),
        values: Values::Free("a msgid"),
        list: false,
        finds: "this message",
        examples: &["msgid:CAQQluDa4QUY0On2rYSAgAMgzPrShAE"],
    },
];

/// Keys that take a key of likeness in front of their value.
pub(super) const NAMES: &[&str] = &["from", "to", "with", "name", "room"];

/// What a key says about how texts or names are compared, if it is one of those.
pub(super) fn alike(key: &str) -> Option<Alike> {
    [Alike::Variants, Alike::Pinyin]
        .into_iter()
        .find(|alike| alike.as_str() == key)
}

/// What stands alone between terms and is often meant as an operator; the operator itself is upper case.
pub(super) const OPERATORS: &[(&str, &str)] = &[
    ("and", "AND"),
    ("&&", "AND"),
    ("且", "AND"),
    ("并且", "AND"),
    ("和", "AND"),
    ("与", "AND"),
    ("or", "OR"),
    ("|", "OR"),
    ("||", "OR"),
    ("或", "OR"),
    ("或者", "OR"),
    ("not", "NOT"),
    ("非", "NOT"),
];

impl Word {
    /// True for the word and its other spellings; `typed` is folded.
    pub(super) fn is(&self, typed: &str) -> bool {
        self.english == typed || self.other.iter().any(|other| crate::words::fold(other) == typed)
    }
}

impl Values {
    pub(super) fn known(self) -> &'static [Word] {
        match self {
            Self::Free(_) => &[],
            Self::Closed(words) | Self::Open(words) => words,
        }
    }
}

/// All English keys.
pub(super) fn english() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.word.english).collect()
}

/// Every key in a line of plain text, for `--help`.
pub fn reference() -> String {
    let mut text = String::from("Keys, with their Chinese forms:\n");
    for key in KEYS {
        let also: Vec<String> = key.word.other.iter().map(|other| format!("{other}:")).collect();
        let values = match key.values {
            Values::Free(what) => what.replace('`', ""),
            Values::Closed(words) | Values::Open(words) => {
                let words: Vec<&str> = words.iter().map(|word| word.english).collect();
                words.join(" ")
            }
        };
        let list = if key.list { "; several with commas" } else { "" };
        let _ = writeln!(
            text,
            "  {}:  {}\n      {values}{list}; e.g. {}",
            key.word.english,
            also.join(" "),
            key.examples.join(" · ")
        );
    }
    text + "All of the language, with what each key finds: docs/search.md"
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, path::Path};

    use super::*;

    /// The table of keys for the docs, in Markdown.
    fn table() -> String {
        let code = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(" ")
        };
        let mut text =
            String::from("| key | also | value | finds | for example |\n| --- | --- | --- | --- | --- |\n");
        for key in KEYS {
            let also: Vec<String> = key.word.other.iter().map(|other| format!("{other}:")).collect();
            let also: Vec<&str> = also.iter().map(String::as_str).collect();
            let values = match key.values {
                Values::Free(what) => what.to_owned(),
                Values::Closed(words) => values(words),
                Values::Open(words) => format!("any `msgtype`; {}", values(words)),
            };
            let list = if key.list {
                "; several with commas: any of them"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "| `{}:` | {} | {values}{list} | {} | {} |",
                key.word.english,
                code(&also),
                key.finds,
                code(key.examples)
            );
        }
        text
    }

    fn values(words: &[Word]) -> String {
        let each = words.iter().map(|word| match word.other {
            [] => format!("`{}`", word.english),
            other => format!("`{}` ({})", word.english, other.join(" ")),
        });
        each.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn no_word_means_two_things() {
        let mut seen = HashSet::new();
        for key in KEYS {
            for spelling in key.word.other.iter().chain([&key.word.english]) {
                assert!(seen.insert(*spelling), "{spelling} is two keys");
            }
            let mut values = HashSet::new();
            for value in key.values.known() {
                for spelling in value.other.iter().chain([&value.english]) {
                    assert!(
                        values.insert(*spelling),
                        "{}:{spelling} is two values",
                        key.word.english
                    );
                }
            }
        }
    }

    #[test]
    fn every_example_is_understood() {
        let zone = jiff::tz::TimeZone::UTC;
        for example in KEYS.iter().flat_map(|key| key.examples) {
            let read = crate::search::understand(example, &zone, crate::ids::Millis(1_764_000_000_000));
            assert!(read.is_ok(), "{example}: {read:?}");
        }
    }

    /// `SHIGUAN_BLESS=1 cargo test --workspace --locked --lib -- search::language::` draws it anew.
    #[test]
    fn the_table_of_the_docs_is_drawn_from_this_list() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/search.md");
        let docs = fs::read_to_string(&path).expect("the docs");
        let (begin, end) = ("<!-- keys:begin -->\n", "<!-- keys:end -->");
        let (before, rest) = docs.split_once(begin).expect("a beginning");
        let (now, after) = rest.split_once(end).expect("an end");
        if std::env::var_os("SHIGUAN_BLESS").is_some() {
            fs::write(&path, format!("{before}{begin}{}{end}{after}", table())).expect("written");
            return;
        }
        assert_eq!(now, table(), "docs/search.md differs from the list; bless it");
    }
}
