//! What to ask about ids that are due, call by call.
//!
//! Each [`Inquiry::next`] makes one call at most, so the caller counts calls, writes what came, and can stop between any
//! two. A call that everybody is refused (no right, no secret, resting) is not made again in the same inquiry, and the ids
//! behind it stay due; no network at all ends the inquiry.
//!
//! Longer than its neighbours on purpose: which call follows on which answer is one story, and reads best in one place.
//!
//! Must not know: where ids come from, what is written.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
};

use super::{
    answers,
    known::{Answer, Aspect, Class, Kind, List, News, Refused, Roll, Subject},
    needs::{Needs, Round, Trouble},
};
use crate::{
    directory::{
        Class as Sort, Client, Endpoint, Error, Flag, TokenKind, Wire,
        rows::{
            contacts::{ExternalContactBatchGet, ExternalContactGet, GetFollowUserList},
            customer_tags::CorpTagList,
            departments::DepartmentList,
            groups::GroupChatGet,
            members::{UserGet, UserList},
            msgaudit::{GetInternalRoom, GetPermitUserList, GetRobotInfo},
            shapes::{ExternalContact, FollowUser},
            tags::{TagGet, TagList},
        },
    },
    message::fold_id,
};

/// Members in one question about their customers.
const FOLLOWERS: usize = 100;
/// Customers on one page.
const PAGE: i64 = 100;
/// Editions of the archive, as asked for and as kept.
const EDITIONS: [(i64, &str); 3] = [(1, "office"), (2, "service"), (3, "enterprise")];

enum Step {
    Departments,
    /// Members of a department; deep: and of those below it.
    Members {
        department: i64,
        deep: bool,
    },
    /// Who was not in the address book is not to be had.
    MembersEnd,
    Member(Subject),
    Followers,
    Customers {
        followers: Vec<String>,
        cursor: Option<String>,
    },
    /// As `MembersEnd`, for outsiders.
    CustomersEnd,
    Customer {
        who: Subject,
        cursor: Option<String>,
        seen: Vec<FollowUser>,
    },
    Room {
        room: Subject,
        customer: bool,
        other: Option<String>,
    },
    Robot(Subject),
    CustomerTags,
    MemberTags,
    MembersOfTag(i64),
    Scope(usize),
}

/// Everything that is to be found out, and how far it is.
pub struct Inquiry {
    steps: VecDeque<Step>,
    blocked: HashMap<&'static str, Trouble>,
    /// Members that a reading of the address book is for.
    members: HashMap<String, Subject>,
    /// Departments, once they were read; the others below the first.
    departments: Vec<i64>,
    whole: bool,
    /// Outsiders that a reading of customers is for.
    outsiders: HashMap<String, Subject>,
    /// Calls that reading them may still cost: one each would cost as much.
    pages: usize,
    /// Calls that one reading may cost.
    most: usize,
    /// follower → customers on the pages so far.
    rolls: HashMap<String, HashSet<String>>,
    lists: HashSet<List>,
    /// Steps of tags still open.
    tags: usize,
    calls: u64,
}

