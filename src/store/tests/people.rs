//! Who they were: spans from readings, what is due, and questions by name against brute force.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    Scratch,
    brute::{is, is_in},
    text,
};
use crate::store::contract::ask::{Among, Meant, Similar};
use crate::{
    ids::{CompanyId, Millis, RecordId},
    message::{Chat, Message, Scope},
    people::{Answer, Aspect, Class, Doubt, History, Kind, List, News, Refused, Roll, Said, Subject, Told},
    store::contract::{
        Called, Filter, Order, Role,
        people::{Ages, Standing},
    },
    words::{Alike, fold},
};

const AGES: Ages = Ages {
    people_ms: 1_000,
    rooms_ms: 2_000,
    lists_ms: 500,
};
const GUEST: &str = "wmGUESTAAAAAAAAAAAAAAAAAAAAAAAAA";

fn news(subject: Subject, told: Vec<Told>) -> News {
    News {
        subject,
        told,
        answers: true,
    }
}

fn answer(news: Vec<News>) -> Answer {
    Answer {
        api: "test",
        news,
        ..Answer::default()
    }
}

fn named(id: &str, name: &str) -> News {
    news(
        Subject::person(id),
        vec![Told::Whole(Aspect::Name, vec![Said::only(name)])],
    )
}

fn learn(scratch: &mut Scratch, at: i64, answer: &Answer) {
    let company = scratch.company;
    scratch
        .store
        .learn(company, answer, &AGES, Millis(at))
        .expect("learnt");
}

fn meet(scratch: &mut Scratch) -> (Vec<String>, Vec<(String, bool)>) {
    let company = scratch.company;
    match scratch.store.met(company).expect("looked") {
        None => Default::default(),
        Some(met) => {
            let pieces = met.clone().pieces(1);
            assert!(
                pieces
                    .iter()
                    .all(|piece| piece.people.len() + piece.rooms.len() <= 1)
            );
            for piece in &pieces {
                scratch.store.meet(company, piece, &AGES).expect("noted");
            }
            (met.people, met.rooms)
        }
    }
}

fn history(scratch: &Scratch, class: Class, key: &str) -> History {
    let mut found = scratch.store.dossiers(None, class, &[key], &[]).expect("read");
    found.pop().map(|dossier| dossier.history).unwrap_or_default()
}

fn in_room(mut message: Message, room: &str) -> Message {
    message.chat = Some(Chat::Room(room.into()));
    message
}

#[test]
fn ids_are_met_once_whatever_the_order_of_opening() {
    let mut scratch = Scratch::new();
    assert_eq!(meet(&mut scratch), Default::default());
    scratch.keep(1, &[text("1", "Alice", "bob", 5, "x")]);
    assert_eq!(meet(&mut scratch).0, ["alice", "bob"]);
    assert_eq!(meet(&mut scratch), Default::default());
    // A record that waits, one that opens before it, and then it opens too.
    let mut waits = super::sealed(2, "late");
    waits.msgid = "late".into();
    let late = scratch.land(&[waits]).fresh[0].0;
    scratch.keep(3, &[in_room(text("3", "carl", GUEST, 6, "x"), "wrROOM")]);
    let met = meet(&mut scratch);
    assert_eq!(met.0, ["carl", GUEST]);
    assert_eq!(met.1, [("wrROOM".to_owned(), true)]);
    scratch.settle(&[super::opened(late, text("late", "dora", "alice", 7, "x"))]);
    assert_eq!(meet(&mut scratch).0, ["dora"]);
    assert_eq!(meet(&mut scratch), Default::default());
    assert!(scratch.store.integrity().expect("checked").is_empty());
}

