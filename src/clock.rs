//! Whether this machine's time can be believed: it is compared with what others say of the time.
//!
//! Enters: the machine's time, and what is known of the time from elsewhere. Leaves: a [`Verdict`]. Whatever cannot be
//! undone (deleting a sealed original, giving a file up) asks for [`Verdict::Agreed`] first.
//!
//! Must not know: where witnesses come from, the clock itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Millis;

/// Clocks that differ by no more than this are taken for the same: corrections by NTP, calls that take long.
pub const SLACK_MS: i64 = HOUR_MS;
/// The answer of a server tells the time for so long.
const SERVER_MS: i64 = DAY_MS;
/// Records tell the time of their landing, which is now for so long.
const LANDED_MS: i64 = DAY_MS;
/// WeCom serves records for five days (finance-sdk §5.4); a record older than this at its landing is not from then.
const OLDEST_AT_LANDING_MS: i64 = 7 * DAY_MS;
/// With less than this many records at hand nothing is disproved: a single one may carry an absurd time.
const ENOUGH: usize = 3;
/// Without a reboot-proof count of what passed, the clock may go on by so much unwitnessed: WeCom's window, which no
/// pause between two pulls may exceed.
const UNWITNESSED_MS: i64 = 5 * DAY_MS;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What an answer of WeCom's server said of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTime {
    /// Its time less ours, when it came.
    pub ahead_ms: i64,
    /// When it came, by our clock.
    pub observed: Millis,
    /// In which boot of the machine it came; empty when that is not known.
    pub boot: String,
    /// Milliseconds since that boot, when it came.
    pub uptime_ms: i64,
}

impl ServerTime {
    /// What it says in the boot `boot`, `uptime_ms` milliseconds after its start.
    pub fn witness(&self, boot: &str, uptime_ms: i64) -> Witness {
        let same_boot = !boot.is_empty() && self.boot == boot;
        Witness::Server {
            ahead_ms: self.ahead_ms,
            observed: self.observed,
            passed_ms: same_boot.then(|| uptime_ms.saturating_sub(self.uptime_ms)),
        }
    }
}

/// Something that says what time it is, apart from the clock in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// The `Date` of an answer of WeCom's.
    Server {
        /// Its time less ours, when it came.
        ahead_ms: i64,
        /// When it came, by our clock.
        observed: Millis,
        /// Milliseconds since then by a count that nobody sets (time since boot); `None` after a reboot.
        passed_ms: Option<i64>,
    },
    /// Records that the run under way has landed: when each was landed by our clock, and its own time.
    Landed {
        /// Landing and message time.
        times: Vec<(Millis, Millis)>,
    },
    /// The records with the greatest seqs: when each was landed by our clock, and its own time.
    Records {
        /// Landing and message time.
        times: Vec<(Millis, Millis)>,
        /// They come from WeCom, which serves none that are older than its window; else they may be of any age.
        fresh: bool,
    },
    /// The last time at which the clock was found to agree.
    Agreement {
        /// Its time then.
        at: Millis,
        /// Milliseconds since then by a count that nobody sets (time since boot); `None` after a reboot.
        passed_ms: Option<i64>,
    },
}

/// Which witness it was. The words are those of incidents in the archive and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The `Date` of an answer of WeCom's server.
    #[serde(rename = "platform")]
    Server,
    /// The times of the newest records.
    #[serde(rename = "records")]
    Records,
    /// The last time the clock agreed with the others.
    #[serde(rename = "last_run")]
    LastAgreement,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// At least one witness confirms the clock now, and none that counts contradicts it.
    Agreed,
    /// A witness contradicts the clock.
    Doubtful {
        /// Which.
        by: By,
        /// What it says, for people.
        why: String,
    },
    /// Nothing there is to compare it with: a new archive.
    Unwitnessed,
}

/// What one witness says.
enum Says {
    Right(Confirms),
    Wrong(Contradicts, String),
    Nothing,
}

/// How much a confirmation is worth.
#[derive(PartialEq, Eq)]
enum Confirms {
    /// It only says that nothing is strange, and outvotes nothing.
    Nothing,
    /// The clock was right lately.
    Lately,
    /// The clock is right now: WeCom says so, and what passed since is counted by the boot.
    Now,
}

/// Which confirmations outvote a contradiction.
enum Contradicts {
    /// None: it comes from outside.
    Always,
    /// Only that the clock is right now: something surely moved the clock.
    UnlessNow,
    /// Also that it was right lately: nobody counted what passed.
    UnlessLately,
}

