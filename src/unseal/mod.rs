//! Opens the message key of a sealed record with the company's private key (finance-sdk §6, design §4).
//!
//! Why a room of its own: this is the hot loop and the only place that ever holds a private key.
//! Enters: PEM files, and `encrypt_random_key` texts with their version. Leaves: message keys as
//! [`Secret`](crate::secret::Secret), or a [`Waiting`](crate::record::Waiting) with its reason.
//! Plain synchronous code; the only I/O is `keyring::folder`, which reads and writes key files.
//!
//! Must not know: JSON, SQL, clocks, async, the SDK, or the configuration.

pub mod batch;
mod error;
pub mod keyring;
pub mod rsa;

pub use self::{
    batch::{OpenRing, SealedKey, open_keys},
    error::{KeyError, KeyFault},
    keyring::{Fingerprint, KeyInfo, KeyRing, PrivateKey, Stray},
    rsa::{Implementation, OpenFault, Plain, RsaEngine, RsaOpener},
};
