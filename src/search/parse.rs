//! A query as typed becomes a [`Filter`] with its canonical spelling: recursive descent, one function per level of the
//! language (see [`super::language`] for its words).

use jiff::tz::TimeZone;

use super::{
    date,
    error::{QueryError, near, nearest},
    language::{self, KEYS, Key, OPERATORS, Values},
    spelling::{ascii, closers, is_blank, is_colon, is_comma, is_dash, narrow},
    understood::{AlikeRead, Condition, DateRead, Remark, Understood},
};
use crate::{
    consent::Standing,
    ids::{Millis, Seq},
    message::Place,
    store::contract::{Called, Filter, MediaAsk, MediaState, Role, Sayer},
    words::{
        self, Alike, Pattern,
        pinyin::{self, Unread},
    },
};

/// Bounds that no question of a person reaches and the store can answer.
const MAX_TERMS: usize = 150;
const MAX_DEPTH: usize = 20;

/// Reads a query. Dates are meant in `zone`; `today` and `3d` count from `now`.
pub fn parse(query: &str, zone: &TimeZone, now: Millis) -> Result<Filter, QueryError> {
    understand(query, zone, now).map(|understood| understood.filter)
}

/// As [`parse`], with how each part was understood.
pub fn understand(query: &str, zone: &TimeZone, now: Millis) -> Result<Understood, QueryError> {
    understand_with(query, zone, now, false)
}

/// As [`understand`]; with `variants`, every text and every name that has other forms is read as if it stood behind `variants:`.
pub fn understand_with(
    query: &str,
    zone: &TimeZone,
    now: Millis,
    variants: bool,
) -> Result<Understood, QueryError> {
    let mut parser = Parser {
        variants,
        alike: Vec::new(),
        chars: query.chars().collect(),
        at: 0,
        terms: 0,
        respelt: false,
        dates: Vec::new(),
        remarks: Vec::new(),
        zone,
        now,
    };
    parser.skip_space();
    if parser.peek().is_none() {
        return Err(parser.error(0, "the query is empty; type what to look for"));
    }
    let part = parser.either(0)?;
    if parser.peek().is_some() {
        return Err(parser.error(
            parser.at,
            "this parenthesis closes nothing; quote it if it is part of the text",
        ));
    }
    if parser.terms == 1 {
        // A word that is the whole query joins nothing.
        parser
            .remarks
            .retain(|remark| !matches!(remark, Remark::OperatorAsText { .. }));
    }
    Ok(Understood {
        with_variants: if variants {
            None
        } else {
            loosened(query, zone, now, &part.filter)
        },
        filter: part.filter,
        canonical: part.written,
        respelt: parser.respelt,
        conditions: part.conditions,
        dates: parser.dates,
        alike: parser.alike,
        remarks: parser.remarks,
    })
}

/// What the query asks with variants, where that is something else.
fn loosened(query: &str, zone: &TimeZone, now: Millis, filter: &Filter) -> Option<(String, Filter)> {
    let loose = understand_with(query, zone, now, true).ok()?;
    (loose.filter != *filter).then_some((loose.canonical, loose.filter))
}

/// Writes a text so that [`parse`] reads it back as exactly this text.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

struct Parser<'a> {
    chars: Vec<char>,
    at: usize,
    terms: usize,
    /// Something was not typed in its canonical form.
    respelt: bool,
    /// Texts and names count in their other forms as well.
    variants: bool,
    alike: Vec<AlikeRead>,
    dates: Vec<DateRead>,
    remarks: Vec<Remark>,
    zone: &'a TimeZone,
    now: Millis,
}

/// How tightly the outermost operator of a part binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binds {
    Or,
    And,
    Term,
}

/// A piece of the query: what it asks, and its canonical spelling.
struct Part {
    filter: Filter,
    written: String,
    binds: Binds,
    /// What must hold together; the part itself when it is no "and".
    conditions: Vec<Condition>,
}

