//! Default < file < environment < flag, and every value can say where it came from.

use std::{collections::BTreeMap, path::Path};

use shiguan::{
    config::{Config, Enabled, Explained, Layer, Schedule},
    ids::Millis,
};

use super::{load, mistakes};

const COMPANY: &str = "[company.acme]\ncorpid = \"ww1\"\nsecret_env = \"S\"\n";

fn explained<'a>(config: &'a Config, key: &str) -> &'a Explained {
    config
        .explain()
        .iter()
        .find(|one| one.key == key)
        .unwrap_or_else(|| panic!("{key} is not explained"))
}

#[test]
fn layers_are_ordered_as_declared() {
    let order = [Layer::Default, Layer::File, Layer::Environment, Layer::Flag];
    assert!(order.is_sorted());
    assert_eq!(
        order.map(Layer::as_str),
        ["default", "file", "environment", "flag"]
    );
}

#[test]
fn a_later_layer_wins_and_says_so() {
    let file = "\n[pull]\nlimit = 300\n";
    let variable = [("SHIGUAN_PULL__LIMIT", "400")];
    let set = [("pull.limit", "500")];
    let cases: [(&str, &[_], &[_], u32, Layer, &str); 5] = [
        ("", &[], &[], 1000, Layer::Default, "default"),
        (file, &[], &[], 300, Layer::File, "shiguan.toml:3"),
        (
            file,
            &variable,
            &[],
            400,
            Layer::Environment,
            "SHIGUAN_PULL__LIMIT",
        ),
        (file, &variable, &set, 500, Layer::Flag, "--set pull.limit"),
        (file, &[], &set, 500, Layer::Flag, "--set pull.limit"),
    ];
    for (text, variables, set, limit, layer, source) in cases {
        let config = load(text, variables, set).unwrap();
        assert_eq!(config.pull.limit, limit);
        let told = explained(&config, "pull.limit");
        assert_eq!(
            (told.value.as_str(), told.layer, told.source.as_str()),
            (&*limit.to_string(), layer, source)
        );
    }
}

#[test]
fn of_two_flags_for_one_key_the_last_wins() {
    let config = load("", &[], &[("pull.limit", "2"), ("pull.limit", "3")]).unwrap();
    assert_eq!(config.pull.limit, 3);
}

#[test]
fn a_company_s_own_value_beats_the_general_one_within_a_layer_only() {
    let text = format!("[pull]\nlimit = 300\n{COMPANY}[company.acme.pull]\nlimit = 310\n");
    let limit = |variables: &[_], set: &[_]| {
        let config = load(&text, variables, set).unwrap();
        (config.pull.limit, config.company("acme").unwrap().pull.limit)
    };
    assert_eq!(limit(&[], &[]), (300, 310));
    assert_eq!(limit(&[("SHIGUAN_PULL__LIMIT", "400")], &[]), (400, 400));
    assert_eq!(
        limit(
            &[
                ("SHIGUAN_PULL__LIMIT", "400"),
                ("SHIGUAN_COMPANY__ACME__PULL__LIMIT", "410")
            ],
            &[]
        ),
        (400, 410)
    );
    assert_eq!(
        limit(
            &[("SHIGUAN_COMPANY__ACME__PULL__LIMIT", "410")],
            &[("pull.limit", "500")]
        ),
        (500, 500)
    );
    let config = load(&text, &[("SHIGUAN_PULL__LIMIT", "400")], &[]).unwrap();
    assert_eq!(
        explained(&config, "company.acme.pull.limit").source,
        "SHIGUAN_PULL__LIMIT"
    );
}

#[test]
fn every_declared_key_is_explained_for_every_company() {
    let target = "[alert.to.acme]\nkind = \"robot\"\nkey_env = \"K\"\n";
    let config = load(&format!("{COMPANY}{target}"), &[], &[]).unwrap();
    for key in shiguan::config::keys::KEYS {
        explained(&config, &key.path("acme"));
        if key.per_company {
            explained(&config, &key.company_path("acme"));
        }
    }
    assert_eq!(explained(&config, "company.acme.keys").value, "keys/acme");
}

