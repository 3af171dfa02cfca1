//! One puller per company. The lease says who; its term, checked inside the transaction of every page, makes
//! sure that a puller who was asleep when it was taken over writes nothing any more.
//!
//! Whether a lease may be taken over is judged by what can be observed, not by its row's word: clocks jump, hosts are
//! gone, and containers come back under the same name. A holder that cannot be asked is dead when its row does not
//! change for a whole term of the watcher's own monotonic clock. Sightings are kept in the archive, so that one-shot
//! commands and a process that stays watch together.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Reader, Store};
use crate::{
    ids::{CompanyId, Millis},
    store::{
        Result, StoreError,
        contract::{Lease, LeaseInTheWay},
    },
};

/// How a process that wants a lease looks at the holder.
pub struct Watcher<'a> {
    /// Which monotonic clock `at_ms` is of. Sightings of different places are not compared.
    pub place: &'a str,
    /// Now, by that clock.
    pub at_ms: i64,
    /// False only when the holder is surely gone.
    pub maybe_alive: &'a dyn Fn(&str) -> bool,
}

impl Store {
    /// [`Store::take_lease`] by a watcher whose only clock is `now`.
    pub fn acquire_lease(
        &mut self,
        company: CompanyId,
        holder: &str,
        now: Millis,
        ttl_ms: i64,
        maybe_alive: &dyn Fn(&str) -> bool,
    ) -> Result<Lease> {
        let watcher = Watcher {
            place: "",
            at_ms: now.0,
            maybe_alive,
        };
        self.take_lease(company, holder, now, ttl_ms, &watcher)
    }

    /// Takes the company's lease when nobody holds it, when its holder is known to be dead, or when it was not renewed
    /// while it was watched: for `ttl_ms`, or half of that when it has run out by its own word as well. Otherwise it is
    /// refused with [`StoreError::HeldBy`], also to its own holder, and the sighting is kept.
    pub fn take_lease(
        &mut self,
        company: CompanyId,
        holder: &str,
        now: Millis,
        ttl_ms: i64,
        watcher: &Watcher<'_>,
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
            Some((Some(holder), until, term)) if (watcher.maybe_alive)(&holder) => {
                let quiet_ms = sight(&tx, company, watcher, term, until, now)?;
                let enough_ms = if until <= now { ttl_ms / 2 } else { ttl_ms };
                if quiet_ms < enough_ms {
                    tx.commit()?;
                    return Err(StoreError::HeldBy { holder, until });
                }
                term + 1
            }
            Some((.., term)) => term + 1,
        };
        tx.execute(
            "INSERT OR REPLACE INTO lease (company, holder, until, term) VALUES (?, ?, ?, ?)",
            params![company.0, holder, now.0.saturating_add(ttl_ms), term],
        )?;
        tx.execute("DELETE FROM lease_sighting WHERE company = ?", [company.0])?;
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
        // Whoever watches must see a change, also under a clock that stands still or goes back and forth.
        tx.execute(
            "UPDATE lease SET until = CASE WHEN until = ?1 THEN ?1 + 1 ELSE ?1 END WHERE company = ?2",
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

impl Reader {
    /// The lease that was in the way of this archive's pullers and still is; `None` when there is none.
    pub fn lease_in_the_way(&self, company: CompanyId) -> Result<Option<LeaseInTheWay>> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT l.holder, l.until, min(s.began) FROM lease l
                 JOIN lease_sighting s ON s.company = l.company AND s.term = l.term
                 WHERE l.company = ? AND l.holder IS NOT NULL
                 GROUP BY l.company",
            )?
            .query_row([company.0], |row| {
                Ok(LeaseInTheWay {
                    holder: row.get(0)?,
                    until: Millis(row.get(1)?),
                    since: Millis(row.get(2)?),
                })
            })
            .optional()?)
    }
}

/// Keeps what was seen of the lease; returns for how long it has been seen unchanged from this place.
fn sight(
    tx: &Transaction<'_>,
    company: CompanyId,
    watcher: &Watcher<'_>,
    term: i64,
    until: Millis,
    now: Millis,
) -> Result<i64> {
    let known = tx
        .prepare_cached(
            "SELECT term, until, since, began FROM lease_sighting WHERE company = ? AND place = ?",
        )?
        .query_row(params![company.0, watcher.place], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                Millis(row.get(1)?),
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
            ))
        })
        .optional()?;
    let began = match known {
        Some((known_term, known_until, since, began)) if known_term == term => {
            if known_until == until && since <= watcher.at_ms {
                return Ok(watcher.at_ms - since);
            }
            began
        }
        _ => now.0,
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO lease_sighting (company, place, term, until, since, began)
         VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        company.0,
        watcher.place,
        term,
        until.0,
        watcher.at_ms,
        began
    ])?;
    Ok(0)
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
