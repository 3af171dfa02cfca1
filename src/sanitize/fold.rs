//! Long lines on a terminal: folded here, because a terminal begins the next row without any mark.

use unicode_width::UnicodeWidthChar;

use super::quote::{MORE, QUOTE};

/// What a row that goes on with a line of the program begins with.
const INDENT: &str = "          ";
/// Narrower terminals are left alone.
const NARROWEST: usize = 24;
/// Columns between tab stops.
const TAB: usize = 8;

/// Breaks a printable line into rows of at most `width` columns. Rows that go on with a quoted text begin with `┊ ` where the
/// text's mark stands, others with ten blanks; those are broken at a blank where there is one. Characters whose width differs between terminals count as wide.
pub fn fold(line: &str, width: usize) -> String {
    if width < NARROWEST || columns(line) < width {
        return line.to_owned();
    }
    let going_on = match line.find(QUOTE) {
        // Behind a label the text goes on below the label.
        Some(at) => {
            let before = &line[..at];
            let blanks = before.len() - before.trim_start_matches(' ').len();
            format!("{}{MORE}", " ".repeat(blanks))
        }
        None => INDENT.to_owned(),
    };
    let quoted = line.contains(QUOTE);
    let (mut rows, mut column) = (String::with_capacity(line.len() + 16), 0);
    // The last blank of this row at which a sentence may be broken; a text is broken where the row ends and nowhere else.
    let mut blank = None;
    let mut rest = line.chars();
    while let Some(ch) = rest.next() {
        if ch == '\u{1b}' {
            rows.push(ch);
            for ch in rest.by_ref() {
                rows.push(ch);
                if ch == 'm' {
                    break;
                }
            }
            continue;
        }
        let wide = step(ch, column);
        if column + wide >= width && wide > 0 {
            let tail = blank.take().map(|at: usize| rows.split_off(at));
            rows.push('\n');
            rows.push_str(&going_on);
            rows.push_str(tail.as_deref().unwrap_or_default().trim_start_matches(' '));
            column = columns(rows.rsplit('\n').next().unwrap_or_default());
        }
        if ch == ' ' && !quoted && column > width / 2 {
            blank = Some(rows.len());
        }
        rows.push(ch);
        column += step(ch, column);
    }
    rows
}

fn step(ch: char, column: usize) -> usize {
    match ch {
        '\t' => TAB - column % TAB,
        ch => ch.width_cjk().unwrap_or(0),
    }
}

/// Columns of a line, styles left out.
fn columns(line: &str) -> usize {
    let (mut column, mut rest) = (0, line.chars());
    while let Some(ch) = rest.next() {
        match ch {
            '\u{1b}' => {
                rest.by_ref().find(|ch| *ch == 'm');
            }
            ch => column += step(ch, column),
        }
    }
    column
}
