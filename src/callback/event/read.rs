//! From the tree to the types, and from the types to names.

use zeroize::Zeroizing;

use super::{
    BatchJob, Change, ChatChange, ChatUpdate, ContactChange, Content, Department, Event, ExternalChat,
    ExternalContact, ExternalTag, Member, MemberTag, Message, Notice, Raw,
};
use crate::{callback::tree::Element, secret::Secret};

/// Characters of a name of an unknown event, each half of it.
const NAME: usize = 40;

pub(super) fn notice(text: Zeroizing<Vec<u8>>) -> Notice {
    let root = Element::read(&text).unwrap_or_default();
    let fields = Fields(&root);
    let event = event(&fields);
    Notice {
        to: fields.text("ToUserName").unwrap_or_default(),
        from: fields.text("FromUserName").unwrap_or_default(),
        created: fields.number("CreateTime"),
        agent: fields.text("AgentID"),
        event: event.unwrap_or_else(|| Event::Unknown {
            fields: root.children.clone(),
        }),
        raw: Raw(text),
    }
}

/// Fields by name; an empty one counts as missing, as the platform uses it.
struct Fields<'a>(&'a Element);

impl Fields<'_> {
    fn word(&self, name: &str) -> Option<&str> {
        self.0
            .text_of(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.word(name).map(str::to_owned)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.word(name).map(Secret::new)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.word(name)?.parse().ok()
    }

    /// A comma list, or `Item` elements.
    fn list(&self, name: &str) -> Vec<String> {
        let Some(child) = self.0.child(name) else {
            return Vec::new();
        };
        let texts: Vec<&str> = if child.children.is_empty() {
            child.text.split(',').collect()
        } else {
            child.children.iter().map(|item| item.text.as_str()).collect()
        };
        texts
            .into_iter()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn numbers(&self, name: &str) -> Vec<i64> {
        self.list(name)
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect()
    }
}

fn event(fields: &Fields<'_>) -> Option<Event> {
    if fields.word("MsgType")? != "event" {
        return message(fields).map(Event::Message);
    }
    let change = fields.word("ChangeType").unwrap_or_default();
    match fields.word("Event")? {
        "msgaudit_notify" => Some(Event::RecordsWaiting),
        "change_external_contact" => contact(fields, change).map(Event::ExternalContact),
        "change_external_chat" => chat(fields, change).map(Event::ExternalChat),
        "change_external_tag" => external_tag(fields, change).map(Event::ExternalTag),
        "change_contact" => address_book(fields, change),
        "batch_job_result" => batch_job(fields).map(Event::BatchJob),
        "kf_msg_or_event" => Some(Event::CustomerService {
            token: fields.secret("Token"),
            account: fields.text("OpenKfId")?,
        }),
        _ => None,
    }
}

fn contact(fields: &Fields<'_>, change: &str) -> Option<ExternalContact> {
    let state = fields.text("State");
    let welcome_code = fields.secret("WelcomeCode");
    Some(ExternalContact {
        user: fields.text("UserID")?,
        external: fields.text("ExternalUserID")?,
        change: match change {
            "add_external_contact" => ContactChange::Added { state, welcome_code },
            "add_half_external_contact" => ContactChange::HalfAdded { state, welcome_code },
            "edit_external_contact" => ContactChange::Edited { state },
            "del_external_contact" => ContactChange::Removed {
                source: fields.text("Source"),
            },
            "del_follow_user" => ContactChange::Left,
            "transfer_fail" => ContactChange::TransferFailed {
                reason: fields.text("FailReason"),
            },
            "msg_audit_approved" => ContactChange::ArchiveApproved { welcome_code },
            _ => return None,
        },
    })
}

fn chat(fields: &Fields<'_>, change: &str) -> Option<ExternalChat> {
    Some(ExternalChat {
        chat: fields.text("ChatId")?,
        change: match change {
            "create" => ChatChange::Created,
            "dismiss" => ChatChange::Dismissed,
            "update" => ChatChange::Updated(ChatUpdate {
                detail: fields.text("UpdateDetail").unwrap_or_default(),
                join_scene: fields.number("JoinScene"),
                quit_scene: fields.number("QuitScene"),
                count: fields.number("MemChangeCnt"),
                members: fields.list("MemChangeList"),
                version_before: fields.text("LastMemVer"),
                version_after: fields.text("CurMemVer"),
            }),
            _ => return None,
        },
    })
}

fn external_tag(fields: &Fields<'_>, change: &str) -> Option<ExternalTag> {
    let change = match change {
        "create" => Change::Created,
        "update" => Change::Updated,
        "delete" => Change::Deleted,
        "shuffle" => Change::Reordered,
        _ => return None,
    };
    let id = fields.text("Id");
    Some(ExternalTag {
        id: match change {
            Change::Reordered => id.unwrap_or_default(),
            _ => id?,
        },
        kind: fields.text("TagType"),
        strategy: fields.text("StrategyId"),
        change,
    })
}

fn address_book(fields: &Fields<'_>, change: &str) -> Option<Event> {
    let made = match change.split_once('_')?.0 {
        "create" => Change::Created,
        "update" => Change::Updated,
        "delete" => Change::Deleted,
        _ => return None,
    };
    match change {
        "create_user" | "update_user" | "delete_user" => Some(Event::Member(Box::new(Member {
            user: fields.text("UserID")?,
            renamed_to: fields.text("NewUserID"),
            name: fields.text("Name"),
            alias: fields.text("Alias"),
            departments: fields.numbers("Department"),
            main_department: fields.number("MainDepartment"),
            leads: fields
                .list("IsLeaderInDept")
                .iter()
                .map(|text| text == "1")
                .collect(),
            leaders: fields.list("DirectLeader"),
            position: fields.text("Position"),
            status: fields.number("Status"),
            change: made,
        }))),
        "create_party" | "update_party" | "delete_party" => Some(Event::Department(Department {
            id: fields.number("Id")?,
            name: fields.text("Name"),
            parent: fields.number("ParentId"),
            order: fields.number("Order"),
            change: made,
        })),
        "update_tag" => Some(Event::MemberTag(MemberTag {
            id: fields.number("TagId")?,
            users_added: fields.list("AddUserItems"),
            users_removed: fields.list("DelUserItems"),
            departments_added: fields.numbers("AddPartyItems"),
            departments_removed: fields.numbers("DelPartyItems"),
        })),
        _ => None,
    }
}

fn batch_job(fields: &Fields<'_>) -> Option<BatchJob> {
    let job = Fields(fields.0.child("BatchJob")?);
    Some(BatchJob {
        id: job.text("JobId")?,
        kind: job.text("JobType"),
        code: job.number("ErrCode"),
        text: job.text("ErrMsg"),
    })
}

fn message(fields: &Fields<'_>) -> Option<Message> {
    let media = || fields.secret("MediaId");
    let content = match fields.word("MsgType")? {
        // Not trimmed: it is what somebody wrote.
        "text" => Content::Text(Secret::new(fields.0.text_of("Content")?)),
        "image" => Content::Image {
            url: fields.secret("PicUrl"),
            media: media()?,
        },
        "voice" => Content::Voice {
            media: media()?,
            format: fields.text("Format"),
        },
        "video" => Content::Video {
            media: media()?,
            thumbnail: fields.secret("ThumbMediaId"),
        },
        "location" => Content::Location {
            latitude: fields.secret("Location_X")?,
            longitude: fields.secret("Location_Y")?,
            scale: fields.number("Scale"),
            label: fields.secret("Label"),
        },
        "link" => Content::Link {
            title: fields.secret("Title"),
            description: fields.secret("Description"),
            url: fields.secret("Url"),
            picture: fields.secret("PicUrl"),
        },
        _ => return None,
    };
    Some(Message {
        id: fields.number("MsgId"),
        content,
    })
}

/// The name of an event as the platform spells it.
pub(super) fn name(event: &Event) -> String {
    let (event, change) = match event {
        Event::RecordsWaiting => ("msgaudit_notify", None),
        Event::ExternalContact(contact) => (
            "change_external_contact",
            Some(match contact.change {
                ContactChange::Added { .. } => "add_external_contact",
                ContactChange::HalfAdded { .. } => "add_half_external_contact",
                ContactChange::Edited { .. } => "edit_external_contact",
                ContactChange::Removed { .. } => "del_external_contact",
                ContactChange::Left => "del_follow_user",
                ContactChange::TransferFailed { .. } => "transfer_fail",
                ContactChange::ArchiveApproved { .. } => "msg_audit_approved",
            }),
        ),
        Event::ExternalChat(chat) => (
            "change_external_chat",
            Some(match chat.change {
                ChatChange::Created => "create",
                ChatChange::Updated(_) => "update",
                ChatChange::Dismissed => "dismiss",
            }),
        ),
        Event::ExternalTag(tag) => ("change_external_tag", Some(made(tag.change))),
        Event::Member(member) => return format!("change_contact.{}_user", made(member.change)),
        Event::Department(department) => return format!("change_contact.{}_party", made(department.change)),
        Event::MemberTag(_) => ("change_contact", Some("update_tag")),
        Event::BatchJob(_) => ("batch_job_result", None),
        Event::CustomerService { .. } => ("kf_msg_or_event", None),
        Event::Message(message) => (
            "message",
            Some(match message.content {
                Content::Text(_) => "text",
                Content::Image { .. } => "image",
                Content::Voice { .. } => "voice",
                Content::Video { .. } => "video",
                Content::Location { .. } => "location",
                Content::Link { .. } => "link",
            }),
        ),
        Event::Unknown { fields } => return unknown(fields),
    };
    change.map_or_else(|| event.to_owned(), |change| format!("{event}.{change}"))
}

fn made(change: Change) -> &'static str {
    match change {
        Change::Created => "create",
        Change::Updated => "update",
        Change::Deleted => "delete",
        Change::Reordered => "shuffle",
    }
}

/// What an unknown event calls itself, as far as that can be printed.
fn unknown(fields: &[Element]) -> String {
    let word = |name: &str| -> Option<String> {
        let text = &fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?
            .text;
        let kept: String = text
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(NAME)
            .collect();
        (!kept.is_empty()).then_some(kept)
    };
    match (word("Event").or_else(|| word("InfoType")), word("ChangeType")) {
        (Some(event), Some(change)) => format!("{event}.{change}"),
        (Some(event), None) => event,
        (None, _) => {
            word("MsgType").map_or_else(|| "unreadable".to_owned(), |kind| format!("message.{kind}"))
        }
    }
}
