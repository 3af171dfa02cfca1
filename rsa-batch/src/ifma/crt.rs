//! The private-key operation: two half-size powers, put together, and checked.

use super::LANES;
use super::blocks;
use super::lanes::{self, Lanes};
use super::modulus::Modulus;
use super::power::{self, Exponent, Space};
use crate::key::PrivateKey;
use crate::limbs;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// One key prepared for primes of `N` limbs and a modulus of `W = 2N`.
pub struct Crt<const N: usize, const W: usize> {
    p: Box<Modulus<N>>,
    q: Box<Modulus<N>>,
    dp: Exponent,
    dq: Exponent,
    q_inverse: [u64; N],
    e: u64,
}

impl<const N: usize, const W: usize> Drop for Crt<N, W> {
    fn drop(&mut self) {
        self.q_inverse.zeroize(); // the other parts zero themselves
    }
}

/// Memory of one call, reused for every eight records and zeroed at the end.
pub struct Scratch<const N: usize, const W: usize> {
    space: Space<N>,
    /// The result modulo p, then whatever else is modulo p.
    p: Lanes<N>,
    /// The result modulo q, then whatever else is modulo q.
    q: Lanes<N>,
    other: Lanes<N>,
    ciphertext: Lanes<W>,
    plaintext: Lanes<W>,
}

impl<const N: usize, const W: usize> Scratch<N, W> {
    fn new() -> Box<Self> {
        // SAFETY: all parts are arrays of plain vectors, for which all bits zero is a value.
        unsafe { Box::<Self>::new_zeroed().assume_init() }
    }
}

impl<const N: usize, const W: usize> Drop for Scratch<N, W> {
    fn drop(&mut self) {
        // SAFETY: every field is plain vectors without padding or drop glue, and zero is a value of them all.
        unsafe { zeroize::zeroize_flat_type(self) }
    }
}

impl<const N: usize, const W: usize> Crt<N, W> {
    /// Prepares a key; `None` when its primes do not fit this size.
    fn new(key: &PrivateKey) -> Option<Box<Self>> {
        let (p, q) = (Modulus::new(key.p())?, Modulus::new(key.q())?);
        let bits = limbs::bit_length(key.p()).max(limbs::bit_length(key.q()));
        let mut crt = Box::new(Self {
            p,
            q,
            dp: Exponent::new(key.dp(), bits),
            dq: Exponent::new(key.dq(), bits),
            q_inverse: [0; N],
            e: key.small_e()?,
        });
        limbs::from_be_bytes(key.q_inverse(), &mut crt.q_inverse);
        Some(crt)
    }

    /// Opens what the scratch holds; one bit per lane says that the result passed its check.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn open(&self, s: &mut Scratch<N, W>) -> u8 {
        self.p.enter(&mut s.p, &s.ciphertext, &mut s.space.columns);
        power::secret(&self.p, &self.dp, &mut s.p, &mut s.space);
        self.q.enter(&mut s.q, &s.ciphertext, &mut s.space.columns);
        power::secret(&self.q, &self.dq, &mut s.q, &mut s.space);
        self.join(s);
        self.passed(&self.p, s) & self.passed(&self.q, s)
    }

    /// `m = m_q + q · ((m_p - m_q) · q⁻¹ mod p)`: Garner's formula, which needs neither order nor equal length of p, q.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn join(&self, s: &mut Scratch<N, W>) {
        let columns = &mut s.space.columns;
        self.q.leave(&mut s.q, columns);
        self.q.canonical(&mut s.q);

        // m_p and m_q, both times R and below 3p; so m_p + 3p - m_q is positive, and below 6p.
        s.other = s.q;
        self.p
            .multiply(&mut s.other, &Lanes::shared(&self.p.square_of_r), columns);
        lanes::tidy(&mut s.other);
        lanes::tidy(&mut s.p);
        for ((limb, other), prime) in s.p.0.iter_mut().zip(&s.other.0).zip(&self.p.n) {
            let three = _mm512_set1_epi64(3 * *prime as i64);
            *limb = _mm512_sub_epi64(_mm512_add_epi64(*limb, three), *other);
        }
        lanes::normalise(&mut s.p);
        s.other = Lanes::shared(&self.q_inverse);
        self.p.multiply(&mut s.p, &s.other, columns);
        self.p.canonical(&mut s.p);

        s.other = Lanes::shared(&self.q.n);
        blocks::product(columns, &s.p.0, &s.other.0);
        s.plaintext.0.copy_from_slice(&columns.as_flattened()[..W]);
        for (limb, addend) in s.plaintext.0.iter_mut().zip(&s.q.0) {
            *limb = _mm512_add_epi64(*limb, *addend);
        }
        lanes::normalise(&mut s.plaintext);
    }

    /// Raises the finished plaintext to the public exponent and compares with the ciphertext, modulo one prime; equal
    /// for both means equal modulo `n`, at a quarter of the price. It starts again from the joined result, so a slip
    /// in either power, in joining, or in a stored constant shows.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn passed(&self, prime: &Modulus<N>, s: &mut Scratch<N, W>) -> u8 {
        prime.enter(&mut s.p, &s.plaintext, &mut s.space.columns);
        power::public(prime, self.e, &mut s.p, &mut s.space);
        prime.canonical(&mut s.p);
        prime.enter(&mut s.other, &s.ciphertext, &mut s.space.columns);
        prime.canonical(&mut s.other);
        lanes::equal(&s.p, &s.other)
    }
}

