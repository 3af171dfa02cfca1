//! Members of a whole tree of departments, however large: asked for in one call first, and department by department where
//! the platform finds that too much (45029).
//!
//! Must not know: what members are used for.

use std::collections::HashSet;

use super::{
    client::Client,
    codes::Class,
    error::Error,
    rows::{departments::DepartmentSimpleList, members::UserList, shapes::User},
    wire::Flag,
};

/// The answer is too large.
const TOO_LARGE: i64 = 45_029;

/// Members, as far as they could be reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members {
    /// Each once, as the first department that has them shows them.
    pub members: Vec<User>,
    /// Departments that are too large even alone; `user_list_id` names their members.
    pub too_large: Vec<i64>,
    /// Departments that went away meanwhile, or that the app may not see.
    pub unseen: Vec<i64>,
    /// What stopped it, if something did.
    pub stopped: Option<Error>,
}

impl Client {
    /// Every member of a department and of all below it; 1 is the whole company.
    pub async fn members_below(&self, root: i64) -> Members {
        let mut all = Collected::default();
        let whole = UserList {
            fetch_child: Some(Flag(true)),
            ..UserList::new(root)
        };
        match self.call(&whole).await {
            Ok(answer) => all.add(answer.userlist),
            Err(error) if error.code() == Some(TOO_LARGE) => self.one_by_one(root, &mut all).await,
            Err(error) => all.members.stopped = Some(error),
        }
        all.members
    }

    async fn one_by_one(&self, root: i64, all: &mut Collected) {
        let tree = DepartmentSimpleList { id: Some(root) };
        let departments = match self.call(&tree).await {
            Ok(answer) => answer.department_id,
            Err(error) => {
                all.members.stopped = Some(error);
                return;
            }
        };
        // The list names the root as well, as a rule.
        let mut ids: Vec<i64> = departments.iter().map(|department| department.id).collect();
        if !ids.contains(&root) {
            ids.push(root);
        }
        for id in ids {
            match self.call(&UserList::new(id)).await {
                Ok(answer) => all.add(answer.userlist),
                Err(error) if error.code() == Some(TOO_LARGE) => all.members.too_large.push(id),
                Err(error) if matches!(error.class(), Some(Class::Gone | Class::Item)) => {
                    all.members.unseen.push(id)
                }
                Err(error) => {
                    all.members.stopped = Some(error);
                    return;
                }
            }
        }
    }
}

#[derive(Default)]
struct Collected {
    seen: HashSet<String>,
    members: Members,
}

impl Collected {
    fn add(&mut self, users: Vec<User>) {
        for user in users {
            // Ids are compared without case (wecom-api §1 rule 12).
            if self.seen.insert(user.userid.to_lowercase()) {
                self.members.members.push(user);
            }
        }
    }
}
