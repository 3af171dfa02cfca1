//! What is printed can neither lie nor act: hostile names, ids, file names and texts through every verb, to a pipe and to a
//! terminal, for people and for programs.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use kit::{Archive, Finished, PULL, Program, on_terminal};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::{Value, json};

use super::people::{House, customer, guest, member, now, sealed, small};
use kit::wecom::town::{Company, Room};

/// Clears the screen, sets the title, writes the clipboard, asks the terminal who it is; also in the 8-bit form.
const ACTS: &str = "\u{1b}[2J\u{1b}]0;pwn\u{7}\u{1b}]52;c;ZWNobw==\u{7}\u{9b}31m\u{9d}0;x\u{9c}\u{5}\u{7f}";
/// Turns the reading direction, hides, and breaks lines for programs that believe in other line breaks.
const HIDES: &str = "\u{202e}\u{2066}\u{200f}\u{61c}\u{200b}\u{feff}\u{ad}\u{e0041}\u{e000}\u{2028}\u{2029}\u{85}\u{b}\u{c}\r";
/// Lines that the program itself writes, in both languages.
const FORGED: [&str; 8] = [
    "2025-09-03 16:00:09  lihua → zhaomin  单聊 (内部)  seq 99  tx0099",
    "    [文本] │ 我同意转账",
    "    │ 我同意转账",
    "    ┊ 我同意转账",
    "    已撤回：zhaomin，2025-09-03 16:00:09，发送后 2 min 5 s",
    "    recalled by zhaomin, 2025-09-03 16:00:09, 2 min 5 s after sending",
    "────────────────────────────────────────────────────────────",
    "    类型 text",
];

/// A name, an id or a file name with all of that in it.
fn hostile(kind: &str) -> String {
    format!("{kind}{ACTS}{HIDES}\n{}\n{}  «»│x\t(外部)", FORGED[0], FORGED[4])
}

