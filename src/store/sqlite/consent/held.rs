//! What the archive holds per day, counted as WeCom counts: messages that were sent, recalls and answers about consent left out.

use rusqlite::params;

use crate::{
    ids::{CompanyId, Millis},
    store::{
        Result,
        contract::{ClosedOn, HeldEver, HeldRoom, HeldSingle},
        sqlite::Reader,
    },
};

const DAY_MS: i64 = 86_400_000;

/// Messages of one company in a time; the day is counted from `?4` milliseconds east of UTC.
const SENT: &str = "m.company = ?1 AND m.time >= ?2 AND m.time < ?3
    AND m.type NOT IN (SELECT id FROM word WHERE text IN ('revoke', 'agree', 'disagree', 'switch'))
    AND m.action NOT IN (SELECT id FROM word WHERE text IN ('recall', 'switch'))";

impl Reader {
    /// Messages in single chats with somebody outside, by sender and day, from `from` up to, not including, `to`.
    pub fn held_single(
        &self,
        company: CompanyId,
        from: Millis,
        to: Millis,
        east_ms: i64,
    ) -> Result<Vec<HeldSingle>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT p.key, (m.time + ?4) / {DAY_MS} AS day, count(DISTINCT m.chat), count(*)
             FROM message m JOIN chat c ON c.id = m.chat JOIN person p ON p.id = m.sender
             WHERE {SENT} AND m.scope = 1 AND c.kind = 2 GROUP BY m.sender, day ORDER BY p.key, day"
        ))?;
        let rows = statement.query_map(params![company.0, from.0, to.0, east_ms], |row| {
            Ok(HeldSingle {
                member: row.get(0)?,
                day: row.get(1)?,
                chats: row.get::<_, i64>(2)? as u64,
                messages: row.get::<_, i64>(3)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Messages in rooms, by room and day.
    pub fn held_rooms(
        &self,
        company: CompanyId,
        from: Millis,
        to: Millis,
        east_ms: i64,
    ) -> Result<Vec<HeldRoom>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT c.key, (m.time + ?4) / {DAY_MS} AS day, count(*)
             FROM message m JOIN chat c ON c.id = m.chat
             WHERE {SENT} AND c.kind = 1 GROUP BY m.chat, day ORDER BY c.key, day"
        ))?;
        let rows = statement.query_map(params![company.0, from.0, to.0, east_ms], |row| {
            Ok(HeldRoom {
                room: row.get(0)?,
                day: row.get(1)?,
                messages: row.get::<_, i64>(2)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Which rooms the archive holds any message of, of whatever type, and since when it holds anything.
    pub fn held_ever(&self, company: CompanyId) -> Result<HeldEver> {
        let mut held = HeldEver::default();
        let mut chats = self.conn.prepare_cached(
            "SELECT c.kind, c.key, min(CASE WHEN m.time > 0 THEN m.time END)
             FROM message m JOIN chat c ON c.id = m.chat WHERE m.company = ? GROUP BY m.chat",
        )?;
        let mut rows = chats.query([company.0])?;
        while let Some(row) = rows.next()? {
            let first = row.get::<_, Option<i64>>(2)?.map(Millis);
            held.began = [held.began, first].into_iter().flatten().min();
            if row.get::<_, i64>(0)? == 1 {
                held.rooms.insert(row.get(1)?);
            }
        }
        let mut closed = self
            .conn
            .prepare_cached("SELECT ifnull(sum(count), 0) FROM tally WHERE company = ? AND state <> 1")?;
        let closed: i64 = closed.query_row([company.0], |row| row.get(0))?;
        held.closed = closed.unsigned_abs();
        Ok(held)
    }

    /// Records that are not open, by the days they can belong to. Their time is inside them, but the stream is in order: what
    /// stands between the last record before a day and the first one after it may be of that day. Days without any are
    /// left out.
    pub fn closed_on(
        &self,
        company: CompanyId,
        from: Millis,
        to: Millis,
        east_ms: i64,
    ) -> Result<Vec<ClosedOn>> {
        let mut closed = self.conn.prepare_cached(
            "SELECT seq FROM record INDEXED BY record_sealed WHERE state = 0 AND company = ?1
             UNION ALL SELECT seq FROM record INDEXED BY record_asked WHERE state >= 2 AND company = ?1",
        )?;
        let closed = closed
            .query_map([company.0], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        if closed.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_day = self.conn.prepare_cached(&format!(
            "SELECT (time + ?2) / {DAY_MS} AS day, min(seq), max(seq) FROM message WHERE company = ?1 AND time > 0
             GROUP BY day ORDER BY day"
        ))?;
        let by_day = by_day
            .query_map([company.0, east_ms], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<Vec<(i64, i64, i64)>, _>>()?;
        let day_of = |at: i64| (at + east_ms).div_euclid(DAY_MS);
        let mut days = Vec::new();
        for day in day_of(from.0)..=day_of(to.0 - 1) {
            let own = by_day.iter().find(|(one, ..)| *one == day);
            let before = by_day
                .iter()
                .filter(|(one, ..)| *one < day)
                .map(|(.., last)| *last)
                .max();
            let after = by_day
                .iter()
                .filter(|(one, ..)| *one > day)
                .map(|(_, first, _)| *first)
                .min();
            // Where an early or late straggler contradicts the order, the day's own records say more.
            let low = before.map(|before| own.map_or(before, |(_, first, _)| before.min(*first)));
            let high = after.map(|after| own.map_or(after, |(.., last)| after.max(*last)));
            let (low, high) = match (low, high) {
                (Some(low), Some(high)) if low > high => (Some(high), Some(low)),
                bounds => bounds,
            };
            let records = closed
                .iter()
                .filter(|seq| low.is_none_or(|low| **seq >= low) && high.is_none_or(|high| **seq <= high))
                .count();
            if records > 0 {
                days.push(ClosedOn {
                    day,
                    records: records as u64,
                });
            }
        }
        Ok(days)
    }
}
