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
        ("a NOT b", 3, "-word"),
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

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_columns_stay_inside(
        query in prop_oneof![
            any::<String>(),
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "(", ")", "\"", "-", " ", "OR", "AND", "NOT", ":", "：", "from:", "in:", "in:text", "on:", "seq:",
                    "is:recalled", "http://", "退", "a", "\\", "1", "2024-05-01", "\0", "\n",
                ]),
                0..25,
            )
            .prop_map(|parts| parts.concat()),
        ]
    ) {
        if let Err(error) = read(&query) {
            prop_assert!(error.column >= 1 && error.column <= query.chars().count().max(1), "{}", error);
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
