//! The values that cross the store's door, and nothing about the engine behind it.

pub mod ask;
mod consent;
pub mod digest;

pub use consent::{
    Asked, AskingState, ClosedOn, Due, Gathered, HeldEver, HeldRoom, HeldSingle, InScope, Known, Learnt,
    Question, Silent, SubjectRow,
};
pub mod heard;
mod media;

pub use media::{
    Again, Content, Fetched, FileId, Later, MediaAsk, MediaFile, MediaList, MediaState, MediaTask,
};

use std::collections::HashSet;

use crate::{
    consent::Standing,
    ids::{CompanyId, KeyVersion, Millis, RecordId, RunId, Seq},
    message::{Direction, Flaws, Message, Place, Scope},
    record::{Reason, Sealed, Waiting},
    words::{Alike, Pattern},
};

pub mod people;
pub mod verify;

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

/// Another process's lease that keeps this one from pulling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInTheWay {
    /// Host, process and start time of the holder.
    pub holder: String,
    /// When it ends unless renewed, by the clock of its holder.
    pub until: Millis,
    /// When it was first in the way, without having changed hands since.
    pub since: Millis,
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

impl PullCall {
    /// Outcome of a call that only compares what WeCom has with the archive.
    pub const CHECKED: &'static str = "checked";
    /// Outcome of a question about a seq: WeCom returned that record.
    pub const CONFIRMED: &'static str = "confirmed";
    /// Outcome of a question about a seq: WeCom returned another record, or none.
    pub const REFUTED: &'static str = "refuted";
    /// Outcomes of calls that ask something and bring nothing into the archive, whatever they return.
    pub const CHECKS: [&'static str; 3] = [Self::CHECKED, Self::CONFIRMED, Self::REFUTED];
}

/// A page to land, and what was concluded from it.
#[derive(Debug, Clone, Copy)]
pub struct Landing<'p> {
    /// The run that lands it.
    pub run: RunId,
    /// When it came.
    pub at: Millis,
    /// The call that brought it; `None` when only a conclusion is to be kept.
    pub call: Option<&'p PullCall>,
    /// Its records, in the answer's order.
    pub records: &'p [Sealed],
    /// Items without a usable seq, byte for byte.
    pub strays: &'p [Vec<u8>],
    /// What follows from it.
    pub concluded: &'p Concluded,
}

/// What follows from a page besides its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concluded {
    /// Records, by index, whose seq cannot be right, and where the cursor stays because of each.
    pub doubtful: Vec<(usize, Seq)>,
    /// What becomes of the cursor.
    pub cursor: CursorMove,
    /// The seqs that the page accounts for: what is on the ledger as skipped leaves it as far as it lies inside.
    pub covers: Option<SeqRange>,
    /// The clock agrees with others, so that what lies in front of the first record may be called lost.
    pub clock_agrees: bool,
    /// Ranges that turned out not to be seen.
    pub gaps: Vec<NewGap>,
    /// The records above this seq are in doubt: the cursor followed a seq that was not right.
    pub doubt_above: Option<Seq>,
}

/// What landing does to the cursor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CursorMove {
    /// It stays where it is.
    #[default]
    Stay,
    /// It becomes the greatest seq among itself and this.
    UpTo(Seq),
    /// It goes back to this: it was wrong, or the stream began again.
    BackTo(Seq),
}

/// Seqs from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqRange {
    /// The first.
    pub first: Seq,
    /// The last.
    pub last: Seq,
}

/// Why a range of the stream was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapKind {
    /// Somebody skipped it with `--from-seq`.
    Skipped,
    /// `GetChatData` cannot deliver the record in it.
    Unpullable,
    /// WeCom's five days had passed before anybody asked.
    Expired,
    /// WeCom's own numbering jumped over it, and confirmed the jump.
    Jump,
    /// The cursor stood behind it and was wrong; it is read again.
    Rewound,
}

