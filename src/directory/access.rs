//! Whose calls a client makes: a company and the secrets it was given (wecom-api §7, token-and-errors §1.3).
//!
//! Must not know: how a token is fetched or kept.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::{row::TokenKind, ticket::SuiteTicket};
use crate::secret::Secret;

/// A token on its way.
pub type Supplying<'a> = Pin<Box<dyn Future<Output = Result<Secret, String>> + Send + 'a>>;

/// Tokens from the program this one is embedded in.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// The current token.
    fn token(&self) -> Supplying<'_>;
    /// The platform does not take this one any more; the next must be another.
    fn invalidate(&self, used: &Secret);
}

/// Where a token comes from.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A secret of the company's own: `get_token`.
    Secret(Secret),
    /// A suite of a service provider: `get_suite_token`.
    Suite {
        /// Its id.
        suite_id: String,
        /// Its secret.
        secret: Secret,
        /// The last ticket that was pushed; a newer one can be put in its place.
        ticket: SuiteTicket,
    },
    /// A company that authorised a suite: `get_corp_token` with the suite's token.
    Authorised {
        /// What the company gave.
        permanent_code: Secret,
    },
    /// From outside.
    Supplied(Arc<dyn TokenSource>),
}

/// A company and what it lets us do.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// 企业ID.
    pub corpid: String,
    /// 会话内容存档.
    pub archive: Option<Credential>,
    /// An own app that may read members and is allowed for 客户联系.
    pub app: Option<Credential>,
    /// 通讯录同步.
    pub contact: Option<Credential>,
    /// A suite.
    pub suite: Option<Credential>,
    /// The WeChat open platform; only [`Credential::Supplied`] makes sense.
    pub component: Option<Credential>,
}

impl Access {
    /// The credential of that kind.
    pub fn credential(&self, kind: TokenKind) -> Option<&Credential> {
        match kind {
            TokenKind::Archive => self.archive.as_ref(),
            TokenKind::App => self.app.as_ref(),
            TokenKind::Contact => self.contact.as_ref(),
            TokenKind::Suite => self.suite.as_ref(),
            TokenKind::Component => self.component.as_ref(),
            TokenKind::None | TokenKind::Listener => None,
        }
    }

    /// The kinds that are there.
    pub fn kinds(&self) -> impl Iterator<Item = TokenKind> {
        [
            TokenKind::Archive,
            TokenKind::App,
            TokenKind::Contact,
            TokenKind::Suite,
            TokenKind::Component,
        ]
        .into_iter()
        .filter(|kind| self.credential(*kind).is_some())
    }
}
