//! Questions of more than one call: pages, consent of many, all groups.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use kit::wecom::Reaction;
use serde_json::{Value, json};
use shiguan::directory::{
    Error,
    rows::{
        contacts::ExternalContactBatchGet,
        groups::GroupChatList,
        kf::KfSyncMsg,
        members::{UserGet, UserListId},
        msgaudit::AgreePair,
        shapes::OwnerFilter,
        statistics::GroupChatStatistic,
    },
};

use super::{block_on, client, wecom};

const IDS: &str = "/cgi-bin/user/list_id";
const BATCH: &str = "/cgi-bin/externalcontact/batch/get_by_user";
const GROUPS: &str = "/cgi-bin/externalcontact/groupchat/list";
const AGREE: &str = "/cgi-bin/msgaudit/check_single_agree";

fn page(asked: &Value, of: &[String], size: usize, key: &str, item: impl Fn(&String) -> Value) -> Value {
    let from: usize = asked["cursor"]
        .as_str()
        .and_then(|cursor| cursor.parse().ok())
        .unwrap_or(0);
    let to = (from + size).min(of.len());
    let next = if to < of.len() {
        to.to_string()
    } else {
        String::new()
    };
    let items: Vec<Value> = of[from.min(to)..to].iter().map(item).collect();
    json!({"errcode": 0, "errmsg": "ok", key: items, "next_cursor": next})
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number}")).collect()
}

#[test]
fn pages_are_read_to_the_end_also_short_and_empty_ones() {
    let server = wecom();
    server.on(IDS, |asked| {
        let asked = asked.json();
        Reaction::Json(page(
            &asked,
            &people(25),
            10,
            "dept_user",
            |id| json!({"userid": id, "department": 1}),
        ))
    });
    server.script(
        BATCH,
        [
            Reaction::Json(json!({"errcode": 0, "external_contact_list": [], "next_cursor": "a"})),
            Reaction::Json(json!({"errcode": 0, "external_contact_list": null, "next_cursor": "b"})),
            Reaction::Json(json!({"errcode": 0, "next_cursor": "c", "external_contact_list":
                [{"external_contact": {"external_userid": "wm1"}, "follow_info": {"userid": "rocky"}}]})),
            Reaction::Json(json!({"errcode": 0, "external_contact_list": [], "next_cursor": ""})),
        ],
    );
    let client = client(&server);
    block_on(async {
        let all = client
            .pages(&UserListId::new())
            .gather(|page| page.dept_user)
            .await;
        let all = all.whole().expect("everything");
        assert_eq!(all.len(), 25);
        let request = ExternalContactBatchGet::new(vec!["rocky".to_owned()]);
        let contacts = client
            .pages(&request)
            .gather(|page| page.external_contact_list)
            .await;
        assert_eq!(contacts.whole().expect("everything").len(), 1);
    });
    let asked = server.asked();
    let first = asked.iter().find(|asked| asked.path == IDS).expect("asked");
    assert_eq!(first.json(), json!({}), "no empty cursor on the first call");
    assert_eq!(server.count(BATCH), 4);
}

#[test]
fn what_changes_under_the_reader_ends_and_what_came_is_kept() {
    let server = wecom();
    // People leave while the list is read: the cursor soon points behind the end.
    let staff = Arc::new(Mutex::new(people(40)));
    let shrinking = Arc::clone(&staff);
    server.on(IDS, move |asked| {
        let mut staff = shrinking.lock().expect("a lock");
        let answer = page(
            &asked.json(),
            &staff,
            10,
            "dept_user",
            |id| json!({"userid": id, "department": 1}),
        );
        let left = staff.len().saturating_sub(7);
        staff.truncate(left);
        Reaction::Json(answer)
    });
    let client = client(&server);
    let read = block_on(client.pages(&UserListId::new()).gather(|page| page.dept_user)).whole();
    let ids: BTreeSet<String> = read
        .expect("an end")
        .into_iter()
        .map(|user| user.userid)
        .collect();
    assert!(ids.len() >= 20 && ids.len() <= 40, "{}", ids.len());
}

#[test]
fn a_cursor_that_stands_still_is_an_error_and_not_an_endless_loop() {
    let server = wecom();
    server.on(IDS, |_| {
        Reaction::Json(json!({"errcode": 0, "dept_user": [{"userid": "a"}], "next_cursor": "same"}))
    });
    let client = client(&server);
    let read = block_on(client.pages(&UserListId::new()).gather(|page| page.dept_user));
    assert_eq!(read.items.len(), 2, "what came is not dropped");
    assert!(matches!(read.stopped, Some(Error::Circle { .. })));
    assert_eq!(server.count(IDS), 2);
}

