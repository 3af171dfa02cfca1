//! Why a message was found: the words around the first match, per place, with every match marked.

use std::ops::Range;

use crate::{
    message::{Message, Place, Segment},
    store::contract::Needle,
    words::{Folded, Rows, fold},
};

/// A piece of a message to show on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Where the piece stands.
    pub place: Place,
    /// The piece: as in the message, except that line breaks and other control characters (and those that turn
    /// the direction of writing) are shown as a space, and `…` stands where it was cut.
    pub text: String,
    /// The matches in `text`, in bytes, ascending, without overlap.
    pub highlights: Vec<Range<usize>>,
}

/// What is marked.
enum Wanted {
    Text(Vec<char>),
    Alike(Rows),
}

impl Wanted {
    fn of(needle: &Needle) -> Self {
        match needle.alike {
            None => Self::Text(fold(&needle.text).chars().collect()),
            Some(alike) => Self::Alike(Rows::of(alike, &needle.text)),
        }
    }

    fn find(&self, folded: &Folded) -> Vec<Range<usize>> {
        match self {
            Self::Text(text) => folded.find(text),
            Self::Alike(rows) => rows.find(folded),
        }
    }
}

/// One snippet for each place that holds a match, at most `width` characters of the message each. Without any
/// match (a question about people or dates) the beginning of the first text; nothing for a message without text.
pub fn snippet(message: &Message, needles: &[Needle], width: usize) -> Vec<Snippet> {
    let width = width.max(1);
    let mut shown = vec![false; message.segments.len()];
    let mut snippets = Vec::new();
    let all: Vec<Wanted> = needles.iter().map(Wanted::of).collect();
    for place in Place::ALL {
        let wanted: Vec<&Wanted> = needles
            .iter()
            .zip(&all)
            .filter(|(needle, _)| needle.places.is_empty() || needle.places.contains(&place))
            .map(|(_, wanted)| wanted)
            .collect();
        let found = message
            .segments
            .iter()
            .zip(&mut shown)
            .find_map(|(segment, shown)| {
                if *shown || wanted.is_empty() || !stands_in(segment, place) {
                    return None;
                }
                let folded = Folded::new(&segment.text);
                let matches = matches(&folded, &wanted);
                *shown = !matches.is_empty();
                shown.then(|| cut(place, &segment.text, &matches, width))
            });
        snippets.extend(found);
    }
    if snippets.is_empty()
        && let Some(first) = message.segments.first()
    {
        let place = Place::ALL
            .into_iter()
            .find(|place| stands_in(first, *place))
            .unwrap_or(Place::Other);
        snippets.push(cut(place, &first.text, &[], width));
    }
    snippets
}

/// A text that stands nowhere in particular counts as standing in [`Place::Other`], as in the index.
fn stands_in(segment: &Segment, place: Place) -> bool {
    segment.places.contains(place) || (segment.places.is_empty() && place == Place::Other)
}