impl GapKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Skipped,
        Self::Unpullable,
        Self::Expired,
        Self::Jump,
        Self::Rewound,
    ];

    /// The word in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Unpullable => "unpullable",
            Self::Expired => "expired",
            Self::Jump => "jump",
            Self::Rewound => "rewound",
        }
    }

    /// True when records may be missing in such a range until it was seen.
    pub fn may_miss_records(self) -> bool {
        matches!(self, Self::Skipped | Self::Unpullable | Self::Expired)
    }
}

/// A range that was not seen, as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGap {
    /// Why.
    pub kind: GapKind,
    /// Which seqs.
    pub range: SeqRange,
    /// What happened, for people.
    pub cause: String,
}

/// What became of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapState {
    /// Not seen yet.
    Open,
    /// Seen since, or harmless from the beginning.
    Closed,
    /// Cannot be had any more.
    Lost,
}

impl GapState {
    /// The word in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Lost => "lost",
        }
    }
}

/// A range of the stream that was not seen, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its row.
    pub id: i64,
    /// Whose stream it is.
    pub company: CompanyId,
    /// The run that found it.
    pub run: RunId,
    /// Why.
    pub kind: GapKind,
    /// Which seqs.
    pub range: SeqRange,
    /// What happened, for people.
    pub cause: String,
    /// When it was found.
    pub found: Millis,
    /// How often it was asked for again.
    pub tries: u32,
    /// When it is asked for again, at the earliest.
    pub next_try: Millis,
    /// What became of it.
    pub state: GapState,
    /// When it was closed or given up.
    pub ended: Option<Millis>,
}

/// What came of asking for a hole again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoleTried {
    /// Parts that are still missing, in order, and why.
    pub still_failing: Vec<(SeqRange, String)>,
    /// When it is asked for again, at the earliest; `None`: it was not asked through, which is no try.
    pub next_try: Option<Millis>,
    /// WeCom has deleted it by now: what still fails is lost.
    pub is_given_up: bool,
}

/// Open gaps in which records may be missing, strays, and seqs in doubt: what is kept aside and is no record's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Aside {
    /// Items without a usable seq of which nobody knows what they are.
    pub strays: u64,
    /// Holes: ranges, of one record nearly always, that `GetChatData` cannot deliver and that are still asked for.
    pub unpullable: u64,
    /// Other ranges that were not seen.
    pub unseen: u64,
    /// Ranges that cannot be had any more.
    pub lost: u64,
    /// Those of them with records that were given up and that nobody has acknowledged (`shiguan alert ack`).
    pub lost_unacknowledged: u64,
    /// Records with a seq that cannot be right.
    pub doubtful_seqs: u64,
}

impl Aside {
    /// True when something is missing or waits for a person.
    pub fn is_incomplete(&self) -> bool {
        self.strays + self.unpullable + self.unseen + self.lost_unacknowledged > 0
    }
}

/// A record whose seq cannot be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtfulSeq {
    /// Whose it is.
    pub company: CompanyId,
    /// The seq it claims.
    pub seq: Seq,
    /// Its outer `msgid`.
    pub msgid: String,
    /// Where the cursor was, and did not follow it.
    pub cursor: Seq,
    /// When it came.
    pub at: Millis,
}

/// An item without a usable seq.
#[derive(Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its row.
    pub id: i64,
    /// Whose it is.
    pub company: CompanyId,
    /// Byte for byte as received.
    pub raw: Vec<u8>,
    /// The seq that the call asked behind.
    pub asked: Seq,
    /// When it came.
    pub at: Millis,
}

/// Prints what may be printed: never the item, which holds a sealed key and body.
impl std::fmt::Debug for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stray")
            .field("id", &self.id)
            .field("bytes", &self.raw.len())
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