impl Inquiry {
    /// Plans the calls.
    pub fn new(needs: Needs, round: Round) -> Self {
        let mut inquiry = Self {
            steps: VecDeque::new(),
            blocked: HashMap::new(),
            members: HashMap::new(),
            departments: Vec::new(),
            whole: true,
            outsiders: HashMap::new(),
            pages: 0,
            most: (round.calls / 2).max(1) as usize,
            rolls: HashMap::new(),
            lists: needs.lists.iter().copied().collect(),
            tags: 0,
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

    /// Calls that were refused to everybody.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut all: Vec<Trouble> = self.blocked.values().cloned().collect();
        all.sort_by_key(|trouble| trouble.api);
        all
    }

    /// Calls that went out so far; repetitions inside the client and tokens are not counted.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Makes the next call and says what it brought; `None` when nothing is left to ask. An `Err` means that no call
    /// can be made now.
    pub async fn next(&mut self, client: &Client) -> Result<Option<Answer>, Error> {
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
            let mut answer = match self.take(client, step).await {
                Ok(answer) => answer,
                Err(error) if halts(&error) => return Err(error),
                Err(error) => {
                    self.block(api, &error);
                    continue;
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
                item(&who, found, |user| vec![answers::user(&user)])
            }
            Step::Followers => self.read_followers(client).await,
            Step::Customers { followers, cursor } => self.read_customers(client, followers, cursor).await,
            Step::CustomersEnd => Ok(self.end_customers()),
            Step::Customer { who, cursor, seen } => self.read_customer(client, who, cursor, seen).await,
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
                Ok(self.list(List::CustomerTags, answers::tags(&found.tag_group)))
            }
            Step::MemberTags => self.read_tags(client).await,
            Step::MembersOfTag(id) => self.read_tag(client, id).await,
            Step::Scope(nth) => self.read_scope(client, nth).await,
        }
    }

    fn list(&mut self, list: List, news: Vec<News>) -> Answer {
        self.lists.remove(&list);
        Answer {
            news,
            read: vec![list],
            ..Answer::default()
        }
    }

    async fn read_departments(&mut self, client: &Client) -> Result<Answer, Error> {
        let found = match call(client, &DepartmentList::new()).await {
            Ok(found) => found.department,
            Err(error) => {
                self.whole = false;
                self.steps.push_back(Step::MembersEnd);
                return Err(error);
            }
        };
        // Those that hang under none of the others: the root, or what the app may see of the tree.
        let ids: HashSet<i64> = found.iter().map(|one| one.id).collect();
        let (tops, rest): (Vec<_>, Vec<_>) = found.iter().partition(|one| !ids.contains(&one.parentid));
        if !self.members.is_empty() {
            self.departments = rest.iter().map(|one| one.id).collect();
            self.steps.push_front(Step::MembersEnd);
            for top in tops.iter().rev() {
                self.steps.push_front(Step::Members {
                    department: top.id,
                    deep: true,
                });
            }
        }
        Ok(self.list(List::Departments, found.iter().map(answers::department).collect()))
    }

    async fn read_members(&mut self, client: &Client, department: i64, deep: bool) -> Result<Answer, Error> {
        let request = UserList {
            fetch_child: deep.then_some(Flag(true)),
            ..UserList::new(department)
        };
        let users = match call(client, &request).await {
            Ok(found) => found.userlist,
            // Too much at once: department by department.
            Err(error) if error.class() == Some(Sort::Narrow) && deep => {
                self.walk();
                self.steps.push_front(Step::Members {
                    department,
                    deep: false,
                });
                return Ok(Answer::default());
            }
            Err(error) if spares_others(&error) => {
                self.whole = false;
                return Ok(Answer::default());
            }
            Err(error) => {
                self.whole = false;
                return Err(error);
            }
        };
        // `fetch_child` is gone from newer documents: where it does nothing, nobody of a lower department shows.
        let lower = |user: &crate::directory::rows::shapes::User| !user.department.contains(&department);
        for user in &users {
            self.members.remove(&*fold_id(&user.userid));
        }
        if deep && !users.iter().any(lower) && !self.departments.is_empty() {
            self.walk();
        }
        Ok(Answer {
            news: users.iter().map(answers::user).collect(),
            ..Answer::default()
        })
    }

    /// Every other department on its own, unless one call per member is cheaper.
    fn walk(&mut self) {
        let mut departments = mem::take(&mut self.departments);
        if departments.len() >= self.members.len() {
            departments.clear();
            self.whole = false;
        } else if departments.len() > self.most {
            departments.truncate(self.most);
            self.whole = false;
        }
        for id in departments.into_iter().rev() {
            self.steps.push_front(Step::Members {
                department: id,
                deep: false,
            });
        }
    }

