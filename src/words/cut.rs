//! Cutting: a text becomes pairs of characters such that "contains this substring" is an exact question about
//! them and the places where they stand.
//!
//! For the folded characters `c1 c2 … cn` the pairs are `c1c2`, `c2c3`, …, and last `cn` alone; the pair number *i*
//! stands at place *i*. Then
//!
//! * a needle of one character is contained exactly where a pair begins with it, because every character
//!   begins exactly one pair;
//! * a needle of more is contained exactly where enough of its pairs stand at their distance from each other:
//!   those at 0, 2, 4, … and the last one cover every character of it.
//!
//! Whoever numbers the places of several texts in a row leaves one number out between two of them, so that
//! nothing matches across their border.

use std::ops::RangeInclusive;

use super::fold::fold;

/// Stands for "no second character"; no character has this number.
const ALONE: u32 = 0x1F_FFFF;
/// Bits of a character's number.
const CHAR_BITS: u32 = 21;

/// How to ask the index for a needle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Some pair is one of these (a needle of one character).
    Begins(RangeInclusive<u64>),
    /// These pairs stand at these distances behind a common place, ascending, the first at 0.
    Row(Vec<(u32, u64)>),
}

/// The number of a pair: 42 bits, ordered by its first character.
pub fn pair(first: char, second: Option<char>) -> u64 {
    u64::from(u32::from(first)) << CHAR_BITS | u64::from(second.map_or(ALONE, u32::from))
}

/// The pairs that begin with a character.
pub fn beginning(first: char) -> RangeInclusive<u64> {
    u64::from(u32::from(first)) << CHAR_BITS..=pair(first, None)
}

/// The first character of a pair.
pub fn first(pair: u64) -> Option<char> {
    char::from_u32((pair >> CHAR_BITS) as u32)
}

/// The second character of a pair.
pub fn second(pair: u64) -> Option<char> {
    char::from_u32((pair & ((1 << CHAR_BITS) - 1)) as u32)
}

/// Places of pairs that cover a needle of so many characters, two or more: 0, 2, 4, … and the last.
pub fn covering(length: usize) -> Vec<usize> {
    let last = length.saturating_sub(2);
    (0..last).step_by(2).chain([last]).collect()
}

/// The pairs of one folded text, in the order of their places.
pub fn pairs(folded: &str) -> impl Iterator<Item = u64> + '_ {
    let mut chars = folded.chars().peekable();
    std::iter::from_fn(move || {
        let first = chars.next()?;
        Some(pair(first, chars.peek().copied()))
    })
}

/// The question that is true for exactly the texts which contain `needle`, both folded; `None` for a needle of which
/// folding leaves nothing.
pub fn ask(needle: &str) -> Option<Ask> {
    ask_folded(&fold(needle))
}

/// [`ask`] for a needle that is folded already.
pub fn ask_folded(needle: &str) -> Option<Ask> {
    let chars: Vec<char> = needle.chars().collect();
    match chars.as_slice() {
        [] => None,
        [only] => Some(Ask::Begins(beginning(*only))),
        _ => {
            let row = covering(chars.len())
                .into_iter()
                .map(|place| (place as u32, pair(chars[place], Some(chars[place + 1]))));
            Some(Ask::Row(row.collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::words::fold;

    /// The index in its plainest form: does the question hold for this text?
    fn holds(ask: &Ask, text: &str) -> bool {
        let stands: Vec<u64> = pairs(&fold(text)).collect();
        match ask {
            Ask::Begins(range) => stands.iter().any(|pair| range.contains(pair)),
            Ask::Row(row) => (0..stands.len()).any(|at| {
                row.iter()
                    .all(|(place, pair)| stands.get(at + *place as usize) == Some(pair))
            }),
        }
    }

    #[test]
    fn a_text_is_cut_into_pairs_and_its_last_character() {
        let cut: Vec<u64> = pairs(&fold("退款Ａ")).collect();
        assert_eq!(
            cut,
            [pair('退', Some('款')), pair('款', Some('a')), pair('a', None)]
        );
        assert_eq!(pairs("退").collect::<Vec<_>>(), [pair('退', None)]);
        assert_eq!(pairs("").count(), 0);
    }

    #[test]
    fn a_needle_asks_for_as_few_pairs_as_cover_it() {
        let places = |needle| match ask(needle) {
            Some(Ask::Row(row)) => row.into_iter().map(|(place, _)| place).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(ask(""), None);
        assert_eq!(ask("\u{200b}\u{fe0f}"), None, "nothing is left of it");
        assert_eq!(places("ab"), [0]);
        assert_eq!(places("abc"), [0, 1]);
        assert_eq!(places("abcd"), [0, 2]);
        assert_eq!(places("abcde"), [0, 2, 3]);
    }

    #[test]
    fn pairs_with_one_first_character_are_neighbours() {
        for c in ['\0', 'a', '退', char::MAX] {
            let Some(Ask::Begins(range)) = ask(&c.to_string()) else {
                panic!()
            };
            for second in [None, Some('\0'), Some(char::MAX)] {
                assert!(range.contains(&pair(c, second)));
            }
            let next = char::from_u32(c as u32 + 1);
            assert!(next.is_none_or(|next| !range.contains(&pair(next, Some('\0')))));
        }
    }

    proptest! {
        #[test]
        fn different_pairs_have_different_numbers(a in any::<(char, Option<char>)>(), b in any::<(char, Option<char>)>()) {
            prop_assert_eq!(a == b, pair(a.0, a.1) == pair(b.0, b.1));
            prop_assert!(pair(a.0, a.1) < 1 << 42);
            prop_assert!(beginning(a.0).contains(&pair(a.0, a.1)));
            prop_assert_eq!((first(pair(a.0, a.1)), second(pair(a.0, a.1))), (Some(a.0), a.1));
        }

        #[test]
        fn a_question_holds_exactly_where_the_needle_stands(
            text in "[abA退㈱カﾞe\u{301}]{0,12}", needle in "[abAＢ退㈱株ガé]{1,6}",
        ) {
            let asked = ask(&needle).expect("not empty");
            prop_assert_eq!(holds(&asked, &text), fold(&text).contains(&fold(&needle)));
        }
    }
}
