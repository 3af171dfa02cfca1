//! Full-width and typographic forms of the signs the language is made of.
//!
//! Only signs of the language: what a text is compared by is folded by `words`, on both sides.

/// The ASCII form of a full-width character; others stay.
pub(super) fn ascii(c: char) -> char {
    match c as u32 {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        0x3000 => ' ',
        _ => c,
    }
}

/// [`ascii`] of each character.
pub(super) fn narrow(text: &str) -> String {
    text.chars().map(ascii).collect()
}

/// Blanks, also those that take no room and come along when something is pasted.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}')
}

pub(super) fn is_colon(c: char) -> bool {
    matches!(c, ':' | '：' | '﹕' | '︰')
}

/// Signs that are typed or corrected to where a minus is meant.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '－' | '﹣' | '−' | '‐' | '‑' | '–' | '—')
}

/// Between several values, and before a further key.
pub(super) fn is_comma(c: char) -> bool {
    matches!(c, ',' | '，' | '、')
}

/// What closes a quotation that begins with this; the first is the true one, the others count where it is missing.
pub(super) fn closers(opening: char) -> Option<&'static [char]> {
    match opening {
        '"' => Some(&['"', '”', '＂']),
        '＂' => Some(&['＂', '"', '”']),
        '“' => Some(&['”', '"', '“', '＂']),
        '”' => Some(&['”', '“', '"']),
        '‘' => Some(&['’']),
        '「' => Some(&['」']),
        '『' => Some(&['』']),
        _ => None,
    }
}
