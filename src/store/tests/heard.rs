//! Events are kept once, what they make stale is handed out until it was read, and nothing grows without end.

use super::Scratch;
use crate::{
    ids::Millis,
    store::contract::heard::{EventId, Handled, Heard, Stale, Subject, SubjectKind},
};

fn room(id: &str) -> Subject {
    Subject::Room(id.into())
}

fn heard(mark: u8, received: i64, stale: &[(Subject, i64)]) -> Heard {
    Heard {
        name: "change_external_chat".into(),
        change: format!("update{mark}"),
        known: true,
        at: Some(Millis(received - 5)),
        received: Millis(received),
        mark: [mark; 32],
        body: b"<xml/>".to_vec(),
        stale: stale
            .iter()
            .map(|(subject, due)| (subject.clone(), Millis(*due)))
            .collect(),
    }
}

fn due(scratch: &Scratch, now: i64) -> Vec<Stale> {
    scratch
        .store
        .take_stale(scratch.company, SubjectKind::Room, Millis(now), 10)
        .unwrap()
}

#[test]
fn a_repetition_is_counted_and_marks_nothing_again() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    let event = heard(1, 100, &[(room("a"), 102)]);
    let id = scratch.store.keep_event(company, &event).unwrap().unwrap();
    let taken = due(&scratch, 102);
    scratch.store.stale_done(company, &taken, Millis(103)).unwrap();
    let again = Heard {
        received: Millis(200),
        ..event
    };
    assert_eq!(scratch.store.keep_event(company, &again).unwrap(), None);
    assert!(due(&scratch, 1_000).is_empty());
    let rows = scratch.store.events(Some(company), None, None, 10).unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.id, row.times, row.handled), (id, 2, Handled::Done));
    assert_eq!((row.received, row.last), (Millis(100), Millis(200)));
    // Another company's event is another event.
    let other = scratch.store.company("other", "ww2").unwrap();
    assert!(scratch.store.keep_event(other, &again).unwrap().is_some());
    assert_eq!(scratch.store.event_delay(company).unwrap(), Some(5));
}

#[test]
fn what_comes_while_a_subject_is_read_has_it_read_once_more() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    for (mark, at) in [(1, 100), (2, 101)] {
        scratch
            .store
            .keep_event(company, &heard(mark, at, &[(room("a"), at), (room("b"), at)]))
            .unwrap();
    }
    assert!(due(&scratch, 99).is_empty(), "not due yet");
    let taken = due(&scratch, 101);
    assert_eq!(taken.len(), 2, "each subject once: {taken:?}");
    assert_eq!(
        (taken[0].events, taken[0].since, taken[0].event),
        (2, Millis(100), EventId(2))
    );
    assert_eq!(taken[0].why, "change_external_chat.update2");
    assert_eq!(due(&scratch, 101), taken, "taking takes nothing away");

    scratch
        .store
        .keep_event(company, &heard(3, 102, &[(room("a"), 104)]))
        .unwrap();
    scratch
        .store
        .stale_done(company, &taken[..1], Millis(103))
        .unwrap();
    let handled = |scratch: &Scratch| -> Vec<Handled> {
        let rows = scratch.store.events(None, None, None, 10).unwrap();
        rows.iter().rev().map(|row| row.handled).collect()
    };
    assert_eq!(
        handled(&scratch),
        [Handled::Waiting; 3],
        "b still waits for 1 and 2"
    );
    scratch
        .store
        .stale_done(company, &taken[1..], Millis(103))
        .unwrap();
    assert_eq!(
        handled(&scratch),
        [Handled::Done, Handled::Done, Handled::Waiting]
    );
    assert!(due(&scratch, 103).is_empty());
    let late = due(&scratch, 104);
    assert_eq!(late.len(), 1);
}

#[test]
fn old_events_go_and_take_their_marks_along() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    for mark in 1..=9 {
        let at = i64::from(mark) * 100;
        scratch
            .store
            .keep_event(company, &heard(mark, at, &[(room("a"), at)]))
            .unwrap();
    }
    assert_eq!(scratch.store.forget_events(Millis(500)).unwrap(), 4);
    let left = scratch
        .store
        .events(None, Some("change_external_chat"), None, 10)
        .unwrap();
    assert_eq!(left.len(), 5);
    assert_eq!(
        scratch.store.events(None, None, Some(left[0].id), 2).unwrap()[0].id,
        left[1].id
    );
    assert!(
        scratch
            .store
            .events(None, Some("other"), None, 10)
            .unwrap()
            .is_empty()
    );
    assert_eq!(due(&scratch, 1_000)[0].events, 5);
    assert_eq!(scratch.store.forget_events(Millis(i64::MAX)).unwrap(), 5);
    assert!(due(&scratch, 1_000).is_empty());
}

#[test]
fn pairs_and_people_keep_their_ids_apart() {
    let mut scratch = Scratch::new();
    let pair = Subject::Pair {
        member: "m".into(),
        external: "wm1".into(),
    };
    let person = Subject::Person("wm1".into());
    let event = heard(1, 1, &[(pair.clone(), 1), (person.clone(), 1)]);
    scratch.store.keep_event(scratch.company, &event).unwrap();
    for (kind, subject) in [(SubjectKind::Pair, pair), (SubjectKind::Person, person)] {
        let taken = scratch
            .store
            .take_stale(scratch.company, kind, Millis(1), 5)
            .unwrap();
        assert_eq!((taken.len(), &taken[0].subject), (1, &subject));
    }
}
