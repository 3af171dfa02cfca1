//! Groups with customers and internal ones, robots, and the list of recorded members.

use serde_json::{Value, json};

use super::{Company, Room, Town, given, good};
use crate::{Reaction, WeCom};

pub(super) fn open(town: &Town, server: &WeCom) {
    town.on(
        server,
        "/cgi-bin/externalcontact/groupchat/get",
        |company, asked| {
            let body = asked.json();
            match company.rooms.get(body["chat_id"].as_str().unwrap_or_default()) {
                Some(room) if room.customers => {
                    let names = body["need_name"] == 1;
                    good(json!({"group_chat": group(company, room, names)}))
                }
                Some(_) => Reaction::Code(90501),
                None => Reaction::Code(40050),
            }
        },
    );
    town.on(
        server,
        "/cgi-bin/msgaudit/groupchat/get",
        |company, asked| match company
            .rooms
            .get(asked.json()["roomid"].as_str().unwrap_or_default())
        {
            Some(room) if !room.customers => {
                let members: Vec<Value> = room
                    .people
                    .iter()
                    .map(|(id, since, _)| json!({"memberid": id, "jointime": since}))
                    .collect();
                good(
                    json!({"roomname": room.name, "creator": room.owner, "room_create_time": room.made,
                            "notice": "", "members": members}),
                )
            }
            _ => Reaction::Code(301_059),
        },
    );
    town.on(server, "/cgi-bin/msgaudit/get_robot_info", |company, asked| {
        let id = given(asked, "robot_id");
        match company.robots.get(id) {
            Some((name, maker)) => {
                good(json!({"data": {"robot_id": id, "name": name, "creator_userid": maker}}))
            }
            None => Reaction::Code(40003),
        }
    });
    town.on(
        server,
        "/cgi-bin/msgaudit/get_permit_user_list",
        |company, asked| {
            let wanted = asked.json()["type"].as_i64();
            let ids = match wanted {
                None | Some(3) => company.recorded.as_slice(),
                _ => &[],
            };
            good(json!({"ids": ids}))
        },
    );
}

fn group(company: &Company, room: &Room, names: bool) -> Value {
    let members: Vec<Value> = room
        .people
        .iter()
        .map(|(id, since, nickname)| {
            let member = company.members.get(&id.to_ascii_lowercase());
            let mut shown = json!({
                "userid": id,
                "type": if member.is_some() { 1 } else { 2 },
                "join_time": since,
                "join_scene": 1,
                "group_nickname": nickname,
            });
            if names {
                let customer = company.customers.get(id).map(|customer| &customer.name);
                shown["name"] = json!(member.map(|member| &member.name).or(customer));
            }
            shown
        })
        .collect();
    json!({
        "chat_id": room.id, "name": room.name, "owner": room.owner, "create_time": room.made,
        "notice": "", "member_list": members, "admin_list": [],
    })
}