#[test]
fn variables_and_flags_reach_targets_of_alerts() {
    let text = format!("{COMPANY}[alert.to.on-duty]\nkind = \"robot\"\nkey_env = \"K\"\n");
    let variables = [
        ("SHIGUAN_ALERT__TO__ON_DUTY__KEY_ENV", "OTHER"),
        ("SHIGUAN_ALERT__TO__NEW__KIND", "webhook"),
        ("SHIGUAN_ALERT__TO__NEW__URL", "http://a"),
    ];
    let config = load(&text, &variables, &[("alert.to.new.secret_env", "S2")]).unwrap();
    let targets = format!("{:?}", config.alert.targets);
    assert_eq!(config.alert.targets.len(), 2, "{targets}");
    for part in ["on-duty", "OTHER", "http://a", "S2"] {
        assert!(targets.contains(part), "{part}: {targets}");
    }
    let told = mistakes(&text, &[], &[("alert.to.on-duty.key_fil", "x")]);
    assert!(told.contains("key_file"), "{told}");
}

#[test]
fn variables_reach_companies_whose_names_have_hyphens_and_make_new_ones() {
    let text = COMPANY.replace("acme", "acme-cn");
    let proxy = ("SHIGUAN_COMPANY__ACME_CN__PROXY", "http://p:1");
    let config = load(&text, &[proxy], &[]).unwrap();
    assert_eq!(config.companies.len(), 1);
    assert_eq!(
        config.company("acme-cn").unwrap().proxy.as_deref(),
        Some("http://p:1")
    );
    let variables = [
        ("SHIGUAN_COMPANY__NEW__CORPID", "ww9"),
        ("SHIGUAN_COMPANY__NEW__SECRET_ENV", "S"),
    ];
    assert_eq!(
        load("", &variables, &[]).unwrap().company("new").unwrap().corpid,
        "ww9"
    );
    let error = mistakes("", &variables[..1], &[]);
    assert_eq!(
        error,
        "SHIGUAN_COMPANY__NEW__CORPID: `company.new` has neither `secret_file` nor `secret_env`; \
         say where the Secret of 会话内容存档 is"
    );
}

