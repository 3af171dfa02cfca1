//! Settling: what became of pending records, and all that follows from it (columns, people, files, recalls, the
//! text index), in one transaction.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::{
    Packer, Store,
    codes::{OPENED, SEALED, reason_in},
    derive::{self, Derived},
    guard::Handling,
    index,
    intern::Interner,
    land,
    pack::{self, Packed},
    reopened,
};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId},
    record::{Reason, Waiting},
    store::{
        Result,
        contract::{Outcome, Settled, Verdict},
    },
};

/// An outcome with everything done that needs no transaction: derived, cut into terms, packed.
pub struct Prepared {
    id: RecordId,
    verdict: Ready,
}

enum Ready {
    Opened {
        body: Packed,
        digest: SaltedDigest,
        derived: Box<Derived>,
    },
    Unreadable {
        answer: Packed,
        why: Waiting,
    },
    Waiting(Waiting),
}

/// What proves later that a body is the one that was opened.
pub(super) struct SaltedDigest {
    pub salt: [u8; 16],
    /// SHA-256 (salt, then the body).
    pub sha256: [u8; 32],
}

impl SaltedDigest {
    /// With a salt of its own, so that a short message cannot be guessed from its digest.
    pub(super) fn of(body: &[u8]) -> Self {
        let salt = rand::random();
        Self {
            salt,
            sha256: salted(&salt, body),
        }
    }
}

pub(super) fn salted(salt: &[u8], body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(salt)
        .chain_update(body)
        .finalize()
        .into()
}

/// The part of settling that runs on any thread.
pub fn prepare(packer: &Packer, outcome: &Outcome) -> Prepared {
    let verdict = match &outcome.verdict {
        Verdict::Opened {
            plaintext,
            message,
            msgid_differs,
        } => Ready::Opened {
            body: packer.pack(plaintext),
            digest: SaltedDigest::of(plaintext),
            derived: Box::new(Derived::new(message, *msgid_differs)),
        },
        Verdict::Unreadable { answer, detail } => Ready::Unreadable {
            answer: packer.pack(answer),
            why: Waiting::new(Reason::Unreadable, detail),
        },
        Verdict::Waiting(why) => Ready::Waiting(why.clone()),
    };
    Prepared {
        id: outcome.id,
        verdict,
    }
}

impl Store {
    /// What [`prepare`] needs of this archive; ask once and keep it, a dictionary that is trained later reaches it.
    pub fn packer(&self) -> Packer {
        self.packer.clone()
    }

