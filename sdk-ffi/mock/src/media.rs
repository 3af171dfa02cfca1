//! Files: their ids and their bytes. An id made here says which bytes it stands for, so that a corpus of any size
//! needs no media store: the bytes are derived when they are asked for.
//!
//! Enters: an `sdkfileid`. Leaves: size and any range of the file. Must not know: cursors, chunks, faults.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use sha2::{Digest as _, Sha256};

/// The largest chunk `GetMediaData` hands over (finance-sdk §9).
pub const CHUNK: u64 = 512 * 1024;

/// Bytes in front of the first frame of a voice, and of each frame with its header.
const AMR_HEAD: u64 = 6;
const AMR_FRAME: u64 = 32;

const MAGIC: &[u8; 4] = b"SGF1";
const FIELDS: usize = 4 + 1 + 8 + 8 + 8 + 8 + 2;

/// What sort of file it is; decides its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Sort {
    /// A JPEG picture.
    Jpeg = 1,
    /// An AMR voice message.
    Amr = 2,
    /// An MP4 film.
    Mp4 = 3,
    /// A GIF picture.
    Gif = 4,
    /// A PNG picture.
    Png = 5,
    /// A PDF document.
    Pdf = 6,
    /// A ZIP container, which office documents are.
    Zip = 7,
    /// An MP3 recording.
    Mp3 = 8,
}

/// The bytes of a file, before anybody has asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// Decides the first bytes.
    pub sort: Sort,
    /// Decides all others.
    pub seed: u64,
    /// How many there are.
    pub size: u64,
}

/// What an `sdkfileid` of this mock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The corpus it belongs to; in another one it is unknown.
    pub corpus_id: u64,
    /// The record it hangs on.
    pub seq: u64,
    /// Which of the record's files it is, so that no two ids are the same.
    pub ordinal: u16,
    /// What it stands for. Two ids may stand for the same bytes, as forwarded files do.
    pub content: Content,
}

impl Sort {
    const ALL: [Self; 8] = [
        Self::Jpeg,
        Self::Amr,
        Self::Mp4,
        Self::Gif,
        Self::Png,
        Self::Pdf,
        Self::Zip,
        Self::Mp3,
    ];

    fn head(self) -> &'static [u8] {
        match self {
            Self::Jpeg => b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01",
            Self::Amr => b"#!AMR\n",
            Self::Mp4 => b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
            Self::Gif => b"GIF89a",
            Self::Png => b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            Self::Pdf => b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
            Self::Zip => b"PK\x03\x04\x14\0\x06\0",
            Self::Mp3 => b"ID3\x04\0\0\0\0\0\0",
        }
    }
}

impl Content {
    /// The bytes from `start` up to `end` (clipped to the size).
    pub fn range(&self, start: u64, end: u64) -> Vec<u8> {
        let end = end.min(self.size);
        if start >= end {
            return Vec::new();
        }
        let first_block = start / 64;
        let mut stream = ChaCha8Rng::seed_from_u64(self.seed);
        stream.set_word_pos(u128::from(first_block) * 16);
        let mut bytes = vec![0; (end - first_block * 64) as usize];
        stream.fill_bytes(&mut bytes);
        bytes.drain(..(start - first_block * 64) as usize);
        let head = self.sort.head();
        for (at, byte) in (start..end.min(head.len() as u64)).zip(&mut bytes) {
            *byte = head[at as usize];
        }
        if self.sort == Sort::Amr {
            // Frames at 12.2 kbit/s: whatever follows such a header is a sound.
            let from_head = start.saturating_sub(AMR_HEAD).next_multiple_of(AMR_FRAME);
            for at in (AMR_HEAD + from_head..end).step_by(AMR_FRAME as usize) {
                bytes[(at - start) as usize] = 0x3C;
            }
        }
        bytes
    }

