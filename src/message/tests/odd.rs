//! What comes otherwise than documented (messages §7), and what comes broken.

use serde_json::json;

use super::{super::*, envelope, handles, message, segments};

fn raw(body: &str) -> Message {
    read(body.as_bytes())
}

#[test]
fn bytes_that_are_no_json_object_are_a_message_of_which_nothing_is_known() {
    for body in [
        &b""[..],
        b"null",
        b"[1]",
        b"\"text\"",
        b"{\"msgid\":\"1\"",
        b"\xff\xfe\x00",
        b"hello",
    ] {
        let known = read(body);
        assert_eq!(
            known,
            Message {
                flaws: Flaws {
                    not_json: true,
                    ..Flaws::default()
                },
                ..Message::default()
            }
        );
        assert_eq!(known.summary(Language::Chinese), "[无法解析的内容]");
    }
}

#[test]
fn control_bytes_surrogates_nul_and_bad_utf8_are_read_leniently() {
    let body = |content: &[u8]| {
        [
            br#"{"msgid":"1","msgtype":"text","text":{"content":""#,
            content,
            br#""}}"#,
        ]
        .concat()
    };
    let cases: [(&[u8], &str, bool); 7] = [
        (b"a\nb\tc\x01", "a\nb\tc\u{1}", true),
        (br"a\ud83dz", "a\u{fffd}z", true),
        (br"a\ud83d\ude00z", "a😀z", false),
        (br"a\u0000z", "a\0z", false),
        (b"a\x00z", "a\0z", true),
        (b"a\xe4\xbdz", "a\u{fffd}z", true),
        (br"a\qz", r"a\qz", true),
    ];
    for (content, expected, lenient) in cases {
        let message = read(&body(content));
        assert_eq!(segments(&message), [format!("text:{expected}")]);
        assert_eq!((message.flaws.lenient, message.flaws.not_json), (lenient, false));
    }
    let marked = [b"\xef\xbb\xbf", &body(b"x")[..], b"\0"].concat();
    assert_eq!(segments(&read(&marked)), ["text:x"]);
    assert!(read(&marked).flaws.lenient);
}

#[test]
fn of_a_field_that_stands_twice_the_last_counts() {
    let twice = raw(
        r#"{"msgtype":"image","msgtype":"text","text":{"content":"a"},"text":{"content":"b","content":"c"}}"#,
    );
    assert_eq!(
        (twice.msgtype.as_str(), segments(&twice)),
        // What the others say stays findable.
        (
            "text",
            ["text:c", "other:a", "other:b"].map(str::to_owned).to_vec()
        )
    );
}

