//! `bench media`: files through real children into fresh vaults, beside plain copies of the same files on the same disk.
//!
//! Two things are asked. How near it comes to a copy, which checks nothing: once with the files on disk, for both, and once
//! with the files in memory, which leaves out half of a copy's work. And whether memory stays flat however much passes, for
//! which the timeline is there.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use digest_batch::Md5;
use rand::{RngCore, SeedableRng, rngs::StdRng};
use sdk_mock::{
    corpus::store_media,
    seal::{SealOptions, seal_folder},
};
use serde_json::{Value, json};

use super::{
    ingest::pull_by_command,
    machine,
    watch::{Seen, Watch},
};
use crate::{
    archive::{self, Fetches},
    cli::{
        Global,
        context::{Context, Quiet},
        init,
        outcome::Failure,
        render,
    },
    media::{Pace, vault::hex},
    store::contract::MediaState,
};

const MIB: u64 = 1 << 20;

/// Arguments of `bench media`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// MiB of all files together
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub(super) total_mib: u64,
    /// MiB of one file
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(super) file_mib: u64,
    /// Seed of the files
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Folder for files, archive and copies, three times as much, which are deleted afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// What was measured.
pub(super) struct Outcome {
    args: Args,
    files: u64,
    file_system: String,
    disk: Round,
    memory: Round,
    seen: Seen,
}

/// A fetch and a copy of everything.
struct Round {
    fetched: Fetches,
    copy_seconds: f64,
}

pub(super) fn measure(global: &Global, args: &Args) -> Result<Outcome, Failure> {
    fs::create_dir_all(&args.dir)?;
    let scratch = tempfile::Builder::new()
        .prefix("shiguan-bench-")
        .tempdir_in(&args.dir)?;
    let files = (args.total_mib / args.file_mib.max(1)).max(1);
    let corpus = scratch.path().join("corpus");
    make(args, files, scratch.path(), &corpus)?;
    let round = |cached| {
        round(
            global,
            scratch.path(),
            &corpus,
            files * args.file_mib.max(1),
            cached,
        )
    };
    let (disk, seen) = round(false)?;
    let (memory, _) = round(true)?;
    Ok(Outcome {
        args: args.clone(),
        files,
        file_system: machine::file_system(scratch.path()),
        disk,
        memory,
        seen,
    })
}

/// Everything once, with a fresh archive; with the files in memory or on disk only.
fn round(
    global: &Global,
    scratch: &Path,
    corpus: &Path,
    mib: u64,
    cached: bool,
) -> Result<(Round, Seen), Failure> {
    let home = scratch.join("archive");
    let global = Global {
        config: init::write(&home, Some(corpus), "mock")?,
        ..global.clone()
    };
    let pulled = pull_by_command(&global)?;
    if !pulled.success() {
        return Err(Failure::run(format!(
            "the messages of the files could not be pulled ({pulled})"
        )));
    }
    let context = Context::load(&global)?;
    context.start_logging(&global, Quiet::Errors).ok();
    let originals = corpus.join("media");
    place(&originals, cached)?;
    let (fetched, seen) = fetch(&context, mib)?;
    // The disk need not hold everything three times.
    fs::remove_dir_all(&home)?;
    let copies = scratch.join("copies");
    fs::create_dir_all(&copies)?;
    place(&originals, cached)?;
    let copy_seconds = copy(&originals, &copies)?;
    Ok((
        Round {
            fetched,
            copy_seconds,
        },
        seen,
    ))
}

/// Messages of a file each, and the files.
fn make(args: &Args, files: u64, scratch: &Path, corpus: &Path) -> Result<(), Failure> {
    let plain = scratch.join("plain");
    fs::create_dir(&plain)?;
    let content = scratch.join("content");
    let mut random = StdRng::seed_from_u64(args.seed);
    let mut piece = vec![0; MIB as usize];
    let handle = |number: u64| format!("aGFuZGxlIG9mIGEgZmlsZSB0byBtZWFzdXJl{number:012}");
    let mut contents = Vec::new();
    for number in 0..files {
        let path = content.join(number.to_string());
        fs::create_dir_all(&content)?;
        let (mut file, mut md5) = (File::create(&path)?, Md5::new());
        for _ in 0..args.file_mib.max(1) {
            random.fill_bytes(&mut piece);
            file.write_all(&piece)?;
            md5.update(&piece);
        }
        file.sync_all()?;
        let message = json!({
            "msgid": format!("{number}_1700000000000"), "action": "send", "from": "a", "tolist": ["b"], "roomid": "",
            "msgtime": 1_700_000_000_000_u64 + number, "msgtype": "file",
            "file": {"sdkfileid": handle(number), "md5sum": hex(&md5.finish()), "filename": "film.bin", "fileext": "bin",
                     "filesize": args.file_mib.max(1) * MIB},
        });
        fs::write(plain.join(format!("{number:08}.json")), message.to_string())?;
        contents.push(path);
    }
    let options = SealOptions {
        seed: args.seed,
        ..SealOptions::default()
    };
    seal_folder(&plain, corpus, &options).map_err(Failure::run)?;
    for (number, path) in (0..).zip(contents) {
        // The place is the corpus's affair; the bytes are too many to be handed over.
        store_media(corpus, &handle(number), b"").map_err(Failure::run)?;
        fs::rename(
            path,
            sdk_mock::corpus::stored_media_path(corpus, handle(number).as_bytes()),
        )?;
    }
    Ok(())
}

