//! What is declared about an endpoint, as a value.
//!
//! Must not know: HTTP, tokens' values, configuration.

use serde_json::Value;

use super::wire::Wire;

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Parameters in the address.
    Get,
    /// A JSON body, or a multipart one.
    Post,
}

impl Method {
    /// As declarations write it.
    pub const GET: Self = Self::Get;
    /// As declarations write it.
    pub const POST: Self = Self::Post;

    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Which credential goes into the address (wecom-api §0, §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// None: the call makes a token, or carries its own key.
    None,
    /// `access_token` of the archive's own secret, 会话内容存档.
    Archive,
    /// `access_token` of an own app that may read members and is allowed for 客户联系.
    App,
    /// `access_token` of 通讯录同步, which alone may write the address book and list ids.
    Contact,
    /// `suite_access_token` of a service provider's suite.
    Suite,
    /// `component_access_token` of the WeChat open platform.
    Component,
    /// Not called at all: the platform calls us.
    Listener,
}

/// How further pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// One answer.
    None,
    /// `next_cursor` goes back as `cursor` until it is empty.
    Cursor,
    /// `next_cursor` goes back as `cursor` while `has_more` is 1; the last cursor is kept for ever.
    HasMore,
    /// `next_offset` goes back as `offset` until it reaches `total`.
    Offset,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json,
    /// Bytes, or JSON for an error.
    Binary,
}

/// How much an archive needs it (wecom-api §0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Needed.
    A,
    /// Useful.
    B,
    /// Surface only.
    C,
}

/// So many calls in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls.
    pub calls: u32,
    /// Seconds.
    pub seconds: u32,
}

/// Where an answer repeats the id it was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The field of the request.
    pub field: &'static str,
    /// The place in the answer (RFC 6901).
    pub pointer: &'static str,
    /// The platform may spell it in another case.
    pub any_case: bool,
}

/// One line of the platform's surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The id of the surface reference, e.g. `MA-1`.
    pub id: &'static str,
    /// The name it is called by, e.g. `get_permit_user_list`.
    pub name: &'static str,
    /// The platform's own words for it.
    pub chinese: &'static str,
    /// Need.
    pub mark: Mark,
    /// Page id: `developer.work.weixin.qq.com/document/path/<id>`.
    pub page: &'static str,
    /// Method.
    pub method: Method,
    /// Path, or a whole address where the host is another one.
    pub path: &'static str,
    /// Credential.
    pub token: TokenKind,
    /// True when a call that may or may not have arrived can be made again without harm.
    pub repeatable: bool,
    /// Paging.
    pub paging: Paging,
    /// What comes back.
    pub body: Body,
    /// True when a file goes along (part name `media`).
    pub upload: bool,
    /// The row's own limits per company; the base limits hold besides.
    pub limits: &'static [Limit],
    /// Limits that hold for each value of a field apart: each receiver, each task.
    pub each: Option<(&'static str, &'static [Limit])>,
    /// Calls at the same time, so that 45033 stays away.
    pub parallel: usize,
    /// Error codes that here mean "nothing there".
    pub empty_codes: &'static [i64],
    /// Fields that every success has, be they empty; without one of them it is none.
    pub holds: &'static [&'static str],
    /// Where a success says whom or what it is about; about another it is none.
    pub about: Option<About>,
}

