//! Holes in the stream: records on which `GetChatData` itself fails. One record costs one record: the failing range is
//! narrowed down to it, it is stepped over, put on the ledger, and asked for again with growing pauses.

use super::{
    Error, clock,
    pulling::{PullStage, describe, is_final},
};
use crate::{
    events,
    ids::{Millis, RETENTION_MS, Seq},
    source::{self, Page},
    store::contract::{Concluded, CursorMove, Gap, GapKind, GapState, HoleTried, NewGap, PullCall, SeqRange},
};

/// Known records by which it is told whether the library answers.
const CONTROLS: usize = 2;
/// Numbers tried one by one behind a failing record.
const NEAR: u64 = 64;
/// The same when each try costs a deadline.
const NEAR_HANGING: u64 = 8;
/// The farthest number tried.
const FAR: u64 = 1 << 24;
/// Holes that one run asks for again at most, unless all are asked for by hand.
const HOLES: usize = 64;
/// Pause after the first try in vain; doubles.
const PAUSE_MS: i64 = 60_000;
/// The longest pause.
const LONGEST_PAUSE_MS: i64 = 6 * 60 * 60 * 1000;
/// How long WeCom keeps a record, and a day more.
const GIVE_UP_MS: i64 = RETENTION_MS + 24 * 60 * 60 * 1000;

/// What came of looking for a number behind which the call works.
pub(super) enum Stepped {
    /// It works behind this number, and not behind the one before it.
    Over(Seq),
    /// It works again where it failed.
    Healed,
    /// A stop was asked for.
    Stopped,
    /// It works nowhere within reach, or the library does not answer any more.
    Nowhere,
}

/// What one call for a hole brought.
enum Brought {
    /// The record of this number, inside the hole.
    Record(Seq),
    /// Nothing of the hole.
    Nothing,
    /// The call fails there.
    Failure(Error),
    /// Nobody can be asked at the moment.
    Nobody,
}

