//! Finding: a query as typed becomes a question, the store answers it, and people see why each hit is one.
//!
//! Enters: the text of a query with the zone its dates are meant in; a reading half of the store. Leaves:
//! [`Understood`], what was read and what may surprise; [`Results`] that say how much of the archive they covered (promise 7), or a [`QueryError`] with the column.
//! A query that is not understood is an error and never an empty result.
//!
//! The words of the language are declared once, in `language`; `docs/search.md` is drawn from there. Words and phrases
//! are looked for as they stand; `a b` is both, `a OR b` either, `-a` and `NOT a` not, parentheses group.
//!
//! Must not know: SQL, the web, terminals, clocks (now is a value).

mod date;
mod error;
mod explain;
mod language;
mod parse;
mod query;
mod snippet;
mod spelling;
mod understood;

pub use error::QueryError;
pub use explain::{Effect, Unknown, Who, effects, not_as_written, unknown, who};
pub use language::reference;
pub use parse::{parse, quote, understand, understand_with};
pub use query::{Results, run};
pub use snippet::{Snippet, snippet};
pub use understood::{AlikeRead, Condition, DateRead, Remark, Understood};
