//! Events that WeCom calls us with (接收事件): who may call, what was said, and answering in time.
//!
//! Why a room of its own: it is the only door that strangers can knock at, so everything about that door stands in
//! one place, and nothing behind it sees bytes that were not signed by the platform.
//!
//! Enters: HTTP requests at `/callback/NAME`. Leaves: a wake-up for the company's puller (`msgaudit_notify`), and
//! every event as a typed [`Notice`] with its text as received, handed to an [`EventSink`]. What this version
//! does not know becomes [`Event::Unknown`] with all its fields; [`Notice::kept`] is what of an event may be stored.
//! The sink that keeps events is `archive`'s. The caller gets its 200 after the sink has kept the event; otherwise
//! it gets a 503, and WeCom asks again.
//!
//! Events are hints, never the record: WeCom may lose, delay and repeat them, so whatever follows from one must also
//! come about without it, and twice must be as good as once (wecom-api §5.1).
//!
//! Must not know: SQL, the HTTP client, configuration files, what the events are used for.

pub mod crypto;
pub mod envelope;
pub mod event;
mod keep;
pub mod listen;
mod replay;
mod sink;
mod tree;

pub use self::{
    crypto::{Codec, CryptoError},
    envelope::{Envelope, EnvelopeError},
    event::{ContactSubject, Event, Notice, Raw},
    keep::{COVERED, Kept},
    listen::{Door, Limits, Listener, Options},
    sink::{Arrived, Counting, EventSink, Pending, drain},
    tree::{Element, TreeError},
};

#[cfg(test)]
mod tests;
