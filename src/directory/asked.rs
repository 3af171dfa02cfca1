//! Is this the answer to what was asked? A success alone does not say so.
//!
//! A row declares what a real answer always holds ([`Row::holds`]) and where it repeats the id that was asked about
//! ([`Row::about`]); what differs is an error about this question alone, and nothing of it is used. Here too is when a
//! list is over: a reader that trusts cursors alone can be led in a circle for ever.
//!
//! Must not know: what answers are used for.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use serde_json::Value;

use super::{error::Error, row::Row, wire::Wire};

/// Empty pages in a row, each with a new place to go on from. WeCom filters after it cuts pages, so some may be empty.
const EMPTY_PAGES: u32 = 10;
/// Pages of one list: ten million entries of the longest pages.
const PAGES: u32 = 10_000;

/// Fails when the answer cannot be the one to this request.
pub(super) fn check(row: &'static Row, fields: &Value, answer: &Value) -> Result<(), Error> {
    let senseless = |why: String| {
        tracing::debug!(api = row.name, why, "an answer was not used");
        Err(Error::Implausible { api: row.name, why })
    };
    if let Some(missing) = row.holds.iter().find(|name| answer.get(**name).is_none()) {
        return senseless(format!("it holds no `{missing}`"));
    }
    let Some(about) = row.about else { return Ok(()) };
    let text = |value: Option<&Value>| value.and_then(String::read).unwrap_or_default();
    let (asked, answered) = (text(fields.get(about.field)), text(answer.pointer(about.pointer)));
    if answered.is_empty() {
        return senseless("it does not say whom or what it is about".to_owned());
    }
    let same = asked == answered || about.any_case && asked.eq_ignore_ascii_case(&answered);
    if same {
        Ok(())
    } else {
        senseless("it is about another id than was asked".to_owned())
    }
}

/// Watches over the pages of one list, so that reading it ends.
#[derive(Debug)]
pub struct PageGuard {
    seen: HashSet<u64>,
    empty: u32,
    pages: u32,
    most: u32,
}

impl Default for PageGuard {
    fn default() -> Self {
        Self::with_most(PAGES)
    }
}

impl PageGuard {
    /// For a list of at most so many pages.
    pub fn with_most(most: u32) -> Self {
        Self {
            seen: HashSet::new(),
            empty: 0,
            pages: 0,
            most,
        }
    }

    /// The list is read from this place on, so it may not come back either. May be said at every page.
    pub fn starts_at(&mut self, place: &impl Hash) {
        self.seen.insert(hash_of(place));
    }

    /// A page came, with entries or without, and `next` is the place that the next one is asked from. Fails when a
    /// place comes back ([`Error::Circle`]), and when pages without entries or pages at all seem to have no end.
    pub fn goes_on(&mut self, row: &'static Row, entries: bool, next: &impl Hash) -> Result<(), Error> {
        self.pages += 1;
        if !self.seen.insert(hash_of(next)) {
            return Err(Error::Circle { api: row.name });
        }
        self.empty = if entries { 0 } else { self.empty + 1 };
        let why = if self.empty >= EMPTY_PAGES {
            format!("{EMPTY_PAGES} pages without an entry, each of which says that there are more")
        } else if self.pages >= self.most {
            format!("{} pages, and the last says that there are more", self.most)
        } else {
            return Ok(());
        };
        Err(Error::Implausible { api: row.name, why })
    }
}

fn hash_of(place: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    hasher.finish()
}

/// Does a page have entries, whatever they are called?
pub(super) fn holds_something(page: &Value) -> bool {
    page.as_object().is_some_and(|page| {
        page.values()
            .any(|value| value.as_array().is_some_and(|list| !list.is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::{
        row::Endpoint,
        rows::{contacts, groups, members, msgaudit},
    };

    fn why(row: &'static Row, fields: Value, answer: Value) -> Option<String> {
        check(row, &fields, &answer).err().map(|error| error.to_string())
    }

    #[test]
    fn an_answer_names_the_id_that_was_asked_about() {
        let user = |answered: Value| why(members::UserGet::ROW, json!({"userid": "LiHua"}), answered);
        assert_eq!(user(json!({"userid": "LiHua", "name": "n"})), None);
        assert_eq!(user(json!({"userid": "lihua"})), None, "userids have no case");
        for other in [
            json!({"userid": "zhaomin"}),
            json!({"userid": ""}),
            json!({"name": "n"}),
            json!({}),
        ] {
            assert!(user(other.clone()).is_some(), "{other}");
        }
        let row = contacts::ExternalContactGet::ROW;
        let customer = |answered: Value| why(row, json!({"external_userid": "wmA"}), answered);
        let of = |id: &str| json!({"external_contact": {"external_userid": id}, "follow_user": []});
        assert_eq!(customer(of("wmA")), None);
        assert!(
            customer(of("wma")).is_some(),
            "ids that the platform made have a case"
        );
        assert!(customer(json!({"follow_user": []})).is_some());
        let row = groups::GroupChatGet::ROW;
        let group = |answered: Value| why(row, json!({"chat_id": "wrA"}), answered);
        assert_eq!(group(json!({"group_chat": {"chat_id": "wrA"}})), None);
        assert!(group(json!({"group_chat": {"chat_id": "wrB"}})).is_some());
        assert!(group(json!({"group_chat": []})).is_some());
        let row = msgaudit::GetRobotInfo::ROW;
        assert!(
            why(
                row,
                json!({"robot_id": "wbA"}),
                json!({"data": {"robot_id": "wbB"}})
            )
            .is_some()
        );
    }

    #[test]
    fn an_empty_list_is_an_answer_and_a_missing_one_is_none() {
        let row = msgaudit::CheckSingleAgree::ROW;
        assert_eq!(why(row, json!({}), json!({"agreeinfo": []})), None);
        assert_eq!(why(row, json!({}), json!({"agreeinfo": null})), None);
        let told = why(row, json!({}), json!({"errcode": 0})).expect("an error");
        assert!(
            told.contains("agreeinfo") && told.contains("check_single_agree"),
            "{told}"
        );
    }

    #[test]
    fn a_list_that_comes_back_stands_still_or_never_ends_is_over() {
        let row = groups::GroupChatList::ROW;
        let full = holds_something(&json!({"group_chat_list": [{"chat_id": "wr1"}], "next_cursor": "a"}));
        let empty = holds_something(&json!({"group_chat_list": [], "next_cursor": "a"}));
        assert!(full && !empty);
        let mut guard = PageGuard::default();
        for cursor in ["b", "c"] {
            assert_eq!(guard.goes_on(row, full, &cursor), Ok(()));
        }
        assert!(matches!(
            guard.goes_on(row, full, &"b"),
            Err(Error::Circle { .. })
        ));

        let mut guard = PageGuard::default();
        let ended = (0..).find_map(|number: u32| guard.goes_on(row, empty, &number).err());
        assert!(matches!(ended, Some(Error::Implausible { .. })));
        assert_eq!(guard.pages, EMPTY_PAGES);

        // One page with something on it makes up for those before.
        let mut guard = PageGuard::default();
        for number in 0..3 * EMPTY_PAGES {
            let entries = number % EMPTY_PAGES == 7;
            assert_eq!(guard.goes_on(row, entries, &number), Ok(()), "{number}");
        }
        let ended = (1_000..).find_map(|number: u32| guard.goes_on(row, full, &number).err());
        assert!(matches!(ended, Some(Error::Implausible { .. })));
        assert_eq!(guard.pages, PAGES);
    }
}
