//! What stands in a message of a known type beside the fields its type declares. WeCom adds fields without notice, and a text
//! in one of them is to be found all the same (promise 7): every string that is nobody's text yet becomes one of the place `other`,
//! unless its key says that it is no text.

use std::collections::HashSet;

use super::{
    json::View,
    kind::same_spelling,
    phrase::without_handles,
    place::{Place, Texts},
};

/// Keys whose strings are no text, whatever their case and underscores.
const NOT_TEXT: [&str; 64] = [
    // Handles, keys and digests of files: secret, or nothing a person would search for.
    "sdkfileid",
    "md5sum",
    "md5",
    "filemd5",
    "sha1",
    "sha256",
    "aeskey",
    "authkey",
    "token",
    "ticket",
    "sign",
    "signature",
    "nonce",
    // Ids: people are found by from: and to:, messages by msgid:, rooms by room:.
    "userid",
    "externaluserid",
    "user",
    "openid",
    "unionid",
    "corpid",
    "agentid",
    "msgid",
    "premsgid",
    "roomid",
    "chatid",
    "voiceid",
    "voipid",
    "meetingid",
    "scheduleid",
    "calendarid",
    "docid",
    "voteid",
    "fileid",
    "appid",
    "username",
    "demooperator",
    "share",
    "creator",
    "doccreator",
    "invitees",
    "attendees",
    "id",
    // Addresses of pictures and places inside a program; pages that a link leads to are texts of their types.
    "imageurl",
    "picurl",
    "thumburl",
    "cdnurl",
    "iconurl",
    "headimgurl",
    "avatar",
    "logo",
    "pagepath",
    // Words and numbers of the format.
    "type",
    "msgtype",
    "action",
    "fromchatroom",
    "fileext",
    "feedtype",
    "invitetype",
    // Times that came as text.
    "time",
    "msgtime",
    "agreetime",
    "disagreetime",
    "starttime",
    "endtime",
    "createtime",
];

/// A longer string of nothing but the characters of base64 is data.
const DATA: usize = 200;

/// Strings of one payload that are nobody's text, in reading order. What an item of a container holds is left to the item.
pub(super) fn strings<'t>(key: &'t str, payload: View<'t>, out: &mut Vec<&'t str>) {
    for found in payload.walk() {
        let key = if found.key.is_empty() { key } else { found.key };
        let Some(text) = found.value.as_str().filter(|text| !text.is_empty()) else {
            continue;
        };
        let of_an_item = key == "content"
            && found.holder.is_some_and(|holder| {
                holder
                    .field("type")
                    .or_else(|| holder.field("msg_type"))
                    .is_some()
            });
        if !of_an_item && is_text(key, text) {
            out.push(text);
        }
    }
}

/// Adds those strings that are no text of the message yet.
pub(super) fn add(strings: &[&str], texts: &mut Texts, forwarded: bool) {
    // Most messages have one string, and it is their text.
    let known: HashSet<&str> = match (strings, texts.segments.as_slice()) {
        ([], _) => return,
        ([only], [first, ..]) if *only == first.text => return,
        (_, segments) => segments.iter().map(|segment| segment.text.as_str()).collect(),
    };
    let left: Vec<String> = strings
        .iter()
        .filter(|text| !known.contains(**text))
        .map(|text| without_handles(text).into_owned())
        .collect();
    if forwarded {
        texts.forwarded(|texts| texts.add_all(Place::Other, &left));
    } else {
        texts.add_all(Place::Other, &left);
    }
}

fn is_text(key: &str, text: &str) -> bool {
    let is_data = || {
        text.len() > DATA
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
    };
    !NOT_TEXT.iter().any(|known| same_spelling(known, key)) && !is_data()
}
