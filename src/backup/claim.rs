//! One place per archive on this machine: a copy that is opened for writing beside its original is refused.
//!
//! Every process that writes holds a shared lock on a file named after the archive's id, which says where the archive is.
//! Who wants to write somewhere else finds the lock held and the other place in the file. The lock is the system's and
//! ends with the process; a file that is left behind means nothing. Other machines, and containers with a folder of
//! their own, are not seen.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Error, Result, error::io, folder::private};

/// How often the lock is tried for while somebody else is just taking it.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of the file that are believed to be a place.
const MOST: u64 = 16 << 10;

/// The right to write to an archive; ends with the process, however that ends.
#[derive(Debug)]
pub struct Claim {
    lock: File,
    path: PathBuf,
}

/// Where an archive is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    device: u64,
    inode: u64,
    database: PathBuf,
}

/// Claims the archive with this id at this place, unless it is in use at another one. `folder` holds the locks of this
/// user.
pub fn claim(folder: &Path, id: &str, database: &Path) -> Result<Claim> {
    private(folder)?;
    let ours = place(database)?;
    // The id comes out of a database; as a name it is taken only if it can be one of ours.
    let known = !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let path = folder.join(format!("{}.lock", if known { id } else { "odd" }));
    for _ in 0..TRIES {
        let mut lock = open(&path)?;
        match lock.try_lock() {
            Ok(()) => write(&mut lock, &ours).map_err(io("write", &path))?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(cause)) => return Err(io("lock", &path)(cause)),
        }
        // From the exclusive lock, or beside others who hold it.
        match lock.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                thread::sleep(PAUSE);
                continue;
            }
            Err(TryLockError::Error(cause)) => return Err(io("lock", &path)(cause)),
        }
        // The last holder may have removed the file between its opening and its lock.
        if !is_named(&lock, &path)? {
            continue;
        }
        // Between the two locks, another process may have written its place.
        let held = read(&mut lock);
        return match held {
            Some(held) if (held.device, held.inode) == (ours.device, ours.inode) => Ok(Claim { lock, path }),
            Some(held) => Err(Error::CopyInUse {
                id: id.to_owned(),
                held: held.database,
                ours: ours.database,
            }),
            None => {
                drop(lock);
                thread::sleep(PAUSE);
                continue;
            }
        };
    }
    Err(Error::InUse { path })
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io("open", path))
}

/// True when this is still the file of that name.
fn is_named(file: &File, path: &Path) -> Result<bool> {
    let opened = file.metadata().map_err(io("open", path))?;
    let named = fs::metadata(path).ok();
    Ok(named.is_some_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())))
}

fn place(database: &Path) -> Result<Place> {
    let found = fs::metadata(database).map_err(io("open", database))?;
    Ok(Place {
        device: found.dev(),
        inode: found.ino(),
        database: fs::canonicalize(database).unwrap_or_else(|_| database.to_owned()),
    })
}

fn write(lock: &mut File, place: &Place) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(&serde_json::to_vec(place)?)
}

fn read(lock: &mut File) -> Option<Place> {
    lock.rewind().ok()?;
    let mut text = Vec::new();
    lock.take(MOST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The last one to go removes the file.
impl Drop for Claim {
    fn drop(&mut self) {
        if self.lock.try_lock().is_ok() {
            let _stays_and_means_nothing = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_at_a_time_and_as_many_processes_there_as_like() {
        let scratch = tempfile::tempdir().expect("a folder");
        let locks = scratch.path().join("locks");
        let at = |name: &str| {
            let path = scratch.path().join(name);
            fs::write(&path, "an archive").expect("a file");
            path
        };
        let (original, copy) = (at("original.db"), at("copy.db"));
        let first = claim(&locks, "abc", &original).expect("free");
        let second = claim(&locks, "abc", &original).expect("the same place");
        let refused = claim(&locks, "abc", &copy).expect_err("in use elsewhere");
        let text = refused.to_string();
        assert!(text.contains("original.db") && text.contains("copy.db"), "{text}");
        let other = claim(&locks, "def", &copy).expect("another archive");
        drop((first, other));
        assert!(claim(&locks, "abc", &copy).is_err(), "one is left");
        drop(second);
        let moved = claim(&locks, "abc", &copy).expect("free again");
        assert!(claim(&locks, "abc", &original).is_err());
        drop(moved);
        assert_eq!(fs::read_dir(&locks).expect("a folder").count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_means_nothing() {
        let scratch = tempfile::tempdir().expect("a folder");
        let database = scratch.path().join("archive.db");
        fs::write(&database, "an archive").expect("a file");
        for left in ["", "{", r#"{"device":1,"inode":2,"database":"/gone"}"#] {
            fs::write(scratch.path().join("abc.lock"), left).expect("a file");
            drop(claim(scratch.path(), "abc", &database).expect("free"));
        }
    }
}