    fn end_members(&mut self) -> Answer {
        let left = mem::take(&mut self.members).into_values();
        if !self.whole {
            // What was not read may hold them.
            self.steps.extend(left.map(Step::Member));
            return Answer::default();
        }
        Answer {
            refused: left
                .map(|subject| Refused {
                    subject,
                    why: "not in the address book as the app sees it: left, or outside its visible range"
                        .to_owned(),
                    lasting: true,
                })
                .collect(),
            ..Answer::default()
        }
    }

    async fn read_followers(&mut self, client: &Client) -> Result<Answer, Error> {
        let followers = match call(client, &GetFollowUserList::new()).await {
            Ok(found) => found.follow_user,
            Err(error) => {
                // One by one would be refused as well; where it is not, the next pass has fewer to ask.
                self.pages = 0;
                self.steps.push_back(Step::CustomersEnd);
                return Err(error);
            }
        };
        self.steps.push_front(Step::CustomersEnd);
        for chunk in followers.chunks(FOLLOWERS).rev() {
            self.steps.push_front(Step::Customers {
                followers: chunk.to_vec(),
                cursor: None,
            });
        }
        Ok(Answer::default())
    }

    async fn read_customers(
        &mut self,
        client: &Client,
        followers: Vec<String>,
        cursor: Option<String>,
    ) -> Result<Answer, Error> {
        self.pages -= 1;
        let request = ExternalContactBatchGet {
            cursor: cursor.clone(),
            limit: Some(PAGE),
            ..ExternalContactBatchGet::new(&*followers)
        };
        let page = match call(client, &request).await {
            Ok(page) => page,
            Err(error) if spares_others(&error) => {
                self.pages = 0;
                return Ok(Answer::default());
            }
            Err(error) => {
                self.pages = 0;
                return Err(error);
            }
        };
        let mut answer = Answer::default();
        for one in &page.external_contact_list {
            let news = answers::followed(one);
            self.outsiders.remove(&news.subject.key);
            let who = fold_id(&one.follow_info.userid).into_owned();
            self.rolls
                .entry(who)
                .or_default()
                .insert(news.subject.key.clone());
            answer.news.push(news);
        }
        let next = page
            .next_cursor
            .filter(|next| !next.is_empty() && Some(next) != cursor.as_ref());
        match next {
            Some(next) => self.steps.push_front(Step::Customers {
                followers,
                cursor: Some(next),
            }),
            None => {
                let mut rolls = mem::take(&mut self.rolls);
                answer.rolls = followers
                    .iter()
                    .map(|follower| fold_id(follower).into_owned())
                    .map(|follower| Roll {
                        aspect: Aspect::Follower,
                        class: Class::Person,
                        ids: rolls.remove(&follower).into_iter().flatten().collect(),
                        item: follower,
                        certain: false,
                    })
                    .collect();
            }
        }
        Ok(answer)
    }

    fn end_customers(&mut self) -> Answer {
        let left = mem::take(&mut self.outsiders).into_values();
        if self.pages == 0 {
            self.steps.extend(left.map(single));
            return Answer::default();
        }
        Answer {
            refused: left
                .map(|subject| Refused {
                    subject,
                    why: "no customer of any member whom the app may see".to_owned(),
                    lasting: true,
                })
                .collect(),
            ..Answer::default()
        }
    }

    async fn read_customer(
        &mut self,
        client: &Client,
        who: Subject,
        cursor: Option<String>,
        mut seen: Vec<FollowUser>,
    ) -> Result<Answer, Error> {
        let request = ExternalContactGet {
            cursor: cursor.clone(),
            ..ExternalContactGet::new(&*who.spelt)
        };
        let found = call(client, &request).await;
        if let Ok(page) = &found
            && let Some(next) = page.next_cursor.clone().filter(|next| !next.is_empty())
            && Some(&next) != cursor.as_ref()
        {
            seen.extend(page.follow_user.iter().cloned());
            self.steps.push_front(Step::Customer {
                who,
                cursor: Some(next),
                seen,
            });
            return Ok(Answer::default());
        }
        item(&who, found, |page| {
            seen.extend(page.follow_user);
            // An answer without the id it was asked for says nothing.
            let about = ExternalContact {
                external_userid: who.spelt.clone(),
                ..page.external_contact
            };
            answers::customer(&about, &seen)
        })
    }

