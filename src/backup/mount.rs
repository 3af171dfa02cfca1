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

/// The kind of file system, when the folder lies on another machine's disk: whoever runs that machine can read what is
/// written there. None when it lies on this one, or when that cannot be told.
pub fn remote(folder: &Path) -> Option<String> {
    let mounted = fs::read_to_string("/proc/self/mountinfo").ok()?;
    over_a_network(&mounted, &real(folder))
}

/// Kinds of file systems that are served by another machine; `fuse.` stands before some.
const REMOTE: [&str; 33] = [
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "davfs2",
    "gcsfuse",
    "glusterfs",
    "gpfs",
    "juicefs",
    "lustre",
    "moosefs",
    "mfs",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "prl_fs",
    "pvfs2",
    "quobyte",
    "rclone",
    "s3fs",
    "seaweedfs",
    "smb3",
    "smbfs",
    "sshfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs-fuse",
];

fn over_a_network(mounted: &str, folder: &Path) -> Option<String> {
    let mut nearest: Option<(PathBuf, &str)> = None;
    for line in mounted.lines() {
        let Some((head, tail)) = line.split_once(" - ") else {
            continue;
        };
        let point = head.split_whitespace().nth(4).map(rooted);
        let (Some(point), Some(kind)) = (point, tail.split_whitespace().next()) else {
            continue;
        };
        // Of two at one place the later one lies on top.
        let is_nearer = nearest
            .as_ref()
            .is_none_or(|(other, _)| point.components().count() >= other.components().count());
        if folder.starts_with(&point) && is_nearer {
            nearest = Some((point, kind));
        }
    }
    let (_, kind) = nearest?;
    let bare = kind.strip_prefix("fuse.").unwrap_or(kind);
    REMOTE.contains(&bare).then(|| kind.to_owned())
}

/// A mount point; that of the root is not empty.
fn rooted(field: &str) -> PathBuf {
    let point = unescape(field);
    match point.as_os_str().is_empty() {
        true => PathBuf::from("/"),
        false => point,
    }
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
    fn a_folder_on_another_machine_is_known_by_the_nearest_mount() {
        let table = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     23 22 0:40 / /mnt/nas rw,relatime shared:5 - nfs4 nas:/vol rw\n\
                     24 23 8:2 / /mnt/nas/disk rw - xfs /dev/sdb1 rw\n\
                     25 22 0:41 / /mnt/auto rw - autofs systemd-1 rw\n\
                     26 25 0:42 / /mnt/auto rw - cifs //box/share rw\n\
                     27 22 0:43 / /mnt/two\\040words rw - fuse.sshfs me@box:/ rw\n\
                     28 22 0:44 / /mnt/usb rw - fuseblk /dev/sdc1 rw\n";
        let at = |folder: &str| over_a_network(table, Path::new(folder));
        assert_eq!(at("/srv/backup"), None);
        assert_eq!(at("/mnt/nas/shiguan").as_deref(), Some("nfs4"));
        assert_eq!(at("/mnt/nas/disk/shiguan"), None);
        assert_eq!(at("/mnt/nasty"), None);
        assert_eq!(at("/mnt/auto/x").as_deref(), Some("cifs"));
        assert_eq!(at("/mnt/two words").as_deref(), Some("fuse.sshfs"));
        assert_eq!(at("/mnt/usb/x"), None);
        // Everything on a share, as in a machine without disks.
        assert_eq!(
            over_a_network("1 0 0:1 / / rw - nfs box:/root rw\n", Path::new("/srv")).as_deref(),
            Some("nfs")
        );
        assert_eq!(over_a_network("", Path::new("/srv")), None);
        for odd in ["no dash", " - ", "1 2 3 - nfs", "1 2 3 4 / - "] {
            assert_eq!(over_a_network(odd, Path::new("/srv")), None, "{odd}");
        }
    }

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