#[test]
fn unknown_variables_and_flags_name_the_nearest() {
    let cases = [
        (
            "SHIGUAN_PULL__LIMT",
            "SHIGUAN_PULL__LIMT: unknown variable; did you mean SHIGUAN_PULL__LIMIT?",
        ),
        (
            "SHIGUAN_COMPANY__ACME__PROXI",
            "SHIGUAN_COMPANY__ACME__PROXI: unknown variable; did you mean SHIGUAN_COMPANY__ACME__PROXY?",
        ),
        (
            "SHIGUAN_PULL_LIMIT",
            "SHIGUAN_PULL_LIMIT: is not read; parts are joined by two underscores: SHIGUAN_PULL__LIMIT",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(mistakes(COMPANY, &[(name, "1")], &[]), expected);
    }
    assert_eq!(
        mistakes("", &[], &[("pull.limits", "1")]),
        "--set pull.limits: unknown key `pull.limits`; did you mean `pull.limit`?"
    );
    assert!(mistakes("", &[], &[("limit", "1")]).contains("did you mean `pull.limit`?"));
}

#[test]
fn variables_that_are_no_keys_are_left_alone() {
    let variables = [
        ("SHIGUAN_CONFIG", "x"),
        ("SHIGUAN_LOG", "x"),
        ("SHIGUAN_MOCK_CORPUS", "x"),
        ("SHIGUAN_OFFICIAL_SDK", "x"),
        ("SHIGUAN_SERVICE_HOST", "10.0.0.1"),
        ("PULL__LIMIT", "7"),
        ("shiguan_pull__limit", "7"),
    ];
    assert_eq!(load("", &variables, &[]).unwrap().pull.limit, 1000);
}

#[test]
fn a_secret_may_live_in_any_variable_that_is_named() {
    let text = COMPANY.replace("\"S\"", "\"SHIGUAN_COMPANY__ACME__SECRET\"");
    let variable = [("SHIGUAN_COMPANY__ACME__SECRET", "canary")];
    assert!(load(&text, &variable, &[]).is_ok());
    let error = mistakes(COMPANY, &variable, &[]);
    assert!(
        error.contains("is refused") && !error.contains("canary"),
        "{error}"
    );
    let error = mistakes(COMPANY, &[], &[("company.acme.secret", "canary")]);
    assert!(
        error.contains("is refused") && !error.contains("canary"),
        "{error}"
    );
}

#[test]
fn words_are_read_as_the_kind_their_key_wants() {
    let config = load(
        "",
        &[("SHIGUAN_SDK__INHERIT_PROXY_ENVIRONMENT", "true")],
        &[("unseal.threads", "2")],
    )
    .unwrap();
    assert!(config.sdk.inherit_proxy_environment);
    assert_eq!(config.unseal.threads, 2);
    assert_eq!(
        mistakes("", &[("SHIGUAN_PULL__LIMIT", "many")], &[]),
        "SHIGUAN_PULL__LIMIT: `pull.limit`: found a text, expected a whole number of records from 1 to 1000"
    );
    assert_eq!(
        mistakes("", &[], &[("sdk.inherit_proxy_environment", "yes")]),
        "--set sdk.inherit_proxy_environment: `sdk.inherit_proxy_environment`: found a text, expected true or false"
    );
}

#[test]
fn what_is_enabled_is_spelt_in_one_way_and_every_old_spelling_still_loads() {
    use Enabled::{Auto, No, Yes};
    // As TOML, as the word of variables and flags, and what it means.
    let now = [
        ("true", "true", Yes),
        ("false", "false", No),
        ("\"auto\"", "auto", Auto),
    ];
    let old: [(&str, &str, &str, Enabled); 6] = [
        ("directory", "\"off\"", "off", No),
        ("consent", "\"yes\"", "yes", Yes),
        ("consent", "\"no\"", "no", No),
        ("directory", "\"true\"", "true", Yes),
        ("consent", "\"false\"", "false", No),
        ("media", "\"false\"", "false", No),
    ];
    let everywhere = ["media", "directory", "consent"]
        .into_iter()
        .flat_map(|section| now.map(|(toml, word, meant)| (section, toml, word, meant)));
    for (section, toml, word, meant) in everywhere.chain(old) {
        let key = format!("{section}.enabled");
        let of = |config: &Config| match section {
            "media" => config.media.enabled,
            "directory" => config.company("acme").unwrap().directory.enabled,
            _ => config.company("acme").unwrap().consent.enabled,
        };
        let shown = match meant {
            Yes => "true",
            No => "false",
            Auto => "auto",
        };
        let variable = (format!("SHIGUAN_{}__ENABLED", section.to_uppercase()), word);
        for config in [
            load(&format!("{COMPANY}[{section}]\nenabled = {toml}\n"), &[], &[]),
            load(COMPANY, &[(&variable.0, variable.1)], &[]),
            load(COMPANY, &[], &[(&key, word)]),
        ] {
            let config = config.unwrap_or_else(|error| panic!("{key} = {toml}: {error}"));
            assert_eq!(of(&config), meant, "{key} = {toml}");
            assert_eq!(explained(&config, &key).value, shown, "{key} = {toml}");
        }
        if section != "media" {
            let own = format!("{COMPANY}[company.acme.{section}]\nenabled = {toml}\n");
            assert_eq!(of(&load(&own, &[], &[]).unwrap()), meant, "{own}");
        }
    }
    // Nothing else means something, and a company's own switch stays a switch.
    for wrong in ["\"perhaps\"", "\"\"", "\"on\"", "1"] {
        let told = mistakes(&format!("[consent]\nenabled = {wrong}\n"), &[], &[]);
        assert!(told.contains("expected true, false or \"auto\""), "{told}");
    }
    let told = mistakes(&format!("{COMPANY}enabled = \"auto\"\n"), &[], &[]);
    assert!(told.contains("expected true or false"), "{told}");
}

#[test]
fn an_empty_text_takes_back_what_a_lower_layer_said() {
    let text = format!("[pull]\ncron = \"0 * * * *\"\n{COMPANY}proxy = \"p:1\"\n");
    let config = load(
        &text,
        &[("SHIGUAN_COMPANY__ACME__PROXY", "")],
        &[("pull.cron", "")],
    )
    .unwrap();
    let acme = config.company("acme").unwrap();
    assert_eq!(acme.proxy, None);
    assert_eq!(acme.pull.schedule, Schedule::Every(60));
}

#[test]
fn of_cron_and_interval_the_stronger_claim_wins() {
    let cron = |text: &str, variables: &[_]| {
        matches!(
            load(text, variables, &[])
                .unwrap()
                .company("acme")
                .unwrap()
                .pull
                .schedule,
            Schedule::Cron(_)
        )
    };
    let general_cron = format!("[pull]\ncron = \"0 * * * *\"\n{COMPANY}");
    let general_interval = format!("[pull]\ninterval_seconds = 5\n{COMPANY}");
    assert!(cron(&general_cron, &[]));
    assert!(!cron(&format!("{general_cron}pull.interval_seconds = 5\n"), &[]));
    assert!(cron(
        &format!("{general_interval}pull.cron = \"0 * * * *\"\n"),
        &[]
    ));
    assert!(!cron(&general_cron, &[("SHIGUAN_PULL__INTERVAL_SECONDS", "5")]));
    assert!(cron(&general_interval, &[("SHIGUAN_PULL__CRON", "0 * * * *")]));
    let error = mistakes(
        &general_cron,
        &[
            ("SHIGUAN_PULL__CRON", "0 * * * *"),
            ("SHIGUAN_PULL__INTERVAL_SECONDS", "5"),
        ],
        &[],
    );
    assert_eq!(
        error,
        "SHIGUAN_PULL__CRON: `pull.cron` and `pull.interval_seconds` exclude each other; keep one"
    );
}

#[test]
fn a_cron_line_that_pauses_for_wecom_s_window_is_refused() {
    let told = |line: &str| {
        let loaded = load(&format!("[pull]\ncron = \"{line}\"\n{COMPANY}"), &[], &[]);
        loaded.err().map(|error| error.to_string())
    };
    for line in [
        "0 3 * * 1",
        "0 3 1 * *",
        "0 0 */5 * *",
        "* * 1-25 * *",
        "0 0 29 2 *",
        "0 3 1,6,11,16,21,26 * *",
    ] {
        let text = told(line).unwrap_or_else(|| panic!("{line} is taken"));
        assert!(
            text.contains("`pull.cron`") && text.contains("five days"),
            "{line}: {text}"
        );
    }
    for line in [
        "*/5 * * * *",
        "0 3 * * *",
        "0 3 * * 1,4",
        "0 9 * * 1-5",
        "0 3 1,4,8,12,16,20,24,28 * *",
    ] {
        assert_eq!(told(line), None, "{line}");
    }
}

#[test]
fn cron_lines_follow_the_archive_s_zone() {
    let next = |zone: &str, line: &str, after: &str| {
        let text = format!("[archive]\ntimezone = \"{zone}\"\n[pull]\ncron = \"{line}\"\n");
        let Schedule::Cron(cron) = load(&text, &[], &[]).unwrap().pull.schedule else {
            panic!("no cron")
        };
        let after: jiff::Timestamp = after.parse().unwrap();
        let next = cron.next_after(Millis(after.as_millisecond())).unwrap();
        jiff::Timestamp::from_millisecond(next.0).unwrap().to_string()
    };
    assert_eq!(
        next("Asia/Shanghai", "30 8 * * *", "2025-06-01T00:00:00Z"),
        "2025-06-01T00:30:00Z"
    );
    assert_eq!(
        next("UTC", "30 8 * * *", "2025-06-01T00:00:00Z"),
        "2025-06-01T08:30:00Z"
    );
    // Strictly after.
    assert_eq!(
        next("UTC", "*/5 * * * *", "2025-06-01T00:05:00Z"),
        "2025-06-01T00:10:00Z"
    );
    assert_eq!(
        next("UTC", "0 0 * * 1,5", "2028-02-28T12:00:00Z"),
        "2028-03-03T00:00:00Z"
    );
}

#[test]
fn of_a_secret_s_file_and_variable_the_higher_layer_wins() {
    let config = load(
        COMPANY,
        &[("SHIGUAN_COMPANY__ACME__SECRET_FILE", "/run/secret")],
        &[],
    )
    .unwrap();
    let source = format!("{:?}", config.company("acme").unwrap().secret);
    assert!(
        source.contains("/run/secret") && source.contains("company.acme.secret_file"),
        "{source}"
    );
}

#[test]
fn paths_are_relative_to_the_file_whoever_gives_them() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("shiguan.toml");
    std::fs::write(&file, COMPANY).unwrap();
    let set = [("company.acme.keys".to_owned(), "k".to_owned())];
    let config = Config::load(&file, &BTreeMap::new(), &set).unwrap();
    assert_eq!(config.file(), file);
    assert_eq!(config.archive.folder, folder.path().join("data"));
    assert_eq!(config.company("acme").unwrap().keys, folder.path().join("k"));
    let bare = Config::load(Path::new("no/such/file.toml"), &BTreeMap::new(), &[]).unwrap_err();
    assert!(bare.to_string().contains("shiguan init --dir DIR"), "{bare}");
}

