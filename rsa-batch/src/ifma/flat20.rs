//! Montgomery product and square for 20 limbs (primes of RSA-2048), fully unrolled, accumulators in registers only.

use super::rows::{
    last_row, mac_row, mul_reduce_rows, reduce_rows, square_rows, store_carried, zero_columns,
};
use super::{Modulus, V};
use std::arch::x86_64::*;

/// `a = a·b / 2^1040 mod n`, below `a·b / 2^1040 + 2n`.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
#[rustfmt::skip]
#[allow(unused_assignments, reason = "the carry chain assigns each column once more than it is read")]
pub fn multiply(a: &mut [V; 20], b: &[V; 20], m: &Modulus<20>) {
    macro_rules! a { ($j:literal) => { a[$j] } }
    macro_rules! b { ($j:literal) => { b[$j] } }
    macro_rules! hat { ($j:literal) => { _mm512_set1_epi64(m.hat[$j] as i64) } }
    macro_rules! n { ($j:literal) => { _mm512_set1_epi64(m.n[$j] as i64) } }
    let inverse = _mm512_set1_epi64(m.negative_inverse as i64);
    zero_columns!(t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
        t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39);
    mul_reduce_rows!(a b hat n inverse, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19],
        [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
         t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39]);
    a[0] = t20;
    store_carried!(a, t20, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39]);
}

/// `a = a² / 2^1040 mod n`, below `a² / 2^1040 + 2n`: 1,221 multiply-adds where the product takes 1,601.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
#[rustfmt::skip]
#[allow(unused_assignments, reason = "the carry chain assigns each column once more than it is read")]
pub fn square(a: &mut [V; 20], m: &Modulus<20>) {
    macro_rules! a { ($j:literal) => { a[$j] } }
    macro_rules! hat { ($j:literal) => { _mm512_set1_epi64(m.hat[$j] as i64) } }
    macro_rules! n { ($j:literal) => { _mm512_set1_epi64(m.n[$j] as i64) } }
    let inverse = _mm512_set1_epi64(m.negative_inverse as i64);
    zero_columns!(t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
        t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39);
    t0 = _mm512_madd52lo_epu64(t0, a[0], a[0]);
    square_rows!(a, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
         t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39]);
    reduce_rows!(hat [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19],
        [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18]
        [t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
         t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39]);
    last_row!(n inverse, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [t19 t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39]);
    a[0] = t20;
    store_carried!(a, t20, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]
        [t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39]);
}
