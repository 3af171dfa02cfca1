//! What is made from the declared list: the file of `init`, the reference, and the file with every key.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use shiguan::{
    config::{
        CompanyTemplate, Config, Enabled, Layer, TemplateOptions,
        keys::{Default, KEYS, Kind, Section},
        reference_markdown, template,
    },
    unseal::Implementation,
};

use super::{load, same_as_file};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Key and value of everything, without where it came from.
fn values(config: &Config) -> Vec<(String, String)> {
    config
        .explain()
        .iter()
        .map(|one| (one.key.clone(), one.value.clone()))
        .collect()
}

#[test]
fn the_reference_file_sets_every_key_to_another_value_than_its_default() {
    let config = Config::load(&root().join("src/config/reference.toml"), &BTreeMap::new(), &[]).unwrap();
    for key in KEYS {
        let default = match key.default {
            Default::Text(text) => text.to_owned(),
            Default::Whole(number) => number.to_string(),
            Default::Switch(on) => on.to_string(),
            Default::None => String::new(),
        };
        let places: BTreeSet<String> = ["acme", "made-up", "robot", "other-robot", "duty", "other-duty"]
            .iter()
            .flat_map(|company| [key.path(company), key.company_path(company)])
            .collect();
        let said: Vec<_> = config
            .explain()
            .iter()
            .filter(|one| places.contains(&one.key) && one.layer == Layer::File)
            .filter(|one| !one.source.contains("overruled"))
            .collect();
        let name = key.path("NAME");
        assert!(!said.is_empty(), "src/config/reference.toml does not set {name}");
        assert!(
            said.iter().all(|one| one.value != default),
            "{name} is at its default"
        );
        if key.per_company {
            // A company that merely inherits shows the line of the general value.
            let lines: BTreeSet<_> = said.iter().map(|one| &one.source).collect();
            let general = said.iter().any(|one| !one.key.starts_with("company."));
            assert!(
                lines.len() > 1 || !general,
                "no company says otherwise about {name}"
            );
        }
    }
}

