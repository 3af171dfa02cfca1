//! Keeps calls below the platform's limits, so that 45009 and 45033 stay away (token-and-errors §6, wecom-api §6).
//!
//! One bucket per limit, for each company and row: a quarter of the limit at once, half of it per window, which
//! together can never reach it however the platform counts. A 45009 all the same closes that row for the whole window
//! (a minute, an hour, then until the next day in China), a 45033 halves how many run at once.
//!
//! Must not know: HTTP, tokens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    clock::Clock,
    error::Error,
    row::{Limit, Row, per_hour, per_minute},
};
use crate::ids::Millis;

/// What holds for every row of a company besides its own limits (wecom-api §6).
const BASE: [Limit; 2] = [per_minute(10_000), per_hour(150_000)];
/// Longer than this nobody waits inside a call; it is told instead.
const PATIENCE_MS: f64 = 120_000.0;
/// Calls that must go well before one more may run at once.
const RECOVERY: u32 = 20;
/// Receivers and tasks remembered before those at rest are forgotten.
const REMEMBERED: usize = 10_000;
/// Rests after a 45009, in milliseconds; after the last one it is until the next day.
const RESTS: [i64; 2] = [60_000, 3_600_000];
const DAY_MS: i64 = 86_400_000;
/// Midnight of the platform is Beijing's.
const CHINA_MS: i64 = 8 * 3_600_000;

#[derive(Debug)]
struct Bucket {
    capacity: f64,
    /// Tokens per millisecond.
    rate: f64,
    /// May be negative: what waiting calls have taken in advance.
    tokens: f64,
    filled: Millis,
}

impl Bucket {
    fn of(limit: Limit, now: Millis) -> Self {
        let capacity = f64::from(limit.calls / 4).max(1.0);
        Self {
            capacity,
            rate: f64::from(limit.calls) / 2.0 / (f64::from(limit.seconds) * 1000.0),
            tokens: capacity,
            filled: now,
        }
    }

    fn fill(&mut self, now: Millis) {
        let passed = (now.0 - self.filled.0).max(0) as f64;
        self.tokens = (self.tokens + passed * self.rate).min(self.capacity);
        self.filled = now;
    }

    fn is_full(&self) -> bool {
        self.tokens >= self.capacity
    }

    /// Milliseconds until a token taken now is really there.
    fn wait(&self) -> f64 {
        ((1.0 - self.tokens) / self.rate).max(0.0)
    }
}

#[derive(Debug)]
struct State {
    buckets: Vec<Bucket>,
    closed_until: Millis,
    closures: usize,
    running: usize,
    allowed: usize,
    most: usize,
    well: u32,
}

impl State {
    /// Rests after a 45009. No rest is longer than a day; one that seems to be has been overtaken by the clock.
    fn rests(&self, now: Millis) -> bool {
        self.closed_until > now && self.closed_until.0.saturating_sub(now.0) <= DAY_MS
    }
}

#[derive(Debug)]
struct Lane {
    state: Mutex<State>,
    freed: Notify,
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scope, row, and the receiver or task that is named.
type Named = (String, &'static str, String);

/// All lanes of a client.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    lanes: Mutex<HashMap<(String, &'static str), Arc<Lane>>>,
    each: Mutex<HashMap<Named, Vec<Bucket>>>,
}

/// The right to make one call; gives its place back when dropped.
#[derive(Debug)]
pub(super) struct Pass(Arc<Lane>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.freed.notify_one();
    }
}

