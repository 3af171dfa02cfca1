//! From changes to spans. A function of the set of changes: their order, and how often one comes, means nothing.
//!
//! WeCom dates its answers and events in seconds and its messages in milliseconds. So an answer "agreed, in second s" and
//! an agree message within that second are one change, at the message's time; and an answer that contradicts a message of
//! the same second comes behind it, because it was given later. An answer without a date holds from the first to the
//! last time it was given, so it also ends whatever else was said in between.

use super::change::{Change, How, State};
use crate::ids::Millis;

/// Milliseconds that a date in seconds leaves open.
const SECOND: i64 = 1_000;

/// A time during which a subject stood one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// How.
    pub state: State,
    /// First millisecond.
    pub from: Millis,
    /// First millisecond after; `None` while it lasts.
    pub to: Option<Millis>,
    /// What says so, in order of effect.
    pub told: Vec<Change>,
}

/// A change at the moment it takes effect.
struct Point<'c> {
    at: i64,
    /// Decides between points of one moment: the greatest is in force.
    rank: (bool, i64),
    change: &'c Change,
    /// False for the repetition of an answer that has been told before.
    tells: bool,
}

/// The spans of one subject, earliest first, each beginning where the one before ends.
pub fn spans(changes: &[Change]) -> Vec<Span> {
    let mut points = points(changes);
    points.sort_by(|a, b| {
        let key = |point: &Point<'_>| (point.at, point.rank, point.change.state.standing());
        key(a)
            .cmp(&key(b))
            .then_with(|| a.change.state.cmp(&b.change.state))
            .then_with(|| (a.change.how, a.change.learnt).cmp(&(b.change.how, b.change.learnt)))
            .then_with(|| (a.change.since, a.change.record).cmp(&(b.change.since, b.change.record)))
            .then_with(|| (a.change.dated, a.change.seen).cmp(&(b.change.dated, b.change.seen)))
    });
    let mut spans: Vec<Span> = Vec::new();
    for moment in points.chunk_by(|a, b| a.at == b.at) {
        let Some(last) = moment.last() else { continue };
        let told = moment
            .iter()
            .filter(|point| point.tells && point.change.state == last.change.state)
            .map(|point| point.change.clone());
        match spans.last_mut() {
            Some(open) if open.state == last.change.state => open.told.extend(told),
            open => {
                if let Some(open) = open {
                    open.to = Some(Millis(last.at));
                }
                spans.push(Span {
                    state: last.change.state.clone(),
                    from: Millis(last.at),
                    to: None,
                    told: told.collect(),
                });
            }
        }
    }
    for span in &mut spans {
        let mut seen = std::collections::HashSet::new();
        span.told.retain(|change| seen.insert(change.clone()));
    }
    spans
}

/// The span that a moment falls into; `None` before the first.
pub fn span_at(spans: &[Span], at: Millis) -> Option<&Span> {
    let behind = spans.partition_point(|span| span.from <= at);
    spans.get(behind.checked_sub(1)?)
}

fn points(changes: &[Change]) -> Vec<Point<'_>> {
    let mut points = Vec::with_capacity(changes.len());
    for change in changes {
        let asked = change.how == How::Asked;
        let rank = (asked, if asked { change.learnt.0 } else { 0 });
        points.push(Point {
            at: effect(change, changes),
            rank,
            change,
            tells: true,
        });
        if asked && !change.dated && change.seen > change.since {
            points.push(Point {
                at: change.seen.0,
                rank: (true, change.seen.0),
                change,
                tells: false,
            });
        }
    }
    points
}

