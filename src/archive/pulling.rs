//! The first stage: asks for page after page until the stream's end, with patience where that can help.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use rand::Rng;
use tokio::{
    sync::{mpsc, watch},
    time,
};

use super::{
    Desk, Error,
    load::{Permit, Room, weight},
    page_limit::PageLimit,
};
use crate::{
    events,
    ids::{CompanyId, Millis, RunId, Seq},
    source::{Page, Puller},
    store::contract::{Books, PullCall},
};

/// How to pull.
#[derive(Debug, Clone)]
pub struct Pulling {
    /// `limit` of a call, 1…1000.
    pub limit: u32,
    /// How often a call is repeated when a repetition can help.
    pub attempts: u32,
    /// Pause before the first repetition; doubles each time, with jitter.
    pub backoff: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
}

/// A page and the call that brought it.
pub(super) struct Pulled {
    pub(super) call: PullCall,
    pub(super) page: Page,
    /// Its place on the conveyor.
    pub(super) permit: Permit,
}

/// Why the stage ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// An empty page: the end of the stream.
    Drained,
    /// A stop was asked for.
    Stopped,
}

pub(super) struct PullStage<'a> {
    pub(super) company: CompanyId,
    pub(super) name: &'a str,
    pub(super) run: RunId,
    pub(super) desk: &'a Desk,
    pub(super) puller: &'a mut Puller,
    pub(super) settings: &'a Pulling,
    pub(super) books: &'a Mutex<Books>,
    pub(super) room: &'a Room,
    pub(super) stop: watch::Receiver<bool>,
}

impl PullStage<'_> {
    /// Pulls from behind `after` to the end of the stream; pages go to `pages` in order.
    pub(super) async fn work(mut self, mut after: Seq, pages: mpsc::Sender<Pulled>) -> Result<End, Error> {
        let mut limit = PageLimit::new(self.settings.limit);
        let mut attempt = 0;
        loop {
            if *self.stop.borrow() {
                return Ok(End::Stopped);
            }
            let (at, began) = (Millis::now(), Instant::now());
            let answer = self.puller.page(after, limit.next()).await;
            let mut call = self.call(after, limit.next(), at, began.elapsed());
            self.books
                .lock()
                .unwrap_or_else(|broken| broken.into_inner())
                .calls += 1;
            let trouble = match answer {
                Ok(page) if page.records.is_empty() && page.strays.is_empty() && !page.torn => {
                    "empty".clone_into(&mut call.outcome);
                    self.note(call).await?;
                    return Ok(End::Drained);
                }
                Ok(page) => {
                    let last = describe(&mut call, &page);
                    let (torn, bytes, count) = (page.torn, page.bytes, call.count as usize);
                    events::page_pulled(self.name, &call);
                    if page.records.is_empty() && page.strays.is_empty() {
                        self.note(call).await?;
                    } else {
                        let permit = self.room.take(weight(&page.records)).await;
                        if pages.send(Pulled { call, page, permit }).await.is_err() {
                            // The landing stage ended on an error of its own, which is the one to report.
                            return Ok(End::Stopped);
                        }
                    }
                    if let Some(last) = last.filter(|last| *last > after) {
                        after = last;
                        attempt = 0;
                        limit.saw(bytes, count);
                        continue;
                    }
                    if torn {
                        limit.smaller();
                    }
                    Error::NoProgress { after, torn }
                }
                Err(error) => {
                    call.code = error.code();
                    call.errcode = error.errcode();
                    call.outcome = error.to_string();
                    self.note(call).await?;
                    if error.reduce_limit() && limit.smaller() {
                        continue;
                    }
                    if !error.retryable() {
                        return Err(error.into());
                    }
                    error.into()
                }
            };
            attempt += 1;
            if attempt > self.settings.attempts {
                return Err(trouble);
            }
            let pause = self.pause(attempt);
            events::pull_retried(self.name, attempt, pause, &trouble);
            tokio::select! {
                () = time::sleep(pause) => {}
                _ = self.stop.wait_for(|stop| *stop) => return Ok(End::Stopped),
            }
        }
    }

    fn call(&self, asked: Seq, limit: u32, at: Millis, took: Duration) -> PullCall {
        PullCall {
            run: self.run,
            asked,
            limit,
            first: None,
            last: None,
            count: 0,
            code: 0,
            errcode: 0,
            outcome: "ok".to_owned(),
            sdk_build: self.puller.build().sha256.clone(),
            at,
            took_ms: took.as_millis().try_into().unwrap_or(u64::MAX),
        }
    }

    async fn note(&self, call: PullCall) -> Result<(), Error> {
        let company = self.company;
        Ok(self
            .desk
            .ask(move |store| store.note_call(company, &call))
            .await??)
    }

    /// Doubling with full jitter in the upper half, so that several companies do not knock together.
    fn pause(&self, attempt: u32) -> Duration {
        let full = self
            .settings
            .backoff
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
            .min(self.settings.backoff_max);
        full.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

/// Fills the call's books from the page; returns the greatest seq.
fn describe(call: &mut PullCall, page: &Page) -> Option<Seq> {
    call.first = page.records.iter().map(|record| record.seq).min();
    call.last = page.records.iter().map(|record| record.seq).max();
    call.count = (page.records.len() + page.strays.len())
        .try_into()
        .unwrap_or(u32::MAX);
    if page.torn {
        "torn".clone_into(&mut call.outcome);
    }
    call.last
}