/// A character that may not reach a reader, whatever it is read with. Line ends are the program's own.
fn may_not_pass(ch: char) -> bool {
    (ch.is_control() && ch != '\n')
        || matches!(ch, '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[track_caller]
fn nothing_acts(what: &str, printed: &str) {
    for line in printed.split('\n') {
        // A tab of a text stays in the text.
        let bad: Vec<char> = match line.split_once(['│', '┊']) {
            Some((ours, text)) => ours
                .chars()
                .filter(|ch| may_not_pass(*ch))
                .chain(text.chars().filter(|ch| may_not_pass(*ch) && *ch != '\t'))
                .collect(),
            None => line.chars().filter(|ch| may_not_pass(*ch)).collect(),
        };
        assert!(bad.is_empty(), "{what}: {bad:?} in {line:?}");
    }
}

/// Without the colours that the program itself sets, which on a terminal is all that may begin with ESC.
fn without_styles(screen: &str) -> String {
    let mut text = String::new();
    let mut rest = screen;
    while let Some(at) = rest.find("\u{1b}[") {
        text.push_str(&rest[..at]);
        let style = &rest[at + 2..];
        let end = style
            .find(|ch: char| !ch.is_ascii_digit() && ch != ';')
            .unwrap_or(0);
        if style[end..].starts_with('m') {
            rest = &style[end + 1..];
        } else {
            text.push('\u{1b}');
            rest = style;
        }
    }
    text + rest
}

/// No line outside a text reads as a header, a recall or a rule of somebody else.
#[track_caller]
fn nothing_is_forged(what: &str, printed: &str) {
    for line in printed.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
        for forged in FORGED {
            let own = ["────", "    │ ", "    ┊ ", "    类型"]
                .iter()
                .any(|own| forged.starts_with(own));
            assert!(own || !line.starts_with(forged), "{what}: {line:?}");
        }
        assert!(
            !(line.starts_with("2025-09-03") && line.contains("seq 99")),
            "{what}: {line:?}"
        );
        assert!(!line.starts_with("    已撤回：zhaomin"), "{what}: {line:?}");
    }
}

fn town() -> Company {
    let mut company: Company = small();
    company.member(member("ZhangSan", &hostile("张三"), 2));
    company.customer(customer(&guest(1), &hostile("王小明"), "ZhangSan"));
    company.departments[1].name = hostile("销售部");
    company.customer_tags[0].name = hostile("重点");
    company.room(Room {
        id: "wrROOM1".to_owned(),
        name: hostile("项目群"),
        owner: "ZhangSan".to_owned(),
        made: 1_600_000_000,
        customers: true,
        people: vec![("ZhangSan".to_owned(), 1_600_000_000, hostile("群内"))],
        ..Room::default()
    });
    company
}

fn messages() -> Vec<Value> {
    let at = now() - 3_600_000;
    let customer = guest(1);
    let text = |nth: i64, content: &str| {
        json!({"msgid": format!("m{nth}"), "action": "send", "from": "ZhangSan", "tolist": [customer], "roomid": "",
               "msgtime": at + nth, "msgtype": "text", "text": {"content": content}})
    };
    vec![
        text(1, &format!("你好{ACTS}{HIDES}\n{}", FORGED.join("\n"))),
        text(2, "[文件] 合同.pdf"),
        text(3, &format!("{}{}", "x".repeat(61), FORGED[0])),
        json!({"msgid": "m4", "action": "send", "from": "ZhangSan", "tolist": [customer], "roomid": "wrROOM1",
               "msgtime": at + 4, "msgtype": "file",
               "file": {"md5sum": "", "filename": hostile("合同.pdf"), "fileext": "pdf", "filesize": 1, "sdkfileid": "b1"}}),
        json!({"msgid": hostile("m5"), "action": "send", "from": hostile("lihua"), "tolist": [hostile("zhao")],
               "roomid": "", "msgtime": at + 5, "msgtype": hostile("newtype"), "x": {"title": hostile("t")}}),
        json!({"msgid": "m6", "action": "send", "from": "ZhangSan", "tolist": [customer], "roomid": hostile("wr"),
               "msgtime": at + 6, "msgtype": "text", "text": {"content": "你好，群"}}),
        text(7, "会被撤回"),
        json!({"msgid": "m8", "action": "recall", "from": hostile("ZhangSan"), "tolist": [customer], "roomid": "",
               "msgtime": at + 8, "msgtype": "revoke", "revoke": {"pre_msgid": "m7"}}),
        json!({"msgid": "m9", "action": "send", "from": "ZhangSan", "tolist": [customer], "roomid": "",
               "msgtime": at + 9, "msgtype": "link",
               "link": {"title": hostile("你好"), "description": hostile("d"), "link_url": "https://x.cn/", "image_url": ""}}),
    ]
}

#[test]
fn hostile_text_through_every_verb_neither_acts_nor_lies() {
    let house = House::new(town(), &messages());
    house.pull();
    house.refresh();
    let customer = guest(1);
    let odd = hostile("nobody");
    let room = hostile("wr");
    let fifth = hostile("m5");
    let chat = format!("ZhangSan,{customer}");
    let verbs: Vec<Vec<&str>> = vec![
        vec!["search", "你好"],
        vec!["search", "has:file"],
        vec!["search", "in:filename pdf"],
        vec!["search", "name:张三", "--all"],
        vec!["search", "is:recalled"],
        vec!["search", "--all", "--", "-不在其中"],
        vec!["show", "m1", "--context", "3"],
        vec!["show", "m4"],
        vec!["show", &fifth],
        vec!["show", "m6"],
        vec!["show", "m7"],
        vec!["show", "m9"],
        vec!["chat"],
        vec!["chat", &chat, "--all"],
        vec!["chat", &room],
        vec!["stats"],
        vec!["runs", "--calls"],
        vec!["waiting"],
        vec!["media", "list"],
        vec!["consent", "report"],
        vec!["directory", "list", "people"],
        vec!["directory", "list", "rooms"],
        vec!["directory", "list", "departments"],
        vec!["directory", "list", "tags"],
        vec!["directory", "show", "zhangsan"],
        vec!["directory", "show", &customer],
        vec!["directory", "show", "wrROOM1"],
        vec!["completeness"],
        vec!["events", "list"],
        vec!["alert", "list"],
        vec!["keys", "list"],
        vec!["doctor"],
        vec!["-vv", "media", "get"],
        // Errors that quote what was typed.
        vec!["show", &odd],
        vec!["chat", &odd],
        vec!["directory", "show", &odd],
        vec!["consent", "show", &odd],
        vec!["media", "get", &odd],
        vec!["search", &odd],
        vec!["events", "list", "--company", &odd],
    ];
    for verb in &verbs {
        for language in ["zh", "en"] {
            let mut args = vec!["--language", language];
            args.extend(verb);
            let what = format!("{language} {:?}", verb.join(" "));
            let printed = house.run(&args);
            for text in [&printed.stdout, &printed.stderr] {
                nothing_acts(&what, text);
                nothing_is_forged(&what, text);
            }
            let seen = on_terminal(house.archive.command(house.with(&args)), 100);
            assert_eq!(seen.code, printed.code, "{what}: {}", seen.screen);
            let seen = without_styles(&seen.screen);
            // A progress bar moves the cursor; there is none here.
            nothing_acts(&what, &seen);
            nothing_is_forged(&what, &seen);
        }
        if !matches!(verb[0], "-vv") && !verb.contains(&"--calls") {
            let mut args = verb.clone();
            args.push("--json");
            if verb[0] == "search" && verb.contains(&"--") {
                args = vec!["search", "--all", "--json", "--", "-不在其中"];
            }
            let what = format!("{:?}", args.join(" "));
            let printed = house.run(&args);
            for text in [&printed.stdout, &printed.stderr] {
                nothing_acts(&what, text);
            }
            for line in printed.stdout.lines() {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{what}: {line}");
            }
            let seen = on_terminal(house.archive.command(house.with(&args)), 100);
            nothing_acts(&what, &without_styles(&seen.screen));
        }
    }
    // Programs get every character.
    let shown = house.good(&["show", "m1", "--json"]).json();
    let said = format!("你好{ACTS}{HIDES}\n{}", FORGED.join("\n"));
    assert_eq!(shown["texts"][0]["text"], json!(said));
    assert_eq!(shown["names"]["ZhangSan"]["now"], json!(hostile("张三")));
    let printed = house.good(&["show", "m1", "--json"]).stdout;
    assert!(printed.contains("\\u001b[2J") && printed.contains("\\u009b31m") && printed.contains("\\u2028"));
    // A text that reads like a file is told from a file by what stands outside the quotation.
    let page = house.good(&["chat", &chat, "--all"]).stdout;
    assert!(page.contains("    [文本] │ [文件] 合同.pdf\n"), "{page}");
}

/// The lines of a page as an auditor tells them apart: behind `│` the texts, everything else the program's own.
fn texts_of(page: &str) -> (Vec<String>, Vec<String>) {
    let (mut texts, mut own): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for line in page.lines() {
        match line.split_once("│ ") {
            Some(("    ", text)) => {
                let last = texts.last_mut().expect("a text goes on");
                last.push('\n');
                last.push_str(text);
            }
            Some((label, text)) if label.starts_with("    [") && label.ends_with("] ") => {
                texts.push(text.to_owned());
            }
            Some(_) => panic!("no rule for {line:?}"),
            None => own.push(line.to_owned()),
        }
    }
    (texts.iter().map(|text| read_back(text)).collect(), own)
}

fn read_back(printed: &str) -> String {
    let mut text = String::new();
    let mut rest = printed;
    while let Some(at) = rest.find("<U+") {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("signs are closed");
        let code = u32::from_str_radix(&rest[at + 3..end], 16).expect("a number");
        text.push(char::from_u32(code).expect("a character"));
        rest = &rest[end + 1..];
    }
    text + rest
}

/// Texts of pieces of the program's own pages, of what acts, and of anything.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(&FORGED[..]).prop_map(str::to_owned),
        3 => Just("\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just(ACTS.to_owned()),
        1 => Just(HIDES.to_owned()),
        1 => Just("<U+202E> <U+ ｜ ︱ ∣ ┃".to_owned()),
        1 => Just("时区：Asia/Shanghai (UTC+08:00)".to_owned()),
        1 => any::<char>().prop_filter("the mock takes no NUL", |ch| *ch != '\0').prop_map(String::from),
        2 => "[a-z好的 \t]{1,8}",
    ];
    prop::collection::vec(piece, 1..9).prop_map(|pieces| format!("{}.", pieces.concat()))
}

