//! Consent: looked for in every opened record, learnt once, and the same for a message whichever way it is asked.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use serde_json::json;

use super::{Scratch, sealed, text, waiting};
use crate::{
    consent::{How, Standing, State, Subject, Talk, spans},
    ids::{CompanyId, Millis, RecordId},
    message::{self, Chat, Message, Scope},
    record::{Reason, Sealed},
    store::contract::{Asked, Filter, Gathered, Learnt, Order, Outcome, Question, Release, Verdict},
};

const ANNA: &str = "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const BERT: &str = "wmBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
const CORA: &str = "woCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC";
const ROOM: &str = "wrRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR";

fn with(member: &str, external: &str) -> Subject {
    Subject {
        talk: Talk::With(member.into()),
        external: external.into(),
    }
}

fn within(room: &str, external: &str) -> Subject {
    Subject {
        talk: Talk::Room(room.into()),
        external: external.into(),
    }
}

fn learnt(subject: Subject, state: State, since: i64) -> Learnt {
    Learnt {
        subject,
        state,
        since: Some(Millis(since)),
        how: How::Message,
        at: Millis(99),
        record: None,
    }
}

/// Messages are sent from here on: a time of no plausible size would be none.
const BASE: i64 = 1_600_000_000_000;

/// A message as its JSON says, opened.
fn outcome(id: RecordId, body: &serde_json::Value) -> Outcome {
    let plaintext = body.to_string().into_bytes();
    let message = Box::new(message::read(&plaintext));
    Outcome {
        id,
        verdict: Verdict::Opened {
            plaintext,
            message,
            msgid_differs: false,
        },
    }
}

fn says(
    n: u64,
    msgtype: &str,
    from: &str,
    to: &[&str],
    room: &str,
    payload: serde_json::Value,
) -> serde_json::Value {
    json!({"msgid": format!("m{n}_external"), "action": "send", "from": from, "tolist": to, "roomid": room,
           "msgtime": BASE + 1_000 * n as i64, "msgtype": msgtype, msgtype: payload})
}

