//! Questions: a [`Filter`] becomes an expression over the terms of the index, which answers it alone.
//!
//! Names become rows first (people, rooms, types); what names a msgid is looked up as candidates and compared, because
//! the index keeps hashes of those. Paging is by key: (time, seq, row) of the last row shown, in whatever order,
//! so rows that arrive meanwhile neither repeat nor hide others.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Params};

use super::{
    Reader,
    codes::{HAS_FILE, HAS_LINK, HAS_MEDIA, SENDER_RECEIVES, patterns_in, scope_in, seq_in, seq_out},
    consent,
    guard::Checked,
    index::{Asker, Entry, Expr, Kind, Trait, hash, term, trait_term},
    media,
    pack::Unpacker,
    people::{
        self,
        ask::{Called, Part, people as called},
    },
    row, stats,
};
use crate::{
    ids::{RecordId, Seq},
    message::{Places, Scope, fold_id, is_external, is_robot, kind::same_spelling},
    store::{
        Result, StoreError,
        contract::{Called as Named, Damage, Filter, Hit, Order, Page, PageKey, Role, Sayer},
    },
    words,
};

/// Bytes of bodies on a page; whoever shows it has each of them several times.
pub(super) const PAGE_BYTES: usize = 16 << 20;
/// No honest question has more; a question with so many still costs no more than its parts.
const MAX_PARTS: usize = 400;
const MAX_DEPTH: usize = 80;

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
        let expr = expression(&view, filter)?;
        Ok(self.found(&view, &expr, order, after, limit, usize::MAX)?.0)
    }

    /// How many messages a filter is true for.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let view = self.view()?;
        let expr = expression(&view, filter)?;
        Asker::new(&view)?.count(&expr)
    }

    /// A page, the exact total and the coverage, all of one moment. Long messages make it shorter than `limit`; `next` says
    /// whether there are more.
    pub fn page(&self, filter: &Filter, order: Order, after: Option<PageKey>, limit: usize) -> Result<Page> {
        let view = self.view()?;
        let expr = expression(&view, filter)?;
        let asked = limit.saturating_add(1);
        let (mut hits, left) = self.found(&view, &expr, order, after, asked, PAGE_BYTES)?;
        let more = left > 0 || hits.len() > limit;
        hits.truncate(limit);
        let next = hits.last().filter(|_| more).map(Hit::page_key);
        let only_alike = only_alike(&view, filter, &hits)?;
        Ok(Page {
            hits,
            next,
            only_alike,
            total: Asker::new(&view)?.count(&expr)?,
            coverage: stats::coverage(&view)?,
        })
    }

    /// One page of what an expression is true for, as far as the bodies have no more than so many bytes together; and how many
    /// rows of the page were left out for that.
    pub(super) fn found(
        &self,
        view: &Connection,
        expr: &Expr,
        order: Order,
        after: Option<PageKey>,
        limit: usize,
        bytes: usize,
    ) -> Result<(Vec<Hit>, usize)> {
        let behind = match after {
            None => None,
            Some(key) => match seq_of(view, key)? {
                Some(seq) => Some(Entry {
                    record: key.id.0,
                    seq,
                    time: key.time,
                }),
                None => return Ok((Vec::new(), 0)),
            },
        };
        let entries = Asker::new(view)?.page(expr, order, behind, limit)?;
        let ids: Vec<i64> = entries.iter().map(|entry| entry.record).collect();
        let (found, left) = self.load_some(view, &ids, bytes)?;
        let mut found = found.into_iter().peekable();
        let looked_at = &entries[..entries.len() - left];
        let hits = looked_at.iter().map(|entry| {
            let mut hit = match found.next_if(|hit| hit.id.0 == entry.record) {
                Some(hit) => hit,
                None => row::unreadable(RecordId(entry.record), "its row is missing".to_owned()),
            };
            hit.sort_time = entry.time;
            match &hit.opened {
                _ if hit.company.0 == 0 => hit.seq = seq_out(entry.seq),
                None if hit.damage.is_none() => hit.damage = Some(Damage::Columns(vec!["state"])),
                Some(opened)
                    if hit.damage.is_none()
                        && (seq_in(hit.seq), opened.time.map_or(0, |time| time.0))
                            != (entry.seq, entry.time) =>
                {
                    hit.damage = Some(Damage::Columns(vec!["index"]));
                }
                _ => {}
            }
            hit
        });
        let hits: Vec<Hit> = hits.collect();
        Ok((hits, left))
    }
}

