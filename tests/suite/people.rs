//! Who they were, from outside: the program, the mock library and a stand-in for WeCom whose company changes.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kit::{
    Archive, Corpus, Finished, PULL, Program, WeCom,
    callback::{event, seconds},
    wecom::{
        Reaction, Town,
        town::{Company, Customer, CustomerTag, Department, Follow, Member, Room},
    },
};
use sdk_mock::generate::Plan;
use serde_json::{Value, json};

use super::daemon::{Daemon, until};

const CORP: &str = "ww0000000000000000";
const ARCHIVE: &str = "CANARYsecretArchiveP1";
const APP: &str = "CANARYsecretAppP2";

pub(super) fn guest(nth: usize) -> String {
    format!("wmGUEST{nth:025}")
}

pub(super) fn now() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(passed.as_millis()).expect("before the end of time")
}

/// An archive, and a town behind a server that it asks.
pub(super) struct House {
    scratch: tempfile::TempDir,
    pub(super) server: WeCom,
    pub(super) town: Town,
    pub(super) archive: Archive,
    corpus: Corpus,
}

impl House {
    pub(super) fn new(company: Company, messages: &[Value]) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = sealed(scratch.path(), "first", messages);
        Self::over(scratch, company, corpus)
    }

    fn over(scratch: tempfile::TempDir, company: Company, corpus: Corpus) -> Self {
        let server = WeCom::of(CORP, ARCHIVE, APP);
        let town = Town::new(company);
        town.open(&server);
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        for (name, secret) in [("archive", ARCHIVE), ("app", APP)] {
            let path = scratch.path().join(name).with_extension("secret");
            fs::write(&path, secret).expect("a secret");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("owner only");
        }
        Self {
            scratch,
            server,
            town,
            archive,
            corpus,
        }
    }

    /// The values of the configuration that lead to the server and the corpus of the hour.
    pub(super) fn with(&self, args: &[&str]) -> Vec<OsString> {
        let file = |name: &str| self.scratch.path().join(name).with_extension("secret");
        let mut all: Vec<OsString> = args.iter().map(OsString::from).collect();
        for (key, value) in [
            ("api.host", PathBuf::from(self.server.url())),
            ("company.mock.secret_file", file("archive")),
            ("company.mock.app_secret_file", file("app")),
            ("company.mock.mock_corpus", self.corpus.path.clone()),
        ] {
            all.push("--set".into());
            all.push(format!("{key}={}", value.display()).into());
        }
        all
    }

    pub(super) fn run(&self, args: &[&str]) -> Finished {
        let finished = self.archive.run(self.with(args));
        for secret in [ARCHIVE, APP, "CANARYtoken", "access_token"] {
            let told = format!("{}{}", finished.stdout, finished.stderr);
            assert!(!told.contains(secret), "{args:?} tells a secret:\n{told}");
        }
        finished
    }

    pub(super) fn good(&self, args: &[&str]) -> Finished {
        let finished = self.run(args);
        assert_eq!(finished.code, Some(0), "{args:?}: {}", finished.stderr);
        finished
    }

    pub(super) fn pull(&self) {
        self.good(&PULL);
    }

    pub(super) fn refresh(&self) -> Value {
        self.good(&["directory", "refresh", "--json"]).json()
    }

    pub(super) fn refresh_all(&self) -> Value {
        self.good(&["directory", "refresh", "--json", "--all"]).json()
    }

    fn search(&self, query: &str) -> Vec<Value> {
        self.good(&["search", "--json", "--all", query]).json_lines()
    }

    pub(super) fn show(&self, id: &str, at: Option<&str>) -> Value {
        let mut args = vec!["directory", "show", "--json", id];
        args.extend(at.map(|at| ["--at", at]).into_iter().flatten());
        self.good(&args).json()
    }

    /// Calls so far, tokens aside.
    fn calls(&self) -> usize {
        let asked = self.server.asked();
        asked
            .iter()
            .filter(|asked| asked.path != "/cgi-bin/gettoken")
            .count()
    }

    /// More messages behind those there are.
    fn say(&mut self, name: &str, messages: &[Value]) {
        self.corpus = sealed(self.scratch.path(), name, messages);
        self.pull();
    }
}

pub(super) fn sealed(folder: &Path, name: &str, messages: &[Value]) -> Corpus {
    let folder = folder.join(name);
    let from = folder.join("messages");
    fs::create_dir_all(&from).expect("a folder");
    for (nth, message) in messages.iter().enumerate() {
        fs::write(from.join(format!("{nth:06}.json")), message.to_string()).expect("a message");
    }
    Corpus::seal(&from, &folder)
}

pub(super) fn text(nth: usize, from: &str, to: &[&str], room: &str, time: i64) -> Value {
    json!({"msgid": format!("m{nth}"), "action": "send", "from": from, "tolist": to, "roomid": room,
           "msgtime": time, "msgtype": "text", "text": {"content": format!("第{nth}条")}})
}

pub(super) fn member(id: &str, name: &str, department: i64) -> Member {
    Member {
        userid: id.to_owned(),
        name: name.to_owned(),
        departments: vec![department],
        ..Member::default()
    }
}