impl Verdict {
    /// May something happen that cannot be undone?
    pub fn is_agreed(&self) -> bool {
        matches!(self, Self::Agreed)
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "WeCom's server",
            Self::Records => "the newest records",
            Self::LastAgreement => "the time at which it last agreed",
        })
    }
}

/// Compares the machine's time with the witnesses.
///
/// The archive's own past only knows that the clock went on strangely, not which of its two times was right. So WeCom's
/// server, and records that were sent and landed just now, count before it. What they said before the clock was moved
/// does not.
pub fn judge(now: Millis, witnesses: &[Witness]) -> Verdict {
    let mut right = Vec::new();
    let mut wrong = Vec::new();
    for witness in witnesses {
        let (by, says) = match witness {
            Witness::Server {
                ahead_ms,
                observed,
                passed_ms,
            } => (By::Server, server(now, *ahead_ms, *observed, *passed_ms)),
            Witness::Landed { times } => (By::Records, landed(now, times)),
            Witness::Records { times, fresh } => (By::Records, records(now, times, *fresh)),
            Witness::Agreement { at, passed_ms } => (By::LastAgreement, agreement(now, *at, *passed_ms)),
        };
        match says {
            Says::Right(confirms) => right.push(confirms),
            Says::Wrong(contradicts, why) => wrong.push((contradicts, by, why)),
            Says::Nothing => {}
        }
    }
    let now_right = right.contains(&Confirms::Now);
    let lately_right = now_right || right.contains(&Confirms::Lately);
    // What comes from outside is told before what only the past says.
    wrong.sort_by_key(|(contradicts, ..)| !matches!(contradicts, Contradicts::Always));
    let stands = wrong.into_iter().find(|(contradicts, ..)| match contradicts {
        Contradicts::Always => true,
        Contradicts::UnlessNow => !now_right,
        Contradicts::UnlessLately => !lately_right,
    });
    match stands {
        Some((_, by, why)) => Verdict::Doubtful { by, why },
        None if right.is_empty() => Verdict::Unwitnessed,
        None => Verdict::Agreed,
    }
}

fn server(now: Millis, heard_ahead_ms: i64, observed: Millis, passed_ms: Option<i64>) -> Says {
    let (ahead_ms, age, confirms) = match passed_ms {
        Some(passed) => {
            let its_time = observed.0.saturating_add(heard_ahead_ms).saturating_add(passed);
            (its_time.saturating_sub(now.0), passed, Confirms::Now)
        }
        None => (heard_ahead_ms, now.0.saturating_sub(observed.0), Confirms::Lately),
    };
    if !(-SLACK_MS..=SERVER_MS).contains(&age) {
        return Says::Nothing;
    }
    if ahead_ms.saturating_abs() <= SLACK_MS {
        return Says::Right(confirms);
    }
    let direction = if ahead_ms < 0 { "ahead of" } else { "behind" };
    let why = format!("this machine's clock is {} {direction} WeCom's", span(ahead_ms));
    // They agreed when it was heard: what contradicts is the boot's count since.
    let contradicts = if heard_ahead_ms.saturating_abs() <= SLACK_MS {
        Contradicts::UnlessNow
    } else {
        Contradicts::Always
    };
    Says::Wrong(contradicts, why)
}

/// Sent just now, by WeCom's clock, and landed just now, by ours: only a right clock says both. An older message may
/// have waited at WeCom, and says nothing.
fn landed(now: Millis, times: &[(Millis, Millis)]) -> Says {
    let near = |a: Millis, b: Millis| a.0.saturating_sub(b.0).saturating_abs() <= SLACK_MS;
    let just_now = times
        .iter()
        .filter(|(landed, said)| near(*landed, now) && near(*said, now));
    if just_now.count() >= ENOUGH {
        Says::Right(Confirms::Now)
    } else {
        Says::Nothing
    }
}

