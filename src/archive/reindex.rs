//! Deriving again in the background what was written by older rules: batch by batch, beside everything else.
//!
//! Reading and folding run on a thread of their own; the writer is asked for one short transaction per batch. Can be stopped
//! or killed anywhere and goes on where it stood.

use std::time::{Duration, Instant};

use tokio::{sync::watch, task, time};

use super::{Desk, Error};
use crate::{events, store::contract::Reindex};

/// Records of one batch: some tens of milliseconds of writing.
const BATCH: usize = 500;

/// What one pass did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reindexed {
    /// Messages derived again.
    pub moved: u64,
    /// How the index stands now.
    pub state: Reindex,
    /// How long it took, pauses included.
    pub took: Duration,
}

/// Derives again until nothing is left or `stop` says so. `gentle` rests after each batch as long as the batch took, so
/// that it never takes more than half of one core and half of the writer. `progress` is told the state after each batch.
pub async fn reindex(
    desk: &Desk,
    gentle: bool,
    mut stop: watch::Receiver<bool>,
    mut progress: impl FnMut(Reindex),
) -> Result<Reindexed, Error> {
    let began = Instant::now();
    let mut reader = desk
        .ask(|store| {
            store.refold_names()?;
            store.reader()
        })
        .await??;
    let mut state = reader.reindex_state()?;
    let mut moved = 0;
    while !*stop.borrow() {
        let batch_began = Instant::now();
        let read = task::spawn_blocking(move || {
            let batch = reader.reindex_next(BATCH);
            (reader, batch)
        });
        let batch;
        (reader, batch) = read.await.map_err(|error| Error::Worker(error.to_string()))?;
        let Some(batch) = batch? else { break };
        let written = desk.ask(move |store| store.reindex(batch)).await??;
        moved += written;
        state.left = state.left.saturating_sub(written);
        progress(state);
        if gentle {
            tokio::select! {
                () = time::sleep(batch_began.elapsed()) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }
    desk.ask(|store| store.reindex_done()).await??;
    let state = reader.reindex_state()?;
    let took = began.elapsed();
    if moved > 0 {
        events::reindexed(moved, state.left, took);
    }
    Ok(Reindexed { moved, state, took })
}
