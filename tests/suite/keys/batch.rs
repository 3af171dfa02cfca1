//! Batches: order, reasons, threads, and an implementation that answers nonsense.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rand_chacha::rand_core::RngCore;
use shiguan::{
    ids::KeyVersion,
    record::{Reason, Waiting},
    secret::Secret,
    unseal::{
        Implementation, KeyError, KeyFault, KeyRing, OpenFault, Plain, PrivateKey, RsaEngine, RsaOpener,
        SealedKey, open_keys,
    },
};
use zeroize::Zeroizing;

use super::{key, seal_base64, seeded, stranger};

fn ring(keys: impl IntoIterator<Item = (u32, PrivateKey)>) -> KeyRing {
    let mut ring = KeyRing::new();
    for (version, key) in keys {
        ring.insert(KeyVersion(version), key).unwrap();
    }
    ring
}

fn item(version: u32, random_key: &str) -> SealedKey<'_> {
    SealedKey {
        version: KeyVersion(version),
        random_key,
    }
}

fn waiting(answer: &Result<Secret, Waiting>) -> (Reason, &str) {
    let waiting = answer.as_ref().expect_err("it must wait");
    (waiting.reason, &waiting.detail)
}

#[test]
fn each_item_gets_its_own_answer_whatever_the_threads() {
    let keys = [(1, key(2048)), (2, stranger()), (5, key(3072))];
    let sealed: Vec<(u32, String, String)> = (0..400)
        .map(|number: usize| {
            let (version, key) = &keys[number * 7 % 3];
            let plain = format!("message key {number}");
            (*version, seal_base64(key, plain.as_bytes()), plain)
        })
        .collect();
    let ring = ring(keys);
    for implementation in Implementation::ALL {
        for threads in [0, 1, 3] {
            let open = ring.prepare(implementation, threads).unwrap();
            assert_eq!(open.implementation(), implementation.as_str());
            if threads > 0 {
                assert_eq!(open.threads(), threads);
            }
            let items: Vec<_> = sealed
                .iter()
                .map(|(version, sealed, _)| item(*version, sealed))
                .collect();
            let answers = open_keys(&open, &items);
            assert_eq!(answers.len(), sealed.len());
            for (answer, (_, _, plain)) in answers.iter().zip(&sealed) {
                assert_eq!(answer.as_ref().unwrap().expose(), plain);
            }
        }
    }
    assert!(open_keys(&ring.prepare(Implementation::AwsLc, 0).unwrap(), &[]).is_empty());
}

