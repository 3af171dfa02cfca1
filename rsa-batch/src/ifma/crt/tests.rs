//! Faults: whatever goes wrong inside, no wrong plaintext comes out.

use super::*;
use crate::Components;
use num_bigint::BigUint;

// Two primes of 1,024 bits as offsets from powers of two, and all that follows from them.
fn key(disturb: impl FnOnce(&mut [BigUint; 8])) -> PrivateKey {
    let one = BigUint::from(1u32);
    let p: BigUint = (&one << 1024) - 105u32;
    let q: BigUint = (&one << 1023) + 1155u32;
    let e = BigUint::from(65_537u32);
    let d = e.modinv(&((&p - 1u32) * (&q - 1u32))).expect("coprime");
    let (dp, dq) = (&d % (&p - 1u32), &d % (&q - 1u32));
    let q_inverse = q.modinv(&p).expect("distinct primes");
    let mut numbers = [&p * &q, e, d, p, q, dp, dq, q_inverse];
    disturb(&mut numbers);
    let [n, e, d, p, q, dp, dq, q_inverse] = &numbers.map(|number| number.to_bytes_be());
    PrivateKey::from_components(Components {
        n,
        e,
        d,
        p,
        q,
        dp,
        dq,
        q_inverse,
    })
    .expect("plausible numbers")
}

fn verdicts(crt: &Crt<20, 40>) -> Vec<(Vec<u8>, bool)> {
    let ciphertexts: Vec<Vec<u8>> = (0..8u8).map(|i| vec![i + 2; 256 - usize::from(i)]).collect();
    let ciphertexts: Vec<Vec<u8>> = ciphertexts
        .into_iter()
        .map(|c| [vec![0; 256 - c.len()], c].concat())
        .collect();
    let ciphertexts: Vec<&[u8]> = ciphertexts.iter().map(Vec::as_slice).collect();
    let mut out = Vec::new();
    run(
        crt,
        &mut Scratch::new(),
        &ciphertexts,
        &mut [0; 256],
        |_, block, passed| {
            out.push((block.to_vec(), passed));
        },
    );
    out
}

fn prepared(key: &PrivateKey) -> Option<Box<Crt<20, 40>>> {
    super::super::available().then(|| Crt::new(key).expect("primes of 1,024 bits fit"))
}

#[test]
fn a_sound_key_passes_its_check_and_agrees_with_plain_arithmetic() {
    let key = key(|_| ());
    let Some(crt) = prepared(&key) else { return };
    let (n, e) = (BigUint::from_bytes_be(key.n()), BigUint::from(65_537u32));
    for (i, (block, passed)) in verdicts(&crt).into_iter().enumerate() {
        assert!(passed);
        let mut ciphertext = vec![0; i];
        ciphertext.resize(256, i as u8 + 2);
        assert_eq!(
            BigUint::from_bytes_be(&block).modpow(&e, &n),
            BigUint::from_bytes_be(&ciphertext)
        );
    }
}

#[test]
fn a_wrong_exponent_or_coefficient_in_the_key_file_is_caught() {
    for which in [5, 6, 7] {
        let wrong = key(|numbers| numbers[which] ^= BigUint::from(4u32));
        let Some(crt) = prepared(&wrong) else { return };
        assert!(verdicts(&crt).iter().all(|(_, passed)| !passed), "number {which}");
    }
}

#[test]
fn a_flipped_bit_in_any_prepared_constant_is_caught() {
    let key = key(|_| ());
    let flips: [fn(&mut Crt<20, 40>); 10] = [
        |crt| crt.q_inverse[3] ^= 1 << 17,
        |crt| crt.p.n[7] ^= 1 << 33,
        |crt| crt.q.n[0] ^= 1 << 1,
        |crt| crt.p.hat[0] ^= 1,
        |crt| crt.q.hat[19] ^= 1 << 20,
        |crt| crt.p.one[1] ^= 1 << 5,
        |crt| crt.q.square_of_r[2] ^= 1 << 5,
        |crt| crt.p.square_of_r[2] ^= 1 << 5,
        |crt| crt.p.cube_of_r[9] ^= 1 << 8,
        |crt| crt.q.negative_inverse ^= 1 << 50,
    ];
    for (i, flip) in flips.iter().enumerate() {
        let Some(mut crt) = prepared(&key) else { return };
        let sound: Vec<Vec<u8>> = verdicts(&crt).into_iter().map(|(block, _)| block).collect();
        flip(&mut crt);
        for ((block, passed), sound) in verdicts(&crt).into_iter().zip(sound) {
            assert!(
                !passed || block == sound,
                "flip {i} let a wrong plaintext through"
            );
        }
    }
}

#[test]
fn dropping_leaves_no_constant_behind() {
    let key = key(|_| ());
    let Some(modulus) = super::super::available().then(|| Modulus::<20>::new(key.p()).expect("it fits"))
    else {
        return;
    };
    // SAFETY: the memory stays allocated between the two calls and holds plain integers, which `drop_in_place` only
    // overwrites; it is freed by hand with the layout it was allocated with, so nothing is dropped twice.
    unsafe {
        let raw = Box::into_raw(modulus);
        std::ptr::drop_in_place(raw);
        assert!(
            (*raw)
                .n
                .iter()
                .chain(&(*raw).hat)
                .chain(&(*raw).one)
                .chain(&(*raw).square_of_r)
                .chain(&(*raw).cube_of_r)
                .all(|limb| *limb == 0)
        );
        std::alloc::dealloc(raw.cast(), std::alloc::Layout::new::<Modulus<20>>());
    }
}
