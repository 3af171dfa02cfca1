//! Faults on demand: the file `faults.json` of a corpus folder, as types.
//!
//! Enters: a JSON list of rules. Leaves: [`Faults`], checked as a whole; an unknown word is an error, because a
//! fault that silently never fires makes a test that cannot fail. Must not know: how the engine carries a fault out.
//!
//! ```json
//! [
//!   {"on": "chatdata", "when": {"call": 3}, "do": {"return": {"code": 10001}}},
//!   {"on": "decrypt",  "when": {"seq": [57, {"from": 100, "to": 120}]}, "times": 1, "do": "segfault"},
//!   {"on": "chatdata", "when": {"probability": 0.01, "seed": 7}, "do": {"truncate_body": {"keep": 40}}}
//! ]
//! ```
//!
//! All conditions of `when` must hold; an empty `when` always holds. Calls count from 1 within one process, per
//! kind of call; calls refused for their arguments do not count. Rules apply in file order; the first one that
//! settles a call's answer (a code, a death, a hang) ends it, those before it have their effect (latency, a leak).

mod check;
mod decide;
mod numbers;

use std::path::Path;

pub(crate) use check::Reach;
pub(crate) use decide::{Decider, mix};
pub use numbers::{Numbers, Span};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Name of the faults file inside a corpus folder.
pub const FAULTS_FILE: &str = "faults.json";

/// All the rules of a corpus, in the order in which they apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults {
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule: at which call, when, how often, what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The call it is about.
    pub on: Call,
    /// When it fires.
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
    /// How often it fires at most, counted across processes by markers in the folder `fired/` of the corpus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens.
    #[serde(rename = "do")]
    pub fault: Fault,
}

/// The three calls that can misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `GetChatData`.
    Chatdata,
    /// `DecryptData`.
    Decrypt,
    /// `GetMediaData`.
    Media,
}

/// Conditions of a rule; all that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Numbers of calls, from 1, within one process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Numbers>,
    /// Records: the one being decrypted, the one a file hangs on, those in a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Numbers>,
    /// Share between 0 and 1, drawn from the seed, the rule's place and the record's seq (or the call's number
    /// where there is no record, see [`Draw`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Seed of the draw; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the draw is made for; absent: the record where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Draw>,
}

/// What a probability is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// The record: the same one is hit at every attempt.
    Seq,
    /// The call: a second attempt may pass.
    Call,
}

/// What can go wrong. The comment of each says which calls it fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Any call: this return code. For `chatdata` and `decrypt` the slice holds `slice` (empty when absent).
    Return {
        /// The return code; 0 is allowed and gives an empty success.
        code: i32,
        /// What the slice holds all the same.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        slice: String,
    },
    /// Any call: it takes this much longer. At or beyond the call's own timeout it becomes 10001 at the timeout.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// Any call: it never comes back, whatever timeout was given.
    Hang,
    /// `chatdata`, `media`: the peer says nothing; 10001 after exactly the timeout, never with timeout 0.
    Silent,
    /// Any call: the process dies by SIGSEGV.
    Segfault,
    /// Any call: the process dies by SIGABRT.
    Abort,
    /// Any call: an uncaught C++ exception: its message on stderr, then SIGABRT.
    Terminate,
    /// Any call: `_exit` with this status in the middle of the call.
    Exit {
        /// Exit status.
        #[serde(default)]
        status: i32,
    },
    /// Any call: so many bytes of rubbish on file descriptor 1, then it goes on.
    Garbage {
        /// How many bytes.
        bytes: u32,
    },
    /// Any call: so many bytes of memory are touched and never given back, then it goes on.
    Leak {
        /// How many bytes.
        bytes: u64,
    },
    /// `chatdata`: return 0, and this error in the JSON.
    Errcode {
        /// The server's code, e.g. 301052.
        errcode: i64,
        /// Its text; a plausible one when absent.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        errmsg: String,
    },
    /// `chatdata`: every record of the page comes twice.
    DuplicatePage,
    /// `chatdata`: the page starts so many records early (never so many that it brings nothing new).
    Overlap {
        /// How many.
        records: u32,
    },
    /// `chatdata`: at most so many records. With 0 the page is empty though the end is not reached.
    ShortPage {
        /// How many.
        records: u32,
    },
    /// `chatdata`: these records are not served.
    Gap,
    /// `chatdata`: the JSON is cut off.
    Torn {
        /// Bytes that remain; half of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<usize>,
    },
    /// `chatdata`: records before this one are gone from the server.
    RetainedFrom {
        /// The first seq still held.
        seq: u64,
    },
    /// `chatdata`: `encrypt_chat_msg` is cut off.
    TruncateBody {
        /// Characters that remain; half of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<usize>,
    },
    /// `chatdata`: `encrypt_chat_msg` has 12 characters, which takes the real library down.
    ShortBody,
    /// `chatdata`: `encrypt_random_key` is cut off.
    TruncateKey {
        /// Characters that remain; half of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<usize>,
    },
    /// `chatdata`: `encrypt_random_key` is no base64.
    GarbleKey,
    /// `chatdata`: `publickey_ver` names a version without a key.
    WrongVersion {
        /// That version; 9999 when absent.
        #[serde(default = "unknown_version")]
        version: u32,
    },
    /// `chatdata`: `encrypt_random_key` is sealed to another key pair.
    ForeignKey,
    /// `chatdata`: `encrypt_random_key` is that of a neighbouring record: it opens, and `DecryptData` says 10008.
    SwappedKey,
    /// `chatdata`: this seq in place of the record's own.
    SetSeq {
        /// The seq it claims.
        seq: u64,
    },
    /// `chatdata`: the record's seq and this much; below zero: its seq falls.
    ShiftSeq {
        /// How much.
        by: i64,
    },
    /// `chatdata`: the record comes without its seq.
    NoSeq,
    /// `chatdata`: the JSON is cut off in the middle of this record; those before it are whole.
    TornItem,
    /// `chatdata`: the record's msgid holds a byte that is no UTF-8.
    BrokenText,
    /// `decrypt`: return 0 and so many bytes that are no message.
    GarbageAnswer {
        /// How many.
        bytes: u32,
    },
    /// `decrypt`: return 0 and only the beginning of the message.
    TornAnswer {
        /// Bytes that remain; half of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<usize>,
    },
    /// `decrypt`: return 0 and a message with another msgid.
    OtherAnswer,
    /// `decrypt`: the message says another time of itself: seconds, a far future, nonsense. It opens all the same.
    Msgtime {
        /// JSON in place of the value of `msgtime`, e.g. `4070908800000` or `"soon"`.
        value: String,
    },
    /// `media`: the bytes are not those whose digest was announced.
    DigestMismatch,
    /// `media`: `is_finish` is never set; beyond the end come more bytes.
    NeverFinish,
    /// `media`: the chunk is empty and not the last, and the cursor stays where it is.
    EmptyChunk,
    /// `media`: the chunk comes, and the next cursor is this chunk's own.
    StuckCursor,
    /// `media`: return 0, no bytes, and that was the last chunk.
    EmptyFile,
    /// `media`: the chunk comes with these members of `MediaData_t` instead of the true ones.
    OddMembers {
        /// `data_len`; not above 0, since the bytes behind the chunk are not the library's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data_len: Option<i32>,
        /// `is_finish`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is_finish: Option<i32>,
    },
    /// `media`: the chunk is not the last, and the next cursor is this text, so many times over.
    NextCursor {
        /// The text; may hold a zero byte.
        text: String,
        /// How often.
        #[serde(default = "once")]
        repeat: u32,
    },
    /// `media`: the chunk has so many bytes, whatever the file has, and is not the last.
    HugeChunk {
        /// How many bytes.
        bytes: u32,
    },
}

