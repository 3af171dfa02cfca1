//! Places on the map (messages §4.8).

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, joined},
        place::{Place, Texts},
    },
    Nest, Shape,
};

/// `location`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Location {
    /// Degrees.
    pub longitude: Option<f64>,
    /// Degrees.
    pub latitude: Option<f64>,
    /// Street address.
    pub address: String,
    /// Name of the place.
    pub title: String,
    /// Scale of the map.
    pub zoom: Option<u64>,
}

impl Shape for Location {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            longitude: payload.real("longitude"),
            latitude: payload.real("latitude"),
            address: payload.text("address"),
            title: payload.text("title"),
            zoom: payload.uint("zoom"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Text, &self.title);
        out.add(Place::Text, &self.address);
    }

    fn line(&self, language: Language) -> String {
        language.tag("位置", "location", &joined(" ", &[&self.title, &self.address]))
    }
}
