//! Printing without a panic: `println!` ends the program when nobody reads any more, as in `shiguan stats | head -1`.
//!
//! `out!`, `outln!` and `errln!` take its place. Once the reader is gone the rest is dropped in silence, because a
//! command's exit code comes from the books and not from who listened. A stdout that cannot be written for another reason
//! (a full disk) is remembered and told by [`finish`], because then somebody holds half an answer. Lists that may be long
//! go through a [`Page`] and end at the first error instead, see `Failure`.
//!
//! This is the only door: everything that is printed passes here as a [`Line`], as JSON, as an entry of the log, or, where bytes
//! were asked for, through [`bytes()`]. Two more kinds of text are not ours: clap's, through [`parser()`], and that of a panic. A literal with arguments becomes a line by `Line::sentence`, so each of these macros
//! prints exactly one line, whatever its arguments hold. A test over the source keeps other ways shut.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt,
    io::{self, ErrorKind, IsTerminal, StdoutLock, Write},
    panic::PanicHookInfo,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::{outcome::Failure, render::Table};
use crate::sanitize::{self, Line};

/// Stdout takes nothing more, for whatever reason.
static ENDED: AtomicBool = AtomicBool::new(false);
/// Why, when somebody has to hear of it.
static CAUSE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line to stdout: a `Line`, or a literal with arguments.
macro_rules! outln {
    () => { $crate::cli::out::print(&$crate::sanitize::Line::default()) };
    ($format:literal $($argument:tt)*) => {
        $crate::cli::out::print(&$crate::sanitize::Line::sentence(format_args!($format $($argument)*)))
    };
    ($line:expr) => { $crate::cli::out::print(&$line) };
}

/// Prints a line to stderr: a `Line`, or a literal with arguments.
macro_rules! errln {
    ($format:literal $($argument:tt)*) => {
        $crate::cli::out::tell(&$crate::sanitize::Line::sentence(format_args!($format $($argument)*)))
    };
    ($line:expr) => { $crate::cli::out::tell(&$line) };
}

/// Stdout as a writer that never fails.
struct Stdout;

/// Stderr as a writer that never fails: nobody is left whom its errors could be told.
struct Stderr;

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

/// Behind `outln!`.
pub(super) fn print(line: &Line) {
    let stdout = io::stdout();
    let text = dressed(line, width(&stdout), AutoStream::choice(&stdout));
    let _never_fails = Stdout.write(text.as_bytes());
}

/// Behind `errln!`.
pub(super) fn tell(line: &Line) {
    let stderr = io::stderr();
    let text = dressed(line, width(&stderr), AutoStream::choice(&stderr));
    let _never_fails = Stderr.write(text.as_bytes());
}

/// Prints a table to stdout.
pub(super) fn table<const N: usize>(table: &Table<N>) {
    table.lines().iter().for_each(print);
}

/// Prints JSON on one line to stdout.
pub(super) fn json(value: &impl Serialize) {
    let _never_fails = Stdout.write(json_line(value).as_bytes());
}

/// Prints JSON on one line to stderr.
pub(super) fn tell_json(value: &impl Serialize) {
    let _never_fails = Stderr.write(json_line(value).as_bytes());
}

fn json_line(value: &impl Serialize) -> String {
    // Values made by `json!` have string keys only, which is all that could fail.
    sanitize::json::to_string(value).unwrap_or_default() + "\n"
}

/// Bytes from outside, unaltered; never to a terminal unless somebody asked for that.
pub(super) fn bytes(bytes: &[u8]) -> io::Result<()> {
    io::stdout().write_all(bytes)
}

/// Prints what clap says, with its styles: help to stdout, faults to stderr. It must have been made from arguments in which
/// nothing can act.
pub(super) fn parser(answer: &clap::Error) {
    let _nobody_reads = answer.print();
}

