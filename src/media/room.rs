//! Room on the disk: files may take what the headroom leaves, and records come first.
//!
//! Enters: how much each file under way is still to bring. Leaves: whether it may be begun or gone on with. A file that does
//! not fit waits; when the headroom itself is touched, all of them do.
//!
//! Must not know: what a file is, what else lies on the disk.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// What is written before anybody asks again, and what a file of unknown size is taken to bring next.
const STEP: u64 = 512 * 1024;
const MIB: u64 = 1 << 20;

/// Tells how many bytes are free where a path is; `None` when that cannot be told.
pub type Probe = Arc<dyn Fn(&Path) -> Option<u64> + Send + Sync>;

/// What may be written, shared by all who fetch in this process.
pub struct Room {
    folders: Vec<PathBuf>,
    headroom: u64,
    probe: Probe,
    /// Bytes that files under way are still to bring, by file.
    coming: Mutex<BTreeMap<i64, u64>>,
}

/// Why nothing may be written. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// This file does not fit; a smaller one may.
    File(String),
    /// No file may be written.
    Everybody(String),
}

impl Room {
    /// Room in these folders, of which `headroom` bytes are to stay free.
    pub fn new(folders: Vec<PathBuf>, headroom: u64, probe: Probe) -> Self {
        Self {
            folders,
            headroom,
            probe,
            coming: Mutex::default(),
        }
    }

    /// Takes room for a file that is to bring so many more bytes; `None` when nobody knows.
    pub fn begin(&self, file: i64, coming: Option<u64>) -> Result<(), Short> {
        self.ask(file, coming)
    }

    /// The same for the next chunk of a file that has room. It may be more than at first, when its beginning is not there.
    pub fn go_on(&self, file: i64, coming: Option<u64>) -> Result<(), Short> {
        self.ask(file, coming)
    }

    /// The file is no longer under way: its share of the room is free.
    pub fn end(&self, file: i64) {
        self.coming().remove(&file);
    }

    /// Why files wait now, if they do.
    pub fn shortage(&self) -> Option<String> {
        let free = self.free()?;
        (free < self.headroom.saturating_add(STEP)).then(|| self.too_little(free))
    }

    /// A file within what it has room for only needs that others have left the headroom alone.
    fn ask(&self, file: i64, coming: Option<u64>) -> Result<(), Short> {
        let wanted = coming.unwrap_or(STEP);
        let mut under_way = self.coming();
        let Some(free) = self.free() else {
            under_way.insert(file, wanted);
            return Ok(());
        };
        let left = free.saturating_sub(self.headroom);
        if left < wanted.min(STEP) {
            return Err(Short::Everybody(self.too_little(free)));
        }
        let mine = under_way.get(&file).copied().unwrap_or(0);
        let others: u64 = under_way.values().sum::<u64>().saturating_sub(mine);
        if (coming.is_none() || mine < wanted) && left.saturating_sub(others) < wanted {
            return Err(Short::File(format!(
                "waits for room: it brings {} MiB more, {} MiB are free, of which {} stay free (store.disk_headroom_mib) and {} \
                 are for files under way",
                wanted.div_ceil(MIB),
                free / MIB,
                self.headroom / MIB,
                others / MIB
            )));
        }
        under_way.insert(file, wanted);
        Ok(())
    }

    fn too_little(&self, free: u64) -> String {
        format!(
            "waits for room: {} MiB are free where files are kept, and {} must stay free (store.disk_headroom_mib)",
            free / MIB,
            self.headroom / MIB
        )
    }

    /// Free bytes where there are fewest; folders of which nobody can tell count for nothing.
    fn free(&self) -> Option<u64> {
        self.folders
            .iter()
            .filter_map(|folder| (self.probe)(folder))
            .min()
    }

    fn coming(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, u64>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("folders", &self.folders)
            .field("headroom", &self.headroom)
            .finish_non_exhaustive()
    }
}

