//! Folding: what counts as the same character when somebody searches.
//!
//! The rules, one character to one character, so that a position in the folded text is a position in the source:
//!
//! 1. Width. Full-width ASCII (`Ａ`, `１`, `！`, U+FF01–U+FF5E) becomes ASCII; the ideographic space becomes a
//!    space; full-width signs (`￥`, `￡`, …, U+FFE0–U+FFE6) become ordinary ones; half-width katakana and its
//!    punctuation (U+FF61–U+FF9F) become full-width. A half-width voiced sound stays two characters, because
//!    it is two: `ｶﾞ` is found by `カ゛` and not by `ガ`.
//! 2. Case. A character whose lower case is exactly one character becomes that one.
//!
//! Nothing else: no accents, no simplified for traditional, no normalisation. Folding twice changes nothing.

use std::ops::Range;

/// U+FF61 to U+FF9F in order.
const HALF_WIDTH_KATAKANA: [char; 63] = [
    '。', '「', '」', '、', '・', 'ヲ', 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ャ', 'ュ', 'ョ', 'ッ', 'ー', 'ア',
    'イ', 'ウ', 'エ', 'オ', 'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ', 'チ', 'ツ',
    'テ', 'ト', 'ナ', 'ニ', 'ヌ', 'ネ', 'ノ', 'ハ', 'ヒ', 'フ', 'ヘ', 'ホ', 'マ', 'ミ', 'ム', 'メ', 'モ',
    'ヤ', 'ユ', 'ヨ', 'ラ', 'リ', 'ル', 'レ', 'ロ', 'ワ', 'ン', '゛', '゜',
];

/// U+FFE0 to U+FFE6 in order.
const FULL_WIDTH_SIGNS: [char; 7] = ['¢', '£', '¬', '¯', '¦', '¥', '₩'];

/// The character that stands for `c` in the index.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    lower(narrow(c))
}

/// `text` with every character folded.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

fn narrow(c: char) -> char {
    match c as u32 {
        0x3000 => ' ',
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        code @ 0xFF61..=0xFF9F => HALF_WIDTH_KATAKANA[(code - 0xFF61) as usize],
        code @ 0xFFE0..=0xFFE6 => FULL_WIDTH_SIGNS[(code - 0xFFE0) as usize],
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut lowered = c.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// A folded text that still knows where each of its characters came from.
#[derive(Debug, Clone)]
pub struct Folded {
    chars: Vec<char>,
    /// Byte offset of each character in the source, and the length of the source at the end.
    offsets: Vec<usize>,
}

impl Folded {
    /// Folds `source` and remembers the way back.
    pub fn new(source: &str) -> Self {
        let mut chars = Vec::with_capacity(source.len());
        let mut offsets = Vec::with_capacity(source.len() + 1);
        for (offset, c) in source.char_indices() {
            chars.push(fold_char(c));
            offsets.push(offset);
        }
        offsets.push(source.len());
        Self { chars, offsets }
    }

    /// The folded characters.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The bytes of the source behind a range of folded characters.
    ///
    /// # Panics
    /// When the range reaches beyond the text.
    pub fn source(&self, range: Range<usize>) -> Range<usize> {
        self.offsets[range.start]..self.offsets[range.end]
    }

    /// Every place where `needle` (folded by the caller) stands, as ranges of folded characters, left to right
    /// and without overlap. An empty needle stands nowhere.
    pub fn find(&self, needle: &[char]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        while !needle.is_empty() && at + needle.len() <= self.chars.len() {
            if self.chars[at..at + needle.len()] == *needle {
                found.push(at..at + needle.len());
                at += needle.len();
            } else {
                at += 1;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folding_twice_changes_no_character_of_unicode() {
        for c in '\0'..=char::MAX {
            let once = fold_char(c);
            assert_eq!(fold_char(once), once, "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn width_and_case_fold_and_nothing_else_does() {
        assert_eq!(fold("ＡＢＣ　１２！￥ｶﾞÄΣ"), "abc 12!¥カ゛äσ");
        assert_eq!(fold("é退款微笑\u{200d}👨‍👩‍👧\0\n"), "é退款微笑\u{200d}👨‍👩‍👧\0\n");
        assert_eq!(fold("İ"), "İ", "its lower case is two characters, so it stays");
    }

    #[test]
    fn half_width_katakana_agrees_with_its_compatibility_form_at_both_ends() {
        assert_eq!(fold("｡｢ｦｧｯｰｱﾝﾞﾟ"), "。「ヲァッーアン゛゜");
    }

    proptest! {
        #[test]
        fn every_folded_range_leads_back_to_the_bytes_it_came_from(text in "\\PC{0,40}", a in 0usize..40, b in 0usize..40) {
            let folded = Folded::new(&text);
            let count = folded.chars().len();
            let (a, b) = (a.min(count), b.min(count));
            let (a, b) = (a.min(b), a.max(b));
            let slice = &text[folded.source(a..b)];
            let again = Folded::new(slice);
            prop_assert_eq!(again.chars(), &folded.chars()[a..b]);
        }

        #[test]
        fn find_agrees_with_the_standard_library(text in "[abAＢ退]{0,20}", needle in "[abAＢ退]{1,3}") {
            let folded = Folded::new(&text);
            let wanted: Vec<char> = fold(&needle).chars().collect();
            let plain = fold(&text);
            prop_assert_eq!(folded.find(&wanted).len(), plain.matches(&fold(&needle)).count());
        }
    }
}
