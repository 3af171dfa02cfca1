//! The configuration as types: what the other rooms' options are made from, by `cli` alone.
//!
//! Must not know: layers, files, how a value got here.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

use super::{alert::Alert, cron::Cron, layers::Layer, secrets::SecretSource};

/// Everything, checked and complete.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[archive]`
    pub archive: Archive,
    /// `[log]`
    pub log: Log,
    /// `[unseal]`
    pub unseal: Unseal,
    /// `[store]`
    pub store: Store,
    /// `[backup]`
    pub backup: Backup,
    /// `[media]`
    pub media: Media,
    /// `[callback]`
    pub callback: Callback,
    /// `[pull]`, for what belongs to no company.
    pub pull: Pull,
    /// `[sdk]`, for what belongs to no company.
    pub sdk: Sdk,
    /// `[api]`, for what belongs to no company.
    pub api: Api,
    /// `[directory]`, for what belongs to no company.
    pub directory: Directory,
    /// `[alert]` and `[alert.to.NAME]`
    pub alert: Alert,
    /// `[company.NAME]`, by name.
    pub companies: Vec<Company>,
    pub(super) file: PathBuf,
    pub(super) explained: Vec<Explained>,
}

/// Where the archive is, and how it speaks.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Folder of the database and the media files.
    pub folder: PathBuf,
    /// Zone of every date shown or asked for.
    pub timezone: TimeZone,
    /// Its name.
    pub timezone_name: String,
    /// Language of what people read.
    pub language: Language,
}

/// What is told while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least important thing that is still told.
    pub level: LogLevel,
    /// For people or for programs.
    pub format: LogFormat,
}

/// How records are fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Pull {
    /// Records per call, 1 to 1000.
    pub limit: u32,
    /// Seconds a call may take; never 0.
    pub timeout_seconds: u32,
    /// When `run` pulls.
    pub schedule: Schedule,
    /// Seconds by which a pull may start later.
    pub jitter_seconds: u32,
    /// Further tries after the first.
    pub retry_attempts: u32,
    /// Milliseconds before the first further try; doubles.
    pub retry_backoff_ms: u64,
    /// Milliseconds that wait grows to.
    pub retry_backoff_max_ms: u64,
    /// How far a seq may lie above the one before it without being asked about.
    pub max_seq_jump: u64,
    /// Hours since a pull last reached the end of the stream at which to warn.
    pub window_warning_hours: u32,
}

/// When `run` pulls.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// So many seconds after the last pull ended.
    Every(u32),
    /// At these times.
    Cron(Cron),
}

/// What `backup` does with what it writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// Public keys of `age`, with blanks between them; none leaves backups as they are.
    pub recipients: Option<String>,
}

/// The vendor's library and the processes it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdk {
    /// The library file; for a company with a `mock_corpus`, none means the mock library.
    pub library: Option<PathBuf>,
    /// SHA-256 of the only library that may be loaded, lower-case hex; none takes any.
    pub sha256: Option<String>,
    /// Decrypting processes; 0 means one per core.
    pub decrypt_children: usize,
    /// Seconds after its timeout at which a call is taken for hung.
    pub deadline_grace_seconds: u32,
    /// Seconds after which decrypting one record is taken for hung.
    pub decrypt_deadline_seconds: u32,
    /// MiB at which a child is replaced.
    pub max_resident_mib: u64,
    /// Calls after which a child is replaced.
    pub max_calls: u64,
    /// Whether proxy variables of the environment reach the library.
    pub inherit_proxy_environment: bool,
}

/// How message keys are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseal {
    /// `rsa-batch`, `aws-lc-rs` or `rsa`; reads as the unseal room's `Implementation`.
    pub implementation: String,
    /// Threads; 0 means one per core.
    pub threads: usize,
}

/// How long the sealed original of an opened record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepSealed {
    /// So many days after opening; 0 means not at all.
    Days(u32),
    /// For ever.
    Always,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The only archive that may be used; none takes any, and makes one where none is.
    pub archive_id: Option<String>,
    /// What becomes of sealed originals of opened records.
    pub keep_sealed: KeepSealed,
    /// Free MiB that files leave to the records, and below which `doctor` warns.
    pub disk_headroom_mib: u64,
    /// The whole archive is read again once in so many days; 0: not by itself.
    pub verify_days: u32,
}

/// Whether a thing is done by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// `true`
    Yes,
    /// `false`
    No,
    /// `"auto"`: where it makes sense.
    Auto,
}

impl Enabled {
    /// The decision, given whether it makes sense here.
    pub fn or(self, sensible: bool) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Auto => sensible,
        }
    }
}

/// The files that hang on messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Whether `run` fetches them; `auto` as `true`.
    pub enabled: Enabled,
    /// Where they are, or where they are being fetched.
    pub folder: PathBuf,
    /// Processes for each company.
    pub children: usize,
    /// Days for which a file is asked for.
    pub deadline_days: u32,
    /// Attempts after which it is given up.
    pub retry_limit: u32,
    /// Milliseconds before the first further try; doubles.
    pub retry_backoff_ms: u64,
    /// MiB above which a file is refused.
    pub max_file_mib: u64,
    /// Calls a minute; 0 means any number.
    pub chunks_per_minute: u32,
    /// Program that turns SILK into WAV, with its arguments.
    pub silk_decoder: Option<String>,
    /// The bucket in place of the folder.
    pub bucket: Option<MediaBucket>,
}

