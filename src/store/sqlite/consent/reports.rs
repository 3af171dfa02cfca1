//! Counting by consent: conversations with somebody outside and how they stand, and members who produce nothing.

use std::collections::HashMap;

use rusqlite::OptionalExtension;

use super::{
    agenda,
    states::{Ledger, sweep},
};
use crate::{
    consent::{Standing, Subject},
    ids::{CompanyId, Millis},
    store::{
        Result,
        contract::{Silent, SubjectRow},
        sqlite::{
            Reader,
            codes::time_out,
            index::{Asker, Expr, Kind, Trait, term, trait_term},
        },
    },
};

#[derive(Clone, Copy, Default)]
struct Count {
    by_standing: [u64; 4],
    last: i64,
}

impl Reader {
    /// Every external person in every conversation the archive has messages of, most messages first, with how they stand at
    /// `now`. One sweep over all messages.
    pub fn consent_subjects(&self, now: Millis) -> Result<Vec<SubjectRow>> {
        let view = self.view()?;
        let ledger = Ledger::all(&view)?;
        // By gathering first: there are far fewer of them than messages.
        let mut counts: HashMap<(CompanyId, Subject), Count> = HashMap::new();
        let mut by_gathering: Vec<(CompanyId, Vec<Subject>, Count)> = Vec::new();
        sweep(&view, &ledger, |_, _, entry, _, at, gathering| {
            if at == by_gathering.len() {
                by_gathering.push((gathering.company, gathering.subjects.clone(), Count::default()));
            }
            let count = &mut by_gathering[at].2;
            let standing = gathering.standing(entry.time);
            if let Some(place) = Standing::ALL.iter().position(|one| *one == standing) {
                count.by_standing[place] += 1;
            }
            count.last = count.last.max(entry.time);
            Ok(())
        })?;
        for (company, subjects, count) in by_gathering {
            for subject in subjects {
                let sum = counts.entry((company, subject)).or_default();
                for (sum, more) in sum.by_standing.iter_mut().zip(count.by_standing) {
                    *sum += more;
                }
                sum.last = sum.last.max(count.last);
            }
        }
        let mut rows = Vec::with_capacity(counts.len());
        for ((company, subject), count) in counts {
            let spans = ledger.spans(company, &subject).unwrap_or_default();
            let span = crate::consent::span_at(spans, now);
            let (asked, fault) = agenda::standing(&view, company, &subject)?;
            let agreed = |standing| matches!(standing, Standing::Agreed | Standing::Default);
            rows.push(SubjectRow {
                company,
                messages: count.by_standing.iter().sum(),
                by_standing: count.by_standing,
                last: time_out(count.last),
                now: span.map(|span| span.state.clone()),
                since: span.map(|span| span.from),
                ever_agreed: spans.iter().any(|span| agreed(span.state.standing())),
                asked,
                fault,
                subject,
            });
        }
        rows.sort_by(|a, b| {
            b.messages
                .cmp(&a.messages)
                .then_with(|| (a.company, &a.subject).cmp(&(b.company, &b.subject)))
        });
        Ok(rows)
    }

    /// Members on WeCom's list of the recorded who sent nothing since `since`, by member.
    pub fn silent(&self, company: CompanyId, since: Millis) -> Result<Vec<Silent>> {
        let scope = self.scope(company)?;
        let view = self.view()?;
        let asker = Asker::new(&view)?;
        let mut silent = Vec::new();
        for one in scope.into_iter().filter(|one| one.until.is_none()) {
            let person: Option<i64> = view
                .prepare_cached("SELECT id FROM person WHERE key = ?")?
                .query_row([&one.member], |row| row.get(0))
                .optional()?;
            let (mut sent, mut last) = (0, 0);
            if let Some(person) = person {
                let theirs = Expr::And(vec![
                    Expr::Any(vec![term(Kind::Sender, person)]),
                    Expr::Any(vec![trait_term(Trait::Company, company.0)]),
                ]);
                asker.each(&theirs, |_, _, entry| {
                    sent += 1;
                    last = last.max(entry.time);
                })?;
            }
            if last < since.0 {
                silent.push(Silent {
                    company,
                    member: one.member,
                    since: one.since,
                    sent,
                    last: time_out(last),
                });
            }
        }
        Ok(silent)
    }
}
