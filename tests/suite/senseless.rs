//! Successes of the server API that make no sense: about another id than was asked, about nobody, in circles. Nothing of
//! them is attributed to anybody, each id is asked at most a few times, and every command ends.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kit::{
    WeCom,
    wecom::{
        Reaction,
        town::{Company, Room},
    },
};
use serde_json::{Value, json};

use super::people::{House, customer, guest, now, small, text};

const INTERNAL: &str = "wrINTERNALAAAAAAAAAA";
const CUSTOMERS: &str = "wrCUSTOMERSAAAAAAAAAA";
const ROBOT: &str = "wbROBOTAAAAAAAAAAAAAAAAAAA";

const USER: &str = "/cgi-bin/user/get";
const USERS: &str = "/cgi-bin/user/list";
const DEPARTMENTS: &str = "/cgi-bin/department/list";
const CUSTOMER: &str = "/cgi-bin/externalcontact/get";
const BY_USER: &str = "/cgi-bin/externalcontact/batch/get_by_user";
const FOLLOWERS: &str = "/cgi-bin/externalcontact/get_follow_user_list";
const GROUP: &str = "/cgi-bin/externalcontact/groupchat/get";
const ROOM: &str = "/cgi-bin/msgaudit/groupchat/get";
const ROBOT_INFO: &str = "/cgi-bin/msgaudit/get_robot_info";
const PERMIT: &str = "/cgi-bin/msgaudit/get_permit_user_list";
const PAIRS: &str = "/cgi-bin/msgaudit/check_single_agree";

/// Far more calls than any command needs. A program that asks for ever meets a limit here, so that the test ends.
const ENOUGH: usize = 60;

/// Answers a path by what is asked, until it was asked far too often.
fn lie(server: &WeCom, path: &str, answer: impl Fn(&kit::wecom::Asked) -> Value + Send + Sync + 'static) {
    let calls = Arc::new(AtomicUsize::new(0));
    server.on(path, move |asked| {
        if calls.fetch_add(1, Ordering::SeqCst) >= ENOUGH {
            return Reaction::Code(45009);
        }
        Reaction::Json(answer(asked))
    });
}

/// How often the same thing was asked on a path, at most.
fn most(server: &WeCom, path: &str) -> usize {
    let mut times: HashMap<String, usize> = HashMap::new();
    for asked in server.asked().iter().filter(|asked| asked.path == path) {
        let mut what = asked.json();
        for name in ["userid", "external_userid", "robot_id", "department_id"] {
            if let Some(value) = asked.query.get(name) {
                what[name] = json!(value);
            }
        }
        *times.entry(what.to_string()).or_default() += 1;
    }
    times.values().copied().max().unwrap_or(0)
}

/// The small company with a room of each kind and a robot, and a message in each.
fn company() -> (Company, Vec<Value>) {
    let mut company = small();
    for (id, customers) in [(INTERNAL, false), (CUSTOMERS, true)] {
        let mut people = vec![("lisi".to_owned(), 1_700_000_000, String::new())];
        people.extend(customers.then(|| (guest(1), 1_700_000_000, String::new())));
        company.room(Room {
            id: id.to_owned(),
            name: "真正的群名".to_owned(),
            owner: "lisi".to_owned(),
            made: 1_700_000_000,
            customers,
            people,
            ..Room::default()
        });
    }
    company
        .robots
        .insert(ROBOT.to_owned(), ("真正的机器人".to_owned(), "lisi".to_owned()));
    let messages = vec![
        text(1, "ZhangSan", &["lisi"], "", now()),
        text(2, "ZhangSan", &[&guest(1)], "", now()),
        text(3, "lisi", &["ZhangSan"], INTERNAL, now()),
        text(4, "lisi", &[&guest(1)], CUSTOMERS, now()),
        text(5, ROBOT, &["lisi"], "", now()),
    ];
    (company, messages)
}

fn house() -> House {
    let (company, messages) = company();
    let house = House::new(company, &messages);
    house.pull();
    house
}

fn count(house: &House, sql: &str) -> i64 {
    let conn = rusqlite::Connection::open(house.archive.dir.join("data/archive.db")).expect("the archive");
    conn.query_row(sql, [], |row| row.get(0)).expect("an answer")
}

