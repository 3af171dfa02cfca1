//! Is this the archive that is meant, and is it used at one place only? Asked before anything is read or written.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{context::Context, outcome::Failure};
use crate::{
    backup::{self, Claim},
    store::{self, Store, StoreError},
};

/// Where the locks of archives are, in the folder of this user's states.
const LOCKS: &str = "shiguan/archives";

/// The claim of this process, held to its end.
pub(super) type Held = Mutex<Option<Claim>>;

impl Context {
    /// Refuses a disk that is not mounted, and an archive that is not the one the configuration requires.
    pub(super) fn check_place(&self) -> Result<(), Failure> {
        let database = self.database();
        if !database.exists() {
            self.check_mounts()?;
        }
        let Some(required) = &self.config.store.archive_id else {
            return Ok(());
        };
        let found = match store::archive_id(&database) {
            Err(StoreError::Missing { .. }) => None,
            found => Some(found),
        };
        let required = required.trim();
        match found {
            None => Err(Failure::run(format!(
                "archive {required}, which store.archive_id requires, is not there: no {}",
                database.display()
            ))
            .hint(
                "is its disk mounted? Otherwise restore it (`shiguan restore`), or take store.archive_id out of the \
                 configuration to begin a new archive",
            )),
            Some(Ok(Some(id))) if id == required => Ok(()),
            Some(Ok(id)) => Err(Failure::run(format!(
                "{} is {}, and store.archive_id requires archive {required}",
                database.display(),
                id.map_or("an archive without an id".to_owned(), |id| format!("archive {id}"))
            ))
            .hint("name the right folder in archive.folder, or the right id in store.archive_id")),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// An archive that is not there is made anew, but never on the place of a disk that is only not mounted.
    fn check_mounts(&self) -> Result<(), Failure> {
        match backup::unmounted(&self.config.archive.folder) {
            Some(point) => Err(Failure::run(format!(
                "there is no archive in {}, and {}, where it lies, is in /etc/fstab and not mounted",
                self.config.archive.folder.display(),
                point.display()
            ))
            .hint(format!(
                "mount {}; a new archive is not begun in its place",
                point.display()
            ))),
            None => Ok(()),
        }
    }

    /// Claims the archive for this process; a copy of an archive that is in use elsewhere is refused.
    pub(super) fn claim_place(&self, store: &Store) -> Result<(), Failure> {
        let mut held = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        // None on a full disk, when an old archive could not be given one.
        let Some(id) = store.archive_id()? else {
            return Ok(());
        };
        let mut problem = None;
        for folder in self.lock_folders() {
            match backup::claim(&folder, &id, store.path()) {
                Ok(claim) => {
                    *held = Some(claim);
                    return Ok(());
                }
                Err(error @ backup::Error::CopyInUse { .. }) => {
                    return Err(Failure::run(error).hint(
                        "stop the other process; to run both, `shiguan restore` makes an archive of its own from a backup, \
                         and `shiguan backup adopt` gives this copy an id of its own",
                    ));
                }
                Err(error) => problem = Some(error),
            }
        }
        if let Some(error) = problem {
            tracing::warn!(event = "store.not_claimed", %error, "cannot tell whether a copy of this archive is in use");
        }
        Ok(())
    }

    /// The same for every process of this user, from a terminal or a service.
    fn lock_folders(&self) -> Vec<PathBuf> {
        let set = |name: &str| {
            let value = self.environment(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let states = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
        let user = rustix::process::geteuid().as_raw();
        let last = std::env::temp_dir().join(format!("shiguan-{user}"));
        states
            .map(|states| states.join(LOCKS))
            .into_iter()
            .chain([last])
            .collect()
    }
}
