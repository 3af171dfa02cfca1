//! Chunks of 512 KiB, as files come, of so many streams at once.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use digest_batch::{Md5, Sha256};
use md5::Digest;

const CHUNK: usize = 512 << 10;

fn streams(criterion: &mut Criterion) {
    let chunks: Vec<Vec<u8>> = (0..16_u32)
        .map(|stream| {
            (0..CHUNK as u32)
                .map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(stream) >> 11) as u8)
                .collect()
        })
        .collect();
    let mut group = criterion.benchmark_group("alone, RustCrypto");
    group.throughput(Throughput::Bytes(CHUNK as u64));
    group.bench_function("md-5", |bencher| bencher.iter(|| md5::Md5::digest(&chunks[0])));
    group.bench_function("sha2", |bencher| {
        bencher.iter(|| sha2::Sha256::digest(&chunks[0]))
    });
    group.finish();
    macro_rules! together {
        ($name:literal, $digest:ty) => {
            let mut group = criterion.benchmark_group($name);
            for count in [1, 2, 3, 4, 6, 8, 16] {
                group.throughput(Throughput::Bytes((count * CHUNK) as u64));
                group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                    let mut streams = vec![<$digest>::new(); count];
                    bencher.iter(|| {
                        let mut all: Vec<_> = streams
                            .iter_mut()
                            .zip(chunks.iter().map(Vec::as_slice))
                            .collect();
                        <$digest>::update_together(&mut all);
                    });
                });
            }
            group.finish();
        };
    }
    together!("md5", Md5);
    together!("sha-256", Sha256);
}

criterion_group!(benches, streams);
criterion_main!(benches);
