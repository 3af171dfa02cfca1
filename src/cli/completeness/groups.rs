//! Customer groups of which the archive holds nothing, on the screen and for programs.

use serde_json::{Value, json};

use super::super::{
    context::Context,
    out,
    render::{self, Table},
    words::Words,
};
use crate::{
    archive::Groups,
    completeness::{Absent, Finding, Known, Reason},
    ids::Millis,
    line,
    sanitize::{Line, value},
};

/// How a company's groups are told.
pub(super) struct Telling<'a> {
    pub(super) context: &'a Context,
    pub(super) company: &'a str,
    pub(super) groups: &'a Groups,
}

impl Telling<'_> {
    fn words(&self) -> Words {
        Words(self.context.language)
    }

    /// True when somebody has to look into it.
    pub(super) fn suspicious(&self) -> bool {
        let unexplained = |group: &Absent| group.finding() == Finding::Unexplained;
        self.groups.absent.iter().any(unexplained)
    }

    pub(super) fn lines(&self) {
        for group in &self.groups.absent {
            out::json(&self.line_json(group));
        }
    }

    /// True when there was something to print.
    pub(super) fn table(&self) -> bool {
        let mut table = Table::new(self.words().say(
            [
                "客户群（存档中没有任何消息）",
                "名称",
                "群主",
                "状态",
                "创建于",
                "人数",
                "结论",
                "可能的原因",
            ],
            [
                "customer group (nothing archived)",
                "name",
                "owner",
                "status",
                "made",
                "members",
                "verdict",
                "may be because",
            ],
        ));
        for group in &self.groups.absent {
            let portrait = group.portrait();
            let known = |text: Option<&String>| match text {
                Some(text) if !text.is_empty() => value(text),
                _ => "-".into(),
            };
            table.row([
                value(&group.id),
                known(portrait.map(|portrait| &portrait.name)),
                known(portrait.map(|portrait| &portrait.owner)),
                self.status(group.status).into(),
                portrait.map_or("-".into(), |portrait| {
                    render::time(Some(Millis(portrait.made)), &self.context.zone)
                }),
                portrait.map_or("-".into(), |portrait| line!("{}", portrait.people.len())),
                self.finding(group.finding()).into(),
                self.why(group),
            ]);
        }
        if !table.is_empty() {
            out::table(&table);
        }
        !table.is_empty()
    }

    fn line_json(&self, group: &Absent) -> Value {
        let reasons = group.reasons.iter().map(|reason| match reason {
            Reason::Silent(count) | Reason::NotOpened(count) => {
                json!({"cause": reason.as_str(), "count": count})
            }
            _ => json!({"cause": reason.as_str()}),
        });
        let mut line = json!({
            "company": self.company,
            "what": "absent_group",
            "group": group.id,
            "status": status(group.status),
            "verdict": group.finding().as_str(),
            "causes": reasons.collect::<Vec<_>>(),
            "owner_wrote_in": (group.wrote > 0).then_some(group.wrote),
        });
        match &group.known {
            Known::Told(portrait) => {
                line["name"] = json!(portrait.name);
                line["owner"] = json!(portrait.owner);
                line["made"] = json!(render::time_json(Some(Millis(portrait.made)), &self.context.zone));
                line["members"] = json!(portrait.people.len());
            }
            Known::Gone(why) | Known::Refused(why) => line["not_told"] = json!(why),
            Known::NotAsked => line["not_told"] = json!("not asked: --groups"),
        }
        line
    }

    pub(super) fn summary_json(&self) -> Value {
        let groups = self.groups;
        let [explained, unexplained, not_known] = self.counts();
        json!({"listed": groups.listed, "held": groups.held, "absent": groups.absent.len(), "explained": explained,
               "unexplained": unexplained, "not_known": not_known, "readings": groups.readings,
               "settled": groups.settled, "owners_left": groups.owners_left, "not_opened": groups.closed})
    }

    pub(super) fn summary(&self) -> String {
        let (company, groups) = (self.company, self.groups);
        let (listed, held, absent) = (groups.listed, groups.held, groups.absent.len());
        let [explained, unexplained, not_known] = self.counts();
        let mut text = self.words().say(
            format!(
                "{company}：企业微信列出客户群 {listed} 个，存档有其消息 {held} 个；没有任何消息 {absent} 个，其中有可能的\
                 原因 {explained}，原因不明 {unexplained}，未能了解 {not_known}"
            ),
            format!(
                "{company}: WeCom lists {listed} customer groups, the archive holds messages of {held}; of {absent} it \
                 holds none: {explained} perhaps explained, {unexplained} not explained, {not_known} not known enough"
            ),
        );
        if !groups.settled {
            text.push_str(self.words().say(
                "；群列表未读完或仍在变化，请稍后再试",
                "; the list was not read to its end or kept changing: run it again later",
            ));
        }
        text
    }

    fn counts(&self) -> [usize; 3] {
        [Finding::Explained, Finding::Unexplained, Finding::NotKnown].map(|finding| {
            let absent = self.groups.absent.iter();
            absent.filter(|group| group.finding() == finding).count()
        })
    }

    fn why(&self, group: &Absent) -> Line {
        let mut why: Vec<Line> = group.reasons.iter().map(|reason| self.reason(*reason)).collect();
        if group.wrote > 0 {
            let wrote = group.wrote;
            why.push(self.words().say(
                line!("按企业微信统计，该群主的这些群中至少 {} 个有人发过消息", wrote),
                line!(
                    "by WeCom's count somebody wrote in at least {} of this owner's absent groups",
                    wrote
                ),
            ));
        }
        match &group.known {
            Known::Refused(cause) => why.push(Line::sentence(cause)),
            Known::NotAsked if group.reasons.is_empty() => why.push(
                self.words()
                    .say("未询问（--groups）", "not asked about (--groups)")
                    .into(),
            ),
            _ => {}
        }
        Line::join(why, "；")
    }

    fn status(&self, number: i64) -> &'static str {
        match number {
            0 => self.words().say("正常", "normal"),
            1 => self.words().say("群主已离职", "owner left"),
            2 => self.words().say("继承中", "being inherited"),
            3 => self.words().say("继承完成", "inherited"),
            _ => self.words().say("未知", "unknown"),
        }
    }

    fn finding(&self, finding: Finding) -> &'static str {
        match finding {
            Finding::Explained => self.words().say("有可能的原因", "perhaps explained"),
            Finding::Unexplained => self.words().say("原因不明", "not explained"),
            Finding::NotKnown => self.words().say("未能了解", "not known enough"),
        }
    }

    fn reason(&self, reason: Reason) -> Line {
        let words = self.words();
        match reason {
            Reason::Dismissed => words
                .say("群已解散或不再可见", "dismissed, or not in sight any more")
                .into(),
            Reason::OwnerLeft => words
                .say("群主已离职，尚无人继承", "its owner left and nobody took over")
                .into(),
            Reason::NotPulled => words
                .say("创建于最近一次拉取之后", "made after the last pull")
                .into(),
            Reason::JustMade => words.say("今天才创建", "made only today").into(),
            Reason::NobodyRecorded => words
                .say("群内没有存档范围内的成员", "none of its members is recorded")
                .into(),
            Reason::Silent(count) => words.say(
                line!("该群主有 {} 个群从未有人发言", count),
                line!("nobody ever wrote in {} groups of this owner", count),
            ),
            Reason::Older => words
                .say(
                    "创建早于存档的第一条消息",
                    "made before the archive's first message",
                )
                .into(),
            Reason::NotOpened(count) => words.say(
                line!("有 {} 条记录尚未解密", count),
                line!("{} records not opened yet", count),
            ),
        }
    }
}

/// The word for programs.
fn status(number: i64) -> &'static str {
    match number {
        0 => "normal",
        1 => "owner_left",
        2 => "being_inherited",
        3 => "inherited",
        _ => "unknown",
    }
}
