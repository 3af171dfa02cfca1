//! MD5: a lane of a vector for each stream. A step is the same few additions, a rotation and a choice of bits for all of
//! them, and takes as long for sixteen as for one.

use std::hint::black_box;

use fearless_simd::{Level, Simd, dispatch, prelude::*, u32x4, u32x8, u32x16};

use crate::stream::{BLOCK, Kernel};

/// See [`crate::Md5`].
#[derive(Debug, Clone, Copy)]
pub enum Md5 {}

type State = [u32; 4];
type Block = [u8; BLOCK];

impl Kernel for Md5 {
    type State = State;
    type Output = [u8; 16];
    const START: State = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
    const LANES: usize = 16;

    fn blocks(states: &mut [&mut State], blocks: &[&[Block]]) {
        with(Level::new(), states, blocks);
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_le_bytes()
    }

    fn output(state: State) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (four, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
            *four = word.to_le_bytes();
        }
        bytes
    }
}

fn with(level: Level, states: &mut [&mut State], blocks: &[&[Block]]) {
    match blocks.len() {
        // Vectors that rotate in one step are quicker even with a single lane in use.
        1 if level.as_avx512().is_none() => blocks[0].iter().for_each(|block| one(states[0], block)),
        1..=4 => dispatch!(level, simd => lanes::<_, u32x4<_>, 4>(simd, states, blocks)),
        5..=8 => dispatch!(level, simd => lanes::<_, u32x8<_>, 8>(simd, states, blocks)),
        _ => dispatch!(level, simd => lanes::<_, u32x16<_>, 16>(simd, states, blocks)),
    }
}

/// The constants of the steps. They are read from memory: one that the compiler knows, it adds last, where the next step waits
/// for it.
#[rustfmt::skip]
static CONSTANTS: [u32; 64] = [
    0xD76A_A478, 0xE8C7_B756, 0x2420_70DB, 0xC1BD_CEEE, 0xF57C_0FAF, 0x4787_C62A, 0xA830_4613, 0xFD46_9501,
    0x6980_98D8, 0x8B44_F7AF, 0xFFFF_5BB1, 0x895C_D7BE, 0x6B90_1122, 0xFD98_7193, 0xA679_438E, 0x49B4_0821,
    0xF61E_2562, 0xC040_B340, 0x265E_5A51, 0xE9B6_C7AA, 0xD62F_105D, 0x0244_1453, 0xD8A1_E681, 0xE7D3_FBC8,
    0x21E1_CDE6, 0xC337_07D6, 0xF4D5_0D87, 0x455A_14ED, 0xA9E3_E905, 0xFCEF_A3F8, 0x676F_02D9, 0x8D2A_4C8A,
    0xFFFA_3942, 0x8771_F681, 0x6D9D_6122, 0xFDE5_380C, 0xA4BE_EA44, 0x4BDE_CFA9, 0xF6BB_4B60, 0xBEBF_BC70,
    0x289B_7EC6, 0xEAA1_27FA, 0xD4EF_3085, 0x0488_1D05, 0xD9D4_D039, 0xE6DB_99E5, 0x1FA2_7CF8, 0xC4AC_5665,
    0xF429_2244, 0x432A_FF97, 0xAB94_23A7, 0xFC93_A039, 0x655B_59C3, 0x8F0C_CC92, 0xFFEF_F47D, 0x8584_5DD1,
    0x6FA8_7E4F, 0xFE2C_E6E0, 0xA301_4314, 0x4E08_11A1, 0xF753_7E82, 0xBD3A_F235, 0x2AD7_D2BB, 0xEB86_D391,
];

/// The 64 steps. `$step` is given the function, the four words in this step's order, and the numbers of the constant and of the
/// message's word, and the rotation.
macro_rules! steps {
    ($step:ident $a:ident $b:ident $c:ident $d:ident) => {
        steps!($step F $a $b $c $d, [7 12 17 22],
            [0 0 1 1 2 2 3 3] [4 4 5 5 6 6 7 7]
            [8 8 9 9 10 10 11 11] [12 12 13 13 14 14 15 15]);
        steps!($step G $a $b $c $d, [5 9 14 20],
            [16 1 17 6 18 11 19 0] [20 5 21 10 22 15 23 4]
            [24 9 25 14 26 3 27 8] [28 13 29 2 30 7 31 12]);
        steps!($step H $a $b $c $d, [4 11 16 23],
            [32 5 33 8 34 11 35 14] [36 1 37 4 38 7 39 10]
            [40 13 41 0 42 3 43 6] [44 9 45 12 46 15 47 2]);
        steps!($step I $a $b $c $d, [6 10 15 21],
            [48 0 49 7 50 14 51 5] [52 12 53 3 54 10 55 1]
            [56 8 57 15 58 6 59 13] [60 4 61 11 62 2 63 9]);
    };
    ($step:ident $f:ident $a:ident $b:ident $c:ident $d:ident, $rotations:tt, $($four:tt)*) => {
        $(steps!(@ $step $f $a $b $c $d, $rotations, $four);)*
    };
    (@ $step:ident $f:ident $a:ident $b:ident $c:ident $d:ident, [$r0:literal $r1:literal $r2:literal $r3:literal],
        [$k0:literal $w0:literal $k1:literal $w1:literal $k2:literal $w2:literal $k3:literal $w3:literal]) => {
        $step!($f $a $b $c $d, $k0, $w0, $r0);
        $step!($f $d $a $b $c, $k1, $w1, $r1);
        $step!($f $c $d $a $b, $k2, $w2, $r2);
        $step!($f $b $c $d $a, $k3, $w3, $r3);
    };
}

