//! Who they were: which question to ask the directory about an id, and what the answers say, as values.
//!
//! Why: a message names people and rooms by ids. An auditor asks who that was, what the room was called, and who sat in
//! it that day; WeCom only tells how it is now, so what it tells is kept as history by whoever calls.
//!
//! ```text
//! ids that are due ──► Inquiry (one call at a time) ──► Answer: News, Rolls, Refusals ──► archive writes
//!                                                          spans of the store ──► History ──► "as at that time"
//! ```
//!
//! Enters: ids that are due, a [`directory::Client`](crate::directory::Client). Leaves: [`Answer`]s, one per call, so
//! that nothing that came is lost when the next call fails, and so that calls can be counted and stopped between.
//! Many unknown members are one reading of the address book, many unknown customers one reading of their followers'
//! lists: a thousand at once cost a bounded number of calls.
//!
//! Must not know: SQL, the terminal, configuration, clocks (time arrives as a value).

mod answers;
mod history;
mod inquiry;
mod known;
mod needs;

pub use history::{Doubt, History, Span, Was};
pub use inquiry::Inquiry;
pub use known::{Answer, Aspect, Class, Empty, Kind, List, News, Refused, Roll, Said, Subject, Told};
pub use needs::{Needs, Round, Trouble, Want};

#[cfg(test)]
mod tests;
