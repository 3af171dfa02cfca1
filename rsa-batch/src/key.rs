//! A private key as eight big-endian numbers: read, checked, written; nothing prepared yet.

use crate::KeyError;
use crate::limbs;
use pkcs8::der::{Decode, Encode, asn1::UintRef};
use zeroize::Zeroizing;

type Number = Zeroizing<Vec<u8>>;

/// An RSA private key with two primes. Prints nothing of itself and is zeroed when dropped.
#[derive(Clone)]
pub struct PrivateKey {
    n: Number,
    e: Number,
    d: Number,
    p: Number,
    q: Number,
    dp: Number,
    dq: Number,
    q_inverse: Number,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey")
            .field("bits", &self.bits())
            .finish_non_exhaustive()
    }
}

/// The numbers of a private key, big-endian, with or without leading zeros (RFC 8017 §3.2).
#[derive(Clone, Copy)]
pub struct Components<'a> {
    /// Modulus, `p·q`.
    pub n: &'a [u8],
    /// Public exponent.
    pub e: &'a [u8],
    /// Private exponent; kept for writing the key, not used for opening.
    pub d: &'a [u8],
    /// First prime.
    pub p: &'a [u8],
    /// Second prime.
    pub q: &'a [u8],
    /// `d mod (p - 1)`.
    pub dp: &'a [u8],
    /// `d mod (q - 1)`.
    pub dq: &'a [u8],
    /// `q⁻¹ mod p`.
    pub q_inverse: &'a [u8],
}

fn stripped(bytes: &[u8]) -> Number {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Zeroizing::new(bytes[zeros..].to_vec())
}

impl PrivateKey {
    /// Reads an unencrypted PKCS#8 `PrivateKeyInfo`.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let wrong = KeyError::Encoding {
            expected: "a PKCS#8 RSA private key",
        };
        let info = pkcs8::PrivateKeyInfo::from_der(der).map_err(|_| wrong)?;
        if info.algorithm.oid != pkcs1::ALGORITHM_OID {
            return Err(wrong);
        }
        Self::from_pkcs1_der(info.private_key)
    }

    /// Reads a PKCS#1 `RSAPrivateKey`.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        let wrong = KeyError::Encoding {
            expected: "a PKCS#1 RSA private key",
        };
        let key = pkcs1::RsaPrivateKey::from_der(der).map_err(|_| wrong)?;
        if key.other_prime_infos.is_some() {
            return Err(KeyError::Encoding {
                expected: "an RSA private key of two primes",
            });
        }
        Self::from_components(Components {
            n: key.modulus.as_bytes(),
            e: key.public_exponent.as_bytes(),
            d: key.private_exponent.as_bytes(),
            p: key.prime1.as_bytes(),
            q: key.prime2.as_bytes(),
            dp: key.exponent1.as_bytes(),
            dq: key.exponent2.as_bytes(),
            q_inverse: key.coefficient.as_bytes(),
        })
    }

    /// Takes the numbers themselves. What would only show as wrong results later (an exponent or coefficient that is
    /// not the key's) is left to the check that every opened record goes through.
    pub fn from_components(c: Components<'_>) -> Result<Self, KeyError> {
        let key = Self {
            n: stripped(c.n),
            e: stripped(c.e),
            d: stripped(c.d),
            p: stripped(c.p),
            q: stripped(c.q),
            dp: stripped(c.dp),
            dq: stripped(c.dq),
            q_inverse: stripped(c.q_inverse),
        };
        key.check()?;
        Ok(key)
    }

    fn check(&self) -> Result<(), KeyError> {
        let contradiction = |what| Err(KeyError::Inconsistent { what });
        let odd = |number: &Number| number.last().is_some_and(|byte| byte & 1 == 1);
        if !odd(&self.p) || !odd(&self.q) || !odd(&self.n) {
            return contradiction("a prime or the modulus is even");
        }
        if !odd(&self.e) || *self.e == [1] {
            return contradiction("the public exponent is even or one");
        }
        let size = self
            .n
            .len()
            .max(self.p.len())
            .max(self.q.len())
            .max(self.dp.len())
            .max(self.dq.len());
        let count = (size.max(self.q_inverse.len()) * 8).div_ceil(limbs::BITS as usize) + 1;
        let cut = |bytes: &[u8]| {
            let mut out = Zeroizing::new(vec![0u64; count]);
            limbs::from_be_bytes(bytes, &mut out);
            out
        };
        let (p, q) = (cut(&self.p), cut(&self.q));
        let mut product = Zeroizing::new(vec![0u64; 2 * count]);
        limbs::multiply(&p, &q, &mut product);
        let mut wide = Zeroizing::new(vec![0u64; 2 * count]);
        limbs::from_be_bytes(&self.n, &mut wide);
        if *product != *wide {
            return contradiction("p times q is not n");
        }
        if self.p == self.q {
            return contradiction("both primes are the same");
        }
        if !limbs::less(&cut(&self.dp), &p) || !limbs::less(&cut(&self.dq), &q) {
            return contradiction("an exponent is not below its prime");
        }
        if !limbs::less(&cut(&self.q_inverse), &p) {
            return contradiction("the coefficient is not below p");
        }
        Ok(())
    }

    /// Writes an unencrypted PKCS#8 document.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let wrong = |_| KeyError::Encoding {
            expected: "writable as PKCS#8",
        };
        let uint = |number| UintRef::new(number).map_err(wrong);
        let inner = pkcs1::RsaPrivateKey {
            modulus: uint(&self.n)?,
            public_exponent: uint(&self.e)?,
            private_exponent: uint(&self.d)?,
            prime1: uint(&self.p)?,
            prime2: uint(&self.q)?,
            exponent1: uint(&self.dp)?,
            exponent2: uint(&self.dq)?,
            coefficient: uint(&self.q_inverse)?,
            other_prime_infos: None,
        };
        let inner = Zeroizing::new(inner.to_der().map_err(wrong)?);
        let info = pkcs8::PrivateKeyInfo::new(pkcs1::ALGORITHM_ID, &inner);
        Ok(Zeroizing::new(info.to_der().map_err(wrong)?))
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        limbs::bit_length(&self.n)
    }

    /// Length of the modulus, and so of every ciphertext, in bytes.
    pub fn size(&self) -> usize {
        self.n.len()
    }

    pub(crate) fn n(&self) -> &[u8] {
        &self.n
    }

    pub(crate) fn p(&self) -> &[u8] {
        &self.p
    }

    pub(crate) fn q(&self) -> &[u8] {
        &self.q
    }

    pub(crate) fn dp(&self) -> &[u8] {
        &self.dp
    }

    pub(crate) fn dq(&self) -> &[u8] {
        &self.dq
    }

    pub(crate) fn q_inverse(&self) -> &[u8] {
        &self.q_inverse
    }

    /// The public exponent when it fits a machine word.
    pub(crate) fn small_e(&self) -> Option<u64> {
        (self.e.len() <= 8).then(|| self.e.iter().fold(0, |e, byte| e << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests;
