//! What follows from an event: it is kept, and whom it is about is marked to be read again.
//!
//! Event and marks are one transaction, so a kill leaves both or neither. The caller is answered after that transaction:
//! 200 when it was committed, 503 when it was not, so that WeCom sends the event again. Events that arrive together are
//! committed together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{Desk, clock, consent};
use crate::{
    callback::{Arrived, ContactSubject, Counting, Event, EventSink},
    events,
    ids::{CompanyId, Millis},
    store::{
        Store, StoreError,
        contract::{
            Learnt,
            heard::{Heard, Subject},
        },
    },
};

/// A group is readable in its new state so long after the event (wecom-api GC-2).
const LAG_MS: i64 = 2_000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The sink that keeps events.
pub struct Hearing {
    desk: Desk,
    /// By name: the corpid.
    companies: BTreeMap<String, String>,
    keep_ms: i64,
    /// When old events were last let go, in milliseconds; 0: not since the start.
    forgot: Arc<AtomicI64>,
    /// When the clock was last asked about.
    asked: Option<Millis>,
    counting: Counting,
    bell: Arc<Notify>,
}

/// An event on its way into the archive.
struct Entry {
    /// The company's name, and its corpid.
    company: (String, String),
    heard: Heard,
    agreed: Option<Learnt>,
}

/// True: new. False: it was there already.
type New = bool;

impl Hearing {
    /// For these companies (name and corpid); events are kept for so many days.
    pub fn new(desk: Desk, companies: impl IntoIterator<Item = (String, String)>, keep_days: u32) -> Self {
        Self {
            desk,
            companies: companies.into_iter().collect(),
            keep_ms: i64::from(keep_days) * DAY_MS,
            forgot: Arc::default(),
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

    fn entry(&self, arrived: &Arrived) -> Option<Entry> {
        let corpid = self.companies.get(&arrived.company)?;
        Some(Entry {
            company: (arrived.company.clone(), corpid.clone()),
            heard: heard(arrived),
            agreed: agreed(arrived),
        })
    }

    /// Once a day, and only while the clock agrees with its witnesses: events grow only here, so here they are let go.
    /// Beside the answers, since WeCom waits for those.
    fn forget(&mut self, now: Millis) {
        let forgot = Millis(self.forgot.load(Ordering::Relaxed));
        let due = now.is_past(forgot, DAY_MS) && self.asked.is_none_or(|last| now.is_past(last, HOUR_MS));
        if !due {
            return;
        }
        self.asked = Some(now);
        let companies = self.companies.keys().cloned().collect();
        let (desk, forgot, before) = (
            self.desk.clone(),
            Arc::clone(&self.forgot),
            Millis(now.0 - self.keep_ms),
        );
        tokio::spawn(async move {
            match clock::agrees_for_all(&desk, companies, "old events are kept").await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return events::callbacks_not_forgotten(&error),
            }
            match desk.ask(move |store| store.forget_events(before)).await {
                Ok(Ok(forgotten)) => {
                    forgot.store(now.0, Ordering::Relaxed);
                    if forgotten > 0 {
                        events::callbacks_forgotten(forgotten);
                    }
                }
                Ok(Err(error)) => events::callbacks_not_forgotten(&error),
                Err(error) => events::callbacks_not_forgotten(&error),
            }
        });
    }
}

impl EventSink for Hearing {
    async fn keep(&mut self, arrived: Vec<Arrived>) -> Vec<bool> {
        let entries: Vec<Option<Entry>> = arrived.iter().map(|arrived| self.entry(arrived)).collect();
        let outcomes = match self.desk.ask(move |store| keep(store, &entries)).await {
            Ok(outcomes) => outcomes,
            Err(error) => arrived.iter().map(|_| Err(error.to_string())).collect(),
        };
        // One line for all that failed for one reason: a full disk fails every event.
        let mut failed: BTreeMap<(&str, &str), (String, usize)> = BTreeMap::new();
        for (arrived, outcome) in arrived.iter().zip(&outcomes) {
            let name = arrived.notice.name();
            match outcome {
                Ok(true) if !stale(&arrived.notice.event, arrived.received).is_empty() => {
                    self.bell.notify_one()
                }
                Ok(true) => {}
                Ok(false) => events::callback_repeated(&arrived.company, &name),
                Err(cause) => {
                    failed.entry((&arrived.company, cause)).or_insert((name, 0)).1 += 1;
                    continue;
                }
            }
            self.counting.count(arrived);
        }
        for ((company, cause), (name, count)) in failed {
            events::callback_not_kept(company, &name, count, &cause);
        }
        let kept: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
        if let Some(last) = arrived.last()
            && kept.contains(&true)
        {
            self.forget(last.received);
        }
        kept
    }
}

/// Keeps events in one transaction. What is wrong with one of them costs the others nothing.
fn keep(store: &mut Store, entries: &[Option<Entry>]) -> Vec<Result<New, String>> {
    let mut outcomes: Vec<Result<New, String>> = entries
        .iter()
        .map(|_| Err("the company is not configured".to_owned()))
        .collect();
    let mut known: HashMap<&(String, String), Result<CompanyId, String>> = HashMap::new();
    let mut group = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let Some(entry) = entry else { continue };
        let company = known.entry(&entry.company).or_insert_with(|| {
            let (name, corpid) = &entry.company;
            store.company(name, corpid).map_err(|error| error.to_string())
        });
        match company {
            Ok(company) => group.push((at, *company, entry)),
            Err(cause) => outcomes[at] = Err(cause.clone()),
        }
    }
    let mut tell = |group: &[(usize, CompanyId, &Entry)], result: Result<Vec<New>, StoreError>| match result {
        Ok(new) => group
            .iter()
            .zip(new)
            .for_each(|((at, ..), new)| outcomes[*at] = Ok(new)),
        Err(error) => group
            .iter()
            .for_each(|(at, ..)| outcomes[*at] = Err(error.to_string())),
    };
    match write(store, &group) {
        // These say something about the archive, and would be said of every event alike.
        Err(error) if group.len() > 1 && !matches!(error, StoreError::Busy | StoreError::Full) => {
            for one in group.chunks(1) {
                let result = write(store, one);
                tell(one, result);
            }
        }
        result => tell(&group, result),
    }
    outcomes
}