#[test]
fn a_general_library_is_not_used_for_a_made_up_corpus() {
    let text = format!("sdk.library = \"official.so\"\n{COMPANY}mock_corpus = \"c\"\n");
    assert_eq!(
        load(&text, &[], &[])
            .unwrap()
            .company("acme")
            .unwrap()
            .sdk
            .library,
        None
    );
    let own = format!("{text}sdk.library = \"mine.so\"\n");
    let library = load(&own, &[], &[])
        .unwrap()
        .company("acme")
        .unwrap()
        .sdk
        .library
        .clone()
        .unwrap();
    assert!(library.ends_with("mine.so"));
}

#[test]
fn a_mistake_in_the_general_part_is_told_once() {
    let text = format!(
        "pull.retry_backoff_ms = 9\npull.retry_backoff_max_ms = 8\n{COMPANY}{}",
        COMPANY.replace("acme", "b")
    );
    assert_eq!(mistakes(&text, &[], &[]).lines().count(), 1);
}

#[test]
fn a_file_that_is_not_text_is_told_with_its_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("shiguan.toml");
    std::fs::write(&file, b"# GBK:\n# \xc6\xf3\xd2\xb5\n").unwrap();
    let error = Config::load(&file, &BTreeMap::new(), &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("not UTF-8 text (line 2)"), "{error}");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken_and_utf_16_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("shiguan.toml");
    let text = format!("{COMPANY}[pull]\nlimit = 7\n");
    let load = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        Config::load(&file, &BTreeMap::new(), &[]).map_err(|error| error.to_string())
    };
    for text in [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        format!("\u{feff}{}", text.replace('\n', "\r\n")),
    ] {
        assert_eq!(load(text.as_bytes()).unwrap().pull.limit, 7, "{text:?}");
    }
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for mark in [&b""[..], b"\xff\xfe"] {
        let error = load(&[mark, &wide].concat()).unwrap_err();
        assert!(
            error.contains("UTF-16") && error.contains("save it as UTF-8"),
            "{error}"
        );
    }
}

