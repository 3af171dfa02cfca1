//! Dates and durations as people type them, in the configured zone.
//!
//! What is typed becomes days, a moment or an age first ([`When`]), and milliseconds last. A date without a year is the
//! last such day that is not after today; weeks begin on Monday.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime, ISOWeekDate, Time, Weekday},
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

/// A date that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub span: Span,
    /// The same in digits, independent of today; an age stays an age.
    pub canonical: String,
    /// True when it was typed in digits, with its year.
    pub plain: bool,
}

/// Reads a date, a moment, an age such as `3d`, or a range of them.
pub(super) fn read(text: &str, zone: &TimeZone, now: Millis) -> Option<Read> {
    let today = Timestamp::from_millisecond(now.0)
        .ok()?
        .to_zoned(zone.clone())
        .date();
    let text = text.trim().to_lowercase();
    let when = one(&text, today, None).or_else(|| range(&text, today))?;
    let span = when.span(zone, now)?;
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | '/' | ':' | 't'));
    Some(Read {
        span,
        canonical: when.canonical()?,
        plain: plain || matches!(when, When::Age(..)),
    })
}

/// A date before it has a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    /// From this day up to, without, that.
    Days(Date, Date),
    /// A minute or a second.
    Moment(DateTime, SignedDuration),
    /// So many milliseconds ago, as typed.
    Age(i64, String),
    /// From the beginning of one to the end of the other.
    Range(Box<When>, Box<When>),
}

impl When {
    fn span(&self, zone: &TimeZone, now: Millis) -> Option<Span> {
        match self {
            Self::Days(from, to) => between(*from, *to, zone),
            Self::Moment(at, length) => {
                let from = at.to_zoned(zone.clone()).ok()?.timestamp();
                let to = from.checked_add(*length).ok()?;
                Some(Span {
                    from: Millis(from.as_millisecond()),
                    to: Millis(to.as_millisecond()),
                })
            }
            Self::Age(age, _) => {
                let from = Millis(now.0.checked_sub(*age)?);
                Some(Span { from, to: from })
            }
            Self::Range(first, last) => {
                let (from, to) = (first.span(zone, now)?.from, last.span(zone, now)?.to);
                (from < to).then_some(Span { from, to })
            }
        }
    }

    /// The first day, as far as it has days.
    fn first_day(&self) -> Option<Date> {
        match self {
            Self::Days(from, _) => Some(*from),
            Self::Moment(at, _) => Some(at.date()),
            Self::Age(..) | Self::Range(..) => None,
        }
    }

    fn canonical(&self) -> Option<String> {
        Some(match self {
            Self::Days(from, to) => {
                let last = to.yesterday().ok()?;
                if last == *from {
                    from.to_string()
                } else {
                    format!("{from}..{last}")
                }
            }
            Self::Moment(at, length) => {
                let form = if length.as_secs() == 1 {
                    "%Y-%m-%dT%H:%M:%S"
                } else {
                    "%Y-%m-%dT%H:%M"
                };
                at.strftime(form).to_string()
            }
            Self::Age(_, typed) => typed.clone(),
            Self::Range(first, last) => {
                let (first, last) = (first.canonical()?, last.canonical()?);
                let first = first.split("..").next().unwrap_or_default().to_owned();
                let last = last.rsplit("..").next().unwrap_or_default().to_owned();
                format!("{first}..{last}")
            }
        })
    }
}

/// A single date. `after`: what it lacks in front comes from there, and it is not earlier.
fn one(text: &str, today: Date, after: Option<Date>) -> Option<When> {
    named(text, today)
        .or_else(|| age(text).map(|age| When::Age(age, text.to_owned())))
        .or_else(|| old_age(text))
        .or_else(|| match text.split_once('t') {
            Some((date, time)) => moment(date, time),
            None => calendar(text),
        })
        .or_else(|| quarter_or_week(text, today, after))
        .or_else(|| chinese(text, today, after))
}

