//! Finding: a query as typed becomes a question, the store answers it, and people see why each hit is one.
//!
//! Enters: the text of a query with the zone its dates are meant in; a reading half of the store. Leaves:
//! [`Results`] that say how much of the archive they covered (promise 7), or a [`QueryError`] with the column.
//! A query that is not understood is an error and never an empty result.
//!
//! # The language
//!
//! | written | means |
//! | --- | --- |
//! | `退款` | contains 退款, anywhere, both folded (`words`) |
//! | `"exact phrase"` | contains it with its spaces; `\"` and `\\` stand for `"` and `\` |
//! | `a b`, `a AND b` | both |
//! | `a OR b` | either; binds looser than "both" |
//! | `-a`, `-(a b)` | not |
//! | `( … )` | grouping; a parenthesis inside a word, as in `f(x)`, is part of the word |
//! | `from:` `to:` `with:` | sender, receiver, either, by id or whole name |
//! | `name:` | sender or receiver, by a part of a name |
//! | `tag:` `department:` | sender or receiver, by a tag they carry, a department they are in or one below it |
//! | `room:` `type:` `msgid:` | by `roomid` or a part of its name, by `msgtype`, by inner or outer msgid |
//! | `is:` | `recalled` `external` (also upstream/downstream) `internal` `group` `single` (not in a room) |
//! | `has:` | `media` `link` `file`; numbers in the texts: `phone` `id-card` `bank-card` `credit-code` |
//! | `consent:` | how the external people of a message stood when it was sent: `agreed` `default` `refused` `unknown` |
//! | `media:` | a file of it is `kept` `differs` `pending` `partial` `expired` `refused` `gone`, or `missing`: not kept, for whatever reason |
//! | `after:` `before:` `on:` | `2024`, `2024-05`, `2024-05-01`, `2024-05-01T10:00[:00]`, `today`, `yesterday`; the first two also `3d`, `12h`, `90m`, `2w` ago. `after:` includes the date, `before:` excludes it: `after:D before:E` is from D up to, not including, E |
//! | `in:` | `text` `filename` `forwarded` `quote` `card` `link` `other`: restricts the texts beside it, also inside parentheses and behind `-`; several mean any of them |
//! | `recalled-within:2m` | recalled within 2 minutes of being sent (`s` `m` `h` `d`) |
//! | `seq:5`, `seq:5-9` | this position, these positions |
//!
//! Values may be quoted. A word before a colon that is no key is an error, because it is more often a slip than
//! a text; an address (`http://…`), a time (`12:30`) and a colon behind Chinese are plain words, and anything
//! can be quoted.
//!
//! Must not know: SQL, the web, terminals, clocks (now is a value).

mod date;
mod error;
mod parse;
mod query;
mod snippet;

pub use error::QueryError;
pub use parse::{parse, quote};
pub use query::{Results, run};
pub use snippet::{Snippet, snippet};
