//! The first stage: asks for page after page until the stream's end, with patience where that can help.
//!
//! Nothing an answer says is believed without a check (promise 11): a seq that jumps is asked about, the end of the stream is
//! compared with what the archive holds ([`ending`]), and a record on which `GetChatData` fails is found and stepped over
//! ([`hole`]).
//!
//! [`ending`]: super::ending
//! [`hole`]: super::hole

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use rand::Rng;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time,
};

use super::{
    Desk, Error, clock,
    course::{Course, Said},
    ending::Checked,
    hole::Stepped,
    load::{Permit, Room, weight},
    page_limit::PageLimit,
};
use crate::{
    events,
    ids::{CompanyId, Millis, RETENTION_MS, RunId, Seq},
    source::{self, Page, Puller},
    store::contract::{Books, Concluded, CursorMove, GapKind, Lease, NewGap, PullCall, SeqRange},
};

/// Jumps of one page that are asked about; more wait for the next page.
const CONFIRMATIONS: usize = 8;
/// How often one run goes back because the cursor was wrong.
const REWINDS: u32 = 3;

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
    /// How far a seq may lie above the one before without being asked about.
    pub max_seq_jump: u64,
    /// Ask again for everything that is on the ledger as not seen.
    pub gaps: bool,
}

/// What goes to the landing stage.
pub(super) enum Step {
    /// A page and the call that brought it.
    Page(Box<Pulled>),
    /// Rings once everything before it is in the archive.
    Landed(oneshot::Sender<()>),
}

/// A page and what was concluded from it.
pub(super) struct Pulled {
    /// `None` when only a conclusion is to be kept.
    pub(super) call: Option<PullCall>,
    pub(super) page: Page,
    pub(super) concluded: Concluded,
    /// Its place on the conveyor.
    pub(super) permit: Permit,
}

/// Why the stage ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The end of the stream, checked.
    Drained,
    /// Behind the cursor comes only a record whose seq cannot be right.
    Held {
        /// That seq.
        seq: Seq,
    },
    /// A stop was asked for.
    Stopped,
}

pub(super) struct PullStage<'a> {
    pub(super) company: CompanyId,
    pub(super) name: &'a str,
    pub(super) run: RunId,
    pub(super) lease: &'a Lease,
    pub(super) desk: &'a Desk,
    pub(super) puller: &'a mut Puller,
    pub(super) settings: &'a Pulling,
    pub(super) books: &'a Mutex<Books>,
    pub(super) room: &'a Room,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) pages: mpsc::Sender<Step>,
    /// The clock agreed with others when the stage began. Until then nothing is called lost.
    pub(super) clock_agrees: bool,
    /// True while no record ever came: then an empty page does not prove that the library works.
    pub(super) empty_proves_nothing: bool,
}

/// The landing stage ended on an error of its own, which is the one to report.
pub(super) struct Gone;

/// Where the stage is in the stream, and how it asks.
struct Position {
    after: Seq,
    limit: PageLimit,
    /// Failed answers in a row.
    attempt: u32,
    /// Those of them to calls for a single record.
    single_failures: u32,
    /// True while a failing range is being narrowed down.
    narrowing: bool,
    /// How often the cursor went back in this run.
    rewinds: u32,
    /// The first page with a record was not seen yet.
    is_first: bool,
    /// Where strays made the page be asked for a second time.
    asked_twice: Option<Seq>,
    /// Where nothing on a full page was believed, so that it was asked for with more records.
    asked_wide: Option<Seq>,
}

impl Position {
    fn go_on(&mut self, after: Seq) {
        self.after = after;
        (self.attempt, self.single_failures, self.narrowing) = (0, 0, false);
    }
}

/// What follows from an answer.
enum Next {
    /// Ask again at once.
    Ask,
    /// The stage has ended.
    End(End),
    /// Something is wrong.
    Trouble(Error),
}

