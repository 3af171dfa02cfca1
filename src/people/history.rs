//! From spans to "what was it then, what is it now".
//!
//! WeCom tells how things are, never how they were. So what was true at a time is: what the archive had been told last at
//! that time; for a time before it was told anything, the earliest it knows, and marked so. Joining a room and adding a
//! contact come with a time of their own and are known from then on.
//!
//! Must not know: where spans come from.

use super::known::Aspect;
use crate::ids::Millis;

/// One thing that was so for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What sort of thing.
    pub aspect: Aspect,
    /// Which of several.
    pub item: String,
    /// The value.
    pub value: String,
    /// When it began, as the platform says.
    pub since: Option<Millis>,
    /// When the archive was first told.
    pub learnt: Millis,
    /// The last time it was told so.
    pub seen: Millis,
    /// The first time it was told otherwise; `None`: still so.
    pub until: Option<Millis>,
    /// The call that said so.
    pub how: String,
}

impl Span {
    /// From when on it is known to have been so.
    pub fn from(&self) -> Millis {
        self.since.unwrap_or(self.learnt)
    }

    fn holds(&self, at: Millis) -> bool {
        self.from() <= at && self.until.is_none_or(|until| at < until)
    }
}

/// How sure an answer about a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It was told before and confirmed after, or is what was last told.
    None,
    /// Learnt only after that time: the earliest that is known.
    LearntLater,
    /// Between the last time it was told so and the first time it was told otherwise.
    Changing,
}

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Was<'a> {
    /// The span it is from.
    pub span: &'a Span,
    /// How sure it is.
    pub doubt: Doubt,
}

/// Everything known of one subject, in the order it was learnt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History(pub Vec<Span>);

impl History {
    /// The one value of an aspect at a time; of several items, that of `item`.
    pub fn at(&self, aspect: Aspect, item: &str, at: Millis) -> Option<Was<'_>> {
        let mut spans = self.of(aspect).filter(|span| span.item == item).peekable();
        let first = *spans.peek()?;
        if at < first.from() {
            return Some(Was {
                span: first,
                doubt: Doubt::LearntLater,
            });
        }
        spans
            .filter(|span| span.holds(at))
            .last()
            .map(|span| doubted(span, at))
    }

    /// The one value of an aspect as last told.
    pub fn now(&self, aspect: Aspect, item: &str) -> Option<&Span> {
        self.of(aspect)
            .filter(|span| span.item == item && span.until.is_none())
            .last()
    }

    /// Every item of an aspect at a time. For a time before anything was told of the aspect: those told first.
    pub fn all_at(&self, aspect: Aspect, at: Millis) -> Vec<Was<'_>> {
        let Some(first) = self.of(aspect).map(|span| span.learnt).min() else {
            return Vec::new();
        };
        self.of(aspect)
            .filter_map(|span| {
                if span.holds(at) {
                    Some(doubted(span, at))
                } else if at < first && span.since.is_none() && span.learnt == first {
                    Some(Was {
                        span,
                        doubt: Doubt::LearntLater,
                    })
                } else {
                    None
                }
            })
            .collect()
    }

    /// Every item of an aspect that held at some time from `from` up to, not including, `to`. For a time before anything
    /// was told of the aspect: those told first, where no beginning is known.
    pub fn during(&self, aspect: Aspect, from: Millis, to: Millis) -> Vec<Was<'_>> {
        let first = self.of(aspect).map(|span| span.learnt).min();
        self.of(aspect)
            .filter_map(|span| {
                if span.from() < to && span.until.is_none_or(|until| from < until) {
                    Some(doubted(span, from))
                } else if span.since.is_none() && first == Some(span.learnt) && to <= span.learnt {
                    Some(Was {
                        span,
                        doubt: Doubt::LearntLater,
                    })
                } else {
                    None
                }
            })
            .collect()
    }

    /// Spans of one aspect, in the order they were learnt.
    pub fn of(&self, aspect: Aspect) -> impl Iterator<Item = &Span> {
        self.0.iter().filter(move |span| span.aspect == aspect)
    }

    /// What somebody or something was called at a time: its name; where it has none, what a room or a follower calls it.
    pub fn name_at(&self, at: Millis) -> Option<Was<'_>> {
        self.at(Aspect::Name, "", at)
            .or_else(|| self.all_at(Aspect::NameInRoom, at).into_iter().next())
            .or_else(|| self.all_at(Aspect::Remark, at).into_iter().next())
    }

    /// What it is called now, or was called last.
    pub fn name_now(&self) -> Option<&Span> {
        [Aspect::Name, Aspect::NameInRoom, Aspect::Remark]
            .into_iter()
            .find_map(|aspect| {
                let current = self.of(aspect).filter(|span| span.until.is_none()).last();
                current.or_else(|| self.of(aspect).last())
            })
    }
}

fn doubted(span: &Span, at: Millis) -> Was<'_> {
    let doubt = if span.until.is_some() && at > span.seen {
        Doubt::Changing
    } else {
        Doubt::None
    };
    Was { span, doubt }
}
