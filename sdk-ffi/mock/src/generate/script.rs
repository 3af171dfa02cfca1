//! The script: who says what sort of thing where and when. Cheap and sequential; the words are put in later, in
//! parallel, from each cue alone.

use std::collections::VecDeque;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use super::{
    Length, Plan,
    kinds::Kind,
    people::{Cast, Role},
};

/// One message before its words.
#[derive(Debug, Clone)]
pub(super) struct Cue {
    pub(super) place: u64,
    pub(super) seq: u64,
    pub(super) kind: Kind,
    pub(super) msgid: String,
    pub(super) time: i64,
    /// Index into the cast's chats.
    pub(super) chat: usize,
    /// Index into the cast's people.
    pub(super) from: usize,
    /// The message a recall takes back.
    pub(super) target: Option<String>,
}

/// A message that may still be recalled.
struct Recent {
    msgid: String,
    chat: usize,
    from: usize,
    time: i64,
}

/// Milliseconds within which WeCom lets people take a message back.
const RECALL_WINDOW: i64 = 120_000;

pub(super) struct Script<'a> {
    plan: &'a Plan,
    cast: &'a Cast,
    rng: ChaCha8Rng,
    place: u64,
    seq: u64,
    clock: i64,
    busy: Vec<usize>,
    recent: VecDeque<Recent>,
    /// A message that was recalled before it arrived: it comes next.
    owed: Option<Recent>,
}

impl<'a> Script<'a> {
    pub(super) fn new(plan: &'a Plan, cast: &'a Cast) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let busy = (0..8).map(|_| cast.any_chat(&mut rng)).collect();
        Self {
            plan,
            cast,
            rng,
            place: 0,
            seq: plan.first_seq,
            clock: plan.start_time_ms,
            busy,
            recent: VecDeque::new(),
            owed: None,
        }
    }

    /// Seconds pass between messages, a night passes after 22 o'clock Beijing time.
    fn tick(&mut self) {
        self.clock += (4000.0 * -(1.0 - self.rng.random::<f64>()).ln()) as i64 + 1;
        let of_day = (self.clock + 8 * 3_600_000).rem_euclid(86_400_000);
        if of_day > 22 * 3_600_000 {
            self.clock += 86_400_000 - of_day + 8 * 3_600_000 + 30 * 60_000;
        }
    }

    fn any_chat(&mut self) -> usize {
        let slot = self.rng.random_range(0..self.busy.len());
        if self.rng.random_bool(0.15) {
            self.busy[slot] = self.cast.any_chat(&mut self.rng);
        }
        self.busy[slot]
    }

    fn somebody(&mut self, chat: usize) -> usize {
        let people = &self.cast.chats[chat].people;
        let who = people[self.rng.random_range(0..people.len().min(12))];
        // Robots send notices, not chatter.
        if self.cast.people[who].role == Role::Robot {
            people[0]
        } else {
            who
        }
    }

    /// Chat and sender that suit a kind.
    fn scene(&mut self, kind: Kind) -> (usize, usize) {
        let (cast, rng) = (self.cast, &mut self.rng);
        match kind {
            Kind::Agree | Kind::Disagree => {
                let chat = cast.single_with_customer(rng);
                (chat, cast.chats[chat].people[1])
            }
            Kind::Switch => (0, cast.any_member(rng)),
            Kind::Markdown | Kind::News | Kind::NewsOld => (cast.internal_group(rng), cast.any_robot(rng)),
            Kind::Todo
            | Kind::Collect
            | Kind::Vote
            | Kind::VoteTop
            | Kind::MeetingNotification
            | Kind::Calendar => {
                let chat = cast.internal_group(rng);
                (chat, cast.chats[chat].people[0])
            }
            Kind::ExternalRedpacket => {
                let chat = cast.customer_group(rng);
                (chat, cast.chats[chat].people[0])
            }
            _ => {
                let chat = self.any_chat();
                (chat, self.somebody(chat))
            }
        }
    }

    /// A recall of something recent: by its sender, or in a group sometimes by the owner.
    fn recall(&mut self) -> Option<Recent> {
        let clock = self.clock;
        self.recent.retain(|recent| clock - recent.time < RECALL_WINDOW);
        if self.recent.is_empty() {
            return None;
        }
        let mut target = self.recent.remove(self.rng.random_range(0..self.recent.len()))?;
        let chat = &self.cast.chats[target.chat];
        if chat.room.is_some() && self.rng.random_bool(0.15) {
            target.from = chat.people[0];
        }
        Some(target)
    }

    /// True when the next place is free for a message that was recalled before it arrived.
    fn may_owe(&self) -> bool {
        let next = self.place + 1;
        next < self.plan.messages && Kind::due(next, self.plan.messages).is_none()
    }

    fn msgid(&mut self, external: bool) -> String {
        let number: u64 = self.rng.random();
        // Old forms turn up in old data (messages §2).
        match self.rng.random_range(0..400) {
            0 => format!("{}{}", number, self.rng.random_range(10..99)),
            1 => STANDARD.encode(
                [
                    &b"\x08\x04\x10"[..],
                    &number.to_le_bytes(),
                    &number.to_be_bytes(),
                    b"\x18",
                ]
                .concat(),
            ),
            2 => format!("{number}_{}", self.clock / 1000),
            3 if external => format!("{number}_{}_updown_stream", self.clock),
            _ if external => format!("{number}_{}_external", self.clock),
            _ => format!("{number}_{}", self.clock),
        }
    }

    fn next_seq(&mut self) -> u64 {
        let seq = self.seq;
        let gap = if self.plan.gaps && self.rng.random_bool(0.015) {
            self.rng.random_range(1..60)
        } else {
            0
        };
        self.seq = self.seq.saturating_add(1 + gap);
        seq
    }
}