/// `today`, `上周`, `去年`.
fn named(text: &str, today: Date) -> Option<When> {
    let days = |from: Date, to: Date| Some(When::Days(from, to));
    let day = |back: i64| {
        let date = today.checked_sub(back.days()).ok()?;
        days(date, date.tomorrow().ok()?)
    };
    let monday = |back: i64| {
        let since = i64::from(today.weekday().to_monday_zero_offset());
        today.checked_sub((since + 7 * back).days()).ok()
    };
    let week = |back| {
        let from = monday(back)?;
        days(from, from.checked_add(7.days()).ok()?)
    };
    let month = |back: i64| {
        let from = today.first_of_month().checked_sub(back.months()).ok()?;
        days(from, from.last_of_month().tomorrow().ok()?)
    };
    let quarter = |back: i64| {
        let begins = Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1).ok()?;
        let from = begins.checked_sub((3 * back).months()).ok()?;
        days(from, from.checked_add(3.months()).ok()?)
    };
    let year = |back: i16| {
        let from = Date::new(today.year().checked_sub(back)?, 1, 1).ok()?;
        days(from, Date::new(from.year().checked_add(1)?, 1, 1).ok()?)
    };
    match text {
        "today" | "今天" | "今日" => return day(0),
        "yesterday" | "昨天" | "昨日" => return day(1),
        "前天" => return day(2),
        "this-week" | "本周" | "这周" | "本星期" => return week(0),
        "last-week" | "上周" | "上星期" => return week(1),
        "this-month" | "本月" | "这个月" => return month(0),
        "last-month" | "上月" | "上个月" => return month(1),
        "this-quarter" | "本季度" | "这个季度" => return quarter(0),
        "last-quarter" | "上季度" | "上个季度" => return quarter(1),
        "this-year" | "今年" | "本年" => return year(0),
        "last-year" | "去年" => return year(1),
        "前年" => return year(2),
        _ => {}
    }
    // 上周五, 本周一.
    let (week, weekday) = text
        .strip_prefix("上周")
        .map(|day| (1, day))
        .or_else(|| text.strip_prefix("本周").map(|day| (0, day)))?;
    let offset = match weekday {
        "日" | "天" => 6,
        other => small(other).filter(|nth| (1..=6).contains(nth)).map(i64::from)? - 1,
    };
    let date = monday(week)?.checked_add(offset.days()).ok()?;
    days(date, date.tomorrow().ok()?)
}

/// `3天前`, `12小时前`.
fn old_age(text: &str) -> Option<When> {
    let typed = text.strip_suffix('前')?;
    let (count, unit) = typed.split_at(typed.find(|c: char| !c.is_ascii_digit())?);
    let letter = match unit {
        "天" | "日" => "d",
        "周" | "星期" => "w",
        "小时" => "h",
        "分钟" | "分" => "m",
        _ => return None,
    };
    let typed = format!("{count}{letter}");
    Some(When::Age(age(&typed)?, typed))
}

/// `2025-q3`, `2025q3`, `2025年第三季度`, `2025-w36`, `2025年第36周`; quarters also without a year.
fn quarter_or_week(text: &str, today: Date, after: Option<Date>) -> Option<When> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (year, rest) = text.split_at(digits);
    let year = match year.len() {
        4 => Some(year.parse::<i16>().ok()?),
        0 => None,
        _ => return None,
    };
    let rest = match year {
        Some(_) => rest.trim_start_matches(['-', '年']),
        None => rest,
    };
    let begin = |year: i16, quarter: i8| Date::new(year, quarter * 3 - 2, 1).ok();
    if let Some(week) = rest
        .strip_prefix('w')
        .or_else(|| rest.strip_prefix('第').and_then(|rest| rest.strip_suffix('周')))
    {
        let from = ISOWeekDate::new(year?, i8::try_from(number(week)?).ok()?, Weekday::Monday).ok()?;
        let from = from.date();
        return Some(When::Days(from, from.checked_add(7.days()).ok()?));
    }
    let quarter = rest.strip_prefix('q').or_else(|| {
        rest.strip_suffix("季度")
            .or_else(|| rest.strip_suffix('季'))
            .map(|rest| rest.trim_start_matches('第'))
    })?;
    let quarter = small(quarter).filter(|quarter| (1..=4).contains(quarter))?;
    let from = match year {
        Some(year) => begin(year, quarter)?,
        None => closest(today, after, |year| begin(year, quarter))?,
    };
    Some(When::Days(from, from.checked_add(3.months()).ok()?))
}

