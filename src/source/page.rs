//! An answer of `GetChatData` to sealed records (finance-sdk §5.2).
//!
//! An answer of the documented shape is read in one strict pass. Anything else is read again leniently: whole items
//! before a tear are kept, an item of another shape keeps its raw text, an item without a usable seq becomes a
//! stray. Nothing that arrived is dropped.
//!
//! Enters: bytes. Leaves: [`Answer`]. Must not know: who asked, what is in a body.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::scan::{self, Step};
use crate::ids::{KeyVersion, Seq};
use crate::record::Sealed;

/// What one call brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in the answer's order.
    pub records: Vec<Sealed>,
    /// Whatever else stood in `chatdata`: items without a usable seq, byte for byte.
    pub strays: Vec<Vec<u8>>,
    /// The JSON ended early or is none; whole items before the tear are in `records`.
    pub torn: bool,
    /// Size of the answer.
    pub bytes: usize,
}

impl Page {
    /// True when the answer is whole and brings nothing.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.strays.is_empty() && !self.torn
    }
}

/// Either a page or WeCom's own refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `errcode` is 0 or absent.
    Page(Page),
    /// `errcode` is something else.
    Refused {
        /// The code.
        errcode: i64,
        /// `errmsg` as it came.
        message: String,
    },
}

/// Reads an answer of any shape.
pub fn read(bytes: &[u8]) -> Answer {
    if bytes.first() == Some(&b'{')
        && let Ok(whole) = serde_json::from_slice::<Whole>(bytes)
    {
        if whole.errcode != 0 {
            return Answer::Refused {
                errcode: whole.errcode,
                message: whole.errmsg,
            };
        }
        let records = whole
            .chatdata
            .unwrap_or_default()
            .into_iter()
            .map(Sealed::from)
            .collect();
        return Answer::Page(Page {
            records,
            bytes: bytes.len(),
            ..Page::default()
        });
    }
    lenient(bytes)
}

/// The documented answer.
#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
    #[serde(default)]
    chatdata: Option<Vec<Item>>,
}

/// The documented item; anything besides makes it odd.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    seq: u64,
    msgid: String,
    publickey_ver: u32,
    encrypt_random_key: String,
    encrypt_chat_msg: String,
}

impl From<Item> for Sealed {
    fn from(item: Item) -> Self {
        Self {
            seq: Seq(item.seq),
            msgid: item.msgid,
            key_version: KeyVersion(item.publickey_ver),
            random_key: item.encrypt_random_key,
            body: item.encrypt_chat_msg,
            odd: None,
        }
    }
}

fn lenient(bytes: &[u8]) -> Answer {
    let mut page = Page {
        bytes: bytes.len(),
        ..Page::default()
    };
    let (mut errcode, mut message) = (0, String::new());
    let start = scan::skip_blanks(bytes, 0);
    page.torn = bytes.get(start) != Some(&b'{');
    let mut at = start + 1;
    while !page.torn {
        match scan::next_key(bytes, at) {
            Step::Key(key, value) => {
                let array = bytes.get(value) == Some(&b'[');
                match scan::decode(key).as_str() {
                    "chatdata" if array => match items(bytes, value + 1, &mut page) {
                        Some(end) => at = end,
                        None => page.torn = true,
                    },
                    name => match scan::value_end(bytes, value) {
                        None => page.torn = true,
                        Some(end) => {
                            let raw = &bytes[value..end];
                            at = end;
                            match name {
                                "chatdata" if raw != b"null" => page.strays.push(raw.to_vec()),
                                "errmsg" if raw.first() == Some(&b'"') => message = scan::decode(raw),
                                "errcode" if raw != b"null" => match scan::whole(raw) {
                                    Some(code) => errcode = code,
                                    // An unreadable errcode is no proof of success.
                                    None => page.torn = true,
                                },
                                _ => {}
                            }
                        }
                    },
                }
            }
            Step::End(end) => {
                let rest = bytes[end..].trim_ascii();
                if rest.iter().any(|byte| *byte != 0) {
                    page.strays.push(rest.to_vec());
                }
                break;
            }
            Step::Item(_) | Step::Torn => page.torn = true,
        }
    }
    if errcode != 0 {
        Answer::Refused { errcode, message }
    } else {
        Answer::Page(page)
    }
}

/// Reads the array's items; the position after it, or `None` when it is torn.
fn items(bytes: &[u8], start: usize, page: &mut Page) -> Option<usize> {
    let mut at = start;
    loop {
        let (step, next) = scan::next_item(bytes, at);
        at = next;
        match step {
            Step::Item(raw) => match item(raw) {
                Some(sealed) => page.records.push(sealed),
                None => page.strays.push(raw.to_vec()),
            },
            Step::End(end) => return Some(end),
            Step::Key(..) | Step::Torn => return None,
        }
    }
}

