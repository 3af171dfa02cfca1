//! Consent's way into the archive: looking through opened records, asking WeCom, keeping what was learnt.
//!
//! Beside the conveyor, never in it: everything here is short steps through the one writer, between which records land and
//! open as ever. A step that is killed leaves what it had finished, and the next pass goes on there.

mod pass;

use super::{Desk, Error};
use crate::{
    consent::{How, State, Subject, Talk},
    directory, events,
    ids::{CompanyId, Millis},
    message::fold_id,
    store::contract::{AskingState, Learnt},
};

pub use pass::consent_pass;

/// Records looked at in one step.
const STEP: usize = 2_000;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentOptions {
    /// An answer is asked for again when it is this old.
    pub refresh_ms: i64,
    /// Calls of one pass. An unknown pair costs a few more, because it has to be found among a hundred.
    pub calls: usize,
}

/// What a pass did.
#[derive(Debug, Default)]
pub struct ConsentPass {
    /// Newly opened records that were looked through.
    pub records: u64,
    /// Conversations that came on the agenda.
    pub subjects: u64,
    /// Calls made.
    pub calls: usize,
    /// Pairs and rooms that were answered.
    pub answered: u64,
    /// Pairs and rooms that were not.
    pub failed: u64,
    /// Changes nobody knew of before.
    pub changes: u64,
    /// How the asking stands now.
    pub left: AskingState,
    /// Why WeCom did not tell whose conversations are recorded.
    pub scope_fault: Option<directory::Error>,
    /// Why it ended before its time; nothing is lost, what was left is asked next time.
    pub stopped: Option<directory::Error>,
}

/// Looks through everything that was opened since the last time: what agree and disagree messages say, and whom to ask
/// about. Needs no network. Returns records, subjects and changes.
pub async fn consent_gather(desk: &Desk, company: CompanyId) -> Result<(u64, u64, u64), Error> {
    let mut sum = (0, 0, 0);
    loop {
        let step = desk
            .ask(move |store| store.consent_gather(company, STEP, Millis::now()))
            .await??;
        sum = (sum.0 + step.records, sum.1 + step.subjects, sum.2 + step.changes);
        if !step.more {
            return Ok(sum);
        }
    }
}

/// What an event of WeCom says (`msg_audit_approved`): an external person agreed towards a member. `at` is the event's time.
pub(super) fn approval(userid: &str, external: &str, at: Millis) -> Learnt {
    Learnt {
        subject: pair(userid, external),
        state: State::Agreed,
        since: Some(at),
        how: How::Event,
        at: Millis::now(),
        record: None,
    }
}

/// A member and an external person, as consent knows them.
pub(super) fn pair(userid: &str, external: &str) -> Subject {
    Subject {
        talk: Talk::With(fold_id(userid).into_owned()),
        external: external.to_owned(),
    }
}

/// Tells the log what a pass did.
pub fn tell_consent_pass(name: &str, pass: &ConsentPass) {
    events::consent_pass(name, pass.answered, pass.failed, pass.changes, pass.left.due);
    for error in pass.scope_fault.iter().chain(&pass.stopped) {
        events::consent_stopped(name, error);
    }
}
