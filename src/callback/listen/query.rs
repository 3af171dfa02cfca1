//! The parameters of a request, decoded exactly once (msgaudit-api §4.1).

/// What stands in the query. Others than these four may be part of the configured URL and are not looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) signature: Option<String>,
    pub(super) timestamp: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) echo: Option<String>,
}

impl Query {
    /// Nothing when a parameter comes twice or is not text: such a request is nobody's.
    pub(super) fn read(query: &str) -> Option<Self> {
        let mut read = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "msg_signature" => &mut read.signature,
                "timestamp" => &mut read.timestamp,
                "nonce" => &mut read.nonce,
                "echostr" => &mut read.echo,
                _ => continue,
            };
            if slot.replace(decode(value)?).is_some() {
                return None;
            }
        }
        // Base64 holds no space: what is one now was a `+` before somebody on the way decoded it.
        read.echo = read.echo.map(|echo| echo.replace(' ', "+"));
        Some(read)
    }
}

/// `%41` to `A`; `+` stays what it is, since base64 comes with unescaped ones.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_survives_in_each_form_that_it_arrives_in() {
        for form in ["a%2Bb%2Fc%3D", "a+b/c=", "a%20b/c="] {
            let query = Query::read(&format!("x=1&echostr={form}")).unwrap();
            assert_eq!(query.echo.as_deref(), Some("a+b/c="), "{form}");
        }
    }

    #[test]
    fn decoding_happens_once() {
        assert_eq!(Query::read("nonce=%2541").unwrap().nonce.as_deref(), Some("%41"));
    }

    #[test]
    fn broken_escapes_and_repeated_parameters_are_refused() {
        for query in ["nonce=%", "nonce=%4", "nonce=%zz", "nonce=%ff", "nonce=1&nonce=2"] {
            assert_eq!(Query::read(query), None, "{query}");
        }
        assert_eq!(
            Query::read("own=1&own=2&nonce=3").unwrap().nonce.as_deref(),
            Some("3")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in ".{0,200}") {
            let _either = Query::read(&query);
        }

        #[test]
        fn what_was_escaped_comes_back(nonce in "\\PC{0,40}") {
            let escaped: String = nonce.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let query = Query::read(&format!("nonce={escaped}")).unwrap();
            proptest::prop_assert_eq!(query.nonce.unwrap(), nonce);
        }
    }
}
