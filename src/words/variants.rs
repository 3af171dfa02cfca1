//! Simplified and traditional characters: which are written for one another.
//!
//! An equivalence: the classes of `variants.txt`, drawn by `scripts/variant-table` from OpenCC's character dictionaries. A chain of
//! dictionary entries makes a class, so 發, 髮 and 发 are one: whoever converts a text by hand or by program picks any of them.

use std::{collections::HashMap, sync::LazyLock};

const TABLE: &str = include_str!("variants.txt");

/// Which characters the table holds: the dictionaries it was drawn from.
pub const SOURCE: &str = "OpenCC (ferrous-opencc 0.4.0)";

static CLASSES: LazyLock<HashMap<char, Box<[char]>>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let mut classes = HashMap::new();
    for class in lines.flat_map(str::split_whitespace) {
        let members: Box<[char]> = class.chars().collect();
        for member in &members {
            classes.insert(*member, members.clone());
        }
    }
    classes
});

/// The characters of one class, this one included, ascending; nothing for a character that has no other form.
pub fn forms(c: char) -> &'static [char] {
    CLASSES.get(&c).map_or(&[], |members| members)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::words::fold;

    #[test]
    fn classes_are_an_equivalence_over_folded_characters() {
        let mut seen = HashSet::new();
        for class in CLASSES.values().collect::<HashSet<_>>() {
            assert!((2..=8).contains(&class.len()), "{class:?}");
            assert!(class.is_sorted(), "{class:?}");
            for member in class {
                assert!(seen.insert(*member), "{member} is in two classes");
                assert_eq!(
                    fold(&member.to_string()),
                    member.to_string(),
                    "{member} never stands in a folded text"
                );
            }
        }
        assert!(seen.len() > 8_000);
    }

    #[test]
    fn well_known_pairs_are_of_one_class() {
        for class in [
            "发發髮",
            "干乾幹",
            "里裡裏",
            "台臺颱檯",
            "后後",
            "票",
            "万萬",
            "国國",
            "杰傑",
            "复複復覆",
        ] {
            let first = class.chars().next().expect("a character");
            for other in class.chars() {
                assert!(first == other || forms(first).contains(&other), "{first} {other}");
            }
        }
        assert!(forms('票').is_empty() && forms('a').is_empty());
        assert!(!forms('发').contains(&'收'));
    }
}