#[test]
fn what_is_due_is_unknown_first_then_old_and_refusals_wait_longer_each_time() {
    let mut scratch = Scratch::new();
    scratch.keep(1, &[in_room(text("1", "alice", GUEST, 5, "x"), "wrROOM")]);
    meet(&mut scratch);
    let due = |scratch: &Scratch, at: i64| {
        scratch
            .store
            .due(scratch.company, Millis(at), &AGES, 10)
            .expect("read")
    };
    let first = due(&scratch, 10);
    assert_eq!(first.unknown.members, [Subject::person("alice")]);
    assert_eq!(first.unknown.outsiders, [Subject::person(GUEST)]);
    assert_eq!(first.unknown.rooms, [Subject::room("wrROOM", Kind::Outside)]);
    assert_eq!(first.lists.len(), List::ALL.len());
    learn(
        &mut scratch,
        10,
        &Answer {
            read: vec![List::Scope],
            refused: vec![Refused {
                subject: Subject::person(GUEST),
                why: "no customer".into(),
                lasting: true,
            }],
            ..answer(vec![named("Alice", "爱丽丝"), named("zoe", "从未出现")])
        },
    );
    let next = due(&scratch, 20);
    assert!(next.unknown.members.is_empty() && next.unknown.outsiders.is_empty());
    assert!(next.old.members.is_empty() && next.old.outsiders.is_empty());
    assert!(!next.lists.contains(&List::Scope));
    assert_eq!(
        due(&scratch, 1_010).old.members.len(),
        2,
        "the whole address book grows old"
    );
    let day = 86_400_000;
    assert_eq!(due(&scratch, 10 + day).old.outsiders.len(), 1);
    learn(
        &mut scratch,
        10 + day,
        &Answer {
            refused: vec![Refused {
                subject: Subject::person(GUEST),
                why: "still".into(),
                lasting: true,
            }],
            ..answer(Vec::new())
        },
    );
    assert!(
        due(&scratch, 10 + 2 * day).old.outsiders.is_empty(),
        "twice as long"
    );
    let found = scratch
        .store
        .dossiers(None, Class::Person, &[GUEST], &[])
        .expect("read");
    assert_eq!(found[0].standing, Standing::NotAvailable);
    assert_eq!(found[0].why, "still");
}

#[test]
fn an_event_makes_due_what_is_known_and_nothing_else() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    scratch.keep(1, &[text("1", "alice", "bob", 5, "x")]);
    meet(&mut scratch);
    learn(
        &mut scratch,
        10,
        &answer(vec![named("alice", "甲"), named("bob", "乙")]),
    );
    let changed = ["Alice", GUEST].map(Subject::person);
    assert_eq!(
        scratch
            .store
            .ask_again(company, &changed, Millis(20))
            .expect("noted"),
        1
    );
    let due = scratch.store.due(company, Millis(20), &AGES, 10).expect("read");
    let due: Vec<&str> = due.old.members.iter().map(|who| who.key.as_str()).collect();
    assert_eq!(due, ["alice"]);
}

#[test]
fn a_row_is_written_only_when_something_changed() {
    let mut scratch = Scratch::new();
    for (at, name) in [(10, "甲"), (20, "甲"), (30, "乙"), (40, "乙"), (50, "甲")] {
        learn(&mut scratch, at, &answer(vec![named("alice", name)]));
    }
    let history = history(&scratch, Class::Person, "alice");
    let spans: Vec<_> = history
        .0
        .iter()
        .map(|span| {
            (
                span.value.as_str(),
                span.learnt.0,
                span.seen.0,
                span.until.map(|at| at.0),
            )
        })
        .collect();
    assert_eq!(
        spans,
        [
            ("甲", 10, 20, Some(30)),
            ("乙", 30, 40, Some(50)),
            ("甲", 50, 50, None)
        ]
    );
}

