//! Tests of the room, one file per subject, and what they share: a scratch archive and made-up messages.

mod brute;
mod consent;
mod damage;
mod gaps;
mod golden;
mod great;
mod heard;
mod incidents;
mod land;
mod lease;
mod media;
mod migrate;
mod old;
mod people;
mod read;
mod reindex;
mod search;
mod settle;
mod standing;
mod upto;

use tempfile::TempDir;

use super::{
    Store,
    contract::{Landed, Lease, Outcome, PullCall, Settled, Verdict},
};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId, RunId, Seq},
    message::{Chat, Direction, Message, Place, Places, Scope, Segment},
    record::{Reason, Sealed, Waiting},
};

/// A store in a folder of its own, with one company and its lease.
pub(super) struct Scratch {
    pub store: Store,
    pub company: CompanyId,
    pub lease: Lease,
    pub run: RunId,
    /// Removed when the test is over.
    _dir: TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let mut store = Store::open(&dir.path().join("archive.db")).expect("a new archive");
        let company = store.company("acme", "ww1").expect("a company");
        let lease = store
            .acquire_lease(company, "me", Millis(0), 1_000, &|_| true)
            .expect("the lease");
        let run = store.begin_run(company, "pull", Millis(0)).expect("a run");
        Self {
            store,
            company,
            lease,
            run,
            _dir: dir,
        }
    }

    pub fn call(&self) -> PullCall {
        PullCall {
            run: self.run,
            asked: Seq(0),
            limit: 1000,
            first: None,
            last: None,
            count: 0,
            code: 0,
            errcode: 0,
            outcome: "ok".into(),
            sdk_build: "build-1".into(),
            at: Millis(7),
            took_ms: 1,
        }
    }

    pub fn land(&mut self, records: &[Sealed]) -> Landed {
        let (lease, call) = (self.lease.clone(), self.call());
        self.store.land(&lease, &call, records, &[]).expect("landed")
    }

    pub fn settle(&mut self, outcomes: &[Outcome]) -> Settled {
        self.store
            .settle(self.company, outcomes, "build-1", &[], Millis(8))
            .expect("settled")
    }

    /// Lands one record per message, seqs from `first`, and opens them.
    pub fn keep(&mut self, first: u64, messages: &[Message]) -> Vec<RecordId> {
        let records: Vec<Sealed> = (first..)
            .zip(messages)
            .map(|(seq, message)| Sealed {
                msgid: message.msgid.clone(),
                ..sealed(seq, "body")
            })
            .collect();
        let ids: Vec<RecordId> = self.land(&records).fresh.into_iter().map(|(id, _)| id).collect();
        let outcomes: Vec<Outcome> = ids
            .iter()
            .zip(messages)
            .map(|(id, message)| opened(*id, message.clone()))
            .collect();
        assert_eq!(self.settle(&outcomes).opened, messages.len() as u64);
        ids
    }

    /// The archive is sound; returns what it holds as one hash.
    pub fn hash(&self) -> String {
        assert_eq!(self.store.integrity().expect("checked"), Vec::<String>::new());
        self.store.content_hash().expect("hashed")
    }
}

pub(super) fn sealed(seq: u64, body: &str) -> Sealed {
    Sealed {
        seq: Seq(seq),
        msgid: format!("m{seq}"),
        key_version: KeyVersion(1),
        random_key: "a2V5".into(),
        body: body.into(),
        odd: None,
    }
}

pub(super) fn opened(id: RecordId, message: Message) -> Outcome {
    let plaintext = format!("plaintext of {}", message.msgid).into_bytes();
    Outcome {
        id,
        verdict: Verdict::Opened {
            plaintext,
            message: Box::new(message),
            msgid_differs: false,
        },
    }
}

pub(super) fn waiting(id: RecordId, reason: Reason) -> Outcome {
    Outcome {
        id,
        verdict: Verdict::Waiting(Waiting::new(reason, "why")),
    }
}

/// A text from one member to another.
pub(super) fn text(msgid: &str, from: &str, to: &str, time: i64, words: &str) -> Message {
    let mut people = vec![from.to_lowercase(), to.to_lowercase()];
    people.sort();
    Message {
        msgid: msgid.into(),
        action: "send".into(),
        msgtype: "text".into(),
        from: from.into(),
        to: vec![to.into()],
        time: (time != 0).then_some(Millis(time)),
        chat: Some(Chat::People(people)),
        scope: Scope::Internal,
        direction: Direction::Within,
        segments: vec![segment(&[Place::Text], words)],
        ..Message::default()
    }
}

/// A recall of `target`.
pub(super) fn recall(msgid: &str, from: &str, time: i64, target: &str) -> Message {
    Message {
        action: "recall".into(),
        msgtype: "revoke".into(),
        segments: Vec::new(),
        recalls: Some(target.into()),
        ..text(msgid, from, "bob", time, "")
    }
}

pub(super) fn segment(places: &[Place], words: &str) -> Segment {
    Segment {
        places: Places::of(places),
        text: words.into(),
    }
}
