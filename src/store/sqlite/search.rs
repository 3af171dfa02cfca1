//! Questions: a [`Filter`] becomes SQL with every value bound, and one `MATCH` for all its texts where possible.
//!
//! A text becomes index terms of which no character means anything to the query syntax of FTS5
//! (`words::cut`), so a needle cannot break out. Every column that is compared is NOT NULL, so that "not" is
//! exact. Paging is by key: (time, seq, row) of the last row shown, in whatever order, so rows that arrive
//! meanwhile neither repeat nor hide others.

use rusqlite::{Connection, ToSql, types::Value};

use super::{
    Reader,
    codes::{HAS_FILE, HAS_LINK, HAS_MEDIA, SENDER_RECEIVES, seq_in},
    read::load_all,
    stats,
};
use crate::{
    ids::Seq,
    message::{Place, fold_id},
    store::{
        Result, StoreError,
        contract::{Filter, Hit, Order, Page, PageKey},
    },
    words::{self, Ask},
};

/// The engine bounds the depth of an expression; these keep well below it.
const MAX_PARTS: usize = 400;
const MAX_DEPTH: usize = 80;
/// Levels in one query of the text index, whose parser has a stack of its own. What is deeper is asked apart.
const MAX_LEVELS: usize = 10;

impl Reader {
    /// The messages a filter is true for, one page of them.
    pub fn find(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<PageKey>,
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let view = self.view()?;
        find(&view, &Question::new(filter)?, order, after, limit)
    }

    /// How many messages a filter is true for.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        count(&self.conn, &Question::new(filter)?)
    }

    /// A page, the exact total and the coverage, all of one moment.
    pub fn page(&self, filter: &Filter, order: Order, after: Option<PageKey>, limit: usize) -> Result<Page> {
        let question = Question::new(filter)?;
        let view = self.view()?;
        let mut hits = find(&view, &question, order, after, limit.saturating_add(1))?;
        let more = hits.len() > limit;
        hits.truncate(limit);
        let next = hits.last().filter(|_| more).map(Hit::page_key);
        Ok(Page {
            hits,
            next,
            total: count(&view, &question)?,
            coverage: stats::coverage(&view)?,
        })
    }
}

/// The condition "stands behind the key", with `:time` and `:id` to bind when there is one, and the SQL word
/// for the order.
pub(super) fn behind(order: Order, keyed: bool) -> (&'static str, &'static str) {
    const LESS: &str =
        "(m.time, m.seq, m.record) < (:time, (SELECT seq FROM message WHERE record = :id), :id)";
    const GREATER: &str =
        "(m.time, m.seq, m.record) > (:time, (SELECT seq FROM message WHERE record = :id), :id)";
    match (order, keyed) {
        (Order::NewestFirst, true) => (LESS, "DESC"),
        (Order::NewestFirst, false) => ("1", "DESC"),
        (Order::OldestFirst, true) => (GREATER, "ASC"),
        (Order::OldestFirst, false) => ("1", "ASC"),
    }
}

