//! Folding: what counts as the same text when somebody searches.
//!
//! The rules, in this order (`docs/search.md` has them with examples):
//!
//! 1. White space of any kind, line breaks and tabs included, is one plain blank for each character. Runs are not joined.
//! 2. Characters that show nothing (Unicode's Default_Ignorable_Code_Point: zero-width blanks and joiners, soft hyphen, BOM,
//!    variation selectors, marks of direction, tags) are dropped.
//! 3. Compatibility forms become ordinary characters (the mappings of NFKC: full and half width, circled, squared, ligatures,
//!    superscripts, Kangxi radicals, compatibility ideographs, …); radicals of the CJK supplement become the ideograph Unicode
//!    names as equivalent. Not mapped: Hangul letters that stand alone (U+3131–U+318E, U+FFA1–U+FFDC), which would join
//!    into other syllables, and accents with a blank of their own (`´`, `¨`), which would split from it. The voiced marks of
//!    kana count as the combining ones wherever they come from: `ｶﾞ`, `カ゛` and `ガ` are the same.
//! 4. Case: a character whose lower case is exactly one character becomes that one.
//! 5. Accents join their letters (NFC), whether typed as one character or as two.
//!
//! Nothing else: no accents dropped, no simplified for traditional. Folding twice changes nothing.
//!
//! Rule 5 looks at neighbours, so folding two halves of a text is not always folding the whole: a needle that begins with a
//! combining mark is found only where the mark joins nothing, and a letter is not found inside a letter with an accent.
//! Everywhere else, `fold(a + b) == fold(a) + fold(b)`.
//!
//! The mappings come from `icu_normalizer` and the standard library. A test pins the folding of every character of Unicode, so that a new release of
//! either cannot change it in silence: then [`VERSION`](super::VERSION) has to be raised.

use std::{borrow::Cow, ops::Range};

use icu_normalizer::{
    ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed,
    properties::CanonicalCombiningClassMapBorrowed,
};

use super::radical::ideograph;

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
const CLASSES: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMapBorrowed::new();

/// `text` folded.
pub fn fold(text: &str) -> String {
    let mut out = Folding::new(String::with_capacity(text.len()), NoPlaces);
    out.run(text);
    out.text
}

/// [`fold`], behind what `out` holds already; the two do not join.
pub fn fold_into(out: &mut String, text: &str) {
    let mut folding = Folding::new(std::mem::take(out), NoPlaces);
    folding.run(text);
    *out = folding.text;
}

/// A folded text that still knows where each of its characters came from.
#[derive(Debug, Clone)]
pub struct Folded {
    chars: Vec<char>,
    /// Byte offset in the source of what each character came from, ascending.
    starts: Vec<usize>,
    /// Bytes of the source.
    length: usize,
}

impl Folded {
    /// Folds `source` and remembers the way back.
    pub fn new(source: &str) -> Self {
        let mut folding = Folding::new(
            String::with_capacity(source.len()),
            Starts(Vec::with_capacity(source.len())),
        );
        folding.run(source);
        Self {
            chars: folding.text.chars().collect(),
            starts: folding.places.0,
            length: source.len(),
        }
    }

    /// The folded characters.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The bytes of the source behind a range of folded characters: everything that one of them came from, together with
    /// the characters that show nothing behind it. Empty for an empty range.
    ///
    /// # Panics
    /// When the range reaches beyond the text.
    pub fn source(&self, range: Range<usize>) -> Range<usize> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            let at = self.starts.get(range.start).copied().unwrap_or(self.length);
            return at..at;
        };
        let end = self.starts[range.end..]
            .iter()
            .find(|start| **start > self.starts[last]);
        self.starts[range.start]..end.copied().unwrap_or(self.length)
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

/// Notes where characters came from, or does not.
trait Places {
    fn push(&mut self, start: usize);
    /// The characters from `first` on were joined anew and are `count` now; they all came from the first one's place.
    fn rejoin(&mut self, first: usize, count: usize);
    fn len(&self) -> usize;
}

