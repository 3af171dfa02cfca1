//! Against the outside: records whose answer is known by construction, `aws-lc-rs` and `rsa`.
//!
//! The whole comparison (100,000 records per key size, each against both libraries) takes half an hour and is
//! `cargo run --release -p rsa-batch --example oracle`; here are shares of the same streams.

mod corpus;

use corpus::{Expected, Pair, Record, Stream, answer, named, pairs};
use rsa_batch::{Backend, OpenError, Opener};

/// What the fastest backend here says, in batches whose sizes vary.
fn opened(opener: &Opener, records: &[Record]) -> Vec<Expected> {
    let mut out = Vec::new();
    let mut rest = records;
    for size in (1..=19).cycle() {
        let (now, later) = rest.split_at(size.min(rest.len()));
        let batch: Vec<&[u8]> = now.iter().map(|record| record.ciphertext.as_slice()).collect();
        out.extend(opener.open(&batch).iter().map(answer));
        rest = later;
        if rest.is_empty() {
            return out;
        }
    }
    unreachable!("the sizes never end")
}

/// Runs `count` records of one key; the first `twin` of them also through `aws-lc-rs`, the first `pure` through `rsa`.
fn compare(pair: &Pair, seed: u64, count: usize, twin: usize, pure: usize) {
    let opener = Opener::new(&pair.key).expect("some backend takes every key of the corpus");
    let portable = Opener::with_backend(&pair.key, Backend::Portable).ok();
    let records: Vec<Record> = Stream::new(pair, seed).take(count).collect();
    let answers = opened(&opener, &records);
    assert_eq!(answers.len(), records.len());
    for (i, (record, ours)) in records.iter().zip(&answers).enumerate() {
        let context = || format!("{}, record {i}: {}", pair.name, record.kind);
        if record.expected != Expected::Unknown {
            assert_eq!(*ours, record.expected, "{}", context());
        }
        if i < twin
            && let Some(portable) = &portable
        {
            assert_eq!(
                *ours,
                answer(&portable.open(&[&record.ciphertext])[0]),
                "aws-lc-rs, {}",
                context()
            );
        }
        if i < pure {
            let theirs = pair.pure(&record.ciphertext);
            let ours = if let Expected::Message(message) = ours {
                Some(message.clone())
            } else {
                None
            };
            assert_eq!(ours, theirs, "rsa, {}", context());
        }
    }
}

#[test]
fn a_hundred_thousand_records_of_2048_bits_open_as_they_were_made() {
    compare(&named("2048-p-above-q"), 1, 100_000, 4_000, 400);
}

#[test]
fn records_of_3072_and_4096_bits_open_as_they_were_made() {
    compare(&named("3072"), 2, 3_000, 500, 100);
    compare(&named("4096"), 3, 1_500, 300, 50);
}

#[test]
fn every_shape_of_key_opens_every_kind_of_record() {
    for pair in pairs() {
        compare(&pair, 4, 200, 100, 20);
    }
}

#[test]
fn every_number_of_lanes_gives_the_same_answers() {
    let pair = named("2048-p-below-q");
    let records: Vec<Record> = Stream::new(&pair, 5).take(40).collect();
    let batch: Vec<&[u8]> = records
        .iter()
        .map(|record| record.ciphertext.as_slice())
        .collect();
    for opener in [
        Opener::new(&pair.key),
        Opener::with_backend(&pair.key, Backend::Ifma),
    ]
    .into_iter()
    .flatten()
    {
        let whole: Vec<Expected> = opener.open(&batch).iter().map(answer).collect();
        for lanes in 1..=17 {
            let parts: Vec<Expected> = batch
                .chunks(lanes)
                .flat_map(|chunk| opener.open(chunk))
                .map(|opened| answer(&opened))
                .collect();
            assert_eq!(parts, whole, "{lanes} at a time");
        }
    }
}

#[test]
fn a_wrong_length_is_named_and_disturbs_no_neighbour() {
    let pair = named("2048-p-above-q");
    let opener = Opener::new(&pair.key).expect("an opener");
    let records: Vec<Record> = Stream::new(&pair, 6).take(12).collect();
    let long = vec![0; pair.size + 1];
    let mut batch: Vec<&[u8]> = records
        .iter()
        .map(|record| record.ciphertext.as_slice())
        .collect();
    batch.insert(3, &[]);
    batch.insert(7, &long);
    batch.insert(8, &records[0].ciphertext[1..]);
    let answers = opener.open(&batch);
    for (i, found) in [(3, 0), (7, pair.size + 1), (8, pair.size - 1)] {
        assert_eq!(
            answers[i].as_ref().err(),
            Some(&OpenError::Length {
                expected: pair.size,
                found
            })
        );
    }
    let others = answers.iter().enumerate().filter(|(i, _)| ![3, 7, 8].contains(i));
    for ((_, ours), record) in others.zip(&records) {
        assert!(
            record.expected == Expected::Unknown || answer(ours) == record.expected,
            "{}",
            record.kind
        );
    }
}

#[test]
fn an_empty_batch_is_no_work() {
    let opener = Opener::new(&named("2048-p-above-q").key).expect("an opener");
    assert!(opener.open(&[]).is_empty());
}

#[test]
fn one_opener_serves_many_threads() {
    let pair = named("2048-lowest-primes");
    let opener = Opener::new(&pair.key).expect("an opener");
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (pair, opener) = (&pair, &opener);
            scope.spawn(move || {
                let records: Vec<Record> = Stream::new(pair, seed).take(60).collect();
                for (record, ours) in records.iter().zip(opened(opener, &records)) {
                    assert!(
                        record.expected == Expected::Unknown || ours == record.expected,
                        "{}",
                        record.kind
                    );
                }
            });
        }
    });
}
