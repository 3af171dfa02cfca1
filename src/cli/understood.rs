//! What is told beside an answer: how the query was understood, who was meant, and why nothing was found.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{context::Context, names::Names, outcome::Failure, render, words::Words};
use crate::{
    ids::{CompanyId, Millis},
    line,
    message::{fold_id, is_external, is_robot},
    people::Class,
    sanitize::{Line, value},
    search::{self, AlikeRead, Effect, Remark, Understood, Unknown, Who},
    store::{
        Reader,
        contract::{
            Role,
            ask::{Meant, Similar},
        },
    },
    words::Alike,
};

/// So many of one name are shown to people; programs get all that were counted.
const SHOWN: usize = 10;

/// Reads a query; an error points at the place.
pub(super) fn read(context: &Context, query: &str, variants: bool) -> Result<Understood, Failure> {
    search::understand_with(query, &context.zone, Millis::now(), variants).map_err(|error| {
        Failure::usage(&error)
            .below(line!("  {}", Line::sentence(query)))
            .below(line!("  {}^", pointer(query, error.column)))
    })
}

/// Spaces up to a 1-based column, as wide as the text before it is shown.
fn pointer(query: &str, column: usize) -> Line {
    use unicode_width::UnicodeWidthStr;
    let before: String = query.chars().take(column.saturating_sub(1)).collect();
    line!("{:1$}", "", Line::sentence(before).as_str().width())
}

/// What there is to tell about one query.
pub(super) struct Notes<'a> {
    context: &'a Context,
    reader: &'a Reader,
    understood: &'a Understood,
    who: Vec<Who>,
    unknown: Vec<Unknown>,
    /// Empty unless asked for, or nothing was found.
    effects: Vec<Effect>,
    names: Names,
    /// Hits that are none as texts and names are written; none when nothing else was asked.
    not_as_written: Option<u64>,
    /// Hits of the question with variants, where it was asked without and found nothing.
    with_variants: Option<(&'a str, u64)>,
    total: u64,
}

impl<'a> Notes<'a> {
    /// Asks the archive what is to be told about a query that has so many hits.
    pub(super) fn gather(
        context: &'a Context,
        reader: &'a Reader,
        understood: &'a Understood,
        total: u64,
        explain: bool,
    ) -> Result<Self, Failure> {
        let who = search::who(reader, &understood.filter)?;
        let unknown = search::unknown(reader, &understood.filter)?;
        let effects = if explain || total == 0 {
            search::effects(reader, understood)?
        } else {
            Vec::new()
        };
        let with_variants = match &understood.with_variants {
            Some((canonical, filter)) if total == 0 => {
                let count = reader.count(filter)?;
                (count > 0).then_some((canonical.as_str(), count))
            }
            _ => None,
        };
        let names = Names::default();
        let mut wanted: HashMap<CompanyId, HashSet<String>> = HashMap::new();
        for (one, _) in who.iter().flat_map(|who| &who.found) {
            if let Some(company) = one.company {
                wanted
                    .entry(company)
                    .or_default()
                    .insert(fold_id(&one.id).into_owned());
            }
        }
        for (company, keys) in wanted {
            names.fetch(reader, (company, Class::Person), keys)?;
        }
        Ok(Self {
            context,
            reader,
            understood,
            who,
            unknown,
            effects,
            names,
            not_as_written: search::not_as_written(reader, &understood.filter)?,
            with_variants,
            total,
        })
    }

    /// For people.
    pub(super) fn tell(&self, words: Words) -> Result<(), Failure> {
        if self.understood.respelt {
            let canonical = &self.understood.canonical;
            errln!(
                "{}",
                words.say(
                    format!("理解为：{canonical}"),
                    format!("understood as: {canonical}")
                )
            );
        }
        let plain = |date: &&search::DateRead| !date.plain;
        for date in self.understood.dates.iter().filter(plain) {
            errln!("{}", self.date(date, words));
        }
        for alike in &self.understood.alike {
            errln!("{}", read_alike(alike, words));
        }
        if let Some(count) = self.not_as_written {
            let count = render::number(count);
            errln!(
                "{}",
                words.say(
                    format!("仅按简繁或拼音匹配的有 {count} 条"),
                    format!("found only by other characters or by pinyin: {count}"),
                )
            );
        }
        for remark in &self.understood.remarks {
            if remark.always() || self.total == 0 {
                errln!("{}", said(remark, words));
            }
        }
        for who in &self.who {
            self.meant(who, words)?;
        }
        for unknown in &self.unknown {
            for line in missing(unknown, words) {
                errln!("{line}");
            }
        }
        if let Some((canonical, count)) = self.with_variants {
            let count = render::number(count);
            errln!(
                "{}",
                words.say(
                    format!("简体、繁体都算时有 {count} 条，请输入：{canonical}"),
                    format!(
                        "with simplified and traditional characters there are {count}; type: {canonical}"
                    ),
                )
            );
        }
        self.effect(words);
        Ok(())
    }

