//! PKCS#1 v1.5 encryption padding (RFC 8017 §7.2.2), removed without branch or address that depends on the block.
//!
//! Enters: a decrypted block; leaves: the message or one error for every defect. What cannot be hidden from the caller
//! by an interface that answers `Err` is whether the padding held, and the length of the message when it did.

use crate::OpenError;
use std::hint::black_box;
use zeroize::Zeroizing;

/// Leading `00 02`, at least eight bytes of filling, and the zero byte before the message.
const SHORTEST: usize = 11;

/// All ones when `a == b`, for values below 2^31.
fn equal(a: usize, b: usize) -> usize {
    black_box((((a ^ b) as u32).wrapping_sub(1) as i32 >> 31) as isize as usize)
}

/// All ones when `a < b`, for values below 2^31.
fn less(a: usize, b: usize) -> usize {
    black_box(((a as u32).wrapping_sub(b as u32) as i32 >> 31) as isize as usize)
}

/// All ones for every byte but zero.
fn nonzero(byte: u8) -> u8 {
    ((byte | byte.wrapping_neg()) as i8 >> 7) as u8
}

/// Takes the message out of `block`, which is left holding nothing of use.
pub fn remove(block: &mut [u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let length = block.len();
    if length < SHORTEST {
        return Err(OpenError::Padding); // a public length
    }
    // `left` counts the bytes from the first zero on: a running mask that clears there, summed up.
    let (mut filling, mut left) = (0xff_u8, 0_u32);
    for byte in &block[2..] {
        filling &= nonzero(*byte);
        left += u32::from(!filling & 1);
    }
    let zero = length - black_box(left) as usize;
    let good = equal(usize::from(block[0]), 0)
        & equal(usize::from(block[1]), 2)
        & less(zero, length)
        & !less(zero, SHORTEST - 1);
    let start = (zero + 1) & good;
    shift_left(block, start);
    let mut message = Zeroizing::new(Vec::with_capacity(length));
    message.extend_from_slice(block);
    if good == 0 {
        return Err(OpenError::Padding);
    }
    message.truncate(length - start);
    Ok(message)
}

/// Moves the block `by` bytes towards its beginning, one bit of `by` at a time, always touching every byte.
fn shift_left(block: &mut [u8], by: usize) {
    let mut step = 1;
    while step < block.len() {
        let moved = equal(by & step, step) as u8;
        for i in 0..block.len() - step {
            block[i] = (block[i + step] & moved) | (block[i] & !moved);
        }
        step *= 2;
    }
}

#[cfg(test)]
mod tests;
