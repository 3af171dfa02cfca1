//! What to ask about ids that are due, call by call.
//!
//! Each [`Inquiry::next`] makes one call at most, so the caller counts calls, writes what came, and can stop between any
//! two. A call that everybody is refused (no right, no secret, resting) is not made again in the same inquiry, and the ids
//! behind it stay due; no network at all ends the inquiry, and so do answers that cannot be read, one after the other.
//!
//! Which call follows on which answer is told by subject: [`members`], [`customers`], [`rooms`], [`lists`]; here is the plan, and
//! the loop that takes one step at a time.
//!
//! Must not know: where ids come from, what is written.

mod call;
mod customers;
mod lists;
mod members;
mod rooms;
mod step;

use std::collections::{HashMap, HashSet, VecDeque};

use self::{
    call::{call, halts, is_of_a_call, is_torn, item, refusal},
    customers::single,
    lists::EDITIONS,
    step::Step,
};
use super::{
    answers,
    known::{Answer, Class, Empty, Kind, List, Subject},
    needs::{Needs, Round, Trouble},
};
use crate::directory::{
    Class as Sort, Client, Endpoint, Error, PageGuard,
    rows::{customer_tags::CorpTagList, members::UserGet, msgaudit::GetRobotInfo},
};

/// One id may have an answer that cannot be read; when so many in a row have one, something in between answers for WeCom.
const UNREADABLE: usize = 3;

/// Tags come and go; so many are not gone at once.
const MANY: u64 = 100;

/// Notes that a list came with nothing on it.
fn empty<E: Endpoint>(list: &[impl Sized], class: Class, from: u64) -> Option<Empty> {
    list.is_empty().then_some(Empty {
        api: E::ROW.name,
        class,
        kind: Kind::Inside,
        from,
    })
}

/// Everything that is to be found out, and how far it is.
pub struct Inquiry {
    steps: VecDeque<Step>,
    blocked: HashMap<&'static str, Trouble>,
    /// Answers that were of no use, of calls that go on.
    noted: Vec<Trouble>,
    /// Members that a reading of the address book is for.
    members: HashMap<String, Subject>,
    /// Departments, once they were read; the others below the first.
    departments: Vec<i64>,
    whole: bool,
    /// Outsiders that a reading of customers is for.
    outsiders: HashMap<String, Subject>,
    /// Calls that reading them may still cost: one each would cost as much.
    pages: usize,
    /// False when the lists do not hold everybody: who is missing is then asked about singly.
    customers_whole: bool,
    /// Calls that one reading may cost.
    most: usize,
    /// follower → customers on the pages so far.
    rolls: HashMap<String, HashSet<String>>,
    /// Of those pages.
    guard: PageGuard,
    /// Users on the lists of departments so far.
    listed: usize,
    /// Edition → members, as far as they were listed.
    scope: Vec<(&'static str, Vec<String>)>,
    lists: HashSet<List>,
    /// Steps of tags still open.
    tags: usize,
    /// Unreadable answers about single ids since the last one that could be read.
    torn: usize,
    /// Customers on the lists of members so far.
    followed: usize,
    /// Questions about many customers without a usable answer, one after the other.
    useless: usize,
    /// Ends the inquiry with the next step.
    halted: Option<Error>,
    calls: u64,
}

impl Inquiry {
    /// Plans the calls.
    pub fn new(needs: Needs, round: Round) -> Self {
        let mut inquiry = Self {
            steps: VecDeque::new(),
            blocked: HashMap::new(),
            noted: Vec::new(),
            members: HashMap::new(),
            departments: Vec::new(),
            whole: true,
            outsiders: HashMap::new(),
            pages: 0,
            customers_whole: true,
            most: (round.calls / 2).max(1) as usize,
            rolls: HashMap::new(),
            guard: PageGuard::default(),
            listed: 0,
            scope: Vec::new(),
            lists: needs.lists.iter().copied().collect(),
            tags: 0,
            torn: 0,
            followed: 0,
            useless: 0,
            halted: None,
            calls: 0,
        };
        let Needs { unknown, old, lists } = needs;
        let sweep_members = unknown.members.len() + old.members.len() >= round.sweep_from.max(1);
        let sweep_outsiders = unknown.outsiders.len() + old.outsiders.len() >= round.sweep_from.max(1);
        for (nth, want) in [unknown, old].into_iter().enumerate() {
            if sweep_members {
                let keyed = want.members.into_iter().map(|who| (who.key.clone(), who));
                inquiry.members.extend(keyed);
                if nth == 0 {
                    inquiry.steps.push_back(Step::Departments);
                }
            } else {
                inquiry.steps.extend(want.members.into_iter().map(Step::Member));
            }
            if sweep_outsiders {
                let keyed = want.outsiders.into_iter().map(|who| (who.key.clone(), who));
                inquiry.outsiders.extend(keyed);
                if nth == 0 {
                    inquiry.steps.push_back(Step::Followers);
                }
            } else {
                inquiry.steps.extend(want.outsiders.into_iter().map(single));
            }
            inquiry
                .steps
                .extend(want.rooms.into_iter().map(|room| Step::Room {
                    customer: room.kind == Kind::Outside,
                    room,
                    other: None,
                }));
            inquiry.steps.extend(want.robots.into_iter().map(Step::Robot));
        }
        inquiry.pages = inquiry.outsiders.len().min(inquiry.most);
        for list in lists {
            match list {
                List::Departments if !sweep_members => inquiry.steps.push_back(Step::Departments),
                List::Departments => {}
                List::MemberTags => inquiry.steps.push_back(Step::MemberTags),
                List::CustomerTags => inquiry.steps.push_back(Step::CustomerTags),
                List::Scope => inquiry.steps.extend((0..EDITIONS.len()).map(Step::Scope)),
            }
        }
        inquiry
    }

