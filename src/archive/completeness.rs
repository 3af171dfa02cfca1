//! The archive's counts beside WeCom's: joins what the store holds, what the directory tells and what consent knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Error,
    absent::{self, Before, Groups},
};
use crate::{
    completeness::{
        Circumstances, Counts, DAY_MS, EAST_MS, Line, What, begin_of, compare, read_groups, read_member,
    },
    consent::{Change, Span, State, Subject, Talk, ends_the_pass, spans},
    directory::{self, Client},
    ids::{CompanyId, Millis},
    message::{fold_id, is_external, is_robot},
    store::{Reader, contract::InScope},
};

/// Members in a row without a readable answer: then it is no longer about the members.
const IN_A_ROW: usize = 3;

/// What to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletenessJob {
    /// First day in Beijing, counted from 1970.
    pub first: i64,
    /// Last day, counted too.
    pub last: i64,
    /// Only these members; empty: everybody who is recorded or wrote.
    pub members: Vec<String>,
    /// Look for customer groups of which nothing is held, and ask WeCom about so many of them; `None`: do not look.
    pub groups: Option<usize>,
    /// The time now.
    pub now: Millis,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Completeness {
    /// Every person and day with anything on either side, by person and day.
    pub lines: Vec<Line>,
    /// Members asked about.
    pub members: u64,
    /// Members whom WeCom gives no counts of, and why.
    pub refused: Vec<(String, directory::Error)>,
    /// Members that were not reached, because of `stopped`.
    pub left: u64,
    /// What the sweep over all customer groups found; `None`: there was none.
    pub groups: Option<Groups>,
    /// Why it ended early.
    pub stopped: Option<directory::Error>,
}

/// Compares. Writes nothing.
pub async fn completeness(
    reader: &Reader,
    client: &Client,
    company: CompanyId,
    job: &CompletenessJob,
) -> Result<Completeness, Error> {
    let held = Held::read(reader, company, job)?;
    let members = held.members(job);
    let mut result = Completeness::default();
    let mut in_a_row = 0;
    for (at, member) in members.iter().enumerate() {
        match ask(client, &held, job, member).await {
            Ok(lines) => {
                in_a_row = 0;
                result.members += 1;
                result.lines.extend(lines);
            }
            // What cannot be read may be about this member.
            Err(error)
                if ends_the_pass(&error)
                    && error.may_be_of_the_question()
                    && !matches!(error, directory::Error::Unreachable { .. })
                    && in_a_row + 1 < IN_A_ROW =>
            {
                in_a_row += 1;
                result.refused.push((member.clone(), error));
            }
            Err(error) if ends_the_pass(&error) => {
                result.left = (members.len() - at) as u64;
                result.stopped = Some(error);
                break;
            }
            Err(error) => result.refused.push((member.clone(), error)),
        }
    }
    if let (Some(most), None) = (job.groups, &result.stopped) {
        let before = Before::read(reader, company, job.now)?;
        let (groups, stopped) = absent::sweep(client, &before, most, job.now).await;
        result.groups = Some(groups);
        result.stopped = stopped;
    }
    Ok(result)
}

async fn ask(
    client: &Client,
    held: &Held,
    job: &CompletenessJob,
    member: &str,
) -> Result<Vec<Line>, directory::Error> {
    let told = read_member(client, member, job.first, job.last).await?;
    let groups = read_groups(client, member, job.first, job.last).await?;
    let mut lines = Vec::new();
    for day in job.first..=job.last {
        let own = held
            .single
            .get(&(member.to_owned(), day))
            .copied()
            .unwrap_or(Counts {
                chats: Some(0),
                messages: 0,
            });
        let single = held.circumstances(job, member, day, held.refused_with(member, day));
        lines.extend(compare(
            member,
            What::Single,
            day,
            told.get(&day).copied(),
            false,
            own,
            &single,
        ));
        let total = groups.days.get(&day);
        let in_groups = Counts {
            chats: None,
            messages: groups
                .rooms
                .iter()
                .filter_map(|room| held.rooms.get(&(room.clone(), day)))
                .sum(),
        };
        let around = held.circumstances(job, member, day, held.refused_in(&groups.rooms, day));
        lines.extend(compare(
            member,
            What::Groups,
            day,
            total.copied().flatten().map(|messages| Counts {
                chats: None,
                messages,
            }),
            total == Some(&None),
            in_groups,
            &around,
        ));
    }
    Ok(lines)
}