fn once() -> u32 {
    1
}

fn unknown_version() -> u32 {
    9999
}

impl Faults {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more rule behind the others.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Reads and checks a faults file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(Error::io("read", path))?;
        let faults: Self = serde_json::from_slice(&text).map_err(|error| Error::Faults {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        faults.check().map_err(|reason| Error::Faults {
            path: path.to_owned(),
            reason,
        })?;
        Ok(faults)
    }

    /// Checks and writes a faults file; [`FAULTS_FILE`] inside a corpus folder is where the mock looks.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.check().map_err(|reason| Error::Faults {
            path: path.to_owned(),
            reason,
        })?;
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::Faults {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        std::fs::write(path, text).map_err(Error::io("write", path))
    }
}

impl From<Vec<Rule>> for Faults {
    fn from(rules: Vec<Rule>) -> Self {
        Self { rules }
    }
}

impl Rule {
    /// A rule about a call, without conditions.
    pub fn new(on: Call, fault: Fault) -> Self {
        Self {
            on,
            when: When::default(),
            times: None,
            fault,
        }
    }

    /// About `GetChatData`.
    pub fn chatdata(fault: Fault) -> Self {
        Self::new(Call::Chatdata, fault)
    }

    /// About `DecryptData`.
    pub fn decrypt(fault: Fault) -> Self {
        Self::new(Call::Decrypt, fault)
    }

    /// About `GetMediaData`.
    pub fn media(fault: Fault) -> Self {
        Self::new(Call::Media, fault)
    }

    /// Only at these calls, counted from 1: a number, a list, a range `a..=b`.
    #[must_use]
    pub fn at_call(mut self, calls: impl Into<Numbers>) -> Self {
        self.when.call = Some(calls.into());
        self
    }

    /// Only for these records: a number, a list, a range `a..=b`.
    #[must_use]
    pub fn at_seq(mut self, seqs: impl Into<Numbers>) -> Self {
        self.when.seq = Some(seqs.into());
        self
    }

    /// Only for this share of the records, or of the calls where there is no record.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.when.probability = Some(probability);
        self.when.seed = Some(seed);
        self
    }

    /// Makes the draw of a probability for each call or for each record.
    #[must_use]
    pub fn drawn_by(mut self, by: Draw) -> Self {
        self.when.by = Some(by);
        self
    }

    /// At most so often, across restarts.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

impl When {
    fn is_always(&self) -> bool {
        *self == Self::default()
    }
}
