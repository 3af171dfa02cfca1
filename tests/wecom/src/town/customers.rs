//! Customers, who follows them, and their tags.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Company, Customer, Follow, Town, given, good, groups};
use crate::{Reaction, WeCom};

/// Followers that may be asked about at once, and customers on a page.
const MOST: usize = 100;

pub(super) fn open(town: &Town, server: &WeCom) {
    town.on(
        server,
        "/cgi-bin/externalcontact/get_follow_user_list",
        |company, _| {
            // Whoever may have customers: some have only groups.
            let mut followers: BTreeSet<&String> = company
                .customers
                .values()
                .flat_map(|customer| customer.follows.iter().map(|follow| &follow.userid))
                .collect();
            followers.extend(groups::owning(company));
            good(json!({"follow_user": followers}))
        },
    );
    town.on(server, "/cgi-bin/externalcontact/get", |company, asked| {
        match company.customers.get(given(asked, "external_userid")) {
            Some(customer) if !customer.follows.is_empty() => {
                let follows: Vec<Value> = customer
                    .follows
                    .iter()
                    .map(|follow| {
                        let tags = follow.tags.iter().map(|id| tag(company, id));
                        let own = follow
                            .own_tags
                            .iter()
                            .map(|name| json!({"group_name": "", "tag_name": name, "type": 2}));
                        let mut shown = view(follow);
                        shown["tags"] = tags.chain(own).collect();
                        shown
                    })
                    .collect();
                good(json!({"external_contact": contact(customer), "follow_user": follows}))
            }
            // Known only from a group, or to nobody.
            _ => Reaction::Code(84061),
        }
    });
    town.on(
        server,
        "/cgi-bin/externalcontact/batch/get_by_user",
        |company, asked| {
            let body = asked.json();
            let wanted: Vec<&str> = body["userid_list"]
                .as_array()
                .map(|ids| ids.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            if wanted.len() > MOST {
                return Reaction::Code(40063);
            }
            let all: Vec<(&Customer, &Follow)> = company
                .customers
                .values()
                .flat_map(|customer| customer.follows.iter().map(move |follow| (customer, follow)))
                .filter(|(_, follow)| wanted.iter().any(|id| id.eq_ignore_ascii_case(&follow.userid)))
                .collect();
            let from: usize = body["cursor"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let limit = body["limit"].as_u64().unwrap_or(50).clamp(1, MOST as u64) as usize;
            let page: Vec<Value> = all
                .iter()
                .skip(from)
                .take(limit)
                .map(|(customer, follow)| {
                    let mut info = view(follow);
                    info["tag_id"] = json!(follow.tags);
                    json!({"external_contact": contact(customer), "follow_info": info})
                })
                .collect();
            let next = from + page.len();
            let cursor = if next < all.len() {
                next.to_string()
            } else {
                String::new()
            };
            good(json!({"external_contact_list": page, "next_cursor": cursor}))
        },
    );
    town.on(server, "/cgi-bin/externalcontact/get_corp_tag_list", |company, _| {
        let groups: BTreeSet<&String> = company.customer_tags.iter().map(|tag| &tag.group).collect();
        let shown: Vec<Value> = groups
            .into_iter()
            .enumerate()
            .map(|(nth, group)| {
                let tags = company.customer_tags.iter().filter(|tag| tag.group == *group);
                let tags: Vec<Value> = tags
                    .map(|tag| json!({"id": tag.id, "name": tag.name, "create_time": 1_700_000_000, "order": 1}))
                    .collect();
                json!({"group_id": format!("etgroup{nth}"), "group_name": group, "order": 1, "tag": tags})
            })
            .collect();
        good(json!({"tag_group": shown}))
    });
}

fn contact(customer: &Customer) -> Value {
    let wecom = customer.id.starts_with("wo");
    let mut shown = json!({
        "external_userid": customer.id,
        "name": customer.name,
        "type": if wecom { 2 } else { 1 },
        "gender": 0,
    });
    if wecom {
        shown["corp_name"] = json!(customer.company);
    }
    shown
}

fn view(follow: &Follow) -> Value {
    json!({
        "userid": follow.userid,
        "remark": follow.remark,
        "description": "",
        "createtime": follow.since,
        "add_way": 1,
    })
}

fn tag(company: &Company, id: &str) -> Value {
    let known = company.customer_tags.iter().find(|tag| tag.id == id);
    json!({
        "group_name": known.map_or("", |tag| &tag.group),
        "tag_name": known.map_or("", |tag| &tag.name),
        "type": 1,
        "tag_id": id,
    })
}
