//! Digests up to a seq: what they change with, and what they do not.

use rusqlite::params;
use sha2::{Digest, Sha256};

use super::{
    Scratch,
    damage::{body, open_texts},
    sealed, waiting,
};
use crate::{
    ids::{Millis, RecordId, Seq},
    message,
    record::{Reason, Sealed},
    store::contract::{
        Damage, Outcome, Verdict,
        digest::DigestUpTo,
        verify::{About, Fault, Finding, Repair, Repaired},
    },
};

fn digest(scratch: &Scratch, upto: u64) -> (DigestUpTo, Vec<Finding>) {
    let mut findings = Vec::new();
    let digest = scratch
        .store
        .digest_upto(scratch.company, Seq(upto), &mut |finding| {
            findings.push(finding.clone());
        })
        .expect("digests");
    assert_eq!(digest.damaged, findings.len() as u64);
    (digest, findings)
}

fn sound(scratch: &Scratch, upto: u64) -> DigestUpTo {
    let (digest, findings) = digest(scratch, upto);
    assert_eq!(findings, []);
    assert!(digest.landed.sha256.is_some() && digest.open.sha256.is_some());
    digest
}

fn open(scratch: &mut Scratch, id: RecordId, seq: u64, words: &str) {
    let plaintext = body(seq, words);
    let outcome = Outcome {
        id,
        verdict: Verdict::Opened {
            message: Box::new(message::read(&plaintext)),
            plaintext,
            msgid_differs: false,
        },
    };
    assert_eq!(scratch.settle(&[outcome]).opened, 1);
}

fn land(scratch: &mut Scratch, records: &[Sealed]) -> Vec<RecordId> {
    let landed = scratch.land(records);
    landed.fresh.into_iter().map(|(id, _)| id).collect()
}

fn spoil(scratch: &Scratch, sql: &str) {
    let changed = scratch.store.conn_for_tests().execute(sql, []).expect("spoilt");
    assert!(changed > 0, "{sql}");
}

/// Three open records and two that are not.
fn five() -> (Scratch, Vec<RecordId>) {
    let mut scratch = Scratch::new();
    let mut rows = open_texts(&mut scratch, &["退款一百元", "好的", "再见"]);
    rows.extend(land(&mut scratch, &[sealed(4, "body"), sealed(5, "body")]));
    (scratch, rows)
}

/// As docs/digest.md describes it, in other words.
#[test]
fn a_stranger_computes_the_same() {
    let (scratch, _) = five();
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let head = |domain: &str, upto: u64| {
        [
            text(domain),
            text("acme"),
            text("ww1"),
            upto.to_le_bytes().to_vec(),
        ]
        .concat()
    };
    let what_landed = |seq: u64| {
        let parts = [
            &seq.to_le_bytes()[..],
            &1_u32.to_le_bytes(),
            &text(&format!("m{seq}")),
            &text("a2V5"),
            &text("body"),
        ];
        Sha256::digest(parts.concat()).to_vec()
    };
    let copy = |seq: u64| {
        [
            text(&format!("m{seq}")),
            1_u64.to_le_bytes().to_vec(),
            what_landed(seq),
        ]
        .concat()
    };
    let (mut landed, mut open) = (
        head("shiguan digest 1 landed", 4),
        head("shiguan digest 1 open", 4),
    );
    for seq in 1..=4_u64 {
        landed.extend([seq, 0, 1].map(u64::to_le_bytes).concat());
        landed.extend(copy(seq));
    }
    for (seq, words) in (1_u64..).zip(["退款一百元", "好的", "再见"]) {
        open.extend([seq, 0].map(u64::to_le_bytes).concat());
        open.extend(copy(seq));
        open.extend(Sha256::digest(body(seq, words)));
    }
    landed.extend(4_u64.to_le_bytes());
    open.extend(3_u64.to_le_bytes());
    let digest = sound(&scratch, 4);
    assert_eq!((digest.landed.records, digest.open.records), (4, 3));
    assert_eq!(digest.landed.sha256, Some(Sha256::digest(landed).into()));
    assert_eq!(digest.open.sha256, Some(Sha256::digest(open).into()));
}

#[test]
fn what_comes_later_changes_neither_and_a_late_opening_only_what_is_open() {
    let (mut scratch, rows) = five();
    let monday = sound(&scratch, 5);
    assert_eq!((monday.landed.records, monday.open.records), (5, 3));
    let later = land(&mut scratch, &[sealed(6, "body"), sealed(7, "body")]);
    open(&mut scratch, later[0], 6, "周五");
    scratch.settle(&[waiting(rows[4], Reason::NoKey)]);
    let friday = sound(&scratch, 5);
    assert_eq!((&friday.landed, &friday.open), (&monday.landed, &monday.open));
    open(&mut scratch, rows[3], 4, "迟开");
    let late = sound(&scratch, 5);
    assert_eq!(late.landed, monday.landed);
    assert_eq!(late.open.records, 4);
    assert_ne!(late.open.sha256, monday.open.sha256);
    // Bound to the seq and to the company.
    assert_ne!(sound(&scratch, 6).landed, sound(&scratch, 7).landed);
    assert_eq!(sound(&scratch, 0).landed.records, 0);
}

