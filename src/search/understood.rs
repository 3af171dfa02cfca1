//! How a query was understood: its canonical spelling, its dates, and what may surprise whoever typed it.

use crate::{
    ids::Millis,
    store::contract::Filter,
    words::{Alike, Rows, alike::Set, pinyin},
};

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
    /// Every text and name that counts in other forms as well, in order.
    pub alike: Vec<AlikeRead>,
    /// The same question with every text and name in its other forms as well, canonical; none when there are none, and where it
    /// was read so.
    pub with_variants: Option<(String, Filter)>,
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

/// A text or name that counts in other forms as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlikeRead {
    /// In which way.
    pub alike: Alike,
    /// As typed, without its keys.
    pub asked: String,
    /// A name; pinyin may be its initials.
    pub is_name: bool,
    /// Canonical, with its keys.
    pub written: String,
}

impl AlikeRead {
    /// For each character that has other forms: all of them, itself first. Nothing for pinyin.
    pub fn forms(&self) -> Vec<String> {
        let (Alike::Variants, Some(row)) = (
            self.alike,
            Rows::of(self.alike, &self.asked).rows().first().cloned(),
        ) else {
            return Vec::new();
        };
        let asked = crate::words::fold(&self.asked);
        let mut forms: Vec<String> = Vec::new();
        for (c, set) in asked
            .chars()
            .zip(row)
            .filter(|(_, set): &(char, Set)| set.len() > 1)
        {
            let others = set.iter().filter(|other| **other != c);
            let all: String = std::iter::once(&c).chain(others).collect();
            if !forms.contains(&all) {
                forms.push(all);
            }
        }
        forms
    }

    /// For pinyin: each way in which it was cut into syllables, and initials where they count.
    pub fn ways(&self) -> Vec<String> {
        if self.alike != Alike::Pinyin {
            return Vec::new();
        }
        let ways = pinyin::ways(&self.asked).unwrap_or_default();
        let mut ways: Vec<String> = ways.iter().map(|way| way.join(" ")).collect();
        if self.is_name
            && let Some(initials) = pinyin::initials(&self.asked)
        {
            let initials: Vec<String> = initials.iter().map(|initial| format!("{initial}…")).collect();
            ways.push(initials.join(" "));
        }
        ways
    }
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
