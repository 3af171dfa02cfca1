//! One JSON document, read once into a flat tape that borrows from its text.
//!
//! Why not `serde_json` here: the same pass must survive raw control bytes, lone surrogates and any depth, and
//! must not take an object that a sender made up for a number (what `arbitrary_precision` does with its private
//! key). Strictness is not given up: a property holds this reader against `serde_json` byte for byte, and
//! [`Tape::lenient`] is set exactly when a strict reader would have refused.
//!
//! Enters: text. Leaves: a [`Tape`], or nothing when the text is no JSON even leniently.
//! Must not know: what a message is.

mod reader;
mod view;

use std::borrow::Cow;

pub(super) use view::View;

use reader::Reader;

/// A value, or the key in front of one. Children follow their container; it knows where they end.
#[derive(Debug, Clone, PartialEq)]
enum Node<'a> {
    Null,
    Bool(bool),
    /// As written: numbers beyond `i64` and long fractions survive.
    Number(&'a str),
    Text(Cow<'a, str>),
    Key(Cow<'a, str>),
    Array(usize),
    Object(usize),
}

/// A whole document in reading order. No recursion anywhere: depth costs nothing and cannot overflow.
#[derive(Debug)]
pub(super) struct Tape<'a> {
    nodes: Vec<Node<'a>>,
    /// A strict reader would have refused the text.
    pub(super) lenient: bool,
}

impl<'a> Tape<'a> {
    /// Reads one document and nothing behind it but blanks (and the NULs a C string may trail).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let unmarked = text.strip_prefix('\u{feff}');
        let mut reader = Reader::new(unmarked.unwrap_or(text));
        reader.lenient = unmarked.is_some();
        reader.document()?;
        Some(Self {
            nodes: reader.nodes,
            lenient: reader.lenient,
        })
    }

    /// The outermost value.
    pub(super) fn root(&self) -> View<'_> {
        View::new(self, 0)
    }
}

#[cfg(test)]
mod tests;
