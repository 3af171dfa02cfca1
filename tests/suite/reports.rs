//! Kinds of faults that users of other programs have reported, through the shipped program: signs that look alike and are not,
//! times in other units, what editors and clipboards add to files. Others of these kinds are where their subject is: `printed`
//! (text that acts or forges lines), `asking` (Chinese input methods), `senseless` (answers about other ids), `misplaced` (how
//! key files are called), `media` (voices).

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use kit::{Archive, Finished, Program, WeCom};
use serde_json::{Value, json};

use super::people::sealed;

/// 2025-09-04 09:30 in Shanghai.
const MORNING: i64 = 1_756_949_400_000;

fn message(nth: usize, time: &Value, content: &str) -> Value {
    json!({"msgid": format!("m{nth}"), "action": "send", "from": "sunli", "tolist": ["qianwei"], "roomid": "",
           "msgtime": time, "msgtype": "text", "text": {"content": content}})
}

/// An archive of texts, numbered from 1.
fn archive_of(folder: &Path, messages: &[Value]) -> Archive {
    let corpus = sealed(folder, "sealed", messages);
    let archive = Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&folder.join("archive"), &corpus);
    archive.pull(&[0]);
    archive
}

fn archive_of_texts(folder: &Path, texts: &[&str]) -> Archive {
    let messages: Vec<Value> = (1_usize..)
        .zip(texts)
        .map(|(nth, text)| message(nth, &json!(MORNING + nth as i64), text))
        .collect();
    archive_of(folder, &messages)
}

/// Numbers of the messages found.
fn found(archive: &Archive, query: &str) -> Vec<u64> {
    let mut found: Vec<u64> = archive
        .search(query)
        .iter()
        .map(|hit| {
            let msgid = hit["msgid"].as_str().expect("a msgid");
            msgid[1..].parse().expect("a number")
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn a_sign_is_found_with_and_without_what_chooses_its_look() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive_of_texts(
        scratch.path(),
        &[
            "周末去看海☀",
            "今天☀\u{fe0f}真好",
            "收到✔\u{fe0e}了",
            "✔ 已核对",
            "赞👍🏽",
            "一家👨\u{200d}👩\u{200d}👧人",
            "🇨🇳加油",
        ],
    );
    for (query, expected) in [
        ("☀", &[1, 2][..]),
        ("☀\u{fe0f}", &[1, 2]),
        ("☀\u{fe0e}", &[1, 2]),
        ("✔", &[3, 4]),
        ("✔\u{fe0f}", &[3, 4]),
        // The tone is a sign of its own behind the hand.
        ("👍", &[5]),
        ("👨👩👧", &[6]),
        ("👨\u{200d}👩", &[6]),
        ("🇨🇳", &[7]),
        ("今天☀真", &[2]),
    ] {
        assert_eq!(found(&archive, query), expected, "{query:?}");
    }
    // The bytes are as they came, and the mark stands around all of the sign.
    let raw = archive.run(["show", "m2", "--raw"]).exits(0);
    assert!(raw.stdout.contains("今天☀\u{fe0f}真好"), "{}", raw.stdout);
    let shown = archive.run(["search", "☀真"]).exits(0);
    assert!(shown.stdout.contains("真好"), "{}", shown.stdout);
    // A sign that shows nothing is no question.
    let nothing = archive.run(["search", "\u{fe0f}"]);
    assert_eq!(nothing.code, Some(2), "{}{}", nothing.stdout, nothing.stderr);
}

#[test]
fn a_mention_is_found_whatever_blank_follows_the_name() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive_of_texts(
        scratch.path(),
        &[
            "@孙丽\u{2005}合同盖章了吗",
            "@孙丽 合同寄出了",
            "@孙丽\u{a0}合同在哪",
            "@孙丽\u{3000}合同已归档",
            "@孙丽合同",
            "第\u{202f}7\u{2009}稿",
        ],
    );
    let blanks = [" ", "\u{2005}", "\u{a0}", "\u{3000}", "\u{2003}"];
    for blank in blanks {
        let phrase = format!("\"@孙丽{blank}合同\"");
        assert_eq!(found(&archive, &phrase), [1, 2, 3, 4], "{phrase:?}");
        // As copied from the screen, without quotes: two words.
        let words = format!("@孙丽{blank}合同");
        assert_eq!(found(&archive, &words), [1, 2, 3, 4, 5], "{words:?}");
    }
    assert_eq!(found(&archive, "@孙丽合同"), [5]);
    assert_eq!(found(&archive, "\"第 7 稿\""), [6]);
    // Two blanks are not one.
    assert_eq!(found(&archive, "\"@孙丽  合同\""), [] as [u64; 0]);
}

#[test]
fn radicals_and_compatibility_forms_are_found_by_ordinary_characters() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive_of_texts(
        scratch.path(),
        &[
            // Kangxi radicals, as a PDF gives them.
            "请看⼯程⾰新⽅案",
            "请看工程革新方案",
            // Compatibility ideographs: U+F90A, U+F9B4.
            "\u{f90a}額\u{f9b4}取",
            // Supplement radicals: U+2EE2, U+2ED3.
            "\u{2ee2}上见，\u{2ed3}期",
            "ｶﾞｲﾄﾞ㈱№５",
        ],
    );
    for (query, expected) in [
        ("工程革新方案", &[1, 2][..]),
        ("⼯程⾰新", &[1, 2]),
        ("⽅案", &[1, 2]),
        ("金額領取", &[3]),
        ("\u{f90a}額", &[3]),
        ("马上见", &[4]),
        ("长期", &[4]),
        ("ガイド(株)", &[5]),
        ("no5", &[5]),
        ("ｶﾞｲﾄﾞ", &[5]),
    ] {
        // Quoted, because brackets would group.
        assert_eq!(found(&archive, &format!("\"{query}\"")), expected, "{query}");
    }
    let raw = archive.run(["show", "m1", "--raw"]).exits(0);
    assert!(
        raw.stdout.contains("⼯程⾰新⽅案"),
        "what came stays: {}",
        raw.stdout
    );
}

