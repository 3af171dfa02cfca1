//! The signature that pages inside WeCom need (wecom-api §5.3), and tickets that can be replaced.
//!
//! Must not know: the pages; where tickets come from.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::digest;

use crate::secret::Secret;

/// `signature` of `wx.config` and `agentConfig`: SHA-1 of the four in this order, nothing encoded, the address without
/// what follows `#`.
pub fn page_signature(ticket: &Secret, nonce: &str, timestamp: i64, url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let text = zeroize::Zeroizing::new(format!(
        "jsapi_ticket={}&noncestr={nonce}&timestamp={timestamp}&url={url}",
        ticket.expose()
    ));
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ticket of a suite, which the platform replaces about every ten minutes; clones share it.
#[derive(Clone, Default)]
pub struct SuiteTicket(Arc<RwLock<Secret>>);

impl SuiteTicket {
    /// The last that was pushed.
    pub fn new(ticket: Secret) -> Self {
        Self(Arc::new(RwLock::new(ticket)))
    }

    /// A newer one came; tokens fetched from now on use it.
    pub fn replace(&self, ticket: Secret) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ticket;
    }

    /// The one in force.
    pub fn current(&self) -> Secret {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for SuiteTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SuiteTicket(***)")
    }
}

impl From<Secret> for SuiteTicket {
    fn from(ticket: Secret) -> Self {
        Self::new(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_and_what_does_not_count() {
        let vector: serde_json::Value = serde_json::from_slice(include_bytes!(
            "../../tests/golden/api/js-ticket/signature-vector.json"
        ))
        .unwrap();
        let text = |name: &str| vector[name].as_str().unwrap();
        let ticket = Secret::new(text("jsapi_ticket"));
        let time = vector["timestamp"].as_i64().unwrap();
        let sign = |url: &str| page_signature(&ticket, text("noncestr"), time, url);
        assert_eq!(sign(text("url")), text("signature"));
        assert_eq!(sign(&format!("{}#anchor", text("url"))), text("signature"));
        assert_ne!(sign(&format!("{}/", text("url"))), text("signature"));
    }
}
