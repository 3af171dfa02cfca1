//! Held against the implementations of RustCrypto, and against the vectors that the standards print.

use digest_batch::{Md5, Sha256};
use proptest::prelude::*;
use sha2::Digest;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 1321, A.5.
#[test]
fn the_vectors_of_rfc_1321() {
    for (text, digest) in [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
    ] {
        assert_eq!(hex(&Md5::digest(text.as_bytes())), digest, "{text:?}");
    }
}

/// FIPS 180-4's examples.
#[test]
fn the_vectors_of_sha_256() {
    for (text, digest) in [
        (
            "",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ] {
        assert_eq!(hex(&Sha256::digest(text.as_bytes())), digest, "{text:?}");
    }
    let million = vec![b'a'; 1_000_000];
    assert_eq!(
        hex(&Sha256::digest(&million)),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    );
}

/// Every length around the ends of blocks, where the padding changes its shape.
#[test]
fn every_length_of_three_blocks() {
    let bytes: Vec<u8> = (0..200).map(|at| at as u8 ^ 0x5A).collect();
    for length in 0..bytes.len() {
        let bytes = &bytes[..length];
        assert_eq!(
            Md5::digest(bytes),
            <[u8; 16]>::from(md5::Md5::digest(bytes)),
            "{length}"
        );
        assert_eq!(
            Sha256::digest(bytes),
            <[u8; 32]>::from(sha2::Sha256::digest(bytes)),
            "{length}"
        );
    }
}

/// As many streams as anybody brings, each with its own bytes: every number of idle lanes, and more than one group.
#[test]
fn every_number_of_streams() {
    for count in 0..40 {
        let all: Vec<Vec<u8>> = (0..count)
            .map(|stream| {
                (0..64 * (1 + stream % 5) + 3 * stream)
                    .map(|at| (at * 7 + stream) as u8)
                    .collect()
            })
            .collect();
        together(&all, &[]);
    }
}

/// Hands the streams over in pieces of these lengths, in turns, and holds each against its oracle.
fn together(all: &[Vec<u8>], pieces: &[usize]) {
    let (mut md5, mut sha256) = (vec![Md5::new(); all.len()], vec![Sha256::new(); all.len()]);
    let mut rest: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let mut turn = 0;
    while rest.iter().any(|bytes| !bytes.is_empty()) {
        let now: Vec<&[u8]> = rest
            .iter_mut()
            .enumerate()
            .map(|(stream, bytes)| {
                let most = pieces.get((turn + stream) % pieces.len().max(1)).copied();
                let (now, later) = bytes.split_at(most.unwrap_or(usize::MAX).min(bytes.len()));
                *bytes = later;
                now
            })
            .collect();
        turn += 1;
        Md5::update_together(&mut md5.iter_mut().zip(now.iter().copied()).collect::<Vec<_>>());
        Sha256::update_together(&mut sha256.iter_mut().zip(now).collect::<Vec<_>>());
    }
    for (bytes, (md5, sha256)) in all.iter().zip(md5.into_iter().zip(sha256)) {
        assert_eq!(md5.finish(), <[u8; 16]>::from(md5::Md5::digest(bytes)));
        assert_eq!(sha256.finish(), <[u8; 32]>::from(sha2::Sha256::digest(bytes)));
    }
}

proptest! {
    #[test]
    fn any_streams_in_any_pieces(
        all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 1..24),
        pieces in prop::collection::vec(prop_oneof![1_usize..200, Just(64), Just(128), Just(640)], 1..6),
    ) {
        together(&all, &pieces);
    }
}
