//! Finds what was probably meant.
//!
//! Must not know: what is done with the answer.

use strsim::{damerau_levenshtein, normalized_damerau_levenshtein};

/// The sentence for an unknown key: the nearest known one, or else what there is at that place.
pub(super) fn unknown(asked: &[&str], known: &[String]) -> String {
    let path = asked.join(".");
    if let Some(near) = nearest_path(asked, known) {
        return format!("unknown key `{path}`; did you mean `{near}`?");
    }
    let place = asked
        .split_last()
        .map(|(_, place)| place.join("."))
        .unwrap_or_default();
    let prefix = format!("{place}.");
    let there: Vec<&str> = known
        .iter()
        .filter_map(|known| known.strip_prefix(&prefix))
        .filter(|rest| !rest.contains('.'))
        .collect();
    if place.is_empty() || there.is_empty() {
        return format!(
            "unknown key `{path}`; the tables are archive, log, pull, sdk, unseal, store and company.NAME"
        );
    }
    format!("unknown key `{path}`; `[{place}]` has {}", there.join(", "))
}

/// The nearest word of a few.
pub(super) fn nearest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let asked = asked.to_lowercase();
    known
        .into_iter()
        .map(|known| (damerau_levenshtein(&asked, known), known))
        .min()
        .filter(|(distance, known)| *distance * 2 < asked.chars().count().max(known.chars().count()))
        .map(|(_, known)| known)
}

/// By distance over the whole path; the same name in another table counts as near, too.
fn nearest_path<'a>(asked: &[&str], known: &'a [String]) -> Option<&'a str> {
    let path = asked.join(".").to_lowercase();
    let name = asked.last()?.to_lowercase();
    let score = |known: &&String| {
        let last = known.rsplit('.').next().unwrap_or(known);
        let begun = name.len() > 2 && (last.starts_with(&name) || name.starts_with(last));
        // Names weigh more than tables: `[pul] limit` and `[sdk] limit` both mean `pull.limit`.
        f64::from(u8::from(begun)) / 2.0
            + normalized_damerau_levenshtein(&path, known)
            + 2.0 * normalized_damerau_levenshtein(&name, last)
    };
    known
        .iter()
        .map(|known| (score(&known), known))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(score, _)| *score > 1.8)
        .map(|(_, known)| known.as_str())
}
