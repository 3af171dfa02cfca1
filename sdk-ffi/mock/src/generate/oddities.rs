//! Bytes that no JSON writer would write but the SDK has been seen to give: raw control bytes and halves of
//! surrogate pairs (finance-sdk §7). Texts carry stand-ins, which are replaced after writing.

use serde_json::Value;

/// A raw byte 0x0B inside a string.
pub(super) const RAW_TAB: char = '\u{e000}';
/// A raw byte 0x01 inside a string.
pub(super) const RAW_ONE: char = '\u{e001}';
/// Half a surrogate pair as an escape: `\ud83d`.
pub(super) const ESCAPED_HALF: char = '\u{e002}';
/// Half a surrogate pair as three bytes that are not UTF-8.
pub(super) const RAW_HALF: char = '\u{e003}';
/// An escaped NUL.
pub(super) const ESCAPED_NUL: char = '\u{e004}';

/// Compact JSON with the stand-ins replaced.
pub(super) fn to_bytes(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    if !text.contains(|c| ('\u{e000}'..='\u{e004}').contains(&c)) {
        return text.into_bytes();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            RAW_TAB => bytes.push(0x0B),
            RAW_ONE => bytes.push(0x01),
            ESCAPED_HALF => bytes.extend_from_slice(br"\ud83d"),
            RAW_HALF => bytes.extend_from_slice(b"\xed\xa0\xbd"),
            ESCAPED_NUL => bytes.extend_from_slice(br"\u0000"),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: String) -> Vec<u8> {
        to_bytes(&Value::String(content))
    }

    #[test]
    fn stand_ins_become_what_they_stand_for() {
        assert_eq!(text(format!("a{RAW_ONE}b")), b"\"a\x01b\"");
        assert_eq!(text(format!("a{ESCAPED_HALF}b")), br#""a\ud83db""#);
        assert!(std::str::from_utf8(&text(RAW_HALF.to_string())).is_err());
        assert!(serde_json::from_slice::<Value>(&text(RAW_TAB.to_string())).is_err());
        assert!(serde_json::from_slice::<Value>(&text(ESCAPED_NUL.to_string())).is_ok());
    }
}
