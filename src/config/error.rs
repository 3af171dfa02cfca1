//! What can be wrong with the configuration. All mistakes of a file are told at once; no value that could
//! be a secret is ever repeated.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use super::layers::Source;

/// Why there is no configuration, or no secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such file.
    #[error(
        "there is no configuration at {}; make one with `shiguan init --dir DIR`, or name another with `--config FILE`",
        file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("cannot read the configuration {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is not text.
    #[error("the configuration {} is not UTF-8 text (line {line}); save it as UTF-8", file.display())]
    NotText {
        /// The file.
        file: PathBuf,
        /// The line with the first wrong byte, from 1.
        line: usize,
    },
    /// The file is text of another kind.
    #[error(
        "the configuration {} is UTF-16 text (Windows calls it Unicode); save it as UTF-8",
        file.display()
    )]
    Utf16 {
        /// The file.
        file: PathBuf,
    },
    /// Something in it, in a variable or in a flag is wrong; one line per mistake.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
    /// A secret cannot be had.
    #[error("`{key}`: {why}")]
    Secret {
        /// The key that says where the secret is.
        key: String,
        /// What happened and what to do.
        why: String,
    },
}

/// One mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said.
    pub source: Source,
    /// What is wrong and what to write instead.
    pub text: String,
}

impl Problem {
    pub(super) fn at(source: &Source, text: impl Into<String>) -> Self {
        Self {
            source: source.clone(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File { name, line, column } => write!(f, "{name}:{line}:{column}: {}", self.text),
            Source::Default => f.write_str(&self.text),
            source => write!(f, "{source}: {}", self.text),
        }
    }
}
