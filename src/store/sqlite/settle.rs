//! Settling: what became of pending records, and all that follows from it (columns, people, files, recalls, the
//! text index), in one transaction.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, codes::OPENED, codes::SEALED, codes::reason_in, derive, intern::Interner, land};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId},
    record::{Reason, Waiting},
    store::{
        Result,
        contract::{Outcome, Settled, Verdict},
    },
};

impl Store {
    /// Writes verdicts. Rows that are not `sealed` any more, or not of this company, are left alone and
    /// counted as stale. `fingerprints` names the key that each version was tried with, so that a record waits
    /// for another key and not for the same one.
    pub fn settle(
        &mut self,
        company: CompanyId,
        outcomes: &[Outcome],
        sdk_build: &str,
        fingerprints: &[(KeyVersion, String)],
        now: Millis,
    ) -> Result<Settled> {
        let tx = self.begin()?;
        let mut interner = Interner::new(&tx);
        let build = interner.word(sdk_build)?;
        let mut settled = Settled::default();
        let mut waiting: BTreeMap<Reason, u64> = BTreeMap::new();
        for outcome in outcomes {
            let Some(row) = sealed_row(&tx, company, outcome.id)? else {
                settled.stale += 1;
                continue;
            };
            match &outcome.verdict {
                Verdict::Opened {
                    plaintext,
                    message,
                    msgid_differs,
                } => {
                    let told = derive::Told {
                        record: outcome.id,
                        company,
                        seq: row.seq,
                        outer_msgid: &row.msgid,
                    };
                    tx.prepare_cached("INSERT INTO plaintext (record, body) VALUES (?, ?)")?
                        .execute(params![outcome.id.0, plaintext])?;
                    derive::write(&tx, &mut interner, &told, message, *msgid_differs)?;
                    tx.prepare_cached(
                        "UPDATE record SET state = ?, detail = '', attempts = attempts + 1, tried_key = NULL,
                           sdk_build = ?, settled_at = ? WHERE id = ?",
                    )?
                    .execute([OPENED, build, now.0, outcome.id.0])?;
                    settled.opened += 1;
                }
                Verdict::Waiting(why) => {
                    let key = fingerprints.iter().find(|(version, _)| *version == row.version);
                    set_aside(&tx, outcome.id, why, key.map(|(_, key)| key.as_str()), build, now)?;
                    if land::promote(&tx, outcome.id)? {
                        settled.again.push(outcome.id);
                    } else {
                        *waiting.entry(why.reason).or_default() += 1;
                    }
                }
            }
        }
        drop(interner);
        tx.commit()?;
        settled.waiting = waiting.into_iter().collect();
        Ok(settled)
    }
}

struct SealedRow {
    seq: i64,
    msgid: String,
    version: KeyVersion,
}

fn sealed_row(tx: &Transaction<'_>, company: CompanyId, id: RecordId) -> Result<Option<SealedRow>> {
    let row = tx
        .prepare_cached("SELECT seq, msgid, version FROM record WHERE id = ? AND company = ? AND state = ?")?
        .query_row([id.0, company.0, SEALED], |row| {
            Ok(SealedRow {
                seq: row.get(0)?,
                msgid: row.get(1)?,
                version: KeyVersion(row.get(2)?),
            })
        })
        .optional()?;
    Ok(row)
}

fn set_aside(
    tx: &Transaction<'_>,
    id: RecordId,
    why: &Waiting,
    tried_key: Option<&str>,
    build: i64,
    now: Millis,
) -> Result<()> {
    tx.prepare_cached(
        "UPDATE record SET state = ?, detail = ?, attempts = attempts + 1, tried_key = ?, sdk_build = ?,
           settled_at = ? WHERE id = ?",
    )?
    .execute(params![
        reason_in(why.reason),
        why.detail,
        tried_key,
        build,
        now.0,
        id.0
    ])?;
    Ok(())
}
