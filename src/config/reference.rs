//! The reference table for people, made from the declared list.

use std::fmt::Write;

use super::{
    check,
    keys::{Default, KEYS, Section},
    template::sample,
    words::variable,
};

const HEAD: &str = "\
# Configuration

This page is made from the program's own list of keys; a test keeps it so.

One TOML file, written by `shiguan init`. A value comes from the last of these that says something: the default,
the file, a variable, a flag (`--set key=value`). Where a company may say otherwise, the layer decides first, and
within a layer the company's own value wins. An empty text takes back what a lower layer said. A key that is not
listed here is an error. Paths are relative to the folder of the file, whoever gives them. Secrets never stand in
the file: a key ending in `_file` names an owner-only file, a key ending in `_env` names an environment variable.

A variable is `SHIGUAN_` and the path in capitals, its parts joined by two underscores and each `-` written `_`:
`pull.limit` is `SHIGUAN_PULL__LIMIT`, `company.acme.proxy` is `SHIGUAN_COMPANY__ACME__PROXY`. The variables
`SHIGUAN_CONFIG`, `SHIGUAN_LOG`, `SHIGUAN_MOCK_CORPUS`, `SHIGUAN_OFFICIAL_SDK` and `SHIGUAN_TEST_CLOCK` are no keys.
";

/// The page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for &section in Section::ALL {
        let table = match section {
            Section::Company => "company.NAME",
            Section::Target => "alert.to.NAME",
            other => other.as_str(),
        };
        let _ = write!(page, "\n## `[{table}]`\n\n{}\n\n", section.meaning());
        page.push_str("| key | expected | default | variable | meaning |\n| --- | --- | --- | --- | --- |\n");
        for key in KEYS.iter().filter(|key| key.section == section) {
            let default = match key.default {
                Default::None => String::new(),
                _ => format!("`{}`", sample(key, "NAME")),
            };
            let own = if key.per_company {
                format!(" Per company: `{}`.", key.company_path("NAME"))
            } else {
                String::new()
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {default} | `{}` | {}{own} |",
                key.path("NAME"),
                check::expected(key).replace('|', "\\|"),
                variable(&key.path("NAME")),
                key.meaning.replace('|', "\\|"),
            );
        }
    }
    page
}
