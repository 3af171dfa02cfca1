//! What is wrong with a query, where, and what was probably meant.

use thiserror::Error;

/// A query that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {message}")]
pub struct QueryError {
    /// Where, in characters, from 1; never beyond the last one.
    pub column: usize,
    /// What is wrong and what to type instead.
    pub message: String,
}

/// Adds "did you mean" when one of the known words is near enough to be meant, and lists them otherwise.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    let word = word.to_lowercase();
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&word, known), *known))
        .filter(|(distance, known)| *distance <= 2.min(known.len() / 2) || known.starts_with(&word))
        .min();
    match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!("known: {}", known.join(" ")),
    }
}
