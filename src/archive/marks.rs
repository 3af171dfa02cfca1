//! From what events marked to what is due: people and rooms whose names are asked again, conversations whose consent is.
//!
//! A mark is given up only after what it asks for is due in the same database, so a kill between the two asks twice.
//! Ids that no message named are not asked about; the first message that names one has it asked.

use super::{Desk, Error, consent};
use crate::{
    ids::{CompanyId, Millis},
    people,
    store::{
        Result, Store,
        contract::{
            Question,
            heard::{Stale, Subject, SubjectKind},
        },
    },
};

/// Marks taken at a time, so that the conveyor's writes come between.
const PIECE: usize = 200;

/// Makes due what events marked. Says whether there was anything, and whether marks are left whose time has not come.
pub async fn follow_marks(desk: &Desk, company: CompanyId, now: Millis) -> Result<(bool, bool), Error> {
    let mut some = false;
    for kind in SubjectKind::ALL {
        loop {
            let taken = desk.ask(move |store| follow(store, company, kind, now)).await??;
            some |= taken > 0;
            if taken < PIECE {
                break;
            }
        }
    }
    let left = desk
        .ask(move |store| {
            let mut left = false;
            for kind in SubjectKind::ALL {
                left |= !store.take_stale(company, kind, Millis(i64::MAX), 1)?.is_empty();
            }
            Ok::<_, crate::store::StoreError>(left)
        })
        .await??;
    Ok((some, left))
}

fn follow(store: &mut Store, company: CompanyId, kind: SubjectKind, now: Millis) -> Result<usize> {
    let marks = store.take_stale(company, kind, now, PIECE)?;
    if marks.is_empty() {
        return Ok(0);
    }
    store.ask_again(company, &names(&marks), now)?;
    store.consent_ask_again(company, &questions(&marks), now)?;
    store.stale_done(company, &marks, now)?;
    Ok(marks.len())
}

fn names(marks: &[Stale]) -> Vec<people::Subject> {
    let of = |mark: &Stale| match &mark.subject {
        Subject::Person(id) => Some(people::Subject::person(id)),
        // The kind is only for new ones, and those are left out.
        Subject::Room(id) => Some(people::Subject::room(id, people::Kind::Outside)),
        Subject::Pair { .. } => None,
    };
    marks.iter().filter_map(of).collect()
}

fn questions(marks: &[Stale]) -> Vec<Question> {
    let of = |mark: &Stale| match &mark.subject {
        // Somebody new in it has not been asked yet.
        Subject::Room(id) => Some(Question::Room(id.clone())),
        Subject::Pair { member, external } => Some(Question::Pair(consent::pair(member, external))),
        Subject::Person(_) => None,
    };
    marks.iter().filter_map(of).collect()
}
