//! From what is configured to what the rooms take: `cli` alone translates sections into options.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use super::{Global, out, outcome::Failure, place::Held, shelf::SharedShelf};
use crate::{
    archive::{Desk, Pulling, Setup},
    callback::{Codec, Door},
    config::{self, Company, Config, ConfigError, KeepSealed, LogFormat, SecretSource},
    directory, events,
    ids::wall,
    media::{self, Room},
    message::Language,
    secret::Secret,
    source,
    store::{Reader, Store, StoreError, TokenFile},
    unseal::{Implementation, KeyRing},
};

/// Name of the database inside the archive's folder.
const DATABASE: &str = "archive.db";
/// Name of the file in which processes share tokens, beside it.
const TOKENS: &str = "tokens.db";

/// A variable for tests: the file that holds by how many milliseconds the clock is moved.
const TEST_CLOCK: &str = "SHIGUAN_TEST_CLOCK";

/// A company and what became of setting it up.
pub(super) type Attempt<'c> = (&'c str, Result<Setup, Failure>);

/// How much of the log a command keeps to itself unless more is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// As configured.
    No,
    /// A person looks at a bar or an answer.
    Warnings,
    /// The command's own report tells what went wrong.
    Errors,
}

impl Quiet {
    /// Warnings only while a progress bar is drawn.
    pub(super) fn under_bar(bar: bool) -> Self {
        if bar { Self::Warnings } else { Self::No }
    }
}

/// A loaded configuration and the translations out of it.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) zone: TimeZone,
    pub(super) language: Language,
    /// Shared by all who fetch files in this process.
    pub(super) room: Arc<Room>,
    /// The right to write to the archive, once this process has it.
    pub(super) claim: Held,
    environment: BTreeMap<String, String>,
}

impl Context {
    /// How a verb begins: the configuration, then the log as that says.
    pub(super) fn begin(global: &Global, quiet: Quiet) -> Result<Self, Failure> {
        let context = Self::load(global)?;
        context.start_logging(global, quiet)?;
        Ok(context)
    }

