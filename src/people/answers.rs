//! One function per answer: from the platform's shapes to what is kept of them.
//!
//! Only aspects that an answer speaks of are told; an answer that leaves a field out does not end what another call said.
//!
//! Must not know: who asked, in which order.

use super::known::{Aspect, Class, Kind, News, Said, Subject, Told};
use crate::{
    directory::rows::{
        contacts::FollowedContact,
        departments::Department,
        msgaudit::{InternalRoom, Robot},
        shapes::{ExternalContact, FollowUser, GroupChat, TagGroup, User},
    },
    message::fold_id,
};

/// `customer` and `internal`, the values of [`Aspect::Sort`].
const SORTS: (&str, &str) = ("internal", "customer");
/// External members of a group.
const OUTSIDE: i64 = 2;
/// A follower's own tag.
const OWN: i64 = 2;

fn one(aspect: Aspect, value: impl Into<String>) -> Told {
    Told::Whole(aspect, vec![Said::only(value)])
}

/// Told only when the field came.
fn maybe(aspect: Aspect, value: &Option<String>) -> Option<Told> {
    value.as_ref().map(|value| one(aspect, value))
}

/// Of lists that are never empty in life: each member is in a department, each room has somebody in it. An empty one
/// was left out, and ends nothing.
fn listed(aspect: Aspect, all: impl Iterator<Item = Said>) -> Option<Told> {
    let all: Vec<Said> = all.collect();
    (!all.is_empty()).then_some(Told::Whole(aspect, all))
}

fn news(subject: Subject, told: Vec<Told>) -> News {
    News {
        subject,
        told,
        answers: true,
    }
}

/// A member.
pub(super) fn user(user: &User) -> News {
    let departments = user.department.iter().map(|id| Said::of(id.to_string(), ""));
    let mut told = Vec::from_iter(listed(Aspect::Department, departments));
    told.extend(maybe(Aspect::Name, &user.name));
    told.extend(maybe(Aspect::Alias, &user.alias));
    told.extend(maybe(Aspect::Position, &user.position));
    told.extend(user.status.map(|status| one(Aspect::Status, status.to_string())));
    let mut subject = Subject::person(&user.userid);
    // Whatever it looks like: the address book says that it is a member.
    subject.kind = Kind::Inside;
    news(subject, told)
}

/// A department.
pub(super) fn department(department: &Department) -> News {
    let mut told = vec![one(Aspect::Parent, department.parentid.to_string())];
    told.extend(maybe(Aspect::Name, &department.name));
    news(Subject::other(Class::Department, department.id), told)
}

fn contact(contact: &ExternalContact) -> (Subject, Vec<Told>) {
    let mut subject = Subject::person(&contact.external_userid);
    subject.kind = Kind::Outside;
    let mut told = vec![one(Aspect::Name, &contact.name)];
    told.extend(maybe(Aspect::Position, &contact.position));
    told.extend(maybe(Aspect::Company, &contact.corp_name));
    (subject, told)
}

