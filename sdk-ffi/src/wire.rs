//! The protocol between the parent and the child: numbered, versioned, length-prefixed frames over any `Read` and
//! `Write`.
//!
//! ```text
//! frame    'S' 'G' version kind | number u32 | payload length u32 | payload      (little endian)
//! bytes    length u32 | bytes | 0      the zero makes it a C string in place, so that nothing is copied for a call
//! ```
//!
//! A reply carries its request's number and its kind with [`REPLY`] set. Whatever does not fit is an error that ends
//! the conversation: the peer is then a broken process, not a peer. Sizes are bounded before memory is taken.
//!
//! Enters: requests and replies. Leaves: the same on the other side. Must not know: what the SDK does with them.

mod payload;

use std::ffi::CStr;
use std::io::{self, Read, Write};

pub use payload::{Batch, Hello, Welcome};
use zeroize::Zeroize;

/// The argument that makes the program a child.
pub const ARGUMENT: &str = "sdk-child";
/// Raised with every change of a frame or a payload; both sides come from one program, so only equality is accepted.
pub const VERSION: u8 = 1;
/// Bytes before the payload.
pub const HEADER: usize = 12;
/// The largest payload: a page of 1,000 records of 256 KiB each.
pub const MAX_PAYLOAD: usize = 256 << 20;
/// The largest chunk of a file that is handed on: 32 times what WeCom documents (finance-sdk §9).
pub const MAX_CHUNK: usize = 16 << 20;
/// The longest cursor of a chunk that is handed on, and that may be asked for. Real ones have about 40 bytes.
pub const MAX_CURSOR: usize = 4096;
/// The largest answer of `GetChatData` to a question for several records; a single one may be as large as a payload. A
/// page is in memory several times before it is landed, so a larger one is refused and asked for in parts.
pub const MAX_PAGE: usize = 24 << 20;
/// Buffers above this are given back once what was in them is no longer needed.
pub const KEEP: usize = 6 << 20;
/// The most items of one batch.
pub const MAX_ITEMS: u32 = 1 << 16;
/// Set in the kind of a reply.
pub const REPLY: u8 = 0x80;
const MAGIC: [u8; 2] = *b"SG";
/// Memory is taken in steps of this size while a payload arrives, whatever length its header claims.
const STEP: usize = 1 << 20;

