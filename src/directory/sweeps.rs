//! Questions that the platform does not answer in one call: consent of many pairs, all customer groups.
//!
//! Whatever came is returned, with what is missing and why.
//!
//! Must not know: what consent means, what is stored.

use std::collections::HashSet;

use super::{
    client::Client,
    error::Error,
    row::Endpoint,
    rows::{
        contacts::GetFollowUserList,
        groups::{GroupChatList, GroupState},
        msgaudit::{AgreePair, Agreement, CheckSingleAgree},
        shapes::OwnerFilter,
    },
};

/// Pairs in one call (301060 above).
const PAIRS: usize = 100;
/// Calls in a row that fail before it is no longer taken to be about what is asked: one pair among a hundred is found by
/// halving in eight.
const IN_A_ROW: usize = 9;
/// Owners in one filter.
const OWNERS: usize = 100;
/// Groups on one page.
const GROUPS: i64 = 1000;
/// Groups whose owner left: they have no owner to filter by.
const OWNER_LEFT: i64 = 1;

/// Answers about pairs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agreements {
    /// What was answered. A pair that was asked about can be missing.
    pub found: Vec<Agreement>,
    /// Pairs that the platform does not know (301061).
    pub unknown: Vec<AgreePair>,
    /// Pairs for which no usable answer comes, though others have one, or the server never answered.
    pub failed: Vec<(AgreePair, Error)>,
    /// Calls made.
    pub calls: usize,
    /// Pairs that were not asked about, because of `stopped`.
    pub left: Vec<AgreePair>,
    /// What stopped it.
    pub stopped: Option<Error>,
}

/// All groups, as far as they could be reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Each group once.
    pub groups: Vec<GroupState>,
    /// Owners whom the platform refuses in a filter (40003: they have left).
    pub refused_owners: Vec<String>,
    /// Pages that came. More than one are no single moment: a group can slip from one to another unseen.
    pub pages: usize,
    /// What stopped it, if something did.
    pub stopped: Option<Error>,
}

impl Client {
    /// Consent of any number of pairs. An unknown pair fails a whole call of a hundred, and so does one whose answer cannot be
    /// read; the call is then halved until it is found, and the others are answered all the same.
    pub async fn check_single_agree(&self, pairs: &[AgreePair]) -> Agreements {
        let mut agreements = Agreements::default();
        // The last one is the next; halves go on top, so that answers keep the order of the question.
        let mut batches: Vec<&[AgreePair]> = pairs.chunks(PAIRS).rev().collect();
        let mut in_a_row = 0;
        while let Some(batch) = batches.pop() {
            let answered = self.call(&CheckSingleAgree::new(batch)).await;
            agreements.calls += 1;
            let error = match answered {
                Ok(answer) => {
                    agreements.found.extend(answer.agreeinfo);
                    in_a_row = 0;
                    continue;
                }
                Err(error) => error,
            };
            let is_unknown = matches!(error.code(), Some(301_060 | 301_061));
            in_a_row = if is_unknown { 0 } else { in_a_row + 1 };
            // Another call that is never answered would cost as much time as this one.
            let is_silent = matches!(error, Error::Unreachable { .. });
            let is_of_these = error.may_be_of_the_question() && in_a_row < IN_A_ROW;
            match batch {
                [pair] if is_unknown => agreements.unknown.push(pair.clone()),
                [pair] if is_of_these && !is_silent => agreements.failed.push((pair.clone(), error)),
                [_, _, ..] if is_unknown || is_of_these && !is_silent => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    batches.extend([second, first]);
                }
                _ => {
                    if is_of_these {
                        let pairs = batch.iter().map(|pair| (pair.clone(), error.clone()));
                        agreements.failed.extend(pairs);
                    } else {
                        agreements.left = batch.to_vec();
                    }
                    while let Some(batch) = batches.pop() {
                        agreements.left.extend_from_slice(batch);
                    }
                    agreements.stopped = Some(error);
                }
            }
        }
        agreements
    }

    /// Every customer group. Where the question is too broad (81017) it is asked owner by owner, a hundred at once, and
    /// once more for groups whose owner left, who cannot stand in a filter.
    pub async fn all_groups(&self) -> Groups {
        let mut all = Collected::default();
        let broad = self.groups(None, None, &mut all).await;
        if broad.as_ref().and_then(Error::code) != Some(81017) {
            all.groups.stopped = broad;
            return all.groups;
        }
        let owners = match self.call(&GetFollowUserList::new()).await {
            // There are too many groups for one list, so somebody has them.
            Ok(answer) if answer.follow_user.is_empty() => {
                all.groups.stopped = Some(Error::Implausible {
                    api: GetFollowUserList::ROW.name,
                    why: "it lists nobody, and there are more groups than one list may hold".to_owned(),
                });
                return all.groups;
            }
            Ok(answer) => answer.follow_user,
            Err(error) => {
                all.groups.stopped = Some(error);
                return all.groups;
            }
        };
        let mut slices: Vec<&[String]> = owners.chunks(OWNERS).rev().collect();
        while let Some(slice) = slices.pop() {
            match self.groups(Some(slice), None, &mut all).await {
                None => {}
                Some(error) if matches!(error.code(), Some(40003 | 81017)) => match slice {
                    [owner] => all.groups.refused_owners.push(owner.clone()),
                    several => {
                        let (first, second) = several.split_at(several.len() / 2);
                        slices.extend([second, first]);
                    }
                },
                Some(error) => {
                    all.groups.stopped = Some(error);
                    return all.groups;
                }
            }
        }
        all.groups.stopped = self.groups(None, Some(OWNER_LEFT), &mut all).await;
        all.groups
    }

    /// Adds what one question brings, and says what stopped it.
    async fn groups(
        &self,
        owners: Option<&[String]>,
        status: Option<i64>,
        all: &mut Collected,
    ) -> Option<Error> {
        let request = GroupChatList {
            owner_filter: owners.map(|owners| OwnerFilter {
                userid_list: owners.to_vec(),
                ..OwnerFilter::default()
            }),
            status_filter: status,
            ..GroupChatList::new(GROUPS)
        };
        let mut pages = self.pages(&request);
        loop {
            match pages.next().await {
                Ok(Some(page)) => all.add(page.group_chat_list),
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    }
}

#[derive(Default)]
struct Collected {
    seen: HashSet<String>,
    groups: Groups,
}

impl Collected {
    /// One page. What was read twice, or a group that two slices show, counts once.
    fn add(&mut self, groups: Vec<GroupState>) {
        self.groups.pages += 1;
        for group in groups {
            if self.seen.insert(group.chat_id.clone()) {
                self.groups.groups.push(group);
            }
        }
    }
}