impl PullStage<'_> {
    /// Does the library answer, asked for something else? If so, this trouble is bound to a range of the stream.
    pub(super) async fn library_answers(&mut self, after: Seq, trouble: &Error) -> Result<bool, Error> {
        let company = self.company;
        let known = self
            .desk
            .ask(move |store| store.last_believed(company, CONTROLS))
            .await??;
        let mut is_held = known.is_empty();
        for seq in known {
            // Records that came before must come: a library that fails on all of them has no quarrel with one.
            match self
                .probe(Seq(seq.0.saturating_sub(1)), 1, |_| PullCall::CHECKED)
                .await?
            {
                Ok(page) if page.torn => {}
                Ok(page) if page.records.is_empty() => is_held = true,
                Ok(_) => return Ok(true),
                Err(_) => {}
            }
        }
        if !is_held {
            return Ok(false);
        }
        // WeCom holds none of them: asked behind all seqs, or nearly. Where a refusal is the trouble, only a page will do.
        let beyond = Seq(after.0.max(i64::MAX as u64));
        let is_refused = is_final(trouble);
        Ok(match self.probe(beyond, 1, |_| PullCall::CHECKED).await? {
            Ok(page) => !page.torn,
            // A refusal is an answer, too; a death, a tear or a dead network is none.
            Err(error) => !error.retryable() && !is_refused,
        })
    }

    /// Finds the first number behind which `GetChatData` works again, and writes the hole down.
    pub(super) async fn step_over(&mut self, after: Seq, trouble: &Error) -> Result<Stepped, Error> {
        let company = self.company;
        let known = self
            .desk
            .ask(move |store| store.last_believed(company, 1))
            .await??;
        self.empty_proves_nothing = known.is_empty();
        let stepped = self.first_working(after, None, trouble).await?;
        let Stepped::Over(last) = stepped else {
            return Ok(stepped);
        };
        // Only what still fails is stepped over: an end that was none may have been a record that was on its way.
        if self.works_behind(after, trouble).await? == Some(true) {
            return Ok(Stepped::Healed);
        }
        if last.0 - after.0 == 1
            && self
                .desk
                .ask(move |store| store.has_believed(company, last))
                .await??
        {
            // Read again, it fails; it is in the archive all the same.
            return Ok(Stepped::Over(last));
        }
        // Nobody knows which of these numbers are records.
        let first = Seq(after.0 + 1);
        events::hole_found(self.name, first, last, trouble);
        let concluded = Concluded {
            cursor: CursorMove::UpTo(last),
            gaps: vec![NewGap {
                kind: GapKind::Unpullable,
                range: SeqRange { first, last },
                cause: trouble.to_string(),
            }],
            ..Concluded::default()
        };
        Ok(match self.conclude(concluded).await {
            Ok(()) => Stepped::Over(last),
            Err(_) => Stepped::Stopped,
        })
    }

    /// The first number above `after`, at most `upto`, behind which the call works: one by one at first, then by doubled
    /// steps, and by halves within the last of them.
    async fn first_working(
        &mut self,
        after: Seq,
        upto: Option<Seq>,
        trouble: &Error,
    ) -> Result<Stepped, Error> {
        let hangs = matches!(
            trouble,
            Error::Source(source::Error::Child {
                death: source::Death::Hang(_),
                ..
            })
        );
        let near = if hangs { NEAR_HANGING } else { NEAR };
        let farthest = upto
            .map_or(u64::MAX, |upto| upto.0)
            .saturating_sub(after.0)
            .min(FAR);
        let (mut failed, mut step) = (0, 1.min(farthest));
        while step > failed {
            match self.works_behind(Seq(after.0 + step), trouble).await? {
                _ if self.stopped() => return Ok(Stepped::Stopped),
                None => return Ok(Stepped::Nowhere),
                Some(true) => break,
                Some(false) => failed = step,
            }
            step = if step < near { step + 1 } else { step * 2 }.min(farthest);
        }
        if step == failed {
            return Ok(Stepped::Nowhere);
        }
        while step - failed > 1 {
            let middle = failed + (step - failed) / 2;
            match self.works_behind(Seq(after.0 + middle), trouble).await? {
                _ if self.stopped() => return Ok(Stepped::Stopped),
                None => return Ok(Stepped::Nowhere),
                Some(true) => step = middle,
                Some(false) => failed = middle,
            }
        }
        Ok(Stepped::Over(Seq(after.0 + step)))
    }

    /// `None`: the library answers nothing at all at the moment.
    async fn works_behind(&mut self, seq: Seq, trouble: &Error) -> Result<Option<bool>, Error> {
        match self.probe(seq, 1, |_| PullCall::CHECKED).await? {
            // Where an empty page is the trouble, another one is the same trouble; and where nothing ever came, it does not
            // say that anything can.
            Ok(page) if self.empty_proves_nothing || matches!(trouble, Error::FalseEnd { .. }) => {
                Ok(Some(!page.torn && !page.records.is_empty()))
            }
            Ok(page) if !page.torn => Ok(Some(true)),
            Err(error) if !is_of_a_record(&error) && !self.library_answers(seq, trouble).await? => Ok(None),
            Ok(_) | Err(_) => Ok(Some(false)),
        }
    }

    /// Asks again for the holes of earlier runs whose pause is over.
    pub(super) async fn ask_for_holes(&mut self) -> Result<(), Error> {
        let company = self.company;
        let only_open = !self.settings.gaps;
        let mut holes = self
            .desk
            .ask(move |store| store.gaps(Some(company), only_open))
            .await??;
        let now = Millis::now();
        holes.retain(|gap| {
            let due = gap.state == GapState::Open
                && gap.run != self.run
                && (gap.next_try <= now || gap.next_try.0 > now.0 + LONGEST_PAUSE_MS);
            let asked_for = self.settings.gaps && gap.state != GapState::Closed;
            gap.kind == GapKind::Unpullable && (due || asked_for)
        });
        // Those that waited longest, so that none waits for ever.
        holes.sort_by_key(|gap| gap.next_try);
        if !self.settings.gaps {
            holes.truncate(HOLES);
        }
        for hole in holes {
            if self.stopped() || !self.ask_for_hole(&hole, now).await? {
                break;
            }
        }
        Ok(())
    }

    /// Asks for each record of the hole, past those on which the call still fails. False when nobody can be asked.
    async fn ask_for_hole(&mut self, hole: &Gap, now: Millis) -> Result<bool, Error> {
        let SeqRange { mut first, last } = hole.range;
        let mut still_failing = Vec::new();
        let mut is_through = true;
        while first <= last {
            let upto = match self.ask_in_hole(first, last).await? {
                Brought::Nobody => {
                    is_through = false;
                    break;
                }
                Brought::Record(seq) => seq,
                Brought::Nothing => {
                    still_failing.push((SeqRange { first, last }, "WeCom no longer returns it".to_owned()));
                    break;
                }
                Brought::Failure(trouble) => {
                    let before = Seq(first.0.saturating_sub(1));
                    let upto = match self.first_working(before, Some(last), &trouble).await? {
                        Stepped::Over(seq) => seq,
                        Stepped::Healed => continue,
                        Stepped::Nowhere => last,
                        Stepped::Stopped => {
                            is_through = false;
                            break;
                        }
                    };
                    still_failing.push((SeqRange { first, last: upto }, trouble.to_string()));
                    upto
                }
            };
            let Some(next) = upto.0.checked_add(1) else { break };
            first = Seq(next);
            if self.stopped() && first <= last {
                is_through = false;
                break;
            }
        }
        if !is_through {
            // What came so far is not asked for again.
            still_failing.push((SeqRange { first, last }, hole.cause.clone()));
        }
        if !self.all_landed().await {
            return Ok(false);
        }
        let pause = PAUSE_MS
            .saturating_mul(1 << hole.tries.min(16))
            .min(LONGEST_PAUSE_MS);
        let late = now.0.saturating_sub(hole.found.0) > GIVE_UP_MS;
        let mut tried = HoleTried {
            still_failing,
            next_try: is_through.then(|| Millis(now.0.saturating_add(pause))),
            is_given_up: hole.state == GapState::Lost,
        };
        let late = late && is_through;
        let (company, lease, hole) = (self.company, self.lease.clone(), hole.clone());
        self.desk
            .ask(move |store| {
                // Given up is for ever, so not on the word of one clock.
                tried.is_given_up |= late && clock::verdict(store, company, now)?.is_agreed();
                store.hole_tried(&lease, &hole, &tried, now)
            })
            .await??;
        Ok(is_through)
    }

    /// One call for what stands at `first` or behind it. Whatever it brings is landed, and moves no cursor.
    async fn ask_in_hole(&mut self, first: Seq, last: Seq) -> Result<Brought, Error> {
        let (answer, mut call) = self.ask(Seq(first.0.saturating_sub(1)), 1).await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                self.note_failure(call, &error).await?;
                let is_of_a_record = is_of_a_record(&error);
                let trouble = Error::from(error);
                return Ok(
                    match is_of_a_record || self.library_answers(first, &trouble).await? {
                        true => Brought::Failure(trouble),
                        // The next pull will say so.
                        false => Brought::Nobody,
                    },
                );
            }
        };
        describe(&mut call, &page);
        let torn = page.torn;
        let seqs = page.records.iter().map(|record| record.seq);
        let found = seqs.filter(|seq| (first..=last).contains(seq)).min();
        if !torn {
            let word = if found.is_some() {
                "hole filled"
            } else {
                PullCall::CHECKED
            };
            word.clone_into(&mut call.outcome);
        }
        let concluded = Concluded {
            doubtful: outside(&page, first, last),
            ..Concluded::default()
        };
        if self.keep(call, page, concluded).await?.is_err() {
            return Ok(Brought::Nobody);
        }
        Ok(match (found, torn) {
            (Some(seq), _) => Brought::Record(seq),
            (None, false) => Brought::Nothing,
            (None, true) => Brought::Failure(Error::NoProgress {
                after: Seq(first.0.saturating_sub(1)),
                torn,
            }),
        })
    }
}

/// Records, by index, that come although only those of the hole were asked for. They are believed when they come in their
/// own place.
fn outside(page: &Page, first: Seq, last: Seq) -> Vec<(usize, Seq)> {
    let records = page.records.iter().enumerate();
    let outside = records.filter(|(_, record)| !(first..=last).contains(&record.seq));
    outside
        .map(|(index, _)| (index, Seq(first.0.saturating_sub(1))))
        .collect()
}

/// True for what a single record can do to the call by itself.
fn is_of_a_record(error: &source::Error) -> bool {
    matches!(error, source::Error::Child { .. }) || error.reduce_limit()
}