#[test]
fn one_followers_view_leaves_the_others_alone() {
    let mut scratch = Scratch::new();
    let view = |who: &str, remark: &str, tags: &[&str]| {
        news(
            Subject::person(GUEST),
            vec![
                Told::Item(Aspect::Follower, Said::of(who, "").since(7)),
                Told::Item(Aspect::Remark, Said::of(who, remark)),
                Told::Ending(
                    Aspect::CustomerTag,
                    format!("/{who}"),
                    tags.iter()
                        .map(|tag| Said::of(format!("{tag}/{who}"), ""))
                        .collect(),
                ),
            ],
        )
    };
    learn(&mut scratch, 10, &answer(vec![view("a", "王总", &["t1", "t2"])]));
    learn(&mut scratch, 20, &answer(vec![view("b", "老王", &["t1"])]));
    learn(&mut scratch, 30, &answer(vec![view("a", "", &["t2"])]));
    let history = history(&scratch, Class::Person, GUEST);
    let now = |aspect| -> Vec<&str> {
        let mut items: Vec<&str> = history
            .of(aspect)
            .filter(|span| span.until.is_none())
            .map(|span| span.item.as_str())
            .collect();
        items.sort_unstable();
        items
    };
    assert_eq!(now(Aspect::Follower), ["a", "b"]);
    assert_eq!(now(Aspect::Remark), ["b"]);
    assert_eq!(now(Aspect::CustomerTag), ["t1/b", "t2/a"]);
    // Whoever is missing on a whole list is asked about, not taken for gone.
    let company = scratch.company;
    scratch.keep(1, &[text("1", "a", GUEST, 5, "x")]);
    meet(&mut scratch);
    let roll = Roll {
        aspect: Aspect::Follower,
        item: "a".into(),
        class: Class::Person,
        ids: Vec::new(),
        certain: false,
    };
    learn(
        &mut scratch,
        40,
        &Answer {
            rolls: vec![roll],
            ..answer(Vec::new())
        },
    );
    let due = scratch.store.due(company, Millis(40), &AGES, 10).expect("read");
    assert_eq!(due.old.outsiders, [Subject::person(GUEST)]);
}

/// A list of hundreds that comes empty is no news; a short one may well have become empty.
#[test]
fn a_long_roll_that_comes_empty_ends_nothing() {
    for (count, ends) in [(99, true), (100, false)] {
        let mut scratch = Scratch::new();
        let roll = |ids: Vec<String>| Answer {
            rolls: vec![Roll {
                aspect: Aspect::MemberTag,
                item: "1".into(),
                class: Class::Person,
                ids,
                certain: true,
            }],
            ..answer(Vec::new())
        };
        let ids: Vec<String> = (0..count).map(|nth| format!("member{nth}")).collect();
        learn(&mut scratch, 10, &roll(ids));
        learn(&mut scratch, 20, &roll(Vec::new()));
        let ended = history(&scratch, Class::Person, "member7").0[0].until.is_some();
        assert_eq!(ended, ends, "{count}");
    }
}

/// What is left to ask is counted in full, however few of it one look brings.
#[test]
fn all_that_is_due_is_counted() {
    let mut scratch = Scratch::new();
    let messages: Vec<_> = (0..30_u64)
        .map(|nth| text(&format!("m{nth}"), &format!("member{nth}"), GUEST, 5, "x"))
        .collect();
    scratch.keep(1, &messages);
    meet(&mut scratch);
    let company = scratch.company;
    let count = |limit| {
        scratch
            .store
            .due(company, Millis(10), &AGES, limit)
            .expect("asked")
            .count()
    };
    let all = scratch
        .store
        .due_count(company, Millis(10), &AGES)
        .expect("counted");
    assert_eq!(all, count(1_000));
    assert!(count(5) < all);
}

