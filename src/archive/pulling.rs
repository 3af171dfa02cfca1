//! The first stage: asks for page after page until the stream's end, with patience where that can help.
//!
//! Nothing an answer says is believed without a check (promise 11): a seq that jumps is asked about, the end of the stream is
//! compared with what the archive holds, and a record on which `GetChatData` fails is found and stepped over ([`hole`]).
//!
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
    Desk, Error,
    course::{Course, Said},
    load::{Permit, Room, weight},
    page_limit::PageLimit,
};
use crate::{
    events,
    ids::{CompanyId, Millis, RunId, Seq},
    source::{self, Page, Puller},
    store::contract::{Books, CursorMove, GapKind, NewGap, PullCall, SeqRange},
};

/// Known records that are read again at the end of the stream to check that it is one.
const TAIL: usize = 8;
/// Jumps of one page that are asked about; more wait for the next page.
const CONFIRMATIONS: usize = 8;
/// How often one run goes back because the cursor was wrong.
const REWINDS: u32 = 3;
/// How long WeCom keeps a record.
const RETENTION_MS: i64 = super::RETENTION_HOURS * 60 * 60 * 1000;

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
    pub(super) call: PullCall,
    pub(super) page: Page,
    pub(super) doubtful: Vec<(usize, Seq)>,
    pub(super) cursor: CursorMove,
    pub(super) covers: Option<SeqRange>,
    pub(super) gaps: Vec<NewGap>,
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
    pub(super) desk: &'a Desk,
    pub(super) puller: &'a mut Puller,
    pub(super) settings: &'a Pulling,
    pub(super) books: &'a Mutex<Books>,
    pub(super) room: &'a Room,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) pages: mpsc::Sender<Step>,
}

/// The landing stage ended on an error of its own, which is the one to report.
pub(super) struct Gone;

/// What the check of an empty answer came to.
enum Checked {
    /// It is the end.
    End,
    /// It could not be checked this time.
    Unchecked,
    /// There is something behind `after`; go on from there.
    More { after: Seq },
}

