//! Customer groups of which the archive holds nothing: found, named, explained where that is possible, and never at any
//! number of calls.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use kit::wecom::town::{Company, Customer, Follow, Room};
use serde_json::{Value, json};

use super::people::{House, guest, member, now, small, text};

const LIST: &str = "/cgi-bin/externalcontact/groupchat/list";
const GET: &str = "/cgi-bin/externalcontact/groupchat/get";
const STATISTIC: &str = "/cgi-bin/externalcontact/groupchat/statistic";
const DAY: i64 = 86_400_000;

fn room(id: &str, owner: &str, made: i64) -> Room {
    Room {
        id: id.to_owned(),
        name: format!("{id}的名称"),
        owner: owner.to_owned(),
        made: made / 1000,
        customers: true,
        people: vec![
            (owner.to_owned(), made / 1000, String::new()),
            ("ZhangSan".to_owned(), made / 1000, String::new()),
            (guest(1), made / 1000, String::new()),
        ],
        ..Room::default()
    }
}

/// An archive of one group since thirty days ago, and the list of who is recorded read.
fn house(mut company: Company) -> House {
    let since = now() - 30 * DAY;
    company.room(room("wrHELD", "ZhangSan", since - DAY));
    let house = House::new(
        company,
        &[
            text(1, "ZhangSan", &["lisi"], "", since),
            text(2, "ZhangSan", &["lisi", &guest(1)], "wrHELD", since + 1000),
        ],
    );
    house.pull();
    house.good(&["consent", "check"]);
    house
}

/// Lines about groups, and the summary.
fn sweep(house: &House, more: &[&str]) -> (Vec<Value>, Value) {
    let told = house.run(&[&["completeness", "--json"], more].concat());
    let lines = told
        .json_lines()
        .into_iter()
        .filter(|line| line["what"] == "absent_group")
        .collect();
    let summary: Value = serde_json::from_str(told.stderr.trim()).expect("one line");
    let unexplained = summary["unexplained"].as_u64().expect("a count")
        + summary["groups"]["unexplained"].as_u64().unwrap_or(0);
    assert_eq!(told.code, Some(if unexplained > 0 { 3 } else { 0 }), "{summary}");
    (lines, summary["groups"].clone())
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["group"].as_str().expect("an id"))
        .collect()
}

fn causes(line: &Value) -> Vec<&str> {
    let causes = line["causes"].as_array().expect("a list");
    causes
        .iter()
        .map(|cause| cause["cause"].as_str().expect("a word"))
        .collect()
}

