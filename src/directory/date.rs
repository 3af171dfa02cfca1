//! What the answers of WeCom's server say of the time: their `Date` beside our clock, the last one seen.
//!
//! Must not know: what follows from a difference.

use std::sync::{Mutex, PoisonError};

use reqwest::header::{DATE, HeaderMap};

use crate::{
    clock::ServerTime,
    ids::{Millis, boot},
};

/// One clock per machine, so one difference per process, whichever company asked.
static LAST: Mutex<Option<ServerTime>> = Mutex::new(None);

/// What the last answer of WeCom's server in this process said of the time. `None` before the first.
pub fn server_clock() -> Option<ServerTime> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps the difference of an answer that came now.
pub(super) fn note(headers: &HeaderMap, now: Millis) {
    let date = headers
        .get(DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(read);
    if let Some(date) = date {
        let seen = ServerTime {
            ahead_ms: date.0.saturating_sub(now.0),
            observed: now,
            boot: boot::id(),
            uptime_ms: boot::uptime_ms(),
        };
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