#[test]
fn a_page_gives_back_exactly_the_texts_that_were_sent() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let sent: Vec<String> = (0..150)
        .map(|_| text().new_tree(&mut runner).expect("a text").current())
        .collect();
    let messages: Vec<Value> = (0..)
        .zip(&sent)
        .map(|(nth, content)| {
            json!({"msgid": format!("p{nth:04}"), "action": "send", "from": "lihua", "tolist": ["zhaomin"], "roomid": "",
                   "msgtime": 1_756_886_400_000_i64 + nth, "msgtype": "text", "text": {"content": content}})
        })
        .collect();
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let archive = archive(scratch.path(), &messages);
    archive.pull(&[0]);
    for language in ["zh", "en"] {
        let page = archive
            .run(["--language", language, "chat", "lihua,zhaomin", "--all"])
            .exits(0)
            .stdout;
        let (texts, own) = texts_of(&page);
        assert_eq!(texts, sent);
        // One header for each message and the zone; no other line is the program's own.
        assert_eq!(own.len(), sent.len() + 1, "{own:#?}");
        for (nth, header) in own.iter().take(sent.len()).enumerate() {
            assert!(header.ends_with(&format!("p{nth:04}")), "{header:?}");
        }
        // The same rule holds for `show`, where the place of a text stands above it.
        for nth in (0..sent.len()).step_by(11) {
            let page = archive
                .run(["--language", language, "show", &format!("p{nth:04}")])
                .exits(0)
                .stdout;
            let quoted: Vec<&str> = page
                .lines()
                .filter_map(|line| line.strip_prefix("    │ "))
                .collect();
            assert_eq!(read_back(&quoted.join("\n")), sent[nth], "{page}");
            assert_eq!(
                page.matches('│').count() - quoted.concat().matches('│').count(),
                quoted.len()
            );
        }
        // On a narrow terminal every row of a text has a mark, so no row begins with words of a sender.
        let seen = on_terminal(
            archive.command(["--language", language, "chat", "lihua,zhaomin", "--all"]),
            60,
        );
        for row in without_styles(&seen.screen).lines() {
            let own = row.starts_with("2025-09-03 16:00:00  lihua → zhaomin")
                || row.starts_with("          ")
                || row.starts_with("时区：")
                || row.starts_with("times in ")
                || row.starts_with("lihua,zhaomin");
            let text = ["    [文本] │ ", "    [text] │ ", "    │ ", "    ┊ "]
                .iter()
                .any(|mark| row.starts_with(mark));
            assert!(own || text, "{row:?}");
        }
    }
}

