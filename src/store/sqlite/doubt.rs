//! Takes back what programs before migration 9 counted as opened although `DecryptData` had given no message.

use rusqlite::{Transaction, params};

use super::{
    again,
    codes::{MSGID_DIFFERS, NOT_JSON, OPENED, SEALED, UNREADABLE},
    land,
    pack::Unpacker,
    reopened,
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
        reopened::look_again(tx, *company, *id)?;
    }
    separate_twins(tx)?;
    if !suspects.is_empty() {
        tx.execute("DELETE FROM fact WHERE name = ?", [super::media::OPEN_THEN])?;
        again::all(tx, unpacker, &mut |_| ())?;
    }
    Ok(suspects.len() as u64)
}

/// Copies of a record that carry another msgid are other messages: each becomes a record of its own, to be opened.
fn separate_twins(tx: &Transaction<'_>) -> Result<()> {
    let twins = tx
        .prepare(
            "SELECT v.id, r.company FROM variant v JOIN record r ON r.id = v.record
             WHERE v.msgid <> r.msgid AND v.msgid <> '' AND r.msgid <> '' ORDER BY v.id",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, i64)>, _>>()?;
    for (variant, company) in twins {
        tx.execute(
            "INSERT INTO record (company, seq, twin, msgid, version, state, sha256, landed_at)
             SELECT r.company, r.seq, 1 + (SELECT max(o.twin) FROM record o WHERE o.company = r.company AND o.seq = r.seq),
               v.msgid, v.version, ?2, v.sha256, r.landed_at
             FROM variant v JOIN record r ON r.id = v.record WHERE v.id = ?1",
            [variant, SEALED],
        )?;
        tx.execute(
            "INSERT INTO sealed (record, random_key, body, odd) SELECT ?2, random_key, body, odd FROM variant WHERE id = ?1",
            [variant, tx.last_insert_rowid()],
        )?;
        tx.execute("DELETE FROM variant WHERE id = ?", [variant])?;
        land::tally(tx, CompanyId(company), SEALED, 1)?;
    }
    Ok(())
}
