//! All customer groups as a list, and how much was written in an owner's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Company, Room, Town, good};
use crate::{Asked, Reaction, WeCom};

/// Groups on a page, owners in a filter, and members in sight above which a list needs a filter.
const PAGE: i64 = 1000;
const OWNERS: usize = 100;
const IN_SIGHT: usize = 1000;

pub(super) fn open(town: &Town, server: &WeCom) {
    town.on(server, "/cgi-bin/externalcontact/groupchat/list", list);
    town.on(
        server,
        "/cgi-bin/externalcontact/groupchat/statistic",
        |company, asked| {
            let body = asked.json();
            let owners = match owners(company, &body) {
                Ok(Some(owners)) => owners,
                Ok(None) => return Reaction::Code(40058),
                Err(code) => return Reaction::Code(code),
            };
            let items: Vec<Value> = owners
                .iter()
                .filter_map(|owner| {
                    let own: Vec<&Room> = groups(company)
                        .filter(|room| room.owner.eq_ignore_ascii_case(owner))
                        .collect();
                    let written = own.iter().filter(|room| !room.silent).count();
                    let data = json!({"chat_total": own.len(), "chat_has_msg": written});
                    (!own.is_empty()).then(|| json!({"owner": owner, "data": data}))
                })
                .collect();
            let from = body["offset"].as_u64().unwrap_or(0) as usize;
            let limit = body["limit"].as_u64().unwrap_or(500) as usize;
            let page: Vec<&Value> = items.iter().skip(from).take(limit).collect();
            good(json!({"total": items.len(), "next_offset": from + page.len(), "items": page}))
        },
    );
}

/// A cursor is a number of groups passed over, so that one that goes away on an earlier page hides another.
pub(super) fn list(company: &Company, asked: &Asked) -> Reaction {
    let body = asked.json();
    let Some(limit) = body["limit"].as_i64().filter(|limit| (1..=PAGE).contains(limit)) else {
        return Reaction::Code(40058);
    };
    let status = body["status_filter"].as_i64().unwrap_or(0);
    let owners = match owners(company, &body) {
        Ok(None) if status == 0 && company.members.len() > IN_SIGHT => return Reaction::Code(81017),
        Ok(owners) => owners,
        Err(code) => return Reaction::Code(code),
    };
    let wanted = |room: &&Room| {
        let owned = owners
            .as_ref()
            .is_none_or(|owners| owners.iter().any(|owner| owner.eq_ignore_ascii_case(&room.owner)));
        owned && (status == 0 || room.status == status)
    };
    let all: Vec<&Room> = groups(company).filter(wanted).collect();
    let from: usize = body["cursor"]
        .as_str()
        .and_then(|cursor| cursor.parse().ok())
        .unwrap_or(0);
    let size = match company.groups_per_page {
        0 => limit as usize,
        size => size.min(limit as usize),
    };
    let page: Vec<Value> = all
        .iter()
        .skip(from)
        .take(size)
        .map(|room| json!({"chat_id": room.id, "status": room.status}))
        .collect();
    let passed = from + page.len();
    let cursor = if passed < all.len() {
        passed.to_string()
    } else {
        String::new()
    };
    good(json!({"group_chat_list": page, "next_cursor": cursor}))
}

/// Members who can own a group.
pub(super) fn owning(company: &Company) -> BTreeSet<&String> {
    groups(company)
        .map(|room| &room.owner)
        .filter(|owner| company.members.contains_key(&owner.to_ascii_lowercase()))
        .collect()
}

fn groups(company: &Company) -> impl Iterator<Item = &Room> {
    company.rooms.values().filter(|room| room.customers)
}

/// The filter, if there is one. One who left may not stand in it (40003).
fn owners(company: &Company, body: &Value) -> Result<Option<Vec<String>>, i64> {
    let Some(list) = body["owner_filter"]["userid_list"].as_array() else {
        return Ok(None);
    };
    let owners: Vec<String> = list
        .iter()
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    if owners.is_empty() || owners.len() > OWNERS {
        return Err(40058);
    }
    let here = |owner: &String| company.members.contains_key(&owner.to_ascii_lowercase());
    if owners.iter().all(here) {
        Ok(Some(owners))
    } else {
        Err(40003)
    }
}
