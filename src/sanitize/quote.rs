//! A text, whole, with a mark in front of each of its lines.

use std::ops::Range;

use anstyle::Style;

use super::{
    Line,
    escape::{Escaper, Place},
};

/// In front of every line of a text. Nothing else that is printed contains this character.
pub const QUOTE: &str = "│ ";
/// In front of what did not fit into the width of the terminal.
pub const MORE: &str = "┊ ";

/// The lines of a text, each behind `│ `.
pub fn quote(text: &str, style: Style) -> Vec<Line> {
    quote_marked(text, &[], style, style)
}

/// The same with parts of the text in another style. `parts` are ranges of bytes in rising order.
pub fn quote_marked(text: &str, parts: &[Range<usize>], style: Style, marked: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut parts = parts.iter().peekable();
    let mut now = style;
    let begin = |style: Style| format!("{QUOTE}{style}");
    let mut line = begin(now);
    let mut escaper = Escaper::new(Place::Quote);
    for (at, ch) in text.char_indices() {
        while parts.peek().is_some_and(|part| part.end <= at) {
            parts.next();
        }
        let wanted = match parts.peek() {
            Some(part) if part.contains(&at) => marked,
            _ => style,
        };
        if wanted != now {
            line += &format!("{now:#}{wanted}");
            now = wanted;
        }
        if ch == '\n' {
            line += &format!("{now:#}");
            lines.push(Line::made(std::mem::replace(&mut line, begin(now))));
            escaper = Escaper::new(Place::Quote);
            continue;
        }
        escaper.push(&mut line, ch, &text[at + ch.len_utf8()..]);
    }
    line += &format!("{now:#}");
    lines.push(Line::made(line));
    lines
}
