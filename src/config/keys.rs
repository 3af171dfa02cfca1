//! Every key there is, once. What is not in this list is an unknown key.
//!
//! Must not know: files, layers, the typed sections.

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or folder, relative to the folder of the configuration file.
    Path,
    /// A whole number within bounds, both included.
    Whole {
        /// Smallest.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// `true` or `false`.
    Switch,
    /// `true`, `false`, or `"auto"`: where it makes sense.
    Auto,
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// A name of the IANA time zone database.
    Zone,
    /// Five cron fields.
    Cron,
    /// The address of a proxy, without credentials.
    Proxy,
    /// The address of a host, `http` or `https`, without credentials.
    Address,
    /// SHA-256 of a file, in hexadecimal digits.
    Digest,
    /// Public keys of `age`; in the file an array of texts, elsewhere with blanks between them.
    Recipients,
    /// The name of an environment variable.
    Variable,
    /// An IP address and a port to listen on.
    Socket,
}

/// What holds when nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// A text.
    Text(&'static str),
    /// A number.
    Whole(i64),
    /// A switch.
    Switch(bool),
    /// Not set.
    None,
}

/// The tables of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `[archive]`
    Archive,
    /// `[log]`
    Log,
    /// `[pull]`
    Pull,
    /// `[sdk]`
    Sdk,
    /// `[unseal]`
    Unseal,
    /// `[store]`
    Store,
    /// `[backup]`
    Backup,
    /// `[media]`
    Media,
    /// `[callback]`
    Callback,
    /// `[api]`
    Api,
    /// `[directory]`
    Directory,
    /// `[consent]`
    Consent,
    /// `[alert]`
    Alert,
    /// `[alert.to.NAME]`
    Target,
    /// `[company.NAME]`
    Company,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The table it stands in.
    pub section: Section,
    /// Its name there.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// The unit of a number; empty when it counts things or is no number.
    pub unit: &'static str,
    /// True when `[company.NAME.<section>]` may say otherwise for one company.
    pub per_company: bool,
    /// What it is for, in one or two sentences.
    pub meaning: &'static str,
    /// A value to show where there is no default.
    pub example: &'static str,
}

impl Section {
    /// All tables, in the order of the file.
    pub const ALL: &[Self] = &[
        Self::Archive,
        Self::Log,
        Self::Pull,
        Self::Sdk,
        Self::Unseal,
        Self::Store,
        Self::Backup,
        Self::Media,
        Self::Callback,
        Self::Api,
        Self::Directory,
        Self::Consent,
        Self::Alert,
        Self::Target,
        Self::Company,
    ];

    /// The table's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Log => "log",
            Self::Pull => "pull",
            Self::Sdk => "sdk",
            Self::Unseal => "unseal",
            Self::Store => "store",
            Self::Backup => "backup",
            Self::Media => "media",
            Self::Callback => "callback",
            Self::Api => "api",
            Self::Directory => "directory",
            Self::Consent => "consent",
            Self::Alert => "alert",
            Self::Target => "alert.to",
            Self::Company => "company",
        }
    }

    /// What the table is about.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Archive => "Where the archive is, and how it speaks.",
            Self::Log => "What is told while it works. Never a secret, never a message.",
            Self::Pull => {
                "How records are fetched. Each key may be set for one company in `[company.NAME.pull]`."
            }
            Self::Sdk => "The official library and the child processes it runs in.",
            Self::Unseal => "How message keys are opened with the private keys.",
            Self::Store => "The database.",
            Self::Backup => "What `shiguan backup` does with what it writes.",
            Self::Media => {
                "The files that hang on messages: fetched by processes of their own, kept by their SHA-256 in a folder, or \
                 in an S3-compatible bucket when `s3_bucket` is set."
            }
            Self::Callback => {
                "Events that WeCom sends by itself (接收事件). Off until `listen` is set; then `shiguan run` answers at \
                 /callback/NAME for each company that has a callback token and key."
            }
            Self::Api => {
                "Calls to WeCom's server API: names, rooms, consent. Each key may be set for one company in \
                 `[company.NAME.api]`."
            }
            Self::Directory => {
                "Who people and rooms are: names, departments, remarks, tags, members of rooms, asked over the server API \
                 and kept as history. Each key may be set for one company in `[company.NAME.directory]`."
            }
            Self::Consent => {
                "Whether external people agreed to being archived: asked for by `shiguan run` and `shiguan consent \
                 check`. Each key may be set for one company in `[company.NAME.consent]`."
            }
            Self::Alert => {
                "When people are told that something needs them. `shiguan run` looks by itself, `shiguan pull` before and \
                 after; told is whoever stands in `[alert.to.NAME]`."
            }
            Self::Target => {
                "One table per target; NAME is yours to choose (a-z, 0-9, `-` and `_`). `shiguan alert test` sends each a \
                 message."
            }
            Self::Company => "One table per company; NAME is yours to choose (a-z, 0-9, `-` and `_`).",
        }
    }
}