impl Part {
    fn new(filter: Filter, written: String, binds: Binds) -> Self {
        let conditions = vec![Condition {
            written: written.clone(),
            filter: filter.clone(),
        }];
        Self {
            filter,
            written,
            binds,
            conditions,
        }
    }

    /// Its spelling as one term.
    fn enclosed(&self) -> String {
        match self.binds {
            Binds::Term => self.written.clone(),
            _ => format!("({})", self.written),
        }
    }
}

/// What one term says: a condition, or where the texts beside it must stand.
enum Term {
    Condition(Part),
    In(Vec<Place>),
}

impl Parser<'_> {
    /// `both OR both OR …`
    fn either(&mut self, depth: usize) -> Result<Part, QueryError> {
        let first = self.both(depth)?;
        if !self.at_word("OR") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.at_word("OR") {
            let column = self.at;
            self.operator("OR");
            if self.at_end_of_group() || self.at_word("OR") {
                return Err(self.error(
                    column,
                    "OR needs something on both sides; quote it to look for the word",
                ));
            }
            parts.push(self.both(depth)?);
        }
        let written: Vec<String> = parts
            .iter()
            .map(|part| match part.binds {
                Binds::Or => part.enclosed(),
                _ => part.written.clone(),
            })
            .collect();
        let filters = parts.into_iter().map(|part| part.filter).collect();
        Ok(Part::new(Filter::Or(filters), written.join(" OR "), Binds::Or))
    }

    /// `term term AND term …`, with what `in:` says applied to its texts.
    fn both(&mut self, depth: usize) -> Result<Part, QueryError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut places: Vec<Place> = Vec::new();
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
                self.operator("AND");
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
                Term::Condition(part) => parts.push(part),
                Term::In(more) => {
                    places.extend(more);
                    restricted_at = column;
                }
            }
            self.skip_space();
        }
        let mut restricted = 0;
        let beside: Vec<String> = places.iter().map(|place| format!("in:{place}")).collect();
        let mut conditions = Vec::with_capacity(parts.len());
        for part in &mut parts {
            let mut written = part.enclosed();
            if !places.is_empty() && restrict(&mut part.filter, &places) {
                restricted += 1;
                written = format!("{written} {}", beside.join(" "));
            }
            conditions.push(Condition {
                written,
                filter: part.filter.clone(),
            });
        }
        if !places.is_empty() && restricted == 0 {
            let message =
                "in: says where the texts beside it must stand, and there is none; add a word to look for";
            return Err(self.error(restricted_at, message));
        }
        if parts.len() == 1 && places.is_empty() {
            return Ok(parts.remove(0));
        }
        if parts.is_empty() {
            return Err(self.error(self.at, "there is nothing between the parentheses"));
        }
        let mut written: Vec<String> = parts.iter().map(Part::enclosed).collect();
        written.extend(beside);
        let filters = parts.into_iter().map(|part| part.filter).collect();
        Ok(Part {
            filter: one_or(filters, Filter::And),
            written: written.join(" "),
            binds: Binds::And,
            conditions,
        })
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
        let negated = if self.at_word("NOT") {
            self.operator("NOT");
            self.respelt = true;
            if self.at_end_of_group() || ["AND", "OR", "NOT"].iter().any(|word| self.at_word(word)) {
                return Err(self.error(
                    column,
                    "NOT needs something behind it; quote it to look for the word",
                ));
            }
            true
        } else {
            self.minus()
        };
        match self.primary(depth)? {
            Term::In(_) if negated => {
                Err(self.error(column, "in: cannot be negated; name the places to look in"))
            }
            Term::Condition(part) if negated => Ok(Term::Condition(Part::new(
                Filter::Not(Box::new(part.filter.clone())),
                format!("-{}", part.enclosed()),
                Binds::Term,
            ))),
            term => Ok(term),
        }
    }

    /// Reads a minus in front of a term. A dash that nothing follows, or another dash, is text.
    fn minus(&mut self) -> bool {
        let next = self.chars.get(self.at + 1).copied();
        let negates = self.peek().is_some_and(is_dash)
            && next.is_some_and(|c| !is_blank(c) && !is_dash(c) && ascii(c) != ')');
        if negates {
            self.respelt |= self.peek() != Some('-');
            self.at += 1;
        }
        negates
    }

    fn primary(&mut self, depth: usize) -> Result<Term, QueryError> {
        let column = self.at;
        if self.peek().map(ascii) == Some('(') {
            if depth == MAX_DEPTH {
                return Err(self.error(
                    column,
                    format!("more than {MAX_DEPTH} parentheses inside each other"),
                ));
            }
            self.step();
            let inner = self.either(depth + 1)?;
            if self.peek().map(ascii) != Some(')') {
                return Err(self.error(
                    column,
                    "this parenthesis is never closed; quote it if it is part of the text",
                ));
            }
            self.step();
            return Ok(Term::Condition(inner));
        }
        if let Some(text) = self.quoted()? {
            if text.is_empty() {
                return Err(self.error(column, "there is nothing between the quotes"));
            }
            return Ok(Term::Condition(self.text(text)));
        }
        match self.key()? {
            Some(key) => self.value(column, key),
            None => {
                let word = self.word(false)?;
                self.remark_on(&word);
                Ok(Term::Condition(self.text(word)))
            }
        }
    }

    /// A text that was typed without a key.
    fn text(&mut self, text: String) -> Part {
        if self.variants && words::has_variants(&text) {
            self.respelt = true;
            self.text_alike(Alike::Variants, text)
        } else {
            text_part(text)
        }
    }

    fn text_alike(&mut self, alike: Alike, text: String) -> Part {
        let written = format!("{}:{}", alike.as_str(), bare(&text));
        let filter = Filter::TextAlike {
            alike,
            needle: text.clone(),
            places: Vec::new(),
        };
        self.read_alike(alike, &text, false, &written);
        Part::new(filter, written, Binds::Term)
    }

    fn read_alike(&mut self, alike: Alike, asked: &str, is_name: bool, written: &str) {
        let read = AlikeRead {
            alike,
            asked: asked.to_owned(),
            is_name,
            written: written.to_owned(),
        };
        if !self.alike.contains(&read) {
            self.alike.push(read);
        }
    }

    /// What may surprise whoever typed this word.
    fn remark_on(&mut self, word: &str) {
        let folded = words::fold(word);
        let operator = OPERATORS.iter().find(|(typed, _)| *typed == folded);
        if let Some((_, means)) = operator {
            self.remarks.push(Remark::OperatorAsText {
                typed: word.to_owned(),
                means,
            });
        } else if folded.contains(['*', '?']) {
            let pieces = folded.split(['*', '?']).filter(|piece| !piece.is_empty());
            self.remarks.push(Remark::NoWildcards {
                typed: word.to_owned(),
                instead: pieces.collect::<Vec<_>>().join(" "),
                sure: folded.contains('*'),
            });
        }
        let opens = |c: char| word.matches(c).count();
        if opens('“') != opens('”') || opens('「') != opens('」') || opens('『') != opens('』') {
            self.remarks.push(Remark::QuoteAsText {
                typed: word.to_owned(),
            });
        }
    }

    fn key_at(&self, at: usize) -> Option<(&'static Key, usize)> {
        key_in(&self.chars, at)
    }

    /// Reads `key:`; `None`, without moving, when a plain word stands here.
    fn key(&mut self) -> Result<Option<&'static Key>, QueryError> {
        if let Some((key, behind)) = self.key_at(self.at) {
            let typed: String = self.chars[self.at..behind].iter().collect();
            self.respelt |= typed.to_ascii_lowercase() != format!("{}:", key.word.english);
            self.at = behind;
            return Ok(Some(key));
        }
        let rest = &self.chars[self.at..];
        let Some(length) = rest.iter().position(|c| is_colon(*c) || is_blank(*c)) else {
            return Ok(None);
        };
        if !is_colon(rest[length]) || length == 0 {
            return Ok(None);
        }
        let typed: String = rest[..length].iter().collect();
        let key = narrow(&typed).to_ascii_lowercase();
        let in_ascii = rest[length] == ':';
        let address = rest.get(length + 1..length + 3) == Some(&['/', '/']);
        let letters =
            key.chars().all(|c| c.is_ascii_alphabetic() || c == '-') && !key.starts_with('-') && !address;
        let similar = letters.then(|| near(&key, &language::english())).flatten();
        if letters && (in_ascii || (key.len() > 2 && similar.is_some())) {
            let hint = nearest(&key, &language::english());
            return Err(self.error(
                self.at,
                format!("there is no key `{key}:`; {hint} To look for the text, quote it"),
            ));
        }
        // Behind Chinese, or with a full-width colon, it is more often a text than a slip.
        if (letters || key.chars().all(|c| !c.is_ascii())) && !address {
            let chinese: Vec<&str> = KEYS.iter().flat_map(|key| key.word.other).copied().collect();
            let meant = if letters { None } else { near(&key, &chinese) };
            self.remarks.push(Remark::KeyAsText {
                typed,
                near: meant,
                sure: letters || meant.is_some(),
            });
        }
        Ok(None)
    }

    fn value(&mut self, column: usize, key: &'static Key) -> Result<Term, QueryError> {
        let name = key.word.english;
        let mut items = Vec::new();
        loop {
            let at = self.at;
            let alike = self.key_of_likeness(key);
            let exactly = alike.is_none() && self.peek().map(ascii) == Some('=');
            if exactly {
                self.step();
            }
            let value = match self.quoted()? {
                Some(text) => text,
                None => match self.peek() {
                    Some(c) if !is_blank(c) && ascii(c) != ')' => {
                        let word = self.word(key.list)?;
                        let narrowed = narrow(&word);
                        self.respelt |= narrowed != word;
                        narrowed
                    }
                    _ => String::new(),
                },
            };
            if value.is_empty() {
                if items.is_empty() {
                    return Err(self.error(column, format!("`{name}:` needs a value right behind the colon")));
                }
                break;
            }
            items.push((at, how(alike, exactly), value));
            let further = key.list && self.peek().is_some_and(is_comma) && self.key_at(self.at + 1).is_none();
            if !further {
                break;
            }
            self.at += 1;
            self.respelt = true;
        }
        if name == "in" {
            let places = items
                .into_iter()
                .map(|(at, _, value)| self.closed(key, at, &value))
                .collect::<Result<Vec<_>, _>>()?;
            return Ok(Term::In(
                places.iter().filter_map(|word| Place::from_word(word)).collect(),
            ));
        }
        let mut parts = Vec::with_capacity(items.len());
        for (at, how, value) in items {
            parts.push(match how {
                How::Alike(alike) => self.called_alike(key, at, alike, value)?,
                How::Id => self.condition(key, at, true, value)?,
                How::Plain => self.condition(key, at, false, value)?,
            });
        }
        if parts.len() == 1 {
            return Ok(Term::Condition(parts.remove(0)));
        }
        let written: Vec<&str> = parts.iter().map(|part| part.written.as_str()).collect();
        let written = written.join(" OR ");
        let filters = parts.into_iter().map(|part| part.filter).collect();
        Ok(Term::Condition(Part::new(
            Filter::Or(filters),
            written,
            Binds::Or,
        )))
    }

    /// The canonical word for a value of a closed set.
    fn closed(&mut self, key: &Key, at: usize, value: &str) -> Result<&'static str, QueryError> {
        let known = key.values.known();
        let folded = words::fold(value);
        match known.iter().find(|word| word.is(&folded)) {
            Some(word) => {
                self.respelt |= word.english != value.to_ascii_lowercase();
                Ok(word.english)
            }
            None => {
                let english: Vec<&str> = known.iter().map(|word| word.english).collect();
                let text = if key.word.english == "has" {
                    " To look for the word in texts, type it alone"
                } else {
                    ""
                };
                Err(self.error(
                    at,
                    format!(
                        "`{}:{value}` means nothing; {}{text}",
                        key.word.english,
                        nearest(value, &english)
                    ),
                ))
            }
        }
    }

    fn condition(&mut self, key: &Key, at: usize, exactly: bool, value: String) -> Result<Part, QueryError> {
        let name = key.word.english;
        let role = match name {
            "from" => Some(Role::Sender),
            "to" => Some(Role::Receiver),
            "with" => Some(Role::Either),
            _ => None,
        };
        let part = |filter, written: &str| Ok(Part::new(filter, format!("{name}:{written}"), Binds::Term));
        if let Some(alike) = language::alike(name) {
            if alike == Alike::Pinyin {
                self.check_pinyin(at, &value, false)?;
            }
            return Ok(self.text_alike(alike, value));
        }
        if exactly {
            let Some(role) = role else {
                return Err(self.error(
                    at,
                    format!("`=` chooses an id behind from:, to: and with:; `{name}:` has none"),
                ));
            };
            let written = format!("={}", bare(&value));
            return part(Filter::Id(role, value), &written);
        }
        if let Values::Closed(_) = key.values {
            let word = self.closed(key, at, &value)?;
            return part(closed_filter(name, word), word);
        }
        if matches!(name, "on" | "after" | "before") {
            return self.date(name, at, &value);
        }
        if self.variants && language::NAMES.contains(&name) && words::has_variants(&value) {
            // By id as well: an id is nothing that has other forms.
            let plain = plain_name(name, value.clone());
            let alike = self.called_alike(key, at, Alike::Variants, value.clone())?;
            self.respelt = true;
            let written = format!("{name}:{} OR {}", bare_name(&value), alike.written);
            return Ok(Part::new(
                Filter::Or(vec![plain, alike.filter]),
                written,
                Binds::Or,
            ));
        }
        let filter = match name {
            "from" | "to" | "with" | "name" | "room" => plain_name(name, value.clone()),
            "msgid" => Filter::Msgid(value.clone()),
            "tag" => Filter::Tag(value.clone()),
            "department" => Filter::Department(value.clone()),
            "company" => Filter::CompanyNamed(value.clone()),
            "type" => {
                let folded = words::fold(&value);
                let known = key.values.known().iter().find(|word| word.is(&folded));
                let word = known.map_or(value, |word| word.english.to_owned());
                self.respelt |= known.is_some_and(|word| word.english != folded);
                return part(Filter::Type(word.clone()), &bare(&word));
            }
            "recalled-within" => {
                let within_ms = date::duration(&value).ok_or_else(|| {
                    self.error(at, format!("`{value}` is no duration; write 90s, 2m, 3h or 1d"))
                })?;
                Filter::Recalled {
                    within_ms: Some(within_ms),
                }
            }
            _ => {
                let (first, last) = seq_range(&value).ok_or_else(|| {
                    self.error(at, format!("`{value}` is no position; write seq:5 or seq:5-9"))
                })?;
                Filter::Seq(first, last)
            }
        };
        let written = match language::NAMES.contains(&name) {
            true => bare_name(&value),
            false => bare(&value),
        };
        part(filter, &written)
    }

    /// Reads a key of likeness in front of a value, where the key before takes one.
    fn key_of_likeness(&mut self, key: &Key) -> Option<Alike> {
        if !language::NAMES.contains(&key.word.english) {
            return None;
        }
        let (found, behind) = self.key_at(self.at)?;
        let alike = language::alike(found.word.english)?;
        let typed: String = self.chars[self.at..behind].iter().collect();
        self.respelt |= typed.to_ascii_lowercase() != format!("{}:", found.word.english);
        self.at = behind;
        Some(alike)
    }

    fn called_alike(
        &mut self,
        key: &Key,
        at: usize,
        alike: Alike,
        value: String,
    ) -> Result<Part, QueryError> {
        if alike == Alike::Pinyin {
            self.check_pinyin(at, &value, true)?;
        }
        let called = match key.word.english {
            "from" => Called::Whole(Role::Sender),
            "to" => Called::Whole(Role::Receiver),
            "with" => Called::Whole(Role::Either),
            "name" => Called::Part,
            _ => Called::Room,
        };
        let written = format!("{}:{}:{}", key.word.english, alike.as_str(), bare_name(&value));
        let filter = Filter::CalledAlike {
            called,
            alike,
            name: value.clone(),
        };
        self.read_alike(alike, &value, true, &written);
        Ok(Part::new(filter, written, Binds::Term))
    }

    fn check_pinyin(&self, at: usize, value: &str, is_name: bool) -> Result<(), QueryError> {
        let initials = is_name && pinyin::initials(value).is_some();
        let names = if is_name { ", or initials" } else { "" };
        match pinyin::ways(value) {
            Err(Unread::NotPinyin) if !initials => Err(self.error(
                at,
                format!("`{value}` is no pinyin; write whole syllables{names} in Latin letters without tones, as in tuikuan, lv, xi'an"),
            )),
            Err(Unread::TooManyWays) => Err(self.error(
                at,
                format!(
                    "`{value}` can be cut into syllables in more than {} ways, or is very long; put a blank between the \
                     syllables and quotes around all of it, as in \"xi an\"",
                    pinyin::MOST_WAYS
                ),
            )),
            _ => Ok(()),
        }
    }

    fn date(&mut self, name: &str, at: usize, value: &str) -> Result<Part, QueryError> {
        // 时间:9月1日之后.
        let suffixes = [
            ("after", ["之后", "以后", "起", "以来"].as_slice()),
            ("before", ["之前", "以前"].as_slice()),
        ];
        let turned = suffixes
            .iter()
            .filter(|_| name == "on")
            .find_map(|(name, words)| {
                let date = words.iter().find_map(|word| value.strip_suffix(word))?;
                Some((*name, date))
            });
        let (name, typed) = turned.unwrap_or((name, value));
        let Some(read) = date::read(typed, self.zone, self.now) else {
            return Err(self.error(
                at,
                format!(
                    "`{value}` is no date; write 2024, 2024-05, 2024-05-01, 2024-05-01T10:00, 2024-Q3, 9月1日, 上周, today, 3d \
                     or 2024-05-01..2024-05-05; a range ends after it begins"
                ),
            ));
        };
        let span = read.span;
        let (from, to) = match name {
            "after" => (Some(span.from), None),
            "before" => (None, Some(span.from)),
            _ => (Some(span.from), Some(span.to)),
        };
        if name == "on" && span.from == span.to {
            return Err(self.error(
                at,
                format!("`{value}` is a moment; `on:` needs a day, week, month, quarter, year or range"),
            ));
        }
        // Of a longer time, the others need its beginning only.
        let canonical = match name {
            "on" => read.canonical.as_str(),
            _ => read.canonical.split("..").next().unwrap_or_default(),
        };
        let written = if read.plain && turned.is_none() {
            typed
        } else {
            canonical
        };
        self.respelt |= typed != written || turned.is_some();
        let part = Part::new(
            Filter::Time { from, to },
            format!("{name}:{}", bare(written)),
            Binds::Term,
        );
        self.dates.push(DateRead {
            written: part.written.clone(),
            typed: value.to_owned(),
            from,
            to,
            plain: read.plain && turned.is_none(),
        });
        Ok(part)
    }

    /// Reads up to a blank, a parenthesis that the word did not open itself, or a comma before a key; of a list, up to
    /// any comma.
    fn word(&mut self, list: bool) -> Result<String, QueryError> {
        let mut word = String::new();
        let mut open = 0usize;
        while let Some(c) = self.peek() {
            match ascii(c) {
                _ if c.is_whitespace() => break,
                '"' if c == '"' => {
                    return Err(self.error(
                        self.at,
                        "a quote inside a word; quote all of it, with \\\" for this one",
                    ));
                }
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                _ if is_comma(c) && list => break,
                _ if self.at_separator() => break,
                _ => {}
            }
            word.push(c);
            self.at += 1;
        }
        Ok(word)
    }

    /// A comma or semicolon right before a known key, as in `发送人：高杰，类型：文件`.
    fn at_separator(&self) -> bool {
        self.peek()
            .is_some_and(|c| is_comma(c) || matches!(c, '；' | ';'))
            && self.key_at(self.at + 1).is_some()
    }

    /// Reads a quotation, if one begins here. A single quote that nothing closes is an apostrophe.
    fn quoted(&mut self) -> Result<Option<String>, QueryError> {
        let column = self.at;
        let Some((opening, closing)) = self.peek().and_then(|c| Some((c, closers(c)?))) else {
            return Ok(None);
        };
        if opening == '"' {
            self.at += 1;
            if let Some(text) = self.escaped() {
                return Ok(Some(text));
            }
            self.at = column;
        }
        let rest = &self.chars[column + 1..];
        let end = closing
            .iter()
            .filter(|closer| **closer != '"' || opening != '"')
            .find_map(|closer| closes(rest, opening, *closer));
        match end {
            Some(end) => {
                let text = rest[..end].iter().collect();
                self.at = column + end + 2;
                self.respelt = true;
                Ok(Some(text))
            }
            None if matches!(opening, '‘' | '”') => Ok(None),
            None => Err(self.error(column, "this quote is never closed")),
        }
    }

    /// The rest of a quotation in ASCII; nothing when it is never closed.
    fn escaped(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match (c, self.peek()) {
                ('"', _) => return Some(text),
                ('\\', Some(escaped @ ('"' | '\\'))) => {
                    text.push(escaped);
                    self.at += 1;
                }
                _ => text.push(c),
            }
        }
        None
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Over a sign that may be full-width.
    fn step(&mut self) {
        self.respelt |= self.peek().is_some_and(|c| !c.is_ascii());
        self.at += 1;
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_blank) || self.at_separator() {
            self.respelt |= self.peek().is_some_and(|c| !is_blank(c));
            self.at += 1;
        }
    }

    fn at_end_of_group(&self) -> bool {
        matches!(self.peek().map(ascii), None | Some(')'))
    }

    /// True when exactly this word stands here, unquoted.
    fn at_word(&self, word: &str) -> bool {
        let length = word.len();
        let rest = &self.chars[self.at..];
        rest.len() >= length
            && word.chars().eq(rest[..length].iter().map(|c| ascii(*c)))
            && rest
                .get(length)
                .is_none_or(|c| is_blank(*c) || matches!(ascii(*c), '(' | ')'))
    }

    /// Over an operator and the blanks behind it.
    fn operator(&mut self, word: &str) {
        for _ in 0..word.len() {
            self.step();
        }
        self.skip_space();
    }

    fn error(&self, at: usize, message: impl Into<String>) -> QueryError {
        QueryError {
            column: at.min(self.chars.len().saturating_sub(1)) + 1,
            message: message.into(),
        }
    }
}

