//! The whole comparison: 100,000 random and edge ciphertexts per key size against both `aws-lc-rs` and `rsa`.
//!
//! `cargo run --release -p rsa-batch --example oracle [-- COUNT]`; about half an hour on two cores, nearly all of it
//! spent in `rsa`. Prints how many records of each kind agreed, and stops at the first that does not.

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use corpus::{Expected, Stream, answer, named};
use rsa_batch::{Backend, Opener};
use std::collections::BTreeMap;

fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .map_or(100_000, |arg| arg.parse().expect("a number of records"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for name in ["2048-p-above-q", "3072", "4096"] {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let parts: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|i| scope.spawn(move || compared(name, 1000 + i as u64, count.div_ceil(threads))))
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("no record differs"))
                .collect()
        });
        for (kind, agreed) in parts.into_iter().flatten() {
            *kinds.entry(kind).or_default() += agreed;
        }
        println!(
            "key {name}: {} records agree with aws-lc-rs and with rsa",
            kinds.values().sum::<usize>()
        );
        for (kind, agreed) in kinds {
            println!("  {agreed:>7} {kind}");
        }
    }
}

fn compared(name: &str, seed: u64, count: usize) -> BTreeMap<&'static str, usize> {
    let pair = named(name);
    let ours = Opener::new(&pair.key).expect("an opener");
    let twin = Opener::with_backend(&pair.key, Backend::Portable).expect("an opener");
    let mut stream = Stream::new(&pair, seed).take(count);
    let mut agreed: BTreeMap<&str, usize> = BTreeMap::new();
    loop {
        let records: Vec<_> = stream.by_ref().take(64).collect();
        if records.is_empty() {
            return agreed;
        }
        let batch: Vec<&[u8]> = records
            .iter()
            .map(|record| record.ciphertext.as_slice())
            .collect();
        for ((record, ours), twin) in records.iter().zip(ours.open(&batch)).zip(twin.open(&batch)) {
            let answered = answer(&ours);
            let message = ours.ok().map(|message| message.to_vec());
            assert!(
                record.expected == Expected::Unknown || answered == record.expected,
                "made as {}",
                record.kind
            );
            assert_eq!(
                answered,
                answer(&twin),
                "aws-lc-rs, {}: {:02x?}",
                record.kind,
                record.ciphertext
            );
            assert_eq!(
                message,
                pair.pure(&record.ciphertext),
                "rsa, {}: {:02x?}",
                record.kind,
                record.ciphertext
            );
            *agreed.entry(record.kind).or_default() += 1;
        }
    }
}
