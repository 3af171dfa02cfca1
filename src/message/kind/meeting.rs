//! Meetings and appointments (messages §4.18, §4.19, §4.24). Times here are seconds since 1970, UTC.

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, joined},
        place::{Place, Texts},
    },
    Nest, Shape,
};

/// `meeting`: an invitation, or an answer to one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Meeting {
    /// Subject.
    pub topic: String,
    /// Seconds.
    pub starttime: Option<i64>,
    /// Seconds; missing for quick meetings.
    pub endtime: Option<i64>,
    /// Where; may be empty.
    pub address: String,
    /// May be empty.
    pub remarks: String,
    /// 101 invitation sent, 102 invitation handled.
    pub meetingtype: Option<u64>,
    /// As written: exceeds `i64` at times, comes as text at others.
    pub meetingid: String,
    /// Only for 102: 1 accepted, 2 declined, 3 tentative, 4 not invited, 5 cancelled, 6 expired, 7 not in the room.
    pub status: Option<u64>,
}

impl Meeting {
    fn answer(&self, language: Language) -> &'static str {
        match (self.meetingtype, self.status) {
            (Some(101), _) => "",
            (_, Some(1)) => language.say("参加", "accepted"),
            (_, Some(2)) => language.say("拒绝", "declined"),
            (_, Some(3)) => language.say("待定", "tentative"),
            (_, Some(4)) => language.say("未被邀请", "not invited"),
            (_, Some(5)) => language.say("已取消", "cancelled"),
            (_, Some(6)) => language.say("已过期", "expired"),
            (_, Some(7)) => language.say("不在房间内", "not in the room"),
            _ => "",
        }
    }
}

impl Shape for Meeting {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            topic: payload.text("topic"),
            starttime: payload.int("starttime"),
            endtime: payload.int("endtime"),
            address: payload.text("address"),
            remarks: payload.text("remarks"),
            meetingtype: payload.uint("meetingtype"),
            meetingid: payload.text("meetingid"),
            status: payload.uint("status"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(Place::Text, [&self.topic, &self.address, &self.remarks]);
    }

    fn line(&self, language: Language) -> String {
        let colon = language.say("：", ": ");
        language.tag(
            "会议邀请",
            "meeting",
            &joined(colon, &[&self.topic, self.answer(language)]),
        )
    }
}

/// `meeting_notification`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MeetingNotification {
    /// What happened, in words.
    pub content: String,
    /// As written; note the underscore, unlike in `meeting`.
    pub meeting_id: String,
    /// 1 somebody joined, 2 the meeting ended.
    pub notification_type: Option<u64>,
}

impl Shape for MeetingNotification {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            content: payload.text("content"),
            meeting_id: payload.text("meeting_id"),
            notification_type: payload.uint("notification_type"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Text, &self.content);
    }

    fn line(&self, language: Language) -> String {
        language.tag("会议通知", "meeting notice", &self.content)
    }
}

/// `calendar`: an appointment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Calendar {
    /// Subject.
    pub title: String,
    /// Name, not id, of who made it.
    pub creatorname: String,
    /// Names, not ids.
    pub attendeename: Vec<String>,
    /// Seconds.
    pub starttime: Option<i64>,
    /// Seconds.
    pub endtime: Option<i64>,
    /// Where.
    pub place: String,
    /// Remarks.
    pub remarks: String,
}

impl Shape for Calendar {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            title: payload.text("title"),
            creatorname: payload.text("creatorname"),
            attendeename: payload.texts("attendeename"),
            starttime: payload.int("starttime"),
            endtime: payload.int("endtime"),
            place: payload.text("place"),
            remarks: payload.text("remarks"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(Place::Text, [&self.title, &self.creatorname]);
        out.add_all(Place::Text, &self.attendeename);
        out.add_all(Place::Text, [&self.place, &self.remarks]);
    }

    fn line(&self, language: Language) -> String {
        language.tag("日程", "appointment", &joined(" @ ", &[&self.title, &self.place]))
    }
}