#[test]
fn an_answer_about_another_id_or_about_none_is_no_answer_and_each_id_is_asked_once_or_twice() {
    let other = "WRONGname";
    let cases: [(&str, &[&str], Value); 13] = [
        (
            USER,
            &["ZhangSan", "lisi"],
            json!({"errcode": 0, "userid": "zhaomin", "name": other}),
        ),
        (
            USER,
            &["ZhangSan", "lisi"],
            json!({"errcode": 0, "userid": "", "name": other}),
        ),
        (USER, &["ZhangSan", "lisi"], json!({"errcode": 0, "name": other})),
        (USER, &["ZhangSan", "lisi"], json!({"errcode": 0, "errmsg": "ok"})),
        (
            CUSTOMER,
            &[],
            json!({"errcode": 0, "external_contact": {"external_userid": guest(77), "name": other}, "follow_user": []}),
        ),
        (
            CUSTOMER,
            &[],
            json!({"errcode": 0, "external_contact": {"name": other}, "follow_user": [{"userid": "lisi"}]}),
        ),
        (CUSTOMER, &[], json!({"errcode": 0, "errmsg": "ok"})),
        (
            GROUP,
            &[CUSTOMERS],
            json!({"errcode": 0, "group_chat": {"chat_id": "wrOTHERAAAAAAAAAAAAA", "name": other, "member_list": [
                {"userid": "stranger", "type": 1}]}}),
        ),
        (
            GROUP,
            &[CUSTOMERS],
            json!({"errcode": 0, "group_chat": {"name": other}}),
        ),
        (GROUP, &[CUSTOMERS], json!({"errcode": 0, "errmsg": "ok"})),
        (ROOM, &[INTERNAL], json!({"errcode": 0, "errmsg": "ok"})),
        (
            ROBOT_INFO,
            &[ROBOT],
            json!({"errcode": 0, "data": {"robot_id": "wbOTHER", "name": other}}),
        ),
        (ROBOT_INFO, &[ROBOT], json!({"errcode": 0, "errmsg": "ok"})),
    ];
    let customer_id = guest(1);
    for (path, about, answer) in cases {
        let house = house();
        let shown = answer.clone();
        lie(&house.server, path, move |_| shown.clone());
        let told = house.refresh();
        assert!(
            most(&house.server, path) <= 2,
            "{path} {answer}: asked {} times",
            most(&house.server, path)
        );
        let about: Vec<&str> = if about.is_empty() {
            vec![&customer_id]
        } else {
            about.to_vec()
        };
        assert_eq!(told["not_available"], about.len(), "{path} {answer}: {told}");
        assert_eq!(told["left"], 0, "{path} {answer}: {told}");
        for id in about {
            let shown = house.show(id, None);
            assert_ne!(shown["standing"], "known", "{path} {answer}: {shown}");
            assert!(
                shown.to_string().contains("makes no sense"),
                "{path} {answer}: {shown}"
            );
        }
        let wrong = count(
            &house,
            "SELECT count(*) FROM known WHERE value = 'WRONGname' OR item = 'stranger'",
        );
        assert_eq!(wrong, 0, "{path} {answer}: attributed to somebody");
        // What is no answer is asked for later, and the others were answered.
        house.town.open(&house.server);
        let again = house.refresh_all();
        assert_eq!(
            (&again["left"], &again["not_available"]),
            (&json!(0), &json!(0)),
            "{path} {answer}: {again}"
        );
    }
}

#[test]
fn the_same_member_in_another_case_is_taken() {
    let house = house();
    lie(&house.server, USER, |asked| {
        let id = asked.query["userid"].to_ascii_uppercase();
        json!({"errcode": 0, "userid": id, "name": "大写", "department": [1]})
    });
    let told = house.refresh();
    assert_eq!(
        (&told["left"], &told["not_available"]),
        (&json!(0), &json!(0)),
        "{told}"
    );
    assert_eq!(most(&house.server, USER), 1);
    for id in ["ZhangSan", "lisi"] {
        let shown = house.show(id, None);
        assert_eq!(shown["standing"], "known", "{shown}");
        assert!(shown.to_string().contains("大写"), "{shown}");
    }
}

