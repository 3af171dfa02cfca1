//! Sixteen powers of one base, and the selection of one of them by a secret index.
//!
//! All lanes want the same entry, so a plain lookup would do, but its address would be a piece of the key. Instead every
//! selection reads the whole table in the same order. For each limb and lane the sixteen candidates lie side by side in
//! two vectors, and a two-source permutation picks one of them by an index held in a register: half the work of
//! masking sixteen entries together, and on a port that the multipliers leave half idle.

use super::lanes::Lanes;
use super::{LANES, V};
use std::arch::x86_64::*;
use std::ops::Range;

/// Entries, the most that one permutation can choose among.
pub const ENTRIES: usize = 16;

/// Powers of one base: `[limb][lower or upper eight entries][lane]`, entries side by side in a vector.
#[repr(transparent)]
pub struct Table<const N: usize>([[[V; LANES]; 2]; N]);

impl<const N: usize> Table<N> {
    /// All entries zero.
    #[cfg(test)]
    pub fn zero() -> Box<Self> {
        // SAFETY: plain vectors, for which all bits zero is a value.
        unsafe { Box::new_zeroed().assume_init() }
    }

    /// Stores one entry; `entry` is public.
    pub fn put(&mut self, entry: usize, number: &Lanes<N>) {
        // SAFETY: `__m512i` is 64 bytes of plain data, as is `[u64; 8]`, whose alignment is lower.
        let words: &mut [[[[u64; 8]; LANES]; 2]; N] = unsafe { &mut *std::ptr::from_mut(&mut self.0).cast() };
        for (halves, limb) in words.iter_mut().zip(number.words()) {
            for (lane, word) in halves[entry / 8].iter_mut().zip(limb) {
                lane[entry % 8] = *word;
            }
        }
    }

    /// Copies the given limbs of the entry at the secret `index` to `out`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub fn pick(&self, out: &mut Lanes<N>, index: u8, limbs: Range<usize>) {
        let index = _mm512_set1_epi64(i64::from(index));
        for (limb, [lower, upper]) in out.0[limbs.clone()].iter_mut().zip(&self.0[limbs]) {
            let mut picked = index;
            // Lane by lane the index gives way to what it points at.
            macro_rules! lanes {
                ($($lane:literal)*) => { $(
                    picked = _mm512_mask2_permutex2var_epi64(lower[$lane], picked, 1 << $lane, upper[$lane]);
                )* };
            }
            lanes!(0 1 2 3 4 5 6 7);
            *limb = picked;
        }
    }
}
