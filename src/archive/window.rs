//! The 5-day window: WeCom deletes its copy, so silence for too long loses records (finance-sdk §5.4).

use crate::ids::Millis;

/// How long WeCom keeps a record (finance-sdk §5.4, official).
pub const RETENTION_HOURS: i64 = 5 * 24;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// How much of the window is used up.
///
/// Everything up to `covered_until` is known to be in the archive: either a record of that time is there, or
/// the end of the stream was reached then. Whatever was said later exists only at WeCom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The later of the newest record's time and the last time a pull reached the end of the stream.
    pub covered_until: Millis,
    /// Milliseconds until WeCom begins to delete what the archive lacks; negative when it has begun.
    pub left_ms: i64,
}

impl Window {
    /// Looks at an archive that is covered until `covered_until`.
    pub fn at(covered_until: Millis, now: Millis) -> Self {
        Self {
            covered_until,
            left_ms: covered_until.0 + RETENTION_HOURS * HOUR_MS - now.0,
        }
    }

    /// True when the gap is at least `warn_after_hours` long.
    pub fn in_danger(&self, warn_after_hours: u32) -> bool {
        self.left_ms <= (RETENTION_HOURS - i64::from(warn_after_hours)) * HOUR_MS
    }

    /// `31 h 20 min left` or `passed 3 h ago`.
    pub fn left_in_words(&self) -> String {
        let minutes = self.left_ms.abs() / 60_000;
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
    use super::*;

    #[test]
    fn a_gap_is_dangerous_from_the_asked_length_on() {
        let now = Millis(1_700_000_000_000);
        let after = |hours: i64| Window::at(Millis(now.0 - hours * HOUR_MS), now);
        assert!(!after(71).in_danger(72));
        assert!(after(72).in_danger(72));
        assert_eq!(after(72).left_in_words(), "48 h 0 min left");
        assert_eq!(after(121).left_in_words(), "passed 1 h 0 min ago");
    }
}
