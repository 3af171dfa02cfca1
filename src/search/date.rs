//! Dates and durations as people type them, in the configured zone.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use crate::ids::Millis;

/// What a date in a query covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First millisecond.
    pub from: Millis,
    /// First millisecond after; the same as `from` for a moment ("3d ago"), which covers nothing.
    pub to: Millis,
}

/// Reads a year, month, day, minute, second, `today`, `yesterday`, or an age such as `3d`.
pub(super) fn span(text: &str, zone: &TimeZone, now: Millis) -> Option<Span> {
    let today = || {
        Some(
            Timestamp::from_millisecond(now.0)
                .ok()?
                .to_zoned(zone.clone())
                .date(),
        )
    };
    match text.to_lowercase().as_str() {
        "today" | "今天" => return day(today()?, zone),
        "yesterday" | "昨天" => return day(today()?.yesterday().ok()?, zone),
        _ => {}
    }
    if let Some(age) = age(text) {
        let from = Millis(now.0.checked_sub(age)?);
        return Some(Span { from, to: from });
    }
    match text.split_once(['T', 't']) {
        Some((date, time)) => moment(date, time, zone),
        None => calendar(text, zone),
    }
}

/// Reads `90s`, `2m`, `3h`, `4d` as milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let scale = match unit {
        's' | 'S' => 1_000,
        'm' | 'M' => 60_000,
        'h' | 'H' => 3_600_000,
        'd' | 'D' => 86_400_000,
        _ => return None,
    };
    number(&text[..text.len() - 1])?.checked_mul(scale)
}

/// As [`duration`], with weeks and without seconds.
fn age(text: &str) -> Option<i64> {
    match text.strip_suffix(['w', 'W']) {
        Some(weeks) => number(weeks)?.checked_mul(7 * 86_400_000),
        None => duration(text).filter(|_| !text.ends_with(['s', 'S'])),
    }
}

fn number(digits: &str) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn calendar(text: &str, zone: &TimeZone) -> Option<Span> {
    let compact = text.len() == 8 && number(text).is_some();
    let parts: Vec<&str> = if compact {
        vec![&text[..4], &text[4..6], &text[6..]]
    } else {
        text.split(['-', '/']).collect()
    };
    if parts[0].len() != 4 || parts[1..].iter().any(|part| part.len() > 2) {
        return None;
    }
    let numbers = parts
        .iter()
        .map(|part| i16::try_from(number(part)?).ok())
        .collect::<Option<Vec<_>>>()?;
    match numbers[..] {
        [year] => {
            let from = Date::new(year, 1, 1).ok()?;
            between(from, Date::new(year.checked_add(1)?, 1, 1).ok()?, zone)
        }
        [year, month] => {
            let from = Date::new(year, i8::try_from(month).ok()?, 1).ok()?;
            between(from, from.last_of_month().tomorrow().ok()?, zone)
        }
        [year, month, date] => day(
            Date::new(year, i8::try_from(month).ok()?, i8::try_from(date).ok()?).ok()?,
            zone,
        ),
        _ => None,
    }
}

fn moment(date: &str, time: &str, zone: &TimeZone) -> Option<Span> {
    let [year, month, date] = date.split(['-', '/']).collect::<Vec<_>>()[..] else {
        return None;
    };
    let date = Date::new(
        i16::try_from(number(year).filter(|_| year.len() == 4)?).ok()?,
        i8::try_from(number(month)?).ok()?,
        i8::try_from(number(date)?).ok()?,
    )
    .ok()?;
    let small = |part: &str| i8::try_from(number(part)?).ok();
    let (hour, minute, second, length) = match time.split(':').collect::<Vec<_>>()[..] {
        [hour, minute] => (small(hour)?, small(minute)?, 0, SignedDuration::from_mins(1)),
        [hour, minute, second] => (
            small(hour)?,
            small(minute)?,
            small(second)?,
            SignedDuration::from_secs(1),
        ),
        _ => return None,
    };
    let from = DateTime::from_parts(date, Time::new(hour, minute, second, 0).ok()?);
    let from = from.to_zoned(zone.clone()).ok()?.timestamp();
    let to = from.checked_add(length).ok()?;
    Some(Span {
        from: Millis(from.as_millisecond()),
        to: Millis(to.as_millisecond()),
    })
}

fn day(date: Date, zone: &TimeZone) -> Option<Span> {
    between(date, date.tomorrow().ok()?, zone)
}

/// From the first moment of one day up to the first moment of another, both as the zone has them.
fn between(from: Date, to: Date, zone: &TimeZone) -> Option<Span> {
    let start = |date: Date| {
        Some(Millis(
            date.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond(),
        ))
    };
    Some(Span {
        from: start(from)?,
        to: start(to)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000;
    /// 2024-05-01 00:00 in Shanghai.
    const MAY_1: i64 = 1_714_492_800_000;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("zone data is compiled in")
    }

    fn read(text: &str) -> Option<(i64, i64)> {
        span(text, &shanghai(), Millis(MAY_1 + 5)).map(|span| (span.from.0, span.to.0))
    }

    #[test]
    fn dates_cover_what_they_name_in_the_zone() {
        assert_eq!(read("2024-05-01"), Some((MAY_1, MAY_1 + DAY)));
        assert_eq!(read("2024/5/1"), read("2024-05-01"));
        assert_eq!(read("20240501"), read("2024-05-01"));
        assert_eq!(read("2024-05"), Some((MAY_1, MAY_1 + 31 * DAY)));
        assert_eq!(read("2024").map(|(from, to)| to - from), Some(366 * DAY));
        assert_eq!(
            read("2024-05-01T08:30"),
            Some((MAY_1 + 30_600_000, MAY_1 + 30_660_000))
        );
        assert_eq!(
            read("2024-05-01t08:30:05"),
            Some((MAY_1 + 30_605_000, MAY_1 + 30_606_000))
        );
        assert_eq!(read("today"), read("2024-05-01"));
        assert_eq!(read("昨天"), Some((MAY_1 - DAY, MAY_1)));
        assert_eq!(read("3d"), Some((MAY_1 + 5 - 3 * DAY, MAY_1 + 5 - 3 * DAY)));
        assert_eq!(
            read("2w").map(|(from, _)| from),
            read("14d").map(|(from, _)| from)
        );
    }

    #[test]
    fn a_day_with_a_changed_clock_is_as_long_as_it_was() {
        let berlin = TimeZone::get("Europe/Berlin").expect("zone data is compiled in");
        let span = span("2024-03-31", &berlin, Millis(0)).expect("a date");
        assert_eq!(span.to.0 - span.from.0, 23 * 3_600_000);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2024-13",
            "2024-02-30",
            "24-01-01",
            "2024-1-1-1",
            "soon",
            "2024-01-01T25:00",
            "-",
            "3x",
            "d",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("2m"), Some(120_000));
        assert_eq!(duration("90s"), Some(90_000));
        assert_eq!(duration("1d"), Some(DAY));
        for text in [
            "",
            "2",
            "m",
            "-2m",
            "2w",
            "2分",
            "99999999999999999999d",
            "9223372036854775807h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}", dateish in "[0-9TtwdhmsZ:/年-]{0,20}", now in any::<i64>()) {
            span(&text, &shanghai(), Millis(now));
            span(&dateish, &shanghai(), Millis(now));
            duration(&text);
            duration(&dateish);
        }
    }
}
