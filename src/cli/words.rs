//! The words on an auditor's screen: Chinese first, English on request.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::render;
use crate::{
    archive::waiting_total,
    line,
    message::{Chat, Direction, Language, Message, Place, Scope},
    people::Aspect,
    record::Reason,
    sanitize::{Line, value},
    store::contract::{Aside, Coverage, Recalled, Reindex},
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
    ///
    /// `name` says how an id is shown.
    pub(super) fn who(self, message: &Message, name: &dyn Fn(&str) -> Line) -> Line {
        let from = if message.from.is_empty() {
            "-".into()
        } else {
            name(&message.from)
        };
        let joined = |ids: &[String]| Line::join(ids.iter().map(|id| name(id)), "、");
        match message.to.len() {
            0 => from,
            1..=3 => line!("{} → {}", from, joined(&message.to)),
            many => {
                let first = joined(&message.to[..2]);
                let rest = self.say(line!("等 {} 人", many), line!("and others, {} in all", many));
                line!("{} → {} {}", from, first, rest)
            }
        }
    }

    /// `群聊 wr… (外部)`.
    pub(super) fn chat(self, message: &Message, name: &dyn Fn(&str) -> Line) -> Line {
        let kind = match &message.chat {
            Some(Chat::Room(id)) => line!("{} {}", self.say("群聊", "group"), name(id)),
            Some(Chat::People(_)) => self.say("单聊", "single chat").into(),
            None => return self.say("非会话记录", "no conversation").into(),
        };
        let scope = match message.scope {
            Scope::External => self.say("外部", "external"),
            Scope::Internal => self.say("内部", "internal"),
            Scope::UpDown => self.say("上下游", "upstream/downstream"),
        };
        line!("{} ({})", kind, scope)
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
    pub(super) fn recalled(self, recalled: &Recalled, by: &Line, zone: &TimeZone) -> Line {
        let at = render::time(recalled.at, zone);
        let after = recalled.after_ms.map(render::span);
        match (self.0, after) {
            (Language::Chinese, Some(after)) => line!("已撤回：{}，{}，发送后 {}", by, at, after),
            (Language::Chinese, None) => line!("已撤回：{}，{}", by, at),
            (Language::English, Some(after)) => {
                line!("recalled by {}, {}, {} after sending", by, at, after)
            }
            (Language::English, None) => line!("recalled by {}, {}", by, at),
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
            "匹配时不区分全角/半角、大小写和兼容字形，空白字符一律视为空格，不可见字符忽略不计",
            "width, case and compatibility forms count as the same, any blank as a space, and invisible characters as nothing",
        )
    }

    /// Beside a hit that is none as texts and names are written.
    pub(super) fn only_alike(self) -> &'static str {
        self.say(
            "仅按简繁或拼音匹配",
            "found only by other characters or by pinyin",
        )
    }

    /// Progress of `reindex`.
    pub(super) fn reindexing(self, state: Reindex) -> String {
        let (done, all) = (
            render::number(state.messages - state.left),
            render::number(state.messages),
        );
        self.say(
            format!("已更新 {done} / {all} 条消息的索引"),
            format!("{done} of {all} messages are indexed by the new rules"),
        )
    }

    /// What `reindex` did.
    pub(super) fn reindexed(
        self,
        moved: u64,
        state: Reindex,
        took: Duration,
        each_us: Option<u64>,
    ) -> String {
        let all = render::number(state.messages);
        let Some(each_us) = each_us.filter(|_| moved > 0 || state.left > 0) else {
            return self.say(
                format!("索引已是最新（{all} 条消息），无需更新"),
                format!("the index is current ({all} messages); nothing to do"),
            );
        };
        let (moved, seconds) = (render::number(moved), took.as_secs_f64());
        let text = self.say(
            format!("已重新解析并索引 {moved} 条消息，用时 {seconds:.1} 秒（每条 {each_us} 微秒）"),
            format!("derived {moved} messages again in {seconds:.1} s ({each_us} µs each)"),
        );
        if state.left == 0 {
            return text;
        }
        let left = render::number(state.left);
        text + &self.say(
            format!("；还剩 {left} 条，再次运行 shiguan reindex 即可继续"),
            format!("; {left} are left, run `shiguan reindex` again to go on"),
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
        let waits = coverage
            .waiting
            .iter()
            .filter(|(reason, _)| *reason == Reason::Unreadable);
        let unreadable = coverage.unreadable - waits.map(|(_, count)| count).sum::<u64>();
        if unreadable > 0 {
            let unreadable = render::number(unreadable);
            text += &self.say(
                format!("；{unreadable} 条解密后不是 JSON，无可检索文本"),
                format!("; {unreadable} opened to bytes that are no JSON and have no searchable text"),
            );
        }
        if coverage.untimely > 0 {
            let untimely = render::number(coverage.untimely);
            text += &self.say(
                format!("；{untimely} 条消息的时间不可信，按日期查不到或查到的日期不对"),
                format!("; {untimely} messages with an implausible time, which dates do not find on their true day"),
            );
        }
        if coverage.misshapen > 0 {
            let misshapen = render::number(coverage.misshapen);
            text += &self.say(
                format!("；{misshapen} 条消息的内容不符合其类型的格式，只能按其中的文字检索"),
                format!("; {misshapen} messages whose payload is not of their type's form and is found by its strings only"),
            );
        }
        if coverage.reindex.left > 0 {
            let left = render::number(coverage.reindex.left);
            let done = render::number(coverage.reindex.messages - coverage.reindex.left);
            let all = render::number(coverage.reindex.messages);
            text += &self.say(
                format!("；索引更新中：{all} 条消息中 {done} 条已按新规则检索，其余 {left} 条仍按旧规则（只忽略全半角和大小写），可能漏检；运行 shiguan reindex 完成更新"),
                format!("; {done} of {all} messages are indexed by the new rules; the other {left} are searched by the old ones (width and case only) and may be missed; `shiguan reindex` completes it"),
            );
        }
        text + &self.aside(&coverage.aside)
    }

    /// What no search can see because it is no record, or was never received.
    fn aside(self, aside: &Aside) -> String {
        let mut text = String::new();
        if aside.strays > 0 {
            let strays = render::number(aside.strays);
            text += &self.say(
                format!("；{strays} 条没有可用的 seq，原样保存，未检索"),
                format!("; {strays} items without a usable seq are kept as received and not searched"),
            );
        }
        if aside.unpullable > 0 {
            let holes = render::number(aside.unpullable);
            text += &self.say(
                format!("；{holes} 处 SDK 无法拉取 (shiguan runs)"),
                format!("; {holes} holes, records that GetChatData cannot deliver (`shiguan runs`)"),
            );
        }
        let unseen = aside.unseen + aside.lost;
        if unseen > 0 {
            let unseen = render::number(unseen);
            text += &self.say(
                format!("；{unseen} 段 seq 未拉取到 (shiguan runs)"),
                format!("; {unseen} ranges of the stream were not seen (`shiguan runs`)"),
            );
        }
        if aside.doubtful_seqs > 0 {
            let doubtful = render::number(aside.doubtful_seqs);
            text += &self.say(
                format!("；{doubtful} 条的 seq 不可信"),
                format!("; {doubtful} records have a seq that cannot be right"),
            );
        }
        text
    }

    /// What somebody or something is, from the word for programs.
    pub(super) fn subject(self, word: &str) -> &'static str {
        match word {
            "member" => self.say("成员", "member"),
            "external" => self.say("外部联系人", "external contact"),
            "robot" => self.say("机器人", "robot"),
            "internal" => self.say("内部群", "internal group"),
            "customer" => self.say("客户群", "customer group"),
            "department" => self.say("部门", "department"),
            "member_tag" => self.say("成员标签", "tag of members"),
            "customer_tag" => self.say("客户标签", "tag of customers"),
            _ => self.say("未知", "unknown"),
        }
    }

    /// State of a member's account.
    pub(super) fn account(self, status: &str) -> Line {
        match status {
            "1" => self.say("已激活", "active").into(),
            "2" => self.say("已禁用", "disabled").into(),
            "4" => self.say("未激活", "not activated").into(),
            "5" => self.say("已退出", "left").into(),
            other => value(other),
        }
    }

    pub(super) fn aspect(self, aspect: Aspect) -> &'static str {
        match aspect {
            Aspect::Name => self.say("名称", "name"),
            Aspect::Alias => self.say("别名", "alias"),
            Aspect::Remark => self.say("备注", "remark"),
            Aspect::NameInRoom => self.say("群内名称", "name in room"),
            Aspect::Position => self.say("职务", "position"),
            Aspect::Company => self.say("所在企业", "company"),
            Aspect::Department => self.say("部门", "department"),
            Aspect::Follower => self.say("跟进人", "follower"),
            Aspect::CustomerTag | Aspect::OwnTag | Aspect::MemberTag => self.say("标签", "tag"),
            Aspect::Scope => self.say("存档范围", "recorded under"),
            Aspect::Status => self.say("账号", "account"),
            Aspect::Owner => self.say("群主/创建者", "owner"),
            Aspect::Member => self.say("群成员", "member"),
            Aspect::Sort => self.say("群类别", "sort"),
            Aspect::Parent => self.say("上级部门", "above it"),
            Aspect::Group => self.say("标签组", "group of tags"),
            Aspect::Created => self.say("创建时间", "made"),
        }
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