/// Where a quotation ends that began with `opening`; quotations of the same kind inside it belong to it.
fn closes(rest: &[char], opening: char, closer: char) -> Option<usize> {
    let mut inside = 0usize;
    for (at, c) in rest.iter().enumerate() {
        if *c == closer && inside == 0 {
            return Some(at);
        } else if *c == closer {
            inside -= 1;
        } else if *c == opening && matches!(opening, '「' | '『') {
            inside += 1;
        }
    }
    None
}

/// The known key that begins at a place, and the place behind its colon.
fn key_in(chars: &[char], at: usize) -> Option<(&'static Key, usize)> {
    let rest = chars.get(at..)?;
    KEYS.iter()
        .flat_map(|key| {
            let spellings = key.word.other.iter().chain([&key.word.english]);
            spellings.map(move |spelling| (key, *spelling))
        })
        .find_map(|(key, spelling)| {
            let mut chars = rest.iter();
            let spelt = spelling.chars().all(|expected| {
                chars.next().is_some_and(|c| {
                    ascii(*c).eq_ignore_ascii_case(&expected) || (expected == '-' && is_dash(*c))
                })
            });
            let colon = spelt && chars.next().is_some_and(|c| is_colon(*c));
            colon.then(|| (key, at + spelling.chars().count() + 1))
        })
}

