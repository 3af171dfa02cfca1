//! Every form of PEM that operators have, and every one that must be refused with a reason.

use proptest::prelude::*;
use shiguan::{
    secret::Secret,
    unseal::{Implementation, KeyFault, KeyRing, keyring},
};

use super::{golden, key, passphrase, seal};

fn fingerprint(bits: usize) -> String {
    String::from_utf8(golden(&format!("rsa{bits}.fingerprint")))
        .unwrap()
        .trim()
        .to_owned()
}

fn fault(name: &str, phrase: Option<&Secret>) -> KeyFault {
    match keyring::import(&golden(name), phrase) {
        Ok(key) => panic!("{name} was accepted: {key:?}"),
        Err(fault) => fault,
    }
}

#[test]
fn pkcs1_and_pkcs8_of_three_sizes_are_one_key_with_openssl_s_fingerprint() {
    for bits in [2048, 3072, 4096] {
        for form in ["pkcs1", "pkcs8"] {
            let key = keyring::import(&golden(&format!("rsa{bits}.{form}.pem")), None).unwrap();
            assert_eq!(key.bits(), bits);
            assert_eq!(key.fingerprint().to_string(), fingerprint(bits), "{form}");
            assert_eq!(
                key.public_pem().as_bytes(),
                golden(&format!("rsa{bits}.public.pem"))
            );
        }
    }
}

#[test]
fn protected_forms_open_with_their_passphrase_only() {
    let forms = [
        "legacy-aes128",
        "legacy-aes192",
        "legacy-aes256",
        "legacy-des3",
        "pbes2-aes256",
        "pbes2-aes128-sha512",
        "pbes2-des3-sha1",
        "pbes2-scrypt",
    ];
    for form in forms {
        let name = format!("{form}.pem");
        let key =
            keyring::import(&golden(&name), Some(&passphrase())).unwrap_or_else(|e| panic!("{form} {e}"));
        assert_eq!(key.fingerprint().to_string(), fingerprint(2048), "{form}");
        assert_eq!(fault(&name, None), KeyFault::NeedsPassphrase, "{form}");
        assert_eq!(
            fault(&name, Some(&Secret::new("wrong"))),
            KeyFault::WrongPassphrase,
            "{form}"
        );
    }
}

#[test]
fn a_wrong_passphrase_is_never_taken_for_a_damaged_file() {
    // One passphrase in 256 passes the padding check of a legacy file by chance.
    for number in 0..600 {
        let wrong = Secret::new(format!("wrong-{number}"));
        assert_eq!(
            fault("legacy-aes128.pem", Some(&wrong)),
            KeyFault::WrongPassphrase
        );
    }
}

#[test]
fn a_passphrase_nobody_needs_does_no_harm() {
    assert!(keyring::import(&golden("rsa2048.pkcs1.pem"), Some(&passphrase())).is_ok());
}

#[test]
fn what_is_not_a_usable_key_is_refused_by_name() {
    let phrase = passphrase();
    let cases = [
        (
            "rsa1024.pem",
            "is an RSA key of 1024 bits; 2048, 3072 and 4096 are accepted",
        ),
        ("rsa2048.public.pem", "holds a public key (PUBLIC KEY)"),
        ("rsa2048.public.pkcs1.pem", "holds a public key (RSA PUBLIC KEY)"),
        ("certificate.pem", "holds a public key (CERTIFICATE)"),
        ("ec.sec1.pem", "is not an RSA private key (EC PRIVATE KEY)"),
        (
            "ec.pkcs8.pem",
            "is not an RSA private key (an elliptic curve key)",
        ),
        ("rsa-pss.pem", "RSA-PSS, which is for signatures only"),
        ("rsa2048.three-primes.pem", "more than two primes"),
        (
            "legacy-camellia256.pem",
            "is protected with CAMELLIA-256-CBC, which is not supported",
        ),
        ("pbes1-sha1-3des.pem", "is protected with"),
        ("rsa2048.fingerprint", "not a PEM file"),
    ];
    for (name, expected) in cases {
        let text = fault(name, Some(&phrase)).to_string();
        assert!(text.contains(expected), "{name}: {text}");
    }
}

