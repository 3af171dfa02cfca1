//! What the archive remembers of the time, to compare the clock with: when it last agreed with others, and what WeCom's
//! server said. Also bringing back what a clock that was ahead has put off.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Reader, Store};
use crate::{
    clock::{SLACK_MS, ServerTime},
    ids::{CompanyId, Millis},
    store::{Result, contract::ClockMemory},
};

/// The longest pause after a failed question about consent.
const LONGEST_PAUSE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Name of the fact that is WeCom's time less ours, when that was by our clock, and, behind them since this was counted,
/// milliseconds since boot and the boot.
const SERVER: &str = "clock_server";

fn name(company: CompanyId) -> String {
    format!("clock:{}", company.0)
}

fn fact(conn: &Connection, name: &str) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached("SELECT value FROM fact WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

fn note(conn: &Connection, name: &str, value: &str) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
    )?
    .execute([name, value])?;
    Ok(())
}

impl Reader {
    /// When this company's clock last agreed with others, and what is known besides.
    pub fn clock_memory(&self, company: CompanyId) -> Result<ClockMemory> {
        let text = fact(&self.conn, &name(company))?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// The last time at which the clock agreed with others, whichever company's records said so: the clock is the
    /// machine's. In this boot if there was one, because then it is known how long ago that was.
    pub fn last_agreement(&self, boot: &str) -> Result<Option<ClockMemory>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT value FROM fact WHERE name > 'clock:' AND name < 'clock;'")?;
        let texts = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        let memories = texts
            .iter()
            .filter_map(|text| serde_json::from_str::<ClockMemory>(text).ok());
        Ok(memories
            .filter(|memory| memory.agreed_at > 0)
            .max_by_key(|memory| {
                let same_boot = !boot.is_empty() && memory.boot == boot;
                (
                    same_boot,
                    if same_boot {
                        memory.uptime_ms
                    } else {
                        memory.agreed_at
                    },
                )
            }))
    }

    /// What WeCom's server last said of the time.
    pub fn server_clock(&self) -> Result<Option<ServerTime>> {
        let text = fact(&self.conn, SERVER)?;
        Ok(text.and_then(|text| {
            let mut words = text.split(' ');
            Some(ServerTime {
                ahead_ms: words.next()?.parse().ok()?,
                observed: Millis(words.next()?.parse().ok()?),
                uptime_ms: words.next().and_then(|word| word.parse().ok()).unwrap_or(0),
                boot: words.next().unwrap_or_default().to_owned(),
            })
        }))
    }
}

impl Store {
    /// Keeps when the clock agreed.
    pub fn remember_clock(&mut self, company: CompanyId, memory: &ClockMemory) -> Result<()> {
        let text = serde_json::to_string(memory).unwrap_or_default();
        note(&self.reader.conn, &name(company), &text)
    }

    /// Keeps what WeCom's server said of the time.
    pub fn remember_server_clock(&mut self, said: &ServerTime) -> Result<()> {
        let ServerTime {
            ahead_ms,
            observed,
            boot,
            uptime_ms,
        } = said;
        note(
            &self.reader.conn,
            SERVER,
            &format!("{ahead_ms} {observed} {uptime_ms} {boot}"),
        )
    }

    /// Makes due what a clock that was ahead has put off: questions that were asked after `now`, files that were sent
    /// after it, marks that wait longer than anything waits. Files that a clock which was behind landed before they were
    /// sent count from their sending, so that none is given up before its time. To be called with a clock that is known to
    /// be right.
    pub fn bring_back_due(&mut self, company: CompanyId, now: Millis) -> Result<u64> {
        let (soon, longest) = (
            now.0.saturating_add(SLACK_MS),
            now.0.saturating_add(LONGEST_PAUSE_MS + SLACK_MS),
        );
        let tx = self.begin()?;
        let mut changed = 0;
        for sql in [
            "UPDATE consent_ask SET due = ?2, asked = min(asked, ?2)
             WHERE company = ?1 AND (asked > ?3 OR failures > 0 AND due > ?4)",
            "UPDATE consent_mark SET scope_asked = ?2 WHERE company = ?1 AND scope_asked > ?3 AND ?4 > 0",
            "UPDATE subject SET due = min(due, ?2), asked = ?2 WHERE company = ?1 AND due <> 9223372036854775807
               AND asked > ?3 AND ?4 > 0",
            "UPDATE reading SET read_at = ?2 WHERE company = ?1 AND read_at > ?3 AND ?4 > 0",
            "UPDATE stale SET due = ?2 WHERE company = ?1 AND due > ?3 AND ?4 > 0",
            "UPDATE media_file SET since = ?2 WHERE company = ?1 AND state < 2 AND since > ?3 AND ?4 > 0",
            "UPDATE media_file SET since = m.time FROM record r JOIN message m ON m.record = r.id
             WHERE media_file.company = ?1 AND media_file.state < 2 AND r.id = media_file.record
               AND m.time > r.landed_at + (?3 - ?2) AND m.time > media_file.since AND m.time <= ?2 AND ?4 > 0",
        ] {
            changed += tx
                .prepare_cached(sql)?
                .execute(params![company.0, now.0, soon, longest])?;
        }
        tx.commit()?;
        Ok(changed as u64)
    }
}
