//! Is a value one that its key can have? Each answer says what was found and what is expected.
//!
//! A text is repeated in an answer only where it cannot be a secret: never for a free text or a proxy.

use jiff::tz::TimeZone;

use super::{
    cron::Cron,
    keys::{Key, Kind},
    layers::Value,
    shape, suggest,
};

/// The word of [`Kind::Auto`].
pub(super) const AUTO: &str = "auto";

/// Checks kind and bounds.
pub(super) fn value(key: &Key, value: &Value) -> Result<(), String> {
    match (key.kind, value) {
        (Kind::Whole { min, max }, Value::Whole(number)) if (min..=max).contains(number) => Ok(()),
        (Kind::Whole { .. }, Value::Whole(number)) => {
            Err(format!("{number} is out of bounds, expected {}", expected(key)))
        }
        (Kind::Switch | Kind::Auto, Value::Switch(_)) => Ok(()),
        (Kind::Whole { .. } | Kind::Switch, _) | (_, Value::Whole(_) | Value::Switch(_)) => {
            Err(format!("found {}, expected {}", value.kind(), expected(key)))
        }
        (kind, Value::Text(text)) => self::text(key, kind, text),
    }
}

/// What a key expects, for messages and the reference.
pub(super) fn expected(key: &Key) -> String {
    match key.kind {
        Kind::Text => "a text".to_owned(),
        Kind::Path => "a path as a text".to_owned(),
        Kind::Whole { min, max } if key.unit.is_empty() => format!("a whole number from {min} to {max}"),
        Kind::Whole { min, max } => format!("a whole number of {} from {min} to {max}", key.unit),
        Kind::Switch => "true or false".to_owned(),
        Kind::Auto => "true, false or \"auto\"".to_owned(),
        Kind::OneOf(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            match words.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => words.concat(),
            }
        }
        Kind::Zone => "a time zone such as \"Asia/Shanghai\"".to_owned(),
        Kind::Cron => "five cron fields such as \"*/5 * * * *\"".to_owned(),
        Kind::Proxy => "a proxy such as \"http://host:3128\" or \"socks5://host:1080\"".to_owned(),
        Kind::Address => "an address such as \"https://gateway.example\"".to_owned(),
        Kind::Digest => "a SHA-256 of 64 hexadecimal digits".to_owned(),
        Kind::Recipients => "public keys of age such as [\"age1…\", \"age1…\"]".to_owned(),
        Kind::Variable => "the name of an environment variable".to_owned(),
        Kind::Socket => "an IP address and a port such as \"127.0.0.1:8090\"".to_owned(),
    }
}

fn text(key: &Key, kind: Kind, text: &str) -> Result<(), String> {
    // Empty takes back what a lower layer said; a key with a default has nothing to take back.
    if text.is_empty() {
        return match key.default {
            super::keys::Default::None => Ok(()),
            _ => Err(format!("is empty, expected {}", expected(key))),
        };
    }
    // What stands around a corpid is taken off, line ends as well.
    let judged = if key.name == "corpid" {
        shape::trimmed(text)
    } else {
        text
    };
    if judged.chars().any(char::is_control) {
        return Err(format!("holds a control character, expected {}", expected(key)));
    }
    match kind {
        Kind::OneOf(words) if !words.contains(&text) => {
            Err(match suggest::nearest(text, words.iter().copied()) {
                Some(near) => format!(
                    "\"{text}\" is not known; did you mean \"{near}\"? Expected {}",
                    expected(key)
                ),
                None => format!("\"{text}\" is not known, expected {}", expected(key)),
            })
        }
        Kind::Auto if text != AUTO => Err(format!("\"{text}\" is not known, expected {}", expected(key))),
        Kind::Zone if TimeZone::get(text).is_err() => Err(format!(
            "\"{text}\" is not in the time zone database, expected {}",
            expected(key)
        )),
        // The zone does not matter for the grammar.
        Kind::Cron => Cron::parse(text, "UTC").map(drop),
        Kind::Path if text.starts_with("~/") || text == "~" => {
            Err("`~` is for shells and is not expanded here; write the whole path".to_owned())
        }
        Kind::Digest if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Err(format!("is none, expected {}", expected(key)))
        }
        Kind::Recipients => recipients(text),
        Kind::Proxy => proxy(text),
        Kind::Socket if text.parse::<std::net::SocketAddr>().is_err() => {
            Err(format!("\"{text}\" is none, expected {}", expected(key)))
        }
        Kind::Address => address(text),
        Kind::Variable if !is_variable(text) => Err(
            "is not the name of an environment variable (letters, digits and `_`); the secret itself \
                 does not belong here"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Schemes and form of finance-sdk §8. Credentials in the address would win over the separate ones and
/// would stand in a file that others may read.
fn proxy(text: &str) -> Result<(), String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !["http", "https", "socks5", "socks5h"].contains(&scheme) {
        return Err("the scheme is not known, expected http, https, socks5 or socks5h".to_owned());
    }
    if rest.contains('@') {
        return Err(
            "holds credentials; put them into `proxy_credentials_file` or `proxy_credentials_env` \
                    and leave only host and port here"
                .to_owned(),
        );
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let port = authority
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(1..)) => Ok(()),
        _ => Err("has no host and port, expected a proxy such as \"http://host:3128\"".to_owned()),
    }
}

