//! Shapes on a terminal: tables that know a Chinese character takes two columns, times in the configured zone,
//! the books of a run.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use unicode_width::UnicodeWidthStr;

use super::words::Words;
use crate::{archive::Report, ids::Millis, line, sanitize::Line, source::Deaths};

/// `2026-03-01 09:30:00`, in `zone`; a dash for a message without a time.
///
/// The page it stands on names the zone once, with [`zone_line`].
pub(super) fn time(at: Option<Millis>, zone: &TimeZone) -> Line {
    match at.and_then(|at| Timestamp::from_millisecond(at.0).ok()) {
        Some(at) => Line::sentence(at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S")),
        None => "-".into(),
    }
}

/// Names the zone of a page's times and its distance from UTC, both distances where there is summer time (promise 10).
pub(super) fn zone_line(words: Words, zone: &TimeZone) -> Line {
    let now = Timestamp::from_millisecond(Millis::now().0).unwrap_or_default();
    let mut offsets: Vec<String> = [0, 91, 182, 273]
        .into_iter()
        .filter_map(|days| now.checked_add((days * 24).hours()).ok())
        .map(|at| at.to_zoned(zone.clone()).strftime("UTC%:z").to_string())
        .collect();
    offsets.sort();
    offsets.dedup();
    let offsets = Line::sentence(offsets.join(" / "));
    let name = Line::sentence(zone.iana_name().unwrap_or("UTC"));
    words.say(
        line!("时区：{} ({})", name, offsets),
        line!("times in {} ({})", name, offsets),
    )
}

/// RFC 3339 with the zone's offset, for programs.
pub(super) fn time_json(at: Option<Millis>, zone: &TimeZone) -> Option<String> {
    let at = Timestamp::from_millisecond(at?.0).ok()?;
    Some(
        at.to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
            .to_string(),
    )
}

/// `3 s`, `2 min 5 s`, `1 h 4 min`: how long after.
pub(super) fn span(ms: i64) -> Line {
    let sign = if ms < 0 { "-" } else { "" };
    let seconds = ms.unsigned_abs() / 1000;
    match seconds {
        0..60 => line!("{}{} s", sign, seconds),
        60..3600 => line!("{}{} min {} s", sign, seconds / 60, seconds % 60),
        _ => line!("{}{} h {} min", sign, seconds / 3600, seconds % 3600 / 60),
    }
}

/// Thousands apart: `1,234,567`.
pub(super) fn number(value: u64) -> Line {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    Line::sentence(text)
}

/// `1.4 MiB`.
pub(super) fn bytes(value: u64) -> Line {
    let mut size = value as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return match unit {
                "B" => line!("{} B", value),
                _ => line!("{:.1} {}", size, unit),
            };
        }
        size /= 1024.0;
    }
    line!("{:.1} TiB", size)
}

/// A table whose columns line up by display width. Its cells are lines, so a value from outside can neither begin a row nor
/// look like the space between two columns.
pub(super) struct Table<const N: usize> {
    rows: Vec<[Line; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(heading: [&'static str; N]) -> Self {
        Self {
            rows: vec![heading.map(Line::from)],
        }
    }

    pub(super) fn row(&mut self, cells: [Line; N]) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// Its rows, the heading first.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.as_str().width());
            }
        }
        let row = |row: &[Line; N]| {
            let last = row.iter().rposition(|cell| !cell.is_empty()).unwrap_or(0);
            let cells = row.iter().zip(widths).take(last + 1).enumerate();
            let padded = cells.map(|(index, (cell, width))| {
                let blanks = match index == last {
                    true => 0,
                    false => width - cell.as_str().width(),
                };
                line!("{}{:2$}", cell, "", blanks)
            });
            Line::join(padded, "  ")
        };
        self.rows.iter().map(row).collect()
    }
}

