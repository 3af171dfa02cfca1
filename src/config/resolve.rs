//! From layers to sections: who wins, what excludes what, what is missing.
//!
//! A company's own value and the general one meet only here. The layer decides first, so that a flag or a
//! variable beats every file; within a layer the company's own value beats the general one.
//!
//! Longer than its neighbours on purpose: the rules that tie keys to each other are read best in one place.
//!
//! Must not know: TOML, where layers come from.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

use super::{
    choose::{Chosen, Values},
    cron::Cron,
    error::{ConfigError, Problem},
    keys::{KEYS, Key, Section},
    layers::{Layer, Layers, Source},
    secrets::SecretSource,
    sections::{
        Api, Archive, Backup, Callback, CallbackSecrets, Company, Config, Consent, Directory, Explained,
        KeepSealed, Language, Log, LogFormat, LogLevel, Media, MediaBucket, Pull, Schedule, Sdk, Store,
        Unseal,
    },
    shape,
};

/// Builds the sections, or tells every mistake.
pub(super) fn resolve(mut layers: Layers, file: &Path) -> Result<Config, ConfigError> {
    let mut problems = std::mem::take(&mut layers.problems);
    problems.extend(unclaimed(&mut layers));
    // What follows from a mistake already told would only hide it.
    if !problems.is_empty() {
        return Err(ConfigError::Invalid(problems));
    }
    let base = file.parent().unwrap_or(Path::new("")).to_owned();
    let mut resolver = Resolver {
        layers: &layers,
        base,
        problems,
        explained: Vec::new(),
    };
    let config = resolver.config(file);
    let Resolver {
        problems, explained, ..
    } = resolver;
    if !problems.is_empty() {
        return Err(ConfigError::Invalid(problems));
    }
    Ok(Config { explained, ..config })
}

fn directory(values: &Values) -> Directory {
    let number = |name| values.whole(Section::Directory, name) as u32;
    Directory {
        enabled: values.enabled(Section::Directory),
        people_hours: number("people_hours"),
        rooms_hours: number("rooms_hours"),
        lists_hours: number("lists_hours"),
        sweep_from: number("sweep_from"),
        calls_per_pass: number("calls_per_pass"),
        interval_seconds: number("interval_seconds"),
    }
}

/// Variables that no key and no `*_env` key claims.
fn unclaimed(layers: &mut Layers) -> Vec<Problem> {
    let unclaimed = std::mem::take(&mut layers.unclaimed);
    let named: Vec<String> = layers
        .all()
        .filter(|(path, _)| path.ends_with("_env"))
        .map(|(_, given)| given.value.to_string())
        .collect();
    unclaimed
        .into_iter()
        .filter(|(name, _)| !named.contains(name))
        .map(|(_, problem)| problem)
        .collect()
}

pub(super) struct Resolver<'a> {
    pub(super) layers: &'a Layers,
    base: PathBuf,
    problems: Vec<Problem>,
    explained: Vec<Explained>,
}

