//! Values that do not print (promise 9). No `Debug` of the content, no `Serialize`, zeroed on drop;
//! the only way out is a method with a loud name.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A text that must never reach a log, an error, a panic or a command line.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The one exit. Every call site is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True for the empty text, which stands for "none" in the SDK's arguments.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
