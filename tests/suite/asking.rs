//! What an auditor types, from outside: Chinese punctuation and keys, names that several people have or nobody has, dates
//! as people say them, counts in groups, and why nothing was found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::people::{House, customer, guest, member, small};

/// 2025-09-03 10:00 in Shanghai.
const SEPTEMBER: i64 = 1_756_864_800_000;
const DAY: i64 = 86_400_000;

fn message(nth: usize, from: &str, to: &str, time: i64, kind: &str, payload: Value) -> Value {
    let action = if kind == "revoke" { "recall" } else { "send" };
    json!({"msgid": format!("m{nth}"), "action": action, "from": from, "tolist": [to], "roomid": "", "msgtime": time,
           "msgtype": kind, (kind): payload})
}

fn said(nth: usize, from: &str, to: &str, time: i64, text: &str) -> Value {
    message(nth, from, to, time, "text", json!({"content": text}))
}

fn file(nth: usize, from: &str, to: &str, time: i64, name: &str) -> Value {
    let payload = json!({"md5sum": "0cc175b9c0f1b6a831c399e269772661", "filename": name, "fileext": "pdf",
                         "filesize": 1, "sdkfileid": format!("file{nth}")});
    message(nth, from, to, time, "file", payload)
}

/// A member and a customer of one name, a promise that was taken back, files inside and outside.
fn house() -> House {
    let mut company = small();
    company.member(member("GaoJie", "高杰", 1));
    company.customer(customer(&guest(2), "高杰", "GaoJie"));
    let (one, two) = (guest(1), guest(2));
    let messages = [
        said(1, "ZhangSan", &one, SEPTEMBER, "可以给您退款"),
        message(
            2,
            "ZhangSan",
            &one,
            SEPTEMBER + 60_000,
            "revoke",
            json!({"pre_msgid": "m1"}),
        ),
        file(3, "GaoJie", &one, SEPTEMBER + DAY, "合同.pdf"),
        file(4, "GaoJie", "lisi", SEPTEMBER + DAY, "工资.pdf"),
        said(5, &two, "GaoJie", SEPTEMBER + 2 * DAY, "报价 单 收到 pdf"),
        said(6, "GaoJie", &two, SEPTEMBER + 3 * DAY, "报价给甲方"),
        said(7, "lisi", "ZhangSan", SEPTEMBER + 80 * DAY, "乙"),
        said(8, "GaoJie", "lisi", SEPTEMBER - 120 * DAY, "退款流程"),
    ];
    let house = House::new(company, &messages);
    house.pull();
    house.refresh();
    house
}

/// Numbers of the messages found, and the summary.
fn ask(house: &House, query: &str) -> (BTreeSet<String>, Value) {
    let finished = house.good(&["search", "--json", "--all", query]);
    let hits = finished.json_lines().into_iter();
    let found = hits
        .map(|hit| hit["msgid"].as_str().expect("a msgid").to_owned())
        .collect();
    let summary = finished
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["total"].is_u64());
    (found, summary.expect("a summary"))
}

