//! What codes and their texts are read as.

use std::net::IpAddr;

use proptest::prelude::*;

use super::golden;
use crate::directory::{
    Actor, Class, Error, Refusal,
    codes::{Told, advice, class, told},
};

#[test]
fn hint_and_address_are_taken_out_of_the_text() {
    let busy = golden("errors/60020.response.json");
    assert_eq!(
        told(busy["errmsg"].as_str().expect("a text")),
        Told {
            text: "not allow to access from your ip".into(),
            hint: Some("1700000000000000000000020".into()),
            ip: "203.0.113.7".parse().ok(),
        }
    );
    assert_eq!(told("ok").text, "ok");
    assert_eq!(told("").hint, None);
    let six = told("no, hint: [12], from ip: 2001:db8::7, more info at x");
    assert_eq!(six.ip, "2001:db8::7".parse::<IpAddr>().ok());
}

/// The class and the actor of every code that token-and-errors §3 names, by example of each class.
#[test]
fn codes_say_who_must_act() {
    for (code, expected, actor) in [
        (-1, Class::Busy, Actor::Program),
        (40014, Class::Token, Actor::Program),
        (42001, Class::Token, Actor::Program),
        (42009, Class::Token, Actor::Program),
        (45009, Class::Rate, Actor::Program),
        (45033, Class::Parallel, Actor::Program),
        (41063, Class::Later, Actor::Program),
        (6000, Class::Later, Actor::Program),
        (81017, Class::Narrow, Actor::Program),
        (301_061, Class::Narrow, Actor::Program),
        (84061, Class::Empty, Actor::Nobody),
        (49008, Class::Gone, Actor::Nobody),
        (301_059, Class::Gone, Actor::Nobody),
        (40001, Class::Config, Actor::Operator),
        (60020, Class::Config, Actor::Operator),
        (301_052, Class::Config, Actor::Operator),
        (93000, Class::Config, Actor::Operator),
        (40058, Class::Bug, Actor::Developer),
        (82001, Class::Bug, Actor::Developer),
        (60011, Class::Item, Actor::Nobody),
        (40096, Class::Item, Actor::Nobody),
        (9_999_999, Class::Unknown, Actor::Nobody),
    ] {
        assert_eq!((class(code), class(code).actor()), (expected, actor), "{code}");
    }
}

#[test]
fn whatever_an_operator_must_do_is_said() {
    for code in (40000..96000)
        .chain(301_000..303_000)
        .chain([610_014, 670_001, 701_008, 701_099, 845_001])
    {
        if class(code) == Class::Config && ![41002, 41004].contains(&code) {
            assert!(advice(code).is_some(), "{code} has no advice");
        }
    }
}

#[test]
fn an_error_tells_code_address_and_hint_and_equals_by_code() {
    let refusal = |text: &str| Refusal {
        api: "user_get",
        code: 60020,
        text: text.into(),
        hint: Some("17".into()),
        ip: "203.0.113.7".parse().ok(),
        status: 200,
    };
    let error = Error::Refused(refusal("not allow"));
    assert_eq!(
        error.to_string(),
        "user_get: WeCom answered 60020 (not allow), called from 203.0.113.7, hint 17"
    );
    assert_eq!(error, Error::Refused(refusal("another wording")));
    assert_eq!(error.retry_after(), Some(600));
    assert!(error.advice().is_some_and(|advice| advice.contains("企业可信IP")));
}

proptest! {
    #[test]
    fn any_text_can_be_taken_apart(text in "\\PC{0,80}") {
        let told = told(&text);
        prop_assert!(text.contains(&told.text));
    }
}
