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
    let lower = word.to_lowercase();
    let begins = || known.iter().find(|known| known.starts_with(&lower)).copied();
    match near(&lower, known).or_else(begins) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known: {}", known.join(" ")),
    }
}

/// The known word that a slip of a letter or two away is this one.
pub(super) fn near<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(distance, known)| *distance <= 2.min(known.chars().count() / 2))
        .min()
        .map(|(_, known)| known)
}