fn found(house: &House, query: &str) -> String {
    ask(house, query).0.into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn questions_of_an_auditor_are_answered_however_they_are_typed() {
    let house = house();
    for (query, expected) in [
        // A refund promised to one customer, and taken back.
        ("退款 to:王小明 is:recalled", "m1"),
        ("退款　接收人：王小明　状态：已撤回", "m1"),
        // Files one of two namesakes sent outside.
        ("from:=gaojie is:outbound has:file", "m3"),
        ("发送人：高杰（GaoJie）　是：发往外部　类型：文件", "m3"),
        ("from:高杰(GaoJie) type:文件", "m3 m4"),
        ("from:高杰", "m3 m4 m5 m6 m8"),
        ("from:=GAOJIE", "m3 m4 m6 m8"),
        ("from:高杰，lisi", "m3 m4 m5 m6 m7 m8"),
        // Said by people outside whose consent nobody knows.
        ("said-by:external consent:unknown", "m5"),
        ("发言方：客户", "m5"),
        ("said-by:employee type:text", "m1 m6 m7 m8"),
        ("is:inbound", "m5"),
        ("is:outbound", "m1 m2 m3 m6"),
        // Two people in a quarter.
        ("with:张三 with:王小明 on:2025-Q3", "m1 m2"),
        ("参与人:张三 时间:2025年第四季度", "m7"),
        ("时间：2025年9月4日到2025年9月5日", "m3 m4 m5"),
        ("on:2025-09-04..2025-09-06 NOT is:internal", "m3 m5 m6"),
        ("company:mock 退款", "m1 m8"),
        // Chinese punctuation.
        ("“报价 单”", "m5"),
        ("「报价 单」", "m5"),
        ("（报价 OR 乙）", "m5 m6 m7"),
        ("报价　－甲方", "m5"),
        ("ｐｄｆ in:text", "m5"),
        ("on:２０２５－０９－０３", "m1 m2"),
        ("after：2025-11-01", "m7"),
    ] {
        assert_eq!(found(&house, query), expected, "{query}");
    }
    // What was understood stands beside the answer when it was not typed so.
    let told = house.good(&["search", "发送人：高杰　类型：文件"]).stderr;
    assert!(told.contains("理解为：from:高杰 type:file"), "{told}");
    let told = house.good(&["--language", "en", "search", "类型：文件"]).stderr;
    assert!(told.contains("understood as: type:file"), "{told}");
    let plain = house.good(&["search", "退款 type:text"]).stderr;
    assert!(!plain.contains("理解为"), "{plain}");
    let told = house.good(&["search", "时间:9月3日"]).stderr;
    assert!(
        told.contains("日期：9月3日 即") && told.contains("Asia/Shanghai"),
        "{told}"
    );
    let (_, summary) = ask(&house, "类型：文件 on:2025-Q3");
    assert_eq!(
        summary["understood"]["query"],
        "type:file on:2025-07-01..2025-09-30"
    );
    assert_eq!(
        summary["understood"]["dates"][0]["from"],
        "2025-07-01T00:00:00.000+08:00"
    );
    assert_eq!(summary["understood"]["dates"][0]["zone"], "Asia/Shanghai");
}

#[test]
fn namesakes_are_told_and_one_can_be_chosen() {
    let house = house();
    let (_, summary) = ask(&house, "from:高杰");
    let who = &summary["understood"]["who"][0];
    assert_eq!(who["condition"], "from:高杰");
    assert_eq!(
        who["people"],
        json!([
            {"id": "GaoJie", "name": "高杰", "kind": "member", "company": "mock", "by": "name", "count": 4},
            {"id": guest(2), "name": "高杰", "kind": "external", "company": "mock", "by": "name", "count": 1},
        ])
    );
    let told = house.good(&["search", "from:高杰 type:file"]).stderr;
    assert!(told.contains("from:高杰 有 2 人"), "{told}");
    assert!(told.contains("高杰(GaoJie)  成员  mock  2 条"), "{told}");
    assert!(
        told.contains(&format!("高杰({})  外部联系人  mock  0 条", guest(2))),
        "{told}"
    );
    let told = house.good(&["search", "from:=GaoJie"]).stderr;
    assert!(!told.contains("有 2 人"), "{told}");
}

#[test]
fn what_nobody_has_is_said_with_what_is_near() {
    let house = house();
    let (hits, summary) = ask(&house, "from:高洁");
    assert!(hits.is_empty());
    let unknown = &summary["understood"]["unknown"][0];
    assert_eq!(
        (&unknown["key"], &unknown["asked"]),
        (&json!("from"), &json!("高洁"))
    );
    let near: BTreeSet<&str> = unknown["near"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    assert!(near.contains("GaoJie"), "{unknown}");
    for (query, parts) in [
        ("from:高洁", ["没有人叫 高洁", "高杰 (GaoJie)"]),
        ("from:gaoije", ["没有人叫 gaoije", "gaojie"]),
        ("from:王小", ["没有人叫 王小", "name:王小"]),
        ("type:照片", ["没有类型为 照片 的消息", "text"]),
        ("department:销受部", ["没有部门 销受部", "销售部"]),
        ("company:acme", ["没有企业叫 acme", "mock"]),
        ("138*", ["没有通配符", "138"]),
        ("退款 or 报价", ["“or” 按文本检索", "OR"]),
        ("退款 或 报价", ["“或” 按文本检索", "OR"]),
        ("re：退款", ["不是检索条件", "re"]),
        ("客户：退款", ["不是检索条件", "客户"]),
    ] {
        let told = house.good(&["search", query]).stderr;
        for part in parts {
            assert!(told.contains(part), "{query}: no {part} in\n{told}");
        }
    }
}

#[test]
fn an_answer_without_hits_says_which_condition_removes_them() {
    let house = house();
    let (_, summary) = ask(&house, "退款 from:高杰 is:outbound");
    assert_eq!(summary["total"], 0);
    let conditions = summary["understood"]["conditions"].as_array().expect("a list");
    for one in conditions {
        let condition = one["condition"].as_str().expect("a condition");
        let others = ["退款", "from:高杰", "is:outbound"]
            .into_iter()
            .filter(|other| *other != condition);
        let others = others.collect::<Vec<_>>().join(" ");
        assert_eq!(one["alone"], ask(&house, condition).1["total"], "{condition}");
        assert_eq!(one["without"], ask(&house, &others).1["total"], "{condition}");
    }
    assert_eq!(conditions.len(), 3);
    let told = house.good(&["search", "退款 from:lisi"]).stderr;
    assert!(told.contains("没有结果"), "{told}");
    assert!(
        told.contains("退款  单独 2 条；去掉它为 1 条，因它少了 1 条"),
        "{told}"
    );
    assert!(
        told.contains("from:lisi  单独 1 条；去掉它为 2 条，因它少了 2 条"),
        "{told}"
    );
    assert!(told.contains("去掉得最多的条件：from:lisi"), "{told}");
    // Asked for, the same stands beside an answer with hits, and the hits stay away.
    let explained = house.good(&["search", "--explain", "退款 is:external"]);
    assert_eq!(explained.stdout.trim(), "1");
    assert!(
        explained
            .stderr
            .contains("is:external  单独 5 条；去掉它为 2 条，因它少了 1 条"),
        "{}",
        explained.stderr
    );
}

#[test]
fn counts_in_groups_are_those_of_the_hits() {
    let house = house();
    for query in ["退款", "from:高杰", "类型：文件", "is:outbound OR 乙", "-退款"] {
        let hits = house.good(&["search", "--json", "--all", query]).json_lines();
        for (by, of) in [
            (
                "person",
                &(|hit: &Value| hit["from"].as_str().unwrap_or_default().to_ascii_lowercase())
                    as &dyn Fn(&Value) -> String,
            ),
            ("type", &|hit| hit["type"].as_str().unwrap_or_default().to_owned()),
            ("chat", &|hit| hit["chat"].as_str().unwrap_or_default().to_owned()),
            ("company", &|hit| {
                hit["company"].as_str().unwrap_or_default().to_owned()
            }),
            ("day", &|hit| {
                hit["time"].as_str().unwrap_or_default()[..10].to_owned()
            }),
            ("month", &|hit| {
                hit["time"].as_str().unwrap_or_default()[..7].to_owned()
            }),
            ("hour", &|hit| {
                hit["time"].as_str().unwrap_or_default()[11..13].to_owned()
            }),
        ] {
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            for hit in &hits {
                // Customers' ids keep their case.
                let key = if by == "person" && hit["from"].as_str().is_some_and(|from| from.starts_with("wm"))
                {
                    hit["from"].as_str().unwrap_or_default().to_owned()
                } else {
                    of(hit)
                };
                *expected.entry(key).or_default() += 1;
            }
            let mut lines = house.good(&["count", query, "--by", by, "--json"]).json_lines();
            let summary = lines.pop().expect("a summary");
            assert_eq!(summary["total"], hits.len() as u64, "{query} by {by}");
            assert_eq!(summary["groups"], lines.len() as u64);
            assert!(summary["coverage"]["opened"].is_u64() && summary["understood"]["query"].is_string());
            let counted: BTreeMap<String, u64> = lines
                .iter()
                .map(|line| {
                    assert_eq!(line["by"], by);
                    (
                        line["key"].as_str().expect("a key").to_owned(),
                        line["count"].as_u64().expect("a count"),
                    )
                })
                .collect();
            assert_eq!(counted, expected, "{query} by {by}");
        }
    }
    let first = house
        .good(&["count", "from:高杰", "--by", "person", "--json", "--limit", "1"])
        .json_lines();
    assert_eq!(
        first[0],
        json!({"by": "person", "key": "gaojie", "name": "高杰", "count": 4})
    );
    assert_eq!(
        (&first[1]["total"], &first[1]["groups"], &first[1]["shown"]),
        (&json!(5), &json!(2), &json!(1))
    );
    let shown = house.good(&["count", "from:高杰", "--by", "month"]);
    assert!(
        shown.stdout.contains("2025-09") && shown.stdout.contains("Asia/Shanghai"),
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.contains("有 2 人"), "{}", shown.stderr);
    let wrong = house.run(&["count", "form:x", "--by", "day"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn the_order_can_be_named() {
    let house = house();
    let order = |args: &[&str]| {
        let args = [&["search", "--json", "--all"], args, &["type:text"]].concat();
        let hits = house.good(&args).json_lines();
        hits.into_iter()
            .map(|hit| hit["seq"].as_u64())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&["--sort", "time"]), order(&["--oldest-first"]));
    assert_eq!(order(&["--sort=-time"]), order(&[]));
    assert_ne!(order(&[]), order(&["--oldest-first"]));
}