#[test]
fn what_is_derived_or_let_go_changes_neither() {
    let (mut scratch, rows) = five();
    let before = sound(&scratch, 5);
    let same = |scratch: &Scratch, what: &str| {
        let now = sound(scratch, 5);
        assert_eq!((&now.landed, &now.open), (&before.landed, &before.open), "{what}");
    };
    scratch.store.derive_again(&mut |_| ()).expect("derived");
    same(&scratch, "deriving again");
    spoil(&scratch, "UPDATE plaintext SET salt = NULL, sha256 = NULL");
    spoil(&scratch, "UPDATE message SET guard = NULL");
    same(&scratch, "rows of an older program");
    scratch
        .store
        .write_digests(RecordId(0), 100)
        .expect("digests written");
    same(&scratch, "other salts");
    // Damaged columns are told, and once they are repaired everything is as before.
    spoil(&scratch, "UPDATE message SET time = time + 1 WHERE record = 1");
    let (damaged, findings) = digest(&scratch, 5);
    assert_eq!(findings.len(), 1);
    assert_eq!((damaged.landed.sha256, damaged.open.sha256), (None, None));
    let repaired = scratch
        .store
        .repair_record(rows[0], Millis(20))
        .expect("repaired");
    assert_eq!(repaired, Repaired::Derived);
    same(&scratch, "repair");
    let company = scratch.company;
    let forgotten = scratch
        .store
        .forget_sealed(company, Millis(2_000_000_000_000))
        .expect("forgotten");
    assert_eq!(forgotten.gone, 3);
    same(&scratch, "originals let go");
}

#[test]
fn a_body_that_is_opened_again_is_the_same() {
    let (mut scratch, rows) = five();
    let before = sound(&scratch, 5);
    spoil(
        &scratch,
        "UPDATE plaintext SET dictionary = NULL, body = x'00' WHERE record = 1",
    );
    let (damaged, findings) = digest(&scratch, 5);
    assert_eq!(findings[0].about, About::Record(scratch.company, Seq(1)));
    assert_eq!(findings[0].fault, Fault::Damage(Damage::BodyChanged));
    assert_eq!(findings[0].repair, Repair::Record);
    // What landed does not rest on the body.
    assert_eq!(damaged.landed, before.landed);
    assert_eq!(damaged.open.sha256, None);
    let repaired = scratch
        .store
        .repair_record(rows[0], Millis(20))
        .expect("repaired");
    assert_eq!(repaired, Repaired::Sealed);
    let sealed_again = sound(&scratch, 5);
    assert_eq!(
        (&sealed_again.landed, sealed_again.open.records),
        (&before.landed, 2)
    );
    open(&mut scratch, rows[0], 1, "退款一百元");
    assert_eq!(sound(&scratch, 5).open, before.open);
}

#[test]
fn what_lands_below_changes_what_landed() {
    let mut scratch = Scratch::new();
    let rows = land(&mut scratch, &[sealed(1, "body"), sealed(3, "body")]);
    open(&mut scratch, rows[0], 1, "一");
    let before = sound(&scratch, 3);
    // A record that fills a gap.
    land(&mut scratch, &[sealed(2, "body")]);
    let filled = sound(&scratch, 3);
    assert_eq!((filled.landed.records, &filled.open), (3, &before.open));
    assert_ne!(filled.landed.sha256, before.landed.sha256);
    // Another message under the same seq.
    let twin = Sealed {
        msgid: "other".into(),
        ..sealed(1, "body")
    };
    land(&mut scratch, &[twin]);
    let twins = sound(&scratch, 3);
    assert_eq!((twins.landed.records, &twins.open), (4, &before.open));
    assert_ne!(twins.landed.sha256, filled.landed.sha256);
    // Another copy of a message.
    scratch.land(&[sealed(1, "other body"), sealed(3, "other body")]);
    let copies = sound(&scratch, 3);
    assert_eq!((copies.landed.records, copies.other_copies), (4, 2));
    assert_ne!(copies.landed.sha256, twins.landed.sha256);
    assert_eq!(copies.open, before.open);
    // The other copy becomes the one to open: still the same copies.
    scratch.settle(&[waiting(rows[1], Reason::Malformed)]);
    let current =
        scratch
            .store
            .conn_for_tests()
            .query_row("SELECT count(*) FROM variant WHERE tried = 1", [], |row| {
                row.get::<_, i64>(0)
            });
    assert_eq!(current.expect("counted"), 1);
    assert_eq!(sound(&scratch, 3).landed, copies.landed);
    // The same again changes nothing.
    scratch.land(&[sealed(1, "body"), sealed(2, "body"), sealed(3, "other body")]);
    assert_eq!(sound(&scratch, 3).landed, copies.landed);
}

