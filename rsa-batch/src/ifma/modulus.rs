//! One modulus and its Montgomery constants, prepared once and shared by all lanes.

use super::blocks::{self, Columns};
use super::lanes::{self, Lanes};
use super::{V, flat20};
use crate::limbs;
use std::arch::x86_64::*;
use zeroize::ZeroizeOnDrop;

/// An odd modulus of at most `52·N - 4` bits with `R = 2^(52·N)`.
#[derive(ZeroizeOnDrop)]
#[repr(align(64))]
pub struct Modulus<const N: usize> {
    pub(super) n: [u64; N],
    pub(super) hat: [u64; N],
    pub(super) negative_inverse: u64,
    /// `R mod n`, the number one in Montgomery form.
    pub(super) one: [u64; N],
    /// `R² mod n`, which brings a number into Montgomery form.
    pub(super) square_of_r: [u64; N],
    /// `R³ mod n`, the same for a number that was reduced once already.
    pub(super) cube_of_r: [u64; N],
}

impl<const N: usize> Modulus<N> {
    /// Prepares the constants; `None` when the modulus is even, one, or too long for `N` limbs.
    pub fn new(big_endian: &[u8]) -> Option<Box<Self>> {
        let odd = big_endian.last().is_some_and(|byte| byte & 1 == 1);
        if !odd || !(2..=52 * N - 4).contains(&limbs::bit_length(big_endian)) {
            return None;
        }
        let mut m = Box::new(Self {
            n: [0; N],
            hat: [0; N],
            negative_inverse: 0,
            one: [0; N],
            square_of_r: [0; N],
            cube_of_r: [0; N],
        });
        let Self {
            n,
            hat,
            negative_inverse,
            one,
            square_of_r,
            cube_of_r,
        } = &mut *m;
        limbs::from_be_bytes(big_endian, n);
        limbs::hat(n, hat);
        *negative_inverse = limbs::negative_inverse(n[0]);
        limbs::power_of_two_mod(52 * N, n, one);
        limbs::power_of_two_mod(104 * N, n, square_of_r);
        limbs::power_of_two_mod(156 * N, n, cube_of_r);
        Some(m)
    }

    /// `a = a·b / R mod n`, below `a·b / R + 2n`, so below `3n` when both are below `3n` or `a·b < n·R`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub(super) fn multiply(&self, a: &mut Lanes<N>, b: &Lanes<N>, t: &mut Columns<N>) {
        if let (Some(a), Some(b), Some(m)) = (twenty_mut(&mut a.0), twenty(&b.0), self.twenty()) {
            return flat20::multiply(a, b, m);
        }
        blocks::product(t, &a.0, &b.0);
        blocks::reduce(&mut a.0, t, self);
    }

    /// `a = a² / R mod n`, below `3n` when `a` is.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub(super) fn square(&self, a: &mut Lanes<N>, t: &mut Columns<N>) {
        if let (Some(a), Some(m)) = (twenty_mut(&mut a.0), self.twenty()) {
            return flat20::square(a, m);
        }
        blocks::squared(t, &a.0);
        blocks::reduce(&mut a.0, t, self);
    }

    /// `a = a / R mod n`: out of Montgomery form.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn leave(&self, a: &mut Lanes<N>, t: &mut Columns<N>) {
        lanes::tidy(a);
        t.as_flattened_mut().fill(_mm512_setzero_si512());
        t[0] = a.0;
        blocks::reduce(&mut a.0, t, self);
    }

    /// `a = wide mod n` in Montgomery form, for `wide < n·R` with normalised limbs.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn enter<const W: usize>(&self, a: &mut Lanes<N>, wide: &Lanes<W>, t: &mut Columns<N>) {
        t.as_flattened_mut().fill(_mm512_setzero_si512());
        t.as_flattened_mut()[..W].copy_from_slice(&wide.0);
        blocks::reduce(&mut a.0, t, self);
        self.multiply(a, &Lanes::shared(&self.cube_of_r), t);
    }

    /// The one representative below `n`, limbs normalised, of a value below `3n`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn canonical(&self, a: &mut Lanes<N>) {
        lanes::tidy(a);
        lanes::subtract_once(a, &self.n);
        lanes::subtract_once(a, &self.n);
    }

    /// The same modulus when it is the size the unrolled kernel is made for.
    fn twenty(&self) -> Option<&Modulus<20>> {
        // SAFETY: with N = 20 both names are the same type; the reference keeps its lifetime.
        (N == 20).then(|| unsafe { &*std::ptr::from_ref(self).cast() })
    }
}

fn twenty<const N: usize>(limbs: &[V; N]) -> Option<&[V; 20]> {
    limbs.as_slice().try_into().ok()
}

fn twenty_mut<const N: usize>(limbs: &mut [V; N]) -> Option<&mut [V; 20]> {
    limbs.as_mut_slice().try_into().ok()
}