#[test]
fn cursors_in_a_circle_and_empty_pages_without_end_are_errors_and_what_came_is_kept() {
    let server = wecom();
    // a, b, a, b, ...
    server.on(IDS, |asked| {
        let next = if asked.json()["cursor"] == "a" { "b" } else { "a" };
        Reaction::Json(json!({"errcode": 0, "dept_user": [{"userid": next}], "next_cursor": next}))
    });
    let client = client(&server);
    let read = block_on(client.pages(&UserListId::new()).gather(|page| page.dept_user));
    assert!(matches!(read.stopped, Some(Error::Circle { .. })), "{read:?}");
    assert!(server.count(IDS) <= 4 && read.items.len() == server.count(IDS));

    // Always a new place, and never anything there. A page in between may be empty.
    let before = server.count(IDS);
    server.on(IDS, |asked| {
        let at: u32 = asked.json()["cursor"]
            .as_str()
            .map_or(0, |text| text.parse().expect("a number"));
        let found = if at == 3 {
            vec![json!({"userid": "late"})]
        } else {
            Vec::new()
        };
        // An end, for a reader that would go on.
        let next = if at < 200 {
            (at + 1).to_string()
        } else {
            String::new()
        };
        Reaction::Json(json!({"errcode": 0, "dept_user": found, "next_cursor": next}))
    });
    let read = block_on(client.pages(&UserListId::new()).gather(|page| page.dept_user));
    assert_eq!(read.items.len(), 1, "behind three empty pages");
    assert!(
        matches!(read.stopped, Some(Error::Implausible { .. })),
        "{read:?}"
    );
    assert!(server.count(IDS) - before < 30);
}

#[test]
fn a_page_that_fails_keeps_the_pages_before_it_and_can_be_asked_again() {
    let server = wecom();
    server.on(IDS, |asked| {
        Reaction::Json(page(
            &asked.json(),
            &people(30),
            10,
            "dept_user",
            |id| json!({"userid": id}),
        ))
    });
    let client = client(&server);
    block_on(async {
        let mut pages = client.pages(&UserListId::new());
        assert_eq!(
            pages
                .next()
                .await
                .expect("a page")
                .expect("not the end")
                .dept_user
                .len(),
            10
        );
        server.script(IDS, [Reaction::Code(60020)]);
        pages.next().await.expect_err("refused");
        let again = pages.next().await.expect("a page").expect("not the end");
        assert_eq!(again.dept_user[0].userid, "u10", "nothing was skipped");
        server.script(IDS, [Reaction::Code(60020)]);
        let partial = pages.gather(|page| page.dept_user).await;
        assert_eq!(partial.stopped.and_then(|error| error.code()), Some(60020));
    });
}

#[test]
fn offsets_and_cursors_that_last_are_followed_too() {
    let server = wecom();
    server.on("/cgi-bin/externalcontact/groupchat/statistic", |asked| {
        let from = asked.json()["offset"].as_i64().unwrap_or(0);
        let to = (from + 2).min(5);
        let items: Vec<Value> = (from..to)
            .map(|n| json!({"owner": n.to_string(), "data": {"msg_total": n}}))
            .collect();
        Reaction::Json(json!({"errcode": 0, "total": 5, "next_offset": to, "items": items}))
    });
    server.script(
        "/cgi-bin/kf/sync_msg",
        [
            Reaction::Json(json!({"errcode": 0, "next_cursor": "k1", "has_more": 1, "msg_list": []})),
            Reaction::Json(
                json!({"errcode": 0, "next_cursor": "k2", "has_more": 0, "msg_list": [{"msgid": "m"}]}),
            ),
        ],
    );
    let client = client(&server);
    block_on(async {
        let owners = OwnerFilter {
            userid_list: people(5),
            ..OwnerFilter::default()
        };
        let request = GroupChatStatistic::new(1_600_272_000, owners);
        let read = client
            .pages(&request)
            .gather(|page| page.items)
            .await
            .whole()
            .expect("everything");
        assert_eq!(
            read.iter().map(|one| one.data.msg_total).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
        let mut pages = client.pages(&KfSyncMsg::new());
        assert!(
            pages
                .next()
                .await
                .expect("a page")
                .expect("one")
                .msg_list
                .is_empty()
        );
        assert_eq!(
            pages.next().await.expect("a page").expect("one").msg_list.len(),
            1
        );
        assert!(pages.next().await.expect("the end").is_none());
        assert_eq!(pages.cursor(), Some("k2"), "kept for the next time");
    });
}

fn pairs(count: usize) -> Vec<AgreePair> {
    (0..count)
        .map(|number| AgreePair {
            userid: "zhangsan".into(),
            external_userid: format!("wm{number}"),
            ..AgreePair::default()
        })
        .collect()
}

/// Answers as the platform does: one unknown pair fails the call, and so do more than 100.
fn consent(server: &kit::WeCom, unknown: &'static [&'static str]) {
    server.on(AGREE, move |asked| {
        let asked = asked.json();
        let info = asked["info"].as_array().cloned().unwrap_or_default();
        let id = |pair: &Value| pair["exteranalopenid"].as_str().unwrap_or_default().to_owned();
        if info.len() > 100 {
            return Reaction::Code(301_060);
        }
        if info.iter().any(|pair| unknown.contains(&id(pair).as_str())) {
            return Reaction::Code(301_061);
        }
        let answers: Vec<Value> = info
            .iter()
            .map(|pair| json!({"status_change_time": 1, "userid": pair["userid"], "exteranalopenid": id(pair), "agree_status": "Agree"}))
            .collect();
        Reaction::Json(json!({"errcode": 0, "agreeinfo": answers}))
    });
}

