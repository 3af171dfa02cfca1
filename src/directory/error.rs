//! Why a call did not bring what was asked, and who must act on it.
//!
//! No text here holds an address with its parameters, a token or a secret.
//!
//! Must not know: how calls are made.

use std::net::IpAddr;

use super::{
    codes::{self, Actor, Class},
    row::{Endpoint, TokenKind},
    rows::token::{GetCorpToken, GetSuiteToken, GetToken},
};
use crate::ids::Millis;

/// What the platform answered instead of what was asked. Equal when the code is (token-and-errors §4).
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The row's name.
    pub api: &'static str,
    /// `errcode`.
    pub code: i64,
    /// The text of `errmsg`, without hint and address.
    pub text: String,
    /// For WeCom's support.
    pub hint: Option<String>,
    /// Where the call came from, as the platform saw it.
    pub ip: Option<IpAddr>,
    /// Status of HTTP, 200 as a rule.
    pub status: u16,
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Refusal {}

impl Refusal {
    /// What the code asks for.
    pub fn class(&self) -> Class {
        codes::class(self.code)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: WeCom answered {}", self.api, self.code)?;
        if !self.text.is_empty() {
            write!(f, " ({})", self.text)?;
        }
        if let Some(ip) = self.ip {
            write!(f, ", called from {ip}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, ", hint {hint}")?;
        }
        Ok(())
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The platform answered a code.
    #[error("{0}")]
    Refused(Refusal),
    /// No answer: no connection, or it took too long. When `sent`, the call may have had its effect.
    #[error("{api}: no answer from {host} ({why}); check network, proxy and api.host")]
    Unreachable {
        /// The row's name.
        api: &'static str,
        /// Host and port.
        host: String,
        /// What the connection said.
        why: String,
        /// True when the request may have arrived.
        sent: bool,
    },
    /// An answer that is no API answer.
    #[error(
        "{api}: HTTP status {status} and no API answer; something between here and WeCom answered, or WeCom is in trouble"
    )]
    Status {
        /// The row's name.
        api: &'static str,
        /// Status.
        status: u16,
    },
    /// An answer that is no JSON, or ended too early.
    #[error(
        "{api}: the answer cannot be read ({why}); it was cut off, or something between here and WeCom wrote it"
    )]
    Torn {
        /// The row's name.
        api: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A success that makes no sense: what was asked for is not in it, or cannot be what it says.
    #[error(
        "{api}: the answer says success and makes no sense ({why}); nothing of it was used, and it is asked for again later"
    )]
    Implausible {
        /// The row's name.
        api: &'static str,
        /// What is wrong with it. Holds nothing of the answer that could be a secret.
        why: String,
    },
    /// An answer above the limit.
    #[error("{api}: the answer is larger than {limit} bytes; ask for less at once")]
    TooLarge {
        /// The row's name.
        api: &'static str,
        /// Bytes.
        limit: usize,
    },
    /// The call rests: a limit was met, or would have been. Nothing was sent.
    #[error("{api}: resting for {seconds} s, because {why}; other calls go on")]
    Resting {
        /// The row's name.
        api: &'static str,
        /// Seconds from when this was said.
        seconds: u64,
        /// The end of the rest.
        until: Millis,
        /// 45009, or our own count.
        why: &'static str,
    },
    /// The platform does not take the secret; it is not asked again before `until`, or it would block this address.
    #[error("{api}: the credential is not accepted, and not tried again for {seconds} s ({refusal})")]
    Credential {
        /// The row that was to be called.
        api: &'static str,
        /// The first answer.
        refusal: Box<Refusal>,
        /// Seconds from when this was said.
        seconds: u64,
        /// When it is tried again.
        until: Millis,
    },
    /// Nobody configured the secret that this call needs.
    #[error("{api}: needs the token of {}, for which no secret is configured; set {}", kind_word(*.kind), kind_key(*.kind))]
    NoCredential {
        /// The row's name.
        api: &'static str,
        /// What is missing.
        kind: TokenKind,
    },
    /// The row cannot be called this way.
    #[error("{api}: {why}")]
    Misused {
        /// The row's name.
        api: &'static str,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// A page leads back to one that was read: without this, reading would never end.
    #[error("{api}: paging does not move on (the same cursor came twice); begin again from the first page")]
    Circle {
        /// The row's name.
        api: &'static str,
    },
    /// Token source of the embedding program.
    #[error("{api}: no token from its source ({why})")]
    Source {
        /// The row's name.
        api: &'static str,
        /// What it said.
        why: String,
    },
    /// A server that is not WeCom's did not take a request.
    #[error("webhook at {host}: {why}; check that it runs and takes signed requests")]
    Hook {
        /// Host and port.
        host: String,
        /// What it said, or the connection.
        why: String,
    },
    /// Options that no client can be made of.
    #[error("{0}")]
    Options(String),
}