pub(super) fn customer(id: &str, name: &str, follower: &str) -> Customer {
    Customer {
        id: id.to_owned(),
        name: name.to_owned(),
        follows: vec![Follow {
            userid: follower.to_owned(),
            remark: format!("{name}的备注"),
            since: 1_600_000_000,
            tags: vec!["etVIP".to_owned()],
            own_tags: vec!["爱钓鱼".to_owned()],
        }],
        ..Customer::default()
    }
}

/// Two members, one customer, two departments, a tag.
pub(super) fn small() -> Company {
    let mut company = Company {
        fetch_child: true,
        recorded: vec!["ZhangSan".to_owned()],
        departments: vec![
            Department {
                id: 1,
                name: "总部".to_owned(),
                parent: 0,
            },
            Department {
                id: 2,
                name: "销售部".to_owned(),
                parent: 1,
            },
        ],
        customer_tags: vec![CustomerTag {
            id: "etVIP".to_owned(),
            name: "重点客户".to_owned(),
            group: "等级".to_owned(),
        }],
        ..Company::default()
    };
    company.member(member("ZhangSan", "张三", 2));
    company.member(member("lisi", "李四", 1));
    company.customer(customer(&guest(1), "王小明", "ZhangSan"));
    company
}

#[test]
fn a_renamed_person_has_the_name_of_the_time_in_each_message() {
    let before = text(1, "ZhangSan", &[&guest(1)], "", now() - 86_400_000);
    let mut house = House::new(small(), std::slice::from_ref(&before));
    house.pull();
    house.refresh();
    std::thread::sleep(Duration::from_millis(5));
    let between = text(2, "ZhangSan", &[&guest(1)], "", now());
    std::thread::sleep(Duration::from_millis(5));
    house.town.company().member(member("ZhangSan", "张大三", 2));
    house.refresh_all();
    std::thread::sleep(Duration::from_millis(5));
    let after = text(3, "ZhangSan", &[&guest(1)], "", now());
    house.say("second", &[before, between, after]);

    let name = |nth: usize| house.search(&format!("msgid:m{nth}"))[0]["names"]["ZhangSan"].clone();
    assert_eq!(
        name(1),
        json!({"then": "张三", "now": "张大三", "learnt_later": true})
    );
    assert_eq!(
        name(2),
        json!({"then": "张三", "now": "张大三", "learnt_later": false})
    );
    assert_eq!(
        name(3),
        json!({"then": "张大三", "now": "张大三", "learnt_later": false})
    );
    // On the screen the id stays, and both names where they differ.
    let shown = house.good(&["search", "msgid:m2"]);
    assert!(
        shown.stdout.contains("张三(ZhangSan; 现名 张大三)"),
        "{}",
        shown.stdout
    );
    assert!(!shown.stderr.contains('*'), "{}", shown.stderr);
    let shown = house.good(&["--language", "en", "search", "msgid:m1"]);
    assert!(
        shown.stdout.contains("张三*(ZhangSan; now 张大三)"),
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.contains("* learnt only after"), "{}", shown.stderr);
    // Searches know both names, in every message.
    for query in [
        "name:张三",
        "from:张三",
        "from:张大三",
        "with:王小明",
        "name:备注",
        "to:王小明",
    ] {
        assert_eq!(house.search(query).len(), 3, "{query}");
    }
    assert!(house.search("to:张三").is_empty());
    assert!(house.search("from:张").is_empty(), "from: takes whole names");
    assert_eq!(
        house.search("department:总部").len(),
        3,
        "and everything below it"
    );
    assert_eq!(house.search("tag:重点客户").len(), 3);
    assert_eq!(house.search("tag:爱钓鱼").len(), 3, "a member's own tag");
    assert!(house.search("department:财务部 OR tag:别的").is_empty());
    // One message, whole: what was so then, and what is so now where it differs.
    house.town.company().member(member("ZhangSan", "张大三", 1));
    house.refresh_all();
    let whole = house.good(&["show", "--json", "m2"]).json();
    let about = &whole["people"]["ZhangSan"];
    assert_eq!(about["then"]["department"]["values"], json!(["销售部(2)"]));
    assert_eq!(about["now"]["department"]["values"], json!(["总部(1)"]));
    let about = &whole["people"][guest(1)]["then"];
    assert_eq!(
        about["remark"]["values"][0]
            .as_str()
            .map(|text| text.starts_with("王小明的备注 [张三")),
        Some(true),
        "{about}"
    );
    assert_eq!(
        about["own_tag"]["values"][0]
            .as_str()
            .map(|text| text.starts_with("爱钓鱼")),
        Some(true),
        "{about}"
    );
    let shown = house.good(&["show", "m2"]).stdout;
    assert!(
        shown.contains("当时") && shown.contains("部门 销售部(2)"),
        "{shown}"
    );
    assert!(
        shown.contains("现在") && shown.contains("部门 总部(1)"),
        "{shown}"
    );
    // The history says when, and what said so.
    let dossier = house.show("zhangsan", None);
    let names: Vec<&Value> = dossier["history"]
        .as_array()
        .expect("spans")
        .iter()
        .filter(|span| span["aspect"] == "name")
        .collect();
    assert_eq!(names.len(), 2);
    assert_eq!(
        (&names[0]["value"], &names[1]["value"]),
        (&json!("张三"), &json!("张大三"))
    );
    assert!(names[0]["until"].is_string() && names[1]["until"].is_null());
    assert_eq!(names[0]["how"], "user_get");
    assert_eq!(dossier["now"]["scope"][0]["item"], "enterprise");
    // Asking again writes nothing new.
    let spans = dossier["history"].as_array().map(Vec::len);
    house.refresh_all();
    assert_eq!(
        house.show("zhangsan", None)["history"].as_array().map(Vec::len),
        spans
    );
}

