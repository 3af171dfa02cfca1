//! Reading: a page of `GetChatData`, and what one opened record says.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sdk_mock::generate::Length;
use shiguan::message;
use shiguan_bench::{PAGE, Sample, read};

fn parse(criterion: &mut Criterion) {
    for (name, length) in [("short", Length::Short), ("long", Length::Long)] {
        let sample = Sample::new(PAGE as u64, 7, length);
        let mut group = criterion.benchmark_group(format!("parse {name}"));
        group.throughput(Throughput::Elements(sample.sealed[0].len() as u64));
        group.bench_function("page::read", |bencher| bencher.iter(|| read(&sample.pages[0])));
        group.bench_function("message::read", |bencher| {
            bencher.iter(|| {
                sample.plaintexts[0]
                    .iter()
                    .map(|body| message::read(body).segments.len())
                    .sum::<usize>()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