#[test]
fn blanks_around_a_corpid_are_taken_off_and_other_faults_are_named() {
    let with = |corpid: &str| load(&COMPANY.replace("\"ww1\"", &format!("\"{corpid}\"")), &[], &[]);
    for corpid in [" ww1 ", "\u{3000}ww1", "\u{feff}ww1\u{200b}"] {
        assert_eq!(with(corpid).unwrap().companies[0].corpid, "ww1", "{corpid:?}");
    }
    for (corpid, expected) in [
        ("ｗｗ1", "a full-width character"),
        ("ww 1", "a blank at position 3"),
        ("“ww1”", "stands in quotes"),
    ] {
        let error = with(corpid).unwrap_err().to_string();
        assert!(
            error.contains("`company.acme.corpid`") && error.contains(expected),
            "{error}"
        );
    }
    // What `init` writes loads, so that keys can be made first, and is known for what it is.
    let fault = with("ww…").unwrap().companies[0].corpid_fault();
    assert!(fault.is_some_and(|fault| fault.contains("placeholder")));
    assert_eq!(with("ww1").unwrap().companies[0].corpid_fault(), None);
}

#[test]
fn what_was_overruled_is_not_shown_as_in_force() {
    let text = format!(
        "pull.cron = \"0 * * * *\"\nsdk.library = \"official.so\"\n{COMPANY}mock_corpus = \"c\"\npull.interval_seconds = 7\n"
    );
    let config = load(&text, &[("SHIGUAN_COMPANY__ACME__SECRET_FILE", "f")], &[]).unwrap();
    let shown = |key: &str| {
        let one = explained(&config, key);
        (one.value.as_str(), one.source.as_str())
    };
    assert_eq!(shown("pull.cron"), ("0 * * * *", "shiguan.toml:1"));
    assert_eq!(
        shown("pull.interval_seconds"),
        ("", "default, overruled by shiguan.toml:1")
    );
    assert_eq!(
        shown("company.acme.pull.interval_seconds"),
        ("7", "shiguan.toml:7")
    );
    assert_eq!(
        shown("company.acme.pull.cron"),
        ("", "shiguan.toml:1, overruled by shiguan.toml:7")
    );
    assert_eq!(
        shown("company.acme.sdk.library"),
        ("", "shiguan.toml:2, overruled by shiguan.toml:6")
    );
    assert_eq!(
        shown("company.acme.secret_env"),
        (
            "",
            "shiguan.toml:5, overruled by SHIGUAN_COMPANY__ACME__SECRET_FILE"
        )
    );
}
