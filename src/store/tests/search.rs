//! Search is exact (promise 7): the index and brute force agree, whatever is asked.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{
    Scratch,
    brute::{Known, contains, holds},
    opened, recall, sealed, segment, text,
};
use crate::{
    ids::{CompanyId, Millis, RecordId, Seq},
    message::{Chat, Direction, Media, Message, Place, Scope, fold_id},
    record::Sealed,
    secret::Secret,
    store::{
        StoreError,
        contract::{Filter, Order, Outcome, PageKey, Role, Sayer, Verdict, ask::CountBy},
    },
    words::{Alike, Pattern, fold},
};

/// Pieces that have tripped search engines: widths, cases, scripts without spaces, marks, joiners, everything a
/// query language or a tokenizer could mean something by, and the characters the index itself uses.
fn piece() -> impl Strategy<Value = String> {
    let tricky = vec![
        "退",
        "款",
        "退款",
        "发",
        "發",
        "髮",
        "票",
        "干",
        "幹",
        "乾",
        "⻓",
        "長",
        "a",
        "A",
        "Ａ",
        "b",
        "ab",
        "１",
        "13800138000",
        "❤\u{fe0f}",
        "㈱",
        "⽂件",
        "\u{2005}",
        "゛",
        "\u{3099}",
        "\u{301}",
        "…",
        "1",
        " ",
        "　",
        "\n",
        "\0",
        "\"",
        "'",
        "*",
        "^",
        "(",
        ")",
        ":",
        "-",
        "+",
        "{",
        "}",
        "OR",
        "AND",
        "NOT",
        "NEAR",
        "。",
        "，",
        ",",
        "é",
        "e\u{301}",
        "ß",
        "ẞ",
        "İ",
        "ı",
        "Σ",
        "ς",
        "ｶﾞ",
        "ガ",
        "👨‍👩‍👧",
        "👍🏽",
        "\u{200d}",
        "🇨🇳",
        "\u{fffd}",
        "\u{feff}",
        "\u{e000}",
        "\u{10ff00}",
        "\u{10ff41}",
        "\u{10ff61}",
        "\u{10ff80}",
        "\u{10ffff}",
        "한글",
        "ไทย",
        "ʼn",
        "ŉ",
        "\u{7f}",
        "\u{80}",
        "\t",
        "%",
        "_",
        "\\",
        ";--",
    ];
    prop_oneof![
        8 => proptest::sample::select(tricky).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

fn words(most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..most).prop_map(|pieces| pieces.concat())
}

fn segments() -> impl Strategy<Value = Vec<(u8, String)>> {
    proptest::collection::vec((prop_oneof![Just(1u8), 0u8..128], words(7)), 0..4)
}

/// Every folded substring of a text, and every one across the border of two texts, which must not be found.
fn substrings(message: &Message) -> Vec<String> {
    let mut all = Vec::new();
    let texts: Vec<&str> = message
        .segments
        .iter()
        .map(|segment| segment.text.as_str())
        .collect();
    let joined = texts.windows(2).map(|pair| pair.concat());
    for text in texts.iter().map(|text| (*text).to_owned()).chain(joined) {
        let chars: Vec<char> = text.chars().collect();
        for start in 0..chars.len() {
            for end in start + 1..=chars.len() {
                all.push(chars[start..end].iter().collect());
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

fn everything(scratch: &Scratch, filter: &Filter, order: Order) -> Vec<RecordId> {
    let hits = scratch
        .store
        .find(filter, order, None, usize::MAX)
        .expect("found");
    assert_eq!(scratch.store.count(filter).expect("counted"), hits.len() as u64);
    hits.into_iter().map(|hit| hit.id).collect()
}

fn needle(needle: &str) -> Filter {
    Filter::Text {
        needle: needle.into(),
        places: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_substring_is_found_exactly_where_it_stands(
        texts in proptest::collection::vec(segments(), 1..5), strangers in proptest::collection::vec(words(4), 6)
    ) {
        let messages: Vec<Message> = texts
            .into_iter()
            .enumerate()
            .map(|(n, segments)| {
                let segments = segments.into_iter().map(|(set, words)| {
                    let places: Vec<Place> =
                        Place::ALL.into_iter().filter(|place| set & (1 << *place as u8) != 0).collect();
                    segment(&places, &words)
                });
                Message { segments: segments.collect(), ..text(&format!("m{n}"), "a", "b", 1, "") }
            })
            .collect();
        let mut scratch = Scratch::new();
        let ids = scratch.keep(1, &messages);
        let mut asked: Vec<String> = messages.iter().flat_map(substrings).collect();
        asked.extend(strangers);
        // A needle of which folding leaves nothing is refused.
        asked.retain(|words| !fold(words).is_empty());
        for (n, asked) in asked.into_iter().enumerate() {
            let places = if n % 2 == 0 { vec![] } else { vec![Place::ALL[n / 2 % 7], Place::ALL[n / 14 % 7]] };
            let expected: Vec<RecordId> = ids
                .iter()
                .zip(&messages)
                .filter(|(_, message)| contains(message, &asked, &places))
                .map(|(id, _)| *id)
                .collect();
            let filter = Filter::Text { needle: asked.clone(), places };
            prop_assert_eq!(everything(&scratch, &filter, Order::OldestFirst), expected, "{:?}", filter);
        }
    }
}

#[test]
fn folding_finds_across_width_and_case_and_not_across_texts() {
    let mut message = text("m1", "a", "b", 1, "请退款ＡＢＣ 100％");
    message
        .segments
        .push(segment(&[Place::Filename, Place::Forwarded], "报价单.PDF"));
    let mut scratch = Scratch::new();
    scratch.keep(1, &[message]);
    for (asked, found) in [
        ("退", 1),
        ("退款abc", 1),
        ("c 1", 1),
        ("100%", 1),
        ("pdf", 1),
        ("%报", 0),
        ("％报价", 0),
        ("款退", 0),
    ] {
        assert_eq!(
            scratch.store.count(&needle(asked)).expect("counted"),
            found,
            "{asked}"
        );
    }
    for (place, found) in [(Place::Filename, 1), (Place::Forwarded, 1), (Place::Text, 0)] {
        let filter = Filter::Text {
            needle: "单".into(),
            places: vec![place],
        };
        assert_eq!(scratch.store.count(&filter).expect("counted"), found, "{place:?}");
    }
}

#[test]
fn an_empty_needle_and_a_monstrous_filter_are_errors() {
    let scratch = Scratch::new();
    for filter in [needle(""), Filter::Not(Box::new(needle("")))] {
        assert!(matches!(
            scratch.store.count(&filter),
            Err(StoreError::Question(_))
        ));
    }
    let wide = Filter::Or((0..1_000).map(|n| needle(&n.to_string())).collect());
    assert!(matches!(scratch.store.count(&wide), Err(StoreError::Question(_))));
    let deep = (0..1_000).fold(needle("x"), |inner, _| Filter::Not(Box::new(inner)));
    assert!(matches!(scratch.store.count(&deep), Err(StoreError::Question(_))));
}

#[test]
fn the_largest_filter_allowed_is_answered() {
    let mut scratch = Scratch::new();
    scratch.keep(1, &[text("m1", "a", "b", 1, "x1y")]);
    let wide = |join: fn(Vec<Filter>) -> Filter| join((0..399).map(|_| needle("x1")).collect());
    assert_eq!(scratch.store.count(&wide(Filter::And)).expect("counted"), 1);
    assert_eq!(scratch.store.count(&wide(Filter::Or)).expect("counted"), 1);
    let people = Filter::And((0..399).map(|_| Filter::From("a".into())).collect());
    assert_eq!(scratch.store.count(&people).expect("counted"), 1);
    let deep = (0..78).fold(needle("x1"), |inner, n| match n % 3 {
        0 => Filter::And(vec![inner, needle("y")]),
        1 => Filter::Or(vec![needle("z"), inner]),
        _ => Filter::And(vec![
            needle("1"),
            Filter::Not(Box::new(Filter::Or(vec![needle("q")]))),
            inner,
        ]),
    });
    assert_eq!(scratch.store.count(&deep).expect("counted"), 1);
    let negations = (0..78).fold(needle("x1"), |inner, _| Filter::Not(Box::new(inner)));
    assert_eq!(scratch.store.count(&negations).expect("counted"), 1);
    assert_eq!(
        scratch
            .store
            .count(&needle(&"x1".repeat(3_000)))
            .expect("counted"),
        0,
        "a very long needle"
    );
}

fn made_up() -> impl Strategy<Value = Message> {
    let person = || {
        proptest::sample::select(vec![
            "alice",
            "Bob",
            "carol",
            "wmAbCdEfGhIjKlMnOpQrStUvWxYz0123",
            "wbRobotAAAAAAAAAAAAAAAAAAA",
            "",
        ])
    };
    let parts = (
        (
            0u8..5,
            person(),
            proptest::collection::vec(person(), 0..4),
            0i64..6,
            0u8..3,
        ),
        (
            proptest::option::of(0u8..3),
            segments(),
            0u8..4,
            proptest::option::of(0u8..6),
            any::<bool>(),
        ),
    );
    parts.prop_map(
        |((msgid, from, to, time, scope), (room, segments, kind, recalls, other_id))| {
            let mut message = text(&format!("m{msgid}"), from, "x", time * 50, "");
            message.to = to.into_iter().map(str::to_owned).collect();
            message.scope = [Scope::Internal, Scope::External, Scope::UpDown][scope as usize];
            let outside = |id: &str| id.starts_with("wm");
            message.direction = if from.is_empty() {
                Direction::None
            } else if outside(from) {
                Direction::In
            } else if message.scope == Scope::External || message.to.iter().any(|id| outside(id)) {
                Direction::Out
            } else {
                Direction::Within
            };
            message.chat = room.map(|room| match room {
                2 => Chat::People(vec!["alice".into(), "bob".into()]),
                room => Chat::Room(format!("wr{room}")),
            });
            message.segments = segments
                .into_iter()
                .map(|(set, words)| {
                    let places: Vec<Place> = Place::ALL
                        .into_iter()
                        .filter(|place| set & (1 << *place as u8) != 0)
                        .collect();
                    segment(&places, &words)
                })
                .collect();
            message.msgtype = ["text", "link", "qydiskfile", "image"][kind as usize].into();
            if kind == 3 {
                message.media.push(Media {
                    kind: if msgid == 0 { "file".into() } else { "image".into() },
                    sdkfileid: Secret::new("f"),
                    md5: None,
                    size: None,
                    filename: None,
                    seconds: None,
                    depth: 0,
                });
            }
            message.has_link = kind == 1;
            message.recalls = recalls.map(|target| format!("m{target}"));
            if other_id {
                message.msgid = format!("inner{msgid}");
            }
            message
        },
    )
}

fn question() -> impl Strategy<Value = Filter> {
    let person = || {
        proptest::sample::select(vec![
            "Alice",
            "bob",
            "CAROL",
            "wmAbCdEfGhIjKlMnOpQrStUvWxYz0123",
            "wmabcdefghijklmnopqrstuvwxyz0123",
        ])
        .prop_map(str::to_owned)
    };
    let time = || proptest::option::of((0i64..7).prop_map(|time| Millis(time * 50)));
    let places = proptest::collection::vec(proptest::sample::select(Place::ALL.to_vec()), 0..3);
    let seq = || {
        prop_oneof![
            (0u64..30).prop_map(Seq),
            (0u64..9).prop_map(|n| Seq((1 << 63) - 4 + n))
        ]
    };
    let leaf = prop_oneof![
        1 => Just(Filter::All),
        4 => (words(3).prop_filter("a text", |words| !fold(words).is_empty()), places.clone())
            .prop_map(|(needle, places)| Filter::TextAlike { alike: Alike::Variants, needle, places }),
        2 => (proptest::sample::select(vec!["tui", "tuikuan", "fa", "fapiao", "piaofa", "gan'gan", "xian", "q"]), places.clone())
            .prop_map(|(needle, places)| Filter::TextAlike { alike: Alike::Pinyin, needle: needle.into(), places }),
        6 => (words(3).prop_filter("a text", |words| !fold(words).is_empty()), places)
            .prop_map(|(needle, places)| Filter::Text { needle, places }),
        1 => person().prop_map(Filter::From),
        1 => person().prop_map(Filter::To),
        1 => person().prop_map(Filter::With),
        1 => (0u8..3).prop_map(|room| Filter::Room(format!("wr{room}"))),
        1 => proptest::sample::select(vec!["text", "LINK", "nothing"]).prop_map(|name| Filter::Type(name.into())),
        1 => proptest::option::of(0i64..200).prop_map(|within_ms| Filter::Recalled { within_ms }),
        1 => proptest::sample::select(vec![
            Filter::External, Filter::Internal, Filter::Group, Filter::Single, Filter::HasMedia, Filter::HasFile,
            Filter::HasLink, Filter::HasPattern(Pattern::Phone), Filter::Company(CompanyId(1)), Filter::Company(CompanyId(2)),
            Filter::Inbound, Filter::Outbound, Filter::SaidBy(Sayer::Employee), Filter::SaidBy(Sayer::External),
            Filter::SaidBy(Sayer::Robot),
        ]),
        1 => (proptest::sample::select(vec![Role::Sender, Role::Receiver, Role::Either]), person())
            .prop_map(|(role, id)| Filter::Id(role, id)),
        1 => (time(), time()).prop_map(|(from, to)| Filter::Time { from, to }),
        1 => (seq(), seq()).prop_map(|(first, last)| Filter::Seq(first, last)),
        1 => (0u8..5, any::<bool>()).prop_map(|(n, inner)| Filter::Msgid(format!("{}{n}", if inner { "inner" } else { "m" }))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// Two companies, seqs on both sides of 2^63, outer msgids that repeat.
fn archive(messages: &[Message]) -> (Scratch, Vec<Known>) {
    let mut scratch = Scratch::new();
    let other = scratch.store.company("other", "ww2").expect("a company");
    let lease = scratch
        .store
        .acquire_lease(other, "me", Millis(0), 1, &|_| true)
        .expect("the lease");
    let mut known = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let company = if n % 5 == 4 { other } else { scratch.company };
        let seq = if n % 2 == 0 {
            n as u64
        } else {
            (1 << 63) - 4 + n as u64
        };
        let outer = format!("m{}", n % 4);
        let record = Sealed {
            msgid: outer.clone(),
            ..sealed(seq, "body")
        };
        let call = scratch.call();
        let landed = if company == other {
            scratch.store.land(&lease, &call, &[record], &[]).expect("landed")
        } else {
            scratch.land(&[record])
        };
        let id = landed.fresh[0].0;
        let outcomes = [super::opened(id, message.clone())];
        scratch
            .store
            .settle(company, &outcomes, "b", &[], Millis(1))
            .expect("settled");
        known.push(Known {
            id,
            company,
            seq: Seq(seq),
            msgid: outer,
            message: message.clone(),
        });
    }
    (scratch, known)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_filter_agrees_with_brute_force_and_pages_hold_each_hit_once(
        messages in proptest::collection::vec(made_up(), 0..14),
        questions in proptest::collection::vec(question(), 1..12),
        limit in 1usize..4,
    ) {
        let (scratch, known) = archive(&messages);
        for filter in &questions {
            let mut expected: Vec<&Known> = known.iter().filter(|one| holds(filter, one, &known)).collect();
            expected.sort_by_key(|one| (one.message.time, one.seq.0 as i64, one.id));
            let mut expected: Vec<RecordId> = expected.into_iter().map(|one| one.id).collect();
            for order in [Order::OldestFirst, Order::NewestFirst] {
                prop_assert_eq!(&everything(&scratch, filter, order), &expected, "{:?}", filter);
                let mut paged = Vec::new();
                let mut after: Option<PageKey> = None;
                loop {
                    let page = scratch.store.page(filter, order, after, limit).expect("a page");
                    prop_assert_eq!(page.total, expected.len() as u64);
                    prop_assert_eq!(page.coverage.opened, known.len() as u64);
                    prop_assert!(page.hits.len() <= limit);
                    paged.extend(page.hits.iter().map(|hit| hit.id));
                    match page.next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
                prop_assert_eq!(&paged, &expected);
                expected.reverse();
            }
        }
        prop_assert_eq!(scratch.store.integrity().expect("checked"), Vec::<String>::new());
    }

    #[test]
    fn counts_by_anything_agree_with_brute_force(
        messages in proptest::collection::vec(made_up(), 0..14),
        questions in proptest::collection::vec(question(), 1..6),
        // Around midnights of the zone, and beyond a month.
        shift in proptest::sample::select(vec![0, 1_714_492_799_900, 1_717_171_199_900, 1_714_492_800_000 - 3_600_000 * 3]),
    ) {
        let mut messages = messages;
        for message in &mut messages {
            message.time = message.time.map(|time| Millis(time.0 + shift));
        }
        let (scratch, known) = archive(&messages);
        let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
        for filter in &questions {
            let hits: Vec<&Known> = known.iter().filter(|one| holds(filter, one, &known)).collect();
            let local = |one: &Known, form: &str| {
                let time = one.message.time.filter(|time| time.0 != 0);
                time.map_or(String::new(), |time| {
                    let stamp = jiff::Timestamp::from_millisecond(time.0).expect("a time");
                    stamp.to_zoned(zone.clone()).strftime(form).to_string()
                })
            };
            for by in [
                CountBy::Person, CountBy::Chat, CountBy::Type, CountBy::Company, CountBy::Day, CountBy::Month, CountBy::Hour,
            ] {
                let counted = scratch.store.count_by(filter, by, &zone).expect("counted");
                prop_assert_eq!(counted.total, hits.len() as u64);
                let mut expected: BTreeMap<String, u64> = BTreeMap::new();
                for one in &hits {
                    let key = match by {
                        CountBy::Person => fold_id(&one.message.from).into_owned(),
                        CountBy::Type => one.message.msgtype.clone(),
                        CountBy::Chat => match &one.message.chat {
                            None => String::new(),
                            Some(Chat::Room(id)) => id.clone(),
                            Some(Chat::People(people)) => people.join(","),
                        },
                        CountBy::Company => scratch.store.company_name(one.company).expect("read").unwrap_or_default(),
                        CountBy::Day => local(one, "%Y-%m-%d"),
                        CountBy::Month => local(one, "%Y-%m"),
                        CountBy::Hour => local(one, "%H"),
                    };
                    *expected.entry(key).or_default() += 1;
                }
                let mut found: BTreeMap<String, u64> = BTreeMap::new();
                for line in &counted.lines {
                    // Two companies may have a conversation of the same key.
                    *found.entry(line.key.clone()).or_default() += line.count;
                }
                prop_assert_eq!(found, expected, "{:?} of {:?}", by, filter);
                let times = matches!(by, CountBy::Day | CountBy::Month | CountBy::Hour);
                let order = |a: &str, b: &str| (a.is_empty(), a) <= (b.is_empty(), b);
                prop_assert!(
                    !times || counted.lines.windows(2).all(|pair| order(&pair[0].key, &pair[1].key)),
                    "times ascend, and those without one come last"
                );
            }
        }
    }
}

#[test]
fn a_recall_is_found_in_whatever_order_the_two_arrive() {
    let (said, taken) = (
        text("m1", "alice", "bob", 1_000, "不要退款"),
        recall("m2", "Alice", 61_000, "m1"),
    );
    let orphan = recall("m3", "bob", 5, "gone");
    let mut hashes = Vec::new();
    for reversed in [false, true] {
        let mut scratch = Scratch::new();
        scratch.land(&[]);
        let pair = if reversed {
            [(2, &taken), (1, &said)]
        } else {
            [(1, &said), (2, &taken)]
        };
        for (seq, message) in pair {
            scratch.keep(seq, std::slice::from_ref(message));
        }
        scratch.keep(3, std::slice::from_ref(&orphan));
        let hits = scratch
            .store
            .find(&Filter::Recalled { within_ms: None }, Order::NewestFirst, None, 9)
            .expect("found");
        assert_eq!(
            hits.len(),
            1,
            "the orphan recalls nothing, and a recall is not recalled"
        );
        let opened = hits[0].opened.as_ref().expect("opened");
        let recalled = opened.recalled.as_ref().expect("recalled");
        assert_eq!(opened.msgid, "m1");
        assert_eq!(
            (recalled.by.as_str(), recalled.at, recalled.after_ms),
            ("alice", Some(Millis(61_000)), Some(60_000))
        );
        for (within, found) in [(59_999, 0), (60_000, 1)] {
            let filter = Filter::Recalled {
                within_ms: Some(within),
            };
            assert_eq!(scratch.store.count(&filter).expect("counted"), found);
        }
        let recalls = scratch.store.by_msgid("m3").expect("asked")[0]
            .opened
            .as_ref()
            .map(|o| o.recalls.clone());
        assert_eq!(recalls, Some(Some("gone".into())));
        hashes.push(scratch.hash());
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[test]
fn a_reader_sees_the_whole_page_of_one_moment() {
    let mut scratch = Scratch::new();
    scratch.keep(
        1,
        &[text("m1", "a", "b", 1, "退款"), text("m2", "a", "b", 0, "退款")],
    );
    scratch.land(&[sealed(9, "not opened")]);
    let reader = scratch.store.reader().expect("a reader");
    let results =
        crate::search::run(&reader, &needle(&fold("退")), Order::NewestFirst, None, 1).expect("answered");
    assert_eq!(
        (results.total, results.coverage.sealed, results.coverage.records),
        (2, 1, 3)
    );
    assert_eq!(
        results.hits[0].msgid, "m1",
        "a message without a time counts as the oldest"
    );
    let next =
        crate::search::run(&reader, &needle("退"), Order::NewestFirst, results.next, 1).expect("answered");
    assert_eq!((next.hits[0].msgid.as_str(), next.next), ("m2", None));
}

#[test]
fn a_page_of_heavy_messages_is_shorter_and_names_where_the_next_one_begins() {
    let mut scratch = Scratch::new();
    let messages: Vec<Message> = (1..=5)
        .map(|n| text(&format!("m{n}"), "a", "b", n, "退款"))
        .collect();
    let records: Vec<Sealed> = (1..=5).map(|seq| sealed(seq, "body")).collect();
    let landed = scratch.land(&records);
    let heavy = |id, message| match opened(id, message) {
        Outcome {
            id,
            verdict:
                Verdict::Opened {
                    message,
                    msgid_differs,
                    ..
                },
        } => Outcome {
            id,
            verdict: Verdict::Opened {
                plaintext: vec![b' '; 9 << 20],
                message,
                msgid_differs,
            },
        },
        other => other,
    };
    for ((id, _), message) in landed.fresh.iter().zip(messages) {
        scratch.settle(&[heavy(*id, message)]);
    }
    let (mut after, mut pages, mut found) = (None, Vec::new(), Vec::new());
    loop {
        let page = scratch
            .store
            .page(&needle("退款"), Order::OldestFirst, after, 100)
            .expect("a page");
        assert_eq!(page.total, 5);
        pages.push(page.hits.len());
        found.extend(page.hits.into_iter().map(|hit| hit.msgid));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(
        (pages, found),
        (
            vec![2, 2, 1],
            ["m1", "m2", "m3", "m4", "m5"].map(String::from).to_vec()
        )
    );
}
