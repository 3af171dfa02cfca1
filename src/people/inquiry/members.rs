//! Members: the address book as a whole, as deep as the platform lets it be read.

use std::{collections::HashSet, mem};

use super::{
    Inquiry, Step, answers,
    call::{call, spares_others},
};
use crate::{
    directory::{
        Class as Sort, Client, Error, Flag,
        rows::{departments::DepartmentList, members::UserList},
    },
    message::fold_id,
    people::known::{Answer, List, Refused},
};

impl Inquiry {
    pub(super) async fn read_departments(&mut self, client: &Client) -> Result<Answer, Error> {
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

    pub(super) async fn read_members(
        &mut self,
        client: &Client,
        department: i64,
        deep: bool,
    ) -> Result<Answer, Error> {
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

    pub(super) fn end_members(&mut self) -> Answer {
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
}