#[test]
fn groups_of_which_nothing_is_held_are_named_and_explained() {
    let lately = now() - 10 * DAY;
    let mut company = small();
    for id in ["wangwu", "zhaoliu", "sunqi"] {
        company.member(member(id, id, 1));
    }
    company.room(room("wrLOST", "ZhangSan", lately));
    company.room(Room {
        silent: true,
        ..room("wrSILENT", "LiSi", lately)
    });
    company.room(Room {
        people: vec![("sunqi".to_owned(), lately / 1000, String::new())],
        ..room("wrSTRANGERS", "sunqi", lately)
    });
    company.room(Room {
        status: 1,
        ..room("wrLEFT", "whoLeft", lately)
    });
    company.room(room("wrLATER", "wangwu", now() + DAY));
    company.room(room("wrOLDER", "zhaoliu", now() - 300 * DAY));
    // Internal ones are in no list of customer groups.
    company.room(Room {
        customers: false,
        ..room("wrINTERNAL", "lisi", lately)
    });
    let house = house(company);
    let (lines, summary) = sweep(&house, &[]);
    assert_eq!(
        ids(&lines),
        [
            "wrLATER",
            "wrLEFT",
            "wrLOST",
            "wrOLDER",
            "wrSILENT",
            "wrSTRANGERS"
        ]
    );
    let of = |id: &str| lines.iter().find(|line| line["group"] == id).expect("a line");
    assert_eq!(causes(of("wrLATER")), ["not_pulled", "just_made"]);
    assert_eq!(causes(of("wrLEFT")), ["owner_left"]);
    assert_eq!(causes(of("wrOLDER")), ["older"]);
    assert_eq!(of("wrSILENT")["causes"], json!([{"cause": "silent", "count": 1}]));
    assert_eq!(causes(of("wrSTRANGERS")), ["nobody_recorded"]);
    let lost = of("wrLOST");
    assert_eq!(
        (
            &lost["verdict"],
            &lost["name"],
            &lost["owner"],
            &lost["status"],
            &lost["members"]
        ),
        (
            &json!("unexplained"),
            &json!("wrLOST的名称"),
            &json!("ZhangSan"),
            &json!("normal"),
            &json!(3)
        )
    );
    assert_eq!(lost["owner_wrote_in"], 1, "WeCom's own count says so");
    assert!(
        lost["made"].as_str().is_some_and(|made| made.contains("+08:00")),
        "{lost}"
    );
    assert_eq!(
        summary,
        json!({"listed": 7, "held": 1, "absent": 6, "explained": 5, "unexplained": 1, "not_known": 0, "readings": 1,
               "settled": true, "owners_left": 0, "not_opened": 0})
    );
    // One page; one question about each; owners of what was still open, together.
    assert_eq!(
        (
            house.server.count(LIST),
            house.server.count(GET),
            house.server.count(STATISTIC)
        ),
        (1, 6, 1)
    );
    let text = house.run(&["completeness"]);
    for word in [
        "wrLOST的名称",
        "原因不明",
        "群内没有存档范围内的成员",
        "该群主有 1 个群从未有人发言",
    ] {
        assert!(text.stdout.contains(word), "{word}: {}", text.stdout);
    }
    assert!(text.stderr.contains("列出客户群 7 个"), "{}", text.stderr);
    let text = house.run(&["--language", "en", "completeness"]);
    assert!(
        text.stdout.contains("none of its members is recorded"),
        "{}",
        text.stdout
    );
    // About one member there is no sweep.
    let before = house.server.count(LIST);
    let (lines, summary) = sweep(&house, &["--member", "ZhangSan"]);
    assert_eq!(
        (lines.len(), summary, house.server.count(LIST)),
        (0, Value::Null, before)
    );
}

#[test]
fn no_more_groups_are_asked_about_than_allowed() {
    let mut company = small();
    for nth in 0..9 {
        company.room(room(&format!("wr{nth}"), "ZhangSan", now() - 10 * DAY));
    }
    let house = house(company);
    let (lines, summary) = sweep(&house, &["--groups", "4"]);
    assert_eq!((lines.len(), house.server.count(GET)), (9, 4));
    assert_eq!(
        (&summary["unexplained"], &summary["not_known"]),
        (&json!(4), &json!(5))
    );
    let unasked = lines.iter().filter(|line| line["verdict"] == "not_known");
    assert!(
        unasked
            .clone()
            .all(|line| line["not_told"].is_string() && line["name"].is_null())
    );
    assert_eq!(unasked.count(), 5);
    let (lines, _) = sweep(&house, &["--groups", "0"]);
    assert_eq!(
        (lines.len(), house.server.count(GET)),
        (9, 4),
        "listed, and nobody asked"
    );
}