/// A prepared key of whichever size.
pub enum Engine {
    /// Primes of up to 1,036 bits: RSA-2048.
    Limbs20(Box<Crt<20, 40>>),
    /// Primes of up to 1,556 bits: RSA-3072, and RSA-2048 of unequal primes.
    Limbs30(Box<Crt<30, 60>>),
    /// Primes of up to 2,076 bits: RSA-4096.
    Limbs40(Box<Crt<40, 80>>),
}

/// Memory for one call of the matching engine.
pub enum EngineScratch {
    /// For [`Engine::Limbs20`].
    Limbs20(Box<Scratch<20, 40>>),
    /// For [`Engine::Limbs30`].
    Limbs30(Box<Scratch<30, 60>>),
    /// For [`Engine::Limbs40`].
    Limbs40(Box<Scratch<40, 80>>),
}

impl Engine {
    /// The smallest engine that holds the key; `None` without the processor's extensions or with primes too long.
    pub fn new(key: &PrivateKey) -> Option<Self> {
        if !super::available() {
            return None;
        }
        (Crt::new(key).map(Self::Limbs20))
            .or_else(|| Crt::new(key).map(Self::Limbs30))
            .or_else(|| Crt::new(key).map(Self::Limbs40))
    }

    /// With this many records or fewer, one after the other through `aws-lc-rs` is as fast as a vector with idle lanes:
    /// measured, eight lanes take the time of 2.3, 3.1 and 3.5 single operations (README.md has the table).
    pub fn better_one_by_one(&self) -> usize {
        match self {
            Self::Limbs20(_) => 2,
            Self::Limbs30(_) | Self::Limbs40(_) => 3,
        }
    }

    /// Memory for calls of `open`.
    pub fn scratch(&self) -> EngineScratch {
        match self {
            Self::Limbs20(_) => EngineScratch::Limbs20(Scratch::new()),
            Self::Limbs30(_) => EngineScratch::Limbs30(Scratch::new()),
            Self::Limbs40(_) => EngineScratch::Limbs40(Scratch::new()),
        }
    }

    /// Opens up to eight ciphertexts, each below `n`, and hands every block of `length` bytes, with the verdict of
    /// its check, to `taken` in order.
    pub fn open(
        &self,
        scratch: &mut EngineScratch,
        ciphertexts: &[&[u8]],
        block: &mut [u8],
        taken: impl FnMut(usize, &mut [u8], bool),
    ) {
        match (self, scratch) {
            (Self::Limbs20(crt), EngineScratch::Limbs20(scratch)) => {
                run(crt, scratch, ciphertexts, block, taken)
            }
            (Self::Limbs30(crt), EngineScratch::Limbs30(scratch)) => {
                run(crt, scratch, ciphertexts, block, taken)
            }
            (Self::Limbs40(crt), EngineScratch::Limbs40(scratch)) => {
                run(crt, scratch, ciphertexts, block, taken)
            }
            _ => unreachable!("scratch comes from this engine"),
        }
    }
}

fn run<const N: usize, const W: usize>(
    crt: &Crt<N, W>,
    scratch: &mut Scratch<N, W>,
    ciphertexts: &[&[u8]],
    block: &mut [u8],
    mut taken: impl FnMut(usize, &mut [u8], bool),
) {
    assert!(ciphertexts.len() <= LANES, "one vector holds eight records");
    scratch.ciphertext = Lanes::zero();
    for (lane, bytes) in ciphertexts.iter().enumerate() {
        scratch.ciphertext.load(lane, bytes);
    }
    // SAFETY: an engine exists only where `available()` said that the processor has both extensions.
    let passed = unsafe { crt.open(scratch) };
    for lane in 0..ciphertexts.len() {
        scratch.plaintext.store(lane, block);
        taken(lane, block, passed >> lane & 1 == 1);
    }
}

#[cfg(test)]
mod tests;
