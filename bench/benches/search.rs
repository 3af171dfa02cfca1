//! Answers: first page and exact count over an archive of 20,000 messages.

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use sdk_mock::generate::Length;
use shiguan::{
    ids::Millis,
    search,
    store::{Reader, contract::Order},
};
use shiguan_bench::{Archive, PAGE, Sample, outcomes};

/// From common to rare, and every shape of question.
const QUESTIONS: [&str; 7] = [
    "退款",
    "报价单",
    "合同 报价",
    "退款 -发票",
    "的",
    "type:file 合同",
    "is:recalled",
];

fn searching(criterion: &mut Criterion) {
    let sample = Sample::new(20 * PAGE as u64, 7, Length::Short);
    let folder = tempfile::tempdir().expect("a folder");
    let mut archive = Archive::fresh(folder.path());
    for (page, bodies) in sample.sealed.iter().zip(&sample.plaintexts) {
        let rows = archive.land(page);
        archive.settle(&outcomes(&rows, bodies));
    }
    let reader = Reader::open(&folder.path().join("archive.db")).expect("a reader");
    let mut group = criterion.benchmark_group("search");
    for question in QUESTIONS {
        let filter = search::parse(question, &TimeZone::UTC, Millis(1_760_000_000_000)).expect("a question");
        group.bench_function(format!("first page: {question}"), |bencher| {
            bencher.iter(|| {
                reader
                    .find(&filter, Order::NewestFirst, None, 20)
                    .expect("an answer")
            });
        });
        group.bench_function(format!("count: {question}"), |bencher| {
            bencher.iter(|| reader.count(&filter).expect("a number"));
        });
    }
    group.finish();
}

criterion_group!(benches, searching);
criterion_main!(benches);
