//! Files: fetched through children into the vault, beside plain copies of the same files on the same disk in the same run.
//!
//! Both end durable: every copy is synced, and so is everything the vault does. The goal is 80 % of the copies' throughput; what
//! is measured is the way from the library's chunk to the vault, as many files at a time as a pass fetches, with the mock library reading
//! them from where the copies do: from the disk, or from memory, which leaves out half of a copy's work. One file alone stands beside
//! them. What was written is removed before the next turn, so that all write into memory that is there: on a virtual machine the first
//! use of a page can cost more than everything else.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group};
use sdk_mock::{
    corpus::{store_media, stored_media_path},
    generate::{Plan, generate},
};
use shiguan::{
    media::{Announced, Digesters, Download, Limits, Place, Step, Vault},
    secret::Secret,
    source,
};

/// As many as `media.children` says by default.
const CHILDREN: usize = 4;

/// Files of one size.
#[derive(Clone, Copy)]
struct Files {
    name: &'static str,
    count: usize,
    size: usize,
}

/// Large ones, and as small as most are.
const SETS: [Files; 2] = [
    Files {
        name: "8 files of 32 MiB",
        count: 8,
        size: 32 << 20,
    },
    Files {
        name: "64 files of 300 KiB",
        count: 64,
        size: 300 << 10,
    },
];

struct Scene {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    ports: Vec<source::Media>,
    vault: Vault,
}

impl Files {
    fn handle(self, number: usize) -> String {
        format!(
            "aGFuZGxlIG9mIGEgZmlsZSB0aGF0IGlzIGZldGNoZWQ{:08}{number:04}",
            self.size
        )
    }

    fn bytes(self) -> usize {
        self.count * self.size
    }
}

impl Scene {
    fn new() -> Self {
        // Beside the program and not in memory, where copies cost nothing.
        let program = std::env::current_exe().expect("this program");
        let folder = tempfile::tempdir_in(program.parent().expect("a folder")).expect("a folder");
        let corpus = folder.path().join("corpus");
        let plan = Plan {
            messages: 1,
            ..Plan::default()
        };
        generate(&plan, &corpus, &|_| {}).expect("a corpus");
        for files in SETS {
            for number in 0..files.count {
                let bytes: Vec<u8> = (0..files.size as u64)
                    .map(|at| ((at + number as u64).wrapping_mul(0x9E37_79B9) >> 13) as u8)
                    .collect();
                store_media(&corpus, &files.handle(number), &bytes).expect("a file");
            }
        }
        let library = sdk_mock::find_library(&program).expect("the mock library beside this program");
        let mut options = source::Options::new(program, library, "wwbench", Secret::new("secret"));
        options.mock_corpus = Some(corpus);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let start = |_| runtime.block_on(source::Media::start(&options)).expect("a child");
        let ports = (0..CHILDREN).map(start).collect();
        let vault = Vault::open(&folder.path().join("media"), &Place::Folder).expect("a vault");
        Self {
            folder,
            runtime,
            ports,
            vault,
        }
    }

    /// As a pass does, with so many children.
    fn fetch(&mut self, files: Files, children: usize) {
        let Self {
            runtime,
            ports,
            vault,
            ..
        } = self;
        let digesters = Digesters::start().expect("two threads");
        runtime.block_on(async {
            let mut working = Vec::new();
            for (nth, mut port) in ports.drain(..).enumerate() {
                let (vault, digesters) = (vault.clone(), digesters.clone());
                working.push(tokio::spawn(async move {
                    if nth < children {
                        let turn = vault.turn(&nth.to_string()).expect("nobody else");
                        for number in (nth..files.count).step_by(children) {
                            let beginning = turn.beginning(number as i64);
                            fetch(
                                &mut port,
                                &vault,
                                &beginning,
                                &files.handle(number),
                                files.size,
                                &digesters,
                            )
                            .await;
                        }
                    }
                    port
                }));
            }
            for done in working {
                ports.push(done.await.expect("fetched"));
            }
        });
    }

    fn originals(&self, files: Files) -> impl Iterator<Item = PathBuf> {
        let corpus = self.folder.path().join("corpus");
        (0..files.count).map(move |number| stored_media_path(&corpus, files.handle(number).as_bytes()))
    }

    /// Where what is read next comes from.
    fn prepare(&self, files: Files, cached: bool) {
        for path in self.originals(files) {
            let mut file = File::open(path).expect("a file");
            if cached {
                io::copy(&mut file, &mut io::sink()).expect("read");
            } else {
                rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("forgotten");
            }
        }
    }