#[test]
fn a_certain_roll_begins_and_ends_what_it_lists() {
    let mut scratch = Scratch::new();
    let scope = |ids: &[&str]| Answer {
        rolls: vec![Roll {
            aspect: Aspect::Scope,
            item: "office".into(),
            class: Class::Person,
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            certain: true,
        }],
        read: vec![List::Scope],
        ..answer(Vec::new())
    };
    learn(&mut scratch, 10, &scope(&["Alice", "bob", "ALICE"]));
    learn(&mut scratch, 20, &scope(&["bob"]));
    learn(&mut scratch, 30, &scope(&["bob", "alice"]));
    let alice = history(&scratch, Class::Person, "alice");
    let spans: Vec<_> = alice
        .of(Aspect::Scope)
        .map(|span| (span.learnt.0, span.seen.0, span.until.map(|at| at.0)))
        .collect();
    assert_eq!(spans, [(10, 10, Some(20)), (30, 30, None)]);
    assert_eq!(history(&scratch, Class::Person, "bob").0.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Readings of a room at growing times: at each of them the room is exactly what was read.
    #[test]
    fn spans_give_back_every_reading(readings in proptest::collection::vec(proptest::collection::btree_set(0u8..6, 0..5), 1..8)) {
        let mut scratch = Scratch::new();
        let room = Subject::room("wrROOM", Kind::Inside);
        let mut joined: BTreeMap<u8, i64> = BTreeMap::new();
        for (nth, reading) in readings.iter().enumerate() {
            // Some joinings come with a time: shortly before they show, and another one each time.
            joined.retain(|who, _| reading.contains(who));
            for who in reading {
                let seconds = 10 * (nth as i64 + 1) - 3;
                joined.entry(*who).or_insert(if who % 2 == 0 { 0 } else { seconds });
            }
            let members = joined.iter().map(|(who, since)| Said::of(format!("p{who}"), "").since(*since));
            let told = vec![Told::Whole(Aspect::Member, members.collect())];
            learn(&mut scratch, 10_000 * (nth as i64 + 1), &answer(vec![news(room.clone(), told)]));
        }
        let history = history(&scratch, Class::Room, "wrROOM");
        for (nth, reading) in readings.iter().enumerate() {
            let at = Millis(10_000 * (nth as i64 + 1));
            let then: BTreeSet<String> =
                history.all_at(Aspect::Member, at).iter()
                    // Of a reading before anybody was told of, only that nobody is certain can be said.
                    .filter(|was| was.doubt != Doubt::LearntLater)
                    .map(|was| was.span.item.clone()).collect();
            let read: BTreeSet<String> = reading.iter().map(|who| format!("p{who}")).collect();
            prop_assert_eq!(then, read);
        }
    }
}

/// What a made-up directory says: id → everything it was ever called, tags and departments it ever had.
#[derive(Debug, Clone, Default)]
struct Told1 {
    names: Vec<String>,
    tags: Vec<u8>,
    departments: Vec<u8>,
}

const IDS: [&str; 5] = ["Alice", "bob", "王", GUEST, "carl"];
const NAMES: [&str; 8] = ["王", "王小明", "小明", "ＢＯＢ", "bob", "明", "高傑", "高杰"];
/// Department 2 is below 1, 3 stands alone.
const DEPARTMENTS: [(&str, i64, i64); 3] = [("总部", 1, 0), ("明分部", 2, 1), ("另", 3, 0)];
const TAGS: [&str; 2] = ["重点", "Ａ类"];

type Directory = BTreeMap<(usize, usize), Told1>;

fn directory() -> impl Strategy<Value = Directory> {
    let one = (
        proptest::collection::vec(0..NAMES.len(), 0..3),
        proptest::collection::vec(0u8..2, 0..2),
        proptest::collection::vec(1u8..4, 0..2),
    )
        .prop_map(|(names, tags, departments)| Told1 {
            names: names.into_iter().map(|nth| NAMES[nth].to_owned()).collect(),
            tags,
            departments,
        });
    proptest::collection::btree_map((0usize..2, 0..IDS.len()), one, 0..8)
}

fn question() -> impl Strategy<Value = Filter> {
    let value = proptest::sample::select(vec![
        "王",
        "小明",
        "bob",
        "Alice",
        "明",
        "王小明",
        "nobody",
        "群",
        "重点",
        "a类",
        "总部",
        "明分部",
        "2",
        "wr1",
        "t0",
    ]);
    let leaf = (0u8..7, value).prop_map(|(kind, value)| {
        let value = value.to_owned();
        match kind {
            0 => Filter::Name(value),
            1 => Filter::From(value),
            2 => Filter::To(value),
            3 => Filter::With(value),
            4 => Filter::Room(value),
            5 => Filter::Tag(value),
            _ => Filter::Department(value),
        }
    });
    let alike = (
        proptest::sample::select(vec![
            Called::Whole(Role::Sender),
            Called::Whole(Role::Receiver),
            Called::Whole(Role::Either),
            Called::Part,
            Called::Room,
        ]),
        proptest::sample::select(vec![
            (Alike::Variants, "高杰"),
            (Alike::Variants, "傑"),
            (Alike::Variants, "bob"),
            (Alike::Variants, "友羣"),
            (Alike::Pinyin, "gaojie"),
            (Alike::Pinyin, "xiaoming"),
            (Alike::Pinyin, "ming"),
            (Alike::Pinyin, "qun"),
        ]),
    );
    let alike = alike.prop_map(|(called, (alike, name))| Filter::CalledAlike {
        called,
        alike,
        name: name.into(),
    });
    let leaf = prop_oneof![3 => leaf, 1 => alike];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Filter::Not(Box::new(part))),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Filter::And),
            proptest::collection::vec(inner, 1..3).prop_map(Filter::Or),
        ]
    })
}

