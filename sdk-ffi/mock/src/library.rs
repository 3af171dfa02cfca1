//! Where the built shared object lies relative to a running program. Knows cargo's folders, nothing else.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// File name of the shared object on Linux.
pub const LIBRARY_FILE: &str = "libsdk_mock.so";

/// The places the library can be in, best first, for a program at `program`.
///
/// Beside it (a release folder), in `deps/` beside it (cargo does not lift a dependency's library up), and beside
/// its parent folder (test binaries run from `target/debug/deps`, examples from `target/debug/examples`).
pub fn library_path_candidates(program: &Path) -> Vec<PathBuf> {
    let Some(folder) = program.parent() else {
        return Vec::new();
    };
    let mut places = vec![folder.join(LIBRARY_FILE), folder.join("deps").join(LIBRARY_FILE)];
    if let Some(above) = folder.parent() {
        places.push(above.join(LIBRARY_FILE));
        places.push(above.join("deps").join(LIBRARY_FILE));
    }
    places
}

/// The newest of the candidates that exist, the first of equals: `cargo test` renews the one in `deps/` and leaves
/// an older one beside the program as it is.
pub fn find_library(program: &Path) -> Option<PathBuf> {
    let mut newest: Option<(SystemTime, PathBuf)> = None;
    for path in library_path_candidates(program) {
        let Ok(about) = path.metadata() else { continue };
        let changed = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if about.is_file() && newest.as_ref().is_none_or(|(known, _)| changed > *known) {
            newest = Some((changed, path));
        }
    }
    newest.map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_of_two_libraries_wins_and_of_equals_the_one_beside_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("shiguan");
        let (beside, deps) = (
            folder.path().join(LIBRARY_FILE),
            folder.path().join("deps").join(LIBRARY_FILE),
        );
        std::fs::create_dir(folder.path().join("deps")).unwrap();
        std::fs::write(&deps, b"").unwrap();
        assert_eq!(find_library(&program).as_ref(), Some(&deps));
        std::fs::hard_link(&deps, &beside).unwrap();
        assert_eq!(find_library(&program).as_ref(), Some(&beside));
        std::fs::remove_file(&deps).unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::create(&deps).unwrap().set_modified(later).unwrap();
        assert_eq!(find_library(&program).as_ref(), Some(&deps));
    }

    #[test]
    fn a_test_binary_finds_the_library_of_the_folder_above() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deps")).unwrap();
        std::fs::write(folder.path().join(LIBRARY_FILE), b"").unwrap();
        let program = folder.path().join("deps").join("suite-0123");
        assert_eq!(find_library(&program), Some(folder.path().join(LIBRARY_FILE)));
    }

    #[test]
    fn a_folder_without_the_library_gives_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find_library(&folder.path().join("shiguan")), None);
    }
}
