//! Customers: all of all followers, page by page, or one with all who follow.

use std::mem;

use super::{
    Inquiry, Step, answers,
    call::{call, item, spares_others},
};
use crate::{
    directory::{
        Client, Error,
        rows::{
            contacts::{ExternalContactBatchGet, ExternalContactGet, GetFollowUserList},
            shapes::{ExternalContact, FollowUser},
        },
    },
    message::fold_id,
    people::known::{Answer, Aspect, Class, Refused, Roll, Subject},
};

/// Members in one question about their customers.
const FOLLOWERS: usize = 100;
/// Customers on one page.
const PAGE: i64 = 100;

impl Inquiry {
    pub(super) async fn read_followers(&mut self, client: &Client) -> Result<Answer, Error> {
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

    pub(super) async fn read_customers(
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

    pub(super) fn end_customers(&mut self) -> Answer {
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

    pub(super) async fn read_customer(
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
}

pub(super) fn single(who: Subject) -> Step {
    Step::Customer {
        who,
        cursor: None,
        seen: Vec::new(),
    }
}
