//! Strings that no type declares are found; payloads of another form are told; one spelling is as good as another.

use serde_json::json;

use super::{super::Kind, envelope, message, raw_of, segments};
use crate::ids::Millis;

#[test]
fn a_string_in_an_undeclared_field_is_found() {
    let read = message(
        "text",
        "text",
        json!({"content": "正文", "remark": "备注里的退款"}),
    );
    assert_eq!(segments(&read), ["text:正文", "other:备注里的退款"]);
    assert!(!read.flaws.payload_unread);
    let read = message(
        "file",
        "file",
        json!({"filename": "a.docx", "fileext": "docx", "md5sum": "ffff", "sdkfileid": "CtYBsecret", "caption": ["一", {"x": "二"}]}),
    );
    assert_eq!(segments(&read), ["filename:a.docx", "other:一", "other:二"]);
    // Beside the payload as well, and no text twice.
    let mut whole = envelope("text", "text", json!({"content": "正文", "again": "正文"}));
    whole["extra"] = json!({"summary": "摘要"});
    assert_eq!(segments(&raw_of(&whole)), ["text:正文", "other:摘要"]);
}

#[test]
fn ids_keys_digests_times_and_data_are_no_text() {
    let data = "QUJD".repeat(60);
    let read = message(
        "image",
        "image",
        json!({
            "sdkfileid": "CtYBsecret", "md5sum": "ffff", "aes_key": "secret", "AesKey": "secret", "userid": "ken",
            "cdn_url": "https://x/y", "starttime": "1603875626", "thumb": data, "type": "jpg",
        }),
    );
    assert_eq!(segments(&read), Vec::<String>::new());
    // A long text is text, and a handle inside one is covered.
    let long = "很长的文字".repeat(100);
    let read = message(
        "image",
        "image",
        json!({"ocr": long, "note": "{\"sdkfileid\":\"CtYBsecret\"}"}),
    );
    assert_eq!(
        segments(&read),
        [
            format!("other:{long}"),
            "other:{\"sdkfileid\":\"***\"}".to_owned()
        ]
    );
}

#[test]
fn undeclared_strings_of_items_stand_where_their_items_stand() {
    let item = json!({"type": "ChatRecordText", "msgtime": 1_603_875_610, "content": "{\"content\":\"原话\",\"note\":\"附言\"}"});
    let read = message(
        "chatrecord",
        "chatrecord",
        json!({"title": "群聊", "item": [item], "hint": "提示"}),
    );
    assert_eq!(
        segments(&read),
        [
            "forwarded:群聊",
            "forwarded:原话",
            "other:提示",
            "forwarded+other:附言"
        ]
    );
    let item = json!({"type": "text", "content": "{\"content\":\"图说\",\"note\":\"附言\"}"});
    let read = message("mixed", "mixed", json!({"item": [item]}));
    assert_eq!(segments(&read), ["text:图说", "other:附言"]);
}

#[test]
fn a_payload_of_another_form_is_told_and_its_strings_are_found() {
    for (payload, unread) in [
        (json!("退款"), true),
        (json!(["退款"]), true),
        (json!(5), true),
        (json!(null), false),
        (json!({"content": "退款"}), false),
    ] {
        let read = message("text", "text", payload.clone());
        assert_eq!(read.flaws.payload_unread, unread, "{payload}");
    }
    let elsewhere = message("text", "txt", json!({"content": "退款"}));
    assert!(elsewhere.flaws.payload_unread && !elsewhere.flaws.unknown_type);
    assert_eq!(segments(&elsewhere), ["other:退款"]);
    let unknown = message("hologram", "hologram", json!({"content": "退款"}));
    assert!(unknown.flaws.unknown_type && !unknown.flaws.payload_unread);
}

#[test]
fn types_are_known_in_any_spelling() {
    for (written, kind) in [
        ("meetingvoicecall", Kind::MeetingVoiceCall),
        ("MeetingVoiceCall", Kind::MeetingVoiceCall),
        ("voipdocshare", Kind::VoipDocShare),
        ("externalRedPacket", Kind::ExternalRedPacket),
        ("Text", Kind::Text),
    ] {
        assert_eq!(Kind::from_word(written), Some(kind), "{written}");
    }
    assert_eq!(Kind::from_word("texts"), None);
    assert_eq!(Kind::from_word(""), None);
    let mut whole = envelope(
        "voipdocshare",
        "voipdocshare",
        json!({"filename": "方案.docx", "sdkfileid": "CtYBsecret", "filesize": 7}),
    );
    whole["voipid"] = json!("v1");
    let read = raw_of(&whole);
    assert_eq!(
        (read.msgtype.as_str(), read.payload.kind()),
        ("voipdocshare", Some(Kind::VoipDocShare))
    );
    assert_eq!(segments(&read), ["filename:方案.docx"]);
    assert_eq!(read.media[0].kind, "voip_doc_share");
    assert!(!read.flaws.unknown_type && !read.flaws.payload_unread);
    // The key may be spelled otherwise than the type.
    let read = message(
        "meeting_voice_call",
        "MeetingVoiceCall",
        json!({"endtime": 1_603_875_700, "sdkfileid": "CtYB"}),
    );
    assert_eq!(read.media[0].seconds, Some(73));
}

#[test]
fn an_answer_about_consent_under_the_key_of_the_other_is_not_lost() {
    const THEN: i64 = 1_603_875_626_000;
    for (msgtype, key, agreed) in [
        ("disagree", "agree", false),
        ("agree", "disagree", true),
        ("Disagree", "disagree", false),
    ] {
        for time in ["agree_time", "disagree_time"] {
            let consent = message(msgtype, key, json!({"userid": "wm1", time: THEN})).consent;
            let consent = consent.unwrap_or_else(|| panic!("{msgtype} under {key}"));
            assert_eq!(
                (consent.userid.as_str(), consent.agreed, consent.at),
                ("wm1", agreed, Some(Millis(THEN)))
            );
        }
    }
}
