//! What follows from an event: it is kept, and whom it is about is marked to be read again.
//!
//! Event and marks are one transaction, so a kill leaves both or neither. The caller was answered before: what was in
//! the queue when this process is killed is lost, which is no more than WeCom may lose itself (wecom-api §5.1), and the
//! sweeps come about without it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{Desk, clock, consent};
use crate::{
    callback::{Arrived, ContactSubject, Counting, Event, EventSink},
    events,
    ids::Millis,
    store::{
        StoreError,
        contract::{
            Learnt,
            heard::{Heard, Subject},
        },
    },
};

/// A group is readable in its new state so long after the event (wecom-api GC-2).
const LAG_MS: i64 = 2_000;
/// Waits before an event is tried to be kept again, when the archive is busy.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The sink that keeps events.
pub struct Hearing {
    desk: Desk,
    /// By name: the corpid.
    companies: BTreeMap<String, String>,
    keep_ms: i64,
    forgot: Option<Millis>,
    /// When the clock was last asked about.
    asked: Option<Millis>,
    counting: Counting,
    bell: Arc<Notify>,
}

impl Hearing {
    /// For these companies (name and corpid); events are kept for so many days.
    pub fn new(desk: Desk, companies: impl IntoIterator<Item = (String, String)>, keep_days: u32) -> Self {
        Self {
            desk,
            companies: companies.into_iter().collect(),
            keep_ms: i64::from(keep_days) * DAY_MS,
            forgot: None,
            asked: None,
            counting: Counting::default(),
            bell: Arc::default(),
        }
    }

    /// Rings when something new is to be read again, after it was kept: what a pass that drains the marks sleeps on,
    /// so that an event concerns what it is about at once. A ring while nobody waits is kept, one of many.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    async fn keep(
        &self,
        name: &str,
        corpid: &str,
        heard: &Heard,
        agreed: Option<Learnt>,
    ) -> Result<bool, super::Error> {
        let mut pauses = AGAIN.iter();
        loop {
            let (name, corpid, heard, agreed) =
                (name.to_owned(), corpid.to_owned(), heard.clone(), agreed.clone());
            let kept = self
                .desk
                .ask(move |store| {
                    let company = store.company(&name, &corpid)?;
                    // First, because it may be learnt any number of times, and an event is kept but once.
                    if let Some(agreed) = agreed {
                        store.consent_learn(company, &[agreed])?;
                    }
                    store.keep_event(company, &heard)
                })
                .await?;
            match (kept, pauses.next()) {
                (Ok(id), _) => return Ok(id.is_some()),
                (Err(StoreError::OtherCorp { name }), _) => return Err(StoreError::OtherCorp { name }.into()),
                (Err(_), Some(pause)) => tokio::time::sleep(*pause).await,
                (Err(error), None) => return Err(error.into()),
            }
        }
    }

    /// Once a day: events grow only here, so here they are let go.
    async fn forget(&mut self, now: Millis) {
        if self
            .forgot
            .is_some_and(|last| (0..DAY_MS).contains(&(now.0 - last.0)))
        {
            return;
        }
        // Nothing is let go on the word of one clock; asked again with the next event, at most once an hour.
        if self
            .asked
            .is_some_and(|last| (0..HOUR_MS).contains(&now.0.saturating_sub(last.0)))
        {
            return;
        }
        self.asked = Some(now);
        match clock::agrees_for_all(&self.desk, "old events are kept").await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return events::callback_not_kept("", "forgetting old events", &error),
        }
        let before = Millis(now.0 - self.keep_ms);
        match self.desk.ask(move |store| store.forget_events(before)).await {
            Ok(Ok(forgotten)) => {
                self.forgot = Some(now);
                if forgotten > 0 {
                    events::callbacks_forgotten(forgotten);
                }
            }
            Ok(Err(error)) => events::callback_not_kept("", "forgetting old events", &error),
            Err(error) => events::callback_not_kept("", "forgetting old events", &error),
        }
    }
}

impl EventSink for Hearing {
    async fn take(&mut self, arrived: Arrived) {
        let name = arrived.notice.name();
        match self.companies.get(&arrived.company) {
            Some(corpid) => {
                let heard = heard(&arrived);
                match self
                    .keep(&arrived.company, corpid, &heard, agreed(&arrived))
                    .await
                {
                    Ok(true) if !heard.stale.is_empty() => self.bell.notify_one(),
                    Ok(true) => {}
                    Ok(false) => events::callback_repeated(&arrived.company, &name),
                    Err(error) => events::callback_not_kept(&arrived.company, &name, &error),
                }
            }
            None => events::callback_not_kept(&arrived.company, &name, &"the company is not configured"),
        }
        self.forget(arrived.received).await;
        self.counting.take(arrived).await;
    }
}

fn heard(arrived: &Arrived) -> Heard {
    let kept = arrived.notice.kept();
    Heard {
        name: kept.name,
        change: kept.change,
        known: arrived.notice.is_known(),
        at: arrived
            .notice
            .created
            .and_then(|seconds| seconds.checked_mul(1000))
            .map(Millis),
        received: arrived.received,
        mark: kept.mark,
        body: kept.body,
        stale: stale(&arrived.notice.event, arrived.received),
    }
}

