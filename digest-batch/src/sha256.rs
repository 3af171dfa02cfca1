//! SHA-256: two streams in turns. The processor's instruction for two rounds takes four times as long to answer as to be
//! asked again, so a second stream fits into the waits of the first. A third would not fit into the registers.

use fearless_simd::Level;
#[cfg(target_arch = "x86_64")]
use fearless_simd::kernel;
use sha2::{compress256, digest::generic_array::GenericArray};

use crate::stream::{BLOCK, Kernel};

/// The constants of the rounds, four at a time.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ROUNDS: [[u32; 4]; 16] = [
    [0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5], [0x3956_C25B, 0x59F1_11F1, 0x923F_82A4, 0xAB1C_5ED5],
    [0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3], [0x72BE_5D74, 0x80DE_B1FE, 0x9BDC_06A7, 0xC19B_F174],
    [0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC], [0x2DE9_2C6F, 0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA],
    [0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7], [0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967],
    [0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC, 0x5338_0D13], [0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85],
    [0xA2BF_E8A1, 0xA81A_664B, 0xC24B_8B70, 0xC76C_51A3], [0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070],
    [0x19A4_C116, 0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5], [0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3],
    [0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208], [0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7, 0xC671_78F2],
];

/// See [`crate::Sha256`].
#[derive(Debug, Clone, Copy)]
pub enum Sha256 {}

type State = [u32; 8];
type Block = [u8; BLOCK];

impl Kernel for Sha256 {
    type State = State;
    type Output = [u8; 32];
    const START: State = [
        0x6A09_E667,
        0xBB67_AE85,
        0x3C6E_F372,
        0xA54F_F53A,
        0x510E_527F,
        0x9B05_688C,
        0x1F83_D9AB,
        0x5BE0_CD19,
    ];
    const LANES: usize = 2;

    fn blocks(states: &mut [&mut State], blocks: &[&[Block]]) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(simd), [one, other], [first, second]) = (Level::new().as_avx512(), &mut *states, blocks)
        {
            return two(simd, one, other, first, second);
        }
        alone(states, blocks);
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }

    fn output(state: State) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (four, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
            *four = word.to_be_bytes();
        }
        bytes
    }
}

/// What every processor can, with its instruction for it or without.
fn alone(states: &mut [&mut State], blocks: &[&[Block]]) {
    for (state, blocks) in states.iter_mut().zip(blocks) {
        let mut few = [GenericArray::default(); 16];
        for blocks in blocks.chunks(few.len()) {
            for (copy, block) in few.iter_mut().zip(blocks) {
                *copy = GenericArray::from(*block);
            }
            compress256(state, &few[..blocks.len()]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
kernel!(
    fn two(_simd: Avx512, one: &mut State, other: &mut State, first: &[Block], second: &[Block]) {
        use std::arch::x86_64::{
            __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x,
            _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
            _mm_shuffle_epi8, _mm_shuffle_epi32,
        };

        let mut states = [one, other];
        // The instruction has its words in this order, the last named lowest.
        let mut abef = [_mm_setzero_si128(); 2];
        let mut cdgh = abef;
        for (lane, state) in states.iter().enumerate() {
            let [a, b, c, d, e, f, g, h] = state.map(|word| word as i32);
            abef[lane] = _mm_set_epi32(a, b, e, f);
            cdgh[lane] = _mm_set_epi32(c, d, g, h);
        }
        let big_endian = _mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203);
        for (first, second) in first.iter().zip(second) {
            let mut message = [[_mm_setzero_si128(); 4]; 2];
            for (words, block) in message.iter_mut().zip([first, second]) {
                for (four, bytes) in words.iter_mut().zip(block.as_chunks::<16>().0) {
                    let both = u128::from_le_bytes(*bytes);
                    let bytes = _mm_set_epi64x((both >> 64) as i64, both as i64);
                    *four = _mm_shuffle_epi8(bytes, big_endian);
                }
            }
            let before = [abef, cdgh];
            for (at, [k0, k1, k2, k3]) in ROUNDS.iter().map(|four| four.map(|k| k as i32)).enumerate() {
                let constants = _mm_set_epi32(k3, k2, k1, k0);
                for lane in 0..2 {
                    let words: &mut [__m128i; 4] = &mut message[lane];
                    let sum = _mm_add_epi32(words[at % 4], constants);
                    cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
                    abef[lane] =
                        _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32::<0x0E>(sum));
                    if at < 12 {
                        let [next, after, last] = [1, 2, 3].map(|ahead| words[(at + ahead) % 4]);
                        let mixed = _mm_sha256msg1_epu32(words[at % 4], next);
                        let mixed = _mm_add_epi32(mixed, _mm_alignr_epi8::<4>(last, after));
                        words[at % 4] = _mm_sha256msg2_epu32(mixed, last);
                    }
                }
            }
            for lane in 0..2 {
                abef[lane] = _mm_add_epi32(abef[lane], before[0][lane]);
                cdgh[lane] = _mm_add_epi32(cdgh[lane], before[1][lane]);
            }
        }
        for (lane, state) in states.iter_mut().enumerate() {
            let (high, low) = (abef[lane], cdgh[lane]);
            **state = [
                _mm_extract_epi32::<3>(high),
                _mm_extract_epi32::<2>(high),
                _mm_extract_epi32::<3>(low),
                _mm_extract_epi32::<2>(low),
                _mm_extract_epi32::<1>(high),
                _mm_extract_epi32::<0>(high),
                _mm_extract_epi32::<1>(low),
                _mm_extract_epi32::<0>(low),
            ]
            .map(|word| word as u32);
        }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_turns_are_what_they_are_alone() {
        let streams: [[Block; 5]; 2] = std::array::from_fn(|stream| {
            std::array::from_fn(|block| std::array::from_fn(|at| (at * 3 + block * 71 + stream * 19) as u8))
        });
        let blocks = [&streams[0][..], &streams[1][..]];
        let (mut together, mut apart) = ([Sha256::START; 2], [Sha256::START; 2]);
        Sha256::blocks(&mut together.iter_mut().collect::<Vec<_>>(), &blocks);
        alone(&mut apart.iter_mut().collect::<Vec<_>>(), &blocks);
        assert_eq!(together, apart);
        assert_ne!(together[0], together[1]);
    }
}
