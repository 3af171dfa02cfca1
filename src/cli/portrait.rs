//! Who took part in one message: departments, positions, remarks and tags of its people, and who sat in its room, as it was
//! when it was sent and as it is now.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value, json};

use super::{
    names::{Called, Names},
    outcome::Failure,
    words::Words,
};
use crate::{
    ids::{CompanyId, Millis},
    line,
    message::{Chat, Message, fold_id},
    people::{Aspect, Class, Doubt, History},
    sanitize::{Line, value},
    store::Reader,
};

/// What is told of a person besides the name, in this order.
const ABOUT: [Aspect; 8] = [
    Aspect::Alias,
    Aspect::Company,
    Aspect::Department,
    Aspect::Position,
    Aspect::Remark,
    Aspect::CustomerTag,
    Aspect::OwnTag,
    Aspect::MemberTag,
];
/// People of a room named on a screen; JSON has all.
const MOST: usize = 20;

/// Everybody in one message, and its room.
pub(super) struct Portrait<'a> {
    names: &'a Names,
    company: CompanyId,
    time: Option<Millis>,
    /// Ids as received, sender first.
    people: Vec<(String, History)>,
    room: Option<History>,
}

/// One thing told of somebody: a value, and whom or what it belongs to.
struct Said {
    value: String,
    items: Vec<Called>,
}

impl Said {
    /// For people.
    fn line(&self, words: Words) -> Line {
        let items = Line::join(self.items.iter().map(|item| item.line(words)), " / ");
        match (self.value.is_empty(), self.items.is_empty()) {
            (true, _) => items,
            (false, true) => value(&self.value),
            (false, false) => line!("{} [{}]", value(&self.value), items),
        }
    }

    /// For programs.
    fn text(&self, words: Words) -> String {
        let items: Vec<String> = self.items.iter().map(|item| item.text(words)).collect();
        match (self.value.is_empty(), self.items.is_empty()) {
            (true, _) => items.join(" / "),
            (false, true) => self.value.clone(),
            (false, false) => format!("{} [{}]", self.value, items.join(" / ")),
        }
    }
}

impl<'a> Portrait<'a> {
    /// Looks everybody up; names of departments, tags and followers with them.
    pub(super) fn of(
        reader: &Reader,
        names: &'a Names,
        company: CompanyId,
        message: &Message,
    ) -> Result<Self, Failure> {
        let mut seen = HashSet::new();
        let ids: Vec<&String> = std::iter::once(&message.from)
            .chain(&message.to)
            .filter(|id| !id.is_empty() && seen.insert(fold_id(id)))
            .collect();
        let keys: Vec<String> = ids.iter().map(|id| fold_id(id).into_owned()).collect();
        let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found = reader.dossiers(Some(company), Class::Person, &asked, &ABOUT)?;
        let mut known: BTreeMap<String, History> = found
            .into_iter()
            .map(|dossier| (dossier.subject.key, dossier.history))
            .collect();
        let people: Vec<(String, History)> = ids
            .iter()
            .zip(&keys)
            .filter_map(|(id, key)| Some(((*id).clone(), known.remove(key)?)))
            .collect();
        let room = match &message.chat {
            Some(Chat::Room(id)) => reader
                .dossiers(Some(company), Class::Room, &[id], &[Aspect::Member])?
                .pop()
                .map(|dossier| dossier.history),
            _ => None,
        };
        let portrait = Self {
            names,
            company,
            time: message.time,
            people,
            room,
        };
        portrait.name_others(reader)?;
        Ok(portrait)
    }

    fn name_others(&self, reader: &Reader) -> Result<(), Failure> {
        let mut wanted: BTreeMap<Class, HashSet<String>> = BTreeMap::new();
        let spans = self.people.iter().flat_map(|(_, history)| &history.0);
        for span in spans.chain(self.room.iter().flat_map(|history| &history.0)) {
            for (class, id) in parts(span.aspect, &span.item) {
                wanted.entry(class).or_default().insert(id.to_owned());
            }
        }
        for (class, ids) in wanted {
            self.names.fetch(reader, (self.company, class), ids)?;
        }
        Ok(())
    }

    /// What is known of one person at the time, or now: by aspect, each value with its name, and whether that was
    /// learnt only later.
    fn said(&self, history: &History, at: Option<Millis>) -> Vec<(Aspect, Vec<Said>, bool)> {
        let mut all = Vec::new();
        for aspect in ABOUT {
            let held: Vec<_> = match at {
                Some(at) => history
                    .all_at(aspect, at)
                    .into_iter()
                    .map(|was| (was.span, was.doubt == Doubt::LearntLater))
                    .collect(),
                None => history
                    .of(aspect)
                    .filter(|span| span.until.is_none())
                    .map(|span| (span, false))
                    .collect(),
            };
            let later = held.iter().any(|(_, later)| *later);
            let texts: Vec<Said> = held
                .iter()
                .map(|(span, _)| Said {
                    value: span.value.clone(),
                    items: parts(aspect, &span.item)
                        .into_iter()
                        .map(|(class, id)| self.names.called(self.company, class, id, at))
                        .collect(),
                })
                .collect();
            if !texts.is_empty() {
                all.push((aspect, texts, later));
            }
        }
        all
    }

