//! Counts of a question by something, through the index alone: memory is bounded by the groups, not by the hits.

use std::collections::{BTreeMap, HashMap};

use jiff::{civil::Date, tz::TimeZone};
use rusqlite::Connection;

use super::{
    Reader,
    index::{Asker, Expr, Kind, Trait, term, trait_term},
    search::expression,
    stats::{self, Calendar, by_chat, named},
};
use crate::store::{
    Result,
    contract::{
        Filter, Tally,
        ask::{CountBy, Counted},
    },
};

impl Reader {
    /// Counts what a filter is true for. Days, months and hours are those of `zone`.
    pub fn count_by(&self, filter: &Filter, by: CountBy, zone: &TimeZone) -> Result<Counted> {
        let view = self.view()?;
        let expr = expression(&view, filter)?;
        let lines = lines(&view, &expr, by, zone)?;
        Ok(Counted {
            total: lines.iter().map(|line| line.count).sum(),
            lines,
            coverage: stats::coverage(&view)?,
        })
    }
}

fn lines(view: &Connection, expr: &Expr, by: CountBy, zone: &TimeZone) -> Result<Vec<Tally>> {
    let asker = Asker::new(view)?;
    let whole = |kind| asker.tally_of(expr, (term(kind, 0), term(kind, (1 << 52) - 1)));
    let class = |class| asker.tally_of(expr, (trait_term(class, 0), trait_term(class, (1 << 44) - 1)));
    let names = |counts: HashMap<i64, u64>, sql| named(view, counts, sql, |row| row.get(0));
    match by {
        CountBy::Person => names(whole(Kind::Sender)?, "SELECT key FROM person WHERE id = ?"),
        CountBy::Type => names(class(Trait::Type)?, "SELECT text FROM word WHERE id = ?"),
        CountBy::Company => names(class(Trait::Company)?, "SELECT name FROM company WHERE id = ?"),
        CountBy::Chat => by_chat(view, whole(Kind::Chat)?),
        CountBy::Day => by_time(&asker, expr, zone, |date, _| date.to_string()),
        CountBy::Month => by_time(&asker, expr, zone, |date, _| date.strftime("%Y-%m").to_string()),
        CountBy::Hour => by_time(&asker, expr, zone, |_, hour| format!("{hour:02}")),
    }
}

fn by_time(
    asker: &Asker<'_>,
    expr: &Expr,
    zone: &TimeZone,
    key: impl Fn(Date, i64) -> String,
) -> Result<Vec<Tally>> {
    let mut counts: BTreeMap<(Date, i64), u64> = BTreeMap::new();
    let mut undated = 0;
    let mut calendar = Calendar::new(zone);
    asker.each(expr, |_, _, entry| match calendar.hour_of(entry.time) {
        Some(hour) => *counts.entry(hour).or_default() += 1,
        None => undated += 1,
    })?;
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for ((date, hour), count) in counts {
        *lines.entry(key(date, hour)).or_default() += count;
    }
    let tally = |(key, count)| Tally {
        key,
        chat: None,
        count,
    };
    let undated = (undated > 0).then(|| (String::new(), undated));
    Ok(lines.into_iter().chain(undated).map(tally).collect())
}
