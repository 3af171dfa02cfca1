//! What an answer says, as values that the store keeps.
//!
//! Must not know: calls, SQL.

use crate::message::{fold_id, is_external, is_robot};

macro_rules! numbered {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $number:literal $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$what])* $variant = $number),* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number it is kept as.
            pub fn number(self) -> i64 {
                self as i64
            }

            /// Back from its number.
            pub fn from_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The word for programs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

numbered!(
    /// What a directory can be asked about.
    Class {
        /// A member, somebody outside, or a robot.
        Person = 0 "person",
        /// A group, internal or not.
        Room = 1 "room",
        /// A department.
        Department = 2 "department",
        /// A tag of members.
        MemberTag = 3 "member_tag",
        /// A tag of customers.
        CustomerTag = 4 "customer_tag",
    }
);

numbered!(
    /// One sort of thing that can be known. Numbers are kept for ever.
    Aspect {
        /// What it is called; of somebody outside the name in WeChat.
        Name = 1 "name",
        /// A member's second name.
        Alias = 2 "alias",
        /// What a follower calls somebody outside; the item is the follower.
        Remark = 3 "remark",
        /// What somebody is called in a room; the item is the room.
        NameInRoom = 4 "name_in_room",
        /// A member's or contact's position.
        Position = 5 "position",
        /// The company of somebody outside.
        Company = 6 "company",
        /// A department a member is in; the item is its id.
        Department = 7 "department",
        /// A member who follows somebody outside, since they added each other; the item is the member.
        Follower = 8 "follower",
        /// A tag that a follower put on somebody outside; the item is `tag/follower`.
        CustomerTag = 9 "customer_tag",
        /// A tag of a follower's own, which has no id; the item is `tag/follower`, the value the tag.
        OwnTag = 10 "own_tag",
        /// A tag of members on a member or department; the item is its id.
        MemberTag = 11 "member_tag",
        /// An edition that a member's conversations are recorded under; the item is the edition.
        Scope = 12 "scope",
        /// State of a member's account: 1 active, 2 disabled, 4 not activated, 5 left.
        Status = 13 "status",
        /// Owner or maker of a room; maker of a robot.
        Owner = 14 "owner",
        /// Somebody in a room, since joining; the item is the person.
        Member = 15 "member",
        /// `internal` or `customer`.
        Sort = 16 "sort",
        /// The department above.
        Parent = 17 "parent",
        /// The group of tags that a tag is in.
        Group = 18 "group",
        /// When a room was made, milliseconds.
        Created = 19 "created",
    }
);

impl Aspect {
    /// True where the item alone is what is known; elsewhere an empty value is none.
    pub fn is_bare(self) -> bool {
        matches!(
            self,
            Self::Department
                | Self::Follower
                | Self::CustomerTag
                | Self::MemberTag
                | Self::Scope
                | Self::Member
        )
    }

    /// True for what people search by as a name.
    pub fn is_name(self) -> bool {
        matches!(
            self,
            Self::Name | Self::Alias | Self::Remark | Self::NameInRoom | Self::OwnTag
        )
    }
}

/// Which of its class: members, outsiders and robots are asked for differently, and so are rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A member; an internal room; any department or tag.
    Inside = 0,
    /// Somebody outside; a room with outsiders.
    Outside = 1,
    /// A robot.
    Robot = 2,
}

impl Kind {
    /// What an id looks like (messages §2: a hint, no proof).
    pub fn of_person(id: &str) -> Self {
        if is_external(id) {
            Self::Outside
        } else if is_robot(id) {
            Self::Robot
        } else {
            Self::Inside
        }
    }

    /// The number it is kept as.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// Back from its number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Inside, Self::Outside, Self::Robot]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// Somebody or something with an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// What it is.
    pub class: Class,
    /// Which of that.
    pub kind: Kind,
    /// The id in the form it is compared in.
    pub key: String,
    /// The id as it was seen.
    pub spelt: String,
}

impl Subject {
    /// A person, by its id.
    pub fn person(id: &str) -> Self {
        Self {
            class: Class::Person,
            kind: Kind::of_person(id),
            key: fold_id(id).into_owned(),
            spelt: id.to_owned(),
        }
    }