/// What `media get` does, watched.
fn fetch(context: &Context, mib: u64) -> Result<(Fetches, Seen), Failure> {
    let company = context.companies(None)?.remove(0);
    // The pace that WeCom allows is for WeCom.
    let fetching = context.fetching(company, Arc::new(Pace::new(0)))?;
    let desk = context.desk()?;
    let runtime = context.runtime()?;
    let (_never, stop) = tokio::sync::watch::channel(false);
    let before = written_mib();
    // What a child wrote into its pipe is added to its parent's books when it ends.
    let watch = Watch::begin(move || written_mib().saturating_sub(before).min(mib));
    let fetched = runtime.block_on(archive::fetch(&desk, &fetching, None, stop));
    let seen = watch.end();
    drop(runtime);
    desk.close();
    let mut fetched = fetched?;
    match fetched.failure.take() {
        Some(failure) => Err(failure.into()),
        None => Ok((fetched, seen)),
    }
}

/// MiB that this process has written, by the kernel's books.
fn written_mib() -> u64 {
    let told = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let bytes = told
        .lines()
        .find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok());
    bytes.unwrap_or(0) / MIB
}

/// Reads files into the memory that the system keeps of them, or puts them out of it.
fn place(files: &Path, cached: bool) -> Result<(), Failure> {
    for entry in fs::read_dir(files)? {
        let path = entry?.path();
        if cached {
            io::copy(&mut File::open(&path)?, &mut io::sink())?;
        } else {
            machine::forget(&path)?;
        }
    }
    Ok(())
}

/// Seconds of copying every file as carefully as the vault keeps it: beside, synced, renamed, the folder synced.
fn copy(originals: &Path, copies: &Path) -> Result<f64, Failure> {
    let mut seconds = 0.0;
    for entry in fs::read_dir(originals)? {
        let from = entry?.path();
        let (beside, to) = (copies.join("beside"), copies.join("copy"));
        let began = Instant::now();
        fs::copy(&from, &beside)?;
        File::open(&beside)?.sync_all()?;
        fs::rename(&beside, &to)?;
        File::open(copies)?.sync_all()?;
        seconds += began.elapsed().as_secs_f64();
        // Not a part of it, and the disk need not hold them all.
        fs::remove_file(&to)?;
    }
    Ok(seconds)
}

impl Round {
    fn kept(&self) -> u64 {
        let ended = self.fetched.ended.iter();
        let kept = ended.filter(|(state, _)| *state == MediaState::Kept);
        kept.map(|(_, count)| count).sum()
    }

    fn mib(&self) -> f64 {
        self.fetched.bytes as f64 / MIB as f64
    }

    fn per_second(&self) -> f64 {
        self.mib() / self.fetched.took.as_secs_f64().max(1e-9)
    }

    fn copied_per_second(&self) -> f64 {
        self.mib() / self.copy_seconds.max(1e-9)
    }

    fn percent(&self) -> f64 {
        100.0 * self.per_second() / self.copied_per_second().max(1e-9)
    }
}

impl Outcome {
    /// Greatest resident size with the children in the first and in the last third of the timeline.
    fn memory(&self) -> (u64, u64) {
        let together: Vec<u64> = self
            .seen
            .timeline()
            .iter()
            .filter_map(|row| Some(row[2].as_u64()? + row[3].as_u64()?))
            .collect();
        let third = together.len().div_ceil(3);
        let most = |rows: &[u64]| rows.iter().copied().max().unwrap_or(0);
        (
            most(&together[..third]),
            most(&together[together.len() - third..]),
        )
    }

    fn cpu_milliseconds_per_mib(&self) -> f64 {
        self.seen.cpu_seconds() * 1000.0 / self.disk.mib().max(1e-9)
    }

    pub(super) fn json(&self) -> Value {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let (first, last) = self.memory();
        let Self { disk, memory, .. } = self;
        json!({
            "bench": "media",
            "machine": machine::describe(),
            "seed": self.args.seed,
            "file_system": self.file_system,
            "files": self.files,
            "file_mib": self.args.file_mib.max(1),
            "kept": disk.kept(),
            "kept_cached": memory.kept(),
            "mib": round(disk.mib()),
            "seconds": round(disk.fetched.took.as_secs_f64()),
            "mib_per_second": round(disk.per_second()),
            "plain_copy_mib_per_second": round(disk.copied_per_second()),
            "percent_of_plain_copy": round(disk.percent()),
            "cached_mib_per_second": round(memory.per_second()),
            "cached_plain_copy_mib_per_second": round(memory.copied_per_second()),
            "cached_percent_of_plain_copy": round(memory.percent()),
            "cpu_milliseconds_per_mib": round(self.cpu_milliseconds_per_mib()),
            "peak_together_mib": self.seen.peak_together_kib / 1024,
            "peak_mib_in_the_first_third": first,
            "peak_mib_in_the_last_third": last,
            "timeline": {"columns": ["seconds", "written_mib", "parent_mib", "children_mib"], "rows": self.seen.timeline()},
        })
    }

    pub(super) fn print(&self) {
        let (first, last) = self.memory();
        let Self { disk, memory, .. } = self;
        outln!(
            "{} files of {} MiB through the mock library's children into a fresh vault on {}: {} kept\n\
             from disk   {:.0} MiB/s, {:.0} % of a plain copy ({:.0})\n\
             from memory {:.0} MiB/s, {:.0} % of a plain copy ({:.0})\n\
             {:.1} ms of processor per MiB; memory with the children: {} MiB at most; {} MiB in the first third, {} MiB in the last",
            render::number(self.files),
            self.args.file_mib.max(1),
            self.file_system,
            render::number(disk.kept()),
            disk.per_second(),
            disk.percent(),
            disk.copied_per_second(),
            memory.per_second(),
            memory.percent(),
            memory.copied_per_second(),
            self.cpu_milliseconds_per_mib(),
            self.seen.peak_together_kib / 1024,
            first,
            last,
        );
    }
}
