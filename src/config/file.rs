//! The file layer: TOML with the line and column of every value.
//!
//! Must not know: defaults, other layers.

use std::{fs, io, ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::{ConfigError, Problem},
    keys::{Kind, Section},
    layers::{Given, Layer, Layers, Source, Value, section_of},
    shape, suggest,
};

/// Reads the file as text.
pub(super) fn read(file: &Path) -> Result<String, ConfigError> {
    let bytes = fs::read(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::Missing {
            file: file.to_owned(),
        },
        _ => ConfigError::Read {
            file: file.to_owned(),
            source,
        },
    })?;
    if shape::is_utf16(&bytes) {
        return Err(ConfigError::Utf16 {
            file: file.to_owned(),
        });
    }
    // Editors on Windows put a byte order mark in front.
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ConfigError::NotText {
            file: file.to_owned(),
            line: 1 + good.iter().filter(|byte| **byte == b'\n').count(),
        }
    })
}

/// Notes every value of the text, and every mistake but one: without TOML there is nothing to note.
pub(super) fn collect(text: &str, name: &str, layers: &mut Layers) -> Result<(), Problem> {
    let walk = Walk { text, name };
    match DeTable::parse(text) {
        Ok(table) => {
            walk.table(table.get_ref(), &mut Vec::new(), layers);
            Ok(())
        }
        // Only the parser's own words: the line it points at may hold a secret.
        Err(error) => {
            let place = walk.source(error.span().unwrap_or_default());
            Err(Problem::at(&place, format!("not TOML: {}", error.message())))
        }
    }
}

struct Walk<'a> {
    text: &'a str,
    name: &'a str,
}

impl Walk<'_> {
    fn table(&self, table: &DeTable<'_>, above: &mut Vec<String>, layers: &mut Layers) {
        // In the order of the file, so that mistakes are told in that order.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            above.push(key.get_ref().to_string());
            self.entry(key.span(), value, above, layers);
            above.pop();
        }
    }

    fn entry(
        &self,
        key: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        path: &mut Vec<String>,
        layers: &mut Layers,
    ) {
        let place = self.source(key);
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_table = matches!(
            parts[..],
            ["company"]
                | ["company", _]
                | ["company", _, "pull" | "sdk" | "api" | "directory" | "consent"]
                | ["alert", "to"]
                | ["alert", "to", _]
        ) || parts.len() == 1 && section_of(parts[0]).is_some();
        match (value.get_ref(), is_table) {
            (DeValue::Table(table), true) => {
                match parts[..] {
                    ["company", name] => layers.mention(name, &place),
                    ["alert", "to", name] => layers.mention_target(name, &place),
                    _ => {}
                }
                self.table(table, path, layers);
            }
            (found, true) => {
                let path = parts.join(".");
                let text = match parts[..] {
                    // A key straight under `[company]`, or `[[company]]`.
                    ["company"] | ["company", _] => {
                        format!(
                            "`{path}` is {}, expected the table of a company: write [company.NAME]",
                            kind(found)
                        )
                    }
                    ["alert", "to"] | ["alert", "to", _] => {
                        format!(
                            "`{path}` is {}, expected the table of a target: write [alert.to.NAME]",
                            kind(found)
                        )
                    }
                    _ => format!("`{path}` is {}, expected a table: write [{path}]", kind(found)),
                };
                layers.problems.push(Problem::at(&place, text));
            }
            (DeValue::Table(_), false) if parts.len() == 1 => {
                let tables: Vec<&str> = Section::ALL.iter().map(|section| section.as_str()).collect();
                let text = match suggest::nearest(parts[0], tables.iter().copied()) {
                    Some(near) => format!("unknown table `{}`; did you mean `{near}`?", parts[0]),
                    None => format!("unknown table `{}`; there are {}", parts[0], tables.join(", ")),
                };
                layers.problems.push(Problem::at(&place, text));
            }
            (found, false) => match layers.find(&parts) {
                Err(why) => {
                    let text = match parts[..] {
                        ["company", _, _] if found.is_table() => {
                            format!(
                                "unknown table `{}`; a company has the tables pull, sdk, api, directory and consent",
                                parts.join(".")
                            )
                        }
                        _ => why,
                    };
                    layers.problems.push(Problem::at(&place, text));
                }
                Ok(key) => {
                    let path = parts.join(".");
                    let at = self.source(value.span());
                    match plain(found, key.key.kind) {
                        Some(value) => layers.give(
                            &path,
                            &key,
                            Given {
                                value,
                                layer: Layer::File,
                                source: at,
                            },
                        ),
                        None => {
                            let expected = super::check::expected(key.key);
                            let text = format!("`{path}`: found {}, expected {expected}", kind(found));
                            layers.problems.push(Problem::at(&at, text));
                        }
                    }
                }
            },
        }
    }

    fn source(&self, span: Range<usize>) -> Source {
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
        Source::File {
            name: self.name.to_owned(),
            line,
            column,
        }
    }
}

fn plain(value: &DeValue<'_>, kind: Kind) -> Option<Value> {
    match value {
        DeValue::Array(all) if kind == Kind::Recipients => {
            let words: Option<Vec<&str>> = all.iter().map(|one| one.get_ref().as_str()).collect();
            words.map(|words| Value::Text(words.join(" ")))
        }
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Value::Whole),
        DeValue::Boolean(on) => Some(Value::Switch(*on)),
        _ => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()).is_err() => {
            "a number too large to be one"
        }
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