#[test]
fn damage_is_told_from_garbage() {
    let text = String::from_utf8(golden("rsa2048.pkcs8.pem")).unwrap();
    let fault = |text: &str| keyring::import(text.as_bytes(), None).unwrap_err();
    assert!(matches!(fault(""), KeyFault::NotPem(_)));
    assert!(matches!(fault("hello"), KeyFault::NotPem(_)));
    assert!(matches!(fault(&text[..900]), KeyFault::NotPem(_)));
    assert!(matches!(fault(&text.replace('M', "!")), KeyFault::NotPem(_)));
    assert_eq!(fault(&format!("{text}{text}")), KeyFault::Several(2));
    assert!(matches!(
        keyring::import(&[0x30, 0x82, 0xff, 0x00], None),
        Err(KeyFault::NotPem(_))
    ));
    // A changed digit in the middle of the modulus.
    let (head, tail) = text.split_at(300);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    assert!(matches!(
        fault(&format!("{head}{other}{}", &tail[1..])),
        KeyFault::Broken(_)
    ));
}

#[test]
fn line_ends_widths_and_texts_around_the_block_do_not_matter() {
    let text = String::from_utf8(golden("rsa2048.pkcs1.pem")).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let one_line = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----");
    let public = String::from_utf8(golden("rsa2048.public.pem")).unwrap();
    let variants = [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        format!("企业微信 会话存档\n\n{text}\n备注"),
        format!("{text}{public}"),
        format!("{public}{text}"),
        text.lines().map(|line| format!("  {line}  \n")).collect(),
        one_line,
    ];
    for variant in variants {
        let key = keyring::import(variant.as_bytes(), None).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(key.fingerprint().to_string(), fingerprint(2048));
    }
    let protected = String::from_utf8(golden("legacy-aes256.pem"))
        .unwrap()
        .replace('\n', "\r\n");
    assert!(keyring::import(protected.as_bytes(), Some(&passphrase())).is_ok());
}

/// The bytes between the lines of a PEM file.
fn der(name: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = String::from_utf8(golden(name)).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

#[test]
fn what_a_key_is_counts_and_not_what_its_label_says() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let wide = |text: &str, unit: fn(u16) -> [u8; 2], mark: u16| -> Vec<u8> {
        std::iter::once(mark)
            .chain(text.encode_utf16())
            .flat_map(unit)
            .collect()
    };
    let mut forms: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, label) in [
        ("rsa2048.pkcs1.pem", "RSA PRIVATE KEY"),
        ("rsa2048.pkcs8.pem", "PRIVATE KEY"),
    ] {
        let text = String::from_utf8(golden(name)).unwrap();
        for other in [
            "RSA PRIVATE KEY",
            "PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PUBLIC KEY",
            "RSA KEY",
        ] {
            let relabelled = text.replace(&format!(" {label}-----"), &format!(" {other}-----"));
            forms.push((format!("{name} as {other}"), relabelled.into_bytes()));
            let half = text.replace(&format!("BEGIN {label}-----"), &format!("BEGIN {other}-----"));
            forms.push((format!("{name} begun as {other}"), half.into_bytes()));
        }
        forms.push((format!("{name} as DER"), der(name)));
        forms.push((format!("{name} bare"), STANDARD.encode(der(name)).into_bytes()));
        forms.push((
            format!("{name} in one line"),
            text.replace('\n', "\\n").into_bytes(),
        ));
        forms.push((format!("{name} in UTF-16"), wide(&text, u16::to_le_bytes, 0xfeff)));
        forms.push((
            format!("{name} in UTF-16, other order"),
            wide(&text, u16::to_be_bytes, 0xfeff),
        ));
    }
    for (form, content) in forms {
        let key = keyring::import(&content, None).unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(key.fingerprint().to_string(), fingerprint(2048), "{form}");
    }
    // Under a passphrase the same: the label is one line, the structure is the key.
    let text = String::from_utf8(golden("pbes2-aes256.pem")).unwrap();
    for content in [
        text.replace("ENCRYPTED PRIVATE KEY", "PRIVATE KEY").into_bytes(),
        der("pbes2-aes256.pem"),
    ] {
        assert!(keyring::import(&content, Some(&passphrase())).is_ok());
        assert_eq!(
            keyring::import(&content, None).unwrap_err(),
            KeyFault::NeedsPassphrase
        );
    }
}

