//! What can go wrong with a key or with one record. No message carries key or plaintext.

/// Why a private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a DER document of the expected kind.
    #[error("the key is not {expected}: check that it is unencrypted DER and not PEM text")]
    Encoding {
        /// The document that was expected.
        expected: &'static str,
    },
    /// The numbers do not belong together.
    #[error("the key's numbers contradict each other ({what}): export it again from where it was made")]
    Inconsistent {
        /// Which relation does not hold.
        what: &'static str,
    },
    /// No implementation here takes this key.
    #[error("no implementation on this machine takes this key of {bits} bits: use 2048, 3072 or 4096 bits")]
    Unsupported {
        /// Length of the modulus.
        bits: usize,
    },
}

/// Why one record did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The ciphertext is not as long as the modulus.
    #[error(
        "the ciphertext has {found} bytes where this key needs {expected}: it was made for another key or cut"
    )]
    Length {
        /// Bytes of the modulus.
        expected: usize,
        /// Bytes of the ciphertext.
        found: usize,
    },
    /// The ciphertext is a number not below the modulus.
    #[error("the ciphertext is not below the modulus: it was made for another key or altered")]
    Range,
    /// The padding is wrong. Nothing says which part of it.
    #[error("the padding is wrong: the record was made for another key or altered")]
    Padding,
    /// The result failed its check with the public exponent, so it is kept back.
    #[error("the result failed its check: try again, and if it stays, distrust the key file or this machine")]
    Fault,
}
