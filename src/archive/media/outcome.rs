//! What becomes of a file: kept, tried again where that can help, or named. All of it side by side.
//!
//! Enters: how an attempt ended. Leaves: the state in the store, the content in the vault, no beginning that nobody needs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::task::spawn_blocking;

use super::{super::clock_verdict, Error, Pass, fault};
use crate::{
    ids::Millis,
    media::{
        Announced, Download, Fault,
        download::{self, Whole},
        sniff::SILK,
        vault,
        voice::{self, Playable},
    },
    secret::Secret,
    store::contract::{Content, Fetched, Later, MediaState, MediaTask},
};

/// Times a file that comes whole is fetched before it is believed to be other than announced (finance-sdk §9).
const DIFFERENT: u32 = 3;
/// What decoding one voice may take in a program of the operator's.
const DECODING: Duration = Duration::from_secs(60);

impl Pass {
    /// Everything came. Compared, converted, kept, noted: in this order, so that what is noted is there.
    pub(super) async fn whole(
        &self,
        task: &MediaTask,
        download: &Download,
        whole: Whole,
        announced: &Announced,
    ) -> Result<(), Error> {
        let path = download.path().to_owned();
        let differs = announced.differs(&whole);
        if let Some(detail) = differs.clone().filter(|_| task.differed + 1 < DIFFERENT) {
            let later = Later {
                have: 0,
                cursor: Secret::default(),
                attempts: task.attempts,
                differed: task.differed + 1,
                next_try: Millis::now(),
                detail,
            };
            return self.later(task, later, Some(path)).await;
        }
        let heard = self.turn.beginning(-task.id.0);
        let (playable, silent) = self.playable(&whole, &path, &heard).await?;
        let kept = async {
            if let Some(playable) = &playable {
                self.fetching
                    .vault
                    .keep(&heard, &playable.digest.sha256, playable.bytes)
                    .await?;
            }
            self.fetching
                .vault
                .keep(&path, &whole.digest.sha256, whole.bytes)
                .await
        };
        if let Err(error) = kept.await {
            // The vault is not to be had. What came lies ready: only the last chunk is fetched again.
            let ((have, cursor), file) = (download.before_last(), task.id);
            if have > 0 {
                self.desk
                    .ask(move |store| store.media_reached(file, have, &cursor))
                    .await??;
            }
            return Err(error.into());
        }
        let fetched = Fetched {
            content: content(&whole),
            playable: playable.as_ref().map(content),
            silent,
        };
        let file = task.id;
        self.desk
            .ask(move |store| store.media_kept(file, &fetched, Millis::now()))
            .await??;
        let mut done = self.done();
        done.bytes += whole.bytes;
        done.count(match differs {
            None => MediaState::Kept,
            Some(_) => MediaState::Differs,
        });
        Ok(())
    }

    /// A form of it that browsers play, at `to`; where there is none, why.
    async fn playable(
        &self,
        whole: &Whole,
        from: &Path,
        to: &Path,
    ) -> Result<(Option<Whole>, String), Error> {
        let made = to.with_extension("made");
        let foreign = match &self.fetching.silk {
            Some(program) if whole.sniffed == SILK => {
                if let Err(error) = program.run(from, &made, voice::MOST, DECODING).await {
                    return Ok((None, error.to_string()));
                }
                true
            }
            _ => false,
        };
        let (sniffed, from, path) = (whole.sniffed, from.to_owned(), to.to_owned());
        let decoded = spawn_blocking(move || {
            let playable = if foreign {
                let is_sound = voice::wav_of(&made, &path)?;
                fs::remove_file(&made)?;
                if is_sound {
                    Playable::Made
                } else {
                    Playable::None(voice::FAILED)
                }
            } else {
                voice::playable(sniffed, &from, &path)?
            };
            Ok(match playable {
                Playable::AsIs => (None, String::new()),
                Playable::None(why) => (None, why.to_owned()),
                Playable::Made => (Some(download::look(&path)?), String::new()),
            })
        });
        let decoded = decoded
            .await
            .unwrap_or_else(|_| Ok((None, voice::FAILED.to_owned())));
        decoded.map_err(|cause| {
            fault(Fault::Disk {
                what: to.display().to_string(),
                cause,
            })
        })
    }

