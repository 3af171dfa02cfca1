//! Customer groups of the company of which the archive holds nothing: joins WeCom's list with what the store holds.
//!
//! Calls are bounded: the list is read at most three times, and no more groups and owners are asked about than the caller
//! allows.

use super::Error;
use crate::{
    completeness::{
        Absent, Surroundings, begin_of, day_of, explain_each, explain_together, owners_to_count, read_listed,
        read_portrait, read_silent,
    },
    consent::ends_the_pass,
    directory::{self, Client},
    ids::{CompanyId, Millis},
    store::{
        Reader,
        contract::{HeldEver, InScope},
    },
};

/// What the sweep over all customer groups found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Groups in WeCom's list.
    pub listed: u64,
    /// Those of which the archive holds anything.
    pub held: u64,
    /// The others, by id.
    pub absent: Vec<Absent>,
    /// How often the list was read.
    pub readings: u32,
    /// False: the list still changed when it was read for the last time, or was not read to its end.
    pub settled: bool,
    /// Owners who have left; their groups are found by another question.
    pub owners_left: u64,
    /// Records that are not open.
    pub closed: u64,
}

/// What the archive knows before anybody is asked.
pub(super) struct Before {
    ever: HeldEver,
    scope: Vec<InScope>,
    covered_until: Option<Millis>,
}

impl Before {
    pub(super) fn read(reader: &Reader, company: CompanyId, now: Millis) -> Result<Self, Error> {
        Ok(Self {
            ever: reader.held_ever(company)?,
            scope: reader.scope(company)?,
            covered_until: reader.covered_until(company, now)?.map(|covered| covered.until),
        })
    }

    /// Whether anybody of these was recorded at that time or at any later one, as far as WeCom's list was read.
    fn anybody_recorded(&self, people: &[String], since: i64) -> Option<bool> {
        let any = self
            .scope
            .iter()
            .any(|one| one.until.is_none_or(|until| until.0 > since) && people.contains(&one.member));
        (!self.scope.is_empty()).then_some(any)
    }
}

/// Sweeps; at most `most` groups are asked about. What stopped it comes beside what was found until then.
pub(super) async fn sweep(
    client: &Client,
    before: &Before,
    most: usize,
    now: Millis,
) -> (Groups, Option<directory::Error>) {
    let listed = read_listed(client).await;
    let (held, absent): (Vec<_>, Vec<_>) = listed
        .groups
        .values()
        .partition(|group| before.ever.rooms.contains(&group.chat_id));
    let mut absent: Vec<Absent> = absent.into_iter().map(Absent::new).collect();
    let mut stopped = listed.stopped;
    // Those whose owner left are explained by it: they come last.
    absent.sort_by_key(|group| group.status == 1);
    for group in absent.iter_mut().take(most) {
        if stopped.is_some() {
            break;
        }
        match read_portrait(client, &group.id, ends_the_pass).await {
            Ok(known) => group.known = known,
            Err(error) => stopped = Some(error),
        }
    }
    let today = day_of(now.0);
    let around = Surroundings {
        covered_until: before.covered_until.map(|until| until.0),
        began: before.ever.began.map(|began| began.0),
        today: begin_of(today),
        closed: before.ever.closed,
    };
    explain_each(&mut absent, &around, |people, since| {
        before.anybody_recorded(people, since)
    });
    let mut silent = Default::default();
    // A group that was not listed could be the silent one.
    if stopped.is_none() && listed.settled {
        match read_silent(client, &owners_to_count(&absent), today - 1, ends_the_pass).await {
            Ok(counts) => silent = counts,
            Err(error) => stopped = Some(error),
        }
    }
    explain_together(&mut absent, &around, &silent);
    absent.sort_by(|one, other| one.id.cmp(&other.id));
    let groups = Groups {
        listed: listed.groups.len() as u64,
        held: held.len() as u64,
        absent,
        readings: listed.readings,
        settled: listed.settled,
        owners_left: listed.refused_owners.len() as u64,
        closed: before.ever.closed,
    };
    (groups, stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_recorded_at_any_time_of_the_group_counts() {
        let one = |member: &str, until: Option<i64>| InScope {
            member: member.to_owned(),
            since: Millis(100),
            seen: Millis(150),
            until: until.map(Millis),
        };
        let mut before = Before {
            ever: HeldEver::default(),
            scope: vec![one("ken", None), one("liu", Some(200))],
            covered_until: None,
        };
        let asked = |before: &Before, people: &[&str], since| {
            let people: Vec<String> = people.iter().map(|id| (*id).to_owned()).collect();
            before.anybody_recorded(&people, since)
        };
        assert_eq!(asked(&before, &["ida", "ken"], 500), Some(true));
        assert_eq!(
            asked(&before, &["liu"], 199),
            Some(true),
            "the group is older than the end"
        );
        assert_eq!(asked(&before, &["liu"], 200), Some(false));
        assert_eq!(asked(&before, &[], 50), Some(false));
        before.scope.clear();
        assert_eq!(asked(&before, &["ida"], 50), None, "nobody knows");
    }
}
