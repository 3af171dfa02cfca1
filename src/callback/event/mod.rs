//! What callbacks say, as types (wecom-api §5.2).
//!
//! Lenient where the platform is: numbers may be texts, fields may be missing, fields of tomorrow are ignored. An
//! event is typed only when it names whom it is about; otherwise, and when nobody here knows it, it is
//! [`Event::Unknown`] with everything it held. Texts that must not print (welcome codes, tokens, message texts) are
//! [`Secret`]s, and the text as received is a [`Raw`].
//!
//! Must not know: what follows from an event.

mod read;

use std::fmt;

use zeroize::Zeroizing;

use super::tree::Element;
use crate::secret::Secret;

/// A decrypted event with what all events have.
#[derive(Debug, Clone)]
pub struct Notice {
    /// `ToUserName`: the corpid.
    pub to: String,
    /// `FromUserName`: `sys`, or a member who wrote to the app.
    pub from: String,
    /// `CreateTime`, in seconds since 1970.
    pub created: Option<i64>,
    /// `AgentID`, when there is one.
    pub agent: Option<String>,
    /// What happened.
    pub event: Event,
    /// The decrypted text as received.
    pub raw: Raw,
}

/// A decrypted text; prints its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Zeroizing<Vec<u8>>);

impl Raw {
    /// Every call site is a place to review: message texts and codes are in here.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `msgaudit_notify` (95039): there are new records to pull. Says nothing else.
    RecordsWaiting,
    /// `change_external_contact` (92130, 92005).
    ExternalContact(ExternalContact),
    /// `change_external_chat` (92130).
    ExternalChat(ExternalChat),
    /// `change_external_tag` (92130).
    ExternalTag(ExternalTag),
    /// `change_contact`, members (90970).
    Member(Box<Member>),
    /// `change_contact`, departments (90971).
    Department(Department),
    /// `change_contact`, `update_tag` (90972).
    MemberTag(MemberTag),
    /// `batch_job_result` (90973).
    BatchJob(BatchJob),
    /// `kf_msg_or_event` (94670).
    CustomerService {
        /// For `kf/sync_msg`; ends after 10 minutes.
        token: Option<Secret>,
        /// `OpenKfId`.
        account: String,
    },
    /// A member wrote to the app (90239).
    Message(Message),
    /// Nobody here knows it, or it does not say whom it is about; with all its fields. Empty when the text was no
    /// tree at all.
    Unknown {
        /// The fields as sent.
        fields: Vec<Element>,
    },
}

/// A customer and the member who follows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalContact {
    /// `UserID`: the member.
    pub user: String,
    /// `ExternalUserID`: the customer.
    pub external: String,
    /// What changed.
    pub change: ContactChange,
}

/// `ChangeType` of `change_external_contact`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactChange {
    /// `add_external_contact`: the member added the customer.
    Added {
        /// `State` of the contact way that was used.
        state: Option<String>,
        /// Lets its holder send the customer a message; an archive has no use for it.
        welcome_code: Option<Secret>,
    },
    /// `add_half_external_contact`: added without the customer's confirmation.
    HalfAdded {
        /// As in [`Added`](Self::Added).
        state: Option<String>,
        /// As in [`Added`](Self::Added).
        welcome_code: Option<Secret>,
    },
    /// `edit_external_contact`: remark or tags changed.
    Edited {
        /// As in [`Added`](Self::Added).
        state: Option<String>,
    },
    /// `del_external_contact`: the member removed the customer.
    Removed {
        /// `DELETE_BY_TRANSFER` when the customer went to another member.
        source: Option<String>,
    },
    /// `del_follow_user`: the customer removed the member.
    Left,
    /// `transfer_fail`.
    TransferFailed {
        /// `customer_refused` or `customer_limit_exceed`.
        reason: Option<String>,
    },
    /// `msg_audit_approved` (92005): the customer agreed to being archived. There is no such event for a refusal.
    ArchiveApproved {
        /// As in [`Added`](Self::Added).
        welcome_code: Option<Secret>,
    },
}

/// What of a customer and a member may be another now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactSubject {
    /// Whether the customer agrees to being archived.
    Consent,
    /// Name, remark, tags, followers.
    Names,
    /// Both.
    Both,
    /// Neither.
    Nobody,
}

impl ContactChange {
    /// What of them it is about.
    pub fn about(&self) -> ContactSubject {
        match self {
            Self::ArchiveApproved { .. } => ContactSubject::Consent,
            Self::Edited { .. } => ContactSubject::Names,
            Self::Added { .. } | Self::HalfAdded { .. } | Self::Removed { .. } | Self::Left => {
                ContactSubject::Both
            }
            Self::TransferFailed { .. } => ContactSubject::Nobody,
        }
    }
}

/// A customer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalChat {
    /// `ChatId`; the `roomid` of records.
    pub chat: String,
    /// What changed.
    pub change: ChatChange,
}

/// `ChangeType` of `change_external_chat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatChange {
    /// `create`
    Created,
    /// `update`; the group must be read again to know more, two seconds later at the earliest.
    Updated(ChatUpdate),
    /// `dismiss`
    Dismissed,
}