    /// The attempt is over and the file is not here: tried again where that can help, named where it cannot.
    pub(super) async fn failed(
        &self,
        task: &MediaTask,
        download: Option<Download>,
        why: Fault,
    ) -> Result<(), Error> {
        let detail = why.to_string();
        let attempts = task.attempts + 1;
        let given_up = attempts >= self.fetching.attempts;
        let deadline = i64::try_from(self.fetching.deadline.as_millis()).unwrap_or(i64::MAX);
        let late = Millis::now().0 > task.since.0.saturating_add(deadline);
        let keep = match why {
            Fault::Stop(_) | Fault::Disk { .. } => {
                if let (Some(mut download), Fault::Stop(_)) = (download, &why) {
                    self.leave(task, &mut download).await?;
                }
                return Err(fault(why));
            }
            Fault::Expired(_) => return self.ended(task, MediaState::Expired, detail).await,
            Fault::Refused(_) | Fault::TooLarge(_) => {
                return self.ended(task, MediaState::Refused, detail).await;
            }
            Fault::Nonsense(_) | Fault::Cursor | Fault::Deadly(_) if given_up => {
                return self
                    .ended(task, MediaState::Refused, format!("{detail}, {attempts} times"))
                    .await;
            }
            // For good, so not on the word of one clock.
            Fault::Passing(_) if given_up && late && self.clock_agrees().await? => {
                return self
                    .ended(
                        task,
                        MediaState::Gone,
                        format!("{detail}, {attempts} times, and its time is over"),
                    )
                    .await;
            }
            Fault::Nonsense(_) | Fault::Cursor => false,
            // A place to go on from has no documented lifetime: without progress from it, the beginning is tried.
            Fault::Passing(_) | Fault::Deadly(_) => true,
        };
        let reached = match download {
            Some(mut download) if keep && (download.have() > task.have || task.attempts == 0) => {
                Some(download.reach().await.map_err(fault)?)
            }
            _ => None,
        };
        let (have, cursor) = reached.unwrap_or_default();
        let later = Later {
            have,
            cursor,
            attempts,
            differed: task.differed,
            next_try: Millis(Millis::now().0 + self.wait(attempts).as_millis() as i64),
            detail,
        };
        let beginning = (have == 0).then(|| self.turn.beginning(task.id.0));
        self.later(task, later, beginning).await
    }

    async fn clock_agrees(&self) -> Result<bool, Error> {
        let company = self.company;
        let verdict = self
            .desk
            .ask(move |store| clock_verdict(store, company, Millis::now()))
            .await??;
        Ok(verdict.is_agreed())
    }

    async fn later(&self, task: &MediaTask, later: Later, beginning: Option<PathBuf>) -> Result<(), Error> {
        let file = task.id;
        self.desk
            .ask(move |store| store.media_later(file, &later))
            .await??;
        if let Some(beginning) = beginning {
            vault::remove(&beginning)?;
        }
        self.done().later += 1;
        Ok(())
    }

    pub(super) async fn ended(
        &self,
        task: &MediaTask,
        state: MediaState,
        detail: String,
    ) -> Result<(), Error> {
        let file = task.id;
        self.desk
            .ask(move |store| store.media_ended(file, state, &detail, Millis::now()))
            .await??;
        vault::remove(&self.turn.beginning(file.0))?;
        self.done().count(state);
        Ok(())
    }
}

fn content(whole: &Whole) -> Content {
    Content {
        sha256: whole.digest.sha256,
        md5: whole.digest.md5,
        bytes: whole.bytes,
        mime: whole.sniffed.mime.to_owned(),
        ending: whole.sniffed.ending.to_owned(),
    }
}