/// Company, sender, receivers, room.
type Sent = (usize, usize, Vec<usize>, Option<bool>);

struct World<'w> {
    told: &'w Directory,
    rooms: &'w [(usize, &'static str, &'static str)],
}

impl World<'_> {
    fn of(&self, company: usize, who: usize, test: impl Fn(&Told1) -> bool) -> bool {
        self.told.get(&(company, who)).is_some_and(test)
    }

    fn holds(&self, filter: &Filter, sent: &Sent) -> bool {
        let (company, from, to, room) = sent;
        let everybody = || to.iter().chain([from]);
        let exactly = |who: usize, value: &str| {
            IDS[who].eq_ignore_ascii_case(value)
                || self.of(*company, who, |told| {
                    told.names.iter().any(|name| fold(name) == fold(value))
                })
        };
        match filter {
            Filter::Not(part) => !self.holds(part, sent),
            Filter::And(parts) => parts.iter().all(|part| self.holds(part, sent)),
            Filter::Or(parts) => parts.iter().any(|part| self.holds(part, sent)),
            Filter::From(value) => exactly(*from, value),
            Filter::To(value) => to.iter().any(|who| exactly(*who, value)),
            Filter::With(value) => everybody().any(|who| exactly(*who, value)),
            Filter::Name(value) => everybody().any(|who| {
                self.of(*company, *who, |told| {
                    told.names.iter().any(|name| fold(name).contains(&fold(value)))
                })
            }),
            Filter::Room(value) => room.is_some_and(|second| {
                let id = if second { "wr2" } else { "wr1" };
                id == value
                    || self.rooms.iter().any(|(of, room, name)| {
                        of == company && *room == id && fold(name).contains(&fold(value))
                    })
            }),
            Filter::CalledAlike {
                called: Called::Room,
                alike,
                name: value,
            } => room.is_some_and(|second| {
                let id = if second { "wr2" } else { "wr1" };
                self.rooms
                    .iter()
                    .any(|(of, room, name)| of == company && *room == id && is_in(*alike, value, &fold(name)))
            }),
            Filter::CalledAlike {
                called,
                alike,
                name: value,
            } => {
                let whole = |who: usize| {
                    self.of(*company, who, |told| {
                        told.names.iter().any(|name| is(*alike, value, &fold(name)))
                    })
                };
                match called {
                    Called::Whole(Role::Sender) => whole(*from),
                    Called::Whole(Role::Receiver) => to.iter().any(|who| whole(*who)),
                    Called::Whole(Role::Either) => everybody().any(|who| whole(*who)),
                    _ => everybody().any(|who| {
                        self.of(*company, *who, |told| {
                            told.names.iter().any(|name| is_in(*alike, value, &fold(name)))
                        })
                    }),
                }
            }
            Filter::Tag(value) => everybody().any(|who| {
                self.of(*company, *who, |told| {
                    told.tags.iter().any(|tag| {
                        fold(TAGS[usize::from(*tag)]) == fold(value) || format!("t{tag}") == *value
                    })
                })
            }),
            Filter::Department(value) => everybody().any(|who| {
                self.of(*company, *who, |told| {
                    told.departments.iter().any(|id| {
                        let mut at = i64::from(*id);
                        loop {
                            let Some((name, _, above)) = DEPARTMENTS.iter().find(|(_, id, _)| *id == at)
                            else {
                                return false;
                            };
                            if fold(name) == fold(value) || at.to_string() == *value {
                                return true;
                            }
                            at = *above;
                        }
                    })
                })
            }),
            other => panic!("not asked here: {other:?}"),
        }
    }
}

