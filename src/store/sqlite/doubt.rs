//! Takes back what programs before migration 9 counted as opened although `DecryptData` had given no message.

use rusqlite::{Transaction, params};

use super::{
    again,
    codes::{MSGID_DIFFERS, NOT_JSON, OPENED, UNREADABLE},
    land,
    pack::Unpacker,
};
use crate::{ids::CompanyId, message, store::Result};

/// Records that were opened to something else than their message wait as `unreadable`, their bytes kept, as far as their
/// sealed original is still there to be opened again; the others stay as they are. Returns how many were taken back.
pub(super) fn take_back(tx: &Transaction<'_>, unpacker: &Unpacker) -> Result<u64> {
    let mut suspects = Vec::new();
    {
        let mut statement = tx.prepare(
            "SELECT r.id, r.company, r.msgid, p.dictionary, p.body
             FROM message m JOIN record r ON r.id = m.record JOIN plaintext p ON p.record = m.record
               JOIN sealed s ON s.record = m.record
             WHERE (m.flaws & ?1 OR m.flags & ?2) ORDER BY r.id",
        )?;
        let mut rows = statement.query(params![NOT_JSON, MSGID_DIFFERS])?;
        while let Some(row) = rows.next()? {
            let (id, company, msgid): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let body = unpacker.body(tx, row, 3, 4)?;
            if let Err(misfit) = message::read(&body).answers(&msgid) {
                suspects.push((id, company, misfit.detail(body.len())));
            }
        }
    }
    for (id, company, detail) in &suspects {
        tx.execute(
            "INSERT INTO answer (record, dictionary, body, at)
             SELECT p.record, p.dictionary, p.body, ifnull(r.settled_at, r.landed_at)
             FROM plaintext p JOIN record r ON r.id = p.record WHERE p.record = ?",
            [id],
        )?;
        for table in ["plaintext", "message", "recall"] {
            tx.execute(&format!("DELETE FROM {table} WHERE record = ?"), [id])?;
        }
        tx.execute(
            "UPDATE record SET state = ?, detail = ? WHERE id = ?",
            params![UNREADABLE, detail, id],
        )?;
        land::tally(tx, CompanyId(*company), OPENED, -1)?;
        land::tally(tx, CompanyId(*company), UNREADABLE, 1)?;
        // Once it opens it is to be looked at for files and for consent like any other late record.
        tx.execute("INSERT OR IGNORE INTO media_unread (record) VALUES (?)", [id])?;
        tx.execute(
            "INSERT OR IGNORE INTO consent_late (company, record) SELECT company, ?1 FROM consent_mark
             WHERE company = ?2 AND record >= ?1",
            [id, company],
        )?;
    }
    if !suspects.is_empty() {
        tx.execute("DELETE FROM fact WHERE name = ?", [super::media::OPEN_THEN])?;
        again::all(tx, unpacker, &mut |_| ())?;
    }
    Ok(suspects.len() as u64)
}
