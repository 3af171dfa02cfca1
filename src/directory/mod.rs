//! The platform's HTTP side: a typed client for the whole surface of WeCom's server API, 133 rows.
//!
//! Why: a message names people and rooms by ids; who they were, whether they agreed and who sat where is asked here.
//! Enters: a company's secrets, a request. Leaves: a typed answer, or an error that says who must act. Each endpoint is a
//! short declaration in [`rows`]; everything else is written once:
//!
//! ```text
//! rows ──► declare, wire  what is asked and answered
//! client ──► credentials, tokens   one token per secret, shared
//!        ──► limits       below the platform's limits
//!        ──► http         the only place that calls out
//!        ──► codes, error what an answer means, who must act
//! asked                   whether an answer is the one to the question
//! pages, sweeps           questions of more than one call
//! probe                   where the way to the platform ends
//! hook                    a signed request to a server that is not WeCom's
//! ```
//!
//! Must not know: messages, SQL, configuration, the terminal.

mod access;
mod asked;
mod client;
mod clock;
pub mod codes;
mod credentials;
mod date;
mod declare;
mod download;
mod error;
mod hook;
mod http;
mod limits;
mod masks;
mod pages;
mod probe;
mod row;
pub mod rows;
mod sweeps;
mod ticket;
mod tokens;
mod wire;

pub use self::{
    access::{Access, Credential, Supplying, TokenSource},
    asked::PageGuard,
    client::Client,
    clock::{Clock, Sleep, WallClock},
    codes::{Actor, Class},
    date::server_clock,
    download::Download,
    error::{Error, Refusal},
    hook::Hook,
    http::{HOST, Options, Range, Upload, WEIXIN_HOST},
    masks::masked,
    pages::{Pages, Partial, RowPages},
    probe::{Obstacle, obstacle},
    row::{About, Body, Endpoint, Entry, Limit, Mark, Method, Paging, Row, TokenKind},
    sweeps::{Agreements, Groups},
    ticket::{SuiteTicket, page_signature},
    tokens::{Kept, MemoryShelf, TokenHealth, TokenKey, TokenShelf},
    wire::{Flag, Piped, Wire, lost},
};

#[cfg(test)]
mod tests;
