//! Members, departments, tags of members.

use serde_json::{Value, json};

use super::{Member, Town, given, good};
use crate::{Reaction, WeCom};

pub(super) fn open(town: &Town, server: &WeCom) {
    // Ids are compared without regard to case.
    town.on(server, "/cgi-bin/user/get", |company, asked| {
        match company.members.get(&given(asked, "userid").to_ascii_lowercase()) {
            Some(member) => good(user(member)),
            None => Reaction::Code(60111),
        }
    });
    town.on(server, "/cgi-bin/user/list", |company, asked| {
        let Ok(id) = given(asked, "department_id").parse::<i64>() else {
            return Reaction::Code(60003);
        };
        let mut wanted = vec![id];
        if company.fetch_child && given(asked, "fetch_child") == "1" {
            let mut at = 0;
            while at < wanted.len() {
                let below = company.departments.iter().filter(|one| one.parent == wanted[at]);
                let below: Vec<i64> = below.map(|one| one.id).collect();
                wanted.extend(below);
                at += 1;
            }
        }
        let inside = company
            .members
            .values()
            .filter(|member| member.departments.iter().any(|id| wanted.contains(id)));
        good(json!({"userlist": inside.map(user).collect::<Vec<_>>()}))
    });
    town.on(server, "/cgi-bin/department/list", |company, _| {
        let all: Vec<Value> = company
            .departments
            .iter()
            .map(|one| json!({"id": one.id, "name": one.name, "parentid": one.parent, "order": 4_294_967_295_u32}))
            .collect();
        good(json!({"department": all}))
    });
    town.on(server, "/cgi-bin/tag/list", |company, _| {
        let all: Vec<Value> = company
            .member_tags
            .iter()
            .map(|tag| json!({"tagid": tag.id, "tagname": tag.name}))
            .collect();
        good(json!({"taglist": all}))
    });
    town.on(server, "/cgi-bin/tag/get", |company, asked| {
        let id = given(asked, "tagid").parse::<i64>().unwrap_or_default();
        match company.member_tags.iter().find(|tag| tag.id == id) {
            None => Reaction::Code(40068),
            Some(tag) => {
                let users: Vec<Value> = tag.members.iter().map(|id| json!({"userid": id})).collect();
                good(json!({"tagname": tag.name, "userlist": users, "partylist": tag.departments}))
            }
        }
    });
}

/// As little as most apps get.
fn user(member: &Member) -> Value {
    json!({
        "userid": member.userid,
        "name": member.name,
        "alias": member.alias,
        "position": member.position,
        "department": member.departments,
        "gender": "0",
        "status": 1,
    })
}
