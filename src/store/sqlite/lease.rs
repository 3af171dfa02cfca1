//! One puller per company. The lease says who; its term, checked inside the transaction of every page, makes
//! sure that a puller who was asleep when it was taken over writes nothing any more.

use rusqlite::{Connection, OptionalExtension, params};

use super::Store;
use crate::{
    ids::{CompanyId, Millis},
    store::{Result, StoreError, contract::Lease},
};

impl Store {
    /// Takes the company's lease when nobody holds it, when it has run out, or when its holder is known to be
    /// dead. `holder_alive` gets the name of the other holder and answers true whenever it cannot tell (another
    /// host, say). A live lease is refused with [`StoreError::HeldBy`], also to its own holder.
    pub fn acquire_lease(
        &mut self,
        company: CompanyId,
        holder: &str,
        now: Millis,
        ttl_ms: i64,
        holder_alive: &dyn Fn(&str) -> bool,
    ) -> Result<Lease> {
        let tx = self.begin()?;
        let row = tx
            .query_row(
                "SELECT holder, until, term FROM lease WHERE company = ?",
                [company.0],
                |row| {
                    Ok((
                        row.get::<_, Option<String>>(0)?,
                        Millis(row.get(1)?),
                        row.get::<_, i64>(2)?,
                    ))
                },
            )
            .optional()?;
        let term = match row {
            None => 1,
            Some((Some(holder), until, _)) if until > now && holder_alive(&holder) => {
                return Err(StoreError::HeldBy { holder, until });
            }
            Some((.., term)) => term + 1,
        };
        tx.execute(
            "INSERT OR REPLACE INTO lease (company, holder, until, term) VALUES (?, ?, ?, ?)",
            params![company.0, holder, now.0.saturating_add(ttl_ms), term],
        )?;
        tx.commit()?;
        Ok(Lease {
            company,
            holder: holder.to_owned(),
            term,
        })
    }

    /// Holds the lease for another while; refused with [`StoreError::LeaseLost`] when it changed hands.
    pub fn renew_lease(&mut self, lease: &Lease, now: Millis, ttl_ms: i64) -> Result<()> {
        let tx = self.begin()?;
        check(&tx, lease)?;
        tx.execute(
            "UPDATE lease SET until = ? WHERE company = ?",
            [now.0.saturating_add(ttl_ms), lease.company.0],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// Gives the lease back. One that was taken over already is nobody's to give, and that is no error.
    pub fn release_lease(&mut self, lease: Lease) -> Result<()> {
        self.reader.conn.execute(
            "UPDATE lease SET holder = NULL, until = 0 WHERE company = ? AND term = ? AND holder = ?",
            params![lease.company.0, lease.term, lease.holder],
        )?;
        Ok(())
    }
}

/// The fence: is this lease still the company's current one? A lease that ran out and was not taken is.
pub(super) fn check(conn: &Connection, lease: &Lease) -> Result<()> {
    let live: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM lease WHERE company = ? AND term = ? AND holder = ?)")?
        .query_row(params![lease.company.0, lease.term, lease.holder], |row| {
            row.get(0)
        })?;
    if live {
        Ok(())
    } else {
        Err(StoreError::LeaseLost { term: lease.term })
    }
}
