//! Asking which customer groups there are, what they are, and in how many of them nobody ever wrote.
//!
//! Must not know: what the archive holds.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::seconds;
use crate::{
    directory::{
        Class, Client, Error, Flag,
        rows::{
            groups::{GroupChatGet, GroupState},
            shapes::{GroupChat, OwnerFilter},
            statistics::GroupChatStatistic,
        },
    },
    message::fold_id,
};

/// A list of several pages changes while it is read; so often it is read at most.
const READINGS: u32 = 3;
/// Owners in one question.
const OWNERS: usize = 100;

/// All customer groups, as far as they could be listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// Each once, by id.
    pub groups: BTreeMap<String, GroupState>,
    /// How often the list was read.
    pub readings: u32,
    /// The last reading brought nothing new: no group can have slipped from one page to another unseen.
    pub settled: bool,
    /// Owners whom WeCom refuses in a filter, because they left.
    pub refused_owners: BTreeSet<String>,
    /// Why it is not everything.
    pub stopped: Option<Error>,
}

/// Reads the list until a reading brings nothing new. What comes as one page is one moment, and is read once.
pub async fn read_listed(client: &Client) -> Listed {
    let mut listed = Listed::default();
    while listed.readings < READINGS && !listed.settled && listed.stopped.is_none() {
        let reading = client.all_groups().await;
        let before = listed.groups.len();
        for group in reading.groups {
            listed.groups.insert(group.chat_id.clone(), group);
        }
        listed.readings += 1;
        listed.settled = reading.stopped.is_none()
            && (reading.pages <= 1 || listed.readings > 1 && listed.groups.len() == before);
        listed.refused_owners.extend(reading.refused_owners);
        listed.stopped = reading.stopped;
    }
    listed
}

/// What is known of a group beyond its place in the list.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// WeCom told.
    Told(Portrait),
    /// It was listed, and is no more when asked about.
    Gone(String),
    /// WeCom does not tell, and why.
    Refused(String),
    /// Nobody asked.
    NotAsked,
}

/// What WeCom tells of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portrait {
    /// Empty: never named.
    pub name: String,
    /// Who owns it, as WeCom spells the id.
    pub owner: String,
    /// Milliseconds.
    pub made: i64,
    /// Everybody in it, folded.
    pub people: Vec<String>,
}

/// Asks about one group. An `Err` is not about this group alone.
pub async fn read_portrait(client: &Client, id: &str, ends: impl Fn(&Error) -> bool) -> Result<Known, Error> {
    // Names of members are not needed.
    let request = GroupChatGet {
        need_name: Some(Flag(false)),
        ..GroupChatGet::new(id)
    };
    match client.call(&request).await {
        Ok(answer) => Ok(Known::Told(portrait(answer.group_chat))),
        Err(error) if error.class() == Some(Class::Gone) => Ok(Known::Gone(error.to_string())),
        Err(error) if ends(&error) => Err(error),
        Err(error) => Ok(Known::Refused(error.to_string())),
    }
}

fn portrait(group: GroupChat) -> Portrait {
    Portrait {
        name: group.name,
        owner: group.owner,
        made: group.create_time.saturating_mul(1_000),
        people: group
            .member_list
            .into_iter()
            .map(|member| fold_id(&member.userid).into_owned())
            .collect(),
    }
}

/// Of each owner, folded, how many groups there were at the end of a day in which nobody ever wrote. Owners of whom WeCom
/// tells nothing are left out.
pub async fn read_silent(
    client: &Client,
    owners: &[String],
    day: i64,
    ends: impl Fn(&Error) -> bool,
) -> Result<BTreeMap<String, u64>, Error> {
    let mut silent = BTreeMap::new();
    let mut slices: Vec<&[String]> = owners.chunks(OWNERS).collect();
    while let Some(slice) = slices.pop() {
        let filter = OwnerFilter {
            userid_list: slice.to_vec(),
            ..OwnerFilter::default()
        };
        let request = GroupChatStatistic {
            day_end_time: Some(seconds(day)),
            ..GroupChatStatistic::new(seconds(day), filter)
        };
        let part = client.pages(&request).gather(|page| page.items).await;
        for one in part.items {
            let never = one.data.chat_total.saturating_sub(one.data.chat_has_msg);
            silent.insert(
                fold_id(&one.owner).into_owned(),
                u64::try_from(never).unwrap_or(0),
            );
        }
        match part.stopped {
            None => {}
            Some(error) if ends(&error) => return Err(error),
            // One who left spoils the answer about the others.
            Some(_) if slice.len() > 1 => {
                let (first, second) = slice.split_at(slice.len() / 2);
                slices.extend([second, first]);
            }
            Some(_) => {}
        }
    }
    Ok(silent)
}
