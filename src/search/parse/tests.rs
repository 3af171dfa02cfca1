//! The language, one sentence per rule.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const NOW: Millis = Millis(1_714_500_000_000);
const DAY: i64 = 86_400_000;
/// 2024-05-01 00:00 in Shanghai.
const MAY_1: i64 = 1_714_492_800_000;

fn read(query: &str) -> Result<Filter, QueryError> {
    parse(
        query,
        &TimeZone::get("Asia/Shanghai").expect("zone data is compiled in"),
        NOW,
    )
}

fn good(query: &str) -> Filter {
    read(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn text(needle: &str) -> Filter {
    anywhere(needle.into())
}

fn text_in(needle: &str, places: &[Place]) -> Filter {
    Filter::Text {
        needle: needle.into(),
        places: places.into(),
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

#[test]
fn words_phrases_and_their_combinations() {
    assert_eq!(good("退款"), text("退款"));
    assert_eq!(good("\"exact  phrase\""), text("exact  phrase"));
    assert_eq!(good(r#""say \"hi\" \\ \n""#), text(r#"say "hi" \ \n"#));
    assert_eq!(good("a b"), Filter::And(vec![text("a"), text("b")]));
    assert_eq!(good("a AND b"), good("a b"));
    assert_eq!(
        good("a\u{3000}b"),
        good("a b"),
        "the ideographic space separates as well"
    );
    assert_eq!(
        good("a b OR c"),
        Filter::Or(vec![Filter::And(vec![text("a"), text("b")]), text("c")]),
        "both binds tighter than either"
    );
    assert_eq!(
        good("a (b OR c)"),
        Filter::And(vec![text("a"), Filter::Or(vec![text("b"), text("c")])])
    );
    assert_eq!(good("a -b"), Filter::And(vec![text("a"), not(text("b"))]));
    assert_eq!(good("-(a b)"), not(Filter::And(vec![text("a"), text("b")])));
    assert_eq!(good("-\"a b\""), not(text("a b")));
    assert_eq!(good("-from:x"), not(Filter::From("x".into())));
    assert_eq!(good("\"OR\""), text("OR"));
    assert_eq!(good("or"), text("or"));
    assert_eq!(good("ORDER"), text("ORDER"));
    assert_eq!(good("a-b"), text("a-b"));
    assert_eq!(good("-"), text("-"));
    assert_eq!(good("--"), text("--"));
}

#[test]
fn a_parenthesis_inside_a_word_belongs_to_it() {
    assert_eq!(good("f(x)"), text("f(x)"));
    assert_eq!(good("(f(x) OR b)"), Filter::Or(vec![text("f(x)"), text("b")]));
}

#[test]
fn every_key_has_its_meaning() {
    assert_eq!(good("from:Alice"), Filter::From("Alice".into()));
    assert_eq!(
        good("FROM：Alice"),
        Filter::From("Alice".into()),
        "a full-width colon behind a key counts"
    );
    assert_eq!(good("to:\"a b\""), Filter::To("a b".into()));
    assert_eq!(good("with:x"), Filter::With("x".into()));
    assert_eq!(good("room:wr1"), Filter::Room("wr1".into()));
    assert_eq!(good("name:张"), Filter::Name("张".into()));
    assert_eq!(good("TAG:\"a b\""), Filter::Tag("a b".into()));
    assert_eq!(good("department：销售部"), Filter::Department("销售部".into()));
    assert_eq!(good("type:image"), Filter::Type("image".into()));
    assert_eq!(good("msgid:a:b"), Filter::Msgid("a:b".into()));
    assert_eq!(good("is:recalled"), Filter::Recalled { within_ms: None });
    assert_eq!(good("is:External"), Filter::External);
    assert_eq!(good("is:internal"), Filter::Internal);
    assert_eq!(good("is:group"), Filter::Group);
    assert_eq!(good("is:single"), Filter::Single);
    assert_eq!(good("consent:Refused"), Filter::Consent(Standing::Refused));
    assert_eq!(good("consent:default"), Filter::Consent(Standing::Default));
    assert_eq!(good("has:media"), Filter::HasMedia);
    assert_eq!(good("has:link"), Filter::HasLink);
    assert_eq!(good("media:missing"), Filter::Media(MediaAsk::Missing));
    for state in MediaState::ALL {
        let asked = good(&format!("-media:{}", state.as_str().to_uppercase()));
        assert_eq!(asked, not(Filter::Media(MediaAsk::In(state))));
    }
    let unknown = read("media:exprired").expect_err("no such state").to_string();
    assert!(unknown.contains("expired"), "{unknown}");
    assert_eq!(good("has:file"), Filter::HasFile);
    assert_eq!(
        good("recalled-within:2m"),
        Filter::Recalled {
            within_ms: Some(120_000)
        }
    );
    assert_eq!(good("seq:5"), Filter::Seq(Seq(5), Seq(5)));
    assert_eq!(
        good("seq:5-18446744073709551615"),
        Filter::Seq(Seq(5), Seq(u64::MAX))
    );
}

#[test]
fn after_includes_its_date_and_before_excludes_it() {
    let time = |from: Option<i64>, to: Option<i64>| Filter::Time {
        from: from.map(Millis),
        to: to.map(Millis),
    };
    assert_eq!(good("after:2024-05-01"), time(Some(MAY_1), None));
    assert_eq!(good("before:2024-05-01"), time(None, Some(MAY_1)));
    assert_eq!(good("on:2024-05-01"), time(Some(MAY_1), Some(MAY_1 + DAY)));
    assert_eq!(good("after:1d"), time(Some(NOW.0 - DAY), None));
}

#[test]
fn in_applies_to_the_texts_beside_it() {
    let names = [Place::Filename];
    assert_eq!(good("a in:filename"), text_in("a", &names));
    assert_eq!(
        good("in:filename a -b"),
        Filter::And(vec![text_in("a", &names), not(text_in("b", &names))])
    );
    assert_eq!(
        good("a in:filename OR b"),
        Filter::Or(vec![text_in("a", &names), text("b")])
    );
    assert_eq!(
        good("in:quote in:card (a OR b) from:x"),
        Filter::And(vec![
            Filter::Or(vec![
                text_in("a", &[Place::Quote, Place::Card]),
                text_in("b", &[Place::Quote, Place::Card])
            ]),
            Filter::From("x".into())
        ])
    );
    assert_eq!(
        good("(a in:text) b in:link"),
        Filter::And(vec![text_in("a", &[Place::Text]), text_in("b", &[Place::Link])]),
        "the nearest one counts"
    );
}

#[test]
fn addresses_times_and_chinese_colons_are_plain_words() {
    for word in [
        "http://x.cn/a?b=c:d",
        "https://x",
        "12:30",
        "客户:张三",
        "客户：张三",
        "re：退款",
        ":)".trim_end_matches(')'),
        "a/b:c",
    ] {
        assert_eq!(good(word), text(word), "{word}");
    }
}

#[test]
fn what_is_not_understood_is_an_error_with_its_column() {
    let cases = [
        ("", 1, "empty"),
        ("  ", 1, "empty"),
        ("退款 form:alice", 4, "did you mean `from`?"),
        ("foo:bar", 1, "no key `foo:`"),
        ("a is:recaled", 6, "did you mean `recalled`?"),
        ("has:pictures", 5, "known: media link file"),
        ("包含:退款", 4, "type it alone"),
        ("a in:txt", 6, "did you mean `text`?"),
        ("in:text", 1, "none"),
        ("from:x in:text", 8, "none"),
        ("a -in:text", 3, "negated"),
        ("after:2024-13-01", 7, "no date"),
        ("on:3d", 4, "moment"),
        ("recalled-within:2", 17, "no duration"),
        ("seq:9-5", 5, "no position"),
        ("seq:x", 5, "no position"),
        ("a \"b", 3, "never closed"),
        ("a from:\"b", 8, "never closed"),
        ("ab\"c\"", 3, "quote inside"),
        ("\"\"", 1, "nothing between the quotes"),
        ("(a", 1, "never closed"),
        ("a ()", 4, "nothing between the parentheses"),
        ("a)", 2, "closes nothing"),
        (":)", 2, "closes nothing"),
        ("OR a", 1, "both sides"),
        ("a OR", 3, "both sides"),
        ("a OR OR b", 3, "both sides"),
        ("(a OR) b", 4, "both sides"),
        ("AND a", 1, "both sides"),
        ("a AND", 3, "both sides"),
        ("a NOT", 3, "behind it"),
        ("a NOT OR b", 3, "behind it"),
        ("a “b", 3, "never closed"),
        ("form：alice", 1, "did you mean `from`?"),
        ("from:=", 1, "needs a value"),
        ("room:=x", 6, "chooses an id"),
        ("时间:9月32日", 4, "no date"),
        ("是:删除", 3, "means nothing"),
        ("from: alice", 1, "needs a value"),
        ("(from:)", 2, "needs a value"),
        ("from:\"\"", 1, "needs a value"),
    ];
    for (query, column, part) in cases {
        let error = read(query).expect_err(query);
        assert_eq!(error.column, column, "{query}: {error}");
        assert!(error.message.contains(part), "{query}: {error}");
    }
}

#[test]
fn bounds_are_errors_and_not_crashes() {
    assert!(read(&"(".repeat(100_000)).is_err());
    assert!(read(&"-(".repeat(100_000)).is_err());
    assert!(read(&"a ".repeat(1_000)).is_err());
    assert!(read(&"a ".repeat(MAX_TERMS)).is_ok());
    assert!(read(&format!("{}a{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH))).is_ok());
}

#[test]
fn needles_are_the_texts_asked_for_and_not_those_asked_away() {
    let filter = good("a (b OR a) -c -(-d) in:text from:e");
    let texts: Vec<_> = filter.needles().into_iter().map(|needle| needle.text).collect();
    assert_eq!(texts, ["a", "b", "d"]);
    assert!(
        filter
            .needles()
            .iter()
            .all(|needle| needle.places == [Place::Text])
    );
}

#[test]
fn other_forms_are_asked_for_by_their_keys() {
    let alike = |alike, needle: &str| Filter::TextAlike {
        alike,
        needle: needle.into(),
        places: Vec::new(),
    };
    let called = |called, alike, name: &str| Filter::CalledAlike {
        called,
        alike,
        name: name.into(),
    };
    let sender = Called::Whole(Role::Sender);
    for (query, filter, written) in [
        ("variants:发票", alike(Alike::Variants, "发票"), "variants:发票"),
        (
            "简繁：“开 票”",
            alike(Alike::Variants, "开 票"),
            "variants:\"开 票\"",
        ),
        (
            "-拼音:tuikuan",
            not(alike(Alike::Pinyin, "tuikuan")),
            "-pinyin:tuikuan",
        ),
        (
            "from:variants:高傑",
            called(sender, Alike::Variants, "高傑"),
            "from:variants:高傑",
        ),
        (
            "发送人：拼音：gao",
            called(sender, Alike::Pinyin, "gao"),
            "from:pinyin:gao",
        ),
        (
            "to:pinyin:\"gao jie\"",
            called(Called::Whole(Role::Receiver), Alike::Pinyin, "gao jie"),
            "to:pinyin:\"gao jie\"",
        ),
        (
            "with:pinyin:gj",
            called(Called::Whole(Role::Either), Alike::Pinyin, "gj"),
            "with:pinyin:gj",
        ),
        (
            "name:pinyin:gao",
            called(Called::Part, Alike::Pinyin, "gao"),
            "name:pinyin:gao",
        ),
        (
            "room:简繁:群",
            called(Called::Room, Alike::Variants, "群"),
            "room:variants:群",
        ),
        (
            "from:\"pinyin:gao\"",
            Filter::From("pinyin:gao".into()),
            "from:\"pinyin:gao\"",
        ),
        (
            "tag:pinyin:gao",
            Filter::Tag("pinyin:gao".into()),
            "tag:pinyin:gao",
        ),
        (
            "from:pinyin:gao,王静",
            Filter::Or(vec![
                called(sender, Alike::Pinyin, "gao"),
                Filter::From("王静".into()),
            ]),
            "from:pinyin:gao OR from:王静",
        ),
    ] {
        assert_eq!(good(query), filter, "{query}");
        assert_eq!(canonical(query).0, written, "{query}");
        assert_eq!(good(written), filter, "{written}");
    }
    assert_eq!(
        good("variants:发票 in:filename"),
        Filter::TextAlike {
            alike: Alike::Variants,
            needle: "发票".into(),
            places: vec![Place::Filename],
        }
    );
    for (query, column) in [
        ("pinyin:tuik", 8),
        ("退 pinyin:退款", 10),
        ("from:pinyin:x1", 6),
        ("pinyin:gj", 8),
        ("variants:", 1),
        ("from:pinyin:", 1),
        ("from:pinyin:=x", 6),
    ] {
        assert_eq!(read(query).map_err(|error| error.column), Err(column), "{query}");
    }
    let wide = read(&format!("pinyin:{}", "xian".repeat(9))).expect_err("too many ways");
    assert!(wide.message.contains("\"xi an\""), "{wide}");
}

fn with_variants(query: &str) -> Understood {
    let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
    understand_with(query, &zone, NOW, true).unwrap_or_else(|error| panic!("{query}: {error}"))
}

#[test]
fn the_switch_reads_what_has_other_forms_so_and_nothing_else() {
    for (query, written) in [
        ("发票", "variants:发票"),
        ("“发 票” -refund 票", "variants:\"发 票\" -refund 票"),
        (
            "from:高杰 type:file",
            "(from:高杰 OR from:variants:高杰) type:file",
        ),
        (
            "from:gaojie -room:发",
            "from:gaojie -(room:发 OR room:variants:发)",
        ),
        ("from:=杰", "from:=杰"),
        ("variants:发 pinyin:fa", "variants:发 pinyin:fa"),
    ] {
        assert_eq!(with_variants(query).canonical, written, "{query}");
    }
    let plain = |query: &str| {
        let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
        understand(query, &zone, NOW).expect("understood").with_variants
    };
    assert_eq!(plain("refund 票 from:gaojie"), None);
    assert_eq!(
        plain("发票").map(|(written, _)| written).as_deref(),
        Some("variants:发票")
    );
}

#[test]
fn forms_and_ways_are_told() {
    let told = with_variants("发发票干 from:pinyin:gj pinyin:xian").alike;
    assert_eq!(told[0].forms()[0].chars().next(), Some('发'));
    assert_eq!(told[0].forms().len(), 2);
    assert_eq!(told[1].ways(), ["g… j…"]);
    assert_eq!(told[2].ways(), ["xian", "xi an"]);
}

/// What was understood, in its canonical form, and whether that is worth telling.
fn canonical(query: &str) -> (String, bool) {
    let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
    let read = understand(query, &zone, NOW).unwrap_or_else(|error| panic!("{query}: {error}"));
    (read.canonical, read.respelt)
}

fn remarks(query: &str) -> Vec<Remark> {
    let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
    understand(query, &zone, NOW).expect(query).remarks
}

#[test]
fn a_chinese_keyboard_types_the_same_language() {
    for (typed, same) in [
        ("from：lihua", "from:lihua"),
        ("ｆｒｏｍ：ｌｉｈｕａ", "from:lihua"),
        ("after：2025-09-01", "after:2025-09-01"),
        ("on:２０２５-０９-０３", "on:2025-09-03"),
        ("on:２０２５－０９－０３", "on:2025-09-03"),
        ("“报价 单”", "\"报价 单\""),
        ("”报价 单”", "\"报价 单\""),
        ("“报价 单\"", "\"报价 单\""),
        ("\"报价 单”", "\"报价 单\""),
        ("＂报价 单＂", "\"报价 单\""),
        ("‘报价 单’", "\"报价 单\""),
        ("「报价 单」", "\"报价 单\""),
        ("『报价「甲」 单』", "\"报价「甲」 单\""),
        ("「报价「甲」 单」", "\"报价「甲」 单\""),
        ("（报价 OR 甲）", "(报价 OR 甲)"),
        ("（报价 ＯＲ 甲)", "(报价 OR 甲)"),
        ("报价　－甲方", "报价 -甲方"),
        ("报价 —甲方", "报价 -甲方"),
        ("报价 –（甲 乙）", "报价 -(甲 乙)"),
        ("from：“李 华”", "from:\"李 华\""),
        ("seq:１００－２００", "seq:100-200"),
        ("recalled－within：2m", "recalled-within:2m"),
        ("\u{feff}报价\u{a0}单", "报价 单"),
        ("type:file，image", "(type:file OR type:image)"),
        ("from:a、b", "(from:a OR from:b)"),
        ("发送人：高杰，类型：文件", "from:高杰 type:file"),
        ("报价，类型：文件", "报价 type:file"),
    ] {
        assert_eq!(good(typed), good(same), "{typed}");
        assert!(
            canonical(typed).1 || typed.contains(['\u{feff}', '\u{3000}']),
            "{typed}"
        );
        assert_eq!(good(&canonical(typed).0), good(same), "{typed}");
    }
}

#[test]
fn where_it_is_not_certain_the_text_stands_as_typed() {
    for word in [
        "甲—乙",
        "甲－乙",
        "——甲",
        "—",
        "他说“好”",
        "it’s",
        "‘n",
        "报价（含税）",
        "客户：张三",
        "a，b",
        "甲、乙",
    ] {
        assert_eq!(good(word), text(word), "{word}");
    }
    assert_eq!(
        remarks("他说“报价 单”"),
        [
            Remark::QuoteAsText {
                typed: "他说“报价".into()
            },
            Remark::QuoteAsText {
                typed: "单”".into()
            }
        ]
    );
}

#[test]
fn keys_and_values_have_chinese_forms() {
    for (typed, meant) in [
        ("发送人：高杰 类型：文件", "from:高杰 type:file"),
        ("发件人:高杰", "from:高杰"),
        ("接收人:lihua", "to:lihua"),
        ("群聊:售后", "room:售后"),
        ("群:售后", "room:售后"),
        ("类型:会话记录", "type:chatrecord"),
        ("type:文件", "type:file"),
        ("是:已撤回", "is:recalled"),
        ("状态:已撤回", "is:recalled"),
        ("有:文件", "has:file"),
        ("包含:链接", "has:link"),
        ("同意情况:不同意", "consent:refused"),
        ("合同 范围:文件名", "合同 in:filename"),
        ("之后:2024-05-01", "after:2024-05-01"),
        ("之前:5月1日", "before:2024-05-01"),
        ("时间:9月1日到9月5日", "on:2023-09-01..2023-09-05"),
        ("时间:9月1日之后", "after:2023-09-01"),
        ("时间:9月1日以前", "before:2023-09-01"),
        ("日期:上周", "on:2024-04-22..2024-04-28"),
        ("on:2024-Q1", "on:2024-01-01..2024-03-31"),
        ("after:9月", "after:2023-09-01"),
        ("撤回间隔:2分钟", "recalled-within:2m"),
        ("发言方:员工", "said-by:employee"),
        ("退款 NOT from:x", "退款 -from:x"),
        ("NOT （甲 OR 乙）", "-(甲 OR 乙)"),
    ] {
        assert_eq!(good(typed), good(meant), "{typed}");
        assert!(canonical(typed).1, "{typed}");
    }
    for query in [
        "退款 from:lihua -type:file",
        "on:2024-05-01",
        "a OR b",
        "\"a b\"",
        "after:3d",
        "FROM:x",
    ] {
        assert!(!canonical(query).1, "{query} is canonical");
    }
    assert_eq!(canonical("发送人：高杰 类型：文件").0, "from:高杰 type:file");
    assert_eq!(
        canonical("from:a,b 退款 OR NOT x").0,
        "(from:a OR from:b) 退款 OR -x"
    );
}

#[test]
fn a_number_of_new_conditions() {
    assert_eq!(good("is:inbound"), Filter::Inbound);
    assert_eq!(good("is:outbound"), Filter::Outbound);
    assert_eq!(good("said-by:external"), Filter::SaidBy(Sayer::External));
    assert_eq!(good("company:acme"), Filter::CompanyNamed("acme".into()));
    assert_eq!(good("from:=Alice"), Filter::Id(Role::Sender, "Alice".into()));
    assert_eq!(good("to：＝Alice"), Filter::Id(Role::Receiver, "Alice".into()));
    assert_eq!(good("with:=\"a b\""), Filter::Id(Role::Either, "a b".into()));
    assert_eq!(good("from:高杰（gaojie）"), Filter::From("高杰(gaojie)".into()));
}

#[test]
fn what_may_surprise_is_remarked() {
    for (query, typed, means) in [
        ("a or b", "or", "OR"),
        ("退款 或 报价", "或", "OR"),
        ("a Not b", "Not", "NOT"),
        ("a | b", "|", "OR"),
    ] {
        let meant = Remark::OperatorAsText {
            typed: typed.into(),
            means,
        };
        assert_eq!(remarks(query), [meant], "{query}");
    }
    assert_eq!(remarks("or"), []);
    assert_eq!(
        remarks("138*"),
        [Remark::NoWildcards {
            typed: "138*".into(),
            instead: "138".into(),
            sure: true
        }]
    );
    assert!(!remarks("退款了吗？")[0].always());
    assert!(remarks("re：退款")[0].always());
    assert!(!remarks("客户：退款")[0].always());
    assert_eq!(
        remarks("发送者人：高杰"),
        [Remark::KeyAsText {
            typed: "发送者人".into(),
            near: Some("发送人"),
            sure: true
        }]
    );
    assert_eq!(remarks("退款 from:lihua http://x 12:30"), []);
}

#[test]
fn conditions_are_what_must_hold_together() {
    let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
    let written = |query: &str| {
        let read = understand(query, &zone, NOW).expect(query);
        read.conditions
            .into_iter()
            .map(|condition| condition.written)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        written("退款 (a OR b) in:text -from:x"),
        ["退款 in:text", "(a OR b) in:text", "-from:x"]
    );
    assert_eq!(written("a OR b"), ["a OR b"]);
    assert_eq!(written("(a b)"), ["a", "b"]);
}

/// Texts compare folded, so width inside them does not matter.
fn folded(filter: &Filter) -> Filter {
    match filter {
        Filter::And(parts) => Filter::And(parts.iter().map(folded).collect()),
        Filter::Or(parts) => Filter::Or(parts.iter().map(folded).collect()),
        Filter::Not(part) => Filter::Not(Box::new(folded(part))),
        Filter::Text { needle, places } => Filter::Text {
            needle: words::fold(needle),
            places: places.clone(),
        },
        Filter::TextAlike {
            alike,
            needle,
            places,
        } => Filter::TextAlike {
            alike: *alike,
            needle: words::fold(needle),
            places: places.clone(),
        },
        other => other.clone(),
    }
}

/// Terms in canonical form.
fn canonical_term() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "退款",
            "报价",
            "from:lihua",
            "-type:file",
            "is:recalled",
            "on:2024-05-01",
            "after:2024-05",
            "-\"a b\"",
            "recalled-within:2m",
            "seq:5-9",
            "with:=wm1",
            "has:file",
            "said-by:external",
            "variants:发票",
            "from:pinyin:gj",
            "f(x)",
            "AND x",
            "NOT x",
            "a b in:text",
        ])
        .prop_map(str::to_owned),
        "[a-z退款]{1,4}".prop_filter("no operator", |word| !OPERATORS
            .iter()
            .any(|(typed, _)| typed == word)),
    ]
}

fn canonical_query() -> impl Strategy<Value = String> {
    canonical_term().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} OR {b}")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_columns_stay_inside(
        query in prop_oneof![
            any::<String>(),
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "(", ")", "\"", "-", " ", "OR", "AND", "NOT", ":", "：", "from:", "in:", "in:text", "on:", "seq:",
                    "is:recalled", "http://", "退", "a", "\\", "1", "2024-05-01", "\0", "\n", "“", "”", "「", "」", "（", "）",
                    "－", "—", "，", "发送人：", "时间:", "9月1日", "到", "=", "*", "‘", "’", "＂", "or", "或", "\u{200b}",
                    "variants:", "简繁：", "pinyin:", "拼音:", "发", "xian", "name:", "room:",
                ]),
                0..25,
            )
            .prop_map(|parts| parts.concat()),
        ]
    ) {
        match read(&query) {
            Err(error) => prop_assert!(error.column >= 1 && error.column <= query.chars().count().max(1), "{}", error),
            Ok(filter) => {
                let canonical = canonical(&query).0;
                prop_assert_eq!(read(&canonical), Ok(filter), "{} is {}", query, canonical);
                let loose = with_variants(&query);
                prop_assert_eq!(read(&loose.canonical), Ok(loose.filter), "{} is {}", query, loose.canonical);
            }
        }
    }

    #[test]
    fn full_width_spelling_of_a_canonical_query_is_the_same_query(query in canonical_query(), mask in any::<u64>()) {
        if let Ok(filter) = read(&query) {
            let wide: String = query
                .chars()
                .enumerate()
                .map(|(at, c)| match c {
                    _ if mask >> (at % 64) & 1 == 0 => c,
                    ' ' => '\u{3000}',
                    // A quotation keeps one kind of sign at both ends, and its inside verbatim.
                    '"' => c,
                    '!'..='~' => char::from_u32(c as u32 + 0xfee0).expect("full-width"),
                    c => c,
                })
                .collect();
            prop_assert_eq!(read(&wide).map(|filter| folded(&filter)), Ok(folded(&filter)), "{}", wide);
            prop_assert_eq!(read(&canonical(&query).0).map(|filter| folded(&filter)), Ok(folded(&filter)));
        }
    }

    #[test]
    fn a_quoted_text_reads_back_as_itself(needle in any::<String>().prop_filter("not empty", |s| !s.is_empty())) {
        prop_assert_eq!(read(&quote(&needle)), Ok(text(&needle)));
        prop_assert_eq!(read(&format!("from:{}", quote(&needle))), Ok(Filter::From(needle)));
    }

    #[test]
    fn a_plain_chinese_word_reads_as_itself(word in "[\u{4e00}-\u{9fa5}]{1,10}") {
        prop_assert_eq!(good(&word), text(&word));
    }
}
