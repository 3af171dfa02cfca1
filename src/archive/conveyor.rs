//! Puts the stages together for one run and waits for the last of them.

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use tokio::sync::{mpsc, watch};

use super::{
    Desk, Error, Progress, Pulling, books,
    load::{self, Batch, Room, weight},
    opening::{self, SettleStage},
    pulling::{End, PullStage, Pulled, Step},
};
use crate::{
    events,
    ids::{CompanyId, KeyVersion, Millis, RecordId, RunId, Seq},
    source::{Decryptors, Puller},
    store::contract::{Books, Landing, Lease, Pending},
    unseal::OpenRing,
};

/// Records read of the backlog at once; the same as a full page.
const BACKLOG_BATCH: usize = 1000;
/// Sealed bytes read of the backlog at once.
const BACKLOG_BYTES: usize = 3 << 20;

pub(super) struct Conveyor<'a> {
    pub(super) company: CompanyId,
    pub(super) name: &'a str,
    pub(super) run: RunId,
    pub(super) lease: &'a Lease,
    pub(super) desk: &'a Desk,
    pub(super) decryptors: Option<&'a Decryptors>,
    pub(super) ring: Arc<OpenRing>,
    pub(super) fingerprints: Vec<(KeyVersion, String)>,
    pub(super) settings: &'a Pulling,
    pub(super) progress: &'a Progress,
    pub(super) books: &'a Mutex<Books>,
    pub(super) stop: watch::Receiver<bool>,
    /// Records that did not open and have another copy to try; see [`Settled::again`].
    ///
    /// [`Settled::again`]: crate::store::contract::Settled::again
    pub(super) again: AtomicU64,
    /// Bounds what is under way.
    pub(super) room: Room,
}

impl Conveyor<'_> {
    /// Runs until the stream is drained and everything landed is settled, or something broke.
    ///
    /// Without a puller only the backlog is opened; without decryptors pages land and wait as `sealed`.
    pub(super) async fn work(&self, puller: Option<&mut Puller>, from: Seq) -> Result<End, Error> {
        let (pages_in, pages) = mpsc::channel(1);
        let (pending_in, pending) = mpsc::channel(1);
        let (keyed_in, keyed) = mpsc::channel(1);
        let (decrypted_in, decrypted) = mpsc::channel(1);
        let (outcomes_in, outcomes) = mpsc::channel(opening::GROUP);
        // Rows up to here belong to earlier runs; everything later is this run's and comes with its page.
        let company = self.company;
        let (last_row, packer) = self
            .desk
            .ask(move |store| store.last_row(company).map(|row| (row, store.packer())))
            .await??;

        let pull = async {
            match puller {
                Some(puller) => self.pull_stage(puller, pages_in).work(from).await,
                None => {
                    drop(pages_in);
                    Ok(End::Drained)
                }
            }
        };
        let open = async {
            let Some(decryptors) = self.decryptors else {
                drop(pending);
                return (Ok(()), Ok(()), Ok(()), Ok(()));
            };
            tokio::join!(
                opening::keys(Arc::clone(&self.ring), pending, keyed_in),
                opening::decrypt(decryptors, keyed, decrypted_in),
                opening::read(packer, decrypted, outcomes_in),
                self.settle_stage(decryptors).work(outcomes),
            )
        };
        let (pulled, landed, fed, opened) = tokio::join!(
            pull,
            self.land(pages, pending_in.clone()),
            self.feed_backlog(last_row, pending_in),
            open,
        );
        // Downstream first: a stage that lost its successor has nothing to tell.
        opened.3?;
        opened.2?;
        opened.1?;
        opened.0?;
        landed?;
        fed?;
        pulled
    }

    fn pull_stage<'b>(&'b self, puller: &'b mut Puller, pages: mpsc::Sender<Step>) -> PullStage<'b> {
        PullStage {
            company: self.company,
            name: self.name,
            run: self.run,
            lease: self.lease,
            desk: self.desk,
            puller,
            settings: self.settings,
            books: self.books,
            room: &self.room,
            stop: self.stop.clone(),
            pages,
            clock_agrees: false,
            empty_proves_nothing: false,
        }
    }

    fn settle_stage<'b>(&'b self, decryptors: &Decryptors) -> SettleStage<'b> {
        SettleStage {
            company: self.company,
            name: self.name,
            desk: self.desk,
            build: decryptors.build().sha256.clone(),
            fingerprints: self.fingerprints.clone(),
            books: self.books,
            progress: self.progress,
            again: &self.again,
        }
    }

    /// Rows and cursor in one transaction, then on to opening. Goes on landing when opening has ended.
    async fn land(&self, mut pages: mpsc::Receiver<Step>, pending: mpsc::Sender<Batch>) -> Result<(), Error> {
        while let Some(step) = pages.recv().await {
            let pulled = match step {
                Step::Page(pulled) => *pulled,
                Step::Landed(bell) => {
                    let _nobody_waits = bell.send(());
                    continue;
                }
            };
            let Pulled {
                call,
                page,
                concluded,
                permit,
            } = pulled;
            let received = (page.records.len() + page.strays.len()) as u64;
            let (lease, run) = (self.lease.clone(), self.run);
            let (landed, mut records) = self
                .desk
                .ask(move |store| {
                    let landed = store.land_page(
                        &lease,
                        &Landing {
                            run,
                            at: call.as_ref().map_or_else(Millis::now, |call| call.at),
                            call: call.as_ref(),
                            records: &page.records,
                            strays: &page.strays,
                            concluded: &concluded,
                        },
                    );
                    landed.map(|landed| (landed, page.records))
                })
                .await??;
            books::add_landed(
                &mut self.books.lock().unwrap_or_else(|broken| broken.into_inner()),
                received,
                &landed,
            );
            self.progress
                .landed(received, landed.fresh.len() as u64, landed.duplicate);
            let fresh: Vec<Pending> = landed
                .fresh
                .iter()
                .map(|&(id, index)| Pending {
                    id,
                    sealed: std::mem::take(&mut records[index]),
                })
                .collect();
            for batch in load::batches(fresh, permit) {
                if pending.send(batch).await.is_err() {
                    events::opening_ended_early(self.name);
                    break;
                }
            }
        }
        Ok(())
    }

    /// What earlier runs landed and did not open.
    async fn feed_backlog(
        &self,
        last_row: Option<RecordId>,
        pending: mpsc::Sender<Batch>,
    ) -> Result<(), Error> {
        let Some(last_row) = last_row else { return Ok(()) };
        let mut after = RecordId(0);
        while !*self.stop.borrow() {
            let company = self.company;
            let mut batch = self
                .desk
                .ask(move |store| store.backlog(company, after, BACKLOG_BATCH, BACKLOG_BYTES))
                .await??;
            batch.retain(|pending| pending.id <= last_row);
            let Some(last) = batch.last().map(|pending| pending.id) else {
                break;
            };
            after = last;
            let permit = self
                .room
                .take(weight(batch.iter().map(|pending| &pending.sealed)))
                .await;
            for batch in load::batches(batch, permit) {
                if pending.send(batch).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