#[test]
fn what_does_not_open_waits_with_its_reason_and_its_numbers() {
    let good = seal_base64(&key(2048), b"a message key");
    let foreign = seal_base64(&stranger(), b"a message key");
    let long = seal_base64(&key(3072), b"a message key");
    let empty = seal_base64(&key(2048), b"");
    let nul = seal_base64(&key(2048), b"before\0after");
    let binary = seal_base64(&key(2048), &[0xf0; 32]);
    let control = seal_base64(&key(2048), b"two\nlines");
    let above = base64_of(&[0xff; 256]);
    let mut bang = good.clone();
    bang.replace_range(4..5, "!");
    let mismatch = "version 1: this key does not open its records";
    let cases: Vec<(u32, &str, Reason, &str)> = vec![
        (7, &good, Reason::NoKey, "version 7: no private key is configured"),
        (0, &good, Reason::NoKey, "version 0: no private key is configured"),
        (1, &foreign, Reason::KeyMismatch, mismatch),
        (1, &above, Reason::KeyMismatch, mismatch),
        (1, &empty, Reason::KeyMismatch, mismatch),
        (1, &nul, Reason::KeyMismatch, mismatch),
        (1, &binary, Reason::KeyMismatch, mismatch),
        (1, &control, Reason::KeyMismatch, mismatch),
        (
            1,
            &long,
            Reason::Malformed,
            "encrypt_random_key is 384 bytes, the key takes 256",
        ),
        (
            1,
            "",
            Reason::Malformed,
            "encrypt_random_key is 0 bytes, the key takes 256",
        ),
        (
            1,
            "QUJD",
            Reason::Malformed,
            "encrypt_random_key is 3 bytes, the key takes 256",
        ),
        (
            1,
            &bang,
            Reason::Malformed,
            "encrypt_random_key is not base64: character 5 of 344 does not belong there",
        ),
        (
            1,
            &good[..343],
            Reason::Malformed,
            "encrypt_random_key is not base64",
        ),
        (1, "密钥", Reason::Malformed, "encrypt_random_key is not base64"),
    ];
    let ring = ring([(1, key(2048))]);
    for implementation in Implementation::ALL {
        let open = ring.prepare(implementation, 2).unwrap();
        // A good one between any two bad ones: the neighbours must not suffer.
        let items: Vec<_> = cases
            .iter()
            .flat_map(|(version, sealed, ..)| [item(*version, sealed), item(1, &good)])
            .collect();
        let answers = open_keys(&open, &items);
        for ((_, _, reason, detail), pair) in cases.iter().zip(answers.chunks(2)) {
            let (seen, told) = waiting(&pair[0]);
            assert_eq!(seen, *reason, "{told}");
            assert!(told.starts_with(detail), "{told}");
            assert_eq!(pair[1].as_ref().unwrap().expose(), "a message key");
        }
    }
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// Answers every block with random bytes, as implicit rejection does with a wrong key.
struct Nonsense;

struct NonsenseOpener;

impl RsaEngine for Nonsense {
    fn name(&self) -> &'static str {
        "nonsense"
    }

    fn prepare(&self, _: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault> {
        Ok(Box::new(NonsenseOpener))
    }
}

impl RsaOpener for NonsenseOpener {
    fn sealed_len(&self) -> usize {
        256
    }

    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>> {
        let answer = |block: &&[u8]| {
            let mut random = seeded(u64::from_le_bytes(block[..8].try_into().unwrap()));
            let mut plain = vec![0; 16 + random.next_u32() as usize % 200];
            random.fill_bytes(&mut plain);
            Ok(Zeroizing::new(plain))
        };
        sealed.iter().map(answer).collect()
    }
}

#[test]
fn random_bytes_instead_of_an_error_are_a_wrong_key_all_the_same() {
    let open = ring([(3, key(2048))]).prepare_with(&Nonsense, 2).unwrap();
    let mut random = seeded(11);
    let sealed: Vec<String> = (0..500)
        .map(|_| {
            let mut block = [0; 256];
            random.fill_bytes(&mut block);
            base64_of(&block)
        })
        .collect();
    let items: Vec<_> = sealed.iter().map(|sealed| item(3, sealed)).collect();
    for answer in open_keys(&open, &items) {
        assert_eq!(
            waiting(&answer),
            (
                Reason::KeyMismatch,
                "version 3: this key does not open its records"
            )
        );
    }
}

/// Notes the size of every batch and refuses all of it.
struct Counting(Arc<Mutex<Vec<usize>>>);

impl RsaEngine for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn prepare(&self, _: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault> {
        Ok(Box::new(Counting(Arc::clone(&self.0))))
    }
}

impl RsaOpener for Counting {
    fn sealed_len(&self) -> usize {
        256
    }

    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>> {
        self.0.lock().unwrap().push(sealed.len());
        sealed.iter().map(|_| Err(OpenFault::Rejected)).collect()
    }
}

#[test]
fn versions_that_alternate_still_make_full_batches() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let ring = ring([(1, key(2048)), (2, stranger())]);
    let open = ring.prepare_with(&Counting(Arc::clone(&sizes)), 2).unwrap();
    let block = base64_of(&[1; 256]);
    let items: Vec<_> = (0..256).map(|number| item(1 + number % 2, &block)).collect();
    assert_eq!(open_keys(&open, &items).len(), 256);
    assert_eq!(*sizes.lock().unwrap(), [64; 4]);
}

#[test]
fn a_ring_takes_each_version_once_and_none_below_one() {
    let mut ring = ring([(1, key(2048))]);
    assert!(matches!(
        ring.insert(KeyVersion(1), key(2048)),
        Err(KeyError::InRing(KeyVersion(1)))
    ));
    assert!(matches!(
        ring.insert(KeyVersion(0), key(2048)),
        Err(KeyError::VersionZero)
    ));
}

#[test]
fn implementations_are_chosen_by_their_word() {
    for implementation in Implementation::ALL {
        assert_eq!(implementation.as_str().parse(), Ok(implementation));
        assert_eq!(implementation.engine().name(), implementation.as_str());
    }
    let error = "openssl".parse::<Implementation>().unwrap_err();
    assert!(error.contains("rsa-batch, aws-lc-rs, rsa"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any mixture: as many answers as items, and each item's answer is what it gets alone.
    #[test]
    fn company_does_not_change_an_answer(
        items in prop::collection::vec(
            (0_u32..4, prop_oneof!["[A-Za-z0-9+/=]{0,400}", Just("good".to_owned()), ".{0,20}"]), 0..40),
    ) {
        let good = seal_base64(&key(2048), b"a message key");
        let items: Vec<(u32, String)> = items
            .into_iter()
            .map(|(version, text)| (version, if text == "good" { good.clone() } else { text }))
            .collect();
        let open = ring([(1, key(2048)), (2, stranger())]).prepare(Implementation::AwsLc, 2).unwrap();
        let borrowed: Vec<_> = items.iter().map(|(version, text)| item(*version, text)).collect();
        let together = open_keys(&open, &borrowed);
        prop_assert_eq!(together.len(), items.len());
        for (one, answer) in borrowed.iter().zip(&together) {
            prop_assert_eq!(&open_keys(&open, &[*one])[0], answer);
        }
    }
}
