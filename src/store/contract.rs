//! The values that cross the store's door, and nothing about the engine behind it.

use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId, RunId, Seq},
    message::{Message, Place},
    record::{Reason, Sealed, Waiting},
};

/// Proof that this process is the company's one puller; `land` refuses without a live one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose records it lets in.
    pub company: CompanyId,
    /// Host, process and start time of the holder.
    pub holder: String,
    /// Grows by one whenever the lease changes hands; a stale holder is fenced off by it.
    pub term: i64,
}

/// One call of `GetChatData`, kept for ever (promise 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullCall {
    /// The run it belongs to.
    pub run: RunId,
    /// Exclusive lower bound asked for.
    pub asked: Seq,
    /// `limit` asked for.
    pub limit: u32,
    /// Smallest and greatest seq of the answer.
    pub first: Option<Seq>,
    /// Greatest seq of the answer.
    pub last: Option<Seq>,
    /// Items in the answer.
    pub count: u32,
    /// The function's return code.
    pub code: i32,
    /// The `errcode` inside the answer.
    pub errcode: i64,
    /// `ok`, `empty`, `torn`, or the error in a word.
    pub outcome: String,
    /// SHA-256 of the library file that answered, hex.
    pub sdk_build: String,
    /// When the call began.
    pub at: Millis,
    /// How long it took.
    pub took_ms: u64,
}

/// What landing a page did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// New rows, in page order: row and index into the page.
    pub fresh: Vec<(RecordId, usize)>,
    /// Already there, byte for byte.
    pub duplicate: u64,
    /// Same seq, other bytes: kept beside the first; opened instead of it when the first still waits
    /// (then also listed in `fresh`).
    pub changed: u64,
    /// Items without a usable seq, kept raw.
    pub stray: u64,
}

/// A landed record that is to be opened.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its row.
    pub id: RecordId,
    /// What was landed.
    pub sealed: Sealed,
}

/// What became of a pending record.
#[derive(Debug)]
pub enum Verdict {
    /// Opened: the bytes, and what they say.
    Opened {
        /// Verbatim, as `DecryptData` returned them.
        plaintext: Vec<u8>,
        /// Derived from them.
        message: Box<Message>,
        /// The inner `msgid` is not the record's.
        msgid_differs: bool,
    },
    /// Still closed, with a reason.
    Waiting(Waiting),
}

/// A verdict and the row it is about.
#[derive(Debug)]
pub struct Outcome {
    /// The row.
    pub id: RecordId,
    /// What became of it.
    pub verdict: Verdict,
}

/// What `settle` wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rows that are open now.
    pub opened: u64,
    /// Rows that wait now, by reason.
    pub waiting: Vec<(Reason, u64)>,
    /// Rows that were not `sealed` any more and were left alone.
    pub stale: u64,
}

/// Which waiting records go back to `sealed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Every waiting record (an operator's `retry`).
    All,
    /// Those of one reason.
    Reason(Reason),
    /// Those of one seq.
    Seq(Seq),
    /// `no_key` and `key_mismatch` of one version whose key, by fingerprint, was not tried on them yet.
    KeyArrived {
        /// The version that has a key now.
        version: KeyVersion,
        /// SHA-256 of its public key, hex.
        fingerprint: String,
    },
    /// `refused` and `poison` (and `key_mismatch` told by the SDK) last tried with another library build.
    OtherBuild(String),
}

/// The books of one run (promise 6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// Records in the answers of the SDK.
    pub received: u64,
    /// New rows.
    pub stored: u64,
    /// Records opened by this run.
    pub opened: u64,
    /// Records that were there already.
    pub duplicate: u64,
    /// Same seq, other bytes.
    pub changed: u64,
    /// Items without a usable seq.
    pub stray: u64,
    /// Records this run leaves waiting, by reason.
    pub waiting: Vec<(Reason, u64)>,
    /// Calls of `GetChatData`.
    pub calls: u64,
}

/// A question to the archive: what `search` parses and the store answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Everything.
    All,
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// Messages with this substring in one of the places (empty: anywhere).
    Text {
        /// As typed; folding is the store's part.
        needle: String,
        /// Restricts the match.
        places: Vec<Place>,
    },
    /// Sent by this id.
    From(String),
    /// Received by this id.
    To(String),
    /// Sent or received by this id.
    With(String),
    /// In this room (`roomid`).
    Room(String),
    /// Of this `msgtype`.
    Type(String),
    /// Recalled by a later (or earlier) record; with a bound, within so many milliseconds.
    Recalled {
        /// Longest time between message and recall.
        within_ms: Option<i64>,
    },
    /// External conversation.
    External,
    /// Internal conversation.
    Internal,
    /// In a room.
    Group,
    /// Not in a room.
    Single,
    /// `msgtime` in `from..to`, either side open.
    Time {
        /// First millisecond.
        from: Option<Millis>,
        /// First millisecond after.
        to: Option<Millis>,
    },
    /// Carries any file.
    HasMedia,
    /// Carries a file of type `file`, `qydiskfile` or `voip_doc_share`.
    HasFile,
    /// Carries a link.
    HasLink,
    /// This position (inclusive range).
    Seq(Seq, Seq),
    /// This msgid (inner or outer).
    Msgid(String),
}

/// Order of a result list, by time of the message, then by seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Latest message first.
    #[default]
    NewestFirst,
    /// Earliest message first.
    OldestFirst,
}

/// Where a page of results ended; the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageKey {
    /// Time of the last row shown (0: none).
    pub time: i64,
    /// Its row.
    pub id: RecordId,
}
