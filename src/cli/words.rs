//! The words on an auditor's screen: Chinese first, English on request.

use jiff::tz::TimeZone;

use super::render;
use crate::{
    archive::waiting_total,
    message::{Chat, Direction, Language, Message, Place, Scope},
    store::contract::{Coverage, Recalled},
};

/// Speaks one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(pub(super) Language);

impl Words {
    /// Picks the text of this language.
    pub(super) fn say<T>(self, chinese: T, english: T) -> T {
        match self.0 {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// `张三 → 李四 等 5 人`: sender and receivers, the first three of many.
    pub(super) fn who(self, message: &Message) -> String {
        let from = if message.from.is_empty() {
            "-"
        } else {
            &message.from
        };
        match message.to.len() {
            0 => from.to_owned(),
            1..=3 => format!("{from} → {}", message.to.join("、")),
            many => {
                let first = message.to[..2].join("、");
                let rest = self.say(format!("等 {many} 人"), format!("and others, {many} in all"));
                format!("{from} → {first} {rest}")
            }
        }
    }

    /// `群聊 wr… (外部)`.
    pub(super) fn chat(self, message: &Message) -> String {
        let kind = match &message.chat {
            Some(Chat::Room(id)) => format!("{} {}", self.say("群聊", "group"), render::tame(id)),
            Some(Chat::People(_)) => self.say("单聊", "single chat").to_owned(),
            None => return self.say("非会话记录", "no conversation").to_owned(),
        };
        let scope = match message.scope {
            Scope::External => self.say("外部", "external"),
            Scope::Internal => self.say("内部", "internal"),
            Scope::UpDown => self.say("上下游", "upstream/downstream"),
        };
        format!("{kind} ({scope})")
    }

    pub(super) fn place(self, place: Place) -> &'static str {
        match place {
            Place::Text => self.say("文本", "text"),
            Place::Filename => self.say("文件名", "file name"),
            Place::Forwarded => self.say("转发记录", "forwarded"),
            Place::Quote => self.say("引用", "quote"),
            Place::Card => self.say("名片/小程序", "card"),
            Place::Link => self.say("链接", "link"),
            Place::Other => self.say("其他", "other"),
        }
    }

    /// `已撤回：kenshin，2026-03-01 09:30:00，发送后 2 min 5 s`.
    pub(super) fn recalled(self, recalled: &Recalled, zone: &TimeZone) -> String {
        let at = render::time(recalled.at, zone);
        let after = recalled.after_ms.map(render::span);
        match (self.0, after) {
            (Language::Chinese, Some(after)) => format!("已撤回：{}，{at}，发送后 {after}", recalled.by),
            (Language::Chinese, None) => format!("已撤回：{}，{at}", recalled.by),
            (Language::English, Some(after)) => {
                format!("recalled by {}, {at}, {after} after sending", recalled.by)
            }
            (Language::English, None) => format!("recalled by {}, {at}", recalled.by),
        }
    }

    pub(super) fn found(self, total: u64, shown: u64) -> String {
        let (total, shown) = (render::number(total), render::number(shown));
        self.say(
            format!("共 {total} 条，本次显示 {shown} 条"),
            format!("{total} found, {shown} shown"),
        )
    }

    pub(super) fn next_page(self, key: &str) -> String {
        self.say(
            format!("下一页：--after {key}"),
            format!("next page: --after {key}"),
        )
    }

    pub(super) fn folding(self) -> &'static str {
        self.say(
            "匹配时不区分全角/半角和大小写",
            "full and half width, upper and lower case count as the same",
        )
    }

    /// How much of the archive an answer saw (promise 7).
    pub(super) fn coverage(self, coverage: &Coverage) -> String {
        let closed = coverage.sealed + waiting_total(&coverage.waiting);
        let (records, opened) = (render::number(coverage.records), render::number(coverage.opened));
        let mut text = self.say(
            format!("检索范围：{records} 条记录中已解密 {opened} 条"),
            format!("searched: {opened} opened of {records} records"),
        );
        if closed > 0 {
            let reasons: Vec<String> = coverage
                .waiting
                .iter()
                .map(|(reason, count)| format!("{reason} {}", render::number(*count)))
                .chain((coverage.sealed > 0).then(|| format!("sealed {}", render::number(coverage.sealed))))
                .collect();
            let (closed, reasons) = (render::number(closed), reasons.join(", "));
            text += &self.say(
                format!("；{closed} 条尚未解密 ({reasons})"),
                format!("; {closed} records not yet opened ({reasons})"),
            );
        }
        if coverage.unreadable > 0 {
            let unreadable = render::number(coverage.unreadable);
            text += &self.say(
                format!("；{unreadable} 条解密后不是 JSON，无可检索文本"),
                format!("; {unreadable} opened to bytes that are no JSON and have no searchable text"),
            );
        }
        text
    }

    pub(super) fn scope_word(scope: Scope) -> &'static str {
        match scope {
            Scope::Internal => "internal",
            Scope::External => "external",
            Scope::UpDown => "updown",
        }
    }

    pub(super) fn direction_word(direction: Direction) -> Option<&'static str> {
        match direction {
            Direction::In => Some("in"),
            Direction::Out => Some("out"),
            Direction::Within => Some("within"),
            Direction::None => None,
        }
    }
}
