//! A company as its directory shows it: values that tests change, and the answers that follow from them.
//!
//! One file per subject: `members` (with departments and tags of members), `customers` (with their tags), `rooms` (with
//! robots and the list of recorded members), `groups` (all of them as a list, and counted), `consent`. [`Town::open`] hangs all handlers on a server.

mod cast;
mod consent;
mod customers;
mod groups;
mod members;
mod rooms;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};

use crate::{Asked, Reaction, WeCom};

/// Somebody of the company.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// As the address book spells it.
    pub userid: String,
    /// 姓名.
    pub name: String,
    /// 别名.
    pub alias: String,
    /// 职务.
    pub position: String,
    /// Ids of departments.
    pub departments: Vec<i64>,
}

/// What one member knows of a customer.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    /// The member.
    pub userid: String,
    /// 备注.
    pub remark: String,
    /// When they added each other, seconds.
    pub since: i64,
    /// Ids of customer tags.
    pub tags: Vec<String>,
    /// The member's own tags, by name.
    pub own_tags: Vec<String>,
}

/// Somebody outside.
#[derive(Debug, Clone, Default)]
pub struct Customer {
    /// `wm…` or `wo…`.
    pub id: String,
    /// The name in WeChat.
    pub name: String,
    /// Of WeCom contacts.
    pub company: String,
    /// Who follows; nobody: known only from groups.
    pub follows: Vec<Follow>,
}

/// A group.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// `wr…`.
    pub id: String,
    /// Empty: never named.
    pub name: String,
    /// Owner or maker.
    pub owner: String,
    /// Made at, seconds.
    pub made: i64,
    /// False: only members and robots.
    pub customers: bool,
    /// Id, time of joining in seconds, name in the room.
    pub people: Vec<(String, i64, String)>,
    /// As in lists: 0 normal, 1 owner left, 2 being inherited, 3 inherited.
    pub status: i64,
    /// Nobody ever wrote in it, as far as statistics tell.
    pub silent: bool,
}

/// A department.
#[derive(Debug, Clone, Default)]
pub struct Department {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// 0 for the root.
    pub parent: i64,
}

/// A tag of members.
#[derive(Debug, Clone, Default)]
pub struct MemberTag {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Members.
    pub members: Vec<String>,
    /// Departments.
    pub departments: Vec<i64>,
}

/// A tag of customers.
#[derive(Debug, Clone, Default)]
pub struct CustomerTag {
    /// `et…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The group of tags it is in.
    pub group: String,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub struct Company {
    /// Members by id, in lower case.
    pub members: BTreeMap<String, Member>,
    /// Customers by id.
    pub customers: BTreeMap<String, Customer>,
    /// Groups by id.
    pub rooms: BTreeMap<String, Room>,
    /// Robots: id, name, maker.
    pub robots: BTreeMap<String, (String, String)>,
    /// Departments.
    pub departments: Vec<Department>,
    /// Tags of members.
    pub member_tags: Vec<MemberTag>,
    /// Tags of customers.
    pub customer_tags: Vec<CustomerTag>,
    /// Members recorded under the enterprise edition.
    pub recorded: Vec<String>,
    /// False: `fetch_child` does nothing, as newer documents say.
    pub fetch_child: bool,
    /// Groups on a page of a list; 0: as many as are asked for.
    pub groups_per_page: usize,
}

/// A company behind a server; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Town(Arc<Mutex<Company>>);

impl Town {
    /// With this company.
    pub fn new(company: Company) -> Self {
        Self(Arc::new(Mutex::new(company)))
    }

    /// To look at and to change; answers follow at once.
    pub fn company(&self) -> MutexGuard<'_, Company> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers for this company from now on.
    pub fn open(&self, server: &WeCom) {
        members::open(self, server);
        customers::open(self, server);
        rooms::open(self, server);
        groups::open(self, server);
        consent::open(self, server);
    }

    /// One page of all customer groups, for tests that change the company between two pages.
    pub fn groups(&self, asked: &Asked) -> Reaction {
        groups::list(&self.company(), asked)
    }

    fn on(
        &self,
        server: &WeCom,
        path: &str,
        answer: impl Fn(&Company, &Asked) -> Reaction + Send + Sync + 'static,
    ) {
        let town = self.clone();
        server.on(path, move |asked| answer(&town.company(), asked));
    }
}

impl Company {
    /// Adds a member.
    pub fn member(&mut self, member: Member) {
        self.members.insert(member.userid.to_ascii_lowercase(), member);
    }

    /// Adds a customer.
    pub fn customer(&mut self, customer: Customer) {
        self.customers.insert(customer.id.clone(), customer);
    }

    /// Adds a group.
    pub fn room(&mut self, room: Room) {
        self.rooms.insert(room.id.clone(), room);
    }
}

/// A good answer with these fields.
fn good(fields: Value) -> Reaction {
    let mut answer = Map::new();
    answer.insert("errcode".into(), json!(0));
    answer.insert("errmsg".into(), json!("ok"));
    if let Value::Object(fields) = fields {
        answer.extend(fields);
    }
    Reaction::Json(Value::Object(answer))
}

/// A parameter of the address; empty when it is not there.
fn given<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.query.get(name).map_or("", String::as_str)
}
