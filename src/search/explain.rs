//! Why an answer is as it is: who was meant, what nobody is called, and what each condition costs. Every number is an
//! exact count.

use std::cmp::Reverse;

use crate::{
    message::fold_id,
    store::{
        Reader, Result,
        contract::{
            Called, Filter, Role,
            ask::{Among, Meant, Similar},
        },
    },
    words::{self, Alike},
};

use super::understood::Understood;

/// More of one name are not counted one by one.
const MOST: usize = 50;
/// Near ones named, of those considered.
const NEAR: usize = 8;
const CONSIDERED: usize = 60;
/// More conditions are not explained.
const MOST_CONDITIONS: usize = 12;

/// Everybody that one condition means.
#[derive(Debug, Clone)]
pub struct Who {
    /// What was asked: a name or an id.
    pub asked: String,
    /// In which part.
    pub role: Role,
    /// Each with the hits that are theirs, most first.
    pub found: Vec<(Meant, u64)>,
    /// True when there are more than could be listed.
    pub more: bool,
}

/// A name or value that nothing has.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// The key, canonical.
    pub key: &'static str,
    /// What was asked.
    pub asked: String,
    /// What is nearly called so.
    pub near: Vec<Similar>,
    /// All there is, where that is a short list, most used first.
    pub exist: Vec<String>,
    /// Hits of `name:` with the same text, where a whole name was asked and a part of one was given.
    pub as_part: u64,
}

/// What a condition does to the answer.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Canonical.
    pub condition: String,
    /// Hits of it alone.
    pub alone: u64,
    /// Hits of all others together, without it; none when it is the only one.
    pub without: Option<u64>,
}

/// Who is meant by each `from:`, `to:` and `with:`.
pub fn who(reader: &Reader, filter: &Filter) -> Result<Vec<Who>> {
    let mut all = Vec::new();
    let leaves = leaves(filter);
    for leaf in &leaves {
        if stands_beside(leaf, &leaves) {
            continue;
        }
        let (role, asked, mut meant) = match leaf {
            Filter::From(asked) => (Role::Sender, asked.clone(), reader.meant(asked, MOST + 1)?),
            Filter::To(asked) => (Role::Receiver, asked.clone(), reader.meant(asked, MOST + 1)?),
            Filter::With(asked) => (Role::Either, asked.clone(), reader.meant(asked, MOST + 1)?),
            Filter::CalledAlike {
                called: Called::Whole(role),
                alike,
                name,
            } => (
                *role,
                as_asked(*alike, name),
                reader.meant_alike(*alike, name, MOST + 1)?,
            ),
            _ => continue,
        };
        let more = meant.len() > MOST;
        meant.truncate(MOST);
        let mut found = Vec::with_capacity(meant.len());
        for one in meant {
            let mut parts = vec![filter.clone(), Filter::Id(role, one.id.clone())];
            parts.extend(one.company.map(Filter::Company));
            let count = reader.count(&Filter::And(parts))?;
            found.push((one, count));
        }
        found.sort_by(|(a, left), (b, right)| {
            right.cmp(left).then_with(|| fold_id(&a.id).cmp(&fold_id(&b.id)))
        });
        all.push(Who {
            asked,
            role,
            found,
            more,
        });
    }
    Ok(all)
}

/// Names and values that nothing has.
pub fn unknown(reader: &Reader, filter: &Filter) -> Result<Vec<Unknown>> {
    let mut all = Vec::new();
    let leaves = leaves(filter);
    for leaf in leaves.iter().copied() {
        if stands_beside(leaf, &leaves) {
            continue;
        }
        if let Filter::CalledAlike { called, alike, name } = leaf {
            let (key, among, known) = match called {
                Called::Whole(role) => (
                    key_of(*role),
                    Among::People,
                    !reader.meant_alike(*alike, name, 1)?.is_empty(),
                ),
                Called::Part => ("name", Among::People, reader.count(leaf)? > 0),
                Called::Room => ("room", Among::Rooms, reader.count(leaf)? > 0),
            };
            if !known {
                let near = match alike {
                    Alike::Variants => nearest(reader, among, name)?,
                    Alike::Pinyin => Vec::new(),
                };
                all.push(Unknown {
                    key,
                    asked: as_asked(*alike, name),
                    near,
                    exist: Vec::new(),
                    as_part: 0,
                });
            }
            continue;
        }
        let (key, asked, among) = match leaf {
            Filter::From(asked) => ("from", asked, Some(Among::People)),
            Filter::To(asked) => ("to", asked, Some(Among::People)),
            Filter::With(asked) => ("with", asked, Some(Among::People)),
            Filter::Id(Role::Sender, asked) => ("from", asked, Some(Among::People)),
            Filter::Id(Role::Receiver, asked) => ("to", asked, Some(Among::People)),
            Filter::Id(Role::Either, asked) => ("with", asked, Some(Among::People)),
            Filter::Name(asked) => ("name", asked, Some(Among::People)),
            Filter::Room(asked) => ("room", asked, Some(Among::Rooms)),
            Filter::Department(asked) => ("department", asked, Some(Among::Departments)),
            Filter::Tag(asked) => ("tag", asked, Some(Among::Tags)),
            Filter::Type(asked) => ("type", asked, None),
            Filter::CompanyNamed(asked) => ("company", asked, None),
            _ => continue,
        };
        let known = match leaf {
            Filter::From(asked) | Filter::To(asked) | Filter::With(asked) => {
                !reader.meant(asked, 1)?.is_empty()
            }
            Filter::Id(_, id) => reader.is_somebody(id)?,
            _ => reader.count(leaf)? > 0,
        };
        if known {
            continue;
        }
        let near = match among {
            Some(among) => nearest(reader, among, asked)?,
            None => Vec::new(),
        };
        let exist = match key {
            "type" => reader.types()?,
            "company" => reader.company_names()?,
            _ => Vec::new(),
        };
        let as_part = match leaf {
            Filter::From(_) | Filter::To(_) | Filter::With(_) => {
                reader.count(&Filter::Name(asked.clone()))?
            }
            _ => 0,
        };
        all.push(Unknown {
            key,
            asked: asked.clone(),
            near,
            exist,
            as_part,
        });
    }
    Ok(all)
}