fn records(now: Millis, times: &[(Millis, Millis)], fresh: bool) -> Says {
    let landed = median(times.iter().map(|(landed, _)| landed.0));
    let age = median(times.iter().map(|(landed, said)| landed.0.saturating_sub(said.0)));
    let (Some(landed), Some(age)) = (landed, age) else {
        return Says::Nothing;
    };
    let wrong = |contradicts, why: String| {
        if times.len() >= ENOUGH {
            Says::Wrong(contradicts, why)
        } else {
            Says::Nothing
        }
    };
    if age < -SLACK_MS {
        let why = format!(
            "the newest records were sent {} after they were landed",
            span(age)
        );
        return wrong(Contradicts::Always, why);
    }
    if age > OLDEST_AT_LANDING_MS {
        let why = format!(
            "the newest records were sent {} before they were landed, and WeCom keeps none for so long",
            span(age)
        );
        return if fresh {
            wrong(Contradicts::Always, why)
        } else {
            Says::Nothing
        };
    }
    let since = now.0.saturating_sub(landed);
    if since < -SLACK_MS {
        let why = format!("the newest records were landed {} from now", span(since));
        return wrong(Contradicts::UnlessNow, why);
    }
    if since > LANDED_MS {
        return Says::Nothing;
    }
    Says::Right(Confirms::Lately)
}

fn agreement(now: Millis, at: Millis, passed_ms: Option<i64>) -> Says {
    let since = now.0.saturating_sub(at.0);
    let wrong = |contradicts, why| Says::Wrong(contradicts, why);
    match passed_ms {
        Some(passed) => {
            let jumped = since.saturating_sub(passed);
            if jumped.saturating_abs() <= SLACK_MS {
                return Says::Right(Confirms::Nothing);
            }
            let direction = if jumped > 0 { "forward" } else { "back" };
            let why = format!("the clock jumped {direction} by {}", span(jumped));
            wrong(Contradicts::UnlessNow, why)
        }
        None if since < -SLACK_MS => {
            let why = format!("the clock went back by {}", span(since));
            wrong(Contradicts::UnlessNow, why)
        }
        None if since <= UNWITNESSED_MS => Says::Right(Confirms::Nothing),
        None => {
            let why = format!(
                "the clock went on by {} since it was last confirmed, and nothing confirms it since",
                span(since)
            );
            wrong(Contradicts::UnlessLately, why)
        }
    }
}

/// The lower median.
fn median(numbers: impl Iterator<Item = i64>) -> Option<i64> {
    let mut numbers: Vec<i64> = numbers.collect();
    numbers.sort_unstable();
    let middle = numbers.len().checked_sub(1)? / 2;
    numbers.get(middle).copied()
}

