//! Counts what was refused, and tells it once in a while: strangers must not be able to fill the log.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two lines about the same thing.
const PAUSE: Duration = Duration::from_secs(60);

/// How often each thing happened. Keys are names of the configuration and words of this program, so it stays small.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<(String, String), Count>>);

#[derive(Debug, Default)]
struct Count {
    times: u64,
    told: Option<Instant>,
}

impl Tally {
    /// Counts one; the number so far when it is time to tell it.
    pub(super) fn add(&self, company: &str, what: &str, now: Instant) -> Option<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((company.to_owned(), what.to_owned())).or_default();
        count.times += 1;
        if count
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= PAUSE)
        {
            count.told = Some(now);
            return Some(count.times);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_a_minute_with_its_number() {
        let tally = Tally::default();
        let start = Instant::now();
        assert_eq!(tally.add("acme", "stale", start), Some(1));
        for _ in 0..1_000 {
            assert_eq!(tally.add("acme", "stale", start + PAUSE / 2), None);
        }
        assert_eq!(tally.add("acme", "signature", start), Some(1));
        assert_eq!(tally.add("acme", "stale", start + PAUSE), Some(1_002));
    }
}