    /// The digest WeCom would announce: MD5 of the whole file, lower-case hex.
    pub fn md5(&self) -> String {
        let mut hash = Md5::new();
        let mut start = 0;
        while start < self.size {
            hash.update(self.range(start, start + CHUNK));
            start += CHUNK;
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FileId {
    /// The text, 200 to 900 characters of base64 like the real ones (finance-sdk §9).
    pub fn text(&self) -> String {
        let mut bytes = self.fields();
        let check = Sha256::digest(&bytes);
        bytes.extend_from_slice(&check[..8]);
        let filler = 103 + (check[8] as usize) % 4 * 80 + (check[9] as usize) % 200;
        let start = bytes.len();
        bytes.resize(start + filler, 0);
        ChaCha8Rng::from_seed(check.into()).fill_bytes(&mut bytes[start..]);
        STANDARD.encode(bytes)
    }

    /// Reads an id of this mock; nothing when it is somebody else's.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let (fields, rest) = bytes.split_at_checked(FIELDS)?;
        if &fields[..4] != MAGIC || Sha256::digest(fields)[..8] != *rest.get(..8)? {
            return None;
        }
        let wide = |at: usize| {
            fields[at..at + 8]
                .iter()
                .rev()
                .fold(0u64, |value, b| value << 8 | u64::from(*b))
        };
        Some(Self {
            corpus_id: wide(5),
            seq: wide(13),
            ordinal: u16::from_le_bytes([fields[37], fields[38]]),
            content: Content {
                sort: Sort::ALL.into_iter().find(|sort| *sort as u8 == fields[4])?,
                seed: wide(21),
                size: wide(29),
            },
        })
    }

    fn fields(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(700);
        bytes.extend_from_slice(MAGIC);
        bytes.push(self.content.sort as u8);
        for word in [self.corpus_id, self.seq, self.content.seed, self.content.size] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.ordinal.to_le_bytes());
        bytes
    }
}

/// Bytes that are in no file: what a server that never finishes goes on sending.
pub(crate) fn beyond(len: usize) -> Vec<u8> {
    vec![0xEE; len]
}

/// A number that follows from two others; used to derive content seeds.
pub(crate) fn derived(seed: u64, number: u64) -> u64 {
    crate::faults::mix(seed ^ crate::faults::mix(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(size: u64) -> Content {
        Content {
            sort: Sort::Pdf,
            seed: 3,
            size,
        }
    }

    proptest! {
        #[test]
        fn an_id_says_what_it_stands_for(corpus_id: u64, seq: u64, ordinal: u16, seed: u64, size: u64) {
            let id = FileId { corpus_id, seq, ordinal, content: Content { sort: Sort::Amr, seed, size } };
            let text = id.text();
            prop_assert!((200..=900).contains(&text.len()), "{} characters", text.len());
            prop_assert_eq!(FileId::parse(text.as_bytes()), Some(id));
        }

        #[test]
        fn any_cut_gives_the_same_bytes(size in 0u64..5000, cut in 0u64..5000) {
            let whole = content(size).range(0, size);
            prop_assert_eq!(whole.len() as u64, size);
            let (mut left, right) = (content(size).range(0, cut), content(size).range(cut, size));
            left.extend(right);
            prop_assert_eq!(left, whole);
        }

        #[test]
        fn foreign_texts_are_no_ids(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(FileId::parse(&text), None);
        }
    }

    #[test]
    fn a_file_starts_as_its_sort_does() {
        assert!(content(100).range(0, 100).starts_with(b"%PDF-1.7"));
        assert_eq!(content(3).range(0, 3), b"%PD");
    }

    #[test]
    fn a_voice_is_made_of_frames_however_it_is_cut() {
        let voice = Content {
            sort: Sort::Amr,
            seed: 5,
            size: 6 + 10 * 32,
        };
        let whole = voice.range(0, voice.size);
        assert!(whole.starts_with(b"#!AMR\n"));
        assert!((0..10).all(|frame| whole[6 + frame * 32] == 0x3C));
        for cut in 0..voice.size {
            let mut parts = voice.range(0, cut);
            parts.extend(voice.range(cut, voice.size));
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let file = content(CHUNK + 7);
        let mut hash = Md5::new();
        hash.update(file.range(0, file.size));
        let whole: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file.md5(), whole);
    }
}
