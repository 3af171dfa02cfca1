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

use super::{error::ConfigError, shape};

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
    /// Fetches the secret. A secret of WeCom's or of a service is visible ASCII: blanks, line ends and a byte order mark
    /// around it are taken off, and whatever else it cannot be made of is refused. What people make up themselves
    /// (passphrases, the secret of a webhook) is taken as it is, but for a byte order mark and one line end.
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
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = match is_made_up(key) {
            true => text
                .strip_suffix('\n')
                .map_or(text, |text| text.strip_suffix('\r').unwrap_or(text)),
            false => shape::trimmed(text),
        };
        if text.is_empty() {
            return Err(failed(format!("{} is empty", self.place())));
        }
        if is_made_up(key) {
            if text.chars().any(char::is_control) {
                return Err(failed(format!(
                    "{} holds more than one line, or a control character",
                    self.place()
                )));
            }
        } else if let Some(fault) = shape::fault(text) {
            return Err(failed(format!("{} {fault}", self.place())));
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

/// True for what an operator makes up: any text may be meant.
fn is_made_up(key: &str) -> bool {
    key.contains("passphrase") || (key.starts_with("alert.to.") && key.contains(".secret_"))
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
    let mut bytes = Zeroizing::new(Vec::with_capacity(about.len().min(LONGEST) as usize + 1));
    open.take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if shape::is_utf16(&bytes) {
        return Err(format!(
            "cannot read {name}: it is UTF-16 text (Windows calls it Unicode); save it as UTF-8"
        ));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(format!(
            "cannot read {name}: it is not UTF-8 text; save it as UTF-8"
        )),
    }
}
