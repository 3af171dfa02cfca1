//! Tests of the room: what was so at a time, and what answers say.

use proptest::prelude::*;

use super::*;
use crate::{
    directory::{Wire, rows::groups::OneGroupChat},
    ids::Millis,
};

fn span(value: &str, since: Option<i64>, learnt: i64, seen: i64, until: Option<i64>) -> Span {
    Span {
        aspect: Aspect::Name,
        item: String::new(),
        value: value.into(),
        since: since.map(Millis),
        learnt: Millis(learnt),
        seen: Millis(seen),
        until: until.map(Millis),
        how: "test".into(),
    }
}

fn name(history: &History, at: i64) -> Option<(&str, Doubt)> {
    let was = history.name_at(Millis(at))?;
    Some((&was.span.value, was.doubt))
}

#[test]
fn a_name_is_what_was_told_last_and_before_all_telling_the_first_and_marked() {
    let history = History(vec![
        span("old", None, 100, 180, Some(200)),
        span("new", None, 200, 300, None),
    ]);
    assert_eq!(name(&history, 50), Some(("old", Doubt::LearntLater)));
    assert_eq!(name(&history, 100), Some(("old", Doubt::None)));
    assert_eq!(name(&history, 180), Some(("old", Doubt::None)));
    assert_eq!(name(&history, 190), Some(("old", Doubt::Changing)));
    assert_eq!(name(&history, 200), Some(("new", Doubt::None)));
    assert_eq!(history.name_now().map(|span| span.value.as_str()), Some("new"));
    assert_eq!(name(&History::default(), 1), None);
}

#[test]
fn who_sat_in_a_room_on_a_day_follows_from_joining_and_from_two_readings() {
    let member = |who: &str, since, learnt, seen, until| Span {
        aspect: Aspect::Member,
        item: who.into(),
        ..span("", since, learnt, seen, until)
    };
    let history = History(vec![
        member("early", Some(10), 1000, 2000, None),
        member("left", Some(10), 1000, 1500, Some(1800)),
        member("late", Some(1700), 1800, 2000, None),
        member("timeless", None, 1000, 2000, None),
    ]);
    let day = |from, to| -> Vec<(&str, Doubt)> {
        let all = history.during(Aspect::Member, Millis(from), Millis(to));
        all.into_iter()
            .map(|was| (was.span.item.as_str(), was.doubt))
            .collect()
    };
    assert_eq!(day(0, 5), [("timeless", Doubt::LearntLater)]);
    assert_eq!(
        day(20, 30),
        [
            ("early", Doubt::None),
            ("left", Doubt::None),
            ("timeless", Doubt::LearntLater)
        ]
    );
    assert_eq!(
        day(1600, 1750),
        [
            ("early", Doubt::None),
            ("left", Doubt::Changing),
            ("late", Doubt::None),
            ("timeless", Doubt::None)
        ]
    );
    assert_eq!(
        day(1900, 1950),
        [
            ("early", Doubt::None),
            ("late", Doubt::None),
            ("timeless", Doubt::None)
        ]
    );
}

#[test]
fn a_customer_group_tells_its_people_and_what_outsiders_are_called() {
    let answer = serde_json::json!({"group_chat": {
    "chat_id": "wrAAAAAAAAAAAAAAAAAA", "name": "", "owner": "ZhangSan", "create_time": "1700000000",
    "member_list": [
        {"userid": "ZhangSan", "type": 1, "join_time": 1700000000, "group_nickname": null, "name": "张三"},
        {"userid": "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "type": "2", "join_time": 1700000060, "name": "李四"}
    ]}});
    let group = OneGroupChat::read(&answer).expect("an object").group_chat;
    let room = Subject::room("wrAAAAAAAAAAAAAAAAAA", Kind::Inside);
    let news = answers::group(&room, &group);
    assert_eq!(news.len(), 2, "a member's name comes with the address book");
    assert_eq!(news[0].subject.kind, Kind::Outside);
    let members = news[0].told.iter().find_map(|told| match told {
        Told::Whole(Aspect::Member, said) => Some(said.clone()),
        _ => None,
    });
    assert_eq!(
        members,
        Some(vec![
            Said::of("zhangsan", "").since(1_700_000_000),
            Said::of("wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "").since(1_700_000_060),
        ])
    );
    assert!(!news[1].answers, "a name in a room is no answer about a person");
    assert_eq!(
        news[1].told,
        [Told::Item(
            Aspect::NameInRoom,
            Said::of("wrAAAAAAAAAAAAAAAAAA", "李四")
        )]
    );
}

/// Anything a gateway might put into a field.
fn anything() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,8}".prop_map(|text| json!(text)),
    ];
    let names = proptest::sample::select(vec![
        "userid",
        "name",
        "type",
        "join_time",
        "member_list",
        "group_chat",
        "chat_id",
        "owner",
        "create_time",
        "group_nickname",
        "follow_user",
        "external_contact",
        "external_userid",
        "tags",
        "tag_id",
        "department",
        "createtime",
        "remark",
        "status",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_breaks_the_reading(answer in anything()) {
        use crate::directory::rows::{contacts::ExternalContactDetail, shapes::User};
        let room = Subject::room("wrAAAAAAAAAAAAAAAAAA", Kind::Outside);
        if let Some(read) = OneGroupChat::read(&answer) {
            prop_assert_eq!(&answers::group(&room, &read.group_chat)[0].subject.key, &room.key);
        }
        if let Some(read) = ExternalContactDetail::read(&answer) {
            prop_assert!(!answers::customer(&read.external_contact, &read.follow_user).is_empty());
        }
        if let Some(read) = User::read(&answer) {
            prop_assert_eq!(answers::user(&read).subject.class, Class::Person);
        }
    }

    #[test]
    fn pieces_hold_everything_once_in_order(count in 0usize..50, most in 1usize..9) {
        let news = (0..count).map(|nth| News {
            subject: Subject::person(&nth.to_string()),
            told: Vec::new(),
            answers: true,
        });
        let answer = Answer { api: "x", news: news.collect(), read: vec![List::Scope], ..Answer::default() };
        let pieces = answer.clone().pieces(most);
        prop_assert!(pieces.iter().all(|piece| piece.news.len() <= most));
        prop_assert!(pieces.iter().rev().skip(1).all(|piece| piece.read.is_empty()));
        prop_assert_eq!(pieces.last().map(|piece| piece.read.clone()), Some(vec![List::Scope]));
        let joined: Vec<News> = pieces.into_iter().flat_map(|piece| piece.news).collect();
        prop_assert_eq!(joined, answer.news);
    }
}
