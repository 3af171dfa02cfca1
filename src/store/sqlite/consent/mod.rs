//! Consent as the store keeps it: what was learnt, what is to be asked, and the state of messages.
//!
//! `gather` looks through newly opened records, `learn` keeps what was learnt, `agenda` says what to ask next, `states`
//! gives messages their state (a few at once, or all of them in one sweep), `reports` counts, `scope` keeps who is recorded, `held` what
//! is held per day.

mod agenda;
mod gather;
mod held;
mod learn;
mod mark;
mod reports;
mod scope;
mod states;

use rusqlite::Row;

use crate::{
    consent::{Change, How, State, Subject, Talk},
    ids::{CompanyId, Millis, RecordId},
    store::{Result, StoreError, contract::Known},
};

pub(super) use learn::learn;
pub(super) use mark::look_again;
pub(super) use states::with_standing;

const ROOM: i64 = 1;
const SINGLE: i64 = 2;

/// `kind` and `who`.
fn talk_in(talk: &Talk) -> (i64, &str) {
    match talk {
        Talk::Room(id) => (ROOM, id),
        Talk::With(id) => (SINGLE, id),
    }
}

fn talk_out(kind: i64, who: String) -> Result<Talk> {
    match kind {
        ROOM => Ok(Talk::Room(who)),
        SINGLE => Ok(Talk::With(who)),
        _ => Err(StoreError::Damaged(format!(
            "consent has the unknown kind {kind}"
        ))),
    }
}

fn how_in(how: How) -> i64 {
    match how {
        How::Asked => 1,
        How::Event => 2,
        How::Message => 3,
    }
}

fn how_out(column: i64) -> Result<How> {
    match column {
        1 => Ok(How::Asked),
        2 => Ok(How::Event),
        3 => Ok(How::Message),
        _ => Err(StoreError::Damaged(format!(
            "consent was learnt in the unknown way {column}"
        ))),
    }
}

/// The columns that [`known`] reads.
const COLUMNS: &str = "company, kind, who, external, status, since, dated, how, learnt, seen, record";

fn known(row: &Row<'_>) -> Result<Known> {
    Ok(Known {
        company: CompanyId(row.get(0)?),
        subject: Subject {
            talk: talk_out(row.get(1)?, row.get(2)?)?,
            external: row.get(3)?,
        },
        change: Change {
            state: State::from_word(&row.get::<_, String>(4)?),
            since: Millis(row.get(5)?),
            dated: row.get::<_, i64>(6)? != 0,
            how: how_out(row.get(7)?)?,
            learnt: Millis(row.get(8)?),
            seen: Millis(row.get(9)?),
            record: row.get::<_, Option<i64>>(10)?.map(RecordId),
        },
    })
}
