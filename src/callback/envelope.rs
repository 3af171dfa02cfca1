//! The body of a POST: who is called, and the encrypted text (msgaudit-api §4.1).
//!
//! XML as documented, or JSON as a few products send it, told apart by the first character. Nothing in here is
//! trusted but the encrypted text, and that only after its signature was checked.
//!
//! Must not know: keys, HTTP.

use super::tree::{Element, TreeError};

/// Bytes of a body at most; the largest event known (a tag given to thousands of members) is a tenth of it.
pub const LARGEST: usize = 1024 * 1024;

/// Why a body is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than [`LARGEST`].
    #[error("the body is larger than a callback ever is")]
    Large,
    /// Neither XML nor JSON as callbacks use them.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No `Encrypt`, an empty one, or more than one.
    #[error("the body does not hold exactly one encrypted text")]
    Encrypt,
}

/// A body, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `ToUserName`, the corpid; not signed, so for diagnosis only.
    pub to: Option<String>,
    /// `AgentID`; absent or empty for the archive's own callbacks.
    pub agent: Option<String>,
    /// `Encrypt`, base64.
    pub encrypted: String,
}

impl Envelope {
    /// Reads a body of any origin; order of elements, CDATA or plain, and unknown elements do not matter.
    pub fn read(body: &[u8]) -> Result<Self, EnvelopeError> {
        if body.len() > LARGEST {
            return Err(EnvelopeError::Large);
        }
        let root = Element::read(body)?;
        let mut encrypted = root
            .children
            .iter()
            .filter(|child| child.name.eq_ignore_ascii_case("Encrypt"));
        let given = |name| {
            root.text_of(name)
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        match (encrypted.next(), encrypted.next()) {
            (Some(one), None) if !one.text.trim().is_empty() => Ok(Self {
                to: given("ToUserName"),
                agent: given("AgentID"),
                encrypted: one.text.trim().to_owned(),
            }),
            _ => Err(EnvelopeError::Encrypt),
        }
    }
}
