//! Counting: how much there is, by what, and how much of it can be searched.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rusqlite::{Connection, Row};

use super::{
    Reader,
    codes::{NOT_JSON, PAYLOAD_UNREAD, TIME_IMPLAUSIBLE, state_out},
    gaps,
    index::{Asker, Kind, Trait, term, trait_term},
    reindex,
    row::chat_key,
};
use crate::{
    ids::CompanyId,
    record::Reason,
    store::{
        Result,
        contract::{Coverage, Group, State, Tally},
    },
};

impl Reader {
    /// How much of the archive a search sees.
    pub fn coverage(&self) -> Result<Coverage> {
        let view = self.view()?;
        coverage(&view)
    }

    /// Messages by day (ascending; days of `zone`), type, person or chat (most first).
    pub fn stats(&self, group: Group, zone: &TimeZone) -> Result<Vec<Tally>> {
        let view = self.view()?;
        let asker = Asker::new(&view)?;
        let whole = |kind| (term(kind, 0), term(kind, (1 << 52) - 1));
        match group {
            Group::Day => by_day(&asker, zone),
            Group::Type => {
                let ends = [0, (1 << 44) - 1].map(|value| trait_term(Trait::Type, value));
                named(
                    &view,
                    asker.tally((ends[0], ends[1]))?,
                    "SELECT text FROM word WHERE id = ?",
                    |row| row.get(0),
                )
            }
            Group::Person => {
                let people = asker.tally(whole(Kind::Sender))?;
                named(&view, people, "SELECT key FROM person WHERE id = ?", |row| {
                    row.get(0)
                })
            }
            Group::Chat => by_chat(&view, asker.tally(whole(Kind::Chat))?),
        }
    }
}

/// Conversations and their counts, most first.
pub(super) fn by_chat(conn: &Connection, counts: HashMap<i64, u64>) -> Result<Vec<Tally>> {
    let sql = "SELECT kind, key, company FROM chat WHERE id = ?";
    tallies(conn, counts, sql, |row, count| {
        // What cannot be read counts as no chat; `doctor` names it.
        let key = chat_key(row.get(0)?, row.get(1)?).ok().flatten();
        let company = CompanyId(row.get(2)?);
        Ok(Tally {
            key: key.as_ref().map_or(String::new(), ToString::to_string),
            chat: key.map(|key| (company, key)),
            count,
        })
    })
}

/// Gives rows their names.
pub(super) fn named(
    conn: &Connection,
    counts: HashMap<i64, u64>,
    sql: &str,
    name: impl Fn(&Row<'_>) -> rusqlite::Result<String>,
) -> Result<Vec<Tally>> {
    tallies(conn, counts, sql, |row, count| {
        Ok(Tally {
            key: name(row)?,
            chat: None,
            count,
        })
    })
}

/// Makes lines of rows and their counts, most first.
fn tallies(
    conn: &Connection,
    counts: HashMap<i64, u64>,
    sql: &str,
    line: impl Fn(&Row<'_>, u64) -> rusqlite::Result<Tally>,
) -> Result<Vec<Tally>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut tallies = Vec::with_capacity(counts.len());
    for (id, count) in counts {
        tallies.push(statement.query_row([id], |row| line(row, count))?);
    }
    tallies.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    Ok(tallies)
}

/// The days of a zone. Neighbours mostly fall on one day, so the time zone's rules are asked when the day changes and not
/// once per message.
pub(super) struct Calendar<'z> {
    zone: &'z TimeZone,
    current: Option<(Date, Range<i64>)>,
}

impl<'z> Calendar<'z> {
    pub(super) fn new(zone: &'z TimeZone) -> Self {
        Self { zone, current: None }
    }

    /// The day of a time with its milliseconds; `None` for 0, which is no time, and for what no calendar has.
    pub(super) fn day_of(&mut self, time: i64) -> Option<&(Date, Range<i64>)> {
        let stamp = Timestamp::from_millisecond(time).ok().filter(|_| time != 0)?;
        if self.current.as_ref().is_none_or(|(_, day)| !day.contains(&time)) {
            let date = stamp.to_zoned(self.zone.clone()).date();
            self.current = Some((date, begin_of(date, self.zone)..end_of(date, self.zone)));
        }
        self.current.as_ref()
    }

