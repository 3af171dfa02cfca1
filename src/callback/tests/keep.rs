//! What is kept of an event: everything but its secrets, and one mark for all repetitions.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::callback::tree::Element;

fn kept(text: &str) -> Kept {
    Notice::read(Zeroizing::new(text.as_bytes().to_vec())).kept()
}

fn body(text: &str) -> String {
    String::from_utf8(kept(text).body).unwrap()
}

#[test]
fn samples_are_kept_as_received_but_for_their_codes() {
    let mut covered = 0;
    for entry in std::fs::read_dir(golden("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "xml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.replace("<![CDATA[WELCOMECODE]]>", COVERED);
        assert_eq!(body(&text), expected, "{}", path.display());
        covered += usize::from(text != expected);
    }
    assert!(covered >= 3, "{covered}");
}

#[test]
fn secrets_are_covered_in_every_spelling_also_of_unknown_events() {
    for (text, expected) in [
        (
            "<xml><WelcomeCode>C</WelcomeCode></xml>",
            "<xml><WelcomeCode>***</WelcomeCode></xml>",
        ),
        (
            "<xml><welcomecode >&#x43;<![CDATA[<]]></welcomecode ></xml>",
            "<xml><welcomecode >***</welcomecode ></xml>",
        ),
        (
            "<xml><SuiteTicket><a>C</a><b/></SuiteTicket><a>1</a></xml>",
            "<xml><SuiteTicket>***</SuiteTicket><a>1</a></xml>",
        ),
        (
            "<xml><Token></Token><Token/><ErrCode>7</ErrCode></xml>",
            "<xml><Token></Token><Token/><ErrCode>7</ErrCode></xml>",
        ),
        (
            "<xml><!-- <Token>x --><a><![CDATA[<Token>]]></a></xml>",
            "<xml><!-- <Token>x --><a><![CDATA[<Token>]]></a></xml>",
        ),
        (
            r#"{"a":{"Token":"C"},"b":[{"auth_code":"D"}]}"#,
            r#"{"a":{"Token":"***"},"b":[{"auth_code":"***"}]}"#,
        ),
        (r#"{ "a": 1.50 }"#, r#"{ "a": 1.50 }"#),
        ("no tree", "no tree"),
    ] {
        assert_eq!(body(text), expected, "{text}");
    }
}

#[test]
fn a_repetition_has_the_same_mark_and_nothing_else_has() {
    let event = |rest: &str| {
        kept(&format!("<xml><ToUserName>ww</ToUserName><MsgType>event</MsgType><Event>change_external_chat</Event>{rest}</xml>"))
            .mark
    };
    let one = "<ChangeType>update</ChangeType><ChatId>a</ChatId><CreateTime>7</CreateTime><UpdateDetail>add_member</UpdateDetail>";
    assert_eq!(event(one), event(one));
    assert_ne!(event(one), event(&one.replace(">7<", ">8<")));
    assert_ne!(event(one), event(&one.replace("add_", "del_")));
    // Another code for the same approval is the same approval.
    let coded = |code: &str| event(&format!("{one}<WelcomeCode>{code}</WelcomeCode>"));
    assert_eq!(coded("a"), coded("b"));
    let notified = |time: i64| {
        kept(&format!("<xml><ToUserName>ww</ToUserName><MsgType>event</MsgType><Event>msgaudit_notify</Event><CreateTime>{time}</CreateTime></xml>"))
            .mark
    };
    assert_eq!(notified(3_600), notified(7_199));
    assert_ne!(notified(7_199), notified(7_200));
    // A field of tomorrow makes a notification an event of its own.
    let further = |text: &str| {
        kept(&format!("<xml><ToUserName>ww</ToUserName><MsgType>event</MsgType><Event>msgaudit_notify</Event><CreateTime>3600</CreateTime><Seq>{text}</Seq></xml>"))
            .mark
    };
    assert_ne!(further("1"), further("2"));
    assert_ne!(further("1"), notified(3_600));
    let said = |id: i64, text: &str| {
        kept(&format!(
            "<xml><MsgType>text</MsgType><Content>{text}</Content><MsgId>{id}</MsgId></xml>"
        ))
        .mark
    };
    assert_eq!(said(1, "a"), said(1, "a"));
    assert_ne!(said(1, "a"), said(2, "a"));
    assert_ne!(
        said(1, "a"),
        said(1, "b"),
        "a number that is given twice loses no text"
    );
}

/// The tree as it must be after covering.
fn masked(mut element: Element) -> Element {
    for child in &mut element.children {
        let secret = ["Token", "WelcomeCode", "MySecretThing"].contains(&child.name.as_str());
        let empty = child.text.is_empty() && child.children.is_empty();
        *child = if secret && !empty {
            Element {
                name: child.name.clone(),
                text: COVERED.into(),
                children: Vec::new(),
            }
        } else {
            masked(std::mem::take(child))
        };
    }
    element
}

fn trees() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "Token", "WelcomeCode", "Other", "MySecretThing"]);
    let text = prop::sample::select(vec![
        "",
        "x",
        "<![CDATA[y<z]]>",
        "&lt;",
        " \n",
        "<!-- c -->",
        "<e/>",
    ]);
    let leaf = (name.clone(), text).prop_map(|(name, text)| format!("<{name}>{text}</{name}>"));
    leaf.prop_recursive(4, 24, 4, move |inner| {
        (name.clone(), prop::collection::vec(inner, 1..4))
            .prop_map(|(name, inner)| format!("<{name}>{}</{name}>", inner.concat()))
    })
}

proptest! {
    #[test]
    fn covering_changes_secrets_and_nothing_else(inner in prop::collection::vec(trees(), 0..5)) {
        let text = format!("<xml>{}</xml>", inner.concat());
        let before = Element::read(text.as_bytes()).unwrap();
        let after = Element::read(&kept(&text).body).unwrap();
        prop_assert_eq!(masked(before), after, "{}", text);
    }

    #[test]
    fn anything_at_all_is_kept(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let notice = Notice::read(Zeroizing::new(bytes.clone()));
        let kept = notice.kept();
        prop_assert!(Element::read(&bytes).is_ok() || kept.body == bytes);
    }
}
