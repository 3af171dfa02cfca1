//! How far the records were looked through.

use rusqlite::{Connection, OptionalExtension};

use crate::{
    ids::CompanyId,
    store::{Result, sqlite::codes::OPENED},
};

/// Opened records that were not looked at yet.
pub(super) fn unlooked(conn: &Connection, company: CompanyId) -> Result<u64> {
    let left = opened(conn, company)? - mark(conn, company)?.opened;
    Ok(u64::try_from(left).unwrap_or(0))
}

/// Behind the last row looked at, and how many were.
pub(super) struct Mark {
    pub(super) record: i64,
    pub(super) opened: i64,
}

/// Where the looking through stands.
pub(super) fn mark(conn: &Connection, company: CompanyId) -> Result<Mark> {
    let found = conn
        .prepare_cached("SELECT record, opened FROM consent_mark WHERE company = ?")?
        .query_row([company.0], |row| {
            Ok(Mark {
                record: row.get(0)?,
                opened: row.get(1)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or(Mark { record: 0, opened: 0 }))
}

/// The record is looked at again, also when the mark has passed it. Nothing is noted before the first look.
pub(in crate::store::sqlite) fn look_again(conn: &Connection, company: i64, record: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO consent_late (company, record) SELECT company, ?1 FROM consent_mark
         WHERE company = ?2 AND record >= ?1",
    )?
    .execute([record, company])?;
    Ok(())
}

/// Records of the company that are open.
pub(super) fn opened(conn: &Connection, company: CompanyId) -> Result<i64> {
    let count = conn
        .prepare_cached("SELECT count FROM tally WHERE company = ? AND state = ?")?
        .query_row([company.0, OPENED], |row| row.get(0))
        .optional()?;
    Ok(count.unwrap_or(0))
}
