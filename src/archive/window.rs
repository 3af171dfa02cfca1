//! The 5-day window: WeCom deletes its copy, so silence for too long loses records (finance-sdk §5.4).

use crate::{
    ids::{Millis, RETENTION_MS},
    store::contract::Covered,
};

/// How long WeCom keeps a record.
pub const RETENTION_HOURS: i64 = RETENTION_MS / HOUR_MS;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// How much of the window is used up.
///
/// Everything up to `covered_until` is known to be in the archive, from our own books and not from what messages say of
/// their time. Whatever was said later exists only at WeCom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Nothing before this is missing; never later than now.
    pub covered_until: Millis,
    /// Milliseconds until WeCom begins to delete what the archive lacks, at most the whole window; 0 when nobody knows;
    /// negative when it has begun.
    pub left_ms: i64,
    /// False when the clocks in the books contradict each other, so that nobody knows what is left.
    pub is_certain: bool,
}

impl Window {
    /// Looks at an archive that is covered so far.
    pub fn at(covered: Covered, now: Millis) -> Self {
        let whole = RETENTION_MS;
        let left = covered
            .until
            .0
            .saturating_add(whole)
            .saturating_sub(now.0)
            .min(whole);
        Self {
            covered_until: covered.until,
            left_ms: if covered.is_certain { left } else { left.min(0) },
            is_certain: covered.is_certain,
        }
    }

    /// Hours until WeCom begins to delete what the archive lacks: 0 to [`RETENTION_HOURS`].
    pub fn hours_left(&self) -> f64 {
        self.left_ms.max(0) as f64 / HOUR_MS as f64
    }

    /// True when the gap is at least `warn_after_hours` long.
    pub fn in_danger(&self, warn_after_hours: u32) -> bool {
        self.left_ms <= (RETENTION_HOURS - i64::from(warn_after_hours)) * HOUR_MS
    }

    /// `31 h 20 min left` or `passed 3 h ago`.
    pub fn left_in_words(&self) -> String {
        if !self.is_certain {
            return "not known, because the clock that dated the last pull contradicts the present one"
                .to_owned();
        }
        let minutes = self.left_ms.saturating_abs() / 60_000;
        let span = if minutes >= 60 {
            format!("{} h {} min", minutes / 60, minutes % 60)
        } else {
            format!("{minutes} min")
        };
        if self.left_ms >= 0 {
            format!("{span} left")
        } else {
            format!("passed {span} ago")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certain(until: i64) -> Covered {
        Covered {
            until: Millis(until),
            is_certain: true,
        }
    }

    #[test]
    fn a_gap_is_dangerous_from_the_asked_length_on() {
        let now = Millis(1_700_000_000_000);
        let after = |hours: i64| Window::at(certain(now.0 - hours * HOUR_MS), now);
        assert!(!after(71).in_danger(72));
        assert!(after(72).in_danger(72));
        assert_eq!(after(72).left_in_words(), "48 h 0 min left");
        assert_eq!(after(121).left_in_words(), "passed 1 h 0 min ago");
        assert_eq!(after(121).hours_left(), 0.0);
    }

    #[test]
    fn what_nobody_knows_is_in_danger() {
        let now = Millis(1_700_000_000_000);
        let window = Window::at(
            Covered {
                until: now,
                is_certain: false,
            },
            now,
        );
        assert!(window.in_danger(119));
        assert!(!window.left_in_words().contains("left"));
    }

    proptest! {
        #[test]
        fn never_more_is_left_than_the_window_has(until: i64, now: i64, is_certain: bool) {
            let window = Window::at(Covered { until: Millis(until), is_certain }, Millis(now));
            prop_assert!(window.left_ms <= RETENTION_HOURS * HOUR_MS);
            prop_assert!((0.0..=120.0).contains(&window.hours_left()));
            let _words = window.left_in_words();
        }
    }
}
