//! The fixed list of what people are told.

use serde::{Deserialize, Serialize};

use crate::{clock::By, ids::Millis};

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
    /// Nothing was pulled for longer than WeCom keeps records: some may be lost.
    WindowMissed = "window_missed",
    /// Records that `DecryptData` claimed to have opened and gave no message for.
    RecordUnreadable = "record_unreadable",
    /// Items of answers without a usable seq that nobody has looked at.
    StrayItems = "stray_items",
    /// `GetChatData` cannot deliver some records: holes in the stream.
    Unpullable = "unpullable",
    /// Ranges of the stream with records that WeCom has deleted before they could be pulled.
    RecordsLost = "records_lost",
    /// The cursor waits, because a seq is implausible.
    CursorHeld = "cursor_held",
    /// The clock of this machine and another witness of the time disagree.
    ClockDoubtful = "clock_doubtful",
    /// The lease of a company is held by something that does not end.
    LeaseStuck = "lease_stuck",
    /// A company of the configuration cannot be set up.
    CompanyUnusable = "company_unusable",
    /// The archive cannot be written.
    StoreUnwritable = "store_unwritable",
    /// What is stored is not what was written.
    ArchiveDamaged = "archive_damaged",
    /// Another library file answers than before.
    LibraryChanged = "library_changed",
}

impl Kind {
    /// True when only a person ends an incident of this kind: what happened cannot be undone, so no later look may
    /// call it over.
    pub fn needs_acknowledgement(self) -> bool {
        matches!(
            self,
            Self::WindowMissed | Self::RecordsLost | Self::LibraryChanged
        )
    }
}

/// Why the cursor waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// A seq so far ahead that the records between would be skipped if it were believed.
    Ahead,
    /// The stream now ends, or continues, below the cursor: WeCom may have begun to count anew.
    Below,
}

/// Incidents that were kept before windows could be uncertain.
fn certain() -> bool {
    true
}

/// One of them, with its facts. None of the texts is or holds a message or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields say what they are; each variant is described at its Kind"
)]
pub enum Alert {
    PullFailing {
        since: Millis,
        cause: String,
    },
    WindowInDanger {
        left_ms: i64,
        covered_until: Millis,
        #[serde(default = "certain")]
        is_certain: bool,
    },
    UnknownKeyVersion {
        version: u32,
        records: u64,
    },
    RecordsWaiting {
        records: u64,
        threshold: u64,
    },
    PoisonRecord {
        records: u64,
    },
    MediaExpiring {
        files: u64,
        soonest: Option<Millis>,
    },
    ConsentRefused {
        pairs: u64,
    },
    DiskBelowHeadroom {
        free_mib: u64,
        wanted_mib: u64,
    },
    AddressNotTrusted {
        code: i64,
        address: Option<String>,
    },
    ServiceExpired {
        code: i64,
    },
    WindowMissed {
        from: Millis,
        to: Millis,
        hours_beyond: i64,
    },
    RecordUnreadable {
        records: u64,
    },
    StrayItems {
        items: u64,
    },
    Unpullable {
        records: u64,
        first: u64,
        last: u64,
    },
    RecordsLost {
        gap: i64,
        first: u64,
        last: u64,
        cause: String,
    },
    CursorHeld {
        seq: u64,
        cursor: u64,
        held: Held,
    },
    ClockDoubtful {
        ours: Millis,
        witness: By,
        why: String,
    },
    LeaseStuck {
        holder: String,
        since: Millis,
        until: Millis,
    },
    CompanyUnusable {
        part: Part,
        cause: String,
    },
    StoreUnwritable {
        cause: String,
    },
    ArchiveDamaged {
        found: u64,
        at: Millis,
    },
    LibraryChanged {
        call: i64,
        at: Millis,
        was: String,
        now: String,
    },
}

/// The part of a company's configuration that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What pulling needs: library, keys, secret.
    Pull,
    /// What callbacks need: token and EncodingAESKey, and the listener.
    Callback,
}

impl Part {
    /// The word in subjects and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Callback => "callback",
        }
    }
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
            Self::WindowMissed { .. } => Kind::WindowMissed,
            Self::RecordUnreadable { .. } => Kind::RecordUnreadable,
            Self::StrayItems { .. } => Kind::StrayItems,
            Self::Unpullable { .. } => Kind::Unpullable,
            Self::RecordsLost { .. } => Kind::RecordsLost,
            Self::CursorHeld { .. } => Kind::CursorHeld,
            Self::ClockDoubtful { .. } => Kind::ClockDoubtful,
            Self::LeaseStuck { .. } => Kind::LeaseStuck,
            Self::CompanyUnusable { .. } => Kind::CompanyUnusable,
            Self::StoreUnwritable { .. } => Kind::StoreUnwritable,
            Self::ArchiveDamaged { .. } => Kind::ArchiveDamaged,
            Self::LibraryChanged { .. } => Kind::LibraryChanged,
        }
    }

    /// Tells incidents of one kind and company apart; empty where there can be only one.
    pub fn subject(&self) -> String {
        match self {
            Self::UnknownKeyVersion { version, .. } => version.to_string(),
            // Each missed window is an incident of its own: acknowledging one acknowledges no other.
            Self::WindowMissed { from, .. } => from.0.to_string(),
            Self::RecordsLost { gap, .. } => gap.to_string(),
            Self::LibraryChanged { call, .. } => call.to_string(),
            Self::CompanyUnusable { part, .. } => part.as_str().to_owned(),
            _ => String::new(),
        }
    }
}