impl Row {
    pub(super) const fn new(
        (id, name, chinese): (&'static str, &'static str, &'static str),
        mark: Mark,
        page: &'static str,
        method: Method,
        path: &'static str,
    ) -> Self {
        Self {
            id,
            name,
            chinese,
            mark,
            page,
            method,
            path,
            token: TokenKind::App,
            repeatable: false,
            paging: Paging::None,
            body: Body::Json,
            upload: false,
            limits: &[],
            each: None,
            parallel: 8,
            empty_codes: &[],
            holds: &[],
            about: None,
        }
    }

    pub(super) const fn token(mut self, token: TokenKind) -> Self {
        self.token = token;
        self
    }

    pub(super) const fn archive(self) -> Self {
        self.token(TokenKind::Archive)
    }

    pub(super) const fn contact(self) -> Self {
        self.token(TokenKind::Contact)
    }

    pub(super) const fn no_token(self) -> Self {
        self.token(TokenKind::None)
    }

    /// Reads, and writes that end the same however often they are made.
    pub(super) const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(super) const fn paging(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }

    pub(super) const fn cursor(self) -> Self {
        self.paging(Paging::Cursor)
    }

    pub(super) const fn binary(mut self) -> Self {
        self.body = Body::Binary;
        self
    }

    pub(super) const fn upload(mut self) -> Self {
        self.upload = true;
        self
    }

    pub(super) const fn limits(mut self, limits: &'static [Limit]) -> Self {
        self.limits = limits;
        self
    }

    /// Besides, for each value of that field (a text, ids joined by `|`, or a list).
    pub(super) const fn each(mut self, field: &'static str, limits: &'static [Limit]) -> Self {
        self.each = Some((field, limits));
        self
    }

    pub(super) const fn parallel(mut self, parallel: usize) -> Self {
        self.parallel = parallel;
        self
    }

    pub(super) const fn empty_on(mut self, codes: &'static [i64]) -> Self {
        self.empty_codes = codes;
        self
    }

    /// Every success has these fields.
    pub(super) const fn holds(mut self, fields: &'static [&'static str]) -> Self {
        self.holds = fields;
        self
    }

    /// A success repeats the id of this field at this place.
    pub(super) const fn about(mut self, field: &'static str, pointer: &'static str) -> Self {
        self.about = Some(About {
            field,
            pointer,
            any_case: false,
        });
        self
    }

    /// As [`about`](Self::about), for a userid, which has no case.
    pub(super) const fn about_member(mut self, field: &'static str, pointer: &'static str) -> Self {
        self.about = Some(About {
            field,
            pointer,
            any_case: true,
        });
        self
    }

    /// The token's name in the address.
    pub fn token_parameter(&self) -> Option<&'static str> {
        match self.token {
            TokenKind::Archive | TokenKind::App | TokenKind::Contact => Some("access_token"),
            TokenKind::Suite => Some("suite_access_token"),
            TokenKind::Component => Some("component_access_token"),
            TokenKind::None | TokenKind::Listener => None,
        }
    }

    /// The path without its query.
    pub(super) fn bare_path(&self) -> &'static str {
        self.path.split('?').next().unwrap_or(self.path)
    }

    /// Parameters that the path itself names: with a value when it is always the same, without when a field of the
    /// request gives it.
    pub(super) fn named_parameters(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        let token = self.token_parameter();
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(move |(name, _)| Some(*name) != token)
            .map(|(name, value)| {
                (
                    name,
                    Some(value).filter(|value| !value.is_empty() && !value.contains('|')),
                )
            })
    }
}

/// So many calls a minute.
pub(super) const fn per_minute(calls: u32) -> Limit {
    Limit { calls, seconds: 60 }
}

/// So many calls an hour.
pub(super) const fn per_hour(calls: u32) -> Limit {
    Limit { calls, seconds: 3600 }
}

/// So many calls a day.
pub(super) const fn per_day(calls: u32) -> Limit {
    Limit {
        calls,
        seconds: 86_400,
    }
}

/// A request that knows its row and its answer.
pub trait Endpoint: Wire + Send + Sync {
    /// The declaration.
    const ROW: &'static Row;
    /// What comes back.
    type Answer: Wire + Send;
}

/// A row whose types are known only by name: what `shiguan api` and the table's tests work with.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The declaration.
    pub row: &'static Row,
    /// Reads a request and writes it again; `None` when it is no object.
    pub request: fn(&Value) -> Option<Value>,
    /// Reads an answer and writes it again; `None` when it is no object.
    pub answer: fn(&Value) -> Option<Value>,
    /// Paths in an answer that no field is declared for.
    pub untyped: fn(&Value) -> Vec<String>,
}

impl Entry {
    pub(super) const fn of<E: Endpoint>() -> Self {
        Self {
            row: E::ROW,
            request: |value| E::read(value)?.write(),
            answer: |value| E::Answer::read(value)?.write(),
            untyped: |value| {
                let mut found = Vec::new();
                if let Some(answer) = E::Answer::read(value) {
                    answer.untyped("", &mut found);
                }
                found
            },
        }
    }
}
