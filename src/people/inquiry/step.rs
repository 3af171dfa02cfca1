//! One step of an inquiry: which call, about whom.

use crate::{
    directory::{
        Endpoint, PageGuard,
        rows::{
            contacts::{ExternalContactBatchGet, ExternalContactGet, GetFollowUserList},
            customer_tags::CorpTagList,
            departments::DepartmentList,
            groups::GroupChatGet,
            members::{UserGet, UserList},
            msgaudit::{GetInternalRoom, GetPermitUserList, GetRobotInfo},
            shapes::FollowUser,
            tags::{TagGet, TagList},
        },
    },
    people::known::Subject,
};

pub(super) enum Step {
    Departments,
    /// Members of a department; deep: and of those below it.
    Members {
        department: i64,
        deep: bool,
    },
    /// Who was not in the address book is not to be had.
    MembersEnd,
    Member(Subject),
    Followers,
    Customers {
        followers: Vec<String>,
        cursor: Option<String>,
    },
    /// As `MembersEnd`, for outsiders.
    CustomersEnd,
    Customer {
        who: Subject,
        cursor: Option<String>,
        seen: Vec<FollowUser>,
        guard: PageGuard,
    },
    Room {
        room: Subject,
        customer: bool,
        other: Option<String>,
    },
    Robot(Subject),
    CustomerTags,
    MemberTags,
    MembersOfTag(i64),
    Scope(usize),
}

impl Step {
    /// The call's name; none for a step without a call.
    pub(super) fn api(&self) -> &'static str {
        match self {
            Self::Departments => DepartmentList::ROW.name,
            Self::Members { .. } => UserList::ROW.name,
            Self::Member(_) => UserGet::ROW.name,
            Self::Followers => GetFollowUserList::ROW.name,
            Self::Customers { .. } => ExternalContactBatchGet::ROW.name,
            Self::Customer { .. } => ExternalContactGet::ROW.name,
            Self::Room { customer: true, .. } => GroupChatGet::ROW.name,
            Self::Room { .. } => GetInternalRoom::ROW.name,
            Self::Robot(_) => GetRobotInfo::ROW.name,
            Self::CustomerTags => CorpTagList::ROW.name,
            Self::MemberTags => TagList::ROW.name,
            Self::MembersOfTag(_) => TagGet::ROW.name,
            Self::Scope(_) => GetPermitUserList::ROW.name,
            // No calls.
            Self::MembersEnd | Self::CustomersEnd => "",
        }
    }

    /// Whom a single question is about.
    pub(super) fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Member(who) | Self::Robot(who) | Self::Customer { who, .. } => Some(who),
            Self::Room { room, .. } => Some(room),
            _ => None,
        }
    }
}
