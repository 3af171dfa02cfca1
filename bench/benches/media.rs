//! Files: fetched through the child into the vault, beside a plain copy of the same file on the same disk in the same run.
//!
//! Both end durable: the copy is synced, and so is everything the vault does. The goal is 80 % of the copy's throughput; what
//! is measured is the way from the library's chunk to the vault, with the mock library reading the file from disk, as the
//! copy does. A copy of a file that is in memory already, and MD5 alone, stand beside them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group};
use md5::{Digest, Md5};
use sdk_mock::{
    corpus::store_media,
    generate::{Plan, generate},
};
use shiguan::{
    media::{Announced, Digesters, Download, Limits, Place, Step, Vault},
    secret::Secret,
    source,
};

/// Bytes of the file.
const SIZE: usize = 128 << 20;
/// A small one, as most are.
const SMALL: usize = 300 << 10;
const HANDLE: &str = "aGFuZGxlIG9mIHRoZSBmaWxlIHRoYXQgaXMgZmV0Y2hlZA==";
const SMALL_HANDLE: &str = "aGFuZGxlIG9mIHRoZSBzbWFsbCBmaWxlIGZldGNoZWQg";

struct Scene {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    /// As many as `media.children` says by default.
    ports: [source::Media; 2],
    vault: Vault,
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
        for (handle, size) in [(HANDLE, SIZE), (SMALL_HANDLE, SMALL)] {
            let bytes: Vec<u8> = (0..size as u64)
                .map(|at| (at.wrapping_mul(0x9E37_79B9) >> 13) as u8)
                .collect();
            store_media(&corpus, handle, &bytes).expect("a file");
            fs::write(folder.path().join(size.to_string()), bytes).expect("a file");
        }
        let library = sdk_mock::find_library(&program).expect("the mock library beside this program");
        let mut options = source::Options::new(program, library, "wwbench", Secret::new("secret"));
        options.mock_corpus = Some(corpus);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let start = || runtime.block_on(source::Media::start(&options)).expect("a child");
        let ports = [start(), start()];
        let vault = Vault::open(&folder.path().join("media"), &Place::Folder).expect("a vault");
        Self {
            folder,
            runtime,
            ports,
            vault,
        }
    }

    fn fetch(&mut self, handle: &str, size: usize) {
        let Self {
            runtime,
            ports: [port, _],
            vault,
            ..
        } = self;
        runtime.block_on(fetch(port, vault, "one", handle, size));
    }

    /// Two files at once, as a pass does.
    fn fetch_two(&mut self, handle: &str, size: usize) {
        let Self {
            runtime,
            ports: [one, other],
            vault,
            ..
        } = self;
        runtime.block_on(async {
            tokio::join!(
                fetch(one, vault, "one", handle, size),
                fetch(other, vault, "other", handle, size)
            )
        });
    }

    fn original(&self, size: usize) -> PathBuf {
        self.folder.path().join(size.to_string())
    }

    /// What is read next comes from the disk.
    fn forget(&self, size: usize) {
        let media = fs::read_dir(self.folder.path().join("corpus/media")).expect("a folder");
        let files = media.map(|entry| entry.expect("an entry").path());
        for path in files.chain([self.original(size)]) {
            let file = File::open(path).expect("a file");
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("forgotten");
        }
    }

    /// Nothing of the last round is left to be written when the next one is timed.
    fn clear(&self) {
        for name in ["media", "copies"] {
            let folder = self.folder.path().join(name);
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.file_name().is_some_and(|name| name != ".begun") {
                    fs::remove_dir_all(&path)
                        .or_else(|_| fs::remove_file(&path))
                        .expect("removed");
                }
            }
        }
    }
}

async fn fetch(port: &mut source::Media, vault: &Vault, company: &str, handle: &str, size: usize) {
    let turn = vault.turn(company).expect("nobody else");
    let beginning = turn.beginning(1);
    let announced = Announced {
        md5: None,
        size: Some(size as u64),
    };
    let handle = Secret::new(handle);
    let limits = Limits { most: 1 << 40 };
    let mut download = Download::take_up(&beginning, 0, &Secret::default(), &announced, limits)
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
                    .keep(&beginning, &whole.digest.sha256, size as u64)
                    .await
                    .expect("kept");
            }
        }
    }
}

/// As careful as the vault: beside, synced, renamed, and the folder synced.
fn copy(from: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let beside = folder.join("beside");
    fs::copy(from, &beside).expect("copied");
    File::open(&beside)
        .and_then(|file| file.sync_all())
        .expect("synced");
    fs::rename(&beside, folder.join("copy")).expect("renamed");
    File::open(folder)
        .and_then(|file| file.sync_all())
        .expect("synced");
}

/// The digest that messages announce, over bytes in memory: it is one chain of steps, so no file can come faster.
fn md5_alone(original: &[u8]) {
    std::hint::black_box(Md5::digest(original));
}

fn media(criterion: &mut Criterion) {
    let mut scene = Scene::new();
    for (name, handle, size) in [("128 MiB", HANDLE, SIZE), ("300 KiB", SMALL_HANDLE, SMALL)] {
        let mut group = criterion.benchmark_group(format!("media {name}"));
        group.throughput(Throughput::Bytes(size as u64));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        // In turns, so that all meet the same machine.
        let (mut copied, mut cached, mut hashed) = (Vec::new(), Vec::new(), Vec::new());
        let (mut fetched, mut two) = (Vec::new(), Vec::new());
        let original = fs::read(scene.original(size)).expect("a file");
        for _ in 0..10 {
            hashed.push(timed(|| md5_alone(&original)));
            let copies = scene.folder.path().join("copies");
            scene.forget(size);
            copied.push(timed(|| copy(&scene.original(size), &copies)));
            scene.clear();
            cached.push(timed(|| copy(&scene.original(size), &copies)));
            scene.clear();
            scene.forget(size);
            fetched.push(timed(|| scene.fetch(handle, size)));
            scene.clear();
            scene.forget(size);
            two.push(timed(|| scene.fetch_two(handle, size)) / 2);
            scene.clear();
        }
        group.bench_function("plain copy", |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
                        scene.forget(size);
                        let took = timed(|| copy(&scene.original(size), &scene.folder.path().join("copies")));
                        scene.clear();
                        took
                    })
                    .sum()
            });
        });
        group.bench_function("through the child into the vault", |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
                        scene.forget(size);
                        let took = timed(|| scene.fetch(handle, size));
                        scene.clear();
                        took
                    })
                    .sum()
            });
        });
        group.finish();
        let rate = |mut times: Vec<Duration>| {
            times.sort_unstable();
            size as f64 / times[times.len() / 2].as_secs_f64() / f64::from(1 << 20)
        };
        let [copied, cached, hashed, fetched, two] = [copied, cached, hashed, fetched, two].map(rate);
        println!(
            "media {name}, medians of 10 in turns: copy from disk {copied:.0} MiB/s, from memory {cached:.0}, MD5 alone \
             {hashed:.0}; fetch {fetched:.0} MiB/s ({:.0} %, {:.0} %, {:.0} %), two at once {two:.0} MiB/s\n",
            100.0 * fetched / copied,
            100.0 * fetched / cached,
            100.0 * fetched / hashed,
        );
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
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
