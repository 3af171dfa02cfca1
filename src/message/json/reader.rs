//! The one pass over the text. Strict grammar of JSON, bent only inside strings and at the two ends.
//!
//! Must not know: how the tape is looked at.

use std::borrow::Cow;

use super::Node;

/// A place in the text, and what was read up to there.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The tape so far.
    pub(super) nodes: Vec<Node<'a>>,
    /// Containers that are not closed yet.
    open: Vec<usize>,
    /// Something was bent to go on.
    pub(super) lenient: bool,
}

impl<'a> Reader<'a> {
    /// At the beginning of a text; with room for an envelope and a payload of ordinary size.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            nodes: Vec::with_capacity(48),
            open: Vec::new(),
            lenient: false,
        }
    }

    /// The one document of the text. `None`: it is not JSON, even leniently.
    pub(super) fn document(&mut self) -> Option<()> {
        loop {
            if self.value()? {
                continue;
            }
            if self.climb()? {
                return self.tail();
            }
        }
    }

    /// Reads a value, or enters a container: true when its first child comes next.
    fn value(&mut self) -> Option<bool> {
        self.blanks();
        match self.peek()? {
            b'{' => {
                self.enter(Node::Object(0));
                if !self.eat(b'}') {
                    self.key()?;
                    return Some(true);
                }
                self.leave();
            }
            b'[' => {
                self.enter(Node::Array(0));
                if !self.eat(b']') {
                    return Some(true);
                }
                self.leave();
            }
            b'"' => {
                self.at += 1;
                let text = self.string()?;
                self.nodes.push(Node::Text(text));
            }
            b't' => self.literal("true", Node::Bool(true))?,
            b'f' => self.literal("false", Node::Bool(false))?,
            b'n' => self.literal("null", Node::Null)?,
            _ => self.number()?,
        }
        Some(false)
    }

    /// Behind a value: closes what ends here. False when another value follows, true at the very end.
    fn climb(&mut self) -> Option<bool> {
        while let Some(&container) = self.open.last() {
            let object = matches!(self.nodes[container], Node::Object(_));
            if self.eat(b',') {
                if object {
                    self.key()?;
                }
                return Some(false);
            }
            if !self.eat(if object { b'}' } else { b']' }) {
                return None;
            }
            self.leave();
        }
        Some(true)
    }

    fn tail(&mut self) -> Option<()> {
        self.blanks();
        let rest = &self.text.as_bytes()[self.at..];
        if rest.is_empty() {
            return Some(());
        }
        self.lenient = true;
        rest.iter()
            .all(|byte| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n'))
            .then_some(())
    }

    fn enter(&mut self, container: Node<'a>) {
        self.at += 1;
        self.open.push(self.nodes.len());
        self.nodes.push(container);
    }

    fn leave(&mut self) {
        let end = self.nodes.len();
        if let Some(container) = self.open.pop()
            && let Node::Array(known) | Node::Object(known) = &mut self.nodes[container]
        {
            *known = end;
        }
    }

    fn key(&mut self) -> Option<()> {
        if !self.eat(b'"') {
            return None;
        }
        let key = self.string()?;
        self.nodes.push(Node::Key(key));
        self.eat(b':').then_some(())
    }

    fn literal(&mut self, word: &str, node: Node<'a>) -> Option<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        self.nodes.push(node);
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let leading = self.peek()?;
        let whole = self.digits()?;
        if leading == b'0' && whole > 1 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.nodes.push(Node::Number(&self.text[start..self.at]));
        Some(())
    }

    fn digits(&mut self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(count)
    }

    /// The string whose opening quote was just read.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let run = self.run()?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Some(Cow::Borrowed(run));
        }
        let mut owned = String::with_capacity(run.len() + 64);
        owned.push_str(run);
        loop {
            self.at += 1;
            self.escape(&mut owned)?;
            owned.push_str(self.run()?);
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Some(Cow::Owned(owned));
            }
        }
    }

    /// Everything up to the next quote or backslash.
    fn run(&mut self) -> Option<&'a str> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        // Two passes without a branch per byte are several times faster than one with.
        let length = memchr::memchr2(b'"', b'\\', rest)?;
        self.lenient |= rest[..length]
            .iter()
            .fold(false, |control, &byte| control | (byte < 0x20));
        self.at += length;
        Some(&self.text[start..self.at])
    }

    /// What stands behind a backslash. An escape nobody defined stays as it is written.
    fn escape(&mut self, out: &mut String) -> Option<()> {
        let plain = match self.peek()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'u' => match self.hex(self.at + 1) {
                Some(unit) => return self.unicode(unit, out),
                None => return self.stray(out),
            },
            _ => return self.stray(out),
        };
        self.at += 1;
        out.push(plain);
        Some(())
    }

    fn stray(&mut self, out: &mut String) -> Option<()> {
        self.lenient = true;
        out.push('\\');
        Some(())
    }

    /// `\uXXXX`, joined with the one behind it when the two are a surrogate pair.
    fn unicode(&mut self, unit: u16, out: &mut String) -> Option<()> {
        self.at += 5;
        if !(0xD800..0xE000).contains(&unit) {
            out.push(char::from_u32(u32::from(unit))?);
            return Some(());
        }
        let next = self.text.as_bytes()[self.at..]
            .starts_with(b"\\u")
            .then(|| self.hex(self.at + 2))
            .flatten()
            .and_then(|low| char::decode_utf16([unit, low]).next()?.ok());
        match next {
            Some(joined) => {
                self.at += 6;
                out.push(joined);
            }
            None => {
                self.lenient = true;
                out.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Some(())
    }

    fn hex(&self, from: usize) -> Option<u16> {
        let digits = self.text.as_bytes().get(from..from + 4)?;
        digits.iter().try_fold(0, |sum, &digit| {
            Some(sum * 16 + char::from(digit).to_digit(16)? as u16)
        })
    }

    fn blanks(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips blanks and, if it stands there, the byte.
    fn eat(&mut self, byte: u8) -> bool {
        self.blanks();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }
}