    fn date(&self, date: &search::DateRead, words: Words) -> String {
        let zone = &self.context.zone;
        let name = zone.iana_name().unwrap_or("UTC");
        let (from, to) = (render::time(date.from, zone), render::time(date.to, zone));
        let typed = &date.typed;
        let span = match (date.from, date.to) {
            (Some(_), Some(_)) => words.say(
                format!("{from} 起，{to} 之前"),
                format!("from {from}, before {to}"),
            ),
            (Some(_), None) => words.say(format!("{from} 起"), format!("from {from}")),
            _ => words.say(format!("{to} 之前"), format!("before {to}")),
        };
        words.say(
            format!("日期：{typed} 即 {span} ({name})"),
            format!("date: {typed} is {span} ({name})"),
        )
    }

    /// Who a name means; an id that is nobody's name needs no words.
    fn meant(&self, who: &Who, words: Words) -> Result<(), Failure> {
        let only_an_id = matches!(&who.found[..], [(Meant { company: None, .. }, _)]);
        if who.found.is_empty() || only_an_id {
            return Ok(());
        }
        let key = key(who.role);
        let asked = &who.asked;
        let several = who.found.len() > 1;
        let head = if several {
            let count = who.found.len();
            let more = if who.more { "+" } else { "" };
            words.say(
                format!("{key}:{asked} 有 {count}{more} 人，结果包含所有人；只看其中一人请用 {key}:=ID"),
                format!("{key}:{asked} means {count}{more} people, and all of them are counted; choose one with {key}:=ID"),
            )
        } else {
            words.say(format!("{key}:{asked} 指"), format!("{key}:{asked} is"))
        };
        errln!("{head}");
        for (one, count) in who.found.iter().take(SHOWN) {
            let kind = words.subject(kind(&one.id));
            let company = match one.company {
                Some(company) => value(&self.reader.company_name(company)?.unwrap_or_default()),
                None => words.say("按 ID", "by id").into(),
            };
            let label = match one.company {
                Some(company) => self.names.label(company, Class::Person, &one.id, None, words),
                None => value(&one.id),
            };
            let count = render::number(*count);
            errln!(
                "  {}",
                words.say(
                    line!("{}  {}  {}  {} 条", label, kind, company, count),
                    line!("{}  {}  {}  {} hits", label, kind, company, count)
                )
            );
        }
        if who.found.len() > SHOWN {
            let rest = who.found.len() - SHOWN;
            errln!(
                "  {}",
                words.say(format!("… 另有 {rest} 人"), format!("… and {rest} more"))
            );
        }
        Ok(())
    }

