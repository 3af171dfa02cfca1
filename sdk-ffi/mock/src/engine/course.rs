//! The course of one call: effects gathered in order, and the answer once something has settled it.

use std::time::Duration;

use super::{Chunk, Death, Effect, Reply, Turn, code};
use crate::{Error, faults::Fault};

/// How a call goes until its own work begins.
pub(super) struct Course {
    effects: Vec<Effect>,
    /// Time that may still pass; nothing when the call has no timeout.
    left: Option<Duration>,
    settled: Option<Reply>,
}

impl Course {
    /// `timeout` in seconds as given by the caller; 0 and less: none.
    pub(super) fn new(timeout: i32) -> Self {
        let left = u64::try_from(timeout)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs);
        Self {
            effects: Vec::new(),
            left,
            settled: None,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.is_some()
    }

    /// Takes a fault that concerns the call as a whole; others are not its business.
    pub(super) fn take(&mut self, fault: &Fault) {
        match fault {
            Fault::Return { code, slice } => {
                self.settle(Reply {
                    code: *code,
                    content: slice.clone().into_bytes(),
                });
            }
            Fault::Latency { ms } => self.wait(Duration::from_millis(*ms)),
            Fault::Silent => match self.left {
                Some(left) => self.wait(left),
                None => self.end(Effect::Hang),
            },
            Fault::Hang => self.end(Effect::Hang),
            Fault::Segfault => self.end(Effect::Die(Death::Segfault)),
            Fault::Abort => self.end(Effect::Die(Death::Abort)),
            Fault::Terminate => self.end(Effect::Die(Death::Terminate)),
            Fault::Exit { status } => self.end(Effect::Die(Death::Exit(*status))),
            Fault::Garbage { bytes } => self.effects.push(Effect::Print(*bytes)),
            Fault::Leak { bytes } => self.effects.push(Effect::Leak(*bytes)),
            Fault::Errcode { errcode, errmsg } => {
                self.settle(Reply {
                    code: code::OK,
                    content: envelope(*errcode, errmsg).into_bytes(),
                });
            }
            _ => {}
        }
    }

    /// The mock itself cannot go on: 10003, and the reason on stderr.
    pub(super) fn fail(&mut self, error: &Error) {
        self.effects.push(Effect::Say(error.to_string()));
        self.settle(Reply::failed(code::SYSTEM));
    }

    /// The turn: what settled the call, or else its own work.
    pub(super) fn turn(mut self, work: impl FnOnce() -> Turn<Reply>) -> Turn<Reply> {
        if let Some(reply) = self.settled {
            return Turn {
                effects: self.effects,
                reply,
            };
        }
        let turn = work();
        self.effects.extend(turn.effects);
        Turn {
            effects: self.effects,
            reply: turn.reply,
        }
    }

    /// The same for a chunk: a settled answer is its code, with nothing in it.
    pub(super) fn chunk(self, work: impl FnOnce() -> Chunk) -> Turn<Chunk> {
        let reply = match &self.settled {
            Some(reply) => Chunk::failed(reply.code),
            None => work(),
        };
        Turn {
            effects: self.effects,
            reply,
        }
    }

    fn wait(&mut self, time: Duration) {
        match self.left {
            Some(left) if time >= left => {
                self.effects.push(Effect::Wait(left));
                self.left = Some(Duration::ZERO);
                self.settle(Reply::failed(code::NETWORK));
            }
            Some(left) => {
                self.effects.push(Effect::Wait(time));
                self.left = Some(left - time);
            }
            None => self.effects.push(Effect::Wait(time)),
        }
    }

    fn end(&mut self, effect: Effect) {
        self.effects.push(effect);
        self.settle(Reply::failed(code::SYSTEM));
    }

    fn settle(&mut self, reply: Reply) {
        self.settled.get_or_insert(reply);
    }
}

/// The server's error JSON, in the form of the real one.
fn envelope(errcode: i64, errmsg: &str) -> String {
    let text = match (errmsg, errcode) {
        ("", 40001) => "invalid credential",
        ("", 40013) => "invalid corpid",
        ("", 45009) => "api freq out of limit",
        ("", 48002) => "api forbidden",
        ("", 301042) => "ip not in whitelist",
        ("", 301048) => "file not exist or expired",
        ("", 301052) => "msgaudit service expired",
        ("", 301053) => "corp is not open msgaudit",
        ("", 301058) => "response size over limit",
        ("", _) => "system error",
        (given, _) => return serde_json::json!({"errcode": errcode, "errmsg": given}).to_string(),
    };
    let errmsg = format!(
        "{text}, hint: [1700000000012345678901234], from ip: 203.0.113.7, more info at \
         https://open.work.weixin.qq.com/devtool/query?e={errcode}"
    );
    serde_json::json!({"errcode": errcode, "errmsg": errmsg}).to_string()
}
