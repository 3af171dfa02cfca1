//! The directory's part of `shiguan run`: from the configuration to a task of its own beside the puller.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::super::{context::Context, outcome::Failure};
use crate::{
    archive::{Desk, keep_asking},
    config::Company,
    directory::WallClock,
};

/// True when WeCom is to be asked about this company by itself.
pub(in crate::cli) fn wanted(company: &Company) -> bool {
    let secret = company.secret.is_some() && company.mock_corpus.is_none();
    let askable = company.app_secret.is_some() || secret;
    company.directory.enabled.or(askable)
}

/// One company's loop; only a stop ends it.
pub(in crate::cli) async fn stay(
    context: Arc<Context>,
    company: String,
    desk: Desk,
    wake: Arc<Notify>,
    stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let company = context.companies(Some(&company))?[0].clone();
    if wanted(&company) {
        let interval = Duration::from_secs(u64::from(company.directory.interval_seconds));
        let clock = Arc::new(WallClock::default());
        let settle = || super::settings(&context, &company).map_err(|failure| failure.to_string());
        keep_asking(&desk, &company.name, interval, clock, settle, &wake, stop).await;
    }
    Ok(())
}