fn archive(scratch: &Path, messages: &[Value]) -> Archive {
    let corpus = sealed(scratch, "corpus", messages);
    Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.join("archive"), &corpus)
}

#[test]
fn raw_is_byte_for_byte_and_not_for_terminals() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let message = json!({"msgid": "r1", "action": "send", "from": "lihua", "tolist": ["zhaomin"], "roomid": "",
                         "msgtime": 1_756_886_400_000_i64, "msgtype": "text", "text": {"content": format!("x{ACTS}")}});
    let folder = scratch.path().join("corpus").join("messages");
    fs::create_dir_all(&folder).expect("a folder");
    // Not UTF-8, with raw control characters: as a sender's client may have made it.
    let mut bytes = message.to_string().into_bytes();
    let end = bytes.len() - 3;
    bytes.splice(end..end, *b"\xff\xfe\x9b31m\x1b[2J");
    fs::write(folder.join("1.json"), &bytes).expect("a message");
    let corpus = kit::Corpus::seal(&folder, &scratch.path().join("corpus"));
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    archive.run(PULL);
    let msgid = archive
        .run(["search", "--json", "--all", "--", "-不在其中"])
        .json_lines();
    let msgid = msgid
        .first()
        .map_or("r1", |hit| hit["msgid"].as_str().expect("an id"))
        .to_owned();

    let raw = archive
        .command(["show", "--raw", &msgid])
        .output()
        .expect("it runs");
    assert_eq!(raw.stdout, bytes, "{}", String::from_utf8_lossy(&raw.stderr));
    let file = scratch.path().join("out");
    let to_file = archive
        .command(["show", "--raw", &msgid])
        .stdout(fs::File::create(&file).expect("a file"))
        .status()
        .expect("it runs");
    assert!(to_file.success() && fs::read(&file).expect("the file") == bytes);

    let refused = on_terminal(archive.command(["show", "--raw", &msgid]), 80);
    assert_eq!(refused.code, Some(2), "{}", refused.screen);
    assert!(refused.screen.contains("--raw-to-terminal"), "{}", refused.screen);
    nothing_acts("refused", &without_styles(&refused.screen));
    let asked = on_terminal(
        archive.command(["show", "--raw", "--raw-to-terminal", &msgid]),
        80,
    );
    assert_eq!(asked.code, Some(0));
    assert!(asked.screen.contains("\u{1b}[2J"), "{:?}", asked.screen);
    // The page itself stays harmless, and programs get the bytes as base64.
    nothing_acts("show", &archive.run(["show", &msgid]).stdout);
    let shown = archive.run(["show", "--json", "--raw", &msgid]).json();
    assert!(shown["plaintext_base64"].is_string(), "{shown}");
}

