//! The payloads that are more than a few fields: the greeting, its answer, a batch to open.
//!
//! Enters and leaves: the same values on both sides. Must not know: how a frame travels.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Fields, Frame, MAX_ITEMS, WireError};

/// A `Decrypt` request: all keys first, then all bodies, so that wiping the keys is cheap.
#[derive(Debug)]
pub struct Batch<'p> {
    keys: Fields<'p>,
    bodies: Fields<'p>,
    /// Number of items.
    pub count: u32,
    /// Payload bytes at the front that hold the keys.
    pub secret_prefix: usize,
}

impl<'p> Batch<'p> {
    /// Writes a batch as a request's payload; returns how many bytes at its front hold the keys.
    pub fn write<'a>(
        frame: &mut Frame<'_>,
        items: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> usize {
        frame.u32(items.len() as u32);
        for (key, _) in items.clone() {
            frame.bytes(key);
        }
        let secret = frame.payload_len();
        for (_, body) in items {
            frame.bytes(body);
        }
        secret
    }

    /// Reads one; the items are checked as they are taken.
    pub fn read(payload: &'p [u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new(payload);
        let count = fields.u32()?;
        if count > MAX_ITEMS {
            return Err(WireError::Garbage("too many items in a batch"));
        }
        let keys = fields.clone();
        for _ in 0..count {
            fields.c_bytes()?;
        }
        let secret_prefix = payload.len() - fields.left();
        Ok(Self {
            keys,
            bodies: fields,
            count,
            secret_prefix,
        })
    }

    /// The next key and body.
    pub fn item(&mut self) -> Result<(&'p CStr, &'p CStr), WireError> {
        Ok((self.keys.c_str()?, self.bodies.c_str()?))
    }
}

/// The parent's first words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'p> {
    /// The library to load.
    pub library: &'p Path,
    /// The marker file.
    pub mark: &'p Path,
    /// Whether the environment's proxies stay.
    pub keep_proxies: bool,
}

impl<'p> Hello<'p> {
    /// Writes it as a request's payload.
    pub fn write(&self, frame: &mut Frame<'_>) {
        frame.bytes(self.library.as_os_str().as_bytes());
        frame.bytes(self.mark.as_os_str().as_bytes());
        frame.u8(self.keep_proxies.into());
    }

    /// Reads it.
    pub fn read(payload: &'p [u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new(payload);
        let library = Path::new(OsStr::from_bytes(fields.bytes()?));
        let mark = Path::new(OsStr::from_bytes(fields.bytes()?));
        let keep_proxies = fields.u8()? == 1;
        fields.done()?;
        Ok(Self {
            library,
            mark,
            keep_proxies,
        })
    }
}

/// The child's answer to `Hello`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Welcome {
    /// SHA-256 of the library file, lower-case hex; empty when it could not be read.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// Symbols of the 17 that are missing; empty when it did not load at all.
    pub missing: Vec<String>,
    /// Why it is not usable, for people; empty when it is.
    pub refusal: String,
    /// True when it can be initialised.
    pub loaded: bool,
    /// Resident size of the child in bytes.
    pub resident: u64,
}

impl Welcome {
    /// Writes it as a reply's payload.
    pub fn write(&self, frame: &mut Frame<'_>) {
        frame.u64(self.resident);
        frame.u8(self.loaded.into());
        frame.u64(self.size);
        frame.bytes(self.sha256.as_bytes());
        frame.bytes(self.refusal.as_bytes());
        frame.u32(self.missing.len() as u32);
        for name in &self.missing {
            frame.bytes(name.as_bytes());
        }
    }

    /// Reads it.
    pub fn read(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new(payload);
        let resident = fields.u64()?;
        let loaded = fields.u8()? == 1;
        let size = fields.u64()?;
        let sha256 = fields.text()?.to_owned();
        let refusal = fields.text()?.to_owned();
        let mut missing = Vec::new();
        for _ in 0..fields.u32()? {
            missing.push(fields.text()?.to_owned());
        }
        fields.done()?;
        Ok(Self {
            sha256,
            size,
            missing,
            refusal,
            loaded,
            resident,
        })
    }
}