/// A run as the books have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its row.
    pub id: RunId,
    /// Whose it is.
    pub company: CompanyId,
    /// `pull` or `retry`.
    pub command: String,
    /// When it began.
    pub began: Millis,
    /// When it ended; `None`: it is going on, or it died.
    pub ended: Option<Millis>,
    /// `done`, `stopped`, or the error it ended with.
    pub outcome: Option<String>,
    /// What it did.
    pub books: Books,
    /// Smallest and greatest seq of its pages.
    pub range: Option<SeqRange>,
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
    /// `DecryptData` returned 0 and these bytes, which are not this record's message.
    Unreadable {
        /// Verbatim.
        answer: Vec<u8>,
        /// What is wrong with them, for people.
        detail: String,
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
    /// Rows that did not open but have another copy (same seq, other bytes) that was never tried: that copy is
    /// the current one now and the row is still `sealed`, so the next `backlog` hands it out again.
    pub again: Vec<RecordId>,
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
    /// `refused`, `poison` and `unreadable` (and `key_mismatch` told by the SDK) last tried with another library build.
    OtherBuild(String),
    /// `unreadable` whose pause is over: none after the first try, then ten minutes, doubling to a day.
    PauseOver {
        /// The present time.
        now: Millis,
    },
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
    /// Messages with a text that is alike, in one of the places (empty: anywhere).
    TextAlike {
        /// In which way.
        alike: Alike,
        /// As typed.
        needle: String,
        /// Restricts the match.
        places: Vec<Place>,
    },
    /// With a name that is alike.
    CalledAlike {
        /// Whose name, and how much of it.
        called: Called,
        /// In which way.
        alike: Alike,
        /// As typed.
        name: String,
    },
    /// Sent by this id, or by somebody who was ever called exactly so.
    From(String),
    /// Received by this id or name.
    To(String),
    /// Sent or received by this id or name.
    With(String),
    /// In this room: its `roomid`, or a part of a name it ever had.
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
    /// Contains a number of this kind in one of its texts, forwarded ones included.
    HasPattern(Pattern),
    /// Carries a file of which this is true.
    Media(MediaAsk),
    /// This position (inclusive range).
    Seq(Seq, Seq),
    /// This msgid (inner or outer).
    Msgid(String),
    /// Of this company.
    Company(CompanyId),
    /// Sent or received by somebody who was ever called so (a part of a name is enough).
    Name(String),
    /// Sent or received by somebody who ever carried this tag, by name or id.
    Tag(String),
    /// Sent or received by somebody who was ever in this department or one below it, by name or id.
    Department(String),
    /// With this consent at its sending.
    Consent(Standing),
    /// Exactly this id in this part, whatever anybody is called.
    Id(Role, String),
    /// From an external contact.
    Inbound,
    /// From a member or robot to an external contact.
    Outbound,
    /// Sent by somebody of this sort.
    SaidBy(Sayer),
    /// Of the company that is configured under this name or has this corpid.
    CompanyNamed(String),
}

/// Whose name a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Called {
    /// The whole name of somebody in this part.
    Whole(Role),
    /// A part of a name of somebody who sent or received it.
    Part,
    /// A part of a name of the room.
    Room,
}

/// The part somebody has in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sent it.
    Sender,
    /// Received it.
    Receiver,
    /// Either.
    Either,
}

/// Who writes messages, by the form of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sayer {
    /// A member of the company.
    Employee,
    /// An external contact.
    External,
    /// A robot.
    Robot,
}

/// A text that a hit was found by; what a snippet highlights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// As typed.
    pub text: String,
    /// What counts besides, if anything does.
    pub alike: Option<Alike>,
    /// Where it was looked for (empty: anywhere).
    pub places: Vec<Place>,
}

impl Filter {
    /// The texts that were asked for, in the order of the question, without those asked to be absent.
    pub fn needles(&self) -> Vec<Needle> {
        let mut found = Vec::new();
        self.collect_needles(true, &mut found);
        found
    }