/// Tells a panic in place of the standard library, which would print its message as it is.
pub(super) fn panicked(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it says nothing");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let [what, hint] = panic_lines(thread.name().unwrap_or("unnamed"), &place, message);
    tell(&what);
    tell(&hint);
    // As asked for with RUST_BACKTRACE.
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        trace
            .to_string()
            .lines()
            .for_each(|line| tell(&Line::sentence(line)));
    }
}

fn panic_lines(thread: &str, place: &str, message: &str) -> [Line; 2] {
    [
        Line::sentence(format_args!(
            "error: thread '{thread}' panicked at {place}: {message}"
        )),
        Line::from(
            " hint: this is a fault of the program; what was committed before is whole; please report it",
        ),
    ]
}

/// True when a person looks at stdout directly.
pub(super) fn to_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal that `stream` is; nothing when it is none.
fn width(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0))
}

/// A line with its end, folded to a terminal's width, with its styles where they are wanted.
fn dressed(line: &Line, width: Option<usize>, colour: ColorChoice) -> String {
    let text = match width {
        Some(width) => sanitize::fold(line.as_str(), width),
        None => line.as_str().to_owned(),
    };
    match colour {
        ColorChoice::Never => format!("{}\n", anstream::adapter::strip_str(&text)),
        _ => text + "\n",
    }
}

/// Stdout for pages that may be long: it tells when nobody reads any more.
pub(super) struct Page {
    out: StdoutLock<'static>,
    width: Option<usize>,
    colour: ColorChoice,
    lines: u64,
}

impl Page {
    pub(super) fn begin() -> Self {
        let stdout = io::stdout();
        Self {
            width: width(&stdout),
            colour: AutoStream::choice(&stdout),
            out: stdout.lock(),
            lines: 0,
        }
    }

    /// One line.
    pub(super) fn line(&mut self, line: impl Into<Line>) -> io::Result<()> {
        self.lines += 1;
        let text = dressed(&line.into(), self.width, self.colour);
        self.out.write_all(text.as_bytes())
    }

    /// A sentence that may hold text from outside, as one line.
    pub(super) fn sentence(&mut self, text: impl fmt::Display) -> io::Result<()> {
        self.line(Line::sentence(text))
    }

    /// The rows of a table.
    pub(super) fn table<const N: usize>(&mut self, table: &Table<N>) -> io::Result<()> {
        table.lines().into_iter().try_for_each(|line| self.line(line))
    }

    /// One line of JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.raw_line(&sanitize::json::to_string(value)?)
    }

    /// JSON over several lines.
    pub(super) fn json_pretty(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.raw_line(&sanitize::json::to_string_pretty(value)?)
    }

    fn raw_line(&mut self, json: &str) -> Result<(), Failure> {
        self.lines += 1;
        writeln!(self.out, "{json}")?;
        Ok(())
    }

    /// True when nothing was written so far.
    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Where the log goes: to stderr, one entry a line.
pub(super) struct Log {
    pub(super) as_json: bool,
}

impl Write for Log {
    /// Called once for each entry.
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = sanitize::log(&String::from_utf8_lossy(entry), self.as_json);
        let _never_fails = Stderr.write(text.as_bytes());
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes out what is still held back; an error when stdout did not take everything although somebody waits for it.
pub(super) fn finish() -> io::Result<()> {
    let _never_fails = Stdout.flush();
    match CAUSE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(cause) => Err(cause),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_two_lines_in_which_nothing_acts() {
        let [what, hint] = panic_lines(
            "a\nb",
            "src/x.rs:1:2",
            "left\u{1b}[2J\r\nerror: forged\u{202e}\u{9b}31m",
        );
        assert!(
            what.as_str()
                .starts_with("error: thread 'a<U+000A>b' panicked at src/x.rs:1:2: left<U+001B>")
        );
        for line in [&what, &hint] {
            assert!(!line.as_str().contains(char::is_control), "{line}");
            assert!(!line.as_str().contains('\u{202e}'), "{line}");
        }
    }
}
