//! Documents inside strings inside documents (messages §5).

use serde_json::{Value, json};

use super::{super::*, handles, message, segments};

fn item(word: &str, content: &Value) -> Value {
    json!({"type": word, "msgtime": 1_741_315_001, "content": content.to_string(), "from_chatroom": true})
}

fn record(items: &[Value]) -> Value {
    json!({"title": "群聊", "item": items})
}

fn forwarded(items: &[Value]) -> Message {
    message("chatrecord", "chatrecord", record(items))
}

#[test]
fn every_place_inside_a_forwarded_conversation_is_also_forwarded() {
    let line = "- - - - - - - - - - - - - - -";
    let message = forwarded(&[
        item(
            "ChatRecordText",
            &json!({"content": format!("「张三：几点？」\n{line}\n九点")}),
        ),
        item(
            "ChatRecordFile",
            &json!({"filename": "资料.docx", "sdkfileid": "h1"}),
        ),
        item(
            "ChatRecordLink",
            &json!({"title": "标题", "description": "描述", "link_url": "http://x"}),
        ),
        item("ChatRecordCard", &json!({"corpname": "公司", "Userid": "wm1"})),
        item("ChatRecordSphFeed", &json!({"sph_name": "号", "feed_desc": "述"})),
        item("ChatRecordFuture", &json!({"words": ["新", {"sdkfileid": "h2"}]})),
        item("ChatRecordLocation", &json!({"title": "大厦", "address": "路"})),
    ]);
    assert_eq!(
        segments(&message),
        [
            "forwarded:群聊".to_owned(),
            format!("forwarded:「张三：几点？」\n{line}\n九点"),
            "forwarded+quote:张三：几点？".into(),
            "filename+forwarded:资料.docx".into(),
            "forwarded+link:标题".into(),
            "forwarded+link:描述".into(),
            "forwarded+link:http://x".into(),
            "forwarded+card:公司".into(),
            "forwarded+card:wm1".into(),
            "forwarded+card:号".into(),
            "forwarded+card:述".into(),
            "forwarded+other:新".into(),
            "forwarded:大厦".into(),
            "forwarded:路".into(),
        ]
    );
    assert!(message.has_link && message.flaws == Flaws::default());
    let files: Vec<_> = message
        .media
        .iter()
        .map(|file| (file.kind.as_str(), file.depth))
        .collect();
    assert_eq!(files, [("file", 1), ("future", 1)]);
    assert_eq!(handles(&message), ["h1", "h2"]);
}

#[test]
fn item_types_match_in_any_case_and_times_by_magnitude() {
    for word in [
        "ChatRecordText",
        "chatrecordtext",
        "CHATRECORDTEXT",
        "text",
        "Text",
    ] {
        let message = forwarded(&[item(word, &json!({"content": "话"}))]);
        assert_eq!(segments(&message), ["forwarded:群聊", "forwarded:话"], "{word}");
    }
    let time = |msgtime: Value| {
        let mut one = item("ChatRecordText", &json!({}));
        one["msgtime"] = msgtime;
        forwarded(&[one]).payload.items()[0].msgtime.map(|time| time.0)
    };
    assert_eq!(time(json!(1_741_315_001)), Some(1_741_315_001_000));
    assert_eq!(time(json!("1741315001")), Some(1_741_315_001_000));
    assert_eq!(time(json!(1_741_315_001_999_i64)), Some(1_741_315_001_999));
    assert_eq!(time(json!(0)), None);
}

#[test]
fn a_record_in_a_record_may_be_an_object_or_a_bare_list() {
    let inner = item("ChatRecordFile", &json!({"filename": "内.pdf", "sdkfileid": "h"}));
    for content in [record(std::slice::from_ref(&inner)), json!([inner])] {
        let message = forwarded(&[item("chatrecord", &content)]);
        let last = segments(&message).pop();
        assert_eq!(last.as_deref(), Some("filename+forwarded:内.pdf"));
        assert_eq!((message.media[0].depth, message.flaws.nested), (2, false));
    }
    let bare = message("chatrecord", "chatrecord", json!([inner]));
    assert_eq!(segments(&bare), ["filename+forwarded:内.pdf"]);
}

