//! The words of a comparison, as auditors read them.

use super::Report;
use crate::{
    completeness::{Cause, Counts, Verdict, What},
    line,
    sanitize::Line,
};

impl Report<'_> {
    pub(super) fn what(&self, what: What) -> &'static str {
        match what {
            What::Single => self.words().say("客户单聊", "single chats with customers"),
            What::Groups => self.words().say("所属客户群", "own customer groups"),
        }
    }

    pub(super) fn verdict(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Equal => self.words().say("相符", "equal"),
            Verdict::Explained => self
                .words()
                .say("不符，有可能的原因", "different, perhaps explained"),
            Verdict::Unexplained => self.words().say("不符，原因不明", "different, not explained"),
        }
    }

    pub(super) fn counts(&self, counts: Counts) -> Line {
        let messages = counts.messages;
        match counts.chats {
            Some(chats) => self.words().say(
                line!("{} 条 / {} 会话", messages, chats),
                line!("{} messages / {} chats", messages, chats),
            ),
            None => self
                .words()
                .say(line!("{} 条", messages), line!("{} messages", messages)),
        }
    }

    pub(super) fn cause(&self, cause: Cause) -> Line {
        let words = self.words();
        match cause {
            Cause::NotOpened(count) => words.say(
                line!("有 {} 条记录尚未解密", count),
                line!("{} records not opened yet", count),
            ),
            Cause::NotPulled => words.say(
                "当日尚未拉取完".into(),
                "that day was not pulled to its end".into(),
            ),
            Cause::OutOfScope => words.say("当日不在存档范围内".into(), "not recorded that day".into()),
            Cause::Refused(count) => words.say(
                line!("{} 位外部联系人不同意存档", count),
                line!("{} external people refused", count),
            ),
            Cause::NotFinal => words.say(
                "企业微信的统计可能尚未完成".into(),
                "WeCom may still be counting".into(),
            ),
            Cause::TotalFell => words.say(
                "累计数下降（群解散或转让），无法比对".into(),
                "WeCom's total fell (a group dismissed or given away)".into(),
            ),
        }
    }
}
