//! A name, an id, a file name inside a sentence.

use icu_properties::{CodePointMapData, props::GeneralCategory};

use super::{
    Line,
    escape::{Escaper, Place, pictographic},
};

/// Characters of a value that are shown at most.
const LONGEST: usize = 200;
/// So many of its beginning stay when it is longer, and so many of its end.
const KEPT: (usize, usize) = (160, 20);

/// `张三` as it is, `«张三  已撤回：李四»` between marks: a value of one word that no sentence of the program is made of
/// stands for itself, every other between marks. Longer than 200 characters, it is shortened: `«begin…<+4000>…end»`.
pub fn value(text: &str) -> Line {
    let length = text.chars().count();
    if length > LONGEST {
        let cut = |from: usize| text.char_indices().nth(from).map_or(text.len(), |(at, _)| at);
        let (head, tail) = (&text[..cut(KEPT.0)], &text[cut(length - KEPT.1)..]);
        let (head, tail) = (Escaper::all(Place::Value, head), Escaper::all(Place::Value, tail));
        return Line::made(format!("«{head}…<+{}>…{tail}»", length - KEPT.0 - KEPT.1));
    }
    let escaped = Escaper::all(Place::Value, text);
    let one_word = escaped == text && text.chars().all(of_a_word) && text.chars().any(speaks);
    Line::made(match one_word {
        true => escaped,
        false => format!("«{escaped}»"),
    })
}

/// A word is made of letters, digits, the signs of ids and addresses, and emoji.
fn of_a_word(ch: char) -> bool {
    speaks(ch)
        || matches!(
            ch,
            '_' | '-' | '.' | '@' | '=' | '+' | '/' | '&' | '#' | '~' | '%' | '·'
        )
        || mark(ch)
}

/// A value of signs alone, like the dash, would read as "none".
fn speaks(ch: char) -> bool {
    ch.is_alphanumeric() || (ch >= '\u{1f300}' && pictographic(ch))
}

fn mark(ch: char) -> bool {
    use GeneralCategory as Is;
    !ch.is_ascii()
        && matches!(
            CodePointMapData::<GeneralCategory>::new().get(ch),
            Is::NonspacingMark | Is::SpacingMark
        )
}
