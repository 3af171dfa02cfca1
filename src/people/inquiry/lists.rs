//! Lists that are read as a whole: tags of members with who has them, and who is recorded.

use std::mem;

use super::{
    Inquiry, Step, answers,
    call::{call, spares_others},
};
use crate::{
    directory::{
        Client, Error,
        rows::{
            msgaudit::GetPermitUserList,
            tags::{TagGet, TagList},
        },
    },
    people::known::{Answer, Aspect, Class, List, News, Roll},
};

/// Editions of the archive, as asked for and as kept.
pub(super) const EDITIONS: [(i64, &str); 3] = [(1, "office"), (2, "service"), (3, "enterprise")];

impl Inquiry {
    pub(super) fn list(&mut self, list: List, news: Vec<News>) -> Answer {
        self.lists.remove(&list);
        Answer {
            news,
            read: vec![list],
            ..Answer::default()
        }
    }

    pub(super) async fn read_tags(&mut self, client: &Client) -> Result<Answer, Error> {
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
            return Ok(Answer {
                empty: super::empty::<TagList>(&found, Class::MemberTag, super::MANY),
                ..self.list(List::MemberTags, news)
            });
        }
        Ok(Answer {
            news,
            ..Answer::default()
        })
    }

    pub(super) async fn read_tag(&mut self, client: &Client, id: i64) -> Result<Answer, Error> {
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

    pub(super) async fn read_scope(&mut self, client: &Client, nth: usize) -> Result<Answer, Error> {
        let (number, edition) = EDITIONS[nth];
        let request = GetPermitUserList {
            edition: Some(number),
        };
        let ids = match call(client, &request).await {
            Ok(found) => Some(found.ids),
            // An edition that was never bought.
            Err(error) if spares_others(&error) && !error.is_no_answer() => None,
            Err(error) => return Err(error),
        };
        self.scope.extend(ids.map(|ids| (edition, ids)));
        let mut answer = Answer::default();
        if nth + 1 == EDITIONS.len() {
            let scope = mem::take(&mut self.scope);
            // Records come, so somebody is recorded. Lists of nobody at all end nobody's being recorded.
            if scope.iter().all(|(_, ids)| ids.is_empty()) {
                answer.empty = super::empty::<GetPermitUserList>(&[(); 0], Class::Person, 1);
            } else {
                answer.rolls.extend(scope.into_iter().map(|(edition, ids)| Roll {
                    aspect: Aspect::Scope,
                    item: edition.to_owned(),
                    class: Class::Person,
                    ids,
                    certain: true,
                }));
            }
            self.lists.remove(&List::Scope);
            answer.read.push(List::Scope);
        }
        Ok(answer)
    }
}
