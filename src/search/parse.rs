//! A query as typed becomes a [`Filter`]: recursive descent, one function per level of the language
//! (see [`super`] for the language itself).

use jiff::tz::TimeZone;

use super::{
    date,
    error::{QueryError, nearest},
};
use crate::{
    consent::Standing,
    ids::{Millis, Seq},
    message::Place,
    store::contract::{Filter, MediaAsk, MediaState},
    words::Pattern,
};

/// Every key of the language.
const KEYS: &[&str] = &[
    "from",
    "to",
    "with",
    "room",
    "type",
    "is",
    "after",
    "before",
    "on",
    "has",
    "media",
    "in",
    "recalled-within",
    "seq",
    "msgid",
    "name",
    "tag",
    "department",
    "consent",
];
const IS: [&str; 5] = ["recalled", "external", "internal", "group", "single"];
const HAS: [&str; 7] = [
    "media",
    "link",
    "file",
    "phone",
    "id-card",
    "bank-card",
    "credit-code",
];
const MEDIA: [&str; 8] = [
    "missing", "pending", "partial", "kept", "differs", "expired", "refused", "gone",
];
/// Bounds that no question of a person reaches and the store can answer.
const MAX_TERMS: usize = 150;
const MAX_DEPTH: usize = 20;

/// Reads a query. Dates are meant in `zone`; `today` and `3d` count from `now`.
pub fn parse(query: &str, zone: &TimeZone, now: Millis) -> Result<Filter, QueryError> {
    let mut parser = Parser {
        chars: query.chars().collect(),
        at: 0,
        terms: 0,
        zone,
        now,
    };
    parser.skip_space();
    if parser.peek().is_none() {
        return Err(parser.error(0, "the query is empty; type what to look for"));
    }
    let filter = parser.either(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.error(
            parser.at,
            "this parenthesis closes nothing; quote it if it is part of the text",
        )),
    }
}

/// Writes a text so that [`parse`] reads it back as exactly this text.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

struct Parser<'a> {
    chars: Vec<char>,
    at: usize,
    terms: usize,
    zone: &'a TimeZone,
    now: Millis,
}

/// What one term says: a condition, or where the texts beside it must stand.
enum Term {
    Condition(Filter),
    In(Place),
}