/// One item of whatever shape; `None` without a usable seq.
fn item(raw: &[u8]) -> Option<Sealed> {
    if raw.first() != Some(&b'{') {
        return None;
    }
    if let Ok(item) = serde_json::from_slice::<Item>(raw) {
        return Some(item.into());
    }
    let (seq, sealed) = members(raw);
    Some(Sealed {
        seq: Seq(seq?),
        odd: Some(verbatim(raw)),
        ..sealed
    })
}

/// What the members of an item say that is not of the documented shape, as far as it goes.
fn members(raw: &[u8]) -> (Option<u64>, Sealed) {
    let (mut seq, mut sealed) = (None, Sealed::default());
    if raw.first() != Some(&b'{') {
        return (seq, sealed);
    }
    let mut at = 1;
    while let Step::Key(key, value) = scan::next_key(raw, at) {
        let Some(end) = scan::value_end(raw, value) else {
            break;
        };
        let member = &raw[value..end];
        let plain = || match member.first() {
            Some(b'"') => scan::decode(member),
            Some(b'0'..=b'9' | b'-') => text(member),
            _ => String::new(),
        };
        match scan::decode(key).as_str() {
            "seq" => seq = scan::whole(member).or(seq),
            "msgid" => sealed.msgid = plain(),
            "publickey_ver" => sealed.key_version = KeyVersion(scan::whole(member).unwrap_or(0)),
            "encrypt_random_key" => sealed.random_key = plain(),
            "encrypt_chat_msg" => sealed.body = plain(),
            _ => {}
        }
        at = end;
    }
    (seq, sealed)
}

/// An item as text; one that is no UTF-8 as `base64:` and its bytes, so that none of them is lost.
fn verbatim(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("base64:{}", STANDARD.encode(raw)),
    }
}

/// An item that was a stray once: the record it is, if this program finds a usable seq in it.
pub fn stray(raw: &[u8]) -> Option<Sealed> {
    item(raw)
}

/// The msgid in an item without a usable seq; empty when there is none.
pub fn stray_msgid(raw: &[u8]) -> String {
    members(raw).1.msgid
}