    /// Nothing of the last round is left to be written when the next one is timed. Folders stay, as they do in use.
    fn clear(&self) {
        let mut folders: Vec<PathBuf> = ["media", "copies"]
            .map(|name| self.folder.path().join(name))
            .into();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    fs::remove_file(&path).expect("removed");
                }
            }
        }
    }

    fn timed(&mut self, files: Files, cached: bool, work: impl FnOnce(&mut Self)) -> Duration {
        self.prepare(files, cached);
        let began = Instant::now();
        work(self);
        let took = began.elapsed();
        self.clear();
        took
    }

    /// As careful as the vault: beside, synced, renamed, and the folder synced.
    fn copy(&self, files: Files) {
        let folder = self.folder.path().join("copies");
        fs::create_dir_all(&folder).expect("a folder");
        for (number, from) in self.originals(files).enumerate() {
            copy(&from, &folder, &folder.join(number.to_string()));
        }
    }
}

async fn fetch(
    port: &mut source::Media,
    vault: &Vault,
    beginning: &Path,
    handle: &str,
    size: usize,
    digesters: &Digesters,
) {
    let announced = Announced {
        md5: None,
        size: Some(size as u64),
    };
    let handle = Secret::new(handle);
    let limits = Limits { most: 1 << 40 };
    let mut download = Download::take_up(beginning, 0, &Secret::default(), &announced, limits, digesters)
        .await
        .expect("begun");
    let mut reaching = None;
    loop {
        match download.step(port, &handle).await.expect("a chunk") {
            // As a pass does; what it then notes in the archive is not part of this.
            Step::More if download.worth_telling() => {
                reaching.replace(tokio::spawn(download.reach()));
            }
            Step::More => {}
            Step::Whole(whole) => {
                assert_eq!(whole.bytes, size as u64);
                return vault
                    .keep(beginning, &whole.digest.sha256, size as u64)
                    .await
                    .expect("kept");
            }
        }
    }
}

fn copy(from: &Path, folder: &Path, to: &Path) {
    let beside = folder.join("beside");
    fs::copy(from, &beside).expect("copied");
    File::open(&beside)
        .and_then(|file| file.sync_all())
        .expect("synced");
    fs::rename(&beside, to).expect("renamed");
    File::open(folder)
        .and_then(|file| file.sync_all())
        .expect("synced");
}

fn media(criterion: &mut Criterion) {
    let mut scene = Scene::new();
    for files in SETS {
        let mut group = criterion.benchmark_group(format!("media {}", files.name));
        group.throughput(Throughput::Bytes(files.bytes() as u64));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        let rate = |mut times: Vec<Duration>| {
            times.sort_unstable();
            files.bytes() as f64 / times[times.len() / 2].as_secs_f64() / f64::from(1 << 20)
        };
        for (place, cached) in [("disk", false), ("memory", true)] {
            // In turns, so that all meet the same machine.
            let [mut copied, mut fetched, mut alone] = [(); 3].map(|()| Vec::new());
            for _ in 0..15 {
                copied.push(scene.timed(files, cached, |scene| scene.copy(files)));
                fetched.push(scene.timed(files, cached, |scene| scene.fetch(files, CHILDREN)));
                alone.push(scene.timed(files, cached, |scene| scene.fetch(files, 1)));
            }
            let [copied, fetched, alone] = [copied, fetched, alone].map(rate);
            println!(
                "media {} from {place}, medians of 15 in turns: plain copy {copied:.0} MiB/s; fetched {CHILDREN} at a time \
                 {fetched:.0} MiB/s ({:.0} %), one at a time {alone:.0} MiB/s ({:.0} %)\n",
                files.name,
                100.0 * fetched / copied,
                100.0 * alone / copied,
            );
            group.bench_function(format!("plain copy from {place}"), |bencher| {
                bencher.iter_custom(|rounds| {
                    (0..rounds)
                        .map(|_| scene.timed(files, cached, |scene| scene.copy(files)))
                        .sum()
                });
            });
            group.bench_function(
                format!("through children into the vault, from {place}"),
                |bencher| {
                    bencher.iter_custom(|rounds| {
                        (0..rounds)
                            .map(|_| scene.timed(files, cached, |scene| scene.fetch(files, CHILDREN)))
                            .sum()
                    });
                },
            );
        }
        group.finish();
    }
}

criterion_group!(benches, media);

/// The program is its own child: the library is loaded in a process of its own here, too.
fn main() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|verb| verb == sdk_ffi::child::ARGUMENT)
    {
        std::process::exit(sdk_ffi::child::run());
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
