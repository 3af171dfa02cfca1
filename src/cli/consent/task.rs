//! Consent beside the pulling: in `shiguan run`, and what every pull does at its end.
//!
//! A task of its own. Whatever goes wrong here is logged and tried again, later each time, and never ends the run.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};

use super::super::{context::Context, outcome::Failure};
use crate::{
    archive::{self, ConsentOptions, Desk, Error},
    config::Company,
    directory,
    ids::CompanyId,
};

/// Between two looks at what is new.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest time without asking after a failure.
const LONGEST: Duration = Duration::from_secs(3600);

/// One company's loop; `wake` ends a pause between two looks.
pub(in crate::cli) async fn stay(
    context: Arc<Context>,
    company: String,
    desk: Desk,
    wake: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let mut failures = 0;
    let mut rests_until = Instant::now();
    let mut client = None;
    while !*stop.borrow() {
        let asks = Instant::now() >= rests_until;
        let mut ended = stop.clone();
        let looked = tokio::select! {
            looked = once(&context, &company, &desk, asks, &mut client, &stop) => looked,
            // A call that hangs must not hold up the end; what it would have brought is asked again.
            _ = ended.wait_for(|stop| *stop) => break,
        };
        match looked {
            Ok(None) => {
                if asks {
                    failures = 0;
                }
            }
            Ok(Some(pause)) => {
                let doubled = PAUSE.saturating_mul(1 << failures.min(6));
                rests_until = Instant::now() + pause.max(doubled).min(LONGEST);
                failures += 1;
            }
            Err(failure) => {
                tracing::warn!(event = "consent.skipped", company, cause = %failure, "consent not looked after this time");
            }
        }
        tokio::select! {
            () = time::sleep(PAUSE) => {}
            () = wake.notified() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    Ok(())
}

/// Says after how long to ask again, when WeCom could not be asked.
async fn once(
    context: &Context,
    name: &str,
    desk: &Desk,
    asks: bool,
    client: &mut Option<directory::Client>,
    stop: &watch::Receiver<bool>,
) -> Result<Option<Duration>, Failure> {
    let company = context.companies(Some(name))?[0];
    let id = known(desk, company).await?;
    if !asks || !is_enabled(company) {
        archive::consent_gather(desk, id).await?;
        return Ok(None);
    }
    // Kept, because it knows the limits; made anew after a failure, so that another secret is used without a restart.
    let asking = match client.take() {
        Some(client) => client,
        None => context.directory(company)?,
    };
    let pass = archive::consent_pass(desk, &asking, id, options(company), stop).await?;
    if pass.stopped.is_none() {
        *client = Some(asking);
    }
    archive::tell_consent_pass(name, &pass);
    Ok(pass
        .stopped
        .map(|error| Duration::from_secs(error.retry_after().unwrap_or(0))))
}

/// Where WeCom can be asked, and is the right one to ask: a made-up corpus has nobody whom WeCom knows, unless a server of
/// its own answers for it.
pub(in crate::cli) fn is_enabled(company: &Company) -> bool {
    company
        .consent
        .enabled
        .or(company.secret.is_some()
            && (company.mock_corpus.is_none() || company.api.host != directory::HOST))
}

pub(in crate::cli) fn options(company: &Company) -> ConsentOptions {
    ConsentOptions {
        refresh_ms: i64::from(company.consent.refresh_hours) * 3_600_000,
        calls: company.consent.calls_per_pass as usize,
    }
}

/// The company's row.
pub(super) async fn known(desk: &Desk, company: &Company) -> Result<CompanyId, Error> {
    let (name, corpid) = (company.name.clone(), company.corpid.clone());
    Ok(desk.ask(move |store| store.company(&name, &corpid)).await??)
}

/// What a pull has opened is looked through at its end, so that agree and disagree messages count at once. A failure here is
/// no failure of the pull: the next look finds the same.
pub(in crate::cli) async fn after_pull(desk: &Desk, name: &str, corpid: &str) {
    let (company, corp) = (name.to_owned(), corpid.to_owned());
    let looked = async {
        let id = desk.ask(move |store| store.company(&company, &corp)).await??;
        archive::consent_gather(desk, id).await
    };
    if let Err(error) = looked.await {
        tracing::warn!(event = "consent.skipped", company = name, cause = %error, "consent not looked after this time");
    }
}
