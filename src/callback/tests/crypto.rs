//! Signature and encryption against the published vectors, and against itself.

use proptest::prelude::*;

use super::*;

const KEY: &str = "4rc4SKg82svUQxtXIIXkt9r/PPdz6COTHFRBh+FZKn0";

fn codec(receiver: &str) -> Codec {
    Codec::new(Secret::new("SampleToken2025"), &Secret::new(KEY), receiver).unwrap()
}

#[test]
fn every_vector_is_signed_and_opened_as_published() {
    for vector in Vector::all() {
        let codec = vector.codec();
        let (time, nonce) = (vector.text(&["timestamp"]), vector.text(&["nonce"]));
        let signature = vector.text(&["msg_signature"]);
        assert_eq!(
            codec.sign(time, nonce, vector.encrypted()),
            signature,
            "{}",
            vector.name()
        );
        assert_eq!(codec.verify(signature, time, nonce, vector.encrypted()), Ok(()));
        let plain = codec.decrypt(vector.encrypted()).unwrap();
        assert_eq!(
            std::str::from_utf8(&plain).unwrap(),
            vector.text(&["plaintext"]),
            "{}",
            vector.name()
        );
    }
}

#[test]
fn vectors_with_known_random_bytes_are_made_again_byte_for_byte() {
    let mut made = 0;
    for vector in Vector::all() {
        if let Some(random) = vector.0["random"].as_str() {
            let random = random.as_bytes().try_into().unwrap();
            let plain = vector.text(&["plaintext"]).as_bytes();
            assert_eq!(vector.codec().encrypt(plain, random).unwrap(), vector.encrypted());
            made += 1;
        }
    }
    assert_eq!(made, 3);
}

#[test]
fn another_receiver_is_refused() {
    for vector in Vector::all() {
        for receiver in ["", "ww", "ww6a112864f8022911", "wx5823bf96d3bd56c7x"] {
            let codec = Codec::new(
                Secret::new(vector.text(&["token"])),
                &Secret::new(vector.text(&["encoding_aes_key"])),
                receiver,
            )
            .unwrap();
            assert_eq!(
                codec.decrypt(vector.encrypted()),
                Err(CryptoError::Receiver),
                "{}",
                vector.name()
            );
        }
    }
}

#[test]
fn each_part_of_what_is_signed_matters() {
    let codec = codec("ww1");
    let good = codec.sign("1629101687", "nonce", "text");
    assert_eq!(codec.verify(&good, "1629101687", "nonce", "text"), Ok(()));
    let upper = good.to_uppercase();
    for (signature, time, nonce, text) in [
        (&*good, "1629101688", "nonce", "text"),
        (&good, "1629101687", "nonces", "text"),
        (&good, "1629101687", "nonce", "texts"),
        (&good[..39], "1629101687", "nonce", "text"),
        ("", "1629101687", "nonce", "text"),
        (&upper, "1629101687", "nonce", "text"),
    ] {
        assert_eq!(
            codec.verify(signature, time, nonce, text),
            Err(CryptoError::Signature)
        );
    }
}

#[test]
fn settings_that_cannot_be_right_are_refused_without_being_repeated() {
    let token = || Secret::new("token");
    for key in [
        "",
        "short",
        &KEY[..42],
        &format!("{KEY}="),
        &format!("{KEY}A"),
        &KEY.replace('9', "!"),
        &"密".repeat(43),
    ] {
        let error = Codec::new(token(), &Secret::new(key), "ww1").unwrap_err();
        assert_eq!(error, CryptoError::Key, "{key}");
        assert!(key.len() < 6 || !error.to_string().contains(key));
    }
    for token in ["", "a b", "令牌", &"x".repeat(257)] {
        assert_eq!(
            Codec::new(Secret::new(token), &Secret::new(KEY), "ww1").unwrap_err(),
            CryptoError::Token
        );
    }
    let shown = format!("{:?}", codec("ww1"));
    assert!(
        !shown.contains("SampleToken") && !shown.contains("4rc4") && !shown.contains("226"),
        "{shown}"
    );
}

#[test]
fn lengths_and_paddings_that_lie_are_refused() {
    use aes::cipher::{BlockEncryptMut, KeyIvInit, block_padding::NoPadding};
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD
        .decode(format!("{KEY}="))
        .unwrap();
    let seal = |plain: &[u8]| {
        let sealed = cbc::Encryptor::<aes::Aes256>::new_from_slices(&key, &key[..16])
            .unwrap()
            .encrypt_padded_vec_mut::<NoPadding>(plain);
        base64::engine::general_purpose::STANDARD.encode(sealed)
    };
    let mut honest = vec![b'r'; 16];
    honest.extend([0, 0, 0, 2]);
    honest.extend(b"hiww1");
    honest.extend([7; 7]);
    assert_eq!(&codec("ww1").decrypt(&seal(&honest)).unwrap()[..], b"hi");

    let with = |at: usize, byte: u8| {
        let mut plain = honest.clone();
        plain[at] = byte;
        seal(&plain)
    };
    for (what, text) in [
        ("padding of 0", with(31, 0)),
        ("padding of 33", with(31, 33)),
        ("uneven padding", with(26, 6)),
        ("length beyond the end", with(19, 6)),
        ("length beyond 2 GiB", with(16, 0xff)),
        ("padding over the head", seal(&[32; 32])),
        ("less than a head", seal(&[16; 16])),
        ("nothing", String::new()),
        ("no whole block", "AAAA".to_owned()),
        ("no base64", "!".repeat(24)),
    ] {
        assert_eq!(codec("ww1").decrypt(&text), Err(CryptoError::Sealed), "{what}");
    }
    assert_eq!(codec("ww1").decrypt(&with(19, 5)), Err(CryptoError::Receiver));
}

proptest! {
    #[test]
    fn what_was_encrypted_comes_back(
        message in proptest::collection::vec(any::<u8>(), 0..300),
        random: [u8; 16],
        receiver in "[a-z0-9]{0,40}",
    ) {
        let codec = codec(&receiver);
        let sealed = codec.encrypt(&message, random).unwrap();
        prop_assert_eq!(&codec.decrypt(&sealed).unwrap()[..], &message[..]);
    }

    #[test]
    fn any_text_is_opened_or_refused(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        use base64::Engine;
        let codec = codec("ww1");
        prop_assert!(codec.decrypt(&text).is_err());
        let blocks = base64::engine::general_purpose::STANDARD.encode(bytes.repeat(16));
        prop_assert!(codec.decrypt(&blocks).is_err());
    }

    #[test]
    fn a_changed_bit_never_goes_unseen(at in 0usize..10_000, bit in 0u8..8) {
        use base64::Engine;
        let standard = base64::engine::general_purpose::STANDARD;
        let codec = codec("ww1");
        let sealed = codec.encrypt(b"<xml></xml>", [7; 16]).unwrap();
        let good = codec.sign("1", "2", &sealed);
        let mut bytes = standard.decode(&sealed).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let changed = standard.encode(bytes);
        prop_assert_eq!(codec.verify(&good, "1", "2", &changed), Err(CryptoError::Signature));
    }
}
