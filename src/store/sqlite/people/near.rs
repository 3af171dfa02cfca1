//! Who is meant by a name or an id, and who is called nearly so.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::ask::{Called, label, names_alike, subjects};
use crate::{
    ids::CompanyId,
    message::fold_id,
    people::Aspect,
    store::{
        Reader, Result,
        contract::{
            Group,
            ask::{Among, Meant, Similar},
        },
    },
    words::{self, Alike},
};

impl Reader {
    /// Everybody that `from:`, `to:` or `with:` means by this, at most `limit`: by whole name, by `NAME(ID)`, by id.
    pub fn meant(&self, value: &str, limit: usize) -> Result<Vec<Meant>> {
        let view = self.view()?;
        let mut found = Vec::new();
        if is_id(&view, value)? {
            found.push(Meant {
                company: None,
                id: value.to_owned(),
            });
        }
        named(&view, &Called::Exactly(value), limit, &mut found)?;
        if let Some((name, id)) = label(value) {
            named(&view, &Called::Labelled(name, &id), limit, &mut found)?;
        }
        // Somebody who is called as their id is: once.
        if let Some(id) = found
            .iter()
            .find(|one| one.company.is_none())
            .map(|one| fold_id(&one.id).into_owned())
        {
            found.retain(|one| one.company.is_none() || fold_id(&one.id) != id);
        }
        Ok(found)
    }

    /// Everybody with a name that is alike as a whole, at most `limit`.
    pub fn meant_alike(&self, alike: Alike, name: &str, limit: usize) -> Result<Vec<Meant>> {
        let view = self.view()?;
        let names = names_alike(&view, alike, name, true)?;
        let mut found = Vec::new();
        named(&view, &Called::OneOf(&names), limit, &mut found)?;
        Ok(found)
    }

    /// True when somebody has this id, in messages or in the directory.
    pub fn is_somebody(&self, id: &str) -> Result<bool> {
        is_id(&*self.view()?, id)
    }

    /// The nearest to a text among ids and names, at most `limit`, nearest first: what contains it, then what differs by a
    /// character or two. Reads every name there is, so it is for answers that found nothing.
    pub fn similar(&self, among: Among, text: &str, limit: usize) -> Result<Vec<Similar>> {
        let view = self.view()?;
        let wanted = words::fold(text);
        let classes = match among {
            Among::People => "0",
            Among::Rooms => "1",
            Among::Departments => "2",
            Among::Tags => "3, 4",
        };
        let names = [Aspect::Name, Aspect::Alias, Aspect::Remark, Aspect::NameInRoom].map(Aspect::number);
        let mut best: BTreeSet<(usize, String, String)> = BTreeSet::new();
        let mut consider = |name: &str, folded: &str, id: &str| {
            if let Some(distance) = distance(&wanted, folded) {
                best.insert((distance, name.to_owned(), id.to_owned()));
                // One person may have several names that are near.
                if best.len() > limit * 4 {
                    best.pop_last();
                }
            }
        };
        let mut statement = view.prepare_cached(&format!(
            "SELECT k.value, k.folded, s.spelt FROM subject s JOIN known k ON k.subject = s.id
             WHERE s.class IN ({classes}) AND k.folded IS NOT NULL AND k.aspect IN ({}, {}, {}, {})",
            names[0], names[1], names[2], names[3]
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, folded, id): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            consider(&name, &folded, &id);
        }
        let ids = match among {
            Among::People => "SELECT key FROM person WHERE id <> 0".to_owned(),
            _ => format!("SELECT spelt FROM subject WHERE class IN ({classes})"),
        };
        let mut statement = view.prepare_cached(&ids)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            consider("", &words::fold(&id), &id);
        }
        let mut similar: Vec<Similar> = Vec::new();
        for (_, name, id) in best {
            let same = |one: &Similar| fold_id(&one.id) == fold_id(&id);
            if !similar.iter().any(same) {
                similar.push(Similar { name, id });
            }
        }
        similar.truncate(limit);
        Ok(similar)
    }

    /// The `msgtype`s of the archive, most messages first.
    pub fn types(&self) -> Result<Vec<String>> {
        let tallies = self.stats(Group::Type, &TimeZone::UTC)?;
        Ok(tallies.into_iter().map(|tally| tally.key).collect())
    }

    /// The companies of the archive by name.
    pub fn company_names(&self) -> Result<Vec<String>> {
        let view = self.view()?;
        let mut statement = view.prepare_cached("SELECT name FROM company ORDER BY id")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

fn is_id(view: &Connection, id: &str) -> Result<bool> {
    let known = view
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM person WHERE key = ?1 AND id <> 0)
               OR EXISTS (SELECT 1 FROM company c JOIN subject s ON s.company = c.id AND s.class = 0 AND s.key = ?1)",
        )?
        .query_row([fold_id(id)], |row| row.get(0))?;
    Ok(known)
}

fn named(view: &Connection, called: &Called<'_>, limit: usize, found: &mut Vec<Meant>) -> Result<()> {
    let (which, values) = subjects(called);
    let mut statement = view.prepare_cached(&format!(
        "WITH {which} SELECT DISTINCT s.company, s.spelt FROM found f
           JOIN subject s ON s.id = f.subject AND s.class = 0 ORDER BY 1, 2 LIMIT {limit}"
    ))?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        Ok(Meant {
            company: Some(CompanyId(row.get(0)?)),
            id: row.get(1)?,
        })
    })?;
    for one in rows {
        found.push(one?);
    }
    Ok(())
}

/// How far two folded texts are apart: 0 when one is a part of the other; nothing when they are not alike.
fn distance(wanted: &str, other: &str) -> Option<usize> {
    let (wanted_length, length) = (wanted.chars().count(), other.chars().count());
    if wanted_length < 2 || length == 0 {
        return (wanted_length == 1 && other.starts_with(wanted)).then_some(0);
    }
    if other.contains(wanted) || (length > 1 && wanted.contains(other)) {
        return Some(0);
    }
    let most = if wanted_length < 5 { 1 } else { 2 };
    if wanted_length.abs_diff(length) > most {
        return None;
    }
    Some(strsim::damerau_levenshtein(wanted, other)).filter(|distance| *distance <= most)
}