fn land(scratch: &mut Scratch, first: u64, count: u64) -> Vec<RecordId> {
    let records: Vec<Sealed> = (first..first + count).map(|seq| sealed(seq, "body")).collect();
    scratch
        .land(&records)
        .fresh
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

fn gather(scratch: &mut Scratch, step: usize) -> Gathered {
    let mut sum = Gathered::default();
    loop {
        let one = scratch
            .store
            .consent_gather(scratch.company, step, Millis(50_000))
            .expect("gathered");
        sum.records += one.records;
        sum.subjects += one.subjects;
        sum.changes += one.changes;
        if !one.more {
            return sum;
        }
    }
}

fn due(scratch: &Scratch) -> Vec<Question> {
    let due = scratch
        .store
        .consent_due(scratch.company, Millis(60_000), 100, 100)
        .expect("listed");
    due.into_iter().map(|due| due.question).collect()
}

#[test]
fn what_opens_is_looked_at_once_however_late_it_opens_and_in_steps_of_any_size() {
    let bodies = [
        says(1, "text", "Ken", &[ANNA], "", json!({"content": "hello"})),
        says(
            2,
            "agree",
            ANNA,
            &["ken"],
            "",
            json!({"userid": ANNA, "agree_time": BASE + 1_500}),
        ),
        says(
            3,
            "text",
            BERT,
            &["ken", "liu"],
            ROOM,
            json!({"content": "hello"}),
        ),
        says(
            4,
            "disagree",
            BERT,
            &["ken"],
            ROOM,
            json!({"userid": BERT, "disagree_time": 0}),
        ),
        json!({"msgid": "m5", "action": "send", "from": "ken", "tolist": ["liu"], "msgtime": 5, "msgtype": "text",
               "text": {"content": "inside"}}),
        says(
            6,
            "text",
            CORA,
            &["wb0000000000000000"],
            "",
            json!({"content": "a robot"}),
        ),
    ];
    let everything = [Question::Pair(with("ken", ANNA)), Question::Room(ROOM.into())];
    for step in [1, 2, 3, 100] {
        let mut scratch = Scratch::new();
        let ids = land(&mut scratch, 1, 6);
        // The agreement waits while everything else opens.
        let mut outcomes: Vec<Outcome> = ids
            .iter()
            .zip(&bodies)
            .map(|(id, body)| outcome(*id, body))
            .collect();
        outcomes[1] = waiting(ids[1], Reason::NoKey);
        scratch.settle(&outcomes);
        let first = gather(&mut scratch, step);
        assert_eq!(
            (first.records, first.subjects, first.changes),
            (5, 2, 1),
            "step {step}"
        );
        assert_eq!(gather(&mut scratch, step), Gathered::default(), "nothing new");
        assert!(scratch.store.consent_of(ANNA).expect("read").is_empty());
        scratch
            .store
            .release(scratch.company, &Release::All)
            .expect("released");
        scratch.settle(&[outcome(ids[1], &bodies[1])]);
        let late = gather(&mut scratch, step);
        assert_eq!(
            (late.records, late.subjects, late.changes),
            (1, 0, 1),
            "step {step}"
        );
        assert_eq!(due(&scratch), everything);
        let known = scratch.store.consent_of(ANNA).expect("read");
        assert_eq!(known.len(), 1);
        assert_eq!(
            (&known[0].subject, known[0].change.since),
            (&with("ken", ANNA), Millis(BASE + 1_500))
        );
        assert_eq!(known[0].change.record, Some(ids[1]));
        // Without a date of its own a refusal counts from its message on.
        let refused = scratch.store.consent_of(ROOM).expect("read");
        assert_eq!(
            (&refused[0].subject, refused[0].change.since),
            (&within(ROOM, BERT), Millis(BASE + 4_000))
        );
        // All of it once more, from the beginning: nothing is learnt twice.
        let before = scratch.store.consent_all().expect("read");
        scratch
            .store
            .begin()
            .and_then(|tx| {
                tx.execute("DELETE FROM consent_mark", [])?;
                tx.commit()?;
                Ok(())
            })
            .expect("forgotten");
        let again = gather(&mut scratch, step);
        assert_eq!((again.records, again.subjects, again.changes), (6, 0, 0));
        assert_eq!(scratch.store.consent_all().expect("read"), before);
        scratch.hash();
    }
}

#[test]
fn a_room_is_asked_about_again_for_somebody_new_and_not_more_than_once_an_hour() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    let hour = 3_600_000;
    let hello = |n: u64, from: &str| says(n, "text", from, &["ken"], ROOM, json!({"content": "hello"}));
    let open = |scratch: &mut Scratch, n: u64, from: &str, now: i64| {
        let ids = land(scratch, n, 1);
        scratch.settle(&[outcome(ids[0], &hello(n, from))]);
        scratch
            .store
            .consent_gather(company, 10, Millis(now))
            .expect("gathered");
        !scratch
            .store
            .consent_due(company, Millis(now), 9, 9)
            .expect("listed")
            .is_empty()
    };
    let room = Asked {
        question: Question::Room(ROOM.into()),
        due: Millis(100 * hour),
        fault: None,
    };
    let answer = |scratch: &mut Scratch, people: &[&str], now: i64| {
        let learnt: Vec<Learnt> = people
            .iter()
            .map(|one| Learnt {
                how: How::Asked,
                ..learnt(within(ROOM, one), State::Agreed, 1_000)
            })
            .collect();
        scratch
            .store
            .consent_answered(company, &learnt, std::slice::from_ref(&room), Millis(now))
            .expect("kept");
    };
    // A group in which nobody is named is asked about as well: only WeCom knows who is in it.
    assert!(open(&mut scratch, 1, "ken", hour), "new");
    answer(&mut scratch, &[ANNA], hour);
    assert!(!open(&mut scratch, 2, ANNA, 3 * hour), "she is known");
    assert!(open(&mut scratch, 3, BERT, 3 * hour), "he is not");
    answer(&mut scratch, &[ANNA], 3 * hour);
    assert!(!open(&mut scratch, 4, BERT, 3 * hour + 1), "just asked in vain");
    assert!(open(&mut scratch, 5, BERT, 4 * hour + 1), "an hour later");
    answer(&mut scratch, &[ANNA, BERT], 4 * hour + 1);
    assert!(!open(&mut scratch, 6, BERT, 9 * hour), "known by now");
}

