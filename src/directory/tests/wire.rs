//! Leniency, and that nothing is ever lost by it.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use crate::{
    directory::{
        Flag, Piped, Wire, lost, masked,
        masks::{scrub, secrets},
        rows::{contacts::ExternalContactDetail, entries, members::UserCreate, shapes::User},
    },
    secret::Secret,
};

#[test]
fn numbers_and_flags_are_read_however_they_are_written() {
    for (came, number) in [
        (json!("1"), 1),
        (json!(1), 1),
        (json!(1.0), 1),
        (json!(""), 0),
        (json!(null), 0),
        (json!(4_294_967_295_u64), 4_294_967_295),
    ] {
        assert_eq!(i64::read(&came), Some(number), "{came}");
    }
    for came in [json!(1), json!("1"), json!(true), json!("true")] {
        assert_eq!(Flag::read(&came), Some(Flag(true)), "{came}");
        assert_eq!(bool::read(&came), Some(true), "{came}");
    }
    assert_eq!(f64::read(&json!("60.25")), Some(60.25));
    assert_eq!(f64::read(&json!(100)), Some(100.0));
    assert_eq!(String::read(&json!(1_380_000_000)).as_deref(), Some("1380000000"));
    assert_eq!(i64::read(&json!("soon")), None);
    assert_eq!(
        Piped::read(&json!("a|b|")),
        Some(Piped(vec!["a".into(), "b".into()]))
    );
    assert_eq!(Piped::read(&json!(["a"])), Some(Piped(vec!["a".into()])));
}

#[test]
fn a_value_of_an_unexpected_kind_is_kept_beside_the_default() {
    let detail = ExternalContactDetail::read(&json!({
        "external_contact": {"external_userid": "wm1", "name": "李四", "gender": {"new": "shape"}, "type": "2"},
        "follow_user": null,
        "next_cursor": null,
    }))
    .expect("an object");
    assert_eq!(detail.external_contact.kind, 2);
    assert_eq!(detail.external_contact.gender, None);
    assert_eq!(detail.external_contact.more["gender"], json!({"new": "shape"}));
    assert!(detail.follow_user.is_empty() && detail.next_cursor.is_none());
}

#[test]
fn a_request_carries_no_key_that_was_not_set() {
    let request = UserCreate::new("zhangsan", "张三", vec![1]);
    assert_eq!(
        request.write(),
        Some(json!({"userid": "zhangsan", "name": "张三", "department": [1]}))
    );
    let with = UserCreate {
        enable: Some(Flag(true)),
        ..request
    };
    assert_eq!(with.write().expect("an object")["enable"], json!(1));
}

#[test]
fn secrets_are_covered_wherever_they_stand() {
    let value = json!({
        "access_token": "T0K3N", "corpsecret": "S3CR3T", "key": "K3Y", "name": "n",
        "callback": {"token": "C4LL", "url": "u"}, "button": [{"key": "V1001"}],
    });
    let shown = masked(&value).to_string();
    for secret in ["T0K3N", "S3CR3T", "K3Y", "C4LL"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("V1001") && shown.contains("\"name\":\"n\""));
    assert_eq!(secrets(&value).len(), 4);
    let text = scrub("at /x?a=p%2Bq%3D and p+q=", &[Secret::new("p+q=")]);
    assert_eq!(text, "at /x?a=*** and ***");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
        "[a-z0-9|]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop_oneof![
            Just("userid".to_owned()),
            Just("type".to_owned()),
            Just("external_attr".to_owned()),
            Just("department".to_owned()),
            Just("text".to_owned()),
            "[a-z]{1,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// An answer with the right names and anything behind them.
fn any_user() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "userid",
        "name",
        "department",
        "order",
        "gender",
        "extattr",
        "external_profile",
        "is_leader_in_dept",
        "unheard_of",
    ]);
    prop::collection::vec((names, any_json()), 0..8).prop_map(|pairs| {
        Value::Object(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Map<_, _>>(),
        )
    })
}

proptest! {
    #[test]
    fn whatever_comes_is_read_and_nothing_of_it_is_lost(value in any_user()) {
        let written = User::read(&value).expect("an object").write().expect("an object");
        prop_assert_eq!(lost(&value, &written), Vec::<String>::new());
    }

    #[test]
    fn no_answer_of_any_row_can_make_reading_fail(value in any_json()) {
        for entry in entries() {
            prop_assert_eq!((entry.answer)(&value).is_some(), value.is_object());
        }
    }
}
