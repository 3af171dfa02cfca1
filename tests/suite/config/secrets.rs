//! Where secrets are read from, and what is said when they cannot be.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use shiguan::config::SecretSource;
use tempfile::TempDir;

use super::env;

fn file(folder: &Path, text: &[u8], mode: u32) -> SecretSource {
    let file = folder.join("acme.secret");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    SecretSource::File {
        key: "company.acme.secret_file".to_owned(),
        file,
    }
}

fn read(text: &[u8], mode: u32) -> Result<String, String> {
    let folder = TempDir::new().unwrap();
    match file(folder.path(), text, mode).read(&env(&[])) {
        Ok(secret) => Ok(secret.expose().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn what_cannot_belong_to_a_secret_is_taken_off_its_ends() {
    assert_eq!(read(b"canary", 0o600).unwrap(), "canary");
    assert_eq!(read(b"canary\n", 0o400).unwrap(), "canary");
    for text in [
        "canary\r\n",
        " canary ",
        "canary\n\n",
        "\tcanary",
        "canary\u{a0}",
        "canary\u{3000}",
        "\u{feff}canary\r\n",
        "\u{200b}canary\u{2060}",
    ] {
        assert_eq!(read(text.as_bytes(), 0o600).unwrap(), "canary", "{text:?}");
        let variable = SecretSource::Variable {
            key: "company.acme.secret_env".to_owned(),
            name: "ACME".to_owned(),
        };
        assert_eq!(variable.read(&env(&[("ACME", text)])).unwrap().expose(), "canary");
    }
}

#[test]
fn what_people_make_up_themselves_keeps_its_blanks() {
    for key in ["company.acme.key_passphrase_file", "alert.to.duty.secret_file"] {
        let folder = TempDir::new().unwrap();
        let SecretSource::File { file, .. } =
            file(folder.path(), "\u{feff} 口令 canary \r\n".as_bytes(), 0o600)
        else {
            unreachable!("a file")
        };
        let source = SecretSource::File {
            key: key.to_owned(),
            file,
        };
        assert_eq!(source.read(&env(&[])).unwrap().expose(), " 口令 canary ", "{key}");
    }
}

#[test]
fn a_file_that_is_no_secret_is_refused_without_being_repeated() {
    for (text, mode, expected) in [
        (
            &b"canary\n"[..],
            0o644,
            "can be read by others (mode 0644); type: chmod 600 ",
        ),
        (b"canary", 0o620, "mode 0620"),
        (b"", 0o600, "is empty"),
        (b"\n", 0o600, "is empty"),
        (b"canary\nother\n", 0o600, "more than one line"),
        (b"canary\0", 0o600, "a control character"),
        (b"canary \xff", 0o600, "cannot read"),
        (b"\xff\xfec\0a\0n\0", 0o600, "UTF-16"),
        (b"can ary", 0o600, "a blank at position 4"),
        ("ｃanary".as_bytes(), 0o600, "full-width"),
        (b"\"canary\"", 0o600, "in quotes"),
        (b"CHANGE_ME", 0o600, "placeholder"),
    ] {
        let error = read(text, mode).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with("`company.acme.secret_file`: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[test]
fn a_missing_file_or_variable_is_named() {
    let absent = SecretSource::File {
        key: "k".to_owned(),
        file: "/no/such/secret".into(),
    };
    let error = absent.read(&env(&[])).unwrap_err().to_string();
    assert!(error.contains("/no/such/secret"), "{error}");
    let variable = SecretSource::Variable {
        key: "company.acme.secret_env".to_owned(),
        name: "ACME".to_owned(),
    };
    let error = variable.read(&env(&[])).unwrap_err().to_string();
    assert_eq!(
        error,
        "`company.acme.secret_env`: the environment variable ACME is not set"
    );
    assert_eq!(
        variable.read(&env(&[("ACME", "canary")])).unwrap().expose(),
        "canary"
    );
    assert!(
        variable
            .read(&env(&[("ACME", "")]))
            .unwrap_err()
            .to_string()
            .ends_with("ACME is empty")
    );
}
