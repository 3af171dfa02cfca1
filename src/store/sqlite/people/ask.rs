//! Questions by name: a name becomes people or rooms, each with the company whose directory calls them so, and those
//! become terms of the index.
//!
//! Names count whenever they were borne. The same id may be somebody else in another company, so a person found by name
//! counts in that company's messages only.

use std::collections::BTreeMap;

use rusqlite::{Connection, ToSql};

use super::super::index::{Expr, Kind, Trait, term, trait_term};
use crate::{
    message::fold_id,
    people::Aspect,
    store::Result,
    words::{self, Alike},
};

/// What people are called, by which name searches find them.
const NAMES: [Aspect; 4] = [Aspect::Name, Aspect::Alias, Aspect::Remark, Aspect::NameInRoom];

/// How a person is named.
pub(in crate::store::sqlite) enum Called<'a> {
    /// Exactly so.
    Exactly(&'a str),
    /// Called so, with this id (as people are compared).
    Labelled(&'a str, &'a str),
    /// With this in a name.
    Containing(&'a str),
    /// Exactly one of these, which are folded.
    OneOf(&'a [String]),
    /// Carries this tag.
    Tagged(&'a str),
    /// Is in this department or one below it.
    In(&'a str),
}

/// Whose message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Part {
    /// The sender's.
    Sender,
    /// Anybody's in it.
    Anybody,
}

/// Takes `张三(zhangsan)` apart, the form people are shown in, also with a mark behind the name or what they are called now
/// behind the id. The id is folded.
pub(in crate::store::sqlite) fn label(text: &str) -> Option<(&str, String)> {
    let open = text.rfind(['(', '（'])?;
    let (name, rest) = text.split_at(open);
    let inside = rest.strip_prefix(['(', '（'])?.strip_suffix([')', '）'])?;
    let id = inside.split([';', '；']).next()?.trim();
    let name = name.trim().trim_end_matches('*');
    (!id.is_empty() && !name.is_empty()).then(|| (name, fold_id(id).into_owned()))
}

/// Messages of the people called so. Nobody is called so: none.
pub(in crate::store::sqlite) fn people(conn: &Connection, called: &Called<'_>, part: Part) -> Result<Expr> {
    let (which, values) = subjects(called);
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let (join, column, kind) = match part {
        Part::Sender => ("", "p.id", Kind::Sender),
        Part::Anybody => (
            "JOIN audience_member m ON m.person = p.id",
            "m.audience",
            Kind::Audience,
        ),
    };
    let sql = format!(
        "WITH {which} SELECT DISTINCT s.company, {column} FROM found f
           JOIN subject s ON s.id = f.subject AND s.class = 0
           JOIN person p ON p.key = s.key {join} ORDER BY 1, 2"
    );
    by_company(conn, &sql, &values, kind)
}

/// The people called so, as company and row of the person, as far as they are in any message.
pub(in crate::store::sqlite) fn persons(conn: &Connection, called: &Called<'_>) -> Result<Vec<(i64, i64)>> {
    let (which, values) = subjects(called);
    let mut statement = conn.prepare_cached(&format!(
        "WITH {which} SELECT DISTINCT s.company, p.id FROM found f
           JOIN subject s ON s.id = f.subject AND s.class = 0 JOIN person p ON p.key = s.key ORDER BY 1, 2"
    ))?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Messages in rooms with this in a name.
pub(in crate::store::sqlite) fn rooms(conn: &Connection, name: &str) -> Result<Expr> {
    let folded = words::fold(name);
    if folded.is_empty() {
        return Ok(Expr::none());
    }
    // The order of the tables is ours to say: names first, because they are read in one row of pages.
    let sql = "SELECT DISTINCT s.company, c.id FROM known k INDEXED BY known_folded
           CROSS JOIN subject s ON s.id = k.subject AND s.class = 1
           CROSS JOIN chat c ON c.kind = 1 AND c.key = s.key AND c.company = s.company
         WHERE k.folded IS NOT NULL AND instr(k.folded, ?1) ORDER BY 1, 2";
    by_company(conn, sql, &[&folded], Kind::Chat)
}

/// Messages in rooms with something alike in a name.
pub(in crate::store::sqlite) fn rooms_alike(conn: &Connection, alike: Alike, name: &str) -> Result<Expr> {
    let names = names_alike(conn, alike, name, false)?;
    let sql = "SELECT DISTINCT s.company, c.id FROM known k
           CROSS JOIN subject s ON s.id = k.subject AND s.class = 1
           CROSS JOIN chat c ON c.kind = 1 AND c.key = s.key AND c.company = s.company
         WHERE k.folded IN (SELECT value FROM json_each(?1)) AND k.folded <> '' ORDER BY 1, 2";
    by_company(conn, sql, &[&json(&names)], Kind::Chat)
}

/// The folded names, of whatever, that are alike as a whole or in a part. Reads every name there is.
pub(in crate::store::sqlite) fn names_alike(
    conn: &Connection,
    alike: Alike,
    name: &str,
    whole: bool,
) -> Result<Vec<String>> {
    let rows = words::Rows::of_name(alike, name);
    let mut names = Vec::new();
    if rows.is_empty() {
        return Ok(names);
    }
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT folded FROM known INDEXED BY known_folded WHERE folded IS NOT NULL ORDER BY folded",
    )?;
    let mut known = statement.query([])?;
    while let Some(row) = known.next()? {
        let folded = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if (whole && rows.are(folded)) || (!whole && rows.are_in(folded)) {
            names.push(folded.to_owned());
        }
    }
    Ok(names)
}

fn json(names: &[String]) -> String {
    serde_json::Value::from(names).to_string()
}

/// A table `found (subject)` and what it is asked with.
pub(super) fn subjects(called: &Called<'_>) -> (String, Vec<String>) {
    let list = |aspects: &[Aspect]| {
        let numbers: Vec<String> = aspects.iter().map(|aspect| aspect.number().to_string()).collect();
        numbers.join(", ")
    };
    match called {
        Called::Exactly(name) => (
            format!(
                "found (subject) AS (SELECT subject FROM known
                   WHERE folded = ?1 AND folded <> '' AND aspect IN ({}))",
                list(&NAMES)
            ),
            vec![words::fold(name)],
        ),
        Called::Labelled(name, id) => (
            format!(
                "found (subject) AS (SELECT k.subject FROM known k JOIN subject o ON o.id = k.subject
                   WHERE k.folded = ?1 AND k.folded <> '' AND o.key = ?2 AND k.aspect IN ({}))",
                list(&NAMES)
            ),
            vec![words::fold(name), (*id).to_owned()],
        ),
        Called::Containing(part) => (
            format!(
                "found (subject) AS (SELECT DISTINCT subject FROM known INDEXED BY known_folded
                   WHERE folded IS NOT NULL AND ?1 <> '' AND instr(folded, ?1) AND aspect IN ({}))",
                list(&NAMES)
            ),
            vec![words::fold(part)],
        ),
        Called::OneOf(names) => (
            format!(
                "found (subject) AS (SELECT DISTINCT subject FROM known
                   WHERE folded IN (SELECT value FROM json_each(?1)) AND folded <> '' AND aspect IN ({}))",
                list(&NAMES)
            ),
            vec![json(names)],
        ),
        // Company tags by id in `tag/follower`, a follower's own by its name, tags of members also through departments.
        Called::Tagged(tag) => (
            format!(
                "RECURSIVE tag (company, class, key) AS (
                   SELECT s.company, s.class, s.key FROM company c
                     CROSS JOIN subject s ON s.company = c.id AND s.class IN (3, 4) AND s.key = ?2
                   UNION SELECT s.company, s.class, s.key FROM known k JOIN subject s ON s.id = k.subject
                     WHERE k.folded = ?1 AND k.aspect = {name} AND s.class IN (3, 4)),
                 within (company, key) AS (
                   SELECT s.company, s.key FROM tag t JOIN known k ON k.aspect = {member} AND k.item = t.key
                     JOIN subject s ON s.id = k.subject AND s.company = t.company AND s.class = 2 WHERE t.class = 3
                   {below}),
                 found (subject) AS (
                   SELECT k.subject FROM tag t
                     JOIN known k ON k.aspect = {customer} AND k.item >= t.key || '/' AND k.item < t.key || '0'
                     JOIN subject s ON s.id = k.subject AND s.company = t.company WHERE t.class = 4
                   UNION SELECT k.subject FROM tag t JOIN known k ON k.aspect = {member} AND k.item = t.key
                     JOIN subject s ON s.id = k.subject AND s.company = t.company WHERE t.class = 3
                   UNION SELECT subject FROM known WHERE folded = ?1 AND folded <> '' AND aspect = {own}
                   UNION {inside})",
                name = Aspect::Name.number(),
                member = Aspect::MemberTag.number(),
                customer = Aspect::CustomerTag.number(),
                own = Aspect::OwnTag.number(),
                below = below(),
                inside = inside(),
            ),
            vec![words::fold(tag), (*tag).to_owned()],
        ),
        Called::In(department) => (
            format!(
                "RECURSIVE within (company, key) AS (
                   SELECT s.company, s.key FROM company c
                     CROSS JOIN subject s ON s.company = c.id AND s.class = 2 AND s.key = ?2
                   UNION SELECT s.company, s.key FROM known k JOIN subject s ON s.id = k.subject
                     WHERE k.folded = ?1 AND k.folded <> '' AND k.aspect = {name} AND s.class = 2
                   {below}),
                 found (subject) AS ({inside})",
                name = Aspect::Name.number(),
                below = below(),
                inside = inside(),
            ),
            vec![words::fold(department), (*department).to_owned()],
        ),
    }
}