struct NoPlaces;

impl Places for NoPlaces {
    #[inline]
    fn push(&mut self, _: usize) {}
    fn rejoin(&mut self, _: usize, _: usize) {}
    #[inline]
    fn len(&self) -> usize {
        0
    }
}

struct Starts(Vec<usize>);

impl Places for Starts {
    fn push(&mut self, start: usize) {
        self.0.push(start);
    }
    fn rejoin(&mut self, first: usize, count: usize) {
        let start = self.0.get(first).copied().unwrap_or_default();
        self.0.truncate(first);
        self.0.resize(first + count, start);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}

struct Folding<P> {
    text: String,
    places: P,
    /// Where the last character begins that joins nothing before it, in bytes and in characters.
    cluster: (usize, usize),
    /// Something behind it may join it.
    joins: bool,
}

impl<P: Places> Folding<P> {
    fn new(text: String, places: P) -> Self {
        Self {
            cluster: (text.len(), places.len()),
            text,
            places,
            joins: false,
        }
    }

    fn run(&mut self, source: &str) {
        let mut at = 0;
        while let Some(first) = source.as_bytes().get(at) {
            if first.is_ascii() {
                at = self.ascii(source, at);
                continue;
            }
            let Some(c) = source[at..].chars().next() else {
                break;
            };
            match plain(c) {
                Some(folded) => self.begin(folded, at),
                None => self.look_up(c, at),
            }
            at += c.len_utf8();
        }
        self.join();
    }

