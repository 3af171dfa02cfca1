//! Two counts side by side, and what may explain that they differ.

use super::begin_of;

/// So long after a day's end WeCom's counts of it may still grow.
const SETTLING_MS: i64 = 12 * 3_600_000;

/// Counts of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Conversations; `None` where they are not counted.
    pub chats: Option<u64>,
    /// Messages.
    pub messages: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// What a member wrote in single chats with customers.
    Single,
    /// What everybody wrote in the groups of an owner.
    Groups,
}

impl What {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Groups => "groups",
        }
    }
}

/// Why a count may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// So many records that may be of that day are kept and not open yet.
    NotOpened(u64),
    /// The stream was not read up to the end of that day.
    NotPulled,
    /// WeCom did not record the person that day.
    OutOfScope,
    /// So many people refused to be archived, and WeCom keeps nothing of what is said with them.
    Refused(u64),
    /// The day is too recent for WeCom's counts to be final.
    NotFinal,
    /// WeCom's running total fell: a group was dismissed or given away.
    TotalFell,
}

impl Cause {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotOpened(_) => "not_opened",
            Self::NotPulled => "not_pulled",
            Self::OutOfScope => "out_of_scope",
            Self::Refused(_) => "refused",
            Self::NotFinal => "not_final",
            Self::TotalFell => "total_fell",
        }
    }
}

/// What was so on that day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Records not open that may be of the day.
    pub closed: u64,
    /// The moment up to which the stream was read; `None`: never.
    pub covered_until: Option<i64>,
    /// The person was recorded for at least a part of it.
    pub in_scope: bool,
    /// People who stood as refused at some time of it.
    pub refused: u64,
    /// The time now.
    pub now: i64,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Equal,
    /// Different, with a cause that can explain it.
    Explained,
    /// Different, and nothing known explains it.
    Unexplained,
}

impl Verdict {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Explained => "explained",
            Self::Unexplained => "unexplained",
        }
    }
}

/// One person, one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The member, or the owner of the groups.
    pub who: String,
    /// What was counted.
    pub what: What,
    /// The day in Beijing, counted from 1970.
    pub day: i64,
    /// WeCom's count; `None` where it tells none.
    pub told: Option<Counts>,
    /// The archive's.
    pub held: Counts,
    /// What may explain the difference; empty when there is none.
    pub causes: Vec<Cause>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// Lays two counts side by side. `fell` tells that WeCom's count of the day cannot be told from its totals. `None` when there is
/// nothing on either side.
pub fn compare(
    who: &str,
    what: What,
    day: i64,
    told: Option<Counts>,
    fell: bool,
    held: Counts,
    circumstances: &Circumstances,
) -> Option<Line> {
    let quiet = |counts: Counts| counts.messages == 0 && counts.chats.unwrap_or(0) == 0;
    if quiet(held) && told.is_none_or(quiet) && !fell {
        return None;
    }
    let equal = told.is_some_and(|told| {
        told.messages == held.messages
            && (told.chats.is_none() || held.chats.is_none() || told.chats == held.chats)
    });
    let causes = if equal {
        Vec::new()
    } else {
        causes(day, told, fell, held, circumstances)
    };
    Some(Line {
        who: who.to_owned(),
        what,
        day,
        told,
        held,
        verdict: match (equal, causes.is_empty()) {
            (true, _) => Verdict::Equal,
            (false, false) => Verdict::Explained,
            (false, true) => Verdict::Unexplained,
        },
        causes,
    })
}