#[test]
fn a_refresh_ends_whatever_the_whole_platform_answers() {
    for answer in [
        json!({"errcode": 0, "errmsg": "ok"}),
        json!({}),
        json!({"errcode": 0, "userid": "zhaomin", "userlist": [{"userid": "zhaomin"}], "department": [{"id": 1, "parentid": 1}],
               "follow_user": ["zhaomin"], "ids": ["zhaomin"], "taglist": [{"tagid": 1, "tagname": "t"}], "tag_group": [],
               "external_contact": {"external_userid": "wmX"}, "members": [], "next_cursor": "again",
               "external_contact_list": [{"external_contact": {"external_userid": "wmX"}, "follow_info": {"userid": "q"}}],
               "group_chat": {"chat_id": "wrX"}, "data": {"robot_id": "wbX"}, "agreeinfo": [{"userid": "q", "exteranalopenid": "wmX"}]}),
    ] {
        for sweep in ["directory.sweep_from=1", "directory.sweep_from=1000"] {
            let house = house();
            let paths = [
                USER,
                USERS,
                DEPARTMENTS,
                CUSTOMER,
                BY_USER,
                FOLLOWERS,
                GROUP,
                ROOM,
                ROBOT_INFO,
                PERMIT,
                PAIRS,
                "/cgi-bin/tag/list",
                "/cgi-bin/tag/get",
                "/cgi-bin/externalcontact/get_corp_tag_list",
            ];
            for path in paths {
                let answer = answer.clone();
                lie(&house.server, path, move |_| answer.clone());
            }
            let finished = house.run(&["directory", "refresh", "--json", "--set", sweep]);
            assert!(
                matches!(finished.code, Some(0 | 1)),
                "{answer} {sweep}: {}",
                finished.stderr
            );
            for path in paths {
                let times = most(&house.server, path);
                assert!(
                    times <= 5,
                    "{answer} {sweep}: {path} was asked the same {times} times"
                );
            }
            house.run(&["consent", "check", "--json"]);
            assert!(
                most(&house.server, PAIRS) <= 3 && most(&house.server, PERMIT) <= 8,
                "{answer} {sweep}"
            );
        }
    }
}