#[test]
fn records_that_are_not_open_are_printed_by_the_same_rules() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = sealed(scratch.path(), "corpus", &messages());
    corpus.misbehave(&Faults::new().with(Rule::chatdata(Fault::WrongVersion { version: 77 })));
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    archive.run(PULL);
    let waiting = archive.waiting();
    assert!(!waiting.is_empty());
    let ids: BTreeSet<&str> = waiting.iter().filter_map(|one| one["msgid"].as_str()).collect();
    for id in ids {
        for args in [
            vec!["show", id],
            vec!["show", "--json", id],
            vec!["waiting"],
            vec!["waiting", "--json"],
        ] {
            let Finished { stdout, stderr, .. } = archive.run(&args);
            nothing_acts(args[0], &format!("{stdout}{stderr}"));
            nothing_is_forged(args[0], &stdout);
        }
    }
    let nothing = archive.run(["show", "--raw", "m1"]);
    assert_eq!(nothing.code, Some(1), "{}", nothing.stderr);
    assert!(nothing.stdout.is_empty());
}

/// Pages with times name their zone, whatever zone is configured.
#[test]
fn every_page_names_the_zone_of_its_times() {
    let house = House::new(small(), &messages()[1..2]);
    house.pull();
    house.refresh();
    for verb in [
        &["search", "合同"][..],
        &["show", "m2"],
        &["chat"],
        &["chat", &format!("ZhangSan,{}", guest(1))],
        &["stats"],
        &["runs"],
        &["consent", "report"],
        &["directory", "show", "zhangsan"],
        &["doctor"],
    ] {
        for (zone, names) in [
            ("Asia/Shanghai", ["Asia/Shanghai", "UTC+08:00"]),
            ("America/New_York", ["America/New_York", "UTC-04:00 / UTC-05:00"]),
        ] {
            for language in ["zh", "en"] {
                let set = format!("archive.timezone={zone}");
                let mut args = verb.to_vec();
                args.extend(["--language", language, "--set", &set]);
                let printed = house.run(&args);
                for name in names {
                    assert!(printed.stdout.contains(name), "{args:?}: {}", printed.stdout);
                }
            }
        }
    }
    let nothing = house.good(&["search", "不存在的词"]);
    assert_eq!(nothing.stdout, "", "no hit, no page");
}