fn teach(scratch: &mut Scratch, company: CompanyId, nth: usize, world: &World<'_>) {
    let mut all: Vec<Answer> = Vec::new();
    let departments = DEPARTMENTS.iter().map(|(name, id, above)| {
        news(
            Subject::other(Class::Department, id),
            vec![
                Told::Whole(Aspect::Name, vec![Said::only(*name)]),
                Told::Whole(Aspect::Parent, vec![Said::only(above.to_string())]),
            ],
        )
    });
    let tags = TAGS.iter().enumerate().map(|(nth, name)| {
        news(
            Subject::other(Class::CustomerTag, format!("t{nth}")),
            vec![Told::Whole(Aspect::Name, vec![Said::only(*name)])],
        )
    });
    let rooms = world
        .rooms
        .iter()
        .filter(|(of, ..)| *of == nth)
        .map(|(_, id, name)| {
            news(
                Subject::room(id, Kind::Inside),
                vec![Told::Whole(Aspect::Name, vec![Said::only(*name)])],
            )
        });
    all.push(answer(departments.chain(tags).chain(rooms).collect()));
    for ((of, who), told) in world.told {
        if *of != nth {
            continue;
        }
        // One after the other, so that all but the last are history. The same one again begins a further span.
        for (at, name) in told.names.iter().enumerate() {
            let aspect = [Aspect::Name, Aspect::Alias][at % 2];
            all.push(answer(vec![news(
                Subject::person(IDS[*who]),
                vec![Told::Whole(aspect, vec![Said::only(name)])],
            )]));
        }
        let tags = told.tags.iter().map(|tag| Said::of(format!("t{tag}/x"), ""));
        let departments = told.departments.iter().map(|id| Said::of(id.to_string(), ""));
        all.push(answer(vec![news(
            Subject::person(IDS[*who]),
            vec![
                Told::Whole(Aspect::CustomerTag, tags.collect()),
                Told::Whole(Aspect::Department, departments.collect()),
            ],
        )]));
    }
    for (at, answer) in all.iter().enumerate() {
        scratch
            .store
            .learn(company, answer, &AGES, Millis(100 + at as i64))
            .expect("learnt");
    }
    // Everything ends: a question by name looks at all of history.
    let ended = world.told.keys().filter(|(of, _)| *of == nth).map(|(_, who)| {
        news(
            Subject::person(IDS[*who]),
            vec![Told::Whole(Aspect::CustomerTag, Vec::new())],
        )
    });
    scratch
        .store
        .learn(company, &answer(ended.collect()), &AGES, Millis(900))
        .expect("learnt");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn questions_by_name_agree_with_brute_force(
        sent in proptest::collection::vec(
            (0usize..2, 0..IDS.len(), proptest::collection::vec(0..IDS.len(), 1..3), proptest::option::of(any::<bool>())),
            1..14,
        ),
        told in directory(),
        questions in proptest::collection::vec(question(), 1..12),
    ) {
        let mut scratch = Scratch::new();
        let first = scratch.company;
        let second = scratch.store.company("other", "ww9").expect("a company");
        let companies = [first, second];
        let rooms = [(0, "wr1", "老友群"), (1, "wr1", "明日群"), (1, "wr2", "群wr1")];
        let world = World { told: &told, rooms: &rooms };
        let mut ids: Vec<(RecordId, &Sent)> = Vec::new();
        for (nth, company) in companies.into_iter().enumerate() {
            scratch.company = company;
            if company == second {
                scratch.lease = scratch
                    .store
                    .acquire_lease(company, "me", Millis(0), 1_000, &|_| true)
                    .expect("the lease");
            }
            let of: Vec<&Sent> = sent.iter().filter(|sent| sent.0 == nth).collect();
            let messages: Vec<Message> = of.iter().enumerate().map(|(at, (_, from, to, room))| {
                let receivers: Vec<String> = to.iter().map(|who| IDS[*who].to_owned()).collect();
                let mut message = text(&format!("c{nth}m{at}"), IDS[*from], &receivers[0], 5, "x");
                let mut people: Vec<String> =
                    receivers.iter().chain([&message.from]).map(|id| crate::message::fold_id(id).into_owned()).collect();
                people.sort();
                people.dedup();
                message.to = receivers;
                message.scope = Scope::Internal;
                message.chat = Some(match room {
                    None => Chat::People(people),
                    Some(second) => Chat::Room(if *second { "wr2" } else { "wr1" }.into()),
                });
                message
            }).collect();
            if !messages.is_empty() {
                ids.extend(scratch.keep(1, &messages).into_iter().zip(of));
            }
            teach(&mut scratch, company, nth, &world);
        }
        for filter in &questions {
            let found: BTreeSet<RecordId> = scratch
                .store
                .find(filter, Order::OldestFirst, None, 1000)
                .expect("answered")
                .into_iter()
                .map(|hit| hit.id)
                .collect();
            let expected: BTreeSet<RecordId> =
                ids.iter().filter(|(_, sent)| world.holds(filter, sent)).map(|(id, _)| *id).collect();
            prop_assert_eq!(&found, &expected, "{:?}", filter);
            prop_assert_eq!(scratch.store.count(filter).expect("counted"), expected.len() as u64);
        }
    }
}

