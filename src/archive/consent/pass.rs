//! One pass of asking: bounded, and ended early by a stop or by an error that the next call would only repeat.

use tokio::sync::watch;

use super::{ConsentOptions, ConsentPass, consent_gather};
use crate::{
    archive::{Desk, Error},
    consent::{self, How, Reading, Subject},
    directory::{self, Client, Endpoint, rows::msgaudit::GetPermitUserList},
    ids::{CompanyId, Millis},
    store::contract::{Asked, Due, Learnt, Question},
};

/// Pairs in one call.
const PAIRS: usize = 100;
/// So many questions in a row without a usable answer are no longer about the questions.
const IN_A_ROW: usize = 3;
const HOUR_MS: i64 = 3_600_000;

/// One pass: looks through what is new, reads whose conversations are recorded, asks what is due. Bounded by the options
/// and ended early by `stop`; an `Err` is the archive's own trouble, WeCom's stands in the pass.
pub async fn consent_pass(
    desk: &Desk,
    client: &Client,
    company: CompanyId,
    options: ConsentOptions,
    stop: &watch::Receiver<bool>,
) -> Result<ConsentPass, Error> {
    let (records, subjects, changes) = consent_gather(desk, company).await?;
    let mut pass = ConsentPass {
        records,
        subjects,
        changes,
        ..ConsentPass::default()
    };
    scope(desk, client, company, options, &mut pass).await?;
    // The list comes on top, so that even a budget of one call asks for something else.
    let budget = options.calls + pass.calls;
    let mut in_a_row = 0;
    while pass.stopped.is_none() && pass.calls < budget && !*stop.borrow() {
        let left = budget - pass.calls;
        // Rooms cost a call each and pairs a hundredth, so neither may starve the other.
        let (pairs, rooms) = (left.div_ceil(2).min(10) * PAIRS, left.div_ceil(2).min(50));
        let due = desk
            .ask(move |store| store.consent_due(company, Millis::now(), pairs, rooms))
            .await??;
        if due.is_empty() {
            break;
        }
        for question in calls(due) {
            if pass.stopped.is_some() || pass.calls >= budget || *stop.borrow() {
                break;
            }
            let trouble = match question {
                Call::Pairs(pairs) => ask_pairs(desk, client, company, options, pairs, &mut pass).await?,
                Call::Room(room) => ask_room(desk, client, company, options, room, &mut pass).await?,
            };
            match trouble {
                None => in_a_row = 0,
                Some(error) => {
                    in_a_row += 1;
                    if in_a_row >= IN_A_ROW || matches!(error, directory::Error::Unreachable { .. }) {
                        pass.stopped.get_or_insert(error);
                    }
                }
            }
        }
    }
    super::super::keep_server_clock(desk).await?;
    pass.left = desk
        .ask(move |store| store.consent_asking(company, Millis::now()))
        .await??;
    Ok(pass)
}

enum Call {
    Pairs(Vec<Due>),
    Room(Due),
}

/// Pairs by the hundred, those that failed before apart from the others and fewer with each time; rooms between them.
fn calls(due: Vec<Due>) -> Vec<Call> {
    let (pairs, rooms): (Vec<Due>, Vec<Due>) = due
        .into_iter()
        .partition(|one| matches!(one.question, Question::Pair(_)));
    let (good, bad): (Vec<Due>, Vec<Due>) = pairs.into_iter().partition(|one| one.failures == 0);
    let most = bad.iter().map(|one| one.failures).max().unwrap_or(0);
    let few = (PAIRS >> most.min(PAIRS.ilog2())).max(1);
    let mut batches = good
        .chunks(PAIRS)
        .chain(bad.chunks(few))
        .map(|batch| Call::Pairs(batch.to_vec()));
    let mut rooms = rooms.into_iter().map(Call::Room);
    let mut calls = Vec::new();
    loop {
        match (batches.next(), rooms.next()) {
            (None, None) => return calls,
            (batch, room) => calls.extend(batch.into_iter().chain(room)),
        }
    }
}

async fn scope(
    desk: &Desk,
    client: &Client,
    company: CompanyId,
    options: ConsentOptions,
    pass: &mut ConsentPass,
) -> Result<(), Error> {
    let now = Millis::now();
    let asked = desk
        .ask(move |store| store.consent_asking(company, now))
        .await??
        .scope_asked;
    if asked.is_some_and(|asked| asked.0 > now.0 - options.refresh_ms) {
        return Ok(());
    }
    pass.calls += 1;
    match consent::read_scope(client).await {
        // Somebody was recorded, and records come only of those who are: an empty list ends nobody's being recorded.
        Ok(members) if members.is_empty() && somebody_recorded(desk, company).await? => {
            pass.scope_fault = Some(directory::Error::Implausible {
                api: GetPermitUserList::ROW.name,
                why: "it lists nobody, and somebody was recorded before".to_owned(),
            });
        }
        Ok(members) => {
            desk.ask(move |store| store.scope_read(company, &members, Millis::now()))
                .await??;
        }
        Err(error) if !error.may_be_of_the_question() => pass.stopped = Some(error),
        // Consent can be asked for without the list.
        Err(error) => pass.scope_fault = Some(error),
    }
    Ok(())
}

