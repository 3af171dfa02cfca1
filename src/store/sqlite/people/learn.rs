//! From answers to spans: a row is written only when something changed; that it was asked and is still so is noted apart.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::NEVER;
use crate::{
    ids::{CompanyId, Millis},
    message::fold_id,
    people::{Answer, Aspect, Class, Kind, List, News, Refused, Roll, Said, Subject, Told},
    store::{Result, Store, contract::people::Ages},
    words,
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// So many are not taken off a list at once; a list of nobody is then not believed.
const MANY: usize = 100;
/// After a refusal: the first wait and the longest, for what may pass and for what will not change by itself.
const PASSING: (i64, i64) = (HOUR_MS / 6, DAY_MS);
const LASTING: (i64, i64) = (DAY_MS, 30 * DAY_MS);

impl Store {
    /// Writes what one call brought, in one transaction.
    pub fn learn(&mut self, company: CompanyId, answer: &Answer, ages: &Ages, now: Millis) -> Result<()> {
        self.begin_and(|tx| {
            let learning = Learning {
                tx,
                company,
                how: answer.api,
                ages,
                now: now.0,
            };
            for news in &answer.news {
                learning.news(news)?;
            }
            for roll in &answer.rolls {
                learning.roll(roll)?;
            }
            for refused in &answer.refused {
                learning.refused(refused)?;
            }
            for list in &answer.read {
                tx.prepare_cached(
                    "INSERT INTO reading (company, list, read_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET read_at = ?3",
                )?
                .execute(params![company.0, list.as_str(), now.0])?;
            }
            Ok(())
        })
    }

    /// One transaction.
    pub(super) fn begin_and(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<()>) -> Result<()> {
        let tx = self.begin()?;
        work(&tx)?;
        tx.commit()?;
        Ok(())
    }
}

/// Names as searches compare them now; for when the rules of folding changed.
pub(in crate::store::sqlite) fn fold_again(tx: &Transaction<'_>) -> Result<()> {
    let there: i64 = tx.query_row(
        "SELECT count(*) FROM sqlite_master WHERE name = 'known'",
        [],
        |row| row.get(0),
    )?;
    if there == 0 {
        return Ok(());
    }
    let names = tx
        .prepare("SELECT id, value FROM known WHERE folded IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, String)>, _>>()?;
    for (id, value) in names {
        tx.prepare_cached("UPDATE known SET folded = ? WHERE id = ?")?
            .execute(params![words::fold(&value), id])?;
    }
    Ok(())
}

struct Learning<'t> {
    tx: &'t Transaction<'t>,
    company: CompanyId,
    how: &'t str,
    ages: &'t Ages,
    now: i64,
}

/// A span that has not ended.
struct Open {
    id: i64,
    item: String,
    value: String,
    since: i64,
    learnt: i64,
}

impl Learning<'_> {
    fn news(&self, news: &News) -> Result<()> {
        let (subject, answered) = self.row(&news.subject, NEVER)?;
        for told in &news.told {
            let (aspect, said) = match told {
                Told::Whole(aspect, said) | Told::Ending(aspect, _, said) => (*aspect, said.as_slice()),
                Told::Item(aspect, said) => (*aspect, std::slice::from_ref(said)),
            };
            let mut open = self.open(subject, aspect)?;
            match told {
                Told::Whole(..) => {}
                Told::Item(_, said) => open.retain(|one| one.item == said.item),
                Told::Ending(_, end, _) => open.retain(|one| one.item.ends_with(end.as_str())),
            }
            self.change(subject, aspect, open, said, answered)?;
        }
        if news.answers {
            self.answered(&news.subject, subject)?;
        }
        Ok(())
    }

    /// Ends what is not said any more, begins what is new.
    fn change(
        &self,
        subject: i64,
        aspect: Aspect,
        open: Vec<Open>,
        said: &[Said],
        answered: i64,
    ) -> Result<()> {
        let mut left = open;
        for one in said {
            if one.value.is_empty() && (!aspect.is_bare() || one.item.is_empty()) {
                continue;
            }
            let same =
                |open: &Open| (&open.item, &open.value, open.since) == (&one.item, &one.value, one.since);
            match left.iter().position(same) {
                Some(at) => drop(left.swap_remove(at)),
                None => self.begin(subject, aspect, one)?,
            }
        }
        left.iter().try_for_each(|open| self.end(open, answered))
    }

    fn begin(&self, subject: i64, aspect: Aspect, said: &Said) -> Result<()> {
        let folded = aspect.is_name().then(|| words::fold(&said.value));
        self.tx
            .prepare_cached(
                "INSERT INTO known (subject, aspect, item, value, folded, since, learnt, how)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                subject,
                aspect.number(),
                said.item,
                said.value,
                folded,
                said.since,
                self.now,
                self.how
            ])?;
        Ok(())
    }

    fn end(&self, open: &Open, last_told: i64) -> Result<()> {
        self.tx
            .prepare_cached("UPDATE known SET seen = ?, until = ? WHERE id = ?")?
            .execute(params![last_told.max(open.learnt), self.now, open.id])?;
        Ok(())
    }

    fn open(&self, subject: i64, aspect: Aspect) -> Result<Vec<Open>> {
        let mut statement = self.tx.prepare_cached(
            "SELECT id, item, value, since, learnt FROM known WHERE subject = ? AND aspect = ? AND until IS NULL",
        )?;
        let open = statement.query_map([subject, aspect.number()], |row| {
            Ok(Open {
                id: row.get(0)?,
                item: row.get(1)?,
                value: row.get(2)?,
                since: row.get(3)?,
                learnt: row.get(4)?,
            })
        })?;
        Ok(open.collect::<Result<_, _>>()?)
    }

    /// The row of a subject, made when there is none, and when it was last answered for.
    fn row(&self, subject: &Subject, due: i64) -> Result<(i64, i64)> {
        let key = params![self.company.0, subject.class.number(), subject.key];
        let known = self
            .tx
            .prepare_cached("SELECT id, answered FROM subject WHERE company = ? AND class = ? AND key = ?")?
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.tx
            .prepare_cached(
                "INSERT INTO subject (company, class, kind, key, spelt, due) VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                self.company.0,
                subject.class.number(),
                subject.kind.number(),
                subject.key,
                subject.spelt,
                due
            ])?;
        Ok((self.tx.last_insert_rowid(), 0))
    }

    /// Members grow old whether met or not, since they come with the address book; customers only when they were met.
    fn answered(&self, subject: &Subject, row: i64) -> Result<()> {
        let (age, only_met) = match (subject.class, subject.kind) {
            (Class::Person, Kind::Inside) => (Some(self.ages.people_ms), false),
            (Class::Person, _) => (Some(self.ages.people_ms), true),
            (Class::Room, _) => (Some(self.ages.rooms_ms), true),
            _ => (None, true),
        };
        let due = age.map_or(NEVER, |age| self.now.saturating_add(age));
        self.tx
            .prepare_cached(
                "UPDATE subject SET state = 1, why = '', tries = 0, asked = ?2, answered = ?2, spelt = ?3, kind = ?4,
                   due = iif(?6 AND due = ?7, ?7, ?5) WHERE id = ?1",
            )?
            .execute(params![
                row,
                self.now,
                subject.spelt,
                subject.kind.number(),
                due,
                only_met,
                NEVER
            ])?;
        Ok(())
    }

    fn refused(&self, refused: &Refused) -> Result<()> {
        let (row, _) = self.row(&refused.subject, 0)?;
        let (first, longest) = if refused.lasting { LASTING } else { PASSING };
        let tries: i64 = self
            .tx
            .prepare_cached("SELECT tries FROM subject WHERE id = ?")?
            .query_row([row], |row| row.get(0))?;
        let wait = first.saturating_mul(1 << tries.clamp(0, 20)).min(longest);
        self.tx
            .prepare_cached(
                "UPDATE subject SET state = 2, why = ?2, tries = tries + 1, asked = ?3, due = ?4 WHERE id = ?1",
            )?
            .execute(params![row, refused.why, self.now, self.now.saturating_add(wait)])?;
        Ok(())
    }

    fn roll(&self, roll: &Roll) -> Result<()> {
        let of = |id: &String| match roll.class {
            Class::Person => Subject::person(id),
            class => Subject::other(class, id),
        };
        let listed: HashSet<String> = roll.ids.iter().map(|id| of(id).key).collect();
        let mut statement = self.tx.prepare_cached(
            "SELECT s.key, s.id, k.id, k.learnt FROM known k JOIN subject s ON s.id = k.subject
             WHERE k.aspect = ? AND k.item = ? AND k.until IS NULL AND s.company = ? AND s.class = ?",
        )?;
        let item = match roll.aspect {
            Aspect::Follower => fold_id(&roll.item).into_owned(),
            _ => roll.item.clone(),
        };
        let open = statement
            .query_map(
                params![roll.aspect.number(), item, self.company.0, roll.class.number()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )?
            .collect::<Result<Vec<(String, i64, i64, i64)>, _>>()?;
        if roll.certain && listed.is_empty() && open.len() >= MANY {
            tracing::warn!(
                event = "directory.emptied",
                api = self.how,
                item,
                known = open.len(),
                "a list came with nobody on it; nothing was ended by it"
            );
            return Ok(());
        }
        let list = match roll.aspect {
            Aspect::Scope => List::Scope,
            _ => List::MemberTags,
        };
        let last_told: i64 = self
            .tx
            .prepare_cached("SELECT coalesce(max(read_at), 0) FROM reading WHERE company = ? AND list = ?")?
            .query_row(params![self.company.0, list.as_str()], |row| row.get(0))?;
        for (_, subject, id, learnt) in open.iter().filter(|(key, ..)| !listed.contains(key)) {
            if roll.certain {
                self.tx
                    .prepare_cached("UPDATE known SET seen = ?, until = ? WHERE id = ?")?
                    .execute(params![last_told.min(self.now).max(*learnt), self.now, id])?;
            } else {
                self.tx
                    .prepare_cached("UPDATE subject SET due = min(due, ?2) WHERE id = ?1 AND due < ?3")?
                    .execute(params![subject, self.now, NEVER])?;
            }
        }
        if !roll.certain {
            return Ok(());
        }
        let there: HashSet<&String> = open.iter().map(|(key, ..)| key).collect();
        let mut done = HashSet::new();
        for id in &roll.ids {
            let subject = of(id);
            if there.contains(&subject.key) || !done.insert(subject.key.clone()) {
                continue;
            }
            let due = if roll.class == Class::Person { 0 } else { NEVER };
            let (row, _) = self.row(&subject, due)?;
            self.begin(row, roll.aspect, &Said::of(&*item, ""))?;
        }
        Ok(())
    }
}