#[test]
fn machines_are_told_the_offset_of_the_configured_zone() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive_of_texts(scratch.path(), &["合同"]);
    for (zone, time) in [
        ("Asia/Shanghai", "2025-09-04T09:30:00.001+08:00"),
        ("America/New_York", "2025-09-03T21:30:00.001-04:00"),
        ("Asia/Kolkata", "2025-09-04T07:00:00.001+05:30"),
    ] {
        let set = format!("archive.timezone={zone}");
        let hit = archive
            .run(["search", "合同", "--json", "--set", &set])
            .exits(0)
            .json();
        assert_eq!(hit["time"], time, "{zone}");
        assert_eq!(hit["msgtime"], MORNING + 1, "{zone}");
        let shown = archive.run(["show", "m1", "--json", "--set", &set]).exits(0);
        assert!(shown.stdout.contains(time), "{zone}: {}", shown.stdout);
    }
}

#[test]
fn a_time_in_another_unit_or_notation_is_the_true_one_or_flagged() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let times = [
        json!(MORNING / 1000),
        json!(MORNING * 1000),
        json!(MORNING.to_string()),
        json!((MORNING / 1000).to_string()),
        json!(MORNING as f64),
        json!(-7),
        json!(""),
        json!(null),
    ];
    let messages: Vec<Value> = (1_usize..)
        .zip(&times)
        .map(|(nth, time)| message(nth, time, "交接"))
        .collect();
    let archive = archive_of(scratch.path(), &messages);
    assert_eq!(found(&archive, "交接").len(), times.len(), "nothing is lost");
    let of_day = found(&archive, "交接 on:2025-09-04");
    let early = found(&archive, "交接 before:2000-01-01");
    assert_eq!(early, [] as [u64; 0], "nothing is silently of 1970");
    for hit in archive.search("交接") {
        let nth: u64 = hit["msgid"].as_str().expect("a msgid")[1..]
            .parse()
            .expect("a number");
        let is_dated = of_day.contains(&nth);
        let is_flagged = hit["flaws"] != json!([]);
        assert!(is_dated || is_flagged || hit["time"].is_null(), "{hit}");
        if is_dated {
            assert_eq!(hit["msgtime"], MORNING, "{hit}");
        }
    }
    // Seconds, texts of both units, and a number with a point mean this day; microseconds are of no day, and flagged.
    assert_eq!(of_day, [1, 3, 4, 5]);
    for verb in [
        &["stats", "--by", "day"][..],
        &["chat", "qianwei,sunli"],
        &["count", "交接", "--by", "hour"],
    ] {
        archive.run(verb).exits(0);
    }
}

