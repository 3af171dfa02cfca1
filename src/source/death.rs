//! How a child ended and how often: deaths are counted for the books, not logged and forgotten.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Of what a child died.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Death {
    /// A signal of its own making, such as SIGSEGV or SIGABRT.
    Signal(i32),
    /// A signal that only comes from outside (SIGKILL, SIGTERM, SIGINT, SIGHUP): nobody's fault in here.
    Outside(i32),
    /// It exited in the middle of a call or of a reply.
    Exit(i32),
    /// It answered with something that is not the protocol and was killed.
    Garbage(String),
    /// It gave no sign within the deadline and was killed.
    Hang(Duration),
}

impl Death {
    pub(super) fn of(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal @ (1 | 2 | 9 | 15)) => Self::Outside(signal),
            Some(signal) => Self::Signal(signal),
            None => Self::Exit(status.code().unwrap_or(-1)),
        }
    }

    /// True when the call in hand is not to blame.
    pub fn from_outside(&self) -> bool {
        matches!(self, Self::Outside(_))
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "died of {}", Signal(*signal)),
            Self::Outside(signal) => write!(f, "was killed from outside ({})", Signal(*signal)),
            Self::Exit(code) => write!(f, "exited with status {code} without finishing its answer"),
            Self::Garbage(what) => write!(f, "broke the protocol ({what})"),
            Self::Hang(limit) => write!(f, "gave no sign for {:.1} s and was killed", limit.as_secs_f64()),
        }
    }
}

struct Signal(i32);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            15 => "SIGTERM",
            31 => "SIGSYS",
            other => return write!(f, "signal {other}"),
        })
    }
}

/// Deaths by kind since the start, and replacements that were no deaths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deaths {
    /// SIGSEGV and SIGBUS.
    pub segv: u64,
    /// SIGABRT: also what an uncaught C++ exception ends in.
    pub abort: u64,
    /// Any other signal of its own making.
    pub signal: u64,
    /// Killed from outside.
    pub outside: u64,
    /// Exited in the middle of a call or reply.
    pub exit: u64,
    /// Broke the protocol.
    pub garbage: u64,
    /// Hung past the deadline.
    pub hang: u64,
    /// Replaced because of age or size: not a death.
    pub recycled: u64,
}

impl Deaths {
    /// All deaths; replacements are not among them.
    pub fn total(&self) -> u64 {
        self.segv + self.abort + self.signal + self.outside + self.exit + self.garbage + self.hang
    }
}

/// The running count, shared by the desks of one pool.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Deaths>);

impl Tally {
    pub(super) fn died(&self, death: &Death) {
        let mut deaths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *match death {
            Death::Signal(7 | 11) => &mut deaths.segv,
            Death::Signal(6) => &mut deaths.abort,
            Death::Signal(_) => &mut deaths.signal,
            Death::Outside(_) => &mut deaths.outside,
            Death::Exit(_) => &mut deaths.exit,
            Death::Garbage(_) => &mut deaths.garbage,
            Death::Hang(_) => &mut deaths.hang,
        } += 1;
    }

    pub(super) fn recycled(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recycled += 1;
    }

    pub(super) fn read(&self) -> Deaths {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