#[test]
fn numbers_come_as_text_and_beyond_every_integer() {
    let huge = "123456789012345678901234567890";
    let body =
        format!(r#"{{"msgid":{huge},"msgtype":"image","image":{{"filesize":"70961","sdkfileid":"h"}}}}"#);
    let message = raw(&body);
    assert_eq!(
        (message.msgid.as_str(), message.media[0].size),
        (huge, Some(70961))
    );
    let Payload::Meeting(meeting) = raw(&format!(
        r#"{{"msgtype":"meeting","meeting":{{"meetingid":{huge},"starttime":{huge},"status":"2"}}}}"#
    ))
    .payload
    else {
        panic!("a meeting");
    };
    assert_eq!(
        (meeting.meetingid.as_str(), meeting.starttime, meeting.status),
        (huge, None, Some(2))
    );
    let location = message_of_location(r#"{"longitude":"116.5","latitude":1e999,"zoom":15.0}"#);
    assert_eq!(
        (location.longitude, location.latitude, location.zoom),
        (Some(116.5), None, Some(15))
    );
}

fn message_of_location(payload: &str) -> kind::Location {
    match raw(&format!(r#"{{"msgtype":"location","location":{payload}}}"#)).payload {
        Payload::Location(location) => location,
        other => panic!("{other:?}"),
    }
}

#[test]
fn receivers_come_as_list_text_numbers_or_not_at_all() {
    let cases = [
        ("null", vec![]),
        (r#""icef""#, vec!["icef"]),
        (r#""a, b;c|""#, vec!["a", "b", "c"]),
        (r#"[726,"b",null,{"x":"y"},["z"]]"#, vec!["726", "b"]),
        ("{}", vec![]),
        ("726", vec!["726"]),
    ];
    for (list, expected) in cases {
        let message = raw(&format!(r#"{{"from":"ken","tolist":{list},"msgtype":"text"}}"#));
        assert_eq!(message.to, expected, "{list}");
    }
    assert_eq!(raw(r#"{"from":1000000444696}"#).from, "1000000444696");
}

#[test]
fn times_come_as_text_and_zero_is_no_date() {
    let cases = [
        ("1603875626823", Some(1_603_875_626_823)),
        (r#""1603875626823""#, Some(1_603_875_626_823)),
        ("1.603875626823e12", Some(1_603_875_626_823)),
        ("0", None),
        (r#""0""#, None),
        ("-5", None),
        ("null", None),
        ("[]", None),
        ("99999999999999999999", None),
    ];
    for (time, expected) in cases {
        let message = raw(&format!(r#"{{"msgtime":{time},"msgtype":"text"}}"#));
        assert_eq!(message.time.map(|time| time.0), expected, "{time}");
    }
}

#[test]
fn a_message_without_a_type_is_unknown_and_findable() {
    let message = raw(r#"{"msgid":"1","from":"a","tolist":["b"],"text":{"content":"退款"}}"#);
    assert!(message.flaws.unknown_type && message.msgtype.is_empty());
    assert_eq!(segments(&message), ["other:退款"]);
    assert_eq!(message.chat, Some(Chat::People(vec!["a".into(), "b".into()])));
    assert_eq!(message.summary(Language::English), "[unknown type] 退款");
}

#[test]
fn a_payload_that_is_no_object_is_findable() {
    for (payload, expected) in [
        (json!("退款"), "other:退款"),
        (json!(["退款", 1, null]), "other:退款"),
    ] {
        let message = message("text", "text", payload);
        assert_eq!(segments(&message), [expected]);
        assert!(!message.flaws.unknown_type && matches!(message.payload, Payload::Unknown(_)));
    }
}

#[test]
fn a_payload_that_is_missing_or_null_is_an_empty_one() {
    for kind in Kind::ALL {
        let message = message(kind.word(), kind.word(), json!(null));
        assert_eq!(message.payload.kind(), Some(*kind));
        assert!(
            message.segments.is_empty() && !message.flaws.unknown_type,
            "{}",
            kind.word()
        );
    }
}

#[test]
fn a_payload_under_an_unexpected_key_is_findable() {
    assert_eq!(
        segments(&message("markdown", "markdown", json!({"content": "公告"}))),
        ["text:公告"]
    );
    assert_eq!(
        segments(&message("text", "body", json!({"content": "公告"}))),
        ["other:公告"]
    );
}

#[test]
fn fields_of_every_payload_may_be_null_or_oddly_typed() {
    for kind in Kind::ALL {
        for odd in [
            json!(null),
            json!([]),
            json!({"a": [1]}),
            json!(true),
            json!(-1.5),
            json!("x"),
        ] {
            let fields = [
                "content",
                "title",
                "filesize",
                "md5sum",
                "item",
                "items",
                "details",
                "voteitem",
                "attendeename",
                "demofiledata",
                "sharescreendata",
                "type",
                "starttime",
                "sdkfileid",
                "longitude",
                "userid",
                "pre_msgid",
            ];
            let payload: serde_json::Map<_, _> = fields
                .iter()
                .map(|field| ((*field).to_owned(), odd.clone()))
                .collect();
            for key in ["info", "doc", "redpacket", kind.word()] {
                let message = message(kind.word(), key, payload.clone().into());
                message.summary(Language::Chinese);
                assert!(!message.flaws.not_json);
            }
        }
    }
}

#[test]
fn unknown_types_keep_every_string_but_handles_and_digests() {
    let payload = json!({
        "title": "接龙", "list": ["甲", {"name": "乙", "sdkfileid": "SECRET1", "md5sum": "abc", "filesize": 7}, "丙"],
        "inner": "{\"sdkfileid\":\"SECRET2\",\"name\":\"丁\"}", "empty": "", "n": 5,
    });
    let message = message("jielong", "jielong", payload);
    assert!(message.flaws.unknown_type);
    assert_eq!(
        segments(&message),
        [
            "other:接龙",
            "other:甲",
            "other:乙",
            "other:丙",
            "other:{\"sdkfileid\":\"***\",\"name\":\"丁\"}"
        ]
    );
    assert_eq!(handles(&message), ["SECRET1"]);
    assert_eq!(
        (message.media[0].kind.as_str(), message.media[0].size),
        ("jielong", Some(7))
    );
    assert!(
        message
            .summary(Language::Chinese)
            .starts_with("[未知类型 jielong] 接龙 甲 乙 丙")
    );
    assert!(
        !serde_json::to_string(&message.payload)
            .unwrap()
            .contains("SECRET")
    );
}

#[test]
fn a_solitaire_is_known_by_name_and_findable() {
    let message = message("solitaire", "solitaire", json!({"title": "团购接龙"}));
    assert!(!message.flaws.unknown_type);
    assert_eq!(segments(&message), ["other:团购接龙"]);
    assert_eq!(message.summary(Language::Chinese), "[接龙] 团购接龙");
}

#[test]
fn a_sender_cannot_type_a_handle_into_being() {
    let message = message("text", "text", json!({"content": "{\"sdkfileid\":\"typed\"}"}));
    assert!(message.media.is_empty());
    assert_eq!(segments(&message), ["text:{\"sdkfileid\":\"typed\"}"]);
}

#[test]
fn ids_in_any_case_are_one_chat() {
    let chat = |from: &str, to: &str| {
        raw(&format!(
            r#"{{"from":"{from}","tolist":["{to}"],"msgtype":"text"}}"#
        ))
        .chat
    };
    assert_eq!(chat("XuJinSheng", "icefog"), chat("ICEFOG", "xujinsheng"));
    let [lower, upper] = [
        "wmGAgeDQAAvQeaTqWwkMTxGMkvI7OOuq",
        "wmGAgeDQAAvQeaTqWwkMTxGMkvI7OOuQ",
    ];
    assert_ne!(chat("ken", lower), chat("ken", upper));
}

#[test]
fn a_call_without_a_room_is_a_talk_of_its_people() {
    let mut whole = envelope("voip_doc_share", "voip_doc_share", json!({}));
    whole.as_object_mut().unwrap().remove("roomid");
    assert_eq!(
        raw(&whole.to_string()).chat,
        Some(Chat::People(vec!["icef".into(), "ken".into()]))
    );
}

#[test]
fn a_switch_has_a_user_and_no_chat_but_a_typed_message_stays_one() {
    let switch = raw(r#"{"msgid":"1","action":"switch","time":"1554119421840","user":"XuJinSheng"}"#);
    assert_eq!(
        (switch.from.as_str(), switch.time),
        ("XuJinSheng", Some(Millis(1_554_119_421_840)))
    );
    assert_eq!(
        (switch.chat, switch.direction, switch.flaws.unknown_type),
        (None, Direction::None, false)
    );
    let typed = raw(r#"{"action":"switch","msgtype":"text","text":{"content":"x"}}"#);
    assert_eq!(segments(&typed), ["text:x"]);
}

#[test]
fn consent_is_read_from_both_answers_and_either_time() {
    const THEN: i64 = 1_603_875_626_000;
    let told = |msgtype: &str, payload| message(msgtype, msgtype, payload).consent.unwrap();
    let consent = |agreed, at: Option<i64>| Consent {
        userid: "wm1".into(),
        agreed,
        at: at.map(Millis),
    };
    assert_eq!(
        told("agree", json!({"userid": "wm1", "agree_time": "1603875626000"})),
        consent(true, Some(THEN))
    );
    assert_eq!(
        told("disagree", json!({"userid": "wm1", "disagree_time": THEN})),
        consent(false, Some(THEN))
    );
    assert_eq!(
        told("disagree", json!({"userid": "wm1", "agree_time": THEN + 7})),
        consent(false, Some(THEN + 7))
    );
    // Seconds are told by their size; what is no time of ours is none.
    assert_eq!(
        told("agree", json!({"userid": "wm1", "agree_time": THEN / 1000})),
        consent(true, Some(THEN))
    );
    for absurd in [0, 5, -THEN, i64::MAX] {
        assert_eq!(
            told("agree", json!({"userid": "wm1", "agree_time": absurd})),
            consent(true, None),
            "{absurd}"
        );
    }
    assert_eq!(message("text", "text", json!({"content": "同意"})).consent, None);
}

#[test]
fn a_recall_names_its_target_or_nothing() {
    assert_eq!(
        message("revoke", "revoke", json!({"pre_msgid": "9_1"}))
            .recalls
            .as_deref(),
        Some("9_1")
    );
    assert_eq!(
        message("revoke", "revoke", json!({"pre_msgid": ""})).recalls,
        None
    );
    assert_eq!(message("text", "text", json!({"pre_msgid": "9_1"})).recalls, None);
}

#[test]
fn a_reply_is_found_whole_and_by_its_quote() {
    let content = "这是一条引用/回复消息：\n\"王芳:\n合同好了吗\"\n------\n好了";
    let found = segments(&message("text", "text", json!({"content": content})));
    assert_eq!(
        found,
        [format!("text:{content}"), "quote:王芳:\n合同好了吗".to_owned()]
    );
}

#[test]
fn the_debug_form_shows_no_handle() {
    let message = message("image", "image", json!({"sdkfileid": "SECRET", "filesize": 1}));
    assert_eq!(handles(&message), ["SECRET"]);
    assert!(!format!("{message:?}").contains("SECRET"));
}
