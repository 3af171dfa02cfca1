//! Counting by consent: conversations with somebody outside and how they stand, and members who produce nothing.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::{
    COLUMNS, agenda, known,
    states::{Ledger, sweep},
};
use crate::{
    consent::{Change, Span, Standing, State, Subject, span_at, spans},
    ids::{CompanyId, Millis},
    store::{
        Result,
        contract::{Silent, SubjectRow},
        sqlite::{Reader, codes::time_out, index::Asker},
    },
};

#[derive(Clone, Copy, Default)]
struct Count {
    by_standing: [u64; 4],
    last: i64,
}

impl Count {
    fn add(&mut self, standing: Standing, time: i64) {
        if let Some(place) = Standing::ALL.iter().position(|one| *one == standing) {
            self.by_standing[place] += 1;
        }
        self.last = self.last.max(time);
    }
}

struct Counted<'l> {
    key: (CompanyId, Subject),
    spans: &'l [Span],
    count: Count,
}

impl Reader {
    /// Every external person in every conversation that the archive has messages of or knows an answer for, most messages
    /// first, with how they stand at `now`. One sweep over all messages.
    pub fn consent_subjects(&self, now: Millis) -> Result<Vec<SubjectRow>> {
        let view = self.view()?;
        let ledger = Ledger::all(&view)?;
        let mut counts: HashMap<(CompanyId, Subject), Count> = ledger
            .subjects()
            .map(|subject| (subject.clone(), Count::default()))
            .collect();
        // By gathering first: there are far fewer of them than messages. Each person is counted by their own state, not by the
        // gravest of the message.
        let mut gathered: Vec<Vec<Counted<'_>>> = Vec::new();
        sweep(&view, &ledger, |_, _, entry, _, at, gathering| {
            if at == gathered.len() {
                let counted = |subject: &Subject| Counted {
                    key: (gathering.company, subject.clone()),
                    spans: ledger.spans(gathering.company, subject).unwrap_or_default(),
                    count: Count::default(),
                };
                gathered.push(gathering.subjects.iter().map(counted).collect());
            }
            for counted in &mut gathered[at] {
                let span = time_out(entry.time).and_then(|time| span_at(counted.spans, time));
                let standing = span.map_or(Standing::Unknown, |span| span.state.standing());
                counted.count.add(standing, entry.time);
            }
            Ok(())
        })?;
        for counted in gathered.into_iter().flatten() {
            let sum = counts.entry(counted.key).or_default();
            for (sum, more) in sum.by_standing.iter_mut().zip(counted.count.by_standing) {
                *sum += more;
            }
            sum.last = sum.last.max(counted.count.last);
        }
        let mut rows = Vec::with_capacity(counts.len());
        for ((company, subject), count) in counts {
            let spans = ledger.spans(company, &subject).unwrap_or_default();
            let span = span_at(spans, now);
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

    /// How many external people refuse now, each in each conversation. Looks only at those who ever did.
    pub fn consent_refused(&self, company: CompanyId, now: Millis) -> Result<u64> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM consent_change c WHERE company = ?1 AND EXISTS (SELECT 1 FROM consent_change d
               WHERE d.company = ?1 AND d.kind = c.kind AND d.who = c.who AND d.external = c.external AND d.status = ?2)"
        ))?;
        let mut rows = statement.query(params![company.0, State::Refused.as_word()])?;
        let mut subjects: HashMap<Subject, Vec<Change>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let known = known(row)?;
            subjects.entry(known.subject).or_default().push(known.change);
        }
        let refuse = |changes: &&Vec<Change>| {
            span_at(&spans(changes), now).is_some_and(|span| span.state.standing() == Standing::Refused)
        };
        Ok(subjects.values().filter(refuse).count() as u64)
    }

    /// Members on WeCom's list of the recorded who sent nothing since `since`, or nothing at all, by member.
    pub fn silent(&self, company: CompanyId, since: Millis) -> Result<Vec<Silent>> {
        let scope = self.scope(company)?;
        let view = self.view()?;
        let mut sent: HashMap<i64, (u64, i64)> = HashMap::new();
        Asker::new(&view)?.everybody(|_, _, entry, who| {
            if who.company == company.0 {
                let (count, last) = sent.entry(who.sender).or_default();
                *count += 1;
                *last = entry.time.max(*last);
            }
            Ok(())
        })?;
        let mut silent = Vec::new();
        for one in scope.into_iter().filter(|one| one.until.is_none()) {
            let person: Option<i64> = view
                .prepare_cached("SELECT id FROM person WHERE key = ?")?
                .query_row([&one.member], |row| row.get(0))
                .optional()?;
            let (sent, last) = person
                .and_then(|person| sent.get(&person).copied())
                .unwrap_or_default();
            if sent == 0 || last < since.0 {
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
