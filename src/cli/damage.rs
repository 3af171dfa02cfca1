//! What is said of a record that is not what was written: to people in their language, to programs as a key.

use serde_json::{Value, json};

use super::{render, words::Words};
use crate::{
    line,
    sanitize::{self, Line},
    store::contract::{Damage, Stored},
};

/// What is wrong, for people; without what was in the record.
pub(super) fn told(words: Words, damage: &Damage) -> String {
    match damage {
        Damage::BodyChanged => words
            .say(
                "正文已改变：与解密时写下的 SHA-256 不符，不予显示",
                "the body has changed: its SHA-256 is not the one written when it was opened; it is not shown",
            )
            .to_owned(),
        Damage::BodyUnreadable(why) => words.say(
            format!("正文无法解压，不予显示 ({why})"),
            format!("the body cannot be unpacked and is not shown ({why})"),
        ),
        Damage::OtherMessage => words
            .say(
                "正文属于另一条消息，不予显示",
                "the body is another record's message; it is not shown",
            )
            .to_owned(),
        Damage::Columns(names) => {
            let names = names.join(", ");
            words.say(
                format!("正文可信，但这些字段与写入时不符：{names}"),
                format!("the body is genuine, and these columns are not what was written: {names}"),
            )
        }
        Damage::RowUnreadable(why) => words.say(
            format!("该行无法读取 ({why})"),
            format!("the row cannot be read ({why})"),
        ),
    }
}

/// What to type next.
pub(super) fn next(words: Words, stored: &Stored) -> String {
    let seq = stored.seq;
    words.say(
        format!("全部损坏：shiguan verify；修复这一条：shiguan repair --seq {seq}"),
        format!("all damage: shiguan verify; to repair this record: shiguan repair --seq {seq}"),
    )
}

/// The lines under a damaged record.
pub(super) fn lines(words: Words, stored: &Stored, damage: &Damage) -> [Line; 2] {
    [
        line!(
            "{}{}",
            words.say("！记录已损坏：", "! damaged record: "),
            Line::sentence(told(words, damage))
        ),
        Line::sentence(next(words, stored)),
    ]
}

/// Where there is no message to print: what is left to name it by.
pub(super) fn heading(stored: &Stored, zone: &jiff::tz::TimeZone) -> Line {
    let time = stored.opened.as_ref().and_then(|opened| opened.time);
    line!(
        "{}  seq {}  {}",
        render::time(time, zone),
        stored.seq.0,
        sanitize::value(&stored.msgid)
    )
}

pub(super) fn value(damage: &Damage) -> Value {
    let columns = match damage {
        Damage::Columns(names) => json!(names),
        _ => Value::Null,
    };
    json!({
        "kind": damage.as_str(),
        "detail": damage.to_string(),
        "columns": columns,
        "text_withheld": damage.withholds_text(),
        "next": "shiguan verify; shiguan repair",
    })
}

/// Behind a list in which some records were damaged.
pub(super) fn total(words: Words, damaged: u64) -> String {
    let damaged = render::number(damaged);
    words.say(
        format!("！其中 {damaged} 条记录已损坏，见上；输入 shiguan verify 检查全部，shiguan repair 修复"),
        format!("! {damaged} of these records are damaged, see above; shiguan verify checks all, shiguan repair repairs"),
    )
}