    async fn read_room(
        &mut self,
        client: &Client,
        room: Subject,
        customer: bool,
        other: Option<String>,
    ) -> Result<Answer, Error> {
        let found = if customer {
            let request = GroupChatGet {
                need_name: Some(Flag(true)),
                ..GroupChatGet::new(&*room.spelt)
            };
            call(client, &request)
                .await
                .map(|found| answers::group(&room, &found.group_chat))
        } else {
            call(client, &GetInternalRoom::new(&*room.spelt))
                .await
                .map(|found| vec![answers::room(&room, &found)])
        };
        let wrong_call: &[i64] = if customer {
            &[90501, 90509, 40050, 86001, 86003]
        } else {
            &[301_059]
        };
        let error = match found {
            Ok(news) => return item(&room, Ok(()), |()| news),
            Err(error) => error,
        };
        let ours = error.code().is_some_and(|code| wrong_call.contains(&code));
        match other {
            // The prefix does not tell which kind of room it is; the other call may know it.
            None if ours => {
                self.steps.push_front(Step::Room {
                    room,
                    customer: !customer,
                    other: Some(error.to_string()),
                });
                Ok(Answer::default())
            }
            // The other call is refused to everybody: this one proves nothing.
            Some(why) if ours && why.is_empty() => Ok(Answer::default()),
            Some(why) if ours => {
                let both = format!("{why}; {error}");
                Ok(refusal(&room, both, true))
            }
            _ if !halts(&error) && !spares_others(&error) => {
                let api = if customer {
                    "group_chat_get"
                } else {
                    "get_internal_room"
                };
                self.block(api, &error);
                if other.is_none() {
                    self.steps.push_front(Step::Room {
                        room,
                        customer: !customer,
                        other: Some(String::new()),
                    });
                }
                Ok(Answer::default())
            }
            _ => item(&room, Err::<(), _>(error), |()| Vec::new()),
        }
    }

    async fn read_tags(&mut self, client: &Client) -> Result<Answer, Error> {
        let found = call(client, &TagList::new()).await?.taglist;
        self.tags = found.len();
        for tag in &found {
            self.steps.push_back(Step::MembersOfTag(tag.tagid));
        }
        let news = found
            .iter()
            .map(|tag| answers::member_tag(tag.tagid, &tag.tagname))
            .collect();
        if found.is_empty() {
            return Ok(self.list(List::MemberTags, news));
        }
        Ok(Answer {
            news,
            ..Answer::default()
        })
    }

    async fn read_tag(&mut self, client: &Client, id: i64) -> Result<Answer, Error> {
        let mut answer = Answer::default();
        match call(client, &TagGet::new(id)).await {
            Ok(found) => {
                let roll = |class, ids| Roll {
                    aspect: Aspect::MemberTag,
                    item: id.to_string(),
                    class,
                    ids,
                    certain: true,
                };
                let users = found.userlist.into_iter().map(|user| user.userid).collect();
                let parties = found.partylist.iter().map(ToString::to_string).collect();
                answer.rolls = vec![roll(Class::Person, users), roll(Class::Department, parties)];
            }
            Err(error) if spares_others(&error) => {}
            Err(error) => return Err(error),
        }
        self.tags = self.tags.saturating_sub(1);
        if self.tags == 0 {
            self.lists.remove(&List::MemberTags);
            answer.read.push(List::MemberTags);
        }
        Ok(answer)
    }