#[test]
fn the_reference_file_arrives_in_the_sections() {
    let config = Config::load(&root().join("src/config/reference.toml"), &BTreeMap::new(), &[]).unwrap();
    let (acme, made_up) = (
        config.company("acme").unwrap(),
        config.company("made-up").unwrap(),
    );
    assert_eq!(config.archive.folder, Path::new("/srv/shiguan"));
    assert_eq!(config.archive.timezone.iana_name(), Some("Asia/Urumqi"));
    assert_eq!(
        (
            config.archive.language.as_str(),
            config.log.level.as_str(),
            config.log.format.as_str()
        ),
        ("en", "debug", "json")
    );
    let pulls = [&config.pull, &acme.pull, &made_up.pull].map(|pull| {
        (
            pull.limit,
            pull.timeout_seconds,
            pull.jitter_seconds,
            pull.retry_attempts,
            pull.retry_backoff_ms,
            pull.retry_backoff_max_ms,
            pull.max_seq_jump,
            pull.window_warning_hours,
        )
    });
    let general = (500, 10, 30, 3, 250, 30_000, 5_000, 48);
    assert_eq!(pulls, [general, (200, 60, 0, 9, 1000, 120_000, 100, 24), general]);
    let schedules = [&config.pull, &acme.pull, &made_up.pull].map(|pull| format!("{:?}", pull.schedule));
    assert_eq!(
        schedules,
        ["Every(300)", "Cron(Cron(*/10 8-20 * * 1-5))", "Every(900)"]
    );
    let sdk = &config.sdk;
    assert_eq!(
        (
            sdk.decrypt_children,
            sdk.deadline_grace_seconds,
            sdk.decrypt_deadline_seconds,
            sdk.max_resident_mib,
            sdk.max_calls
        ),
        (2, 3, 7, 256, 5000)
    );
    assert!(
        sdk.sha256
            .as_deref()
            .is_some_and(|digest| digest.starts_with("9f86d081"))
    );
    assert!(sdk.inherit_proxy_environment && acme.sdk.inherit_proxy_environment);
    assert!(acme.sdk.library.as_deref().unwrap().ends_with("lib/other.so"));
    assert_eq!(
        (config.unseal.implementation.as_str(), config.unseal.threads),
        ("rsa", 3)
    );
    assert_eq!(config.store.disk_headroom_mib, 4096);
    assert_eq!(
        config.store.archive_id.as_deref(),
        Some("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    );
    assert_eq!(config.store.verify_days, 60);
    let media = &config.media;
    assert_eq!(
        (
            media.enabled,
            media.folder.as_path(),
            media.children,
            media.deadline_days,
            media.retry_limit,
            media.retry_backoff_ms,
            media.max_file_mib,
            media.chunks_per_minute
        ),
        (
            Enabled::No,
            Path::new("/srv/shiguan/files"),
            2,
            4,
            5,
            500,
            512,
            12_000
        )
    );
    let bucket = media.bucket.as_ref().unwrap();
    assert_eq!(
        (
            bucket.name.as_str(),
            bucket.endpoint.as_deref(),
            bucket.region.as_str(),
            bucket.prefix.as_str(),
            bucket.path_style,
            bucket.access_key.as_str()
        ),
        (
            "shiguan-media",
            Some("https://s3.example"),
            "cn-north-1",
            "archive/media",
            false,
            "AKIAEXAMPLE"
        )
    );
    assert_eq!(config.callback.listen, Some("127.0.0.1:8090".parse().unwrap()));
    assert_eq!(
        (config.callback.window_seconds, config.callback.keep_days),
        (300, 30)
    );
    let alert = &config.alert;
    assert_eq!(
        (
            alert.look_every_seconds,
            alert.calm_seconds,
            alert.remind_after_seconds,
            alert.most_per_hour,
            alert.pull_failing_minutes,
            alert.window_hours_left,
            alert.media_hours_left,
            alert.waiting_above,
        ),
        (30, 60, 3600, 5, 10, 60, 12, 7)
    );
    let targets: Vec<String> = alert.targets.iter().map(|target| format!("{target:?}")).collect();
    for (target, parts) in targets.iter().zip([
        &["acme", "App", "1000002", "zhangsan|lisi", "\"2\"", "\"5\""][..],
        &[
            "duty",
            "Webhook",
            "https://duty.example/wecom",
            "webhook.secret",
            "proxy.example",
        ],
        &["other-duty", "Webhook", "WEBHOOK_SECRET", "proxy: None"],
        &["other-robot", "Robot", "ROBOT_KEY"],
        &["robot", "Robot", "robot.key"],
    ]) {
        assert!(parts.iter().all(|part| target.contains(part)), "{target}");
    }
    assert_eq!(targets.len(), 5);
    assert!(acme.enabled && !made_up.enabled);
    assert_eq!(
        (acme.corpid.as_str(), acme.proxy.as_deref()),
        ("wwacme0000000000", Some("http://proxy.example:3128"))
    );
    assert_eq!(acme.keys, Path::new("/etc/shiguan/keys/acme"));
    assert!(made_up.keys.ends_with("src/config/keys/made-up"));
    assert!(
        made_up
            .mock_corpus
            .as_deref()
            .unwrap()
            .ends_with("src/config/corpus")
    );
    let apis = [&config.api, &acme.api, &made_up.api].map(|api| {
        (
            api.host.as_str(),
            api.proxy.as_deref(),
            api.root_ca
                .as_deref()
                .map(|path| path.ends_with("src/config/ca.pem")),
            api.timeout_seconds,
            api.user_agent.as_deref(),
        )
    });
    let general = (
        "https://gateway.example",
        Some("http://proxy.example:3129"),
        None,
        20,
        None,
    );
    let own = (
        "https://other.example",
        Some("socks5://proxy.example:1080"),
        Some(true),
        60,
        Some("our-archive/1"),
    );
    assert_eq!(apis, [general, own, general]);
    let directories = [&config.directory, &acme.directory, &made_up.directory].map(|directory| {
        (
            directory.enabled,
            [
                directory.people_hours,
                directory.rooms_hours,
                directory.lists_hours,
            ],
            (
                directory.sweep_from,
                directory.calls_per_pass,
                directory.interval_seconds,
            ),
        )
    });
    let general = (Enabled::No, [48, 36, 24], (50, 1000, 120));
    let own = (Enabled::No, [12, 6, 3], (10, 100, 30));
    assert_eq!(directories, [general, own, general]);
    let consents = [acme, made_up].map(|company| {
        let consent = company.consent;
        (consent.enabled, consent.refresh_hours, consent.calls_per_pass)
    });
    assert_eq!(consents, [(Enabled::Yes, 6, 50), (Enabled::No, 48, 500)]);
    for company in [acme, made_up] {
        assert!(
            company.secret.is_some()
                && company.app_secret.is_some()
                && company.contact_secret.is_some()
                && company.key_passphrase.is_some()
                && company.proxy_credentials.is_some()
                && company.callback.is_some()
        );
    }
}

#[test]
fn the_reference_page_is_the_one_in_the_repository() {
    same_as_file(&root().join("docs/configuration.md"), &reference_markdown());
}

#[test]
fn the_file_of_init_without_a_company_says_nothing_but_the_defaults() {
    let text = template(&TemplateOptions::default());
    let config = load(&text, &[], &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(values(&config), values(&load("", &[], &[]).unwrap()));
    assert!(config.companies.is_empty());
    assert!(text.lines().all(|line| line.chars().count() <= 110), "too wide");
}

#[test]
fn every_commented_line_of_the_file_of_init_is_valid_and_shows_the_default() {
    let text = template(&TemplateOptions::default());
    // Takes the mark from what is an assignment or a table; prose never looks like one. Of two keys that
    // exclude each other the example stays commented.
    let live = |line: &str| {
        let bare = line.strip_prefix("# ").filter(|bare| {
            let key = bare.split(" = ").next().unwrap_or_default();
            let word = !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            (bare.contains(" = ") && word || bare.starts_with('['))
                && ![
                    "cron",
                    "secret_env",
                    "app_secret_env",
                    "contact_secret_env",
                    "key_passphrase_env",
                    "proxy_credentials_env",
                    "callback_token_env",
                    "callback_aes_key_env",
                ]
                .contains(&key)
        });
        bare.unwrap_or(line).to_owned()
    };
    // A target is of one kind and has its keys only.
    let mut in_target = false;
    let text: Vec<String> = text
        .lines()
        .map(|line| {
            in_target = if line.contains("[") && line.trim_end().ends_with(']') {
                line.contains("[alert.to.")
            } else {
                in_target
            };
            let of_a_robot = ["# [alert", "# kind =", "# key_file ="]
                .iter()
                .any(|start| line.starts_with(start));
            if in_target && !of_a_robot {
                line.to_owned()
            } else {
                live(line)
            }
        })
        .collect();
    let config = load(&text.join("\n"), &[], &[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.alert.targets.len(), 1);
    for key in KEYS.iter().filter(|key| key.section != Section::Target) {
        let one = config
            .explain()
            .iter()
            .find(|one| one.key == key.path("acme"))
            .unwrap();
        let default = match key.default {
            Default::Text(text) => text.to_owned(),
            Default::Whole(number) => number.to_string(),
            Default::Switch(on) => on.to_string(),
            Default::None => continue,
        };
        assert_eq!((one.layer, &one.value), (Layer::File, &default), "{}", one.key);
    }
}

#[test]
fn the_file_of_init_with_a_company_is_ready_to_run() {
    let options = TemplateOptions {
        folder: Some("档案 \"a\\b\"".to_owned()),
        company: Some(CompanyTemplate {
            name: "demo".to_owned(),
            corpid: "wwdemo".to_owned(),
            keys: Some("corpus/keys".to_owned()),
            mock_corpus: Some("corpus".to_owned()),
            library: Some("libsdk_mock.so".to_owned()),
            secret_file: Some("secrets/demo".to_owned()),
        }),
    };
    let text = template(&options);
    let config = load(&text, &[], &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(config.archive.folder.ends_with("档案 \"a\\b\""));
    let demo = config.company("demo").unwrap();
    assert_eq!(demo.corpid, "wwdemo");
    assert!(demo.keys.ends_with("corpus/keys") && demo.secret.is_some());
    assert!(demo.mock_corpus.as_deref().unwrap().ends_with("corpus"));
    assert!(demo.sdk.library.as_deref().unwrap().ends_with("libsdk_mock.so"));
    let said: Vec<_> = config
        .explain()
        .iter()
        .filter(|one| one.layer != Layer::Default)
        .collect();
    assert_eq!(said.len(), 6, "{said:?}");
}

#[test]
fn the_file_of_init_names_every_key() {
    let text = template(&TemplateOptions::default());
    for key in KEYS {
        let line = format!("# {} = ", key.name);
        assert!(
            text.lines().any(|one| one.starts_with(&line)),
            "{}",
            key.path("NAME")
        );
    }
}

#[test]
fn the_declared_list_is_in_order() {
    for (at, key) in KEYS.iter().enumerate() {
        assert!(
            KEYS[..at].iter().all(|other| other.path("x") != key.path("x")),
            "{} is there twice",
            key.path("x")
        );
        assert!(
            !key.meaning.is_empty() && key.meaning.ends_with('.'),
            "{}",
            key.path("x")
        );
        assert_eq!(
            // A number that is a name counts nothing.
            matches!(key.kind, Kind::Whole { .. }) && key.name != "agentid",
            !key.unit.is_empty(),
            "{} needs a unit",
            key.path("x")
        );
        assert!(
            key.default != Default::None || !key.example.is_empty(),
            "{} needs an example",
            key.path("x")
        );
        if let (Kind::Whole { min, max }, Default::Whole(default)) = (key.kind, key.default) {
            assert!((min..=max).contains(&default) && min >= 0, "{}", key.path("x"));
        }
    }
    assert!(KEYS.is_sorted_by_key(|key| key.section));
}

#[test]
fn the_words_for_implementations_are_those_of_the_unseal_room() {
    let key = KEYS.iter().find(|key| key.name == "implementation").unwrap();
    let Kind::OneOf(words) = key.kind else {
        panic!("not a choice")
    };
    assert_eq!(
        words.to_vec(),
        Implementation::ALL.map(Implementation::as_str).to_vec()
    );
    assert_eq!(key.default, Default::Text(Implementation::default().as_str()));
}

#[test]
fn readers_of_the_reference_find_every_key_and_its_variable() {
    let page = reference_markdown();
    for key in KEYS {
        assert!(
            page.contains(&format!("| `{}` |", key.path("NAME"))),
            "{}",
            key.path("NAME")
        );
    }
    assert!(page.contains("`SHIGUAN_SDK__INHERIT_PROXY_ENVIRONMENT`"));
}
