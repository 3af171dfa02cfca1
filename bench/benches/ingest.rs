//! Landing and settling: a page each, durable, into an archive that grows from empty.

use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use sdk_mock::generate::Length;
use shiguan_bench::{Archive, PAGE, Sample, outcomes};

/// Pages of the corpus; a fresh archive is begun when they are used up.
const PAGES: usize = 20;

fn ingest(criterion: &mut Criterion) {
    for (name, length) in [("short", Length::Short), ("long", Length::Long)] {
        let sample = Sample::new((PAGES * PAGE) as u64, 7, length);
        let mut group = criterion.benchmark_group(format!("ingest {name}"));
        group.throughput(Throughput::Elements(PAGE as u64));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for stage in ["land", "settle"] {
            group.bench_function(stage, |bencher| {
                bencher.iter_custom(|pages| timed(&sample, pages, stage));
            });
        }
        group.finish();
    }
}

/// Puts that many pages in and adds up the time of one of the two stages.
fn timed(sample: &Sample, pages: u64, stage: &str) -> Duration {
    let (mut landing, mut settling) = (Duration::ZERO, Duration::ZERO);
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut archive = Archive::fresh(folder.path());
    for page in 0..pages as usize {
        let page = page % PAGES;
        if page == 0 {
            folder = tempfile::tempdir().expect("a folder");
            archive = Archive::fresh(folder.path());
        }
        let began = Instant::now();
        let rows = archive.land(&sample.sealed[page]);
        landing += began.elapsed();
        let outcomes = outcomes(&rows, &sample.plaintexts[page]);
        let began = Instant::now();
        archive.settle(&outcomes);
        settling += began.elapsed();
    }
    if stage == "land" { landing } else { settling }
}

criterion_group!(benches, ingest);
criterion_main!(benches);
