//! Between JSON and typed values, as lenient as the platform is (wecom-api §1 rules 4 to 8).
//!
//! Why not derived: the platform sends numbers as strings, flags as 0, 1 or `true`, `null` for lists, and new
//! fields at any time; a derived decoder would refuse a page of a hundred customers because of one of them. Here
//! nothing is refused and nothing is lost: what is missing gets its default, and a value that is unknown, or of a
//! kind that nobody expects, stays in `more` under its own name.
//!
//! Must not know: rows, HTTP.

use serde_json::{Map, Number, Value};

use crate::secret::Secret;

/// A value that travels as JSON.
pub trait Wire: Sized + Default {
    /// Reads it; `None` when it is of another kind altogether.
    fn read(value: &Value) -> Option<Self>;
    /// Writes it; `None` for an absent value, whose key is then left out.
    fn write(&self) -> Option<Value>;
    /// Adds the paths of what no field was declared for.
    fn untyped(&self, _path: &str, _found: &mut Vec<String>) {}
}

impl Wire for Value {
    fn read(value: &Value) -> Option<Self> {
        Some(value.clone())
    }

    fn write(&self) -> Option<Value> {
        (!self.is_null()).then(|| self.clone())
    }
}

impl Wire for String {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::new()),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn write(&self) -> Option<Value> {
        Some(Value::String(self.clone()))
    }
}

impl Wire for Secret {
    fn read(value: &Value) -> Option<Self> {
        String::read(value).map(Self::new)
    }

    fn write(&self) -> Option<Value> {
        Some(Value::String(self.expose().to_owned()))
    }
}

impl Wire for i64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(0),
            Value::Bool(flag) => Some((*flag).into()),
            Value::Number(number) => whole(number),
            Value::String(text) if text.trim().is_empty() => Some(0),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn write(&self) -> Option<Value> {
        Some((*self).into())
    }
}

/// A whole number, also when it is written `60.0`.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

impl Wire for f64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(0.0),
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &Self| number.is_finite()),
            _ => None,
        }
    }

    fn write(&self) -> Option<Value> {
        Number::from_f64(*self).map(Value::Number)
    }
}

impl Wire for bool {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(false),
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            // Another number would be lost as a flag.
            other => i64::read(other)
                .filter(|number| matches!(number, 0 | 1))
                .map(|number| number == 1),
        }
    }

    fn write(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl<T: Wire> Wire for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::read(other).map(Some),
        }
    }

    fn write(&self) -> Option<Value> {
        self.as_ref().and_then(T::write)
    }

    fn untyped(&self, path: &str, found: &mut Vec<String>) {
        self.iter().for_each(|value| value.untyped(path, found));
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::new()),
            Value::Array(items) => items.iter().map(T::read).collect(),
            _ => None,
        }
    }

    fn write(&self) -> Option<Value> {
        Some(Value::Array(self.iter().filter_map(T::write).collect()))
    }

    fn untyped(&self, path: &str, found: &mut Vec<String>) {
        self.iter().for_each(|value| value.untyped(path, found));
    }
}

/// A flag that the platform writes as the NUMBER 0 or 1 (wecom-api §1 rule 8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flag(pub bool);

impl Wire for Flag {
    fn read(value: &Value) -> Option<Self> {
        bool::read(value).map(Self)
    }

    fn write(&self) -> Option<Value> {
        Some(i64::from(self.0).into())
    }
}

/// Ids in one text, joined by `|` (wecom-api §1 rule 9); an array is understood too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piped(pub Vec<String>);

impl Wire for Piped {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_) => Vec::read(value).map(Self),
            other => String::read(other).map(|text| {
                Self(
                    text.split('|')
                        .filter(|id| !id.is_empty())
                        .map(str::to_owned)
                        .collect(),
                )
            }),
        }
    }

    fn write(&self) -> Option<Value> {
        (!self.0.is_empty()).then(|| Value::String(self.0.join("|")))
    }
}

/// Takes the fields of an object and keeps the rest.
pub(super) struct Reading<'a> {
    object: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(|object| Self {
            object,
            taken: Vec::new(),
        })
    }

    pub(super) fn field<T: Wire>(&mut self, name: &'static str) -> T {
        match self.object.get(name) {
            None => T::default(),
            Some(value) => match T::read(value) {
                Some(read) => {
                    self.taken.push(name);
                    read
                }
                // Of a kind nobody expects: kept as it came, beside the default.
                None => T::default(),
            },
        }
    }

    pub(super) fn rest(self) -> Map<String, Value> {
        self.object
            .iter()
            .filter(|(name, _)| !self.taken.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Puts the fields of an object together; absent values leave no key (wecom-api §1 rule 11).
#[derive(Default)]
pub(super) struct Writing(Map<String, Value>);

impl Writing {
    pub(super) fn field<T: Wire>(&mut self, name: &'static str, value: &T) {
        if let Some(value) = value.write() {
            self.0.insert(name.to_owned(), value);
        }
    }

    pub(super) fn done(mut self, more: &Map<String, Value>) -> Value {
        for (name, value) in more {
            self.0.insert(name.clone(), value.clone());
        }
        Value::Object(self.0)
    }
}

/// Paths of `came` that `kept` does not hold with the same meaning: what a reading would lose. Empty values count
/// as absent, numbers equal their texts, lists of ids equal their joined form.
pub fn lost(came: &Value, kept: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare(came, Some(kept), String::new(), &mut paths);
    paths
}

fn compare(came: &Value, kept: Option<&Value>, path: String, lost: &mut Vec<String>) {
    match (came, kept) {
        (Value::Object(came), Some(Value::Object(kept))) => {
            for (name, value) in came {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                compare(value, kept.get(name), path, lost);
            }
        }
        (Value::Array(came), Some(Value::Array(kept))) if came.len() == kept.len() => {
            for (at, (came, kept)) in came.iter().zip(kept).enumerate() {
                compare(came, Some(kept), format!("{path}[{at}]"), lost);
            }
        }
        (came, kept) if same(came, kept) => {}
        _ => lost.push(path),
    }
}

fn same(came: &Value, kept: Option<&Value>) -> bool {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match kept {
        None => empty(came),
        Some(kept) => {
            came == kept
                || (empty(came) && (empty(kept) || kept.as_i64() == Some(0)))
                || matches!((f64::read(came), f64::read(kept)), (Some(a), Some(b)) if a == b)
                || matches!((came, kept), (Value::Bool(a), b) | (b, Value::Bool(a)) if bool::read(b) == Some(*a))
                || matches!((came, Piped::read(came), Piped::read(kept)), (Value::String(_) | Value::Array(_), Some(a), Some(b)) if a == b)
        }
    }
}