    async fn read_scope(&mut self, client: &Client, nth: usize) -> Result<Answer, Error> {
        let (number, edition) = EDITIONS[nth];
        let request = GetPermitUserList {
            edition: Some(number),
        };
        let ids = match call(client, &request).await {
            Ok(found) => Some(found.ids),
            // An edition that was never bought.
            Err(error) if spares_others(&error) => None,
            Err(error) => return Err(error),
        };
        let mut answer = Answer::default();
        answer.rolls.extend(ids.map(|ids| Roll {
            aspect: Aspect::Scope,
            item: edition.to_owned(),
            class: Class::Person,
            ids,
            certain: true,
        }));
        if nth + 1 == EDITIONS.len() {
            self.lists.remove(&List::Scope);
            answer.read.push(List::Scope);
        }
        Ok(answer)
    }
}

impl Step {
    fn api(&self) -> &'static str {
        match self {
            Self::Departments => DepartmentList::ROW.name,
            Self::Members { .. } => UserList::ROW.name,
            Self::Member(_) => UserGet::ROW.name,
            Self::Followers => GetFollowUserList::ROW.name,
            Self::Customers { .. } => ExternalContactBatchGet::ROW.name,
            Self::Customer { .. } => ExternalContactGet::ROW.name,
            Self::Room { customer: true, .. } => GroupChatGet::ROW.name,
            Self::Room { .. } => GetInternalRoom::ROW.name,
            Self::Robot(_) => GetRobotInfo::ROW.name,
            Self::CustomerTags => CorpTagList::ROW.name,
            Self::MemberTags => TagList::ROW.name,
            Self::MembersOfTag(_) => TagGet::ROW.name,
            Self::Scope(_) => GetPermitUserList::ROW.name,
            // No calls.
            Self::MembersEnd | Self::CustomersEnd => "",
        }
    }
}

fn single(who: Subject) -> Step {
    Step::Customer {
        who,
        cursor: None,
        seen: Vec::new(),
    }
}

/// One call; members can also be asked for with the archive's own secret when no app is configured.
async fn call<E: Endpoint>(client: &Client, request: &E) -> Result<E::Answer, Error> {
    match client.call(request).await {
        Err(Error::NoCredential {
            kind: TokenKind::App, ..
        }) if E::ROW.path.starts_with("/cgi-bin/user/")
            || E::ROW.path.starts_with("/cgi-bin/department/") =>
        {
            let fields = request.write().unwrap_or_default();
            let answer = client
                .call_row_as(E::ROW, &fields, Some(TokenKind::Archive))
                .await?;
            Ok(E::Answer::read(&answer).unwrap_or_default())
        }
        answered => answered,
    }
}

/// No call can be made at all.
fn halts(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. } | Error::Status { .. } | Error::Options(_) | Error::Source { .. }
    )
}

/// The refusal is about this id alone.
fn spares_others(error: &Error) -> bool {
    let of_item = matches!(
        error.class(),
        Some(Sort::Empty | Sort::Gone | Sort::Item | Sort::Unknown | Sort::Narrow | Sort::Bug)
    );
    of_item && !matches!(error, Error::Credential { .. })
        || matches!(error, Error::Torn { .. } | Error::TooLarge { .. })
}

/// The answer about one id: what it says, or why it says nothing. What concerns more than this id is an error.
fn item<T>(
    who: &Subject,
    found: Result<T, Error>,
    news: impl FnOnce(T) -> Vec<News>,
) -> Result<Answer, Error> {
    match found {
        Ok(found) => Ok(Answer {
            news: news(found),
            ..Answer::default()
        }),
        Err(error) if spares_others(&error) => {
            let lasting = matches!(error.class(), Some(Sort::Gone | Sort::Empty | Sort::Item));
            Ok(refusal(who, error.to_string(), lasting))
        }
        Err(error) => Err(error),
    }
}

fn refusal(who: &Subject, why: String, lasting: bool) -> Answer {
    Answer {
        refused: vec![Refused {
            subject: who.clone(),
            why,
            lasting,
        }],
        ..Answer::default()
    }
}
