//! The vocabulary: who, towards whom, what was said, and how that was learnt.

use std::fmt;

use crate::ids::{Millis, RecordId};

/// Where somebody agrees or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Talk {
    /// In a room, by `roomid`.
    Room(String),
    /// In single chats with this member, folded.
    With(String),
}

impl Talk {
    /// The roomid or the member.
    pub fn id(&self) -> &str {
        match self {
            Self::Room(id) | Self::With(id) => id,
        }
    }
}

/// An external person in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The conversation.
    pub talk: Talk,
    /// The external_userid.
    pub external: String,
}

/// What WeCom says of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// `Agree`
    Agreed,
    /// `Default_Agree`: nobody asked the person, the company's setting agrees for them.
    Default,
    /// `Disagree`
    Refused,
    /// A word nobody wrote down, verbatim.
    Other(String),
}

impl State {
    /// Reads WeCom's word; keeps one it does not know.
    pub fn from_word(word: &str) -> Self {
        match word {
            "Agree" => Self::Agreed,
            "Default_Agree" => Self::Default,
            "Disagree" => Self::Refused,
            other => Self::Other(other.to_owned()),
        }
    }

    /// WeCom's word.
    pub fn as_word(&self) -> &str {
        match self {
            Self::Agreed => "Agree",
            Self::Default => "Default_Agree",
            Self::Refused => "Disagree",
            Self::Other(word) => word,
        }
    }

    /// What it counts as.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Agreed => Standing::Agreed,
            Self::Default => Standing::Default,
            Self::Refused => Standing::Refused,
            Self::Other(_) => Standing::Unknown,
        }
    }
}

/// The four that can be asked for, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// 已同意
    Agreed,
    /// 默认同意
    Default,
    /// 未知
    Unknown,
    /// 不同意
    Refused,
}

impl Standing {
    /// All, as they are listed.
    pub const ALL: [Self; 4] = [Self::Agreed, Self::Default, Self::Refused, Self::Unknown];

    /// The word in queries and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Default => "default",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }

    /// Reads [`Standing::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == word)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How something was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// WeCom was asked; its times are whole seconds.
    Asked,
    /// An event of WeCom's; whole seconds.
    Event,
    /// An `agree` or `disagree` message of the archive.
    Message,
}

impl How {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Event => "event",
            Self::Message => "message",
        }
    }
}

/// One thing learnt about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// What holds from then on.
    pub state: State,
    /// From when on.
    pub since: Millis,
    /// False when nobody said from when on: then `since` is when it was first learnt.
    pub dated: bool,
    /// How it was learnt.
    pub how: How,
    /// When it was learnt first.
    pub learnt: Millis,
    /// When it was learnt last.
    pub seen: Millis,
    /// The message that says so.
    pub record: Option<RecordId>,
}
