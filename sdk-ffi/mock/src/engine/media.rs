//! `GetMediaData`: chunks by cursor.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
};

use super::{Chunk, Course, Engine, Turn, code};
use crate::{
    Error,
    corpus::stored_media_path,
    faults::{Call, Draw, Fault},
    media::{CHUNK, Content, FileId, beyond},
};

/// Where the bytes of a file come from.
enum Source {
    Derived(Content),
    Stored(File, u64),
}

/// What the media faults make of a chunk.
#[derive(Default)]
struct Twist {
    mismatch: bool,
    endless: bool,
    empty: bool,
    stuck: bool,
    nothing: bool,
    data_len: Option<i32>,
    is_finish: Option<i32>,
    cursor: Option<String>,
    huge: Option<u32>,
}

impl Engine {
    /// `GetMediaData` on an initialised handle. `cursor` is empty for the first chunk.
    pub fn media(&self, cursor: &[u8], file_id: &[u8], timeout: i32) -> Turn<Chunk> {
        let Some((start, end)) = span(cursor) else {
            return Turn::just(Chunk::failed(code::ARGUMENT));
        };
        if file_id.is_empty() {
            return Turn::just(Chunk::failed(code::ARGUMENT));
        }
        let call = self.count(Call::Media);
        let id = FileId::parse(file_id).filter(|id| id.corpus_id == self.corpus.manifest().corpus_id);
        let mut course = Course::new(timeout);
        let mut twist = Twist::default();
        for (place, rule) in self.rules.rules(Call::Media) {
            if course.is_settled() || !self.rules.holds(place, call, id.map(|id| id.seq), Draw::Seq) {
                continue;
            }
            match self.rules.fire(place) {
                Ok(true) => {
                    course.take(&rule.fault);
                    twist.take(&rule.fault);
                }
                Ok(false) => {}
                Err(error) => course.fail(&error),
            }
        }
        match self.source(id, file_id) {
            Err(error) => {
                course.fail(&error);
                course.chunk(Chunk::default)
            }
            Ok(None) => course.chunk(|| Chunk::failed(code::FILE_ID)),
            Ok(Some(source)) => course.chunk(|| source.chunk(start, end, &twist)),
        }
    }

    fn source(&self, id: Option<FileId>, file_id: &[u8]) -> Result<Option<Source>, Error> {
        let path = stored_media_path(self.corpus.folder(), file_id);
        match File::open(&path) {
            Ok(file) => {
                let size = file.metadata().map_err(Error::io("read", path))?.len();
                Ok(Some(Source::Stored(file, size)))
            }
            Err(_) => Ok(id.map(|id| Source::Derived(id.content))),
        }
    }
}

impl Twist {
    fn take(&mut self, fault: &Fault) {
        match fault {
            Fault::DigestMismatch => self.mismatch = true,
            Fault::NeverFinish => self.endless = true,
            Fault::EmptyChunk => self.empty = true,
            Fault::StuckCursor => self.stuck = true,
            Fault::EmptyFile => self.nothing = true,
            Fault::OddMembers { data_len, is_finish } => {
                (self.data_len, self.is_finish) = (*data_len, *is_finish);
            }
            Fault::NextCursor { text, repeat } => self.cursor = Some(text.repeat(*repeat as usize)),
            Fault::HugeChunk { bytes } => self.huge = Some(*bytes),
            _ => {}
        }
    }
}

impl Source {
    fn chunk(&self, start: u64, end: u64, twist: &Twist) -> Chunk {
        let size = match self {
            Self::Derived(content) => content.size,
            Self::Stored(_, size) => *size,
        };
        if twist.empty {
            return Chunk {
                next: range(start),
                ..Chunk::default()
            };
        }
        if twist.nothing {
            return Chunk {
                finished: true,
                ..Chunk::default()
            };
        }
        if let Some(bytes) = twist.huge {
            return Chunk {
                data: vec![0x55; bytes as usize],
                next: range(start.saturating_add(bytes.into())),
                ..Chunk::default()
            };
        }
        if start >= size && start > 0 && !twist.endless {
            return Chunk::failed(code::PARSE);
        }
        let Ok(mut data) = self.read(start, end.min(size)) else {
            return Chunk::failed(code::SYSTEM);
        };
        if twist.endless {
            data.extend(beyond((end - start) as usize - data.len()));
        }
        if twist.mismatch {
            // The middle, so that the magic bytes at the start stay plausible.
            let middle = data.len() / 2;
            data.iter_mut()
                .skip(middle)
                .take(1)
                .for_each(|byte| *byte ^= 0x55);
        }
        let stop = start + data.len() as u64;
        let finished = stop >= size && !twist.endless && !twist.stuck && twist.cursor.is_none();
        let next = match (finished, twist.stuck, &twist.cursor) {
            (true, ..) => String::new(),
            (_, true, _) => range(start),
            (.., Some(cursor)) => cursor.clone(),
            _ => range(stop),
        };
        Chunk {
            code: code::OK,
            data,
            next,
            finished,
            data_len: twist.data_len,
            is_finish: twist.is_finish,
        }
    }

    fn read(&self, start: u64, end: u64) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Derived(content) => Ok(content.range(start, end)),
            Self::Stored(file, _) => {
                let len = end.saturating_sub(start);
                // Neither zeroed first nor moved for the NUL behind it.
                let mut bytes = Vec::with_capacity(len as usize + 1);
                let mut file: &File = file;
                file.seek(SeekFrom::Start(start))?;
                if file.take(len).read_to_end(&mut bytes)? as u64 == len {
                    Ok(bytes)
                } else {
                    Err(std::io::ErrorKind::UnexpectedEof.into())
                }
            }
        }
    }
}

/// What the library checks before it goes anywhere (finance-sdk §9).
pub(crate) fn arguments_are_sound(cursor: &[u8], file_id: &[u8]) -> bool {
    !file_id.is_empty() && span(cursor).is_some()
}

/// The cursor of the chunk that starts here.
fn range(start: u64) -> String {
    format!("Range:bytes={start}-{}", start.saturating_add(CHUNK - 1))
}

/// Start and end (exclusive) of the chunk a cursor asks for; nothing when it is of another form.
fn span(cursor: &[u8]) -> Option<(u64, u64)> {
    if cursor.is_empty() {
        return Some((0, CHUNK));
    }
    let (first, last) = std::str::from_utf8(cursor)
        .ok()?
        .strip_prefix("Range:bytes=")?
        .split_once('-')?;
    let digits = |text: &str| {
        let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last) = (digits(first)?, digits(last)?);
    let end = last.checked_add(1)?.min(first.checked_add(CHUNK)?);
    (last >= first).then_some((first, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_ranges_and_nothing_else() {
        assert_eq!(span(b""), Some((0, CHUNK)));
        assert_eq!(span(b"Range:bytes=524288-1048575"), Some((CHUNK, 2 * CHUNK)));
        assert_eq!(span(b"Range:bytes=0-9"), Some((0, 10)));
        assert_eq!(span(b"Range:bytes=0-99999999"), Some((0, CHUNK)));
        for wrong in [
            "1",
            "Range:bytes=",
            "Range:bytes=5",
            "Range:bytes=5-4",
            "Range:bytes=+1-2",
            "bytes=0-1",
            "Range:bytes=0-1 ",
            "Range:bytes=18446744073709551615-18446744073709551615",
        ] {
            assert_eq!(span(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
