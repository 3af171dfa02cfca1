//! Cutting: a text becomes index terms such that "contains this substring" is an exact question about them.
//!
//! For the folded characters `c1 c2 … cn` the terms are the overlapping pairs `c1c2`, `c2c3`, …, and last the
//! single `cn`. Then
//!
//! * a needle of two characters or more is contained exactly where the phrase of its pairs stands;
//! * a needle of one character is contained exactly where a term begins with it, because every character
//!   begins exactly one term;
//! * no phrase of pairs can reach from one text into the next, because the single character between them is no
//!   pair. So several texts may follow each other in one column and nothing matches across their border.
//!
//! Terms go to a tokenizer that splits at ASCII which is neither letter nor digit and knows nothing else
//! (FTS5 `ascii`). Every character is therefore written in a code without such ASCII: lower-case letters, digits
//! and everything from U+0080 on stand for themselves; the rest of ASCII (space, quotes, NUL, …) moves to
//! U+10FF00 + its number; the characters that really live there, and the escape itself, get an escape in
//! front. No code is the beginning of another one, so a sequence of codes reads in one way only, and two
//! different pairs never make the same term. A code holds no quote, star or NUL either: a needle cannot break
//! out of a query.

use super::fold::fold_char;

/// First of the 128 places where ASCII moves to: the end of the last private plane.
const MOVED: u32 = 0x10_FF00;
/// Stands before a character that really is one of the moved ones, or the escape.
const ESCAPE: char = '\u{10FF80}';

/// How to ask the index for a needle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Some term begins with this (a needle of one character).
    Begins(String),
    /// These terms, separated by spaces, stand in a row.
    Row(String),
}

/// Appends the terms of one text to `out`, each followed by a space.
pub fn terms_into(text: &str, out: &mut String) {
    let mut chars = text.chars().map(fold_char).peekable();
    while let Some(c) = chars.next() {
        push_code(c, out);
        if let Some(&next) = chars.peek() {
            push_code(next, out);
        }
        out.push(' ');
    }
}

/// The question that is true for exactly the texts which contain `needle`, both folded;
/// `None` for the empty needle.
pub fn ask(needle: &str) -> Option<Ask> {
    let chars: Vec<char> = needle.chars().map(fold_char).collect();
    let mut terms = String::with_capacity(needle.len() * 3);
    match chars.as_slice() {
        [] => None,
        [only] => {
            push_code(*only, &mut terms);
            Some(Ask::Begins(terms))
        }
        _ => {
            for pair in chars.windows(2) {
                push_code(pair[0], &mut terms);
                push_code(pair[1], &mut terms);
                terms.push(' ');
            }
            terms.pop();
            Some(Ask::Row(terms))
        }
    }
}

fn push_code(c: char, out: &mut String) {
    match c {
        'a'..='z' | '0'..='9' => out.push(c),
        '\0'..='\x7f' => out.extend(char::from_u32(MOVED + c as u32)),
        '\u{10FF00}'..='\u{10FF80}' => out.extend([ESCAPE, c]),
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn code(c: char) -> String {
        let mut out = String::new();
        push_code(c, &mut out);
        out
    }

    fn terms(text: &str) -> Vec<String> {
        let mut out = String::new();
        terms_into(text, &mut out);
        out.split_terminator(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_character_has_a_code_of_its_own_that_the_tokenizer_keeps() {
        let mut seen = HashMap::new();
        for c in '\0'..=char::MAX {
            let code = code(c);
            assert!(
                code.bytes()
                    .all(|b| b >= 0x80 || b.is_ascii_lowercase() || b.is_ascii_digit()),
                "U+{:04X}",
                c as u32
            );
            if let Some(other) = seen.insert(code, c) {
                panic!("U+{:04X} and U+{:04X} share a code", other as u32, c as u32);
            }
        }
    }

    #[test]
    fn no_code_is_the_beginning_of_another() {
        for c in '\0'..=char::MAX {
            let code = code(c);
            // Codes have one character or two; a code of one that began a code of two would be the escape.
            assert_eq!(
                code.starts_with(ESCAPE),
                code.chars().count() == 2,
                "U+{:04X}",
                c as u32
            );
        }
    }

    #[test]
    fn a_text_is_cut_into_pairs_and_its_last_character() {
        assert_eq!(terms("退款Ａ"), ["退款", "款a", "a"]);
        assert_eq!(terms("退"), ["退"]);
        assert!(terms("").is_empty());
    }

    #[test]
    fn a_needle_asks_for_the_row_of_its_pairs() {
        assert_eq!(ask(""), None);
        assert_eq!(ask("退"), Some(Ask::Begins("退".into())));
        assert_eq!(ask("退款A"), Some(Ask::Row("退款 款a".into())));
    }

    proptest! {
        #[test]
        fn different_pairs_make_different_terms(
            a in any::<(char, char)>(), b in any::<(char, char)>(),
            near in proptest::array::uniform4(proptest::char::range('\u{10FEF0}', '\u{10FFFD}')),
        ) {
            let join = |(x, y): (char, char)| code(x) + &code(y);
            prop_assert_eq!(a == b, join(a) == join(b));
            let [w, x, y, z] = near;
            prop_assert_eq!((w, x) == (y, z), join((w, x)) == join((y, z)));
            prop_assert_ne!(code(w), join((x, y)), "a single character is never a pair");
        }

        #[test]
        fn a_question_holds_no_character_that_a_query_could_trip_over(needle in any::<String>()) {
            match ask(&needle) {
                None => prop_assert!(needle.is_empty()),
                Some(Ask::Begins(terms) | Ask::Row(terms)) => prop_assert!(
                    terms.chars().all(|c| c == ' ' || !c.is_ascii() || c.is_ascii_lowercase() || c.is_ascii_digit())
                ),
            }
        }
    }
}
