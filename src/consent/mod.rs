//! Whether external people agreed to being archived: what was learnt, and what it means for a message.
//!
//! ```text
//! asked (WeCom) ──┐
//! event ──────────┼─► changes ──spans──► who stood how, from when to when ──rule──► a message's state
//! message ────────┘
//! ```
//!
//! Consent is given per conversation: an external person agrees towards one member, or in one room. That is a
//! [`Subject`]. What was learnt about it are [`Change`]s, kept for ever; [`spans`] puts them in order of their effect, so
//! it does not matter in which order they were learnt, or how often.
//!
//! # The state of a message
//!
//! * Only conversations with somebody outside have one: messages of external scope, and others that name an external
//!   contact. Upstream/downstream messages (上下游) are between companies and have none, unless they name one.
//! * From an external person: that person's state at the message's time, towards the member, or in the room.
//! * From a member: the gravest of the states of the external people it went to; refused is graver than unknown, unknown
//!   than default, default than agreed.
//! * A change counts from its own millisecond on. Before the first known change, without a time, and where nobody external is
//!   named: unknown.
//!
//! Enters: ids, times, a client. Leaves: readings, spans, states. Must not know: bodies of messages, SQL, terminals, clocks.

mod ask;
mod change;
mod ledger;
mod rule;

pub use self::{
    ask::{PairAnswers, Reading, ends_the_pass, read_pairs, read_room, read_scope},
    change::{Change, How, Standing, State, Subject, Talk},
    ledger::{Span, span_at, spans},
    rule::{AtSending, Sending, gravest_over_time},
};
