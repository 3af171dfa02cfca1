//! What a doubter has to know about the machine and the program before believing a figure.

use std::{fs, io, num::NonZero, path::Path, thread};

use serde_json::{Value, json};

/// Instruction sets that some implementation of some stage makes use of.
const FLAGS: [&str; 10] = [
    "sse4_2",
    "avx2",
    "bmi2",
    "adx",
    "aes",
    "vaes",
    "sha_ni",
    "avx512f",
    "avx512vl",
    "avx512ifma",
];

/// Asks the system to drop what it holds of a file in memory; it is read from the disk again.
pub(super) fn forget(file: &Path) -> io::Result<()> {
    Ok(rustix::fs::fadvise(
        fs::File::open(file)?,
        0,
        None,
        rustix::fs::Advice::DontNeed,
    )?)
}

pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Everything as JSON.
pub(super) fn describe() -> Value {
    let system = rustix::system::uname();
    json!({
        "cpu": cpu(),
        "cores": cores(),
        "flags": flags(),
        "memory_mib": memory_mib(),
        "os": std::env::consts::OS,
        "kernel": system.release().to_string_lossy(),
        "arch": std::env::consts::ARCH,
        "version": env!("CARGO_PKG_VERSION"),
        "rustc": env!("SHIGUAN_RUSTC"),
        // Of the engine below the store; asked of the library itself, since no archive need be open.
        "sqlite": rusqlite::version(),
        "optimised": !cfg!(debug_assertions),
    })
}

/// One line for people, and a warning where there is something to warn of.
pub(super) fn headline() -> String {
    let mut line = format!(
        "{}, {} cores{}; {}",
        cpu(),
        cores(),
        if flags().contains(&"avx512ifma") {
            " with AVX-512 IFMA"
        } else {
            ""
        },
        env!("SHIGUAN_RUSTC"),
    );
    if cfg!(debug_assertions) {
        line.push_str("\nnot optimised: figures of a debug build say nothing");
    }
    line
}

/// The type of the file system that holds a folder: on `tmpfs` a commit costs nothing, which must be said.
pub(super) fn file_system(folder: &Path) -> String {
    match rustix::fs::statfs(folder).map(|found| found.f_type as u64) {
        Ok(0xEF53) => "ext4".to_owned(),
        Ok(0x0102_1994) => "tmpfs".to_owned(),
        Ok(0x5846_5342) => "xfs".to_owned(),
        Ok(0x9123_683E) => "btrfs".to_owned(),
        Ok(0x794C_7630) => "overlayfs".to_owned(),
        Ok(0x2FC1_2FC1) => "zfs".to_owned(),
        Ok(other) => format!("{other:#x}"),
        Err(_) => "unknown".to_owned(),
    }
}

fn cpu() -> String {
    proc_line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned())
}

fn flags() -> Vec<&'static str> {
    let line = proc_line("/proc/cpuinfo", "flags").unwrap_or_default();
    let has: Vec<&str> = line.split_whitespace().collect();
    FLAGS.into_iter().filter(|flag| has.contains(flag)).collect()
}

fn memory_mib() -> Option<u64> {
    let line = proc_line("/proc/meminfo", "MemTotal")?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// The value behind the first `name :` of a file of the kernel's.
fn proc_line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
