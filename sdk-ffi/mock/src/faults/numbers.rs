//! Sets of call numbers or seqs as people write them: `3`, `[1, 2]`, `{"from": 5, "to": 9}`, or a list of all that.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An inclusive range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// A set of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Numbers(pub Vec<Span>);

impl Numbers {
    /// True when the number is one of the set.
    pub fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|span| (span.from..=span.to).contains(&number))
    }
}

impl From<u64> for Numbers {
    fn from(number: u64) -> Self {
        Self(vec![Span {
            from: number,
            to: number,
        }])
    }
}

impl From<RangeInclusive<u64>> for Numbers {
    fn from(range: RangeInclusive<u64>) -> Self {
        Self(vec![Span {
            from: *range.start(),
            to: *range.end(),
        }])
    }
}

impl From<Vec<u64>> for Numbers {
    fn from(numbers: Vec<u64>) -> Self {
        Self(
            numbers
                .into_iter()
                .map(|number| Span {
                    from: number,
                    to: number,
                })
                .collect(),
        )
    }
}

impl From<&[u64]> for Numbers {
    fn from(numbers: &[u64]) -> Self {
        numbers.to_vec().into()
    }
}

impl<const N: usize> From<[u64; N]> for Numbers {
    fn from(numbers: [u64; N]) -> Self {
        numbers.to_vec().into()
    }
}

// By way of `Value`, not of an untagged enum: with `arbitrary_precision` serde cannot buffer numbers.
impl TryFrom<Value> for Numbers {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => items.iter().map(span).collect::<Result<_, _>>().map(Self),
            single => Ok(Self(vec![span(&single)?])),
        }
    }
}

impl From<Numbers> for Value {
    fn from(numbers: Numbers) -> Self {
        let mut items: Vec<Self> = numbers
            .0
            .iter()
            .map(|span| match span {
                Span { from, to } if from == to => Self::from(*from),
                Span { from, to } => serde_json::json!({"from": from, "to": to}),
            })
            .collect();
        if items.len() == 1 {
            items.remove(0)
        } else {
            Self::Array(items)
        }
    }
}

fn span(value: &Value) -> Result<Span, String> {
    if let Some(number) = value.as_u64() {
        return Ok(Span {
            from: number,
            to: number,
        });
    }
    let wrong = || format!("{value} is neither a number nor {{\"from\": a, \"to\": b}}");
    let fields = value
        .as_object()
        .filter(|fields| fields.len() == 2)
        .ok_or_else(wrong)?;
    let end = |name: &str| fields.get(name).and_then(Value::as_u64).ok_or_else(wrong);
    let (from, to) = (end("from")?, end("to")?);
    if from > to {
        Err(format!("the range {from} to {to} is empty"))
    } else {
        Ok(Span { from, to })
    }
}
