//! Watches a run from outside: memory, processor time by process and thread, and how fast it goes over time.
//!
//! Reads the kernel's own books (`/proc`), so nothing inside the conveyor has to count for a benchmark.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// How often the count is looked at; bounds the error of a step's time.
const LOOK: Duration = Duration::from_millis(20);
/// Looks per reading of the processes, which costs more.
const RARELY: u32 = 12;
/// Records per step of the report.
pub(super) const STEP: u64 = 100_000;

/// What was seen of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// Processor time, user and kernel.
    pub(super) cpu_seconds: f64,
    /// Greatest resident size.
    pub(super) peak_kib: u64,
    /// Resident size at the last look.
    resident_kib: u64,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The process that is watched.
    pub(super) parent: Usage,
    /// Its children by process id, those that ended meanwhile too.
    pub(super) children: BTreeMap<u32, Usage>,
    /// Processor seconds of the watched process's threads, by name.
    pub(super) threads: BTreeMap<String, f64>,
    /// Seconds at which each [`STEP`] was reached.
    pub(super) steps: Vec<f64>,
    /// Greatest resident size of this process and its children together.
    pub(super) peak_together_kib: u64,
    timeline: Vec<Value>,
    by_thread: BTreeMap<u32, (String, f64)>,
}

/// A watcher at work.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Watch {
    /// Begins to watch this process; `count` tells how many records are through.
    pub(super) fn begin(count: impl FnMut() -> u64 + Send + 'static) -> Self {
        // The peak so far belongs to whatever this process did before.
        let _refused = fs::write("/proc/self/clear_refs", "5");
        Self::of(Arc::new(AtomicU32::new(std::process::id())), count)
    }

    /// Begins to watch a process that may be replaced by another one: `process` always names the current one.
    pub(super) fn of(process: Arc<AtomicU32>, mut count: impl FnMut() -> u64 + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (began, before) = (Instant::now(), threads_of(process.load(Ordering::Relaxed)));
            let mut seen = Seen::default();
            let mut looks = 0;
            loop {
                let last = told.load(Ordering::Relaxed);
                let (seconds, done) = (began.elapsed().as_secs_f64(), count());
                while done >= (seen.steps.len() as u64 + 1) * STEP {
                    seen.steps.push(seconds);
                }
                seen.weigh(process.load(Ordering::Relaxed));
                if last || looks % RARELY == 0 {
                    seen.look(process.load(Ordering::Relaxed));
                    if last || looks % (RARELY * 4) == 0 {
                        seen.note(seconds, done);
                    }
                }
                if last {
                    break;
                }
                looks += 1;
                thread::sleep(LOOK);
            }
            for (id, (_, seconds)) in &mut seen.by_thread {
                *seconds -= before.get(id).map_or(0.0, |(_, before)| *before);
            }
            for (name, seconds) in seen.by_thread.values() {
                *seen.threads.entry(name.clone()).or_default() += seconds;
            }
            seen.parent.cpu_seconds = seen.threads.values().sum();
            seen
        });
        Self { stop, thread }
    }

    /// Looks a last time and tells. To be called while the threads of interest still live.
    pub(super) fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

impl Seen {
    fn look(&mut self, process: u32) {
        if let Some(usage) = usage(process) {
            let peak_kib = self.parent.peak_kib.max(usage.peak_kib);
            self.parent = Usage { peak_kib, ..usage };
        }
        for (id, thread) in threads_of(process) {
            self.by_thread.insert(id, thread);
        }
        let mut together = self.parent.resident_kib;
        for usage in self.children.values_mut() {
            usage.resident_kib = 0;
        }
        for child in children_of(process) {
            if let Some(usage) = usage(child) {
                together += usage.resident_kib;
                self.children.insert(child, usage);
            }
        }
        self.peak_together_kib = self.peak_together_kib.max(together);
    }

    /// Memory alone, of the processes known so far: peaks are shorter than the time between two looks.
    fn weigh(&mut self, process: u32) {
        let together = std::iter::once(&process)
            .chain(self.children.keys())
            .filter_map(|process| resident_kib(*process))
            .sum();
        self.peak_together_kib = self.peak_together_kib.max(together);
    }

    fn note(&mut self, seconds: f64, done: u64) {
        let children: u64 = self.children.values().map(|child| child.resident_kib).sum();
        self.timeline.push(json!([
            (seconds * 10.0).round() / 10.0,
            done,
            self.parent.resident_kib / 1024,
            children / 1024
        ]));
    }

    /// Processor seconds of everybody.
    pub(super) fn cpu_seconds(&self) -> f64 {
        self.parent.cpu_seconds + self.children.values().map(|child| child.cpu_seconds).sum::<f64>()
    }

    /// `[seconds, records, MiB of this process, MiB of its children]`, at most about 240 of them.
    pub(super) fn timeline(&self) -> Vec<&Value> {
        let every = self.timeline.len().div_ceil(240).max(1);
        self.timeline.iter().step_by(every).collect()
    }
}

/// Processor time and memory of a process; nothing when it is gone.
fn usage(process: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    Some(Usage {
        cpu_seconds: cpu_seconds(&format!("/proc/{process}/stat"))?,
        peak_kib: kib("VmHWM:")?,
        resident_kib: kib("VmRSS:")?,
    })
}

/// Resident size; nothing when the process is gone.
fn resident_kib(process: u32) -> Option<u64> {
    let pages = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages = pages.split(' ').nth(1)?.parse::<u64>().ok()?;
    Some(pages * rustix::param::page_size() as u64 / 1024)
}

/// Fields 14 and 15 of a `stat` file; counted behind the name, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let text = fs::read_to_string(stat).ok()?;
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn threads_of(process: u32) -> BTreeMap<u32, (String, f64)> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return BTreeMap::new();
    };
    tasks
        .filter_map(|task| {
            let task = task.ok()?;
            let id = task.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let name = name
                .trim()
                .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
            Some((
                id,
                (name.to_owned(), cpu_seconds(task.path().join("stat").to_str()?)?),
            ))
        })
        .collect()
}

/// Every process whose parent is the given one. Not every kernel keeps lists of children, all know the parent.
pub(super) fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process: &u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let rest = stat.rsplit(')').next().unwrap_or_default();
            rest.split_whitespace().nth(1) == Some(&parent.to_string())
        })
        .collect()
}
