//! Fetching files while `shiguan run` stays: a task of its own beside the puller's, never in its way.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time};

use super::{Context, Failure};
use crate::{
    archive::{self, Desk, Error},
    media::{Pace, VaultError},
};

/// How long after a pass the next one looks for what has come due.
const PAUSE: Duration = Duration::from_secs(5);
/// How long after a pass that failed as a whole, or found no room on the disk: an operator has to act.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// Fetches for one company until told to stop. A failed pass is in the log and does not end it.
pub(in crate::cli) async fn stay(
    context: Arc<Context>,
    company: String,
    desk: Desk,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let pace = context.pace();
    while !*stop.borrow() {
        let pause = match once(&context, &company, &desk, &pace, &stop).await {
            Ok(true) => PAUSE,
            Ok(false) => LONG_PAUSE,
            // Somebody fetches by hand; they do this pass's work.
            Err(Error::Vault(VaultError::Busy { .. })) => PAUSE,
            Err(error) => {
                tracing::error!(event = "media.skipped", company, cause = %error, "no files fetched this time");
                LONG_PAUSE
            }
        };
        tokio::select! {
            () = time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    Ok(())
}

/// Secrets are read afresh each time. False when the pass ended early.
async fn once(
    context: &Context,
    company: &str,
    desk: &Desk,
    pace: &Arc<Pace>,
    stop: &watch::Receiver<bool>,
) -> Result<bool, Error> {
    let fetching = context
        .companies(Some(company))
        .and_then(|companies| context.fetching(companies[0], Arc::clone(pace)))
        .map_err(|failure| Error::Worker(failure.to_string()))?;
    let done = archive::fetch(desk, &fetching, None, stop.clone()).await?;
    Ok(done.failure.is_none() && done.no_room.is_none())
}