/// More members than one question may span, more owners than one filter may name, one of whom has left.
#[test]
fn a_company_too_large_for_one_list_is_swept_owner_by_owner() {
    let mut company = small();
    for nth in 0..1100 {
        company.member(member(&format!("staff{nth}"), "员工", 1));
    }
    for nth in 0..230 {
        let id = format!("wrSTAFF{nth:03}");
        company.room(room(&id, &format!("staff{nth}"), now() - 10 * DAY));
    }
    company.room(Room {
        status: 1,
        ..room("wrOFLEAVER", "leaver", now() - 10 * DAY)
    });
    // WeCom still names who left as a follower, and refuses the name in a filter.
    company.customer(Customer {
        id: guest(7),
        follows: vec![Follow {
            userid: "leaver".to_owned(),
            ..Follow::default()
        }],
        ..Customer::default()
    });
    let house = house(company);
    let (lines, summary) = sweep(&house, &["--groups", "5"]);
    assert_eq!(
        (&summary["listed"], &summary["held"], &summary["absent"]),
        (&json!(232), &json!(1), &json!(231))
    );
    assert_eq!(
        (&summary["settled"], &summary["owners_left"]),
        (&json!(true), &json!(1)),
        "{summary}"
    );
    let found: BTreeSet<&str> = ids(&lines).into_iter().collect();
    assert_eq!(found.len(), lines.len(), "each once");
    let left = lines
        .iter()
        .find(|line| line["group"] == "wrOFLEAVER")
        .expect("found");
    assert_eq!(causes(left), ["owner_left"]);
    assert!(house.server.served(81017) > 0 && house.server.served(40003) > 0);
    // Twice three slices, one of which is halved until the leaver stands alone.
    assert!(
        house.server.count(LIST) <= 2 * (1 + 3 + 2 * 8 + 1),
        "{}",
        house.server.count(LIST)
    );
    assert_eq!(house.server.count(GET), 5);
}

#[test]
fn a_list_that_changes_while_it_is_read_hides_no_group() {
    let mut company = small();
    company.groups_per_page = 3;
    for nth in 0..8 {
        company.room(room(&format!("wr{nth}"), "ZhangSan", now() - 10 * DAY));
    }
    let house = house(company);
    // Once the first page is out, its first group is dismissed: everything moves up by one, and wr3 is on no page.
    let town = house.town.clone();
    let done = AtomicBool::new(false);
    house.server.on(LIST, move |asked| {
        let answer = town.groups(asked);
        if !done.swap(true, Ordering::SeqCst) {
            town.company().rooms.remove("wr0");
        }
        answer
    });
    let (lines, summary) = sweep(&house, &[]);
    assert_eq!(
        ids(&lines),
        ["wr0", "wr1", "wr2", "wr3", "wr4", "wr5", "wr6", "wr7"]
    );
    assert_eq!(causes(&lines[0]), ["dismissed"]);
    assert_eq!(
        lines[0]["not_told"].as_str().map(|why| why.contains("40050")),
        Some(true)
    );
    assert_eq!(
        (&summary["readings"], &summary["settled"]),
        (&json!(3), &json!(true)),
        "{summary}"
    );

    // One that never stands still is read three times and said to be so.
    let town = house.town.clone();
    let made = std::sync::atomic::AtomicUsize::new(0);
    house.server.on(LIST, move |asked| {
        let nth = made.fetch_add(1, Ordering::SeqCst);
        town.company()
            .room(room(&format!("wrX{nth}"), "ZhangSan", now() - DAY));
        town.groups(asked)
    });
    let counted = house.server.count(STATISTIC);
    let told = house.run(&["completeness"]);
    assert!(told.stderr.contains("仍在变化"), "{}", told.stderr);
    assert_eq!(
        house.server.count(STATISTIC),
        counted,
        "an unlisted group could be the silent one"
    );
}

#[test]
fn what_was_listed_before_a_refusal_is_told_and_the_refusal_too() {
    let mut company = small();
    company.groups_per_page = 2;
    for nth in 0..5 {
        company.room(room(&format!("wr{nth}"), "ZhangSan", now() - 10 * DAY));
    }
    let house = house(company);
    let town = house.town.clone();
    house.server.on(LIST, move |asked| {
        if asked.json()["cursor"].is_string() {
            return kit::wecom::Reaction::Code(48002);
        }
        town.groups(asked)
    });
    let told = house.run(&["completeness", "--json"]);
    assert_eq!(told.code, Some(1));
    let groups: Vec<Value> = told
        .json_lines()
        .into_iter()
        .filter(|line| line["what"] == "absent_group")
        .collect();
    assert_eq!(ids(&groups), ["wr0", "wr1"]);
    assert!(
        told.stderr.contains("48002") && told.stderr.contains("\"settled\":false"),
        "{}",
        told.stderr
    );
    // Nothing is asked on about after a refusal of everything.
    assert_eq!(house.server.count(GET), 0);
}
