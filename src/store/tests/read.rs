//! Conversations and counts.

use jiff::tz::TimeZone;

use super::{Scratch, opened, sealed, text};
use crate::{
    ids::{Millis, RecordId},
    message::{Chat, Flaws, Message},
    store::contract::{ChatKey, Group, Order, Tally},
};

fn in_room(msgid: &str, from: &str, time: i64) -> Message {
    Message {
        chat: Some(Chat::Room("wr1".into())),
        ..text(msgid, from, "x", time, "words")
    }
}

fn msgids(stored: &[crate::store::contract::Stored]) -> Vec<&str> {
    stored.iter().map(|one| one.msgid.as_str()).collect()
}

/// Three in a room, two between Alice and Bob, one of nobody; landed out of order.
fn talk() -> (Scratch, Vec<RecordId>) {
    let mut scratch = Scratch::new();
    let ids = scratch.keep(
        10,
        &[
            in_room("r2", "alice", 200),
            text("t1", "Alice", "Bob", 150, "hi"),
            in_room("r1", "bob", 100),
            in_room("r3", "alice", 300),
            text("t2", "bob", "alice", 0, "hi"),
            Message {
                chat: None,
                msgtype: "switch".into(),
                ..text("s", "", "", 250, "")
            },
        ],
    );
    (scratch, ids)
}

#[test]
fn the_conversation_around_a_message_is_in_order() {
    let (scratch, ids) = talk();
    assert_eq!(
        msgids(&scratch.store.context(ids[0], 5, 5).expect("asked")),
        ["r1", "r2", "r3"]
    );
    assert_eq!(
        msgids(&scratch.store.context(ids[0], 0, 1).expect("asked")),
        ["r2", "r3"]
    );
    assert_eq!(
        msgids(&scratch.store.context(ids[3], 1, 1).expect("asked")),
        ["r2", "r3"]
    );
    assert_eq!(
        msgids(&scratch.store.context(ids[5], 5, 5).expect("asked")),
        ["s"],
        "in no chat"
    );
    assert!(
        scratch
            .store
            .context(RecordId(999), 5, 5)
            .expect("asked")
            .is_empty()
    );
    assert!(scratch.store.message(RecordId(999)).expect("asked").is_none());
}

#[test]
fn a_record_that_is_not_opened_stands_alone() {
    let (mut scratch, _) = talk();
    let id = scratch.land(&[sealed(99, "x")]).fresh[0].0;
    assert_eq!(msgids(&scratch.store.context(id, 5, 5).expect("asked")), ["m99"]);
    assert_eq!(scratch.store.by_msgid("m99").expect("asked").len(), 1);
    assert!(scratch.store.by_msgid("none").expect("asked").is_empty());
}

#[test]
fn chats_are_listed_and_found_by_room_or_people() {
    let (scratch, _) = talk();
    let chats = scratch.store.chats().expect("listed");
    let people = ChatKey::People(vec!["alice".into(), "bob".into()]);
    assert_eq!(
        chats
            .iter()
            .map(|chat| (chat.key.clone(), chat.messages))
            .collect::<Vec<_>>(),
        [(ChatKey::Room("wr1".into()), 3), (people.clone(), 2)]
    );
    assert_eq!(
        (chats[0].first, chats[0].last),
        (Some(Millis(100)), Some(Millis(300)))
    );
    assert_eq!(
        (chats[1].first, chats[1].last),
        (Some(Millis(150)), Some(Millis(150)))
    );
    for name in ["bob,Alice", " ALICE，BOB ", "alice,bob"] {
        let found = scratch.store.chats_named(name).expect("asked");
        assert_eq!(found.first().map(|chat| &chat.key), Some(&people), "{name}");
    }
    assert_eq!(
        scratch.store.chats_named("wr1").expect("asked")[0].id,
        chats[0].id
    );
    assert!(
        scratch.store.chats_named("WR1").expect("asked").is_empty(),
        "rooms are told apart by case"
    );
}

#[test]
fn a_chat_is_paged_in_both_orders() {
    let (scratch, _) = talk();
    let room = scratch.store.chats_named("wr1").expect("asked")[0].id;
    for (order, expected) in [
        (Order::OldestFirst, ["r1", "r2", "r3"]),
        (Order::NewestFirst, ["r3", "r2", "r1"]),
    ] {
        let first = scratch.store.chat_page(room, order, None, 2).expect("a page");
        let rest = scratch
            .store
            .chat_page(room, order, first.last().map(|one| one.page_key()), 2)
            .expect("a page");
        assert_eq!([msgids(&first), msgids(&rest)].concat(), expected);
    }
}

#[test]
fn stats_count_by_type_person_and_chat() {
    let (scratch, _) = talk();
    let zone = TimeZone::UTC;
    let count = |group| {
        let tallies: Vec<Tally> = scratch.store.stats(group, &zone).expect("counted");
        tallies
            .into_iter()
            .map(|tally| (tally.key, tally.count))
            .collect::<Vec<_>>()
    };
    let pairs = |list: &[(&str, u64)]| {
        list.iter()
            .map(|(key, n)| ((*key).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(count(Group::Type), pairs(&[("text", 5), ("switch", 1)]));
    assert_eq!(count(Group::Person), pairs(&[("alice", 3), ("bob", 2), ("", 1)]));
    assert_eq!(
        count(Group::Chat),
        pairs(&[("wr1", 3), ("alice,bob", 2), ("", 1)])
    );
}

#[test]
fn days_are_those_of_the_zone() {
    let mut scratch = Scratch::new();
    // 2024-04-30 16:00 UTC is midnight in Shanghai.
    let midnight = 1_714_492_800_000;
    let times = [
        midnight - 1,
        midnight,
        midnight + 86_399_999,
        midnight + 86_400_000,
        0,
        i64::MAX,
        -1,
    ];
    let messages: Vec<Message> = times
        .iter()
        .enumerate()
        .map(|(n, time)| text(&format!("m{n}"), "a", "b", *time, "x"))
        .collect();
    scratch.keep(1, &messages);
    let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
    let days = scratch.store.stats(Group::Day, &zone).expect("counted");
    let days: Vec<(&str, u64)> = days.iter().map(|day| (day.key.as_str(), day.count)).collect();
    // A time that no calendar has counts as none.
    assert_eq!(
        days,
        [
            ("", 2),
            ("1970-01-01", 1),
            ("2024-04-30", 1),
            ("2024-05-01", 2),
            ("2024-05-02", 1)
        ]
    );
}

#[test]
fn unreadable_bytes_are_counted_and_findable_by_seq_only() {
    let mut scratch = Scratch::new();
    let id = scratch.land(&[sealed(1, "x")]).fresh[0].0;
    let mut message = text("", "", "", 0, "");
    message.flaws = Flaws {
        not_json: true,
        ..Flaws::default()
    };
    message.segments.clear();
    message.chat = None;
    scratch.settle(&[opened(id, message)]);
    let coverage = scratch.store.coverage().expect("counted");
    assert_eq!((coverage.opened, coverage.unreadable), (1, 1));
    let stored = scratch.store.message(id).expect("asked").expect("there");
    assert!(stored.opened.expect("opened").flaws.not_json);
}