#[test]
fn counts_stand_beside_the_names_of_today() {
    let mut company = small();
    company.room(Room {
        id: "wrINTERNALAAAAAAAAAA".to_owned(),
        name: "周会群".to_owned(),
        owner: "lisi".to_owned(),
        made: now() / 1000 - 86_400,
        people: vec![("lisi".to_owned(), now() / 1000 - 86_400, String::new())],
        ..Room::default()
    });
    let room = "wrINTERNALAAAAAAAAAA";
    let house = House::new(
        company,
        &[
            text(1, "ZhangSan", &["lisi"], "", now() - 5_000),
            text(2, "ZhangSan", &["lisi"], "", now() - 4_000),
            text(3, "ZhangSan", &["nobody"], "", now() - 3_000),
            text(4, "nobody", &["lisi"], room, now() - 2_000),
        ],
    );
    house.pull();
    let before = house.good(&["stats", "--json"]).json();
    assert_eq!(
        before["names"],
        json!({"by_person": {}, "by_chat": {}}),
        "nobody was asked yet"
    );
    house.refresh();
    house.town.company().member(member("ZhangSan", "张大三", 2));
    house.refresh_all();

    let counted = house.good(&["stats", "--json"]).json();
    // Scripts find the counts where they were.
    assert_eq!(counted["by_person"], json!({"zhangsan": 3, "nobody": 1}));
    assert_eq!(
        counted["by_chat"],
        json!({"lisi,zhangsan": 2, "nobody,zhangsan": 1, (room): 1})
    );
    assert_eq!(
        counted["names"],
        json!({
            "by_person": {"zhangsan": "张大三"},
            "by_chat": {"lisi,zhangsan": "李四,张大三", "nobody,zhangsan": "nobody,张大三", (room): "周会群"},
        })
    );
    let days = house.good(&["stats", "--json", "--by", "day"]).json();
    assert!(days["names"].is_null(), "days have no names: {days}");
    let shown = house.good(&["stats"]).stdout;
    for line in [
        "张大三(zhangsan)  ",
        "nobody  ",
        "李四(lisi),张大三(zhangsan)  ",
        "nobody,张大三(zhangsan)  ",
        "周会群(wrINTERNALAAAAAAAAAA)  ",
    ] {
        assert!(shown.lines().any(|one| one.starts_with(line)), "{line}: {shown}");
    }
    assert!(!shown.contains("张三("), "as they are now: {shown}");
}

