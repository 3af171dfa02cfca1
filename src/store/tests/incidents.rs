//! Incidents survive, targets are claimed by one process at a time, and the books say what is wrong.

use super::{Scratch, sealed, waiting};
use crate::{
    alert::{Alert, Incident, Kind, Look, Notice, Pace, Telling, What, due},
    ids::{KeyVersion, Millis},
    record::{Reason, Sealed},
    store::{Store, contract::Books},
};

fn poison(now: i64) -> Incident {
    Incident {
        id: None,
        company: "acme".into(),
        kind: Kind::PoisonRecord,
        subject: String::new(),
        began: Millis(now),
        seen: Millis(now),
        ended: None,
        alert: Alert::PoisonRecord { records: 1 },
        acknowledged: None,
    }
}

fn raise(store: &mut Store, now: i64) -> Incident {
    store
        .tend_incidents(Millis(0), |_| vec![poison(now)])
        .unwrap()
        .pop()
        .unwrap()
}

fn notice(incident: &Incident, what: What) -> Notice {
    Notice {
        what,
        incident: incident.clone(),
        number: 0,
    }
}

#[test]
fn an_incident_is_there_after_opening_again_and_ends_once() {
    let mut scratch = Scratch::new();
    let raised = raise(&mut scratch.store, 5);
    assert!(raised.id.is_some());
    let path = scratch.store.path().to_owned();
    let mut again = Store::open(&path).unwrap();
    let seen = again
        .tend_incidents(Millis(0), |open| {
            assert_eq!(open, std::slice::from_ref(&raised));
            vec![Incident {
                seen: Millis(9),
                ended: Some(Millis(10)),
                ..raised.clone()
            }]
        })
        .unwrap();
    assert_eq!(again.incidents(5).unwrap(), seen);
    assert!(again.incidents(0).unwrap().is_empty());
    again.tend_incidents(Millis(0), |open| open.to_vec()).unwrap();
    // Two open ones of the same kind cannot be, whoever tries.
    raise(&mut again, 20);
    assert!(again.tend_incidents(Millis(0), |_| vec![poison(21)]).is_err());
}

#[test]
fn what_a_person_acknowledged_is_over_stays_known_and_says_who() {
    let mut scratch = Scratch::new();
    let missed = Incident {
        kind: Kind::WindowMissed,
        subject: "5".into(),
        alert: Alert::WindowMissed {
            from: Millis(5),
            to: Millis(6),
            hours_beyond: 0,
        },
        ..poison(5)
    };
    let both = scratch
        .store
        .tend_incidents(Millis(0), |_| vec![missed, poison(5)])
        .unwrap();
    let [id, other] = [0, 1].map(|nth: usize| both[nth].id.unwrap());
    assert_eq!(
        scratch
            .store
            .acknowledge(other, "zhangsan", "", Millis(7))
            .unwrap(),
        None,
        "its cause ends it, not a person"
    );
    let done = scratch
        .store
        .acknowledge(id, "zhangsan", "compared", Millis(7))
        .unwrap()
        .unwrap();
    assert_eq!(done.ended, Some(Millis(7)));
    assert_eq!(
        scratch.store.acknowledge(id, "lisi", "", Millis(8)).unwrap(),
        None
    );
    let again = Store::open(scratch.store.path()).unwrap();
    assert!(again.incidents(9).unwrap().contains(&done));
    // A look must know of it, so as not to raise it again.
    scratch
        .store
        .tend_incidents(Millis(9), |known| {
            assert!(known.contains(&done));
            Vec::new()
        })
        .unwrap();
}

