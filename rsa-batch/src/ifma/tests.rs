//! The lanes against `num-bigint`. Where the processor lacks the extensions each test ends at once.

use super::blocks::{self, Columns};
use super::lanes::{self, Lanes};
use super::power::{self, Exponent, Space};
use super::table::{ENTRIES, Table};
use super::*;
use num_bigint::BigUint;
use rand_chacha::ChaCha20Rng;
use rsa::rand_core::{RngCore, SeedableRng};

struct Bench<const N: usize> {
    n: BigUint,
    r: BigUint,
    modulus: Box<Modulus<N>>,
    columns: Columns<N>,
    rng: ChaCha20Rng,
}

impl<const N: usize> Bench<N> {
    fn new(n: BigUint, seed: u64) -> Self {
        let modulus = Modulus::new(&n.to_bytes_be()).expect("an odd modulus that fits");
        let columns = [Lanes::zero().0; 3];
        Self {
            n,
            r: BigUint::from(1u32) << (52 * N),
            modulus,
            columns,
            rng: ChaCha20Rng::seed_from_u64(seed),
        }
    }

    fn random(&mut self, limit: &BigUint) -> BigUint {
        let mut bytes = vec![0; 7 * N + 8];
        self.rng.fill_bytes(&mut bytes);
        BigUint::from_bytes_be(&bytes) % limit
    }

    /// Eight numbers below `3n`, the edges among them.
    fn eight(&mut self) -> [BigUint; 8] {
        let top = &self.n * 3u32;
        let mut numbers = std::array::from_fn(|_| self.random(&top));
        let edges = [
            BigUint::ZERO,
            BigUint::from(1u32),
            &top - 1u32,
            self.n.clone(),
            &self.n - 1u32,
        ];
        for edge in edges {
            if self.rng.next_u32() & 1 == 1 {
                numbers[self.rng.next_u32() as usize % 8] = edge;
            }
        }
        numbers
    }

    /// Loaded with rubbish above the 52nd bits, as the kernel leaves it.
    fn untidy(&mut self, numbers: &[BigUint; 8]) -> Lanes<N> {
        let mut lanes = tidy(numbers);
        for word in lanes.words_mut().as_flattened_mut() {
            *word |= self.rng.next_u64() << 52;
        }
        lanes
    }

    /// `value ≡ expected` and `value < 3n`, where the low 52 bits of each limb are the value.
    fn holds(&self, lanes: &Lanes<N>, expected: &[BigUint; 8]) {
        for (value, expected) in values(lanes).iter().zip(expected) {
            assert!(*value < &self.n * 3u32, "N = {N}, n = {:x}: {value:x}", self.n);
            assert_eq!(value % &self.n, expected % &self.n, "N = {N}, n = {:x}", self.n);
        }
    }
}

fn tidy<const N: usize>(numbers: &[BigUint; 8]) -> Lanes<N> {
    let mut lanes = Lanes::zero();
    for (lane, number) in numbers.iter().enumerate() {
        lanes.load(lane, &number.to_bytes_be());
    }
    lanes
}

fn values<const N: usize>(lanes: &Lanes<N>) -> [BigUint; 8] {
    std::array::from_fn(|lane| {
        let limbs = lanes.words().iter().map(|words| words[lane] & crate::limbs::MASK);
        limbs.rev().fold(BigUint::ZERO, |sum, limb| (sum << 52) + limb)
    })
}

/// Odd moduli: tiny, shortest and longest of their length, random.
fn moduli<const N: usize>(rng: &mut ChaCha20Rng) -> Vec<BigUint> {
    let power = |bits: usize| BigUint::from(1u32) << bits;
    let longest = 52 * N - 4;
    let mut moduli = vec![
        BigUint::from(3u32),
        power(52) + 1u32,
        power(52 * N - 16) - 1u32,
        power(52 * N - 17) + 1u32,
        power(longest) - 1u32,
        power(longest - 1) + 1u32,
    ];
    for _ in 0..6 {
        let mut bytes = vec![0; longest / 8];
        rng.fill_bytes(&mut bytes);
        moduli.push(BigUint::from_bytes_be(&bytes) | BigUint::from(1u32));
    }
    moduli
}

