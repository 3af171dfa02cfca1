//! Things that happened rather than were said: recalls, consent, switching companies (messages §4.3, §4.4, §4.22).

use serde::Serialize;

use super::{
    super::{json::View, phrase::Language},
    Nest, Shape,
};

/// `revoke`: the recalled message stays in the stream, and this one points at it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Revoke {
    /// `msgid` of the recalled message, which may never have been archived.
    pub pre_msgid: String,
}

impl Shape for Revoke {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            pre_msgid: payload.text("pre_msgid"),
        }
    }

    fn line(&self, language: Language) -> String {
        language.tag("撤回了一条消息", "recalled a message", "")
    }
}

/// `agree`: an external contact consents to being archived.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Agree {
    /// The external contact.
    pub userid: String,
    /// Milliseconds since 1970; some data calls it `disagree_time` here too.
    pub agree_time: Option<i64>,
}

impl Shape for Agree {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            userid: payload.text("userid"),
            agree_time: payload.int("agree_time").or_else(|| payload.int("disagree_time")),
        }
    }

    fn line(&self, language: Language) -> String {
        language.tag("同意存档会话内容", "agreed to archiving", "")
    }
}

/// `disagree`: an external contact refuses.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Disagree {
    /// The external contact.
    pub userid: String,
    /// Milliseconds since 1970; some data calls it `agree_time` here too.
    pub disagree_time: Option<i64>,
}

impl Shape for Disagree {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        let time = payload.int("disagree_time").or_else(|| payload.int("agree_time"));
        Self {
            userid: payload.text("userid"),
            disagree_time: time,
        }
    }

    fn line(&self, language: Language) -> String {
        language.tag("不同意存档会话内容", "refused archiving", "")
    }
}

/// `switch`: a member turned to this company in the client.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Switch {
    /// The member.
    pub user: String,
    /// Milliseconds since 1970.
    pub time: Option<i64>,
}

impl Shape for Switch {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            user: payload.text("user"),
            time: payload.int("time"),
        }
    }

    fn line(&self, language: Language) -> String {
        language.tag("切换企业", "switched to this company", "")
    }
}