    /// Calls that were refused to everybody, and lists that did not come whole; each once.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut all: Vec<Trouble> = self.blocked.values().chain(&self.noted).cloned().collect();
        all.sort_by(|one, other| (one.api, &one.why).cmp(&(other.api, &other.why)));
        all.dedup();
        all
    }

    /// Calls that went out so far; repetitions inside the client and tokens are not counted.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Makes the next call and says what it brought; `None` when nothing is left to ask. An `Err` means that no call
    /// can be made now.
    pub async fn next(&mut self, client: &Client) -> Result<Option<Answer>, Error> {
        if let Some(error) = self.halted.take() {
            return Err(error);
        }
        while let Some(step) = self.steps.pop_front() {
            let api = step.api();
            if self.blocked.contains_key(api) {
                self.skip(step);
                continue;
            }
            if matches!(step, Step::Members { deep: false, .. }) && self.members.is_empty() {
                continue;
            }
            if matches!(step, Step::Customers { .. }) && (self.pages == 0 || self.outsiders.is_empty()) {
                // Enough is known, or singly is cheaper from here on.
                self.rolls.clear();
                continue;
            }
            self.calls += u64::from(!api.is_empty());
            let subject = step.subject().cloned();
            let mut answer = match (self.take(client, step).await, subject) {
                (Ok(answer), _) => {
                    if !api.is_empty() {
                        self.torn = 0;
                    }
                    answer
                }
                // Whoever it is about has a pause, also when it ends the inquiry: otherwise the next one would begin with the
                // same id and end there, too.
                (Err(error), Some(subject))
                    if (is_torn(&error) || halts(&error)) && error.may_be_of_the_question() =>
                {
                    self.torn += 1;
                    // Another question that is never answered would take as long.
                    if self.torn > UNREADABLE || matches!(error, Error::Unreachable { .. }) {
                        self.halted = Some(error.clone());
                    }
                    refusal(&subject, error.to_string(), false)
                }
                (Err(error), _) if halts(&error) => return Err(error),
                (Err(error), subject) => {
                    self.block(api, &error);
                    match subject {
                        Some(subject) if error.class() == Some(Sort::Config) && is_of_a_call(&error) => {
                            refusal(&subject, error.to_string(), false)
                        }
                        _ => continue,
                    }
                }
            };
            answer.api = api;
            return Ok(Some(answer));
        }
        Ok(None)
    }

    fn block(&mut self, api: &'static str, error: &Error) {
        let advice = error
            .advice()
            .map(|advice| format!("; {advice}"))
            .unwrap_or_default();
        let kept_back = matches!(
            error,
            Error::Resting { .. }
                | Error::NoCredential { .. }
                | Error::Credential { .. }
                | Error::Misused { .. }
        );
        self.calls -= u64::from(kept_back);
        let why = format!("{error}{advice}");
        self.blocked.insert(api, Trouble { api, why });
    }

    /// What becomes of a step whose call is refused to everybody.
    fn skip(&mut self, step: Step) {
        match step {
            // The other call may still know the room.
            Step::Room {
                room,
                customer,
                other: None,
            } => self.steps.push_front(Step::Room {
                room,
                customer: !customer,
                other: Some(String::new()),
            }),
            Step::Departments | Step::Members { .. } => self.whole = false,
            Step::Followers | Step::Customers { .. } => self.pages = 0,
            _ => {}
        }
    }

    async fn take(&mut self, client: &Client, step: Step) -> Result<Answer, Error> {
        match step {
            Step::Departments => self.read_departments(client).await,
            Step::Members { department, deep } => self.read_members(client, department, deep).await,
            Step::MembersEnd => Ok(self.end_members()),
            Step::Member(who) => {
                let found = call(client, &UserGet::new(&*who.spelt)).await;
                item(&who, found, |user| {
                    let mut news = answers::user(&user);
                    // The answer may spell the id in another case; it is about the one that was asked all the same.
                    news.subject.key.clone_from(&who.key);
                    vec![news]
                })
            }
            Step::Followers => self.read_followers(client).await,
            Step::Customers { followers, cursor } => self.read_customers(client, followers, cursor).await,
            Step::CustomersEnd => Ok(self.end_customers()),
            Step::Customer {
                who,
                cursor,
                seen,
                guard,
            } => self.read_customer(client, who, cursor, (seen, guard)).await,
            Step::Room {
                room,
                customer,
                other,
            } => self.read_room(client, room, customer, other).await,
            Step::Robot(who) => {
                let found = call(client, &GetRobotInfo::new(&*who.spelt)).await;
                item(&who, found, |robot| vec![answers::robot(&who, &robot.data)])
            }
            Step::CustomerTags => {
                let found = call(client, &CorpTagList::new()).await?;
                let news = answers::tags(&found.tag_group);
                let empty = empty::<CorpTagList>(&news, Class::CustomerTag, MANY);
                Ok(Answer {
                    empty,
                    ..self.list(List::CustomerTags, news)
                })
            }
            Step::MemberTags => self.read_tags(client).await,
            Step::MembersOfTag(id) => self.read_tag(client, id).await,
            Step::Scope(nth) => self.read_scope(client, nth).await,
        }
    }
}
