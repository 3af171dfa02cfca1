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
    clock::Verdict,
    ids::{Millis, RecordId},
    media::{
        Announced, Download, Fault, Scope, Short,
        download::{self, Whole, is_full},
        private,
        sniff::SILK,
        vault,
        voice::{self, Playable},
    },
    secret::Secret,
    store::contract::{Content, Fetched, FileId, Later, MediaState, MediaTask},
};

/// Times a file that comes whole is fetched before it is believed to be other than announced (finance-sdk §9).
const DIFFERENT: u32 = 3;
/// One answer ends no file; so many do where time bears them out, or where each costs as much as `media.max_file_mib`.
const CONFIRMED: u32 = 2;
/// How long a file waits for room before it is looked at again.
const ROOM: Duration = Duration::from_secs(300);
/// For so long WeCom keeps what it archives (finance-sdk §5.4).
const RETENTION: Duration = Duration::from_secs(5 * 24 * 3600);
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
                setbacks: task.setbacks,
                differed: task.differed + 1,
                next_try: self.next_try(task.differed + 1),
                detail,
            };
            return self.later(task, later, Some(path)).await;
        }
        let heard = self.turn.beginning(-task.id.0);
        let (playable, silent) = match self.playable(&whole, &path, &heard).await? {
            Ok(playable) => playable,
            Err(fault) => return self.failed(task, None, fault).await,
        };
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
            let mut task = task.clone();
            if have > 0 {
                (task.have, task.cursor) = (have, cursor.clone());
                self.desk
                    .ask(move |store| store.media_reached(file, have, &cursor))
                    .await??;
            }
            return self.failed(&task, None, Fault::Vault(error)).await;
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
        {
            let mut done = self.done();
            done.bytes += whole.bytes;
            done.count(match differs {
                None => MediaState::Kept,
                Some(_) => MediaState::Differs,
            });
        }
        self.acquit_everybody().await
    }

    /// Makes the playable form of kept voices that have none, from what is kept: the program that reads them may be there
    /// now. WeCom is not asked, and a voice that cannot be had from the vault is left as it is.
    pub(super) async fn voices_again(&self, record: RecordId) -> Result<(), Error> {
        let files = self.desk.ask(move |store| store.media_files(record)).await??;
        for file in files {
            let (id, Some(kept)) = (file.id, file.fetched) else {
                continue;
            };
            if file.company != self.company || kept.playable.is_some() || kept.silent.is_empty() {
                continue;
            }
            let (path, heard) = (self.turn.beginning(id.0), self.turn.beginning(-id.0));
            let made = self.voice_again(id, &kept, &path, &heard).await;
            for left in [&path, &heard] {
                vault::remove(left)?;
            }
            made?;
        }
        Ok(())
    }

    async fn voice_again(
        &self,
        file: FileId,
        kept: &Fetched,
        path: &Path,
        heard: &Path,
    ) -> Result<(), Error> {
        let mut copy = private::create(path).map_err(|cause| vault::VaultError::Folder {
            path: path.to_owned(),
            cause,
        })?;
        if let Err(error) = self.fetching.vault.copy(&kept.content.sha256, &mut copy).await {
            tracing::warn!(event = "media.voice_unread", file = file.0, cause = %error, "a voice stays without a playable form");
            return Ok(());
        }
        drop(copy);
        let source = path.to_owned();
        let whole = spawn_blocking(move || download::look(&source)).await;
        let Ok(Ok(whole)) = whole else { return Ok(()) };
        let Ok((playable, silent)) = self.playable(&whole, path, heard).await? else {
            return Ok(());
        };
        if let Some(playable) = &playable {
            self.fetching
                .vault
                .keep(heard, &playable.digest.sha256, playable.bytes)
                .await?;
        }
        let fetched = Fetched {
            content: kept.content.clone(),
            playable: playable.as_ref().map(content),
            silent,
        };
        self.desk
            .ask(move |store| store.media_kept(file, &fetched, Millis::now()))
            .await??;
        Ok(())
    }

    /// A form of it that browsers play, at `to`; where there is none, why. Only a disk without room is a fault of the file.
    async fn playable(
        &self,
        whole: &Whole,
        from: &Path,
        to: &Path,
    ) -> Result<Result<(Option<Whole>, String), Fault>, Error> {
        let made = to.with_extension("made");
        let foreign = match &self.fetching.silk {
            Some(program) if whole.sniffed == SILK => {
                if let Err(error) = program.run(from, &made, voice::MOST, DECODING).await {
                    return Ok(Ok((None, error.to_string())));
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
        Ok(match decoded {
            Ok(playable) => Ok(playable),
            Err(cause) if is_full(&cause) => Err(Fault::NoRoom(format!("{}: {cause}", to.display()))),
            Err(cause) => Ok((None, format!("{}: {cause}", voice::FAILED))),
        })
    }

    /// The attempt is over and the file is not here: tried again where that can help, named where it cannot.
    pub(super) async fn failed(
        &self,
        task: &MediaTask,
        download: Option<Download>,
        why: Fault,
    ) -> Result<(), Error> {
        match why.scope() {
            Scope::Everybody => self.refused_to_everybody(task, download, why).await,
            Scope::Room => self.full(task, why.to_string()).await,
            Scope::File | Scope::Moment => self.failed_alone(task, download, why).await,
        }
    }

    /// The same for what says nothing about every file.
    pub(super) async fn failed_alone(
        &self,
        task: &MediaTask,
        download: Option<Download>,
        why: Fault,
    ) -> Result<(), Error> {
        let detail = why.to_string();
        let progress = download
            .as_ref()
            .is_some_and(|download| download.have() > task.have);
        if !self.says_something(task, &why, progress) {
            let mut task = task.clone();
            if let Some(mut download) = download.filter(|download| progress && !download.is_beyond()) {
                match download.reach().await {
                    Ok(reached) => (task.have, task.cursor) = reached,
                    Err(fault) if fault.scope() == Scope::Room => {
                        return self.full(&task, fault.to_string()).await;
                    }
                    Err(_) => (task.have, task.cursor) = Default::default(),
                }
            }
            return self.setback(&task, detail).await;
        }
        let attempts = task.attempts + 1;
        let given_up = attempts >= self.fetching.attempts;
        let is_confirmed = attempts >= self.fetching.attempts.min(CONFIRMED);
        // Nothing is over while another witness of the time contradicts this machine's clock.
        let late = self.is_late(task) && !self.clock_is_doubtful().await?;
        let times = |state, detail: &str, over: &str| (state, format!("{detail}, {attempts} times{over}"));
        let over = ", and its time is over";
        let end = match why {
            // Of a file that was sent just now it is not believed at once.
            Fault::Expired(_) if given_up || late && is_confirmed => {
                Some((MediaState::Expired, detail.clone()))
            }
            // No answer from outside, but a rule of this program.
            Fault::Unaskable(_) | Fault::TooLarge(_) => Some((MediaState::Refused, detail.clone())),
            Fault::Overlong(_) if is_confirmed => Some(times(MediaState::Refused, &detail, "")),
            // One answer is not believed for ever. Those that harm (processes die of it, or gigabytes come for nothing) end
            // as soon.
            Fault::Refused(_) | Fault::Deadly(_) | Fault::Endless if given_up => {
                Some(times(MediaState::Refused, &detail, ""))
            }
            Fault::Nonsense(_) | Fault::Cursor if given_up && late => {
                Some(times(MediaState::Refused, &detail, over))
            }
            Fault::Passing(_) | Fault::Empty | Fault::Vault(_) | Fault::Own(_) if given_up && late => {
                Some(times(MediaState::Gone, &detail, over))
            }
            _ => None,
        };
        if let Some((state, detail)) = end {
            return self.ended(task, state, detail).await;
        }
        // A place to go on from has no documented lifetime: without progress from it, the beginning is tried.
        let keep = matches!(why, Fault::Passing(_) | Fault::Deadly(_));
        let reached = match download {
            None if matches!(why, Fault::Own(_)) => Some((task.have, task.cursor.clone())),
            Some(mut download) if keep && !download.is_beyond() && (progress || task.attempts == 0) => {
                match download.reach().await {
                    Ok(reached) => Some(reached),
                    Err(fault) if fault.scope() == Scope::Room => {
                        return self.full(task, fault.to_string()).await;
                    }
                    Err(_) => None,
                }
            }
            _ => None,
        };
        let (have, cursor) = reached.unwrap_or_default();
        let later = Later {
            have,
            cursor,
            attempts,
            setbacks: if progress { 0 } else { task.setbacks },
            differed: task.differed,
            next_try: self.next_try(attempts + task.setbacks),
            detail,
        };
        let beginning = (have == 0).then(|| self.turn.beginning(task.id.0));
        self.later(task, later, beginning).await
    }

    /// True when a failure is one of the tries that a file has. It is none while no chunk of any file comes: a network that is
    /// down, or a library that dies of everything, says nothing about this one, until WeCom cannot have the file any more.
    fn says_something(&self, task: &MediaTask, why: &Fault, progress: bool) -> bool {
        if self.is_past_everything(task) {
            return true;
        }
        match why {
            Fault::Deadly(_) => self.has_heard(),
            _ if why.scope() == Scope::Moment => self.heard_since_the_last_failure() && !progress,
            _ => true,
        }
    }

    /// The file failed through no fault that is known to be its own. It waits, behind those that have not failed.
    pub(super) async fn setback(&self, task: &MediaTask, detail: String) -> Result<(), Error> {
        let setbacks = task.setbacks.saturating_add(1);
        let later = Later {
            have: task.have,
            cursor: task.cursor.clone(),
            attempts: task.attempts,
            setbacks,
            differed: task.differed,
            next_try: self.next_try(task.attempts + setbacks),
            detail,
        };
        self.later(task, later, None).await
    }

    fn next_try(&self, failures: u32) -> Millis {
        Millis(Millis::now().0 + self.wait(failures).as_millis() as i64)
    }

    pub(super) async fn clock_is_doubtful(&self) -> Result<bool, Error> {
        let company = self.company;
        let verdict = self
            .desk
            .ask(move |store| clock_verdict(store, company, Millis::now()))
            .await??;
        Ok(matches!(verdict, Verdict::Doubtful { .. }))
    }

    /// Something that would be about every file. What came of this one stays.
    async fn refused_to_everybody(
        &self,
        task: &MediaTask,
        download: Option<Download>,
        why: Fault,
    ) -> Result<(), Error> {
        let mut task = task.clone();
        if let (Some(mut download), Fault::Stop(_)) = (download, &why) {
            self.leave(&task, &mut download).await?;
            if let Ok((have, cursor)) = download.reach().await {
                (task.have, task.cursor) = (have, cursor);
            }
        }
        self.suspect(task, fault(why)).await
    }

    /// The disk is full. What came of the file is given back, so that records have the room at once; it begins anew.
    async fn full(&self, task: &MediaTask, detail: String) -> Result<(), Error> {
        self.forget(task.id);
        self.wait_for_room(detail.clone());
        self.later_for_room(task, (0, Secret::default()), detail).await
    }

    /// The headroom is touched, or this file does not fit above it. What came stays, to be gone on with.
    pub(super) async fn short(
        &self,
        task: &MediaTask,
        download: Option<Download>,
        short: Short,
    ) -> Result<(), Error> {
        let mut reached = (task.have, task.cursor.clone());
        if let Some(mut download) = download {
            match download.reach().await {
                Ok(further) => reached = further,
                Err(fault) => return self.failed(task, None, fault).await,
            }
        }
        let why = match short {
            Short::File(why) => why,
            Short::Everybody(why) => {
                self.wait_for_room(why.clone());
                why
            }
        };
        self.later_for_room(task, reached, why).await
    }

    /// Waits without having failed.
    async fn later_for_room(
        &self,
        task: &MediaTask,
        (have, cursor): (u64, Secret),
        detail: String,
    ) -> Result<(), Error> {
        let later = Later {
            have,
            cursor,
            attempts: task.attempts,
            setbacks: task.setbacks,
            differed: task.differed,
            next_try: Millis(Millis::now().0 + ROOM.as_millis() as i64),
            detail,
        };
        self.later(task, later, None).await
    }

    /// WeCom is expected not to have it any more.
    pub(super) fn is_late(&self, task: &MediaTask) -> bool {
        self.is_older_than(task, self.fetching.deadline)
    }

    /// WeCom cannot have it any more, whatever it may be that is expected.
    fn is_past_everything(&self, task: &MediaTask) -> bool {
        self.is_older_than(task, self.fetching.deadline + RETENTION)
    }

    fn is_older_than(&self, task: &MediaTask, age: Duration) -> bool {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Millis::now().0 > task.since.0.saturating_add(age)
    }

    pub(super) async fn later(
        &self,
        task: &MediaTask,
        later: Later,
        beginning: Option<PathBuf>,
    ) -> Result<(), Error> {
        let file = task.id;
        self.desk
            .ask(move |store| store.media_later(file, &later))
            .await??;
        if beginning.is_some() {
            self.forget(file);
        }
        self.done().later += 1;
        Ok(())
    }

    /// Removes what came of a file. Where that fails it stays and is swept later, or written over.
    pub(super) fn forget(&self, file: FileId) {
        if let Err(error) = vault::remove(&self.turn.beginning(file.0)) {
            tracing::warn!(event = "media.not_swept", file = file.0, cause = %error, "a beginning stays");
        }
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
        self.forget(file);
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