/// `2025年`, `2025年9月`, `2025年9月1日`, `9月`, `9月1日`, in a range also `5日`; with `10:30` or `10点` behind a day.
fn chinese(text: &str, today: Date, after: Option<Date>) -> Option<When> {
    let (year, rest) = match text.split_once('年') {
        Some((year, rest)) if year.len() == 4 => (Some(i16::try_from(number(year)?).ok()?), rest),
        Some(_) => return None,
        None => (None, text),
    };
    if rest.is_empty() {
        let year = year?;
        let to = Date::new(year.checked_add(1)?, 1, 1).ok()?;
        return Some(When::Days(Date::new(year, 1, 1).ok()?, to));
    }
    let (month, rest) = match rest.split_once('月') {
        Some((month, rest)) => (Some(small(month)?), rest),
        None if year.is_some() => return None,
        None => (None, rest),
    };
    if rest.is_empty() {
        let month = month?;
        let first = |year| Date::new(year, month, 1).ok();
        let from = match year {
            Some(year) => first(year)?,
            None => closest(today, after.map(Date::first_of_month), first)?,
        };
        return Some(When::Days(from, from.last_of_month().tomorrow().ok()?));
    }
    let end = rest.find(['日', '号'])?;
    let (day, time) = rest.split_at(end);
    let time = time.trim_start_matches(['日', '号']).trim();
    let day = small(day)?;
    let date = match (year, month) {
        (Some(year), Some(month)) => Date::new(year, month, day).ok()?,
        (None, Some(month)) => closest(today, after, |year| Date::new(year, month, day).ok())?,
        _ => {
            let begin = after?;
            Date::new(begin.year(), begin.month(), day)
                .ok()
                .filter(|date| *date >= begin)?
        }
    };
    if time.is_empty() {
        return Some(When::Days(date, date.tomorrow().ok()?));
    }
    let time = match time.strip_suffix(['点', '时']) {
        Some(hour) => format!("{hour}:00"),
        None => time.replace(['点', '时'], ":").trim_end_matches('分').to_owned(),
    };
    moment(&date.to_string(), &time)
}

/// The last one not after today; behind the beginning of a range, the first one not before that.
fn closest(today: Date, after: Option<Date>, of_year: impl Fn(i16) -> Option<Date>) -> Option<Date> {
    // February 29th is up to eight years away.
    let mut years = 0..=8;
    match after {
        None => years.find_map(|back| of_year(today.year() - back).filter(|date| *date <= today)),
        Some(after) => years.find_map(|ahead| of_year(after.year() + ahead).filter(|date| *date >= after)),
    }
}

/// `A..B`, `A~B`, `A到B`, `A至B`; with a dash where both sides are dates.
fn range(text: &str, today: Date) -> Option<When> {
    let join = |first: &str, last: &str| {
        let first = one(first.trim(), today, None)?;
        let last = one(last.trim(), today, first.first_day())?;
        Some(When::Range(Box::new(first), Box::new(last)))
    };
    for sign in ["..", "…", "~", "到", "至"] {
        if let Some((first, last)) = text.split_once(sign) {
            return join(first.trim_end_matches('从').trim_start_matches('从'), last);
        }
    }
    text.char_indices()
        .filter(|(_, c)| super::spelling::is_dash(*c))
        .find_map(|(at, c)| join(&text[..at], &text[at + c.len_utf8()..]))
}

/// A number of one or two digits, or a Chinese one up to four, which is as far as quarters go; weekdays up to six.
fn small(text: &str) -> Option<i8> {
    let chinese = ["一", "二", "三", "四", "五", "六"];
    if let Some(at) = chinese.iter().position(|numeral| *numeral == text) {
        return i8::try_from(at + 1).ok();
    }
    i8::try_from(number(text).filter(|_| text.len() <= 2)?).ok()
}

/// Reads `90s`, `2m`, `3h`, `4d`, `2分钟` as milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    for (word, letter) in [
        ("秒", 's'),
        ("分钟", 'm'),
        ("分", 'm'),
        ("小时", 'h'),
        ("天", 'd'),
    ] {
        if let Some(count) = text.strip_suffix(word) {
            return short(&format!("{count}{letter}"));
        }
    }
    short(text)
}

fn short(text: &str) -> Option<i64> {
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

/// As [`short`], with weeks and without seconds.
fn age(text: &str) -> Option<i64> {
    match text.strip_suffix(['w', 'W']) {
        Some(weeks) => number(weeks)?.checked_mul(7 * 86_400_000),
        None => short(text).filter(|_| !text.ends_with(['s', 'S'])),
    }
}

fn number(digits: &str) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn calendar(text: &str) -> Option<When> {
    let compact = text.len() == 8 && number(text).is_some();
    let parts: Vec<&str> = if compact {
        vec![&text[..4], &text[4..6], &text[6..]]
    } else {
        text.split(['-', '/', '.']).collect()
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
            Some(When::Days(from, Date::new(year.checked_add(1)?, 1, 1).ok()?))
        }
        [year, month] => {
            let from = Date::new(year, i8::try_from(month).ok()?, 1).ok()?;
            Some(When::Days(from, from.last_of_month().tomorrow().ok()?))
        }
        [year, month, date] => {
            let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(date).ok()?).ok()?;
            Some(When::Days(date, date.tomorrow().ok()?))
        }
        _ => None,
    }
}

