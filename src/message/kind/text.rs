//! What people and robots write: text (messages §4.1) and markdown (§4.21).

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::Language,
        place::{Place, Texts},
        quote::{self, Quote},
    },
    Nest, Shape,
};

/// `text`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Text {
    /// The whole text as received, a quote's prefix included.
    pub content: String,
    /// The parts of a reply, where the text looks like one.
    pub quote: Option<Quote>,
}

impl Shape for Text {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        let content = payload.text("content");
        let quote = quote::split(&content);
        Self { content, quote }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Text, &self.content);
        if let Some(quote) = &self.quote {
            out.add(Place::Quote, &quote.quoted);
        }
    }

    fn line(&self, _: Language) -> String {
        self.content.clone()
    }
}

/// `markdown`, sent by robots and applications.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Markdown {
    /// Markdown source.
    pub content: String,
}

impl Shape for Markdown {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            content: payload.text("content"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Text, &self.content);
    }

    fn line(&self, language: Language) -> String {
        language.tag("Markdown", "Markdown", &self.content)
    }
}