#[test]
fn what_is_something_else_is_named_as_that_and_never_called_damaged() {
    let openssh =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    let public = String::from_utf8(golden("rsa2048.public.pem")).unwrap();
    let container = [
        &[0x30, 0x82, 0x09, 0xff, 0x02, 0x01, 0x03, 0x30][..],
        &[0xff; 600],
    ]
    .concat();
    for (content, expected) in [
        (openssh.as_bytes().to_vec(), "ssh-keygen -p -m PEM"),
        (container, "openssl pkcs12"),
        (der("rsa2048.public.pem"), "holds a public key (a public key)"),
        (der("certificate.pem"), "holds a public key (a certificate)"),
        (
            public.replace("PUBLIC KEY", "PRIVATE KEY").into_bytes(),
            "holds a public key",
        ),
        (der("ec.sec1.pem"), "an elliptic curve key"),
    ] {
        let text = keyring::import(&content, None).unwrap_err().to_string();
        assert!(text.contains(expected) && !text.contains("damaged"), "{text}");
    }
}

#[test]
fn a_generated_pair_comes_back_plain_and_protected_and_opens_what_its_public_half_seals() {
    let made = keyring::generate(2048).unwrap();
    assert_eq!(made.bits(), 2048);
    assert!(made.public_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let plain = keyring::import(made.private_pem().expose().as_bytes(), None).unwrap();
    assert_eq!(plain.fingerprint(), made.fingerprint());

    let sealed = made.protected_pem(&passphrase()).unwrap();
    assert!(
        sealed
            .expose()
            .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    );
    assert_eq!(
        keyring::import(sealed.expose().as_bytes(), Some(&Secret::new("wrong"))).unwrap_err(),
        KeyFault::WrongPassphrase
    );
    let opened = keyring::import(sealed.expose().as_bytes(), Some(&passphrase())).unwrap();
    assert_eq!(opened.fingerprint(), made.fingerprint());

    let block = seal(&made, b"message key");
    for implementation in Implementation::ALL {
        let opener = implementation.engine().prepare(&opened).unwrap();
        assert_eq!(opener.open(&[&block])[0].as_deref().unwrap(), b"message key");
    }
    assert!(matches!(keyring::generate(1024), Err(KeyFault::Bits(1024))));
}

#[test]
fn nothing_prints_key_material() {
    let key = key(2048);
    let pem = key.private_pem();
    let inner = pem.expose().lines().nth(5).unwrap().to_owned();
    let mut ring = KeyRing::new();
    let shown_key = format!("{key:?}");
    ring.insert(shiguan::ids::KeyVersion(3), key).unwrap();
    let open = ring.prepare(Implementation::AwsLc, 1).unwrap();
    for shown in [
        shown_key,
        format!("{ring:?}"),
        format!("{open:?}"),
        format!("{pem:?}"),
    ] {
        assert!(!shown.contains(&inner) && !shown.contains("BEGIN"), "{shown}");
    }
    for name in [
        "ec.pkcs8.pem",
        "rsa1024.pem",
        "rsa-pss.pem",
        "legacy-camellia256.pem",
    ] {
        let source = String::from_utf8(golden(name)).unwrap();
        let told = format!("{0} {0:?}", fault(name, Some(&passphrase())));
        assert!(
            source
                .lines()
                .filter(|line| line.len() > 40)
                .all(|line| !told.contains(line)),
            "{told}"
        );
        assert!(!told.contains("correct-horse"), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever a key file holds, reading it ends in a key or in a reason.
    #[test]
    fn no_file_content_panics(
        name in prop::sample::select(vec!["rsa2048.pkcs1.pem", "rsa2048.pkcs8.pem", "legacy-aes128.pem",
            "legacy-des3.pem", "pbes2-scrypt.pem", "ec.pkcs8.pem"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut text = golden(name);
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        if let Err(fault) = keyring::import(&text, Some(&passphrase())) {
            prop_assert!(!fault.to_string().is_empty());
        }
    }

    /// The same for the bytes inside the block, where base64 no longer shields the reader.
    #[test]
    fn no_der_content_panics(
        changes in prop::collection::vec((0_usize..1190, any::<u8>()), 1..4),
        label in prop::sample::select(vec!["RSA PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]),
    ) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let text = String::from_utf8(golden("rsa2048.pkcs1.pem")).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = STANDARD.decode(body).unwrap();
        for (at, byte) in changes {
            let at = at % der.len();
            der[at] = byte;
        }
        let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
        if let Err(fault) = keyring::import(text.as_bytes(), Some(&passphrase())) {
            prop_assert!(!fault.to_string().is_empty());
        }
    }
}
