//! Whether a library file is the one that the configuration pins. Looked at before any of it is loaded.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Error;

/// Fails unless the file has this SHA-256 (lower-case hex).
pub async fn check(path: &Path, pinned: &str) -> Result<(), Error> {
    let file = path.to_owned();
    let found = tokio::task::spawn_blocking(move || digest(&file))
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the thread that reads it ended")));
    match found {
        Ok(found) => same(path, pinned, &found),
        Err(error) => Err(Error::Library(format!("cannot read {}: {error}", path.display()))),
    }
}

/// The same for a digest that is known.
pub(super) fn same(path: &Path, pinned: &str, found: &str) -> Result<(), Error> {
    if pinned.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(Error::LibraryNotPinned {
        path: path.to_owned(),
        pinned: pinned.to_owned(),
        found: found.to_owned(),
    })
}

fn digest(path: &PathBuf) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_pinned_file_is_let_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("lib.so");
        std::fs::write(&file, b"test").expect("written");
        let right = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert!(check(&file, right).await.is_ok());
        assert!(check(&file, &right.to_uppercase()).await.is_ok());
        let wrong = right.replace('9', "8");
        let told = check(&file, &wrong).await.expect_err("refused").to_string();
        assert!(told.contains(right) && told.contains(&wrong), "{told}");
        let absent = check(&folder.path().join("none"), right).await;
        assert!(matches!(absent, Err(Error::Library(_))), "{absent:?}");
    }
}