/// Those of some hits that the filter would not find as texts and names are written.
fn only_alike(view: &Connection, filter: &Filter, hits: &[Hit]) -> Result<Option<HashSet<RecordId>>> {
    let Some(as_written) = filter.as_written() else {
        return Ok(None);
    };
    let mut left: HashSet<RecordId> = hits.iter().map(|hit| hit.id).collect();
    let times = || hits.iter().map(|hit| hit.sort_time);
    let expr = match (times().min(), times().max()) {
        // Messages without a time are in no range of times.
        (Some(first), Some(last)) if !times().any(|time| time == 0) => {
            Expr::And(vec![expression(view, &as_written)?, Expr::Time(first, last)])
        }
        _ => expression(view, &as_written)?,
    };
    Asker::new(view)?.each(&expr, |_, _, entry| {
        left.remove(&RecordId(entry.record));
    })?;
    Ok(Some(left))
}

fn seq_of(conn: &Connection, key: PageKey) -> Result<Option<i64>> {
    let seq = conn
        .prepare_cached("SELECT seq FROM record WHERE id = ?")?
        .query_row([key.id.0], |row| row.get(0))
        .optional()?;
    Ok(seq)
}

pub(super) fn expression(conn: &Connection, filter: &Filter) -> Result<Expr> {
    let mut parts = 0;
    measure(filter, 1, &mut parts)?;
    translate(conn, filter)
}

