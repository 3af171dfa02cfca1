//! The key folder: names, permissions, writing without ever replacing a key.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use shiguan::{
    ids::KeyVersion,
    unseal::{KeyError, KeyRing, keyring},
};
use tempfile::TempDir;

use super::{golden, key, passphrase, stranger};

fn put(folder: &Path, name: &str, text: &[u8], mode: u32) {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

fn scratch(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, source) in files {
        put(folder.path(), name, &golden(source), 0o600);
    }
    folder
}

fn refused(folder: &TempDir) -> String {
    KeyRing::load_dir(folder.path(), Some(&passphrase()))
        .unwrap_err()
        .to_string()
}

#[test]
fn several_versions_load_side_by_side() {
    let folder = scratch(&[
        ("v1.pem", "rsa2048.pkcs1.pem"),
        ("v2.pem", "legacy-aes256.pem"),
        ("v10.pem", "rsa4096.pkcs8.pem"),
        ("v2.public.pem", "rsa2048.public.pem"),
        ("public.pem", "rsa2048.public.pem"),
        ("notes.txt", "README.md"),
    ]);
    let ring = KeyRing::load_dir(folder.path(), Some(&passphrase())).unwrap();
    let seen: Vec<_> = ring
        .versions()
        .iter()
        .map(|info| (info.version.0, info.bits))
        .collect();
    assert_eq!(seen, [(1, 2048), (2, 2048), (10, 4096)]);
    assert_eq!(
        ring.key(KeyVersion(1)).unwrap().fingerprint(),
        ring.versions()[1].fingerprint
    );
    assert!(ring.key(KeyVersion(3)).is_none());
}

