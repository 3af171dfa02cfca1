//! The state of each message that is shown, read for a page at once.

use std::{cell::RefCell, collections::HashMap};

use serde_json::{Value, json};

use super::words;
use crate::{
    cli::{context::Context, out, outcome::Failure, render, words::Words},
    consent::{AtSending, Talk},
    ids::{Millis, RecordId},
    line,
    sanitize::{Line, value},
    store::{
        Reader,
        contract::{Filter, Stored},
    },
};

/// Says of an answer to a question about consent what it could not know yet (promise 7): conversations that WeCom never
/// answered about, and opened records that were not looked through.
pub(in crate::cli) fn tell_coverage(
    context: &Context,
    reader: &Reader,
    filter: &Filter,
    as_json: bool,
) -> Result<(), Failure> {
    if !asks_for_consent(filter) {
        return Ok(());
    }
    let (mut never, mut unlooked) = (0, 0);
    for (company, _) in reader.companies()? {
        let asking = reader.consent_asking(company, Millis::now())?;
        never += asking.never;
        unlooked += asking.unlooked;
    }
    if as_json {
        out::tell_json(&json!({"consent": {"never_answered": never, "not_looked_through": unlooked}}));
    } else if never + unlooked > 0 {
        let (never, unlooked) = (render::number(never), render::number(unlooked));
        errln!(
            "{}",
            Words(context.language).say(
                format!("存档同意：{never} 个会话从未得到企业微信的答复，{unlooked} 条已解密记录尚未查看；shiguan consent check"),
                format!(
                    "consent: WeCom never answered about {never} conversations, {unlooked} opened records were not looked \
                     through yet; shiguan consent check"
                ),
            )
        );
    }
    Ok(())
}

fn asks_for_consent(filter: &Filter) -> bool {
    match filter {
        Filter::Consent(_) => true,
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(asks_for_consent),
        Filter::Not(part) => asks_for_consent(part),
        _ => false,
    }
}

/// States of messages, by record; `None` for one that needs no consent.
#[derive(Default)]
pub(in crate::cli) struct Shown(RefCell<HashMap<RecordId, Option<AtSending>>>);

impl Shown {
    /// Reads the states of a page. What is shown without that is read one by one.
    pub(in crate::cli) fn prime(&self, reader: &Reader, page: &[Stored]) -> Result<(), Failure> {
        let records: Vec<RecordId> = page.iter().map(|stored| stored.id).collect();
        let mut found = reader.consents(&records)?;
        let mut shown = self.0.borrow_mut();
        shown.clear();
        shown.extend(records.into_iter().map(|record| (record, found.remove(&record))));
        Ok(())
    }

    fn of(&self, reader: &Reader, record: RecordId) -> Option<AtSending> {
        if let Some(known) = self.0.borrow().get(&record) {
            return known.clone();
        }
        reader
            .consents(&[record])
            .inspect_err(|error| tracing::warn!(%error, "cannot tell the consent of a message"))
            .ok()?
            .remove(&record)
    }

    /// For the line above a message: nothing, or `  已同意`.
    pub(in crate::cli) fn mark(&self, reader: &Reader, record: RecordId, speak: Words) -> Line {
        self.of(reader, record)
            .map_or_else(Line::default, |at| line!("  {}", words::at_sending(speak, &at)))
    }

    /// For the list of what is known of a message.
    pub(in crate::cli) fn detail(
        &self,
        context: &Context,
        reader: &Reader,
        record: RecordId,
    ) -> Option<Line> {
        let speak = Words(context.language);
        let at = self.of(reader, record)?;
        let mut text = words::at_sending(speak, &at);
        if let Some(subject) = &at.subject {
            text = line!(
                "{}  {} · {}",
                text,
                value(&subject.external),
                words::talk(speak, subject)
            );
        }
        if let Some(span) = &at.span {
            let from = render::time(Some(span.from), &context.zone);
            let how = span
                .told
                .iter()
                .map(|change| Line::from(words::how(speak, change.how)));
            let how = Line::join(how, "、");
            text = line!("{}  {} {} ({})", text, speak.say("自", "since"), from, how);
        }
        Some(text)
    }

    /// For programs.
    pub(in crate::cli) fn json(&self, context: &Context, reader: &Reader, record: RecordId) -> Value {
        let Some(at) = self.of(reader, record) else {
            return Value::Null;
        };
        let zone = &context.zone;
        let (room, member) = match at.subject.as_ref().map(|subject| &subject.talk) {
            Some(Talk::Room(id)) => (Some(id), None),
            Some(Talk::With(id)) => (None, Some(id)),
            None => (None, None),
        };
        let how: Option<Vec<&str>> = at
            .span
            .as_ref()
            .map(|span| span.told.iter().map(|change| change.how.as_str()).collect());
        json!({
            "state": at.standing.as_str(),
            "status": at.span.as_ref().map(|span| span.state.as_word()),
            "external": at.subject.as_ref().map(|subject| &subject.external),
            "room": room,
            "member": member,
            "since": at.span.as_ref().and_then(|span| render::time_json(Some(span.from), zone)),
            "until": at.span.as_ref().and_then(|span| render::time_json(span.to, zone)),
            "learnt": how,
        })
    }
}
