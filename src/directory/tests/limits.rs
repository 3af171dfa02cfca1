//! Whatever the callers do, no window of the platform sees more calls than its limit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;

use crate::{
    directory::{
        Clock, Endpoint, Error, Row, Sleep,
        limits::Limiter,
        row::{Limit, Mark, Method},
        rows::{
            group_send::RemindGroupmsgSend,
            messages::{MessageSend, WebhookSend},
            msgaudit::CheckRoomAgree,
        },
    },
    ids::Millis,
};

/// Sleeping moves it on; nothing waits.
#[derive(Debug, Clone)]
struct Virtual(Arc<AtomicI64>);

impl Virtual {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_700_000_000_000)))
    }

    fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Virtual {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, pause: Duration) -> Sleep<'_> {
        let until = self.now().0 + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_max(until, Ordering::SeqCst);
        Box::pin(tokio::task::yield_now())
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// The most calls that any window of that length saw.
fn busiest(times: &[i64], window_ms: i64) -> usize {
    (0..times.len())
        .map(|first| {
            times[first..]
                .iter()
                .take_while(|at| **at < times[first] + window_ms)
                .count()
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn a_robot_that_is_asked_for_a_hundred_messages_stays_below_twenty_a_minute() {
    let (clock, limiter) = (Virtual::new(), Limiter::default());
    let times: Vec<i64> = block_on(async {
        let mut times = Vec::new();
        for _ in 0..100 {
            drop(
                limiter
                    .enter("robot", WebhookSend::ROW, &clock)
                    .await
                    .expect("a place"),
            );
            times.push(clock.now().0);
        }
        times
    });
    assert!(busiest(&times, 60_000) <= 20);
    // And it does not dawdle: at half the limit, a hundred take ten minutes at most.
    assert!(times[99] - times[0] <= 600_000, "{}", times[99] - times[0]);
}

#[test]
fn a_45009_closes_one_row_for_a_minute_then_an_hour_then_until_tomorrow() {
    let (clock, limiter) = (Virtual::new(), Limiter::default());
    block_on(async {
        let mut rests = Vec::new();
        for _ in 0..3 {
            let pass = limiter
                .enter("ww", CheckRoomAgree::ROW, &clock)
                .await
                .expect("a place");
            let until = pass.too_often(clock.now(), None);
            rests.push(until.0 - clock.now().0);
            drop(pass);
            let refused = limiter.enter("ww", CheckRoomAgree::ROW, &clock).await;
            assert!(matches!(refused, Err(Error::Resting { .. })));
            // Others go on.
            limiter
                .enter("ww", WebhookSend::ROW, &clock)
                .await
                .expect("a place");
            limiter
                .enter("other", CheckRoomAgree::ROW, &clock)
                .await
                .expect("a place");
            clock.pass(until.0 - clock.now().0);
        }
        assert_eq!(rests[..2], [60_000, 3_600_000]);
        // Midnight in China.
        assert_eq!((clock.now().0 + 8 * 3_600_000) % 86_400_000, 0);
        // Long after, the story begins anew.
        clock.pass(3 * 86_400_000);
        let pass = limiter
            .enter("ww", CheckRoomAgree::ROW, &clock)
            .await
            .expect("a place");
        assert_eq!(pass.too_often(clock.now(), None).0 - clock.now().0, 60_000);
    });
}

#[test]
fn a_45033_halves_what_runs_at_once_and_it_recovers_slowly() {
    let (clock, limiter) = (Virtual::new(), Limiter::default());
    block_on(async {
        let pass = limiter
            .enter("ww", CheckRoomAgree::ROW, &clock)
            .await
            .expect("a place");
        assert_eq!(pass.allowed(), 8);
        for expected in [4, 2, 1, 1] {
            pass.too_many_at_once();
            assert_eq!(pass.allowed(), expected);
        }
        for _ in 0..19 {
            pass.went_well();
        }
        assert_eq!(pass.allowed(), 1);
        pass.went_well();
        assert_eq!(pass.allowed(), 2);
    });
}

#[test]
fn no_more_run_at_once_than_the_row_says() {
    let (clock, limiter) = (Virtual::new(), Arc::new(Limiter::default()));
    block_on(async {
        let mut held = Vec::new();
        for _ in 0..CheckRoomAgree::ROW.parallel {
            held.push(
                limiter
                    .enter("ww", CheckRoomAgree::ROW, &clock)
                    .await
                    .expect("a place"),
            );
        }
        let waiting = tokio::spawn({
            let (limiter, clock) = (Arc::clone(&limiter), clock.clone());
            async move { limiter.enter("ww", CheckRoomAgree::ROW, &clock).await.is_ok() }
        });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        held.pop();
        assert!(waiting.await.expect("no panic"));
    });
}

#[test]
fn each_receiver_has_limits_of_their_own() {
    let (clock, limiter) = (Virtual::new(), Limiter::default());
    let ids = |ids: &[&str]| -> Vec<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    block_on(async {
        let mut times = Vec::new();
        for _ in 0..100 {
            limiter
                .enter_for("ww", MessageSend::ROW, &ids(&["a", "b"]), &clock)
                .await
                .expect("in time");
            times.push(clock.now().0);
        }
        assert!(
            busiest(&times, 60_000) <= 30,
            "more than thirty are dropped without a word"
        );
        // Another receiver, and another company's of the same name, need not wait.
        let now = clock.now();
        limiter
            .enter_for("ww", MessageSend::ROW, &ids(&["c"]), &clock)
            .await
            .expect("at once");
        limiter
            .enter_for("other", MessageSend::ROW, &ids(&["a"]), &clock)
            .await
            .expect("at once");
        assert_eq!(clock.now(), now);
        // Three a day cannot be waited for inside a call.
        let task = ids(&["task"]);
        limiter
            .enter_for("ww", RemindGroupmsgSend::ROW, &task, &clock)
            .await
            .expect("the first");
        let refused = limiter
            .enter_for("ww", RemindGroupmsgSend::ROW, &task, &clock)
            .await;
        assert!(
            matches!(refused, Err(Error::Resting { seconds: 3600.., .. })),
            "{refused:?}"
        );
        // What is remembered does not grow for ever.
        for number in 0..25_000 {
            clock.pass(1000);
            limiter
                .enter_for("ww", MessageSend::ROW, &ids(&[&format!("u{number}")]), &clock)
                .await
                .expect("at once");
        }
        assert!(limiter.remembered() <= 10_001, "{}", limiter.remembered());
    });
}

const SMALL: Row = Row::new(("X-1", "small", "小"), Mark::C, "0", Method::Get, "/x").limits(&[
    Limit {
        calls: 12,
        seconds: 10,
    },
    Limit {
        calls: 40,
        seconds: 60,
    },
]);

proptest! {
    #[test]
    fn no_window_ever_sees_more_than_its_limit(pauses in prop::collection::vec(0_i64..4_000, 1..300)) {
        let (clock, limiter) = (Virtual::new(), Limiter::default());
        let times: Vec<i64> = block_on(async {
            let mut times = Vec::new();
            for pause in &pauses {
                clock.pass(*pause);
                drop(limiter.enter("ww", &SMALL, &clock).await.expect("a place"));
                times.push(clock.now().0);
            }
            times
        });
        prop_assert!(busiest(&times, 10_000) <= 12);
        prop_assert!(busiest(&times, 60_000) <= 40);
    }
}