    /// The same question with texts and names as they are written; pinyin, which is never written so, finds nothing. `None`
    /// when it asks for nothing that is alike.
    pub fn as_written(&self) -> Option<Self> {
        let parts = |parts: &[Self]| -> Option<Vec<Self>> {
            let written: Vec<Option<Self>> = parts.iter().map(Self::as_written).collect();
            let any = written.iter().any(Option::is_some);
            let each = parts.iter().zip(written);
            any.then(|| {
                each.map(|(part, written)| written.unwrap_or_else(|| part.clone()))
                    .collect()
            })
        };
        match self {
            Self::And(all) => parts(all).map(Self::And),
            Self::Or(any) => parts(any).map(Self::Or),
            Self::Not(part) => Some(Self::Not(Box::new(part.as_written()?))),
            Self::TextAlike {
                alike: Alike::Pinyin, ..
            }
            | Self::CalledAlike {
                alike: Alike::Pinyin, ..
            } => Some(Self::Or(Vec::new())),
            Self::TextAlike { needle, places, .. } => Some(Self::Text {
                needle: needle.clone(),
                places: places.clone(),
            }),
            Self::CalledAlike { called, name, .. } => Some(match called {
                Called::Whole(Role::Sender) => Self::From(name.clone()),
                Called::Whole(Role::Receiver) => Self::To(name.clone()),
                Called::Whole(Role::Either) => Self::With(name.clone()),
                Called::Part => Self::Name(name.clone()),
                Called::Room => Self::Room(name.clone()),
            }),
            _ => None,
        }
    }

    fn collect_needles(&self, wanted: bool, found: &mut Vec<Needle>) {
        let add = |text: &str, alike, places: &[Place], found: &mut Vec<Needle>| {
            let needle = Needle {
                text: text.to_owned(),
                alike,
                places: places.to_vec(),
            };
            if !found.contains(&needle) {
                found.push(needle);
            }
        };
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.collect_needles(wanted, found));
            }
            Self::Not(part) => part.collect_needles(!wanted, found),
            Self::Text { needle, places } if wanted => add(needle, None, places, found),
            Self::TextAlike {
                alike,
                needle,
                places,
            } if wanted => add(needle, Some(*alike), places, found),
            _ => {}
        }
    }
}

/// Order of a result list, by time of the message, then by seq (a message without a time counts as time 0).
/// Seqs from 2^63 on sort before the others.
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

/// Where a record is on its way (design, "States of a record").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Landed, not yet opened.
    Sealed,
    /// Opened and searchable.
    Opened,
    /// Tried, and waiting for something that could change the outcome.
    Waiting(Reason),
}

impl State {
    /// The word used in JSON and on screens: `sealed`, `opened`, or the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Opened => "opened",
            Self::Waiting(reason) => reason.as_str(),
        }
    }
}

/// A record as the archive knows it: what `find`, `message`, `context` and `chat_page` return.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its row.
    pub id: RecordId,
    /// Whose it is.
    pub company: CompanyId,
    /// Its position in the stream.
    pub seq: Seq,
    /// The outer `msgid`; empty when the item had none.
    pub msgid: String,
    /// `publickey_ver` of the current copy.
    pub key_version: KeyVersion,
    /// Where it is on its way.
    pub state: State,
    /// Why it waits, for people; empty unless it waits.
    pub detail: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was landed.
    pub landed_at: Millis,
    /// Copies of the same seq with other bytes, kept beside this one.
    pub variants: u64,
    /// What it says; `None` until it is opened, and when it is opened and its row cannot be read.
    pub opened: Option<Opened>,
    /// What is wrong with what is stored of it.
    pub damage: Option<Damage>,
    /// The time that lists are sorted by, as the index has it; 0 for none.
    pub sort_time: i64,
}

/// What is wrong with a stored record. It is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The body is not the one that was opened: it has another SHA-256.
    BodyChanged,
    /// The body cannot be unpacked, and why.
    BodyUnreadable(String),
    /// The body is another record's message.
    OtherMessage,
    /// The body is genuine; these columns are not what was written, or not what the body says. `record` stands for those that
    /// no body tells: seq, twin, msgid, key version, time of landing, digest of what was landed.
    Columns(Vec<&'static str>),
    /// The row cannot be read, and why.
    RowUnreadable(String),
}

impl Damage {
    /// The word in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BodyChanged => "body_changed",
            Self::BodyUnreadable(_) => "body_unreadable",
            Self::OtherMessage => "other_message",
            Self::Columns(_) => "columns",
            Self::RowUnreadable(_) => "row_unreadable",
        }
    }

    /// True when there is no text that could be shown as this record's.
    pub fn withholds_text(&self) -> bool {
        !matches!(self, Self::Columns(_))
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BodyChanged => f.write_str("the body is not the one that was opened: its SHA-256 differs"),
            Self::BodyUnreadable(why) => f.write_str(why),
            Self::OtherMessage => f.write_str("the body is another record's message"),
            Self::Columns(names) => write!(f, "columns are not what was written: {}", names.join(", ")),
            Self::RowUnreadable(why) => write!(f, "the row cannot be read: {why}"),
        }
    }
}

