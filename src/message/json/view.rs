//! Looking at a [`Tape`]: fields by name, and values taken for what they can be taken for.
//!
//! Liberal on purpose (messages, "Be liberal"): a number may come as decimal text, anything may be null or
//! missing, and of a key that stands twice the last counts, as with `serde_json`.

use super::{Node, Tape};

/// A place on a tape: one value and everything inside it.
#[derive(Clone, Copy)]
pub(in crate::message) struct View<'t> {
    tape: &'t Tape<'t>,
    at: usize,
}

impl<'t> View<'t> {
    pub(super) fn new(tape: &'t Tape<'t>, at: usize) -> Self {
        Self { tape, at }
    }

    pub(super) fn node(self) -> &'t Node<'t> {
        &self.tape.nodes[self.at]
    }

    fn end(self) -> usize {
        match self.node() {
            Node::Array(end) | Node::Object(end) => *end,
            _ => self.at + 1,
        }
    }

    pub(in crate::message) fn is_object(self) -> bool {
        matches!(self.node(), Node::Object(_))
    }

    pub(in crate::message) fn is_array(self) -> bool {
        matches!(self.node(), Node::Array(_))
    }

    pub(in crate::message) fn is_null(self) -> bool {
        matches!(self.node(), Node::Null)
    }

    /// The string, if it is one.
    pub(in crate::message) fn as_str(self) -> Option<&'t str> {
        match self.node() {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string, or a number or truth value as written.
    pub(in crate::message) fn as_text(self) -> Option<&'t str> {
        match self.node() {
            Node::Text(text) => Some(text),
            Node::Number(number) => Some(number),
            Node::Bool(true) => Some("true"),
            Node::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// A whole number from 0, also out of decimal text or `1e3`.
    pub(in crate::message) fn as_uint(self) -> Option<u64> {
        let written = self.as_text()?.trim();
        written
            .parse()
            .ok()
            .or_else(|| u64::try_from(whole(written)?).ok())
    }

    /// A whole number, also out of decimal text.
    pub(in crate::message) fn as_int(self) -> Option<i64> {
        let written = self.as_text()?.trim();
        written.parse().ok().or_else(|| whole(written))
    }

    /// A finite number, also out of decimal text.
    pub(in crate::message) fn as_real(self) -> Option<f64> {
        self.as_text()?
            .trim()
            .parse()
            .ok()
            .filter(|real: &f64| real.is_finite())
    }

    /// Keys and values of an object, in order; nothing for other values.
    pub(in crate::message) fn fields(self) -> impl Iterator<Item = (&'t str, View<'t>)> {
        let end = if self.is_object() { self.end() } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let Node::Key(key) = (at < end).then(|| &self.tape.nodes[at])? else {
                return None;
            };
            let value = View::new(self.tape, at + 1);
            at = value.end();
            Some((&**key, value))
        })
    }

    /// Elements of an array, in order; nothing for other values.
    pub(in crate::message) fn items(self) -> impl Iterator<Item = View<'t>> {
        let end = if self.is_array() { self.end() } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let item = (at < end).then(|| View::new(self.tape, at))?;
            at = item.end();
            Some(item)
        })
    }

    /// The last field of that name, unless it is null.
    pub(in crate::message) fn field(self, name: &str) -> Option<View<'t>> {
        let found = self.fields().filter(|(key, _)| *key == name).last();
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A field as text; empty when there is none.
    pub(in crate::message) fn text(self, name: &str) -> String {
        self.field(name)
            .and_then(View::as_text)
            .unwrap_or_default()
            .to_owned()
    }

    /// A field as a whole number from 0.
    pub(in crate::message) fn uint(self, name: &str) -> Option<u64> {
        self.field(name)?.as_uint()
    }

    /// A field as a whole number.
    pub(in crate::message) fn int(self, name: &str) -> Option<i64> {
        self.field(name)?.as_int()
    }

    /// A field as a finite number.
    pub(in crate::message) fn real(self, name: &str) -> Option<f64> {
        self.field(name)?.as_real()
    }

    /// The elements of an array field; a field that is no array counts as its only element.
    pub(in crate::message) fn list(self, name: &str) -> impl Iterator<Item = View<'t>> {
        let field = self.field(name);
        let single = field.filter(|value| !value.is_array());
        field.into_iter().flat_map(View::items).chain(single)
    }

    /// Texts among the elements of an array field.
    pub(in crate::message) fn texts(self, name: &str) -> Vec<String> {
        self.list(name)
            .filter_map(View::as_text)
            .map(str::to_owned)
            .collect()
    }

    /// Every value inside (itself first), each with the object that holds it and the key it stands under;
    /// elements of an array stand under the array's key.
    pub(in crate::message) fn walk(self) -> Walk<'t> {
        Walk {
            tape: self.tape,
            at: self.at,
            end: self.end(),
            holders: vec![(self.end(), None, "")],
        }
    }
}

/// See [`View::walk`].
pub(in crate::message) struct Walk<'t> {
    tape: &'t Tape<'t>,
    at: usize,
    end: usize,
    /// Containers around the current place: end, nearest object, key its elements stand under.
    holders: Vec<(usize, Option<usize>, &'t str)>,
}

/// One value of a [`Walk`].
pub(in crate::message) struct Found<'t> {
    /// The nearest object around it.
    pub(in crate::message) holder: Option<View<'t>>,
    /// The nearest key above it; empty for the outermost value.
    pub(in crate::message) key: &'t str,
    /// The value.
    pub(in crate::message) value: View<'t>,
}

impl<'t> Walk<'t> {
    /// Leaves out everything inside the value that was returned last.
    pub(in crate::message) fn pass_over(&mut self, value: View<'t>) {
        self.at = value.end();
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Found<'t>;

    fn next(&mut self) -> Option<Found<'t>> {
        if self.at >= self.end {
            return None;
        }
        while self.holders.len() > 1 && self.holders.last().is_some_and(|(end, ..)| *end <= self.at) {
            self.holders.pop();
        }
        let (_, holder, mut key) = *self.holders.last()?;
        if let Node::Key(own) = &self.tape.nodes[self.at] {
            key = own;
            self.at += 1;
        }
        let value = View::new(self.tape, self.at);
        match value.node() {
            Node::Object(end) => self.holders.push((*end, Some(self.at), key)),
            Node::Array(end) => self.holders.push((*end, holder, key)),
            _ => {}
        }
        self.at += 1;
        Some(Found {
            holder: holder.map(|at| View::new(self.tape, at)),
            key,
            value,
        })
    }
}

/// `1.0` and `1.6e12` are whole numbers too, as long as a double holds them exactly.
fn whole(written: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let real: f64 = written.parse().ok()?;
    (real.fract() == 0.0 && real.abs() <= EXACT).then_some(real as i64)
}