#[test]
fn an_empty_folder_is_an_empty_ring_and_a_missing_one_an_error() {
    let folder = TempDir::new().unwrap();
    assert!(KeyRing::load_dir(folder.path(), None).unwrap().is_empty());
    let error = KeyRing::load_dir(&folder.path().join("absent"), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("absent") && error.contains("create it"), "{error}");
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_command_to_type() {
    for mode in [0o640, 0o604, 0o620, 0o601, 0o660, 0o777] {
        let folder = TempDir::new().unwrap();
        put(folder.path(), "v1.pem", &golden("rsa2048.pkcs1.pem"), mode);
        let error = refused(&folder);
        let command = format!("chmod 600 {}", folder.path().join("v1.pem").display());
        assert!(error.ends_with(&command), "{mode:o}: {error}");
        assert!(error.contains(&format!("mode 0{mode:o}")), "{error}");
    }
    for mode in [0o600, 0o400, 0o700] {
        let folder = TempDir::new().unwrap();
        put(folder.path(), "v1.pem", &golden("rsa2048.pkcs1.pem"), mode);
        assert_eq!(
            KeyRing::load_dir(folder.path(), None).unwrap().len(),
            1,
            "{mode:o}"
        );
    }
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let protected = scratch(&[("v4.pem", "pbes2-scrypt.pem")]);
    let error = KeyRing::load_dir(protected.path(), None).unwrap_err().to_string();
    assert!(
        error.contains("v4.pem is protected by a passphrase") && error.contains("key_passphrase_file"),
        "{error}"
    );
    let cases = [
        ("v5.pem", "rsa2048.public.pem", "v5.pem holds a public key"),
        ("v6.pem", "ec.pkcs8.pem", "v6.pem is not an RSA private key"),
        ("v7.pem", "README.md", "v7.pem is not a PEM file"),
        ("v0.pem", "rsa2048.pkcs1.pem", "key versions count from 1"),
    ];
    for (name, source, expected) in cases {
        let error = refused(&scratch(&[(name, source)]));
        assert!(error.contains(expected), "{name}: {error}");
    }
    let error = refused(&scratch(&[
        ("v3.pem", "rsa2048.pkcs1.pem"),
        ("v03.pem", "rsa2048.e3.pem"),
    ]));
    assert!(
        error.contains("version 3 is there twice") && error.contains("v03.pem"),
        "{error}"
    );
}

#[test]
fn a_name_that_can_mean_only_one_version_is_taken() {
    for name in [
        "V3.PEM",
        "V3.pem",
        "v3.PEM",
        "v03.pem",
        "v3.pem.txt",
        "V3.PEM.TXT",
    ] {
        let folder = scratch(&[(name, "rsa2048.pkcs1.pem")]);
        let ring = KeyRing::load_dir(folder.path(), None).unwrap();
        assert!(ring.key(KeyVersion(3)).is_some(), "{name}");
        assert_eq!(ring.file(KeyVersion(3)).unwrap(), folder.path().join(name));
        assert!(ring.strays().is_empty(), "{name}");
        // Another key for the version is refused, and the same one is there already.
        let written = keyring::write(folder.path(), KeyVersion(3), &key(2048), None).unwrap();
        assert!(!written.fresh, "{name}");
        assert!(keyring::write(folder.path(), KeyVersion(3), &stranger(), None).is_err());
    }
}

#[test]
fn a_key_under_any_other_name_is_named_with_the_name_it_should_have() {
    for (name, source, expected) in [
        ("private_key.pem", "rsa2048.pkcs1.pem", "rename it to v<N>.pem"),
        ("v-3.pem", "legacy-aes128.pem", "rename it to v<N>.pem"),
        ("v99999999999.pem", "rsa2048.pkcs1.pem", "rename it to v<N>.pem"),
        ("v3 (1).pem", "rsa2048.pkcs1.pem", "rename it to v3.pem"),
        ("v3.key", "rsa2048.pkcs8.pem", "rename it to v3.pem"),
        ("v3.pem.bak", "pbes2-scrypt.pem", "rename it to v3.pem"),
    ] {
        let folder = scratch(&[(name, source)]);
        let ring = KeyRing::load_dir(folder.path(), None).unwrap();
        assert!(ring.is_empty(), "{name}");
        let [stray] = ring.strays() else {
            panic!("{name}: {:?}", ring.strays());
        };
        let text = stray.to_string();
        assert!(text.contains(name) && text.contains(expected), "{text}");
        assert_eq!(keyring::strays(folder.path()).unwrap(), ring.strays());
    }
    // One of the proper name goes before others, which are told with the file that is used instead.
    let folder = scratch(&[
        ("v3.pem", "rsa2048.pkcs1.pem"),
        ("V3.PEM.txt", "rsa2048.e3.pem"),
        ("v3 (1).pem", "rsa2048.e3.pem"),
        ("public.pem", "rsa2048.public.pem"),
        ("notes.txt", "README.md"),
    ]);
    fs::create_dir(folder.path().join("old.pem")).unwrap();
    let ring = KeyRing::load_dir(folder.path(), None).unwrap();
    assert_eq!(
        ring.key(KeyVersion(3)).unwrap().fingerprint(),
        key(2048).fingerprint()
    );
    let names: Vec<_> = ring
        .strays()
        .iter()
        .map(|stray| stray.file.file_name().unwrap())
        .collect();
    assert_eq!(names, ["V3.PEM.txt", "v3 (1).pem"]);
    let used = Some(folder.path().join("v3.pem"));
    assert!(ring.strays().iter().all(|stray| stray.instead == used));
    // Of two that could be meant, none is.
    let folder = scratch(&[("V3.pem", "rsa2048.pkcs1.pem"), ("v3.pem.txt", "rsa2048.e3.pem")]);
    let ring = KeyRing::load_dir(folder.path(), None).unwrap();
    assert!(ring.is_empty() && ring.strays().len() == 2);
}

#[test]
fn advice_is_about_the_very_file_and_never_to_make_another_key() {
    for (name, source, mode, expected) in [
        ("v1.pem", "rsa2048.pkcs1.pem", 0o644, "chmod 600 "),
        (
            "v1.pem",
            "rsa2048.public.pem",
            0o600,
            "private half of this very pair",
        ),
        ("v1.pem", "pbes2-scrypt.pem", 0o600, "key_passphrase_file"),
        ("v1.pem", "ec.pkcs8.pem", 0o600, "cannot be the key"),
        ("v1.pem", "README.md", 0o600, "copy "),
    ] {
        let folder = TempDir::new().unwrap();
        put(folder.path(), name, &golden(source), mode);
        let advice = KeyRing::load_dir(folder.path(), None).unwrap_err().advice();
        assert!(
            advice.contains(expected) && advice.contains(name),
            "{source}: {advice}"
        );
        assert!(!advice.contains("generate"), "{advice}");
    }
}

#[test]
fn a_written_key_is_owner_only_and_loads_again() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("keys/acme");
    let plain = keyring::write(&folder, KeyVersion(1), &key(2048), None).unwrap();
    let protected = keyring::write(&folder, KeyVersion(2), &stranger(), Some(&passphrase())).unwrap();
    for written in [&plain, &protected] {
        assert!(written.fresh);
        assert_eq!(
            fs::metadata(&written.file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(fs::read_to_string(&protected.file).unwrap().contains("ENCRYPTED"));
    let ring = KeyRing::load_dir(&folder, Some(&passphrase())).unwrap();
    assert_eq!(ring.versions().len(), 2);
    assert_eq!(
        ring.key(KeyVersion(2)).unwrap().fingerprint(),
        stranger().fingerprint()
    );
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "no draft is left behind: {names:?}");
}

#[test]
fn a_version_is_never_given_another_key() {
    let folder = scratch(&[("v03.pem", "rsa2048.pkcs1.pem")]);
    let before = fs::read(folder.path().join("v03.pem")).unwrap();
    let again = keyring::write(folder.path(), KeyVersion(3), &key(2048), None).unwrap();
    assert!(!again.fresh);
    let error = keyring::write(folder.path(), KeyVersion(3), &stranger(), None).unwrap_err();
    assert!(matches!(error, KeyError::Taken { .. }), "{error}");
    assert!(
        error.to_string().contains(&stranger().fingerprint().to_string()),
        "{error}"
    );
    assert_eq!(fs::read(folder.path().join("v03.pem")).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(
        keyring::write(folder.path(), KeyVersion(0), &stranger(), None),
        Err(KeyError::VersionZero)
    ));
}

#[test]
fn a_version_whose_file_cannot_be_read_is_not_replaced() {
    let folder = scratch(&[("v3.pem", "pbes2-aes256.pem")]);
    let before = fs::read(folder.path().join("v3.pem")).unwrap();
    assert!(keyring::write(folder.path(), KeyVersion(3), &key(2048), None).is_err());
    assert_eq!(fs::read(folder.path().join("v3.pem")).unwrap(), before);
}