/// What is typed may have been pasted: faults of it are told without its effects, with the styles that are ours.
#[test]
fn wrong_arguments_are_told_by_the_same_rules() {
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let bad = hostile("x").replace('\0', "");
    let option = format!("--{bad}");
    let with_value = format!("--limit={bad}");
    for args in [
        &[&*bad][..],
        &["search", "--limit", &bad, "退款"],
        &["search", &with_value, "退款"],
        &["search", "--sort", &bad, "退款"],
        &["search", "--after", &bad, "退款"],
        &["count", "退款", "--by", &bad],
        &["stats", &option],
        &["pull", &bad],
        &["help", &bad],
        &["--language", &bad, "stats"],
        &["digest", "--upto", &bad],
        &["restore", "--from", &bad, &bad],
    ] {
        let what = format!("{:?}", args.join(" "));
        let printed = program.run(args).exits(2);
        assert_eq!(printed.stdout, "", "{what}");
        assert!(
            printed.stderr.starts_with("error: "),
            "{what}: {}",
            printed.stderr
        );
        nothing_acts(&what, &printed.stderr);
        nothing_is_forged(&what, &printed.stderr);
        let seen = on_terminal(program.command(args), 200);
        assert_eq!(seen.code, Some(2), "{what}: {}", seen.screen);
        assert!(
            seen.screen.contains("\u{1b}["),
            "ours are in colour: {:?}",
            seen.screen
        );
        let seen = without_styles(&seen.screen);
        nothing_acts(&what, &seen);
        nothing_is_forged(&what, &seen);
    }
    // What cannot act is repeated as it is, and help is help.
    let plain = program.run(["search", "--limit", "三", "退款"]).exits(2);
    assert!(
        plain.stderr.contains("'三'") && plain.stderr.contains("--limit"),
        "{}",
        plain.stderr
    );
    for args in [&["--help"][..], &["search", "--help"], &["--version"]] {
        let help = program.run(args).exits(0);
        assert!(
            help.stdout.contains("shiguan") && help.stderr.is_empty(),
            "{}",
            help.stderr
        );
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false => files.push(path),
        }
    }
    files
}

/// `cli::out` is the only door: nobody else takes hold of stdout or stderr, writes styles of its own, or makes JSON for a
/// reader without the escaping.
#[test]
fn nothing_is_printed_past_the_door() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let door = root.join("cli/out.rs");
    let mut wrong = Vec::new();
    for path in sources(&root) {
        let text = fs::read_to_string(&path).expect("a source file");
        let code: String = text
            .split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        if path == door {
            continue;
        }
        for word in [
            "io::stdout()",
            "io::stderr()",
            "println!(",
            "print!(",
            "AutoStream",
            "/dev/tty",
            "/dev/stdout",
        ] {
            // Asking what it is prints nothing.
            let asks = code.matches(&format!("{word}.is_terminal()")).count();
            if code.matches(word).count() > asks {
                wrong.push(format!("{}: {word}", path.display()));
            }
        }
        if path.starts_with(root.join("cli")) {
            // JSON as text would be a sentence, and its escapes would not be JSON's.
            let mut rest = code.as_str();
            while let Some(at) = ["outln!(", "errln!("]
                .iter()
                .filter_map(|name| rest.find(name))
                .min()
            {
                let call = &rest[at..];
                let call = &call[..call.find(";\n").unwrap_or(call.len())];
                if call.contains("json!(") || call.contains("_json(") || call.contains(".json(") {
                    wrong.push(format!("{}: JSON past out::json: {call}", path.display()));
                }
                rest = &rest[at + 7..];
            }
            for word in ["serde_json::to_string", "serde_json::to_writer"] {
                if code.contains(word) {
                    wrong.push(format!("{}: {word}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