fn find(
    conn: &Connection,
    question: &Question,
    order: Order,
    after: Option<PageKey>,
    limit: usize,
) -> Result<Vec<Hit>> {
    let (behind, direction) = behind(order, after.is_some());
    let mut statement = conn.prepare_cached(&format!(
        "SELECT m.record FROM message m WHERE ({}) AND {behind}
         ORDER BY m.time {direction}, m.seq {direction}, m.record {direction} LIMIT :limit",
        question.sql
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values = question.named();
    values.push((":limit", &limit));
    if let Some(key) = &after {
        values.push((":time", &key.time));
        values.push((":id", &key.id.0));
    }
    let ids = statement
        .query_map(&values[..], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    load_all(conn, &ids)
}

fn count(conn: &Connection, question: &Question) -> Result<u64> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT count(*) FROM message m WHERE {}", question.sql))?;
    let count: i64 = statement.query_row(&question.named()[..], |row| row.get(0))?;
    Ok(count as u64)
}

/// A filter in the engine's language: a condition on `message m`, and the values it is waiting for.
struct Question {
    sql: String,
    values: Vec<(String, Value)>,
}

impl Question {
    fn new(filter: &Filter) -> Result<Self> {
        let mut parts = 0;
        measure(filter, 1, &mut parts)?;
        let mut question = Self {
            sql: String::new(),
            values: Vec::new(),
        };
        question.sql = question.condition(filter);
        Ok(question)
    }

    fn named(&self) -> Vec<(&str, &dyn ToSql)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value as &dyn ToSql))
            .collect()
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.push((name.clone(), value.into()));
        name
    }

    fn condition(&mut self, filter: &Filter) -> String {
        if let Some(query) = text_query(filter, MAX_LEVELS) {
            return self.matching(query);
        }
        match filter {
            Filter::All => "1".into(),
            Filter::And(parts) => {
                let (texts, rest): (Vec<_>, Vec<_>) = parts.iter().partition(|part| is_text(part));
                // Texts that must be absent join those that must be there; without any of those, they stand alone.
                let (absent, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|part| {
                    !texts.is_empty() && matches!(part, Filter::Not(inner) if is_text(inner))
                });
                let merged: Vec<Filter> = texts.into_iter().chain(absent).cloned().collect();
                self.all_of(merged, rest, " AND ", Filter::And, "1")
            }
            Filter::Or(parts) => {
                let (texts, rest): (Vec<_>, Vec<_>) = parts.iter().partition(|part| is_text(part));
                self.all_of(
                    texts.into_iter().cloned().collect(),
                    rest,
                    " OR ",
                    Filter::Or,
                    "0",
                )
            }
            Filter::Not(part) => format!("NOT ({})", self.condition(part)),
            // Only an empty needle has no query; it was refused by `measure`.
            Filter::Text { .. } => "0".into(),
            Filter::From(id) => {
                let id = self.bind(fold_id(id).into_owned());
                format!("m.sender IN (SELECT id FROM person WHERE key = {id})")
            }
            Filter::To(id) => {
                let id = self.bind(fold_id(id).into_owned());
                format!(
                    "({} AND (m.flags & {SENDER_RECEIVES} OR m.sender NOT IN (SELECT id FROM person WHERE key = {id})))",
                    in_audience(&id)
                )
            }
            Filter::With(id) => {
                let id = self.bind(fold_id(id).into_owned());
                in_audience(&id)
            }
            Filter::Room(id) => {
                let id = self.bind(id.clone());
                format!("m.chat IN (SELECT id FROM chat WHERE kind = 1 AND key = {id})")
            }
            Filter::Type(name) => {
                let name = self.bind(name.clone());
                format!("m.type IN (SELECT id FROM word WHERE text = {name} COLLATE NOCASE)")
            }
            Filter::Recalled { within_ms } => {
                let within = within_ms.map(|within| self.bind(within));
                recalled(within.as_deref())
            }
            Filter::External => "m.scope <> 0".into(),
            Filter::Internal => "m.scope = 0".into(),
            Filter::Group => "m.chat IN (SELECT id FROM chat WHERE kind = 1)".into(),
            Filter::Single => "m.chat NOT IN (SELECT id FROM chat WHERE kind = 1)".into(),
            Filter::Time { from, to } => {
                let mut sql = "(m.time <> 0".to_owned();
                if let Some(from) = from {
                    sql += &format!(" AND m.time >= {}", self.bind(from.0));
                }
                if let Some(to) = to {
                    sql += &format!(" AND m.time < {}", self.bind(to.0));
                }
                sql + ")"
            }
            Filter::HasMedia => format!("m.flags & {HAS_MEDIA} <> 0"),
            Filter::HasFile => format!("m.flags & {HAS_FILE} <> 0"),
            Filter::HasLink => format!("m.flags & {HAS_LINK} <> 0"),
            Filter::Seq(first, last) => self.seq_range(*first, *last),
            Filter::Msgid(msgid) => {
                let msgid = self.bind(msgid.clone());
                format!(
                    "m.record IN (SELECT id FROM record WHERE msgid = {msgid}
                       UNION ALL SELECT record FROM message WHERE msgid = {msgid})"
                )
            }
            Filter::Company(company) => {
                let company = self.bind(company.0);
                format!("m.company = {company}")
            }
        }
    }

    /// Joins the parts, those about text as one part. `merged` is not the whole of the filter, so this ends.
    fn all_of(
        &mut self,
        merged: Vec<Filter>,
        rest: Vec<&Filter>,
        word: &str,
        join: fn(Vec<Filter>) -> Filter,
        none: &str,
    ) -> String {
        let mut conditions = Vec::new();
        if !merged.is_empty()
            && let Some(query) = text_query(&join(merged), MAX_LEVELS)
        {
            conditions.push(self.matching(query));
        }
        conditions.extend(rest.into_iter().map(|part| self.condition(part)));
        if conditions.is_empty() {
            none.into()
        } else {
            format!("({})", conditions.join(word))
        }
    }

    fn matching(&mut self, query: String) -> String {
        let query = self.bind(query);
        format!("m.record IN (SELECT rowid FROM text_index WHERE text_index MATCH {query})")
    }

    /// Seqs from 2^63 on are negative in the column, so a range across that border is two ranges.
    fn seq_range(&mut self, first: Seq, last: Seq) -> String {
        if first > last {
            return "0".into();
        }
        let (low, high) = (seq_in(first), seq_in(last));
        let word = if low <= high { "AND" } else { "OR" };
        let (low, high) = (self.bind(low), self.bind(high));
        format!("(m.seq >= {low} {word} m.seq <= {high})")
    }
}

