//! The one place that reads the clock of this machine.
//!
//! Tests move the clock through a file that holds a number of milliseconds, positive or negative, which are added to
//! the machine's time. The file is read again at every question, so that the clock can jump while a process runs.
//! Only `cli` installs such a file, it refuses to for an archive that is not made up, and it says so each time.

use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

static SHIFT: OnceLock<Shift> = OnceLock::new();

struct Shift {
    file: PathBuf,
    /// What the file said last: it may be read while it is being written.
    last: AtomicI64,
}

/// UTC milliseconds since 1970.
pub(super) fn now() -> i64 {
    let machine = jiff::Timestamp::now().as_millisecond();
    machine.saturating_add(shift_ms().unwrap_or(0))
}

/// From here on this process adds the milliseconds written in `file` to the machine's time. An error says why the
/// file cannot be used. Once only: later calls change nothing.
pub fn shift_by(file: &Path) -> Result<(), String> {
    let first = read(file).map_err(|why| format!("{}: {why}", file.display()))?;
    SHIFT.get_or_init(|| Shift {
        file: file.to_owned(),
        last: AtomicI64::new(first),
    });
    Ok(())
}

/// Milliseconds that are added to the machine's time; `None` when the clock is the machine's own.
pub fn shift_ms() -> Option<i64> {
    let shift = SHIFT.get()?;
    if let Ok(ms) = read(&shift.file) {
        shift.last.store(ms, Ordering::Relaxed);
    }
    Some(shift.last.load(Ordering::Relaxed))
}

fn read(file: &Path) -> Result<i64, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    text.trim()
        .parse()
        .map_err(|_| "expected one whole number of milliseconds".to_owned())
}
