//! What `doctor` wants to know of a library file, found out in a child like everything else about it.

use std::path::{Path, PathBuf};

use sdk_ffi::raw::SYMBOLS;

use super::child::{Child, Launch, absolute};
use super::diagnostics::Mask;
use super::{Call, Error};

/// A library file as a child saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The file, absolute.
    pub path: PathBuf,
    /// SHA-256, lower-case hex; empty when the file cannot be read.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// How many of the 17 symbols were found.
    pub found: usize,
    /// The others; empty also when the file did not load at all.
    pub missing: Vec<String>,
    /// Why it cannot be used, in the loader's words; `None` when it can.
    pub refusal: Option<String>,
}

/// Starts `program` as a child and lets it load `library`. A library whose loading kills the child is an
/// [`Error::Child`].
pub async fn inspect(program: &Path, library: &Path) -> Result<Inspection, Error> {
    let launch = Launch {
        program: program.to_owned(),
        library: absolute(library),
        corpus: None,
        keep_proxies: false,
        mask: Mask::default(),
    };
    let (child, welcome) = Child::start(&launch).await?.map_err(|fall| Error::Child {
        during: Call::Load,
        death: fall.death,
    })?;
    child.close().await;
    let known = welcome.loaded || !welcome.missing.is_empty();
    Ok(Inspection {
        path: launch.library,
        sha256: welcome.sha256,
        size: welcome.size,
        found: if known {
            SYMBOLS.len() - welcome.missing.len()
        } else {
            0
        },
        missing: welcome.missing,
        refusal: (!welcome.loaded).then_some(welcome.refusal),
    })
}
