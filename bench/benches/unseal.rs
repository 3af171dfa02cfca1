//! The RSA step: every implementation on one thread, over a page.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use sdk_mock::generate::Length;
use shiguan::unseal::{Implementation, SealedKey, open_keys};
use shiguan_bench::Sample;

/// Enough for full batches of an implementation that opens several blocks at once.
const RECORDS: u64 = 256;

fn unseal(criterion: &mut Criterion) {
    let sample = Sample::new(RECORDS, 7, Length::Short);
    let ring = sample.ring();
    let keys: Vec<SealedKey<'_>> = sample.sealed[0]
        .iter()
        .map(|record| SealedKey {
            version: record.key_version,
            random_key: &record.random_key,
        })
        .collect();
    let mut group = criterion.benchmark_group("unseal, one thread");
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    for implementation in Implementation::ALL {
        let ring = ring.prepare(implementation, 1).expect("a prepared ring");
        group.bench_function(implementation.as_str(), |bencher| {
            bencher.iter(|| {
                let opened = open_keys(&ring, &keys);
                assert!(opened.iter().all(Result::is_ok));
                opened
            });
        });
    }
    group.finish();
}

criterion_group!(benches, unseal);
criterion_main!(benches);