impl PullStage<'_> {
    /// Pulls from behind `after` to the end of the stream; pages go to the landing stage in order.
    pub(super) async fn work(mut self, after: Seq) -> Result<End, Error> {
        self.ask_for_holes().await?;
        self.follow(after).await
    }

    async fn follow(&mut self, mut after: Seq) -> Result<End, Error> {
        let mut limit = PageLimit::new(self.settings.limit);
        let (mut attempt, mut rewinds) = (0, 0);
        // True while a failing range is being narrowed down.
        let mut narrowing = false;
        let mut first = true;
        // Where strays made the page be asked for a second time.
        let mut asked_twice = None;
        loop {
            if self.stopped() {
                return Ok(End::Stopped);
            }
            let (answer, mut call) = self.ask(after, limit.next()).await;
            let trouble = match answer {
                Ok(page) if page.is_empty() => {
                    let checked = self.check_end(after, rewinds < REWINDS).await?;
                    let word = match checked {
                        Checked::End => "empty",
                        Checked::Unchecked => "unchecked",
                        Checked::More { .. } => "contradicted",
                    };
                    word.clone_into(&mut call.outcome);
                    self.note(call).await?;
                    match checked {
                        Checked::More { after: from } => {
                            rewinds += u32::from(from < after);
                            after = from;
                            continue;
                        }
                        Checked::End | Checked::Unchecked => return Ok(End::Drained),
                    }
                }
                Ok(page) => {
                    describe(&mut call, &page);
                    let (bytes, count) = (page.bytes, call.count as usize);
                    events::page_pulled(self.name, &call);
                    let torn = page.torn;
                    let strays = !page.strays.is_empty();
                    let (course, mut gaps) = self.course(after, &page).await?;
                    let held = course.held.first().map(|index| page.records[*index].seq);
                    if let Some(seq) = held {
                        events::seq_doubted(self.name, seq, course.reached);
                    }
                    if std::mem::take(&mut first) {
                        gaps.extend(self.expired(after, &page, &course).await?);
                    }
                    let reached = course.reached;
                    if page.records.is_empty() && page.strays.is_empty() {
                        self.note(call).await?;
                    } else {
                        let permit = self.room.take(weight(&page.records)).await;
                        let pulled = Pulled {
                            call,
                            doubtful: course.doubtful(after),
                            page,
                            cursor: CursorMove::UpTo(reached),
                            covers: range(after, reached),
                            gaps,
                            permit,
                        };
                        if self.land(pulled).await.is_err() {
                            return Ok(End::Stopped);
                        }
                    }
                    if strays && asked_twice != Some(after) {
                        // Asked once more, an item without a seq may come whole.
                        asked_twice = Some(after);
                        continue;
                    }
                    if reached > after {
                        after = reached;
                        (attempt, narrowing) = (0, false);
                        limit.saw(bytes, count);
                        continue;
                    }
                    if let (Some(seq), false) = (held, torn) {
                        return Ok(End::Held { seq });
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
                    if !error.retryable() && !error.reduce_limit() {
                        return Err(error.into());
                    }
                    error.into()
                }
            };
            attempt += 1;
            if attempt > patience(&trouble, self.settings.attempts) || narrowing {
                // Does it always fail, or only here? Only what fails here is a record's fault.
                if !narrowing && !self.library_answers(after).await? {
                    if attempt > self.settings.attempts {
                        return Err(trouble);
                    }
                } else if limit.smaller() {
                    narrowing = true;
                    continue;
                } else {
                    match self.step_over(after, &trouble).await? {
                        Some(next) => {
                            after = next;
                            (attempt, narrowing) = (0, false);
                            continue;
                        }
                        None => return Err(trouble),
                    }
                }
            }
            let pause = self.pause(attempt);
            events::pull_retried(self.name, attempt, pause, &trouble);
            tokio::select! {
                () = time::sleep(pause) => {}
                _ = self.stop.wait_for(|stop| *stop) => return Ok(End::Stopped),
            }
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
            Err(error) => {
                call.code = error.code();
                call.errcode = error.errcode();
                call.outcome = error.to_string();
            }
        }
        self.note(call).await?;
        Ok(answer)
    }

    pub(super) async fn note(&self, call: PullCall) -> Result<(), Error> {
        let company = self.company;
        Ok(self
            .desk
            .ask(move |store| store.note_call(company, &call))
            .await??)
    }

    pub(super) async fn land(&self, pulled: Pulled) -> Result<(), Gone> {
        self.pages
            .send(Step::Page(Box::new(pulled)))
            .await
            .map_err(|_| Gone)
    }

    /// Waits until everything sent so far is in the archive; false when the landing stage has ended.
    pub(super) async fn all_landed(&self) -> bool {
        let (sender, landed) = oneshot::channel();
        self.pages.send(Step::Landed(sender)).await.is_ok() && landed.await.is_ok()
    }

    /// How far the cursor may go with this page; asks WeCom about jumps, and about a gap in front of the page's last record,
    /// whose seq no later record confirms.
    async fn course(&mut self, after: Seq, page: &Page) -> Result<(Course, Vec<NewGap>), Error> {
        let max_jump = self.settings.max_seq_jump;
        let (mut said, mut jumps) = (Said::default(), Vec::new());
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
                Some(true) => {
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
                Some(false) => said.refuted.push(seq),
                // Nobody said anything: a jump waits, a small gap is believed as before.
                None => break,
            }
            course = Course::read(after, &page.records, max_jump, &said);
        }
        Ok((course, jumps))
    }

    /// Does WeCom, asked behind the number before it, tell exactly this record of the page? `None` when it could not be asked.
    async fn stands(&mut self, page: &Page, seq: Seq) -> Result<Option<bool>, Error> {
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
                if is_it(answer) { "confirmed" } else { "refuted" }
            })
            .await?;
        match answer {
            Ok(answer) if !answer.torn => Ok(Some(is_it(&answer))),
            Err(error) if !error.retryable() && !error.reduce_limit() => Err(error.into()),
            _ => Ok(None),
        }
    }

    /// The first page of a run after more than five days: what lies between the cursor and its first record may have been
    /// deleted by WeCom before anybody asked.
    async fn expired(&self, after: Seq, page: &Page, course: &Course) -> Result<Option<NewGap>, Error> {
        let (company, run) = (self.company, self.run);
        let first = page
            .records
            .iter()
            .map(|record| record.seq)
            .filter(|seq| *seq > after)
            .min();
        let Some(first) =
            first.filter(|first| after.0 > 0 && first.0 - after.0 > 1 && *first <= course.reached)
        else {
            return Ok(None);
        };
        let last_end = self
            .desk
            .ask(move |store| store.last_end_before(company, run))
            .await??;
        let now = Millis::now();
        Ok(last_end.filter(|end| now.0 - end.0 > RETENTION_MS).map(|end| NewGap {
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

    /// An empty answer is the end of the stream only if WeCom still tells what the archive holds, or holds nothing itself.
    async fn check_end(&mut self, after: Seq, may_go_back: bool) -> Result<Checked, Error> {
        if !self.all_landed().await {
            return Ok(Checked::Unchecked);
        }
        let company = self.company;
        let tail = self.desk.ask(move |store| store.tail(company, TAIL)).await??;
        let Some(lowest) = tail.last().copied() else {
            return Ok(Checked::End);
        };
        let from = Seq(lowest.0.saturating_sub(1));
        let limit = (TAIL + 2) as u32;
        let answer = self.probe(from, limit, |_| "checked").await?;
        let Ok(page) = answer.map(|page| (!page.torn).then_some(page)) else {
            return Ok(Checked::Unchecked);
        };
        let Some(page) = page else {
            return Ok(Checked::Unchecked);
        };
        if page.is_empty() {
            return self.check_beginning(after, may_go_back).await;
        }
        let Some(unseen) = self.first_unknown(&page).await? else {
            return Ok(Checked::End);
        };
        if unseen > after {
            // It came since the empty answer.
            return Ok(Checked::More { after });
        }
        self.go_back(
            unseen,
            &tail,
            may_go_back,
            "WeCom has records below the cursor that the archive lacks",
        )
        .await
    }

    /// WeCom holds nothing of what was read last: because its five days are over, or because its numbers began again.
    async fn check_beginning(&mut self, after: Seq, may_go_back: bool) -> Result<Checked, Error> {
        let answer = self.probe(Seq(0), TAIL as u32, |_| "checked").await?;
        let Ok(page) = answer else {
            return Ok(Checked::Unchecked);
        };
        if page.torn {
            return Ok(Checked::Unchecked);
        }
        let Some(unseen) = self.first_unknown(&page).await? else {
            return Ok(Checked::End);
        };
        if unseen > after {
            return Ok(Checked::More { after });
        }
        self.go_back(
            unseen,
            &[],
            may_go_back,
            "WeCom's stream begins again below the cursor",
        )
        .await
    }

    /// The smallest seq on the page that the archive does not know with its msgid.
    async fn first_unknown(&self, page: &Page) -> Result<Option<Seq>, Error> {
        let company = self.company;
        let names: Vec<(Seq, String)> = page
            .records
            .iter()
            .map(|record| (record.seq, record.msgid.clone()))
            .collect();
        Ok(self
            .desk
            .ask(move |store| {
                let mut first = None;
                for (seq, msgid) in names {
                    if !store.is_known(company, seq, &msgid)? {
                        first = Some(first.map_or(seq, |known: Seq| known.min(seq)));
                    }
                }
                Ok::<_, crate::store::StoreError>(first)
            })
            .await??)
    }

    /// The cursor was wrong: it goes back before `unseen`, on the ledger.
    async fn go_back(&mut self, unseen: Seq, tail: &[Seq], may: bool, why: &str) -> Result<Checked, Error> {
        if !may {
            return Ok(Checked::Unchecked);
        }
        let to = Seq(unseen.0.saturating_sub(1));
        let company = self.company;
        let cursor = self.desk.ask(move |store| store.cursor(company)).await??;
        // Records above a jump in what was read last are those that the cursor should not have followed.
        let keep = tail
            .windows(2)
            .rev()
            .find(|pair| pair[0].0 - pair[1].0 > self.settings.max_seq_jump)
            .map(|pair| pair[1]);
        events::cursor_went_back(self.name, cursor, to, why);
        let (answer, call) = self.ask(to, 1).await;
        let mut call = call;
        "rewound".clone_into(&mut call.outcome);
        if let Err(error) = answer {
            call.outcome = error.to_string();
            self.note(call).await?;
            return Ok(Checked::Unchecked);
        }
        let permit = self.room.take(0).await;
        let pulled = Pulled {
            call,
            page: Page::default(),
            doubtful: Vec::new(),
            cursor: CursorMove::BackTo(to),
            covers: None,
            gaps: vec![NewGap {
                kind: GapKind::Rewound,
                range: SeqRange {
                    first: unseen,
                    last: cursor.max(unseen),
                },
                cause: format!("{why}: the cursor went back from {cursor} to {to}"),
            }],
            permit,
        };
        if self.land(pulled).await.is_err() || !self.all_landed().await {
            return Ok(Checked::Unchecked);
        }
        if let Some(keep) = keep {
            self.doubt_above(keep).await?;
        }
        Ok(Checked::More { after: to })
    }

    async fn doubt_above(&self, keep: Seq) -> Result<(), Error> {
        let company = self.company;
        let doubted = self
            .desk
            .ask(move |store| store.doubt_above(company, keep, Millis::now()))
            .await??;
        tracing::warn!(
            event = "pull.doubted",
            company = self.name,
            doubted,
            above = keep.0,
            "records above a jump are in doubt"
        );
        Ok(())
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
/// the same record again.
fn patience(trouble: &Error, attempts: u32) -> u32 {
    match trouble {
        Error::Source(source::Error::Child { .. }) => attempts.min(1),
        Error::Source(error) if error.reduce_limit() => 0,
        _ => attempts,
    }
}

/// Behind `after` up to `reached`; nothing when that is empty.
fn range(after: Seq, reached: Seq) -> Option<SeqRange> {
    (reached > after).then(|| SeqRange {
        first: Seq(after.0 + 1),
        last: reached,
    })
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
