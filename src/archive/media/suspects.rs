//! Refusals that would be about every file, until it is known whether they are.
//!
//! WeCom, the library or the disk says of one file what an operator would have to mend: an address that is not allowed, a
//! folder that cannot be written. If it is true, the next files say the same, and the pass ends; none of the files has used
//! up a try, but each has a setback, so that the next pass begins with others. If another file is kept meanwhile it is this
//! file's own trouble, and the file waits like any other that failed.

use super::{Error, Pass};
use crate::{
    media::Fault,
    store::contract::{FileId, MediaTask},
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
        // It failed before, and others were kept since: nothing is left to find out.
        if self.others_were_kept_since(&task).await? {
            return self
                .failed_alone(&task, None, Fault::Own(error.to_string()))
                .await;
        }
        let put_aside = {
            let mut suspects = self.suspects.lock().await;
            suspects.push(Suspect { task, error });
            if suspects.len() < EVERYBODY {
                if let Some(Suspect { task, error }) = suspects.last() {
                    tracing::warn!(event = "media.suspect", file = task.id.0, cause = %error, "refused; other files are tried");
                }
                return Ok(());
            }
            std::mem::take(&mut *suspects)
        };
        self.everybody(put_aside).await
    }

    /// A file was kept, so whatever was said of those put aside is about them.
    pub(super) async fn acquit_everybody(&self) -> Result<(), Error> {
        let suspects = std::mem::take(&mut *self.suspects.lock().await);
        for suspect in suspects {
            let own = Fault::Own(suspect.error.to_string());
            self.failed_alone(&suspect.task, None, own).await?;
        }
        Ok(())
    }

    /// At the end: without a kept file nobody can say that it was not everybody.
    pub(super) async fn conclude(&self) -> Result<(), Error> {
        if self.has_kept() && self.done().failure.is_none() {
            return self.acquit_everybody().await;
        }
        let suspects = std::mem::take(&mut *self.suspects.lock().await);
        self.everybody(suspects).await
    }

    /// Notes a setback for each of them and fails with what was said of the first.
    async fn everybody(&self, suspects: Vec<Suspect>) -> Result<(), Error> {
        for suspect in &suspects {
            self.setback(&suspect.task, suspect.error.to_string()).await?;
        }
        suspects
            .into_iter()
            .next()
            .map_or(Ok(()), |first| Err(first.error))
    }

    /// True when the file failed before, and others were kept in this pass, or in earlier ones after it had failed.
    async fn others_were_kept_since(&self, task: &MediaTask) -> Result<bool, Error> {
        let failures = task.attempts + task.setbacks;
        if failures == 0 || self.has_kept() {
            return Ok(failures > 0);
        }
        // Not known, since somebody put it back to be fetched at once.
        if task.next_try.0 <= 0 {
            return Ok(false);
        }
        // It failed before this time, whatever its pause was.
        let failed = task.next_try.0 - self.least_wait(failures).as_millis() as i64;
        let company = self.company;
        let kept = self
            .desk
            .ask(move |store| store.media_last_kept(company))
            .await??;
        Ok(kept.is_some_and(|kept| kept.0 > failed))
    }

    fn has_kept(&self) -> bool {
        self.done().ended.iter().any(|(state, _)| state.is_kept())
    }
}
