//! Where records come from: nursing the children that hold the vendor library, pulling by sequence number, opening
//! bodies, fetching media chunks.
//!
//! ```text
//!   Puller ──────┐                    ┌─ post: one desk with a child, restarted and recycled
//!   Decryptors ──┼─► post ─► child ───┤  child: process, frames, deadlines, cause of death
//!   Media ───────┘    page: an answer's JSON to `Sealed` records
//! ```
//!
//! A child's death is an ordinary event here (promise 3): it is classified, counted, its culprit is named by the
//! marker file, everything else of the batch is done again, the culprit alone, and a second death makes it `poison`.
//!
//! A file that must not be decoded in this process goes through a program of the operator's own ([`Filter`]).
//!
//! Enters: [`Options`], sequence numbers, envelopes whose key is already opened. Leaves: sealed records, plaintext
//! bytes, chunks, or an error sorted by who must act.
//! Must not know: private keys, what a plaintext means, SQL, configuration files.

mod child;
mod death;
mod decrypt;
mod diagnostics;
mod error;
mod filter;
mod inspect;
mod leftover;
mod media;
mod nursery;
pub mod page;
pub mod pin;
mod post;
mod puller;
mod scan;

use std::path::PathBuf;
use std::time::Duration;

pub use death::{Death, Deaths};
pub use decrypt::{Decryptors, Envelope};
pub use error::{Call, Error};
pub use filter::{Filter, FilterError};
pub use inspect::{Inspection, inspect};
pub use media::{Chunk, Media};
pub use page::Page;
pub use puller::Puller;

use crate::secret::Secret;

/// Everything a child needs and how long it may take. Given by `cli`; no room reads a configuration itself.
#[derive(Debug, Clone)]
pub struct Options {
    /// This program, started again as the child.
    pub program: PathBuf,
    /// The SDK's shared object.
    pub library: PathBuf,
    /// SHA-256 of the only file that may be loaded as it, lower-case hex; `None` takes any.
    pub pinned: Option<String>,
    /// The company.
    pub corpid: String,
    /// The archive's own secret; travels through a pipe, never through arguments or the environment.
    pub secret: Secret,
    /// Corpus folder for the mock library; becomes `SHIGUAN_MOCK_CORPUS` in the child.
    pub mock_corpus: Option<PathBuf>,
    /// Leaves the proxy variables of this process to the child (finance-sdk §8); otherwise none reaches it.
    pub inherit_proxy_env: bool,
    /// How the SDK reaches WeCom.
    pub route: Route,
    /// Time on top of the SDK's own timeout before a network call counts as hung. The timeout itself is granted
    /// twice, since a call may have to fetch an access token first.
    pub deadline_grace: Duration,
    /// How long one record may take to open before its child counts as hung.
    pub decrypt_deadline: Duration,
    /// A child whose resident size passes this is replaced before its next call; 0 for never.
    pub max_rss_bytes: u64,
    /// A child that has made this many native calls is replaced before its next one; 0 for never.
    pub max_calls: u64,
    /// Checks keys and bodies before they reach the SDK, which aborts on a short body (finance-sdk §7). Off only in
    /// tests of what happens then.
    pub guard: bool,
}

impl Options {
    /// The usual limits for a company: direct route, 5 seconds, 1 GiB, guard on.
    pub fn new(program: PathBuf, library: PathBuf, corpid: impl Into<String>, secret: Secret) -> Self {
        Self {
            program,
            library,
            pinned: None,
            corpid: corpid.into(),
            secret,
            mock_corpus: None,
            inherit_proxy_env: false,
            route: Route::default(),
            deadline_grace: Duration::from_secs(5),
            decrypt_deadline: Duration::from_secs(10),
            max_rss_bytes: 1 << 30,
            max_calls: 1_000_000,
            guard: true,
        }
    }
}

/// The SDK's network arguments (finance-sdk §5.1, §8).
#[derive(Debug, Clone)]
pub struct Route {
    /// `http://host:port`, `socks5://host:port`, `socks5h://host:port`; empty for none.
    pub proxy: String,
    /// `user:password`, percent-encoded where needed; empty for none.
    pub passwd: Secret,
    /// Seconds per request; never 0, which would mean for ever.
    pub timeout_s: u32,
}

impl Default for Route {
    /// No proxy, and the 5 seconds WeCom recommends.
    fn default() -> Self {
        Self {
            proxy: String::new(),
            passwd: Secret::default(),
            timeout_s: 5,
        }
    }
}

/// Which library file answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}
