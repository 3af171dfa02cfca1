//! The marker: sixteen bytes in a shared file that say which native call is in hand.
//!
//! The child writes before each call with `pwrite`, so the bytes are the kernel's the moment the call begins and
//! survive SIGKILL; a mapping would be faster but a wild pointer of the vendor could write into it. After a death the
//! parent reads which item did it; during a long batch it reads whether the child still moves.
//!
//! Enters: request number, item. Leaves: the same after any death. Must not know: what an item is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What the child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Number of the request in hand.
    pub request: u32,
    /// Index of the item within the request; 0 for requests of one call.
    pub item: u32,
    /// True inside a native call; false between calls, where a death is nobody's fault.
    pub inside: bool,
}

impl Mark {
    /// Bytes of one mark.
    pub const SIZE: usize = 16;
    const MAGIC: [u8; 4] = *b"MARK";

    /// Writes the mark in one system call.
    pub fn write(self, file: &File) -> io::Result<()> {
        let mut bytes = [0; Self::SIZE];
        bytes[..4].copy_from_slice(&Self::MAGIC);
        bytes[4..8].copy_from_slice(&self.request.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.item.to_le_bytes());
        bytes[12] = self.inside.into();
        file.write_all_at(&bytes, 0)
    }

    /// Reads the last mark; `None` when none was written yet or the file holds something else.
    pub fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; Self::SIZE];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (bytes[..4] == Self::MAGIC).then(|| Self {
            request: number(4),
            item: number(8),
            inside: bytes[12] == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mark_is_the_one_read() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Mark::read(&file), None);
        for item in [0, 7, u32::MAX] {
            let mark = Mark {
                request: item / 2,
                item,
                inside: item != 7,
            };
            mark.write(&file).unwrap();
            assert_eq!(Mark::read(&file), Some(mark));
        }
    }

    #[test]
    fn a_file_with_other_bytes_holds_no_mark() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0x55; 64], 0).unwrap();
        assert_eq!(Mark::read(&file), None);
    }
}
