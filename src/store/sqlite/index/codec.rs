//! Numbers as bytes: seven bits at a time, the lowest first.

use crate::store::{Result, StoreError};

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign stay short.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

#[inline]
pub(super) fn take(bytes: &mut &[u8]) -> Result<u64> {
    // Most numbers are one byte.
    if let [first, rest @ ..] = *bytes
        && *first < 0x80
    {
        *bytes = rest;
        return Ok(u64::from(*first));
    }
    take_long(bytes)
}

fn take_long(bytes: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Ok(number);
        }
    }
    Err(damaged())
}

pub(super) fn take_signed(bytes: &mut &[u8]) -> Result<i64> {
    let number = take(bytes)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

pub(super) fn damaged() -> StoreError {
    StoreError::Damaged("a block of the index cannot be read".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec((any::<u64>(), 0u32..64, any::<i64>()), 0..20)) {
            let mut bytes = Vec::new();
            for (number, shift, signed) in &numbers {
                put(&mut bytes, number >> shift);
                put_signed(&mut bytes, *signed);
            }
            let mut left = bytes.as_slice();
            for (number, shift, signed) in &numbers {
                prop_assert_eq!(take(&mut left).expect("a number"), number >> shift);
                prop_assert_eq!(take_signed(&mut left).expect("a number"), *signed);
            }
            prop_assert!(left.is_empty());
        }

        #[test]
        fn cut_off_numbers_are_damage(bytes in proptest::collection::vec(0x80u8.., 0..12)) {
            prop_assert!(take(&mut bytes.as_slice()).is_err());
        }
    }
}
