//! Holes in the stream: records on which `GetChatData` itself fails. One record costs one record: the failing range is
//! narrowed down to it, it is stepped over, put on the ledger, and asked for again with growing pauses.

use super::{
    Error,
    pulling::{PullStage, Pulled},
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
/// How long WeCom keeps a record, and a day more, since our clock is only one witness.
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
        // Tried one by one, the hole is exactly that record; otherwise others may lie before it.
        let first = if step <= near { last } else { Seq(after.0 + 1) };
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
        let gaps = self
            .desk
            .ask(move |store| store.gaps(Some(company), false))
            .await??;
        let now = Millis::now();
        for gap in gaps {
            let due = gap.state == GapState::Open && (gap.next_try <= now || gap.next_try.0 > now.0 + LONGEST_PAUSE_MS);
            let asked_for = self.settings.gaps && gap.state != GapState::Closed;
            if gap.kind == GapKind::Unpullable && (due || asked_for) && !self.stopped() {
                self.ask_for_hole(&gap, now).await?;
            }
        }
        Ok(())
    }

    async fn ask_for_hole(&mut self, gap: &Gap, now: Millis) -> Result<(), Error> {
        let before = Seq(gap.range.first.0.saturating_sub(1));
        let (answer, mut call) = self.ask(before, 1).await;
        let id = gap.id;
        let cause = match answer {
            Ok(page) if !page.torn => {
                call.first = page.records.iter().map(|record| record.seq).min();
                call.last = page.records.iter().map(|record| record.seq).max();
                call.count = u32::try_from(page.records.len()).unwrap_or(u32::MAX);
                let within = call
                    .last
                    .is_some_and(|seq| seq >= gap.range.first && seq <= gap.range.last);
                if within {
                    "hole filled".clone_into(&mut call.outcome);
                    let whole = call.last == Some(gap.range.last);
                    let permit = self.room.take(super::load::weight(&page.records)).await;
                    let pulled = Pulled {
                        call,
                        doubtful: Vec::new(),
                        page,
                        cursor: CursorMove::UpTo(gap.range.first),
                        covers: None,
                        gaps: Vec::new(),
                        permit,
                    };
                    if self.land(pulled).await.is_ok() && self.all_landed().await && whole {
                        self.desk
                            .ask(move |store| store.gap_ended(id, GapState::Closed, Millis::now()))
                            .await??;
                    }
                    return Ok(());
                }
                "checked".clone_into(&mut call.outcome);
                self.note(call).await?;
                "WeCom does not tell it any more".to_owned()
            }
            Ok(_) => {
                "torn".clone_into(&mut call.outcome);
                self.note(call).await?;
                Error::NoProgress {
                    after: before,
                    torn: true,
                }
                .to_string()
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
                error.to_string()
            }
        };
        let pause = PAUSE_MS.saturating_mul(1 << gap.tries.min(16)).min(LONGEST_PAUSE_MS);
        let over = now.0 - gap.found.0 > GIVE_UP_MS;
        self.desk
            .ask(move |store| {
                store.gap_tried(id, &cause, Millis(now.0.saturating_add(pause)))?;
                if over {
                    store.gap_ended(id, GapState::Lost, now)?;
                }
                Ok::<_, crate::store::StoreError>(())
            })
            .await??;
        Ok(())
    }
}
