//! Whether customers agreed to being archived: most did, when they were added or joined; some by default, some refused, some
//! were never asked. Which is which follows from the id, so that every run tells the same.

use serde_json::{Value, json};

use super::{Company, Town, good};
use crate::WeCom;

pub(super) fn open(town: &Town, server: &WeCom) {
    town.on(
        server,
        "/cgi-bin/msgaudit/check_single_agree",
        |company, asked| {
            let asked = asked.json();
            let pairs = asked["info"].as_array().cloned().unwrap_or_default();
            let told: Vec<Value> = pairs
                .iter()
                .filter_map(|pair| {
                    let (userid, external) = (pair["userid"].as_str()?, pair["exteranalopenid"].as_str()?);
                    let follows = &company.customers.get(external)?.follows;
                    let follow = follows
                        .iter()
                        .find(|follow| follow.userid.eq_ignore_ascii_case(userid))?;
                    let status = stance(external)?;
                    Some(
                        json!({"userid": userid, "exteranalopenid": external, "agree_status": status,
                            "status_change_time": follow.since + 60}),
                    )
                })
                .collect();
            good(json!({"agreeinfo": told}))
        },
    );
    town.on(server, "/cgi-bin/msgaudit/check_room_agree", |company, asked| {
        let room = asked.json()["roomid"].as_str().unwrap_or_default().to_owned();
        let people = company.rooms.get(&room).map(|room| room.people.as_slice());
        let told: Vec<Value> = people
            .unwrap_or_default()
            .iter()
            .filter(|(id, ..)| Company::is_outside(id))
            .filter_map(|(id, joined, _)| {
                Some(json!({"exteranalopenid": id, "agree_status": stance(id)?, "status_change_time": joined + 60}))
            })
            .collect();
        good(json!({"agreeinfo": told}))
    });
}

/// As the platform writes it; nothing for somebody who was never asked.
fn stance(external: &str) -> Option<&'static str> {
    let sum: u32 = external.bytes().map(u32::from).sum();
    match sum % 12 {
        0 => Some("Disagree"),
        1 => None,
        2 | 3 => Some("Default_Agree"),
        _ => Some("Agree"),
    }
}

impl Company {
    fn is_outside(id: &str) -> bool {
        id.starts_with("wm") || id.starts_with("wo")
    }
}
