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

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::thread;

    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31) as u8).collect()
    }

    #[test]
    fn what_is_lent_arrives_also_where_the_pipe_holds_less() {
        let (out, pipe) = rustix::pipe::pipe().expect("a pipe");
        let sent = [LEAST - 1, LEAST, 3, 9 * LEAST + 5].map(bytes);
        let expected = sent.concat();
        let reader = thread::spawn(move || {
            let mut got = Vec::new();
            File::from(out).read_to_end(&mut got).expect("read");
            got
        });
        // SAFETY: `sent` outlives the reader, which is joined below, and nobody writes to it.
        let mut lender = unsafe { Lender::new(pipe.into()) };
        for bytes in &sent {
            lender.write_all(bytes).expect("lent");
        }
        assert!(lender.lends);
        drop(lender);
        assert_eq!(reader.join().expect("read"), expected);
    }

    #[test]
    fn what_is_no_pipe_gets_a_copy() {
        let mut file = tempfile::tempfile().expect("a file");
        // SAFETY: a file keeps a copy.
        let mut lender = unsafe { Lender::new(file.try_clone().expect("the same file")) };
        let sent = bytes(2 * LEAST);
        lender.write_all(&sent).expect("written");
        assert!(!lender.lends);
        let mut got = Vec::new();
        file.rewind().expect("at the beginning");
        file.read_to_end(&mut got).expect("read");
        assert_eq!(got, sent);
    }
}
