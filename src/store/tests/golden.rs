//! Real shapes through the whole room: every sample message is read, kept, found by each of its substrings, and
//! derived again.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Scratch, brute::contains, sealed};
use crate::{
    message::{self, Flaws, Message, Place},
    record::Sealed,
    store::contract::{Filter, Group, Order, Outcome, Verdict},
    words::fold,
};

/// The samples as bytes, in name order, and some that are no message at all.
fn bodies() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/messages");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the samples")
        .map(|file| file.expect("a file").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    let mut bodies: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| fs::read(path).expect("a sample"))
        .collect();
    assert!(bodies.len() > 30, "the samples are there");
    bodies.extend([b"not json \xff\0".to_vec(), Vec::new(), b"[]".to_vec()]);
    bodies
}

/// Keeps the samples; every third one with another msgid outside than inside.
fn archive() -> (Scratch, Vec<Message>) {
    let mut scratch = Scratch::new();
    let bodies = bodies();
    let messages: Vec<Message> = bodies.iter().map(|body| message::read(body)).collect();
    let records: Vec<Sealed> = (1..)
        .zip(&messages)
        .map(|(seq, message)| match seq % 3 {
            0 => sealed(seq, "body"),
            _ => Sealed {
                msgid: message.msgid.clone(),
                ..sealed(seq, "body")
            },
        })
        .collect();
    let landed = scratch.land(&records);
    let outcomes: Vec<Outcome> = landed
        .fresh
        .iter()
        .map(|(id, index)| Outcome {
            id: *id,
            verdict: Verdict::Opened {
                plaintext: bodies[*index].clone(),
                message: Box::new(messages[*index].clone()),
                msgid_differs: messages[*index].msgid != records[*index].msgid,
            },
        })
        .collect();
    assert_eq!(scratch.settle(&outcomes).opened, bodies.len() as u64);
    (scratch, messages)
}

/// Substrings up to six characters, everything behind and before a cut, and the whole.
fn asked(messages: &[Message]) -> BTreeSet<String> {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for segment in messages.iter().flat_map(|message| &message.segments) {
        let chars: Vec<char> = segment.text.chars().collect();
        for start in 0..chars.len() {
            for length in 1..=6.min(chars.len() - start) {
                asked.insert(chars[start..start + length].iter().collect());
            }
            if start % 7 == 0 {
                asked.insert(chars[start..].iter().collect());
            }
        }
    }
    asked.retain(|needle| !fold(needle).is_empty());
    asked
}

#[test]
fn every_substring_of_every_sample_is_found_exactly_where_it_stands() {
    let (scratch, messages) = archive();
    let asked = asked(&messages);
    assert!(asked.len() > 2_000);
    for (n, needle) in asked.into_iter().enumerate() {
        let places = if n % 3 == 0 {
            vec![Place::ALL[n / 3 % 7]]
        } else {
            Vec::new()
        };
        let expected: Vec<u64> = (1..)
            .zip(&messages)
            .filter(|(_, message)| contains(message, &needle, &places))
            .map(|(seq, _)| seq)
            .collect();
        let filter = Filter::Text { needle, places };
        assert_eq!(
            scratch.store.count(&filter).expect("counted"),
            expected.len() as u64,
            "{filter:?}"
        );
        if n % 10 == 0 {
            let hits = scratch
                .store
                .find(&filter, Order::OldestFirst, None, 999)
                .expect("found");
            let mut seqs: Vec<u64> = hits.iter().map(|hit| hit.seq.0).collect();
            seqs.sort_unstable();
            assert_eq!(seqs, expected, "{filter:?}");
        }
    }
}

#[test]
fn what_was_derived_can_be_derived_again_from_the_bytes_alone() {
    let (mut scratch, messages) = archive();
    let before = scratch.hash();
    assert!(scratch.store.index_is_current().expect("asked"));
    let conn = rusqlite::Connection::open(scratch.store.path()).expect("opened");
    conn.execute_batch(
        "DELETE FROM index_segment; UPDATE fact SET value = '0';
         UPDATE message SET sender = 0, audience = 0, chat = 0, time = 5, flags = flags & 16;
         UPDATE recall SET pre_msgid = 'x';",
    )
    .expect("spoilt");
    assert!(!scratch.store.index_is_current().expect("asked"));
    assert_ne!(scratch.store.content_hash().expect("hashed"), before);
    assert_ne!(scratch.store.integrity().expect("checked"), Vec::<String>::new());
    let mut told = Vec::new();
    let count = scratch
        .store
        .derive_again(&mut |done| told.push(done))
        .expect("derived");
    assert_eq!((count, told.last()), (messages.len() as u64, Some(&count)));
    assert!(scratch.store.index_is_current().expect("asked"));
    assert_eq!(scratch.hash(), before);
}

#[test]
fn bytes_come_back_as_they_were() {
    let (scratch, messages) = archive();
    for (id, body) in (1..).zip(bodies()) {
        let stored = scratch
            .store
            .message(crate::ids::RecordId(id))
            .expect("asked")
            .expect("there");
        let opened = stored.opened.expect("opened");
        assert_eq!(opened.plaintext, body);
        let message = &messages[id as usize - 1];
        assert_eq!((&opened.msgid, opened.time), (&message.msgid, message.time));
        assert_eq!(
            (opened.scope, opened.direction, opened.flaws),
            (
                message.scope,
                message.direction,
                Flaws {
                    // Landed at 7, so every time is later than its landing.
                    time_implausible: message.time.is_some() || message.flaws.time_implausible,
                    ..message.flaws
                }
            )
        );
    }
    let types = scratch
        .store
        .stats(Group::Type, &jiff::tz::TimeZone::UTC)
        .expect("counted");
    assert_eq!(
        types.iter().map(|tally| tally.count).sum::<u64>(),
        messages.len() as u64
    );
}