fn write(store: &mut Store, group: &[(usize, CompanyId, &Entry)]) -> Result<Vec<New>, StoreError> {
    let events: Vec<(CompanyId, &Heard, Option<&Learnt>)> = group
        .iter()
        .map(|(_, company, entry)| (*company, &entry.heard, entry.agreed.as_ref()))
        .collect();
    let kept = store.keep_events(&events)?;
    Ok(kept.iter().map(Option::is_some).collect())
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
    use std::time::Duration;

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
        use crate::store::contract::heard::SubjectKind;

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
        assert_eq!(
            hearing.keep(vec![arrived("<Event>of_tomorrow</Event>")]).await,
            [true]
        );
        assert!(!rung().await);
        assert_eq!(hearing.keep(vec![arrived(chat)]).await, [true]);
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
        assert_eq!(hearing.keep(vec![arrived(chat)]).await, [true]);
        assert!(!rung().await, "a repetition says nothing new");
    }

    fn told(company: &str, text: &str) -> Arrived {
        Arrived {
            company: company.into(),
            received: Millis(1),
            notice: Notice::read(Zeroizing::new(text.as_bytes().to_vec())),
        }
    }

    fn numbered(number: u32) -> String {
        format!("<xml><MsgType>event</MsgType><Event>e{number}</Event></xml>")
    }

    #[tokio::test]
    async fn events_of_a_batch_stand_or_fall_by_themselves_as_far_as_the_reason_is_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::open(Store::open(&dir.path().join("archive.db")).unwrap()).unwrap();
        desk.ask(|store| store.company("moved", "ww1").unwrap())
            .await
            .unwrap();
        let companies = [("acme", "ww1"), ("moved", "ww2")];
        let companies = companies.map(|(name, corpid)| (name.to_owned(), corpid.to_owned()));
        let mut hearing = Hearing::new(desk.clone(), companies, 90);
        let batch = vec![
            told("acme", &numbered(1)),
            told("moved", &numbered(1)),
            told("nobody", &numbered(1)),
            told("acme", "\u{0} no tree"),
            told("acme", &numbered(1)),
        ];
        assert_eq!(hearing.keep(batch).await, [true, false, false, true, true]);
        let rows = desk
            .ask(|store| store.events(None, None, None, 10).unwrap())
            .await
            .unwrap();
        let rows: Vec<_> = rows.iter().map(|row| (row.body.clone(), row.times)).collect();
        assert_eq!(
            rows,
            [(b"\0 no tree".to_vec(), 1), (numbered(1).into_bytes(), 2)],
            "what cannot be read is kept as it came"
        );
    }

    #[tokio::test]
    async fn a_full_disk_keeps_nothing_and_says_so_and_what_comes_again_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::open(Store::open(&dir.path().join("archive.db")).unwrap()).unwrap();
        let mut hearing = Hearing::new(desk.clone(), [("acme".to_owned(), "ww1".to_owned())], 90);
        assert_eq!(hearing.keep(vec![told("acme", &numbered(0))]).await, [true]);
        let pages = desk.ask(|store| store.limit_pages(0).unwrap()).await.unwrap();
        // Long enough to need pages of its own.
        let long = |number: u32| told("acme", &format!("{}{}", numbered(number), "x".repeat(100_000)));
        let batch = || (1..=20).map(long).collect::<Vec<_>>();
        assert_eq!(hearing.keep(batch()).await, [false; 20]);
        assert_eq!(hearing.keep(batch()).await, [false; 20]);
        desk.ask(move |store| store.limit_pages(pages + 10_000).unwrap())
            .await
            .unwrap();
        assert_eq!(hearing.keep(batch()).await, [true; 20]);
        let rows = desk
            .ask(|store| store.events(None, None, None, 100).unwrap())
            .await
            .unwrap();
        assert_eq!(rows.len(), 21);
        assert!(
            rows.iter().all(|row| row.times == 1),
            "nothing of the failed tries is left"
        );
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
