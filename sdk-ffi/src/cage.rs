//! What the child gives up before it loads a line of vendor code: its standard streams, its core file, the
//! environment's proxies, and its life without a parent.
//!
//! Enters: the process as it was started. Leaves: the two ends of the protocol, on descriptors vendor code does not
//! print to. Must not know: the protocol itself.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use rustix::{fs, io as descriptors, process, stdio};

/// Variables libcurl takes a route from (finance-sdk §8), `no_proxy` among them: it overrules even an explicit proxy.
pub const PROXY_VARIABLES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// Protocol descriptors start here: above what a program opens in passing, so that nothing prints into them.
const HIGH: i32 = 100;

/// The protocol's two ends.
#[derive(Debug)]
pub struct Line {
    /// Requests come in here.
    pub requests: File,
    /// Replies go out here.
    pub replies: File,
}

/// Gives up everything. Fails when this process was not started as a child, that is, when its standard input and
/// output are not pipes.
pub fn enter() -> io::Result<Line> {
    for (what, fd) in [("input", stdio::stdin()), ("output", stdio::stdout())] {
        if !is_pipe(fd)? {
            return Err(io::Error::other(format!(
                "standard {what} is no pipe: this command is for shiguan's own use and is not started by hand"
            )));
        }
    }
    // The parent's death must end a call that hangs; a death before this line is seen as end of file.
    process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Message keys and the archive secret pass through here: no core file, no look from outside.
    process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;

    plain_faults();

    let requests = high(stdio::stdin())?;
    let replies = high(stdio::stdout())?;
    let null = fs::open(
        "/dev/null",
        fs::OFlags::RDWR | fs::OFlags::CLOEXEC,
        fs::Mode::empty(),
    )?;
    stdio::dup2_stdin(&null)?;
    stdio::dup2_stdout(stdio::stderr())?;
    Ok(Line {
        requests: requests.into(),
        replies: replies.into(),
    })
}

/// Removes the variables that would change the SDK's route.
///
/// # Safety
/// No other thread may be running: the C library's `getenv` is not synchronised with this.
pub unsafe fn forget_proxies() {
    for name in PROXY_VARIABLES {
        // SAFETY: the caller promises that this is the only thread.
        unsafe { std::env::remove_var(name) }
    }
}

/// Takes back Rust's handlers for SIGSEGV and SIGBUS, which look for a stack overflow of ours and swallow a signal
/// that was only raised: a crash of the vendor's must end the process as what it is.
fn plain_faults() {
    unsafe extern "C" {
        fn signal(number: std::ffi::c_int, handler: usize) -> usize;
    }
    const SIG_DFL: usize = 0;
    for number in [Signal::SEGV, Signal::BUS] {
        // SAFETY: the C library's `signal` with the default action, which runs no code of ours.
        unsafe { signal(number.as_raw(), SIG_DFL) };
    }
}

fn is_pipe(fd: impl AsFd) -> io::Result<bool> {
    let mode = fs::fstat(fd)?.st_mode;
    Ok(matches!(
        fs::FileType::from_raw_mode(mode),
        fs::FileType::Fifo | fs::FileType::Socket
    ))
}

fn high(fd: impl AsFd) -> io::Result<OwnedFd> {
    Ok(descriptors::fcntl_dupfd_cloexec(fd, HIGH)?)
}