/// An S3-compatible bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaBucket {
    /// Its name.
    pub name: String,
    /// The service; none means Amazon's own.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// In front of the objects' names.
    pub prefix: String,
    /// The bucket stands in the path.
    pub path_style: bool,
    /// Id of the access key.
    pub access_key: String,
    /// The secret half of it.
    pub secret_key: SecretSource,
}

/// Events that WeCom sends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Callback {
    /// Where to listen; none means that nobody does.
    pub listen: Option<SocketAddr>,
    /// Seconds that a timestamp may be off, and for which repetitions are refused.
    pub window_seconds: u32,
    /// Days that events are kept.
    pub keep_days: u32,
}

/// What a company's callbacks are signed and sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSecrets {
    /// Token.
    pub token: SecretSource,
    /// EncodingAESKey.
    pub aes_key: SecretSource,
}

/// Calls to the server API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Scheme and host.
    pub host: String,
    /// Proxy without credentials; none means the company's.
    pub proxy: Option<String>,
    /// PEM file of further roots.
    pub root_ca: Option<PathBuf>,
    /// Seconds a call may take.
    pub timeout_seconds: u32,
    /// In place of the program's own name.
    pub user_agent: Option<String>,
}

/// Who people and rooms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    /// Whether `run` asks; `auto`: wherever it can.
    pub enabled: Enabled,
    /// Age in hours at which a person is asked about again.
    pub people_hours: u32,
    /// The same for a room.
    pub rooms_hours: u32,
    /// The same for lists.
    pub lists_hours: u32,
    /// From so many people on the list is read.
    pub sweep_from: u32,
    /// Calls of one pass.
    pub calls_per_pass: u32,
    /// Seconds between two passes.
    pub interval_seconds: u32,
}

/// Whether external people agreed to being archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Whether `run` asks; `auto`: wherever it can.
    pub enabled: Enabled,
    /// Hours after which an answer is asked for again.
    pub refresh_hours: u32,
    /// Most calls of one pass.
    pub calls_per_pass: u32,
}

/// One company.
#[derive(Debug, Clone)]
pub struct Company {
    /// Its name in the file.
    pub name: String,
    /// False: nothing is pulled for it.
    pub enabled: bool,
    /// 企业ID.
    pub corpid: String,
    /// The archive's Secret; none only with a `mock_corpus`.
    pub secret: Option<SecretSource>,
    /// The Secret of an own app.
    pub app_secret: Option<SecretSource>,
    /// The Secret of 通讯录同步.
    pub contact_secret: Option<SecretSource>,
    /// Folder of the private keys.
    pub keys: PathBuf,
    /// Passphrase of the private keys.
    pub key_passphrase: Option<SecretSource>,
    /// Proxy without credentials.
    pub proxy: Option<String>,
    /// `user:password` for it.
    pub proxy_credentials: Option<SecretSource>,
    /// For its callbacks; none when it has no path to call.
    pub callback: Option<CallbackSecrets>,
    /// Corpus of the mock library.
    pub mock_corpus: Option<PathBuf>,
    /// `[pull]` with this company's own values laid over it.
    pub pull: Pull,
    /// `[sdk]` with this company's own library.
    pub sdk: Sdk,
    /// `[api]` with this company's own values laid over it.
    pub api: Api,
    /// `[directory]` with this company's own values laid over it.
    pub directory: Directory,
    /// `[consent]` with this company's own values laid over it.
    pub consent: Consent,
}

impl Company {
    /// Why its id is none that WeCom could know: what `init` writes in its place was never filled in.
    pub fn corpid_fault(&self) -> Option<String> {
        super::shape::is_placeholder(&self.corpid).then(|| {
            format!(
                "`company.{}.corpid` is still the placeholder \"{}\"; write 企业ID there, from the page 我的企业 of the \
                 admin console",
                self.name, self.corpid
            )
        })
    }
}

/// One value and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The path, e.g. `pull.limit` or `company.acme.pull.limit`.
    pub key: String,
    /// What is in force; empty when nothing is set. Secrets are never values, only the places they are in.
    pub value: String,
    /// Which layer said so.
    pub layer: Layer,
    /// Where: `default`, `shiguan.toml:12`, a variable, or `--set key`.
    pub source: String,
}

impl Config {
    /// Every value in force and who said it, in the order of the reference.
    pub fn explain(&self) -> &[Explained] {
        &self.explained
    }

    /// The company of that name.
    pub fn company(&self, name: &str) -> Option<&Company> {
        self.companies.iter().find(|company| company.name == name)
    }

    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$what])* $variant),* }

        impl $name {
            /// The word in the file.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub(super) fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words!(
    /// Language of what people read.
    Language {
        /// 中文
        Chinese = "zh",
        /// English
        English = "en",
    }
);
words!(
    /// How important a thing must be to be told.
    LogLevel {
        /// Something failed.
        Error = "error",
        /// Something will.
        Warn = "warn",
        /// What operators follow.
        Info = "info",
        /// What engineers follow.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
);
words!(
    /// Form of a log line.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
);
