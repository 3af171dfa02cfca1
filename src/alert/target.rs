//! What a target is told and when: once, again after a while, and when it is over; never more than it can bear.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Incident;
use crate::ids::Millis;

const HOUR_MS: i64 = 3_600_000;
/// Pauses after failures: the first, and the longest.
const PAUSE_MS: (i64, i64) = (5_000, 900_000);
/// When somebody has to set something right, asking every few seconds only makes it worse.
const FATAL_PAUSE_MS: i64 = 600_000;

/// What is told of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It began.
    Raised,
    /// It still lasts.
    Reminder,
    /// It is over.
    AllClear,
}

impl What {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Reminder => "reminder",
            Self::AllClear => "all_clear",
        }
    }
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which of the three.
    pub what: What,
    /// Of what.
    pub incident: Incident,
    /// 0, or which reminder it is.
    pub number: u32,
}

/// What one target was told of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// The first time.
    pub told: Millis,
    /// The last time, reminders included.
    pub last: Millis,
    /// How many reminders.
    pub reminders: u32,
    /// When the all-clear went out.
    pub cleared: Option<Millis>,
}

impl Telling {
    /// After a notice reached the target.
    pub fn after(known: Option<Self>, what: What, now: Millis) -> Self {
        let before = known.unwrap_or(Self {
            told: now,
            last: now,
            reminders: 0,
            cleared: None,
        });
        Self {
            last: now,
            reminders: before.reminders + u32::from(what == What::Reminder),
            cleared: (what == What::AllClear).then_some(now),
            ..before
        }
    }
}

/// How often a target may hear of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// An incident that lasts is told again after so long.
    pub remind_after_ms: i64,
    /// Messages within an hour.
    pub most_per_hour: usize,
    /// When set, the first reminder comes after so long already, the next after twice that, and so on up to
    /// `remind_after_ms`.
    pub first_reminder_ms: Option<i64>,
}

impl Pace {
    /// How long after the last notice the next reminder comes.
    fn pause(&self, telling: &Telling) -> i64 {
        match self.first_reminder_ms {
            Some(first) => first
                .saturating_mul(1 << telling.reminders.min(20))
                .min(self.remind_after_ms),
            None => self.remind_after_ms,
        }
    }
}

/// How a target does. Kept as JSON; what a later version adds is ignored by an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetState {
    /// Messages of the last hour.
    pub recent: Vec<Millis>,
    /// Failures since the last that went well.
    pub failures: u32,
    /// Not to be tried before.
    pub next_try: Millis,
    /// What the last failure said; without anything secret.
    pub cause: String,
}

impl TargetState {
    /// May a message go out now?
    pub fn ready(&self, pace: &Pace, now: Millis) -> bool {
        let recent = self
            .recent
            .iter()
            .filter(|at| (0..HOUR_MS).contains(&(now.0 - at.0)));
        // A time further off than any pause was written by a clock that was wrong.
        let pausing = (1..=PAUSE_MS.1).contains(&(self.next_try.0 - now.0));
        !pausing && recent.count() < pace.most_per_hour
    }

    /// A message went out.
    pub fn told(&self, now: Millis) -> Self {
        let recent = self.recent.iter().copied();
        Self {
            recent: recent
                .filter(|at| (0..HOUR_MS).contains(&(now.0 - at.0)))
                .chain([now])
                .collect(),
            ..Self::default()
        }
    }

    /// A message did not go out; `fatal` when somebody has to set something right first.
    pub fn failed(&self, now: Millis, fatal: bool, cause: String) -> Self {
        let doubled = PAUSE_MS.0.saturating_mul(1 << self.failures.min(20));
        let pause = doubled
            .min(PAUSE_MS.1)
            .max(if fatal { FATAL_PAUSE_MS } else { 0 });
        Self {
            recent: self.recent.clone(),
            failures: self.failures.saturating_add(1),
            next_try: Millis(now.0 + pause),
            cause,
        }
    }
}

/// What a target is to be told now, all of it in one message; nothing when it may not be told now. `tellings` is by the
/// incident's number.
pub fn due(
    incidents: &[Incident],
    tellings: &BTreeMap<i64, Telling>,
    state: &TargetState,
    pace: &Pace,
    now: Millis,
) -> Vec<Notice> {
    if !state.ready(pace, now) {
        return Vec::new();
    }
    incidents
        .iter()
        .filter_map(|incident| {
            let telling = incident.id.and_then(|id| tellings.get(&id));
            let what = match (telling, incident.ended) {
                (None, None) => What::Raised,
                // It came and went while the target could not be told; the list of incidents has it.
                (None, Some(_)) => return None,
                (Some(telling), Some(_)) if telling.cleared.is_none() => What::AllClear,
                (Some(telling), None) if now.is_past(telling.last, pace.pause(telling)) => What::Reminder,
                (Some(_), _) => return None,
            };
            incident.id?;
            Some(Notice {
                what,
                incident: incident.clone(),
                number: match what {
                    What::Reminder => telling.map_or(0, |telling| telling.reminders) + 1,
                    _ => 0,
                },
            })
        })
        .collect()
}