impl Parser<'_> {
    /// `both OR both OR …`
    fn either(&mut self, depth: usize) -> Result<Filter, QueryError> {
        let mut parts = vec![self.both(depth)?];
        while self.at_word("OR") {
            let column = self.at;
            self.at += 2;
            self.skip_space();
            if self.at_end_of_group() || self.at_word("OR") {
                return Err(self.error(
                    column,
                    "OR needs something on both sides; quote it to look for the word",
                ));
            }
            parts.push(self.both(depth)?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    /// `term term AND term …`, with what `in:` says applied to its texts.
    fn both(&mut self, depth: usize) -> Result<Filter, QueryError> {
        let mut parts = Vec::new();
        let mut places = Vec::new();
        let mut restricted_at = 0;
        self.skip_space();
        while !self.at_end_of_group() {
            let column = self.at;
            if self.at_word("OR") {
                if parts.is_empty() && places.is_empty() {
                    return Err(self.error(
                        column,
                        "OR needs something on both sides; quote it to look for the word",
                    ));
                }
                break;
            }
            if self.at_word("AND") {
                self.at += 3;
                self.skip_space();
                let first = parts.is_empty() && places.is_empty();
                if first || self.at_end_of_group() || self.at_word("OR") || self.at_word("AND") {
                    return Err(self.error(
                        column,
                        "AND needs something on both sides; quote it to look for the word",
                    ));
                }
                continue;
            }
            match self.term(depth)? {
                Term::Condition(filter) => parts.push(filter),
                Term::In(place) => {
                    places.push(place);
                    restricted_at = column;
                }
            }
            self.skip_space();
        }
        if !places.is_empty() {
            let restricted = parts
                .iter_mut()
                .map(|part| restrict(part, &places))
                .filter(|done| *done)
                .count();
            if restricted == 0 {
                let message = "in: says where the texts beside it must stand, and there is none; add a word to look for";
                return Err(self.error(restricted_at, message));
            }
        }
        if parts.is_empty() {
            return Err(self.error(self.at, "there is nothing between the parentheses"));
        }
        Ok(one_or(parts, Filter::And))
    }

    /// A condition, perhaps negated.
    fn term(&mut self, depth: usize) -> Result<Term, QueryError> {
        let column = self.at;
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.error(
                column,
                format!("more than {MAX_TERMS} terms; ask in several steps"),
            ));
        }
        if self.at_word("NOT") {
            return Err(self.error(column, "write -word for \"not\"; quote it to look for the word"));
        }
        let next = self.chars.get(self.at + 1);
        let negated =
            self.peek() == Some('-') && next.is_some_and(|c| !c.is_whitespace() && !matches!(c, '-' | ')'));
        if negated {
            self.at += 1;
        }
        match self.primary(depth)? {
            Term::In(_) if negated => {
                Err(self.error(column, "in: cannot be negated; name the places to look in"))
            }
            Term::Condition(filter) if negated => Ok(Term::Condition(Filter::Not(Box::new(filter)))),
            term => Ok(term),
        }
    }

    fn primary(&mut self, depth: usize) -> Result<Term, QueryError> {
        let column = self.at;
        match self.peek() {
            Some('(') => {
                if depth == MAX_DEPTH {
                    return Err(self.error(
                        column,
                        format!("more than {MAX_DEPTH} parentheses inside each other"),
                    ));
                }
                self.at += 1;
                let inner = self.either(depth + 1)?;
                if self.peek() != Some(')') {
                    return Err(self.error(
                        column,
                        "this parenthesis is never closed; quote it if it is part of the text",
                    ));
                }
                self.at += 1;
                Ok(Term::Condition(inner))
            }
            Some('"') => {
                let text = self.quoted()?;
                if text.is_empty() {
                    return Err(self.error(column, "there is nothing between the quotes"));
                }
                Ok(Term::Condition(anywhere(text)))
            }
            _ => match self.key()? {
                Some(key) => self.value(column, &key),
                None => Ok(Term::Condition(anywhere(self.word()?))),
            },
        }
    }

    /// Reads `key:`; `None`, without moving, when a plain word stands here.
    fn key(&mut self) -> Result<Option<String>, QueryError> {
        let rest = &self.chars[self.at..];
        let length = rest
            .iter()
            .take_while(|c| c.is_ascii_alphabetic() || **c == '-')
            .count();
        let key: String = rest[..length].iter().collect::<String>().to_ascii_lowercase();
        let known = KEYS.contains(&key.as_str());
        let address = rest.get(length + 1..length + 3) == Some(&['/', '/']);
        match rest.get(length) {
            Some(':' | '：') if known => {
                self.at += length + 1;
                Ok(Some(key))
            }
            Some(':') if rest[0].is_ascii_alphabetic() && !address => {
                let hint = nearest(&key, KEYS);
                Err(self.error(
                    self.at,
                    format!("there is no key `{key}:`; {hint} To look for the text, quote it"),
                ))
            }
            _ => Ok(None),
        }
    }

    fn value(&mut self, column: usize, key: &str) -> Result<Term, QueryError> {
        let value_at = self.at;
        let value = match self.peek() {
            Some('"') => self.quoted()?,
            Some(c) if !c.is_whitespace() && c != ')' => self.word()?,
            _ => String::new(),
        };
        if value.is_empty() {
            return Err(self.error(column, format!("`{key}:` needs a value right behind the colon")));
        }
        let lower = value.to_lowercase();
        let unknown = |known: &[&str]| {
            self.error(
                value_at,
                format!("`{key}:{value}` means nothing; {}", nearest(&value, known)),
            )
        };
        let span = || {
            date::span(&value, self.zone, self.now).ok_or_else(|| {
                let message = format!(
                    "`{value}` is no date; write 2024, 2024-05, 2024-05-01, 2024-05-01T10:00, today or 3d"
                );
                self.error(value_at, message)
            })
        };
        let filter = match key {
            "from" => Filter::From(value),
            "to" => Filter::To(value),
            "with" => Filter::With(value),
            "room" => Filter::Room(value),
            "type" => Filter::Type(value),
            "msgid" => Filter::Msgid(value),
            "name" => Filter::Name(value),
            "tag" => Filter::Tag(value),
            "department" => Filter::Department(value),
            "is" => match lower.as_str() {
                "recalled" => Filter::Recalled { within_ms: None },
                "external" => Filter::External,
                "internal" => Filter::Internal,
                "group" => Filter::Group,
                "single" => Filter::Single,
                _ => return Err(unknown(&IS)),
            },
            "has" => match lower.as_str() {
                "media" => Filter::HasMedia,
                "link" => Filter::HasLink,
                "file" => Filter::HasFile,
                word => match Pattern::from_word(word) {
                    Some(pattern) => Filter::HasPattern(pattern),
                    None => return Err(unknown(&HAS)),
                },
            },
            "consent" => match Standing::from_word(&lower) {
                Some(standing) => Filter::Consent(standing),
                None => return Err(unknown(&Standing::ALL.map(Standing::as_str))),
            },
            "media" => match (lower.as_str(), MediaState::from_word(&lower)) {
                ("missing", _) => Filter::Media(MediaAsk::Missing),
                (_, Some(state)) => Filter::Media(MediaAsk::In(state)),
                _ => return Err(unknown(&MEDIA)),
            },
            "in" => {
                return match Place::from_word(&lower) {
                    Some(place) => Ok(Term::In(place)),
                    None => Err(unknown(&Place::ALL.map(Place::as_str))),
                };
            }
            "after" => Filter::Time {
                from: Some(span()?.from),
                to: None,
            },
            "before" => Filter::Time {
                from: None,
                to: Some(span()?.from),
            },
            "on" => {
                let span = span()?;
                if span.from == span.to {
                    return Err(self.error(
                        value_at,
                        format!("`{value}` is a moment; `on:` needs a day, month or year"),
                    ));
                }
                Filter::Time {
                    from: Some(span.from),
                    to: Some(span.to),
                }
            }
            "recalled-within" => {
                let within_ms = date::duration(&value).ok_or_else(|| {
                    self.error(
                        value_at,
                        format!("`{value}` is no duration; write 90s, 2m, 3h or 1d"),
                    )
                })?;
                Filter::Recalled {
                    within_ms: Some(within_ms),
                }
            }
            _ => {
                let (first, last) = seq_range(&value).ok_or_else(|| {
                    self.error(
                        value_at,
                        format!("`{value}` is no position; write seq:5 or seq:5-9"),
                    )
                })?;
                Filter::Seq(first, last)
            }
        };
        Ok(Term::Condition(filter))
    }

    /// Reads up to a space or a parenthesis that the word did not open itself.
    fn word(&mut self) -> Result<String, QueryError> {
        let mut word = String::new();
        let mut open = 0usize;
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() => break,
                '"' => {
                    return Err(self.error(
                        self.at,
                        "a quote inside a word; quote all of it, with \\\" for this one",
                    ));
                }
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                _ => {}
            }
            word.push(c);
            self.at += 1;
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<String, QueryError> {
        let column = self.at;
        let mut text = String::new();
        self.at += 1;
        while let Some(c) = self.peek() {
            self.at += 1;
            match (c, self.peek()) {
                ('"', _) => return Ok(text),
                ('\\', Some(escaped @ ('"' | '\\'))) => {
                    text.push(escaped);
                    self.at += 1;
                }
                _ => text.push(c),
            }
        }
        Err(self.error(column, "this quote is never closed"))
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn at_end_of_group(&self) -> bool {
        matches!(self.peek(), None | Some(')'))
    }

    /// True when exactly this word stands here, unquoted.
    fn at_word(&self, word: &str) -> bool {
        let length = word.len();
        let rest = &self.chars[self.at..];
        rest.len() >= length
            && word.chars().eq(rest[..length].iter().copied())
            && rest
                .get(length)
                .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')'))
    }

    fn error(&self, at: usize, message: impl Into<String>) -> QueryError {
        QueryError {
            column: at.min(self.chars.len().saturating_sub(1)) + 1,
            message: message.into(),
        }
    }
}

fn anywhere(needle: String) -> Filter {
    Filter::Text {
        needle,
        places: Vec::new(),
    }
}

fn one_or(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        join(parts)
    }
}

/// Applies places to every text that has none of its own; false when there is no such text.
fn restrict(filter: &mut Filter, places: &[Place]) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            parts
                .iter_mut()
                .map(|part| restrict(part, places))
                .filter(|done| *done)
                .count()
                > 0
        }
        Filter::Not(part) => restrict(part, places),
        Filter::Text { places: own, .. } if own.is_empty() => {
            own.extend_from_slice(places);
            true
        }
        _ => false,
    }
}

fn seq_range(value: &str) -> Option<(Seq, Seq)> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten().map(Seq)
    };
    let (first, last) = match value.split_once('-') {
        None => (number(value)?, number(value)?),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests;