/// The one event that says itself what is so now.
fn agreed(arrived: &Arrived) -> Option<Learnt> {
    let Event::ExternalContact(contact) = &arrived.notice.event else {
        return None;
    };
    let at = arrived
        .notice
        .created
        .and_then(|seconds| seconds.checked_mul(1000));
    (contact.change.about() == ContactSubject::Consent).then(|| {
        consent::approval(
            &contact.user,
            &contact.external,
            at.map_or(arrived.received, Millis),
        )
    })
}

/// Who is to be read again, and not before when.
fn stale(event: &Event, now: Millis) -> Vec<(Subject, Millis)> {
    let person = |id: &str| (Subject::Person(id.to_owned()), now);
    match event {
        Event::ExternalChat(chat) => {
            vec![(Subject::Room(chat.chat.clone()), Millis(now.0 + LAG_MS))]
        }
        Event::ExternalContact(contact) => {
            let pair = || {
                let subject = Subject::Pair {
                    member: contact.user.clone(),
                    external: contact.external.clone(),
                };
                (subject, now)
            };
            match contact.change.about() {
                ContactSubject::Consent => vec![pair()],
                ContactSubject::Names => vec![person(&contact.external)],
                ContactSubject::Both => vec![person(&contact.external), pair()],
                ContactSubject::Nobody => Vec::new(),
            }
        }
        Event::Member(member) => {
            let renamed = member.renamed_to.iter().map(|id| person(id));
            std::iter::once(person(&member.user)).chain(renamed).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::callback::Notice;

    fn of(fields: &str) -> Vec<(Subject, Millis)> {
        let text = format!("<xml><MsgType>event</MsgType>{fields}</xml>");
        stale(
            &Notice::read(Zeroizing::new(text.into_bytes())).event,
            Millis(10_000),
        )
    }

    #[tokio::test]
    async fn the_bell_rings_when_the_marks_are_there_and_for_nothing_else() {
        use crate::store::{Store, contract::heard::SubjectKind};

        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::open(Store::open(&dir.path().join("archive.db")).unwrap()).unwrap();
        let mut hearing = Hearing::new(desk.clone(), [("acme".to_owned(), "ww1".to_owned())], 90);
        let bell = hearing.bell();
        let arrived = |fields: &str| Arrived {
            company: "acme".into(),
            received: Millis(1),
            notice: Notice::read(Zeroizing::new(
                format!("<xml><MsgType>event</MsgType>{fields}</xml>").into_bytes(),
            )),
        };
        let chat = "<Event>change_external_chat</Event><ChangeType>create</ChangeType><ChatId>wr1</ChatId>";
        let rung = || async {
            tokio::time::timeout(Duration::from_millis(50), bell.notified())
                .await
                .is_ok()
        };
        hearing.take(arrived("<Event>of_tomorrow</Event>")).await;
        assert!(!rung().await);
        hearing.take(arrived(chat)).await;
        assert!(rung().await);
        let due = desk
            .ask(|store| {
                let company = store.company_id("acme").unwrap().unwrap();
                store
                    .take_stale(company, SubjectKind::Room, Millis(i64::MAX), 5)
                    .unwrap()
            })
            .await
            .unwrap();
        assert_eq!(due.len(), 1);
        hearing.take(arrived(chat)).await;
        assert!(!rung().await, "a repetition says nothing new");
    }

    #[test]
    fn each_event_marks_whom_it_is_about() {
        let contact = |change: &str| {
            of(&format!(
                "<Event>change_external_contact</Event><ChangeType>{change}</ChangeType><UserID>m</UserID>\
                 <ExternalUserID>wm1</ExternalUserID>"
            ))
        };
        let person = |id: &str| (Subject::Person(id.into()), Millis(10_000));
        let pair = (
            Subject::Pair {
                member: "m".into(),
                external: "wm1".into(),
            },
            Millis(10_000),
        );
        assert_eq!(contact("msg_audit_approved"), std::slice::from_ref(&pair));
        assert_eq!(contact("edit_external_contact"), [person("wm1")]);
        for both in [
            "add_external_contact",
            "add_half_external_contact",
            "del_external_contact",
            "del_follow_user",
        ] {
            assert_eq!(contact(both), [person("wm1"), pair.clone()], "{both}");
        }
        assert_eq!(contact("transfer_fail"), []);
        assert_eq!(
            of("<Event>change_external_chat</Event><ChangeType>dismiss</ChangeType><ChatId>wr1</ChatId>"),
            [(Subject::Room("wr1".into()), Millis(12_000))]
        );
        assert_eq!(
            of(
                "<Event>change_contact</Event><ChangeType>update_user</ChangeType><UserID>a</UserID><NewUserID>b</NewUserID>"
            ),
            [person("a"), person("b")]
        );
        assert_eq!(of("<Event>msgaudit_notify</Event>"), []);
        assert_eq!(of("<Event>of_tomorrow</Event><UserID>a</UserID>"), []);
    }
}
