//! Shapes on a terminal: tables that know a Chinese character takes two columns, times in the configured zone,
//! the books of a run.

use std::fmt::{self, Write};

use jiff::{Timestamp, tz::TimeZone};
use unicode_width::UnicodeWidthStr;

use crate::{archive::Report, ids::Millis, source::Deaths};

/// `2026-03-01 09:30:00`, in `zone`; a dash for a message without a time.
pub(super) fn time(at: Option<Millis>, zone: &TimeZone) -> String {
    match at.and_then(|at| Timestamp::from_millisecond(at.0).ok()) {
        Some(at) => at
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        None => "-".to_owned(),
    }
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
pub(super) fn span(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let seconds = ms.unsigned_abs() / 1000;
    match seconds {
        0..60 => format!("{sign}{seconds} s"),
        60..3600 => format!("{sign}{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{sign}{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Thousands apart: `1,234,567`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.4 MiB`.
pub(super) fn bytes(value: u64) -> String {
    let mut size = value as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return match unit {
                "B" => format!("{value} B"),
                _ => format!("{size:.1} {unit}"),
            };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// Control characters of a message must not steer the reader's terminal.
pub(super) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            // Marks that reorder what follows could make a text read otherwise than it is.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// A table whose columns line up by display width.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(heading: [&str; N]) -> Self {
        Self {
            rows: vec![heading.map(str::to_owned)],
        }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.map(|cell| tame(&cell).replace(['\n', '\t'], " ")));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
                if index > 0 {
                    line.push_str("  ");
                }
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width()));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The books of one run, for people.
pub(super) fn books(report: &Report) -> String {
    let books = &report.books;
    let seconds = report.took.as_secs_f64();
    let mut text = String::new();
    let rate = if seconds > 0.0 {
        books.opened as f64 / seconds
    } else {
        0.0
    };
    let _ = writeln!(
        text,
        "{}: received {}, stored {}, already there {}, opened {} in {seconds:.1} s ({rate:.0}/s)",
        report.company,
        number(books.received),
        number(books.stored),
        number(books.duplicate),
        number(books.opened),
    );
    if books.changed + books.stray > 0 {
        let _ = writeln!(
            text,
            "  {} came again with other bytes (both kept), {} without a usable seq (kept raw)",
            number(books.changed),
            number(books.stray)
        );
    }
    if report.waiting() > 0 {
        let reasons: Vec<String> = report
            .waiting_now
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{reason} {}", number(*count)))
            .collect();
        let _ = writeln!(
            text,
            "  waiting now: {} (`shiguan waiting` lists them)",
            reasons.join(", ")
        );
    }
    let aside = &report.aside;
    if aside.strays > 0 {
        let _ = writeln!(
            text,
            "  items without a usable seq: {} (`shiguan waiting` lists them)",
            number(aside.strays)
        );
    }
    if aside.unpullable + aside.unseen > 0 {
        let _ = writeln!(
            text,
            "  not seen yet: holes {} (GetChatData fails on them), skipped ranges {} (`shiguan runs` lists them)",
            number(aside.unpullable),
            number(aside.unseen)
        );
    }
    if aside.lost_unacknowledged > 0 {
        let _ = writeln!(
            text,
            "  lost for good: {} ranges (`shiguan runs` says why; `shiguan alert list`, then `shiguan alert ack`)",
            number(aside.lost_unacknowledged)
        );
    }
    if let Some(held) = report.held {
        let _ = writeln!(
            text,
            "  the cursor stays at {}: the next record claims seq {}, which WeCom does not confirm",
            held.cursor, held.seq
        );
    }
    if report.sealed_now > 0 {
        let _ = writeln!(
            text,
            "  landed and not opened yet: {} (the next run does it)",
            number(report.sealed_now)
        );
    }
    if report.deaths.total() > 0 {
        let _ = writeln!(
            text,
            "  the vendor library's process died and was replaced: {}",
            deaths(&report.deaths)
        );
    }
    if report.stopped {
        let _ = writeln!(text, "  stopped on request before the end of the stream");
    }
    text
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
        table.row(["王小明".to_owned(), "1".to_owned()]);
        table.row(["ab".to_owned(), "22".to_owned()]);
        assert_eq!(table.to_string(), "谁      n\n王小明  1\nab      22\n");
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\n");
    }

    #[test]
    fn numbers_and_spans_read_well() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(span(125_000), "2 min 5 s");
        assert_eq!(span(-3_000), "-3 s");
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("compiled in");
        assert_eq!(
            time(Some(Millis(1_547_087_894_783)), &shanghai),
            "2019-01-10 10:38:14"
        );
        assert_eq!(
            time_json(Some(Millis(1_547_087_894_783)), &shanghai).as_deref(),
            Some("2019-01-10T10:38:14.783+08:00")
        );
        assert_eq!(time(None, &shanghai), "-");
    }
}
