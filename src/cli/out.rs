//! Printing without a panic: `println!` ends the program when nobody reads any more, as in `shiguan stats | head -1`.
//!
//! `out!`, `outln!` and `errln!` take its place. Once the reader is gone the rest is dropped in silence, because a
//! command's exit code comes from the books and not from who listened. A stdout that cannot be written for another reason
//! (a full disk) is remembered and told by [`finish`], because then somebody holds half an answer. Lists that may be long
//! write to `std::io::stdout()` themselves and end at the first error instead, see `Failure`.

use std::{
    io::{self, ErrorKind, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Stdout takes nothing more, for whatever reason.
static ENDED: AtomicBool = AtomicBool::new(false);
/// Why, when somebody has to hear of it.
static CAUSE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints to stdout.
macro_rules! out {
    ($($arg:tt)*) => { $crate::cli::out::print(format!($($arg)*)) };
}

/// Prints a line to stdout.
macro_rules! outln {
    () => { $crate::cli::out::print(String::from("\n")) };
    ($($arg:tt)*) => { $crate::cli::out::print(format!($($arg)*) + "\n") };
}

/// Prints a line to stderr.
macro_rules! errln {
    ($($arg:tt)*) => { $crate::cli::out::tell(format!($($arg)*) + "\n") };
}

/// Stdout as a writer that never fails.
pub(super) struct Stdout;

/// Stderr as a writer that never fails: nobody is left whom its errors could be told.
pub(super) struct Stderr;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !ENDED.load(Ordering::Relaxed) {
            note(io::stdout().write_all(bytes));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !ENDED.load(Ordering::Relaxed) {
            note(io::stdout().flush());
        }
        Ok(())
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _nobody_reads = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn note(result: io::Result<()>) {
    let Err(error) = result else { return };
    ENDED.store(true, Ordering::Relaxed);
    if error.kind() != ErrorKind::BrokenPipe {
        *CAUSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Behind the macros.
pub(super) fn print(text: String) {
    let _never_fails = Stdout.write(text.as_bytes());
}

/// Behind the macros.
pub(super) fn tell(text: String) {
    let _never_fails = Stderr.write(text.as_bytes());
}

/// Writes out what is still held back; an error when stdout did not take everything although somebody waits for it.
pub(super) fn finish() -> io::Result<()> {
    let _never_fails = Stdout.flush();
    match CAUSE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(cause) => Err(cause),
        None => Ok(()),
    }
}