/// Everything that the archive knows about those days, read once.
struct Held {
    single: HashMap<(String, i64), Counts>,
    rooms: HashMap<(String, i64), u64>,
    closed: BTreeMap<i64, u64>,
    scope: Vec<InScope>,
    /// Times in which somebody stood as refused.
    refusals: Vec<(Subject, Span)>,
    covered_until: Option<Millis>,
}

impl Held {
    fn read(reader: &Reader, company: CompanyId, job: &CompletenessJob) -> Result<Self, Error> {
        let (from, to) = (Millis(begin_of(job.first)), Millis(begin_of(job.last + 1)));
        let mut changes: HashMap<Subject, Vec<Change>> = HashMap::new();
        for known in reader.consent_all()? {
            if known.company == company {
                changes.entry(known.subject).or_default().push(known.change);
            }
        }
        let refused = |(subject, changes): (Subject, Vec<Change>)| {
            let spans = spans(&changes).into_iter();
            spans
                .filter(|span| span.state == State::Refused)
                .map(move |span| (subject.clone(), span))
        };
        let single = reader.held_single(company, from, to, EAST_MS)?;
        let rooms = reader.held_rooms(company, from, to, EAST_MS)?;
        let closed = reader.closed_on(company, from, to, EAST_MS)?;
        Ok(Self {
            single: single
                .into_iter()
                .map(|one| {
                    let counts = Counts {
                        chats: Some(one.chats),
                        messages: one.messages,
                    };
                    ((one.member, one.day), counts)
                })
                .collect(),
            rooms: rooms
                .into_iter()
                .map(|one| ((one.room, one.day), one.messages))
                .collect(),
            closed: closed.into_iter().map(|one| (one.day, one.records)).collect(),
            scope: reader.scope(company)?,
            refusals: changes.into_iter().flat_map(refused).collect(),
            covered_until: reader
                .covered_until(company, job.now)?
                .map(|covered| covered.until),
        })
    }

    fn members(&self, job: &CompletenessJob) -> Vec<String> {
        if !job.members.is_empty() {
            return job.members.iter().map(|id| fold_id(id).into_owned()).collect();
        }
        let recorded = self
            .scope
            .iter()
            .filter(|one| one.until.is_none_or(|until| until.0 > begin_of(job.first)))
            .map(|one| one.member.clone());
        let wrote = self.single.keys().map(|(member, _)| member.clone());
        let all: BTreeSet<String> = recorded.chain(wrote).collect();
        all.into_iter()
            .filter(|id| !id.is_empty() && !is_external(id) && !is_robot(id))
            .collect()
    }

    fn circumstances(&self, job: &CompletenessJob, member: &str, day: i64, refused: u64) -> Circumstances {
        Circumstances {
            closed: self.closed.get(&day).copied().unwrap_or(0),
            covered_until: self.covered_until.map(|until| until.0),
            in_scope: self.in_scope(member, day),
            refused,
            now: job.now.0,
        }
    }

    /// Whoever was on the first list that was ever read is taken to have been recorded before as well; without any list
    /// everybody is.
    fn in_scope(&self, member: &str, day: i64) -> bool {
        let Some(first) = self.scope.iter().map(|one| one.since).min() else {
            return true;
        };
        self.scope.iter().filter(|one| one.member == member).any(|one| {
            let began = one.since == first || one.since.0 < begin_of(day + 1);
            began && one.until.is_none_or(|until| until.0 > begin_of(day))
        })
    }

    fn refused_with(&self, member: &str, day: i64) -> u64 {
        self.refused(
            day,
            |subject| matches!(&subject.talk, Talk::With(id) if id == member),
        )
    }

    fn refused_in(&self, rooms: &[String], day: i64) -> u64 {
        self.refused(
            day,
            |subject| matches!(&subject.talk, Talk::Room(id) if rooms.contains(id)),
        )
    }

    fn refused(&self, day: i64, about: impl Fn(&Subject) -> bool) -> u64 {
        let begin = begin_of(day);
        let people: BTreeSet<&str> = self
            .refusals
            .iter()
            .filter(|(subject, span)| {
                about(subject) && span.from.0 < begin + DAY_MS && span.to.is_none_or(|to| to.0 > begin)
            })
            .map(|(subject, _)| subject.external.as_str())
            .collect();
        people.len() as u64
    }
}
