//! Is an empty answer the end of the stream? Only if WeCom still returns what the archive holds up to there. Where it has
//! records below the cursor that the archive lacks, the cursor was wrong, and goes back.

use super::{Error, pulling::PullStage};
use crate::{
    events,
    ids::{Millis, RETENTION_MS, Seq},
    source::Page,
    store::contract::{Concluded, CursorMove, GapKind, NewGap, PullCall, SeqRange},
};

/// Known records that are read again at the end of the stream to check that it is one.
const TAIL: usize = 8;

/// From this age on WeCom may have deleted a record. Its days may end at another hour than ours.
const MAY_BE_GONE_MS: i64 = RETENTION_MS - 24 * 60 * 60 * 1000;

/// What the check of an empty answer came to.
pub(super) enum Checked {
    /// It is the end.
    End,
    /// It could not be checked this time.
    Unchecked,
    /// The cursor was wrong and went back.
    WentBack {
        /// Where it is now.
        to: Seq,
    },
    /// It is not the end, or nobody should believe it: why, to be read behind "but".
    Contradicted(String),
}

impl PullStage<'_> {
    /// Compares the end with the last records that the archive knows. `may_go_back` is false when the cursor went back too
    /// often already.
    pub(super) async fn check_end(&mut self, after: Seq, may_go_back: bool) -> Result<Checked, Error> {
        if !self.all_landed().await {
            return Ok(Checked::Unchecked);
        }
        let company = self.company;
        let tail = self.desk.ask(move |store| store.tail(company, TAIL)).await??;
        let (Some(lowest), Some(last)) = (tail.last().copied(), tail.first().copied()) else {
            return self.check_beginning(after, None, may_go_back).await;
        };
        let (mut first, mut limit) = (Seq(lowest.0.saturating_sub(1)), TAIL + 2);
        let mut from = first;
        // Short pages may need several calls; each must go on.
        for _ in 0..=TAIL {
            let page = match self.look(from, limit).await? {
                Some(page) => page,
                // Together they may be too much; the last one alone says enough.
                None if limit > 1 => {
                    (first, limit) = (Seq(last.0.saturating_sub(1)), 1);
                    from = first;
                    continue;
                }
                None => return Ok(Checked::Unchecked),
            };
            if let Some(unseen) = self.first_unknown(&page).await? {
                return self.not_the_end(after, unseen, &tail, may_go_back).await;
            }
            if page.records.iter().any(|record| record.seq == last) {
                return Ok(match after < last {
                    false => Checked::End,
                    true => {
                        Checked::Contradicted(format!("it returns seq {last} when asked behind seq {from}"))
                    }
                });
            }
            let seqs = page.records.iter().map(|record| record.seq);
            match seqs.filter(|seq| (from.0 + 1..last.0).contains(&seq.0)).max() {
                Some(seq) => from = seq,
                None if from == first => return self.check_beginning(after, Some(last), may_go_back).await,
                None => break,
            }
        }
        Ok(Checked::Contradicted(format!(
            "it no longer returns seq {last}, which it returned before, while older records still come"
        )))
    }

    /// WeCom returns nothing of what was read last (`last`, if there is anything): because its five days are over, because
    /// its numbers began again, or because it is wrong.
    async fn check_beginning(
        &mut self,
        after: Seq,
        last: Option<Seq>,
        may_go_back: bool,
    ) -> Result<Checked, Error> {
        let Some(page) = self.look(Seq(0), TAIL).await? else {
            return Ok(Checked::Unchecked);
        };
        if let Some(unseen) = self.first_unknown(&page).await? {
            return self.not_the_end(after, unseen, &[], may_go_back).await;
        }
        let Some(last) = last else {
            return Ok(Checked::End);
        };
        if !page.records.is_empty() {
            return Ok(Checked::Contradicted(format!(
                "it no longer returns seq {last}, which it returned before, while older records still come"
            )));
        }
        let company = self.company;
        let age = self
            .desk
            .ask(move |store| store.earliest_time_of_tail(company))
            .await??;
        let is_over = age.is_none_or(|age| Millis::now().is_past(age, MAY_BE_GONE_MS));
        Ok(match is_over {
            true => Checked::End,
            false => Checked::Contradicted(format!(
                "it returns nothing at all, not even seq {last}, which is younger than four days"
            )),
        })
    }

    async fn not_the_end(
        &mut self,
        after: Seq,
        unseen: Seq,
        tail: &[Seq],
        may_go_back: bool,
    ) -> Result<Checked, Error> {
        if unseen > after {
            return Ok(Checked::Contradicted(format!(
                "it returns seq {unseen} when asked for an earlier record"
            )));
        }
        if !may_go_back {
            return Ok(Checked::Contradicted(format!(
                "it returns seq {unseen}, which the archive lacks, and the cursor went back too often in this run"
            )));
        }
        self.go_back(unseen, tail).await
    }

    /// A page that is only compared; `None` when it did not come, or not whole.
    async fn look(&mut self, after: Seq, limit: usize) -> Result<Option<Page>, Error> {
        let answer = self.probe(after, limit as u32, |_| PullCall::CHECKED).await?;
        Ok(answer.ok().filter(|page| !page.torn))
    }

    /// The smallest seq on the page that the archive does not know with its msgid, and does not miss already.
    async fn first_unknown(&self, page: &Page) -> Result<Option<Seq>, Error> {
        let company = self.company;
        let items: Vec<(Seq, String)> = page
            .records
            .iter()
            .map(|record| (record.seq, record.msgid.clone()))
            .collect();
        Ok(self
            .desk
            .ask(move |store| store.first_unknown(company, &items))
            .await??)
    }

    /// The cursor was wrong: it goes back before `unseen`, on the ledger.
    async fn go_back(&mut self, unseen: Seq, tail: &[Seq]) -> Result<Checked, Error> {
        let why = match tail.is_empty() {
            false => "WeCom has records below the cursor that the archive lacks",
            true => "WeCom's stream begins again below the cursor",
        };
        let to = Seq(unseen.0.saturating_sub(1));
        let company = self.company;
        let cursor = self.desk.ask(move |store| store.cursor(company)).await??;
        events::cursor_went_back(self.name, cursor, to, why);
        // The jump over what the archive lacks is one that the cursor should not have followed.
        let jump = tail.windows(2).find(|pair| pair[1] < unseen && unseen < pair[0]);
        let jump = jump.filter(|pair| pair[0].0 - pair[1].0 > self.settings.max_seq_jump);
        let concluded = Concluded {
            cursor: CursorMove::BackTo(to),
            gaps: vec![NewGap {
                kind: GapKind::Rewound,
                range: SeqRange {
                    first: unseen,
                    last: cursor.max(unseen),
                },
                cause: format!("{why}: the cursor went back from {cursor} to {to}"),
            }],
            doubt_above: jump.map(|pair| pair[1]),
            ..Concluded::default()
        };
        if self.conclude(concluded).await.is_err() || !self.all_landed().await {
            return Ok(Checked::Unchecked);
        }
        Ok(Checked::WentBack { to })
    }
}