#[test]
fn memory_comes_back_without_doubling_or_forgetting() {
    let mut scratch = Scratch::new();
    let store = &mut scratch.store;
    let raised = raise(store, 5);
    let id = raised.id.unwrap();
    store
        .target_told("duty", &[notice(&raised, What::Raised)], Millis(6))
        .unwrap();
    let targets = ["duty".to_owned(), "group".to_owned()];
    let mut memory = store.to_memory(&targets).unwrap();
    // Meanwhile: the one is over and cleared, another came and was told to both.
    let fine = Look {
        company: "acme".into(),
        verdicts: vec![(Kind::PoisonRecord, vec![])],
    };
    let full = Look {
        company: String::new(),
        verdicts: vec![(
            Kind::StoreUnwritable,
            vec![Alert::StoreUnwritable { cause: "full".into() }],
        )],
    };
    let companies = ["acme".to_owned()];
    memory.look(&[fine, full.clone()], &companies, Millis(20), 1);
    let pace = Pace {
        remind_after_ms: 1_000_000,
        most_per_hour: 9,
        first_reminder_ms: None,
    };
    for target in &targets {
        let due = memory.due(target, &pace, Millis(21));
        memory.told(target, &due, Millis(21));
    }
    // Another process raised the same in the archive, in the moment it could be written.
    let other = Incident {
        company: String::new(),
        kind: Kind::StoreUnwritable,
        alert: Alert::StoreUnwritable { cause: "full".into() },
        ..poison(22)
    };
    let other = store.tend_incidents(Millis(22), |_| vec![other]).unwrap()[0].clone();
    for _ in 0..2 {
        store.take_memory(&memory).unwrap();
    }
    let all = store.incidents(9).unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    let over = all.iter().find(|one| one.id == Some(id)).unwrap();
    assert_eq!(over.ended, Some(Millis(20)));
    assert!(store.told_of(id).unwrap()["duty"].cleared.is_some());
    let told = store.told_of(other.id.unwrap()).unwrap();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["duty", "group"]);
    assert_eq!(
        store.target_state("duty").unwrap().recent,
        [Millis(6), Millis(21)]
    );
    for target in &targets {
        let due = store
            .claim_target(target, Millis(23), 1, |incidents, tellings, state| {
                due(incidents, tellings, state, &pace, Millis(23))
            })
            .unwrap();
        assert_eq!(due, [], "{target} was told everything");
    }
}

#[test]
fn one_process_tells_a_target_at_a_time_and_what_is_told_stays_told() {
    let mut scratch = Scratch::new();
    let raised = raise(&mut scratch.store, 5);
    let mut other = Store::open(scratch.store.path()).unwrap();
    let claim = |store: &mut Store, target: &str, now: i64| {
        let mut asked = None;
        let notices = store
            .claim_target(target, Millis(now), 100, |incidents, tellings, _| {
                asked = Some((incidents.len(), tellings.len()));
                vec![notice(&incidents[0], What::Raised)]
            })
            .unwrap();
        (notices.len(), asked)
    };
    assert_eq!(claim(&mut scratch.store, "duty", 10), (1, Some((1, 0))));
    assert_eq!(claim(&mut other, "duty", 50), (0, None), "taken");
    assert_eq!(
        claim(&mut other, "group", 50),
        (1, Some((1, 0))),
        "another target"
    );
    // Its holder died.
    assert_eq!(claim(&mut other, "duty", 110), (1, Some((1, 0))));
    other
        .target_told("duty", &[notice(&raised, What::Raised)], Millis(111))
        .unwrap();
    assert_eq!(claim(&mut scratch.store, "duty", 112), (1, Some((1, 1))));
    scratch
        .store
        .target_failed("duty", Millis(113), false, "down")
        .unwrap();
    let state = scratch.store.target_state("duty").unwrap();
    assert_eq!(
        (state.failures, state.cause.as_str(), state.recent.len()),
        (1, "down", 1)
    );

    scratch
        .store
        .target_told("duty", &[notice(&raised, What::AllClear)], Millis(120))
        .unwrap();
    let told = scratch.store.told_of(raised.id.unwrap()).unwrap();
    assert_eq!(
        told["duty"],
        Telling {
            told: Millis(111),
            last: Millis(120),
            reminders: 0,
            cleared: Some(Millis(120)),
        }
    );
    // A time far ahead, from a clock that was wrong, holds nobody up.
    assert_eq!(claim(&mut scratch.store, "duty", 1_000_000).0, 1);
    assert_eq!(claim(&mut other, "duty", 10).0, 1);
}

