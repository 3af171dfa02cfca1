//! Settling and letting go again.

use super::{Scratch, opened, sealed, text, waiting};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId, Seq},
    message::{self, Flaws},
    record::{Reason, Sealed},
    store::{
        contract::{Coverage, Outcome, Release, State, Verdict},
        prepare,
    },
};

#[test]
fn only_sealed_records_are_settled() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "a"), sealed(2, "b")]);
    let first = [
        opened(RecordId(1), text("m1", "a", "b", 1, "one")),
        waiting(RecordId(2), Reason::NoKey),
        waiting(RecordId(99), Reason::NoKey),
    ];
    let settled = scratch.settle(&first);
    assert_eq!((settled.opened, settled.stale), (1, 1));
    assert_eq!(settled.waiting, [(Reason::NoKey, 1)]);
    let before = scratch.hash();
    let second = [
        waiting(RecordId(1), Reason::Poison),
        opened(RecordId(2), text("m2", "a", "b", 1, "two")),
    ];
    assert_eq!(scratch.settle(&second).stale, 2);
    assert_eq!(scratch.hash(), before);
    let other = scratch.store.company("other", "ww2").expect("a company");
    scratch
        .store
        .release(scratch.company, &Release::All)
        .expect("released");
    let foreign = [opened(RecordId(2), text("m2", "a", "b", 1, "two"))];
    assert_eq!(
        scratch
            .store
            .settle(other, &foreign, "b", &[], Millis(1))
            .expect("settled")
            .stale,
        1
    );
}

#[test]
fn what_was_opened_is_kept_as_it_was() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "a")]);
    let mut message = text("inner", "Alice", "BOB", 5, "words");
    message.flaws = Flaws {
        lenient: true,
        ..Flaws::default()
    };
    let plaintext = vec![0, 255, b'{', 13, 10, 0xED, 0xA0, 0x80];
    scratch.settle(&[Outcome {
        id: RecordId(1),
        verdict: Verdict::Opened {
            plaintext: plaintext.clone(),
            message: Box::new(message.clone()),
            msgid_differs: true,
        },
    }]);
    let stored = scratch.store.message(RecordId(1)).expect("asked").expect("there");
    let opened = stored.opened.expect("opened");
    assert_eq!(opened.plaintext, plaintext);
    assert_eq!(
        (stored.msgid.as_str(), opened.msgid.as_str(), opened.msgid_differs),
        ("m1", "inner", true)
    );
    assert_eq!(
        (opened.from.as_str(), opened.msgtype.as_str(), opened.flaws),
        ("alice", "text", message.flaws)
    );
    for msgid in ["m1", "inner"] {
        assert_eq!(scratch.store.by_msgid(msgid).expect("asked").len(), 1, "{msgid}");
    }
}

#[test]
fn the_files_of_a_message_are_read_from_its_bytes() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "a"), sealed(2, "b")]);
    let plaintext = br#"{"msgid":"m1","action":"send","from":"a","tolist":["b"],"msgtype":"file","msgtime":5,
        "file":{"sdkfileid":"file-handle","filename":"a\u0000b.png","filesize":18446744073709551615}}"#;
    scratch.settle(&[Outcome {
        id: RecordId(1),
        verdict: Verdict::Opened {
            plaintext: plaintext.to_vec(),
            message: Box::new(message::read(plaintext)),
            msgid_differs: false,
        },
    }]);
    let media = scratch.store.media(RecordId(1)).expect("listed");
    assert_eq!((media.len(), media[0].size), (1, Some(u64::MAX)));
    assert_eq!(media[0].filename.as_deref(), Some("a\0b.png"));
    assert_eq!(media[0].sdkfileid.expose(), "file-handle");
    assert!(!format!("{media:?}").contains("file-handle"));
    assert!(
        scratch.store.media(RecordId(2)).expect("listed").is_empty(),
        "not opened"
    );
}

#[test]
fn what_was_prepared_elsewhere_settles_as_if_here() {
    let messages: Vec<_> = (0..40)
        .map(|n| text(&format!("m{n}"), "a", "b", n, "退款 words"))
        .collect();
    let mut hashes = Vec::new();
    for elsewhere in [false, true] {
        let mut scratch = Scratch::new();
        let records: Vec<_> = (0..40).map(|n| sealed(n, "body")).collect();
        let fresh = scratch.land(&records).fresh;
        let outcomes: Vec<Outcome> = fresh
            .iter()
            .map(|(id, at)| opened(*id, messages[*at].clone()))
            .collect();
        if elsewhere {
            let packer = scratch.store.packer();
            let prepared =
                std::thread::spawn(move || outcomes.iter().map(|one| prepare(&packer, one)).collect());
            let (company, prepared) = (scratch.company, prepared.join().expect("prepared"));
            let settled = scratch
                .store
                .settle_prepared(company, prepared, "build-1", &[], Millis(8));
            assert_eq!(settled.expect("settled").opened, 40);
        } else {
            scratch.settle(&outcomes);
        }
        hashes.push(scratch.hash());
    }
    assert_eq!(hashes[0], hashes[1]);
}

