//! Names beside ids: what people and rooms were called when a message was sent, and what they are called now.
//!
//! Ids always stay visible, because those are what an auditor swears to. All names of a page are looked up at once.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
};

use serde_json::{Map, Value, json};

use super::words::Words;
use crate::{
    ids::{CompanyId, Millis},
    line,
    message::{Chat, Message, fold_id},
    people::{Aspect, Class, Doubt, History},
    sanitize::{Line, value},
    store::{Reader, Result},
};

/// Aspects that a name can be found in.
pub(super) const NAMES: [Aspect; 4] = [Aspect::Name, Aspect::NameInRoom, Aspect::Remark, Aspect::Alias];

/// Histories of names, as far as they were looked up; ids nobody knows are remembered as such.
#[derive(Default)]
pub(super) struct Names {
    found: RefCell<HashMap<(CompanyId, Class), HashMap<String, History>>>,
    /// A name was shown that was learnt only after the message.
    later: Cell<bool>,
}

impl Names {
    /// Looks up everybody in these messages, and their rooms.
    pub(super) fn look<'m>(
        &self,
        reader: &Reader,
        messages: impl IntoIterator<Item = (CompanyId, &'m Message)>,
        everybody: bool,
    ) -> Result<()> {
        let mut wanted: HashMap<(CompanyId, Class), HashSet<String>> = HashMap::new();
        {
            let found = self.found.borrow();
            let mut want = |place: (CompanyId, Class), key: String| {
                let known = found.get(&place).is_some_and(|known| known.contains_key(&key));
                if !known && !key.is_empty() {
                    wanted.entry(place).or_default().insert(key);
                }
            };
            for (company, message) in messages {
                let most = if everybody { usize::MAX } else { 3 };
                let receivers = message.to.iter().take(most).map(String::as_str);
                for id in std::iter::once(message.from.as_str()).chain(receivers) {
                    want((company, Class::Person), fold_id(id).into_owned());
                }
                if let Some(Chat::Room(room)) = &message.chat {
                    want((company, Class::Room), room.clone());
                }
            }
        }
        for (place, keys) in wanted {
            self.fetch(reader, place, keys)?;
        }
        Ok(())
    }

    /// Looks up these people and rooms.
    pub(super) fn fetch(
        &self,
        reader: &Reader,
        place: (CompanyId, Class),
        keys: HashSet<String>,
    ) -> Result<()> {
        let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
        let dossiers = reader.dossiers(Some(place.0), place.1, &asked, &NAMES)?;
        let mut found = self.found.borrow_mut();
        let known = found.entry(place).or_default();
        for dossier in dossiers {
            known.insert(dossier.subject.key, dossier.history);
        }
        for key in keys {
            known.entry(key).or_default();
        }
        Ok(())
    }

    /// `张三(zhangsan)`, with what it is called now if that is another name; the id alone when no name is known.
    pub(super) fn label(
        &self,
        company: CompanyId,
        class: Class,
        id: &str,
        at: Option<Millis>,
        words: Words,
    ) -> Line {
        self.called(company, class, id, at).line(words)
    }

    /// The parts of a label.
    pub(super) fn called(&self, company: CompanyId, class: Class, id: &str, at: Option<Millis>) -> Called {
        let mut called = Called {
            id: id.to_owned(),
            name: None,
            later: false,
            now: None,
        };
        let found = self.found.borrow();
        let history = found
            .get(&(company, class))
            .and_then(|known| known.get(&*key(class, id)));
        let Some(history) = history else {
            return called;
        };
        let then = at.and_then(|at| history.name_at(at));
        match (then, history.name_now()) {
            (Some(then), Some(now)) => {
                called.later = then.doubt == Doubt::LearntLater;
                self.later.set(self.later.get() || called.later);
                called.name = Some(then.span.value.clone());
                called.now = (then.span.value != now.value).then(|| now.value.clone());
            }
            (None, Some(now)) => called.name = Some(now.value.clone()),
            _ => {}
        }
        called
    }

    /// What it is called now, if that was looked up and is known.
    pub(super) fn now(&self, company: CompanyId, class: Class, id: &str) -> Option<String> {
        let found = self.found.borrow();
        let history = found.get(&(company, class))?.get(&*key(class, id))?;
        history.name_now().map(|now| now.value.clone())
    }

    /// Names of everybody in a message for programs: `{"zhangsan": {"then": …, "now": …, "learnt_later": …}}`.
    pub(super) fn json(&self, company: CompanyId, message: &Message) -> Value {
        let mut people = Map::new();
        for id in std::iter::once(&message.from).chain(&message.to) {
            if let Some(name) = self.name_json(company, Class::Person, id, message.time) {
                people.insert(id.clone(), name);
            }
        }
        Value::Object(people)
    }

    /// The same for one id; nothing when it has no name.
    pub(super) fn name_json(
        &self,
        company: CompanyId,
        class: Class,
        id: &str,
        at: Option<Millis>,
    ) -> Option<Value> {
        let found = self.found.borrow();
        let history = found.get(&(company, class))?.get(&*key(class, id))?;
        let now = history.name_now()?;
        let then = at.and_then(|at| history.name_at(at));
        Some(json!({
            "then": then.map(|then| &then.span.value),
            "now": now.value,
            "learnt_later": then.is_some_and(|then| then.doubt == Doubt::LearntLater),
        }))
    }

    /// What the mark behind a name means, when one was shown.
    pub(super) fn legend(&self, words: Words) -> Option<&'static str> {
        self.later.get().then(|| {
            words.say(
                "* 该名称在消息发出之后才获知 (当时的名称未知，显示最早获知的)",
                "* learnt only after the message was sent (what it was called then is not known; shown is the earliest)",
            )
        })
    }
}

/// What somebody or something is called.
pub(super) struct Called {
    id: String,
    name: Option<String>,
    /// The name was learnt only after the time asked about.
    later: bool,
    /// The name of today, if it is another.
    now: Option<String>,
}

impl Called {
    /// For people.
    pub(super) fn line(&self, words: Words) -> Line {
        let id = value(&self.id);
        let Some(name) = &self.name else { return id };
        let mark = if self.later { "*" } else { "" };
        match &self.now {
            Some(now) => line!(
                "{}{}({}; {} {})",
                value(name),
                mark,
                id,
                words.say("现名", "now"),
                value(now)
            ),
            None => line!("{}{}({})", value(name), mark, id),
        }
    }

    /// For programs: the same with names and ids as they are.
    pub(super) fn text(&self, words: Words) -> String {
        let id = &self.id;
        let Some(name) = &self.name else { return id.clone() };
        let mark = if self.later { "*" } else { "" };
        match &self.now {
            Some(now) => format!("{name}{mark}({id}; {} {now})", words.say("现名", "now")),
            None => format!("{name}{mark}({id})"),
        }
    }
}

/// The form an id is compared in.
fn key(class: Class, id: &str) -> Cow<'_, str> {
    match class {
        Class::Person => fold_id(id),
        _ => Cow::Borrowed(id),
    }
}
