//! What crosses the store's door about consent, about who is recorded, and about how much is held per day.

use crate::{
    consent::{Change, How, Standing, State, Subject},
    ids::{CompanyId, Millis, RecordId},
};

/// Something to be kept about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// Whom it is about.
    pub subject: Subject,
    /// What holds.
    pub state: State,
    /// From when on; `None` when nobody said.
    pub since: Option<Millis>,
    /// How it was learnt.
    pub how: How,
    /// When it was learnt.
    pub at: Millis,
    /// The message that says so.
    pub record: Option<RecordId>,
}

/// Something that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose archive it is in.
    pub company: CompanyId,
    /// Whom it is about.
    pub subject: Subject,
    /// What it says.
    pub change: Change,
}

/// What looking through newly opened records brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Records looked at.
    pub records: u64,
    /// Conversations to ask about that were not known before.
    pub subjects: u64,
    /// Changes that agree and disagree messages told.
    pub changes: u64,
    /// There is more to look at.
    pub more: bool,
}

/// One thing to ask.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// An external person towards a member.
    Pair(Subject),
    /// Everybody external in a room.
    Room(String),
}

/// A question whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What to ask.
    pub question: Question,
    /// How often in a row it was not answered.
    pub failures: u32,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub question: Question,
    /// When it is due again.
    pub due: Millis,
    /// Why there was no answer; `None` when there was one.
    pub fault: Option<String>,
}

/// How the asking stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AskingState {
    /// Opened records that were not looked through for agree and disagree messages yet.
    pub unlooked: u64,
    /// Questions there are.
    pub questions: u64,
    /// Those that were never answered.
    pub never: u64,
    /// Those whose time has come.
    pub due: u64,
    /// When WeCom last told whose conversations are recorded; `None`: never.
    pub scope_asked: Option<Millis>,
}

/// A member whose conversations were recorded for a time, as far as WeCom's list was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InScope {
    /// The member, folded.
    pub member: String,
    /// First time on the list.
    pub since: Millis,
    /// Last time on the list.
    pub seen: Millis,
    /// First time not on it any more.
    pub until: Option<Millis>,
}

/// An external person with messages in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    /// Whose archive it is in.
    pub company: CompanyId,
    /// Who, and where.
    pub subject: Subject,
    /// Messages whose state depends on it.
    pub messages: u64,
    /// Those of them with that state at their sending: agreed, default, refused, unknown.
    pub by_standing: [u64; 4],
    /// The latest message.
    pub last: Option<Millis>,
    /// What holds now; `None` when nothing is known.
    pub now: Option<State>,
    /// Since when.
    pub since: Option<Millis>,
    /// True when it agreed at any time, also by default.
    pub ever_agreed: bool,
    /// When WeCom last answered about it; `None`: never.
    pub asked: Option<Millis>,
    /// Why it did not.
    pub fault: Option<String>,
}

impl SubjectRow {
    /// Messages with that state at their sending.
    pub fn with_standing(&self, standing: Standing) -> u64 {
        Standing::ALL
            .iter()
            .position(|one| *one == standing)
            .map_or(0, |at| self.by_standing[at])
    }
}

/// A member in scope and the last sign of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// Whose archive.
    pub company: CompanyId,
    /// The member.
    pub member: String,
    /// In scope since then, as far as is known.
    pub since: Millis,
    /// Messages the member sent, ever.
    pub sent: u64,
    /// The latest of them.
    pub last: Option<Millis>,
}

/// What the archive holds of one sender's external single chats on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSingle {
    /// The sender, folded.
    pub member: String,
    /// Day number since 1970 of the zone asked for.
    pub day: i64,
    /// Conversations.
    pub chats: u64,
    /// Messages.
    pub messages: u64,
}

/// What the archive holds of one room on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRoom {
    /// `roomid`
    pub room: String,
    /// Day number since 1970 of the zone asked for.
    pub day: i64,
    /// Messages.
    pub messages: u64,
}

/// How many records that are not open yet stand among those of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedOn {
    /// Day number since 1970 of the zone asked for.
    pub day: i64,
    /// Records.
    pub records: u64,
}

/// What the archive holds at all, for the question which rooms are missing in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldEver {
    /// Rooms with any message.
    pub rooms: std::collections::HashSet<String>,
    /// The earliest message.
    pub began: Option<Millis>,
    /// Records that are not open.
    pub closed: u64,
}
