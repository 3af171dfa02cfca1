//! Simplified and traditional characters, and pinyin, from outside: what is asked for by its key is found and marked, and
//! nothing else is touched by it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::people::{House, customer, guest, member, small};

/// 2025-09-03 10:00 in Shanghai.
const SEPTEMBER: i64 = 1_756_864_800_000;

fn message(nth: i64, from: &str, to: &str, kind: &str, payload: Value) -> Value {
    json!({"msgid": format!("m{nth}"), "action": "send", "from": from, "tolist": [to], "roomid": "",
           "msgtime": SEPTEMBER + nth * 60_000, "msgtype": kind, (kind): payload})
}

fn said(nth: i64, from: &str, to: &str, text: &str) -> Value {
    message(nth, from, to, "text", json!({"content": text}))
}

/// A member with a name in simplified characters, a customer with one in traditional ones, and what they wrote.
fn house() -> House {
    let mut company = small();
    company.member(member("GaoJie4", "高杰", 1));
    company.customer(customer(&guest(2), "高傑", "GaoJie4"));
    company.customer(customer(&guest(3), "单晓东", "GaoJie4"));
    let (one, two) = (guest(1), guest(2));
    let name = json!({"md5sum": "0cc175b9c0f1b6a831c399e269772661", "filename": "發票.pdf", "fileext": "pdf",
                      "filesize": 1, "sdkfileid": "f"});
    let messages = [
        said(1, "ZhangSan", &one, "请开发票，谢谢"),
        said(2, &two, "GaoJie4", "請開發票，謝謝"),
        said(3, &two, "GaoJie4", "头髮 乾淨，餅幹"),
        message(4, "GaoJie4", &two, "file", name),
        said(5, "GaoJie4", "lisi", "退款 fapiao"),
        said(6, "lisi", "GaoJie4", "发\n票 推宽"),
        said(7, &guest(3), "lisi", "西安，先走"),
        said(8, "lisi", "ZhangSan", "無關 發  票"),
    ];
    let house = House::new(company, &messages);
    house.pull();
    house.refresh();
    house
}

/// Numbers of the messages found, `~` before those that are none as written, and the summary.
fn ask(house: &House, args: &[&str]) -> (String, Value) {
    let finished = house.good(&[&["search", "--json", "--all"], args].concat());
    let hits = finished.json_lines().into_iter();
    let found: BTreeSet<String> = hits
        .map(|hit| {
            let msgid = hit["msgid"].as_str().expect("a msgid").to_owned();
            match hit.get("as_written") {
                Some(Value::Bool(false)) => format!("{msgid}~"),
                Some(Value::Bool(true)) => format!("{msgid}="),
                _ => msgid,
            }
        })
        .collect();
    let summary = finished
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["total"].is_u64())
        .expect("a summary");
    (found.into_iter().collect::<Vec<_>>().join(" "), summary)
}

#[test]
fn what_is_asked_for_in_other_forms_is_found_and_marked() {
    let house = house();
    for (args, expected) in [
        // Off: what is written is what is found.
        (&["发票"][..], "m1"),
        (&["發票"], "m2 m4"),
        (&["fapiao"], "m5"),
        (&["from:高杰"], "m4 m5"),
        (&["from:高傑"], "m2 m3"),
        (&["from:gaojie"], ""),
        // Simplified and traditional.
        (&["variants:发票"], "m1= m2~ m4~"),
        (&["简繁：發票"], "m1~ m2= m4="),
        (&["variants:髮票"], "m1~ m2~ m4~"),
        (&["variants:发票 in:filename"], "m4~"),
        (&["variants:发票 -type:file 谢"], "m1="),
        (&["发票 OR 髮"], "m1 m3"),
        (&["发票 OR variants:头发"], "m1= m3~"),
        (&["variants:饼干"], "m3~"),
        (&["type:text -variants:发"], "m5= m7="),
        (&["简繁:“发  票”"], "m8~"),
        (&["variants:“发 票”"], "m6="),
        (&["variants:fapiao"], "m5="),
        // Pinyin: never written so.
        (&["pinyin:fapiao"], "m1~ m2~ m4~"),
        (&["拼音:tuikuan"], "m5~ m6~"),
        (&["pinyin:xian"], "m7~"),
        (&["pinyin:xi'an"], "m7~"),
        (&["拼音:\"xi an\" 先"], "m7~"),
        (&["退款 OR pinyin:tuikuan"], "m5= m6~"),
        (&["pinyin:fapiao -pinyin:xiexie"], "m4~"),
        // Names.
        (&["from:variants:高傑"], "m2= m3= m4~ m5~"),
        (&["发送人:拼音:gaojie"], "m2~ m3~ m4~ m5~"),
        (&["from:pinyin:gj is:outbound"], "m4~"),
        (&["to:pinyin:gaojie from:pinyin:lisi"], "m6~"),
        (&["with:简繁:高杰 variants:发票"], "m2~ m4~"),
        (&["name:pinyin:gao -from:=GaoJie4"], "m2~ m3~ m6~"),
        // All readings of a character: 单 as a surname and otherwise.
        (&["from:pinyin:shanxiaodong"], "m7~"),
        (&["from:pinyin:danxiaodong"], "m7~"),
        // The switch.
        (&["--variants", "发票"], "m1= m2~ m4~"),
        (&["--variants", "from:高杰 发票"], "m2~ m4~"),
        (&["--variants", "fapiao"], "m5"),
    ] {
        assert_eq!(ask(&house, args).0, expected, "{args:?}");
    }
}

