//! What vendor code prints, made fit for a log: short, in plain ASCII, without anything that could be a secret or a
//! piece of a message (promise 9).
//!
//! Enters: a child's standard error (its standard output goes there, too). Leaves: `tracing` events.
//! Must not know: what the lines mean.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Options;
use crate::secret::Secret;

/// Bytes of a line that are looked at.
const LINE: usize = 1024;
/// Characters of a line that are shown.
const SHOWN: usize = 200;
/// Lines per child that are shown; a chatty library must not fill the disk.
const LINES: usize = 100;
/// A run of base64-like characters this long could be a key, a secret or a file id.
const RUN: usize = 16;

/// The texts that are masked wherever they turn up.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask(Vec<Secret>);

impl Mask {
    pub(super) fn of(options: &Options) -> Self {
        let passwd = options.route.passwd.expose();
        let mut texts = vec![
            options.secret.expose().to_owned(),
            passwd.to_owned(),
            STANDARD.encode(passwd),
        ];
        texts.extend(passwd.split_once(':').map(|(_, password)| password.to_owned()));
        // Credentials may also stand in the proxy's address (finance-sdk §8).
        let address = options
            .route
            .proxy
            .split_once("://")
            .map_or(&*options.route.proxy, |(_, rest)| rest);
        texts.extend(address.rsplit_once('@').map(|(user, _)| user.to_owned()));
        texts.retain(|text| text.len() >= 4);
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(texts.into_iter().map(Secret::new).collect())
    }

    /// One line as it may be shown: known secrets and long runs masked, quoted text and everything from the first
    /// brace on left out (it could be a message), nothing but printable ASCII.
    pub(super) fn line(&self, line: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(&line[..line.len().min(LINE)]).into_owned();
        for secret in &self.0 {
            text = text.replace(secret.expose(), "***");
        }
        let mut shown = String::new();
        let mut rest = text.trim_end();
        while let Some(first) = rest.chars().next() {
            let run = rest.find(|c: char| !is_code(c)).unwrap_or(rest.len());
            if run >= RUN {
                shown.push_str(&format!("***({run})"));
                rest = &rest[run..];
            } else if run > 0 {
                shown.push_str(&rest[..run]);
                rest = &rest[run..];
            } else if first == '{' {
                shown.push_str("{…");
                break;
            } else if first == '"' {
                shown.push_str("\"…\"");
                rest = rest[1..].split_once('"').map_or("", |(_, after)| after);
            } else if first.is_ascii_graphic() || first == ' ' {
                shown.push(first);
                rest = &rest[1..];
            } else {
                shown.push('…');
                rest = rest.trim_start_matches(|c: char| !(c.is_ascii_graphic() || c == ' '));
            }
        }
        match shown.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &shown[..end]),
            None => shown,
        }
    }
}

/// `errmsg` of WeCom as it may be shown; quotes and braces in it are WeCom's, not a message's.
pub(super) fn remark(text: &str) -> String {
    let plain: String = text
        .chars()
        .take(SHOWN)
        .map(|c| {
            if c.is_control() || c == '"' || c == '{' {
                ' '
            } else {
                c
            }
        })
        .collect();
    let mut words = Vec::new();
    for word in plain.split_whitespace() {
        // Long runs are masked here as well: an access token or secret may be quoted back.
        let mut longest = 0;
        let mut run = 0;
        for c in word.chars() {
            run = if c.is_ascii_alphanumeric() || "+/_-".contains(c) {
                run + 1
            } else {
                0
            };
            longest = longest.max(run);
        }
        words.push(if longest >= 2 * RUN {
            format!("***({})", word.len())
        } else {
            word.to_owned()
        });
    }
    words.join(" ")
}

fn is_code(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-')
}

/// Reads until the child's end and tells `tracing` line by line.
pub(super) async fn relay(mut from: impl AsyncRead + Unpin, mask: Mask, child: u32) {
    let (mut line, mut told) = (Vec::with_capacity(LINE), 0);
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        for byte in &bytes[..n] {
            match byte {
                b'\n' => {
                    tell(&mask, child, &line, &mut told);
                    line.clear();
                }
                _ if line.len() < LINE => line.push(*byte),
                _ => {}
            }
        }
    }
    tell(&mask, child, &line, &mut told);
}

fn tell(mask: &Mask, child: u32, line: &[u8], told: &mut usize) {
    if line.is_empty() || *told > LINES {
        return;
    }
    *told += 1;
    if *told > LINES {
        tracing::info!(target: "shiguan::sdk", child, "the SDK prints more than {LINES} lines; the rest is left out");
    } else {
        tracing::info!(target: "shiguan::sdk", child, "SDK says: {}", mask.line(line));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask() -> Mask {
        let mut options = Options::new("p".into(), "l".into(), "ww1", Secret::new("s3cr-et"));
        options.route.passwd = Secret::new("robot:pa55word");
        options.route.proxy = "http://me:hidden@proxy:1".into();
        Mask::of(&options)
    }

    #[test]
    fn useful_lines_stay_readable() {
        for line in [
            "Get chatdata whiteip not match",
            "terminate called after throwing an instance of 'std::out_of_range'",
            "curl 28: timed out after 5000 ms",
        ] {
            assert_eq!(mask().line(line.as_bytes()), line);
        }
    }

    #[test]
    fn secrets_keys_and_messages_are_left_out() {
        for (line, shown) in [
            ("secret s3cr-et used", "secret *** used"),
            ("auth robot:pa55word", "auth ***"),
            ("login pa55word!", "login ***!"),
            ("Basic cm9ib3Q6cGE1NXdvcmQ=", "Basic ***"),
            ("via me:hidden@proxy", "via ***@proxy"),
            ("key QUJDREVGR0hJSktMTU5PUA== bad", "key ***(24) bad"),
            ("got {\"content\":\"hello\"} back", "got {…"),
            ("text \"hello there\" ok", "text \"…\" ok"),
            ("text \"hello there", "text \"…\""),
            ("正文 hello", "… hello"),
            ("a\u{1b}[31mred", "a…[31mred"),
        ] {
            assert_eq!(mask().line(line.as_bytes()), shown, "{line}");
        }
    }

    #[test]
    fn a_remark_of_wecom_keeps_its_address_and_loses_a_token() {
        let said = "not allow to access from your ip, from ip: 203.0.113.9, token: 0123456789abcdef0123456789abcdef0123";
        assert_eq!(
            remark(said),
            "not allow to access from your ip, from ip: 203.0.113.9, token: ***(36)"
        );
    }

    proptest! {
        #[test]
        fn no_long_run_and_no_control_character_gets_through(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let shown = mask().line(&bytes);
            prop_assert!(shown.chars().count() <= SHOWN + 1);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.split(|c| !is_code(c)).all(|run| run.len() < RUN));
        }
    }
}
