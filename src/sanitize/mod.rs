//! Text from outside on its way to a screen, a file, a log or a message to a person: what it may contain there, and how a
//! reader tells it from the program's own words.
//!
//! Enters: any text. Leaves: a [`Line`], which is all that `cli::out` prints, or JSON through [`json`].
//!
//! ```text
//! a value in a sentence      value()     张三 · «张三  已撤回：李四»
//! a text, whole              quote()     │ at the start of each of its lines
//! a sentence with an error   Line::sentence()
//! JSON                       json::to_string()
//! ```
//!
//! The rules that hold for all of them (docs/printed.md has them for readers):
//!
//! - A character that cannot be seen, moves the cursor or reorders its neighbours is printed as `<U+202E>`. In texts and values a
//!   `<` that would read as the beginning of such a sign is printed as `<U+003C>`, so the sign can always be read back.
//! - `│` stands only in front of a text, and a text only behind it.
//! - `«` and `»` stand only around a value from outside that could be read as words of the program.
//! - A [`Line`] has no line break.
//!
//! Must not know: where text comes from, terminals, languages.

mod escape;
mod fold;
pub mod json;
mod line;
mod quote;
mod value;

pub use {
    escape::log,
    fold::fold,
    line::{Line, Plain, plain},
    quote::{MORE, QUOTE, quote, quote_marked},
    value::value,
};

#[cfg(test)]
mod tests;
