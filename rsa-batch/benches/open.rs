//! One record on one core, by key size: eight lanes, `aws-lc-rs`, `rsa`, and the partial batches in between.
//!
//! `cargo bench -p rsa-batch`

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use corpus::{Stream, named};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rsa_batch::{Backend, Opener};
use std::hint::black_box;

fn open(c: &mut Criterion) {
    for (bits, name) in [(2048, "2048-p-above-q"), (3072, "3072"), (4096, "4096")] {
        let pair = named(name);
        let records: Vec<Vec<u8>> = Stream::new(&pair, 1)
            .filter(|record| record.kind == "sound, 32 bytes")
            .map(|record| record.ciphertext)
            .take(8)
            .collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let mut group = c.benchmark_group(format!("rsa-{bits}"));
        group.sample_size(20);
        for count in [1, 2, 3, 4, 8] {
            group.throughput(Throughput::Elements(count as u64));
            if let Ok(lanes) = Opener::with_backend(&pair.key, Backend::Ifma) {
                group.bench_function(BenchmarkId::new("lanes", count), |b| {
                    b.iter(|| black_box(lanes.open(&records[..count])));
                });
            }
        }
        group.throughput(Throughput::Elements(1));
        let twin = Opener::with_backend(&pair.key, Backend::Portable).expect("a key of a usual size");
        group.bench_function("aws-lc-rs", |b| b.iter(|| black_box(twin.open(&records[..1]))));
        group.bench_function("rsa", |b| b.iter(|| black_box(pair.pure(records[0]))));
        group.finish();
    }
}

criterion_group!(benches, open);
criterion_main!(benches);
