//! Asking for WeCom's counts, one person at a time: what it answers about several is added up.

use std::collections::BTreeMap;

use super::{DAY_MS, begin_of, compare::Counts, day_of};
use crate::directory::{
    Client, Error,
    rows::{
        groups::GroupChatList,
        shapes::OwnerFilter,
        statistics::{GroupChatStatisticByDay, UserBehaviorData},
    },
};

/// Days in one question, both ends counted.
const SPAN: i64 = 30;
/// Groups on a page.
const GROUPS: i64 = 1000;

/// WeCom's counts by day.
pub type Told = BTreeMap<i64, Counts>;

/// An owner's groups, and how many messages were in all of them by day; a day that cannot be told is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// Their ids.
    pub rooms: Vec<String>,
    /// Messages by day; `None` where the running total fell.
    pub days: BTreeMap<i64, Option<u64>>,
}

/// What a member did in single chats with customers, from `first` to `last`, both counted.
pub async fn read_member(client: &Client, member: &str, first: i64, last: i64) -> Result<Told, Error> {
    let mut told = Told::new();
    for (from, to) in slices(first, last) {
        let request = UserBehaviorData {
            userid: Some(vec![member.to_owned()]),
            ..UserBehaviorData::new(seconds(from), seconds(to))
        };
        for day in client.call(&request).await?.behavior_data {
            let counts = Counts {
                chats: Some(count(day.chat_cnt)),
                messages: count(day.message_cnt),
            };
            told.insert(day_of(day.stat_time.saturating_mul(1_000)), counts);
        }
    }
    Ok(told)
}

/// What happened in the customer groups of an owner. Groups are only listed when there are any.
pub async fn read_groups(client: &Client, owner: &str, first: i64, last: i64) -> Result<Groups, Error> {
    let owners = || OwnerFilter {
        userid_list: vec![owner.to_owned()],
        ..OwnerFilter::default()
    };
    let mut totals: BTreeMap<i64, u64> = BTreeMap::new();
    let mut any = false;
    // One day more, because a day is the difference to the day before.
    for (from, to) in slices(first - 1, last) {
        let request = GroupChatStatisticByDay {
            day_end_time: Some(seconds(to)),
            ..GroupChatStatisticByDay::new(seconds(from), owners())
        };
        for day in client.call(&request).await?.items {
            any |= day.data.chat_total > 0 || day.data.msg_total > 0;
            totals.insert(
                day_of(day.stat_time.saturating_mul(1_000)),
                count(day.data.msg_total),
            );
        }
    }
    let mut groups = Groups {
        days: growth(&totals, first),
        ..Groups::default()
    };
    if any {
        let request = GroupChatList {
            owner_filter: Some(owners()),
            ..GroupChatList::new(GROUPS)
        };
        let mut pages = client.pages(&request);
        while let Some(page) = pages.next().await? {
            groups
                .rooms
                .extend(page.group_chat_list.into_iter().map(|group| group.chat_id));
        }
        groups.rooms.sort_unstable();
        groups.rooms.dedup();
    }
    Ok(groups)
}

fn growth(totals: &BTreeMap<i64, u64>, first: i64) -> BTreeMap<i64, Option<u64>> {
    totals
        .range(first..)
        .filter_map(|(day, total)| Some((*day, total.checked_sub(*totals.get(&(day - 1))?))))
        .collect()
}

fn slices(first: i64, last: i64) -> impl Iterator<Item = (i64, i64)> {
    (first..=last)
        .step_by(SPAN as usize)
        .map(move |from| (from, (from + SPAN - 1).min(last)))
}

/// The first second of a day, as WeCom wants it.
pub(super) fn seconds(day: i64) -> i64 {
    debug_assert_eq!(day_of(begin_of(day) + DAY_MS - 1), day);
    begin_of(day) / 1_000
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_beijings_and_slices_cover_each_day_once() {
        // The official sample: 2018-09-10 0:00 in Beijing.
        assert_eq!(seconds(day_of(1_536_508_800_000)), 1_536_508_800);
        assert_eq!(day_of(1_536_508_799_999) + 1, day_of(1_536_508_800_000));
        for (first, last) in [(5, 5), (5, 34), (5, 35), (5, 100)] {
            let days: Vec<i64> = slices(first, last).flat_map(|(from, to)| from..=to).collect();
            assert_eq!(days, (first..=last).collect::<Vec<_>>());
            assert!(slices(first, last).all(|(from, to)| to - from < SPAN));
        }
    }

    #[test]
    fn a_running_total_becomes_days_and_a_falling_one_is_not_guessed() {
        let totals = BTreeMap::from([(1, 100), (2, 130), (3, 130), (4, 90), (6, 95)]);
        let days = growth(&totals, 2);
        assert_eq!(days, BTreeMap::from([(2, Some(30)), (3, Some(0)), (4, None)]));
    }
}