fn translate(conn: &Connection, filter: &Filter) -> Result<Expr> {
    let parts = |filters: &[Filter]| {
        filters
            .iter()
            .map(|part| translate(conn, part))
            .collect::<Result<Vec<_>>>()
    };
    let flag = |bit| Expr::Any(vec![trait_term(Trait::Flag, bit)]);
    let scope = || Expr::Any([1, 2].map(|scope| trait_term(Trait::Scope, scope)).to_vec());
    let room = || Expr::Any(vec![trait_term(Trait::Room, 1)]);
    Ok(match filter {
        Filter::All => Expr::All,
        Filter::And(filters) => Expr::And(parts(filters)?),
        Filter::Or(filters) => Expr::Or(parts(filters)?),
        Filter::Not(part) => Expr::Not(Box::new(translate(conn, part)?)),
        Filter::Text { needle, places } => Expr::Text(words::Asks::of(needle), Places::of(places).0),
        Filter::TextAlike {
            alike,
            needle,
            places,
        } => Expr::Alike(words::AlikeAsks::of(*alike, needle), Places::of(places).0),
        Filter::CalledAlike {
            called: Named::Room,
            alike,
            name,
        } => people::ask::rooms_alike(conn, *alike, name)?,
        Filter::CalledAlike {
            called: which,
            alike,
            name,
        } => {
            let names = people::ask::names_alike(conn, *alike, name, *which != Named::Part)?;
            match which {
                Named::Whole(Role::Receiver) => any_of(received_by(
                    conn,
                    people::ask::persons(conn, &Called::OneOf(&names))?,
                )?),
                Named::Whole(Role::Sender) => called(conn, &Called::OneOf(&names), Part::Sender)?,
                _ => called(conn, &Called::OneOf(&names), Part::Anybody)?,
            }
        }
        Filter::From(id) => from(conn, id)?,
        Filter::To(id) => to(conn, id)?,
        Filter::With(id) => {
            let by_name = called(conn, &Called::Exactly(id), Part::Anybody)?;
            either(
                either(with(conn, id)?, by_name),
                labelled(conn, id, Part::Anybody)?,
            )
        }
        Filter::Name(part) => called(conn, &Called::Containing(part), Part::Anybody)?,
        Filter::Tag(tag) => called(conn, &Called::Tagged(tag), Part::Anybody)?,
        Filter::Department(name) => called(conn, &Called::In(name), Part::Anybody)?,
        Filter::Room(id) => {
            let chats = rows(
                conn,
                "SELECT id FROM chat WHERE kind = 1 AND key = ? ORDER BY id",
                [id],
            )?;
            either(of_kind(Kind::Chat, chats), people::ask::rooms(conn, id)?)
        }
        Filter::Type(name) => {
            // The words are few: types, actions, builds of the library.
            let mut statement = conn.prepare_cached("SELECT id, text FROM word ORDER BY id")?;
            let words = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<Vec<(i64, String)>, _>>()?;
            let types = words.into_iter().filter(|(_, word)| same_spelling(word, name));
            Expr::Any(types.map(|(id, _)| trait_term(Trait::Type, id)).collect())
        }
        Filter::Recalled { within_ms } => Expr::Docs(recalled(conn, *within_ms)?),
        Filter::External => scope(),
        Filter::Internal => Expr::Not(Box::new(scope())),
        Filter::Group => room(),
        Filter::Single => Expr::Not(Box::new(room())),
        Filter::Time { from, to } => {
            let last = to.map_or(Some(i64::MAX), |to| to.0.checked_sub(1));
            last.map_or_else(Expr::none, |last| {
                Expr::Time(from.map_or(i64::MIN, |from| from.0), last)
            })
        }
        Filter::HasMedia => flag(HAS_MEDIA),
        Filter::HasFile => flag(HAS_FILE),
        Filter::HasLink => flag(HAS_LINK),
        Filter::HasPattern(pattern) => flag(patterns_in(pattern.bit())),
        Filter::Media(ask) => {
            let answer = media::Answer::to(conn, *ask)?;
            let mut found = Vec::new();
            Asker::new(conn)?.each(&flag(HAS_MEDIA), |segment, doc, entry| {
                if answer.holds(entry.record) {
                    found.push((segment, doc));
                }
            })?;
            Expr::Docs(by_segment(found.into_iter()))
        }
        Filter::Seq(first, last) => seqs(*first, *last),
        Filter::Msgid(msgid) => {
            let found = named(conn, &HashSet::from([msgid.as_str()]))?;
            Expr::Docs(by_segment(found.iter().map(|found| (found.segment, found.doc))))
        }
        Filter::Company(company) => Expr::Any(vec![trait_term(Trait::Company, company.0)]),
        Filter::Consent(standing) => Expr::Docs(consent::with_standing(conn, *standing)?),
        Filter::Id(Role::Sender, id) => from_id(conn, id)?,
        Filter::Id(Role::Receiver, id) => to_id(conn, id)?,
        Filter::Id(Role::Either, id) => with(conn, id)?,
        Filter::Inbound => sent_by(conn, is_external)?,
        Filter::Outbound => outbound(conn)?,
        Filter::SaidBy(Sayer::External) => sent_by(conn, is_external)?,
        Filter::SaidBy(Sayer::Robot) => sent_by(conn, is_robot)?,
        Filter::SaidBy(Sayer::Employee) => {
            let others = |id: &str| id.is_empty() || is_external(id) || is_robot(id);
            Expr::Not(Box::new(sent_by(conn, others)?))
        }
        Filter::CompanyNamed(name) => {
            let wanted = words::fold(name);
            let mut statement = conn.prepare_cached("SELECT id, name, corpid FROM company ORDER BY id")?;
            let mut companies = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = companies.next()? {
                if words::fold(&row.get::<_, String>(1)?) == wanted
                    || words::fold(&row.get::<_, String>(2)?) == wanted
                {
                    found.push(trait_term(Trait::Company, row.get(0)?));
                }
            }
            Expr::Any(found)
        }
    })
}