/// How the value of a key is compared.
enum How {
    Plain,
    /// Behind `=`.
    Id,
    Alike(Alike),
}

fn how(alike: Option<Alike>, exactly: bool) -> How {
    match alike {
        Some(alike) => How::Alike(alike),
        None if exactly => How::Id,
        None => How::Plain,
    }
}

fn plain_name(key: &str, name: String) -> Filter {
    match key {
        "from" => Filter::From(name),
        "to" => Filter::To(name),
        "with" => Filter::With(name),
        "name" => Filter::Name(name),
        _ => Filter::Room(name),
    }
}

/// The value of a key of names; what would be read as a key of likeness stands in quotes.
fn bare_name(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    match key_in(&chars, 0) {
        Some((key, _)) if language::alike(key.word.english).is_some() => quote(name),
        _ => bare(name),
    }
}

/// A text that needs no quotes stands bare.
fn bare(text: &str) -> String {
    let plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '/' | '+' | '~' | ':' | '…' | '。')
    };
    let first = text.chars().next();
    if !text.is_empty() && text.chars().all(plain) && !first.is_some_and(|c| is_dash(c) || c == '=') {
        text.to_owned()
    } else {
        quote(text)
    }
}

fn text_part(needle: String) -> Part {
    // A colon or the form of an operator would be read as such.
    let word = !needle.contains(is_colon) && !matches!(narrow(&needle).as_str(), "AND" | "OR" | "NOT");
    let written = if word { bare(&needle) } else { quote(&needle) };
    Part::new(anywhere(needle), written, Binds::Term)
}