#[test]
fn answers_are_kept_once_and_failures_stand_behind() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    let (anna, bert) = (with("ken", ANNA), with("ken", BERT));
    for subject in [&anna, &bert] {
        let event = Learnt {
            how: How::Event,
            ..learnt(subject.clone(), State::Agreed, 1_000)
        };
        assert_eq!(
            scratch
                .store
                .consent_learn(company, std::slice::from_ref(&event))
                .expect("kept"),
            1
        );
        assert_eq!(scratch.store.consent_learn(company, &[event]).expect("kept"), 0);
    }
    let asked = |subject: &Subject, due: i64, fault: Option<&str>| Asked {
        question: Question::Pair(subject.clone()),
        due: Millis(due),
        fault: fault.map(str::to_owned),
    };
    let undated = |at: i64, state: State| Learnt {
        since: None,
        how: How::Asked,
        at: Millis(at),
        ..learnt(anna.clone(), state, 0)
    };
    let mut answer = |learnt: Learnt, at: i64| {
        let all = [asked(&anna, at + 10, None), asked(&bert, at + 5, Some("301061"))];
        scratch
            .store
            .consent_answered(company, &[learnt], &all, Millis(at))
            .expect("kept")
    };
    assert_eq!(answer(undated(2_000, State::Default), 2_000), 1);
    assert_eq!(answer(undated(3_000, State::Default), 3_000), 0, "a repetition");
    assert_eq!(answer(undated(4_000, State::Refused), 4_000), 1);
    assert_eq!(
        answer(undated(5_000, State::Default), 5_000),
        1,
        "back again is a change"
    );
    let known = scratch.store.consent_of(ANNA).expect("read");
    let changes: Vec<_> = known.into_iter().map(|known| known.change).collect();
    let course: Vec<(i64, Standing)> = spans(&changes)
        .iter()
        .map(|span| (span.from.0, span.state.standing()))
        .collect();
    assert_eq!(
        course,
        [
            (1_000, Standing::Agreed),
            (2_000, Standing::Default),
            (4_000, Standing::Refused),
            (5_000, Standing::Default)
        ]
    );
    let at = |now: i64| {
        scratch
            .store
            .consent_due(company, Millis(now), 9, 9)
            .expect("listed")
    };
    assert!(at(5_004).is_empty());
    assert_eq!(at(5_005).len(), 1);
    let both = at(6_000);
    assert_eq!(
        (both[0].failures, both[1].failures),
        (0, 4),
        "what failed comes last"
    );
    let state = scratch
        .store
        .consent_asking(company, Millis(5_005))
        .expect("read");
    assert_eq!((state.questions, state.never, state.due), (2, 1, 1));
}

#[test]
fn the_list_of_the_recorded_becomes_spans() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    let list = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    scratch.keep(1, &[text("m1", "ken", "liu", 20_000, "hi")]);
    for (members, at) in [
        (list(&["ken", "liu"]), 10),
        (list(&["ken"]), 20),
        (list(&["ken", "liu"]), 30),
    ] {
        scratch
            .store
            .scope_read(company, &members, Millis(at))
            .expect("kept");
    }
    let spans: Vec<(String, i64, i64, Option<i64>)> = scratch
        .store
        .scope(company)
        .expect("read")
        .into_iter()
        .map(|one| {
            (
                one.member,
                one.since.0,
                one.seen.0,
                one.until.map(|until| until.0),
            )
        })
        .collect();
    assert_eq!(
        spans,
        [
            ("ken".into(), 10, 30, None),
            ("liu".into(), 10, 10, Some(20)),
            ("liu".into(), 30, 30, None)
        ]
    );
    let silent = scratch.store.silent(company, Millis(15_000)).expect("read");
    assert_eq!(
        silent.iter().map(|one| one.member.as_str()).collect::<Vec<_>>(),
        ["liu"]
    );
    assert_eq!(
        scratch.store.silent(company, Millis(20_001)).expect("read").len(),
        2
    );
}

/// An external message as a test makes it up.
#[derive(Debug, Clone)]
struct Made {
    from: usize,
    to: Vec<usize>,
    room: usize,
    time: i64,
    scope: Scope,
}

const PEOPLE: [&str; 6] = ["ken", "liu", ANNA, BERT, CORA, "wb0000000000000000"];
const ROOMS: [&str; 3] = ["", ROOM, "wrSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"];

fn any_message() -> impl Strategy<Value = Made> {
    let scope = prop_oneof![4 => Just(Scope::External), 1 => Just(Scope::UpDown), 1 => Just(Scope::Internal)];
    (
        0..PEOPLE.len(),
        proptest::collection::vec(0..PEOPLE.len(), 0..4),
        0..ROOMS.len(),
        0i64..8,
        scope,
    )
        .prop_map(|(from, to, room, time, scope)| Made {
            from,
            to,
            room,
            time,
            scope,
        })
}

