//! How a query was understood: its canonical spelling, its dates, and what may surprise whoever typed it.

use crate::{ids::Millis, store::contract::Filter};

/// A query that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// What it asks.
    pub filter: Filter,
    /// The same question in ASCII signs, English keys and dates with their year; reads back as the same filter, except
    /// that an age such as `3d` counts from another now.
    pub canonical: String,
    /// True when something was typed in another form.
    pub respelt: bool,
    /// What must hold together; one when the query is no "and".
    pub conditions: Vec<Condition>,
    /// Every date in it, in order.
    pub dates: Vec<DateRead>,
    /// What was read otherwise than it may have been meant.
    pub remarks: Vec<Remark>,
}

/// One of the things that must hold together.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Canonical.
    pub written: String,
    /// What it asks.
    pub filter: Filter,
}

/// A date as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRead {
    /// As typed, without its key.
    pub typed: String,
    /// Canonical, with its key.
    pub written: String,
    /// First millisecond.
    pub from: Option<Millis>,
    /// First millisecond after.
    pub to: Option<Millis>,
    /// True when it was typed in digits with its year, so that nothing was left to understand.
    pub plain: bool,
}

/// Something that was read otherwise than it may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// A word that looks like an operator was searched as text.
    OperatorAsText {
        /// As typed.
        typed: String,
        /// The operator.
        means: &'static str,
    },
    /// `*` and `?` were searched as such.
    NoWildcards {
        /// As typed.
        typed: String,
        /// What to type, without them.
        instead: String,
        /// False when it is an ordinary sign of a sentence, as `?` is.
        sure: bool,
    },
    /// A word before a colon is no key and was searched as text.
    KeyAsText {
        /// As typed, without the colon.
        typed: String,
        /// The key it looks like.
        near: Option<&'static str>,
        /// False when it is more likely a text.
        sure: bool,
    },
    /// A quote inside a word was searched as such.
    QuoteAsText {
        /// The word.
        typed: String,
    },
}

impl Remark {
    /// True when it is told whatever was found; the others only beside an answer without hits.
    pub fn always(&self) -> bool {
        match self {
            Self::OperatorAsText { .. } | Self::QuoteAsText { .. } => true,
            Self::NoWildcards { sure, .. } | Self::KeyAsText { sure, .. } => *sure,
        }
    }

    /// The word for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OperatorAsText { .. } => "operator_as_text",
            Self::NoWildcards { .. } => "no_wildcards",
            Self::KeyAsText { .. } => "key_as_text",
            Self::QuoteAsText { .. } => "quote_as_text",
        }
    }

    /// What it is about, as typed.
    pub fn typed(&self) -> &str {
        match self {
            Self::OperatorAsText { typed, .. }
            | Self::NoWildcards { typed, .. }
            | Self::KeyAsText { typed, .. }
            | Self::QuoteAsText { typed } => typed,
        }
    }
}