fn closed_filter(key: &str, word: &str) -> Filter {
    match (key, word) {
        ("is", "recalled") => Filter::Recalled { within_ms: None },
        ("is", "external") => Filter::External,
        ("is", "internal") => Filter::Internal,
        ("is", "group") => Filter::Group,
        ("is", "single") => Filter::Single,
        ("is", "inbound") => Filter::Inbound,
        ("is", _) => Filter::Outbound,
        ("has", "media") => Filter::HasMedia,
        ("has", "link") => Filter::HasLink,
        ("has", "file") => Filter::HasFile,
        ("has", word) => Pattern::from_word(word).map_or(Filter::HasFile, Filter::HasPattern),
        ("said-by", "employee") => Filter::SaidBy(Sayer::Employee),
        ("said-by", "external") => Filter::SaidBy(Sayer::External),
        ("said-by", _) => Filter::SaidBy(Sayer::Robot),
        ("consent", word) => Filter::Consent(Standing::from_word(word).unwrap_or(Standing::Unknown)),
        (_, word) => Filter::Media(MediaState::from_word(word).map_or(MediaAsk::Missing, MediaAsk::In)),
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
        Filter::Text { places: own, .. } | Filter::TextAlike { places: own, .. } if own.is_empty() => {
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
    let (first, last) = match value.split_once(is_dash) {
        None => (number(value)?, number(value)?),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests;
