//! Where a secret is, and how it is fetched at the moment somebody needs it.
//!
//! Must not know: what the secret opens.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::secret::Secret;

use super::error::ConfigError;

/// Longer than any secret; what is longer is not one.
const LONGEST: u64 = 64 * 1024;

/// A place that holds a secret, and the key that named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An owner-only file.
    File {
        /// The key, for errors.
        key: String,
        /// The file.
        file: PathBuf,
    },
    /// An environment variable.
    Variable {
        /// The key, for errors.
        key: String,
        /// Its name.
        name: String,
    },
}

impl SecretSource {
    /// Fetches the secret. One line end at its end is taken off, since editors and `echo` add it.
    pub fn read(&self, env: &BTreeMap<String, String>) -> Result<Secret, ConfigError> {
        let (key, text) = match self {
            Self::File { key, file } => (key, from_file(file)),
            Self::Variable { key, name } => (
                key,
                match env.get(name) {
                    Some(text) => Ok(Zeroizing::new(text.clone())),
                    None => Err(format!("the environment variable {name} is not set")),
                },
            ),
        };
        let failed = |why: String| ConfigError::Secret {
            key: key.clone(),
            why,
        };
        let text = text.map_err(failed)?;
        let text = text
            .strip_suffix('\n')
            .map_or(&text[..], |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() {
            return Err(failed(format!("{} is empty", self.place())));
        }
        if text.chars().any(char::is_control) {
            return Err(failed(format!(
                "{} holds more than one line, or a control character",
                self.place()
            )));
        }
        Ok(Secret::new(text))
    }

    /// The file or the variable.
    fn place(&self) -> String {
        match self {
            Self::File { file, .. } => file.display().to_string(),
            Self::Variable { name, .. } => format!("the environment variable {name}"),
        }
    }
}

fn from_file(file: &Path) -> Result<Zeroizing<String>, String> {
    let name = file.display();
    let open = File::open(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let about = open
        .metadata()
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "{name} can be read by others (mode {mode:04o}); type: chmod 600 {name}"
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(about.len().min(LONGEST) as usize + 1));
    open.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    Ok(text)
}
