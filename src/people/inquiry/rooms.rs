//! Rooms: one call knows groups with customers, another internal ones, and the id does not tell which it is.

use super::{
    Inquiry, Step, answers,
    call::{call, halts, item, refusal, spares_others},
};
use crate::{
    directory::{
        Client, Error, Flag,
        rows::{groups::GroupChatGet, msgaudit::GetInternalRoom},
    },
    people::known::{Answer, Subject},
};

impl Inquiry {
    pub(super) async fn read_room(
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
}