async fn somebody_recorded(desk: &Desk, company: CompanyId) -> Result<bool, Error> {
    let scope = desk.ask(move |store| store.scope(company)).await??;
    Ok(scope.iter().any(|one| one.until.is_none()))
}

/// Returns why no pair was answered, if that may be about these pairs: each has a pause then.
async fn ask_pairs(
    desk: &Desk,
    client: &Client,
    company: CompanyId,
    options: ConsentOptions,
    pairs: Vec<Due>,
    pass: &mut ConsentPass,
) -> Result<Option<directory::Error>, Error> {
    let subjects: Vec<Subject> = pairs
        .iter()
        .filter_map(|due| match &due.question {
            Question::Pair(subject) => Some(subject.clone()),
            Question::Room(_) => None,
        })
        .collect();
    let answers = consent::read_pairs(client, &subjects).await;
    pass.calls += answers.calls;
    let now = Millis::now();
    let failures = |subject: &Subject| {
        let asked = Question::Pair(subject.clone());
        pairs
            .iter()
            .find(|due| due.question == asked)
            .map_or(0, |due| due.failures)
    };
    let fault = |subject: &Subject, fault: &str| Asked {
        question: Question::Pair(subject.clone()),
        due: later(now, failures(subject)),
        fault: Some(fault.to_owned()),
    };
    let mut asked: Vec<Asked> = answers
        .unknown
        .iter()
        .map(|subject| fault(subject, "301061: WeCom does not know this pair"))
        .collect();
    asked.extend(
        answers
            .unanswered
            .iter()
            .map(|subject| fault(subject, "the answer says nothing about this pair")),
    );
    asked.extend(
        answers
            .failed
            .iter()
            .map(|(subject, error)| fault(subject, &error.to_string())),
    );
    let failed = asked.len() as u64;
    let mut well = subjects.clone();
    well.retain(|subject| {
        ![&answers.unknown, &answers.unanswered, &answers.left]
            .iter()
            .any(|list| list.contains(subject))
            && !answers.failed.iter().any(|(failed, _)| failed == subject)
    });
    asked.extend(well.iter().map(|subject| Asked {
        question: Question::Pair(subject.clone()),
        due: Millis(now.0 + options.refresh_ms),
        fault: None,
    }));
    pass.answered += well.len() as u64;
    pass.failed += failed;
    let mut trouble = answers.failed.first().map(|(_, error)| error.clone());
    match answers.stopped {
        // The others must not wait behind these.
        Some(error) if error.may_be_of_the_question() => {
            let why = error.to_string();
            asked.extend(answers.left.iter().map(|subject| fault(subject, &why)));
            pass.failed += answers.left.len() as u64;
            trouble = Some(error);
        }
        stopped => pass.stopped = stopped,
    }
    keep(desk, company, answers.readings, asked, now, pass).await?;
    Ok(trouble.filter(|_| well.is_empty()))
}

/// Returns why the room was not answered, if that may be about the room: it has a pause then.
async fn ask_room(
    desk: &Desk,
    client: &Client,
    company: CompanyId,
    options: ConsentOptions,
    due: Due,
    pass: &mut ConsentPass,
) -> Result<Option<directory::Error>, Error> {
    let Question::Room(room) = &due.question else {
        return Ok(None);
    };
    pass.calls += 1;
    let answer = consent::read_room(client, room).await;
    let now = Millis::now();
    let (readings, fault) = match answer {
        Ok(readings) => (readings, None),
        Err(error) if !error.may_be_of_the_question() => {
            pass.stopped = Some(error);
            return Ok(None);
        }
        Err(error) => (Vec::new(), Some(error)),
    };
    *(if fault.is_none() {
        &mut pass.answered
    } else {
        &mut pass.failed
    }) += 1;
    let asked = Asked {
        due: match fault {
            None => Millis(now.0 + options.refresh_ms),
            Some(_) => later(now, due.failures),
        },
        question: due.question,
        fault: fault.as_ref().map(ToString::to_string),
    };
    keep(desk, company, readings, vec![asked], now, pass).await?;
    // Refusals of single rooms are nothing out of the ordinary.
    Ok(fault.filter(|error| error.code().is_none()))
}

async fn keep(
    desk: &Desk,
    company: CompanyId,
    readings: Vec<Reading>,
    asked: Vec<Asked>,
    now: Millis,
    pass: &mut ConsentPass,
) -> Result<(), Error> {
    let learnt: Vec<Learnt> = readings
        .into_iter()
        .map(|reading| Learnt {
            subject: reading.subject,
            state: reading.state,
            since: reading.since,
            how: How::Asked,
            at: now,
            record: None,
        })
        .collect();
    pass.changes += desk
        .ask(move |store| store.consent_answered(company, &learnt, &asked, now))
        .await??;
    Ok(())
}

/// When something that failed is tried again: after an hour, then two, four, up to a week.
fn later(now: Millis, failures: u32) -> Millis {
    Millis(now.0 + HOUR_MS.saturating_mul(1 << failures.min(8)).min(7 * 24 * HOUR_MS))
}