/// Somebody outside with all followers, and the tags that were named on the way.
pub(super) fn customer(about: &ExternalContact, follows: &[FollowUser]) -> Vec<News> {
    let (subject, mut told) = contact(about);
    let (mut followers, mut remarks, mut tags, mut own, mut named) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for follow in follows {
        let who = fold_id(&follow.userid);
        followers.push(Said::of(&*who, "").since(follow.createtime));
        remarks.push(Said::of(&*who, &follow.remark));
        for tag in follow.tags.iter().flatten() {
            match tag
                .tag_id
                .as_deref()
                .filter(|id| !id.is_empty() && tag.kind != OWN)
            {
                Some(id) => {
                    tags.push(Said::of(format!("{id}/{who}"), ""));
                    named.push(News {
                        subject: Subject::other(Class::CustomerTag, id),
                        told: vec![
                            one(Aspect::Name, &tag.tag_name),
                            one(Aspect::Group, &tag.group_name),
                        ],
                        answers: true,
                    });
                }
                None => own.push(Said::of(format!("{}/{who}", tag.tag_name), &tag.tag_name)),
            }
        }
    }
    told.extend([
        Told::Whole(Aspect::Follower, followers),
        Told::Whole(Aspect::Remark, remarks),
        Told::Whole(Aspect::CustomerTag, tags),
        Told::Whole(Aspect::OwnTag, own),
    ]);
    let mut all = vec![news(subject, told)];
    for one in named {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// Somebody outside as one follower sees them: nothing is said of other followers, or of tags without an id.
pub(super) fn followed(followed: &FollowedContact) -> News {
    let (subject, mut told) = contact(&followed.external_contact);
    let view = &followed.follow_info;
    let who = fold_id(&view.userid);
    let tags = view.tag_id.iter().flatten();
    let tags = tags.map(|id| Said::of(format!("{id}/{who}"), "")).collect();
    told.extend([
        Told::Item(Aspect::Follower, Said::of(&*who, "").since(view.createtime)),
        Told::Item(Aspect::Remark, Said::of(&*who, &view.remark)),
        Told::Ending(Aspect::CustomerTag, format!("/{who}"), tags),
    ]);
    news(subject, told)
}

/// A customer group; what people are called in it is known of them too.
pub(super) fn group(asked: &Subject, group: &GroupChat) -> Vec<News> {
    let members = group
        .member_list
        .iter()
        .map(|member| Said::of(fold_id(&member.userid), "").since(member.join_time));
    let mut subject = asked.clone();
    subject.kind = Kind::Outside;
    let mut told = vec![
        one(Aspect::Name, &group.name),
        one(Aspect::Owner, fold_id(&group.owner)),
        one(Aspect::Sort, SORTS.1),
        one(
            Aspect::Created,
            (group.create_time.saturating_mul(1000)).to_string(),
        ),
    ];
    told.extend(listed(Aspect::Member, members));
    let mut all = vec![news(subject, told)];
    // Somebody outside whom no member has as a contact has a name nowhere else.
    for member in &group.member_list {
        let outside = member.kind == OUTSIDE;
        let plain = member.name.as_deref().filter(|_| outside);
        let called = [member.group_nickname.as_deref(), plain];
        let Some(called) = called.into_iter().flatten().find(|name| !name.is_empty()) else {
            continue;
        };
        let mut subject = Subject::person(&member.userid);
        subject.kind = if outside { Kind::Outside } else { subject.kind };
        all.push(News {
            subject,
            told: vec![Told::Item(Aspect::NameInRoom, Said::of(&asked.key, called))],
            answers: false,
        });
    }
    all
}

/// An internal room.
pub(super) fn room(asked: &Subject, room: &InternalRoom) -> News {
    let members = room
        .members
        .iter()
        .map(|member| Said::of(fold_id(&member.memberid), "").since(member.jointime));
    let mut subject = asked.clone();
    subject.kind = Kind::Inside;
    let mut told = vec![
        one(Aspect::Name, &room.roomname),
        one(Aspect::Owner, fold_id(&room.creator)),
        one(Aspect::Sort, SORTS.0),
        one(
            Aspect::Created,
            (room.room_create_time.saturating_mul(1000)).to_string(),
        ),
    ];
    told.extend(listed(Aspect::Member, members));
    news(subject, told)
}

/// A robot.
pub(super) fn robot(asked: &Subject, robot: &Robot) -> News {
    news(
        asked.clone(),
        vec![
            one(Aspect::Name, &robot.name),
            one(Aspect::Owner, fold_id(&robot.creator_userid)),
        ],
    )
}

/// The company's tags for customers.
pub(super) fn tags(groups: &[TagGroup]) -> Vec<News> {
    let tags = groups
        .iter()
        .flat_map(|group| group.tag.iter().map(move |tag| (group, tag)));
    tags.map(|(group, tag)| {
        news(
            Subject::other(Class::CustomerTag, &tag.id),
            vec![
                one(Aspect::Name, &tag.name),
                one(Aspect::Group, &group.group_name),
            ],
        )
    })
    .collect()
}

/// A tag of members.
pub(super) fn member_tag(id: i64, name: &str) -> News {
    news(
        Subject::other(Class::MemberTag, id),
        vec![one(Aspect::Name, name)],
    )
}
