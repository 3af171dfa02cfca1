//! Cards: people, mini programs, channels (messages §4.7, §4.12, §4.29).

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, joined},
        place::{Place, Texts},
    },
    Nest, Shape,
};

/// `card`: a person's card.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Card {
    /// Company of the person; `微信联系人` for a WeChat user.
    pub corpname: String,
    /// Id of the person; older texts spell the key `Userid`.
    pub userid: String,
}

impl Shape for Card {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        let userid = Some(payload.text("userid")).filter(|id| !id.is_empty());
        Self {
            corpname: payload.text("corpname"),
            userid: userid.unwrap_or_else(|| payload.text("Userid")),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Card, &self.corpname);
        out.add(Place::Card, &self.userid);
    }

    fn line(&self, language: Language) -> String {
        language.tag(
            "名片",
            "contact card",
            &joined(" ", &[&self.corpname, &self.userid]),
        )
    }
}

/// `weapp`: a mini program.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Weapp {
    /// Title of the message.
    pub title: String,
    /// Description of the message.
    pub description: String,
    /// Account of the program, e.g. `gh_…@app`.
    pub username: String,
    /// Name of the program.
    pub displayname: String,
    /// Newer data only.
    pub appid: String,
    /// Newer data only.
    pub pagepath: String,
}

impl Shape for Weapp {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            title: payload.text("title"),
            description: payload.text("description"),
            username: payload.text("username"),
            displayname: payload.text("displayname"),
            appid: payload.text("appid"),
            pagepath: payload.text("pagepath"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Card, &self.title);
        out.add(Place::Card, &self.description);
        out.add(Place::Card, &self.displayname);
    }

    fn line(&self, language: Language) -> String {
        let colon = language.say("：", ": ");
        language.tag(
            "小程序",
            "mini program",
            &joined(colon, &[&self.displayname, &self.title]),
        )
    }
}

/// `sphfeed`: something from a channel. No link, no media.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SphFeed {
    /// 2 picture, 4 video, 9 live.
    pub feed_type: Option<u64>,
    /// Name of the account.
    pub sph_name: String,
    /// Description.
    pub feed_desc: String,
}

impl Shape for SphFeed {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            feed_type: payload.uint("feed_type"),
            sph_name: payload.text("sph_name"),
            feed_desc: payload.text("feed_desc"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Card, &self.sph_name);
        out.add(Place::Card, &self.feed_desc);
    }

    fn line(&self, language: Language) -> String {
        let colon = language.say("：", ": ");
        language.tag(
            "视频号",
            "channel",
            &joined(colon, &[&self.sph_name, &self.feed_desc]),
        )
    }
}
