//! `[alert]` and `[alert.to.NAME]`: when people are told, and where.
//!
//! Must not know: how anything is sent.

use super::{
    choose::{Chosen, Values},
    keys::{KEYS, Section},
    layers::Source,
    resolve::Resolver,
    secrets::SecretSource,
    sections::Company,
};

/// When people are told, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Seconds between two looks of `run`.
    pub look_every_seconds: u32,
    /// Seconds that a condition must be gone before the all-clear.
    pub calm_seconds: u32,
    /// Seconds after which an open incident is told again.
    pub remind_after_seconds: u32,
    /// Messages to one target in an hour.
    pub most_per_hour: u32,
    /// Minutes for which pulls may fail.
    pub pull_failing_minutes: u32,
    /// Hours left of WeCom's five days.
    pub window_hours_left: u32,
    /// Hours left until WeCom lets go of a file.
    pub media_hours_left: u32,
    /// Waiting records that are nothing to tell yet.
    pub waiting_above: u64,
    /// `[alert.to.NAME]`, by name.
    pub targets: Vec<Target>,
}

/// Where to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name in the file.
    pub name: String,
    /// How.
    pub to: To,
}

/// How a target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// A message of the company's own app to members.
    App {
        /// Whose app.
        company: String,
        /// AgentId of the app.
        agentid: u32,
        /// `userid`s joined by `|`.
        users: String,
        /// Departments joined by `|`.
        parties: String,
        /// Tags joined by `|`.
        tags: String,
    },
    /// A robot in a group.
    Robot {
        /// What follows `key=` in its address.
        key: SecretSource,
    },
    /// Any HTTP server.
    Webhook {
        /// Where.
        url: String,
        /// What the body is signed with.
        secret: SecretSource,
        /// Proxy without credentials; none means direct.
        proxy: Option<String>,
    },
}

/// Which keys a kind has, besides `kind`.
fn keys_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "app" => &["company", "agentid", "to_user", "to_party", "to_tag"],
        "robot" => &["key_file", "key_env"],
        _ => &["url", "secret_file", "secret_env", "proxy"],
    }
}

impl Resolver<'_> {
    pub(super) fn alert(&mut self, values: &Values, companies: &[Company]) -> Alert {
        let names: Vec<(String, Source)> = self
            .layers
            .targets()
            .map(|(name, source)| (name.to_owned(), source.clone()))
            .collect();
        self.twins("alert.to", &names);
        let number = |name| values.whole(Section::Alert, name);
        let alert = Alert {
            look_every_seconds: number("look_every_seconds") as u32,
            calm_seconds: number("calm_seconds") as u32,
            remind_after_seconds: number("remind_after_seconds") as u32,
            most_per_hour: number("most_per_hour") as u32,
            pull_failing_minutes: number("pull_failing_minutes") as u32,
            window_hours_left: number("window_hours_left") as u32,
            media_hours_left: number("media_hours_left") as u32,
            waiting_above: number("waiting_above"),
            targets: Vec::new(),
        };
        Alert {
            targets: names
                .iter()
                .filter_map(|(name, source)| self.target(name, source, companies))
                .collect(),
            ..alert
        }
    }

    fn target(&mut self, name: &str, mentioned: &Source, companies: &[Company]) -> Option<Target> {
        let values = self.target_scope(name);
        let text = |key: &str| values.optional(Section::Target, key);
        let Some(kind) = text("kind") else {
            self.tell(
                mentioned.clone(),
                format!("`alert.to.{name}.kind` is missing: \"app\", \"robot\" or \"webhook\""),
            );
            return None;
        };
        for key in KEYS
            .iter()
            .filter(|key| key.section == Section::Target && key.name != "kind")
        {
            if let Some((_, chosen)) = values.claim(Section::Target, key.name)
                && chosen.source != Source::Default
                && !keys_of(&kind).contains(&key.name)
            {
                let text = format!(
                    "`{}` is not for kind = \"{kind}\", which has {}",
                    key.path(name),
                    keys_of(&kind).join(", ")
                );
                self.tell(chosen.source.clone(), text);
            }
        }
        let to = match kind.as_str() {
            "app" => self.app(name, mentioned, &values, companies),
            "robot" => {
                let key = self.secret_of("alert.to", Section::Target, &values, name, "key");
                self.or_missing(
                    key,
                    name,
                    mentioned,
                    "neither `key_file` nor `key_env`; the key stands behind `key=` \
                     in the robot's address",
                )
                .map(|key| To::Robot { key })
            }
            _ => {
                let secret = self.secret_of("alert.to", Section::Target, &values, name, "secret");
                let secret = self.or_missing(
                    secret,
                    name,
                    mentioned,
                    "neither `secret_file` nor `secret_env`; make one, its messages are signed with it",
                );
                let url = self.or_missing(text("url"), name, mentioned, "no `url`; say where to send");
                Some(To::Webhook {
                    url: url?,
                    secret: secret?,
                    proxy: text("proxy"),
                })
            }
        }?;
        Some(Target {
            name: name.to_owned(),
            to,
        })
    }

    fn app(&mut self, name: &str, mentioned: &Source, values: &Values, companies: &[Company]) -> Option<To> {
        let text = |key: &str| values.text(Section::Target, key);
        let (users, parties, tags) = (text("to_user"), text("to_party"), text("to_tag"));
        let agentid = values.whole(Section::Target, "agentid") as u32;
        let agentid = self.or_missing(
            (agentid > 0).then_some(agentid),
            name,
            mentioned,
            "no `agentid`; it stands on the app's page in the admin console",
        );
        let somebody = [&users, &parties, &tags].iter().any(|who| !who.is_empty());
        let somebody = self.or_missing(
            somebody.then_some(()),
            name,
            mentioned,
            "none of `to_user`, `to_party`, `to_tag`; say who is told",
        );
        let company = match (values.claim(Section::Target, "company"), companies) {
            (Some((company, _)), _) => Some(company),
            (None, [only]) => Some(only.name.clone()),
            (None, _) => self.or_missing(None, name, mentioned, "no `company`; say whose app sends it"),
        }?;
        let source = values
            .claim(Section::Target, "company")
            .map_or(mentioned, |(_, chosen)| &chosen.source);
        match companies.iter().find(|one| one.name == company) {
            None => {
                let text = format!("`alert.to.{name}.company`: there is no `[company.{company}]`");
                self.tell(source.clone(), text);
                return None;
            }
            Some(one) if one.app_secret.is_none() => {
                let text = format!(
                    "`alert.to.{name}` sends by the app of `company.{company}`, which has neither `app_secret_file` \
                     nor `app_secret_env`"
                );
                self.tell(source.clone(), text);
                return None;
            }
            Some(_) => {}
        }
        somebody?;
        Some(To::App {
            company,
            agentid: agentid?,
            users,
            parties,
            tags,
        })
    }

    fn or_missing<T>(&mut self, found: Option<T>, name: &str, mentioned: &Source, lacks: &str) -> Option<T> {
        if found.is_none() {
            self.tell(mentioned.clone(), format!("`alert.to.{name}` has {lacks}"));
        }
        found
    }

    /// Chooses a value for every key of a target, and notes who said it.
    fn target_scope(&mut self, name: &str) -> Values {
        let mut values = Values::default();
        for key in KEYS.iter().filter(|key| key.section == Section::Target) {
            let path = key.path(name);
            let chosen = Chosen::among(key, None, self.layers.given(&path));
            self.explain(path, key, &chosen);
            values.insert(key, chosen);
        }
        values
    }
}