fn kind_word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Archive => "the archive (会话内容存档)",
        TokenKind::App => "an own app",
        TokenKind::Contact => "通讯录同步",
        TokenKind::Suite => "a suite",
        TokenKind::Component => "the WeChat open platform",
        TokenKind::None | TokenKind::Listener => "nothing",
    }
}

fn kind_key(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Archive => "`secret_file` or `secret_env` of the company",
        TokenKind::App => "`app_secret_file` or `app_secret_env` of the company",
        TokenKind::Contact => "`contact_secret_file` or `contact_secret_env` of the company",
        _ => "it where the client is made: an archive of one company has none",
    }
}

impl Error {
    /// The platform's code, when it answered one.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Credential { refusal, .. } => Some(refusal.code),
            _ => None,
        }
    }

    /// What the code asks for.
    pub fn class(&self) -> Option<Class> {
        self.code().map(codes::class)
    }

    /// The token that the call needs could not be had; nothing follows from it about whatever was asked.
    pub fn is_of_token(&self) -> bool {
        let rows = [GetToken::ROW, GetSuiteToken::ROW, GetCorpToken::ROW];
        rows.iter().any(|row| self.api() == Some(row.name))
    }

    /// What came cannot be the answer to what was asked, though it was no refusal: about this one question.
    pub fn is_no_answer(&self) -> bool {
        matches!(self, Self::Implausible { .. } | Self::Circle { .. }) && !self.is_of_token()
    }

    /// It may be about what was asked and nothing else: something came and was of no use, or the question was taken and never
    /// answered. When it goes on for other questions, it is not.
    pub fn may_be_of_the_question(&self) -> bool {
        let of_item = matches!(
            self,
            Self::Refused(refusal) if matches!(
                refusal.class(),
                Class::Item | Class::Gone | Class::Empty | Class::Narrow | Class::Unknown | Class::Bug
            )
        );
        let of_no_use = matches!(
            self,
            Self::Implausible { .. }
                | Self::Circle { .. }
                | Self::Torn { .. }
                | Self::TooLarge { .. }
                | Self::Status { .. }
                | Self::Unreachable { sent: true, .. }
        );
        (of_item || of_no_use) && !self.is_of_token()
    }

    /// Who must act.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Refused(refusal) => refusal.class().actor(),
            Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Torn { .. }
            | Self::Implausible { .. }
            | Self::Hook { .. } => Actor::Operator,
            Self::Credential { .. } | Self::NoCredential { .. } | Self::Options(_) | Self::Source { .. } => {
                Actor::Operator
            }
            Self::Resting { .. } | Self::TooLarge { .. } | Self::Circle { .. } => Actor::Program,
            Self::Misused { .. } => Actor::Developer,
        }
    }

    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        self.code().and_then(codes::advice)
    }

    /// Seconds after which the same call may go well; `None` when waiting does not help.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Resting { seconds, .. } | Self::Credential { seconds, .. } => Some(*seconds),
            Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Torn { .. }
            | Self::Implausible { .. }
            | Self::Hook { .. } => Some(10),
            Self::Refused(refusal) => match refusal.class() {
                Class::Busy | Class::Parallel => Some(5),
                Class::Rate | Class::Later => Some(60),
                Class::Config => Some(600),
                _ => None,
            },
            _ => None,
        }
    }

    /// The row's name, when a call was made.
    pub fn api(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.api),
            Self::Unreachable { api, .. }
            | Self::Status { api, .. }
            | Self::Torn { api, .. }
            | Self::Implausible { api, .. }
            | Self::TooLarge { api, .. }
            | Self::Resting { api, .. }
            | Self::Credential { api, .. }
            | Self::NoCredential { api, .. }
            | Self::Misused { api, .. }
            | Self::Circle { api }
            | Self::Source { api, .. } => Some(api),
            Self::Options(_) | Self::Hook { .. } => None,
        }
    }
}