fn benches<const N: usize>(mut test: impl FnMut(&mut Bench<N>)) {
    if !available() {
        return;
    }
    let mut rng = ChaCha20Rng::seed_from_u64(N as u64);
    for (seed, n) in moduli::<N>(&mut rng).into_iter().enumerate() {
        test(&mut Bench::new(n, seed as u64));
    }
}

fn products<const N: usize>(rounds: usize) {
    benches::<N>(|bench| {
        let inverse = bench.r.modinv(&bench.n).expect("R is coprime to an odd number");
        for _ in 0..rounds {
            let (a, b) = (bench.eight(), bench.eight());
            let (mut x, y) = (bench.untidy(&a), bench.untidy(&b));
            // SAFETY: `benches` calls only where the extensions are available.
            unsafe { bench.modulus.multiply(&mut x, &y, &mut bench.columns) };
            bench.holds(&x, &std::array::from_fn(|i| &a[i] * &b[i] * &inverse));
            let mut x = bench.untidy(&a);
            // SAFETY: as above.
            unsafe { bench.modulus.square(&mut x, &mut bench.columns) };
            bench.holds(&x, &std::array::from_fn(|i| &a[i] * &a[i] * &inverse));
        }
    });
}

#[test]
fn products_and_squares_are_right_for_20_30_and_40_limbs() {
    products::<20>(200);
    products::<30>(100);
    products::<40>(100);
}

#[test]
fn tiles_and_the_unrolled_kernel_agree() {
    benches::<20>(|bench| {
        let (a, b) = (bench.eight(), bench.eight());
        let (mut x, y) = (bench.untidy(&a), bench.untidy(&b));
        let (mut tiled, mut squared) = (x, x);
        let mut unrolled = x;
        // SAFETY: `benches` calls only where the extensions are available.
        unsafe {
            bench.modulus.multiply(&mut x, &y, &mut bench.columns);
            blocks::product(&mut bench.columns, &tiled.0, &y.0);
            blocks::reduce(&mut tiled.0, &mut bench.columns, &bench.modulus);
            bench.modulus.square(&mut unrolled, &mut bench.columns);
            blocks::squared(&mut bench.columns, &squared.0);
            blocks::reduce(&mut squared.0, &mut bench.columns, &bench.modulus);
        }
        assert_eq!(values(&x), values(&tiled));
        assert_eq!(values(&unrolled), values(&squared));
    });
}

fn forms<const N: usize, const W: usize>() {
    benches::<N>(|bench| {
        let limit = (&bench.n * &bench.r).min(BigUint::from(1u32) << (52 * W));
        let mut wide: [BigUint; 8] = std::array::from_fn(|_| bench.random(&limit));
        wide[0] = &limit - 1u32;
        let mut inside = Lanes::zero();
        // SAFETY: `benches` calls only where the extensions are available.
        unsafe {
            bench
                .modulus
                .enter(&mut inside, &tidy::<W>(&wide), &mut bench.columns)
        };
        bench.holds(&inside, &std::array::from_fn(|i| &wide[i] * &bench.r));
        // SAFETY: as above.
        unsafe {
            bench.modulus.leave(&mut inside, &mut bench.columns);
            bench.modulus.canonical(&mut inside);
        }
        assert_eq!(values(&inside), wide.map(|number| number % &bench.n));
        assert!(
            inside
                .words()
                .as_flattened()
                .iter()
                .all(|word| *word <= crate::limbs::MASK)
        );
    });
}

#[test]
fn montgomery_form_is_entered_and_left_exactly() {
    forms::<20, 40>();
    forms::<30, 60>();
    forms::<40, 80>();
}

