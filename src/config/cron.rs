//! A cron line in the archive's zone.
//!
//! Must not know: the clock; the moment to count from is given.

use std::fmt;

use cronexpr::{Crontab, MakeTimestamp};

use crate::ids::Millis;

/// A checked cron line.
#[derive(Clone)]
pub struct Cron {
    line: String,
    zone: String,
    crontab: Crontab,
}

impl Cron {
    /// Five fields; the zone is not part of the line, because the archive has one already.
    pub(super) fn parse(line: &str, zone: &str) -> Result<Self, String> {
        let fields = line.split_whitespace().count();
        if fields != 5 {
            return Err(format!(
                "has {fields} fields, expected five: minute, hour, day of month, month, day of week (the zone is \
                 `archive.timezone`)"
            ));
        }
        let crontab = cronexpr::parse_crontab(&format!("{line} {zone}")).map_err(|_| {
            "does not read as a cron line, expected five fields such as \"*/5 * * * *\"".to_owned()
        })?;
        // `0 0 31 2 *` parses and never comes.
        let ever = MakeTimestamp::from_second(0)
            .ok()
            .and_then(|start| crontab.find_next(start).ok());
        match ever {
            Some(_) => Ok(Self {
                line: line.to_owned(),
                zone: zone.to_owned(),
                crontab,
            }),
            None => Err("never comes: no such day exists".to_owned()),
        }
    }

    /// The end of the first pause between two consecutive times of the line, in the four years from 2024, that lasts at least
    /// `at_least_ms`. That must be three days or more, because shorter pauses may be overlooked.
    pub fn pause_of(&self, at_least_ms: i64) -> Option<Millis> {
        /// 2024-01-01. No clock is asked: a configuration that is right today is right tomorrow.
        const FROM: i64 = 1_704_067_200_000;
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        // Each such pause contains one of these moments.
        (0..4 * 366 / 3).find_map(|step| {
            let end = self.next_after(Millis(FROM + step * 3 * DAY_MS))?;
            let before = Millis(end.0 - at_least_ms);
            (self.next_after(before)? == end).then_some(end)
        })
    }

    /// The first moment after `now`.
    pub fn next_after(&self, now: Millis) -> Option<Millis> {
        let now = MakeTimestamp::from_millisecond(now.0).ok()?;
        self.crontab
            .find_next(now)
            .ok()
            .map(|next| Millis(next.timestamp().as_millisecond()))
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.line)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line && self.zone == other.zone
    }
}
