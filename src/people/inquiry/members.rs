//! Members: the address book as a whole, as deep as the platform lets it be read.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

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
    people::known::{Answer, Class, List, Refused},
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
        let tree: Vec<(i64, i64)> = found.iter().map(|one| (one.id, one.parentid)).collect();
        let Plan { tops, below, stray } = plan(&tree);
        if !self.members.is_empty() {
            self.departments = below;
            self.steps.push_front(Step::MembersEnd);
            for department in stray.into_iter().rev() {
                self.steps.push_front(Step::Members {
                    department,
                    deep: false,
                });
            }
            for department in tops.into_iter().rev() {
                self.steps.push_front(Step::Members {
                    department,
                    deep: true,
                });
            }
        }
        let empty = super::empty::<DepartmentList>(&found, Class::Department, 1);
        Ok(Answer {
            empty,
            ..self.list(List::Departments, found.iter().map(answers::department).collect())
        })
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
        self.listed += users.len();
        for user in &users {
            self.members.remove(&*fold_id(&user.userid));
        }
        if deep && !users.iter().any(lower) && !self.departments.is_empty() {
            self.walk();
        }
        Ok(Answer {
            news: users
                .iter()
                .filter(|user| !user.userid.is_empty())
                .map(answers::user)
                .collect(),
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
        if !self.whole || self.listed == 0 {
            // What was not read may hold them; and an address book of nobody is none.
            self.steps.extend(left.map(Step::Member));
            return Answer {
                empty: (self.whole && self.listed == 0)
                    .then(|| super::empty::<UserList>(&[(); 0], Class::Person, 1))
                    .flatten(),
                ..Answer::default()
            };
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

/// Departments, by how their members are read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Those that hang under none of the others: the root, or what the app may see of the tree. Read with all below.
    tops: Vec<i64>,
    /// Those below them.
    below: Vec<i64>,
    /// Those below none of them: each is above itself, somewhere. Read one by one.
    stray: Vec<i64>,
}

/// From departments and their parents, in any order.
fn plan(tree: &[(i64, i64)]) -> Plan {
    let ids: HashSet<i64> = tree.iter().map(|(id, _)| *id).collect();
    let mut children: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut plan = Plan::default();
    for (id, parent) in tree {
        if ids.contains(parent) {
            children.entry(*parent).or_default().push(*id);
        } else {
            if !plan.tops.contains(id) {
                plan.tops.push(*id);
            }
        }
    }
    let mut reached: HashSet<i64> = plan.tops.iter().copied().collect();
    let mut next: Vec<i64> = plan.tops.clone();
    while let Some(id) = next.pop() {
        for child in children.remove(&id).into_iter().flatten() {
            if reached.insert(child) {
                next.push(child);
            }
        }
    }
    let tops: HashSet<i64> = plan.tops.iter().copied().collect();
    let mut told = HashSet::new();
    for (id, _) in tree
        .iter()
        .filter(|(id, _)| !tops.contains(id) && told.insert(*id))
    {
        let list = if reached.contains(id) {
            &mut plan.below
        } else {
            &mut plan.stray
        };
        list.push(*id);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_department_is_read_also_where_the_tree_is_none() {
        let planned = |tree: &[(i64, i64)]| {
            let Plan { tops, below, stray } = plan(tree);
            (tops, below, stray)
        };
        assert_eq!(planned(&[(1, 0), (2, 1), (3, 2)]), (vec![1], vec![2, 3], vec![]));
        assert_eq!(
            planned(&[(3, 2), (5, 4)]),
            (vec![3, 5], vec![], vec![]),
            "part of a tree"
        );
        assert_eq!(planned(&[(1, 1)]), (vec![], vec![], vec![1]), "its own parent");
        assert_eq!(
            planned(&[(1, 0), (2, 3), (3, 4), (4, 2), (5, 4)]),
            (vec![1], vec![], vec![2, 3, 4, 5]),
            "a circle, and what hangs under it"
        );
        assert_eq!(planned(&[(2, 1), (1, 0), (2, 1), (1, 0)]).1, [2], "each once");
        assert_eq!(planned(&[]), (vec![], vec![], vec![]));
    }
}