#[test]
fn canonical_numbers_are_below_the_modulus() {
    benches::<20>(|bench| {
        let numbers = bench.eight();
        let mut lanes = tidy(&numbers);
        // SAFETY: `benches` calls only where the extensions are available.
        unsafe { bench.modulus.canonical(&mut lanes) };
        assert_eq!(values::<20>(&lanes), numbers.map(|number| number % &bench.n));
    });
}

fn powers<const N: usize>() {
    benches::<N>(|bench| {
        let mut space: Box<Space<N>> = Space::new();
        let base = bench.eight();
        let bits = bench.n.bits() as usize;
        let exponents = [
            BigUint::ZERO,
            BigUint::from(1u32),
            &bench.n - 1u32,
            bench.random(&bench.n.clone()),
        ];
        for exponent in exponents {
            let expected: [BigUint; 8] =
                std::array::from_fn(|i| base[i].modpow(&exponent, &bench.n) * &bench.r);
            let mut lanes = tidy(&std::array::from_fn(|i| (&base[i] * &bench.r) % &bench.n));
            let cut = Exponent::new(&exponent.to_bytes_be(), bits);
            // SAFETY: `benches` calls only where the extensions are available.
            unsafe { power::secret(&bench.modulus, &cut, &mut lanes, &mut space) };
            bench.holds(&lanes, &expected);
        }
        for exponent in [3u64, 5, 17, 257, 65_537, 0xffff_ffff_ffff_ffff] {
            let expected: [BigUint; 8] =
                std::array::from_fn(|i| base[i].modpow(&BigUint::from(exponent), &bench.n) * &bench.r);
            let mut lanes = tidy(&std::array::from_fn(|i| (&base[i] * &bench.r) % &bench.n));
            // SAFETY: as above.
            unsafe { power::public(&bench.modulus, exponent, &mut lanes, &mut space) };
            bench.holds(&lanes, &expected);
        }
    });
}

#[test]
fn powers_are_right_for_secret_and_public_exponents() {
    powers::<20>();
    powers::<30>();
    powers::<40>();
}

#[test]
fn the_table_gives_back_what_was_put_in() {
    if !available() {
        return;
    }
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let entries: [Lanes<20>; ENTRIES] = std::array::from_fn(|_| {
        let mut lanes = Lanes::zero();
        lanes.words_mut().as_flattened_mut().fill_with(|| rng.next_u64());
        lanes
    });
    let mut table = Table::<20>::zero();
    for (i, entry) in entries.iter().enumerate() {
        table.put(i, entry);
    }
    for (i, entry) in entries.iter().enumerate() {
        let mut picked = Lanes::zero();
        // SAFETY: the extensions are available, asked above.
        unsafe {
            table.pick(&mut picked, i as u8, 0..7);
            table.pick(&mut picked, i as u8, 7..20);
        }
        assert_eq!(picked.words(), entry.words());
    }
}

#[test]
fn equality_is_told_lane_by_lane() {
    if !available() {
        return;
    }
    let mut bench = Bench::<20>::new(BigUint::from(3u32), 1);
    let limit = bench.r.clone();
    let numbers: [BigUint; 8] = std::array::from_fn(|_| bench.random(&limit));
    let a = tidy::<20>(&numbers);
    for lane in 0..8 {
        let mut b = a;
        b.words_mut()[lane * 2][lane] ^= 1 << lane;
        // SAFETY: the extensions are available, asked above.
        assert_eq!(unsafe { lanes::equal(&a, &b) }, !(1 << lane));
    }
}

#[test]
fn moduli_that_do_not_fit_are_refused() {
    let power = |bits: usize| BigUint::from(1u32) << bits;
    assert!(Modulus::<20>::new(&(power(1036) + 1u32).to_bytes_be()).is_none());
    assert!(Modulus::<20>::new(&power(1000).to_bytes_be()).is_none());
    assert!(Modulus::<20>::new(&[]).is_none());
    assert!(Modulus::<20>::new(&[1]).is_none());
}