/// Opened to these bytes, whatever they are.
fn opened_to(id: i64, plaintext: &[u8]) -> Outcome {
    Outcome {
        id: RecordId(id),
        verdict: Verdict::Opened {
            plaintext: plaintext.to_vec(),
            message: Box::new(message::read(plaintext)),
            msgid_differs: false,
        },
    }
}

#[test]
fn sealed_originals_go_after_opening_and_their_hashes_stay() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "YQ=="), sealed(2, "b"), sealed(3, "c"), sealed(4, "d")]);
    scratch.land(&[sealed(1, "another copy")]);
    scratch.settle(&[
        opened_to(1, br#"{"msgid":"m1","msgtype":"text"}"#),
        opened_to(2, br#"{"msgid":"m2","msgtype":"text"}"#),
        waiting(RecordId(3), Reason::NoKey),
    ]);
    let before = scratch.hash();
    let company = scratch.company;
    let mut forget = |company, older_than| {
        let forgotten = scratch.store.forget_sealed(company, Millis(older_than));
        let forgotten = forgotten.expect("asked");
        (forgotten.gone, forgotten.kept)
    };
    assert_eq!(forget(company, 8), (0, 0), "opened at 8");
    assert_eq!(forget(CompanyId(99), 9), (0, 0));
    assert_eq!(forget(company, 9), (2, 0));
    assert_eq!(forget(company, 9), (0, 0));
    assert_eq!(scratch.hash(), before, "and the archive is sound");
    let left = scratch
        .store
        .sample_sealed(company, KeyVersion(1), 9)
        .expect("listed");
    let left: Vec<i64> = left.iter().map(|pending| pending.id.0).collect();
    assert_eq!(left, [4, 3]);
    assert_eq!(
        scratch.land(&[sealed(1, "YQ==")]).duplicate,
        1,
        "known by its hash"
    );
}

/// Six records, one waiting for each reason; tried with key `f1`, library `build-1`.
fn all_waiting() -> Scratch {
    let mut scratch = Scratch::new();
    let ids: Vec<RecordId> = scratch
        .land(&(1..=6).map(|seq| sealed(seq, "x")).collect::<Vec<_>>())
        .fresh
        .iter()
        .map(|f| f.0)
        .collect();
    let outcomes: Vec<Outcome> = ids
        .iter()
        .zip(Reason::ALL)
        .map(|(id, reason)| waiting(*id, reason))
        .collect();
    let keys = [(KeyVersion(1), "f1".to_owned())];
    scratch
        .store
        .settle(scratch.company, &outcomes, "build-1", &keys, Millis(1))
        .expect("settled");
    scratch
}

#[test]
fn waiting_records_are_counted_and_listed() {
    let mut scratch = all_waiting();
    assert_eq!(
        scratch.store.waiting(None).expect("counted"),
        Reason::ALL.map(|reason| (reason, 1))
    );
    assert_eq!(
        scratch
            .store
            .waiting(Some(scratch.company))
            .expect("counted")
            .len(),
        6
    );
    let other = scratch.store.company("other", "ww2").expect("a company");
    assert!(scratch.store.waiting(Some(other)).expect("counted").is_empty());
    let list = scratch
        .store
        .waiting_list(None, None, RecordId(2), 2)
        .expect("listed");
    assert_eq!(
        list.iter().map(|row| (row.seq, row.reason)).collect::<Vec<_>>(),
        [(Seq(3), Reason::Malformed), (Seq(4), Reason::Refused)]
    );
    assert_eq!((list[0].detail.as_str(), list[0].attempts), ("why", 1));
    let poison = scratch
        .store
        .waiting_list(Some(scratch.company), Some(Reason::Poison), RecordId(0), 9);
    assert_eq!(poison.expect("listed").len(), 1);
    assert_eq!(
        scratch.store.key_usage(scratch.company).expect("listed")[0].waiting,
        6
    );
    assert_eq!(
        scratch
            .store
            .sample_sealed(scratch.company, KeyVersion(1), 2)
            .expect("listed")
            .len(),
        2
    );
    assert!(
        scratch
            .store
            .sample_sealed(scratch.company, KeyVersion(9), 2)
            .expect("listed")
            .is_empty()
    );
    let coverage = Coverage {
        records: 6,
        waiting: Reason::ALL.map(|reason| (reason, 1)).to_vec(),
        unreadable: 1,
        ..Coverage::default()
    };
    assert_eq!(scratch.store.coverage().expect("counted"), coverage);
}

#[test]
fn each_cause_releases_what_it_could_help() {
    let arrived = |version, key: &str| Release::KeyArrived {
        version: KeyVersion(version),
        fingerprint: key.into(),
    };
    let minute = 60_000;
    let cases: [(Release, &[u64]); 11] = [
        (Release::All, &[1, 2, 3, 4, 5, 6]),
        (Release::Reason(Reason::Refused), &[4]),
        (Release::Seq(Seq(3)), &[3]),
        (Release::Seq(Seq(9)), &[]),
        (arrived(1, "f2"), &[1, 2]),
        (arrived(1, "f1"), &[]),
        (arrived(2, "f2"), &[]),
        (Release::OtherBuild("build-2".into()), &[2, 4, 5, 6]),
        (Release::OtherBuild("build-1".into()), &[]),
        // No pause after the first try.
        (Release::PauseOver { now: Millis(1) }, &[6]),
        (Release::PauseOver { now: Millis(minute) }, &[6]),
    ];
    for (release, seqs) in cases {
        let mut scratch = all_waiting();
        let count = scratch
            .store
            .release(scratch.company, &release)
            .expect("released");
        let sealed = scratch
            .store
            .backlog(scratch.company, RecordId(0), 9, usize::MAX)
            .expect("a backlog");
        let found: Vec<u64> = sealed.iter().map(|pending| pending.sealed.seq.0).collect();
        assert_eq!(
            (count, found.as_slice()),
            (seqs.len() as u64, seqs),
            "{release:?}"
        );
        let other = scratch.store.company("other", "ww2").expect("a company");
        assert_eq!(scratch.store.release(other, &release).expect("released"), 0);
    }
}

#[test]
fn an_unreadable_answer_is_kept_and_asked_for_again_with_growing_pauses() {
    const MINUTE: i64 = 60_000;
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "x")]);
    let mut now = 0;
    let pauses = [0, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440];
    for (attempt, pause) in (1..).zip(pauses) {
        let outcome = Outcome {
            id: RecordId(1),
            verdict: Verdict::Unreadable {
                answer: vec![0xFF, 0, attempt as u8],
                detail: "why".into(),
            },
        };
        let company = scratch.company;
        let settled = scratch.store.settle(company, &[outcome], "b", &[], Millis(now));
        assert_eq!(settled.expect("settled").waiting, [(Reason::Unreadable, 1)]);
        assert_eq!(
            scratch.store.answer(RecordId(1)).expect("asked"),
            Some(vec![0xFF, 0, attempt as u8]),
            "kept to the byte"
        );
        let mut release = |now| {
            let over = Release::PauseOver { now: Millis(now) };
            scratch.store.release(company, &over).expect("asked")
        };
        if pause > 0 {
            assert_eq!(release(now + pause * MINUTE - 1), 0, "attempt {attempt}");
        }
        now += pause * MINUTE;
        assert_eq!(release(now), 1, "attempt {attempt}");
    }
}

