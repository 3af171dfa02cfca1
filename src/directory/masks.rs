//! Names behind which secrets travel, and how a text is freed of them (promise 9, token-and-errors §1.3 rule 9).
//!
//! Must not know: calls.

use serde_json::Value;

use crate::secret::Secret;

/// Secret wherever they stand.
const ANYWHERE: [&str; 18] = [
    "access_token",
    "suite_access_token",
    "provider_access_token",
    "component_access_token",
    "corpsecret",
    "secret",
    "suite_secret",
    "provider_secret",
    "suite_ticket",
    "permanent_code",
    "ticket",
    "token",
    "encodingaeskey",
    "session_key",
    "user_ticket",
    "welcome_code",
    "js_code",
    "refresh_token",
];

/// Secret as parameters of a call; deeper they are names of something else.
const AT_THE_TOP: [&str; 2] = ["key", "code"];

/// What stands where a secret stood.
const MASK: &str = "***";

/// The value, with every secret in it covered.
pub fn masked(value: &Value) -> Value {
    let mut masked = value.clone();
    visit(&mut masked, true, &mut |text| *text = Value::from(MASK));
    masked
}

/// The secrets in a value.
pub(super) fn secrets(value: &Value) -> Vec<Secret> {
    let mut found = Vec::new();
    visit(&mut value.clone(), true, &mut |value| {
        if let Value::String(text) = value {
            found.push(Secret::new(std::mem::take(text)));
        }
    });
    found
}

fn visit(value: &mut Value, top: bool, with: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let lower = name.to_ascii_lowercase();
                let secret =
                    ANYWHERE.contains(&lower.as_str()) || (top && AT_THE_TOP.contains(&lower.as_str()));
                match value {
                    // Numbers under such a name could be a secret that lost its quotes.
                    Value::String(_) | Value::Number(_) if secret => with(value),
                    other => visit(other, false, with),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, false, with)),
        _ => {}
    }
}

/// The text without any of the secrets, as they are or as an address spells them.
pub(super) fn scrub(text: &str, secrets: &[Secret]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets {
        // Shorter ones would tear holes into any text.
        if secret.expose().len() < 4 {
            continue;
        }
        clean = clean.replace(secret.expose(), MASK);
        let spelt: String = reqwest::Url::parse_with_params("x:/", [("", secret.expose())])
            .map(|address| {
                address
                    .query()
                    .unwrap_or_default()
                    .trim_start_matches('=')
                    .to_owned()
            })
            .unwrap_or_default();
        if spelt.len() >= 4 {
            clean = clean.replace(&spelt, MASK);
        }
    }
    clean
}
