//! Words for a cue: the plaintext of one message as `DecryptData` gives it, compact JSON (messages §1 and §4).

use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use serde_json::{Map, Value, json};

use super::{
    Length, Plan,
    body::{self, Body},
    files::{Attach, Files},
    kinds::Kind,
    oddities,
    people::Cast,
    script::Cue,
};
use crate::media::derived;

/// What every message is rendered from.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pub(super) cast: &'a Cast,
    pub(super) files: &'a Files,
}

/// Everything a payload may need.
pub(super) struct Scene<'a> {
    pub(super) rng: ChaCha8Rng,
    pub(super) attach: Attach<'a>,
    pub(super) length: Length,
    pub(super) cast: &'a Cast,
    pub(super) cue: &'a Cue,
}

/// The plaintext of a cue; the same for the same plan and cue on any thread.
pub(super) fn render(stage: &Stage<'_>, cue: &Cue) -> Vec<u8> {
    let mut scene = Scene {
        rng: ChaCha8Rng::seed_from_u64(derived(stage.plan.seed, cue.place)),
        attach: Attach {
            files: stage.files,
            seq: cue.seq,
            next: 0,
        },
        length: stage.plan.length,
        cast: stage.cast,
        cue,
    };
    if cue.kind == Kind::Switch {
        let user = &stage.cast.people[cue.from].id;
        let switch = json!({"msgid": cue.msgid, "action": "switch", "time": cue.time, "user": user});
        return oddities::to_bytes(&switch);
    }
    let body = body::of(&mut scene);
    oddities::to_bytes(&Value::Object(envelope(&scene, body)))
}

fn envelope(scene: &Scene<'_>, body: Body) -> Map<String, Value> {
    let (cue, people) = (scene.cue, &scene.cast.people);
    let chat = &scene.cast.chats[cue.chat];
    let to: Vec<_> = chat
        .people
        .iter()
        .filter(|who| **who != cue.from)
        .map(|who| people[*who].id.as_str())
        .collect();
    let mut message = Map::new();
    message.insert("msgid".into(), cue.msgid.as_str().into());
    message.insert(
        "action".into(),
        if cue.target.is_some() { "recall" } else { "send" }.into(),
    );
    message.insert("from".into(), people[cue.from].id.as_str().into());
    message.insert("tolist".into(), to.into());
    // The call types come without a room (messages §1).
    if !matches!(
        cue.kind,
        Kind::MeetingVoiceCall | Kind::VoipDocShare | Kind::VoipDocShareBig
    ) {
        message.insert("roomid".into(), chat.room.as_deref().unwrap_or_default().into());
    }
    message.insert(
        "msgtime".into(),
        if cue.kind == Kind::Timeless { 0 } else { cue.time }.into(),
    );
    message.insert("msgtype".into(), cue.kind.msgtype().into());
    message.extend(body);
    message
}

impl Scene<'_> {
    /// A text as people write it, with an `@` of somebody now and then.
    pub(super) fn words(&mut self) -> String {
        let text = super::text::message(&mut self.rng, self.length);
        let chat = &self.cast.chats[self.cue.chat];
        let mention = !matches!(self.length, Length::Exactly(_));
        if mention && chat.room.is_some() && self.rng.random_bool(0.06) {
            let who = chat.people[self.rng.random_range(0..chat.people.len())];
            // The client puts this space behind a mention.
            return format!("@{}\u{2005}{text}", self.cast.people[who].name);
        }
        text
    }

    /// A text of about so many characters.
    pub(super) fn short(&mut self, length: usize) -> String {
        super::text::of_length(&mut self.rng, length)
    }

    /// Another person of the chat: name and id.
    pub(super) fn other(&mut self) -> (&str, &str) {
        let people = &self.cast.chats[self.cue.chat].people;
        let who = &self.cast.people[people[self.rng.random_range(0..people.len())]];
        (&who.name, &who.id)
    }
}