fn rows(conn: &Connection, sql: &str, values: impl Params) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(sql)?;
    let ids = statement.query_map(values, |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn of_kind(kind: Kind, ids: Vec<i64>) -> Expr {
    Expr::Any(ids.into_iter().map(|id| term(kind, id)).collect())
}

fn from(conn: &Connection, id: &str) -> Result<Expr> {
    let by_name = called(conn, &Called::Exactly(id), Part::Sender)?;
    Ok(either(
        either(from_id(conn, id)?, by_name),
        labelled(conn, id, Part::Sender)?,
    ))
}

/// `NAME(ID)`, as people are shown: the one of that id, where it is called so.
fn labelled(conn: &Connection, label: &str, part: Part) -> Result<Expr> {
    match people::ask::label(label) {
        Some((name, id)) => called(conn, &Called::Labelled(name, &id), part),
        None => Ok(Expr::none()),
    }
}

fn from_id(conn: &Connection, id: &str) -> Result<Expr> {
    let people = rows(conn, "SELECT id FROM person WHERE key = ?", [fold_id(id)])?;
    Ok(of_kind(Kind::Sender, people))
}

/// Received by somebody, by id or name.
fn to(conn: &Connection, id: &str) -> Result<Expr> {
    let mut parts = vec![to_id(conn, id)?];
    let mut persons = people::ask::persons(conn, &Called::Exactly(id))?;
    if let Some((name, id)) = people::ask::label(id) {
        persons.extend(people::ask::persons(conn, &Called::Labelled(name, &id))?);
    }
    parts.extend(received_by(conn, persons)?);
    Ok(any_of(parts))
}

/// Received by each of these: in the message, and not only as its sender. Asked person by person, because of two of one name
/// one may have sent it and the other not have got it.
fn received_by(conn: &Connection, persons: Vec<(i64, i64)>) -> Result<Vec<Expr>> {
    let mut parts = Vec::with_capacity(persons.len());
    for (company, person) in persons {
        let audiences = rows(
            conn,
            "SELECT audience FROM audience_member WHERE person = ? ORDER BY audience",
            [person],
        )?;
        parts.push(Expr::And(vec![
            Expr::Any(vec![trait_term(Trait::Company, company)]),
            received(
                of_kind(Kind::Audience, audiences),
                of_kind(Kind::Sender, vec![person]),
            ),
        ]));
    }
    Ok(parts)
}

fn any_of(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Expr::Or(parts)
    }
}

fn to_id(conn: &Connection, id: &str) -> Result<Expr> {
    Ok(received(with(conn, id)?, from_id(conn, id)?))
}

/// Of the messages somebody is in, those that are not only sent by them.
fn received(everybody: Expr, sender: Expr) -> Expr {
    let flag = Expr::Any(vec![trait_term(Trait::Flag, SENDER_RECEIVES)]);
    Expr::And(vec![everybody, Expr::Or(vec![flag, Expr::Not(Box::new(sender))])])
}

