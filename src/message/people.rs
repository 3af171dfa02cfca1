//! Ids, and what follows from them: who takes part, which conversation, which way, how far.
//!
//! An id's prefix is a hint, not a proof (messages §2): a company may give a member any id it likes. So every
//! form here also asks for the length or alphabet that WeCom's own ids have.

use std::{borrow::Cow, collections::HashSet};

/// Which kind of conversation a message belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Chat {
    /// A group, by its `roomid`.
    Room(String),
    /// The unordered set of people of a talk without a room, folded and sorted (normally a pair).
    People(Vec<String>),
}

/// Who can be in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Members of the company only, as far as ids and msgid tell.
    #[default]
    Internal,
    /// At least one external contact, or `_external` in the msgid.
    External,
    /// `_updown_stream` in the msgid.
    UpDown,
}

/// Which way a message went, seen from the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// From an external contact.
    In,
    /// From a member or robot to an external contact.
    Out,
    /// Between members.
    Within,
    /// `switch` records and whatever names no sender.
    #[default]
    None,
}

/// An external contact: 32 characters starting `wm` (WeChat) or `wo` (another company), messages §2.
pub fn is_external(id: &str) -> bool {
    id.len() == 32 && (id.starts_with("wm") || id.starts_with("wo")) && issued(id)
}

/// A robot: starts `wb`, messages §2. The one sample has 26 characters; shorter ones are taken for members.
pub fn is_robot(id: &str) -> bool {
    id.len() >= 16 && id.starts_with("wb") && issued(id)
}

/// A group: starts `wr`, messages §2. Samples have 16 to 32 characters.
pub fn is_room(id: &str) -> bool {
    id.len() >= 16 && id.starts_with("wr") && issued(id)
}

/// The id in the form it is compared in. Member ids are case-insensitive in WeCom and become lower case; ids
/// that WeCom issues (external contacts, robots, groups) are case-sensitive and stay.
pub fn fold_id(id: &str) -> Cow<'_, str> {
    let folded = id.bytes().any(|byte| byte.is_ascii_uppercase());
    if !folded || is_external(id) || is_robot(id) || is_room(id) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(id.to_ascii_lowercase())
    }
}

fn issued(id: &str) -> bool {
    id.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Sender first, then receivers, folded, each once.
pub(super) fn people<'m>(from: &'m str, to: &'m [String]) -> Vec<Cow<'m, str>> {
    let mut seen = HashSet::with_capacity(to.len() + 1);
    std::iter::once(from)
        .chain(to.iter().map(String::as_str))
        .filter(|id| !id.is_empty())
        .map(fold_id)
        .filter(|id| seen.insert(id.clone()))
        .collect()
}

/// The room if there is one, else the people; nothing when neither is named.
pub(super) fn chat(roomid: &str, from: &str, to: &[String]) -> Option<Chat> {
    if !roomid.is_empty() {
        return Some(Chat::Room(roomid.to_owned()));
    }
    let mut set: Vec<String> = people(from, to).into_iter().map(Cow::into_owned).collect();
    set.sort_unstable();
    (!set.is_empty()).then_some(Chat::People(set))
}

/// The msgid's suffix where there is one, else the ids (messages §2: no suffix proves nothing).
pub(super) fn scope(msgid: &str, from: &str, to: &[String]) -> Scope {
    if msgid.ends_with("_updown_stream") {
        Scope::UpDown
    } else if msgid.ends_with("_external") || is_external(from) || to.iter().any(|id| is_external(id)) {
        Scope::External
    } else {
        Scope::Internal
    }
}

/// From the sender's form, and for members from whether anybody outside can read it.
pub(super) fn direction(scope: Scope, from: &str, to: &[String]) -> Direction {
    if from.is_empty() {
        Direction::None
    } else if is_external(from) {
        Direction::In
    } else if scope == Scope::External || to.iter().any(|id| is_external(id)) {
        Direction::Out
    } else {
        Direction::Within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUEST: &str = "wmGAgeDQAAvQeaTqWwkMTxGMkvI7OOuQ";
    const PARTNER: &str = "woJ7ijBwAAmqwojT8r_DaNMbr_NAvaag";

    fn ids(list: &[&str]) -> Vec<String> {
        list.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn forms_of_ids_are_told_apart() {
        assert!(is_external(GUEST) && is_external(PARTNER));
        for member in [
            "wm",
            "WoBeiQi...",
            "0000726",
            "wmGAgeDQAAvQeaTqWwkMTxGMkvI7OOu",
            "wmGAgeDQAAvQeaTqWwkMTxGMkvI7OO.Q",
        ] {
            assert!(!is_external(member), "{member}");
        }
        assert!(is_robot("wbxxxxxxxxxxxxxxxxxxxxxxxx") && !is_robot("wbliu"));
        assert!(is_room("wrErxtDgAA0jgXE5") && !is_room("wright"));
    }

    #[test]
    fn member_ids_fold_and_issued_ids_do_not() {
        assert_eq!(fold_id("XuJinSheng"), "xujinsheng");
        assert_eq!(fold_id("0000726"), "0000726");
        for issued in [GUEST, PARTNER, "wrErxtDgAA0jgXE5", "wbXXxxxxxxxxxxxxxxxxxxxxxx"] {
            assert_eq!(fold_id(issued), issued);
        }
    }

    #[test]
    fn a_pair_is_one_chat_in_both_directions_and_spellings() {
        let there = chat("", "XuJinSheng", &ids(&["IceFog"]));
        let back = chat("", "icefog", &ids(&["xujinsheng"]));
        assert_eq!(there, back);
        assert_eq!(there, Some(Chat::People(ids(&["icefog", "xujinsheng"]))));
        assert_eq!(chat("wr1", "a", &ids(&["b"])), Some(Chat::Room("wr1".into())));
        assert_eq!(chat("", "a", &ids(&["A"])), Some(Chat::People(ids(&["a"]))));
        assert_eq!(chat("", "", &[]), None);
    }

    #[test]
    fn people_are_listed_once_sender_first() {
        assert_eq!(people("Ken", &ids(&["icef", "", "KEN", "ICEF"])), ["ken", "icef"]);
    }

    #[test]
    fn scope_and_direction_follow_from_suffix_and_ids() {
        let guest = ids(&["ken", GUEST]);
        let member = ids(&["ken"]);
        let told = |msgid: &str, from: &str, to: &[String]| {
            let scope = scope(msgid, from, to);
            (scope, direction(scope, from, to))
        };
        assert_eq!(told("1_2", "a", &member), (Scope::Internal, Direction::Within));
        assert_eq!(told("1_2", "a", &guest), (Scope::External, Direction::Out));
        assert_eq!(told("1_2", GUEST, &member), (Scope::External, Direction::In));
        assert_eq!(
            told("1_2_external", "a", &member),
            (Scope::External, Direction::Out)
        );
        assert_eq!(
            told("1_2_updown_stream", "a", &member),
            (Scope::UpDown, Direction::Within)
        );
        assert_eq!(told("1_2", "", &member), (Scope::Internal, Direction::None));
    }
}