impl Made {
    fn message(&self, n: usize) -> Message {
        let to: Vec<String> = self.to.iter().map(|at| PEOPLE[*at].to_owned()).collect();
        let mut people: Vec<String> = to.iter().cloned().chain([PEOPLE[self.from].to_owned()]).collect();
        people.sort();
        people.dedup();
        Message {
            to,
            chat: Some(match ROOMS[self.room] {
                "" => Chat::People(people),
                room => Chat::Room(room.into()),
            }),
            scope: self.scope,
            ..text(&format!("m{n}"), PEOPLE[self.from], "x", self.time, "words")
        }
    }

    /// The rule, as plainly as it can be put.
    fn standing(&self, facts: &[Learnt]) -> Option<Standing> {
        let outside = |at: &usize| (2..5).contains(at);
        let everybody: BTreeSet<usize> = self.to.iter().copied().chain([self.from]).collect();
        let names_somebody = everybody.iter().any(outside);
        if self.scope == Scope::Internal || (self.scope == Scope::UpDown && !names_somebody) {
            return None;
        }
        let mut worst = None;
        for external in everybody.iter().filter(|at| outside(at)) {
            if outside(&self.from) && *external != self.from {
                continue;
            }
            let talks: Vec<Talk> = if self.room > 0 {
                vec![Talk::Room(ROOMS[self.room].into())]
            } else if outside(&self.from) {
                let members = everybody.iter().filter(|at| !outside(at));
                members.map(|at| Talk::With(PEOPLE[*at].into())).collect()
            } else {
                vec![Talk::With(PEOPLE[self.from].into())]
            };
            for talk in talks {
                let about =
                    |fact: &&Learnt| fact.subject.talk == talk && fact.subject.external == PEOPLE[*external];
                let before =
                    |fact: &&Learnt| self.time != 0 && fact.since.is_some_and(|since| since.0 <= self.time);
                let last = facts
                    .iter()
                    .filter(about)
                    .filter(before)
                    .max_by_key(|fact| (fact.since, fact.state.standing()));
                let standing = last.map_or(Standing::Unknown, |fact| fact.state.standing());
                worst = worst.max(Some(standing));
            }
        }
        Some(worst.unwrap_or(Standing::Unknown))
    }
}