/// The books of one run, for people.
pub(super) fn books(report: &Report) -> Vec<Line> {
    let books = &report.books;
    let seconds = report.took.as_secs_f64();
    let mut lines = Vec::new();
    let rate = if seconds > 0.0 {
        books.opened as f64 / seconds
    } else {
        0.0
    };
    lines.push(Line::sentence(format_args!(
        "{}: received {}, stored {}, already there {}, opened {} in {seconds:.1} s ({rate:.0}/s)",
        report.company,
        number(books.received),
        number(books.stored),
        number(books.duplicate),
        number(books.opened),
    )));
    if books.changed + books.stray > 0 {
        lines.push(Line::sentence(format_args!(
            "  {} came again with other bytes (both kept), {} without a usable seq (kept raw)",
            number(books.changed),
            number(books.stray)
        )));
    }
    if report.waiting() > 0 {
        let reasons: Vec<String> = report
            .waiting_now
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{reason} {}", number(*count)))
            .collect();
        lines.push(Line::sentence(format_args!(
            "  waiting now: {} (`shiguan waiting` lists them)",
            reasons.join(", ")
        )));
    }
    let aside = &report.aside;
    if aside.strays > 0 {
        lines.push(Line::sentence(format_args!(
            "  items without a usable seq: {} (`shiguan waiting` lists them)",
            number(aside.strays)
        )));
    }
    if aside.unpullable + aside.unseen > 0 {
        lines.push(Line::sentence(format_args!("  not seen yet: holes {} (GetChatData fails on them), skipped ranges {} (`shiguan runs` lists them)",
            number(aside.unpullable),
            number(aside.unseen)
        )));
    }
    if aside.lost_unacknowledged > 0 {
        lines.push(Line::sentence(format_args!("  lost for good: {} ranges (`shiguan runs` says why; `shiguan alert list`, then `shiguan alert ack`)",
            number(aside.lost_unacknowledged)
        )));
    }
    if let Some(held) = report.held {
        lines.push(Line::sentence(format_args!(
            "  the cursor stays at {}: the next record claims seq {}, which WeCom does not confirm",
            held.cursor, held.seq
        )));
    }
    if report.sealed_now > 0 {
        lines.push(Line::sentence(format_args!(
            "  landed and not opened yet: {} (the next run does it)",
            number(report.sealed_now)
        )));
    }
    if report.deaths.total() > 0 {
        lines.push(Line::sentence(format_args!(
            "  the vendor library's process died and was replaced: {}",
            deaths(&report.deaths)
        )));
    }
    if report.stopped {
        lines.push(Line::sentence(format_args!(
            "  stopped on request before the end of the stream"
        )));
    }
    lines
}

/// `2 × SIGSEGV, 1 × hang`.
fn deaths(deaths: &Deaths) -> String {
    [
        (deaths.segv, "SIGSEGV"),
        (deaths.abort, "SIGABRT"),
        (deaths.signal, "another signal"),
        (deaths.exit, "exit in mid-call"),
        (deaths.garbage, "protocol broken"),
        (deaths.hang, "hang"),
        (deaths.outside, "killed from outside"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, how)| format!("{count} × {how}"))
    .collect::<Vec<_>>()
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_chinese_text() {
        let mut table = Table::new(["谁", "n"]);
        table.row(["王小明".into(), "1".into()]);
        table.row(["ab".into(), "22".into()]);
        let lines = table.lines();
        let lines: Vec<&str> = lines.iter().map(Line::as_str).collect();
        assert_eq!(lines, ["谁      n", "王小明  1", "ab      22"]);
    }

    #[test]
    fn numbers_and_spans_read_well() {
        assert_eq!(number(1_234_567).as_str(), "1,234,567");
        assert_eq!(span(125_000).as_str(), "2 min 5 s");
        assert_eq!(span(-3_000).as_str(), "-3 s");
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("compiled in");
        assert_eq!(
            time(Some(Millis(1_547_087_894_783)), &shanghai).as_str(),
            "2019-01-10 10:38:14"
        );
        assert_eq!(
            time_json(Some(Millis(1_547_087_894_783)), &shanghai).as_deref(),
            Some("2019-01-10T10:38:14.783+08:00")
        );
        assert_eq!(time(None, &shanghai).as_str(), "-");
    }
}
