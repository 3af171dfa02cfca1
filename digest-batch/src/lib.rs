//! MD5 and SHA-256 of several streams at once.
//!
//! ```text
//! streams, each with its next bytes ──► whole blocks ──► MD5: up to 16 streams in the lanes of one vector ──► digests
//!                                  └──► beginnings       SHA-256: two streams in turns
//!                                       of blocks kept
//! ```
//! Both are chains: a block waits for the one before, and a processor that could do sixteen things at once does one. Other
//! streams are what it could be doing meanwhile. A single stream gains nothing here.
//!
//! Enters: bytes. Leaves: digests, the same as of any other implementation. It knows nothing of files, and has no threads:
//! who brings streams together, and how long one waits for another, is the caller's affair.
//!
//! MD5 is broken as a proof of who made something. It is here because others announce it.

#![forbid(unsafe_code)]

mod md5;
mod sha256;
mod stream;

pub use stream::Stream;

/// What [`Stream`] is generic over, for code that serves both.
pub mod kernel {
    pub use crate::{md5::Md5, sha256::Sha256, stream::Kernel};
}

/// MD5 (RFC 1321).
pub type Md5 = Stream<kernel::Md5>;

/// SHA-256 (FIPS 180-4).
pub type Sha256 = Stream<kernel::Sha256>;
