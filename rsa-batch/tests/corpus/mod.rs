//! Keys and ciphertexts shared by the outside tests and the `oracle` example.
//!
//! A record is made backwards: first the padded block, sound or with one chosen defect, then its ciphertext with the
//! public exponent (`num-bigint`). So what must come out is known without any private-key operation.

#![allow(dead_code, reason = "every test binary uses its own part")]

use num_bigint::BigUint;
use rand_chacha::ChaCha20Rng;
use rsa::rand_core::{RngCore, SeedableRng};
use rsa::{BigUint as Dig, RsaPrivateKey};
use rsa_batch::{Components, PrivateKey};

/// One key pair in every form the comparison needs.
pub struct Pair {
    pub name: &'static str,
    pub key: PrivateKey,
    pub oracle: RsaPrivateKey,
    pub n: BigUint,
    pub e: BigUint,
    pub size: usize,
}

/// All pairs of `keys.txt`: name, public exponent, primes. Made once, for tests only.
pub fn pairs() -> impl Iterator<Item = Pair> {
    include_str!("keys.txt").lines().map(pair)
}

/// The pair of that name.
pub fn named(name: &str) -> Pair {
    let is_named = |line: &&str| line.split(' ').next() == Some(name);
    pair(
        include_str!("keys.txt")
            .lines()
            .find(is_named)
            .expect("a name of keys.txt"),
    )
}

fn pair(line: &'static str) -> Pair {
    let mut fields = line.split(' ');
    let name = fields.next().expect("a name");
    let e = BigUint::parse_bytes(fields.next().expect("an exponent").as_bytes(), 10).expect("decimal");
    let mut prime =
        || BigUint::parse_bytes(fields.next().expect("a prime").as_bytes(), 16).expect("hexadecimal");
    let (p, q) = (prime(), prime());
    let (p1, q1) = (&p - 1u32, &q - 1u32);
    let n = &p * &q;
    let d = e.modinv(&(&p1 * &q1)).expect("e is coprime to both");
    let key = PrivateKey::from_components(Components {
        n: &n.to_bytes_be(),
        e: &e.to_bytes_be(),
        d: &d.to_bytes_be(),
        p: &p.to_bytes_be(),
        q: &q.to_bytes_be(),
        dp: &(&d % &p1).to_bytes_be(),
        dq: &(&d % &q1).to_bytes_be(),
        q_inverse: &q.modinv(&p).expect("distinct primes").to_bytes_be(),
    })
    .expect("consistent numbers");
    let dig = |number: &BigUint| Dig::from_bytes_be(&number.to_bytes_be());
    // `rsa` 0.9 brings a difference into range by adding the first prime until it is positive, which never ends when
    // that prime is many bits shorter than the second; so there the longer one comes first.
    let primes = vec![dig((&p).max(&q)), dig((&p).min(&q))];
    let oracle = RsaPrivateKey::from_components(dig(&n), dig(&e), dig(&d), primes).expect("a key");
    let size = n.to_bytes_be().len();
    Pair {
        name,
        key,
        oracle,
        n,
        e,
        size,
    }
}

impl Pair {
    /// `block^e mod n`, as long as the modulus.
    pub fn encrypt(&self, block: &[u8]) -> Vec<u8> {
        self.sized(&BigUint::from_bytes_be(block).modpow(&self.e, &self.n))
    }

    /// A number as a ciphertext.
    pub fn sized(&self, number: &BigUint) -> Vec<u8> {
        let bytes = number.to_bytes_be();
        let mut out = vec![0; self.size - bytes.len()];
        out.extend(bytes);
        out
    }

    /// What `rsa` makes of a ciphertext.
    pub fn pure(&self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        self.oracle.decrypt(rsa::Pkcs1v15Encrypt, ciphertext).ok()
    }
}

/// What must come out of a record, where that is known beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Message(Vec<u8>),
    Padding,
    Range,
    /// Only another implementation can tell.
    Unknown,
}

/// One ciphertext.
pub struct Record {
    pub kind: &'static str,
    pub ciphertext: Vec<u8>,
    pub expected: Expected,
}

/// An endless seeded stream of records, all kinds in turn.
pub struct Stream<'a> {
    pair: &'a Pair,
    rng: ChaCha20Rng,
    turn: usize,
}

impl<'a> Stream<'a> {
    pub fn new(pair: &'a Pair, seed: u64) -> Self {
        Self {
            pair,
            rng: ChaCha20Rng::seed_from_u64(seed),
            turn: 0,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.rng.next_u64() % limit as u64) as usize
    }

