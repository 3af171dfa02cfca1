use super::*;

fn numbers() -> [Vec<u8>; 8] {
    // The textbook key p = 61, q = 53: small numbers break in plain sight.
    [
        &[12, 161],
        &[17][..],
        &[10, 193],
        &[61],
        &[53],
        &[53],
        &[49],
        &[38],
    ]
    .map(<[u8]>::to_vec)
}

fn from(numbers: &[Vec<u8>; 8]) -> Result<PrivateKey, KeyError> {
    let [n, e, d, p, q, dp, dq, q_inverse] = numbers;
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
}

#[test]
fn a_key_survives_its_encodings() {
    let key = from(&numbers()).unwrap();
    let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
    assert_eq!((again.n(), again.p(), again.q()), (key.n(), key.p(), key.q()));
    assert_eq!(
        (again.dp(), again.dq(), again.q_inverse()),
        (key.dp(), key.dq(), key.q_inverse())
    );
    assert_eq!((again.small_e(), again.bits(), again.size()), (Some(17), 12, 2));
}

#[test]
fn leading_zeros_do_not_matter() {
    let mut padded = numbers();
    for number in &mut padded {
        number.insert(0, 0);
    }
    assert_eq!(from(&padded).unwrap().size(), 2);
}

#[test]
fn contradictions_are_refused() {
    let cases: [(usize, &[u8], &str); 7] = [
        (0, &[12, 163], "p times q is not n"),
        (1, &[16], "the public exponent is even or one"),
        (1, &[1], "the public exponent is even or one"),
        (3, &[60], "a prime or the modulus is even"),
        (5, &[61], "an exponent is not below its prime"),
        (6, &[1, 0], "an exponent is not below its prime"),
        (7, &[61], "the coefficient is not below p"),
    ];
    for (which, number, what) in cases {
        let mut wrong = numbers();
        wrong[which] = number.to_vec();
        assert_eq!(from(&wrong).unwrap_err(), KeyError::Inconsistent { what });
    }
}

#[test]
fn the_square_of_a_prime_is_refused() {
    let mut square = numbers();
    (square[0], square[3]) = (vec![10, 249], vec![53]);
    assert_eq!(
        from(&square).unwrap_err(),
        KeyError::Inconsistent {
            what: "both primes are the same"
        }
    );
}

#[test]
fn other_documents_are_refused() {
    let der = from(&numbers()).unwrap().to_pkcs8_der().unwrap();
    assert!(matches!(
        PrivateKey::from_pkcs1_der(&der),
        Err(KeyError::Encoding { .. })
    ));
    assert!(matches!(
        PrivateKey::from_pkcs8_der(&der[..der.len() - 1]),
        Err(KeyError::Encoding { .. })
    ));
    assert!(matches!(
        PrivateKey::from_pkcs8_der(b"-----BEGIN"),
        Err(KeyError::Encoding { .. })
    ));
}

#[test]
fn a_key_prints_its_length_and_nothing_else() {
    assert_eq!(
        format!("{:?}", from(&numbers()).unwrap()),
        "PrivateKey { bits: 12, .. }"
    );
}

#[test]
fn a_key_too_short_for_any_backend_is_refused() {
    let refused = crate::Opener::new(&from(&numbers()).unwrap()).unwrap_err();
    assert_eq!(refused, KeyError::Unsupported { bits: 12 });
}
