//! The fixed list of what people are told.

use serde::{Deserialize, Serialize};

use crate::ids::Millis;

macro_rules! kinds {
    ($($(#[$about:meta])* $name:ident = $word:literal),* $(,)?) => {
        /// What kind of trouble it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[$about])* $name),* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in the store, in JSON and in logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// Reads the word back.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// Pulls have been failing for too long.
    PullFailing = "pull_failing",
    /// WeCom will soon delete what the archive lacks.
    WindowInDanger = "window_in_danger",
    /// Records are sealed with a key version that has no private key here.
    UnknownKeyVersion = "unknown_key_version",
    /// More records wait than is usual.
    RecordsWaiting = "records_waiting",
    /// Records took the SDK's process down.
    PoisonRecord = "poison_record",
    /// Files will soon be gone at WeCom.
    MediaExpiring = "media_expiring",
    /// Somebody does not agree to being archived.
    ConsentRefused = "consent_refused",
    /// The disk is nearly full.
    DiskBelowHeadroom = "disk_below_headroom",
    /// WeCom does not take calls from this address.
    AddressNotTrusted = "address_not_trusted",
    /// The archive service is expired or switched off: nothing is recorded.
    ServiceExpired = "service_expired",
}

/// One of them, with its facts. None of the texts is or holds a message or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields say what they are; each variant is described at its Kind"
)]
pub enum Alert {
    PullFailing { since: Millis, cause: String },
    WindowInDanger { left_ms: i64, covered_until: Millis },
    UnknownKeyVersion { version: u32, records: u64 },
    RecordsWaiting { records: u64, threshold: u64 },
    PoisonRecord { records: u64 },
    MediaExpiring { files: u64, soonest: Option<Millis> },
    ConsentRefused { pairs: u64 },
    DiskBelowHeadroom { free_mib: u64, wanted_mib: u64 },
    AddressNotTrusted { code: i64, address: Option<String> },
    ServiceExpired { code: i64 },
}

impl Alert {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::PullFailing { .. } => Kind::PullFailing,
            Self::WindowInDanger { .. } => Kind::WindowInDanger,
            Self::UnknownKeyVersion { .. } => Kind::UnknownKeyVersion,
            Self::RecordsWaiting { .. } => Kind::RecordsWaiting,
            Self::PoisonRecord { .. } => Kind::PoisonRecord,
            Self::MediaExpiring { .. } => Kind::MediaExpiring,
            Self::ConsentRefused { .. } => Kind::ConsentRefused,
            Self::DiskBelowHeadroom { .. } => Kind::DiskBelowHeadroom,
            Self::AddressNotTrusted { .. } => Kind::AddressNotTrusted,
            Self::ServiceExpired { .. } => Kind::ServiceExpired,
        }
    }

    /// Tells incidents of one kind and company apart; empty where there can be only one.
    pub fn subject(&self) -> String {
        match self {
            Self::UnknownKeyVersion { version, .. } => version.to_string(),
            _ => String::new(),
        }
    }
}
