//! The XML that WeCom sends, and its JSON twin, as one small tree.
//!
//! A reader of our own instead of a crate: the platform sends elements with text or CDATA and nothing else, and what
//! is not there (document types, entities of one's own, attributes, includes) cannot be attacked or left switched on.
//! Bounded in depth and in elements; it uses no recursion of its own.
//!
//! Must not know: what the elements mean.

use std::fmt;

use serde_json::Value;

/// Elements within elements; the deepest known event has 5.
const DEPTH: usize = 16;
/// Elements in all; a member list of a customer group has at most 500.
const ELEMENTS: usize = 20_000;

/// Why a text is not such a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    Encoding,
    /// A document type, an attribute, a processing instruction: never sent, and never read.
    #[error("the XML uses what callbacks never use (a document type, an attribute, an instruction)")]
    Feature,
    /// An entity beside the five predefined ones and character references.
    #[error("the XML uses an entity that XML itself does not define")]
    Entity,
    /// Broken off, unbalanced, or no markup at all.
    #[error("the XML or JSON is not well formed")]
    Form,
    /// Deeper, or more elements, than any callback.
    #[error("the text has more elements than a callback ever has")]
    Size,
}

/// An element: its name, its own text, and the elements in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// As written. Lookups ignore case, because JSON forms spell it differently.
    pub name: String,
    /// Text and CDATA joined, without white space around it when there are elements too.
    pub text: String,
    /// In the order sent.
    pub children: Vec<Element>,
}

impl fmt::Debug for Element {
    /// Names and sizes only: texts may be message bodies, codes and tokens (promise 9).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} bytes)", self.name, self.text.len())?;
        if self.children.is_empty() {
            return Ok(());
        }
        f.debug_list().entries(&self.children).finish()
    }
}

impl Element {
    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children
            .iter()
            .find(|child| child.name.eq_ignore_ascii_case(name))
    }

    /// Its text.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// Reads XML or, when the text begins with a brace, JSON.
    pub fn read(bytes: &[u8]) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| TreeError::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
        if text.starts_with('{') {
            let value: Value = serde_json::from_str(text).map_err(|_| TreeError::Form)?;
            let mut left = ELEMENTS;
            let mut root = Self::named("json");
            root.fill(&value, DEPTH, &mut left)?;
            return Ok(root);
        }
        Reader { rest: text }.document()
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Objects become children, lists `Item` elements, everything else text.
    fn fill(&mut self, value: &Value, depth: usize, left: &mut usize) -> Result<(), TreeError> {
        let mut add = |name: &str, value: &Value| {
            let depth = depth.checked_sub(1).ok_or(TreeError::Size)?;
            *left = left.checked_sub(1).ok_or(TreeError::Size)?;
            let mut child = Self::named(name);
            child.fill(value, depth, left)?;
            self.children.push(child);
            Ok(())
        };
        match value {
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| add(name, value)),
            Value::Array(items) => items.iter().try_for_each(|item| add("Item", item)),
            Value::String(text) => {
                self.text.clone_from(text);
                Ok(())
            }
            Value::Null => Ok(()),
            other => {
                self.text = other.to_string();
                Ok(())
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Element, TreeError> {
        if let Some(declaration) = self.rest.strip_prefix("<?xml") {
            self.rest = after(declaration, "?>")?.1.trim_start();
        }
        let mut open: Vec<Element> = Vec::new();
        let mut count = 0;
        loop {
            // Text up to the next mark.
            let at = self.rest.find('<').ok_or(TreeError::Form)?;
            let (text, mark) = self.rest.split_at(at);
            match open.last_mut() {
                Some(element) => unescape(text, &mut element.text)?,
                None if text.trim().is_empty() => {}
                None => return Err(TreeError::Form),
            }
            self.rest = &mark[1..];
            if let Some(comment) = self.rest.strip_prefix("!--") {
                self.rest = after(comment, "-->")?.1;
            } else if let Some(data) = self.rest.strip_prefix("![CDATA[") {
                let (text, rest) = after(data, "]]>")?;
                open.last_mut().ok_or(TreeError::Form)?.text.push_str(text);
                self.rest = rest;
            } else if self.rest.starts_with(['!', '?']) {
                return Err(TreeError::Feature);
            } else if let Some(end) = self.rest.strip_prefix('/') {
                let (name, rest) = after(end, ">")?;
                self.rest = rest;
                let closed = open.pop().filter(|element| element.name == name.trim_end());
                if let Some(root) = close(closed.ok_or(TreeError::Form)?, &mut open) {
                    return self.nothing_follows(root);
                }
            } else {
                count += 1;
                if count > ELEMENTS || open.len() >= DEPTH {
                    return Err(TreeError::Size);
                }
                let (tag, rest) = after(self.rest, ">")?;
                self.rest = rest;
                let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
                let element = Element::named(tag_name(tag.trim_end())?);
                if !empty {
                    open.push(element);
                } else if let Some(root) = close(element, &mut open) {
                    return self.nothing_follows(root);
                }
            }
        }
    }

    fn nothing_follows(self, root: Element) -> Result<Element, TreeError> {
        if self.rest.trim().is_empty() {
            Ok(root)
        } else {
            Err(TreeError::Form)
        }
    }
}

/// Puts a closed element into the one around it, or gives it back as the root.
fn close(mut element: Element, open: &mut [Element]) -> Option<Element> {
    if !element.children.is_empty() {
        element.text = element.text.trim().to_owned();
    }
    match open.last_mut() {
        Some(parent) => {
            parent.children.push(element);
            None
        }
        None => Some(element),
    }
}

/// What stands before `mark`, and what behind it.
fn after<'a>(text: &'a str, mark: &str) -> Result<(&'a str, &'a str), TreeError> {
    text.split_once(mark).ok_or(TreeError::Form)
}

fn tag_name(tag: &str) -> Result<&str, TreeError> {
    let first = |c: char| c.is_alphabetic() || c == '_';
    let later = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if tag.starts_with(first) && tag.chars().all(later) {
        Ok(tag)
    } else if tag.contains('=') {
        Err(TreeError::Feature)
    } else {
        Err(TreeError::Form)
    }
}

fn unescape(text: &str, into: &mut String) -> Result<(), TreeError> {
    let mut pieces = text.split('&');
    into.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (entity, rest) = piece.split_once(';').ok_or(TreeError::Form)?;
        into.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = entity.strip_prefix('#').ok_or(TreeError::Entity)?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                code.ok().and_then(char::from_u32).ok_or(TreeError::Form)?
            }
        });
        into.push_str(rest);
    }
    Ok(())
}
