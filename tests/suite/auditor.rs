//! An auditor's questions to the demo's archive, each answered a second time by brute force: over the plaintexts that were
//! sealed, the cast of the corpus, and the rows of the whole archive.

use std::collections::{BTreeMap, BTreeSet};

use kit::{Corpus, Finished, Program};
use sdk_mock::generate::{Plan, Role, cast};
use serde_json::Value;

const MESSAGES: u64 = 1_500;
/// The demo's own.
const SEED: u64 = 2026;
/// 2025-07-01 and 2025-10-01, 00:00 in Shanghai.
const QUARTER: std::ops::Range<i64> = 1_751_299_200_000..1_759_248_000_000;

/// What one record says, from its plaintext.
struct Said {
    msgid: String,
    from: String,
    to: Vec<String>,
    time: Option<i64>,
    kind: String,
    /// The msgid that it takes back.
    recalls: Option<String>,
}

struct Demo {
    _scratch: tempfile::TempDir,
    config: String,
    /// What the demo printed.
    printed: String,
    /// Every opened message as the archive shows it, by msgid.
    rows: BTreeMap<String, Value>,
    said: Vec<Said>,
    /// Name and role by folded id.
    people: BTreeMap<String, (String, Role)>,
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_shiguan"))
}

/// Members' ids count without regard to case.
fn folded(id: &str) -> String {
    let is_member = !["wm", "wo", "wb"].iter().any(|prefix| id.starts_with(prefix));
    if is_member {
        id.to_ascii_lowercase()
    } else {
        id.to_owned()
    }
}

fn is_outside(id: &str) -> bool {
    id.starts_with("wm") || id.starts_with("wo")
}

impl Demo {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let dir = scratch.path().join("demo");
        let (dir_text, messages) = (dir.to_str().expect("UTF-8"), MESSAGES.to_string());
        let made = program()
            .run(["demo", "--dir", dir_text, "--no-serve", "--messages", &messages])
            .exits(0);
        let plan = Plan {
            messages: MESSAGES,
            seed: SEED,
            ..Plan::default()
        };
        let people = cast(&plan)
            .0
            .into_iter()
            .map(|player| (folded(&player.id), (player.name, player.role)))
            .collect();
        let corpus = Corpus {
            path: dir.join("corpus"),
        };
        let mut demo = Self {
            config: format!("{dir_text}/shiguan.toml"),
            printed: made.stdout,
            rows: BTreeMap::new(),
            said: Vec::new(),
            people,
            _scratch: scratch,
        };
        demo.rows = demo
            .run(&["search", "--json", "--all", "seq:0-18446744073709551615"])
            .exits(0)
            .json_lines()
            .into_iter()
            .map(|row| (row["msgid"].as_str().expect("a msgid").to_owned(), row))
            .collect();
        let truth = corpus.truth();
        assert_eq!(truth.len() as u64, MESSAGES);
        // The demo breaks five on purpose.
        assert_eq!(demo.rows.len() as u64, MESSAGES - 5);
        for record in truth {
            if demo.rows.contains_key(&record.msgid) {
                demo.said.extend(said(&record.msgid, &record.plaintext));
            }
        }
        assert_eq!(demo.said.len(), demo.rows.len());
        demo
    }

    fn run(&self, args: &[&str]) -> Finished {
        program().run([&["--config", &self.config], args].concat())
    }

    fn found(&self, query: &str) -> BTreeSet<String> {
        let hits = self
            .run(&["search", "--json", "--all", query])
            .exits(0)
            .json_lines();
        let found: BTreeSet<String> = hits
            .iter()
            .map(|hit| hit["msgid"].as_str().expect("a msgid").to_owned())
            .collect();
        assert_eq!(found.len(), hits.len(), "{query}: nothing comes twice");
        let counted = self.run(&["search", "--count", query]).exits(0);
        assert_eq!(counted.stdout.trim(), found.len().to_string(), "{query}");
        found
    }

    /// Exactly these, and at least so many of them.
    #[track_caller]
    fn answers(&self, query: &str, least: usize, expected: &BTreeSet<String>) {
        let found = self.found(query);
        assert_eq!(&found, expected, "{query}");
        assert!(found.len() >= least, "{query}: {found:?}");
    }

    fn rows_where(&self, holds: impl Fn(&Value) -> bool) -> BTreeSet<String> {
        self.rows
            .iter()
            .filter(|(_, row)| holds(row))
            .map(|(msgid, _)| msgid.clone())
            .collect()
    }

    fn said_where(&self, holds: impl Fn(&Said) -> bool) -> BTreeSet<String> {
        self.said
            .iter()
            .filter(|said| holds(said))
            .map(|said| said.msgid.clone())
            .collect()
    }

    fn role(&self, id: &str) -> Option<Role> {
        self.people.get(&folded(id)).map(|(_, role)| *role)
    }

    /// The member whom most of these are about, as the program shows people: name and id.
    fn label(&self, id: &str) -> String {
        format!("{}({id})", self.people[&folded(id)].0)
    }
}

