//! The table against the surface reference, every row against its samples or its declared shape.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::golden;
use crate::directory::{
    row::{Entry, Mark, Method, Row, TokenKind},
    rows::{entries, find, rows},
    wire::lost,
};

/// What official samples hold and we do not type; it survives in `more`.
const NOT_TYPED: [&str; 12] = [
    // School editions.
    "external_contact.foreign_key",
    "external_contact.is_subscribe",
    "external_contact.subscriber_info",
    "parents",
    // Bodies of customer service messages stand under the name of their kind.
    "msg_list.channels_shop_product",
    "msg_list.channels_shop_order",
    "msg_list.channels",
    "msg_list.merged_msg",
    // The answer of a download is an error in the sample.
    "errcode",
    "errmsg",
    "warning_msg",
    "transfer_note",
];

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn payload(answer: &Value) -> Value {
    let mut object = answer.as_object().cloned().unwrap_or_default();
    object.remove("errcode");
    object.remove("errmsg");
    Value::Object(object)
}

#[test]
fn no_row_of_the_reference_is_missing_and_none_is_made_up() {
    let index = golden("index.json");
    let index = index.as_array().expect("a list");
    assert_eq!(index.len(), 133);
    let ours: Vec<&Row> = rows().collect();
    assert_eq!(ours.len(), 133);
    for (theirs, ours) in index.iter().zip(&ours) {
        let mark = match ours.mark {
            Mark::A => "A",
            Mark::B => "B",
            Mark::C => "C",
        };
        let method = match ours.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        assert_eq!(
            (ours.id, ours.name, method, ours.path, mark, ours.page),
            (
                text(theirs, "id"),
                text(theirs, "name"),
                text(theirs, "method"),
                text(theirs, "path"),
                text(theirs, "mark"),
                text(theirs, "doc")
            ),
        );
        assert!(!ours.chinese.is_ascii() && ours.parallel > 0, "{}", ours.name);
    }
    let names: BTreeSet<&str> = ours.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), 133);
    assert_eq!(
        find("ma-1").map(|entry| entry.row.name),
        Some("get_permit_user_list")
    );
}

/// The address must be free of what the reference calls placeholders.
#[test]
fn parameters_in_a_path_are_a_token_a_fixed_word_or_a_field_of_the_request() {
    for entry in entries() {
        let row = entry.row;
        let written = (entry.request)(&Value::Object(Map::new())).expect("an object");
        for (name, fixed) in row.named_parameters() {
            assert!(
                fixed.is_some() || written.get(name).is_some(),
                "{}: nothing fills `{name}` of its address",
                row.name
            );
        }
        let inside = row.path.contains("access_token=");
        let other_host = row.path.starts_with("https://");
        if inside || other_host {
            let expected = match row.token_parameter() {
                Some(name) => row.path.contains(&format!("{name}=")),
                None => !inside,
            };
            assert!(expected, "{}: another token than its address says", row.name);
        }
        if row.token == TokenKind::Listener {
            assert_eq!(row.path, "(own listener)");
        }
    }
}

fn request_is_whole(entry: &Entry, request: &Value, from: &str) {
    let written = (entry.request)(request).expect("an object");
    assert_eq!(
        lost(request, &written),
        Vec::<String>::new(),
        "{from}: fields that are not declared"
    );
    // Nothing goes out that was not asked for, but for what is required.
    let required = (entry.request)(&Value::Object(Map::new())).expect("an object");
    for name in written.as_object().expect("an object").keys() {
        assert!(
            request.get(name).is_some() || required.get(name).is_some(),
            "{from}: `{name}` is sent without having been given"
        );
    }
}

fn answer_is_whole(entry: &Entry, answer: &Value, from: &str) {
    let answer = payload(answer);
    let written = (entry.answer)(&answer).expect("an object");
    assert_eq!(
        lost(&answer, &written),
        Vec::<String>::new(),
        "{from}: lost on the way"
    );
    let strange: Vec<String> = (entry.untyped)(&answer)
        .into_iter()
        .filter(|path| !NOT_TYPED.contains(&path.as_str()))
        .collect();
    assert_eq!(
        strange,
        Vec::<String>::new(),
        "{from}: no field is declared for these"
    );
}

#[test]
fn every_row_reads_and_writes_its_samples_or_its_declared_shape() {
    let (index, declared) = (golden("index.json"), golden("declared.json"));
    let (mut sampled, mut shaped) = (0, 0);
    for row in index.as_array().expect("a list") {
        let name = text(row, "name");
        let entry = find(name).unwrap_or_else(|| panic!("no row {name}"));
        let samples: Vec<&str> = row["samples"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|sample| sample.ends_with(".request.json") || sample.ends_with(".response.json"))
            .collect();
        for sample in &samples {
            let content = golden(sample);
            if name == "media_upload" && sample.ends_with(".request.json") {
                // It also describes the part that goes along.
                request_is_whole(entry, &serde_json::json!({"type": content["type"]}), sample);
            } else if sample.ends_with(".request.json") {
                request_is_whole(entry, &content, sample);
            } else if content["errcode"].as_i64().unwrap_or(0) == 0 {
                answer_is_whole(entry, &content, sample);
            }
        }
        match declared.get(name) {
            Some(shape) => {
                request_is_whole(entry, &shape["request"], name);
                answer_is_whole(entry, &shape["response"], name);
                let written = (entry.request)(&shape["request"]).expect("an object");
                for field in written.as_object().expect("an object").keys() {
                    assert!(
                        shape["request"].get(field).is_some(),
                        "{name}: the declared shape does not show `{field}`"
                    );
                }
                shaped += 1;
            }
            None => {
                assert!(
                    samples.iter().any(|sample| sample.ends_with(".request.json"))
                        && samples.iter().any(|sample| sample.ends_with(".response.json")),
                    "{name} has neither samples nor a declared shape"
                );
                sampled += 1;
            }
        }
    }
    assert_eq!((sampled, shaped), (47, 86));
}

/// A field named only on our side would never be filled, nor noticed by the test above.
#[test]
fn every_declared_field_of_an_answer_shows_in_a_sample_or_shape() {
    let declared = golden("declared.json");
    for (name, shape) in declared.as_object().expect("an object") {
        let entry = find(name).unwrap_or_else(|| panic!("no row {name}"));
        let answer = payload(&shape["response"]);
        let written = (entry.answer)(&answer).expect("an object");
        for field in written.as_object().expect("an object").keys() {
            assert!(answer.get(field).is_some(), "{name}: `{field}` shows nowhere");
        }
    }
}

#[test]
fn odd_answers_are_read_all_the_same() {
    let list = |name: &str, answer: &str| {
        let entry = find(name).expect("a row");
        (entry.answer)(&payload(&golden(answer))).expect("an object")
    };
    let nulls = list("group_chat_list", "errors/list-nulls.response.json");
    assert_eq!(nulls["group_chat_list"], serde_json::json!([]));
    let silent = list("get_suite_token", "errors/no-errcode.response.json");
    assert_eq!(silent["expires_in"], 7200);
    let warned = list("get_token", "errors/0-with-warning-msg.response.json");
    assert_eq!(warned["warning_msg"], "tls version too old");
}
