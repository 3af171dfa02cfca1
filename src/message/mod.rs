//! Bytes as opened become a typed [`Message`]: who, where, when, what can be searched, which files hang on it.
//!
//! Enters: the plaintext of one record. Leaves: a [`Message`], always; bytes that are not JSON become a message
//! with [`Flaws::not_json`] set and nothing else known. The bytes themselves stay the truth (promise 4): this
//! view is derived and can be derived again by a newer version.
//!
//! Must not know: where bytes come from or go, keys, SQL, clocks.

use crate::ids::Millis;

/// Where in a message a searchable text stands; the words of `in:` in the search language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// What somebody wrote or what a type shows as its text.
    Text,
    /// Names of files.
    Filename,
    /// Anything inside a forwarded conversation, at any depth.
    Forwarded,
    /// The quoted part of a reply.
    Quote,
    /// Cards: people, mini programs, channels.
    Card,
    /// Links: titles, descriptions, addresses.
    Link,
    /// String values of types that are not known.
    Other,
}

/// A set of [`Place`]s; a file name inside a forwarded conversation stands in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Places(pub u8);

/// One searchable text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// All the places this text counts for.
    pub places: Places,
    /// The text as it is, unfolded.
    pub text: String,
}

/// A file that hangs on a message, at any depth (everything that has an `sdkfileid`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// The type that carries it: `image`, `voice`, `file`, …
    pub kind: String,
    /// The bearer handle for `GetMediaData`; secret, never printed whole.
    pub sdkfileid: crate::secret::Secret,
    /// `md5sum` when announced and not empty, as received.
    pub md5: Option<String>,
    /// `filesize`, `voice_size` or `imagesize`.
    pub size: Option<u64>,
    /// `filename`, untrusted as a path.
    pub filename: Option<String>,
    /// `play_length` in seconds.
    pub seconds: Option<u64>,
    /// How many containers deep (0: the message itself).
    pub depth: u8,
}

/// Which kind of conversation a message belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Chat {
    /// A group, by its `roomid`.
    Room(String),
    /// The unordered set of people of a talk without a room, folded and sorted (normally a pair).
    People(Vec<String>),
}

/// Who can be in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Members of the company only, as far as ids and msgid tell.
    Internal,
    /// At least one external contact, or `_external` in the msgid.
    External,
    /// `_updown_stream` in the msgid.
    UpDown,
}

/// Which way a message went, seen from the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From an external contact.
    In,
    /// From a member or robot to an external contact.
    Out,
    /// Between members.
    Within,
    /// `switch` records and whatever names no sender.
    None,
}

/// What was not as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flaws {
    /// The bytes are no JSON object, even read leniently.
    pub not_json: bool,
    /// Strict reading failed, lenient reading succeeded (raw control bytes, lone surrogates, invalid UTF-8).
    pub lenient: bool,
    /// `msgtype` is none of the known ones.
    pub unknown_type: bool,
    /// A nested document did not parse and was kept as a string, or nesting was deeper than the bound.
    pub nested: bool,
}

/// Everything derived from one plaintext.
#[derive(Debug, Clone)]
pub struct Message {
    /// Inner `msgid`.
    pub msgid: String,
    /// `action` as received: `send`, `recall`, `switch`, or empty.
    pub action: String,
    /// `msgtype` as received; `switch` for the switch action, empty when unknown.
    pub msgtype: String,
    /// Sender's id (`from`, or `user` of a switch); empty when there is none.
    pub from: String,
    /// `tolist`, in order.
    pub to: Vec<String>,
    /// `msgtime` (or `time` of a switch); `None` when absent or 0.
    pub time: Option<Millis>,
    /// The conversation; `None` for switch records and bytes that are no message.
    pub chat: Option<Chat>,
    /// Internal, external or upstream/downstream.
    pub scope: Scope,
    /// Inbound, outbound or within.
    pub direction: Direction,
    /// Everything that can be searched.
    pub segments: Vec<Segment>,
    /// Every file at any depth.
    pub media: Vec<Media>,
    /// `pre_msgid` of a recall.
    pub recalls: Option<String>,
    /// What was not as documented.
    pub flaws: Flaws,
}
