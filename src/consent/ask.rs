//! Asking WeCom: pairs, rooms, and who is recorded at all. Answers are matched by who they are about, never by position.

use std::collections::HashMap;

use super::change::{State, Subject, Talk};
use crate::{
    directory::{
        Class, Client, Endpoint, Error,
        rows::msgaudit::{AgreePair, Agreement, CheckRoomAgree, CheckSingleAgree, GetPermitUserList},
    },
    ids::Millis,
    message::fold_id,
};

/// What WeCom answered about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whom it is about.
    pub subject: Subject,
    /// What it says.
    pub state: State,
    /// Since when, if it says so.
    pub since: Option<Millis>,
}

/// Answers about pairs of a member and an external person.
#[derive(Debug, Clone, Default)]
pub struct PairAnswers {
    /// What was answered.
    pub readings: Vec<Reading>,
    /// Pairs that WeCom does not know (301061).
    pub unknown: Vec<Subject>,
    /// Pairs that were asked about and not answered.
    pub unanswered: Vec<Subject>,
    /// Pairs that cannot be answered, with the reason.
    pub failed: Vec<(Subject, Error)>,
    /// Calls made.
    pub calls: usize,
    /// Pairs that were not reached, because of `stopped`.
    pub left: Vec<Subject>,
    /// What stopped it.
    pub stopped: Option<Error>,
}

/// True when the error is about all calls, so that going on would only repeat it; false when it is about one subject.
pub fn ends_the_pass(error: &Error) -> bool {
    let of_one = matches!(
        error.class(),
        Some(Class::Item | Class::Gone | Class::Empty | Class::Narrow | Class::Unknown | Class::Bug)
    );
    !of_one && !error.is_no_answer()
}

/// Asks about pairs; those of rooms are left out. A pair that is unknown does not cost the others their answer.
pub async fn read_pairs(client: &Client, subjects: &[Subject]) -> PairAnswers {
    let mut open: HashMap<(String, String), Subject> = HashMap::new();
    let mut pairs = Vec::with_capacity(subjects.len());
    for subject in subjects {
        if let Talk::With(member) = &subject.talk {
            pairs.push(AgreePair {
                userid: member.clone(),
                external_userid: subject.external.clone(),
                ..AgreePair::default()
            });
            open.insert(key(member, &subject.external), subject.clone());
        }
    }
    let answered = client.check_single_agree(&pairs).await;
    let mut answers = PairAnswers {
        stopped: answered.stopped,
        calls: answered.calls,
        ..PairAnswers::default()
    };
    let mut take = |pairs: &[AgreePair]| -> Vec<Subject> {
        pairs
            .iter()
            .filter_map(|pair| open.remove(&key(&pair.userid, &pair.external_userid)))
            .collect()
    };
    answers.unknown = take(&answered.unknown);
    for (pair, error) in answered.failed {
        answers
            .failed
            .extend(take(&[pair]).into_iter().map(|subject| (subject, error.clone())));
    }
    answers.left = take(&answered.left);
    let mut others = 0_usize;
    for agreement in answered.found {
        let member = agreement.userid.clone().unwrap_or_default();
        // What is said about a pair that nobody asked about is evidence of nothing but a mistake.
        match open.remove(&key(&member, &agreement.external_userid)) {
            Some(subject) => answers.readings.push(reading(subject.talk, agreement)),
            None => others += 1,
        }
    }
    if others > 0 {
        tracing::warn!(
            api = CheckSingleAgree::ROW.name,
            others,
            "WeCom answered about pairs that were not asked about, or twice about one; not used"
        );
    }
    answers.unanswered = open.into_values().collect();
    answers.unanswered.sort_unstable();
    answers
}

/// Asks about everybody external in a room.
pub async fn read_room(client: &Client, room: &str) -> Result<Vec<Reading>, Error> {
    let answer = client.call(&CheckRoomAgree::new(room)).await?;
    let said = answer.agreeinfo.len();
    let readings: Vec<Reading> = answer
        .agreeinfo
        .into_iter()
        .filter(|agreement| !agreement.external_userid.is_empty())
        .map(|agreement| reading(Talk::Room(room.to_owned()), agreement))
        .collect();
    if said > 0 && readings.is_empty() {
        return Err(Error::Implausible {
            api: CheckRoomAgree::ROW.name,
            why: "it does not say whom it is about".to_owned(),
        });
    }
    Ok(readings)
}

/// Asks whose conversations are recorded; folded, each once, sorted.
pub async fn read_scope(client: &Client) -> Result<Vec<String>, Error> {
    let answer = client.call(&GetPermitUserList::new()).await?;
    let mut members: Vec<String> = answer.ids.iter().map(|id| fold_id(id).into_owned()).collect();
    members.retain(|id| !id.is_empty());
    members.sort_unstable();
    members.dedup();
    Ok(members)
}

fn reading(talk: Talk, agreement: Agreement) -> Reading {
    let since = Some(agreement.status_change_time)
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| seconds.checked_mul(1_000));
    Reading {
        subject: Subject {
            talk,
            external: agreement.external_userid,
        },
        state: State::from_word(&agreement.agree_status),
        since: since.map(Millis),
    }
}

fn key(member: &str, external: &str) -> (String, String) {
    (fold_id(member).into_owned(), external.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_answer_is_read_and_its_word_kept(word in ".{0,20}", seconds in any::<i64>(), external in ".{0,40}") {
            let agreement = Agreement {
                status_change_time: seconds,
                external_userid: external.clone(),
                agree_status: word.clone(),
                ..Agreement::default()
            };
            let reading = reading(Talk::With("ken".into()), agreement);
            prop_assert_eq!(reading.state.as_word(), word);
            prop_assert_eq!(reading.subject.external, external);
            let expected = seconds.checked_mul(1_000).filter(|since| *since > 0);
            prop_assert_eq!(reading.since.map(|since| since.0), expected);
        }
    }
}
