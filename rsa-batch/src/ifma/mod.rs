//! Eight records side by side: the private-key operation on AVX-512 IFMA, one record per 64-bit lane.
//!
//! Enters: a checked key and up to eight ciphertexts below `n`; leaves: eight plaintext blocks and a bit per lane that
//! says whether raising them to the public exponent gives the ciphertext back. It must not know PKCS#1 padding.
//!
//! All numbers are `N` limbs of 52 bits, limb `j` of all eight lanes in one vector. Bits above the 52nd may be left
//! standing in a limb: the multiplier ignores them. Values stay below `3n` between steps (`n` has at least four bits
//! less than its limbs hold), so no comparison with `n` is needed until the very end.

mod blocks;
mod crt;
mod flat20;
mod lanes;
mod modulus;
mod power;
mod rows;
mod table;
#[cfg(test)]
mod tests;

pub use crt::Engine;
pub use modulus::Modulus;

use std::arch::x86_64::__m512i;

/// One limb of eight records.
pub type V = __m512i;
/// Records per vector.
pub const LANES: usize = 8;

/// Whether this processor has the two extensions the kernel is compiled for.
pub fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}
