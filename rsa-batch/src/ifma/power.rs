//! Exponentiation: secret exponents by fixed windows, the public one by its bits.

use super::blocks::Columns;
use super::lanes::Lanes;
use super::modulus::Modulus;
use super::table::{ENTRIES, Table};
use zeroize::ZeroizeOnDrop;

/// Bits per window. Five bits would save a fifth of the products, but a table of twice the size leaves little of the
/// first-level cache and costs twice as much to select from; measured, there is nothing between them.
const WINDOW: usize = ENTRIES.ilog2() as usize;

/// A secret exponent cut into windows, most significant first; their number depends on the modulus only.
#[derive(ZeroizeOnDrop)]
pub struct Exponent(Vec<u8>);

impl Exponent {
    /// Cuts a big-endian exponent of at most `bits` bits.
    pub fn new(big_endian: &[u8], bits: usize) -> Self {
        let digits = big_endian
            .iter()
            .rev()
            .flat_map(|byte| [byte & 15, byte >> 4])
            .chain(std::iter::repeat(0));
        let mut windows = Vec::with_capacity(bits.div_ceil(WINDOW));
        windows.extend(digits.take(bits.div_ceil(WINDOW)));
        windows.reverse();
        Self(windows)
    }
}

/// What an exponentiation works in.
pub struct Space<const N: usize> {
    table: Table<N>,
    chosen: Lanes<N>,
    /// Columns of the product in flight.
    pub columns: Columns<N>,
}

#[cfg(test)]
impl<const N: usize> Space<N> {
    pub fn new() -> Box<Self> {
        // SAFETY: plain vectors, for which all bits zero is a value.
        unsafe { Box::new_zeroed().assume_init() }
    }
}

/// `value = value^exponent mod n`, in Montgomery form, in a time and with a trace of addresses that depend on the
/// modulus' length only.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn secret<const N: usize>(
    m: &Modulus<N>,
    exponent: &Exponent,
    value: &mut Lanes<N>,
    space: &mut Space<N>,
) {
    let Space {
        table,
        chosen,
        columns,
    } = space;
    *chosen = Lanes::shared(&m.one);
    table.put(0, chosen);
    *chosen = *value;
    table.put(1, chosen);
    for entry in 2..ENTRIES {
        m.multiply(chosen, value, columns);
        table.put(entry, chosen);
    }
    let mut windows = exponent.0.iter();
    if let Some(first) = windows.next() {
        table.pick(value, *first, 0..N);
    }
    for window in windows {
        for step in 0..WINDOW {
            m.square(value, columns);
            // A share of the selection after each square fills the time in which the square's carries ripple out.
            table.pick(chosen, *window, step * N / WINDOW..(step + 1) * N / WINDOW);
        }
        m.multiply(value, chosen, columns);
    }
}

/// `value = value^exponent mod n`, in Montgomery form; the exponent is public.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn public<const N: usize>(m: &Modulus<N>, exponent: u64, value: &mut Lanes<N>, space: &mut Space<N>) {
    space.chosen = *value;
    for bit in (0..exponent.ilog2()).rev() {
        m.square(value, &mut space.columns);
        if exponent >> bit & 1 == 1 {
            m.multiply(value, &space.chosen, &mut space.columns);
        }
    }
}
