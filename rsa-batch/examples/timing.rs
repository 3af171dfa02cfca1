//! A statistical timing test in the manner of dudect: does the time of opening tell classes of input apart?
//!
//! `cargo run --release -p rsa-batch --example timing [-- PAIRS]`
//!
//! Each measurement times one batch of eight of class A or of class B, in random order, and Welch's t compares the two
//! samples after the slowest share was cropped (interrupts, other processes), at several crops; the largest |t| counts.
//! By dudect's convention |t| above 10 is a leak for certain, below 4.5 nothing was found. As a check of the
//! instrument itself, the last line compares two classes that differ for certain and must exceed 10.

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use corpus::{Expected, Pair, Stream, named};
use rand_chacha::ChaCha20Rng;
use rsa::rand_core::{RngCore, SeedableRng};
use rsa_batch::{Backend, Opener};
use std::hint::black_box;
use std::time::Instant;

type Batch = Vec<Vec<u8>>;

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        let squares = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        (mean, squares / (sample.len() - 1) as f64 / sample.len() as f64)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// Largest |t| over the crops. The limit of a crop is taken from both classes together.
fn largest(samples: &[(bool, f64)]) -> f64 {
    let mut times: Vec<f64> = samples.iter().map(|(_, time)| *time).collect();
    times.sort_by(f64::total_cmp);
    [0.5, 0.7, 0.8, 0.9, 0.95]
        .iter()
        .map(|share| {
            let limit = times[(times.len() as f64 * share) as usize];
            let class = |wanted| {
                samples
                    .iter()
                    .filter(|s| s.0 == wanted && s.1 <= limit)
                    .map(|s| s.1)
                    .collect::<Vec<_>>()
            };
            welch(&class(true), &class(false)).abs()
        })
        .fold(0.0, f64::max)
}

fn measure(openers: [&Opener; 2], a: impl Fn(u64) -> Batch, b: impl Fn(u64) -> Batch, pairs: u64) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut samples = Vec::new();
    for round in 0..2 * pairs {
        let class = rng.next_u32() & 1 == 1;
        let (first, second) = (a(round), b(round)); // both, so that the caches see the same either way
        let batch: Vec<&[u8]> = (first.iter().zip(&second))
            .map(|(first, second)| {
                if class {
                    first.as_slice()
                } else {
                    second.as_slice()
                }
            })
            .collect();
        let opener = openers[usize::from(class)];
        drop(black_box(opener.open(&batch))); // warm
        let start = Instant::now();
        let opened = black_box(opener.open(&batch));
        samples.push((class, start.elapsed().as_secs_f64()));
        drop(opened);
    }
    largest(&samples)
}

/// Batches of the records of one pair that satisfy `wanted`, prepared beforehand.
fn pool(pair: &Pair, seed: u64, wanted: impl Fn(&corpus::Record) -> bool) -> Vec<Batch> {
    let records: Vec<Vec<u8>> = Stream::new(pair, seed)
        .filter(wanted)
        .map(|record| record.ciphertext)
        .take(8 * 64)
        .collect();
    records.chunks(8).map(<[Vec<u8>]>::to_vec).collect()
}

fn main() {
    let pairs = std::env::args()
        .nth(1)
        .map_or(20_000, |arg| arg.parse().expect("a number of pairs"));
    let pair = named("2048-p-above-q");
    let other = named("2048-exponent-3");
    let opener = Opener::with_backend(&pair.key, Backend::Ifma).expect("a processor with AVX-512 IFMA");
    let same = [&opener, &opener];
    let from = |pool: Vec<Batch>| move |round: u64| pool[(round % pool.len() as u64) as usize].clone();
    let sound = || pool(&pair, 1, |r| r.kind == "sound, 32 bytes");
    let random = || pool(&pair, 2, |r| r.kind == "random ciphertext");
    let fixed = vec![sound()[0].clone()];
    let small = || pool(&pair, 3, |r| r.kind == "small ciphertext");
    let zero = || pool(&pair, 4, |r| r.kind == "0");
    let first = || pool(&pair, 5, |r| r.kind == "first byte 1");
    let short = || pool(&pair, 6, |r| r.kind == "filling too short");
    let empty = || pool(&pair, 7, |r| r.kind == "sound, empty");
    let longest = || pool(&pair, 8, |r| r.kind == "sound, longest");
    let report = |name: &str, t: f64| println!("{name:<58} largest |t| = {t:.2}");
    report(
        "one fixed batch / random sound ones",
        measure(same, from(fixed), from(sound()), pairs),
    );
    report(
        "random ciphertexts / small ones",
        measure(same, from(random()), from(small()), pairs),
    );
    report(
        "random ciphertexts / zero",
        measure(same, from(random()), from(zero()), pairs),
    );
    report(
        "first byte wrong / filling too short",
        measure(same, from(first()), from(short()), pairs),
    );
    report(
        "empty message / longest message",
        measure(same, from(empty()), from(longest()), pairs),
    );
    let twin = Opener::with_backend(&other.key, Backend::Ifma).expect("the same processor");
    let random_two = || {
        pool(&other, 2, |r| {
            r.expected == Expected::Unknown && r.kind == "random ciphertext"
        })
    };
    let keys = measure([&opener, &twin], from(random_two()), from(random()), pairs);
    report("instrument: public exponents 3 / 65537, must exceed 10", keys);
}
