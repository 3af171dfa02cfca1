//! Exponentiation: secret exponents by fixed windows, the public one by its bits.

use super::blocks::Columns;
use super::lanes::{Lanes, select};
use super::modulus::Modulus;
use zeroize::ZeroizeOnDrop;

/// Bits per window. Five bits would save a fifth of the products, but then both tables leave the first-level cache
/// and a selection costs twice as much; measured, four wins.
const WINDOW: usize = 4;
const ENTRIES: usize = 1 << WINDOW;

/// A secret exponent cut into windows, most significant first; their number depends on the modulus only.
#[derive(ZeroizeOnDrop)]
pub struct Exponent(Vec<u8>);

impl Exponent {
    /// Cuts a big-endian exponent of at most `bits` bits.
    pub fn new(big_endian: &[u8], bits: usize) -> Self {
        let nibbles = big_endian
            .iter()
            .rev()
            .flat_map(|byte| [byte & 15, byte >> 4])
            .chain(std::iter::repeat(0));
        let mut windows: Vec<u8> = nibbles.take(bits.div_ceil(WINDOW)).collect();
        windows.reverse();
        Self(windows)
    }
}

/// What one exponentiation works in: the table of powers, the value, the chosen entry, the columns.
pub struct Workspace<const N: usize> {
    table: [Lanes<N>; ENTRIES],
    /// The base on entry, in Montgomery form; the power on exit.
    pub value: Lanes<N>,
    /// The chosen entry; free for other use between exponentiations.
    pub chosen: Lanes<N>,
    /// Columns of the product in flight.
    pub columns: Columns<N>,
}

/// What the check with the public exponent works in.
pub struct Public<const W: usize> {
    base: Lanes<W>,
    /// The result.
    pub power: Lanes<W>,
    columns: Columns<W>,
}

impl<const N: usize> Workspace<N> {
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn fill_table(&mut self, m: &Modulus<N>) {
        self.table[0] = Lanes::shared(&m.one);
        self.table[1] = self.value;
        for entry in 2..ENTRIES {
            let (known, rest) = self.table.split_at_mut(entry);
            rest[0] = known[entry - 1];
            m.multiply(&mut rest[0], &self.value, &mut self.columns);
        }
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn square(&mut self, m: &Modulus<N>) {
        m.square(&mut self.value, &mut self.columns);
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn multiply(&mut self, m: &Modulus<N>, window: u8) {
        select(&mut self.chosen, &self.table, window);
        m.multiply(&mut self.value, &self.chosen, &mut self.columns);
    }
}

/// Raises both halves to their exponents, in Montgomery form. The two run in turn, so that the carry chain at the
/// end of one square overlaps with the beginning of the other.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn secret_pair<const N: usize>(
    p: (&Modulus<N>, &Exponent, &mut Workspace<N>),
    q: (&Modulus<N>, &Exponent, &mut Workspace<N>),
) {
    p.2.fill_table(p.0);
    q.2.fill_table(q.0);
    select(&mut p.2.value, &p.2.table, p.1.0[0]);
    select(&mut q.2.value, &q.2.table, q.1.0[0]);
    for (dp, dq) in p.1.0.iter().zip(&q.1.0).skip(1) {
        for _ in 0..WINDOW {
            p.2.square(p.0);
            q.2.square(q.0);
        }
        p.2.multiply(p.0, *dp);
        q.2.multiply(q.0, *dq);
    }
}

/// `power = value^exponent mod n`, in and out of plain form; the exponent is odd, above one, and public.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn public<const W: usize>(m: &Modulus<W>, value: &Lanes<W>, exponent: u64, space: &mut Public<W>) {
    let Public { base, power, columns } = space;
    *base = *value;
    m.multiply(base, &Lanes::shared(&m.square_of_r), columns);
    *power = *base;
    for bit in (1..exponent.ilog2()).rev() {
        m.square(power, columns);
        if exponent >> bit & 1 == 1 {
            m.multiply(power, base, columns);
        }
    }
    m.square(power, columns);
    // The last bit is set; multiplying by the plain value leaves Montgomery form on the way.
    m.multiply(power, value, columns);
    m.canonical(power);
}