/// What changed in a customer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatUpdate {
    /// `UpdateDetail`: `add_member`, `del_member`, `change_owner`, `change_name`, `change_notice`, or a later one.
    pub detail: String,
    /// `JoinScene` of added members; 0 when nobody joined.
    pub join_scene: Option<i64>,
    /// `QuitScene` of removed members: 0 left by themselves, 1 removed.
    pub quit_scene: Option<i64>,
    /// `MemChangeCnt`
    pub count: Option<i64>,
    /// `MemChangeList`: members and customers; older events have none.
    pub members: Vec<String>,
    /// `LastMemVer`: version of the member list before.
    pub version_before: Option<String>,
    /// `CurMemVer`: and after.
    pub version_after: Option<String>,
}

/// What happened to a thing that is made, changed and removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `create…`
    Created,
    /// `update…`
    Updated,
    /// `delete…`
    Deleted,
    /// `shuffle`: tags changed their order.
    Reordered,
}

/// A customer tag or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalTag {
    /// `Id`; empty only when all were reordered.
    pub id: String,
    /// `TagType`: `tag` or `tag_group`.
    pub kind: Option<String>,
    /// `StrategyId`, for tags of a rule group.
    pub strategy: Option<String>,
    /// What happened.
    pub change: Change,
}

/// A member; fields that did not change are not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `UserID`, before a renaming.
    pub user: String,
    /// `NewUserID`: the member is called so from now on.
    pub renamed_to: Option<String>,
    /// `Name`
    pub name: Option<String>,
    /// `Alias`
    pub alias: Option<String>,
    /// `Department`: ids.
    pub departments: Vec<i64>,
    /// `MainDepartment`
    pub main_department: Option<i64>,
    /// `IsLeaderInDept`, in the order of `departments`.
    pub leads: Vec<bool>,
    /// `DirectLeader`: members.
    pub leaders: Vec<String>,
    /// `Position`
    pub position: Option<String>,
    /// `Status`: 1 active, 2 disabled, 4 not activated, 5 left.
    pub status: Option<i64>,
    /// What happened.
    pub change: Change,
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// `Id`
    pub id: i64,
    /// `Name`
    pub name: Option<String>,
    /// `ParentId`
    pub parent: Option<i64>,
    /// `Order`; unsigned 32 bit, greater ones come first.
    pub order: Option<i64>,
    /// What happened.
    pub change: Change,
}

/// Members and departments given a tag, or no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberTag {
    /// `TagId`
    pub id: i64,
    /// `AddUserItems`
    pub users_added: Vec<String>,
    /// `DelUserItems`
    pub users_removed: Vec<String>,
    /// `AddPartyItems`
    pub departments_added: Vec<i64>,
    /// `DelPartyItems`
    pub departments_removed: Vec<i64>,
}

/// The end of an asynchronous job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchJob {
    /// `JobId`
    pub id: String,
    /// `JobType`: `sync_user`, `replace_user`, `invite_user`, `replace_party`.
    pub kind: Option<String>,
    /// `ErrCode`
    pub code: Option<i64>,
    /// `ErrMsg`
    pub text: Option<String>,
}

/// What a member wrote to the app. Not a record of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `MsgId`; tells repetitions.
    pub id: Option<i64>,
    /// What was written.
    pub content: Content,
}

/// `MsgType` of a message and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// `text`
    Text(Secret),
    /// `image`
    Image {
        /// `PicUrl`
        url: Option<Secret>,
        /// `MediaId`, for `media/get` during three days.
        media: Secret,
    },
    /// `voice`
    Voice {
        /// As in [`Image`](Self::Image).
        media: Secret,
        /// `Format`: `amr`, `speex`.
        format: Option<String>,
    },
    /// `video`
    Video {
        /// As in [`Image`](Self::Image).
        media: Secret,
        /// `ThumbMediaId`
        thumbnail: Option<Secret>,
    },
    /// `location`; numbers as sent, so that no digit is lost.
    Location {
        /// `Location_X`, degrees.
        latitude: Secret,
        /// `Location_Y`, degrees.
        longitude: Secret,
        /// `Scale`
        scale: Option<i64>,
        /// `Label`
        label: Option<Secret>,
    },
    /// `link`
    Link {
        /// `Title`
        title: Option<Secret>,
        /// `Description`
        description: Option<Secret>,
        /// `Url`
        url: Option<Secret>,
        /// `PicUrl`
        picture: Option<Secret>,
    },
}

impl Notice {
    /// Reads a decrypted text. Never fails: it was signed by the platform, so what cannot be read is kept unread.
    pub fn read(text: Zeroizing<Vec<u8>>) -> Self {
        read::notice(text)
    }

    /// `change_external_chat.update` and the like, for logs: made of harmless characters, at most 80 of them.
    pub fn name(&self) -> String {
        read::name(&self.event)
    }

    /// False for [`Event::Unknown`].
    pub fn is_known(&self) -> bool {
        !matches!(self.event, Event::Unknown { .. })
    }
}