/// What is no public key is not repeated: it may be a private one.
fn recipients(text: &str) -> Result<(), String> {
    for (at, word) in text.split_whitespace().enumerate() {
        if word.len() > 14 && word[..word.floor_char_boundary(14)].eq_ignore_ascii_case("AGE-SECRET-KEY") {
            return Err(format!(
                "number {} is an identity, a private key, which does not belong here; its public half begins with age1 \
                 (`age-keygen -y FILE`)",
                at + 1
            ));
        }
        if word.parse::<age::x25519::Recipient>().is_err() {
            return Err(format!(
                "number {} is no age recipient: it begins with age1 and has 62 characters (`age-keygen` makes one; keys of SSH \
                 and of plugins are not supported)",
                at + 1
            ));
        }
    }
    Ok(())
}

/// Scheme and host, perhaps a port and a path. Parameters and credentials could be secrets, and have no place here.
fn address(text: &str) -> Result<(), String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or("does not begin with https:// or http://, expected an address such as \"https://gateway.example\"")?;
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() || rest.contains(['@', '?', '#', ' ']) {
        return Err(
            "is more or less than scheme, host, port and path, expected an address such as \
                    \"https://gateway.example\""
                .to_owned(),
        );
    }
    Ok(())
}

fn is_variable(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Company names become parts of variables and of folder names, and `-` and `_` are one in a variable.
pub(super) fn company(name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    Err(format!(
        "`company.{name}`: a company's name is made of a-z, 0-9 and single `-` or `_` between them; the \
         company's real name needs no place here"
    ))
}

/// The same for targets of alerts.
pub(super) fn target(name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    Err(format!(
        "`alert.to.{name}`: a target's name is made of a-z, 0-9 and single `-` or `_` between them"
    ))
}

fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let joint = |byte: u8| byte == b'-' || byte == b'_';
    let bytes = name.as_bytes();
    let ends_fine = bytes.first().is_some_and(|b| fine(*b)) && bytes.last().is_some_and(|b| fine(*b));
    let no_double = !bytes.windows(2).any(|pair| joint(pair[0]) && joint(pair[1]));
    ends_fine && no_double && bytes.iter().all(|byte| fine(*byte) || joint(*byte))
}

/// Keys that somebody will try, and that must not be: a secret in the file.
pub(super) fn forbidden(parts: &[&str]) -> Option<&'static str> {
    if let ["alert", "to", _, "key" | "secret" | "token" | "webhook"] = parts {
        return Some(
            "is refused: a secret does not belong into the configuration; put it into a file of mode 600 and name that \
             in `key_file` or `secret_file`, or name a variable in `key_env` or `secret_env`",
        );
    }
    let ["company", .., name] = parts else { return None };
    match *name {
        "secret" | "corpsecret" | "secret_key" => Some(
            "is refused: a secret does not belong into the configuration, which is copied and shown around; \
             put it into a file of mode 600 and name that in `secret_file`, or name a variable in `secret_env`",
        ),
        "app_secret" | "contact_secret" => Some(
            "is refused: a secret does not belong into the configuration, which is copied and shown around; \
             put it into a file of mode 600 and name that in `app_secret_file` or `contact_secret_file`",
        ),
        "key_passphrase" | "passphrase" => Some(
            "is refused: a passphrase does not belong into the configuration; put it into a file of mode 600 \
             and name that in `key_passphrase_file`, or name a variable in `key_passphrase_env`",
        ),
        "callback_token" | "callback_aes_key" | "encoding_aes_key" | "token" | "aes_key" => Some(
            "is refused: a secret does not belong into the configuration; put it into a file of mode 600 and name \
             that in `callback_token_file` or `callback_aes_key_file`, or name a variable in `callback_token_env` \
             or `callback_aes_key_env`",
        ),
        "private_key" | "key" => Some(
            "is refused: a private key does not belong into the configuration; put it into the folder that \
             `keys` names: shiguan keys add",
        ),
        "proxy_credentials" | "proxy_password" | "proxy_passwd" | "passwd" | "password" => Some(
            "is refused: credentials do not belong into the configuration; put `user:password` into a file of \
             mode 600 and name that in `proxy_credentials_file`, or name a variable in `proxy_credentials_env`",
        ),
        _ => None,
    }
}

impl Value {
    /// The kind in a word.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Switch(_) => "true or false",
        }
    }
}