/// One found message. Only opened records can be found, so its `opened` is there unless it is damaged.
pub type Hit = Stored;

/// What an opened record says, as far as the store keeps it in columns; the rest is in `plaintext`.
#[derive(Clone)]
pub struct Opened {
    /// Verbatim, as `DecryptData` returned it; empty when [`Stored::damage`] withholds the text.
    pub plaintext: Vec<u8>,
    /// The inner `msgid`.
    pub msgid: String,
    /// The inner `msgid` is not the record's.
    pub msgid_differs: bool,
    /// `action` as received.
    pub action: String,
    /// `msgtype` as received.
    pub msgtype: String,
    /// The sender, folded as people are compared; the spelling as received is in `plaintext`.
    pub from: String,
    /// Time of the message; `None` when it had none.
    pub time: Option<Millis>,
    /// The conversation.
    pub chat: Option<ChatKey>,
    /// Internal, external or upstream/downstream.
    pub scope: Scope,
    /// Inbound, outbound or within.
    pub direction: Direction,
    /// What was not as documented.
    pub flaws: Flaws,
    /// That it was recalled, if it was.
    pub recalled: Option<Recalled>,
    /// `pre_msgid`, when this record is itself a recall.
    pub recalls: Option<String>,
}

/// Prints what may be printed: never the body.
impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("msgid", &self.msgid)
            .field("msgtype", &self.msgtype)
            .field("time", &self.time)
            .field("plaintext_len", &self.plaintext.len())
            .field("recalled", &self.recalled)
            .finish_non_exhaustive()
    }
}

/// Who recalled a message and when: the earliest recall of it that the archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// The record of the recall.
    pub record: RecordId,
    /// Its sender, folded.
    pub by: String,
    /// Its time.
    pub at: Option<Millis>,
    /// Time of the recall minus time of the message; `None` when either has no time.
    pub after_ms: Option<i64>,
}

/// The name of a conversation, as it can be given back to [`crate::store::Reader::chats_named`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ChatKey {
    /// A group, by its `roomid`.
    Room(String),
    /// The people of a talk without a room, folded and sorted.
    People(Vec<String>),
}

/// A conversation's row in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChatId(pub i64);

/// A conversation and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRow {
    /// Its row.
    pub id: ChatId,
    /// Whose it is.
    pub company: CompanyId,
    /// Its name.
    pub key: ChatKey,
    /// Messages in it.
    pub messages: u64,
    /// Time of the earliest message that has one.
    pub first: Option<Millis>,
    /// Time of the latest message.
    pub last: Option<Millis>,
}

/// How much of the archive a result could see (promise 7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Records landed.
    pub records: u64,
    /// Opened, and therefore searchable.
    pub opened: u64,
    /// Landed and not yet tried.
    pub sealed: u64,
    /// Waiting, by reason; reasons without records are left out.
    pub waiting: Vec<(Reason, u64)>,
    /// Answered by `DecryptData` with something that is no message: kept, listed, without searchable text. Those that wait
    /// as `unreadable`, and those that an older program counted as opened and whose original is gone.
    pub unreadable: u64,
    /// Strays, gaps and seqs in doubt.
    pub aside: Aside,
    /// Opened, with a time that cannot be so (no number, of no plausible size, or later than its landing): dates do not
    /// find it on its true day.
    pub untimely: u64,
    /// Of a known type, with a payload that is not of its shape: found by the strings that stand in it, and not by what its
    /// type would tell.
    pub misshapen: u64,
    /// How far the index is written by this program's rules.
    pub reindex: Reindex,
}

/// How far the index is written by the present rules of reading and folding. The messages that are left are found by the
/// rules of the program that wrote them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reindex {
    /// Messages in the index.
    pub messages: u64,
    /// Of these, still under older rules.
    pub left: u64,
}

