//! The directory's part of `shiguan run`: a task of its own beside the puller, that never touches it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time,
};

use super::super::{context::Context, outcome::Failure};
use crate::{
    archive::{self, Desk},
    config::Company,
    events,
};

/// The first look, when the first pull has had time to bring something.
const FIRST: Duration = Duration::from_secs(2);

/// True when WeCom is to be asked about this company by itself.
pub(in crate::cli) fn wanted(company: &Company) -> bool {
    let secret = company.secret.is_some() && company.mock_corpus.is_none();
    let askable = company.app_secret.is_some() || secret;
    company.directory.enabled.or(askable)
}

/// One company's loop. Whatever fails is told in the log and tried again; only a stop ends it. `wake` ends a pause
/// between two passes, unless WeCom refused the last one: then asking at once helps nobody.
pub(in crate::cli) async fn stay(
    context: Arc<Context>,
    company: String,
    desk: Desk,
    wake: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let company = context.companies(Some(&company))?[0].clone();
    if !wanted(&company) {
        return Ok(());
    }
    let interval = Duration::from_secs(u64::from(company.directory.interval_seconds));
    let mut pause = FIRST.min(interval);
    loop {
        tokio::select! {
            () = time::sleep(pause) => {}
            () = wake.notified(), if pause <= interval => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        // Secrets are read afresh each time; a stop drops a call that hangs.
        let pass = async {
            let directory = super::settings(&context, &company).map_err(|failure| failure.to_string())?;
            let pass = archive::refresh(&desk, &directory, false, &stop.clone()).await;
            pass.map_err(|error| error.to_string())
        };
        let mut stopped = stop.clone();
        let ended = tokio::select! {
            ended = pass => ended,
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
        };
        pause = match ended {
            Ok(pass) if !pass.troubled() => interval,
            Ok(_) => interval * 10,
            Err(cause) => {
                events::directory_down(&company.name, &cause);
                interval * 10
            }
        };
    }
}