#[test]
fn the_order_of_arrival_does_not_count_and_great_seqs_come_last() {
    let seqs = [u64::MAX, 1, 1 << 63, (1 << 63) - 1, 2];
    let digest_of = |seqs: &[u64], upto| {
        let mut scratch = Scratch::new();
        for seq in seqs {
            scratch.land(&[sealed(*seq, "body")]);
        }
        sound(&scratch, upto).landed
    };
    let mut sorted = seqs;
    sorted.sort_unstable();
    for (count, upto) in sorted.into_iter().enumerate() {
        let digest = digest_of(&seqs, upto);
        assert_eq!(digest.records, count as u64 + 1, "{upto}");
        assert_eq!(digest, digest_of(&sorted, upto), "{upto}");
        assert_eq!(digest, digest_of(&sorted[..=count], upto), "{upto}");
    }
}

#[test]
fn whatever_is_altered_or_lost_is_named_or_gives_another_digest() {
    let (scratch, _) = five();
    let before = sound(&scratch, 5);
    for (sql, seq, is_named) in [
        ("UPDATE record SET msgid = 'x' WHERE id = 1", 1, true),
        ("UPDATE record SET version = 2 WHERE id = 2", 2, true),
        ("UPDATE record SET sha256 = zeroblob(32) WHERE id = 3", 3, true),
        ("UPDATE record SET sha256 = zeroblob(31) WHERE id = 3", 3, true),
        ("UPDATE record SET sha256 = zeroblob(32) WHERE id = 4", 4, true),
        ("UPDATE record SET twin = 1 WHERE id = 5", 5, false),
        ("UPDATE record SET state = 2 WHERE id = 1", 1, true),
        ("UPDATE record SET state = 1 WHERE id = 4", 4, true),
        (
            "UPDATE sealed SET body = 'x' WHERE record IN (SELECT id FROM record WHERE seq = 4)",
            4,
            true,
        ),
        ("DELETE FROM sealed WHERE record = 5", 5, true),
        ("UPDATE message SET sender = 0 WHERE record = 2", 2, true),
        ("DELETE FROM message WHERE record = 2", 2, true),
        ("DELETE FROM plaintext WHERE record = 3", 3, true),
        ("UPDATE plaintext SET salt = x'00' WHERE record = 3", 3, true),
        // Whoever removes a record with everything that hangs on it.
        ("DELETE FROM record WHERE id = 5", 5, false),
    ] {
        let (scratch, _) = five();
        let conn = scratch.store.conn_for_tests();
        conn.execute_batch("PRAGMA foreign_keys = OFF")
            .expect("switched off");
        spoil(&scratch, sql);
        let (now, findings) = digest(&scratch, 5);
        let named = findings
            .iter()
            .any(|finding| finding.about == About::Record(scratch.company, Seq(seq)));
        assert_eq!(named, is_named, "{sql}: {findings:?}");
        let is_same = now.landed.sha256 == before.landed.sha256 && now.open.sha256 == before.open.sha256;
        assert!(!is_same, "{sql}");
    }
    // Another plaintext with a digest and a guard of its own.
    let conn = scratch.store.conn_for_tests();
    conn.execute(
        "UPDATE plaintext SET dictionary = NULL, body = ?, salt = NULL, sha256 = NULL WHERE record = 1",
        params![body(1, "退款一千元")],
    )
    .expect("spoilt");
    spoil(&scratch, "UPDATE message SET guard = NULL WHERE record = 1");
    let (now, _) = digest(&scratch, 5);
    assert_ne!(now.open.sha256, before.open.sha256);
    assert_eq!(now.landed, before.landed);
}

/// The original of an opened record rots: that is told, and what landed is still attested by the row.
#[test]
fn a_rotten_original_of_an_opened_record_is_told() {
    let (scratch, _) = five();
    let before = sound(&scratch, 5);
    spoil(&scratch, "UPDATE sealed SET body = 'x' WHERE record = 1");
    let (now, findings) = digest(&scratch, 5);
    assert_eq!(findings[0].fault, Fault::Original);
    assert_eq!(findings[0].repair, Repair::Nothing);
    assert_eq!(
        (now.landed, now.open),
        (before.landed.clone(), before.open.clone())
    );
    // Without a guard nothing attests it.
    spoil(&scratch, "UPDATE message SET guard = NULL WHERE record = 1");
    let (now, findings) = digest(&scratch, 5);
    assert_eq!(findings[0].repair, Repair::Backup);
    assert_eq!(now.landed.sha256, None);
}
