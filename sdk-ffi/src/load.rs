//! Finds the library's functions before anything is called, and keeps library and pointers in one value.
//!
//! Enters: a path. Leaves: a [`Library`] with all 17 functions, or one error that names everything missing.
//! Loading runs the library's constructors, so this belongs in the child only. Must not know: what is called when.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use libloading::os::unix::{self, RTLD_LOCAL, RTLD_NOW};
use sha2::{Digest, Sha256};

use crate::raw::Api;

/// Why a file is not a usable SDK. The operator must act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The dynamic loader refused the file.
    #[error(
        "cannot load {path}: {cause}; check that the file is the SDK for this architecture and that its libraries \
         are installed"
    )]
    Open {
        /// The file asked for.
        path: PathBuf,
        /// What the dynamic loader said.
        cause: String,
    },
    /// It loaded and is not (this version of) the SDK.
    #[error(
        "{path} lacks {} of the SDK's 17 functions: {}; get libWeWorkFinanceSdk_C.so, version 3, from WeCom",
        missing.len(),
        missing.join(", ")
    )]
    Missing {
        /// The file asked for.
        path: PathBuf,
        /// Names of all symbols that were not found, in the header's order.
        missing: Vec<&'static str>,
    },
}

/// A loaded SDK. Handles borrow it, so no pointer outlives the code it points to.
pub struct Library {
    api: Api,
    // Unloaded last: fields drop in this order and `api` has no drop of its own.
    _code: unix::Library,
}

impl Library {
    /// Loads with `RTLD_NOW | RTLD_LOCAL` (finance-sdk §2: the library exports its whole OpenSSL) and checks every
    /// symbol. A path without a slash would make the loader search the system, so it is taken as a file here.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // SAFETY: runs the constructors of a file the operator named as the SDK; the process it happens in was made
        // for that and holds nothing of value (`cage`).
        let code = unsafe { unix::Library::open(Some(&file), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
            LoadError::Open {
                path: path.to_owned(),
                cause: told(&error),
            }
        })?;
        // SAFETY: the header is the only contract there is for these names (finance-sdk §3).
        let api = unsafe { Api::find(&code) }.map_err(|missing| LoadError::Missing {
            path: path.to_owned(),
            missing,
        })?;
        Ok(Self { api, _code: code })
    }

    /// The functions. Only `handle` calls them.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}

/// The file's identity: SHA-256 as lower-case hex, and its size in bytes.
pub fn fingerprint(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size) = (Sha256::new(), 0u64);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hash.update(&buffer[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        size,
    ))
}

/// `libloading` hides the loader's own words one level down.
fn told(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
