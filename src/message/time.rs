//! The time a message gives for itself, in whatever unit it came.
//!
//! `msgtime` is documented in milliseconds; the times inside forwarded records are in seconds, and so is what some
//! pipelines write. Seconds of the days in which WeCom exists are numbers of another size than milliseconds of them, so
//! the unit can be told from the number. What is of neither size (microseconds, which nobody documents, as well) is no
//! time. No clock is asked: the bounds are fixed.

use super::json::View;
use crate::ids::Millis;

/// 2010-01-01, before WeChat. No message is older.
const FIRST: i64 = 1_262_304_000_000;
/// 2100-01-01. Numbers from here on are no milliseconds of ours.
const END: i64 = 4_102_444_800_000;
/// Characters of a strange value that are shown.
const SHOWN: usize = 64;

/// A time as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Time {
    /// The moment; `None` when none was given, for 0 (the official image sample, messages §7), and when implausible.
    pub(super) at: Option<Millis>,
    /// The value as it came, when it is not just the moment in milliseconds.
    pub(super) as_sent: Option<String>,
    pub(super) is_inferred: bool,
    pub(super) is_implausible: bool,
}

impl Time {
    pub(super) fn of(value: View<'_>) -> Self {
        if value.is_null() {
            return Self::default();
        }
        let text = value.as_text().map(str::trim);
        if text == Some("") {
            return Self::default();
        }
        let exact = value.as_int();
        match exact {
            Some(0) => return Self::default(),
            Some(ms @ FIRST..END) => {
                return Self {
                    at: Some(Millis(ms)),
                    ..Self::default()
                };
            }
            _ => {}
        }
        let inferred = match exact {
            Some(number) => moment(number).map(|moment| moment.0),
            // A fraction of a second or of a millisecond; a double is exact to a microsecond here.
            None => value
                .as_real()
                .filter(|real| real.abs() < 1e19)
                .and_then(|real| inferred((real * 1_000_000.0) as i128)),
        };
        let as_sent = match text {
            Some(text) => text.chars().take(SHOWN).collect(),
            None if value.is_object() => "{…}".to_owned(),
            None => "[…]".to_owned(),
        };
        Self {
            at: inferred.map(Millis),
            as_sent: Some(as_sent),
            is_inferred: inferred.is_some(),
            is_implausible: inferred.is_none(),
        }
    }

    /// Something was given, whatever it was.
    pub(super) fn is_given(&self) -> bool {
        self.at.is_some() || self.is_implausible
    }
}

/// The moment that a whole number means, in milliseconds or seconds; `None` when in neither.
pub(super) fn moment(number: i64) -> Option<Millis> {
    inferred(i128::from(number) * 1_000_000).map(Millis)
}

/// Milliseconds out of millionths of some unit: the unit that puts it near the days of WeCom, if there is one.
fn inferred(millionths: i128) -> Option<i64> {
    // Seconds; milliseconds with a fraction.
    [(1_000, 1_000_000), (1, 1_000_000)]
        .into_iter()
        .filter_map(|(times, per)| i64::try_from(millionths * times / per).ok())
        .find(|ms| (FIRST..END).contains(ms))
}

#[cfg(test)]
mod tests {
    use super::super::{Message, read};
    use crate::ids::Millis;

    const DAY: i64 = 1_756_886_400_000;

    fn sent(msgtime: &str) -> Message {
        read(format!(r#"{{"msgid":"1","msgtype":"text","msgtime":{msgtime}}}"#).as_bytes())
    }

    #[test]
    fn milliseconds_are_taken_as_they_come() {
        for written in [
            "1756886400000",
            "\"1756886400000\"",
            "1.7568864e12",
            "\" 1756886400000 \"",
        ] {
            let message = sent(written);
            assert_eq!(message.time, Some(Millis(DAY)), "{written}");
            assert_eq!(message.time_as_sent, None, "{written}");
            assert!(
                !message.flaws.time_inferred && !message.flaws.time_implausible,
                "{written}"
            );
        }
    }

    #[test]
    fn other_units_stand_on_their_true_day_and_are_flagged() {
        for (written, expected) in [
            ("1756886400", DAY),
            ("\"1756886400\"", DAY),
            ("1756886400.5", DAY + 500),
            ("\"1756886400.5\"", DAY + 500),
            ("1756886400000.75", DAY),
        ] {
            let message = sent(written);
            assert_eq!(message.time, Some(Millis(expected)), "{written}");
            assert_eq!(message.time_as_sent.as_deref(), Some(written.trim_matches('"')));
            assert!(
                message.flaws.time_inferred && !message.flaws.time_implausible,
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_time_of_ours_is_no_time_and_shown_as_it_came() {
        for written in [
            "-5",
            "-1756886400000",
            "1",
            "86400000",
            "4102444800000",
            "1756886400000000",
            "1756886400000000000",
            "9223372036854775807",
            "9223372036854775813",
            "1e300",
            "\"2025-09-03 16:00:00\"",
            "true",
            "{}",
            "[1756886400000]",
        ] {
            let message = sent(written);
            assert_eq!(message.time, None, "{written}");
            assert!(message.time_as_sent.is_some(), "{written}");
            assert!(
                message.flaws.time_implausible && !message.flaws.time_inferred,
                "{written}"
            );
        }
        let long = sent(&format!("\"{}\"", "x".repeat(100_000)));
        assert_eq!(long.time_as_sent.map(|text| text.len()), Some(64));
    }

    #[test]
    fn no_time_is_no_flaw() {
        for written in ["0", "\"0\"", "null", "\"\""] {
            let message = sent(written);
            assert_eq!((message.time, message.time_as_sent), (None, None), "{written}");
            assert!(!message.flaws.time_implausible, "{written}");
        }
    }

    #[test]
    fn a_switch_gives_its_own_time() {
        let switch = read(br#"{"msgid":"1","action":"switch","time":1554119421,"user":"a"}"#);
        assert_eq!(switch.time, Some(Millis(1_554_119_421_000)));
        assert!(switch.flaws.time_inferred);
    }
}