    fn effect(&self, words: Words) {
        if self.effects.is_empty() {
            return;
        }
        if self.total == 0 {
            errln!(
                "{}",
                words.say(
                    "没有结果；各条件的命中数：",
                    "nothing found; hits of each condition:"
                )
            );
        } else {
            errln!("{}", words.say("各条件的命中数：", "hits of each condition:"));
        }
        for effect in &self.effects {
            let condition = &effect.condition;
            let alone = render::number(effect.alone);
            let line = match effect.without {
                None => words.say(
                    format!("{condition}  单独 {alone} 条"),
                    format!("{condition}  alone {alone}"),
                ),
                Some(without) => {
                    let (without, lost) = (
                        render::number(without),
                        render::number(without.saturating_sub(self.total)),
                    );
                    words.say(
                        format!("{condition}  单独 {alone} 条；去掉它为 {without} 条，因它少了 {lost} 条"),
                        format!("{condition}  alone {alone}; without it {without}, so it removes {lost}"),
                    )
                }
            };
            errln!("  {line}");
        }
        let most = self
            .effects
            .iter()
            .filter_map(|effect| Some((effect.without?, effect)))
            .filter(|(without, _)| *without > 0)
            .max_by_key(|(without, _)| *without);
        if let Some((_, effect)) = most.filter(|_| self.total == 0) {
            let condition = &effect.condition;
            errln!(
                "  {}",
                words.say(
                    format!("去掉得最多的条件：{condition}"),
                    format!("what removes most: {condition}")
                )
            );
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        let zone = &self.context.zone;
        let dates: Vec<Value> = self
            .understood
            .dates
            .iter()
            .map(|date| {
                json!({
                    "typed": date.typed,
                    "condition": date.written,
                    "from": render::time_json(date.from, zone),
                    "before": render::time_json(date.to, zone),
                    "zone": zone.iana_name(),
                })
            })
            .collect();
        let remarks: Vec<Value> = self
            .understood
            .remarks
            .iter()
            .filter(|remark| remark.always() || self.total == 0)
            .map(|remark| {
                json!({
                    "kind": remark.as_str(),
                    "typed": remark.typed(),
                    "text": said(remark, Words(self.context.language)),
                })
            })
            .collect();
        let mut told = Map::new();
        told.insert("query".into(), json!(self.understood.canonical));
        told.insert("respelt".into(), json!(self.understood.respelt));
        told.insert("dates".into(), json!(dates));
        told.insert("remarks".into(), json!(remarks));
        told.insert("who".into(), self.who_json()?);
        let unknown: Vec<Value> = self.unknown.iter().map(unknown_json).collect();
        told.insert("unknown".into(), json!(unknown));
        if !self.understood.alike.is_empty() {
            let alike: Vec<Value> = self.understood.alike.iter().map(alike_json).collect();
            told.insert("alike".into(), json!(alike));
        }
        if let Some(count) = self.not_as_written {
            told.insert("not_as_written".into(), json!(count));
        }
        if let Some((query, total)) = self.with_variants {
            told.insert("with_variants".into(), json!({"query": query, "total": total}));
        }
        if !self.effects.is_empty() {
            let effects: Vec<Value> = self
                .effects
                .iter()
                .map(|effect| {
                    json!({
                        "condition": effect.condition,
                        "alone": effect.alone,
                        "without": effect.without,
                        "removes": effect.without.map(|without| without.saturating_sub(self.total)),
                    })
                })
                .collect();
            told.insert("conditions".into(), json!(effects));
        }
        Ok(Value::Object(told))
    }

    fn who_json(&self) -> Result<Value, Failure> {
        let mut all = Vec::with_capacity(self.who.len());
        for who in &self.who {
            let mut people = Vec::with_capacity(who.found.len());
            for (one, count) in &who.found {
                let company = match one.company {
                    Some(company) => self.reader.company_name(company)?,
                    None => None,
                };
                let name = one
                    .company
                    .and_then(|company| self.names.now(company, Class::Person, &one.id));
                people.push(json!({
                    "id": one.id,
                    "name": name,
                    "kind": kind(&one.id),
                    "company": company,
                    "by": if one.company.is_some() { "name" } else { "id" },
                    "count": count,
                }));
            }
            all.push(json!({
                "condition": format!("{}:{}", key(who.role), who.asked),
                "people": people,
                "more": who.more,
            }));
        }
        Ok(Value::Array(all))
    }
}

fn key(role: Role) -> &'static str {
    match role {
        Role::Sender => "from",
        Role::Receiver => "to",
        Role::Either => "with",
    }
}

/// The word for programs.
fn kind(id: &str) -> &'static str {
    if is_external(id) {
        "external"
    } else if is_robot(id) {
        "robot"
    } else {
        "member"
    }
}

/// What counts besides a text or name as it was typed.
fn read_alike(alike: &AlikeRead, words: Words) -> String {
    let written = &alike.written;
    match alike.alike {
        Alike::Variants => {
            let forms: Vec<String> = alike.forms().iter().map(|all| equal(all)).collect();
            let forms = match forms.is_empty() {
                true => words
                    .say("没有其他写法", "no character has another form")
                    .to_owned(),
                false => forms.join(" "),
            };
            words.say(
                format!("简繁匹配：{written}：{forms}"),
                format!("simplified and traditional: {written}: {forms}"),
            )
        }
        Alike::Pinyin => {
            let ways = alike.ways().join(" | ");
            words.say(
                format!("拼音匹配：{written}：{ways}（不计声调，多音字按所有读音）"),
                format!("pinyin: {written}: {ways} (without tones, all readings of each character)"),
            )
        }
    }
}

/// `发=發=髮`.
fn equal(forms: &str) -> String {
    let each: Vec<String> = forms.chars().map(String::from).collect();
    each.join("=")
}

