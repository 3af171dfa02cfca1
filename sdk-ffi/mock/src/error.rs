//! What can go wrong while a corpus is made or opened. One enum for the crate; nothing secret in any text.

use std::{io, path::PathBuf};

/// Why a corpus could not be made, read, or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    #[error("cannot {doing} {path}: {source}; check that the path exists and may be used by this user")]
    Io {
        /// The verb: `read`, `create`, …
        doing: &'static str,
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is no corpus, or one of another format.
    #[error("{path} is no usable corpus manifest: {reason}; make the corpus anew")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The faults file cannot be understood; nothing of it is applied.
    #[error("{path} is no usable faults file: {reason}; see the table of faults in the mock's README")]
    Faults {
        /// The faults file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A corpus is never written over.
    #[error("{path} already holds a corpus; name another folder or remove this one first")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The plan cannot be followed.
    #[error("cannot follow this plan: {0}")]
    Plan(String),
    /// There is nothing to seal.
    #[error("no *.json file in {path}; put one message per file there, they are sealed in name order")]
    NothingToSeal {
        /// The folder that was looked at.
        path: PathBuf,
    },
    /// A cryptographic step failed that cannot fail with sound inputs.
    #[error("cannot {0}: the cryptographic library refused; this is a defect of the mock, please report it")]
    Crypto(&'static str),
    /// No corpus is named.
    #[error("no corpus: set the environment variable {variable} to a corpus folder", variable = crate::CORPUS_VARIABLE)]
    NoCorpus,
}

impl Error {
    /// For `map_err`: which act on which path failed.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
