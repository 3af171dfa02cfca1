//! Holes in the stream: records on which `GetChatData` itself fails. One record costs one record: the failing range is
//! narrowed down to it, it is stepped over, put on the ledger, and asked for again with growing pauses.

use super::{
    Error, clock,
    pulling::{PullStage, Pulled, describe},
};
use crate::{
    events,
    ids::{Millis, Seq},
    source,
    store::contract::{CursorMove, Gap, GapKind, GapState, NewGap, SeqRange},
};

/// Numbers tried one by one behind a failing record.
const NEAR: u64 = 64;
/// The same when each try costs a deadline.
const NEAR_HANGING: u64 = 8;
/// The farthest number tried.
const FAR: u64 = 1 << 24;
/// Pause after the first try in vain; doubles.
const PAUSE_MS: i64 = 60_000;
/// The longest pause.
const LONGEST_PAUSE_MS: i64 = 6 * 60 * 60 * 1000;
/// How long WeCom keeps a record, and a day more.
const GIVE_UP_MS: i64 = (super::RETENTION_HOURS + 24) * 60 * 60 * 1000;

impl PullStage<'_> {
    /// Does the library answer at all, asked behind everything there is? If so, a failure is bound to a range of the stream.
    pub(super) async fn library_answers(&mut self, after: Seq) -> Result<bool, Error> {
        let beyond = Seq(after.0.max(i64::MAX as u64));
        let answer = self.probe(beyond, 1, |_| "checked").await?;
        // A refusal is an answer, too; a death, a tear or a dead network is none.
        Ok(match answer {
            Ok(page) => !page.torn,
            Err(error) => !error.retryable(),
        })
    }

    /// Finds the first number behind which `GetChatData` works again, writes the hole down and returns that number.
    /// `None` when there is none within reach.
    pub(super) async fn step_over(&mut self, after: Seq, trouble: &Error) -> Result<Option<Seq>, Error> {
        let hangs = matches!(
            trouble,
            Error::Source(source::Error::Child {
                death: source::Death::Hang(_),
                ..
            })
        );
        let near = if hangs { NEAR_HANGING } else { NEAR };
        let mut step = 1;
        let mut failed = 0;
        while step <= FAR && after.0.checked_add(step).is_some() {
            if self.stopped() {
                return Ok(None);
            }
            if self.works_behind(Seq(after.0 + step)).await? {
                break;
            }
            failed = step;
            step = if step < near { step + 1 } else { step * 2 };
        }
        if step > FAR || after.0.checked_add(step).is_none() {
            return Ok(None);
        }
        while step - failed > 1 {
            let middle = failed + (step - failed) / 2;
            if self.works_behind(Seq(after.0 + middle)).await? {
                step = middle;
            } else {
                failed = middle;
            }
        }
        let last = Seq(after.0 + step);
        // Nobody knows which of these numbers are records.
        let first = Seq(after.0 + 1);
        events::hole_found(self.name, first, last, trouble);
        let (_, mut call) = self.ask(last, 1).await;
        "stepped over".clone_into(&mut call.outcome);
        let permit = self.room.take(0).await;
        let pulled = Pulled {
            call,
            page: source::Page::default(),
            doubtful: Vec::new(),
            cursor: CursorMove::UpTo(last),
            covers: None,
            gaps: vec![NewGap {
                kind: GapKind::Unpullable,
                range: SeqRange { first, last },
                cause: trouble.to_string(),
            }],
            permit,
        };
        Ok(self.land(pulled).await.is_ok().then_some(last))
    }

    async fn works_behind(&mut self, seq: Seq) -> Result<bool, Error> {
        match self.probe(seq, 1, |_| "checked").await? {
            Ok(page) => Ok(!page.torn),
            Err(error) if error.retryable() || error.reduce_limit() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks again for the holes whose pause is over, before anything else: WeCom deletes them in the end.
    pub(super) async fn ask_for_holes(&mut self) -> Result<(), Error> {
        let company = self.company;
        let only_open = !self.settings.gaps;
        let gaps = self
            .desk
            .ask(move |store| store.gaps(Some(company), only_open))
            .await??;
        let now = Millis::now();
        for gap in gaps {
            let due = gap.state == GapState::Open
                && (gap.next_try <= now || gap.next_try.0 > now.0 + LONGEST_PAUSE_MS);
            let asked_for = self.settings.gaps && gap.state != GapState::Closed;
            if gap.kind == GapKind::Unpullable && (due || asked_for) && !self.stopped() {
                self.ask_for_hole(&gap, now).await?;
            }
        }
        Ok(())
    }

    /// Reads the hole record by record until it is through or fails again.
    async fn ask_for_hole(&mut self, gap: &Gap, now: Millis) -> Result<(), Error> {
        let id = gap.id;
        let mut first = gap.range.first;
        let mut filled = false;
        let cause = loop {
            let (answer, mut call) = self.ask(Seq(first.0.saturating_sub(1)), 1).await;
            let page = match answer {
                Ok(page) if !page.torn => page,
                Ok(_) => {
                    "torn".clone_into(&mut call.outcome);
                    let trouble = Error::NoProgress {
                        after: call.asked,
                        torn: true,
                    };
                    self.note(call).await?;
                    break trouble.to_string();
                }
                Err(error) => {
                    call.code = error.code();
                    call.errcode = error.errcode();
                    call.outcome = error.to_string();
                    self.note(call).await?;
                    if !matches!(error, source::Error::Child { .. }) && !error.reduce_limit() {
                        // Nobody can be reached at the moment; the pull itself will say so.
                        return Ok(());
                    }
                    break error.to_string();
                }
            };
            describe(&mut call, &page);
            let Some(seq) = call.last.filter(|seq| *seq >= first && *seq <= gap.range.last) else {
                "checked".clone_into(&mut call.outcome);
                self.note(call).await?;
                if filled {
                    return self.end_hole(id, GapState::Closed).await;
                }
                break "WeCom does not tell it any more".to_owned();
            };
            "hole filled".clone_into(&mut call.outcome);
            let permit = self.room.take(super::load::weight(&page.records)).await;
            let pulled = Pulled {
                call,
                doubtful: Vec::new(),
                page,
                cursor: CursorMove::UpTo(first),
                covers: None,
                gaps: Vec::new(),
                permit,
            };
            if self.land(pulled).await.is_err() || !self.all_landed().await {
                return Ok(());
            }
            filled = true;
            if seq >= gap.range.last {
                return self.end_hole(id, GapState::Closed).await;
            }
            first = Seq(seq.0 + 1);
            self.desk.ask(move |store| store.gap_shrinks(id, first)).await??;
        };
        let pause = PAUSE_MS
            .saturating_mul(1 << gap.tries.min(16))
            .min(LONGEST_PAUSE_MS);
        let next_try = Millis(now.0.saturating_add(pause));
        self.desk
            .ask(move |store| store.gap_tried(id, &cause, next_try))
            .await??;
        let company = self.company;
        if now.0 - gap.found.0 > GIVE_UP_MS
            && self
                .desk
                .ask(move |store| clock::verdict(store, company, now))
                .await??
                .is_agreed()
        {
            self.end_hole(id, GapState::Lost).await?;
        }
        Ok(())
    }

    async fn end_hole(&self, id: i64, state: GapState) -> Result<(), Error> {
        Ok(self
            .desk
            .ask(move |store| store.gap_ended(id, state, Millis::now()))
            .await??)
    }
}