#[test]
fn parts_of_a_mixed_message_stand_in_their_own_places() {
    let parts = json!({"item": [
        {"type": "text", "content": "{\"content\":\"你好\"}"},
        {"type": "file", "content": "{\"filename\":\"a.txt\",\"sdkfileid\":\"h\"}"},
        {"type": "link", "content": "{\"title\":\"标题\"}"},
        {"type": "text", "content": "不是 JSON"},
    ]});
    let mixed = message("mixed", "mixed", parts.clone());
    assert_eq!(
        segments(&mixed),
        ["text:你好", "filename:a.txt", "link:标题", "text:不是 JSON"]
    );
    assert!(mixed.has_link && mixed.flaws.nested);
    let inside = forwarded(&[item("ChatRecordMixed", &parts)]);
    assert_eq!(
        segments(&inside)[1..],
        [
            "forwarded:你好",
            "filename+forwarded:a.txt",
            "forwarded+link:标题",
            "forwarded:不是 JSON"
        ]
    );
    assert_eq!(inside.media[0].depth, 2);
}

#[test]
fn a_nested_string_that_does_not_parse_is_kept_and_findable_without_its_handle() {
    let mut torn = item("ChatRecordImage", &json!({}));
    torn["content"] = json!("{\"filename\":\"图.png\",\"sdkfileid\":\"SECRET\",\"filesi");
    let message = forwarded(&[
        torn,
        item("ChatRecordText", &json!(12)),
        item("ChatRecordText", &json!("引号")),
    ]);
    assert!(message.flaws.nested);
    assert_eq!(
        segments(&message)[1..],
        [
            "forwarded:{\"filename\":\"图.png\",\"sdkfileid\":\"***\",\"filesi",
            "forwarded:12",
            "forwarded:\"引号\""
        ]
    );
    let shown = serde_json::to_string(&message.payload).unwrap();
    assert!(shown.contains("图.png") && !shown.contains("SECRET"));
}

#[test]
fn an_item_without_content_is_empty_and_no_flaw() {
    let message = forwarded(&[
        json!({"type": "ChatRecordText"}),
        json!({"type": "ChatRecordText", "content": ""}),
    ]);
    assert_eq!((segments(&message).len(), message.flaws.nested), (1, false));
    assert_eq!(message.summary(Language::Chinese), "[聊天记录] 群聊 (2 条)");
}

#[test]
fn a_nested_document_that_needs_lenience_says_so() {
    let mut raw = item("ChatRecordText", &json!({}));
    raw["content"] = json!("{\"content\":\"上\n下\\ud83d\"}");
    let message = forwarded(&[raw]);
    assert_eq!(segments(&message)[1], "forwarded:上\n下\u{fffd}");
    assert!(message.flaws.lenient && !message.flaws.nested);
}

/// `levels` conversations in one another, a file in the innermost, each level escaped once more.
fn escaped(levels: u32) -> Message {
    let mut content = json!({"filename": "底.txt", "sdkfileid": "DEEP"});
    let mut word = "file";
    for _ in 1..levels {
        content = json!([{"type": word, "content": content.to_string()}]);
        word = "chatrecord";
    }
    message(
        "chatrecord",
        "chatrecord",
        json!([{"type": word, "content": content.to_string()}]),
    )
}

#[test]
fn sixteen_levels_are_read_and_deeper_ones_kept_raw() {
    let within = escaped(16);
    assert_eq!(segments(&within), ["filename+forwarded:底.txt"]);
    assert!(!within.flaws.nested);
    assert_eq!(
        (within.media[0].depth, within.media[0].kind.as_str()),
        (16, "file")
    );

    let beyond = escaped(17);
    assert_eq!(
        segments(&beyond),
        ["forwarded:{\"filename\":\"底.txt\",\"sdkfileid\":\"***\"}"]
    );
    assert!(beyond.flaws.nested);
    assert_eq!((handles(&beyond), beyond.media[0].depth), (vec!["DEEP"], 17));
}

#[test]
fn containers_without_escaping_cannot_overflow_at_any_depth() {
    for levels in [1_usize, 15, 16, 17, 40, 100, 20_000] {
        let open = r#"[{"type":"chatrecord","content":"#.repeat(levels);
        let shut = "}]".repeat(levels);
        let body = format!(
            r#"{{"msgtype":"chatrecord","chatrecord":{open}{{"item":[],"words":"底","sdkfileid":"DEEP"}}{shut}}}"#
        );
        let message = read(body.as_bytes());
        assert_eq!(message.flaws.nested, levels > 16, "{levels}");
        assert_eq!(handles(&message), ["DEEP"], "{levels}");
        assert_eq!(
            segments(&message).iter().any(|text| text == "forwarded+other:底"),
            levels > 16
        );
        message.summary(Language::Chinese);
        serde_json::to_string(&message.payload).unwrap();
    }
}
