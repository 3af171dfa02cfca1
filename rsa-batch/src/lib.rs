//! RSA PKCS#1 v1.5 decryption under one private key, many records at a time.
//!
//! ```text
//! ciphertexts ──► range check ──► 8 per vector: powers mod p and q, joined, checked with e ──► padding off ──► messages
//!                          └────► the last one or two: aws-lc-rs
//! ```
//! Enters: one private key and ciphertexts; leaves: messages in the same order, or one error each. It knows nothing of
//! where the records come from and keeps none of them.
//!
//! Constant time: no branch and no memory address depends on key, ciphertext or plaintext, so there is no blinding, which
//! would only hide what a variable-time implementation gives away. What is visible to the caller, and therefore to
//! whoever watches it, is the answer itself: whether the padding held, and the message's length. Do not let a remote
//! party who chooses ciphertexts see either of the two (Bleichenbacher 1998).

#[cfg(not(target_pointer_width = "64"))]
compile_error!("rsa-batch counts in 64-bit words");

mod error;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod key;
mod limbs;
mod opener;
mod padding;
mod portable;

pub use error::{KeyError, OpenError};
pub use key::{Components, PrivateKey};
pub use opener::{Backend, Opened, Opener};
