//! Eight numbers, one per lane: moving bytes in and out, carries, comparison.

use super::{LANES, V};
use crate::limbs::{self, MASK};
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// Eight numbers of `N` limbs; limb `j` of all of them is vector `j`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Lanes<const N: usize>(pub [V; N]);

impl<const N: usize> Zeroize for Lanes<N> {
    fn zeroize(&mut self) {
        self.words_mut().zeroize();
    }
}

impl<const N: usize> Lanes<N> {
    /// All lanes zero.
    pub fn zero() -> Self {
        // SAFETY: `__m512i` is plain data for which all bits zero is a value.
        unsafe { std::mem::zeroed() }
    }

    /// The same number in every lane.
    #[target_feature(enable = "avx512f")]
    pub fn shared(limbs: &[u64; N]) -> Self {
        let mut lanes = Self::zero();
        for (vector, limb) in lanes.0.iter_mut().zip(limbs) {
            *vector = _mm512_set1_epi64(*limb as i64);
        }
        lanes
    }

    /// The limbs as words: `[limb][lane]`.
    pub fn words(&self) -> &[[u64; LANES]; N] {
        // SAFETY: `__m512i` is 64 bytes of plain data, as is `[u64; 8]`, whose alignment is lower.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// The limbs as words, to be written.
    pub fn words_mut(&mut self) -> &mut [[u64; LANES]; N] {
        // SAFETY: as in `words`; any bits are a valid `__m512i`.
        unsafe { &mut *std::ptr::from_mut(self).cast() }
    }

    /// Puts a big-endian number into one lane.
    pub fn load(&mut self, lane: usize, bytes: &[u8]) {
        let mut limbs = [0; N];
        limbs::from_be_bytes(bytes, &mut limbs);
        for (words, limb) in self.words_mut().iter_mut().zip(&limbs) {
            words[lane] = *limb;
        }
        limbs.zeroize();
    }

    /// Writes one lane, normalised, as a big-endian number that fills `out`.
    pub fn store(&self, lane: usize, out: &mut [u8]) {
        let mut limbs = self.words().map(|words| words[lane]);
        limbs::to_be_bytes(&limbs, out);
        limbs.zeroize();
    }
}

/// Clears the bits above the 52nd, which the kernel leaves standing after it has moved them up.
#[target_feature(enable = "avx512f")]
pub fn tidy<const N: usize>(a: &mut Lanes<N>) {
    let mask = _mm512_set1_epi64(MASK as i64);
    for limb in &mut a.0 {
        *limb = _mm512_and_si512(*limb, mask);
    }
}

/// Moves carries up and clears the bits above the 52nd; limbs may be negative in two's complement on entry.
#[target_feature(enable = "avx512f")]
pub fn normalise<const N: usize>(a: &mut Lanes<N>) {
    let mask = _mm512_set1_epi64(MASK as i64);
    let mut carry = _mm512_setzero_si512();
    for limb in &mut a.0 {
        let sum = _mm512_add_epi64(*limb, carry);
        carry = _mm512_srai_epi64::<52>(sum);
        *limb = _mm512_and_si512(sum, mask);
    }
}

/// `a -= n` in the lanes where `a >= n`, chosen by mask; limbs normalised before and after.
#[target_feature(enable = "avx512f")]
pub fn subtract_once<const N: usize>(a: &mut Lanes<N>, n: &[u64; N]) {
    let mask = _mm512_set1_epi64(MASK as i64);
    let mut difference = Lanes::<N>::zero();
    let mut borrow = _mm512_setzero_si512();
    for ((out, limb), n) in difference.0.iter_mut().zip(&a.0).zip(n) {
        let wide = _mm512_add_epi64(_mm512_sub_epi64(*limb, _mm512_set1_epi64(*n as i64)), borrow);
        borrow = _mm512_srai_epi64::<52>(wide);
        *out = _mm512_and_si512(wide, mask);
    }
    for (limb, out) in a.0.iter_mut().zip(&difference.0) {
        // borrow is all ones where a < n: keep a there.
        *limb = _mm512_ternarylogic_epi64::<0xca>(borrow, *limb, *out);
    }
    difference.zeroize();
}

/// One bit per lane: set where both numbers, normalised, are equal.
#[target_feature(enable = "avx512f")]
pub fn equal<const N: usize>(a: &Lanes<N>, b: &Lanes<N>) -> u8 {
    let mut difference = _mm512_setzero_si512();
    for (x, y) in a.0.iter().zip(&b.0) {
        difference = _mm512_or_si512(difference, _mm512_xor_si512(*x, *y));
    }
    _mm512_cmpeq_epi64_mask(difference, _mm512_setzero_si512())
}
