//! Marker files, and those that a killed start left behind.
//!
//! A marker has a name only until its child has opened it; whoever is killed in between leaves it. Its maker's process
//! id is in its name and its maker holds a lock on it, so that a later start can tell a dead one's from a living one's.
//!
//! Must not know: what is in a marker.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

const PREFIX: &str = "shiguan-mark-";
/// Names without a process id are of earlier versions, which held no lock; a start takes less than this.
const START: Duration = Duration::from_secs(120);

/// A new marker, ours until it is dropped.
pub(super) fn new(folder: &Path) -> io::Result<NamedTempFile> {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
    // A file system without locks: the process id alone has to tell.
    if let Err(error) = file.as_file().try_lock() {
        tracing::debug!(target: "shiguan::sdk", "the marker takes no lock: {error}");
    }
    Ok(file)
}

/// Removes what dead processes of this user left. What is in doubt stays; nothing depends on it.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        if is_left(&entry.path(), rest).unwrap_or(false) {
            match fs::remove_file(entry.path()) {
                Ok(()) => {
                    tracing::debug!(target: "shiguan::sdk", "removed a marker that a killed start left")
                }
                Err(error) => tracing::debug!(target: "shiguan::sdk", "a marker stays: {error}"),
            }
        }
    }
}

/// True for a regular file of this user whose maker is gone. `rest` is its name behind the prefix.
fn is_left(path: &Path, rest: &str) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(false);
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.uid() != rustix::process::geteuid().as_raw() || file.try_lock().is_err() {
        return Ok(false);
    }
    Ok(
        match rest.split_once('-').and_then(|(pid, _)| pid.parse::<u32>().ok()) {
            Some(pid) => !Path::new("/proc").join(pid.to_string()).exists(),
            None => about.modified()?.elapsed().is_ok_and(|age| age > START),
        },
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_our_own_marks_of_dead_processes_go() {
        let scratch = tempfile::tempdir().expect("a folder");
        let folder = scratch.path();
        let mut ended = Command::new("true").spawn().expect("a process");
        ended.wait().expect("its end");
        let dead = folder.join(format!("{PREFIX}{}-abc", ended.id()));
        let (old, recent) = (folder.join("shiguan-mark-old"), folder.join("shiguan-mark-new"));
        let (other, link) = (
            folder.join("other-mark"),
            folder.join(format!("{PREFIX}{}-ln", ended.id())),
        );
        for file in [&dead, &old, &recent, &other] {
            fs::write(file, b"MARK").expect("written");
        }
        let long_ago = std::time::SystemTime::now() - 2 * START;
        File::options()
            .write(true)
            .open(&old)
            .and_then(|file| file.set_modified(long_ago))
            .expect("dated back");
        std::os::unix::fs::symlink(&other, &link).expect("a link");
        let living = new(folder).expect("a marker");
        // A dead one's id, and a lock that somebody still holds: another machine's process, by a shared folder.
        let held = folder.join(format!("{PREFIX}{}-held", ended.id()));
        let holder = File::create(&held).expect("made");
        holder.lock().expect("locked");

        sweep(folder);
        assert!(!dead.exists() && !old.exists());
        for stays in [&recent, &other, &held, &link, living.path()] {
            assert!(fs::symlink_metadata(stays).is_ok(), "{}", stays.display());
        }
    }
}