fn alike_json(alike: &AlikeRead) -> Value {
    let source = match alike.alike {
        Alike::Variants => crate::words::variants::SOURCE,
        Alike::Pinyin => crate::words::pinyin::SOURCE,
    };
    json!({
        "condition": alike.written,
        "kind": alike.alike.as_str(),
        "asked": alike.asked,
        "forms": alike.forms(),
        "ways": alike.ways(),
        "source": source,
    })
}

fn said(remark: &Remark, words: Words) -> String {
    match remark {
        Remark::OperatorAsText { typed, means } => {
            let meaning = match *means {
                "AND" => "并且",
                "OR" => "或者",
                _ => "不含",
            };
            words.say(
                format!("“{typed}” 按文本检索；表示“{meaning}”请写大写的 {means}"),
                format!("`{typed}` was searched as text; write {means} in capitals for the operator"),
            )
        }
        Remark::NoWildcards { typed, instead, .. } => words.say(
            format!("没有通配符：“{typed}” 按原文检索；文本中的任何片段都能查到，请直接输入 {instead}"),
            format!("there are no wildcards: `{typed}` was searched as it stands; any piece of a text is found, so type {instead}"),
        ),
        Remark::KeyAsText { typed, near, .. } => {
            let hint = |text: &dyn Fn(&str) -> String| near.map(text).unwrap_or_default();
            words.say(
                format!("“{typed}：” 不是检索条件，按文本检索{}", hint(&|near| format!("；是否指 {near}："))),
                format!("`{typed}:` is no key and was searched as text{}", hint(&|near| format!("; did you mean `{near}:`?"))),
            )
        }
        Remark::QuoteAsText { typed } => words.say(
            format!("“{typed}” 中的引号按原文检索；要检索含空格的短语，请把整个短语放在引号内"),
            format!("the quote inside `{typed}` was searched as it stands; put the whole phrase in quotes"),
        ),
    }
}

/// Lines about a name or value that nothing has.
fn missing(unknown: &Unknown, words: Words) -> Vec<String> {
    let Unknown {
        key,
        asked,
        near,
        exist,
        as_part,
    } = unknown;
    let near: Vec<String> = near.iter().map(called).collect();
    let joined = near.join("、");
    let nobody = match *key {
        "from" | "to" | "with" | "name" => {
            words.say(format!("没有人叫 {asked}"), format!("nobody is called {asked}"))
        }
        "room" => words.say(
            format!("没有群叫 {asked} 且有消息"),
            format!("no group with messages is called {asked}"),
        ),
        "department" => words.say(
            format!("没有部门 {asked} 的人的消息"),
            format!("no messages of people in a department {asked}"),
        ),
        "tag" => words.say(
            format!("没有标签 {asked} 的人的消息"),
            format!("no messages of people with a tag {asked}"),
        ),
        "type" => words.say(
            format!("没有类型为 {asked} 的消息"),
            format!("no message has the type {asked}"),
        ),
        _ => words.say(
            format!("没有企业叫 {asked}"),
            format!("no company is called {asked}"),
        ),
    };
    let hint = match (near.is_empty(), exist.is_empty()) {
        (false, _) => words.say(format!("；有 {joined}"), format!("; there is {joined}")),
        (true, false) => {
            let exist: Vec<String> = exist.iter().map(|one| value(one).to_string()).collect();
            let exist = exist.join(" ");
            words.say(format!("；有：{exist}"), format!("; there are: {exist}"))
        }
        (true, true) => String::new(),
    };
    let mut lines = vec![nobody + &hint];
    if *as_part > 0 {
        let count = render::number(*as_part);
        lines.push(words.say(
            format!("{key}: 需要完整的名称；name:{asked} 按部分名称检索，有 {count} 条"),
            format!("{key}: takes a whole name; name:{asked} looks for a part of one and finds {count}"),
        ));
    }
    lines
}

/// `高杰 (gaojie)`.
fn called(similar: &Similar) -> String {
    let id = value(&similar.id);
    match similar.name.as_str() {
        "" => id.to_string(),
        name => format!("{} ({id})", value(name)),
    }
}

fn unknown_json(unknown: &Unknown) -> Value {
    let near: Vec<Value> = unknown
        .near
        .iter()
        .map(|one| json!({"id": one.id, "name": (!one.name.is_empty()).then_some(&one.name)}))
        .collect();
    json!({
        "key": unknown.key,
        "asked": unknown.asked,
        "near": near,
        "exist": unknown.exist,
        "as_part": unknown.as_part,
    })
}
