//! Newtypes for the things that must not be mixed up. Leaf vocabulary: knows no room.

use std::fmt;

use serde::{Deserialize, Serialize};

pub mod boot;
pub mod wall;

/// Position in a company's archive stream (finance-sdk §5.2). Unsigned 64 bit, ascending, with gaps.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// `publickey_ver`: which upload of the company's public key sealed a record.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyVersion(pub u32);

/// How long WeCom keeps a record (finance-sdk §5.4, official).
pub const RETENTION_MS: i64 = 5 * 24 * 60 * 60 * 1000;

/// A moment as UTC milliseconds since 1970 (promise 10).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// A company's row in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CompanyId(pub i64);

/// A record's row in the store; also its document number in the text index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub i64);

/// One run of `pull`, `run`, `retry` or `demo` in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

impl Millis {
    /// Has this much time passed since `last`? A `last` in the future was written under a clock that was ahead, and says
    /// nothing: then it has.
    pub fn is_past(self, last: Self, span_ms: i64) -> bool {
        !(0..span_ms).contains(&self.0.saturating_sub(last.0))
    }

    /// The clock of this machine, which may be wrong: nothing irreversible may follow from it alone (see
    /// [`crate::clock`]). Rooms below `archive` and `cli` take time as a value instead.
    pub fn now() -> Self {
        Self(wall::now())
    }
}

macro_rules! shown_as_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
shown_as_number!(Seq, KeyVersion, Millis, RecordId);