/// All matches of all needles, in bytes of the source, ascending; those that touch or overlap become one.
fn matches(folded: &Folded, wanted: &[&Wanted]) -> Vec<Range<usize>> {
    let found = wanted.iter().flat_map(|needle| needle.find(folded));
    let mut all: Vec<Range<usize>> = found.map(|range| folded.source(range)).collect();
    all.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for range in all {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// `matches` in bytes of `source`.
fn cut(place: Place, source: &str, matches: &[Range<usize>], width: usize) -> Snippet {
    let count = source.chars().count();
    let window = match matches.first() {
        None => 0..count.min(width),
        Some(first) => {
            let length = source[first.clone()].chars().count();
            let begin = source[..first.start].chars().count();
            // A third of the room before the match, the rest behind it.
            let room = width.saturating_sub(length);
            let start = begin.saturating_sub(room / 3);
            let end = count.min(start + width);
            let start = if length < width {
                end.saturating_sub(width).min(start)
            } else {
                start
            };
            start..end
        }
    };
    let mut text = String::new();
    let mut highlights: Vec<Range<usize>> = Vec::new();
    if window.start > 0 {
        text.push('…');
    }
    let mut ahead = matches.iter().peekable();
    for (at, c) in source.char_indices().skip(window.start).take(window.len()) {
        while ahead.next_if(|range| range.end <= at).is_some() {}
        let begin = text.len();
        text.push(if disturbs(c) { ' ' } else { c });
        if ahead.peek().is_some_and(|range| range.contains(&at)) {
            match highlights.last_mut() {
                Some(last) if last.end == begin => last.end = text.len(),
                _ => highlights.push(begin..text.len()),
            }
        }
    }
    if window.end < count {
        text.push('…');
    }
    Snippet {
        place,
        text,
        highlights,
    }
}

/// Characters that would break the line, drive the terminal, or turn the direction of what follows.
fn disturbs(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{message::Places, words::Alike};

    fn message(segments: &[(&[Place], &str)]) -> Message {
        let segments = segments
            .iter()
            .map(|(places, text)| Segment {
                places: Places::of(places),
                text: (*text).into(),
            })
            .collect();
        Message {
            segments,
            ..Message::default()
        }
    }

    fn needle(text: &str, places: &[Place]) -> Needle {
        Needle {
            text: text.into(),
            alike: None,
            places: places.into(),
        }
    }

    fn marked(snippet: &Snippet) -> Vec<&str> {
        snippet
            .highlights
            .iter()
            .map(|range| &snippet.text[range.clone()])
            .collect()
    }

    #[test]
    fn every_place_with_a_match_shows_one() {
        let message = message(&[
            (&[Place::Text], "没有"),
            (&[Place::Text], "客户要求退款，ＲＥＦＵＮＤ 退款"),
            (&[Place::Filename, Place::Forwarded], "退款单.xlsx"),
            (&[Place::Link], "https://x"),
        ]);
        let found = snippet(&message, &[needle("退款", &[]), needle("refund", &[])], 40);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].place, marked(&found[0])),
            (Place::Text, vec!["退款", "ＲＥＦＵＮＤ", "退款"])
        );
        assert_eq!(
            (found[1].place, marked(&found[1])),
            (Place::Filename, vec!["退款"])
        );
    }

    #[test]
    fn a_needle_for_one_place_is_marked_only_there() {
        let message = message(&[(&[Place::Text], "退款"), (&[Place::Filename], "退款.pdf")]);
        let found = snippet(&message, &[needle("退款", &[Place::Filename])], 40);
        assert_eq!(
            found.iter().map(|s| s.place).collect::<Vec<_>>(),
            [Place::Filename]
        );
    }

    #[test]
    fn what_is_alike_is_marked_as_it_is_written() {
        let message = message(&[(&[Place::Text], "請開發票，发票和退款")]);
        let ask = |text: &str, alike| Needle {
            alike: Some(alike),
            ..needle(text, &[])
        };
        let found = snippet(&message, &[ask("发票", Alike::Variants)], 40);
        assert_eq!(marked(&found[0]), ["發票", "发票"]);
        let found = snippet(
            &message,
            &[ask("fapiao", Alike::Pinyin), ask("tui", Alike::Pinyin)],
            40,
        );
        assert_eq!(marked(&found[0]), ["發票", "发票", "退"]);
    }

    #[test]
    fn a_long_text_is_cut_around_its_first_match() {
        let text = format!("{}退款{}", "前".repeat(50), "后".repeat(50));
        let found = snippet(&message(&[(&[Place::Text], &text)]), &[needle("退款", &[])], 11);
        assert_eq!(found[0].text, "…前前前退款后后后后后后…");
        assert_eq!(marked(&found[0]), ["退款"]);
    }

    #[test]
    fn without_a_match_the_beginning_is_shown_and_controls_are_not() {
        let found = snippet(
            &message(&[(&[], "一\n二\u{1b}[31m三\u{202e}四五六七八")]),
            &[],
            12,
        );
        assert_eq!(found[0].text, "一 二 [31m三 四五…");
        assert_eq!(found[0].place, Place::Other);
        assert!(snippet(&message(&[]), &[needle("x", &[])], 10).is_empty());
    }

    proptest! {
        #[test]
        fn every_highlight_folds_to_what_was_asked(
            text in "[abＡ退款 \n👨😀\u{fe0f}㈱e\u{301}ｶﾞ]{0,40}", asked in "[aＢ退款株éガ]{1,2}", width in 6usize..30
        ) {
            let message = message(&[(&[Place::Text], &text)]);
            let found = snippet(&message, &[needle(&asked, &[])], width);
            let expected = fold(&text).contains(&fold(&asked));
            prop_assert_eq!(found.iter().any(|snippet| !snippet.highlights.is_empty()), expected);
            for snippet in found {
                prop_assert!(snippet.text.chars().count() <= width + 2);
                if let Some(first) = snippet.highlights.first() {
                    prop_assert!(fold(&snippet.text[first.clone()]).contains(&fold(&asked)));
                }
            }
        }
    }
}