/// People whose id is of a form.
fn of_form(conn: &Connection, form: impl Fn(&str) -> bool) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached("SELECT id, key FROM person ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if form(key) {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

/// The index has no term for the sort of a sender; the ids say it.
fn sent_by(conn: &Connection, form: impl Fn(&str) -> bool) -> Result<Expr> {
    Ok(of_kind(Kind::Sender, of_form(conn, form)?))
}

/// As `message::direction` has it: from the company, where the scope is external or somebody outside receives it.
fn outbound(conn: &Connection) -> Result<Expr> {
    let mut audiences = Vec::new();
    let mut statement =
        conn.prepare_cached("SELECT audience FROM audience_member WHERE person = ? ORDER BY audience")?;
    for person in of_form(conn, is_external)? {
        let with = statement.query_map([person], |row| row.get::<_, i64>(0))?;
        for audience in with {
            audiences.push(audience?);
        }
    }
    audiences.sort_unstable();
    audiences.dedup();
    let outside = Expr::Or(vec![
        Expr::Any(vec![trait_term(Trait::Scope, scope_in(Scope::External))]),
        of_kind(Kind::Audience, audiences),
    ]);
    let theirs = |id: &str| id.is_empty() || is_external(id);
    Ok(Expr::And(vec![
        outside,
        Expr::Not(Box::new(sent_by(conn, theirs)?)),
    ]))
}

/// By id, or by name. Most of the time one of them is nobody, and then the other stands alone.
fn either(by_id: Expr, by_name: Expr) -> Expr {
    let nobody = |expr: &Expr| matches!(expr, Expr::Any(terms) if terms.is_empty());
    match (nobody(&by_id), nobody(&by_name)) {
        (_, true) => by_id,
        (true, false) => by_name,
        (false, false) => Expr::Or(vec![by_id, by_name]),
    }
}

/// Sent or received: the sender is in the audience.
fn with(conn: &Connection, id: &str) -> Result<Expr> {
    let audiences = rows(
        conn,
        "SELECT audience FROM audience_member WHERE person IN (SELECT id FROM person WHERE key = ?)
         ORDER BY audience",
        [fold_id(id)],
    )?;
    Ok(of_kind(Kind::Audience, audiences))
}

/// Seqs from 2^63 on are negative in the column.
fn seqs(first: Seq, last: Seq) -> Expr {
    if first > last {
        return Expr::none();
    }
    let (low, high) = (seq_in(first), seq_in(last));
    Expr::Seq(if low <= high {
        vec![(low, high)]
    } else {
        vec![(low, i64::MAX), (i64::MIN, high)]
    })
}

/// An opened record that has one of the msgids asked for.
pub(super) struct WithMsgid {
    segment: i64,
    doc: u32,
    pub(super) record: i64,
    company: i64,
    time: i64,
    outer: String,
    inner: Option<String>,
}

/// The opened records that have one of these msgids, outside or inside.
pub(super) fn named(conn: &Connection, msgids: &HashSet<&str>) -> Result<Vec<WithMsgid>> {
    let mut terms: Vec<u64> = msgids
        .iter()
        .map(|msgid| term(Kind::Msgid, hash(msgid)))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    let mut candidates = Vec::new();
    Asker::new(conn)?.each(&Expr::Any(terms), |segment, doc, entry| {
        candidates.push((segment, doc, entry))
    })?;
    let mut statement = conn.prepare_cached(
        "SELECT r.msgid, m.msgid, r.company FROM record r JOIN message m ON m.record = r.id WHERE r.id = ?",
    )?;
    let mut found = Vec::new();
    for (segment, doc, entry) in candidates {
        let columns: Result<Option<(String, Option<String>, i64)>> = statement
            .query_row([entry.record], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .map_err(StoreError::from);
        let (outer, inner, company) = match columns {
            Ok(Some(columns)) => columns,
            // A row that cannot be read is found by what the index says of it.
            Ok(None) | Err(StoreError::Damaged(_)) => Default::default(),
            Err(error) => return Err(error),
        };
        let is_named =
            msgids.contains(outer.as_str()) || inner.as_deref().is_some_and(|inner| msgids.contains(inner));
        // Two msgids seldom have one hash, so a row with another msgid is looked at: it may have changed.
        if is_named || is_damaged(conn, entry.record)? {
            let (record, time) = (entry.record, entry.time);
            found.push(WithMsgid {
                segment,
                doc,
                record,
                company,
                time,
                outer,
                inner,
            });
        }
    }
    Ok(found)
}

fn is_damaged(conn: &Connection, record: i64) -> Result<bool> {
    Ok(Checked::of(conn, &Unpacker::default(), record)?.damage.is_some())
}

/// Driven by the recalls, which are few: each names an outer or an inner msgid.
fn recalled(conn: &Connection, within: Option<i64>) -> Result<HashMap<i64, Vec<u32>>> {
    let mut statement = conn.prepare_cached(
        "SELECT rc.record, rc.company, rc.pre_msgid, m.time FROM recall rc JOIN message m ON m.record = rc.record",
    )?;
    let recalls = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<Vec<(i64, i64, String, i64)>, _>>()?;
    let mut by_msgid: HashMap<&str, Vec<(i64, i64, i64)>> = HashMap::new();
    for (record, company, msgid, time) in &recalls {
        by_msgid
            .entry(msgid)
            .or_default()
            .push((*record, *company, *time));
    }
    let found = named(conn, &by_msgid.keys().copied().collect())?;
    let recalls_it = |one: &&WithMsgid| {
        [Some(one.outer.as_str()), one.inner.as_deref()]
            .into_iter()
            .flatten()
            .filter_map(|msgid| by_msgid.get(msgid))
            .flatten()
            .any(|(record, company, time)| {
                let near =
                    |most| *time != 0 && one.time != 0 && time.abs_diff(one.time) as i128 <= i128::from(most);
                *record != one.record && *company == one.company && within.is_none_or(near)
            })
    };
    Ok(by_segment(
        found
            .iter()
            .filter(recalls_it)
            .map(|found| (found.segment, found.doc)),
    ))
}

fn by_segment(docs: impl Iterator<Item = (i64, u32)>) -> HashMap<i64, Vec<u32>> {
    let mut all: HashMap<i64, Vec<u32>> = HashMap::new();
    for (segment, doc) in docs {
        all.entry(segment).or_default().push(doc);
    }
    all
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
        Filter::Text { needle, .. } | Filter::TextAlike { needle, .. } if needle.is_empty() => Err(StoreError::Question(
            "it looks for an empty text, which is everywhere".into(),
        )),
        Filter::Text { needle, .. } | Filter::TextAlike { needle, .. } if words::fold(needle).is_empty() => Err(StoreError::Question(
            "it looks for a text of characters that show nothing (zero-width blanks, variation selectors), which search \
             passes over"
                .into(),
        )),
        _ => Ok(()),
    }
}
