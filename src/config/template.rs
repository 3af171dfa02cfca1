//! The commented file that `shiguan init` writes, made from the declared list.
//!
//! Every key is there, with its default behind a `#`: what is not said follows the program's defaults also
//! after an update, and what can be said is in front of the operator.
//!
//! Must not know: where the file goes.

use std::fmt::Write;

use super::keys::{Default, KEYS, Key, Kind, Section};

/// What is known when the file is written.
#[derive(Debug, Clone, std::default::Default)]
pub struct TemplateOptions {
    /// A company to write ready to run; without it an example stands there in comments.
    pub company: Option<CompanyTemplate>,
    /// `archive.folder`, when it is not the default.
    pub folder: Option<String>,
}

/// A company as far as it is known. Texts are written as they are given; paths may be relative.
#[derive(Debug, Clone, std::default::Default)]
pub struct CompanyTemplate {
    /// Its name in the file.
    pub name: String,
    /// `corpid`
    pub corpid: String,
    /// `secret_file`
    pub secret_file: Option<String>,
    /// `keys`
    pub keys: Option<String>,
    /// `mock_corpus`
    pub mock_corpus: Option<String>,
    /// `library` in `[company.NAME.sdk]`
    pub library: Option<String>,
}

impl CompanyTemplate {
    fn value(&self, name: &str) -> Option<&str> {
        match name {
            "corpid" => Some(&self.corpid),
            "secret_file" => self.secret_file.as_deref(),
            "keys" => self.keys.as_deref(),
            "mock_corpus" => self.mock_corpus.as_deref(),
            _ => None,
        }
    }
}

const HEAD: &str = "\
# Configuration of Shiguan (史官).
#
# A line behind `#` shows the default, or an example where there is none; take the `#` away to change it.
# Paths are relative to the folder of this file. Secrets do not belong here: name a file or a variable.
#
# Each key can also be given as a variable, SHIGUAN_PULL__LIMIT=500, or as a flag, --set pull.limit=500;
# a flag wins over a variable, a variable over this file, this file over the defaults.
";

/// The file.
pub fn template(options: &TemplateOptions) -> String {
    let mut file = HEAD.to_owned();
    for &section in Section::ALL {
        if section == Section::Company {
            company(&mut file, options.company.as_ref());
            continue;
        }
        if section == Section::Target {
            heading(&mut file, section.meaning());
            line(&mut file, "# [alert.to.duty]");
            for key in KEYS.iter().filter(|key| key.section == section) {
                entry(&mut file, key, None, "duty");
            }
            continue;
        }
        heading(&mut file, section.meaning());
        line(&mut file, &format!("[{}]", section.as_str()));
        for key in KEYS.iter().filter(|key| key.section == section) {
            let given = options
                .folder
                .as_deref()
                .filter(|_| key.path("") == "archive.folder");
            entry(&mut file, key, given, "");
        }
    }
    file
}

fn company(file: &mut String, given: Option<&CompanyTemplate>) {
    let name = given.map_or("acme", |company| &company.name);
    heading(file, Section::Company.meaning());
    line(
        file,
        &format!("{}[company.{name}]", if given.is_some() { "" } else { "# " }),
    );
    for key in KEYS.iter().filter(|key| key.section == Section::Company) {
        entry(file, key, given.and_then(|company| company.value(key.name)), name);
    }
    let library = given.and_then(|company| company.library.as_deref());
    for (section, value) in [
        ("pull", None),
        ("sdk", library),
        ("api", None),
        ("directory", None),
        ("consent", None),
    ] {
        let mark = if value.is_some() { "" } else { "# " };
        line(file, "");
        line(file, &format!("{mark}[company.{name}.{section}]"));
        for key in KEYS
            .iter()
            .filter(|key| key.per_company && key.section.as_str() == section)
        {
            // What is given is the library; the other keys of its table stay examples.
            match value.filter(|_| key.name == "library") {
                Some(given) => line(file, &format!("{} = {}", key.name, quoted(given))),
                None => line(file, &format!("# {} = {}", key.name, sample(key, name))),
            }
        }
    }
}

fn entry(file: &mut String, key: &Key, given: Option<&str>, company: &str) {
    line(file, "");
    for text in wrap(&about(key), 98) {
        line(file, &format!("# {text}"));
    }
    match given {
        Some(value) => line(file, &format!("{} = {}", key.name, quoted(value))),
        None => line(file, &format!("# {} = {}", key.name, sample(key, company))),
    }
}

fn about(key: &Key) -> String {
    match key.kind {
        Kind::Auto => format!("{} One of: true, false, \"auto\".", key.meaning),
        Kind::OneOf(words) => format!("{} One of: {}.", key.meaning, words.join(", ")),
        Kind::Whole { min, max } if key.unit.is_empty() => format!("{} From {min} to {max}.", key.meaning),
        Kind::Whole { min, max } => format!("{} In {}, {min} to {max}.", key.meaning, key.unit),
        _ => key.meaning.to_owned(),
    }
}

fn heading(file: &mut String, text: &str) {
    line(file, "");
    line(file, "");
    for text in wrap(text, 98) {
        line(file, &format!("# {text}"));
    }
}

fn line(file: &mut String, text: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(file, "{text}");
}

/// The default, or the example, as TOML.
pub(super) fn sample(key: &Key, company: &str) -> String {
    match key.default {
        Default::Text(text) => quoted(text),
        Default::Whole(number) => number.to_string(),
        Default::Switch(on) => on.to_string(),
        Default::None if key.kind == Kind::Recipients => format!("[{}]", quoted(key.example)),
        Default::None => quoted(&key.example.replace("NAME", company)),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
