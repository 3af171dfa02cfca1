//! What the answers of WeCom's server say of the time: their `Date` less our clock, the last one seen.
//!
//! Must not know: what follows from a difference.

use std::sync::{Mutex, PoisonError};

use reqwest::header::{DATE, HeaderMap};

use crate::ids::Millis;

/// One clock per machine, so one difference per process, whichever company asked.
static LAST: Mutex<Option<(i64, Millis)>> = Mutex::new(None);

/// Milliseconds that WeCom's server is ahead of this machine, and when that was seen by our clock. `None` before its
/// first answer in this process.
pub fn server_clock() -> Option<(i64, Millis)> {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the difference of an answer that came now.
pub(super) fn note(headers: &HeaderMap, now: Millis) {
    let date = headers
        .get(DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(read);
    if let Some(date) = date {
        let seen = (date.0.saturating_sub(now.0), now);
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read(date: &str) -> Option<Millis> {
    let stamp = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(Millis(stamp.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Millis(784_111_777_000))
        );
        for odd in ["", "yesterday", "1994-11-06", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