    /// The hour of the day, 0 to 23. On a day on which the clock was changed the zone's rules are asked each time.
    pub(super) fn hour_of(&mut self, time: i64) -> Option<(Date, i64)> {
        const HOUR: i64 = 3_600_000;
        let (date, day) = self.day_of(time)?;
        let (date, begin) = (*date, day.start);
        if day.end.saturating_sub(begin) == 24 * HOUR {
            return Some((date, (time - begin) / HOUR));
        }
        let stamp = Timestamp::from_millisecond(time).ok()?;
        Some((date, i64::from(stamp.to_zoned(self.zone.clone()).hour())))
    }
}

fn by_day(asker: &Asker<'_>, zone: &TimeZone) -> Result<Vec<Tally>> {
    let mut undated = 0;
    let mut days: BTreeMap<Date, u64> = BTreeMap::new();
    let mut calendar = Calendar::new(zone);
    asker.entries(|entry| match calendar.day_of(entry.time) {
        Some((date, _)) => *days.entry(*date).or_default() += 1,
        None => undated += 1,
    })?;
    let tally = |(date, count): (Date, u64)| Tally {
        key: date.to_string(),
        chat: None,
        count,
    };
    let undated = (undated > 0).then(|| Tally {
        key: String::new(),
        chat: None,
        count: undated,
    });
    Ok(undated.into_iter().chain(days.into_iter().map(tally)).collect())
}

/// The first millisecond of a day of the zone.
fn begin_of(date: Date, zone: &TimeZone) -> i64 {
    date.to_zoned(zone.clone())
        .map_or(i64::MIN, |begin| begin.timestamp().as_millisecond())
}

/// The first millisecond after a day of the zone.
fn end_of(date: Date, zone: &TimeZone) -> i64 {
    let next = date.tomorrow().and_then(|next| next.to_zoned(zone.clone()));
    next.map_or(i64::MAX, |next| next.timestamp().as_millisecond())
}

/// Inside a view of one moment.
pub(super) fn coverage(conn: &Connection) -> Result<Coverage> {
    let mut statement = conn.prepare_cached(
        "SELECT state, sum(count) FROM tally GROUP BY state HAVING sum(count) > 0 ORDER BY state",
    )?;
    let mut rows = statement.query([])?;
    let mut coverage = Coverage::default();
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(1)? as u64;
        coverage.records += count;
        match state_out(row.get(0)?)? {
            State::Sealed => coverage.sealed = count,
            State::Opened => coverage.opened = count,
            State::Waiting(reason) => coverage.waiting.push((reason, count)),
        }
    }
    let unreadable: i64 = conn
        .prepare_cached(&format!("SELECT count(*) FROM message WHERE flaws & {NOT_JSON}"))?
        .query_row([], |row| row.get(0))?;
    let waits = coverage
        .waiting
        .iter()
        .filter(|(reason, _)| *reason == Reason::Unreadable);
    coverage.unreadable = unreadable as u64 + waits.map(|(_, count)| count).sum::<u64>();
    coverage.aside = gaps::aside(conn, None)?;
    let untimely: i64 = conn
        .prepare_cached(&format!(
            "SELECT count(*) FROM message WHERE flaws & {TIME_IMPLAUSIBLE}"
        ))?
        .query_row([], |row| row.get(0))?;
    coverage.untimely = untimely as u64;
    let misshapen: i64 = conn
        .prepare_cached(&format!(
            "SELECT count(*) FROM message WHERE flaws & {PAYLOAD_UNREAD}"
        ))?
        .query_row([], |row| row.get(0))?;
    coverage.misshapen = misshapen as u64;
    coverage.reindex = reindex::state(conn)?;
    Ok(coverage)
}
