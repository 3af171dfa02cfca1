//! The kernel's unrolled rows, as macros over names.
//!
//! Why macros: accumulators must stay in the 32 vector registers from first to last row. Arrays tempt the compiler to
//! spill them (measured: 1.6–2.1 × slower), so each column of the product is a local variable of its own, and
//! "shift the window by one limb" is dropping the head of a list of names, which costs no instruction.

/// One row: for each limb index `j` and column pair, `column[j] += lo(q·x[j])`, `column[j+1] += hi(q·x[j])`.
macro_rules! mac_row {
    ($q:expr, $x:ident, [] [$($c:ident)*]) => {};
    ($q:expr, $x:ident, [$j:literal $($js:literal)*] [$c0:ident $c1:ident $($cs:ident)*]) => {
        let limb = $x!($j);
        $c0 = _mm512_madd52lo_epu64($c0, $q, limb);
        $c1 = _mm512_madd52hi_epu64($c1, $q, limb);
        mac_row!($q, $x, [$($js)*] [$c1 $($cs)*]);
    };
}

/// All rows of `x·y`, no reduction between them.
macro_rules! mul_rows {
    ($x:ident $y:ident $js:tt, [] $cs:tt) => {};
    ($x:ident $y:ident $js:tt, [$i:literal $($is:literal)*] [$c0:ident $($cs:ident)*]) => {
        let multiplier = $y!($i);
        mac_row!(multiplier, $x, $js [$c0 $($cs)*]);
        mul_rows!($x $y $js, [$($is)*] [$($cs)*]);
    };
}

/// Montgomery rows without quotient (see `limbs::hat`): the head column is the digit, its carry moves up, it leaves.
macro_rules! reduce_rows {
    ($hat:ident $js:tt, [] $cs:tt) => {};
    ($hat:ident $js:tt, [$i:literal $($is:literal)*] [$c0:ident $c1:ident $($cs:ident)*]) => {
        $c1 = _mm512_add_epi64($c1, _mm512_srli_epi64::<52>($c0));
        mac_row!($c0, $hat, $js [$c1 $($cs)*]);
        reduce_rows!($hat $js, [$($is)*] [$c1 $($cs)*]);
    };
}

/// The last Montgomery row, with a quotient, which brings the value back from one limb too many.
macro_rules! last_row {
    ($n:ident $negative_inverse:expr, $js:tt [$c0:ident $c1:ident $($cs:ident)*]) => {
        let quotient = _mm512_madd52lo_epu64(_mm512_setzero_si512(), $c0, $negative_inverse);
        mac_row!(quotient, $n, $js [$c0 $c1 $($cs)*]);
        $c1 = _mm512_add_epi64($c1, _mm512_srli_epi64::<52>($c0));
    };
}

/// `x·y` and its reduction, row by row in turn, so that only 21 columns live at a time.
macro_rules! mul_reduce_rows {
    ($x:ident $y:ident $hat:ident $n:ident $inv:expr, $js:tt, [$i:literal] $cs:tt) => {
        let multiplier = $y!($i);
        mac_row!(multiplier, $x, $js $cs);
        last_row!($n $inv, $js $cs);
    };
    ($x:ident $y:ident $hat:ident $n:ident $inv:expr, $js:tt, [$i:literal $($is:literal)+] [$c0:ident $($cs:ident)*]) => {
        let multiplier = $y!($i);
        mac_row!(multiplier, $x, $js [$c0 $($cs)*]);
        reduce_rows!($hat $js, [$i] [$c0 $($cs)*]);
        mul_reduce_rows!($x $y $hat $n $inv, $js, [$($is)+] [$($cs)*]);
    };
}

/// The products `x[i]·x[j]` with `i < j`, each once. Columns start at the second one.
macro_rules! triangle_rows {
    ($x:ident, [$i:literal] $cs:tt) => {};
    ($x:ident, [$i:literal $($js:literal)+] [$c1:ident $c2:ident $($cs:ident)*]) => {
        let multiplier = $x!($i);
        mac_row!(multiplier, $x, [$($js)+] [$c1 $c2 $($cs)*]);
        triangle_rows!($x, [$($js)+] [$($cs)*]);
    };
}

/// A whole square: triangle rows, and as soon as two columns are complete they are doubled and meet their diagonal.
/// Columns start at the second one; the first is `lo(x[0]²)` alone.
macro_rules! square_rows {
    ($x:ident, [$i:literal] [$c1:ident]) => {
        let limb = $x!($i);
        $c1 = _mm512_madd52hi_epu64(_mm512_add_epi64($c1, $c1), limb, limb);
    };
    ($x:ident, [$i:literal $k:literal $($js:literal)*] [$c1:ident $c2:ident $($cs:ident)*]) => {
        let limb = $x!($i);
        mac_row!(limb, $x, [$k $($js)*] [$c1 $c2 $($cs)*]);
        $c1 = _mm512_madd52hi_epu64(_mm512_add_epi64($c1, $c1), limb, limb);
        let limb = $x!($k);
        $c2 = _mm512_madd52lo_epu64(_mm512_add_epi64($c2, $c2), limb, limb);
        square_rows!($x, [$k $($js)*] [$($cs)*]);
    };
}

/// Moves carries up through the result columns. Bits above the 52nd stay in place: the multiplier ignores them.
macro_rules! store_carried {
    ($r:ident, $below:ident, [] []) => { let _ = $below; };
    ($r:ident, $below:ident, [$j:literal $($js:literal)*] [$c0:ident $($cs:ident)*]) => {
        $c0 = _mm512_add_epi64($c0, _mm512_srli_epi64::<52>($below));
        $r[$j] = $c0;
        store_carried!($r, $c0, [$($js)*] [$($cs)*]);
    };
}

/// Declares columns, all zero.
macro_rules! zero_columns {
    ($($c:ident)*) => { $( let mut $c = _mm512_setzero_si512(); )* };
}

/// Declares columns loaded from `t[0..]`.
macro_rules! load_columns {
    ($t:ident, [$($j:literal)*] [$($c:ident)*]) => {
        $( #[allow(unused_mut, reason = "a triangle leaves its first column alone")] let mut $c = $t[$j]; )*
    };
}

/// Stores columns to `t[0..]`.
macro_rules! store_columns {
    ($t:ident, [$($j:literal)*] [$($c:ident)*]) => { $( $t[$j] = $c; )* };
}

pub(super) use {
    last_row, load_columns, mac_row, mul_reduce_rows, mul_rows, reduce_rows, square_rows, store_carried,
    store_columns, triangle_rows, zero_columns,
};
