//! All RSA implementations give the same answer to every block, good or bad.

use ::rsa::{BigUint, RsaPublicKey, traits::PublicKeyParts};
use proptest::prelude::*;
use rand_chacha::rand_core::RngCore;
use shiguan::unseal::{Implementation, OpenFault, Plain, PrivateKey, RsaOpener};

use super::{key, public, seal, seeded, stranger};

type Answer = Result<Plain, OpenFault>;

fn openers(key: &PrivateKey) -> [Box<dyn RsaOpener>; 3] {
    Implementation::ALL.map(|implementation| implementation.engine().prepare(key).unwrap())
}

/// What all say; panics when one differs.
fn agreed(openers: &[Box<dyn RsaOpener>; 3], blocks: &[Vec<u8>]) -> Vec<Answer> {
    let blocks: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
    let [one, others @ ..] = openers.each_ref().map(|opener| opener.open(&blocks));
    assert_eq!(one.len(), blocks.len());
    for other in &others {
        for (at, (one, other)) in one.iter().zip(other).enumerate() {
            assert_eq!(one, other, "block {at}");
        }
    }
    one
}

/// `m^e mod n` as a block: a sealed block with any padding one likes.
fn raw(public: &RsaPublicKey, padded: &[u8]) -> Vec<u8> {
    let number = BigUint::from_bytes_be(padded).modpow(public.e(), public.n());
    left_padded(&number, public.size())
}

fn left_padded(number: &BigUint, length: usize) -> Vec<u8> {
    let digits = number.to_bytes_be();
    let mut block = vec![0; length - digits.len()];
    block.extend(digits);
    block
}

/// 00 02, nonzero padding, 00, message.
fn padded(length: usize, message: &[u8]) -> Vec<u8> {
    let mut block = vec![0xa5; length];
    block[0] = 0;
    block[1] = 2;
    block[length - message.len() - 1] = 0;
    block[length - message.len()..].copy_from_slice(message);
    block
}

#[test]
fn valid_blocks_of_every_length_open() {
    for bits in [2048, 3072, 4096] {
        let key = key(bits);
        let longest = key.sealed_len() - 11;
        let mut random = seeded(bits as u64);
        let messages: Vec<Vec<u8>> = [0, 1, 2, 31, 32, 88, 100, longest - 1, longest]
            .into_iter()
            .map(|length| {
                let mut message = vec![0; length];
                random.fill_bytes(&mut message);
                message
            })
            .collect();
        let blocks: Vec<_> = messages.iter().map(|message| seal(&key, message)).collect();
        for (message, answer) in messages.iter().zip(agreed(&openers(&key), &blocks)) {
            assert_eq!(&answer.unwrap()[..], message);
        }
    }
}

#[test]
fn blocks_that_are_no_sealed_key_are_rejected_by_both() {
    for bits in [2048, 3072, 4096] {
        let key = key(bits);
        let (public, length) = (public(&key), key.sealed_len());
        let n = public.n();
        let mut random = seeded(7 + bits as u64);
        let mut blocks = vec![
            vec![0; length],                           // 0
            left_padded(&BigUint::from(1_u8), length), // 1
            left_padded(&BigUint::from(2_u8), length), // 2
            left_padded(&(n - 1_u8), length),          // n - 1
            left_padded(n, length),                    // n
            left_padded(&(n + 1_u8), length),          // n + 1
            vec![0xff; length],                        // far above n
        ];
        for _ in 0..24 {
            let mut block = vec![0; length];
            random.fill_bytes(&mut block);
            blocks.push(block);
        }
        for (at, answer) in agreed(&openers(&key), &blocks).into_iter().enumerate() {
            assert_eq!(answer, Err(OpenFault::Rejected), "{bits} bits, block {at}");
        }
    }
}

#[test]
fn a_value_that_differs_from_a_good_block_by_the_modulus_is_rejected() {
    // The same residue, but not the block that was sealed. Only a block small enough leaves room for it.
    let key = key(2048);
    let n = public(&key).n().clone();
    let limit = BigUint::from(1_u8) << 2048;
    let block = (0..200)
        .map(|_| seal(&key, b"a message key"))
        .map(|block| BigUint::from_bytes_be(&block) + &n)
        .find(|number| number < &limit)
        .expect("one of 200 sealed blocks is small");
    let answers = agreed(&openers(&key), &[left_padded(&block, 256)]);
    assert_eq!(answers[0], Err(OpenFault::Rejected));
}

