//! Which characters are printed as they are, and the sign that stands for the others.

use std::fmt::Write;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory},
};

/// Marks that may follow one character: more of them are piled up to cover neighbouring lines.
const MARKS: u8 = 4;

/// What surrounds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind `│`, one line of a text: tabs stay.
    Quote,
    /// Inside a sentence, possibly between `«` and `»`.
    Value,
    /// A whole line in which values stand already; signs in it are not escaped again.
    Sentence,
    /// Inside a JSON string.
    Json,
}

/// Escapes character by character, because emoji depend on what stands before and behind.
pub(super) struct Escaper {
    place: Place,
    before: Option<char>,
    marks: u8,
}

impl Escaper {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            before: None,
            marks: 0,
        }
    }

    /// The whole text.
    pub(super) fn all(place: Place, text: &str) -> String {
        let mut escaper = Self::new(place);
        let mut out = String::with_capacity(text.len() + 8);
        let mut rest = text.chars();
        while let Some(ch) = rest.next() {
            escaper.push(&mut out, ch, rest.as_str());
        }
        out
    }

    /// Appends `ch` or its sign; `rest` is the text behind it. True when it went through as it is.
    pub(super) fn push(&mut self, out: &mut String, ch: char, rest: &str) -> bool {
        let stays = self.stays(ch, rest);
        if stays {
            out.push(ch);
            self.before = Some(ch);
        } else {
            sign(self.place, out, ch);
            // What follows the sign stands behind its `>` and must not change how that looks.
            self.before = None;
            self.marks = 0;
        }
        stays
    }

    fn stays(&mut self, ch: char, rest: &str) -> bool {
        match ch {
            '\t' => return self.place == Place::Quote,
            '<' if matches!(self.place, Place::Quote | Place::Value) => {
                self.marks = 0;
                return !(rest.starts_with("U+") || rest.starts_with('+'));
            }
            '│' | '┊' if matches!(self.place, Place::Value | Place::Sentence) => return false,
            '«' | '»' if self.place == Place::Value => return false,
            // Most of what people write.
            ' '..='~' | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{4e00}'..='\u{9fff}' => {
                self.marks = 0;
                return true;
            }
            '\u{fe0e}' | '\u{fe0f}' => return self.before.is_some_and(has_presentations),
            '\u{200d}' => {
                return self.before.is_some_and(joins) && rest.chars().next().is_some_and(pictographic);
            }
            _ => {}
        }
        use GeneralCategory as Is;
        match CodePointMapData::<GeneralCategory>::new().get(ch) {
            Is::Control
            | Is::Format
            | Is::Surrogate
            | Is::PrivateUse
            | Is::Unassigned
            | Is::LineSeparator
            | Is::ParagraphSeparator => false,
            Is::NonspacingMark | Is::EnclosingMark | Is::SpacingMark => {
                self.marks = self.marks.saturating_add(1);
                self.before.is_some() && self.marks <= MARKS && !blank(ch)
            }
            _ => {
                self.marks = 0;
                !blank(ch)
            }
        }
    }
}

/// Letters and symbols that show nothing at all: fillers, a Braille cell without dots.
fn blank(ch: char) -> bool {
    ch == '\u{2800}' || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(ch)
}

/// Characters with a text and an emoji form, which a variation selector chooses between.
fn has_presentations(ch: char) -> bool {
    ch.is_ascii_digit() || matches!(ch, '#' | '*') || pictographic(ch)
}

/// A joiner may stand behind these.
fn joins(ch: char) -> bool {
    pictographic(ch) || matches!(ch, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

pub(super) fn pictographic(ch: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(ch)
}

fn sign(place: Place, out: &mut String, ch: char) {
    match place {
        Place::Json => {
            for unit in ch.encode_utf16(&mut [0; 2]) {
                let _never_fails = write!(out, "\\u{unit:04x}");
            }
        }
        _ => {
            let _never_fails = write!(out, "<U+{:04X}>", u32::from(ch));
        }
    }
}

/// One entry of a log, as a library has formatted it: without control characters, on one line, and still valid if it is JSON.
pub fn log(entry: &str, as_json: bool) -> String {
    let place = if as_json { Place::Json } else { Place::Sentence };
    let mut line = Escaper::all(place, entry.strip_suffix('\n').unwrap_or(entry));
    line.push('\n');
    line
}
