//! Keeping what was learnt, and handing it out again. Learning a thing twice changes nothing but when it was last seen.

use rusqlite::{OptionalExtension, ToSql, Transaction, params};

use super::{COLUMNS, how_in, known, talk_in};
use crate::{
    consent::{How, Subject},
    ids::CompanyId,
    store::{
        Result,
        contract::{Known, Learnt},
        sqlite::{Reader, Store},
    },
};

impl Store {
    /// Keeps what was learnt; returns how much of it was new. What is learnt about a pair also goes on the agenda.
    pub fn consent_learn(&mut self, company: CompanyId, learnt: &[Learnt]) -> Result<u64> {
        let tx = self.begin()?;
        let mut fresh = 0;
        for one in learnt {
            fresh += u64::from(learn(&tx, company, one)?);
        }
        tx.commit()?;
        Ok(fresh)
    }
}

impl Reader {
    /// Everything known about an external person, a member or a room, whichever the id is of, by subject.
    pub fn consent_of(&self, id: &str) -> Result<Vec<Known>> {
        let folded = crate::message::fold_id(id);
        self.changes("who IN (?1, ?2) OR external = ?1", &[&id, &folded])
    }

    /// Everything known, by subject.
    pub fn consent_all(&self) -> Result<Vec<Known>> {
        self.changes("1", &[])
    }

    fn changes(&self, which: &str, values: &[&dyn ToSql]) -> Result<Vec<Known>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM consent_change WHERE {which} ORDER BY company, kind, who, external, since, id"
        ))?;
        let mut rows = statement.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(known(row)?);
        }
        Ok(all)
    }
}

/// Keeps what was learnt and puts it on the agenda. True when it was not known.
pub(in crate::store::sqlite) fn learn(
    tx: &Transaction<'_>,
    company: CompanyId,
    learnt: &Learnt,
) -> Result<bool> {
    let fresh = keep(tx, company, learnt)?;
    super::agenda::put(tx, company, &learnt.subject)?;
    Ok(fresh)
}

/// True when it was not known.
pub(super) fn keep(tx: &Transaction<'_>, company: CompanyId, learnt: &Learnt) -> Result<bool> {
    let Learnt {
        subject,
        state,
        how,
        at,
        ..
    } = learnt;
    let (kind, who) = talk_in(&subject.talk);
    if *how == How::Asked && learnt.since.is_none() && again(tx, company, learnt)? {
        return Ok(false);
    }
    let known: Option<i64> = tx
        .prepare_cached(
            "SELECT id FROM consent_change WHERE company = ? AND kind = ? AND who = ? AND external = ? AND since = ?
               AND how = ? AND dated = ? AND status = ?",
        )?
        .query_row(
            params![
                company.0,
                kind,
                who,
                subject.external,
                learnt.since.unwrap_or(*at).0,
                how_in(*how),
                learnt.since.is_some(),
                state.as_word()
            ],
            |row| row.get(0),
        )
        .optional()?;
    match known {
        // A message is what it is whenever it is read; only an answer is confirmed by another.
        Some(id) if *how == How::Asked => {
            tx.prepare_cached(
                "UPDATE consent_change SET learnt = min(learnt, ?2), seen = max(seen, ?2) WHERE id = ?1",
            )?
            .execute([id, at.0])?;
        }
        Some(_) => {}
        None => {
            tx.prepare_cached(
                "INSERT INTO consent_change (company, kind, who, external, status, since, dated, how, learnt, seen, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
            )?
            .execute(params![
                company.0,
                kind,
                who,
                subject.external,
                state.as_word(),
                learnt.since.unwrap_or(*at).0,
                learnt.since.is_some(),
                how_in(*how),
                at.0,
                learnt.record.map(|record| record.0)
            ])?;
        }
    }
    Ok(known.is_none())
}

/// An undated answer that says what the last answer said confirms that one.
fn again(tx: &Transaction<'_>, company: CompanyId, learnt: &Learnt) -> Result<bool> {
    let Subject { talk, external } = &learnt.subject;
    let (kind, who) = talk_in(talk);
    let last: Option<(i64, String)> = tx
        .prepare_cached(
            "SELECT id, status FROM consent_change WHERE company = ? AND kind = ? AND who = ? AND external = ?
               AND how = 1 ORDER BY seen DESC, id DESC LIMIT 1",
        )?
        .query_row(params![company.0, kind, who, external], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((id, _)) = last.filter(|(_, status)| status == learnt.state.as_word()) else {
        return Ok(false);
    };
    tx.prepare_cached("UPDATE consent_change SET seen = max(seen, ?2) WHERE id = ?1")?
        .execute([id, learnt.at.0])?;
    Ok(true)
}

/// True when anything is known about the subject.
pub(super) fn is_known(tx: &Transaction<'_>, company: CompanyId, subject: &Subject) -> Result<bool> {
    let (kind, who) = talk_in(&subject.talk);
    Ok(tx
        .prepare_cached(
            "SELECT 1 FROM consent_change WHERE company = ? AND kind = ? AND who = ? AND external = ? LIMIT 1",
        )?
        .exists(params![company.0, kind, who, subject.external])?)
}
