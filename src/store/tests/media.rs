//! Files in the store: found once, handed out by deadline, linked by handle, and `media:` as brute force answers it.

use proptest::prelude::*;

use super::{Scratch, sealed};
use crate::{
    ids::{Millis, RecordId},
    message,
    record::{Reason, Waiting},
    secret::Secret,
    store::contract::{
        Again, Content, Fetched, FileId, Filter, Later, MediaAsk, MediaList, MediaState, Order, Outcome,
        PullCall, Verdict,
    },
};

/// A file message as WeCom sends it; several handles make it a mixed one.
fn body(seq: u64, time: i64, handles: &[&str]) -> Vec<u8> {
    let items: Vec<serde_json::Value> = handles
        .iter()
        .map(|handle| {
            let content = serde_json::json!({"sdkfileid": handle, "md5sum": "", "filesize": 3}).to_string();
            serde_json::json!({"type": "image", "content": content})
        })
        .collect();
    serde_json::json!({"msgid": format!("m{seq}"), "action": "send", "from": "a", "tolist": ["b"], "roomid": "",
        "msgtime": time, "msgtype": "mixed", "mixed": {"item": items}})
    .to_string()
    .into_bytes()
}

fn verdict(id: RecordId, plaintext: Vec<u8>) -> Outcome {
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

fn land(scratch: &mut Scratch, seqs: impl Iterator<Item = u64>) -> Vec<RecordId> {
    let records: Vec<_> = seqs.map(|seq| sealed(seq, "body")).collect();
    scratch
        .land(&records)
        .fresh
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

fn discover(scratch: &mut Scratch) -> u64 {
    let mut found = 0;
    loop {
        let (files, more) = scratch.store.discover_media(3).expect("looked");
        found += files;
        if !more {
            return found;
        }
    }
}

fn fetched(byte: u8, bytes: u64) -> Fetched {
    let content = Content {
        sha256: [byte; 32],
        md5: [byte; 16],
        bytes,
        mime: "image/png".into(),
        ending: "png".into(),
    };
    Fetched {
        content,
        playable: None,
        silent: String::new(),
    }
}

#[test]
fn files_are_found_once_also_those_of_records_that_open_late() {
    let mut scratch = Scratch::new();
    let ids = land(&mut scratch, 1..=9);
    let late = ids[4];
    let outcomes: Vec<Outcome> = (1u64..)
        .zip(&ids)
        .map(|(seq, id)| match *id == late {
            true => Outcome {
                id: *id,
                verdict: Verdict::Waiting(Waiting::new(Reason::NoKey, "why")),
            },
            false => verdict(
                *id,
                body(seq, seq as i64, &[&format!("h{seq}"), &format!("g{seq}")]),
            ),
        })
        .collect();
    scratch.settle(&outcomes);
    assert_eq!(scratch.store.media_unseen().expect("counted"), 8);
    assert_eq!(discover(&mut scratch), 16);
    assert_eq!(discover(&mut scratch), 0);
    assert_eq!(scratch.store.media_unseen().expect("counted"), 0);
    let released = scratch
        .store
        .release(scratch.company, &crate::store::contract::Release::All)
        .expect("released");
    assert_eq!(released, 1);
    scratch.settle(&[verdict(late, body(5, 5, &["h5"]))]);
    assert_eq!(scratch.store.media_unseen().expect("counted"), 1);
    assert_eq!((discover(&mut scratch), discover(&mut scratch)), (1, 0));
    assert_eq!(scratch.store.media_files(late).expect("listed").len(), 1);
    scratch.hash();
}

/// A message says when it was sent, and may say nonsense.
#[test]
fn an_absurd_time_of_a_message_does_not_move_its_files_far() {
    const LANDED: i64 = 1_700_000_000_000;
    const WEEK: i64 = 7 * 24 * 3_600_000;
    let mut scratch = Scratch::new();
    let call = PullCall {
        at: Millis(LANDED),
        ..scratch.call()
    };
    let said = [1_300_000_000_000, LANDED - 5_000, LANDED + WEEK];
    let (lease, records) = (scratch.lease.clone(), (1..=3).map(|seq| sealed(seq, "body")));
    let landed = scratch
        .store
        .land(&lease, &call, &records.collect::<Vec<_>>(), &[]);
    let outcomes: Vec<Outcome> = landed
        .expect("landed")
        .fresh
        .into_iter()
        .zip(said)
        .zip(1..)
        .map(|(((id, _), time), seq)| verdict(id, body(seq, time, &[&format!("h{seq}")])))
        .collect();
    scratch.settle(&outcomes);
    discover(&mut scratch);
    let due = scratch
        .store
        .media_due(scratch.company, None, Millis(LANDED), &[], 10)
        .expect("asked");
    let since: Vec<i64> = due.iter().map(|task| task.since.0).collect();
    assert_eq!(since, [LANDED - WEEK, LANDED - 5_000, LANDED]);
}

/// Files with setbacks come behind all others, and the one with the fewest first.
#[test]
fn what_had_a_setback_comes_last() {
    let mut scratch = Scratch::new();
    let ids = land(&mut scratch, 1..=4);
    let outcomes: Vec<Outcome> = (1..)
        .zip(&ids)
        .map(|(seq, id)| verdict(*id, body(seq, seq as i64, &[&format!("h{seq}")])))
        .collect();
    scratch.settle(&outcomes);
    discover(&mut scratch);
    let company = scratch.company;
    let due = |scratch: &Scratch, most| -> Vec<FileId> {
        let due = scratch.store.media_due(company, None, Millis(10), &[], most);
        due.expect("asked").iter().map(|task| task.id).collect()
    };
    let first = due(&scratch, 10);
    for (file, setbacks) in [(first[0], 2), (first[1], 1)] {
        let later = Later {
            have: 0,
            cursor: Secret::default(),
            attempts: 0,
            setbacks,
            differed: 0,
            next_try: Millis(0),
            detail: "why".into(),
        };
        scratch.store.media_later(file, &later).expect("written");
    }
    let order = [first[2], first[3], first[1], first[0]];
    assert_eq!(due(&scratch, 10), order);
    assert_eq!(due(&scratch, 3), order[..3]);
}

#[test]
fn the_earliest_deadline_comes_first_and_a_handle_once() {
    let mut scratch = Scratch::new();
    let times = [400, 100, 300, 200].map(|ms| 1_700_000_000_000 + ms);
    // Landed after they were sent: none was sent later than that.
    let call = PullCall {
        at: Millis(1_700_000_001_000),
        ..scratch.call()
    };
    let (lease, records) = (scratch.lease.clone(), (1..=4).map(|seq| sealed(seq, "body")));
    let landed = scratch
        .store
        .land(&lease, &call, &records.collect::<Vec<_>>(), &[]);
    let ids: Vec<RecordId> = landed
        .expect("landed")
        .fresh
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let handles = ["a", "b", "a", "c"];
    let outcomes: Vec<Outcome> = (0..4)
        .map(|n| verdict(ids[n], body(n as u64 + 1, times[n], &[handles[n]])))
        .collect();
    scratch.settle(&outcomes);
    discover(&mut scratch);
    let company = scratch.company;
    let due = |scratch: &Scratch, now, busy: &[FileId]| -> Vec<String> {
        let due = scratch
            .store
            .media_due(company, None, Millis(now), busy, 10)
            .expect("asked");
        due.iter().map(|task| task.handle.expose().to_owned()).collect()
    };
    assert_eq!(due(&scratch, 1_000, &[]), ["b", "c", "a"]);
    let tasks = scratch
        .store
        .media_due(company, None, Millis(1_000), &[], 10)
        .expect("asked");
    assert_eq!(
        due(&scratch, 1_000, &[tasks[0].id, tasks[2].id]),
        ["c"],
        "nor what shares a handle with those under way"
    );
    assert!(!format!("{:?}", tasks[0]).contains("\"b\""));

    let later = Later {
        have: 7,
        cursor: Secret::new("cursor"),
        attempts: 1,
        setbacks: 0,
        differed: 0,
        next_try: Millis(2_000),
        detail: "why".into(),
    };
    scratch.store.media_later(tasks[0].id, &later).expect("written");
    assert_eq!(due(&scratch, 1_999, &[]), ["c", "a"]);
    assert_eq!(due(&scratch, 2_000, &[]), ["b", "c", "a"]);
    let resumed = scratch
        .store
        .media_due(company, None, Millis(2_000), &[], 1)
        .expect("asked");
    assert_eq!(
        (resumed[0].have, resumed[0].cursor.expose(), resumed[0].attempts),
        (7, "cursor", 1)
    );
    assert_eq!(
        scratch
            .store
            .media_again(company, Again::Waiting)
            .expect("written"),
        1
    );
    assert_eq!(due(&scratch, 0, &[]), ["b", "c", "a"]);

    // Both messages with the handle are kept by one fetch, and so is a third that comes later.
    scratch
        .store
        .media_kept(tasks[2].id, &fetched(1, 3), Millis(5))
        .expect("written");
    for record in [ids[0], ids[2]] {
        assert_eq!(
            scratch.store.media_files(record).expect("listed")[0].state,
            MediaState::Kept
        );
    }
    let more = land(&mut scratch, 5..=5);
    scratch.settle(&[verdict(more[0], body(5, 500, &["a"]))]);
    discover(&mut scratch);
    assert_eq!(
        scratch.store.media_files(more[0]).expect("listed")[0].state,
        MediaState::Kept
    );
    // The announced size was 3: other bytes are kept and told apart.
    scratch
        .store
        .media_kept(tasks[1].id, &fetched(2, 4), Millis(5))
        .expect("written");
    let file = scratch.store.media_files(ids[3]).expect("listed").remove(0);
    assert_eq!(
        (file.state, file.detail.as_str()),
        (MediaState::Differs, "the message announced 3 bytes")
    );
    scratch.hash();
}

#[test]
fn no_handle_and_no_cursor_is_in_a_table_or_a_list() {
    let mut scratch = Scratch::new();
    let ids = land(&mut scratch, 1..=1);
    scratch.settle(&[verdict(ids[0], body(1, 1, &["CANARYhandle"]))]);
    discover(&mut scratch);
    let listed = scratch
        .store
        .media_list(&MediaList::default(), 10)
        .expect("listed");
    assert!(!format!("{listed:?}").contains("CANARY"));
    let file = std::fs::read(scratch.store.path()).expect("the file");
    let wal = std::fs::read(scratch.store.path().with_extension("db-wal")).unwrap_or_default();
    let plain = |bytes: &[u8]| {
        bytes
            .windows(12)
            .filter(|window| window == b"CANARYhandle")
            .count()
    };
    // In the body, where it came from, and nowhere else.
    assert!(plain(&file) + plain(&wal) <= 1);
}

/// What a property does to a record's files.
fn state() -> impl Strategy<Value = MediaState> {
    proptest::sample::select(MediaState::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn media_answers_as_brute_force(
        records in proptest::collection::vec(proptest::collection::vec(state(), 0..4), 1..30),
        unseen in 0usize..6,
    ) {
        let mut scratch = Scratch::new();
        let ids = land(&mut scratch, 1..=records.len() as u64);
        let seen = records.len().saturating_sub(unseen);
        for (n, (id, files)) in ids.iter().zip(&records).enumerate() {
            if n == seen { discover(&mut scratch); }
            let handles: Vec<String> = (0..files.len()).map(|ord| format!("h{n}-{ord}")).collect();
            let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
            scratch.settle(&[verdict(*id, body(n as u64 + 1, n as i64 + 1, &handles))]);
        }
        if seen == records.len() { discover(&mut scratch); }
        let mut truth: Vec<Vec<MediaState>> = records.clone();
        let mut byte = 0u8;
        for (n, id) in ids.iter().enumerate() {
            let files = scratch.store.media_files(*id).expect("listed");
            if files.is_empty() {
                truth[n].iter_mut().for_each(|state| *state = MediaState::Pending);
                continue;
            }
            for (file, state) in files.iter().zip(&records[n]) {
                byte = byte.wrapping_add(1);
                let now = Millis(9);
                match state {
                    MediaState::Pending => {}
                    MediaState::Partial => scratch.store.media_reached(file.id, 1, &Secret::new("c")).expect("written"),
                    MediaState::Kept => scratch.store.media_kept(file.id, &fetched(byte, 3), now).expect("written"),
                    MediaState::Differs => scratch.store.media_kept(file.id, &fetched(byte, 4), now).expect("written"),
                    ended => scratch.store.media_ended(file.id, *ended, "why", now).expect("written"),
                }
            }
        }
        let found = |ask| -> Vec<RecordId> {
            let hits = scratch.store.find(&Filter::Media(ask), Order::OldestFirst, None, 1000).expect("found");
            hits.iter().map(|hit| hit.id).collect()
        };
        let brute = |holds: &dyn Fn(MediaState) -> bool| -> Vec<RecordId> {
            ids.iter().zip(&truth).filter(|(_, files)| files.iter().any(|state| holds(*state))).map(|(id, _)| *id).collect()
        };
        for state in MediaState::ALL {
            prop_assert_eq!(found(MediaAsk::In(state)), brute(&|one| one == state), "{}", state);
        }
        prop_assert_eq!(found(MediaAsk::Missing), brute(&|one| !one.is_kept()));
        let none = Filter::Not(Box::new(Filter::Media(MediaAsk::Missing)));
        prop_assert_eq!(scratch.store.count(&none).expect("counted") as usize, ids.len() - found(MediaAsk::Missing).len());
    }
}

/// No bytes are what nobody announced, at most; a message that announces some does not get them, whoever else did.
#[test]
fn an_empty_file_is_given_to_nobody_who_announces_bytes() {
    let mut scratch = Scratch::new();
    let ids = land(&mut scratch, 1..=4);
    let sized = |seq: u64, announced: serde_json::Value| {
        let mut file = serde_json::json!({"sdkfileid": "h"});
        file.as_object_mut()
            .expect("an object")
            .extend(announced.as_object().expect("an object").clone());
        serde_json::json!({"msgid": format!("m{seq}"), "action": "send", "from": "a", "tolist": ["b"], "roomid": "",
            "msgtime": 5, "msgtype": "file", "file": file})
        .to_string()
        .into_bytes()
    };
    let nothing = "d41d8cd98f00b204e9800998ecf8427e";
    scratch.settle(&[
        verdict(ids[0], sized(1, serde_json::json!({}))),
        verdict(ids[1], sized(2, serde_json::json!({"filesize": 3}))),
        verdict(ids[2], sized(3, serde_json::json!({"filesize": 0}))),
        verdict(
            ids[3],
            sized(
                4,
                serde_json::json!({"filesize": 0, "md5sum": nothing.replace('d', "e")}),
            ),
        ),
    ]);
    assert_eq!(discover(&mut scratch), 4);
    let mut empty = fetched(0, 0);
    empty.content.md5 = [
        0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
    ];
    scratch
        .store
        .media_kept(FileId(1), &empty, Millis(1))
        .expect("kept");
    let listed = scratch
        .store
        .media_list(&MediaList::default(), 9)
        .expect("listed");
    let states: Vec<MediaState> = listed.iter().map(|file| file.state).collect();
    assert_eq!(
        states,
        [
            MediaState::Differs,
            MediaState::Pending,
            MediaState::Kept,
            MediaState::Pending
        ]
    );
    assert!(listed[0].detail.contains("empty"), "{}", listed[0].detail);
}
