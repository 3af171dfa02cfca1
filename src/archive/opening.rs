//! The stages behind landing: keys, decryption, reading, settling. Each takes a batch, adds to it, hands it on.
//!
//! A stage that fails drops its channel; the stages before it notice and end quietly, so the first cause is
//! the one that is reported.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use rayon::prelude::*;
use tokio::{sync::mpsc, task};

use super::{
    Desk, Error, Progress, books,
    load::{Batch, Permit},
};
use crate::{
    events,
    ids::{CompanyId, KeyVersion, Millis},
    message,
    record::Waiting,
    secret::Secret,
    source::{Decryptors, Envelope},
    store::{
        self, Packer, Prepared,
        contract::{Books, Outcome, Pending, Verdict},
    },
    unseal::{OpenRing, SealedKey, open_keys},
};

/// The most batches that are settled in one commit. A commit costs the disk's time and a flush of the text index,
/// whatever is in it; when settling is the slowest stage, batches queue up here and share one. Each holds its permit,
/// so heavy ones are fewer.
pub(super) const GROUP: usize = 4;

/// A batch whose keys were tried.
pub(super) struct Keyed {
    batch: Batch,
    keys: Vec<Result<Secret, Waiting>>,
}

/// A batch whose bodies were tried.
pub(super) struct Decrypted {
    batch: Batch,
    opened: Vec<Result<Vec<u8>, Waiting>>,
}

/// A batch that was read.
pub(super) struct Told {
    prepared: Vec<Prepared>,
    permit: Permit,
}

/// The RSA step, on all cores.
pub(super) async fn keys(
    ring: Arc<OpenRing>,
    mut batches: mpsc::Receiver<Batch>,
    next: mpsc::Sender<Keyed>,
) -> Result<(), Error> {
    while let Some(batch) = batches.recv().await {
        let ring = Arc::clone(&ring);
        let keyed = blocking(move || {
            let sealed: Vec<SealedKey<'_>> = batch
                .records
                .iter()
                .map(|pending| SealedKey {
                    version: pending.sealed.key_version,
                    random_key: &pending.sealed.random_key,
                })
                .collect();
            let keys = open_keys(&ring, &sealed);
            Keyed { batch, keys }
        })
        .await?;
        if next.send(keyed).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The vendor's `DecryptData`, in the children.
pub(super) async fn decrypt(
    decryptors: &Decryptors,
    mut batches: mpsc::Receiver<Keyed>,
    next: mpsc::Sender<Decrypted>,
) -> Result<(), Error> {
    while let Some(Keyed { mut batch, keys }) = batches.recv().await {
        let mut envelopes = Vec::with_capacity(batch.records.len());
        let mut opened: Vec<Result<Vec<u8>, Waiting>> = Vec::with_capacity(batch.records.len());
        let mut places = Vec::with_capacity(batch.records.len());
        for (index, (pending, key)) in batch.records.iter_mut().zip(keys).enumerate() {
            match key {
                Ok(key) => {
                    places.push(index);
                    envelopes.push(Envelope {
                        key,
                        body: std::mem::take(&mut pending.sealed.body),
                    });
                    opened.push(Ok(Vec::new()));
                }
                Err(waiting) => opened.push(Err(waiting)),
            }
        }
        for (index, result) in places.into_iter().zip(decryptors.open(envelopes).await?) {
            opened[index] = result;
        }
        if next.send(Decrypted { batch, opened }).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Bytes to messages, and messages to rows, index terms and packed bodies, on all cores: whatever needs no
/// transaction is done before the writer is asked.
pub(super) async fn read(
    packer: Packer,
    mut batches: mpsc::Receiver<Decrypted>,
    next: mpsc::Sender<Told>,
) -> Result<(), Error> {
    while let Some(Decrypted { batch, opened }) = batches.recv().await {
        let Batch { records, permit } = batch;
        let packer = packer.clone();
        let prepared = blocking(move || {
            records
                .into_par_iter()
                .zip(opened)
                .map(|(pending, opened)| {
                    let outcome = Outcome {
                        id: pending.id,
                        verdict: verdict(&pending, opened),
                    };
                    store::prepare(&packer, &outcome)
                })
                .collect::<Vec<_>>()
        })
        .await?;
        if next.send(Told { prepared, permit }).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn verdict(pending: &Pending, opened: Result<Vec<u8>, Waiting>) -> Verdict {
    match opened {
        Ok(plaintext) => {
            let message = Box::new(message::read(&plaintext));
            match message.answers(&pending.sealed.msgid) {
                Ok(()) => Verdict::Opened {
                    msgid_differs: message.msgid != pending.sealed.msgid,
                    plaintext,
                    message,
                },
                Err(misfit) => Verdict::Unreadable {
                    detail: misfit.detail(plaintext.len()),
                    answer: plaintext,
                },
            }
        }
        Err(waiting) => Verdict::Waiting(waiting),
    }
}

/// The last stage: one transaction for the batches that are there.
pub(super) struct SettleStage<'a> {
    pub(super) company: CompanyId,
    pub(super) name: &'a str,
    pub(super) desk: &'a Desk,
    pub(super) build: String,
    pub(super) fingerprints: Vec<(KeyVersion, String)>,
    pub(super) books: &'a Mutex<Books>,
    pub(super) progress: &'a Progress,
    /// Grows by the records that have another copy to try.
    pub(super) again: &'a AtomicU64,
}

impl SettleStage<'_> {
    pub(super) async fn work(self, mut batches: mpsc::Receiver<Told>) -> Result<(), Error> {
        let fingerprints = Arc::new(self.fingerprints);
        let build = Arc::new(self.build);
        let mut group = Vec::with_capacity(GROUP);
        while batches.recv_many(&mut group, GROUP).await > 0 {
            let (mut prepared, mut permits) = (Vec::new(), Vec::new());
            for told in group.drain(..) {
                permits.push(told.permit);
                if prepared.is_empty() {
                    prepared = told.prepared;
                } else {
                    prepared.extend(told.prepared);
                }
            }
            let (company, build, fingerprints) =
                (self.company, Arc::clone(&build), Arc::clone(&fingerprints));
            let settled = self
                .desk
                .ask(move |store| {
                    let settled =
                        store.settle_prepared(company, prepared, &build, &fingerprints, Millis::now());
                    // The room is free once they are written.
                    drop(permits);
                    settled
                })
                .await??;
            let waiting = super::waiting_total(&settled.waiting);
            self.again
                .fetch_add(settled.again.len() as u64, Ordering::Relaxed);
            self.progress.settled(settled.opened, waiting);
            events::batch_settled(self.name, &settled);
            books::add_settled(
                &mut self.books.lock().unwrap_or_else(|broken| broken.into_inner()),
                &settled,
            );
        }
        Ok(())
    }
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, Error> {
    task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Worker(format!("a worker thread ended unexpectedly: {error}")))
}
