//! Whether a folder lies on a disk that should be mounted and is not.
//!
//! Certain is only what the system's own table says: a mount point of `/etc/fstab` that is not mounted. An empty folder
//! alone proves nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The mount point of `/etc/fstab` at or above `folder` on which nothing is mounted; none when all is as it should be, or
/// when that cannot be told.
pub fn unmounted(folder: &Path) -> Option<PathBuf> {
    let table = fs::read_to_string("/etc/fstab").ok()?;
    let mounted = fs::read_to_string("/proc/self/mountinfo").ok()?;
    missing(&table, &mounted, &real(folder))
}

/// The folder without symbolic links, as far as it exists.
fn real(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let existing = absolute.ancestors().find_map(|above| {
        let real = fs::canonicalize(above).ok()?;
        let below = absolute.strip_prefix(above).ok()?;
        Some(real.join(below))
    });
    existing.unwrap_or(absolute)
}

fn missing(table: &str, mounted: &str, folder: &Path) -> Option<PathBuf> {
    let mounted: Vec<PathBuf> = mounted
        .lines()
        .filter_map(|line| line.split_whitespace().nth(4).map(unescape))
        .collect();
    if mounted.is_empty() {
        return None;
    }
    table
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().nth(1).map(unescape))
        .filter(|point| point.parent().is_some() && point.is_absolute())
        .find(|point| folder.starts_with(point) && !mounted.contains(point))
}

/// Blanks stand as `\040` in both tables.
fn unescape(field: &str) -> PathBuf {
    let mut out = String::new();
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) if code.is_ascii() => {
                out.push(char::from(code));
                rest = &rest[at + 4..];
            }
            _ => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    PathBuf::from(out.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mount_point_that_is_listed_and_not_mounted_is_missing() {
        let table = "# comment\nUUID=1 / ext4 defaults 0 1\nUUID=2 /srv/data ext4 defaults 0 2\n\
                     UUID=3 /srv/more\\040data/ xfs noauto 0 0\nUUID=4 none swap sw 0 0\n";
        let root = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
        let data = "23 22 8:2 / /srv/data rw - ext4 /dev/sda2 rw\n";
        let at = |mounted: &str, folder: &str| missing(table, mounted, Path::new(folder));
        let both = format!("{root}{data}");
        assert_eq!(at(&both, "/srv/data/shiguan"), None);
        assert_eq!(at(root, "/srv/data/shiguan"), Some("/srv/data".into()));
        assert_eq!(at(root, "/srv/data"), Some("/srv/data".into()));
        assert_eq!(at(root, "/srv/database"), None);
        assert_eq!(at(&both, "/srv/more data/x"), Some("/srv/more data".into()));
        assert_eq!(at(root, "/home/x"), None);
        assert_eq!(at("", "/srv/data"), None, "nothing can be told");
    }
}
