//! Where the built shared object lies relative to a running program. Knows cargo's folders, nothing else.

use std::path::{Path, PathBuf};

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

/// The first candidate that exists.
pub fn find_library(program: &Path) -> Option<PathBuf> {
    library_path_candidates(program)
        .into_iter()
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_beside_the_program_wins_over_one_in_deps() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("shiguan");
        std::fs::create_dir(folder.path().join("deps")).unwrap();
        std::fs::write(folder.path().join("deps").join(LIBRARY_FILE), b"").unwrap();
        assert_eq!(
            find_library(&program),
            Some(folder.path().join("deps").join(LIBRARY_FILE))
        );
        std::fs::write(folder.path().join(LIBRARY_FILE), b"").unwrap();
        assert_eq!(find_library(&program), Some(folder.path().join(LIBRARY_FILE)));
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