#[test]
fn who_sat_in_a_room_that_day() {
    let day = |day: &str| {
        format!("{day}T12:00:00+08:00")
            .parse::<jiff::Timestamp>()
            .expect("a time")
    };
    let seconds = |text: &str| day(text).as_second();
    let mut company = small();
    company.room(Room {
        id: "wrINTERNALAAAAAAAAAA".to_owned(),
        name: "周会群".to_owned(),
        owner: "lisi".to_owned(),
        made: seconds("2026-01-10"),
        people: vec![
            ("lisi".to_owned(), seconds("2026-01-10"), String::new()),
            ("ZhangSan".to_owned(), seconds("2026-02-01"), String::new()),
        ],
        ..Room::default()
    });
    company.room(Room {
        id: "wrCUSTOMERAAAAAAAAAA".to_owned(),
        name: "售后群".to_owned(),
        owner: "ZhangSan".to_owned(),
        made: seconds("2026-01-10"),
        customers: true,
        people: vec![
            ("ZhangSan".to_owned(), seconds("2026-01-10"), String::new()),
            (guest(1), seconds("2026-03-01"), "老王".to_owned()),
        ],
        ..Room::default()
    });
    let messages = [
        text(
            1,
            "lisi",
            &["ZhangSan"],
            "wrINTERNALAAAAAAAAAA",
            day("2026-02-03").as_millisecond(),
        ),
        text(
            2,
            "ZhangSan",
            &[&guest(1)],
            "wrCUSTOMERAAAAAAAAAA",
            day("2026-03-03").as_millisecond(),
        ),
        // Nobody outside was ever seen in it, yet it is a customer group; and one that nobody knows.
        text(
            3,
            "lisi",
            &["ZhangSan"],
            "wrQUIETAAAAAAAAAAAAA",
            day("2026-03-03").as_millisecond(),
        ),
        text(
            4,
            "lisi",
            &["ZhangSan"],
            "wrNOBODYKNOWSAAAAAAA",
            day("2026-03-03").as_millisecond(),
        ),
    ];
    company.room(Room {
        id: "wrQUIETAAAAAAAAAAAAA".to_owned(),
        name: "安静群".to_owned(),
        owner: "lisi".to_owned(),
        made: seconds("2026-01-10"),
        customers: true,
        people: vec![("lisi".to_owned(), seconds("2026-01-10"), String::new())],
        ..Room::default()
    });
    let house = House::new(company, &messages);
    house.pull();
    let told = house.refresh();
    assert_eq!(told["left"], 0, "{told}");
    assert_eq!(told["not_available"], 1, "{told}");
    let members = |room: &str, day: &str| -> BTreeSet<String> {
        let shown = house.show(room, Some(day));
        let held = shown["at"].as_array().expect("what held").clone();
        held.iter()
            .filter(|span| span["aspect"] == "member")
            .map(|span| span["item"].as_str().expect("an id").to_owned())
            .collect()
    };
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(members("wrINTERNALAAAAAAAAAA", "2026-01-09"), set(&[]));
    assert_eq!(members("wrINTERNALAAAAAAAAAA", "2026-01-15"), set(&["lisi"]));
    assert_eq!(
        members("wrINTERNALAAAAAAAAAA", "2026-02-01"),
        set(&["lisi", "zhangsan"])
    );
    assert_eq!(members("wrCUSTOMERAAAAAAAAAA", "2026-02-28"), set(&["zhangsan"]));
    assert_eq!(
        members("wrCUSTOMERAAAAAAAAAA", "2026-03-01"),
        set(&["zhangsan", &guest(1)])
    );
    assert_eq!(house.show("wrQUIETAAAAAAAAAAAAA", None)["kind"], "customer");
    let unknown = house.show("wrNOBODYKNOWSAAAAAAA", None);
    assert_eq!(unknown["standing"], "not_available");
    let why = unknown["why"].as_str().expect("a reason");
    assert!(why.contains("301059") && why.contains("40050"), "{why}");
    // Remembered: it is not asked about again right away.
    let calls = house.calls();
    assert_eq!(house.refresh()["calls"], 0);
    assert_eq!(house.calls(), calls);
    // Somebody leaves between two readings: both bounds are known, and the past stays.
    house
        .town
        .company()
        .rooms
        .get_mut("wrINTERNALAAAAAAAAAA")
        .expect("the room")
        .people
        .pop();
    house.refresh_all();
    assert_eq!(
        members("wrINTERNALAAAAAAAAAA", "2026-02-01"),
        set(&["lisi", "zhangsan"])
    );
    std::thread::sleep(Duration::from_millis(1100));
    let later = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone"));
    let later = later.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    assert_eq!(members("wrINTERNALAAAAAAAAAA", &later), set(&["lisi"]));
    let whole = house.good(&["show", "--json", "m1"]).json();
    assert_eq!(whole["room_members"].as_array().map(Vec::len), Some(2), "{whole}");
    // Rooms are found by a part of their name, and shown with it.
    assert_eq!(house.search("room:周会").len(), 1);
    assert_eq!(house.search("room:群").len(), 3);
    let hit = &house.search("room:wrCUSTOMERAAAAAAAAAA")[0];
    assert_eq!(hit["room_name"]["now"], "售后群");
    // What somebody outside is called in a room finds them too.
    assert_eq!(house.search("name:老王").len(), 1);
    let listed = house.good(&["directory", "list", "rooms", "--json"]).json_lines();
    assert_eq!(listed.len(), 4);
}

#[test]
fn a_thousand_unknown_people_at_once_cost_a_bounded_number_of_calls() {
    let mut company = small();
    // The newest platform: `fetch_child` does nothing.
    company.fetch_child = false;
    let mut messages = Vec::new();
    for nth in 0..500 {
        let id = format!("staff{nth}");
        company.member(member(&id, &format!("员工{nth}"), 1 + nth as i64 % 2));
        // Every tenth is a customer of nobody, or has left.
        if nth % 10 == 9 {
            company.members.remove(&id);
        } else {
            company.customer(customer(
                &guest(100 + nth),
                &format!("客户{nth}"),
                &format!("staff{}", nth % 40),
            ));
        }
        messages.push(text(
            nth,
            &id,
            &[&guest(100 + nth)],
            "",
            1_750_000_000_000 + nth as i64,
        ));
    }
    let house = House::new(company, &messages);
    house.pull();
    let told = house.refresh();
    assert_eq!(told["met"], 1000, "{told}");
    assert_eq!(told["left"], 0, "{told}");
    assert_eq!(told["not_available"], 100, "{told}");
    // Departments and two lists of members; followers and five pages of customers; tags, scope.
    let calls = house.calls();
    assert!(calls <= 20, "{calls} calls");
    assert_eq!(
        told["calls"].as_u64(),
        Some(calls as u64),
        "every call is counted"
    );
    assert_eq!(
        house.search("name:员工17").len(),
        1 + 9,
        "员工17 and 员工170 to 员工178"
    );
    assert_eq!(house.search("from:员工17").len(), 1);
    assert_eq!(house.search("to:客户333").len(), 1);
    let gone = house.show("staff9", None);
    assert_eq!(gone["standing"], "not_available");
    // And when everything is old, again.
    house.refresh_all();
    assert!(house.calls() <= 2 * calls + 110, "{} calls", house.calls());
}

