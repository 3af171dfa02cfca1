use super::*;
use proptest::prelude::*;

/// RFC 8017 §7.2.2 step 3 read aloud, with as many branches as it likes.
fn plainly(block: &[u8]) -> Option<Vec<u8>> {
    let rest = block.strip_prefix(&[0, 2])?;
    let zero = rest.iter().position(|byte| *byte == 0)?;
    (zero >= 8).then(|| rest[zero + 1..].to_vec())
}

fn removed(block: &[u8]) -> Option<Vec<u8>> {
    remove(&mut block.to_vec()).ok().map(|message| message.to_vec())
}

#[test]
fn the_first_zero_decides_wherever_it_stands() {
    let lengths: &[usize] = if cfg!(miri) {
        &[11, 20]
    } else {
        &[11, 12, 255, 256, 257, 384, 512]
    };
    for length in lengths.iter().copied() {
        for zero in 2..length {
            let mut block = vec![0x5a; length];
            (block[0], block[1], block[zero]) = (0, 2, 0);
            if zero + 3 < length {
                block[zero + 3] = 0; // a later zero belongs to the message
            }
            assert_eq!(
                removed(&block),
                plainly(&block),
                "length {length}, zero at {zero}"
            );
            assert_eq!(removed(&block).is_some(), zero >= 10);
        }
    }
}

#[test]
fn every_wrong_beginning_is_refused() {
    let last = if cfg!(miri) { 3 } else { 255 };
    for first in 0..=last {
        for second in 0..=last {
            let mut block = [0x5a; 32];
            (block[0], block[1], block[20]) = (first, second, 0);
            assert_eq!(removed(&block).is_some(), (first, second) == (0, 2));
        }
    }
}

#[test]
fn blocks_without_end_or_room_are_refused() {
    let mut endless = [0xff; 256];
    (endless[0], endless[1]) = (0, 2);
    assert_eq!(removed(&endless), None);
    assert_eq!(removed(&[0; 256]), None);
    for length in 0..11 {
        let mut short = vec![1; length];
        if length > 2 {
            (short[0], short[1], short[length - 1]) = (0, 2, 0);
        }
        assert_eq!(removed(&short), None);
    }
}

/// Under Miri each step takes about a thousand times as long, and there is no directory to keep failures in.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Longest block of the property below.
const LONGEST: usize = if cfg!(miri) { 24 } else { 300 };

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_block_is_read_as_the_standard_says(
        mut block in proptest::collection::vec(prop_oneof![1 => Just(0u8), 30 => any::<u8>()], 2..LONGEST),
        begin in any::<bool>(),
    ) {
        if begin {
            (block[0], block[1]) = (0, 2);
        }
        prop_assert_eq!(removed(&block), plainly(&block));
    }
}
