//! Which of several claims is in force, and the checked values of one scope by key.
//!
//! Must not know: the typed sections, beyond single values of theirs.

use std::collections::BTreeMap;

use super::{
    keys::{Key, Section},
    layers::{Given, Layer, Source, Value},
    sections::Enabled,
};

/// A value chosen among layers, and how strong the claim was.
pub(super) struct Chosen {
    pub(super) value: Option<Value>,
    pub(super) layer: Layer,
    /// The company's own, not the general one.
    pub(super) own: bool,
    pub(super) source: Source,
}

/// The values of one scope (general, or one company).
#[derive(Default)]
pub(super) struct Values(BTreeMap<(Section, &'static str), Chosen>);

impl Chosen {
    /// The layer decides first; within a layer the company's own value wins.
    pub(super) fn among(key: &Key, general: Option<&Given>, own: Option<&Given>) -> Self {
        let (given, own) = match (general, own) {
            (Some(general), Some(own)) if general.layer > own.layer => (general, false),
            (_, Some(own)) => (own, true),
            (Some(general), None) => (general, false),
            (None, None) => {
                let value = Value::of(key.default);
                return Self {
                    value,
                    layer: Layer::Default,
                    own: false,
                    source: Source::Default,
                };
            }
        };
        Self {
            value: Some(given.value.clone()),
            layer: given.layer,
            own,
            source: given.source.clone(),
        }
    }

    /// For people.
    pub(super) fn shown(&self, key: &Key, company: Option<&str>) -> String {
        match (&self.value, company) {
            (Some(value), _) => value.to_string(),
            (None, Some(company)) if (key.section, key.name) == (Section::Company, "keys") => {
                format!("keys/{company}")
            }
            (None, _) => String::new(),
        }
    }
}

impl Values {
    pub(super) fn insert(&mut self, key: &'static Key, chosen: Chosen) {
        self.0.insert((key.section, key.name), chosen);
    }

    pub(super) fn remove(&mut self, section: Section, name: &'static str) {
        self.0.remove(&(section, name));
    }

    pub(super) fn get(&self, section: Section, name: &str) -> Option<&Chosen> {
        self.0
            .iter()
            .find(|(key, _)| **key == (section, name))
            .map(|(_, chosen)| chosen)
    }

    /// A text that is set, and the claim it comes from. Empty means not set.
    pub(super) fn claim(&self, section: Section, name: &str) -> Option<(String, &Chosen)> {
        let chosen = self.get(section, name)?;
        let text = chosen.value.as_ref()?.to_string();
        (!text.is_empty()).then_some((text, chosen))
    }

    pub(super) fn optional(&self, section: Section, name: &str) -> Option<String> {
        self.claim(section, name).map(|(text, _)| text)
    }

    pub(super) fn text(&self, section: Section, name: &str) -> String {
        self.optional(section, name).unwrap_or_default()
    }

    pub(super) fn whole(&self, section: Section, name: &str) -> u64 {
        match self.get(section, name).and_then(|chosen| chosen.value.as_ref()) {
            // Declared bounds start at 0 or above, and were checked.
            Some(Value::Whole(number)) => number.unsigned_abs(),
            _ => 0,
        }
    }

    pub(super) fn enabled(&self, section: Section) -> Enabled {
        match self
            .get(section, "enabled")
            .and_then(|chosen| chosen.value.as_ref())
        {
            Some(Value::Switch(true)) => Enabled::Yes,
            Some(Value::Switch(false)) => Enabled::No,
            _ => Enabled::Auto,
        }
    }

    pub(super) fn switch(&self, section: Section, name: &str) -> bool {
        matches!(
            self.get(section, name).and_then(|chosen| chosen.value.as_ref()),
            Some(Value::Switch(true))
        )
    }
}