/// The key behind which somebody stands in this part.
fn key_of(role: Role) -> &'static str {
    match role {
        Role::Sender => "from",
        Role::Receiver => "to",
        Role::Either => "with",
    }
}

/// As it stands behind a key of names.
fn as_asked(alike: Alike, name: &str) -> String {
    format!("{}:{name}", alike.as_str())
}

/// How many hits there are only because something is alike; `None` when nothing of it was asked.
pub fn not_as_written(reader: &Reader, filter: &Filter) -> Result<Option<u64>> {
    let Some(written) = filter.as_written() else {
        return Ok(None);
    };
    let others = Filter::And(vec![filter.clone(), Filter::Not(Box::new(written))]);
    reader.count(&others).map(Some)
}

/// True for a name that is asked as it is written and as it may be written besides: what is to be told is told of the latter.
fn stands_beside(leaf: &Filter, leaves: &[&Filter]) -> bool {
    let alike = |other: &&Filter| matches!(other, Filter::CalledAlike { .. });
    leaves
        .iter()
        .filter(|other| alike(other))
        .any(|other| other.as_written().as_ref() == Some(leaf))
}

/// Those nearly called so, nearest first; of people equally near, those who wrote most, because they are asked about most.
fn nearest(reader: &Reader, among: Among, asked: &str) -> Result<Vec<Similar>> {
    let mut similar = reader.similar(among, asked, CONSIDERED)?;
    if among == Among::People {
        let wanted = words::fold(asked);
        let mut ranked = Vec::with_capacity(similar.len());
        for one in similar {
            let called = words::fold(if one.name.is_empty() { &one.id } else { &one.name });
            let distance = if called.contains(&wanted) {
                0
            } else {
                strsim::damerau_levenshtein(&wanted, &called)
            };
            let wrote = reader.count(&Filter::Id(Role::Sender, one.id.clone()))?;
            ranked.push((distance, Reverse(wrote), one));
        }
        // Stable: the rest stays in the order of the store.
        ranked.sort_by_key(|(distance, wrote, _)| (*distance, *wrote));
        similar = ranked.into_iter().map(|(_, _, one)| one).collect();
    }
    similar.truncate(NEAR);
    Ok(similar)
}

/// What each condition finds alone, and what the others find without it. Nothing for a query of very many conditions.
pub fn effects(reader: &Reader, understood: &Understood) -> Result<Vec<Effect>> {
    let conditions = &understood.conditions;
    if conditions.len() > MOST_CONDITIONS {
        return Ok(Vec::new());
    }
    let mut effects = Vec::with_capacity(conditions.len());
    for (at, condition) in conditions.iter().enumerate() {
        let others: Vec<Filter> = conditions
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, other)| other.filter.clone())
            .collect();
        let without = if others.is_empty() {
            None
        } else {
            Some(reader.count(&Filter::And(others))?)
        };
        effects.push(Effect {
            condition: condition.written.clone(),
            alone: reader.count(&condition.filter)?,
            without,
        });
    }
    Ok(effects)
}

/// The conditions of a filter, each once, in the order of the question.
fn leaves(filter: &Filter) -> Vec<&Filter> {
    fn collect<'f>(filter: &'f Filter, found: &mut Vec<&'f Filter>) {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| collect(part, found)),
            Filter::Not(part) => collect(part, found),
            leaf if !found.contains(&leaf) => found.push(leaf),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(filter, &mut found);
    found
}
