//! Whose conversations WeCom records, as its list was read from time to time.

use rusqlite::params;

use crate::{
    ids::{CompanyId, Millis},
    store::{
        Result,
        contract::InScope,
        sqlite::{Reader, Store},
    },
};

impl Store {
    /// Keeps the whole list as it was read: who is new, who is still there, who is gone.
    pub fn scope_read(&mut self, company: CompanyId, members: &[String], now: Millis) -> Result<()> {
        let tx = self.begin()?;
        for member in members {
            let still = tx
                .prepare_cached(
                    "UPDATE scope_span SET seen = max(seen, ?3) WHERE company = ?1 AND member = ?2 AND until = 0",
                )?
                .execute(params![company.0, member, now.0])?;
            if still == 0 {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO scope_span (company, member, since, seen) VALUES (?1, ?2, ?3, ?3)",
                )?
                .execute(params![company.0, member, now.0])?;
            }
        }
        // Whoever was not seen just now is gone.
        tx.prepare_cached("UPDATE scope_span SET until = ?2 WHERE company = ?1 AND until = 0 AND seen < ?2")?
            .execute([company.0, now.0])?;
        tx.prepare_cached(
            "INSERT INTO consent_mark (company, scope_asked) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET scope_asked = ?2",
        )?
        .execute([company.0, now.0])?;
        tx.commit()?;
        Ok(())
    }
}

impl Reader {
    /// Everybody who was ever on the list, by member and time.
    pub fn scope(&self, company: CompanyId) -> Result<Vec<InScope>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT member, since, seen, until FROM scope_span WHERE company = ? ORDER BY member, since",
        )?;
        let rows = statement.query_map([company.0], |row| {
            Ok(InScope {
                member: row.get(0)?,
                since: Millis(row.get(1)?),
                seen: Millis(row.get(2)?),
                until: Some(row.get(3)?).filter(|until| *until != 0).map(Millis),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