/// `1095 days`, `7 h`.
fn span(ms: i64) -> String {
    let hours = ms.saturating_abs() / HOUR_MS;
    if hours >= 48 {
        format!("{} days", hours / 24)
    } else {
        format!("{hours} h")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_790_000_000_000;
    const YEAR_MS: i64 = 365 * DAY_MS;

    fn said(landed_ago: i64, sent_before: i64) -> Witness {
        let landed = NOW - landed_ago;
        Witness::Records {
            times: vec![(Millis(landed), Millis(landed - sent_before)); 9],
            fresh: true,
        }
    }

    fn agreed(ago: i64, passed_ms: Option<i64>) -> Witness {
        Witness::Agreement {
            at: Millis(NOW - ago),
            passed_ms,
        }
    }

    /// Heard so long ago, in this boot.
    fn server(ahead_ms: i64, ago: i64) -> Witness {
        Witness::Server {
            ahead_ms,
            observed: Millis(NOW - ago),
            passed_ms: Some(ago),
        }
    }

    fn by(witnesses: &[Witness]) -> Option<By> {
        match judge(Millis(NOW), witnesses) {
            Verdict::Agreed => None,
            Verdict::Doubtful { by, .. } => Some(by),
            Verdict::Unwitnessed => panic!("somebody spoke: {witnesses:?}"),
        }
    }

    #[test]
    fn a_new_archive_has_no_witness() {
        assert_eq!(judge(Millis(NOW), &[]), Verdict::Unwitnessed);
        assert!(!judge(Millis(NOW), &[]).is_agreed());
        let made_up = Witness::Records {
            times: vec![(Millis(NOW), Millis(NOW - YEAR_MS)); 9],
            fresh: false,
        };
        assert_eq!(judge(Millis(NOW), &[made_up]), Verdict::Unwitnessed);
    }

    #[test]
    fn each_witness_alone_confirms_an_honest_clock() {
        assert_eq!(by(&[said(60_000, 30_000)]), None);
        assert_eq!(by(&[said(60_000, 4 * DAY_MS)]), None, "a backlog of four days");
        assert_eq!(by(&[server(-1_500, HOUR_MS)]), None);
        assert_eq!(by(&[agreed(3 * DAY_MS, None)]), None, "a long weekend");
        assert_eq!(
            by(&[agreed(40 * DAY_MS, Some(40 * DAY_MS))]),
            None,
            "a quiet company"
        );
    }

    #[test]
    fn three_years_ahead_is_seen_by_each_witness_alone() {
        // The clock was right and is now ahead; nothing has landed since.
        assert_eq!(
            by(&[said(3 * YEAR_MS, 60_000), agreed(3 * YEAR_MS, None)]),
            Some(By::LastAgreement)
        );
        assert_eq!(by(&[agreed(3 * YEAR_MS, Some(60_000))]), Some(By::LastAgreement));
        // Records landed with the wrong clock.
        assert_eq!(by(&[said(60_000, 3 * YEAR_MS)]), Some(By::Records));
        assert_eq!(by(&[server(-3 * YEAR_MS, 0)]), Some(By::Server));
    }

    #[test]
    fn three_years_behind_is_seen_by_each_witness_alone() {
        assert_eq!(by(&[said(-3 * YEAR_MS, 60_000)]), Some(By::Records));
        assert_eq!(by(&[said(60_000, -3 * YEAR_MS)]), Some(By::Records));
        assert_eq!(by(&[agreed(-3 * YEAR_MS, None)]), Some(By::LastAgreement));
        assert_eq!(by(&[server(3 * YEAR_MS, 0)]), Some(By::Server));
    }

    #[test]
    fn after_a_month_off_fresh_records_confirm_the_clock_again() {
        let month = agreed(30 * DAY_MS, None);
        assert_eq!(by(std::slice::from_ref(&month)), Some(By::LastAgreement));
        assert_eq!(by(&[month.clone(), said(0, 2 * DAY_MS)]), None);
        assert_eq!(by(&[month, server(0, 0)]), None);
    }

    /// The clock was right at noon, and seven hours were added to it since; all witnesses spoke before that.
    #[test]
    fn what_was_true_before_the_clock_was_moved_does_not_outvote_the_boots_count() {
        let (jump, ago) = (7 * HOUR_MS, 10 * 60_000);
        for jump in [jump, -jump] {
            let heard = |passed_ms| Witness::Server {
                ahead_ms: 0,
                observed: Millis(NOW - jump - ago),
                passed_ms,
            };
            let moved = agreed(jump + ago, Some(ago));
            let records = said(jump + ago, 30_000);
            assert_eq!(
                by(&[records.clone(), moved.clone()]),
                if jump > 0 {
                    Some(By::LastAgreement)
                } else {
                    Some(By::Records)
                }
            );
            assert_eq!(
                by(&[heard(None), moved.clone()]),
                Some(By::LastAgreement),
                "an answer of which nobody knows how long ago it came"
            );
            assert_eq!(by(&[heard(Some(ago)), moved.clone()]), Some(By::Server));
            // Records that came in time and are landed by the moved clock look like a backlog, or like the future.
            let landed = vec![(Millis(NOW), Millis(NOW - jump)); 9];
            let witnesses = [
                Witness::Landed {
                    times: landed.clone(),
                },
                Witness::Records {
                    times: landed,
                    fresh: true,
                },
                moved,
            ];
            assert!(by(&witnesses).is_some());
        }
    }

    #[test]
    fn after_a_pause_of_the_whole_machine_what_comes_now_clears_the_clock() {
        let stood_still = agreed(3 * DAY_MS, Some(60_000));
        assert_eq!(
            by(&[stood_still.clone(), said(0, 30_000)]),
            Some(By::LastAgreement),
            "nobody knows when these were landed"
        );
        let landed = |sent_before: i64| Witness::Landed {
            times: vec![(Millis(NOW - 1_000), Millis(NOW - sent_before)); 3],
        };
        assert_eq!(by(&[stood_still.clone(), landed(60_000)]), None);
        assert_eq!(
            by(&[stood_still.clone(), landed(3 * HOUR_MS)]),
            Some(By::LastAgreement),
            "a backlog"
        );
        assert_eq!(by(&[stood_still.clone(), server(0, 60_000)]), None);
        // The server was heard before the machine stood still.
        let heard = Witness::Server {
            ahead_ms: 0,
            observed: Millis(NOW - 3 * DAY_MS),
            passed_ms: Some(60_000),
        };
        assert!(by(&[stood_still.clone(), heard.clone()]).is_some());
        assert_eq!(by(&[stood_still, heard, landed(60_000)]), None);
    }

    #[test]
    fn a_contradiction_from_outside_is_not_outvoted() {
        let others = [agreed(60_000, Some(60_000)), server(0, 0)];
        assert_eq!(
            by(&[said(60_000, 3 * YEAR_MS), others[0].clone(), others[1].clone()]),
            Some(By::Records)
        );
        assert_eq!(
            by(&[server(-3 * YEAR_MS, 0), said(60_000, 0), others[0].clone()]),
            Some(By::Server)
        );
    }

    #[test]
    fn once_the_clock_is_right_again_the_server_clears_the_past() {
        // Landed while the clock was ahead; now it is right.
        let landed_ahead = said(-3 * YEAR_MS, 0);
        assert_eq!(
            by(&[landed_ahead.clone(), agreed(60_000, None)]),
            Some(By::Records)
        );
        assert_eq!(by(&[landed_ahead, server(0, 0)]), None);
    }

    #[test]
    fn one_record_of_the_year_2100_disproves_nothing() {
        let mut times = vec![(Millis(NOW), Millis(NOW - 60_000)); 8];
        times.push((Millis(NOW), Millis(4_102_444_800_000)));
        assert_eq!(by(&[Witness::Records { times, fresh: true }]), None);
        let alone = Witness::Records {
            times: vec![(Millis(NOW), Millis(4_102_444_800_000))],
            fresh: true,
        };
        assert_eq!(judge(Millis(NOW), &[alone]), Verdict::Unwitnessed);
    }

    proptest! {
        /// Whatever an honest past says, a jump beyond what the witnesses allow is never agreed to: any that is longer
        /// than the slack while the boot counts what passes, one beyond WeCom's window after a reboot.
        #[test]
        fn no_jump_beyond_the_bounds_is_agreed_to(
            (jump, rebooted) in prop_oneof![
                ((SLACK_MS + 1)..30 * YEAR_MS, Just(false)),
                (-30 * YEAR_MS..-SLACK_MS, Just(false)),
                ((SLACK_MS + 1)..8 * DAY_MS, Just(false)),
                (-8 * DAY_MS..-SLACK_MS, Just(false)),
                (8 * DAY_MS..30 * YEAR_MS, Just(true)),
                (-30 * YEAR_MS..-8 * DAY_MS, Just(true)),
            ],
            quiet in 0..4 * DAY_MS,
            asked_server: bool,
        ) {
            let (truth, now) = (NOW, Millis(NOW + jump));
            let at = truth - quiet;
            let passed_ms = (!rebooted).then_some(quiet);
            let mut witnesses = vec![
                Witness::Records { times: vec![(Millis(at), Millis(at - 1_000)); 9], fresh: true },
                Witness::Agreement { at: Millis(at), passed_ms },
            ];
            if asked_server {
                witnesses.push(Witness::Server { ahead_ms: 0, observed: Millis(at), passed_ms });
            }
            prop_assert!(!judge(now, &witnesses).is_agreed());
            // Nor after records were landed by the wrong clock.
            let times = vec![(now, Millis(truth)); 9];
            witnesses[0] = Witness::Records { times: times.clone(), fresh: true };
            witnesses.push(Witness::Landed { times });
            prop_assert!(!judge(now, &witnesses).is_agreed());
        }

        /// An honest machine that is seldom off is always believed.
        #[test]
        fn an_honest_clock_is_agreed_to(
            quiet in 0..5 * DAY_MS,
            delay in 0..5 * DAY_MS,
            drift in -SLACK_MS / 2..SLACK_MS / 2,
            rebooted: bool,
        ) {
            let witnesses = [
                Witness::Records {
                    times: vec![(Millis(NOW - quiet), Millis(NOW - quiet - delay)); 9],
                    fresh: true,
                },
                Witness::Agreement {
                    at: Millis(NOW - quiet),
                    passed_ms: (!rebooted).then_some(quiet + drift),
                },
                Witness::Server { ahead_ms: drift, observed: Millis(NOW), passed_ms: Some(0) },
            ];
            prop_assert!(judge(Millis(NOW), &witnesses).is_agreed());
            prop_assert!(judge(Millis(NOW), &witnesses[..2]).is_agreed());
        }

        /// No numbers make it panic.
        #[test]
        fn any_numbers_are_judged(now: i64, a: i64, b: i64, c: i64, passed: Option<i64>) {
            let _verdict = judge(Millis(now), &[
                Witness::Server { ahead_ms: a, observed: Millis(b), passed_ms: passed },
                Witness::Landed { times: vec![(Millis(a), Millis(b)); 3] },
                Witness::Records { times: vec![(Millis(b), Millis(c)); 3], fresh: true },
                Witness::Agreement { at: Millis(c), passed_ms: passed },
            ]);
        }
    }
}