impl Iterator for Script<'_> {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        if self.place == self.plan.messages {
            return None;
        }
        self.tick();
        let drawn = Kind::draw(&mut self.rng);
        let mut kind = match self.plan.length {
            Length::Exactly(_) => Kind::Text,
            _ => Kind::due(self.place, self.plan.messages).unwrap_or(drawn),
        };
        let (chat, from, target, msgid, time);
        if let Some(owed) = self.owed.take() {
            // Whatever was due here: the recalled message comes first.
            (kind, chat, from, target, msgid, time) =
                (Kind::Text, owed.chat, owed.from, None, owed.msgid, owed.time);
        } else {
            let scene = self.scene(kind);
            let mut lost = None;
            let mut at = scene;
            match kind {
                Kind::RevokeAfter => match self.recall() {
                    Some(recalled) => {
                        at = (recalled.chat, recalled.from);
                        lost = Some(recalled.msgid);
                    }
                    None => kind = Kind::Text,
                },
                Kind::RevokeBefore if self.may_owe() => {
                    let msgid = self.msgid(self.cast.chats[at.0].external);
                    lost = Some(msgid.clone());
                    self.owed = Some(Recent {
                        msgid,
                        chat: at.0,
                        from: at.1,
                        time: self.clock - 900,
                    });
                }
                Kind::RevokeBefore | Kind::RevokeLost => {
                    kind = Kind::RevokeLost;
                    lost = Some(self.msgid(self.cast.chats[at.0].external));
                }
                _ => {}
            }
            (chat, from) = at;
            target = lost;
            msgid = self.msgid(self.cast.chats[chat].external && kind != Kind::Switch);
            // The order is by archiving, not by sending (finance-sdk §5.3).
            time = self.clock
                - if self.rng.random_bool(0.05) {
                    self.rng.random_range(0..3000)
                } else {
                    0
                };
        }
        let cue = Cue {
            place: self.place,
            seq: self.next_seq(),
            kind,
            msgid,
            time,
            chat,
            from,
            target,
        };
        if kind.can_be_recalled() {
            self.recent.push_back(Recent {
                msgid: cue.msgid.clone(),
                chat,
                from,
                time,
            });
            if self.recent.len() > 64 {
                self.recent.pop_front();
            }
        }
        self.place += 1;
        Some(cue)
    }
}