#[test]
fn history_is_bounded() {
    let mut scratch = Scratch::new();
    let long_ago = raise(&mut scratch.store, 1);
    let over = Incident {
        ended: Some(Millis(2)),
        ..long_ago.clone()
    };
    scratch.store.tend_incidents(Millis(0), |_| vec![over]).unwrap();
    scratch
        .store
        .target_told("duty", &[notice(&long_ago, What::AllClear)], Millis(2))
        .unwrap();
    raise(&mut scratch.store, 500 * 86_400_000);
    assert_eq!(
        scratch.store.incidents(10).unwrap().len(),
        2,
        "no clock makes them go"
    );
    rusqlite::Connection::open(scratch.store.path())
        .unwrap()
        .execute(
            "UPDATE incident SET id = id + 20000, ended = 1 WHERE ended = 0",
            [],
        )
        .unwrap();
    raise(&mut scratch.store, 500 * 86_400_000);
    assert_eq!(scratch.store.incidents(10).unwrap().len(), 2);
    assert!(scratch.store.told_of(long_ago.id.unwrap()).unwrap().is_empty());
}

#[test]
fn failing_pulls_are_known_from_their_first_on() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    let run = |scratch: &mut Scratch, at: i64, outcome: Option<&str>| {
        let run = scratch.store.begin_run(company, "pull", Millis(at)).unwrap();
        if let Some(outcome) = outcome {
            scratch
                .store
                .end_run(run, &Books::default(), outcome, Millis(at + 1))
                .unwrap();
        }
        scratch.store.pulls_failing(company).unwrap()
    };
    assert_eq!(
        scratch.store.pulls_failing(company).unwrap(),
        None,
        "one is under way"
    );
    assert_eq!(run(&mut scratch, 10, Some("done")), None);
    assert_eq!(
        run(&mut scratch, 20, Some("no network")),
        Some((Millis(20), "no network".into()))
    );
    assert_eq!(
        run(&mut scratch, 30, Some("stopped")),
        Some((Millis(20), "no network".into()))
    );
    assert_eq!(
        run(&mut scratch, 40, Some("no library")),
        Some((Millis(20), "no library".into()))
    );
    assert_eq!(run(&mut scratch, 50, Some("done")), None);
    assert_eq!(run(&mut scratch, 60, None), None, "it may be under way");
    let died = run(&mut scratch, 70, None);
    assert_eq!(
        died.map(|(since, _)| since),
        Some(Millis(60)),
        "another began after it"
    );
    // Another company's runs say nothing of this one.
    let other = scratch.store.company("other", "ww2").unwrap();
    assert_eq!(scratch.store.pulls_failing(other).unwrap(), None);
}

#[test]
fn versions_without_a_key_are_counted() {
    let mut scratch = Scratch::new();
    let records: Vec<Sealed> = (1..=5)
        .map(|seq| Sealed {
            key_version: KeyVersion(if seq < 3 { 7 } else { 8 }),
            ..sealed(seq, "body")
        })
        .collect();
    assert_eq!(scratch.store.versions_without_key(scratch.company).unwrap(), []);
    let ids = scratch.land(&records).fresh;
    let outcomes: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(index, (id, _))| waiting(*id, if index == 4 { Reason::Poison } else { Reason::NoKey }))
        .collect();
    scratch.settle(&outcomes);
    assert_eq!(
        scratch.store.versions_without_key(scratch.company).unwrap(),
        [(KeyVersion(8), 2), (KeyVersion(7), 2)]
    );
}