    /// Everything up to the next character that is not ASCII, many at a time.
    fn ascii(&mut self, source: &str, at: usize) -> usize {
        self.join();
        let length = source[at..].bytes().take_while(u8::is_ascii).count();
        let run = &source[at..at + length];
        let begin = self.text.len();
        if run.bytes().any(|byte| matches!(byte, b'\t'..=b'\r')) {
            self.text
                .extend(run.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
        } else {
            self.text.push_str(run);
        }
        self.text[begin..].make_ascii_lowercase();
        (at..at + length).for_each(|at| self.places.push(at));
        self.cluster = (self.text.len() - 1, self.places.len().saturating_sub(1));
        at + length
    }

    /// A character that joins nothing before it.
    #[inline]
    fn begin(&mut self, c: char, at: usize) {
        if self.joins {
            self.join();
        }
        self.cluster = (self.text.len(), self.places.len());
        self.add(c, at);
    }

    #[inline]
    fn add(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.places.push(at);
    }

    /// The characters that are not [`plain`].
    #[cold]
    fn look_up(&mut self, c: char, at: usize) {
        if c.is_whitespace() {
            return self.begin(' ', at);
        }
        match c {
            _ if shows_nothing(c) => {}
            '…' => (0..3).for_each(|_| self.begin('.', at)),
            // Hangul letters that stand alone, and half-width ones.
            '\u{3131}'..='\u{318E}' | '\u{FFA1}'..='\u{FFDC}' => self.begin(c, at),
            '\u{309B}' => self.follow('\u{3099}', at),
            '\u{309C}' => self.follow('\u{309A}', at),
            '\u{FFE3}' => self.begin('¯', at),
            _ => {
                let c = ideograph(c).unwrap_or(c);
                let mut parts = NFKD.normalize_iter([c].into_iter());
                match (parts.next(), parts.next()) {
                    // An accent with a blank of its own: only its canonical form.
                    (Some(' '), Some(_)) => NFC
                        .normalize(c.encode_utf8(&mut [0; 4]))
                        .chars()
                        .for_each(|c| self.follow(c, at)),
                    (first, second) => first
                        .into_iter()
                        .chain(second)
                        .chain(parts)
                        .filter(|part| !shows_nothing(*part))
                        .for_each(|part| self.follow(lower(part), at)),
                }
            }
        }
    }

    /// A character that may join what is before it.
    fn follow(&mut self, c: char, at: usize) {
        if CLASSES.get_u8(c) != 0 || may_be_second(c) {
            self.joins = true;
            self.add(c, at);
        } else {
            self.begin(c, at);
        }
    }

    /// Joins the last character with what followed it.
    fn join(&mut self) {
        if std::mem::take(&mut self.joins) {
            let (byte, count) = self.cluster;
            if let Cow::Owned(joined) = NFC.normalize(&self.text[byte..]) {
                self.places.rejoin(count, joined.chars().count());
                self.text.truncate(byte);
                self.text.push_str(&joined);
            }
        }
    }
}

/// The characters that nearly every text consists of, with what they fold to: found without a table. They join nothing
/// before them.
#[inline]
fn plain(c: char) -> Option<char> {
    Some(
        match c {
            '\t'..='\r' => ' ',
            '\0'..='\x7F' => c.to_ascii_lowercase(),
            // Ideographs; kana without their marks; CJK punctuation; Hangul syllables; dashes and quotes; pictures.
            '\u{4E00}'..='\u{9FFF}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30A1}'..='\u{30FE}'
            | '\u{3001}'..='\u{3029}'
            | '\u{AC00}'..='\u{D7A3}'
            | '\u{2012}'..='\u{2016}'
            | '\u{2018}'..='\u{2023}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{2600}'..='\u{27BF}'
            | '\u{1F300}'..='\u{1FAFF}' => c,
            '\u{3000}' => ' ',
            '\u{FF01}'..='\u{FF5E}' => (c as u32 - 0xFEE0) as u8 as char,
            _ => return None,
        }
        .to_ascii_lowercase(),
    )
}

fn lower(c: char) -> char {
    let mut lowered = c.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Unicode's Default_Ignorable_Code_Point.
fn shows_nothing(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// True for a block in which a character of combining class 0 can join the one before it: Indic vowel signs and conjoining
/// Hangul. More than those characters themselves; that costs a look and changes nothing.
fn may_be_second(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{11FF}' | '\u{1B00}'..='\u{1B7F}' | '\u{11000}'..='\u{11FFF}' | '\u{16000}'..='\u{16FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();

    /// Characters at which the rules differ, and any others.
    const TEXTS: &str = "([ab 退カｶﾞ゛゙ﾟがé\u{301}\u{316}é❤\u{fe0f}\u{200d}①㈱…⼀⻢金\u{3000}\u{2005}\n가ᄀ\u{1161}\u{11a8}ㅎㅏ\u{9c7}\u{9be}´¨İΣς]|\\PC){0,12}";

    #[test]
    fn each_rule_at_its_examples() {
        for (rule, text, folded) in [
            ("width and case", "ＡＢＣ　１２！￥ÄΣ～", "abc 12!¥äσ~"),
            ("half-width kana", "｡｢ｦｧｯｰｱﾝｶﾞﾊﾟ", "。「ヲァッーアンガパ"),
            ("kana marks", "カ゛か\u{3099}ハ゜", "ガがパ"),
            (
                "blanks",
                "a\u{3000}b\u{a0}c\u{2005}d\u{202f}e\tf\r\ng\u{2028}h",
                "a b c d e f  g h",
            ),
            (
                "nothing to see",
                "退\u{200b}款\u{feff}❤\u{fe0f}\u{ad}👨\u{200d}👩\u{202e}",
                "退款❤👨👩",
            ),
            ("compatibility", "①㈱㎏ﬁ²Ⅳ℃…㊙﹐", "1(株)kgfi2iv°c...秘,"),
            ("radicals", "⽂件⽅便⻢⻓", "文件方便马长"),
            ("compatibility ideographs", "金\u{F90A}\u{2F800}", "金金丽"),
            ("accents join", "e\u{301}E\u{301}éÉ", "éééé"),
            ("not folded", "é退\0ㅎㅏㅋ´¨ß", "é退\0ㅎㅏㅋ´¨ß"),
            ("not a letter for a blank", "¯￣", "¯¯"),
        ] {
            assert_eq!(fold(text), folded, "{rule}");
            assert_eq!(fold(folded), folded, "{rule}, again");
        }
    }

    #[test]
    fn every_character_folds_once_and_like_its_canonical_forms() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let once = fold(&text);
            assert_eq!(fold(&once), once, "U+{:04X}", c as u32);
            assert_eq!(fold(&NFD.normalize(&text)), once, "U+{:04X} decomposed", c as u32);
            assert_eq!(fold(&NFC.normalize(&text)), once, "U+{:04X} composed", c as u32);
            if let Some(plain) = plain(c) {
                assert_eq!(once, plain.to_string(), "U+{:04X}", c as u32);
                let mut slow = Folding::new(String::new(), NoPlaces);
                slow.look_up(c, 0);
                slow.join();
                assert_eq!(slow.text, once, "U+{:04X} without the fast way", c as u32);
                assert!(
                    CLASSES.get_u8(c) == 0 && !may_be_second(c),
                    "U+{:04X} joins",
                    c as u32
                );
            }
        }
    }

    /// FNV-1a over the folding of every character.
    #[test]
    fn the_folding_of_all_characters_is_that_of_this_version() {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for c in '\0'..=char::MAX {
            for byte in fold(&c.to_string()).bytes().chain([0xFF]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
            }
        }
        assert_eq!(
            (super::super::VERSION, hash),
            (3, 1_005_700_749_076_438_864),
            "the folding changed: raise VERSION, keep the rules of the version before in `before`, then correct this"
        );
    }

    #[test]
    fn a_range_leads_back_to_whole_characters() {
        let back = |text: &'static str, range| {
            let folded = Folded::new(text);
            &text[folded.source(range)]
        };
        assert_eq!(back("a㈱b", 2..3), "㈱");
        assert_eq!(back("a㈱b", 3..5), "㈱b");
        assert_eq!(back("x❤\u{fe0f}y", 1..2), "❤\u{fe0f}");
        assert_eq!(back("xe\u{301}y", 1..2), "e\u{301}");
        assert_eq!(back("ｶﾞﾊﾟ", 1..2), "ﾊﾟ");
        assert_eq!(back("\u{200b}ab", 0..1), "a");
        assert_eq!(back("ab", 2..2), "");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in TEXTS) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn composed_and_decomposed_texts_fold_alike(text in TEXTS) {
            prop_assert_eq!(fold(&NFD.normalize(&text)), fold(&text));
            prop_assert_eq!(fold(&NFC.normalize(&text)), fold(&text));
        }

        #[test]
        fn halves_fold_like_the_whole_unless_they_join(a in TEXTS, b in TEXTS) {
            let joins = |c: char| {
                let mut folding = Folding::new(String::new(), NoPlaces);
                folding.look_up(c, 0);
                folding.joins
            };
            let first = b.chars().find(|c| !shows_nothing(*c));
            prop_assume!(!first.is_some_and(|c| plain(c).is_none() && joins(c)));
            prop_assert_eq!(fold(&format!("{a}{b}")), fold(&a) + &fold(&b));
        }

        #[test]
        fn every_folded_range_leads_back_to_the_bytes_it_came_from(text in TEXTS, a in 0usize..40, b in 0usize..40) {
            let folded = Folded::new(&text);
            prop_assert_eq!(folded.chars().iter().collect::<String>(), fold(&text));
            let count = folded.chars().len();
            let (a, b) = (a.min(count), b.min(count));
            let (a, b) = (a.min(b), a.max(b));
            let again = fold(&text[folded.source(a..b)]);
            let part: String = folded.chars()[a..b].iter().collect();
            prop_assert!(again.contains(&part), "{:?} in {:?}", part, again);
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
