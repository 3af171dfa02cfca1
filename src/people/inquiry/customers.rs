//! Customers: all of all followers, page by page, or one with all who follow.

use std::{collections::HashSet, mem};

use super::{
    Inquiry, Step, answers,
    call::{call, item, spares_others},
};
use crate::{
    directory::{
        Client, Endpoint, Error, PageGuard,
        rows::{
            contacts::{ExternalContactBatchGet, ExternalContactGet, GetFollowUserList},
            shapes::{ExternalContact, FollowUser},
        },
    },
    message::fold_id,
    people::{
        known::{Answer, Aspect, Class, Empty, Kind, Refused, Roll, Subject},
        needs::Trouble,
    },
};

/// Members in one question about their customers.
const FOLLOWERS: usize = 100;
/// Customers on one page.
const PAGE: i64 = 100;
/// Questions in a row without a usable answer before it is no longer about the members that are asked about: one among a
/// hundred is found by halving in eight.
const USELESS: usize = 9;
/// Pages of the followers of one customer at most.
const PAGES_OF_ONE: u32 = 100;

impl Inquiry {
    pub(super) async fn read_followers(&mut self, client: &Client) -> Result<Answer, Error> {
        let followers = match call(client, &GetFollowUserList::new()).await {
            // Somebody wrote with the outsiders who are asked about: a list of nobody says nothing about them.
            Ok(found) if found.follow_user.is_empty() => {
                self.pages = 0;
                self.steps.push_back(Step::CustomersEnd);
                return Ok(Answer {
                    empty: Some(nobody(GetFollowUserList::ROW.name)),
                    ..Answer::default()
                });
            }
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

    pub(super) async fn read_customers(
        &mut self,
        client: &Client,
        followers: Vec<String>,
        cursor: Option<String>,
    ) -> Result<Answer, Error> {
        self.pages -= 1;
        if cursor.is_none() {
            self.guard = PageGuard::default();
            self.rolls.clear();
        }
        let request = ExternalContactBatchGet {
            cursor: cursor.clone(),
            limit: Some(PAGE),
            ..ExternalContactBatchGet::new(&*followers)
        };
        let page = match call(client, &request).await {
            Ok(page) => page,
            Err(error) if spares_others(&error) => {
                self.ask_fewer(followers, &error);
                return Ok(Answer::default());
            }
            Err(error) => {
                self.pages = 0;
                return Err(error);
            }
        };
        let mut answer = Answer::default();
        let asked: HashSet<_> = followers.iter().map(|id| fold_id(id)).collect();
        for one in &page.external_contact_list {
            let whole = !one.external_contact.external_userid.is_empty();
            if !whole || !asked.contains(&fold_id(&one.follow_info.userid)) {
                // About nobody, or about a member who was not asked about: whoever is missing is asked about singly.
                self.customers_whole = false;
                continue;
            }
            let news = answers::followed(one);
            self.outsiders.remove(&news.subject.key);
            let who = fold_id(&one.follow_info.userid).into_owned();
            self.rolls
                .entry(who)
                .or_default()
                .insert(news.subject.key.clone());
            answer.news.push(news);
        }
        let next = page.next_cursor.filter(|next| !next.is_empty());
        if let Some(next) = &next {
            let entries = !page.external_contact_list.is_empty();
            if let Err(error) = self.guard.goes_on(ExternalContactBatchGet::ROW, entries, next) {
                // What came is true of those it is about; the list as a whole is not.
                self.give_up(&error);
                return Ok(answer);
            }
        }
        self.useless = 0;
        self.followed += answer.news.len();
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

    /// One of these members has customers of whom no list comes: found by halving, and the others are read all the same. Who
    /// is on no list is then asked about singly.
    fn ask_fewer(&mut self, followers: Vec<String>, error: &Error) {
        if followers.len() < 2 || self.useless + 1 >= USELESS {
            self.give_up(error);
        } else {
            self.customers_whole = false;
            self.useless += 1;
            let (first, second) = followers.split_at(followers.len() / 2);
            for half in [second, first] {
                self.steps.push_front(Step::Customers {
                    followers: half.to_vec(),
                    cursor: None,
                });
            }
        }
    }

    /// No list of these members' customers comes.
    fn give_up(&mut self, error: &Error) {
        let api = ExternalContactBatchGet::ROW.name;
        self.customers_whole = false;
        self.useless += 1;
        if self.useless >= USELESS {
            self.pages = 0;
            self.block(api, error);
        } else {
            let why = format!("{error}; customers who are on no list are asked about singly");
            self.noted.push(Trouble { api, why });
        }
    }

    pub(super) fn end_customers(&mut self) -> Answer {
        let left = mem::take(&mut self.outsiders).into_values();
        // Lists of nobody say nothing about anybody.
        if self.pages == 0 || !self.customers_whole || self.followed == 0 {
            let is_empty = self.pages > 0 && self.customers_whole && left.len() > 0;
            self.steps.extend(left.map(single));
            return Answer {
                empty: is_empty.then(|| nobody(ExternalContactBatchGet::ROW.name)),
                ..Answer::default()
            };
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

    pub(super) async fn read_customer(
        &mut self,
        client: &Client,
        who: Subject,
        cursor: Option<String>,
        (mut seen, mut guard): (Vec<FollowUser>, PageGuard),
    ) -> Result<Answer, Error> {
        let request = ExternalContactGet {
            cursor: cursor.clone(),
            ..ExternalContactGet::new(&*who.spelt)
        };
        let mut found = call(client, &request).await;
        if let Ok(page) = &found
            && let Some(next) = page.next_cursor.clone().filter(|next| !next.is_empty())
            && let Err(error) = guard.goes_on(ExternalContactGet::ROW, !page.follow_user.is_empty(), &next)
        {
            found = Err(error);
        }
        if let Ok(page) = &found
            && let Some(next) = page.next_cursor.clone().filter(|next| !next.is_empty())
        {
            seen.extend(page.follow_user.iter().cloned());
            self.steps.push_front(Step::Customer {
                who,
                cursor: Some(next),
                seen,
                guard,
            });
            return Ok(Answer::default());
        }
        item(&who, found, |page| {
            seen.extend(page.follow_user);
            let about = ExternalContact {
                external_userid: who.spelt.clone(),
                ..page.external_contact
            };
            answers::customer(&about, &seen)
        })
    }
}

fn nobody(api: &'static str) -> Empty {
    Empty {
        api,
        class: Class::Person,
        kind: Kind::Outside,
        from: 1,
    }
}

pub(super) fn single(who: Subject) -> Step {
    Step::Customer {
        who,
        cursor: None,
        seen: Vec::new(),
        guard: PageGuard::with_most(PAGES_OF_ONE),
    }
}
