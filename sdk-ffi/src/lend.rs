//! The end of the pipe that replies leave by: large ones are lent to the pipe instead of copied into it.
//!
//! Enters: bytes. Leaves: the same bytes, on the other side. Must not know: what they say.

use std::fs::File;
use std::io::{self, Write};

use rustix::io::Errno;
use rustix::pipe::{IoSliceRaw, SpliceFlags, vmsplice};

/// Smaller ones are quicker copied.
const LEAST: usize = 64 * 1024;

/// A pipe's end that lends.
#[derive(Debug)]
pub struct Lender {
    pipe: File,
    lends: bool,
}

impl Lender {
    /// # Safety
    /// What is written must stay as it is, in place, until the other side has read it: it reads this memory, not a copy.
    pub unsafe fn new(pipe: File) -> Self {
        Self { pipe, lends: true }
    }
}

impl Write for Lender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lends && bytes.len() >= LEAST {
            let lent = [IoSliceRaw::from_slice(bytes)];
            // SAFETY: this is the end that is written to, so the pipe only reads; for how long, `new` made its caller promise.
            match unsafe { vmsplice(&self.pipe, &lent, SpliceFlags::empty()) } {
                // No pipe, or a system that does not do it.
                Err(Errno::BADF | Errno::INVAL | Errno::NOSYS | Errno::PERM | Errno::OPNOTSUPP) => {
                    self.lends = false
                }
                done => return Ok(done?),
            }
        }
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}