fn text(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(bytes: impl AsRef<[u8]>) -> Page {
        match read(bytes.as_ref()) {
            Answer::Page(page) => page,
            refused => panic!("{refused:?}"),
        }
    }

    fn one(item: &str) -> Sealed {
        let page = page(format!(r#"{{"errcode":0,"chatdata":[{item}]}}"#));
        assert!(page.strays.is_empty() && !page.torn, "{page:?}");
        page.records[0].clone()
    }

    #[test]
    fn the_documented_shape_is_read_and_nothing_is_odd() {
        let sealed = one(
            r#"{"seq":196,"msgid":"CAQQ=","publickey_ver":3,"encrypt_random_key":"a\/b=","encrypt_chat_msg":"89"}"#,
        );
        let expected = Sealed {
            seq: Seq(196),
            msgid: "CAQQ=".into(),
            key_version: KeyVersion(3),
            random_key: "a/b=".into(),
            body: "89".into(),
            odd: None,
        };
        assert_eq!(sealed, expected);
    }

    #[test]
    fn an_item_of_another_shape_is_read_as_far_as_it_goes_and_kept_whole() {
        for (item, version, key, body) in [
            (
                r#"{"seq":"7","msgid":"m","publickey_ver":"3","encrypt_random_key":"k","encrypt_chat_msg":"b"}"#,
                3,
                "k",
                "b",
            ),
            (
                r#"{"seq":7,"msgid":"m","encrypt_random_key":"k","encrypt_chat_msg":"b"}"#,
                0,
                "k",
                "b",
            ),
            (
                r#"{"seq":7,"msgid":"m","publickey_ver":3,"encrypt_random_key":null,"encrypt_chat_msg":"b"}"#,
                3,
                "",
                "b",
            ),
            (
                r#"{"seq":7.0,"msgid":"m","publickey_ver":3,"encrypt_random_key":"k","encrypt_chat_msg":{"x":[1]}}"#,
                3,
                "k",
                "",
            ),
            (
                r#"{"seq":7,"msgid":"m","publickey_ver":3,"encrypt_random_key":"k","encrypt_chat_msg":"b","new":1}"#,
                3,
                "k",
                "b",
            ),
            (
                r#"{"seq":7,"msgid":"m","publickey_ver":99999999999,"encrypt_random_key":"k","encrypt_chat_msg":"b"}"#,
                0,
                "k",
                "b",
            ),
        ] {
            let sealed = one(item);
            assert_eq!(sealed.odd.as_deref(), Some(item));
            assert_eq!((sealed.seq, sealed.msgid.as_str()), (Seq(7), "m"), "{item}");
            assert_eq!(
                (sealed.key_version.0, &*sealed.random_key, &*sealed.body),
                (version, key, body),
                "{item}"
            );
        }
        let control = one("{\"seq\":7,\"msgid\":\"a\x01\\ud800\",\"publickey_ver\":3}");
        assert_eq!(control.msgid, "a\u{1}\u{fffd}");
        assert!(control.odd.unwrap().contains('\u{1}'));
    }

    #[test]
    fn what_has_no_usable_seq_is_a_stray() {
        let items = [
            r#"{"msgid":"m"}"#,
            r#"{"seq":-1}"#,
            r#"{"seq":18446744073709551616}"#,
            "null",
            "7",
            "\"x\"",
            "[1,2]",
        ];
        let text = format!(r#"{{"chatdata":[{}, {{"seq":1}}]}}"#, items.join(","));
        let page = page(text);
        assert_eq!(page.strays, items.map(|item| item.as_bytes().to_vec()));
        assert_eq!(page.records.len(), 1);
        assert!(!page.torn);
    }

    #[test]
    fn what_is_no_text_is_kept_to_the_byte() {
        let stray = b"{\"msgid\":\"m\xff\"}";
        let odd = b"{\"seq\":7,\"msgid\":\"m\",\"x\":\"\xfe\"}";
        let answer = [&br#"{"chatdata":["#[..], stray, b",", odd, b"]}"].concat();
        let page = page(answer);
        assert_eq!(page.strays, [stray.to_vec()]);
        assert_eq!(stray_msgid(stray), "m\u{fffd}");
        let kept = page.records[0]
            .odd
            .as_deref()
            .and_then(|text| text.strip_prefix("base64:"));
        assert_eq!(STANDARD.decode(kept.expect("no text")).expect("base64"), odd);
    }

    #[test]
    fn strange_envelopes() {
        for torn in [
            "",
            "   ",
            "<html>",
            "[]",
            "null",
            r#"{"errcode":[1]}"#,
            r#"{"errcode":0"#,
            r#"{"chatdata":[{"seq":1},"#,
        ] {
            assert!(page(torn).torn, "{torn}");
        }
        let object = page(r#"{"errcode":"0","chatdata":{"seq":1}}"#);
        assert_eq!((object.strays.len(), object.torn), (1, false));
        let trailing = page("{\"errcode\":null,\"chatdata\":[]} more");
        assert_eq!(trailing.strays, [b"more".to_vec()]);
        assert!(page("{\"chatdata\":[ ]}\n\0\0").strays.is_empty());
        assert_eq!(
            read(br#"{"errcode":"45009","errmsg":"api freq"}"#),
            Answer::Refused {
                errcode: 45009,
                message: "api freq".into()
            }
        );
        assert_eq!(
            read(b"{\"errmsg\":\"a\x02\",\"errcode\":-1,"),
            Answer::Refused {
                errcode: -1,
                message: "a\u{2}".into()
            }
        );
    }

    fn text_of(items: &[(u64, String, String)]) -> (String, Vec<usize>) {
        let mut text = String::from(r#"{"errcode":0,"errmsg":"ok","chatdata":["#);
        let mut ends = Vec::new();
        for (at, (seq, msgid, body)) in items.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let value = serde_json::json!({
                "seq": seq, "msgid": msgid, "publickey_ver": 1, "encrypt_random_key": "k", "encrypt_chat_msg": body
            });
            text.push_str(&format!("{comma}{value}"));
            ends.push(text.len());
        }
        text.push_str("]}");
        (text, ends)
    }

    fn entries() -> impl Strategy<Value = Vec<(u64, String, String)>> {
        prop::collection::vec(
            (
                any::<u64>(),
                "\\PC{0,8}[\"\\\\{}\\[\\],]{0,3}",
                "[A-Za-z0-9+/=]{0,30}",
            ),
            0..6,
        )
    }

    proptest! {
        #[test]
        fn the_lenient_reader_agrees_with_the_strict_one(items in entries()) {
            let (text, _) = text_of(&items);
            prop_assert_eq!(lenient(text.as_bytes()), read(text.as_bytes()));
            prop_assert_eq!(page(&text).records.len(), items.len());
        }

        #[test]
        fn a_torn_answer_keeps_exactly_the_whole_items_before_the_tear(
            items in entries(), cut in any::<prop::sample::Index>(),
        ) {
            let (text, ends) = text_of(&items);
            let cut = cut.index(text.len());
            let torn = page(&text.as_bytes()[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count();
            prop_assert!(torn.torn && torn.strays.is_empty());
            prop_assert_eq!(&torn.records[..], &page(&text).records[..whole]);
        }

        #[test]
        fn one_odd_item_leaves_the_others_as_they_are(items in entries(), at in any::<prop::sample::Index>()) {
            let (text, ends) = text_of(&items);
            let healthy = page(&text).records;
            let place = if ends.is_empty() { text.len() - 2 } else { ends[at.index(ends.len())] };
            let comma = if ends.is_empty() { "" } else { "," };
            let odd = format!("{}{comma}{{\"seq\":1,\"msgid\":\"\u{1}\"}}{}", &text[..place], &text[place..]);
            let mut read = page(&odd);
            let index = read.records.iter().position(|sealed| sealed.odd.is_some()).unwrap();
            read.records.remove(index);
            prop_assert_eq!(read.records, healthy);
        }

        #[test]
        fn arbitrary_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
            let mut inside = br#"{"chatdata":["#.to_vec();
            inside.extend(&bytes);
            read(&inside);
        }
    }
}