#[test]
fn what_came_before_a_failure_is_kept_and_the_rest_is_asked_for_later() {
    let mut company = small();
    let mut messages = Vec::new();
    for nth in 0..150 {
        company.customer(customer(&guest(100 + nth), &format!("客户{nth:03}"), "ZhangSan"));
        messages.push(text(nth, "ZhangSan", &[&guest(100 + nth)], "", 1_750_000_000_000));
    }
    let house = House::new(company, &messages);
    house.pull();
    // The second page never comes.
    let path = "/cgi-bin/externalcontact/batch/get_by_user";
    let town = house.town.clone();
    let first = std::sync::atomic::AtomicUsize::new(0);
    house.server.on(path, move |asked| {
        if asked.json()["cursor"].is_string() || first.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            return Reaction::Code(48002);
        }
        let company = town.company();
        let page: Vec<Value> = company
            .customers
            .values()
            .take(100)
            .map(|customer| {
                json!({"external_contact": {"external_userid": customer.id, "name": customer.name, "type": 1},
                       "follow_info": {"userid": "ZhangSan", "remark": "", "createtime": 1}})
            })
            .collect();
        Reaction::Json(json!({"errcode": 0, "external_contact_list": page, "next_cursor": "2"}))
    });
    let told = house.run(&[
        "directory",
        "refresh",
        "--json",
        "--set",
        "directory.calls_per_pass=12",
    ]);
    let told = told.json();
    // Page one, and then singly.
    let known = |house: &House| {
        let people = house
            .good(&["directory", "list", "people", "--json", "--all"])
            .json_lines();
        people
            .iter()
            .filter(|person| person["kind"] == "external" && person["standing"] == "known")
            .count()
    };
    assert!(known(&house) >= 100, "{told}");
    assert!(
        told["troubles"][0]["why"]
            .as_str()
            .is_some_and(|why| why.contains("48002")),
        "{told}"
    );
    house.town.open(&house.server);
    let told = house.refresh();
    assert_eq!(told["left"], 0, "{told}");
    assert_eq!(known(&house), 151);
}

#[test]
fn a_list_that_is_too_large_is_read_department_by_department() {
    let mut company = small();
    let mut messages = Vec::new();
    for nth in 0..60 {
        let id = format!("staff{nth}");
        company.member(member(&id, &format!("员工{nth}"), 1 + nth as i64 % 2));
        messages.push(text(nth, &id, &["lisi"], "", 1_750_000_000_000));
    }
    let house = House::new(company, &messages);
    house.pull();
    house.server.script("/cgi-bin/user/list", [Reaction::Code(45029)]);
    let told = house.refresh();
    assert_eq!(
        (&told["left"], &told["not_available"], &told["troubles"]),
        (&json!(0), &json!(0), &json!([]))
    );
    // Refused once, then the root and the department below it.
    assert_eq!(house.server.count("/cgi-bin/user/list"), 3);
    assert_eq!(house.server.count("/cgi-bin/user/get"), 0);
    assert_eq!(house.search("from:员工59").len(), 1);
    // A department that is too large even alone: its people are asked about singly.
    house.server.script(
        "/cgi-bin/user/list",
        [Reaction::Code(45029), Reaction::Code(45029)],
    );
    let told = house.refresh_all();
    assert_eq!((&told["left"], &told["not_available"]), (&json!(0), &json!(0)));
    let singly = house.server.count("/cgi-bin/user/get");
    assert_eq!(singly, 31, "those of the root, and 李四");
    // Whoever was not asked about because a list broke off is asked about singly, and nobody is declared gone.
    house.server.script("/cgi-bin/user/list", [Reaction::Code(60011)]);
    let told = house.refresh_all();
    assert_eq!(
        (&told["left"], &told["not_available"]),
        (&json!(0), &json!(0)),
        "{told}"
    );
    assert!(house.server.count("/cgi-bin/user/get") >= singly + 60);
}

#[test]
fn lists_longer_than_a_pass_keep_nobody_from_being_asked_about() {
    // As many departments as people, and `fetch_child` does nothing; the customers met are the last of many.
    let mut company = small();
    company.fetch_child = false;
    let mut messages = Vec::new();
    for nth in 0..40 {
        let id = format!("staff{nth}");
        company.departments.push(Department {
            id: 10 + nth as i64,
            name: format!("第{nth}组"),
            parent: 1,
        });
        company.member(member(&id, &format!("员工{nth}"), 10 + nth as i64));
        messages.push(text(nth, &id, &[&guest(900 + nth)], "", 1_750_000_000_000));
    }
    for nth in 0..940 {
        company.customer(customer(&guest(nth), &format!("客户{nth}"), "ZhangSan"));
    }
    let house = House::new(company, &messages);
    house.pull();
    let few = house.good(&[
        "directory",
        "refresh",
        "--json",
        "--set",
        "directory.calls_per_pass=12",
    ]);
    let told = few.json();
    assert_eq!(
        (&told["left"], &told["not_available"]),
        (&json!(0), &json!(0)),
        "{told}"
    );
    // One call each; each small pass begins a reading of each list and gives it up at half its calls.
    assert!(house.calls() < 3 * 80 + 10, "{}", house.calls());
    assert_eq!(house.search("from:员工39").len(), 1);
    assert_eq!(house.search("to:客户939").len(), 1);
    assert_eq!(house.search("department:第7组").len(), 1);
}

