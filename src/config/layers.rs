//! Values as given, each with its layer and its place. The declared order of [`Layer`] is the precedence.
//!
//! Must not know: what the values are for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    check,
    error::Problem,
    keys::{self, KEYS, Key, Kind, Section},
    suggest,
};

/// Who said it; a later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The declared default.
    Default,
    /// The configuration file.
    File,
    /// A variable `SHIGUAN_SECTION__KEY`.
    Environment,
    /// `--set key=value`.
    Flag,
}

/// Where exactly it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nowhere.
    Default,
    /// In the file.
    File {
        /// The file's name.
        name: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In this variable.
    Variable(String),
    /// In `--set` of this key.
    Flag(String),
}

/// A value of one of the three kinds TOML and we have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Switch(bool),
}

/// A value and who said it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) layer: Layer,
    pub(super) source: Source,
}

/// A key found by its path.
pub(super) struct Found {
    pub(super) key: &'static Key,
    /// Of the company, or of the target.
    pub(super) company: Option<String>,
}

/// Everything that was said, and everything that was wrong about it.
#[derive(Default)]
pub(super) struct Layers {
    values: BTreeMap<String, Given>,
    companies: BTreeMap<String, Source>,
    targets: BTreeMap<String, Source>,
    pub(super) problems: Vec<Problem>,
    /// `SHIGUAN_…` variables that no key claims; fine if a `*_env` key names them.
    pub(super) unclaimed: Vec<(String, Problem)>,
}

impl Layer {
    /// The word for screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line, .. } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(key) => write!(f, "--set {key}"),
        }
    }
}

impl Layers {
    /// Notes a value that was found to be of the right kind, or the problem with it.
    pub(super) fn give(&mut self, path: &str, found: &Found, mut given: Given) {
        match &found.company {
            Some(target) if found.key.section == Section::Target => {
                self.mention_target(target, &given.source)
            }
            Some(company) => self.mention(company, &given.source),
            None => {}
        }
        given.value = spelt_one_way(found.key.kind, given.value);
        if let Err(why) = check::value(found.key, &given.value) {
            self.problems
                .push(Problem::at(&given.source, format!("`{path}`: {why}")));
            return;
        }
        // Layers arrive in order, so the later one wins by being written last.
        self.values.insert(path.to_owned(), given);
    }

    /// Notes that a company exists.
    pub(super) fn mention(&mut self, company: &str, source: &Source) {
        if !self.companies.contains_key(company) {
            if let Err(why) = check::company(company) {
                self.problems.push(Problem::at(source, why));
            }
            self.companies.insert(company.to_owned(), source.clone());
        }
    }

    /// Notes that a target of alerts exists.
    pub(super) fn mention_target(&mut self, target: &str, source: &Source) {
        if !self.targets.contains_key(target) {
            if let Err(why) = check::target(target) {
                self.problems.push(Problem::at(source, why));
            }
            self.targets.insert(target.to_owned(), source.clone());
        }
    }

    /// Targets of alerts and where each was first mentioned.
    pub(super) fn targets(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.targets
            .iter()
            .map(|(name, source)| (name.as_str(), source))
            .filter(|(name, _)| check::target(name).is_ok())
    }

    /// Company names and where each was first mentioned.
    pub(super) fn companies(&self) -> impl Iterator<Item = (&str, &Source)> {
        // One with an impossible name was told about when it was met.
        self.companies
            .iter()
            .map(|(name, source)| (name.as_str(), source))
            .filter(|(name, _)| check::company(name).is_ok())
    }

    /// What was said about a path.
    pub(super) fn given(&self, path: &str) -> Option<&Given> {
        self.values.get(path)
    }

    /// Every value that was given, by path.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.values.iter().map(|(path, given)| (path.as_str(), given))
    }

    /// The key of a path such as `pull.limit`, or the sentence that says there is none.
    pub(super) fn find(&self, parts: &[&str]) -> Result<Found, String> {
        let found = match *parts {
            ["company", company, name] => declared(Section::Company, name).map(|key| (key, Some(company))),
            ["company", company, section, name] => section_of(section)
                .and_then(|section| declared(section, name))
                .filter(|key| key.per_company)
                .map(|key| (key, Some(company))),
            ["alert", "to", target, name] => declared(Section::Target, name).map(|key| (key, Some(target))),
            [section, name] => section_of(section)
                .filter(|section| !matches!(section, Section::Company | Section::Target))
                .and_then(|section| declared(section, name))
                .map(|key| (key, None)),
            _ => None,
        };
        match found {
            Some((key, company)) => Ok(Found {
                key,
                company: company.map(str::to_owned),
            }),
            None => Err(match check::forbidden(parts) {
                Some(why) => format!("`{}` {why}", parts.join(".")),
                None => suggest::unknown(parts, &self.paths(parts)),
            }),
        }
    }

    /// Every path that could have been meant.
    fn paths(&self, asked: &[&str]) -> Vec<String> {
        let mut names: BTreeSet<&str> = self.companies.keys().map(String::as_str).collect();
        if let ["company", name, ..] = asked {
            names.insert(name);
        }
        let mut paths = Vec::new();
        for key in KEYS {
            if key.section == Section::Target {
                let asked = match asked {
                    ["alert", "to", name, ..] => Some(*name),
                    _ => None,
                };
                let targets = self.targets.keys().map(String::as_str).chain(asked);
                paths.extend(targets.map(|name| key.path(name)));
                continue;
            }
            if key.section != Section::Company {
                paths.push(key.path(""));
            }
            if key.per_company || key.section == Section::Company {
                paths.extend(names.iter().map(|name| key.company_path(name)));
            }
        }
        paths
    }
}

/// Earlier versions had words of their own for what is now true, false or auto; files with them load for ever. Variables
/// and flags have nothing but words in any case.
fn spelt_one_way(kind: Kind, value: Value) -> Value {
    match (kind, value) {
        (Kind::Auto, Value::Text(word)) => match word.trim() {
            "true" | "yes" => Value::Switch(true),
            "false" | "no" | "off" => Value::Switch(false),
            _ => Value::Text(word),
        },
        (_, value) => value,
    }
}

pub(super) fn section_of(name: &str) -> Option<Section> {
    Section::ALL
        .iter()
        .copied()
        .find(|section| section.as_str() == name)
}

fn declared(section: Section, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

impl Value {
    /// The declared default as a value.
    pub(super) fn of(default: keys::Default) -> Option<Self> {
        match default {
            keys::Default::Text(text) => Some(Self::Text(text.to_owned())),
            keys::Default::Whole(number) => Some(Self::Whole(number)),
            keys::Default::Switch(on) => Some(Self::Switch(on)),
            keys::Default::None => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => number.fmt(f),
            Self::Switch(on) => on.fmt(f),
        }
    }
}
