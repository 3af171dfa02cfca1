//! Customer groups of which the archive holds nothing, and why that may be.
//!
//! Must not know: how the archive learnt what it holds.

use std::collections::BTreeMap;

use super::listing::{Known, Portrait};
use crate::{directory::rows::groups::GroupState, message::fold_id};

/// The owner left, and nobody took over.
const OWNER_LEFT: i64 = 1;

/// Why the archive may hold nothing of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// WeCom listed it and knows it no more: dismissed meanwhile.
    Dismissed,
    /// Its owner left and nobody took over.
    OwnerLeft,
    /// The stream was not read up to the time it was made.
    NotPulled,
    /// Made today: WeCom has not counted in it yet, and nobody may have written.
    JustMade,
    /// None of its members is on the list of members whose conversations are recorded.
    NobodyRecorded,
    /// Nobody ever wrote in so many groups of this owner, by WeCom's count, and no more of them are absent.
    Silent(u64),
    /// Made before the archive's first message: what was written in it may be older than the archive.
    Older,
    /// So many records are kept and not open yet, enough for every group that nothing else explains.
    NotOpened(u64),
}

impl Reason {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dismissed => "dismissed",
            Self::OwnerLeft => "owner_left",
            Self::NotPulled => "not_pulled",
            Self::JustMade => "just_made",
            Self::NobodyRecorded => "nobody_recorded",
            Self::Silent(_) => "silent",
            Self::Older => "older",
            Self::NotOpened(_) => "not_opened",
        }
    }
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Something known can explain it.
    Explained,
    /// Nothing known explains it.
    Unexplained,
    /// Too little is known of the group.
    NotKnown,
}

impl Finding {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Explained => "explained",
            Self::Unexplained => "unexplained",
            Self::NotKnown => "not_known",
        }
    }
}

/// A group of which the archive holds nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Absent {
    /// `wr…`.
    pub id: String,
    /// As in the list: 0 normal, 1 owner left, 2 being inherited, 3 inherited.
    pub status: i64,
    /// What else is known.
    pub known: Known,
    /// Why; empty when nothing explains it.
    pub reasons: Vec<Reason>,
    /// In so many of its owner's absent groups, at least, somebody wrote, by WeCom's count. 0: that is not known.
    pub wrote: u64,
}

/// What was so when the groups were listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The moment up to which the stream was read; `None`: never.
    pub covered_until: Option<i64>,
    /// The archive's first message.
    pub began: Option<i64>,
    /// Midnight of today in Beijing.
    pub today: i64,
    /// Records that are not open.
    pub closed: u64,
}

impl Absent {
    /// Listed, and nothing else known.
    pub fn new(group: &GroupState) -> Self {
        Self {
            id: group.chat_id.clone(),
            status: group.status,
            known: Known::NotAsked,
            reasons: Vec::new(),
            wrote: 0,
        }
    }

    /// What WeCom told.
    pub fn portrait(&self) -> Option<&Portrait> {
        match &self.known {
            Known::Told(portrait) => Some(portrait),
            _ => None,
        }
    }

    /// What it comes to.
    pub fn finding(&self) -> Finding {
        match (&self.known, self.reasons.is_empty()) {
            (_, false) => Finding::Explained,
            (Known::Told(_), true) => Finding::Unexplained,
            _ => Finding::NotKnown,
        }
    }

    fn owner(&self) -> Option<String> {
        let owner = &self.portrait()?.owner;
        (!owner.is_empty()).then(|| fold_id(owner).into_owned())
    }
}