impl PullStage<'_> {
    /// Pulls from behind `after` to the end of the stream; pages go to the landing stage in order. Then asks again for the
    /// holes: the stream first, because each of them may cost a deadline.
    pub(super) async fn work(mut self, after: Seq) -> Result<End, Error> {
        let company = self.company;
        let verdict = self
            .desk
            .ask(move |store| clock::verdict(store, company, Millis::now()))
            .await??;
        self.clock_agrees = verdict.is_agreed();
        let end = self.follow(after).await?;
        if end != End::Stopped {
            self.ask_for_holes().await?;
        }
        Ok(end)
    }

    async fn follow(&mut self, after: Seq) -> Result<End, Error> {
        let mut at = Position {
            after,
            limit: PageLimit::new(self.settings.limit),
            attempt: 0,
            single_failures: 0,
            narrowing: false,
            rewinds: 0,
            is_first: true,
            asked_twice: None,
            asked_wide: None,
        };
        loop {
            if self.stopped() {
                return Ok(End::Stopped);
            }
            let (answer, call) = self.ask(at.after, at.limit.next()).await;
            let limit = call.limit;
            let next = match answer {
                Ok(page) if page.is_empty() => self.end(&mut at, call).await?,
                Ok(page) => self.take(&mut at, page, call).await?,
                Err(error) => {
                    self.note_failure(call, &error).await?;
                    if error.reduce_limit() && at.limit.smaller() {
                        continue;
                    }
                    Next::Trouble(error.into())
                }
            };
            match next {
                Next::Ask => {}
                Next::End(end) => return Ok(end),
                Next::Trouble(trouble) => {
                    at.single_failures = if limit == 1 { at.single_failures + 1 } else { 0 };
                    if let Some(end) = self.handle_trouble(&mut at, trouble).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// A page with something on it: it is landed, and the position follows what is believed of it.
    async fn take(&mut self, at: &mut Position, page: Page, mut call: PullCall) -> Result<Next, Error> {
        let after = at.after;
        describe(&mut call, &page);
        let (bytes, count, limit) = (page.bytes, call.count, call.limit);
        events::page_pulled(self.name, &call);
        let (torn, strays) = (page.torn, !page.strays.is_empty());
        let ended = PullCall {
            first: None,
            last: None,
            count: 0,
            outcome: "empty".to_owned(),
            ..call.clone()
        };
        let (course, mut gaps, unanswered) = self.course(after, &page).await?;
        let (reached, held) = (
            course.reached,
            course.held.first().map(|index| page.records[*index].seq),
        );
        if let Some(seq) = held {
            events::seq_doubted(self.name, seq, reached);
        }
        if reached > after && std::mem::take(&mut at.is_first) {
            gaps.extend(self.expired(after, &page, reached).await?);
        }
        let concluded = Concluded {
            doubtful: course.doubtful(after),
            cursor: CursorMove::UpTo(reached),
            covers: range(after, reached),
            clock_agrees: self.clock_agrees,
            gaps,
            doubt_above: None,
        };
        if self.keep(call, page, concluded).await?.is_err() {
            return Ok(Next::End(End::Stopped));
        }
        if strays && at.asked_twice != Some(after) {
            // Asked once more, an item without a seq may come whole.
            at.asked_twice = Some(after);
            return Ok(Next::Ask);
        }
        if reached > after {
            at.go_on(reached);
            at.limit.saw(bytes, count as usize);
            return Ok(Next::Ask);
        }
        if torn {
            return Ok(Next::Trouble(Error::NoProgress { after, torn }));
        }
        let is_full = count >= limit;
        if is_full && at.asked_wide != Some(after) {
            // What is believed may stand behind what is not.
            at.asked_wide = Some(after);
            at.limit.widen();
            return Ok(Next::Ask);
        }
        match (held, unanswered) {
            (Some(_), Some(trouble)) => Ok(Next::Trouble(trouble)),
            (Some(seq), None) => Ok(Next::End(End::Held { seq })),
            (None, _) if is_full => Ok(Next::Trouble(Error::NoProgress { after, torn })),
            // Nothing stands behind `after` but what has no place in the stream.
            (None, _) => self.end(at, ended).await,
        }
    }

    /// Nothing comes behind `after`: checks whether that is the end of the stream.
    async fn end(&mut self, at: &mut Position, mut call: PullCall) -> Result<Next, Error> {
        let checked = self.check_end(at.after, at.rewinds < REWINDS).await?;
        call.outcome = match checked {
            Checked::End => "empty",
            Checked::Unchecked => "unchecked",
            Checked::WentBack { .. } | Checked::Contradicted(_) => "contradicted",
        }
        .to_owned();
        self.note(call).await?;
        Ok(match checked {
            Checked::End | Checked::Unchecked => Next::End(End::Drained),
            Checked::WentBack { to } => {
                at.rewinds += 1;
                at.go_on(to);
                Next::Ask
            }
            Checked::Contradicted(but) => Next::Trouble(Error::FalseEnd { after: at.after, but }),
        })
    }

    /// Something is wrong: waits, narrows the failing range down, or steps over it. `Some` or an error ends the stage.
    async fn handle_trouble(&mut self, at: &mut Position, trouble: Error) -> Result<Option<End>, Error> {
        at.attempt += 1;
        if at.attempt > patience(&trouble, self.settings.attempts) || at.narrowing {
            // Does it always fail, or only here? Only what fails here is a record's fault.
            let is_bound = may_be_bound(&trouble) && self.library_answers(at.after, &trouble).await?;
            if is_bound {
                at.narrowing = true;
                if at.limit.smaller() || at.single_failures == 0 {
                    return Ok(None);
                }
                // One failure of a single record may have been an accident.
                if at.single_failures == 1 {
                    return self.wait_to_retry(at, &trouble).await;
                }
                return match self.step_over(at.after, &trouble).await? {
                    Stepped::Over(last) => {
                        at.go_on(last);
                        Ok(None)
                    }
                    Stepped::Healed => {
                        at.go_on(at.after);
                        Ok(None)
                    }
                    Stepped::Stopped => Ok(Some(End::Stopped)),
                    Stepped::Nowhere => Err(trouble),
                };
            }
            at.narrowing = false;
            if at.attempt > self.settings.attempts || is_final(&trouble) {
                return Err(trouble);
            }
        }
        self.wait_to_retry(at, &trouble).await
    }

    /// Waits before the next call; `Some` when a stop was asked for meanwhile.
    async fn wait_to_retry(&mut self, at: &Position, trouble: &Error) -> Result<Option<End>, Error> {
        let pause = self.pause(at.attempt);
        events::pull_retried(self.name, at.attempt, pause, trouble);
        tokio::select! {
            () = time::sleep(pause) => Ok(None),
            _ = self.stop.wait_for(|stop| *stop) => Ok(Some(End::Stopped)),
        }
    }

    pub(super) fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// One call and its line in the books, not written yet.
    pub(super) async fn ask(&mut self, after: Seq, limit: u32) -> (Result<Page, source::Error>, PullCall) {
        let (at, began) = (Millis::now(), Instant::now());
        let answer = self.puller.page(after, limit).await;
        self.books
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
            .calls += 1;
        let took = began.elapsed();
        let call = PullCall {
            run: self.run,
            asked: after,
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
        };
        (answer, call)
    }

    /// A call that only checks something: its line is written with `word`, or with the error.
    pub(super) async fn probe(
        &mut self,
        after: Seq,
        limit: u32,
        word: impl FnOnce(&Page) -> &'static str,
    ) -> Result<Result<Page, source::Error>, Error> {
        let (answer, mut call) = self.ask(after, limit).await;
        match &answer {
            Ok(page) => {
                describe(&mut call, page);
                if !page.torn {
                    word(page).clone_into(&mut call.outcome);
                }
            }
            Err(error) => describe_failure(&mut call, error),
        }
        self.note(call).await?;
        Ok(answer)
    }

    pub(super) async fn note_failure(&self, mut call: PullCall, error: &source::Error) -> Result<(), Error> {
        describe_failure(&mut call, error);
        self.note(call).await
    }

    pub(super) async fn note(&self, call: PullCall) -> Result<(), Error> {
        let company = self.company;
        Ok(self
            .desk
            .ask(move |store| store.note_call(company, &call))
            .await??)
    }

    async fn land(&self, pulled: Pulled) -> Result<(), Gone> {
        self.pages
            .send(Step::Page(Box::new(pulled)))
            .await
            .map_err(|_| Gone)
    }

    /// Sends a page with something on it to the landing stage; of one without, the call alone is kept.
    pub(super) async fn keep(
        &self,
        call: PullCall,
        page: Page,
        concluded: Concluded,
    ) -> Result<Result<(), Gone>, Error> {
        if page.records.is_empty() && page.strays.is_empty() {
            return self.note(call).await.map(Ok);
        }
        let permit = self.room.take(weight(&page.records)).await;
        let call = Some(call);
        Ok(self
            .land(Pulled {
                call,
                page,
                concluded,
                permit,
            })
            .await)
    }

    /// Keeps a conclusion that no page brings.
    pub(super) async fn conclude(&self, concluded: Concluded) -> Result<(), Gone> {
        let permit = self.room.take(0).await;
        let page = Page::default();
        self.land(Pulled {
            call: None,
            page,
            concluded,
            permit,
        })
        .await
    }

    /// Waits until everything sent so far is in the archive; false when the landing stage has ended.
    pub(super) async fn all_landed(&self) -> bool {
        let (sender, landed) = oneshot::channel();
        self.pages.send(Step::Landed(sender)).await.is_ok() && landed.await.is_ok()
    }

    /// How far the cursor may go with this page; asks WeCom about jumps, and about a gap in front of the page's last record,
    /// whose seq no later record confirms. Nothing is believed while a question is not answered: then, why it was not.
    async fn course(
        &mut self,
        after: Seq,
        page: &Page,
    ) -> Result<(Course, Vec<NewGap>, Option<Error>), Error> {
        let max_jump = self.settings.max_seq_jump;
        let (mut said, mut jumps, mut unanswered) = (Said::default(), Vec::new(), None);
        let mut course = Course::read(after, &page.records, max_jump, &said);
        for _ in 0..CONFIRMATIONS {
            let (seq, is_jump) = match (
                course.candidate(&page.records, &said),
                course.loose_end(after, &page.records),
            ) {
                (Some(seq), _) => (seq, true),
                (None, Some(seq)) if !said.confirmed.contains(&seq) => (seq, false),
                (None, _) => break,
            };
            match self.stands(page, seq).await? {
                Ok(true) => {
                    if is_jump {
                        jumps.push(NewGap {
                            kind: GapKind::Jump,
                            range: SeqRange {
                                first: Seq(course.reached.0 + 1),
                                last: Seq(seq.0 - 1),
                            },
                            cause: format!(
                                "WeCom's numbers jump to {seq}, which it confirmed when asked for that record"
                            ),
                        });
                    }
                    said.confirmed.push(seq);
                }
                Ok(false) => said.refuted.push(seq),
                Err(trouble) => {
                    said.refuted.push(seq);
                    unanswered = Some(trouble);
                }
            }
            course = Course::read(after, &page.records, max_jump, &said);
        }
        Ok((course, jumps, unanswered))
    }

    /// Does WeCom, asked behind the number before it, return exactly this record of the page? The inner error says why nobody
    /// could be asked.
    async fn stands(&mut self, page: &Page, seq: Seq) -> Result<Result<bool, Error>, Error> {
        let msgid = page
            .records
            .iter()
            .find(|record| record.seq == seq)
            .map(|record| record.msgid.as_str());
        let is_it = |answer: &Page| {
            let first = answer.records.iter().min_by_key(|record| record.seq);
            first.is_some_and(|first| first.seq == seq && Some(first.msgid.as_str()) == msgid)
        };
        let answer = self
            .probe(Seq(seq.0 - 1), 1, |answer| {
                if is_it(answer) {
                    PullCall::CONFIRMED
                } else {
                    PullCall::REFUTED
                }
            })
            .await?;
        Ok(match answer {
            Ok(answer) if !answer.torn => Ok(is_it(&answer)),
            Ok(_) => Err(Error::NoProgress {
                after: Seq(seq.0 - 1),
                torn: true,
            }),
            Err(error) => Err(error.into()),
        })
    }

    /// The first page of a run after more than five days: what lies between the cursor and its first record may have been
    /// deleted by WeCom before anybody asked. Not while the clock is in doubt; then the missed window alone is told.
    async fn expired(&self, after: Seq, page: &Page, reached: Seq) -> Result<Option<NewGap>, Error> {
        let (company, run) = (self.company, self.run);
        let seqs = page.records.iter().map(|record| record.seq);
        let first = seqs.filter(|seq| *seq > after && *seq <= reached).min();
        let Some(first) = first.filter(|first| after.0 > 0 && first.0 - after.0 > 1) else {
            return Ok(None);
        };
        let now = Millis::now();
        let (last_end, cursor) = self
            .desk
            .ask(move |store| {
                Ok::<_, crate::store::StoreError>((
                    store.last_end_before(company, run)?,
                    store.cursor(company)?,
                ))
            })
            .await??;
        // Read again from below the cursor, the archive has what WeCom has deleted since.
        if cursor > after {
            return Ok(None);
        }
        let late = last_end.filter(|end| now.0.saturating_sub(end.0) > RETENTION_MS && self.clock_agrees);
        Ok(late.map(|end| NewGap {
            kind: GapKind::Expired,
            range: SeqRange {
                first: Seq(after.0 + 1),
                last: Seq(first.0 - 1),
            },
            cause: format!(
                "no pull reached the end of the stream for {} hours; WeCom deletes after {} hours, so records may be lost",
                (now.0 - end.0) / 3_600_000,
                super::RETENTION_HOURS
            ),
        }))
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

/// After how many repetitions it is asked whether only this range fails. A death of the library needs one: it will be
/// the same record again. Where a repetition alone cannot help it is asked at once.
fn patience(trouble: &Error, attempts: u32) -> u32 {
    match trouble {
        Error::Source(source::Error::Child { .. }) => attempts.min(1),
        Error::Source(error) if error.reduce_limit() || !error.retryable() => 0,
        _ => attempts,
    }
}

/// Can one record be the reason? Not of answers that come whole and bring nothing believable, and not where nothing was
/// asked of WeCom.
fn may_be_bound(trouble: &Error) -> bool {
    use source::Error::{Child, Envelope, Sdk};
    match trouble {
        Error::NoProgress { torn, .. } => *torn,
        Error::FalseEnd { .. } | Error::Source(Child { .. } | Sdk { .. } | Envelope { .. }) => true,
        _ => false,
    }
}

/// True when no repetition helps.
pub(super) fn is_final(trouble: &Error) -> bool {
    matches!(trouble, Error::Source(error) if !error.retryable() && !error.reduce_limit())
}

/// Behind `after` up to `reached`; nothing when that is empty.
fn range(after: Seq, reached: Seq) -> Option<SeqRange> {
    (reached > after).then(|| SeqRange {
        first: Seq(after.0 + 1),
        last: reached,
    })
}

fn describe_failure(call: &mut PullCall, error: &source::Error) {
    call.code = error.code();
    call.errcode = error.errcode();
    call.outcome = error.to_string();
}

/// Fills the call's books from the page.
pub(super) fn describe(call: &mut PullCall, page: &Page) {
    call.first = page.records.iter().map(|record| record.seq).min();
    call.last = page.records.iter().map(|record| record.seq).max();
    call.count = (page.records.len() + page.strays.len())
        .try_into()
        .unwrap_or(u32::MAX);
    if page.torn {
        "torn".clone_into(&mut call.outcome);
    }
}
