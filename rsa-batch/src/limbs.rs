//! Portable arithmetic on numbers cut into 52-bit limbs, least significant first.
//!
//! Why: the vector kernel needs a handful of constants per modulus, once per key. Enters: big-endian bytes of
//! key components and ciphertexts; leaves: limbs and the Montgomery constants. It must not know lanes, padding
//! or keys. Every loop's length depends on sizes only and every choice is a mask, because moduli are secret here.

use std::hint::black_box;

/// Bits in one limb, the width of the processor's multiply-add.
pub const BITS: u32 = 52;
/// All ones in one limb.
pub const MASK: u64 = (1 << BITS) - 1;

/// Cuts a big-endian number into `out.len()` limbs; bits beyond that capacity are dropped.
pub fn from_be_bytes(bytes: &[u8], out: &mut [u64]) {
    for (i, limb) in out.iter_mut().enumerate() {
        // 52 bits are six and a half bytes: eight bytes always hold a limb, shifted by half a byte every other time.
        let end = bytes.len().saturating_sub(i * 13 / 2);
        let mut word = [0; 8];
        match bytes[..end].last_chunk::<8>() {
            Some(whole) => word = *whole,
            None => word[8 - end..].copy_from_slice(&bytes[..end]),
        }
        *limb = (u64::from_be_bytes(word) >> (i % 2 * 4)) & MASK;
    }
}

/// Writes normalised limbs as a big-endian number that fills `out`; higher bits are dropped.
pub fn to_be_bytes(limbs: &[u64], out: &mut [u8]) {
    out.fill(0);
    for (bytes, pair) in out.rchunks_mut(13).zip(limbs.chunks(2)) {
        let high = pair.get(1).copied().unwrap_or(0);
        let wide = (u128::from(pair[0]) | (u128::from(high) << BITS)).to_be_bytes();
        bytes.copy_from_slice(&wide[wide.len() - bytes.len()..]);
    }
}

/// `a -= b`; returns 1 when it borrowed, which leaves `a + 2^(52·len) - b`.
pub fn sub_assign(a: &mut [u64], b: &[u64]) -> u64 {
    let mut borrow = 0;
    for (x, y) in a.iter_mut().zip(b) {
        let difference = x.wrapping_sub(*y).wrapping_sub(borrow);
        borrow = difference >> 63;
        *x = difference & MASK;
    }
    borrow
}

/// Whether `a < b`, both of the same length, in time that depends on the length only.
pub fn less(a: &[u64], b: &[u64]) -> bool {
    let mut borrow = 0;
    for (x, y) in a.iter().zip(b) {
        borrow = x.wrapping_sub(*y).wrapping_sub(borrow) >> 63;
    }
    black_box(borrow) == 1
}

/// `a = 2a mod n` for `a < n`, where `n` leaves at least one bit of its top limb free.
fn double_mod(a: &mut [u64], n: &[u64], reduced: &mut [u64]) {
    let mut carry = 0;
    for x in a.iter_mut() {
        let wide = (*x << 1) | carry;
        carry = wide >> BITS;
        *x = wide & MASK;
    }
    reduced.copy_from_slice(a);
    let keep = black_box(sub_assign(reduced, n)).wrapping_neg();
    for (x, y) in a.iter_mut().zip(reduced.iter()) {
        *x = (*x & keep) | (*y & !keep);
    }
}

/// `2^exponent mod n`, by doubling: slow and regular, run a few times per key.
pub fn power_of_two_mod(exponent: usize, n: &[u64], out: &mut [u64]) {
    let mut reduced = zeroize::Zeroizing::new(vec![0; n.len()]);
    out.fill(0);
    out[0] = 1;
    for _ in 0..exponent {
        double_mod(out, n, &mut reduced);
    }
}

/// `-n⁻¹ mod 2^52` for odd `n`, given its lowest limb (Newton's iteration doubles the exact bits each time).
pub fn negative_inverse(lowest: u64) -> u64 {
    let mut inverse = lowest;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(lowest.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg() & MASK
}

/// `(k·n + 1) / 2^52` with `k = -n⁻¹ mod 2^52`: the multiplier of a Montgomery step that needs no quotient.
///
/// `k·n ≡ -1 (mod 2^52)`, so adding `t₀·k·n` to `t` clears its lowest limb `t₀`, and what is left of the sum after
/// division by `2^52` is `⌊t / 2^52⌋ + t₀ · hat`. The quotient digit is the limb itself.
pub fn hat(n: &[u64], out: &mut [u64]) {
    let k = u128::from(negative_inverse(n[0]));
    let mut carry = (k * u128::from(n[0]) + 1) >> BITS;
    for (i, slot) in out.iter_mut().enumerate() {
        let limb = n.get(i + 1).copied().unwrap_or(0);
        let wide = k * u128::from(limb) + carry;
        *slot = wide as u64 & MASK;
        carry = wide >> BITS;
    }
}

/// `a · b`, filling `out` (of at least both lengths together).
pub fn multiply(a: &[u64], b: &[u64], out: &mut [u64]) {
    out.fill(0);
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0u128;
        for (slot, y) in out[i..].iter_mut().zip(b.iter().chain(std::iter::repeat(&0))) {
            let wide = u128::from(*x) * u128::from(*y) + u128::from(*slot) + carry;
            *slot = wide as u64 & MASK;
            carry = wide >> BITS;
        }
    }
}

/// Number of significant bits of a big-endian number.
pub fn bit_length(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes
        .get(zeros)
        .map_or(0, |top| (bytes.len() - zeros) * 8 - top.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