fn said(msgid: &str, plaintext: &str) -> Option<Said> {
    let message: Value = serde_json::from_str(plaintext)
        .or_else(|_| serde_json::from_str(&without_oddities(plaintext)))
        .ok()?;
    let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
    Some(Said {
        msgid: msgid.to_owned(),
        from: text("from"),
        to: message["tolist"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect(),
        time: message["msgtime"].as_i64(),
        kind: text("msgtype"),
        recalls: message["revoke"]["pre_msgid"].as_str().map(str::to_owned),
    })
}

/// Some of the corpus are no strict JSON: control bytes as they are, and halves of characters.
fn without_oddities(plaintext: &str) -> String {
    let mut text = plaintext.replace(char::is_control, " ");
    for half in ["\\ud", "\\uD"] {
        while let Some(at) = text.find(half) {
            text.replace_range(at..at + 6, "?");
        }
    }
    text
}

fn texts(row: &Value) -> impl Iterator<Item = &str> {
    row["texts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|text| text["text"].as_str())
}

fn says(row: &Value, words: &str) -> bool {
    texts(row).any(|text| text.contains(words))
}

/// A row of exactly 11 digits that begins like a mobile number, or one behind the country's number.
fn has_mobile_number(text: &str) -> bool {
    text.split(|ch: char| !ch.is_ascii_digit()).any(|digits| {
        let number = match digits.len() {
            11 => digits,
            13 => digits.strip_prefix("86").unwrap_or_default(),
            15 => digits.strip_prefix("0086").unwrap_or_default(),
            _ => "",
        };
        number.starts_with('1') && matches!(number.as_bytes().get(1), Some(b'3'..=b'9'))
    })
}

#[test]
fn an_auditors_questions_are_answered_from_the_demos_archive() {
    let demo = Demo::new();
    let (promise, customer) = the_refund(&demo);
    files_that_went_outside(&demo, &promise);
    those_who_refused(&demo);
    mobile_numbers(&demo);
    two_people_in_a_quarter(&demo);
    counts_per_person(&demo);
    typed_wrongly(&demo);
    traditional_characters(&demo, &customer);
    what_the_demo_printed(&demo);
}

/// A refund that was promised to one customer and taken back. Returns who promised it, and to whom.
fn the_refund(demo: &Demo) -> (String, String) {
    let recalled: BTreeSet<&str> = demo
        .said
        .iter()
        .filter_map(|said| said.recalls.as_deref())
        .collect();
    let promised =
        |row: &Value| says(row, "退款") && recalled.contains(row["msgid"].as_str().unwrap_or_default());
    let by_member = demo.said_where(|said| demo.role(&said.from) == Some(Role::Member));
    let expected: BTreeSet<String> = demo
        .rows_where(promised)
        .into_iter()
        .filter(|msgid| by_member.contains(msgid))
        .collect();
    demo.answers("退款 said-by:employee is:recalled", 1, &expected);
    let promise = demo
        .said
        .iter()
        .find(|said| expected.contains(&said.msgid) && said.to.len() == 1 && is_outside(&said.to[0]))
        .expect("one to a customer alone");
    let to = demo.label(&promise.to[0]);
    let only: BTreeSet<String> = demo
        .said
        .iter()
        .filter(|said| expected.contains(&said.msgid) && said.to.contains(&promise.to[0]))
        .map(|said| said.msgid.clone())
        .collect();
    demo.answers(&format!("退款 to:{to} is:recalled"), 1, &only);
    demo.answers(&format!("退款　接收人：{to}，状态：已撤回"), 1, &only);
    // Who took it back and after how long stands beside it.
    let row = &demo.rows[&promise.msgid];
    assert_eq!(row["recalled"]["by"], folded(&promise.from));
    assert_eq!(row["recalled"]["after_ms"], 90_000);
    let shown = demo
        .run(&["search", &format!("退款 to:{to} is:recalled")])
        .exits(0);
    assert!(
        shown.stdout.contains("已撤回") && shown.stdout.contains("退款"),
        "{}",
        shown.stdout
    );
    // The customer's own wish for one is no promise.
    assert!(!demo.found(&format!("退款 from:{to}")).is_empty());
    (promise.from.clone(), promise.to[0].clone())
}

/// Files that a member sent to somebody outside, named in every way a person has.
fn files_that_went_outside(demo: &Demo, member: &str) {
    let sent = |from: &str| {
        demo.said_where(|said| {
            folded(&said.from) == folded(from)
                && said.kind == "file"
                && said.to.iter().any(|id| is_outside(id))
        })
    };
    // The one of the story, and whoever else sent some.
    let senders: BTreeSet<String> = demo
        .said
        .iter()
        .filter(|said| demo.role(&said.from) == Some(Role::Member) && !sent(&said.from).is_empty())
        .map(|said| said.from.clone())
        .chain([member.to_owned()])
        .collect();
    let mut total = 0;
    for from in &senders {
        let expected = sent(from);
        total += expected.len();
        let label = demo.label(from);
        demo.answers(&format!("from:{label} is:outbound type:file"), 0, &expected);
        demo.answers(&format!("from:={from} 类型：文件 是：发往外部"), 0, &expected);
        let in_chinese = format!(
            "发送人：{}，类型：文件，是：发往外部",
            label.replace('(', "（").replace(')', "）")
        );
        demo.answers(&in_chinese, 0, &expected);
    }
    assert!(senders.len() > 2 && total > 5, "{senders:?}: {total}");
    // `has:file` is no narrower.
    let documents = demo.found("is:outbound has:file");
    assert!(demo.found("is:outbound type:file").is_subset(&documents));
    // By the name alone everybody who has it is meant, and the answer says how many that are.
    let name = demo.people[&folded(member)].0.clone();
    let namesakes: BTreeSet<&String> = demo
        .people
        .iter()
        .filter(|(_, (other, _))| *other == name)
        .map(|(id, _)| id)
        .collect();
    demo.answers(
        &format!("from:{name}"),
        1,
        &demo.said_where(|said| namesakes.contains(&folded(&said.from))),
    );
}

/// Said by those who had refused to be archived.
fn those_who_refused(demo: &Demo) {
    let refused = |row: &Value| row["consent"]["state"] == "refused";
    let outside = |row: &Value| row["from"].as_str().is_some_and(is_outside);
    let expected = demo.rows_where(|row| refused(row) && outside(row));
    demo.answers("said-by:external consent:refused", 1, &expected);
    demo.answers("发言方：客户 同意情况：不同意", 1, &expected);
    // Whoever said so in a message of the archive is among them from then on.
    for said in demo.said.iter().filter(|said| said.kind == "disagree") {
        let later = demo.said_where(|other| {
            other.from == said.from && other.to == said.to && other.time > said.time && other.kind == "text"
        });
        assert!(later.is_subset(&expected), "{}", said.msgid);
    }
    // To them, by the company's members.
    let to_them = demo.rows_where(|row| refused(row) && !outside(row));
    demo.answers("said-by:employee,robot consent:refused", 1, &to_them);
}

/// Messages with a mobile number in any of their texts.
fn mobile_numbers(demo: &Demo) {
    let expected = demo.rows_where(|row| texts(row).any(has_mobile_number));
    demo.answers("has:phone", 2, &expected);
    demo.answers("有：手机号", 2, &expected);
    for number in ["13812345678", "15987654321"] {
        demo.answers(number, 1, &demo.rows_where(|row| says(row, number)));
        assert!(demo.found(&format!("has:phone {number}")).len() == 1);
    }
    let outbound = demo.rows_where(|row| row["direction"] == "out" && texts(row).any(has_mobile_number));
    demo.answers("has:phone is:outbound", 1, &outbound);
    demo.answers(
        "-has:phone 手机",
        0,
        &demo.rows_where(|row| says(row, "手机") && !texts(row).any(has_mobile_number)),
    );
}

/// What two people said to each other in a quarter, to the second.
fn two_people_in_a_quarter(demo: &Demo) {
    let all_of = |query: &str| demo.found(query);
    let edge = all_of("二季度的对账单发你了");
    let edge = demo
        .said
        .iter()
        .find(|said| edge.contains(&said.msgid))
        .expect("the last of the quarter before");
    let (one, other) = (folded(&edge.from), folded(&edge.to[0]));
    let both = |said: &Said| {
        let all: BTreeSet<String> = said.to.iter().chain([&said.from]).map(|id| folded(id)).collect();
        all.contains(&one) && all.contains(&other)
    };
    let in_quarter = |said: &Said| said.time.is_some_and(|time| QUARTER.contains(&time));
    let expected = demo.said_where(|said| both(said) && in_quarter(said));
    let ever = demo.said_where(both);
    // One second before, and one after.
    assert_eq!(ever.len(), expected.len() + 2);
    let (one, other) = (demo.label(&edge.from), demo.label(&edge.to[0]));
    for quarter in [
        "2025-Q3",
        "2025年第三季度",
        "2025-07-01..2025-09-30",
        "２０２５－Ｑ３",
    ] {
        demo.answers(&format!("with:{one} with:{other} on:{quarter}"), 2, &expected);
    }
    demo.answers(
        &format!("参与人：{one} 参与人：{other} 时间：2025年第三季度"),
        2,
        &expected,
    );
    demo.answers(&format!("with:{one} with:{other}"), 4, &ever);
}

/// How many each person said of something.
fn counts_per_person(demo: &Demo) {
    for query in ["退款", "合同", "is:outbound", "seq:0-18446744073709551615"] {
        let found = demo.found(query);
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for msgid in &found {
            let from = demo.rows[msgid]["from"].as_str().unwrap_or_default();
            *expected.entry(folded(from)).or_default() += 1;
        }
        let mut lines = demo
            .run(&["count", query, "--by", "person", "--json"])
            .exits(0)
            .json_lines();
        let summary = lines.pop().expect("a summary");
        assert_eq!(summary["total"], found.len() as u64, "{query}");
        let counted: BTreeMap<String, u64> = lines
            .iter()
            .map(|line| {
                let key = line["key"].as_str().expect("a key").to_owned();
                if let Some((name, _)) = demo.people.get(&key) {
                    assert_eq!(line["name"], **name, "{key}");
                }
                (key, line["count"].as_u64().expect("a count"))
            })
            .collect();
        assert_eq!(counted, expected, "{query}");
    }
}

/// Slips are said to be slips, with what is near.
fn typed_wrongly(demo: &Demo) {
    for (query, parts) in [
        ("from:高洁 type:file", ["没有人叫 高洁", "高杰 (GaoJie4)"]),
        ("from:gaoije4", ["没有人叫 gaoije4", "GaoJie4"]),
        ("type:文挡 from:高杰", ["没有类型为 文挡 的消息", "file"]),
        ("138*", ["没有通配符", "138"]),
    ] {
        let finished = demo.run(&["search", "--json", "--all", query]).exits(0);
        assert_eq!(finished.stdout, "", "{query}");
        let told = demo.run(&["search", query]).exits(0).stderr;
        for part in parts {
            assert!(
                told.to_lowercase().contains(&part.to_lowercase()),
                "{query}: no {part} in\n{told}"
            );
        }
    }
    let slip = demo.run(&["search", "tpye:file"]).exits(2);
    assert!(slip.stderr.contains("type"), "{}", slip.stderr);
    // Quotes, brackets and minus as a Chinese keyboard gives them.
    let phrase = demo.rows_where(|row| says(row, "装箱单 Packing List"));
    demo.answers("“装箱单 Packing List”", 1, &phrase);
    let either = demo.rows_where(|row| says(row, "退款") || says(row, "换货"));
    demo.answers("（退款 OR 换货）", 1, &either);
    let without = demo.rows_where(|row| says(row, "退款") && !says(row, "到账"));
    demo.answers("退款　－到账", 1, &without);
}

/// A text is found as it was written, and an answer of nothing says what it looked for.
fn traditional_characters(demo: &Demo, customer: &str) {
    let written = demo.rows_where(|row| says(row, "退款進度"));
    demo.answers("退款進度", 1, &written);
    assert_eq!(demo.rows[written.first().expect("one")]["from"], customer);
    let nothing = demo.run(&["search", "--json", "--all", "發貨清單"]).exits(0);
    assert_eq!(nothing.stdout, "");
    let told = demo.run(&["search", "發貨清單"]).exits(0).stderr;
    assert!(told.contains("没有结果") || told.contains("0 条"), "{told}");
}

/// The questions that the demo ends with find what it says.
fn what_the_demo_printed(demo: &Demo) {
    let mut questions = 0;
    for line in demo.printed.lines().filter(|line| line.contains(" search '")) {
        let query = line.split('\'').nth(1).expect("a query");
        let count = line
            .split("# ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .expect("a count");
        assert_eq!(demo.found(query).len().to_string(), count, "{line}");
        questions += 1;
    }
    assert_eq!(questions, 5, "{}", demo.printed);
    assert!(
        demo.printed
            .contains("search '退款 is:outbound is:recalled'    # 1 found"),
        "{}",
        demo.printed
    );
}