#[test]
fn bad_paddings_are_rejected_and_the_edge_of_good_ones_is_not() {
    for bits in [2048, 3072, 4096] {
        let key = key(bits);
        let (public, length) = (public(&key), key.sealed_len());
        let message = b"sixteen letters!";
        let good = padded(length, message);
        let with = |at: usize, byte: u8| {
            let mut block = good.clone();
            block[at] = byte;
            block
        };
        let mut no_separator = vec![0xa5; length];
        (no_separator[0], no_separator[1]) = (0, 2);
        let mut separator_last = no_separator.clone();
        separator_last[length - 1] = 0;
        let mut shortest = no_separator.clone();
        shortest[10] = 0;
        let cases = [
            ("good", good.clone(), Some(message.to_vec())),
            ("empty message", separator_last, Some(Vec::new())),
            ("eight bytes of padding", shortest, Some(vec![0xa5; length - 11])),
            ("block type 1", with(1, 1), None),
            ("block type 0", with(1, 0), None),
            ("first byte 1", with(0, 1), None),
            ("no separator", no_separator, None),
            ("two bytes of padding", with(4, 0), None),
            ("seven bytes of padding", with(9, 0), None),
            ("no padding at all", with(2, 0), None),
        ];
        let blocks: Vec<_> = cases.iter().map(|(_, block, _)| raw(&public, block)).collect();
        for ((name, _, expected), answer) in cases.iter().zip(agreed(&openers(&key), &blocks)) {
            assert_eq!(
                answer.ok().map(|plain| plain.to_vec()),
                *expected,
                "{bits} bits, {name}"
            );
        }
    }
}

#[test]
fn blocks_with_leading_zeros_open_and_lose_them_at_their_peril() {
    let key = key(2048);
    // One block in 256 begins with a zero byte.
    let block = (0..20_000)
        .map(|number: u32| seal(&key, format!("message key {number}").as_bytes()))
        .find(|block| block[0] == 0)
        .expect("one block in 256 begins with zero");
    let answers = agreed(&openers(&key), &[block.clone(), block[1..].to_vec()]);
    assert!(answers[0].as_ref().unwrap().starts_with(b"message key "));
    assert_eq!(
        answers[1],
        Err(OpenFault::Length {
            given: 255,
            wanted: 256
        })
    );
}

#[test]
fn other_lengths_and_other_keys_are_told_apart() {
    let key = key(2048);
    let block = seal(&key, b"a message key");
    let mut longer = block.clone();
    longer.insert(0, 0);
    let blocks = [
        block[..255].to_vec(),
        longer,
        Vec::new(),
        block.clone(),
        seal(&stranger(), b"a message key"),
    ];
    let answers = agreed(&openers(&key), &blocks);
    for (answer, given) in answers.iter().zip([255, 257, 0]) {
        assert_eq!(*answer, Err(OpenFault::Length { given, wanted: 256 }));
    }
    assert_eq!(&answers[3].as_ref().unwrap()[..], b"a message key");
    assert_eq!(answers[4], Err(OpenFault::Rejected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any message, any flipped bits, any size: the same bytes or the same fault.
    #[test]
    fn any_block_gets_one_answer(
        bits in prop::sample::select(vec![2048_usize, 2048, 3072, 4096]),
        message in prop::collection::vec(any::<u8>(), 0..200),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let key = key(bits);
        let mut block = seal(&key, &message);
        for (at, bits) in flips {
            let at = at.index(block.len());
            block[at] ^= bits;
        }
        agreed(&openers(&key), &[block]);
    }

    /// Any padded block, correct or not, built below the padding layer.
    #[test]
    fn any_padding_gets_one_answer(
        head in prop::array::uniform2(0_u8..4),
        zeros in prop::collection::vec(2_usize..256, 0..4),
        fill in 1_u8..,
    ) {
        let key = key(2048);
        let mut block = vec![fill; 256];
        block[0] = head[0];
        block[1] = head[1];
        for at in zeros {
            block[at] = 0;
        }
        agreed(&openers(&key), &[raw(&public(&key), &block)]);
    }
}