const CORP: &str = "wwreports01";
const ARCHIVE: &str = "CANARYreportsArchive";

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// Asks a stand-in for WeCom, which knows this corpid and this secret and no other. A folder of its own, so that no token of
/// an earlier call helps.
fn ask(server: &WeCom, configuration: &[u8], secret: &[u8]) -> Finished {
    let folder = tempfile::tempdir().expect("a scratch folder");
    write(&folder.path().join("archive.secret"), secret);
    let config = folder.path().join("shiguan.toml");
    write(&config, configuration);
    let config = config.to_str().expect("UTF-8");
    let host = format!("api.host={}", server.url());
    let finished = Program::new(env!("CARGO_BIN_EXE_shiguan")).run([
        "--config",
        config,
        "--set",
        &host,
        "api",
        "get_permit_user_list",
    ]);
    for told in [&finished.stdout, &finished.stderr] {
        assert!(!told.contains(ARCHIVE), "{told}");
    }
    finished
}

fn configuration(corpid: &str) -> String {
    format!("# 配置\n[company.acme]\ncorpid = \"{corpid}\"\nsecret_file = \"archive.secret\"\n")
}

fn reporting_server() -> WeCom {
    let server = WeCom::of(CORP, ARCHIVE, "CANARYreportsApp");
    server.answer(
        "/cgi-bin/msgaudit/get_permit_user_list",
        json!({"errcode": 0, "errmsg": "ok", "ids": ["sunli"]}),
    );
    server
}

#[test]
fn what_editors_add_to_files_is_taken_off_or_named() {
    let server = reporting_server();
    let plain = configuration(CORP);
    let (windows, marked) = (plain.replace('\n', "\r\n"), format!("\u{feff}{plain}"));
    let both = format!("\u{feff}{windows}");
    for text in [&plain, &windows, &marked, &both] {
        for secret in [ARCHIVE.to_owned(), format!("\u{feff}{ARCHIVE}\r\n")] {
            let finished = ask(&server, text.as_bytes(), secret.as_bytes()).exits(0);
            assert_eq!(finished.json()["ids"], json!(["sunli"]));
        }
    }
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect()
    };
    for bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let refused = ask(&server, &utf16(&plain, bytes), ARCHIVE.as_bytes()).exits(2);
        assert!(refused.stderr.contains("UTF-16"), "{}", refused.stderr);
        let refused = ask(&server, plain.as_bytes(), &utf16(ARCHIVE, bytes)).exits(2);
        assert!(refused.stderr.contains("UTF-16"), "{}", refused.stderr);
    }
}

#[test]
fn blanks_around_ids_and_secrets_are_not_sent() {
    let server = reporting_server();
    let plain = configuration(CORP);
    for (before, after) in [
        ("", "\n"),
        ("", "\r\n\r\n"),
        (" ", " "),
        ("\t", ""),
        ("", "\u{a0}"),
        ("\u{3000}", "\u{3000}\n"),
        ("\u{200b}", "\u{2003}"),
    ] {
        let secret = format!("{before}{ARCHIVE}{after}");
        ask(&server, plain.as_bytes(), secret.as_bytes()).exits(0);
    }
    for corpid in [
        format!("{CORP} "),
        format!(" {CORP}"),
        format!("{CORP}\\n"),
        format!("\u{3000}{CORP}\u{a0}"),
    ] {
        ask(&server, configuration(&corpid).as_bytes(), ARCHIVE.as_bytes()).exits(0);
    }
    // All of them asked with the same two.
    for asked in server
        .asked()
        .iter()
        .filter(|asked| asked.path == "/cgi-bin/gettoken")
    {
        assert_eq!(
            (&*asked.query["corpid"], &*asked.query["corpsecret"]),
            (CORP, ARCHIVE)
        );
    }
    // What cannot be meant is refused by name, and nothing is asked.
    let before = server.asked().len();
    for corpid in ["ｗｗreports01", "ww reports01", "“wwreports01”"] {
        let refused = ask(&server, configuration(corpid).as_bytes(), ARCHIVE.as_bytes()).exits(2);
        assert!(refused.stderr.contains("corpid"), "{}", refused.stderr);
    }
    for secret in ["CANARY reports", "ＣＡＮＡＲＹ", "\"CANARY\"", ""] {
        let refused = ask(&server, plain.as_bytes(), secret.as_bytes()).exits(2);
        assert!(refused.stderr.contains("archive.secret"), "{}", refused.stderr);
    }
    assert_eq!(server.asked().len(), before);
}