    /// Writes verdicts. Rows that are not `sealed` any more, or not of this company, are left alone and
    /// counted as stale. `fingerprints` names the key that each version was tried with, so that a record waits
    /// for another key and not for the same one.
    pub fn settle_prepared(
        &mut self,
        company: CompanyId,
        prepared: Vec<Prepared>,
        sdk_build: &str,
        fingerprints: &[(KeyVersion, String)],
        now: Millis,
    ) -> Result<Settled> {
        let names = std::mem::take(&mut self.names);
        let tx = self.begin()?;
        let mut interner = Interner::new(&tx, names);
        let build = interner.word(sdk_build)?;
        let mut settled = Settled::default();
        let mut waiting: BTreeMap<Reason, u64> = BTreeMap::new();
        let mut index = index::Builder::new(&tx);
        let opening = prepared
            .iter()
            .filter(|one| matches!(one.verdict, Ready::Opened { .. }))
            .map(|one| one.id.0);
        let some_are_indexed = reopened::make_room(&tx, opening)?;
        for Prepared { id, verdict } in prepared {
            let Some(row) = sealed_row(&tx, company, id)? else {
                settled.stale += 1;
                continue;
            };
            let why = match verdict {
                Ready::Opened {
                    body,
                    digest,
                    mut derived,
                } => {
                    let told = derive::Told {
                        record: id,
                        company,
                        seq: row.seq,
                        outer_msgid: &row.msgid,
                        landed_at: row.landed_at,
                        twin: row.twin,
                        version: row.version.0.into(),
                        landed_sha256: &row.sha256,
                        body_sha256: Some(&digest.sha256),
                        handling: Handling {
                            attempts: row.attempts + 1,
                            sdk_build: Some(build),
                            settled_at: Some(now.0),
                            ..Handling::default()
                        },
                        doubted_guard: None,
                    };
                    tx.prepare_cached(
                        "INSERT INTO plaintext (record, dictionary, body, salt, sha256) VALUES (?, ?, ?, ?, ?)",
                    )?
                    .execute(params![id.0, body.dictionary, body.data, digest.salt, digest.sha256])?;
                    let doc = derive::write(&tx, &mut interner, &told, &mut derived)?;
                    if !(some_are_indexed && reopened::take_indexed(&tx, id.0)?) {
                        index.add(doc)?;
                    }
                    tx.prepare_cached(
                        "UPDATE record SET state = ?, detail = '', attempts = attempts + 1, tried_key = NULL,
                           sdk_build = ?, settled_at = ? WHERE id = ?",
                    )?
                    .execute([OPENED, build, now.0, id.0])?;
                    settled.opened += 1;
                    continue;
                }
                Ready::Unreadable { answer, why } => {
                    tx.prepare_cached(
                        "INSERT OR REPLACE INTO answer (record, dictionary, body, at) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![id.0, answer.dictionary, answer.data, now.0])?;
                    why
                }
                Ready::Waiting(why) => why,
            };
            let key = fingerprints.iter().find(|(version, _)| *version == row.version);
            set_aside(&tx, id, &why, key.map(|(_, key)| key.as_str()), build, now)?;
            if land::promote(&tx, id)? {
                settled.again.push(id);
            } else {
                *waiting.entry(why.reason).or_default() += 1;
            }
        }
        index.finish()?;
        let moved = waiting
            .iter()
            .map(|(reason, count)| (reason_in(*reason), *count as i64));
        let moved: Vec<(i64, i64)> = moved.chain([(OPENED, settled.opened as i64)]).collect();
        let left: i64 = moved.iter().map(|(_, count)| count).sum();
        for (state, count) in moved.into_iter().chain([(SEALED, -left)]) {
            land::tally(&tx, company, state, count)?;
        }
        let trained = !self.packer.has_dictionary()
            && land::count(&tx, OPENED)? >= pack::SAMPLES
            && pack::train(&tx, &self.reader.unpacker)?;
        let names = interner.into_names();
        tx.commit()?;
        self.names = names;
        if trained {
            self.packer.refresh(&self.reader.conn)?;
        }
        settled.waiting = waiting.into_iter().collect();
        Ok(settled)
    }

    /// [`prepare`] and [`Store::settle_prepared`] in one, on this thread.
    pub fn settle(
        &mut self,
        company: CompanyId,
        outcomes: &[Outcome],
        sdk_build: &str,
        fingerprints: &[(KeyVersion, String)],
        now: Millis,
    ) -> Result<Settled> {
        let prepared = outcomes
            .iter()
            .map(|outcome| prepare(&self.packer, outcome))
            .collect();
        self.settle_prepared(company, prepared, sdk_build, fingerprints, now)
    }
}

struct SealedRow {
    seq: i64,
    msgid: String,
    version: KeyVersion,
    landed_at: i64,
    twin: i64,
    sha256: Vec<u8>,
    attempts: i64,
}

fn sealed_row(tx: &Transaction<'_>, company: CompanyId, id: RecordId) -> Result<Option<SealedRow>> {
    let row = tx
        .prepare_cached(
            "SELECT seq, msgid, version, landed_at, twin, sha256, attempts FROM record WHERE id = ? AND company = ? AND state = ?",
        )?
        .query_row([id.0, company.0, SEALED], |row| {
            Ok(SealedRow {
                seq: row.get(0)?,
                msgid: row.get(1)?,
                version: KeyVersion(row.get(2)?),
                landed_at: row.get(3)?,
                twin: row.get(4)?,
                sha256: row.get(5)?,
                attempts: row.get(6)?,
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