/// The rest of `within`: every department that was ever below one of it.
fn below() -> String {
    format!(
        "UNION SELECT s.company, s.key FROM within w
           JOIN known k ON k.aspect = {parent} AND k.item = '' AND k.value = w.key
           JOIN subject s ON s.id = k.subject AND s.company = w.company AND s.class = 2",
        parent = Aspect::Parent.number()
    )
}

/// Everybody who was ever in a department of `within`.
fn inside() -> String {
    format!(
        "SELECT k.subject FROM within w JOIN known k ON k.aspect = {department} AND k.item = w.key
           JOIN subject s ON s.id = k.subject AND s.company = w.company AND s.class = 0",
        department = Aspect::Department.number()
    )
}

fn by_company(conn: &Connection, sql: &str, values: &[&dyn ToSql], kind: Kind) -> Result<Expr> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found
            .entry(row.get(0)?)
            .or_default()
            .push(term(kind, row.get(1)?));
    }
    let mut parts: Vec<Expr> = found
        .into_iter()
        .map(|(company, terms)| {
            Expr::And(vec![
                Expr::Any(terms),
                Expr::Any(vec![trait_term(Trait::Company, company)]),
            ])
        })
        .collect();
    Ok(match parts.len() {
        0 => Expr::none(),
        1 => parts.remove(0),
        _ => Expr::Or(parts),
    })
}