#[test]
fn followers_beyond_one_page_are_all_read_before_any_is_taken_for_gone() {
    let mut company = small();
    company.customers.get_mut(&guest(1)).expect("there").follows = (0..7)
        .map(|nth| Follow {
            userid: format!("f{nth}"),
            since: 1_700_000_000,
            ..Follow::default()
        })
        .collect();
    let house = House::new(company, &[text(1, "lisi", &[&guest(1)], "", 1_750_000_000_000)]);
    house.pull();
    house.refresh();
    let followers = |house: &House| {
        let shown = house.show(&guest(1), None);
        shown["now"]["follower"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(followers(&house), 7);
    // Two to a page from now on.
    let town = house.town.clone();
    house.server.on("/cgi-bin/externalcontact/get", move |asked| {
        let company = town.company();
        let all = &company.customers[&guest(1)].follows;
        let from: usize = asked.query.get("cursor").and_then(|text| text.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = all
            .iter()
            .skip(from)
            .take(2)
            .map(|follow| json!({"userid": follow.userid, "createtime": follow.since, "remark": "", "tags": []}))
            .collect();
        let next = from + page.len();
        let cursor = if next < all.len() { next.to_string() } else { String::new() };
        Reaction::Json(json!({"errcode": 0, "external_contact": {"external_userid": guest(1), "name": "王小明", "type": 1},
                              "follow_user": page, "next_cursor": cursor}))
    });
    house.refresh_all();
    assert_eq!(followers(&house), 7);
    house
        .town
        .company()
        .customers
        .get_mut(&guest(1))
        .expect("there")
        .follows
        .pop();
    house.refresh_all();
    assert_eq!(followers(&house), 6);
}

#[test]
fn a_directory_that_is_down_costs_the_archive_nothing() {
    let mut company = small();
    company.robots.insert(
        "wbROBOTAAAAAAAAAAAAAAAAA".to_owned(),
        ("日报助手".to_owned(), "lisi".to_owned()),
    );
    let first = text(1, "ZhangSan", &[&guest(1)], "", 1_750_000_000_000);
    let mut house = House::new(company, std::slice::from_ref(&first));
    // Hangs, hangs up, refuses, breaks off: whatever is asked, for as long as nobody says otherwise.
    let path = "/cgi-bin/gettoken";
    let long = Duration::from_secs(40);
    house
        .server
        .script(path, [Reaction::HangUp, Reaction::Torn("{".to_owned())]);
    house
        .server
        .script(path, [Reaction::Status(502, "bad gateway".to_owned())]);
    let hangs = (0..50).map(|_| Reaction::Slow(long, Box::new(Reaction::HangUp)));
    house.server.script(path, hangs);
    let second = text(2, "wbROBOTAAAAAAAAAAAAAAAAA", &["lisi"], "", 1_750_000_001_000);
    let all = [first.clone(), second];
    let bigger = sealed(house.scratch.path(), "bigger", &all);
    let quick = [
        "--set",
        "pull.interval_seconds=1",
        "--set",
        "pull.jitter_seconds=0",
    ];
    let mut args = vec!["run", "--set", "directory.interval_seconds=1"];
    args.extend(quick);
    let run = |house: &House| house.archive.start(house.with(&args));
    let stop = |child: &mut std::process::Child| {
        let began = Instant::now();
        let ended = kit::terminate(child);
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "a call that hangs holds up the end"
        );
        ended
    };
    let mut child = run(&house);
    wait("the first message", || {
        let found = house.run(&["search", "--json", "msgid:m1"]);
        found.code == Some(0) && found.stdout.lines().count() == 1
    });
    // The task that asks is stuck by now; pulls go on.
    wait("a call", || house.server.count(path) > 0);
    assert!(stop(&mut child).success());
    house.corpus = bigger;
    let mut child = run(&house);
    wait("the second message", || house.search("msgid:m2").len() == 1);
    let hit = &house.search("msgid:m2")[0];
    assert_eq!(hit["names"], json!({}), "nobody has told a name yet");
    assert!(stop(&mut child).success());
    // A command that is asked to ask says so, and what is there stays as it is.
    let digest = house.good(&["digest"]).stdout;
    // Back again: everything is caught up with.
    house.server.script_clear(path);
    let mut child = run(&house);
    wait("the robot's name", || {
        house.search("msgid:m2")[0]["names"]["wbROBOTAAAAAAAAAAAAAAAAA"]["now"] == "日报助手"
    });
    wait("the others", || {
        house.search("name:王小明").len() == 1 && house.search("from:张三").len() == 1
    });
    assert!(stop(&mut child).success());
    assert_eq!(
        house.good(&["digest"]).stdout,
        digest,
        "names are beside the archive, not in it"
    );
}

#[test]
fn switched_off_nobody_is_asked() {
    let house = House::new(small(), &[text(1, "lisi", &["ZhangSan"], "", 1_750_000_000_000)]);
    house.pull();
    let off = [
        "run",
        "--set",
        "directory.enabled=false",
        "--set",
        "directory.interval_seconds=1",
        "--set",
        "consent.enabled=false",
    ];
    let mut child = house.archive.start(house.with(&off));
    std::thread::sleep(Duration::from_secs(3));
    assert!(kit::terminate(&mut child).success());
    assert_eq!(house.calls(), 0);
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let began = Instant::now();
    while !until() {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "still waiting for {what}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_event_has_whom_it_is_about_asked_again_at_once() {
    let mut company = small();
    let customer_id = guest(1);
    company.customer(customer(&customer_id, "王先生", "ZhangSan"));
    let house = House::new(
        company,
        &[text(1, &customer_id, &["ZhangSan"], "", 1_750_000_000_000)],
    );
    house.server.on("/cgi-bin/msgaudit/check_single_agree", |_| {
        Reaction::Json(json!({"errcode": 0, "agreeinfo": []}))
    });
    let mut set = Daemon::callbacks(house.scratch.path());
    // Nothing comes about by waiting.
    for value in [
        "pull.interval_seconds=86400",
        "directory.interval_seconds=86400",
        "consent.refresh_hours=8760",
    ] {
        set.push(value.to_owned());
    }
    let with = house
        .with(&[])
        .into_iter()
        .map(|word| word.into_string().expect("text"));
    set.extend(with.filter(|word| word != "--set"));
    let daemon = Daemon::start(&house.archive, house.scratch.path().join("log"), &set);
    let caller = daemon.caller(&house.archive);
    let called = |name: &str| {
        let shown = house
            .run(&["directory", "show", &customer_id, "--json"])
            .json_lines();
        let history = shown.first()?["history"].as_array()?.clone();
        history.iter().any(|span| span["value"] == name).then_some(())
    };
    until("the first name", || called("王先生"));

    house
        .town
        .company()
        .customer(customer(&customer_id, "王总", "ZhangSan"));
    let about = |change: &str| {
        event(
            "change_external_contact",
            &format!(
                "<ChangeType>{change}</ChangeType><UserID>ZhangSan</UserID>\
                 <ExternalUserID>{customer_id}</ExternalUserID>"
            ),
        )
    };
    assert_eq!(
        caller
            .tell(&about("edit_external_contact"), seconds(), "n1")
            .status,
        200
    );
    until("the new name", || called("王总"));

    let standing = || {
        let shown = house.run(&["consent", "show", &customer_id, "--json"]);
        shown
            .json_lines()
            .last()
            .map(|span| (span["state"].clone(), span["told"][0]["how"].clone()))
    };
    assert_eq!(standing(), None, "nobody has agreed to anything yet");
    assert_eq!(
        caller.tell(&about("msg_audit_approved"), seconds(), "n2").status,
        200
    );
    until("the approval", || {
        standing().filter(|known| *known == (json!("agreed"), json!("event")))
    });
    // What was marked is asked about, and the marks are gone.
    until("no marks", || {
        let stale = house.run(&["events", "stale", "--json"]);
        stale.stdout.is_empty().then_some(())
    });
    let events = house.run(&["events", "list", "--json"]).json_lines();
    assert_eq!(events.len(), 2);
    assert!(
        events.iter().all(|event| event["handled"] == "done"),
        "{events:?}"
    );
    assert_eq!(daemon.terminate(), Some(0));
}

/// Everything written here again: the corpus as text, the town as values.
#[test]
fn searches_by_name_equal_brute_force_over_corpus_and_town() {
    let plan = Plan {
        messages: 700,
        seed: 23,
        ..Plan::default()
    };
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), plan.messages, plan.seed);
    let truth: Vec<(u64, Value)> = corpus
        .truth()
        .into_iter()
        .filter_map(|record| Some((record.seq, serde_json::from_str(&record.plaintext).ok()?)))
        .filter(|(_, message): &(u64, Value)| message["from"].is_string())
        .collect();
    let house = House::over(scratch, Company::of(&plan), corpus);
    house.pull();
    let told = house.refresh();
    assert_eq!(
        (&told["left"], &told["troubles"]),
        (&json!(0), &json!([])),
        "{told}"
    );
    let company = house.town.company().clone();
    let names = |id: &str| -> Vec<String> {
        if let Some(member) = company.members.get(&id.to_ascii_lowercase()) {
            return vec![member.name.clone()];
        }
        let mut names: Vec<String> = company
            .robots
            .get(id)
            .map(|robot| robot.0.clone())
            .into_iter()
            .collect();
        if let Some(customer) = company.customers.get(id) {
            names.push(customer.name.clone());
            names.extend(customer.follows.iter().map(|follow| follow.remark.clone()));
        }
        names
    };
    let people = |message: &Value| -> Vec<String> {
        let to = message["tolist"].as_array().cloned().unwrap_or_default();
        let all = std::iter::once(&message["from"]).chain(&to);
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let department = |id: &str, name: &str| {
        let of = company.members.get(&id.to_ascii_lowercase());
        let known = company
            .departments
            .iter()
            .find(|one| one.name == name)
            .expect("a department");
        of.is_some_and(|member| member.departments.contains(&known.id) || known.parent == 0)
    };
    let tagged = |id: &str, name: &str| {
        let known = company.customer_tags.iter().find(|tag| tag.name == name);
        let known = known.map(|tag| tag.id.as_str()).unwrap_or_default();
        let of = company.customers.get(id);
        of.is_some_and(|customer| {
            customer
                .follows
                .iter()
                .any(|follow| follow.tags.iter().any(|tag| tag == known))
        })
    };
    let room = |message: &Value, part: &str| {
        let id = message["roomid"].as_str().unwrap_or_default();
        company.rooms.get(id).is_some_and(|room| room.name.contains(part))
    };
    type Test<'t> = Box<dyn Fn(&Value) -> bool + 't>;
    let mut questions: Vec<(String, Test<'_>)> = vec![
        (
            "department:销售部".into(),
            Box::new(|message| people(message).iter().any(|id| department(id, "销售部"))),
        ),
        (
            "department:本公司".into(),
            Box::new(|message| people(message).iter().any(|id| department(id, "本公司"))),
        ),
        (
            "tag:老客户".into(),
            Box::new(|message| people(message).iter().any(|id| tagged(id, "老客户"))),
        ),
        ("room:售后".into(), Box::new(|message| room(message, "售后"))),
        ("-room:群".into(), Box::new(|message| !room(message, "群"))),
    ];
    let mut known: Vec<String> = company
        .members
        .values()
        .map(|member| member.name.clone())
        .collect();
    known.extend(company.customers.values().map(|customer| customer.name.clone()));
    known.extend(company.robots.values().map(|robot| robot.0.clone()));
    for name in known.into_iter().step_by(7) {
        let part: String = name.chars().take(1).collect();
        let (a, b, c) = (name.clone(), name.clone(), name.clone());
        questions.push((
            format!("name:{part}"),
            Box::new(move |message| {
                people(message)
                    .iter()
                    .any(|id| names(id).iter().any(|name| name.contains(&part)))
            }),
        ));
        questions.push((
            format!("from:{name}"),
            Box::new(move |message| names(message["from"].as_str().unwrap_or_default()).contains(&a)),
        ));
        questions.push((
            format!("with:{name}"),
            Box::new(move |message| people(message).iter().any(|id| names(id).contains(&b))),
        ));
        questions.push((
            format!("to:{name}"),
            Box::new(move |message| people(message)[1..].iter().any(|id| names(id).contains(&c))),
        ));
    }
    let mut found_some = 0;
    for (query, test) in &questions {
        let expected: BTreeSet<u64> = truth
            .iter()
            .filter(|(_, message)| test(message))
            .map(|(seq, _)| *seq)
            .collect();
        let strict: BTreeSet<u64> = truth.iter().map(|(seq, _)| *seq).collect();
        let found: BTreeSet<u64> = house
            .search(query)
            .iter()
            .filter_map(|hit| hit["seq"].as_u64())
            .filter(|seq| strict.contains(seq))
            .collect();
        assert_eq!(found, expected, "{query}");
        found_some += usize::from(!found.is_empty());
    }
    assert!(found_some > 20, "{found_some} of {}", questions.len());
}

#[test]
fn without_an_app_rooms_and_members_are_still_told_and_the_rest_is_named() {
    let mut company = small();
    company.room(Room {
        id: "wrINTERNALAAAAAAAAAA".to_owned(),
        name: "周会群".to_owned(),
        owner: "lisi".to_owned(),
        made: 1_700_000_000,
        people: vec![("lisi".to_owned(), 1_700_000_000, String::new())],
        ..Room::default()
    });
    let messages = [
        text(
            1,
            "lisi",
            &["ZhangSan"],
            "wrINTERNALAAAAAAAAAA",
            1_750_000_000_000,
        ),
        text(2, "lisi", &[&guest(1)], "", 1_750_000_000_000),
    ];
    let house = House::new(company, &messages);
    house.pull();
    let mut args: Vec<OsString> = house.with(&["directory", "refresh", "--json"]);
    let at = args
        .iter()
        .position(|arg| arg.to_string_lossy().contains("app_secret_file"))
        .expect("there");
    args.drain(at - 1..=at);
    let finished = house.archive.run(args);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let told = finished.json();
    let troubles = told["troubles"].to_string();
    assert!(
        troubles.contains("external_contact_get") && troubles.contains("app_secret_file"),
        "{troubles}"
    );
    assert_eq!(house.search("room:周会 from:李四").len(), 1);
    assert_eq!(house.show(&guest(1), None)["standing"], "unknown");
    // With one, it catches up.
    assert_eq!(house.refresh()["left"], 0);
    assert_eq!(house.search("to:王小明").len(), 1);
}

#[test]
fn the_demo_shows_names_and_rooms() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let dir = scratch.path().join("demo");
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let finished = program.run([
        "demo",
        "--dir",
        dir.to_str().expect("UTF-8"),
        "--messages",
        "1500",
    ]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("   names    "), "{}", finished.stdout);
    assert!(
        finished.stdout.contains("群聊 ") && finished.stdout.contains("*(wr"),
        "{}",
        finished.stdout
    );
    assert!(finished.stdout.contains("search 'from:"), "{}", finished.stdout);
}

#[test]
fn what_is_not_known_is_said_with_what_to_do() {
    let house = House::new(small(), &[text(1, "lisi", &["ZhangSan"], "", 1_750_000_000_000)]);
    house.pull();
    let unknown = house.run(&["directory", "show", "nobody"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("directory refresh"), "{}", unknown.stderr);
    // No secrets: the configuration is what has to change.
    let bare = house.archive.run(["directory", "refresh"]);
    assert_eq!(bare.code, Some(2), "{}", bare.stderr);
    assert!(bare.stderr.contains("app_secret_file"), "{}", bare.stderr);
}
