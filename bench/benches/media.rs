//! Files: fetched through the child into the vault, beside a plain copy of the same file on the same disk in the same run.
//!
//! Both end durable: the copy is synced, and so is everything the vault does. The goal is 80 % of the copy's throughput;
//! what is measured is the way from the library's chunk to the vault, with the mock library reading the file from disk.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group};
use md5::Md5;
use sdk_mock::{
    corpus::store_media,
    generate::{Plan, generate},
};
use sha2::{Digest, Sha256};
use shiguan::{
    media::{Announced, Download, Limits, Place, Step, Vault},
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
    port: source::Media,
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
        let port = runtime.block_on(source::Media::start(&options)).expect("a child");
        let vault = Vault::open(&folder.path().join("media"), &Place::Folder).expect("a vault");
        Self {
            folder,
            runtime,
            port,
            vault,
        }
    }

    fn fetch(&mut self, handle: &str, size: usize) {
        let turn = self.vault.turn("bench").expect("nobody else");
        let beginning = turn.beginning(1);
        let announced = Announced {
            md5: None,
            size: Some(size as u64),
        };
        let handle = Secret::new(handle);
        let (port, vault) = (&mut self.port, &self.vault);
        self.runtime.block_on(async {
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
        });
    }

    fn original(&self, size: usize) -> PathBuf {
        self.folder.path().join(size.to_string())
    }

    /// Nothing of the last round is left to be written when the next one is timed.
    fn clear(&self) {
        for name in ["media", "copies", "hashed"] {
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

/// The same with both digests on the way, as the vault needs them: what is left between this and a fetch is the child, the
/// pipe and the chunks.
fn copy_hashed(from: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let beside = folder.join("beside");
    let (mut from, mut to) = (
        File::open(from).expect("a file"),
        File::create(&beside).expect("a file"),
    );
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let mut chunk = vec![0; 512 * 1024];
    loop {
        let read = from.read(&mut chunk).expect("read");
        if read == 0 {
            break;
        }
        rayon::join(|| sha256.update(&chunk[..read]), || md5.update(&chunk[..read]));
        to.write_all(&chunk[..read]).expect("written");
    }
    std::hint::black_box((sha256.finalize(), md5.finalize()));
    to.sync_all().expect("synced");
    fs::rename(&beside, folder.join("copy")).expect("renamed");
    File::open(folder)
        .and_then(|file| file.sync_all())
        .expect("synced");
}

fn media(criterion: &mut Criterion) {
    let mut scene = Scene::new();
    for (name, handle, size) in [("128 MiB", HANDLE, SIZE), ("300 KiB", SMALL_HANDLE, SMALL)] {
        let mut group = criterion.benchmark_group(format!("media {name}"));
        group.throughput(Throughput::Bytes(size as u64));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        // In turns, so that both meet the same disk.
        let (mut copied, mut hashed, mut fetched) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..10 {
            hashed.push(timed(|| {
                copy_hashed(&scene.original(size), &scene.folder.path().join("hashed"))
            }));
            copied.push(timed(|| {
                copy(&scene.original(size), &scene.folder.path().join("copies"))
            }));
            fetched.push(timed(|| scene.fetch(handle, size)));
            scene.clear();
        }
        group.bench_function("plain copy", |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
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
        let (copied, hashed, fetched) = (rate(copied), rate(hashed), rate(fetched));
        println!(
            "media {name}, medians of 10 in turns: copy {copied:.0} MiB/s, copy with both digests {hashed:.0} MiB/s, fetch \
             {fetched:.0} MiB/s: {:.0} % and {:.0} %\n",
            100.0 * fetched / copied,
            100.0 * fetched / hashed
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