/// Notes what follows from a group alone. `anybody_recorded` says of members, folded, and a time whether the conversations of any
/// of them were recorded at it or later; `None` when WeCom's list was never read.
pub fn explain_each(
    absent: &mut [Absent],
    around: &Surroundings,
    anybody_recorded: impl Fn(&[String], i64) -> Option<bool>,
) {
    for group in absent {
        let mut reasons = Vec::new();
        if matches!(group.known, Known::Gone(_)) {
            reasons.push(Reason::Dismissed);
        }
        if group.status == OWNER_LEFT {
            reasons.push(Reason::OwnerLeft);
        }
        let made = group.portrait().map(|portrait| portrait.made);
        if around
            .covered_until
            .is_none_or(|until| made.is_some_and(|made| made > until))
        {
            reasons.push(Reason::NotPulled);
        }
        if made.is_some_and(|made| made >= around.today) {
            reasons.push(Reason::JustMade);
        }
        if group
            .portrait()
            .is_some_and(|portrait| anybody_recorded(&portrait.people, portrait.made) == Some(false))
        {
            reasons.push(Reason::NobodyRecorded);
        }
        group.reasons = reasons;
    }
}

/// Owners, as WeCom spells them, of groups that nothing explains so far.
pub fn owners_to_count(absent: &[Absent]) -> Vec<String> {
    let open = absent.iter().filter(|group| group.reasons.is_empty());
    let owners: BTreeMap<String, String> = open
        .filter_map(|group| Some((group.owner()?, group.portrait()?.owner.clone())))
        .collect();
    owners.into_values().collect()
}