    /// A room, by its id.
    pub fn room(id: &str, kind: Kind) -> Self {
        Self {
            kind,
            ..Self::other(Class::Room, id)
        }
    }

    /// A department or tag, by its id.
    pub fn other(class: Class, id: impl ToString) -> Self {
        let id = id.to_string();
        Self {
            class,
            kind: Kind::Inside,
            key: id.clone(),
            spelt: id,
        }
    }
}

/// One value of an aspect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Which of several; empty where there is only one.
    pub item: String,
    /// The value.
    pub value: String,
    /// When it began, milliseconds, as the platform says; 0 when it does not.
    pub since: i64,
}

impl Said {
    /// The only value there is.
    pub fn only(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            ..Self::default()
        }
    }

    /// One of several.
    pub fn of(item: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            item: item.into(),
            value: value.into(),
            since: 0,
        }
    }

    /// Began then: seconds, as the platform counts.
    pub fn since(mut self, seconds: i64) -> Self {
        self.since = seconds.saturating_mul(1000).max(0);
        self
    }
}

/// What an answer says about one aspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// All there is: what is not in it has ended. Empty values count as none.
    Whole(Aspect, Vec<Said>),
    /// One item of several; the others are not spoken of. An empty value ends the item, except for aspects that
    /// have no values.
    Item(Aspect, Said),
    /// All items that end so (`…/follower`), and no others.
    Ending(Aspect, String, Vec<Said>),
}

/// What an answer says about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// About whom.
    pub subject: Subject,
    /// What.
    pub told: Vec<Told>,
    /// True when the subject counts as asked and answered by it.
    pub answers: bool,
}

/// Everybody of whom one thing is true, as one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// What is true.
    pub aspect: Aspect,
    /// Of which item.
    pub item: String,
    /// The class that is listed.
    pub class: Class,
    /// Ids.
    pub ids: Vec<String>,
    /// True: for everybody else it is not true any more. False: who is missing is to be asked about singly, because
    /// the list changed while it was read.
    pub certain: bool,
}

/// An id that nothing can be had about, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub subject: Subject,
    /// For people.
    pub why: String,
    /// True when it will not change by itself.
    pub lasting: bool,
}

/// Lists that are read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum List {
    /// Departments.
    Departments,
    /// Tags of members, with who has them.
    MemberTags,
    /// The company's tags for customers.
    CustomerTags,
    /// Members whose conversations are recorded, per edition.
    Scope,
}

impl List {
    /// All.
    pub const ALL: [Self; 4] = [
        Self::Departments,
        Self::MemberTags,
        Self::CustomerTags,
        Self::Scope,
    ];

    /// The word it is kept under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Departments => "departments",
            Self::MemberTags => "member_tags",
            Self::CustomerTags => "customer_tags",
            Self::Scope => "scope",
        }
    }
}

/// What one call brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The call's name.
    pub api: &'static str,
    /// What it says.
    pub news: Vec<News>,
    /// Whom it lists.
    pub rolls: Vec<Roll>,
    /// What cannot be had.
    pub refused: Vec<Refused>,
    /// Lists that are now read to their end.
    pub read: Vec<List>,
    /// A list that came with nothing on it. Nothing ends by that; where there was something before, it is told.
    pub empty: Option<Empty>,
}

/// What an empty list would have held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Empty {
    /// The call.
    pub api: &'static str,
    /// What it lists.
    pub class: Class,
    /// Which of that.
    pub kind: Kind,
    /// So many known ones make it implausible.
    pub from: u64,
}

impl Answer {
    /// The same in pieces of at most so many news, so that no write takes long; what closes a list comes last.
    pub fn pieces(mut self, most: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        while self.news.len() > most {
            let rest = self.news.split_off(most);
            pieces.push(Self {
                api: self.api,
                news: std::mem::replace(&mut self.news, rest),
                ..Self::default()
            });
        }
        pieces.push(self);
        pieces
    }

    /// True when there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.news.is_empty()
            && self.rolls.is_empty()
            && self.refused.is_empty()
            && self.read.is_empty()
            && self.empty.is_none()
    }
}
