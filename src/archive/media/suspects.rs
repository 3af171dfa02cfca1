//! Refusals that would be about every file, until it is known whether they are.
//!
//! WeCom, the library or the disk says of one file what an operator would have to mend: an address that is not allowed, a
//! folder that cannot be written. If it is true, the next files say the same, and the pass ends with no file the worse for it.
//! If another file is kept meanwhile it is this file's own trouble, and the file waits like any other that failed.

use super::{Error, Pass};
use crate::{
    ids::Millis,
    store::contract::{FileId, Later, MediaState, MediaTask},
};

/// So many files in a row, none kept in between, are everybody.
const EVERYBODY: usize = 3;

/// A file that was put aside.
pub(super) struct Suspect {
    task: MediaTask,
    error: Error,
}

impl Suspect {
    pub(super) fn file(&self) -> FileId {
        self.task.id
    }
}

impl Pass {
    /// Puts a file aside. An `Err` means that it is everybody, and ends the pass.
    pub(super) async fn suspect(&self, task: MediaTask, error: Error) -> Result<(), Error> {
        let mut suspects = self.suspects.lock().await;
        if suspects.len() + 1 >= EVERYBODY {
            return Err(error);
        }
        tracing::warn!(event = "media.suspect", file = task.id.0, cause = %error, "refused; other files are tried");
        suspects.push(Suspect { task, error });
        Ok(())
    }

    /// A file was kept, so whatever was said of those put aside is about them.
    pub(super) async fn acquit_everybody(&self) -> Result<(), Error> {
        let suspects = std::mem::take(&mut *self.suspects.lock().await);
        for suspect in suspects {
            self.own_trouble(&suspect.task, suspect.error.to_string()).await?;
        }
        Ok(())
    }

    /// At the end: without a kept file nobody can say that it was not everybody.
    pub(super) async fn conclude(&self) -> Result<(), Error> {
        if self.done().failure.is_some() {
            return Ok(());
        }
        let any_kept = self.done().ended.iter().any(|(state, _)| state.is_kept());
        if any_kept {
            return self.acquit_everybody().await;
        }
        let suspects = std::mem::take(&mut *self.suspects.lock().await);
        suspects
            .into_iter()
            .next()
            .map_or(Ok(()), |first| Err(first.error))
    }

    /// A file waits like any other that failed, until its time is over.
    pub(super) async fn own_trouble(&self, task: &MediaTask, detail: String) -> Result<(), Error> {
        let attempts = task.attempts + 1;
        if attempts >= self.fetching.attempts && self.is_late(task) && !self.clock_is_doubtful().await? {
            let detail = format!("{detail}, {attempts} times, and its time is over");
            return self.ended(task, MediaState::Gone, detail).await;
        }
        let later = Later {
            have: task.have,
            cursor: task.cursor.clone(),
            attempts,
            differed: task.differed,
            next_try: Millis(Millis::now().0 + self.wait(attempts).as_millis() as i64),
            detail,
        };
        self.later(task, later, None).await
    }
}
