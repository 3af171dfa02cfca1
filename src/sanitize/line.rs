//! One line that may be printed.

use std::fmt;

use super::escape::{Escaper, Place};

/// One line for people: without line breaks and control characters, text from outside in it recognisable as such.
///
/// It is made from words of the program (`&'static str`), from [`value`](super::value()), from [`quote`](super::quote()), from
/// [`Line::sentence`], and of several of these by `line!`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(String);

impl Line {
    /// A sentence that may hold text from outside, such as an error: everything in it that could act is printed as a sign. It
    /// does not show where the text from outside begins; use [`value`](super::value()) where that matters.
    pub fn sentence(text: impl fmt::Display) -> Self {
        Self(Escaper::all(Place::Sentence, &text.to_string()))
    }

    /// Behind `line!`, whose arguments are [`Plain`].
    #[doc(hidden)]
    pub fn of_plain(text: fmt::Arguments<'_>) -> Self {
        Self(text.to_string())
    }

    /// Behind the makers in this module.
    pub(super) fn made(text: String) -> Self {
        Self(text)
    }

    /// True when nothing would be seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lines one after the other, with `between` between them.
    pub fn join(lines: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let all: Vec<String> = lines.into_iter().map(|line| line.0).collect();
        Self(all.join(between))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&'static str> for Line {
    fn from(words: &'static str) -> Self {
        Self(words.to_owned())
    }
}

/// What may stand in a [`Line`] as it is: lines, numbers, words of the program. A `String` is none of these: it may have come
/// from outside.
pub trait Plain: fmt::Display {}

impl Plain for Line {}
impl Plain for &Line {}
impl Plain for &'static str {}
impl Plain for anstyle::Style {}
impl Plain for f64 {}
impl Plain for bool {}

macro_rules! numbers {
    ($($number:ty)*) => { $(impl Plain for $number {})* };
}

numbers!(u8 u16 u32 u64 usize i32 i64);

/// Behind `line!`: lets through what is [`Plain`].
#[doc(hidden)]
pub fn plain<T: Plain>(argument: &T) -> &T {
    argument
}

/// A [`Line`] in the manner of `format!`. Each argument is [`Plain`]; names in the braces are refused, because a macro
/// cannot check them.
#[macro_export]
macro_rules! line {
    ($format:literal $(, $argument:expr)* $(,)?) => {
        $crate::sanitize::Line::of_plain(format_args!(
            concat!($format),
            $($crate::sanitize::plain(&$argument)),*
        ))
    };
}