fn in_audience(id: &str) -> String {
    format!(
        "m.audience IN (SELECT audience FROM audience_member WHERE person IN (SELECT id FROM person WHERE key = {id}))"
    )
}

/// Driven by the recalls, which are few: each names an outer or an inner msgid.
fn recalled(within: Option<&str>) -> String {
    let bound = within.map_or(String::new(), |within| {
        format!(" AND o.time <> 0 AND rm.time <> 0 AND abs(rm.time - o.time) <= {within}")
    });
    format!(
        "m.record IN (
           SELECT o.record FROM recall rc JOIN message rm ON rm.record = rc.record
             JOIN record t ON t.msgid = rc.pre_msgid AND t.company = rc.company
             JOIN message o ON o.record = t.id WHERE o.record <> rc.record{bound}
           UNION ALL
           SELECT o.record FROM recall rc JOIN message rm ON rm.record = rc.record
             JOIN message o ON o.msgid = rc.pre_msgid AND o.company = rc.company
             WHERE o.record <> rc.record{bound})"
    )
}

/// True when the filter can be part of one query of the text index.
fn is_text(filter: &Filter) -> bool {
    text_query(filter, MAX_LEVELS - 1).is_some()
}

/// The filter as a query of the text index, when it is about nothing but text, asks for some of it, and has no
/// more than so many levels.
fn text_query(filter: &Filter, levels: usize) -> Option<String> {
    let deeper = |part| text_query(part, levels.checked_sub(1)?);
    match filter {
        Filter::Text { needle, places } => {
            let terms = match words::ask(needle)? {
                Ask::Begins(term) => format!("\"{term}\" *"),
                Ask::Row(terms) => format!("\"{terms}\""),
            };
            Some(if places.is_empty() {
                terms
            } else {
                format!("{{{}}} : {terms}", columns(places))
            })
        }
        Filter::Or(parts) if !parts.is_empty() => {
            let parts = parts.iter().map(deeper).collect::<Option<Vec<_>>>()?;
            Some(format!("({})", parts.join(" OR ")))
        }
        Filter::And(parts) => {
            let (mut present, mut absent) = (Vec::new(), Vec::new());
            for part in parts {
                match part {
                    Filter::Not(inner) => absent.push(deeper(inner)?),
                    part => present.push(deeper(part)?),
                }
            }
            match (present.is_empty(), absent.is_empty()) {
                (true, _) => None,
                (false, true) => Some(format!("({})", present.join(" AND "))),
                (false, false) => Some(format!(
                    "(({}) NOT ({}))",
                    present.join(" AND "),
                    absent.join(" OR ")
                )),
            }
        }
        _ => None,
    }
}

/// The columns of the text index are called as its places are.
fn columns(places: &[Place]) -> String {
    let names = Place::ALL
        .into_iter()
        .filter(|place| places.contains(place))
        .map(Place::as_str);
    names.collect::<Vec<_>>().join(" ")
}

fn measure(filter: &Filter, depth: usize, parts: &mut usize) -> Result<()> {
    *parts += 1;
    if *parts > MAX_PARTS || depth > MAX_DEPTH {
        return Err(StoreError::Question(format!(
            "it has more than {MAX_PARTS} parts or more than {MAX_DEPTH} levels; ask in several steps"
        )));
    }
    match filter {
        Filter::And(inner) | Filter::Or(inner) => inner.iter().try_for_each(|f| measure(f, depth + 1, parts)),
        Filter::Not(inner) => measure(inner, depth + 1, parts),
        Filter::Text { needle, .. } if needle.is_empty() => Err(StoreError::Question(
            "it looks for an empty text, which is everywhere".into(),
        )),
        _ => Ok(()),
    }
}