impl Limiter {
    fn lane(&self, scope: &str, row: &'static Row, now: Millis) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((scope.to_owned(), row.name)).or_insert_with(|| {
            Arc::new(Lane {
                state: Mutex::new(State {
                    buckets: BASE
                        .iter()
                        .chain(row.limits)
                        .map(|limit| Bucket::of(*limit, now))
                        .collect(),
                    closed_until: Millis(0),
                    closures: 0,
                    running: 0,
                    allowed: row.parallel,
                    most: row.parallel,
                    well: 0,
                }),
                freed: Notify::new(),
            })
        });
        Arc::clone(lane)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.each.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until each of these (receivers, tasks) may be named by one more call; says at once when that is long. What
    /// is above such a limit the platform drops without a word, so nobody else would notice.
    pub(super) async fn enter_for(
        &self,
        scope: &str,
        row: &'static Row,
        whom: &[String],
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        let Some((_, limits)) = row.each.filter(|_| !whom.is_empty()) else {
            return Ok(());
        };
        let wait = {
            let now = clock.now();
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            if each.len() > REMEMBERED {
                each.retain(|_, buckets| {
                    buckets.iter_mut().for_each(|bucket| bucket.fill(now));
                    !buckets.iter().all(Bucket::is_full)
                });
            }
            let key = |who: &String| (scope.to_owned(), row.name, who.clone());
            let mut wait = 0.0_f64;
            for who in whom {
                let buckets = each
                    .entry(key(who))
                    .or_insert_with(|| limits.iter().map(|limit| Bucket::of(*limit, now)).collect());
                for bucket in buckets {
                    bucket.fill(now);
                    wait = wait.max(bucket.wait());
                }
            }
            if wait > PATIENCE_MS {
                let until = Millis(now.0 + wait as i64);
                return Err(resting(
                    row,
                    until,
                    now,
                    "the limit of one receiver or task is used up",
                ));
            }
            for who in whom {
                if let Some(buckets) = each.get_mut(&key(who)) {
                    buckets.iter_mut().for_each(|bucket| bucket.tokens -= 1.0);
                }
            }
            wait
        };
        if wait > 0.0 {
            clock.sleep(Duration::from_millis(wait.ceil() as u64)).await;
        }
        Ok(())
    }

    /// Waits for a place and for the buckets; says at once when the row rests or the wait would be long.
    pub(super) async fn enter(
        &self,
        scope: &str,
        row: &'static Row,
        clock: &dyn Clock,
    ) -> Result<Pass, Error> {
        let lane = self.lane(scope, row, clock.now());
        let pass = loop {
            let freed = lane.freed.notified();
            {
                let mut state = lane.state();
                if state.running < state.allowed {
                    state.running += 1;
                    break Pass(Arc::clone(&lane));
                }
            }
            freed.await;
        };
        let wait = {
            let mut state = lane.state();
            let now = clock.now();
            if state.rests(now) {
                return Err(resting(row, state.closed_until, now, "WeCom answered 45009"));
            }
            let mut wait = 0.0_f64;
            for bucket in &mut state.buckets {
                bucket.fill(now);
                wait = wait.max(bucket.wait());
            }
            if wait > PATIENCE_MS {
                let until = Millis(now.0 + wait as i64);
                return Err(resting(row, until, now, "its limit is used up"));
            }
            for bucket in &mut state.buckets {
                bucket.tokens -= 1.0;
            }
            wait
        };
        if wait > 0.0 {
            clock.sleep(Duration::from_millis(wait.ceil() as u64)).await;
            // Somebody else's 45009 may have come meanwhile.
            let (state, now) = (lane.state(), clock.now());
            if state.rests(now) {
                return Err(resting(row, state.closed_until, now, "WeCom answered 45009"));
            }
        }
        Ok(pass)
    }
}

fn resting(row: &'static Row, until: Millis, now: Millis, why: &'static str) -> Error {
    Error::Resting {
        api: row.name,
        seconds: u64::try_from((until.0 - now.0).max(0))
            .unwrap_or(0)
            .div_ceil(1000),
        until,
        why,
    }
}

impl Pass {
    /// The call went well: after a while one more may run at once again.
    pub(super) fn went_well(&self) {
        let mut state = self.0.state();
        state.well += 1;
        if state.well >= RECOVERY && state.allowed < state.most {
            state.allowed += 1;
            state.well = 0;
            self.0.freed.notify_one();
        }
    }

    /// 45033: fewer at once.
    pub(super) fn too_many_at_once(&self) {
        let mut state = self.0.state();
        state.allowed = (state.allowed / 2).max(1);
        state.well = 0;
    }

    /// 45009: rests for the window that was most likely used up. Answers until when.
    pub(super) fn too_often(&self, now: Millis, at_least: Option<Duration>) -> Millis {
        let mut state = self.0.state();
        // Calls that were under way together meet the same closure; it counts once.
        if !state.rests(now) {
            let last = RESTS[(state.closures.max(1) - 1).min(RESTS.len() - 1)];
            // Long enough well after the last rest, it is a new story.
            if now.0 - state.closed_until.0 > 2 * last {
                state.closures = 0;
            }
            let rest = RESTS
                .get(state.closures)
                .copied()
                .unwrap_or_else(|| DAY_MS - (now.0 + CHINA_MS).rem_euclid(DAY_MS));
            let rest = rest
                .max(at_least.map_or(0, |least| i64::try_from(least.as_millis()).unwrap_or(DAY_MS)))
                .min(DAY_MS);
            state.closed_until = Millis(now.0 + rest);
            state.closures += 1;
        }
        state.closed_until
    }

    #[cfg(test)]
    pub(super) fn allowed(&self) -> usize {
        self.0.state().allowed
    }
}