fn moment(date: &str, time: &str) -> Option<When> {
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
    let at = DateTime::from_parts(date, Time::new(hour, minute, second, 0).ok()?);
    Some(When::Moment(at, length))
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
        super::read(text, &shanghai(), Millis(MAY_1 + 5)).map(|read| (read.span.from.0, read.span.to.0))
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
        let span = super::read("2024-03-31", &berlin, Millis(0))
            .expect("a date")
            .span;
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
        assert_eq!(duration("2分钟"), Some(120_000));
        assert_eq!(duration("30秒"), Some(30_000));
        for text in [
            "",
            "2",
            "m",
            "-2m",
            "2w",
            "分钟",
            "99999999999999999999d",
            "9223372036854775807h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    /// What is typed, and the same in digits, asked on 2024-05-01 (a Wednesday).
    #[test]
    fn what_people_type_means_days_in_digits() {
        let canonical =
            |text: &str| super::read(text, &shanghai(), Millis(MAY_1 + 5)).map(|read| read.canonical);
        for (typed, meant) in [
            ("今天", "2024-05-01"),
            ("前天", "2024-04-29"),
            ("本周", "2024-04-29..2024-05-05"),
            ("上周", "2024-04-22..2024-04-28"),
            ("last-week", "2024-04-22..2024-04-28"),
            ("上周五", "2024-04-26"),
            ("本周日", "2024-05-05"),
            ("本月", "2024-05-01..2024-05-31"),
            ("上月", "2024-04-01..2024-04-30"),
            ("上季度", "2024-01-01..2024-03-31"),
            ("今年", "2024-01-01..2024-12-31"),
            ("去年", "2023-01-01..2023-12-31"),
            ("9月1日", "2023-09-01"),
            ("4月30号", "2024-04-30"),
            ("5月1日", "2024-05-01"),
            ("5月2日", "2023-05-02"),
            ("2月29日", "2024-02-29"),
            ("9月", "2023-09-01..2023-09-30"),
            ("5月", "2024-05-01..2024-05-31"),
            ("2025年", "2025-01-01..2025-12-31"),
            ("2025年9月", "2025-09-01..2025-09-30"),
            ("2025年9月1日", "2025-09-01"),
            ("2025.9.1", "2025-09-01"),
            ("2025年9月1日10:30", "2025-09-01T10:30"),
            ("2025年9月1日9点", "2025-09-01T09:00"),
            ("9月1日9点05分", "2023-09-01T09:05"),
            ("2025-Q3", "2025-07-01..2025-09-30"),
            ("2025Q3", "2025-07-01..2025-09-30"),
            ("2025年第三季度", "2025-07-01..2025-09-30"),
            ("2025年3季度", "2025-07-01..2025-09-30"),
            ("第三季度", "2023-07-01..2023-09-30"),
            ("Q2", "2024-04-01..2024-06-30"),
            ("2025-W36", "2025-09-01..2025-09-07"),
            ("2025年第36周", "2025-09-01..2025-09-07"),
            ("3天前", "3d"),
            ("2025-09-01..2025-09-05", "2025-09-01..2025-09-05"),
            ("2025-09-01~2025-09-05", "2025-09-01..2025-09-05"),
            ("2025-09-01-2025-09-05", "2025-09-01..2025-09-05"),
            ("2023-2024", "2023-01-01..2024-12-31"),
            ("9月1日到9月5日", "2023-09-01..2023-09-05"),
            ("9月1日-9月5日", "2023-09-01..2023-09-05"),
            ("9月1日—5日", "2023-09-01..2023-09-05"),
            ("从9月1日至9月5日", "2023-09-01..2023-09-05"),
            ("12月28日到1月3日", "2023-12-28..2024-01-03"),
            ("2025年7月到9月", "2025-07-01..2025-09-30"),
            ("上周..今天", "2024-04-22..2024-05-01"),
        ] {
            assert_eq!(canonical(typed).as_deref(), Some(meant), "{typed}");
            if !meant.ends_with('d') {
                assert_eq!(read(typed), read(meant), "{typed}");
            }
        }
        for text in [
            "9月31日",
            "13月",
            "5日",
            "2025-Q5",
            "2025-W54",
            "9月5日到9月1日到",
            "2025-09-05..2025-09-01",
            "周五",
            "25年",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}", dateish in "[0-9TtwdhmsqZ:/年月日号到至周上本第三季度.~-]{0,20}", now in any::<i64>()) {
            for text in [&text, &dateish] {
                if let Some(once) = super::read(text, &shanghai(), Millis(now)) {
                    let again = super::read(&once.canonical, &shanghai(), Millis(now)).map(|read| read.span);
                    prop_assert_eq!(again, Some(once.span), "{} is {}", text, once.canonical);
                }
            }
            duration(&text);
            duration(&dateish);
        }
    }
}
