//! What can be searched, and where it stands: the words of `in:`.

use std::fmt;

/// Where in a message a searchable text stands; the words of `in:` in the search language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// What somebody wrote or what a type shows as its text.
    Text,
    /// Names of files.
    Filename,
    /// Anything inside a forwarded conversation, at any depth.
    Forwarded,
    /// The quoted part of a reply.
    Quote,
    /// Cards: people, mini programs, channels.
    Card,
    /// Links: titles, descriptions, addresses.
    Link,
    /// String values of types that are not known.
    Other,
}

impl Place {
    /// All of them, in the order screens print them.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Filename,
        Self::Forwarded,
        Self::Quote,
        Self::Card,
        Self::Link,
        Self::Other,
    ];

    /// The word behind `in:`, in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Filename => "filename",
            Self::Forwarded => "forwarded",
            Self::Quote => "quote",
            Self::Card => "card",
            Self::Link => "link",
            Self::Other => "other",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.as_str() == word)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`Place`]s; a file name inside a forwarded conversation stands in two.
///
/// The bits are written to the store: bit *n* is the *n*th of [`Place::ALL`], and stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Places(pub u8);

impl Places {
    /// The set of these.
    pub fn of(places: &[Place]) -> Self {
        Self(places.iter().fold(0, |bits, place| bits | place.bit()))
    }

    /// True when the place is in the set.
    pub fn contains(self, place: Place) -> bool {
        self.0 & place.bit() != 0
    }

    /// True when the sets share a place.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True for the empty set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with one more.
    #[must_use]
    pub fn with(self, place: Place) -> Self {
        Self(self.0 | place.bit())
    }

    /// Its places, in the order of [`Place::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Place> {
        Place::ALL.into_iter().filter(move |place| self.contains(*place))
    }
}

/// One searchable text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// All the places this text counts for.
    pub places: Places,
    /// The text as it is, unfolded.
    pub text: String,
}

/// Collects segments while payloads are read; knows whether a forwarded conversation is being walked.
#[derive(Default)]
pub(super) struct Texts {
    /// In the order a reader sees them.
    pub(super) segments: Vec<Segment>,
    forwarded: bool,
}

impl Texts {
    /// Adds a text; an empty one is no segment.
    pub(super) fn add(&mut self, place: Place, text: &str) {
        if text.is_empty() {
            return;
        }
        let places = match (self.forwarded, place) {
            (false, place) => Places::of(&[place]),
            (true, Place::Text) => Places::of(&[Place::Forwarded]),
            (true, place) => Places::of(&[Place::Forwarded, place]),
        };
        self.segments.push(Segment {
            places,
            text: text.to_owned(),
        });
    }

    /// Adds several texts of one place.
    pub(super) fn add_all<'s>(&mut self, place: Place, texts: impl IntoIterator<Item = &'s String>) {
        texts.into_iter().for_each(|text| self.add(place, text));
    }

    /// Everything `walk` adds counts as forwarded.
    pub(super) fn forwarded(&mut self, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.forwarded, true);
        walk(self);
        self.forwarded = outside;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        for place in Place::ALL {
            let set = Places::default().with(place);
            assert!(
                Place::ALL
                    .into_iter()
                    .all(|other| set.contains(other) == (other == place))
            );
            assert_eq!(Place::from_word(place.as_str()), Some(place));
        }
        let both = Places::of(&[Place::Filename, Place::Forwarded]);
        assert_eq!(
            both.iter().collect::<Vec<_>>(),
            [Place::Filename, Place::Forwarded]
        );
        assert!(both.intersects(Places::of(&[Place::Forwarded, Place::Text])));
        assert!(!both.intersects(Places::of(&[Place::Text])) && Places::default().is_empty());
        assert_eq!(Place::from_word("nowhere"), None);
    }

    #[test]
    fn the_bits_in_the_store_keep_their_meaning() {
        let bits: Vec<u8> = Place::ALL.iter().map(|place| Places::of(&[*place]).0).collect();
        assert_eq!(bits, [1, 2, 4, 8, 16, 32, 64]);
    }
}
