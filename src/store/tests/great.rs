//! The index beyond one block and one segment: long lists, many merges, times out of order. Against brute force.

use proptest::prelude::*;

use super::{
    Scratch,
    brute::{Known, holds},
    sealed, segment, text,
};
use crate::{
    ids::{Millis, RecordId, Seq},
    message::{Message, Place},
    store::contract::{Filter, Order},
    words::Alike,
};

/// A stream of numbers from a seed: the sizes here are beyond what shrinking could help with.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Few letters, so that pairs repeat and lists are long; now and then a rare one.
    fn words(&mut self, most: u64) -> String {
        let length = self.roll(most);
        (0..length)
            .map(|_| match self.roll(200) {
                // 退 and 款 in other forms of theirs, and others that are read so.
                1..=3 => ['推', '寬', '欵'][self.roll(3) as usize],
                0 => char::from_u32(0x4E00 + self.roll(3_000) as u32).unwrap_or('一'),
                n => ['a', 'b', '退', '款'][n as usize % 4],
            })
            .collect()
    }

    /// In order of time but for a little (what blocks are searched by), or with times that are anywhere and none.
    fn message(&mut self, n: u64, orderly: bool) -> Message {
        let time = match self.roll(20) {
            0 if !orderly => 0,
            1 if !orderly => self.roll(90_000),
            _ => n * 20 + self.roll(200),
        };
        let from = ["ann", "ben", "cat"][self.roll(3) as usize];
        let mut message = text(&format!("m{n}"), from, "dan", time as i64, &self.words(40));
        if self.roll(4) == 0 {
            let place = Place::ALL[self.roll(7) as usize];
            message
                .segments
                .push(segment(&[place, Place::Forwarded], &self.words(20)));
        }
        message
    }
}

/// Thousands of messages, settled a few or a few hundred at a time, not in the order they were landed.
fn archive(dice: &mut Dice, count: u64, orderly: bool) -> (Scratch, Vec<Known>) {
    let mut scratch = Scratch::new();
    let messages: Vec<Message> = (0..count).map(|n| dice.message(n, orderly)).collect();
    let records: Vec<_> = (0..count).map(|n| sealed(n + 1, "body")).collect();
    let mut fresh = scratch.land(&records).fresh;
    let known = fresh
        .iter()
        .map(|(id, at)| Known {
            id: *id,
            company: scratch.company,
            seq: Seq(*at as u64 + 1),
            msgid: format!("m{}", at + 1),
            message: messages[*at].clone(),
        })
        .collect();
    while !fresh.is_empty() {
        let size = [1, 2, 7, 40, 300][dice.roll(5) as usize].min(fresh.len());
        let from = if !orderly && dice.roll(3) == 0 {
            dice.roll((fresh.len() - size + 1) as u64) as usize
        } else {
            0
        };
        let outcomes: Vec<_> = fresh
            .drain(from..from + size)
            .map(|(id, at)| super::opened(id, messages[at].clone()))
            .collect();
        scratch.settle(&outcomes);
    }
    (scratch, known)
}

fn question(dice: &mut Dice) -> Filter {
    let mut needle = dice.words(6);
    if needle.is_empty() {
        needle.push('退');
    }
    let places = if dice.roll(3) == 0 {
        vec![Place::ALL[dice.roll(7) as usize]]
    } else {
        Vec::new()
    };
    let term = match dice.roll(8) {
        0 => Filter::TextAlike {
            alike: Alike::Pinyin,
            needle: ["tuikuan", "kuantui", "kuan", "tuituikuan", "yituikuan"][dice.roll(5) as usize].into(),
            places,
        },
        1 => Filter::TextAlike {
            alike: Alike::Variants,
            needle,
            places,
        },
        _ => Filter::Text { needle, places },
    };
    let time = |dice: &mut Dice| Some(Millis(dice.roll(95_000) as i64));
    match dice.roll(6) {
        0 => Filter::And(vec![
            term,
            Filter::Text {
                needle: "款a".into(),
                places: Vec::new(),
            },
        ]),
        1 => Filter::And(vec![
            term,
            Filter::From("ben".into()),
            Filter::Time {
                from: time(dice),
                to: time(dice),
            },
        ]),
        2 => Filter::And(vec![
            Filter::Not(Box::new(term)),
            Filter::Time {
                from: time(dice),
                to: None,
            },
        ]),
        3 => Filter::Or(vec![term, Filter::Seq(Seq(300), Seq(500))]),
        _ => term,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..ProptestConfig::with_cases(4) })]

    #[test]
    fn a_great_archive_answers_as_brute_force_does(seed in any::<u64>(), orderly: bool) {
        let mut dice = Dice(seed);
        let (scratch, known) = archive(&mut dice, 4_500, orderly);
        for _ in 0..60 {
            let filter = question(&mut dice);
            let mut expected: Vec<&Known> = known.iter().filter(|one| holds(&filter, one, &known)).collect();
            expected.sort_by_key(|one| (one.message.time, one.seq.0, one.id));
            let mut expected: Vec<RecordId> = expected.into_iter().map(|one| one.id).collect();
            prop_assert_eq!(scratch.store.count(&filter).expect("counted"), expected.len() as u64, "{:?}", filter);
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let (mut after, mut shown) = (None, Vec::new());
                for _ in 0..6 {
                    let hits = scratch.store.find(&filter, order, after, 17).expect("found");
                    shown.extend(hits.iter().map(|hit| hit.id));
                    after = hits.last().map(|hit| hit.page_key());
                    if hits.len() < 17 {
                        break;
                    }
                }
                let wanted = &expected[..expected.len().min(6 * 17)];
                prop_assert_eq!(&shown[..], wanted, "{:?} {:?}", order, filter);
                expected.reverse();
            }
        }
        let before = scratch.hash();
        let mut scratch = scratch;
        // Bodies here are made up, so only the store's own words come back: this is about bounds, not equality.
        prop_assert_eq!(scratch.store.derive_again(&mut |_| ()).expect("derived"), 4_500);
        prop_assert!(scratch.store.integrity().expect("checked").is_empty());
        prop_assert_ne!(scratch.hash(), before);
        let usage = scratch.store.disk_usage().expect("counted");
        prop_assert_eq!(usage.records, 4_500);
        prop_assert!(usage.sealed > 0 && usage.body > 0 && usage.index > 0 && usage.rest > 0);
    }
}
