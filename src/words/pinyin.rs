//! Pinyin: which characters a row of Latin letters may be read as.
//!
//! Readings are those of the crate `pinyin` (its data: pinyin-data 0.15, MIT), all of each character, rare ones included, without
//! tones. Letters are cut into syllables in every possible way: `xian` is 先 and 西安. A blank or an apostrophe between letters is
//! a border of syllables.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::LazyLock};

use pinyin::ToPinyinMulti;

use super::fold::fold;

/// Which readings count.
pub const SOURCE: &str = "pinyin-data 0.15 (pinyin 0.11)";

/// Letters of one query may be cut in so many ways.
pub const MOST_WAYS: usize = 64;
/// No name or phrase of a person is longer.
const MOST_LETTERS: usize = 400;
const LONGEST: usize = 6;

/// Where ideographs stand.
const BLOCKS: [RangeInclusive<char>; 3] = [
    '\u{3007}'..='\u{3007}',
    '\u{3400}'..='\u{9FFF}',
    '\u{20000}'..='\u{3FFFD}',
];

/// Why letters are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// They cannot be cut into syllables.
    NotPinyin,
    /// They can be cut in more than [`MOST_WAYS`] ways, or are very many.
    TooManyWays,
}

struct Readings {
    /// The characters that may be read so, ascending, by syllable.
    syllables: BTreeMap<&'static str, Vec<char>>,
    /// The characters of which a reading begins so.
    initials: BTreeMap<char, Vec<char>>,
}

static READINGS: LazyLock<Readings> = LazyLock::new(|| {
    let mut syllables: BTreeMap<&'static str, Vec<char>> = BTreeMap::new();
    let mut initials: BTreeMap<char, Vec<char>> = BTreeMap::new();
    for c in BLOCKS.into_iter().flatten() {
        let Some(readings) = c.to_pinyin_multi() else {
            continue;
        };
        // What folds to another character never stands in a folded text.
        if fold(c.encode_utf8(&mut [0; 4])).chars().ne([c]) {
            continue;
        }
        for reading in readings {
            let plain = reading.plain();
            // Interjections without a vowel (m, n, ng, hm, ê) would cut every other syllable in two.
            if !plain.contains(['a', 'e', 'i', 'o', 'u', 'ü']) {
                continue;
            }
            let initial = plain.chars().next().unwrap_or_default();
            for list in [
                syllables.entry(plain).or_default(),
                initials.entry(initial).or_default(),
            ] {
                if list.last() != Some(&c) {
                    list.push(c);
                }
            }
        }
    }
    Readings { syllables, initials }
});

/// The characters that may be read as this syllable, ascending.
pub fn read_as(syllable: &str) -> &'static [char] {
    READINGS.syllables.get(syllable).map_or(&[], Vec::as_slice)
}

/// The characters of which some reading begins with this letter, ascending.
pub fn begin_with(letter: char) -> &'static [char] {
    READINGS.initials.get(&letter).map_or(&[], Vec::as_slice)
}

/// The groups of letters between blanks and apostrophes.
fn groups(typed: &str) -> Vec<String> {
    let folded = fold(typed).replace("u:", "ü").replace('v', "ü");
    folded
        .split([' ', '\'', '’', '‘', '`', '-'])
        .filter(|group| !group.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every way to cut letters into syllables, the one with the longest syllables first.
pub fn ways(typed: &str) -> Result<Vec<Vec<&'static str>>, Unread> {
    if typed.len() > MOST_LETTERS {
        return Err(Unread::TooManyWays);
    }
    let mut all: Vec<Vec<&'static str>> = vec![Vec::new()];
    for group in groups(typed) {
        let cuts = cut(&group)?;
        if cuts.is_empty() {
            return Err(Unread::NotPinyin);
        }
        if all.len() * cuts.len() > MOST_WAYS {
            return Err(Unread::TooManyWays);
        }
        all = all
            .iter()
            .flat_map(|begun| cuts.iter().map(|cut| [begun.as_slice(), cut].concat()))
            .collect();
    }
    if all.iter().all(Vec::is_empty) {
        return Err(Unread::NotPinyin);
    }
    all.sort_by_key(Vec::len);
    Ok(all)
}

/// The syllable that letters stand for; `lue` and `nue` are typed for `lüe` and `nüe`.
fn syllable(letters: &str) -> Option<&'static str> {
    let meant = match letters {
        "lue" => "lüe",
        "nue" => "nüe",
        letters => letters,
    };
    READINGS
        .syllables
        .get_key_value(meant)
        .map(|(syllable, _)| *syllable)
}