    /// The configuration alone.
    pub(super) fn load(global: &Global) -> Result<Self, Failure> {
        let flags = global
            .overrides
            .iter()
            .map(|pair| {
                pair.split_once('=')
                    .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                    .ok_or_else(|| Failure::usage(format!("--set takes KEY=VALUE, got `{pair}`")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        // What may not be looked at is there, as far as anybody knows; reading it says why.
        if !global.config.try_exists().unwrap_or(true) {
            return Err(Failure::usage(format!("no configuration at {}", global.config.display())).hint(
                "name it with --config FILE, or make one with `shiguan init --dir DIR`; `shiguan demo` needs none",
            ));
        }
        // Keys and secrets are read from here on.
        super::guard::close_memory()
            .map_err(|error| Failure::run(format!("cannot keep this process's memory to itself: {error}")))?;
        let environment = environment();
        let config = Config::load(&global.config, &environment, &flags)?;
        test_clock(&config, &environment)?;
        let zone = config.archive.timezone.clone();
        let language = match (global.language, config.archive.language) {
            (Some(tongue), _) => tongue.into(),
            (None, config::Language::Chinese) => Language::Chinese,
            (None, config::Language::English) => Language::English,
        };
        Ok(Self {
            room: Arc::new(Room::new(
                vec![
                    config.media.folder.clone(),
                    media::vault::staging(&config.media.folder),
                ],
                config.store.disk_headroom_mib << 20,
                Arc::new(media::free),
            )),
            config,
            zone,
            language,
            claim: Held::default(),
            environment,
        })
    }

    /// Logs go to stderr. `quiet` commands draw a bar or answer a person: they begin at warnings, or at errors when
    /// they tell the rest themselves.
    pub(super) fn start_logging(&self, global: &Global, quiet: Quiet) -> Result<(), Failure> {
        let level = match (global.verbose, quiet) {
            (0, Quiet::No) => self.config.log.level.as_str(),
            (0, Quiet::Warnings) => "warn",
            (0, Quiet::Errors) => "error",
            (1, _) => "debug",
            _ => "trace",
        };
        // Whatever is kept quiet, a moved clock is told.
        let filter =
            EnvFilter::try_new(format!("{level},shiguan::test_clock=warn")).map_err(Failure::usage)?;
        let as_json = self.config.log.format == LogFormat::Json;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            // No colours: what could colour a line could also clear the screen.
            .with_ansi(false)
            // Its own report of a failed write would be an `eprintln!`, which panics.
            .with_writer(move || out::Log { as_json });
        match self.config.log.format {
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
            LogFormat::Text => builder.with_target(false).try_init(),
        }
        .map_err(Failure::run)?;
        if let Some(ms) = wall::shift_ms() {
            events::clock_shifted(ms);
        }
        Ok(())
    }

    pub(super) fn runtime(&self) -> Result<tokio::runtime::Runtime, Failure> {
        Ok(tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.config.archive.folder.join(DATABASE)
    }

    /// The writing half, on a thread of its own; makes the archive when there is none.
    pub(super) fn desk(&self) -> Result<Desk, Failure> {
        Ok(Desk::open(self.store()??)?)
    }

    /// The archive itself, for writing; the outer failure is about its folder.
    pub(super) fn store(&self) -> Result<Result<Store, StoreError>, Failure> {
        self.check_place()?;
        super::init::make_private(&self.config.archive.folder)?;
        let store = Store::open(&self.database());
        if let Ok(store) = &store {
            self.claim_place(store)?;
        }
        Ok(store)
    }

    /// The reading half; an archive must be there.
    pub(super) fn reader(&self) -> Result<Reader, Failure> {
        self.check_place()?;
        let database = self.database();
        if let Err(error) = database.try_exists() {
            return Err(
                Failure::run(format!("cannot reach {}: {error}", database.display()))
                    .hint("run shiguan as the user that the archive belongs to"),
            );
        }
        if !database.exists() {
            return Err(Failure::run(format!("no archive at {} yet", database.display()))
                .hint("fill it with `shiguan pull`"));
        }
        Ok(Reader::open(&database)?)
    }

    pub(super) fn companies(&self, only: Option<&str>) -> Result<Vec<&Company>, Failure> {
        let chosen: Vec<&Company> = self
            .config
            .companies
            .iter()
            .filter(|company| only.map_or(company.enabled, |name| name == company.name))
            .collect();
        if chosen.is_empty() {
            let known: Vec<&str> = self
                .config
                .companies
                .iter()
                .map(|company| company.name.as_str())
                .collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(match only {
                Some(name) => Failure::usage(format!(
                    "no company `{name}` in the configuration; it has: {known}"
                )),
                None => Failure::usage(format!(
                    "no company is enabled in {}; it has: {known}",
                    self.config.file().display()
                ))
                .hint("take the # off the [company.…] section and fill it in"),
            });
        }
        Ok(chosen)
    }

    /// The setups of all companies, or the failure of the first that has none.
    pub(super) fn setups(&self, only: Option<&str>) -> Result<Vec<Setup>, Failure> {
        self.attempts(only)?.into_iter().map(|(_, setup)| setup).collect()
    }

    /// Each company with its setup, or why it has none: a missing key folder of one is no reason to leave the others.
    pub(super) fn attempts(&self, only: Option<&str>) -> Result<Vec<Attempt<'_>>, Failure> {
        let companies = self.companies(only)?.into_iter();
        Ok(companies
            .map(|company| (company.name.as_str(), self.setup(company)))
            .collect())
    }

    fn setup(&self, company: &Company) -> Result<Setup, Failure> {
        let ring = self.ring(company)?;
        let fingerprints = ring
            .versions()
            .iter()
            .map(|key| (key.version, key.fingerprint.to_string()))
            .collect();
        let ring = ring.prepare(self.implementation()?, self.config.unseal.threads)?;
        let pull = &company.pull;
        Ok(Setup {
            name: company.name.clone(),
            corpid: company.corpid.clone(),
            ring: Arc::new(ring),
            fingerprints,
            source: self.source(company)?,
            children: match company.sdk.decrypt_children {
                0 => std::thread::available_parallelism().map_or(1, Into::into),
                asked => asked,
            },
            pulling: Pulling {
                limit: pull.limit,
                attempts: pull.retry_attempts,
                backoff: Duration::from_millis(pull.retry_backoff_ms),
                backoff_max: Duration::from_millis(pull.retry_backoff_max_ms),
                max_seq_jump: pull.max_seq_jump,
                gaps: false,
            },
            warn_after_hours: pull.window_warning_hours,
            forget_sealed_after_ms: match self.config.store.keep_sealed {
                KeepSealed::Always => None,
                KeepSealed::Days(days) => Some(i64::from(days) * 24 * 60 * 60 * 1000),
            },
            made_up: company.mock_corpus.is_some(),
        })
    }

    /// The configured RSA implementation.
    pub(super) fn implementation(&self) -> Result<Implementation, Failure> {
        self.config.unseal.implementation.parse().map_err(Failure::usage)
    }

    pub(super) fn ring(&self, company: &Company) -> Result<KeyRing, Failure> {
        let passphrase = self.passphrase(company)?;
        Ok(KeyRing::load_dir(&company.keys, passphrase.as_ref())?)
    }

    pub(super) fn passphrase(&self, company: &Company) -> Result<Option<Secret>, ConfigError> {
        company
            .key_passphrase
            .as_ref()
            .map(|source| self.read(source))
            .transpose()
    }

    /// The company's path for callbacks, when it has one; notifications notify `wake`.
    pub(super) fn door(&self, company: &Company, wake: Arc<Notify>) -> Result<Option<Door>, Failure> {
        let Some(secrets) = &company.callback else {
            return Ok(None);
        };
        let codec = Codec::new(
            self.read(&secrets.token)?,
            &self.read(&secrets.aes_key)?,
            self.corpid(company)?,
        )
        .map_err(|error| Failure::usage(format!("company {}: {error}", company.name)))?;
        let window = Duration::from_secs(u64::from(self.config.callback.window_seconds));
        Ok(Some(Door::new(company.name.clone(), codec, wake, window)))
    }

    /// The archive's Secret. The mock library takes any that is not empty.
    pub(super) fn secret(&self, company: &Company) -> Result<Secret, ConfigError> {
        match &company.secret {
            Some(source) => self.read(source),
            None => Ok(Secret::new("mock")),
        }
    }

    /// A variable of this process.
    pub(super) fn environment(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    pub(super) fn read(&self, source: &SecretSource) -> Result<Secret, ConfigError> {
        source.read(&self.environment)
    }

    /// The company's id, which is sent from here on.
    fn corpid(&self, company: &Company) -> Result<String, Failure> {
        match company.corpid_fault() {
            Some(fault) if company.mock_corpus.is_none() => Err(Failure::usage(fault)),
            _ => Ok(company.corpid.clone()),
        }
    }

    pub(super) fn source(&self, company: &Company) -> Result<source::Options, Failure> {
        let credentials = company
            .proxy_credentials
            .as_ref()
            .map(|source| self.read(source))
            .transpose()?;
        Ok(source::Options {
            mock_corpus: company.mock_corpus.clone(),
            pinned: company.sdk.sha256.clone(),
            inherit_proxy_env: company.sdk.inherit_proxy_environment,
            route: source::Route {
                proxy: company.proxy.clone().unwrap_or_default(),
                passwd: credentials.unwrap_or_default(),
                timeout_s: company.pull.timeout_seconds,
            },
            deadline_grace: Duration::from_secs(u64::from(company.sdk.deadline_grace_seconds)),
            decrypt_deadline: Duration::from_secs(u64::from(company.sdk.decrypt_deadline_seconds)),
            max_rss_bytes: company.sdk.max_resident_mib * 1024 * 1024,
            max_calls: company.sdk.max_calls,
            ..source::Options::new(
                std::env::current_exe()?,
                self.library(company)?,
                self.corpid(company)?,
                self.secret(company)?,
            )
        })
    }

    /// A client of the server API with every secret the company has; secrets that cannot be read are told now.
    pub(super) fn directory(&self, company: &Company) -> Result<directory::Client, Failure> {
        Ok(self.directory_over(company, self.shelf())?.0)
    }

    /// The same with tokens of its own, which nobody else uses or sees; with the options it was made of.
    pub(super) fn directory_alone(
        &self,
        company: &Company,
    ) -> Result<(directory::Client, directory::Options), Failure> {
        self.directory_over(company, Arc::new(directory::MemoryShelf::default()))
    }

    fn directory_over(
        &self,
        company: &Company,
        shelf: Arc<dyn directory::TokenShelf>,
    ) -> Result<(directory::Client, directory::Options), Failure> {
        let credential = |source: &Option<SecretSource>| -> Result<_, ConfigError> {
            source
                .as_ref()
                .map(|source| self.read(source).map(directory::Credential::Secret))
                .transpose()
        };
        let access = directory::Access {
            corpid: self.corpid(company)?,
            archive: credential(&company.secret)?,
            app: credential(&company.app_secret)?,
            contact: credential(&company.contact_secret)?,
            ..directory::Access::default()
        };
        // The company's credentials are for the company's proxy; another one does not get them.
        let proxy_credentials = match (&company.api.proxy, &company.proxy_credentials) {
            (None, Some(source)) => Some(self.read(source)?),
            _ => None,
        };
        let options = directory::Options {
            proxy: company.api.proxy.clone().or_else(|| company.proxy.clone()),
            proxy_credentials,
            ..api_options(&company.api)?
        };
        let client = directory::Client::with(
            options.clone(),
            access,
            shelf,
            Arc::new(directory::WallClock::default()),
        )?;
        Ok((client, options))
    }

    /// A client of the server API without any company, for calls that carry their own key.
    pub(super) fn directory_of_nobody(&self) -> Result<directory::Client, Failure> {
        Ok(directory::Client::new(
            api_options(&self.config.api)?,
            directory::Access::default(),
        )?)
    }

    /// Tokens are shared through a file beside the archive; without an archive, or when it cannot be opened, each
    /// process has its own.
    fn shelf(&self) -> Arc<dyn directory::TokenShelf> {
        let folder = &self.config.archive.folder;
        if folder.is_dir() {
            match TokenFile::open(&folder.join(TOKENS)) {
                Ok(file) => return Arc::new(SharedShelf(file)),
                Err(error) => tracing::warn!(%error, "cannot share tokens with other processes"),
            }
        }
        Arc::new(directory::MemoryShelf::default())
    }

    /// The configured library; for a mock corpus without one, the mock library beside this program.
    pub(super) fn library(&self, company: &Company) -> Result<PathBuf, Failure> {
        match (&company.sdk.library, &company.mock_corpus) {
            (Some(library), _) => Ok(library.clone()),
            (None, Some(_)) => mock_library(),
            (None, None) => Err(Failure::usage(format!(
                "company {}: `sdk.library` is not set, so there is no Finance SDK to load",
                company.name
            ))
            .hint("set it to the path of libWeWorkFinanceSdk_C.so, from the SDK package that WeCom's documentation offers")),
        }
    }
}

/// What `[api]` says about reaching the server API.
pub(super) fn api_options(api: &config::Api) -> Result<directory::Options, Failure> {
    let root_ca = api
        .root_ca
        .as_ref()
        .map(|path| {
            std::fs::read(path).map_err(|error| {
                Failure::usage(format!("api.root_ca: cannot read {}: {error}", path.display()))
            })
        })
        .transpose()?;
    let timeout = Duration::from_secs(u64::from(api.timeout_seconds));
    let defaults = directory::Options::default();
    Ok(directory::Options {
        host: api.host.clone(),
        proxy: api.proxy.clone(),
        root_ca,
        connect_timeout: defaults.connect_timeout.min(timeout),
        timeout,
        transfer_timeout: timeout * 10,
        user_agent: api
            .user_agent
            .clone()
            .unwrap_or_else(|| defaults.user_agent.clone()),
        ..defaults
    })
}

/// Where the build put the mock library.
pub(super) fn mock_library() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    sdk_mock::find_library(&program).ok_or_else(|| {
        Failure::run(format!("the mock library is not beside {}", program.display()))
            .hint("build it with `cargo build --release --workspace`")
    })
}

/// Moves this process's clock as a test asks for. Only where all conversations are made up, those that the archive holds
/// already as well as those that this configuration pulls: nobody can mislead an archive of WeCom's with it.
fn test_clock(config: &Config, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let Some(file) = environment.get(TEST_CLOCK).filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let refused = |why: String, hint: String| {
        Failure::usage(format!(
            "{TEST_CLOCK} moves the clock of the program, which is for tests of made-up conversations only; {why}"
        ))
        .hint(hint)
    };
    let real = |company: &&Company| company.mock_corpus.is_none();
    if let Some(real) = config.companies.iter().find(real) {
        let why = format!("company `{}` is none", real.name);
        return Err(refused(why, format!("unset {TEST_CLOCK}")));
    }
    let folder = &config.archive.folder;
    if let Some(name) = not_made_up(config, &folder.join(DATABASE))? {
        let why = format!(
            "the archive in {} holds company `{name}`, which is none",
            folder.display()
        );
        let hint = format!("unset {TEST_CLOCK}; a test needs an archive of its own (archive.folder)");
        return Err(refused(why, hint));
    }
    wall::shift_by(std::path::Path::new(file)).map_err(|why| Failure::usage(format!("{TEST_CLOCK}: {why}")))
}

/// A company of the archive that was pulled from WeCom once, or of which this configuration does not say that it is made
/// up.
fn not_made_up(config: &Config, database: &std::path::Path) -> Result<Option<String>, StoreError> {
    if !database.exists() {
        return Ok(None);
    }
    let reader = match Reader::open(database) {
        Ok(reader) => reader,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    for (id, name) in reader.companies()? {
        let said = config
            .company(&name)
            .is_some_and(|known| known.mock_corpus.is_some());
        if !said || reader.clock_memory(id)?.from_wecom {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The variables of this process that are UTF-8, read once and handed on as a value.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
