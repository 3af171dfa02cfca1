//! A signed request to a server of the operator's own: where alerts go that are not for WeCom.
//!
//! The receiver checks `X-Shiguan-Signature: v1=` HMAC-SHA256, hex, over the text of `X-Shiguan-Timestamp` (seconds), a
//! dot, and the body; refuses timestamps that are old; and knows repetitions by `X-Shiguan-Id`.
//!
//! Must not know: what is told.

use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::{Url, header};

use super::{
    error::Error,
    http::{self, Options},
};
use crate::{ids::Millis, secret::Secret};

/// Of an answer nothing but its status is of interest.
const ANSWER: usize = 64 * 1024;

/// A server to send to.
pub struct Hook {
    client: reqwest::Client,
    url: Url,
    key: hmac::Key,
    timeout: Duration,
}

/// Neither the address, whose path may be all that protects it, nor the key.
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hook({})", self.host())
    }
}

impl Hook {
    /// Of `options` the route, the roots, the patience and the name are used.
    pub fn new(url: &str, secret: &Secret, options: &Options) -> Result<Self, Error> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
            .ok_or_else(|| Error::Options("the webhook's url is no address of a server".to_owned()))?;
        Ok(Self {
            client: http::client(options)?,
            url,
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()),
            timeout: options.timeout,
        })
    }

    /// Host and port.
    pub fn host(&self) -> String {
        format!(
            "{}:{}",
            self.url.host_str().unwrap_or_default(),
            self.url.port_or_known_default().unwrap_or_default()
        )
    }

    /// Sends a JSON text once. `id` is the same for a repetition.
    pub async fn post(&self, id: &str, body: String, now: Millis) -> Result<(), Error> {
        let timestamp = now.0.div_euclid(1000).to_string();
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header("X-Shiguan-Id", id)
            .header("X-Shiguan-Signature", self.sign(&timestamp, &body))
            .header("X-Shiguan-Timestamp", timestamp)
            .body(body)
            .timeout(self.timeout);
        let failed = |why: String| Error::Hook {
            host: self.host(),
            why,
        };
        let told = |error: reqwest::Error| {
            failed(if error.is_timeout() {
                "it took too long".to_owned()
            } else {
                http::chain(&error.without_url())
            })
        };
        let mut response = request.send().await.map_err(told)?;
        let status = response.status();
        // Read, so that the connection can serve again; how it ends is of no interest.
        let mut length = 0;
        while let Ok(Some(piece)) = response.chunk().await {
            length += piece.len();
            if length > ANSWER {
                break;
            }
        }
        match status.is_success() {
            true => Ok(()),
            false => Err(failed(format!("HTTP status {}", status.as_u16()))),
        }
    }

    fn sign(&self, timestamp: &str, body: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{timestamp}.{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("v1={hex}")
    }
}