impl Key {
    /// `pull.limit`, or `company.NAME.corpid` and `alert.to.NAME.kind` with a name put in.
    pub fn path(&self, company: &str) -> String {
        match self.section {
            Section::Company => format!("company.{company}.{}", self.name),
            Section::Target => format!("alert.to.{company}.{}", self.name),
            _ => format!("{}.{}", self.section.as_str(), self.name),
        }
    }

    /// `company.NAME.pull.limit`, for a key that a company may override.
    pub fn company_path(&self, company: &str) -> String {
        match self.section {
            Section::Company | Section::Target => self.path(company),
            _ => format!("company.{company}.{}.{}", self.section.as_str(), self.name),
        }
    }
}

/// Starts a declaration; the rest is said by the methods below, so that the list reads as a list.
const fn key(section: Section, name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        section,
        name,
        kind,
        default: Default::None,
        unit: "",
        per_company: false,
        meaning,
        example: "",
    }
}

impl Key {
    const fn text(mut self, default: &'static str) -> Self {
        self.default = Default::Text(default);
        self
    }

    const fn whole(mut self, default: i64, unit: &'static str) -> Self {
        self.default = Default::Whole(default);
        self.unit = unit;
        self
    }

    const fn switch(mut self, default: bool) -> Self {
        self.default = Default::Switch(default);
        self
    }

