//! What a file is, by its first bytes. Names and announced types are what somebody wrote.

/// As many first bytes as [`sniff`] looks at.
pub const HEAD: usize = 8 * 1024;

/// A file's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sniffed {
    /// `image/jpeg`, …; `application/octet-stream` when nobody knows.
    pub mime: &'static str,
    /// The ending that goes with it, without dot; empty when nobody knows.
    pub ending: &'static str,
}

/// Sound as phones record it, which browsers do not play.
pub const AMR: Sniffed = kind("audio/amr", "amr");
/// The wide-band form of it.
pub const AMR_WB: Sniffed = kind("audio/amr-wb", "awb");
/// Skype's old codec, with or without the byte that Tencent puts in front.
pub const SILK: Sniffed = kind("audio/silk", "silk");

const UNKNOWN: Sniffed = kind("application/octet-stream", "");
const TEXT: Sniffed = kind("text/plain", "txt");

const fn kind(mime: &'static str, ending: &'static str) -> Sniffed {
    Sniffed { mime, ending }
}

/// The type of a file that begins with these bytes.
pub fn sniff(head: &[u8]) -> Sniffed {
    let silk = head.strip_prefix(&[2]).unwrap_or(head);
    if head.starts_with(b"#!AMR-WB") {
        AMR_WB
    } else if head.starts_with(b"#!AMR") {
        AMR
    } else if silk.starts_with(b"#!SILK") {
        SILK
    } else if let Some(found) = infer::get(head) {
        kind(found.mime_type(), found.extension())
    } else if is_text(head) {
        TEXT
    } else {
        UNKNOWN
    }
}

/// UTF-8 without control characters; a character may be cut off at the end.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let odd = |c: char| c.is_control() && !['\n', '\r', '\t', '\u{c}'].contains(&c);
    !text.is_empty() && !text.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_beginnings_are_known() {
        for (head, mime) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"GIF89a\x01\0\x01\0", "image/gif"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
            (b"PK\x03\x04\x14\0\x06\0", "application/zip"),
            (b"ID3\x04\0\0\0\0\0\0", "audio/mpeg"),
            (b"#!AMR\n\x3c", "audio/amr"),
            (b"#!AMR-WB\n", "audio/amr-wb"),
            (b"\x02#!SILK_V3\x05", "audio/silk"),
            (b"#!SILK_V3", "audio/silk"),
            ("会议纪要\r\n一、".as_bytes(), "text/plain"),
            (&"纪要".as_bytes()[..5], "text/plain"),
            (b"\x01\x02\x03\x04", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(sniff(head).mime, mime, "{head:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_type(head: Vec<u8>) {
            proptest::prop_assert!(!sniff(&head).mime.is_empty());
        }
    }
}