#[test]
fn what_counted_besides_is_told() {
    let house = house();
    let (_, summary) = ask(&house, &["variants:发票 from:pinyin:gj"]);
    let understood = &summary["understood"];
    assert_eq!(understood["not_as_written"], 2);
    assert_eq!(understood["alike"][0]["condition"], "variants:发票");
    let forms = understood["alike"][0]["forms"][0].as_str().expect("the forms");
    assert!(
        forms.starts_with('发') && forms.contains('發') && forms.contains('髮'),
        "{forms}"
    );
    assert_eq!(understood["alike"][1]["ways"], json!(["g… j…"]));
    let people = understood["who"][0]["people"].as_array().expect("people");
    let ids: BTreeSet<&str> = people.iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["GaoJie4", &guest(2)]));
    // Marked by what is written there, in the snippets as well.
    let hits = house
        .good(&["search", "--json", "variants:发票 谢 OR variants:发票 謝"])
        .json_lines();
    let marked: BTreeSet<&str> = hits
        .iter()
        .map(|hit| {
            let snippet = &hit["snippets"][0];
            let range = |nth: usize| snippet["highlights"][0][nth].as_u64().expect("a place") as usize;
            &snippet["text"].as_str().expect("a text")[range(0)..range(1)]
        })
        .collect();
    assert_eq!(marked, BTreeSet::from(["发票", "發票"]));

    let shown = house.good(&["search", "variants:发票"]);
    for part in [
        "简繁匹配：variants:发票：发=",
        "發",
        "仅按简繁或拼音匹配的有 2 条",
    ] {
        assert!(shown.stderr.contains(part), "{part}: {}", shown.stderr);
    }
    assert_eq!(
        shown.stdout.matches("≈ 仅按简繁或拼音匹配").count(),
        2,
        "{}",
        shown.stdout
    );
    let shown = house.good(&["--language", "en", "search", "pinyin:xian"]);
    assert!(
        shown.stderr.contains("pinyin: pinyin:xian: xian | xi an"),
        "{}",
        shown.stderr
    );
    assert!(
        shown
            .stdout
            .contains("≈ found only by other characters or by pinyin"),
        "{}",
        shown.stdout
    );
    let shown = house.good(&["search", "--variants", "发票"]);
    assert!(shown.stderr.contains("理解为：variants:发票"), "{}", shown.stderr);
    let shown = house.good(&["search", "from:拼音:gaojie"]);
    assert!(
        shown.stderr.contains("from:pinyin:gaojie 有 2 人"),
        "{}",
        shown.stderr
    );
    let shown = house.good(&["search", "from:pinyin:wangwu"]);
    assert!(
        shown.stderr.contains("没有人叫 pinyin:wangwu"),
        "{}",
        shown.stderr
    );
}

#[test]
fn counts_and_explanations_are_those_of_the_hits() {
    let house = house();
    let total = |args: &[&str]| {
        let lines = house.good(&[args, &["--json"]].concat()).json_lines();
        lines.last().expect("a summary").clone()
    };
    for query in [
        "variants:发票",
        "pinyin:fapiao",
        "from:pinyin:gaojie",
        "-variants:发",
    ] {
        let (_, summary) = ask(&house, &[query]);
        let counted = total(&["count", query, "--by", "person"]);
        assert_eq!(counted["total"], summary["total"], "{query}");
        assert_eq!(
            counted["understood"]["not_as_written"], summary["understood"]["not_as_written"],
            "{query}"
        );
        assert_eq!(
            total(&["search", "--count", query])["total"],
            summary["total"],
            "{query}"
        );
    }
    assert_eq!(
        total(&["count", "--variants", "发票", "--by", "type"])["total"],
        3
    );
    let explained = total(&["search", "--explain", "variants:发票 from:高杰"]);
    assert_eq!(
        explained["understood"]["conditions"][0]["condition"],
        "variants:发票"
    );
    assert_eq!(explained["understood"]["conditions"][0]["alone"], 3);
}

#[test]
fn without_it_nothing_is_said_of_it_unless_it_would_have_found_something() {
    let house = house();
    for query in ["发票", "退款", "from:高杰", "from:nobody", "nothing"] {
        let (_, summary) = ask(&house, &[query]);
        let understood = summary["understood"].as_object().expect("an object");
        for field in ["alike", "not_as_written", "with_variants"] {
            assert!(!understood.contains_key(field), "{query}: {understood:?}");
        }
        let shown = house.good(&["search", query]);
        assert!(
            !shown.stderr.contains("简繁") && !shown.stdout.contains('≈'),
            "{}",
            shown.stderr
        );
    }
    let (_, summary) = ask(&house, &["饼干"]);
    assert_eq!(
        summary["understood"]["with_variants"],
        json!({"query": "variants:饼干", "total": 1})
    );
    let shown = house.good(&["search", "饼干"]);
    assert!(
        shown
            .stderr
            .contains("简体、繁体都算时有 1 条，请输入：variants:饼干"),
        "{}",
        shown.stderr
    );
    for (query, part) in [("pinyin:tuik", "tuik"), ("拼音:退款", "no pinyin")] {
        let wrong = house.run(&["search", query]);
        assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
        assert!(wrong.stderr.contains(part), "{}", wrong.stderr);
    }
}