#[test]
fn pages_in_a_circle_end_and_cost_the_others_nothing() {
    // The followers of one customer.
    let house = house();
    let of = guest(1);
    lie(&house.server, CUSTOMER, move |asked| {
        let next = if asked.query.get("cursor").is_some_and(|cursor| cursor == "a") {
            "b"
        } else {
            "a"
        };
        json!({"errcode": 0, "external_contact": {"external_userid": of, "name": "n"},
               "follow_user": [{"userid": "lisi"}], "next_cursor": next})
    });
    let told = house.refresh();
    assert!(house.server.count(CUSTOMER) <= 4, "{told}");
    assert_eq!(
        (&told["not_available"], &told["left"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    assert!(
        house
            .show(&guest(1), None)
            .to_string()
            .contains("paging does not move on")
    );

    // The customers of a follower.
    let house = crowded();
    lie(&house.server, BY_USER, |asked| {
        let next = if asked.json()["cursor"] == "a" { "b" } else { "a" };
        json!({"errcode": 0, "external_contact_list": [
                 {"external_contact": {"external_userid": guest(100), "name": "客户000"}, "follow_info": {"userid": "ZhangSan"}}],
               "next_cursor": next})
    });
    let told = house
        .run(&[
            "directory",
            "refresh",
            "--json",
            "--set",
            "directory.sweep_from=10",
        ])
        .json();
    assert!(house.server.count(BY_USER) <= 4, "{told}");
    assert!(
        told["troubles"].to_string().contains("paging does not move on"),
        "{told}"
    );
    for nth in 0..20 {
        assert_eq!(
            house.show(&guest(100 + nth), None)["standing"],
            "known",
            "{nth}: {told}"
        );
    }
}

#[test]
fn an_address_book_of_nobody_and_departments_in_a_circle_make_nobody_leave() {
    let tree = |parents: &[(i64, i64)]| {
        let all: Vec<Value> = parents
            .iter()
            .map(|(id, parent)| json!({"id": id, "name": format!("部门{id}"), "parentid": parent}))
            .collect();
        json!({"errcode": 0, "department": all})
    };
    for (what, path, answer) in [
        ("no departments", DEPARTMENTS, tree(&[])),
        ("its own parent", DEPARTMENTS, tree(&[(1, 1), (2, 1)])),
        ("a circle", DEPARTMENTS, tree(&[(1, 2), (2, 1)])),
        (
            "nobody in any department",
            USERS,
            json!({"errcode": 0, "userlist": []}),
        ),
        ("no list of members", USERS, json!({"errcode": 0})),
        (
            "no followers",
            FOLLOWERS,
            json!({"errcode": 0, "follow_user": []}),
        ),
        ("no list of followers", FOLLOWERS, json!({"errcode": 0})),
        (
            "customers of others",
            BY_USER,
            json!({"errcode": 0, "external_contact_list": [
                {"external_contact": {"external_userid": guest(9), "name": "x"}, "follow_info": {"userid": "stranger"}}]}),
        ),
    ] {
        let house = house();
        lie(&house.server, path, move |_| answer.clone());
        house.run(&[
            "directory",
            "refresh",
            "--json",
            "--set",
            "directory.sweep_from=1",
        ]);
        for id in ["ZhangSan", "lisi", &guest(1)] {
            let shown = house.show(id, None);
            assert_eq!(shown["standing"], "known", "{what}: {shown}");
        }
        assert_eq!(
            count(&house, "SELECT count(*) FROM known WHERE item = 'stranger'"),
            0,
            "{what}"
        );
    }
}

/// A company with twenty customers of one member more, pulled.
fn crowded() -> House {
    let (mut company, mut messages) = company();
    for nth in 0..20 {
        company.customer(customer(&guest(100 + nth), &format!("客户{nth:03}"), "ZhangSan"));
        messages.push(text(100 + nth, "ZhangSan", &[&guest(100 + nth)], "", now()));
    }
    let house = House::new(company, &messages);
    house.pull();
    house
}

/// A list of customers that does not come for one member is read for the others.
#[test]
fn one_member_without_a_list_of_customers_costs_no_other_its_list() {
    let house = crowded();
    house.server.answer(
        FOLLOWERS,
        json!({"errcode": 0, "follow_user": ["lisi", "ZhangSan"]}),
    );
    lie(&house.server, BY_USER, |asked| {
        if asked.json()["userid_list"].to_string().contains("lisi") {
            return json!({"errcode": 987_654});
        }
        let list: Vec<Value> = (100..120)
            .map(|nth| {
                json!({"external_contact": {"external_userid": guest(nth), "name": format!("客户{nth}")},
                       "follow_info": {"userid": "ZhangSan"}})
            })
            .collect();
        json!({"errcode": 0, "external_contact_list": list})
    });
    let told = house
        .run(&[
            "directory",
            "refresh",
            "--json",
            "--set",
            "directory.sweep_from=10",
        ])
        .json();
    assert_eq!(house.server.count(BY_USER), 3, "both, then each: {told}");
    assert_eq!(
        house.server.count(CUSTOMER),
        1,
        "the one who is on no list: {told}"
    );
    assert!(told["troubles"].to_string().contains("987654"), "{told}");
    for nth in [1, 100, 119] {
        assert_eq!(
            house.show(&guest(nth), None)["standing"],
            "known",
            "{nth}: {told}"
        );
    }
}

/// Lists of customers without anybody on them do not make anybody no customer.
#[test]
fn empty_lists_of_customers_make_nobody_a_stranger() {
    let house = crowded();
    let sweep = [
        "directory",
        "refresh",
        "--json",
        "--all",
        "--set",
        "directory.sweep_from=10",
    ];
    house.run(&sweep);
    lie(
        &house.server,
        BY_USER,
        |_| json!({"errcode": 0, "external_contact_list": []}),
    );
    let told = house.run(&sweep).json();
    assert!(told["troubles"].to_string().contains("nothing on it"), "{told}");
    assert_eq!(told["not_available"], 0, "{told}");
    assert_eq!(house.show(&guest(119), None)["standing"], "known", "{told}");
}

/// One id about which the platform says what would end everything is put aside; the next pass has the others.
#[test]
fn one_id_does_not_end_every_pass() {
    for refusal in ["status", "code"] {
        let house = house();
        house.server.on(USER, move |asked| {
            match asked.query["userid"].to_lowercase().as_str() {
                "zhangsan" if refusal == "status" => Reaction::Status(404, "<html>".to_owned()),
                "zhangsan" => Reaction::Code(48002),
                id => Reaction::Json(json!({"errcode": 0, "userid": id, "name": "n"})),
            }
        });
        for _ in 0..2 {
            house.run(&["directory", "refresh", "--json"]);
        }
        let times = house
            .server
            .asked()
            .iter()
            .filter(|asked| asked.path == USER && asked.query["userid"].eq_ignore_ascii_case("zhangsan"))
            .count();
        assert_eq!(times, 1, "{refusal}: it has a pause");
        assert_eq!(house.show("lisi", None)["standing"], "known", "{refusal}");
        let shown = house.show("ZhangSan", None);
        let why = if refusal == "status" { "404" } else { "48002" };
        assert!(shown.to_string().contains(why), "{refusal}: {shown}");
    }
}

/// A list that comes empty where there was something ends nothing, and is told.
#[test]
fn a_list_that_comes_empty_is_told_and_ends_nothing() {
    let house = house();
    house.refresh();
    let known = |house: &House| {
        count(
            house,
            "SELECT count(*) FROM known k JOIN subject s ON s.id = k.subject WHERE s.class = 2 AND k.until IS NULL",
        )
    };
    let before = known(&house);
    assert!(before > 0);
    lie(
        &house.server,
        DEPARTMENTS,
        |_| json!({"errcode": 0, "department": []}),
    );
    let told = house.run(&["directory", "refresh", "--json", "--all"]).json();
    let troubles = told["troubles"].to_string();
    assert!(
        troubles.contains("department_list") && troubles.contains("nothing on it"),
        "{told}"
    );
    assert_eq!(known(&house), before);
}

#[test]
fn a_list_of_nobody_ends_nobodys_being_recorded() {
    let house = house();
    house.refresh();
    house.good(&["consent", "check"]);
    let recorded = |house: &House| {
        (
            count(
                house,
                "SELECT count(*) FROM known WHERE aspect = 12 AND until IS NULL",
            ),
            count(house, "SELECT count(*) FROM scope_span WHERE until = 0"),
        )
    };
    let before = recorded(&house);
    assert!(before.0 > 0 && before.1 > 0, "{before:?}");
    for answer in [
        json!({"errcode": 0, "ids": []}),
        json!({"errcode": 0}),
        json!({"errcode": 0, "ids": null}),
    ] {
        let shown = answer.clone();
        lie(&house.server, PERMIT, move |_| shown.clone());
        house.run(&["directory", "refresh", "--json", "--all"]);
        // As if a day had passed since it was asked.
        let database = house.archive.dir.join("data/archive.db");
        let conn = rusqlite::Connection::open(database).expect("the archive");
        conn.execute_batch("UPDATE consent_mark SET scope_asked = 1")
            .expect("aged");
        let asked = house.server.count(PERMIT);
        let checked = house.run(&["consent", "check"]);
        assert!(house.server.count(PERMIT) > asked, "{answer}: it was not asked");
        assert_eq!(recorded(&house), before, "{answer}: {}", checked.stderr);
    }
}

#[test]
fn consent_of_pairs_that_nobody_asked_about_is_not_recorded() {
    let house = house();
    let stranger = guest(55);
    lie(&house.server, PAIRS, {
        let stranger = stranger.clone();
        move |_| {
            json!({"errcode": 0, "agreeinfo": [
                {"userid": "ZhangSan", "exteranalopenid": stranger, "agree_status": "Agree", "status_change_time": 1_700_000_000},
                {"userid": "stranger", "exteranalopenid": guest(1), "agree_status": "Agree", "status_change_time": 1_700_000_000},
                {"agree_status": "Agree"}]})
        }
    });
    let told = house.run(&["consent", "check", "--json"]).json();
    assert!(most(&house.server, PAIRS) <= 3, "{told}");
    for who in [&stranger, &guest(1)] {
        let shown = house.run(&["consent", "show", who, "--json"]);
        // Of a group it was told rightly.
        let of_pairs = shown
            .json_lines()
            .into_iter()
            .filter(|line| line["room"].is_null());
        let agreed = of_pairs.filter(|line| line["state"] == "agreed").count();
        assert_eq!(agreed, 0, "{who}: {}", shown.stdout);
    }
}

#[test]
fn no_token_in_a_success_ends_the_command_and_is_named() {
    for answer in [
        json!({"errcode": 0, "errmsg": "ok"}),
        json!({"errcode": 0, "access_token": "", "expires_in": 7200}),
        json!({"errcode": 0, "access_token": "CANARY token", "expires_in": 7200}),
    ] {
        let house = house();
        house.server.script(
            "/cgi-bin/gettoken",
            std::iter::repeat_n(Reaction::Json(answer.clone()), 500),
        );
        let finished = house.run(&["directory", "refresh", "--json"]);
        assert_eq!(finished.code, Some(1), "{answer}: {}", finished.stderr);
        let told = finished.json();
        assert!(
            told["failure"].to_string().contains("get_token"),
            "{answer}: {told}"
        );
        assert!(house.server.count("/cgi-bin/gettoken") <= 3, "{answer}");
        // A later run, when all is well again, has everything.
        house.server.script_clear("/cgi-bin/gettoken");
        assert_eq!(house.refresh()["left"], 0, "{answer}");
    }
}
