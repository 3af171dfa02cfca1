//! `shiguan directory`: who people and rooms were and are, and asking WeCom about them now.

mod list;
mod refresh;
mod show;
mod stay;

use clap::Subcommand;
use serde_json::{Map, Value, json};

pub(super) use self::{
    refresh::settings,
    stay::{stay, wanted},
};
use super::{
    Global,
    outcome::{Exit, Failure},
    render,
};
use crate::{
    people::{Aspect, Span},
    store::{Reader, contract::people::Dossier},
};

/// Arguments of `directory`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Ask WeCom about everybody and every room that is not known yet, and again about what has grown old
    Refresh(refresh::Args),
    /// Show everything that is known of a person, room, department or tag, with when it was so
    Show(show::Args),
    /// List people, rooms, departments or tags as they are now
    List(list::Args),
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    match &args.act {
        Act::Refresh(args) => refresh::run(global, args),
        Act::Show(args) => show::run(global, args),
        Act::List(args) => list::run(global, args),
    }
}

/// What a dossier says now, for programs: one value per aspect, or a list where there are several.
fn now_json(dossier: &Dossier) -> Value {
    let mut now = Map::new();
    for span in dossier.history.0.iter().filter(|span| span.until.is_none()) {
        if single(span.aspect) {
            now.insert(span.aspect.as_str().to_owned(), json!(span.value));
        } else if let Value::Array(items) = now
            .entry(span.aspect.as_str())
            .or_insert_with(|| Value::Array(Vec::new()))
        {
            items.push(json!({"item": span.item, "value": span.value,
                              "since": span.since.map(|since| since.0)}));
        }
    }
    Value::Object(now)
}

/// Aspects of which there is one value.
fn single(aspect: Aspect) -> bool {
    matches!(
        aspect,
        Aspect::Name
            | Aspect::Alias
            | Aspect::Position
            | Aspect::Company
            | Aspect::Status
            | Aspect::Owner
            | Aspect::Sort
            | Aspect::Parent
            | Aspect::Group
            | Aspect::Created
    )
}

/// Who it is about and where asking stands, for programs.
fn head_json(dossier: &Dossier, reader: &Reader) -> Result<Map<String, Value>, Failure> {
    let mut head = Map::new();
    let subject = &dossier.subject;
    head.insert("company".to_owned(), json!(reader.company_name(dossier.company)?));
    head.insert("class".to_owned(), json!(subject.class.as_str()));
    head.insert("id".to_owned(), json!(subject.spelt));
    head.insert("kind".to_owned(), json!(kind_word(dossier)));
    head.insert("standing".to_owned(), json!(dossier.standing.as_str()));
    head.insert("why".to_owned(), json!(dossier.why));
    head.insert("asked".to_owned(), json!(dossier.asked.map(|at| at.0)));
    head.insert("answered".to_owned(), json!(dossier.answered.map(|at| at.0)));
    Ok(head)
}

/// The word for programs.
fn kind_word(dossier: &Dossier) -> &'static str {
    use crate::people::{Class, Kind};
    match (dossier.subject.class, dossier.subject.kind) {
        (Class::Person, Kind::Inside) => "member",
        (Class::Person, Kind::Outside) => "external",
        (Class::Person, Kind::Robot) => "robot",
        (Class::Room, _) => {
            dossier
                .history
                .now(Aspect::Sort, "")
                .map_or("unknown", |span| match span.value.as_str() {
                    "internal" => "internal",
                    _ => "customer",
                })
        }
        (class, _) => class.as_str(),
    }
}

/// One span for programs.
fn span_json(span: &Span, zone: &jiff::tz::TimeZone) -> Value {
    json!({
        "aspect": span.aspect.as_str(),
        "item": span.item,
        "value": span.value,
        "since": render::time_json(span.since, zone),
        "learnt": render::time_json(Some(span.learnt), zone),
        "seen": render::time_json(Some(span.seen), zone),
        "until": render::time_json(span.until, zone),
        "how": span.how,
    })
}
