//! The configuration: one TOML file, several companies, four layers, and where each value came from.
//!
//! Why a room of its own: an operator must be able to ask "what is in force, and who said so", and every
//! mistake must be an error that names the key (design §7). Everything is derived from one declared list,
//! [`keys::KEYS`]: the file `init` writes, the reference table, the checks and the names of variables.
//! Enters: the file, the environment as a map, `--set` flags. Leaves: typed sections.
//!
//! Must not know: any room it configures, the process environment, the terminal.

mod alert;
mod check;
mod choose;
mod cron;
mod error;
mod file;
pub mod keys;
mod layers;
mod moved;
mod reference;
mod resolve;
mod secrets;
mod sections;
mod shape;
mod suggest;
mod template;
mod words;

use std::{collections::BTreeMap, path::Path};

pub use self::{
    alert::{Alert, Target, To},
    cron::Cron,
    error::{ConfigError, Problem},
    layers::{Layer, Source},
    moved::{beside, portable},
    reference::markdown as reference_markdown,
    secrets::SecretSource,
    sections::{
        Api, Archive, Backup, Callback, CallbackSecrets, Company, Config, Consent, Directory, Enabled,
        Explained, KeepSealed, Language, Log, LogFormat, LogLevel, Media, MediaBucket, Pull, Schedule, Sdk,
        Store, Unseal,
    },
    template::{CompanyTemplate, TemplateOptions, template},
};

impl Config {
    /// Reads the file and lays environment and flags over it.
    ///
    /// `env` is the whole environment as a map; `flags` are `--set key=value` in the order typed. Nothing
    /// is read but the file itself: secrets and keys are read when somebody needs them.
    pub fn load(
        file: &Path,
        env: &BTreeMap<String, String>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let text = file::read(file)?;
        let mut layers = layers::Layers::default();
        let name = file.file_name().map_or_else(
            || file.display().to_string(),
            |name| name.to_string_lossy().into(),
        );
        file::collect(&text, &name, &mut layers).map_err(|problem| ConfigError::Invalid(vec![problem]))?;
        words::environment(env, &mut layers);
        words::flags(flags, &mut layers);
        resolve::resolve(layers, file)
    }
}