/// Where syllables that begin at `at` may end, the longest first.
fn ends(letters: &str, at: usize) -> impl DoubleEndedIterator<Item = (usize, &'static str)> {
    let ends: Vec<usize> = letters[at..]
        .char_indices()
        .map(|(from, c)| at + from + c.len_utf8())
        .take(LONGEST)
        .collect();
    let syllables = ends
        .into_iter()
        .filter_map(|end| syllable(&letters[at..end]).map(|syllable| (end, syllable)));
    syllables.collect::<Vec<_>>().into_iter().rev()
}

/// Every way to cut letters without a border.
fn cut(letters: &str) -> Result<Vec<Vec<&'static str>>, Unread> {
    // From which places on everything can be cut: only there is it worth while to go on.
    let mut ending = vec![false; letters.len() + 1];
    ending[letters.len()] = true;
    for (at, _) in letters.char_indices().rev() {
        ending[at] = ends(letters, at).any(|(end, _)| ending[end]);
    }
    let mut all = Vec::new();
    let mut begun: Vec<(usize, Vec<&'static str>)> = vec![(0, Vec::new())];
    while let Some((at, way)) = begun.pop() {
        if at == letters.len() {
            all.push(way);
        } else {
            for (end, syllable) in ends(letters, at).rev().filter(|(end, _)| ending[*end]) {
                begun.push((end, [way.as_slice(), &[syllable]].concat()));
            }
        }
        if all.len() + begun.len() > MOST_WAYS {
            return Err(Unread::TooManyWays);
        }
    }
    Ok(all)
}

/// The letters as initials, one for each character; `None` when one of them begins no syllable.
pub fn initials(typed: &str) -> Option<Vec<char>> {
    let letters: Vec<char> = groups(typed).iter().flat_map(|group| group.chars()).collect();
    let all = letters.len() > 1 && letters.iter().all(|letter| !begin_with(*letter).is_empty());
    all.then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(typed: &str) -> Vec<String> {
        let ways = ways(typed).unwrap_or_else(|why| panic!("{typed}: {why:?}"));
        ways.iter().map(|way| way.join(" ")).collect()
    }

    #[test]
    fn letters_are_cut_in_every_way_and_at_every_border() {
        assert_eq!(
            cuts("tuikuan"),
            ["tui kuan", "tui ku an", "tu i kuan", "tu i ku an"]
                .into_iter()
                .filter(|cut| cut.split(' ').all(|one| !read_as(one).is_empty()))
                .collect::<Vec<_>>()
        );
        assert_eq!(cuts("xian"), ["xian", "xi an"]);
        assert_eq!(cuts("xi'an"), ["xi an"]);
        assert_eq!(cuts("ＸＩ　ＡＮ"), ["xi an"]);
        assert_eq!(cuts("nv"), ["nü"]);
        assert_eq!(cuts("lu:"), ["lü"]);
        assert_eq!(
            cuts("lue"),
            ["lüe"].into_iter().chain(["lu e"]).collect::<Vec<_>>()
        );
        for wrong in ["", "'", "退", "tuik", "tui4", "gj", "x"] {
            assert_eq!(ways(wrong), Err(Unread::NotPinyin), "{wrong}");
        }
        assert_eq!(ways(&"xian".repeat(40)), Err(Unread::TooManyWays));
        assert_eq!(ways(&format!("{}x", "xian".repeat(90))), Err(Unread::NotPinyin));
        assert_eq!(cuts(&"tui".repeat(130)).len(), 1);
        assert_eq!(ways(&"tui".repeat(140)), Err(Unread::TooManyWays));
        assert_eq!(cuts(&"xian ".repeat(6)).len(), 64);
    }

    #[test]
    fn every_reading_of_a_character_counts() {
        for (syllable, chars) in [
            ("tui", "退推"),
            ("kuan", "款宽寬"),
            ("hang", "行航"),
            ("xing", "行性"),
            ("nü", "女"),
        ] {
            for c in chars.chars() {
                assert!(read_as(syllable).contains(&c), "{c} {syllable}");
            }
            assert!(read_as(syllable).is_sorted());
        }
        assert!(begin_with('g').contains(&'高') && begin_with('j').contains(&'杰'));
        assert!(begin_with('i').is_empty() && begin_with('ü').is_empty());
        assert_eq!(initials("gj"), Some(vec!['g', 'j']));
        assert_eq!(initials("g"), None);
        assert_eq!(initials("g1"), None);
    }

    /// A new release of the crate that reads characters otherwise is to be noticed, and told in the docs.
    #[test]
    fn the_readings_are_pinned() {
        let all: usize = READINGS.syllables.values().map(Vec::len).sum();
        assert_eq!((READINGS.syllables.len(), all), (420, 50_460));
    }
}