fn any_fact() -> impl Strategy<Value = Learnt> {
    let state = prop_oneof![
        Just(State::Agreed),
        Just(State::Default),
        Just(State::Refused),
        Just(State::Other("Paused".into()))
    ];
    (state, 0..2usize, 2..5usize, 0..ROOMS.len(), 1i64..8).prop_map(
        |(state, member, external, room, since)| {
            let talk = match ROOMS[room] {
                "" => Talk::With(PEOPLE[member].into()),
                room => Talk::Room(room.into()),
            };
            let subject = Subject {
                talk,
                external: PEOPLE[external].into(),
            };
            learnt(subject, state, since)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_shown_what_is_found_and_brute_force_agree(
        made in proptest::collection::vec(any_message(), 1..24), facts in proptest::collection::vec(any_fact(), 0..24)
    ) {
        let mut scratch = Scratch::new();
        let messages: Vec<Message> = made.iter().enumerate().map(|(n, made)| made.message(n)).collect();
        // In two pieces, so that the index has more than one.
        let half = messages.len() / 2;
        let mut ids = scratch.keep(1, &messages[..half]);
        ids.extend(scratch.keep(1 + half as u64, &messages[half..]));
        scratch.store.consent_learn(scratch.company, &facts).expect("kept");
        // Another company's people are other people.
        let other = scratch.store.company("other", "ww2").expect("made");
        let strange = learnt(with("ken", ANNA), State::Refused, 1);
        scratch.store.consent_learn(other, &[strange]).expect("kept");

        let expected: HashMap<RecordId, Standing> = ids
            .iter()
            .zip(&made)
            .filter_map(|(id, made)| Some((*id, made.standing(&facts)?)))
            .collect();
        let shown = scratch.store.consents(&ids).expect("read");
        let shown: HashMap<RecordId, Standing> = shown.into_iter().map(|(id, at)| (id, at.standing)).collect();
        prop_assert_eq!(&shown, &expected);
        for standing in Standing::ALL {
            let filter = Filter::Consent(standing);
            let found = scratch.store.find(&filter, Order::OldestFirst, None, usize::MAX).expect("found");
            let mut found: Vec<RecordId> = found.into_iter().map(|hit| hit.id).collect();
            found.sort_unstable();
            let mut wanted: Vec<RecordId> =
                expected.iter().filter(|(_, one)| **one == standing).map(|(id, _)| *id).collect();
            wanted.sort_unstable();
            prop_assert_eq!(&found, &wanted, "{:?}", standing);
            let not = Filter::Not(Box::new(filter));
            prop_assert_eq!(scratch.store.count(&not).expect("counted"), (ids.len() - wanted.len()) as u64);
        }
        // Each person of a report is counted by their own state.
        let rows = scratch.store.consent_subjects(Millis(100)).expect("read");
        for row in rows.iter().filter(|row| row.company == scratch.company) {
            let alone = made.iter().filter(|one| one.standing(&facts).is_some()).filter(|one| {
                let mut only = (*one).clone();
                let kept = |at: &usize| !(2..5).contains(at) || PEOPLE[*at] == row.subject.external;
                only.to.retain(kept);
                let named = only.to.iter().chain([&only.from]).any(|at| PEOPLE[*at] == row.subject.external);
                let talk = match &row.subject.talk {
                    Talk::Room(room) => ROOMS[one.room] == room,
                    Talk::With(member) => one.room == 0
                        && (PEOPLE[one.from] == member
                            || (PEOPLE[one.from] == row.subject.external
                                && one.to.iter().any(|at| PEOPLE[*at] == member))),
                };
                let by_another = (2..5).contains(&one.from) && PEOPLE[one.from] != row.subject.external;
                named && talk && !by_another
            });
            prop_assert_eq!(row.messages, alone.count() as u64, "{:?}", row.subject);
        }
    }
}

#[test]
fn days_are_counted_as_wecom_counts_them() {
    let east = 8 * 3_600_000;
    let day = 86_400_000;
    // Midnight in Beijing of day 100.
    let midnight = 100 * day - east;
    let outside = |n: usize, from: &str, to: &str, time: i64, msgtype: &str| Message {
        scope: Scope::External,
        msgtype: msgtype.into(),
        ..text(&format!("m{n}"), from, to, time, "")
    };
    let mut scratch = Scratch::new();
    let mut messages = vec![
        outside(1, "ken", ANNA, midnight - 1, "text"),
        outside(2, "ken", ANNA, midnight, "text"),
        outside(3, "ken", BERT, midnight + 5, "image"),
        outside(4, "ken", BERT, midnight + day - 1, "text"),
        outside(5, ANNA, "ken", midnight + 6, "text"),
        outside(6, "ken", ANNA, midnight + 7, "revoke"),
        text("m7", "ken", "liu", midnight + 8, "inside"),
    ];
    messages.push(Message {
        chat: Some(Chat::Room(ROOM.into())),
        ..outside(8, ANNA, "ken", midnight + 9, "text")
    });
    scratch.keep(1, &messages);
    let held = scratch
        .store
        .held_single(scratch.company, Millis(midnight), Millis(midnight + day), east)
        .expect("counted");
    let held: Vec<(String, i64, u64, u64)> = held
        .into_iter()
        .map(|one| (one.member, one.day, one.chats, one.messages))
        .collect();
    assert_eq!(held, [("ken".into(), 100, 2, 3), (ANNA.into(), 100, 1, 1)]);
    let rooms = scratch
        .store
        .held_rooms(scratch.company, Millis(midnight), Millis(midnight + day), east)
        .expect("counted");
    assert_eq!(rooms.len(), 1);
    assert_eq!(
        (rooms[0].room.as_str(), rooms[0].day, rooms[0].messages),
        (ROOM, 100, 1)
    );
    let ever = |scratch: &Scratch| scratch.store.held_ever(scratch.company).expect("counted");
    let held = ever(&scratch);
    assert_eq!((held.rooms.len(), held.closed), (1, 0));
    assert!(held.rooms.contains(ROOM));
    assert_eq!(held.began, Some(Millis(midnight - 1)), "also of single chats");
    assert!(closed(&scratch, scratch.company, midnight, day).is_empty());
    // One that is not open, behind all of them, and one between.
    land(&mut scratch, 100, 1);
    assert_eq!(
        closed(&scratch, scratch.company, midnight, day),
        [(100, 1), (101, 1)]
    );
    assert_eq!(ever(&scratch).closed, 1);
}

fn closed(scratch: &Scratch, company: CompanyId, midnight: i64, day: i64) -> Vec<(i64, u64)> {
    let closed = scratch
        .store
        .closed_on(
            company,
            Millis(midnight - day),
            Millis(midnight + 2 * day),
            8 * 3_600_000,
        )
        .expect("counted");
    closed.into_iter().map(|one| (one.day, one.records)).collect()
}
