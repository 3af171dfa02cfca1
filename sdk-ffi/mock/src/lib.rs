//! Mock: a stand-in for Tencent's Finance SDK (finance-sdk §13). The real one needs a paid account and Tencent's
//! servers; this one needs a folder.
//!
//! ```text
//! generate ─┐
//! seal ─────┴─► corpus folder ──► engine ──► exports (17 C symbols) ──► any client
//!                  faults.json ───────┘
//! ```
//!
//! Enters: a corpus folder named by the environment variable [`CORPUS_VARIABLE`], and whatever a client of the
//! official library passes in. Leaves: what the official library would answer, or one of the [`faults`] asked for.
//! Must not know: the program that is tested with it. It shares no code with `sdk-ffi` or `shiguan`, so that they
//! are not checked against themselves.
//!
//! What it seals is sealed by AES-256-CBC, because the real envelope is not published and only `DecryptData` reads
//! it. A figure measured on this library is a figure of the mock and has to say so.

#![deny(unsafe_code)]

pub mod corpus;
pub mod engine;
mod error;
#[allow(unsafe_code)] // the C interface: the one place of this crate where it may stand
pub mod exports;
pub mod faults;
pub mod generate;
mod library;
pub mod media;
pub mod seal;

pub use error::Error;
pub use library::{LIBRARY_FILE, find_library, library_path_candidates};

/// The environment variable that names the corpus folder; read whenever a handle is made or initialised, and by
/// `DecryptData` (only to look for faults).
pub const CORPUS_VARIABLE: &str = "SHIGUAN_MOCK_CORPUS";
