//! Measures the store and its text index alone: no sealing, no children, no RSA.
//!
//! ```text
//! store-bench fill <archive> <records> [short|long]   land and settle, every page durable
//! store-bench ask  <archive>                          latencies of searches, warm and cold
//! store-bench disk <archive>                          bytes per record by part
//! ```
//!
//! Figures go to stdout as one line each. The sealed part is made up at the size a 2048-bit key gives.

use std::{
    error::Error,
    hint::black_box,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rand::{RngCore, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use sdk_mock::generate::{Draft, Length, Plan, plaintexts};
use shiguan::{
    ids::{KeyVersion, Millis, Seq},
    message,
    record::Sealed,
    store::{
        Packer, Prepared, Reader, Store,
        contract::{Filter, Lease, Order, Outcome, PullCall, Verdict},
        prepare,
    },
};

type Outcomes<T = ()> = Result<T, Box<dyn Error>>;

/// Records of one page, as of one call of `GetChatData`.
const PAGE: usize = 1000;

fn main() -> Outcomes {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fill", path, records] => fill(Path::new(path), records.parse()?, Length::Short),
        ["fill", path, records, "short"] => fill(Path::new(path), records.parse()?, Length::Short),
        ["fill", path, records, "long"] => fill(Path::new(path), records.parse()?, Length::Long),
        ["ask", path] => ask(Path::new(path)),
        ["disk", path] => disk(Path::new(path)),
        _ => Err(
            "usage: store-bench fill <archive> <records> [short|long] | ask <archive> | disk <archive>"
                .into(),
        ),
    }
}

struct Filling {
    store: Store,
    lease: Lease,
    call: PullCall,
    rng: StdRng,
    records: u64,
    json: u64,
    chars: u64,
    landing: Duration,
    preparing: Duration,
    settling: Duration,
    /// Processor time of the writer's thread in both.
    thread: Duration,
}

fn fill(path: &Path, records: u64, length: Length) -> Outcomes {
    let mut store = Store::open(path)?;
    let company = store.company("bench", "ww")?;
    let lease = store.acquire_lease(company, "bench", Millis::now(), i64::from(u32::MAX), &|_| true)?;
    let run = store.begin_run(company, "bench", Millis::now())?;
    let call = PullCall {
        run,
        asked: Seq(0),
        limit: PAGE as u32,
        first: None,
        last: None,
        count: PAGE as u32,
        code: 0,
        errcode: 0,
        outcome: "ok".to_owned(),
        sdk_build: "bench".to_owned(),
        at: Millis::now(),
        took_ms: 0,
    };
    let mut filling = Filling {
        store,
        lease,
        call,
        rng: StdRng::seed_from_u64(1),
        records: 0,
        json: 0,
        chars: 0,
        landing: Duration::ZERO,
        preparing: Duration::ZERO,
        settling: Duration::ZERO,
        thread: Duration::ZERO,
    };
    let plan = Plan {
        messages: records,
        length,
        media: false,
        ..Plan::default()
    };
    let mut page = Vec::with_capacity(PAGE);
    let mut trouble = None;
    let mut last = Filling::mark(&filling);
    let step = (records / 10).max(1);
    plaintexts(&plan, |draft| {
        page.push(draft);
        if page.len() == PAGE && trouble.is_none() {
            trouble = filling.page(&std::mem::take(&mut page)).err();
            if filling.records / step != (filling.records - PAGE as u64) / step {
                let now = filling.mark();
                print_part(&format!("rows {} to {}", last.0, now.0), &last, &now);
                last = now;
            }
        }
    })?;
    filling.page(&page)?;
    trouble.map_or(Ok(()), Err)?;
    let now = filling.mark();
    print_part(
        "all",
        &(0, Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO),
        &now,
    );
    println!(
        "json {:.1} bytes/record, searchable {:.1} characters/record",
        filling.json as f64 / filling.records as f64,
        filling.chars as f64 / filling.records as f64
    );
    Ok(())
}

type Mark = (u64, Duration, Duration, Duration, Duration);

fn print_part(what: &str, from: &Mark, to: &Mark) {
    let count = (to.0 - from.0) as f64;
    let each = |a: Duration, b: Duration| (b - a).as_secs_f64() * 1e6 / count;
    let (land, prepare, settle) = (each(from.1, to.1), each(from.2, to.2), each(from.3, to.3));
    println!(
        "{what}: land {land:.1} + settle {settle:.1} = {:.1} us/record of the writer ({:.0} rows/s), {:.1} us of it processor; read and prepare {prepare:.1} us on all cores",
        land + settle,
        1e6 / (land + settle),
        each(from.4, to.4)
    );
}

impl Filling {
    fn mark(&self) -> Mark {
        (
            self.records,
            self.landing,
            self.preparing,
            self.settling,
            self.thread,
        )
    }

    fn page(&mut self, drafts: &[Draft]) -> Outcomes {
        let records: Vec<Sealed> = drafts.iter().map(|draft| sealed(&mut self.rng, draft)).collect();
        let (began, thread) = (Instant::now(), thread_time());
        let landed = self.store.land(&self.lease, &self.call, &records, &[])?;
        self.landing += began.elapsed();
        self.thread += thread_time() - thread;
        let began = Instant::now();
        let packer: Packer = self.store.packer();
        let chars = AtomicU64::new(0);
        let prepared: Vec<Prepared> = landed
            .fresh
            .par_iter()
            .map(|&(id, index)| {
                let plaintext = drafts[index].plaintext.clone();
                let message = Box::new(message::read(&plaintext));
                let count = message
                    .segments
                    .iter()
                    .map(|s| s.text.chars().count() as u64)
                    .sum();
                chars.fetch_add(count, Ordering::Relaxed);
                let outcome = Outcome {
                    id,
                    verdict: Verdict::Opened {
                        msgid_differs: message.msgid != records[index].msgid,
                        plaintext,
                        message,
                    },
                };
                prepare(&packer, &outcome)
            })
            .collect();
        self.preparing += began.elapsed();
        self.chars += chars.into_inner();
        let (began, thread) = (Instant::now(), thread_time());
        self.store
            .settle_prepared(self.lease.company, prepared, "bench", &[], Millis::now())?;
        self.settling += began.elapsed();
        self.thread += thread_time() - thread;
        self.records += drafts.len() as u64;
        self.json += drafts
            .iter()
            .map(|draft| draft.plaintext.len() as u64)
            .sum::<u64>();
        Ok(())
    }
}

/// What the envelope of a record weighs: 344 characters of key, and the body in base64 with its block padding.
fn sealed(rng: &mut StdRng, draft: &Draft) -> Sealed {
    Sealed {
        seq: Seq(draft.seq),
        msgid: draft.msgid.clone(),
        key_version: KeyVersion(1),
        random_key: base64(rng, 256),
        body: base64(rng, draft.plaintext.len() + 16),
        odd: None,
    }
}

fn base64(rng: &mut StdRng, bytes: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut noise = vec![0; bytes.div_ceil(3) * 4];
    rng.fill_bytes(&mut noise);
    noise
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect()
}

/// One question and what it is an example of.
struct Case {
    class: &'static str,
    filter: Filter,
}

fn text(needle: &str) -> Filter {
    Filter::Text {
        needle: needle.to_owned(),
        places: Vec::new(),
    }
}

/// Questions made of what stands in the archive: pieces of messages spread over all of it.
fn cases(reader: &Reader) -> Outcomes<Vec<Case>> {
    let records = reader.coverage()?.records as i64;
    let mut cases = Vec::new();
    let mut state = 12345u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    while cases.len() < 600 {
        let id = shiguan::ids::RecordId(1 + next() as i64 % records);
        let Some(opened) = reader.message(id)?.and_then(|stored| stored.opened) else {
            continue;
        };
        let message = message::read(&opened.plaintext);
        let Some(segment) = message.segments.first() else {
            continue;
        };
        let chars: Vec<char> = segment.text.chars().collect();
        if chars.len() < 6 || message.from.is_empty() {
            continue;
        }
        let mut piece = |length: usize| -> String {
            let at = next() % (chars.len() - length + 1);
            chars[at..at + length].iter().collect()
        };
        let (one, two, three, four) = (piece(1), piece(2), piece(3), piece(4));
        let second = piece(2);
        let time = opened.time.map_or(0, |time| time.0);
        let day = 86_400_000;
        cases.push(Case {
            class: "1 character",
            filter: text(&one),
        });
        cases.push(Case {
            class: "2 characters",
            filter: text(&two),
        });
        cases.push(Case {
            class: "3 characters",
            filter: text(&three),
        });
        cases.push(Case {
            class: "4 characters",
            filter: text(&four),
        });
        cases.push(Case {
            class: "two terms",
            filter: Filter::And(vec![text(&two), text(&second)]),
        });
        cases.push(Case {
            class: "person, dates, term",
            filter: Filter::And(vec![
                Filter::From(message.from.clone()),
                Filter::Time {
                    from: Some(Millis(time - 7 * day)),
                    to: Some(Millis(time + 7 * day)),
                },
                text(&two),
            ]),
        });
    }
    Ok(cases)
}

fn ask(path: &Path) -> Outcomes {
    let began = Instant::now();
    let reader = Reader::open(path)?;
    println!("open: {:.2} ms", began.elapsed().as_secs_f64() * 1e3);
    let began = Instant::now();
    black_box(reader.coverage()?);
    println!("coverage: {:.2} ms", began.elapsed().as_secs_f64() * 1e3);
    let cases = cases(&reader)?;
    let mut loads = Vec::new();
    for n in 0..2_000 {
        let id = shiguan::ids::RecordId(1 + n * 7_919 % (reader.coverage()?.records as i64));
        loads.push(timed(|| reader.message(id))?.0);
    }
    let loads = quantiles(&mut loads);
    println!("one record: p50 {:.3} p95 {:.3} ms", loads.0, loads.1);
    drop(reader);
    let classes = [
        "1 character",
        "2 characters",
        "3 characters",
        "4 characters",
        "two terms",
        "person, dates, term",
    ];
    for class in classes {
        let mine: Vec<&Case> = cases.iter().filter(|case| case.class == class).collect();
        let mut cold = Vec::new();
        for case in mine.iter().take(30) {
            forget_pages(path)?;
            let reader = Reader::open(path)?;
            cold.push(
                timed(|| {
                    reader
                        .find(&case.filter, Order::NewestFirst, None, 20)
                        .map(|hits| hits.len())
                })?
                .0,
            );
        }
        let reader = Reader::open(path)?;
        let (mut find, mut count, mut hits) = (Vec::new(), Vec::new(), Vec::new());
        let (mut find_cpu, mut count_cpu) = (Vec::new(), Vec::new());
        for round in 0..2 {
            for case in &mine {
                let found = timed(|| {
                    reader
                        .find(&case.filter, Order::NewestFirst, None, 20)
                        .map(|hits| hits.len())
                })?;
                let counted = timed(|| reader.count(&case.filter))?;
                if round == 1 {
                    find.push(found.0);
                    count.push(counted.0);
                    find_cpu.push(found.2);
                    count_cpu.push(counted.2);
                    hits.push(counted.1 as f64);
                }
            }
        }
        let find = quantiles(&mut find);
        let count = quantiles(&mut count);
        let (find_cpu, count_cpu) = (quantiles(&mut find_cpu), quantiles(&mut count_cpu));
        let cold = quantiles(&mut cold);
        let hits = quantiles(&mut hits);
        println!(
            "{class}: hits p50 {:.0} p95 {:.0}; first page p50 {:.2} p95 {:.2} ms; cold p50 {:.2} p95 {:.2} ms; count p50 {:.2} p95 {:.2} max {:.2} ms; processor: first page p50 {:.2} p95 {:.2}, count p50 {:.2} p95 {:.2} ms",
            hits.0,
            hits.1,
            find.0,
            find.1,
            cold.0,
            cold.1,
            count.0,
            count.1,
            count.2,
            find_cpu.0,
            find_cpu.1,
            count_cpu.0,
            count_cpu.1
        );
    }
    Ok(())
}

/// Milliseconds on the clock, the answer, and milliseconds of the processor, which other work on the machine
/// does not lengthen.
fn timed<T, E: Error + 'static>(work: impl FnOnce() -> Result<T, E>) -> Outcomes<(f64, T, f64)> {
    let (began, thread) = (Instant::now(), thread_time());
    let result = work()?;
    let spent = (thread_time() - thread).as_secs_f64() * 1e3;
    Ok((began.elapsed().as_secs_f64() * 1e3, result, spent))
}

/// Median, 95th of 100, and greatest.
fn quantiles(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    (at(0.5), at(0.95), at(1.0))
}

/// Asks the kernel to drop the file's pages; they are read from the disk again.
fn forget_pages(path: &Path) -> Outcomes {
    let file = std::fs::File::open(path)?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(())
}

fn disk(path: &Path) -> Outcomes {
    let usage = Reader::open(path)?.disk_usage()?;
    let each = |bytes: u64| bytes as f64 / usage.records as f64;
    println!(
        "bytes/record: sealed {:.1}, body {:.1}, index {:.1}, rest {:.1}; all but sealed {:.1}; free {:.1}",
        each(usage.sealed),
        each(usage.body),
        each(usage.index),
        each(usage.rest),
        each(usage.body + usage.index + usage.rest),
        each(usage.free)
    );
    Ok(())
}

/// Processor time of this thread so far.
fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
