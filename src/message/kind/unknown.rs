//! What nobody has described: kept findable through every string in it.

use serde::Serialize;

use super::{
    super::{
        envelope::Envelope,
        json::View,
        media::is_handle,
        phrase::{Language, joined, without_handles},
        place::{Place, Texts},
    },
    Nest, Shape,
};

/// A type that is not known, or a known one in a shape that is not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Unknown {
    /// Every string in it, in reading order; not digests, and never a file's handle.
    pub texts: Vec<String>,
}

impl Unknown {
    /// Of a whole message: everything beside the envelope.
    pub(super) fn of_message(root: View<'_>) -> Self {
        let fields = root.fields().filter(|(key, _)| !Envelope::owns(key));
        Self {
            texts: fields.flat_map(|(key, value)| strings(key, value)).collect(),
        }
    }

    /// Of the payload of an item.
    pub(super) fn of_payload(payload: View<'_>) -> Self {
        Self {
            texts: strings("", payload).collect(),
        }
    }
}

fn strings<'t>(outer: &'t str, view: View<'t>) -> impl Iterator<Item = String> + 't {
    view.walk().filter_map(move |found| {
        let key = if found.key.is_empty() { outer } else { found.key };
        let skipped = is_handle(key) || key.eq_ignore_ascii_case("md5sum");
        let text = found.value.as_str().filter(|text| !skipped && !text.is_empty())?;
        Some(without_handles(text).into_owned())
    })
}

impl Shape for Unknown {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self::of_payload(payload)
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(Place::Other, &self.texts);
    }

    fn line(&self, language: Language) -> String {
        language.tag("未知类型", "unknown type", &words(&self.texts))
    }
}

/// `solitaire`: known by name only.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Solitaire {
    /// As in [`Unknown`].
    pub texts: Vec<String>,
}

impl Solitaire {
    /// Of a whole message.
    pub(super) fn of_message(root: View<'_>) -> Self {
        Self {
            texts: Unknown::of_message(root).texts,
        }
    }
}

impl Shape for Solitaire {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            texts: Unknown::of_payload(payload).texts,
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(Place::Other, &self.texts);
    }

    fn line(&self, language: Language) -> String {
        language.tag("接龙", "sign-up list", &words(&self.texts))
    }
}

fn words(texts: &[String]) -> String {
    joined(" ", &texts.iter().map(String::as_str).collect::<Vec<_>>())
}
