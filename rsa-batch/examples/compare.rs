//! Decryptions per second on one core: eight lanes, `aws-lc-rs` and `rsa`, interleaved in one run.
//!
//! `cargo run --release -p rsa-batch --example compare [-- BITS…]`
//!
//! Each round times every implementation in turn for about a millisecond, so that a change of clock or a noisy
//! neighbour meets all of them; the table shows medians over the rounds, and the fastest round beside them.

use rand_chacha::ChaCha20Rng;
use rsa::rand_core::SeedableRng;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, pkcs8::EncodePrivateKey};
use rsa_batch::{Backend, Opener, PrivateKey};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 201;

fn median(samples: &mut [f64]) -> (f64, f64) {
    samples.sort_by(f64::total_cmp);
    (samples[samples.len() / 2], samples[0])
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn main() {
    let mut sizes: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    if sizes.is_empty() {
        sizes = vec![2048, 3072, 4096];
    }
    let mut rng = ChaCha20Rng::seed_from_u64(20);
    for bits in sizes {
        let oracle = RsaPrivateKey::new(&mut rng, bits).expect("a key");
        let der = oracle.to_pkcs8_der().expect("DER");
        let key = PrivateKey::from_pkcs8_der(der.as_bytes()).expect("the same key");
        let start = Instant::now();
        let fast = Opener::new(&key).expect("an opener");
        let prepared = start.elapsed();
        let twin = Opener::with_backend(&key, Backend::Portable).expect("an opener");
        let records: Vec<Vec<u8>> = (0..8)
            .map(|i| {
                oracle
                    .to_public_key()
                    .encrypt(&mut rng, Pkcs1v15Encrypt, &[i; 32])
                    .expect("a record")
            })
            .collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        assert!(
            fast.open(&records)
                .iter()
                .chain(&twin.open(&records))
                .all(Result::is_ok),
            "all are sound"
        );
        let (mut lanes, mut aws, mut pure) = (Vec::new(), Vec::new(), Vec::new());
        let mut partial: [Vec<f64>; 8] = Default::default();
        for _ in 0..ROUNDS {
            lanes.push(seconds(|| drop(black_box(fast.open(&records)))) / 8.0);
            aws.push(seconds(|| drop(black_box(twin.open(&records[..2])))) / 2.0);
            pure.push(seconds(|| {
                drop(black_box(oracle.decrypt(Pkcs1v15Encrypt, records[0])))
            }));
            for count in 1..=4 {
                partial[count - 1]
                    .push(seconds(|| drop(black_box(fast.open(&records[..count])))) / count as f64);
            }
        }
        let (lanes, aws, pure) = (median(&mut lanes), median(&mut aws), median(&mut pure));
        println!(
            "RSA-{bits} ({} bytes), {:?}, medians of {ROUNDS} rounds:",
            oracle.size(),
            fast.backend()
        );
        for (name, (typical, best)) in [("rsa-batch", lanes), ("aws-lc-rs", aws), ("rsa", pure)] {
            println!(
                "  {name:<10} {:>7.0}/s  {:>8.1} µs  {:>5.2} × aws-lc-rs {:>6.2} × rsa | fastest {:>7.0}/s {:>5.2} × {:>6.2} ×",
                typical.recip(),
                typical * 1e6,
                aws.0 / typical,
                pure.0 / typical,
                best.recip(),
                aws.1 / best,
                pure.1 / best,
            );
        }
        println!("  preparing the key: {prepared:.1?}");
        for (i, samples) in partial.iter_mut().enumerate().take(4) {
            let (typical, _) = median(samples);
            println!("  batch of {}: {:>8.1} µs per record", i + 1, typical * 1e6);
        }
    }
}