impl Resolver<'_> {
    fn config(&mut self, file: &Path) -> Config {
        let general = self.scope(None);
        let timezone_name = general.text(Section::Archive, "timezone");
        let log = |name| general.text(Section::Log, name);
        let names: Vec<(String, Source)> = self
            .layers
            .companies()
            .map(|(name, source)| (name.to_owned(), source.clone()))
            .collect();
        self.twins("company", &names);
        let companies: Vec<Company> = names
            .iter()
            .map(|(name, source)| self.company(name, source, &timezone_name))
            .collect();
        Config {
            archive: Archive {
                folder: self.base.join(general.text(Section::Archive, "folder")),
                timezone: TimeZone::get(&timezone_name).unwrap_or(TimeZone::UTC),
                language: Language::from_word(&general.text(Section::Archive, "language"))
                    .unwrap_or(Language::Chinese),
                timezone_name: timezone_name.clone(),
            },
            log: Log {
                level: LogLevel::from_word(&log("level")).unwrap_or(LogLevel::Info),
                format: LogFormat::from_word(&log("format")).unwrap_or(LogFormat::Text),
            },
            unseal: Unseal {
                implementation: general.text(Section::Unseal, "implementation"),
                threads: general.whole(Section::Unseal, "threads") as usize,
            },
            store: Store {
                archive_id: general.optional(Section::Store, "archive_id"),
                keep_sealed: match general.text(Section::Store, "keep_sealed").as_str() {
                    "always" => KeepSealed::Always,
                    "never" => KeepSealed::Days(0),
                    _ => KeepSealed::Days(general.whole(Section::Store, "keep_sealed_days") as u32),
                },
                disk_headroom_mib: general.whole(Section::Store, "disk_headroom_mib"),
                verify_days: general.whole(Section::Store, "verify_days") as u32,
            },
            backup: Backup {
                recipients: general.optional(Section::Backup, "recipients"),
            },
            pull: self.pull(&general, "", &timezone_name),
            sdk: self.sdk(&general),
            api: self.api(&general),
            directory: directory(&general),
            media: self.media(&general),
            callback: self.callback(&general, &companies),
            alert: self.alert(&general, &companies),
            companies,
            file: file.to_owned(),
            explained: Vec::new(),
        }
    }

    fn company(&mut self, name: &str, mentioned: &Source, zone: &str) -> Company {
        let mut values = self.scope(Some(name));
        let optional = |key: &str| values.optional(Section::Company, key);
        let path = |key: &str| optional(key).map(|path| self.base.join(path));
        let (corpid, mock_corpus, proxy) = (optional("corpid"), path("mock_corpus"), optional("proxy"));
        let keys = path("keys").unwrap_or_else(|| self.base.join("keys").join(name));
        let enabled = values.switch(Section::Company, "enabled");
        let secret = self.secret(&values, name, "secret");
        let app_secret = self.secret(&values, name, "app_secret");
        let contact_secret = self.secret(&values, name, "contact_secret");
        let key_passphrase = self.secret(&values, name, "key_passphrase");
        let proxy_credentials = self.secret(&values, name, "proxy_credentials");
        let token = self.secret(&values, name, "callback_token");
        let aes_key = self.secret(&values, name, "callback_aes_key");

        let mut missing = |text: String| self.problems.push(Problem::at(mentioned, text));
        let corpid = corpid.map(|corpid| shape::trimmed(&corpid).to_owned());
        match corpid.as_deref() {
            None => missing(format!(
                "`company.{name}.corpid` is missing: the company's id, 企业ID, from the admin console"
            )),
            // Keys are generated before the id is filled in: a placeholder is refused where the id is used.
            Some(corpid) if !shape::is_placeholder(corpid) => {
                if let Some(fault) = shape::fault(corpid) {
                    missing(format!("`company.{name}.corpid` {fault}"));
                }
            }
            Some(_) => {}
        }
        if secret.is_none() && mock_corpus.is_none() {
            missing(format!(
                "`company.{name}` has neither `secret_file` nor `secret_env`; say where the Secret of 会话内容存档 is"
            ));
        }
        if proxy_credentials.is_some() && proxy.is_none() {
            missing(format!(
                "`company.{name}` has proxy credentials and no `proxy`; set it, or remove them"
            ));
        }
        let callback = match (token, aes_key) {
            (Some(token), Some(aes_key)) => Some(CallbackSecrets { token, aes_key }),
            (None, None) => None,
            (given, _) => {
                let (has, lacks) = match given {
                    Some(_) => ("token", "callback_aes_key"),
                    None => ("key", "callback_token"),
                };
                missing(format!(
                    "`company.{name}` has a callback {has} and neither `{lacks}_file` nor `{lacks}_env`; the admin \
                     console shows both"
                ));
                None
            }
        };
        // A general pin is of the general library.
        if mock_corpus.is_some()
            && values
                .get(Section::Sdk, "sha256")
                .is_some_and(|chosen| !chosen.own)
        {
            values.remove(Section::Sdk, "sha256");
        }
        // A general library is the official one; it cannot read a made-up corpus.
        if mock_corpus.is_some()
            && let Some(chosen) = values.get(Section::Sdk, "library").filter(|chosen| !chosen.own)
        {
            let source = chosen.source.clone();
            values.remove(Section::Sdk, "library");
            if source != Source::Default {
                let corpus = values
                    .get(Section::Company, "mock_corpus")
                    .map_or(source, |one| one.source.clone());
                self.overruled(&format!("company.{name}.sdk.library"), &corpus);
            }
        }
        Company {
            name: name.to_owned(),
            enabled,
            corpid: corpid.unwrap_or_default(),
            secret,
            app_secret,
            contact_secret,
            keys,
            key_passphrase,
            proxy,
            proxy_credentials,
            callback,
            mock_corpus,
            pull: self.pull(&values, name, zone),
            sdk: self.sdk(&values),
            api: self.api(&values),
            directory: directory(&values),
            consent: self.consent(&values),
        }
    }

    fn media(&mut self, values: &Values) -> Media {
        let number = |name| values.whole(Section::Media, name);
        let optional = |name| values.optional(Section::Media, name);
        let secret_key = optional("s3_secret_key_file").map(|path| SecretSource::File {
            key: "media.s3_secret_key_file".to_owned(),
            file: self.base.join(path),
        });
        let bucket = match (optional("s3_bucket"), optional("s3_access_key"), secret_key) {
            (Some(name), Some(access_key), Some(secret_key)) => Some(MediaBucket {
                name,
                endpoint: optional("s3_endpoint"),
                region: values.text(Section::Media, "s3_region"),
                prefix: values.text(Section::Media, "s3_prefix"),
                path_style: values.switch(Section::Media, "s3_path_style"),
                access_key,
                secret_key,
            }),
            (Some(_), access_key, _) => {
                let lacks = if access_key.is_none() {
                    "s3_access_key"
                } else {
                    "s3_secret_key_file"
                };
                if let Some(chosen) = values.get(Section::Media, "s3_bucket") {
                    self.tell(
                        chosen.source.clone(),
                        format!("`media.s3_bucket` is set and `media.{lacks}` is not; a bucket needs both halves of an access key"),
                    );
                }
                None
            }
            (None, ..) => None,
        };
        let archive = self.base.join(values.text(Section::Archive, "folder"));
        Media {
            enabled: values.enabled(Section::Media),
            folder: optional("folder").map_or_else(|| archive.join("media"), |path| self.base.join(path)),
            children: number("children") as usize,
            deadline_days: number("deadline_days") as u32,
            retry_limit: number("retry_limit") as u32,
            retry_backoff_ms: number("retry_backoff_ms"),
            max_file_mib: number("max_file_mib"),
            chunks_per_minute: number("chunks_per_minute") as u32,
            silk_decoder: optional("silk_decoder"),
            bucket,
        }
    }

    fn callback(&mut self, values: &Values, companies: &[Company]) -> Callback {
        let listen = values
            .optional(Section::Callback, "listen")
            .and_then(|text| text.parse().ok());
        // A door that nobody can pass is a mistake; without any company the file is not finished anyway.
        if listen.is_some()
            && !companies.is_empty()
            && companies.iter().all(|company| company.callback.is_none())
            && let Some(chosen) = values.get(Section::Callback, "listen")
        {
            self.tell(
                chosen.source.clone(),
                "`callback.listen` is set and no company has callback secrets; give one `callback_token_file` and \
                 `callback_aes_key_file`"
                    .to_owned(),
            );
        }
        Callback {
            listen,
            window_seconds: values.whole(Section::Callback, "window_seconds") as u32,
            keep_days: values.whole(Section::Callback, "keep_days") as u32,
        }
    }

    fn pull(&mut self, values: &Values, company: &str, zone: &str) -> Pull {
        let number = |name| values.whole(Section::Pull, name);
        let pull = Pull {
            limit: number("limit") as u32,
            timeout_seconds: number("timeout_seconds") as u32,
            schedule: self.schedule(values, company, zone),
            jitter_seconds: number("jitter_seconds") as u32,
            retry_attempts: number("retry_attempts") as u32,
            retry_backoff_ms: number("retry_backoff_ms"),
            retry_backoff_max_ms: number("retry_backoff_max_ms"),
            max_seq_jump: number("max_seq_jump"),
            window_warning_hours: number("window_warning_hours") as u32,
        };
        if pull.retry_backoff_max_ms < pull.retry_backoff_ms
            && let (Some(longest), Some(first)) = (
                values.get(Section::Pull, "retry_backoff_max_ms"),
                values.get(Section::Pull, "retry_backoff_ms"),
            )
        {
            let text = format!(
                "`{}` ({}) is below `retry_backoff_ms` ({}); the longest wait cannot be shorter than the first",
                spelt(longest, company, "retry_backoff_max_ms"),
                pull.retry_backoff_max_ms,
                pull.retry_backoff_ms
            );
            let said = if longest.layer == Layer::Default {
                first
            } else {
                longest
            };
            self.tell(said.source.clone(), text);
        }
        pull
    }

    /// `cron` and `interval_seconds` exclude each other: the stronger claim wins, equal claims are a mistake.
    fn schedule(&mut self, values: &Values, company: &str, zone: &str) -> Schedule {
        let every = Schedule::Every(values.whole(Section::Pull, "interval_seconds") as u32);
        let (Some(line), Some(cron), Some(interval)) = (
            values.optional(Section::Pull, "cron"),
            values.get(Section::Pull, "cron"),
            values.get(Section::Pull, "interval_seconds"),
        ) else {
            return every;
        };
        let strength = |chosen: &Chosen| (chosen.layer, chosen.own);
        let path = |name: &str| match company {
            "" => format!("pull.{name}"),
            _ => format!("company.{company}.pull.{name}"),
        };
        match strength(cron).cmp(&strength(interval)) {
            Ordering::Greater => {
                self.overruled(&path("interval_seconds"), &cron.source);
                match Cron::parse(&line, zone) {
                    Ok(cron_line) => {
                        self.refuse_long_pauses(&cron_line, cron, &spelt(cron, company, "cron"));
                        Schedule::Cron(cron_line)
                    }
                    Err(_) => every,
                }
            }
            Ordering::Less => {
                self.overruled(&path("cron"), &interval.source);
                every
            }
            Ordering::Equal => {
                let text = format!(
                    "`{}` and `{}` exclude each other; keep one",
                    spelt(cron, company, "cron"),
                    spelt(interval, company, "interval_seconds")
                );
                self.tell(cron.source.clone(), text);
                every
            }
        }
    }

    /// What WeCom deletes between two pulls is lost, so no pause may be as long as it keeps records.
    fn refuse_long_pauses(&mut self, cron: &Cron, chosen: &Chosen, name: &str) {
        if let Some(end) = cron.pause_of(crate::ids::RETENTION_MS) {
            let day = jiff::Timestamp::from_millisecond(end.0)
                .map(|end| end.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
                .unwrap_or_default();
            let text = format!(
                "`{name}` pauses for five days or longer (before {day}, for one): WeCom keeps records for five days, so \
                 what was sent early in the pause would be lost; pull at least every other day"
            );
            self.tell(chosen.source.clone(), text);
        }
    }

    fn sdk(&self, values: &Values) -> Sdk {
        let number = |name| values.whole(Section::Sdk, name);
        Sdk {
            library: values
                .optional(Section::Sdk, "library")
                .map(|path| self.base.join(path)),
            sha256: values
                .optional(Section::Sdk, "sha256")
                .map(|digest| digest.to_ascii_lowercase()),
            decrypt_children: number("decrypt_children") as usize,
            deadline_grace_seconds: number("deadline_grace_seconds") as u32,
            decrypt_deadline_seconds: number("decrypt_deadline_seconds") as u32,
            max_resident_mib: number("max_resident_mib"),
            max_calls: number("max_calls"),
            inherit_proxy_environment: values.switch(Section::Sdk, "inherit_proxy_environment"),
        }
    }

    fn api(&self, values: &Values) -> Api {
        Api {
            host: values.text(Section::Api, "host"),
            proxy: values.optional(Section::Api, "proxy"),
            root_ca: values
                .optional(Section::Api, "root_ca")
                .map(|path| self.base.join(path)),
            timeout_seconds: values.whole(Section::Api, "timeout_seconds") as u32,
            user_agent: values.optional(Section::Api, "user_agent"),
        }
    }

    fn consent(&self, values: &Values) -> Consent {
        Consent {
            enabled: values.enabled(Section::Consent),
            refresh_hours: values.whole(Section::Consent, "refresh_hours") as u32,
            calls_per_pass: values.whole(Section::Consent, "calls_per_pass") as u32,
        }
    }

    /// `<what>_file` or `<what>_env`; the stronger layer wins, both in one layer are a mistake.
    fn secret(&mut self, values: &Values, company: &str, what: &str) -> Option<SecretSource> {
        self.secret_of("company", Section::Company, values, company, what)
    }

    /// The same in any table that has names.
    pub(super) fn secret_of(
        &mut self,
        table: &str,
        section: Section,
        values: &Values,
        name: &str,
        what: &str,
    ) -> Option<SecretSource> {
        let key = |kind: &str| format!("{table}.{name}.{what}_{kind}");
        let of = |kind: &str| values.claim(section, &format!("{what}_{kind}"));
        let file = |path: String| SecretSource::File {
            key: key("file"),
            file: self.base.join(path),
        };
        let variable = |name: String| SecretSource::Variable {
            key: key("env"),
            name,
        };
        match (of("file"), of("env")) {
            (None, None) => None,
            (Some((path, _)), None) => Some(file(path)),
            (None, Some((name, _))) => Some(variable(name)),
            (Some((path, one)), Some((_, other))) if one.layer > other.layer => {
                let secret = file(path);
                self.overruled(&key("env"), &one.source);
                Some(secret)
            }
            (Some((_, one)), Some((name, other))) => {
                if one.layer == other.layer {
                    let text = format!(
                        "`{}` and `{}` exclude each other; keep one",
                        key("file"),
                        key("env")
                    );
                    self.tell(other.source.clone(), text);
                }
                self.overruled(&key("file"), &other.source);
                Some(variable(name))
            }
        }
    }

    /// Names that one variable would mean both of.
    pub(super) fn twins(&mut self, table: &str, names: &[(String, Source)]) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, source) in names {
            if let Some(first) = seen.insert(name.replace('-', "_"), name) {
                let text = format!(
                    "`{table}.{name}` and `{table}.{first}` have the same variables ({}…); rename one",
                    super::words::variable(&format!("{table}.{name}."))
                );
                self.tell(source.clone(), text);
            }
        }
    }

    /// Chooses a value for every key of a scope, and notes who said it.
    fn scope(&mut self, company: Option<&str>) -> Values {
        let mut values = Values::default();
        for key in KEYS.iter().filter(|key| key.section != Section::Target) {
            let general = (key.section != Section::Company).then(|| key.path(""));
            let own = company
                .filter(|_| key.per_company || key.section == Section::Company)
                .map(|company| key.company_path(company));
            if company.is_none() && general.is_none() {
                continue;
            }
            let given = |path: &Option<String>| path.as_deref().and_then(|path| self.layers.given(path));
            let chosen = Chosen::among(key, given(&general), given(&own));
            // A company shows its own keys and those it may override; the rest stands in the general part.
            if let Some(path) = if company.is_some() { own } else { general } {
                self.explained.push(Explained {
                    key: path,
                    value: chosen.shown(key, company),
                    layer: chosen.layer,
                    source: chosen.source.to_string(),
                });
            }
            values.insert(key, chosen);
        }
        values
    }

    /// Notes what is in force for a key that belongs to no company.
    pub(super) fn explain(&mut self, path: String, key: &Key, chosen: &Chosen) {
        self.explained.push(Explained {
            key: path,
            value: chosen.shown(key, None),
            layer: chosen.layer,
            source: chosen.source.to_string(),
        });
    }

    /// Says of a value that was given that another one put it out of force.
    fn overruled(&mut self, path: &str, by: &Source) {
        for one in self.explained.iter_mut().filter(|one| one.key == path) {
            one.value.clear();
            one.source = format!("{}, overruled by {by}", one.source);
        }
    }

    /// Once: a mistake in the general part would otherwise be told again for every company.
    pub(super) fn tell(&mut self, source: Source, text: String) {
        let problem = Problem { source, text };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// The path as it was written, or would be.
fn spelt(chosen: &Chosen, company: &str, name: &str) -> String {
    if chosen.own {
        format!("company.{company}.pull.{name}")
    } else {
        format!("pull.{name}")
    }
}
