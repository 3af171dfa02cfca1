//! What the library answers, in safe code and without doing anything yet.
//!
//! Enters: the arguments of a call, already as Rust values. Leaves: a [`Turn`]: the answer, and the [`Effect`]s that
//! come before it (waiting, dying, printing). The C interface performs them; a test may look at them instead.
//! Must not know: pointers, the environment.

mod chatdata;
mod course;
mod effects;
mod media;
mod page;

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use course::Course;
pub use effects::{Death, Effect, perform};
pub(crate) use media::arguments_are_sound as media_arguments_are_sound;

use crate::{
    Error,
    corpus::Corpus,
    faults::{Call, Decider, Draw, FAULTS_FILE, Fault, Faults, Reach},
    seal::envelope::{self, Refusal},
};

/// Return codes (finance-sdk §4).
pub mod code {
    /// Success.
    pub const OK: i32 = 0;
    /// 参数错误: bad argument.
    pub const ARGUMENT: i32 = 10000;
    /// 网络错误: network error.
    pub const NETWORK: i32 = 10001;
    /// 数据解析失败: the reply could not be parsed.
    pub const PARSE: i32 = 10002;
    /// 系统失败: system failure; here: the corpus itself cannot be used, see stderr.
    pub const SYSTEM: i32 = 10003;
    /// fileid 错误: bad file id.
    pub const FILE_ID: i32 = 10005;
    /// 解密失败: decryption failed.
    pub const DECRYPT: i32 = 10006;
    /// 解析 encrypt_key 出错: cannot parse encrypt_key.
    pub const KEY: i32 = 10008;
}

/// Below this many characters `DecryptData` takes the process down (finance-sdk §7).
pub const SHORTEST_BODY: usize = 13;

/// The greatest `limit` (finance-sdk §5.1).
pub const GREATEST_LIMIT: u32 = 1000;

/// An answer and what happens before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<T> {
    /// To be performed in order. After a death or a hang there is no answer.
    pub effects: Vec<Effect>,
    /// The answer.
    pub reply: T,
}

/// Return code and content of a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The return code.
    pub code: i32,
    /// What the slice holds; empty after most failures.
    pub content: Vec<u8>,
}

/// Return code and content of a media object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The return code.
    pub code: i32,
    /// Bytes of the file.
    pub data: Vec<u8>,
    /// `outindexbuf`: the cursor for the next chunk; empty after the last.
    pub next: String,
    /// `is_finish`.
    pub finished: bool,
    /// `data_len` where it is not the number of bytes.
    pub data_len: Option<i32>,
    /// `is_finish` where it is neither 0 nor 1.
    pub is_finish: Option<i32>,
}

/// The arguments of `GetChatData` that matter here; there is no network, so no proxy is used.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Exclusive lower bound.
    pub seq: u64,
    /// 1 to 1000.
    pub limit: u32,
    /// Seconds; 0 means no limit.
    pub timeout: i32,
}

/// A corpus with its faults and the counters of this process.
pub struct Engine {
    corpus: Corpus,
    rules: Decider,
    calls: [AtomicU64; 3],
}

impl Engine {
    /// Opens a corpus folder and its faults, if there are any.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let corpus = Corpus::open(folder)?;
        let path = folder.join(FAULTS_FILE);
        let faults = if path.exists() {
            Faults::load(&path)?
        } else {
            Faults::new()
        };
        Ok(Self {
            corpus,
            rules: Decider::new(faults, folder),
            calls: Default::default(),
        })
    }

    /// The corpus.
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// `DecryptData`; `key` is nothing for a NULL pointer.
    pub fn decrypt(&self, key: Option<&[u8]>, body: &[u8]) -> Turn<Reply> {
        if key.is_none() {
            return decrypt(key, body);
        }
        let call = self.count(Call::Decrypt);
        let seq = envelope::seq_of(body);
        let mut course = Course::new(0);
        let (mut answer, mut msgtime) = (None, None);
        for (place, rule) in self.rules.rules(Call::Decrypt) {
            if course.is_settled() || !self.rules.holds(place, call, seq, Draw::Seq) {
                continue;
            }
            match self.rules.fire(place) {
                Ok(true) => {
                    course.take(&rule.fault);
                    if let Fault::Msgtime { value } = &rule.fault {
                        msgtime = Some(value);
                    }
                    if rule.fault.reach() == Reach::Answer {
                        answer.get_or_insert(&rule.fault);
                    }
                }
                Ok(false) => {}
                Err(error) => course.fail(&error),
            }
        }
        course.turn(|| {
            let mut turn = decrypt(key, body);
            if let Some(value) = msgtime {
                say_time(&mut turn.reply.content, value);
            }
            if let (code::OK, Some(fault)) = (turn.reply.code, answer) {
                misstate(&mut turn.reply.content, fault);
            }
            turn
        })
    }

    fn count(&self, call: Call) -> u64 {
        self.calls[call as usize].fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A success that is none.
fn misstate(content: &mut Vec<u8>, fault: &Fault) {
    match fault {
        Fault::GarbageAnswer { bytes } => {
            *content = [0xC3, 0x28, b'{', 0, b'7']
                .into_iter()
                .cycle()
                .take(*bytes as usize)
                .collect();
        }
        Fault::TornAnswer { keep } => content.truncate(keep.unwrap_or(content.len() / 2)),
        Fault::OtherAnswer => {
            let other: &[u8] = br#"{"msgid":"of-another-record","action":"send","from":"a","tolist":["b"],"roomid":"","msgtime":1756879200000,"msgtype":"text","text":{"content":"another record"}}"#;
            *content = other.to_vec();
        }
        _ => {}
    }
}

/// Puts this JSON in place of a message's `msgtime`; what is no message stays as it is.
fn say_time(plaintext: &mut Vec<u8>, value: &str) {
    let message: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(plaintext);
    if let (Ok(mut message), Ok(value)) = (message, serde_json::from_str(value)) {
        message.insert("msgtime".to_owned(), value);
        *plaintext = serde_json::Value::Object(message).to_string().into_bytes();
    }
}

/// `DecryptData` without any corpus: it needs no handle (finance-sdk §7).
pub fn decrypt(key: Option<&[u8]>, body: &[u8]) -> Turn<Reply> {
    let Some(key) = key else {
        return Turn::just(Reply::failed(code::ARGUMENT));
    };
    if body.len() < SHORTEST_BODY {
        let effects = vec![Effect::Die(Death::Terminate)];
        return Turn {
            effects,
            reply: Reply::failed(code::SYSTEM),
        };
    }
    Turn::just(match envelope::open(key, body) {
        Ok(content) => Reply {
            code: code::OK,
            content,
        },
        Err(Refusal::Key) => Reply::failed(code::KEY),
        Err(Refusal::Body) => Reply::failed(code::DECRYPT),
    })
}

impl<T> Turn<T> {
    /// An answer without any effect.
    pub fn just(reply: T) -> Self {
        Self {
            effects: Vec::new(),
            reply,
        }
    }
}

impl Reply {
    /// A code and an empty slice.
    pub fn failed(code: i32) -> Self {
        Self {
            code,
            content: Vec::new(),
        }
    }
}

impl Chunk {
    /// A code and an empty media object.
    pub fn failed(code: i32) -> Self {
        Self {
            code,
            ..Self::default()
        }
    }
}