#[test]
fn an_unknown_pair_is_found_by_halving_and_costs_nobody_else_the_answer() {
    let server = wecom();
    consent(&server, &["wm7", "wm8", "wm142"]);
    let client = client(&server);
    let answered = block_on(client.check_single_agree(&pairs(250)));
    assert_eq!(answered.stopped, None);
    assert_eq!(answered.found.len(), 247);
    let unknown: Vec<&str> = answered
        .unknown
        .iter()
        .map(|pair| pair.external_userid.as_str())
        .collect();
    assert_eq!(unknown, ["wm7", "wm8", "wm142"]);
    let ids: BTreeSet<&str> = answered
        .found
        .iter()
        .map(|one| one.external_userid.as_str())
        .collect();
    assert_eq!(ids.len(), 247, "each once");
    assert!(server.count(AGREE) < 45, "{}", server.count(AGREE));
}

#[test]
fn what_was_answered_before_a_failure_is_not_dropped() {
    let server = wecom();
    consent(&server, &[]);
    let client = client(&server);
    block_on(async {
        client.check_single_agree(&pairs(1)).await;
        server.script(
            AGREE,
            [
                Reaction::Json(json!({"errcode": 0, "agreeinfo": [{"exteranalopenid": "wm0"}]})),
                Reaction::Code(60020),
            ],
        );
        let answered = client.check_single_agree(&pairs(250)).await;
        assert_eq!((answered.found.len(), answered.left.len()), (1, 150));
        assert_eq!(answered.stopped.and_then(|error| error.code()), Some(60020));
    });
}

/// 260 owners with a group each, one of whom has left: too broad a question, and a filter that cannot name him.
#[test]
fn all_groups_are_found_by_slices_of_owners_and_those_of_leavers_too() {
    let server = wecom();
    server.on("/cgi-bin/externalcontact/get_follow_user_list", |_| {
        Reaction::Json(json!({"errcode": 0, "follow_user": people(260)}))
    });
    server.on(GROUPS, |asked| {
        let asked = asked.json();
        let owners: Vec<String> = match asked["owner_filter"]["userid_list"].as_array() {
            Some(list) => list
                .iter()
                .filter_map(|id| id.as_str().map(str::to_owned))
                .collect(),
            None if asked["status_filter"] == 1 => {
                return Reaction::Json(
                    json!({"errcode": 0, "group_chat_list": [{"chat_id": "wr_u33", "status": 1}]}),
                );
            }
            None => return Reaction::Code(81017),
        };
        if owners.len() > 100 {
            return Reaction::Code(40058);
        }
        if owners.iter().any(|owner| owner == "u33") {
            return Reaction::Code(40003);
        }
        Reaction::Json(page(
            &asked,
            &owners,
            30,
            "group_chat_list",
            |id| json!({"chat_id": format!("wr_{id}"), "status": 0}),
        ))
    });
    let client = client(&server);
    let all = block_on(client.all_groups());
    assert_eq!(all.stopped, None);
    assert_eq!(all.refused_owners, ["u33"]);
    let ids: BTreeSet<String> = all.groups.iter().map(|group| group.chat_id.clone()).collect();
    assert_eq!(
        (ids.len(), all.groups.len()),
        (260, 260),
        "each once, the leaver's too"
    );
    // Where the question is not too broad, it is asked once.
    server.on(GROUPS, |_| {
        Reaction::Json(json!({"errcode": 0, "group_chat_list": [{"chat_id": "wr1"}]}))
    });
    let before = server.count(GROUPS);
    assert_eq!(block_on(client.all_groups()).groups.len(), 1);
    assert_eq!(server.count(GROUPS), before + 1);
    let first = server
        .asked()
        .into_iter()
        .rev()
        .find(|asked| asked.path == GROUPS)
        .expect("asked");
    assert_eq!(first.json(), json!({"limit": 1000}), "no empty filter");
}

#[test]
fn an_unused_filter_and_cursor_are_not_sent() {
    let server = wecom();
    let client = client(&server);
    block_on(async {
        client.call(&GroupChatList::new(10)).await.expect("an answer");
        client.call(&UserGet::new("a b&c=d")).await.expect("an answer");
    });
    let asked = server.asked();
    assert_eq!(asked[1].json(), json!({"limit": 10}));
    assert_eq!(asked[2].query["userid"], "a b&c=d");
}
