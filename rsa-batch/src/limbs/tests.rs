use super::*;
use num_bigint::BigUint;
use proptest::prelude::*;

/// Under Miri each step takes about a thousand times as long, and there is no directory to keep failures in.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn value(limbs: &[u64]) -> BigUint {
    limbs
        .iter()
        .rev()
        .fold(BigUint::ZERO, |sum, limb| (sum << BITS) + limb)
}

fn limbs(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u64>> {
    let limb = prop_oneof![6 => 0..=MASK, 1 => Just(0), 1 => Just(MASK), 1 => Just(1)];
    proptest::collection::vec(limb, length)
}

/// An odd modulus with a free bit on top.
fn modulus() -> impl Strategy<Value = Vec<u64>> {
    limbs(1..8).prop_map(|mut n| {
        n[0] |= 1;
        *n.last_mut().unwrap() &= MASK >> 1;
        if n[1..].iter().all(|limb| *limb == 0) {
            n[0] |= 2; // one is no modulus
        }
        n
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn bytes_and_limbs_hold_the_same_number(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut cut = vec![0; (bytes.len() * 8).div_ceil(52)];
        from_be_bytes(&bytes, &mut cut);
        prop_assert!(cut.iter().all(|limb| *limb <= MASK));
        prop_assert_eq!(value(&cut), BigUint::from_bytes_be(&bytes));
        let mut back = vec![0xaa; bytes.len()];
        to_be_bytes(&cut, &mut back);
        prop_assert_eq!(&back, &bytes);
        prop_assert_eq!(bit_length(&bytes) as u64, BigUint::from_bytes_be(&bytes).bits());
    }

    #[test]
    fn missing_limbs_read_as_zero_and_surplus_ones_are_dropped(a in limbs(1..6), room in 0usize..60) {
        let mut bytes = vec![0xaa; room];
        to_be_bytes(&a, &mut bytes);
        prop_assert_eq!(BigUint::from_bytes_be(&bytes), value(&a) % (BigUint::from(1u32) << (8 * room)));
        let mut fewer = vec![0; a.len() - 1];
        from_be_bytes(&value(&a).to_bytes_be(), &mut fewer);
        prop_assert_eq!(&fewer[..], &a[..a.len() - 1]);
    }

    #[test]
    fn subtraction_borrows_exactly_when_less((a, b) in (1usize..8).prop_flat_map(|n| (limbs(n), limbs(n)))) {
        let mut difference = a.clone();
        let borrow = sub_assign(&mut difference, &b);
        prop_assert_eq!(borrow == 1, value(&a) < value(&b));
        prop_assert_eq!(less(&a, &b), value(&a) < value(&b));
        let wrapped = value(&a) + (BigUint::from(borrow) << (52 * a.len())) - value(&b);
        prop_assert_eq!(value(&difference), wrapped);
        prop_assert!(!less(&a, &a));
    }

    #[test]
    fn powers_of_two_are_reduced(n in modulus(), exponent in 0usize..if cfg!(miri) { 60 } else { 1000 }) {
        let mut power = vec![0; n.len()];
        power_of_two_mod(exponent, &n, &mut power);
        prop_assert_eq!(value(&power), (BigUint::from(1u32) << exponent) % value(&n));
    }

    #[test]
    fn the_inverse_cancels_the_lowest_limb(lowest in 0..=MASK) {
        let odd = lowest | 1;
        prop_assert_eq!(odd.wrapping_mul(negative_inverse(odd)).wrapping_add(1) & MASK, 0);
    }

    #[test]
    fn hat_is_a_multiple_of_the_modulus_plus_one_shifted(n in modulus()) {
        let mut out = vec![0; n.len()];
        hat(&n, &mut out);
        let multiple = value(&n) * negative_inverse(n[0]) + 1u32;
        prop_assert_eq!(value(&out) << BITS, multiple);
        prop_assert!(value(&out) <= value(&n));
    }

    #[test]
    fn products_are_exact(a in limbs(1..9), b in limbs(1..9), extra in 0usize..3) {
        let mut out = vec![7; a.len() + b.len() + extra];
        multiply(&a, &b, &mut out);
        prop_assert_eq!(value(&out), value(&a) * value(&b));
    }
}