/// When a change takes effect, given what else is known of its second.
fn effect(change: &Change, all: &[Change]) -> i64 {
    let since = change.since.0;
    if change.how == How::Message || !change.dated {
        return since;
    }
    let same_second = || {
        all.iter().filter(move |fine| {
            fine.how == How::Message
                && fine.dated
                && fine.since.0 >= since
                && fine.since.0.checked_sub(since).is_some_and(|late| late < SECOND)
        })
    };
    let agreeing = same_second()
        .filter(|fine| fine.state == change.state)
        .map(|fine| fine.since.0)
        .max();
    match agreeing {
        Some(at) => at,
        None if same_second().next().is_some() => since.saturating_add(SECOND - 1),
        None => since,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(state: State, since: i64, how: How, learnt: i64) -> Change {
        Change {
            state,
            since: Millis(since),
            dated: true,
            how,
            learnt: Millis(learnt),
            seen: Millis(learnt),
            record: None,
        }
    }

    fn undated(state: State, learnt: i64, seen: i64) -> Change {
        Change {
            dated: false,
            seen: Millis(seen),
            ..change(state, learnt, How::Asked, learnt)
        }
    }

    fn shape(changes: &[Change]) -> Vec<(State, i64, Option<i64>)> {
        spans(changes)
            .into_iter()
            .map(|span| (span.state, span.from.0, span.to.map(|to| to.0)))
            .collect()
    }

    #[test]
    fn agree_disagree_agree_gives_three_spans_however_they_were_learnt() {
        let all = [
            change(State::Agreed, 10_000, How::Asked, 11_000),
            change(State::Refused, 20_500, How::Message, 60_000),
            change(State::Agreed, 30_000, How::Event, 30_200),
        ];
        let expected = vec![
            (State::Agreed, 10_000, Some(20_500)),
            (State::Refused, 20_500, Some(30_000)),
            (State::Agreed, 30_000, None),
        ];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(shape(&order.map(|n| all[n].clone())), expected, "{order:?}");
        }
        let spans = spans(&all);
        for (at, state) in [
            (9_999, None),
            (10_000, Some(State::Agreed)),
            (20_499, Some(State::Agreed)),
            (20_500, Some(State::Refused)),
            (29_999, Some(State::Refused)),
            (30_000, Some(State::Agreed)),
        ] {
            assert_eq!(
                span_at(&spans, Millis(at)).map(|span| span.state.clone()),
                state,
                "{at}"
            );
        }
    }

    #[test]
    fn one_change_learnt_three_ways_is_one_span_with_three_witnesses() {
        let all = [
            change(State::Refused, 20_000, How::Asked, 90_000),
            change(State::Refused, 20_345, How::Message, 60_000),
            change(State::Refused, 21_000, How::Event, 21_200),
        ];
        assert_eq!(shape(&all), vec![(State::Refused, 20_345, None)]);
        assert_eq!(spans(&all)[0].told.len(), 3);
    }

    #[test]
    fn an_answer_comes_behind_a_message_of_its_second_that_it_contradicts() {
        let all = [
            change(State::Refused, 20_400, How::Message, 60_000),
            change(State::Agreed, 20_000, How::Asked, 25_000),
        ];
        assert_eq!(
            shape(&all),
            vec![
                (State::Refused, 20_400, Some(20_999)),
                (State::Agreed, 20_999, None)
            ]
        );
    }

    #[test]
    fn an_answer_without_a_date_holds_from_first_to_last() {
        let default = undated(State::Default, 10, 100);
        assert_eq!(
            shape(std::slice::from_ref(&default)),
            vec![(State::Default, 10, None)]
        );
        let refused = change(State::Refused, 50, How::Message, 60);
        assert_eq!(
            shape(&[default, refused]),
            vec![
                (State::Default, 10, Some(50)),
                (State::Refused, 50, Some(100)),
                (State::Default, 100, None)
            ]
        );
    }

    #[test]
    fn a_word_nobody_knows_is_a_span_of_its_own() {
        let all = [
            change(State::Agreed, 1, How::Asked, 2),
            change(State::from_word("Paused"), 5_000, How::Asked, 6_000),
        ];
        assert_eq!(shape(&all)[1].0.as_word(), "Paused");
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let state = prop_oneof![
            Just(State::Agreed),
            Just(State::Default),
            Just(State::Refused),
            Just(State::Other("Paused".into())),
        ];
        let how = prop_oneof![Just(How::Asked), Just(How::Event), Just(How::Message)];
        (
            state,
            how,
            0i64..6,
            0i64..1_000,
            any::<bool>(),
            0i64..9_000,
            0i64..3_000,
        )
            .prop_map(|(state, how, second, part, dated, learnt, later)| {
                let exact = if how == How::Message { part } else { 0 };
                let asked = how == How::Asked;
                Change {
                    state,
                    since: Millis(if asked && !dated {
                        learnt
                    } else {
                        second * 1_000 + exact
                    }),
                    dated: dated || !asked,
                    how,
                    learnt: Millis(learnt),
                    seen: Millis(learnt + later),
                    record: None,
                }
            })
    }

    proptest! {
        #[test]
        fn order_and_repetition_mean_nothing(
            changes in proptest::collection::vec(any_change(), 0..9), seed in any::<u64>()
        ) {
            let expected = spans(&changes);
            let mut shuffled = changes.clone();
            shuffled.extend_from_slice(&changes);
            let length = shuffled.len().max(1);
            for n in 0..shuffled.len() {
                let other = (seed.wrapping_mul(n as u64 + 7) >> 20) as usize % length;
                shuffled.swap(n, other);
            }
            prop_assert_eq!(&spans(&shuffled), &expected);
            // Every span follows the one before it, and says something else.
            for pair in expected.windows(2) {
                prop_assert_eq!(pair[0].to, Some(pair[1].from));
                prop_assert!(pair[0].from < pair[1].from && pair[0].state != pair[1].state);
            }
            prop_assert!(expected.last().is_none_or(|last| last.to.is_none()));
            prop_assert_eq!(expected.is_empty(), changes.is_empty());
            // Every moment is in exactly the span that begins last at or before it.
            for at in (0..13_000).step_by(250).map(Millis) {
                let found = span_at(&expected, at);
                let plain = expected.iter().rfind(|span| span.from <= at);
                prop_assert_eq!(found, plain);
            }
        }
    }
}
