//! What the store says about files, and what it is told about them.

use std::fmt;

use crate::{
    ids::{CompanyId, Millis, RecordId, Seq},
    secret::Secret,
};

/// What became of a file. Each file is in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaState {
    /// Not begun, or to be begun anew.
    Pending,
    /// Begun; a part lies ready to go on from.
    Partial,
    /// Whole, and as announced.
    Kept,
    /// Whole, and not as announced, also when fetched again.
    Differs,
    /// WeCom no longer has it.
    Expired,
    /// It cannot be fetched, whenever it is asked for.
    Refused,
    /// It could not be fetched while there was time.
    Gone,
}

impl MediaState {
    /// All of them, in the order of their life.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Partial,
        Self::Kept,
        Self::Differs,
        Self::Expired,
        Self::Refused,
        Self::Gone,
    ];

    /// The word on screens, in JSON and in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Partial => "partial",
            Self::Kept => "kept",
            Self::Differs => "differs",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Gone => "gone",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// False while it is still to be fetched.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Pending | Self::Partial)
    }

    /// True when its bytes are in the vault.
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Kept | Self::Differs)
    }
}

impl fmt::Display for MediaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What `media:` asks for: messages with at least one file of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaAsk {
    /// Its bytes are not in the vault, for whatever reason.
    Missing,
    /// It is in this state.
    In(MediaState),
}

/// A file's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub i64);

/// Bytes in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Their name in the vault.
    pub sha256: [u8; 32],
    /// To compare with what messages announce.
    pub md5: [u8; 16],
    /// How many.
    pub bytes: u64,
    /// Their type by the first bytes.
    pub mime: String,
    /// The ending that goes with it; empty when the type is not known.
    pub ending: String,
}

/// Bytes that came whole, and for a voice the form that browsers play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The file itself.
    pub content: Content,
    /// The same to be heard in a browser, kept beside it.
    pub playable: Option<Content>,
    /// Why there is no such form, for a voice without one.
    pub silent: String,
}

/// A file of a message as the archive knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// Its row.
    pub id: FileId,
    /// Whose it is.
    pub company: CompanyId,
    /// The message it hangs on.
    pub record: RecordId,
    /// That message's position.
    pub seq: Seq,
    /// That message's outer msgid.
    pub msgid: String,
    /// Which of the message's files, from 0.
    pub ord: u32,
    /// `image`, `voice`, `file`, …
    pub kind: String,
    /// `filename` as received; never a path.
    pub filename: Option<String>,
    /// `md5sum` as announced.
    pub md5: Option<String>,
    /// Size as announced.
    pub size: Option<u64>,
    /// When it was sent (or landed, when that is not known).
    pub since: Millis,
    /// What became of it.
    pub state: MediaState,
    /// Why, for people; empty when there is nothing to say.
    pub detail: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// Not before this time; 0 for at once.
    pub next_try: Millis,
    /// Bytes that lie ready, of a file that is not whole.
    pub have: u64,
    /// Its bytes, when they are kept.
    pub fetched: Option<Fetched>,
}

/// A file to be fetched now.
#[derive(Clone)]
pub struct MediaTask {
    /// Its row.
    pub id: FileId,
    /// The message it hangs on.
    pub seq: Seq,
    /// What it is fetched with; a bearer secret. Empty when the message, read again, names no such file any more.
    pub handle: Secret,
    /// Why the message that names it cannot be read at present; then there is no handle.
    pub unreadable: Option<String>,
    /// `md5sum` as announced.
    pub md5: Option<String>,
    /// Size as announced.
    pub size: Option<u64>,
    /// When it was sent.
    pub since: Millis,
    /// Attempts that failed and say something about the file.
    pub attempts: u32,
    /// Attempts that failed and say nothing about it: the network, or a refusal that would concern every file.
    pub setbacks: u32,
    /// Attempts that ended whole and not as announced.
    pub differed: u32,
    /// When it came due; 0 when it does not wait after a failure.
    pub next_try: Millis,
    /// Bytes that lie ready.
    pub have: u64,
    /// Where to go on.
    pub cursor: Secret,
}

/// Prints what may be printed: neither handle nor cursor.
impl fmt::Debug for MediaTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaTask")
            .field("id", &self.id)
            .field("seq", &self.seq)
            .field("attempts", &self.attempts)
            .field("have", &self.have)
            .finish_non_exhaustive()
    }
}

/// A file that is not whole: where it stands and when to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Bytes that lie ready; 0 to begin anew.
    pub have: u64,
    /// Where to go on.
    pub cursor: Secret,
    /// Attempts that failed and say something about the file.
    pub attempts: u32,
    /// Attempts that failed and say nothing about it: the network, or a refusal that would concern every file.
    pub setbacks: u32,
    /// Attempts that ended whole and not as announced.
    pub differed: u32,
    /// Not before this time.
    pub next_try: Millis,
    /// Why it is not whole.
    pub detail: String,
}

/// Which files go back to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Those that wait for their next try need not wait.
    Waiting,
    /// All files of this message that are not kept as announced, from the beginning and whatever was found out.
    Record(RecordId),
}

/// Which files to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaList {
    /// Of this company only.
    pub company: Option<CompanyId>,
    /// In this state only.
    pub state: Option<MediaState>,
    /// Behind this row.
    pub after: Option<FileId>,
}