#[test]
fn a_name_says_whom_it_means_and_what_is_nearly_so() {
    let mut scratch = Scratch::new();
    scratch.keep(
        1,
        &[
            text("m1", "GaoJie", "lihua", 10, "a"),
            text("m2", GUEST, "gaojie", 20, "b"),
            text("m3", "lihua", "stranger", 30, "c"),
        ],
    );
    meet(&mut scratch);
    learn(
        &mut scratch,
        100,
        &answer(vec![
            named("GaoJie", "高杰"),
            named(GUEST, "高杰"),
            named("lihua", "李华"),
        ]),
    );
    let company = Some(scratch.company);
    let meant = |value: &str| {
        let mut found = scratch.store.meant(value, 9).expect("asked");
        found.sort_by_key(|one| one.id.to_lowercase());
        found
    };
    let one = |company: Option<CompanyId>, id: &str| Meant {
        company,
        id: id.into(),
    };
    let ids = |value: &str| {
        let found = meant(value).into_iter().map(|one| one.id.to_lowercase());
        found.collect::<Vec<_>>()
    };
    assert_eq!(ids("高杰"), ["gaojie", &GUEST.to_lowercase()]);
    assert!(meant("高杰").iter().all(|one| one.company == company));
    assert_eq!(meant("lihua"), [one(None, "lihua")]);
    assert_eq!(meant("Stranger"), [one(None, "Stranger")]);
    assert_eq!(ids("高杰(gaojie)"), ["gaojie"]);
    assert_eq!(ids("高杰*（GaoJie；现名 高大杰）"), ["gaojie"]);
    assert_eq!(meant("李华(gaojie)"), []);
    assert_eq!(meant("高洁"), []);
    assert!(scratch.store.is_somebody("GAOJIE").expect("asked"));
    assert!(!scratch.store.is_somebody("高杰").expect("asked"));

    let count = |filter: Filter| scratch.store.count(&filter).expect("counted");
    assert_eq!(count(Filter::From("高杰".into())), 2);
    assert_eq!(count(Filter::From("高杰(gaojie)".into())), 1);
    assert_eq!(count(Filter::To("高杰（gaojie）".into())), 1);
    assert_eq!(count(Filter::With("高杰(gaojie)".into())), 2);
    assert_eq!(count(Filter::From("李华(gaojie)".into())), 0);
    assert_eq!(
        count(Filter::Id(crate::store::contract::Role::Sender, "高杰".into())),
        0
    );
    let name = scratch.store.company_names().expect("names").remove(0);
    assert_eq!(count(Filter::CompanyNamed(name.to_uppercase())), 3);
    assert_eq!(count(Filter::CompanyNamed("nobody".into())), 0);

    let similar = |among, text: &str| scratch.store.similar(among, text, 5).expect("asked");
    let near: BTreeSet<String> = similar(Among::People, "高洁")
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(near, BTreeSet::from(["高杰".to_owned()]));
    assert_eq!(
        similar(Among::People, "lihau"),
        [Similar {
            name: String::new(),
            id: "lihua".into()
        }]
    );
    assert_eq!(similar(Among::People, "完全不同"), []);
    assert_eq!(similar(Among::Rooms, "高洁"), []);
}
