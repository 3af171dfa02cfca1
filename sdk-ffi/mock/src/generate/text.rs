//! Text of a wanted length out of patterns and word lists.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Length, words::*};

/// One entry of a list.
pub(super) fn pick<'a, T>(rng: &mut ChaCha8Rng, list: &'a [T]) -> &'a T {
    &list[rng.random_range(0..list.len())]
}

/// One word of a list.
pub(super) fn word(rng: &mut ChaCha8Rng, list: &[&'static str]) -> &'static str {
    list[rng.random_range(0..list.len())]
}

/// A text as people write it, of a length drawn from the distribution.
pub(super) fn message(rng: &mut ChaCha8Rng, length: Length) -> String {
    match length {
        Length::Exactly(characters) => exactly(rng, characters as usize),
        Length::Short => {
            let target = target_length(rng, 18.0, 0.75, 0.004);
            of_length(rng, target)
        }
        Length::Long => {
            let target = target_length(rng, 88.0, 0.85, 0.005);
            of_length(rng, target)
        }
    }
}

/// How many characters a message is to have. Both are log-normal with a tail of pasted documents: `Short` has its
/// median near 20, `Long` its mean near 132.
fn target_length(rng: &mut ChaCha8Rng, median: f64, spread: f64, tail: f64) -> usize {
    let drawn = if rng.random_bool(tail) {
        900.0 * (0.7 * normal(rng)).exp()
    } else {
        median * (spread * normal(rng)).exp()
    };
    (drawn as usize).clamp(1, 6000)
}

/// A standard normal number, near enough: the sum of twelve uniform ones.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// A text of about so many characters.
pub(super) fn of_length(rng: &mut ChaCha8Rng, target: usize) -> String {
    if target <= 5 {
        return word(rng, SHORTS).to_owned();
    }
    if rng.random_bool(0.015) {
        return word(rng, ENGLISH).to_owned();
    }
    let mut text = String::with_capacity(target * 3 + 40);
    // Bytes of the text that `length` has counted.
    let (mut length, mut counted) = (0, 0);
    let mut point = 0;
    // A clause is about a dozen characters; stopping half of one early keeps the length where it was drawn.
    while length == 0 || length + 6 < target {
        if length > 0 {
            // A pasted document has numbered points; a message has sentences.
            if target > 200 && rng.random_bool(0.2) {
                point += 1;
                text.push_str(&format!("\n{point}、"));
            } else {
                text.push_str(["，", "，", "。", "；", "\n", "？"][rng.random_range(0..6)]);
            }
        }
        let before = counted;
        clause(rng, &mut text);
        length += text[before..].chars().count();
        counted = text.len();
    }
    if rng.random_bool(0.08) {
        text.push_str(word(rng, EMOTICONS));
    }
    if rng.random_bool(0.008) {
        text.push_str(word(rng, ODD));
    }
    text
}

/// A text of exactly so many characters: sentences, cut where they reach it.
fn exactly(rng: &mut ChaCha8Rng, characters: usize) -> String {
    let mut text = String::with_capacity(characters * 3 + 200);
    let mut length = 0;
    while length < characters {
        let before = text.len();
        clause(rng, &mut text);
        text.push_str(["，", "。", "；", "\n"][rng.random_range(0..4)]);
        length += text[before..].chars().count();
    }
    let end = text
        .char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    text
}

/// One clause with its slots filled.
pub(super) fn clause(rng: &mut ChaCha8Rng, text: &mut String) {
    let mut pattern = *pick(rng, CLAUSES);
    while let Some((before, rest)) = pattern.split_once('{') {
        text.push_str(before);
        let Some((slot, after)) = rest.split_once('}') else {
            break;
        };
        fill(rng, slot, text);
        pattern = after;
    }
    text.push_str(pattern);
}

fn fill(rng: &mut ChaCha8Rng, slot: &str, text: &mut String) {
    match slot {
        "p" => text.push_str(word(rng, PRODUCTS)),
        "c" => text.push_str(word(rng, COMPANIES)),
        "a" => text.push_str(word(rng, CITIES)),
        "s" => text.push_str(word(rng, DEPARTMENTS)),
        "f" => text.push_str(&format!("《{}》", word(rng, DOCUMENTS))),
        "n" => text.push_str(&name(rng)),
        "m" => text.push_str(&amount(rng)),
        "d" => text.push_str(&date(rng)),
        "t" => text.push_str(&format!(
            "{}:{:02}",
            rng.random_range(8..21),
            rng.random_range(0..12) * 5
        )),
        "o" => text.push_str(&rng.random_range(10_000_000u64..99_999_999_999).to_string()),
        _ => text.push_str(&rng.random_range(1..5000).to_string()),
    }
}

/// A person's name.
pub(super) fn name(rng: &mut ChaCha8Rng) -> String {
    format!("{}{}", pick(rng, SURNAMES).0, pick(rng, GIVEN).0)
}

fn amount(rng: &mut ChaCha8Rng) -> String {
    let yuan = rng.random_range(50..200_000);
    match rng.random_range(0..5) {
        0 => format!("{}万", yuan / 10_000 + 1),
        1 => format!("¥{yuan}.{:02}", rng.random_range(0..100)),
        2 => format!("￥{},{:03}", yuan / 1000, yuan % 1000),
        3 => format!("{yuan}元"),
        _ => format!("RMB {yuan}"),
    }
}

fn date(rng: &mut ChaCha8Rng) -> String {
    let (month, day) = (rng.random_range(1..=12), rng.random_range(1..=28));
    match rng.random_range(0..5) {
        0 => format!("{month}月{day}日"),
        1 => format!("2025-{month:02}-{day:02}"),
        2 => word(rng, &["周一", "周三", "周五", "下周二", "月底", "节后"]).to_owned(),
        3 => format!("{day}号"),
        _ => format!("{month}.{day}"),
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    fn lengths(length: Length) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut all: Vec<_> = (0..20_000)
            .map(|_| message(&mut rng, length).chars().count())
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn short_messages_are_mostly_under_30_characters_with_a_tail_of_thousands() {
        let all = lengths(Length::Short);
        let median = all[all.len() / 2];
        assert!((16..=23).contains(&median), "median {median}");
        let under_30 = all.iter().filter(|len| **len < 30).count();
        assert!(under_30 * 100 / all.len() >= 55, "{under_30} of {}", all.len());
        assert!(*all.last().unwrap() > 2000, "longest {:?}", all.last());
    }

    #[test]
    fn long_messages_have_132_characters_on_average() {
        let all = lengths(Length::Long);
        let mean = all.iter().sum::<usize>() / all.len();
        assert!((122..=142).contains(&mean), "mean {mean}");
    }

    #[test]
    fn a_length_that_is_named_is_met_to_the_character() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for characters in [0, 1, 50_000] {
            let text = message(&mut rng, Length::Exactly(characters));
            assert_eq!(text.chars().count(), characters as usize);
        }
    }

    #[test]
    fn no_slot_stays_unfilled() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for _ in 0..3000 {
            let mut text = String::new();
            clause(&mut rng, &mut text);
            assert!(!text.contains('{') && !text.contains('}'), "{text}");
        }
    }
}
