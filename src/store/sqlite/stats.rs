//! Counting: how much there is, by what, and how much of it can be searched.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rusqlite::Connection;

use super::{
    Reader,
    codes::{NOT_JSON, state_out},
    row::chat_key,
};
use crate::store::{
    Result,
    contract::{Coverage, Group, State, Tally},
};

impl Reader {
    /// How much of the archive a search sees.
    pub fn coverage(&self) -> Result<Coverage> {
        let view = self.view()?;
        coverage(&view)
    }

    /// Messages by day (ascending; days of `zone`), type, person or chat (most first).
    pub fn stats(&self, group: Group, zone: &TimeZone) -> Result<Vec<Tally>> {
        match group {
            Group::Day => self.by_day(zone),
            Group::Type => self.by(
                "SELECT w.text, n FROM (SELECT type, count(*) n FROM message GROUP BY type) JOIN word w ON w.id = type",
            ),
            Group::Person => self.by(
                "SELECT p.key, n FROM (SELECT sender, count(*) n FROM message GROUP BY sender)
                 JOIN person p ON p.id = sender",
            ),
            Group::Chat => self.by_chat(),
        }
    }

    fn by(&self, sql: &str) -> Result<Vec<Tally>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(Tally {
                key: row.get(0)?,
                count: row.get::<_, i64>(1)? as u64,
            })
        })?;
        let tallies = rows.collect::<Result<_, _>>()?;
        Ok(most_first(tallies))
    }

    fn by_chat(&self) -> Result<Vec<Tally>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT c.kind, c.key, n FROM (SELECT chat, count(*) n FROM message GROUP BY chat)
             JOIN chat c ON c.id = chat",
        )?;
        let mut rows = statement.query([])?;
        let mut tallies = Vec::new();
        while let Some(row) = rows.next()? {
            let key = chat_key(row.get(0)?, row.get(1)?)?.map_or(String::new(), |key| key.to_string());
            tallies.push(Tally {
                key,
                count: row.get::<_, i64>(2)? as u64,
            });
        }
        Ok(most_first(tallies))
    }

    /// Walks the times in order, so that the calendar is asked once per day and not once per message.
    fn by_day(&self, zone: &TimeZone) -> Result<Vec<Tally>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT time, count(*) FROM message GROUP BY time ORDER BY time")?;
        let mut rows = statement.query([])?;
        let mut tallies: Vec<Tally> = Vec::new();
        let mut undated = 0;
        let mut day_ends = i64::MIN;
        while let Some(row) = rows.next()? {
            let (time, count): (i64, i64) = (row.get(0)?, row.get(1)?);
            let stamp = Timestamp::from_millisecond(time).ok().filter(|_| time != 0);
            match (stamp, tallies.last_mut()) {
                (None, _) => undated += count as u64,
                (Some(_), Some(day)) if time < day_ends => day.count += count as u64,
                (Some(stamp), _) => {
                    let date = stamp.to_zoned(zone.clone()).date();
                    day_ends = end_of(date, zone);
                    tallies.push(Tally {
                        key: date.to_string(),
                        count: count as u64,
                    });
                }
            }
        }
        if undated > 0 {
            tallies.insert(
                0,
                Tally {
                    key: String::new(),
                    count: undated,
                },
            );
        }
        Ok(tallies)
    }
}

/// The first millisecond after a day of the zone.
fn end_of(date: Date, zone: &TimeZone) -> i64 {
    let next = date.tomorrow().and_then(|next| next.to_zoned(zone.clone()));
    next.map_or(i64::MAX, |next| next.timestamp().as_millisecond())
}

fn most_first(mut tallies: Vec<Tally>) -> Vec<Tally> {
    tallies.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    tallies
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
    coverage.unreadable = unreadable as u64;
    Ok(coverage)
}
