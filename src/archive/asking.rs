//! The directory's part of `shiguan run`: pass after pass beside the puller, which it never touches.
//!
//! Time is given, so that an hour in which nobody answers can be shown in seconds.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::{Desk, Directory, refresh};
use crate::{directory::Clock, events};

/// The first look, when the first pull has had time to bring something.
const FIRST: Duration = Duration::from_secs(2);
/// So many times longer is the pause after a pass that WeCom refused or did not answer.
const LONGER: u32 = 10;

/// Asks again and again, with a pause of `interval` between two passes. Whatever fails is told in the log and tried again
/// after a longer pause; only a stop ends it, also in the middle of a call. `settle` is asked before each pass, so that
/// secrets are read afresh. `wake` ends a pause, unless WeCom refused the last pass: then asking at once helps nobody.
pub async fn keep_asking(
    desk: &Desk,
    company: &str,
    interval: Duration,
    clock: Arc<dyn Clock>,
    mut settle: impl FnMut() -> Result<Directory, String>,
    wake: &Notify,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause = FIRST.min(interval);
    loop {
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = wake.notified(), if pause <= interval => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let asked = stop.clone();
        let pass = async {
            let pass = refresh(desk, &settle()?, false, &asked).await;
            pass.map_err(|error| error.to_string())
        };
        let ended = tokio::select! {
            ended = pass => ended,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        pause = match ended {
            Ok(pass) if !pass.troubled() => interval,
            Ok(_) => interval * LONGER,
            Err(cause) => {
                events::directory_down(company, &cause);
                interval * LONGER
            }
        };
    }
}