/// Notes what follows from counts over several groups.
pub fn explain_together(absent: &mut [Absent], around: &Surroundings, silent: &BTreeMap<String, u64>) {
    // A group about which nothing was told may belong to any owner who is still there.
    let unowned = absent
        .iter()
        .filter(|group| group.owner().is_none() && group.status != OWNER_LEFT)
        .count() as u64;
    let mut of_owner: BTreeMap<String, u64> = BTreeMap::new();
    for group in absent.iter() {
        // Those of today are not in WeCom's count.
        let counted = group
            .portrait()
            .is_some_and(|portrait| portrait.made < around.today);
        if let Some(owner) = group.owner().filter(|_| counted) {
            *of_owner.entry(owner).or_default() += 1;
        }
    }
    for group in absent.iter_mut().filter(|group| group.reasons.is_empty()) {
        let Some(portrait) = group.portrait() else {
            continue;
        };
        let (made, owner) = (portrait.made, group.owner());
        if let Some((owner, silent)) = owner.and_then(|owner| silent.get_key_value(&owner)) {
            let (silent, absent) = (*silent, of_owner.get(owner).copied().unwrap_or(0));
            group.wrote = absent.saturating_sub(silent);
            if absent + unowned <= silent {
                group.reasons.push(Reason::Silent(silent));
            }
        }
        if group.reasons.is_empty() && around.began.is_some_and(|began| made < began) {
            group.reasons.push(Reason::Older);
        }
    }
    let open = absent.iter().filter(|group| group.reasons.is_empty()).count() as u64;
    if open <= around.closed {
        for group in absent.iter_mut().filter(|group| group.reasons.is_empty()) {
            group.reasons.push(Reason::NotOpened(around.closed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_762_228_800_000;
    const DAY: i64 = 86_400_000;

    fn group(id: &str, owner: &str, made: i64, people: &[&str]) -> Absent {
        Absent {
            id: id.to_owned(),
            status: 0,
            known: Known::Told(Portrait {
                name: String::new(),
                owner: owner.to_owned(),
                made,
                people: people.iter().map(|id| (*id).to_owned()).collect(),
            }),
            reasons: Vec::new(),
            wrote: 0,
        }
    }

    fn around() -> Surroundings {
        Surroundings {
            covered_until: Some(NOON),
            began: Some(NOON - 20 * DAY),
            today: NOON - DAY / 2,
            closed: 0,
        }
    }

    fn recorded(people: &[String], _: i64) -> Option<bool> {
        Some(people.iter().any(|id| id == "ken"))
    }

    fn reasons(mut absent: Vec<Absent>, around: &Surroundings, silent: &[(&str, u64)]) -> Vec<Vec<Reason>> {
        explain_each(&mut absent, around, recorded);
        let silent = silent
            .iter()
            .map(|(owner, count)| ((*owner).to_owned(), *count))
            .collect();
        explain_together(&mut absent, around, &silent);
        for group in &absent {
            let explained = group.finding() == Finding::Explained;
            assert_eq!(explained, !group.reasons.is_empty(), "{group:?}");
        }
        absent.into_iter().map(|group| group.reasons).collect()
    }

    #[test]
    fn a_group_is_explained_by_what_is_known_of_it() {
        let lately = NOON - 3 * DAY;
        let plain = || group("wr1", "ken", lately, &["ken", "wm1"]);
        let of = |group: Absent, around: Surroundings| reasons(vec![group], &around, &[]).remove(0);
        assert_eq!(of(plain(), around()), []);
        let never = Surroundings {
            covered_until: None,
            ..around()
        };
        assert_eq!(of(plain(), never), [Reason::NotPulled]);
        let behind = Surroundings {
            covered_until: Some(lately - 1),
            ..around()
        };
        assert_eq!(of(plain(), behind), [Reason::NotPulled]);
        let level = Surroundings {
            covered_until: Some(lately),
            ..around()
        };
        assert_eq!(of(plain(), level), []);
        assert_eq!(
            of(group("wr1", "ken", NOON - DAY / 2, &["ken"]), around()),
            [Reason::JustMade]
        );
        assert_eq!(
            of(group("wr1", "liu", lately, &["liu"]), around()),
            [Reason::NobodyRecorded]
        );
        assert_eq!(
            of(group("wr1", "ken", NOON - 21 * DAY, &["ken"]), around()),
            [Reason::Older]
        );
        let closed = Surroundings {
            closed: 1,
            ..around()
        };
        assert_eq!(of(plain(), closed), [Reason::NotOpened(1)]);
        let left = Absent { status: 1, ..plain() };
        assert_eq!(of(left, around()), [Reason::OwnerLeft]);
        let gone = Absent {
            known: Known::Gone("49008".to_owned()),
            ..plain()
        };
        assert_eq!(of(gone, around()), [Reason::Dismissed]);
        // One record cannot be of two groups.
        let two = vec![plain(), group("wr2", "ken", lately, &["ken"])];
        assert_eq!(reasons(two, &closed, &[]), [vec![], vec![]]);
    }

    #[test]
    fn a_list_that_was_never_read_accuses_nobody() {
        let mut absent = [group("wr1", "liu", NOON - DAY, &["liu"])];
        explain_each(&mut absent, &around(), |_, _| None);
        assert_eq!(absent[0].finding(), Finding::Unexplained);
    }

    #[test]
    fn silence_explains_only_as_many_groups_as_are_silent() {
        let lately = NOON - 3 * DAY;
        let three = || -> Vec<Absent> {
            (0..3)
                .map(|nth| group(&format!("wr{nth}"), "Ken", lately, &["ken"]))
                .collect()
        };
        let all = vec![vec![Reason::Silent(3)]; 3];
        assert_eq!(reasons(three(), &around(), &[("ken", 3)]), all);
        assert_eq!(reasons(three(), &around(), &[("ken", 2)]), vec![vec![]; 3]);
        let mut absent = three();
        explain_together(&mut absent, &around(), &BTreeMap::from([("ken".to_owned(), 2)]));
        assert!(absent.iter().all(|group| group.wrote == 1), "{absent:?}");
        // One that nobody asked about may be the owner's as well.
        let mut unasked = three();
        unasked[2].known = Known::NotAsked;
        assert_eq!(
            reasons(unasked.clone(), &around(), &[("ken", 2)]),
            vec![vec![]; 3]
        );
        assert_eq!(reasons(unasked.clone(), &around(), &[("ken", 3)])[..2], all[..2]);
        explain_each(&mut unasked, &around(), |_, _| None);
        assert_eq!(unasked[2].finding(), Finding::NotKnown);
        // What was made today is in nobody's count yet.
        let mut today = three();
        today[2] = group("wr2", "ken", NOON - 1, &["ken"]);
        assert_eq!(
            reasons(today, &around(), &[("ken", 2)]),
            [
                vec![Reason::Silent(2)],
                vec![Reason::Silent(2)],
                vec![Reason::JustMade]
            ]
        );
    }
}