    const fn like(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    const fn per_company(mut self) -> Self {
        self.per_company = true;
        self
    }
}

const fn from(min: i64, max: i64) -> Kind {
    Kind::Whole { min, max }
}

use Section::{
    Alert, Api, Archive, Backup, Callback, Company, Consent, Directory, Log, Media, Pull, Sdk, Store, Target,
    Unseal,
};

/// A public key that reads like one and is nobody's here: refused where backups are encrypted.
pub const EXAMPLE_RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// The list.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key(Archive, "folder", Kind::Path,
        "Folder of the database and the media files.").text("data"),
    key(Archive, "timezone", Kind::Zone,
        "Zone in which dates are shown and understood. Stored is always UTC.").text("Asia/Shanghai"),
    key(Archive, "language", Kind::OneOf(&["zh", "en"]),
        "Language of what people read.").text("zh"),

    key(Log, "level", Kind::OneOf(&["error", "warn", "info", "debug", "trace"]),
        "The least important thing that is still told.").text("info"),
    key(Log, "format", Kind::OneOf(&["text", "json"]),
        "Lines for people, or one JSON object per line for programs.").text("text"),

    key(Pull, "limit", from(1, 1000),
        "The most records asked for per call. The server allows 1000; a run begins with 64, and asks for fewer while \
         messages are so long that a page would have more than 8 MiB.").whole(1000, "records").per_company(),
    key(Pull, "timeout_seconds", from(1, 600),
        "How long one call may take before the library gives up. The vendor suggests 5, which a full page over \
         a slow proxy exceeds each time anew; 20 still lets a clean stop end within the 30 seconds that service \
         managers commonly grant. 0, which would mean for ever, is refused.").whole(20, "seconds").per_company(),
    key(Pull, "interval_seconds", from(1, 86_400),
        "`shiguan run` pulls this long after the last pull ended. WeCom deletes after 5 days, so a day is the \
         longest.").whole(60, "seconds").per_company(),
    key(Pull, "cron", Kind::Cron,
        "Pull at these times instead of by interval: minute, hour, day of month, month, day of week, in \
         `archive.timezone`. A line that pauses for five days is refused: WeCom keeps records no longer.").like("*/5 * * * *").per_company(),
    key(Pull, "jitter_seconds", from(0, 3600),
        "Each pull starts up to this much later, by chance, so that several archives do not call at once.")
        .whole(5, "seconds").per_company(),
    key(Pull, "retry_attempts", from(0, 100),
        "Further tries after a failure that a retry can help (10001, 10002, 10003).").whole(5, "tries").per_company(),
    key(Pull, "retry_backoff_ms", from(1, 600_000),
        "Wait before the first further try; it doubles with each.").whole(500, "milliseconds").per_company(),
    key(Pull, "retry_backoff_max_ms", from(1, 3_600_000),
        "The longest wait between two tries.").whole(60_000, "milliseconds").per_company(),
    key(Pull, "max_seq_jump", from(1, 1_000_000_000),
        "How far a record's seq may lie above the one before it without a question. Above that WeCom is asked for the \
         record by number, and the cursor follows only if it is there. Raise it when the log often says that seqs were \
         confirmed: each question is a call.").whole(1000, "seqs").per_company(),
    key(Pull, "window_warning_hours", from(1, 119),
        "Warn when no pull has reached the end of the stream for so long. After 120 hours WeCom begins to delete what \
         came since.").whole(72, "hours").per_company(),

    key(Sdk, "library", Kind::Path,
        "The vendor's library, libWeWorkFinanceSdk_C.so.").like("lib/libWeWorkFinanceSdk_C.so").per_company(),
    key(Sdk, "sha256", Kind::Digest,
        "SHA-256 of the one library that may be loaded (`shiguan doctor` prints it). Another file is refused before it \
         is loaded. Without it any is taken.")
        .like("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").per_company(),
    key(Sdk, "decrypt_children", from(0, 64),
        "Child processes that decrypt message bodies. 0 means one per core.").whole(0, "processes"),
    key(Sdk, "deadline_grace_seconds", from(1, 300),
        "A call that has not come back this long after its timeout is taken for hung, and its process is \
         ended.").whole(5, "seconds"),
    key(Sdk, "decrypt_deadline_seconds", from(1, 300),
        "A record that has not been decrypted after this long is taken for hung. It waits as poison when it hangs \
         twice.").whole(10, "seconds"),
    key(Sdk, "max_resident_mib", from(64, 65_536),
        "A child larger than this is replaced between two calls, because the library may leak.").whole(512, "MiB"),
    key(Sdk, "max_calls", from(1, 1_000_000_000),
        "A child is replaced after this many calls, for the same reason.").whole(100_000, "calls"),
    key(Sdk, "inherit_proxy_environment", Kind::Switch,
        "Let https_proxy and all_proxy of the environment choose the route when no proxy is configured. Off, \
         so that the route is what this file says.").switch(false),

    key(Unseal, "implementation", Kind::OneOf(&["rsa-batch", "aws-lc-rs", "rsa"]),
        "Implementation of RSA: our own, eight records at a time where the processor has AVX-512 IFMA (AWS-LC \
         elsewhere); AWS-LC; or the slow reference.").text("rsa-batch"),
    key(Unseal, "threads", from(0, 1024),
        "Threads that open message keys. 0 means one per core.").whole(0, "threads"),

    key(Store, "archive_id", Kind::Text,
        "Id of the archive that must be there, as `shiguan stats` and `shiguan doctor` show it. An archive that is missing \
         (a disk that is not mounted) or another one is then an error, and no new one is begun in its place.")
        .like("0123456789abcdef0123456789abcdef"),
    key(Store, "keep_sealed", Kind::OneOf(&["days", "always", "never"]),
        "What becomes of a record's sealed original once it is open: kept for keep_sealed_days, always, or not at all. \
         The opened bytes and the hash of the original stay in any case; what is not open keeps its original.")
        .text("days"),
    key(Store, "keep_sealed_days", from(1, 36_500),
        "Days after opening for which sealed originals are kept with keep_sealed = \"days\". They go only while this \
         machine's clock is confirmed by others, and only behind a plaintext that was read back and is the record's \
         message.").whole(30, "days"),
    key(Store, "disk_headroom_mib", from(0, 1_073_741_824),
        "What stays free for records where the archive and its files are: files wait while less would be left, and `shiguan \
         doctor` and an alert say so.").whole(1024, "MiB"),
    key(Store, "verify_days", from(0, 3650),
        "`shiguan run` reads the whole archive again once in so many days, a share every day: records, index, files. What is \
         damaged is an alert. 0: not by itself; `shiguan verify` does it at once.").whole(30, "days"),

    key(Backup, "recipients", Kind::Recipients,
        "Public keys (`age1…`, from `age-keygen`) that backups are encrypted for; each can read all of them with its private \
         half, which has no place on this machine. Without any, backups lie as they are. A folder of backups is either \
         encrypted for these or not at all: other recipients begin a new folder.")
        .like(EXAMPLE_RECIPIENT),

    key(Media, "enabled", Kind::Auto,
        "Whether `shiguan run` fetches files by itself; auto: for every company, like true. `shiguan media get` fetches \
         them in any case.").text("auto"),
    key(Media, "folder", Kind::Path,
        "Folder of the files. Without it: media in `archive.folder`. With a bucket it holds only what is being \
         fetched.").like("/srv/shiguan/media"),
    key(Media, "children", from(1, 32),
        "Processes that fetch, a file each at a time, for each company.").whole(4, "processes"),
    key(Media, "deadline_days", from(1, 30),
        "Days after its message for which a file is asked for again and again. WeCom names no figure; reports go from 3 \
         days to 5.").whole(3, "days"),
    key(Media, "retry_limit", from(1, 1000),
        "Attempts after which a file that cannot be had is given up: at once when it is refused or harms, when its days \
         are over otherwise. Failures of the network do not count.").whole(8, "attempts"),
    key(Media, "retry_backoff_ms", from(1, 600_000),
        "Wait before the first further try; it doubles with each, up to an hour.").whole(1000, "milliseconds"),
    key(Media, "max_file_mib", from(1, 1_048_576),
        "A file larger than this is refused, so that one without an end does not fill the disk.").whole(4096, "MiB"),
    key(Media, "chunks_per_minute", from(0, 25_000),
        "Calls a minute at most for a company; WeCom allows 25,000. 0 means any number, for the mock library.")
        .whole(20_000, "calls"),
    key(Media, "silk_decoder", Kind::Text,
        "Program, with its arguments and without a shell, that reads SILK on its standard input and writes samples (16 bit, \
         24,000 a second) or WAV to its standard output. Without it voices in SILK are kept and have no form that browsers \
         play.")
        .like("rust-silk decode -i - -o - --quiet --tolerant silence"),
    key(Media, "s3_bucket", Kind::Text,
        "Bucket that keeps the files instead of the folder.").like("shiguan-media"),
    key(Media, "s3_endpoint", Kind::Address,
        "Where the S3-compatible service is. Without it: Amazon's own for the region.").like("https://s3.example"),
    key(Media, "s3_region", Kind::Text,
        "Its region; services with one region take any word.").text("us-east-1"),
    key(Media, "s3_prefix", Kind::Text,
        "In front of the name of every object, without a slash at its ends.").like("archive/media"),
    key(Media, "s3_path_style", Kind::Switch,
        "The bucket stands in the path of an address and not in its host, as most services of one's own want it.")
        .switch(true),
    key(Media, "s3_access_key", Kind::Text,
        "The id of the access key; the id alone opens nothing.").like("AKIAEXAMPLE"),
    key(Media, "s3_secret_key_file", Kind::Path,
        "File with the secret access key. Must be owner-only.").like("secrets/s3.key"),

    key(Callback, "listen", Kind::Socket,
        "Where `shiguan run` listens, over plain HTTP: put a reverse proxy that speaks TLS in front of it.")
        .like("127.0.0.1:8090"),
    key(Callback, "window_seconds", from(60, 7200),
        "A request whose timestamp is further from this machine's clock is refused, and a repetition within that \
         time too.").whole(600, "seconds"),
    key(Callback, "keep_days", from(1, 3650),
        "Events are kept so long after they came last; then they go, with what nobody has read again because of them.")
        .whole(90, "days"),

    key(Api, "host", Kind::Address,
        "Where WeCom's server API is; another one is a gateway of your own.")
        .text("https://qyapi.weixin.qq.com").per_company(),
    key(Api, "proxy", Kind::Proxy,
        "Proxy for these calls. Without it the company's `proxy`, with its credentials; they are not sent to this one.")
        .like("http://proxy.example:3128").per_company(),
    key(Api, "root_ca", Kind::Path,
        "File with further root certificates in PEM form, for a gateway or a proxy that opens TLS. The public ones \
         are compiled in.").like("ca.pem").per_company(),
    key(Api, "timeout_seconds", from(1, 600),
        "How long one call may take. Transfers of files get ten times as long.").whole(30, "seconds").per_company(),
    key(Api, "user_agent", Kind::Text,
        "What the calls name themselves, instead of the program's name and version.").like("our-archive/1").per_company(),

    key(Directory, "enabled", Kind::Auto,
        "Whether `shiguan run` asks who people and rooms are; auto: for companies with an app secret, or with a secret \
         and no made-up corpus.").text("auto").per_company(),
    key(Directory, "people_hours", from(1, 8760),
        "A person is asked about again after this long. Ids that appear for the first time are asked about at once.")
        .whole(24, "hours").per_company(),
    key(Directory, "rooms_hours", from(1, 8760),
        "The same for a room: who sits in it, what it is called.").whole(24, "hours").per_company(),
    key(Directory, "lists_hours", from(1, 8760),
        "The same for departments, tags, and the members whose conversations are recorded.")
        .whole(12, "hours").per_company(),
    key(Directory, "sweep_from", from(1, 100_000),
        "From so many unknown members, or customers, on the whole list is read instead of asking one by one.")
        .whole(20, "people").per_company(),
    key(Directory, "calls_per_pass", from(1, 100_000),
        "Calls that one pass may make; the rest waits for the next.").whole(500, "calls").per_company(),
    key(Directory, "interval_seconds", from(1, 86_400),
        "Pause between two passes. It grows tenfold while WeCom refuses or cannot be reached.")
        .whole(60, "seconds").per_company(),

    key(Consent, "enabled", Kind::Auto,
        "Whether `shiguan run` asks WeCom who agreed; auto: where the archive's Secret is there and the records are not \
         made up.").text("auto").per_company(),
    key(Consent, "refresh_hours", from(1, 8760),
        "An answer is asked for again when it is this old. New conversations are asked about at once.")
        .whole(24, "hours").per_company(),
    key(Consent, "calls_per_pass", from(1, 100_000),
        "The most calls before the rest has to wait for the next minute; one call is about a hundred single chats, or one \
         room.").whole(200, "calls").per_company(),

    key(Alert, "look_every_seconds", from(1, 3600),
        "`shiguan run` looks at the conditions this often.").whole(60, "seconds"),
    key(Alert, "calm_seconds", from(0, 86_400),
        "A condition must be gone this long before the all-clear; when it comes back meanwhile it is the same incident.")
        .whole(300, "seconds"),
    key(Alert, "remind_after_seconds", from(1, 2_592_000),
        "An incident that lasts is told again this often.").whole(86_400, "seconds"),
    key(Alert, "most_per_hour", from(1, 600),
        "Messages to one target within an hour; what is more is told together in a later one.").whole(20, "messages"),
    key(Alert, "pull_failing_minutes", from(0, 1440),
        "Tell when pulls have been failing for so long.").whole(30, "minutes"),
    key(Alert, "window_hours_left", from(1, 119),
        "Tell when so little is left of the five days after which WeCom deletes what the archive lacks.")
        .whole(48, "hours"),
    key(Alert, "media_hours_left", from(1, 720),
        "Tell when a file that is not fetched has so little left of `media.deadline_days`.").whole(24, "hours"),
    key(Alert, "waiting_above", from(0, 1_000_000_000),
        "Tell when more records than this are kept and cannot be opened.").whole(100, "records"),

    key(Target, "kind", Kind::OneOf(&["app", "robot", "webhook"]),
        "A message of the company's own app to members, a robot in a group (群机器人), or a signed request to any HTTP \
         server.").like("robot"),
    key(Target, "company", Kind::Text,
        "app: the company whose `app_secret_file` is used, when there are several.").like("acme"),
    key(Target, "agentid", from(0, 2_147_483_647),
        "app: AgentId of that app. 0 means none.").whole(0, ""),
    key(Target, "to_user", Kind::Text, "app: members by userid, joined by `|`; `@all` is everybody.").like("zhangsan|lisi"),
    key(Target, "to_party", Kind::Text, "app: departments by id, joined by `|`.").like("2"),
    key(Target, "to_tag", Kind::Text, "app: tags by id, joined by `|`.").like("5"),
    key(Target, "key_file", Kind::Path,
        "robot: file with the key, which stands behind `key=` in the robot's address. Must be owner-only.")
        .like("secrets/robot.key"),
    key(Target, "key_env", Kind::Variable,
        "robot: environment variable with that key, instead of a file.").like("WECOM_ROBOT_KEY"),
    key(Target, "url", Kind::Address, "webhook: where to send, without parameters.").like("https://duty.example/wecom"),
    key(Target, "secret_file", Kind::Path,
        "webhook: file with the secret that requests are signed with (HMAC-SHA256). Must be owner-only.")
        .like("secrets/webhook.secret"),
    key(Target, "secret_env", Kind::Variable,
        "webhook: environment variable with that secret, instead of a file.").like("WEBHOOK_SECRET"),
    key(Target, "proxy", Kind::Proxy,
        "webhook: proxy without credentials. Without it the connection is direct.").like("http://proxy.example:3128"),

    key(Company, "enabled", Kind::Switch,
        "Off: nothing is pulled for this company; what is stored stays readable.").switch(true),
    key(Company, "corpid", Kind::Text,
        "The company's id, 企业ID.").like("ww0123456789abcdef"),
    key(Company, "secret_file", Kind::Path,
        "File with the Secret of the archive itself (会话内容存档), not of an app. Must be owner-only: chmod 600.")
        .like("secrets/NAME.secret"),
    key(Company, "secret_env", Kind::Variable,
        "Environment variable with that Secret, instead of a file.").like("WECOM_SECRET"),
    key(Company, "app_secret_file", Kind::Path,
        "File with the Secret of an own app that may read members and is allowed for 客户联系 (可调用接口的应用): \
         names, customers, groups. Must be owner-only.").like("secrets/NAME.app"),
    key(Company, "app_secret_env", Kind::Variable,
        "Environment variable with that Secret, instead of a file.").like("WECOM_APP_SECRET"),
    key(Company, "contact_secret_file", Kind::Path,
        "File with the Secret of 通讯录同步, for the list of all members' ids. Must be owner-only.")
        .like("secrets/NAME.contact"),
    key(Company, "contact_secret_env", Kind::Variable,
        "Environment variable with that Secret, instead of a file.").like("WECOM_CONTACT_SECRET"),
    key(Company, "keys", Kind::Path,
        "Folder of the private keys, v1.pem, v2.pem and so on: the number is the version shown in the admin \
         console. Without it: keys/NAME.").like("keys/NAME"),
    key(Company, "key_passphrase_file", Kind::Path,
        "File with the passphrase of the private keys, when they have one. Must be owner-only.")
        .like("secrets/NAME.passphrase"),
    key(Company, "key_passphrase_env", Kind::Variable,
        "Environment variable with that passphrase, instead of a file.").like("WECOM_KEY_PASSPHRASE"),
    key(Company, "proxy", Kind::Proxy,
        "Proxy for the library: http, https, socks5 or socks5h. Without it the connection is direct.")
        .like("http://proxy.example:3128"),
    key(Company, "proxy_credentials_file", Kind::Path,
        "File with `user:password` for the proxy, each part percent-encoded. Must be owner-only.")
        .like("secrets/NAME.proxy"),
    key(Company, "proxy_credentials_env", Kind::Variable,
        "Environment variable with those credentials, instead of a file.").like("WECOM_PROXY_CREDENTIALS"),
    key(Company, "callback_token_file", Kind::Path,
        "File with the Token of the callback as entered in the admin console. Must be owner-only.")
        .like("secrets/NAME.callback-token"),
    key(Company, "callback_token_env", Kind::Variable,
        "Environment variable with that Token, instead of a file.").like("WECOM_CALLBACK_TOKEN"),
    key(Company, "callback_aes_key_file", Kind::Path,
        "File with the EncodingAESKey of the callback, 43 characters. Must be owner-only.")
        .like("secrets/NAME.callback-key"),
    key(Company, "callback_aes_key_env", Kind::Variable,
        "Environment variable with that EncodingAESKey, instead of a file.").like("WECOM_CALLBACK_AES_KEY"),
    key(Company, "mock_corpus", Kind::Path,
        "Folder of a made-up corpus (`shiguan mock generate`). The company is then pulled from it through the \
         mock library, unless `library` is set in `[company.NAME.sdk]`, and needs no secret.").like("corpus"),
];
