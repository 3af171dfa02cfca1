//! Bytes onto the end of a file, past the system's memory of files where the file system lets them.
//!
//! Enters: pieces, in their order. Leaves: a file that has them. A kept file is read again in months, if ever, so the copy of
//! it that the system would keep in memory only costs: a copy of every byte, and memory that the archive beside it could use.
//! Written past it (`O_DIRECT`), whole blocks go from here to the disk; what is left of the last one goes the usual way, and so
//! does everything where that is refused.
//!
//! Must not know: what the bytes are.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::OFlags, io::Errno};

/// Place in memory and in the file, and length, of what goes straight are multiples of this; enough for any disk.
const BLOCK: usize = 4096;
/// What goes to the disk in one piece.
const PIECE: usize = 512 * 1024;
/// Less than this is not worth waiting for the disk, and may be read again at once, as voices are.
const LEAST: usize = 128 * 1024;

/// The end of a file.
#[derive(Debug)]
pub(super) struct Append {
    file: Arc<File>,
    straight: Straight,
    at: u64,
}

/// The same file, for whole blocks.
#[derive(Debug)]
enum Straight {
    /// It lies here.
    Untried(PathBuf),
    Taken {
        file: File,
        /// For a piece at a place in memory that the disk cannot take it from.
        buffer: Vec<u8>,
    },
    Refused,
}

impl Append {
    /// Goes on at `at`, which is the end of `file`, which lies at `path`.
    pub(super) fn new(file: Arc<File>, path: &Path, at: u64) -> Self {
        Self {
            file,
            straight: Straight::Untried(path.to_owned()),
            at,
        }
    }

    /// Bytes that the file has now.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Appends; not safe on disk before the file is synced.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            let straight = self.whole_blocks(piece)?;
            let rest = &piece[straight..];
            self.file.write_all_at(rest, self.at)?;
            self.at += rest.len() as u64;
        }
        Ok(())
    }

    /// Writes what can go straight, and returns how much that was.
    fn whole_blocks(&mut self, piece: &[u8]) -> io::Result<usize> {
        let len = piece.len() - piece.len() % BLOCK;
        if len < LEAST || !self.at.is_multiple_of(BLOCK as u64) {
            return Ok(0);
        }
        match self.straight.write(&piece[..len], self.at) {
            Ok(()) => {
                self.at += len as u64;
                Ok(len)
            }
            // This file system does not do it, or wants something else of it.
            Err(cause) if Errno::from_io_error(&cause) == Some(Errno::INVAL) => {
                self.straight = Straight::Refused;
                Ok(0)
            }
            Err(cause) => Err(cause),
        }
    }
}

impl Straight {
    fn write(&mut self, blocks: &[u8], at: u64) -> io::Result<()> {
        if let Self::Untried(path) = self {
            let flags = OFlags::DIRECT.bits().cast_signed();
            let opened = OpenOptions::new().write(true).custom_flags(flags).open(path);
            *self = Self::Taken {
                // Whatever it says: the file is open already, the usual way.
                file: opened.map_err(|_| Errno::INVAL)?,
                buffer: Vec::new(),
            };
        }
        let Self::Taken { file, buffer } = self else {
            return Err(Errno::INVAL.into());
        };
        if blocks.as_ptr().align_offset(BLOCK) == 0 {
            return file.write_all_at(blocks, at);
        }
        buffer.resize(PIECE + BLOCK, 0);
        let start = buffer.as_ptr().align_offset(BLOCK);
        let aligned = buffer.get_mut(start..start.saturating_add(blocks.len()));
        let aligned = aligned.ok_or(Errno::INVAL)?;
        aligned.copy_from_slice(blocks);
        file.write_all_at(aligned, at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &Path) -> Arc<File> {
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        Arc::new(opened.expect("a file"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Pieces around every edge, with new beginnings in between.
        #[test]
        fn a_file_is_what_was_appended_to_it(
            pieces in proptest::collection::vec(
                prop_oneof![0..100_usize, LEAST - 5000..LEAST + 5000, PIECE - 3..PIECE + 3, Just(PIECE), Just(LEAST), Just(2 * PIECE + 1)], 1..8),
            anew in proptest::collection::vec(any::<bool>(), 8),
            refused in any::<bool>(),
        ) {
            let scratch = tempfile::tempdir().expect("a folder");
            let path = scratch.path().join("file");
            let mut append = Append::new(file(&path), &path, 0);
            let mut expected = Vec::new();
            for (nth, (len, anew)) in pieces.into_iter().zip(anew).enumerate() {
                let piece: Vec<u8> = (0..len).map(|at| (at * 31 + nth) as u8).collect();
                append.write(&piece).expect("written");
                expected.extend_from_slice(&piece);
                assert_eq!(append.at(), expected.len() as u64);
                assert_eq!(std::fs::read(&path).expect("read"), expected);
                if anew {
                    append = Append::new(file(&path), &path, append.at());
                }
                if refused {
                    append.straight = Straight::Refused;
                }
            }
        }
    }
}