/// One stream, in the processor's ordinary registers.
fn one(state: &mut State, block: &Block) {
    let mut words = [0; 16];
    for (word, four) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_le_bytes(*four);
    }
    let constants = black_box(&CONSTANTS);
    let [mut a, mut b, mut c, mut d] = *state;
    // What does not wait for `b`, the word that came last, is added first.
    macro_rules! step {
        (F $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
            step!($a $b, $k, $w, $r, 0, $d ^ ($b & ($c ^ $d)))
        };
        (G $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
            step!($a $b, $k, $w, $r, !$d & $c, $d & $b)
        };
        (H $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
            step!($a $b, $k, $w, $r, 0, $b ^ ($c ^ $d))
        };
        (I $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
            step!($a $b, $k, $w, $r, 0, $c ^ ($b | !$d))
        };
        ($a:ident $b:ident, $k:literal, $w:literal, $r:literal, $early:expr, $late:expr) => {
            $a = $a
                .wrapping_add(words[$w])
                .wrapping_add(constants[$k])
                .wrapping_add($early)
                .wrapping_add($late)
                .rotate_left($r)
                .wrapping_add($b)
        };
    }
    steps!(step a b c d);
    for (word, after) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(after);
    }
}

/// Up to `N` streams; lanes without one repeat the last.
#[inline(always)]
fn lanes<S: Simd, V: SimdInt<S, Element = u32>, const N: usize>(
    simd: S,
    states: &mut [&mut State],
    blocks: &[&[Block]],
) {
    let last = blocks.len() - 1;
    let streams: [&[Block]; N] = std::array::from_fn(|lane| blocks[lane.min(last)]);
    let mut state: [V; 4] = std::array::from_fn(|word| V::from_fn(simd, |lane| states[lane.min(last)][word]));
    let constants = black_box(&CONSTANTS);
    let mut rows = [[0; N]; 16];
    for at in 0..blocks[0].len() {
        for (lane, stream) in streams.iter().enumerate() {
            for (row, four) in rows.iter_mut().zip(stream[at].as_chunks().0) {
                row[lane] = u32::from_le_bytes(*four);
            }
        }
        let words: [V; 16] = std::array::from_fn(|word| V::from_slice(simd, &rows[word]));
        let [mut a, mut b, mut c, mut d] = state;
        macro_rules! step {
            (F $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
                step!($a $b, $k, $w, $r, ($b & $c) | (!$b & $d))
            };
            (G $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
                step!($a $b, $k, $w, $r, ($d & $b) | (!$d & $c))
            };
            (H $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
                step!($a $b, $k, $w, $r, $b ^ $c ^ $d)
            };
            (I $a:ident $b:ident $c:ident $d:ident, $k:literal, $w:literal, $r:literal) => {
                step!($a $b, $k, $w, $r, $c ^ ($b | !$d))
            };
            ($a:ident $b:ident, $k:literal, $w:literal, $r:literal, $f:expr) => {{
                let sum = $a + (words[$w] + constants[$k]) + $f;
                $a = ((sum << $r) | (sum >> (32 - $r))) + $b;
            }};
        }
        steps!(step a b c d);
        state = [state[0] + a, state[1] + b, state[2] + c, state[3] + d];
    }
    let mut lanes = [0; N];
    for (word, after) in state.iter().enumerate() {
        after.store_slice(&mut lanes);
        for (state, lane) in states.iter_mut().zip(lanes) {
            state[word] = lane;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever this processor has and a lesser one would use.
    fn levels() -> Vec<Level> {
        let now = Level::new();
        let mut levels = vec![now, Level::baseline()];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(now.as_avx2().map(Level::Avx2));
            levels.extend(now.as_sse4_2().map(Level::Sse4_2));
        }
        levels
    }

    #[test]
    fn all_processors_agree_for_every_number_of_streams() {
        let streams: Vec<[Block; 3]> = (0..16)
            .map(|stream| {
                std::array::from_fn(|block| std::array::from_fn(|at| (at ^ (stream * 13 + block * 64)) as u8))
            })
            .collect();
        let alone: Vec<State> = streams
            .iter()
            .map(|blocks| {
                let mut state = Md5::START;
                blocks.iter().for_each(|block| one(&mut state, block));
                state
            })
            .collect();
        for level in levels() {
            for count in 1..=streams.len() {
                let mut states = vec![Md5::START; count];
                let blocks: Vec<&[Block]> = streams[..count].iter().map(|blocks| &blocks[..]).collect();
                with(level, &mut states.iter_mut().collect::<Vec<_>>(), &blocks);
                assert_eq!(states, alone[..count], "{level:?}, {count}");
            }
        }
    }
}