    /// A sound block with a message of the given length.
    fn block(&mut self, length: usize) -> Vec<u8> {
        let size = self.pair.size;
        let mut block = vec![0; size];
        self.rng.fill_bytes(&mut block);
        (block[0], block[1]) = (0, 2);
        for byte in &mut block[2..size - length - 1] {
            *byte = (*byte).max(1);
        }
        block[size - length - 1] = 0;
        block
    }

    fn number(&mut self, number: BigUint, expected: Expected) -> (Vec<u8>, Expected) {
        (self.pair.sized(&number), expected)
    }

    fn made(&mut self, kind: usize) -> (&'static str, Vec<u8>, Expected) {
        let (size, pair) = (self.pair.size, self.pair);
        let longest = size - 11;
        let any = self.below(longest + 1);
        let sealed = |block: &[u8], expected| (pair.encrypt(block), expected);
        let message = |block: &[u8], length| Expected::Message(block[size - length..].to_vec());
        let mut block = self.block(any);
        let (kind, (ciphertext, expected)) = match kind {
            0 => ("sound", sealed(&block, message(&block, any))),
            1 => {
                let block = self.block(32); // as WeCom's records have it
                ("sound, 32 bytes", sealed(&block, message(&block, 32)))
            }
            2 => {
                let block = self.block(0);
                ("sound, empty", sealed(&block, message(&block, 0)))
            }
            3 => {
                let block = self.block(longest);
                ("sound, longest", sealed(&block, message(&block, longest)))
            }
            4 => {
                block[0] = 1;
                ("first byte 1", sealed(&block, Expected::Padding)) // still below n, whose top byte is at least 0x80
            }
            5 => {
                block[1] = [0, 1, 3, 0x82, 0xff][self.below(5)];
                ("second byte not 2", sealed(&block, Expected::Padding))
            }
            6 => {
                let at = 2 + self.below(8);
                block[at] = 0;
                ("filling too short", sealed(&block, Expected::Padding))
            }
            7 => {
                for byte in &mut block[2..] {
                    *byte = (*byte).max(1);
                }
                ("no zero byte", sealed(&block, Expected::Padding))
            }
            8 => {
                block[2..].fill(0);
                ("no filling", sealed(&block, Expected::Padding))
            }
            9 => {
                let zeros = 2 + self.below(size - 2);
                block[..zeros].fill(0);
                ("leading zeros", sealed(&block, Expected::Padding))
            }
            10 => {
                self.rng.fill_bytes(&mut block);
                block[0] >>= 1;
                ("random block", (pair.encrypt(&block), Expected::Unknown))
            }
            11 => {
                self.rng.fill_bytes(&mut block);
                let number = BigUint::from_bytes_be(&block) % &pair.n;
                ("random ciphertext", self.number(number, Expected::Unknown))
            }
            12 => {
                let shift = 8 * (1 + self.below(size - 1));
                self.rng.fill_bytes(&mut block);
                let number = (BigUint::from_bytes_be(&block) % &pair.n) >> shift;
                (
                    "ciphertext with leading zeros",
                    self.number(number, Expected::Unknown),
                )
            }
            13 => ("0", self.number(BigUint::ZERO, Expected::Padding)),
            14 => ("1", self.number(BigUint::from(1u32), Expected::Padding)),
            15 => ("n - 1", self.number(&pair.n - 1u32, Expected::Padding)), // its own root, as e is odd
            16 => ("n", self.number(pair.n.clone(), Expected::Range)),
            17 => ("n + 1", self.number(&pair.n + 1u32, Expected::Range)),
            18 => ("all bits set", (vec![0xff; size], Expected::Range)),
            _ => {
                let small = self.rng.next_u64();
                (
                    "small ciphertext",
                    self.number(BigUint::from(small), Expected::Unknown),
                )
            }
        };
        (kind, ciphertext, expected)
    }
}

/// How many kinds there are.
pub const KINDS: usize = 20;

impl Iterator for Stream<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (kind, ciphertext, expected) = self.made(self.turn % KINDS);
        self.turn += 1;
        Some(Record {
            kind,
            ciphertext,
            expected,
        })
    }
}

/// An answer in the terms of a record.
pub fn answer(opened: &rsa_batch::Opened) -> Expected {
    match opened {
        Ok(message) => Expected::Message(message.to_vec()),
        Err(rsa_batch::OpenError::Padding) => Expected::Padding,
        Err(rsa_batch::OpenError::Range) => Expected::Range,
        Err(other) => panic!("no record of the corpus may end in: {other}"),
    }
}