    /// Lines for people: label and text.
    pub(super) fn lines(&self, words: Words) -> Vec<(Line, Line)> {
        let text = |said: Vec<(Aspect, Vec<Said>, bool)>| {
            let parts = said.into_iter().map(|(aspect, values, later)| {
                let mark = if later { "*" } else { "" };
                let values = values.iter().map(|said| said.line(words));
                line!("{}{} {}", words.aspect(aspect), mark, Line::join(values, "、"))
            });
            Line::join(parts, "；")
        };
        let mut lines = Vec::new();
        for (id, history) in &self.people {
            let (then, now) = (self.said(history, self.time), self.said(history, None));
            let who = self
                .names
                .label(self.company, Class::Person, id, self.time, words);
            let told = text(then);
            if !told.is_empty() {
                let label = line!("{} {}", who, words.say("当时", "then"));
                lines.push((label, told));
            }
            let differs = bare(history, self.time) != bare(history, None);
            if differs && !now.is_empty() {
                let label = line!("{} {}", who, words.say("现在", "now"));
                lines.push((label, text(now)));
            }
        }
        if let Some((members, later)) = self.members(words) {
            let mark = if later { "*" } else { "" };
            let count = members.len();
            let more = if count > MOST { "…" } else { "" };
            lines.push((
                words.say(
                    line!("当时群成员{} {} 人", mark, count),
                    line!("in the room then{}: {}", mark, count),
                ),
                line!("{}{}", Line::join(members.into_iter().take(MOST), "、"), more),
            ));
        }
        lines
    }

    /// Who sat in the room when the message was sent; nothing when nobody told.
    fn members(&self, words: Words) -> Option<(Vec<Line>, bool)> {
        let held = self.room.as_ref()?.all_at(Aspect::Member, self.time?);
        let later = held.iter().any(|was| was.doubt == Doubt::LearntLater);
        let members: Vec<Line> = held
            .iter()
            .map(|was| {
                self.names
                    .label(self.company, Class::Person, &was.span.item, self.time, words)
            })
            .collect();
        (!members.is_empty()).then_some((members, later))
    }

    /// For programs: people by id with what was so then and what is so now, and the room's members then.
    pub(super) fn json(&self, words: Words) -> (Value, Value) {
        let by_aspect = |said: Vec<(Aspect, Vec<Said>, bool)>| {
            let mut all = Map::new();
            for (aspect, values, later) in said {
                let values: Vec<String> = values.iter().map(|said| said.text(words)).collect();
                all.insert(
                    aspect.as_str().to_owned(),
                    json!({"values": values, "learnt_later": later}),
                );
            }
            Value::Object(all)
        };
        let mut people = Map::new();
        for (id, history) in &self.people {
            people.insert(
                id.clone(),
                json!({"then": by_aspect(self.said(history, self.time)),
                       "now": by_aspect(self.said(history, None))}),
            );
        }
        let members = self.room.as_ref().zip(self.time).map(|(history, time)| {
            let held = history.all_at(Aspect::Member, time);
            held.iter()
                .map(|was| {
                    json!({"id": was.span.item, "joined": was.span.since.map(|since| since.0),
                           "learnt_later": was.doubt == Doubt::LearntLater,
                           "may_have_left": was.doubt == Doubt::Changing})
                })
                .collect::<Vec<_>>()
        });
        (Value::Object(people), json!(members))
    }
}

/// What was so then, or is so now, without how it reads.
fn bare(history: &History, at: Option<Millis>) -> BTreeSet<(Aspect, &str, &str)> {
    let held: Vec<_> = match at {
        Some(at) => ABOUT
            .iter()
            .flat_map(|aspect| history.all_at(*aspect, at))
            .map(|was| was.span)
            .collect(),
        None => history.0.iter().filter(|span| span.until.is_none()).collect(),
    };
    held.into_iter()
        .map(|span| (span.aspect, span.item.as_str(), span.value.as_str()))
        .collect()
}

/// The ids in an item, with what they are ids of.
pub(super) fn parts(aspect: Aspect, item: &str) -> Vec<(Class, &str)> {
    let (first, second) = item.split_once('/').map_or((item, None), |(a, b)| (a, Some(b)));
    match aspect {
        Aspect::Department => vec![(Class::Department, item)],
        Aspect::MemberTag => vec![(Class::MemberTag, item)],
        Aspect::Remark | Aspect::Member | Aspect::Follower => vec![(Class::Person, item)],
        Aspect::NameInRoom => vec![(Class::Room, item)],
        Aspect::CustomerTag => std::iter::once((Class::CustomerTag, first))
            .chain(second.map(|who| (Class::Person, who)))
            .collect(),
        // The tag has no id of its own; its name is the value.
        Aspect::OwnTag => item
            .rsplit_once('/')
            .map(|(_, who)| (Class::Person, who))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}
