//! Montgomery product and square for any multiple of ten limbs, in tiles of 10 × 10.
//!
//! More than 30 columns do not fit the registers, so here the columns live in the first-level cache and a tile
//! loads 20 of them, does 200 multiply-adds and stores them; loads and stores run beside the multipliers.

use super::rows::{load_columns, mac_row, mul_rows, reduce_rows, store_columns, triangle_rows};
use super::{Modulus, V};
use std::arch::x86_64::*;

/// Columns of a product in flight: `2n + 1` limbs are used.
pub type Columns<const N: usize> = [[V; N]; 3];

fn ten<T>(limbs: &[T], block: usize) -> &[T; 10] {
    &limbs.as_chunks::<10>().0[block]
}

fn columns(t: &mut [V], first: usize) -> &mut [V; 20] {
    t[first..]
        .first_chunk_mut()
        .expect("a tile's 20 columns lie inside the product")
}

/// `t += x·y`.
#[target_feature(enable = "avx512f,avx512ifma")]
#[rustfmt::skip]
fn tile(t: &mut [V; 20], x: &[V; 10], y: &[V; 10]) {
    macro_rules! x { ($j:literal) => { x[$j] } }
    macro_rules! y { ($j:literal) => { y[$j] } }
    load_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    mul_rows!(x y [0 1 2 3 4 5 6 7 8 9], [0 1 2 3 4 5 6 7 8 9]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    store_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
}

/// `t += x·n` where all lanes share `n`.
#[target_feature(enable = "avx512f,avx512ifma")]
#[rustfmt::skip]
fn shared_tile(t: &mut [V; 20], x: &[V; 10], n: &[u64; 10]) {
    macro_rules! x { ($j:literal) => { x[$j] } }
    macro_rules! n { ($j:literal) => { _mm512_set1_epi64(n[$j] as i64) } }
    load_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    mul_rows!(n x [0 1 2 3 4 5 6 7 8 9], [0 1 2 3 4 5 6 7 8 9]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    store_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
}

/// `t += Σ x[i]·x[j]` over `i < j`.
#[target_feature(enable = "avx512f,avx512ifma")]
#[rustfmt::skip]
fn triangle(t: &mut [V; 20], x: &[V; 10]) {
    macro_rules! x { ($j:literal) => { x[$j] } }
    load_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    triangle_rows!(x, [0 1 2 3 4 5 6 7 8 9]
        [c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    store_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
}

/// Nine reduction rows with the lowest ten limbs of `hat`: columns 0–9 become final, their values are the digits.
#[target_feature(enable = "avx512f,avx512ifma")]
#[rustfmt::skip]
fn digits(t: &mut [V; 20], hat: &[u64; 10]) {
    macro_rules! hat { ($j:literal) => { _mm512_set1_epi64(hat[$j] as i64) } }
    load_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    reduce_rows!(hat [0 1 2 3 4 5 6 7 8 9], [0 1 2 3 4 5 6 7 8]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
    store_columns!(t, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19]);
}

/// `t[first..] += q·n`, one row through memory; `t` must reach `first + N`.
#[target_feature(enable = "avx512f,avx512ifma")]
fn row<const N: usize>(t: &mut [V], first: usize, q: V, n: &[u64]) {
    let mut high = _mm512_setzero_si512();
    for (column, limb) in t[first..].iter_mut().zip(n) {
        let limb = _mm512_set1_epi64(*limb as i64);
        *column = _mm512_madd52lo_epu64(_mm512_add_epi64(*column, high), q, limb);
        high = _mm512_madd52hi_epu64(_mm512_setzero_si512(), q, limb);
    }
    t[first + n.len()] = _mm512_add_epi64(t[first + n.len()], high);
}

/// `r = t / 2^(52N) mod n`, below `3n` when `t < 9n²`.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn reduce<const N: usize>(r: &mut [V; N], t: &mut Columns<N>, m: &Modulus<N>) {
    let t = t.as_flattened_mut();
    let blocks = N / 10;
    for block in 0..blocks {
        let base = 10 * block;
        digits(columns(t, base), ten(&m.hat, 0));
        let mut q: [V; 10] = *ten(&t[base..], 0);
        if block + 1 < blocks {
            t[base + 10] = _mm512_add_epi64(t[base + 10], _mm512_srli_epi64::<52>(q[9]));
            row::<10>(t, base + 10, q[9], ten(&m.hat, 0));
        } else {
            q[9] = _mm512_setzero_si512(); // the very last row is the one with a quotient, below
        }
        for other in 1..blocks {
            shared_tile(columns(t, base + 1 + 10 * other), &q, ten(&m.hat, other));
        }
    }
    let zero = _mm512_setzero_si512();
    let inverse = _mm512_set1_epi64(m.negative_inverse as i64);
    let quotient = _mm512_madd52lo_epu64(zero, t[N - 1], inverse);
    row::<N>(t, N - 1, quotient, &m.n);
    let mut below = t[N - 1];
    for (limb, column) in r.iter_mut().zip(&t[N..]) {
        below = _mm512_add_epi64(*column, _mm512_srli_epi64::<52>(below));
        *limb = below;
    }
}

/// `t = a·b`, carries not moved.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn product<const N: usize>(t: &mut Columns<N>, a: &[V; N], b: &[V; N]) {
    let t = t.as_flattened_mut();
    t.fill(_mm512_setzero_si512());
    for i in 0..N / 10 {
        for j in 0..N / 10 {
            tile(columns(t, 10 * (i + j)), ten(a, j), ten(b, i));
        }
    }
}

/// `t = a²`, carries not moved.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn squared<const N: usize>(t: &mut Columns<N>, a: &[V; N]) {
    let t = t.as_flattened_mut();
    t.fill(_mm512_setzero_si512());
    for i in 0..N / 10 {
        triangle(columns(t, 20 * i), ten(a, i));
        for j in i + 1..N / 10 {
            tile(columns(t, 10 * (i + j)), ten(a, j), ten(a, i));
        }
    }
    for (pair, limb) in t.as_chunks_mut::<2>().0.iter_mut().zip(a) {
        pair[0] = _mm512_madd52lo_epu64(_mm512_add_epi64(pair[0], pair[0]), *limb, *limb);
        pair[1] = _mm512_madd52hi_epu64(_mm512_add_epi64(pair[1], pair[1]), *limb, *limb);
    }
}