#[test]
fn opened_records_are_never_released() {
    let mut scratch = Scratch::new();
    scratch.keep(1, &[text("m1", "a", "b", 1, "x")]);
    assert_eq!(
        scratch
            .store
            .release(scratch.company, &Release::All)
            .expect("released"),
        0
    );
    assert_eq!(
        scratch
            .store
            .message(RecordId(1))
            .expect("asked")
            .expect("there")
            .state,
        State::Opened
    );
}

#[test]
fn a_key_for_another_copy_of_the_record_releases_it_too() {
    let mut scratch = Scratch::new();
    let second = Sealed {
        key_version: KeyVersion(2),
        ..sealed(1, "second")
    };
    scratch.land(&[sealed(1, "first"), second]);
    scratch.settle(&[waiting(RecordId(1), Reason::NoKey)]);
    scratch.settle(&[waiting(RecordId(1), Reason::NoKey)]);
    let arrived = Release::KeyArrived {
        version: KeyVersion(1),
        fingerprint: "f".into(),
    };
    assert_eq!(
        scratch
            .store
            .release(scratch.company, &arrived)
            .expect("released"),
        1
    );
    // The copy in hand fails again, then the one that the key is for comes up.
    assert_eq!(
        scratch.settle(&[waiting(RecordId(1), Reason::NoKey)]).again,
        [RecordId(1)]
    );
    let pending = scratch
        .store
        .backlog(scratch.company, RecordId(0), 9, usize::MAX)
        .expect("a backlog");
    assert_eq!(pending[0].sealed.body, "first");
}

#[test]
fn an_original_stays_while_its_plaintext_is_not_its_message() {
    let mut scratch = Scratch::new();
    let records: Vec<_> = (1..=6).map(|seq| sealed(seq, "body")).collect();
    scratch.land(&records);
    scratch.settle(&[
        opened_to(1, b""),
        opened_to(2, b"garbage"),
        opened_to(3, br#"{"msgid":"of another record"}"#),
        opened_to(4, br#"{"msgid":"m4"}"#),
        opened_to(5, br#"{"msgid":"m5"}"#),
        // A message from after the asked time is not old, whatever our clock said when it came.
        opened_to(6, br#"{"msgid":"m6","msgtime":1756886400000}"#),
    ]);
    // What was good when it was written does not unpack any more.
    scratch
        .store
        .conn_for_tests()
        .execute(
            "UPDATE plaintext SET dictionary = 0, body = x'00' WHERE record = 5",
            [],
        )
        .expect("spoilt");
    let forgotten = scratch.store.forget_sealed(scratch.company, Millis(9));
    let forgotten = forgotten.expect("asked");
    assert_eq!((forgotten.gone, forgotten.kept), (1, 4));
}