/// What a frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// First frame: which library to load.
    Hello = 1,
    /// `Init`.
    Init = 2,
    /// `GetChatData`.
    ChatData = 3,
    /// `DecryptData` for a batch.
    Decrypt = 4,
    /// `GetMediaData`.
    MediaChunk = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [
            Self::Hello,
            Self::Init,
            Self::ChatData,
            Self::Decrypt,
            Self::MediaChunk,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// Why a conversation ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The other side is gone or the pipe broke.
    #[error("the pipe broke: {0}")]
    Io(#[from] io::Error),
    /// Bytes that are no frame of this protocol and version.
    #[error("not a frame of protocol {VERSION}: {0}")]
    Garbage(&'static str),
    /// A payload above [`MAX_PAYLOAD`].
    #[error("a payload of {0} bytes is above the bound of {MAX_PAYLOAD}")]
    TooLong(usize),
}

/// The first twelve bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame is about.
    pub kind: Kind,
    /// True for an answer.
    pub reply: bool,
    /// Number of the request.
    pub number: u32,
    /// Payload bytes that follow.
    pub len: usize,
}

impl Header {
    /// Reads and checks the twelve bytes.
    pub fn decode(bytes: &[u8; HEADER]) -> Result<Self, WireError> {
        let [s, g, version, kind, n0, n1, n2, n3, l0, l1, l2, l3] = *bytes;
        if [s, g] != MAGIC {
            return Err(WireError::Garbage("wrong first bytes"));
        }
        if version != VERSION {
            return Err(WireError::Garbage("another version"));
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if len > MAX_PAYLOAD {
            return Err(WireError::TooLong(len));
        }
        Ok(Self {
            kind: Kind::from_byte(kind & !REPLY).ok_or(WireError::Garbage("unknown kind"))?,
            reply: kind & REPLY != 0,
            number: u32::from_le_bytes([n0, n1, n2, n3]),
            len,
        })
    }
}

/// Builds one frame in a reused buffer, header included, so that it leaves in one write.
#[derive(Debug)]
pub struct Frame<'b> {
    buffer: &'b mut Vec<u8>,
}

impl<'b> Frame<'b> {
    /// Clears the buffer and begins a frame.
    pub fn begin(buffer: &'b mut Vec<u8>, kind: Kind, reply: bool, number: u32) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&[VERSION, kind as u8 | if reply { REPLY } else { 0 }]);
        buffer.extend_from_slice(&number.to_le_bytes());
        buffer.extend_from_slice(&[0; 4]);
        Self { buffer }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.buffer.push(value);
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes, signed.
    pub fn i32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// A length, the bytes, a zero. Lengths beyond `u32` are caught by [`Frame::finish`].
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.buffer.extend_from_slice(bytes);
        self.buffer.push(0);
    }

    /// Payload bytes so far.
    pub fn payload_len(&self) -> usize {
        self.buffer.len() - HEADER
    }

    /// Overwrites four bytes written earlier, `at` counted from the payload's start.
    pub fn patch_u32(&mut self, at: usize, value: u32) {
        self.buffer[HEADER + at..HEADER + at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Writes the length into the header; the buffer then holds the whole frame.
    pub fn finish(self) -> Result<(), WireError> {
        let len = self.payload_len();
        if len > MAX_PAYLOAD {
            return Err(WireError::TooLong(len));
        }
        self.buffer[8..HEADER].copy_from_slice(&(len as u32).to_le_bytes());
        Ok(())
    }
}

/// Reads one frame's payload into `payload` (cleared first). `None` when the peer closed between two frames.
pub fn read_frame(from: &mut impl Read, payload: &mut Vec<u8>) -> Result<Option<Header>, WireError> {
    payload.clear();
    let mut head = [0; HEADER];
    let mut have = 0;
    while have < HEADER {
        match from.read(&mut head[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => have += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let header = Header::decode(&head)?;
    while payload.len() < header.len {
        let step = STEP.min(header.len - payload.len());
        payload.reserve(step);
        if from.take(step as u64).read_to_end(payload)? < step {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(Some(header))
}

/// Writes a finished frame.
pub fn write_frame(to: &mut impl Write, frame: &[u8]) -> Result<(), WireError> {
    to.write_all(frame)?;
    Ok(to.flush()?)
}

/// Takes a payload apart, front to back; every step is checked.
#[derive(Debug, Clone)]
pub struct Fields<'p> {
    rest: &'p [u8],
}

impl<'p> Fields<'p> {
    /// Begins at the payload's start.
    pub fn new(payload: &'p [u8]) -> Self {
        Self { rest: payload }
    }

    fn take(&mut self, n: usize) -> Result<&'p [u8], WireError> {
        let (head, rest) = self
            .rest
            .split_at_checked(n)
            .ok_or(WireError::Garbage("a payload ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        Ok(self.take(N)?.try_into().expect("take returns what was asked for"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Four bytes, signed.
    pub fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A byte string without its closing zero.
    pub fn bytes(&mut self) -> Result<&'p [u8], WireError> {
        Ok(self.c_bytes()?.split_last().map_or(&[], |(_, bytes)| bytes))
    }

    /// A byte string as C sees it: it ends at the first zero.
    pub fn c_str(&mut self) -> Result<&'p CStr, WireError> {
        CStr::from_bytes_until_nul(self.c_bytes()?)
            .map_err(|_| WireError::Garbage("a string without its end"))
    }

    /// A byte string as text.
    pub fn text(&mut self) -> Result<&'p str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Garbage("a text that is not UTF-8"))
    }

    fn c_bytes(&mut self) -> Result<&'p [u8], WireError> {
        let len = self.u32()? as usize;
        let bytes = self.take(
            len.checked_add(1)
                .ok_or(WireError::Garbage("a length out of range"))?,
        )?;
        if bytes.last() != Some(&0) {
            return Err(WireError::Garbage("a string without its end"));
        }
        Ok(bytes)
    }

    /// Bytes not taken yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Checks that nothing is left over.
    pub fn done(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WireError::Garbage("bytes after the last field"))
        }
    }
}

/// Wipes what may hold a secret.
pub fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}
