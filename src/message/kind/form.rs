//! Things to fill in, vote on or open: to-dos, votes, forms, red packets (messages §4.14–§4.17, §4.28).

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, bracketed, joined},
        place::{Place, Texts},
    },
    Nest, Shape,
};

/// `todo`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Todo {
    /// Text the to-do was made from.
    pub title: String,
    /// What is to be done.
    pub content: String,
}

impl Shape for Todo {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            title: payload.text("title"),
            content: payload.text("content"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(Place::Text, [&self.title, &self.content]);
    }

    fn line(&self, language: Language) -> String {
        language.tag(
            "待办",
            "to-do",
            &joined(language.say("：", ": "), &[&self.title, &self.content]),
        )
    }
}

/// `vote`; results are never archived.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Vote {
    /// The question.
    pub votetitle: String,
    /// The options.
    pub voteitem: Vec<String>,
    /// 101 started, 102 took part.
    pub votetype: Option<u64>,
    /// Links the two.
    pub voteid: String,
}

impl Shape for Vote {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            votetitle: payload.text("votetitle"),
            voteitem: payload.texts("voteitem"),
            votetype: payload.uint("votetype"),
            voteid: payload.text("voteid"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Text, &self.votetitle);
        out.add_all(Place::Text, &self.voteitem);
    }

    fn line(&self, language: Language) -> String {
        let options = (!self.voteitem.is_empty()).then(|| self.voteitem.join(" / "));
        let rest = bracketed(&self.votetitle, &[options]);
        match self.votetype {
            Some(102) => language.tag("参与投票", "took part in a vote", &rest),
            _ => language.tag("投票", "vote", &rest),
        }
    }
}

/// `collect`: a form to fill in; only the form is archived, not the answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Collect {
    /// Name of the group.
    pub room_name: String,
    /// Member id of who made it.
    pub creator: String,
    /// `YYYY-MM-DD HH:MM:SS` as received, without a zone.
    pub create_time: String,
    /// Title.
    pub title: String,
    /// The questions.
    pub details: Vec<Question>,
}

/// A question of a form.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Question {
    /// As written: exceeds `i64` at times, comes as text at others.
    pub id: String,
    /// The question.
    pub ques: String,
    /// `Text`, `Number`, `Date`, `Time`.
    #[serde(rename = "type")]
    pub answer: String,
}

impl Shape for Collect {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        let question = |item: View<'_>| Question {
            id: item.text("id"),
            ques: item.text("ques"),
            answer: item.text("type"),
        };
        Self {
            room_name: payload.text("room_name"),
            creator: payload.text("creator"),
            create_time: payload.text("create_time"),
            title: payload.text("title"),
            details: payload.list("details").map(question).collect(),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(Place::Text, [&self.title, &self.room_name]);
        out.add_all(Place::Text, self.details.iter().map(|question| &question.ques));
    }

    fn line(&self, language: Language) -> String {
        let count = language.count(self.details.len(), "项", "question");
        language.tag("填表", "form", &bracketed(&self.title, &[Some(count)]))
    }
}

/// `redpacket`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RedPacket {
    /// `type`: 1 ordinary, 2 random, 3 incentive.
    #[serde(rename = "type")]
    pub style: Option<u64>,
    /// Good wishes.
    pub wish: String,
    /// Pieces.
    pub totalcnt: Option<u64>,
    /// Fen, 1/100 yuan.
    pub totalamount: Option<u64>,
}

impl RedPacket {
    fn rest(&self, language: Language) -> String {
        let pieces = self
            .totalcnt
            .map(|count| language.count(count as usize, "个", "piece"));
        bracketed(
            &self.wish,
            &[pieces, self.totalamount.map(|fen| language.money(fen))],
        )
    }
}

impl Shape for RedPacket {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            style: payload.uint("type"),
            wish: payload.text("wish"),
            totalcnt: payload.uint("totalcnt"),
            totalamount: payload.uint("totalamount"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Text, &self.wish);
    }

    fn line(&self, language: Language) -> String {
        language.tag("红包", "red packet", &self.rest(language))
    }
}

/// `external_redpacket`: the same between companies.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ExternalRedPacket(pub RedPacket);

impl Shape for ExternalRedPacket {
    fn read(payload: View<'_>, nest: &mut Nest) -> Self {
        Self(RedPacket::read(payload, nest))
    }

    fn texts(&self, out: &mut Texts) {
        self.0.texts(out);
    }

    fn line(&self, language: Language) -> String {
        language.tag("互通红包", "external red packet", &self.0.rest(language))
    }
}