/// Bytes that this user may still write where a path is, or will be. `None` when the file system does not say.
pub fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    // Some file systems of other machines have no number to give and say 0 to everything.
    (disk.f_blocks > 0).then(|| disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Room on a disk of which the test says how much is free, in MiB.
    fn room(headroom: u64) -> (Room, Arc<AtomicU64>) {
        let free = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&free);
        let probe: Probe = Arc::new(move |_: &Path| Some(told.load(Ordering::Relaxed) * MIB));
        (
            Room::new(vec![PathBuf::from("/here")], headroom * MIB, probe),
            free,
        )
    }

    #[test]
    fn files_under_way_have_their_room_and_others_get_what_is_left() {
        let (room, free) = room(100);
        free.store(150, Ordering::Relaxed);
        assert_eq!(room.begin(1, Some(30 * MIB)), Ok(()));
        assert!(matches!(room.begin(2, Some(30 * MIB)), Err(Short::File(_))));
        assert_eq!(room.begin(3, Some(20 * MIB)), Ok(()));
        assert!(matches!(room.begin(4, None), Err(Short::File(_))));
        // What has come is on the disk and no longer to come.
        free.store(130, Ordering::Relaxed);
        assert_eq!(room.go_on(1, Some(10 * MIB)), Ok(()));
        assert_eq!(room.go_on(3, Some(20 * MIB)), Ok(()));
        room.end(3);
        assert_eq!(room.begin(2, Some(20 * MIB)), Ok(()));
        assert_eq!(room.shortage(), None);
    }

    #[test]
    fn a_file_of_unknown_size_is_asked_about_at_each_step() {
        let (room, free) = room(100);
        free.store(110, Ordering::Relaxed);
        assert_eq!(room.begin(1, Some(9 * MIB)), Ok(()));
        assert_eq!(room.begin(2, None), Ok(()));
        assert_eq!(room.go_on(2, None), Ok(()));
        free.store(105, Ordering::Relaxed);
        assert_eq!(room.go_on(1, Some(4 * MIB)), Ok(()));
        assert_eq!(room.go_on(2, None), Ok(()));
        free.store(104, Ordering::Relaxed);
        assert!(
            matches!(room.go_on(2, None), Err(Short::File(_))),
            "the 4 are promised"
        );
    }

    /// Begun for the rest of a file; then its beginning turns out to be gone, and all of it is to come.
    #[test]
    fn a_file_that_needs_more_than_it_was_begun_for_is_asked_about_again() {
        let (room, free) = room(100);
        free.store(150, Ordering::Relaxed);
        assert_eq!(room.begin(1, Some(10 * MIB)), Ok(()));
        assert_eq!(room.begin(2, Some(30 * MIB)), Ok(()));
        assert!(matches!(room.go_on(1, Some(40 * MIB)), Err(Short::File(_))));
        assert_eq!(room.go_on(1, Some(20 * MIB)), Ok(()));
        assert!(
            matches!(room.begin(3, Some(MIB)), Err(Short::File(_))),
            "all of it is promised"
        );
    }

    #[test]
    fn when_somebody_else_takes_the_headroom_all_files_wait() {
        let (room, free) = room(100);
        free.store(200, Ordering::Relaxed);
        assert_eq!(room.begin(1, Some(50 * MIB)), Ok(()));
        free.store(100, Ordering::Relaxed);
        assert!(matches!(room.go_on(1, Some(40 * MIB)), Err(Short::Everybody(_))));
        assert!(matches!(room.begin(2, Some(0)), Ok(())), "nothing needs no room");
        assert!(matches!(room.begin(3, Some(1)), Err(Short::Everybody(_))));
        assert!(
            room.shortage()
                .is_some_and(|why| why.contains("disk_headroom_mib"))
        );
        free.store(200, Ordering::Relaxed);
        assert_eq!(room.go_on(1, Some(40 * MIB)), Ok(()));
    }

    #[test]
    fn where_nobody_can_tell_files_come() {
        let room = Room::new(vec![PathBuf::from("/here")], u64::MAX, Arc::new(|_: &Path| None));
        assert_eq!(room.begin(1, Some(u64::MAX)), Ok(()));
        assert_eq!(room.shortage(), None);
        assert!(
            free(Path::new("/nowhere at all/there")).is_some(),
            "of what is there of the path"
        );
    }
}
