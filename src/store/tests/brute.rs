//! The other way to answer a filter: look at every message. Kept as plain as can be, because the index is
//! tested against it.

use std::borrow::Cow;

use crate::{
    ids::{CompanyId, RecordId, Seq},
    message::{Chat, Direction, Message, Place, Scope, fold_id, is_external, is_robot},
    store::contract::{Filter, MediaAsk, MediaState, Role, Sayer},
    words::{Alike, fold, patterns, pinyin, variants},
};

/// What brute force knows of a record.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub id: RecordId,
    pub company: CompanyId,
    pub seq: Seq,
    /// Outer msgid.
    pub msgid: String,
    pub message: Message,
}

/// Is the filter true for `one` in an archive of `all`?
pub(super) fn holds(filter: &Filter, one: &Known, all: &[Known]) -> bool {
    let message = &one.message;
    match filter {
        Filter::All => true,
        Filter::And(parts) => parts.iter().all(|part| holds(part, one, all)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, one, all)),
        Filter::Not(part) => !holds(part, one, all),
        Filter::Text { needle, places } => contains(message, needle, places),
        Filter::TextAlike {
            alike,
            needle,
            places,
        } => stands_in(message, places, |text| is_in(*alike, needle, text)),
        Filter::From(id) => person(&message.from) == person(id),
        Filter::To(id) => message.to.iter().any(|to| person(to) == person(id)),
        Filter::With(id) => {
            person(&message.from) == person(id) || message.to.iter().any(|to| person(to) == person(id))
        }
        Filter::Room(id) => message.chat == Some(Chat::Room(id.clone())),
        Filter::Type(name) => {
            let letters = |word: &str| word.replace(['_', '-'], "").to_ascii_lowercase();
            letters(&message.msgtype) == letters(name)
        }
        Filter::Recalled { within_ms } => all.iter().any(|recall| {
            let target = recall.message.recalls.as_ref();
            recall.id != one.id
                && recall.company == one.company
                && target.is_some_and(|target| *target == one.msgid || *target == message.msgid)
                && within_ms.is_none_or(|within| match (recall.message.time, message.time) {
                    (Some(a), Some(b)) => a.0.abs_diff(b.0) <= within as u64,
                    _ => false,
                })
        }),
        Filter::External => message.scope != Scope::Internal,
        Filter::Internal => message.scope == Scope::Internal,
        Filter::Group => matches!(message.chat, Some(Chat::Room(_))),
        Filter::Single => !matches!(message.chat, Some(Chat::Room(_))),
        Filter::Time { from, to } => message
            .time
            .is_some_and(|time| from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)),
        Filter::HasMedia => !message.media.is_empty(),
        Filter::HasFile => {
            let file = |kind: &str| ["file", "qydiskfile", "voip_doc_share"].contains(&kind);
            file(&message.msgtype) || message.media.iter().any(|media| file(&media.kind))
        }
        Filter::HasLink => message.has_link,
        Filter::HasPattern(pattern) => {
            let texts = message.segments.iter();
            texts.fold(0, |found, text| found | patterns(&fold(&text.text))) & pattern.bit() != 0
        }
        // Nothing was fetched in these archives; `tests/media.rs` compares the other states.
        Filter::Media(MediaAsk::Missing | MediaAsk::In(MediaState::Pending)) => !message.media.is_empty(),
        Filter::Media(_) => false,
        Filter::Seq(first, last) => (*first..=*last).contains(&one.seq),
        Filter::Msgid(msgid) => *msgid == one.msgid || *msgid == message.msgid,
        Filter::Company(company) => *company == one.company,
        // Nobody has a name here; `people` tests those.
        Filter::CalledAlike { .. } | Filter::Name(_) | Filter::Tag(_) | Filter::Department(_) => false,
        Filter::Id(role, id) => {
            let sent = person(&message.from) == person(id);
            let received = message.to.iter().any(|to| person(to) == person(id));
            match role {
                Role::Sender => sent,
                Role::Receiver => received,
                Role::Either => sent || received,
            }
        }
        Filter::Inbound => message.direction == Direction::In,
        Filter::Outbound => message.direction == Direction::Out,
        Filter::SaidBy(sayer) => match sayer {
            Sayer::External => is_external(&message.from),
            Sayer::Robot => is_robot(&message.from),
            Sayer::Employee => {
                !message.from.is_empty() && !is_external(&message.from) && !is_robot(&message.from)
            }
        },
        // The companies of these tests are compared by their rows.
        Filter::CompanyNamed(_) => false,
        // Depends on what was learnt besides: see `super::consent`.
        Filter::Consent(_) => unreachable!("consent is compared elsewhere"),
    }
}

/// Folded substring in one text of one of the places.
pub(super) fn contains(message: &Message, needle: &str, places: &[Place]) -> bool {
    let needle = fold(needle);
    stands_in(message, places, |text| text.contains(&needle))
}

/// Something that is true for one folded text of one of the places.
fn stands_in(message: &Message, places: &[Place], is_there: impl Fn(&str) -> bool) -> bool {
    message.segments.iter().any(|segment| {
        let stands = places.iter().any(|place| match segment.places.0 {
            0 => *place == Place::Other,
            set => set & (1 << *place as u8) != 0,
        });
        (places.is_empty() || stands) && is_there(&fold(&segment.text))
    })
}

/// Does some part of a folded text count for what was asked?
pub(super) fn is_in(alike: Alike, asked: &str, folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    let ways = spelt(alike, asked);
    let count_for = |way: &Way| chars.windows(way.len()).any(|part| fits(way, part));
    ways.iter().any(count_for)
}

/// Does a folded text as a whole count for what was asked?
pub(super) fn is(alike: Alike, asked: &str, folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    spelt(alike, asked)
        .iter()
        .any(|way| way.len() == chars.len() && fits(way, &chars))
}

/// What may stand at each place, ascending.
type Way = Vec<Cow<'static, [char]>>;

/// Every way to write what was asked.
fn spelt(alike: Alike, asked: &str) -> Vec<Way> {
    match alike {
        Alike::Variants => {
            let forms = |c: char| match variants::forms(c) {
                [] => Cow::Owned(vec![c]),
                forms => Cow::Borrowed(forms),
            };
            vec![fold(asked).chars().map(forms).collect()]
        }
        Alike::Pinyin => {
            let ways = pinyin::ways(asked).unwrap_or_default();
            let read = |way: &Vec<&str>| {
                way.iter()
                    .map(|one| Cow::Borrowed(pinyin::read_as(one)))
                    .collect()
            };
            ways.iter().map(read).collect()
        }
    }
}

fn fits(way: &Way, chars: &[char]) -> bool {
    way.iter()
        .zip(chars)
        .all(|(forms, c)| forms.binary_search(c).is_ok())
}

fn person(id: &str) -> String {
    fold_id(id).into_owned()
}