fn causes(day: i64, told: Option<Counts>, fell: bool, held: Counts, known: &Circumstances) -> Vec<Cause> {
    let end = begin_of(day + 1);
    let mut causes = Vec::new();
    if fell {
        causes.push(Cause::TotalFell);
    }
    if known.now < end + SETTLING_MS {
        causes.push(Cause::NotFinal);
    }
    // What follows explains what is missing here, never what is too much.
    let lacks = told.is_some_and(|told| {
        told.messages > held.messages
            || matches!((told.chats, held.chats), (Some(theirs), Some(ours)) if theirs > ours)
    });
    let exceeds = told.is_some_and(|told| told.messages < held.messages);
    if lacks && !exceeds {
        let all = [
            (known.closed > 0).then_some(Cause::NotOpened(known.closed)),
            (known.covered_until.is_none_or(|until| until < end)).then_some(Cause::NotPulled),
            (!known.in_scope).then_some(Cause::OutOfScope),
            (known.refused > 0).then_some(Cause::Refused(known.refused)),
        ];
        causes.extend(all.into_iter().flatten());
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 20_000;

    fn counts(chats: u64, messages: u64) -> Counts {
        Counts {
            chats: Some(chats),
            messages,
        }
    }

    fn quiet_day() -> Circumstances {
        Circumstances {
            covered_until: Some(begin_of(DAY + 3)),
            in_scope: true,
            now: begin_of(DAY + 3),
            ..Circumstances::default()
        }
    }

    fn line(told: Option<Counts>, held: Counts, known: &Circumstances) -> Option<Line> {
        compare("ken", What::Single, DAY, told, false, held, known)
    }

    #[test]
    fn equal_counts_need_no_cause_and_nothing_is_no_line() {
        let known = Circumstances {
            closed: 5,
            ..quiet_day()
        };
        let equal = line(Some(counts(1, 2)), counts(1, 2), &known).expect("a line");
        assert_eq!((equal.verdict, equal.causes.len()), (Verdict::Equal, 0));
        assert_eq!(line(Some(counts(0, 0)), counts(0, 0), &known), None);
        assert_eq!(line(None, counts(0, 0), &known), None);
    }

    #[test]
    fn what_is_missing_is_explained_by_what_is_known_and_otherwise_not() {
        let (told, held) = (Some(counts(2, 10)), counts(2, 7));
        let why = |known: Circumstances| {
            let line = line(told, held, &known).expect("a line");
            assert_eq!(line.causes.is_empty(), line.verdict == Verdict::Unexplained);
            line.causes
        };
        let known = quiet_day();
        assert_eq!(why(known), []);
        assert_eq!(why(Circumstances { closed: 3, ..known }), [Cause::NotOpened(3)]);
        assert_eq!(
            why(Circumstances {
                in_scope: false,
                ..known
            }),
            [Cause::OutOfScope]
        );
        assert_eq!(why(Circumstances { refused: 1, ..known }), [Cause::Refused(1)]);
        let until = |until| Circumstances {
            covered_until: until,
            ..known
        };
        assert_eq!(why(until(None)), [Cause::NotPulled]);
        assert_eq!(why(until(Some(begin_of(DAY + 1) - 1))), [Cause::NotPulled]);
        assert_eq!(why(until(Some(begin_of(DAY + 1)))), []);
        let soon = begin_of(DAY + 1) + SETTLING_MS;
        assert_eq!(
            why(Circumstances {
                now: soon - 1,
                ..known
            }),
            [Cause::NotFinal]
        );
        assert_eq!(why(Circumstances { now: soon, ..known }), []);
    }

    #[test]
    fn what_is_too_much_is_not_explained_by_what_could_be_missing() {
        let known = Circumstances {
            closed: 3,
            in_scope: false,
            refused: 9,
            ..quiet_day()
        };
        let more = line(Some(counts(2, 5)), counts(2, 7), &known).expect("a line");
        assert_eq!(more.verdict, Verdict::Unexplained);
        let untold = line(None, counts(2, 7), &known).expect("a line");
        assert_eq!(untold.verdict, Verdict::Unexplained);
        let fell = compare("ken", What::Groups, DAY, None, true, Counts::default(), &known).expect("a line");
        assert_eq!(fell.causes, [Cause::TotalFell]);
    }
}