/// One page of an answer, its exact size, and what it covered: all three of one moment.
#[derive(Debug, Clone)]
pub struct Page {
    /// The rows, in the order asked for; fewer than asked for when they are heavy.
    pub hits: Vec<Hit>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<PageKey>,
    /// Rows of all pages together.
    pub total: u64,
    /// Rows of this page that would be none if texts and names counted only as they are written; `None` when the filter asks
    /// for nothing that is alike.
    pub only_alike: Option<HashSet<RecordId>>,
    /// How much of the archive was searched.
    pub coverage: Coverage,
}

/// A record that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRow {
    /// Its row; the next page of the list begins behind it.
    pub id: RecordId,
    /// Whose it is.
    pub company: CompanyId,
    /// Its position.
    pub seq: Seq,
    /// The outer `msgid`.
    pub msgid: String,
    /// `publickey_ver`.
    pub key_version: KeyVersion,
    /// For what it waits.
    pub reason: Reason,
    /// What exactly was seen.
    pub detail: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// Which records one key version sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// `publickey_ver`.
    pub version: KeyVersion,
    /// Smallest seq seen with it.
    pub first_seq: Seq,
    /// Greatest seq seen with it.
    pub last_seq: Seq,
    /// Records sealed with it.
    pub records: u64,
    /// Those that wait, for any reason.
    pub waiting: u64,
}

/// The record with the greatest seq, for the warning about WeCom's five days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its seq.
    pub seq: Seq,
    /// When it was landed.
    pub landed_at: Millis,
    /// Time of the opened message with the greatest seq that has one; `None` when nothing is open.
    pub msgtime: Option<Millis>,
}

/// How far the archive is known to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// Nothing sent up to here is missing, as far as our own books know; never later than now.
    pub until: Millis,
    /// False when the clock that dated the last pull contradicts the present one, or a later entry of the books: then
    /// `until` is only the earliest of the dates.
    pub is_certain: bool,
}

/// What the archive remembers of a company's time, to compare the clock with.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ClockMemory {
    /// When the clock last agreed with others, by itself; 0: never.
    pub agreed_at: i64,
    /// Which boot of the machine that was.
    pub boot: String,
    /// Milliseconds since that boot then.
    pub uptime_ms: i64,
    /// Records come from WeCom, which serves none that are older than its window.
    pub fresh: bool,
    /// When what a clock that was ahead had put off was last brought back, by the clock itself; 0: never, or the clock was
    /// in doubt since.
    pub brought_back: i64,
    /// Records were once pulled without a made-up corpus. It stays so.
    pub from_wecom: bool,
}

/// What became of sealed originals whose time was over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Those that are gone.
    pub gone: u64,
    /// Those that were kept, because the plaintext is missing, damaged or not the record's message.
    pub kept: u64,
}

/// What `stats` counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Day of the message in the given zone, `YYYY-MM-DD`; empty for messages without a time.
    Day,
    /// `msgtype`.
    Type,
    /// Sender, folded.
    Person,
    /// Conversation: the `roomid`, or the people joined by `,`; empty for none.
    Chat,
}

/// One line of `stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The day, type, person or chat.
    pub key: String,
    /// Whose conversation it is, and which, when conversations are counted. People are counted across companies.
    pub chat: Option<(CompanyId, ChatKey)>,
    /// Messages.
    pub count: u64,
}

impl Stored {
    /// Where this row stands in a result list.
    pub fn page_key(&self) -> PageKey {
        PageKey {
            time: self.sort_time,
            id: self.id,
        }
    }
}

impl std::fmt::Display for ChatKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Room(id) => f.write_str(id),
            Self::People(people) => f.write_str(&people.join(",")),
        }
    }
}

/// Bytes of the archive by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Sealed originals and other copies of them.
    pub sealed: u64,
    /// The bytes as opened, packed, and the dictionaries they are packed with.
    pub body: u64,
    /// The search index.
    pub index: u64,
    /// Rows and everything else.
    pub rest: u64,
    /// Pages that hold nothing at the moment and are used again.
    pub free: u64,
    /// Records landed.
    pub records: u64,
}
